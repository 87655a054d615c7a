//! The retry behaviour of SDKs, for people to read.

use super::retry::RETRY;
use super::row::{CatalogRow, plain};
use serde::Serialize;

/// All of it, for people to read.
pub(super) fn rows() -> Vec<CatalogRow> {
    let file = &*RETRY;
    let mut rows = Vec::new();
    for p in &file.profile {
        let cap = p.max_backoff_s.as_ref();
        let mut figures = vec![
            ("max_attempts", p.max_attempts.to_string(), "1"),
            ("throttling_base", plain(&p.throttling_base_s), "s"),
            ("other_base", plain(&p.other_base_s), "s"),
            ("max_backoff", cap.map_or("none".to_owned(), plain), "s"),
            ("cap", words(&p.cap), "rule"),
            ("jitter", words(&p.jitter), "rule"),
            (
                "throttling_jitter",
                words(&p.throttling_jitter.unwrap_or(p.jitter)),
                "rule",
            ),
            ("retry_after", words(&p.retry_after), "rule"),
            (
                "classification",
                p.classification.clone(),
                "retry-classification",
            ),
        ];
        if let Some(most) = &p.raises_by_s {
            figures.push(("raises_by", plain(most), "s"));
        }
        if let Some(layer) = &p.layer {
            let cap = layer.max_backoff_s.as_ref();
            figures.extend([
                ("layer.sdk_attempts", layer.sdk_attempts.to_string(), "1"),
                ("layer.base", plain(&layer.base_s), "s"),
                (
                    "layer.max_backoff",
                    cap.map_or("none".to_owned(), plain),
                    "s",
                ),
                ("layer.jitter", words(&layer.jitter), "rule"),
            ]);
        }
        if let Some(limiter) = &p.rate_limiter {
            figures.push(("rate_limiter", limiter.clone(), "retry-limiter"));
        }
        if let Some(quota) = p.retry_quota {
            figures.extend([
                ("retry_quota.capacity", quota.capacity.to_string(), "token"),
                (
                    "retry_quota.cost_throttling",
                    quota.cost_throttling.to_string(),
                    "token",
                ),
                (
                    "retry_quota.cost_other",
                    quota.cost_other.to_string(),
                    "token",
                ),
                (
                    "retry_quota.cost_timeout",
                    quota.cost_timeout.to_string(),
                    "token",
                ),
                (
                    "retry_quota.success_refund",
                    quota.success_refund.to_string(),
                    "token",
                ),
                ("retry_quota.refund", words(&quota.refund), "rule"),
                (
                    "retry_quota.pays_in_part",
                    quota.pays_in_part.to_string(),
                    "rule",
                ),
            ]);
        }
        let names = match &p.aliases[..] {
            [] => None,
            names => Some(format!("also named {}", names.join(", "))),
        };
        let note: Vec<&str> = names
            .as_deref()
            .into_iter()
            .chain(p.assumed.as_deref())
            .collect();
        let note = note.join("; ");
        let from = (&p.source, &p.as_of);
        rows.extend(figures.into_iter().map(|f| CatalogRow {
            assumed: p.assumed.is_some(),
            ..row("retry-profile", &p.id, f, &note, from)
        }));
    }
    for l in &file.rate_limiter {
        let mut figures = vec![
            ("beta", l.beta.to_string(), "1"),
            ("scale_constant", l.scale_constant.to_string(), "1/s^4"),
            ("smoothing", l.smoothing.to_string(), "1"),
            ("time_bucket", l.time_bucket_s.to_string(), "s"),
            ("max_rate_scale", l.max_rate_scale.to_string(), "1"),
            ("min_fill_rate", l.min_fill_rate.to_string(), "1/s"),
            ("min_capacity", l.min_capacity.to_string(), "token"),
            ("initial_fill_rate", l.initial_fill_rate.to_string(), "1/s"),
            (
                "initial_measured_rate",
                l.initial_measured_rate.to_string(),
                "1/s",
            ),
            ("answer_wakes", l.answer_wakes.to_string(), "rule"),
        ];
        let costs = [
            ("retry_cost_throttling", l.retry_cost_throttling),
            ("retry_cost_other", l.retry_cost_other),
        ];
        for (figure, cost) in costs {
            figures.extend(cost.map(|c| (figure, c.to_string(), "token")));
        }
        let from = (&l.source, &l.as_of);
        rows.extend(
            figures
                .into_iter()
                .map(|f| row("retry-limiter", &l.id, f, "", from)),
        );
    }
    for c in &file.classification {
        let statuses = |list: &[u16]| list.iter().map(u16::to_string).collect::<Vec<_>>();
        let mut lists = vec![
            (
                "throttling_codes",
                c.throttling_codes.clone(),
                "error codes",
            ),
            (
                "throttling_statuses",
                statuses(&c.throttling_statuses),
                "status codes",
            ),
            ("transient_codes", c.transient_codes.clone(), "error codes"),
            (
                "transient_statuses",
                statuses(&c.transient_statuses),
                "status codes",
            ),
            (
                "timeout_exceptions",
                c.timeout_exceptions.clone(),
                "exceptions",
            ),
            (
                "transient_exceptions",
                c.transient_exceptions.clone(),
                "exceptions",
            ),
        ];
        for rule in &c.status_with_code {
            let with = rule.codes.iter().map(|code| match &rule.service {
                Some(service) => format!("{} {code} of {service}", rule.status),
                None => format!("{} {code}", rule.status),
            });
            lists.push(("status_with_code", with.collect(), "status and error codes"));
        }
        let from = (&c.source, &c.as_of);
        lists.retain(|(_, list, _)| !list.is_empty());
        rows.extend(lists.into_iter().map(|(figure, list, unit)| {
            row(
                "retry-classification",
                &c.id,
                (figure, list.join(", "), unit),
                "",
                from,
            )
        }));
    }
    rows.extend(file.throttled_answer.iter().map(|a| {
        let answer = (
            "answer",
            format!("{} {}", a.status, a.code),
            "status and code",
        );
        row(
            "throttled-answer",
            &a.service,
            answer,
            "",
            (&a.source, &a.as_of),
        )
    }));
    rows.extend(file.sdk_default.iter().map(|d| CatalogRow {
        kind: "sdk-default",
        id: format!("{} {}", d.sdk, d.versions),
        region: String::new(),
        value: d.profile.clone().unwrap_or_else(|| "its own".to_owned()),
        unit: "profile".to_owned(),
        assumed: false,
        note: d.note.clone(),
        source: d.source.clone(),
        as_of: d.as_of.clone(),
    }));
    rows
}

fn row(
    kind: &'static str,
    id: &str,
    (figure, value, unit): (&str, String, &str),
    note: &str,
    (source, as_of): (&String, &String),
) -> CatalogRow {
    CatalogRow {
        kind,
        id: format!("{id}.{figure}"),
        region: String::new(),
        value,
        unit: unit.to_owned(),
        assumed: false,
        note: note.to_owned(),
        source: source.clone(),
        as_of: as_of.clone(),
    }
}

/// A rule's name as the data has it.
fn words(rule: &impl Serialize) -> String {
    let name = serde_json::to_value(rule);
    name.ok()
        .and_then(|n| n.as_str().map(str::to_owned))
        .unwrap_or_default()
}
