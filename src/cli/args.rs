//! What can be typed.

use clap::builder::TypedValueParser;
use clap::{Parser, Subcommand, ValueEnum};
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

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Simulate every variant of scenario files, print a table, write the results directory
    Run(Run),
    /// Validate scenario files only
    Check(Check),
    /// Paired differences, with intervals, between scenario files or results directories
    Compare(Compare),
    /// One request's way through the chain: encryption, permissions, KMS calls, caches, quotas, CloudTrail
    Explain(Explain),
    /// Redraw charts and report from a results directory, without simulating
    Report(Report),
    /// The quotas, prices, S3 operations and retry profiles in use, with source and date
    Catalog(Catalog),
    /// Shell completions on standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// The manual page on standard output
    Man,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// results.json
    Json,
    /// summary.csv
    Csv,
    /// For a pull request
    Markdown,
}

/// Which scenario, with what changed.
#[derive(Debug, clap::Args)]
pub struct Overrides {
    /// Set any scenario key; a variant's own value stays, set `variant.NAME.…` to change it
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub sets: Vec<String>,
    /// Only these variants
    #[arg(long = "variant", value_name = "NAME")]
    pub variants: Vec<String>,
    /// Master seed
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Replications of each variant
    #[arg(long, value_name = "N")]
    pub replications: Option<u64>,
}

/// `kmsim run`.
#[derive(Debug, clap::Args)]
pub struct Run {
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
}

/// How to simulate and print.
#[derive(Debug, clap::Args)]
pub struct How {
    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// What goes to standard output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// No progress, no talk
    #[arg(long)]
    pub quiet: bool,
    /// Simulate quiet seconds too instead of counting them: the same results, slower
    #[arg(long)]
    pub simulate_all: bool,
}

/// `kmsim check`.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Scenario files, `-` for standard input
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Only errors
    #[arg(long)]
    pub quiet: bool,
}

/// `kmsim compare`.
#[derive(Debug, clap::Args)]
pub struct Compare {
    /// Scenario files or results directories; the first is the baseline
    #[arg(required = true, num_args = 2.., value_name = "FILE or DIR")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub how: How,
}

/// `kmsim explain`.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// Scenario file, `-` for standard input
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Only the requests of this workload
    #[arg(long, value_name = "NAME")]
    pub workload: Option<String>,
    /// Only those for this operation (`GetObject`, `Decrypt`, `MultipartUpload`)
    #[arg(long, value_name = "OPERATION")]
    pub operation: Option<String>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// How it is printed
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(["table", "json"]).map(|f| if f == "json" { Format::Json } else { Format::Table }), default_value = "table")]
    pub format: Format,
}

/// `kmsim report`.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// Results directory
    pub dir: PathBuf,
}

/// `kmsim catalog`.
#[derive(Debug, clap::Args)]
pub struct Catalog {
    /// Only rows that contain this text
    pub filter: Option<String>,
    /// How the rows are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}
