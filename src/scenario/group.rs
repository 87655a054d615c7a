//! `[group.NAME]`: things gathered by name and pattern, to be set and counted together.

use super::named_kind::{GROUP_MARK, NamedKind, WORKLOAD, stands_for_many};
use crate::input::diagnostic::{Code, Diagnostic};
use crate::input::document::{Node, Table, Value, key_text};
use crate::input::name_pattern::{fits, is_pattern};
use crate::input::reader::Reader;
use crate::input::spelling::did_you_mean;
use indexmap::{IndexMap, IndexSet};
use serde::Serialize;

/// The key that lists what a group leaves out.
const EXCEPT: &str = "except";

/// A group: what it gathers, by name.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GroupSettings {
    /// Buckets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<String>,
    /// KMS keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Workloads, disabled ones among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<String>,
    /// Requesters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requesters: Vec<String>,
    /// Log groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_groups: Vec<String>,
}

impl GroupSettings {
    /// What it gathers of the kind that it lists under `many`.
    pub(super) fn gathers(&self, many: &str) -> &[String] {
        match many {
            "buckets" => &self.buckets,
            "keys" => &self.keys,
            "workloads" => &self.workloads,
            "requesters" => &self.requesters,
            _ => &self.log_groups,
        }
    }

    fn of_kind(&mut self, many: &str) -> &mut Vec<String> {
        match many {
            "buckets" => &mut self.buckets,
            "keys" => &mut self.keys,
            "workloads" => &mut self.workloads,
            "requesters" => &mut self.requesters,
            _ => &mut self.log_groups,
        }
    }
}

/// The groups by name, each with what it gathers.
pub(super) fn groups(r: &mut Reader<'_>) -> IndexMap<String, GroupSettings> {
    let names: Vec<(NamedKind, &'static str, Option<Vec<String>>)> = NamedKind::gathered()
        .map(|(kind, many)| (kind, many, r.names_of(kind.table)))
        .collect();
    r.tables("group", |_, r| {
        let mut group = GroupSettings::default();
        let errors = r.faults().errors();
        let except: Vec<String> = r.optional(EXCEPT).unwrap_or_default();
        let mut is_taken_out = vec![false; except.len()];
        let mut lists = 0;
        for (kind, many, known) in &names {
            let Some(listed) = r.optional::<Vec<String>>(many) else {
                lists += usize::from(r.has(many));
                continue;
            };
            lists += 1;
            let Some(known) = known else { continue };
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            for (i, text) in listed.iter().enumerate() {
                if let Some(fault) = unknown(*kind, text, &known, &format!("{}[{i}]", r.path_of(many))) {
                    r.faults().push(fault.at(element(r, many, i)));
                }
            }
            let gathered = known.iter().filter(|name| listed.iter().any(|text| fits(text, name)));
            for name in gathered {
                let out = except.iter().position(|text| fits(text, name));
                match out {
                    Some(i) => is_taken_out[i] = true,
                    None => group.of_kind(many).push((*name).to_owned()),
                }
            }
        }
        if lists == 0 {
            r.fault(
                Code::MissingKey,
                r.place(),
                format!("`{}` gathers nothing", r.path()),
                "list what it gathers, by name or pattern: `buckets = [\"logs-*\"]`; also `keys`, `workloads`, `requesters`, `log_groups`",
            );
        }
        if r.faults().errors() > errors {
            return group;
        }
        for (i, text) in except.iter().enumerate().filter(|(i, _)| !is_taken_out[*i]) {
            let place = element(r, EXCEPT, i);
            r.fault(
                Code::UnknownName,
                place,
                format!("`{text}` takes nothing out of `{}`", r.path()),
                "write names or patterns of what the group's lists gather, or drop it",
            );
        }
        if r.faults().errors() == errors
            && NamedKind::gathered().all(|(_, many)| group.of_kind(many).is_empty())
        {
            let (place, why) = match except.is_empty() {
                true => (r.place(), "its lists are empty"),
                false => (r.place_of(EXCEPT), "`except` takes everything out"),
            };
            r.fault(
                Code::MissingKey,
                place,
                format!("`{}` gathers nothing: {why}", r.path()),
                "take less out, or gather more",
            );
        }
        group
    })
}

/// What is wrong with a name or pattern in a list.
fn unknown(kind: NamedKind, text: &str, known: &[&str], path: &str) -> Option<Diagnostic> {
    let words = kind.words();
    if text.starts_with(GROUP_MARK) {
        let message =
            format!("`{path}` is the group `{text}`, but groups gather things, not groups");
        return Some(
            Diagnostic::error(Code::Contradiction, message).help("list what that group gathers"),
        );
    }
    if known.iter().any(|name| fits(text, name)) {
        return None;
    }
    if is_pattern(text) {
        return Some(no_match(kind, text, known));
    }
    let help = match did_you_mean(text, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "write the name of a {words} of the scenario, or a pattern such as `\"logs-*\"`"
        ),
    };
    let message = format!("unknown name `{text}` in `{path}`");
    Some(Diagnostic::error(Code::UnknownName, message).help(help))
}

/// A pattern that stands for nothing.
fn no_match(kind: NamedKind, pattern: &str, names: &[&str]) -> Diagnostic {
    let words = kind.words();
    let help = match names {
        [] => format!("the scenario has no {words}"),
        [_, ..] => {
            let stem: String = pattern.chars().filter(|c| *c != '*').collect();
            let near = crate::input::spelling::nearest(&stem, names.to_vec());
            let near: Vec<String> = near
                .iter()
                .take(5)
                .map(|name| format!("`{name}`"))
                .collect();
            let more = match names.len() - near.len() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            format!(
                "`*` stands for any characters; names: {}{more}",
                near.join(", ")
            )
        }
    };
    let message = format!("`{pattern}` matches no {words}");
    Diagnostic::error(Code::UnknownName, message).help(help)
}

/// The things that a text stands for: a name, a pattern or a group.
///
/// # Errors
/// It stands for nothing; the fault has no place yet. `path` is where it is written.
pub(super) fn named<'n>(
    kind: NamedKind,
    text: &str,
    known: &[&'n str],
    groups: &'n IndexMap<String, GroupSettings>,
    path: &str,
) -> Result<Vec<&'n str>, Diagnostic> {
    let Some(group) = text.strip_prefix(GROUP_MARK) else {
        return match unknown(kind, text, known, path) {
            None => Ok(known
                .iter()
                .copied()
                .filter(|name| fits(text, name))
                .collect()),
            Some(fault) => Err(fault),
        };
    };
    let Some(settings) = groups.get(group) else {
        return Err(unknown_group(
            group,
            groups.keys().map(String::as_str),
            path,
        ));
    };
    let gathered = settings.gathers(kind.many.unwrap_or_default());
    if gathered.is_empty() {
        return Err(gathers_none(kind, group));
    }
    Ok(gathered.iter().map(String::as_str).collect())
}

/// The workloads that names, patterns and groups stand for, each once and those that are disabled left out; `path` is where
/// they are written.
///
/// # Errors
/// One stands for nothing; the fault has no place.
pub fn workloads_named<'n>(
    texts: &[String],
    workloads: impl Iterator<Item = &'n str>,
    groups: &'n IndexMap<String, GroupSettings>,
    path: &str,
) -> Result<Vec<String>, Diagnostic> {
    let known: Vec<&str> = workloads.collect();
    let mut all = IndexSet::new();
    for text in texts {
        let found = named(WORKLOAD, text, &known, groups, path)?;
        let enabled = found.into_iter().filter(|name| known.contains(name));
        all.extend(enabled.map(str::to_owned));
    }
    Ok(all.into_iter().collect())
}

/// Whether a text, which may hold a pattern or a group for the name of a thing, stands for a path such as `bucket.lake`.
pub fn stands_for_path(text: &str, path: &str, groups: &IndexMap<String, GroupSettings>) -> bool {
    let plain = |text: &str| text.replace('"', "");
    let (text, path) = (plain(text), plain(path));
    let Some((table, rest)) = text.split_once(&format!(".{GROUP_MARK}")) else {
        return fits(&text, &path);
    };
    let Some(kind) = NamedKind::of(table).and_then(|kind| kind.many) else {
        return false;
    };
    // The longest name of a group that the rest begins with.
    let mut named = groups.iter().filter(|(name, _)| {
        let after = rest.strip_prefix(name.as_str());
        after.is_some_and(|after| after.is_empty() || after.starts_with('.'))
    });
    named.any(|(name, group)| {
        let key = &rest[name.len()..];
        let mut members = group.gathers(kind).iter();
        members.any(|member| fits(&format!("{table}.{member}{key}"), &path))
    })
}

/// A list of names, patterns and groups of one kind, as names; `None` if there is no such key.
pub(super) fn listed<'k>(
    r: &mut Reader<'_>,
    key: &str,
    kind: NamedKind,
    known: impl Iterator<Item = &'k str>,
    groups: &IndexMap<String, GroupSettings>,
) -> Option<Vec<String>> {
    let is_many = match r.value(key).map(|value| &value.node) {
        Some(Node::Array(all)) => all.iter().filter_map(as_text).any(stands_for_many),
        Some(_) | None => false,
    };
    if !is_many {
        return r.references(key, known);
    }
    let known: Vec<&str> = known.collect();
    let texts: Vec<String> = r.optional(key)?;
    let mut names: Vec<String> = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        match named(
            kind,
            text,
            &known,
            groups,
            &format!("{}[{i}]", r.path_of(key)),
        ) {
            Ok(found) => {
                for name in found {
                    if !names.iter().any(|n| n == name) {
                        names.push(name.to_owned());
                    }
                }
            }
            Err(fault) => {
                let place = element(r, key, i);
                r.faults().push(fault.at(place));
            }
        }
    }
    Some(names)
}

fn unknown_group<'k>(group: &str, known: impl Iterator<Item = &'k str>, path: &str) -> Diagnostic {
    let known: Vec<&str> = known.collect();
    let help = match did_you_mean(group, known.iter().copied()) {
        Some(near) => format!("did you mean `{GROUP_MARK}{near}`?"),
        None if known.is_empty() => format!("write a `[group.{}]`", key_text(group)),
        None => format!("groups: {}", known.join(", ")),
    };
    Diagnostic::error(
        Code::UnknownName,
        format!("unknown group `{group}` in `{path}`"),
    )
    .help(help)
}

fn gathers_none(kind: NamedKind, group: &str) -> Diagnostic {
    let message = format!("`group.{}` gathers no {}", key_text(group), kind.words());
    let help = match kind.many {
        Some(many) => format!("list them there: `{many} = [\"…\"]`"),
        None => "groups gather buckets, keys, workloads, requesters and log groups".to_owned(),
    };
    Diagnostic::error(Code::UnknownName, message).help(help)
}

/// Where the element of a list is.
fn element(r: &mut Reader<'_>, key: &str, index: usize) -> crate::input::diagnostic::Place {
    match r.value(key).map(|value| &value.node) {
        Some(Node::Array(all)) => all
            .get(index)
            .map_or_else(|| r.place_of(key), |v| v.place.clone()),
        Some(_) | None => r.place_of(key),
    }
}

/// The names among `names` that a pattern or a group stands for, whose definition is in `document`.
///
/// Groups whose lists are at fault may stand for nothing; their own reader says why.
///
/// # Errors
/// It stands for nothing; the fault has no place yet.
pub(super) fn members<'n>(
    kind: NamedKind,
    pattern: &str,
    document: &Table,
    names: &'n [String],
) -> Result<Vec<&'n str>, Diagnostic> {
    let all = || names.iter().map(String::as_str);
    let Some(group) = pattern.strip_prefix(GROUP_MARK) else {
        let found: Vec<&str> = all().filter(|name| fits(pattern, name)).collect();
        if found.is_empty() {
            let known: Vec<&str> = all().collect();
            return Err(no_match(kind, pattern, &known));
        }
        return Ok(found);
    };
    let groups = match document.get("group").map(|value| &value.node) {
        Some(Node::Table(groups)) => Some(groups),
        Some(_) | None => None,
    };
    let Some(written) = groups.and_then(|groups| groups.get(group)) else {
        let known = groups
            .into_iter()
            .flat_map(|groups| groups.entries.keys().map(String::as_str));
        let path = format!("{}.{}", kind.table, key_text(pattern));
        return Err(unknown_group(group, known, &path));
    };
    // What is written otherwise is for the group's own reader to refuse.
    let texts = |key: &str| -> Option<Vec<&str>> {
        let Node::Table(table) = &written.node else {
            return Some(Vec::new());
        };
        let Node::Array(all) = &table.get(key)?.node else {
            return Some(Vec::new());
        };
        Some(all.iter().filter_map(as_text).collect())
    };
    let many = kind.many.unwrap_or_default();
    let Some(listed) = texts(many).filter(|_| kind.many.is_some()) else {
        return Err(gathers_none(kind, group));
    };
    let except = texts(EXCEPT).unwrap_or_default();
    let found = all().filter(|name| listed.iter().any(|text| fits(text, name)));
    Ok(found
        .filter(|name| !except.iter().any(|text| fits(text, name)))
        .collect())
}

fn as_text(value: &Value) -> Option<&str> {
    match &value.node {
        Node::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::{Cases, FLEET};

    pub(crate) fn add(cases: &mut Cases) {
        for (key, before, set, differs) in [
            (
                "buckets",
                "bucket.\"@g\".key=k",
                "group.g.buckets=[\"b*\"]",
                "by_key",
            ),
            (
                "keys",
                "key.\"@g\".disabled_at=2s",
                "group.g.keys=[\"k2\"]",
                "s3_requests_failed_or_app",
            ),
            (
                "workloads",
                "workload.\"@g\".growth=3",
                "group.g.workloads=[\"w*\"]",
                "kms_calls",
            ),
            (
                "requesters",
                "requester.\"@g\".access_revoked_at=2s",
                "group.g.requesters=[\"r2\"]",
                "app_requests_denied",
            ),
            (
                "log_groups",
                "log_group.\"@g\".queries=9",
                "group.g.log_groups=[\"*2\"]",
                "kms_calls",
            ),
        ] {
            // A pattern in `--set` stands for what the group gathers at that time.
            let pattern = before;
            cases.key(
                format!("group.NAME.{key}"),
                FLEET,
                &[],
                &[set, pattern],
                differs,
            );
        }
        cases.key(
            "group.NAME.except",
            FLEET,
            &["group.g.workloads=[\"w*\"]"],
            &["group.g.except=[\"writes\"]", "workload.\"@g\".growth=3"],
            "kms_calls",
        );
        let mut broken = |code, group: &str, at, words: &[&'static str]| {
            cases.broken(
                code,
                "[key.far]",
                format!("[group.g]\n{group}\n[key.far]"),
                at,
                words,
            );
        };
        broken(
            Code::MissingKey,
            "",
            "[group.g]",
            &["`group.g` gathers nothing", "`buckets = [\"logs-*\"]`"],
        );
        broken(
            Code::UnknownName,
            "buckets = [\"lgos\"]",
            "\"lgos\"",
            &["unknown name `lgos` in `group.g.buckets[0]`", "`logs`"],
        );
        broken(
            Code::UnknownName,
            "keys = [\"x*\"]",
            "\"x*\"",
            &["`x*` matches no key"],
        );
        broken(
            Code::UnknownName,
            "keys = [\"*\"]\nexcept = [\"logs\"]",
            "\"logs\"]\n[key.far]",
            &["`logs` takes nothing out of `group.g`"],
        );
        broken(
            Code::MissingKey,
            "keys = [\"f*\"]\nexcept = [\"*\"]",
            "[\"*\"]\n[key.far]",
            &["`except` takes everything out"],
        );
        broken(
            Code::Contradiction,
            "keys = [\"@h\"]\n[group.h]\nkeys = [\"main\"]",
            "\"@h\"",
            &["`group.g.keys[0]` is the group `@h`"],
        );
        broken(
            Code::WrongType,
            "keys = \"main\"",
            "\"main\"\n[key.far]",
            &["`group.g.keys`"],
        );
        broken(
            Code::UnknownKey,
            "keys = [\"main\"]\nbucket = [\"logs\"]",
            "bucket = [",
            &["unknown key `bucket` in `group.g`", "`buckets`"],
        );
    }
}
