//! Reads settings out of a [`Table`] and gathers every fault on the way.
//!
//! ```text
//! Table --Diagnostics::read--> Reader --required, optional, or--> values
//!                                |--table, tables, list, choice--> Reader of the table inside
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

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

use indexmap::{IndexMap, IndexSet};

use super::diagnostic::{Code, Diagnostic, Place, Severity, SourceId, Sources};
use super::document::{Node, Table, Value, key_text};
use super::keyword::Keyword;
use crate::input::spelling::did_you_mean;
use crate::units::{Bytes, Rate, Share, Span, UnitError};

/// The faults found so far and the keys asked for so far; shared by all readers of a file.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: RefCell<Vec<Diagnostic>>,
    keys: RefCell<BTreeSet<String>>,
    sources: RefCell<Sources>,
}

impl Diagnostics {
    /// No faults, no keys.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// The same, with the texts that settings came from so far.
    #[must_use]
    pub fn about(self, sources: Sources) -> Diagnostics {
        Diagnostics {
            sources: RefCell::new(sources),
            ..self
        }
    }

    /// Adds a file that a setting points to, by the name to show and its text; once, however often
    /// it is named.
    pub fn add_file(&self, name: &str, text: &str) -> SourceId {
        self.sources.borrow_mut().add_file(name, text)
    }

    /// Records a fault or warning.
    pub fn push(&self, diagnostic: Diagnostic) {
        self.list.borrow_mut().push(diagnostic);
    }

    /// Records several.
    pub fn extend(&self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        self.list.borrow_mut().extend(diagnostics);
    }

    /// Whether there is a fault that is more than a warning.
    pub fn has_errors(&self) -> bool {
        let list = self.list.borrow();
        list.iter().any(|d| d.severity == Severity::Error)
    }

    /// A copy of what was recorded, in the order it was found.
    pub fn list(&self) -> Vec<Diagnostic> {
        self.list.borrow().clone()
    }

    /// What was recorded, in the order it was found.
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.list.into_inner()
    }

    /// What was recorded, in the order it was found, and the texts it is about.
    pub fn into_parts(self) -> (Vec<Diagnostic>, Sources) {
        (self.list.into_inner(), self.sources.into_inner())
    }

    /// Every key ever asked for, with `NAME` for the names in maps and `[]` for places in lists:
    /// `workload.NAME.arrivals.poisson.rate`.
    pub fn keys_known(&self) -> BTreeSet<String> {
        self.keys.borrow().clone()
    }

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

/// A type that a value in the document can be turned into.
pub trait FromValue: Sized {
    /// What must be written, with its article: "an integer".
    fn expected() -> String;

    /// An example of it, in TOML.
    fn example() -> String;

    /// The value as this type, or `None` after recording why not; `path` is its full key.
    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Self>;
}

/// Records that a value is of another type than `T`.
pub fn wrong_type<T: FromValue>(value: &Value, path: &str, faults: &Diagnostics) {
    faults.push(wrong_type_fault::<T>(value, path).help(write_example::<T>(path)));
}

fn wrong_type_fault<T: FromValue>(value: &Value, path: &str) -> Diagnostic {
    let message = format!(
        "`{path}` must be {}, but is {}",
        T::expected(),
        value.node.describe()
    );
    Diagnostic::error(Code::WrongType, message).at(value.place.clone())
}

fn write_example<T: FromValue>(path: &str) -> String {
    let key = path.rsplit('.').next().unwrap_or(path);
    if key.ends_with(['"', ']']) {
        format!("write for example {}", T::example())
    } else {
        format!("write for example `{key} = {}`", T::example())
    }
}

fn unit_fault(error: &UnitError, value: &Value, path: &str, faults: &Diagnostics) {
    let code = match error {
        UnitError::Malformed { .. } => Code::BadUnit,
        UnitError::OutOfRange { .. } => Code::OutOfRange,
    };
    faults.push(
        Diagnostic::error(code, format!("`{path}`: {error}"))
            .at(value.place.clone())
            .help(error.help()),
    );
}

/// The value of a quantity, or `None` after recording why there is none.
fn quantity<T>(
    read: Result<T, UnitError>,
    value: &Value,
    path: &str,
    faults: &Diagnostics,
) -> Option<T> {
    read.map_err(|error| unit_fault(&error, value, path, faults))
        .ok()
}

impl FromValue for String {
    fn expected() -> String {
        "a string".to_owned()
    }

    fn example() -> String {
        "\"text\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<String> {
        match &value.node {
            // Without quotes a date is a TOML value of its own kind; `start` and the like take text.
            Node::String(text) | Node::Datetime(text) => Some(text.clone()),
            _ => {
                wrong_type::<String>(value, path, faults);
                None
            }
        }
    }
}

impl FromValue for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn example() -> String {
        "true".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<bool> {
        match value.node {
            Node::Boolean(truth) => Some(truth),
            _ => {
                wrong_type::<bool>(value, path, faults);
                None
            }
        }
    }
}

impl FromValue for u64 {
    fn expected() -> String {
        "an integer".to_owned()
    }

    fn example() -> String {
        "100".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<u64> {
        integer::<u64>(value, path, faults, u64::MAX)
    }
}

impl FromValue for u32 {
    fn expected() -> String {
        u64::expected()
    }

    fn example() -> String {
        u64::example()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<u32> {
        integer::<u32>(value, path, faults, u64::from(u32::MAX))
    }
}

fn integer<T: FromValue + TryFrom<i128>>(
    value: &Value,
    path: &str,
    faults: &Diagnostics,
    largest: u64,
) -> Option<T> {
    match value.node {
        Node::Integer(number) => {
            let read = T::try_from(number).ok();
            if read.is_none() {
                let message = format!("`{path}` must be from 0 to {largest}, but is {number}");
                faults.push(
                    Diagnostic::error(Code::OutOfRange, message)
                        .at(value.place.clone())
                        .help(write_example::<T>(path)),
                );
            }
            read
        }
        Node::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            faults.push(
                wrong_type_fault::<T>(value, path).help(format!("write {number:.0} instead")),
            );
            None
        }
        _ => {
            wrong_type::<T>(value, path, faults);
            None
        }
    }
}

impl FromValue for f64 {
    fn expected() -> String {
        "a number".to_owned()
    }

    fn example() -> String {
        "1.5".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<f64> {
        match value.node {
            Node::Integer(number) => Some(number as f64),
            Node::Float(number) if number.is_finite() => Some(number),
            Node::Float(number) => {
                let message = format!("`{path}` must be a finite number, but is {number}");
                faults.push(
                    Diagnostic::error(Code::OutOfRange, message)
                        .at(value.place.clone())
                        .help(write_example::<f64>(path)),
                );
                None
            }
            _ => {
                wrong_type::<f64>(value, path, faults);
                None
            }
        }
    }
}

impl FromValue for Span {
    fn expected() -> String {
        "a length of time in quotes".to_owned()
    }

    fn example() -> String {
        "\"15m\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Span> {
        let number = match &value.node {
            Node::String(text) => return quantity(text.parse(), value, path, faults),
            Node::Integer(0) => return Some(Span::ZERO),
            Node::Float(number) if *number == 0.0 => return Some(Span::ZERO),
            Node::Integer(number) => number.to_string(),
            Node::Float(number) => number.to_string(),
            _ => {
                wrong_type::<Span>(value, path, faults);
                return None;
            }
        };
        let message = format!(
            "`{path}` is {} without a unit of time",
            value.node.describe()
        );
        faults.push(
            Diagnostic::error(Code::BadUnit, message)
                .at(value.place.clone())
                .help(format!("write \"{number}s\" for seconds")),
        );
        None
    }
}

impl FromValue for Rate {
    fn expected() -> String {
        "a rate in quotes, or a number of events per second".to_owned()
    }

    fn example() -> String {
        "\"4000/s\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Rate> {
        let read = match &value.node {
            Node::String(text) => text.parse(),
            Node::Integer(number) => Rate::from_bare_number(&number.to_string()),
            Node::Float(number) => Rate::from_per_second(*number),
            _ => {
                wrong_type::<Rate>(value, path, faults);
                return None;
            }
        };
        quantity(read, value, path, faults)
    }
}

impl FromValue for Bytes {
    fn expected() -> String {
        "a size in quotes, or an integer number of bytes".to_owned()
    }

    fn example() -> String {
        "\"256 KiB\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Bytes> {
        let read = match &value.node {
            Node::String(text) => text.parse(),
            Node::Integer(number) => number.to_string().parse(),
            _ => {
                wrong_type::<Bytes>(value, path, faults);
                return None;
            }
        };
        quantity(read, value, path, faults)
    }
}

impl FromValue for Share {
    fn expected() -> String {
        "a number from 0 to 1, or a percentage in quotes".to_owned()
    }

    fn example() -> String {
        "\"25%\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Share> {
        let read = match &value.node {
            Node::String(text) => text.parse(),
            Node::Integer(number) => Share::new(*number as f64),
            Node::Float(number) => Share::new(*number),
            _ => {
                wrong_type::<Share>(value, path, faults);
                return None;
            }
        };
        quantity(read, value, path, faults)
    }
}

/// All elements are read, so that each faulty one is reported.
impl<T: FromValue> FromValue for Vec<T> {
    fn expected() -> String {
        format!("an array, each element {}", T::expected())
    }

    fn example() -> String {
        format!("[{}]", T::example())
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Vec<T>> {
        let Node::Array(elements) = &value.node else {
            wrong_type::<Vec<T>>(value, path, faults);
            return None;
        };
        let read: Vec<Option<T>> = elements
            .iter()
            .enumerate()
            .map(|(index, element)| T::from_value(element, &format!("{path}[{index}]"), faults))
            .collect();
        read.into_iter().collect()
    }
}

/// The string "none" is `None`: how a variant takes back what the base sets.
impl<T: FromValue> FromValue for Option<T> {
    fn expected() -> String {
        format!("{}, or \"none\"", T::expected())
    }

    fn example() -> String {
        T::example()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Option<T>> {
        match &value.node {
            Node::String(text) if text == "none" => Some(None),
            _ => T::from_value(value, path, faults).map(Some),
        }
    }
}

/// One of the alternatives of a choice: its name, and how the table inside is read.
pub struct Alternative<'f, R> {
    name: String,
    read: Box<dyn FnOnce(&mut Reader<'_>) -> R + 'f>,
}

impl<'f, R> Alternative<'f, R> {
    /// The alternative `name`, whose table `read` reads.
    pub fn new(
        name: impl Into<String>,
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
        let value = self.value(key)?;
        let path = self.path_of(key);
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
        let Some(value) = self.value(key) else {
            return read;
        };
        let path = self.path_of(key);
        let pattern = format!("{}.NAME", self.pattern_of(key));
        let Some(table) = self.as_table(value, &path) else {
            return read;
        };
        for (name, entry) in &table.entries {
            let path = format!("{path}.{}", key_text(name));
            if let Some(table) = self.as_table(&entry.value, &path) {
                let result = self.inside(table, path, pattern.clone(), |r| f(name, r));
                read.insert(name.clone(), result);
            }
        }
        read
    }

    /// Reads a map of values by name, as in `[threshold]`, in the order they were written, each with its place;
    /// a value is `None` where it is wrong (which is recorded).
    ///
    /// No such key is an empty map.
    pub fn values<T: FromValue>(&mut self, key: &str) -> IndexMap<String, (Option<T>, Place)> {
        let mut read = IndexMap::new();
        let Some(value) = self.value(key) else {
            return read;
        };
        let path = self.path_of(key);
        let pattern = format!("{}.NAME", self.pattern_of(key));
        self.faults.keys.borrow_mut().insert(pattern);
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
        let Some(value) = self.value(key) else {
            return read;
        };
        let path = self.path_of(key);
        let pattern = format!("{}[]", self.pattern_of(key));
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
    /// `f` gets the alternative and the reader of its table. No such key is `None`.
    pub fn choice<R>(
        &mut self,
        key: &str,
        alternatives: &[&str],
        f: impl FnOnce(&str, &mut Reader<'_>) -> R,
    ) -> Option<R> {
        let path = self.path_of(key);
        let pattern = self.pattern_of(key);
        {
            let mut keys = self.faults.keys.borrow_mut();
            keys.extend(alternatives.iter().map(|tag| format!("{pattern}.{tag}")));
        }
        let value = self.value(key)?;
        let inside = |tag: &str, table: &Table| {
            let path = format!("{path}.{}", key_text(tag));
            let pattern = format!("{pattern}.{tag}");
            self.inside(table, path, pattern, |r| f(tag, r))
        };
        match &value.node {
            Node::String(tag) if alternatives.contains(&tag.as_str()) => {
                Some(inside(tag, &Table::empty(value.place.clone())))
            }
            Node::String(tag) => {
                self.unknown_name(tag, value.place.clone(), &path, alternatives);
                None
            }
            Node::Table(table) => {
                let tag = self.chosen(table, &path, alternatives)?;
                let value = table.get(tag)?;
                let inner = self.as_table(value, &format!("{path}.{}", key_text(tag)))?;
                Some(inside(tag, inner))
            }
            _ => {
                self.not(value, &path, "a table with one alternative or its name");
                None
            }
        }
    }

    /// As [`Reader::choice`], and the key must be there.
    pub fn required_choice<R>(
        &mut self,
        key: &str,
        alternatives: &[&str],
        f: impl FnOnce(&str, &mut Reader<'_>) -> R,
    ) -> Option<R> {
        if !self.has(key) {
            let example = alternatives.first().unwrap_or(&"…");
            self.missing(
                key,
                &format!("{} = {{ {example} = {{ … }} }}", key_text(key)),
            );
        }
        self.choice(key, alternatives, f)
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
        let mut alternatives: Vec<Alternative<'f, R>> = alternatives.into_iter().collect();
        let names: Vec<String> = alternatives.iter().map(|a| a.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.choice(key, &names, |name, r| {
            let chosen = alternatives.iter().position(|a| a.name == name)?;
            Some((alternatives.swap_remove(chosen).read)(r))
        })
        .flatten()
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

    /// As [`Reader::reference`], of the tables of one kind, of which there may be many.
    pub fn name_among<T>(&mut self, key: &str, tables: &IndexMap<String, T>) -> Option<String> {
        let name: String = self.optional(key)?;
        if tables.contains_key(&name) {
            return Some(name);
        }
        let known: Vec<&str> = tables.keys().map(String::as_str).collect();
        self.unknown_name(&name, self.place_of(key), &self.path_of(key), &known);
        None
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
                    "`{}` is {span}, which is no whole number of seconds",
                    self.path_of(key)
                ),
                "time is cut into whole seconds",
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

    /// Whether a key is there; asks for it.
    pub fn has(&mut self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The value of a key as it stands; asks for it.
    pub fn value(&mut self, key: &str) -> Option<&'a Value> {
        if self.asked.insert(key.to_owned()) {
            let pattern = self.pattern_of(key);
            self.faults.keys.borrow_mut().insert(pattern);
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

    /// Records an error with its way out.
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

    fn pattern_of(&self, key: &str) -> String {
        joined(&self.pattern, &key_text(key))
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
                    Diagnostic::error(
                        Code::UnknownKey,
                        format!("`{}` is not a key known here", self.path_of(key)),
                    )
                    .at(entry.key.clone())
                    .help(way_out(meant, known(), "keys")),
                );
            }
        }
    }

    fn missing(&self, key: &str, example: &str) {
        self.fault(
            Code::MissingKey,
            self.place(),
            format!("`{}` is missing", self.path_of(key)),
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
                format!(
                    "`{path}.{}` is not an alternative known here",
                    key_text(key)
                ),
                way_out(
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
                        format!("`{path}` chooses none of its alternatives"),
                        way_out(None, alternatives.iter().copied(), "alternatives"),
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
            format!("`{path}` names {name:?}, which is not known"),
            way_out(
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

/// The tables that could be read in full; what is wrong with the others has been recorded.
pub fn complete<T>(tables: IndexMap<String, Option<T>>) -> IndexMap<String, T> {
    tables
        .into_iter()
        .filter_map(|(name, table)| Some((name, table?)))
        .collect()
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

/// "did you mean …?" if there is something alike, and what is known.
fn way_out<'k>(meant: Option<&str>, known: impl Iterator<Item = &'k str>, what: &str) -> String {
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    let known = if known.is_empty() {
        format!("no {what} are known here")
    } else {
        format!("{what} known here: {}", known.join(", "))
    };
    match meant {
        Some(meant) => format!("did you mean `{meant}`? {known}"),
        None => known,
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::{in_order, render};
    use super::super::document::{parse, set};
    use super::*;

    fn read<R>(
        text: &str,
        f: impl FnOnce(&mut Reader<'_>) -> R,
    ) -> (R, Vec<String>, BTreeSet<String>) {
        let mut sources = Sources::new();
        let table = parse(&mut sources, "peak.toml", text).expect("TOML");
        let faults = Diagnostics::new();
        let result = faults.read(&table, f);
        let keys = faults.keys_known();
        assert_eq!(faults.has_errors(), !faults.list().is_empty());
        let lines = in_order(&faults.into_list())
            .iter()
            .map(|fault| {
                let help = fault.help.as_deref().unwrap_or("");
                format!("{} ({help})", fault.one_line(&sources))
            })
            .collect();
        (result, lines, keys)
    }

    fn rate(r: &mut Reader<'_>) -> Option<Rate> {
        r.required_choice("arrivals", &["constant", "poisson"], |tag, r| {
            let rate = r.required::<Rate>("rate");
            if tag == "poisson" {
                r.or("jitter", Share::ZERO);
            }
            rate
        })
        .flatten()
    }

    #[test]
    fn reads_every_type() {
        let text = "s = 'x'\nb = true\nu = 4\nv = 18446744073709551615\nf = 1\nspan = '15m'\nzero = 0\nrate = 0.5\nbytes = 4096\nshare = '25%'\nlist = ['1s', '2s']\nno = 'none'\nyes = 3\n";
        let ((), faults, keys) = read(text, |r| {
            assert_eq!(r.required::<String>("s").as_deref(), Some("x"));
            assert_eq!(r.required::<bool>("b"), Some(true));
            assert_eq!(r.required::<u32>("u"), Some(4));
            assert_eq!(r.required::<u64>("v"), Some(u64::MAX));
            assert_eq!(r.required::<f64>("f"), Some(1.0));
            assert_eq!(r.required::<Span>("span"), Some(Span::from_secs(900)));
            assert_eq!(r.required::<Span>("zero"), Some(Span::ZERO));
            assert_eq!(r.required::<Rate>("rate"), Rate::new(1, 2));
            assert_eq!(r.required::<Bytes>("bytes"), Some(Bytes::new(4_096)));
            assert_eq!(r.required::<Share>("share"), Share::new(0.25).ok());
            let list = vec![Span::from_secs(1), Span::from_secs(2)];
            assert_eq!(r.required::<Vec<Span>>("list"), Some(list));
            assert_eq!(r.required::<Option<u32>>("no"), Some(None));
            assert_eq!(r.required::<Option<u32>>("yes"), Some(Some(3)));
            assert_eq!(r.or("absent", 5_u32), 5);
            assert_eq!(r.optional::<String>("absent"), None);
        });
        assert_eq!(faults, Vec::<String>::new());
        assert!(keys.contains("absent") && keys.len() == 14);
    }

    #[test]
    fn every_wrong_value_is_reported_with_what_to_write() {
        let text = "s = 1\nb = 'yes'\nu = 1.5\nv = -3\nw = 4294967296\nf = inf\nspan = 900\nfloat = 1.5\nrate = -1\nbytes = 1.5\nshare = 25\nlist = ['1s', 2, 'x']\narray = 5\n";
        let ((), faults, _) = read(text, |r| {
            r.required::<String>("s");
            r.required::<bool>("b");
            r.required::<u32>("u");
            r.required::<u64>("v");
            r.required::<u32>("w");
            r.required::<f64>("f");
            r.required::<Span>("span");
            r.required::<Span>("float");
            r.required::<Rate>("rate");
            r.required::<Bytes>("bytes");
            r.required::<Share>("share");
            r.required::<Vec<Span>>("list");
            r.required::<Vec<u32>>("array");
        });
        assert_eq!(
            faults,
            [
                "peak.toml:1:5: error[wrong-type]: `s` must be a string, but is the integer 1 (write for example `s = \"text\"`)",
                "peak.toml:2:5: error[wrong-type]: `b` must be true or false, but is the string \"yes\" (write for example `b = true`)",
                "peak.toml:3:5: error[wrong-type]: `u` must be an integer, but is the number 1.5 (write for example `u = 100`)",
                "peak.toml:4:5: error[out-of-range]: `v` must be from 0 to 18446744073709551615, but is -3 (write for example `v = 100`)",
                "peak.toml:5:5: error[out-of-range]: `w` must be from 0 to 4294967295, but is 4294967296 (write for example `w = 100`)",
                "peak.toml:6:5: error[out-of-range]: `f` must be a finite number, but is inf (write for example `f = 1.5`)",
                "peak.toml:7:8: error[bad-unit]: `span` is the integer 900 without a unit of time (write \"900s\" for seconds)",
                "peak.toml:8:9: error[bad-unit]: `float` is the number 1.5 without a unit of time (write \"1.5s\" for seconds)",
                "peak.toml:9:8: error[out-of-range]: `rate`: -1 is negative; a rate is at least 0 (write for example \"4000/s\", \"120/min\", \"2.5 million/day\")",
                "peak.toml:10:9: error[wrong-type]: `bytes` must be a size in quotes, or an integer number of bytes, but is the number 1.5 (write for example `bytes = \"256 KiB\"`)",
                "peak.toml:11:9: error[out-of-range]: `share`: a share is between 0 and 1, but this is 25 (write for example 0.25 or \"25%\")",
                "peak.toml:12:15: error[bad-unit]: `list[1]` is the integer 2 without a unit of time (write \"2s\" for seconds)",
                "peak.toml:12:18: error[bad-unit]: `list[2]`: \"x\" is not a length of time (write for example \"15m\", \"1h 30m\", \"250ms\", \"2d\")",
                "peak.toml:13:9: error[wrong-type]: `array` must be an array, each element an integer, but is the integer 5 (write for example `array = [100]`)",
            ]
        );
    }

    #[test]
    fn several_faults_at_once_with_their_lines() {
        let text = "horizn = \"15m\"\n\n[workload.uploads]\nclients = \"many\"\nbucket = \"lgs\"\nfrom = 70\n\n[workload.uploads.arrivals.poisson]\nraet = 5\n\n[bucket.logs]\n";
        let (_, faults, keys) = read(text, |r| {
            r.required::<Span>("horizon");
            let buckets = r.tables("bucket", |_, _| ());
            r.tables("workload", |name, r| {
                assert_eq!(name, "uploads");
                assert_eq!(r.path(), "workload.uploads");
                r.optional_in::<u64>("clients", 1..=1_000_000);
                r.optional_in("from", 1_u64..60);
                r.required_reference("bucket", buckets.keys().map(String::as_str));
                rate(r);
            });
        });
        assert_eq!(
            faults,
            [
                "peak.toml:1:1: error[unknown-key]: `horizn` is not a key known here (did you mean `horizon`? keys known here: `horizon`, `bucket`, `workload`)",
                "peak.toml:1:1: error[missing-key]: `horizon` is missing (add for example `horizon = \"15m\"`)",
                "peak.toml:4:11: error[wrong-type]: `workload.uploads.clients` must be an integer, but is the string \"many\" (write for example `clients = 100`)",
                "peak.toml:5:10: error[unknown-name]: `workload.uploads.bucket` names \"lgs\", which is not known (did you mean `logs`? names known here: `logs`)",
                "peak.toml:6:8: error[out-of-range]: `workload.uploads.from` must be at least 1 and less than 60, but is 70 (choose a value at least 1 and less than 60)",
                "peak.toml:8:1: error[missing-key]: `workload.uploads.arrivals.poisson.rate` is missing (add for example `rate = \"4000/s\"`)",
                "peak.toml:9:1: error[unknown-key]: `workload.uploads.arrivals.poisson.raet` is not a key known here (did you mean `rate`? keys known here: `rate`, `jitter`)",
            ]
        );
        assert_eq!(
            keys.into_iter().collect::<Vec<_>>(),
            [
                "bucket",
                "horizon",
                "workload",
                "workload.NAME.arrivals",
                "workload.NAME.arrivals.constant",
                "workload.NAME.arrivals.poisson",
                "workload.NAME.arrivals.poisson.jitter",
                "workload.NAME.arrivals.poisson.rate",
                "workload.NAME.bucket",
                "workload.NAME.clients",
                "workload.NAME.from",
            ]
        );
    }

    #[test]
    fn a_choice_is_exactly_one() {
        let one = |text: &str| {
            let (rate, faults, _) = read(text, rate);
            (rate.is_some(), faults.join("\n"))
        };
        assert_eq!(
            one("arrivals = { constant = { rate = 5 } }"),
            (true, String::new())
        );
        for (text, fault) in [
            (
                "arrivals = 'poisson'",
                "peak.toml:1:12: error[missing-key]: `arrivals.poisson.rate` is missing (add for example `rate = \"4000/s\"`)",
            ),
            (
                "arrivals = 'poison'",
                "peak.toml:1:12: error[unknown-name]: `arrivals` names \"poison\", which is not known (did you mean `poisson`? names known here: `constant`, `poisson`)",
            ),
            (
                "arrivals = {}",
                "peak.toml:1:12: error[missing-key]: `arrivals` chooses none of its alternatives (alternatives known here: `constant`, `poisson`)",
            ),
            (
                "arrivals = { poison = {} }",
                "peak.toml:1:14: error[unknown-key]: `arrivals.poison` is not an alternative known here (did you mean `poisson`? alternatives known here: `constant`, `poisson`)",
            ),
            (
                "[arrivals]\npoisson = { rate = 1 }\nconstant = { rate = 1 }",
                "peak.toml:3:1: error[contradiction]: `arrivals` is both `poisson` and `constant`, but can be only one (drop `poisson` or `constant`)",
            ),
            (
                "arrivals = { poisson = 5 }",
                "peak.toml:1:24: error[wrong-type]: `arrivals.poisson` must be a table, but is the integer 5 (write `[arrivals.poisson]` and its keys below, or `{ key = value }`)",
            ),
            (
                "arrivals = 5",
                "peak.toml:1:12: error[wrong-type]: `arrivals` must be a table with one alternative or its name, but is the integer 5 (make it a table with one alternative or its name)",
            ),
            (
                "",
                "peak.toml:1:1: error[missing-key]: `arrivals` is missing (add for example `arrivals = { constant = { … } }`)",
            ),
        ] {
            assert_eq!(one(text), (false, fault.to_owned()), "{text}");
        }
    }

    #[test]
    fn tables_and_lists() {
        let text = "stage = [{ rate = 1 }, { rat = 2 }, 3]\n[a]\nb = 1\n[map]\n'x y' = { n = 1 }\nz = 5\n[variant.v]\n";
        let ((), faults, keys) = read(text, |r| {
            let rates = r.list("stage", |_, r| r.optional::<Rate>("rate"));
            assert_eq!(rates.len(), 2);
            let b = r.required_table("a", |r| r.required::<u64>("b"));
            assert_eq!(b.flatten(), Some(1));
            assert!(r.required_table("c", |_| ()).is_none());
            assert!(r.table("d", |_| ()).is_none());
            let map = r.tables("map", |_, r| r.required::<u64>("n"));
            assert_eq!(map.get("x y"), Some(&Some(1)));
            let names = r.references("e", ["x"]);
            assert_eq!(names, None);
            assert_eq!(r.tables("variant", |_, _| ()).len(), 1);
        });
        assert_eq!(
            faults,
            [
                "peak.toml:1:1: error[missing-key]: `c` is missing (add for example `[c]`)",
                "peak.toml:1:26: error[unknown-key]: `stage[1].rat` is not a key known here (did you mean `rate`? keys known here: `rate`)",
                "peak.toml:1:37: error[wrong-type]: `stage[2]` must be a table, but is the integer 3 (write `{ key = value }`)",
                "peak.toml:6:5: error[wrong-type]: `map.z` must be a table, but is the integer 5 (write `[map.z]` and its keys below, or `{ key = value }`)",
            ]
        );
        assert!(keys.contains("stage[].rate") && keys.contains("map.NAME.n"));
    }

    #[test]
    fn a_whole_float_is_no_integer() {
        let ((), faults, _) = read("n = 1e6", |r| {
            r.optional::<u64>("n");
        });
        assert_eq!(
            faults,
            [
                "peak.toml:1:5: error[wrong-type]: `n` must be an integer, but is the number 1000000.0 (write 1000000 instead)"
            ]
        );
    }

    #[test]
    fn names_must_be_known() {
        let ((), faults, _) = read("b = ['logs', 'lags', 'zzzzzz']", |r| {
            let names = r.references("b", ["logs", "data"]);
            assert_eq!(names, Some(vec!["logs".to_owned()]));
        });
        assert_eq!(
            faults,
            [
                "peak.toml:1:14: error[unknown-name]: `b[1]` names \"lags\", which is not known (did you mean `logs`? names known here: `logs`, `data`)",
                "peak.toml:1:22: error[unknown-name]: `b[2]` names \"zzzzzz\", which is not known (names known here: `logs`, `data`)",
            ]
        );
    }

    #[test]
    fn a_set_is_shown_as_it_was_given() {
        let mut sources = Sources::new();
        let mut table =
            parse(&mut sources, "peak.toml", "[workload.w]\nclients = 5\n").expect("TOML");
        set(&mut table, &mut sources, "workload.w.clients=many").expect("a path");
        set(&mut table, &mut sources, "workload.w.clints=5").expect("a path");
        let faults = Diagnostics::new();
        faults.read(&table, |r| {
            r.tables("workload", |_, r| r.optional::<u64>("clients"));
        });
        assert_eq!(
            render(&faults.into_list(), &sources, false),
            "\
error[wrong-type]: `workload.w.clients` must be an integer, but is the string \"many\"
  --> --set 'workload.w.clients=many'
  |
1 | workload.w.clients=many
  |                    ^^^^
  |
  = help: write for example `clients = 100`

error[unknown-key]: `workload.w.clints` is not a key known here
  --> --set 'workload.w.clints=5'
  |
1 | workload.w.clints=5
  |            ^^^^^^
  |
  = help: did you mean `clients`? keys known here: `clients`

"
        );
    }
}
