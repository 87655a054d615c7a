//! A sample of a run's events as a CloudTrail log file: `{"Records": […]}`, in order of time.
//!
//! What the counters hold is counted: in which second, by which workload's requests, on which key, with which
//! answer. What they do not hold is drawn from keys of its own: the instant within the second, the object, and
//! the identifiers that AWS gives out. Only what trails deliver is in the file; a call that two accounts log has
//! a record for each whose trails deliver it.

use super::asked::{call_of, call_without_quota, origin_of};
use super::data_event::DataEvent;
use super::kms_call::KmsAnswer;
use crate::catalog;
use crate::engine::SECOND;
use crate::engine::random::Key;
use crate::model::{Cause, Class, KmsStep, Plan, Popularity, Refusal};
use crate::scenario::Variant;
use crate::scenario::access::{Access, NO_TLS};
use crate::scenario::workload::WorkloadSettings;
use crate::simulation::record::Record;
use crate::simulation::replication_key;
use crate::simulation::sample::{Answered, Ended, SampleMember, Sampled};
use serde_json::{Value, json};

/// A sample of events.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// The records, in order of `eventTime`.
    pub records: Vec<Value>,
    /// KMS calls in the sample; one that two accounts log is one.
    pub calls: usize,
    /// Of so many that trails deliver.
    pub of_calls: u64,
    /// Requests for objects in the sample.
    pub requests: usize,
    /// Of so many that trails deliver.
    pub of_requests: u64,
}

/// The sample of a replication, whose record [`crate::run::sampled`] makes; `seed` is the run's.
pub fn log_file(variant: &Variant, record: &Record, seed: u64) -> LogFile {
    let mut writer = Writer::new(variant, seed);
    let (calls, requests) = (
        record.calls_sampled.members(),
        record.requests_sampled.members(),
    );
    let mut timed: Vec<(u64, Vec<Value>)> = calls
        .iter()
        .chain(&requests)
        .map(|member| writer.records(member))
        .collect();
    timed.sort_by_key(|(at, _)| *at);
    LogFile {
        records: timed.into_iter().flat_map(|(_, records)| records).collect(),
        calls: calls.len(),
        of_calls: record.calls_sampled.of,
        requests: requests.len(),
        of_requests: record.requests_sampled.of,
    }
}

impl LogFile {
    /// The text of the file.
    ///
    /// # Errors
    /// None that a record could make.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(&json!({ "Records": self.records }))
    }
}

struct Writer<'a> {
    variant: &'a Variant,
    plan: &'a Plan,
    access: Access<'a>,
    start: jiff::Timestamp,
    key: Key,
}

impl<'a> Writer<'a> {
    fn new(variant: &'a Variant, seed: u64) -> Writer<'a> {
        let start = variant.scenario.start.parse::<jiff::ZonedDateTime>();
        Writer {
            variant,
            plan: &variant.plan,
            access: Access::new(&variant.scenario),
            // The reader has refused what is no date.
            start: start.map_or(jiff::Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp()),
            key: replication_key(seed, 0).named("CloudTrail records"),
        }
    }

    /// The records of a member, and its instant \[ns\].
    fn records(&mut self, member: &SampleMember) -> (u64, Vec<Value>) {
        let key = match member.what {
            Sampled::Call { kms_step, answer } => self
                .key
                .named("call")
                .with(kms_step as u64)
                .with(answer as u64),
            Sampled::CallWithoutQuota { class } => self.key.named("unlaned").with(class as u64),
            Sampled::Request { class, ended } => {
                let key = self.key.named("request");
                key.with(class as u64).with(ended as u64)
            }
        };
        let key = key.with(member.second).with(member.index);
        let at = member.second * SECOND + key.named("instant").below(SECOND);
        let time = jiff::SignedDuration::from_nanos(at as i64);
        // Ten years after any date there still is one.
        let time = self.start.checked_add(time).unwrap_or(self.start);
        let records = match member.what {
            Sampled::Call { kms_step, answer } => self.call(
                &self.plan.kms_steps[kms_step],
                answer,
                member.second,
                time,
                key,
            ),
            Sampled::CallWithoutQuota { class } => self.call_without_quota(class, time, key),
            Sampled::Request { class, ended } => self
                .request(class, ended, member.second, time, key)
                .into_iter()
                .collect(),
        };
        (at, records)
    }

    fn call(
        &mut self,
        kms_step: &KmsStep,
        answer: Answered,
        second: u64,
        time: jiff::Timestamp,
        key: Key,
    ) -> Vec<Value> {
        let answer = match answer {
            Answered::Granted => KmsAnswer::Granted,
            Answered::Denied => KmsAnswer::Denied,
            Answered::Throttled => KmsAnswer::Throttled,
            Answered::Failed => match state_in(&kms_step.refusals, second) {
                Some(Cause::PendingDeletion) => KmsAnswer::PendingDeletion,
                Some(Cause::Disabled | Cause::NoPermission) | None => KmsAnswer::Disabled,
            },
        };
        let Some((_, settings)) = self.variant.scenario.key.get_index(kms_step.key) else {
            return Vec::new();
        };
        let object = self.object(&self.plan.classes[kms_step.class], key);
        let arn = self.access.key_arn(settings);
        let call = call_of(&self.access, self.variant, kms_step, &arn, object, answer);
        let records = call.records(time, key);
        // The caller's record comes first, as its account does.
        let delivered = self.plan.loggers(kms_step);
        records
            .into_iter()
            .zip(delivered)
            .filter(|(_, account)| {
                self.plan
                    .kms_deliveries(kms_step, *account)
                    .next()
                    .is_some()
            })
            .map(|(record, _)| record)
            .collect()
    }

    /// A denied call that draws on no quota.
    fn call_without_quota(&mut self, class: usize, time: jiff::Timestamp, key: Key) -> Vec<Value> {
        let object = self.object(&self.plan.classes[class], key);
        let call = call_without_quota(&self.access, self.variant, class, object);
        call.map_or_else(Vec::new, |call| call.records(time, key))
    }

    /// The data event of a request.
    fn request(
        &mut self,
        class_index: usize,
        ended: Ended,
        second: u64,
        time: jiff::Timestamp,
        key: Key,
    ) -> Option<Value> {
        let plan = self.plan;
        let class = &plan.classes[class_index];
        let row = catalog::s3_operation(&class.operation)?;
        let settings = self.settings(class)?;
        let bucket = self.variant.scenario.bucket.get_index(class.bucket?)?;
        let of_bucket = row
            .permissions
            .iter()
            .all(|p| p.on == catalog::PermissionSide::Bucket);
        let object = self.object(class, key).map(|(_, object)| object);
        let kms_steps = plan.kms_steps_of(class);
        let denied = class.denial.map(|d| plan.denials[d].name.as_str());
        let error = match (ended, denied) {
            (Ended::Well, None) => None,
            (Ended::Well, Some(NO_TLS)) => Some(("InvalidRequest", NO_TLS.to_owned())),
            (Ended::Well, Some(_)) | (Ended::Denied, _) => {
                Some(("AccessDenied", "Access Denied".to_owned()))
            }
            (Ended::Failed, _) => {
                let refused = kms_steps.iter().find_map(|l| state_in(&l.refusals, second));
                Some(match refused {
                    Some(cause) => {
                        let code = cause.s3_answer().trim_start_matches("400 ");
                        (code, "The KMS key of the object cannot be used.".to_owned())
                    }
                    None => ("SlowDown", "Please reduce your request rate.".to_owned()),
                })
            }
        };
        let event = DataEvent {
            operation: row.api(),
            principal: &self.variant.requests()[class_index].principal,
            bucket: &self.access.bucket_arn(bucket.0, bucket.1),
            object: object.filter(|_| !of_bucket),
            region: &bucket.1.region,
            owner: self.access.account_id(&bucket.1.account),
            reads: row.is_read(),
            origin: origin_of(self.variant, class),
            tls: settings.tls,
            error,
        };
        Some(event.record(time, key))
    }

    fn settings(&self, class: &Class) -> Option<&'a WorkloadSettings> {
        let workloads = &self.variant.scenario.workload;
        workloads.get_index(class.workload).map(|(_, s)| s)
    }

    /// The object that policies see, and one drawn in its place.
    fn object(&self, class: &Class, key: Key) -> Option<(&'a str, String)> {
        let settings = self.settings(class)?;
        let key = key.named("object");
        let (objects, number) = match self.plan.workloads[class.workload].popularity {
            Popularity::Uniform { objects } => (objects, key.below(objects)),
            Popularity::Zipf(zipf) => (2, zipf.draw(&mut key.stream())),
        };
        let object = settings.object.as_str();
        Some(if objects == 1 {
            (object, object.to_owned())
        } else {
            (object, format!("{object}-{number}"))
        })
    }
}

/// The state of a key that makes KMS refuse calls in a second.
fn state_in(refusals: &[Refusal], second: u64) -> Option<Cause> {
    let in_force = |r: &&Refusal| {
        r.cause != Cause::NoPermission
            && r.from < (second + 1) * SECOND
            && r.until > second * SECOND
    };
    refusals.iter().find(in_force).map(|r| r.cause)
}
