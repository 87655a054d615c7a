//! A policy document: read from JSON with the place of every fault.
//!
//! ```text
//! text ──jsonc-parser, strict JSON──► values with places ──read──► Policy
//!                                                          └─ every fault, with its place and a fix
//! ```
//!
//! What AWS refuses to store is an error. What AWS stores though it can never match (a comparison with
//! something that is not a number, a variable in a policy of the old version) is a warning, and so is what
//! nothing but a limit or the kind of the policy keeps from being stored (its size, `NotAction` in a resource
//! control policy): it is clear what it would say.
//!
//! Left out: whether an action or context key exists; AWS adds some every week.

use super::json::{Fault, JsonReader, name_range, one_or_more, range};
use super::kind::PolicyKind;
use super::statement::{Effect, Not, Policy, Resource, Statement};
use crate::access::arn::{Incomplete, ResourcePattern, Variables};
use crate::access::condition::{Condition, Operator, operators};
use crate::access::pattern::{Pattern, Syntax};
use crate::access::principal::PrincipalEntry;
use crate::input::spelling::did_you_mean;
use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use std::collections::HashMap;
use std::ops::Range;

/// Reads a policy document.
///
/// # Errors
/// Every fault, warnings among them; a document with warnings only is returned with these.
pub fn read(kind: PolicyKind, name: &str, text: &str) -> Result<(Policy, Vec<Fault>), Vec<Fault>> {
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let no_json = |range: Range<usize>, reason: &str| {
        vec![Fault {
            range,
            message: format!("this {} is not valid JSON: {reason}", kind.name()),
            help: "write the policy as AWS takes it: a JSON object with `Version` and `Statement`"
                .to_owned(),
            is_warning: false,
        }]
    };
    let value = match parse_to_ast(text, &CollectOptions::default(), &strict) {
        Ok(parsed) => parsed.value,
        Err(fault) => {
            let range = fault.range();
            return Err(no_json(range.start..range.end, &fault.kind().to_string()));
        }
    };
    let Some(value) = value else {
        return Err(no_json(0..0, "it is empty"));
    };
    let mut reader = PolicyReader {
        kind,
        variables: false,
        json: JsonReader::default(),
    };
    let statements = reader.document(&value);
    reader.size(text);
    let mut faults = reader.json.faults;
    faults.sort_by_key(|fault| fault.range.start);
    match statements {
        Some(statements) if faults.iter().all(|fault| fault.is_warning) => {
            let policy = Policy {
                kind,
                name: name.to_owned(),
                statements,
            };
            Ok((policy, faults))
        }
        _ => Err(faults),
    }
}

/// Reads a document and gathers its faults; `None` where it recorded one.
pub(super) struct PolicyReader {
    pub(super) kind: PolicyKind,
    /// Whether the document's version knows `${…}`.
    variables: bool,
    pub(super) json: JsonReader,
}

const DOCUMENT_KEYS: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT_KEYS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
const PRINCIPAL_KEYS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];

impl PolicyReader {
    fn document(&mut self, value: &Value<'_>) -> Option<Vec<Statement>> {
        let document = self.json.object(value, "a policy")?;
        let keys = self.json.keys(document, &DOCUMENT_KEYS, "a policy");
        match keys.get("Version") {
            None => self.lacks_version(range(value)),
            Some(version) => match self.json.text(&version.value, "`Version`").as_deref() {
                Some("2012-10-17") => self.variables = true,
                Some("2008-10-17") => self.lacks_version(range(&version.value)),
                None => {}
                Some(other) => {
                    let message = format!("unknown `Version` {other:?}");
                    let help = "write \"2012-10-17\"";
                    self.json.error(range(&version.value), message, help);
                }
            },
        }
        if let Some(id) = keys.get("Id") {
            self.json.text(&id.value, "`Id`");
        }
        let Some(list) = keys.get("Statement") else {
            let message = format!("this {} has no `Statement`", self.kind.name());
            self.json
                .error(range(value), message, "add `\"Statement\": [ … ]`");
            return None;
        };
        let values = one_or_more(&list.value);
        if values.is_empty() {
            self.json.error(
                range(&list.value),
                "`Statement` is empty",
                "write at least one statement, or drop the policy",
            );
        }
        let before = self.json.faults.len();
        let statements: Vec<Statement> = values
            .into_iter()
            .filter_map(|value| self.statement(value))
            .collect();
        self.sids(&statements);
        let whole = self.json.faults[before..]
            .iter()
            .all(|fault| fault.is_warning);
        whole.then_some(statements)
    }

    fn statement(&mut self, value: &Value<'_>) -> Option<Statement> {
        let object = self.json.object(value, "a statement")?;
        let keys = self.json.keys(object, &STATEMENT_KEYS, "a statement");
        let sid = keys.get("Sid").and_then(|p| self.sid(&p.value));
        let effect = self.effect(value, keys.get("Effect").map(|p| &p.value));
        let principals = self.principals(value, &keys);
        let actions = self.either(value, &keys, ["Action", "NotAction"], true);
        let actions = actions.map(|(not, value)| Not {
            not,
            of: self.actions(value),
        });
        let resources = self.either(value, &keys, ["Resource", "NotResource"], true);
        let resources = resources.map(|(not, value)| Not {
            not,
            of: self.resources(value),
        });
        let conditions = keys.get("Condition").map(|p| self.conditions(&p.value));
        let statement = Statement {
            sid,
            effect: effect?,
            range: value.start()..value.end(),
            principals,
            actions: actions?,
            resources: resources?,
            conditions: conditions.unwrap_or_default(),
        };
        if let Some(effect) = keys.get("Effect") {
            self.allows_in_resource_control(&statement, range(&effect.value));
        }
        self.beyond_resource_control(&statement, &keys);
        if let Some(excepted) = keys.get("NotPrincipal") {
            self.excepts_without_account(&statement, range(&excepted.value));
        }
        if let Some(resources) = keys.get("Resource") {
            self.means_aliases_only(&statement, &resources.value);
        }
        Some(statement)
    }

    fn sid(&mut self, value: &Value<'_>) -> Option<String> {
        let sid = self.json.text(value, "`Sid`")?;
        let plain = sid.chars().all(|c| c.is_ascii_alphanumeric());
        if !plain && !matches!(self.kind, PolicyKind::Bucket | PolicyKind::Key) {
            let message = format!("`Sid` is {sid:?}; IAM allows only letters and digits");
            self.json.error(
                range(value),
                message,
                "write for example \"DenyInsecureTransport\"",
            );
        }
        (!sid.is_empty()).then_some(sid)
    }

    /// A `Sid` given twice.
    fn sids(&mut self, statements: &[Statement]) {
        let mut seen = HashMap::new();
        for (i, statement) in statements.iter().enumerate() {
            let Some(sid) = &statement.sid else { continue };
            let Some(first) = seen.insert(sid, i) else {
                continue;
            };
            let message = format!(
                "statements {} and {} have the same `Sid` {sid:?}",
                first + 1,
                i + 1
            );
            self.json.faults.push(Fault {
                range: opening(&statement.range),
                message,
                help: "give each statement a `Sid` of its own: what it denies is counted under it"
                    .to_owned(),
                is_warning: matches!(self.kind, PolicyKind::Bucket | PolicyKind::Key),
            });
        }
    }

    fn effect(&mut self, statement: &Value<'_>, value: Option<&Value<'_>>) -> Option<Effect> {
        const HELP: &str = "write `\"Effect\": \"Allow\"` or `\"Effect\": \"Deny\"`";
        let Some(value) = value else {
            self.json
                .error(range(statement), "this statement has no `Effect`", HELP);
            return None;
        };
        match self.json.text(value, "`Effect`")?.as_str() {
            "Allow" => Some(Effect::Allow),
            "Deny" => Some(Effect::Deny),
            other => {
                let message = format!("`Effect` is {other:?}, neither \"Allow\" nor \"Deny\"");
                self.json.error(range(value), message, HELP);
                None
            }
        }
    }

    /// The one of two keys that is there, and whether it is the negated one.
    fn either<'v, 'a>(
        &mut self,
        statement: &Value<'_>,
        keys: &HashMap<&str, &'v ObjectProp<'a>>,
        [plain, not]: [&str; 2],
        required: bool,
    ) -> Option<(bool, &'v Value<'a>)> {
        match (keys.get(plain), keys.get(not)) {
            (Some(_), Some(other)) => {
                self.json.error(
                    range(&other.value),
                    format!("this statement has both `{plain}` and `{not}`"),
                    "drop one of them, or write two statements",
                );
                None
            }
            (Some(property), None) => Some((false, &property.value)),
            (None, Some(property)) => Some((true, &property.value)),
            (None, None) => {
                if required {
                    self.json.error(
                        range(statement),
                        format!("this statement has neither `{plain}` nor `{not}`"),
                        &format!("add `\"{plain}\": …`"),
                    );
                }
                None
            }
        }
    }

    fn principals(
        &mut self,
        statement: &Value<'_>,
        keys: &HashMap<&str, &ObjectProp<'_>>,
    ) -> Option<Not<Vec<PrincipalEntry>>> {
        let has = self.kind.has_principals();
        let (not, value) = self.either(statement, keys, ["Principal", "NotPrincipal"], has)?;
        if !has {
            let key = if not { "NotPrincipal" } else { "Principal" };
            self.json.error(
                range(value),
                format!("a statement of {} cannot have `{key}`", self.kind.a()),
                "remove it: the policy applies to the principal it is attached to",
            );
            return None;
        }
        let of = match value {
            Value::StringLit(text) if text.value == "*" => vec![PrincipalEntry::Anyone],
            Value::Object(object) => {
                if object.properties.is_empty() {
                    let help = "name a principal, for example `{\"AWS\": \"arn:aws:iam::111122223333:role/app\"}`";
                    self.json
                        .error(range(value), "this principal is empty", help);
                }
                let by_kind = self.json.keys(object, &PRINCIPAL_KEYS, "a principal");
                let mut entries = Vec::new();
                for kind in PRINCIPAL_KEYS {
                    if let Some(property) = by_kind.get(kind) {
                        entries.extend(self.entries(kind, &property.value));
                    }
                }
                entries
            }
            _ => {
                self.json.error(
                    range(value),
                    "a principal must be `\"*\"` or an object",
                    "write for example `{\"AWS\": \"arn:aws:iam::111122223333:role/app\"}`",
                );
                Vec::new()
            }
        };
        Some(Not { not, of })
    }

    fn entries(&mut self, kind: &str, value: &Value<'_>) -> Vec<PrincipalEntry> {
        let mut entries = Vec::new();
        for (text, range) in self.json.texts(value, &format!("`{kind}` of a principal")) {
            let entry = match kind {
                "AWS" => PrincipalEntry::aws(&text),
                "Service" => PrincipalEntry::service(&text),
                _ => Ok(PrincipalEntry::Other(text.clone())),
            };
            if text == "*" && kind != "AWS" {
                let message = format!("`*` under `{kind}` matches nobody");
                let help = "name the principals, or write `\"Principal\": \"*\"` for everyone";
                self.json.warn(range.clone(), message, help);
            }
            match entry {
                Ok(entry) => entries.push(entry),
                Err(reason) => self.json.error(
                    range,
                    format!("{text:?} is not a principal: {reason}"),
                    "write a full ARN, an account number or `*`; to match several, use `*` and a condition on `aws:PrincipalArn`",
                ),
            }
        }
        entries
    }

    fn actions(&mut self, value: &Value<'_>) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for (text, range) in self.json.texts(value, "an action") {
            let service = |name: &str| {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
                !name.is_empty() && name.bytes().all(allowed)
            };
            match text.split_once(':') {
                Some((name, _)) if !service(name) => self.json.error(
                    range,
                    format!("the action {text:?} has no valid service before its colon"),
                    "write `service:action`, for example \"s3:GetObject\"",
                ),
                None if text != "*" => self.json.error(
                    range,
                    format!("the action {text:?} has no service"),
                    "write `service:action`, for example \"s3:GetObject\", or \"*\"",
                ),
                action => {
                    let name = action.map_or("*", |(_, name)| name);
                    if name.is_empty() || name.contains(char::is_whitespace) {
                        self.json.warn(
                            range,
                            format!("the action {text:?} matches no request"),
                            "write for example \"s3:GetObject\"",
                        );
                    }
                    patterns.push(Pattern::new(
                        &text,
                        Syntax {
                            wildcards: true,
                            variables: false,
                            fold: true,
                        },
                    ));
                }
            }
        }
        patterns
    }

    fn resources(&mut self, value: &Value<'_>) -> Vec<Resource> {
        let mut resources = Vec::new();
        for (text, range) in self.json.texts(value, "a resource") {
            if text == "*" {
                resources.push(Resource::All);
                continue;
            }
            let variables = if self.variables {
                Variables::InResource
            } else {
                Variables::Nowhere
            };
            let incomplete = match self.kind {
                PolicyKind::Identity | PolicyKind::Boundary => Incomplete::Completed,
                PolicyKind::Session => Incomplete::Refused,
                PolicyKind::ServiceControl
                | PolicyKind::ResourceControl
                | PolicyKind::Bucket
                | PolicyKind::Key => Incomplete::Reaching,
            };
            match ResourcePattern::new(&text, variables, incomplete) {
                Ok(pattern) => {
                    self.variables_of(&text, &range);
                    if self.variables && text.split(':').take(5).any(|part| part.contains("${")) {
                        self.json.warn(range, format!("the resource {text:?} has a variable before its fifth colon, where AWS does not support variables"), "write the Region and account out, or use a condition");
                    }
                    resources.push(Resource::Arn(Box::new(pattern)));
                }
                Err(fault) => self.json.error(
                    range,
                    format!("the resource {text:?} is not an ARN: {fault}"),
                    "write for example \"arn:aws:s3:::bucket/*\", \"arn:aws:kms:REGION:ACCOUNT:key/ID\" or \"*\"",
                ),
            }
        }
        resources
    }

    fn conditions(&mut self, value: &Value<'_>) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let Some(by_operator) = self.json.object(value, "`Condition`") else {
            return conditions;
        };
        self.json.twice(by_operator);
        for property in &by_operator.properties {
            let name = property.name.as_str();
            let operator = name.parse::<Operator>().ok();
            if operator.is_none() {
                let stem = name.rsplit(':').next().unwrap_or(name);
                let meant =
                    did_you_mean(stem.strip_suffix("IfExists").unwrap_or(stem), operators());
                let help = match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "write for example `StringEquals`, `Bool`, `ArnLike`, `IpAddress`, `Null`; `…IfExists` behind and `ForAllValues:` or `ForAnyValue:` before it".to_owned(),
                };
                let message = format!("unknown condition operator `{name}`");
                self.json.error(name_range(property), message, &help);
            }
            let what = format!("the conditions under `{name}`");
            let Some(by_key) = self.json.object(&property.value, &what) else {
                continue;
            };
            self.json.twice(by_key);
            for property in &by_key.properties {
                let condition = self.condition(operator, property);
                conditions.extend(condition);
            }
        }
        conditions
    }

    fn condition(
        &mut self,
        operator: Option<Operator>,
        property: &ObjectProp<'_>,
    ) -> Option<Condition> {
        let key = property.name.as_str();
        let named = key.split_once(':').is_some_and(|(service, name)| {
            !service.is_empty() && !name.is_empty() && !key.contains(char::is_whitespace)
        });
        if !named {
            self.json.error(
                name_range(property),
                format!("`{key}` is not a context key"),
                "write `service:key`, for example `aws:SecureTransport`, `s3:x-amz-server-side-encryption`",
            );
        }
        let values = self
            .json
            .scalars(&property.value, &format!("the value of `{key}`"));
        for (text, range) in &values {
            self.variables_of(text, range);
        }
        let operator = operator.filter(|_| named)?;
        let (texts, ranges): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        let condition = Condition::new(operator, key.to_owned(), texts, self.variables);
        for i in condition.meaningless() {
            let message = format!(
                "`{operator}` expects {}: {:?} never matches",
                condition.expected(),
                condition.values[i]
            );
            self.json.warn(
                ranges[i].clone(),
                message,
                "correct the value, or use another operator",
            );
        }
        Some(condition)
    }

    /// Warns of a variable in a policy whose version knows none.
    fn variables_of(&mut self, text: &str, range: &Range<usize>) {
        if !self.variables && text.contains("${") {
            self.json.warn(
                range.clone(),
                format!("{text:?} has a policy variable, which only version 2012-10-17 supports: it is taken literally"),
                "write `\"Version\": \"2012-10-17\"`",
            );
        }
    }
}

/// The bracket that a statement begins with.
pub(super) fn opening(range: &Range<usize>) -> Range<usize> {
    range.start..range.start + 1
}
