//! What the AWS CLI prints of settings: quotas in force, a bucket's encryption, a trail's event selectors.

use super::evidence::fact::{BucketFact, Fact, QuotaFact, Sse};
use super::evidence::finding::{FileEnd, Findings};
use super::evidence::series::word;
use super::evidence::skip::SkipReason;
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
    let mut n = 0;
    lines::documents(window, findings, |page: Value, findings| {
        let one = page.get("Quota").into_iter();
        let all: Vec<&Value> = page["Quotas"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(one)
            .collect();
        for quota in all {
            findings.seen += 1;
            n += 1;
            let Some(value) = quota["Value"].as_f64() else {
                findings.skip(SkipReason::NoValue, || format!("its quota {n}"));
                continue;
            };
            findings.settings += 1;
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
            let length = unit.map(|u| u * quota["Period"]["PeriodValue"].as_f64().unwrap_or(1.0));
            findings.fact(Fact::Quota(QuotaFact {
                account: place.0.clone(),
                region: word(&place.1).to_owned(),
                code: word(text("QuotaCode")).to_owned(),
                name: word(text("QuotaName")).to_owned(),
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
    let mut n = 0;
    lines::documents(window, findings, |page: Value, findings| {
        findings.seen += 1;
        n += 1;
        let name = page["Bucket"].as_str().map(str::to_owned);
        let rules = &page["ServerSideEncryptionConfiguration"]["Rules"];
        let Some(rule) = rules.as_array().and_then(|r| r.first()) else {
            return findings.skip(SkipReason::NotARecord, || format!("its document {n}"));
        };
        findings.settings += 1;
        let default = &rule["ApplyServerSideEncryptionByDefault"];
        let key = default["KMSMasterKeyID"].as_str().filter(|k| !k.is_empty());
        findings.fact(Fact::Bucket(BucketFact {
            name,
            address: None,
            encryption: default["SSEAlgorithm"].as_str().and_then(Sse::of_algorithm),
            key: key.map(str::to_owned),
            key_by_reference: false,
            bucket_key: Some(rule["BucketKeyEnabled"].as_bool().unwrap_or(false)),
            unresolved: false,
        }));
    })
}

/// Reads a trail's event selectors.
pub fn selectors(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    lines::documents(window, findings, |page: Value, findings| {
        findings.seen += 1;
        findings.settings += 1;
        if excludes_kms(&page) {
            findings.fact(Fact::TrailExcludesKms);
        }
    })
}

/// Whether event selectors leave the calls out that draw on KMS's quotas, in either form and with small or capital first letters. Those
/// calls are management events, and read events.
pub fn excludes_kms(selectors: &Value) -> bool {
    let of = |value: &'_ Value, name: &str| -> Value {
        let capital = name[..1].to_ascii_uppercase() + &name[1..];
        let found = value.get(name).or_else(|| value.get(&capital));
        found.cloned().unwrap_or(Value::Null)
    };
    let has = |list: &Value, what: &str| {
        let all = list.as_array().into_iter().flatten();
        all.filter_map(Value::as_str)
            .any(|text| text.eq_ignore_ascii_case(what))
    };
    let basic = of(selectors, "eventSelectors");
    let advanced = of(selectors, "advancedEventSelectors");
    let basic: Vec<&Value> = basic.as_array().into_iter().flatten().collect();
    let advanced: Vec<&Value> = advanced.as_array().into_iter().flatten().collect();
    if basic.is_empty() && advanced.is_empty() {
        return false;
    }
    let of_basic = |selector: &&Value| {
        of(selector, "includeManagementEvents") != Value::Bool(false)
            && of(selector, "readWriteType") != "WriteOnly"
            && !has(
                &of(selector, "excludeManagementEventSources"),
                "kms.amazonaws.com",
            )
    };
    // Every condition of a selector must hold.
    let of_advanced = |selector: &&Value| {
        let fields = of(selector, "fieldSelectors");
        let fields = fields.as_array().into_iter().flatten();
        fields.into_iter().all(|field| {
            let (equals, not) = (of(field, "equals"), of(field, "notEquals"));
            let is = |what: &str| {
                let listed = equals.as_array().is_none_or(|l| l.is_empty()) || has(&equals, what);
                listed && !has(&not, what)
            };
            match of(field, "field").as_str() {
                Some("eventCategory") => is("Management"),
                Some("eventSource") => is("kms.amazonaws.com"),
                Some("readOnly") => is("true"),
                Some(_) | None => true,
            }
        })
    };
    !basic.iter().any(of_basic) && !advanced.iter().any(of_advanced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_that_leave_kms_out_are_told() {
        let management = json!({ "Field": "eventCategory", "Equals": ["Management"] });
        let data = json!({ "Field": "eventCategory", "Equals": ["Data"] });
        let no_kms = json!({ "Field": "eventSource", "NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"] });
        let writes = json!({ "field": "readOnly", "equals": ["false"] });
        for (selectors, excludes) in [
            (
                json!({ "EventSelectors": [{ "ReadWriteType": "All", "IncludeManagementEvents": true }] }),
                false,
            ),
            (
                json!({ "EventSelectors": [{ "ReadWriteType": "All", "ExcludeManagementEventSources": ["kms.amazonaws.com"] }] }),
                true,
            ),
            (
                json!({ "eventSelectors": [{ "excludeManagementEventSources": ["rdsdata.amazonaws.com"] }] }),
                false,
            ),
            (
                json!({ "EventSelectors": [{ "ReadWriteType": "WriteOnly" }] }),
                true,
            ),
            (
                json!({ "EventSelectors": [{ "IncludeManagementEvents": false }] }),
                true,
            ),
            (
                json!({ "AdvancedEventSelectors": [{ "FieldSelectors": [management] }] }),
                false,
            ),
            (
                json!({ "AdvancedEventSelectors": [{ "FieldSelectors": [management, no_kms] }] }),
                true,
            ),
            (
                json!({ "AdvancedEventSelectors": [{ "FieldSelectors": [management, no_kms] }, { "FieldSelectors": [management] }] }),
                false,
            ),
            (
                json!({ "AdvancedEventSelectors": [{ "FieldSelectors": [data] }] }),
                true,
            ),
            (
                json!({ "AdvancedEventSelectors": [{ "FieldSelectors": [management, writes] }] }),
                true,
            ),
            (json!({}), false),
        ] {
            assert_eq!(excludes_kms(&selectors), excludes, "{selectors}");
        }
    }
}
