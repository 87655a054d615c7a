//! The client's retry quota: a token bucket that only successes fill. As a scenario may write it, a quota gives a
//! success the cost of its last retry back, a retry token bucket the same for each.

use crate::engine::narrow::whole_u32;
use crate::input::reader::Reader;
use serde::Serialize;

/// Figures of a retry quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryQuota {
    /// Tokens at the start and at most.
    pub capacity: u32,
    /// Tokens that a retry after throttling takes.
    pub throttling_cost: u32,
    /// Tokens that a retry after any other error takes.
    pub other_cost: u32,
    /// Tokens that a retry after a connect or read timeout takes.
    pub timeout_cost: u32,
    /// Tokens that a success without a retry to pay back gives.
    pub success_refund: u32,
    /// Which retry a success pays back.
    pub refund: Refund,
    /// Any token left pays for a retry, which takes what there is.
    pub pays_in_part: bool,
    /// The clients of a workload have one together, instead of one each.
    pub shared: bool,
}

impl RetryQuota {
    /// A quota in which all errors cost the same, and a success gives back its own last retry's cost.
    pub fn after_throttling(capacity: u32, cost: u32, success_refund: u32) -> RetryQuota {
        RetryQuota {
            capacity,
            throttling_cost: cost,
            other_cost: cost,
            timeout_cost: cost,
            success_refund,
            refund: Refund::OwnLastRetry,
            pays_in_part: false,
            shared: false,
        }
    }
}

/// Which retry a success pays back; without one it gives [`RetryQuota::success_refund`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refund {
    /// The request's own last one (botocore).
    OwnLastRetry,
    /// The same, and never less than [`RetryQuota::success_refund`] (the AWS SDK for Java: a retry may be free).
    OwnLastRetryAtLeast,
    /// The request's own last one, and [`RetryQuota::success_refund`] besides (the AWS SDK for Go).
    OwnLastRetryBesides,
    /// The client's last one, whichever request made it, once (the AWS SDK for Rust keeps the permit
    /// of the last retry with the client, also when that retry has failed).
    ClientsLastRetry,
    /// None: all successes give the same (a retry token bucket).
    Nothing,
}

/// Retry quotas of the clients of one workload.
#[derive(Clone, Debug)]
pub struct RetryTokens {
    quota: RetryQuota,
    /// Fewest tokens that pay for a retry.
    least: u32,
    /// Of each client: tokens missing from its bucket, and most tokens that its failed attempts ask for about
    /// which is being decided.
    buckets: Vec<(u32, u32)>,
    /// Cost of each client's last retry, not paid back yet; empty where requests know their own.
    held: Vec<u32>,
    /// Clients whose bucket is not full.
    not_full: u32,
}

/// Stands for what is asked where it depends on their order who is paid for.
const CONTESTED: u32 = u32::MAX;

impl RetryTokens {
    /// Full buckets for `clients` clients, or one for all, for retries after throttling.
    pub fn new(quota: RetryQuota, clients: u32) -> RetryTokens {
        RetryTokens::for_costs(quota, clients, [quota.throttling_cost])
    }

    /// The same for retries that cost one of `costs`.
    pub fn for_costs(
        quota: RetryQuota,
        clients: u32,
        costs: impl IntoIterator<Item = u32>,
    ) -> RetryTokens {
        let least = costs.into_iter().min().unwrap_or(0);
        let clients = if quota.shared { 1 } else { clients };
        let held = match quota.refund {
            Refund::ClientsLastRetry => clients as usize,
            Refund::OwnLastRetry
            | Refund::OwnLastRetryAtLeast
            | Refund::OwnLastRetryBesides
            | Refund::Nothing => 0,
        };
        RetryTokens {
            quota,
            least: if quota.pays_in_part {
                least.min(1)
            } else {
                least
            },
            buckets: vec![(0, 0); clients as usize],
            held: vec![0; held],
            not_full: 0,
        }
    }

    /// Whether every bucket is full: then successes without retry change nothing.
    #[inline(always)]
    pub fn all_full(&self) -> bool {
        self.not_full == 0
    }

    /// Tokens in a client's bucket.
    pub fn left(&self, client: u32) -> u32 {
        self.quota.capacity - self.buckets[client as usize].0
    }

    /// Takes the cost of a retry, and returns what it took; `None` when too little is left.
    #[inline(always)]
    pub fn take(&mut self, client: u32, cost: u32) -> Option<u32> {
        let price = self.price(client, cost);
        self.take_cost(client, price).then_some(price)
    }

    /// Takes `cost` tokens for a retry; refuses when there are fewer left.
    #[inline(always)]
    pub fn take_cost(&mut self, client: u32, cost: u32) -> bool {
        let (missing, _) = &mut self.buckets[client as usize];
        let left = self.quota.capacity - *missing;
        let held = self.held.get_mut(client as usize);
        pay(missing, left, cost, held, &mut self.not_full)
    }

    /// What a retry that costs `cost` takes from a client's bucket, if that holds so much.
    #[inline(always)]
    pub fn price(&self, client: u32, cost: u32) -> u32 {
        if self.quota.pays_in_part {
            cost.min(self.left(client).max(1))
        } else {
            cost
        }
    }

    /// Whether any token left pays for a retry.
    #[inline(always)]
    pub fn pays_in_part(&self) -> bool {
        self.quota.pays_in_part
    }

    /// Fills a client's bucket: a new client takes its place.
    pub fn renew(&mut self, client: u32) {
        let (missing, _) = &mut self.buckets[client as usize];
        self.not_full -= u32::from(*missing > 0);
        *missing = 0;
        if let Some(held) = self.held.get_mut(client as usize) {
            *held = 0;
        }
    }

    /// Whether it depends on their order which of a client's `n` retries at `cost` each are paid for: all are if the
    /// quota pays for each, none if it does not pay for one.
    #[inline(always)]
    pub fn contests(&self, client: u32, n: u32, cost: u32) -> bool {
        let left = self.left(client);
        cost.saturating_mul(n) > left && self.least <= left
    }

    /// A failed attempt of a client asks for so many tokens at most; returns whether it may depend on the order
    /// of all that ask which of their retries are paid for.
    #[inline(always)]
    pub fn ask(&mut self, client: u32, most: u32) -> bool {
        let least = self.least;
        let (missing, asked) = &mut self.buckets[client as usize];
        let left = self.quota.capacity - *missing;
        *asked = asked.saturating_add(most);
        // Hardly ever true.
        *asked > left && least <= left
    }

    /// Tokens that a client's failed attempts ask for at most.
    pub fn asked(&self, client: u32) -> u32 {
        self.buckets[client as usize].1
    }

    /// Those of a client have to be decided about in order.
    pub fn contest(&mut self, client: u32) {
        self.buckets[client as usize].1 = CONTESTED;
    }

    /// Whether they have to.
    pub fn is_contested(&self, client: u32) -> bool {
        self.asked(client) == CONTESTED
    }

    /// They are decided about.
    pub fn settle(&mut self, client: u32) {
        self.buckets[client as usize].1 = 0;
    }

    /// Takes the cost of a retry for any of a client's failed attempts, as [`RetryTokens::take`] does; `None` if
    /// it has to be decided in order.
    #[inline(always)]
    pub fn take_asked(&mut self, client: u32, cost: u32) -> Option<bool> {
        let (missing, asked) = &mut self.buckets[client as usize];
        if *asked == CONTESTED {
            return None;
        }
        *asked = 0;
        let left = self.quota.capacity - *missing;
        let held = self.held.get_mut(client as usize);
        Some(pay(missing, left, cost, held, &mut self.not_full))
    }

    /// Gives each of these clients back what `n` successes at the first attempt earn.
    #[inline(always)]
    pub fn refund_firsts(&mut self, clients: impl Iterator<Item = u32>, n: u32) {
        if !self.held.is_empty() {
            return clients.for_each(|c| (0..n).for_each(|_| self.refund_cost(c, None)));
        }
        let (buckets, earned) = (&mut self.buckets[..], n * self.quota.success_refund);
        let mut filled = 0;
        clients.for_each(|client| {
            let (missing, _) = &mut buckets[client as usize];
            // From 1 to what was earned: full now, and it was not.
            filled += u32::from(missing.wrapping_sub(1) < earned);
            *missing = missing.saturating_sub(earned);
        });
        self.not_full -= filled;
    }

    /// Gives back what a success earns whose last retry, if any, cost `last`.
    #[inline(always)]
    pub fn refund_cost(&mut self, client: u32, last: Option<u32>) {
        let (missing, _) = &mut self.buckets[client as usize];
        if *missing == 0 {
            return;
        }
        let least = self.quota.success_refund;
        let paid_back = match self.quota.refund {
            Refund::OwnLastRetry => last,
            Refund::OwnLastRetryAtLeast => last.map(|cost| cost.max(least)),
            Refund::OwnLastRetryBesides => last.map(|cost| cost + least),
            Refund::Nothing => None,
            Refund::ClientsLastRetry => {
                let held = std::mem::take(&mut self.held[client as usize]);
                (held > 0).then_some(held)
            }
        };
        *missing = missing.saturating_sub(paid_back.unwrap_or(least));
        self.not_full -= u32::from(*missing == 0);
    }
}

/// Takes `cost` tokens from a bucket in which `left` are left, if those are enough.
#[inline(always)]
fn pay(
    missing: &mut u32,
    left: u32,
    cost: u32,
    held: Option<&mut u32>,
    not_full: &mut u32,
) -> bool {
    if left < cost {
        return false;
    }
    *not_full += u32::from(*missing == 0) & u32::from(cost > 0);
    *missing += cost;
    if let Some(held) = held {
        *held = cost;
    }
    true
}

/// A client's retry quota.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RetryQuotaSettings {
    /// Tokens at the start and at most.
    pub capacity: u32,
    /// Tokens for a retry after throttling.
    pub throttling_cost: u32,
    /// Tokens for a retry after an error of which only the status is known, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transient_cost: Option<u32>,
    /// Tokens back for a success without retry.
    pub success_refund: u32,
    /// The clients of a workload have one together.
    pub shared: bool,
}

/// A client's retry token bucket: a retry takes one token.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TokenBucketSettings {
    /// Tokens at the start and at most.
    pub capacity: u32,
    /// Tokens that a success puts in, to the thousandth.
    pub success_deposit: f64,
    /// The clients of a workload have one together.
    pub shared: bool,
}

/// Parts of a token that a deposit may have.
const TOKEN: u32 = 1_000;

impl RetryQuotaSettings {
    pub(super) fn read(r: &mut Reader<'_>) -> RetryQuotaSettings {
        RetryQuotaSettings {
            capacity: r.or_in("capacity", 500, 1..=1_000_000),
            throttling_cost: r.or_in("throttling_cost", 5, 0..=1_000_000),
            transient_cost: r.optional_in("transient_cost", 0..=1_000_000),
            success_refund: r.or_in("success_refund", 1, 0..=1_000_000),
            shared: r.or("shared", false),
        }
    }

    pub(super) fn quota(&self) -> RetryQuota {
        let RetryQuotaSettings {
            capacity,
            throttling_cost,
            success_refund,
            ..
        } = *self;
        RetryQuota {
            shared: self.shared,
            other_cost: self.transient_cost.unwrap_or(throttling_cost),
            ..RetryQuota::after_throttling(capacity, throttling_cost, success_refund)
        }
    }
}

impl TokenBucketSettings {
    pub(super) fn read(r: &mut Reader<'_>) -> TokenBucketSettings {
        TokenBucketSettings {
            capacity: r.or_in("capacity", 10, 1..=1_000_000),
            success_deposit: r.or_in("success_deposit", 0.1, 0.0..=1_000.0),
            shared: r.or("shared", false),
        }
    }

    pub(super) fn quota(&self) -> RetryQuota {
        let deposit = whole_u32((self.success_deposit * f64::from(TOKEN)).round());
        RetryQuota {
            refund: Refund::Nothing,
            shared: self.shared,
            ..RetryQuota::after_throttling(self.capacity * TOKEN, TOKEN, deposit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: RetryQuota = RetryQuota {
        capacity: 500,
        throttling_cost: 5,
        other_cost: 14,
        timeout_cost: 14,
        success_refund: 1,
        refund: Refund::OwnLastRetry,
        pays_in_part: false,
        shared: false,
    };

    #[test]
    fn a_retry_quota_runs_dry_and_is_refilled_by_successes_only() {
        let mut t = RetryTokens::new(QUOTA, 2);
        assert_eq!((0..200).filter_map(|_| t.take(1, 5)).count(), 100);
        assert_eq!(
            (t.take(0, 5), t.take(1, 5), t.all_full()),
            (Some(5), None, false)
        );
        for _ in 0..4 {
            t.refund_cost(1, None);
        }
        assert_eq!(t.take(1, 5), None);
        t.refund_cost(1, Some(5));
        assert_eq!(t.take(1, 5), Some(5));
        t.refund_cost(0, Some(5));
        for _ in 0..600 {
            t.refund_cost(1, None);
        }
        assert!(t.all_full());
    }

    #[test]
    fn the_clients_last_retry_is_paid_back_by_the_next_success() {
        let mut t = RetryTokens::new(
            RetryQuota {
                refund: Refund::ClientsLastRetry,
                ..QUOTA
            },
            1,
        );
        // Two retries of a request that fails; the first one's cost is gone.
        assert!(t.take_cost(0, 14) && t.take_cost(0, 5));
        t.refund_cost(0, None);
        assert_eq!(t.left(0), 486);
        t.refund_cost(0, Some(5));
        assert_eq!(t.left(0), 487);
    }

    #[test]
    fn a_quota_that_pays_in_part_takes_what_there_is() {
        let mut t = RetryTokens::new(
            RetryQuota {
                capacity: 12,
                pays_in_part: true,
                ..QUOTA
            },
            1,
        );
        assert_eq!(
            [0; 4].map(|_| t.take(0, 5)),
            [Some(5), Some(5), Some(2), None]
        );
        // Two tokens are left over from three: order decides who gets them.
        t.refund_cost(0, Some(2));
        assert_eq!((t.left(0), t.contests(0, 1, 5)), (2, true));
        assert_eq!(t.take(0, 5), Some(2));
        assert!(!t.contests(0, 9, 5));
    }

    #[test]
    fn a_success_gives_back_what_its_sdk_says() {
        let left = |refund, cost: u32, retried: bool| {
            let quota = RetryQuota { refund, ..QUOTA };
            let mut t = RetryTokens::new(quota, 1);
            assert!(t.take_cost(0, 100));
            t.refund_cost(0, retried.then_some(cost));
            t.left(0)
        };
        assert_eq!(left(Refund::OwnLastRetry, 5, true), 405);
        assert_eq!(left(Refund::OwnLastRetry, 0, true), 400);
        // Java: the larger of the two; Go: both.
        assert_eq!(left(Refund::OwnLastRetryAtLeast, 5, true), 405);
        assert_eq!(left(Refund::OwnLastRetryAtLeast, 0, true), 401);
        assert_eq!(left(Refund::OwnLastRetryBesides, 5, true), 406);
        for refund in [Refund::OwnLastRetryAtLeast, Refund::OwnLastRetryBesides] {
            assert_eq!(left(refund, 5, false), 401);
        }
    }

    #[test]
    fn a_retry_token_bucket_pays_nothing_back() {
        let mut t = RetryTokens::new(
            RetryQuota {
                refund: Refund::Nothing,
                ..QUOTA
            },
            1,
        );
        assert_eq!(t.take(0, 5), Some(5));
        t.refund_cost(0, Some(5));
        assert_eq!(t.left(0), 496);
    }
}
