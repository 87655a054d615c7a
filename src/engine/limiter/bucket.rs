//! Token bucket.

use super::rate::{Certificate, Step};
use crate::engine::SECOND;
use crate::engine::narrow::whole;

/// Continuous refill up to a capacity. One token is `den` · 10⁹ units, `num` units come in each
/// nanosecond, both divided by what they have in common.
#[derive(Clone, Debug)]
pub(super) struct TokenBucketState {
    /// Time \[ns\] and rate.
    steps: Vec<(u64, u64)>,
    /// The first change still to come \[ns\].
    next_change: u64,
    burst: f64,
    token: u64,
    level: TokenLevel,
    /// In a counted second everything is admitted and its instant written down here.
    taken: Option<Vec<u64>>,
}

/// What a bucket holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenLevel {
    rate: u64,
    capacity: u64,
    /// Surely there \[units\].
    units: u64,
    /// What may be there beside; 0 where the level is known \[units\].
    slack: u64,
    /// As of then \[ns\].
    at: u64,
}

impl TokenBucketState {
    pub(super) fn new(burst: f64, steps: &[Step]) -> TokenBucketState {
        // One denominator for all steps, so that the level needs no conversion at a change.
        let den = steps.iter().fold(1, |d, s| lcm(d, s.den));
        let unit = steps.iter().fold(den.saturating_mul(SECOND), |u, s| {
            gcd(u, s.num.saturating_mul(den / s.den))
        });
        let rates: Vec<(u64, u64)> = steps
            .iter()
            .map(|s| (s.from_s * SECOND, s.num.saturating_mul(den / s.den) / unit))
            .collect();
        let rate = rates[0].1;
        let token = den.saturating_mul(SECOND) / unit;
        let capacity = capacity(burst, rate, token);
        TokenBucketState {
            next_change: rates.get(1).map_or(u64::MAX, |s| s.0),
            steps: rates,
            burst,
            token,
            level: TokenLevel {
                rate,
                capacity,
                units: capacity,
                slack: 0,
                at: 0,
            },
            taken: None,
        }
    }

    #[inline(always)]
    pub(super) fn has_room(&mut self, at: u64) -> bool {
        if self.taken.is_some() {
            return true;
        }
        self.refill(at);
        self.level.units >= self.token
    }

    #[inline(always)]
    pub(super) fn take(&mut self, at: u64) {
        match &mut self.taken {
            Some(taken) => taken.push(at),
            None => self.level.units -= self.token,
        }
    }

    /// The tokens of a stretch of time in which the bucket is never full and keeps its rate.
    pub(super) fn tokens(&mut self, from: u64, until: u64) -> Option<Tokens> {
        self.refill(from);
        let level = &self.level;
        let most = level
            .units
            .checked_add(level.rate.checked_mul(until - from)?)?;
        let is_known = self.taken.is_none() && level.slack == 0;
        (is_known && until <= self.next_change && most <= level.capacity).then(|| Tokens {
            from,
            rate: level.rate,
            token: self.token,
            rest: level.units % self.token,
            most: most / self.token - level.units / self.token,
            first: level.units / self.token,
        })
    }

    /// Takes tokens, all of which were there by `at`.
    pub(super) fn take_tokens(&mut self, at: u64, n: u64) {
        // A change of the rate at that very instant comes after them.
        self.level.add_until(at);
        self.level.units -= n * self.token;
    }

    #[inline(always)]
    fn refill(&mut self, at: u64) {
        if at >= self.next_change {
            self.change(at);
        }
        self.level.add_until(at);
    }

    /// Passes the changes of the rate up to `at`.
    fn change(&mut self, at: u64) {
        let passed = self.steps.partition_point(|s| s.0 <= at);
        for &(from, rate) in &self.steps[..passed] {
            if from >= self.next_change {
                self.level.add_until(from);
                let level = &mut self.level;
                let most = level.units + level.slack;
                level.rate = rate;
                level.capacity = capacity(self.burst, rate, self.token);
                level.units = level.units.min(level.capacity);
                level.slack = most.min(level.capacity) - level.units;
            }
        }
        self.next_change = self.steps.get(passed).map_or(u64::MAX, |s| s.0);
    }

    /// What is sure of a second's attempts, and where they would leave the bucket.
    ///
    /// In each part the fewest are left where the refill comes first, and what the capacity cannot
    /// hold is lost; the most where the attempts come first, or, with `at_most`, do not come, as
    /// some of them may not. All are admitted if the least level pays for the whole part at its start.
    pub(super) fn certify(
        &mut self,
        second: u64,
        parts: &[u64],
        at_most: bool,
    ) -> (Certificate, TokenLevel) {
        self.refill(second * SECOND);
        let mut level = self.level;
        let part = SECOND / parts.len() as u64;
        let gain = part.saturating_mul(level.rate);
        for &n in parts {
            let taken = n.saturating_mul(self.token);
            let most = level.units + level.slack;
            if taken > most.saturating_add(gain) {
                return (Certificate::Never, self.level);
            }
            if taken > level.units {
                return (Certificate::Unknown, self.level);
            }
            let full = |units: u64| units.saturating_add(gain).min(level.capacity);
            let fewest = full(level.units) - taken;
            let sure = if at_most { 0 } else { taken };
            level.slack = full(most - sure) - fewest;
            level.units = fewest;
        }
        level.at = (second + 1) * SECOND;
        (Certificate::Sure, level)
    }

    pub(super) fn count_second(&mut self, second: u64, parts: &[u64], at_most: bool) {
        self.level = self.certify(second, parts, at_most).1;
        self.taken = Some(Vec::new());
    }

    pub(super) fn end_second(&mut self) -> Vec<u64> {
        self.taken.take().unwrap_or_default()
    }

    pub(super) fn known(&mut self, second: u64) -> TokenLevel {
        self.refill(second * SECOND);
        self.level
    }

    pub(super) fn is_exact(&self) -> bool {
        self.level.slack == 0
    }

    pub(super) fn restore(&mut self, level: TokenLevel) {
        self.level = level;
        let passed = self.steps.partition_point(|s| s.0 <= level.at);
        self.next_change = self.steps.get(passed).map_or(u64::MAX, |s| s.0);
    }

    pub(super) fn replay(&mut self, instants: &[u64], now: u64) {
        for &at in instants {
            self.refill(at);
            self.level.units -= self.token;
        }
        self.refill(now);
    }
}

/// The tokens of a stretch of time.
#[derive(Clone, Copy, Debug)]
pub struct Tokens {
    from: u64,
    rate: u64,
    token: u64,
    /// Beyond the tokens that are there at its start \[units\].
    rest: u64,
    first: u64,
    most: u64,
}

impl Tokens {
    /// Those that are there at its start.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Most that come.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// How many have come since, at `at` \[ns\]: one more with each part that this cuts time into.
    #[inline(always)]
    pub fn come(&self, at: u64) -> u64 {
        (self.rest + (at - self.from) * self.rate) / self.token
    }
}

impl TokenLevel {
    #[inline(always)]
    fn add_until(&mut self, at: u64) {
        let gain = (at - self.at).saturating_mul(self.rate);
        let units = self.units.saturating_add(gain).min(self.capacity);
        if self.slack > 0 {
            let most = (self.units + self.slack).saturating_add(gain);
            self.slack = most.min(self.capacity) - units;
        }
        self.units = units;
        self.at = at;
    }
}

/// burst · rate tokens, at least one: a bucket that can never hold a token admits nobody.
fn capacity(burst: f64, rate: u64, token: u64) -> u64 {
    whole((burst * rate as f64 * SECOND as f64).round()).max(token)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn lcm(a: u64, b: u64) -> u64 {
    a / gcd(a, b) * b
}
