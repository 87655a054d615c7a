//! Poisson arrivals at a rate that is linear between points.
//!
//! It is constant before the first point and after the last; two points at one second are a jump. With `every`, the
//! points repeat with that period.

use super::density::Density;
use super::rate::required_rate;
use super::shape::{ArrivalProcess, ArrivalShape, Beginning};
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::units::{Rate, Span};
use serde::Serialize;

/// Poisson arrivals at a rate that is linear between points.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PiecewiseLinear {
    /// The points, ascending in time.
    pub points: Vec<Point>,
    /// Repeats with this period.
    pub every: Option<Span>,
}

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When, in whole seconds.
    pub at: Span,
    /// The rate there.
    pub rate: Rate,
}

impl ArrivalShape for PiecewiseLinear {
    type Process = Pieces;

    fn read(r: &mut Reader<'_>) -> Option<PiecewiseLinear> {
        let points = r.list("points", |_, r| {
            let at = r.required_whole_seconds("at");
            let rate = required_rate(r, "rate");
            Some(Point {
                at: at?,
                rate: rate?,
            })
        });
        let every = r.whole_seconds("every");
        let complete = points.iter().all(Option::is_some);
        let points: Vec<Point> = points.into_iter().flatten().collect();
        if points.is_empty() && complete {
            r.fault(
                Code::MissingKey,
                r.place_of("points"),
                format!("`{}` has no points", r.path()),
                "write `points = [{ at = \"0s\", rate = \"100/s\" }, { at = \"10m\", rate = \"900/s\" }]`",
            );
            return None;
        }
        if let Some(pair) = points.windows(2).find(|p| p[1].at < p[0].at) {
            r.fault(
                Code::Contradiction,
                r.place_of("points"),
                format!(
                    "a point at {} comes after one at {}",
                    pair[1].at, pair[0].at
                ),
                "write the points in order of time",
            );
            return None;
        }
        if let (Some(every), Some(last)) = (every, points.last())
            && (every.is_zero() || last.at > every)
        {
            r.fault(
                Code::Contradiction,
                r.place_of("every"),
                format!(
                    "`every` ({every}) is shorter than the curve, whose last point is at {}",
                    last.at
                ),
                "the curve starts over after `every`",
            );
            return None;
        }
        complete.then_some(PiecewiseLinear { points, every })
    }

    fn rates_mut(&mut self) -> Vec<&mut Rate> {
        self.points.iter_mut().map(|p| &mut p.rate).collect()
    }

    fn peak(&self) -> f64 {
        let rates = self.points.iter().map(|p| p.rate.per_second());
        rates.fold(0.0, f64::max)
    }

    fn begin(&self, _: &Beginning<'_>) -> Pieces {
        let seconds = |span: Span| span.whole_seconds().unwrap_or(0);
        let points = self.points.iter();
        Pieces {
            points: points
                .map(|p| (seconds(p.at), p.rate.per_second()))
                .collect(),
            every: self.every.map(seconds),
            piece: ((0, 0.0), (0, 0.0)),
            end: None,
        }
    }
}

/// The curve, and what the next second can use again.
#[derive(Clone, Debug)]
pub struct Pieces {
    /// (second, rate \[1/s\]), ascending in time.
    points: Vec<(u64, f64)>,
    every: Option<u64>,
    /// The piece of the last second: from and to \[s\], with their rates.
    piece: ((u64, f64), (u64, f64)),
    /// The end of the last second, where no jump follows.
    end: Option<(u64, f64)>,
}

impl Pieces {
    /// The rates at both ends of a second.
    #[inline]
    fn ends(&mut self, second: u64) -> (f64, f64) {
        let start = self.every.map_or(second, |every| second % every);
        if !(self.piece.0.0 <= start && start < self.piece.1.0) {
            self.piece = piece(&self.points, start);
        }
        let (from, to) = self.piece;
        let rate = |t: u64| {
            // Signed, whose conversion is a single instruction: seconds fit.
            let share = (t - from.0).cast_signed() as f64 / (to.0 - from.0).cast_signed() as f64;
            from.1 + (to.1 - from.1) * share
        };
        let end = start + 1;
        let known = self.end.filter(|end| end.0 == second);
        let (a, b) = (known.map_or_else(|| rate(start), |end| end.1), rate(end));
        // At the end of a piece it may jump.
        let goes_on = end < to.0 && self.every.is_none_or(|every| end < every);
        self.end = goes_on.then_some((second + 1, b));
        (a, b)
    }
}

impl ArrivalProcess for Pieces {
    #[inline]
    fn of_second(&mut self, second: u64) -> (f64, Density) {
        let (from, to) = self.ends(second);
        (0.5 * (from + to), Density::Linear(from, to))
    }
}

/// The end of a curve's last piece \[s\].
const NEVER: u64 = 1 << 62;

/// The piece that holds the second after `t`; its ends differ.
fn piece(points: &[(u64, f64)], t: u64) -> ((u64, f64), (u64, f64)) {
    let after = points.partition_point(|p| p.0 <= t);
    match (after.checked_sub(1).map(|i| points[i]), points.get(after)) {
        (Some(a), Some(&b)) => (a, b),
        (Some(a), None) => (a, (NEVER, a.1)),
        (None, Some(&b)) => ((0, b.1), b),
        (None, None) => ((0, 0.0), (NEVER, 0.0)),
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::{Cases, FLOW};

    pub(crate) fn add(cases: &mut Cases) {
        cases.arrivals(
            "piecewise-linear",
            "points=[{at=\"0s\",rate=1},{at=\"20s\",rate=9}]",
            "every",
            "20s",
        );
        let points = |a: &str, b: &str| {
            format!(
                "workload.w.arrivals={{piecewise-linear={{points=[{{at=\"0s\",rate=1}},{{at=\"{a}\",rate={b}}}]}}}}"
            )
        };
        for (key, a, b) in [("at", "30s", "9"), ("rate", "20s", "5")] {
            cases.key(
                format!("workload.NAME.arrivals.piecewise-linear.points[].{key}"),
                FLOW,
                &[&points("20s", "9")],
                &[&points(a, b)],
                "kms_calls",
            );
        }
        cases.broken(
            Code::MissingKey,
            "points = [{ at = \"0s\", rate = \"1/s\" }, { at = \"6s\", rate = \"2/s\" }]",
            "points = []",
            "[], every",
            &["no points"],
        );
        cases.broken(
            Code::WrongType,
            "points = [{ at = \"0s\", rate = \"1/s\" }, ",
            "points = [5, ",
            "5, {",
            &["points[0]", "a table"],
        );
        cases.broken(
            Code::Contradiction,
            "{ at = \"6s\"",
            "{ at = \"0s\", rate = 1 }, { at = \"6s\", rate = 1 }, { at = \"5s\"",
            "[{ at = \"0s\", rate = \"1/s\"",
            &["5s", "6s"],
        );
        cases.broken(
            Code::Contradiction,
            "every = \"8s\"",
            "every = \"4s\"",
            "\"4s\"",
            &["4s", "6s"],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(points: &[(u64, f64)], every: Option<u64>) -> Pieces {
        Pieces {
            points: points.to_vec(),
            every,
            piece: ((0, 0.0), (0, 0.0)),
            end: None,
        }
    }

    #[test]
    fn a_curve_is_the_same_whatever_was_asked_before() {
        let points = [(5, 1.0), (8, 7.0), (8, 3.0), (12, 3.0)];
        for every in [None, Some(13)] {
            let mut asked = pieces(&points, every);
            for t in (0..40).chain([3, 4, 60, 7, 8]) {
                let fresh = pieces(&points, every).ends(t);
                assert_eq!(asked.ends(t), fresh, "{every:?} at {t}");
            }
        }
    }

    #[test]
    fn the_rate_is_linear_between_points_and_may_jump() {
        // Just after a second's start, or just before it.
        fn rate(curve: &Pieces, t: u64, left: bool) -> f64 {
            let ends = |t| curve.clone().ends(t);
            if left { ends(t - 1).1 } else { ends(t).0 }
        }
        let c = pieces(&[(10, 100.0), (20, 200.0), (20, 50.0)], None);
        assert_eq!(
            (
                rate(&c, 0, false),
                rate(&c, 15, false),
                rate(&c, 20, true),
                rate(&c, 20, false)
            ),
            (100.0, 150.0, 200.0, 50.0)
        );
        let points = [(0, 1.0), (5, 1.0), (5, 9.0), (6, 9.0), (6, 1.0)];
        let c = pieces(&points, Some(10));
        assert_eq!(
            (
                rate(&c, 15, true),
                rate(&c, 15, false),
                rate(&c, 16, true),
                rate(&c, 29, true)
            ),
            (1.0, 9.0, 9.0, 1.0)
        );
    }
}
