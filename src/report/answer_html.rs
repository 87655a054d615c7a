//! `report.html` of a plan or a sweep: its page as one file that opens offline, with its figures inside.
//!
//! The same style sheet as a run's (`page.css`), the same order: the answer first, the figures, then what is behind it.

use super::chart::Figure;
use super::content::Content;
use super::error::ReportError;
use super::page::{Block, Page};
use super::scripts;
use crate::run::VERSION;
use minijinja::{Environment, Value, context};

/// The page of an answer as HTML text.
///
/// # Errors
/// Never in practice: the template is part of the program.
pub fn answer_html(
    title: &str,
    content: &dyn Content,
    figures: &[Figure],
) -> Result<String, ReportError> {
    let Page {
        mut blocks,
        details,
        appendix,
        ..
    } = content.page();
    let answer = match blocks.first() {
        Some(Block::Paragraph(text) | Block::Line(text)) => text.clone(),
        Some(_) | None => String::new(),
    };
    if !answer.is_empty() {
        blocks.remove(0);
    }
    let blocks: Vec<Value> = blocks
        .iter()
        .chain(&details)
        .chain(&appendix)
        .filter_map(block)
        .collect();
    let charts = figures.iter().enumerate();
    let charts: Vec<Value> = charts.map(|(i, f)| scripts::figure(i, f)).collect();
    let mut environment = Environment::new();
    scripts::add_templates(&mut environment)?;
    environment.add_template("answer.html", include_str!("answer.html.jinja"))?;
    let page = context! { scripts => scripts::scripts(figures)?, title, answer, version => VERSION, charts, blocks };
    Ok(environment.get_template("answer.html")?.render(page)?)
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
        Block::Image(..) | Block::Courses(_) | Block::Break => return None,
    })
}
