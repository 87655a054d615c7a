//! A sheet to draw on: pixels in, SVG text out, through plotters' SVG backend.
//!
//! Coordinates are CSS pixels as `f64`; the backend's whole numbers are quarters of a pixel, so
//! that thin lines stay where they belong. The same calls give the same bytes. Not here: axes.

use std::borrow::Cow;
use std::sync::Once;

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontFamily, FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle,
    register_font,
};

use super::stroke::{dashes, hatching};
use super::theme::{self, Fill, Line};

/// Units of the SVG's user space in one pixel.
const UNITS: f64 = 4.0;

/// First family is the font that measures and rasterises; the rest stand in where it is missing.
const FAMILY: &str = "Noto Sans, DejaVu Sans, Arial, sans-serif";

/// plotters takes a font size for 1.24 em, ab_glyph for ascent + descent, which in Noto Sans is
/// 1.362 em: measured widths are this much too small.
const MEASURE: f64 = 1.362 / 1.24;

/// What failed, in words; the caller knows which figure it was.
pub(super) type Drawn<T> = Result<T, String>;

/// Where a text's point lies in it.
pub(super) use plotters::style::text_anchor::HPos as Side;

/// Size [px], weight and colour of a text.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub size: f64,
    pub bold: bool,
    pub color: RGBColor,
}

/// Ordinary text of a size.
pub(super) const fn look(size: f64) -> Look {
    Look {
        size,
        bold: false,
        color: theme::BLACK,
    }
}

/// Bold text of a size.
pub(super) const fn bold(size: f64) -> Look {
    Look {
        size,
        bold: true,
        color: theme::BLACK,
    }
}

/// Grey text of a size.
pub(super) const fn grey(size: f64) -> Look {
    Look {
        size,
        bold: false,
        color: theme::GREY,
    }
}

fn style(look: &Look) -> TextStyle<'_> {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        // Both fonts are part of the program; were one broken, measuring falls back below.
        let _ = register_font(FAMILY, FontStyle::Normal, notosans::REGULAR_TTF);
        let _ = register_font(FAMILY, FontStyle::Bold, notosans::BOLD_TTF);
    });
    let weight = if look.bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let font = (FontFamily::Name(FAMILY), look.size * UNITS * 1.24, weight).into_font();
    TextStyle::from(font).color(&look.color)
}

/// Width of a text [px].
pub(super) fn text_width(text: &str, look: Look) -> f64 {
    match style(&look).font.box_size(text) {
        Ok((w, _)) => f64::from(w) * MEASURE / UNITS,
        Err(_) => text.chars().count() as f64 * look.size * 0.6,
    }
}

/// Breaks a text into lines no wider than `width` [px], inside words where it must.
pub(super) fn wrap(text: &str, width: f64, look: Look) -> Vec<String> {
    let mut lines = vec![];
    let mut line = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        line.push(c);
        if text_width(line.trim_end(), look) <= width || line.chars().count() == 1 {
            continue;
        }
        let keep = line.len() - c.len_utf8();
        let cut = line[..keep]
            .rfind([' ', '-', '/', '_'])
            .map_or(keep, |i| i + 1);
        let rest = line.split_off(cut);
        lines.push(std::mem::replace(&mut line, rest).trim_end().to_owned());
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// One figure under way.
pub(super) struct Canvas<'a> {
    backend: SVGBackend<'a>,
    /// Width of each text drawn, in order [units].
    widths: Vec<f64>,
}

/// Draws a figure of [`theme::WIDTH`]; `paint` returns the height it took [px].
pub(super) fn svg(title: &str, paint: impl FnOnce(&mut Canvas<'_>) -> Drawn<f64>) -> Drawn<String> {
    let mut raw = String::new();
    // The height is known only after drawing, so the root element is written in `finish`.
    let mut canvas = Canvas {
        backend: SVGBackend::with_string(&mut raw, (1, 1)),
        widths: vec![],
    };
    let height = paint(&mut canvas)?;
    canvas.backend.present().map_err(|e| e.to_string())?;
    let widths = std::mem::take(&mut canvas.widths);
    drop(canvas);
    finish(&raw, title, height, &widths)
}

/// Gives the root its size, a title for screen readers and a white ground, and each text its
/// measured length, so that a stand-in font can't run into its neighbours.
fn finish(raw: &str, title: &str, height: f64, widths: &[f64]) -> Drawn<String> {
    let (w, h) = (theme::WIDTH, height.ceil());
    let (uw, uh) = (w * UNITS, h * UNITS);
    let title = title
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
         viewBox=\"0 0 {uw} {uh}\" role=\"img\">\n<title>{title}</title>\n\
         <rect x=\"0\" y=\"0\" width=\"{uw}\" height=\"{uh}\" fill=\"#FFFFFF\"/>\n"
    );
    let mut lines = raw.lines().skip(1);
    let mut widths = widths.iter();
    let mut open_path = None;
    while let Some(line) = lines.next() {
        if let Some((style, way)) = outline(line) {
            // Lines of one style are one path: a dashed one has hundreds.
            if open_path != Some(style) {
                out.push_str(if open_path.is_some() { "\"/>\n" } else { "" });
                out.push_str(&format!("<path {style}d=\""));
            }
            out.push_str(&way);
            open_path = Some(style);
            continue;
        }
        if open_path.take().is_some() {
            out.push_str("\"/>\n");
        }
        let Some(open) = line.strip_prefix("<text ") else {
            out.push_str(&filled_thinly(line));
            out.push('\n');
            continue;
        };
        let (content, close) = lines.next().zip(lines.next()).ok_or("a text without end")?;
        let width = widths.next().ok_or("a text without width")?;
        out.push_str(&format!(
            "<text textLength=\"{width:.0}\" lengthAdjust=\"spacingAndGlyphs\" {open}{content}{close}\n"
        ));
    }
    if open_path.is_some() {
        out.push_str("\"/>\n");
    }
    Ok(out)
}

/// The attributes and the way of a line or an area that hides what is below; `None` for everything else.
///
/// Steps from one point to the next take a third of the room that places take.
fn outline(line: &str) -> Option<(&str, String)> {
    let (rest, close) = match line.strip_prefix("<polyline ") {
        Some(rest) => (rest, ""),
        None => (line.strip_prefix("<polygon ")?, "z"),
    };
    let (style, points) = rest.split_once("points=\"")?;
    let mut way = String::new();
    let mut last: Option<(i64, i64)> = None;
    for point in points.trim_end_matches("\"/>").split_whitespace() {
        let (x, y) = point.split_once(',')?;
        let (x, y): (i64, i64) = (x.parse().ok()?, y.parse().ok()?);
        way.push_str(&match last {
            None => format!("M{x} {y}"),
            Some((from, same)) if same == y => format!("h{}", x - from),
            Some((same, from)) if same == x => format!("v{}", y - from),
            Some((from_x, from_y)) => format!("l{} {}", x - from_x, y - from_y),
        });
        last = Some((x, y));
    }
    way.push_str(close);
    // Areas that let others shine through are drawn one by one.
    (style.contains("opacity=\"1\"") || close.is_empty()).then_some((style, way))
}

/// An area that lets others shine through, as one that is filled so: it looks the same, but what is transparent as a whole
/// is drawn on a sheet of its own first.
fn filled_thinly(line: &str) -> Cow<'_, str> {
    let is_area = line.starts_with("<polygon ")
        || (line.starts_with("<rect ") && line.contains(" stroke=\"none\""));
    if is_area && !line.contains(" opacity=\"1\"") {
        Cow::Owned(line.replacen(" opacity=", " fill-opacity=", 1))
    } else {
        Cow::Borrowed(line)
    }
}

fn unit(v: f64) -> i32 {
    // Clamped so that a figure far off its axis can't wrap around.
    (v * UNITS).round().clamp(-1e8, 1e8) as i32
}

fn stroke(color: RGBColor, alpha: f64, width: f64) -> ShapeStyle {
    ShapeStyle {
        color: color.mix(alpha),
        filled: false,
        stroke_width: (width * UNITS).round() as u32,
    }
}

impl Canvas<'_> {
    /// A text with its point at `side` and vertically centred on `y` [px].
    pub fn text(&mut self, x: f64, y: f64, text: &str, look: Look, side: Side) -> Drawn<()> {
        self.write(x, y, text, look, side, FontTransform::None)
    }

    /// A text that reads upwards, centred on the point [px].
    pub fn upright(&mut self, x: f64, y: f64, text: &str, look: Look) -> Drawn<()> {
        self.write(x, y, text, look, Side::Center, FontTransform::Rotate270)
    }

    fn write(
        &mut self,
        x: f64,
        y: f64,
        text: &str,
        look: Look,
        side: Side,
        turn: FontTransform,
    ) -> Drawn<()> {
        // An empty text would leave no line for `finish` to find.
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if text.trim().is_empty() {
            return Ok(());
        }
        self.widths.push(text_width(text.trim(), look) * UNITS);
        let style = style(&look)
            .pos(Pos::new(side, VPos::Center))
            .transform(turn);
        self.backend
            .draw_text(text.trim(), &style, (unit(x), unit(y)))
            .map_err(|e| e.to_string())
    }

    /// A text on a white ground that hides what lies below.
    pub fn label(&mut self, x: f64, y: f64, text: &str, look: Look, side: Side) -> Drawn<()> {
        let w = text_width(text, look);
        let left = match side {
            HPos::Left => x,
            HPos::Center => x - w / 2.0,
            HPos::Right => x - w,
        };
        let half = look.size * 0.62;
        self.area(
            left - 3.0,
            y - half,
            left + w + 3.0,
            y + half,
            theme::WHITE,
            0.85,
        )?;
        self.text(x, y, text, look, side)
    }

    /// A filled rectangle between two corners [px].
    pub fn area(
        &mut self,
        x0: f64,
        y0: f64,
        x1: f64,
        y1: f64,
        color: RGBColor,
        alpha: f64,
    ) -> Drawn<()> {
        let style = stroke(color, alpha, 0.0).filled();
        let (a, b) = (
            (unit(x0.min(x1)), unit(y0.min(y1))),
            (unit(x0.max(x1)), unit(y0.max(y1))),
        );
        self.backend
            .draw_rect(a, b, &style, true)
            .map_err(|e| e.to_string())
    }

    /// A filled and hatched rectangle with an outline.
    pub fn filled(&mut self, x0: f64, y0: f64, x1: f64, y1: f64, fill: Fill) -> Drawn<()> {
        self.area(x0, y0, x1, y1, fill.color, 1.0)?;
        let ink = Line {
            color: theme::GREY,
            width: 0.75,
            dash: &[],
        };
        for (from, to) in hatching(x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1), fill.hatch) {
            self.line(&[from, to], ink)?;
        }
        let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
        self.line(
            &corners,
            Line {
                color: theme::BLACK,
                ..ink
            },
        )
    }

    /// A filled polygon [px].
    pub fn polygon(&mut self, points: &[(f64, f64)], color: RGBColor, alpha: f64) -> Drawn<()> {
        let points: Vec<_> = points.iter().map(|(x, y)| (unit(*x), unit(*y))).collect();
        let style = stroke(color, alpha, 0.0).filled();
        self.backend
            .fill_polygon(points, &style)
            .map_err(|e| e.to_string())
    }

    /// A line through points [px], dashed where its style says so.
    pub fn line(&mut self, points: &[(f64, f64)], line: Line) -> Drawn<()> {
        let style = stroke(line.color, 1.0, line.width);
        for part in dashes(points, line.dash) {
            let mut part: Vec<_> = part.iter().map(|(x, y)| (unit(*x), unit(*y))).collect();
            part.dedup();
            if part.len() > 1 {
                self.backend
                    .draw_path(part, &style)
                    .map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    /// A disc or, without `fill`, a ring [px].
    pub fn disc(&mut self, x: f64, y: f64, r: f64, color: RGBColor, fill: bool) -> Drawn<()> {
        let style = stroke(color, 1.0, 1.25);
        let r = unit(r).unsigned_abs();
        self.backend
            .draw_circle((unit(x), unit(y)), r, &style, fill)
            .map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_measured_and_wrapped() {
        let look = look(12.0);
        assert!(text_width("wwww", look) > text_width("iiii", look));
        assert!(text_width("w", bold(12.0)) > 0.0);
        let lines = wrap("a-rather-long-name-of-a-variant without end", 80.0, look);
        assert!(lines.len() > 2 && lines.iter().all(|l| text_width(l, look) <= 80.0));
    }

    #[test]
    fn lines_of_one_style_are_one_path_of_steps() {
        let drawn = svg("a title", |c| {
            c.line(
                &[(0.0, 0.0), (50.0, 0.0), (50.0, 25.0), (60.0, 30.0)],
                theme::ALARM,
            )?;
            c.polygon(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], theme::BAND, 1.0)?;
            c.polygon(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], theme::BAND, 0.5)?;
            Ok(100.0)
        });
        let drawn = drawn.unwrap();
        let paths: Vec<&str> = drawn.lines().filter(|l| l.starts_with("<path ")).collect();
        assert_eq!(paths.len(), 2, "{drawn}");
        assert!(paths[0].matches('M').count() > 5, "{}", paths[0]);
        assert!(paths[1].ends_with(" d=\"M0 0h40v40z\"/>"), "{}", paths[1]);
        assert!(!drawn.contains("<polyline") && drawn.matches("<polygon").count() == 1);
        assert!(drawn.contains("<polygon fill-opacity=\"0.5\" fill=\""));
        assert!(
            drawn
                .lines()
                .all(|l| l.starts_with('<') && l.ends_with('>')),
            "{drawn}"
        );
    }

    #[test]
    fn texts_of_plotters_are_three_lines_that_are_read_again() {
        let drawn = svg("a title", |c| {
            c.line(&[(0.0, 0.0), (50.0, 50.0)], theme::QUOTA)?;
            c.text(10.0, 10.0, "hello", look(12.0), Side::Left)?;
            c.upright(30.0, 30.0, "world", look(12.0))?;
            Ok(100.0)
        });
        let drawn = drawn.unwrap();
        let texts: Vec<&str> = drawn.lines().filter(|l| l.contains("<text")).collect();
        let whole = |line: &&&str, word: &str| {
            line.starts_with("<text textLength=\"") && line.ends_with(&format!(">{word}</text>"))
        };
        assert!(
            texts.len() == 2 && whole(&&texts[0], "hello") && whole(&&texts[1], "world"),
            "plotters writes its SVG in another shape: adapt `finish`, then pin that version\n{drawn}"
        );
    }
}
