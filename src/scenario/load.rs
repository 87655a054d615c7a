//! From a scenario file to plans: parse, `--set`, lay each variant over the base, read, plan.
//!
//! Every fault of every variant is found in one go; a fault of the base is told once.

use super::plan;
use super::retry::Retry;
use super::settings::{self, Home, Scenario};
use super::thresholds;
use super::workload::{Surroundings, WorkloadSettings};
use crate::input::Input;
use crate::input::diagnostic::{Code, Diagnostic, Severity, Sources};
use crate::input::document::{self, Node, Table, key_text};
use crate::input::files::Files;
use crate::input::reader::{Diagnostics, Reader};
use crate::model::Plan;
use crate::units::Span;
use std::collections::BTreeSet;

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

/// Keys that hold for the whole file.
const RUN_KEYS: [&str; 5] = ["seed", "replications", "horizon", "warm_up", "start"];

/// A scenario file, ready to run.
#[derive(Debug)]
pub struct Loaded {
    /// File stem, or `stdin`.
    pub name: String,
    /// SHA-256 of the text.
    pub text_sha256: String,
    /// Master seed.
    pub seed: u64,
    /// Replications of each variant.
    pub replications: u32,
    /// Arrivals stop here.
    pub horizon: Span,
    /// Requests before this are not counted.
    pub warm_up: Span,
    /// Variants in file order.
    pub variants: Vec<Variant>,
    /// What a reader should know, each once.
    pub warnings: Vec<String>,
    /// Every key that was asked for, as patterns (`workload.NAME.clients`).
    pub keys_known: BTreeSet<String>,
}

/// One variant.
#[derive(Debug)]
pub struct Variant {
    /// As written, defaults filled in.
    pub scenario: Scenario,
    /// As simulated.
    pub plan: Plan,
}

/// What holds for the whole file.
#[derive(Clone, Debug)]
pub(super) struct RunSettings {
    pub start: jiff::ZonedDateTime,
    pub seed: u64,
    pub replications: u32,
    pub horizon: Span,
    pub warm_up: Span,
}

/// Reads a scenario with its `--set` arguments.
///
/// # Errors
/// Every fault, in the order of the file; [`crate::input::diagnostic::render`] shows them.
pub fn load(
    input: &Input,
    sets: &[String],
    sources: &mut Sources,
) -> Result<Loaded, Vec<Diagnostic>> {
    load_changed(input, sets, sources, None)
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

/// As [`load`], one variant only and with what is changed in it.
///
/// # Errors
/// As [`load`]; [`Code::UnknownName`] where there is no such variant.
pub fn load_variant(
    input: &Input,
    sets: &[String],
    changes: &Changes,
    sources: &mut Sources,
) -> Result<Loaded, Vec<Diagnostic>> {
    load_changed(input, sets, sources, Some(changes))
}

/// The tables of a file's variants, as they are laid over its base; empty for a file without any.
///
/// # Errors
/// What is wrong with the file as TOML, or with a `--set` argument.
pub fn overrides(
    input: &Input,
    sets: &[String],
    sources: &mut Sources,
) -> Result<Vec<(String, Table)>, Vec<Diagnostic>> {
    let base = parsed(input, sets, sources)?;
    let Some(Node::Table(all)) = base.get("variant").map(|v| &v.node) else {
        return Ok(Vec::new());
    };
    let tables = all.entries.iter().filter_map(|(name, entry)| {
        let Node::Table(table) = &entry.value.node else {
            return None;
        };
        Some((name.clone(), table.clone()))
    });
    Ok(tables.collect())
}

/// The table of one variant: the file's with what the variant changes; `None` where there is none of that name.
///
/// # Errors
/// What is wrong with the file as TOML, or with a `--set` argument.
pub fn variant_table(
    input: &Input,
    sets: &[String],
    name: &str,
    sources: &mut Sources,
) -> Result<Option<Table>, Vec<Diagnostic>> {
    let mut base = parsed(input, sets, sources)?;
    let mut tables = variants(&mut base, &Diagnostics::new()).into_iter();
    Ok(tables.find(|(n, _)| n == name).map(|(_, table)| table))
}

/// The file with its `--set` arguments.
fn parsed(input: &Input, sets: &[String], sources: &mut Sources) -> Result<Table, Vec<Diagnostic>> {
    let mut base = document::parse(sources, &input.shown, &input.text)?;
    let mut faults = Vec::new();
    for argument in sets {
        if let Err(fault) = document::set(&mut base, sources, argument) {
            faults.push(fault);
        }
    }
    if faults.is_empty() {
        Ok(base)
    } else {
        Err(faults)
    }
}

/// Keeps the variant of the changes and applies them.
fn change(
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

fn load_changed(
    input: &Input,
    sets: &[String],
    sources: &mut Sources,
    changes: Option<&Changes>,
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut base = parsed(input, sets, sources)?;
    let diagnostics = Diagnostics::new();
    let mut tables = variants(&mut base, &diagnostics);
    if let Some(changes) = changes
        && !diagnostics.has_errors()
    {
        change(&mut tables, changes, sources)?;
    }
    let diagnostics = diagnostics.about(std::mem::take(sources));
    let (mut read, mut run) = (Vec::new(), None);
    for (name, table) in &tables {
        let (settings, variant) = diagnostics.read(table, |r| scenario(name, r, &input.files));
        run = run.or(settings);
        read.extend(variant);
    }
    let keys_known = diagnostics.keys_known();
    let found;
    (found, *sources) = diagnostics.into_parts();
    let (warnings, errors): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|d| d.severity == Severity::Warning);
    let warnings = crate::input::diagnostic::in_order(&warnings);
    match run {
        Some(run) if errors.is_empty() => {
            let mut told = Vec::new();
            for warning in &warnings {
                let told_as = in_a_sentence(warning, sources);
                if !told.contains(&told_as) {
                    told.push(told_as);
                }
            }
            Ok(Loaded {
                name: input.name.clone(),
                text_sha256: crate::input::files::sha256_hex(input.text.as_bytes()),
                seed: run.seed,
                replications: run.replications,
                horizon: run.horizon,
                warm_up: run.warm_up,
                variants: read,
                warnings: told,
                keys_known,
            })
        }
        _ => Err(crate::input::diagnostic::in_order(&errors)),
    }
}

/// A warning; where it has a way out, with that and its place.
fn in_a_sentence(warning: &Diagnostic, sources: &Sources) -> String {
    match (&warning.help, &warning.place) {
        (Some(help), Some(place)) => {
            format!("{}: {}; {help}", sources.locate(place), warning.message)
        }
        _ => warning.message.clone(),
    }
}

/// Takes `variant` out of the base and lays each over it; without any, the base is the one variant.
fn variants(base: &mut Table, diagnostics: &Diagnostics) -> Vec<(String, Table)> {
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

/// One variant, from its table.
fn scenario(
    name: &str,
    r: &mut Reader<'_>,
    files: &Files,
) -> (Option<RunSettings>, Option<Variant>) {
    let run = run_settings(r);
    let region = settings::top_region(r);
    let account = settings::accounts(r, files);
    let home = Home {
        accounts: &account,
        region: region.as_deref(),
        files,
    };
    let key_store = settings::key_stores(r, &home);
    let key = settings::keys(r, &home, &key_store);
    let bucket = settings::buckets(r, &home, &key);
    let log_group = settings::log_groups(r, &home, &key);
    let requester = settings::requesters(r, &home);
    let quota = settings::quotas(r, &home, &key_store);
    let assumption = settings::assumptions(r);
    let retry = Retry::read(r).unwrap_or_else(Retry::sdk_default);
    let price = settings::prices(r);
    let names: Vec<String> = match r.value("workload").map(|v| &v.node) {
        Some(Node::Table(table)) => table.entries.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let around = Surroundings {
        buckets: &bucket,
        keys: &key,
        requesters: &requester,
        workloads: &names,
        retry: &retry,
        horizon: run.as_ref().map_or(Span::from_ns(u64::MAX), |r| r.horizon),
        files,
        by_session: assumption.bucket_key_requester == settings::RequesterRule::Session
            && requester.values().any(|q| q.sessions > 1),
    };
    let before = r.faults().list().len();
    let workload = settings::complete(r.tables("workload", |name, r| {
        WorkloadSettings::read(name, r, &around)
    }));
    if workload.is_empty() && r.faults().list().len() == before {
        r.fault(
            Code::MissingKey,
            r.place_of("workload"),
            format!("variant `{name}` has no workload"),
            "write a `[workload.NAME]`, or switch one on with `enabled = true`",
        );
    }
    let threshold = thresholds::thresholds(r, &names);
    let start = run
        .as_ref()
        .map(|r| r.start.to_string())
        .unwrap_or_default();
    let scenario = Scenario {
        start,
        region,
        account,
        key_store,
        key,
        bucket,
        log_group,
        requester,
        quota,
        retry,
        workload,
        assumption,
        price,
        threshold,
    };
    let variant = match &run {
        Some(run) if !r.faults().has_errors() => {
            plan::build(name, &scenario, run, r.faults()).map(|plan| Variant { scenario, plan })
        }
        _ => None,
    };
    (run, variant)
}

fn run_settings(r: &mut Reader<'_>) -> Option<RunSettings> {
    let seed = r.or("seed", 1);
    let replications = r.or_in("replications", 10, 1..=100_000);
    let longest = Span::from_secs(10 * 366 * 86_400);
    let horizon = r.required_in("horizon", Span::from_secs(1)..=longest);
    let warm_up = r.or("warm_up", Span::ZERO);
    for key in ["horizon", "warm_up"] {
        let span = if key == "horizon" {
            horizon
        } else {
            Some(warm_up)
        };
        if let Some(span) = span
            && span.whole_seconds().is_none()
        {
            r.fault(
                Code::OutOfRange,
                r.place_of(key),
                format!("`{key}` is {span}, which is no whole number of seconds"),
                "time is cut into whole seconds",
            );
        }
    }
    if let Some(horizon) = horizon
        && warm_up >= horizon
    {
        r.fault(
            Code::Contradiction,
            r.place_of("warm_up"),
            format!("`warm_up` ({warm_up}) must be shorter than `horizon` ({horizon})"),
            "raise `horizon`, or drop `warm_up` to measure from an empty system",
        );
    }
    let text = r.or("start", "2026-01-05T00:00:00[UTC]".to_owned());
    let start = start_of(&text);
    if start.is_none() {
        r.fault(
            Code::BadUnit,
            r.place_of("start"),
            format!("`start` is `{text}`, which is no date with a time zone"),
            "write `start = \"2026-11-24T18:00:00[Europe/Berlin]\"`, or `…Z` for UTC",
        );
    }
    Some(RunSettings {
        start: start?,
        seed,
        replications,
        horizon: horizon?,
        warm_up,
    })
}

/// A date with a time zone in brackets, or an instant (taken as UTC).
fn start_of(text: &str) -> Option<jiff::ZonedDateTime> {
    if let Ok(zoned) = text.parse::<jiff::ZonedDateTime>() {
        return Some(zoned);
    }
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(instant.to_zoned_datetime(jiff::tz::TimeZone::UTC))
}
