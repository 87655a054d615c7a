//! `[account.NAME]`, and the account and Region of everything that lies in one.

use super::organizational_unit::{ControlPolicies, OrganizationalUnit};
use crate::access::principal::is_account;
use crate::catalog;
use crate::input::declared::Declared;
use crate::input::diagnostic::{Code, Place};
use crate::input::document::Node;
use crate::input::files::Files;
use crate::input::keyword::keywords;
use crate::input::reader::Reader;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

/// An AWS account.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Region of its things that name none.
    pub region: Option<String>,
    /// Copies of management events that its trails deliver in a Region; the first is free.
    pub trail_copies: u32,
    /// Whether KMS events are among them.
    pub trail_kms_events: bool,
    /// Which management events are among them.
    pub trail_events: TrailEvents,
    /// Copies of S3 data events that its trails deliver; each is charged.
    pub trail_data_copies: u32,
    /// The keys of its trails that are written, and where: the short form of `[trail.NAME]`.
    #[serde(skip)]
    pub(super) short_form: Vec<(&'static str, Place)>,
    /// Twelve digits, as ARNs name it.
    pub id: String,
    /// The organization that it is a member of.
    pub organization: Option<String>,
    /// The organizational unit, or the root, that it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizational_unit: Option<String>,
    /// It is the management account of its organization, which no control policy reaches.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub management_account: bool,
    /// Attached to it.
    #[serde(flatten)]
    pub control: ControlPolicies,
}

keywords! {
    /// Which management events a trail delivers.
    pub enum TrailEvents {
        /// Of calls that read and of calls that write.
        All = "all",
        /// Of calls that read.
        Read = "read",
        /// Of calls that write.
        Write = "write",
    }
}

impl TrailEvents {
    /// Whether those of calls that read are among them.
    pub const fn of_reads(self) -> bool {
        matches!(self, TrailEvents::All | TrailEvents::Read)
    }

    /// Whether those of calls that write are among them.
    pub const fn of_writes(self) -> bool {
        matches!(self, TrailEvents::All | TrailEvents::Write)
    }
}

/// Where resources lie: the accounts of the file, and the Region of those that name none.
pub(super) struct Placement<'a> {
    pub accounts: &'a Declared<Account>,
    pub region: Option<&'a str>,
    /// The Region at the top of the file is at fault.
    pub region_is_at_fault: bool,
    /// Accounts of which it has been said that neither they nor the file have a Region.
    pub without_region: RefCell<BTreeSet<String>>,
    pub files: &'a Files,
}

impl Placement<'_> {
    /// The account under `account`, the first declared one by default.
    pub fn account(&self, r: &mut Reader<'_>) -> Option<String> {
        if r.has("account") {
            r.name_among("account", self.accounts)
        } else {
            self.accounts.names().next().map(str::to_owned)
        }
    }

    /// The Region of a resource of `account`; `None` if it has none (which is recorded once for each account) or where that of its account or of
    /// the file is at fault.
    pub fn region(&self, r: &mut Reader<'_>, account: Option<&str>) -> Option<String> {
        if r.has("region") {
            return region(r);
        }
        let name = account?;
        let account = self.accounts.get(name)?;
        let region = account.region.as_deref().or(self.region);
        let reported = &self.without_region;
        if region.is_none()
            && !self.region_is_at_fault
            && reported.borrow_mut().insert(name.to_owned())
        {
            r.fault(
                Code::MissingKey,
                r.place(),
                format!("missing Region of `{}`", r.path()),
                "write `region = \"us-east-1\"` here, in its account, or at the top of the file",
            );
        }
        region.map(str::to_owned)
    }
}

/// A Region that the catalog knows.
pub(super) fn region(r: &mut Reader<'_>) -> Option<String> {
    r.reference("region", catalog::regions())
}

pub(super) fn accounts(
    r: &mut Reader<'_>,
    units: &Declared<OrganizationalUnit>,
    files: &Files,
) -> Declared<Account> {
    let mut ids: HashMap<String, String> = HashMap::new();
    let mut accounts = r.declared("account", |name, r| {
        let region = region(r);
        let trail_copies = r.or_in("trail_copies", 1, 0..=5);
        let trail_kms_events = r.or("trail_kms_events", true);
        let trail_events = r.keyword("trail_events").unwrap_or(TrailEvents::All);
        let trail_data_copies = r.or_in("trail_data_copies", 0, 0..=5);
        let keys = [
            "trail_copies",
            "trail_kms_events",
            "trail_events",
            "trail_data_copies",
        ];
        let written = keys
            .into_iter()
            .filter(|key| r.has(key))
            .collect::<Vec<_>>();
        let short_form = written
            .into_iter()
            .map(|key| (key, r.place_of(key)))
            .collect();
        // A number of twelve digits is easily written without quotes.
        let id = match r.value("id").map(|value| &value.node) {
            Some(Node::Integer(digits)) => Some(format!("{digits:012}")),
            _ => r.optional("id"),
        };
        if let Some(id) = &id {
            if !is_account(id) {
                r.fault(
                    Code::OutOfRange,
                    r.place_of("id"),
                    format!(
                        "`{}` is {id:?}, which is not a twelve-digit account ID",
                        r.path_of("id")
                    ),
                    "write for example `id = \"111122223333\"`",
                );
            } else if let Some(other) = ids.insert(id.clone(), name.to_owned()) {
                r.fault(
                    Code::DuplicateName,
                    r.place_of("id"),
                    format!("accounts `{other}` and `{name}` have the same `id` {id}"),
                    "give each account its own",
                );
            }
        }
        let organization = r.optional("organization");
        let organizational_unit = r.name_among("organizational_unit", units);
        let management_account = r.or("management_account", false);
        let control = ControlPolicies::read(r, files);
        for key in CONTROL_KEYS {
            r.reject_without_effect(
                management_account,
                key,
                "service and resource control policies do not reach the management account",
                "drop it, or `management_account`",
            );
        }
        Some(Account {
            region,
            trail_copies,
            trail_kms_events,
            trail_events,
            trail_data_copies,
            short_form,
            id: id.unwrap_or_default(),
            organization,
            organizational_unit,
            management_account,
            control,
        })
    });
    if accounts.is_empty() {
        accounts.insert(
            "main".to_owned(),
            Some(Account {
                region: None,
                trail_copies: 1,
                trail_kms_events: true,
                trail_events: TrailEvents::All,
                trail_data_copies: 0,
                short_form: Vec::new(),
                id: String::new(),
                organization: None,
                organizational_unit: None,
                management_account: false,
                control: ControlPolicies::NONE,
            }),
        );
    }
    let mut free = EXAMPLE_ACCOUNTS.iter().map(|&id| id.to_owned());
    let mut next = 0_u64;
    for account in accounts.iter_mut().filter(|a| a.id.is_empty()) {
        while account.id.is_empty() || ids.contains_key(&account.id) {
            account.id = free.next().unwrap_or_else(|| {
                next += 1;
                format!("{next:012}")
            });
        }
    }
    accounts
}

/// What is attached to an account itself.
const CONTROL_KEYS: [&str; 3] = [
    "service_control_policies",
    "resource_control_policies",
    "full_aws_access",
];

/// Numbers of accounts that name none: those of AWS's own examples, then 000000000001 and so on.
const EXAMPLE_ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "777788889999"];

#[cfg(test)]
pub(crate) mod cases;
