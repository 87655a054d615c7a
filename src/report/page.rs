//! What people read, before it is known how it is shown: headings, sentences, tables.
//!
//! An answer fills a page once; each format for people writes any page.

/// One answer for people.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What it is, in a word or two: `run media-library`.
    pub subject: String,
    /// What was asked, as a page of its own is headed.
    pub question: String,
    /// The answer in a few words, for the same place.
    pub answer: String,
    /// What is always shown.
    pub blocks: Vec<Block>,
    /// What is shown where all is asked for: the figures behind it.
    pub details: Vec<Block>,
    /// What is shown in a file only: too long for a terminal.
    pub appendix: Vec<Block>,
}

/// A part of a page.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading and its level, from 1.
    Heading(usize, String),
    /// Sentences that a terminal breaks into lines.
    Paragraph(String),
    /// A line that stays one, so that it can be searched for.
    Line(String),
    /// What to know before trusting a figure.
    Warning(String),
    /// A list.
    Bullets(Vec<String>),
    /// A numbered list.
    Numbered(Vec<String>),
    /// Rows of cells.
    Table(Grid),
    /// How a quota is used over time, a line for each variant.
    Courses(Vec<Course>),
    /// What to type, with what it is for.
    Command(&'static str, String),
    /// A figure of the answer: its title and its path from the page.
    Image(String, String),
    /// Text that is laid out already.
    Verbatim(String),
    /// Another part of the answer follows.
    Break,
    /// What follows is of this part of an answer.
    Part(AnswerPart),
}

/// Parts of an answer that a page of its own tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerPart {
    /// What was tried, and what came of it.
    Tried,
    /// Who causes it, and who suffers.
    Who,
    /// What would change the answer.
    Changes,
}

/// How one quota is used over time.
#[derive(Clone, Debug)]
pub struct Course {
    /// What stands before it.
    pub name: String,
    /// The busiest second of each of its steps over the quota then in force.
    pub peaks: Vec<f64>,
    /// What stands after it.
    pub note: String,
}

/// A table of texts.
#[derive(Clone, Debug)]
pub struct Grid {
    /// One text for each column.
    pub header: Vec<String>,
    /// As many cells as columns in each.
    pub rows: Vec<Vec<String>>,
    /// Which columns are numbers, aligned to the right.
    pub numbers: Vec<bool>,
    /// How it is fitted to a terminal.
    pub fit: Fit,
}

/// How a table is fitted to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The first column is broken into lines; with long texts, every column.
    Wrapped,
    /// As many columns at a time as fit, the first one with each.
    InBlocks,
    /// Without rules, as wide as it is where the lines may be long.
    Open,
    /// Without rules, fitted.
    Bare,
}

impl Grid {
    /// A table whose first columns, so many, are names and all others numbers.
    pub fn named(names: usize, header: Vec<String>, rows: Vec<Vec<String>>) -> Grid {
        Grid {
            numbers: (0..header.len()).map(|i| i >= names).collect(),
            header,
            rows,
            fit: Fit::Wrapped,
        }
    }

    /// No table: what words alone say.
    pub fn none() -> Grid {
        Grid::named(0, Vec::new(), Vec::new())
    }

    /// A table whose first column names the row, and whose middle columns are numbers.
    pub fn new<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> Grid {
        let last = N.saturating_sub(2).max(1);
        Grid {
            header: header.map(str::to_owned).to_vec(),
            rows: rows.into_iter().map(|row| row.to_vec()).collect(),
            numbers: (0..N).map(|i| (1..=last).contains(&i)).collect(),
            fit: Fit::Wrapped,
        }
    }
}

impl Page {
    /// A page of these blocks.
    pub fn of(subject: &str, blocks: Vec<Block>) -> Page {
        Page {
            subject: subject.to_owned(),
            blocks,
            ..Page::default()
        }
    }
}
