//! The names of the random numbers of a run.

use crate::engine::random::Key;

/// The random numbers of one replication.
pub fn replication_key(seed: u64, replication: u64) -> Key {
    Key::root(seed, replication)
}

/// The key of the arrivals of one action, under which those of each second stand by its number.
pub fn action_key(replication: Key, workload: &str, action: &str) -> Key {
    replication.named(workload).named("requests").named(action)
}
