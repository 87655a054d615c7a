//! What every figure has: title, caption, legend, and words where there is nothing to draw.

use super::canvas::{Canvas, Drawn, Look, Side, bold, grey, look, svg, text_width, wrap};
use super::theme::{self, Fill, Line, MARGIN, SMALL, TEXT, TITLE, WIDTH};
use crate::report::text::letter;

/// Sign before a legend's text.
#[derive(Clone, Copy)]
pub(super) enum Sign {
    Line(Line),
    Band,
    Fill(Fill),
    Shade,
    Marker,
    /// A point that stands behind the others.
    Pale,
    /// A variant's line with the letter of its place.
    Lettered(usize),
    /// A variant's letter alone, where it has no line.
    Letter(usize),
}

const SIGN_WIDTH: f64 = 34.0;

/// Draws title and caption; returns the y where the rest begins [px].
pub(super) fn head(c: &mut Canvas<'_>, title: &str, caption: &[String]) -> Drawn<f64> {
    let mut y = MARGIN;
    y = paragraph(c, MARGIN, y, WIDTH - 2.0 * MARGIN, title, bold(TITLE))?;
    for text in caption {
        y = paragraph(c, MARGIN, y + 1.0, WIDTH - 2.0 * MARGIN, text, grey(TEXT))?;
    }
    Ok(y + 6.0)
}

/// Draws a text in as many lines as it needs; returns the y below it [px].
pub(super) fn paragraph(
    c: &mut Canvas<'_>,
    x: f64,
    mut y: f64,
    width: f64,
    text: &str,
    look: Look,
) -> Drawn<f64> {
    for line in wrap(text, width, look) {
        c.text(x, y + look.size * 0.7, &line, look, Side::Left)?;
        y += look.size * 1.4;
    }
    Ok(y)
}

/// Draws the legend in rows; returns the y below it [px].
pub(super) fn legend(c: &mut Canvas<'_>, mut y: f64, entries: &[(Sign, String)]) -> Drawn<f64> {
    let mut x = MARGIN;
    let look = look(TEXT);
    let row = TEXT * 1.6;
    for (sign, text) in entries {
        let room = WIDTH - 2.0 * MARGIN - SIGN_WIDTH - 6.0;
        let width = text_width(text, look).min(room) + SIGN_WIDTH + 6.0;
        if x > MARGIN && x + width > WIDTH - MARGIN {
            x = MARGIN;
            y += row;
        }
        draw_sign(c, *sign, x, y + row / 2.0)?;
        let lines = wrap(text, room, look);
        for (i, line) in lines.iter().enumerate() {
            if i > 0 {
                y += row * 0.85;
            }
            c.text(x + SIGN_WIDTH + 6.0, y + row / 2.0, line, look, Side::Left)?;
        }
        x += width + 18.0;
    }
    Ok(if entries.is_empty() { y } else { y + row + 6.0 })
}

fn draw_sign(c: &mut Canvas<'_>, sign: Sign, x: f64, y: f64) -> Drawn<()> {
    let (x0, x1) = (x, x + SIGN_WIDTH);
    match sign {
        Sign::Line(line) => c.line(&[(x0, y), (x1, y)], line),
        Sign::Band => c.area(x0, y - 5.0, x1, y + 5.0, theme::BAND, 0.6),
        Sign::Fill(fill) => c.filled(x0, y - 6.0, x1, y + 6.0, fill),
        Sign::Shade => {
            c.area(x0, y - 6.0, x1, y + 6.0, theme::SHADE, 1.0)?;
            let edge = Line {
                color: theme::FRAME,
                width: 0.75,
                dash: &[],
            };
            let (a, b) = (y - 6.0, y + 6.0);
            c.line(&[(x0, a), (x1, a), (x1, b), (x0, b), (x0, a)], edge)
        }
        Sign::Pale => pale(c, (x0 + x1) / 2.0, y),
        Sign::Marker => marker(c, (x0 + x1) / 2.0, y),
        Sign::Lettered(i) => {
            c.line(&[(x0, y), (x1, y)], theme::variant_line(i))?;
            lettered(c, (x0 + x1) / 2.0, y, i)
        }
        Sign::Letter(i) => lettered(c, (x0 + x1) / 2.0, y, i),
    }
}

/// The sign of a busiest second.
pub(super) fn marker(c: &mut Canvas<'_>, x: f64, y: f64) -> Drawn<()> {
    c.disc(x, y, 4.5, theme::WHITE, true)?;
    c.disc(x, y, 4.5, theme::BLACK, false)?;
    c.disc(x, y, 2.0, theme::BLACK, true)
}

/// The sign of a point that stands behind others.
pub(super) fn pale(c: &mut Canvas<'_>, x: f64, y: f64) -> Drawn<()> {
    c.disc(x, y, 4.0, theme::PALE, true)?;
    c.disc(x, y, 4.0, theme::FRAME, false)
}

/// A variant's letter in a disc on its line.
pub(super) fn lettered(c: &mut Canvas<'_>, x: f64, y: f64, i: usize) -> Drawn<()> {
    let color = theme::variant_line(i).color;
    c.disc(x, y, 7.5, theme::WHITE, true)?;
    c.disc(x, y, 7.5, color, false)?;
    let text = Look {
        size: theme::SMALL,
        bold: true,
        color,
    };
    c.text(x, y, &letter(i), text, Side::Center)
}

/// A figure that says in words why it shows nothing.
pub(super) fn words(title: &str, caption: &[String], reason: &str) -> Drawn<String> {
    svg(title, |c| {
        let y = head(c, title, caption)?;
        let text = look(theme::HEADING);
        let box_bottom = y + 90.0;
        c.area(
            MARGIN,
            y + 6.0,
            WIDTH - MARGIN,
            box_bottom,
            theme::SHADE,
            1.0,
        )?;
        let lines = wrap(reason, WIDTH - 4.0 * MARGIN, text);
        let mut line_y = (y + 6.0 + box_bottom) / 2.0 - (lines.len() as f64 - 1.0) * 10.0;
        for line in lines {
            c.text(WIDTH / 2.0, line_y, &line, text, Side::Center)?;
            line_y += 20.0;
        }
        Ok(box_bottom + MARGIN)
    })
}

/// Draws a note below a figure; returns the y below it [px].
pub(super) fn foot(c: &mut Canvas<'_>, y: f64, text: &str) -> Drawn<f64> {
    paragraph(c, MARGIN, y + 4.0, WIDTH - 2.0 * MARGIN, text, grey(SMALL))
}
