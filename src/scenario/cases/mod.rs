//! What the readers' tables say of the scenario language, held against it: each key changes a result, each broken
//! scenario is refused for exactly what is broken in it.
//!
//! A table is the module `cases` of the file that reads the keys: [`Cases::key`] has, for each key, a scenario and an
//! override after which a named part of the results must differ; [`Cases::broken`] a change of `good.toml` that must be
//! refused. Here are the list of the tables and what is true of all of them together: a key or a diagnostic code
//! without a row fails, and so does a row without effect.

#[path = "../../../tests/fuzz_targets/checks.rs"]
mod checks;
mod extremes;
mod keys;
mod texts;

pub(crate) use texts::{ACCESS, APP, CACHE, FLEET, FLOW, INVENTORIES, JOBS, LOGS, RETRY, S3};

use crate::input::Input;
use crate::input::code::Code;
use crate::input::keyword::Keyword;
use crate::model;
use crate::scenario::{self, Loaded, ScenarioError};
use std::collections::BTreeSet;
use std::fs;
use std::panic::Location;
use std::path::Path;

/// A scenario that is right, with something of everything, to break in one place at a time.
pub(crate) const GOOD: &str = include_str!("good.toml");

/// The tables.
fn all() -> Cases {
    let mut cases = Cases::default();
    for add in [
        crate::input::document::cases::add,
        model::arrivals::cases::add,
        model::latency::cases::add,
        model::objects::cases::add,
        model::retry::cases::add,
        model::source::cases::add,
        scenario::account::cases::add,
        scenario::assumption::cases::add,
        scenario::bucket::cases::add,
        scenario::extends::cases::add,
        scenario::group::cases::add,
        scenario::key::cases::add,
        scenario::layer::cases::add,
        scenario::log_group::cases::add,
        scenario::operations::cases::add,
        scenario::organizational_unit::cases::add,
        scenario::price::cases::add,
        scenario::quota::cases::add,
        scenario::requester::cases::add,
        scenario::run_settings::cases::add,
        scenario::service::cases::add,
        scenario::thresholds::cases::add,
        scenario::trail::cases::add,
        scenario::variant::cases::add,
        scenario::workload::cases::add,
    ] {
        add(&mut cases);
    }
    cases
}

/// What the tables say.
#[derive(Default)]
pub(crate) struct Cases {
    keys: Vec<KeyCase>,
    broken: Vec<BrokenCase>,
}

/// A key and what it changes.
struct KeyCase {
    key: String,
    text: &'static str,
    before: Vec<String>,
    set: Vec<String>,
    differs: &'static str,
}

/// A change of [`GOOD`] that must be refused.
struct BrokenCase {
    row: &'static Location<'static>,
    code: Code,
    from: &'static str,
    to: String,
    at: &'static str,
    words: Vec<&'static str>,
    in_several_places: bool,
}

impl Cases {
    /// After `set`, laid over `text` and `before`, the part `differs` of the results must differ: a metric, or `bill`,
    /// `series`, `by_…`.
    pub fn key(
        &mut self,
        key: impl Into<String>,
        text: &'static str,
        before: &[&str],
        set: &[&str],
        differs: &'static str,
    ) {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        self.keys.push(KeyCase {
            key: key.into(),
            text,
            before: owned(before),
            set: owned(set),
            differs,
        });
    }

    /// `to` in the place of the first `from` in [`GOOD`] must be refused with `code` alone, at the last place where `at`
    /// starts (where it is empty, at the beginning of the file), with these words.
    #[track_caller]
    pub fn broken(
        &mut self,
        code: Code,
        from: &'static str,
        to: impl Into<String>,
        at: &'static str,
        words: &[&'static str],
    ) {
        self.broken.push(BrokenCase {
            row: Location::caller(),
            code,
            from,
            to: to.into(),
            at,
            words: words.to_vec(),
            in_several_places: false,
        });
    }

    /// As [`Cases::broken`], of what must be put right in several places, each of which is named with these words.
    #[track_caller]
    pub fn broken_in_several_places(
        &mut self,
        code: Code,
        from: &'static str,
        to: impl Into<String>,
        at: &'static str,
        words: &[&'static str],
    ) {
        self.broken(code, from, to, at, words);
        if let Some(case) = self.broken.last_mut() {
            case.row = Location::caller();
            case.in_several_places = true;
        }
    }

    /// The row of every arrival shape's key: `set_to` in the place of its value in the shape that `whole` writes.
    pub fn arrivals(&mut self, shape: &str, whole: &str, key: &str, set_to: &str) {
        self.key(
            format!("workload.NAME.arrivals.{shape}.{key}"),
            FLOW,
            &[&format!("workload.w.arrivals={{{shape}={{{whole}}}}}")],
            &[&format!("workload.w.arrivals.{shape}.{key}={set_to}")],
            "kms_calls",
        );
    }
}

/// A folder with a good trace.
pub(crate) fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("trace.csv"), "time\n0\n0.5\n1.5\n").expect("write");
    for (name, table) in INVENTORIES {
        fs::write(dir.path().join(name), table).expect("write");
    }
    dir
}

fn load(folder: &Path, text: &str) -> Result<Loaded, ScenarioError> {
    scenario::load(&Input::from_text("bad", text).in_folder(folder), &[])
}

/// What is said of a scenario `bad.toml` in a folder; every fault has a way out.
pub(crate) fn refused(folder: &Path, text: &str) -> String {
    let error = load(folder, text).expect_err("a scenario that is broken");
    for fault in &error.faults {
        let line = fault.one_line(&error.sources);
        assert!(fault.help.is_some(), "no way out: {line}");
    }
    error.to_string()
}

/// The codes of the faults in what is said.
pub(crate) fn codes(said: &str) -> BTreeSet<&str> {
    said.lines()
        .filter_map(|l| l.strip_prefix("error["))
        .filter_map(|l| l.split_once(']'))
        .map(|(code, _)| code)
        .collect()
}

/// `line:column` of the last place in `text` where `part` starts.
pub(crate) fn place(text: &str, part: &str) -> String {
    let at = text.rfind(part);
    let before = &text[..at.unwrap_or_else(|| panic!("no `{part}` in the text"))];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("{line}:{column}")
}

#[test]
fn the_good_scenario_is_good() {
    if let Err(error) = load(folder().path(), GOOD) {
        panic!("{error}");
    }
}

#[test]
fn each_broken_scenario_is_refused_for_exactly_what_is_broken() {
    let mut failures = Vec::new();
    let dir = folder();
    for case in all().broken {
        let BrokenCase {
            row,
            code,
            from,
            to,
            at,
            words,
            in_several_places,
        } = case;
        let start = GOOD
            .find(from)
            .unwrap_or_else(|| panic!("{row}: no `{from}`"));
        let text = format!("{}{to}{}", &GOOD[..start], &GOOD[start + from.len()..]);
        if load(dir.path(), &text).is_ok() {
            failures.push(format!("{row}: {from:?} became {to:?} and is accepted"));
            continue;
        }
        let said = refused(dir.path(), &text);
        let place = if at.is_empty() {
            "1:1".to_owned()
        } else {
            place(&text, at)
        };
        let header = format!("error[{code}]: ");
        // One block a fault, up to the empty line after its help.
        let blocks = || said.split("\n\n").filter(|b| b.contains("error["));
        let matches = |block: &str| words.iter().all(|w| block.contains(w));
        let found = blocks().any(|block| {
            block.contains(&header)
                && block.contains(&format!("--> bad.toml:{place}\n"))
                && matches(block)
        });
        if !found {
            failures.push(format!(
                "{row}: {code} at {place} with {words:?} after {from:?} became {to:?}:\n{said}"
            ));
        }
        // One fault was put in, so one is reported: nothing follows from it.
        let others = blocks().filter(|b| !b.contains(&header) || in_several_places && !matches(b));
        let reported = blocks().count();
        if others.count() > 0 || reported != 1 && !in_several_places {
            failures.push(format!(
                "{row}: {reported} faults after {from:?} became {to:?}:\n{said}"
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_code_has_a_broken_scenario() {
    let mut with_row: BTreeSet<&str> = all().broken.iter().map(|b| b.code.name()).collect();
    // These are faults of other files and of the command line. Tests beside the readers of traces and policies, and
    // tests/it/errors.rs, have them.
    with_row.extend([Code::BadTraceRow, Code::BadPolicy, Code::BadSet].map(Code::name));
    for &code in Code::ALL {
        assert!(
            with_row.contains(code.name()),
            "no broken scenario for {code}"
        );
    }
}
