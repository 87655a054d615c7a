//! What was counted and tallied is added to the record.

use crate::engine::SECOND;
use crate::simulation::world::World;

/// Adds what was counted to the counters; with `take`, its room is taken from the quotas too.
pub fn add_counted(world: &mut World<'_>, second: u64, take: bool) {
    for d in world.arrivals.drawn.workloads() {
        let actions = &world.plan.workloads[d.workload].actions;
        for (a, action) in actions.iter().enumerate() {
            let n = world.counters.take_counted(d.first_action + a);
            if n == 0 {
                continue;
            }
            let record = world.counters.of(second * SECOND);
            for &(class_index, each) in &action.requests {
                let class = world.classes.of(class_index as u32);
                let n = n * u64::from(each);
                class.count(record, class_index, n);
                if let Some(quota) = class.request_rate() {
                    let quota = world.quotas.of(quota);
                    quota.count(n);
                    if take {
                        quota.take_counted(n);
                    }
                }
                for l in class.kms_steps() {
                    let state = world.classes.kms_step(l);
                    for &q in state.quotas() {
                        let quota = world.quotas.of(q as usize);
                        quota.count(n);
                        if take {
                            quota.take_counted(n);
                        }
                    }
                }
            }
        }
    }
}
