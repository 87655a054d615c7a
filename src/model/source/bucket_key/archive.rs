//! The objects that were there before the run: under which bucket keys they were written, and how often each
//! of those keys is asked for.

use crate::engine::narrow::{index, whole};
use crate::engine::permutation::Permutation;
use crate::engine::random::Key;
use crate::model::objects::Popularity;

/// Which bucket keys the objects were written under that were there before the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Archive {
    /// So many, each with as many objects as any other, or one more.
    Keys {
        /// Bucket keys.
        keys: u64,
        /// The objects that requests are drawn from.
        objects: u64,
    },
    /// One for each partition and lifetime of the time in which they were written.
    Ages {
        /// How long before the run an object was written.
        age: Age,
        /// How long a key served new objects \[ns\].
        lifetime: u64,
        /// Partitions.
        fanout: u32,
    },
}

/// Ages of objects \[ns\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Age {
    /// Alike from 0 on.
    Uniform {
        /// The longest.
        longest: u64,
    },
    /// Lognormal.
    Lognormal {
        /// Median.
        median: u64,
        /// σ of the logarithm.
        sigma: f64,
    },
}

impl Archive {
    /// The bucket key that an object was written under; which one is drawn under `key`, the archive's of the replication.
    pub fn key_of(self, object: u64, key: Key) -> u64 {
        match self {
            Archive::Keys { keys, objects } if object < objects => {
                Permutation::new(objects, key).of(object) % keys
            }
            // A trace's objects have names, and are some of those in the bucket.
            Archive::Keys { keys, .. } => key.with(object).below(keys),
            Archive::Ages {
                age,
                lifetime,
                fanout,
            } => {
                let object = key.with(object);
                let age = age.of(object.named("age"));
                let partition = object.named("partition").below(u64::from(fanout));
                (age / lifetime)
                    .saturating_mul(u64::from(fanout))
                    .saturating_add(partition)
            }
        }
    }
}

impl Age {
    /// How long before the run an object was written \[ns\].
    fn of(self, object: Key) -> u64 {
        match self {
            Age::Uniform { longest } => object.below(longest.max(1)),
            Age::Lognormal { median, sigma } => {
                let z = object.stream().normal();
                whole(median as f64 * libm::exp(sigma * z))
            }
        }
    }
}

/// The bucket keys of an archive, and how often each is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyPopularity {
    /// The keys, ascending.
    pub keys: Vec<u64>,
    /// Share of the look-ups that ask for each, in whole numbers: sums of them are exact in any order.
    pub weights: Vec<u64>,
    /// Their sum.
    pub total: u64,
}

/// Most objects or keys that are gone through one by one.
const MOST_STEPS: u64 = 1 << 22;

/// What the share of an object is measured in, so that the sum stays below 2⁵³.
const WHOLE: f64 = (1_u64 << 52) as f64;

/// Share of the look-ups that ask for each object, in whole numbers; the same in all replications.
#[derive(Clone, Debug, Default)]
pub struct ObjectWeights(Vec<u64>);

impl ObjectWeights {
    /// Of objects that are not alike; of others nothing need be kept.
    pub fn new(popularity: &Popularity) -> ObjectWeights {
        match popularity {
            Popularity::Uniform { .. } => ObjectWeights::default(),
            Popularity::Zipf(zipf) => ObjectWeights(
                (0..zipf.ranks())
                    .map(|object| whole((zipf.share(object) * WHOLE).round()).max(1))
                    .collect(),
            ),
        }
    }

    fn of(&self, object: u64) -> u64 {
        // Objects that are alike weigh the same.
        self.0.get(index(object)).copied().unwrap_or(1)
    }
}

impl KeyPopularity {
    /// Whether it is worth its time, some 0.1 µs an object or key, in a run of `horizon_s`.
    pub fn pays(popularity: &Popularity, archive: Archive, horizon_s: u64) -> bool {
        let steps = match (archive, popularity) {
            (Archive::Keys { keys, .. }, Popularity::Uniform { objects }) => keys.min(*objects),
            _ => popularity.objects(),
        };
        steps <= MOST_STEPS.min(horizon_s.saturating_mul(1_024))
    }

    /// The place of a key, if anybody asks for it.
    #[inline]
    pub fn place_of(&self, key: u64) -> Option<usize> {
        // Most archives have the first so many keys, each in its own place.
        if self.keys.get(index(key)) == Some(&key) {
            return Some(index(key));
        }
        self.keys.binary_search(&key).ok()
    }

    /// Adds up the popularity of the objects under each key of a replication.
    pub fn new(
        popularity: &Popularity,
        weights: &ObjectWeights,
        archive: Archive,
        key: Key,
    ) -> KeyPopularity {
        let objects = popularity.objects();
        let (keys, weights) = match (archive, popularity) {
            // So many of each whichever they are.
            (Archive::Keys { keys, .. }, Popularity::Uniform { .. }) => {
                let met = keys.min(objects);
                let count = |k: u64| objects / keys + u64::from(k < objects % keys);
                ((0..met).collect(), (0..met).map(count).collect())
            }
            (Archive::Keys { keys, .. }, Popularity::Zipf(_)) => {
                let mut sums = vec![0; index(keys.min(objects))];
                for object in 0..objects {
                    sums[index(archive.key_of(object, key))] += weights.of(object);
                }
                ((0..sums.len() as u64).collect(), sums)
            }
            (Archive::Ages { .. }, _) => sorted_sums(
                (0..objects).map(|object| (archive.key_of(object, key), weights.of(object))),
            ),
        };
        let total = weights.iter().sum();
        KeyPopularity {
            keys,
            weights,
            total,
        }
    }
}

/// The keys, ascending, and the sum of the weights of each.
fn sorted_sums(weighed: impl Iterator<Item = (u64, u64)>) -> (Vec<u64>, Vec<u64>) {
    let mut weighed: Vec<(u64, u64)> = weighed.collect();
    weighed.sort_unstable();
    let (mut keys, mut weights): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    for (key, weight) in weighed {
        match weights.last_mut() {
            Some(sum) if keys.last() == Some(&key) => *sum += weight,
            _ => {
                keys.push(key);
                weights.push(weight);
            }
        }
    }
    (keys, weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Zipf;

    fn of_keys(popularity: &Popularity, archive: Archive, key: Key) -> KeyPopularity {
        KeyPopularity::new(popularity, &ObjectWeights::new(popularity), archive, key)
    }

    #[test]
    fn keys_are_asked_for_as_often_as_their_objects() {
        let zipf = Zipf::new(1_000, 0.9);
        let archive = Archive::Keys {
            keys: 7,
            objects: 1_000,
        };
        let key = Key::root(5, 0);
        let of_keys = of_keys(&Popularity::Zipf(zipf), archive, key);
        assert_eq!(of_keys.keys, (0..7).collect::<Vec<_>>());
        let mut stream = Key::root(1, 2).stream();
        let mut seen = [0_u32; 7];
        let n = 200_000;
        for _ in 0..n {
            seen[archive.key_of(zipf.draw(&mut stream), key) as usize] += 1;
        }
        for (k, &seen) in seen.iter().enumerate() {
            let share = of_keys.weights[k] as f64 / of_keys.total as f64;
            let sd = (share * (1.0 - share) / f64::from(n)).sqrt();
            let seen = f64::from(seen) / f64::from(n);
            assert!((seen - share).abs() < 4.5 * sd, "{k}: {seen} of {share}");
        }
    }

    /// As many objects as keys: each has its own. More: each key has as many as any other, or one more.
    #[test]
    fn objects_are_spread_evenly_over_keys() {
        for (keys, objects) in [(1, 9), (34_560, 34_560), (500, 2_345), (500, 77)] {
            let archive = Archive::Keys { keys, objects };
            let key = Key::root(3, 9);
            let mut counts = vec![0_u64; keys as usize];
            for object in 0..objects {
                counts[archive.key_of(object, key) as usize] += 1;
            }
            let met = keys.min(objects) as usize;
            let fewest = objects / met as u64;
            assert!(
                counts[..met]
                    .iter()
                    .all(|&c| c == fewest || c == fewest + 1)
            );
            assert!(counts[met..].iter().all(|&c| c == 0));
            let of_keys = of_keys(&Popularity::Uniform { objects }, archive, key);
            assert_eq!(of_keys.weights, counts[..met]);
            assert_eq!(of_keys.total, objects);
        }
    }

    #[test]
    fn replications_spread_them_differently() {
        let archive = Archive::Keys {
            keys: 100,
            objects: 1_000,
        };
        let same = (0..1_000)
            .filter(|&o| archive.key_of(o, Key::root(1, 0)) == archive.key_of(o, Key::root(1, 1)))
            .count();
        // Binomial with p = 1/100.
        assert!(same < 30, "{same}");
    }

    #[test]
    fn uniform_objects_of_an_age_have_keys_of_their_time() {
        let archive = Archive::Ages {
            age: Age::Uniform { longest: 1_000 },
            lifetime: 100,
            fanout: 2,
        };
        let objects = Popularity::Uniform { objects: 10_000 };
        let of_keys = of_keys(&objects, archive, Key::root(1, 1));
        assert_eq!(of_keys.keys, (0..20).collect::<Vec<_>>());
        let most = of_keys.weights.iter().max().unwrap();
        let least = of_keys.weights.iter().min().unwrap();
        assert!(most / least < 2);
    }
}
