//! What meets the KMS calls of S3 requests: bucket keys and sessions, and S3's own request rate.

use super::super::access::{CallMade, Caller, HeldByS3};
use super::super::assumption::{Renewal, RequesterRule};
use super::super::bucket::{AgeSettings, BucketSettings};
use super::super::workload::WorkloadSettings;
use super::builder::PlanBuilder;
use crate::catalog::{self, RequestRate};
use crate::engine::limiter::{Shape, Step};
use crate::input::diagnostic::{Code, Diagnostic};
use crate::model::arrivals::Arrivals;
use crate::model::retry::Service;
use crate::model::source::bucket_key::BucketKeyRules;
use crate::model::source::bucket_key::archive::{Age, Archive};
use crate::model::{BucketKeyUse, Quota, Source};
use std::sync::Arc;

/// A KMS call for objects of a bucket, and who asks.
struct Side<'a> {
    name: &'a str,
    bucket: &'a BucketSettings,
    key: &'a str,
    caller: &'a Caller,
}

impl<'a> PlanBuilder<'a> {
    /// What can meet a KMS call of S3 requests.
    pub(super) fn held_by_s3(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        call: &CallMade,
        caller: &Caller,
    ) -> Source {
        let named = call.bucket.as_deref();
        let named = named.and_then(|name| self.scenario.bucket.get_key_value(name));
        let Some((name, bucket)) = named else {
            return Source::Call;
        };
        let side = Side {
            name,
            bucket,
            key: &call.key,
            caller,
        };
        match call.held {
            HeldByS3::Nothing => Source::Call,
            HeldByS3::ToWrite => Source::BucketKeyWrite(self.bucket_key_use(w, s, &side)),
            HeldByS3::Verified => Source::BucketKeyVerified(self.bucket_key_use(w, s, &side)),
            HeldByS3::ToRead => {
                self.archive_is_known(w, s, &side);
                Source::BucketKeyRead(self.bucket_key_use(w, s, &side))
            }
            HeldByS3::Session => Source::BucketKeyWrite(self.session_use(w, s, &side)),
            HeldByS3::SessionVerified => Source::BucketKeyVerified(self.session_use(w, s, &side)),
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

    /// A read needs to know which bucket keys the objects were written under.
    fn archive_is_known(&self, w: usize, s: &WorkloadSettings, side: &Side<'_>) {
        let bucket = side.bucket;
        let switched = bucket.bucket_key_since.as_ns() > 0 && bucket.older_objects.get() == 0.0;
        if s.reads.is_none() && switched {
            self.warn(
                &bucket.place,
                format!(
                    "`workload.{}` reads `bucket.{}`, whose bucket keys are switched on at {}: from then on it is taken to read only objects under bucket keys, because `older_objects`, the share of reads that go to objects written before, is 0",
                    self.workload_name(w),
                    side.name,
                    bucket.bucket_key_since
                ),
            );
        }
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
        if s.says_which_objects {
            return;
        }
        let writer = s
            .reads
            .as_ref()
            .and_then(|n| self.scenario.workload.get_key_value(n));
        let several = match (writer, bucket.archived_bucket_keys, bucket.archive_age) {
            (Some((writer, settings)), _, _) => match &settings.arrivals {
                Arrivals::Job(job) if job.objects > 1 => Some(format!(
                    "`workload.{writer}` writes {} under the bucket keys of their time",
                    job.objects
                )),
                // That it is not a job is a fault of its own.
                Arrivals::Job(_) | Arrivals::Open(_) | Arrivals::Trace(_) => None,
            },
            (None, Some(1) | None, None) => None,
            (None, Some(keys), None) => Some(format!(
                "those in `bucket.{}` were written under {keys} bucket keys",
                side.name
            )),
            (None, _, Some(_)) => Some(format!(
                "those in `bucket.{}` were written under bucket keys of their age",
                side.name
            )),
        };
        if let Some(several) = several
            && (s.reads.is_some() || bucket.older_objects.get() < 1.0)
        {
            let name = self.workload_name(w);
            self.fault(
                &s.place,
                Code::NoDefault,
                format!("`workload.{name}` does not say how many objects it reads; {several}, and one object would need one of them only"),
                "write `popularity = { uniform = { objects = … } }`, or `zipf`: how many objects are read and how often each; or `object`, if it is only one",
            );
        }
    }

    /// The caches of one (bucket, key, requester class).
    fn bucket_key_use(&mut self, w: usize, s: &WorkloadSettings, side: &Side<'_>) -> BucketKeyUse {
        let a = &self.scenario.assumption;
        let requester = side.caller.requester.as_str();
        let settings = self.scenario.requester.get(requester);
        let (class, sessions) = match (settings, a.bucket_key_requester) {
            (Some(r), RequesterRule::Role) => (
                // Apart as in Debug, quoted: names may hold any character.
                format!("{:?}", (&r.account, &r.role, &r.session_policy)),
                1,
            ),
            (Some(r), RequesterRule::Session) => {
                if r.sessions > s.clients {
                    let name = self.workload_name(w);
                    self.fault(
                        &s.place,
                        Code::Contradiction,
                        format!("`workload.{name}` has clients = {}, but `requester.{requester}` has sessions = {}: a client is one session at a time, so that some would never ask", s.clients, r.sessions),
                        format!("write `clients = {}` or more, or fewer `sessions`", r.sessions),
                    );
                }
                (requester.to_owned(), r.sessions)
            }
            (None, _) => (format!("{:?}", (&side.caller.account, requester)), 1),
        };
        let settings = BucketKeyRules {
            fanout: a.bucket_key_fanout,
            lifetime: a.bucket_key_lifetime.as_ns(),
            write_lifetime: a.bucket_key_write_lifetime.as_ns(),
            sliding: a.bucket_key_renewal == Renewal::Sliding,
        };
        let cache = self.bucket_key_caches(side, class, sessions, settings);
        let bucket = side.bucket;
        let keys = bucket.archived_bucket_keys.unwrap_or(1);
        BucketKeyUse {
            cache,
            sessions,
            single_flight: self.scenario.assumption.bucket_key_single_flight,
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

    /// The keys of the clients' sessions of a directory bucket, each for as long as its session lives.
    fn session_use(&mut self, w: usize, s: &WorkloadSettings, side: &Side<'_>) -> BucketKeyUse {
        let lifetime = catalog::session_lifetime_s() * crate::engine::SECOND;
        let settings = BucketKeyRules {
            fanout: 1,
            lifetime,
            write_lifetime: lifetime,
            sliding: false,
        };
        let of = (self.workload_name(w), &*side.caller.requester);
        let class = format!("sessions of {of:?}");
        BucketKeyUse {
            cache: self.bucket_key_caches(side, class, s.clients, settings),
            sessions: s.clients,
            single_flight: false,
            archive: Archive::Keys {
                keys: 1,
                objects: 1,
            },
            object_weights: Arc::default(),
        }
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
