//! A scenario as written, every default filled in: one file for each kind of table.
//!
//! Each struct is read from a [`Reader`] and serialised into `results.json` as resolved.

use super::account::{Account, Placement, accounts, region};
use super::assumption::{Assumptions, RequesterRule, assumptions};
use super::bucket::{BucketSettings, buckets};
use super::group::{GroupSettings, groups};
use super::key::{KeyStore, KmsKeySettings, key_stores, keys};
use super::log_group::{LogGroupSettings, log_groups};
use super::organizational_unit::{OrganizationalUnit, organizational_units};
use super::price::{PriceSettings, prices};
use super::quota::{QuotaSettings, quotas};
use super::requester::{Requester, requesters};
use super::run_settings::{ReadFor, RunSettings, run_settings};
use super::thresholds::thresholds;
use super::trail::{TrailSettings, trails};
use super::without_effect;
use super::workload::{WorkloadContext, WorkloadSettings};
use crate::access::Policy;
use crate::input::diagnostic::Code;
use crate::input::document::Node;
use crate::input::files::Files;
use crate::input::reader::Reader;
use crate::metrics::target::Target;
use crate::model::retry::RetrySettings;
use crate::units::Span;
use indexmap::IndexMap;
use serde::Serialize;
use std::cell::RefCell;

/// One variant of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Scenario {
    /// Local time at t = 0, `2026-11-24T18:00:00[Europe/Berlin]`.
    pub start: String,
    /// Region of things that name none.
    pub region: Option<String>,
    /// Organizational units, the root among them, by name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub organizational_unit: IndexMap<String, OrganizationalUnit>,
    /// By name; `main` where none is declared.
    pub account: IndexMap<String, Account>,
    /// Custom key stores by name.
    pub key_store: IndexMap<String, KeyStore>,
    /// KMS keys by name.
    pub key: IndexMap<String, KmsKeySettings>,
    /// Buckets by name.
    pub bucket: IndexMap<String, BucketSettings>,
    /// Log groups by name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub log_group: IndexMap<String, LogGroupSettings>,
    /// CloudTrail's trails by name; an account without any has those of its `trail_copies`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub trail: IndexMap<String, TrailSettings>,
    /// Requesters by name.
    pub requester: IndexMap<String, Requester>,
    /// Quotas that differ from the catalog or change, by a name of the scenario's own.
    pub quota: IndexMap<String, QuotaSettings>,
    /// What clients do when throttled, unless their workload says otherwise.
    pub retry: RetrySettings,
    /// Workloads by name, disabled ones left out.
    pub workload: IndexMap<String, WorkloadSettings>,
    /// What AWS does not document.
    pub assumption: Assumptions,
    /// Prices that differ from the catalog, by item.
    pub price: IndexMap<String, PriceSettings>,
    /// Groups by name: what each gathers.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub group: IndexMap<String, GroupSettings>,
    /// What the results are held to, by name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub threshold: IndexMap<String, Target>,
    /// Whether no workload says when its requests come: a run has nothing to simulate.
    #[serde(skip)]
    pub only_explained: bool,
}

impl Scenario {
    /// Every policy document that it names, by what it is attached to.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        let units = self.organizational_unit.values().map(|unit| &unit.control);
        let control = units.chain(self.account.values().map(|account| &account.control));
        let control = control.flat_map(|c| {
            let service = c.service_control_policies.iter();
            service.chain(&c.resource_control_policies)
        });
        let keys = self.key.values().flat_map(|key| {
            let changes = key.policy_changes.iter().map(|change| &change.policy);
            key.policy.iter().chain(changes)
        });
        let buckets = self.bucket.values().filter_map(|b| b.policy.as_ref());
        let requesters = self.requester.values().flat_map(|r| {
            let identity = r.identity_policies.iter().flatten();
            let limits = r.permissions_boundary.iter();
            identity.chain(limits.chain(&r.session_policy_document))
        });
        let all = control.chain(keys).chain(buckets).chain(requesters);
        all.map(|document| document.policy.as_ref())
    }

    /// One variant called `name`, from its table; what holds for the whole file is `None` where it is at fault.
    pub(super) fn read(
        name: &str,
        r: &mut Reader<'_>,
        files: &Files,
        purpose: ReadFor,
    ) -> (Option<RunSettings>, Scenario) {
        let errors = r.faults().errors();
        let only_explained = purpose == ReadFor::Run && says_nothing_of_traffic(r);
        let purpose = if only_explained {
            ReadFor::Explain
        } else {
            purpose
        };
        let run = run_settings(r, purpose);
        let region = region(r);
        let organizational_unit = organizational_units(r, files);
        let account = accounts(r, &organizational_unit, files);
        let placement = Placement {
            accounts: &account,
            region: region.as_deref(),
            region_is_at_fault: r.is_at_fault("region", &region),
            without_region: RefCell::default(),
            files,
        };
        let group = groups(r);
        let key_store = key_stores(r, &placement);
        let key = keys(r, &placement, &key_store);
        let bucket = buckets(r, &placement, &key);
        let log_group = log_groups(r, &placement, &key);
        let trail = trails(r, &placement, &bucket, &group);
        let requester = requesters(r, &placement);
        let quota = quotas(r, &placement, &key_store);
        let assumption = assumptions(r);
        let own_retry = RetrySettings::read(r);
        let retry_is_at_fault = r.is_at_fault("retry", &own_retry);
        let retry = own_retry.unwrap_or_else(RetrySettings::of_unnamed_sdk);
        let price = prices(r);
        let names = r.names_of("workload");
        let context = WorkloadContext {
            buckets: &bucket,
            keys: &key,
            requesters: &requester,
            accounts: &account,
            workloads: names.as_deref().unwrap_or_default(),
            retry: (!retry_is_at_fault).then_some(&retry),
            horizon: run.as_ref().map_or(Span::from_ns(u64::MAX), |r| r.horizon),
            files,
            purpose,
            by_session: assumption.bucket_key_requester == RequesterRule::Session
                && requester.iter().any(|(_, q)| q.sessions > 1),
        };
        let declared = r.declared("workload", |name, r| {
            WorkloadSettings::read(name, r, &context)
        });
        // Those that are there may be unreadable for something else that is at fault.
        let is_explained = !declared.is_empty() && r.faults().errors() > errors;
        let workload = declared.into_read();
        // Log groups call KMS by themselves.
        if workload.is_empty() && log_group.names().next().is_none() && !is_explained {
            r.fault(
                Code::MissingKey,
                r.place_of("workload"),
                format!("variant `{name}` lacks a workload"),
                "write a `[workload.NAME]`, or switch one on with `enabled = true`; a `[log_group.NAME]` will do as well",
            );
        }
        // Where a workload is switched off or unreadable, it may be the one.
        let all_are_read = names.as_ref().is_some_and(|n| n.len() == workload.len());
        let by_status = |w: &WorkloadSettings| {
            w.is_answered_by_status && w.retry.only_for_status == retry.only_for_status
        };
        if let Some((key, place)) = retry.only_for_status.clone()
            && all_are_read
            && !workload.values().any(by_status)
        {
            without_effect::reject_for_status(r, &key, place);
        }
        let threshold = thresholds(r, names.as_deref(), &workload, &group);
        let start = run
            .as_ref()
            .map(|r| r.start.to_string())
            .unwrap_or_default();
        let scenario = Scenario {
            start,
            region,
            organizational_unit: organizational_unit.into_read(),
            account: account.into_read(),
            key_store: key_store.into_read(),
            key: key.into_read(),
            bucket: bucket.into_read(),
            log_group: log_group.into_read(),
            trail: trail.into_read(),
            requester: requester.into_read(),
            quota: quota.into_read(),
            retry,
            workload,
            assumption,
            price,
            group,
            threshold,
            only_explained,
        };
        (run, scenario)
    }
}

/// Whether there are workloads, none of which says when its requests come, and nothing else that calls KMS: a scenario
/// that is written to be explained.
fn says_nothing_of_traffic(r: &mut Reader<'_>) -> bool {
    fn tables<'a>(r: &mut Reader<'a>, key: &str) -> Vec<&'a Node> {
        match r.value(key).map(|value| &value.node) {
            Some(Node::Table(table)) => {
                let entries = table.entries.values();
                entries.map(|entry| &entry.value.node).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }
    let says = |node: &&Node| match node {
        Node::Table(table) => ["arrivals", "trace", "job"]
            .iter()
            .any(|key| table.get(key).is_some()),
        _ => true,
    };
    let workloads = tables(r, "workload");
    !workloads.is_empty() && !workloads.iter().any(says) && tables(r, "log_group").is_empty()
}
