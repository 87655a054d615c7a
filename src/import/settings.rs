//! What the AWS CLI prints of settings: quotas in force, a bucket's encryption, a trail's event selectors.

use super::cloudtrail::event::excludes_kms;
use super::evidence::fact::{BucketFact, Fact, QuotaFact, Sse};
use super::evidence::finding::{FileEnd, Findings};
use super::head::Head;
use super::lines;
use super::window::Window;
use serde_json::Value;

/// Whether it is what `aws service-quotas` prints.
pub fn is_quotas(head: &Head) -> bool {
    head.has_any(&["Quotas", "Quota"])
}

/// Whether it is what `aws s3api get-bucket-encryption` prints.
pub fn is_encryption(head: &Head) -> bool {
    head.has_any(&["ServerSideEncryptionConfiguration"])
}

/// Whether it is what `aws cloudtrail get-event-selectors` prints.
pub fn is_selectors(head: &Head) -> bool {
    head.has_any(&["EventSelectors", "AdvancedEventSelectors"])
}

/// Reads quotas.
pub fn quotas(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut place = (String::new(), String::new());
    lines::documents(window, findings, |page, findings| {
        let one = page.get("Quota").into_iter();
        let all: Vec<&Value> = page["Quotas"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(one)
            .collect();
        for quota in all {
            findings.seen += 1;
            let text = |key: &str| quota[key].as_str().unwrap_or_default();
            // arn:aws:servicequotas:REGION:ACCOUNT:kms/L-…; some quotas have none, and are of the same account.
            let arn: Vec<&str> = text("QuotaArn").split(':').collect();
            if let [_, _, _, region, account, ..] = arn[..] {
                place = (account.to_owned(), region.to_owned());
            }
            let unit = match quota["Period"]["PeriodUnit"].as_str() {
                Some("MICROSECOND") => Some(1e-6),
                Some("MILLISECOND") => Some(1e-3),
                Some("SECOND") => Some(1.0),
                Some("MINUTE") => Some(60.0),
                Some("HOUR") => Some(3_600.0),
                Some("DAY") => Some(86_400.0),
                Some("WEEK") => Some(604_800.0),
                Some(_) | None => None,
            };
            let value = quota["Value"].as_f64().unwrap_or(0.0);
            let length = unit.map(|u| u * quota["Period"]["PeriodValue"].as_f64().unwrap_or(1.0));
            findings.fact(Fact::Quota(QuotaFact {
                account: place.0.clone(),
                region: place.1.clone(),
                code: text("QuotaCode").to_owned(),
                name: text("QuotaName").to_owned(),
                per_s: length.filter(|l| *l > 0.0).map(|l| value / l),
                value,
            }));
        }
        if page["NextToken"].as_str().is_some_and(|t| !t.is_empty()) {
            findings.fact(Fact::Note(
                "a list of quotas has more pages that were not given".to_owned(),
            ));
        }
    })
}

/// Reads a bucket's encryption.
pub fn encryption(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    lines::documents(window, findings, |page, findings| {
        findings.seen += 1;
        let name = page["Bucket"].as_str().map(str::to_owned);
        let rules = &page["ServerSideEncryptionConfiguration"]["Rules"];
        let Some(rule) = rules.as_array().and_then(|r| r.first()) else {
            return;
        };
        let default = &rule["ApplyServerSideEncryptionByDefault"];
        let key = default["KMSMasterKeyID"].as_str().filter(|k| !k.is_empty());
        findings.fact(Fact::Bucket(BucketFact {
            name,
            address: None,
            encryption: default["SSEAlgorithm"].as_str().and_then(Sse::of_algorithm),
            key: key.map(str::to_owned),
            key_by_reference: false,
            bucket_key: Some(rule["BucketKeyEnabled"].as_bool().unwrap_or(false)),
        }));
    })
}

/// Reads a trail's event selectors.
pub fn selectors(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    lines::documents(window, findings, |page, findings| {
        findings.seen += 1;
        let text = page.to_string();
        let lower = text.replace(
            "ExcludeManagementEventSources",
            "excludeManagementEventSources",
        );
        let lower = lower.replace("\"NotEquals\"", "\"notEquals\"");
        if excludes_kms(lower.as_bytes()) {
            findings.fact(Fact::TrailExcludesKms);
        }
    })
}
