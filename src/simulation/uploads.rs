//! Multipart uploads of open workloads whose requests are asked for one after another: each fails as a whole.
//!
//! Its creation, its parts, all of them at once, and its completion follow one another without time between them. So all of it
//! is sent at its instant where nobody is throttled, and such seconds are counted; in others each step waits for
//! the one before.

use crate::engine::random::Key;
use crate::simulation::state::request::RequestState;
use crate::simulation::world::World;

/// A request of an upload has ended well at `at`: what comes after it is sent.
pub fn upload_goes_on(world: &mut World<'_>, w: usize, request: &RequestState, at: u64) {
    let action = world.classes.action_of(request.class);
    let Some(step) = world.actions[action].step_of(request.part) else {
        return;
    };
    if step.len() > 1 {
        let uploads = &mut world.workloads.of_mut(w).uploads;
        let (had_failed, is_over) = uploads.part_ends(request.arrival, false);
        if had_failed || !is_over {
            return;
        }
    }
    let Some(next) = world.actions[action].step_of(step.end) else {
        return;
    };
    if next.len() > 1 {
        let uploads = &mut world.workloads.of_mut(w).uploads;
        uploads.begin(request.arrival, next.len());
    }
    for part in next {
        let class = world.actions[action].class_of(usize::from(part));
        let key = Key::from_bits(request.arrival);
        let (index, worker) = (request.index, request.worker);
        let mut sent = RequestState::new(request.arrived, class, index, worker, part, key);
        if at > request.arrived {
            world.workloads.of_mut(w).puts_off(&sent);
            sent.hold_back();
        }
        world.calendar.push(at, sent);
    }
}

/// A request of an upload has failed: what comes after it is not sent, and the upload has failed.
pub fn upload_fails(world: &mut World<'_>, w: usize, request: &RequestState) {
    let action = &world.actions[world.classes.action_of(request.class)];
    let Some(step) = action.step_of(request.part) else {
        return;
    };
    if step.len() > 1 {
        let uploads = &mut world.workloads.of_mut(w).uploads;
        if uploads.part_ends(request.arrival, true).0 {
            return;
        }
    }
    let record = world.counters.of(request.arrived);
    record.classes[request.class as usize].objects_failed += 1;
    for part in usize::from(step.end)..action.requests() {
        record.classes[action.class_of(part) as usize].not_sent += 1;
    }
}
