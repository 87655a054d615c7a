//! One metric in samples of several periods, as CloudWatch keeps it: by the minute for 15 days, by five minutes for 63, by the hour
//! for 455. Where they are of the same time, they count the same requests.

use super::counts::Counts;
use super::series::{LoadOrigin, SeriesKey};
use std::collections::BTreeMap;

/// Takes off the sums of longer periods what shorter ones of the same metric have of their time; returns how many requests that were.
///
/// A sample of which nothing is left stays, with 0: its time is known.
pub fn counted_once(series: &mut BTreeMap<SeriesKey, Counts>) -> u64 {
    let of_metrics =
        |key: &&SeriesKey| matches!(key.origin, LoadOrigin::CallCount | LoadOrigin::RequestCount);
    let mut keys: Vec<SeriesKey> = series.keys().filter(of_metrics).cloned().collect();
    keys.sort_by_key(|key| key.period);
    let mut taken = 0;
    for (i, key) in keys.iter().enumerate() {
        let finer = keys[..i]
            .iter()
            .filter(|other| other.period < key.period && is_same(other, key));
        let mut known = Counts::default();
        for other in finer {
            known.merge(&series[other]);
        }
        if let Some(counts) = series.get_mut(key)
            && !known.seconds().is_empty()
        {
            let before = counts.total();
            *counts = without(counts, &known, key.period.into());
            taken += before - counts.total();
        }
    }
    taken
}

/// Whether two series are of one metric; a file that does not say whose it is may mean any account and Region.
fn is_same(a: &SeriesKey, b: &SeriesKey) -> bool {
    let may_be = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
    a.origin == b.origin
        && a.operation == b.operation
        && a.spec == b.spec
        && a.bucket == b.bucket
        && may_be(&a.account, &b.account)
        && may_be(&a.region, &b.region)
}

/// Sums of periods without what is known of their time.
fn without(counts: &Counts, known: &Counts, period: i64) -> Counts {
    let mut left = Counts::default();
    for &(at, n) in counts.seconds() {
        let within: u64 = known.within(at, at + period).iter().map(|s| s.1).sum();
        left.add(at, n.saturating_sub(within));
    }
    left.settle();
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_periods_have_in_common_counts_once() {
        let key = |account: &str, period: u32| SeriesKey {
            account: account.to_owned(),
            period,
            ..SeriesKey::of(LoadOrigin::CallCount)
        };
        let counts = |samples: &[(i64, u64)]| {
            let mut counts = Counts::default();
            samples.iter().for_each(|s| counts.add(s.0, s.1));
            counts.settle();
            counts
        };
        let minutes: Vec<(i64, u64)> = (0..10).map(|i| (3_600 + i * 60, 5)).collect();
        let mut series = BTreeMap::from([
            (key("1", 60), counts(&minutes)),
            (
                key("1", 300),
                counts(&[(3_300, 9), (3_600, 25), (3_900, 25)]),
            ),
            (key("", 3_600), counts(&[(0, 70), (3_600, 60)])),
            (key("2", 300), counts(&[(3_600, 4)])),
        ]);
        assert_eq!(counted_once(&mut series), 25 + 25 + 9 + 50 + 4);
        let left = |key: SeriesKey| series[&key].seconds().to_vec();
        assert_eq!(left(key("1", 60)), minutes);
        assert_eq!(left(key("1", 300)), [(3_300, 9), (3_600, 0), (3_900, 0)]);
        assert_eq!(left(key("", 3_600)), [(0, 61), (3_600, 6)]);
        assert_eq!(left(key("2", 300)), [(3_600, 4)]);
    }
}
