//! What the place can show that a text is written to: how wide it is, which characters, how much at once.

use super::text::{WIDTH, filled};

/// A place that text is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewport {
    /// Columns of a terminal; `None` where lines may be as long as they are, in a file or a pipe.
    pub columns: Option<usize>,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
    /// Whether all is shown, or only what decides.
    pub full: bool,
}

impl Default for Viewport {
    /// A file: all, in any characters.
    fn default() -> Viewport {
        Viewport {
            columns: None,
            unicode: true,
            full: true,
        }
    }
}

/// Narrower than this nothing is laid out.
const NARROWEST: usize = 24;

impl Viewport {
    /// Columns that sentences and tables keep to.
    pub(super) fn width(&self) -> usize {
        self.columns.map_or(WIDTH, |n| n.max(NARROWEST))
    }

    /// A sentence in the characters that can be shown, in lines that are no longer than a terminal's.
    pub fn sentence(&self, text: &str) -> String {
        let text = self.spelled(text);
        match self.columns {
            Some(_) => filled(&text, self.width(), 2),
            None => text,
        }
    }

    /// A text in the characters that can be shown.
    pub fn spelled(&self, text: &str) -> String {
        if self.unicode {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '±' => out.push_str("+-"),
                '×' => out.push('x'),
                '÷' | '∕' => out.push('/'),
                '−' | '–' | '—' | '─' | '╌' | '═' => out.push('-'),
                '…' => out.push_str("..."),
                '≤' => out.push_str("<="),
                '≥' => out.push_str(">="),
                '≈' => out.push('~'),
                '→' => out.push_str("->"),
                'µ' | 'μ' => out.push('u'),
                '·' | '•' => out.push('.'),
                '“' | '”' => out.push('"'),
                '‘' | '’' => out.push('\''),
                '│' | '┆' | '║' => out.push('|'),
                '▲' => out.push('^'),
                '█' => out.push('#'),
                'á' | 'ã' => out.push('a'),
                '\u{a0}' | '\u{202f}' => out.push(' '),
                c if c.is_ascii() => out.push(c),
                _ => out.push('?'),
            }
        }
        out
    }
}
