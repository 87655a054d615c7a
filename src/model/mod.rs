//! The simulated world of one variant, resolved: after a [`Plan`] exists no input error is possible.
//!
//! Requests are told apart by [`Class`] (workload, operation, bucket, requester), the unit of all
//! accounting: every breakdown of the results is a sum over classes. A class has a [`KmsStep`] for
//! each KMS operation that one request of it needs, in the order in which they are made.
//!
//! Not here: the scenario as written ([`crate::scenario`]), the passage of time
//! ([`crate::simulation`]).

// Numbers are narrowed in `engine::narrow` only; tests may.
#![cfg_attr(
    not(test),
    warn(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap
    )
)]

pub mod arrivals;
pub mod latency;
pub mod log_group;
pub mod objects;
pub mod part;
pub mod plan;
pub mod refusal;
pub mod request;
pub mod retry;
pub mod source;
pub mod trail;
pub mod workload;

pub use log_group::{Association, LogGroup};
pub use objects::{Popularity, Size};
pub use part::PlanPart;
pub use plan::{BucketInfo, Component, CountedGroup, Counting, KmsKey, Plan, Quota};
pub use refusal::{Cause, Refusal};
pub use request::{CallWithoutQuota, Class, Denial, KmsStep, MAX_NEEDS};
pub use source::{BucketKeyUse, CacheScope, CacheUse, ClientCache, Source};
pub use trail::{Delivery, EventsLogged, Trail, Trails};
pub use workload::{Action, Kind, Workload};
