//! How accounts, buckets, keys, log groups and principals of a scenario are called in ARNs.

use super::super::bucket::{BucketKind, BucketSettings};
use super::super::key::KmsKeySettings;
use super::super::log_group::LogGroupSettings;
use super::attached::Caller;
use super::decided::Access;
use crate::access::Principal;
use crate::access::arn::Arn;
use crate::catalog::{self, Partition};

impl Access<'_> {
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

    /// The ARN of a bucket.
    pub fn bucket_arn(&self, name: &str, bucket: &BucketSettings) -> Arn {
        let partition = partition(&bucket.region).to_owned();
        match bucket.kind {
            BucketKind::GeneralPurpose => Arn {
                partition,
                service: "s3".to_owned(),
                region: String::new(),
                account: String::new(),
                resource: name.to_owned(),
            },
            BucketKind::Directory => Arn {
                partition,
                service: "s3express".to_owned(),
                region: bucket.region.clone(),
                account: self.account_id(&bucket.account),
                resource: format!("bucket/{name}"),
            },
        }
    }

    /// The ARN of an object.
    pub fn object_arn(&self, name: &str, bucket: &BucketSettings, object: &str) -> Arn {
        let mut arn = self.bucket_arn(name, bucket);
        arn.resource = format!("{}/{object}", arn.resource);
        arn
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

    /// The principal that sends requests to a Region.
    pub fn principal(&self, caller: &Caller, region: &str) -> Principal {
        let who = self.scenario.requester.get(&caller.requester);
        if let Some(principal) = who.and_then(|r| r.principal.clone()) {
            return principal;
        }
        let role = who.map_or(&caller.requester, |r| &r.role);
        Principal::Aws(Arn {
            partition: partition(region).to_owned(),
            service: "sts".to_owned(),
            region: String::new(),
            account: self.account_id(&caller.account),
            resource: format!("assumed-role/{role}/{}", caller.requester),
        })
    }

    /// Who sends requests under a name; a requester that the file does not declare is of the account `otherwise`.
    pub fn caller(&self, requester: &str, otherwise: &str) -> Caller {
        let declared = self.scenario.requester.get(requester);
        Caller {
            requester: requester.to_owned(),
            account: declared.map_or(otherwise, |r| &r.account).to_owned(),
        }
    }

    /// Whether two accounts are one, or members of one organization.
    pub fn same_organization(&self, a: &str, b: &str) -> bool {
        let of = |name: &str| self.scenario.account.get(name)?.organization.as_ref();
        a == b || of(a).is_some_and(|org| of(b) == Some(org))
    }
}

/// A service's endpoint in a Region, as policies name it.
pub(super) fn endpoint(service: &str, region: &str) -> String {
    let suffix = if catalog::partition(region) == Some(Partition::China) {
        ".cn"
    } else {
        ""
    };
    format!("{service}.{region}.amazonaws.com{suffix}")
}

/// CloudWatch Logs in a Region, as policies name it.
pub fn logs_service(region: &str) -> String {
    endpoint("logs", region)
}

pub(super) fn partition(region: &str) -> &'static str {
    match catalog::partition(region) {
        Some(Partition::China) => "aws-cn",
        Some(Partition::GovCloud) => "aws-us-gov",
        Some(Partition::Commercial) | None => "aws",
    }
}
