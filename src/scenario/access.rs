//! Who may do what in a scenario: each kind of request put to [`crate::access`] once, when the plan is built.
//!
//! S3 asks for its own permissions first, then for those of the KMS calls in their order; the first that is
//! missing ends it. What the file does not write stands open: a requester without identity policies may do
//! everything, and a bucket or key without a policy lets other accounts in (docs/MODEL.md).
//!
//! Left out: KMS operations that name no key (ListKeys, GenerateRandom, …) are always allowed.
//!
//! Long because a permission is asked for with its principal, ARNs and context keys, and [`Access`] reads all of them
//! from the same scenario.

use super::account::Account;
use super::assumption::EncryptionCondition;
use super::bucket::{BucketSettings, Encryption};
use super::key::{KmsKeySettings, PolicyChange};
use super::log_group::LogGroupSettings;
use super::policy::PolicySettings;
use super::settings::Scenario;
use super::workload::WorkloadSettings;
use crate::access::arn::Arn;
use crate::access::{
    Context, Decision, Effect, Level, Outcome, Policies, Policy, PolicyKind, Principal, Request,
    decide,
};
use crate::catalog::{self, KmsOperation, NeedSide, Partition, PermissionSide, S3OperationRow};
use crate::input::keyword::Keyword;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// What a requester whom the file does not declare is called.
pub const REQUESTER: &str = "default";

/// One permission that a request needs, and whether it has it.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was asked.
    pub request: Request,
    /// On what: `bucket.media`, `key.main`.
    pub on: String,
    /// Position of the KMS operation among the request's needs; `None` for a permission of S3.
    pub need: Option<usize>,
    /// That KMS operation.
    pub operation: Option<KmsOperation>,
    /// The answer.
    pub decision: Arc<Decision>,
    /// What a refusal is counted under; `None` where it is allowed, be it for some time only.
    pub refusal: Option<String>,
    /// When it is denied, where a change of the key policy makes that a matter of time: from, and until \[ns\].
    pub denied_between: Arc<[Range<u64>]>,
}

/// The encryption of an object that a request writes or reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce<'a> {
    /// How.
    pub encryption: Encryption,
    /// Under which KMS key, a name of the scenario.
    pub key: Option<&'a str>,
    /// Whether the request's header says so; else the bucket's default does.
    pub by_header: bool,
}

/// Who may do what in one variant.
#[derive(Debug)]
pub struct Access<'a> {
    scenario: &'a Scenario,
    everything: Policy,
    decided: RefCell<BTreeMap<(String, String, Request), Decided>>,
}

/// The decision at the start, and when it is denied.
#[derive(Clone, Debug)]
struct Decided {
    decision: Arc<Decision>,
    denied_between: Arc<[Range<u64>]>,
}

/// The refusal of a plain-HTTP request for an object under KMS, which S3 makes itself.
pub const NO_TLS: &str = "S3 requires TLS for objects under SSE-KMS";

impl<'a> Access<'a> {
    /// Of a variant.
    pub fn new(scenario: &'a Scenario) -> Access<'a> {
        Access {
            scenario,
            everything: Policy::allow_all(PolicyKind::Identity, &[]),
            decided: RefCell::new(BTreeMap::new()),
        }
    }

    /// How the object on one side of a request is encrypted; `None` if there is no such bucket.
    pub fn in_force(
        &self,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
        side: NeedSide,
    ) -> Option<InForce<'a>> {
        let own = s.bucket.as_deref().unwrap_or_default();
        let name = match side {
            NeedSide::Source => s.copy_source.as_deref().unwrap_or(own),
            NeedSide::Object | NeedSide::Destination | NeedSide::Upload | NeedSide::Replica => own,
        };
        let bucket = self.scenario.bucket.get(name)?;
        let default = InForce {
            encryption: bucket.encryption,
            key: bucket.key.as_deref(),
            by_header: false,
        };
        let writes = side != NeedSide::Source && row.encryption_headers;
        let header = s.encryption_header.filter(|_| writes);
        Some(match header {
            None => default,
            Some(header) => InForce {
                encryption: header.encryption(),
                key: s.encryption_header_key.as_deref(),
                by_header: true,
            },
        })
    }

    /// The bucket that a side of a request lies in.
    pub fn bucket_of(
        &self,
        s: &'a WorkloadSettings,
        side: NeedSide,
    ) -> Option<(&'a str, &'a BucketSettings)> {
        let own = s.bucket.as_deref()?;
        let name = match side {
            NeedSide::Source => s.copy_source.as_deref().unwrap_or(own),
            NeedSide::Object | NeedSide::Destination | NeedSide::Upload | NeedSide::Replica => own,
        };
        self.scenario.bucket.get(name).map(|bucket| (name, bucket))
    }

    /// Whether S3 refuses a request for its plain HTTP, whatever the policies say.
    pub fn needs_tls(&self, s: &'a WorkloadSettings, row: &S3OperationRow) -> bool {
        let under_kms = |side| self.in_force(s, row, side).is_some_and(|f| f.key.is_some());
        s.tls.is_none() && row.needs.iter().any(|need| under_kms(need.on))
    }

    /// What a request for an S3 operation is asked for, in order, up to the first refusal.
    pub fn s3(&self, s: &'a WorkloadSettings, row: &S3OperationRow, requester: &str) -> Vec<Check> {
        let mut checks = Vec::new();
        for permission in &row.permissions {
            let side = match permission.on {
                PermissionSide::Source => NeedSide::Source,
                PermissionSide::Object | PermissionSide::Bucket => NeedSide::Object,
            };
            let Some((name, bucket)) = self.bucket_of(s, side) else {
                continue;
            };
            let resource = match permission.on {
                PermissionSide::Bucket => name.to_owned(),
                PermissionSide::Object | PermissionSide::Source => format!("{name}/{}", s.object),
            };
            let request = Request {
                principal: self.principal(requester, &bucket.account, &bucket.region),
                action: permission.action.clone(),
                resource: s3_arn(&bucket.region, resource),
                resource_account: self.account_id(&bucket.account),
                context: self.s3_context(s, row, requester, bucket),
            };
            let resource = ResourceSettings::Bucket(name, bucket);
            if !self.ask(&mut checks, requester, resource, request, None) {
                return checks;
            }
        }
        if self.needs_tls(s, row) {
            return checks;
        }
        for (i, need) in row.needs.iter().enumerate() {
            let Some((name, bucket)) = self.bucket_of(s, need.on) else {
                continue;
            };
            let in_force = self.in_force(s, row, need.on);
            let Some((key_name, key)) = in_force
                .and_then(|f| f.key)
                .and_then(|k| self.scenario.key.get_key_value(k))
            else {
                continue;
            };
            // Under a bucket key S3 calls KMS with the bucket in place of the object.
            let header = s.bucket_key_header.filter(|_| row.encryption_headers);
            let by_bucket_key = header.unwrap_or(bucket.bucket_key)
                && in_force.is_some_and(|f| f.encryption == Encryption::SseKms);
            let object = if by_bucket_key {
                name.to_owned()
            } else {
                format!("{name}/{}", s.object)
            };
            let mut context = self.kms_context(requester, need.operation, key);
            let via = if catalog::partition(&bucket.region) == Some(Partition::China) {
                format!("s3.{}.amazonaws.com.cn", bucket.region)
            } else {
                format!("s3.{}.amazonaws.com", bucket.region)
            };
            context.set("kms:ViaService", via);
            context.set("aws:ViaAWSService", "true");
            let arn = s3_arn(&bucket.region, object).to_string();
            context.set("kms:EncryptionContext:aws:s3:arn", arn);
            context.set_several("kms:EncryptionContextKeys", vec!["aws:s3:arn".to_owned()]);
            written_out(&mut context, s);
            if !self.kms(
                &mut checks,
                requester,
                need.operation,
                (key_name, key),
                context,
                i,
            ) {
                return checks;
            }
        }
        checks
    }

    /// What a workload's request is asked for, in order, up to the first refusal.
    pub fn checks(&self, s: &'a WorkloadSettings, operation: &str, requester: &str) -> Vec<Check> {
        match (&s.bucket, operation.parse::<KmsOperation>()) {
            (Some(_), _) => catalog::s3_operation(operation)
                .map(|row| self.s3(s, row, requester))
                .unwrap_or_default(),
            (None, Ok(operation)) => self.direct(s, operation, requester),
            (None, Err(_)) => Vec::new(),
        }
    }

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
        context.set("kms:CallerAccount", self.account_id(&group.account));
        context.set("kms:KeySpec", key.spec.name());
        context.set(LOGS_CONTEXT, arn);
        context.set_several("kms:EncryptionContextKeys", vec!["aws:logs:arn".to_owned()]);
        for (action, operation) in LOGS_ACTIONS {
            let request = Request {
                principal: Principal::Service(service.clone()),
                action: (*action).to_owned(),
                resource: self.key_arn(key),
                resource_account: self.account_id(&key.account),
                context: context.clone(),
            };
            let resource = ResourceSettings::Key(key_name, key);
            self.ask(
                &mut checks,
                &service,
                resource,
                request,
                Some((0, *operation)),
            );
        }
        checks
    }

    /// The ARN of a bucket.
    pub fn bucket_arn(&self, name: &str, bucket: &BucketSettings) -> Arn {
        s3_arn(&bucket.region, name.to_owned())
    }

    /// The ARN of a log group.
    pub fn log_group_arn(&self, name: &str, group: &LogGroupSettings) -> Arn {
        Arn {
            partition: partition(&group.region).to_owned(),
            service: "logs".to_owned(),
            region: group.region.clone(),
            account: self.account_id(&group.account),
            resource: format!("log-group:{name}"),
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

    /// What an application's KMS operation is asked for.
    pub fn direct(
        &self,
        s: &'a WorkloadSettings,
        operation: KmsOperation,
        requester: &str,
    ) -> Vec<Check> {
        let mut checks = Vec::new();
        let named = s
            .key
            .as_deref()
            .and_then(|k| self.scenario.key.get_key_value(k));
        if let Some((name, key)) = named
            && names_a_key(operation)
        {
            let mut context = self.kms_context(requester, operation, key);
            context.set("aws:SecureTransport", "true");
            written_out(&mut context, s);
            self.kms(&mut checks, requester, operation, (name, key), context, 0);
        }
        checks
    }

    /// Asks for the permissions of a KMS operation; false after a refusal.
    fn kms(
        &self,
        checks: &mut Vec<Check>,
        requester: &str,
        operation: KmsOperation,
        (name, key): (&str, &KmsKeySettings),
        context: Context,
        need: usize,
    ) -> bool {
        let actions: &[&str] = if operation == KmsOperation::ReEncrypt {
            &["ReEncryptFrom", "ReEncryptTo"]
        } else {
            &[operation.name()]
        };
        actions.iter().all(|action| {
            let request = Request {
                principal: self.principal(requester, &key.account, &key.region),
                action: format!("kms:{action}"),
                resource: self.key_arn(key),
                resource_account: self.account_id(&key.account),
                context: context.clone(),
            };
            self.ask(
                checks,
                requester,
                ResourceSettings::Key(name, key),
                request,
                Some((need, operation)),
            )
        })
    }

    /// Asks for one permission; false where it is refused.
    fn ask(
        &self,
        checks: &mut Vec<Check>,
        requester: &str,
        resource: ResourceSettings<'_>,
        request: Request,
        need: Option<(usize, KmsOperation)>,
    ) -> bool {
        let on = resource.path();
        let key = (requester.to_owned(), on.clone(), request.clone());
        let known = self.decided.borrow().get(&key).cloned();
        let Decided {
            decision,
            denied_between,
        } = known.unwrap_or_else(|| {
            let decided = self.decide_over_time(requester, &resource, &request);
            self.decided.borrow_mut().insert(key, decided.clone());
            decided
        });
        let allowed = decision.outcome == Outcome::Allow || !denied_between.is_empty();
        let refusal = (!allowed).then(|| refusal(&decision, &request.action, requester, &on));
        checks.push(Check {
            request,
            on,
            need: need.map(|n| n.0),
            operation: need.map(|n| n.1),
            decision,
            refusal,
            denied_between,
        });
        allowed
    }

    /// The decision at the start, and when changes of the key policy make it another.
    fn decide_over_time(
        &self,
        requester: &str,
        resource: &ResourceSettings<'_>,
        request: &Request,
    ) -> Decided {
        let decision = Arc::new(self.decide(requester, resource, resource.policy(), request));
        let mut denied = Vec::new();
        let (mut from, mut allowed) = (0, decision.outcome == Outcome::Allow);
        let mut ever_allowed = false;
        let changes = resource.policy_changes().iter();
        let ends = changes.map(|c| (c.at.as_ns(), Some(c.policy.policy.as_ref())));
        for (at, policy) in ends.chain([(u64::MAX, None)]) {
            if at > from {
                ever_allowed |= allowed;
                if !allowed {
                    denied.push(from..at);
                }
            }
            from = at;
            if policy.is_some() {
                allowed =
                    self.decide(requester, resource, policy, request).outcome == Outcome::Allow;
            }
        }
        // What is denied all the time is no matter of time.
        denied.retain(|_| ever_allowed);
        Decided {
            decision,
            denied_between: denied.into(),
        }
    }

    /// The decision under a policy of the resource; `None`: it has none of its own.
    fn decide(
        &self,
        requester: &str,
        resource: &ResourceSettings<'_>,
        policy: Option<&Policy>,
        request: &Request,
    ) -> Decision {
        let who = self.scenario.requester.get(requester);
        let attached = who.and_then(|r| r.identity_policies.as_ref());
        let identity: Vec<&Policy> = match attached {
            Some(policies) => policies.iter().map(|p| p.policy.as_ref()).collect(),
            // A service has no identity policies.
            None if matches!(request.principal, Principal::Service(_)) => Vec::new(),
            None => vec![&self.everything],
        };
        let caller = who.map_or_else(|| resource.account(), |r| r.account.as_str());
        let limits = |account: &str, of: fn(&Account) -> &Vec<PolicySettings>| -> Vec<&Policy> {
            let policies = self.scenario.account.get(account).map(of);
            policies
                .into_iter()
                .flatten()
                .map(|p| p.policy.as_ref())
                .collect()
        };
        let open = self.unwritten(resource, caller);
        let (service, resource_control) = (
            limits(caller, |a| &a.service_control_policies),
            limits(resource.account(), |a| &a.resource_control_policies),
        );
        decide(
            request,
            Policies {
                identity: &identity,
                boundary: who
                    .and_then(|r| r.permissions_boundary.as_ref())
                    .map(|p| p.policy.as_ref()),
                session: who
                    .and_then(|r| r.session_policy_document.as_ref())
                    .map(|p| p.policy.as_ref()),
                service_control: Level::account(&service).as_slice(),
                resource_control: Level::account(&resource_control).as_slice(),
                resource: policy.or(open.as_ref()),
            },
        )
    }

    /// The policy of a resource to which the file gives none: of a key the default one, and of both what lets
    /// another account in.
    fn unwritten(&self, resource: &ResourceSettings<'_>, caller: &str) -> Option<Policy> {
        let (caller_id, owner_id) = (self.account_id(caller), self.account_id(resource.account()));
        match resource {
            ResourceSettings::Bucket(..) if caller == resource.account() => None,
            ResourceSettings::Bucket(..) => {
                Some(Policy::allow_all(PolicyKind::Bucket, &[&caller_id]))
            }
            ResourceSettings::Key(..) => {
                Some(Policy::allow_all(PolicyKind::Key, &[&owner_id, &caller_id]))
            }
        }
    }

    // ----- names -------------------------------------------------------------------------------

    /// Twelve digits.
    pub fn account_id(&self, account: &str) -> String {
        let account = self.scenario.account.get(account);
        account.map(|a| a.id.clone()).unwrap_or_default()
    }

    /// The ARN of a key.
    pub fn key_arn(&self, key: &KmsKeySettings) -> Arn {
        Arn {
            partition: partition(&key.region).to_owned(),
            service: "kms".to_owned(),
            region: key.region.clone(),
            account: self.account_id(&key.account),
            resource: format!("key/{}", key.id),
        }
    }

    /// The principal that a requester is; `account` and `region` are those of the resource it asks for.
    pub fn principal(&self, requester: &str, account: &str, region: &str) -> Principal {
        let who = self.scenario.requester.get(requester);
        if let Some(principal) = who.and_then(|r| r.principal.clone()) {
            return principal;
        }
        let account = who.map_or(account, |r| r.account.as_str());
        let role = who.map_or(requester, |r| r.role.as_str());
        Principal::Aws(Arn {
            partition: partition(region).to_owned(),
            service: "sts".to_owned(),
            region: String::new(),
            account: self.account_id(account),
            resource: format!("assumed-role/{role}/{requester}"),
        })
    }

    /// Whether two accounts are one, or members of one organization.
    pub fn same_organization(&self, a: &str, b: &str) -> bool {
        let of = |name: &str| self.scenario.account.get(name)?.organization.as_ref();
        a == b || of(a).is_some_and(|org| of(b) == Some(org))
    }

    // ----- context keys ------------------------------------------------------------------------

    /// Keys that every request has.
    fn global_context(&self, requester: &str, owner: &str, region: &str) -> Context {
        let principal = self.principal(requester, owner, region);
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
        let caller = self
            .scenario
            .requester
            .get(requester)
            .map_or(owner, |r| r.account.as_str());
        if let Some(id) = organization(caller).filter(|_| !is_service) {
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

    fn s3_context(
        &self,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
        requester: &str,
        bucket: &BucketSettings,
    ) -> Context {
        let mut context = self.global_context(requester, &bucket.account, &bucket.region);
        context.set("aws:SecureTransport", s.tls.is_some().to_string());
        if let Some(version) = s.tls {
            context.set("s3:TlsVersion", version.name());
        }
        context.set("s3:ResourceAccount", self.account_id(&bucket.account));
        context.set("s3:signatureversion", "AWS4-HMAC-SHA256");
        context.set("s3:authType", "REST-HEADER");
        self.encryption_context_keys(&mut context, s, row);
        written_out(&mut context, s);
        context
    }

    /// What policies see of the encryption that a request writes under.
    fn encryption_context_keys(
        &self,
        context: &mut Context,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
    ) {
        if !row.encryption_headers {
            return;
        }
        let Some(in_force) = self.in_force(s, row, NeedSide::Object) else {
            return;
        };
        let effective =
            self.scenario.assumption.encryption_condition == EncryptionCondition::Effective;
        let implied = in_force.encryption.header().filter(|_| effective);
        if let Some(algorithm) = s.encryption_header.or(implied) {
            context.set("s3:x-amz-server-side-encryption", algorithm.name());
        }
        if let Some(key) = in_force.key.and_then(|k| self.scenario.key.get(k)) {
            let arn = self.key_arn(key).to_string();
            context.set("s3:x-amz-server-side-encryption-aws-kms-key-id", arn);
        }
    }

    fn kms_context(
        &self,
        requester: &str,
        operation: KmsOperation,
        key: &KmsKeySettings,
    ) -> Context {
        let mut context = self.global_context(requester, &key.account, &key.region);
        let caller = self
            .scenario
            .requester
            .get(requester)
            .map_or(&key.account, |r| &r.account);
        context.set("kms:CallerAccount", self.account_id(caller));
        context.set("kms:KeySpec", key.spec.name());
        if matches!(operation, KmsOperation::Decrypt | KmsOperation::Encrypt)
            && key.spec == catalog::KeySpec::SymmetricDefault
        {
            context.set("kms:EncryptionAlgorithm", key.spec.name());
        }
        context
    }
}

/// The resource of a request, with its name.
enum ResourceSettings<'a> {
    Bucket(&'a str, &'a BucketSettings),
    Key(&'a str, &'a KmsKeySettings),
}

impl ResourceSettings<'_> {
    fn path(&self) -> String {
        match self {
            ResourceSettings::Bucket(name, _) => format!("bucket.{name}"),
            ResourceSettings::Key(name, _) => format!("key.{name}"),
        }
    }

    fn account(&self) -> &str {
        match self {
            ResourceSettings::Bucket(_, bucket) => &bucket.account,
            ResourceSettings::Key(_, key) => &key.account,
        }
    }

    fn policy_changes(&self) -> &[PolicyChange] {
        match self {
            ResourceSettings::Bucket(..) => &[],
            ResourceSettings::Key(_, key) => &key.policy_changes,
        }
    }

    fn policy(&self) -> Option<&Policy> {
        let written = match self {
            ResourceSettings::Bucket(_, bucket) => &bucket.policy,
            ResourceSettings::Key(_, key) => &key.policy,
        };
        written.as_ref().map(|p| p.policy.as_ref())
    }
}

/// What a refused request is counted under: the statement that denies it, with its file; or which policy does not
/// allow what.
fn refusal(decision: &Decision, action: &str, requester: &str, on: &str) -> String {
    if let Some(matched) = decision.denied_by() {
        return format!("{}/{}", matched.policy, matched.statement);
    }
    debug_assert!(decision.matched.iter().all(|m| m.effect == Effect::Allow));
    let missing = |kind: &PolicyKind| match kind {
        PolicyKind::Bucket | PolicyKind::Key => {
            format!("{on} does not allow requester.{requester} to call {action}")
        }
        PolicyKind::Identity => {
            format!("no identity policy allows requester.{requester} to call {action} on {on}")
        }
        other => format!(
            "the {} of requester.{requester} does not allow {action} on {on}",
            other.name()
        ),
    };
    decision.lacking.first().map(missing).unwrap_or_default()
}

/// CloudWatch Logs in a Region, as policies name it.
pub fn logs_service(region: &str) -> String {
    let suffix = if catalog::partition(region) == Some(Partition::China) {
        ".cn"
    } else {
        ""
    };
    format!("logs.{region}.amazonaws.com{suffix}")
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

/// The context keys that the workload writes out, over those that are made.
fn written_out(context: &mut Context, s: &WorkloadSettings) {
    for (key, value) in s.context.iter() {
        context.put(key, value.clone());
    }
}

fn partition(region: &str) -> &'static str {
    match catalog::partition(region) {
        Some(Partition::China) => "aws-cn",
        Some(Partition::GovCloud) => "aws-us-gov",
        Some(Partition::Commercial) | None => "aws",
    }
}

fn s3_arn(region: &str, resource: String) -> Arn {
    Arn {
        partition: partition(region).to_owned(),
        service: "s3".to_owned(),
        region: String::new(),
        account: String::new(),
        resource,
    }
}

/// Whether an operation is on a key.
fn names_a_key(operation: KmsOperation) -> bool {
    use KmsOperation as K;
    !matches!(
        operation,
        K::GenerateRandom
            | K::CreateKey
            | K::ListKeys
            | K::ListAliases
            | K::ListRetirableGrants
            | K::CreateCustomKeyStore
            | K::ConnectCustomKeyStore
            | K::DeleteCustomKeyStore
            | K::DescribeCustomKeyStores
            | K::DisconnectCustomKeyStore
            | K::UpdateCustomKeyStore
    )
}
