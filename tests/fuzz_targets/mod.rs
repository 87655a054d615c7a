//! What the fuzzers of `fuzz/` run: ordinary functions of bytes, which panic where kmsim does not keep what it promises.
//!
//! `tests/it/fuzzed.rs` runs each over the stored `corpus` and over fresh random input; the crate in `fuzz/` runs them as
//! long as one likes (CONTRIBUTING.md says how). Promised for any bytes: no panic; what is refused has a way out; what is
//! read can be written and read again; no figure of a run is NaN or infinite, no share more than 1; counting and
//! simulating give the same.

mod checks;
mod files;
mod grammar;
mod policy;
mod results;
mod scenario;
mod simulation;

use kmsim::import::format::FORMATS;

pub use simulation::is_run;

/// What begins the name of the target of a format of import.
const IMPORT: &str = "import-";

/// A target: its name, and what it does with bytes.
pub type FuzzTarget = (String, Box<dyn Fn(&[u8], Depth)>);

/// How far an input is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// To what comes of it, whatever that takes.
    Whole,
    /// It is read, which takes microseconds; what takes milliseconds is done with one input in so many, told by its bytes.
    Sampled,
}

/// All of them.
pub fn all() -> Vec<FuzzTarget> {
    type Run = fn(&[u8]);
    let plain: [(&str, Run); 7] = [
        ("scenario", scenario::scenario),
        ("set", scenario::set),
        ("policy", policy::policy),
        ("trace", files::trace),
        ("results", results::results),
        ("grammar", grammar::grammar),
        ("simulation", simulation::simulation),
    ];
    let mut all: Vec<FuzzTarget> = Vec::new();
    for (name, run) in plain {
        all.push((name.to_owned(), Box::new(move |bytes: &[u8], _| run(bytes))));
    }
    for format in FORMATS {
        let run = |bytes: &[u8], depth| files::import(format, bytes, depth);
        all.push((format!("{IMPORT}{}", format.name), Box::new(run)));
    }
    all
}
