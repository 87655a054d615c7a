//! What was asked for, behind attempts that were throttled and tried again.
//!
//! In each second, q is the share of attempts that was throttled. Of the attempts of that second, those that are k-th tries
//! come again with the delay that the policy has after the k-th, as long as there are tries left. Forward in time, what is due
//! from earlier seconds is subtracted from the attempts, and what is left is new: never less than none. Delays shorter than
//! a second may come back in the same one, so that the first tries of a second follow from a linear equation.

use crate::model::retry::RetryPolicy;
use std::collections::VecDeque;

/// Quantiles of a delay that stand for its distribution.
const QUANTILES: u64 = 256;
/// Tries that are followed; a policy with more goes on with the last delay's distribution.
const FOLLOWED: usize = 32;

/// A second of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// Which \[s since 1970\].
    pub second: i64,
    /// Attempts, throttled ones included.
    pub attempts: u64,
    /// Throttled ones.
    pub throttled: u64,
}

/// New requests by second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// Seconds and new requests.
    pub seconds: Vec<(i64, f64)>,
    /// Their sum.
    pub total: f64,
}

/// The share of k-th retries that come so many seconds after the second of the attempt before, for k from 1.
fn kernels(policy: &RetryPolicy) -> Vec<Vec<f64>> {
    let retries = usize::from(policy.max_attempts.saturating_sub(1)).min(FOLLOWED);
    (1..=retries)
        .map(|n| {
            let n = u16::try_from(n).unwrap_or(u16::MAX);
            let mut kernel: Vec<f64> = Vec::new();
            for i in 0..QUANTILES {
                // Where several numbers are drawn, they are taken apart from one another.
                let draw = |k: u16| {
                    let turn = (i + u64::from(k.saturating_sub(1)) * 97) % QUANTILES;
                    (2 * turn + 1) * (u64::MAX / (2 * QUANTILES))
                };
                let delay = policy.delay(n, draw) as f64 / 1e9;
                // The attempt is anywhere in its second.
                let (whole, part) = (delay.floor() as usize, delay.fract());
                if kernel.len() < whole + 2 {
                    kernel.resize(whole + 2, 0.0);
                }
                kernel[whole] += (1.0 - part) / QUANTILES as f64;
                kernel[whole + 1] += part / QUANTILES as f64;
            }
            kernel
        })
        .collect()
}

/// New requests behind the attempts of a caller with that policy; seconds in order, those without attempts may be left out.
pub fn behind(attempted: &[Attempted], policy: &RetryPolicy) -> Demand {
    let kernels = kernels(policy);
    let mut demand = Demand::default();
    // Retries due in this second and later ones, by which try they are.
    let mut due: VecDeque<Vec<f64>> = VecDeque::new();
    let mut at = i64::MIN;
    for now in attempted {
        let gap = usize::try_from(now.second.saturating_sub(at)).unwrap_or(usize::MAX);
        // What was due in a second without attempts was not sent.
        due.drain(..gap.min(due.len()));
        at = now.second;
        let attempts = now.attempts as f64;
        let q = if attempts > 0.0 {
            now.throttled as f64 / attempts
        } else {
            0.0
        };
        let mut owed = due.front().cloned().unwrap_or_default();
        owed.resize(kernels.len(), 0.0);
        // Tries of the second for so many first ones: each also brings those that come back at once.
        let tries = |first: f64| {
            let mut all = vec![first];
            for (owed, kernel) in owed.iter().zip(&kernels) {
                let before = all[all.len() - 1];
                all.push(owed + before * q * kernel[0]);
            }
            all
        };
        let sum = |all: &[f64]| all.iter().sum::<f64>();
        let (none, one) = (sum(&tries(0.0)), sum(&tries(1.0)));
        let first = ((attempts - none) / (one - none)).max(0.0);
        let mut all = tries(first);
        let made = sum(&all);
        if made > attempts && made > 0.0 {
            all.iter_mut().for_each(|n| *n *= attempts / made);
        }
        demand.seconds.push((now.second, first));
        demand.total += first;
        for (k, kernel) in kernels.iter().enumerate() {
            let throttled = all[k] * q;
            if throttled <= 0.0 {
                continue;
            }
            for (d, share) in kernel.iter().enumerate().skip(1) {
                while due.len() <= d {
                    due.push_back(vec![0.0; kernels.len()]);
                }
                due[d][k] += throttled * share;
            }
        }
    }
    demand
}

/// Whole numbers with the same sums: each second's fraction is carried on to the next.
pub fn whole(seconds: &[(i64, f64)]) -> Vec<(i64, u64)> {
    let mut carried = 0.0;
    seconds
        .iter()
        .filter_map(|&(second, n)| {
            carried += n;
            let whole = (carried + 0.5).floor().max(0.0);
            carried -= whole;
            (whole > 0.0).then_some((second, whole as u64))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::retry_profile;
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};
    use std::collections::BTreeMap;

    fn standard() -> RetryPolicy {
        RetryPolicy::profile(retry_profile("standard").expect("a profile"))
    }

    /// A client population whose demand is known, against a limit per second.
    fn simulated(demand_per_s: f64, limit: u64, seconds: i64) -> (u64, Vec<Attempted>) {
        let mut rng = SmallRng::seed_from_u64(7);
        // Attempts by microsecond, with their number.
        let mut queue: BTreeMap<(u64, u64), u32> = BTreeMap::new();
        let (mut serial, mut t, mut demand) = (0, 0.0, 0);
        loop {
            t -= (1.0 - rng.random::<f64>()).ln() / demand_per_s;
            if t >= seconds as f64 {
                break;
            }
            queue.insert(((t * 1e6) as u64, serial), 1);
            serial += 1;
            demand += 1;
        }
        let mut all: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        while let Some(((at, _), n)) = queue.pop_first() {
            let second = all.entry((at / 1_000_000) as i64).or_default();
            second.0 += 1;
            if second.0 - second.1 > limit {
                second.1 += 1;
                if n < 3 {
                    let backoff = f64::from(1 << (n - 1)).min(20.0);
                    let delay = rng.random::<f64>() * backoff;
                    queue.insert((at + (delay * 1e6) as u64, serial), n + 1);
                    serial += 1;
                }
            }
        }
        let attempted = all
            .into_iter()
            .map(|(second, (attempts, throttled))| Attempted {
                second,
                attempts,
                throttled,
            });
        (demand, attempted.collect())
    }

    #[test]
    fn demand_behind_retries_is_found_within_two_percent() {
        for (rate, limit) in [(20.0, 25), (26.0, 25), (40.0, 25), (400.0, 250)] {
            let (demand, attempted) = simulated(rate, limit, 600);
            let found = behind(&attempted, &standard()).total;
            let off = found / demand as f64 - 1.0;
            assert!(off.abs() < 0.02, "{rate}/s: {found} for {demand}");
            let seconds = whole(&behind(&attempted, &standard()).seconds);
            let sum: u64 = seconds.iter().map(|s| s.1).sum();
            assert!((sum as f64 - found).abs() <= 1.0);
        }
    }

    #[test]
    fn without_throttles_or_retries_attempts_are_demand() {
        let attempted = [(3, 5, 0), (9, 7, 2)].map(|(second, attempts, throttled)| Attempted {
            second,
            attempts,
            throttled,
        });
        assert_eq!(behind(&attempted, &RetryPolicy::none()).total, 12.0);
        assert_eq!(behind(&attempted[..1], &standard()).total, 5.0);
    }
}
