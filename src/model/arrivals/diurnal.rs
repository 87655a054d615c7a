//! Poisson arrivals at a curve over the local day times a factor for the day of the week.
//!
//! Up to a peak of twice the mean the curve is a cosine, whose trough lies as far below the mean as its peak above. A cosine
//! of twice its mean touches zero at night; a higher peak is a power of it, (½ + ½ cos)^p, with p such that the mean over
//! the seconds of a day is exactly what is written. The highest, 86,400 times the mean, is one second of the day.

use super::curve::{Curve, RateOverTime};
use super::local_clock::{DAY, LocalClock};
use super::rate::{MAX_RATE, required_rate};
use super::shape::{ArrivalShape, Beginning};
use crate::engine::narrow::index;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::units::Rate;
use jiff::civil::Time;
use serde::Serialize;
use std::f64::consts::PI;

/// Poisson arrivals with a daily and weekly curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diurnal {
    /// Mean over a day of factor 1.
    pub mean: Rate,
    /// Rate at the daily peak.
    pub peak: Rate,
    /// Local time of the peak, as written.
    pub peak_at: String,
    /// The same.
    #[serde(skip)]
    peak_time: Time,
    /// Power of the cosine; `None` for a cosine about its mean.
    #[serde(skip)]
    power: Option<f64>,
    /// Factors from Monday to Sunday.
    pub weekly: [f64; 7],
}

/// Factors of a day of the week.
const WEEKLY_FACTORS: std::ops::RangeInclusive<f64> = 0.0..=1_000.0;

impl ArrivalShape for Diurnal {
    type Process = Curve<LocalDays>;

    fn read(r: &mut Reader<'_>) -> Option<Diurnal> {
        let (mean, peak) = (required_rate(r, "mean"), required_rate(r, "peak"));
        let peak_at = r.or("peak_at", "20:00".to_owned());
        let peak_time: Option<Time> = peak_at.parse().ok();
        if peak_time.is_none() {
            r.fault(
                Code::BadUnit,
                r.place_of("peak_at"),
                format!("`peak_at` is `{peak_at}`, which is not a valid time of day"),
                "write hours and minutes, `peak_at = \"20:00\"`",
            );
        }
        let weekly = weekly(r);
        let (mean, peak, weekly) = (mean?, peak?, weekly?);
        let busiest = weekly.iter().copied().fold(0.0, f64::max) * peak.per_second();
        if busiest > MAX_RATE.per_second() {
            r.fault(
                Code::OutOfRange,
                r.place_of("weekly"),
                format!(
                    "`peak` ({peak}) on the busiest day of `weekly` is {busiest}/s; a rate is at most {MAX_RATE}"
                ),
                "lower `peak` or the factors",
            );
            return None;
        }
        let ratio = peak.per_second() / mean.per_second();
        if peak < mean || ratio > DAY as f64 {
            r.fault(
                Code::OutOfRange,
                r.place_of("peak"),
                format!("`peak` is {peak} for a `mean` of {mean}; a daily curve peaks at once to {DAY} times its mean"),
                "raise `peak` to at least `mean`, or give a shorter peak its own shape: `piecewise-linear`, `flash-crowd`",
            );
            return None;
        }
        Some(Diurnal {
            mean,
            peak,
            peak_time: peak_time?,
            peak_at,
            power: (ratio > 2.0).then(|| power(ratio)),
            weekly,
        })
    }

    fn rates_mut(&mut self) -> Vec<&mut Rate> {
        vec![&mut self.mean, &mut self.peak]
    }

    fn peak(&self) -> f64 {
        self.peak.per_second() * self.weekly.iter().copied().fold(0.0, f64::max)
    }

    fn begin(&self, beginning: &Beginning<'_>) -> Curve<LocalDays> {
        let since_midnight = self.peak_time.duration_since(Time::midnight());
        Curve::new(LocalDays {
            mean: self.mean.per_second(),
            peak: self.peak.per_second(),
            peak_at: since_midnight.as_secs() as f64,
            power: self.power,
            weekly: self.weekly,
            clock: beginning.clock.clone(),
        })
    }
}

/// The factors of the week.
fn weekly(r: &mut Reader<'_>) -> Option<[f64; 7]> {
    let written: Vec<f64> = r.or("weekly", vec![1.0; 7]);
    let wrong = written.iter().find(|w| !WEEKLY_FACTORS.contains(w));
    let message = match (wrong, <[f64; 7]>::try_from(written.as_slice())) {
        (None, Ok(weekly)) => return Some(weekly),
        (Some(factor), _) => format!("holds {factor}"),
        (None, Err(_)) => format!("has {} values", written.len()),
    };
    r.fault(
        Code::OutOfRange,
        r.place_of("weekly"),
        format!(
            "`weekly` {message}; it takes seven factors from {} to {}",
            WEEKLY_FACTORS.start(),
            WEEKLY_FACTORS.end()
        ),
        "write one factor a day from Monday to Sunday, `weekly = [1, 1, 1, 1, 1, 0.7, 0.6]`",
    );
    None
}

/// The curve, by local time.
#[derive(Clone, Debug)]
pub struct LocalDays {
    mean: f64,
    peak: f64,
    /// Seconds after midnight.
    peak_at: f64,
    power: Option<f64>,
    weekly: [f64; 7],
    clock: LocalClock,
}

impl LocalDays {
    /// The rate so many seconds after midnight, on a day of the week.
    fn rate_on(&self, day: u64, after_midnight: u64) -> f64 {
        let angle = after_midnight as f64 - self.peak_at;
        let rate = match self.power {
            None => {
                let wave = libm::cos(angle * (2.0 * PI / DAY as f64));
                self.mean + (self.peak - self.mean) * wave
            }
            Some(power) => self.peak * libm::exp(power * log_of_wave(angle)),
        };
        rate * self.weekly[index(day)]
    }
}

impl RateOverTime for LocalDays {
    fn rate_at(&self, t: u64) -> f64 {
        let s = self.clock.since_monday(t);
        self.rate_on(s / DAY, s % DAY)
    }

    /// At a midnight between days of different factors, and where clocks change.
    fn rate_before_jump(&self, t: u64) -> Option<f64> {
        let (last, now) = (self.clock.since_monday(t - 1), self.clock.since_monday(t));
        let (day, next) = (last / DAY, now / DAY);
        let goes_on = now == (last + 1) % (7 * DAY);
        let jumps = !goes_on || self.weekly[index(day)] != self.weekly[index(next)];
        jumps.then(|| self.rate_on(day, last % DAY + 1))
    }
}

/// The logarithm of ½ + ½ cos(2π s ÷ 24 h), s in seconds.
fn log_of_wave(s: f64) -> f64 {
    let sine = libm::sin(s * (PI / DAY as f64));
    libm::log1p(-sine * sine)
}

/// The power of ½ + ½ cos whose peak is so many times its mean over the seconds of a day; above 1 for more than 2.
fn power(ratio: f64) -> f64 {
    let logs: Vec<f64> = (1..DAY / 2).map(|s| log_of_wave(s as f64)).collect();
    // How far the logarithm of the mean, of a peak of 1, lies above what it shall be; falls with the power.
    let above = |log_power: f64| {
        let power = libm::exp(log_power);
        let one_side = logs.iter().map(|log| libm::exp(power * log));
        let one_side: f64 = one_side.take_while(|w| *w > 1e-18).sum();
        libm::log((1.0 + 2.0 * one_side) / DAY as f64 * ratio)
    };
    let (mut low, mut high) = (0.0, libm::log(1e12));
    // Where the day is long against the peak its mean is 1/√(πp).
    let mut at = libm::log(ratio * ratio / PI).clamp(low, high);
    let (mut before, mut slope) = (None, -0.5);
    for _ in 0..100 {
        let value = above(at);
        if value > 0.0 {
            low = at;
        } else {
            high = at;
        }
        if value.abs() < 1e-14 || high - low < 1e-15 {
            break;
        }
        if let Some((x, y)) = before
            && x != at
        {
            slope = (value - y) / (at - x);
        }
        before = Some((at, value));
        let next = at - value / slope;
        at = if low < next && next < high {
            next
        } else {
            0.5 * (low + high)
        };
    }
    libm::exp(at)
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::Cases;

    pub(crate) fn add(cases: &mut Cases) {
        cases.arrivals("diurnal", "mean=5,peak=9", "mean", "6");
        cases.arrivals("diurnal", "mean=5,peak=6", "peak", "9");
        cases.arrivals("diurnal", "mean=5,peak=9", "peak_at", "08:00");
        cases.arrivals("diurnal", "mean=5,peak=9", "weekly", "[3,1,1,1,1,1,1]");
        cases.broken(
            Code::WrongType,
            "weekly = [1, 1, 1, 1, 1, 0.5, 0.5]",
            "weekly = 1",
            "1 } }",
            &["an array"],
        );
        cases.broken(
            Code::BadUnit,
            "peak_at = \"20:00\"",
            "peak_at = \"26:00\"",
            "\"26:00\"",
            &["26:00", "not a valid time of day"],
        );
        cases.broken(
            Code::OutOfRange,
            "weekly = [1, 1, 1, 1, 1, 0.5, 0.5]",
            "weekly = [1, 1, 1, 1, 1, 0.5]",
            "[1, 1, 1, 1, 1, 0.5]",
            &["6 values", "seven"],
        );
        cases.broken(
            Code::OutOfRange,
            "weekly = [1, 1, 1, 1, 1, 0.5, 0.5]",
            "weekly = [1, 1, 1, 1, 1, 1, -2]",
            "[1, 1, 1, 1, 1, 1, -2]",
            &["-2", "seven"],
        );
        cases.broken(
            Code::OutOfRange,
            "weekly = [1, 1, 1, 1, 1, 0.5, 0.5]",
            "weekly = [1, 1, 1, 1, 1, 1, 1e300]",
            "[1, 1, 1, 1, 1, 1, 1e300]",
            &["seven factors from 0 to 1000"],
        );
        cases.broken(
            Code::OutOfRange,
            "mean = \"5/s\", peak = \"9/s\", peak_at = \"20:00\", weekly = [1, 1,",
            "mean = \"500000000/s\", peak = \"900000000/s\", peak_at = \"20:00\", weekly = [2, 1,",
            "[2, 1,",
            &["900000000/s", "1800000000/s", "1000000000/s"],
        );
        cases.broken(
            Code::OutOfRange,
            "peak = \"9/s\"",
            "peak = \"432001/s\"",
            "\"432001/s\"",
            &["432001/s", "5/s", "86400 times its mean"],
        );
        cases.broken(
            Code::OutOfRange,
            "peak = \"9/s\"",
            "peak = \"4/s\"",
            "\"4/s\"",
            &["4/s", "5/s"],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_day_and_the_day_of_the_week() {
        let saturday: jiff::ZonedDateTime = "2026-01-10T00:00:00[UTC]".parse().expect("a time");
        let mut weekly = [1.0; 7];
        weekly[5] = 0.5;
        let curve = LocalDays {
            mean: 100.0,
            peak: 160.0,
            peak_at: 72_000.0,
            power: None,
            weekly,
            clock: LocalClock::new(&saturday, 0),
        };
        assert!((curve.rate_at(72_000) - 80.0).abs() < 1e-9);
        assert!((curve.rate_at(86_400 + 72_000) - 160.0).abs() < 1e-9);
        assert!((curve.rate_at(86_400 + 28_800) - 40.0).abs() < 1e-9);
    }

    /// The last second of a day ends at its own rate, be it the next day's or not, and so does the one before clocks change.
    #[test]
    fn the_rate_jumps_at_midnight_and_where_clocks_change() {
        let of = |start: &str, weekly| {
            let start: jiff::ZonedDateTime = start.parse().expect("a time");
            Curve::new(LocalDays {
                mean: 100.0,
                peak: 160.0,
                peak_at: 0.0,
                power: None,
                weekly,
                clock: LocalClock::new(&start, 86_400),
            })
        };
        let mut sunday = of(
            "2026-01-11T23:59:58[UTC]",
            [3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
        );
        assert_eq!(sunday.ends(0), (0.0, 0.0));
        assert_eq!(sunday.ends(1), (0.0, 0.0));
        let (from, to) = sunday.ends(2);
        assert!(
            (from - 480.0).abs() < 1e-6 && (to - 480.0).abs() < 1e-3,
            "{from} {to}"
        );
        // Clocks are put forward from 2 to 3: the rate of 2 a.m. and that of 3 a.m., and no second between them.
        let mut spring = of("2026-03-29T01:59:58[Europe/Paris]", [1.0; 7]);
        let at = |hour: f64| 100.0 + 60.0 * libm::cos(hour * PI / 12.0);
        let ends: Vec<(f64, f64)> = (0..3).map(|second| spring.ends(second)).collect();
        assert!(
            (ends[1].1 - at(2.0)).abs() < 1e-9 && (ends[2].0 - at(3.0)).abs() < 1e-9,
            "{ends:?}"
        );
    }

    #[test]
    fn the_mean_is_what_is_written_at_any_peak() {
        let midnight: jiff::ZonedDateTime = "2026-01-05T00:00:00[UTC]".parse().expect("a time");
        for ratio in [
            1.0, 1.7, 2.0, 2.000_001, 2.5, 8.0, 365.0, 9_999.0, 30_000.0, 86_399.0, 86_400.0,
        ] {
            let mut curve = Curve::new(LocalDays {
                mean: 7.0,
                peak: 7.0 * ratio,
                peak_at: 72_000.0,
                power: (ratio > 2.0).then(|| power(ratio)),
                weekly: [1.0; 7],
                clock: LocalClock::new(&midnight, 0),
            });
            let (mut sum, mut most) = (0.0, 0.0_f64);
            for second in 0..DAY {
                let (from, to) = curve.ends(second);
                assert!(from >= 0.0, "{ratio} at {second}: {from}");
                sum += 0.5 * (from + to);
                most = most.max(from);
            }
            let mean = sum / DAY as f64;
            assert!((mean / 7.0 - 1.0).abs() < 1e-10, "{ratio}: {mean}");
            assert!(
                (most / (7.0 * ratio) - 1.0).abs() < 1e-12,
                "{ratio}: {most}"
            );
        }
    }
}
