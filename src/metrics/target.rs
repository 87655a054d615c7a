//! The limit for a metric: `throttle_rate < 0.1%`, `workload.playback.added_delay_s_p99 <= 500ms`.
//!
//! One grammar for the thresholds of a scenario file and the targets of `kmsim plan`:
//! `[workload.NAME.]METRIC` `<`, `<=`, `>` or `>=` VALUE. The value is in the metric's unit: a number or
//! percentage for shares, a span (`500ms`) or seconds, a rate or events per second, dollars with or without `$`.
//! Left out: targets of other breakdowns than workloads, and of several metrics at once.

use super::registry::{METRICS, Metric, metric};
use crate::results::{Estimate, ThresholdVerdict, VariantResults};
use crate::units::{Rate, Share, Span};
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A metric, a comparison and a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The workload whose metric it is; `None` for the whole variant's.
    pub workload: Option<String>,
    /// Identifier of the metric, one of the registry's.
    pub metric: &'static str,
    /// How the value stands to the limit when the target is met.
    pub comparison: Relation,
    /// The limit, in the metric's unit.
    pub limit: f64,
    /// As it was written.
    text: String,
}

/// How a value stands to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

impl Relation {
    /// Every one, those first whose sign begins with another's.
    const LONGEST_FIRST: [Relation; 4] = [
        Relation::AtMost,
        Relation::AtLeast,
        Relation::Below,
        Relation::Above,
    ];

    /// The sign as written.
    pub const fn sign(self) -> &'static str {
        match self {
            Relation::Below => "<",
            Relation::AtMost => "<=",
            Relation::Above => ">",
            Relation::AtLeast => ">=",
        }
    }

    /// Whether `value` stands so to `limit`.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Relation::Below => value < limit,
            Relation::AtMost => value <= limit,
            Relation::Above => value > limit,
            Relation::AtLeast => value >= limit,
        }
    }

    /// Whether smaller values are the ones that hold.
    pub const fn from_above(self) -> bool {
        matches!(self, Relation::Below | Relation::AtMost)
    }
}

/// Why a text is not a target.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct TargetError {
    message: String,
    help: String,
}

impl TargetError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> TargetError {
        TargetError {
            message: message.into(),
            help: help.into(),
        }
    }

    /// What to write instead.
    pub fn help(&self) -> &str {
        &self.help
    }
}

const EXAMPLES: &str =
    "write for example \"throttle_rate < 0.1%\" or \"workload.NAME.added_delay_s_p99 <= 500ms\"";

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let shape = || TargetError::new(format!("\"{text}\" is not a target"), EXAMPLES);
        let at = text.find(['<', '>']).ok_or_else(shape)?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let (comparison, value) = Relation::LONGEST_FIRST
            .into_iter()
            .find_map(|relation| Some((relation, rest.strip_prefix(relation.sign())?.trim())))
            .ok_or_else(shape)?;
        let (workload, row) = subject(name)?;
        Ok(Target {
            workload,
            metric: row.id,
            comparison,
            limit: limit(row, value)?,
            text: format!("{name} {} {value}", comparison.sign()),
        })
    }
}

impl Target {
    /// The same of one workload, where it is of many.
    #[must_use]
    pub fn of_workload(&self, name: &str) -> Target {
        let written = self.text.find(['<', '>']).unwrap_or(0);
        Target {
            workload: Some(name.to_owned()),
            text: format!("workload.{name}.{} {}", self.metric, &self.text[written..]),
            ..self.clone()
        }
    }
}

/// A limit for a metric where people read it.
pub fn in_words(id: &str, workload: Option<&str>, sign: &str, limit: &str) -> String {
    let label = metric(id).map_or(id, |m| m.label);
    match workload {
        Some(workload) => format!("{label} of {workload} {sign} {limit}"),
        None => format!("{label} {sign} {limit}"),
    }
}

/// What `[workload.NAME.]METRIC` names.
///
/// # Errors
/// The metric is unknown, or not given by workload.
pub fn subject(name: &str) -> Result<(Option<String>, &'static Metric), TargetError> {
    let Some(inner) = name.strip_prefix("workload.") else {
        return Ok((None, known(name)?));
    };
    let Some((workload, id)) = inner.rsplit_once('.') else {
        return Err(TargetError::new(
            format!("\"{name}\" is not a metric of a workload"),
            "write \"workload.NAME.METRIC\"",
        ));
    };
    let row = known(id)?;
    if !row.scope.has_breakdown() {
        return Err(TargetError::new(
            format!("`{id}` exists for the whole variant only, not by workload"),
            format!("write \"{id}\" without a workload"),
        ));
    }
    Ok((Some(workload.trim_matches('"').to_owned()), row))
}

/// The metric of this identifier.
///
/// # Errors
/// There is none.
pub fn known(id: &str) -> Result<&'static Metric, TargetError> {
    metric(id).ok_or_else(|| {
        let near = METRICS
            .iter()
            .map(|m| (strsim::jaro_winkler(id, m.id), m.id))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(likeness, _)| *likeness > 0.8);
        let help = match near {
            Some((_, near)) => format!("did you mean `{near}`?"),
            None => {
                let ids: Vec<&str> = METRICS.iter().map(|m| m.id).collect();
                format!("metrics: {}", ids.join(", "))
            }
        };
        TargetError::new(format!("unknown metric `{id}`"), help)
    })
}

/// The limit in the metric's unit.
fn limit(metric: &Metric, text: &str) -> Result<f64, TargetError> {
    let plain = || text.replace('_', "").parse::<f64>().ok();
    let (read, example) = match metric.unit {
        "s" => (
            plain().or_else(|| text.parse::<Span>().ok().map(Span::as_secs_f64)),
            "a span such as 500ms, or a number of seconds",
        ),
        "1/s" => (
            plain().or_else(|| text.parse::<Rate>().ok().map(Rate::per_second)),
            "a rate such as 8000/s",
        ),
        unit if unit.starts_with("USD") => (
            text.trim_start_matches('$')
                .replace(['_', ','], "")
                .parse()
                .ok(),
            "dollars such as $1200",
        ),
        _ => (
            plain().or_else(|| text.parse::<Share>().ok().map(Share::get)),
            "a number, or a percentage such as 0.1%",
        ),
    };
    read.filter(|v| v.is_finite()).ok_or_else(|| {
        TargetError::new(
            format!("`{}` cannot be compared with \"{text}\"", metric.id),
            format!("write {example}"),
        )
    })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Target {
    /// The metric's row in the registry.
    pub fn row(&self) -> Option<&'static Metric> {
        metric(self.metric)
    }

    /// The target where people read it, with the limit as it was written: `throttle rate of playback < 0.1 %`.
    pub fn in_words(&self) -> String {
        let sign = self.comparison.sign();
        let limit = self.text.rsplit(sign).next().unwrap_or_default().trim();
        let limit = match limit.strip_suffix('%') {
            Some(share) => format!("{} %", share.trim_end()),
            None => limit.to_owned(),
        };
        in_words(self.metric, self.workload.as_deref(), sign, &limit)
    }

    /// What the target is about in a variant's results; `None` where there is no such workload.
    pub fn of<'a>(&self, results: &'a VariantResults) -> Option<&'a Estimate> {
        match &self.workload {
            Some(workload) => results.by_workload.get(workload)?.get(self.metric),
            None => results.metrics.get(self.metric),
        }
    }

    /// Whether an estimate meets the target.
    pub fn judge(&self, estimate: Option<&Estimate>) -> ThresholdVerdict {
        let Some((estimate, mean)) = estimate.and_then(|e| Some((e, e.mean?))) else {
            return ThresholdVerdict::NoData;
        };
        let holds = |v: f64| self.comparison.holds(v, self.limit);
        match (holds(mean), estimate.ci_low.zip(estimate.ci_high)) {
            (false, _) => ThresholdVerdict::Crossed,
            (true, Some((low, high))) if holds(low) && holds(high) => ThresholdVerdict::Met,
            (true, Some(_) | None) => ThresholdVerdict::MetNotShown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    fn estimate(values: &[f64]) -> Estimate {
        Estimate::over(values.iter().copied().map(Some).collect(), "1")
    }

    #[test]
    fn limits_are_read_in_the_metrics_unit() {
        for (text, limit) in [
            ("throttle_rate < 0.1%", 0.001),
            ("throttle_rate<0.002", 0.002),
            ("added_delay_s_p99 <= 500ms", 0.5),
            ("job_completion_s < 3600", 3_600.0),
            ("job_completion_s < 1h", 3_600.0),
            ("kms_attempts_per_s_max < 120/min", 2.0),
            ("cost_total_usd_per_month <= $1,200", 1_200.0),
            ("s3_requests_failed <= 0", 0.0),
            ("quota_headroom > 20%", 0.2),
            ("quota_headroom > -0.5", -0.5),
        ] {
            assert_eq!(target(text).limit, limit, "{text}");
        }
        let words = target("workload.w.throttle_rate<0.2%").in_words();
        assert_eq!(words, "throttle rate of w < 0.2 %");
        let t = target("workload.\"a.b\".throttle_rate >= 1");
        assert_eq!(t.workload.as_deref(), Some("a.b"));
        assert_eq!(
            (t.metric, t.comparison),
            ("throttle_rate", Relation::AtLeast)
        );
    }

    #[test]
    fn faults_say_what_to_write() {
        let fault = |text: &str| {
            let e = text.parse::<Target>().unwrap_err();
            format!("{e} | {}", e.help())
        };
        assert!(fault("throttle_rate").contains("not a target"));
        assert!(fault("throtle_rate < 1").contains("did you mean `throttle_rate`?"));
        assert!(fault("xyz < 1").contains("metrics: s3_requests"));
        assert!(fault("throttle_rate < soon").contains("percentage"));
        assert!(fault("added_delay_s_p99 < NaN").contains("span"));
        assert!(fault("workload.w.cost_total_usd < 1").contains("whole variant"));
    }

    #[test]
    fn a_verdict_needs_the_whole_interval() {
        let t = target("throttle_rate < 0.1");
        assert_eq!(t.judge(Some(&estimate(&[0.05; 3]))), ThresholdVerdict::Met);
        assert_eq!(
            t.judge(Some(&estimate(&[0.05, 0.13]))),
            ThresholdVerdict::MetNotShown
        );
        assert_eq!(
            t.judge(Some(&estimate(&[0.05]))),
            ThresholdVerdict::MetNotShown
        );
        assert_eq!(
            t.judge(Some(&estimate(&[0.1; 2]))),
            ThresholdVerdict::Crossed
        );
        assert_eq!(t.judge(Some(&estimate(&[]))), ThresholdVerdict::NoData);
        assert_eq!(t.judge(None), ThresholdVerdict::NoData);
    }
}
