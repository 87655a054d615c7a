//! `kmsim explain`: traces one request end to end.

use super::args;
use super::failure::CommandError;
use super::input;
use super::terminal::{print, say, viewport};
use crate::explain::{explain, operations};
use crate::input::files::Files;
use crate::report::explain::Explained;
use crate::scenario::{Variant, load_to_explain};

pub(super) fn run(args: &args::ExplainArgs) -> Result<(), CommandError> {
    let (path, overrides) = (&args.scenario, &args.overrides);
    let loaded = input::read_by(load_to_explain, path, overrides, &Files::default())?;
    loaded
        .warnings
        .iter()
        .for_each(|w| say(&format!("warning: {w}")));
    let mut found = Vec::new();
    for variant in &loaded.variants {
        let (workload, operation) = (args.workload.as_deref(), args.operation.as_deref());
        found.extend(explain(variant, workload, operation));
    }
    if found.is_empty() {
        return Err(nothing(&loaded.variants, args));
    }
    let explained = Explained {
        scenario: &loaded.name,
        requests: &found,
    };
    print(&args.format.write_to(&explained, &viewport(true))?)
}

/// Why there is nothing to explain.
fn nothing(variants: &[Variant], args: &args::ExplainArgs) -> CommandError {
    let mut workloads: Vec<String> = Vec::new();
    let mut asked_for: Vec<&str> = Vec::new();
    for variant in variants {
        let names = variant.scenario.workload.keys().map(String::as_str);
        for name in names.filter(|n| args.workload.as_deref().is_none_or(|only| only == *n)) {
            asked_for.extend(operations(variant, name));
        }
        workloads.extend(variant.scenario.workload.keys().cloned());
        let groups = variant.scenario.log_group.keys();
        workloads.extend(groups.map(|name| format!("log_group.{name}")));
    }
    let unique = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    };
    match (&args.workload, &args.operation) {
        (Some(name), _) if !workloads.contains(name) => CommandError::Input(format!(
            "error[unknown-name]: unknown workload `{name}`\n  = help: workloads: {}",
            unique(workloads.iter().map(String::as_str).collect())
        )),
        (Some(_) | None, Some(name)) => CommandError::Input(format!(
            "error[unknown-name]: no request uses operation `{name}`\n  = help: operations in use: {}",
            unique(asked_for)
        )),
        (Some(_) | None, None) => CommandError::Input(
            "error[unknown-name]: the scenario sends no request to explain\n  = help: name a workload that is switched on"
                .to_owned(),
        ),
    }
}
