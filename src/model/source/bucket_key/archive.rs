//! The objects that were there before the run: under which bucket keys they were written, and how often each
//! of those keys is asked for.

use crate::engine::random::Key;
use crate::model::objects::Popularity;

/// Which bucket keys the objects were written under that were there before the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Archive {
    /// So many, evenly.
    Keys(u64),
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
    /// The bucket key that an object was written under, a number of its own in every run.
    pub fn key_of(self, object: u64) -> u64 {
        let object = Key::root(object, 0);
        match self {
            Archive::Keys(n) => object.below(n),
            Archive::Ages {
                age,
                lifetime,
                fanout,
            } => {
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
                (median as f64 * libm::exp(sigma * z)) as u64
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

/// Most objects that are gone through one by one.
const MOST_OBJECTS: u64 = 1 << 22;

/// What the share of an object is measured in, so that the sum stays below 2⁵³.
const WHOLE: f64 = (1_u64 << 52) as f64;

impl KeyPopularity {
    /// Whether it is worth its time, some 0.1 µs an object, in a run of `horizon_s`.
    pub fn pays(popularity: &Popularity, horizon_s: u64) -> bool {
        popularity.objects() <= MOST_OBJECTS.min(horizon_s.saturating_mul(1_024))
    }

    /// Adds up the popularity of the objects under each key.
    pub fn new(popularity: &Popularity, archive: Archive) -> KeyPopularity {
        let objects = popularity.objects();
        let mut of_object: Vec<(u64, u64)> = (0..objects)
            .map(|object| {
                let weight = (popularity.share(object) * WHOLE).round() as u64;
                (archive.key_of(object), weight.max(1))
            })
            .collect();
        of_object.sort_unstable();
        let (mut keys, mut weights): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
        for (key, weight) in of_object {
            match weights.last_mut() {
                Some(sum) if keys.last() == Some(&key) => *sum += weight,
                _ => {
                    keys.push(key);
                    weights.push(weight);
                }
            }
        }
        let total = weights.iter().sum();
        KeyPopularity {
            keys,
            weights,
            total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Zipf;

    #[test]
    fn keys_are_asked_for_as_often_as_their_objects() {
        let zipf = Zipf::new(1_000, 0.9);
        let (popularity, archive) = (Popularity::Zipf(zipf), Archive::Keys(7));
        let of_keys = KeyPopularity::new(&popularity, archive);
        assert_eq!(of_keys.keys, (0..7).collect::<Vec<_>>());
        let mut stream = Key::root(1, 2).stream();
        let mut seen = [0_u32; 7];
        let n = 200_000;
        for _ in 0..n {
            seen[archive.key_of(zipf.draw(&mut stream)) as usize] += 1;
        }
        for (k, &seen) in seen.iter().enumerate() {
            let share = of_keys.weights[k] as f64 / of_keys.total as f64;
            let sd = (share * (1.0 - share) / f64::from(n)).sqrt();
            let seen = f64::from(seen) / f64::from(n);
            assert!((seen - share).abs() < 4.5 * sd, "{k}: {seen} of {share}");
        }
    }

    #[test]
    fn uniform_objects_of_an_age_have_keys_of_their_time() {
        let archive = Archive::Ages {
            age: Age::Uniform { longest: 1_000 },
            lifetime: 100,
            fanout: 2,
        };
        let of_keys = KeyPopularity::new(&Popularity::Uniform { objects: 10_000 }, archive);
        assert_eq!(of_keys.keys, (0..20).collect::<Vec<_>>());
        let most = of_keys.weights.iter().max().unwrap();
        let least = of_keys.weights.iter().min().unwrap();
        assert!(most / least < 2);
    }
}
