//! Reads settings out of a [`Table`] and gathers every fault on the way.
//!
//! ```text
//! Table --Diagnostics::read--> Reader --required, optional, or--> values
//!                                |--table, tables, list, choose--> Reader of the table inside
//!                                `--ends: keys nobody asked for are unknown keys
//! ```
//!
//! A [`Reader`] hands out `None` where a value is missing or wrong and has recorded why, so reading
//! goes on. One rule follows: **ask for every key before giving up on any**, for a key not asked
//! for is taken as unknown.
//!
//! ```
//! # use kmsim::input::reader::Reader;
//! # use kmsim::units::{Rate, Span};
//! struct Config {
//!     rate: Rate,
//!     burst: u64,
//! }
//! fn config(r: &mut Reader) -> Option<Config> {
//!     let rate = r.required("rate"); // no `?` here …
//!     let burst = r.or("burst", 1);
//!     Some(Config { rate: rate?, burst }) // … but here
//! }
//! ```
//!
//! Long because every way of reading a key, of a value, a list, a table or a choice, is a method of the one [`Reader`]
//! and notes in its private fields what was asked for.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

use indexmap::{IndexMap, IndexSet};

use super::declared::Declared;
use super::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use super::document::{Node, Table, Value, key_text};
use super::from_value::{FromValue, NONE};
use super::keyword::Keyword;
use super::spelling::{did_you_mean, nearest};
use crate::units::{Rate, Span};

impl Diagnostics {
    /// Reads a whole document; keys that `f` doesn't ask for are unknown.
    pub fn read<R>(&self, table: &Table, f: impl FnOnce(&mut Reader<'_>) -> R) -> R {
        let mut reader = Reader {
            table,
            path: String::new(),
            pattern: String::new(),
            asked: IndexSet::new(),
            faults: self,
        };
        let result = f(&mut reader);
        reader.end();
        result
    }
}

/// In a pattern, a name that the user chooses.
pub const NAME: &str = "NAME";

/// One of the alternatives of a choice: its name, and how the table inside is read.
pub struct Alternative<'f, R> {
    name: Cow<'f, str>,
    read: Box<dyn FnOnce(&mut Reader<'_>) -> R + 'f>,
}

impl<'f, R> Alternative<'f, R> {
    /// The alternative `name`, whose table `read` reads.
    pub fn new(
        name: impl Into<Cow<'f, str>>,
        read: impl FnOnce(&mut Reader<'_>) -> R + 'f,
    ) -> Alternative<'f, R> {
        Alternative {
            name: name.into(),
            read: Box::new(read),
        }
    }
}

/// Reads one table.
#[derive(Debug)]
pub struct Reader<'a> {
    table: &'a Table,
    path: String,
    pattern: String,
    asked: IndexSet<String>,
    faults: &'a Diagnostics,
}

impl<'a> Reader<'a> {
    /// The value of a key that must be there.
    pub fn required<T: FromValue>(&mut self, key: &str) -> Option<T> {
        match self.value(key) {
            Some(value) => T::from_value(value, &self.path_of(key), self.faults),
            None => {
                self.missing(key, &format!("{} = {}", key_text(key), T::example()));
                None
            }
        }
    }

    /// The value of a key, or `None` if it isn't there or is wrong (which is recorded).
    pub fn optional<T: FromValue>(&mut self, key: &str) -> Option<T> {
        let value = self.value(key)?;
        T::from_value(value, &self.path_of(key), self.faults)
    }

    /// The value of a key, or `default` if it isn't there or is wrong (which is recorded).
    pub fn or<T: FromValue>(&mut self, key: &str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// As [`Reader::required`], and outside `range` is a fault.
    pub fn required_in<T: FromValue + PartialOrd + Display>(
        &mut self,
        key: &str,
        range: impl RangeBounds<T>,
    ) -> Option<T> {
        let value = self.required(key);
        self.in_range(key, value, range)
    }

    /// As [`Reader::optional`], and outside `range` is a fault.
    pub fn optional_in<T: FromValue + PartialOrd + Display>(
        &mut self,
        key: &str,
        range: impl RangeBounds<T>,
    ) -> Option<T> {
        let value = self.optional(key);
        self.in_range(key, value, range)
    }

    /// As [`Reader::or`], and outside `range` is a fault. `default` may lie outside.
    pub fn or_in<T: FromValue + PartialOrd + Display>(
        &mut self,
        key: &str,
        default: T,
        range: impl RangeBounds<T>,
    ) -> T {
        self.optional_in(key, range).unwrap_or(default)
    }

    /// Reads the table under a key, or gives `None` if there is none.
    pub fn table<R>(&mut self, key: &str, f: impl FnOnce(&mut Reader<'_>) -> R) -> Option<R> {
        let value = self.value(key);
        if self.faults.is_outline() {
            let path = self.path_of(key);
            return Some(self.inside(&self.nothing(), path, self.pattern_of(key), f));
        }
        let (value, path) = (value?, self.path_of(key));
        let table = self.as_table(value, &path)?;
        Some(self.inside(table, path, self.pattern_of(key), f))
    }

    /// As [`Reader::table`], and the key must be there.
    pub fn required_table<R>(
        &mut self,
        key: &str,
        f: impl FnOnce(&mut Reader<'_>) -> R,
    ) -> Option<R> {
        if !self.has(key) {
            self.missing(key, &format!("[{}]", self.path_of(key)));
        }
        self.table(key, f)
    }

    /// Reads a map of tables by name, as in `[workload.NAME]`, in the order they were written.
    ///
    /// No such key is an empty map.
    pub fn tables<R>(
        &mut self,
        key: &str,
        mut f: impl FnMut(&str, &mut Reader<'_>) -> R,
    ) -> IndexMap<String, R> {
        let mut read = IndexMap::new();
        self.declared(key, |name, r| {
            read.insert(name.to_owned(), f(name, r));
            Some(())
        });
        read
    }

    /// As [`Reader::tables`], for others to refer to: a table with a fault is known by its name only.
    ///
    /// `f` gives `None` where it cannot read the table and has recorded why.
    pub fn declared<T>(
        &mut self,
        key: &str,
        mut f: impl FnMut(&str, &mut Reader<'_>) -> Option<T>,
    ) -> Declared<T> {
        let mut read = Declared::default();
        let value = self.value(key);
        if value.is_none() && !self.faults.is_outline() {
            return read;
        }
        let path = self.path_of(key);
        let pattern = format!("{}.{NAME}", self.pattern_of(key));
        if self.faults.is_outline() {
            let table = self.inside(&self.nothing(), path, pattern, |r| f(NAME, r));
            read.insert(NAME.to_owned(), table);
            return read;
        }
        let Some(value) = value else {
            return read;
        };
        let Some(table) = self.as_table(value, &path) else {
            return Declared::unreadable();
        };
        for (name, entry) in &table.entries {
            let path = format!("{path}.{}", key_text(name));
            let errors = self.faults.errors();
            let table = self
                .as_table(&entry.value, &path)
                .and_then(|table| self.inside(table, path, pattern.clone(), |r| f(name, r)));
            read.insert(
                name.clone(),
                table.filter(|_| self.faults.errors() == errors),
            );
        }
        read
    }

    /// Reads a map of values by name, as in `[threshold]`, in the order they were written, each with its place;
    /// a value is `None` where it is wrong (which is recorded).
    ///
    /// No such key is an empty map.
    pub fn values<T: FromValue>(&mut self, key: &str) -> IndexMap<String, (Option<T>, Place)> {
        let mut read = IndexMap::new();
        let value = self.value(key);
        if self.faults.notes_keys() && (value.is_some() || self.faults.is_outline()) {
            let pattern = format!("{}.{NAME}", self.pattern_of(key));
            self.faults.asks_for(pattern);
        }
        let Some(value) = value else {
            return read;
        };
        let path = self.path_of(key);
        let Some(table) = self.as_table(value, &path) else {
            return read;
        };
        for (name, entry) in &table.entries {
            let path = format!("{path}.{}", key_text(name));
            let value = T::from_value(&entry.value, &path, self.faults);
            read.insert(name.clone(), (value, entry.value.place.clone()));
        }
        read
    }

    /// Reads an array of tables, as in `[[quota]]` or `stages = [{ … }, { … }]`.
    ///
    /// `f` gets the position, from 0. No such key is an empty list.
    pub fn list<R>(&mut self, key: &str, mut f: impl FnMut(usize, &mut Reader<'_>) -> R) -> Vec<R> {
        let mut read = Vec::new();
        let value = self.value(key);
        if value.is_none() && !self.faults.is_outline() {
            return read;
        }
        let path = self.path_of(key);
        let pattern = format!("{}[]", self.pattern_of(key));
        if self.faults.is_outline() {
            return vec![self.inside(&self.nothing(), path, pattern, |r| f(0, r))];
        }
        let Some(value) = value else {
            return read;
        };
        let Node::Array(elements) = &value.node else {
            self.not(value, &path, "an array of tables");
            return read;
        };
        for (index, element) in elements.iter().enumerate() {
            let path = format!("{path}[{index}]");
            if let Some(table) = self.as_table(element, &path) {
                read.push(self.inside(table, path, pattern.clone(), |r| f(index, r)));
            }
        }
        read
    }

    /// Reads a table that holds exactly one of `alternatives`, as `{ poisson = { rate = 5 } }`, or
    /// a string that names one, which is the same with nothing set inside.
    ///
    /// The alternative that is there reads its own table. No such key is `None`.
    pub fn choose<'f, R>(
        &mut self,
        key: &str,
        alternatives: impl IntoIterator<Item = Alternative<'f, R>>,
    ) -> Option<R> {
        if self.faults.is_outline() {
            return self.outlined(key, alternatives.into_iter().collect());
        }
        let value = self.value(key);
        if value.is_none() && !self.faults.notes_keys() {
            return None;
        }
        let mut alternatives: Vec<Alternative<'f, R>> = alternatives.into_iter().collect();
        let path = self.path_of(key);
        let pattern = self.pattern_of(key);
        if self.faults.notes_keys() {
            self.faults.asks_for_choice(&pattern);
            for Alternative { name, .. } in &alternatives {
                self.faults.asks_for(format!("{pattern}.{name}"));
            }
        }
        let value = value?;
        let names: Vec<Cow<'f, str>> = alternatives.iter().map(|a| a.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(|name| name.as_ref()).collect();
        let by_name;
        let (name, table) = match &value.node {
            Node::String(name) => {
                by_name = Table::empty(value.place.clone());
                (name.as_str(), &by_name)
            }
            Node::Table(table) => {
                let name = self.chosen(table, &path, &names)?;
                let inside = format!("{path}.{}", key_text(name));
                (name, self.as_table(table.get(name)?, &inside)?)
            }
            _ => {
                self.not(value, &path, "a table with one alternative or its name");
                return None;
            }
        };
        let Some(chosen) = alternatives.iter().position(|a| a.name == name) else {
            self.unknown_name(name, value.place.clone(), &path, &names);
            return None;
        };
        let path = format!("{path}.{}", key_text(name));
        let pattern = format!("{pattern}.{name}");
        let Alternative { read, .. } = alternatives.swap_remove(chosen);
        Some(self.inside(table, path, pattern, read))
    }

    /// Looks into each of the alternatives.
    fn outlined<R>(&mut self, key: &str, alternatives: Vec<Alternative<'_, R>>) -> Option<R> {
        self.value(key);
        let (path, pattern) = (self.path_of(key), self.pattern_of(key));
        self.faults.asks_for_choice(&pattern);
        let mut read = None;
        for Alternative { name, read: inside } in alternatives {
            let (path, pattern) = (format!("{path}.{name}"), format!("{pattern}.{name}"));
            self.faults.asks_for(pattern.clone());
            read = Some(self.inside(&self.nothing(), path, pattern, inside));
        }
        read
    }

    /// The value that the word under a key stands for; `None` if there is no such key or no such word
    /// (which is recorded).
    pub fn keyword<K: Keyword>(&mut self, key: &str) -> Option<K> {
        K::from_name(&self.reference(key, K::names())?)
    }

    /// As [`Reader::keyword`], and the key must be there.
    pub fn required_keyword<K: Keyword>(&mut self, key: &str) -> Option<K> {
        K::from_name(&self.required_reference(key, K::names())?)
    }

    /// As [`Reader::keyword`], and "none" is `Some(None)`.
    pub fn keyword_or_none<K: Keyword>(&mut self, key: &str) -> Option<Option<K>> {
        let word = self.reference(key, K::names().chain([NONE]))?;
        Some(K::from_name(&word))
    }

    /// A name that must be one of `known`; `None` if there is no such key or no such name (which is
    /// recorded).
    pub fn reference<'k>(
        &mut self,
        key: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<String> {
        let name: String = self.optional(key)?;
        let known: Vec<&str> = known.into_iter().collect();
        if known.contains(&name.as_str()) {
            return Some(name);
        }
        self.unknown_name(&name, self.place_of(key), &self.path_of(key), &known);
        None
    }

    /// As [`Reader::reference`], to one of the tables of a kind.
    pub fn name_among<T>(&mut self, key: &str, tables: &Declared<T>) -> Option<String> {
        let name: String = self.optional(key)?;
        if tables.knows(&name) {
            return Some(name);
        }
        let known: Vec<&str> = tables.names().collect();
        self.unknown_name(&name, self.place_of(key), &self.path_of(key), &known);
        None
    }

    /// As [`Reader::name_among`], and the key must be there.
    pub fn required_name_among<T>(&mut self, key: &str, tables: &Declared<T>) -> Option<String> {
        if !self.has(key) {
            self.missing(key, &format!("{} = \"NAME\"", key_text(key)));
        }
        self.name_among(key, tables)
    }

    /// As [`Reader::reference`], and the key must be there.
    pub fn required_reference<'k>(
        &mut self,
        key: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<String> {
        if !self.has(key) {
            self.missing(key, &format!("{} = \"NAME\"", key_text(key)));
        }
        self.reference(key, known)
    }

    /// Names that must each be one of `known`; unknown ones are recorded and left out. `None` if
    /// there is no such key.
    pub fn references<'k>(
        &mut self,
        key: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Option<Vec<String>> {
        let mut names: Vec<String> = self.optional(key)?;
        let known: Vec<&str> = known.into_iter().collect();
        let path = self.path_of(key);
        if let Some(Node::Array(elements)) = self.table.get(key).map(|value| &value.node) {
            for (index, element) in elements.iter().enumerate() {
                if let Node::String(name) = &element.node
                    && !known.contains(&name.as_str())
                {
                    let path = format!("{path}[{index}]");
                    self.unknown_name(name, element.place.clone(), &path, &known);
                }
            }
        }
        names.retain(|name| known.contains(&name.as_str()));
        Some(names)
    }

    /// A length of time in whole seconds; `None` if there is none or it is at fault (which is recorded).
    pub fn whole_seconds(&mut self, key: &str) -> Option<Span> {
        let span: Span = self.optional(key)?;
        if span.whole_seconds().is_none() {
            self.fault(
                Code::OutOfRange,
                self.place_of(key),
                format!(
                    "`{}` is {span}, which is not a whole number of seconds",
                    self.path_of(key)
                ),
                "round it to whole seconds",
            );
            return None;
        }
        Some(span)
    }

    /// As [`Reader::whole_seconds`], and the key must be there.
    pub fn required_whole_seconds(&mut self, key: &str) -> Option<Span> {
        if self.has(key) {
            self.whole_seconds(key)
        } else {
            self.required(key)
        }
    }

    /// A rate above zero; `consequence` says what zero would make of it.
    pub fn rate_above_zero(&mut self, key: &str, consequence: &str) -> Option<Rate> {
        let rate: Rate = self.optional(key)?;
        if rate.is_zero() {
            self.fault(
                Code::OutOfRange,
                self.place_of(key),
                format!("`{}` is {rate}: {consequence}", self.path_of(key)),
                "write a rate above 0",
            );
            return None;
        }
        Some(rate)
    }

    /// Records a key as a fault where it is given although it changes nothing.
    pub fn reject_without_effect(&mut self, when: bool, key: &str, why: &str, help: &str) {
        if when && self.has(key) {
            self.fault(
                Code::Contradiction,
                self.place_of(key),
                format!("`{}` has no effect: {why}", self.path_of(key)),
                help,
            );
        }
    }

    /// The keys that are written in the table, known or not.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table.entries.keys().map(String::as_str)
    }

    /// The names of the tables under a key, whatever is in them; `None` where it holds no tables by name.
    pub fn names_of(&mut self, key: &str) -> Option<Vec<String>> {
        match self.value(key).map(|value| &value.node) {
            None => Some(Vec::new()),
            Some(Node::Table(table)) => Some(table.entries.keys().cloned().collect()),
            Some(_) => None,
        }
    }

    /// Whether a key is there and its value, as it was read, is not: whether it is at fault.
    pub fn is_at_fault<T>(&mut self, key: &str, read: &Option<T>) -> bool {
        read.is_none() && self.has(key)
    }

    /// Whether a key is there; asks for it.
    pub fn has(&mut self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The value of a key as it stands; asks for it.
    pub fn value(&mut self, key: &str) -> Option<&'a Value> {
        if !self.asked.contains(key) {
            self.asked.insert(key.to_owned());
            if self.faults.notes_keys() {
                self.faults.asks_for(self.pattern_of(key));
            }
        }
        self.table.get(key)
    }

    /// Where the table starts.
    pub fn place(&self) -> Place {
        self.table.place.clone()
    }

    /// Where the value of a key is; where the table starts if there is no such key.
    pub fn place_of(&self, key: &str) -> Place {
        self.table
            .get(key)
            .map_or_else(|| self.place(), |value| value.place.clone())
    }

    /// The full key of the table, `workload.uploads`; empty for the whole file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The full key of a key in this table.
    pub fn path_of(&self, key: &str) -> String {
        joined(&self.path, &key_text(key))
    }

    /// Records an error with its help.
    pub fn fault(
        &self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.faults
            .push(Diagnostic::error(code, message).at(place).help(help));
    }

    /// Where faults are recorded, for those with more to say than [`Reader::fault`] takes.
    pub fn faults(&self) -> &'a Diagnostics {
        self.faults
    }

    /// A table without keys, where this one starts.
    fn nothing(&self) -> Table {
        Table::empty(self.place())
    }

    /// Its pattern; empty where patterns are not noted.
    fn pattern_of(&self, key: &str) -> String {
        if self.faults.notes_keys() {
            joined(&self.pattern, &key_text(key))
        } else {
            String::new()
        }
    }

    fn inside<R>(
        &self,
        table: &Table,
        path: String,
        pattern: String,
        f: impl FnOnce(&mut Reader<'_>) -> R,
    ) -> R {
        let mut reader = Reader {
            table,
            path,
            pattern,
            asked: IndexSet::new(),
            faults: self.faults,
        };
        let result = f(&mut reader);
        reader.end();
        result
    }

    /// Records every key nobody asked for.
    fn end(self) {
        for (key, entry) in &self.table.entries {
            if !self.asked.contains(key) {
                // A key that is missing is likelier meant than one that is there.
                let absent = |known: &&str| self.table.get(known).is_none();
                let known = || self.asked.iter().map(String::as_str);
                let meant = did_you_mean(key, known().filter(absent))
                    .or_else(|| did_you_mean(key, known()));
                self.faults.push(
                    Diagnostic::error(Code::UnknownKey, self.unknown_key(key))
                        .at(entry.key.clone())
                        .help(suggestion(key, meant, known(), "keys")),
                );
                // It is there, under a mistyped name: one mistake.
                if let Some(meant) = meant {
                    let missing = (Some(self.place()), self.is_missing(meant));
                    self.faults.retract(|fault| {
                        fault.code == Code::MissingKey
                            && (&fault.place, &fault.message) == (&missing.0, &missing.1)
                    });
                }
            }
        }
    }

    fn unknown_key(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => format!("unknown key `{}`", key_text(key)),
            path => format!("unknown key `{}` in `{path}`", key_text(key)),
        }
    }

    fn is_missing(&self, key: &str) -> String {
        format!("`{}` is missing", self.path_of(key))
    }

    fn missing(&self, key: &str, example: &str) {
        self.fault(
            Code::MissingKey,
            self.place(),
            self.is_missing(key),
            format!("add for example `{example}`"),
        );
    }

    fn not(&self, value: &Value, path: &str, expected: &str) {
        self.fault(
            Code::WrongType,
            value.place.clone(),
            format!(
                "`{path}` must be {expected}, but is {}",
                value.node.describe()
            ),
            match expected {
                "a table" if path.ends_with(']') => "write `{ key = value }`".to_owned(),
                "a table" => format!("write `[{path}]` and its keys below, or `{{ key = value }}`"),
                _ => format!("make it {expected}"),
            },
        );
    }

    fn as_table<'v>(&self, value: &'v Value, path: &str) -> Option<&'v Table> {
        match &value.node {
            Node::Table(table) => Some(table),
            _ => {
                self.not(value, path, "a table");
                None
            }
        }
    }

    /// The one alternative that a table holds.
    fn chosen<'t>(&self, table: &'t Table, path: &str, alternatives: &[&str]) -> Option<&'t str> {
        let (known, unknown): (Vec<_>, Vec<_>) = table
            .entries
            .iter()
            .partition(|(key, _)| alternatives.contains(&key.as_str()));
        for (key, entry) in &unknown {
            self.fault(
                Code::UnknownKey,
                entry.key.clone(),
                format!("unknown alternative `{}` in `{path}`", key_text(key)),
                suggestion(
                    key,
                    did_you_mean(key, alternatives.iter().copied()),
                    alternatives.iter().copied(),
                    "alternatives",
                ),
            );
        }
        match known.as_slice() {
            [] => {
                if unknown.is_empty() {
                    self.fault(
                        Code::MissingKey,
                        table.place.clone(),
                        format!(
                            "expected exactly one of {} in `{path}`",
                            quoted(alternatives)
                        ),
                        format!(
                            "write for example `{{ {} = {{ … }} }}`",
                            alternatives.first().unwrap_or(&"…")
                        ),
                    );
                }
                None
            }
            [(key, _)] => Some(key),
            [(first, first_entry), others @ ..] => {
                for (other, entry) in others {
                    self.faults.push(
                        Diagnostic::error(
                            Code::Contradiction,
                            format!(
                                "`{path}` is both `{first}` and `{other}`, but can be only one"
                            ),
                        )
                        .at(entry.key.clone())
                        .and_at(first_entry.key.clone(), "the other one")
                        .help(format!("drop `{first}` or `{other}`")),
                    );
                }
                None
            }
        }
    }

    fn unknown_name(&self, name: &str, place: Place, path: &str, known: &[&str]) {
        self.fault(
            Code::UnknownName,
            place,
            format!("unknown name `{name}` in `{path}`"),
            suggestion(
                name,
                did_you_mean(name, known.iter().copied()),
                known.iter().copied(),
                "names",
            ),
        );
    }

    fn in_range<T: PartialOrd + Display>(
        &self,
        key: &str,
        value: Option<T>,
        range: impl RangeBounds<T>,
    ) -> Option<T> {
        let value = value?;
        if range.contains(&value) {
            return Some(value);
        }
        let limits = limits(&range);
        self.fault(
            Code::OutOfRange,
            self.place_of(key),
            format!("`{}` must be {limits}, but is {value}", self.path_of(key)),
            format!("choose a value {limits}"),
        );
        None
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn limits<T: Display>(range: &impl RangeBounds<T>) -> String {
    let low = match range.start_bound() {
        Bound::Included(low) => Some(format!("at least {low}")),
        Bound::Excluded(low) => Some(format!("more than {low}")),
        Bound::Unbounded => None,
    };
    let high = match range.end_bound() {
        Bound::Included(high) => Some(format!("at most {high}")),
        Bound::Excluded(high) => Some(format!("less than {high}")),
        Bound::Unbounded => None,
    };
    match (low, high) {
        (Some(low), Some(high)) => format!("{low} and {high}"),
        (Some(limit), None) | (None, Some(limit)) => limit,
        (None, None) => "anything".to_owned(),
    }
}

/// The names as a list, each in backticks.
fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Most names that are listed after a guess.
const MOST_NAMES: usize = 5;

/// "did you mean …?" if there is something alike, and what is known: after a guess only the names that come
/// nearest to what is written.
fn suggestion<'k>(
    written: &str,
    meant: Option<&str>,
    known: impl Iterator<Item = &'k str>,
    what: &str,
) -> String {
    let mut known: Vec<&str> = known.collect();
    let all = known.len();
    if meant.is_some() && all > MOST_NAMES {
        known = nearest(written, known);
        known.truncate(MOST_NAMES);
    }
    let names = quoted(&known);
    let list = match all - known.len() {
        _ if all == 0 => format!("there are no {what} to choose from"),
        0 => format!("known {what}: {names}"),
        more => format!("known {what}: {names} and {more} more"),
    };
    match meant {
        Some(meant) => format!("did you mean `{meant}`? {list}"),
        None => list,
    }
}

#[cfg(test)]
mod tests;
