//! What a policy is attached to.

/// What a policy is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// A user or role: what it may do.
    Identity,
    /// A user or role: the most it may do.
    Boundary,
    /// A session: the most it may do.
    Session,
    /// An account or its organizational units: the most that its principals may do.
    ServiceControl,
    /// An account or its organizational units: the most that may be done to its resources.
    ResourceControl,
    /// An S3 bucket.
    Bucket,
    /// A KMS key.
    Key,
}

impl PolicyKind {
    /// That of the policy of a resource: KMS keys have key policies, what S3 has bucket policies.
    pub fn of_resource(service: &str) -> PolicyKind {
        if service == "kms" {
            PolicyKind::Key
        } else {
            PolicyKind::Bucket
        }
    }

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            PolicyKind::Identity => "identity policy",
            PolicyKind::Boundary => "permissions boundary",
            PolicyKind::Session => "session policy",
            PolicyKind::ServiceControl => "service control policy",
            PolicyKind::ResourceControl => "resource control policy",
            PolicyKind::Bucket => "bucket policy",
            PolicyKind::Key => "key policy",
        }
    }

    /// In words, with its article.
    pub fn a(self) -> String {
        let article = if self == PolicyKind::Identity {
            "an"
        } else {
            "a"
        };
        format!("{article} {}", self.name())
    }

    /// Whether its statements name principals.
    pub const fn has_principals(self) -> bool {
        matches!(
            self,
            PolicyKind::Bucket | PolicyKind::Key | PolicyKind::ResourceControl
        )
    }
}
