//! `kmsim plan`: the inverse questions.

use super::args;
use super::failure::CommandError;
use super::terminal::{command_line, say};
use super::{gate, input, progress, simulate};
use crate::catalog::limit_name;
use crate::metrics::target::Target;
use crate::planning::attribution::attribution;
use crate::planning::migration::{MigrationQuestion, migration};
use crate::planning::quota::{pools, smallest_quota, together};
use crate::planning::recovery;
use crate::planning::study::Confidence;
use crate::planning::{SearchOutcome, Study, growth::largest_growth};
use crate::planning::{cheapest, choice};
use crate::report;
use crate::report::answer_html::{AnswerBasis, answer_html};
use crate::report::chart::{ChartFiles, Figure, planning as draw};
use crate::report::content::{Content, Format};
use crate::report::format::{Json, Markdown};
use crate::report::planning::{Searched, date, request};
use crate::results::folder::{FolderSharing, OutputFolder};
use crate::results::{RunResults, directory};
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
        present: &RunResults,
        content: &dyn Content,
        figures: Vec<Figure>,
        failure: Option<String>,
    ) -> Result<Outputs, CommandError> {
        let basis = AnswerBasis {
            scenario: &present.scenario,
            variants: &[&present.variants[0].name],
            seed: present.seed,
            replications: present.replications,
            present: Some(present),
            again: &command_line(),
        };
        Ok(Outputs {
            text: args.how.shown(content)?,
            page: Markdown.write(content)?,
            json: Json.write(content)?,
            html: answer_html(content, &figures, &basis)?,
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
    // Before anything is simulated.
    if let Some(axis) = args.tried.iter().find(|axis| !axis.is_finite()) {
        return Err(CommandError::Input(format!(
            "error: `--try {}` is a range without a count\n  = help: write LOW..HIGH:COUNT",
            axis.key
        )));
    }
    let pool = simulate::pool(&args.how)?;
    let effort = simulate::effort_of(&study, &loaded, &args.how).times(TRIALS);
    simulate::admit(&source.name, &effort, &args.how)?;
    let shown = args.scenario.display().to_string();
    let question = &args.question;
    let outputs = pool.install(|| {
        let asked = AskedPlan {
            args,
            study: &study,
            targets: &targets,
            name: &source.name,
            present: study.as_it_is()?,
        };
        if question.growth {
            asked.grow(&shown)
        } else if question.mitigations {
            asked.mitigate()
        } else if let Some(bucket) = &question.migration {
            asked.migrate(bucket)
        } else if question.attribution {
            asked.attribute()
        } else if question.recovery {
            asked.recover()
        } else {
            asked.quota(&shown)
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

/// What is asked, and of what.
struct AskedPlan<'a> {
    args: &'a args::PlanArgs,
    study: &'a Study,
    targets: &'a [Target],
    /// The scenario's name.
    name: &'a str,
    /// The variant as it is.
    present: RunResults,
}

/// Loads of the map of recovery unless others are given.
const LOADS: [f64; 6] = [0.5, 0.7, 0.8, 0.9, 0.95, 1.0];

impl AskedPlan<'_> {
    fn quota(&self, shown: &str) -> Result<Outputs, CommandError> {
        let variant = self.study.with(&[], &[])?;
        let present = &self.present.variants[0];
        let all = pools(&variant, present, &[])?;
        let wanted = pools(&variant, present, &self.args.pools)?;
        if wanted.is_empty() {
            return Err(CommandError::Input(format!(
                "error: variant `{}` makes no KMS call, so it needs no quota",
                self.study.variant
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
            if !self.args.how.quiet {
                say(&format!(
                    "searching the smallest quota for {} …",
                    limit_name(&pool.name)
                ));
            }
            answers.push(smallest_quota(self.study, pool, &others, self.targets)?);
        }
        let caption = format!(
            "Simulated with kmsim {}: scenario {shown}, variant {}, {} replications per run, seed {}.",
            crate::run::VERSION,
            self.study.variant,
            self.study.replications,
            self.study.seed
        );
        let mut more = Vec::new();
        let found: Vec<_> = wanted
            .iter()
            .zip(&answers)
            .filter(|(_, a)| a.outcome == SearchOutcome::Found)
            .map(|(pool, a)| (pool.clone(), a.value))
            .collect();
        if found.len() > 1 {
            let trial = together(self.study, &found, self.targets)?;
            let holds = trial.meets(self.targets, Confidence::Mean);
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
                requests.extend(request(answer, &pool.name, present, &caption));
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
        self.search(&searched)
    }

    fn grow(&self, shown: &str) -> Result<Outputs, CommandError> {
        let answer = largest_growth(self.study, &self.args.workloads, self.targets)?;
        let more = self.args.growth_per_month.map(|rate| {
            let from = self.args.from.unwrap_or_else(today);
            date(&answer, rate, from)
        });
        let searched = Searched {
            answers: std::slice::from_ref(&answer),
            scenario: shown,
            more: more.into_iter().collect(),
            requests: Vec::new(),
        };
        self.search(&searched)
    }

    /// Answers of a search with their figures.
    fn search(&self, searched: &Searched<'_>) -> Result<Outputs, CommandError> {
        let mut figures = Vec::new();
        for (i, answer) in searched.answers.iter().enumerate() {
            figures.extend(draw::search(answer, self.name, i)?);
        }
        let unanswered = searched.answers.iter();
        let failures: Vec<String> = unanswered
            .filter(|a| a.outcome != SearchOutcome::Found)
            .map(|a| format!("variant {}: {}: no answer", self.study.variant, a.question))
            .collect();
        let failure = (!failures.is_empty()).then(|| failures.join("\nerror: "));
        Outputs::of(self.args, &self.present, searched, figures, failure)
    }

    fn mitigate(&self) -> Result<Outputs, CommandError> {
        let tried = self
            .args
            .tried
            .iter()
            .map(|axis| (axis.key.clone(), axis.values()));
        let wanted = choice::MitigationFilter {
            only: self.args.only.clone(),
            tried: tried.collect(),
            suggested: self.args.suggest,
        };
        let choice = choice::choice(self.study, &wanted)?;
        let sets = choice.runs() as u64;
        let label = format!("{}: {sets} combinations of mitigations", self.name);
        let found = progress::watch(
            &label,
            "combinations",
            sets,
            self.args.how.quiet,
            |done: &AtomicU64| cheapest::cheapest(self.study, &choice, self.targets, done),
        )?;
        let failure = found
            .cheapest
            .is_none()
            .then(|| "no combination of mitigations meets the targets".to_owned());
        let figures = vec![draw::front(&found, self.name)?];
        Outputs::of(self.args, &self.present, &found, figures, failure)
    }

    fn migrate(&self, bucket: &str) -> Result<Outputs, CommandError> {
        let question = MigrationQuestion {
            bucket,
            objects: self.args.objects.unwrap_or(1),
            operation: &self.args.operation,
            share: self.args.quota_share,
        };
        let found = migration(self.study, &question)?;
        Outputs::of(self.args, &self.present, &found, vec![], None)
    }

    fn attribute(&self) -> Result<Outputs, CommandError> {
        let found = attribution(self.study, self.targets)?;
        let figures = vec![draw::attribution(&found, self.name)?];
        Outputs::of(self.args, &self.present, &found, figures, None)
    }

    fn recover(&self) -> Result<Outputs, CommandError> {
        let variant = self.study.with(&[], &[])?;
        let pools = pools(&variant, &self.present.variants[0], &self.args.pools)?;
        let Some(pool) = pools.first() else {
            return Err(CommandError::Input(format!(
                "error: variant `{}` makes no KMS call, so there is nothing to recover from",
                self.study.variant
            )));
        };
        let mut loads = if self.args.loads.is_empty() {
            LOADS.to_vec()
        } else {
            self.args.loads.clone()
        };
        loads.retain(|l| *l > 0.0);
        loads.sort_by(f64::total_cmp);
        let mut retries: Vec<Option<String>> =
            self.args.retries.iter().cloned().map(Some).collect();
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
            size: self.args.spike,
            length_s: self.args.spike_length,
            watch_s: self.args.watch,
            loads,
            retries,
        };
        let cells = (question.loads.len() * question.retries.len()) as u64;
        let label = format!("{}: {cells} loads and retry profiles", self.name);
        let map = progress::watch(
            &label,
            "cells",
            cells,
            self.args.how.quiet,
            |done: &AtomicU64| recovery::recovery(self.study, pool, &question, done),
        )?;
        let figures = vec![draw::recovery(&map, self.name)?];
        Outputs::of(self.args, &self.present, &map, figures, None)
    }
}

/// Today's date in UTC.
fn today() -> jiff::civil::Date {
    jiff::Timestamp::now()
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .date()
}
