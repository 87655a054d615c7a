//! A hierarchical keyring and its branch-key cache: as written, how a workload uses it, and what its messages look up.

use super::cache::{BranchKeyCache, BranchKeyCacheRules, BranchKeyFound, Keyring, StormTracking};
use crate::catalog::{self, KmsOperation};
use crate::input::diagnostic::Code;
use crate::input::reader::{Alternative, Reader};
use crate::model::source::encrypted_messages::EncryptedMessages;
use crate::model::source::kind::{CacheRefusal, ClientCacheKind, Question};
use crate::model::source::need::{Draw, LookUp, Need};
use crate::model::source::scope::Sharing;
use crate::units::Span;
use serde::Serialize;

/// A hierarchical keyring and the cache behind it.
#[derive(Clone, Debug, Serialize)]
pub struct BranchKeyCacheSettings {
    /// Whose cache it is.
    #[serde(flatten)]
    pub sharing: Sharing,
    /// How it behaves, where it is its own.
    pub cache: Option<CacheKind>,
    /// Longest age of a branch key.
    pub ttl: Span,
    /// Messages are decrypted, not encrypted.
    pub decryption: Option<Decryption>,
}

/// Messages to decrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Decryption {
    /// Versions of each branch key under which they were encrypted.
    pub versions: u32,
}

/// A cache of branch keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheKind {
    /// With protection against many fetches at once; also the default cache.
    StormTracking(StormTrackingSettings),
    /// Without.
    MultiThreaded {
        /// Entries.
        capacity: u32,
    },
}

/// A cache with storm tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StormTrackingSettings {
    /// Entries.
    pub capacity: u32,
    /// How long before its expiry an entry is fetched anew.
    pub grace_period: Span,
    /// Shortest time between two fetches of one key.
    pub grace_interval: Span,
    /// Keys in flight at a time.
    pub fan_out: u32,
    /// How long a key counts as in flight, and a message waits for it.
    pub in_flight_ttl: Span,
    /// Pause of a message that waits.
    pub sleep: Span,
}

impl ClientCacheKind for BranchKeyCacheSettings {
    const NAME: &'static str = "branch-key cache";
    const NOT_OF_S3: &'static str = "S3 does not use branch keys";
    const ALONE: &'static str = "a hierarchical keyring makes a data key for each message";

    type Uses = BranchKeyCacheUse;
    type Held = BranchKeyCache;
    type Asked = AskedForBranchKey;

    fn read<'k>(
        r: &mut Reader<'_>,
        others: impl IntoIterator<Item = &'k str> + Clone,
    ) -> Option<BranchKeyCacheSettings> {
        let sharing = Sharing::read(r, others, &["cache"]);
        let cache = CacheKind::read(r);
        let ttl: Option<Span> = r.required_in("ttl", Span::from_secs(1)..=Span::LONGEST);
        if let Some(ttl) = ttl
            && ttl.whole_seconds().is_none()
        {
            r.fault(
                Code::OutOfRange,
                r.place_of("ttl"),
                format!(
                    "`{}` is {ttl}, which is not a whole number of seconds",
                    r.path_of("ttl")
                ),
                "the keyring takes whole seconds",
            );
        }
        let decryption = r.table("decryption", |r| Decryption {
            versions: r.or_in("versions", 1, 1..=1_000_000),
        });
        Some(BranchKeyCacheSettings {
            cache: match &sharing.shared_with {
                Some(_) => None,
                None => Some(cache?),
            },
            sharing,
            ttl: ttl?,
            decryption,
        })
    }

    fn sharing(&self) -> &Sharing {
        &self.sharing
    }

    fn words(&self) -> String {
        let age = self.ttl;
        format!("the client's branch-key cache, entries up to {age} old")
    }

    fn uses(&self, partition: u32, owner: &BranchKeyCacheSettings) -> Option<BranchKeyCacheUse> {
        Some(BranchKeyCacheUse {
            keyring: Keyring {
                partition,
                ttl_s: self.ttl.whole_seconds()?,
            },
            versions: self.decryption.map(|d| u64::from(d.versions)),
            settings: owner.cache?.settings(),
        })
    }

    fn asked(
        &self,
        _workload: &str,
        operation: KmsOperation,
        _encrypted: Option<EncryptedMessages>,
    ) -> Result<AskedForBranchKey, CacheRefusal> {
        match operation {
            KmsOperation::Decrypt => Ok(AskedForBranchKey {}),
            _ => Err(CacheRefusal::not_served(
                "a branch-key cache serves Decrypt, of branch keys",
                operation,
            )),
        }
    }

    fn empty(uses: &BranchKeyCacheUse) -> BranchKeyCache {
        BranchKeyCache::new(uses.settings)
    }

    fn has_waits(uses: &BranchKeyCacheUse) -> bool {
        uses.settings.storm_tracking.is_some()
    }

    fn look_up(
        held: &mut BranchKeyCache,
        Question { uses, .. }: Question<'_, Self>,
        need: &mut impl Need,
        at: u64,
    ) -> LookUp {
        let (key, version) = uses.branch_key(need);
        match held.look_up(&uses.keyring, key, version, need.arrived(), at) {
            BranchKeyFound::Key => LookUp::Met,
            BranchKeyFound::Nothing => LookUp::Miss,
            BranchKeyFound::Wait(pause) => LookUp::Wait(at.saturating_add(pause)),
            BranchKeyFound::TooLate => LookUp::TooLate,
        }
    }

    fn fetched(
        held: &mut BranchKeyCache,
        Question { uses, .. }: Question<'_, Self>,
        need: &mut impl Need,
        ready: u64,
    ) {
        let (key, version) = uses.branch_key(need);
        held.fetched(&uses.keyring, key, version, ready);
    }
}

impl CacheKind {
    /// Under `cache`; `None` where that is wrong.
    fn read(r: &mut Reader<'_>) -> Option<CacheKind> {
        let storm = StormTrackingSettings::library();
        let capacity =
            |r: &mut Reader<'_>, default: u32| r.or_in("capacity", default, 1..=u32::MAX);
        let default = Alternative::new("default", move |r| {
            CacheKind::StormTracking(StormTrackingSettings {
                capacity: capacity(r, storm.capacity),
                ..storm
            })
        });
        let storm_tracking = Alternative::new("storm-tracking", move |r| {
            CacheKind::StormTracking(storm.read(r))
        });
        let multi_threaded = Alternative::new("multi-threaded", move |r| {
            let d = &catalog::branch_key_caches().multi_threaded;
            CacheKind::MultiThreaded {
                capacity: capacity(r, d.capacity),
            }
        });
        let kind = r.choose("cache", [default, storm_tracking, multi_threaded]);
        if r.has("cache") {
            kind
        } else {
            Some(CacheKind::StormTracking(storm))
        }
    }

    fn settings(self) -> BranchKeyCacheRules {
        match self {
            CacheKind::MultiThreaded { capacity } => BranchKeyCacheRules {
                capacity: capacity as usize,
                storm_tracking: None,
            },
            CacheKind::StormTracking(s) => BranchKeyCacheRules {
                capacity: s.capacity as usize,
                storm_tracking: Some(StormTracking {
                    grace_period: s.grace_period.as_ns(),
                    grace_interval: s.grace_interval.as_ns(),
                    fan_out: s.fan_out as usize,
                    in_flight_ttl: s.in_flight_ttl.as_ns(),
                    sleep: s.sleep.as_ns(),
                }),
            },
        }
    }
}

impl StormTrackingSettings {
    /// What the library does by default.
    fn library() -> StormTrackingSettings {
        let d = &catalog::branch_key_caches().storm_tracking;
        StormTrackingSettings {
            capacity: d.capacity,
            grace_period: Span::from_secs(d.grace_period_s),
            grace_interval: Span::from_secs(d.grace_interval_s),
            fan_out: d.fan_out,
            in_flight_ttl: Span::from_secs(d.in_flight_ttl_s),
            sleep: Span::from_ns(d.sleep_ms * 1_000_000),
        }
    }

    /// With what is written in place of `self`.
    fn read(self, r: &mut Reader<'_>) -> StormTrackingSettings {
        let sizes = 1..=u32::MAX;
        let s = StormTrackingSettings {
            capacity: r.or_in("capacity", self.capacity, sizes.clone()),
            grace_period: milliseconds(r, "grace_period", self.grace_period),
            grace_interval: milliseconds(r, "grace_interval", self.grace_interval),
            fan_out: r.or_in("fan_out", self.fan_out, sizes),
            in_flight_ttl: milliseconds(r, "in_flight_ttl", self.in_flight_ttl),
            sleep: milliseconds(r, "sleep", self.sleep),
        };
        let period = ("grace_period", s.grace_period);
        let interval = ("grace_interval", s.grace_interval);
        let ttl = ("in_flight_ttl", s.in_flight_ttl);
        for (shorter, longer) in [(interval, ttl), (ttl, period)] {
            if shorter.1 > longer.1 {
                let at = if r.has(shorter.0) {
                    shorter.0
                } else {
                    longer.0
                };
                r.fault(
                    Code::Contradiction,
                    r.place_of(at),
                    format!(
                        "`{}` ({}) is longer than `{}` ({})",
                        shorter.0, shorter.1, longer.0, longer.1
                    ),
                    "the library requires grace_interval ≤ in_flight_ttl ≤ grace_period",
                );
            }
        }
        s
    }
}

/// A span of whole milliseconds above 0.
fn milliseconds(r: &mut Reader<'_>, key: &str, default: Span) -> Span {
    let span = r.or_in(key, default, Span::from_ns(1_000_000)..=Span::LONGEST);
    if !span.as_ns().is_multiple_of(1_000_000) {
        r.fault(
            Code::OutOfRange,
            r.place_of(key),
            format!(
                "`{}` is {span}, which is not a whole number of milliseconds",
                r.path_of(key)
            ),
            "the library takes whole milliseconds",
        );
    }
    span
}

/// How a workload uses branch-key caches.
#[derive(Clone, Copy, Debug)]
pub struct BranchKeyCacheUse {
    /// What its messages look up.
    pub keyring: Keyring,
    /// Versions under which the messages were encrypted that it decrypts; `None`: it encrypts.
    pub versions: Option<u64>,
    /// How each cache behaves.
    pub settings: BranchKeyCacheRules,
}

impl BranchKeyCacheUse {
    /// The branch key of a message, and its version to decrypt.
    fn branch_key(&self, need: &impl Need) -> (u64, Option<u64>) {
        let version = self.versions.map(|n| Draw::Version.of(need.key()).below(n));
        (need.object(), version)
    }
}

/// What Decrypt asks a branch-key cache for: the branch key of its message.
#[derive(Clone, Copy, Debug)]
pub struct AskedForBranchKey {}
