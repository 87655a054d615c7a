//! Markdown, for a pull request or a file.

use crate::report::content::{Content, Format};
use crate::report::error::ReportError;
use crate::report::page::{Block, Grid};

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

    fn write(&self, content: &dyn Content) -> Result<String, ReportError> {
        let page = content.page();
        let mut out = String::new();
        let mut after_warning = false;
        for part in page.blocks.iter().chain(&page.appendix) {
            let text = block(part);
            if text.is_empty() {
                continue;
            }
            let warning = matches!(part, Block::Warning(_));
            // Items of one list stand together.
            if !(out.is_empty() || warning && after_warning) {
                out.push('\n');
            }
            out += &text;
            after_warning = warning;
        }
        Ok(out)
    }
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
        Block::Verbatim(text) => format!("```text\n{}\n```\n", text.trim_end()),
        Block::Break => String::new(),
    }
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
