//! What is asked: a principal, an action, a resource, and what the request brings along.

use super::arn::Arn;
use super::context::Context;
use super::principal::Principal;

/// A request to decide on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// Who asks.
    pub principal: Principal,
    /// What for, `s3:GetObject`.
    pub action: String,
    /// On what.
    pub resource: Arn,
    /// The account that owns it, twelve digits.
    pub resource_account: String,
    /// Context keys.
    pub context: Context,
}
