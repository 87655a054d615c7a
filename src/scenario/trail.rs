//! `[trail.NAME]`: a CloudTrail trail, with settings of its own. An account without any has the trails that its
//! `trail_copies` and its neighbours say.

use super::account::{Account, Placement, TrailEvents};
use super::bucket::BucketSettings;
use super::group::{GroupSettings, listed};
use super::named_kind::BUCKET;
use crate::catalog;
use crate::input::declared::Declared;
use crate::input::diagnostic::{Code, Diagnostic, Place};
use crate::input::document::Node;
use crate::input::reader::Reader;
use indexmap::IndexMap;
use serde::Serialize;

/// A trail.
#[derive(Clone, Debug, Serialize)]
pub struct TrailSettings {
    /// Whose events it delivers, and who pays for it.
    pub account: String,
    /// Regions whose events it delivers, `None`: all.
    pub regions: Option<Vec<String>>,
    /// Trails of this kind.
    pub copies: u32,
    /// Which management events it delivers, `None`: none.
    pub events: Option<TrailEvents>,
    /// Whether KMS events are among them.
    pub kms_events: bool,
    /// Which data events of S3 it delivers, `None`: none.
    pub data_events: Option<TrailEvents>,
    /// The buckets whose data events they are, `None`: all of the account.
    pub data_buckets: Option<Vec<String>>,
    /// Where it is written.
    #[serde(skip)]
    pub place: Place,
}

pub(super) fn trails(
    r: &mut Reader<'_>,
    placement: &Placement<'_>,
    buckets: &Declared<BucketSettings>,
    groups: &IndexMap<String, GroupSettings>,
) -> Declared<TrailSettings> {
    r.declared("trail", |_, r| {
        let account = placement.account(r);
        let regions = regions(r);
        let copies = r.or_in("copies", 1, 0..=5);
        let events = r.keyword_or_none("events");
        let events_are_at_fault = r.is_at_fault("events", &events);
        let events = events.unwrap_or(Some(TrailEvents::All));
        let kms_events = r.or("kms_events", true);
        let data_events = r.keyword_or_none("data_events").flatten();
        let names = buckets.names();
        let data_buckets = if buckets.is_complete() || names.count() > 0 {
            listed(r, "data_buckets", BUCKET, buckets.names(), groups)
        } else {
            r.optional("data_buckets")
        };
        r.reject_without_effect(
            events.is_none() && !events_are_at_fault,
            "kms_events",
            "the trail delivers no management events",
            "drop it, or `events = \"none\"`",
        );
        let no_data = data_events.is_none();
        let data_is_at_fault = r.is_at_fault("data_events", &data_events) && !is_none(r);
        r.reject_without_effect(
            no_data && !data_is_at_fault,
            "data_buckets",
            "the trail delivers no data events",
            "add `data_events = \"all\"`, or drop it",
        );
        if events.is_none() && no_data && !data_is_at_fault {
            r.fault(
                Code::Contradiction,
                r.place(),
                format!("`{}` delivers neither management events nor data events", r.path()),
                "add `data_events = \"all\"`, or drop `events = \"none\"`",
            );
        }
        let account = account?;
        if let Some(owner) = placement.accounts.get(&account) {
            short_form(r, &account, owner);
        }
        for name in data_buckets.iter().flatten() {
            if let Some(bucket) = buckets.get(name).filter(|b| b.account != account) {
                r.fault(
                    Code::Contradiction,
                    r.place_of("data_buckets"),
                    format!(
                        "the trail is of account `{account}`, bucket `{name}` of account `{}`, whose trails deliver its data events",
                        bucket.account
                    ),
                    format!("leave the bucket out, or write `account = \"{}\"`", bucket.account),
                );
            }
        }
        Some(TrailSettings {
            account,
            regions: regions?,
            copies,
            events,
            kms_events,
            data_events,
            data_buckets,
            place: r.place(),
        })
    })
}

/// Whether data events are switched off in so many words.
fn is_none(r: &mut Reader<'_>) -> bool {
    matches!(r.value("data_events").map(|v| &v.node), Some(Node::String(word)) if word == "none")
}

/// `Some(None)`: all Regions; `None` after recording what is wrong.
fn regions(r: &mut Reader<'_>) -> Option<Option<Vec<String>>> {
    match r.value("regions").map(|value| &value.node) {
        None => Some(None),
        Some(Node::String(word)) if word == ALL => Some(None),
        Some(Node::Array(list)) if !list.is_empty() => {
            Some(Some(r.references("regions", catalog::regions())?))
        }
        Some(other) => {
            let is = match other {
                Node::String(word) => format!("{word:?}"),
                other => other.describe().to_owned(),
            };
            r.fault(
                Code::WrongType,
                r.place_of("regions"),
                format!(
                    "`{}` must be \"{ALL}\" or a list of Regions, but is {is}",
                    r.path_of("regions")
                ),
                "write for example `regions = [\"us-east-1\", \"eu-west-1\"]`",
            );
            None
        }
    }
}

/// The word for every Region.
const ALL: &str = "all";

/// An account has trails of its own or the short form, not both.
fn short_form(r: &Reader<'_>, name: &str, account: &Account) {
    for (key, place) in &account.short_form {
        let fault = Diagnostic::error(
            Code::Contradiction,
            format!(
                "`{}` is a trail of account `{name}`, whose trails `account.{name}.{key}` describes as well",
                r.path()
            ),
        );
        let fault = fault
            .at(r.place())
            .and_at(place.clone(), "the short form")
            .help(format!("drop `{key}` and write a `[trail.NAME]` for each trail of the account, or drop this one"));
        r.faults().push(fault);
    }
}

#[cfg(test)]
pub(crate) mod cases;
