//! Classes of requests and the KMS calls that each needs, compact.

use crate::model::retry::AnswerForm;
use crate::model::{Class, Kind, KmsStep, PlanPart};
use crate::simulation::record::{Delays, Record};
use crate::simulation::state::guards::ClientGuards;
use crate::simulation::state::request::RequestState;
use crate::simulation::state::workload::WorkloadState;

const SEVERAL: u32 = u32::MAX;

const UNLIMITED: u32 = u32::MAX;

/// A class, compact.
pub struct ClassState {
    workload: u32,
    first_kms_step: u32,
    kms_steps: u32,
    needs: u32,
    /// The quota of its only need, which nothing else can meet; `SEVERAL` where there is more to it.
    only_quota: u32,
    /// S3's request rate that each try draws on first; `UNLIMITED` where it is not limited.
    request_rate: u32,
    /// Whether it is asked of S3 or another service.
    by_service: bool,
    /// What its client can read in an answer that throttles it.
    answer: AnswerForm,
    /// Whether it is denied.
    is_denied: bool,
    /// Whether something may meet one of its needs, so that the latency of each of its calls is drawn by itself.
    has_memory: bool,
    /// What its requests count: those of the measured time, and those of the warm-up, where there are any.
    tally: Tally,
    of_warm_up: Option<Box<Tally>>,
}

/// Counters of a class until they are added to the record: all but `failed` and `delays` are for requests that
/// only one quota can refuse.
#[derive(Default)]
pub struct Tally {
    requests: u64,
    /// Attempts that were throttled.
    throttled: u64,
    /// Requests that failed in slots in which all lose.
    failed: u64,
    /// Requests that ended well, at once or after they were put off.
    undelayed: u64,
    delayed: u64,
    /// Delays of those that were put off; they go to the record in the end.
    delays: Delays,
}

impl ClassState {
    fn new(plan: &PlanPart<'_>, class: &Class) -> ClassState {
        let kms_steps = plan.kms_steps_of(class);
        let guarded = ClientGuards::are_needed(&plan.workloads[class.workload]);
        // What becomes of a request decides when its worker, or its upload, goes on.
        let workload = &plan.workloads[class.workload];
        let is_followed = match workload.kind {
            Kind::Job { .. } => true,
            Kind::Open { .. } | Kind::Trace { .. } => workload.fails_uploads,
        };
        let only_quota = match kms_steps {
            _ if guarded || is_followed || class.request_rate.is_some() => SEVERAL,
            [kms_step] if !kms_step.has_memory() && kms_step.quotas.len() == 1 => {
                kms_step.quotas[0] as u32
            }
            _ => SEVERAL,
        };
        ClassState {
            workload: class.workload as u32,
            first_kms_step: class.first_kms_step as u32,
            kms_steps: class.kms_steps as u32,
            needs: class.needs as u32,
            only_quota,
            request_rate: class.request_rate.map_or(UNLIMITED, |q| q as u32),
            by_service: class.by_service,
            answer: class.answer,
            is_denied: class.denial.is_some(),
            has_memory: kms_steps.iter().any(KmsStep::has_memory),
            tally: Tally::default(),
            of_warm_up: None,
        }
    }

    #[inline(always)]
    pub fn workload(&self) -> usize {
        self.workload as usize
    }

    /// What its client can read in an answer that throttles it.
    #[inline(always)]
    pub fn answer(&self) -> AnswerForm {
        self.answer
    }

    /// The quota of its only need, which nothing else can meet; `None` where there is more to it.
    #[inline(always)]
    pub fn only_quota(&self) -> Option<usize> {
        (self.only_quota != SEVERAL).then_some(self.only_quota as usize)
    }

    /// Whether the latency of each of its calls is drawn by itself: then its answer comes after them, one after another.
    #[inline(always)]
    pub fn has_memory(&self) -> bool {
        self.has_memory
    }

    /// S3's request rate that each try draws on first, where it is limited.
    #[inline(always)]
    pub fn request_rate(&self) -> Option<usize> {
        (self.request_rate != UNLIMITED).then_some(self.request_rate as usize)
    }

    /// The counters of its requests that arrived after the warm-up, or in it.
    #[inline(always)]
    pub fn tally(&mut self, in_warm_up: bool) -> &mut Tally {
        if in_warm_up {
            self.of_warm_up.get_or_insert_default()
        } else {
            &mut self.tally
        }
    }

    /// Those that there are.
    fn tallies(&mut self) -> impl Iterator<Item = &mut Tally> {
        std::iter::once(&mut self.tally).chain(self.of_warm_up.as_deref_mut())
    }

    /// Attempts that it has tallied and not yet added to the records, and how many of them were throttled; none
    /// where more than one quota may refuse its requests.
    #[inline(always)]
    pub fn tallied(&self) -> (u64, u64) {
        let tallies = std::iter::once(&self.tally).chain(self.of_warm_up.as_deref());
        tallies.fold((0, 0), |(attempts, throttled), tally| {
            let admitted = tally.undelayed + tally.delayed;
            (
                attempts + admitted + tally.throttled,
                throttled + tally.throttled,
            )
        })
    }

    /// Adds `n` requests to the record all of whose needs were calls, and admitted.
    pub fn count(&self, record: &mut Record, class: usize, n: u64) {
        let count = &mut record.classes[class];
        count.requests += n;
        count.succeeded += n;
        count.undelayed[self.needs as usize] += n;
        if self.request_rate != UNLIMITED {
            count.tries += n;
        }
        for kms_step in &mut record.kms_steps[self.kms_steps()] {
            kms_step.needs += n;
            kms_step.calls += n;
            kms_step.attempts += n;
        }
    }

    #[inline(always)]
    pub fn kms_steps(&self) -> std::ops::Range<usize> {
        self.first_kms_step as usize..(self.first_kms_step + self.kms_steps) as usize
    }

    /// How many needs one of its requests has.
    pub fn needs(&self) -> usize {
        self.needs as usize
    }

    /// Whether a request of it gives something back to its client's retry quota when it ends well. A 403
    /// is not a success, but not retried either; what a client-side cache serves sends no request.
    #[inline(always)]
    pub fn earns(&self, calls: usize) -> bool {
        !self.is_denied && (self.by_service || calls > 0)
    }

    /// Whether all its requests are denied.
    pub fn is_denied(&self) -> bool {
        self.is_denied
    }

    /// Whether no quota can refuse its requests.
    #[inline(always)]
    pub fn needs_no_quota(&self) -> bool {
        self.kms_steps == 0 && self.request_rate == UNLIMITED
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
        request: &RequestState,
    ) {
        let tally = self.tally(request.arrived < warm_up);
        let waited = request.is_waiting();
        if waited {
            tally.delayed += 1;
            tally.delays.add(at - request.arrived);
            state.ends(request);
        } else {
            tally.undelayed += 1;
        }
        if self.earns(1) && (waited || state.retries.has_debts()) {
            state.refund(request, self.answer);
        }
    }
}

/// A KMS step, compact.
pub struct KmsStepState {
    quotas: [u32; 2],
    quota_count: u8,
    need: u8,
    /// Whether the one before is for the same need, of objects of the other kind.
    is_alternative: bool,
    has_memory: bool,
}

impl KmsStepState {
    fn new(kms_step: &KmsStep, before: Option<&KmsStep>) -> KmsStepState {
        KmsStepState {
            need: kms_step.need as u8,
            is_alternative: before
                .is_some_and(|b| (b.class, b.need) == (kms_step.class, kms_step.need)),
            quotas: [0, 1].map(|i| kms_step.quotas.get(i).map_or(0, |&q| q as u32)),
            quota_count: kms_step.quotas.len() as u8,
            has_memory: kms_step.has_memory(),
        }
    }

    /// Which of its class's needs it is for.
    #[inline(always)]
    pub fn need(&self) -> usize {
        usize::from(self.need)
    }

    /// Whether something else than a call may meet its need.
    #[inline(always)]
    pub fn has_memory(&self) -> bool {
        self.has_memory
    }

    /// The quotas that an attempt needs room in, in the order in which they are asked.
    #[inline(always)]
    pub fn quotas(&self) -> &[u32] {
        &self.quotas[..usize::from(self.quota_count)]
    }
}

impl Tally {
    /// Counts requests at their first attempt.
    #[inline(always)]
    pub fn request(&mut self, n: u64) {
        self.requests += n;
    }

    /// Counts throttled attempts.
    #[inline(always)]
    pub fn throttle(&mut self, n: u64) {
        self.throttled += n;
    }

    /// Counts requests that failed in slots in which all lose.
    #[inline(always)]
    pub fn fail(&mut self, n: u64) {
        self.failed += n;
    }

    /// Counts the delay of a request that was put off.
    #[inline(always)]
    pub fn delay(&mut self, ns: u64) {
        self.delays.add(ns);
    }

    /// Adds all but the delays to the record of a class whose only need is of a KMS step, or of one with several needs.
    fn add_to(&mut self, record: &mut Record, class: usize, only_kms_step: Option<usize>) {
        let delays = std::mem::take(&mut self.delays);
        let tally = std::mem::replace(
            self,
            Tally {
                delays,
                ..Tally::default()
            },
        );
        let count = &mut record.classes[class];
        count.failed += tally.failed;
        let Some(kms_step) = only_kms_step else {
            return;
        };
        let admitted = tally.undelayed + tally.delayed;
        let attempts = admitted + tally.throttled;
        count.requests += tally.requests;
        count.succeeded += admitted;
        count.undelayed[1] += tally.undelayed;
        record.attempts_expanded += attempts;
        let kms_step = &mut record.kms_steps[kms_step];
        kms_step.needs += tally.requests;
        kms_step.calls += tally.requests;
        kms_step.attempts += attempts;
        kms_step.throttled_by[0] += tally.throttled;
    }
}

/// The classes of a plan, and their KMS steps.
pub struct Classes {
    all: Vec<ClassState>,
    kms_steps: Vec<KmsStepState>,
    /// The action that makes the requests of each class.
    action: Vec<u32>,
}

impl Classes {
    pub fn new(plan: &PlanPart<'_>, action: Vec<u32>) -> Classes {
        let classes = plan.classes.iter();
        Classes {
            all: classes.map(|c| ClassState::new(plan, c)).collect(),
            kms_steps: plan
                .kms_steps
                .iter()
                .enumerate()
                .map(|(l, kms_step)| {
                    let before = l.checked_sub(1).map(|before| &plan.kms_steps[before]);
                    KmsStepState::new(kms_step, before)
                })
                .collect(),
            action,
        }
    }

    #[inline(always)]
    pub fn of(&self, class: u32) -> &ClassState {
        &self.all[class as usize]
    }

    #[inline(always)]
    pub fn of_mut(&mut self, class: u32) -> &mut ClassState {
        &mut self.all[class as usize]
    }

    /// The action, numbered among all, that makes the requests of a class.
    pub fn action_of(&self, class: u32) -> usize {
        self.action[class as usize] as usize
    }

    #[inline(always)]
    pub fn kms_step(&self, kms_step: usize) -> &KmsStepState {
        &self.kms_steps[kms_step]
    }

    /// Shows the quotas that one try of a request of a class may ask: S3's request rate, then one for each need.
    #[inline(always)]
    pub fn for_each_asked(&self, class: u32, mut show: impl FnMut(usize)) {
        let class = self.of(class);
        if let Some(quota) = class.only_quota() {
            return show(quota);
        }
        if let Some(quota) = class.request_rate() {
            show(quota);
        }
        for l in class.kms_steps() {
            let kms_step = &self.kms_steps[l];
            // A request asks those of one of them; they are the same, but for calls that ask none.
            let alternative = kms_step.is_alternative && self.kms_steps[l - 1].quota_count > 0;
            if !alternative {
                kms_step.quotas().iter().for_each(|&q| show(q as usize));
            }
        }
    }

    /// Adds what was tallied to the records of the measured time and of the warm-up.
    pub fn add_tallies(&mut self, mut records: [&mut Record; 2]) {
        for (c, class) in self.all.iter_mut().enumerate() {
            let only_kms_step = class.only_quota().map(|_| class.first_kms_step as usize);
            let tallies = class.tallies().zip(&mut records);
            tallies
                .filter(|(_, record)| has_classes(record))
                .for_each(|(tally, record)| tally.add_to(record, c, only_kms_step));
        }
    }

    /// Moves the delays to the records, at the end of a run.
    pub fn move_delays(&mut self, mut records: [&mut Record; 2]) {
        for (c, class) in self.all.iter_mut().enumerate() {
            let tallies = class.tallies().zip(&mut records);
            for (tally, record) in tallies.filter(|(_, record)| has_classes(record)) {
                record.delays[c] = std::mem::take(&mut tally.delays);
            }
        }
    }
}

/// Whether anything can be counted there: where there is no warm-up, nothing is in that.
fn has_classes(record: &Record) -> bool {
    !record.classes.is_empty()
}
