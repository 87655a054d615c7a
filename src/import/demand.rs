//! What was asked for, behind attempts that were throttled and tried again.
//!
//! In each second, q is the share of attempts that was throttled. Of the attempts of that second, those that are k-th tries
//! come again with the delay that the policy has after the k-th, as long as there are tries left. Forward in time, what is due
//! from earlier seconds is subtracted from the attempts, and what is left is new: never less than none. Delays shorter than
//! a second may come back in the same one, so that the first tries of a second follow from a linear equation.
//!
//! Where clients have retry quotas, these pay for as many retries as they hold tokens, filled by what answers give back. The
//! tokens of all clients are counted together, as if the load were the same for each.

use crate::model::retry::{ErrorKind, Refund, RetryPolicy};
use std::collections::VecDeque;

/// Quantiles of a delay that stand for its distribution.
const QUANTILES: u64 = 256;
/// Tries that are followed; a policy with more goes on with the last delay's distribution.
const FOLLOWED: usize = 32;

/// Rounds in which what retry quotas pay for is found, of one second.
const SETTLING: usize = 8;
/// Times that the number of clients is doubled at most.
const MOST_DOUBLINGS: usize = 12;
/// Twice the difference of log-likelihoods within which 95 % of true values lie.
const LIKELY: f64 = 3.84;

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
    /// Attempts of each second that are not retries of earlier ones.
    fresh: Vec<f64>,
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

/// What a policy's retry quota gives and takes, of all clients together; `None`: it has none.
#[derive(Clone, Copy, Debug)]
struct TokenFlow {
    /// Tokens at the start and at most.
    capacity: f64,
    /// Clients.
    clients: f64,
    /// Of a retry.
    cost: f64,
    /// Of a success without retry, and after retries.
    refunds: [f64; 2],
    /// A success pays back a retry of its client, whichever request made it.
    pays_clients_last: bool,
}

impl TokenFlow {
    fn of(policy: &RetryPolicy, clients: f64) -> Option<TokenFlow> {
        let quota = policy.retry_quota?;
        let cost = f64::from(policy.cost_after(ErrorKind::Throttling));
        let refund = f64::from(quota.success_refund);
        let clients = if quota.shared { 1.0 } else { clients };
        (cost > 0.0).then(|| TokenFlow {
            capacity: clients * f64::from(quota.capacity),
            clients,
            cost,
            refunds: [
                refund,
                match quota.refund {
                    Refund::OwnLastRetry | Refund::ClientsLastRetry => cost,
                    Refund::OwnLastRetryAtLeast => cost.max(refund),
                    Refund::OwnLastRetryBesides => cost + refund,
                    Refund::Nothing => refund,
                },
            ],
            pays_clients_last: quota.refund == Refund::ClientsLastRetry,
        })
    }

    /// Tokens that come in and that are asked for, where these tries were made and a share q of them throttled; `holding` is the
    /// share of clients that have made a retry since their last success.
    fn flows(&self, tries: &[f64], retries: usize, q: f64, holding: f64) -> (f64, f64) {
        let asked: f64 = tries.iter().take(retries).sum::<f64>() * q;
        let answered = tries.iter().sum::<f64>() * (1.0 - q);
        let first = tries.first().copied().unwrap_or(0.0) * (1.0 - q);
        let after_retries = if self.pays_clients_last {
            // Successes come first in a second, and one of each client is paid back.
            holding * self.clients * reached(answered, self.clients)
        } else {
            answered - first
        };
        let others = (answered - after_retries).max(0.0);
        let income = others * self.refunds[0] + after_retries * self.refunds[1];
        (income, asked * self.cost)
    }

    /// The share of clients that hold the cost of a retry afterwards.
    fn holding(&self, tries: &[f64], q: f64, made: f64, before: f64) -> f64 {
        let answered = tries.iter().sum::<f64>() * (1.0 - q);
        let kept = before * (1.0 - reached(answered, self.clients));
        kept + (1.0 - kept) * reached(made, self.clients)
    }
}

/// The share of clients that at least one of so many things falls to.
fn reached(things: f64, clients: f64) -> f64 {
    1.0 - (-things / clients.max(1e-9)).exp()
}

/// New requests behind the attempts of a caller with that policy; seconds in order, those without attempts may be left out.
/// `clients` share the load, each with a retry quota that may run dry; `None`: it does not.
pub fn behind(attempted: &[Attempted], policy: &RetryPolicy, clients: Option<f64>) -> Demand {
    let kernels = kernels(policy);
    let flow = clients.and_then(|clients| TokenFlow::of(policy, clients));
    let mut tokens = flow.map_or(0.0, |f| f.capacity);
    // What share of the retries that are wanted the retry quotas pay for.
    let mut paid = 1.0;
    let mut holding = 0.0;
    // Clients with a rate limiter send retries later than they are due.
    let waits = policy.rate_limiter.is_some();
    let mut held = vec![0.0; kernels.len()];
    let mut demand = Demand::default();
    // Retries due in this second and later ones, by which try they are.
    let mut due: VecDeque<Vec<f64>> = VecDeque::new();
    let mut at = i64::MIN;
    for now in attempted {
        let gap = usize::try_from(now.second.saturating_sub(at)).unwrap_or(usize::MAX);
        // The place of the second before is empty. What was due in a second without attempts was not sent, unless clients hold it back.
        for missed in due.drain(..gap.min(due.len())).collect::<Vec<_>>() {
            for (held, n) in held.iter_mut().zip(missed) {
                *held += if waits { n } else { 0.0 };
            }
        }
        at = now.second;
        let attempts = now.attempts as f64;
        let q = if attempts > 0.0 {
            now.throttled as f64 / attempts
        } else {
            0.0
        };
        let mut owed = due.front_mut().map(std::mem::take).unwrap_or_default();
        owed.resize(kernels.len(), 0.0);
        for (owed, held) in owed.iter_mut().zip(&mut held) {
            *owed += std::mem::take(held);
        }
        let mut all;
        let mut unsent = 0.0;
        let mut rounds = 0;
        loop {
            // Tries of the second for so many first ones: each also brings those that come back at once.
            let tries = |first: f64| {
                let mut all = vec![first];
                for (owed, kernel) in owed.iter().zip(&kernels) {
                    let before = all[all.len() - 1];
                    all.push(owed + before * q * paid * kernel[0]);
                }
                all
            };
            let sum = |all: &[f64]| all.iter().sum::<f64>();
            let (none, one) = (sum(&tries(0.0)), sum(&tries(1.0)));
            let first = ((attempts - none) / (one - none)).max(0.0);
            all = tries(first);
            let made = sum(&all);
            if made > attempts && made > 0.0 {
                all.iter_mut().for_each(|n| *n *= attempts / made);
                unsent = 1.0 - attempts / made;
            }
            let Some(flow) = flow else {
                break;
            };
            let (income, asked) = flow.flows(&all, kernels.len(), q, holding);
            let share = if asked > 0.0 {
                ((tokens + income) / asked).clamp(0.0, 1.0)
            } else {
                1.0
            };
            rounds += 1;
            if rounds == SETTLING || (share - paid).abs() < 1e-6 {
                paid = share;
                holding = flow.holding(&all, q, share * asked / flow.cost, holding);
                tokens = (tokens + income - share * asked).clamp(0.0, flow.capacity);
                break;
            }
            paid = share;
        }
        let first = all.first().copied().unwrap_or(0.0);
        if waits {
            for (held, owed) in held.iter_mut().zip(&owed) {
                *held = owed * unsent;
            }
        }
        demand.fresh.push(attempts - owed.iter().sum::<f64>());
        demand.seconds.push((now.second, first));
        demand.total += first;
        for (k, kernel) in kernels.iter().enumerate() {
            let again = all[k] * q * paid;
            if again <= 0.0 {
                continue;
            }
            for (d, share) in kernel.iter().enumerate().skip(1) {
                while due.len() <= d {
                    due.push_back(vec![0.0; kernels.len()]);
                }
                due[d][k] += again * share;
            }
        }
    }
    demand
}

/// What is known of how many clients share a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientNumber {
    /// So many or more.
    AtLeast(usize),
    /// So many.
    Known(usize),
}

/// New requests behind attempts, and how many clients share them as far as the attempts tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SharedDemand {
    /// New requests by operation, in the order given.
    pub of: Vec<Demand>,
    /// Clients; of more the retry quotas run no drier.
    pub clients: usize,
    /// Sums over what else the attempts are nearly as likely to be: the least and the greatest.
    pub range: (f64, f64),
}

impl SharedDemand {
    /// New requests in all.
    pub fn total(&self) -> f64 {
        self.of.iter().map(|d| d.total).sum()
    }
}

/// What is behind the attempts, by operation, of a caller with so many clients or more. A client's retry quota may run dry, and
/// how many clients there are the log seldom says: of 1, 2, 4 … times as many those are taken whose retries foretell best how
/// attempts change from second to second.
pub fn shared(
    operations: &[Vec<Attempted>],
    policy: &RetryPolicy,
    clients: ClientNumber,
) -> SharedDemand {
    let all: f64 = operations.iter().flatten().map(|a| a.attempts as f64).sum();
    let with = |clients: Option<f64>| -> Vec<Demand> {
        let each = operations.iter().map(|attempted| {
            // Of the clients' tokens, the operation's share.
            let own: f64 = attempted.iter().map(|a| a.attempts as f64).sum();
            behind(attempted, policy, clients.map(|n| n * own / all.max(1.0)))
        });
        each.collect()
    };
    let total = |of: &[Demand]| of.iter().map(|d| d.total).sum::<f64>();
    let clients = match clients {
        ClientNumber::AtLeast(n) => n.max(1),
        ClientNumber::Known(n) => {
            let of = with(Some(n as f64));
            let all = total(&of);
            return SharedDemand {
                of,
                clients: n,
                range: (all, all),
            };
        }
    };
    let unlimited = with(None);
    let mut found = vec![(usize::MAX, spread(&unlimited), unlimited)];
    // A rate limiter keeps them from running dry.
    if policy.retry_quota.is_some() && policy.rate_limiter.is_none() {
        let mut n = clients;
        for _ in 0..MOST_DOUBLINGS {
            let of = with(Some(n as f64));
            let same = (total(&of) / total(&found[0].2).max(1e-9) - 1.0).abs() < 1e-4;
            found.push((n, spread(&of), of));
            if same {
                break;
            }
            n *= 2;
        }
    }
    let seconds: usize = operations.iter().map(Vec::len).sum();
    let best = found.iter().map(|f| f.1).fold(f64::INFINITY, f64::min);
    let likely = |spread: f64| seconds as f64 * (spread / best.max(1e-12)).ln() <= LIKELY;
    let range = found.iter().filter(|f| likely(f.1)).map(|f| total(&f.2));
    let range = range.fold((f64::INFINITY, 0.0_f64), |(low, high), n| {
        (low.min(n), high.max(n))
    });
    // Of those that are likely, the fewest clients: more only where the attempts say so.
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|i| found[*i].0);
    let chosen = order.into_iter().find(|i| likely(found[*i].1));
    let (n, _, of) = found.swap_remove(chosen.unwrap_or(0));
    SharedDemand {
        of,
        clients: if n == usize::MAX { clients } else { n },
        range,
    }
}

/// How much attempts that are no retries of earlier seconds differ from those of the minute around them.
fn spread(of: &[Demand]) -> f64 {
    const AROUND: usize = 30;
    let mut sum = 0.0;
    for demand in of {
        let counts = &demand.fresh;
        let mut sums = vec![0.0];
        for n in counts {
            sums.push(sums[sums.len() - 1] + n);
        }
        for (i, n) in counts.iter().enumerate() {
            let (from, to) = (i.saturating_sub(AROUND), (i + AROUND + 1).min(counts.len()));
            let mean = (sums[to] - sums[from]) / (to - from) as f64;
            sum += (n - mean).powi(2);
        }
    }
    sum
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

    /// Clients whose demand is known, against a limit per second: tokens of each client, at most; 5 a retry, as botocore.
    fn simulated(
        demand_per_s: f64,
        limit: u64,
        seconds: i64,
        attempts: u32,
        tokens: Option<(usize, i64)>,
    ) -> (u64, Vec<Attempted>) {
        let mut rng = SmallRng::seed_from_u64(7);
        let mut left = vec![tokens.map_or(0, |t| t.1); tokens.map_or(1, |t| t.0)];
        // Attempts by microsecond, with their number and client.
        let mut queue: BTreeMap<(u64, u64), (u32, usize)> = BTreeMap::new();
        let (mut serial, mut t, mut demand) = (0, 0.0, 0);
        loop {
            t -= (1.0 - rng.random::<f64>()).ln() / demand_per_s;
            if t >= seconds as f64 {
                break;
            }
            queue.insert(
                ((t * 1e6) as u64, serial),
                (1, rng.random_range(0..left.len())),
            );
            serial += 1;
            demand += 1;
        }
        let mut all: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        while let Some(((at, _), (n, client))) = queue.pop_first() {
            let second = all.entry((at / 1_000_000) as i64).or_default();
            second.0 += 1;
            let capacity = tokens.map_or(0, |t| t.1);
            if second.0 - second.1 > limit {
                second.1 += 1;
                let pays = tokens.is_none() || left[client] >= 5;
                if n < attempts && pays {
                    left[client] -= 5;
                    let backoff = f64::from(1 << (n - 1)).min(20.0);
                    let delay = rng.random::<f64>() * backoff;
                    queue.insert((at + (delay * 1e6) as u64, serial), (n + 1, client));
                    serial += 1;
                }
            } else if tokens.is_some() {
                left[client] = (left[client] + if n == 1 { 1 } else { 5 }).min(capacity);
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
            let (demand, attempted) = simulated(rate, limit, 600, 3, None);
            let found = behind(&attempted, &standard(), None);
            let off = found.total / demand as f64 - 1.0;
            assert!(off.abs() < 0.02, "{rate}/s: {} for {demand}", found.total);
            let seconds = whole(&found.seconds);
            let sum: u64 = seconds.iter().map(|s| s.1).sum();
            assert!((sum as f64 - found.total).abs() <= 1.0);
        }
    }

    #[test]
    fn retry_quotas_that_run_dry_are_known_by_the_attempts() {
        for (rate, limit, clients) in [
            (40.0, 25, 4),
            (60.0, 25, 2),
            (400.0, 250, 16),
            (300.0, 250, 4),
        ] {
            let (demand, attempted) = simulated(rate, limit, 900, 3, Some((clients, 500)));
            let told = behind(&attempted, &standard(), Some(clients as f64)).total;
            let off = told / demand as f64 - 1.0;
            assert!(
                off.abs() < 0.02,
                "{rate}/s, {clients} clients: {told} for {demand}"
            );
            // The log tells of one client, and it is not said how many there are.
            let found = shared(&[attempted], &standard(), ClientNumber::AtLeast(1));
            let off = found.total() / demand as f64 - 1.0;
            assert!(
                off.abs() < 0.02,
                "{rate}/s, {clients} clients: {} by {} for {demand}",
                found.total(),
                found.clients
            );
        }
        // As many tokens as anybody may want, whatever the log seems to say.
        let (demand, attempted) = simulated(40.0, 25, 600, 3, None);
        let found = shared(&[attempted], &standard(), ClientNumber::AtLeast(8));
        let off = found.total() / demand as f64 - 1.0;
        assert!(off.abs() < 0.02, "{} for {demand}", found.total());
    }

    #[test]
    fn without_throttles_or_retries_attempts_are_demand() {
        let attempted = [(3, 5, 0), (9, 7, 2)].map(|(second, attempts, throttled)| Attempted {
            second,
            attempts,
            throttled,
        });
        assert_eq!(behind(&attempted, &RetryPolicy::none(), None).total, 12.0);
        assert_eq!(behind(&attempted[..1], &standard(), Some(1.0)).total, 5.0);
    }
}
