//! What a kind of request is asked for: the permissions of S3, or of another service, first, then those of the KMS calls on its list, in their
//! order; the first that is missing ends it.
//!
//! Where a bucket holds objects of both kinds, each kind is asked for its own call, and a refusal of one ends the
//! requests for that kind only.
//!
//! KMS operations that name no key (ListKeys, GenerateRandom, …) are asked of the caller's own policies.

use super::super::bucket::{BucketKind, BucketSettings, Encryption};
use super::super::workload::WorkloadSettings;
use super::attached::{Caller, ResourceSettings};
use super::calls::CallMade;
use super::decided::{Access, Check};
use super::delivery::SSE_S3_ONLY;
use crate::access::arn::Arn;
use crate::access::{Principal, Request};
use crate::catalog::{self, KmsOperation, NeedSide, PermissionSide, S3OperationRow};

/// The refusal of a plain-HTTP request for an object under KMS, which S3 makes itself.
pub const NO_TLS: &str = "S3 requires TLS for objects under SSE-KMS";

/// A kind of request: who sends it, the KMS calls that it makes, and what policies say.
#[derive(Clone, Debug)]
pub struct RequestKind {
    /// Who sends it.
    pub principal: Principal,
    /// The same, as a requester of an account.
    pub caller: Caller,
    /// Its KMS calls, in order.
    pub calls: Vec<CallMade>,
    /// The permissions that it was asked for, in order, up to the refusal that ends all of its requests.
    pub checks: Vec<Check>,
    /// Why S3 itself refuses it, whatever policies say: [`NO_TLS`] or [`SSE_S3_ONLY`].
    pub refused: Option<&'static str>,
}

impl RequestKind {
    /// The refusal of a call, `None`: it is allowed, or was not asked.
    pub fn refusal(&self, call: usize) -> Option<&Check> {
        let mut checks = self.checks.iter();
        checks.find(|c| c.call == Some(call) && c.refusal.is_some())
    }

    /// What S3, or another service, itself does not permit.
    pub fn s3_refusal(&self) -> Option<&Check> {
        let mut checks = self.checks.iter();
        checks.find(|c| c.call.is_none() && c.refusal.is_some())
    }

    /// The calls of a need, by number.
    pub fn calls_of(&self, need: usize) -> impl Iterator<Item = usize> {
        let calls = self.calls.iter().enumerate();
        calls
            .filter(move |(_, call)| call.need == need)
            .map(|(i, _)| i)
    }

    /// How many needs it has.
    pub fn needs(&self) -> usize {
        self.calls.last().map_or(0, |call| call.need + 1)
    }
}

impl<'a> Access<'a> {
    /// What a workload's requests for an operation are, and what they are asked for.
    pub fn request_kind(
        &self,
        s: &'a WorkloadSettings,
        operation: &str,
        requester: &str,
    ) -> RequestKind {
        let bucket = s.bucket.as_ref().and_then(|b| self.scenario.bucket.get(b));
        let key = s.key.as_ref().and_then(|k| self.scenario.key.get(k));
        let (account, region) = match (bucket, key) {
            (Some(bucket), _) => (&*bucket.account, &*bucket.region),
            (None, Some(key)) => (&*key.account, &*key.region),
            (None, None) => ("", ""),
        };
        let caller = self.caller(requester, account);
        let row = catalog::s3_operation(operation).filter(|_| bucket.is_some());
        let mut kind = RequestKind {
            principal: self.principal(&caller, region),
            calls: self.calls(s, operation, &caller),
            checks: Vec::new(),
            refused: row.and_then(|row| self.refused_by_s3(s, row, &caller)),
            caller,
        };
        if let Some(row) = row {
            self.ask_s3(&mut kind, s, row);
        }
        if let Some(service) = &s.service
            && let Some(row) = service.row.operation(operation)
        {
            self.ask_service(&mut kind, s, service, row);
        }
        if kind.s3_refusal().is_none() && kind.refused.is_none() {
            self.ask_kms(&mut kind, s);
        }
        kind
    }

    /// Why S3 itself refuses a request.
    fn refused_by_s3(
        &self,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
        caller: &Caller,
    ) -> Option<&'static str> {
        let under_kms = || {
            let in_force = self.in_force(s, row, NeedSide::Object);
            in_force.is_some_and(|f| f.encryption != Encryption::SseS3)
        };
        if self.needs_tls(s, row) {
            return Some(NO_TLS);
        }
        let delivery = self.delivery(s, caller);
        let takes_none = delivery.is_some_and(|d| !d.row.sse_kms) && under_kms();
        takes_none.then_some(SSE_S3_ONLY)
    }

    /// Asks for the permissions of S3.
    fn ask_s3(&self, kind: &mut RequestKind, s: &'a WorkloadSettings, row: &S3OperationRow) {
        let mut in_sessions: Vec<&str> = Vec::new();
        for permission in &row.permissions {
            let side = match permission.on {
                PermissionSide::Source => NeedSide::Source,
                PermissionSide::Object | PermissionSide::Bucket => NeedSide::Object,
            };
            let Some((name, bucket)) = self.bucket_of(s, side) else {
                continue;
            };
            // A session of a directory bucket may do what its mode says.
            let (action, resource) = match (bucket.kind, permission.on) {
                (BucketKind::Directory, _) if in_sessions.contains(&name) => continue,
                (BucketKind::Directory, _) => {
                    in_sessions.push(name);
                    (catalog::session_action(), self.bucket_arn(name, bucket))
                }
                (BucketKind::GeneralPurpose, PermissionSide::Bucket) => {
                    (&*permission.action, self.bucket_arn(name, bucket))
                }
                (BucketKind::GeneralPurpose, PermissionSide::Object | PermissionSide::Source) => (
                    &*permission.action,
                    self.object_arn(name, bucket, &s.object),
                ),
            };
            if !self.ask_bucket(kind, (s, row), (name, bucket), action, resource) {
                return;
            }
        }
    }

    fn ask_bucket(
        &self,
        kind: &mut RequestKind,
        (s, row): (&'a WorkloadSettings, &S3OperationRow),
        (name, bucket): (&str, &BucketSettings),
        action: &str,
        resource: Arn,
    ) -> bool {
        let settings = ResourceSettings::Bucket(name, bucket);
        if self.goes_without_saying(&kind.caller, settings) {
            return true;
        }
        let request = Request {
            principal: self.principal(&kind.caller, &bucket.region),
            action: action.to_owned(),
            resource,
            resource_account: self.account_id(&bucket.account),
            context: self.s3_context(s, row, &kind.caller, bucket),
        };
        self.ask(&mut kind.checks, &kind.caller, settings, request, None)
    }

    /// Asks for the permissions of the KMS calls.
    fn ask_kms(&self, kind: &mut RequestKind, s: &WorkloadSettings) {
        for need in 0..kind.needs() {
            let mut any_allowed = false;
            for call in kind.calls_of(need).collect::<Vec<_>>() {
                any_allowed |= self.ask_call(kind, s, call);
            }
            if !any_allowed {
                return;
            }
        }
    }

    /// Asks for the permissions of a KMS call; false after a refusal.
    fn ask_call(&self, kind: &mut RequestKind, s: &WorkloadSettings, index: usize) -> bool {
        let call = &kind.calls[index];
        let operation = call.operation;
        let Some((name, key)) = self.scenario.key.get_key_value(&call.key) else {
            return true;
        };
        let on_key = operation.is_on_key();
        let own = ResourceSettings::Key(name, key);
        if on_key && self.goes_without_saying(&kind.caller, own) {
            return true;
        }
        let account = if on_key {
            &key.account
        } else {
            &kind.caller.account
        };
        let mut resource = self.key_arn(key);
        if !on_key {
            resource.account = self.account_id(account);
            resource.resource = "*".to_owned();
        }
        let request = Request {
            principal: self.principal(&kind.caller, &key.region),
            action: String::new(),
            resource,
            resource_account: self.account_id(account),
            context: self.kms_context(s, &kind.caller, call, key),
        };
        let caller = kind.caller.clone();
        let actions = actions(operation);
        let mut requests = std::iter::repeat_n(request, actions.len()).zip(actions);
        requests.all(|(mut request, action)| {
            request.action = format!("kms:{action}");
            let settings = if on_key {
                ResourceSettings::Key(name, key)
            } else {
                ResourceSettings::Account(&caller.account)
            };
            let of_call = Some((index, operation));
            self.ask(&mut kind.checks, &caller, settings, request, of_call)
        })
    }
}

/// The actions that an operation is, without `kms:`.
fn actions(operation: KmsOperation) -> Vec<&'static str> {
    if operation == KmsOperation::ReEncrypt {
        vec!["ReEncryptFrom", "ReEncryptTo"]
    } else {
        vec![operation.name()]
    }
}
