//! `[assumption]`: what AWS does not document.

use crate::input::diagnostic::{Code, Diagnostics};
use crate::input::document::Table;
use crate::input::keyword::keywords;
use crate::input::reader::Reader;
use crate::model::latency::LatencySettings;
use crate::units::Span;
use serde::Serialize;

/// What AWS does not document; numbered in docs/MODEL.md.
#[derive(Clone, Debug, Serialize)]
pub struct Assumptions {
    /// How long a bucket key serves.
    pub bucket_key_lifetime: Span,
    /// How long a bucket key serves new objects.
    pub bucket_key_write_lifetime: Span,
    /// From when the lifetimes count.
    pub bucket_key_renewal: Renewal,
    /// Whether parts of uploads and replicas have their bucket key verified by a Decrypt.
    pub bucket_key_verification: bool,
    /// Independent caches of bucket keys in S3.
    pub bucket_key_fanout: u32,
    /// Who shares bucket keys: `role` or `session`.
    pub bucket_key_requester: RequesterRule,
    /// Whether requests wait for a bucket key that another one fetches.
    pub bucket_key_single_flight: bool,
    /// Time from a call to KMS's answer.
    pub kms_latency: LatencySettings,
    /// Time of an S3 request without KMS.
    pub s3_latency: LatencySettings,
    /// Time from an attempt to its answer when it is throttled.
    pub throttled_latency: LatencySettings,
    /// What `x-amz-retry-after` asks of throttled clients, `None` where there is none.
    pub retry_after: Option<Span>,
    /// Whether KMS bills throttled attempts.
    pub throttled_attempts_billed: bool,
    /// Whether CloudTrail logs throttled attempts.
    pub throttled_attempts_logged: bool,
    /// Whether CloudWatch's CallCount holds throttled attempts.
    pub throttled_attempts_in_call_count: bool,
    /// KMS calls of a DSSE-KMS request for each of SSE-KMS.
    pub dsse_kms_calls: u32,
    /// Whether a KMS call that policies deny draws on the request quota.
    pub denied_calls_consume_quota: bool,
    /// What `s3:x-amz-server-side-encryption` holds.
    pub encryption_condition: EncryptionCondition,
    /// How long the association of a key with a log group takes to be in effect.
    pub log_group_association_delay: Span,
    /// How long a log stream goes on with one data key, in whole seconds.
    pub log_stream_data_key_lifetime: Span,
}

keywords! {
    /// Who shares bucket keys.
    pub enum RequesterRule {
        /// Sessions of one role with one scoping policy (today's rule).
        Role = "role",
        /// Nobody: each session has its own (until 2023).
        Session = "session",
    }
}

keywords! {
    /// From when the lifetime of a bucket key counts.
    pub enum Renewal {
        /// From KMS's answer.
        Fixed = "fixed",
        /// From the last use.
        Sliding = "sliding",
    }
}

keywords! {
    /// What the context key `s3:x-amz-server-side-encryption` holds.
    pub enum EncryptionCondition {
        /// The header; the key is absent where the request has none.
        Header = "header",
        /// The encryption in force, the bucket's default included.
        Effective = "effective",
    }
}

pub(super) fn assumptions(r: &mut Reader<'_>) -> Assumptions {
    let bucket_key_lifetime = |r: &mut Reader<'_>| {
        let default = Span::from_secs(300);
        r.or_in("bucket_key_lifetime", default, Span::from_ns(1)..)
    };
    let read = |r: &mut Reader<'_>| Assumptions {
        bucket_key_lifetime: bucket_key_lifetime(r),
        bucket_key_write_lifetime: {
            let same = bucket_key_lifetime(r);
            r.or_in("bucket_key_write_lifetime", same, Span::from_ns(1)..)
        },
        bucket_key_renewal: r.keyword("bucket_key_renewal").unwrap_or(Renewal::Fixed),
        bucket_key_verification: r.or("bucket_key_verification", true),
        bucket_key_fanout: r.or_in("bucket_key_fanout", 2, 1..=1024),
        bucket_key_requester: r
            .keyword("bucket_key_requester")
            .unwrap_or(RequesterRule::Role),
        bucket_key_single_flight: r.or("bucket_key_single_flight", false),
        kms_latency: LatencySettings::read(r, "kms_latency", 4, 0.5),
        s3_latency: LatencySettings::read(r, "s3_latency", 30, 0.5),
        throttled_latency: LatencySettings::read(r, "throttled_latency", 4, 0.0),
        retry_after: r.optional_in("retry_after", ..=Span::from_secs(86_400)),
        throttled_attempts_billed: r.or("throttled_attempts_billed", false),
        throttled_attempts_logged: r.or("throttled_attempts_logged", true),
        throttled_attempts_in_call_count: r.or("throttled_attempts_in_call_count", true),
        dsse_kms_calls: r.or_in("dsse_kms_calls", 1, 1..=2),
        denied_calls_consume_quota: r.or("denied_calls_consume_quota", true),
        encryption_condition: r
            .keyword("encryption_condition")
            .unwrap_or(EncryptionCondition::Header),
        log_group_association_delay: {
            let default = Span::from_secs(300);
            r.or_in("log_group_association_delay", default, ..=Span::LONGEST)
        },
        log_stream_data_key_lifetime: {
            let (key, default) = ("log_stream_data_key_lifetime", Span::from_secs(300));
            let lifetime = r.or_in(key, default, Span::from_secs(1)..=Span::LONGEST);
            if lifetime.whole_seconds().is_none() {
                r.fault(
                    Code::OutOfRange,
                    r.place_of(key),
                    format!(
                        "`{}` is {lifetime}, which is not a whole number of seconds",
                        r.path_of(key)
                    ),
                    "round it to whole seconds",
                );
            }
            lifetime
        },
    };
    if let Some(assumptions) = r.table("assumption", read) {
        return assumptions;
    }
    let empty = Table::empty(r.place());
    Diagnostics::new().read(&empty, read)
}

#[cfg(test)]
pub(crate) mod cases;
