//! For a terminal, at most [`WIDTH`] columns wide.

use crate::report::content::{Content, Format};
use crate::report::error::ReportError;
use crate::report::page::{Block, Fit, Grid};
use crate::report::text::{WIDTH, wrap, wrapped};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, presets};

/// Widest a row's name may make the first column before it is wrapped, of tables in blocks.
const ROW_NAME_WIDTH: usize = 40;

/// Widest a header may make its column before it is wrapped, of tables in blocks.
const NAME_WIDTH: usize = 24;

/// Tables and sentences.
#[derive(Debug)]
pub struct TextTable;

impl Format for TextTable {
    fn name(&self) -> &'static str {
        "table"
    }

    fn help(&self) -> &'static str {
        "For people"
    }

    fn for_people(&self) -> bool {
        true
    }

    fn write(&self, content: &dyn Content) -> Result<String, ReportError> {
        Ok(content.page().blocks.iter().map(block).collect())
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(_, text) | Block::Line(text) => format!("{text}\n"),
        Block::Paragraph(text) => wrapped(text),
        Block::Warning(text) => format!("warning: {text}\n"),
        Block::Bullets(items) => items.iter().map(|item| format!("- {item}\n")).collect(),
        Block::Numbered(items) => {
            let numbered = items.iter().enumerate();
            numbered
                .map(|(i, item)| format!("{}. {item}\n", i + 1))
                .collect()
        }
        Block::Table(grid) => match grid.fit {
            Fit::Wrapped => boxed(grid),
            Fit::InBlocks => blocks(grid),
            Fit::Open => open(grid),
        },
        Block::Command(lead, command) => format!("{lead}: {command}\n"),
        Block::Image(title, path) => format!("{title}: {path}\n"),
        Block::Verbatim(text) => text.clone(),
        Block::Break => "\n".to_owned(),
    }
}

fn align(table: &mut comfy_table::Table, numbers: &[bool]) {
    for (column, number) in table.column_iter_mut().zip(numbers) {
        if *number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn boxed(grid: &Grid) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH as u16);
    table.set_header(&grid.header);
    for row in &grid.rows {
        table.add_row(row);
    }
    align(&mut table, &grid.numbers);
    let widest = |i: usize| {
        let texts = grid.rows.iter().map(|r| r[i].chars().count());
        texts.max().unwrap_or(0)
    };
    let total: usize = (1..grid.header.len()).map(|i| widest(i) + 3).sum();
    if total + 20 <= WIDTH {
        for column in table.column_iter_mut().skip(1) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.trim_fmt() + "\n"
}

/// As many columns at a time as fit into [`WIDTH`].
fn blocks(grid: &Grid) -> String {
    let columns = grid.header.len();
    let widest = |i: usize| {
        let texts = grid.rows.iter().map(|r| r[i].chars().count());
        texts.max().unwrap_or(0)
    };
    // Each column carries two blanks of padding and one rule.
    let width = |i: usize| widest(i).max(grid.header[i].chars().count().min(NAME_WIDTH)) + 3;
    let mut out = String::new();
    let mut first = 1;
    while first < columns {
        let mut used = widest(0).min(ROW_NAME_WIDTH) + 4 + width(first);
        let mut end = first + 1;
        while end < columns && used + width(end) <= WIDTH {
            used += width(end);
            end += 1;
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        let shown = || std::iter::once(0).chain(first..end);
        table.set_header(shown().map(|i| wrap(&grid.header[i], NAME_WIDTH)));
        for row in &grid.rows {
            table.add_row(shown().map(|i| match i {
                0 => wrap(&row[0], ROW_NAME_WIDTH),
                _ => row[i].clone(),
            }));
        }
        let numbers: Vec<bool> = shown().map(|i| grid.numbers[i]).collect();
        align(&mut table, &numbers);
        out += &(table.trim_fmt() + "\n");
        first = end;
    }
    out
}

fn open(grid: &Grid) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(&grid.header);
    for row in &grid.rows {
        table.add_row(row);
    }
    align(&mut table, &grid.numbers);
    table.to_string() + "\n"
}
