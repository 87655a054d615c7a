//! Terraform and OpenTofu: what `show -json` prints of a plan or a state.
//!
//! A plan knows neither ARNs nor the names that AWS will choose: which key a bucket has then follows from references in the
//! configuration. Only types, settings and names are looked at; other values, among them secrets in plain text, are not.

use super::evidence::fact::{BucketFact, Fact, KeyFact, Sse};
use super::evidence::finding::{FileEnd, Findings};
use super::head::Head;
use super::lines;
use super::window::Window;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whether a file that begins so is a plan or a state.
pub fn recognises(head: &Head) -> bool {
    let shown = head.has_all(&["format_version"])
        && head.has_any(&[
            "terraform_version",
            "planned_values",
            "values",
            "resource_changes",
            "configuration",
        ]);
    shown || head.has_all(&["terraform_version", "serial"]) || head.has_all(&["lineage", "serial"])
}

/// Types of resources that say something of KMS.
const OURS: &[&str] = &[
    "aws_kms_key",
    "aws_kms_external_key",
    "aws_kms_replica_key",
    "aws_kms_alias",
    "aws_s3_bucket",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_policy",
    "aws_cloudwatch_log_group",
    "aws_cloudtrail",
];

/// Types of resources that are KMS keys.
const KEYS: &[&str] = &["aws_kms_key", "aws_kms_external_key", "aws_kms_replica_key"];

/// Reads a plan or a state.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    lines::documents(window, findings, |document: Value, findings| {
        let stored = stored(&document);
        let values = if document["planned_values"].is_object() {
            &document["planned_values"]
        } else {
            &document["values"]
        };
        let mut resources = Vec::new();
        gather(&values["root_module"], &mut resources);
        resources.extend(&stored);
        findings.seen += resources.len() as u64;
        let ours = resources
            .iter()
            .filter(|r| r["type"].as_str().is_some_and(|t| OURS.contains(&t)));
        let ours = ours.count() as u64;
        findings.settings += ours;
        findings.not_ours += resources.len() as u64 - ours;
        let mut references = BTreeMap::new();
        refer(
            &document["configuration"]["root_module"],
            "",
            &mut references,
        );
        let unknown = unknown(&document);
        let plan = PlanLinks {
            references,
            unknown,
        };
        facts(&resources, &plan, findings);
    })
}

/// What a plan says beside its resources.
struct PlanLinks<'d> {
    /// Addresses that each resource's expressions refer to.
    references: BTreeMap<String, Vec<String>>,
    /// What is known of each resource only when it is applied.
    unknown: BTreeMap<&'d str, &'d Value>,
}

impl PlanLinks<'_> {
    /// Whether a value of a resource, at the end of a path of blocks, is known only when it is applied; `None`: the plan does not say.
    fn is_unknown(&self, address: &str, path: &[&str]) -> Option<bool> {
        let mut value = *self.unknown.get(address)?;
        for key in path {
            if value == &Value::Bool(true) {
                return Some(true);
            }
            value = &first(value)[*key];
        }
        Some(first(value) == &Value::Bool(true))
    }
}

/// What each resource will be only when it is applied, as a plan says.
fn unknown(document: &Value) -> BTreeMap<&str, &Value> {
    let changes = document["resource_changes"]
        .as_array()
        .into_iter()
        .flatten();
    let each = changes.filter_map(|change| {
        let unknown = &change["change"]["after_unknown"];
        Some((change["address"].as_str()?, unknown)).filter(|_| !unknown.is_null())
    });
    each.collect()
}

/// The resources of a state as it is stored (version 4), in the shape in which `show -json` has them.
fn stored(document: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for resource in document["resources"].as_array().into_iter().flatten() {
        let text = |key: &str| resource[key].as_str().unwrap_or_default();
        if text("mode") == "data" {
            continue;
        }
        let module = text("module");
        let dot = if module.is_empty() { "" } else { "." };
        for instance in resource["instances"].as_array().into_iter().flatten() {
            let index = match &instance["index_key"] {
                Value::String(key) => format!("[\"{key}\"]"),
                Value::Number(n) => format!("[{n}]"),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
            };
            all.push(json!({
                "address": format!("{module}{dot}{}.{}{index}", text("type"), text("name")),
                "mode": text("mode"),
                "type": text("type"),
                "values": instance["attributes"],
            }));
        }
    }
    all
}

/// All managed resources of a module and those below it; modules are nested a few deep, and JSON at most 128.
fn gather<'a>(module: &'a Value, resources: &mut Vec<&'a Value>) {
    let own = module["resources"].as_array().into_iter().flatten();
    resources.extend(own.filter(|r| r["mode"] != "data"));
    for child in module["child_modules"].as_array().into_iter().flatten() {
        gather(child, resources);
    }
}

/// Addresses that each resource's expressions refer to.
fn refer(module: &Value, prefix: &str, references: &mut BTreeMap<String, Vec<String>>) {
    for resource in module["resources"].as_array().into_iter().flatten() {
        let Some(address) = resource["address"].as_str() else {
            continue;
        };
        let mut found = Vec::new();
        referred(&resource["expressions"], &mut found);
        let found = found.into_iter().map(|f| format!("{prefix}{f}")).collect();
        references.insert(format!("{prefix}{address}"), found);
    }
    for (name, call) in module["module_calls"].as_object().into_iter().flatten() {
        refer(
            &call["module"],
            &format!("{prefix}module.{name}."),
            references,
        );
    }
}

fn referred(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for text in map
                .get("references")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                found.extend(text.as_str().map(str::to_owned));
            }
            map.values().for_each(|v| referred(v, found));
        }
        Value::Array(list) => list.iter().for_each(|v| referred(v, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The address without the index of `count` or `for_each`.
fn plain(address: &str) -> String {
    let mut text = String::new();
    let mut depth = 0;
    for c in address.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            c if depth == 0 => text.push(c),
            _ => {}
        }
    }
    text
}

/// The index of `count` or `for_each`, with its brackets; empty without one.
fn index(address: &str) -> &str {
    let last = address.rfind('[').filter(|_| address.ends_with(']'));
    last.map_or("", |i| &address[i..])
}

/// A block, which a list of one holds, too.
fn first(block: &Value) -> &Value {
    match block.as_array() {
        Some(list) => list.first().unwrap_or(&Value::Null),
        None => block,
    }
}

/// A rule of encryption: algorithm, key, bucket key.
fn rule(block: &Value) -> Option<(Option<Sse>, Option<String>, bool)> {
    let rule = first(block);
    let default = &rule["apply_server_side_encryption_by_default"];
    let default = first(default);
    let sse = Sse::of_algorithm(default["sse_algorithm"].as_str()?);
    let key = default["kms_master_key_id"]
        .as_str()
        .filter(|k| !k.is_empty());
    let on = rule["bucket_key_enabled"].as_bool().unwrap_or(false);
    // Bucket keys are for SSE-KMS alone.
    Some((sse, key.map(str::to_owned), on && sse == Some(Sse::Kms)))
}

/// The address of the KMS key that one of these addresses is of, or of an alias of it.
fn key_of(
    refers: &[String],
    resources: &[&Value],
    references: &BTreeMap<String, Vec<String>>,
) -> Option<String> {
    let of = |kinds: &[&str], refers: &[String]| {
        let own = resources
            .iter()
            .filter(|r| r["type"].as_str().is_some_and(|t| kinds.contains(&t)));
        let mut own = own.filter_map(|r| r["address"].as_str());
        let is_own = |at: &&str| {
            let at = plain(at);
            let mut refers = refers.iter();
            refers.any(|f| {
                *f == at
                    || f.strip_prefix(&at)
                        .is_some_and(|rest| rest.starts_with('.'))
            })
        };
        own.find(is_own).map(str::to_owned)
    };
    of(KEYS, refers).or_else(|| {
        let alias = of(&["aws_kms_alias"], refers)?;
        let target: Vec<String> = references
            .get(&plain(&alias))?
            .iter()
            .map(|f| plain(f))
            .collect();
        of(KEYS, &target)
    })
}

/// What stands for a key that is known only when the plan is applied.
const UNKNOWN_KEY: &str = "";

/// Where a rule of encryption is in its resource, and the key in the rule.
const RULE: &[&str] = &["rule"];
const LEGACY_RULE: &[&str] = &["server_side_encryption_configuration", "rule"];
const KEY: &[&str] = &[
    "apply_server_side_encryption_by_default",
    "kms_master_key_id",
];

fn facts(resources: &[&Value], plan: &PlanLinks<'_>, findings: &mut Findings<'_>) {
    let references = &plan.references;
    let text = |r: &Value, key: &str| r["values"][key].as_str().unwrap_or_default().to_owned();
    let of_type = |kind: &'static str| resources.iter().filter(move |r| r["type"] == kind).copied();
    let address = |r: &Value| r["address"].as_str().unwrap_or_default().to_owned();
    for key in KEYS.iter().flat_map(|kind| of_type(kind)) {
        findings.fact(Fact::Key(KeyFact {
            name: address(key),
            spec: key["values"]["customer_master_key_spec"]
                .as_str()
                .map(str::to_owned),
        }));
    }
    let groups = of_type("aws_cloudwatch_log_group").filter(|r| {
        let known = r["values"]["kms_key_id"]
            .as_str()
            .is_some_and(|k| !k.is_empty());
        let all = references.get(&plain(&address(r))).into_iter().flatten();
        known || all.clone().any(|f| f.contains("aws_kms_key."))
    });
    let groups = groups.map(address).collect();
    let policies = of_type("aws_s3_bucket_policy").map(address).collect();
    findings.fact(Fact::Resources {
        resources: resources.iter().map(|r| address(r)).collect(),
        log_groups_with_key: groups,
        bucket_policies: policies,
    });
    for trail in of_type("aws_cloudtrail") {
        if trail["values"]
            .to_string()
            .contains("\"exclude_management_event_sources\":[\"kms.amazonaws.com\"")
        {
            findings.fact(Fact::TrailExcludesKms);
        }
    }
    // Settings that are a resource of their own, by the bucket's address or name.
    let configurations: Vec<&Value> =
        of_type("aws_s3_bucket_server_side_encryption_configuration").collect();
    for bucket in of_type("aws_s3_bucket") {
        let own = address(bucket);
        let name = text(bucket, "bucket");
        let configuration = configurations.iter().find(|c| {
            let there = address(c);
            let named = text(c, "bucket");
            if !named.is_empty() && !name.is_empty() {
                return named == name;
            }
            let refers = references.get(&plain(&there)).into_iter().flatten();
            let mut refers = refers.map(|f| plain(f));
            let to_bucket =
                refers.any(|f| f == plain(&own) || f.starts_with(&format!("{}.", plain(&own))));
            to_bucket
                && (index(&own).is_empty()
                    || index(&there).is_empty()
                    || index(&own) == index(&there))
        });
        let legacy = &bucket["values"]["server_side_encryption_configuration"];
        let (rules, at, path) = match configuration {
            Some(c) => (rule(&c["values"]["rule"]), address(c), RULE),
            None => (rule(&first(legacy)["rule"]), own.clone(), LEGACY_RULE),
        };
        let (encryption, mut key, bucket_key) = match rules {
            Some((sse, key, on)) => (sse, key, Some(on)),
            None => (None, None, None),
        };
        let mut by_reference = false;
        if key.is_none() && matches!(encryption, Some(Sse::Kms | Sse::DsseKms)) {
            let refers = references.get(&plain(&at)).into_iter().flatten();
            let refers: Vec<String> = refers.map(|f| plain(f)).collect();
            let of_key = key_of(&refers, resources, references);
            // A value of null, which is known, is the AWS managed key, whatever it might have referred to.
            let is_open = plan.is_unknown(&at, &[path, KEY].concat());
            if is_open.unwrap_or(of_key.is_some()) {
                by_reference = of_key.is_some();
                key = Some(of_key.unwrap_or_else(|| UNKNOWN_KEY.to_owned()));
            }
        }
        let unresolved = encryption.is_none()
            && plan.is_unknown(
                &at,
                &[
                    path,
                    &["apply_server_side_encryption_by_default", "sse_algorithm"],
                ]
                .concat(),
            ) == Some(true);
        findings.fact(Fact::Bucket(BucketFact {
            name: Some(if name.is_empty() { own.clone() } else { name }),
            address: Some(own),
            encryption,
            key,
            key_by_reference: by_reference,
            bucket_key,
            unresolved,
        }));
    }
}
