//! Circuit breakers: a client that fails too often leaves the server alone for a while.
//!
//! Closed, it counts failures among the last attempts; at the threshold it opens, and after `open_time` one
//! attempt is let through as a trial, whose answer closes or opens it again (Nygard, "Release It!"). It blocks
//! whole requests, or retries only, so that a partial failure is made no worse (Brooker, "Fixing retries with
//! token buckets and circuit breakers", 2022).
//!
//! A send brake looks back at the last attempts in the same way, but lets what it stops wait: while it holds nothing is
//! sent, and then all goes on, with nothing remembered (ScyllaDB's S3 client since 2026).
//!
//! Left out: slow answers, which count as failures in some libraries.

use crate::engine::narrow::whole_u32;
use crate::input::diagnostic::Code;
use crate::input::keyword::keywords;
use crate::input::reader::Reader;
use crate::units::{Share, Span};
use serde::Serialize;

/// Figures of a circuit breaker, or of a send brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    /// Attempts that are looked back at, 1 to 128; those before the run count as successes.
    pub window: u32,
    /// Failures among them at which it opens.
    pub failures: u32,
    /// How long it stays open \[ns\].
    pub open_time: u64,
    /// What it blocks.
    pub blocks: Blocks,
    /// Whether it is a brake: what it blocks waits until it opens no longer, and there is no trial.
    pub holds: bool,
}

keywords! {
    /// What an open circuit breaker blocks.
    pub enum Blocks {
        /// Every attempt.
        Requests = "requests",
        /// Retries.
        Retries = "retries",
    }
}

/// A client's circuit breaker.
#[derive(Clone, Debug, Serialize)]
pub struct BreakerSettings {
    /// Share of failures among the last attempts at which it opens.
    pub failure_threshold: Share,
    /// Attempts that are looked back at.
    pub window: u32,
    /// How long it stays open.
    pub open_time: Span,
    /// What it blocks while it is open.
    pub blocks: Blocks,
}

impl BreakerSettings {
    pub(super) fn read(r: &mut Reader<'_>) -> Option<BreakerSettings> {
        let half = Share::new(0.5).unwrap_or(Share::ONE);
        let failure_threshold = r.or("failure_threshold", half);
        if failure_threshold == Share::ZERO {
            r.fault(
                Code::OutOfRange,
                r.place_of("failure_threshold"),
                format!(
                    "`{}.failure_threshold` is 0: the circuit would open without a failure",
                    r.path()
                ),
                "write a share of the last attempts, for example `failure_threshold = 0.5`",
            );
        }
        let window = r.or_in("window", 10, 1..=64);
        let open_time = r.required_in("open_time", Span::from_ns(1)..=Span::from_secs(86_400));
        let blocks = r.keyword("blocks").unwrap_or(Blocks::Requests);
        Some(BreakerSettings {
            failure_threshold,
            window,
            open_time: open_time?,
            blocks,
        })
    }

    pub(super) fn rules(&self) -> CircuitBreaker {
        let failures = self.failure_threshold.get() * f64::from(self.window);
        CircuitBreaker {
            window: self.window,
            failures: whole_u32(failures.ceil()).max(1),
            open_time: self.open_time.as_ns(),
            blocks: self.blocks,
            holds: false,
        }
    }
}

/// A client's send brake.
#[derive(Clone, Debug, Serialize)]
pub struct BrakeSettings {
    /// Share of refused attempts among the last ones above which it holds.
    pub refused_threshold: Share,
    /// Attempts that are looked back at.
    pub window: u32,
    /// How long nothing is sent.
    pub hold_time: Span,
}

impl BrakeSettings {
    pub(super) fn read(r: &mut Reader<'_>) -> Option<BrakeSettings> {
        let fifth = Share::new(0.2).unwrap_or(Share::ZERO);
        let refused_threshold = r.or("refused_threshold", fifth);
        if refused_threshold == Share::ONE {
            r.fault(
                Code::OutOfRange,
                r.place_of("refused_threshold"),
                format!(
                    "`{}.refused_threshold` is 1: no more than all can be refused, so the brake would never hold",
                    r.path()
                ),
                "write a share of the last attempts, for example `refused_threshold = \"20%\"`",
            );
        }
        let window = r.or_in("window", 50, 1..=128);
        let hold_time = r.required_in("hold_time", Span::from_ns(1)..=Span::from_secs(86_400));
        Some(BrakeSettings {
            refused_threshold,
            window,
            hold_time: hold_time?,
        })
    }

    pub(super) fn rules(&self) -> CircuitBreaker {
        // A share that was written in decimals may be a little less than meant.
        let most = self.refused_threshold.get() * f64::from(self.window) + 1e-9;
        CircuitBreaker {
            window: self.window,
            failures: whole_u32(most.floor()) + 1,
            open_time: self.hold_time.as_ns(),
            blocks: Blocks::Requests,
            holds: true,
        }
    }
}

/// The circuit breakers of the clients of one workload.
#[derive(Clone, Debug)]
pub struct CircuitBreakers {
    rules: CircuitBreaker,
    clients: Vec<Breaker>,
    /// Clients whose breaker is not as in the beginning.
    used: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Breaker {
    /// The last attempts, newest lowest; a one has failed.
    failed: u128,
    /// Until when it is open \[ns\]; 0 when it is closed.
    open_until: u64,
}

impl Breaker {
    fn is_used(self) -> bool {
        self.failed != 0 || self.open_until != 0
    }
}

impl CircuitBreakers {
    /// Closed ones for `clients` clients.
    pub fn new(rules: CircuitBreaker, clients: u32) -> CircuitBreakers {
        CircuitBreakers {
            rules,
            clients: vec![Breaker::default(); clients as usize],
            used: 0,
        }
    }

    /// Whether each is closed and remembers no failure: then successes change nothing.
    #[inline]
    pub fn all_closed(&self) -> bool {
        self.used == 0
    }

    /// Whether a client may make an attempt at `now` \[ns\].
    #[inline]
    pub fn allows(&self, client: u32, now: u64, is_retry: bool) -> bool {
        let free = self.rules.blocks == Blocks::Retries && !is_retry;
        free || now >= self.clients[client as usize].open_until
    }

    /// Until when an attempt waits that a client may not make now \[ns\]; `None`: it fails.
    pub fn holds_until(&self, client: u32) -> Option<u64> {
        let breaker = self.clients[client as usize];
        self.rules.holds.then_some(breaker.open_until)
    }

    /// Whether it may let attempts wait: it does, or remembers a refusal.
    pub fn may_hold(&self) -> bool {
        self.rules.holds && !self.all_closed()
    }

    /// A new client takes the place of one.
    pub fn renew(&mut self, client: u32) {
        let breaker = std::mem::take(&mut self.clients[client as usize]);
        self.used -= u32::from(breaker.is_used());
    }

    /// An attempt sent at `now` \[ns\] ended, at `answered` \[ns\] if it failed.
    pub fn ended(&mut self, client: u32, now: u64, failed_at: Option<u64>) {
        let CircuitBreaker {
            window,
            failures,
            open_time,
            holds,
            ..
        } = self.rules;
        let breaker = &mut self.clients[client as usize];
        let was_used = breaker.is_used();
        if holds && now >= breaker.open_until && breaker.open_until > 0 {
            *breaker = Breaker::default();
        }
        let is_open = breaker.open_until > 0;
        if is_open && now < breaker.open_until {
            // It was let through because it is not a retry: the breaker waits for a trial.
            return;
        }
        match failed_at {
            None if is_open => *breaker = Breaker::default(),
            Some(answered) if is_open => breaker.open_until = answered.saturating_add(open_time),
            _ => {
                let kept = u128::MAX >> (128 - window);
                breaker.failed = (breaker.failed << 1 | u128::from(failed_at.is_some())) & kept;
                if let Some(answered) = failed_at
                    && breaker.failed.count_ones() >= failures
                {
                    breaker.open_until = answered.saturating_add(open_time).max(1);
                }
            }
        }
        match (was_used, breaker.is_used()) {
            (false, true) => self.used += 1,
            (true, false) => self.used -= 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breakers(blocks: Blocks) -> CircuitBreakers {
        let rules = CircuitBreaker {
            window: 4,
            failures: 2,
            open_time: 1_000,
            blocks,
            holds: false,
        };
        CircuitBreakers::new(rules, 2)
    }

    #[test]
    fn a_brake_holds_over_its_threshold_and_forgets() {
        let share = |text: &str| text.parse().expect("a share");
        let brake = |threshold: &str, window| BrakeSettings {
            refused_threshold: share(threshold),
            window,
            hold_time: Span::from_ns(1_000),
        };
        let most = |threshold, window| brake(threshold, window).rules().failures - 1;
        assert_eq!(
            (most("20%", 50), most("29%", 100), most("0%", 9)),
            (10, 29, 0)
        );
        assert_eq!((most("0.5", 5), most("30%", 10)), (2, 3));

        let mut b = CircuitBreakers::new(brake("50%", 4).rules(), 2);
        for now in [10, 20] {
            b.ended(0, now, Some(now + 1));
            assert!(b.allows(0, now, false) && b.may_hold());
        }
        b.ended(0, 30, Some(31));
        assert!(!b.allows(0, 1_030, false) && !b.allows(0, 1_030, true));
        assert!(b.allows(1, 1_030, false), "each client has its own");
        assert_eq!(b.holds_until(0), Some(1_031));
        // No trial: three more are needed.
        for now in [1_031, 1_032] {
            b.ended(0, now, Some(now + 1));
            assert!(b.allows(0, now, true));
        }
        b.ended(0, 1_033, Some(1_034));
        assert_eq!(
            (b.allows(0, 1_035, true), b.holds_until(0)),
            (false, Some(2_034))
        );
        b.ended(0, 2_034, None);
        assert!(b.all_closed() && !b.may_hold());
    }

    #[test]
    fn opens_at_the_threshold_and_closes_after_a_trial() {
        let mut b = breakers(Blocks::Requests);
        b.ended(0, 10, Some(11));
        b.ended(0, 20, None);
        assert!(b.allows(0, 30, false) && !b.all_closed());
        b.ended(0, 30, Some(31));
        assert!(!b.allows(0, 1_030, false) && !b.allows(0, 1_030, true));
        assert!(b.allows(1, 1_030, false), "each client has its own");
        // A trial that fails, and one that does not.
        assert!(b.allows(0, 1_031, false));
        b.ended(0, 1_031, Some(1_032));
        assert!(!b.allows(0, 2_031, false) && b.allows(0, 2_032, false));
        b.ended(0, 2_032, None);
        assert!(b.all_closed() && b.allows(0, 2_033, true));
    }

    #[test]
    fn failures_leave_the_window() {
        let mut b = breakers(Blocks::Requests);
        b.ended(0, 1, Some(2));
        for now in 2..5 {
            b.ended(0, now, None);
            assert!(!b.all_closed());
        }
        b.ended(0, 5, None);
        assert!(b.all_closed());
    }

    #[test]
    fn first_attempts_pass_where_retries_are_blocked() {
        let mut b = breakers(Blocks::Retries);
        b.ended(0, 1, Some(2));
        b.ended(0, 3, Some(4));
        assert!(b.allows(0, 5, false) && !b.allows(0, 5, true));
        // While it is open their answers say nothing.
        b.ended(0, 5, None);
        assert!(!b.allows(0, 6, true));
        b.ended(0, 1_004, None);
        assert!(b.allows(0, 1_004, true) && b.all_closed());
    }
}
