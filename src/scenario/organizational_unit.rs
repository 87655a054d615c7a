//! `[organizational_unit.NAME]`: an organizational unit, or the root of an organization, and the policies attached
//! to it; what of them is attached to an account itself is read here too.

use super::policy::PolicySettings;
use crate::access::PolicyKind;
use crate::input::declared::Declared;
use crate::input::diagnostic::{Code, Diagnostic, Place};
use crate::input::files::Files;
use crate::input::reader::Reader;
use serde::Serialize;

/// An organizational unit, or the root.
#[derive(Clone, Debug, Serialize)]
pub struct OrganizationalUnit {
    /// The one that it lies in, `None`: it is the root.
    pub parent: Option<String>,
    /// Attached to it.
    #[serde(flatten)]
    pub control: ControlPolicies,
    /// Where its parent is written.
    #[serde(skip)]
    parent_place: Place,
}

/// The policies that are attached to an account, an organizational unit or the root.
#[derive(Clone, Debug, Serialize)]
pub struct ControlPolicies {
    /// Limit what the principals below may do.
    pub service_control_policies: Vec<PolicySettings>,
    /// Limit what may be done to the resources below.
    pub resource_control_policies: Vec<PolicySettings>,
    /// FullAWSAccess is attached as well, as AWS attaches it; `false`: it was detached.
    #[serde(skip_serializing_if = "Clone::clone")]
    pub full_aws_access: bool,
}

impl ControlPolicies {
    /// Nothing but what AWS attaches.
    pub const NONE: ControlPolicies = ControlPolicies {
        service_control_policies: Vec::new(),
        resource_control_policies: Vec::new(),
        full_aws_access: true,
    };

    /// What is attached to the account or unit of a table.
    pub(super) fn read(r: &mut Reader<'_>, files: &Files) -> ControlPolicies {
        let faults = r.faults().errors();
        let of = |r: &mut Reader<'_>, key, kind| {
            PolicySettings::read_all(r, key, kind, files).unwrap_or_default()
        };
        let service_control_policies =
            of(r, "service_control_policies", PolicyKind::ServiceControl);
        let resource_control_policies =
            of(r, "resource_control_policies", PolicyKind::ResourceControl);
        let full_aws_access = r.or("full_aws_access", true);
        let control = ControlPolicies {
            service_control_policies,
            resource_control_policies,
            full_aws_access,
        };
        if !full_aws_access && r.faults().errors() == faults {
            control.check_detached(r);
        }
        control
    }

    /// What allows something where FullAWSAccess does not.
    fn check_detached(&self, r: &mut Reader<'_>) {
        let attached = &self.service_control_policies;
        if attached.is_empty() {
            r.fault(
                Code::Contradiction,
                r.place_of("full_aws_access"),
                format!(
                    "FullAWSAccess is detached from `{}`, which has no other service control policy: AWS keeps at least one attached",
                    r.path()
                ),
                "add the `service_control_policies` in its place, or drop `full_aws_access`",
            );
        } else if !attached.iter().any(|p| p.policy.allows_something()) {
            let files: Vec<&str> = attached.iter().map(|p| p.file.as_str()).collect();
            let message = format!(
                "FullAWSAccess is detached from `{}`, and its service control policies only deny ({}): nobody below may do anything",
                r.path(),
                files.join(", ")
            );
            let warning = Diagnostic::warning(Code::BadPolicy, message);
            r.faults().push(
                warning
                    .at(r.place_of("full_aws_access"))
                    .help("attach a policy that allows, or drop `full_aws_access`"),
            );
        }
    }
}

pub(super) fn organizational_units(
    r: &mut Reader<'_>,
    files: &Files,
) -> Declared<OrganizationalUnit> {
    let names = r.names_of("organizational_unit").unwrap_or_default();
    let units = r.declared("organizational_unit", |_, r| {
        let parent = r.reference("parent", names.iter().map(String::as_str));
        let control = ControlPolicies::read(r, files);
        Some(OrganizationalUnit {
            parent,
            control,
            parent_place: r.place_of("parent"),
        })
    });
    reject_circles(r, &units);
    units
}

/// A unit within itself: each circle once, at the unit of it that comes first in the file.
fn reject_circles(r: &Reader<'_>, units: &Declared<OrganizationalUnit>) {
    let mut seen: Vec<&str> = Vec::new();
    for (name, unit) in units.iter() {
        let mut way = vec![name];
        let mut next = unit.parent.as_deref();
        while let Some(parent) = next.filter(|parent| !way.contains(parent)) {
            way.push(parent);
            next = units.get(parent).and_then(|unit| unit.parent.as_deref());
        }
        if next != Some(name) || seen.contains(&name) {
            continue;
        }
        seen.extend(&way);
        way.push(name);
        r.fault(
            Code::Contradiction,
            unit.parent_place.clone(),
            format!("organizational units lie in a circle: {}", way.join(" in ")),
            "drop the `parent` of the one that is the root",
        );
    }
}

/// The units that an account lies in, from the root down.
pub(super) fn units_above<'a>(
    units: &'a indexmap::IndexMap<String, OrganizationalUnit>,
    unit: Option<&'a str>,
) -> Vec<(&'a str, &'a OrganizationalUnit)> {
    let mut above = Vec::new();
    let mut next = unit;
    while let Some((name, unit)) = next.and_then(|name| units.get_key_value(name)) {
        if above.len() == units.len() {
            break;
        }
        above.push((name.as_str(), unit));
        next = unit.parent.as_deref();
    }
    above.reverse();
    above
}

#[cfg(test)]
pub(crate) mod cases;
