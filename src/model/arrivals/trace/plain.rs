//! Rows of a plain CSV file: lines without quotes, each with as many fields as the header.

use std::io::Read;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;

/// The fields of one line, without the spaces around them.
pub(super) struct PlainCells<'l> {
    line: &'l str,
    /// Where each field ends.
    ends: &'l [usize],
}

impl<'l> PlainCells<'l> {
    /// One of them.
    #[inline]
    pub fn get(&self, i: usize) -> Option<&'l str> {
        let end = *self.ends.get(i)?;
        let start = match i.checked_sub(1) {
            Some(before) => self.ends[before] + 1,
            None => 0,
        };
        Some(trimmed(&self.line[start..end]))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'l str> {
        (0..self.ends.len()).map_while(|i| self.get(i))
    }
}

/// A field without the spaces around it, which most have not.
#[inline]
fn trimmed(field: &str) -> &str {
    match field.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => field,
        _ => field.trim(),
    }
}

/// Shows the fields of each line that is not empty, the header's first, until `on` is done with it; `None` as soon as
/// anything is not plain, cannot be read or is refused by `on`.
pub(super) fn plain_rows(
    file: &mut impl Read,
    mut on: impl FnMut(PlainCells<'_>) -> bool,
) -> Option<()> {
    let mut block = vec![0; BLOCK];
    let mut ends = Vec::new();
    let mut columns = None;
    // What is left of the last block: the beginning of a line.
    let mut left = 0;
    let mut is_first = true;
    loop {
        let read = file.read(&mut block[left..]).ok()?;
        let filled = left + read;
        let whole = match block[..filled].iter().rposition(|&b| b == b'\n') {
            _ if read == 0 => filled,
            Some(last) => last + 1,
            None => 0,
        };
        // A line longer than a block is not plain.
        if whole == 0 && filled == block.len() {
            return None;
        }
        let text = std::str::from_utf8(&block[..whole]).ok()?;
        let has_mark = is_first && text.starts_with('\u{feff}');
        is_first &= text.is_empty();
        if has_mark {
            return None;
        }
        let mut start = 0;
        // Shows the line that ends before a place.
        let mut line_until = |end: usize, start: usize, ends: &mut Vec<usize>| {
            let has_return = text.as_bytes()[start..end].last() == Some(&b'\r');
            let line = &text[start..end - usize::from(has_return)];
            ends.push(line.len());
            let is_plain = line.is_empty()
                || (*columns.get_or_insert(ends.len()) == ends.len()
                    && on(PlainCells { line, ends }));
            ends.clear();
            is_plain
        };
        for (i, &byte) in text.as_bytes().iter().enumerate() {
            // What matters is all below what most bytes are.
            if byte > b',' {
                continue;
            }
            match byte {
                b',' => ends.push(i - start),
                b'\n' => {
                    if !line_until(i, start, &mut ends) {
                        return None;
                    }
                    start = i + 1;
                }
                b'\r' if text.as_bytes().get(i + 1) != Some(&b'\n') => return None,
                b'"' => return None,
                _ => {}
            }
        }
        if start < text.len() && !line_until(text.len(), start, &mut ends) {
            return None;
        }
        if read == 0 {
            return Some(());
        }
        block.copy_within(whole..filled, 0);
        left = filled - whole;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Hands out a few bytes at a time.
    struct Slow<'t>(Cursor<&'t [u8]>);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let most = into.len().min(7);
            self.0.read(&mut into[..most])
        }
    }

    fn rows(text: &[u8]) -> Option<Vec<Vec<String>>> {
        let mut rows = Vec::new();
        let mut slow = Slow(Cursor::new(text));
        plain_rows(&mut slow, |cells| {
            rows.push(cells.iter().map(str::to_owned).collect());
            true
        })?;
        Some(rows)
    }

    #[test]
    fn plain_rows_are_what_a_reader_of_csv_finds() {
        for text in [
            "time,operation\n1, GetObject \n2,\n",
            "time\r\n1\r\n\r\n2",
            "a,b,c\n,,\n\n x ,y,\u{e9}\n",
            "time\n",
        ] {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .trim(csv::Trim::All)
                .from_reader(text.as_bytes());
            let records = reader.records().map(|r| r.expect("a row"));
            let all = records.map(|r| r.iter().map(str::to_owned).collect());
            assert_eq!(rows(text.as_bytes()), Some(all.collect()), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_a_reader_of_csv() {
        for text in [
            &b"time,key\n1,\"a\"\n"[..],
            b"time\r1\r2\n",
            b"time,size\n1\n",
            b"time\n\xff\n",
            b"\xef\xbb\xbftime\n1\n",
        ] {
            assert_eq!(rows(text), None, "{text:?}");
        }
    }
}
