//! Classes of requests and the KMS calls that each needs, compact.

use crate::model::{Class, Plan};
use crate::simulation::record::{Delays, Record};
use crate::simulation::state::request::Request;
use crate::simulation::state::workload::WorkloadState;

pub const SEVERAL: u32 = u32::MAX;

pub const UNLIMITED: u32 = u32::MAX;

/// A class, compact.
pub struct ClassState {
    pub workload: u32,
    pub first_lane: u32,
    pub lanes: u32,
    /// The quota of its only need, which nothing else can meet; `SEVERAL` where there is more to it.
    pub only_quota: u32,
    /// S3's request rate that each try draws on first; `UNLIMITED` where it is not limited.
    pub request_rate: u32,
    /// Whether it is asked of S3.
    is_s3: bool,
    /// Whether it is denied.
    pub is_denied: bool,
    /// What its requests count: those of the measured time, and those of the warm-up.
    pub tally: [Tally; 2],
}

/// Counters of a class until they are added to the record: all but `failed` and `delays` are for requests that
/// only one quota can refuse.
#[derive(Default)]
pub struct Tally {
    pub requests: u64,
    /// Attempts that were throttled.
    pub throttled: u64,
    /// Requests that failed in slots in which all lose.
    pub failed: u64,
    /// Requests that ended well, at once or after they were put off.
    pub undelayed: u64,
    pub delayed: u64,
    /// Delays of those that were put off; they go to the record in the end.
    pub delays: Delays,
}

impl ClassState {
    pub fn new(plan: &Plan, class: &Class) -> ClassState {
        let lanes = plan.lanes_of(class);
        let retry = &plan.workloads[class.workload].retry;
        let guarded = retry.rate_limiter.is_some() || retry.circuit_breaker.is_some();
        let only_quota = match lanes {
            _ if guarded || class.request_rate.is_some() => SEVERAL,
            [lane] if !lane.has_memory() && lane.quotas.len() == 1 => lane.quotas[0] as u32,
            _ => SEVERAL,
        };
        ClassState {
            workload: class.workload as u32,
            first_lane: class.first_lane as u32,
            lanes: class.lanes as u32,
            only_quota,
            request_rate: class.request_rate.map_or(UNLIMITED, |q| q as u32),
            is_s3: class.tier.is_some(),
            is_denied: class.denial.is_some(),
            tally: Default::default(),
        }
    }

    /// Adds `n` requests to the record all of whose needs were calls, and admitted.
    pub fn count(&self, record: &mut Record, class: usize, n: u64) {
        let count = &mut record.classes[class];
        count.requests += n;
        count.succeeded += n;
        count.undelayed[self.lanes as usize] += n;
        if self.request_rate != UNLIMITED {
            count.tries += n;
        }
        for lane in &mut record.lanes[self.lanes()] {
            lane.needs += n;
            lane.calls += n;
            lane.attempts += n;
        }
    }

    #[inline(always)]
    pub fn lanes(&self) -> std::ops::Range<usize> {
        self.first_lane as usize..(self.first_lane + self.lanes) as usize
    }

    /// Whether a request of it gives something back to its client's retry quota when it ends well. A 403
    /// is no success, but nothing to retry either; what a client-side cache meets asks nobody.
    #[inline(always)]
    pub fn earns(&self, calls: usize) -> bool {
        !self.is_denied && (self.is_s3 || calls > 0)
    }

    /// Whether no quota can refuse its requests.
    #[inline(always)]
    pub fn asks_nobody(&self) -> bool {
        self.lanes == 0 && self.request_rate == UNLIMITED
    }
}

impl ClassState {
    /// Counts the success of a request with one need at an attempt at `at`.
    #[inline(always)]
    pub fn ends_well(
        &mut self,
        state: &mut WorkloadState,
        warm_up: u64,
        at: u64,
        request: &Request,
    ) {
        let tally = &mut self.tally[usize::from(request.arrived < warm_up)];
        let waited = request.is_waiting();
        if waited {
            tally.delayed += 1;
            tally.delays.add(at - request.arrived);
            state.waiting -= 1;
        } else {
            tally.undelayed += 1;
        }
        if self.earns(1) && (waited || state.has_debts()) {
            state.refund(request);
        }
    }
}

/// A lane, compact.
pub struct LaneState {
    pub quotas: [u32; 2],
    pub quota_count: u8,
    pub has_memory: bool,
}

impl LaneState {
    /// The quotas that an attempt needs room in, in the order in which they are asked.
    #[inline(always)]
    pub fn quotas(&self) -> &[u32] {
        &self.quotas[..usize::from(self.quota_count)]
    }
}

/// Shows the quotas that one try of a request of a class may ask: S3's request rate, then one for each need.
#[inline(always)]
pub fn for_each_asked(
    classes: &[ClassState],
    lanes: &[LaneState],
    class: u32,
    mut show: impl FnMut(usize),
) {
    let class = &classes[class as usize];
    if class.only_quota != SEVERAL {
        return show(class.only_quota as usize);
    }
    if class.request_rate != UNLIMITED {
        show(class.request_rate as usize);
    }
    for lane in &lanes[class.lanes()] {
        lane.quotas().iter().for_each(|&q| show(q as usize));
    }
}
