//! Estimates by metric, compact: a trace has results for a million requesters, each with some thirty metrics, of
//! which most are alike.
//!
//! Identifiers are one list for all things that have the same metrics, and estimates that are equal may be one. Nothing of
//! this shows: equality, order and JSON are those of a map.

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// A metric over replications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean of the replications' values; `None` where a replication has no data.
    pub mean: Option<f64>,
    /// Lower end of the 95 % interval (Student t); `None` with fewer than two replications.
    pub ci_low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub ci_high: Option<f64>,
    /// Unit of the registry.
    pub unit: String,
    /// One value a replication, in order.
    pub values: Vec<Option<f64>>,
}

/// Metrics of one thing, by identifier, in registry order.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    ids: Arc<IndexSet<String>>,
    /// By number of identifier.
    estimates: Vec<Arc<Estimate>>,
}

impl Metrics {
    /// None.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.estimates.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.estimates.is_empty()
    }

    /// The estimate of a metric.
    pub fn get(&self, id: &str) -> Option<&Estimate> {
        self.estimates
            .get(self.ids.get_index_of(id)?)
            .map(AsRef::as_ref)
    }

    /// The same where it is asked for one metric after another in their order: `place` is where the next one is looked for
    /// first.
    pub fn get_near(&self, id: &str, place: &mut usize) -> Option<&Estimate> {
        let at = match self.ids.get_index(*place) {
            Some(near) if near == id => *place,
            Some(_) | None => self.ids.get_index_of(id)?,
        };
        *place = at + 1;
        self.estimates.get(at).map(AsRef::as_ref)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Estimate> {
        let place = self.ids.get_index_of(id)?;
        self.estimates.get_mut(place).map(Arc::make_mut)
    }

    /// Whether there is an estimate of a metric.
    pub fn contains_key(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Sets a metric's estimate; a new metric comes last.
    pub fn insert(&mut self, id: String, estimate: Estimate) {
        match self.ids.get_index_of(&id) {
            Some(place) => self.estimates[place] = Arc::new(estimate),
            None => {
                Arc::make_mut(&mut self.ids).insert(id);
                self.estimates.push(Arc::new(estimate));
            }
        }
    }

    /// Identifiers.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &String> {
        self.ids.iter()
    }

    /// Estimates.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Estimate> {
        self.estimates.iter().map(AsRef::as_ref)
    }

    /// Identifiers and estimates.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &Estimate)> {
        self.ids
            .iter()
            .zip(self.estimates.iter().map(AsRef::as_ref))
    }
}

impl Index<&str> for Metrics {
    type Output = Estimate;

    /// # Panics
    /// Where there is none.
    fn index(&self, id: &str) -> &Estimate {
        match self.get(id) {
            Some(estimate) => estimate,
            None => panic!("no metric `{id}`"),
        }
    }
}

impl IndexMut<&str> for Metrics {
    /// # Panics
    /// Where there is none.
    fn index_mut(&mut self, id: &str) -> &mut Estimate {
        match self.get_mut(id) {
            Some(estimate) => estimate,
            None => panic!("no metric `{id}`"),
        }
    }
}

impl<'m> IntoIterator for &'m Metrics {
    type Item = (&'m String, &'m Estimate);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'm>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl<const N: usize> From<[(String, Estimate); N]> for Metrics {
    fn from(all: [(String, Estimate); N]) -> Metrics {
        all.into_iter().collect()
    }
}

impl PartialEq for Metrics {
    fn eq(&self, other: &Metrics) -> bool {
        self.len() == other.len() && self.iter().all(|(id, e)| other.get(id) == Some(e))
    }
}

impl Extend<(String, Estimate)> for Metrics {
    fn extend<T: IntoIterator<Item = (String, Estimate)>>(&mut self, all: T) {
        all.into_iter().for_each(|(id, e)| self.insert(id, e));
    }
}

impl FromIterator<(String, Estimate)> for Metrics {
    fn from_iter<T: IntoIterator<Item = (String, Estimate)>>(all: T) -> Metrics {
        let mut metrics = Metrics::new();
        metrics.extend(all);
        metrics
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Metrics, D::Error> {
        let all = IndexMap::<String, Estimate>::deserialize(deserializer)?;
        Ok(all.into_iter().collect())
    }
}

/// Makes the metrics of many things that have the same ones.
pub struct MetricsTable {
    ids: Arc<IndexSet<String>>,
    /// Estimates so far, by unit and by the bits of their values.
    known: HashMap<&'static str, HashMap<ValueBits, Arc<Estimate>>>,
    /// Those of the last thing, which most of the next one's are like.
    last: Vec<Arc<Estimate>>,
}

/// Values of replications, to be compared to the bit.
type ValueBits = Box<[Option<u64>]>;

impl MetricsTable {
    /// Of things with these metrics.
    pub fn new(ids: impl IntoIterator<Item = String>) -> MetricsTable {
        MetricsTable {
            ids: Arc::new(ids.into_iter().collect()),
            known: HashMap::new(),
            last: Vec::new(),
        }
    }

    /// The metrics of one more thing, from each metric's unit and a value for each replication, in the order of the metrics;
    /// `estimate` makes one of values that were not there before.
    pub fn metrics(
        &mut self,
        of: impl IntoIterator<
            Item = (
                &'static str,
                impl IntoIterator<Item = Option<f64>, IntoIter: Clone>,
            ),
        >,
        estimate: impl Fn(Vec<Option<f64>>, &str) -> Estimate,
    ) -> Metrics {
        let mut estimates = Vec::with_capacity(self.ids.len());
        let mut bits = Vec::new();
        for (i, (unit, values)) in of.into_iter().enumerate() {
            let values = values.into_iter();
            let to_bits = |v: Option<f64>| v.map(f64::to_bits);
            if let Some(last) = self.last.get(i)
                && last.unit == unit
                && values
                    .clone()
                    .map(to_bits)
                    .eq(last.values.iter().copied().map(to_bits))
            {
                estimates.push(Arc::clone(last));
                continue;
            }
            bits.clear();
            bits.extend(values.clone().map(to_bits));
            let known = self.known.entry(unit).or_default();
            let found = known.get(bits.as_slice()).map(Arc::clone);
            estimates.push(found.unwrap_or_else(|| {
                let made = Arc::new(estimate(values.collect(), unit));
                known.insert(bits.as_slice().into(), Arc::clone(&made));
                made
            }));
        }
        debug_assert_eq!(estimates.len(), self.ids.len(), "a metric without values");
        self.last.clone_from(&estimates);
        Metrics {
            ids: Arc::clone(&self.ids),
            estimates,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(values: Vec<Option<f64>>, unit: &str) -> Estimate {
        Estimate {
            mean: values[0],
            ci_low: None,
            ci_high: None,
            unit: unit.to_owned(),
            values,
        }
    }

    #[test]
    fn they_are_a_map_like_any_other() {
        let mut table = MetricsTable::new(["a", "b"].map(str::to_owned));
        let of = |a: f64| [("1", vec![Some(a)]), ("s", vec![None])];
        let (one, same) = (
            table.metrics(of(1.0), estimate),
            table.metrics(of(1.0), estimate),
        );
        let mut other = table.metrics(of(2.0), estimate);
        assert!(one == same && one != other);
        // What is alike is kept once.
        assert!(Arc::ptr_eq(&one.estimates[0], &same.estimates[0]));
        assert!(Arc::ptr_eq(&one.estimates[1], &other.estimates[1]));
        // A change is one's own.
        other.get_mut("b").unwrap().mean = Some(3.0);
        other.insert("c".to_owned(), estimate(vec![Some(4.0)], "1"));
        assert_eq!((one["b"].mean, other["b"].mean), (None, Some(3.0)));
        assert_eq!((one.len(), other.len()), (2, 3));
        // Written and read, and put together anew, they are equal.
        let text = serde_json::to_string(&other).unwrap();
        let map: IndexMap<String, Estimate> = serde_json::from_str(&text).unwrap();
        assert_eq!(text, serde_json::to_string(&map).unwrap());
        assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), other);
        assert_eq!(map.into_iter().collect::<Metrics>(), other);
    }
}
