//! One replication's counters, summed over the classes and KMS steps of a breakdown.

use super::delay::{may_be_delayed, quantile};
use super::values::{Estimates, Values};
use crate::engine::SECOND;
use crate::metrics::registry::{METRICS, place};
use crate::model::{Class, Delivery, Kind, KmsStep, Plan, Workload};
use crate::results::Metrics;
use crate::simulation::record::{Delays, KmsStepCount, Record, histogram};
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A breakdown: to which of its groups each class and KMS step belongs.
pub(super) struct Groups {
    /// Their names.
    names: Vec<String>,
    /// Classes as (group, class), in this order, each pair once.
    classes: Vec<(u32, u32)>,
    /// KMS steps as (group, KMS step), likewise.
    kms_steps: Vec<(u32, u32)>,
    /// KMS steps by the group of the other requests of their class that their denial is about, likewise.
    denials: Vec<(u32, u32)>,
}

impl Groups {
    fn new(
        names: Vec<String>,
        mut classes: Vec<(u32, u32)>,
        mut kms_steps: Vec<(u32, u32)>,
    ) -> Groups {
        for pairs in [&mut classes, &mut kms_steps] {
            pairs.sort_unstable();
            pairs.dedup();
        }
        Groups {
            names,
            classes,
            kms_steps,
            denials: Vec::new(),
        }
    }

    /// All of a variant, as one group.
    pub(super) fn whole(plan: &Plan) -> Groups {
        Groups::of_classes(vec![String::new()], plan, |_| Some(0))
    }

    /// Groups of classes, with all of their KMS steps.
    pub(super) fn of_classes(
        names: Vec<String>,
        plan: &Plan,
        of: impl Fn(&Class) -> Option<usize>,
    ) -> Groups {
        let (mut classes, mut kms_steps) = (Vec::new(), Vec::new());
        for (c, class) in plan.classes.iter().enumerate() {
            let Some(group) = of(class) else { continue };
            classes.push(pair(group, c));
            kms_steps.extend(class.kms_step_range().map(|l| pair(group, l)));
        }
        Groups::new(names, classes, kms_steps)
    }

    /// Groups of KMS steps, with the classes that have any of them.
    pub(super) fn of_kms_steps(
        names: Vec<String>,
        plan: &Plan,
        of: impl Fn(&KmsStep) -> Option<usize>,
    ) -> Groups {
        let (mut classes, mut kms_steps) = (Vec::new(), Vec::new());
        for (l, kms_step) in plan.kms_steps.iter().enumerate() {
            let Some(group) = of(kms_step) else { continue };
            kms_steps.push(pair(group, l));
            classes.push(pair(group, kms_step.class));
        }
        Groups::new(names, classes, kms_steps)
    }

    /// The groups of a scenario: classes of their buckets, workloads and requesters with all of their KMS steps, and the
    /// KMS steps on their keys, each once.
    pub(super) fn of_plan(plan: &Plan) -> Groups {
        let names = plan.groups.iter().map(|group| group.name.clone());
        let (mut classes, mut kms_steps) = (Vec::new(), Vec::new());
        for (g, group) in plan.groups.iter().enumerate() {
            let has = |all: &[usize], len: usize| {
                let mut has = vec![false; len];
                all.iter().for_each(|&i| has[i] = true);
                has
            };
            let buckets = has(&group.buckets, plan.buckets.len());
            let keys = has(&group.keys, plan.keys.len());
            let workloads = has(&group.workloads, plan.workloads.len());
            let requesters = has(&group.requesters, plan.requesters.len());
            for (c, class) in plan.classes.iter().enumerate() {
                let whole = workloads[class.workload]
                    || requesters[class.requester]
                    || class.bucket.is_some_and(|b| buckets[b]);
                if whole {
                    classes.push(pair(g, c));
                }
                for l in class.kms_step_range() {
                    if whole || keys[plan.kms_steps[l].key] {
                        kms_steps.push(pair(g, l));
                        classes.push(pair(g, c));
                    }
                }
            }
        }
        Groups::new(names.collect(), classes, kms_steps)
    }

    /// What is denied, by what denies it: classes with all of their KMS steps, and the requests of other classes that a
    /// KMS step of theirs ends.
    pub(super) fn of_denials(plan: &Plan) -> Groups {
        let names: BTreeSet<&str> = plan.denials.iter().map(|d| d.name.as_str()).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let group = |denial: usize| names.binary_search(&plan.denials[denial].name).ok();
        let group: Vec<Option<usize>> = (0..plan.denials.len()).map(group).collect();
        let of = |denial: Option<usize>| group[denial?];
        let mut denials: Vec<(u32, u32)> = Vec::new();
        for (l, kms_step) in plan.kms_steps.iter().enumerate() {
            denials.extend(of(kms_step.denial).map(|group| pair(group, l)));
        }
        denials.sort_unstable();
        let groups = Groups::of_classes(names.clone(), plan, |class| of(class.denial));
        let kms_steps = [groups.kms_steps, denials.clone()].concat();
        Groups {
            denials,
            ..Groups::new(names, groups.classes, kms_steps)
        }
    }

    /// Metrics of each group, by name.
    pub(super) fn metrics(mut self, plan: &Plan, records: &[Record]) -> IndexMap<String, Metrics> {
        let names = std::mem::take(&mut self.names);
        let mut estimates = Estimates::new(|m| m.scope.has_breakdown());
        let mut members = self.by_group();
        // One after another: what is in between takes more room than what comes out.
        let of = |(group, name): (usize, String)| {
            let members = members.next(group);
            let values = records.iter().map(|record| members.tally(plan, record));
            let values: Vec<Values> = values.collect();
            (name, estimates.of(&values))
        };
        names.into_iter().enumerate().map(of).collect()
    }

    /// One replication's values of all of a variant; a metric without data is left out.
    pub(super) fn tally_whole(&self, plan: &Plan, record: &Record) -> Values {
        self.by_group().next(0).tally(plan, record)
    }

    fn by_group(&self) -> MembersByGroup<'_> {
        MembersByGroup {
            classes: &self.classes,
            kms_steps: &self.kms_steps,
            denials: &self.denials,
        }
    }
}

/// Positions are kept in four bytes: there may be a million groups.
fn pair(group: usize, member: usize) -> (u32, u32) {
    (group as u32, member as u32)
}

/// What belongs to groups from some group on.
struct MembersByGroup<'g> {
    classes: &'g [(u32, u32)],
    kms_steps: &'g [(u32, u32)],
    denials: &'g [(u32, u32)],
}

impl<'g> MembersByGroup<'g> {
    /// What belongs to a group; groups are asked for in order.
    fn next(&mut self, group: usize) -> GroupMembers<'g> {
        let first = |pairs: &mut &'g [(u32, u32)]| {
            let end = pairs.partition_point(|pair| pair.0 as usize <= group);
            let (own, rest) = pairs.split_at(end);
            *pairs = rest;
            own
        };
        GroupMembers {
            classes: first(&mut self.classes),
            kms_steps: first(&mut self.kms_steps),
            denials: first(&mut self.denials),
        }
    }
}

/// What belongs to one group.
struct GroupMembers<'g> {
    classes: &'g [(u32, u32)],
    kms_steps: &'g [(u32, u32)],
    denials: &'g [(u32, u32)],
}

impl GroupMembers<'_> {
    /// One replication's values; a metric without data is left out.
    fn tally(&self, plan: &Plan, record: &Record) -> Values {
        let mut tally = GroupTally::new();
        for &(_, c) in self.classes {
            tally.class(plan, record, c as usize);
        }
        for &(group, l) in self.kms_steps {
            tally.kms_step(plan, record, l as usize);
            if self.denials.binary_search(&(group, l)).is_ok() {
                tally.denied_step(plan, record, l as usize);
            }
        }
        tally.values()
    }
}

/// How many requests of a class an upload of a workload sends: what is called otherwise than each of its requests.
fn requests_of_upload(plan: &Plan, workload: &Workload, class: usize) -> Option<u64> {
    let operation = &plan.classes[class].operation;
    let uploads = workload.actions.iter().filter(|a| a.name != *operation);
    let mut kinds = uploads.flat_map(|a| &a.requests);
    kinds.find_map(|&(c, n)| (c == class).then_some(u64::from(n)))
}

/// Where nothing was counted yet: a metric that counts is 0 without any event.
static ZEROS: LazyLock<[Option<u64>; METRICS.len()]> = LazyLock::new(|| {
    let mut zeros = [None; METRICS.len()];
    let all = METRICS.iter().zip(&mut zeros);
    all.for_each(|(m, zero)| *zero = m.is_count().then_some(0));
    zeros
});

/// What a group's classes and KMS steps counted.
struct GroupTally<'r> {
    /// By place in the registry; `None` where nothing of the kind can be counted.
    counts: [Option<u64>; METRICS.len()],
    delays: Vec<&'r Delays>,
    /// Requests that may have been delayed, and ended well.
    with_need: u64,
    /// Its jobs' longest run \[ns\]: `Some(None)` where one is unfinished.
    job: Option<Option<u64>>,
}

impl<'r> GroupTally<'r> {
    fn new() -> GroupTally<'r> {
        GroupTally {
            counts: *ZEROS,
            delays: Vec::new(),
            with_need: 0,
            job: None,
        }
    }

    /// Adds to the count of a metric, by its place.
    fn add(&mut self, place: usize, n: u64) {
        *self.counts[place].get_or_insert(0) += n;
    }

    fn class(&mut self, plan: &Plan, record: &'r Record, c: usize) {
        let (class, n) = (&plan.classes[c], &record.classes[c]);
        // The simulation follows a denied request to its answer like any other: that answer is 403.
        let (succeeded, denied) = match class.denial {
            None => (n.succeeded, 0),
            Some(_) => (0, n.succeeded),
        };
        if class.tier.is_some() {
            self.add(const { place("s3_requests") }, n.requests);
            self.add(const { place("s3_requests_succeeded") }, succeeded);
            self.add(const { place("s3_requests_denied") }, denied + n.denied);
            self.add(const { place("s3_requests_failed") }, n.failed);
        } else {
            self.add(const { place("app_requests") }, n.requests);
            self.add(const { place("app_requests_denied") }, denied + n.denied);
            self.add(const { place("app_requests_failed") }, n.failed);
        }
        if let Some(call) = class
            .denial
            .and_then(|d| plan.denials[d].call_without_quota)
        {
            self.add(const { place("cloudtrail_kms_events") }, denied);
            let copies = copies(plan.denial_deliveries(&call));
            self.add(const { place("cloudtrail_kms_copies") }, denied * copies);
        }
        if class.request_rate.is_some() {
            self.add(const { place("s3_attempts") }, n.tries);
            self.add(const { place("s3_throttled") }, n.tries_throttled);
        }
        let data_copies = copies(plan.data_deliveries(class));
        self.add(
            const { place("cloudtrail_data_events") },
            n.requests * data_copies,
        );
        if may_be_delayed(class) {
            self.with_need += n.succeeded;
            self.delays
                .extend(Some(&record.delays[c]).filter(|d| !d.is_empty()));
        }
        let workload = &plan.workloads[class.workload];
        let (propagates, is_job) = match workload.kind {
            Kind::Job { on_failure, .. } => (!on_failure.is_nothing(), true),
            Kind::Open { .. } | Kind::Trace { .. } => (workload.fails_uploads, false),
        };
        if propagates {
            self.add(const { place("requests_not_sent") }, n.not_sent);
            self.add(const { place("objects_failed") }, n.objects_failed);
            if is_job {
                self.add(const { place("job_runs_failed") }, n.runs_failed);
            } else {
                let each = requests_of_upload(plan, workload, c).unwrap_or(u64::MAX);
                self.add(const { place("objects_failed") }, denied / each);
            }
        }
        if let Some(run) = record.jobs[class.workload] {
            let longest = self.job.unwrap_or(Some(0));
            self.job = Some(longest.zip(run).map(|(longest, run)| longest.max(run)));
        }
    }

    fn kms_step(&mut self, plan: &Plan, record: &Record, l: usize) {
        let (kms_step, n) = (&plan.kms_steps[l], &record.kms_steps[l]);
        if !kms_step.is_only_logged() {
            self.add(const { place("kms_needs") }, n.needs);
            if n.met > 0 {
                self.add(place(kms_step.source.metric()), n.met);
            }
            self.add(const { place("kms_calls") }, n.calls);
            self.add(const { place("kms_attempts") }, n.attempts);
            self.add(const { place("kms_admitted") }, n.admitted());
            self.add(const { place("kms_throttled") }, n.throttled());
            self.add(const { place("kms_retries") }, n.attempts - n.calls);
        }
        for account in plan.loggers(kms_step) {
            let events = events(plan, kms_step, n, account);
            self.add(const { place("cloudtrail_kms_events") }, events);
            let copies = copies(plan.kms_deliveries(kms_step, account));
            self.add(const { place("cloudtrail_kms_copies") }, events * copies);
        }
    }

    /// The requests that a KMS step ends, of a class that is not denied as a whole.
    fn denied_step(&mut self, plan: &Plan, record: &Record, l: usize) {
        let (kms_step, n) = (&plan.kms_steps[l], &record.kms_steps[l]);
        let of_s3 = plan.classes[kms_step.class].tier.is_some();
        let [requests, denied] = match of_s3 {
            true => const { [place("s3_requests"), place("s3_requests_denied")] },
            false => const { [place("app_requests"), place("app_requests_denied")] },
        };
        self.add(requests, n.denied);
        self.add(denied, n.denied);
    }

    /// Quantiles of the delays of all requests that may have been delayed; most often none was.
    fn delay_quantiles<const N: usize>(&self, shares: [f64; N]) -> [u64; N] {
        if self.delays.is_empty() {
            return [0; N];
        }
        let mut delayed = histogram();
        self.delays.iter().for_each(|d| d.add_to(&mut delayed));
        shares.map(|q| quantile(&delayed, self.with_need, q))
    }

    fn values(self) -> Values {
        let mut values = Values::default();
        for (place, count) in self.counts.iter().enumerate() {
            *values.at(place) = count.map(|n| n as f64);
        }
        let count = |place: usize| self.counts[place].unwrap_or(0);
        let (attempts, throttled) = const { (place("kms_attempts"), place("kms_throttled")) };
        if count(attempts) > 0 {
            *values.at(const { place("throttle_rate") }) =
                Some(count(throttled) as f64 / count(attempts) as f64);
        }
        let (attempts, throttled) = const { (place("s3_attempts"), place("s3_throttled")) };
        if count(attempts) > 0 {
            *values.at(const { place("s3_throttle_rate") }) =
                Some(count(throttled) as f64 / count(attempts) as f64);
        }
        if self.with_need > 0 {
            let delays = self.delays.iter();
            let longest = delays.map(|d| d.longest()).max().unwrap_or(0);
            let [p50, p99] = self.delay_quantiles([0.5, 0.99]);
            let seconds = |ns: u64| ns as f64 / SECOND as f64;
            values.insert("added_delay_s_p50", seconds(p50.min(longest)));
            values.insert("added_delay_s_p99", seconds(p99.min(longest)));
            values.insert("added_delay_s_max", seconds(longest));
        }
        if let Some(longest) = self.job.flatten() {
            values.insert("job_completion_s", longest as f64 / SECOND as f64);
        }
        values
    }
}

/// Copies that are delivered.
fn copies(deliveries: impl Iterator<Item = Delivery>) -> u64 {
    deliveries.map(|d| d.copies).sum()
}

/// KMS events of a KMS step's attempts in an account that logs them; the key's owner hears of none that was denied.
pub(super) fn events(plan: &Plan, kms_step: &KmsStep, n: &KmsStepCount, account: usize) -> u64 {
    let all = if plan.counting.throttled_attempts_logged {
        n.attempts
    } else {
        n.admitted()
    };
    if account == kms_step.account {
        all
    } else {
        all - n.denied
    }
}
