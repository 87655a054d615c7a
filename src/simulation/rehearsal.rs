//! What a run counts in quiet stretches, for others that differ from it in their limits only.
//!
//! A search for a quota runs the same arrivals again and again, and most of their seconds are quiet under every limit that
//! is tried. What such a second counts depends on its arrivals alone. So one run keeps what it counts, stretch by stretch
//! ([`QuietTime`]); where nothing is under way, the others add it up at once if their quotas surely admit it: the same
//! digits as second after second.

use crate::model::Kind;
use crate::simulation::state::kept_splits::KeptSplits;
use crate::simulation::state::rehearsal::STRETCH_S;
pub use crate::simulation::state::rehearsal::{QuietTime, Rehearsal};
use crate::simulation::world::World;
use std::ops::Range;

/// What of `wanted` a component can do: a stretch must depend on its own arrivals and on nothing else.
pub fn possible<'a>(world: &World<'a>, wanted: Rehearsal<'a>) -> Rehearsal<'a> {
    let mut workloads = world.plan.workloads.iter();
    let possible = !world.options.simulate_all
        && world.options.sample == 0
        && !world.options.decisive
        && world.workloads.guarded().is_empty()
        && !world.workloads.have_uploads()
        && !world.quotas.has_timed()
        && workloads.all(|w| w.after.is_none() && !matches!(w.kind, Kind::Trace { .. }));
    if possible { wanted } else { Rehearsal::None }
}

/// Takes up what others have kept, before the first second.
pub fn begin(world: &mut World<'_>) {
    match world.options.rehearsal {
        Rehearsal::None => {}
        Rehearsal::Keep(splits) => world.kept_splits = Some(KeptSplits::with_room(splits)),
        Rehearsal::Repeat(quiet) => {
            world.kept_splits = Some(quiet.take_splits());
            if world.options.lost_at.is_some() {
                foresee_losses(world, quiet);
            }
        }
    }
}

/// Leaves to others what was kept, after the last second.
pub fn end(world: &mut World<'_>) {
    let Some(splits) = world.kept_splits.take() else {
        return;
    };
    match world.options.rehearsal {
        Rehearsal::None => {}
        Rehearsal::Keep(_) => world.rehearsed.put_splits(splits),
        Rehearsal::Repeat(quiet) => quiet.put_splits(splits),
    }
}

/// Adds up what quotas surely refuse. Where each request needs one call, which one quota decides about, its first attempt
/// comes when it arrives, whatever the limits are. Of the attempts of a second that is a window of its own, all are refused
/// that it has no room for.
fn foresee_losses(world: &mut World<'_>, quiet: &QuietTime) {
    let mut actions = world.workloads.open().iter().flat_map(|&w| {
        let first = world.workloads.of(w).first_action();
        &world.actions[first..first + world.plan.workloads[w].actions.len()]
    });
    let has_one_need = |c: u32| world.classes.of(c).only_quota().is_some();
    if !actions.all(|a| a.demand().is_empty() || a.classes().all(has_one_need)) {
        return;
    }
    let used = 0..world.quotas.used().len();
    let seconds = || 0..quiet.end().min(world.plan.horizon_s);
    let of = |used| seconds().map(|s| surely_lost(world, quiet, used, s)).sum();
    world.coming_losses = used.map(of).collect();
}

/// How many attempts a used quota surely refuses in a second.
fn surely_lost(world: &World<'_>, quiet: &QuietTime, used: usize, second: u64) -> u64 {
    let quota = world.quotas.used()[used];
    let most = world.quotas.most_in(quota, second);
    most.map_or(0, |most| {
        quiet.attempts_in(used, second).saturating_sub(most)
    })
}

/// What is lost in a second that is to be passed is no longer to come.
pub fn pass_losses(world: &mut World<'_>, second: u64) {
    let Rehearsal::Repeat(quiet) = world.options.rehearsal else {
        return;
    };
    for used in 0..world.coming_losses.len() {
        world.coming_losses[used] -= match second < world.plan.horizon_s {
            true => surely_lost(world, quiet, used, second),
            false => 0,
        };
    }
}

/// Keeps what was counted in a second in which nothing was looked at, where others want it.
#[inline(always)]
pub fn keep(world: &mut World<'_>, second: u64) {
    if matches!(world.options.rehearsal, Rehearsal::Keep(_)) && second < world.plan.horizon_s {
        let arrivals = &world.arrivals;
        let actions = arrivals.selection.actions().iter().map(|&a| a as usize);
        let counts = arrivals.drawn.counts().iter().copied();
        let attempts = world.quotas.attempts();
        world
            .rehearsed
            .count(second, world.actions.len(), actions.zip(counts), attempts);
    }
}

/// The first second from `second` on that has to be passed by itself; those before it have been counted.
pub fn repeat(world: &mut World<'_>, mut second: u64) -> u64 {
    let Rehearsal::Repeat(quiet) = world.options.rehearsal else {
        return second;
    };
    // What is repeated puts nothing under way.
    let mut next = None;
    while let Some(stretch) = quiet.stretch(second) {
        let seconds = second..second + STRETCH_S;
        let next = *next.get_or_insert_with(|| world.calendar.next_second());
        if next.is_some_and(|next| next < seconds.end) {
            break;
        }
        if !is_at_rest(world, &seconds) || !world.quotas.admit_each(&seconds, stretch.most()) {
            break;
        }
        world.counters.count_stretch(second, stretch.counts());
        let measured = second >= world.plan.warm_up_s;
        let record = world.counters.record();
        record.seconds_counted += STRETCH_S;
        for (used, &q) in world.quotas.used().iter().enumerate() {
            let Some(record) = &mut record.quotas[q] else {
                continue;
            };
            for (at, &attempts) in seconds.clone().zip(stretch.attempts(used)) {
                let limit = world.quotas.per_second(q, at);
                record.second(at, attempts, 0, attempts, limit, measured);
            }
        }
        second = seconds.end;
    }
    second
}

/// Whether nothing is under way but what the calendar holds that could reach into some seconds, and all of them are counted
/// alike.
fn is_at_rest(world: &mut World<'_>, seconds: &Range<u64>) -> bool {
    let (plan, end) = (world.plan, seconds.end);
    let month = plan.months.of(end - 1);
    let in_debt = |&w: &usize| world.workloads.of(w).retries.has_debts();
    end <= plan.horizon_s
        && (plan.warm_up_s <= seconds.start || end <= plan.warm_up_s)
        && !world.workloads.jobs_run()
        && !world.workloads.open().iter().any(in_debt)
        && world.counters.record().periods.len() >= month
}
