//! Text from outside as text: what a terminal would obey, or what would turn the order of letters, is written out.

use std::borrow::Cow;

/// Whether a character does something instead of being shown: controls but for the end of a line and the tab, and those
/// that turn or hide the letters around them.
pub fn acts(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{061c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

/// The text with what acts written out as `\u001b`, which is also what JSON makes of it.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !has_acting(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn has_acting(text: &str) -> bool {
    // Most texts are plain, and pages have megabytes: block by block, all bytes of one at once.
    const BLOCK: usize = 64;
    let is_odd = |b: u8| !matches!(b, b' '..=b'~' | b'\t' | b'\n');
    let mut blocks = (0..).step_by(BLOCK).zip(text.as_bytes().chunks(BLOCK));
    blocks.any(|(start, block)| {
        let odd = block.iter().fold(false, |odd, &b| odd | is_odd(b));
        let (start, end) = (
            text.floor_char_boundary(start),
            text.ceil_char_boundary(start + block.len()),
        );
        odd && text[start..end].chars().any(acts)
    })
}

/// As [`visible`], but with as many bytes as before, for texts that places are counted in.
pub fn visible_in_place(text: &str) -> Cow<'_, str> {
    if !has_acting(text) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|c| match (acts(c), c.len_utf8()) {
        (false, _) => c,
        // A line that ends in CR LF ends there all the same.
        (true, 1) => {
            if c == '\r' {
                ' '
            } else {
                '?'
            }
        }
        (true, 2) => '\u{00bf}',
        (true, _) => '\u{fffd}',
    });
    Cow::Owned(shown.collect())
}

/// The text as a cell of a table for spreadsheets: visible, and no formula.
///
/// Spreadsheets compute what begins with `=`, `+`, `-` or `@` and is no number; an apostrophe before it makes them show it instead.
pub fn cell(text: &str) -> Cow<'_, str> {
    let shown = visible(text);
    if shown.trim_start().starts_with(['=', '+', '-', '@']) && text.parse::<f64>().is_err() {
        return Cow::Owned(format!("'{shown}"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_acts_is_written_out() {
        for (text, shown) in [
            ("plain\tand\nlines", "plain\tand\nlines"),
            ("\u{1b}[2J", "\\u001b[2J"),
            ("a\rb\0", "a\\u000db\\u0000"),
            ("\u{9b}31m", "\\u009b31m"),
            ("abc\u{202e}txt", "abc\\u202etxt"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
        assert_eq!(
            visible_in_place("a\u{1b}\u{9b}\u{202e}\r\n"),
            "a?\u{bf}\u{fffd} \n"
        );
    }

    #[test]
    fn a_cell_is_no_formula() {
        for (text, shown) in [
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
            (" -a", "' -a"),
            ("-2.5", "-2.5"),
            ("+", "'+"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(cell(text), shown, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in "\\PC*|[\u{0}-\u{ff}]*") {
            prop_assert!(!visible(&text).chars().any(acts));
            prop_assert_eq!(visible_in_place(&text).len(), text.len());
            // In a JSON text the same value is left.
            let json = serde_json::to_string(&text).expect("text");
            let back: String = serde_json::from_str(&visible(&json)).expect("JSON");
            prop_assert_eq!(back, text);
        }
    }
}
