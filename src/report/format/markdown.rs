//! Markdown, for a pull request or a file.

use super::table::sparkline;
use crate::report::content::{Content, Format};
use crate::report::error::ReportError;
use crate::report::page::{Block, Course, Grid};
use crate::report::viewport::Viewport;

/// The page of an answer with its appendix.
#[derive(Debug)]
pub struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn help(&self) -> &'static str {
        "For a pull request"
    }

    fn for_people(&self) -> bool {
        true
    }

    fn write_to(&self, content: &dyn Content, viewport: &Viewport) -> Result<String, ReportError> {
        let page = content.page();
        let mut out = marker(&page.subject);
        out += &part(&page.blocks);
        let details: Vec<String> = pieces(page.details.iter().chain(&page.appendix));
        if viewport.full {
            for piece in details {
                out.push('\n');
                out += &piece;
            }
            return Ok(out);
        }
        if details.is_empty() {
            return Ok(out);
        }
        out += OPEN;
        let mut left_out = 0;
        for piece in &details {
            // Once something is left out the rest would stand without what leads to it.
            let room = MOST.saturating_sub(out.chars().count() + CLOSE.len() + LEFT_OUT.len() + 1);
            if left_out > 0 || piece.chars().count() > room {
                left_out += 1;
            } else {
                out.push('\n');
                out += piece;
            }
        }
        if left_out > 0 {
            out.push('\n');
            out += LEFT_OUT;
        }
        out += CLOSE;
        Ok(out)
    }
}

/// Most characters of a comment, where not all is asked for.
const MOST: usize = 8_000;

const OPEN: &str = "\n<details><summary>Details</summary>\n";
const CLOSE: &str = "\n</details>\n";
const LEFT_OUT: &str = "More is in report.html and results.json, and here with `--full`.\n";

/// By this line whoever posts the text finds the comment that it posted before.
fn marker(subject: &str) -> String {
    // Nothing that could end the comment.
    let subject: String = subject.replace(['>', '<', '\n', '\r'], "");
    match subject.trim_end_matches('-') {
        "" => "<!-- kmsim -->\n".to_owned(),
        subject => format!("<!-- kmsim {subject} -->\n"),
    }
}

fn part(blocks: &[Block]) -> String {
    let mut out = String::new();
    for piece in pieces(blocks.iter()) {
        out.push('\n');
        out += &piece;
    }
    out
}

/// Blocks as Markdown; those of one list stand together.
fn pieces<'b>(blocks: impl Iterator<Item = &'b Block>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut after_warning = false;
    for part in blocks {
        let text = block(part);
        if text.is_empty() {
            continue;
        }
        let warning = matches!(part, Block::Warning(_));
        match out.last_mut().filter(|_| warning && after_warning) {
            Some(list) => *list += &text,
            None => out.push(text),
        }
        after_warning = warning;
    }
    out
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(level, text) => format!("{} {}\n", "#".repeat(*level), escaped(text)),
        Block::Paragraph(text) | Block::Line(text) => format!("{}\n", escaped(text.trim_end())),
        Block::Warning(text) => format!("- **warning:** {}\n", escaped(text)),
        Block::Bullets(items) => {
            let items = items.iter();
            items.map(|item| format!("- {}\n", escaped(item))).collect()
        }
        Block::Numbered(items) => {
            let numbered = items.iter().enumerate();
            numbered
                .map(|(i, item)| format!("{}. {}\n", i + 1, escaped(item)))
                .collect()
        }
        Block::Table(grid) => table(grid),
        Block::Command(lead, command) => format!("{lead}: `{command}`\n"),
        Block::Image(title, path) => format!("![{}]({path})\n", escaped(title)),
        Block::Courses(courses) => {
            let lines: String = courses.iter().map(course).collect();
            format!("```text\n{lines}```\n")
        }
        Block::Verbatim(text) => format!("```text\n{}\n```\n", text.trim_end()),
        Block::Break | Block::Part(_) => String::new(),
    }
}

/// Steps of a course.
const STEPS: usize = 60;

fn course(course: &Course) -> String {
    let line = sparkline(&course.peaks, STEPS, true);
    format!("│{line}│ {} {}\n", course.note, course.name)
}

fn table(grid: &Grid) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|c| escaped(c)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rules = grid
        .numbers
        .iter()
        .map(|n| if *n { "---:|" } else { "---|" });
    let mut out = line(&grid.header);
    out += &format!("|{}\n", rules.collect::<String>());
    grid.rows.iter().for_each(|row| out += &line(row));
    out
}

/// Text that stands for what it is. What cannot be read as markup stays as it is: `_` inside a word, `<`, `>` and
/// `&` before a blank.
fn escaped(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: Option<usize>| i.and_then(|i| chars.get(i)).copied();
    let mut out = String::new();
    for (i, c) in chars.iter().copied().enumerate() {
        let (before, after) = (at(i.checked_sub(1)), at(Some(i + 1)));
        let blank = after.is_none_or(char::is_whitespace);
        let in_word = [before, after]
            .iter()
            .all(|c| c.is_some_and(char::is_alphanumeric));
        match c {
            '\n' | '\r' => out.push(' '),
            '&' if !blank => out.push_str("&amp;"),
            '<' if !blank => out.push_str("&lt;"),
            '>' if !blank => out.push_str("&gt;"),
            '_' if in_word => out.push('_'),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_marker_early() {
        assert_eq!(marker(""), "<!-- kmsim -->\n");
        let line = marker("run a-->b\n<script>");
        assert_eq!((line.matches("-->").count(), line.lines().count()), (1, 1));
    }

    #[test]
    fn what_reads_as_markup_is_escaped() {
        let same = ["throttle_rate < 0.1%", "a & b", "1.5 × as large"];
        assert_eq!(same.map(escaped), same);
        for (text, expected) in [
            ("_a_|b", "\\_a\\_\\|b"),
            ("<script>&amp;", "&lt;script&gt;&amp;amp;"),
            ("`*[x]\n", "\\`\\*\\[x\\] "),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
