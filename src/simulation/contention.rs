//! A contended second, slot by slot: counted until the room runs out, in order where it does, and after it
//! only the losers.

use crate::engine::SECOND;
use crate::engine::calendar::SLOT_NS;
use crate::engine::calendar::SLOTS;
use crate::engine::limiter::Tokens;
use crate::model::arrivals::in_slot;
use crate::simulation::arrivals::spread;
use crate::simulation::beside::{begin_beside, pass_beside};
use crate::simulation::held::recover;
use crate::simulation::jobs::{has_job_start, start_jobs};
use crate::simulation::losers::lose_slot;
use crate::simulation::offer::{arrive, lose_at, offer, win_at};
use crate::simulation::slots::{add_new, any_listed, begin_slot, count_slot, in_order};
use crate::simulation::totals::add_counted;
use crate::simulation::world::World;

/// A second in which somebody may be throttled: slot by slot.
pub fn contend(world: &mut World<'_>, second: u64) {
    recover(world, second);
    world.workloads.order_guarded(true);
    // How many requests a running job sends depends on the answers, and so does how much of an upload is: where that has
    // no bound, every slot is open. So it is where no quota can tell what it has left without instants.
    let has_jobs = world.workloads.jobs_run() || has_job_start(world, second);
    let is_beside = has_jobs && begin_beside(world);
    if !is_beside {
        let is_weighed = !(world.options.simulate_all
            || has_jobs
            || world.workloads.have_uploads()
            || world.workloads.are_paced()
            || world.quotas.all_timed());
        if is_weighed {
            world.quotas.weigh();
        } else {
            world.quotas.stop_weighing();
        }
        spread(world, false);
    }
    world.calendar.open(second);
    start_jobs(world, second);
    let mut first = 0;
    if is_beside {
        match pass_beside(world, second) {
            Some(slot) => first = slot,
            None => return,
        }
    }
    for slot in first..SLOTS {
        if world.options.is_cancelled() {
            return;
        }
        if !begin_slot(world, slot) {
            continue;
        }
        let verdict = if world.quotas.are_weighed() {
            verdict(world, second, slot, has_jobs)
        } else {
            SlotVerdict::Open
        };
        match verdict {
            SlotVerdict::Quiet => count_slot(world, slot, second),
            SlotVerdict::Exhausted if !has_jobs && !world.workloads.have_memory() => {
                if !world.workloads.have_quotas() {
                    in_any_order(world, slot, second);
                } else if world.arrivals.spread.is_streamed() {
                    in_order(world, slot, false);
                } else {
                    lose_slot(world, slot, second);
                }
            }
            SlotVerdict::Exhausted | SlotVerdict::Open => contest(world, slot, second),
        }
    }
    add_counted(world, second, false);
}

/// What is known of a slot before looking into it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SlotVerdict {
    /// Every quota asked for has room for all.
    Quiet,
    /// Every quota asked for has room for none.
    Exhausted,
    /// It depends on the order.
    Open,
}

/// What the quotas say of a slot, which has begun.
fn verdict(world: &mut World<'_>, second: u64, slot: usize, has_jobs: bool) -> SlotVerdict {
    // The new arrivals were weighed when they were spread.
    let (classes, quotas) = (&world.classes, &mut world.quotas);
    match quotas.sole() {
        Some(q) => quotas
            .of(q)
            .expect_in_slot(slot, world.calendar.scheduled()),
        None => world.calendar.events_of_slot().for_each(|request| {
            classes.for_each_asked(request.class, |q| quotas.of(q).expect_in_slot(slot, 1));
        }),
    }
    let jobs = match has_jobs {
        true => world.workloads.most_of_jobs(),
        false => None,
    };
    let (quiet, exhausted) = world.quotas.room_for_slot(second, slot, jobs);
    match (quiet, exhausted) {
        (true, _) => SlotVerdict::Quiet,
        (false, true) => SlotVerdict::Exhausted,
        (false, false) => SlotVerdict::Open,
    }
}

/// A slot in which some may win and some lose.
fn contest(world: &mut World<'_>, slot: usize, second: u64) {
    let start = second * SECOND + slot as u64 * SLOT_NS;
    // Retry quotas need the order of what is won and lost, and what is found one by one is in order.
    let is_ordered = world.workloads.have_quotas() || world.arrivals.spread.is_streamed();
    let sole_quota = world.quotas.sole().filter(|_| !is_ordered);
    let tokens =
        sole_quota.and_then(|q| Some((q, world.quotas.of(q).tokens(start, start + SLOT_NS)?)));
    match tokens {
        Some((q, tokens)) => between_tokens(world, slot, q, tokens, start + SLOT_NS),
        None => in_order(world, slot, false),
    }
}

/// A slot that ends at `end`, in which the tokens of one quota alone decide: of the attempts that come
/// between one token and the next the first ones win, as many as there are tokens, and the others lose,
/// in whatever order; so do their retries before the next token.
fn between_tokens(world: &mut World<'_>, slot: usize, quota: usize, tokens: Tokens, end: u64) {
    add_new(world, slot, false, true);
    let parts = tokens.most() as usize + 1;
    // With far more tokens than attempts, order is had for less.
    let (won, lost) = if parts <= 32 + 4 * world.calendar.slot_len() {
        decide_parts(world, parts, tokens)
    } else {
        decide_each(world, tokens)
    };
    world.quotas.of(quota).decide(end, won, lost);
}

/// Does so attempt by attempt; returns how many won and lost.
fn decide_each(world: &mut World<'_>, tokens: Tokens) -> (u64, u64) {
    let (mut won, mut lost) = (0, 0);
    while let Some(place) = world.calendar.take_next() {
        if won < tokens.first() + tokens.come(world.calendar.entry(place).at) {
            win_at(world, place);
            won += 1;
        } else {
            lose_at(world, place);
            lost += 1;
        }
    }
    (won, lost)
}

/// Does so token by token, each of which begins a part.
#[inline(always)]
fn decide_parts(world: &mut World<'_>, parts: usize, tokens: Tokens) -> (u64, u64) {
    let (mut won, mut lost) = (0, 0);
    let part_of = |at| tokens.come(at) as usize;
    world.calendar.cut(parts, part_of);
    for part in 0..parts {
        let come = tokens.first() + part as u64;
        // One after another, unless that would be many walks through the part.
        let sorted = won + 4 < come;
        if sorted {
            world.calendar.sort_part(part);
        }
        while won < come
            && let Some(place) = match sorted {
                true => world.calendar.take_any_of(part),
                false => world.calendar.take_first(part),
            }
        {
            win_at(world, place);
            won += 1;
        }
        while world.calendar.holds_part(part) {
            while let Some(place) = world.calendar.take_any_of(part) {
                lose_at(world, place);
                lost += 1;
            }
            world.calendar.cut_late(part_of);
        }
    }
    (won, lost)
}

/// A slot in which all lose, and nothing else depends on their order.
fn in_any_order(world: &mut World<'_>, slot: usize, second: u64) {
    let base = second * SECOND;
    for s in 0..world.arrivals.spread.splits() {
        let (split, n) = world.arrivals.spread.split_in(s, slot);
        in_slot(split.key, slot, n, |at, index, key| {
            arrive(world, base + at, &split.arrival(index, key));
        });
    }
    any_listed(world, slot, second, offer);
}
