//! Rewriting existing objects so that they get bucket keys: how long it takes, what it costs, when it has paid for
//! itself.
//!
//! Duration and cost are arithmetic: objects × the KMS calls and the S3 request of the operation, at a share of the
//! request quota. What it saves is simulated: the bucket as it is against the bucket with bucket keys behind all its
//! objects. Left out: objects too large for one copy, storage of old versions, and the fee of S3 Batch Operations.

use super::{Study, StudyError};
use crate::catalog::{self, S3OperationRow};
use crate::input::document::key_text;
use crate::results::{Estimate, VariantResults};
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
    /// The S3 operation.
    pub operation: String,
    /// KMS calls that one object needs, each on a data key of its own.
    pub calls_per_object: f64,
    /// The request quota \[1/s\].
    pub quota_per_s: f64,
    /// Share of it that may be used.
    pub share: f64,
    /// How long it takes \[s\].
    pub duration_s: f64,
    /// What the KMS calls cost, free tier aside \[USD\].
    pub cost_kms_usd: f64,
    /// What the S3 requests cost \[USD\].
    pub cost_s3_usd: f64,
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

/// Plans a migration.
///
/// # Errors
/// No such bucket, one without a KMS key, an operation that rewrites nothing; a price that is not known.
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
    // The new data key comes from the bucket key: what stays is on the old one.
    let on_old = |side| !matches!(side, catalog::NeedSide::Destination);
    let calls = row.needs.iter().filter(|n| on_old(n.on)).count().max(1) as f64;
    let code = catalog::quota_by_name("symmetric").map_or("", |q| q.code_or_id());
    let pool = format!("{}/{}/{code}", bucket.account, bucket.region);
    let before = study.run(&[], &[], study.seed)?;
    let default = || {
        let limit = catalog::quota_by_name(code)?.default_limit(&bucket.region)?;
        Some(limit.per_s())
    };
    let quota = before.by_quota.get(&pool).map(|q| q.quota).or_else(default);
    let Some(quota) = quota else {
        return Err(StudyError::question(
            format!("the request quota in {} is unknown", bucket.region),
            "write a `[quota.NAME]` with `limit`",
        ));
    };
    let duration_s = q.objects as f64 * calls / (quota * q.share);
    let a = &scenario.assumption;
    let lifetimes = (duration_s / a.bucket_key_lifetime.as_secs_f64())
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
    let price = |item: &str| -> Result<f64, StudyError> {
        let price = variant
            .plan
            .prices
            .price(item, &bucket.region)
            .map_err(|source| crate::run::RunError::Bill {
                variant: study.variant.clone(),
                source,
            })?;
        Ok(price.usd.to_f64().unwrap_or(f64::NAN))
    };
    let objects = q.objects as f64;
    let cost_kms_usd = objects * calls * price("kms-requests")?;
    let cost_s3_usd = match row.billing.item() {
        Some(item) => objects * price(item)?,
        None => 0.0,
    };
    let measured = (variant.plan.horizon_s - variant.plan.warm_up_s) as f64;
    let saving_per_month = saved(
        &before,
        &after,
        "cost_total_usd_per_month",
        "USD/month",
        1.0,
    );
    let saving = saving_per_month.mean.filter(|s| *s > 0.0);
    let mut notes = Vec::new();
    if saving_per_month.mean.is_none() {
        notes.push(
            "jobs and one-off traces have no monthly cost, so there is no payback time".to_owned(),
        );
    }
    if row.evidence == catalog::Evidence::Undocumented {
        notes.push(format!(
            "the KMS calls of {} are an assumption: {}",
            row.id, row.because
        ));
    }
    let rate = |r: &VariantResults| r.metrics["throttle_rate"].mean;
    Ok(Migration {
        bucket: q.bucket.to_owned(),
        objects: q.objects,
        operation: row.id.clone(),
        calls_per_object: calls,
        quota_per_s: quota,
        share: q.share,
        duration_s,
        cost_kms_usd,
        cost_s3_usd,
        archived_bucket_keys: keys,
        calls_saved_per_s: saved(&before, &after, "kms_calls", "1/s", measured),
        throttle_rate: [rate(&before), rate(&after)],
        paid_back_after_days: saving.map(|s| (cost_kms_usd + cost_s3_usd) / s * 30.0),
        saving_per_month,
        notes,
    })
}

/// An operation that writes an object anew.
fn operation(id: &str) -> Result<&'static S3OperationRow, StudyError> {
    const REWRITE: [&str; 3] = [
        "CopyObject",
        "UpdateObjectEncryption",
        "UpdateObjectEncryptionKeyChange",
    ];
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
