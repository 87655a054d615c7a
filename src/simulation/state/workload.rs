//! A workload: its arrivals, its clients and what their requests may still do.

use crate::engine::SECOND;
use crate::engine::distribution::Distribution;
use crate::engine::random::Key;
use crate::model::retry::AnswerForm;
use crate::model::{Kind, KmsStep, PlanPart};
use crate::simulation::state::arriving::Arriving;
use crate::simulation::state::guards::ClientGuards;
use crate::simulation::state::job::JobState;
use crate::simulation::state::request::{RequestState, client};
use crate::simulation::state::retries::Retries;
use crate::simulation::state::uploads::Uploads;

/// State of one workload: its parts, and what it knows of its clients.
pub struct WorkloadState {
    pub arriving: Arriving,
    clients: u32,
    turn: Turn,
    /// What they may do when they are throttled.
    pub retries: Retries,
    /// What may hold its clients' requests back.
    pub guards: Option<Box<ClientGuards>>,
    has_memory: bool,
    is_job: bool,
    /// A job that runs again and again.
    recurs: bool,
    /// Requests that wait for a retry.
    waiting: u64,
    /// Workloads that start when this one is done.
    followers: Vec<usize>,
    done: bool,
    pub job: JobState,
    /// Of an open workload whose uploads fail as a whole.
    pub uploads: Uploads,
    fails_uploads: bool,
    /// Of all actions.
    first_action: usize,
}

impl WorkloadState {
    pub fn new(
        plan: &PlanPart<'_>,
        w: usize,
        key: Key,
        first_action: usize,
        followers: Vec<usize>,
    ) -> WorkloadState {
        let workload = &plan.workloads[w];
        let mut classes = workload
            .actions
            .iter()
            .flat_map(|a| &a.requests)
            .map(|&(c, _)| &plan.classes[c]);
        let has_memory = classes.any(|c| {
            let kms_steps = plan.kms_steps_of(c);
            kms_steps.iter().any(KmsStep::has_memory)
        });
        let requests = workload.actions.iter().flat_map(|a| &a.requests);
        let by_service = requests.clone().any(|&(c, _)| plan.classes[c].by_service);
        WorkloadState {
            arriving: Arriving::new(plan, workload, key),
            clients: workload.clients.max(1),
            turn: Turn::new(&workload.kind),
            retries: Retries::new(
                &workload.retry,
                workload.clients,
                requests.map(|&(c, _)| plan.classes[c].answer),
            ),
            guards: ClientGuards::new(workload, key.named("clients"), has_memory, by_service),
            has_memory,
            is_job: matches!(workload.kind, Kind::Job { .. }),
            recurs: plan.recurs(w).is_some(),
            waiting: 0,
            followers,
            done: false,
            job: JobState::new(key.named("job")),
            uploads: Uploads::default(),
            fails_uploads: workload.fails_uploads,
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
                let second = request.arrived / SECOND - self.arriving.active().start;
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
        answer: AnswerForm,
        payer: impl FnOnce(&Self) -> u32,
    ) -> Option<u64> {
        let mut granted = !self.retries.is_last_attempt(request, answer);
        if granted && self.retries.has_quotas() {
            let payer = payer(self);
            granted = self.retries.pay(payer, request, answer);
        }
        if !granted {
            return None;
        }
        self.puts_off(request);
        Some(self.retries.next_attempt(latency, at, request, answer))
    }

    /// Gives its client back what a request that ended well earns.
    #[inline(always)]
    pub fn refund(&mut self, request: &RequestState, answer: AnswerForm) {
        let payer = self.payer(request);
        self.retries.refund(payer, request, answer);
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

    /// A request has failed.
    #[inline(always)]
    pub fn fails(&mut self, request: &RequestState) {
        self.ends(request);
        self.retries.forget(request);
    }

    /// Whether it makes requests only as its workers go on.
    #[inline(always)]
    pub fn is_job(&self) -> bool {
        self.is_job
    }

    /// Whether its uploads fail as a whole.
    #[inline(always)]
    pub fn fails_uploads(&self) -> bool {
        self.fails_uploads
    }

    /// The first of its actions, numbered among all.
    #[inline(always)]
    pub fn first_action(&self) -> usize {
        self.first_action
    }

    /// Whether its requests are looked at in order of time.
    #[inline(always)]
    pub fn has_memory(&self) -> bool {
        self.has_memory
    }

    /// Whether its arrivals are over before a second, and their requests have ended: for the first time.
    pub fn is_over(&self, second: u64) -> bool {
        !self.done && self.waiting == 0 && second >= self.arriving.active().end
    }

    /// Whether nothing will ever follow it again.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// It is done, or a run of it; returns the workloads that follow.
    pub fn finish(&mut self) -> Vec<usize> {
        self.done = !self.recurs;
        if self.recurs {
            self.followers.clone()
        } else {
            std::mem::take(&mut self.followers)
        }
    }

    /// When its clients were made \[ns\] that are followed from `at` on: a job's only then.
    pub fn clients_made(&self, at: u64) -> u64 {
        if self.is_job {
            at
        } else {
            self.arriving.active().start * SECOND
        }
    }

    /// Whether attempts of it may be sent in other parts of a second than those in which they are counted.
    fn is_paced(&self) -> bool {
        let guards = self.guards.as_ref();
        guards.is_some_and(|g| g.hold_back_any()) && (!self.is_job || self.job.runs())
    }
}

/// How a workload's requests fall to its clients.
#[derive(Clone, Copy)]
enum Turn {
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
    fn new(kind: &Kind) -> Turn {
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

/// All workloads of the component that is simulated.
pub struct Workloads {
    all: Vec<WorkloadState>,
    /// Open ones, and jobs.
    open: Vec<usize>,
    jobs: Vec<usize>,
    /// Open ones that others follow.
    followed: Vec<usize>,
    /// Those whose clients may hold requests back.
    guarded: Vec<usize>,
    /// Whether order matters beyond the quotas: caches or retry quotas.
    has_memory: bool,
    has_tokens: bool,
    /// Whether a message may wait for another's fetch: its call then comes later than its arrival.
    has_waits: bool,
    /// Whether the uploads of any fail as a whole.
    has_uploads: bool,
    /// Most that all jobs ask each quota for in a slot that refuses nobody, where it is known.
    most_of_jobs: Option<Vec<u64>>,
}

impl Workloads {
    pub fn new(
        plan: &PlanPart<'_>,
        all: Vec<WorkloadState>,
        has_waits: bool,
        most_of_jobs: Option<Vec<u64>>,
    ) -> Workloads {
        let is_open = |w: usize| !matches!(plan.workloads[w].kind, Kind::Job { .. });
        let here =
            |is: &dyn Fn(usize) -> bool| (0..all.len()).filter(|&w| is(w)).collect::<Vec<usize>>();
        Workloads {
            open: here(&is_open),
            jobs: here(&|w| !is_open(w)),
            followed: here(&|w| is_open(w) && !all[w].followers.is_empty()),
            guarded: here(&|w| all[w].guards.is_some()),
            has_memory: all.iter().any(|w| w.has_memory),
            has_tokens: all.iter().any(|w| w.retries.has_quotas()),
            has_waits,
            has_uploads: all.iter().any(|w| w.fails_uploads),
            most_of_jobs,
            all,
        }
    }

    #[inline(always)]
    pub fn of(&self, workload: usize) -> &WorkloadState {
        &self.all[workload]
    }

    #[inline(always)]
    pub fn of_mut(&mut self, workload: usize) -> &mut WorkloadState {
        &mut self.all[workload]
    }

    /// All of them.
    pub fn all(&self) -> &[WorkloadState] {
        &self.all
    }

    /// Open ones.
    #[inline(always)]
    pub fn open(&self) -> &[usize] {
        &self.open
    }

    /// Jobs.
    #[inline(always)]
    pub fn jobs(&self) -> &[usize] {
        &self.jobs
    }

    /// Open ones that others follow.
    #[inline(always)]
    pub fn followed(&self) -> &[usize] {
        &self.followed
    }

    /// Those whose clients may hold requests back.
    #[inline(always)]
    pub fn guarded(&self) -> &[usize] {
        &self.guarded
    }

    /// Whether any has requests that are looked at in order of time.
    #[inline(always)]
    pub fn have_memory(&self) -> bool {
        self.has_memory
    }

    /// Whether the clients of any have retry quotas.
    #[inline(always)]
    pub fn have_quotas(&self) -> bool {
        self.has_tokens
    }

    /// Whether a message may wait for another's fetch: its call then comes later than its arrival.
    #[inline(always)]
    pub fn have_waits(&self) -> bool {
        self.has_waits
    }

    /// Whether the uploads of any fail as a whole: how much a second sends depends on what is refused.
    pub fn have_uploads(&self) -> bool {
        self.has_uploads
    }

    /// Whether a request of such a workload waits for its next attempt: it may be followed by others.
    pub fn uploads_wait(&self) -> bool {
        let mut here = self.open.iter().map(|&w| &self.all[w]);
        self.has_uploads && here.any(|w| w.fails_uploads && w.waiting > 0)
    }

    /// Most that all jobs ask each quota for in a slot that refuses nobody, where it is known.
    pub fn most_of_jobs(&self) -> Option<&[u64]> {
        self.most_of_jobs.as_deref()
    }

    /// Whether a job has requests under way.
    pub fn jobs_run(&self) -> bool {
        self.jobs.iter().any(|&w| self.all[w].job.runs())
    }

    /// Whether attempts may be sent in other parts of a second than those in which they are counted.
    pub fn are_paced(&self) -> bool {
        self.guarded.iter().any(|&w| self.all[w].is_paced())
    }

    /// Finds which guarded ones have to be looked at in order: all of them in a contended second.
    pub fn order_guarded(&mut self, contended: bool) {
        if self.guarded.is_empty() {
            return;
        }
        for &w in &self.guarded {
            let state = &mut self.all[w];
            if let Some(guards) = &state.guards {
                // Whose quota is filled up, and when, depends on the order.
                let debts = guards.replaces_clients() && state.retries.has_debts();
                state.has_memory = contended || debts || guards.in_order();
            }
        }
        let mut here = self.open.iter().chain(&self.jobs);
        self.has_memory = here.any(|&w| self.all[w].has_memory);
    }
}
