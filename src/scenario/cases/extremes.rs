//! Every key at its extremes, one by one: refused with a way out, or run with figures that are numbers, counted as
//! simulated. Never a panic (debug assertions and overflow checks are on), never work without end.

use super::checks::{is_small, ran, refused};
use super::texts::POLICIES;
use super::{KeyCase, all, folder};
use crate::input::Input;
use crate::input::diagnostic::Sources;
use crate::input::document::{Node, Table, Value, key_text, parse};
use crate::input::reader::NAME;
use crate::input::setting::set;
use crate::scenario::{ScenarioError, keys, load};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Requests of a run at most; larger runs are left to the limits of the command line.
const MOST: f64 = 5_000.0;

/// A run of no more requests than that takes milliseconds.
const LONGEST: Duration = Duration::from_secs(30);

/// How many values were run, and how many make a run too large for a test.
static RUNS: AtomicU64 = AtomicU64::new(0);
static LARGE: AtomicU64 = AtomicU64::new(0);

/// Smallest and largest of every type, what is no number, and texts that are none or too long.
const EXTREMES: [&str; 33] = [
    "0",
    "-1",
    "1",
    "0.0",
    "-0.0",
    "nan",
    "inf",
    "1e308",
    "-1e308",
    "1e-308",
    "4294967295",
    "2147483648",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "\"\"",
    "\"LONG\"",
    "true",
    "false",
    "[]",
    "{}",
    "\"none\"",
    "\"0s\"",
    "\"1ns\"",
    "\"3660d\"",
    "\"18446744073s\"",
    "\"0/s\"",
    "\"1/3660d\"",
    "\"18446744073709551615/s\"",
    "\"18446744073709551615/1ns\"",
    "\"0%\"",
    "\"100%\"",
    "\"18446744073709551615\"",
];

/// A value as TOML, on one line.
fn toml(node: &Node) -> String {
    match node {
        Node::String(text) => serde_json::to_string(text).expect("a text"),
        Node::Integer(number) => number.to_string(),
        Node::Float(number) => format!("{number:?}"),
        Node::Boolean(truth) => truth.to_string(),
        Node::Datetime(text) => text.clone(),
        Node::Array(values) => {
            let values: Vec<String> = values.iter().map(|v| toml(&v.node)).collect();
            format!("[{}]", values.join(", "))
        }
        Node::Table(table) => format!("{{ {} }}", entries(table).join(", ")),
    }
}

fn entries(table: &Table) -> Vec<String> {
    let entries = table.entries.iter();
    entries
        .map(|(key, entry)| format!("{} = {}", key_text(key), toml(&entry.value.node)))
        .collect()
}

/// The first value at the path of a pattern, whose names may be any words.
fn at<'t>(value: &'t mut Value, path: &str) -> Option<&'t mut Value> {
    if path.is_empty() {
        return Some(value);
    }
    // An alternative that says nothing more may be a word: `scope = "client"`.
    if matches!(&value.node, Node::String(word) if word == path) {
        return Some(value);
    }
    let Node::Table(table) = &mut value.node else {
        return None;
    };
    table.entries.iter_mut().find_map(|(key, entry)| {
        let named = path.strip_prefix(NAME).filter(|rest| ends_a_key(rest));
        // Some keys have dots.
        let rest = path
            .strip_prefix(key.as_str())
            .filter(|rest| ends_a_key(rest));
        let rest = rest.or(named)?;
        match rest.strip_prefix("[]") {
            None => at(&mut entry.value, rest.trim_start_matches('.')),
            Some(rest) => {
                let Node::Array(values) = &mut entry.value.node else {
                    return None;
                };
                let mut values = values.iter_mut();
                values.find_map(|value| at(value, rest.trim_start_matches('.')))
            }
        }
    })
}

fn ends_a_key(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

/// A scenario in which one key stands, and where.
struct Standing {
    key: String,
    whole: Value,
}

impl Standing {
    /// The scenario of a row, short, if it sets the key.
    fn of(key: &str, row: &KeyCase, folder: &Path) -> Option<Standing> {
        let mut sources = Sources::new();
        let mut table = parse(&mut sources, "row", row.text).expect("a row's text");
        for argument in row.before.iter().chain(&row.set) {
            set(&mut table, &mut sources, argument).expect("a row's setting");
        }
        let place = table.place.clone();
        let whole = |table: &Table| Value {
            node: Node::Table(table.clone()),
            place: place.clone(),
        };
        let mut short = table.clone();
        for argument in ["replications=1", "horizon=8s"] {
            let is_it = argument.starts_with(key);
            if !is_it {
                set(&mut short, &mut sources, argument).expect("a setting");
            }
        }
        let tables = [short, table];
        let standing = tables.iter().map(|table| Standing {
            key: key.to_owned(),
            whole: whole(table),
        });
        let mut right = standing.filter(|s| s.has_key() && s.load(folder, None).is_ok());
        right.next()
    }

    fn has_key(&self) -> bool {
        at(&mut self.whole.clone(), &self.key).is_some()
    }

    /// The scenario with another value of the key, as it is written.
    fn text(&self, value: Option<&str>) -> String {
        const MARK: &str = "\u{e000}";
        let mut whole = self.whole.clone();
        if value.is_some()
            && let Some(place) = at(&mut whole, &self.key)
        {
            place.node = Node::String(MARK.to_owned());
        }
        let Node::Table(table) = &whole.node else {
            unreachable!("a document is a table");
        };
        let text = entries(table).join("\n") + "\n";
        let value = value
            .unwrap_or_default()
            .replace("LONG", &"x".repeat(10_000));
        text.replace(&format!("\"{MARK}\""), &value)
    }

    fn load(
        &self,
        folder: &Path,
        value: Option<&str>,
    ) -> Result<crate::scenario::Loaded, ScenarioError> {
        let input = Input::from_text("extreme", self.text(value)).in_folder(folder);
        load(&input, &[])
    }

    /// What is wrong with one value; and the limits that its refusal names.
    fn tried(&self, folder: &Path, value: &str) -> Result<Vec<String>, String> {
        let what = format!("`{}` = {}", self.key, &value[..value.len().min(60)]);
        let began = Instant::now();
        let mut limits = Vec::new();
        let ended = catch_unwind(AssertUnwindSafe(|| match self.load(folder, Some(value)) {
            Err(error) => {
                refused(&error);
                limits = error
                    .faults
                    .iter()
                    .flat_map(|f| named(f.help.as_deref()))
                    .collect();
            }
            Ok(loaded) if is_small(&loaded, MOST) => {
                ran(&loaded, &what);
                RUNS.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {
                LARGE.fetch_add(1, Ordering::Relaxed);
            }
        }));
        if let Err(panic) = ended {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            return Err(format!("{what}: {}", text.unwrap_or("a panic")));
        }
        let took = began.elapsed();
        if took > LONGEST {
            return Err(format!("{what} takes {} s", took.as_secs()));
        }
        Ok(limits)
    }

    /// What is wrong with any of the extremes, and with the limits that are named.
    fn faults(&self, folder: &Path) -> Vec<String> {
        let mut faults = Vec::new();
        let mut limits = BTreeSet::new();
        for value in EXTREMES {
            match self.tried(folder, value) {
                Ok(named) => limits.extend(named),
                Err(fault) => faults.push(fault),
            }
        }
        let others = limits.iter().filter(|l| !EXTREMES.contains(&l.as_str()));
        let more = others.filter_map(|limit| self.tried(folder, limit).err());
        faults.extend(more);
        faults
    }
}

/// The limits in a refusal's way out: "choose a value at least 1ms and at most 3660d".
fn named(help: Option<&str>) -> Vec<String> {
    let help = help.unwrap_or_default();
    let ends = ["at least ", "at most ", "above ", "below "];
    let found = ends.iter().filter_map(|end| help.split_once(end));
    let values = found.map(|(_, rest)| rest.split(" and ").next().unwrap_or(rest));
    values
        .flat_map(|value| {
            let is_number = value.parse::<f64>().is_ok();
            let quoted = format!("\"{value}\"");
            if is_number {
                vec![value.to_owned(), quoted]
            } else {
                vec![quoted]
            }
        })
        .collect()
}

#[test]
fn every_key_bears_its_extremes() {
    let dir = folder();
    for (name, text) in [
        ("trace.csv", "time\n0\n0.5\n2.5\n"),
        ("other.csv", "time\n0\n1\n"),
        ("counts.csv", "time,Sum\n0,9\n4,90\n"),
    ] {
        fs::write(dir.path().join(name), text).expect("write");
    }
    for (name, statement) in POLICIES {
        let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        fs::write(dir.path().join(name), document).expect("write");
    }
    let rows = all().keys;
    let known: Vec<String> = keys().into_iter().collect();
    let standing: Vec<(String, Option<Standing>)> = known
        .into_par_iter()
        .map(|key| {
            let own = rows.iter().filter(|row| row.key == key);
            let others = rows.iter().filter(|row| row.key != key);
            let mut all = own.chain(others);
            let standing = all.find_map(|row| Standing::of(&key, row, dir.path()));
            (key, standing)
        })
        .collect();
    let absent: Vec<&String> = standing
        .iter()
        .filter(|s| s.1.is_none())
        .map(|s| &s.0)
        .collect();
    let faults: Vec<String> = standing
        .par_iter()
        .filter_map(|(_, standing)| standing.as_ref())
        .flat_map_iter(|standing| standing.faults(dir.path()))
        .collect();
    println!(
        "{} values were run, {} make a run too large",
        RUNS.load(Ordering::Relaxed),
        LARGE.load(Ordering::Relaxed)
    );
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(
        absent.is_empty(),
        "{} keys stand in no row's scenario: {absent:?}",
        absent.len()
    );
}
