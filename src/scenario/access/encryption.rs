//! The encryption of the objects that a request writes or reads, and whether they lie under bucket keys.

use super::super::bucket::{BucketKind, BucketSettings, Encryption};
use super::super::workload::WorkloadSettings;
use super::decided::Access;
use crate::catalog::{KmsOperation, NeedSide, S3Need, S3OperationRow};
use crate::model::source::ObjectKinds;
use crate::model::source::bucket_key::older::OlderObjects;

/// The encryption of an object that a request writes or reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce<'a> {
    /// How.
    pub encryption: Encryption,
    /// Under which KMS key, a name of the scenario.
    pub key: Option<&'a str>,
    /// Whether the request's header says so; else the bucket's default does.
    pub by_header: bool,
}

/// Whether the objects on one side of requests lie under bucket keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DataKeys {
    /// Each has a data key of its own.
    Own,
    /// All of them lie under bucket keys.
    BucketKeys,
    /// Some of either kind.
    Both(ObjectKinds),
}

impl<'a> Access<'a> {
    /// How the object on one side of a request is encrypted; `None` if there is no such bucket.
    pub fn in_force(
        &self,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
        side: NeedSide,
    ) -> Option<InForce<'a>> {
        let (_, bucket) = self.bucket_of(s, side)?;
        let default = InForce {
            encryption: bucket.encryption,
            key: bucket.key.as_deref(),
            by_header: false,
        };
        let writes = side != NeedSide::Source && row.encryption_headers;
        let header = s.encryption_header.filter(|_| writes);
        Some(match header {
            None => default,
            Some(header) => InForce {
                encryption: header.encryption(),
                key: s.encryption_header_key.as_deref(),
                by_header: true,
            },
        })
    }

    /// The bucket that a side of a request lies in.
    pub fn bucket_of(
        &self,
        s: &'a WorkloadSettings,
        side: NeedSide,
    ) -> Option<(&'a str, &'a BucketSettings)> {
        let own = s.bucket.as_deref()?;
        let name = match side {
            NeedSide::Source => s.copy_source.as_deref().unwrap_or(own),
            NeedSide::Object | NeedSide::Destination | NeedSide::Upload | NeedSide::Replica => own,
        };
        self.scenario.bucket.get(name).map(|bucket| (name, bucket))
    }

    /// Whether S3 refuses a request for its plain HTTP, whatever the policies say.
    pub fn needs_tls(&self, s: &'a WorkloadSettings, row: &S3OperationRow) -> bool {
        let under_kms = |side| self.in_force(s, row, side).is_some_and(|f| f.key.is_some());
        s.tls.is_none() && row.needs.iter().any(|need| under_kms(need.on))
    }

    /// Whether the objects of a need lie under bucket keys.
    pub(super) fn data_keys(
        &self,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
        need: S3Need,
    ) -> DataKeys {
        let in_force = self.in_force(s, row, need.on);
        let can = in_force.is_some_and(|f| f.encryption == Encryption::SseKms);
        let Some((_, bucket)) = self.bucket_of(s, need.on).filter(|_| can) else {
            return DataKeys::Own;
        };
        if bucket.kind == BucketKind::Directory {
            return DataKeys::Own;
        }
        match (need.on, need.operation) {
            // A replica keeps the setting of its source.
            (NeedSide::Replica, _) => {
                let of_source = self.bucket_of(s, NeedSide::Source);
                let of_source = of_source.filter(|(_, b)| b.encryption == Encryption::SseKms);
                of_source.map_or(DataKeys::Own, |(_, source)| self.read(s, source))
            }
            (NeedSide::Upload, _) | (_, KmsOperation::GenerateDataKey) => {
                written(bucket, s.bucket_key_header)
            }
            (NeedSide::Object | NeedSide::Source | NeedSide::Destination, _) => {
                self.read(s, bucket)
            }
        }
    }

    /// The objects of a bucket that a workload reads.
    fn read(&self, s: &WorkloadSettings, bucket: &BucketSettings) -> DataKeys {
        let writer = s.reads.as_ref().and_then(|n| self.scenario.workload.get(n));
        if let Some(writer) = writer {
            // What has not been written yet has no bucket key, nor has what is refused.
            let waits = s.after == s.reads;
            return match written(bucket, writer.bucket_key_header) {
                DataKeys::Own => DataKeys::Own,
                DataKeys::BucketKeys if waits => DataKeys::BucketKeys,
                DataKeys::BucketKeys | DataKeys::Both(_) => DataKeys::Both(ObjectKinds::Read {
                    since: 0,
                    older_objects: OlderObjects::NONE,
                }),
            };
        }
        let (since, older_objects) = (bucket.bucket_key_since.as_ns(), bucket.older());
        match (since, older_objects.is_some()) {
            _ if !bucket.bucket_key || older_objects.are_all() => DataKeys::Own,
            (0, false) => DataKeys::BucketKeys,
            _ => DataKeys::Both(ObjectKinds::Read {
                since,
                older_objects,
            }),
        }
    }
}

/// The objects that requests with a header write to a bucket. With the header bucket keys need not be switched on.
fn written(bucket: &BucketSettings, header: Option<bool>) -> DataKeys {
    let since = bucket.bucket_key_since.as_ns();
    match header {
        Some(false) => DataKeys::Own,
        Some(true) => DataKeys::BucketKeys,
        None if !bucket.bucket_key => DataKeys::Own,
        None if since == 0 => DataKeys::BucketKeys,
        None => DataKeys::Both(ObjectKinds::Written { since }),
    }
}
