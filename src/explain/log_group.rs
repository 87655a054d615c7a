//! What a log group asks of KMS: the association of its key, the calls of its log streams and of its queries.

use super::case::Case;
use super::explanation::Explanation;
use super::kms_calls::Explainer;
use super::permission::{permission, reason};
use crate::access::Outcome;
use crate::model::{self, Association};
use crate::scenario::access::{Check, association_error, logs_service};
use crate::scenario::log_group::LogGroupSettings;
use crate::units::Span;

impl Explainer<'_> {
    /// A log group: the association of its key, and the calls that its log streams and its queries make.
    pub(super) fn log_group(
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
            objects: None,
            share: None,
            principal: logs_service(&settings.region),
            resource: arn.clone(),
            transport: "TLS".to_owned(),
            encryption: Vec::new(),
            permissions: checks
                .iter()
                .map(|check| permission(&self.access, check))
                .collect(),
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
                        "the policy of key {} then in force does not allow {} to call {}",
                        settings.key,
                        logs_service(&settings.region),
                        check.request.action
                    ),
                };
                association.reason = Some(format!(
                    "{why}; add the statement {}",
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
        let classes = plan.classes.iter().enumerate();
        let classes = classes.filter(|(_, c)| group.workloads.contains(&c.workload));
        let calls = classes.map(|(c, class)| {
            let mut e = explanation(&class.operation, &self.variant.requests()[c].checks);
            e.kms_calls = self.calls(None, c, &Case::default());
            e.cloudtrail = self.events(c, &Case::default());
            e
        });
        std::iter::once(association).chain(calls).collect()
    }
}
