//! `[variant.NAME]`: what each variant changes, laid over the base.

use super::run_settings::RUN_KEYS;
use super::settings::Scenario;
use crate::input::diagnostic::{Code, Diagnostic, Sources};
use crate::input::document::{self, Node, Table, key_text};
use crate::input::reader::Diagnostics;
use crate::model::Plan;

/// Tables that hold exactly one alternative, which a variant replaces as a whole.
const CHOICE_KEYS: [&str; 12] = [
    "arrivals",
    "retry",
    "limiter",
    "popularity",
    "message_size",
    "archive_age",
    "scope",
    "cache",
    "think_time",
    "kms_latency",
    "s3_latency",
    "throttled_latency",
];

/// One variant.
#[derive(Debug)]
pub struct Variant {
    /// As written, defaults filled in.
    pub scenario: Scenario,
    /// As simulated.
    pub plan: Plan,
}

/// What is changed in one variant of a file, after everything that the file and its `--set` arguments say.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The variant, the only one that is read; `base` in a file without any.
    pub variant: String,
    /// Tables laid over it, in order.
    pub over: Vec<Table>,
    /// `path=value`, in order.
    pub sets: Vec<String>,
}

/// Keeps the variant of the changes and applies them.
pub(super) fn change(
    tables: &mut Vec<(String, Table)>,
    changes: &Changes,
    sources: &mut Sources,
) -> Result<(), Vec<Diagnostic>> {
    let known: Vec<String> = tables.iter().map(|(name, _)| name.clone()).collect();
    tables.retain(|(name, _)| *name == changes.variant);
    let Some((_, table)) = tables.first_mut() else {
        return Err(vec![
            Diagnostic::error(
                Code::UnknownName,
                format!("there is no variant `{}`", changes.variant),
            )
            .help(format!("variants: {}", known.join(", "))),
        ]);
    };
    for over in &changes.over {
        *table = document::overlay(table, over, &CHOICE_KEYS);
    }
    let faults = changes
        .sets
        .iter()
        .filter_map(|argument| document::set(table, sources, argument).err());
    let faults: Vec<Diagnostic> = faults.collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Takes `variant` out of the base and lays each over it; without any, the base is the one variant.
pub(super) fn variants(base: &mut Table, diagnostics: &Diagnostics) -> Vec<(String, Table)> {
    let Some(entry) = base.entries.shift_remove("variant") else {
        return vec![("base".to_owned(), base.clone())];
    };
    let mut out = Vec::new();
    let Node::Table(all) = &entry.value.node else {
        diagnostics.push(
            Diagnostic::error(
                Code::WrongType,
                format!("`variant` is {}, not a table", entry.value.node.describe()),
            )
            .at(entry.value.place.clone())
            .help("write `[variant.NAME]` and below it what the variant changes"),
        );
        return out;
    };
    if all.entries.is_empty() {
        diagnostics.push(
            Diagnostic::error(Code::MissingKey, "`variant` names no variant")
                .at(entry.value.place.clone())
                .help("write `[variant.NAME]` and below it what the variant changes, or drop `variant`"),
        );
    }
    for (name, entry) in &all.entries {
        let Node::Table(over) = &entry.value.node else {
            diagnostics.push(
                Diagnostic::error(
                    Code::WrongType,
                    format!(
                        "`variant.{}` is {}, not a table",
                        key_text(name),
                        entry.value.node.describe()
                    ),
                )
                .at(entry.value.place.clone())
                .help(format!(
                    "write `[variant.{}]` and below it what the variant changes",
                    key_text(name)
                )),
            );
            continue;
        };
        for key in RUN_KEYS.iter().chain(&["variant"]) {
            if let Some(entry) = over.entries.get(*key) {
                diagnostics.push(
                    Diagnostic::error(Code::Contradiction, format!("`variant.{}` sets `{key}`, which holds for all variants", key_text(name)))
                        .at(entry.key.clone())
                        .help("set it at the top of the file: variants are compared over the same time and seed"),
                );
            }
        }
        out.push((name.clone(), document::overlay(base, over, &CHOICE_KEYS)));
    }
    out
}
