//! From a scenario to the model: classes, lanes, quota pools, caches, islands.

mod client_cache;
mod log_groups;
mod s3;

use super::access::{Access, Check, NO_TLS, REQUESTER};
use super::bucket::BucketKind;
use super::key::{KmsKeySettings, ManagedBy};
use super::operations::MULTIPART_UPLOAD;
use super::price::price_book;
use super::quota::{LimiterSettings, QuotaSettings};
use super::run_settings::RunSettings;
use super::settings::Scenario;
use super::workload::WorkloadSettings;
use crate::catalog::{self, KmsOperation};
use crate::engine::distribution::Distribution;
use crate::engine::limiter::{Shape, Step};
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::model::arrivals::trace::RowActions;
use crate::model::arrivals::{Arrivals, LocalClock, Trace};
use crate::model::retry::Service;
use crate::model::source::bucket_key;
use crate::model::source::bucket_key::archive::KeyPopularity;
use crate::model::{
    Action, BucketInfo, Cause, Class, Counting, Denial, Kind, KmsKey, Lane, LogGroup, MAX_LANES,
    Plan, Quota, Refusal, Source, Trail, UnlanedCall, Workload,
};
use crate::units::{Rate, Span};
use indexmap::{IndexMap, IndexSet};
use sha2::Digest;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

/// Builds the plan of one variant; `None` after recording what is wrong.
pub(super) fn build(
    name: &str,
    scenario: &Scenario,
    run: &RunSettings,
    faults: &Diagnostics,
) -> Option<Plan> {
    let mut b = Builder::new(scenario, run, faults);
    for (w, (workload_name, settings)) in scenario.workload.iter().enumerate() {
        b.workload(w, workload_name, settings);
    }
    for (log_group, settings) in &scenario.log_group {
        b.log_group(log_group, settings);
    }
    for settings in scenario.quota.values() {
        b.declared_quota(settings);
    }
    b.orders();
    b.prices();
    if faults.has_errors() {
        return None;
    }
    Some(b.finish(name))
}

struct Builder<'a> {
    scenario: &'a Scenario,
    run: &'a RunSettings,
    faults: &'a Diagnostics,
    accounts: IndexSet<String>,
    regions: IndexSet<String>,
    requesters: IndexSet<String>,
    quotas: IndexMap<String, Quota>,
    classes: Vec<Class>,
    lanes: Vec<Lane>,
    access: Access<'a>,
    denials: IndexMap<String, Denial>,
    workloads: Vec<Workload>,
    /// Workloads whose objects others read.
    read: BTreeSet<&'a str>,
    log_groups: Vec<LogGroup>,
    /// First cache of each (bucket, key, requester class).
    caches: IndexMap<(String, String, String), usize>,
    /// How often a workload asks for the bucket keys of a bucket.
    key_popularity: HashMap<(usize, String), Arc<OnceLock<KeyPopularity>>>,
    cache_settings: Vec<bucket_key::BucketKeyRules>,
}

impl<'a> Builder<'a> {
    fn new(scenario: &'a Scenario, run: &'a RunSettings, faults: &'a Diagnostics) -> Builder<'a> {
        let mut requesters: IndexSet<String> = scenario.requester.keys().cloned().collect();
        if requesters.is_empty() {
            requesters.insert(REQUESTER.to_owned());
        }
        Builder {
            scenario,
            run,
            faults,
            accounts: scenario.account.keys().cloned().collect(),
            regions: IndexSet::new(),
            requesters,
            quotas: IndexMap::new(),
            classes: Vec::new(),
            lanes: Vec::new(),
            access: Access::new(scenario),
            denials: IndexMap::new(),
            workloads: Vec::new(),
            read: (scenario.workload.values())
                .filter_map(|w| w.reads.as_deref())
                .collect(),
            log_groups: Vec::new(),
            caches: IndexMap::new(),
            key_popularity: HashMap::new(),
            cache_settings: Vec::new(),
        }
    }

    fn workload(&mut self, w: usize, name: &str, s: &'a WorkloadSettings) {
        let default = s.requester.clone().unwrap_or_else(|| REQUESTER.to_owned());
        let mut actions: Vec<Action> = Vec::new();
        for (operation, &weight) in &s.operations {
            let requests = self.requests(w, s, operation, &default);
            actions.push(Action {
                name: operation.clone(),
                weight,
                requests,
            });
        }
        let horizon = self.run.horizon.whole_seconds().unwrap_or(0);
        let start = s.start.whole_seconds().unwrap_or(0);
        let stop = s
            .stop
            .and_then(Span::whole_seconds)
            .unwrap_or(u64::MAX)
            .min(if s.after.is_some() { u64::MAX } else { horizon });
        let kind = match &s.arrivals {
            Arrivals::Job(job) => Kind::Job {
                workers: job.workers,
                objects: job.objects,
                think: job.think_time.distribution(),
                start: s.start.as_ns(),
            },
            Arrivals::Trace(trace) => Kind::Trace {
                trace: trace.clone(),
                actions: self.row_actions(w, s, trace, &default, &mut actions),
                start,
                // It is done after its last row, where another workload may be waiting for that.
                stop: if trace.repeat {
                    stop
                } else {
                    stop.min(start.saturating_add(trace.seconds()))
                },
            },
            Arrivals::Open(arrivals) => Kind::Open {
                arrivals: arrivals.clone(),
                start,
                stop,
            },
        };
        let client_cache = self.client_cache(w);
        let index_of = |name: &Option<String>| {
            name.as_ref()
                .and_then(|n| self.scenario.workload.get_index_of(n))
        };
        for (key, reference) in [("after", &s.after), ("reads", &s.reads)] {
            if let Some(other) = reference
                && index_of(reference).is_none()
            {
                self.fault(
                    &s.place,
                    Code::UnknownName,
                    format!("`workload.{name}.{key}` names `{other}`, which is switched off here"),
                    "switch it on, or drop the reference",
                );
            }
        }
        if let Some(writer) = s.reads.as_ref().and_then(|n| self.scenario.workload.get(n)) {
            if !matches!(writer.arrivals, Arrivals::Job(_)) {
                self.fault(&s.place, Code::Contradiction, format!("`workload.{name}` reads what a workload writes that is no job: its objects have no numbers"), "give the writer a `job`");
            } else if writer.bucket.as_ref() != s.copy_source.as_ref().or(s.bucket.as_ref()) {
                self.fault(
                    &s.place,
                    Code::Contradiction,
                    format!("`workload.{name}` reads another bucket than its writer writes"),
                    "give both the same `bucket`",
                );
            }
        }
        let is_read = self.read.contains(name);
        let service = if s.bucket.is_some() {
            Service::S3
        } else {
            Service::Kms
        };
        self.workloads.push(Workload {
            name: name.to_owned(),
            kind,
            actions,
            clients: s.clients,
            retry: s
                .retry
                .policy(service, self.scenario.assumption.retry_after),
            after: index_of(&s.after),
            popularity: s.popularity.popularity(),
            reads: index_of(&s.reads),
            is_read,
            size: s.message_size.size(),
            client_cache,
        });
    }

    /// The requests that one arrival of an operation makes.
    fn requests(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        operation: &str,
        requester: &str,
    ) -> Vec<(usize, u32)> {
        let steps = if s.bucket.is_some() && operation == MULTIPART_UPLOAD {
            vec![
                ("CreateMultipartUpload", 1),
                ("UploadPart", s.parts),
                ("CompleteMultipartUpload", 1),
            ]
        } else {
            vec![(operation, 1)]
        };
        let mut requests = Vec::new();
        for (operation, n) in steps {
            let class = self.class(w, s, operation, requester);
            let denied = self.classes[class].denial.is_some();
            let tries = if denied { s.requests_when_denied } else { 1 };
            requests.push((class, n * tries));
            // Whoever was denied an upload has no parts to send.
            if denied {
                break;
            }
        }
        requests
    }

    fn class(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        operation: &str,
        requester: &str,
    ) -> usize {
        let first_lane = self.lanes.len();
        let (mut tier, mut request_rate) = (None, None);
        let checks = self.access.checks(s, operation, requester);
        let refused = checks.last().filter(|check| check.refusal.is_some());
        let mut denial = refused.map(|check| self.denial(s, check, requester));
        if s.bucket.is_some() {
            if let Some(row) = catalog::s3_operation(operation) {
                tier = Some(row.billing);
                request_rate = row
                    .request_rate
                    .and_then(|rate| self.request_rate(w, s, rate));
                if refused.is_none() && self.access.needs_tls(s, row) {
                    denial = Some(self.named_denial(NO_TLS.to_owned(), s, requester));
                }
                // Needs before the one that KMS denies are met; S3 asks KMS for nothing that it denies itself.
                let upto = match (refused, denial) {
                    (None, None) => row.needs.len(),
                    (Some(check), _) => check.need.map_or(0, |need| need + 1),
                    (None, Some(_)) => 0,
                };
                let denied = refused.and_then(|c| c.need);
                for (need, lanes) in self.s3_lanes(w, s, row, requester, upto, denied) {
                    for lane in lanes {
                        let of_need = checks.iter().filter(|c| c.need == Some(need));
                        self.refuse_for_a_time(lane, of_need);
                    }
                }
            }
        } else if let Ok(op) = operation.parse::<KmsOperation>() {
            self.direct_lane(w, s, op, requester, denial.is_some());
            for lane in first_lane..self.lanes.len() {
                self.refuse_for_a_time(lane, checks.iter());
            }
        }
        for lane in first_lane..self.lanes.len() {
            let caller = self.accounts[self.lanes[lane].account].clone();
            let billed = self.bills_denials(s, &caller);
            let refusals = self.lanes[lane].refusals.iter_mut();
            refusals
                .filter(|r| r.cause == Cause::NoPermission)
                .for_each(|r| r.billed = billed);
        }
        let class = Class {
            workload: w,
            operation: operation.to_owned(),
            bucket: s
                .bucket
                .as_ref()
                .and_then(|b| self.scenario.bucket.get_index_of(b)),
            requester: self.requesters.insert_full(requester.to_owned()).0,
            tier,
            request_rate,
            first_lane,
            lanes: self.lanes.len() - first_lane,
            denial,
        };
        debug_assert!(class.lanes <= MAX_LANES);
        self.classes.push(class);
        self.classes.len() - 1
    }

    /// What a refused request is counted under.
    fn denial(&mut self, s: &WorkloadSettings, check: &Check, requester: &str) -> usize {
        let name = check.refusal.clone().unwrap_or_default();
        let denial = self.named_denial(name, s, requester);
        if !self.scenario.assumption.denied_calls_consume_quota {
            self.denials[denial].unlaned = self.unlaned(check, requester);
        }
        denial
    }

    /// A KMS call that is denied and draws on no quota.
    fn unlaned(&mut self, check: &Check, requester: &str) -> Option<UnlanedCall> {
        let key = self.scenario.key.get(check.on.strip_prefix("key.")?)?;
        let account = self.caller(requester, &key.account);
        Some(UnlanedCall {
            operation: check.operation?,
            account: self.accounts.insert_full(account).0,
            region: self.regions.insert_full(key.region.clone()).0,
        })
    }

    /// S3 bills what it denies to the owner's own organization (S3 User Guide, billing of error codes).
    fn bills_denials(&self, s: &WorkloadSettings, caller: &str) -> bool {
        let bucket = s.bucket.as_ref().and_then(|b| self.scenario.bucket.get(b));
        bucket.is_some_and(|b| self.access.same_organization(caller, &b.account))
    }

    /// The denial of that name, of the workload's requests.
    fn named_denial(&mut self, name: String, s: &WorkloadSettings, requester: &str) -> usize {
        let bucket = s.bucket.as_ref().and_then(|b| self.scenario.bucket.get(b));
        let billed = bucket.is_some_and(|bucket| {
            let caller = self.caller(requester, &bucket.account);
            self.bills_denials(s, &caller)
        });
        let denial = Denial {
            name: name.clone(),
            billed,
            unlaned: None,
        };
        // One statement can deny those inside and outside of the organization.
        let key = format!("{name} {billed}");
        let entry = self.denials.entry(key);
        let index = entry.index();
        entry.or_insert(denial);
        index
    }

    /// The account that a requester's calls are charged to.
    fn caller(&self, requester: &str, otherwise: &str) -> String {
        self.scenario
            .requester
            .get(requester)
            .map_or_else(|| otherwise.to_owned(), |r| r.account.clone())
    }

    /// A call that KMS denies; nothing can meet its need, and no cache comes of it.
    fn denied_lane(
        &mut self,
        s: &WorkloadSettings,
        operation: KmsOperation,
        key: &str,
        caller: (&str, &str),
    ) {
        if self.scenario.assumption.denied_calls_consume_quota {
            let before = self.lanes.len();
            self.lane(&s.place, operation, key, caller, Source::Call);
            self.lanes[before..]
                .iter_mut()
                .for_each(|lane| lane.denied = true);
        }
    }

    fn workload_name(&self, w: usize) -> &str {
        self.scenario.workload.get_index(w).map_or("", |(n, _)| n)
    }

    fn direct_lane(
        &mut self,
        w: usize,
        s: &WorkloadSettings,
        operation: KmsOperation,
        requester: &str,
        denied: bool,
    ) {
        let Some(key) = s.key.clone() else { return };
        let Some(settings) = self.scenario.key.get(&key) else {
            return;
        };
        let account = self.caller(requester, &settings.account);
        let caller = (account.as_str(), requester);
        if denied {
            self.denied_lane(s, operation, &key, caller);
            return;
        }
        let source = self.client_side(w, s, operation);
        self.lane(&s.place, operation, &key, caller, source);
    }

    /// Adds a lane, unless the key is AWS-owned and counts nothing.
    fn lane(
        &mut self,
        place: &Place,
        operation: KmsOperation,
        key: &str,
        (account, requester): (&str, &str),
        source: Source,
    ) {
        let Some((index, _, settings)) = self.scenario.key.get_full(key) else {
            return;
        };
        if settings.managed_by == ManagedBy::AwsOwned {
            return;
        }
        let Some(row) = catalog::quota_for(operation, settings.spec) else {
            self.fault(
                place,
                Code::ImpossibleOperation,
                format!(
                    "KMS has no {} with a key of spec {} (`key.{key}`)",
                    operation.name(),
                    settings.spec.name()
                ),
                "name an operation that this kind of key has, or another key",
            );
            return;
        };
        let mut quotas = Vec::new();
        if let Some(store) = &settings.key_store
            && let Some(of_store) = self.scenario.key_store.get(store)
            && let Some(store_row) = catalog::custom_key_store_quota(&of_store.kind)
            && store_row.takes(operation, settings.spec)
        {
            let name = format!(
                "{}/{}/{}/{store}",
                of_store.account,
                of_store.region,
                row.code_or_id()
            );
            quotas.push(self.pool(place, name, store_row, &of_store.region));
        }
        let name = format!("{account}/{}/{}", settings.region, row.code_or_id());
        quotas.push(self.pool(place, name, row, &settings.region));
        let price_item = catalog::charged_as(operation, settings.spec);
        self.lanes.push(Lane {
            // Lanes come before their class.
            class: self.classes.len(),
            operation,
            key: index,
            account: self.accounts.insert_full(account.to_owned()).0,
            region: self.regions.insert_full(settings.region.clone()).0,
            quotas,
            source,
            price_item,
            free_tier: catalog::free_tier(price_item).is_some(),
            crosses_account: account != settings.account,
            denied: false,
            refusals: self.refusals(settings, requester),
        });
    }

    /// When KMS refuses a requester's calls on a key: first for lack of permission, then for the key's state.
    fn refusals(&self, key: &KmsKeySettings, requester: &str) -> Vec<Refusal> {
        let requester = self.scenario.requester.get(requester);
        let revoked = requester.and_then(|r| r.access_revoked_at);
        let from = |at: Option<Span>, cause| {
            at.map(|at| Refusal {
                from: at.as_ns(),
                until: u64::MAX,
                cause,
                billed: false,
            })
        };
        [
            from(revoked, Cause::NoPermission),
            from(key.pending_deletion_at, Cause::PendingDeletion),
            from(key.disabled_at, Cause::Disabled),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Adds to a lane when permissions that it needs are denied.
    fn refuse_for_a_time<'c>(&mut self, lane: usize, checks: impl Iterator<Item = &'c Check>) {
        let denied = checks.flat_map(|check| check.denied_between.iter());
        let refusals = denied.map(|range| Refusal {
            from: range.start,
            until: range.end,
            cause: Cause::NoPermission,
            billed: false,
        });
        self.lanes[lane].refusals.splice(0..0, refusals);
    }

    /// The pool called `name`: as declared, or with the catalog's limit.
    fn pool(
        &mut self,
        place: &Place,
        name: String,
        row: &'static catalog::QuotaRow,
        region: &str,
    ) -> usize {
        if let Some(i) = self.quotas.get_index_of(&name) {
            return i;
        }
        let declared = self.scenario.quota.values().find(|q| pool_name(q) == name);
        if let Some(settings) = declared {
            return self.declared_quota(settings);
        }
        let Some(limit) = row.default_limit(region) else {
            self.fault(
                place,
                Code::NoDefault,
                format!("the catalog has no `{}` quota in {region}", row.id),
                format!("write `[quota.NAME]` with `region = \"{region}\"`, `code = \"{}\"` and a `limit`", row.id),
            );
            return 0;
        };
        if let Some(why) = limit.assumed {
            self.warn(
                place,
                format!("quota `{name}` is an assumption of the catalog: {why}"),
            );
        }
        let step = Step {
            from_s: 0,
            num: limit.num,
            den: limit.den,
        };
        self.quotas
            .insert_full(
                name.clone(),
                Quota {
                    name,
                    service: Service::Kms,
                    shape: Shape::FixedWindow,
                    steps: vec![step],
                },
            )
            .0
    }

    fn declared_quota(&mut self, s: &QuotaSettings) -> usize {
        let name = pool_name(s);
        let step = |from: Span, rate: Rate| Step {
            // A change inside a second takes effect with the next.
            from_s: from.as_ns().div_ceil(crate::engine::SECOND),
            num: rate.num(),
            den: rate.den(),
        };
        let mut steps = vec![step(Span::ZERO, s.limit)];
        for change in &s.changes {
            let next = step(change.at, change.limit);
            if steps.last().is_some_and(|last| last.from_s == next.from_s) {
                steps.pop();
            }
            steps.push(next);
        }
        let shape = match s.limiter {
            LimiterSettings::FixedWindow {} => Shape::FixedWindow,
            LimiterSettings::SlidingWindow {} => Shape::SlidingWindow,
            LimiterSettings::TokenBucket { burst } => Shape::TokenBucket { burst },
        };
        self.quotas
            .insert_full(
                name.clone(),
                Quota {
                    name,
                    service: Service::Kms,
                    shape,
                    steps,
                },
            )
            .0
    }

    /// The actions of a trace's rows, added to those of the mix.
    fn row_actions(
        &mut self,
        w: usize,
        s: &'a WorkloadSettings,
        trace: &Trace,
        default: &str,
        actions: &mut Vec<Action>,
    ) -> RowActions {
        let recording = &trace.recording;
        let mut row_actions = RowActions::default();
        let mix: Vec<String> = actions.iter().map(|a| a.name.clone()).collect();
        for kind in &recording.kinds {
            let requester = kind.requester.map(|r| &recording.requesters[r as usize]);
            let who = requester.map_or(default, String::as_str);
            // A row that does not say what was asked for is drawn from the mix.
            let names = match kind.operation {
                Some(o) => vec![recording.operations[o as usize].clone()],
                None => mix.clone(),
            };
            let mut of_rows = Vec::new();
            for operation in names {
                let known = if s.bucket.is_some() {
                    operation == MULTIPART_UPLOAD || catalog::s3_operation(&operation).is_some()
                } else {
                    operation.parse::<KmsOperation>().is_ok()
                };
                if !known {
                    let kind = if s.bucket.is_some() {
                        "an S3 operation (PutObject, GetObject, …)"
                    } else {
                        "a KMS operation (Decrypt, …)"
                    };
                    self.fault(
                        &s.place,
                        Code::BadTraceRow,
                        format!("the trace's operation `{operation}` is not {kind}"),
                        "`kmsim catalog` lists the operations; rename it in the trace",
                    );
                    continue;
                }
                let name = match requester {
                    None => operation.clone(),
                    Some(_) => format!("{operation} by {who}"),
                };
                let found = actions.iter().position(|a| a.name == name);
                let index = found.unwrap_or_else(|| {
                    let requests = self.requests(w, s, &operation, who);
                    actions.push(Action {
                        name,
                        weight: 0.0,
                        requests,
                    });
                    actions.len() - 1
                });
                of_rows.push(index as u32);
            }
            row_actions.push(of_rows);
        }
        row_actions
    }

    /// Workloads must not wait for themselves, and only for what comes to an end.
    fn orders(&self) {
        for (name, s) in &self.scenario.workload {
            let (mut seen, mut at) = (vec![name.as_str()], s);
            while let Some(next) = &at.after {
                if seen.contains(&next.as_str()) {
                    self.fault(
                        &s.place,
                        Code::Contradiction,
                        format!(
                            "`workload.{name}` waits for itself: {} → {next}",
                            seen.join(" → ")
                        ),
                        "drop one `after`",
                    );
                    break;
                }
                seen.push(next);
                match self.scenario.workload.get(next) {
                    Some(w) => at = w,
                    None => break,
                }
            }
            if let Some(first) = s.after.as_ref().and_then(|n| self.scenario.workload.get(n))
                && matches!(first.arrivals, Arrivals::Open(_))
                && first.stop.is_none()
            {
                self.fault(
                    &s.place,
                    Code::Contradiction,
                    format!("`workload.{name}` comes after one that never ends before the horizon"),
                    "give that one a `stop`",
                );
            }
        }
    }

    /// Everything that can be billed must have a price: better told here than after hours.
    fn prices(&self) {
        let mut missing: IndexMap<(&str, &str), Place> = IndexMap::new();
        let mut need = |item: &'static str, region: &'a str, place: &Place| {
            let own = self.scenario.price.get(item);
            let has_own = own.is_some_and(|p| p.region.as_deref().is_none_or(|r| r == region));
            if !has_own && catalog::price(item, region).is_none() {
                missing
                    .entry((item, region))
                    .or_insert_with(|| place.clone());
            }
        };
        for class in &self.classes {
            let Some(place) = self.place_of(class.workload) else {
                continue;
            };
            for lane in &self.lanes[class.lane_range()] {
                let Some((_, key)) = self.scenario.key.get_index(lane.key) else {
                    continue;
                };
                need(lane.price_item, &key.region, place);
                if self.scenario.account.values().any(|a| a.trail_copies > 1) {
                    need("cloudtrail-copies", &key.region, place);
                }
            }
            let bucket = class.bucket.and_then(|b| self.scenario.bucket.get_index(b));
            if let (Some(item), Some((_, bucket))) = (class.tier.and_then(|t| t.item()), bucket) {
                need(item, &bucket.region, place);
                let account = self.scenario.account.get(&bucket.account);
                if account.is_some_and(|a| a.trail_data_copies > 0) {
                    need("cloudtrail-data-events", &bucket.region, place);
                }
            }
        }
        for group in self.scenario.log_group.values() {
            need("logs-ingestion", &group.region, &group.place);
        }
        for key in self.scenario.key.values() {
            if key.managed_by == ManagedBy::Customer {
                need("kms-keys", &key.region, &key.place);
            }
        }
        for ((item, region), place) in missing {
            self.faults.push(
                Diagnostic::error(
                    Code::NoDefault,
                    format!("the catalog has no price of `{item}` in {region}"),
                )
                .at(place)
                .help(format!(
                    "write `[price.{item}]` with `usd = \"…\"` and `per = …`"
                )),
            );
        }
    }

    fn fault(&self, place: &Place, code: Code, message: String, help: impl Into<String>) {
        self.faults.push(
            Diagnostic::error(code, message)
                .at(place.clone())
                .help(help),
        );
    }

    fn warn(&self, place: &Place, message: String) {
        self.faults
            .push(Diagnostic::warning(Code::NoDefault, message).at(place.clone()));
    }

    /// Where the n-th of the plan's workloads is written: those of log groups come after the file's own.
    fn place_of(&self, workload: usize) -> Option<&'a Place> {
        if let Some((_, settings)) = self.scenario.workload.get_index(workload) {
            return Some(&settings.place);
        }
        let group = self
            .log_groups
            .iter()
            .find(|g| g.workloads.contains(&workload))?;
        self.scenario.log_group.get(&group.name).map(|g| &g.place)
    }

    fn finish(mut self, name: &str) -> Plan {
        let a = &self.scenario.assumption;
        let kms = a.kms_latency.distribution();
        // One sum for each number of calls that a request can make, S3's and applications' apart.
        let with_calls = |first: Distribution, of_s3: bool| {
            let of_kind = self.classes.iter().filter(|c| c.tier.is_some() == of_s3);
            let mut sums = vec![first];
            for k in 0..of_kind.map(|c| c.lanes).max().unwrap_or(0) {
                sums.push(sums[k].plus(&kms));
            }
            sums
        };
        let s3_latency = with_calls(a.s3_latency.distribution(), true);
        let app_latency = with_calls(Distribution::constant(0), false);
        let keys: Vec<KmsKey> = self
            .scenario
            .key
            .iter()
            .map(|(name, k)| KmsKey {
                name: name.clone(),
                account: self.accounts.insert_full(k.account.clone()).0,
                region: self.regions.insert_full(k.region.clone()).0,
                charged: k.managed_by == ManagedBy::Customer,
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
        let islands = self.islands();
        let horizon_s = self.run.horizon.whole_seconds().unwrap_or(0);
        Plan {
            name: name.to_owned(),
            arrivals_id: arrivals_id(self.scenario, self.run),
            clock: LocalClock::new(&self.run.start, horizon_s),
            horizon_s,
            warm_up_s: self.run.warm_up.whole_seconds().unwrap_or(0),
            quotas: self.quotas.into_values().collect(),
            classes: self.classes,
            lanes: self.lanes,
            denials: self.denials.into_values().collect(),
            workloads: self.workloads,
            log_groups: self.log_groups,
            bucket_key_caches: self.cache_settings,
            throttled_latency: a.throttled_latency.distribution(),
            s3_latency,
            app_latency,
            kms_latency: kms,
            accounts: self.accounts.into_iter().collect(),
            regions: self.regions.into_iter().collect(),
            buckets,
            keys,
            requesters: self.requesters.into_iter().collect(),
            islands,
            counting: Counting {
                throttled_attempts_billed: a.throttled_attempts_billed,
                throttled_attempts_logged: a.throttled_attempts_logged,
                throttled_attempts_in_call_count: a.throttled_attempts_in_call_count,
            },
            prices: price_book(&self.scenario.price),
            trails: self
                .scenario
                .account
                .values()
                .map(|a| Trail {
                    copies: a.trail_copies,
                    kms_reads: a.trail_kms_events && a.trail_events != "write",
                    kms_writes: a.trail_kms_events && a.trail_events != "read",
                    data_copies: a.trail_data_copies,
                })
                .collect(),
        }
    }

    /// Groups of workloads that share a quota, a cache or an order (union–find).
    fn islands(&self) -> Vec<Vec<usize>> {
        let n = self.workloads.len();
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
            for lane in &self.lanes[class.lane_range()] {
                for &q in &lane.quotas {
                    join(&mut parent, w, *of_quota[q].get_or_insert(w));
                }
                if let Some(uses) = lane.source.bucket_keys() {
                    join(&mut parent, w, *of_cache[uses.cache].get_or_insert(w));
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
        let mut islands: IndexMap<usize, Vec<usize>> = IndexMap::new();
        for w in 0..n {
            islands.entry(root(&mut parent, w)).or_default().push(w);
        }
        islands.into_values().collect()
    }
}

fn pool_name(q: &QuotaSettings) -> String {
    match &q.store {
        Some(store) => format!("{}/{}/{}/{store}", q.account, q.region, q.code),
        None => format!("{}/{}/{}", q.account, q.region, q.code),
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
