//! The command line: the only room that prints, reads the clock and the environment.
//!
//! Results go to standard output, messages and progress to standard error. Exit status: 0 done, 1 a
//! threshold crossed or a precision not reached, 2 the command or an input is at fault, 3 I/O or internal error.

mod args;
mod catalog;
mod compare;
mod explain;
mod failure;
mod gate;
mod import;
mod input;
mod interrupt;
mod plan;
mod progress;
mod run;
mod simulate;
mod sweep;
mod terminal;

use crate::results::RESULTS_FILE;
use crate::results::folder::{FolderSharing, OutputFolder};
use clap::{CommandFactory, Parser};
use failure::CommandError;
use std::process::ExitCode;
use terminal::{print, say};

/// Parses and runs the command line.
pub fn main() -> ExitCode {
    let args = match args::Args::try_parse_from(args::words(std::env::args_os())) {
        Ok(args) => args,
        Err(e) => {
            // Help and version are not errors, and go to standard output.
            let code = if e.use_stderr() { 2 } else { 0 };
            let _ = e.print();
            return ExitCode::from(code);
        }
    };
    interrupt::watch();
    let outcome = match &args.verb {
        args::Verb::Run(run) => run::run(run),
        args::Verb::Check(check) => run::check(check),
        args::Verb::Import(args) => import::import(args),
        args::Verb::Compare(compare) => compare::compare(compare),
        args::Verb::Explain(args) => explain::run(args),
        args::Verb::Plan(plan) => plan::plan(plan),
        args::Verb::Sweep(sweep) => sweep::sweep(sweep),
        args::Verb::Report(report) => redraw(report),
        args::Verb::Catalog(catalog) => catalog::catalog(catalog),
        args::Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut args::Args::command(), "kmsim", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
        args::Verb::Man => {
            let mut text = Vec::new();
            match clap_mangen::Man::new(args::Args::command()).render(&mut text) {
                Ok(()) => print(&String::from_utf8_lossy(&text)),
                Err(e) => Err(e.into()),
            }
        }
    };
    match outcome {
        Ok(()) | Err(CommandError::ClosedPipe) => ExitCode::SUCCESS,
        Err(CommandError::Input(text)) => {
            say(&text);
            ExitCode::from(2)
        }
        Err(CommandError::Judged) => ExitCode::from(1),
        Err(CommandError::Internal(text)) => {
            say(&text);
            ExitCode::from(3)
        }
    }
}

fn redraw(args: &args::ReportArgs) -> Result<(), CommandError> {
    // A folder without results is not made, and told by whoever reads them.
    let folder = args.dir.join(RESULTS_FILE).exists().then(|| {
        let wait = args.at_once.wait;
        OutputFolder::claim(&args.dir, FolderSharing::Alone, wait)
    });
    let _folder = folder.transpose()?;
    crate::report::redraw(&args.dir, args.charts.files)?;
    say(&format!("redrew {}", args.dir.display()));
    Ok(())
}
