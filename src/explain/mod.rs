//! One request end to end: which permissions it needs, who grants them, which KMS calls it makes, what can meet
//! them without a call, which quotas they draw on, what it is answered and what CloudTrail shows.
//!
//! ```text
//! Variant (as written, as planned) ──explain──► Explanation ──text──► for people
//!                                                   └─ serde ──────► JSON
//! ```
//!
//! Nothing is simulated: this is how a request of its kind goes when no quota is used up.

mod case;
mod explanation;
mod kms_calls;
mod log_group;
mod permission;
mod refusal;
mod request;
mod text;

pub use explanation::{
    ConditionPut, EncryptionInForce, Explanation, KeyMissing, KmsCall, NearStatement, Permission,
    QuotaDrawnOn, RefusedCall, StatementMatched,
};
pub use request::{explain, operations};
pub use text::text;
