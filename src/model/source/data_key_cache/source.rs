//! How an application's messages look data keys up, what a call brings, and who waits for it.

use super::cache::{Cmm, DataKeyCache, Message, Sdk, Suite};
use crate::model::source::caches::Caches;
use crate::model::source::client_cache::{AppProcess, CacheUse, ClientSideCache, wrapped};
use crate::model::source::need::{Fetch, LookUp, Need};

/// How the messages were encrypted that a workload decrypts: producers take turns, and each uses a data key for so
/// many messages, all of one encryption context. The messages of a data key are numbered by process, or where its clients are a
/// fleet by workload: then each goes to any client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptedMessages {
    /// Processes that encrypted the messages.
    pub producers: u64,
    /// Messages each of their data keys was used for.
    pub messages_per_data_key: u64,
}

impl EncryptedMessages {
    /// The n-th message that a process, or a fleet, decrypts, and its data key.
    fn message(self, n: u64, suite: Option<Suite>) -> (Message, u64) {
        let producer = n % self.producers;
        let serial = n / self.producers / self.messages_per_data_key;
        let message = Message {
            context: producer,
            length: None,
            suite,
        };
        (message, producer << 40 | serial)
    }

    /// The message that a numbered request is to decrypt, and its data key.
    fn of(self, caches: &Caches, need: &mut impl Need) -> (Message, u64) {
        self.message(u64::from(*need.ticket()), suite(caches, need.workload()))
    }

    /// Looks for its data key.
    pub fn look_up(self, caches: &mut Caches, need: &mut impl Need, at: u64) -> LookUp {
        if need.was_called() {
            return LookUp::Miss;
        }
        caches.number(need);
        let (message, data_key) = self.of(caches, need);
        let is_held = data_keys(caches, need)
            .is_some_and(|(cache, cmm)| cache.decrypt(&cmm, &message, data_key, at));
        if is_held {
            caches.decrypted(need);
        }
        LookUp::met(is_held)
    }

    /// KMS decrypts it and answers at `ready`.
    pub fn decrypted(self, caches: &mut Caches, need: &mut impl Need, ready: u64) {
        let (message, data_key) = self.of(caches, need);
        if let Some(process) = caches.process(need.workload(), need) {
            process.held_until = None;
        }
        if let Some((cache, cmm)) = data_keys(caches, need) {
            cache.decrypted(&cmm, &message, data_key, ready);
        }
        caches.decrypted(need);
    }

    /// What a call for it fetches.
    pub fn fetch(self, caches: &mut Caches, need: &mut impl Need) -> Option<Fetch> {
        let (message, data_key) = self.of(caches, need);
        fetch(caches, need, message, Some(data_key))
    }

    /// Whether `n` messages of a process from the `first` on can be decrypted without KMS, all of them between
    /// `from` and `to` \[ns\].
    fn decrypts_all(
        self,
        process: &mut AppProcess,
        (cmm, suite): (&Cmm, Option<Suite>),
        (first, n): (u64, u64),
        (from, to): (u64, u64),
    ) -> bool {
        let messages = self.producers * self.messages_per_data_key;
        let turn = first / messages;
        let last = first + n - 1;
        if last / messages != turn || last != wrapped(last) {
            return false;
        }
        let known = process.held_until.filter(|known| known.0 == turn);
        let until = match (known, &mut process.cache) {
            (Some((_, until)), _) => until,
            (None, ClientSideCache::DataKeys(cache)) => {
                let of = |producer| {
                    let (message, data_key) = self.message(turn * messages + producer, suite);
                    cache.decrypts_until(cmm, &message, data_key, from)
                };
                let until = (0..self.producers).map(of).min().unwrap_or(0);
                process.held_until = (until > 0).then_some((turn, until));
                until
            }
            (None, ClientSideCache::BranchKeys(_)) => 0,
        };
        to < until
    }

    /// Counts the calls of `n` messages of one process in a counted second; `list` tells their instants, in order,
    /// each with the bits of its key, `ready` when KMS answers.
    fn calls_in_second(
        self,
        process: &mut AppProcess,
        (cmm, suite): (&Cmm, Option<Suite>),
        n: u64,
        (from, to): (u64, u64),
        list: impl Fn() -> Vec<(u64, u64)>,
        ready: impl Fn(u64, u64) -> u64,
    ) -> u64 {
        let first = process.count(n);
        if self.decrypts_all(process, (cmm, suite), (first, n), (from, to)) {
            return 0;
        }
        process.held_until = None;
        let ClientSideCache::DataKeys(cache) = &mut process.cache else {
            return 0;
        };
        let mut calls = 0;
        for (number, (at, key)) in (first..).zip(list()) {
            calls += u64::from(self.calls(cache, (cmm, suite), number, at, || ready(at, key)));
        }
        calls
    }

    /// As [`calls_in_second`], of `n` messages of a fleet; `list` tells of each also the process that it goes to.
    pub fn fleet_calls_in_second(
        self,
        caches: &mut Caches,
        w: usize,
        n: u64,
        (from, to): (u64, u64),
        list: impl Fn() -> Vec<(u64, u64, usize)>,
        ready: impl Fn(u64, u64) -> u64,
    ) -> u64 {
        let of = &mut caches.workloads[w];
        let first = of.count(n);
        let Some(cache) = &of.client_cache else {
            return 0;
        };
        let CacheUse::DataKeys(uses) = &cache.uses else {
            return 0;
        };
        let cmm = (&uses.cmm, uses.suite);
        let mut processes = of.processes.iter_mut();
        if processes.all(|process| {
            let process = process.get_or_insert_with(|| AppProcess::new(cache));
            self.decrypts_all(process, cmm, (first, n), (from, to))
        }) {
            return 0;
        }
        let mut calls = 0;
        for (number, (at, key, p)) in (first..).zip(list()) {
            let process = of.processes[p].get_or_insert_with(|| AppProcess::new(cache));
            let ClientSideCache::DataKeys(keys) = &mut process.cache else {
                return 0;
            };
            if self.calls(keys, cmm, number, at, || ready(at, key)) {
                calls += 1;
                process.held_until = None;
            }
        }
        calls
    }

    /// Whether the message with that number needs a call at `at`: then its data key is held once KMS answers.
    fn calls(
        self,
        cache: &mut DataKeyCache,
        (cmm, suite): (&Cmm, Option<Suite>),
        number: u64,
        at: u64,
        ready: impl FnOnce() -> u64,
    ) -> bool {
        let (message, data_key) = self.message(wrapped(number), suite);
        if cache.decrypt(cmm, &message, data_key, at) {
            return false;
        }
        cache.decrypted(cmm, &message, data_key, ready());
        true
    }
}

/// Looks for a data key to encrypt under.
pub fn look_up_to_encrypt(caches: &mut Caches, need: &mut impl Need, at: u64) -> LookUp {
    if need.was_called() {
        return LookUp::Miss;
    }
    let message = message_to_encrypt(caches, need);
    LookUp::met(
        data_keys(caches, need)
            .is_some_and(|(cache, cmm)| cache.encrypt(&cmm, &message, at).is_some()),
    )
}

/// KMS generates one and answers at `ready`.
pub fn generated(caches: &mut Caches, need: &mut impl Need, ready: u64) {
    let message = message_to_encrypt(caches, need);
    if let Some((cache, cmm)) = data_keys(caches, need) {
        // Which data key it is decides nothing here.
        cache.generated(&cmm, &message, 0, ready);
    }
}

/// What a call for one fetches.
pub fn fetch_to_encrypt(caches: &mut Caches, need: &mut impl Need) -> Option<Fetch> {
    let message = message_to_encrypt(caches, need);
    fetch(caches, need, message, None)
}

/// Counts the calls of `n` messages, all alike and of that length, of the `p`-th process of a workload in a counted
/// second; `list` tells their instants, in order, each with the bits of its key, `ready` when KMS answers.
pub fn calls_in_second(
    caches: &mut Caches,
    (w, p): (usize, usize),
    (encrypted, length): (Option<EncryptedMessages>, Option<u64>),
    n: u64,
    (from, to): (u64, u64),
    list: impl Fn() -> Vec<(u64, u64)>,
    ready: impl Fn(u64, u64) -> u64,
) -> u64 {
    let of = &mut caches.workloads[w];
    let Some(cache) = &of.client_cache else {
        return 0;
    };
    let CacheUse::DataKeys(uses) = &cache.uses else {
        return 0;
    };
    let (cmm, suite) = (&uses.cmm, uses.suite);
    let process = of.processes[p].get_or_insert_with(|| AppProcess::new(cache));
    if let Some(encrypted) = encrypted {
        return encrypted.calls_in_second(process, (cmm, suite), n, (from, to), list, ready);
    }
    let ClientSideCache::DataKeys(cache) = &mut process.cache else {
        return 0;
    };
    let message = Message {
        context: 0,
        length,
        suite,
    };
    let mut done = cache.encrypt_all(cmm, &message, n, (from, to));
    if done == n {
        return 0;
    }
    let mut calls = 0;
    let instants = list();
    while let Some(&(at, key)) = instants.get(done as usize) {
        let more = cache.encrypt_all(cmm, &message, n - done, (at, to));
        if more == 0 && cache.encrypt(cmm, &message, at).is_none() {
            calls += 1;
            cache.generated(cmm, &message, 0, ready(at, key));
        }
        done += more.max(1);
    }
    calls
}

fn message_to_encrypt(caches: &Caches, need: &impl Need) -> Message {
    Message {
        context: need.object(),
        length: need.message_length(),
        suite: suite(caches, need.workload()),
    }
}

fn suite(caches: &Caches, w: usize) -> Option<Suite> {
    match &caches.workloads[w].client_cache.as_ref()?.uses {
        CacheUse::DataKeys(uses) => uses.suite,
        CacheUse::BranchKeys(_) => None,
    }
}

/// The data-key cache that a message looks up, and its CMM.
fn data_keys<'c>(
    caches: &'c mut Caches,
    need: &mut impl Need,
) -> Option<(&'c mut DataKeyCache, Cmm)> {
    let cmm = match &caches.workloads[need.workload()]
        .client_cache
        .as_ref()?
        .uses
    {
        CacheUse::DataKeys(uses) => uses.cmm,
        CacheUse::BranchKeys(_) => return None,
    };
    match caches.client_side(need)? {
        ClientSideCache::DataKeys(cache) => Some((cache, cmm)),
        ClientSideCache::BranchKeys(_) => None,
    }
}

/// What a call for a message's data key fetches; `None` where others do not wait for it.
fn fetch(
    caches: &mut Caches,
    need: &mut impl Need,
    message: Message,
    data_key: Option<u64>,
) -> Option<Fetch> {
    let cache = caches.workloads[need.workload()].client_cache?;
    let CacheUse::DataKeys(uses) = cache.uses else {
        return None;
    };
    let is_kept = match data_key {
        None => uses.sdk.stores(&uses.cmm, &message),
        Some(_) => uses.sdk != Sdk::JavaScript || message.may_be_cached(),
    };
    if !uses.single_flight || !is_kept {
        return None;
    }
    Some(Fetch::DataKey {
        owner: cache.owner,
        process: cache.scope.cache_of(need.client()),
        invocation: caches.invocation(cache.scope, need),
        partition: uses.cmm.partition,
        suite: message.suite.map(|s| s.id),
        context: message.context,
        data_key,
    })
}
