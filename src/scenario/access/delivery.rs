//! What a service that delivers files to a bucket sends along: on whose behalf it does.

use super::super::bucket::{BucketKind, BucketSettings};
use super::super::delivery::delivery;
use super::super::workload::WorkloadSettings;
use super::attached::Caller;
use super::decided::Access;
use super::names::partition;
use crate::access::Context;
use crate::access::arn::Arn;
use crate::catalog::{DeliveryRow, DeliverySource};

/// The refusal of a log file that S3 does not deliver to a bucket under SSE-KMS.
pub const SSE_S3_ONLY: &str = "S3 delivers server access logs to buckets under SSE-S3 only";

/// A service's delivery on behalf of somebody.
pub(super) struct DeliveryFor {
    pub row: &'static DeliveryRow,
    /// What it is for, `None`: AWS documents no ARN.
    source_arn: Option<String>,
    /// The account of that, twelve digits.
    source_account: String,
}

impl DeliveryFor {
    /// Context keys of its calls, to S3 and to KMS.
    pub fn add_source(&self, context: &mut Context) {
        if let Some(arn) = &self.source_arn {
            context.set("aws:SourceArn", arn.clone());
        }
        context.set("aws:SourceAccount", self.source_account.clone());
    }

    /// The pair that it adds to the encryption context.
    pub fn encryption_context(&self) -> Option<(String, String)> {
        self.row
            .encryption_context
            .clone()
            .zip(self.source_arn.clone())
    }
}

impl Access<'_> {
    /// What the requester of a workload delivers, if it is a service that does.
    pub(super) fn delivery(&self, s: &WorkloadSettings, caller: &Caller) -> Option<DeliveryFor> {
        let row = delivery(self.scenario.requester.get(&caller.requester)?)?;
        let (name, bucket) = self.scenario.bucket.get_key_value(s.bucket.as_deref()?)?;
        let written = |key: &str| s.context.single(key).map(str::to_owned);
        Some(DeliveryFor {
            row,
            source_arn: written("aws:SourceArn").or_else(|| {
                let source = self.source_arn(row.source_arn, caller, (name, bucket));
                source.map(|arn| arn.to_string())
            }),
            source_account: written("aws:SourceAccount")
                .unwrap_or_else(|| self.account_id(&caller.account)),
        })
    }

    /// What a service delivers for where the scenario does not say so: the account's first trail, or its first other
    /// bucket in the Region.
    fn source_arn(
        &self,
        source: DeliverySource,
        caller: &Caller,
        (name, bucket): (&str, &BucketSettings),
    ) -> Option<Arn> {
        let of_account = |service: &str, region: &str, resource: String| Arn {
            partition: partition(region).to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account: self.account_id(&caller.account),
            resource,
        };
        match source {
            DeliverySource::Trail => {
                let mut trails = self.scenario.trail.iter();
                let trail = trails.find(|(_, trail)| trail.account == caller.account);
                let regions = trail.and_then(|(_, trail)| trail.regions.as_ref());
                let region = regions
                    .and_then(|all| all.first())
                    .unwrap_or(&bucket.region);
                let trail = trail.map_or(&caller.requester, |(name, _)| name);
                Some(of_account("cloudtrail", region, format!("trail/{trail}")))
            }
            DeliverySource::Bucket => {
                let fits = |(other, settings): &(&String, &BucketSettings)| {
                    *other != name
                        && settings.kind == BucketKind::GeneralPurpose
                        && (&settings.account, &settings.region)
                            == (&caller.account, &bucket.region)
                };
                let other = self.scenario.bucket.iter().find(fits);
                let (source, settings) = other.map_or((name, bucket), |(n, b)| (n.as_str(), b));
                Some(self.bucket_arn(source, settings))
            }
            DeliverySource::Deliveries => {
                let source = format!("delivery-source:{}", caller.requester);
                Some(of_account("logs", &bucket.region, source))
            }
            DeliverySource::Account => None,
        }
    }
}
