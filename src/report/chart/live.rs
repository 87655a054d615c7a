//! What a figure shows as numbers: the interactive figure of a page is made of it.
//!
//! Values are those of the results, bin by bin and second by second; nothing is merged as it is in a drawing. Not here:
//! how a library of charts wants to be told, which [`super::plotly`] knows.

use super::theme::{Fill, Line};

/// What a figure shows.
#[derive(Clone, Debug, Default)]
pub(super) struct LiveFigure {
    /// What the drawing says below its title.
    pub caption: Vec<String>,
    /// What each panel is, where there are several: "variant".
    pub each: &'static str,
    /// One below another, each with axes of its own.
    pub panels: Vec<LivePanel>,
}

/// One pair of axes.
#[derive(Clone, Debug)]
pub(super) struct LivePanel {
    /// Its name; empty where the figure has one panel only.
    pub name: String,
    /// Its figures in words.
    pub note: String,
    pub x: LiveAxis,
    pub y: LiveAxis,
    /// What lies at the bottom comes first.
    pub layers: Vec<LiveLayer>,
    /// Where its decisive moment is, on the x axis.
    pub moment: Option<f64>,
    /// What part of the x axis is shown at first; `None` for all of it.
    pub window: Option<(f64, f64)>,
}

impl LiveFigure {
    /// A figure of one panel, which needs no name.
    pub fn of_one(caption: Vec<String>, panel: LivePanel) -> LiveFigure {
        LiveFigure {
            caption,
            each: "",
            panels: vec![panel],
        }
    }
}

impl LivePanel {
    /// A pair of axes, all of them shown, and what is drawn over them.
    pub fn new(x: LiveAxis, y: LiveAxis, layers: Vec<LiveLayer>) -> LivePanel {
        LivePanel {
            name: String::new(),
            note: String::new(),
            x,
            y,
            layers,
            moment: None,
            window: None,
        }
    }
}

/// An axis.
#[derive(Clone, Debug)]
pub(super) struct LiveAxis {
    /// With its unit.
    pub title: String,
    pub scale: LiveScale,
    /// Whether it is logarithmic at first; `None` where it cannot be.
    pub log: Option<bool>,
}

/// How an axis counts.
#[derive(Clone, Debug)]
pub(super) enum LiveScale {
    /// Seconds since the run's start.
    Time,
    Number,
    /// Shares of one, shown in percent.
    Share,
    /// Places 0, 1, 2 … that have names.
    Names(Vec<String>),
}

/// What is drawn over a pair of axes, and switched on and off.
#[derive(Clone, Debug)]
pub(super) struct LiveLayer {
    pub name: String,
    pub shape: LiveShape,
    pub ink: LiveInk,
    /// Layers of one group are switched together; the legend shows its name.
    pub group: String,
    pub switch: LiveSwitch,
}

/// Whether a layer can be switched off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum LiveSwitch {
    On,
    Off,
    /// It is always there.
    Fixed,
}

/// How a layer is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum LiveInk {
    Line(Line),
    Fill(Fill),
    /// Points in this colour.
    Points(Line),
}

/// A layer's values.
#[derive(Clone, Debug)]
pub(super) enum LiveShape {
    /// Levels, each from its x to the next.
    Steps(LiveX, Vec<Option<f64>>),
    /// The same, on top of the layers of this kind before it.
    Stack(LiveX, Vec<Option<f64>>),
    /// Between two lines of levels.
    Band(LiveX, Vec<Option<f64>>, Vec<Option<f64>>),
    /// A line through points.
    Line(Vec<LiveDot>),
    /// Points alone.
    Points(Vec<LiveDot>),
    /// Lying bars from the end of the bars before: one for each place of the y axis.
    Bars(Vec<Option<f64>>),
    /// Lying bars between two values.
    Spans(Vec<(f64, f64)>),
    /// A horizontal line across.
    Level(f64),
    /// A vertical line across.
    Mark(f64),
    /// A span of x, shaded.
    Shade(f64, f64),
    /// Cells by row, then column.
    Cells(Vec<Vec<Option<f64>>>),
}

/// Where values stand on the x axis.
#[derive(Clone, Debug)]
pub(super) enum LiveX {
    /// From the first on, with one step between any two.
    Even(f64, f64),
    At(Vec<f64>),
}

impl LiveX {
    /// Seconds as they are; even where they are.
    pub fn of(seconds: &[u64]) -> LiveX {
        let step = match seconds {
            [first, second, ..] => second - first,
            _ => 1,
        };
        match seconds.first() {
            Some(first) if seconds.windows(2).all(|w| w[1] - w[0] == step) => {
                LiveX::Even(*first as f64, step as f64)
            }
            _ => LiveX::At(seconds.iter().map(|s| *s as f64).collect()),
        }
    }
}

/// A point with the 95 % interval of its y, and a text.
#[derive(Clone, Debug)]
pub(super) struct LiveDot {
    pub x: f64,
    pub y: f64,
    pub interval: Option<(f64, f64)>,
    pub text: String,
}

impl LiveDot {
    /// A dot without an interval and without words of its own.
    pub(super) fn at(x: f64, y: f64) -> LiveDot {
        LiveDot {
            x,
            y,
            interval: None,
            text: String::new(),
        }
    }
}

impl LiveLayer {
    /// A layer that is switched by its own name.
    pub fn new(name: &str, shape: LiveShape, ink: LiveInk) -> LiveLayer {
        LiveLayer {
            name: name.to_owned(),
            group: name.to_owned(),
            shape,
            ink,
            switch: LiveSwitch::On,
        }
    }

    /// The same, in a group that is switched together.
    pub fn of(mut self, group: &str) -> LiveLayer {
        self.group = group.to_owned();
        self
    }

    /// The same, always there or off at first.
    pub fn switched(mut self, switch: LiveSwitch) -> LiveLayer {
        self.switch = switch;
        self
    }
}

impl LiveAxis {
    /// Seconds since the run's start.
    pub fn time() -> LiveAxis {
        LiveAxis {
            title: "time since the run's start".to_owned(),
            scale: LiveScale::Time,
            log: None,
        }
    }

    /// Numbers that may also be shown on a logarithmic axis.
    pub fn number(title: &str) -> LiveAxis {
        LiveAxis {
            title: title.to_owned(),
            scale: LiveScale::Number,
            log: Some(false),
        }
    }

    /// Numbers with a limit, which must not press them onto the zero line: logarithmic at first where it is far above.
    pub fn with_limit(title: &str, most: f64, limit: f64) -> LiveAxis {
        LiveAxis {
            log: Some(limit > 10.0 * most),
            ..LiveAxis::number(title)
        }
    }

    /// Shares of one that may also be shown on a logarithmic axis.
    pub fn share(title: &str) -> LiveAxis {
        LiveAxis {
            scale: LiveScale::Share,
            ..LiveAxis::number(title)
        }
    }

    /// Names at 0, 1, 2 and so on.
    pub fn names(title: &str, names: impl IntoIterator<Item = String>) -> LiveAxis {
        LiveAxis {
            title: title.to_owned(),
            scale: LiveScale::Names(names.into_iter().collect()),
            log: None,
        }
    }
}
