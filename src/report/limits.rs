//! Which limit is reached first as traffic grows: a request quota of KMS, or a request rate of S3.

use crate::catalog::limit_name;
use crate::metrics::number;
use crate::results::{QuotaResults, VariantResults};

/// A limit that a variant met, or came near to.
struct Limit<'v> {
    name: &'v str,
    results: &'v QuotaResults,
    headroom: f64,
}

impl Limit<'_> {
    fn text(&self) -> String {
        let id = "quota_headroom";
        let mut text = format!(
            "{} ({}, headroom {}",
            limit_name(self.name),
            number::value("", "1/s", self.results.quota),
            number::value(id, "1", self.headroom),
        );
        if let Some(at) = self.results.first_throttled_at_s {
            text += &format!(", throttles from {} on", number::instant(at));
        }
        text + ")"
    }
}

/// The limit with the least headroom and the next of the other service, in a sentence; `None` where S3's request
/// rates are not limited.
pub fn first(v: &VariantResults) -> Option<String> {
    let of_s3 = v.by_s3_request_rate.iter().filter_map(|(name, results)| {
        Some(Limit {
            name,
            results,
            headroom: results.metrics.get("s3_headroom")?.mean?,
        })
    });
    let s3 = of_s3.min_by(|a, b| a.headroom.total_cmp(&b.headroom))?;
    let kms = v.tightest_quota().and_then(|(name, results)| {
        Some(Limit {
            name,
            results,
            headroom: results.metrics.get("quota_headroom")?.mean?,
        })
    });
    let (first, next) = match kms {
        Some(kms) if kms.headroom <= s3.headroom => (kms, Some(s3)),
        kms => (s3, kms),
    };
    let next = next.map_or(String::new(), |limit| format!("; next: {}", limit.text()));
    Some(format!("Binding limit: {}{next}.", first.text()))
}
