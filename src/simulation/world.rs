//! Everything that one simulated component is at an instant.

use crate::engine::calendar::Calendar;
use crate::model::source::{Caches, ClientCache, WorkloadCaches};
use crate::model::{KmsStep, PlanPart};
use crate::simulation::keys::{action_key, replication_key};
use crate::simulation::options::SimulationOptions;
use crate::simulation::state::action::ActionState;
use crate::simulation::state::class::Classes;
use crate::simulation::state::counters::Counters;
use crate::simulation::state::decisive::DecisiveState;
use crate::simulation::state::flights::Flights;
use crate::simulation::state::held::Held;
use crate::simulation::state::idle::Idle;
use crate::simulation::state::job_demand::most_of_jobs;
use crate::simulation::state::kept_splits::KeptSplits;
use crate::simulation::state::lost::Lost;
use crate::simulation::state::misses::Misses;
use crate::simulation::state::quota::Quotas;
use crate::simulation::state::rehearsal::QuietTime;
use crate::simulation::state::request::{Purpose, RequestState};
use crate::simulation::state::sampler::Sampler;
use crate::simulation::state::spread::SecondArrivals;
use crate::simulation::state::workload::{WorkloadState, Workloads};

/// One component of a plan under way: its parts, each of which keeps its own state. What happens in time moves several
/// of them at once, so they stand open to the files of this folder, and to nobody else.
pub struct World<'a> {
    pub(super) plan: &'a PlanPart<'a>,
    pub(super) options: SimulationOptions<'a>,
    pub(super) calendar: Calendar<RequestState>,
    pub(super) classes: Classes,
    pub(super) quotas: Quotas,
    pub(super) workloads: Workloads,
    pub(super) actions: Vec<ActionState>,
    pub(super) caches: Caches,
    /// Fetches that others wait for, where they do.
    pub(super) flights: Option<Flights>,
    pub(super) counters: Counters,
    pub(super) sampler: Option<Sampler>,
    /// The seconds that decide, where they are recorded.
    pub(super) decisive: Option<DecisiveState>,
    /// The arrivals of the present second.
    pub(super) arrivals: SecondArrivals,
    pub(super) lost: Lost,
    /// Counted seconds since the state of `timed` was known.
    pub(super) held: Held,
    pub(super) idle: Idle,
    /// What is drawn of caches.
    pub(super) misses: Misses<'a>,
    /// What is kept of quiet time.
    pub(super) rehearsed: QuietTime,
    /// How arrivals are split, where others want it.
    pub(super) kept_splits: Option<KeptSplits>,
    /// By quota that is used: attempts that it surely refuses from the present second on, as far as that is known.
    pub(super) coming_losses: Vec<u64>,
}

impl<'a> World<'a> {
    pub fn new(plan: &'a PlanPart<'a>, options: SimulationOptions<'a>) -> World<'a> {
        let root = replication_key(options.seed, options.replication);
        let mut used = vec![false; plan.quotas.len()];
        for class in plan.classes {
            class.request_rate.iter().for_each(|&q| used[q] = true);
            for kms_step in plan.kms_steps_of(class) {
                kms_step.quotas.iter().for_each(|&q| used[q] = true);
            }
        }
        let mut actions = Vec::new();
        let mut workloads = Vec::new();
        let mut class_action = vec![0; plan.classes.len()];
        let mut followers = vec![Vec::new(); plan.workloads.len()];
        for (w, workload) in plan.workloads.iter().enumerate() {
            workload.after.iter().for_each(|&of| followers[of].push(w));
        }
        for (w, (workload, followers)) in plan.workloads.iter().zip(followers).enumerate() {
            let key = root.named(&workload.name);
            workloads.push(WorkloadState::new(plan, w, key, actions.len(), followers));
            for action in &workload.actions {
                let key = action_key(root, &workload.name, &action.name);
                action
                    .requests
                    .iter()
                    .for_each(|r| class_action[r.0] = actions.len() as u32);
                actions.push(ActionState::new(plan, action, workload.fails_uploads, key));
            }
        }
        let any_cache = |f: fn(&ClientCache) -> bool| {
            let mut caches = plan.workloads.iter().flat_map(|w| &w.client_cache);
            caches.any(f)
        };
        let has_flights = plan.kms_steps.iter().any(KmsStep::has_single_flight)
            || any_cache(ClientCache::has_single_flight);
        let has_waits = has_flights || any_cache(ClientCache::has_waits);
        let classes = Classes::new(plan, class_action);
        let most_of_jobs = most_of_jobs(plan, &classes);
        let mut world = World {
            plan,
            options,
            calendar: Calendar::new(),
            classes,
            quotas: Quotas::new(plan.quotas, &used),
            workloads: Workloads::new(plan, workloads, has_waits, most_of_jobs),
            caches: Caches::new(
                plan.bucket_key_caches,
                plan.workloads
                    .iter()
                    .map(|w| WorkloadCaches::new(w.client_cache, w.clients, w.reads, w.is_read)),
                root.named("archive"),
            ),
            flights: has_flights.then(Flights::default),
            sampler: (options.sample > 0).then(|| Sampler::new(plan, options.sample, root)),
            decisive: options.decisive.then(|| DecisiveState::new(plan)),
            counters: Counters::new(plan, actions.len()),
            actions,
            arrivals: SecondArrivals::default(),
            lost: Lost::default(),
            held: Held::default(),
            idle: Idle::default(),
            misses: Misses::default(),
            rehearsed: QuietTime::default(),
            kept_splits: None,
            coming_losses: Vec::new(),
        };
        if !options.simulate_all {
            world.quotas.set_sole(world.find_sole_quota());
            let (timed, caches) = (world.quotas.timed(), &mut world.caches);
            world.misses = Misses::new(plan, world.workloads.all(), timed, caches);
        }
        world
    }

    /// The quota that is the only need of every request that has any, where no job makes requests of its own.
    fn find_sole_quota(&self) -> Option<usize> {
        let &[quota] = self.quotas.used() else {
            return None;
        };
        let actions = self.workloads.open().iter().flat_map(|&w| {
            let first = self.workloads.of(w).first_action();
            &self.actions[first..first + self.plan.workloads[w].actions.len()]
        });
        let mut asking = actions.filter(|a| !a.demand().is_empty());
        let is_sole = |c: u32| self.classes.of(c).only_quota() == Some(quota);
        (self.workloads.jobs().is_empty() && asking.all(|a| a.classes().all(is_sole)))
            .then_some(quota)
    }

    /// Time from a request's attempt to its answer.
    pub fn service(&self, request: &RequestState, calls: usize) -> u64 {
        let latency = match self.plan.classes[request.class as usize].tier {
            Some(_) => self.plan.s3_latency,
            None => self.plan.app_latency,
        };
        latency[calls].draw(request.own(Purpose::Service, 0))
    }
}
