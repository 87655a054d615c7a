//! A run, second after second.

use crate::simulation::arrivals::draw;
use crate::simulation::certificate::certify;
use crate::simulation::contention::contend;
use crate::simulation::counting::quiet;
use crate::simulation::guarded::{order_guarded, remember};
use crate::simulation::jobs::finish_open;
use crate::simulation::options::Cancelled;
use crate::simulation::record::QuotaRecord;
use crate::simulation::totals::add_tallies;
use crate::simulation::world::World;
use std::sync::atomic::Ordering;

pub fn run(world: &mut World<'_>) -> Result<(), Cancelled> {
    for &q in &world.quotas_here {
        world.counters.record.quotas[q] = Some(QuotaRecord::new(world.plan.horizon_s));
    }
    for &w in &world.jobs {
        world.counters.record.jobs[w] = Some(None);
    }
    let horizon = world.plan.horizon_s;
    let (mut second, mut shown) = (0, 0);
    loop {
        if second >= horizon {
            match world.calendar.next_second() {
                Some(next) => second = second.max(next),
                None => break,
            }
        }
        pass_second(world, second);
        // What a second has left unfinished is looked at by nobody.
        if world.options.is_cancelled() {
            return Err(Cancelled);
        }
        second += 1;
        // Not every second: the counter is shared by all threads.
        if let Some(progress) = world.options.progress
            && (second.is_multiple_of(64) || second == horizon)
            && second <= horizon
        {
            progress.fetch_add(second - shown, Ordering::Relaxed);
            shown = second;
        }
    }
    add_tallies(world);
    for (c, class) in world.classes.iter_mut().enumerate() {
        let records = [&mut world.counters.record, &mut world.counters.unmeasured];
        for (tally, record) in class.tally.iter_mut().zip(records) {
            record.delays[c] = std::mem::take(&mut tally.delays);
        }
    }
    world.counters.record.attempts_expanded += world.counters.unmeasured.attempts_expanded;
    world
        .counters
        .record
        .close_periods(second.saturating_sub(1));
    Ok(())
}

/// One second: draw, certify, then count or go through its slots.
fn pass_second(world: &mut World<'_>, second: u64) {
    if world.counters.record.closes_periods(second) {
        add_tallies(world);
        world.counters.record.close_periods(second);
    }
    finish_open(world, second);
    order_guarded(world, false);
    draw(world, second);
    remember(world, second);
    if !world.options.simulate_all && certify(world, second) {
        quiet(world, second);
    } else {
        contend(world, second);
    }
    sample_second(world, second);
    let measured = second >= world.plan.warm_up_s;
    for &q in &world.quotas_here {
        let quota = &mut world.quotas[q];
        if quota.attempts > 0 {
            let in_call_count = if world.plan.counting.throttled_attempts_in_call_count {
                quota.attempts
            } else {
                quota.attempts - quota.throttled
            };
            if let Some(record) = &mut world.counters.record.quotas[q] {
                let per_second = quota.limiter.per_second(second);
                record.second(
                    second,
                    quota.attempts,
                    quota.throttled,
                    in_call_count,
                    per_second,
                    measured,
                );
            }
            quota.attempts = 0;
            quota.throttled = 0;
        }
    }
}

/// Samples what the second added to the counters.
fn sample_second(world: &mut World<'_>, second: u64) {
    let Some(mut sampler) = world.sampler.take() else {
        return;
    };
    add_tallies(world);
    let record = &world.counters.record;
    sampler.second(world.plan, &record.lanes, &record.classes, second);
    world.sampler = Some(sampler);
}
