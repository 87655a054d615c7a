//! The passage of time, and the law that makes it cheap: quiet time is counted, contention
//! simulated.
//!
//! Time goes second by second. For each second the engine
//!
//! 1. **draws counts**: how many arrivals of each action, from numbers keyed by (seed,
//!    replication, workload, action, second);
//! 2. **certifies**: if all that could be offered, new arrivals and waiting retries, each need a
//!    call, fits into what every quota surely still admits, nobody can be throttled, in whatever
//!    order they come. A certified second is **counted**: counters grow by the counts, at a cost
//!    that does not depend on how many there are;
//! 3. else **splits** the same counts over 512 slots by halves, and goes through the slots in
//!    order. Until the room of a fixed window runs out slots are certified and counted like quiet
//!    seconds; the slot in which it runs out is **expanded** into instants, merged with what the
//!    calendar holds for it and simulated call by call; after it everybody loses, so only the
//!    losers are looked at, one by one but in no order.
//!
//! Why all ways give the same counters: where every attempt is admitted, or every one refused, what
//! a request adds to the counters depends on its class and its own keyed numbers alone, and the
//! limiter is left with the same room (a fixed window forgets instants). Counts never depend on
//! whether they are expanded, and a split of a count, an instant in a slot, a delay are keyed by
//! what they are for. So skipping the certificates (`simulate_all`) changes no digit. Where
//! order matters after all, it is kept: needs that depend on what came before (bucket keys,
//! data-key caches) and clients whose retry quota runs dry are handled in order of time, while a
//! refill, which only adds up to a cap, needs none.
//!
//! Workloads that share no quota, cache or order are separate components, each with its own calendar.
//!
//! S3's request rate, where it is limited, is one more fixed window: each try asks it once, before its needs.
//!
//! At one instant: first what was scheduled (by time of arrival, then class and number), then new
//! arrivals: those that were split, in order of workload, action and number, then those listed.
//!
//! The state of a token bucket or sliding window depends on instants. Their seconds are certified
//! by bounds of that state, on as many parts of the second as it takes; the exact state is
//! recovered when a contended second asks for it (module `held`), which is ordered call by call. But where
//! one token bucket alone decides, order is only needed between a token and the next: as many attempts are
//! admitted there as there are tokens, the first ones; all others lose until the next token, and so do
//! their retries, whatever order they are looked at in. (While it cannot be full: what it lost then would
//! depend on instants. Retry quotas need the order of what is won and lost.)
//!
//! Clients that hold back what they send are looked at in order while they do (module `guarded`).
//!
//! What caches miss in a counted second is drawn directly where it can be (module `misses`): there counting
//! and simulating agree in distribution, everywhere else to the digit.
//!
//! How many requests a running job sends depends on the answers. In its seconds the requests of jobs and the retries are
//! looked at, all else is counted for as long as everything surely fits (module `beside`).

mod answers;
mod arrivals;
mod beside;
mod caches;
mod certificate;
mod contention;
mod counting;
pub mod decisive;
mod drawn_calls;
mod flights;
mod guarded;
mod held;
mod idle;
mod jobs;
mod keys;
mod law;
mod life;
mod losers;
mod misses;
mod offer;
mod options;
pub mod record;
mod rehearsal;
pub mod sample;
mod service_keys;
mod slots;
mod state;
mod totals;
mod uploads;
mod world;

pub use keys::{action_key, replication_key};
pub use options::{Cancelled, SimulationOptions};
pub use rehearsal::{QuietTime, Rehearsal};

use crate::model::{Component, Plan, PlanPart};
use record::Record;
use world::World;

/// Runs one component of a plan through one replication. What it counts is numbered as the component's own; by
/// [`Record::add`] it becomes part of the plan's.
///
/// # Errors
/// [`Cancelled`] where [`SimulationOptions::cancel`] was set before the end.
pub fn simulate(
    plan: &Plan,
    component: &Component,
    options: SimulationOptions<'_>,
) -> Result<Record, Cancelled> {
    let copies = PlanPart::copies(plan, component);
    let part = PlanPart::new(plan, component, copies.as_ref());
    let mut world = World::new(&part, options);
    world.options.rehearsal = rehearsal::possible(&world, options.rehearsal);
    law::run(&mut world)?;
    let mut record = world.counters.into_record();
    if let Some(decisive) = world.decisive {
        decisive.into_seconds(&part, &mut record);
    }
    record.quiet = world.rehearsed;
    if let Some(sampler) = world.sampler {
        (record.calls_sampled, record.requests_sampled) = sampler.into_samples();
    }
    Ok(record)
}

#[cfg(test)]
mod tests;
