//! A job: workers with one request under way each, until its objects are done.

use super::super::latency::LatencySettings;
use crate::engine::narrow::whole_u32;
use crate::input::diagnostic::Code;
use crate::input::keyword::keywords;
use crate::input::reader::Reader;
use crate::units::Span;
use serde::Serialize;

/// A closed job.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// Workers with one request under way each.
    pub workers: u32,
    /// Objects of a run.
    pub objects: u32,
    /// Pause between an answer and the next request.
    pub think_time: LatencySettings,
    /// Time from the start of a run to that of the next; `None`: it runs once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// Time over which a run's objects are spread evenly; `None`: workers take the next as soon as they can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// S3 Batch Operations runs it, for a fee.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub batch_operations: bool,
    /// What fails with a request that fails.
    #[serde(skip_serializing_if = "OnFailure::is_nothing")]
    pub on_failure: OnFailure,
}

keywords! {
    /// What fails with a request of a job that fails.
    pub enum OnFailure {
        /// Nothing: the rest of its upload, and all other objects, are worked on.
        Continue = "continue",
        /// Its upload: the rest of that is not sent.
        FailUpload = "fail-upload",
        /// Its upload and the whole run: what is under way is followed to its end, and nothing more is sent.
        FailJob = "fail-job",
    }
}

impl OnFailure {
    /// Whether it is nothing.
    pub fn is_nothing(&self) -> bool {
        *self == OnFailure::Continue
    }
}

impl Job {
    /// The table `job`.
    pub(super) fn read(r: &mut Reader<'_>) -> Option<Job> {
        let workers = r.required_in("workers", 1..=10_000_000);
        let objects = r.required_in("objects", 1..=u32::MAX);
        let think_time = LatencySettings::read(r, "think_time", 0, 0.0);
        let every = r.whole_seconds("every");
        let within = r.optional("within");
        for (key, span) in [("every", every), ("within", within)] {
            if span == Some(Span::ZERO) {
                r.fault(
                    Code::OutOfRange,
                    r.place_of(key),
                    format!("`{}` is zero", r.path_of(key)),
                    format!("write a length of time above zero, or drop `{key}`"),
                );
            }
        }
        if let (Some(every), Some(within)) = (every, within)
            && within > every
        {
            r.fault(
                Code::Contradiction,
                r.place_of("within"),
                format!("`within` ({within}) is longer than `every` ({every}): each run would end after the next is due"),
                "spread a run's objects over less time, or let it recur less often",
            );
        }
        let batch_operations = r.or("batch_operations", false);
        let on_failure = r.keyword("on_failure").unwrap_or(OnFailure::Continue);
        Some(Job {
            workers: workers?,
            objects: objects?,
            think_time,
            every,
            within,
            batch_operations,
            on_failure,
        })
    }

    /// With so many times its objects; `None` where they are too many.
    pub(super) fn grow(&mut self, factor: f64) -> Option<()> {
        let objects = (f64::from(self.objects) * factor).round().max(1.0);
        if objects > f64::from(u32::MAX) {
            return None;
        }
        self.objects = whole_u32(objects);
        Some(())
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::{Cases, JOBS};

    pub(crate) fn add(cases: &mut Cases) {
        cases.key(
            "workload.NAME.job.workers",
            JOBS,
            &[],
            &["workload.w.job.workers=2"],
            "job_completion_s",
        );
        cases.key(
            "workload.NAME.job.objects",
            JOBS,
            &[],
            &["workload.w.job.objects=50"],
            "s3_requests",
        );
        cases.key(
            "workload.NAME.job.on_failure",
            JOBS,
            &["retry={none={}}"],
            &["workload.w.job.on_failure=fail-upload"],
            "requests_not_sent",
        );
        cases.broken(
            Code::UnknownName,
            "objects = 4,",
            "objects = 4, on_failure = \"stop\",",
            "\"stop\"",
            &["`fail-upload`", "`fail-job`"],
        );
        cases.broken(
            Code::Contradiction,
            "operations = { MultipartUpload = 1 }\nparts = 3\njob = { workers = 2,",
            "operations = { PutObject = 1 }\njob = { workers = 2, on_failure = \"fail-upload\",",
            "{ workers = 2",
            &["on_failure", "none of its operations is a MultipartUpload"],
        );
        cases.key(
            "workload.NAME.job.every",
            JOBS,
            &["workload.w.start=1s"],
            &["workload.w.job.every=20s"],
            "s3_requests",
        );
        cases.key(
            "workload.NAME.job.within",
            JOBS,
            &[],
            &["workload.w.job.within=50s"],
            "job_completion_s",
        );
        cases.key(
            "workload.NAME.job.batch_operations",
            JOBS,
            &["workload.reader.operations={ComputeChecksum=1}"],
            &["workload.reader.job.batch_operations=true"],
            "bill",
        );
        cases.broken(
            Code::OutOfRange,
            "objects = 4,",
            "objects = 4, every = \"0s\",",
            "\"0s\"",
            &["every", "zero"],
        );
        cases.broken(
            Code::Contradiction,
            "objects = 4,",
            "objects = 4, every = \"10s\", within = \"11s\",",
            "\"11s\"",
            &["`within` (11s)", "`every` (10s)"],
        );
        cases.broken(
            Code::ImpossibleOperation,
            "objects = 4,",
            "objects = 4, batch_operations = true,",
            "[workload.batch]",
            &["no MultipartUpload", "CopyObject"],
        );
        cases.broken(
            Code::Contradiction,
            "objects = 4,",
            "objects = 4, every = \"10s\",",
            "[workload.then]",
            &["follows a job that recurs"],
        );
        cases.broken(
            Code::UnknownKey,
            "think_time",
            "thinktime",
            "thinktime",
            &["did you mean `think_time`?"],
        );
        cases.broken(
            Code::OutOfRange,
            "workers = 2",
            "workers = 0",
            "0, objects",
            &["but is 0"],
        );
    }
}
