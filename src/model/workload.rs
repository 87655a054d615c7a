//! Who asks for what, and when.

use super::arrivals::trace::{RowActions, Rows, Trace};
use super::arrivals::{OnFailure, OpenArrivals};
use super::objects::{Popularity, Size};
use super::retry;
use super::source::{ClientCache, Draw};
use crate::engine::distribution::Distribution;
use crate::engine::narrow::whole;
use crate::engine::random::Key;
use std::sync::Arc;

/// Who asks for what, and when.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Name in the scenario; the workload's random numbers are keyed by it.
    pub name: String,
    /// Open or closed.
    pub kind: Kind,
    /// What one arrival does.
    pub actions: Vec<Action>,
    /// Whether an upload whose request fails has failed, where it is no job's: its requests are asked for one after another.
    pub fails_uploads: bool,
    /// Clients with a retry state each.
    pub clients: u32,
    /// What a client does when throttled.
    pub retry: retry::RetryPolicy,
    /// How long a client lives, `None`: as long as the workload.
    pub client_lifetime: Option<retry::ClientLifetime>,
    /// Starts when that workload is done.
    pub after: Option<usize>,
    /// Objects (or encryption contexts) and how often each is asked for.
    pub popularity: Popularity,
    /// Reads the objects that this workload wrote in the run.
    pub reads: Option<usize>,
    /// Whether another workload reads what this one wrote.
    pub is_read: bool,
    /// Size of a message for the data-key cache.
    pub size: Size,
    /// The client-side caches that its messages look up.
    pub client_cache: Option<ClientCache>,
}

impl Workload {
    /// Which object or encryption context a request is for; `index` is the number of its arrival, `arrival` its key.
    pub fn object(&self, index: u32, arrival: Key) -> u64 {
        let recorded = self.rows().and_then(|rows| rows.object(index as usize));
        recorded.unwrap_or_else(|| self.popularity.draw(Draw::Object.of(arrival)))
    }

    /// Bytes of its message, if they are known beforehand.
    pub fn message_length(&self, index: u32, arrival: Key) -> Option<u64> {
        let recorded = || self.rows().and_then(|rows| rows.size(index as usize));
        match self.size {
            Size::Unknown => None,
            Size::Constant(bytes) => Some(recorded().unwrap_or(bytes)),
            Size::Lognormal { median, sigma } => Some(recorded().unwrap_or_else(|| {
                let z = Draw::Size.of(arrival).stream().normal();
                whole((median as f64 * libm::exp(sigma * z)).round())
            })),
        }
    }

    fn rows(&self) -> Option<&Rows> {
        match &self.kind {
            Kind::Trace { trace, .. } => Some(&trace.recording.rows),
            Kind::Open { .. } | Kind::Job { .. } => None,
        }
    }
}

/// After how many seconds one of these workloads recurs: by itself, or with the one that it follows; `None` for a job that
/// runs once, and for what is no job.
pub(super) fn recurs(all: &[Workload], workload: usize) -> Option<u64> {
    let workload = &all[workload];
    match workload.kind {
        Kind::Job { every, .. } => every.or_else(|| recurs(all, workload.after?)),
        Kind::Open { .. } | Kind::Trace { .. } => None,
    }
}

/// Open or closed.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Arrivals whatever becomes of earlier ones, in the seconds `start..stop`.
    Open {
        /// How they come.
        arrivals: OpenArrivals,
        /// First second; with `after`, the first that is not over when that is done.
        start: u64,
        /// Second after the last.
        stop: u64,
    },
    /// Recorded arrivals from `start` on.
    Trace {
        /// The rows.
        trace: Trace,
        /// What they are.
        actions: RowActions,
        /// Time of t = 0 of the trace \[s\].
        start: u64,
        /// Second after the last.
        stop: u64,
    },
    /// Workers with one request under way each, until the objects are done.
    Job {
        /// Workers.
        workers: u32,
        /// Objects of a run.
        objects: u32,
        /// Pause of a worker between an answer and its next request.
        think: Arc<Distribution>,
        /// Start \[ns\] unless it comes after another workload.
        start: u64,
        /// Time from the start of a run to that of the next \[s\]; `None`: it runs once.
        every: Option<u64>,
        /// Time over which a run's objects are spread evenly \[ns\]: none is begun before its turn. 0: all at once.
        within: u64,
        /// S3 Batch Operations runs it, for a fee.
        batch_operations: bool,
        /// What fails with a request that fails.
        on_failure: OnFailure,
    },
}

/// What one arrival does: one request, or several at the same instant (a multipart upload).
#[derive(Clone, Debug)]
pub struct Action {
    /// Name, by which its random numbers are keyed.
    pub name: String,
    /// Share of arrivals; the weights of a workload sum to 1.
    pub weight: f64,
    /// Requests in order: class and how many. What an upload would go on with is not there after a denial.
    pub requests: Vec<(usize, u32)>,
}
