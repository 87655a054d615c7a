//! `kmsim plan`: the inverse questions.

use super::args::{self, Format};
use super::failure::CommandError;
use super::terminal::{print, say};
use super::{input, progress, simulate};
use crate::metrics::target::Target;
use crate::planning::attribution::attribution;
use crate::planning::migration::{MigrationQuestion, migration};
use crate::planning::quota::{pools, smallest_quota, together};
use crate::planning::recovery;
use crate::planning::study::Confidence;
use crate::planning::{SearchOutcome, Solution, Study, growth::largest_growth};
use crate::planning::{cheapest, choice};
use crate::report;
use crate::report::chart::{Figure, planning as draw};
use crate::report::planning::{self as words, For};
use crate::results::{directory, json};
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// What is printed, written and judged.
struct Told {
    /// For standard output in the format asked for.
    text: String,
    /// `plan.md`.
    page: String,
    /// `plan.json`.
    json: String,
    figures: Vec<Figure>,
    /// Why there is no answer.
    failure: Option<String>,
}

pub(super) fn plan(args: &args::Plan) -> Result<(), CommandError> {
    let (source, sets) = input::text(&args.scenario, &args.overrides)?;
    let ([] | [_]) = args.overrides.variants.as_slice() else {
        return Err(CommandError::Input(
            "error: `plan` looks at one variant\n  = help: keep one `--variant`".to_owned(),
        ));
    };
    let name = args.overrides.variants.first().map(String::as_str);
    let (study, loaded) = Study::new(&source, &sets, name)?;
    let dir = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("output").join(format!("{}-plan", source.name)));
    directory::probe(&dir)?;
    let targets = targets(args, &study, &loaded)?;
    let pool = simulate::pool(&args.how)?;
    let shown = args.scenario.display().to_string();
    let question = &args.question;
    let told = pool.install(|| {
        if question.growth {
            grow(args, &study, &targets, &shown, &source.name)
        } else if question.mitigations {
            mitigate(args, &study, &targets, &source.name)
        } else if let Some(bucket) = &question.migration {
            migrate(args, &study, bucket)
        } else if question.attribution {
            attribute(args, &study, &source.name)
        } else if question.recovery {
            recover(args, &study, &source.name)
        } else {
            quota(args, &study, &targets, &shown, &source.name)
        }
    })?;
    let texts = [
        ("plan.json", told.json.as_str()),
        ("plan.md", told.page.as_str()),
    ];
    report::write_answer(&texts, &told.figures, &dir)?;
    if !args.how.quiet {
        say(&format!(
            "plan.md, plan.json and charts in {}",
            dir.display()
        ));
    }
    print(&told.text)?;
    told.failure
        .map_or(Ok(()), |f| Err(CommandError::Judged(format!("error: {f}"))))
}

/// The targets of the command line, else the variant's thresholds.
fn targets(
    args: &args::Plan,
    study: &Study,
    loaded: &crate::scenario::Loaded,
) -> Result<Vec<Target>, CommandError> {
    let variant = loaded
        .variants
        .iter()
        .find(|v| v.plan.name == study.variant);
    let mut targets = args.targets.clone();
    if let (true, Some(variant)) = (targets.is_empty(), variant) {
        targets.extend(variant.scenario.threshold.values().cloned());
    }
    let known = |w: &String| variant.is_some_and(|v| v.scenario.workload.contains_key(w));
    if let Some(w) = targets
        .iter()
        .filter_map(|t| t.workload.as_ref())
        .find(|w| !known(w))
    {
        return Err(CommandError::Input(format!(
            "error[unknown-name]: a target is about the workload `{w}`, which variant `{}` does not have",
            study.variant
        )));
    }
    let q = &args.question;
    let wanted = q.migration.is_none() && !q.attribution && !q.recovery;
    if targets.is_empty() && wanted {
        return Err(CommandError::Input(
            "error[missing-key]: there is no target\n  = help: write `--target 'throttle_rate < 0.1%'`, or a `[threshold]` in the scenario".to_owned(),
        ));
    }
    Ok(targets)
}

fn quota(
    args: &args::Plan,
    study: &Study,
    targets: &[Target],
    shown: &str,
    name: &str,
) -> Result<Told, CommandError> {
    let variant = study.with(&[], &[])?;
    let present = study.run(&[], &[], study.seed)?;
    let all = pools(&variant, &present, &[])?;
    let wanted = pools(&variant, &present, &args.pools)?;
    if wanted.is_empty() {
        return Err(CommandError::Input(format!(
            "error: variant `{}` makes no KMS attempt, so no quota is needed",
            study.variant
        )));
    }
    let mut answers = Vec::new();
    for pool in &wanted {
        // Pools that are not asked about stay as they are.
        let others: Vec<_> = all
            .iter()
            .filter(|p| p.name != pool.name && wanted.iter().any(|w| w.name == p.name))
            .cloned()
            .collect();
        if !args.how.quiet {
            say(&format!("searching {} …", pool.name));
        }
        answers.push(smallest_quota(study, pool, &others, targets)?);
    }
    let caption = format!(
        "Simulated with kmsim {}: scenario {shown}, variant {}, {} replications a run, seed {}.",
        crate::run::VERSION,
        study.variant,
        study.replications,
        study.seed
    );
    let mut more = String::new();
    let found: Vec<_> = wanted
        .iter()
        .zip(&answers)
        .filter(|(_, a)| a.outcome == SearchOutcome::Found)
        .map(|(pool, a)| (pool.clone(), a.value))
        .collect();
    if found.len() > 1 {
        let trial = together(study, &found, targets)?;
        let holds = trial.meets(targets, Confidence::Mean);
        more = format!(
            "With all of these together the targets are {}.\n",
            if holds {
                "kept"
            } else {
                "not kept: each was searched with the others unlimited, so raise one further"
            }
        );
    }
    let mut requests = String::new();
    for (pool, answer) in wanted.iter().zip(&answers) {
        let raises = answer.outcome == SearchOutcome::Found && answer.value > pool.present;
        if raises {
            requests += &words::request(answer, &pool.name, &present, &caption);
            requests.push('\n');
        }
    }
    if requests.is_empty() {
        more += "No quota increase is needed or helps, so there is no request to write.\n";
    }
    told(args, study, &answers, [&more, &requests], shown, name)
}

fn grow(
    args: &args::Plan,
    study: &Study,
    targets: &[Target],
    shown: &str,
    name: &str,
) -> Result<Told, CommandError> {
    let answer = largest_growth(study, &args.workloads, targets)?;
    let more = args.growth_per_month.map_or_else(String::new, |rate| {
        let from = args.from.unwrap_or_else(today);
        words::date(&answer, rate, from)
    });
    told(args, study, &[answer], [&more, ""], shown, name)
}

/// What answers of a search come to, in every form.
fn told(
    args: &args::Plan,
    study: &Study,
    answers: &[Solution],
    [more, requests]: [&str; 2],
    shown: &str,
    name: &str,
) -> Result<Told, CommandError> {
    let mut figures = Vec::new();
    for (i, answer) in answers.iter().enumerate() {
        figures.extend(draw::search(answer, name, i)?);
    }
    let text = |to: For| {
        let mut out = String::new();
        for answer in answers {
            let sentences = words::sentences(answer);
            out += &match to {
                For::Terminal => words::wrapped(&sentences),
                For::Markdown => sentences + "\n",
            };
            out += &words::runs(answer, to);
            if answer.outcome == SearchOutcome::Found {
                let command = words::command(answer, shown);
                out += &match to {
                    For::Terminal => format!("To run it: {command}"),
                    For::Markdown => format!("To run it: `{}`\n\n", command.trim_end()),
                };
            }
        }
        out + more
    };
    let json = json::text(&answers).map_err(format_failure)?;
    let page = format!("{}\n{requests}", text(For::Markdown));
    let failures: Vec<String> = answers
        .iter()
        .filter(|a| a.outcome != SearchOutcome::Found)
        .map(|a| format!("variant {}: {}: no answer", study.variant, a.question))
        .collect();
    Ok(Told {
        text: match args.how.format {
            Format::Table => text(For::Terminal),
            Format::Markdown => page.clone(),
            Format::Json => json.clone(),
            Format::Csv => words::csv(answers).map_err(format_failure)?,
        },
        page,
        json,
        figures,
        failure: (!failures.is_empty()).then(|| failures.join("\nerror: ")),
    })
}

fn mitigate(
    args: &args::Plan,
    study: &Study,
    targets: &[Target],
    name: &str,
) -> Result<Told, CommandError> {
    if let Some(axis) = args.tried.iter().find(|axis| !axis.is_finite()) {
        return Err(CommandError::Input(format!(
            "error: `--try {}` is a range without a count\n  = help: write LOW..HIGH:COUNT",
            axis.key
        )));
    }
    let tried = args
        .tried
        .iter()
        .map(|axis| (axis.key.clone(), axis.values()));
    let wanted = choice::MitigationFilter {
        only: args.only.clone(),
        tried: tried.collect(),
        suggested: args.suggest,
    };
    let choice = choice::choice(study, &wanted)?;
    let sets = choice.sets()? as u64;
    let label = format!("{name}: {sets} sets of mitigations");
    let found = progress::watch(&label, "sets", sets, args.how.quiet, |done: &AtomicU64| {
        cheapest::cheapest(study, &choice, targets, done)
    })?;
    let text = |to: For| {
        let sentences = words::cheapest(&found);
        let sentences = match to {
            For::Terminal => words::wrapped(&sentences),
            For::Markdown => sentences + "\n",
        };
        sentences + &words::mitigations(&found, to)
    };
    let json = json::text(&found).map_err(format_failure)?;
    let failure = found
        .cheapest
        .is_none()
        .then(|| "no combination of mitigations meets the targets".to_owned());
    let figures = vec![draw::front(&found, name)?];
    let told = in_words(args, text, json, figures, "mitigations have")?;
    Ok(Told { failure, ..told })
}

fn migrate(args: &args::Plan, study: &Study, bucket: &str) -> Result<Told, CommandError> {
    let question = MigrationQuestion {
        bucket,
        objects: args.objects.unwrap_or(1),
        operation: &args.operation,
        share: args.quota_share,
    };
    let found = migration(study, &question)?;
    let json = json::text(&found).map_err(format_failure)?;
    described(args, |to| words::migration(&found, to), json, vec![])
}

fn attribute(args: &args::Plan, study: &Study, name: &str) -> Result<Told, CommandError> {
    let found = attribution(study)?;
    let text = |to: For| words::attribution(&found, to);
    let json = json::text(&found).map_err(format_failure)?;
    described(args, text, json, vec![draw::attribution(&found, name)?])
}

/// Loads of the map of recovery unless others are given.
const LOADS: [f64; 6] = [0.5, 0.7, 0.8, 0.9, 0.95, 1.0];

fn recover(args: &args::Plan, study: &Study, name: &str) -> Result<Told, CommandError> {
    let variant = study.with(&[], &[])?;
    let present = study.run(&[], &[], study.seed)?;
    let pools = pools(&variant, &present, &args.pools)?;
    let Some(pool) = pools.first() else {
        return Err(CommandError::Input(format!(
            "error: variant `{}` makes no KMS attempt, so there is nothing to recover from",
            study.variant
        )));
    };
    let mut loads = if args.loads.is_empty() {
        LOADS.to_vec()
    } else {
        args.loads.clone()
    };
    loads.retain(|l| *l > 0.0);
    loads.sort_by(f64::total_cmp);
    let mut retries: Vec<Option<String>> = args.retries.iter().cloned().map(Some).collect();
    if retries.is_empty() {
        // The short names that people write.
        let known = crate::catalog::retry_profiles().iter();
        let names = known.map(|p| p.aliases.first().unwrap_or(&p.id).clone());
        retries = std::iter::once(None)
            .chain(std::iter::once(Some("none".to_owned())))
            .chain(names.map(Some))
            .collect();
    }
    let question = recovery::RecoveryQuestion {
        size: args.spike,
        length_s: args.spike_length,
        watch_s: args.watch,
        loads,
        retries,
    };
    let cells = (question.loads.len() * question.retries.len()) as u64;
    let label = format!("{name}: {cells} loads and retry profiles");
    let map = progress::watch(
        &label,
        "cells",
        cells,
        args.how.quiet,
        |done: &AtomicU64| recovery::recovery(study, pool, &question, done),
    )?;
    let text = |to: For| words::recovery(&map, to);
    let json = json::text(&map).map_err(format_failure)?;
    described(args, text, json, vec![draw::recovery(&map, name)?])
}

/// What is described, not judged: there is always an answer.
fn described(
    args: &args::Plan,
    text: impl Fn(For) -> String,
    json: String,
    figures: Vec<Figure>,
) -> Result<Told, CommandError> {
    in_words(args, text, json, figures, "this answer has")
}

/// An answer that has words and JSON but no CSV form; `subject` says so of what.
fn in_words(
    args: &args::Plan,
    text: impl Fn(For) -> String,
    json: String,
    figures: Vec<Figure>,
    subject: &str,
) -> Result<Told, CommandError> {
    Ok(Told {
        text: match args.how.format {
            Format::Table => text(For::Terminal),
            Format::Markdown => text(For::Markdown),
            Format::Json => json.clone(),
            Format::Csv => {
                return Err(CommandError::Input(format!(
                    "error: {subject} no CSV form\n  = help: take `--format json`"
                )));
            }
        },
        page: text(For::Markdown),
        json,
        figures,
        failure: None,
    })
}

fn format_failure(e: impl std::fmt::Display) -> CommandError {
    CommandError::Internal(format!("error: cannot format the answer: {e}"))
}

/// Today's date in UTC.
fn today() -> jiff::civil::Date {
    jiff::Timestamp::now()
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .date()
}
