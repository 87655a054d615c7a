//! `results.json` and `manifest.json` as text: indented, with each array of numbers on one line.
//!
//! Not here: the shapes, which [`crate::results`] defines.

use std::io;

use crate::units::visible::visible;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Indents objects and leaves arrays inline: 2,000 bins a line instead of 2,000 lines.
struct InlineArrays(PrettyFormatter<'static>);

impl Formatter for InlineArrays {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }
    fn begin_object<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_object(w)
    }
    fn end_object<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_object(w)
    }
    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(w, first)
    }
    fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_object_value(w)
    }
    fn end_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_object_value(w)
    }
    /// Names may hold what a terminal obeys, also where JSON has no need to escape it.
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        w.write_all(visible(fragment).as_bytes())
    }
}

/// Any of the result types as JSON text with a final newline, the same to the byte each time.
pub fn text<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    write(value, &mut bytes)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// As [`text`], written as it is made: results of many things take more room as text than in memory.
pub fn write<T: Serialize>(value: &T, mut to: impl io::Write) -> Result<(), serde_json::Error> {
    let formatter = InlineArrays(PrettyFormatter::with_indent(b" "));
    value.serialize(&mut Serializer::with_formatter(&mut to, formatter))?;
    to.write_all(b"\n").map_err(serde_json::Error::io)
}

#[cfg(test)]
mod tests {
    #[test]
    fn arrays_stay_on_one_line() {
        let text = super::text(&serde_json::json!({"a": [1, 2, {"b": []}], "c": {}})).unwrap();
        assert_eq!(
            text,
            "{\n \"a\": [1, 2, {\n  \"b\": []\n }],\n \"c\": {}\n}\n"
        );
    }
}
