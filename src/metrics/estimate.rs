//! Estimates over replications: mean and Student-t 95 % interval.
//!
//! Sums run in the order of the replications, as deviations from the first value, so that equal values have
//! exactly that mean and a spread of zero. Left out: other confidence levels, and sequential stopping.

use crate::results::{Estimate, Metrics};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::sync::LazyLock;

/// Upper tail left out of a 95 % interval.
const UPPER: f64 = 0.975;

/// Mean, sample variance and count of at least one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Number of values.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Sum of squares ÷ (n − 1), `None` with one value.
    pub variance: Option<f64>,
}

impl Moments {
    /// Moments of values in their order; `None` without any.
    pub fn of(values: &[f64]) -> Option<Moments> {
        let &first = values.first()?;
        let n = values.len();
        let mean = first + values.iter().map(|x| x - first).sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
        let variance = (n > 1).then(|| squares / (n - 1) as f64);
        Some(Moments { n, mean, variance })
    }

    /// The 95 % interval of the mean, `None` with one value.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let half = t_quantile((self.n - 1) as f64) * (self.variance? / self.n as f64).sqrt();
        Some((self.mean - half, self.mean + half))
    }
}

impl Estimate {
    /// The estimate of a metric from one value a replication.
    ///
    /// Mean and interval are `None` where any replication has no data, or there is none; the interval also
    /// with a single one.
    pub fn over(values: Vec<Option<f64>>, unit: &str) -> Estimate {
        let all: Option<Vec<f64>> = values.iter().map(|v| v.filter(|x| x.is_finite())).collect();
        let moments = all.and_then(|all| Moments::of(&all));
        let interval = moments.and_then(|m| m.interval());
        Estimate {
            mean: moments.map(|m| m.mean),
            ci_low: interval.map(|i| i.0),
            ci_high: interval.map(|i| i.1),
            unit: unit.to_owned(),
            values,
        }
    }
}

/// Total costs, the first that is known: that of a month holds the free tier once.
pub const TOTAL_COSTS: [&str; 2] = ["cost_total_usd_per_month", "cost_total_usd"];

/// The total cost of these metrics with its mean: of a month where known, else of the measured time.
pub fn total_cost(of: &Metrics) -> Option<(&'static str, &Estimate, f64)> {
    TOTAL_COSTS.into_iter().find_map(|id| {
        let estimate = of.get(id)?;
        Some((id, estimate, estimate.mean?))
    })
}

/// The 97.5 % quantile of Student's t with `df` ≥ 1 degrees of freedom, rounded to 6 decimals so that
/// machines agree; infinite below one degree.
pub fn t_quantile(df: f64) -> f64 {
    static WHOLE: LazyLock<Vec<f64>> =
        LazyLock::new(|| (1..=100).map(|n| quantile(n.into())).collect());
    match WHOLE.get((df as usize).wrapping_sub(1)) {
        Some(&t) if df.fract() == 0.0 => t,
        _ => quantile(df),
    }
}

/// By bisection of the distribution function: statrs' own inverse does not end for large `df`.
fn quantile(df: f64) -> f64 {
    // Beyond a million degrees the 6 decimals are the normal distribution's.
    let Ok(t) = StudentsT::new(0.0, 1.0, df.min(1e6)) else {
        return f64::INFINITY;
    };
    // The quantile of one degree is 12.706, that of the normal distribution 1.960.
    let (mut low, mut high) = (1.9, 12.8);
    if df.is_nan() || t.cdf(high) < UPPER {
        return f64::INFINITY;
    }
    while high - low > 1e-9 {
        let middle = 0.5 * (low + high);
        if t.cdf(middle) < UPPER {
            low = middle;
        } else {
            high = middle;
        }
    }
    (0.5 * (low + high) * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn quantiles_are_the_published_ones() {
        for (df, t) in [
            (1.0, 12.706),
            (2.0, 4.303),
            (9.0, 2.262),
            (39.0, 2.023),
            (199.0, 1.972),
        ] {
            assert!(
                (t_quantile(df) - t).abs() <= 0.0005,
                "{df}: {}",
                t_quantile(df)
            );
        }
        // 6 decimals of a table: t(1) = tan(0.475 π).
        assert!((t_quantile(1.0) - 12.706205).abs() < 2e-6);
        assert!(t_quantile(2.5) < t_quantile(2.0) && t_quantile(2.5) > t_quantile(3.0));
        assert_eq!(t_quantile(0.0), f64::INFINITY);
        assert!((t_quantile(1e9) - 1.95996).abs() < 1e-4);
    }

    #[test]
    fn interval_worked_by_hand() {
        // 2, 4, 6: mean 4, variance 4, half-width 4.302653 × √(4/3) = 4.96828.
        let e = Estimate::over(some(&[2.0, 4.0, 6.0]), "1/s");
        assert_eq!((e.mean, e.unit.as_str()), (Some(4.0), "1/s"));
        assert!((e.ci_low.unwrap() + 0.96828).abs() < 1e-4);
        assert!((e.ci_high.unwrap() - 8.96828).abs() < 1e-4);
    }

    #[test]
    fn equal_values_have_no_spread() {
        let e = Estimate::over(some(&[0.1; 10]), "USD");
        assert_eq!(
            (e.mean, e.ci_low, e.ci_high),
            (Some(0.1), Some(0.1), Some(0.1))
        );
    }

    #[test]
    fn one_replication_has_no_interval_and_missing_data_no_mean() {
        let one = Estimate::over(some(&[5.0]), "s");
        assert_eq!((one.mean, one.ci_low, one.ci_high), (Some(5.0), None, None));
        for values in [
            vec![],
            vec![Some(1.0), None],
            vec![Some(1.0), Some(f64::NAN)],
        ] {
            let e = Estimate::over(values.clone(), "s");
            assert_eq!((e.mean, e.ci_low, e.ci_high), (None, None, None));
            assert_eq!(e.values.len(), values.len());
        }
    }
}
