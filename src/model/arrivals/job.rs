//! A job: workers with one request under way each, until its objects are done.

use super::super::latency::LatencySettings;
use crate::input::reader::Reader;
use serde::Serialize;

/// A closed job.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// Workers with one request under way each.
    pub workers: u32,
    /// Objects in all.
    pub objects: u32,
    /// Pause between an answer and the next request.
    pub think_time: LatencySettings,
}

impl Job {
    /// The table `job`.
    pub(super) fn read(r: &mut Reader<'_>) -> Option<Job> {
        let workers = r.required_in("workers", 1..=10_000_000);
        let objects = r.required_in("objects", 1..=u32::MAX);
        let think_time = LatencySettings::read(r, "think_time", 0, 0.0);
        Some(Job {
            workers: workers?,
            objects: objects?,
            think_time,
        })
    }

    /// With so many times its objects; `None` where they are too many.
    pub(super) fn grow(&mut self, factor: f64) -> Option<()> {
        let objects = (f64::from(self.objects) * factor).round().max(1.0);
        if objects > f64::from(u32::MAX) {
            return None;
        }
        self.objects = objects as u32;
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
