//! When KMS refuses calls for the time being, and why.

/// From when to when KMS refuses calls, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// First instant \[ns\].
    pub from: u64,
    /// Instant after the last \[ns\], `u64::MAX`: there is none.
    pub until: u64,
    /// Why.
    pub cause: Cause,
    /// S3 bills the answer.
    pub billed: bool,
}

/// Why KMS refuses a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The caller has no permission: the request is denied.
    NoPermission,
    /// The key is disabled: the request fails.
    Disabled,
    /// The key is pending deletion: the request fails.
    PendingDeletion,
}

impl Cause {
    /// KMS's error.
    pub fn kms_error(self) -> &'static str {
        match self {
            Cause::NoPermission => "AccessDeniedException",
            Cause::Disabled => "DisabledException",
            Cause::PendingDeletion => "KMSInvalidStateException",
        }
    }

    /// What S3 answers, whose call was refused.
    pub fn s3_answer(self) -> &'static str {
        match self {
            Cause::NoPermission => "403 AccessDenied",
            Cause::Disabled => "400 KMS.DisabledException",
            Cause::PendingDeletion => "400 KMS.KMSInvalidStateException",
        }
    }
}
