//! Fully throttled slots: which requests may retry, and in which order where that matters.

use crate::engine::SECOND;
use crate::engine::calendar::{EventPlace, SLOT_NS, Scheduled};
use crate::model::arrivals::{in_slot, keys_in_slot, number_in_slot};
use crate::simulation::life::{fail, schedule_retry};
use crate::simulation::offer::offer;
use crate::simulation::state::drawn::Arrival;
use crate::simulation::state::lost::{Loser, Lost, NOBODY, Newcomers, Other, Refused};
use crate::simulation::state::request::{RequestState, client};
use crate::simulation::state::spread::Split;
use crate::simulation::state::workload::next_attempt;
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
    for s in 0..world.arrivals.spread.splits.len() {
        let split = world.arrivals.spread.splits[s];
        if !gather_split(world, split, slot, end, &mut lost) {
            add_split(world, split, slot, second, &mut lost);
        }
    }
    while let Some((at, arrival)) = world.arrivals.spread.take_listed(slot) {
        add_arrival(world, second * SECOND + at, &arrival, &mut lost);
    }
    gather_others(world, end, &mut lost);
    for n in 0..lost.newcomers.len() {
        lose_newcomers(world, n, &mut lost);
    }
    lose_others(world, end, &mut lost);
    for (loser, at) in lost.again.drain(..) {
        lose_again(world, loser, at, end);
    }
    lose_in_order(world, &mut lost.contested, end);
    world.lost = lost;
}

/// Refuses what the calendar holds for a slot that ends at `end`, and counts what it asks for.
fn gather_others(world: &mut World<'_>, end: u64, lost: &mut Lost) {
    let (classes, workloads, quotas) = (
        &mut world.classes,
        &mut world.workloads.all,
        &mut world.quotas,
    );
    let (latency, warm_up) = (&world.plan.throttled_latency, world.counters.warm_up());
    let sole_quota = quotas.sole();
    let mut refused = 0;
    world.calendar.take_all(|place, at, request| {
        let class = classes.of_mut(request.class);
        let Some(quota) = class.only_quota() else {
            return lost.several.push(place);
        };
        match sole_quota {
            Some(_) => refused += 1,
            None => quotas.of(quota).refuse(1),
        }
        let w = class.workload();
        let tally = class.tally(request.arrived < warm_up);
        tally.request(u64::from(request.throttled == 0));
        tally.throttle(1);
        let state = &mut workloads[w];
        if state.is_last_attempt(request) {
            tally.fail(1);
            state.waiting -= u64::from(request.is_waiting());
        } else {
            let client = state.asks_for_retry(latency, at, request, end);
            lost.others.push(Other { place, client });
        }
    });
    if let Some(q) = sole_quota {
        quotas.of(q).refuse(refused);
    }
    while let Some(place) = lost.several.pop() {
        gather_several(world, place, end, &mut lost.others);
    }
}

/// Does so with a request that needs more than one quota's word.
fn gather_several(world: &mut World<'_>, place: EventPlace, end: u64, others: &mut Vec<Other>) {
    let Scheduled { at, event } = world.calendar.entry(place);
    let class = world.classes.of(event.class);
    let w = class.workload();
    let client = if !class.needs_no_quota() {
        let mut request = event;
        refuse(world, &mut request);
        *world.calendar.event_mut(place) = request;
        let latency = &world.plan.throttled_latency;
        let state = &mut world.workloads.all[w];
        if state.is_last_attempt(&request) {
            return fail(world, &request, w, false);
        }
        state.asks_for_retry(latency, at, &request, end)
    } else {
        let state = &mut world.workloads.all[w];
        let client = state.payer(&event);
        let Some(tokens) = &mut state.tokens else {
            return offer(world, at, &event);
        };
        // Its success gives something back in the midst of the others.
        tokens.contest(client);
        client
    };
    others.push(Other { place, client });
}

/// Counts the new requests that a split has in a slot and what they ask for, where they are of one class and
/// have retry quotas.
fn gather_split(
    world: &mut World<'_>,
    split: Split,
    slot: usize,
    end: u64,
    lost: &mut Lost,
) -> bool {
    let n = world.arrivals.spread.slot_counts[split.counts + slot];
    let action = &world.actions[split.action as usize];
    let class_index = action.class;
    let class = world.classes.of_mut(class_index);
    let state = &mut world.workloads.all[split.workload as usize];

    let (Some(tokens), Some(quota)) = (&mut state.tokens, class.only_quota()) else {
        return false;
    };
    if !action.parts.is_empty() || state.retry.policy.max_attempts == 1 {
        return false;
    }
    // All are alike: what they count is added at once.
    let tally = class.tally(world.counters.in_warm_up(end - 1));
    tally.request(u64::from(n));
    tally.throttle(u64::from(n));
    world.quotas.of(quota).refuse(u64::from(n));
    let (payers, asks) = (state.payers, state.asks);
    let refused = Refused {
        latency: &world.plan.throttled_latency,
        retry: &state.retry,
        asks,
        end,
    };
    let newcomers = Newcomers {
        class: class_index,
        index: number_in_slot(slot, 0),
        before: lost.new,
        n,
        first_key: lost.keys.len(),
        end,
    };
    let keys = (0..n).zip(keys_in_slot(split.key, slot, n));
    lost.keys.extend(keys.map(|(i, key)| {
        let client = client(key, payers);
        if tokens.ask(client, asks) {
            refused.contest(tokens, &newcomers.loser(i, key, client));
        }
        key
    }));
    lost.new += n;
    lost.newcomers.push(newcomers);
    true
}

/// Lets newcomers try again or fail unless order decides about their clients'.
fn lose_newcomers(world: &mut World<'_>, n: usize, lost: &mut Lost) {
    let Lost {
        newcomers,
        keys,
        contested,
        again,
        ..
    } = lost;
    let newcomers = newcomers[n];
    let w = world.classes.of(newcomers.class).workload();
    let state = &mut world.workloads.all[w];
    let Some(tokens) = &mut state.tokens else {
        return;
    };
    let latency = &world.plan.throttled_latency;
    let payers = state.payers;
    let (mut failed, mut waiting) = (0, 0);
    for (i, &key) in (0..newcomers.n).zip(&keys[newcomers.first_key..]) {
        let client = client(key, payers);
        let Some(paid) = tokens.take_asked(client) else {
            contested.push(newcomers.loser(i, key, client));
            continue;
        };
        if !paid {
            failed += 1;
            continue;
        }
        waiting += 1;
        let mut request = newcomers.request(i, key);
        let at = next_attempt(latency, &state.retry, request.arrived, &request);
        if at < newcomers.end {
            again.push((newcomers.loser(i, key, client), at));
            continue;
        }
        request.throttled = 1;
        world.calendar.push(at, request);
    }
    state.waiting += waiting;
    let class = world.classes.of_mut(newcomers.class);
    class
        .tally(world.counters.in_warm_up(newcomers.end - 1))
        .fail(failed);
}

/// Lets the others do so.
fn lose_others(world: &mut World<'_>, end: u64, lost: &mut Lost) {
    let (classes, workloads, calendar) = (
        &mut world.classes,
        &mut world.workloads.all,
        &mut world.calendar,
    );
    let latency = &world.plan.throttled_latency;
    for &Other { place, client } in &lost.others {
        let (at, request) = calendar.look(place);
        let class = classes.of_mut(request.class);
        let state = &mut workloads[class.workload()];
        let loser = |new| Loser {
            at,
            new,
            request: *request,
            client,
        };
        if client != NOBODY
            && let Some(tokens) = &mut state.tokens
        {
            let Some(paid) = tokens.take_asked(client) else {
                let number = calendar.number_of_new(place);
                let new = number.map_or(0, |i| lost.numbers[i as usize]);
                lost.contested.push(loser(new));
                continue;
            };
            if !paid {
                class
                    .tally(world.counters.in_warm_up(request.arrived))
                    .fail(1);
                state.waiting -= u64::from(request.is_waiting());
                continue;
            }
        }
        state.waiting += u64::from(!request.is_waiting());
        let next = next_attempt(latency, &state.retry, at, request);
        if next < end {
            lost.again.push((loser(0), next));
            continue;
        }
        let throttled = request.throttled + 1;
        calendar.push_again(next, place, |retry| retry.throttled = throttled);
    }
}

/// Adds them to what the calendar holds for the slot.
fn add_split(world: &mut World<'_>, split: Split, slot: usize, second: u64, lost: &mut Lost) {
    let n = world.arrivals.spread.slot_counts[split.counts + slot];
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
        lost.new += 1;
        lost.numbers.push(lost.new);
        world.calendar.add_new(at, request);
    });
}

/// Decides about the losers of contested clients in order of time.
fn lose_in_order(world: &mut World<'_>, contested: &mut Vec<Loser>, end: u64) {
    // The earliest stands last.
    contested.sort_unstable_by(|a, b| b.cmp(a));
    while let Some(l) = contested.pop() {
        let class = world.classes.of(l.request.class);
        if let Some(tokens) = &mut world.workloads.all[class.workload()].tokens {
            tokens.settle(l.client);
        }
        if class.needs_no_quota() {
            offer(world, l.at, &l.request);
        } else if let Some(again) = decide(world, &l, end) {
            let place = contested.partition_point(|l| *l > again);
            contested.insert(place, again);
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
    let w = world.classes.of(l.request.class).workload();
    let state = &mut world.workloads.all[w];
    let latency = &world.plan.throttled_latency;
    match state.tries_again(latency, l.at, &l.request, |_| l.client) {
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
