//! What a figure shows, as Plotly is told: traces and layout of each panel, and the switches beside it.
//!
//! Every figure comes this way. What is drawn, and how, is Plotly's; colours and dashes are the drawings' own.
//! Long because it has a trace for every shape of a layer.

use super::live::{
    LiveAxis, LiveDot, LiveFigure, LiveInk, LiveLayer, LivePanel, LiveScale, LiveShape, LiveSwitch,
    LiveX,
};
use super::theme::{self, Line};
use plotters::style::RGBColor;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A figure as the page has it.
#[derive(Clone, Debug)]
pub struct InteractiveFigure {
    /// What the drawing says below its title.
    pub caption: Vec<String>,
    /// What each panel is, where there are several.
    pub each: &'static str,
    /// What is on the axes.
    pub axes: String,
    /// What can be switched.
    pub switches: Vec<LegendSwitch>,
    /// Whether the values' axis is logarithmic at first; `None` where it cannot be.
    pub log: Option<bool>,
    /// What to look at from near: names of zooms that every panel has.
    pub zooms: Vec<&'static str>,
    /// Its panels.
    pub panels: Vec<InteractivePanel>,
}

/// A row of the legend.
#[derive(Clone, Debug)]
pub struct LegendSwitch {
    /// Its name.
    pub name: String,
    /// How it is drawn: `line`, `fill` or `points`.
    pub sign: &'static str,
    /// Its colour by day, `#rrggbb`.
    pub color: String,
    /// The lengths of its strokes and gaps.
    pub dash: String,
    /// Whether it is on at first; `None` where it is always there.
    pub on: Option<bool>,
}

/// A panel: what stands above it, and what Plotly draws.
#[derive(Clone, Debug)]
pub struct InteractivePanel {
    /// Its name.
    pub name: String,
    /// Its figures in words.
    pub note: String,
    /// Its height \[px\].
    pub height: u32,
    /// Traces.
    pub data: Vec<PlotlyTrace>,
    /// Layout.
    pub layout: Value,
    /// Changes of the layout, one for each zoom of the figure.
    pub zooms: Vec<Value>,
    /// The axis of the values, `yaxis` or `xaxis`.
    pub values: &'static str,
    /// Traces that stand on one another, where the axis may be logarithmic.
    pub stacked: Option<StackedTraces>,
}

/// Traces that stand on one another on a linear axis only: on a logarithmic one the height of an area says nothing of its
/// amount, so that each is a line.
#[derive(Clone, Debug, Serialize)]
pub struct StackedTraces {
    /// Their places.
    traces: Vec<usize>,
    /// Changes of their style on a linear axis.
    linear: Value,
    /// The same on a logarithmic one.
    log: Value,
}

/// A trace: its arrays, and everything else.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PlotlyTrace {
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<Vec<Option<f64>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<Vec<Option<f64>>>,
    /// Which switch it belongs to.
    meta: usize,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

/// The day that runs begin on, as Plotly counts time: 1 January of a leap year \[ms\]. Its days are numbered from 1.
const BEGIN_MS: f64 = 946_684_800_000.0;

/// Seconds as milliseconds of Plotly's calendar.
fn instant(seconds: f64) -> f64 {
    BEGIN_MS + seconds * 1_000.0
}

/// A colour as a page writes it.
pub(super) fn hex(color: RGBColor) -> String {
    let RGBColor(r, g, b) = color;
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// A name as Plotly shows it: neither markup nor the place of a value.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '%' => out.push_str("&#37;"),
            '{' => out.push_str("&#123;"),
            '}' => out.push_str("&#125;"),
            '$' => out.push_str("&#36;"),
            c => out.push(c),
        }
    }
    out
}

/// A long name in lines of about this many characters.
fn lines(text: &str) -> String {
    const WIDTH: usize = 20;
    let mut out: Vec<String> = vec![String::new()];
    for c in text.chars() {
        let line = out.last_mut().expect("never empty");
        line.push(c);
        let breaks = matches!(c, ' ' | '-' | '_' | '/' | ',' | '.');
        if line.chars().count() >= WIDTH || (breaks && line.chars().count() > WIDTH * 2 / 3) {
            out.push(String::new());
        }
    }
    let lines: Vec<String> = out
        .iter()
        .filter(|l| !l.is_empty())
        .map(|l| plain(l))
        .collect();
    lines.join("<br>")
}

/// Colours by day, each with the one by night.
pub fn by_night<'f>(
    figures: impl Iterator<Item = &'f InteractiveFigure>,
) -> BTreeMap<String, String> {
    let mut colors = BTreeMap::new();
    let mut add = |text: &str| {
        if let Some(color) = read_hex(text) {
            colors.insert(text.to_owned(), hex(theme::by_night(color)));
        }
    };
    for figure in figures {
        for switch in &figure.switches {
            add(&switch.color);
        }
        for panel in &figure.panels {
            each_text(&panel.layout, &mut add);
            if let Some(styles) = &panel.stacked {
                each_text(&styles.linear, &mut add);
                each_text(&styles.log, &mut add);
            }
            for trace in &panel.data {
                for value in trace.rest.values() {
                    each_text(value, &mut add);
                }
            }
        }
    }
    colors
}

fn read_hex(text: &str) -> Option<RGBColor> {
    let digits = text.strip_prefix('#').filter(|d| d.len() == 6)?;
    let at = |i| u8::from_str_radix(digits.get(i..i + 2)?, 16).ok();
    Some(RGBColor(at(0)?, at(2)?, at(4)?))
}

fn each_text(value: &Value, tell: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => tell(text),
        Value::Array(all) => all.iter().for_each(|v| each_text(v, tell)),
        Value::Object(all) => all.values().for_each(|v| each_text(v, tell)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The figure as Plotly draws it.
pub(super) fn interactive(figure: &LiveFigure) -> InteractiveFigure {
    let mut switches: Vec<LegendSwitch> = Vec::new();
    for layer in figure.panels.iter().flat_map(|p| &p.layers) {
        if !switches.iter().any(|s| s.name == layer.group) {
            switches.push(legend(layer));
        }
    }
    let time = |p: &LivePanel| matches!(p.x.scale, LiveScale::Time) && p.moment.is_some();
    let zooms = if figure.panels.iter().any(time) {
        vec!["the busiest minutes", "the busiest seconds"]
    } else {
        vec![]
    };
    let first = figure.panels.first();
    let values = |p: &LivePanel| if lies(p) { p.x.log } else { p.y.log };
    InteractiveFigure {
        caption: figure.caption.clone(),
        each: figure.each,
        axes: first.map_or_else(String::new, |p| {
            let titles = [("Up", &p.y.title), ("To the right", &p.x.title)];
            let titles = titles.into_iter().filter(|t| !t.1.is_empty());
            let mut titles: Vec<String> = titles.map(|t| format!("{}: {}", t.0, t.1)).collect();
            if figure
                .panels
                .iter()
                .any(|p| p.y.log.is_some() && p.layers.iter().any(is_stack))
            {
                titles.push(STACKED.to_owned());
            }
            titles.join(". ")
        }),
        // One switch for all: where some values are near their limit, all are shown as they are.
        log: figure
            .panels
            .iter()
            .map(values)
            .reduce(|a, b| Some(a? && b?))
            .flatten(),
        panels: figure
            .panels
            .iter()
            .map(|p| panel(p, &switches, figure.panels.len()))
            .collect(),
        switches,
        zooms,
    }
}

/// What is said of areas that stand on one another.
const STACKED: &str = "Areas stand on one another; on a logarithmic axis each is a line of its own";

fn is_stack(layer: &LiveLayer) -> bool {
    matches!(layer.shape, LiveShape::Stack(..))
}

/// Whether the values lie on the x axis.
fn lies(p: &LivePanel) -> bool {
    matches!(p.y.scale, LiveScale::Names(_))
}

fn legend(layer: &LiveLayer) -> LegendSwitch {
    let (sign, line) = match layer.ink {
        LiveInk::Line(line) => ("line", line),
        LiveInk::Points(line) => ("points", line),
        LiveInk::Fill(fill) => (
            "fill",
            Line {
                color: fill.color,
                width: 1.0,
                dash: &[],
            },
        ),
    };
    let dash: Vec<String> = line.dash.iter().map(f64::to_string).collect();
    let on = match (layer.switch, &layer.shape) {
        (
            _,
            LiveShape::Level(_) | LiveShape::Mark(_) | LiveShape::Shade(..) | LiveShape::Cells(_),
        )
        | (LiveSwitch::Fixed, _) => None,
        (LiveSwitch::On, _) => Some(true),
        (LiveSwitch::Off, _) => Some(false),
    };
    LegendSwitch {
        name: layer.group.clone(),
        sign,
        color: hex(line.color),
        dash: dash.join(" "),
        on,
    }
}

fn panel(p: &LivePanel, switches: &[LegendSwitch], panels: usize) -> InteractivePanel {
    let mut data = Vec::new();
    let mut shapes = Vec::new();
    let lying = lies(p);
    for layer in &p.layers {
        let meta = switches.iter().position(|s| s.name == layer.group);
        let meta = meta.unwrap_or_default();
        let before = data.len();
        layer_traces(p, layer, &mut data, &mut shapes);
        for trace in &mut data[before..] {
            trace.meta = meta;
            if switches[meta].on == Some(false) {
                trace.rest.insert("visible".to_owned(), json!(false));
            }
        }
    }
    let rows = match &p.y.scale {
        LiveScale::Names(names) => names.len() as u32,
        LiveScale::Time | LiveScale::Number | LiveScale::Share => 0,
    };
    let height = match (rows, panels) {
        (0, 1) => 360,
        (0, 2..=3) => 280,
        (0, _) => 230,
        (n, _) => (n * 44 + 70).clamp(160, 1_200),
    };
    let stacked = stacked(p, &data);
    let unified = matches!(p.x.scale, LiveScale::Time);
    let zooms = p.moment.map_or_else(Vec::new, |at| {
        let around = |s: f64| json!({"xaxis.range": [instant(at - s), instant(at + s + 1.0)]});
        vec![around(120.0), around(5.0)]
    });
    let mut x = axis(&p.x);
    if let Some((from, to)) = p.window {
        x["range"] = json!([instant(from), instant(to)]);
    }
    let mut y = axis(&p.y);
    // What lies along time keeps its whole height, so that a quota stays in sight.
    if unified || lying {
        y["fixedrange"] = json!(true);
    }
    let values = if lying { &mut x } else { &mut y };
    values["rangemode"] = json!("tozero");
    let ink = hex(theme::BLACK);
    let layout = json!({
        "xaxis": x, "yaxis": y, "shapes": shapes, "showlegend": false,
        "barmode": "relative", "bargap": 0.35,
        "hovermode": if unified { "x unified" } else { "closest" },
        "hoverdistance": if unified { -1 } else { 20 },
        "hoverlabel": {"align": "left", "bgcolor": hex(theme::WHITE), "bordercolor": hex(theme::FRAME), "font": {"color": ink, "size": 12}, "namelength": -1},
        "margin": {"l": 56, "r": 16, "t": 10, "b": 40}, "height": height,
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Noto Sans, DejaVu Sans, Arial, sans-serif", "size": 12, "color": ink},
    });
    InteractivePanel {
        name: p.name.clone(),
        note: p.note.clone(),
        height,
        data,
        layout,
        zooms,
        values: if lying { "xaxis" } else { "yaxis" },
        stacked,
    }
}

/// How the traces of a panel look that stand on one another; `None` without any, or where the axis is always linear.
fn stacked(p: &LivePanel, data: &[PlotlyTrace]) -> Option<StackedTraces> {
    p.y.log?;
    let is_stacked = |(_, t): &(usize, &PlotlyTrace)| t.rest.contains_key("stackgroup");
    let traces: Vec<usize> = data
        .iter()
        .enumerate()
        .filter(is_stacked)
        .map(|(i, _)| i)
        .collect();
    if traces.is_empty() {
        return None;
    }
    let inks = p.layers.iter().filter_map(|l| match (&l.shape, l.ink) {
        (LiveShape::Stack(..), LiveInk::Fill(fill)) => Some(hex(theme::inked(fill.color))),
        _ => None,
    });
    let each =
        |of: &dyn Fn(usize) -> Value| Value::from((0..traces.len()).map(of).collect::<Vec<_>>());
    let inks: Vec<String> = inks.collect();
    let dashes = |i: usize| json!(dash(theme::variant_line(i)));
    Some(StackedTraces {
        linear: json!({
            "stackgroup": "all", "line.width": 0.5, "line.color": hex(theme::BLACK), "line.dash": "solid",
        }),
        log: json!({
            "stackgroup": "", "line.width": 2, "line.color": inks, "line.dash": each(&dashes),
        }),
        traces,
    })
}

fn axis(a: &LiveAxis) -> Value {
    let mut axis = json!({
        "automargin": true, "gridcolor": hex(theme::GRID), "linecolor": hex(theme::FRAME),
        "zerolinecolor": hex(theme::FRAME), "tickfont": {"size": 12},
    });
    match &a.scale {
        LiveScale::Time => {
            axis["type"] = json!("date");
            axis["tickformat"] = json!("%H:%M:%S\nday %-j");
            axis["hoverformat"] = json!("day %-j %H:%M:%S");
        }
        // Written out, on a logarithmic axis too, where Plotly's own ticks are small.
        LiveScale::Number => axis["tickformat"] = json!(",.12~r"),
        LiveScale::Share => axis["tickformat"] = json!(",~%"),
        LiveScale::Names(names) => {
            let places: Vec<usize> = (0..names.len()).collect();
            let names: Vec<String> = names.iter().map(|n| lines(n)).collect();
            axis["tickmode"] = json!("array");
            axis["tickvals"] = json!(places);
            axis["ticktext"] = json!(names);
            axis["range"] = json!([-0.6, names.len() as f64 - 0.4]);
            axis["zeroline"] = json!(false);
            axis["showgrid"] = json!(false);
        }
    }
    if a.log == Some(true) {
        axis["type"] = json!("log");
    }
    axis
}

/// What the pointer shows of a value: its digits, and beside them what people read.
fn hover(name: &str, scale: &LiveScale, value: &str) -> String {
    let name = plain(name);
    match scale {
        LiveScale::Share => format!("{name}: {value} (%{{y:.2%}})<extra></extra>"),
        LiveScale::Time | LiveScale::Number | LiveScale::Names(_) => {
            format!("{name}: {value}<extra></extra>")
        }
    }
}

fn dash(line: Line) -> String {
    if line.dash.is_empty() {
        return "solid".to_owned();
    }
    let lengths: Vec<String> = line.dash.iter().map(|d| format!("{d}px")).collect();
    lengths.join(",")
}

fn line_of(line: Line) -> Value {
    json!({"color": hex(line.color), "width": line.width.max(1.0), "dash": dash(line)})
}

fn color_of(ink: LiveInk) -> String {
    hex(match ink {
        LiveInk::Line(line) | LiveInk::Points(line) => line.color,
        LiveInk::Fill(fill) => fill.color,
    })
}

/// A trace along the x axis.
fn along(x: &LiveX, y: &[Option<f64>], time: bool) -> PlotlyTrace {
    let place = |v: f64| if time { instant(v) } else { v };
    let mut trace = PlotlyTrace {
        y: Some(y.to_vec()),
        ..PlotlyTrace::default()
    };
    match x {
        LiveX::Even(first, step) => {
            let step = if time { step * 1_000.0 } else { *step };
            trace.rest.insert("x0".to_owned(), json!(place(*first)));
            trace.rest.insert("dx".to_owned(), json!(step));
        }
        LiveX::At(at) => trace.x = Some(at.iter().map(|v| Some(place(*v))).collect()),
    }
    // A line of few values shows where each is.
    let mode = if y.len() > 40 {
        "lines"
    } else {
        "lines+markers"
    };
    trace.rest.insert("mode".to_owned(), json!(mode));
    trace
}

fn with(mut trace: PlotlyTrace, more: Value) -> PlotlyTrace {
    if let Value::Object(more) = more {
        trace.rest.extend(more);
    }
    trace
}

fn layer_traces(
    p: &LivePanel,
    layer: &LiveLayer,
    data: &mut Vec<PlotlyTrace>,
    shapes: &mut Vec<Value>,
) {
    let time = matches!(p.x.scale, LiveScale::Time);
    let digits = "%{customdata}";
    let name = plain(&layer.name);
    let color = color_of(layer.ink);
    let line = match layer.ink {
        LiveInk::Line(line) | LiveInk::Points(line) => line,
        LiveInk::Fill(fill) => Line {
            color: fill.color,
            width: 1.0,
            dash: &[],
        },
    };
    match &layer.shape {
        LiveShape::Steps(x, y) => {
            let mut shown = hover(&layer.name, &p.y.scale, digits);
            if time && y.iter().any(Option::is_none) {
                // In a gap the pointer finds the nearest value, which is of another time.
                shown = shown.replace("<extra>", " at %{x|day %-j %H:%M:%S}<extra>");
            }
            let more = json!({"name": name, "line": stepped(line), "hovertemplate": shown});
            data.push(with(along(x, y, time), more));
        }
        LiveShape::Stack(x, y) => data.push(with(
            along(x, y, time),
            json!({"name": name, "mode": "lines", "stackgroup": "all", "fillcolor": color,
                "line": {"shape": "hv", "width": 0.5, "color": hex(theme::BLACK)},
                "hovertemplate": hover(&layer.name, &p.y.scale, digits)}),
        )),
        LiveShape::Band(x, low, high) => {
            let edge = json!({"shape": "hv", "width": 0, "color": color});
            let below = format!("{}, lower end", layer.name);
            let above = format!("{}, upper end", layer.name);
            data.push(with(
                along(x, low, time),
                json!({"name": plain(&below), "mode": "lines", "line": edge, "hovertemplate": hover(&below, &p.y.scale, digits)}),
            ));
            data.push(with(
                along(x, high, time),
                json!({"name": plain(&above), "mode": "lines", "line": edge, "fill": "tonexty", "fillcolor": format!("{color}99"),
                    "hovertemplate": hover(&above, &p.y.scale, digits)}),
            ));
        }
        LiveShape::Line(dots) => data.push(dotted(p, layer, dots, "lines+markers", line)),
        LiveShape::Points(dots) => data.push(dotted(p, layer, dots, "markers", line)),
        LiveShape::Bars(amounts) => data.push(with(
            PlotlyTrace {
                x: Some(amounts.clone()),
                y: Some((0..amounts.len()).map(|i| Some(i as f64)).collect()),
                ..PlotlyTrace::default()
            },
            json!({"type": "bar", "orientation": "h", "name": name,
                "marker": {"color": color, "line": {"color": hex(theme::BLACK), "width": 0.75}, "pattern": pattern(layer.ink)},
                "hovertemplate": hover(&layer.name, &p.x.scale, digits)}),
        )),
        LiveShape::Spans(spans) => data.push(with(
            PlotlyTrace {
                x: Some(spans.iter().map(|s| Some(s.1 - s.0)).collect()),
                y: Some((0..spans.len()).map(|i| Some(i as f64)).collect()),
                ..PlotlyTrace::default()
            },
            json!({"type": "bar", "orientation": "h", "name": name, "base": spans.iter().map(|s| s.0).collect::<Vec<_>>(),
                "customdata": spans.iter().map(|s| json!([s.0, s.1])).collect::<Vec<_>>(),
                "marker": {"color": color, "line": {"color": hex(theme::BLACK), "width": 0.75}},
                "hovertemplate": hover(&layer.name, &LiveScale::Number, "%{customdata[0]} to %{customdata[1]}")}),
        )),
        LiveShape::Level(at) => shapes.push(json!({
            "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at, "line": line_of(line)})),
        LiveShape::Mark(at) => {
            let at = if time { instant(*at) } else { *at };
            shapes.push(json!({
                "type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": at, "x1": at, "line": line_of(line)}));
        }
        LiveShape::Shade(from, to) => {
            let at = |v: f64| if time { instant(v) } else { v };
            shapes.push(json!({
                "type": "rect", "layer": "below", "yref": "paper", "y0": 0, "y1": 1, "x0": at(*from), "x1": at(*to),
                "fillcolor": color, "opacity": 0.6, "line": {"width": 0}}));
        }
        LiveShape::Cells(cells) => data.push(with(
            PlotlyTrace::default(),
            json!({"type": "heatmap", "name": name, "z": cells, "customdata": cells, "showscale": false, "xgap": 1, "ygap": 1,
                "colorscale": [[0, hex(theme::PALE)], [1, color]],
                "hovertemplate": hover(&layer.name, &LiveScale::Number, digits)}),
        )),
    }
}

fn stepped(line: Line) -> Value {
    let mut value = line_of(line);
    value["shape"] = json!("hv");
    value
}

fn pattern(ink: LiveInk) -> Value {
    use super::theme::Hatch;
    let LiveInk::Fill(fill) = ink else {
        return json!({});
    };
    let shape = match fill.hatch {
        Hatch::None => "",
        Hatch::Up => "/",
        Hatch::Down => "\\",
        Hatch::Cross => "x",
        Hatch::Upright => "|",
        Hatch::Level => "-",
    };
    json!({"shape": shape, "fgcolor": hex(theme::GREY), "size": 6, "solidity": 0.15, "fillmode": "overlay"})
}

fn dotted(
    p: &LivePanel,
    layer: &LiveLayer,
    dots: &[LiveDot],
    mode: &str,
    line: Line,
) -> PlotlyTrace {
    let time = matches!(p.x.scale, LiveScale::Time);
    let place = |v: f64| if time { instant(v) } else { v };
    let lying = lies(p);
    let (scale, value) = if lying {
        (&p.x.scale, "x")
    } else {
        (&p.y.scale, "y")
    };
    let texts = dots.iter().any(|d| !d.text.is_empty());
    let of = |d: &LiveDot| if lying { d.x } else { d.y };
    let mut shown = "%{customdata[0]}".to_owned();
    if texts {
        shown += "<br>%{text}";
    }
    if !lying && !time {
        shown += &format!("<br>{}: %{{x}}", plain(&p.x.title));
    }
    let intervals = dots.iter().any(|d| d.interval.is_some());
    if intervals {
        shown += "<br>95 &#37; interval %{customdata[1]} to %{customdata[2]}";
    }
    let custom: Vec<Value> = dots
        .iter()
        .map(|d| match d.interval {
            Some((low, high)) => json!([of(d), low, high]),
            None if intervals => json!([of(d), "unknown", "unknown"]),
            None => json!([of(d)]),
        })
        .collect();
    let mut more = json!({
        "name": plain(&layer.name), "mode": mode, "line": line_of(line), "customdata": custom,
        "marker": {"color": hex(line.color), "size": if mode == "markers" { 9 } else { 5 }, "line": {"color": hex(theme::BLACK), "width": if mode == "markers" { 1 } else { 0 }}},
        "text": dots.iter().map(|d| plain(&d.text)).collect::<Vec<_>>(),
        "hovertemplate": hover(&layer.name, if lying { &LiveScale::Number } else { scale }, &shown),
    });
    if intervals {
        let above: Vec<f64> = dots
            .iter()
            .map(|d| d.interval.map_or(0.0, |i| i.1 - of(d)))
            .collect();
        let below: Vec<f64> = dots
            .iter()
            .map(|d| d.interval.map_or(0.0, |i| of(d) - i.0))
            .collect();
        more[format!("error_{value}")] = json!({"type": "data", "symmetric": false, "array": above, "arrayminus": below, "thickness": 1.2, "width": 3, "color": hex(line.color)});
    }
    with(
        PlotlyTrace {
            x: Some(
                dots.iter()
                    .map(|d| Some(if lying { d.x } else { place(d.x) }))
                    .collect(),
            ),
            y: Some(dots.iter().map(|d| Some(d.y)).collect()),
            ..PlotlyTrace::default()
        },
        more,
    )
}
