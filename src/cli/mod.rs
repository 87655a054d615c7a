//! The command line: the only room that prints, reads the clock and the environment.
//!
//! Results go to standard output, talk and progress to standard error. Exit status: 0 done, 1 a
//! threshold crossed or a precision not reached, 2 the command or an input is at fault, 3 the machine failed us.

mod args;
mod catalog;
mod compare;
mod explain;
mod input;
mod plan;
mod progress;
mod run;
mod sweep;

use clap::{CommandFactory, Parser};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// How a command ended, when not well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command or an input is at fault (exit status 2); the text has been made ready to print.
    Input(String),
    /// What was found is not what was asked for (exit status 1); results have been printed.
    Judged(String),
    /// The machine failed us (exit status 3).
    Machine(String),
    /// Whoever reads standard output has gone: that is no failure.
    ClosedPipe,
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Failure {
        if e.kind() == std::io::ErrorKind::BrokenPipe {
            Failure::ClosedPipe
        } else {
            Failure::Machine(format!("error: cannot write to standard output: {e}"))
        }
    }
}

impl From<crate::report::ReportError> for Failure {
    fn from(e: crate::report::ReportError) -> Failure {
        let text = format!("error: {e}");
        if e.is_input_fault() {
            Failure::Input(text)
        } else if matches!(e, crate::report::ReportError::Write { .. }) {
            Failure::Machine(format!(
                "{text}\n  = help: name a folder with room that you may write to, `--out DIR`"
            ))
        } else {
            Failure::Machine(text)
        }
    }
}

impl From<crate::planning::StudyError> for Failure {
    fn from(e: crate::planning::StudyError) -> Failure {
        Failure::Input(e.to_string())
    }
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(e) => {
            // Help and version are no errors, and go to standard output.
            let code = if e.use_stderr() { 2 } else { 0 };
            let _ = e.print();
            return ExitCode::from(code);
        }
    };
    let outcome = match &args.verb {
        args::Verb::Run(run) => run::run(run),
        args::Verb::Check(check) => run::check(check),
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
        Ok(()) | Err(Failure::ClosedPipe) => ExitCode::SUCCESS,
        Err(Failure::Input(text)) => {
            say(&text);
            ExitCode::from(2)
        }
        Err(Failure::Judged(text)) => {
            say(&text);
            ExitCode::from(1)
        }
        Err(Failure::Machine(text)) => {
            say(&text);
            ExitCode::from(3)
        }
    }
}

fn redraw(args: &args::Report) -> Result<(), Failure> {
    crate::report::redraw(&args.dir)?;
    say(&format!("redrew {}", args.dir.display()));
    Ok(())
}

/// Writes results to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Talks on standard error; nobody is left to tell when that fails.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

/// Whether messages may be coloured.
pub(crate) fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}
