//! Names for people of limits, `main/eu-west-3/L-6E3AF000`, and of whoever pays, `main/eu-west-3`.

use super::quota::quota_by_name;
use super::region::region_name;

/// The account that a scenario has where it names none.
const ONLY_ACCOUNT: &str = "main";

/// A request quota of KMS, `account/region/quota-code[/store]`, or a request rate of S3,
/// `account/region/s3-reads/bucket[/workload]`, in words.
pub fn limit_name(name: &str) -> String {
    let mut parts = name.splitn(4, '/');
    let (Some(account), Some(region), Some(code)) = (parts.next(), parts.next(), parts.next())
    else {
        return name.to_owned();
    };
    let rest = parts.next();
    let place = region_name(region).unwrap_or(region);
    let what = match (code, rest) {
        ("s3-reads", Some(bucket)) => format!("S3 reads, {bucket}"),
        ("s3-writes", Some(bucket)) => format!("S3 writes, {bucket}"),
        (code, store) => {
            let row = quota_by_name(code).map(|row| row.name.as_str());
            let what = row.unwrap_or(code);
            let what = what.strip_suffix(" request rate").unwrap_or(what);
            let what = match what.split_once("operations (") {
                Some((_, kind)) => format!("KMS {} operations", kind.trim_end_matches(')')),
                None => format!("KMS {what}"),
            };
            store.map_or(what.clone(), |store| format!("{what}, key store {store}"))
        }
    };
    format!("{what} in {}", of_account(place, account))
}

/// Who pays a line of a bill, `account/region`, in words.
pub fn payer_name(payer: &str) -> String {
    match payer.rsplit_once('/') {
        Some((account, region)) => of_account(region_name(region).unwrap_or(region), account),
        None => payer.to_owned(),
    }
}

/// A place with the account, where a scenario names it.
fn of_account(place: &str, account: &str) -> String {
    match account {
        ONLY_ACCOUNT => place.to_owned(),
        account => format!("{place}, account {account}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_names() {
        for (name, expected) in [
            (
                "main/eu-west-3/L-6E3AF000",
                "KMS symmetric operations in Europe (Paris)",
            ),
            (
                "a/us-east-1/L-6E3AF000/hsm",
                "KMS symmetric operations, key store hsm in US East (N. Virginia), account a",
            ),
            (
                "main/us-east-1/s3-reads/b/w",
                "S3 reads, b/w in US East (N. Virginia)",
            ),
            ("odd", "odd"),
            ("a/nowhere/x", "KMS x in nowhere, account a"),
        ] {
            assert_eq!(limit_name(name), expected);
        }
    }
    #[test]
    fn who_pays_has_a_name() {
        assert_eq!(payer_name("main/us-east-1"), "US East (N. Virginia)");
        assert_eq!(payer_name("a/eu-west-3"), "Europe (Paris), account a");
        assert_eq!(payer_name("odd"), "odd");
    }
}
