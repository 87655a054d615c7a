//! The simulated world of one variant, resolved: after a [`Plan`] exists no input error is possible.
//!
//! Requests are told apart by [`Class`] (workload, operation, bucket, requester), the unit of all
//! accounting: every breakdown of the results is a sum over classes. A class has a [`Lane`] for
//! each KMS operation that one request of it needs, in the order in which they are made.
//!
//! Not here: the scenario as written ([`crate::scenario`]), the passage of time
//! ([`crate::simulation`]).

pub mod archive;
pub mod arrivals;
pub mod branch_key_cache;
pub mod bucket_key;
pub mod data_key_cache;
mod entries;
mod mixer;
pub mod retry;
pub mod trace;

use crate::catalog::{KmsOperation, S3Tier};
use crate::engine::SECOND;
use crate::engine::distribution::Distribution;
use crate::engine::limiter::{Shape, Step};
use crate::engine::random::Zipf;
use archive::{Archive, KeyPopularity};
use branch_key_cache::Keyring;
use data_key_cache::{Cmm, Sdk, Suite};
use std::sync::{Arc, OnceLock};

/// Everything the simulation of one variant needs to know.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The variant's name.
    pub name: String,
    /// Equal for variants that see the same arrivals.
    pub arrivals_id: String,
    /// Arrivals stop here \[s\].
    pub horizon_s: u64,
    /// Requests that arrive before this are not counted \[s\].
    pub warm_up_s: u64,
    /// Request quotas of KMS, and S3's request rates where they are limited.
    pub quotas: Vec<Quota>,
    /// Kinds of requests.
    pub classes: Vec<Class>,
    /// Needs of the classes.
    pub lanes: Vec<Lane>,
    /// Why requests of some classes are denied.
    pub denials: Vec<Denial>,
    /// Workloads in file order, then those of log groups.
    pub workloads: Vec<Workload>,
    /// Log groups under a KMS key, in file order.
    pub log_groups: Vec<LogGroup>,
    /// Bucket-key caches, one for each (bucket, KMS key, requester).
    pub bucket_key_caches: Vec<bucket_key::Settings>,
    /// Time from a call to KMS's answer.
    pub kms_latency: Distribution,
    /// Time from an attempt to its answer when it is throttled.
    pub throttled_latency: Distribution,
    /// Time of an S3 request with 0, 1, 2, … KMS calls.
    pub s3_latency: Vec<Distribution>,
    /// Time of an application's message with 0, 1, 2, … KMS calls.
    pub app_latency: Vec<Distribution>,
    /// Account names.
    pub accounts: Vec<String>,
    /// Region codes.
    pub regions: Vec<String>,
    /// Buckets.
    pub buckets: Vec<Bucket>,
    /// KMS keys.
    pub keys: Vec<KmsKey>,
    /// Requester names.
    pub requesters: Vec<String>,
    /// Workloads that share no quota, cache or order with others: simulated apart.
    pub islands: Vec<Vec<usize>>,
    /// How CloudTrail and CloudWatch count.
    pub counting: Counting,
    /// What each account's trails deliver.
    pub trails: Vec<Trail>,
}

/// Assumptions about what others count and bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting {
    /// KMS bills throttled attempts.
    pub throttled_attempts_billed: bool,
    /// CloudTrail logs throttled attempts.
    pub throttled_attempts_logged: bool,
    /// CloudWatch's CallCount holds throttled attempts.
    pub throttled_attempts_in_call_count: bool,
}

/// What an account's CloudTrail trails deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Copies of management events; the first is free.
    pub copies: u32,
    /// Whether KMS's read events are among them.
    pub kms_reads: bool,
    /// Whether KMS's write events are among them.
    pub kms_writes: bool,
    /// Copies of S3 data events; each is charged.
    pub data_copies: u32,
}

impl Plan {
    /// The lanes of a class.
    pub fn lanes_of(&self, class: &Class) -> &[Lane] {
        &self.lanes[class.lane_range()]
    }

    /// Accounts that log a lane's calls: the caller's, and the key's where it is another.
    pub fn loggers(&self, lane: &Lane) -> impl Iterator<Item = usize> + use<> {
        let owner = self.keys[lane.key].account;
        std::iter::once(lane.account).chain(lane.both_log().then_some(owner))
    }

    /// Copies of a KMS event that an account's trails deliver.
    pub fn kms_copies(&self, account: usize, operation: KmsOperation) -> u64 {
        let trail = self.trails.get(account);
        u64::from(trail.map_or(1, |trail| trail.kms_copies(operation)))
    }

    /// Copies of a data event of a bucket's objects that its owner's trails deliver.
    pub fn data_copies(&self, bucket: usize) -> u64 {
        let trail = self.trails.get(self.buckets[bucket].account);
        u64::from(trail.map_or(0, |trail| trail.data_copies))
    }
}

impl Trail {
    /// Copies of a KMS event that are delivered.
    pub fn kms_copies(&self, operation: KmsOperation) -> u32 {
        let selected = if operation.is_read() {
            self.kms_reads
        } else {
            self.kms_writes
        };
        if selected { self.copies } else { 0 }
    }
}

/// One request quota, or a request rate of S3.
#[derive(Clone, Debug)]
pub struct Quota {
    /// `account/region/quota-code[/store]`, or `account/region/s3-reads/bucket[/workload]` and
    /// `…/s3-writes/…`.
    pub name: String,
    /// Who enforces it.
    pub service: retry::Service,
    /// How it is enforced.
    pub shape: Shape,
    /// The limit over time.
    pub steps: Vec<Step>,
}

/// A bucket, for accounting.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Name in the scenario.
    pub name: String,
    /// Owner, index of [`Plan::accounts`].
    pub account: usize,
    /// Index of [`Plan::regions`].
    pub region: usize,
    /// S3 Express One Zone: S3 limits its requests by other rules than by prefix.
    pub is_directory: bool,
}

/// A KMS key, for accounting.
#[derive(Clone, Debug)]
pub struct KmsKey {
    /// Name in the scenario.
    pub name: String,
    /// Owner, index of [`Plan::accounts`].
    pub account: usize,
    /// Index of [`Plan::regions`].
    pub region: usize,
    /// Whether the key itself is charged by the month.
    pub charged: bool,
}

/// A log group of CloudWatch Logs.
#[derive(Clone, Debug)]
pub struct LogGroup {
    /// Name in the scenario.
    pub name: String,
    /// Owner, index of [`Plan::accounts`].
    pub account: usize,
    /// Index of [`Plan::regions`].
    pub region: usize,
    /// What is sent to it \[bytes/s\].
    pub bytes_per_second: u64,
    /// Whether its key is in use.
    pub association: Association,
    /// When KMS refuses it a data key: what is sent then is lost.
    pub refusals: Vec<Refusal>,
    /// Its workloads, indices of [`Plan::workloads`].
    pub workloads: std::ops::Range<usize>,
}

/// Whether the key of a log group is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Association {
    /// From an instant on \[ns\].
    InEffect {
        /// The instant.
        from: u64,
    },
    /// AWS refused it: the log group goes on without the key, or was never made.
    Refused {
        /// Whether there is a log group all the same.
        exists: bool,
    },
}

impl LogGroup {
    /// Bytes that are ingested and bytes that are lost in the seconds `from..to`.
    pub fn bytes(&self, from: u64, to: u64) -> (u64, u64) {
        let bytes = |ns: u64| {
            let bytes = u128::from(self.bytes_per_second) * u128::from(ns) / u128::from(SECOND);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        let all = (to - from) * SECOND;
        let lost = match self.association {
            Association::Refused { exists: true } => 0,
            Association::Refused { exists: false } => return (0, 0),
            Association::InEffect { from: in_effect } => {
                self.refused((from * SECOND).max(in_effect), to * SECOND)
            }
        };
        (bytes(all - lost), bytes(all) - bytes(all - lost))
    }

    /// How much of the time from one instant to another a data key is refused \[ns\].
    fn refused(&self, from: u64, to: u64) -> u64 {
        let mut refusals: Vec<&Refusal> = self.refusals.iter().collect();
        refusals.sort_by_key(|r| r.from);
        let (mut at, mut sum) = (from, 0);
        for refusal in refusals {
            let end = refusal.until.min(to);
            sum += end.saturating_sub(refusal.from.max(at));
            at = at.max(end);
        }
        sum
    }
}

/// A kind of request.
#[derive(Clone, Debug)]
pub struct Class {
    /// Index of [`Plan::workloads`].
    pub workload: usize,
    /// `PutObject`, or a KMS operation's name for applications.
    pub operation: String,
    /// The bucket; `None` for applications.
    pub bucket: Option<usize>,
    /// Index of [`Plan::requesters`].
    pub requester: usize,
    /// Price tier of the S3 request; `None` for applications.
    pub tier: Option<S3Tier>,
    /// S3's request rate that each try draws on before KMS is called, index of [`Plan::quotas`]; `None`: it is
    /// not limited.
    pub request_rate: Option<usize>,
    /// First of the class's lanes.
    pub first_lane: usize,
    /// Number of lanes, 0 to [`MAX_LANES`].
    pub lanes: usize,
    /// Why its requests are denied, index of [`Plan::denials`]; `None`: they are allowed. S3 decides before
    /// it calls KMS, so that they have no lanes; where KMS denies a call, that call is the last lane.
    pub denial: Option<usize>,
}

impl Class {
    /// Its lanes, indices of [`Plan::lanes`].
    pub fn lane_range(&self) -> std::ops::Range<usize> {
        self.first_lane..self.first_lane + self.lanes
    }
}

/// Why requests are denied.
#[derive(Clone, Debug)]
pub struct Denial {
    /// The statement that denies them, or the permission that is missing.
    pub name: String,
    /// Whether S3 bills them; an application's are none of S3's business.
    pub billed: bool,
    /// The KMS call that was denied, where it draws on no quota and so has no lane: CloudTrail logs it.
    pub unlaned: Option<UnlanedCall>,
}

/// A KMS call that draws on no quota.
#[derive(Clone, Copy, Debug)]
pub struct UnlanedCall {
    /// The operation.
    pub operation: KmsOperation,
    /// The calling account, index of [`Plan::accounts`].
    pub account: usize,
    /// Index of [`Plan::regions`].
    pub region: usize,
}

/// Most KMS operations that one request may need.
pub const MAX_LANES: usize = 4;

/// One KMS operation that every request of a class needs.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Index of [`Plan::classes`].
    pub class: usize,
    /// The operation.
    pub operation: KmsOperation,
    /// Index of [`Plan::keys`].
    pub key: usize,
    /// The calling account, which is charged; index of [`Plan::accounts`].
    pub account: usize,
    /// Index of [`Plan::regions`].
    pub region: usize,
    /// Quotas an attempt needs room in, the store's own before the account's.
    pub quotas: Vec<usize>,
    /// What can meet the need without a call.
    pub source: Source,
    /// Price item of an admitted attempt.
    pub price_item: &'static str,
    /// Whether such attempts draw on the free tier.
    pub free_tier: bool,
    /// Whether the key belongs to another account, so that both log the call.
    pub crosses_account: bool,
    /// Whether KMS answers AccessDenied; only the caller's account logs that.
    pub denied: bool,
    /// When KMS refuses it for the time being, or from some time on; at one instant the first of them that
    /// is in force is the answer.
    pub refusals: Vec<Refusal>,
}

/// From when to when KMS refuses calls, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// First instant \[ns\].
    pub from: u64,
    /// Instant after the last \[ns\], `u64::MAX`: there is none.
    pub until: u64,
    /// Why.
    pub cause: Cause,
    /// S3 bills the answer.
    pub billed: bool,
}

/// Why KMS refuses a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The caller has no permission: the request is denied.
    NoPermission,
    /// The key is disabled: the request fails.
    Disabled,
    /// The key is pending deletion: the request fails.
    PendingDeletion,
}

impl Cause {
    /// KMS's error.
    pub fn kms_error(self) -> &'static str {
        match self {
            Cause::NoPermission => "AccessDeniedException",
            Cause::Disabled => "DisabledException",
            Cause::PendingDeletion => "KMSInvalidStateException",
        }
    }

    /// What S3 answers, whose call was refused.
    pub fn s3_answer(self) -> &'static str {
        match self {
            Cause::NoPermission => "403 AccessDenied",
            Cause::Disabled => "400 KMS.DisabledException",
            Cause::PendingDeletion => "400 KMS.KMSInvalidStateException",
        }
    }
}

/// What can meet a need without a KMS call.
#[derive(Clone, Debug)]
pub enum Source {
    /// Nothing: each need is a call.
    Call,
    /// A bucket key to write a new object under.
    BucketKeyWrite(BucketKeyUse),
    /// The bucket key that the object was written under.
    BucketKeyRead(BucketKeyUse),
    /// A bucket key to write under that has been verified: parts of uploads, replicas.
    BucketKeyVerified(BucketKeyUse),
    /// A data-key cache, for encrypting.
    CacheEncrypt,
    /// A data-key cache, for decrypting.
    CacheDecrypt {
        /// Processes that encrypted the messages.
        producers: u64,
        /// Messages each of their data keys was used for.
        messages_per_data_key: u64,
    },
    /// A branch-key cache.
    BranchKey,
}

impl Lane {
    /// Whether a request waits for a bucket key that another one fetches.
    pub fn has_single_flight(&self) -> bool {
        match &self.source {
            Source::BucketKeyWrite(uses)
            | Source::BucketKeyRead(uses)
            | Source::BucketKeyVerified(uses) => uses.single_flight,
            _ => false,
        }
    }

    /// Whether the key's owner logs its calls too.
    pub fn both_log(&self) -> bool {
        self.crosses_account && !self.denied
    }

    /// Whether what becomes of a need depends on the time or on which requests came before, so that
    /// the requests of its class cannot simply be counted.
    pub fn has_memory(&self) -> bool {
        !self.refusals.is_empty() || !matches!(self.source, Source::Call)
    }

    /// Why KMS refuses it at an instant \[ns\].
    pub fn refused_at(&self, at: u64) -> Option<Cause> {
        let in_force = |r: &&Refusal| (r.from..r.until).contains(&at);
        self.refusals.iter().find(in_force).map(|r| r.cause)
    }
}

/// How a class uses bucket keys.
#[derive(Clone, Debug)]
pub struct BucketKeyUse {
    /// First of the caches, index of [`Plan::bucket_key_caches`]; one for each session.
    pub cache: usize,
    /// Sessions with a cache of their own, at least 1.
    pub sessions: u32,
    /// Bucket keys are in use from here on \[ns\].
    pub since: u64,
    /// Requests wait for a key that is on its way, instead of fetching it too.
    pub single_flight: bool,
    /// Share of reads that go to objects written without one.
    pub older_objects: f64,
    /// Bucket keys behind the other objects that were there before the run.
    pub archive: Archive,
    /// How often each of those is asked for, once somebody needs to know.
    pub key_popularity: Arc<OnceLock<KeyPopularity>>,
}

/// The client-side caches that a workload's messages look up.
#[derive(Clone, Copy, Debug)]
pub struct ClientCache {
    /// The workload whose caches these are; index of [`Plan::workloads`].
    pub owner: usize,
    /// How long a cache lives, and who shares it.
    pub scope: CacheScope,
    /// What is cached, and how.
    pub uses: CacheUse,
}

/// What a client-side cache holds.
#[derive(Clone, Copy, Debug)]
pub enum CacheUse {
    /// Data keys.
    DataKeys(DataKeyCacheUse),
    /// Branch keys.
    BranchKeys(BranchKeyCacheUse),
}

/// How a workload uses data-key caches.
#[derive(Clone, Copy, Debug)]
pub struct DataKeyCacheUse {
    /// What its messages look up.
    pub cmm: Cmm,
    /// Algorithm suite that its messages ask for.
    pub suite: Option<Suite>,
    /// Whose rules hold.
    pub sdk: Sdk,
    /// Entries of each cache.
    pub capacity: usize,
    /// Messages wait for a data key that is on its way, instead of fetching it too.
    pub single_flight: bool,
}

/// How a workload uses branch-key caches.
#[derive(Clone, Copy, Debug)]
pub struct BranchKeyCacheUse {
    /// What its messages look up.
    pub keyring: Keyring,
    /// Versions under which the messages were encrypted that it decrypts; `None`: it encrypts.
    pub versions: Option<u64>,
    /// How each cache behaves.
    pub settings: branch_key_cache::Settings,
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

/// Who asks for what, and when.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Name in the scenario; the workload's random numbers are keyed by it.
    pub name: String,
    /// Open or closed.
    pub kind: Kind,
    /// What one arrival does.
    pub actions: Vec<Action>,
    /// Clients with a retry state each.
    pub clients: u32,
    /// What a client does when throttled.
    pub retry: retry::RetryPolicy,
    /// Starts when that workload is done.
    pub after: Option<usize>,
    /// Objects (or encryption contexts) and how often each is asked for.
    pub popularity: Popularity,
    /// Reads the objects that this workload wrote in the run.
    pub reads: Option<usize>,
    /// Whether another workload reads what this one wrote.
    pub is_read: bool,
    /// Size of a message for the data-key cache.
    pub size: Size,
    /// The client-side caches that its messages look up.
    pub client_cache: Option<ClientCache>,
}

/// Open or closed.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Arrivals whatever becomes of earlier ones, in the seconds `start..stop`.
    Open {
        /// The arrival process.
        process: arrivals::Process,
        /// First second; with `after`, the first that is not over when that is done.
        start: u64,
        /// Second after the last.
        stop: u64,
    },
    /// Recorded arrivals from `start` on.
    Trace {
        /// The rows.
        trace: Arc<trace::Trace>,
        /// Time of t = 0 of the trace \[s\].
        start: u64,
        /// Second after the last.
        stop: u64,
    },
    /// Workers with one request under way each, until the objects are done.
    Job {
        /// Workers.
        workers: u32,
        /// Objects in all.
        objects: u32,
        /// Pause of a worker between an answer and its next request.
        think: Distribution,
        /// Start \[ns\] unless it comes after another workload.
        start: u64,
    },
}

/// What one arrival does: one request, or several at the same instant (a multipart upload).
#[derive(Clone, Debug)]
pub struct Action {
    /// Name, by which its random numbers are keyed.
    pub name: String,
    /// Share of arrivals; the weights of a workload sum to 1.
    pub weight: f64,
    /// Requests in order: class and how many. What an upload would go on with is not there after a denial.
    pub requests: Vec<(usize, u32)>,
}

/// Which of many objects a request is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Popularity {
    /// All alike.
    Uniform {
        /// Objects.
        objects: u64,
    },
    /// The r-th most popular with probability proportional to r^−exponent.
    Zipf(Zipf),
}

impl Popularity {
    /// Number of objects.
    pub fn objects(&self) -> u64 {
        match self {
            Popularity::Uniform { objects } => *objects,
            Popularity::Zipf(zipf) => zipf.ranks(),
        }
    }

    /// Share of the requests that are for an object.
    pub fn share(&self, object: u64) -> f64 {
        match self {
            Popularity::Uniform { objects } => 1.0 / *objects as f64,
            Popularity::Zipf(zipf) => zipf.share(object),
        }
    }
}

/// Size of a message \[bytes\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Not known when the message is begun.
    Unknown,
    /// Always the same.
    Constant(u64),
    /// Lognormal.
    Lognormal {
        /// Median.
        median: u64,
        /// σ of the logarithm.
        sigma: f64,
    },
}
