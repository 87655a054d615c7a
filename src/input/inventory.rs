//! A CSV file of things: a row for each, a column for each key, all with their places.
//!
//! The column `name` holds the name; any other is headed by a key of the thing's table, dotted where it lies deeper:
//! `arrivals.poisson.rate`. Cells hold TOML, and what is not TOML is text. An empty cell sets nothing.

use super::diagnostic::{Code, Diagnostic, Diagnostics, Place, SourceId};
use super::document::{Entry, Node, Table, Value, key_text};
use super::files::{Files, sha256_hex};
use super::name_pattern::is_pattern;
use super::named_file::{FileContent, FileRefusal};
use super::setting;
use super::spelling::did_you_mean;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::ops::Range;

/// The column that names things.
const NAME_COLUMN: &str = "name";

/// Things by name, in the order of the file.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The tables that the rows make, each at the place of its name.
    pub things: IndexMap<String, Table>,
    /// Places of the columns' heads, which all rows share.
    pub heads: Vec<Place>,
    /// Whether nothing of it is lost to a fault.
    pub is_whole: bool,
}

/// A file cut into cells, whatever they mean.
#[derive(Debug)]
struct CellText {
    text: String,
    rows: Vec<Vec<TableCell>>,
    unclosed: Option<Range<usize>>,
}

#[derive(Debug)]
struct TableCell {
    text: String,
    range: Range<usize>,
}

impl CellText {
    /// Whether its first line names columns, `name` among them or what may be meant by it; or there is none.
    fn lists_things(&self) -> bool {
        let Some(heads) = self.rows.first() else {
            return self.unclosed.is_none();
        };
        let mut heads = heads.iter().map(|head| head.text.as_str());
        let is_one = |text: &str| text.contains([';', '\t']) && text.contains(NAME_COLUMN);
        heads
            .clone()
            .any(|head| head == NAME_COLUMN || is_one(head))
            || did_you_mean(NAME_COLUMN, &mut heads).is_some()
    }
}

impl Inventory {
    /// Reads the file that a scenario names at `named`; its faults go to `diagnostics`.
    pub fn read(file: &str, named: &Place, files: &Files, diagnostics: &Diagnostics) -> Inventory {
        let path = files.resolve(file);
        let refused = |refusal: &FileRefusal| {
            let message = format!("cannot read the table `{}`: {refusal}", path.display());
            let fault = Diagnostic::error(Code::of(refusal), message);
            diagnostics.push(fault.at(named.clone()).help(refusal.help()));
            Inventory::default()
        };
        let may = files.named(file, diagnostics.named_by(named), FileContent::Document);
        let source = match may.as_ref() {
            Ok(source) => source,
            Err(refusal) => return refused(refusal),
        };
        let read = files.once(&path, "inventory", |path| {
            let text = source.text()?;
            files.note_sha256(path, &sha256_hex(text.as_bytes()));
            Ok(cut(text))
        });
        let cells = match read.as_ref() {
            Ok(cells) => cells,
            Err(refusal) => return refused(refusal),
        };
        if !cells.lists_things() {
            // Of what is no table of things nothing is shown: it may be anything.
            let message = format!("`{}` has no column `name`", path.display());
            let fault = Diagnostic::error(Code::MissingKey, message).at(named.clone());
            diagnostics.push(fault.help(
                "write a line with the names of the columns, `name` among them, and below it a row for each thing",
            ));
            return Inventory::default();
        }
        let reader = RowsReader {
            source: diagnostics.add_file(&path.display().to_string(), &cells.text),
            diagnostics,
        };
        reader.read(cells)
    }
}

/// Turns cells into tables.
struct RowsReader<'d> {
    source: SourceId,
    diagnostics: &'d Diagnostics,
}

/// A column: its key, as a path, and where its head is.
struct KeyColumn {
    path: Vec<String>,
    head: Place,
}

impl RowsReader<'_> {
    fn place(&self, range: &Range<usize>) -> Place {
        Place {
            source: self.source,
            range: range.clone(),
        }
    }

    fn fault(&self, code: Code, range: &Range<usize>, message: String, help: &str) {
        let place = self.place(range);
        self.diagnostics
            .push(Diagnostic::error(code, message).at(place).help(help));
    }

    fn read(&self, cells: &CellText) -> Inventory {
        let mut inventory = Inventory {
            is_whole: true,
            ..Inventory::default()
        };
        if let Some(range) = &cells.unclosed {
            self.fault(
                Code::Syntax,
                range,
                "a quote is opened here and never closed".to_owned(),
                "close it, or write a quote that is part of a cell twice, inside quotes",
            );
            inventory.is_whole = false;
        }
        let Some((heads, rows)) = cells.rows.split_first() else {
            self.fault(
                Code::MissingKey,
                &(0..0),
                "the table is empty".to_owned(),
                "write a line with the names of the columns, `name` among them, and below it a row for each thing",
            );
            inventory.is_whole = false;
            return inventory;
        };
        let Some((names, columns)) = self.columns(heads, &mut inventory) else {
            inventory.is_whole = false;
            return inventory;
        };
        if rows.is_empty() && inventory.is_whole {
            self.fault(
                Code::MissingKey,
                &(0..0),
                "the table has no rows".to_owned(),
                "write a row for each thing below the names of the columns",
            );
            inventory.is_whole = false;
        }
        let mut first: HashMap<&str, &Range<usize>> = HashMap::new();
        for row in rows {
            let Some(name) = row.get(names) else {
                self.wrong_length(row, heads.len(), &mut inventory);
                continue;
            };
            if row.len() != heads.len() {
                self.wrong_length(row, heads.len(), &mut inventory);
                continue;
            }
            if !self.is_name(name) {
                inventory.is_whole = false;
                continue;
            }
            if let Some(first) = first.get(name.text.as_str()) {
                self.diagnostics.push(
                    Diagnostic::error(
                        Code::DuplicateName,
                        format!("`{}` is there twice", name.text),
                    )
                    .at(self.place(&name.range))
                    .and_at(self.place(first), "the other one")
                    .help("drop or rename one of them"),
                );
                continue;
            }
            first.insert(&name.text, &name.range);
            let table = self.thing(name, row, &columns, &mut inventory.is_whole);
            inventory.things.insert(name.text.clone(), table);
        }
        inventory
    }

    fn wrong_length(&self, row: &[TableCell], columns: usize, inventory: &mut Inventory) {
        inventory.is_whole = false;
        let range = row.first().map_or(0, |c| c.range.start)..row.last().map_or(0, |c| c.range.end);
        self.fault(
            Code::Syntax,
            &range,
            format!(
                "the row has {} cells, but there are {columns} columns",
                row.len()
            ),
            "write a cell for each column, an empty one for what is not set; put a cell with commas in quotes",
        );
    }

    fn is_name(&self, name: &TableCell) -> bool {
        if name.text.is_empty() {
            self.fault(
                Code::MissingKey,
                &name.range,
                "the row has no name".to_owned(),
                "write a name in the column `name`",
            );
            return false;
        }
        if is_pattern(&name.text) || name.text.starts_with('@') {
            self.fault(
                Code::OutOfRange,
                &name.range,
                format!("`{}` is not a name: a `*` stands for many names, and an `@` for those of a group", name.text),
                "write a row for each thing; set what many have in common under `KIND.\"PATTERN*\"` in the scenario",
            );
            return false;
        }
        true
    }

    /// Which column names things, and the others; `None` if that cannot be told.
    fn columns(
        &self,
        heads: &[TableCell],
        inventory: &mut Inventory,
    ) -> Option<(usize, Vec<Option<KeyColumn>>)> {
        let mut seen: HashMap<&str, &TableCell> = HashMap::new();
        let mut columns = Vec::new();
        for head in heads {
            if let Some(first) = seen.insert(&head.text, head) {
                inventory.is_whole = false;
                self.diagnostics.push(
                    Diagnostic::error(
                        Code::DuplicateName,
                        format!("the column `{}` is there twice", head.text),
                    )
                    .at(self.place(&head.range))
                    .and_at(self.place(&first.range), "the other one")
                    .help("drop or rename one of them"),
                );
                // What its cells say is said of the first.
                columns.push(None);
                continue;
            }
            let path = setting::path(&head.text);
            if path.is_none() {
                inventory.is_whole = false;
                self.fault(
                    Code::UnknownKey,
                    &head.range,
                    format!("the column `{}` is not named by a key", head.text),
                    "head it by a key of the table, dotted where it lies deeper: `arrivals.poisson.rate`",
                );
            }
            let head_place = self.place(&head.range);
            columns.push(path.map(|path| KeyColumn {
                path,
                head: head_place,
            }));
        }
        let Some(names) = heads.iter().position(|head| head.text == NAME_COLUMN) else {
            let range =
                heads.first().map_or(0, |c| c.range.start)..heads.last().map_or(0, |c| c.range.end);
            let near = did_you_mean(NAME_COLUMN, heads.iter().map(|h| h.text.as_str()));
            let help = match near {
                Some(near) => format!("rename `{near}`"),
                None if heads.len() == 1 && heads[0].text.contains([';', '\t']) => {
                    "separate columns by commas".to_owned()
                }
                None => "add a column `name`: the name of each thing".to_owned(),
            };
            self.fault(
                Code::MissingKey,
                &range,
                "the column `name` is missing".to_owned(),
                &help,
            );
            return None;
        };
        columns[names] = None;
        inventory.heads = columns.iter().flatten().map(|c| c.head.clone()).collect();
        Some((names, columns))
    }

    /// The table of a row.
    fn thing(
        &self,
        name: &TableCell,
        row: &[TableCell],
        columns: &[Option<KeyColumn>],
        is_whole: &mut bool,
    ) -> Table {
        let place = self.place(&name.range);
        let mut table = Table::empty(place.clone());
        for (cell, column) in row.iter().zip(columns) {
            let Some(column) = column.as_ref().filter(|_| !cell.text.is_empty()) else {
                continue;
            };
            let value = setting::cell(&cell.text, &self.place(&cell.range));
            let written = value.and_then(|value| insert(&mut table, column, value));
            if let Err(fault) = written {
                *is_whole = false;
                self.diagnostics.push(fault);
            }
        }
        table
    }
}

/// Puts a value where its column says.
fn insert(table: &mut Table, column: &KeyColumn, value: Value) -> Result<(), Diagnostic> {
    let place = value.place.clone();
    let twice = |key: &str| {
        Diagnostic::error(
            Code::Contradiction,
            format!("two columns of the row set `{}`", key_text(key)),
        )
        .at(place.clone())
        .help("leave one of the two cells empty")
    };
    let Some((last, through)) = column.path.split_last() else {
        return Ok(());
    };
    let mut table = table;
    for key in through {
        let entry = table.entries.entry(key.clone()).or_insert_with(|| Entry {
            key: column.head.clone(),
            value: Value {
                node: Node::Table(Table::empty(place.clone())),
                place: place.clone(),
            },
        });
        let Node::Table(inner) = &mut entry.value.node else {
            return Err(twice(key));
        };
        table = inner;
    }
    if table.entries.contains_key(last) {
        return Err(twice(last));
    }
    table.entries.insert(
        last.clone(),
        Entry {
            key: column.head.clone(),
            value,
        },
    );
    Ok(())
}

/// Cuts a text into cells; lines without any text are left out.
fn cut(text: String) -> CellText {
    let bytes = text.as_bytes();
    let (mut rows, mut unclosed) = (Vec::new(), None);
    // A byte order mark is not part of the first column's name.
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while at < bytes.len() {
        let mut row = Vec::new();
        loop {
            let start = at;
            let lead = text[at..]
                .find(|c: char| c != ' ' && c != '\t')
                .unwrap_or(0);
            if bytes.get(at + lead) == Some(&b'"') {
                let (cell, end, is_closed) = quoted(&text, at + lead);
                if !is_closed {
                    unclosed = Some(at + lead..at + lead + 1);
                }
                row.push(cell);
                at = end;
                // What follows the quote up to the comma is part of no cell but blanks.
                at += text[at..].find([',', '\n']).unwrap_or(text.len() - at);
            } else {
                at += text[at..].find([',', '\n']).unwrap_or(text.len() - at);
                let written = &text[start..at];
                let lead = written.len() - written.trim_start().len();
                let cell = written.trim();
                row.push(TableCell {
                    range: start + lead..start + lead + cell.len(),
                    text: cell.to_owned(),
                });
            }
            match bytes.get(at) {
                Some(b',') => at += 1,
                Some(_) | None => break,
            }
        }
        at += 1;
        // A row that never ends says nothing for sure.
        if unclosed.is_none() && row.iter().any(|cell| !cell.text.is_empty()) {
            rows.push(row);
        }
    }
    CellText {
        text,
        rows,
        unclosed,
    }
}

/// A cell in quotes that opens at `open`, where it ends, and whether it does.
fn quoted(text: &str, open: usize) -> (TableCell, usize, bool) {
    let mut cell = String::new();
    let mut at = open + 1;
    while let Some(length) = text[at..].find('"') {
        cell.push_str(&text[at..at + length]);
        at += length + 1;
        if text[at..].starts_with('"') {
            cell.push('"');
            at += 1;
            continue;
        }
        let cell = TableCell {
            text: cell.trim().to_owned(),
            range: open..at,
        };
        return (cell, at, true);
    }
    let cell = TableCell {
        text: text[open + 1..].trim().to_owned(),
        range: open..text.len(),
    };
    (cell, text.len(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Inventory, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.csv"), text).unwrap();
        let diagnostics = Diagnostics::new();
        let named = Place {
            source: SourceId::none(),
            range: 0..0,
        };
        let files = Files::in_folder(folder.path());
        let inventory = Inventory::read("t.csv", &named, &files, &diagnostics);
        let (faults, sources) = diagnostics.into_parts();
        let lines = faults.iter().map(|fault| {
            let line = fault.one_line(&sources);
            line.rsplit_once("t.csv:")
                .map_or(line.clone(), |(_, l)| l.to_owned())
        });
        (inventory, lines.collect())
    }

    fn plain(inventory: &Inventory) -> Vec<String> {
        let things = inventory.things.iter();
        things
            .map(|(name, table)| format!("{name} {}", table.plain()))
            .collect()
    }

    #[test]
    fn a_row_is_a_table() {
        let (inventory, faults) = read(
            "\u{feff}name,bucket_key, key ,archive_age.uniform.longest,operations\r\n\
             a,TRUE,main,90d,\"{ GetObject = 1, \"\"PutObject\"\" = 2 }\"\r\n\n\"b, c\",false,,,\r\n12,,\"\"\"7\"\"\",,",
        );
        assert_eq!(faults, [""; 0]);
        assert!(inventory.is_whole);
        assert_eq!(
            plain(&inventory),
            [
                "a { bucket_key = true, key = \"main\", archive_age = { uniform = { longest = \"90d\" } }, operations = { GetObject = 1, PutObject = 2 } }",
                "b, c { bucket_key = false }",
                "12 { key = \"7\" }",
            ]
        );
    }

    #[test]
    fn every_fault_has_its_line() {
        let (inventory, faults) = read(
            "name,key,key.deep,a b\nx,1,,\nx,2,,\n,3,,\nlogs-*,4,,\ny,5\nz,6,7,\nu,[1,,\nv,\"[1\",,\n",
        );
        assert!(!inventory.is_whole);
        assert_eq!(
            faults,
            [
                "1:19: error[unknown-key]: the column `a b` is not named by a key",
                "3:1: error[duplicate-name]: `x` is there twice",
                "4:1: error[missing-key]: the row has no name",
                "5:1: error[out-of-range]: `logs-*` is not a name: a `*` stands for many names, and an `@` for those of a group",
                "6:1: error[syntax]: the row has 2 cells, but there are 4 columns",
                "7:5: error[contradiction]: two columns of the row set `key`",
                "8:3: error[syntax]: `[1` is not a TOML value: unclosed array, expected `]`",
                "9:3: error[syntax]: `[1` is not a TOML value: unclosed array, expected `]`",
            ]
        );
        for (text, fault) in [
            ("", "1:1: error[missing-key]: the table is empty"),
            (
                "name,key\n",
                "1:1: error[missing-key]: the table has no rows",
            ),
            (
                "nmae,key\na,b\n",
                "1:1: error[missing-key]: the column `name` is missing",
            ),
            (
                "name,name\na,b\n",
                "1:6: error[duplicate-name]: the column `name` is there twice",
            ),
            (
                "name,key\na,\"b\n",
                "2:3: error[syntax]: a quote is opened here and never closed",
            ),
        ] {
            assert_eq!(read(text).1, [fault], "{text:?}");
        }
    }
}
