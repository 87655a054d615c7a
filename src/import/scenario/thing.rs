//! A thing of the scenario: a table of its own, or a row of a CSV file where there are many of its kind.

use std::fmt::Write;

/// Things of a kind that have tables of their own; more are rows of a file.
pub const TABLES: usize = 20;
/// Columns of a line of the file.
const WIDTH: usize = 118;

/// A thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thing {
    /// Its name.
    pub name: String,
    /// What is to be said of it; only tables have room for it.
    pub remarks: Vec<String>,
    /// What is set, keys dotted where they lie deeper, values in TOML.
    pub settings: Vec<(&'static str, String)>,
}

impl Thing {
    /// Nothing set yet.
    pub fn new(name: &str) -> Thing {
        Thing {
            name: name.to_owned(),
            ..Thing::default()
        }
    }

    /// Sets a key to a text.
    pub fn text(&mut self, key: &'static str, value: &str) {
        self.settings.push((key, format!("\"{value}\"")));
    }

    /// Sets a key to what is TOML already.
    pub fn value(&mut self, key: &'static str, value: impl Into<String>) {
        self.settings.push((key, value.into()));
    }
}

/// A text that stays within its comment.
pub fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Where things are written.
#[derive(Debug, Default)]
pub struct ThingTexts {
    /// Keys that stand before all tables.
    pub top: String,
    /// Tables.
    pub tables: String,
    /// Files: name and text.
    pub files: Vec<(String, String)>,
}

impl ThingTexts {
    /// Writes all things of a kind; `all` is the kind in the plural, as its CSV file is named.
    pub fn write(&mut self, kind: &str, all: &str, things: &[Thing], stem: &str) {
        if things.len() > TABLES {
            let file = format!("{stem}.{all}.csv");
            let _ = writeln!(self.top, "{all}.file = \"{file}\"");
            self.files.push((file, rows(things)));
            return;
        }
        for thing in things {
            self.tables.push('\n');
            for remark in &thing.remarks {
                for line in wrapped(&comment(remark)) {
                    let _ = writeln!(self.tables, "# {line}");
                }
            }
            let _ = writeln!(self.tables, "[{kind}.{}]", thing.name);
            for (key, value) in &thing.settings {
                let _ = writeln!(self.tables, "{key} = {value}");
            }
        }
    }
}

/// A text in lines of a comment.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let fits = |line: &String| line.chars().count() + word.chars().count() < WIDTH;
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if fits(line) => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(format!("  {word}")),
        }
    }
    lines
}

/// The CSV file of things, with a column for each key that any of them sets.
fn rows(things: &[Thing]) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in things.iter().flat_map(|t| &t.settings) {
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    let mut text = String::from("name");
    for key in &keys {
        let _ = write!(text, ",{key}");
    }
    text.push('\n');
    for thing in things {
        text.push_str(&thing.name);
        for key in &keys {
            text.push(',');
            if let Some((_, value)) = thing.settings.iter().find(|(k, _)| k == key) {
                text.push_str(&cell(value));
            }
        }
        text.push('\n');
    }
    text
}

/// A cell; a text whose quotes say nothing is written without them.
fn cell(value: &str) -> String {
    let value = value.replace('\n', " ");
    let bare = value
        .strip_prefix('"')
        .and_then(|v| v.strip_suffix('"'))
        .filter(|v| v.chars().any(char::is_alphabetic) && !v.contains(['"', '\\', ',']))
        .filter(|v| v.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c)))
        .filter(|v| !["true", "false", "inf", "nan"].contains(v));
    match bare {
        // What begins with a digit could be a number or a date.
        Some(bare) if bare.starts_with(|c: char| c.is_alphabetic()) => bare.to_owned(),
        Some(_) | None if value.contains([',', '"']) => {
            format!("\"{}\"", value.replace('"', "\"\""))
        }
        Some(_) | None => value,
    }
}

/// A list of names in TOML, in lines of the file's width.
pub fn names(all: &[&str]) -> String {
    let mut text = String::from("[");
    let mut length = 12;
    for (i, name) in all.iter().enumerate() {
        if i > 0 {
            text.push(',');
            if length + name.len() > WIDTH - 6 {
                text.push_str("\n   ");
                length = 3;
            }
            text.push(' ');
        }
        length += name.len() + 4;
        let _ = write!(text, "\"{name}\"");
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_things_are_rows_and_few_are_tables() {
        let thing = |i: usize| {
            let mut thing = Thing::new(&format!("b{i}"));
            thing.text("key", "main");
            if i == 3 {
                thing.value("trace", "{ file = \"x.csv\", count = \"n\" }");
                thing.text("start", "10s");
            }
            thing
        };
        let mut texts = ThingTexts::default();
        texts.write("bucket", "buckets", &[thing(0)], "mine");
        assert_eq!(texts.tables, "\n[bucket.b0]\nkey = \"main\"\n");
        let many: Vec<Thing> = (0..TABLES + 1).map(thing).collect();
        texts.write("workload", "workloads", &many, "mine");
        assert_eq!(texts.top, "workloads.file = \"mine.workloads.csv\"\n");
        let lines: Vec<&str> = texts.files[0].1.lines().collect();
        assert_eq!(lines[0], "name,key,trace,start");
        assert_eq!(lines[1], "b0,main,,");
        assert_eq!(
            lines[4],
            "b3,main,\"{ file = \"\"x.csv\"\", count = \"\"n\"\" }\",\"\"\"10s\"\"\""
        );
    }
}
