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

/// Sentences, wrapped to `WIDTH` columns.
pub fn wrapped(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut width = 0;
        for word in line.split(' ') {
            let n = word.chars().count();
            if width > 0 && width + 1 + n > WIDTH {
                out.push('\n');
                width = 0;
            } else if width > 0 {
                out.push(' ');
                width += 1;
            }
            out += word;
            width += n;
        }
        out.push('\n');
    }
    out
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
