//! What sums of minutes leave open of their seconds: both ends.
//!
//! The low end spreads a period's sum evenly over it (each request at an instant of its own, so that seconds are nearly Poisson);
//! the high end takes variance ÷ mean of a second to be [`BURSTY`] within the period (assumption M101).

use super::likeness::{Interval, Likeness};
use super::tail::CountMixture;

/// Index of dispersion of seconds within a minute that is assumed as the high end: that of a bursty production trace
/// (AzureLLMInferenceTrace_code); another of the same publication has 1.3.
pub const BURSTY: f64 = 13.2;

/// What the seconds of such sums are like, if variance ÷ mean of a second within its period is `dispersion`.
pub fn seconds_of(sums: &[(i64, u64)], period: i64, dispersion: f64) -> Option<Likeness> {
    let data = Likeness::of(sums, period)?;
    let (first, last) = (sums.first()?.0, sums.last()?.0);
    let length = (last - first + period) as f64;
    let rates = sums
        .iter()
        .map(|&(_, n)| (n as f64 / period as f64, period as f64));
    // Periods without a sample have none.
    let empty = length - (sums.len() as i64 * period) as f64;
    let means = rates.chain((empty > 0.0).then_some((0.0, empty)));
    let mixture = CountMixture::new(means.clone(), dispersion);
    let mean = data.mean.value;
    let spread = means.map(|(m, k)| k * (m - mean).powi(2)).sum::<f64>() / length;
    let index = |width: i64| {
        let value = if width >= period {
            return None;
        } else {
            dispersion + width as f64 * spread / mean
        };
        let half = 1.96 * value * (2.0 * width as f64 / length).sqrt();
        Some(Interval {
            value,
            low: (value - half).max(0.0),
            high: value + half,
        })
    };
    Some(Likeness {
        period_s: 1,
        mean: data.mean,
        dispersion_1s: index(1),
        dispersion_10s: index(10),
        // The sums themselves are kept.
        dispersion_60s: index(60).or(data.dispersion_60s),
        p999: mixture.p999(),
        busiest: mixture.busiest(),
    })
}
