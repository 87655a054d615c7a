//! A workload's data-key cache as written.

use super::diagnostic::Code;
use super::reader::Reader;
use crate::catalog;
use crate::model::CacheScope;
use crate::model::data_key_cache::{Cmm, Sdk, Suite};
use crate::units::{Bytes, Span};
use serde::Serialize;

/// A caching CMM and the cache behind it.
#[derive(Clone, Debug, Serialize)]
pub struct DataKeyCacheSettings {
    /// The workload whose caches it shares, client by client.
    pub shared_with: Option<String>,
    /// The cache itself, where it is not another workload's.
    pub cache: Option<CacheSettings>,
    /// CMMs of one partition share entries; `None`: nobody.
    pub partition: Option<String>,
    /// Algorithm suite that messages ask for.
    pub algorithm_suite: Option<String>,
    /// Longest age.
    pub max_age: Span,
    /// Messages under one data key.
    pub max_messages: u64,
    /// Bytes under one data key.
    pub max_bytes: u64,
}

/// A local cache.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CacheSettings {
    /// Whose rules hold.
    pub sdk: SdkName,
    /// Entries.
    pub capacity: u32,
    /// Who shares it.
    pub scope: ScopeSettings,
}

/// The Encryption SDKs that cache data keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SdkName {
    /// For Python.
    Python,
    /// For Java.
    Java,
    /// For JavaScript.
    JavaScript,
}

/// Who shares a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScopeSettings {
    /// Each client has its own.
    Client {},
    /// The clients of a process share one.
    Process {
        /// Clients in a process.
        clients: u32,
    },
    /// Each invocation begins with an empty one.
    Invocation {
        /// Messages in an invocation.
        messages: u32,
    },
}

impl SdkName {
    /// As the model knows it.
    pub fn sdk(self) -> Sdk {
        match self {
            SdkName::Python => Sdk::Python,
            SdkName::Java => Sdk::Java,
            SdkName::JavaScript => Sdk::JavaScript,
        }
    }
}

impl ScopeSettings {
    /// As the model knows it.
    pub fn scope(self) -> CacheScope {
        match self {
            ScopeSettings::Client {} => CacheScope::Client,
            ScopeSettings::Process { clients } => CacheScope::Process { clients },
            ScopeSettings::Invocation { messages } => CacheScope::Invocation { messages },
        }
    }
}

impl DataKeyCacheSettings {
    /// The table `data_key_cache`; `others` are the workloads whose cache it may share.
    pub(super) fn read<'k>(
        r: &mut Reader<'_>,
        others: impl IntoIterator<Item = &'k str>,
    ) -> Option<DataKeyCacheSettings> {
        let largest = i64::MAX as u64;
        let shared_with = r.reference("shared_with", others);
        let cache = CacheSettings::read(r);
        let partition = r.optional("partition");
        let suites = catalog::algorithm_suites();
        let algorithm_suite =
            r.reference("algorithm_suite", suites.iter().map(|s| s.name.as_str()));
        let max_age = r.required_in("max_age", Span::from_ns(1)..);
        let max_messages = r.or_in("max_messages", 1 << 32, 1..=1 << 32);
        let max_bytes = r.or_in("max_bytes", Bytes::new(largest), ..=Bytes::new(largest));
        Some(DataKeyCacheSettings {
            shared_with,
            cache,
            partition,
            algorithm_suite,
            max_age: max_age?,
            max_messages,
            max_bytes: max_bytes.get(),
        })
    }

    /// The CMM, of a partition by number.
    pub fn cmm(&self, partition: u32) -> Cmm {
        Cmm {
            partition,
            max_age: self.max_age.as_ns(),
            max_messages: self.max_messages,
            max_bytes: self.max_bytes,
        }
    }

    /// The algorithm suite that its messages ask for.
    pub fn suite(&self) -> Option<Suite> {
        let row = catalog::algorithm_suite(self.algorithm_suite.as_ref()?)?;
        Some(Suite {
            id: row.id,
            key_derivation: row.key_derivation,
        })
    }
}

impl CacheSettings {
    /// `None` where another workload's cache is shared, or something is wrong.
    fn read(r: &mut Reader<'_>) -> Option<CacheSettings> {
        let sdk = match r
            .reference("sdk", ["python", "java", "javascript"])
            .as_deref()
        {
            Some("java") => SdkName::Java,
            Some("javascript") => SdkName::JavaScript,
            _ => SdkName::Python,
        };
        let scopes = ["client", "process", "invocation"];
        let scope = r.choice("scope", &scopes, |tag, r| match tag {
            "process" => {
                let clients = r.required_in("clients", 1..=10_000_000);
                Some(ScopeSettings::Process { clients: clients? })
            }
            "invocation" => Some(ScopeSettings::Invocation {
                messages: r.or_in("messages", 1, 1..=u32::MAX),
            }),
            _ => Some(ScopeSettings::Client {}),
        });
        if !r.has("shared_with") {
            let capacity = r.required_in("capacity", 1..=u32::MAX);
            return Some(CacheSettings {
                sdk,
                capacity: capacity?,
                scope: scope.flatten().unwrap_or(ScopeSettings::Client {}),
            });
        }
        for key in ["sdk", "capacity", "scope"] {
            if r.has(key) {
                r.fault(
                    Code::Contradiction,
                    r.place_of(key),
                    format!(
                        "`{}` has no effect: the cache is that of `{}`",
                        r.path_of(key),
                        r.path_of("shared_with")
                    ),
                    "write it in the workload whose cache it is",
                );
            }
        }
        None
    }
}
