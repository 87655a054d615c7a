//! Poisson arrivals at a cosine over the local day times a factor for the day of the week.

use super::curve::{Curve, RateOverTime};
use super::local_clock::{DAY, LocalClock};
use super::rate::{MAX_RATE, required_rate};
use super::shape::{ArrivalShape, Beginning};
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::units::Rate;
use jiff::civil::Time;
use serde::Serialize;

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
        // The trough mirrors the peak: a peak above twice the mean would need a negative rate there.
        if peak < mean || peak.per_second() > 2.0 * mean.per_second() {
            r.fault(
                Code::OutOfRange,
                r.place_of("peak"),
                format!("`peak` is {peak} for a `mean` of {mean}; a daily cosine peaks between once and twice its mean"),
                "use `piecewise-linear` with `every = \"1d\"` for a sharper peak",
            );
            return None;
        }
        Some(Diurnal {
            mean,
            peak,
            peak_time: peak_time?,
            peak_at,
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
    weekly: [f64; 7],
    clock: LocalClock,
}

impl RateOverTime for LocalDays {
    fn rate_at(&self, t: u64) -> f64 {
        let s = self.clock.since_monday(t);
        let angle = (s % DAY) as f64 - self.peak_at;
        let wave = libm::cos(angle * (2.0 * std::f64::consts::PI / DAY as f64));
        (self.mean + (self.peak - self.mean) * wave) * self.weekly[(s / DAY) as usize]
    }
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
            "peak = \"11/s\"",
            "\"11/s\"",
            &["11/s", "5/s", "twice its mean"],
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
            weekly,
            clock: LocalClock::new(&saturday, 0),
        };
        assert!((curve.rate_at(72_000) - 80.0).abs() < 1e-9);
        assert!((curve.rate_at(86_400 + 72_000) - 160.0).abs() < 1e-9);
        assert!((curve.rate_at(86_400 + 28_800) - 40.0).abs() < 1e-9);
    }
}
