//! What CloudWatch Logs is asked for on the key of a log group.

use super::super::log_group::LogGroupSettings;
use super::asked::RequestKind;
use super::attached::{Caller, ResourceSettings};
use super::decided::{Access, Check};
use super::names::logs_service;
use crate::access::{Context, Principal, Request};
use crate::catalog::KmsOperation;

impl<'a> Access<'a> {
    /// What CloudWatch Logs is asked for on the key of a log group, all of it.
    pub fn log_group(&self, name: &str, group: &LogGroupSettings) -> Vec<Check> {
        let mut checks = Vec::new();
        let Some((key_name, key)) = self.scenario.key.get_key_value(&group.key) else {
            return checks;
        };
        let service = logs_service(&group.region);
        let arn = self.log_group_arn(name, group).to_string();
        let mut context = Context::new();
        context.set("aws:PrincipalIsAWSService", "true");
        context.set("aws:PrincipalServiceName", service.clone());
        context.set("aws:SourceAccount", self.account_id(&group.account));
        context.set("aws:SourceArn", arn.clone());
        context.set("aws:ResourceAccount", self.account_id(&key.account));
        context.set("aws:RequestedRegion", key.region.clone());
        context.set("aws:SecureTransport", "true");
        context.set("aws:ViaAWSService", "false");
        context.set("kms:CallerAccount", self.account_id(&group.account));
        context.set("kms:KeySpec", key.spec.name());
        context.set(LOGS_CONTEXT, arn);
        context.set_several("kms:EncryptionContextKeys", vec!["aws:logs:arn".to_owned()]);
        let caller = self.caller(&service, &key.account);
        for (action, operation) in LOGS_ACTIONS {
            let request = Request {
                principal: Principal::Service(service.clone()),
                action: (*action).to_owned(),
                resource: self.key_arn(key),
                resource_account: self.account_id(&key.account),
                context: context.clone(),
            };
            let resource = ResourceSettings::Key(key_name, key);
            let call = Some((0, *operation));
            self.ask(&mut checks, &caller, resource, request, call);
        }
        checks
    }

    /// A call of CloudWatch Logs for a log group, and what it is asked for.
    pub fn log_group_request(
        &self,
        name: &str,
        group: &LogGroupSettings,
        operation: KmsOperation,
    ) -> RequestKind {
        let service = logs_service(&group.region);
        let mut checks = self.log_group(name, group);
        checks.retain(|check| check.operation == Some(operation));
        RequestKind {
            principal: Principal::Service(service.clone()),
            caller: Caller {
                requester: service,
                account: group.account.clone(),
            },
            calls: vec![self.log_group_call(name, group, operation)],
            checks,
            refused: None,
        }
    }

    /// The statement with which a key policy lets CloudWatch Logs use the key for a log group.
    pub fn log_group_statement(&self, name: &str, group: &LogGroupSettings) -> String {
        serde_json::json!({
            "Effect": "Allow",
            "Principal": {"Service": logs_service(&group.region)},
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            "Resource": "*",
            "Condition": {"ArnEquals": {LOGS_CONTEXT: self.log_group_arn(name, group).to_string()}},
        })
        .to_string()
    }
}

/// What AWS answers to an association with a key whose policy does not let CloudWatch Logs in
/// (hashicorp/terraform-provider-aws#29282, aws/aws-cdk#28304).
pub fn association_error(arn: &str) -> String {
    format!(
        "AccessDeniedException: The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"
    )
}

/// The context key of the log group's ARN.
const LOGS_CONTEXT: &str = "kms:EncryptionContext:aws:logs:arn";

/// What CloudWatch Logs must be allowed on a key (User Guide, encrypt log data, 2026-04).
const LOGS_ACTIONS: &[(&str, KmsOperation)] = &[
    ("kms:Encrypt", KmsOperation::Encrypt),
    ("kms:Decrypt", KmsOperation::Decrypt),
    ("kms:ReEncryptFrom", KmsOperation::ReEncrypt),
    ("kms:ReEncryptTo", KmsOperation::ReEncrypt),
    ("kms:GenerateDataKey", KmsOperation::GenerateDataKey),
    ("kms:DescribeKey", KmsOperation::DescribeKey),
];
