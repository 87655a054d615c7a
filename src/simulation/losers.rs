//! Fully throttled slots: which requests may retry, and in which order where that matters.

use crate::engine::SECOND;
use crate::engine::calendar::{EventPlace, SLOT_NS, Scheduled};
use crate::model::arrivals::in_slot;
use crate::simulation::life::{fail, schedule_retry};
use crate::simulation::offer::offer;
use crate::simulation::state::drawn::Arrival;
use crate::simulation::state::loser::Loser;
use crate::simulation::state::lost::Lost;
use crate::simulation::state::request::RequestState;
use crate::simulation::state::spread::Split;
use crate::simulation::world::World;

/// A slot in which all lose, where retry quotas may run dry.
///
/// Order matters only between losers of one client that cannot pay for all their retries. So
/// they are looked at twice: to add up what the losers of each client ask for, and to decide.
// Not inlined, so that a profile can tell what losers cost.
#[inline(never)]
pub fn lose_slot(world: &mut World<'_>, slot: usize, second: u64) {
    let end = second * SECOND + (slot as u64 + 1) * SLOT_NS;
    let mut lost = std::mem::take(&mut world.lost);
    lost.clear();
    for s in 0..world.arrivals.spread.splits() {
        let (split, n) = world.arrivals.spread.split_in(s, slot);
        if !gather_split(world, split, n, slot, end, &mut lost) {
            add_split(world, split, n, slot, second, &mut lost);
        }
    }
    while let Some((at, arrival)) = world.arrivals.spread.take_next(slot) {
        add_arrival(world, second * SECOND + at, &arrival, &mut lost);
    }
    gather_others(world, end, &mut lost);
    for n in 0..lost.groups() {
        lose_newcomers(world, n, end, &mut lost);
    }
    lose_others(world, end, &mut lost);
    for (loser, at) in lost.drain_again() {
        lose_again(world, loser, at, end);
    }
    lose_in_order(world, &mut lost, end);
    world.lost = lost;
}

/// Refuses what the calendar holds for a slot that ends at `end`, and counts what it asks for.
fn gather_others(world: &mut World<'_>, end: u64, lost: &mut Lost) {
    let (classes, workloads, quotas) =
        (&mut world.classes, &mut world.workloads, &mut world.quotas);
    let (latency, warm_up) = (&world.plan.throttled_latency, world.counters.warm_up());
    let sole_quota = quotas.sole();
    let mut refused = 0;
    world.calendar.take_all(|place, at, request| {
        let class = classes.of_mut(request.class);
        let Some(quota) = class.only_quota() else {
            return lost.put_aside(place);
        };
        match sole_quota {
            Some(_) => refused += 1,
            None => quotas.of(quota).refuse(1),
        }
        let (w, answer) = (class.workload(), class.answer());
        let tally = class.tally(request.arrived < warm_up);
        tally.request(u64::from(request.throttled == 0));
        tally.throttle(1);
        let state = workloads.of_mut(w);
        if state.retries.is_last_attempt(request, answer) {
            tally.fail(1);
            state.fails(request);
        } else {
            let payer = state.payer(request);
            state
                .retries
                .ask(latency, at, request, (payer, answer), end);
            lost.add(place, payer);
        }
    });
    if let Some(q) = sole_quota {
        quotas.of(q).refuse(refused);
    }
    while let Some(place) = lost.take_aside() {
        gather_several(world, place, end, lost);
    }
}

/// Does so with a request that needs more than one quota's word.
fn gather_several(world: &mut World<'_>, place: EventPlace, end: u64, lost: &mut Lost) {
    let Scheduled { at, event } = world.calendar.entry(place);
    let class = world.classes.of(event.class);
    let (w, answer) = (class.workload(), class.answer());
    let payer = if !class.needs_no_quota() {
        let mut request = event;
        refuse(world, &mut request);
        *world.calendar.event_mut(place) = request;
        let latency = &world.plan.throttled_latency;
        let state = world.workloads.of_mut(w);
        if state.retries.is_last_attempt(&request, answer) {
            return fail(world, &request, w, false);
        }
        let payer = state.payer(&request);
        state
            .retries
            .ask(latency, at, &request, (payer, answer), end);
        payer
    } else {
        let state = world.workloads.of_mut(w);
        if !state.retries.has_quotas() {
            return offer(world, at, &event);
        }
        let payer = state.payer(&event);
        // Its success gives something back in the midst of the others.
        state.retries.contest(payer);
        payer
    };
    lost.add(place, payer);
}

/// Counts the new requests that a split has in a slot and what they ask for, where they are of one class and
/// have retry quotas.
fn gather_split(
    world: &mut World<'_>,
    split: Split,
    n: u32,
    slot: usize,
    end: u64,
    lost: &mut Lost,
) -> bool {
    let action = &world.actions[split.action as usize];
    let class_index = action.first_class();
    let class = world.classes.of_mut(class_index);
    let state = world.workloads.of_mut(split.workload as usize);

    let retries = &mut state.retries;
    let Some(quota) = class.only_quota().filter(|_| retries.has_quotas()) else {
        return false;
    };
    if action.requests() > 1 || retries.are_none(class.answer()) {
        return false;
    }
    let answer = class.answer();
    // All are alike: what they count is added at once.
    let tally = class.tally(world.counters.in_warm_up(end - 1));
    tally.request(u64::from(n));
    tally.throttle(u64::from(n));
    world.quotas.of(quota).refuse(u64::from(n));
    let latency = &world.plan.throttled_latency;
    lost.add_newcomers(
        retries,
        latency,
        (class_index, n, answer),
        (split.key, slot, end),
    );
    true
}

/// Lets a group of newcomers try again or fail unless order decides about their clients'.
fn lose_newcomers(world: &mut World<'_>, group: usize, end: u64, lost: &mut Lost) {
    let class = world.classes.of_mut(lost.class_of(group));
    let state = world.workloads.of_mut(class.workload());
    let (latency, calendar) = (&world.plan.throttled_latency, &mut world.calendar);
    let schedule = |at, request| calendar.push(at, request);
    let decided = lost.decide_newcomers(
        group,
        &mut state.retries,
        (latency, class.answer()),
        schedule,
    );
    state.put_off_new(decided.waiting);
    class
        .tally(world.counters.in_warm_up(end - 1))
        .fail(decided.failed);
}

/// Lets the others do so.
fn lose_others(world: &mut World<'_>, end: u64, lost: &mut Lost) {
    let (classes, workloads, calendar) = (
        &mut world.classes,
        &mut world.workloads,
        &mut world.calendar,
    );
    let latency = &world.plan.throttled_latency;
    for i in 0..lost.others() {
        let (place, payer) = lost.other(i);
        let (at, request) = calendar.look(place);
        let class = classes.of_mut(request.class);
        let state = workloads.of_mut(class.workload());
        let loser = Loser {
            at,
            new: 0,
            request: *request,
            client: payer,
        };
        let Some(paid) = state.retries.pay_asked(payer, class.answer()) else {
            lost.contest(loser, calendar.number_of_new(place));
            continue;
        };
        if !paid {
            class
                .tally(world.counters.in_warm_up(request.arrived))
                .fail(1);
            state.fails(request);
            continue;
        }
        state.puts_off(request);
        let next = state
            .retries
            .next_attempt(latency, at, request, class.answer());
        if next < end {
            lost.try_again(loser, next);
            continue;
        }
        let throttled = request.throttled + 1;
        calendar.push_again(next, place, |retry| retry.throttled = throttled);
    }
}

/// Adds them to what the calendar holds for the slot.
fn add_split(
    world: &mut World<'_>,
    split: Split,
    n: u32,
    slot: usize,
    second: u64,
    lost: &mut Lost,
) {
    in_slot(split.key, slot, n, |at, index, key| {
        add_arrival(
            world,
            second * SECOND + at,
            &split.arrival(index, key),
            lost,
        );
    });
}

/// Adds the requests of a new arrival to what the calendar holds for the slot.
fn add_arrival(world: &mut World<'_>, at: u64, arrival: &Arrival, lost: &mut Lost) {
    let action = &world.actions[arrival.action as usize];
    action.requests_of(at, arrival, |request| {
        lost.number_new();
        world.calendar.add_new(at, request);
    });
}

/// Decides about the losers of contested clients in order of time.
fn lose_in_order(world: &mut World<'_>, lost: &mut Lost, end: u64) {
    lost.sort_contested();
    while let Some(l) = lost.next_contested() {
        let class = world.classes.of(l.request.class);
        let state = world.workloads.of_mut(class.workload());
        state.retries.settle(l.client);
        if class.needs_no_quota() {
            offer(world, l.at, &l.request);
        } else if let Some(again) = decide(world, &l, end) {
            lost.contest_again(again);
        }
    }
}

/// Counts the refusal of a loser by S3's request rate, or of its first need.
#[inline]
fn refuse(world: &mut World<'_>, request: &mut RequestState) {
    let class = world.classes.of_mut(request.class);
    let first = u64::from(request.throttled == 0);
    let quota = if let Some(quota) = class.request_rate() {
        let count = &mut world.counters.of(request.arrived).classes[request.class as usize];
        count.requests += first;
        count.tries += 1;
        count.tries_throttled += 1;
        world.counters.expand(1);
        quota
    } else if let Some(quota) = class.only_quota() {
        let tally = class.tally(world.counters.in_warm_up(request.arrived));
        tally.request(first);
        tally.throttle(1);
        quota
    } else {
        request.looked_up = request.looked_up.max(1);
        request.called |= 1;
        let first_kms_step = class.kms_steps().start;
        let record = world.counters.of(request.arrived);
        record.classes[request.class as usize].requests += first;
        let count = &mut record.kms_steps[first_kms_step];
        count.needs += first;
        count.calls += first;
        count.attempts += 1;
        count.throttled_by[0] += 1;
        world.counters.expand(1);
        world.classes.kms_step(first_kms_step).quotas()[0] as usize
    };
    world.quotas.of(quota).refuse(1);
}

/// Lets a refused loser try again or fail. A retry within the slot is refused too and given
/// back.
fn decide(world: &mut World<'_>, l: &Loser, end: u64) -> Option<Loser> {
    let class = world.classes.of(l.request.class);
    let (w, answer) = (class.workload(), class.answer());
    let state = world.workloads.of_mut(w);
    let latency = &world.plan.throttled_latency;
    match state.tries_again(latency, l.at, &l.request, answer, |_| l.client) {
        None => fail(world, &l.request, w, false),
        Some(at) if at < end => return Some(refused_again(world, *l, at)),
        Some(at) => schedule_retry(world, at, &l.request),
    }
    None
}

/// The refused retry of a loser within its slot.
fn refused_again(world: &mut World<'_>, mut l: Loser, at: u64) -> Loser {
    l.at = at;
    l.new = 0;
    l.request.throttled += 1;
    refuse(world, &mut l.request);
    l
}

/// Decides about the retries of a loser that fall into its slot, the first of them at `at`.
#[cold]
fn lose_again(world: &mut World<'_>, l: Loser, at: u64, end: u64) {
    let mut retry = refused_again(world, l, at);
    while let Some(again) = decide(world, &retry, end) {
        retry = again;
    }
}
