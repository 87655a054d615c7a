//! Arrival processes: how many requests come in a whole second, and when in it.
//!
//! Every process answers for one second at a time from numbers keyed by that second: first the
//! count, which is all that a quiet second needs, then, if asked, the instants. Given the count,
//! the instants of a (modulated) Poisson process are independent draws from the second's density.
//!
//! - constant: the i-th request comes at i / rate exactly;
//! - Poisson at a rate that is constant, piecewise linear, a daily and weekly curve or a flash
//!   crowd: linear between the rates at the second's ends;
//! - on-off (Markov-modulated): piecewise constant in the second, switched at exact instants;
//! - a recorded trace stands in [`super::trace`].

pub mod density;
pub mod trace;

pub use density::{Density, in_slot, instant_in_slot, keys_in_slot, number_in_slot};

use crate::engine::SECOND;
use crate::engine::random::{Key, Stream};

/// An open arrival process.
#[derive(Clone, Debug, PartialEq)]
pub enum Process {
    /// Evenly spaced at `num / den` per second, the first at the start of the workload.
    Constant {
        /// Numerator of the rate.
        num: u64,
        /// Denominator of the rate.
        den: u64,
    },
    /// Poisson with a rate that depends on time only.
    Poisson(Curve),
    /// Poisson, switched between two rates at exponentially distributed times.
    OnOff {
        /// Rate while on \[1/s\].
        on: f64,
        /// Rate while off \[1/s\].
        off: f64,
        /// Mean length of an on-period \[s\].
        mean_on: f64,
        /// Mean length of an off-period \[s\].
        mean_off: f64,
    },
}

/// A rate over time \[1/s\], t in seconds since t = 0 of the run.
#[derive(Clone, Debug, PartialEq)]
pub enum Curve {
    /// The same all the time.
    Flat(f64),
    /// Linear between points (second, rate), constant before the first and after the last; two
    /// points at one second are a jump. With `every`, the points repeat with that period \[s\].
    Linear {
        /// The points, ascending in time.
        points: Vec<(u64, f64)>,
        /// Period \[s\].
        every: Option<u64>,
    },
    /// A cosine over the local day times a factor for the day of the week.
    Daily {
        /// Mean over a day of factor 1 \[1/s\].
        mean: f64,
        /// Rate at the daily peak \[1/s\].
        peak: f64,
        /// Local time of the peak \[s after midnight\].
        peak_at: u64,
        /// Factors from Monday to Sunday.
        weekly: [f64; 7],
        /// How local time follows simulated time.
        clock: LocalClock,
    },
    /// A base rate, a linear rise to a peak, an exponential decay back to the base.
    FlashCrowd {
        /// Rate outside the crowd \[1/s\].
        base: f64,
        /// Rate at the top \[1/s\].
        peak: f64,
        /// Start of the rise \[s\].
        at: u64,
        /// Length of the rise \[s\].
        rise: u64,
        /// Time constant of the decay \[s\].
        decay: f64,
    },
}

/// Local time: seconds since a Monday's local midnight = t + offset in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalClock {
    /// (from second, offset \[s\]), ascending, the first from 0.
    pub offsets: Vec<(u64, i64)>,
}

impl LocalClock {
    fn since_monday(&self, t: u64) -> u64 {
        let i = self.offsets.partition_point(|o| o.0 <= t);
        let offset = self.offsets.get(i.saturating_sub(1)).map_or(0, |o| o.1);
        (t as i64 + offset).rem_euclid(7 * 86_400) as u64
    }
}

impl Process {
    /// The highest rate that it may have \[1/s\].
    pub fn peak(&self) -> f64 {
        match self {
            &Process::Constant { num, den } => num as f64 / den as f64,
            Process::Poisson(curve) => curve.peak(),
            &Process::OnOff { on, off, .. } => on.max(off),
        }
    }
}

impl Curve {
    /// The highest rate that it may have \[1/s\].
    fn peak(&self) -> f64 {
        match self {
            Curve::Flat(rate) => *rate,
            Curve::Linear { points, .. } => points.iter().map(|p| p.1).fold(0.0, f64::max),
            Curve::Daily { peak, weekly, .. } => peak * weekly.iter().copied().fold(0.0, f64::max),
            Curve::FlashCrowd { base, peak, .. } => base.max(*peak),
        }
    }

    /// The rates at both ends of a second.
    #[inline]
    fn ends(&self, second: u64, found: &mut Found) -> (f64, f64) {
        let known = found.end.filter(|end| end.0 == second).map(|end| end.1);
        let (a, b, goes_on) = match self {
            Curve::Linear { points, every } => {
                let start = every.map_or(second, |every| second % every);
                if !(found.piece.0.0 <= start && start < found.piece.1.0) {
                    found.piece = piece(points, start);
                }
                let (from, to) = found.piece;
                let rate = |t: u64| {
                    // Signed, whose conversion is a single instruction: seconds fit.
                    let share = (t - from.0) as i64 as f64 / (to.0 - from.0) as i64 as f64;
                    from.1 + (to.1 - from.1) * share
                };
                let end = start + 1;
                // At the end of a piece it may jump.
                let goes_on = end < to.0 && every.is_none_or(|every| end < every);
                (known.unwrap_or_else(|| rate(start)), rate(end), goes_on)
            }
            _ => {
                let a = known.unwrap_or_else(|| self.rate(second));
                (a, self.rate(second + 1), true)
            }
        };
        found.end = goes_on.then_some((second + 1, b));
        (a, b)
    }

    /// The rate of a curve without jumps at t \[s\].
    fn rate(&self, t: u64) -> f64 {
        match self {
            Curve::Flat(rate) => *rate,
            Curve::Linear { .. } => unreachable!("told by its pieces"),
            Curve::Daily {
                mean,
                peak,
                peak_at,
                weekly,
                clock,
            } => {
                let s = clock.since_monday(t);
                let angle = (s % 86_400) as f64 - *peak_at as f64;
                let wave = libm::cos(angle * (2.0 * std::f64::consts::PI / 86_400.0));
                (mean + (peak - mean) * wave) * weekly[(s / 86_400) as usize]
            }
            Curve::FlashCrowd {
                base,
                peak,
                at,
                rise,
                decay,
            } => {
                if t < *at {
                    *base
                } else if t < at + rise {
                    base + (peak - base) * ((t - at) as f64 / *rise as f64)
                } else {
                    base + (peak - base) * libm::exp(-((t - at - rise) as f64) / decay)
                }
            }
        }
    }
}

/// The end of a curve's last piece \[s\].
const NEVER: u64 = 1 << 62;

/// The piece of a linear curve that holds the second after `t`; its ends differ.
fn piece(points: &[(u64, f64)], t: u64) -> ((u64, f64), (u64, f64)) {
    let after = points.partition_point(|p| p.0 <= t);
    match (after.checked_sub(1).map(|i| points[i]), points.get(after)) {
        (Some(a), Some(&b)) => (a, b),
        (Some(a), None) => (a, (NEVER, a.1)),
        (None, Some(&b)) => ((0, b.1), b),
        (None, None) => ((0, 0.0), (NEVER, 0.0)),
    }
}

/// A process with what it remembers between seconds.
#[derive(Clone, Debug)]
pub struct Arrivals {
    process: Process,
    /// First second of the workload.
    start: u64,
    /// On-off: the state, when it ends \[ns\], and the stream of period lengths.
    on: bool,
    until: u64,
    periods: Stream,
    /// Curves: what was found for the last second.
    found: Found,
}

/// What the next second of a curve can use again.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// The piece of a linear curve: from and to \[s\], with their rates.
    piece: ((u64, f64), (u64, f64)),
    /// The end of the last second, where no jump follows.
    end: Option<(u64, f64)>,
}

impl Arrivals {
    /// A process that starts at `start` \[s\]; `key` is the workload's own.
    pub fn new(process: Process, start: u64, key: Key) -> Arrivals {
        let mut periods = key.named("on-off periods").stream();
        let (mut on, mut until) = (false, start * SECOND);
        if let Process::OnOff {
            mean_on, mean_off, ..
        } = process
        {
            // Begins in its long-run state, so that no warm-up is needed for it.
            on = periods.unit() < mean_on / (mean_on + mean_off);
            until += length(if on { mean_on } else { mean_off }, &mut periods);
        }
        Arrivals {
            process,
            start,
            on,
            until,
            periods,
            found: Found::default(),
        }
    }

    /// Mean number of arrivals in `second` and their density. Seconds must be asked for in order,
    /// none left out. The mean of a constant process is its exact count.
    pub fn of_second(&mut self, second: u64) -> (f64, Density) {
        match &self.process {
            &Process::Constant { num, den } => {
                let index = |s: u64| {
                    (u128::from(s - self.start) * u128::from(num)).div_ceil(u128::from(den)) as u64
                };
                let first = index(second);
                let n = index(second + 1) - first;
                (
                    n as f64,
                    Density::Even {
                        num,
                        den,
                        first,
                        start: self.start,
                    },
                )
            }
            Process::Poisson(curve) => {
                let (a, b) = curve.ends(second, &mut self.found);
                (0.5 * (a + b), Density::Linear(a, b))
            }
            &Process::OnOff {
                on,
                off,
                mean_on,
                mean_off,
            } => {
                let (from, to) = (second * SECOND, (second + 1) * SECOND);
                let mut steps = Vec::new();
                let (mut mass, mut t) = (0.0, from);
                while t < to {
                    let end = self.until.min(to);
                    mass += if self.on { on } else { off } * ((end - t) as f64 / SECOND as f64);
                    steps.push((end - from, mass));
                    t = end;
                    if self.until <= to {
                        self.on = !self.on;
                        self.until +=
                            length(if self.on { mean_on } else { mean_off }, &mut self.periods);
                    }
                }
                (mass, Density::Steps(steps))
            }
        }
    }

    /// Whether counts are random (Poisson) or exact.
    pub fn is_random(&self) -> bool {
        !matches!(self.process, Process::Constant { .. })
    }
}

fn length(mean_s: f64, stream: &mut Stream) -> u64 {
    ((mean_s * SECOND as f64 * stream.exponential()) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_arrivals_are_evenly_spaced_over_seconds() {
        let mut a = Arrivals::new(Process::Constant { num: 5, den: 2 }, 3, Key::root(0, 0));
        let mut all = Vec::new();
        for s in 3..7 {
            let (n, density) = a.of_second(s);
            density.arrivals(n as u64, s, Key::root(0, 0), |at, _, _| {
                all.push((s - 3) * SECOND + at)
            });
        }
        let expected: Vec<u64> = (0..10).map(|i| i * 400_000_000).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn a_curve_is_the_same_whatever_was_asked_before() {
        let points = vec![(5, 1.0), (8, 7.0), (8, 3.0), (12, 3.0)];
        let jumps = Curve::Linear {
            points: points.clone(),
            every: None,
        };
        let again = Curve::Linear {
            points,
            every: Some(13),
        };
        let crowd = Curve::FlashCrowd {
            base: 1.0,
            peak: 9.0,
            at: 4,
            rise: 3,
            decay: 5.0,
        };
        for curve in [jumps, again, crowd, Curve::Flat(4.0)] {
            let mut found = Found::default();
            for t in (0..40).chain([3, 4, 60, 7, 8]) {
                let fresh = curve.ends(t, &mut Found::default());
                assert_eq!(curve.ends(t, &mut found), fresh, "{curve:?} at {t}");
            }
        }
    }

    #[test]
    fn on_off_spends_its_share_of_time_on() {
        let p = Process::OnOff {
            on: 100.0,
            off: 10.0,
            mean_on: 2.0,
            mean_off: 6.0,
        };
        let mut means = Vec::new();
        for r in 0..40 {
            let mut a = Arrivals::new(p.clone(), 0, Key::root(5, r));
            let n = 4000;
            means.push((0..n).map(|s| a.of_second(s).0).sum::<f64>() / n as f64);
        }
        // Long-run rate (100 · 2 + 10 · 6) / 8 = 32.5.
        let mean = means.iter().sum::<f64>() / 40.0;
        let sd = (means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 39.0 / 40.0).sqrt();
        assert!((mean - 32.5).abs() < 3.5 * sd, "{mean} ± {sd}");
    }

    #[test]
    fn curves_have_their_values() {
        // Just after a second's start, or just before it.
        fn rate(c: &Curve, t: u64, left: bool) -> f64 {
            let ends = |t| c.ends(t, &mut Found::default());
            if left { ends(t - 1).1 } else { ends(t).0 }
        }
        let c = Curve::Linear {
            points: vec![(10, 100.0), (20, 200.0), (20, 50.0)],
            every: None,
        };
        assert_eq!(
            (
                rate(&c, 0, false),
                rate(&c, 15, false),
                rate(&c, 20, true),
                rate(&c, 20, false)
            ),
            (100.0, 150.0, 200.0, 50.0)
        );
        let c = Curve::Linear {
            points: vec![(0, 1.0), (5, 1.0), (5, 9.0), (6, 9.0), (6, 1.0)],
            every: Some(10),
        };
        assert_eq!(
            (
                rate(&c, 15, true),
                rate(&c, 15, false),
                rate(&c, 16, true),
                rate(&c, 29, true)
            ),
            (1.0, 9.0, 9.0, 1.0)
        );
        let c = Curve::FlashCrowd {
            base: 10.0,
            peak: 110.0,
            at: 100,
            rise: 10,
            decay: 60.0,
        };
        assert_eq!(
            (
                rate(&c, 99, false),
                rate(&c, 105, false),
                rate(&c, 110, false)
            ),
            (10.0, 60.0, 110.0)
        );
        assert!((rate(&c, 170, false) - (10.0 + 100.0 / std::f64::consts::E)).abs() < 1e-9);
        let clock = LocalClock {
            offsets: vec![(0, 5 * 86_400)],
        };
        let mut weekly = [1.0; 7];
        weekly[5] = 0.5;
        let c = Curve::Daily {
            mean: 100.0,
            peak: 160.0,
            peak_at: 72_000,
            weekly,
            clock,
        };
        assert!((rate(&c, 72_000, false) - 80.0).abs() < 1e-9);
        assert!((rate(&c, 86_400 + 72_000, false) - 160.0).abs() < 1e-9);
        assert!((rate(&c, 86_400 + 28_800, false) - 40.0).abs() < 1e-9);
    }
}
