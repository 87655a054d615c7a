//! Rows of CSV files out of the window, whatever is between their quotes.
//!
//! A quote that nobody closes makes the rest of a file one row. A row that is not closed within `LONGEST` bytes or at the
//! file's end is therefore counted as malformed up to the end of its line, and what follows is read on.

use super::evidence::finding::{FileEnd, Findings};
use super::evidence::skip::SkipReason;
use super::lines;
use super::window::{NoMore, Window};
use std::ops::Range;

/// Bytes of a row at most.
const LONGEST: usize = 1 << 20;

/// The cells of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellRow {
    text: String,
    cells: Vec<Range<usize>>,
}

impl CellRow {
    /// A row of these cells.
    pub fn of<'a>(cells: impl IntoIterator<Item = &'a str>) -> CellRow {
        let mut row = CellRow::default();
        for cell in cells {
            row.push(cell);
        }
        row
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: &str) {
        let begin = self.text.len();
        self.text.push_str(cell);
        self.cells.push(begin..self.text.len());
    }

    /// A cell, where the row is that long.
    pub fn get(&self, i: usize) -> Option<&str> {
        self.cells.get(i).map(|range| &self.text[range.clone()])
    }

    /// A cell without blanks around it; empty where there is none.
    pub fn cell(&self, i: Option<usize>) -> &str {
        i.and_then(|i| self.get(i)).unwrap_or_default().trim()
    }

    /// All cells.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().map(|range| &self.text[range.clone()])
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Where the first column is that has one of these names, in any case and without `_`, blanks and quotes.
    pub fn column(&self, names: &[&str]) -> Option<usize> {
        let plain = |name: &str| -> String {
            let letters = name.chars().filter(|c| !matches!(c, '_' | ' ' | '"'));
            letters.flat_map(char::to_lowercase).collect()
        };
        names.iter().find_map(|name| {
            let name = plain(name);
            self.iter().position(|cell| plain(cell) == name)
        })
    }

    /// Reads the row that a text is, without the end of its line.
    pub fn read(&mut self, text: &[u8]) {
        self.clear();
        let text = String::from_utf8_lossy(text);
        let mut rest = text.as_ref();
        loop {
            let begin = self.text.len();
            let Some(mut quoted) = rest.strip_prefix('"') else {
                let end = rest.find(',');
                self.text.push_str(&rest[..end.unwrap_or(rest.len())]);
                self.cells.push(begin..self.text.len());
                match end {
                    Some(end) => rest = &rest[end + 1..],
                    None => return,
                }
                continue;
            };
            // Two quotes are one; what is between the closing one and the comma belongs to the cell.
            loop {
                let end = quoted.find('"').unwrap_or(quoted.len());
                self.text.push_str(&quoted[..end]);
                quoted = quoted.get(end + 1..).unwrap_or_default();
                match quoted.strip_prefix('"') {
                    Some(more) => {
                        self.text.push('"');
                        quoted = more;
                    }
                    None => break,
                }
            }
            let end = quoted.find(',');
            self.text.push_str(&quoted[..end.unwrap_or(quoted.len())]);
            self.cells.push(begin..self.text.len());
            match end {
                Some(end) => rest = &quoted[end + 1..],
                None => return,
            }
        }
    }
}

/// How far a row was looked at.
#[derive(Clone, Copy, Default)]
struct Looked {
    to: usize,
    /// Whether a cell's quote is open there.
    quoted: bool,
    /// Behind the last closing quote.
    closed: usize,
}

/// Where the first row of a text ends: behind its line feed. `None`: it goes on.
fn row_end(text: &[u8], looked: &mut Looked) -> Option<usize> {
    loop {
        let rest = &text[looked.to..];
        let found = if looked.quoted {
            memchr::memchr(b'"', rest)
        } else {
            memchr::memchr2(b'"', b'\n', rest)
        };
        let Some(n) = found else {
            looked.to = text.len();
            return None;
        };
        let at = looked.to + n;
        looked.to = at + 1;
        if text[at] == b'\n' && !looked.quoted {
            return Some(at + 1);
        }
        if looked.quoted {
            (looked.quoted, looked.closed) = (false, at + 1);
        } else {
            // Inside a cell that did not begin with one, a quote is a letter.
            looked.quoted = at == 0 || text[at - 1] == b',' || looked.closed == at;
        }
    }
}

/// The rows of a file that is read from its beginning.
pub struct CellRows<'w> {
    window: &'w mut Window,
}

impl<'w> CellRows<'w> {
    /// Of that file.
    pub fn of(window: &'w mut Window) -> CellRows<'w> {
        CellRows { window }
    }

    /// The next row that is not empty, and the byte at which it begins; `Err`: how the file ended.
    pub fn next(&mut self, row: &mut CellRow, findings: &mut Findings<'_>) -> Result<u64, FileEnd> {
        let mut looked = Looked::default();
        loop {
            let at = self.window.offset();
            let bytes = self.window.bytes();
            if let Some(end) = row_end(bytes, &mut looked) {
                let line = bytes[..end - 1].trim_ascii_end();
                let is_empty = line.is_empty();
                if !is_empty {
                    row.read(line);
                }
                self.window.advance(end);
                if is_empty {
                    looked = Looked::default();
                    continue;
                }
                return Ok(at);
            }
            let end = if bytes.len() > LONGEST {
                Err(NoMore::Full)
            } else {
                self.window.more()
            };
            match end {
                Ok(()) => {}
                Err(NoMore::Broken(e)) => return Err(lines::broken(&e, at)),
                Err(NoMore::End) if !looked.quoted => {
                    let line = self.window.bytes().trim_ascii_end();
                    if line.is_empty() {
                        return Err(FileEnd::Whole);
                    }
                    row.read(line);
                    let n = self.window.bytes().len();
                    self.window.advance(n);
                    return Ok(at);
                }
                Err(no @ (NoMore::End | NoMore::Full)) => {
                    findings.seen += 1;
                    let reason = if matches!(no, NoMore::End) || looked.quoted {
                        SkipReason::Malformed
                    } else {
                        SkipReason::TooLarge
                    };
                    findings.skip(reason, || format!("byte {at}"));
                    lines::pass_line(self.window)?;
                    looked = Looked::default();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> (Vec<Vec<String>>, u64, FileEnd) {
        let mut window = Window::of(text);
        let mut skipped = 0;
        let mut send = |chunk: super::super::evidence::finding::Chunk| {
            skipped += chunk.skips.values().map(|s| s.0).sum::<u64>();
        };
        let mut findings = Findings::new("test", &mut send);
        let mut reader = CellRows::of(&mut window);
        let (mut all, mut row) = (Vec::new(), CellRow::default());
        let end = loop {
            match reader.next(&mut row, &mut findings) {
                Ok(_) => all.push(row.iter().map(str::to_owned).collect()),
                Err(end) => break end,
            }
        };
        findings.end(FileEnd::Whole);
        (all, skipped, end)
    }

    #[test]
    fn quotes_hold_commas_and_lines() {
        let (all, skipped, end) = rows("a,\"b,\"\"c\"\"\nd\",e\r\n\n\"x\",,y\nlast, 1 ");
        let told: Vec<Vec<&str>> = all
            .iter()
            .map(|r| r.iter().map(String::as_str).collect())
            .collect();
        assert_eq!(
            told,
            [
                vec!["a", "b,\"c\"\nd", "e"],
                vec!["x", "", "y"],
                vec!["last", " 1"]
            ]
        );
        assert_eq!((skipped, end), (0, FileEnd::Whole));
        // A quote in a cell that does not begin with one is a letter.
        assert_eq!(rows("a\"b,c\nd\n").0, [vec!["a\"b", "c"], vec!["d"]]);
        assert_eq!(rows("a\"\"b,c\nd\n").0, [vec!["a\"\"b", "c"], vec!["d"]]);
    }

    #[test]
    fn a_quote_that_nobody_closes_costs_its_row_alone() {
        let (all, skipped, end) = rows("a,b\n\"c,d\ne,f\ng,h\n");
        assert_eq!(all, [vec!["a", "b"], vec!["e", "f"], vec!["g", "h"]]);
        assert_eq!((skipped, end), (1, FileEnd::Whole));
        let long = format!("\"{}\nlast\n", "x,y\n".repeat(LONGEST));
        let (all, skipped, _) = rows(&long);
        // Each of its lines but the last is one, and the last.
        assert_eq!(all.len() as u64 + skipped, LONGEST as u64 + 1);
        assert_eq!(all.last().map(|r| r[0].as_str()), Some("last"));
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let header = CellRow::of(["Last_Modified date", "KEY"]);
        assert_eq!(header.column(&["lastModifiedDate", "key"]), Some(0));
        assert_eq!(header.column(&["size", "Key"]), Some(1));
        assert_eq!((header.len(), header.column(&["size"])), (2, None));
    }
}
