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

/// Marks which processes the messages of a fleet go to apart from all else.
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
    let within = (second * SECOND, (second + 1) * SECOND - 1);
    let ready = |at, i| at + plan.kms_latency.draw(call_of(key, i));
    let draws = (
        key.with(PROCESS).stream(),
        |places: &[u64]| instants(density, (n, places), second, key),
        ready,
    );
    let calls = encrypted.fleet_calls_in_second(&mut world.caches, w, n, within, draws);
    world.counters.expand(calls);
    calls
}

/// The instants \[ns\] of some of `n` messages of a second, by their places among them.
fn instants(density: &Density, (n, places): (u64, &[u64]), second: u64, key: Key) -> Vec<u64> {
    let mut instants = density.ranked(n, places, key);
    instants.iter_mut().for_each(|at| *at += second * SECOND);
    instants
}

/// The key of the call of the `i`-th message.
fn call_of(key: Key, i: u64) -> Key {
    key.with(i).with(Purpose::Kms as u64)
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
    let within = (second * SECOND, (second + 1) * SECOND - 1);
    let from = |first| {
        let places: Vec<u64> = (first..n).collect();
        instants(density, (n, &places), second, key)
    };
    let ready = |at, i| at + plan.kms_latency.draw(call_of(key, i));
    let length = match plan.workloads[w].size {
        Size::Constant(bytes) => Some(bytes),
        Size::Unknown | Size::Lognormal { .. } => None,
    };
    let messages = (encrypted, length);
    let caches = &mut world.caches;
    let calls = calls_in_second(caches, (w, p), messages, n, within, (from, ready));
    world.counters.expand(calls);
    calls
}
