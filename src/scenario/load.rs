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
use super::variant::{LaidVariant, Variant, change, changes_of_each, set, variants};
use crate::input::Input;
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics, Place, Severity, Sources, in_order};
use crate::input::document::{self, Node, Table};
use crate::input::files::{Files, sha256_hex};
use crate::input::reader::Reader;
use crate::input::setting::Setting;
use crate::units::Span;
use indexmap::IndexSet;
use std::collections::HashSet;

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
    load_all(input, sets, ReadFor::Run)
}

/// As [`load`], for [`explain`](fn@crate::explain::explain) only: `horizon` and when a workload's requests come may be
/// missing, which a run cannot do without.
///
/// # Errors
/// As [`load`].
pub fn load_to_explain(input: &Input, sets: &[String]) -> Result<Loaded, ScenarioError> {
    load_all(input, sets, ReadFor::Explain)
}

fn load_all(input: &Input, sets: &[String], purpose: ReadFor) -> Result<Loaded, ScenarioError> {
    let mut variants = Vec::new();
    let loaded = load_from(input, sets, purpose, |variant| variants.push(variant))?;
    Ok(Loaded { variants, ..loaded })
}

/// As [`load`], but shows each variant as soon as it is read and keeps none: a file of any number of variants takes the
/// memory of one.
///
/// # Errors
/// As [`load`].
pub fn load_each(
    input: &Input,
    sets: &[String],
    show: impl FnMut(Variant),
) -> Result<Loaded, ScenarioError> {
    load_from(input, sets, ReadFor::Run, show)
}

fn load_from(
    input: &Input,
    sets: &[String],
    purpose: ReadFor,
    show: impl FnMut(Variant),
) -> Result<Loaded, ScenarioError> {
    ScenarioError::gather(input, |sources| {
        let mut file = parsed(input, sets, sources)?;
        let diagnostics = Diagnostics::new().about(std::mem::take(sources));
        let mut layering = Layering::new(&input.files, &diagnostics);
        let mut reading = Reading::new(input, &diagnostics, purpose, show);
        variants(&mut file, &mut layering, |laid| reading.variant(&laid));
        let (run, shared) = (reading.run, layering.shared);
        loaded(input, run, diagnostics, &shared, sources)
    })
}

/// One variant of a file with its `--set` arguments, to be read with changes, again and again.
#[derive(Clone, Debug)]
pub struct Changeable {
    input: Input,
    sources: Sources,
    /// What was found while the variants were laid.
    found: Vec<Diagnostic>,
    /// Where it is written what several things have from one place.
    shared: HashSet<Place>,
    laid: LaidVariant,
}

impl Changeable {
    /// The variant `name` of a file; `base` in a file without any.
    ///
    /// # Errors
    /// What is wrong with the file as TOML, with a `--set` argument or with what variants are laid over;
    /// [`Code::UnknownName`] where there is no such variant.
    pub fn new(input: &Input, sets: &[String], name: &str) -> Result<Changeable, ScenarioError> {
        ScenarioError::gather(input, |sources| {
            let mut file = parsed(input, sets, sources)?;
            let diagnostics = Diagnostics::new().about(std::mem::take(sources));
            let mut layering = Layering::new(&input.files, &diagnostics);
            let (mut known, mut found) = (Vec::new(), None);
            variants(&mut file, &mut layering, |laid| {
                known.push(laid.name.clone());
                found = found.take().or((laid.name == name).then_some(laid));
            });
            let shared = layering.shared;
            let is_faulty = diagnostics.has_errors();
            let reported;
            (reported, *sources) = diagnostics.into_parts();
            if is_faulty {
                return Err(in_order(&folded(reported, &shared)));
            }
            let Some(laid) = found else {
                let message = format!("unknown variant `{name}`");
                let fault = Diagnostic::error(Code::UnknownName, message);
                return Err(vec![
                    fault.help(format!("known variants: {}", known.join(", "))),
                ]);
            };
            Ok(Changeable {
                input: input.clone(),
                sources: sources.clone(),
                found: reported,
                shared,
                laid,
            })
        })
    }

    /// The variant, the only one that is read, with tables laid over it, in order, and then keys set, `path=value`.
    ///
    /// # Errors
    /// As [`load`].
    pub fn with(&self, over: &[Table], sets: &[String]) -> Result<Loaded, ScenarioError> {
        ScenarioError::gather(&self.input, |sources| {
            let diagnostics = Diagnostics::new().about(self.sources.clone());
            diagnostics.extend(self.found.iter().cloned());
            let mut layering = Layering::new(&self.input.files, &diagnostics);
            layering.shared.clone_from(&self.shared);
            let mut all = Vec::new();
            let show = |variant| all.push(variant);
            let mut reading = Reading::new(&self.input, &diagnostics, ReadFor::Run, show);
            match change(&self.laid.document, over, sets, &mut layering) {
                Ok(document) => reading.variant(&LaidVariant {
                    name: self.laid.name.clone(),
                    document,
                    is_whole: self.laid.is_whole,
                }),
                Err(faults) => diagnostics.extend(faults),
            }
            let (run, shared) = (reading.run, layering.shared);
            let loaded = loaded(&self.input, run, diagnostics, &shared, sources)?;
            Ok(Loaded {
                variants: all,
                ..loaded
            })
        })
    }

    /// Its document: the file's with what the variant changes.
    pub fn document(&self) -> &Table {
        &self.laid.document
    }
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

/// The file with its `--set` arguments.
fn parsed(input: &Input, sets: &[String], sources: &mut Sources) -> Result<Table, Vec<Diagnostic>> {
    if !may_be_scenario(&input.text) {
        // Of what is no scenario nothing is shown: it may be anything.
        let message = format!(
            "{} is not a scenario: none of its lines sets a key of one",
            input.shown
        );
        let help = "name a TOML file as docs/SCENARIO.md describes it";
        return Err(vec![Diagnostic::error(Code::Syntax, message).help(help)]);
    }
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

/// Whether a line of the text sets a key that a scenario has at its top, or there is nothing but comments.
fn may_be_scenario(text: &str) -> bool {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let mut lines = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    if lines.peek().is_none() {
        return true;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let keys: HashSet<&str> = OUTLINE
        .keys
        .iter()
        .filter_map(|k| k.split(['.', '[']).next())
        .collect();
    lines.any(|line| {
        let line = line.trim_start_matches(['[', ' ', '"', '\'']);
        let end = line.find(|c| !is_part(c)).unwrap_or(line.len());
        keys.contains(&line[..end])
    })
}

/// Variants read one after another.
struct Reading<'a, S> {
    input: &'a Input,
    diagnostics: &'a Diagnostics,
    purpose: ReadFor,
    show: S,
    /// What holds for all of them, once one could be read.
    run: Option<RunSettings>,
}

impl<'a, S: FnMut(Variant)> Reading<'a, S> {
    fn new(
        input: &'a Input,
        diagnostics: &'a Diagnostics,
        purpose: ReadFor,
        show: S,
    ) -> Reading<'a, S> {
        Reading {
            input,
            diagnostics,
            purpose,
            show,
            run: None,
        }
    }

    fn variant(&mut self, laid: &LaidVariant) {
        let before = self.diagnostics.count();
        let (settings, variant) = self.diagnostics.read(&laid.document, |r| {
            variant(&laid.name, r, &self.input.files, self.purpose)
        });
        if !laid.is_whole {
            self.diagnostics.keep_since(before, stands_alone);
        }
        self.run = self.run.take().or(settings);
        variant.into_iter().for_each(&mut self.show);
    }
}

/// What is read of a file, but for its variants.
fn loaded(
    input: &Input,
    run: Option<RunSettings>,
    diagnostics: Diagnostics,
    shared: &HashSet<Place>,
    sources: &mut Sources,
) -> Result<Loaded, Vec<Diagnostic>> {
    debug_assert!(
        diagnostics.choices().is_subset(&OUTLINE.choices),
        "a choice that a variant cannot know of"
    );
    let reported;
    (reported, *sources) = diagnostics.into_parts();
    let reported = folded(reported, shared);
    let (warnings, errors): (Vec<_>, Vec<_>) = reported
        .into_iter()
        .partition(|d| d.severity == Severity::Warning);
    match run {
        Some(run) if errors.is_empty() => {
            let messages: IndexSet<String> = in_order(&warnings)
                .iter()
                .map(|warning| in_a_sentence(warning, sources))
                .collect();
            Ok(Loaded {
                name: input.name.clone(),
                text_sha256: sha256_hex(input.text.as_bytes()),
                seed: run.seed,
                replications: run.replications,
                horizon: run.horizon,
                warm_up: run.warm_up,
                variants: Vec::new(),
                warnings: messages.into_iter().collect(),
            })
        }
        _ => Err(in_order(&errors)),
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
            let plan = plan::build(name, &scenario, run, r.faults());
            plan.map(|plan| Variant::new(scenario, plan))
        }
        _ => None,
    };
    (run, variant)
}
