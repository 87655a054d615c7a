//! How uneven counts are: index of dispersion, busiest second, percentiles.
//!
//! The index for a width w is the population variance of the counts in bins of w seconds divided by their mean. The first bin
//! begins with the first second that has events, the last is kept even where it is cut. Bins without events are counted,
//! not held, so that a stray event of another century costs nothing.

/// The index of dispersion in bins of `width` seconds; `None` without events.
pub fn index(seconds: &[(i64, u64)], width: i64) -> Option<f64> {
    let (first, last) = (seconds.first()?.0, seconds.last()?.0);
    let bins = ((last - first) / width + 1) as f64;
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut bin = (0, 0_u64);
    let mut close = |n: u64| {
        let n = n as f64;
        sum += n;
        squares += n * n;
    };
    for &(second, n) in seconds {
        let number = (second - first) / width;
        if number != bin.0 {
            close(bin.1);
            bin = (number, 0);
        }
        bin.1 += n;
    }
    close(bin.1);
    let mean = sum / bins;
    (mean > 0.0).then(|| (squares / bins - mean * mean) / mean)
}

/// Events of the busiest second.
pub fn busiest(seconds: &[(i64, u64)]) -> u64 {
    seconds.iter().map(|s| s.1).max().unwrap_or(0)
}

/// The count that a share `p` of the seconds from the first to the last do not exceed (linear between ranks).
pub fn percentile(seconds: &[(i64, u64)], p: f64) -> Option<f64> {
    let (first, last) = (seconds.first()?.0, seconds.last()?.0);
    let all = (last - first + 1) as f64;
    let mut counts: Vec<u64> = seconds.iter().map(|s| s.1).collect();
    counts.sort_unstable();
    let empty = all - counts.len() as f64;
    let at = |rank: f64| {
        let rank = rank - empty;
        if rank < 0.0 {
            0.0
        } else {
            counts[(rank as usize).min(counts.len() - 1)] as f64
        }
    };
    let rank = p * (all - 1.0);
    let (low, high) = (at(rank.floor()), at(rank.ceil()));
    Some(low + (high - low) * (rank - rank.floor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_variance_over_mean_of_all_bins() {
        // 3, 0, 1: mean 4/3, mean of squares 10/3.
        let seconds = [(10, 3), (12, 1)];
        let variance = 10.0 / 3.0 - 16.0 / 9.0;
        let index_1 = index(&seconds, 1).expect("events");
        assert!((index_1 - variance / (4.0 / 3.0)).abs() < 1e-12);
        // 3 and 1, the last bin cut.
        assert!((index(&seconds, 2).expect("events") - 0.5).abs() < 1e-12);
        assert_eq!(index(&[], 1), None);
        assert_eq!(busiest(&seconds), 3);
        assert_eq!(percentile(&seconds, 0.5), Some(1.0));
        assert_eq!(percentile(&seconds, 1.0), Some(3.0));
        // Twenty-seven years apart.
        assert!(index(&[(0, 1), (852_076_800, 1)], 1).is_some());
    }
}
