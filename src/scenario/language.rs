//! What can be written in a scenario, and how one table of it is laid over another.

use super::named_kind::{EXTENDS, LIKE, NamedKind};
use super::run_settings::ReadFor;
use super::settings::Scenario;
use crate::input::document::{self, Table};
use crate::input::files::Files;
use crate::input::outline::Outline;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// What can be written in a scenario.
pub(super) static OUTLINE: LazyLock<Outline> = LazyLock::new(|| {
    Outline::of(|r| {
        Scenario::read("", r, &Files::default(), ReadFor::Run);
        // What is gone once every layer has been laid.
        for (kind, many) in NamedKind::gathered() {
            r.tables(kind.table, |_, r| r.optional::<String>(LIKE));
            r.table(many, |r| r.required::<String>("file"));
        }
        r.tables("variant", |_, r| r.optional::<Vec<String>>(EXTENDS));
    })
});

/// Every key that a scenario may have, as patterns: `workload.NAME.clients`.
pub fn keys() -> BTreeSet<String> {
    // Patterns write names that are not bare keys in quotes; people don't.
    let known: BTreeSet<String> = OUTLINE.keys.iter().map(|k| k.replace('"', "")).collect();
    let is_table = |key: &String| {
        known.iter().any(|k| {
            k.strip_prefix(key.as_str())
                .is_some_and(|rest| rest.starts_with('.') || rest.starts_with("[]"))
        })
    };
    let keys = known.iter().filter(|key| !is_table(key));
    keys.cloned().collect()
}

/// Lays a table of changes over a scenario.
pub(super) fn overlay(base: &Table, over: &Table) -> Table {
    document::overlay(base, over, &|path| OUTLINE.is_choice(path))
}

/// As [`overlay`], of tables that lie under `path`.
pub(super) fn overlay_under(path: &[&str], base: &Table, over: &Table) -> Table {
    document::overlay_under(path, base, over, &|path| OUTLINE.is_choice(path))
}
