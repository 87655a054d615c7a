//! The command line over the library: the only code that prints, reads the clock and the environment, and exits.

mod cli;

// The library's rooms, by the names that they have there.
use kmsim::{
    backtest, catalog, cloudtrail, compare, effort, explain, import, input, metrics, planning,
    report, results, run, scenario, simulation, sweep, units,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
