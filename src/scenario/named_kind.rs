//! The kinds of things that have names in a scenario, which patterns, groups, templates and CSV files are about.

use crate::input::document::{Node, Table};
use crate::input::name_pattern::is_pattern;

/// A kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedKind {
    /// The table that holds them by name, `bucket`.
    pub table: &'static str,
    /// What groups list them under and the key of their CSV file, `buckets`; `None` for what there are few of.
    pub many: Option<&'static str>,
    /// Keys that can be right for one thing only, which no template hands on.
    pub identity: &'static [&'static str],
}

const fn fleet(table: &'static str, many: &'static str) -> NamedKind {
    NamedKind {
        table,
        many: Some(many),
        identity: &[],
    }
}

const fn few(table: &'static str) -> NamedKind {
    NamedKind {
        table,
        many: None,
        identity: &[],
    }
}

/// Buckets.
pub(super) const BUCKET: NamedKind = fleet("bucket", "buckets");

/// Workloads.
pub(super) const WORKLOAD: NamedKind = fleet("workload", "workloads");

/// Every kind whose names patterns stand for.
pub(super) const KINDS: [NamedKind; 10] = [
    BUCKET,
    NamedKind {
        table: "key",
        many: Some("keys"),
        identity: &["id", "aliases"],
    },
    WORKLOAD,
    fleet("requester", "requesters"),
    fleet("log_group", "log_groups"),
    few("account"),
    few("organizational_unit"),
    few("key_store"),
    few("trail"),
    few("quota"),
];

/// The key that names a template.
pub(super) const LIKE: &str = "like";

/// The key that names the variants on which another builds.
pub(super) const EXTENDS: &str = "extends";

/// The mark of a group's name where things are named.
pub(super) const GROUP_MARK: char = '@';

/// Whether a text stands for many names: a pattern, or a group.
pub(super) fn stands_for_many(text: &str) -> bool {
    is_pattern(text) || text.starts_with(GROUP_MARK)
}

impl NamedKind {
    /// The kind of this table.
    pub(super) fn of(table: &str) -> Option<NamedKind> {
        KINDS.into_iter().find(|kind| kind.table == table)
    }

    /// The kinds that groups gather, with what they list them under.
    pub(super) fn gathered() -> impl Iterator<Item = (NamedKind, &'static str)> {
        KINDS
            .into_iter()
            .filter_map(|kind| Some((kind, kind.many?)))
    }

    /// The names of this kind's things in a document, those that patterns stand for aside.
    pub(super) fn names(self, document: &Table) -> impl Iterator<Item = &str> {
        let table = match document.get(self.table).map(|value| &value.node) {
            Some(Node::Table(table)) => Some(table),
            Some(_) | None => None,
        };
        let names = table.into_iter().flat_map(|table| table.entries.keys());
        names
            .map(String::as_str)
            .filter(|name| !stands_for_many(name))
    }

    /// The kind in words, `log group`.
    pub(super) fn words(self) -> String {
        self.table.replace('_', " ")
    }
}
