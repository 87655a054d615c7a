//! `path.to.key=value`: what `--set` takes, and values in the cells of a table.

use super::diagnostic::{Code, Diagnostic, Place, SourceId, Sources};
use super::document::{Entry, MAX_DEPTH, Node, Table, TableBuilder, Value, key_text};
use toml::de::DeValue;

/// Applies `path.to.key=value`, adds it to the sources and makes missing tables on the way.
///
/// Segments of the path may be quoted. The value is TOML; what is not a TOML value is taken as a
/// string, so `horizon=15m` needs no quotes. The value replaces what was there, tables included.
///
/// # Errors
/// [`Code::BadSet`]: no `=`, not a path, a path through something that is not a table, or a value
/// that begins like an array, table or string and does not end like one.
pub fn set(table: &mut Table, sources: &mut Sources, argument: &str) -> Result<(), Diagnostic> {
    Setting::parse(sources, argument)?.apply(table)
}

/// A `path=value`, read.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The keys that lead to the value; at least one.
    pub path: Vec<Segment>,
    /// The value.
    pub value: Value,
}

/// A key of a path and where it was written.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The key, without quotes.
    pub key: String,
    /// Its place.
    pub place: Place,
}

impl Setting {
    /// Reads the argument and adds it to the sources.
    ///
    /// # Errors
    /// [`Code::BadSet`]: no `=`, not a path, or a value that begins like an array, table or string and does not end
    /// like one.
    pub fn parse(sources: &mut Sources, argument: &str) -> Result<Setting, Diagnostic> {
        let source = sources.add_set(argument);
        let (path, value_start) = set_path(argument, source)?;
        let value = set_value(argument, value_start, source)?;
        if path.is_empty() {
            return Err(bad_path(argument, source, 0..0));
        }
        Ok(Setting { path, value })
    }

    /// Applies it, and makes missing tables on the way.
    ///
    /// # Errors
    /// [`Code::BadSet`]: the path leads through something that is not a table.
    pub fn apply(&self, table: &mut Table) -> Result<(), Diagnostic> {
        let Some((last, through)) = self.path.split_last() else {
            return Ok(());
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
                value: self.value.clone(),
            },
        );
        Ok(())
    }
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

/// The keys of a dotted path, `archive_age."uniform".longest`; `None` for a text that is not one.
pub fn path(text: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    let mut rest = text.trim();
    loop {
        let (key, length) = path_segment(rest)?;
        keys.push(key);
        rest = rest[length..].trim_start();
        match rest.strip_prefix('.') {
            Some(after) if keys.len() < MAX_DEPTH => rest = after.trim_start(),
            Some(_) => return None,
            None => return rest.is_empty().then_some(keys),
        }
    }
}

/// A value written in a cell of a table: TOML, and what is not TOML is text; all of it lies at `place`.
///
/// # Errors
/// It begins like an array, table or string and does not end like one.
pub fn cell(text: &str, place: &Place) -> Result<Value, Diagnostic> {
    let text = text.trim();
    let truth = |word: &str| text.eq_ignore_ascii_case(word);
    let mut builder = TableBuilder {
        source: place.source,
        offset: 0,
        faults: Vec::new(),
    };
    let mut value = match DeValue::parse(text) {
        Ok(value) => builder.value(value),
        // Spreadsheets write truths in capitals.
        Err(_) if truth("true") || truth("false") => Value {
            node: Node::Boolean(truth("true")),
            place: place.clone(),
        },
        Err(error) if text.starts_with(['[', '{', '"', '\'']) => {
            let message = format!("`{text}` is not a TOML value: {}", error.message());
            return Err(Diagnostic::error(Code::Syntax, message)
                .at(place.clone())
                .help(
                    "quotes inside a quoted cell of a CSV file are written twice: \"\"\"text\"\"\"",
                ));
        }
        Err(_) => Value {
            node: Node::String(text.to_owned()),
            place: place.clone(),
        },
    };
    if let Some(fault) = builder.faults.into_iter().next() {
        return Err(fault.at(place.clone()));
    }
    value.all_at(place);
    Ok(value)
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
