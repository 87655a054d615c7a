//! Single flight, where a scenario chooses it: while a key is being fetched for one request, others that need the
//! same wait for it instead of fetching it too.
//!
//! A fetch is under way from its first attempt until KMS answers. Where KMS throttles it, an application's SDK client
//! tries again, and the fetch stays under way; S3's ends, for S3 does not try again by itself. Whoever waited looks
//! the key up once more when the fetch ends: it is there, or, where the fetch has failed, the first of them fetches
//! and the others wait for that. A fetch that its client's rate limiter holds back is not under way.

use crate::simulation::caches::waits_for;
use crate::simulation::state::request::RequestState;
use crate::simulation::world::World;

/// When the fetch ends that would meet a need, if one is under way.
pub fn awaits(
    world: &mut World<'_>,
    at: u64,
    kms_step: usize,
    request: &RequestState,
) -> Option<u64> {
    world.flights.as_ref()?;
    let wanted = waits_for(world, kms_step, request)?;
    world.flights.as_ref()?.end_of(&wanted, at)
}

/// A request's fetch for a need goes on until then.
pub fn fetches(
    world: &mut World<'_>,
    at: u64,
    kms_step: usize,
    request: &RequestState,
    until: u64,
) {
    if world.flights.is_none() {
        return;
    }
    let wanted = waits_for(world, kms_step, request);
    if let (Some(flights), Some(wanted)) = (&mut world.flights, wanted) {
        flights.add(wanted, at, until);
    }
}
