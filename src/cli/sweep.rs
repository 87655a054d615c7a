//! `kmsim sweep`: many settings, each kept as soon as it is run.

use super::args;
use super::failure::CommandError;
use super::terminal::{command_line, say};
use super::{gate, input, progress, simulate};
use crate::effort::Effort;
use crate::planning::Study;
use crate::report;
use crate::report::answer_html::{AnswerBasis, answer_html};
use crate::report::content::Format;
use crate::report::format::Markdown;
use crate::report::sweep::Swept;
use crate::results::folder::{FolderSharing, OutputFolder};
use crate::results::{ScenarioRecord, directory, json};
use crate::run::scenario_record;
use crate::sweep::run::{Run, Sweep};
use crate::sweep::{grid, latin_hypercube, parquet, table};
use std::path::Path;

/// Metrics that are drawn unless others are named.
const METRICS: [&str; 3] = ["throttle_rate", "added_delay_s_p99", "cost_total_usd"];

/// Most settings of one sweep.
const MOST: usize = 1_000_000;

pub(super) fn sweep(args: &args::SweepArgs) -> Result<(), CommandError> {
    let (source, sets) = input::text(&args.scenario, &args.overrides)?;
    let (mut studies, mut efforts) = (Vec::new(), Effort::default());
    let mut record = None;
    let names = args
        .overrides
        .variants
        .iter()
        .map(|name| Some(name.as_str()));
    let unnamed = args.overrides.variants.is_empty().then_some(None);
    for name in unnamed.into_iter().chain(names) {
        let (study, loaded) = Study::new(&source, &sets, name)?;
        efforts = efforts.then(simulate::effort_of(&study, &loaded, &args.how));
        record.get_or_insert_with(|| scenario_record(&loaded));
        studies.push(study);
    }
    let settings = settings(args, studies.first().map_or(0, |s| s.seed))?;
    let dir = args.out.clone().unwrap_or_else(|| {
        Path::new("output").join(format!("{}-sweep", directory::folder_name(&source.name)))
    });
    let mut plan = Sweep::new(&source, &sets, &args.over, settings, &studies);
    let pool = simulate::pool(&args.how)?;
    pool.install(|| plan.check(&source, &studies))?;
    let all = efforts.times(plan.settings.len() as f64);
    simulate::admit(&source.name, &all, &args.how)?;
    let sharing = args.shard.map_or(FolderSharing::Alone, |(i, n)| {
        FolderSharing::Shard(i + 1, n)
    });
    let folder = OutputFolder::claim(&dir, sharing, args.at_once.wait)?;
    plan.open(&dir)?;
    let shard = args.shard.unwrap_or((0, 1));
    let units = plan.units().len() as u64;
    let label = format!("{}: {units} runs", source.name);
    let (runs, started) = progress::watch(&label, "runs", units, args.how.quiet, |count| {
        pool.install(|| plan.run(&studies, &dir, shard, count))
    })?;
    // From here on what other shards have done counts too; the last of them finds all.
    let _alone = folder.last_word()?;
    let (runs, done) = plan.gathered(&dir, started, runs);
    let manifest = json::text(&done).map_err(unwritable)?;
    directory::write(&dir.join("manifest.json"), manifest.as_bytes())?;
    if !args.how.quiet {
        say(&format!(
            "{}: {}",
            dir.display(),
            report::sweep::progress(&done)
        ));
    }
    if done.missing > 0 {
        say("the last shard writes the table and charts, or the same command without `--shard`");
        return Ok(());
    }
    finish(args, &record.unwrap_or_default(), &plan, &runs, &dir)
}

/// The settings that the axes make.
fn settings(args: &args::SweepArgs, seed: u64) -> Result<Vec<Vec<String>>, CommandError> {
    let fault = |message: String, help: &str| {
        CommandError::Input(format!("error: {message}\n  = help: {help}"))
    };
    for (i, axis) in args.over.iter().enumerate() {
        if args.over[..i].iter().any(|a| a.key == axis.key) {
            return Err(fault(
                format!("`{}` is swept twice", axis.key),
                "write all its values in one `--over`",
            ));
        }
        if args.latin.is_none() && !axis.is_finite() {
            return Err(fault(
                format!("`{}` is a range without a count", axis.key),
                "write LOW..HIGH:COUNT for a grid, or add `--latin N`",
            ));
        }
    }
    if let Some(n) = args.latin {
        return Ok(latin_hypercube(&args.over, n as usize, seed));
    }
    let count = args
        .over
        .iter()
        .try_fold(1_usize, |n, a| n.checked_mul(a.values().len()));
    if count.is_none_or(|n| n > MOST) {
        return Err(fault(
            format!("the grid has more than {MOST} settings"),
            "use fewer values, or `--latin N`",
        ));
    }
    Ok(grid(&args.over))
}

/// Table, figures and what is printed.
fn finish(
    args: &args::SweepArgs,
    record: &ScenarioRecord,
    plan: &Sweep,
    runs: &[Run],
    dir: &Path,
) -> Result<(), CommandError> {
    let metrics: Vec<&str> = if args.metrics.is_empty() {
        METRICS.to_vec()
    } else {
        args.metrics.clone()
    };
    let columns = table::columns(plan, runs);
    let csv = table::csv(&columns);
    let parquet = parquet::parquet(&columns).map_err(unwritable)?;
    let figures = report::chart::sweep::all(plan, runs, &metrics)?;
    let swept = Swept {
        sweep: plan,
        runs,
        metrics: &metrics,
        columns: &columns,
    };
    let page = Markdown.write(&swept)?;
    directory::write(&dir.join("sweep.parquet"), &parquet)?;
    let variants: Vec<&str> = plan.variants.iter().map(String::as_str).collect();
    let basis = AnswerBasis {
        scenario: record,
        variants: &variants,
        seed: plan.seed,
        replications: plan.replications,
        present: None,
        again: &command_line(),
    };
    let html = answer_html(&swept, &figures, &basis)?;
    let texts = [
        ("sweep.csv", csv.as_str()),
        ("sweep.md", page.as_str()),
        ("report.html", html.as_str()),
    ];
    report::write_answer(&texts, &figures, dir, args.charts.files)?;
    let text = args.how.shown(&swept)?;
    gate::print_judged(&text, report::sweep::failure(plan, runs).as_slice())
}

fn unwritable(e: impl std::fmt::Display) -> CommandError {
    CommandError::Internal(format!("error: cannot format the sweep: {e}"))
}
