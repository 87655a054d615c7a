//! YAML as JSON values, for CloudFormation's templates.
//!
//! A short form such as `!Sub x` becomes its long form `{"Fn::Sub": x}`. Numbers stay texts, as they are written: an account's
//! number may begin with a zero. Values are put together on a stack of our own, so that no nesting overflows the program's.

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::HashMap;

/// Lists and maps inside each other at most; JSON has the same limit.
const DEEPEST: usize = 120;
/// Values at most, those counted again that an alias repeats.
const MOST: usize = 1_000_000;

/// What is wrong with a text, and where. It says nothing of what is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlFault {
    /// What is wrong.
    pub what: &'static str,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// A list or a map that is not closed yet.
struct Unclosed {
    list: Vec<Value>,
    map: Option<Map<String, Value>>,
    /// The key whose value comes next.
    key: Option<String>,
    tag: Option<String>,
    anchor: usize,
    /// Values in it.
    size: usize,
}

impl Unclosed {
    fn value(self) -> Value {
        let value = match self.map {
            Some(map) => Value::Object(merged(map)),
            None => Value::Array(self.list),
        };
        wrapped(value, self.tag.as_deref())
    }
}

/// All documents of a text up to a fault, and that fault. Of a document that is spoilt, what stands before the fault is there.
pub fn documents(text: &str) -> (Vec<Value>, Option<YamlFault>) {
    let mut reader = YamlReader::default();
    for event in Parser::new_from_str(text) {
        let (place, taken) = match event {
            Ok((event, span)) => (span.start, reader.take(event)),
            Err(e) => (*e.marker(), Err("is not valid YAML")),
        };
        if let Err(what) = taken {
            let fault = YamlFault {
                what,
                line: place.line(),
                column: place.col() + 1,
            };
            return (reader.so_far(), Some(fault));
        }
    }
    (reader.so_far(), None)
}

#[derive(Default)]
struct YamlReader {
    documents: Vec<Value>,
    open: Vec<Unclosed>,
    /// What an alias repeats, and how many values it is.
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
}

impl YamlReader {
    fn take(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = function(tag);
                let value = wrapped(scalar(&text, style, tag.is_some()), tag.as_deref());
                self.put(value, 1, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.begin(false, anchor, tag),
            Event::MappingStart(anchor, tag) => self.begin(true, anchor, tag),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(done) => {
                    let (size, anchor) = (done.size, done.anchor);
                    self.put(done.value(), size, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some((value, size)) if self.values + size <= MOST => {
                    let (value, size) = (value.clone(), *size);
                    self.put(value, size, 0)
                }
                Some(_) => Err("repeats too much by aliases"),
                None => Err("repeats what is not there"),
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(
        &mut self,
        is_map: bool,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
    ) -> Result<(), &'static str> {
        if self.open.len() >= DEEPEST {
            return Err("is nested too deep");
        }
        self.open.push(Unclosed {
            list: Vec::new(),
            map: is_map.then(Map::new),
            key: None,
            tag: function(tag),
            anchor,
            size: 1,
        });
        Ok(())
    }

    fn put(&mut self, value: Value, size: usize, anchor: usize) -> Result<(), &'static str> {
        self.values += size;
        if self.values > MOST {
            return Err("holds too many values");
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), size));
        }
        let Some(within) = self.open.last_mut() else {
            self.documents.push(value);
            self.anchors.clear();
            return Ok(());
        };
        within.size += size;
        let Some(map) = &mut within.map else {
            within.list.push(value);
            return Ok(());
        };
        match (within.key.take(), value) {
            (Some(key), value) => {
                map.insert(key, value);
            }
            (None, Value::String(key)) => within.key = Some(key),
            (None, Value::Bool(key)) => within.key = Some(key.to_string()),
            (None, Value::Null) => within.key = Some(String::new()),
            (None, Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                return Err("has a key that is not a string");
            }
        }
        Ok(())
    }

    /// All documents, those closed that are open.
    fn so_far(mut self) -> Vec<Value> {
        while let Some(mut done) = self.open.pop() {
            done.key = None;
            let value = done.value();
            match self.open.last_mut() {
                None => self.documents.push(value),
                Some(within) => match (&mut within.map, within.key.take()) {
                    (Some(map), Some(key)) => {
                        map.insert(key, value);
                    }
                    (Some(_), None) => {}
                    (None, _) => within.list.push(value),
                },
            }
        }
        self.documents
    }
}

/// The long name of a short form; `None`: no tag, or one of YAML's own.
fn function(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    let tag = tag.filter(|t| t.handle == "!" && !t.suffix.is_empty())?;
    Some(match tag.suffix.as_str() {
        "Ref" | "Condition" => tag.suffix.clone(),
        name => format!("Fn::{name}"),
    })
}

fn wrapped(value: Value, tag: Option<&str>) -> Value {
    match tag {
        Some(name) => json!({ name: value }),
        None => value,
    }
}

fn scalar(text: &str, style: ScalarStyle, tagged: bool) -> Value {
    if style != ScalarStyle::Plain || tagged {
        return json!(text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => json!(true),
        "false" | "False" | "FALSE" => json!(false),
        text => json!(text),
    }
}

/// A map with what its key `<<` merges into it.
fn merged(mut map: Map<String, Value>) -> Map<String, Value> {
    let Some(Value::Object(more)) = map.get("<<").cloned() else {
        return map;
    };
    map.remove("<<");
    for (key, value) in more {
        map.entry(key).or_insert(value);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_ones_and_texts_stay_texts() {
        let text = "---\na: !Sub 'x-${Y}'\nb: !If [C, true, !Ref D]\nc: 012\nd: 'true'\ne: ~\nf: !GetAtt K.Arn\ng: !!str 5\n'h': |\n  two\n  lines\n";
        let (found, fault) = documents(text);
        assert_eq!(fault, None);
        assert_eq!(
            found,
            [json!({
                "a": { "Fn::Sub": "x-${Y}" }, "b": { "Fn::If": ["C", true, { "Ref": "D" }] }, "c": "012", "d": "true",
                "e": null, "f": { "Fn::GetAtt": "K.Arn" }, "g": "5", "h": "two\nlines\n"
            })]
        );
        // Of two equal keys the last wins; a second document is another value.
        let (found, fault) = documents("a: 1\na: 2\n---\n[b]\n");
        assert_eq!(
            (found, fault),
            (vec![json!({"a": "2"}), json!(["b"])], None)
        );
        let (found, _) = documents("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n");
        assert_eq!(
            found,
            [json!({"x": {"a": "1", "b": "2"}, "y": {"a": "1", "b": "3"}})]
        );
    }

    #[test]
    fn what_is_spoilt_or_made_to_break_something_is_told_with_its_place() {
        let (found, fault) = documents("a: {b: 1, c: [2, 3");
        assert_eq!(found, [json!({"a": {"b": "1", "c": ["2", "3"]}})]);
        assert_eq!(fault.expect("a fault").what, "is not valid YAML");
        let deep = "[".repeat(100_000);
        assert!(documents(&deep).1.is_some());
        let block: String = (0..300).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        assert_eq!(
            documents(&block).1.expect("a fault").what,
            "is nested too deep"
        );
        // Each line repeats the one before ten times.
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let before = format!("*a{}, ", i - 1).repeat(10);
            laughs += &format!("a{i}: &a{i} [{before}]\n");
        }
        let fault = documents(&laughs).1.expect("a fault");
        assert_eq!((fault.what, fault.line), ("repeats too much by aliases", 6));
        assert_eq!(documents("a: *b\n").1.expect("a fault").line, 1);
        assert_eq!(
            documents("? [a]\n: b\n").1.expect("a fault").what,
            "has a key that is not a string"
        );
    }
}
