//! `kmsim plan`: the inverse questions.

use super::args;
use super::failure::CommandError;
use super::terminal::say;
use super::{gate, input, progress, simulate};
use crate::metrics::target::Target;
use crate::planning::attribution::attribution;
use crate::planning::migration::{MigrationQuestion, migration};
use crate::planning::quota::{pools, smallest_quota, together};
use crate::planning::recovery;
use crate::planning::study::Confidence;
use crate::planning::{SearchOutcome, Study, growth::largest_growth};
use crate::planning::{cheapest, choice};
use crate::report;
use crate::report::answer_html::answer_html;
use crate::report::chart::{ChartFiles, Figure, planning as draw};
use crate::report::content::{Content, Format};
use crate::report::format::{Json, Markdown};
use crate::report::planning::{Searched, date, request};
use crate::results::directory;
use crate::results::folder::{FolderSharing, OutputFolder};
use crate::scenario::thresholds::of_each_workload;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// What is printed, written and judged.
struct Outputs {
    /// For standard output in the format asked for.
    text: String,
    /// `plan.md`.
    page: String,
    /// `plan.json`.
    json: String,
    /// `report.html`.
    html: String,
    figures: Vec<Figure>,
    /// Why the question cannot be answered.
    failure: Option<String>,
}

impl Outputs {
    fn of(
        args: &args::PlanArgs,
        content: &dyn Content,
        figures: Vec<Figure>,
        failure: Option<String>,
    ) -> Result<Outputs, CommandError> {
        Ok(Outputs {
            text: args.how.shown(content)?,
            page: Markdown.write(content)?,
            json: Json.write(content)?,
            html: answer_html(
                &format!("Plan for {}", args.scenario.display()),
                content,
                &figures,
            )?,
            figures,
            failure,
        })
    }
}

/// About how many runs an answer takes.
const TRIALS: f64 = 16.0;

pub(super) fn plan(args: &args::PlanArgs) -> Result<(), CommandError> {
    let (source, sets) = input::text(&args.scenario, &args.overrides)?;
    let ([] | [_]) = args.overrides.variants.as_slice() else {
        return Err(CommandError::Input(
            "error: `plan` works on one variant\n  = help: give one `--variant`".to_owned(),
        ));
    };
    let name = args.overrides.variants.first().map(String::as_str);
    let (study, loaded) = Study::new(&source, &sets, name)?;
    let dir = args.out.clone().unwrap_or_else(|| {
        Path::new("output").join(format!("{}-plan", directory::folder_name(&source.name)))
    });
    let _folder = OutputFolder::claim(&dir, FolderSharing::Alone, args.at_once.wait)?;
    let targets = targets(args, &study, &loaded)?;
    let pool = simulate::pool(&args.how)?;
    let effort = simulate::effort_of(&study, &loaded, &args.how).times(TRIALS);
    simulate::admit(&source.name, &effort, &args.how)?;
    let shown = args.scenario.display().to_string();
    let question = &args.question;
    let outputs = pool.install(|| {
        if question.growth {
            grow(args, &study, &targets, &shown, &source.name)
        } else if question.mitigations {
            mitigate(args, &study, &targets, &source.name)
        } else if let Some(bucket) = &question.migration {
            migrate(args, &study, bucket)
        } else if question.attribution {
            attribute(args, &study, &targets, &source.name)
        } else if question.recovery {
            recover(args, &study, &source.name)
        } else {
            quota(args, &study, &targets, &shown, &source.name)
        }
    })?;
    let texts = [
        ("plan.json", outputs.json.as_str()),
        ("plan.md", outputs.page.as_str()),
        ("report.html", outputs.html.as_str()),
    ];
    report::write_answer(&texts, &outputs.figures, &dir, ChartFiles::ALL)?;
    if !args.how.quiet {
        say(&format!(
            "plan.md, plan.json, report.html and charts in {}",
            dir.display()
        ));
    }
    let failure = outputs.failure.map(|f| format!("error: {f}"));
    gate::print_judged(&outputs.text, failure.as_slice())
}

/// The targets of the command line, else the variant's thresholds.
fn targets(
    args: &args::PlanArgs,
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
    if let Some(variant) = variant {
        let scenario = &variant.scenario;
        let workloads = scenario.workload.keys().map(String::as_str);
        targets = of_each_workload(&targets, workloads, &scenario.group).map_err(|fault| {
            let help = fault.help.map(|help| format!("\n  = help: {help}"));
            CommandError::Input(format!(
                "error[{}]: {}{}",
                fault.code,
                fault.message,
                help.unwrap_or_default()
            ))
        })?;
    }
    let known = |w: &String| variant.is_some_and(|v| v.scenario.workload.contains_key(w));
    if let Some(w) = targets
        .iter()
        .filter_map(|t| t.workload.as_ref())
        .find(|w| !known(w))
    {
        return Err(CommandError::Input(format!(
            "error[unknown-name]: a target refers to workload `{w}`, which variant `{}` does not have",
            study.variant
        )));
    }
    let q = &args.question;
    let wanted = q.migration.is_none() && !q.attribution && !q.recovery;
    if targets.is_empty() && wanted {
        return Err(CommandError::Input(
            "error[missing-key]: no target given\n  = help: write `--target 'throttle_rate < 0.1%'`, or a `[threshold]` in the scenario".to_owned(),
        ));
    }
    Ok(targets)
}

fn quota(
    args: &args::PlanArgs,
    study: &Study,
    targets: &[Target],
    shown: &str,
    name: &str,
) -> Result<Outputs, CommandError> {
    let variant = study.with(&[], &[])?;
    let present = study.present()?;
    let all = pools(&variant, &present, &[])?;
    let wanted = pools(&variant, &present, &args.pools)?;
    if wanted.is_empty() {
        return Err(CommandError::Input(format!(
            "error: variant `{}` makes no KMS call, so it needs no quota",
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
        "Simulated with kmsim {}: scenario {shown}, variant {}, {} replications per run, seed {}.",
        crate::run::VERSION,
        study.variant,
        study.replications,
        study.seed
    );
    let mut more = Vec::new();
    let found: Vec<_> = wanted
        .iter()
        .zip(&answers)
        .filter(|(_, a)| a.outcome == SearchOutcome::Found)
        .map(|(pool, a)| (pool.clone(), a.value))
        .collect();
    if found.len() > 1 {
        let trial = together(study, &found, targets)?;
        let holds = trial.meets(targets, Confidence::Mean);
        more.push(format!(
            "With all of these quotas together the targets are {}.",
            if holds {
                "met"
            } else {
                "missed: each quota was searched with the others unlimited, so raise one further"
            }
        ));
    }
    let mut requests = Vec::new();
    for (pool, answer) in wanted.iter().zip(&answers) {
        let raises = answer.outcome == SearchOutcome::Found && answer.value > pool.present;
        if raises {
            requests.extend(request(answer, &pool.name, &present, &caption));
        }
    }
    if requests.is_empty() {
        let text = "No quota increase is needed or would help, so no request is written.";
        more.push(text.to_owned());
    }
    let searched = Searched {
        answers: &answers,
        scenario: shown,
        more,
        requests,
    };
    search(args, study, &searched, name)
}

fn grow(
    args: &args::PlanArgs,
    study: &Study,
    targets: &[Target],
    shown: &str,
    name: &str,
) -> Result<Outputs, CommandError> {
    let answer = largest_growth(study, &args.workloads, targets)?;
    let more = args.growth_per_month.map(|rate| {
        let from = args.from.unwrap_or_else(today);
        date(&answer, rate, from)
    });
    let searched = Searched {
        answers: std::slice::from_ref(&answer),
        scenario: shown,
        more: more.into_iter().collect(),
        requests: Vec::new(),
    };
    search(args, study, &searched, name)
}

/// Answers of a search with their figures.
fn search(
    args: &args::PlanArgs,
    study: &Study,
    searched: &Searched<'_>,
    name: &str,
) -> Result<Outputs, CommandError> {
    let mut figures = Vec::new();
    for (i, answer) in searched.answers.iter().enumerate() {
        figures.extend(draw::search(answer, name, i)?);
    }
    let unanswered = searched.answers.iter();
    let failures: Vec<String> = unanswered
        .filter(|a| a.outcome != SearchOutcome::Found)
        .map(|a| format!("variant {}: {}: no answer", study.variant, a.question))
        .collect();
    let failure = (!failures.is_empty()).then(|| failures.join("\nerror: "));
    Outputs::of(args, searched, figures, failure)
}

fn mitigate(
    args: &args::PlanArgs,
    study: &Study,
    targets: &[Target],
    name: &str,
) -> Result<Outputs, CommandError> {
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
    let sets = choice.runs() as u64;
    let label = format!("{name}: {sets} combinations of mitigations");
    let found = progress::watch(
        &label,
        "combinations",
        sets,
        args.how.quiet,
        |done: &AtomicU64| cheapest::cheapest(study, &choice, targets, done),
    )?;
    let failure = found
        .cheapest
        .is_none()
        .then(|| "no combination of mitigations meets the targets".to_owned());
    let figures = vec![draw::front(&found, name)?];
    Outputs::of(args, &found, figures, failure)
}

fn migrate(args: &args::PlanArgs, study: &Study, bucket: &str) -> Result<Outputs, CommandError> {
    let question = MigrationQuestion {
        bucket,
        objects: args.objects.unwrap_or(1),
        operation: &args.operation,
        share: args.quota_share,
    };
    let found = migration(study, &question)?;
    Outputs::of(args, &found, vec![], None)
}

fn attribute(
    args: &args::PlanArgs,
    study: &Study,
    targets: &[Target],
    name: &str,
) -> Result<Outputs, CommandError> {
    let found = attribution(study, targets)?;
    let figures = vec![draw::attribution(&found, name)?];
    Outputs::of(args, &found, figures, None)
}

/// Loads of the map of recovery unless others are given.
const LOADS: [f64; 6] = [0.5, 0.7, 0.8, 0.9, 0.95, 1.0];

fn recover(args: &args::PlanArgs, study: &Study, name: &str) -> Result<Outputs, CommandError> {
    let variant = study.with(&[], &[])?;
    let present = study.run(&[], &[], study.seed)?;
    let pools = pools(&variant, &present, &args.pools)?;
    let Some(pool) = pools.first() else {
        return Err(CommandError::Input(format!(
            "error: variant `{}` makes no KMS call, so there is nothing to recover from",
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
    let figures = vec![draw::recovery(&map, name)?];
    Outputs::of(args, &map, figures, None)
}

/// Today's date in UTC.
fn today() -> jiff::civil::Date {
    jiff::Timestamp::now()
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .date()
}
