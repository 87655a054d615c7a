//! Poisson arrivals whose rate follows a curve: linear between the rates at a second's ends. It may jump where seconds meet.

use super::density::Density;
use super::shape::ArrivalProcess;

/// A rate over time.
pub trait RateOverTime {
    /// The rate at t \[1/s\], t in seconds since t = 0 of the run.
    fn rate_at(&self, t: u64) -> f64;

    /// The rate up to t, above 0, where it jumps there; `None` where it goes on.
    fn rate_before_jump(&self, t: u64) -> Option<f64>;
}

/// Poisson arrivals at such a rate.
#[derive(Clone, Debug)]
pub struct Curve<R> {
    rate: R,
    /// The end of the last second and the rate there.
    end: Option<(u64, f64)>,
}

impl<R: RateOverTime> Curve<R> {
    /// Arrivals at that rate.
    pub fn new(rate: R) -> Curve<R> {
        Curve { rate, end: None }
    }

    /// The rates at both ends of a second.
    pub(super) fn ends(&mut self, second: u64) -> (f64, f64) {
        let known = self.end.filter(|end| end.0 == second);
        let from = known.map_or_else(|| self.rate.rate_at(second), |end| end.1);
        let end = second + 1;
        let before = self.rate.rate_before_jump(end);
        let to = before.unwrap_or_else(|| self.rate.rate_at(end));
        self.end = before.is_none().then_some((end, to));
        (from, to)
    }
}

impl<R: RateOverTime> ArrivalProcess for Curve<R> {
    #[inline]
    fn of_second(&mut self, second: u64) -> (f64, Density) {
        let (from, to) = self.ends(second);
        (0.5 * (from + to), Density::Linear(from, to))
    }
}
