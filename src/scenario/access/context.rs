//! Context keys: what a request brings along, by who sends it to whom.

use super::super::assumption::EncryptionCondition;
use super::super::bucket::{BucketKind, BucketSettings, Encryption};
use super::super::key::KmsKeySettings;
use super::super::request_context::ENCRYPTION_CONTEXT;
use super::super::workload::WorkloadSettings;
use super::attached::Caller;
use super::calls::{CallMade, Made};
use super::decided::Access;
use super::names::endpoint;
use crate::access::{Context, Principal};
use crate::catalog::{self, KmsOperation, NeedSide, S3OperationRow};
use crate::input::keyword::Keyword;

impl<'a> Access<'a> {
    /// Keys that every request has.
    pub(super) fn global_context(&self, caller: &Caller, owner: &str, region: &str) -> Context {
        let principal = self.principal(caller, region);
        let mut context = Context::new();
        let kind = match &principal {
            Principal::Service(_) => None,
            Principal::Aws(arn) if arn.resource == "root" => Some("Account"),
            Principal::Aws(arn) if arn.resource.starts_with("user/") => Some("User"),
            Principal::Aws(arn) if arn.resource.starts_with("federated-user/") => {
                Some("FederatedUser")
            }
            Principal::Aws(_) => Some("AssumedRole"),
        };
        if let (Some(kind), Some(arn), Some(account)) = (kind, principal.arn(), principal.account())
        {
            context.set("aws:PrincipalType", kind);
            context.set("aws:PrincipalAccount", account);
            if let Some(user) = arn.resource.strip_prefix("user/") {
                context.set("aws:username", user.rsplit('/').next().unwrap_or(user));
            }
            context.set("aws:PrincipalArn", arn.to_string());
        }
        if let Principal::Service(name) = &principal {
            context.set("aws:PrincipalServiceName", name.clone());
        }
        let is_service = matches!(principal, Principal::Service(_));
        context.set("aws:PrincipalIsAWSService", is_service.to_string());
        let organization = |account: &str| self.scenario.account.get(account)?.organization.clone();
        if let Some(id) = organization(&caller.account).filter(|_| !is_service) {
            context.set("aws:PrincipalOrgID", id);
        }
        if let Some(id) = organization(owner) {
            context.set("aws:ResourceOrgID", id);
        }
        context.set("aws:ResourceAccount", self.account_id(owner));
        context.set("aws:RequestedRegion", region);
        context.set("aws:ViaAWSService", "false");
        if let Ok(start) = self.scenario.start.parse::<jiff::ZonedDateTime>() {
            context.set("aws:CurrentTime", start.timestamp().to_string());
            context.set("aws:EpochTime", start.timestamp().as_second().to_string());
        }
        context
    }

    /// What a request to S3 brings along.
    pub(super) fn s3_context(
        &self,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
        caller: &Caller,
        bucket: &BucketSettings,
    ) -> Context {
        let mut context = self.global_context(caller, &bucket.account, &bucket.region);
        let is_service = matches!(self.principal(caller, ""), Principal::Service(_));
        context.set("aws:SecureTransport", s.tls.is_some().to_string());
        context.set("s3:ResourceAccount", self.account_id(&bucket.account));
        if bucket.kind == BucketKind::Directory {
            // A session that does not say otherwise is for reading and writing.
            context.set("s3express:SessionMode", "ReadWrite");
            if let Some(key) = bucket.key.as_ref().and_then(|k| self.scenario.key.get(k)) {
                let arn = self.key_arn(key).to_string();
                context.set("s3express:x-amz-server-side-encryption-aws-kms-key-id", arn);
            }
        } else {
            if let Some(version) = s.tls {
                context.set("s3:TlsVersion", version.name());
            }
            context.set("s3:signatureversion", "AWS4-HMAC-SHA256");
            context.set("s3:authType", "REST-HEADER");
            self.encryption_context_keys(&mut context, s, row);
        }
        if let Some(delivery) = self.delivery(s, caller) {
            delivery.add_source(&mut context);
            if let Some(acl) = &delivery.row.acl {
                context.set("s3:x-amz-acl", acl.clone());
            }
        }
        let redacted = &catalog::forwarded_context_keys().redacted_of_services;
        written_out(&mut context, s, |key| {
            starts_with(key, "kms:") || is_service && is_among(key, redacted)
        });
        if is_service {
            redacted.iter().for_each(|key| context.remove(key));
        }
        context
    }

    /// What a request to another service brings along.
    pub(super) fn service_context(
        &self,
        s: &WorkloadSettings,
        caller: &Caller,
        region: &str,
    ) -> Context {
        let mut context = self.global_context(caller, &caller.account, region);
        context.set("aws:SecureTransport", "true");
        written_out(&mut context, s, |key| starts_with(key, "kms:"));
        context
    }

    /// What policies see of the encryption that a request writes under.
    fn encryption_context_keys(
        &self,
        context: &mut Context,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
    ) {
        let Some(in_force) = self.in_force(s, row, NeedSide::Object) else {
            return;
        };
        // Under SSE-C whoever reads or writes an object brings the key along.
        if in_force.encryption == Encryption::SseC && !row.needs.is_empty() {
            context.set(
                "s3:x-amz-server-side-encryption-customer-algorithm",
                SSE_C_ALGORITHM,
            );
        }
        if !row.encryption_headers {
            return;
        }
        let effective =
            self.scenario.assumption.encryption_condition == EncryptionCondition::Effective;
        let default = || in_force.encryption.header().filter(|_| effective);
        if let Some(header) = s.encryption_header.or_else(default) {
            context.set("s3:x-amz-server-side-encryption", header.name());
        }
        if let Some(key) = in_force.key.and_then(|k| self.scenario.key.get(k)) {
            let arn = self.key_arn(key).to_string();
            context.set("s3:x-amz-server-side-encryption-aws-kms-key-id", arn);
        }
    }

    /// What a KMS call of a workload brings along.
    pub(super) fn kms_context(
        &self,
        s: &WorkloadSettings,
        caller: &Caller,
        call: &CallMade,
        key: &KmsKeySettings,
    ) -> Context {
        let on_key = call.operation.is_on_key();
        let owner = if on_key {
            &key.account
        } else {
            &caller.account
        };
        let mut context = self.global_context(caller, owner, &key.region);
        context.set("kms:CallerAccount", self.account_id(&caller.account));
        if on_key {
            context.set("kms:KeySpec", key.spec.name());
            if !key.aliases.is_empty() {
                context.set_several("kms:ResourceAliases", key.aliases.clone());
            }
        }
        if let Some(pair) = call.pair_spec {
            context.set("kms:DataKeyPairSpec", pair.name());
        }
        if let Some(alias) = &call.key_alias {
            context.set("kms:RequestAlias", alias.clone());
        }
        if matches!(
            call.operation,
            KmsOperation::Decrypt | KmsOperation::Encrypt
        ) && key.spec == catalog::KeySpec::SymmetricDefault
        {
            context.set("kms:EncryptionAlgorithm", key.spec.name());
        }
        if call.made == Made::ByService
            && let Some(delivery) = self.delivery(s, caller)
        {
            delivery.add_source(&mut context);
        }
        // KMS takes nothing but TLS, from services too.
        context.set("aws:SecureTransport", "true");
        let bucket = call
            .bucket
            .as_ref()
            .and_then(|b| self.scenario.bucket.get(b));
        if let Some(bucket) = bucket {
            let service = match bucket.kind {
                BucketKind::GeneralPurpose => "s3",
                BucketKind::Directory => "s3express",
            };
            context.set("kms:ViaService", endpoint(service, &bucket.region));
        }
        if let Some(service) = call.service {
            if let Some(via) = &service.via {
                context.set("kms:ViaService", endpoint(via, &key.region));
            }
            if let Some(principal) = service.principal.as_ref().filter(|_| service.called_via) {
                context.set_several("aws:CalledVia", vec![principal.clone()]);
                context.set("aws:CalledViaFirst", principal.clone());
                context.set("aws:CalledViaLast", principal.clone());
            }
        }
        context.set(
            "aws:ViaAWSService",
            (call.made == Made::ForRequester).to_string(),
        );
        let keys = catalog::forwarded_context_keys();
        let from_endpoint = |key: &str| is_among(key, &keys.of_vpc_endpoints);
        let through_endpoint = s.context.iter().any(|(key, _)| from_endpoint(key));
        written_out(&mut context, s, |key| {
            let dropped = match call.made {
                Made::ByRequester => false,
                // Behind an endpoint there is no public address.
                Made::ForRequester => {
                    from_endpoint(key) || through_endpoint && is_among(key, &keys.of_senders)
                }
                Made::InServiceRole | Made::ByService => {
                    from_endpoint(key) || is_among(key, &keys.of_senders)
                }
            };
            // Fixed by the service, whatever reached it.
            let own = call.made != Made::ByRequester && is_among(key, &keys.of_services);
            dropped
                || own
                || starts_with(key, "s3:")
                || starts_with(key, "s3express:")
                || starts_with(key, ENCRYPTION_CONTEXT)
        });
        for (name, value) in &call.encryption_context {
            context.put(&format!("{ENCRYPTION_CONTEXT}{name}"), value.clone());
        }
        let written = s.context.get(ENCRYPTION_CONTEXT_KEYS).is_some();
        if !call.encryption_context.is_empty() && !written {
            let names = call.encryption_context.keys().cloned().collect();
            context.set_several(ENCRYPTION_CONTEXT_KEYS, names);
        }
        context
    }
}

/// The only algorithm of SSE-C (S3 User Guide, ServerSideEncryptionCustomerKeys).
const SSE_C_ALGORITHM: &str = "AES256";

/// The context key of the pairs' names.
const ENCRYPTION_CONTEXT_KEYS: &str = "kms:EncryptionContextKeys";

/// The context keys that the workload writes out, over those that are made, but for those that are left out.
fn written_out(context: &mut Context, s: &WorkloadSettings, is_left_out: impl Fn(&str) -> bool) {
    for (key, value) in s.context.as_written().filter(|(key, _)| !is_left_out(key)) {
        context.put(key, value.clone());
    }
}

fn is_among(key: &str, keys: &[String]) -> bool {
    keys.iter().any(|other| other.eq_ignore_ascii_case(key))
}

fn starts_with(key: &str, prefix: &str) -> bool {
    let start = key.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
