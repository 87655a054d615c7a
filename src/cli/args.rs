//! What can be typed.

use super::failure::CommandError;
use super::terminal::viewport;
use crate::compare::Gated;
use crate::import::format::{FORMATS as SOURCE_FORMATS, SourceFormat};
use crate::metrics::target::Target;
use crate::report::chart::ChartFiles;
use crate::report::content::{Content, Format};
use crate::report::format::{FORMATS, Json, TextTable};
use crate::sweep::SweepAxis;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Will our S3 workloads hit the AWS KMS request quota, what will it cost, and which mitigation is
/// worth it?
#[derive(Debug, Parser)]
#[command(name = "kmsim", version, propagate_version = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The command line with each metric after `--fail-on-regression` made that flag's value: it takes one, but a scenario
/// may follow it too, so that the parser alone could not tell them apart.
pub fn words(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    for word in given {
        let gates = |text: &str| {
            let name = text.split(['=', ',']).next().unwrap_or_default();
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_.\"-".contains(c);
            let written = text.contains('=') && name.chars().all(is_name);
            !text.starts_with('-') && (written || crate::metrics::target::subject(name).is_ok())
        };
        match words.last_mut() {
            Some(flag) if flag == "--fail-on-regression" && word.to_str().is_some_and(gates) => {
                flag.push("=");
                flag.push(word);
            }
            Some(_) | None => words.push(word),
        }
    }
    words
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Simulate every variant of scenario files, print a table, write the results directory
    Run(RunArgs),
    /// Validate scenario files only
    Check(CheckArgs),
    /// Make a scenario of an AWS account's own files: CloudTrail, access logs, metrics, bills, plans, quotas
    Import(ImportArgs),
    /// Compare scenario files or results directories: paired differences with intervals
    Compare(CompareArgs),
    /// Trace one request end to end: encryption, permissions, KMS calls, caches, quotas, CloudTrail
    Explain(ExplainArgs),
    /// Find the smallest quota, the largest growth or the cheapest mitigations that meet a target
    Plan(Box<PlanArgs>),
    /// Run many settings of a scenario, a grid or a Latin hypercube, into one table with charts; resumes if interrupted
    Sweep(SweepArgs),
    /// Redraw charts and report from a results directory, without simulating
    Report(ReportArgs),
    /// Print the quotas, prices, S3 operations and retry profiles in use, with source and date
    Catalog(CatalogArgs),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// How results are printed: one of the formats by its name.
fn format(names: &[&'static str]) -> impl TypedValueParser<Value = &'static dyn Format> + use<> {
    let offered = FORMATS
        .iter()
        .filter(|f| names.is_empty() || names.contains(&f.name()));
    let values = offered.map(|f| PossibleValue::new(f.name()).help(f.help()));
    PossibleValuesParser::new(values.collect::<Vec<_>>()).try_map(|name| {
        let known = FORMATS.iter().find(|f| f.name() == name);
        known.copied().ok_or("unknown format")
    })
}

/// What to change in the scenario.
#[derive(Debug, clap::Args)]
pub struct Overrides {
    /// Set any scenario key; a variant's own value stays, set `variant.NAME.…` to change it
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub sets: Vec<String>,
    /// Run only these variants
    #[arg(long = "variant", value_name = "NAME")]
    pub variants: Vec<String>,
    /// Master seed
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Replications of each variant
    #[arg(long, value_name = "N")]
    pub replications: Option<u64>,
    /// Folders that a scenario may name files in, besides its own and the working directory
    #[arg(long = "allow-path", value_name = "DIR")]
    pub allowed: Vec<PathBuf>,
    /// Largest file to read, such as 20GiB [default: 64MiB, for traces 8GiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_file_size: Option<u64>,
}

/// A number of events.
fn events(text: &str) -> Result<u64, String> {
    let plain = text.replace('_', "");
    let number = plain.parse::<f64>().ok();
    let number = number.filter(|n| n.is_finite() && *n >= 1.0 && *n <= 1e18);
    number
        .map(|n| n as u64)
        .ok_or_else(|| format!("\"{text}\" is not a number of events from 1 to 1e18, such as 1e9"))
}

/// A size in bytes.
fn size(text: &str) -> Result<u64, String> {
    let size = text.parse::<crate::units::Bytes>();
    size.map(crate::units::Bytes::get)
        .map_err(|e| format!("{e}; {}", e.help()))
}

/// `kmsim run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Scenario files, `-` for standard input
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub how: How,
    /// Results directory; with several scenarios the folder that holds one for each [default: output/NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub at_once: WaitArgs,
    /// Write a sample of N KMS calls of each variant as a CloudTrail log file, cloudtrail/VARIANT.json, and of N
    /// data events where trails deliver them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub emit_cloudtrail: Option<u32>,
    #[command(flatten)]
    pub charts: ChartArgs,
    #[command(flatten)]
    pub precision: PrecisionArgs,
    #[command(flatten)]
    pub baseline: Baseline,
    /// Run the first variant and the best again with each assumption in force at the ends of its range; report.html
    /// and results.json tell which move them most
    #[arg(long)]
    pub sensitivity: bool,
}

/// What to do about another run that writes to the same folder.
#[derive(Debug, clap::Args)]
pub struct WaitArgs {
    /// Wait for another run that writes to the same folder, instead of refusing
    #[arg(long)]
    pub wait: bool,
}

/// How figures are written.
#[derive(Debug, clap::Args)]
pub struct ChartArgs {
    /// Files of the charts: svg, png, both, or none; report.html has the charts all the same
    #[arg(long = "charts", value_name = "LIST", default_value = "svg,png")]
    pub files: ChartFiles,
}

/// When to stop adding replications.
#[derive(Debug, clap::Args)]
pub struct PrecisionArgs {
    /// Add replications until the 95 % interval's half-width is at most this share of the mean, such as 2%
    #[arg(long = "precision", value_name = "SHARE", value_parser = share)]
    pub share: Option<f64>,
    /// The metric whose interval it is
    #[arg(
        long = "precision-metric",
        value_name = "METRIC",
        default_value = "throttle_rate",
        requires = "share",
        value_parser = metric
    )]
    pub metric: &'static str,
    /// Replications after which to give up
    #[arg(
        long = "max-replications",
        value_name = "N",
        default_value_t = 1000,
        requires = "share",
        value_parser = clap::value_parser!(u32).range(2..=100_000)
    )]
    pub most: u32,
}

/// An earlier run to compare this one with.
#[derive(Debug, clap::Args)]
pub struct Baseline {
    /// Results directory of an earlier run to compare with, variant by variant
    #[arg(long = "baseline", value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Exit with status 1 if any metric got worse than in the baseline, or only these, each by more than its own share
    /// of the baseline's mean [default share: --noise], such as cost_total_usd_per_month=5%
    #[arg(
        long = "fail-on-regression",
        value_name = "METRIC[=SHARE]",
        requires = "dir",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all",
        value_delimiter = ','
    )]
    pub gated: Vec<Gated>,
    /// Variants that the baseline lacks do not fail `--fail-on-regression`
    #[arg(long, requires = "gated")]
    pub allow_new_variants: bool,
    /// Differences up to this share of the baseline's mean are noise
    #[arg(long, value_name = "SHARE", default_value = "1%", requires = "dir", value_parser = share)]
    pub noise: f64,
}

/// A share such as 2% or 0.02.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<crate::units::Share>();
    share
        .map(crate::units::Share::get)
        .map_err(|e| format!("{e}; {}", e.help()))
}

/// Identifier of a metric.
fn metric(id: &str) -> Result<&'static str, String> {
    let row = crate::metrics::target::known(id);
    row.map(|row| row.id)
        .map_err(|e| format!("{e}; {}", e.help()))
}

/// How to simulate and print.
#[derive(Debug, clap::Args)]
pub struct How {
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Format of the results on standard output
    #[arg(long, value_parser = format(&[]), default_value = TextTable.name())]
    pub format: &'static dyn Format,
    /// Show all that was found in a table or in Markdown, not only what decides
    #[arg(long)]
    pub full: bool,
    /// Suppress progress and messages
    #[arg(long)]
    pub quiet: bool,
    /// Refuse what takes more events by its estimate, such as 1e9 [default: no limit; 1e10 where CI=true]
    #[arg(long, value_name = "N", value_parser = events)]
    pub max_events: Option<u64>,
    /// Refuse what takes more memory by its estimate, such as 8GiB [default: no limit; 4GiB where CI=true]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_memory: Option<u64>,
    /// Simulate quiet seconds too instead of counting them: slower, with the same results (with caches: the same distribution)
    #[arg(long)]
    pub simulate_all: bool,
}

impl How {
    /// What is to be printed of an answer.
    pub(super) fn shown(&self, content: &dyn Content) -> Result<String, CommandError> {
        Ok(self.format.write_to(content, &viewport(self.full))?)
    }
}

/// `kmsim check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Scenario files, `-` for standard input
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Print errors only
    #[arg(long)]
    pub quiet: bool,
}

/// `kmsim import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// Files, folders and pipes, `-` for standard input; what each is, its content tells
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Scenario file to write; totals go to FILE.import.json and load to FILE.*.csv beside it
    #[arg(long, value_name = "FILE", default_value = "imported.toml")]
    pub out: PathBuf,
    /// Format of all files, where their content does not tell
    #[arg(long, value_name = "NAME", value_parser = source_formats())]
    pub format: Option<&'static SourceFormat>,
    /// Region of files that name none
    #[arg(long, value_name = "REGION", value_parser = PossibleValuesParser::new(crate::catalog::regions()))]
    pub region: Option<String>,
    /// A metric that counts requests, where its name does not say so
    #[arg(long, value_name = "NAME")]
    pub metric: Option<String>,
    /// Value of a parameter of CloudFormation templates, instead of its default
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// Retry profile of clients whose user agent does not tell, such as standard or none
    #[arg(long, value_name = "PROFILE", value_parser = retry_profile)]
    pub retry: Option<String>,
    /// SDK clients that share the load of each workload, each with a retry quota, where you know that; the log tells sessions at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub clients: Option<u32>,
    /// Learn from the first part in time alone as well, simulate the rest, and tell how far off that is
    #[arg(long, value_name = "SHARE", value_parser = held_out)]
    pub holdout: Option<f64>,
    #[command(flatten)]
    pub at_once: WaitArgs,
    /// Write names, account numbers and ARNs as they are instead of pseudonyms
    #[arg(long)]
    pub keep_names: bool,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Suppress messages; faults are still told
    #[arg(long)]
    pub quiet: bool,
}

/// A template's parameter and its value.
fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write NAME=VALUE, such as Stage=prod".to_owned()),
    }
}

/// A format of files by its name.
fn source_formats() -> impl TypedValueParser<Value = &'static SourceFormat> + use<> {
    let offered = SOURCE_FORMATS.iter();
    let values = offered.map(|f| PossibleValue::new(f.name).help(f.help));
    PossibleValuesParser::new(values.collect::<Vec<_>>())
        .try_map(|name| crate::import::format::named(&name).ok_or("unknown format"))
}

/// The part of the time that is held out.
fn held_out(text: &str) -> Result<f64, String> {
    let share: crate::units::Share = text.parse().map_err(|e| format!("{e}"))?;
    if (0.01..=0.5).contains(&share.get()) {
        Ok(share.get())
    } else {
        Err("from 1% to 50%, so that there is more to learn from than to compare with".to_owned())
    }
}

/// The name of a retry profile, or `none`.
fn retry_profile(name: &str) -> Result<String, String> {
    match crate::import::policy::named(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(format!(
            "unknown retry profile \"{name}\"; `kmsim catalog retry` lists them, `none` gives up at once"
        )),
    }
}

/// `kmsim compare`.
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// Scenario files or results directories; the first is the baseline
    #[arg(required = true, num_args = 2.., value_name = "FILE or DIR")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub how: How,
    #[command(flatten)]
    pub precision: PrecisionArgs,
    /// Also write a results directory of all variants with overlaid charts and report.html
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub at_once: WaitArgs,
    #[command(flatten)]
    pub charts: ChartArgs,
}

/// `kmsim plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Scenario file, `-` for standard input
    pub scenario: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub how: How,
    #[command(flatten)]
    pub question: PlanQuestion,
    /// What must hold, such as 'throttle_rate < 0.1%' [default: the scenario's thresholds]
    #[arg(long = "target", value_name = "TARGET", value_parser = target)]
    pub targets: Vec<Target>,
    /// Quotas to search, by their name in the scenario or as account/Region/code [default: all in use]
    #[arg(long = "pool", value_name = "NAME")]
    pub pools: Vec<String>,
    /// Workloads that grow [default: all]
    #[arg(long = "workload", value_name = "NAME", requires = "growth")]
    pub workloads: Vec<String>,
    /// Traffic growth per month, such as 4%: adds the date from which the targets are missed
    #[arg(long, value_name = "SHARE", requires = "growth", value_parser = share)]
    pub growth_per_month: Option<f64>,
    /// Day on which the growth starts, YYYY-MM-DD [default: today]
    #[arg(long, value_name = "DATE", requires = "growth_per_month")]
    pub from: Option<jiff::civil::Date>,
    /// Mitigations to consider, such as bucket.videos [default: all that the file's variants set]
    #[arg(long = "mitigation", value_name = "PATH", requires = "mitigations")]
    pub only: Vec<String>,
    /// Another mitigation, written as for `sweep --over`, such as retry=none,standard or quota.shared.limit=12000/s..16000/s:3
    #[arg(long = "try", value_name = "KEY=VALUES", requires = "mitigations")]
    pub tried: Vec<SweepAxis>,
    /// Also consider mitigations that suit any scenario: bucket keys, data-key caches, SDK retry modes, a larger quota
    #[arg(long, requires = "mitigations")]
    pub suggest: bool,
    /// Number of objects to migrate
    #[arg(long, value_name = "N", requires = "migration", value_parser = clap::value_parser!(u64).range(1..))]
    pub objects: Option<u64>,
    /// S3 operation that rewrites an object
    #[arg(
        long,
        value_name = "NAME",
        default_value = "CopyObject",
        requires = "migration"
    )]
    pub operation: String,
    /// Share of the request quota that the migration may use
    #[arg(long, value_name = "SHARE", default_value = "20%", requires = "migration", value_parser = share)]
    pub quota_share: f64,
    /// Traffic during the spike, as a multiple of normal traffic
    #[arg(long, value_name = "FACTOR", default_value_t = 3.0, requires = "recovery", value_parser = spike)]
    pub spike: f64,
    /// Length of the spike
    #[arg(long, value_name = "SPAN", default_value = "30s", requires = "recovery", value_parser = seconds)]
    pub spike_length: u64,
    /// How long to watch after the spike
    #[arg(long, value_name = "SPAN", default_value = "5m", requires = "recovery", value_parser = seconds)]
    pub watch: u64,
    /// Attempts per second without retries, as a share of the quota
    #[arg(long = "load", value_name = "SHARE", requires = "recovery", value_parser = share)]
    pub loads: Vec<f64>,
    /// Retry profiles, such as standard or none [default: the scenario's own and those of the catalog]
    #[arg(long = "retry", value_name = "NAME", requires = "recovery")]
    pub retries: Vec<String>,
    /// Folder for plan.json, plan.md and charts [default: output/NAME-plan]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub at_once: WaitArgs,
}

/// The question to answer.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub struct PlanQuestion {
    /// Find the smallest request quota of each pool (the default question)
    #[arg(long)]
    pub quota: bool,
    /// Find the largest growth factor
    #[arg(long)]
    pub growth: bool,
    /// Find the cheapest combination of mitigations that meets the targets: those of the file's other variants, `--try` and `--suggest`
    #[arg(long)]
    pub mitigations: bool,
    /// Rewrite a bucket's objects to use bucket keys: duration, cost, payback time
    #[arg(long, value_name = "BUCKET", requires = "objects")]
    pub migration: Option<String>,
    /// Show who used the quota, who was throttled, and where to enable bucket keys first
    #[arg(long)]
    pub attribution: bool,
    /// Show whether and how fast the system recovers from a spike, by load and retry profile
    #[arg(long)]
    pub recovery: bool,
}

/// `kmsim sweep`.
#[derive(Debug, clap::Args)]
pub struct SweepArgs {
    /// Scenario file, `-` for standard input
    pub scenario: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub how: How,
    /// A key and its values, KEY=A,B,C or KEY=LOW..HIGH:COUNT[:log]; several make a grid
    #[arg(long = "over", value_name = "KEY=VALUES", required = true, value_parser = axis)]
    pub over: Vec<SweepAxis>,
    /// Draw N settings as a Latin hypercube instead of a grid; ranges then need no count
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub latin: Option<u32>,
    /// Metrics to plot and print [default: throttle_rate, added_delay_s_p99, cost_total_usd]
    #[arg(long = "metric", value_name = "METRIC", value_parser = metric)]
    pub metrics: Vec<&'static str>,
    /// Run only every N-th run, starting with the I-th (I from 1); shards may share a folder
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub shard: Option<(usize, usize)>,
    /// Folder for the runs, sweep.csv, sweep.parquet and charts [default: output/NAME-sweep]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub at_once: WaitArgs,
    #[command(flatten)]
    pub charts: ChartArgs,
}

/// A factor above 1.
fn spike(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().ok();
    factor
        .filter(|f| *f > 1.0 && *f <= 1e6)
        .ok_or_else(|| format!("\"{text}\" is not a factor above 1"))
}

/// A span of whole seconds, at least one and at most a day.
fn seconds(text: &str) -> Result<u64, String> {
    let span = text
        .parse::<crate::units::Span>()
        .map_err(|e| format!("{e}; {}", e.help()))?;
    span.whole_seconds()
        .filter(|s| (1..=86_400).contains(s))
        .ok_or_else(|| format!("\"{text}\" is not a whole number of seconds from 1s to 1d"))
}

/// A key and its values.
fn axis(text: &str) -> Result<SweepAxis, String> {
    text.parse()
        .map_err(|e: crate::sweep::AxisError| e.to_string())
}

/// `2/8`, counted from 0 inside.
fn shard(text: &str) -> Result<(usize, usize), String> {
    let fault = || format!("\"{text}\" is not a shard; write for example 2/8, the second of eight");
    let (i, n) = text.split_once('/').ok_or_else(fault)?;
    let (i, n): (usize, usize) = (
        i.parse().map_err(|_| fault())?,
        n.parse().map_err(|_| fault())?,
    );
    if (1..=n).contains(&i) {
        Ok((i - 1, n))
    } else {
        Err(fault())
    }
}

/// A target.
fn target(text: &str) -> Result<Target, String> {
    text.parse()
        .map_err(|e: crate::metrics::target::TargetError| format!("{e}; {}", e.help()))
}

/// `kmsim explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// Scenario file, `-` for standard input
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Only the requests of this workload
    #[arg(long, value_name = "NAME")]
    pub workload: Option<String>,
    /// Only requests with this operation (`GetObject`, `Decrypt`, `MultipartUpload`)
    #[arg(long, value_name = "OPERATION")]
    pub operation: Option<String>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Output format
    #[arg(long, value_parser = format(&[TextTable.name(), Json.name()]), default_value = TextTable.name())]
    pub format: &'static dyn Format,
}

/// `kmsim report`.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// Results directory
    pub dir: PathBuf,
    #[command(flatten)]
    pub at_once: WaitArgs,
    #[command(flatten)]
    pub charts: ChartArgs,
}

/// `kmsim catalog`.
#[derive(Debug, clap::Args)]
pub struct CatalogArgs {
    /// Print only rows that contain this text
    pub filter: Option<String>,
    /// Output format
    #[arg(long, value_parser = format(&[]), default_value = TextTable.name())]
    pub format: &'static dyn Format,
}
