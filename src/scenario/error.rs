//! Why a scenario cannot be used: every fault, with the texts it is about.

use crate::input::Input;
use crate::input::diagnostic::{Diagnostic, Sources};
use crate::input::render::render;
use std::fmt;

/// Every fault of a scenario and of its `--set` arguments.
///
/// It displays as [`ScenarioError::rendered`] without color.
#[derive(Clone, Debug)]
pub struct ScenarioError {
    /// What messages call the scenario.
    pub shown: String,
    /// The faults, in the order of the file; at least one.
    pub faults: Vec<Diagnostic>,
    /// The texts that the faults' places lie in.
    pub sources: Sources,
}

impl ScenarioError {
    /// What `read` finds in an input, its faults with their texts.
    pub(super) fn gather<T>(
        input: &Input,
        read: impl FnOnce(&mut Sources) -> Result<T, Vec<Diagnostic>>,
    ) -> Result<T, ScenarioError> {
        let mut sources = Sources::new();
        read(&mut sources).map_err(|faults| ScenarioError {
            shown: input.shown.clone(),
            faults,
            sources,
        })
    }

    /// The faults as a text for people, with the lines concerned underlined, and how many there are.
    ///
    /// `color` adds ANSI escape sequences.
    pub fn rendered(&self, color: bool) -> String {
        let faults = render(&self.faults, &self.sources, color);
        let n = self.faults.len();
        let s = if n == 1 { "" } else { "s" };
        format!("{faults}\nerror: {} has {n} error{s}", self.shown)
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered(false))
    }
}

impl std::error::Error for ScenarioError {}
