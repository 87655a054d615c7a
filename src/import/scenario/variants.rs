//! What the account could do next, as variants.

use super::super::fit::within::BURSTY;
use super::groups::{self, ChangedTogether};
use super::places::Places;
use super::workload::LoadStretch;
use crate::catalog;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How much larger the quota is that the variant asks for.
const LARGER: f64 = 1.5;

/// The variants' text.
pub fn text(stretch: &LoadStretch, places: &Places, together: &ChangedTogether) -> String {
    let mut all =
        String::from("\n# ----- variants: what the account could do next\n\n[variant.as-is]\n");
    let is_coarse = bursty(together, &mut all);
    for (variant, text) in bucket_keys(together)
        .into_iter()
        .chain(data_key_cache(together))
        .chain([quota(stretch, places)])
    {
        all.push_str(&text);
        if is_coarse {
            let _ = write!(
                all,
                "\n[variant.{variant}-bursty]\nextends = [\"{variant}\", \"bursty\"]\n"
            );
        }
    }
    all
}

/// Counts of minutes do not tell their seconds: the high end, of each variant. Whether there are such.
fn bursty(together: &ChangedTogether, all: &mut String) -> bool {
    let Some(name) = groups::named(groups::COUNTED_BY_PERIODS, &together.counted_by_periods) else {
        return false;
    };
    let _ = write!(
        all,
        "\n# The same counts, but uneven within their periods. Assumed: variance ÷ mean of a second {BURSTY}, a bursty\n\
         # production trace's; others have 1.3. A variant is the low end, the one whose name ends in bursty the high end.\n\
         [variant.bursty.workload.{name}.trace]\ndispersion = {BURSTY}\n"
    );
    true
}

fn bucket_keys(together: &ChangedTogether) -> Vec<(&'static str, String)> {
    let all = &together.without_bucket_keys;
    let Some(name) = groups::named(groups::WITHOUT_BUCKET_KEYS, all) else {
        return Vec::new();
    };
    vec![
        (
            "bucket-keys",
            format!(
                "\n# Bucket keys switched on: new objects share data keys. Objects that are there keep their own, so that\n\
                 # reads of them gain nothing.\n\
                 [variant.bucket-keys.bucket.{name}]\nbucket_key = true\nolder_objects = \"100%\"\narchived_bucket_keys = 1\n"
            ),
        ),
        (
            "bucket-keys-rewritten",
            format!(
                "\n# The same after all objects were rewritten (kmsim plan --migration). Assumed: over 30 days, which makes 17,280\n\
                 # bucket keys, and a million objects that are read alike.\n\
                 [variant.bucket-keys-rewritten.bucket.{name}]\nbucket_key = true\narchived_bucket_keys = 17_280\n"
            ),
        ),
    ]
}

/// A data-key cache in the applications that take and decrypt data keys themselves.
fn data_key_cache(together: &ChangedTogether) -> Option<(&'static str, String)> {
    let name = groups::named(groups::OWN_DATA_KEYS, &together.own_data_keys)?;
    let mut text = format!(
        "\n# A data-key cache in the clients of applications that take data keys themselves. Assumed: one encryption context,\n\
         # data keys used for 5 minutes and 100 messages, those that are decrypted taken by 100 producers (M107).\n\
         [variant.data-key-cache.workload.{name}]\ndata_key_cache = {{ max_age = \"5m\", capacity = 1_000, max_messages = 100 }}\n"
    );
    if let Some(name) = groups::named(groups::OWN_DECRYPTS, &together.own_decrypts) {
        let _ = write!(
            text,
            "[variant.data-key-cache.workload.{name}.encrypted_by]\nproducers = 100\nmessages_per_data_key = 100\n"
        );
    }
    Some(("data-key-cache", text))
}

fn quota(stretch: &LoadStretch, places: &Places) -> (&'static str, String) {
    let mut all = String::new();
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
    ("quota-increase", all)
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
