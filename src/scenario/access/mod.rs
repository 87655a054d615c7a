//! Who may do what in a scenario, and which KMS calls its requests make.
//!
//! ```text
//! workload, operation, requester ──calls──► CallMade … ──asked──► Check … ──► RequestKind
//!                                                                  ├─ plan: KMS steps, denials
//!                                                                  ├─ explain
//!                                                                  └─ cloudtrail: records
//! ```
//!
//! The list of [`CallMade`] is made once for each kind of request: its permissions, its encryption context, its caller,
//! what it draws on and what CloudTrail logs all follow from it.

mod asked;
mod attached;
mod calls;
mod context;
mod decided;
mod delivery;
mod encryption;
mod log_group;
mod missed;
mod names;
mod service;

pub use asked::{NO_TLS, RequestKind};
pub use attached::Caller;
pub use calls::{CallMade, HeldByS3, Made};
pub use decided::{Access, Check, REQUESTER};
pub use delivery::SSE_S3_ONLY;
pub use encryption::InForce;
pub use log_group::association_error;
pub use names::logs_service;
