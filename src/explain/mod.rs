//! One request through the chain: what is asked of it, who lets it in, which KMS calls it makes, what can meet
//! them without a call, which quotas they draw on, what it is answered and what CloudTrail shows.
//!
//! ```text
//! Variant (as written, as planned) ──explain──► Explanation ──text──► for people
//!                                                   └─ serde ──────► JSON
//! ```
//!
//! Nothing is simulated: this is how a request of its kind goes when no quota is used up.

mod text;

use crate::access::arn::Arn;
use crate::access::decision::Matched;
use crate::access::principal::Meant;
use crate::access::{Decision, Effect, Kind, Outcome, Principal};
use crate::catalog::{self, KmsOperation, S3Tier};
use crate::cloudtrail::{self, Answer, call_of};
use crate::engine::limiter::Limiter;
use crate::engine::random::Key;
use crate::model::{self, Association, BucketKeyUse, Cause, Class, Lane, Refusal, Source};
use crate::scenario::MULTIPART_UPLOAD;
use crate::scenario::Variant;
use crate::scenario::access::{Access, Check, NO_TLS, REQUESTER, association_error, logs_service};
use crate::scenario::bucket::Encryption;
use crate::scenario::log_group::LogGroupSettings;
use crate::scenario::workload::WorkloadSettings;
use crate::units::Span;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

pub use text::text;

/// A request and what becomes of it.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Variant.
    pub variant: String,
    /// Workload that sends it.
    pub workload: String,
    /// S3 or KMS operation.
    pub operation: String,
    /// Who sends it.
    pub principal: String,
    /// What it is for: the ARN of the object, bucket or key.
    pub resource: String,
    /// `TLS 1.3`, `HTTP`.
    pub transport: String,
    /// Encryption in force, one for each side that needs KMS or is written.
    pub encryption: Vec<EncryptionInForce>,
    /// Permissions that were asked for, in order, up to the first refusal.
    pub permissions: Vec<Permission>,
    /// `allow`, `explicit deny`, `implicit deny`, or `refused by S3`.
    pub decision: String,
    /// What it is counted under in `by_statement` if it is refused.
    pub denied_by: Option<String>,
    /// What is missing or denies it, in a sentence.
    pub reason: Option<String>,
    /// S3's request rate that it draws on, where that is limited.
    pub s3_request_rate: Option<QuotaDrawnOn>,
    /// KMS calls, in order.
    pub kms_calls: Vec<KmsCall>,
    /// What the client gets.
    pub answer: String,
    /// How S3 bills it: `s3-tier1`, `s3-tier2`, `free`, `not billed`; `None` for applications.
    pub billed_as: Option<String>,
    /// A record of each event that CloudTrail logs of KMS.
    pub cloudtrail: Vec<Value>,
}

/// How an object is encrypted.
#[derive(Clone, Debug, Serialize)]
pub struct EncryptionInForce {
    /// Bucket of the object.
    pub bucket: String,
    /// `SSE-KMS`, …
    pub encryption: Encryption,
    /// ARN of the KMS key.
    pub kms_key: Option<String>,
    /// `header` or `bucket default`.
    pub because_of: &'static str,
}

/// A permission that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Permission {
    /// `kms:Decrypt`.
    pub action: String,
    /// ARN.
    pub resource: String,
    /// `allow`, `explicit deny`, `implicit deny`.
    pub outcome: String,
    /// Whether caller and owner are different accounts.
    pub crosses_account: bool,
    /// What the policies of each kind say: `allows`, `allows the account`, `silent`, `denies`; those that do not
    /// exist are left out.
    pub policies: IndexMap<&'static str, &'static str>,
    /// Statements that have to do with it.
    pub statements: Vec<StatementMatched>,
}

/// A statement that has to do with a request.
#[derive(Clone, Debug, Serialize)]
pub struct StatementMatched {
    /// `Allow` or `Deny`.
    pub effect: &'static str,
    /// `bucket policy`, …
    pub kind: &'static str,
    /// Its file, `default` where the scenario has none.
    pub policy: String,
    /// `Sid`, or its number.
    pub statement: String,
    /// How it means the principal: `by name`, `by its role`, `by its account`, `as anyone`.
    pub principal: &'static str,
}

/// A KMS call.
#[derive(Clone, Debug, Serialize)]
pub struct KmsCall {
    /// `Decrypt`.
    pub operation: String,
    /// ARN of the key.
    pub kms_key: String,
    /// Account that is charged: in quota and bill.
    pub account: String,
    /// What could serve it without a call; `None`: nothing.
    pub cache: Option<String>,
    /// Quotas it draws on.
    pub quotas: Vec<QuotaDrawnOn>,
    /// `success`, `AccessDeniedException`.
    pub answer: &'static str,
    /// When it is answered otherwise.
    pub refusals: Vec<RefusedCall>,
}

/// A time in which KMS refuses a call; what a cache still holds goes on.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedCall {
    /// From when on in the run.
    pub from: Span,
    /// Until when, `None`: for good.
    pub until: Option<Span>,
    /// KMS's error.
    pub answer: &'static str,
    /// What the client gets.
    pub client_gets: String,
}

/// A quota that a call draws on, or a request rate of S3.
#[derive(Clone, Debug, Serialize)]
pub struct QuotaDrawnOn {
    /// `account/region/quota-code[/store]`, `account/region/s3-reads/bucket[/workload]`.
    pub name: String,
    /// Limit at t = 0 \[1/s\].
    pub per_second: f64,
    /// Other workloads that draw on it.
    pub shared_with: Vec<String>,
}

/// Explains the requests of a variant: of one workload and operation, or of all where they are not given. A
/// multipart upload is explained request by request.
pub fn explain(
    variant: &Variant,
    workload: Option<&str>,
    operation: Option<&str>,
) -> Vec<Explanation> {
    let explainer = Explainer {
        variant,
        access: Access::new(&variant.scenario),
    };
    let mut all = Vec::new();
    for (w, (name, settings)) in variant.scenario.workload.iter().enumerate() {
        if workload.is_some_and(|only| only != name) {
            continue;
        }
        for action in &variant.plan.workloads[w].actions {
            for &(class, _) in &action.requests {
                let class = &variant.plan.classes[class];
                let of_action =
                    operation.is_none_or(|only| only == class.operation || only == action.name);
                if of_action {
                    all.push(explainer.explain(name, settings, class));
                }
            }
        }
    }
    for (g, (name, settings)) in variant.scenario.log_group.iter().enumerate() {
        let path = format!("log_group.{name}");
        if workload.is_none_or(|only| only == path) {
            let of_group =
                explainer.log_group(&path, (name, settings), &variant.plan.log_groups[g]);
            all.extend(
                of_group
                    .into_iter()
                    .filter(|e| operation.is_none_or(|o| o == e.operation)),
            );
        }
    }
    all
}

struct Explainer<'a> {
    variant: &'a Variant,
    access: Access<'a>,
}

impl Explainer<'_> {
    fn explain(&self, workload: &str, s: &WorkloadSettings, class: &Class) -> Explanation {
        let plan = &self.variant.plan;
        let requester = plan
            .requesters
            .get(class.requester)
            .map_or(REQUESTER, String::as_str);
        let checks = self.access.checks(s, &class.operation, requester);
        let denial = class.denial.map(|d| &plan.denials[d]);
        let refused = checks.last().filter(|check| check.refusal.is_some());
        let decision = match (refused, denial) {
            (Some(check), _) => check.decision.outcome.to_string(),
            (None, Some(_)) => "refused by S3".to_owned(),
            (None, None) => Outcome::Allow.to_string(),
        };
        let reason = match (refused, denial) {
            (Some(check), _) => Some(reason(check)),
            (None, Some(denial)) => Some(denial.name.clone()),
            (None, None) => None,
        };
        let kms_calls = self.calls(Some(s), class);
        let (principal, resource) = self.who_and_what(s, class, &checks);
        Explanation {
            variant: plan.name.clone(),
            workload: workload.to_owned(),
            operation: class.operation.clone(),
            cloudtrail: self.events(class, &checks, &principal),
            principal: principal.to_string(),
            resource,
            transport: match (&s.bucket, &s.tls) {
                (Some(_), None) => "HTTP".to_owned(),
                (Some(_), Some(version)) => format!("TLS {version}"),
                (None, _) => "TLS".to_owned(),
            },
            encryption: self.encryption(s, class),
            permissions: checks.iter().map(permission).collect(),
            decision,
            denied_by: denial.map(|d| d.name.clone()),
            reason,
            answer: answer(class, refused, denial.is_some_and(|d| d.name == NO_TLS)).to_owned(),
            billed_as: class
                .tier
                .map(|tier| billed_as(tier, denial.is_none_or(|d| d.billed)).to_owned()),
            s3_request_rate: class.request_rate.map(|q| self.quota(q, class.workload)),
            kms_calls,
        }
    }

    fn who_and_what(
        &self,
        s: &WorkloadSettings,
        class: &Class,
        checks: &[Check],
    ) -> (Principal, String) {
        // Operations that no policy is asked about have no ARN.
        if let Some(check) = checks.iter().rfind(|c| c.need.is_none()).or(checks.first()) {
            return (
                check.request.principal.clone(),
                check.request.resource.to_string(),
            );
        }
        let what = s.key.clone().or(s.bucket.clone()).unwrap_or_default();
        let principal = cloudtrail::principal(&self.access, self.variant, class, checks);
        (principal, what)
    }

    fn encryption(&self, s: &WorkloadSettings, class: &Class) -> Vec<EncryptionInForce> {
        let Some(row) = catalog::s3_operation(&class.operation) else {
            return Vec::new();
        };
        let mut sides: Vec<EncryptionInForce> = Vec::new();
        let needs = row.needs.iter().map(|need| need.on);
        for side in needs {
            let in_force = self.access.in_force(s, row, side);
            let (Some(in_force), Some((bucket, _))) = (in_force, self.access.bucket_of(s, side))
            else {
                continue;
            };
            let key = in_force.key.and_then(|k| self.variant.scenario.key.get(k));
            let found = EncryptionInForce {
                bucket: bucket.to_owned(),
                encryption: in_force.encryption,
                kms_key: key.map(|k| self.access.key_arn(k).to_string()),
                because_of: if in_force.by_header {
                    "header"
                } else {
                    "bucket default"
                },
            };
            let is_told = sides
                .iter()
                .any(|e| e.bucket == found.bucket && e.kms_key == found.kms_key);
            if !is_told {
                sides.push(found);
            }
        }
        sides
    }

    /// A log group: the association of its key, and the calls that its log streams and its queries make.
    fn log_group(
        &self,
        path: &str,
        (name, settings): (&str, &LogGroupSettings),
        group: &model::LogGroup,
    ) -> Vec<Explanation> {
        let plan = &self.variant.plan;
        let checks = self.access.log_group(name, settings);
        let at = settings.associated_at.as_ns();
        let lacks = |c: &&Check| {
            c.refusal.is_some() || c.denied_between.iter().any(|range| range.contains(&at))
        };
        let refused = checks.iter().find(lacks);
        let arn = self.access.log_group_arn(name, settings).to_string();
        let key = self.variant.scenario.key.get(&settings.key);
        let explanation = |operation: &str, checks: &[Check]| Explanation {
            variant: plan.name.clone(),
            workload: path.to_owned(),
            operation: operation.to_owned(),
            principal: logs_service(&settings.region),
            resource: arn.clone(),
            transport: "TLS".to_owned(),
            encryption: Vec::new(),
            permissions: checks.iter().map(permission).collect(),
            decision: Outcome::Allow.to_string(),
            denied_by: None,
            reason: None,
            s3_request_rate: None,
            kms_calls: Vec::new(),
            answer: "200 OK".to_owned(),
            billed_as: None,
            cloudtrail: Vec::new(),
        };
        let call = if at == 0 {
            "CreateLogGroup"
        } else {
            "AssociateKmsKey"
        };
        let mut association = explanation(call, &checks);
        match (group.association, refused) {
            (Association::InEffect { from }, _) => {
                let key = key.map(|k| self.access.key_arn(k).to_string());
                association.answer = format!(
                    "200 OK: log events from {} on are under {}, earlier ones stay as they are",
                    Span::from_ns(from),
                    key.unwrap_or_default()
                );
            }
            (Association::Refused { .. }, Some(check)) => {
                association.decision = Outcome::ImplicitDeny.to_string();
                association.denied_by = check.refusal.clone();
                let why = match check.refusal {
                    Some(_) => reason(check),
                    None => format!(
                        "the policy of key {} then in force does not let {} {}",
                        settings.key,
                        logs_service(&settings.region),
                        check.request.action
                    ),
                };
                association.reason = Some(format!(
                    "{why}; it takes the statement {}",
                    self.access.log_group_statement(name, settings)
                ));
                association.answer = format!("400 {}", association_error(&arn));
            }
            (Association::Refused { .. }, None) => {
                association.decision = "refused by CloudWatch Logs".to_owned();
                association.reason = Some(format!("key {} cannot be used", settings.key));
                association.answer = "400 InvalidParameterException".to_owned();
            }
        }
        let classes = plan.classes.iter();
        let classes = classes.filter(|c| group.workloads.contains(&c.workload));
        let calls = classes.map(|class| {
            let checks = cloudtrail::checks(&self.access, self.variant, class);
            let mut e = explanation(&class.operation, &checks);
            let principal = cloudtrail::principal(&self.access, self.variant, class, &checks);
            e.kms_calls = self.calls(None, class);
            e.cloudtrail = self.events(class, &checks, &principal);
            e
        });
        std::iter::once(association).chain(calls).collect()
    }

    fn key_arn(&self, lane: &Lane) -> Option<Arn> {
        let key = self.variant.scenario.key.get_index(lane.key)?.1;
        Some(self.access.key_arn(key))
    }

    /// The KMS calls of a class of a workload, or of a log group.
    fn calls(&self, s: Option<&WorkloadSettings>, class: &Class) -> Vec<KmsCall> {
        let plan = &self.variant.plan;
        let refused = |r: &Refusal| RefusedCall {
            from: Span::from_ns(r.from),
            until: (r.until < u64::MAX).then(|| Span::from_ns(r.until)),
            answer: r.cause.kms_error(),
            client_gets: match (class.tier, s) {
                (Some(_), _) => r.cause.s3_answer().to_owned(),
                (None, Some(_)) => format!("400 {}", r.cause.kms_error()),
                (None, None) if class.operation == KmsOperation::Decrypt.name() => {
                    "no log events: the query fails".to_owned()
                }
                (None, None) => "nothing: log events are lost".to_owned(),
            },
        };
        let call = |lane: &Lane| KmsCall {
            operation: lane.operation.name().to_owned(),
            kms_key: self
                .key_arn(lane)
                .map(|arn| arn.to_string())
                .unwrap_or_default(),
            account: plan.accounts[lane.account].clone(),
            cache: match s {
                Some(s) => self.cache(s, &lane.source),
                None if lane.operation == KmsOperation::GenerateDataKey => {
                    let lifetime = self
                        .variant
                        .scenario
                        .assumption
                        .log_stream_data_key_lifetime;
                    Some(format!("the log stream's data key, for {lifetime}"))
                }
                None => None,
            },
            quotas: lane
                .quotas
                .iter()
                .map(|&q| self.quota(q, class.workload))
                .collect(),
            answer: match lane.refused_at(0) {
                _ if lane.denied => Cause::NoPermission.kms_error(),
                Some(cause) => cause.kms_error(),
                None => "success",
            },
            refusals: lane.refusals.iter().map(refused).collect(),
        };
        self.variant.plan.lanes_of(class).iter().map(call).collect()
    }

    fn cache(&self, s: &WorkloadSettings, source: &Source) -> Option<String> {
        let plan = &self.variant.plan;
        let keys = |uses: &BucketKeyUse| {
            let settings = &plan.bucket_key_caches[uses.cache];
            let lifetime = Span::from_ns(settings.lifetime);
            let since = match uses.since {
                0 => String::new(),
                since => format!(", from {} on", Span::from_ns(since)),
            };
            let after = if settings.sliding { "use" } else { "call" };
            format!(
                "for {lifetime} after a {after}, in each of {} partitions{since}",
                settings.fanout
            )
        };
        match source {
            Source::Call => None,
            Source::BucketKeyWrite(uses) => Some(format!("a bucket key, {}", keys(uses))),
            Source::BucketKeyRead(uses) => Some(format!(
                "the bucket key that the object was written under, {}{}",
                keys(uses),
                if uses.older_objects > 0.0 {
                    "; objects from before have none"
                } else {
                    ""
                }
            )),
            Source::BucketKeyVerified(uses) => Some(format!(
                "a bucket key that a Decrypt has verified, {}",
                keys(uses)
            )),
            Source::CacheEncrypt | Source::CacheDecrypt { .. } => {
                s.data_key_cache.as_ref().map(|c| {
                    format!(
                        "the client's data-key cache, entries up to {} old",
                        c.max_age
                    )
                })
            }
            Source::BranchKey => s
                .branch_key_cache
                .as_ref()
                .map(|c| format!("the client's branch-key cache, entries up to {} old", c.ttl)),
        }
    }

    fn quota(&self, q: usize, workload: usize) -> QuotaDrawnOn {
        let plan = &self.variant.plan;
        let quota = &plan.quotas[q];
        let draws = |w: usize| {
            let mut classes = plan.classes.iter().filter(|c| c.workload == w);
            classes.any(|c| {
                let mut lanes = self.variant.plan.lanes_of(c).iter();
                c.request_rate == Some(q) || lanes.any(|lane| lane.quotas.contains(&q))
            })
        };
        let others = (0..plan.workloads.len()).filter(|&w| w != workload && draws(w));
        QuotaDrawnOn {
            name: quota.name.clone(),
            per_second: Limiter::new(quota.shape, &quota.steps).per_second(0),
            shared_with: others.map(|w| plan.workloads[w].name.clone()).collect(),
        }
    }

    /// What CloudTrail logs of its KMS calls, at the start of the scenario.
    fn events(&self, class: &Class, checks: &[Check], principal: &Principal) -> Vec<Value> {
        let start = self.variant.scenario.start.parse::<jiff::ZonedDateTime>();
        let Ok(at) = start.map(|zoned| zoned.timestamp()) else {
            return Vec::new();
        };
        let mut records = Vec::new();
        for (i, lane) in self.variant.plan.lanes_of(class).iter().enumerate() {
            let Some(key) = self.key_arn(lane) else {
                continue;
            };
            let answer = if lane.denied {
                Answer::Denied
            } else {
                match lane.refused_at(0) {
                    None => Answer::Granted,
                    Some(Cause::NoPermission) => Answer::Denied,
                    Some(Cause::Disabled) => Answer::Disabled,
                    Some(Cause::PendingDeletion) => Answer::PendingDeletion,
                }
            };
            let call = call_of(&self.access, self.variant, lane, &key, checks);
            let call = call.with(principal, None, answer);
            records.extend(call.records(at, Key::root(0, i as u64).named(&class.operation)));
        }
        records
    }
}

fn permission(check: &Check) -> Permission {
    let decision = &check.decision;
    let said = decision.verdicts.iter().filter_map(|&(kind, verdict)| {
        use crate::access::decision::Verdict;
        let says = match verdict {
            Verdict::Absent => return None,
            Verdict::Silent => "silent",
            Verdict::AllowsAccount => "allows the account",
            Verdict::Allows => "allows",
            Verdict::Denies => "denies",
        };
        Some((kind.name(), says))
    });
    let statement = |m: &Matched| StatementMatched {
        effect: match m.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        },
        kind: m.kind.name(),
        policy: m.policy.clone(),
        statement: m.statement.clone(),
        principal: match m.meant {
            Meant::ByName => "by name",
            Meant::ByRole => "by its role",
            Meant::ByAccount => "by its account",
            Meant::ByWildcard => "as anyone",
        },
    };
    Permission {
        action: check.request.action.clone(),
        resource: check.request.resource.to_string(),
        outcome: decision.outcome.to_string(),
        crosses_account: decision.crosses_account,
        policies: said.collect(),
        statements: decision.matched.iter().map(statement).collect(),
    }
}

/// "role reports needs kms:Decrypt on key ledger: key policy allows, identity policy does not".
fn reason(check: &Check) -> String {
    use crate::access::decision::Verdict;
    let (decision, action): (&Decision, &str) = (&check.decision, &check.request.action);
    let on = check.on.replacen('.', " ", 1);
    if let Some(by) = decision.denied_by() {
        return format!(
            "{action} on {on} is denied by {} of the {} {}",
            by.statement,
            by.kind.name(),
            by.policy
        );
    }
    let says = |&(kind, verdict): &(Kind, Verdict)| {
        let says = match verdict {
            _ if decision.lacking.contains(&kind) => "does not",
            Verdict::Absent | Verdict::Silent | Verdict::Denies => return None,
            Verdict::AllowsAccount => "allows whom IAM allows",
            Verdict::Allows => "allows",
        };
        Some(format!("{} {says}", kind.name()))
    };
    let said: Vec<String> = decision.verdicts.iter().filter_map(says).collect();
    format!(
        "{} needs {action} on {on}: {}",
        who(&check.request.principal),
        said.join(", ")
    )
}

/// "role reports", "user alice", "logging.s3.amazonaws.com".
fn who(principal: &Principal) -> String {
    match principal.arn() {
        Some(arn) => arn.resource.replacen('/', " ", 1),
        None => principal.to_string(),
    }
}

fn answer(class: &Class, refused: Option<&Check>, for_http: bool) -> &'static str {
    match (class.tier, refused) {
        _ if for_http => "400 InvalidRequest",
        (Some(_), Some(_)) => "403 AccessDenied",
        (None, Some(_)) => "400 AccessDeniedException",
        (_, None) => "200 OK",
    }
}

fn billed_as(tier: S3Tier, billed: bool) -> &'static str {
    if billed {
        tier.item().unwrap_or("free")
    } else {
        "not billed"
    }
}

/// The operations of a variant's workloads, for messages.
pub fn operations<'a>(variant: &'a Variant, workload: &str) -> Vec<&'a str> {
    let index = variant.scenario.workload.get_index_of(workload);
    let actions = index.map(|w| variant.plan.workloads[w].actions.iter());
    let mut names: Vec<&str> = actions
        .into_iter()
        .flatten()
        .map(|a| a.name.as_str())
        .collect();
    if names.contains(&MULTIPART_UPLOAD) {
        names.extend([
            "CreateMultipartUpload",
            "UploadPart",
            "CompleteMultipartUpload",
        ]);
    }
    names
}
