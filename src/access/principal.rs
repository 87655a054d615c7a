//! Who asks, and who policies mean by `Principal` and `NotPrincipal`.
//!
//! Left out: requests without a signature. SSE-KMS refuses them whatever the policies say.

use super::arn::{Arn, ArnError};
use std::fmt;
use std::str::FromStr;

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// An IAM user, a role, a session of a role, a federated user or the root user of an account.
    Aws(Arn),
    /// An AWS service, `logs.us-east-1.amazonaws.com`.
    Service(String),
}

/// A text that is not a principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a principal: expected the ARN of a user, role or session, or the name of a service"
)]
pub struct PrincipalError {
    text: String,
}

impl Principal {
    /// Its account, twelve digits; a service has none.
    pub fn account(&self) -> Option<&str> {
        match self {
            Principal::Aws(arn) => Some(&arn.account),
            Principal::Service(_) => None,
        }
    }

    /// What `aws:PrincipalArn` holds: of a session, its role.
    pub fn arn(&self) -> Option<Arn> {
        match self {
            Principal::Aws(arn) => Some(role_of(arn).unwrap_or_else(|| arn.clone())),
            Principal::Service(_) => None,
        }
    }

    /// Whether it is a service-linked role, or a session of one: IAM keeps their names for services.
    pub fn is_service_linked(&self) -> bool {
        self.arn().is_some_and(|arn| {
            let name = arn.resource.strip_prefix("role/");
            name.is_some_and(|name| {
                name.starts_with("aws-service-role/") || name.starts_with("AWSServiceRoleFor")
            })
        })
    }

    /// Whether it is a session of a role or of a federated user.
    pub fn is_session(&self) -> bool {
        matches!(self, Principal::Aws(arn) if arn.service == "sts")
    }

    /// Whether it is the session of a federated user (GetFederationToken).
    pub fn is_federated_user(&self) -> bool {
        let named = |arn: &Arn| arn.resource.starts_with("federated-user/");
        matches!(self, Principal::Aws(arn) if arn.service == "sts" && named(arn))
    }

    /// Whether it is the root user of an account, who may do everything there.
    pub fn is_root(&self) -> bool {
        matches!(self, Principal::Aws(arn) if arn.service == "iam" && arn.resource == "root")
    }
}

impl FromStr for Principal {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Principal, PrincipalError> {
        let fault = || PrincipalError {
            text: text.to_owned(),
        };
        if is_service(text) {
            return Ok(Principal::Service(text.to_owned()));
        }
        let arn: Arn = text.parse().map_err(|_: ArnError| fault())?;
        if is_account(&arn.account) && is_identity(&arn) {
            Ok(Principal::Aws(arn))
        } else {
            Err(fault())
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::Aws(arn) => arn.fmt(f),
            Principal::Service(name) => f.write_str(name),
        }
    }
}

impl serde::Serialize for Principal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// What the names of service principals end with, in every partition; and those of AWS's inner services.
const SERVICE_SUFFIXES: [&str; 7] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".amazon.com",
    ".aws.internal",
];

/// `logs.us-east-1.amazonaws.com`, `s3.amazonaws.com.cn`.
fn is_service(text: &str) -> bool {
    let mut suffixes = SERVICE_SUFFIXES.iter();
    suffixes.any(|suffix| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        let name = text.strip_suffix(suffix);
        name.is_some_and(|name| !name.is_empty() && name.bytes().all(allowed))
    })
}

/// Whether an ARN names a user, a role, a session or a root user.
fn is_identity(arn: &Arn) -> bool {
    let named = |prefix: &str| {
        let name = arn.resource.strip_prefix(prefix);
        name.is_some_and(|name| !name.is_empty() && !name.contains(['*', '?']))
    };
    match arn.service.as_str() {
        "iam" => arn.resource == "root" || named("role/") || named("user/"),
        "sts" => named("federated-user/") || role_and_session(&arn.resource).is_some(),
        _ => false,
    }
}

/// Whether an ARN names the origin access identity of a CloudFront distribution, which belongs to no account
/// of a scenario: `arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E…`.
fn is_origin_access_identity(arn: &Arn) -> bool {
    let name = arn.resource.strip_prefix("user/");
    (arn.service.as_str(), arn.account.as_str()) == ("iam", "cloudfront")
        && name.is_some_and(|name| !name.is_empty())
}

fn role_and_session(resource: &str) -> Option<(&str, &str)> {
    let (role, session) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
    (!role.is_empty() && !session.is_empty()).then_some((role, session))
}

/// The role of a session, without the path that its ARN may have.
fn role_of(arn: &Arn) -> Option<Arn> {
    let (role, _) = role_and_session(&arn.resource)?;
    Some(Arn {
        service: "iam".to_owned(),
        resource: format!("role/{role}"),
        ..arn.clone()
    })
}

/// An entry of `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalEntry {
    /// `*`: everybody, services included.
    Anyone,
    /// An account, as its number or root ARN: who its IAM policies let.
    Account(String),
    /// The ARN of a user, role or session.
    Identity(Arn),
    /// An AWS service.
    Service(String),
    /// An identity provider, a canonical user, the identifier of a deleted principal, `*` under anything but
    /// `AWS`: nobody here.
    Other(String),
}

impl fmt::Display for PrincipalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrincipalEntry::Anyone => f.write_str("*"),
            PrincipalEntry::Account(text)
            | PrincipalEntry::Service(text)
            | PrincipalEntry::Other(text) => f.write_str(text),
            PrincipalEntry::Identity(arn) => arn.fmt(f),
        }
    }
}

/// How an entry means a principal; the later, the more directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meant {
    /// As one of its account.
    ByAccount,
    /// By the ARN of the role, or of the user that the session is one of.
    ByRole,
    /// By `*`.
    ByWildcard,
    /// By its own name or the ARN of its user or session, or by `*` under a condition on `aws:PrincipalArn`.
    ByName,
}

impl PrincipalEntry {
    /// Reads an entry under `AWS`.
    ///
    /// # Errors
    /// What AWS does not accept as a principal.
    pub fn aws(text: &str) -> Result<PrincipalEntry, String> {
        if text == "*" {
            return Ok(PrincipalEntry::Anyone);
        }
        if is_account(text) {
            return Ok(PrincipalEntry::Account(text.to_owned()));
        }
        if !text.starts_with("arn:") {
            // AROA…, AIDA…: what is left of a principal that was deleted.
            let unique = text.len() >= 16
                && text.starts_with('A')
                && text
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            return if unique {
                Ok(PrincipalEntry::Other(text.to_owned()))
            } else {
                Err("it is not `*`, a twelve-digit account ID or an ARN".to_owned())
            };
        }
        let arn: Arn = text.parse().map_err(|e: ArnError| e.to_string())?;
        if text.contains(['*', '?']) {
            return Err("AWS does not allow wildcards in it".to_owned());
        }
        if is_origin_access_identity(&arn) {
            return Ok(PrincipalEntry::Other(text.to_owned()));
        }
        if !is_account(&arn.account) {
            return Err(format!(
                "`{}` is not a twelve-digit account ID",
                arn.account
            ));
        }
        if !is_identity(&arn) {
            return Err("it is not the ARN of a user, role, session or account root".to_owned());
        }
        Ok(if arn.service == "iam" && arn.resource == "root" {
            PrincipalEntry::Account(arn.account)
        } else {
            PrincipalEntry::Identity(arn)
        })
    }

    /// Reads an entry under `Service`.
    ///
    /// # Errors
    /// What is not the name of a service.
    pub fn service(text: &str) -> Result<PrincipalEntry, String> {
        if text == "*" {
            Ok(PrincipalEntry::Other(text.to_owned()))
        } else if is_service(text) {
            Ok(PrincipalEntry::Service(text.to_owned()))
        } else {
            Err("it is not of the form `service.amazonaws.com`".to_owned())
        }
    }

    /// Whether and how it means a principal.
    pub fn means(&self, principal: &Principal) -> Option<Meant> {
        match (self, principal) {
            (PrincipalEntry::Anyone, _) => Some(Meant::ByWildcard),
            (PrincipalEntry::Service(name), Principal::Service(other)) => {
                (name == other).then_some(Meant::ByName)
            }
            (PrincipalEntry::Account(account), Principal::Aws(arn)) => {
                // Its ARN is that of the root user as well.
                let meant = if principal.is_root() {
                    Meant::ByName
                } else {
                    Meant::ByAccount
                };
                (*account == arn.account).then_some(meant)
            }
            (PrincipalEntry::Identity(entry), Principal::Aws(arn)) => by_arn(entry, arn),
            _ => None,
        }
    }
}

fn by_arn(entry: &Arn, arn: &Arn) -> Option<Meant> {
    // The resource first: in it most of them differ.
    if entry.resource == arn.resource && entry == arn {
        // A role sends requests only as a session, which its name does not name.
        let is_role = arn.service == "iam" && arn.resource.starts_with("role/");
        return Some(if is_role {
            Meant::ByRole
        } else {
            Meant::ByName
        });
    }
    if entry.service != "iam"
        || arn.service != "sts"
        || (&entry.partition, &entry.account) != (&arn.partition, &arn.account)
    {
        return None;
    }
    // The ARN of a role has its path, that of its sessions has not; names of roles are unique whatever
    // their path and case.
    let last = entry.resource.rsplit('/').next()?;
    let of = if let Some((role, _)) = role_and_session(&arn.resource) {
        entry.resource.starts_with("role/") && role.eq_ignore_ascii_case(last)
    } else {
        entry.resource.starts_with("user/")
            && arn.resource.strip_prefix("federated-user/") == Some(last)
    };
    of.then_some(Meant::ByRole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s1";

    fn meant(entry: &str, principal: &str) -> Option<Meant> {
        let principal = principal.parse().expect("a principal");
        PrincipalEntry::aws(entry)
            .expect("an entry")
            .means(&principal)
    }

    #[test]
    fn a_session_is_meant_by_its_role_and_account() {
        assert_eq!(meant(SESSION, SESSION), Some(Meant::ByName));
        let role = Some(Meant::ByRole);
        assert_eq!(meant("arn:aws:iam::111122223333:role/app", SESSION), role);
        assert_eq!(
            meant("arn:aws:iam::111122223333:role/team/App", SESSION),
            role
        );
        assert_eq!(meant("111122223333", SESSION), Some(Meant::ByAccount));
        assert_eq!(meant("*", SESSION), Some(Meant::ByWildcard));
        for other in [
            "arn:aws:iam::111122223333:role/application",
            "arn:aws:iam::111122223333:user/app",
            "arn:aws:iam::444455556666:role/app",
            "444455556666",
            "AROAJQABLZS4A3QDU576Q",
        ] {
            assert_eq!(meant(other, SESSION), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_principal() {
        for wrong in [
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::1111:root",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::111122223333:group/g",
            "role/app",
            "",
        ] {
            assert!(PrincipalEntry::aws(wrong).is_err(), "{wrong}");
            assert!(wrong.parse::<Principal>().is_err(), "{wrong}");
        }
        assert!(
            "arn:aws:sts::111122223333:assumed-role/app"
                .parse::<Principal>()
                .is_err()
        );
        assert!(PrincipalEntry::service("logs").is_err());
    }

    #[test]
    fn a_star_stands_for_somebody_only_under_aws() {
        for principal in [SESSION, "logs.us-east-1.amazonaws.com"] {
            let principal: Principal = principal.parse().expect("a principal");
            let of_services = PrincipalEntry::service("*").expect("an entry");
            assert_eq!(of_services.means(&principal), None, "{principal}");
            let anyone = PrincipalEntry::aws("*").expect("an entry");
            assert_eq!(anyone.means(&principal), Some(Meant::ByWildcard));
        }
    }

    #[test]
    fn a_role_is_named_less_directly_than_its_session() {
        const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";
        assert_eq!(meant(ROLE, ROLE), Some(Meant::ByRole));
        let federated = "arn:aws:sts::111122223333:federated-user/bob";
        assert_eq!(meant(federated, federated), Some(Meant::ByName));
        let user = "arn:aws:iam::111122223333:user/bob";
        assert_eq!(meant(user, federated), Some(Meant::ByRole));
        assert_eq!(meant(user, user), Some(Meant::ByName));
        let root = "arn:aws:iam::111122223333:root";
        assert_eq!(meant(root, root), Some(Meant::ByName));
        assert_eq!(meant("111122223333", root), Some(Meant::ByName));
    }

    #[test]
    fn the_arn_of_a_session_is_its_role() {
        let session: Principal = SESSION.parse().expect("a session");
        let role = session.arn().expect("a role").to_string();
        assert_eq!(role, "arn:aws:iam::111122223333:role/app");
        assert!(session.is_session());
    }
}
