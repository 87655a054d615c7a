//! Log groups of CloudWatch Logs under a KMS key: workloads of their own that call KMS for their data keys.
//!
//! One takes a data key for each log stream and lifetime of a data key, the other decrypts the data keys that the
//! log events of each query are under. Neither begins before the association is in effect.

use super::super::access::{association_error, logs_service};
use super::super::log_group::LogGroupSettings;
use super::builder::PlanBuilder;
use crate::catalog::KmsOperation;
use crate::engine::SECOND;
use crate::input::diagnostic::{Code, Diagnostic};
use crate::model::arrivals::OpenArrivals;
use crate::model::arrivals::constant::Constant;
use crate::model::arrivals::poisson::Poisson;
use crate::model::retry::{AnswerForm, Service};
use crate::model::{self, Association, Popularity, Size};
use crate::model::{Action, Class, Kind, Source, Workload};
use crate::units::{Rate, Span};

/// What the workloads of a log group are called: those of ingestion and of queries.
pub(super) fn workload_names(log_group: &str) -> [String; 2] {
    ["ingestion", "queries"].map(|what| format!("log_group.{log_group}.{what}"))
}

impl PlanBuilder<'_> {
    pub(super) fn log_group(&mut self, name: &str, group: &LogGroupSettings) {
        let first = self.workloads.len();
        let association = self.association(name, group);
        let mut refusals = Vec::new();
        if let Association::InEffect { from } = association {
            let start = from.div_ceil(SECOND);
            let lifetime = self.scenario.assumption.log_stream_data_key_lifetime;
            let lifetime_s = lifetime.whole_seconds().unwrap_or(1).max(1);
            let rate = Rate::new(u64::from(group.log_streams), lifetime_s).unwrap_or(Rate::ZERO);
            let ingestion = OpenArrivals::Constant(Constant { rate });
            let operation = KmsOperation::GenerateDataKey;
            self.log_group_workload((name, group), operation, 1, (ingestion, start));
            let classes = self.classes.last().into_iter();
            let kms_steps = classes.flat_map(|c| &self.kms_steps[c.kms_step_range()]);
            refusals = kms_steps
                .flat_map(|kms_step| kms_step.refusals.clone())
                .collect();
            if let Some(rate) = group.queries {
                let queries = OpenArrivals::Poisson(Poisson { rate });
                let (operation, n) = (KmsOperation::Decrypt, group.data_keys_per_query);
                self.log_group_workload((name, group), operation, n, (queries, start));
            }
        }
        let account = self.accounts.insert_full(group.account.clone()).0;
        let region = self.regions.insert_full(group.region.clone()).0;
        self.log_groups.push(model::LogGroup {
            name: name.to_owned(),
            account,
            region,
            bytes_per_second: group.incoming_bytes_per_second.get(),
            association,
            refusals,
            workloads: first..self.workloads.len(),
        });
    }

    /// Whether the key is associated, and from when on; a warning where AWS refuses it.
    fn association(&self, name: &str, group: &LogGroupSettings) -> Association {
        let at = group.associated_at.as_ns();
        let Some(key) = self.scenario.key.get(&group.key) else {
            return Association::Refused { exists: false };
        };
        let checks = self.access.log_group(name, group);
        let lacking = checks.iter().filter(|check| {
            check.refusal.is_some() || check.denied_between.iter().any(|r| r.contains(&at))
        });
        let mut lacking: Vec<&str> = lacking.map(|c| c.request.action.as_str()).collect();
        lacking.dedup();
        let unusable = [key.disabled_at, key.pending_deletion_at]
            .into_iter()
            .flatten()
            .any(|from| from.as_ns() <= at);
        if lacking.is_empty() && !unusable {
            let delay = self.scenario.assumption.log_group_association_delay.as_ns();
            let from = if at == 0 { 0 } else { at.saturating_add(delay) };
            return Association::InEffect { from };
        }
        let call = if at == 0 {
            "CreateLogGroup"
        } else {
            "AssociateKmsKey"
        };
        let (message, help) = if lacking.is_empty() {
            (
                format!(
                    "{call} of log group `{name}` fails with InvalidParameterException: `key.{}` cannot be used at {}",
                    group.key,
                    Span::from_ns(at)
                ),
                "associate the key before it is disabled or its deletion is scheduled".to_owned(),
            )
        } else {
            let policy = key.policy_changes.iter().rfind(|c| c.at.as_ns() <= at);
            let policy = policy.map(|c| &c.policy).or(key.policy.as_ref());
            let add = match policy {
                Some(policy) => format!("add to `Statement` of {}", policy.file),
                None => format!(
                    "the default key policy lets no service in: give `key.{}` a `policy` that has, besides that of the account,",
                    group.key
                ),
            };
            (
                format!(
                    "{call} of log group `{name}` fails with {}, because `key.{}` does not allow {} to call {}",
                    association_error(&self.access.log_group_arn(name, group).to_string()),
                    group.key,
                    logs_service(&group.region),
                    lacking.join(", ")
                ),
                format!("{add} {}", self.access.log_group_statement(name, group)),
            )
        };
        let diagnostic = Diagnostic::warning(Code::BadPolicy, message);
        self.faults
            .push(diagnostic.at(group.place.clone()).help(help));
        Association::Refused { exists: at > 0 }
    }

    /// A workload of CloudWatch Logs: `n` calls of an operation at each arrival.
    fn log_group_workload(
        &mut self,
        (name, group): (&str, &LogGroupSettings),
        operation: KmsOperation,
        n: u32,
        (arrivals, start): (OpenArrivals, u64),
    ) {
        let service = logs_service(&group.region);
        let [ingestion, queries] = workload_names(name);
        let workload = if operation == KmsOperation::Decrypt {
            queries
        } else {
            ingestion
        };
        if self.scenario.workload.contains_key(&workload) {
            let message = format!("a workload is called `{workload}`, like that of the log group");
            let diagnostic = Diagnostic::error(Code::DuplicateName, message);
            self.faults.push(
                diagnostic
                    .at(group.place.clone())
                    .help("rename one of them"),
            );
        }
        let first_kms_step = self.kms_steps.len();
        let kind = self.access.log_group_request(name, group, operation);
        for (i, call) in kind.calls.iter().enumerate() {
            self.kms_step(&group.place, (i, call), &kind.caller, Source::Call);
        }
        for kms_step in first_kms_step..self.kms_steps.len() {
            self.refuse_for_a_time(kms_step, kind.checks.iter());
        }
        self.classes.push(Class {
            workload: self.workloads.len(),
            operation: operation.name().to_owned(),
            bucket: None,
            requester: self.requesters.insert_full(service).0,
            tier: None,
            by_service: false,
            storage_class: None,
            price_item: None,
            first_kms_step,
            kms_steps: self.kms_steps.len() - first_kms_step,
            needs: self.kms_steps.len() - first_kms_step,
            denial: None,
            request_rate: None,
            answer: AnswerForm::WithCode,
        });
        self.workloads.push(Workload {
            name: workload,
            kind: Kind::Open {
                arrivals,
                start,
                stop: self.run.horizon.whole_seconds().unwrap_or(0),
            },
            actions: vec![Action {
                name: operation.name().to_owned(),
                weight: 1.0,
                requests: vec![(self.classes.len() - 1, n)],
            }],
            fails_uploads: false,
            clients: group.log_streams,
            retry: self
                .scenario
                .retry
                .policy(Service::Kms, self.scenario.assumption.retry_after),
            client_lifetime: None,
            after: None,
            popularity: Popularity::Uniform {
                objects: u64::from(group.log_streams),
            },
            reads: None,
            is_read: false,
            size: Size::Unknown,
            client_cache: None,
        });
    }
}
