//! How requests to a service look its data keys up, and what a call brings.

use super::cache::ServiceKeyRules;
use crate::model::source::caches::Caches;
use crate::model::source::need::{LookUp, Need};
use crate::units::Span;

/// How a need looks up the data keys that a service holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceKeyUse {
    /// How they are kept.
    pub rules: ServiceKeyRules,
    /// Which of a caller's data keys it is.
    pub slot: u32,
}

impl ServiceKeyUse {
    /// What it is, for people.
    pub fn words(&self) -> String {
        let lifetime = Span::from_ns(self.rules.lifetime);
        let after = match self.rules.sliding {
            true => "the last use",
            false => "the call",
        };
        let connection = match self.rules.requests_per_connection {
            Some(n) => format!(", at most {n} requests of a connection"),
            None => String::new(),
        };
        format!(
            "the data key that the service holds for its caller, for {lifetime} after {after}{connection}"
        )
    }

    /// Looks for the caller's data key.
    pub fn look_up(&self, caches: &mut Caches, need: &mut impl Need, at: u64) -> LookUp {
        let caller = self.rules.caller_of(need.client());
        let held = &mut caches.workloads[need.workload()].service_keys;
        LookUp::met(held.look_up(&self.rules, self.slot, caller, at))
    }

    /// KMS admitted the call at `at` and answers at `ready`.
    pub fn fetched(&self, caches: &mut Caches, need: &mut impl Need, at: u64, ready: u64) {
        let caller = self.rules.caller_of(need.client());
        let held = &mut caches.workloads[need.workload()].service_keys;
        held.fetched(&self.rules, (self.slot, caller), at, ready);
    }
}
