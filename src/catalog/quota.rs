//! KMS request quotas: which pool a call draws on, and its default limit in a Region.
//!
//! Data: `kms_quotas.toml`. Left out: resource quotas (keys, aliases, grants), and quotas of other services.

use super::built_in::built_in;
use super::decimal;
use super::operation::{KeySpec, KmsOperation};
use super::region::{partition, regions};
use super::row::{CatalogRow, plain};
use num_rational::{BigRational, Ratio};
use num_traits::ToPrimitive;
use serde::{Deserialize, Deserializer, de};
use std::sync::LazyLock;

/// What holds one counter of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuotaScope {
    /// One pool per account and Region.
    Account,
    /// One pool per custom key store, on top of the account's.
    Store,
}

/// Operations on kinds of key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// The operations.
    pub operations: Vec<KmsOperation>,
    /// The kinds of key; empty where the operation names no key, or any.
    #[serde(default)]
    pub key_specs: Vec<KeySpec>,
}

impl Calls {
    /// Whether a call is one of these.
    pub fn hold(&self, operation: KmsOperation, spec: KeySpec) -> bool {
        self.operations.contains(&operation)
            && (self.key_specs.is_empty() || self.key_specs.contains(&spec))
    }
}

/// A request quota.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaRow {
    /// Our identifier: `symmetric`, `rsa`, `data-key-pair-rsa-2048`, …, or the operation's name.
    pub id: String,
    /// Code in Service Quotas, `None` for quotas that are not listed there.
    pub code: Option<String>,
    /// Name in words.
    pub name: String,
    /// What holds one counter.
    pub scope: QuotaScope,
    /// Whether AWS says that it can be increased.
    pub adjustable: bool,
    #[serde(deserialize_with = "rate")]
    default: Ratio<u64>,
    #[serde(default)]
    limits: Vec<RegionalLimit>,
    #[serde(default)]
    only_in: Vec<String>,
    /// What draws on it.
    pub calls: Vec<Calls>,
    /// What else there is to know, or empty.
    #[serde(default)]
    pub note: String,
    /// Where it is documented.
    pub source: String,
    /// When it was read, `YYYY-MM-DD`.
    pub as_of: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionalLimit {
    #[serde(deserialize_with = "rate")]
    limit: Ratio<u64>,
    regions: Vec<String>,
    assumed: Option<String>,
}

/// The default limit of a quota in one Region: `num` ÷ `den` requests per second, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultLimit {
    /// Requests in every `den` seconds.
    pub num: u64,
    /// Seconds, at least 1.
    pub den: u64,
    /// Why it is only an assumption, `None` where it is documented.
    pub assumed: Option<&'static str>,
}

impl DefaultLimit {
    /// Requests per second, for display.
    pub fn per_s(&self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// Whether AWS does not document it, so that a warning is due.
    pub fn is_assumption(&self) -> bool {
        self.assumed.is_some()
    }
}

impl QuotaRow {
    /// The default limit in a Region; `None` for an unknown Region, or one without this kind of key.
    pub fn default_limit(&'static self, region: &str) -> Option<DefaultLimit> {
        partition(region)?;
        if !self.only_in.is_empty() && !self.only_in.iter().any(|r| r == region) {
            return None;
        }
        let of_region = self
            .limits
            .iter()
            .find(|l| l.regions.iter().any(|r| r == region));
        let (rate, assumed) = match of_region {
            Some(l) => (l.limit, l.assumed.as_deref()),
            None => (self.default, None),
        };
        Some(DefaultLimit {
            num: *rate.numer(),
            den: *rate.denom(),
            assumed,
        })
    }

    /// The quota code, or the identifier of a quota without one: the middle part of a `by_quota` key.
    pub fn code_or_id(&self) -> &str {
        self.code.as_deref().unwrap_or(&self.id)
    }

    /// Whether a call draws on it.
    pub fn takes(&self, operation: KmsOperation, spec: KeySpec) -> bool {
        self.calls.iter().any(|c| c.hold(operation, spec))
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaFile {
    quota: Vec<QuotaRow>,
    per_operation: Vec<PerOperation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PerOperation {
    #[serde(deserialize_with = "rate")]
    limit: Ratio<u64>,
    source: String,
    as_of: String,
    quotas: Vec<OneOperation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneOperation {
    operation: KmsOperation,
    code: Option<String>,
    adjustable: Option<bool>,
    note: Option<String>,
}

impl QuotaFile {
    /// All rows, the shared quotas first.
    fn into_rows(self) -> Vec<QuotaRow> {
        let mut rows = self.quota;
        for group in self.per_operation {
            rows.extend(group.quotas.into_iter().map(|one| QuotaRow {
                id: one.operation.name().to_owned(),
                code: one.code,
                name: format!("{} request rate", one.operation),
                scope: QuotaScope::Account,
                adjustable: one.adjustable.unwrap_or(true),
                default: group.limit,
                limits: Vec::new(),
                only_in: Vec::new(),
                calls: vec![Calls {
                    operations: vec![one.operation],
                    key_specs: Vec::new(),
                }],
                note: one.note.unwrap_or_default(),
                source: group.source.clone(),
                as_of: group.as_of.clone(),
            }));
        }
        rows
    }
}

fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Ratio<u64>, D::Error> {
    let exact: BigRational = decimal::deserialize(from)?;
    match (exact.numer().to_u64(), exact.denom().to_u64()) {
        (Some(num), Some(den)) if num > 0 => Ok(Ratio::new(num, den)),
        _ => Err(de::Error::custom(
            "a limit must be positive and fit 64 bits",
        )),
    }
}

static QUOTAS: LazyLock<Vec<QuotaRow>> = LazyLock::new(|| {
    let file: QuotaFile = built_in("kms_quotas.toml", include_str!("kms_quotas.toml"));
    file.into_rows()
});

/// Every request quota, the shared ones first.
pub fn quotas() -> &'static [QuotaRow] {
    &QUOTAS
}

/// The account's quota that a call draws on; `None` where KMS has no such call (Sign with a symmetric key).
///
/// `spec` is the kind of the KMS key, but for GenerateDataKeyPair that of the pair; operations that name no
/// key (GenerateRandom) or any key (DescribeKey) take any. A call on a custom key store draws on
/// [`custom_key_store_quota`] as well.
pub fn quota_for(operation: KmsOperation, spec: KeySpec) -> Option<&'static QuotaRow> {
    quotas()
        .iter()
        .find(|q| q.scope == QuotaScope::Account && q.takes(operation, spec))
}

/// The quota with this identifier (`symmetric`, `DescribeKey`) or Service Quotas code (`L-6E3AF000`).
pub fn quota_by_name(id_or_code: &str) -> Option<&'static QuotaRow> {
    quotas()
        .iter()
        .find(|q| q.id == id_or_code || q.code.as_deref() == Some(id_or_code))
}

/// The quota of one custom key store of a kind, which is the end of its identifier.
pub fn custom_key_store_quota(kind: &str) -> Option<&'static QuotaRow> {
    let of_kind = |q: &&QuotaRow| q.id.strip_prefix("custom-key-store-") == Some(kind);
    quotas()
        .iter()
        .filter(|q| q.scope == QuotaScope::Store)
        .find(of_kind)
}

/// Each quota: one row where its limit is the same in every Region, else one for each.
pub(super) fn rows() -> Vec<CatalogRow> {
    let mut rows = Vec::new();
    for q in quotas() {
        let id = match &q.code {
            Some(code) => format!("{} ({code})", q.id),
            None => q.id.clone(),
        };
        let limits: Vec<_> = regions()
            .filter_map(|r| Some((r, q.default_limit(r)?)))
            .collect();
        let one_value = limits.len() == regions().count()
            && limits
                .iter()
                .all(|(_, l)| Some(l) == limits.first().map(|(_, l)| l));
        for (region, limit) in limits.iter().take(if one_value { 1 } else { limits.len() }) {
            rows.push(CatalogRow {
                kind: "quota",
                id: id.clone(),
                region: if one_value {
                    String::new()
                } else {
                    (*region).to_owned()
                },
                value: plain(&BigRational::new(limit.num.into(), limit.den.into())),
                unit: "1/s".to_owned(),
                assumed: limit.is_assumption(),
                note: limit.assumed.unwrap_or(&q.note).to_owned(),
                source: q.source.clone(),
                as_of: q.as_of.clone(),
            });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use KmsOperation as Op;

    fn limit(op: Op, spec: KeySpec, region: &str) -> (u64, u64) {
        let limit = quota_for(op, spec).unwrap().default_limit(region).unwrap();
        assert!(!limit.is_assumption());
        (limit.num, limit.den)
    }

    #[test]
    fn symmetric_quota_by_region() {
        let symmetric = |region| limit(Op::Decrypt, KeySpec::SymmetricDefault, region);
        for region in ["us-east-1", "us-west-2", "eu-west-1"] {
            assert_eq!(symmetric(region), (100_000, 1));
        }
        for region in [
            "us-east-2",
            "eu-central-1",
            "eu-west-2",
            "eu-south-2",
            "ap-northeast-1",
        ] {
            assert_eq!(symmetric(region), (20_000, 1));
        }
        for region in [
            "eu-west-3",
            "us-west-1",
            "sa-east-1",
            "us-gov-east-1",
            "ap-southeast-7",
        ] {
            assert_eq!(symmetric(region), (10_000, 1));
        }
        let row = quota_by_name("L-6E3AF000").unwrap();
        assert_eq!(row.id, "symmetric");
        let china = row.default_limit("cn-north-1").unwrap();
        assert_eq!((china.num, china.is_assumption()), (10_000, true));
        assert_eq!(row.default_limit("eu-atlantis-1"), None);
    }

    #[test]
    fn asymmetric_and_pair_quotas() {
        assert_eq!(limit(Op::Sign, KeySpec::Rsa4096, "us-east-1"), (1000, 1));
        assert_eq!(
            limit(Op::DeriveSharedSecret, KeySpec::EccNistP384, "us-east-1"),
            (1000, 1)
        );
        assert_eq!(limit(Op::Verify, KeySpec::MlDsa65, "eu-west-3"), (1000, 1));
        let pair = |spec, region| limit(Op::GenerateDataKeyPair, spec, region);
        assert_eq!(pair(KeySpec::EccNistP256, "us-east-1"), (100, 1));
        assert_eq!(pair(KeySpec::Rsa2048, "us-east-1"), (20, 1));
        assert_eq!(pair(KeySpec::Rsa3072, "us-east-1"), (4, 1));
        assert_eq!(pair(KeySpec::Rsa4096, "us-east-1"), (1, 1));
        assert_eq!(pair(KeySpec::Rsa2048, "cn-north-1"), (1, 1));
        assert_eq!(pair(KeySpec::Rsa3072, "cn-north-1"), (1, 2));
        assert_eq!(pair(KeySpec::Rsa4096, "cn-northwest-1"), (1, 10));
        assert_eq!(pair(KeySpec::Sm2, "cn-north-1"), (25, 1));
        let sm2 = quota_for(Op::GenerateDataKeyPair, KeySpec::Sm2).unwrap();
        assert_eq!(sm2.default_limit("us-east-1"), None);
    }

    #[test]
    fn a_call_draws_on_at_most_one_account_quota() {
        for &op in Op::ALL {
            for &spec in KeySpec::ALL {
                let n = quotas()
                    .iter()
                    .filter(|q| q.scope == QuotaScope::Account && q.takes(op, spec))
                    .count();
                assert!(n <= 1, "{op} {spec}: {n}");
            }
        }
        assert_eq!(
            quota_for(Op::GenerateMac, KeySpec::Hmac256).map(|q| &q.id),
            quota_for(Op::ReEncrypt, KeySpec::SymmetricDefault).map(|q| &q.id)
        );
    }

    #[test]
    fn impossible_calls_have_no_quota() {
        assert!(quota_for(Op::Sign, KeySpec::SymmetricDefault).is_none());
        assert!(quota_for(Op::GenerateDataKey, KeySpec::Rsa2048).is_none());
        assert!(quota_for(Op::Encrypt, KeySpec::EccNistP256).is_none());
        assert!(quota_for(Op::Decrypt, KeySpec::Hmac256).is_none());
        assert!(quota_for(Op::GenerateDataKeyPair, KeySpec::SymmetricDefault).is_none());
        assert!(quota_for(Op::DeriveSharedSecret, KeySpec::EccSecgP256k1).is_none());
    }

    #[test]
    fn per_operation_and_store_quotas() {
        let row = quota_for(Op::DescribeKey, KeySpec::Rsa2048).unwrap();
        assert_eq!(row.code_or_id(), "L-FAE8F084");
        assert_eq!(row.default_limit("eu-west-3").unwrap().num, 2000);
        let rotate = quota_by_name("RotateKeyOnDemand").unwrap();
        assert_eq!(
            (rotate.code_or_id(), rotate.adjustable),
            ("RotateKeyOnDemand", false)
        );
        for kind in ["cloudhsm", "external"] {
            let store = custom_key_store_quota(kind).unwrap();
            assert_eq!(store.default_limit("us-east-1").unwrap().num, 1800);
            assert_eq!(store.scope, QuotaScope::Store);
        }
        assert!(custom_key_store_quota("tape").is_none());
    }

    #[test]
    fn codes_and_identifiers_are_unique() {
        let mut names: Vec<&str> = quotas().iter().map(|q| q.id.as_str()).collect();
        names.extend(quotas().iter().filter_map(|q| q.code.as_deref()));
        assert_eq!(
            names.len(),
            names
                .iter()
                .collect::<std::collections::BTreeSet<_>>()
                .len()
        );
        assert_eq!(
            quotas().iter().filter(|q| q.code.is_some()).count(),
            4 + 8 + 39
        );
    }
}
