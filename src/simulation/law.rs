//! A run, second after second.

use crate::simulation::arrivals::draw;
use crate::simulation::certificate::certify;
use crate::simulation::contention::contend;
use crate::simulation::counting::quiet;
use crate::simulation::guarded::remember;
use crate::simulation::idle::pass_over;
use crate::simulation::jobs::finish_open;
use crate::simulation::options::Cancelled;
use crate::simulation::record::QuotaRecord;
use crate::simulation::rehearsal::{begin, end, pass_losses, repeat};
use crate::simulation::world::World;
use std::sync::atomic::Ordering;

pub fn run(world: &mut World<'_>) -> Result<(), Cancelled> {
    for &q in world.quotas.used() {
        let mut record = QuotaRecord::new(world.plan.horizon_s);
        record.every_second = world.options.every_second.then(Vec::new);
        world.counters.record().quotas[q] = Some(record);
    }
    for &w in world.workloads.jobs() {
        world.counters.record().jobs[w] = Some(None);
    }
    begin(world);
    let horizon = world.plan.horizon_s;
    let (mut second, mut shown) = (0, 0);
    loop {
        if is_lost(world) {
            world.counters.record().is_lost = true;
            break;
        }
        if second < horizon {
            second = pass_over(world, second);
            second = repeat(world, second);
        }
        // Not every second: the counter is shared by all threads.
        if let Some(progress) = world.options.progress
            && shown < horizon
            && (second >= shown + 64 || second >= horizon)
        {
            let passed = second.min(horizon);
            progress.fetch_add(passed - shown, Ordering::Relaxed);
            shown = passed;
        }
        if second >= horizon {
            match world.calendar.next_second() {
                Some(next) => second = second.max(next),
                None => break,
            }
        }
        pass_losses(world, second);
        pass_second(world, second);
        // What a second has left unfinished is looked at by nobody.
        if world.options.is_cancelled() {
            return Err(Cancelled);
        }
        second += 1;
    }
    end(world);
    let last = second.saturating_sub(1);
    world.counters.end(world.plan, &mut world.classes, last);
    Ok(())
}

/// Whether so many attempts of one quota have been throttled, or surely will be, that nobody asks how it goes on.
fn is_lost(world: &mut World<'_>) -> bool {
    let Some(lost_at) = world.options.lost_at else {
        return false;
    };
    let quotas = &world.counters.record().quotas;
    let is_so = |(used, &q): (usize, &usize)| {
        let coming = world.coming_losses.get(used).copied().unwrap_or(0);
        let seen = quotas[q].as_ref().map_or(0, |quota| quota.throttled);
        seen + coming >= lost_at
    };
    world.quotas.used().iter().enumerate().any(is_so)
}

/// One second: draw, certify, then count or go through its slots.
fn pass_second(world: &mut World<'_>, second: u64) {
    let month = world.plan.months.of(second);
    if world.counters.record().periods.len() < month {
        add_tallies(world);
        world.counters.record().close_periods(month);
    }
    finish_open(world, second);
    world.workloads.order_guarded(false);
    draw(world, second);
    remember(world, second);
    let looked_at = if !world.options.simulate_all && certify(world, second) {
        quiet(world, second)
    } else {
        contend(world, second);
        true
    };
    hold_second(world, second, looked_at);
    sample_second(world, second);
    let measured = second >= world.plan.warm_up_s;
    let throttled_count = world.plan.counting.throttled_attempts_in_call_count;
    let records = &mut world.counters.record().quotas;
    let decisive = &mut world.decisive;
    world.quotas.for_each(|q, quota| {
        if let (Some(seen), Some(record)) = (quota.end_second(second), &mut records[q]) {
            let in_call_count = if throttled_count {
                seen.attempts
            } else {
                seen.attempts - seen.throttled
            };
            record.second(
                second,
                seen.attempts,
                seen.throttled,
                in_call_count,
                seen.per_second,
                measured,
            );
            if let Some(decisive) = decisive {
                decisive.end_second(q, second, &seen, measured);
            }
        }
    });
}

/// Adds what was tallied to the counters.
fn add_tallies(world: &mut World<'_>) {
    world.counters.add_tallies(world.plan, &mut world.classes);
    if let Some(decisive) = &mut world.decisive {
        decisive.resume(&world.counters.records(), &world.classes);
    }
}

/// Has what a second held remembered, for it may turn out to be decisive.
fn hold_second(world: &mut World<'_>, second: u64, looked_at: bool) {
    let Some(decisive) = &mut world.decisive else {
        return;
    };
    if looked_at {
        decisive.hold(second, &world.counters.records(), &world.classes);
    } else {
        decisive.hold_counted(second, &world.arrivals.selection, &world.arrivals.drawn);
    }
}

/// Samples what the second added to the counters.
fn sample_second(world: &mut World<'_>, second: u64) {
    let Some(mut sampler) = world.sampler.take() else {
        return;
    };
    add_tallies(world);
    let record = world.counters.record();
    sampler.second(world.plan, &record.kms_steps, &record.classes, second);
    world.sampler = Some(sampler);
}
