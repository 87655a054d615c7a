//! What makes a page's figures interactive: the library and the figures' data, packed, and the few lines that unpack them.
//!
//! The policy in the page's head allows these two scripts and this style sheet by their hashes and nothing else, so that
//! the page asks no network for anything. Without scripts, and in print, the drawings stand in the page.

use super::chart::Figure;
use super::chart::plotly::{InteractiveFigure, PlotlyTrace, StackedTraces, by_night};
use super::error::ReportError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, write::GzEncoder};
use minijinja::{Environment, Value, context};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// Plotly's JavaScript, gzip in base64, and its hash: build.rs makes them.
const LIBRARY: &str = include_str!(concat!(env!("OUT_DIR"), "/plotly.js.gz.base64"));
const LIBRARY_HASH: &str = include_str!(concat!(env!("OUT_DIR"), "/plotly.js.sha256"));

pub(super) const BOOT: &str = include_str!("boot.js");
const STYLE: &str = include_str!("page.css");

/// Adds the templates that every page shares.
pub(super) fn add_templates(environment: &mut Environment<'_>) -> Result<(), ReportError> {
    environment.add_filter("names", |text: &Value| {
        Value::from_safe_string(breakable(&text.to_string()))
    });
    environment.add_template("figure.html", include_str!("figure.html.jinja"))?;
    environment.add_template("scripts.html", include_str!("scripts.html.jinja"))?;
    // As a template its megabytes go into the page without a copy in between.
    environment.add_template("library", LIBRARY)?;
    environment.add_template("sections.html", include_str!("sections.html.jinja"))?;
    Ok(())
}

/// Words longer than this may be broken.
const LONG: usize = 14;

/// Text for a page in which long names may be broken after `/`, `-`, `_`, `.`, `:` and `=`.
fn breakable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let is_long = word.trim_end().chars().count() > LONG;
        let mut chars = word.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                c => out.push(c),
            }
            let goes_on = chars.peek().is_some_and(|next| next.is_alphanumeric());
            if is_long && goes_on && matches!(c, '/' | '-' | '_' | '.' | ':' | '=') {
                out.push_str("<wbr>");
            }
        }
    }
    out
}

/// A figure as the template shows it; its place is that among all figures of the page.
pub(super) fn figure(place: usize, f: &Figure) -> Value {
    context! {
        place, title => f.title.as_str(), svg => Value::from_safe_string(f.svg.clone()),
        interactive => f.interactive.as_ref().map(shown),
        header => &f.table.header, rows => &f.table.rows, numbers => &f.table.numbers,
    }
}

fn shown(figure: &InteractiveFigure) -> Value {
    let switches = figure.switches.iter().map(|s| {
        context! {
            name => s.name.as_str(), sign => s.sign, color => s.color.as_str(), dash => s.dash.as_str(), on => s.on,
        }
    });
    let panels = figure.panels.iter().map(|p| {
        context! { name => p.name.as_str(), note => p.note.as_str(), height => p.height }
    });
    context! {
        caption => figure.caption.clone(), each => figure.each, axes => figure.axes.as_str(), log => figure.log,
        switches => switches.collect::<Vec<_>>(), zooms => figure.zooms.clone(),
        panels => panels.collect::<Vec<_>>(),
    }
}

/// The page's head and its scripts.
pub(super) fn scripts(figures: &[Figure]) -> Result<Value, ReportError> {
    let interactive: Vec<&InteractiveFigure> = figures
        .iter()
        .filter_map(|f| f.interactive.as_ref())
        .collect();
    let dark = by_night(interactive.iter().copied());
    let mut style = STYLE.to_owned();
    for color in dark.keys() {
        style.push_str(&format!(".c{} {{ color: {color}; }}\n", &color[1..]));
    }
    style.push_str("@media screen and (prefers-color-scheme: dark) {\n");
    for (day, night) in &dark {
        style.push_str(&format!(".c{} {{ color: {night}; }}\n", &day[1..]));
    }
    style.push_str("}\n");
    let panels = interactive.iter().flat_map(|f| &f.panels);
    let heights: BTreeSet<u32> = panels.map(|p| p.height).collect();
    for height in heights {
        style.push_str(&format!(".h{height} {{ min-height: {height}px; }}\n"));
    }
    // Plotly adds its rules to a style element that is empty at first, and looks whether pictures inside an address show.
    let mut policy = format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{}' 'sha256-{}'",
        hash(&style),
        hash("")
    );
    let mut packed = None;
    if !interactive.is_empty() {
        policy.push_str(&format!(
            "; script-src 'sha256-{}' 'sha256-{LIBRARY_HASH}'",
            hash(BOOT)
        ));
        let told = PageFigures {
            dark: &dark,
            figures: figures
                .iter()
                .map(|f| f.interactive.as_ref().map(told))
                .collect(),
        };
        let text = serde_json::to_vec(&told)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(4));
        // Memory takes all that it is given.
        let bytes = gzip
            .write_all(&text)
            .and_then(|()| gzip.finish())
            .unwrap_or_default();
        packed = Some(Value::from_safe_string(STANDARD.encode(bytes)));
    }
    Ok(context! {
        policy => Value::from_safe_string(policy), style => Value::from_safe_string(style), figures => packed,
        boot => Value::from_safe_string(BOOT.to_owned()),
    })
}

/// What the scripts read.
#[derive(Serialize)]
struct PageFigures<'f> {
    /// Colours by day, each with the one by night.
    dark: &'f BTreeMap<String, String>,
    /// By place; `None` for what is a drawing only.
    figures: Vec<Option<ToldFigure<'f>>>,
}

#[derive(Serialize)]
struct ToldFigure<'f> {
    panels: Vec<ToldPanel<'f>>,
}

#[derive(Serialize)]
struct ToldPanel<'f> {
    data: &'f [PlotlyTrace],
    layout: &'f serde_json::Value,
    zooms: &'f [serde_json::Value],
    values: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stacked: Option<&'f StackedTraces>,
}

fn told(figure: &InteractiveFigure) -> ToldFigure<'_> {
    let panels = figure.panels.iter().map(|p| ToldPanel {
        data: &p.data,
        layout: &p.layout,
        zooms: &p.zooms,
        values: p.values,
        stacked: p.stacked.as_ref(),
    });
    ToldFigure {
        panels: panels.collect(),
    }
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_broken_where_they_can_be() {
        assert_eq!(breakable("short-name a_b"), "short-name a_b");
        assert_eq!(
            breakable("<team>-paris-archive_2024.x a-b"),
            "&lt;team&gt;-<wbr>paris-<wbr>archive_<wbr>2024.<wbr>x a-b"
        );
        assert_eq!(breakable("12345678901234-"), "12345678901234-");
    }
}
