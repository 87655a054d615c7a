//! Parts of a plan that share nothing: workloads that share a quota, a cache or an order are in one of them. Each is
//! simulated with what is its own only, so that a plan of many parts takes as much time and memory as all of them.

use super::arrivals::LocalClock;
use super::plan::{Component, Counting, Plan, Quota};
use super::request::{Class, KmsStep};
use super::source::bucket_key::BucketKeyRules;
use super::workload::{Workload, recurs};
use crate::billing::Months;
use crate::engine::distribution::Distribution;
use std::collections::HashMap;
use std::sync::Arc;

/// One component, with copies of what it uses, numbered among themselves. Whatever else these refer to (keys, buckets,
/// accounts, denials) has the numbers of the whole plan.
#[derive(Debug)]
pub struct OwnPart {
    workloads: Vec<Workload>,
    classes: Vec<Class>,
    kms_steps: Vec<KmsStep>,
    kms_step_indices: Vec<usize>,
    quotas: Vec<Quota>,
    bucket_key_caches: Vec<BucketKeyRules>,
}

impl OwnPart {
    fn of(plan: &Plan, component: &Component) -> OwnPart {
        let numbers = |of: &[usize]| -> HashMap<usize, usize> {
            of.iter().enumerate().map(|(i, &all)| (all, i)).collect()
        };
        let (workload, class) = (numbers(&component.workloads), numbers(&component.classes));
        let (quota, cache) = (
            numbers(&component.quotas),
            numbers(&component.bucket_key_caches),
        );
        let workloads = component.workloads.iter().map(|&w| {
            let mut own = plan.workloads[w].clone();
            for other in [&mut own.after, &mut own.reads] {
                *other = other.map(|w| workload[&w]);
            }
            if let Some(caches) = &mut own.client_cache {
                caches.owner = workload[&caches.owner];
            }
            let requests = own.actions.iter_mut().flat_map(|a| &mut a.requests);
            requests.for_each(|(c, _)| *c = class[c]);
            own
        });
        let workloads = workloads.collect();
        let mut first_kms_step = 0;
        let classes = component.classes.iter().map(|&c| {
            let mut own = plan.classes[c].clone();
            own.workload = workload[&own.workload];
            own.request_rate = own.request_rate.map(|q| quota[&q]);
            own.first_kms_step = first_kms_step;
            first_kms_step += own.kms_steps;
            own
        });
        let classes = classes.collect();
        let kms_step_indices: Vec<usize> = component.kms_steps(plan).collect();
        let kms_steps = kms_step_indices.iter().map(|&l| {
            let mut own = plan.kms_steps[l].clone();
            own.class = class[&own.class];
            own.quotas.iter_mut().for_each(|q| *q = quota[q]);
            if let Some(uses) = own.source.bucket_keys_mut() {
                uses.cache = cache[&uses.cache];
            }
            own
        });
        OwnPart {
            workloads,
            classes,
            kms_steps: kms_steps.collect(),
            kms_step_indices,
            quotas: (component.quotas.iter())
                .map(|&q| plan.quotas[q].clone())
                .collect(),
            bucket_key_caches: (component.bucket_key_caches.iter())
                .map(|&cache| plan.bucket_key_caches[cache])
                .collect(),
        }
    }
}

/// What the simulation of one component needs to know.
#[derive(Clone, Copy, Debug)]
pub struct PlanPart<'p> {
    /// The plan that it is a part of.
    pub whole: &'p Plan,
    /// Which classes of the whole its own are; `None`: the part is the whole plan.
    own: Option<(&'p Component, &'p OwnPart)>,
    /// Arrivals stop here \[s\].
    pub horizon_s: u64,
    /// Requests that arrive before this are not counted \[s\].
    pub warm_up_s: u64,
    /// How CloudTrail and CloudWatch count.
    pub counting: Counting,
    /// How local time follows simulated time.
    pub clock: &'p LocalClock,
    /// Months by which AWS charges.
    pub months: &'p Months,
    /// Time from a call to KMS's answer.
    pub kms_latency: &'p Distribution,
    /// Time from an attempt to its answer when it is throttled.
    pub throttled_latency: &'p Distribution,
    /// Time of an S3 request with 0, 1, 2, … KMS calls.
    pub s3_latency: &'p [Arc<Distribution>],
    /// Time of an application's message with 0, 1, 2, … KMS calls.
    pub app_latency: &'p [Arc<Distribution>],
    /// Its workloads.
    pub workloads: &'p [Workload],
    /// Their classes.
    pub classes: &'p [Class],
    /// Their KMS steps.
    pub kms_steps: &'p [KmsStep],
    /// What they ask.
    pub quotas: &'p [Quota],
    /// What they look up.
    pub bucket_key_caches: &'p [BucketKeyRules],
}

impl<'p> PlanPart<'p> {
    /// What is to be copied of a plan for a component; `None` where that is all of it.
    pub fn copies(plan: &Plan, component: &Component) -> Option<OwnPart> {
        let is_whole = component.workloads.len() == plan.workloads.len();
        (!is_whole).then(|| OwnPart::of(plan, component))
    }

    /// A component of a plan with its [copies](Self::copies).
    pub fn new(plan: &'p Plan, component: &'p Component, own: Option<&'p OwnPart>) -> PlanPart<'p> {
        let mut part = PlanPart {
            whole: plan,
            own: own.map(|own| (component, own)),
            horizon_s: plan.horizon_s,
            warm_up_s: plan.warm_up_s,
            counting: plan.counting,
            clock: &plan.clock,
            months: &plan.months,
            kms_latency: &plan.kms_latency,
            throttled_latency: &plan.throttled_latency,
            s3_latency: &plan.s3_latency,
            app_latency: &plan.app_latency,
            workloads: &plan.workloads,
            classes: &plan.classes,
            kms_steps: &plan.kms_steps,
            quotas: &plan.quotas,
            bucket_key_caches: &plan.bucket_key_caches,
        };
        if let Some(own) = own {
            part.workloads = &own.workloads;
            part.classes = &own.classes;
            part.kms_steps = &own.kms_steps;
            part.quotas = &own.quotas;
            part.bucket_key_caches = &own.bucket_key_caches;
        }
        part
    }

    /// The number of one of its classes in the whole plan.
    pub fn class_in_whole(&self, class: usize) -> usize {
        self.own
            .map_or(class, |(component, _)| component.classes[class])
    }

    /// The number of one of its KMS steps in the whole plan.
    pub fn kms_step_in_whole(&self, kms_step: usize) -> usize {
        self.own
            .map_or(kms_step, |(_, own)| own.kms_step_indices[kms_step])
    }

    /// The KMS steps of one of its classes.
    pub fn kms_steps_of(&self, class: &Class) -> &'p [KmsStep] {
        &self.kms_steps[class.kms_step_range()]
    }

    /// After how many seconds one of its workloads recurs, if it is a job that does.
    pub fn recurs(&self, workload: usize) -> Option<u64> {
        recurs(self.workloads, workload)
    }
}
