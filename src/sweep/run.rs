//! The runs of a sweep: each kept in a file at once, so that what is done is never done again.
//!
//! `sweep.json` says what is swept; a directory that holds another sweep is refused. A run's file is written beside its
//! place and renamed: after a SIGKILL it is there as a whole or not at all.

use super::SweepAxis;
use crate::input::Input;
use crate::input::files::sha256_hex;
use crate::metrics::registry::METRICS;
use crate::planning::{Study, StudyError};
use crate::results::directory::FileError;
use crate::results::{ThresholdVerdict, directory, json};
use indexmap::IndexMap;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Name of the file that says what is swept.
pub const PLAN_FILE: &str = "sweep.json";

/// Folder of the runs' files.
const RUNS: &str = "runs";

/// What is swept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Version of kmsim.
    pub kmsim_version: String,
    /// The scenario's name.
    pub scenario: String,
    /// SHA-256 of its text.
    pub text_sha256: String,
    /// SHA-256 of each file that it names: traces, policies, inventories.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// What was set on the command line.
    pub sets: Vec<String>,
    /// The keys that are swept.
    pub keys: Vec<String>,
    /// One value a key, for each setting.
    pub settings: Vec<Vec<String>>,
    /// Variants that are run with each setting.
    pub variants: Vec<String>,
    /// Seed of every run.
    pub seed: u64,
    /// Replications of every run.
    pub replications: u32,
}

/// One run: a setting of a variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Index of the setting.
    pub setting: usize,
    /// The variant.
    pub variant: String,
    /// By metric, one value a replication.
    pub metrics: IndexMap<String, Vec<Option<f64>>>,
    /// By threshold, how the setting stands to it.
    #[serde(default)]
    pub thresholds: IndexMap<String, ThresholdVerdict>,
}

/// How much of a sweep has been run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Runs in all.
    pub runs: usize,
    /// Runs that were there already.
    pub found: usize,
    /// Runs done this time.
    pub done: usize,
    /// Runs that are missing still: other shards'.
    pub missing: usize,
}

/// How many runs a process found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Runs that were there already.
    pub found: usize,
    /// Runs done by this process.
    pub done: usize,
}

/// Why a sweep did not go through.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Settings that are not scenarios; every fault with its setting.
    #[error("{0}")]
    Settings(String),
    /// A setting cannot be run.
    #[error("with {setting}:\n{source}")]
    Setting {
        /// Its keys and values.
        setting: String,
        /// Why not.
        source: StudyError,
    },
    /// The directory holds another sweep.
    #[error("error: {} holds another sweep: {what}\n  = help: choose another folder with `--out`, or remove this one", dir.display())]
    Other {
        /// The directory.
        dir: PathBuf,
        /// What differs.
        what: String,
    },
    /// The machine failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The machine failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Machine {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl Sweep {
    /// A sweep of a scenario; `settings` has one value for each of the axes' keys.
    pub fn new(
        input: &Input,
        sets: &[String],
        axes: &[SweepAxis],
        settings: Vec<Vec<String>>,
        studies: &[Study],
    ) -> Sweep {
        let first = studies.first();
        Sweep {
            kmsim_version: crate::run::VERSION.to_owned(),
            scenario: input.name.clone(),
            text_sha256: sha256_hex(input.text.as_bytes()),
            files: BTreeMap::new(),
            sets: sets.to_vec(),
            keys: axes.iter().map(|a| a.key.clone()).collect(),
            settings,
            variants: studies.iter().map(|s| s.variant.clone()).collect(),
            seed: first.map_or(0, |s| s.seed),
            replications: first.map_or(0, |s| s.replications),
        }
    }

    /// `path=value` of each key of a setting.
    fn assignments(&self, setting: usize) -> Vec<String> {
        let pairs = self.keys.iter().zip(&self.settings[setting]);
        pairs.map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// Setting and variant of every run, in order.
    pub fn units(&self) -> Vec<(usize, usize)> {
        let settings = 0..self.settings.len();
        settings
            .flat_map(|s| (0..self.variants.len()).map(move |v| (s, v)))
            .collect()
    }

    /// Reads every setting as a scenario, and keeps what files they name: another content is another sweep.
    ///
    /// # Errors
    /// Every setting that is at fault, up to twenty.
    pub fn check(&mut self, input: &Input, studies: &[Study]) -> Result<(), SweepError> {
        let mut faults: Vec<String> = Vec::new();
        for (s, v) in self.units() {
            let sets = self.assignments(s);
            if let Err(e) = studies[v].with(&[], &sets)
                && faults.len() < 20
            {
                faults.push(format!("with {}:\n{e}", sets.join(", ")));
            }
        }
        if !faults.is_empty() {
            return Err(SweepError::Settings(faults.join("\n")));
        }
        let files = input.files.sha256_of_each().into_iter();
        self.files = files
            .map(|(path, hash)| (path.display().to_string(), hash))
            .collect();
        Ok(())
    }

    /// Makes `dir` the sweep's directory, or finds that it is already.
    ///
    /// # Errors
    /// It holds another sweep; it cannot be read or written.
    pub fn open(&self, dir: &Path) -> Result<(), SweepError> {
        let runs = dir.join(RUNS);
        directory::make(&runs)?;
        directory::remove_left(&runs)?;
        let path = dir.join(PLAN_FILE);
        match std::fs::read(&path) {
            Ok(text) => match serde_json::from_slice::<Sweep>(&text) {
                Ok(found) if found == *self => Ok(()),
                Ok(found) => Err(SweepError::Other {
                    dir: dir.to_owned(),
                    what: self.difference(&found),
                }),
                Err(e) => Err(SweepError::Other {
                    dir: dir.to_owned(),
                    what: format!("its {PLAN_FILE} cannot be read: {e}"),
                }),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let text = json::text(self)
                    .map_err(|e| machine("write", &path)(std::io::Error::other(e)))?;
                write(&path, &text)
            }
            Err(e) => Err(machine("read", &path)(e)),
        }
    }

    fn difference(&self, found: &Sweep) -> String {
        let other = |(file, hash): &(&String, &String)| found.files.get(*file) != Some(*hash);
        let own = self
            .files
            .iter()
            .filter(other)
            .map(|(file, _)| file.as_str());
        let gone = found
            .files
            .keys()
            .filter(|file| !self.files.contains_key(*file));
        let files: Vec<&str> = own.chain(gone.map(String::as_str)).collect();
        let files = files.join(", ");
        let differences = [
            (
                self.kmsim_version != found.kmsim_version,
                "the version of kmsim",
            ),
            (self.text_sha256 != found.text_sha256, "the scenario"),
            (!files.is_empty(), files.as_str()),
            (self.sets != found.sets, "the --set arguments"),
            (
                self.keys != found.keys || self.settings != found.settings,
                "the settings",
            ),
            (self.variants != found.variants, "the variants"),
            (self.seed != found.seed, "the seed"),
            (self.replications != found.replications, "the replications"),
        ];
        let different: Vec<&str> = differences
            .iter()
            .filter(|(differs, _)| *differs)
            .map(|(_, what)| *what)
            .collect();
        format!("{} changed", different.join(", "))
    }

    fn file(dir: &Path, setting: usize, variant: usize) -> PathBuf {
        dir.join(RUNS).join(format!("{setting:06}-{variant}.json"))
    }

    /// A run that is there already; one that cannot be read is as good as missing.
    fn kept(&self, dir: &Path, (s, v): (usize, usize)) -> Option<Run> {
        let text = std::fs::read_to_string(Sweep::file(dir, s, v)).ok()?;
        let run: Run = serde_json::from_str(&text).ok()?;
        let is_whole = run
            .metrics
            .values()
            .all(|values| values.len() == self.replications as usize);
        (is_whole && run.setting == s && run.variant == self.variants[v]).then_some(run)
    }

    /// Runs what is missing in the current rayon pool, of every `shard.1` runs the `shard.0`-th (from 0); `done` counts
    /// runs. What was there before comes too, in order; what other shards do meanwhile does not.
    ///
    /// # Errors
    /// A price that is not known; what cannot be written.
    pub fn run(
        &self,
        studies: &[Study],
        dir: &Path,
        shard: (usize, usize),
        done: &AtomicU64,
    ) -> Result<(Vec<Option<Run>>, Started), SweepError> {
        let units = self.units();
        let mut kept: Vec<Option<Run>> = units.iter().map(|u| self.kept(dir, *u)).collect();
        let found = kept.iter().flatten().count();
        done.fetch_add(found as u64, Ordering::Relaxed);
        let missing: Vec<usize> = (0..units.len())
            .filter(|&i| kept[i].is_none() && i % shard.1 == shard.0)
            .collect();
        let runs: Vec<Result<(usize, Run), SweepError>> = missing
            .par_iter()
            .map(|&i| {
                let (s, v) = units[i];
                let run = self.one(&studies[v], s)?;
                let path = Sweep::file(dir, s, v);
                let text = json::text(&run)
                    .map_err(|e| machine("write", &path)(std::io::Error::other(e)))?;
                write(&path, &text)?;
                done.fetch_add(1, Ordering::Relaxed);
                Ok((i, run))
            })
            .collect();
        let mut count = 0;
        for run in runs {
            let (i, run) = run?;
            kept[i] = Some(run);
            count += 1;
        }
        Ok((kept, Started { found, done: count }))
    }

    /// All runs that are there by now, other shards' too, in order; and how many there are.
    pub fn gathered(
        &self,
        dir: &Path,
        started: Started,
        mut kept: Vec<Option<Run>>,
    ) -> (Vec<Run>, Progress) {
        for (unit, run) in self.units().into_iter().zip(&mut kept) {
            if run.is_none() {
                *run = self.kept(dir, unit);
            }
        }
        let progress = Progress {
            runs: kept.len(),
            found: started.found,
            done: started.done,
            missing: kept.iter().filter(|k| k.is_none()).count(),
        };
        (kept.into_iter().flatten().collect(), progress)
    }

    fn one(&self, study: &Study, setting: usize) -> Result<Run, SweepError> {
        let sets = self.assignments(setting);
        let (results, thresholds) =
            study
                .judged(&sets, self.seed)
                .map_err(|source| SweepError::Setting {
                    setting: sets.join(", "),
                    source,
                })?;
        let values = METRICS.iter().filter_map(|m| {
            let e = results.metrics.get(m.id)?;
            Some((m.id.to_owned(), e.values.clone()))
        });
        Ok(Run {
            setting,
            variant: results.name.clone(),
            metrics: values.collect(),
            thresholds: thresholds
                .into_iter()
                .map(|t| (t.name, t.verdict))
                .collect(),
        })
    }
}

fn machine(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SweepError {
    let path = path.to_owned();
    move |source| SweepError::Machine {
        action,
        path,
        source,
    }
}

/// Beside its place, then renamed.
fn write(path: &Path, text: &str) -> Result<(), SweepError> {
    Ok(directory::write(path, text.as_bytes())?)
}
