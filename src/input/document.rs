//! A TOML document whose every value knows where it was written.
//!
//! [`parse`] reads a scenario file, [`set`] applies a `--set path=value`, [`overlay`] lays the
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

/// Applies `path.to.key=value`, adds it to the sources and makes missing tables on the way.
///
/// Segments of the path may be quoted. The value is TOML; what is not a TOML value is taken as a
/// string, so `horizon=15m` needs no quotes. The value replaces what was there, tables included.
///
/// # Errors
/// [`Code::BadSet`]: no `=`, not a path, a path through something that is not a table, or a value
/// that begins like an array, table or string and does not end like one.
pub fn set(table: &mut Table, sources: &mut Sources, argument: &str) -> Result<(), Diagnostic> {
    let source = sources.add_set(argument);
    let (path, value_start) = set_path(argument, source)?;
    let value = set_value(argument, value_start, source)?;
    let Some((last, through)) = path.split_last() else {
        return Err(bad_path(argument, source, 0..0));
    };

    let mut table = table;
    let mut walked = String::new();
    for segment in through {
        if !walked.is_empty() {
            walked.push('.');
        }
        walked.push_str(&key_text(&segment.key));
        let entry = table
            .entries
            .entry(segment.key.clone())
            .or_insert_with(|| Entry {
                key: segment.place.clone(),
                value: Value {
                    node: Node::Table(Table::empty(segment.place.clone())),
                    place: segment.place.clone(),
                },
            });
        let value = entry.value.node.describe();
        let defined = entry.value.place.clone();
        match &mut entry.value.node {
            Node::Table(inner) => table = inner,
            _ => {
                return Err(Diagnostic::error(
                    Code::BadSet,
                    format!("`{walked}` is {value}, not a table with keys to set"),
                )
                .at(segment.place.clone())
                .and_at(defined, format!("`{walked}` is set here"))
                .help(format!("write `--set '{walked}=…'` to replace it")));
            }
        }
    }
    table.entries.insert(
        last.key.clone(),
        Entry {
            key: last.place.clone(),
            value,
        },
    );
    Ok(())
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

/// Turns what the TOML parser found into our tree.
struct TableBuilder {
    source: SourceId,
    offset: usize,
    faults: Vec<Diagnostic>,
}

impl TableBuilder {
    fn place(&self, range: std::ops::Range<usize>) -> Place {
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

    fn value(&mut self, value: Spanned<DeValue<'_>>) -> Value {
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

struct Segment {
    key: String,
    place: Place,
}

fn bad_path(argument: &str, source: SourceId, range: std::ops::Range<usize>) -> Diagnostic {
    Diagnostic::error(
        Code::BadSet,
        format!("`{argument}` does not begin with a path of keys and `=`"),
    )
    .at(Place { source, range })
    .help(
        "write `--set path.to.key=value`, for example `--set horizon=15m`; quote a key that has \
         other characters than letters, digits, `_` and `-`",
    )
}

/// Most keys in the path of a `--set`: as deep as the TOML parser nests tables, deeper than any
/// setting lies; without a limit the recursion over tables would run out of stack.
const MAX_DEPTH: usize = 80;

/// The segments of the path and where the value starts.
fn set_path(argument: &str, source: SourceId) -> Result<(Vec<Segment>, usize), Diagnostic> {
    let mut segments = Vec::new();
    let mut at = 0;
    loop {
        at += leading_space(&argument[at..]);
        let rest = &argument[at..];
        let (key, length) = path_segment(rest).ok_or_else(|| {
            let end = at + rest.chars().next().map_or(0, char::len_utf8);
            bad_path(argument, source, at..end)
        })?;
        segments.push(Segment {
            key,
            place: Place {
                source,
                range: at..at + length,
            },
        });
        at += length;
        if segments.len() > MAX_DEPTH {
            return Err(Diagnostic::error(
                Code::BadSet,
                format!("the path has more than {MAX_DEPTH} keys"),
            )
            .at(Place {
                source,
                range: at - length..at,
            })
            .help("`kmsim check` names the keys known at each place"));
        }
        at += leading_space(&argument[at..]);
        match argument[at..].chars().next() {
            Some('.') => at += 1,
            Some('=') => return Ok((segments, at + 1)),
            other => {
                let end = at + other.map_or(0, char::len_utf8);
                return Err(bad_path(argument, source, at..end));
            }
        }
    }
}

fn leading_space(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// The key at the start of `text`, and how many bytes it takes there.
fn path_segment(text: &str) -> Option<(String, usize)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let length = text.find(|c| !bare(c)).unwrap_or(text.len());
        return (length > 0).then(|| (text[..length].to_owned(), length));
    };
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = quote == '"' && *c == '\\' && !escaped;
        ends
    });
    let length = end?.0 + 1;
    match DeValue::parse(&text[..length]).ok()?.into_inner() {
        DeValue::String(key) => Some((key.into_owned(), length)),
        _ => None,
    }
}

fn set_value(argument: &str, start: usize, source: SourceId) -> Result<Value, Diagnostic> {
    let start = start + leading_space(&argument[start..]);
    let text = argument[start..].trim_end();
    let mut builder = TableBuilder {
        source,
        offset: start,
        faults: Vec::new(),
    };
    match DeValue::parse(text) {
        Ok(value) => {
            let value = builder.value(value);
            match builder.faults.into_iter().next() {
                None => Ok(value),
                Some(fault) => Err(Diagnostic {
                    code: Code::BadSet,
                    ..fault
                }),
            }
        }
        Err(error) if text.starts_with(['[', '{', '"', '\'']) => {
            let place = builder.place(error.span().unwrap_or(0..text.len()));
            Err(Diagnostic::error(
                Code::BadSet,
                format!("`{text}` is not a TOML value: {}", error.message()),
            )
            .at(place)
            .help("put the whole argument in single quotes so that the shell leaves it alone"))
        }
        Err(_) => Ok(Value {
            node: Node::String(text.to_owned()),
            place: builder.place(0..text.len()),
        }),
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
