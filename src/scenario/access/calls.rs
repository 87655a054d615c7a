//! The KMS calls that a kind of request makes: the one list from which permissions, encryption context, caller, quota,
//! price, CloudTrail record and explanation follow.

use super::super::bucket::{BucketKind, BucketSettings, Encryption};
use super::super::key::ManagedBy;
use super::super::log_group::LogGroupSettings;
use super::super::workload::WorkloadSettings;
use super::attached::Caller;
use super::decided::Access;
use super::encryption::DataKeys;
use crate::access::ContextValue;
use crate::access::arn::Arn;
use crate::catalog::{self, KeySpec, KmsOperation, NeedSide, S3Need, S3OperationRow, ServiceRow};
use crate::model::source::OnlyFor;
use std::collections::BTreeMap;

/// A KMS call that requests of a kind make, or those of them that are for objects of one kind.
#[derive(Clone, Debug)]
pub struct CallMade {
    /// Which of the request's needs it is for: two calls of one need are for objects of different kinds.
    pub need: usize,
    /// The operation.
    pub operation: KmsOperation,
    /// The key, a name of the scenario.
    pub key: String,
    /// The alias by which the caller names it; `None`: by its ARN.
    pub key_alias: Option<String>,
    /// The bucket, a name of the scenario, whose objects or sessions it is for; `None`: S3 is not concerned.
    pub bucket: Option<String>,
    /// Another service that makes it, or for whose requests it is made.
    pub service: Option<&'static ServiceRow>,
    /// In whose name it is made.
    pub made: Made,
    /// The requests that make it; `None`: all.
    pub only_for: Option<OnlyFor>,
    /// What S3 may hold that makes it needless.
    pub held: HeldByS3,
    /// Its encryption context.
    pub encryption_context: BTreeMap<String, ContextValue>,
    /// The kind of the data key pair that it makes.
    pub pair_spec: Option<KeySpec>,
    /// Its price item, where that is not the operation's and the key's.
    pub charged_as: Option<&'static str>,
    /// Whether the encryption context names the object.
    pub names_object: bool,
}

impl CallMade {
    /// The service that makes it for whoever sends the request, as CloudTrail names it; `None`: nobody does.
    pub fn invoked_by(&self) -> Option<&'static str> {
        match (&self.bucket, self.service) {
            (Some(_), _) => Some(S3_FORWARD_ACCESS),
            (None, service) => service?.principal.as_deref(),
        }
    }
}

/// In whose name a KMS call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// By the requester itself.
    ByRequester,
    /// By S3, or another service, for the requester, in a forward access session.
    ForRequester,
    /// By a service that has taken on the requester's role.
    InServiceRole,
    /// By a service for itself.
    ByService,
}

/// What S3 may hold that makes a KMS call needless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldByS3 {
    /// Nothing.
    Nothing,
    /// A bucket key to write under.
    ToWrite,
    /// A bucket key to write under that a Decrypt has verified.
    Verified,
    /// The bucket key that the object was written under.
    ToRead,
    /// The key of a directory bucket's session.
    Session,
    /// The same, verified.
    SessionVerified,
}

/// Who calls KMS when S3 does so for somebody.
const S3_FORWARD_ACCESS: &str = "fas.s3.amazonaws.com";

/// The encryption context in which S3 uses a KMS key.
const S3_CONTEXT: &str = "aws:s3:arn";

/// The encryption context in which CloudWatch Logs uses a KMS key.
const LOGS_CONTEXT: &str = "aws:logs:arn";

impl<'a> Access<'a> {
    /// The KMS calls of a workload's requests for an operation of S3, of another service, or of KMS itself.
    pub fn calls(
        &self,
        s: &'a WorkloadSettings,
        operation: &str,
        caller: &Caller,
    ) -> Vec<CallMade> {
        if let Some(service) = &s.service {
            let operation = service.row.operation(operation);
            return operation.map_or_else(Vec::new, |operation| {
                self.service_calls(s, service, operation, caller)
            });
        }
        if s.bucket.is_none() {
            let operation = operation.parse::<KmsOperation>().ok();
            return operation
                .and_then(|operation| self.direct_call(s, operation))
                .into_iter()
                .collect();
        }
        let Some(row) = catalog::s3_operation(operation) else {
            return Vec::new();
        };
        let delivery = self.delivery(s, caller);
        // What CloudTrail writes is free, what other services deliver is not.
        let is_free = delivery.as_ref().is_none_or(|d| !d.row.kms_charged);
        let mut list = CallList {
            calls: Vec::new(),
            needs: 0,
            charged_as: row.kms_charged_as.as_deref().filter(|_| is_free),
            made: match (row.in_service_role, self.principal(caller, "").account()) {
                (_, None) => Made::ByService,
                (true, Some(_)) => Made::InServiceRole,
                (false, Some(_)) => Made::ForRequester,
            },
        };
        self.session_calls(&mut list, s, row);
        for &need in &row.needs {
            self.need_calls(&mut list, s, row, need);
        }
        if let Some((name, arn)) = delivery.and_then(|d| d.encryption_context()) {
            for call in &mut list.calls {
                let value = ContextValue::Single(arn.clone());
                call.encryption_context.entry(name.clone()).or_insert(value);
            }
        }
        list.calls
    }

    /// An application's own call.
    fn direct_call(&self, s: &WorkloadSettings, operation: KmsOperation) -> Option<CallMade> {
        let encryption_context = if operation.has_encryption_context() {
            s.encryption_context.clone()
        } else {
            BTreeMap::new()
        };
        Some(CallMade {
            need: 0,
            operation,
            key: self.key_called(s.key.as_deref())?.to_owned(),
            key_alias: s.key_alias.clone().filter(|_| operation.is_on_key()),
            bucket: None,
            service: None,
            made: Made::ByRequester,
            only_for: None,
            held: HeldByS3::Nothing,
            encryption_context,
            pair_spec: s.key_pair_spec.filter(|_| operation.makes_key_pair()),
            charged_as: None,
            names_object: false,
        })
    }

    /// What a client's session of a directory bucket needs: a key, and its verification, for as long as the session
    /// lives.
    fn session_calls(&self, list: &mut CallList, s: &WorkloadSettings, row: &S3OperationRow) {
        let Some((name, bucket)) = self.bucket_of_session(s, row) else {
            return;
        };
        let Some(key) = self.key_called(bucket.key.as_deref()) else {
            return;
        };
        let arn = self.bucket_arn(name, bucket);
        for (operation, held) in [
            (KmsOperation::GenerateDataKey, HeldByS3::Session),
            (KmsOperation::Decrypt, HeldByS3::SessionVerified),
        ] {
            list.need(|list| list.add(s, operation, (name, key), &arn, held));
        }
    }

    /// The directory bucket whose session requests for an operation are sent in.
    pub(super) fn bucket_of_session<'s>(
        &'s self,
        s: &'s WorkloadSettings,
        row: &S3OperationRow,
    ) -> Option<(&'s str, &'s BucketSettings)> {
        let name = s.bucket.as_deref()?;
        let bucket = self.scenario.bucket.get(name)?;
        let sends = bucket.kind == BucketKind::Directory && catalog::sends_in_session(row);
        sends.then_some((name, bucket))
    }

    /// The calls for one need of an S3 operation.
    fn need_calls(
        &self,
        list: &mut CallList,
        s: &'a WorkloadSettings,
        row: &S3OperationRow,
        need: S3Need,
    ) {
        let (Some(in_force), Some((name, bucket))) =
            (self.in_force(s, row, need.on), self.bucket_of(s, need.on))
        else {
            return;
        };
        let Some(key) = self.key_called(in_force.key) else {
            return;
        };
        // The session's key serves what is sent in it.
        let of_session = matches!(need.on, NeedSide::Object | NeedSide::Upload);
        if of_session && self.bucket_of_session(s, row).is_some() {
            return;
        }
        let data_keys = self.data_keys(s, row, need);
        let own_arn = match bucket.kind {
            BucketKind::GeneralPurpose => self.object_arn(name, bucket, &s.object),
            BucketKind::Directory => self.bucket_arn(name, bucket),
        };
        let own = |list: &mut CallList, only_for| {
            list.add(s, need.operation, (name, key), &own_arn, HeldByS3::Nothing);
            list.last(|call| {
                call.only_for = only_for;
                call.names_object = bucket.kind == BucketKind::GeneralPurpose;
            });
        };
        let bucket_arn = self.bucket_arn(name, bucket);
        let under_bucket_key = |list: &mut CallList, operation, held, only_for| {
            list.add(s, operation, (name, key), &bucket_arn, held);
            list.last(|call| call.only_for = only_for);
        };
        let verifies = self.scenario.assumption.bucket_key_verification;
        let held = match (need.on, need.operation) {
            (NeedSide::Upload, KmsOperation::Decrypt) if verifies => HeldByS3::Verified,
            (NeedSide::Upload, _) | (_, KmsOperation::GenerateDataKey | KmsOperation::Encrypt) => {
                HeldByS3::ToWrite
            }
            (_, KmsOperation::Decrypt) => HeldByS3::ToRead,
            _ => HeldByS3::Nothing,
        };
        let kinds = match data_keys {
            DataKeys::Own => {
                let times = match in_force.encryption {
                    Encryption::DsseKms => self.scenario.assumption.dsse_kms_calls,
                    Encryption::SseKms | Encryption::SseS3 | Encryption::SseC => 1,
                };
                for _ in 0..times {
                    list.need(|list| own(list, None));
                }
                return;
            }
            DataKeys::BucketKeys => None,
            DataKeys::Both(kinds) => Some(kinds),
        };
        let only = |own_data_key| {
            kinds.map(|kinds| OnlyFor {
                own_data_key,
                kinds,
            })
        };
        list.need(|list| {
            if kinds.is_some() {
                own(list, only(true));
            }
            under_bucket_key(list, need.operation, held, only(false));
        });
        if need.on == NeedSide::Replica && verifies {
            list.need(|list| {
                under_bucket_key(list, KmsOperation::Decrypt, HeldByS3::Verified, only(false));
            });
        }
    }

    /// A call of CloudWatch Logs for a log group.
    pub fn log_group_call(
        &self,
        name: &str,
        group: &LogGroupSettings,
        operation: KmsOperation,
    ) -> CallMade {
        let arn = self.log_group_arn(name, group).to_string();
        CallMade {
            need: 0,
            operation,
            key: group.key.clone(),
            key_alias: None,
            bucket: None,
            service: None,
            made: Made::ByService,
            only_for: None,
            held: HeldByS3::Nothing,
            encryption_context: [(LOGS_CONTEXT.to_owned(), ContextValue::Single(arn))].into(),
            pair_spec: None,
            charged_as: None,
            names_object: false,
        }
    }

    /// A key whose calls count; those of a key that AWS owns are nobody's.
    fn key_called<'k>(&self, key: Option<&'k str>) -> Option<&'k str> {
        let settings = self.scenario.key.get(key?)?;
        key.filter(|_| settings.managed_by != ManagedBy::AwsOwned)
    }
}

/// The calls of a request while they are listed.
struct CallList {
    calls: Vec<CallMade>,
    /// Needs so far.
    needs: usize,
    made: Made,
    charged_as: Option<&'static str>,
}

impl CallList {
    /// Adds the calls of one more need.
    fn need(&mut self, add: impl FnOnce(&mut CallList)) {
        add(self);
        self.needs += 1;
    }

    fn add(
        &mut self,
        s: &WorkloadSettings,
        operation: KmsOperation,
        (bucket, key): (&str, &str),
        arn: &Arn,
        held: HeldByS3,
    ) {
        let mut encryption_context = s.encryption_context.clone();
        let arn = || ContextValue::Single(arn.to_string());
        encryption_context
            .entry(S3_CONTEXT.to_owned())
            .or_insert_with(arn);
        self.calls.push(CallMade {
            need: self.needs,
            operation,
            key: key.to_owned(),
            // S3 has looked an alias up before it calls KMS.
            key_alias: None,
            bucket: Some(bucket.to_owned()),
            service: None,
            made: self.made,
            only_for: None,
            held,
            encryption_context,
            pair_spec: None,
            charged_as: self.charged_as,
            names_object: false,
        });
    }

    fn last(&mut self, change: impl FnOnce(&mut CallMade)) {
        if let Some(call) = self.calls.last_mut() {
            change(call);
        }
    }
}
