//! `extends`: variants that build on others.

use super::layer::{Laid, Layering};
use super::named_kind::EXTENDS;
use super::run_settings::RUN_KEYS;
use super::template::{SHOWN, more};
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::input::document::{Node, Table, Value, key_text};
use crate::input::spelling::did_you_mean;
use indexmap::{IndexMap, IndexSet};
use std::collections::{HashMap, HashSet};

/// Most variants that build on one another.
const DEEPEST: usize = 2_000;

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
        chains.limit_depth(&places, diagnostics);
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
            let mut on_way: HashMap<&str, usize> = HashMap::from([(start, 0)]);
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
                    on_way.remove(name);
                    way.pop();
                    continue;
                };
                if let Some(&first) = on_way.get(next) {
                    let circle: Vec<&str> = way[first..].iter().map(|(name, _)| *name).collect();
                    let place = |i: usize| {
                        let to = circle[(i + 1) % circle.len()];
                        places.get(&(circle[i], to.to_owned())).cloned()
                    };
                    let path = |name: &&str| format!("`variant.{}`", key_text(name));
                    let words = circle.iter().take(SHOWN).map(path);
                    let words = words.chain(more(circle.len())).chain([path(&circle[0])]);
                    let words: Vec<String> = words.collect();
                    let mut fault =
                        Diagnostic::error(Code::Contradiction, words.join(" builds on "))
                            .help("write in one of them what it changes, without `extends`");
                    fault.place = place(0);
                    for i in 1..circle.len().min(SHOWN) {
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
                    on_way.insert(next, way.len());
                    way.push((next, 0));
                }
            }
        }
    }

    /// Reports variants that lie too high above others, and cuts them off.
    fn limit_depth(
        &mut self,
        places: &IndexMap<(&'f str, String), Place>,
        diagnostics: &Diagnostics,
    ) {
        let names: Vec<&str> = self.of.keys().copied().collect();
        let mut depths: HashMap<&str, usize> = HashMap::new();
        for start in names {
            let mut way = vec![start];
            while let Some(&name) = way.last() {
                let Some(chain) = self.of.get(name).filter(|_| !depths.contains_key(name)) else {
                    way.pop();
                    continue;
                };
                let on = chain.on.iter();
                let on = on.filter_map(|on| self.of.get_key_value(on.as_str()).map(|(on, _)| *on));
                let on: Vec<&str> = on.collect();
                if let Some(next) = on.iter().find(|on| !depths.contains_key(*on)) {
                    way.push(next);
                    continue;
                }
                let below = on.iter().map(|on| (depths[on] + 1, *on)).max();
                let mut depth = below.map_or(0, |(depth, _)| depth);
                if let Some((_, on)) = below.filter(|(depth, _)| *depth > DEEPEST) {
                    let path = format!("variant.{}", key_text(name));
                    let mut fault = Diagnostic::error(
                        Code::OutOfRange,
                        format!("`{path}` builds on more than {DEEPEST} variants that build on one another"),
                    )
                    .help("write what it changes, without `extends`");
                    fault.place = places.get(&(name, on.to_owned())).cloned();
                    diagnostics.push(fault);
                    depth = 0;
                    if let Some(chain) = self.of.get_mut(name) {
                        chain.on.clear();
                        chain.is_whole = false;
                    }
                }
                depths.insert(name, depth);
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
        // Each with how many of those below it have been gathered.
        let mut way = vec![(name, 0)];
        while let Some((name, gathered)) = way.last_mut() {
            let Some((name, chain)) = self.of.get_key_value(*name).map(|(n, c)| (*n, c)) else {
                *is_whole = false;
                way.pop();
                continue;
            };
            match chain.on.get(*gathered).filter(|_| !order.contains(name)) {
                Some(other) => {
                    *gathered += 1;
                    way.push((other, 0));
                }
                None => {
                    *is_whole &= chain.is_whole;
                    order.insert(name);
                    way.pop();
                }
            }
        }
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
        // From the variant down to the first that is laid already, or builds on none.
        let mut way = vec![name];
        while let Some(first) = way.last().and_then(|name| self.of.get(*name)?.on.first()) {
            if done.contains_key(first) {
                break;
            }
            way.push(first);
        }
        let mut laid = None;
        for name in way.into_iter().rev() {
            let of_name = match done.get(name) {
                Some(laid) => laid.clone(),
                None => self.laid_over(name, base, layering, done),
            };
            if self.extended.contains(name) {
                done.insert(name.to_owned(), of_name.clone());
            }
            laid = Some(of_name);
        }
        laid.unwrap_or_else(|| base.clone())
    }

    /// A variant's document, laid over that of the first on which it builds, which is laid.
    fn laid_over(
        &self,
        name: &str,
        base: &Laid,
        layering: &mut Layering<'_>,
        done: &HashMap<String, Laid>,
    ) -> Laid {
        let chain = self.of.get(name);
        let first = chain.and_then(|chain| chain.on.first());
        let under = first.and_then(|first| done.get(first)).unwrap_or(base);
        if let Some(chain) = chain.filter(|chain| chain.on.len() <= 1) {
            // All that lies below is laid.
            let laid = layering.lay(&under.document, &chain.own);
            return Laid {
                is_whole: under.is_whole && chain.is_whole && laid.is_whole,
                ..laid
            };
        }
        let (order, is_whole) = self.order(name);
        let below = first.map_or_else(IndexSet::new, |first| self.order(first).0);
        let (mut document, mut is_whole) = (None, under.is_whole && is_whole);
        for layer in order.difference(&below) {
            let so_far = document.as_ref().unwrap_or(&under.document);
            let next = layering.lay(so_far, &self.of[layer].own);
            is_whole &= next.is_whole;
            document = Some(next.document);
        }
        Laid {
            document: document.unwrap_or_else(|| under.document.clone()),
            is_whole,
        }
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
