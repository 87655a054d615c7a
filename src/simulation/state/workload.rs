//! A workload: its arrivals, its clients and what their requests may still do.

use crate::engine::SECOND;
use crate::engine::distribution::Distribution;
use crate::engine::random::Key;
use crate::model::arrivals::{Beginning, OpenProcess};
use crate::model::{Kind, KmsStep, Plan, Workload};
use crate::simulation::state::guards::ClientGuards;
use crate::simulation::state::request::{RequestState, client};
use crate::simulation::state::retries::Retries;

/// State of one workload.
pub struct WorkloadState {
    pub arrivals_key: Key,
    pub trace_key: Key,
    pub job_key: Key,
    pub arrivals: Option<OpenProcess>,
    /// Open: active seconds.
    pub active: std::ops::Range<u64>,
    pub clients: u32,
    pub turn: Turn,
    /// What they may do when they are throttled.
    pub retries: Retries,
    /// What may hold its clients' requests back.
    pub guards: Option<Box<ClientGuards>>,
    pub has_memory: bool,
    pub is_job: bool,
    /// Requests that wait for a retry.
    waiting: u64,
    /// Workloads that start when this one is done.
    pub followers: Vec<usize>,
    pub done: bool,
    pub job: JobState,
    /// Shares of its actions, and their sums.
    pub shares: Vec<f64>,
    pub sums: Vec<f64>,
    /// Of all actions.
    pub first_action: usize,
}

#[derive(Default)]
pub struct JobState {
    pub started: Option<u64>,
    pub next_object: u32,
    pub finished: u32,
    pub last_done: u64,
    pub active_workers: u32,
}

impl WorkloadState {
    pub fn new(
        plan: &Plan,
        w: usize,
        workload: &Workload,
        key: Key,
        first_action: usize,
    ) -> WorkloadState {
        let arrivals_key = key.named("arrivals");
        let (mut arrivals, mut active) = (None, 0..0);
        match &workload.kind {
            Kind::Open {
                arrivals: shape,
                start,
                stop,
            } if workload.after.is_none() => {
                arrivals = Some(shape.begin(&Beginning {
                    start: *start,
                    key: arrivals_key,
                    clock: &plan.clock,
                }));
                active = *start..*stop;
            }
            Kind::Trace { start, stop, .. } => active = *start..*stop,
            Kind::Open { .. } => active = u64::MAX..u64::MAX,
            Kind::Job { .. } => {}
        }
        let mut classes = workload
            .actions
            .iter()
            .flat_map(|a| &a.requests)
            .map(|&(c, _)| &plan.classes[c]);
        let has_memory = classes.any(|c| {
            let kms_steps = plan.kms_steps_of(c);
            kms_steps.iter().any(KmsStep::has_memory)
        });
        let shares: Vec<f64> = workload.actions.iter().map(|a| a.weight).collect();
        let sums = shares.iter().scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        let requests = workload.actions.iter().flat_map(|a| &a.requests);
        let is_s3 = requests
            .clone()
            .any(|&(c, _)| plan.classes[c].tier.is_some());
        WorkloadState {
            arrivals_key,
            trace_key: key.named("trace"),
            job_key: key.named("job"),
            arrivals,
            active,
            clients: workload.clients.max(1),
            turn: Turn::new(&workload.kind),
            retries: Retries::new(&workload.retry, workload.clients),
            guards: ClientGuards::new(workload, has_memory, is_s3),
            has_memory,
            is_job: matches!(workload.kind, Kind::Job { .. }),
            waiting: 0,
            followers: (0..plan.workloads.len())
                .filter(|&f| plan.workloads[f].after == Some(w))
                .collect(),
            done: false,
            job: JobState::default(),
            sums: sums.collect(),
            shares,
            first_action,
        }
    }
}

impl WorkloadState {
    /// Whose retry quota pays for a request: its client's, or that of all.
    #[inline(always)]
    pub fn payer(&self, request: &RequestState) -> u32 {
        match (self.turn, self.retries.payers()) {
            (Turn::Random, payers) => client(Key::from_bits(request.arrival), payers),
            (Turn::Worker | Turn::Even { .. }, 1) => 0,
            (Turn::Worker | Turn::Even { .. }, _) => self.client(request),
        }
    }

    /// Which of the workload's clients sent a request.
    #[inline(always)]
    pub fn client(&self, request: &RequestState) -> u32 {
        match self.turn {
            Turn::Random => client(Key::from_bits(request.arrival), self.clients),
            Turn::Worker => request.worker % self.clients,
            Turn::Even { num, den } => {
                let second = request.arrived / SECOND - self.active.start;
                let before = (u128::from(second) * u128::from(num)).div_ceil(u128::from(den));
                ((before + u128::from(request.index)) % u128::from(self.clients)) as u32
            }
        }
    }

    /// When a request that is refused at `at` tries again, if it may and its payer's retry quota pays.
    #[inline(always)]
    pub fn tries_again(
        &mut self,
        latency: &Distribution,
        at: u64,
        request: &RequestState,
        payer: impl FnOnce(&Self) -> u32,
    ) -> Option<u64> {
        let mut granted = !self.retries.is_last_attempt(request);
        if granted && self.retries.has_quotas() {
            let payer = payer(self);
            granted = self.retries.pay(payer);
        }
        if !granted {
            return None;
        }
        self.puts_off(request);
        Some(self.retries.next_attempt(latency, at, request))
    }

    /// Gives its client back what a request that ended well earns.
    #[inline(always)]
    pub fn refund(&mut self, request: &RequestState) {
        let payer = self.payer(request);
        self.retries.refund(payer, request.throttled > 0);
    }

    /// A request is put off, if it has not been before.
    #[inline(always)]
    pub fn puts_off(&mut self, request: &RequestState) {
        self.waiting += u64::from(!request.is_waiting());
    }

    /// So many are put off for the first time.
    #[inline(always)]
    pub fn put_off_new(&mut self, n: u64) {
        self.waiting += n;
    }

    /// A request has ended.
    #[inline(always)]
    pub fn ends(&mut self, request: &RequestState) {
        self.waiting -= u64::from(request.is_waiting());
    }

    /// Whether none of its requests waits for a retry.
    pub fn none_waits(&self) -> bool {
        self.waiting == 0
    }
}

/// How a workload's requests fall to its clients.
#[derive(Clone, Copy)]
pub enum Turn {
    Random,
    /// A worker is always the same client's.
    Worker,
    /// Evenly spaced requests go round.
    Even {
        num: u64,
        den: u64,
    },
}

impl Turn {
    pub fn new(kind: &Kind) -> Turn {
        let even_rate = match kind {
            Kind::Job { .. } => return Turn::Worker,
            Kind::Open { arrivals, .. } => arrivals.even_rate(),
            Kind::Trace { .. } => None,
        };
        even_rate.map_or(Turn::Random, |rate| Turn::Even {
            num: rate.num(),
            den: rate.den(),
        })
    }
}

/// All workloads of a plan, of which some belong to the component that is simulated.
pub struct Workloads {
    pub all: Vec<WorkloadState>,
    /// Those of the component: open ones and jobs.
    pub open: Vec<usize>,
    pub jobs: Vec<usize>,
    /// Open ones that others follow.
    pub followed: Vec<usize>,
    /// Those whose clients may hold requests back.
    pub guarded: Vec<usize>,
    /// Whether order matters beyond the quotas: caches or retry quotas.
    pub has_memory: bool,
    pub has_tokens: bool,
    /// Whether a message may wait for another's fetch: its call then comes later than its arrival.
    pub has_waits: bool,
}

impl Workloads {
    pub fn new(
        plan: &Plan,
        component: &[usize],
        all: Vec<WorkloadState>,
        has_waits: bool,
    ) -> Workloads {
        let is_open = |w: usize| !matches!(plan.workloads[w].kind, Kind::Job { .. });
        let here = |is: &dyn Fn(usize) -> bool| {
            let here = component.iter().copied();
            here.filter(|&w| is(w)).collect::<Vec<usize>>()
        };
        Workloads {
            open: here(&is_open),
            jobs: here(&|w| !is_open(w)),
            followed: here(&|w| is_open(w) && !all[w].followers.is_empty()),
            guarded: here(&|w| all[w].guards.is_some()),
            has_memory: component.iter().any(|&w| all[w].has_memory),
            has_tokens: component.iter().any(|&w| all[w].retries.has_quotas()),
            has_waits,
            all,
        }
    }
}
