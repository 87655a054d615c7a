//! The data keys that a service holds for the callers of one workload.
//!
//! A slot is one kind of data key that a caller needs, to send and to receive for example. A data key serves from KMS's
//! answer on, for the rules' lifetime from then on or from its last use; requests that come while it is on its way
//! fetch it too.

use crate::model::source::held::HeldKey;

/// How a service keeps data keys for the callers of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceKeyRules {
    /// Callers, each with data keys of its own, at least 1.
    pub callers: u32,
    /// How long a data key serves \[ns\].
    pub lifetime: u64,
    /// That time counts from the last use instead of KMS's answer.
    pub sliding: bool,
    /// Requests after which a caller begins anew, with another connection, at least 1; `None`: never.
    pub requests_per_connection: Option<u32>,
}

/// What a service holds for a workload.
#[derive(Clone, Debug, Default)]
pub struct ServiceKeyCache {
    /// By slot and caller, as far as they were asked for.
    slots: Vec<ServiceKeySlot>,
}

/// One kind of data key, of all callers.
#[derive(Clone, Debug, Default)]
struct ServiceKeySlot {
    held: Vec<HeldKey>,
    /// Requests of each caller's connection so far, where connections end.
    sent: Vec<u32>,
    /// Through which time all callers' data keys serve, if that is known \[ns\].
    all_held: Option<(u64, u64)>,
}

impl ServiceKeyRules {
    /// The caller that a client is.
    pub fn caller_of(&self, client: u32) -> u32 {
        client % self.callers
    }

    /// The lifetime that each use gives anew.
    fn renewed(&self) -> Option<u64> {
        self.sliding.then_some(self.lifetime)
    }
}

impl ServiceKeyCache {
    /// The slot, with room for a caller.
    fn slot(&mut self, slot: u32, caller: u32) -> &mut ServiceKeySlot {
        let (slot, caller) = (slot as usize, caller as usize);
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, ServiceKeySlot::default);
        }
        let of = &mut self.slots[slot];
        if of.held.len() <= caller {
            of.held.resize(caller + 1, HeldKey::NEVER);
        }
        of
    }

    /// Whether a request at `at` is met by the data key of its caller.
    pub fn look_up(&mut self, rules: &ServiceKeyRules, slot: u32, caller: u32, at: u64) -> bool {
        let of = self.slot(slot, caller);
        if let Some(most) = rules.requests_per_connection {
            let caller = caller as usize;
            if of.sent.len() <= caller {
                of.sent.resize(caller + 1, 0);
            }
            if of.sent[caller] == most {
                of.sent[caller] = 0;
                of.held[caller] = HeldKey::NEVER;
            }
            of.sent[caller] += 1;
        }
        of.held[caller as usize].uses(at, rules.renewed())
    }

    /// KMS answers at `ready` to the call for a miss at `at`.
    pub fn fetched(
        &mut self,
        rules: &ServiceKeyRules,
        (slot, caller): (u32, u32),
        at: u64,
        ready: u64,
    ) {
        let of = self.slot(slot, caller);
        if of.held[caller as usize].fetched(at, ready, rules.lifetime) {
            of.all_held = None;
        }
    }

    /// Whether the data key of a caller serves in the whole of `from..to`.
    pub fn serves_through(&mut self, slot: u32, caller: u32, (from, to): (u64, u64)) -> bool {
        let of = self.slot(slot, caller);
        of.held[caller as usize].serves_through(from, to)
    }

    /// A data key that is held was used at `at`, for the last time so far.
    pub fn used(&mut self, rules: &ServiceKeyRules, slot: u32, caller: u32, at: u64) {
        let of = self.slot(slot, caller);
        of.held[caller as usize].uses(at, rules.renewed());
    }

    /// Whether the data keys of all callers serve in the whole of `from..to`, however much they are used.
    pub fn all_serve_through(
        &mut self,
        rules: &ServiceKeyRules,
        slot: u32,
        (from, to): (u64, u64),
    ) -> bool {
        let of = self.slot(slot, 0);
        if rules.sliding || of.held.len() < rules.callers as usize {
            return false;
        }
        let held = &of.held;
        let (first, last) = *of.all_held.get_or_insert_with(|| {
            let from = held.iter().map(|key| key.from).max();
            let until = held.iter().map(|key| key.until).min();
            (from.unwrap_or(u64::MAX), until.unwrap_or(0))
        });
        first <= from && last >= to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(sliding: bool) -> ServiceKeyRules {
        ServiceKeyRules {
            callers: 2,
            lifetime: 300,
            sliding,
            requests_per_connection: None,
        }
    }

    /// Calls of a caller that asks at these times and is answered at once.
    fn calls(rules: &ServiceKeyRules, times: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut cache = ServiceKeyCache::default();
        let missed = |at: &u64| {
            let missed = !cache.look_up(rules, 0, 0, *at);
            if missed {
                cache.fetched(rules, (0, 0), *at, *at);
            }
            missed
        };
        times.into_iter().filter(missed).collect()
    }

    #[test]
    fn a_reuse_period_counts_from_the_answer_and_an_idle_time_from_the_last_use() {
        let times = [0, 200, 299, 300, 500, 799, 1_200];
        assert_eq!(calls(&rules(false), times), [0, 300, 799, 1_200]);
        assert_eq!(calls(&rules(true), times), [0, 1_200]);
        // A connection of two requests, its table key with it.
        let two = ServiceKeyRules {
            requests_per_connection: Some(2),
            ..rules(true)
        };
        assert_eq!(calls(&two, 0..6), [0, 2, 4]);
    }

    #[test]
    fn callers_and_kinds_of_data_keys_are_apart() {
        let (rules, mut cache) = (rules(false), ServiceKeyCache::default());
        assert!(!cache.look_up(&rules, 0, 0, 0));
        cache.fetched(&rules, (0, 0), 0, 4);
        // Not before the answer, and nobody else's.
        assert!(!cache.look_up(&rules, 0, 0, 3) && cache.look_up(&rules, 0, 0, 4));
        assert!(!cache.look_up(&rules, 0, 1, 4) && !cache.look_up(&rules, 1, 0, 4));
        assert!(!cache.all_serve_through(&rules, 0, (10, 20)));
        cache.fetched(&rules, (0, 1), 4, 8);
        assert!(cache.all_serve_through(&rules, 0, (10, 20)));
        assert!(cache.all_serve_through(&rules, 0, (10, 304)));
        assert!(!cache.all_serve_through(&rules, 0, (10, 305)));
    }
}
