//! Values of a JSON document, each with its place: an object with its keys, a text, a list of texts.

use crate::input::spelling::did_you_mean;
use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where \[bytes\].
    pub range: Range<usize>,
    /// One sentence.
    pub message: String,
    /// How to mend it.
    pub help: String,
    /// It is evaluated all the same.
    pub is_warning: bool,
}

/// Takes values apart and gathers what is wrong with them; `None` where it recorded a fault.
#[derive(Default)]
pub(super) struct JsonReader {
    pub(super) faults: Vec<Fault>,
}

impl JsonReader {
    pub(super) fn object<'v, 'a>(
        &mut self,
        value: &'v Value<'a>,
        what: &str,
    ) -> Option<&'v Object<'a>> {
        if let Value::Object(object) = value {
            return Some(object);
        }
        let message = format!("{what} must be an object, but this is {}", describe(value));
        self.error(range(value), message, "write `{ … }`");
        None
    }

    /// Properties by name, after recording those that are unknown or there twice.
    pub(super) fn keys<'v, 'a>(
        &mut self,
        object: &'v Object<'a>,
        known: &[&'static str],
        what: &str,
    ) -> HashMap<&'static str, &'v ObjectProp<'a>> {
        self.twice(object);
        let mut found = HashMap::new();
        for property in &object.properties {
            let name = property.name.as_str();
            if let Some(&key) = known.iter().find(|&&key| key == name) {
                found.entry(key).or_insert(property);
                continue;
            }
            let meant = did_you_mean(name, known.iter().copied());
            let known = known.join("`, `");
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`? {what} has `{known}`"),
                None => format!("{what} has `{known}`"),
            };
            self.error(
                name_range(property),
                format!("unknown key `{name}` in {what}"),
                &help,
            );
        }
        found
    }

    pub(super) fn twice(&mut self, object: &Object<'_>) {
        let mut seen = HashSet::new();
        for property in &object.properties {
            let name = property.name.as_str();
            if !seen.insert(name) {
                let message = format!("duplicate key `{name}`");
                self.error(
                    name_range(property),
                    message,
                    "write it once, with several values in one array",
                );
            }
        }
    }

    pub(super) fn text(&mut self, value: &Value<'_>, what: &str) -> Option<String> {
        if let Value::StringLit(text) = value {
            return Some(text.value.to_string());
        }
        let message = format!("{what} must be a string, but this is {}", describe(value));
        self.error(range(value), message, "put it in double quotes");
        None
    }

    /// One string or an array of them.
    pub(super) fn texts(&mut self, value: &Value<'_>, what: &str) -> Vec<(String, Range<usize>)> {
        let mut texts = Vec::new();
        for value in self.some(value, what) {
            texts.extend(self.text(value, what).map(|text| (text, range(value))));
        }
        texts
    }

    /// One string, number or boolean, or an array of them, as text.
    pub(super) fn scalars(&mut self, value: &Value<'_>, what: &str) -> Vec<(String, Range<usize>)> {
        let mut texts = Vec::new();
        for value in self.some(value, what) {
            let text = match value {
                Value::StringLit(text) => text.value.to_string(),
                Value::NumberLit(number) => number.value.to_owned(),
                Value::BooleanLit(truth) => truth.value.to_string(),
                _ => {
                    let is = describe(value);
                    let message =
                        format!("{what} must be a string, number or boolean, but this is {is}");
                    self.error(range(value), message, "put it in double quotes");
                    continue;
                }
            };
            texts.push((text, range(value)));
        }
        texts
    }

    fn some<'v, 'a>(&mut self, value: &'v Value<'a>, what: &str) -> Vec<&'v Value<'a>> {
        let values = one_or_more(value);
        if values.is_empty() {
            let message = format!("{what} is missing: the array is empty");
            self.error(
                range(value),
                message,
                "write at least one, or drop the statement",
            );
        }
        values
    }

    pub(super) fn error(&mut self, range: Range<usize>, message: impl Into<String>, help: &str) {
        self.faults.push(Fault {
            range,
            message: message.into(),
            help: help.to_owned(),
            is_warning: false,
        });
    }

    pub(super) fn warn(&mut self, range: Range<usize>, message: impl Into<String>, help: &str) {
        self.error(range, message, help);
        if let Some(fault) = self.faults.last_mut() {
            fault.is_warning = true;
        }
    }
}

pub(super) fn one_or_more<'v, 'a>(value: &'v Value<'a>) -> Vec<&'v Value<'a>> {
    match value {
        Value::Array(array) => array.elements.iter().collect(),
        one => vec![one],
    }
}

/// Where a value is; of an object or array, its bracket.
pub(super) fn range(value: &Value<'_>) -> Range<usize> {
    let range = value.range();
    match value {
        Value::Object(_) | Value::Array(_) => range.start..range.start + 1,
        _ => range.start..range.end,
    }
}

pub(super) fn name_range(property: &ObjectProp<'_>) -> Range<usize> {
    let range = property.name.range();
    range.start..range.end
}

/// A value in a few words, for messages.
fn describe(value: &Value<'_>) -> String {
    match value {
        Value::StringLit(text) => format!("the string {:?}", text.value),
        Value::NumberLit(number) => format!("the number {}", number.value),
        Value::BooleanLit(truth) => format!("the boolean {}", truth.value),
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::NullKeyword(_) => "null".to_owned(),
    }
}
