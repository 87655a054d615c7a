//! A TOML document whose every value knows where it was written.
//!
//! [`parse`] reads a scenario file, [`overlay`] lays the
//! overrides of a variant over the base. What keys and values mean is for
//! [`reader`](super::reader) to say.

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Code, Diagnostic, Place, SourceId, Sources};

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is.
    pub node: Node,
    /// The value's place; of a table, its header or braces.
    pub place: Place,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Text.
    String(String),
    /// A whole number. Wider than TOML asks for, so that every `u64` can be written.
    Integer(i128),
    /// Any other number, infinities and NaN included.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time or both, as written.
    Datetime(String),
    /// Values in brackets.
    Array(Vec<Value>),
    /// Keys and values.
    Table(Table),
}

impl Node {
    /// What it is and, if short, its value: for messages.
    pub fn describe(&self) -> String {
        match self {
            Node::String(text) => format!("the string {text:?}"),
            Node::Integer(number) => format!("the integer {number}"),
            Node::Float(number) => format!("the number {number:?}"),
            Node::Boolean(truth) => format!("the boolean {truth}"),
            Node::Datetime(text) => format!("the date or time {text}"),
            Node::Array(_) => "an array".to_owned(),
            Node::Table(_) => "a table".to_owned(),
        }
    }
}

/// Keys and values in the order they were written.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The entries by key.
    pub entries: IndexMap<String, Entry>,
    /// Where the table starts: its header, its braces or the key that brought it into being.
    pub place: Place,
}

/// A value in a table, with the place of its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Where the key was written.
    pub key: Place,
    /// The value.
    pub value: Value,
}

impl Table {
    /// A table without entries.
    pub fn empty(place: Place) -> Table {
        Table {
            entries: IndexMap::new(),
            place,
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The key of a table that holds exactly one.
    fn only_key(&self) -> Option<&str> {
        match self.entries.len() {
            1 => self.entries.keys().next().map(String::as_str),
            _ => None,
        }
    }
}

/// A key as it must be written in a path or file: quoted unless it is bare.
pub fn key_text(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}

/// Reads a TOML document and adds it to the sources under `name`.
///
/// # Errors
/// Every syntax error found.
pub fn parse(sources: &mut Sources, name: &str, text: &str) -> Result<Table, Vec<Diagnostic>> {
    let source = sources.add_file(name, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut builder = TableBuilder {
        source,
        offset: 0,
        faults: Vec::new(),
    };
    builder.syntax_errors(text, &errors);
    let mut table = builder.table(document);
    // The root has no header; faults about it as a whole point at the file's beginning.
    table.place.range = 0..0;
    if builder.faults.is_empty() {
        Ok(table)
    } else {
        Err(builder.faults)
    }
}

/// Lays the overrides of a variant over a base.
///
/// Tables merge key by key, at every depth; anything else in `over` replaces what `base` has. At a
/// path of which `is_choice` says that exactly one alternative stands there, as in
/// `arrivals = { poisson = { … } }`, another alternative replaces the base's as a whole; the same
/// alternative merges deeper.
pub fn overlay(base: &Table, over: &Table, is_choice: &dyn Fn(&[&str]) -> bool) -> Table {
    overlay_at(&mut Vec::new(), base, over, is_choice)
}

/// As [`overlay`], of tables that lie under `path`.
pub fn overlay_under(
    path: &[&str],
    base: &Table,
    over: &Table,
    is_choice: &dyn Fn(&[&str]) -> bool,
) -> Table {
    overlay_at(&mut path.to_vec(), base, over, is_choice)
}

fn overlay_at<'o>(
    path: &mut Vec<&'o str>,
    base: &Table,
    over: &'o Table,
    is_choice: &dyn Fn(&[&str]) -> bool,
) -> Table {
    let mut merged = base.clone();
    for (key, entry) in &over.entries {
        path.push(key);
        let both = match (merged.get(key).map(|value| &value.node), &entry.value.node) {
            (Some(Node::Table(under)), Node::Table(above)) => Some((under, above)),
            _ => None,
        };
        let value = match both {
            Some((under, above)) if !is_choice(path) || under.only_key() == above.only_key() => {
                let inner = overlay_at(path, under, above, is_choice);
                Value {
                    place: inner.place.clone(),
                    node: Node::Table(inner),
                }
            }
            _ => entry.value.clone(),
        };
        path.pop();
        let key_place = entry.key.clone();
        merged.entries.insert(
            key.clone(),
            Entry {
                key: key_place,
                value,
            },
        );
    }
    merged
}

/// Most keys in the path of a `--set`: as deep as the TOML parser nests tables, deeper than any
/// setting lies; without a limit the recursion over tables would run out of stack.
pub(super) const MAX_DEPTH: usize = 80;

/// Turns what the TOML parser found into our tree.
pub(super) struct TableBuilder {
    pub source: SourceId,
    pub offset: usize,
    pub faults: Vec<Diagnostic>,
}

impl TableBuilder {
    pub(super) fn place(&self, range: std::ops::Range<usize>) -> Place {
        Place {
            source: self.source,
            range: range.start + self.offset..range.end + self.offset,
        }
    }

    /// Records the errors, of each line the first: what follows there comes from it.
    fn syntax_errors(&mut self, text: &str, errors: &[toml::de::Error]) {
        let mut last_line = None;
        for error in errors {
            let range = error.span().unwrap_or(0..0);
            let line = text
                .get(..range.start)
                .map(|before| before.matches('\n').count());
            if line.is_some() && line == last_line {
                continue;
            }
            last_line = line;
            let written = text.get(range.clone()).unwrap_or("");
            self.faults
                .push(syntax_fault(error.message(), written).at(self.place(range)));
        }
    }

    fn table(&mut self, table: Spanned<DeTable<'_>>) -> Table {
        let place = self.place(table.span());
        let mut entries: Vec<_> = table.into_inner().into_iter().collect();
        // The parser sorts by key; the order in the file is the order of the keys' places.
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries
            .into_iter()
            .map(|(key, value)| {
                let entry = Entry {
                    key: self.place(key.span()),
                    value: self.value(value),
                };
                (key.into_inner().into_owned(), entry)
            })
            .collect();
        Table { entries, place }
    }

    pub(super) fn value(&mut self, value: Spanned<DeValue<'_>>) -> Value {
        let range = value.span();
        let place = self.place(range.clone());
        let node = match value.into_inner() {
            DeValue::String(text) => Node::String(text.into_owned()),
            DeValue::Integer(number) => {
                match i128::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Node::Integer(number),
                    Err(_) => {
                        self.faults.push(
                            Diagnostic::error(
                                Code::Syntax,
                                format!("the integer {number} has too many digits"),
                            )
                            .at(place.clone())
                            .help("no setting takes so large a number; is a unit missing?"),
                        );
                        Node::Integer(0)
                    }
                }
            }
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Node::Float(number),
                Err(_) => {
                    self.faults.push(
                        Diagnostic::error(Code::Syntax, format!("{number} is not a number"))
                            .at(place.clone())
                            .help("write it like 0.5 or 1e6"),
                    );
                    Node::Float(0.0)
                }
            },
            DeValue::Boolean(truth) => Node::Boolean(truth),
            DeValue::Datetime(datetime) => Node::Datetime(datetime.to_string()),
            DeValue::Array(values) => {
                Node::Array(values.into_iter().map(|value| self.value(value)).collect())
            }
            DeValue::Table(table) => Node::Table(self.table(Spanned::new(range, table))),
        };
        Value { node, place }
    }
}

/// What the TOML parser says about `written`, with a fix where one is known.
fn syntax_fault(message: &str, written: &str) -> Diagnostic {
    let unquoted = message.starts_with("string values must be quoted");
    if message == "duplicate key" {
        return Diagnostic::error(Code::DuplicateName, format!("`{written}` is there twice"))
            .help("drop or rename one of them");
    }
    if unquoted && written.is_empty() {
        return Diagnostic::error(Code::Syntax, "missing value")
            .help("write a value, or drop the key");
    }
    if unquoted && !written.contains(['"', '\'', '\\', '=']) {
        return Diagnostic::error(Code::Syntax, format!("`{written}` is not a value"))
            .help(format!("write \"{written}\" if it is meant as text"));
    }
    if message.starts_with("invalid unquoted key") {
        return Diagnostic::error(Code::Syntax, message).help(
            "put a key with other characters than letters, digits, `_` and `-` in \"quotes\"",
        );
    }
    if message.contains("recurs") {
        return Diagnostic::error(Code::Syntax, "tables or arrays are nested too deeply")
            .help(format!("no setting lies deeper than {MAX_DEPTH} keys"));
    }
    Diagnostic::error(Code::Syntax, message).help(
        "scenario files are TOML: `key = value`, `[table]`, text in \"quotes\" (https://toml.io)",
    )
}

impl Value {
    /// Says of it and of all that is in it that it was written at `place`.
    pub(super) fn all_at(&mut self, place: &Place) {
        self.place = place.clone();
        match &mut self.node {
            Node::Array(values) => values.iter_mut().for_each(|value| value.all_at(place)),
            Node::Table(table) => {
                table.place = place.clone();
                for entry in table.entries.values_mut() {
                    entry.key = place.clone();
                    entry.value.all_at(place);
                }
            }
            Node::String(_)
            | Node::Integer(_)
            | Node::Float(_)
            | Node::Boolean(_)
            | Node::Datetime(_) => {}
        }
    }

    /// Whether it says the same as another, wherever both are written.
    pub fn says_the_same(&self, other: &Value) -> bool {
        match (&self.node, &other.node) {
            (Node::Array(a), Node::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.says_the_same(b))
            }
            (Node::Table(a), Node::Table(b)) => {
                a.entries.len() == b.entries.len()
                    && a.entries.iter().all(|(key, entry)| {
                        b.get(key).is_some_and(|b| entry.value.says_the_same(b))
                    })
            }
            (a, b) => a == b,
        }
    }
}

#[cfg(test)]
impl Table {
    /// What is in it, without places.
    pub(crate) fn plain(&self) -> String {
        let entries = self.entries.iter();
        let entries: Vec<String> = entries
            .map(|(key, entry)| format!("{} = {}", key_text(key), plain_value(&entry.value)))
            .collect();
        format!("{{ {} }}", entries.join(", "))
    }
}

#[cfg(test)]
fn plain_value(value: &Value) -> String {
    match &value.node {
        Node::String(text) => format!("{text:?}"),
        Node::Integer(number) => number.to_string(),
        Node::Float(number) => format!("{number:?}"),
        Node::Boolean(truth) => truth.to_string(),
        Node::Datetime(text) => text.clone(),
        Node::Array(values) => {
            let values: Vec<String> = values.iter().map(plain_value).collect();
            format!("[{}]", values.join(", "))
        }
        Node::Table(table) => table.plain(),
    }
}

#[cfg(test)]
pub(crate) mod cases;
#[cfg(test)]
mod tests;
