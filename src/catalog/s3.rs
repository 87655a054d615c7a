//! What each S3 operation needs of KMS, and how S3 bills it.
//!
//! Data: `s3_operations.toml`. Left out: directory buckets (S3 Express), lifecycle transitions and
//! inventory; Batch Operations are the operations they call.

use super::operation::KmsOperation;
use serde::{Deserialize, Serialize};

/// How S3 bills a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum S3Tier {
    /// PUT, COPY, POST, LIST.
    Tier1,
    /// GET, SELECT and all others.
    Tier2,
    /// Not billed.
    Free,
}

impl S3Tier {
    /// Item of the bill, `None` for free requests.
    pub const fn item(self) -> Option<&'static str> {
        match self {
            S3Tier::Tier1 => Some("s3-tier1"),
            S3Tier::Tier2 => Some("s3-tier2"),
            S3Tier::Free => None,
        }
    }
}

/// Whose KMS key a need is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NeedSide {
    /// The object of the request.
    Object,
    /// The source of a copy, if it is under SSE-KMS.
    Source,
    /// The destination of a copy, if it is under SSE-KMS.
    Destination,
    /// The multipart upload.
    Upload,
}

/// One KMS operation that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Need {
    /// The KMS operation.
    pub operation: KmsOperation,
    /// Whose key it is on.
    pub on: NeedSide,
}

/// What a permission is asked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PermissionSide {
    /// The object of the request.
    Object,
    /// The bucket of the request.
    Bucket,
    /// The source of a copy.
    Source,
}

/// An action that policies must allow.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Permission {
    /// `s3:GetObject`.
    pub action: String,
    /// On what.
    pub on: PermissionSide,
}

/// Where a request that writes says how its object is to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncryptionHeaders {
    /// In headers of its own.
    Own,
    /// In those with which its multipart upload was created.
    Upload,
}

/// How well a count is founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// AWS states it.
    Documented,
    /// Our assumption, for the reason given.
    Undocumented,
}

/// An S3 operation, as KMS sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3OperationRow {
    /// Our identifier: the API name, with what sets it apart (`GetObjectRange`).
    pub id: String,
    api: Option<String>,
    /// How S3 bills it.
    pub billing: S3Tier,
    /// The KMS operations it needs under SSE-KMS without a Bucket Key, in order.
    pub needs: Vec<S3Need>,
    /// What policies must allow, in order.
    pub permissions: Vec<S3Permission>,
    /// Where it says how its object is to be encrypted; `None` where it writes none.
    pub encryption_headers: Option<EncryptionHeaders>,
    /// How well the count is founded.
    pub evidence: Evidence,
    /// The reason in words.
    pub because: String,
    /// Where it is documented.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

impl S3OperationRow {
    /// Name of the S3 API that is called.
    pub fn api(&self) -> &str {
        self.api.as_deref().unwrap_or(&self.id)
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3File {
    pub(super) operation: Vec<S3OperationRow>,
}

#[cfg(test)]
mod tests {
    use super::super::{s3_operation, s3_operations};
    use super::*;
    use KmsOperation::{Decrypt, Encrypt, GenerateDataKey};

    fn needs(id: &str) -> Vec<KmsOperation> {
        s3_operation(id)
            .unwrap()
            .needs
            .iter()
            .map(|n| n.operation)
            .collect()
    }

    #[test]
    fn needs_of_the_common_operations() {
        assert_eq!(needs("PutObject"), [GenerateDataKey]);
        assert_eq!(needs("GetObject"), [Decrypt]);
        assert_eq!(needs("GetObjectRange"), [Decrypt]);
        assert_eq!(needs("HeadObject"), []);
        assert_eq!(needs("HeadObjectChecksum"), [Decrypt]);
        assert_eq!(needs("CopyObject"), [Decrypt, GenerateDataKey]);
        assert_eq!(needs("UploadPartCopy"), [Decrypt, Decrypt]);
        assert_eq!(needs("ReplicateObject"), [Decrypt, Encrypt]);
        for id in [
            "ListObjects",
            "GetObjectTagging",
            "DeleteObject",
            "AbortMultipartUpload",
        ] {
            assert_eq!(needs(id), []);
        }
        assert!(s3_operation("GetObjct").is_none());
    }

    #[test]
    fn a_multipart_upload_of_n_parts_makes_n_plus_2_calls() {
        let n = 7;
        let calls = needs("CreateMultipartUpload").len()
            + n * needs("UploadPart").len()
            + needs("CompleteMultipartUpload").len();
        assert_eq!(calls, n + 2);
    }

    #[test]
    fn copy_reads_the_source_before_it_writes_the_destination() {
        let sides: Vec<_> = s3_operation("CopyObject")
            .unwrap()
            .needs
            .iter()
            .map(|n| n.on)
            .collect();
        assert_eq!(sides, [NeedSide::Source, NeedSide::Destination]);
    }

    #[test]
    fn tiers() {
        assert_eq!(
            s3_operation("UpdateObjectEncryption").unwrap().billing,
            S3Tier::Tier1
        );
        assert_eq!(
            s3_operation("GetObjectRange").unwrap().billing,
            S3Tier::Tier2
        );
        assert_eq!(s3_operation("DeleteObject").unwrap().billing.item(), None);
        assert_eq!(s3_operation("GetObjectRange").unwrap().api(), "GetObject");
    }

    #[test]
    fn identifiers_are_unique() {
        let ids: std::collections::BTreeSet<_> = s3_operations().iter().map(|o| &o.id).collect();
        assert_eq!(ids.len(), s3_operations().len());
    }
}
