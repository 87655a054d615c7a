//! Answers of `kmsim plan` in words, as tables, and as the text of a quota-increase request.
//!
//! Left out: the search. Long because it holds the words of every question that `kmsim plan` answers.

use super::content::Content;
use super::page::{AnswerPart, Block, Grid, Page};
use super::records::{self, Records};
use super::text::{capital, letter};
use super::threshold;
use crate::catalog::{self, limit_name};
use crate::metrics::target::Target;
use crate::metrics::top::TOP;
use crate::metrics::{number, registry};
use crate::planning::attribution::{Attribution, Contribution};
use crate::planning::cheapest::{self, Cheapest};
use crate::planning::migration::Migration;
use crate::planning::recovery::{Cell, Map};
use crate::planning::study::Confidence;
use crate::planning::{SearchOutcome, Solution, Trial};
use crate::results::{Estimate, VariantResults};
use jiff::civil::Date;
use serde_json::Value;

/// Answers of a search, as what `kmsim plan` prints.
#[derive(Clone, Debug)]
pub struct Searched<'a> {
    /// One for each question.
    pub answers: &'a [Solution],
    /// The scenario's path, for the command that runs an answer.
    pub scenario: &'a str,
    /// What is to be added, a line each.
    pub more: Vec<String>,
    /// Texts of quota-increase requests, shown in a file only.
    pub requests: Vec<Block>,
}

impl Content for Searched<'_> {
    fn page(&self) -> Page {
        let mut blocks = Vec::new();
        for answer in self.answers {
            blocks.push(Block::Paragraph(sentences(answer)));
            blocks.push(runs(answer));
            if answer.outcome == SearchOutcome::Found {
                blocks.push(Block::Part(AnswerPart::Changes));
                blocks.push(Block::Command("To run it", command(answer, self.scenario)));
                blocks.push(Block::Part(AnswerPart::Tried));
            }
        }
        blocks.extend(self.more.iter().cloned().map(Block::Line));
        let asked: Vec<&str> = self.answers.iter().map(|a| a.question.as_str()).collect();
        let targets = self.answers.first().map_or_else(String::new, targets);
        let answers: Vec<String> = match self.answers {
            [one] => vec![sentences(one)],
            several => several.iter().map(|a| head(a) + ".").collect(),
        };
        Page {
            question: format!("What is the {} that keeps {targets}?", asked.join(", the ")),
            answer: answers
                .into_iter()
                .chain(self.more.iter().cloned())
                .collect::<Vec<_>>()
                .join(" "),
            appendix: self.requests.clone(),
            ..Page::of("plan", blocks)
        }
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self.answers)
    }

    fn records(&self) -> Result<Option<Records>, serde_json::Error> {
        Ok(Some(trials(self.answers)))
    }
}

impl Content for Cheapest {
    fn page(&self) -> Page {
        let targets = in_words(&self.targets);
        Page {
            question: format!("Which mitigations keep {targets} and cost least?"),
            answer: cheapest(self),
            ..Page::of(
                "plan --mitigations",
                vec![Block::Paragraph(cheapest(self)), mitigations(self)],
            )
        }
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

impl Content for Migration {
    fn page(&self) -> Page {
        Page {
            question: format!(
                "What does it take to bring {} under bucket keys?",
                self.bucket
            ),
            answer: migrated(self),
            ..Page::of("plan --migration", migration(self))
        }
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

impl Content for Attribution {
    fn page(&self) -> Page {
        Page {
            question: "Who uses the quota, and who causes the throttling?".to_owned(),
            answer: attributed(self),
            ..Page::of("plan --attribution", attribution(self))
        }
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

impl Content for Map {
    fn page(&self) -> Page {
        Page {
            question: format!(
                "Does {} recover from {} of {} times the traffic?",
                self.variant,
                number::instant(self.length_s),
                number::plain(self.size)
            ),
            answer: recovered(self).join(" "),
            ..Page::of("plan --recovery", recovery(self))
        }
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

fn targets(answer: &Solution) -> String {
    in_words(&answer.targets)
}

fn in_words(targets: &[Target]) -> String {
    let all: Vec<String> = targets.iter().map(Target::in_words).collect();
    all.join(" and ")
}

fn found(id: &str, e: Option<&Estimate>) -> String {
    e.map_or_else(|| number::NO_DATA.to_owned(), |e| number::estimate(id, e))
}

/// What the targets' metrics are in a run.
fn values(answer: &Solution, trial: &Trial) -> String {
    if trial.cut_short {
        return "ended early: surely missed".to_owned();
    }
    let each = answer.targets.iter().zip(&trial.found);
    let all: Vec<String> = each
        .map(|(t, e)| format!("{} {}", label(t.metric), found(t.metric, e.as_ref())))
        .collect();
    all.join(", ")
}

fn label(id: &str) -> &str {
    registry::metric(id).map_or(id, |m| m.label)
}

/// The question and the answer's setting with its interval, without a full stop.
fn head(answer: &Solution) -> String {
    let at = |v: f64| number::setting(&answer.unit, v);
    let mut text = capital(&answer.question);
    match answer.outcome {
        SearchOutcome::Found => {
            text += &format!(": {}", at(answer.value));
            if let Some((low, high)) = answer.interval.filter(|i| i.0 != i.1) {
                text += &format!(", 95 % interval {} to {}", at(low), at(high));
            }
        }
        SearchOutcome::NoneReaches => text += ": none",
        SearchOutcome::AllMeet => text += ": every setting will do",
        SearchOutcome::NotMonotone => text += ": no single answer",
    }
    text
}

/// The answer in sentences.
fn sentences(answer: &Solution) -> String {
    let at = |v: f64| number::setting(&answer.unit, v);
    let question = capital(&answer.question);
    let nearest = answer
        .nearest()
        .map_or_else(String::new, |t| values(answer, t));
    let mut out = match answer.outcome {
        SearchOutcome::Found => {
            let mut text = head(answer);
            if let Some(mean) = answer.at_the_mean.filter(|m| *m != answer.value) {
                text += &format!("; by the mean alone {}", at(mean));
            }
            text + &format!(". It meets {}: {nearest}.", targets(answer))
        }
        SearchOutcome::NoneReaches => format!(
            "{question}: none. No setting tried meets {} with 95 % confidence; the nearest is {}: {nearest}.",
            targets(answer),
            at(answer.value)
        ),
        SearchOutcome::AllMeet => format!(
            "{question}: every setting meets {}, even {}: {nearest}.",
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
                "{question}: no single answer. {} is met with 95 % confidence at {}, but not at {}.",
                targets(answer),
                list(&|t| met(t)),
                list(&|t| !met(t))
            )
        }
    };
    if let Some(present) = answer.present {
        out += &format!(" Currently {}", at(present));
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
            if held {
                "meets the targets"
            } else {
                "misses the targets"
            }
        );
    }
    for note in &answer.notes {
        out += &format!(" {}.", capital(note));
    }
    out + "\n"
}

/// Every run behind an answer.
fn runs(answer: &Solution) -> Block {
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
    let header = ["run with", "found", &targets(answer)];
    Block::Table(Grid::new(header, rows))
}

/// How to make the answer's run again.
fn command(answer: &Solution, scenario: &str) -> String {
    let sets: Vec<String> = answer
        .settings
        .iter()
        .map(|set| format!("--set '{set}'"))
        .collect();
    format!(
        "kmsim run {scenario} --variant {} {}",
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
        return format!("No answer was found, so growth of {rate} a month gives no date.");
    }
    if answer.value < 1.0 {
        return format!(
            "The targets are already exceeded on {from}: they hold up to {} of today's traffic, whatever the growth.",
            number::percent(answer.value)
        );
    }
    let on = |factor: f64| {
        if factor < 1.0 {
            "already exceeded".to_owned()
        } else {
            on(factor)
        }
    };
    let mut out = format!(
        "At {rate} a month from {from}, the targets are missed from {}",
        on(answer.value)
    );
    if let Some((low, high)) = answer.interval.filter(|i| i.0 != i.1) {
        out += &format!(" (95 % interval {} to {})", on(low), on(high));
    }
    out + "."
}

/// The text of a quota-increase request: what is wanted where, and the evidence in three sentences and a chart.
pub fn request(
    answer: &Solution,
    pool: &str,
    present: &VariantResults,
    caption: &str,
) -> Vec<Block> {
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
    let reached = format!(
        "At the current quota our workloads reach {} in the busiest second, {} of attempts are throttled, and the \
         added delay is {} at the 99th percentile.",
        of_quota("kms_attempts_per_s_max"),
        of_quota("throttle_rate"),
        of_all("added_delay_s_p99"),
    );
    let nearest = answer
        .nearest()
        .map_or_else(String::new, |t| values(answer, t));
    let mut kept = format!(
        "With {wanted} our workloads meet {}: {nearest}",
        targets(answer)
    );
    if let Some(check) = answer.checks.last() {
        kept += &format!(
            ", and in a second simulation with other random numbers {}",
            values(answer, check)
        );
    }
    let less = answer.interval.map_or(answer.value, |i| i.0);
    let smallest = format!(
        "{} is too low (95 % confidence), so this is the smallest sufficient value.",
        number::setting("1/s", less)
    );
    let mut blocks = vec![
        Block::Heading(1, "Quota increase request".to_owned()),
        Block::Bullets(vec![
            "Service: AWS Key Management Service (kms)".to_owned(),
            format!(
                "Region: {}, {region}",
                catalog::region_name(region).unwrap_or("unknown")
            ),
            format!("Account: {account}"),
            format!("Quota: {name}, code {code}"),
            format!("Current value: {now}"),
            format!("Requested value: {wanted}"),
        ]),
        Block::Heading(2, "Evidence".to_owned()),
        Block::Numbered(vec![reached, kept + ".", smallest]),
        Block::Paragraph(caption.to_owned()),
        Block::Image(answer.question.clone(), "charts/target_1_1.png".to_owned()),
    ];
    if row.is_some_and(|r| !r.adjustable) {
        let text = "AWS says that this quota cannot be increased.";
        blocks.push(Block::Paragraph(text.to_owned()));
    }
    blocks
}

/// The sets of mitigations, the front first, in a table.
fn mitigations(f: &Cheapest) -> Block {
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
    let targets = in_words(&f.targets);
    let header = [
        "on the front, cheapest first",
        label(f.cost_metric),
        "throttle rate",
        &targets,
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
    Block::Table(Grid::new(header, rows))
}

/// Which set of mitigations is the cheapest, in sentences.
fn cheapest(f: &Cheapest) -> String {
    let targets = in_words(&f.targets);
    let cost = |e: &Estimate| found(f.cost_metric, Some(e));
    let base = f.combinations.first();
    let mut out = match f.cheapest.and_then(|i| f.combinations.get(i)) {
        Some(c) => {
            let mut text = format!(
                "Cheapest combination that meets {targets}: {}, at {} {}",
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
            let nearest = nearest.map_or_else(String::new, |c| {
                format!(
                    " The least throttled is {}, at {}.",
                    cheapest::name(&c.mitigations),
                    found("throttle_rate", Some(&c.throttle_rate))
                )
            });
            format!("No combination of mitigations meets {targets} with 95 % confidence.{nearest}")
        }
    };
    if let Some(check) = &f.check {
        out += &format!(" Run again with seed {}, it meets them.", check.seed);
    }
    let free = f.cheapest.and_then(|i| f.combinations.get(i));
    if free.is_some_and(|c| c.mitigations.is_empty()) {
        out += " Nothing needs to be done.";
    }
    for note in std::iter::once(&f.method).chain(&f.notes) {
        out += &format!(" {}.", capital(note));
    }
    out + "\n"
}

/// What sets the pace of a migration.
fn pace(m: &Migration) -> String {
    let rate = number::plain(m.way.objects_per_s);
    match m.way.tightest() {
        Some(limit)
            if m.way
                .limits
                .first()
                .is_some_and(|first| first.name == limit.name) =>
        {
            format!(
                "{} of the quota of {}: {rate} objects/s",
                number::percent(m.share),
                number::setting("1/s", m.quota_per_s),
            )
        }
        Some(limit) => format!("{} leaves {rate} objects/s", limit_name(&limit.name)),
        None => format!("{rate} objects/s"),
    }
}

/// What a migration takes and saves, in sentences.
fn migrated(m: &Migration) -> String {
    let mut out = format!(
        "{} objects take {} and cost {}.",
        number::plain(m.objects as f64),
        number::duration(m.way.duration_s),
        number::usd(m.way.cost_usd()),
    );
    if m.saving_per_month.mean.is_some() {
        let id = "cost_total_usd_per_month";
        let saved = number::estimate(id, &m.saving_per_month);
        out += &format!(" Afterwards {saved} is saved.");
    }
    if let Some(paid_back) = paid_back(m) {
        out += &format!(" {paid_back}");
    }
    out
}

/// When a migration has paid for itself; `None` where nothing is known of what it saves.
fn paid_back(m: &Migration) -> Option<String> {
    match m.paid_back_after_days {
        Some(days) => Some(format!(
            "It pays for itself {} day{} after it ends.",
            number::plain(days.ceil()),
            if days.ceil() == 1.0 { "" } else { "s" }
        )),
        None if m.saving_per_month.mean.is_some() => Some("It does not pay for itself.".to_owned()),
        None => None,
    }
}

/// A migration in words and numbers.
fn migration(m: &Migration) -> Vec<Block> {
    let usd = number::usd;
    let saving = number::estimate("cost_total_usd_per_month", &m.saving_per_month);
    let rows = [
        ("objects", number::plain(m.objects as f64)),
        (
            "operation",
            format!(
                "{}, KMS calls per object: {}",
                m.way.operation, m.way.calls_per_object
            ),
        ),
        ("rate", pace(m)),
        ("duration", number::duration(m.way.duration_s)),
        ("cost of KMS calls", usd(m.way.cost_kms_usd)),
        ("cost of S3 requests", usd(m.way.cost_s3_usd)),
        ("cost of S3 Batch Operations", usd(m.way.cost_batch_usd)),
        ("total cost", usd(m.way.cost_usd())),
        (
            "bucket keys of the objects afterwards",
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
    let what = format!("migration of {}", m.bucket);
    let mut blocks = vec![
        Block::Paragraph(migrated(m)),
        Block::Table(Grid::new([&what, ""], rows)),
    ];
    if !m.others.is_empty() {
        let header = [
            "",
            "KMS calls",
            "objects/s",
            "limited by",
            "duration",
            "total cost",
        ];
        let ways = std::iter::once(&m.way).chain(&m.others);
        let rows = ways.map(|way| {
            [
                way.operation.clone(),
                way.calls_per_object.to_string(),
                number::plain(way.objects_per_s),
                way.tightest()
                    .map_or(String::new(), |l| limit_name(&l.name)),
                number::duration(way.duration_s),
                usd(way.cost_usd()),
            ]
        });
        blocks.push(Block::Table(Grid::new(header, rows.collect())));
    }
    let notes = m.notes.iter().map(|note| format!("Note: {note}."));
    blocks.extend(notes.map(Block::Line));
    blocks
}

/// In how many buckets of the ranking bucket keys are enough for the targets.
fn enough(a: &Attribution) -> Option<String> {
    let enough = a.enough.as_ref()?;
    let targets = in_words(&enough.targets);
    let each = enough.targets.iter().zip(&enough.trial.found);
    let values: Vec<String> = each
        .map(|(t, e)| format!("{} {}", label(t.metric), found(t.metric, e.as_ref())))
        .collect();
    let values = values.join(", ");
    let n = enough.buckets.len();
    let of = a.switch_on.len() + a.further.len() - enough.not_needed;
    let of = match enough.not_needed {
        0 => format!("of {of} buckets"),
        rest => format!(
            "of {of} buckets whose quotas the targets are about; {rest} others draw on other quotas"
        ),
    };
    Some(match (enough.is_met, n) {
        (true, 0) => format!("{targets}: met without any bucket keys ({values})."),
        (true, 1) => {
            format!(
                "{targets}: met with bucket keys in the first, {}, {of} ({values}).",
                enough.buckets[0]
            )
        }
        (true, _) => {
            format!(
                "{targets}: met with bucket keys in the first {n} {of} ({values}): {}.",
                enough.buckets.join(", ")
            )
        }
        (false, _) => {
            format!("{targets}: not met, not even with bucket keys in all {n} buckets ({values}).")
        }
    })
}

/// Who uses most and who causes most, and where bucket keys help most, in sentences.
fn attributed(a: &Attribution) -> String {
    let percent = |e: &Estimate| number::estimate("throttle_rate", e);
    let mean = |e: &Estimate| e.mean.unwrap_or(0.0);
    let workloads = a.by.get("workload").map(Vec::as_slice).unwrap_or_default();
    let most =
        |of: &dyn Fn(&Contribution) -> f64| workloads.iter().max_by(|x, y| of(x).total_cmp(&of(y)));
    let mut out = Vec::new();
    if let Some(w) = most(&|w| mean(&w.attempts)) {
        out.push(format!(
            "{} makes {} of the KMS attempts.",
            w.name,
            percent(&w.attempts)
        ));
    }
    let caused = |w: &Contribution| w.caused.as_ref().map_or(0.0, mean);
    match most(&caused).filter(|w| caused(w) > 0.0) {
        Some(w) => {
            let gone = w.caused.as_ref().map_or_else(String::new, percent);
            out.push(format!(
                "Without {} {gone} of the throttled attempts would be gone.",
                w.name
            ));
        }
        None => out.push("No attempt is throttled.".to_owned()),
    }
    if let Some(first) = a.switch_on.first() {
        out.push(format!(
            "Bucket keys save most in {}: {} KMS calls.",
            first.bucket,
            number::estimate("kms_calls", &first.calls)
        ));
    }
    out.join(" ")
}

/// Who used the quota and who was throttled, a table each, and where bucket keys help most.
fn attribution(a: &Attribution) -> Vec<Block> {
    let percent = |e: &Estimate| number::estimate("throttle_rate", e);
    let some = |e: &Option<Estimate>| e.as_ref().map_or_else(|| "–".to_owned(), percent);
    let mut blocks = vec![
        Block::Paragraph(attributed(a)),
        Block::Part(AnswerPart::Who),
    ];
    for (kind, entries) in &a.by {
        let header = [
            kind.as_str(),
            "attempts",
            "throttles borne",
            "caused",
            "busiest second",
            "bill",
        ];
        let rows: Vec<[String; 6]> = entries
            .iter()
            .take(TOP)
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
        let left = entries.len() - rows.len();
        blocks.push(Block::Table(Grid::new(header, rows)));
        if left > 0 {
            blocks.push(Block::Line(format!("{left} more in plan.json.")));
        }
    }
    let columns = "Attempts and throttles borne: shares of the run. Caused, busiest second, bill: what disappears without \
                it, by running again without it; such shares need not sum to 100 %.";
    blocks.push(Block::Paragraph(columns.to_owned()));
    blocks.push(Block::Part(AnswerPart::Tried));
    for (bucket, why) in a.unknown.iter().take(TOP) {
        blocks.push(Block::Line(format!(
            "What bucket keys would save in {bucket} cannot be told: {why}"
        )));
    }
    if a.unknown.len() > TOP {
        let left = a.unknown.len() - TOP;
        blocks.push(Block::Line(format!("Nor in {left} more buckets.")));
    }
    if a.switch_on.is_empty() && !a.unknown.is_empty() {
        return blocks;
    }
    if a.switch_on.is_empty() {
        let text = "Every SSE-KMS bucket in use already has bucket keys enabled.";
        blocks.push(Block::Line(text.to_owned()));
        return blocks;
    }
    let header = [
        "enable bucket keys here first",
        "KMS calls saved",
        "new objects only",
        "throttles saved",
        "saved",
    ];
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
    blocks.push(Block::Table(Grid::new(header, rows)));
    blocks.extend(enough(a).map(Block::Line));
    if !a.further.is_empty() {
        blocks.push(Block::Line(format!(
            "{} more buckets are without bucket keys. Looked at alone, each would save no more KMS calls than these; with everybody else it was not run.",
            a.further.len()
        )));
    }
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
    blocks.push(Block::Line(format!(
        "With all objects rewritten under this many bucket keys: {}.",
        keys.join(", ")
    )));
    blocks
}

/// The map of recovery, and the load above which there is none.
fn recovery(map: &Map) -> Vec<Block> {
    let load = |c: &Cell| number::percent(c.load);
    let rows: Vec<[String; 5]> = map
        .cells
        .iter()
        .map(|c| {
            [
                c.retry.clone(),
                load(c),
                c.recovered_after_s
                    .map_or_else(|| "not within the watched time".to_owned(), number::instant),
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
    ];
    let mut blocks: Vec<Block> = recovered(map).into_iter().map(Block::Line).collect();
    blocks.push(Block::Table(Grid::new(header, rows)));
    if !map.without_spike.is_empty() {
        blocks.push(Block::Line(format!(
            "Jobs and traces do not get the spike: {}.",
            map.without_spike.join(", ")
        )));
    }
    blocks
}

/// Up to which load there is recovery, in a sentence for each retry profile.
fn recovered(map: &Map) -> Vec<String> {
    let load = |c: &Cell| number::percent(c.load);
    let mut retries: Vec<&str> = map.cells.iter().map(|c| c.retry.as_str()).collect();
    retries.dedup();
    let sentence = |retry: &str| {
        let cells: Vec<&Cell> = map.cells.iter().filter(|c| c.retry == retry).collect();
        let failed = cells.iter().find(|c| c.recovered_after_s.is_none());
        let held = cells
            .iter()
            .take_while(|c| c.recovered_after_s.is_some())
            .last();
        let result = match (failed, held) {
            (None, _) => "recovers at every load tried".to_owned(),
            (Some(_), None) => "does not recover at any load tried".to_owned(),
            (Some(f), Some(h)) => format!(
                "recovers up to a load of {}, but not at {}",
                load(h),
                load(f)
            ),
        };
        format!("{retry}: {result}.")
    };
    retries.into_iter().map(sentence).collect()
}

/// Every run of the answers, one row a target.
fn trials(answers: &[Solution]) -> Records {
    let columns = [
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
    ];
    let number = |v: Option<f64>| v.map_or(Value::Null, records::number);
    let mut rows = Vec::new();
    for a in answers {
        for t in a.trials.iter().chain(&a.checks) {
            for ((target, e), verdict) in a.targets.iter().zip(&t.found).zip(&t.verdicts) {
                let e = e.as_ref();
                rows.push(vec![
                    Value::from(a.question.as_str()),
                    records::number(t.value),
                    Value::from(a.unit.as_str()),
                    Value::from(t.seed),
                    Value::from(t.replications),
                    Value::from(target.to_string()),
                    number(e.and_then(|e| e.mean)),
                    number(e.and_then(|e| e.ci_low)),
                    number(e.and_then(|e| e.ci_high)),
                    Value::from(threshold::word(*verdict).to_lowercase()),
                    Value::from(a.outcome == SearchOutcome::Found && t.value == a.value),
                ]);
            }
        }
    }
    Records {
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    }
}
