//! `[quota.NAME]`: request quotas that differ from the catalog or change, and how they are enforced.

use super::account::Placement;
use super::key::KeyStore;
use crate::catalog;
use crate::input::declared::Declared;
use crate::input::diagnostic::{Code, Diagnostic};
use crate::input::keyword::Keyword;
use crate::input::reader::{Alternative, Reader};
use crate::units::{Rate, Span};
use indexmap::IndexMap;
use serde::Serialize;

/// A request quota.
#[derive(Clone, Debug, Serialize)]
pub struct QuotaSettings {
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Code or identifier in the catalog.
    pub code: String,
    /// Custom key store whose own quota it is.
    pub store: Option<String>,
    /// Limit at t = 0.
    pub limit: Rate,
    /// Later limits.
    pub changes: Vec<QuotaChange>,
    /// How it is enforced.
    pub limiter: LimiterSettings,
}

/// A limit from a time on.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QuotaChange {
    /// When.
    pub at: Span,
    /// The new limit.
    pub limit: Rate,
}

/// How a quota is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimiterSettings {
    /// A second's quota, the rest of the second refused.
    FixedWindow {},
    /// The quota in any span of a second.
    SlidingWindow {},
    /// Continuous refill.
    TokenBucket {
        /// Capacity ÷ per-second rate.
        burst: f64,
    },
}

pub(super) fn quotas(
    r: &mut Reader<'_>,
    placement: &Placement<'_>,
    stores: &Declared<KeyStore>,
) -> Declared<QuotaSettings> {
    let mut names: IndexMap<(String, String, String, Option<String>), String> = IndexMap::new();
    r.declared("quota", |name, r| {
        let store = r.name_among("store", stores);
        let of_store = store.as_ref().and_then(|s| stores.get(s));
        let mut account = placement.account(r);
        let mut region = match of_store {
            Some(s) if !r.has("region") => Some(s.region.clone()),
            None if r.has("store") && !r.has("region") => None,
            _ => placement.region(r, account.as_deref()),
        };
        let ids = catalog::quotas()
            .iter()
            .flat_map(|q| q.code.as_deref().into_iter().chain([q.id.as_str()]));
        let code = if r.has("code") {
            r.reference("code", ids)
        } else {
            Some("symmetric".to_owned())
        };
        let limit = r.rate_above_zero("limit", ADMITS_NOTHING);
        let changes = r.list("changes", |_, r| {
            let at = r.required_in("at", ..=Span::LONGEST);
            let limit = r.rate_above_zero("limit", ADMITS_NOTHING);
            if !r.has("limit") {
                let _: Option<Rate> = r.required("limit");
            }
            Some(QuotaChange {
                at: at?,
                limit: limit?,
            })
        });
        let limiter = limiter(r);
        let mut changes: Vec<QuotaChange> = changes.into_iter().flatten().collect();
        changes.sort_by_key(|c| c.at);
        if let Some(s) = of_store {
            for (key, given, its) in [
                ("account", &account, &s.account),
                ("region", &region, &s.region),
            ] {
                if r.has(key)
                    && let Some(given) = given
                    && given != its
                {
                    r.fault(
                        Code::Contradiction,
                        r.place_of(key),
                        format!(
                            "`{}` is {given}, but its key store's is {its}",
                            r.path_of(key)
                        ),
                        format!("drop `{key}`: a key store's quota is in the store's own account and Region"),
                    );
                }
            }
            account = Some(s.account.clone());
            region = Some(s.region.clone());
        }
        let (account, region) = (account?, region?);
        if r.has("store") {
            of_store?;
        }
        let row = catalog::quota_by_name(&code?)?;
        let default = match of_store {
            Some(s) => catalog::custom_key_store_quota(s.kind.name()),
            None => Some(row),
        }
        .and_then(|q| q.default_limit(&region));
        let mut limit = match limit {
            Some(limit) => Some(limit),
            None if r.has("limit") => None,
            None => {
                let limit = default.and_then(|l| Rate::new(l.num, l.den));
                if limit.is_none() {
                    r.fault(
                        Code::NoDefault,
                        r.place(),
                        format!("the default of quota `{}` in {region} is not known", row.id),
                        "write `limit = \"…/s\"`",
                    );
                }
                limit
            }
        };
        let in_windows = !matches!(limiter, LimiterSettings::TokenBucket { .. });
        if in_windows {
            limit = limit.map(|l| window(r, "limit", l));
            for change in &mut changes {
                change.limit = window(r, "changes", change.limit);
            }
        }
        let given = limit.map(|l| ("limit", l));
        let limits = || {
            given
                .into_iter()
                .chain(changes.iter().map(|c| ("changes", c.limit)))
        };
        if let LimiterSettings::TokenBucket { .. } = limiter
            && common_denominator(limits().map(|l| l.1)).is_none()
        {
                let alone = common_denominator(given.iter().map(|l| l.1)).is_none();
                let place = if alone { "limit" } else { "changes" };
                let shown: Vec<String> = limits().map(|l| l.1.to_string()).collect();
                r.fault(
                    Code::OutOfRange,
                    r.place_of(place),
                    format!(
                        "`{}`: a token bucket cannot hold {}: no common denominator up to 10⁹",
                        r.path(),
                        shown.join(", ")
                    ),
                    "round, best to whole numbers per second",
                );
        }
        let pool = (
            account.clone(),
            region.clone(),
            row.id.clone(),
            store.clone(),
        );
        if let Some(other) = names.insert(pool, name.to_owned()) {
            r.fault(
                Code::DuplicateName,
                r.place(),
                format!("`quota.{name}` and `quota.{other}` are the same quota"),
                "keep one of them",
            );
        }
        let code = row.code_or_id().to_owned();
        Some(QuotaSettings {
            account,
            region,
            code,
            store,
            limit: limit?,
            changes,
            limiter,
        })
    })
}

/// A window of a second admits whole requests: 1,000.1/s is 1,000 in each, never 10,001 in ten seconds. Below 1/s the window is
/// as long as one request takes, or few, up to a day.
fn window(r: &mut Reader<'_>, key: &str, limit: Rate) -> Rate {
    const LONGEST_S: u64 = 86_400;
    if limit.den() == 1 {
        return limit;
    }
    let whole = limit.num() / limit.den();
    if whole > 0 {
        let admits = Rate::per_second_exactly(whole);
        let message = format!(
            "`{}`: {limit} admits {whole} requests in a window of one second, so it is simulated as {admits}",
            r.path_of(key)
        );
        r.faults()
            .push(Diagnostic::warning(Code::OutOfRange, message).at(r.place_of(key)));
        return admits;
    }
    if limit.den() > LONGEST_S {
        r.fault(
            Code::OutOfRange,
            r.place_of(key),
            format!(
                "`{}`: {limit} is {} in windows of {} s, longer than the {LONGEST_S} s that such a limit can have",
                r.path_of(key),
                limit.num(),
                limit.den()
            ),
            "write so many in a whole number of seconds up to a day, or `limiter = \"token-bucket\"`",
        );
    }
    limit
}

const ADMITS_NOTHING: &str = "this quota would admit no requests";

/// Smallest number that every denominator divides, up to 10⁹: finer tokens do not fit the bucket.
fn common_denominator(mut limits: impl Iterator<Item = Rate>) -> Option<u64> {
    limits.try_fold(1_u64, |all, limit| {
        let (mut a, mut b) = (all, limit.den());
        while b > 0 {
            (a, b) = (b, a % b);
        }
        (all / a)
            .checked_mul(limit.den())
            .filter(|d| *d <= 1_000_000_000)
    })
}

fn limiter(r: &mut Reader<'_>) -> LimiterSettings {
    let token_bucket = |r: &mut Reader<'_>| LimiterSettings::TokenBucket {
        burst: r.or_in("burst", 1.0, 0.001..=10_000.0),
    };
    r.choose(
        "limiter",
        [
            Alternative::new("fixed-window", |_| LimiterSettings::FixedWindow {}),
            Alternative::new("sliding-window", |_| LimiterSettings::SlidingWindow {}),
            Alternative::new("token-bucket", token_bucket),
        ],
    )
    .unwrap_or(LimiterSettings::FixedWindow {})
}

#[cfg(test)]
pub(crate) mod cases;
