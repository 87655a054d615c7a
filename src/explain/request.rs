//! The requests of a variant, one of each kind, link by link.

use super::case::{Case, cases};
use super::explanation::{EncryptionInForce, Explanation};
use super::kms_calls::Explainer;
use super::permission::{permission, reason};
use crate::access::Outcome;
use crate::catalog;
use crate::input::keyword::Keyword;
use crate::model::Class;
use crate::scenario::MULTIPART_UPLOAD;
use crate::scenario::Variant;
use crate::scenario::access::{Access, Check, NO_TLS, SSE_S3_ONLY};
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
                let operation_of = &variant.plan.classes[class].operation;
                let of_action =
                    operation.is_none_or(|only| only == operation_of || only == action.name);
                if of_action {
                    let cases = cases(&variant.requests()[class]);
                    let of_case = |case| explainer.explain(name, settings, class, case);
                    all.extend(cases.iter().map(of_case));
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
    fn explain(
        &self,
        workload: &str,
        s: &WorkloadSettings,
        class_index: usize,
        case: &Case,
    ) -> Explanation {
        let plan = &self.variant.plan;
        let class = &plan.classes[class_index];
        let kind = &self.variant.requests()[class_index];
        let checks = case.checks(kind);
        let refused = checks.last().filter(|check| check.refusal.is_some());
        // One of all requests of the class, or of those of the case.
        let kms_steps = case.kms_steps(plan.kms_steps_of(class));
        let of_case = || kms_steps.iter().find_map(|kms_step| kms_step.denial);
        let denial = class.denial.or_else(of_case).map(|d| &plan.denials[d]);
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
        // What it is for: the last that S3 was asked about; operations that no policy is asked about have no ARN.
        let asked = checks.iter().rfind(|c| c.call.is_none()).or(checks.first());
        let resource = match asked {
            Some(check) => check.request.resource.to_string(),
            None => s.key.clone().or(s.bucket.clone()).unwrap_or_default(),
        };
        Explanation {
            variant: plan.name.clone(),
            workload: workload.to_owned(),
            operation: class.operation.clone(),
            objects: case.words(),
            share: case.share(),
            principal: kind.principal.to_string(),
            resource,
            transport: match (&s.bucket, s.tls) {
                (Some(_), None) => "HTTP".to_owned(),
                (Some(_), Some(version)) => format!("TLS {}", version.name()),
                (None, _) => "TLS".to_owned(),
            },
            encryption: self.encryption(s, class),
            permissions: checks
                .iter()
                .map(|check| permission(&self.access, check))
                .collect(),
            decision,
            denied_by: denial.map(|d| d.name.clone()),
            reason,
            s3_request_rate: class.request_rate.map(|q| self.quota(q, class.workload)),
            kms_calls: self.calls(Some(s), class_index, case),
            answer: answer(class, refused, kind.refused.filter(|_| refused.is_none())).to_owned(),
            billed_as: class
                .tier
                .map(|_| billed_as(class, denial.is_none_or(|d| d.billed)).to_owned()),
            cloudtrail: self.events(class_index, case),
        }
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

fn answer(class: &Class, refused: Option<&Check>, by_s3: Option<&str>) -> &'static str {
    match (class.tier, refused) {
        _ if by_s3 == Some(NO_TLS) => "400 InvalidRequest",
        _ if by_s3 == Some(SSE_S3_ONLY) => "none: nothing is delivered",
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
