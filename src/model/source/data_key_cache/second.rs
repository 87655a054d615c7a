//! What the messages of a counted second miss, all of a process or of a fleet at once.

use super::cache::{Cmm, Message, Sdk, Suite};
use super::held::HeldDataKeys;
use super::newest::NewestKeys;
use crate::engine::narrow::index;
use crate::model::source::caches::Caches;
use crate::model::source::client_cache::{AppProcess, CacheUse, ClientSideCache};
use crate::model::source::encrypted_messages::{EncryptedMessages, wrapped};

impl EncryptedMessages {
    /// The messages of a workload are looked up in the order of their numbers, in caches that are still empty and that
    /// it shares with none: where those have room for many turns, only the newest data keys are kept in mind.
    pub fn in_order(self, caches: &mut Caches, w: usize) {
        let of = &mut caches.workloads[w];
        let processes = of.processes.len();
        let Some(cache) = &mut of.client_cache else {
            return;
        };
        let CacheUse::DataKeys(uses) = &mut cache.uses else {
            return;
        };
        let is_kept = uses.sdk != Sdk::JavaScript || uses.suite.is_none_or(|s| s.key_derivation);
        if is_kept && NewestKeys::suffice(self.producers, uses.capacity, processes) {
            uses.newest = Some(self.producers);
        }
    }

    /// Whether `n` messages of a process from the `first` on can be decrypted without KMS, all of them between
    /// `from` and `to` \[ns\].
    fn decrypts_all(
        self,
        held: &mut HeldDataKeys,
        (cmm, suite): (&Cmm, Option<Suite>),
        (first, n): (u64, u64),
        (from, to): (u64, u64),
    ) -> bool {
        let messages = self.in_a_turn();
        let turn = first / messages;
        let last = first + n - 1;
        if last / messages != turn || last != wrapped(last) {
            return false;
        }
        let known = held.until.filter(|known| known.0 == turn);
        let until = known.map(|(_, until)| until).unwrap_or_else(|| {
            let mut least = u64::MAX;
            for producer in 0..self.producers {
                let of = (turn * messages + producer, from);
                least = least.min(self.decrypts_until(held, (cmm, suite), of));
                if least == 0 {
                    break;
                }
            }
            held.until = (least > 0).then_some((turn, least));
            least
        });
        to < until
    }

    /// Until when \[ns\] a process can decrypt the n-th message without KMS, if it can at `from`; 0 where it cannot.
    fn decrypts_until(
        self,
        held: &mut HeldDataKeys,
        (cmm, suite): (&Cmm, Option<Suite>),
        (n, from): (u64, u64),
    ) -> u64 {
        let (message, data_key) = Message::encrypted(self, n, suite);
        held.decrypts_until(cmm, &message, data_key, from)
    }

    /// Counts the calls of `n` messages of one process in a counted second; `list` tells their instants, in order,
    /// each with the bits of its arrival's key, `ready` when KMS answers.
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
        let ClientSideCache::DataKeys(held) = &mut process.cache else {
            return 0;
        };
        if self.decrypts_all(held, (cmm, suite), (first, n), (from, to)) {
            return 0;
        }
        held.until = None;
        let mut calls = 0;
        for (of, (at, key)) in self.starting_at(first).zip(list()) {
            calls += u64::from(calls_for(held, (cmm, suite), of, at, || ready(at, key)));
        }
        calls
    }

    /// As [`calls_in_second`], of `n` messages of a fleet; `process_of` tells which process a message goes to.
    pub fn fleet_calls_in_second(
        self,
        caches: &mut Caches,
        w: usize,
        n: u64,
        (from, to): (u64, u64),
        list: impl Fn() -> Vec<(u64, u64)>,
        (process_of, ready): (impl Fn(u64) -> usize, impl Fn(u64, u64) -> u64),
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
        // Processes that may have to ask KMS, unless there are many.
        let mut asking = Vec::new();
        for process in &mut of.processes {
            let process = process.get_or_insert_with(|| AppProcess::new(cache));
            let ClientSideCache::DataKeys(held) = &mut process.cache else {
                return 0;
            };
            if !self.decrypts_all(held, cmm, (first, n), (from, to)) {
                asking.push(held);
                if asking.len() > MANY {
                    break;
                }
            }
        }
        if asking.is_empty() {
            return 0;
        }
        let (turn, last) = (first / self.in_a_turn(), first + n - 1);
        let is_one_turn = last / self.in_a_turn() == turn && last == wrapped(last);
        let is_known = asking.len() <= MANY && asking.iter().all(|held| held.knows_newest());
        // The producers whose messages need be looked at; those of the others are held by every process all the while.
        let open = (is_one_turn && is_known).then(|| {
            let is_open = |producer| {
                let of = (turn * self.in_a_turn() + producer, from);
                let mut asking = asking.iter_mut();
                asking.any(|held| self.decrypts_until(held, cmm, of) <= to)
            };
            (0..self.producers).map(is_open).collect::<Vec<bool>>()
        });
        let mut calls = 0;
        for (message, (at, key)) in self.starting_at(first).zip(list()) {
            if open.as_ref().is_some_and(|open| !open[index(message.0)]) {
                continue;
            }
            let process = &mut of.processes[process_of(key)];
            let process = process.get_or_insert_with(|| AppProcess::new(cache));
            let ClientSideCache::DataKeys(held) = &mut process.cache else {
                return 0;
            };
            calls += u64::from(calls_for(held, cmm, message, at, || ready(at, key)));
        }
        calls
    }
}

/// More processes than this are not gone through one by one.
const MANY: usize = 64;

/// Whether a message of a producer needs a call at `at`: then its data key is held once KMS answers.
fn calls_for(
    held: &mut HeldDataKeys,
    (cmm, suite): (&Cmm, Option<Suite>),
    (producer, data_key): (u64, u64),
    at: u64,
    ready: impl FnOnce() -> u64,
) -> bool {
    let message = Message {
        context: producer,
        length: None,
        suite,
    };
    if held.decrypt(cmm, &message, data_key, at) {
        return false;
    }
    held.decrypted(cmm, &message, data_key, ready());
    true
}

/// Counts the calls of `n` messages, all alike and of that length, of the `p`-th process of a workload in a counted
/// second; `list` tells their instants, in order, each with the bits of its arrival's key, `ready` when KMS answers.
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
    let ClientSideCache::DataKeys(held) = &mut process.cache else {
        return 0;
    };
    let cache = &mut held.keys;
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
    while let Some(&(at, key)) = instants.get(index(done)) {
        let more = cache.encrypt_all(cmm, &message, n - done, (at, to));
        if more == 0 && cache.encrypt(cmm, &message, at).is_none() {
            calls += 1;
            cache.generated(cmm, &message, 0, ready(at, key));
        }
        done += more.max(1);
    }
    calls
}
