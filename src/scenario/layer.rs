//! A layer of a scenario, the file itself or what a variant changes, laid over what is there so far.
//!
//! ```text
//! layer ── rows of CSV files ── patterns and groups become names ── templates ── overlay ──► document
//! ```
//!
//! What a name says for itself wins over what a pattern or a group says, and a table over the row of the same name. Two
//! patterns that set something differently contradict each other. After this a document holds names only; the values
//! keep the places where they were written.

use super::group::members;
use super::language::{OUTLINE, overlay};
use super::named_kind::{KINDS, LIKE, NamedKind, stands_for_many};
use super::template::{Said, at_place, fill_in, overlay_in};
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::input::document::{Entry, Node, Table, Value, key_text};
use crate::input::files::Files;
use crate::input::inventory::Inventory;
use indexmap::IndexMap;
use std::collections::HashSet;

/// Lays layers; what it finds wrong goes to the diagnostics.
pub(super) struct Layering<'a> {
    pub files: &'a Files,
    pub diagnostics: &'a Diagnostics,
    /// Where it is written what several things have from one place.
    pub shared: HashSet<Place>,
}

/// A document of names only.
#[derive(Clone)]
pub(super) struct Laid {
    pub document: Table,
    /// Whether nothing of it is lost to a fault.
    pub is_whole: bool,
}

impl<'a> Layering<'a> {
    pub(super) fn new(files: &'a Files, diagnostics: &'a Diagnostics) -> Layering<'a> {
        Layering {
            files,
            diagnostics,
            shared: HashSet::new(),
        }
    }

    /// Lays a layer over a document that holds names only.
    pub(super) fn lay(&mut self, base: &Table, layer: &Table) -> Laid {
        if !KINDS.iter().any(|kind| needs_work(layer, *kind)) {
            return Laid {
                document: overlay(base, layer),
                is_whole: true,
            };
        }
        let (layer, is_whole) = self.of_names(base, layer);
        Laid {
            document: overlay(base, &layer),
            is_whole,
        }
    }

    /// A layer over `base` whose patterns, groups, CSV files and templates have become names, and whether nothing of it
    /// is lost to a fault.
    pub(super) fn of_names(&mut self, base: &Table, layer: &Table) -> (Table, bool) {
        let mut out = layer.clone();
        let mut is_whole = true;
        for kind in KINDS {
            if needs_work(layer, kind) {
                is_whole &= self.kind(base, layer, kind, &mut out);
            }
        }
        (out, is_whole)
    }

    /// Makes names of all that the layer says of one kind; false where something of it is lost.
    fn kind(&mut self, base: &Table, layer: &Table, kind: NamedKind, out: &mut Table) -> bool {
        let written = match layer.get(kind.table) {
            None => None,
            Some(Value {
                node: Node::Table(table),
                ..
            }) => Some(table),
            // The reader says what is wrong with it.
            Some(_) => return true,
        };
        let Inventory {
            things,
            heads,
            mut is_whole,
        } = match kind.many.and_then(|many| out.entries.shift_remove(many)) {
            Some(entry) => inventory(kind, &entry, self.files, self.diagnostics),
            None => Inventory {
                is_whole: true,
                ..Inventory::default()
            },
        };
        self.shared.extend(heads);
        let place = match (written, things.values().next()) {
            (Some(table), _) => table.place.clone(),
            (None, Some(row)) => row.place.clone(),
            (None, None) => return is_whole,
        };
        let mut said: IndexMap<String, Said> = IndexMap::new();
        // Values that are not tables are for the reader to refuse.
        let mut others: Vec<(String, Entry)> = Vec::new();
        let mut patterns: Vec<(&String, &Entry)> = Vec::new();
        for (name, entry) in written.iter().flat_map(|table| &table.entries) {
            match &entry.value.node {
                _ if stands_for_many(name) => patterns.push((name, entry)),
                Node::Table(table) => {
                    said.insert(
                        name.clone(),
                        Said {
                            by_pattern: None,
                            by_name: Some(table.clone()),
                            key: entry.key.clone(),
                        },
                    );
                }
                _ => others.push((name.clone(), entry.clone())),
            }
        }
        for (name, row) in things {
            let key = row.place.clone();
            let said = said.entry(name).or_insert_with(|| Said {
                by_pattern: None,
                by_name: None,
                key,
            });
            said.by_name = Some(match &said.by_name {
                None => row,
                Some(own) => at_place(&own.place, overlay_in(kind, &row, own)),
            });
        }
        is_whole &= self.patterns(base, layer, kind, &patterns, &mut said);
        if kind.many.is_some() {
            is_whole &= fill_in(base, kind, &mut said, self.diagnostics);
        }
        let mut table = Table::empty(place.clone());
        for (name, said) in said {
            let value = match (said.by_pattern, said.by_name) {
                (None, None) => continue,
                (Some(table), None) | (None, Some(table)) => table,
                (Some(soft), Some(own)) => at_place(&own.place, overlay_in(kind, &soft, &own)),
            };
            let entry = Entry {
                key: said.key,
                value: Value {
                    place: value.place.clone(),
                    node: Node::Table(value),
                },
            };
            table.entries.insert(name, entry);
        }
        table.entries.extend(others);
        let place = match layer.get(kind.table) {
            Some(value) => value.place.clone(),
            None => place,
        };
        let key = match layer.entries.get(kind.table) {
            Some(entry) => entry.key.clone(),
            None => place.clone(),
        };
        out.entries.insert(
            kind.table.to_owned(),
            Entry {
                key,
                value: Value {
                    node: Node::Table(table),
                    place,
                },
            },
        );
        is_whole
    }

    /// Adds what patterns and groups say to the things that they stand for.
    fn patterns(
        &mut self,
        base: &Table,
        layer: &Table,
        kind: NamedKind,
        patterns: &[(&String, &Entry)],
        said: &mut IndexMap<String, Said>,
    ) -> bool {
        let mut names: Vec<String> = kind.names(base).map(str::to_owned).collect();
        let new = said.keys().filter(|name| !names.contains(name));
        let new: Vec<String> = new.cloned().collect();
        names.extend(new);
        let mut is_whole = true;
        // What two patterns say differently, once for each pair of places: of what thing, and of how many more.
        let mut apart: IndexMap<(Place, Place), (Disagreement, usize)> = IndexMap::new();
        let groups = overlay(base, layer);
        for (pattern, entry) in patterns {
            let Node::Table(table) = &entry.value.node else {
                is_whole = false;
                let path = format!("{}.{}", kind.table, key_text(pattern));
                self.diagnostics.push(
                    Diagnostic::error(
                        Code::WrongType,
                        format!(
                            "`{path}` must be a table, but is {}",
                            entry.value.node.describe()
                        ),
                    )
                    .at(entry.value.place.clone())
                    .help(format!("write `[{path}]` and its keys below")),
                );
                continue;
            };
            let found = match members(kind, pattern, &groups, &names) {
                Ok(found) => found,
                Err(fault) => {
                    is_whole = false;
                    self.diagnostics.push(fault.at(entry.key.clone()));
                    continue;
                }
            };
            share(&mut self.shared, &entry.value);
            for name in found {
                let said = said.entry(name.to_owned()).or_insert_with(|| Said {
                    by_pattern: None,
                    by_name: None,
                    key: entry.key.clone(),
                });
                let Some(soft) = &mut said.by_pattern else {
                    said.by_pattern = Some(table.clone());
                    continue;
                };
                let mut found = Vec::new();
                let own = said.by_name.as_ref();
                agree(
                    &mut vec![kind.table.to_owned(), name.to_owned()],
                    soft,
                    table,
                    own,
                    &mut found,
                );
                for one in found {
                    let pair = (one.second.clone(), one.first.clone());
                    apart
                        .entry(pair)
                        .and_modify(|(_, n)| *n += 1)
                        .or_insert((one, 0));
                }
            }
        }
        for (one, more) in apart.into_values() {
            let path: Vec<String> = one.path.iter().map(|key| key_text(key)).collect();
            let more = match more {
                0 => String::new(),
                n => format!(", and likewise of {n} more"),
            };
            self.diagnostics.push(
                Diagnostic::error(
                    Code::Contradiction,
                    format!("two patterns set `{}` differently{more}", path.join(".")),
                )
                .at(one.second)
                .and_at(one.first, "the other one")
                .help("let only one of them stand for it (`except` in a group), or set it under the thing's own name, which wins"),
            );
        }
        is_whole
    }
}

/// What two patterns say differently.
struct Disagreement {
    path: Vec<String>,
    first: Place,
    second: Place,
}

/// Merges `from` into `into` and notes what they say differently, unless the thing's own table says it.
fn agree(
    path: &mut Vec<String>,
    into: &mut Table,
    from: &Table,
    own: Option<&Table>,
    apart: &mut Vec<Disagreement>,
) {
    for (key, entry) in &from.entries {
        path.push(key.clone());
        let own = own.and_then(|own| own.get(key));
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_choice = OUTLINE.is_choice(&keys);
        match into.entries.get_mut(key) {
            None => {
                into.entries.insert(key.clone(), entry.clone());
            }
            Some(there) => {
                let is_same = there.value.says_the_same(&entry.value);
                let first = there.value.place.clone();
                match (&mut there.value.node, &entry.value.node) {
                    (Node::Table(there), Node::Table(from))
                        if !is_choice || there.entries.keys().eq(from.entries.keys()) =>
                    {
                        let own = match own.map(|value| &value.node) {
                            Some(Node::Table(table)) => Some(table),
                            Some(_) | None => None,
                        };
                        agree(path, there, from, own, apart);
                    }
                    _ if is_same || own.is_some() => {}
                    _ => apart.push(Disagreement {
                        path: path.clone(),
                        first,
                        second: entry.value.place.clone(),
                    }),
                }
            }
        }
        path.pop();
    }
}

/// Whether a layer says something of a kind that is not said of one name alone.
fn needs_work(layer: &Table, kind: NamedKind) -> bool {
    if kind.many.is_some_and(|many| layer.get(many).is_some()) {
        return true;
    }
    let Some(Node::Table(table)) = layer.get(kind.table).map(|value| &value.node) else {
        return false;
    };
    table.entries.iter().any(|(name, entry)| {
        let is_like = match &entry.value.node {
            Node::Table(thing) => kind.many.is_some() && thing.get(LIKE).is_some(),
            _ => false,
        };
        stands_for_many(name) || is_like
    })
}

/// The things of a kind's CSV file.
fn inventory(
    kind: NamedKind,
    entry: &Entry,
    files: &Files,
    diagnostics: &Diagnostics,
) -> Inventory {
    let many = kind.many.unwrap_or_default();
    let mut root = Table::empty(entry.key.clone());
    root.entries.insert(many.to_owned(), entry.clone());
    let errors = diagnostics.errors();
    let read = diagnostics.read(&root, |r| {
        r.table(many, |r| {
            let file: Option<String> = r.required("file");
            Some((file?, r.place_of("file")))
        })
    });
    match read.flatten() {
        Some((file, place)) if diagnostics.errors() == errors => {
            Inventory::read(&file, &place, files, diagnostics)
        }
        Some(_) | None => Inventory::default(),
    }
}

/// The names of a kind in a file as it is written: those of its tables and of its CSV file.
pub(super) fn written_names(document: &Table, kind: NamedKind, files: &Files) -> Vec<String> {
    let mut names: Vec<String> = kind.names(document).map(str::to_owned).collect();
    if let Some(entry) = kind.many.and_then(|many| document.entries.get(many)) {
        // What is wrong with the file is said when it is laid.
        let read = inventory(kind, entry, files, &Diagnostics::new());
        names.extend(read.things.into_keys());
    }
    names
}

/// Notes every place in a value as one that several things share.
fn share(shared: &mut HashSet<Place>, value: &Value) {
    shared.insert(value.place.clone());
    match &value.node {
        Node::Table(table) => {
            shared.insert(table.place.clone());
            for entry in table.entries.values() {
                shared.insert(entry.key.clone());
                share(shared, &entry.value);
            }
        }
        Node::Array(values) => values.iter().for_each(|value| share(shared, value)),
        Node::String(_)
        | Node::Integer(_)
        | Node::Float(_)
        | Node::Boolean(_)
        | Node::Datetime(_) => {}
    }
}

#[cfg(test)]
pub(crate) mod cases;
#[cfg(test)]
mod tests;
