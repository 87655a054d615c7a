//! Data keys that another service holds for a workload's callers: which needs they can meet.

use super::super::access::RequestKind;
use super::super::workload::WorkloadSettings;
use super::builder::PlanBuilder;
use crate::model::source::{ServiceKeyUse, Source};

impl PlanBuilder<'_> {
    /// What can meet the need of a call that a service makes; requesters, what a data key is for, and needs are apart.
    pub(super) fn held_by_service(
        &mut self,
        (w, s): (usize, &WorkloadSettings),
        kind: &RequestKind,
        (operation, need): (&str, usize),
    ) -> Source {
        let Some(service) = &s.service else {
            return Source::Call;
        };
        let of = service.row.operation(operation);
        let (Some(rules), Some(holds)) = (
            service.rules(s.clients),
            of.and_then(|operation| operation.holds.as_ref()),
        ) else {
            return Source::Call;
        };
        let key = (kind.caller.requester.clone(), holds.clone(), need);
        let slots = self.service_slots.entry(w).or_default();
        let (slot, _) = slots.insert_full(key);
        Source::ServiceKey(ServiceKeyUse {
            rules,
            slot: slot as u32,
        })
    }
}
