//! What the messages of a counted second miss, all of a process or of a fleet at once.

use super::cache::{Cmm, Message, Sdk, Suite};
use super::held::HeldDataKeys;
use super::lacking::LackingKeys;
use super::newest::NewestKeys;
use crate::engine::narrow::index;
use crate::engine::random::Stream;
use crate::model::source::caches::Caches;
use crate::model::source::client_cache::{AppProcess, CacheUse, ClientSideCache};
use crate::model::source::encrypted_messages::{EncryptedMessages, NUMBERS, wrapped};

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

    /// Counts the calls of `n` messages of one process in a counted second, as the function of that name.
    fn calls_in_second(
        self,
        process: &mut AppProcess,
        (cmm, suite): (&Cmm, Option<Suite>),
        n: u64,
        (from, to): (u64, u64),
        (instants, ready): (impl Fn(u64) -> Vec<u64>, impl Fn(u64, u64) -> u64),
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
        for (i, (of, at)) in (0..).zip(self.starting_at(first).zip(instants(0))) {
            calls += u64::from(calls_for(held, (cmm, suite), of, at, || ready(at, i)));
        }
        calls
    }

    /// Counts the calls of `n` messages of a fleet in a counted second, from `from` to `to` \[ns\].
    ///
    /// Which process a message goes to is drawn from `stream`, and only of messages whose producer's data key some process
    /// may lack; `instants` and `ready` are asked about those only that go to such a process.
    pub fn fleet_calls_in_second(
        self,
        caches: &mut Caches,
        w: usize,
        n: u64,
        (from, to): (u64, u64),
        (mut stream, instants, ready): (
            Stream,
            impl Fn(&[u64]) -> Vec<u64>,
            impl Fn(u64, u64) -> u64,
        ),
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
        let processes = of.processes.len() as u64;
        let mut holders = Vec::with_capacity(of.processes.len());
        for process in &mut of.processes {
            let process = process.get_or_insert_with(|| AppProcess::new(cache));
            let ClientSideCache::DataKeys(held) = &mut process.cache else {
                return 0;
            };
            holders.push(held);
        }
        // The messages that are looked at: the place in the second, producer and data key, and process of each.
        let mut looked_at: Vec<FleetMessage> = Vec::new();
        if uses.newest.is_some() {
            let none = || LackingKeys::new(self.producers, processes);
            let lacking = of.lacking.get_or_insert_with(none);
            let mut place = 0;
            while place < n {
                let number = wrapped(first + place);
                let turn = number / self.in_a_turn();
                let end = ((turn + 1) * self.in_a_turn()).min(NUMBERS);
                let of_turn = (n - place).min(end - number);
                lacking.begin(turn);
                lacking.look_again(to, |producer, process| {
                    let of = (turn * self.in_a_turn() + producer, from);
                    self.decrypts_until(holders[process], cmm, of)
                });
                let begun = number % self.producers;
                let producers: Vec<u64> = lacking.producers().collect();
                let rounds = match producers[..] {
                    [] => 0,
                    _ => (begun + of_turn).div_ceil(self.producers),
                };
                for round in 0..rounds {
                    for &producer in &producers {
                        let later = (round * self.producers + producer).checked_sub(begun);
                        let Some(later) = later.filter(|later| *later < of_turn) else {
                            continue;
                        };
                        let process = stream.below(processes);
                        if lacking.has(producer, process) {
                            looked_at.push(FleetMessage {
                                place: place + later,
                                of: self.of_number(number + later),
                                process: index(process),
                            });
                        }
                    }
                }
                place += of_turn;
            }
        } else {
            let mut all = holders.iter_mut();
            let are_held = processes <= MANY
                && all.all(|held| self.decrypts_all(held, cmm, (first, n), (from, to)));
            if !are_held {
                let messages = (0..n).zip(self.starting_at(first));
                looked_at.extend(messages.map(|(place, of)| FleetMessage {
                    place,
                    of,
                    process: index(stream.below(processes)),
                }));
            }
        }
        if looked_at.is_empty() {
            return 0;
        }
        let places: Vec<u64> = looked_at.iter().map(|message| message.place).collect();
        let mut calls = 0;
        for (message, at) in looked_at.iter().zip(instants(&places)) {
            let held = &mut *holders[message.process];
            let ready = || ready(at, message.place);
            calls += u64::from(calls_for(held, cmm, message.of, at, ready));
        }
        calls
    }
}

/// A message of a fleet in a counted second.
struct FleetMessage {
    place: u64,
    /// Its producer and data key.
    of: (u64, u64),
    process: usize,
}

/// More processes than this are not gone through one by one, where each has a cache of entries.
const MANY: u64 = 64;

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
/// second. `instants` tells when those from one of them on come, in order, `ready` when KMS answers, by the instant and place of
/// a message.
pub fn calls_in_second(
    caches: &mut Caches,
    (w, p): (usize, usize),
    (encrypted, length): (Option<EncryptedMessages>, Option<u64>),
    n: u64,
    (from, to): (u64, u64),
    (instants, ready): (impl Fn(u64) -> Vec<u64>, impl Fn(u64, u64) -> u64),
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
        let draws = (instants, ready);
        return encrypted.calls_in_second(process, (cmm, suite), n, (from, to), draws);
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
    let first = done;
    let instants = instants(first);
    while let Some(&at) = instants.get(index(done - first)) {
        let more = cache.encrypt_all(cmm, &message, n - done, (at, to));
        if more == 0 && cache.encrypt(cmm, &message, at).is_none() {
            calls += 1;
            cache.generated(cmm, &message, 0, ready(at, done));
        }
        done += more.max(1);
    }
    calls
}
