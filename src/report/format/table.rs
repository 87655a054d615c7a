//! For a terminal: no line is wider than it, and where the locale knows only ASCII, nothing else is written.

use crate::report::content::{Content, Format};
use crate::report::error::ReportError;
use crate::report::page::{Block, Course, Fit, Grid};
use crate::report::text::{filled, wrap};
use crate::report::viewport::Viewport;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, presets};

/// Widest a row's name may make the first column before it is wrapped, of tables in blocks.
const ROW_NAME_WIDTH: usize = 40;

/// Widest a header may make its column before it is wrapped, of tables in blocks.
const NAME_WIDTH: usize = 24;

/// Lines of a warning that are shown where not all is.
const WARNING_LINES: usize = 2;

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

    fn write_to(&self, content: &dyn Content, viewport: &Viewport) -> Result<String, ReportError> {
        let page = content.page();
        let terminal = Terminal(*viewport);
        let mut out: String = page.blocks.iter().map(|b| terminal.block(b)).collect();
        if viewport.full {
            out.extend(page.details.iter().map(|b| terminal.block(b)));
        } else if !page.details.is_empty() {
            out += &terminal.line("All metrics and warnings: `--full`, and report.html.");
        }
        Ok(out)
    }
}

/// The place that is written to.
struct Terminal(Viewport);

impl Terminal {
    fn width(&self) -> usize {
        self.0.width()
    }

    fn line(&self, text: &str) -> String {
        filled(&self.0.spelled(text), self.width(), 0)
    }

    /// A line of a list, or one that goes on further in.
    fn item(&self, text: &str, hang: usize) -> String {
        filled(&self.0.spelled(text), self.width(), hang)
    }

    fn block(&self, block: &Block) -> String {
        match block {
            Block::Heading(_, text) | Block::Line(text) | Block::Paragraph(text) => self.line(text),
            Block::Warning(text) => self.warning(text),
            Block::Bullets(items) => {
                let items = items.iter();
                items
                    .map(|item| self.item(&format!("- {item}"), 2))
                    .collect()
            }
            Block::Numbered(items) => {
                let numbered = items.iter().enumerate();
                let line = |(i, item)| self.item(&format!("{}. {item}", i + 1), 3);
                numbered.map(line).collect()
            }
            Block::Table(grid) => {
                let grid = self.spelled(grid);
                match grid.fit {
                    Fit::Wrapped => self.boxed(&grid),
                    Fit::InBlocks => self.blocks(&grid),
                    Fit::Open => self.open(&grid, self.0.columns),
                    Fit::Bare => self.open(&grid, Some(self.width())),
                }
            }
            Block::Courses(courses) => self.courses(courses),
            Block::Command(lead, command) => self.item(&format!("{lead}: {command}"), 2),
            Block::Image(title, path) => self.item(&format!("{title}: {path}"), 2),
            Block::Verbatim(text) => match self.0.columns {
                Some(_) => self.item(text, 2),
                None => self.0.spelled(text),
            },
            Block::Break => "\n".to_owned(),
            Block::Part(_) => String::new(),
        }
    }

    fn warning(&self, text: &str) -> String {
        let text = self.item(&format!("warning: {text}"), 2);
        let lines: Vec<&str> = text.lines().collect();
        if self.0.full || lines.len() <= WARNING_LINES {
            return text;
        }
        let (more, last) = (self.0.spelled(" …"), lines[WARNING_LINES - 1]);
        let room = self.width() - more.chars().count();
        let last = filled(last, room, 2);
        let last = last.lines().next().unwrap_or_default();
        format!("{}\n{last}{more}\n", lines[..WARNING_LINES - 1].join("\n"))
    }

    fn spelled(&self, grid: &Grid) -> Grid {
        let all = |cells: &[String]| cells.iter().map(|c| self.0.spelled(c)).collect();
        Grid {
            header: all(&grid.header),
            rows: grid.rows.iter().map(|row| all(row)).collect(),
            numbers: grid.numbers.clone(),
            fit: grid.fit,
        }
    }

    fn new_table(&self, width: usize) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(match self.0.unicode {
            true => presets::UTF8_FULL_CONDENSED,
            false => presets::ASCII_FULL_CONDENSED,
        });
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        table
    }

    fn boxed(&self, grid: &Grid) -> String {
        let mut table = self.new_table(self.width());
        table.set_header(&grid.header);
        for row in &grid.rows {
            table.add_row(row);
        }
        align(&mut table, &grid.numbers);
        let total: usize = (1..grid.header.len())
            .map(|i| widest_with_header(grid, i) + 3)
            .sum();
        if total + 20 <= self.width() {
            for column in table.column_iter_mut().skip(1) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table.trim_fmt() + "\n"
    }

    /// As many columns at a time as fit.
    fn blocks(&self, grid: &Grid) -> String {
        let columns = grid.header.len();
        // Each column carries two blanks of padding and one rule.
        let width =
            |i: usize| widest(grid, i).max(grid.header[i].chars().count().min(NAME_WIDTH)) + 3;
        let mut out = String::new();
        let mut first = 1;
        while first < columns {
            let mut used = widest(grid, 0).min(ROW_NAME_WIDTH) + 4 + width(first);
            let mut end = first + 1;
            while end < columns && used + width(end) <= self.width() {
                used += width(end);
                end += 1;
            }
            let mut table = self.new_table(self.width());
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

    fn open(&self, grid: &Grid, columns: Option<usize>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        if let Some(columns) = columns {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
        }
        table.set_header(&grid.header);
        for row in &grid.rows {
            table.add_row(row);
        }
        align(&mut table, &grid.numbers);
        table.trim_fmt() + "\n"
    }

    fn courses(&self, courses: &[Course]) -> String {
        let width = self.width();
        let spelled: Vec<(String, String)> = courses
            .iter()
            .map(|c| (self.0.spelled(&c.name), self.0.spelled(&c.note)))
            .collect();
        let widest = |of: fn(&(String, String)) -> &String| {
            let widths = spelled.iter().map(|both| of(both).chars().count());
            widths.max().unwrap_or(0)
        };
        let names = widest(|both| &both.0).min(width / 4);
        let notes = widest(|both| &both.1).min(width / 3);
        // Two rules, and a blank between each two.
        let steps = width.saturating_sub(names + notes + 4).max(4);
        let rule = self.0.spelled("│");
        let mut out = String::new();
        for (course, (name, note)) in courses.iter().zip(&spelled) {
            let line: String = sparkline(&course.peaks, steps, self.0.unicode);
            let name: String = name.chars().take(names).collect();
            let note: String = note.chars().take(notes).collect();
            let whole = format!("{name:names$} {rule}{line:steps$}{rule} {note}");
            out += whole.trim_end();
            out.push('\n');
        }
        out
    }
}

/// How high a share of the quota stands, in eighths, and what exceeds it.
const LEVELS: [[char; 10]; 2] = [
    [' ', '.', ':', '-', '=', '+', '*', '%', '#', '^'],
    [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█', '▲'],
];

/// Shares of a quota as a line of at most so many characters, each the largest of its steps.
pub(super) fn sparkline(peaks: &[f64], steps: usize, unicode: bool) -> String {
    let levels = LEVELS[usize::from(unicode)];
    let steps = steps.min(peaks.len());
    (0..steps)
        .map(|i| {
            let of_step = &peaks[i * peaks.len() / steps..(i + 1) * peaks.len() / steps];
            let peak = of_step.iter().copied().fold(0.0, f64::max);
            match peak {
                p if p > 1.0 => levels[9],
                p => levels[(p * 8.0).ceil() as usize],
            }
        })
        .collect()
}

fn widest(grid: &Grid, column: usize) -> usize {
    let texts = grid.rows.iter().map(|r| r[column].chars().count());
    texts.max().unwrap_or(0)
}

/// The same with what stands above it.
fn widest_with_header(grid: &Grid, column: usize) -> usize {
    widest(grid, column).max(grid.header[column].chars().count())
}

fn align(table: &mut comfy_table::Table, numbers: &[bool]) {
    for (column, number) in table.column_iter_mut().zip(numbers) {
        if *number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_over_the_quota_is_marked_however_short_it_is() {
        let mut peaks = vec![0.5; 100];
        peaks[37] = 1.001;
        peaks[99] = 1.0;
        assert_eq!(sparkline(&peaks, 10, false), "===^=====#");
        assert_eq!(sparkline(&peaks, 10, true), "▄▄▄▲▄▄▄▄▄█");
        assert_eq!(sparkline(&[0.0, 0.01], 60, true), " ▁");
        assert_eq!(sparkline(&[], 60, true), "");
    }
}
