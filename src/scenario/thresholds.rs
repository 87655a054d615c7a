//! `[threshold]`: what the results of a variant are held to.
//!
//! Left out: how a value is judged, which [`crate::metrics::target`] says.

use crate::input::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::input::document::{Node, Value};
use crate::input::from_value::{FromValue, wrong_type};
use crate::input::reader::Reader;
use crate::metrics::target::Target;
use indexmap::IndexMap;

impl FromValue for Target {
    fn expected() -> String {
        "a target in quotes".to_owned()
    }

    fn example() -> String {
        "\"throttle_rate < 0.1%\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Target> {
        let Node::String(text) = &value.node else {
            wrong_type::<Target>(value, path, faults);
            return None;
        };
        text.parse()
            .map_err(|e: crate::metrics::target::TargetError| {
                faults.push(
                    Diagnostic::error(Code::BadUnit, format!("`{path}`: {e}"))
                        .at(value.place.clone())
                        .help(e.help()),
                );
            })
            .ok()
    }
}

/// The thresholds of a variant by name; those that it takes back with "none" are left out.
pub(super) fn thresholds(
    r: &mut Reader<'_>,
    workloads: Option<&[String]>,
) -> IndexMap<String, Target> {
    let read = r.values::<Option<Target>>("threshold");
    let mut kept = IndexMap::new();
    for (name, (target, place)) in read {
        let Some(target) = target.flatten() else {
            continue;
        };
        if let Some(workload) = &target.workload
            && let Some(workloads) = workloads
            && !workloads.contains(workload)
        {
            r.fault(
                Code::UnknownName,
                place,
                format!("`threshold.{name}` refers to an unknown workload `{workload}`"),
                format!("workloads: {}", workloads.join(", ")),
            );
            continue;
        }
        kept.insert(name, target);
    }
    kept
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::scenario::cases::{APP, Cases};

    pub(crate) fn add(cases: &mut Cases) {
        cases.key(
            "threshold.NAME",
            APP,
            &["threshold.calls=kms_calls < 1"],
            &["threshold.calls=kms_calls < 2"],
            "thresholds",
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::input::Input;
    use crate::scenario::{Loaded, load};

    fn read(thresholds: &str) -> Result<Loaded, String> {
        let text = format!(
            "horizon = \"5s\"\nregion = \"us-east-1\"\n[key.k]\n[workload.w]\nkey = \"k\"\nclients = 1\n\
             operations.Decrypt = 1\narrivals.poisson.rate = 1\n{thresholds}"
        );
        let input = Input::from_text("t", text);
        load(&input, &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn a_variant_changes_adds_and_takes_back() {
        let loaded = read(
            "[threshold]\nrate = \"throttle_rate < 1%\"\n[variant.a]\n[variant.b.threshold]\nrate = \"none\"\n\
             slow = \"workload.w.added_delay_s_max < 1s\"\n",
        )
        .unwrap();
        let names = |i: usize| -> Vec<String> {
            let t = &loaded.variants[i].scenario.threshold;
            t.values().map(ToString::to_string).collect()
        };
        assert_eq!(names(0), ["throttle_rate < 1%"]);
        assert_eq!(names(1), ["workload.w.added_delay_s_max < 1s"]);
    }

    #[test]
    fn every_fault_has_its_place() {
        let message = read(
            "[threshold]\na = \"throttle_rte < 1%\"\nb = 3\nc = \"workload.x.throttle_rate < 1\"\n",
        )
        .unwrap_err();
        for part in [
            "t.toml:10:5",
            "did you mean `throttle_rate`?",
            "t.toml:11:5",
            "t.toml:12:5",
            "workloads: w",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}
