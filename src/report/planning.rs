//! Answers of `kmsim plan` in words, as tables, and as the text of a quota-increase request.
//!
//! Not here: the search. Texts are Markdown that reads well on a terminal too; tables come in both ways.

pub use super::text::wrapped;
use super::text::{letter, markdown_text};
use super::{compare, threshold};
use crate::catalog;
use crate::metrics::{number, registry};
use crate::planning::attribution::Attribution;
use crate::planning::cheapest::{self, Cheapest};
use crate::planning::migration::Migration;
use crate::planning::recovery::{Cell, Map};
use crate::planning::study::Confidence;
use crate::planning::{SearchOutcome, Solution, Trial};
use crate::results::{Estimate, VariantResults};
use jiff::civil::Date;

/// What a table is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// A terminal.
    Terminal,
    /// A Markdown page.
    Markdown,
}

/// A table of texts, the columns after the first as numbers.
pub(super) fn grid<const N: usize>(header: &[String; N], rows: &[[String; N]], to: For) -> String {
    match to {
        For::Terminal => compare::boxed(header, rows),
        For::Markdown => {
            let line = |cells: &[String; N]| {
                let cells = cells.each_ref().map(|c| markdown_text(c));
                format!("| {} |\n", cells.join(" | "))
            };
            let mut out = line(header);
            out += &format!("|---|{}\n", "---:|".repeat(N - 1));
            rows.iter().for_each(|row| out += &line(row));
            out + "\n"
        }
    }
}

fn targets(answer: &Solution) -> String {
    let all: Vec<String> = answer.targets.iter().map(ToString::to_string).collect();
    all.join(" and ")
}

fn found(id: &str, e: Option<&Estimate>) -> String {
    e.map_or_else(|| number::NO_DATA.to_owned(), |e| number::estimate(id, e))
}

/// What the targets' metrics are in a run.
fn values(answer: &Solution, trial: &Trial) -> String {
    let each = answer.targets.iter().zip(&trial.found);
    let all: Vec<String> = each
        .map(|(t, e)| format!("{} {}", label(t.metric), found(t.metric, e.as_ref())))
        .collect();
    all.join(", ")
}

fn label(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// The answer in sentences.
pub fn sentences(answer: &Solution) -> String {
    let at = |v: f64| number::setting(&answer.unit, v);
    let question = capital(&answer.question);
    let nearest = answer
        .nearest()
        .map_or_else(String::new, |t| values(answer, t));
    let mut out = match answer.outcome {
        SearchOutcome::Found => {
            let mut text = format!("{question}: {}", at(answer.value));
            if let Some((low, high)) = answer.interval.filter(|i| i.0 != i.1) {
                text += &format!(", 95 % interval {} to {}", at(low), at(high));
            }
            if let Some(mean) = answer.at_the_mean.filter(|m| *m != answer.value) {
                text += &format!("; by the mean alone {}", at(mean));
            }
            text + &format!(". It keeps {}: {nearest}.", targets(answer))
        }
        SearchOutcome::NoneReaches => format!(
            "{question}: none. No setting that was tried keeps {} for sure; nearest is {}: {nearest}.",
            targets(answer),
            at(answer.value)
        ),
        SearchOutcome::AllMeet => format!(
            "{question}: every setting keeps {}, even {}: {nearest}.",
            targets(answer),
            at(answer.value)
        ),
        SearchOutcome::NotMonotone => {
            let met = |t: &&Trial| t.meets(&answer.targets, Confidence::Sure);
            let list = |keep: &dyn Fn(&&Trial) -> bool| -> String {
                let all = answer.trials.iter().filter(keep);
                all.map(|t| at(t.value)).collect::<Vec<_>>().join(", ")
            };
            format!(
                "{question}: not to be told. {} is not monotone in it: kept at {}; not for sure at {}.",
                targets(answer),
                list(&|t| met(t)),
                list(&|t| !met(t))
            )
        }
    };
    if let Some(present) = answer.present {
        out += &format!(" At present it is {}", at(present));
        if answer.outcome == SearchOutcome::Found && answer.unit == "1/s" {
            out += &format!(" (× {})", number::plain(answer.value / present));
        }
        out.push('.');
    }
    if let Some(check) = answer.checks.last() {
        let held = check.meets(&answer.targets, Confidence::Mean);
        out += &format!(
            " Run again with seed {}: {}, which {}.",
            check.seed,
            values(answer, check),
            if held { "holds" } else { "does not hold" }
        );
    }
    for note in &answer.notes {
        out += &format!(" {}.", capital(note));
    }
    out + "\n"
}

/// Every run behind an answer.
pub fn runs(answer: &Solution, to: For) -> String {
    let verdict = |t: &Trial| {
        let words: Vec<&str> = t.verdicts.iter().map(|v| threshold::word(*v)).collect();
        words.join(", ")
    };
    let searched = answer.trials.iter().map(|t| (t, String::new()));
    let checked = answer
        .checks
        .iter()
        .map(|t| (t, format!(" (seed {})", t.seed)));
    let rows: Vec<[String; 3]> = searched
        .chain(checked)
        .map(|(t, seed)| {
            [
                number::setting(&answer.unit, t.value) + &seed,
                values(answer, t),
                verdict(t),
            ]
        })
        .collect();
    let header = ["run with".to_owned(), "found".to_owned(), targets(answer)];
    grid(&header, &rows, to)
}

/// How to make the answer's run again.
pub fn command(answer: &Solution, scenario: &str) -> String {
    let sets: Vec<String> = answer
        .settings
        .iter()
        .map(|set| format!("--set '{set}'"))
        .collect();
    format!(
        "kmsim run {scenario} --variant {} {}\n",
        answer.variant,
        sets.join(" ")
    )
}

/// When growth of so much a month from a day on reaches the answer's factor, in a sentence.
pub fn date(answer: &Solution, per_month: f64, from: Date) -> String {
    use crate::planning::growth::reached_on;
    let on = |factor: f64| {
        reached_on(factor, per_month, from).map_or_else(|| "never".to_owned(), |d| d.to_string())
    };
    let rate = number::percent(per_month);
    if answer.outcome != SearchOutcome::Found {
        return format!("Without an answer, {rate} a month has no date.\n");
    }
    let mut out = format!(
        "At {rate} a month from {from} on, the targets are no longer kept from {} on",
        on(answer.value)
    );
    if let Some((low, high)) = answer.interval.filter(|i| i.0 != i.1) {
        out += &format!(" (95 % interval {} to {})", on(low), on(high));
    }
    out + ".\n"
}

/// The text of a quota-increase request: what is wanted where, and the evidence in three sentences and a chart.
pub fn request(answer: &Solution, pool: &str, present: &VariantResults, caption: &str) -> String {
    let mut parts = pool.split('/');
    let (account, region) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let code = parts.next().unwrap_or("");
    let row = catalog::quota_by_name(code);
    let name = row.map_or(code, |r| r.name.as_str());
    let wanted = number::setting("1/s", answer.value);
    let now = answer
        .present
        .map_or_else(|| number::NO_DATA.to_owned(), |v| number::setting("1/s", v));
    let quota = present.by_quota.get(pool).map(|q| &q.metrics);
    let of_quota = |id: &str| found(id, quota.and_then(|m| m.get(id)));
    let of_all = |id: &str| found(id, present.metrics.get(id));
    let mut out = format!(
        "# Quota increase request\n\n- Service: AWS Key Management Service (kms)\n- Region: {region}\n- Account: {account}\n\
         - Quota: {name}, code {code}\n- Present value: {now}\n- Wanted value: {wanted}\n\n## Evidence\n\n"
    );
    out += &format!(
        "1. At the present quota our workloads reach {} in the busiest second, {} of attempts are throttled, and the \
         added delay is {} at the 99th percentile.\n",
        of_quota("kms_attempts_per_s_max"),
        of_quota("throttle_rate"),
        of_all("added_delay_s_p99"),
    );
    let nearest = answer
        .nearest()
        .map_or_else(String::new, |t| values(answer, t));
    out += &format!("2. With {wanted} we keep {}: {nearest}", targets(answer));
    if let Some(check) = answer.checks.last() {
        out += &format!(
            ", and in a second simulation with other random numbers {}",
            values(answer, check)
        );
    }
    out += ".\n";
    let less = answer.interval.map_or(answer.value, |i| i.0);
    out += &format!(
        "3. {} is too little (95 % sure), so this is the smallest value that serves.\n\n",
        number::setting("1/s", less)
    );
    out += &format!(
        "{caption}\n\n![{}](charts/target_1_1.png)\n",
        answer.question
    );
    if row.is_some_and(|r| !r.adjustable) {
        out += "\nAWS says that this quota cannot be increased.\n";
    }
    out
}

/// The sets of mitigations, the front first, in a table.
pub fn mitigations(f: &Cheapest, to: For) -> String {
    let cost = |e: &Estimate| found(f.cost_metric, Some(e));
    let row = |c: &cheapest::Combination| {
        let words: Vec<&str> = c
            .trial
            .verdicts
            .iter()
            .map(|v| threshold::word(*v))
            .collect();
        [
            cheapest::name(&c.mitigations),
            cost(&c.cost),
            found("throttle_rate", Some(&c.throttle_rate)),
            words.join(", "),
        ]
    };
    let mut front: Vec<_> = f.combinations.iter().filter(|c| !c.dominated).collect();
    front.sort_by(|a, b| {
        let mean = |c: &cheapest::Combination| c.cost.mean.unwrap_or(f64::INFINITY);
        mean(a).total_cmp(&mean(b))
    });
    let targets: Vec<String> = f.targets.iter().map(ToString::to_string).collect();
    let header = [
        "on the front, cheapest first".to_owned(),
        label(f.cost_metric).to_owned(),
        "throttle rate".to_owned(),
        targets.join(" and "),
    ];
    let mut rows: Vec<[String; 4]> = front
        .iter()
        .enumerate()
        .map(|(i, c)| {
            let mut row = row(c);
            row[0] = format!("{} {}", letter(i), row[0]);
            row
        })
        .collect();
    // As it is, for comparison.
    if let Some(first) = f.combinations.first().filter(|c| c.dominated) {
        rows.push(row(first));
    }
    grid(&header, &rows, to)
}

/// Which set of mitigations is the cheapest, in sentences.
pub fn cheapest(f: &Cheapest) -> String {
    let targets: Vec<String> = f.targets.iter().map(ToString::to_string).collect();
    let targets = targets.join(" and ");
    let cost = |e: &Estimate| found(f.cost_metric, Some(e));
    let base = f.combinations.first();
    let mut out = match f.cheapest.and_then(|i| f.combinations.get(i)) {
        Some(c) => {
            let mut text = format!(
                "Cheapest set that keeps {targets}: {}, at {} {}",
                cheapest::name(&c.mitigations),
                label(f.cost_metric),
                cost(&c.cost)
            );
            if let Some(base) = base.filter(|_| !c.mitigations.is_empty()) {
                text += &format!(" against {} as it is", cost(&base.cost));
            }
            text + "."
        }
        None => {
            let nearest = f.combinations.iter().min_by(|a, b| {
                let rate = |c: &cheapest::Combination| c.throttle_rate.mean.unwrap_or(0.0);
                rate(a).total_cmp(&rate(b))
            });
            let told = nearest.map_or_else(String::new, |c| {
                format!(
                    " Least throttled is {}, at {}.",
                    cheapest::name(&c.mitigations),
                    found("throttle_rate", Some(&c.throttle_rate))
                )
            });
            format!("No set of mitigations keeps {targets} for sure.{told}")
        }
    };
    if let Some(check) = &f.check {
        out += &format!(" Run again with seed {}, it holds.", check.seed);
    }
    let free = f.cheapest.and_then(|i| f.combinations.get(i));
    if free.is_some_and(|c| c.mitigations.is_empty()) {
        out += " Nothing needs to be done.";
    }
    for note in &f.notes {
        out += &format!(" {}.", capital(note));
    }
    out + "\n"
}

/// A migration in words and numbers.
pub fn migration(m: &Migration, to: For) -> String {
    let usd = number::usd;
    let saving = number::estimate("cost_total_usd_per_month", &m.saving_per_month);
    let rows = [
        ("objects", number::plain(m.objects as f64)),
        (
            "operation",
            format!(
                "{}, {} KMS call(s) an object",
                m.operation, m.calls_per_object
            ),
        ),
        (
            "rate",
            format!(
                "{} of the quota of {}: {} objects/s",
                number::percent(m.share),
                number::setting("1/s", m.quota_per_s),
                number::plain(m.quota_per_s * m.share / m.calls_per_object)
            ),
        ),
        ("duration", number::duration(m.duration_s)),
        ("cost of KMS calls", usd(m.cost_kms_usd)),
        ("cost of S3 requests", usd(m.cost_s3_usd)),
        ("cost in all", usd(m.cost_kms_usd + m.cost_s3_usd)),
        (
            "bucket keys behind the objects afterwards",
            number::plain(m.archived_bucket_keys as f64),
        ),
        (
            "KMS calls saved",
            number::estimate("kms_attempts_per_s_max", &m.calls_saved_per_s),
        ),
        (
            "throttle rate before and after",
            m.throttle_rate
                .map(|r| r.map_or(number::NO_DATA.to_owned(), number::percent))
                .join(", "),
        ),
        ("saved a month", saving),
    ];
    let rows: Vec<[String; 2]> = rows.into_iter().map(|(a, b)| [a.to_owned(), b]).collect();
    let header = [format!("migration of {}", m.bucket), String::new()];
    let mut out = grid(&header, &rows, to);
    out += &match m.paid_back_after_days {
        Some(days) => format!(
            "It has paid for itself {} days after its end.\n",
            number::plain(days.ceil())
        ),
        None if m.saving_per_month.mean.is_some() => "It does not pay for itself.\n".to_owned(),
        None => String::new(),
    };
    for note in &m.notes {
        out += &format!("Note: {note}.\n");
    }
    out
}

/// Who used the quota and who suffered, a table each, and where bucket keys help most.
pub fn attribution(a: &Attribution, to: For) -> String {
    let percent = |e: &Estimate| number::estimate("throttle_rate", e);
    let some = |e: &Option<Estimate>| e.as_ref().map_or_else(|| "–".to_owned(), percent);
    let mut out = String::new();
    for (kind, entries) in &a.by {
        let header = [
            kind.as_str(),
            "attempts",
            "throttles borne",
            "caused",
            "busiest second",
            "bill",
        ]
        .map(str::to_owned);
        let rows: Vec<[String; 6]> = entries
            .iter()
            .map(|e| {
                [
                    e.name.clone(),
                    percent(&e.attempts),
                    percent(&e.borne),
                    some(&e.caused),
                    some(&e.peak),
                    some(&e.bill),
                ]
            })
            .collect();
        out += &grid(&header, &rows, to);
    }
    let told = "Attempts and throttles borne: shares of the run. Caused, busiest second, bill: what would be gone without \
                it, by running again without it; such shares need not sum to 100 %.\n";
    out += &match to {
        For::Terminal => wrapped(told),
        For::Markdown => format!("{told}\n"),
    };
    if a.switch_on.is_empty() {
        return out + "Bucket keys are on in every bucket under SSE-KMS that is used.\n";
    }
    let header = [
        "switch bucket keys on here first",
        "KMS calls saved",
        "new objects only",
        "throttles saved",
        "saved",
    ]
    .map(str::to_owned);
    let count = |e: &Estimate| number::estimate("kms_calls", e);
    let rows: Vec<[String; 5]> = a
        .switch_on
        .iter()
        .map(|s| {
            [
                s.bucket.clone(),
                count(&s.calls),
                count(&s.calls_new_objects),
                count(&s.throttled),
                number::estimate("cost_total_usd", &s.usd),
            ]
        })
        .collect();
    out += &grid(&header, &rows, to);
    let keys: Vec<String> = a
        .switch_on
        .iter()
        .map(|s| {
            format!(
                "{} in {}",
                number::plain(s.archived_bucket_keys as f64),
                s.bucket
            )
        })
        .collect();
    out + &format!(
        "With all objects rewritten under this many bucket keys: {}.\n",
        keys.join(", ")
    )
}

/// The map of recovery, and the load above which there is none.
pub fn recovery(map: &Map, to: For) -> String {
    let load = |c: &Cell| number::percent(c.load);
    let rows: Vec<[String; 5]> = map
        .cells
        .iter()
        .map(|c| {
            [
                c.retry.clone(),
                load(c),
                c.recovered_after_s
                    .map_or_else(|| "not while watched".to_owned(), number::instant),
                number::percent(c.throttled_at_the_end[0]),
                number::percent(c.throttled_at_the_end[1]),
            ]
        })
        .collect();
    let header = [
        "retry",
        "load",
        "recovered after",
        "throttled at the end, no spike",
        "with spike",
    ]
    .map(str::to_owned);
    let mut out = grid(&header, &rows, to);
    let mut retries: Vec<&str> = map.cells.iter().map(|c| c.retry.as_str()).collect();
    retries.dedup();
    for retry in retries {
        let cells: Vec<&Cell> = map.cells.iter().filter(|c| c.retry == retry).collect();
        let failed = cells.iter().find(|c| c.recovered_after_s.is_none());
        let held = cells
            .iter()
            .take_while(|c| c.recovered_after_s.is_some())
            .last();
        let told = match (failed, held) {
            (None, _) => "recovers by itself at every load that was run".to_owned(),
            (Some(_), None) => "does not recover at any load that was run".to_owned(),
            (Some(f), Some(h)) => format!(
                "recovers up to a load of {}, no more at {}",
                load(h),
                load(f)
            ),
        };
        out += &format!("{retry}: {told}.\n");
    }
    if !map.without_spike.is_empty() {
        out += &format!(
            "Without a spike, as jobs and traces: {}.\n",
            map.without_spike.join(", ")
        );
    }
    out
}

/// Every run of an answer as CSV, one row a target.
///
/// # Errors
/// Never in practice: the rows are written to memory.
pub fn csv(answers: &[Solution]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "question",
        "value",
        "unit",
        "seed",
        "replications",
        "target",
        "mean",
        "ci_low",
        "ci_high",
        "verdict",
        "is_answer",
    ])?;
    for a in answers {
        for t in a.trials.iter().chain(&a.checks) {
            for ((target, e), verdict) in a.targets.iter().zip(&t.found).zip(&t.verdicts) {
                let text = |v: Option<f64>| v.map_or_else(String::new, |v| v.to_string());
                let e = e.as_ref();
                writer.write_record([
                    a.question.clone(),
                    t.value.to_string(),
                    a.unit.clone(),
                    t.seed.to_string(),
                    t.replications.to_string(),
                    target.to_string(),
                    text(e.and_then(|e| e.mean)),
                    text(e.and_then(|e| e.ci_low)),
                    text(e.and_then(|e| e.ci_high)),
                    threshold::word(*verdict).to_lowercase(),
                    (a.outcome == SearchOutcome::Found && t.value == a.value).to_string(),
                ])?;
            }
        }
    }
    let bytes = writer.into_inner().map_err(|e| e.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
