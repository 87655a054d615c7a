//! `report.html` of a plan or a sweep: its page as one file that opens offline, with its figures inside.
//!
//! The same style sheet as a run's (`page.css`) and the same order, as far as the answer has each part: the question and
//! the answer, what was tried, the figures that decide, who causes and who suffers it, the bill, what would change the
//! answer, what it rests on, the glossary, the scenario.

use super::chart::Figure;
use super::content::Content;
use super::error::ReportError;
use super::outlook::{ANSWER, within_words};
use super::page::{AnswerPart, Block};
use super::{peak, scripts, sections};
use crate::metrics::number;
use crate::results::{RunResults, ScenarioRecord};
use crate::run::VERSION;
use minijinja::{Environment, Value, context};

/// What an answer was found from.
#[derive(Clone, Copy, Debug)]
pub struct AnswerBasis<'a> {
    /// The scenario.
    pub scenario: &'a ScenarioRecord,
    /// Its variants that were asked about.
    pub variants: &'a [&'a str],
    /// Seed of its runs.
    pub seed: u64,
    /// Replications of each.
    pub replications: u32,
    /// The variant as it is, where it was run.
    pub present: Option<&'a RunResults>,
    /// The command that gives the same answer again.
    pub again: &'a str,
}

/// The page of an answer as HTML text.
///
/// # Errors
/// Never in practice: the template is part of the program.
pub fn answer_html(
    content: &dyn Content,
    figures: &[Figure],
    basis: &AnswerBasis<'_>,
) -> Result<String, ReportError> {
    let page = content.page();
    let mut parts: [Vec<Value>; 3] = Default::default();
    let mut part = AnswerPart::Tried;
    let mut has_own_who = false;
    let answer = within_words(&page.answer, ANSWER);
    for b in page.blocks.iter().chain(&page.details) {
        match b {
            Block::Part(next) => part = *next,
            // It stands above already.
            Block::Paragraph(text) if text.trim_end() == answer => {}
            b => {
                has_own_who |= part == AnswerPart::Who;
                parts[part as usize].extend(block(b));
            }
        }
    }
    let [tried, who, changes] = parts;
    let charts = figures.iter().enumerate();
    let charts: Vec<Value> = charts.map(|(i, f)| scripts::figure(i, f)).collect();
    let s = if basis.replications == 1 { "" } else { "s" };
    let caption = format!(
        "Scenario {}: {} replication{s} of each run, seed {}. kmsim {VERSION}.",
        basis.scenario.name,
        number::grouped(f64::from(basis.replications), 0),
        basis.seed,
    );
    let present = basis.present;
    let mut environment = Environment::new();
    scripts::add_templates(&mut environment)?;
    environment.add_template("answer.html", include_str!("answer.html.jinja"))?;
    let shown = context! {
        scripts => scripts::scripts(figures)?,
        question => page.question.as_str(),
        answer,
        caption,
        warnings => present.map_or_else(Vec::new, |r| r.warnings.clone()),
        tried, charts, who, changes,
        sentences => present.into_iter().flat_map(|r| r.variants.iter().filter_map(peak::sentence)).collect::<Vec<_>>(),
        present_who => present.filter(|_| !has_own_who).map(sections::who),
        bills => present.map(sections::bills),
        sensitivity => present.map(sections::sensitivity),
        again => basis.again,
        rests => sections::rests(basis.scenario, basis.variants, present),
        glossary => sections::glossary(),
        scenario => sections::scenario(basis.scenario, basis.seed, VERSION)?,
        appendix => page.appendix.iter().filter_map(block).collect::<Vec<_>>(),
    };
    Ok(environment.get_template("answer.html")?.render(shown)?)
}

/// A block as its template knows it; `None` for what the page has no need of.
fn block(block: &Block) -> Option<Value> {
    Some(match block {
        Block::Heading(_, text) => context! { kind => "heading", text },
        Block::Paragraph(text) | Block::Line(text) => context! { kind => "text", text },
        Block::Warning(text) => context! { kind => "warning", text },
        Block::Bullets(items) => context! { kind => "bullets", items },
        Block::Numbered(items) => context! { kind => "numbered", items },
        Block::Table(grid) => context! {
            kind => "table", header => grid.header.clone(), rows => grid.rows.clone(),
            numbers => grid.numbers.clone(),
        },
        Block::Command(lead, text) => context! { kind => "command", lead => *lead, text },
        Block::Verbatim(text) => context! { kind => "verbatim", text },
        // The figures stand in the page as they are.
        Block::Image(..) | Block::Courses(_) | Block::Break | Block::Part(_) => return None,
    })
}
