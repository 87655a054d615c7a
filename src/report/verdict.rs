//! The verdict of a run for people: the answer, and each variant with what speaks for or against it.
//!
//! Not here: the judgement, which arrives done.

use super::page::{Block, Grid};
use crate::results::{RunResults, VariantVerdict};

/// How one variant stands, in a word or two.
fn word(results: &RunResults, v: &VariantVerdict) -> &'static str {
    match v.keeps {
        Some(true) if results.verdict.best.as_ref() == Some(&v.name) => "take this",
        Some(true) => "holds",
        Some(false) => "does not hold",
        None => "no data",
    }
}

/// A row for each variant: its name, how it stands, why.
pub(super) fn rows(results: &RunResults) -> Vec<[String; 3]> {
    let rows = results.verdict.variants.iter();
    rows.map(|v| [v.name.clone(), word(results, v).to_owned(), v.why.clone()])
        .collect()
}

/// The answer, where there is one.
pub(super) fn answer(results: &RunResults) -> Option<String> {
    let answer = &results.verdict.answer;
    (!answer.is_empty()).then(|| answer.clone())
}

/// Above one variant the table of all, each with what speaks for or against it.
pub(super) fn table(results: &RunResults) -> Option<Block> {
    let verdict = &results.verdict;
    if verdict.answer.is_empty() || verdict.variants.len() < 2 {
        return None;
    }
    let header = ["variant", "verdict", "why"];
    Some(Block::Table(Grid {
        numbers: vec![false; header.len()],
        ..Grid::new(header, rows(results))
    }))
}
