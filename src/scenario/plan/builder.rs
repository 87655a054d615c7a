//! What is gathered while a plan is built, and how what is wrong with it is recorded.

use super::super::access::{Access, REQUESTER, RequestKind};
use super::super::run_settings::RunSettings;
use super::super::settings::Scenario;
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::model::source::bucket_key;
use crate::model::source::bucket_key::archive::ObjectWeights;
use crate::model::{Class, Denial, KmsStep, LogGroup, Quota, Workload};
use indexmap::{IndexMap, IndexSet};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

pub(super) struct PlanBuilder<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) run: &'a RunSettings,
    pub(super) faults: &'a Diagnostics,
    pub(super) accounts: IndexSet<String>,
    pub(super) regions: IndexSet<String>,
    pub(super) requesters: IndexSet<String>,
    pub(super) quotas: IndexMap<String, Quota>,
    pub(super) classes: Vec<Class>,
    /// What requests of the present workload are for requesters whom no policy tells apart, by operation.
    pub(super) open_kinds: (usize, Vec<(String, RequestKind)>),
    pub(super) kms_steps: Vec<KmsStep>,
    pub(super) access: Access<'a>,
    pub(super) denials: IndexMap<String, Denial>,
    pub(super) workloads: Vec<Workload>,
    /// Workloads whose objects others read.
    pub(super) read: BTreeSet<&'a str>,
    pub(super) log_groups: Vec<LogGroup>,
    /// First cache of each (bucket, key, requester class).
    pub(super) caches: IndexMap<(String, String, String), usize>,
    /// How often a workload asks for the bucket keys of a bucket.
    pub(super) object_weights: HashMap<(usize, String), Arc<OnceLock<ObjectWeights>>>,
    pub(super) cache_settings: Vec<bucket_key::BucketKeyRules>,
    /// Data keys that another service holds for each caller of a workload: requester, what for, and of which need.
    pub(super) service_slots: HashMap<usize, IndexSet<(String, String, usize)>>,
}

impl<'a> PlanBuilder<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        run: &'a RunSettings,
        faults: &'a Diagnostics,
    ) -> PlanBuilder<'a> {
        let mut requesters: IndexSet<String> = scenario.requester.keys().cloned().collect();
        if requesters.is_empty() {
            requesters.insert(REQUESTER.to_owned());
        }
        PlanBuilder {
            scenario,
            run,
            faults,
            accounts: scenario.account.keys().cloned().collect(),
            regions: IndexSet::new(),
            requesters,
            quotas: IndexMap::new(),
            classes: Vec::new(),
            open_kinds: (0, Vec::new()),
            kms_steps: Vec::new(),
            access: Access::only_refusals(scenario),
            denials: IndexMap::new(),
            workloads: Vec::new(),
            read: (scenario.workload.values())
                .filter_map(|w| w.reads.as_deref())
                .collect(),
            log_groups: Vec::new(),
            caches: IndexMap::new(),
            object_weights: HashMap::new(),
            cache_settings: Vec::new(),
            service_slots: HashMap::new(),
        }
    }

    pub(super) fn workload_name(&self, w: usize) -> &str {
        self.scenario.workload.get_index(w).map_or("", |(n, _)| n)
    }

    /// Takes in the accounts and Regions of everything that lies in one.
    pub(super) fn places(&mut self) {
        let keys = self.scenario.key.values().map(|k| (&k.account, &k.region));
        let buckets = self
            .scenario
            .bucket
            .values()
            .map(|b| (&b.account, &b.region));
        for (account, region) in keys.chain(buckets) {
            self.accounts.insert(account.clone());
            self.regions.insert(region.clone());
        }
    }

    pub(super) fn fault(
        &self,
        place: &Place,
        code: Code,
        message: String,
        help: impl Into<String>,
    ) {
        self.faults.push(
            Diagnostic::error(code, message)
                .at(place.clone())
                .help(help),
        );
    }

    pub(super) fn warn(&self, place: &Place, message: String) {
        self.faults
            .push(Diagnostic::warning(Code::NoDefault, message).at(place.clone()));
    }

    /// Where the n-th of the plan's workloads is written: those of log groups come after the file's own.
    pub(super) fn place_of(&self, workload: usize) -> Option<&'a Place> {
        if let Some((_, settings)) = self.scenario.workload.get_index(workload) {
            return Some(&settings.place);
        }
        let group = self
            .log_groups
            .iter()
            .find(|g| g.workloads.contains(&workload))?;
        self.scenario.log_group.get(&group.name).map(|g| &g.place)
    }
}
