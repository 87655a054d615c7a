//! `like`: things that have what another one has, but for what they say themselves.

use super::language::overlay_under;
use super::named_kind::{LIKE, NamedKind};
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::input::document::{Entry, Node, Table, key_text};
use crate::input::reader::NAME;
use crate::input::spelling::did_you_mean;
use indexmap::IndexMap;
use std::collections::HashMap;

/// What a layer says of one thing.
#[derive(Clone)]
pub(super) struct Said {
    /// By patterns and groups.
    pub by_pattern: Option<Table>,
    /// By the thing's own name.
    pub by_name: Option<Table>,
    /// Where it is first named.
    pub key: Place,
}

/// Gives things what their templates have; false where one of them has none.
pub(super) fn fill_in(
    base: &Table,
    kind: NamedKind,
    said: &mut IndexMap<String, Said>,
    diagnostics: &Diagnostics,
) -> bool {
    let has_like = |table: &Option<Table>| table.as_ref().is_some_and(|t| t.get(LIKE).is_some());
    if !said
        .values()
        .any(|s| has_like(&s.by_name) || has_like(&s.by_pattern))
    {
        return true;
    }
    let mut templates = Templates {
        base,
        kind,
        said,
        done: IndexMap::new(),
        diagnostics,
        is_whole: true,
    };
    let names: Vec<String> = templates.said.keys().cloned().collect();
    for name in &names {
        templates.resolve_chain(name);
    }
    let (mut done, is_whole) = (templates.done, templates.is_whole);
    // In the order of the file, whoever is like whom.
    *said = names
        .iter()
        .filter_map(|name| done.swap_remove_entry(name))
        .collect();
    is_whole
}

/// Most members of a circle that a fault names.
pub(super) const SHOWN: usize = 6;

/// How many members of a circle a fault does not name, in words.
pub(super) fn more(members: usize) -> Option<String> {
    let left = members.saturating_sub(SHOWN);
    (left > 0).then(|| format!("{left} more"))
}

/// Finds what things have from their templates.
struct Templates<'t> {
    base: &'t Table,
    kind: NamedKind,
    said: &'t IndexMap<String, Said>,
    done: IndexMap<String, Said>,
    diagnostics: &'t Diagnostics,
    is_whole: bool,
}

impl Templates<'_> {
    /// Fills in what `name` has from its templates, those first that lie below, however many they are.
    fn resolve_chain(&mut self, name: &str) {
        let (mut way, mut on_way) = (Vec::new(), HashMap::new());
        let mut at = name.to_owned();
        while !self.done.contains_key(&at) && self.said.contains_key(&at) {
            if let Some(&start) = on_way.get(&at) {
                self.circle(&way[start..]);
                break;
            }
            let Some((template, place)) = self.template_of(&at) else {
                self.resolve(&at);
                break;
            };
            on_way.insert(at.clone(), way.len());
            way.push((at, place));
            at = template;
        }
        for (name, _) in way.iter().rev() {
            self.resolve(name);
        }
    }

    /// The template that a thing names, and where.
    fn template_of(&self, name: &str) -> Option<(String, Place)> {
        let said = self.said.get(name)?;
        let like = |table: &Option<Table>| table.as_ref()?.entries.get(LIKE).cloned();
        let by_name = like(&said.by_name);
        let entry = by_name.or_else(|| {
            let by_pattern = like(&said.by_pattern);
            by_pattern.filter(|entry| entry.value.node != Node::String(name.to_owned()))
        })?;
        match entry.value.node {
            Node::String(template) => Some((template, entry.value.place)),
            _ => None,
        }
    }

    /// Reports things that are like one another in a circle, and takes each for itself.
    fn circle(&mut self, circle: &[(String, Place)]) {
        let path =
            |(name, _): &(String, Place)| format!("`{}.{}`", self.kind.table, key_text(name));
        let first = path(&circle[0]);
        let words = circle.iter().take(SHOWN).map(path);
        let words: Vec<String> = words.chain(more(circle.len())).chain([first]).collect();
        let mut fault = Diagnostic::error(Code::Contradiction, words.join(" is like "))
            .at(circle[0].1.clone())
            .help("say of one of them what it is");
        for (_, place) in circle.iter().take(SHOWN).skip(1) {
            fault = fault.and_at(place.clone(), "and this");
        }
        self.diagnostics.push(fault);
        self.is_whole = false;
        for (name, _) in circle {
            if let Some(mut own) = self.said.get(name).cloned() {
                own.by_name.as_mut().and_then(take_like);
                own.by_pattern.as_mut().and_then(take_like);
                self.done.insert(name.clone(), own);
            }
        }
    }

    /// Fills in what `name` has from its template, which is done.
    fn resolve(&mut self, name: &str) {
        if self.done.contains_key(name) {
            return;
        }
        let Some(own) = self.said.get(name) else {
            return;
        };
        let mut own = own.clone();
        let by_name = own.by_name.as_mut().and_then(take_like);
        let by_pattern = own.by_pattern.as_mut().and_then(take_like);
        let is_by_pattern = by_name.is_none();
        // A pattern that names the template of all it stands for may stand for the template too.
        let by_pattern =
            by_pattern.filter(|entry| entry.value.node != Node::String(name.to_owned()));
        if let Some(entry) = by_name.or(by_pattern) {
            match self.template(name, &entry) {
                Some(template) if is_by_pattern => {
                    let all = joined(self.kind, template.by_pattern, template.by_name);
                    own.by_pattern = joined(self.kind, all, own.by_pattern);
                }
                Some(template) => {
                    own.by_pattern = joined(self.kind, template.by_pattern, own.by_pattern);
                    own.by_name = joined(self.kind, template.by_name, own.by_name);
                }
                None => self.is_whole = false,
            }
        }
        self.done.insert(name.to_owned(), own);
    }

    /// What the template says that `entry` of `name` names.
    fn template(&mut self, name: &str, entry: &Entry) -> Option<Said> {
        let path = |name: &str| format!("{}.{}", self.kind.table, key_text(name));
        let place = entry.value.place.clone();
        let Node::String(template) = &entry.value.node else {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::WrongType,
                    format!(
                        "`{}.{LIKE}` must be a string, but is {}",
                        path(name),
                        entry.value.node.describe()
                    ),
                )
                .at(place)
                .help(format!("write the name of another {}", self.kind.words())),
            );
            return None;
        };
        let there = self.kind.names(self.base).any(|n| n == template);
        if !there && !self.said.contains_key(template) {
            let known = || {
                self.kind
                    .names(self.base)
                    .chain(self.said.keys().map(String::as_str))
            };
            let near = did_you_mean(template, known().filter(|n| *n != name));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("name another {} of the scenario", self.kind.words()),
            };
            self.diagnostics.push(
                Diagnostic::error(
                    Code::UnknownName,
                    format!(
                        "`{}` is like `{}`, which is not there",
                        path(name),
                        path(template)
                    ),
                )
                .at(place)
                .help(help),
            );
            return None;
        }
        let mut said = match self.done.get(template) {
            Some(said) => said.clone(),
            None => Said {
                by_pattern: None,
                by_name: None,
                key: entry.key.clone(),
            },
        };
        if let Some(Node::Table(all)) = self.base.get(self.kind.table).map(|value| &value.node)
            && let Some(Node::Table(there)) = all.get(template).map(|value| &value.node)
        {
            said.by_pattern = joined(self.kind, Some(there.clone()), said.by_pattern);
        }
        for table in [&mut said.by_pattern, &mut said.by_name]
            .into_iter()
            .flatten()
        {
            for key in self.kind.identity {
                table.entries.shift_remove(*key);
            }
        }
        Some(said)
    }
}

fn take_like(table: &mut Table) -> Option<Entry> {
    table.entries.shift_remove(LIKE)
}

/// `over` laid over `under`, where either is there.
fn joined(kind: NamedKind, under: Option<Table>, over: Option<Table>) -> Option<Table> {
    match (under, over) {
        (Some(under), Some(over)) => Some(at_place(&over.place, overlay_in(kind, &under, &over))),
        (table, None) | (None, table) => table,
    }
}

/// `over` laid over `base`, both tables of things of one kind.
pub(super) fn overlay_in(kind: NamedKind, base: &Table, over: &Table) -> Table {
    overlay_under(&[kind.table, NAME], base, over)
}

/// The same table, as if written at `place`.
pub(super) fn at_place(place: &Place, table: Table) -> Table {
    Table {
        place: place.clone(),
        ..table
    }
}
