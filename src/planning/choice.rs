//! The mitigations to choose from, and every set of them.
//!
//! The candidates are the changes that the file's other variants make: each bucket, workload, quota or retry policy that one of them
//! sets is a mitigation of its own; what the question lists, a key with its values; and what could be done to any
//! scenario, if it is asked for (module `suggestion`). Two ways to set the same thing are alternatives.

use super::greedy::RUN_SINGLY;
use super::mitigation::{Change, Mitigation};
use super::suggestion::suggestions;
use super::{Study, StudyError};
use crate::input::document::{Entry, Node, Table, Value, key_text};
use crate::scenario::group::stands_for_path;
use indexmap::IndexMap;

/// Most sets that are run.
const MOST: usize = 512;

/// What a search runs beside the mitigations one by one, about.
const MORE_RUNS: usize = 64;

/// Tables of named things, each of which is a mitigation of its own.
const NAMED: [&str; 8] = [
    "account",
    "key_store",
    "key",
    "bucket",
    "trail",
    "requester",
    "quota",
    "workload",
];

/// Most mitigations that a message names.
const LISTED: usize = 20;

/// Which mitigations are looked at.
#[derive(Clone, Debug, Default)]
pub struct MitigationFilter {
    /// Paths, with patterns and groups for the names of things; all, if none is named.
    pub only: Vec<String>,
    /// Keys with the values to try.
    pub tried: Vec<(String, Vec<String>)>,
    /// Whether what could be done to any scenario is looked at too.
    pub suggested: bool,
}

/// What can be done, by what it is done to.
///
/// # Errors
/// There is nothing.
fn mitigations(
    study: &Study,
    wanted: &MitigationFilter,
) -> Result<IndexMap<String, Vec<Mitigation>>, StudyError> {
    let mut found: IndexMap<String, Vec<Mitigation>> = IndexMap::new();
    let mut seen: Vec<(String, String)> = Vec::new();
    for (variant, layers) in study.overrides()? {
        if variant == study.variant {
            continue;
        }
        let mut by_path: IndexMap<String, Vec<Table>> = IndexMap::new();
        for (path, over) in layers.iter().flat_map(parts) {
            by_path.entry(path).or_default().push(over);
        }
        for (path, over) in by_path {
            let texts: Vec<String> = over.iter().map(plain).collect();
            let text = (path.clone(), texts.join("\n"));
            if !seen.contains(&text) {
                seen.push(text);
                let mitigation = Mitigation {
                    name: format!("{path} as in {variant}"),
                    path: path.clone(),
                    change: Change::Over(over),
                    is_tried: false,
                };
                found.entry(path).or_default().push(mitigation);
            }
        }
    }
    // Thresholds tell what is wanted and groups what is counted together, they do nothing.
    found.shift_remove("threshold");
    found.shift_remove("group");
    for (key, values) in &wanted.tried {
        let of_key = found.entry(key.clone()).or_default();
        of_key.extend(values.iter().map(|value| Mitigation {
            path: key.clone(),
            name: format!("{key}={value}"),
            change: Change::Set(vec![format!("{key}={value}")]),
            is_tried: true,
        }));
    }
    if wanted.suggested {
        for mitigation in suggestions(study)? {
            let of_path = found.entry(mitigation.path.clone()).or_default();
            of_path.push(mitigation);
        }
    }
    if found.is_empty() {
        return Err(StudyError::question(
            "the file has no other variant to take mitigations from",
            "write each mitigation as a `[variant.NAME]` in the file, or use `--try KEY=VALUE,…`, or `--suggest`",
        ));
    }
    Ok(found)
}

/// A variant's table, cut into mitigations.
fn parts(table: &Table) -> Vec<(String, Table)> {
    let mut out = Vec::new();
    let mut push = |path: String, keys: &[&str], value: &Entry| {
        let mut entry = value.clone();
        for key in keys.iter().skip(1).rev() {
            let mut inner = Table::empty(entry.key.clone());
            let place = entry.key.clone();
            inner.entries.insert((*key).to_owned(), entry);
            entry = Entry {
                key: place.clone(),
                value: Value {
                    node: Node::Table(inner),
                    place,
                },
            };
        }
        let mut root = Table::empty(table.place.clone());
        root.entries.insert(keys[0].to_owned(), entry);
        out.push((path, root));
    };
    for (key, entry) in &table.entries {
        let named = NAMED.contains(&key.as_str());
        if let (true, Node::Table(inner)) = (named, &entry.value.node) {
            for (name, entry) in &inner.entries {
                push(format!("{key}.{}", key_text(name)), &[key, name], entry);
            }
        } else {
            push(key.clone(), &[key], entry);
        }
    }
    out
}

/// A table's text without places, for telling equal ones.
fn plain(table: &Table) -> String {
    fn value(node: &Node) -> String {
        match node {
            Node::Table(table) => plain(table),
            Node::Array(values) => {
                let all: Vec<String> = values.iter().map(|v| value(&v.node)).collect();
                format!("[{}]", all.join(","))
            }
            other => other.describe(),
        }
    }
    let all: Vec<String> = table
        .entries
        .iter()
        .map(|(key, entry)| format!("{key}={}", value(&entry.value.node)))
        .collect();
    format!("{{{}}}", all.join(","))
}

/// Every choice of at most one mitigation a path, the smaller sets first; `None`: too many to run.
pub(super) fn every_set(all: &IndexMap<String, Vec<Mitigation>>) -> Option<Vec<Vec<&Mitigation>>> {
    let count = all
        .values()
        .try_fold(1_usize, |n, m| n.checked_mul(m.len() + 1));
    count.filter(|n| *n <= MOST)?;
    let mut sets: Vec<Vec<&Mitigation>> = vec![Vec::new()];
    for options in all.values() {
        let before = sets.clone();
        for option in options {
            sets.extend(before.iter().map(|set| [&set[..], &[option]].concat()));
        }
    }
    sets.sort_by_key(Vec::len);
    Some(sets)
}

/// The mitigations to choose from.
#[derive(Clone, Debug)]
pub struct Choice(pub(super) IndexMap<String, Vec<Mitigation>>);

impl Choice {
    /// About how many sets [`cheapest`](super::cheapest::cheapest) will run.
    pub fn runs(&self) -> usize {
        match every_set(&self.0) {
            Some(sets) => sets.len(),
            None => {
                let singles = self.0.values().map(Vec::len).sum::<usize>();
                singles.min(RUN_SINGLY + MORE_RUNS) + MORE_RUNS
            }
        }
    }
}

/// Finds what can be done, of what is wanted.
///
/// # Errors
/// It is nothing, or not what is wanted; the variant cannot be run.
pub fn choice(study: &Study, wanted: &MitigationFilter) -> Result<Choice, StudyError> {
    let mut all = mitigations(study, wanted)?;
    let only = &wanted.only;
    if only.is_empty() {
        return Ok(Choice(all));
    }
    let groups = study.with(&[], &[])?.scenario.group;
    let is_for = |text: &str, path: &str| text == path || stands_for_path(text, path, &groups);
    for text in only {
        if !all.keys().any(|path| is_for(text, path)) {
            let paths: Vec<&str> = all.keys().map(String::as_str).collect();
            let more = match paths.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return Err(StudyError::question(
                format!("no mitigation changes `{text}`"),
                format!(
                    "mitigations: {}{more}",
                    paths[..paths.len().min(LISTED)].join(", ")
                ),
            ));
        }
    }
    all.retain(|path, _| only.iter().any(|text| is_for(text, path)));
    Ok(Choice(all))
}
