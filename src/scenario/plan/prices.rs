//! What can be billed must have a price: better reported here than after hours.

use super::super::key::ManagedBy;
use super::builder::PlanBuilder;
use crate::catalog::{self};
use crate::input::diagnostic::{Code, Diagnostic, Place};
use crate::model::arrivals::Arrivals;
use indexmap::IndexMap;
use std::collections::HashMap;

impl<'a> PlanBuilder<'a> {
    /// Everything that can be billed must have a price: better reported here than after hours.
    pub(super) fn prices(&self) {
        let mut missing: IndexMap<(&str, &str), Place> = IndexMap::new();
        // A trace may name a million requesters, whose calls are priced alike.
        let mut known: HashMap<(&str, &str), bool> = HashMap::new();
        let mut need = |item: &'static str, region: &'a str, place: &Place| {
            let is_known = *known.entry((item, region)).or_insert_with(|| {
                let own = self.scenario.price.get(item);
                let has_own = own.is_some_and(|p| p.region.as_deref().is_none_or(|r| r == region));
                has_own || catalog::price(item, region).is_some()
            });
            if !is_known {
                missing
                    .entry((item, region))
                    .or_insert_with(|| place.clone());
            }
        };
        let trails = self.trails();
        for class in &self.classes {
            let Some(place) = self.place_of(class.workload) else {
                continue;
            };
            for kms_step in &self.kms_steps[class.kms_step_range()] {
                let Some((_, key)) = self.scenario.key.get_index(kms_step.key) else {
                    continue;
                };
                need(kms_step.price_item, &key.region, place);
                let owner = self.accounts.get_index_of(&key.account);
                let mut loggers = std::iter::once(kms_step.account).chain(owner);
                if loggers.any(|account| {
                    let (region, operation) = (kms_step.region, kms_step.operation);
                    let mut deliveries = trails.of_kms(account, region, operation);
                    deliveries.any(|d| d.billed > 0)
                }) {
                    need("cloudtrail-copies", &key.region, place);
                }
            }
            let bucket = class.bucket.and_then(|b| self.scenario.bucket.get_index(b));
            if let (Some(item), Some((_, bucket))) = (class.price_item, bucket) {
                need(item, &bucket.region, place);
                let lies_in = self.accounts.get_index_of(&bucket.account);
                let lies_in = lies_in.zip(self.regions.get_index_of(&bucket.region));
                if class
                    .bucket
                    .zip(lies_in)
                    .is_some_and(|(b, (account, region))| {
                        let of = |reads| trails.of_data((b, account, region), reads).next();
                        of(true).or(of(false)).is_some()
                    })
                {
                    need("cloudtrail-data-events", &bucket.region, place);
                }
            }
        }
        for s in self.scenario.workload.values() {
            let bucket = s.bucket.as_ref().and_then(|b| self.scenario.bucket.get(b));
            if let (Arrivals::Job(job), Some(bucket)) = (&s.arrivals, bucket)
                && job.batch_operations
            {
                need("s3-batch-jobs", &bucket.region, &s.place);
                need("s3-batch-objects", &bucket.region, &s.place);
            }
        }
        for group in self.scenario.log_group.values() {
            need("logs-ingestion", &group.region, &group.place);
        }
        for key in self.scenario.key.values() {
            if key.managed_by == ManagedBy::Customer {
                need("kms-keys", &key.region, &key.place);
            }
        }
        for ((item, region), place) in missing {
            self.faults.push(
                Diagnostic::error(
                    Code::NoDefault,
                    format!("unknown price of `{item}` in {region}"),
                )
                .at(place)
                .help(format!(
                    "write `[price.{item}]` with `usd = \"…\"` and `per = …`"
                )),
            );
        }
    }
}
