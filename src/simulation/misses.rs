//! What caches miss in counted seconds, drawn directly.
//!
//! In a certified second in which nothing is scheduled every call is admitted, and most needs are met by
//! keys that are held all through it. Those are counted. Looked at one by one is only what may miss:
//!
//! - reads under an archived bucket key that is not held, or expires in this second: how many there are is
//!   binomial with the sum of those keys' shares of the look-ups, which of them by those shares. A key that one
//!   of them fetches serves the later ones of the same second.
//! - messages of a process whose data key runs out of messages, bytes or time in this second, or whose
//!   producers take new data keys in it.
//!
//! - requests to another service whose caller's data key there is not held (module `service_keys`).
//!
//! So a second costs what it misses, not what it asks for. It is the same in distribution as looking at each
//! request: which object a request is for is independent of everything else, and requests take their turns at
//! the partitions.
//!
//! Not drawn, but looked at one by one: requests of traces, jobs and evenly spaced arrivals; of clients that
//! hold back, or have retries to earn back; where a quota needs instants; sliding lifetimes, keys by
//! session, single flight, and objects that were written in the run; many encryption contexts; branch keys; the second in which a
//! bucket key to write under expires. Workloads that share a cache are drawn together or not at all.

use super::drawn_calls::{MISSES, count_calls};
use super::service_keys;
use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::model::Size;
use crate::model::arrivals::Density;
use crate::model::source::bucket_key::BucketKeyId;
use crate::model::source::data_key_cache::second::calls_in_second;
use crate::model::source::{Drawing, EncryptedMessages, ObjectKinds};
use crate::simulation::state::drawn::{DrawnSecond, DrawnWorkload};
use crate::simulation::state::misses::{Misses, PossibleMiss, kms_steps_of};
use crate::simulation::state::request::Purpose;
use crate::simulation::world::World;
use std::cmp::Ordering;

/// Marks which process a message of a fleet goes to apart from its latency.
const PROCESS: u64 = 1 << 60;

/// Draws and counts what can be in a certified second; the rest stays to be looked at one by one.
pub fn draw_misses(world: &mut World<'_>, second: u64) {
    if world.misses.are_none() || world.calendar.len_of(second) > 0 {
        return;
    }
    let mut misses = std::mem::take(&mut world.misses);
    misses.begin(|w| is_calm(world, w, second));
    let mut drawn = std::mem::take(&mut world.arrivals.drawn);
    for i in 0..drawn.workloads().len() {
        if misses.are_drawn(drawn.workloads()[i].workload) {
            draw_workload(world, &mut misses, &drawn, i);
            drawn.take_out(i);
        }
    }
    world.arrivals.drawn = drawn;
    // Asked for one after another they would wait for memory, each by itself.
    let (plan, caches) = (world.plan, &world.caches.bucket_keys);
    let is_met = |look: &PossibleMiss| match plan.kms_steps[look.kms_step].source.drawing() {
        Some(Drawing::Reads(uses)) => {
            let id = BucketKeyId::Archived(look.archived);
            caches[uses.cache].holds(look.partition, id, look.at)
        }
        Some(
            Drawing::Calls | Drawing::Turns { .. } | Drawing::Messages(_) | Drawing::ServiceKeys(_),
        )
        | None => false,
    };
    for look in misses.looks(is_met) {
        look_at(world, look);
    }
    world.misses = misses;
}

/// Whether what is counted of a workload is surely met in the whole second.
fn is_calm(world: &World<'_>, w: usize, second: u64) -> bool {
    let (from, to) = (second * SECOND, (second + 1) * SECOND);
    !world.workloads.of(w).retries.has_debts()
        && kms_steps_of(world.plan, w).all(|l| {
            let kms_step = &world.plan.kms_steps[l];
            kms_step
                .refusals
                .iter()
                .all(|r| r.until <= from || r.from >= to)
                && kms_step
                    .only_for
                    .is_none_or(|only| only.kinds.since() <= from || only.kinds.since() >= to)
                && match kms_step.source.drawing() {
                    Some(Drawing::Turns { uses, verified }) => {
                        uses.writes_through(&world.caches, from, to, verified)
                    }
                    Some(
                        Drawing::Calls
                        | Drawing::Reads(_)
                        | Drawing::Messages(_)
                        | Drawing::ServiceKeys(_),
                    )
                    | None => true,
                }
        })
}

fn draw_workload<'a>(
    world: &mut World<'a>,
    misses: &mut Misses<'a>,
    drawn: &DrawnSecond,
    i: usize,
) {
    let d = &drawn.workloads()[i];
    let plan = world.plan;
    if let Some(rules) = service_keys::rules_of(plan, d.workload) {
        return service_keys::draw(world, misses, d, drawn, &rules);
    }
    for ((action, n), of) in drawn.of(d).zip(&plan.workloads[d.workload].actions) {
        if n == 0 {
            continue;
        }
        let key = world.actions[action].key_of(drawn.second()).with(MISSES);
        for (k, &(class, each)) in of.requests.iter().enumerate() {
            let key = key.with(k as u64);
            draw_class(
                world,
                misses,
                d,
                drawn.second(),
                class,
                n * u64::from(each),
                key,
            );
        }
    }
}

/// Counts `n` requests of a class, and draws which of their needs are to be looked at.
fn draw_class<'a>(
    world: &mut World<'a>,
    misses: &mut Misses<'a>,
    d: &DrawnWorkload,
    second: u64,
    class: usize,
    n: u64,
    key: Key,
) {
    let Some(density) = &d.density else { return };
    let plan = world.plan;
    let kms_steps = world.classes.of(class as u32).kms_steps();
    // Requests that read objects with a data key of their own; what is written has one or not in the whole second.
    let is_before = |kinds: &ObjectKinds| kinds.since() > second * SECOND;
    let kinds = kms_steps.clone().filter_map(|l| plan.kms_steps[l].only_for);
    let read = kinds.map(|only| only.kinds).find(ObjectKinds::are_read);
    let own = match &read {
        None => 0,
        Some(kinds) if is_before(kinds) => n,
        Some(kinds) => key.stream().binomial(n, kinds.share_in(second)),
    };
    // Needs of those, and of the others, that are always calls.
    let always = [true, false].map(|own| {
        let is_call = |l: &usize| {
            let kms_step = &plan.kms_steps[*l];
            let takes = kms_step.only_for.is_none_or(|only| {
                let of_own = if only.kinds.are_read() {
                    own
                } else {
                    is_before(&only.kinds)
                };
                only.own_data_key == of_own
            });
            kms_step.source.is_call() && takes
        };
        kms_steps.clone().filter(is_call).count()
    });
    // Requests of the others with a call more than that.
    let mut called = 0;
    let mut has_turn = false;
    for l in kms_steps {
        let n = match plan.kms_steps[l].only_for {
            None => n,
            Some(only) => {
                let own = if only.kinds.are_read() {
                    own
                } else {
                    n * u64::from(is_before(&only.kinds))
                };
                if only.own_data_key { own } else { n - own }
            }
        };
        let calls = match plan.kms_steps[l].source.drawing() {
            Some(Drawing::Calls) => n,
            // Workloads with needs that cannot be drawn are not drawn at all, those of other services apart.
            Some(Drawing::ServiceKeys(_)) | None => 0,
            Some(Drawing::Turns { uses, .. }) => {
                if !has_turn {
                    misses.take_turns(n, &mut world.caches.bucket_keys[uses.cache]);
                }
                has_turn = true;
                0
            }
            Some(Drawing::Reads(_)) => {
                has_turn = true;
                let caches = &mut world.caches;
                misses.draw_reads((l, always[1]), n, density, second, key, caches);
                0
            }
            Some(Drawing::Messages(encrypted)) => {
                let of = (d.workload, encrypted);
                let calls = draw_messages(world, misses, of, n, density, second, key);
                called += calls;
                calls
            }
        };
        let record = &mut world.counters.of(second * SECOND).kms_steps[l];
        record.needs += n;
        record.met += n;
        count_calls(world, second, l, calls);
    }
    if let Some(quota) = world.classes.of(class as u32).request_rate() {
        let quota = world.quotas.of(quota);
        quota.count(n);
        quota.take_counted(n);
        world.counters.of(second * SECOND).classes[class].tries += n;
    }
    let count = &mut world.counters.of(second * SECOND).classes[class];
    count.requests += n;
    count.succeeded += n;
    count.undelayed[always[0]] += own;
    count.undelayed[always[1] + 1] += called;
    count.undelayed[always[1]] += n - own - called;
}

/// Looks at a read that may miss.
fn look_at(world: &mut World<'_>, look: &PossibleMiss) {
    let plan = world.plan;
    let kms_step = &plan.kms_steps[look.kms_step];
    let Some(Drawing::Reads(uses)) = kms_step.source.drawing() else {
        return;
    };
    let (cache, id) = (
        &mut world.caches.bucket_keys[uses.cache],
        BucketKeyId::Archived(look.archived),
    );
    if cache.read(look.partition, id, look.at) {
        return;
    }
    let latency = plan.kms_latency.draw(look.key.with(Purpose::Kms as u64));
    cache.decrypted(look.partition, id, look.at, look.at + latency);
    let second = look.at / SECOND;
    world.counters.expand(1);
    count_calls(world, second, look.kms_step, 1);
    let count = &mut world.counters.of(second * SECOND).classes[kms_step.class];
    count.undelayed[look.always + 1] += 1;
    count.undelayed[look.always] -= 1;
}

/// Counts the calls of `n` messages of a workload.
fn draw_messages<'a>(
    world: &mut World<'a>,
    misses: &mut Misses<'a>,
    (w, encrypted): (usize, Option<EncryptedMessages>),
    n: u64,
    density: &Density,
    second: u64,
    key: Key,
) -> u64 {
    let processes = world.caches.workloads[w].processes.len();
    if let Some(encrypted) = encrypted.filter(|_| is_fleet(world, w)) {
        return fleet_messages(world, w, encrypted, n, density, second, key);
    }
    let mut calls = 0;
    for (p, &n) in misses.share_out(n, processes, key).iter().enumerate() {
        if n > 0 {
            calls += messages_of(
                world,
                (w, p),
                encrypted,
                n,
                density,
                second,
                key.with(p as u64),
            );
        }
    }
    calls
}

/// Whether messages of one data key go to any client of a workload.
fn is_fleet(world: &World<'_>, w: usize) -> bool {
    world.plan.workloads[w]
        .client_cache
        .is_some_and(|cache| cache.is_fleet)
}

/// Counts the calls of `n` messages of a fleet.
fn fleet_messages(
    world: &mut World<'_>,
    w: usize,
    encrypted: EncryptedMessages,
    n: u64,
    density: &Density,
    second: u64,
    key: Key,
) -> u64 {
    let plan = world.plan;
    let (from, to) = (second * SECOND, (second + 1) * SECOND - 1);
    let processes = world.caches.workloads[w].processes.len() as u64;
    let list = || instants(density, n, second, key);
    let process_of = |arrival| call_of(arrival).with(PROCESS).below(processes) as usize;
    let ready = |at, arrival| at + plan.kms_latency.draw(call_of(arrival));
    let caches = &mut world.caches;
    let draws = (process_of, ready);
    let calls = encrypted.fleet_calls_in_second(caches, w, n, (from, to), list, draws);
    world.counters.expand(calls);
    calls
}

/// The instants of `n` messages in a second, in order, each with the bits of its arrival's key.
fn instants(density: &Density, n: u64, second: u64, key: Key) -> Vec<(u64, u64)> {
    let mut instants = Vec::with_capacity(n as usize);
    density.list(n, second, key, |at, _, key| {
        instants.push((second * SECOND + at, key.bits()));
    });
    in_order(instants, second)
}

/// The key of a message's call, by the bits of its arrival's.
fn call_of(arrival: u64) -> Key {
    Key::from_bits(arrival).with(Purpose::Kms as u64)
}

/// Fewer instants than this are put in order without ado.
const FEW: usize = 48;

/// Puts the instants \[ns\] of a second in order: by equal parts of it, and then within each.
fn in_order(mut instants: Vec<(u64, u64)>, second: u64) -> Vec<(u64, u64)> {
    // Of those at one instant, in the order of their calls' keys.
    let earlier = |a: &(u64, u64), b: &(u64, u64)| {
        let calls = || call_of(a.1).bits().cmp(&call_of(b.1).bits());
        a.0.cmp(&b.0).then_with(calls)
    };
    if instants.len() < FEW {
        instants.sort_unstable_by(earlier);
        return instants;
    }
    let parts = instants.len().next_power_of_two().min(1 << 12);
    let bits = SECOND.next_power_of_two().ilog2() - parts.ilog2();
    let part = |at: u64| ((at - second * SECOND) >> bits) as usize;
    // Where each part begins; while they are put there, where its next one goes.
    let mut next = vec![0_u32; parts];
    for &(at, _) in &instants {
        next[part(at)] += 1;
    }
    let mut begin = 0;
    for next in &mut next {
        (*next, begin) = (begin, begin + *next);
    }
    let mut ordered = vec![(0, 0); instants.len()];
    for &(at, arrival) in &instants {
        let next = &mut next[part(at)];
        ordered[*next as usize] = (at, arrival);
        *next += 1;
    }
    let mut begin = 0;
    for end in next {
        let of_part = &mut ordered[begin..end as usize];
        if of_part.len() > FEW {
            of_part.sort_unstable_by(earlier);
        } else {
            // Most parts have hardly any.
            for i in 1..of_part.len() {
                let mut j = i;
                while j > 0 && earlier(&of_part[j], &of_part[j - 1]) == Ordering::Less {
                    of_part.swap(j, j - 1);
                    j -= 1;
                }
            }
        }
        begin = end as usize;
    }
    ordered
}

/// Counts the calls of `n` messages of one process.
fn messages_of(
    world: &mut World<'_>,
    (w, p): (usize, usize),
    encrypted: Option<EncryptedMessages>,
    n: u64,
    density: &Density,
    second: u64,
    key: Key,
) -> u64 {
    let plan = world.plan;
    let (from, to) = (second * SECOND, (second + 1) * SECOND - 1);
    let list = || instants(density, n, second, key);
    let ready = |at, arrival| at + plan.kms_latency.draw(call_of(arrival));
    let length = match plan.workloads[w].size {
        Size::Constant(bytes) => Some(bytes),
        Size::Unknown | Size::Lognormal { .. } => None,
    };
    let messages = (encrypted, length);
    let caches = &mut world.caches;
    let calls = calls_in_second(caches, (w, p), messages, n, (from, to), list, ready);
    world.counters.expand(calls);
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_come_in_order_however_they_are_spread() {
        let mut stream = Key::root(2, 9).stream();
        for n in [0, 1, FEW - 1, FEW, 600, 9_000] {
            for within in [1, 3, 1_000_000, SECOND] {
                let second = stream.below(3);
                let mut draw = || {
                    let at = (second + 1) * SECOND - within + stream.below(within);
                    (at, stream.bits() % 8)
                };
                let instants: Vec<(u64, u64)> = (0..n).map(|_| draw()).collect();
                let mut expected = instants.clone();
                expected.sort_by_key(|&(at, arrival)| (at, call_of(arrival).bits()));
                assert_eq!(
                    in_order(instants, second),
                    expected,
                    "{n} within {within} ns"
                );
            }
        }
    }
}
