//! Objects of both kinds in one bucket: under a bucket key, or with a data key of their own.

use super::cache::BucketKeyId;
use super::older::OlderObjects;
use crate::engine::SECOND;
use crate::engine::narrow::index;
use crate::model::source::caches::Caches;
use crate::model::source::need::{Draw, Need};

/// What tells whether an object has a data key of its own, where a bucket has bucket keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ObjectKinds {
    /// The request writes it: under a bucket key from this instant on \[ns\].
    Written {
        /// Bucket keys are in use from here on.
        since: u64,
    },
    /// It was there. What another workload of the run wrote has what that gave it; of all else a share has a data
    /// key of its own, and before bucket keys were in use everything has.
    Read {
        /// Bucket keys are in use from here on \[ns\].
        since: u64,
        /// Reads that go to objects written without one.
        older_objects: OlderObjects,
    },
}

impl ObjectKinds {
    /// Whether the object of a request has a data key of its own.
    #[inline]
    pub fn has_own_data_key(&self, caches: &Caches, need: &impl Need, at: u64) -> bool {
        match *self {
            ObjectKinds::Written { since } => at < since,
            ObjectKinds::Read {
                since,
                older_objects,
            } => match caches.workloads[need.workload()].reads {
                Some(writer) => {
                    let written = caches.workloads[writer].written.get(index(need.object()));
                    written.is_none_or(|&id| id == BucketKeyId::None)
                }
                None => {
                    // As it was when the read arrived: its retries are for the same object.
                    let older = older_objects.share_in(need.arrived() / SECOND);
                    at < since || Draw::Older.of(need.key()).unit() < older
                }
            },
        }
    }

    /// Whether it was there before the request.
    pub fn are_read(&self) -> bool {
        matches!(self, ObjectKinds::Read { .. })
    }

    /// From when on bucket keys are in use \[ns\].
    pub fn since(&self) -> u64 {
        match *self {
            ObjectKinds::Written { since } | ObjectKinds::Read { since, .. } => since,
        }
    }

    /// Share of the requests of a second whose object has a data key of its own, once bucket keys are in use.
    pub fn share_in(&self, second: u64) -> f64 {
        match *self {
            ObjectKinds::Written { .. } => 0.0,
            ObjectKinds::Read { older_objects, .. } => older_objects.share_in(second),
        }
    }
}

/// The requests that a KMS step is for, where those for objects of the other kind have one of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnlyFor {
    /// Those for objects with a data key of their own; else those under a bucket key.
    pub own_data_key: bool,
    /// What tells them apart.
    pub kinds: ObjectKinds,
}

impl OnlyFor {
    /// Whether a request is one of them.
    #[inline]
    pub fn takes(&self, caches: &Caches, need: &impl Need, at: u64) -> bool {
        self.kinds.has_own_data_key(caches, need, at) == self.own_data_key
    }
}
