//! Rewriting existing objects so that they get bucket keys: how long it takes, what it costs, when it has paid for
//! itself.
//!
//! Duration and cost are arithmetic: objects × the KMS calls and the S3 request of the operation, at the pace that the
//! tightest limit allows, with the fee of S3 Batch Operations. What it saves is simulated: the bucket as it is against the
//! bucket with bucket keys behind all its objects. Left out: objects too large for one copy, the list of the objects, and
//! storage of old versions.

use super::{Study, StudyError};
use crate::catalog::{self, S3OperationRow, limit_name};
use crate::input::document::key_text;
use crate::model::source::bucket_key::older::Decline;
use crate::results::{Estimate, VariantResults};
use crate::scenario::Variant;
use crate::scenario::requester::Requester;
use num_traits::ToPrimitive;
use serde::Serialize;

/// What is asked.
#[derive(Clone, Debug)]
pub struct MigrationQuestion<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// Objects to rewrite.
    pub objects: u64,
    /// The S3 operation that rewrites one, an identifier of the catalog.
    pub operation: &'a str,
    /// Share of the request quota that it may use.
    pub share: f64,
}

/// What it comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Migration {
    /// The bucket.
    pub bucket: String,
    /// Objects to rewrite.
    pub objects: u64,
    /// The operation that was asked for.
    #[serde(flatten)]
    pub way: MigrationWay,
    /// Other operations that would do.
    pub others: Vec<MigrationWay>,
    /// The request quota \[1/s\].
    pub quota_per_s: f64,
    /// Share of it that may be used.
    pub share: f64,
    /// Bucket keys behind the objects afterwards.
    pub archived_bucket_keys: u64,
    /// What a month costs less afterwards \[USD/month\]; no mean where a month's cost has no meaning.
    pub saving_per_month: Estimate,
    /// KMS calls a second that are gone afterwards \[1/s\].
    pub calls_saved_per_s: Estimate,
    /// Throttle rate before and after.
    pub throttle_rate: [Option<f64>; 2],
    /// Days after its end until the savings have paid for it; `None` where they never do.
    pub paid_back_after_days: Option<f64>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// An operation that rewrites the objects.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationWay {
    /// The S3 operation.
    pub operation: String,
    /// KMS calls that one object needs, each on a data key of its own.
    pub calls_per_object: f64,
    /// What limits it.
    pub limits: Vec<MigrationLimit>,
    /// Objects a second, by the tightest of them \[1/s\].
    pub objects_per_s: f64,
    /// How long it takes \[s\].
    pub duration_s: f64,
    /// What the KMS calls cost, free tier aside \[USD\].
    pub cost_kms_usd: f64,
    /// What the S3 requests cost \[USD\].
    pub cost_s3_usd: f64,
    /// What S3 Batch Operations charges for one job and its objects \[USD\].
    pub cost_batch_usd: f64,
}

/// A limit that the simulation knows, and what a migration may use of it.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationLimit {
    /// The quota, or S3's request rate.
    pub name: String,
    /// What may be used \[1/s\].
    pub per_s: f64,
    /// Objects a second that this allows \[1/s\].
    pub objects_per_s: f64,
}

impl MigrationWay {
    /// What it costs in all \[USD\].
    pub fn cost_usd(&self) -> f64 {
        self.cost_kms_usd + self.cost_s3_usd + self.cost_batch_usd
    }

    /// The limit that sets its pace.
    pub fn tightest(&self) -> Option<&MigrationLimit> {
        let limits = self.limits.iter();
        limits.min_by(|a, b| a.objects_per_s.total_cmp(&b.objects_per_s))
    }
}

/// Operations that rewrite objects: copies, and new encryption without one.
const REWRITE: [&str; 3] = [
    "CopyObject",
    "UpdateObjectEncryption",
    "UpdateObjectEncryptionKeyChange",
];

/// Those that are shown beside the one that is asked for: copy, or leave the object where it is.
const SHOWN: [&str; 2] = ["CopyObject", "UpdateObjectEncryptionKeyChange"];

/// Plans a migration.
///
/// # Errors
/// No such bucket, one without a KMS key, an operation that rewrites nothing; no room under S3's request rate; a price
/// that is not known.
pub fn migration(study: &Study, q: &MigrationQuestion<'_>) -> Result<Migration, StudyError> {
    let variant = study.with(&[], &[])?;
    let scenario = &variant.scenario;
    let Some(bucket) = scenario.bucket.get(q.bucket) else {
        let names: Vec<&str> = scenario.bucket.keys().map(String::as_str).collect();
        return Err(StudyError::question(
            format!("unknown bucket `{}`", q.bucket),
            if names.is_empty() {
                "the scenario has no buckets".to_owned()
            } else {
                format!("its buckets: {}", names.join(", "))
            },
        ));
    };
    if bucket.encryption != crate::scenario::bucket::Encryption::SseKms {
        return Err(StudyError::question(
            format!("bucket `{}` is not under SSE-KMS", q.bucket),
            "bucket keys are for SSE-KMS only",
        ));
    }
    let row = operation(q.operation)?;
    let before = study.run(&[], &[], study.seed)?;
    let planned = Planned {
        study,
        q,
        variant: &variant,
        before: &before,
    };
    let way = planned.way(row)?;
    let others = SHOWN.iter().filter(|id| **id != row.id);
    let others = others.map(|id| planned.way(operation(id)?));
    let others: Vec<MigrationWay> = others.collect::<Result<_, StudyError>>()?;
    let a = &scenario.assumption;
    let lifetimes = (way.duration_s / a.bucket_key_lifetime.as_secs_f64())
        .ceil()
        .max(1.0);
    let keys = (lifetimes * f64::from(a.bucket_key_fanout))
        .min(q.objects as f64)
        .clamp(1.0, 10_000_000.0) as u64;
    let name = key_text(q.bucket);
    let sets = [
        format!("bucket.{name}.bucket_key=true"),
        format!("bucket.{name}.older_objects=0"),
        format!("bucket.{name}.archived_bucket_keys={keys}"),
    ];
    let after = study.run(&[], &sets, study.seed)?;
    let saving_per_month = saved(
        &before,
        &after,
        "cost_total_usd_per_month",
        "USD/month",
        1.0,
    );
    let decline = if bucket.bucket_key {
        bucket.older().decline
    } else {
        Decline::Never
    };
    let paid_back_after_days = saving_per_month.mean.filter(|s| *s > 0.0).and_then(|s| {
        let measured = (variant.plan.warm_up_s as f64, variant.plan.horizon_s as f64);
        paid_back_s(decline, measured, s, way.cost_usd(), way.duration_s)
    });
    let mut notes = planned.notes(row, &way);
    if saving_per_month.mean.is_none() {
        notes.push(
            "jobs and one-off traces have no monthly cost, so there is no payback time".to_owned(),
        );
    }
    if let (Some(half), Some(tenth)) = (decline.time_until(0.5), decline.time_until(0.1)) {
        notes.push(format!(
            "without a migration the share of reads of older objects falls by half in {:.0} days, and to a tenth in {:.0}; the saving falls with it",
            half / DAY_S,
            tenth / DAY_S
        ));
    }
    let rate = |r: &VariantResults| r.metrics["throttle_rate"].mean;
    Ok(Migration {
        bucket: q.bucket.to_owned(),
        objects: q.objects,
        quota_per_s: way.limits.first().map_or(0.0, |l| l.per_s / q.share),
        share: q.share,
        archived_bucket_keys: keys,
        calls_saved_per_s: saved(&before, &after, "kms_calls", "1/s", planned.measured_s()),
        throttle_rate: [rate(&before), rate(&after)],
        paid_back_after_days: paid_back_after_days.map(|s| s / DAY_S),
        saving_per_month,
        way,
        others,
        notes,
    })
}

const DAY_S: f64 = 86_400.0;

/// Seconds after its end (`duration` from now on) until savings of `per_month` have paid a migration of `cost`. The saving
/// is the mean of what was `measured`, from and to \[s\], and falls as the older objects do by themselves.
fn paid_back_s(
    decline: Decline,
    measured: (f64, f64),
    per_month: f64,
    cost: f64,
    duration: f64,
) -> Option<f64> {
    let mean = decline.sum(measured.0, measured.1) / (measured.1 - measured.0);
    let at_start = per_month / (30.0 * DAY_S) / mean;
    let end = decline.time_of_sum(duration, cost / at_start)?;
    Some(end - duration)
}

/// A migration of one bucket, on what its variant does today.
struct Planned<'a> {
    study: &'a Study,
    q: &'a MigrationQuestion<'a>,
    variant: &'a Variant,
    before: &'a VariantResults,
}

/// The workload that stands for it where limits are looked up.
const WORKLOAD: &str = "kmsim-migration";

impl Planned<'_> {
    fn measured_s(&self) -> f64 {
        (self.variant.plan.horizon_s - self.variant.plan.warm_up_s) as f64
    }

    /// What an operation comes to.
    fn way(&self, row: &S3OperationRow) -> Result<MigrationWay, StudyError> {
        // The new data key comes from the bucket key: what stays is on the old one.
        let on_old = |side| !matches!(side, catalog::NeedSide::Destination);
        let calls = row.needs.iter().filter(|n| on_old(n.on)).count().max(1) as f64;
        let limits = self.limits(row, calls)?;
        let objects_per_s = limits.iter().map(|l| l.objects_per_s);
        let objects_per_s = objects_per_s.fold(f64::INFINITY, f64::min);
        let objects = self.q.objects as f64;
        let cost_s3_usd = match row.billing.item() {
            Some(item) => objects * self.price(item)?,
            None => 0.0,
        };
        Ok(MigrationWay {
            operation: row.id.clone(),
            calls_per_object: calls,
            limits,
            objects_per_s,
            duration_s: objects / objects_per_s,
            cost_kms_usd: objects * calls * self.price("kms-requests")?,
            cost_s3_usd,
            cost_batch_usd: self.price("s3-batch-jobs")?
                + objects * self.price("s3-batch-objects")?,
        })
    }

    fn price(&self, item: &str) -> Result<f64, StudyError> {
        let region = &self.variant.scenario.bucket[self.q.bucket].region;
        let price = self.variant.plan.prices.price(item, region);
        let price = price.map_err(|source| crate::run::RunError::Bill {
            variant: self.study.variant.clone(),
            source,
        })?;
        Ok(price.usd.to_f64().unwrap_or(f64::NAN))
    }

    /// Who rewrites the objects: one who asks for them already, else one of the bucket's account; `None`: the file declares
    /// nobody.
    fn requester(&self, owner: &str) -> Option<(&String, &Requester)> {
        let all = &self.variant.scenario.requester;
        let asks = |name: &String| {
            let mut workloads = self.variant.scenario.workload.values();
            workloads.any(|w| {
                w.bucket.as_deref() == Some(self.q.bucket) && w.requester.as_ref() == Some(name)
            })
        };
        let asking = all.iter().find(|(name, _)| asks(name));
        let of_owner = || all.iter().find(|(_, r)| r.account == owner);
        asking.or_else(of_owner).or_else(|| all.first())
    }

    /// The limits of an operation: the request quotas that its KMS calls draw on, at the share that it may use, and what
    /// the variant's own requests leave of S3's request rate. They are those of a workload that sends it.
    fn limits(&self, row: &S3OperationRow, calls: f64) -> Result<Vec<MigrationLimit>, StudyError> {
        let bucket = &self.variant.scenario.bucket[self.q.bucket];
        let own = |key: &str| format!("workload.{WORKLOAD}.{key}");
        let who = self.requester(&bucket.account);
        let mut sets = vec![
            format!("{}={:?}", own("bucket"), self.q.bucket),
            format!("{}=1", own(&format!("operations.{}", row.id))),
            // Each session is a client.
            format!("{}={}", own("clients"), who.map_or(1, |(_, r)| r.sessions)),
            format!("{}=none", own("retry")),
            format!("{}=1/day", own("arrivals.constant.rate")),
            format!("{}=1", own("popularity.uniform.objects")),
        ];
        if let Some((name, _)) = who {
            sets.push(format!("{}={name:?}", own("requester")));
        }
        if bucket.archived_bucket_keys.is_none() && bucket.archive_age.is_none() {
            let name = key_text(self.q.bucket);
            sets.push(format!("bucket.{name}.archived_bucket_keys=1"));
        }
        let plan = self.study.with(&[], &sets)?.plan;
        let class = plan
            .classes
            .iter()
            .find(|c| plan.workloads[c.workload].name == WORKLOAD);
        let Some(class) = class else {
            return Ok(Vec::new());
        };
        let in_force = |q: usize| {
            let mut steps = plan.quotas[q].steps.iter().rev();
            let step = steps.find(|s| s.from_s <= plan.warm_up_s);
            step.map_or(0.0, |s| s.per_second())
        };
        let mut quotas: Vec<usize> = Vec::new();
        // The account's, which every call draws on, comes last in each step.
        for kms_step in &plan.kms_steps[class.kms_step_range()] {
            for &q in kms_step.quotas.iter().rev() {
                if !quotas.contains(&q) {
                    quotas.push(q);
                }
            }
        }
        let mut limits: Vec<MigrationLimit> = quotas
            .into_iter()
            .map(|q| {
                let per_s = in_force(q) * self.q.share;
                MigrationLimit {
                    name: plan.quotas[q].name.clone(),
                    per_s,
                    objects_per_s: per_s / calls,
                }
            })
            .collect();
        if let Some(q) = class.request_rate {
            let name = &plan.quotas[q].name;
            let present = self.before.by_s3_request_rate.get(name);
            let present = present.and_then(|r| r.metrics.get("s3_attempts")?.mean);
            let left = in_force(q) - present.unwrap_or(0.0) / self.measured_s();
            if left <= 0.0 {
                return Err(StudyError::question(
                    format!(
                        "the variant's own requests leave nothing of S3's request rate for {} ({}/s)",
                        limit_name(name),
                        in_force(q)
                    ),
                    "spread the bucket over more `prefixes`",
                ));
            }
            limits.push(MigrationLimit {
                name: name.clone(),
                per_s: left,
                objects_per_s: left,
            });
        }
        Ok(limits)
    }

    /// What there is to know of an operation and its limits.
    fn notes(&self, row: &S3OperationRow, way: &MigrationWay) -> Vec<String> {
        let mut notes = Vec::new();
        if row.evidence == catalog::Evidence::Undocumented {
            notes.push(format!(
                "the KMS calls of {} are an assumption: {}",
                row.id, row.because
            ));
        }
        let bucket = &self.variant.scenario.bucket[self.q.bucket];
        if let Some(rate) = row.request_rate
            && bucket.prefixes.is_none()
        {
            let served = catalog::request_rates().per_s(rate) as f64;
            if way.objects_per_s > served {
                notes.push(format!(
                    "the scenario does not say how many prefixes the bucket has, so S3's {served} {}/s per prefix do not limit this: it takes at least {:.0} prefixes, and with one {:.1} h; write `prefixes`",
                    rate.name(),
                    (way.objects_per_s / served).ceil(),
                    self.q.objects as f64 / served / 3_600.0
                ));
            }
        }
        for limit in &way.limits {
            let pool = self.before.by_quota.get(&limit.name);
            let headroom = pool.and_then(|p| p.metrics.get("quota_headroom")?.mean);
            if let Some(left) = headroom.filter(|left| *left < self.q.share) {
                notes.push(format!(
                    "in its busiest second the variant leaves {:.0} % of the quota for {}, less than the {:.0} % that the migration uses: some calls would be throttled",
                    left.max(0.0) * 100.0,
                    limit_name(&limit.name),
                    self.q.share * 100.0
                ));
            }
        }
        notes.push(
            "not included: the list of the objects (S3 Inventory), copies of objects above 5 GB, storage of old versions".to_owned(),
        );
        notes
    }
}

/// An operation that writes an object anew.
fn operation(id: &str) -> Result<&'static S3OperationRow, StudyError> {
    let row = catalog::s3_operation(id).filter(|row| REWRITE.contains(&row.id.as_str()));
    row.ok_or_else(|| {
        StudyError::question(
            format!("`{id}` does not rewrite objects"),
            format!("operations that do: {}", REWRITE.join(", ")),
        )
    })
}

/// Before − after, replication by replication, divided by `by`.
fn saved(
    before: &VariantResults,
    after: &VariantResults,
    id: &str,
    unit: &str,
    by: f64,
) -> Estimate {
    let of = |r: &VariantResults| {
        r.metrics
            .get(id)
            .map(|e| e.values.clone())
            .unwrap_or_default()
    };
    let values = of(before).into_iter().zip(of(after));
    let differences = values.map(|(b, a)| Some((b? - a?) / by)).collect();
    Estimate::over(differences, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn savings_that_fall_pay_later_or_never() {
        let day = |d: f64| d * DAY_S;
        let of = |decline, cost| {
            let found = paid_back_s(decline, (0.0, 1.0), 30.0, cost, day(10.0));
            found.map(|s| s / DAY_S)
        };
        let near = |found: Option<f64>, days: f64| {
            let found = found.expect("a payback time");
            assert!((found - days).abs() < 1e-3 * days, "{found} {days}");
        };
        // A dollar a day.
        near(of(Decline::Never, 7.0), 7.0);
        // Ten days in, a half-life of 10 days leaves half a dollar a day, and 10 ÷ (2 ln 2) = 7.21 dollars in all.
        near(of(Decline::HalfLife(day(10.0)), 3.606_738), 10.0);
        assert_eq!(of(Decline::HalfLife(day(10.0)), 7.22), None);
        // Gone after 30 days: 20 days from two thirds of a dollar to nothing, of which half is spent after 5.86.
        near(of(Decline::Within(day(30.0)), 10.0 / 3.0), 5.857_86);
        assert_eq!(of(Decline::Within(day(30.0)), 6.67), None);
    }
}
