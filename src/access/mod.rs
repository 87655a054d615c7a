//! Who may do what: policies as AWS writes them, and the decision on one request.
//!
//! ```text
//! JSON ──policy::read──► Policy, or every fault, with its place and a fix
//! Request ─┐
//! Policies ┴─decide──► Decision: allow, explicit deny or implicit deny, and what each policy said
//! ```
//!
//! Why a request is refused, statement by statement: [`near_miss`].
//!
//! Nothing here knows of scenarios, time or files. Decisions are pure, so that a plan asks once for each
//! distinct request.
//!
//! Left out: ACLs, Block Public Access, grants and VPC endpoint policies. That control policies do not reach
//! service-linked roles and the management account is for those to know who gather the policies.

pub mod arn;
pub mod condition;
pub mod context;
pub mod decision;
pub mod near_miss;
pub mod pattern;
pub mod policy;
pub mod principal;
pub mod request;

pub use context::{Context, ContextValue};
pub use decision::{Decision, Level, Outcome, Policies, decide};
pub use policy::{Effect, Policy, PolicyKind};
pub use principal::Principal;
pub use request::Request;
