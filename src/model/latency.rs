//! How long calls and pauses take, as written.

use crate::engine::distribution::Distribution;
use crate::input::reader::{Alternative, Reader};
use crate::units::Span;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// A distribution of durations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatencySettings {
    /// Always the same.
    Constant {
        /// Duration.
        value: Span,
    },
    /// Lognormal.
    Lognormal {
        /// Median.
        median: Span,
        /// σ of the logarithm.
        sigma: f64,
    },
}

impl LatencySettings {
    /// Under `key`; by default lognormal of median `ms` and `sigma`.
    pub(crate) fn read(r: &mut Reader<'_>, key: &str, ms: u64, sigma: f64) -> LatencySettings {
        let default = if sigma > 0.0 {
            LatencySettings::Lognormal {
                median: Span::from_ns(ms * 1_000_000),
                sigma,
            }
        } else {
            LatencySettings::Constant {
                value: Span::from_ns(ms * 1_000_000),
            }
        };
        let longest = Span::from_secs(3_600);
        let constant = Alternative::new("constant", |r| {
            let value = r.required_in("value", ..=longest)?;
            Some(LatencySettings::Constant { value })
        });
        let lognormal = Alternative::new("lognormal", |r| {
            let median = r.required_in("median", ..=longest);
            let sigma = r.required_in("sigma", 0.0..=3.0);
            Some(LatencySettings::Lognormal {
                median: median?,
                sigma: sigma?,
            })
        });
        let latency = r.choose(key, [constant, lognormal]).flatten();
        latency.unwrap_or(default)
    }

    /// None at all.
    pub const NONE: LatencySettings = LatencySettings::Constant {
        value: Span::from_ns(0),
    };

    /// As the simulation draws it.
    pub fn distribution(&self) -> Arc<Distribution> {
        self.with_calls(0, &LatencySettings::NONE)
    }

    /// What it takes with so many calls, one after another.
    pub fn with_calls(&self, calls: usize, each: &LatencySettings) -> Arc<Distribution> {
        let made = MadeOf {
            first: *self,
            calls,
            each: if calls > 0 {
                *each
            } else {
                LatencySettings::NONE
            },
        };
        if let Some(known) = kept(|all| all.iter().find(|(m, _)| *m == made).cloned()) {
            return known.1;
        }
        let distribution = Arc::new(match (calls.checked_sub(1), *self) {
            (Some(before), _) => {
                let before = self.with_calls(before, each);
                before.plus(&each.distribution())
            }
            (None, LatencySettings::Constant { value }) => Distribution::constant(value.as_ns()),
            (None, LatencySettings::Lognormal { median, sigma }) => {
                Distribution::lognormal(median.as_ns(), sigma)
            }
        });
        kept(|all| {
            all.truncate(MOST_KEPT - 1);
            all.push_front((made, distribution.clone()));
        });
        distribution
    }
}

/// What a distribution was made of.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MadeOf {
    first: LatencySettings,
    calls: usize,
    each: LatencySettings,
}

/// Most distributions that are kept: those of a scenario's variants, and of settings tried one after another, are mostly
/// the same, and a sum takes milliseconds to make.
const MOST_KEPT: usize = 32;

/// Does something with the distributions made last, the newest first.
fn kept<T>(with: impl FnOnce(&mut VecDeque<(MadeOf, Arc<Distribution>)>) -> T) -> T {
    static KEPT: Mutex<VecDeque<(MadeOf, Arc<Distribution>)>> = Mutex::new(VecDeque::new());
    // Whoever held it has not left it half changed.
    with(&mut KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::{Cases, JOBS};

    pub(crate) fn add(cases: &mut Cases) {
        // Latencies: of KMS and S3 they show in how long a job takes, of throttling in its retries.
        for (path, key) in [
            ("assumption.kms_latency", "assumption.kms_latency"),
            ("assumption.s3_latency", "assumption.s3_latency"),
            (
                "assumption.throttled_latency",
                "assumption.throttled_latency",
            ),
            ("workload.w.job.think_time", "workload.NAME.job.think_time"),
        ] {
            for (inside, whole, value) in [
                ("constant.value", "{constant={value=\"10ms\"}}", "70ms"),
                (
                    "lognormal.median",
                    "{lognormal={median=\"10ms\",sigma=0.5}}",
                    "70ms",
                ),
                (
                    "lognormal.sigma",
                    "{lognormal={median=\"10ms\",sigma=0.5}}",
                    "1.5",
                ),
            ] {
                cases.key(
                    format!("{key}.{inside}"),
                    JOBS,
                    &["bucket.b.bucket_key=false", &format!("{path}={whole}")],
                    &[&format!("{path}.{inside}={value}")],
                    "job_completion_s",
                );
            }
        }
        cases.broken(
            Code::OutOfRange,
            "median = \"4ms\"",
            "median = \"2h\"",
            "\"2h\"",
            &["1h", "2h"],
        );
        cases.broken(
            Code::OutOfRange,
            "sigma = 0.5",
            "sigma = 9",
            "9 } }\n\n[price",
            &["at most 3", "9"],
        );
    }
}
