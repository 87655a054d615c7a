//! The parts of a plan put together.

use super::super::bucket::BucketKind;
use super::super::key::ManagedBy;
use super::super::price::price_book;
use super::super::run_settings::RunSettings;
use super::super::settings::Scenario;
use super::builder::PlanBuilder;
use super::log_groups::workload_names;
use crate::billing::Months;
use crate::model::arrivals::LocalClock;
use crate::model::latency::LatencySettings;
use crate::model::{BucketInfo, Component, CountedGroup, Counting, KmsKey, Plan};
use indexmap::IndexMap;
use sha2::Digest;
use std::collections::HashMap;

impl PlanBuilder<'_> {
    pub(super) fn finish(mut self, name: &str) -> Plan {
        let a = &self.scenario.assumption;
        // One sum for each number of calls that a request can make, S3's and applications' apart.
        let with_calls = |first: LatencySettings, of_s3: bool| -> Vec<_> {
            let of_kind = self.classes.iter().filter(|c| c.tier.is_some() == of_s3);
            let most = of_kind.map(|c| c.needs).max().unwrap_or(0);
            (0..=most)
                .map(|calls| first.with_calls(calls, &a.kms_latency))
                .collect()
        };
        let s3_latency = with_calls(a.s3_latency, true);
        let app_latency = with_calls(LatencySettings::NONE, false);
        let keys: Vec<KmsKey> = self
            .scenario
            .key
            .iter()
            .map(|(name, k)| KmsKey {
                name: name.clone(),
                account: self.accounts.insert_full(k.account.clone()).0,
                region: self.regions.insert_full(k.region.clone()).0,
                charged: k.managed_by == ManagedBy::Customer,
                in_key_store: k.key_store.is_some(),
            })
            .collect();
        let buckets: Vec<BucketInfo> = self
            .scenario
            .bucket
            .iter()
            .map(|(name, k)| BucketInfo {
                name: name.clone(),
                account: self.accounts.insert_full(k.account.clone()).0,
                region: self.regions.insert_full(k.region.clone()).0,
                is_directory: k.kind == BucketKind::Directory,
            })
            .collect();
        let trails = self.trails();
        let components = self.components();
        let groups = self.groups(&buckets, &keys);
        let horizon_s = self.run.horizon.whole_seconds().unwrap_or(0);
        Plan {
            name: name.to_owned(),
            arrivals_id: arrivals_id(self.scenario, self.run),
            clock: LocalClock::new(&self.run.start, horizon_s),
            horizon_s,
            warm_up_s: self.run.warm_up.whole_seconds().unwrap_or(0),
            quotas: self.quotas.into_values().collect(),
            classes: self.classes,
            kms_steps: self.kms_steps,
            denials: self.denials.into_values().collect(),
            workloads: self.workloads,
            log_groups: self.log_groups,
            bucket_key_caches: self.cache_settings,
            throttled_latency: a.throttled_latency.distribution(),
            s3_latency,
            app_latency,
            kms_latency: a.kms_latency.distribution(),
            accounts: self.accounts.into_iter().collect(),
            regions: self.regions.into_iter().collect(),
            buckets,
            keys,
            requesters: self.requesters.into_iter().collect(),
            groups,
            components,
            counting: Counting {
                throttled_attempts_billed: a.throttled_attempts_billed,
                throttled_attempts_logged: a.throttled_attempts_logged,
                throttled_attempts_in_call_count: a.throttled_attempts_in_call_count,
            },
            prices: price_book(&self.scenario.price),
            months: if self.run.has_date {
                Months::calendar(&self.run.start, horizon_s)
            } else {
                Months::default()
            },
            trails,
        }
    }

    /// What each group gathers, as indices; what is not simulated is left out.
    fn groups(&self, buckets: &[BucketInfo], keys: &[KmsKey]) -> Vec<CountedGroup> {
        let buckets: Vec<&str> = buckets.iter().map(|b| b.name.as_str()).collect();
        let keys: Vec<&str> = keys.iter().map(|k| k.name.as_str()).collect();
        let workloads: Vec<&str> = self.workloads.iter().map(|w| w.name.as_str()).collect();
        let requesters: Vec<&str> = self.requesters.iter().map(String::as_str).collect();
        let index = |all: &[&str], names: &[String]| -> Vec<usize> {
            let places: HashMap<&str, usize> =
                all.iter().enumerate().map(|(i, name)| (*name, i)).collect();
            let found = names.iter().filter_map(|name| places.get(name.as_str()));
            found.copied().collect()
        };
        let groups = self.scenario.group.iter();
        let groups = groups.map(|(name, group)| {
            let of_log_groups = group.log_groups.iter();
            let of_log_groups = of_log_groups.flat_map(|name| workload_names(name));
            let of_group: Vec<String> = of_log_groups.chain(group.workloads.clone()).collect();
            CountedGroup {
                name: name.clone(),
                buckets: index(&buckets, &group.buckets),
                keys: index(&keys, &group.keys),
                workloads: index(&workloads, &of_group),
                requesters: index(&requesters, &group.requesters),
            }
        });
        groups.collect()
    }

    /// Groups of workloads that share a quota, a cache or an order (union–find); an empty one where there is no workload,
    /// so that every variant has a record, and none at all, so that nothing has data, where nothing is said of traffic.
    fn components(&self) -> Vec<Component> {
        let n = self.workloads.len();
        if self.scenario.only_explained {
            return Vec::new();
        }
        if n == 0 {
            return vec![self.component_of_all()];
        }
        let mut parent: Vec<usize> = (0..n).collect();
        fn root(parent: &mut [usize], mut i: usize) -> usize {
            while parent[i] != i {
                parent[i] = parent[parent[i]];
                i = parent[i];
            }
            i
        }
        let mut of_quota = vec![None; self.quotas.len()];
        let mut of_cache = vec![None; self.cache_settings.len()];
        let join = |parent: &mut [usize], a: usize, b: usize| {
            let (a, b) = (root(parent, a), root(parent, b));
            parent[a.max(b)] = a.min(b);
        };
        for class in &self.classes {
            let w = class.workload;
            if let Some(q) = class.request_rate {
                join(&mut parent, w, *of_quota[q].get_or_insert(w));
            }
            for kms_step in &self.kms_steps[class.kms_step_range()] {
                for &q in &kms_step.quotas {
                    join(&mut parent, w, *of_quota[q].get_or_insert(w));
                }
                if let Some(uses) = kms_step.source.bucket_keys() {
                    let caches = uses.caches();
                    caches.for_each(|c| join(&mut parent, w, *of_cache[c].get_or_insert(w)));
                }
            }
        }
        for (w, workload) in self.workloads.iter().enumerate() {
            let owner = workload.client_cache.map(|c| c.owner);
            let others = [workload.after, workload.reads, owner];
            for other in others.into_iter().flatten() {
                join(&mut parent, w, other);
            }
        }
        let mut components: IndexMap<usize, Component> = IndexMap::new();
        for w in 0..n {
            let component = components.entry(root(&mut parent, w)).or_default();
            component.workloads.push(w);
        }
        if components.len() == 1 {
            return vec![self.component_of_all()];
        }
        for (c, class) in self.classes.iter().enumerate() {
            let component = components.entry(root(&mut parent, class.workload));
            component.or_default().classes.push(c);
        }
        for (q, w) in of_quota.into_iter().enumerate() {
            let component = w.map(|w| components.entry(root(&mut parent, w)).or_default());
            component.into_iter().for_each(|c| c.quotas.push(q));
        }
        for (cache, w) in of_cache.into_iter().enumerate() {
            let component = w.map(|w| components.entry(root(&mut parent, w)).or_default());
            let caches = component.map(|c| &mut c.bucket_key_caches);
            caches.into_iter().for_each(|all| all.push(cache));
        }
        components.into_values().collect()
    }

    fn component_of_all(&self) -> Component {
        Component {
            workloads: (0..self.workloads.len()).collect(),
            classes: (0..self.classes.len()).collect(),
            quotas: (0..self.quotas.len()).collect(),
            bucket_key_caches: (0..self.cache_settings.len()).collect(),
        }
    }
}

/// What decides the arrivals, hashed: names, processes, mixes, order in time.
fn arrivals_id(scenario: &Scenario, run: &RunSettings) -> String {
    let mut workloads: Vec<_> = scenario
        .workload
        .iter()
        .map(|(name, w)| {
            let after = &w.after;
            serde_json::json!([
                name,
                w.arrivals,
                w.operations,
                w.start,
                w.stop,
                after,
                w.parts
            ])
        })
        .map(|v| v.to_string())
        .collect();
    workloads.sort();
    let all = serde_json::json!([scenario.start, run.horizon, run.warm_up, workloads]);
    sha2::Sha256::digest(all.to_string().as_bytes())
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect()
}
