//! `[bucket.NAME]`: buckets, their default encryption and their S3 Bucket Keys.

use super::account::Placement;
use super::alias::{self, LookedUp};
use super::key::KmsKeySettings;
use super::policy::PolicySettings;
use crate::access::PolicyKind;
use crate::catalog::KeySpec;
use crate::input::declared::Declared;
use crate::input::diagnostic::{Code, Place};
use crate::input::keyword::keywords;
use crate::input::reader::{Alternative, Reader};
use crate::model::source::bucket_key::older::{Decline, OlderObjects};
use crate::units::{Share, Span};
use serde::Serialize;

keywords! {
    /// Default encryption of a bucket.
    pub enum Encryption {
        /// S3-managed keys: no KMS calls.
        SseS3 = "SSE-S3",
        /// KMS keys.
        SseKms = "SSE-KMS",
        /// Two layers, one under a KMS key; no Bucket Keys.
        DsseKms = "DSSE-KMS",
        /// Customer-provided keys: no KMS calls.
        SseC = "SSE-C",
    }
}

keywords! {
    /// What a write sends as `x-amz-server-side-encryption`.
    pub enum EncryptionHeader {
        /// SSE-S3.
        Aes256 = "AES256",
        /// SSE-KMS.
        AwsKms = "aws:kms",
        /// DSSE-KMS.
        AwsKmsDsse = "aws:kms:dsse",
    }
}

impl EncryptionHeader {
    /// The encryption that it asks for.
    pub const fn encryption(self) -> Encryption {
        match self {
            EncryptionHeader::Aes256 => Encryption::SseS3,
            EncryptionHeader::AwsKms => Encryption::SseKms,
            EncryptionHeader::AwsKmsDsse => Encryption::DsseKms,
        }
    }
}

impl Encryption {
    /// The header that asks for it; `None`: the customer's key is sent under other headers.
    pub const fn header(self) -> Option<EncryptionHeader> {
        match self {
            Encryption::SseS3 => Some(EncryptionHeader::Aes256),
            Encryption::SseKms => Some(EncryptionHeader::AwsKms),
            Encryption::DsseKms => Some(EncryptionHeader::AwsKmsDsse),
            Encryption::SseC => None,
        }
    }

    /// Whether objects are encrypted under a KMS key.
    pub const fn uses_kms(self) -> bool {
        match self {
            Encryption::SseKms | Encryption::DsseKms => true,
            Encryption::SseS3 | Encryption::SseC => false,
        }
    }
}

/// A bucket.
#[derive(Clone, Debug, Serialize)]
pub struct BucketSettings {
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Default encryption.
    pub encryption: Encryption,
    /// KMS key of the default encryption.
    pub key: Option<String>,
    /// The alias by which the default encryption names it; `None`: by its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_alias: Option<String>,
    /// General purpose or directory (S3 Express One Zone).
    pub kind: BucketKind,
    /// Whether S3 Bucket Keys are on.
    pub bucket_key: bool,
    /// When they were switched on; 0s: before the run.
    pub bucket_key_since: Span,
    /// Share of reads that go to objects written before they were switched on.
    pub older_objects: Share,
    /// Time in which half of these are rewritten or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_objects_half_life: Option<Span>,
    /// Time in which all of these are rewritten, at one rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_objects_rewritten_in: Option<Span>,
    /// Distinct bucket keys behind the other objects that were there before the run.
    pub archived_bucket_keys: Option<u32>,
    /// Or how long before the run those objects were written.
    pub archive_age: Option<AgeSettings>,
    /// Prefixes that its requests spread over evenly; `None`: S3 does not limit their rate.
    pub prefixes: Option<u32>,
    /// Bucket policy.
    pub policy: Option<PolicySettings>,
    /// Where it is written.
    #[serde(skip)]
    pub place: Place,
}

keywords! {
    /// PolicyKind of bucket.
    pub enum BucketKind {
        /// General purpose.
        GeneralPurpose = "general-purpose",
        /// Directory bucket: bucket keys always on, one session of five minutes for each client.
        Directory = "directory",
    }
}

/// Ages of objects at t = 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgeSettings {
    /// Alike from 0 on.
    Uniform {
        /// The longest.
        longest: Span,
    },
    /// Lognormal.
    Lognormal {
        /// Median.
        median: Span,
        /// σ of the logarithm.
        sigma: f64,
    },
}

/// How the share of older objects falls, in two ways.
const OLDER_HALF_LIFE: &str = "older_objects_half_life";
const OLDER_REWRITTEN_IN: &str = "older_objects_rewritten_in";

impl BucketSettings {
    /// The reads of objects without a bucket key.
    pub fn older(&self) -> OlderObjects {
        let ways = (
            self.older_objects_half_life,
            self.older_objects_rewritten_in,
        );
        OlderObjects {
            share: self.older_objects.get(),
            decline: match ways {
                (Some(half), _) => Decline::HalfLife(half.as_secs_f64()),
                (None, Some(all)) => Decline::Within(all.as_secs_f64()),
                (None, None) => Decline::Never,
            },
        }
    }
}

/// How many prefixes requests may spread over.
pub(super) const PREFIXES: std::ops::RangeInclusive<u32> = 1..=1_000_000;

pub(super) fn buckets(
    r: &mut Reader<'_>,
    placement: &Placement<'_>,
    keys: &Declared<KmsKeySettings>,
) -> Declared<BucketSettings> {
    r.declared("bucket", |_, r| {
        let account = placement.account(r);
        let region = placement.region(r, account.as_deref());
        let named = alias::named_key(
            r,
            "key",
            keys,
            LookedUp {
                by: "the bucket's account",
                account: account.as_deref(),
                region: region.as_deref(),
            },
        );
        let key = named.key;
        let encryption = r.keyword("encryption");
        let bucket_key = r.or("bucket_key", false);
        let bucket_key_since = r.or("bucket_key_since", Span::ZERO);
        let older_objects = r.or("older_objects", Share::ZERO);
        let declines = [OLDER_HALF_LIFE, OLDER_REWRITTEN_IN].map(|key| {
            let has_objects = r.has("older_objects");
            r.reject_without_effect(
                !has_objects,
                key,
                "no reads go to older objects",
                "write `older_objects`: their share of the reads at the start",
            );
            r.optional_in(key, Span::from_secs(1)..)
        });
        let [older_objects_half_life, older_objects_rewritten_in] = declines;
        if r.has(OLDER_HALF_LIFE) && r.has(OLDER_REWRITTEN_IN) {
            r.fault(
                Code::Contradiction,
                r.place_of(OLDER_REWRITTEN_IN),
                format!("`{}` says twice how its older objects are rewritten", r.path()),
                format!("keep one of `{OLDER_HALF_LIFE}` and `{OLDER_REWRITTEN_IN}`"),
            );
        }
        let archived_bucket_keys = r.optional_in("archived_bucket_keys", 1..=10_000_000);
        let archive_age = age(r, "archive_age");
        let prefixes = r.optional_in("prefixes", PREFIXES);
        let kind = r.keyword("kind").unwrap_or(BucketKind::GeneralPurpose);
        if r.has("archived_bucket_keys") && r.has("archive_age") {
            r.fault(
                Code::Contradiction,
                r.place_of("archive_age"),
                format!(
                    "`{}` sets both the number of bucket keys behind its objects and the objects' age",
                    r.path()
                ),
                "keep one of `archived_bucket_keys` and `archive_age`",
            );
        }
        if kind == BucketKind::Directory {
            for key in [
                "bucket_key",
                "bucket_key_since",
                "older_objects",
                OLDER_HALF_LIFE,
                OLDER_REWRITTEN_IN,
                "archived_bucket_keys",
                "archive_age",
            ] {
                if r.has(key) {
                    r.fault(
                        Code::Contradiction,
                        r.place_of(key),
                        format!("`{}` has no effect: directory buckets always use bucket keys, one per session for all objects", r.path_of(key)),
                        "drop it, or `kind`",
                    );
                }
            }
        }
        if kind == BucketKind::Directory && r.has("prefixes") {
            r.fault(
                Code::Contradiction,
                r.place_of("prefixes"),
                format!("`{}` has no effect: S3 does not limit requests to directory buckets by prefix", r.path_of("prefixes")),
                "drop it, or `kind`",
            );
        }
        let policy = PolicySettings::read(r, "policy", PolicyKind::Bucket, placement.files);
        let encryption = encryption.unwrap_or(if r.has("key") {
            Encryption::SseKms
        } else {
            Encryption::SseS3
        });
        let (account, region) = (account?, region?);
        let uses_kms = encryption.uses_kms();
        let key_settings = key.as_ref().and_then(|k| keys.get(k));
        if uses_kms && !r.has("key") {
            r.fault(
                Code::MissingKey,
                r.place_of("encryption"),
                format!("`{}` is encrypted with KMS, but its key is missing", r.path()),
                "write `key = \"NAME\"` of a [key.NAME] of this file",
            );
        }
        if !uses_kms && key.is_some() {
            r.fault(
                Code::Contradiction,
                r.place_of("key"),
                "only a bucket whose objects are encrypted with KMS has a KMS key",
                "drop `key`, or write `encryption = \"SSE-KMS\"`",
            );
        }
        if kind == BucketKind::Directory
            && !matches!(encryption, Encryption::SseS3 | Encryption::SseKms)
        {
            r.fault(
                Code::Contradiction,
                r.place_of("encryption"),
                "a directory bucket encrypts with SSE-S3 or SSE-KMS only",
                "write one of these, or drop `kind`",
            );
        }
        if bucket_key && encryption != Encryption::SseKms {
            r.fault(
                Code::Contradiction,
                r.place_of("bucket_key"),
                "S3 Bucket Keys work with SSE-KMS only (not with DSSE-KMS, SSE-S3 or SSE-C)",
                "drop `bucket_key`, or write `encryption = \"SSE-KMS\"`",
            );
        }
        if let Some(k) = key_settings {
            if k.spec != KeySpec::SymmetricDefault {
                r.fault(
                    Code::ImpossibleOperation,
                    r.place_of("key"),
                    format!(
                        "S3 encrypts with symmetric keys only; this key is {}",
                        k.spec.name()
                    ),
                    "name a key with `spec = \"SYMMETRIC_DEFAULT\"`",
                );
            }
            if let Some(service) = k.other_service() {
                r.fault(
                    Code::ImpossibleOperation,
                    r.place_of("key"),
                    format!("S3 cannot use the AWS managed key aws/{service}"),
                    "name a customer managed key, or one with `managed_by = \"aws\"` and no `service`: aws/s3",
                );
            }
            if k.region != region {
                r.fault(
                    Code::Contradiction,
                    r.place_of("key"),
                    format!("the bucket is in {region}, its key in {}", k.region),
                    "name a key in the bucket's Region",
                );
            }
        }
        Some(BucketSettings {
            account,
            region,
            encryption,
            key,
            key_alias: named.alias,
            kind,
            bucket_key,
            bucket_key_since,
            older_objects,
            older_objects_half_life,
            older_objects_rewritten_in,
            archived_bucket_keys,
            archive_age,
            prefixes,
            policy,
            place: r.place(),
        })
    })
}

/// Ages of objects under `key`.
fn age(r: &mut Reader<'_>, key: &str) -> Option<AgeSettings> {
    let span = Span::from_ns(1)..=Span::LONGEST;
    let uniform = |r: &mut Reader<'_>| {
        let longest = r.required_in("longest", span.clone())?;
        Some(AgeSettings::Uniform { longest })
    };
    let lognormal = |r: &mut Reader<'_>| {
        let median = r.required_in("median", span.clone());
        let sigma = r.required_in("sigma", 0.0..=3.0);
        Some(AgeSettings::Lognormal {
            median: median?,
            sigma: sigma?,
        })
    };
    r.choose(
        key,
        [
            Alternative::new("uniform", uniform),
            Alternative::new("lognormal", lognormal),
        ],
    )
    .flatten()
}

#[cfg(test)]
pub(crate) mod cases;
