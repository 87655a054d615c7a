//! CloudFormation: templates in JSON and YAML, what CDK and SAM write, and what `aws cloudformation get-template` prints.
//!
//! Of resources their types, logical IDs and encryption settings are looked at. Functions come to what the parameters'
//! defaults make of them (or `--parameter`, and `--region`); what only AWS knows is named.

pub mod intrinsic;

use super::evidence::fact::{BucketFact, Fact, KeyFact, Sse, TemplateFact};
use super::evidence::finding::{FileEnd, Findings, fingerprint};
use super::evidence::skip::SkipReason;
use super::head::Head;
use super::lines;
use super::settings;
use super::window::{NoMore, Window};
use super::yaml;
use intrinsic::{Resolved, Template};
use memchr::memmem;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Bytes of a template in YAML at most; CloudFormation itself takes 1 MB.
const LARGEST: usize = 8 << 20;
/// Resources that one `Fn::ForEach` makes at most, and templates inside each other.
const MOST_LOOPS: usize = 10_000;

/// Whether a file that begins so is a template.
pub fn recognises(head: &Head) -> bool {
    if head.is_json() {
        let is_template = head.has_any(&["AWSTemplateFormatVersion"])
            || head.has_any(&[
                "Resources",
                "Parameters",
                "Metadata",
                "Mappings",
                "Conditions",
            ]) && memmem::find(&head.bytes, b"\"AWS::").is_some();
        return is_template || head.has_all(&["TemplateBody"]);
    }
    let version: &[u8] = b"AWSTemplateFormatVersion";
    let mut lines = head.bytes.split(|b| *b == b'\n');
    lines.any(|line| {
        let text = line.trim_ascii();
        let text = text.strip_prefix(b"{").unwrap_or(text).trim_ascii();
        let name = text.strip_prefix(b"'").or_else(|| text.strip_prefix(b"\""));
        let name = name.unwrap_or(text);
        name.starts_with(version)
            || line.starts_with(b"Resources:") && memmem::find(&head.bytes, b"AWS::").is_some()
    })
}

/// Reads a template.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let begun = window.fill(super::head::LENGTH);
    if begun.is_ok() && Head::of(window.bytes()).is_json() {
        return lines::documents(window, findings, |document: Value, findings| {
            shown(&document, findings);
        });
    }
    let (text, broken) = match window.rest(LARGEST) {
        (text, None) => (text, None),
        (text, Some(NoMore::Broken(e))) => (text, Some(lines::broken(&e, window.offset()))),
        (_, Some(NoMore::Full | NoMore::End)) => {
            return FileEnd::Broken("is larger than 8 MiB".to_owned(), window.offset());
        }
    };
    let end = of_yaml(&String::from_utf8_lossy(&text), findings);
    broken.unwrap_or(end)
}

fn of_yaml(text: &str, findings: &mut Findings<'_>) -> FileEnd {
    let (documents, fault) = yaml::documents(text);
    for document in &documents {
        template(document, findings);
    }
    match fault {
        None => FileEnd::Whole,
        Some(fault) => {
            let at: usize = text
                .split_inclusive('\n')
                .take(fault.line - 1)
                .map(str::len)
                .sum();
            let place = format!(
                "{} in line {}, column {}",
                fault.what, fault.line, fault.column
            );
            FileEnd::Broken(place, at as u64)
        }
    }
}

/// A template, or what `get-template` prints of one.
fn shown(document: &Value, findings: &mut Findings<'_>) {
    match &document["TemplateBody"] {
        Value::Null => template(document, findings),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner) => template(&inner, findings),
            Err(_) => {
                if let FileEnd::Broken(what, _) = of_yaml(text, findings) {
                    findings.fact(Fact::Note(format!("a template inside another file {what}")));
                }
            }
        },
        inner @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            template(inner, findings);
        }
    }
}

/// Types of resources that say something of KMS.
const OURS: &[&str] = &[
    "AWS::KMS::Key",
    "AWS::KMS::ReplicaKey",
    "AWS::KMS::Alias",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::Logs::LogGroup",
    "AWS::CloudTrail::Trail",
];

/// What stands for a key that the template does not say.
const UNKNOWN_KEY: &str = "";

fn template(document: &Value, findings: &mut Findings<'_>) {
    findings.template = fingerprint(document.to_string().as_bytes());
    declared(document, findings);
    findings.template = 0;
}

/// What a template declares.
fn declared(document: &Value, findings: &mut Findings<'_>) {
    let given = findings.hints.parameters.clone();
    let region = findings.hints.region.clone();
    let mut document = document.clone();
    let mut left_over = Vec::new();
    if let Some(resources) = document["Resources"].as_object() {
        let (resources, unclear) = unrolled(&document, resources, &given, region.as_deref());
        left_over = unclear;
        document["Resources"] = Value::Object(resources);
    }
    let mut template = Template::of(&document, &given, region.as_deref());
    for place in left_over {
        template.place = place;
        template.unknown("Fn::ForEach", "");
        findings.seen += 1;
        findings.skip(SkipReason::NotARecord, || "a Fn::ForEach".to_owned());
    }
    // Macros make resources that are not there yet.
    for name in transforms(&document["Transform"]) {
        if name != "AWS::LanguageExtensions" {
            template.place.clear();
            template.unknown("Fn::Transform", "");
        }
    }
    let resources = document["Resources"].as_object();
    let mut there: Vec<(&String, &Value, &str)> = Vec::new();
    let mut absent = Vec::new();
    for (i, (id, resource)) in resources.into_iter().flatten().enumerate() {
        findings.seen += 1;
        template.place.clone_from(id);
        let Some(kind) = resource["Type"].as_str() else {
            let loops = resource.as_object().into_iter().flat_map(Map::keys);
            if loops.into_iter().any(|key| key.starts_with("Fn::ForEach")) {
                template.unknown("Fn::ForEach", "");
            }
            findings.skip(SkipReason::NotARecord, || format!("its resource {}", i + 1));
            continue;
        };
        if OURS.contains(&kind) {
            findings.settings += 1;
        } else {
            findings.not_ours += 1;
        }
        let condition = resource["Condition"].as_str();
        if condition.is_some_and(|name| template.condition(name) == Some(false)) {
            // What is not there may come by another parameter: what it needs is named all the same.
            if kind == "AWS::S3::Bucket" {
                bucket(&mut template, id, resource, &BTreeMap::new());
            }
            absent.push((id.clone(), condition.unwrap_or_default().to_owned()));
            continue;
        }
        there.push((id, resource, kind));
    }
    facts(&mut template, &there, findings);
    let parameters = document["Parameters"].as_object();
    findings.fact(Fact::Template(TemplateFact {
        parameters: parameters
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect(),
        unresolved: template.unresolved.into_iter().collect(),
        absent,
    }));
}

fn transforms(value: &Value) -> Vec<String> {
    let one = |v: &Value| v.as_str().or_else(|| v["Name"].as_str()).map(str::to_owned);
    match value.as_array() {
        Some(list) => list.iter().filter_map(one).collect(),
        None => one(value).into_iter().collect(),
    }
}

/// The resources, with those that `Fn::ForEach` makes, and the names of those loops that are not understood.
fn unrolled(
    document: &Value,
    resources: &Map<String, Value>,
    given: &BTreeMap<String, String>,
    region: Option<&str>,
) -> (Map<String, Value>, Vec<String>) {
    let (mut all, mut unclear) = (Map::new(), Vec::new());
    for (id, resource) in resources {
        let Some(name) = id.strip_prefix("Fn::ForEach::") else {
            all.insert(id.clone(), resource.clone());
            continue;
        };
        let mut template = Template::of(document, given, region);
        match looped(&mut template, resource, 0) {
            Some(made) if all.len() + made.len() <= MOST_LOOPS => all.extend(made),
            Some(_) | None => unclear.push(name.to_owned()),
        }
    }
    (all, unclear)
}

/// What `Fn::ForEach` makes of its identifier, its values and its template; `None`: it is not understood.
fn looped(template: &mut Template<'_>, given: &Value, depth: usize) -> Option<Map<String, Value>> {
    let list = given
        .as_array()
        .filter(|list| list.len() == 3 && depth < 8)?;
    let identifier = list[0].as_str()?;
    let Value::Array(values) = template.whole(&list[1]) else {
        return None;
    };
    let body = list[2].as_object()?;
    let mut made = Map::new();
    for value in values {
        let value = match value {
            Value::String(text) => text,
            Value::Number(n) => n.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        let Value::Object(body) = filled(&json!(body), identifier, &value) else {
            return None;
        };
        for (id, resource) in body {
            if id.starts_with("Fn::ForEach::") {
                made.extend(looped(template, &resource, depth + 1)?);
            } else {
                made.insert(id, resource);
            }
            if made.len() > MOST_LOOPS {
                return None;
            }
        }
    }
    Some(made)
}

/// A template with a value for each `${identifier}`.
fn filled(body: &Value, identifier: &str, value: &str) -> Value {
    let text = |t: &str| {
        let only: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
        t.replace(&format!("${{{identifier}}}"), value)
            .replace(&format!("&{{{identifier}}}"), &only)
    };
    match body {
        Value::String(t) => json!(text(t)),
        Value::Array(list) => list.iter().map(|v| filled(v, identifier, value)).collect(),
        Value::Object(map) if map.len() == 1 && map.get("Ref") == Some(&json!(identifier)) => {
            json!(value)
        }
        Value::Object(map) => {
            let each = map
                .iter()
                .map(|(k, v)| (text(k), filled(v, identifier, value)));
            Value::Object(each.collect())
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other.clone(),
    }
}

/// A bucket's settings.
fn bucket(
    template: &mut Template<'_>,
    id: &str,
    resource: &Value,
    keys: &BTreeMap<String, String>,
) -> BucketFact {
    template.place = id.to_owned();
    let properties = template.value(&resource["Properties"]);
    let name = template.property(&properties, "BucketName").text();
    let encryption = template.property(&properties, "BucketEncryption");
    let rules = template.property(&encryption, "ServerSideEncryptionConfiguration");
    let rule = template.first(&rules);
    let default = template.property(&rule, "ServerSideEncryptionByDefault");
    let algorithm = template.property(&default, "SSEAlgorithm");
    let key = template.property(&default, "KMSMasterKeyID");
    let on = template.property(&rule, "BucketKeyEnabled");
    let sse = algorithm.text().as_deref().and_then(Sse::of_algorithm);
    let is_on = on
        .text()
        .is_some_and(|text| ["true", "yes", "on"].contains(&text.to_ascii_lowercase().as_str()));
    let under_kms = matches!(sse, Some(Sse::Kms | Sse::DsseKms));
    let by_reference = under_kms && matches!(key, Resolved::Resource(_));
    let named = |text: &str| keys.get(text).cloned().unwrap_or_else(|| text.to_owned());
    let key = match key {
        Resolved::Resource(id) => Some(named(&id)),
        Resolved::Value(value) => value.as_str().filter(|t| !t.is_empty()).map(named),
        Resolved::Nothing => None,
        Resolved::Unknown => Some(UNKNOWN_KEY.to_owned()),
    };
    BucketFact {
        name: Some(
            name.filter(|n| !n.is_empty())
                .unwrap_or_else(|| id.to_owned()),
        ),
        address: Some(id.to_owned()),
        encryption: sse,
        key: key.filter(|_| under_kms),
        key_by_reference: by_reference,
        // Bucket keys are for SSE-KMS alone.
        bucket_key: sse.map(|sse| is_on && sse == Sse::Kms),
        unresolved: algorithm == Resolved::Unknown,
    }
}

fn facts(
    template: &mut Template<'_>,
    there: &[(&String, &Value, &str)],
    findings: &mut Findings<'_>,
) {
    let of_type = |kind: &'static str| there.iter().filter(move |r| r.2 == kind);
    // Keys by the logical IDs of their aliases, and by their aliases' names.
    let mut keys = BTreeMap::new();
    for (id, resource, _) in of_type("AWS::KMS::Alias") {
        template.place.clone_from(*id);
        let properties = template.value(&resource["Properties"]);
        let name = template.property(&properties, "AliasName").text();
        let target = match template.property(&properties, "TargetKeyId") {
            Resolved::Resource(key) => key,
            Resolved::Value(value) => value.as_str().unwrap_or(UNKNOWN_KEY).to_owned(),
            Resolved::Nothing | Resolved::Unknown => UNKNOWN_KEY.to_owned(),
        };
        keys.insert((*id).clone(), target.clone());
        if let Some(name) = name {
            keys.insert(name, target);
        }
    }
    for (id, resource, _) in of_type("AWS::KMS::Key").chain(of_type("AWS::KMS::ReplicaKey")) {
        template.place.clone_from(*id);
        let properties = template.value(&resource["Properties"]);
        let spec = template.property(&properties, "KeySpec").text();
        findings.fact(Fact::Key(KeyFact {
            name: (*id).clone(),
            spec,
        }));
    }
    for (id, resource, _) in of_type("AWS::S3::Bucket") {
        let fact = bucket(template, id, resource, &keys);
        findings.fact(Fact::Bucket(fact));
    }
    let mut groups = Vec::new();
    for (id, resource, _) in of_type("AWS::Logs::LogGroup") {
        template.place.clone_from(*id);
        let properties = template.value(&resource["Properties"]);
        let key = template.property(&properties, "KmsKeyId");
        if key != Resolved::Nothing && key.text().as_deref() != Some("") {
            groups.push((*id).clone());
        }
    }
    for (id, resource, _) in of_type("AWS::CloudTrail::Trail") {
        template.place.clone_from(*id);
        if settings::excludes_kms(&template.whole(&resource["Properties"])) {
            findings.fact(Fact::TrailExcludesKms);
        }
    }
    findings.fact(Fact::Resources {
        resources: there.iter().map(|r| r.0.clone()).collect(),
        log_groups_with_key: groups,
        bucket_policies: of_type("AWS::S3::BucketPolicy")
            .map(|r| r.0.clone())
            .collect(),
    });
}
