//! From a scenario file to plans: parse, `--set`, lay each variant over the base, read, plan.
//!
//! Every fault of every variant is found in one go; a fault of the base is reported once.

use super::error::ScenarioError;
use super::folding::{folded, stands_alone};
use super::language::OUTLINE;
use super::layer::Layering;
use super::plan;
use super::run_settings::{ReadFor, RunSettings};
use super::settings::Scenario;
use super::variant::{Changes, LaidVariant, Variant, change, changes_of_each, set, variants};
use crate::input::Input;
use crate::input::diagnostic::{Diagnostic, Diagnostics, Severity, Sources};
use crate::input::document::{self, Node, Table};
use crate::input::files::Files;
use crate::input::reader::Reader;
use crate::input::setting::Setting;
use crate::units::Span;

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
}

/// Reads a scenario with its `--set` arguments.
///
/// # Errors
/// Every fault, in the order of the file.
pub fn load(input: &Input, sets: &[String]) -> Result<Loaded, ScenarioError> {
    ScenarioError::gather(input, |sources| {
        load_changed(input, sets, sources, None, ReadFor::Run)
    })
}

/// As [`load`], for [`explain`](fn@crate::explain::explain) only: `horizon` and when a workload's requests come may be
/// missing, which a run cannot do without.
///
/// # Errors
/// As [`load`].
pub fn load_to_explain(input: &Input, sets: &[String]) -> Result<Loaded, ScenarioError> {
    ScenarioError::gather(input, |sources| {
        load_changed(input, sets, sources, None, ReadFor::Explain)
    })
}

/// As [`load`], one variant only and with what is changed in it.
///
/// # Errors
/// As [`load`]; [`Code::UnknownName`](crate::input::diagnostic::Code::UnknownName) where there is no such variant.
pub fn load_variant(
    input: &Input,
    sets: &[String],
    changes: &Changes,
) -> Result<Loaded, ScenarioError> {
    ScenarioError::gather(input, |sources| {
        load_changed(input, sets, sources, Some(changes), ReadFor::Run)
    })
}

/// Whether a file names variants.
///
/// # Errors
/// What is wrong with the file as TOML, or with a `--set` argument.
pub fn has_variants(input: &Input, sets: &[String]) -> Result<bool, ScenarioError> {
    let base = ScenarioError::gather(input, |sources| parsed(input, sets, sources))?;
    let all = base.get("variant").map(|v| &v.node);
    Ok(matches!(all, Some(Node::Table(all)) if !all.entries.is_empty()))
}

/// What each variant of a file lays over its base, layer by layer, but for what the variant `but` lays over it too; empty
/// for a file without any.
///
/// # Errors
/// What is wrong with the file as TOML, or with a `--set` argument.
pub fn overrides(
    input: &Input,
    sets: &[String],
    but: &str,
) -> Result<Vec<(String, Vec<Table>)>, ScenarioError> {
    let mut base = ScenarioError::gather(input, |sources| parsed(input, sets, sources))?;
    let diagnostics = Diagnostics::new();
    let mut layering = Layering::new(&input.files, &diagnostics);
    Ok(changes_of_each(&mut base, but, &mut layering))
}

/// The table of one variant: the file's with what the variant changes; `None` where there is none of that name.
///
/// # Errors
/// What is wrong with the file as TOML, or with a `--set` argument.
pub fn variant_table(
    input: &Input,
    sets: &[String],
    name: &str,
) -> Result<Option<Table>, ScenarioError> {
    let mut base = ScenarioError::gather(input, |sources| parsed(input, sets, sources))?;
    let diagnostics = Diagnostics::new();
    let mut layering = Layering::new(&input.files, &diagnostics);
    let mut all = variants(&mut base, &mut layering).into_iter();
    Ok(all.find(|v| v.name == name).map(|v| v.document))
}

/// The file with its `--set` arguments.
fn parsed(input: &Input, sets: &[String], sources: &mut Sources) -> Result<Table, Vec<Diagnostic>> {
    let mut base = document::parse(sources, &input.shown, &input.text)?;
    let mut faults = Vec::new();
    for argument in sets {
        let setting = Setting::parse(sources, argument);
        if let Err(fault) = setting.and_then(|s| set(&mut base, &s, &input.files)) {
            faults.push(fault);
        }
    }
    if faults.is_empty() {
        Ok(base)
    } else {
        Err(faults)
    }
}

fn load_changed(
    input: &Input,
    sets: &[String],
    sources: &mut Sources,
    changes: Option<&Changes>,
    purpose: ReadFor,
) -> Result<Loaded, Vec<Diagnostic>> {
    let mut file = parsed(input, sets, sources)?;
    let diagnostics = Diagnostics::new().about(std::mem::take(sources));
    let mut layering = Layering::new(&input.files, &diagnostics);
    let mut laid = variants(&mut file, &mut layering);
    if let Some(changes) = changes
        && !diagnostics.has_errors()
    {
        let changed = change(&mut laid, changes, &mut layering);
        if let Err(faults) = changed {
            diagnostics.extend(faults);
            laid.clear();
        }
    }
    let shared = layering.shared;
    let (mut read, mut run) = (Vec::new(), None);
    for LaidVariant {
        name,
        document,
        is_whole,
    } in &laid
    {
        let before = diagnostics.count();
        let (settings, variant) =
            diagnostics.read(document, |r| variant(name, r, &input.files, purpose));
        if !is_whole {
            diagnostics.keep_since(before, stands_alone);
        }
        run = run.or(settings);
        read.extend(variant);
    }
    debug_assert!(
        diagnostics.choices().is_subset(&OUTLINE.choices),
        "a choice that a variant cannot know of"
    );
    let reported;
    (reported, *sources) = diagnostics.into_parts();
    let reported = folded(reported, &shared);
    let (warnings, errors): (Vec<_>, Vec<_>) = reported
        .into_iter()
        .partition(|d| d.severity == Severity::Warning);
    let warnings = crate::input::diagnostic::in_order(&warnings);
    match run {
        Some(run) if errors.is_empty() => {
            let mut messages = Vec::new();
            for warning in &warnings {
                let message = in_a_sentence(warning, sources);
                if !messages.contains(&message) {
                    messages.push(message);
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
                warnings: messages,
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

/// One variant, from its table.
fn variant(
    name: &str,
    r: &mut Reader<'_>,
    files: &Files,
    purpose: ReadFor,
) -> (Option<RunSettings>, Option<Variant>) {
    let (run, scenario) = Scenario::read(name, r, files, purpose);
    let variant = match &run {
        Some(run) if !r.faults().has_errors() => {
            plan::build(name, &scenario, run, r.faults()).map(|(plan, requests)| Variant {
                scenario,
                plan,
                requests,
            })
        }
        _ => None,
    };
    (run, variant)
}
