//! What the data keys that a service holds miss in counted seconds.
//!
//! A caller's requests are counted where all that it needs is held through the whole second: a data key that its last
//! use renews is renewed at the instant of the last of them, which is drawn. The requests of any other caller are listed,
//! those of all operations together in order of time, and looked at one by one.

use super::drawn_calls::{MISSES, count_calls};
use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::model::PlanPart;
use crate::model::arrivals::Density;
use crate::model::source::{Drawing, ServiceKeyRules, ServiceKeyUse};
use crate::simulation::state::drawn::{DrawnSecond, DrawnWorkload};
use crate::simulation::state::misses::{Misses, kms_steps_of};
use crate::simulation::state::request::Purpose;
use crate::simulation::world::World;

/// Marks the keys of the last instants of callers apart from those of listed requests.
const LAST: u64 = 1 << 60;

/// A request that may miss.
struct ServiceRequest {
    at: u64,
    caller: u32,
    class: usize,
    key: Key,
}

/// How a service keeps data keys for a workload; `None`: it looks up none.
pub(super) fn rules_of(plan: &PlanPart<'_>, w: usize) -> Option<ServiceKeyRules> {
    kms_steps_of(plan, w).find_map(|l| use_of(plan, l).map(|uses| uses.rules))
}

/// The data key that a KMS step looks up at a service.
fn use_of<'p>(plan: &'p PlanPart<'_>, kms_step: usize) -> Option<&'p ServiceKeyUse> {
    match plan.kms_steps[kms_step].source.drawing() {
        Some(Drawing::ServiceKeys(uses)) => Some(uses),
        Some(Drawing::Calls | Drawing::Turns { .. } | Drawing::Reads(_) | Drawing::Messages(_))
        | None => None,
    }
}

/// Counts the requests of a workload in a second.
pub(super) fn draw<'a>(
    world: &mut World<'a>,
    misses: &mut Misses<'a>,
    d: &DrawnWorkload,
    drawn: &DrawnSecond,
    rules: &ServiceKeyRules,
) {
    let (plan, second) = (world.plan, drawn.second());
    let Some(density) = &d.density else { return };
    let mut listed: Vec<ServiceRequest> = Vec::new();
    for ((action, n), of) in drawn.of(d).zip(&plan.workloads[d.workload].actions) {
        if n == 0 {
            continue;
        }
        let key = world.actions[action].key_of(second).with(MISSES);
        for (k, &(class, each)) in of.requests.iter().enumerate() {
            let key = key.with(k as u64);
            let n = n * u64::from(each);
            count_class(world, second, class, n);
            let of_class = (d.workload, class);
            let listed = &mut listed;
            not_held(
                world,
                misses,
                of_class,
                rules,
                (n, density, second, key),
                listed,
            );
        }
    }
    // At one instant in the order of the classes, whatever their requests' keys.
    listed.sort_by_key(|request| (request.at, request.class));
    for request in &listed {
        look_at(world, d.workload, rules, request);
    }
}

/// Counts `n` requests of a class as if all data keys that it needs were held.
fn count_class(world: &mut World<'_>, second: u64, class: usize, n: u64) {
    let plan = world.plan;
    let mut always = 0;
    for l in plan.classes[class].kms_step_range() {
        let record = &mut world.counters.of(second * SECOND).kms_steps[l];
        record.needs += n;
        record.met += n;
        if use_of(plan, l).is_none() {
            always += 1;
            count_calls(world, second, l, n);
        }
    }
    let count = &mut world.counters.of(second * SECOND).classes[class];
    count.requests += n;
    count.succeeded += n;
    count.undelayed[always] += n;
}

/// Lists requests of a class whose callers' data keys are not held through the whole second; the others use theirs.
fn not_held<'a>(
    world: &mut World<'a>,
    misses: &mut Misses<'a>,
    (w, class): (usize, usize),
    rules: &ServiceKeyRules,
    (n, density, second, key): (u64, &Density, u64, Key),
    listed: &mut Vec<ServiceRequest>,
) {
    let plan = world.plan;
    let time = (second * SECOND, (second + 1) * SECOND);
    let slots = || {
        let range = plan.classes[class].kms_step_range();
        range.filter_map(|l| use_of(plan, l).map(|uses| uses.slot))
    };
    let held = &mut world.caches.workloads[w].service_keys;
    if slots().all(|slot| held.all_serve_through(rules, slot, time)) {
        return;
    }
    misses.callers_of(n, rules.callers, key, |caller, n| {
        let key = key.with(u64::from(caller));
        if slots().all(|slot| held.serves_through(slot, caller, time)) {
            if rules.sliding {
                let last = time.0 + density.last_of(n, key.with(LAST));
                slots().for_each(|slot| held.used(rules, slot, caller, last));
            }
        } else {
            density.list(n, second, key, |at, _, key| {
                listed.push(ServiceRequest {
                    at: time.0 + at,
                    caller,
                    class,
                    key,
                });
            });
        }
    });
}

/// Looks at a request that may miss.
fn look_at(world: &mut World<'_>, w: usize, rules: &ServiceKeyRules, request: &ServiceRequest) {
    let plan = world.plan;
    let (at, second) = (request.at, request.at / SECOND);
    let (mut always, mut missed) = (0, 0);
    for l in plan.classes[request.class].kms_step_range() {
        let Some(uses) = use_of(plan, l) else {
            always += 1;
            continue;
        };
        let held = &mut world.caches.workloads[w].service_keys;
        if held.look_up(rules, uses.slot, request.caller, at) {
            continue;
        }
        let key = request.key.with(Purpose::Kms as u64);
        let latency = plan
            .kms_latency
            .draw(key.with(plan.kms_steps[l].need as u64));
        held.fetched(rules, (uses.slot, request.caller), at, at + latency);
        world.counters.expand(1);
        count_calls(world, second, l, 1);
        missed += 1;
    }
    if missed > 0 {
        let count = &mut world.counters.of(second * SECOND).classes[request.class];
        count.undelayed[always] -= 1;
        count.undelayed[always + missed] += 1;
    }
}
