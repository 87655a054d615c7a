//! An explanation for people: one line a link of the chain, what belongs to it below.

use super::explanation::{Explanation, KmsCall, Permission, QuotaDrawnOn};
use super::refusal;
use crate::access::ContextValue;
use crate::catalog::{item_label, limit_name};
use crate::metrics::number;
use serde_json::Value;
use std::fmt::Write;

/// Explanations as text, one after another.
pub fn text(explanations: &[Explanation]) -> String {
    explanations.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// Width of the column of headings.
const HEADING: usize = 13;

fn one(e: &Explanation) -> String {
    let mut out = String::new();
    let mut line = |heading: &str, text: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{heading:HEADING$} {text}");
    };
    let of = match e.workload.strip_prefix("log_group.") {
        Some(name) => format!("log group {name}"),
        None => format!("workload {}", e.workload),
    };
    line(
        "request",
        &format!("{} of {of} (variant {})", e.operation, e.variant),
    );
    line("", &format!("on {}, over {}", e.resource, e.transport));
    line("", &format!("from {}", e.principal));
    if let Some(objects) = &e.objects {
        let share = e.share.map(|share| {
            let percent = number::value("", "", share * 100.0);
            format!(": {percent} % of these requests")
        });
        line("", &format!("for {objects}{}", share.unwrap_or_default()));
    }
    for (i, side) in e.encryption.iter().enumerate() {
        let encryption = serde_json::to_value(side.encryption).unwrap_or_default();
        let under = side.kms_key.as_ref().map(|key| format!(" under {key}"));
        line(
            if i == 0 { "encryption" } else { "" },
            &format!(
                "bucket {}: {}{} ({})",
                side.bucket,
                encryption.as_str().unwrap_or_default(),
                under.unwrap_or_default(),
                side.because_of
            ),
        );
    }
    for (i, permission) in e.permissions.iter().enumerate() {
        for (k, text) in asked(permission).iter().enumerate() {
            line(if i == 0 && k == 0 { "access" } else { "" }, text);
        }
    }
    match &e.reason {
        Some(reason) => line("decision", &format!("{}: {reason}", e.decision)),
        None => line("decision", &e.decision),
    }
    for (heading, text) in e.permissions.iter().flat_map(refusal::lines) {
        line(heading, &text);
    }
    if let Some(rate) = &e.s3_request_rate {
        line("S3", &drawn_on(rate));
    }
    if e.kms_calls.is_empty() {
        line("KMS calls", "none");
    }
    for (i, call) in e.kms_calls.iter().enumerate() {
        for (k, text) in called(call).iter().enumerate() {
            line(if i == 0 && k == 0 { "KMS calls" } else { "" }, text);
        }
    }
    let billed = e.billed_as.as_ref().map(|item| match item.as_str() {
        "free" | "not billed" => format!(", {item}"),
        item => format!(", billed as {}", item_label(item)),
    });
    line(
        "answer",
        &format!("{}{}", e.answer, billed.unwrap_or_default()),
    );
    if e.cloudtrail.is_empty() {
        line("CloudTrail", "no KMS event");
    }
    for (i, record) in e.cloudtrail.iter().enumerate() {
        line(if i == 0 { "CloudTrail" } else { "" }, &event(record));
    }
    if e.kms_calls.iter().any(|call| call.cache.is_some()) {
        line("", "no KMS event where a cache serves it");
    }
    out
}

fn asked(p: &Permission) -> Vec<String> {
    let across = if p.crosses_account {
        ", across accounts"
    } else {
        ""
    };
    let mut lines = vec![format!(
        "{} on {}: {}{across}",
        p.action, p.resource, p.outcome
    )];
    for m in &p.statements {
        let (kind, policy) = (m.kind, m.policy.as_str());
        lines.push(match policy {
            _ if refusal::is_of_aws(policy) => {
                format!(
                    "  {kind} {policy}, AWS's own: {}, {}",
                    m.effect, m.principal
                )
            }
            // Not a statement of the scenario's.
            "default" => format!(
                "  {kind}, not in the scenario: {}, {}",
                m.effect, m.principal
            ),
            _ => format!(
                "  {kind} {policy}: {} of {}, {}",
                m.effect, m.statement, m.principal
            ),
        });
    }
    for (kind, says) in &p.policies {
        if *says == "silent" {
            lines.push(format!("  {kind}: no statement on it"));
        }
    }
    lines
}

fn called(call: &KmsCall) -> Vec<String> {
    let mut lines = vec![format!(
        "{} on {}: {}",
        call.operation, call.kms_key, call.answer
    )];
    if !call.encryption_context.is_empty() {
        let pair = |(name, value): (&String, &ContextValue)| match value {
            ContextValue::Single(value) => format!("{name} = {value}"),
            ContextValue::Several(values) => format!("{name} = {}", values.join(", ")),
        };
        let pairs: Vec<String> = call.encryption_context.iter().map(pair).collect();
        lines.push(format!("  encryption context: {}", pairs.join("; ")));
    }
    let cache = call
        .cache
        .as_deref()
        .unwrap_or("none: every request calls KMS");
    lines.push(format!("  could serve it: {cache}"));
    for refused in &call.refusals {
        let until = match refused.until {
            Some(until) => format!("until {until}"),
            None => "on".to_owned(),
        };
        lines.push(format!(
            "  from {} {until}: {}; the client gets {}",
            refused.from, refused.answer, refused.client_gets
        ));
    }
    let quotas = call.quotas.iter();
    lines.extend(quotas.map(|quota| format!("  {}", drawn_on(quota))));
    if call.quotas.is_empty() {
        lines.push("  draws on no quota".to_owned());
    }
    lines
}

fn drawn_on(quota: &QuotaDrawnOn) -> String {
    let others = if quota.shared_with.is_empty() {
        "no other workload".to_owned()
    } else {
        quota.shared_with.join(", ")
    };
    format!(
        "draws on {}: {}, shared with {others}",
        limit_name(&quota.name),
        number::value("", "1/s", quota.per_second)
    )
}

fn event(record: &Value) -> String {
    let of = |name: &str| record[name].as_str().unwrap_or_default();
    let failed = match record["errorCode"].as_str() {
        Some(code) => format!(", errorCode {code}"),
        None => String::new(),
    };
    let by = record["userIdentity"]["invokedBy"].as_str();
    let by = by.map(|by| format!(", invokedBy {by}")).unwrap_or_default();
    let context = &record["requestParameters"]["encryptionContext"]["aws:s3:arn"];
    let context = context.as_str().map(|arn| format!(", for {arn}"));
    format!(
        "{} in account {}{by}{}{failed}",
        of("eventName"),
        of("recipientAccountId"),
        context.unwrap_or_default()
    )
}
