//! What everything that is drawn of a counted second shares: the mark of its keys, and calls in place of needs that were met.

use crate::engine::SECOND;
use crate::simulation::world::World;

/// Marks the keys of what is drawn in a counted second apart from those of arrivals.
pub(super) const MISSES: u64 = 1 << 61;

/// Turns needs that were taken for met into admitted calls.
pub(super) fn count_calls(world: &mut World<'_>, second: u64, l: usize, calls: u64) {
    let record = &mut world.counters.of(second * SECOND).kms_steps[l];
    record.met -= calls;
    record.calls += calls;
    record.attempts += calls;
    for &q in world.classes.kms_step(l).quotas() {
        let quota = world.quotas.of(q as usize);
        quota.count(calls);
        quota.take_counted(calls);
    }
}
