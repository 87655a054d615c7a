//! `extends`: variants that build on others.

use super::layer::{Laid, Layering};
use super::named_kind::EXTENDS;
use super::run_settings::RUN_KEYS;
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::input::document::{Node, Table, Value, key_text};
use crate::input::spelling::did_you_mean;
use indexmap::{IndexMap, IndexSet};
use std::collections::{HashMap, HashSet};

/// What each variant of a file changes, and on which others it builds.
pub(super) struct Chains<'f> {
    pub of: IndexMap<&'f str, Chain>,
    /// Those that lie right below another.
    extended: HashSet<String>,
}

/// One variant.
pub(super) struct Chain {
    /// What it changes by itself.
    pub own: Table,
    /// The variants on which it builds, those first that lie below.
    on: Vec<String>,
    /// Whether all that it builds on is there.
    is_whole: bool,
}

impl<'f> Chains<'f> {
    /// Of all variants that are tables; what is wrong goes to the diagnostics.
    pub(super) fn read(all: &'f Table, diagnostics: &Diagnostics) -> Chains<'f> {
        let mut of = IndexMap::new();
        let mut places: IndexMap<(&str, String), Place> = IndexMap::new();
        for (name, entry) in &all.entries {
            let path = format!("variant.{}", key_text(name));
            let Node::Table(over) = &entry.value.node else {
                diagnostics.push(
                    Diagnostic::error(
                        Code::WrongType,
                        format!("`{path}` is {}, not a table", entry.value.node.describe()),
                    )
                    .at(entry.value.place.clone())
                    .help(format!(
                        "write `[{path}]` and below it what the variant changes"
                    )),
                );
                continue;
            };
            for key in RUN_KEYS.iter().chain(&["variant"]) {
                if let Some(entry) = over.entries.get(*key) {
                    diagnostics.push(
                        Diagnostic::error(
                            Code::Contradiction,
                            format!("`{path}` sets `{key}`, which holds for all variants"),
                        )
                        .at(entry.key.clone())
                        .help("set it at the top of the file: variants are compared over the same time and seed"),
                    );
                }
            }
            let mut own = over.clone();
            let (on, mut is_whole) = match own.entries.shift_remove(EXTENDS) {
                None => (Vec::new(), true),
                Some(entry) => named_variants(&path, &entry.value, diagnostics),
            };
            let mut known = Vec::new();
            for (other, place) in on {
                if all.entries.contains_key(&other) {
                    places.insert((name, other.clone()), place);
                    known.push(other);
                    continue;
                }
                is_whole = false;
                let names = all.entries.keys().map(String::as_str);
                let help = match did_you_mean(&other, names.clone().filter(|n| n != name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("variants: {}", names.collect::<Vec<_>>().join(", ")),
                };
                diagnostics.push(
                    Diagnostic::error(
                        Code::UnknownName,
                        format!("`{path}` builds on `{other}`, which is not a variant"),
                    )
                    .at(place)
                    .help(help),
                );
            }
            let chain = Chain {
                own,
                on: known,
                is_whole,
            };
            of.insert(name.as_str(), chain);
        }
        let mut chains = Chains {
            of,
            extended: HashSet::new(),
        };
        chains.break_circles(&places, diagnostics);
        let firsts = chains.of.values().filter_map(|chain| chain.on.first());
        chains.extended = firsts.cloned().collect();
        chains
    }

    /// Reports each circle once, and takes its last link out.
    fn break_circles(
        &mut self,
        places: &IndexMap<(&'f str, String), Place>,
        diagnostics: &Diagnostics,
    ) {
        let names: Vec<&str> = self.of.keys().copied().collect();
        let mut done: HashSet<&str> = HashSet::new();
        for start in names {
            // The way from `start` down, with how many of each one's links have been followed.
            let mut way: Vec<(&str, usize)> = vec![(start, 0)];
            while let Some((name, followed)) = way.last().copied() {
                let next = self.of.get(name).and_then(|chain| chain.on.get(followed));
                let next = next.and_then(|next| self.of.get_key_value(next.as_str()));
                let Some(next) = next.map(|(next, _)| *next) else {
                    let left = self.of.get(name).is_some_and(|c| followed < c.on.len());
                    if left {
                        // A variant that is not a table.
                        if let Some(last) = way.last_mut() {
                            last.1 += 1;
                        }
                        continue;
                    }
                    done.insert(name);
                    way.pop();
                    continue;
                };
                if let Some(first) = way.iter().position(|(name, _)| *name == next) {
                    let circle: Vec<&str> = way[first..].iter().map(|(name, _)| *name).collect();
                    let place = |i: usize| {
                        let to = circle[(i + 1) % circle.len()];
                        places.get(&(circle[i], to.to_owned())).cloned()
                    };
                    let words: Vec<String> = circle
                        .iter()
                        .map(|name| format!("`variant.{}`", key_text(name)))
                        .collect();
                    let mut fault = Diagnostic::error(
                        Code::Contradiction,
                        format!("{} builds on {}", words.join(" builds on "), words[0]),
                    )
                    .help("write in one of them what it changes, without `extends`");
                    fault.place = place(0);
                    for i in 1..circle.len() {
                        if let Some(place) = place(i) {
                            fault = fault.and_at(place, "and this");
                        }
                    }
                    diagnostics.push(fault);
                    for name in &circle {
                        if let Some(chain) = self.of.get_mut(name) {
                            chain.is_whole = false;
                        }
                    }
                    if let Some(chain) = self.of.get_mut(name) {
                        chain.on.remove(followed);
                    }
                    continue;
                }
                if let Some(last) = way.last_mut() {
                    last.1 += 1;
                }
                if !done.contains(next) {
                    way.push((next, 0));
                }
            }
        }
    }

    /// The variants whose changes are laid over the base for one, in order, and whether all of them are there: each once,
    /// those first that lie below.
    pub(super) fn order(&self, name: &str) -> (IndexSet<&'f str>, bool) {
        let (mut order, mut is_whole) = (IndexSet::new(), true);
        self.gather(name, &mut order, &mut is_whole);
        (order, is_whole)
    }

    fn gather(&self, name: &str, order: &mut IndexSet<&'f str>, is_whole: &mut bool) {
        let Some((name, chain)) = self.of.get_key_value(name) else {
            *is_whole = false;
            return;
        };
        if order.contains(name) {
            return;
        }
        *is_whole &= chain.is_whole;
        for other in &chain.on {
            self.gather(other, order, is_whole);
        }
        order.insert(name);
    }

    /// The changes that are laid over the base for a variant, in order.
    pub(super) fn layers(&self, name: &str) -> Vec<&Table> {
        let order = self.order(name).0;
        let layers = order.iter().filter_map(|name| self.of.get(name));
        layers.map(|chain| &chain.own).collect()
    }

    /// A variant's document; those on which it builds are laid once.
    pub(super) fn laid(
        &self,
        name: &str,
        base: &Laid,
        layering: &mut Layering<'_>,
        done: &mut HashMap<String, Laid>,
    ) -> Laid {
        if let Some(laid) = done.get(name) {
            return laid.clone();
        }
        let (order, is_whole) = self.order(name);
        let first = self.of.get(name).and_then(|chain| chain.on.first());
        let (below, under) = match first {
            Some(first) => (
                self.order(first).0,
                Some(self.laid(first, base, layering, done)),
            ),
            None => (IndexSet::new(), None),
        };
        let under = under.as_ref().unwrap_or(base);
        let (mut document, mut is_whole) = (None, under.is_whole && is_whole);
        for layer in order.difference(&below) {
            let so_far = document.as_ref().unwrap_or(&under.document);
            let next = layering.lay(so_far, &self.of[layer].own);
            is_whole &= next.is_whole;
            document = Some(next.document);
        }
        let laid = Laid {
            document: document.unwrap_or_else(|| under.document.clone()),
            is_whole,
        };
        if self.extended.contains(name) {
            done.insert(name.to_owned(), laid.clone());
        }
        laid
    }
}

/// The variants that `extends` names, and whether it could be read.
fn named_variants(
    path: &str,
    value: &Value,
    diagnostics: &Diagnostics,
) -> (Vec<(String, Place)>, bool) {
    let one;
    let all = match &value.node {
        Node::Array(all) => all.as_slice(),
        _ => {
            one = [value.clone()];
            &one
        }
    };
    let (mut named, mut is_whole) = (Vec::new(), true);
    for value in all {
        match &value.node {
            Node::String(name) => named.push((name.clone(), value.place.clone())),
            other => {
                is_whole = false;
                diagnostics.push(
                    Diagnostic::error(
                        Code::WrongType,
                        format!(
                            "`{path}.{EXTENDS}` must name variants, but is {}",
                            other.describe()
                        ),
                    )
                    .at(value.place.clone())
                    .help("write the name of a variant, or a list of names: `extends = [\"a\", \"b\"]`"),
                );
            }
        }
    }
    (named, is_whole)
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::{Cases, FLEET};

    pub(crate) fn add(cases: &mut Cases) {
        cases.key(
            "variant.NAME.extends",
            FLEET,
            &[],
            &["variant.a.extends=z"],
            "s3_requests_failed_or_app",
        );
        cases.broken(
            Code::UnknownName,
            "[variant.today]",
            "[variant.today]\nextends = \"mroe\"",
            "\"mroe\"",
            &[
                "`variant.today` builds on `mroe`, which is not a variant",
                "`more`",
            ],
        );
        cases.broken(
            Code::Contradiction,
            "[variant.today]",
            "[variant.today]\nextends = \"today\"",
            "\"today\"",
            &["`variant.today` builds on `variant.today`"],
        );
        cases.broken(
            Code::Contradiction,
            "[variant.today]",
            "[variant.today]\nextends = [\"more\", \"a\"]\n[variant.a]\nextends = \"b\"\n[variant.b]\nextends = [\"c\", \"more\"]\n[variant.c]\nextends = \"a\"\n[variant.d]\nextends = \"c\"",
            "\"b\"\n[variant.b]",
            &["`variant.a` builds on `variant.b` builds on `variant.c` builds on `variant.a`"],
        );
        cases.broken_in_several_places(
            Code::WrongType,
            "[variant.today]",
            "[variant.today]\nextends = [1, 2]",
            "1, 2",
            &["`variant.today.extends` must name variants"],
        );
        cases.broken(
            Code::WrongType,
            "[variant.today]",
            "[variant.today]\nextends = 1",
            "1\n\n[variant.more",
            &["`variant.today.extends` must name variants, but is the integer 1"],
        );
    }
}
