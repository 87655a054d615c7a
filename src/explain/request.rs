//! The requests of a variant, one of each kind, link by link.

use super::explanation::{EncryptionInForce, Explanation};
use super::kms_calls::Explainer;
use super::permission::{permission, reason};
use crate::access::{Outcome, Principal};
use crate::catalog;
use crate::cloudtrail;
use crate::model::Class;
use crate::scenario::MULTIPART_UPLOAD;
use crate::scenario::Variant;
use crate::scenario::access::{Access, Check, NO_TLS, REQUESTER};
use crate::scenario::workload::WorkloadSettings;

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
            transport: match (&s.bucket, s.tls) {
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
                .map(|_| billed_as(class, denial.is_none_or(|d| d.billed)).to_owned()),
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
}

fn answer(class: &Class, refused: Option<&Check>, for_http: bool) -> &'static str {
    match (class.tier, refused) {
        _ if for_http => "400 InvalidRequest",
        (Some(_), Some(_)) => "403 AccessDenied",
        (None, Some(_)) => "400 AccessDeniedException",
        (_, None) => "200 OK",
    }
}

fn billed_as(class: &Class, billed: bool) -> &'static str {
    if billed {
        class.price_item.unwrap_or("free")
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
