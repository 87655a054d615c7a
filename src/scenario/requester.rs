//! `[requester.NAME]`: who sends requests.

use super::account::Placement;
use super::policy::PolicySettings;
use crate::access::{PolicyKind, Principal};
use crate::input::declared::Declared;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::units::Span;
use serde::Serialize;

/// A principal that S3 tells apart.
#[derive(Clone, Debug, Serialize)]
pub struct Requester {
    /// Account, which is charged for KMS calls.
    pub account: String,
    /// Role.
    pub role: String,
    /// Scoping policy of its sessions; sessions of one role and policy share bucket keys.
    pub session_policy: Option<String>,
    /// Sessions at a time.
    pub sessions: u32,
    /// When it loses its permission on KMS keys; `None`: never.
    pub access_revoked_at: Option<Span>,
    /// ARN or name of a service, `None`: a session of the role.
    pub principal: Option<Principal>,
    /// Attached to it, `None`: it may do everything.
    pub identity_policies: Option<Vec<PolicySettings>>,
    /// The most it may do.
    pub permissions_boundary: Option<PolicySettings>,
    /// The most its sessions may do.
    pub session_policy_document: Option<PolicySettings>,
}

pub(super) fn requesters(r: &mut Reader<'_>, placement: &Placement<'_>) -> Declared<Requester> {
    r.declared("requester", |name, r| {
        let account = placement.account(r);
        let role = r.or("role", name.to_owned());
        let session_policy = r.optional("session_policy");
        let sessions = r.or_in("sessions", 1, 1..=100_000);
        let access_revoked_at = r.optional_in("access_revoked_at", ..=Span::LONGEST);
        let files = placement.files;
        let identity_policies =
            PolicySettings::read_all(r, "identity_policies", PolicyKind::Identity, files);
        let permissions_boundary =
            PolicySettings::read(r, "permissions_boundary", PolicyKind::Boundary, files);
        let session_policy_document =
            PolicySettings::read(r, "session_policy_document", PolicyKind::Session, files);
        let account = account?;
        Some(Requester {
            principal: principal(r, placement, &account),
            // Sessions under one document share bucket keys, those under another do not.
            session_policy: session_policy
                .or_else(|| session_policy_document.as_ref().map(|p| p.file.clone())),
            account,
            role,
            sessions,
            access_revoked_at,
            identity_policies,
            permissions_boundary,
            session_policy_document,
        })
    })
}

/// A principal written out.
fn principal(r: &mut Reader<'_>, placement: &Placement<'_>, account: &str) -> Option<Principal> {
    let text: String = r.optional("principal")?;
    let principal = match text.parse::<Principal>() {
        Ok(principal) => principal,
        Err(fault) => {
            r.fault(
                Code::OutOfRange,
                r.place_of("principal"),
                format!("`{}`: {fault}", r.path_of("principal")),
                "write for example \"arn:aws:iam::111122223333:user/alice\" or \"logging.s3.amazonaws.com\"",
            );
            return None;
        }
    };
    if let Some(written) = principal.account()
        && let Some(its) = placement.accounts.get(account).map(|a| a.id.as_str())
        && written != its
    {
        r.fault(
            Code::Contradiction,
            r.place_of("principal"),
            format!("the principal is of account {written}, the requester's account `{account}` is {its}"),
            format!("write `id = \"{written}\"` in `[account.{account}]`, or correct one of them"),
        );
    }
    if matches!(principal, Principal::Service(_)) && r.has("identity_policies") {
        r.fault(
            Code::Contradiction,
            r.place_of("identity_policies"),
            "AWS services do not have identity policies: resource policies grant them access",
            "drop `identity_policies`",
        );
    }
    Some(principal)
}

#[cfg(test)]
pub(crate) mod cases;
