//! What was counted and tallied is added to the record.

use crate::engine::SECOND;
use crate::simulation::state::class::{SEVERAL, Tally, UNLIMITED};
use crate::simulation::world::World;

/// Adds what was counted to the counters; with `take`, its room is taken from the quotas too.
pub fn add_counted(world: &mut World<'_>, second: u64, take: bool) {
    for d in &world.drawn.workloads {
        let actions = &world.plan.workloads[d.workload].actions;
        for (a, action) in actions.iter().enumerate() {
            let n = std::mem::take(&mut world.counters.counted[d.first_action + a]);
            if n == 0 {
                continue;
            }
            let record = world.counters.of(second * SECOND);
            for &(class_index, each) in &action.requests {
                let class = &world.classes[class_index];
                let n = n * u64::from(each);
                class.count(record, class_index, n);
                if class.request_rate != UNLIMITED {
                    let quota = &mut world.quotas[class.request_rate as usize];
                    quota.attempts += n;
                    if take {
                        quota.limiter.take_counted(n);
                    }
                }
                for l in class.lanes() {
                    let state = &world.lanes[l];
                    for &q in state.quotas() {
                        let quota = &mut world.quotas[q as usize];
                        quota.attempts += n;
                        if take {
                            quota.limiter.take_counted(n);
                        }
                    }
                }
            }
        }
    }
}

/// Adds what the classes tallied and whole seconds counted to the record.
pub fn add_tallies(world: &mut World<'_>) {
    let records = [&mut world.counters.record, &mut world.counters.unmeasured];
    for (whole, record) in world.counters.whole.iter_mut().zip(records) {
        let actions = world.plan.workloads.iter().flat_map(|w| &w.actions);
        for (n, action) in whole.iter_mut().zip(actions) {
            let n = std::mem::take(n);
            for &(class, each) in action.requests.iter().filter(|_| n > 0) {
                world.classes[class].count(record, class, n * u64::from(each));
            }
        }
    }
    for (c, class) in world.classes.iter_mut().enumerate() {
        let records = [&mut world.counters.record, &mut world.counters.unmeasured];
        for (tally, record) in class.tally.iter_mut().zip(records) {
            let delays = std::mem::take(&mut tally.delays);
            let tally = std::mem::replace(
                tally,
                Tally {
                    delays,
                    ..Tally::default()
                },
            );
            record.classes[c].failed += tally.failed;
            if class.only_quota == SEVERAL {
                continue;
            }
            let admitted = tally.undelayed + tally.delayed;
            let attempts = admitted + tally.throttled;
            record.attempts_expanded += attempts;
            let count = &mut record.classes[c];
            count.requests += tally.requests;
            count.succeeded += admitted;
            count.undelayed[1] += tally.undelayed;
            let lane = &mut record.lanes[class.first_lane as usize];
            lane.needs += tally.requests;
            lane.calls += tally.requests;
            lane.attempts += attempts;
            lane.throttled_by[0] += tally.throttled;
        }
    }
}
