//! What a policy is attached to.

/// What a policy is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
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

impl Kind {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Identity => "identity policy",
            Kind::Boundary => "permissions boundary",
            Kind::Session => "session policy",
            Kind::ServiceControl => "service control policy",
            Kind::ResourceControl => "resource control policy",
            Kind::Bucket => "bucket policy",
            Kind::Key => "key policy",
        }
    }

    /// In words, with its article.
    pub fn a(self) -> String {
        let article = if self == Kind::Identity { "an" } else { "a" };
        format!("{article} {}", self.name())
    }

    /// Its row in the catalog.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Kind::Identity | Kind::Boundary => "managed-policy",
            Kind::Session => "session-policy",
            Kind::ServiceControl => "service-control-policy",
            Kind::ResourceControl => "resource-control-policy",
            Kind::Bucket => "bucket-policy",
            Kind::Key => "key-policy",
        }
    }

    /// Whether its statements say whom they mean.
    pub const fn has_principals(self) -> bool {
        matches!(self, Kind::Bucket | Kind::Key | Kind::ResourceControl)
    }
}
