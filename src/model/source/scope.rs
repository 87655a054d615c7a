//! Who shares a client-side cache, as written and as simulated.

use crate::input::diagnostic::Code;
use crate::input::reader::{Alternative, Reader};
use serde::Serialize;

/// Most clients of a workload, or of a process.
pub const MOST_CLIENTS: u32 = 10_000_000;

/// Whose cache a workload looks up.
#[derive(Clone, Debug, Serialize)]
pub struct Sharing {
    /// The workload whose caches it shares, client by client.
    pub shared_with: Option<String>,
    /// Those of one partition share entries; `None`: nobody.
    pub partition: Option<String>,
    /// Who shares a cache of its own; `None` where it is another workload's.
    pub scope: Option<ScopeSettings>,
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

impl Sharing {
    /// `others` are the workloads whose cache it may share; `own` are further keys that belong to a
    /// cache of its own.
    pub(super) fn read<'k>(
        r: &mut Reader<'_>,
        others: impl IntoIterator<Item = &'k str>,
        own: &[&str],
    ) -> Sharing {
        let shared_with = r.reference("shared_with", others);
        let partition = r.optional("partition");
        let client = Alternative::new("client", |_| Some(ScopeSettings::Client {}));
        let process = Alternative::new("process", |r| {
            let clients = r.required_in("clients", 1..=MOST_CLIENTS)?;
            Some(ScopeSettings::Process { clients })
        });
        let invocation = Alternative::new("invocation", |r| {
            let messages = r.or_in("messages", 1, 1..=u32::MAX);
            Some(ScopeSettings::Invocation { messages })
        });
        let scope = r.choose("scope", [client, process, invocation]);
        let is_shared = r.has("shared_with");
        for key in own.iter().chain(&["scope"]) {
            if is_shared && r.has(key) {
                r.fault(
                    Code::Contradiction,
                    r.place_of(key),
                    format!(
                        "`{}` has no effect: the cache belongs to `{}`",
                        r.path_of(key),
                        r.path_of("shared_with")
                    ),
                    "set it in the workload that owns the cache",
                );
            }
        }
        Sharing {
            shared_with,
            partition,
            scope: (!is_shared).then(|| scope.flatten().unwrap_or(ScopeSettings::Client {})),
        }
    }
}

/// Who shares a client-side cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheScope {
    /// Nobody: each client has its own.
    Client,
    /// So many clients of one process.
    Process {
        /// Clients in a process, at least 1.
        clients: u32,
    },
    /// So many messages of a client, which come in one invocation; the next begins with an empty one.
    Invocation {
        /// Messages in an invocation, at least 1.
        messages: u32,
    },
}

impl CacheScope {
    /// The cache of a client.
    pub fn cache_of(self, client: u32) -> u32 {
        match self {
            CacheScope::Process { clients } => client / clients,
            CacheScope::Client | CacheScope::Invocation { .. } => client,
        }
    }
}
