//! Colours, dashes, fills and sizes that every figure shares.
//!
//! Colour is never the only difference: lines differ in dash and carry letters, areas differ in
//! hatch and lightness, so that a black-and-white print reads the same.

use plotters::style::RGBColor;

/// Width of every figure [px].
pub(super) const WIDTH: f64 = 1040.0;
/// Blank border on every side [px].
pub(super) const MARGIN: f64 = 20.0;

/// Size of the title [px].
pub(super) const TITLE: f64 = 19.0;
/// Size of names and headings inside a figure [px].
pub(super) const HEADING: f64 = 14.0;
/// Size of everything else [px].
pub(super) const TEXT: f64 = 12.5;
/// Size of tick labels and notes [px].
pub(super) const SMALL: f64 = 11.5;

pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);
pub(super) const BLACK: RGBColor = RGBColor(17, 17, 17);
pub(super) const GREY: RGBColor = RGBColor(85, 85, 85);
pub(super) const GRID: RGBColor = RGBColor(222, 222, 222);
pub(super) const FRAME: RGBColor = RGBColor(120, 120, 120);
pub(super) const PALE: RGBColor = RGBColor(205, 205, 205);
pub(super) const SHADE: RGBColor = RGBColor(240, 240, 236);

/// A colour as it is on a dark ground: what is dark becomes light and the other way round, in the same hue.
pub(super) fn by_night(color: RGBColor) -> RGBColor {
    let RGBColor(r, g, b) = color;
    let [r, g, b] = [r, g, b].map(|part| f64::from(part) / 255.0);
    let (low, high) = (r.min(g).min(b), r.max(g).max(b));
    let light = (low + high) / 2.0;
    let turned = 0.9 - 0.65 * light;
    // As far from grey as before, of what the lightness has room for.
    let room = |light: f64| (1.0 - (2.0 * light - 1.0).abs()).max(1e-9);
    let vivid = (high - low) / room(light) * room(turned);
    let part = |v: f64| {
        let at = if high > low {
            (v - low) / (high - low) - 0.5
        } else {
            0.0
        };
        ((turned + vivid * at).clamp(0.0, 1.0) * 255.0).round() as u8
    };
    RGBColor(part(r), part(g), part(b))
}

/// A fill's colour as a line has it: pale ones would not show.
pub(super) fn inked(RGBColor(r, g, b): RGBColor) -> RGBColor {
    const DARKEST: f64 = 0.34;
    let light = f64::from(u16::from(r.min(g).min(b)) + u16::from(r.max(g).max(b))) / 510.0;
    let [r, g, b] = [r, g, b].map(|part| match light > DARKEST {
        true => (f64::from(part) * DARKEST / light).round() as u8,
        false => part,
    });
    RGBColor(r, g, b)
}

/// A line's colour, width [px] and dash: lengths of stroke and gap in turn [px], empty for solid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub color: RGBColor,
    pub width: f64,
    pub dash: &'static [f64],
}

/// Mean of attempts per second.
pub(super) const MEAN: Line = Line {
    color: RGBColor(0, 60, 130),
    width: 2.0,
    dash: &[],
};
/// Band of the 95 % interval of the mean.
pub(super) const BAND: RGBColor = RGBColor(120, 170, 225);
/// Busiest second in each bin.
pub(super) const BUSIEST: Line = Line {
    color: RGBColor(222, 130, 20),
    width: 1.0,
    dash: &[],
};
/// The quota.
pub(super) const QUOTA: Line = Line {
    color: RGBColor(185, 0, 25),
    width: 2.5,
    dash: &[],
};
/// The level of the 80 % alarm.
pub(super) const ALARM: Line = Line {
    color: RGBColor(185, 0, 25),
    width: 1.25,
    dash: &[1.5, 4.0],
};
/// What CloudWatch shows.
pub(super) const CLOUDWATCH: Line = Line {
    color: RGBColor(0, 110, 70),
    width: 1.75,
    dash: &[7.0, 4.0],
};

/// Lines of variants, in order: dark ones first, each with a dash of its own among neighbours.
pub(super) fn variant_line(i: usize) -> Line {
    const COLORS: [RGBColor; 6] = [
        RGBColor(0, 60, 130),
        RGBColor(200, 80, 0),
        RGBColor(0, 120, 80),
        RGBColor(140, 40, 120),
        RGBColor(70, 70, 70),
        RGBColor(120, 90, 0),
    ];
    const DASHES: [&[f64]; 4] = [&[], &[9.0, 4.0], &[2.5, 3.0], &[12.0, 3.0, 2.5, 3.0]];
    Line {
        color: COLORS[i % COLORS.len()],
        width: 2.0,
        dash: DASHES[i % DASHES.len()],
    }
}

/// Direction of the strokes on an area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Hatch {
    None,
    Up,
    Down,
    Cross,
    Upright,
    Level,
}

/// An area's colour and hatch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    pub color: RGBColor,
    pub hatch: Hatch,
    /// Whether text on it is white.
    pub dark: bool,
}

/// Fills of stacked parts, in order: neighbours differ in lightness and hatch.
pub(super) fn part_fill(i: usize) -> Fill {
    const fn fill(r: u8, g: u8, b: u8, hatch: Hatch, dark: bool) -> Fill {
        Fill {
            color: RGBColor(r, g, b),
            hatch,
            dark,
        }
    }
    const FILLS: [Fill; 8] = [
        fill(20, 75, 140, Hatch::None, true),
        fill(245, 190, 110, Hatch::Up, false),
        fill(175, 220, 195, Hatch::Cross, false),
        fill(205, 225, 245, Hatch::Down, false),
        fill(200, 120, 135, Hatch::None, false),
        fill(250, 235, 170, Hatch::Upright, false),
        fill(40, 40, 40, Hatch::None, true),
        fill(228, 228, 228, Hatch::None, false),
    ];
    FILLS[i % FILLS.len()]
}

/// Fill of amounts below zero, such as a free tier.
pub(super) const NEGATIVE: Fill = Fill {
    color: RGBColor(255, 255, 255),
    hatch: Hatch::Level,
    dark: false,
};
