//! What the account could do next, as variants.

use super::places::Places;
use super::workload::Stretch;
use crate::catalog;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How much larger the quota is that the variant asks for.
const LARGER: f64 = 1.5;

/// The variants' text.
pub fn text(stretch: &Stretch, places: &Places) -> String {
    let mut all =
        String::from("\n# ----- variants: what the account could do next\n\n[variant.as-is]\n");
    bursty(stretch, places, &mut all);
    bucket_keys(places, &mut all);
    quota(stretch, places, &mut all);
    all
}

/// Index of dispersion of seconds within a minute that is assumed as the high end: that of a bursty production trace
/// (AzureLLMInferenceTrace_code); another of the same publication has 1.3.
const BURSTY: f64 = 13.2;

/// Counts of minutes do not tell their seconds: the high end.
fn bursty(stretch: &Stretch, places: &Places, all: &mut String) {
    let coarse: Vec<&str> = stretch
        .workloads
        .iter()
        .zip(&places.workloads)
        .filter(|(w, _)| w.at.period > 1)
        .map(|(_, place)| place.name.as_str())
        .collect();
    if coarse.is_empty() {
        return;
    }
    let _ = writeln!(
        all,
        "\n# The same counts, but uneven within their periods. Assumed: variance ÷ mean of a second {BURSTY}, a bursty\n\
         # production trace's; others have 1.3. as-is is the low end, this the high end."
    );
    for name in coarse {
        let _ = writeln!(
            all,
            "[variant.bursty.workload.{name}.trace]\ndispersion = {BURSTY}"
        );
    }
}

fn bucket_keys(places: &Places, all: &mut String) {
    let candidates: Vec<&String> = places
        .buckets
        .iter()
        .filter(|(_, b)| b.key.is_some() && !b.bucket_key && !b.dsse)
        .map(|(name, _)| name)
        .collect();
    if candidates.is_empty() {
        return;
    }
    all.push_str(
        "\n# Bucket keys switched on: new objects share data keys. Objects that are there keep their own, so that\n\
         # reads of them gain nothing.\n",
    );
    for name in &candidates {
        let _ = writeln!(
            all,
            "[variant.bucket-keys.bucket.{name}]\nbucket_key = true\nolder_objects = \"100%\"\narchived_bucket_keys = 1"
        );
    }
    all.push_str(
        "\n# The same after all objects were rewritten (kmsim plan --migration). Assumed: over 30 days, which makes 17,280\n\
         # bucket keys, and a million objects that are read alike.\n",
    );
    for name in &candidates {
        let _ = writeln!(
            all,
            "[variant.bucket-keys-rewritten.bucket.{name}]\nbucket_key = true\narchived_bucket_keys = 17_280"
        );
    }
}

fn quota(stretch: &Stretch, places: &Places, all: &mut String) {
    let mut limits: BTreeMap<(String, String), f64> = BTreeMap::new();
    for workload in &stretch.workloads {
        let account = places.accounts[&workload.at.account].clone();
        let region = workload.at.region.clone();
        let code = "L-6E3AF000".to_owned();
        let stated = places.quotas.get(&(account.clone(), region.clone(), code));
        let default = catalog::quota_by_name("symmetric").and_then(|q| q.default_limit(&region));
        if let Some(limit) = stated.copied().or(default.map(|d| d.per_s())) {
            limits.insert((account, region), limit);
        }
    }
    let _ = writeln!(
        all,
        "\n# A quota {LARGER} times as large, asked for at Service Quotas."
    );
    for ((account, region), limit) in limits {
        let larger = (limit * LARGER).ceil();
        let name = quota_name(places, &account, &region, "L-6E3AF000");
        let _ = writeln!(
            all,
            "[variant.quota-increase.quota.{name}]\naccount = \"{account}\"\nregion = \"{region}\"\ncode = \"symmetric\"\nlimit = \"{larger}/s\""
        );
    }
}

/// The name of a quota's table, the same in the file and in its variants.
pub fn quota_name(places: &Places, account: &str, region: &str, code: &str) -> String {
    let id = catalog::quota_by_name(code).map_or(code, |q| q.id.as_str());
    let many = places.accounts.len() > 1;
    if many {
        format!("{id}-{account}-{region}")
    } else {
        format!("{id}-{region}")
    }
}
