//! What the requests of an S3 workload need of KMS, and which bucket keys meet it.

use super::super::assumption::{Renewal, RequesterRule};
use super::super::bucket::{AgeSettings, BucketKind, BucketSettings, Encryption};
use super::super::workload::WorkloadSettings;
use super::builder::PlanBuilder;
use crate::catalog::{self, KmsOperation, NeedSide, RequestRate, S3OperationRow};
use crate::engine::limiter::{Shape, Step};
use crate::input::diagnostic::{Code, Diagnostic};
use crate::model::retry::Service;
use crate::model::source::bucket_key::BucketKeyRules;
use crate::model::source::bucket_key::archive::{Age, Archive};
use crate::model::{BucketKeyUse, Quota, Source};
use std::ops::Range;
use std::sync::Arc;

/// One side of a request: a bucket under KMS and who asks.
struct Side<'a> {
    name: &'a str,
    bucket: &'a BucketSettings,
    key: &'a str,
    /// In force there.
    encryption: Encryption,
    /// The account that is charged.
    account: String,
    requester: &'a str,
}

impl<'a> PlanBuilder<'a> {
    /// The KMS steps of one S3 request, of its first `upto` needs, by need; `denied` is the one that KMS denies.
    pub(super) fn s3_kms_steps(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
        requester: &str,
        upto: usize,
        denied: Option<usize>,
    ) -> Vec<(usize, Range<usize>)> {
        let mut has_session = false;
        let mut of_needs = Vec::new();
        for i in 0..upto.min(row.needs.len()) {
            let before = self.kms_steps.len();
            self.need_kms_steps(
                w,
                s,
                (row, i),
                requester,
                denied == Some(i),
                &mut has_session,
            );
            of_needs.push((i, before..self.kms_steps.len()));
        }
        of_needs
    }

    /// The KMS steps of the n-th need of an S3 request.
    fn need_kms_steps(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        (row, i): (&S3OperationRow, usize),
        requester: &str,
        denied: bool,
        has_session: &mut bool,
    ) {
        let need = &row.needs[i];
        let in_force = self.access.in_force(s, row, need.on);
        let (Some(in_force), Some((name, bucket))) = (in_force, self.access.bucket_of(s, need.on))
        else {
            return;
        };
        let Some(key) = in_force.key else {
            return;
        };
        let side = Side {
            name,
            bucket,
            key,
            encryption: in_force.encryption,
            account: self.caller(requester, &bucket.account),
            requester,
        };
        if denied {
            let caller = (side.account.as_str(), requester);
            self.denied_kms_step(s, need.operation, key, caller);
            return;
        }
        let of_session = matches!(need.on, NeedSide::Object | NeedSide::Upload);
        if bucket.kind == BucketKind::Directory && of_session {
            if !*has_session {
                self.session_kms_steps(w, s, &side);
            }
            *has_session = true;
            return;
        }
        if !self.has_bucket_key(s, &side, need.operation, need.on) {
            let calls = match side.encryption {
                Encryption::DsseKms => self.scenario.assumption.dsse_kms_calls,
                Encryption::SseKms | Encryption::SseS3 | Encryption::SseC => 1,
            };
            for _ in 0..calls {
                self.side_kms_step(s, &side, need.operation, Source::Call);
            }
            return;
        }
        let uses = self.bucket_key_use(w, s, &side);
        let verification = self.scenario.assumption.bucket_key_verification;
        match (need.operation, need.on) {
            (KmsOperation::Decrypt, NeedSide::Upload) if verification => {
                let source = Source::BucketKeyVerified(uses);
                self.side_kms_step(s, &side, need.operation, source);
            }
            (KmsOperation::GenerateDataKey, _) | (_, NeedSide::Upload) => {
                self.side_kms_step(s, &side, need.operation, Source::BucketKeyWrite(uses));
            }
            (_, NeedSide::Replica) => {
                let write = Source::BucketKeyWrite(uses.clone());
                self.side_kms_step(s, &side, KmsOperation::GenerateDataKey, write);
                if verification {
                    let source = Source::BucketKeyVerified(uses);
                    self.side_kms_step(s, &side, KmsOperation::Decrypt, source);
                }
            }
            (_, NeedSide::Object | NeedSide::Source | NeedSide::Destination) => {
                self.archive_is_known(w, s, &side);
                self.side_kms_step(s, &side, need.operation, Source::BucketKeyRead(uses));
            }
        }
    }

    /// S3's limit on a workload's reads or writes, if it says how many prefixes they spread over: one pool
    /// for all the prefixes of a bucket, or for those of the workload.
    pub(super) fn request_rate(
        &mut self,
        w: usize,
        s: &WorkloadSettings,
        rate: RequestRate,
    ) -> Option<usize> {
        let bucket_name = s.bucket.as_deref()?;
        let bucket = self.scenario.bucket.get(bucket_name)?;
        let prefixes = s.prefixes.or(bucket.prefixes)?;
        let (account, region) = (&bucket.account, &bucket.region);
        let mut name = format!("{account}/{region}/s3-{}/{bucket_name}", rate.name());
        if s.prefixes.is_some() {
            name = format!("{name}/{}", self.workload_name(w));
        }
        let step = Step {
            from_s: 0,
            num: u64::from(prefixes) * catalog::request_rates().per_s(rate),
            den: 1,
        };
        let quota = Quota {
            name: name.clone(),
            service: Service::S3,
            shape: Shape::FixedWindow,
            steps: vec![step],
        };
        let entry = self.quotas.entry(name);
        let index = entry.index();
        entry.or_insert(quota);
        Some(index)
    }

    fn side_kms_step(
        &mut self,
        s: &WorkloadSettings,
        side: &Side<'_>,
        operation: KmsOperation,
        source: Source,
    ) {
        self.kms_step(
            &s.place,
            operation,
            side.key,
            (&side.account, side.requester),
            source,
        );
    }

    /// Whether a need is one that a bucket key can meet.
    fn has_bucket_key(
        &self,
        s: &WorkloadSettings,
        side: &Side<'_>,
        operation: KmsOperation,
        on: NeedSide,
    ) -> bool {
        if side.encryption != Encryption::SseKms || side.bucket.kind == BucketKind::Directory {
            return false;
        }
        let setting = side.bucket.bucket_key;
        match (operation, on) {
            // A replica keeps the setting of its source.
            (KmsOperation::Encrypt, NeedSide::Replica) => {
                let source = s.copy_source.as_deref().unwrap_or(side.name);
                let source = self.scenario.bucket.get(source);
                source.is_some_and(|b| b.bucket_key)
            }
            (KmsOperation::GenerateDataKey, _) | (_, NeedSide::Upload) => {
                s.bucket_key_header.unwrap_or(setting)
            }
            // What a workload of this run wrote may have had the header.
            (KmsOperation::Decrypt, _) => {
                let writer = s.reads.as_ref().and_then(|n| self.scenario.workload.get(n));
                setting || writer.is_some_and(|w| w.bucket_key_header == Some(true))
            }
            (
                _,
                NeedSide::Object | NeedSide::Source | NeedSide::Destination | NeedSide::Replica,
            ) => false,
        }
    }

    /// A read needs to know which bucket keys the objects were written under.
    fn archive_is_known(&self, w: usize, s: &WorkloadSettings, side: &Side<'_>) {
        let bucket = side.bucket;
        let known = bucket.archived_bucket_keys.is_some() || bucket.archive_age.is_some();
        if s.reads.is_none() && !known {
            self.faults.push(
                Diagnostic::error(
                    Code::NoDefault,
                    format!("`bucket.{}` does not say how many bucket keys its objects were written under, and `workload.{}` reads them", side.name, self.workload_name(w)),
                )
                .at(bucket.place.clone())
                .help("write `archived_bucket_keys = …`: about one for each `bucket_key_lifetime` and requester in which they were written (a day of steady writing: 288), or `archive_age`: how old they are; a read needs the very key"),
            );
        }
    }

    /// The caches of one (bucket, key, requester class).
    fn bucket_key_use(&mut self, w: usize, s: &WorkloadSettings, side: &Side<'_>) -> BucketKeyUse {
        let a = &self.scenario.assumption;
        let requester = side.requester;
        let settings = self.scenario.requester.get(requester);
        let (class, sessions) = match (settings, a.bucket_key_requester) {
            (Some(r), RequesterRule::Role) => (
                // Apart as in Debug, quoted: names may hold any character.
                format!("{:?}", (&r.account, &r.role, &r.session_policy)),
                1,
            ),
            (Some(r), RequesterRule::Session) => (requester.to_owned(), r.sessions),
            (None, _) => (format!("{:?}", (&side.account, requester)), 1),
        };
        let settings = BucketKeyRules {
            fanout: a.bucket_key_fanout,
            lifetime: a.bucket_key_lifetime.as_ns(),
            write_lifetime: a.bucket_key_write_lifetime.as_ns(),
            sliding: a.bucket_key_renewal == Renewal::Sliding,
        };
        let cache = self.bucket_key_caches(side, class, sessions, settings);
        let bucket = side.bucket;
        // With the header they need not be switched on.
        let since = if s.bucket_key_header == Some(true) {
            0
        } else {
            bucket.bucket_key_since.as_ns()
        };
        let keys = bucket.archived_bucket_keys.unwrap_or(1);
        BucketKeyUse {
            cache,
            sessions,
            since,
            single_flight: self.scenario.assumption.bucket_key_single_flight,
            older_objects: bucket.older_objects.get(),
            archive: match bucket.archive_age {
                None => Archive::Keys {
                    keys: u64::from(keys),
                    objects: s.popularity.popularity().objects(),
                },
                Some(age) => Archive::Ages {
                    age: match age {
                        AgeSettings::Uniform { longest } => Age::Uniform {
                            longest: longest.as_ns(),
                        },
                        AgeSettings::Lognormal { median, sigma } => Age::Lognormal {
                            median: median.as_ns(),
                            sigma,
                        },
                    },
                    lifetime: settings.write_lifetime,
                    fanout: settings.fanout,
                },
            },
            object_weights: Arc::clone(
                self.object_weights
                    .entry((w, side.name.to_owned()))
                    .or_default(),
            ),
        }
    }

    /// What a client's session of a directory bucket needs: a key, and its verification, for as long
    /// as the session lives.
    fn session_kms_steps(&mut self, w: usize, s: &WorkloadSettings, side: &Side<'_>) {
        let lifetime = catalog::session_lifetime_s() * crate::engine::SECOND;
        let settings = BucketKeyRules {
            fanout: 1,
            lifetime,
            write_lifetime: lifetime,
            sliding: false,
        };
        let class = format!("sessions of {:?}", (self.workload_name(w), side.requester));
        let uses = BucketKeyUse {
            cache: self.bucket_key_caches(side, class, s.clients, settings),
            sessions: s.clients,
            since: 0,
            single_flight: false,
            older_objects: 0.0,
            archive: Archive::Keys {
                keys: 1,
                objects: 1,
            },
            object_weights: Arc::default(),
        };
        let key = Source::BucketKeyWrite(uses.clone());
        self.side_kms_step(s, side, KmsOperation::GenerateDataKey, key);
        let verified = Source::BucketKeyVerified(uses);
        self.side_kms_step(s, side, KmsOperation::Decrypt, verified);
    }

    /// First of the caches of a bucket, a key and a class of requesters.
    fn bucket_key_caches(
        &mut self,
        side: &Side<'_>,
        class: String,
        sessions: u32,
        settings: BucketKeyRules,
    ) -> usize {
        let next = self.cache_settings.len();
        let cache = *self
            .caches
            .entry((side.name.to_owned(), side.key.to_owned(), class))
            .or_insert(next);
        if cache == next {
            self.cache_settings
                .extend(std::iter::repeat_n(settings, sessions as usize));
        }
        cache
    }
}
