//! Samples that are missing among those of a metric.

use std::collections::BTreeMap;

/// A share of periods without a sample up to which samples are lost; above it, nothing came.
const LOST: f64 = 0.2;

/// Samples with those that are missing, how many these are, and whether they were filled: where few are, with the mean of their
/// neighbours, for an outage of the data is likelier than one of the load.
pub fn filled(samples: &[(i64, u64)], period: i64) -> (Vec<(i64, u64)>, u64, bool) {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return (Vec::new(), 0, false);
    };
    if period == 1 {
        return (samples.to_vec(), 0, false);
    }
    let apart = apart(samples, period, first.0);
    let samples = apart.as_slice();
    let slots = (last.0 - first.0) / period + 1;
    let missing = slots - samples.len() as i64;
    if missing <= 0 {
        return (samples.to_vec(), 0, false);
    }
    let missing_count = missing.unsigned_abs();
    if missing as f64 > LOST * slots as f64 {
        return (samples.to_vec(), missing_count, false);
    }
    let mut all = vec![*first];
    for pair in samples.windows(2) {
        let (mut at, mean) = (pair[0].0 + period, pair[0].1.midpoint(pair[1].1));
        while at + period <= pair[1].0 {
            all.push((at, mean));
            at += period;
        }
        all.push(pair[1]);
    }
    (all, missing_count, true)
}

/// Puts the samples of several operations into the same periods, where those of one begin within those of another: rows of one file do
/// not overlap.
pub fn together(of: &mut BTreeMap<String, Vec<(i64, u64)>>, period: i64) {
    let mut times: Vec<(i64, u64)> = of.values().flatten().map(|s| (s.0, 0)).collect();
    times.sort_unstable();
    times.dedup();
    let Some(first) = times.first().map(|s| s.0) else {
        return;
    };
    if times.windows(2).all(|w| w[1].0 - w[0].0 >= period) {
        return;
    }
    for samples in of.values_mut() {
        *samples = by_slot(samples, period, first);
    }
}

/// The samples as they are, unless two are nearer than a period, as those of two sources are: then all by whole periods from the first.
fn apart(samples: &[(i64, u64)], period: i64, first: i64) -> Vec<(i64, u64)> {
    if samples.windows(2).all(|w| w[1].0 - w[0].0 >= period) {
        return samples.to_vec();
    }
    by_slot(samples, period, first)
}

/// The sums of whole periods from the first.
fn by_slot(samples: &[(i64, u64)], period: i64, first: i64) -> Vec<(i64, u64)> {
    let mut all: Vec<(i64, u64)> = Vec::new();
    for (at, n) in samples {
        let slot = first + (at - first) / period * period;
        match all.last_mut() {
            Some(last) if last.0 == slot => last.1 += n,
            _ => all.push((slot, *n)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_missing_samples_are_as_their_neighbours_and_many_are_nothing() {
        let samples: Vec<(i64, u64)> = (0..10)
            .filter(|i| *i != 4)
            .map(|i| (i * 60, 100 + i as u64 * 10))
            .collect();
        let (all, missing, is_filled) = filled(&samples, 60);
        assert_eq!((all.len(), missing, is_filled), (10, 1, true));
        assert_eq!(all[4], (240, 140));
        let sparse = [(0, 5), (6_000, 5)];
        assert_eq!(filled(&sparse, 60), (sparse.to_vec(), 99, false));
    }

    #[test]
    fn operations_of_one_file_have_the_same_periods() {
        let every = |phase: i64| (0..5).map(|i| (phase + i * 60, 10 + i as u64)).collect();
        let mut of: BTreeMap<String, Vec<(i64, u64)>> =
            BTreeMap::from([("a".to_owned(), every(0)), ("b".to_owned(), every(30))]);
        together(&mut of, 60);
        assert_eq!((&of["a"], &of["b"]), (&every(0), &every(0)));
        let mut apart = BTreeMap::from([
            ("a".to_owned(), vec![(0, 1)]),
            ("b".to_owned(), vec![(90, 1)]),
        ]);
        together(&mut apart, 60);
        assert_eq!(apart["b"], [(90, 1)]);
    }

    #[test]
    fn rows_never_overlap_and_no_request_is_lost() {
        // Off the grid, one missing: none is put where the next one begins.
        let odd: Vec<(i64, u64)> = [0, 60, 184, 240, 300, 360, 420, 480]
            .map(|at| (at, 9))
            .to_vec();
        let (all, _, _) = filled(&odd, 56);
        assert!(all.windows(2).all(|w| w[1].0 - w[0].0 >= 56), "{all:?}");
        // Two sources that begin at different seconds.
        let two: Vec<(i64, u64)> = (0..20).map(|i| (i * 30, 1)).collect();
        let (all, missing, _) = filled(&two, 60);
        assert!(all.windows(2).all(|w| w[1].0 - w[0].0 == 60), "{all:?}");
        assert_eq!((all.iter().map(|s| s.1).sum::<u64>(), missing), (20, 0));
    }
}
