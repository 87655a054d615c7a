//! The functions of a template: what they come to by the parameters' defaults, what was given for them, and conditions.
//!
//! What only AWS knows (a name that it chooses, another stack's output) stays unknown, and its place is remembered.

use super::super::evidence::fact::UnresolvedValue;
use crate::catalog::Partition;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Functions inside each other, and conditions that name each other, at most.
const DEEPEST: usize = 64;
/// Functions that a template may use, by which they are told.
const FUNCTIONS: &[&str] = &[
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::FindInMap",
    "Fn::ForEach",
    "Fn::GetAtt",
    "Fn::GetAZs",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
    "Fn::Transform",
];
/// Parameters that AWS sets.
const PSEUDO: &[&str] = &[
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// This value; lists and maps in it may hold functions.
    Value(Value),
    /// Something of a resource of the template: its logical ID.
    Resource(String),
    /// Nothing: the property is not there.
    Nothing,
    /// What the template does not say.
    Unknown,
}

impl Resolved {
    /// Its text, where it is one.
    pub fn text(&self) -> Option<String> {
        match self {
            Resolved::Value(Value::String(text)) => Some(text.clone()),
            Resolved::Value(Value::Number(n)) => Some(n.to_string()),
            Resolved::Value(Value::Bool(b)) => Some(b.to_string()),
            Resolved::Value(Value::Null | Value::Array(_) | Value::Object(_))
            | Resolved::Resource(_)
            | Resolved::Nothing
            | Resolved::Unknown => None,
        }
    }
}

/// A template, and what is known of its parameters.
pub struct Template<'t> {
    document: &'t Value,
    given: &'t BTreeMap<String, String>,
    region: Option<&'t str>,
    conditions: BTreeMap<String, Option<bool>>,
    /// The resource that is looked at.
    pub place: String,
    /// What stays unknown.
    pub unresolved: BTreeSet<UnresolvedValue>,
}

/// The function that a value is, and what it is given.
fn function(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, given) = map.iter().next()?;
    let is_function = name == "Ref" || name.starts_with("Fn::");
    is_function.then_some((name.as_str(), given))
}

impl<'t> Template<'t> {
    /// A template, with values for its parameters, and the Region of its stack where that is known.
    pub fn of(
        document: &'t Value,
        given: &'t BTreeMap<String, String>,
        region: Option<&'t str>,
    ) -> Template<'t> {
        Template {
            document,
            given,
            region,
            conditions: BTreeMap::new(),
            place: String::new(),
            unresolved: BTreeSet::new(),
        }
    }

    /// Remembers that something stays unknown here.
    pub fn unknown(&mut self, what: &str, of: &str) -> Resolved {
        self.unresolved.insert(UnresolvedValue {
            what: what.to_owned(),
            of: of.to_owned(),
            place: self.place.clone(),
        });
        Resolved::Unknown
    }

    /// What an expression comes to.
    pub fn value(&mut self, value: &Value) -> Resolved {
        self.at(value, 0)
    }

    /// A property of what an expression comes to; the property may be an expression, too.
    pub fn property(&mut self, of: &Resolved, name: &str) -> Resolved {
        match of {
            Resolved::Value(Value::Object(map)) => match map.get(name) {
                Some(value) => self.value(&value.clone()),
                None => Resolved::Nothing,
            },
            Resolved::Unknown => Resolved::Unknown,
            Resolved::Value(_) | Resolved::Resource(_) | Resolved::Nothing => Resolved::Nothing,
        }
    }

    /// The first of a list.
    pub fn first(&mut self, of: &Resolved) -> Resolved {
        match of {
            Resolved::Value(Value::Array(list)) => match list.first() {
                Some(value) => self.value(&value.clone()),
                None => Resolved::Nothing,
            },
            Resolved::Unknown => Resolved::Unknown,
            Resolved::Value(_) | Resolved::Resource(_) | Resolved::Nothing => Resolved::Nothing,
        }
    }

    /// All of a value, with the functions in it; what stays unknown is null.
    pub fn whole(&mut self, value: &Value) -> Value {
        self.whole_at(value, 0)
    }

    fn whole_at(&mut self, value: &Value, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        match self.at(value, depth) {
            Resolved::Value(Value::Object(map)) => {
                let each = map
                    .iter()
                    .map(|(k, v)| (k.clone(), self.whole_at(v, depth + 1)));
                Value::Object(each.collect::<Map<_, _>>())
            }
            Resolved::Value(Value::Array(list)) => {
                list.iter().map(|v| self.whole_at(v, depth + 1)).collect()
            }
            Resolved::Value(other) => other,
            Resolved::Resource(_) | Resolved::Nothing | Resolved::Unknown => Value::Null,
        }
    }

    fn at(&mut self, value: &Value, depth: usize) -> Resolved {
        if value.is_null() {
            return Resolved::Nothing;
        }
        let Some((name, given)) = function(value) else {
            let is_dynamic = value
                .as_str()
                .is_some_and(|text| text.contains("{{resolve:"));
            if is_dynamic {
                return self.unknown("a dynamic reference", "");
            }
            return Resolved::Value(value.clone());
        };
        if depth > DEEPEST {
            return self.unknown("functions nested too deep", "");
        }
        let deeper = depth + 1;
        match name {
            "Ref" => match given.as_str() {
                Some(of) => self.reference(of),
                None => self.unknown("Ref", ""),
            },
            "Fn::GetAtt" => {
                let id = given.as_str().or_else(|| given.get(0)?.as_str());
                let id = id.unwrap_or_default().split('.').next().unwrap_or_default();
                self.resource(id, "Fn::GetAtt")
            }
            "Fn::If" => match self.condition_named(&given[0], deeper) {
                Some(true) => self.at(&given[1], deeper),
                Some(false) => self.at(&given[2], deeper),
                None => Resolved::Unknown,
            },
            "Fn::Sub" => match given {
                Value::String(text) => self.substituted(text, &Value::Null, deeper),
                Value::Array(_) => match given[0].as_str() {
                    Some(text) => self.substituted(text, &given[1], deeper),
                    None => self.unknown(name, ""),
                },
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                    self.unknown(name, "")
                }
            },
            "Fn::Join" => self.joined(given, deeper),
            "Fn::Select" => self.selected(given, deeper),
            "Fn::Split" => {
                let text = self.at(&given[1], deeper).text();
                match (given[0].as_str(), text) {
                    (Some(by), Some(text)) if !by.is_empty() => {
                        Resolved::Value(text.split(by).map(|part| json!(part)).collect())
                    }
                    (_, _) => self.unknown(name, ""),
                }
            }
            "Fn::FindInMap" => self.mapped(given, deeper),
            name => {
                let known = FUNCTIONS.iter().find(|f| name.starts_with(*f));
                self.unknown(known.unwrap_or(&"an unknown function"), "")
            }
        }
    }

    fn resource(&mut self, id: &str, what: &str) -> Resolved {
        if self.document["Resources"].get(id).is_some() {
            return Resolved::Resource(id.to_owned());
        }
        self.unknown(what, id)
    }

    fn reference(&mut self, of: &str) -> Resolved {
        match (of, self.region) {
            ("AWS::NoValue", _) => return Resolved::Nothing,
            ("AWS::Region", Some(region)) => return Resolved::Value(json!(region)),
            ("AWS::Partition", Some(region)) => {
                return match crate::catalog::partition(region) {
                    Some(Partition::Commercial) => Resolved::Value(json!("aws")),
                    Some(Partition::GovCloud) => Resolved::Value(json!("aws-us-gov")),
                    Some(Partition::China) => Resolved::Value(json!("aws-cn")),
                    None => self.unknown(of, ""),
                };
            }
            (_, _) => {}
        }
        if PSEUDO.contains(&of) {
            return self.unknown(of, "");
        }
        let Some(parameter) = self.document["Parameters"].get(of) else {
            return self.resource(of, "Ref");
        };
        let kind = parameter["Type"].as_str().unwrap_or_default();
        let of_store = kind.starts_with("AWS::SSM::Parameter::");
        let is_secret = parameter["NoEcho"] == true || parameter["NoEcho"] == "true";
        let text = match (self.given.get(of), &parameter["Default"]) {
            (Some(given), _) => Some(given.clone()),
            (None, Value::String(text)) if !of_store && !is_secret => Some(text.clone()),
            (None, Value::Number(n)) => Some(n.to_string()),
            (None, Value::Bool(b)) => Some(b.to_string()),
            (None, Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_)) => None,
        };
        match text {
            None => self.unknown("parameter", of),
            Some(text) if kind == "CommaDelimitedList" || kind.starts_with("List<") => {
                Resolved::Value(text.split(',').map(|part| json!(part.trim())).collect())
            }
            Some(text) => Resolved::Value(json!(text)),
        }
    }

    /// `${…}` in a text; `own` has values of its own for some names.
    fn substituted(&mut self, text: &str, own: &Value, depth: usize) -> Resolved {
        let mut done = String::new();
        let mut rest = text;
        let (mut unknown, mut resource, mut parts) = (false, None, 0);
        while let Some(begin) = rest.find("${") {
            done.push_str(&rest[..begin]);
            let inner = &rest[begin + 2..];
            let Some(end) = inner.find('}') else {
                break;
            };
            let name = inner[..end].trim();
            rest = &inner[end + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                done.push_str(&format!("${{{literal}}}"));
                continue;
            }
            parts += 1;
            let value = match own.get(name) {
                Some(value) => self.at(&value.clone(), depth),
                None => match name.split_once('.') {
                    Some((id, _)) => self.resource(id, "Fn::GetAtt"),
                    None => self.reference(name),
                },
            };
            match value.text() {
                Some(text) => done.push_str(&text),
                None => match value {
                    Resolved::Resource(id) => resource = Some(id),
                    Resolved::Value(_) | Resolved::Nothing | Resolved::Unknown => unknown = true,
                },
            }
        }
        done.push_str(rest);
        match resource {
            // Nothing else stands there.
            Some(id) if parts == 1 && done.is_empty() => Resolved::Resource(id),
            Some(id) => self.unknown("a name that AWS chooses", &id),
            None if unknown => Resolved::Unknown,
            None => self.at(&json!(done), depth),
        }
    }

    fn joined(&mut self, given: &Value, depth: usize) -> Resolved {
        let by = given[0].as_str().unwrap_or_default().to_owned();
        let list = match self.at(&given[1], depth) {
            Resolved::Value(Value::Array(list)) => list,
            Resolved::Unknown => return Resolved::Unknown,
            Resolved::Value(_) | Resolved::Resource(_) | Resolved::Nothing => {
                return self.unknown("Fn::Join", "");
            }
        };
        let (mut texts, mut unknown) = (Vec::new(), false);
        for value in &list {
            let value = self.at(value, depth);
            match value.text() {
                Some(text) => texts.push(text),
                None => match value {
                    Resolved::Resource(id) => {
                        self.unknown("a name that AWS chooses", &id);
                        unknown = true;
                    }
                    Resolved::Nothing => {}
                    Resolved::Value(_) | Resolved::Unknown => unknown = true,
                },
            }
        }
        if unknown {
            return Resolved::Unknown;
        }
        self.at(&json!(texts.join(&by)), depth)
    }

    fn selected(&mut self, given: &Value, depth: usize) -> Resolved {
        let index = self.at(&given[0], depth).text();
        let index = index.and_then(|text| text.parse::<usize>().ok());
        match (index, self.at(&given[1], depth)) {
            (Some(i), Resolved::Value(Value::Array(list))) if i < list.len() => {
                self.at(&list[i], depth)
            }
            (_, Resolved::Unknown) => Resolved::Unknown,
            (_, _) => self.unknown("Fn::Select", ""),
        }
    }

    fn mapped(&mut self, given: &Value, depth: usize) -> Resolved {
        let mut texts = Vec::new();
        for i in 0..3 {
            match self.at(&given[i], depth).text() {
                Some(text) => texts.push(text),
                None => return self.unknown("Fn::FindInMap", ""),
            }
        }
        let map = &self.document["Mappings"];
        let found = map
            .get(&texts[0])
            .and_then(|m| m.get(&texts[1])?.get(&texts[2]));
        match (found, given[3].get("DefaultValue")) {
            (Some(value), _) => Resolved::Value(value.clone()),
            (None, Some(value)) => self.at(value, depth),
            (None, None) => self.unknown("Fn::FindInMap", ""),
        }
    }

    /// Whether a condition holds; `None`: the template does not say.
    pub fn condition(&mut self, name: &str) -> Option<bool> {
        self.condition_named(&json!(name), 0)
    }

    fn condition_named(&mut self, name: &Value, depth: usize) -> Option<bool> {
        let Some(name) = name.as_str() else {
            self.unknown("a condition", "");
            return None;
        };
        let known = match self.conditions.get(name) {
            Some(known) => *known,
            None => {
                // One that names itself is unknown.
                self.conditions.insert(name.to_owned(), None);
                let rule = self.document["Conditions"].get(name)?;
                let holds = self.holds(rule, depth + 1);
                self.conditions.insert(name.to_owned(), holds);
                holds
            }
        };
        if known.is_none() {
            self.unknown("condition", name);
        }
        known
    }

    fn holds(&mut self, rule: &Value, depth: usize) -> Option<bool> {
        if depth > DEEPEST {
            self.unknown("functions nested too deep", "");
            return None;
        }
        let map = rule.as_object()?;
        let (name, given) = map.iter().next()?;
        let deeper = depth + 1;
        match name.as_str() {
            "Condition" => self.condition_named(given, deeper),
            "Fn::Not" => self.holds(&given[0], deeper).map(|holds| !holds),
            "Fn::And" | "Fn::Or" => {
                let decides = name == "Fn::Or";
                let (mut all_known, mut decided) = (true, false);
                for rule in given.as_array().into_iter().flatten() {
                    match self.holds(rule, deeper) {
                        Some(holds) => decided |= holds == decides,
                        None => all_known = false,
                    }
                }
                (decided || all_known).then_some(if decided { decides } else { !decides })
            }
            "Fn::Equals" => {
                let (a, b) = (self.at(&given[0], deeper), self.at(&given[1], deeper));
                match (a.text(), b.text()) {
                    (Some(a), Some(b)) => Some(a == b),
                    (_, _) => None,
                }
            }
            _ => None,
        }
    }
}
