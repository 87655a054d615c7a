//! The answer to an inverse question on one setting.

use super::study::Trial;
use crate::metrics::target::Target;
use serde::Serialize;

/// What a search ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchOutcome {
    /// There is an answer.
    Found,
    /// No setting of the range meets the target for sure.
    NoneReaches,
    /// Every setting of the range meets it.
    AllMeet,
    /// It is met, then not, then met again: there is no smallest or largest setting to be found by bisection.
    NotMonotone,
}

/// The answer to one inverse question.
#[derive(Clone, Debug, Serialize)]
pub struct Solution {
    /// What was asked, in words.
    pub question: String,
    /// The request quota that it is about, `account/region/quota-code[/store]`; `None` where it is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<String>,
    /// The variant.
    pub variant: String,
    /// The answer's setting, as `--set` takes it.
    pub settings: Vec<String>,
    /// The setting's unit, `1/s` or `1`.
    pub unit: String,
    /// The setting as the scenario has it.
    pub present: Option<f64>,
    /// What must hold.
    pub targets: Vec<Target>,
    /// How the search ended.
    pub outcome: SearchOutcome,
    /// The setting at which the targets are met, 95 % sure and by fresh seeds; without an answer the one nearest
    /// to meeting them.
    pub value: f64,
    /// Where the means meet the targets.
    pub at_the_mean: Option<f64>,
    /// Between the setting that the intervals rule out and the answer.
    pub interval: Option<(f64, f64)>,
    /// The answer run again with other seeds; the last holds where there is an answer.
    pub checks: Vec<Trial>,
    /// Every run behind it, by setting.
    pub trials: Vec<Trial>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

impl Solution {
    /// The nearest run to the answer's setting, with the search's own seed.
    pub fn nearest(&self) -> Option<&Trial> {
        let gap = |t: &&Trial| (t.value - self.value).abs();
        self.trials.iter().min_by(|a, b| gap(a).total_cmp(&gap(b)))
    }
}
