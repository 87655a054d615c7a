//! `[threshold]`: what the results of a variant are held to.
//!
//! Left out: how a value is judged, which [`crate::metrics::target`] says.

use super::group::{GroupSettings, named};
use super::named_kind::{WORKLOAD, stands_for_many};
use super::workload::WorkloadSettings;
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

/// The thresholds of a variant by name; those that it takes back with "none" are left out. One of many workloads is one of
/// each of those that are enabled, called `NAME.WORKLOAD`.
pub(super) fn thresholds(
    r: &mut Reader<'_>,
    names: Option<&[String]>,
    workloads: &IndexMap<String, WorkloadSettings>,
    groups: &IndexMap<String, GroupSettings>,
) -> IndexMap<String, Target> {
    let read = r.values::<Option<Target>>("threshold");
    let mut kept: IndexMap<String, Target> = IndexMap::new();
    for (name, (target, place)) in read {
        let Some(target) = target.flatten() else {
            continue;
        };
        let (Some(workload), Some(names)) = (&target.workload, names) else {
            kept.insert(name, target);
            continue;
        };
        if !stands_for_many(workload) {
            if !names.contains(workload) {
                r.fault(
                    Code::UnknownName,
                    place,
                    format!("`threshold.{name}` refers to an unknown workload `{workload}`"),
                    format!("workloads: {}", names.join(", ")),
                );
                continue;
            }
            kept.insert(name, target);
            continue;
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match named(
            WORKLOAD,
            workload,
            &names,
            groups,
            &format!("threshold.{name}"),
        ) {
            Ok(found) => {
                let enabled = found.into_iter().filter(|w| workloads.contains_key(*w));
                kept.extend(enabled.map(|w| (format!("{name}.{w}"), target.of_workload(w))));
            }
            Err(fault) => r.faults().push(fault.at(place)),
        }
    }
    kept
}

/// The targets with those of many workloads, by pattern or group, as one of each.
///
/// # Errors
/// What one refers to, where there is no such workload; the fault has no place.
pub fn of_each_workload<'n>(
    targets: &[Target],
    workloads: impl Iterator<Item = &'n str>,
    groups: &'n IndexMap<String, GroupSettings>,
) -> Result<Vec<Target>, Diagnostic> {
    let known: Vec<&str> = workloads.collect();
    let mut all = Vec::new();
    for target in targets {
        match target.workload.as_deref().filter(|w| stands_for_many(w)) {
            None => all.push(target.clone()),
            Some(text) => {
                let found = named(WORKLOAD, text, &known, groups, "--target")?;
                let enabled = found.into_iter().filter(|w| known.contains(w));
                all.extend(enabled.map(|w| target.of_workload(w)));
            }
        }
    }
    Ok(all)
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
