//! Pieces of text that tables, figures and the report share.

use crate::metrics::number;
use crate::results::RunResults;

/// Columns of a terminal that the tables keep to.
pub const WIDTH: usize = 100;

/// One line that says which run a table or figure shows.
pub fn caption(results: &RunResults) -> String {
    let warm_up = results.horizon_s.saturating_sub(results.measured_s);
    let mut text = format!(
        "Scenario {}: {} replication{}, seed {}, horizon {}",
        results.scenario.name,
        results.replications,
        if results.replications == 1 { "" } else { "s" },
        results.seed,
        number::instant(results.horizon_s),
    );
    if warm_up > 0 {
        text += &format!(" (the first {} are warm-up)", number::instant(warm_up));
    }
    text
}

/// What the figures behind ± are.
pub fn note(results: &RunResults) -> &'static str {
    if results.replications < 2 {
        "Only 1 replication: no intervals."
    } else {
        "Means over replications ± half-width of the 95 % interval; no ± where all replications agree."
    }
}

/// Breaks a name into lines of at most `width` characters, at blanks and dashes where it can.
pub(super) fn wrap(name: &str, width: usize) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut count = 0;
    for c in name.chars() {
        if count == width {
            let cut = line
                .rfind([' ', '-', '_', '/'])
                .map_or(line.len(), |i| i + 1);
            let rest = line.split_off(cut);
            lines.push(std::mem::replace(&mut line, rest));
            count = line.chars().count();
        }
        line.push(c);
        count += 1;
    }
    lines.push(line);
    lines.join("\n")
}

/// Lines of at most `width` characters, broken at blanks; a word that is longer is broken where it can be. What goes on
/// begins `hang` blanks further in than its line did.
pub fn filled(text: &str, width: usize, hang: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let words = line.trim_start_matches(' ');
        let own = (line.len() - words.len()).min(width / 2);
        let further = (own + hang).min(width / 2);
        let blanks = |out: &mut String, n: usize| out.extend(std::iter::repeat_n(' ', n));
        blanks(&mut out, own);
        let (mut used, mut is_first) = (own, true);
        for mut word in words.trim_end_matches(' ').split(' ') {
            let begin = |out: &mut String| {
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
                blanks(out, further);
                further
            };
            if !is_first {
                if used + 1 + word.chars().count() > width {
                    used = begin(&mut out);
                } else {
                    out.push(' ');
                    used += 1;
                }
            }
            while used + word.chars().count() > width {
                let cut = cut(word, width - used);
                out.push_str(&word[..cut]);
                word = &word[cut..];
                used = begin(&mut out);
            }
            out += word;
            used += word.chars().count();
            is_first = false;
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    out
}

/// Where a word is broken that has more than `most` characters.
fn cut(word: &str, most: usize) -> usize {
    let most = most.max(1);
    let end = word.char_indices().nth(most).map_or(word.len(), |(i, _)| i);
    let at = word[..end].rfind(['/', '-', '_', '=', '.', ',', ':']);
    at.map_or(end, |i| i + 1)
}

/// The letter that stands on a variant's line and before its name in the legend.
pub(super) fn letter(i: usize) -> String {
    let c = |n: usize| char::from(b'A' + (n % 26) as u8);
    if i < 26 {
        c(i).to_string()
    } else {
        format!("{}{}", c(i / 26 - 1), c(i))
    }
}

/// A text that begins a sentence.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_where_they_can_be() {
        for (text, width, hang, expected) in [
            ("", 9, 0, ""),
            ("one two three", 9, 2, "one two\n  three\n"),
            ("  in two three", 9, 2, "  in two\n    three\n"),
            ("a/bcdefghijkl", 6, 0, "a/\nbcdefg\nhijkl\n"),
            ("abc\ndef", 3, 0, "abc\ndef\n"),
            ("exactly ten", 11, 0, "exactly ten\n"),
        ] {
            assert_eq!(filled(text, width, hang), expected, "{text:?}");
        }
        let long = "a  b   `path/of/a/file/that/is/long` = 5".repeat(5);
        for width in 24..90 {
            let lines = filled(&long, width, 4);
            let widest = lines.lines().map(|l| l.chars().count()).max();
            assert!(widest <= Some(width), "{width}: {lines}");
        }
    }
}
