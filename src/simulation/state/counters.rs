//! What was counted: the record, and what is still to be added to it.

use crate::engine::SECOND;
use crate::model::Plan;
use crate::simulation::record::Record;

/// What was counted so far.
pub struct Counters {
    /// End of the warm-up \[ns\].
    pub warm_up: u64,
    pub record: Record,
    /// Counters of requests that arrived in the warm-up, which nobody reads.
    pub unmeasured: Record,
    /// Arrivals of each action that were counted in the present second.
    pub counted: Vec<u64>,
    /// Those of whole seconds, until they are added to the record: in the measured time, and in the warm-up.
    pub whole: [Vec<u64>; 2],
}

impl Counters {
    pub fn new(plan: &Plan, actions: usize) -> Counters {
        let (classes, lanes) = (plan.classes.len(), plan.lanes.len());
        Counters {
            warm_up: plan.warm_up_s * SECOND,
            record: Record::new(classes, lanes, plan.quotas.len(), plan.workloads.len()),
            unmeasured: Record::new(classes, lanes, 0, 0),
            counted: vec![0; actions],
            whole: [vec![0; actions], vec![0; actions]],
        }
    }

    /// Where what arrived at an instant \[ns\] is counted.
    #[inline(always)]
    pub fn of(&mut self, arrived: u64) -> &mut Record {
        if arrived >= self.warm_up {
            &mut self.record
        } else {
            &mut self.unmeasured
        }
    }
}
