//! `[log_group.NAME]`: log groups of CloudWatch Logs under a KMS key.

use super::account::Placement;
use super::key::{KmsKeySettings, ManagedBy};
use crate::catalog::KeySpec;
use crate::input::declared::Declared;
use crate::input::diagnostic::{Code, Place};
use crate::input::reader::Reader;
use crate::units::{Bytes, Rate, Span};
use serde::Serialize;

/// A log group of CloudWatch Logs under a KMS key.
#[derive(Clone, Debug, Serialize)]
pub struct LogGroupSettings {
    /// Owner, charged for ingestion and for the KMS calls.
    pub account: String,
    /// Region.
    pub region: String,
    /// KMS key.
    pub key: String,
    /// When the key is associated; 0s: the log group was created with it, before the run.
    pub associated_at: Span,
    /// Log streams that take in events all the time.
    pub log_streams: u32,
    /// What all of them take in, in a second.
    pub incoming_bytes_per_second: Bytes,
    /// Queries of its log events, `None`: there are none.
    pub queries: Option<Rate>,
    /// Distinct data keys that the log events of a query are under.
    pub data_keys_per_query: u32,
    /// Where it is written.
    #[serde(skip)]
    pub place: Place,
}

pub(super) fn log_groups(
    r: &mut Reader<'_>,
    placement: &Placement<'_>,
    keys: &Declared<KmsKeySettings>,
) -> Declared<LogGroupSettings> {
    r.declared("log_group", |_, r| {
        let account = placement.account(r);
        let region = placement.region(r, account.as_deref());
        let key = r.required_name_among("key", keys);
        let associated_at = r.optional_in("associated_at", ..=Span::LONGEST);
        let log_streams = r.or_in("log_streams", 1, 1..=1_000_000);
        let incoming_bytes_per_second = r.required("incoming_bytes_per_second");
        let queries = r.rate_above_zero("queries", "no query would ever arrive");
        let most = MOST_DATA_KEYS;
        let data_keys_per_query = r.optional_in("data_keys_per_query", 1..=most);
        if queries.is_some() && data_keys_per_query.is_none() && log_streams > most {
            r.fault(
                Code::NoDefault,
                r.place_of("log_streams"),
                format!("each query would read the current data keys of {log_streams} log streams, more than {most}"),
                "write `data_keys_per_query = …`: how many data keys a query's log events are under",
            );
        }
        if queries.is_none() && r.has("data_keys_per_query") && !r.has("queries") {
            r.fault(
                Code::Contradiction,
                r.place_of("data_keys_per_query"),
                format!("`{}` has no effect: the log group is not queried", r.path_of("data_keys_per_query")),
                "write `queries = \"…/min\"`, or drop it",
            );
        }
        let per_query = data_keys_per_query.unwrap_or(log_streams.min(most));
        if let Some(rate) = queries
            && rate.per_second() * f64::from(per_query) > MOST_PER_SECOND
        {
            r.fault(
                Code::OutOfRange,
                r.place_of("queries"),
                format!(
                    "`{}` is {rate}: with {per_query} data keys each, more than {MOST_PER_SECOND} KMS calls a second",
                    r.path_of("queries")
                ),
                "lower `queries`, or `data_keys_per_query`",
            );
        }
        let (key, account, region) = (key?, account?, region?);
        if let Some(k) = keys.get(&key) {
            let fault = if k.managed_by != ManagedBy::Customer {
                Some(("a log group needs a customer-managed key".to_owned(), "drop the key's `managed_by`, or name another key"))
            } else if k.spec != KeySpec::SymmetricDefault {
                Some((format!("CloudWatch Logs encrypts with symmetric keys only; this key is {}", k.spec.name()), "name a key with `spec = \"SYMMETRIC_DEFAULT\"`"))
            } else if k.region != region {
                Some((format!("the log group is in {region}, its key in {}", k.region), "name a key in the log group's Region"))
            } else {
                None
            };
            if let Some((message, help)) = fault {
                r.fault(Code::Contradiction, r.place_of("key"), message, help);
            }
        }
        Some(LogGroupSettings {
            account,
            region,
            key,
            associated_at: associated_at.unwrap_or(Span::ZERO),
            log_streams,
            incoming_bytes_per_second: incoming_bytes_per_second?,
            queries,
            data_keys_per_query: per_query,
            place: r.place(),
        })
    })
}

/// Most KMS calls in a second, as of any other workload's requests.
const MOST_PER_SECOND: f64 = 1e9;

/// Most KMS calls that one query can make here.
const MOST_DATA_KEYS: u32 = 10_000;

#[cfg(test)]
pub(crate) mod cases;
