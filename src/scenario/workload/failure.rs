//! What fails with a request that fails.

use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::model::arrivals::{Arrivals, OnFailure};
use crate::scenario::operations::MULTIPART_UPLOAD;
use crate::scenario::without_effect::WorkloadFacts;

/// Whether what a workload says of its uploads has an effect: an open one or a trace says it itself (`own`), of a job its `job` does.
pub(super) fn has_effect(
    r: &mut Reader<'_>,
    own: OnFailure,
    facts: &WorkloadFacts<'_>,
    arrivals: &Arrivals,
) {
    let recorded = match arrivals {
        Arrivals::Trace(trace) => &trace.recording.operations[..],
        Arrivals::Open(_) | Arrivals::Job(_) => &[],
    };
    let no_upload = facts.has_no_upload() && !recorded.iter().any(|o| o == MULTIPART_UPLOAD);
    let (key, what, help) = match arrivals {
        Arrivals::Job(_) if r.has("on_failure") => (
            "on_failure",
            "stands beside `job`, which says itself what fails with a request",
            "write it as `job.on_failure`",
        ),
        Arrivals::Job(job) if no_upload && job.on_failure == OnFailure::FailUpload => (
            "job",
            "has no effect: none of its operations is a MultipartUpload",
            "write `fail-job`, drop it, or add MultipartUpload",
        ),
        Arrivals::Open(_) | Arrivals::Trace(_) if own == OnFailure::FailJob => (
            "on_failure",
            "is `fail-job`, but the workload is not a job",
            "write `fail-upload`, or give it a `job`",
        ),
        Arrivals::Open(_) | Arrivals::Trace(_) if no_upload && !own.is_nothing() => (
            "on_failure",
            "has no effect: none of its operations is a MultipartUpload",
            "drop it, or add MultipartUpload",
        ),
        Arrivals::Job(_) | Arrivals::Open(_) | Arrivals::Trace(_) => return,
    };
    let path = match key {
        "job" => format!("{}.job.on_failure", r.path()),
        own => r.path_of(own),
    };
    r.fault(
        Code::Contradiction,
        r.place_of(key),
        format!("`{path}` {what}"),
        help,
    );
}
