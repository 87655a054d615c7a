//! What is wrong with an input, where, and what to do about it.
//!
//! A [`Diagnostic`] has a [`Code`], a sentence with the values in question, a [`Place`] in one of
//! the [`Sources`] and a fix. Faults are gathered, never printed here:
//! [`render`](super::render::render) turns all of them into one text with the lines concerned underlined,
//! [`Diagnostic::one_line`] into one line for machines.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};

pub use super::code::Code;
use super::named_file::NamedBy;
pub use super::source::{Place, SourceId, Sources};

/// Whether the input can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It cannot be used.
    Error,
    /// It can be used, but something deserves a look.
    Warning,
}

impl Severity {
    /// "error" or "warning".
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One fault or warning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// What kind of fault.
    pub code: Code,
    /// Whether the input can still be used.
    pub severity: Severity,
    /// One sentence with the values in question, without a full stop.
    pub message: String,
    /// Where it is; `None` if it is in no text.
    pub place: Option<Place>,
    /// Other places that have to do with it, and why.
    pub more: Vec<(Place, String)>,
    /// The fix.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error that says `message`.
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            place: None,
            more: Vec::new(),
            help: None,
        }
    }

    /// A warning that says `message`.
    pub fn warning(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, message)
        }
    }

    /// Puts it at `place`.
    #[must_use]
    pub fn at(mut self, place: Place) -> Diagnostic {
        self.place = Some(place);
        self
    }

    /// Points at another place that has to do with it.
    #[must_use]
    pub fn and_at(mut self, place: Place, why: impl Into<String>) -> Diagnostic {
        self.more.push((place, why.into()));
        self
    }

    /// Adds the fix.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// `file:line:column: error[code]: message`.
    pub fn one_line(&self, sources: &Sources) -> String {
        let fault = format!("{}[{}]: {}", self.severity.name(), self.code, self.message);
        match &self.place {
            Some(place) => format!("{}: {fault}", sources.locate(place)),
            None => fault,
        }
    }
}

/// The diagnostics by source and position, those without a place first, each only once.
pub fn in_order(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut seen = HashSet::new();
    let mut ordered: Vec<Diagnostic> = diagnostics
        .iter()
        .filter(|diagnostic| seen.insert(*diagnostic))
        .cloned()
        .collect();
    ordered.sort_by_key(|diagnostic| {
        let position = diagnostic
            .place
            .as_ref()
            .map(|place| (place.source, place.range.start));
        (position, diagnostic.severity, diagnostic.code)
    });
    ordered
}

/// The faults found so far and the keys asked for so far; shared by all readers of a file.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: RefCell<Vec<Diagnostic>>,
    /// How many of them are more than warnings.
    errors: Cell<usize>,
    keys: RefCell<BTreeSet<String>>,
    choices: RefCell<BTreeSet<String>>,
    sources: RefCell<Sources>,
    is_outline: bool,
}

impl Diagnostics {
    /// No faults, no keys.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// For a reading of nothing, only to know what is asked for.
    pub(super) fn outline() -> Diagnostics {
        Diagnostics {
            is_outline: true,
            ..Diagnostics::default()
        }
    }

    /// Whether somebody looks at the keys that are asked for: an outline, or what is held to one while kmsim is tested.
    pub(super) fn notes_keys(&self) -> bool {
        self.is_outline || cfg!(debug_assertions)
    }

    /// Whether readers are to look into every table, as if it were there.
    pub(super) fn is_outline(&self) -> bool {
        self.is_outline
    }

    /// The same, with the texts that settings came from so far.
    #[must_use]
    pub fn about(self, sources: Sources) -> Diagnostics {
        Diagnostics {
            sources: RefCell::new(sources),
            ..self
        }
    }

    /// Adds a file that a setting points to, by the name to show and its text; once, however often
    /// it is named.
    pub fn add_file(&self, name: &str, text: &str) -> SourceId {
        self.sources.borrow_mut().add_file(name, text)
    }

    /// Who wrote what is at this place.
    pub fn named_by(&self, place: &Place) -> NamedBy {
        if self.sources.borrow().is_argument(place.source) {
            NamedBy::CommandLine
        } else {
            NamedBy::Scenario
        }
    }

    /// Records a fault or warning.
    pub fn push(&self, diagnostic: Diagnostic) {
        let is_error = diagnostic.severity == Severity::Error;
        self.errors.set(self.errors.get() + usize::from(is_error));
        self.list.borrow_mut().push(diagnostic);
    }

    /// Records several.
    pub fn extend(&self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|d| self.push(d));
    }

    /// Whether there is a fault that is more than a warning.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// Takes back what turned out to follow from another fault.
    pub(super) fn retract(&self, follows: impl Fn(&Diagnostic) -> bool) {
        self.list.borrow_mut().retain(|fault| !follows(fault));
        self.recount();
    }

    fn recount(&self) {
        let list = self.list.borrow();
        let errors = list.iter().filter(|d| d.severity == Severity::Error);
        self.errors.set(errors.count());
    }

    /// How many faults there are that are more than warnings.
    pub fn errors(&self) -> usize {
        self.errors.get()
    }

    /// How many faults and warnings there are.
    pub fn count(&self) -> usize {
        self.list.borrow().len()
    }

    /// Takes back what was recorded after the first `count` and is not to be kept; warnings stay.
    pub fn keep_since(&self, count: usize, keep: impl Fn(&Diagnostic) -> bool) {
        let mut index = 0;
        self.list.borrow_mut().retain(|fault| {
            index += 1;
            index <= count || fault.severity == Severity::Warning || keep(fault)
        });
        self.recount();
    }

    /// What `f` makes of the texts that settings came from, to which it may add.
    pub fn with_sources<R>(&self, f: impl FnOnce(&mut Sources) -> R) -> R {
        f(&mut self.sources.borrow_mut())
    }

    /// A copy of what was recorded, in the order it was found.
    pub fn list(&self) -> Vec<Diagnostic> {
        self.list.borrow().clone()
    }

    /// What was recorded, in the order it was found.
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.list.into_inner()
    }

    /// What was recorded, in the order it was found, and the texts it is about.
    pub fn into_parts(self) -> (Vec<Diagnostic>, Sources) {
        (self.list.into_inner(), self.sources.into_inner())
    }

    /// Every key ever asked for, where that is noted, with `NAME` for the names in maps and `[]` for places in lists:
    /// `workload.NAME.arrivals.poisson.rate`.
    pub fn keys_known(&self) -> BTreeSet<String> {
        self.keys.borrow().clone()
    }

    /// Every key under which exactly one alternative stands, as patterns: `workload.NAME.arrivals`.
    pub fn choices(&self) -> BTreeSet<String> {
        self.choices.borrow().clone()
    }

    /// Notes that a key is asked for, by its pattern.
    pub(super) fn asks_for(&self, pattern: String) {
        self.keys.borrow_mut().insert(pattern);
    }

    /// Notes that exactly one alternative stands under a key, by its pattern.
    pub(super) fn asks_for_choice(&self, pattern: &str) {
        self.choices.borrow_mut().insert(pattern.to_owned());
    }
}
