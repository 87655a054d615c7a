//! `[variant.NAME]`: what each variant changes, laid over the base.

use super::access::{Access, RequestKind};
use super::extends::Chains;
use super::group::members;
use super::language::overlay;
use super::layer::{Layering, written_names};
use super::named_kind::{NamedKind, stands_for_many};
use super::settings::Scenario;
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::input::document::{Node, Table};
use crate::input::files::Files;
use crate::input::setting::Setting;
use crate::model::Plan;
use std::collections::HashMap;
use std::sync::OnceLock;

/// One variant.
#[derive(Debug)]
pub struct Variant {
    /// As written, defaults filled in.
    pub scenario: Scenario,
    /// As simulated.
    pub plan: Plan,
    /// What each class of the plan is, once somebody asks.
    requests: OnceLock<Vec<RequestKind>>,
}

impl Variant {
    pub(super) fn new(scenario: Scenario, plan: Plan) -> Variant {
        Variant {
            scenario,
            plan,
            requests: OnceLock::new(),
        }
    }

    /// What each class of the plan is: its calls, and what policies say. A run needs none of it, and a trace may have a
    /// million requesters: policies are asked again where this is shown.
    pub fn requests(&self) -> &[RequestKind] {
        self.requests
            .get_or_init(|| request_kinds(&self.scenario, &self.plan))
    }
}

fn request_kinds(scenario: &Scenario, plan: &Plan) -> Vec<RequestKind> {
    let access = Access::new(scenario);
    let log_group_of = |workload: usize| {
        let mut log_groups = plan.log_groups.iter();
        let log_group = log_groups.find(|group| group.workloads.contains(&workload))?;
        scenario.log_group.get_key_value(&log_group.name)
    };
    let classes = plan.classes.iter().filter_map(|class| {
        if let Some((_, settings)) = scenario.workload.get_index(class.workload) {
            let requester = &plan.requesters[class.requester];
            return Some(access.request_kind(settings, &class.operation, requester));
        }
        let (name, group) = log_group_of(class.workload)?;
        let operation = class.operation.parse().ok()?;
        Some(access.log_group_request(name, group, operation))
    });
    classes.collect()
}

/// A variant's document, every layer laid.
#[derive(Clone, Debug)]
pub(super) struct LaidVariant {
    pub name: String,
    pub document: Table,
    /// Whether nothing of it is lost to a fault.
    pub is_whole: bool,
}

/// A variant's document with tables laid over it, in order, and then keys set, `path=value`.
pub(super) fn change(
    document: &Table,
    over: &[Table],
    sets: &[String],
    layering: &mut Layering<'_>,
) -> Result<Table, Vec<Diagnostic>> {
    let mut changed = match over {
        [] => document.clone(),
        [first, ..] => layering.lay(document, first).document,
    };
    for over in over.iter().skip(1) {
        changed = layering.lay(&changed, over).document;
    }
    let faults = sets.iter().filter_map(|argument| {
        let setting = layering
            .diagnostics
            .with_sources(|sources| Setting::parse(sources, argument));
        setting
            .and_then(|setting| set(&mut changed, &setting, layering.files))
            .err()
    });
    let faults: Vec<Diagnostic> = faults.collect();
    if faults.is_empty() {
        Ok(changed)
    } else {
        Err(faults)
    }
}

/// Applies a `--set` to a document; one whose path has a pattern or a group, to every thing that this stands for.
pub(super) fn set(
    document: &mut Table,
    setting: &Setting,
    files: &Files,
) -> Result<(), Diagnostic> {
    let keys: Vec<&str> = setting.path.iter().map(|s| s.key.as_str()).collect();
    // Where the kind and the name are, and the variant whose things they are.
    let (at, variant) = match keys.as_slice() {
        ["variant", variant, _, _, ..] => (2, Some((*variant).to_owned())),
        [_, _, ..] => (0, None),
        _ => return setting.apply(document),
    };
    let Some(kind) = NamedKind::of(keys[at]).filter(|_| stands_for_many(keys[at + 1])) else {
        return setting.apply(document);
    };
    let pattern = keys[at + 1].to_owned();
    let place = setting.path[at + 1].place.clone();
    let mut names = written_names(document, kind, files);
    let mut whole = document.clone();
    let all = whole.entries.shift_remove("variant");
    if let (Some(variant), Some(Node::Table(all))) = (&variant, all.as_ref().map(|e| &e.value.node))
    {
        let chains = Chains::read(all, &Diagnostics::new());
        for layer in chains.layers(variant) {
            for name in written_names(layer, kind, files) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            whole = overlay(&whole, layer);
        }
    }
    let found = members(kind, &pattern, &whole, &names).map_err(|fault| fault.at(place))?;
    for name in found {
        let mut one = setting.clone();
        name.clone_into(&mut one.path[at + 1].key);
        one.apply(document)?;
    }
    Ok(())
}

/// Takes `variant` out of the file and shows each laid over what is left, one after another; without any, that is the one
/// variant.
pub(super) fn variants(
    file: &mut Table,
    layering: &mut Layering<'_>,
    mut show: impl FnMut(LaidVariant),
) {
    let diagnostics = layering.diagnostics;
    let entry = file.entries.shift_remove("variant");
    let base = layering.lay(&Table::empty(file.place.clone()), file);
    let Some(entry) = entry else {
        return show(LaidVariant {
            name: "base".to_owned(),
            document: base.document,
            is_whole: base.is_whole,
        });
    };
    let Node::Table(all) = &entry.value.node else {
        diagnostics.push(
            Diagnostic::error(
                Code::WrongType,
                format!("`variant` is {}, not a table", entry.value.node.describe()),
            )
            .at(entry.value.place.clone())
            .help("write `[variant.NAME]` and below it what the variant changes"),
        );
        return;
    };
    if all.entries.is_empty() {
        diagnostics.push(
            Diagnostic::error(Code::MissingKey, "`variant` is empty")
                .at(entry.value.place.clone())
                .help("write `[variant.NAME]` and below it what the variant changes, or drop `variant`"),
        );
    }
    let chains = Chains::read(all, diagnostics);
    let mut laid = HashMap::new();
    for name in chains.of.keys() {
        let of_variant = chains.laid(name, &base, layering, &mut laid);
        show(LaidVariant {
            name: (*name).to_owned(),
            document: of_variant.document,
            is_whole: of_variant.is_whole,
        });
    }
}

/// What each variant lays over the base, layer by layer, names only: of those on which it builds what they change too,
/// but for the layers of the variant `but`.
pub(super) fn changes_of_each(
    file: &mut Table,
    but: &str,
    layering: &mut Layering<'_>,
) -> Vec<(String, Vec<Table>)> {
    let entry = file.entries.shift_remove("variant");
    let Some(Node::Table(all)) = entry.as_ref().map(|entry| &entry.value.node) else {
        return Vec::new();
    };
    let base = layering.lay(&Table::empty(file.place.clone()), file);
    let chains = Chains::read(all, layering.diagnostics);
    let (present, _) = chains.order(but);
    let each = chains.of.keys().map(|name| {
        let mut document = base.document.clone();
        let mut changes = Vec::new();
        for layer in chains.order(name).0 {
            let (over, _) = layering.of_names(&document, &chains.of[layer].own);
            document = overlay(&document, &over);
            if !present.contains(layer) {
                changes.push(over);
            }
        }
        ((*name).to_owned(), changes)
    });
    each.collect()
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::Cases;

    pub(crate) fn add(cases: &mut Cases) {
        cases.broken(
            Code::UnknownKey,
            "[variant.more.workload.reads]",
            "[variant.more.workload.reads]\nclint = 4",
            "clint",
            &["unknown key `clint` in `workload.reads`"],
        );
        cases.broken(
            Code::WrongType,
            "[variant.today]",
            "[variant]\ntoday = 1",
            "1\n\n[variant.more",
            &["`variant.today`", "the integer 1"],
        );
        cases.broken(
            Code::Contradiction,
            "[variant.today]",
            "[variant.today]\nseed = 8",
            "seed = 8",
            &["`variant.today` sets `seed`"],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use crate::input::diagnostic::Sources;
    use crate::input::document;
    use crate::input::reader::NAME;
    use crate::scenario::language::OUTLINE;
    use crate::scenario::{Changeable, Loaded, ScenarioError, load};
    use std::collections::BTreeSet;

    /// Every word that means something somewhere: keys, tables, alternatives.
    fn words() -> BTreeSet<&'static str> {
        let keys = OUTLINE.keys.iter();
        let words = keys.flat_map(|key| key.split('.'));
        words
            .map(|word| word.trim_end_matches("[]"))
            .filter(|&word| word != NAME)
            .collect()
    }

    /// Every place where the user chooses a name, by the keys that lead there: `["bucket"]`.
    fn places_of_names() -> BTreeSet<Vec<&'static str>> {
        let mut places = BTreeSet::new();
        for key in &OUTLINE.keys {
            let keys: Vec<&str> = key.split('.').collect();
            for (i, _) in keys.iter().enumerate().filter(|(_, key)| **key == NAME) {
                places.insert(keys[..i].to_vec());
            }
        }
        places
    }

    fn table(text: &str) -> Table {
        document::parse(&mut Sources::new(), "t.toml", text).unwrap()
    }

    #[test]
    fn what_a_variant_leaves_alone_survives_under_every_name() {
        let places = places_of_names();
        let names: Vec<String> = places.iter().map(|place| place.join(".")).collect();
        for table in [
            "account",
            "bucket",
            "key",
            "key_store",
            "log_group",
            "price",
            "quota",
            "requester",
            "threshold",
            "trail",
            "workload",
        ] {
            assert!(names.iter().any(|name| name == table), "{table}: {names:?}");
        }
        assert!(words().len() > 150 && words().contains("cache") && words().contains("poisson"));
        for place in &names {
            for word in words() {
                let base = table(&format!("[{place}.{word}]\nchanged = 1\nkept = 2\n"));
                let over = table(&format!("{place}.{word}.changed = 3\n"));
                let both = table(&format!("[{place}.{word}]\nchanged = 3\nkept = 2\n"));
                let merged = overlay(&base, &over);
                assert_eq!(merged.plain(), both.plain(), "{place}.{word}");
            }
        }
    }

    #[test]
    fn an_alternative_is_replaced_as_a_whole_under_every_name() {
        for choice in &OUTLINE.choices {
            for word in words() {
                let path = choice.replace(NAME, word);
                let base = table(&format!("{path}.one.a = 1\n"));
                let other = table(&format!("{path}.two.b = 2\n"));
                assert_eq!(overlay(&base, &other).plain(), other.plain(), "{path}");
                let same = table(&format!("{path}.one.b = 2\n"));
                let both = table(&format!("[{path}.one]\na = 1\nb = 2\n"));
                assert_eq!(overlay(&base, &same).plain(), both.plain(), "{path}");
            }
        }
    }

    #[test]
    fn choices_are_what_the_reader_chooses_among() {
        let choices: Vec<&str> = OUTLINE.choices.iter().map(String::as_str).collect();
        for choice in [
            "assumption.kms_latency",
            "bucket.NAME.archive_age",
            "quota.NAME.limiter",
            "retry",
            "workload.NAME.arrivals",
            "workload.NAME.branch_key_cache.cache",
            "workload.NAME.branch_key_cache.scope",
            "workload.NAME.data_key_cache.scope",
            "workload.NAME.job.think_time",
            "workload.NAME.message_size",
            "workload.NAME.popularity",
            "workload.NAME.retry",
        ] {
            assert!(choices.contains(&choice), "{choice}: {choices:?}");
        }
    }

    /// A workload and a bucket called `name`, and a variant called so that changes one key of each.
    fn scenario(name: &str, changes: &str) -> Input {
        let text = format!(
            "horizon = \"5s\"\nregion = \"us-east-1\"\n[key.{name}]\nid = \"x\"\n\
             [bucket.{name}]\nkey = \"{name}\"\nbucket_key = true\narchived_bucket_keys = 1\n\
             [workload.{name}]\nbucket = \"{name}\"\noperations.GetObject = 1\npopularity.uniform.objects = 9\narrivals.poisson.rate = 1\nclients = 3\n\
             {changes}"
        );
        Input::from_text("t", text)
    }

    fn read(loaded: Result<Loaded, ScenarioError>) -> Scenario {
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
        loaded.variants.into_iter().next().unwrap().scenario
    }

    #[test]
    fn a_file_is_read_once_however_often_and_by_whomever_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("t.csv"), "time\n0\n1\n").unwrap();
        let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}"#;
        std::fs::write(at("p.json"), policy).unwrap();
        let text = "horizon = \"5s\"\nregion = \"us-east-1\"\n[key.k]\npolicy = \"p.json\"\n\
                    [workload.w]\nkey = \"k\"\noperations.Decrypt = 1\ntrace.file = \"t.csv\"\nclients = 1\n\
                    [variant.a]\n[variant.b.workload.w.trace]\nrate_scale = 2.0\n";
        let input = Input::from_text("one", text).in_folder(folder.path());
        let other = Input::from_text("two", text).in_folder(folder.path());
        let other = other.sharing_files_with(&input.files);
        let loaded = load(&input, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.variants.len(), 2);
        // What is no longer there can only have been read before.
        std::fs::remove_file(at("t.csv")).unwrap();
        std::fs::remove_file(at("p.json")).unwrap();
        let sets = ["workload.w.growth=3".to_owned()];
        let over = [table("workload.w.trace.time_scale = 0.5")];
        for input in [&input, &other] {
            read(load(input, &[]));
            let b = Changeable::new(input, &[], "b").unwrap_or_else(|error| panic!("{error}"));
            read(b.with(&over, &sets));
        }
    }

    #[test]
    fn a_scenario_whose_names_are_words_of_the_language_keeps_its_base() {
        for name in words() {
            let file = scenario(
                name,
                &format!(
                    "[variant.{name}.bucket.{name}]\narchived_bucket_keys = 7\n[variant.{name}.workload.{name}]\nclients = 4\n"
                ),
            );
            let by_file = read(load(&file, &[]));
            let plain = scenario(name, "");
            let sets = [
                format!("bucket.{name}.archived_bucket_keys=7"),
                format!("workload.{name}.clients=4"),
            ];
            let by_set = read(load(&plain, &sets));
            let over = [table(&format!("bucket.{name}.archived_bucket_keys = 7"))];
            let base = Changeable::new(&plain, &[], "base");
            let base = base.unwrap_or_else(|error| panic!("{error}"));
            let by_change = read(base.with(&over, &sets[1..]));
            for read in [by_file, by_set, by_change] {
                let bucket = &read.bucket[name];
                assert!(bucket.bucket_key, "{name}");
                assert_eq!(bucket.archived_bucket_keys, Some(7), "{name}");
                assert_eq!(read.workload[name].clients, 4, "{name}");
            }
        }
    }
}
