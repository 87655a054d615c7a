//! From a scenario to the model: classes, KMS steps, quota pools, caches, components.

mod builder;
mod classes;
mod client_cache;
mod finish;
mod kms_steps;
mod log_groups;
mod orders;
mod prices;
mod quotas;
mod s3;
mod service_keys;
mod trails;
mod workloads;

use super::run_settings::RunSettings;
use super::settings::Scenario;
use crate::input::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::Plan;
use builder::PlanBuilder;

/// Builds the plan of one variant; `None` after recording what is wrong.
pub(super) fn build(
    name: &str,
    scenario: &Scenario,
    run: &RunSettings,
    faults: &Diagnostics,
) -> Option<Plan> {
    let mut b = PlanBuilder::new(scenario, run, faults);
    for (w, (workload_name, settings)) in scenario.workload.iter().enumerate() {
        b.workload(w, workload_name, settings);
    }
    for (log_group, settings) in &scenario.log_group {
        b.log_group(log_group, settings);
    }
    for settings in scenario.quota.values() {
        b.declared_quota(settings);
    }
    if scenario.only_explained {
        faults.push(Diagnostic::warning(
            Code::NoDefault,
            format!("variant `{name}`: no workload says when its requests arrive (`arrivals`, `trace` or `job`), so nothing is simulated and nothing has data: it can only be explained"),
        ));
    }
    b.orders();
    b.places();
    b.prices();
    if faults.has_errors() {
        return None;
    }
    b.access.warn_of_missed_keys(faults);
    Some(b.finish(name))
}
