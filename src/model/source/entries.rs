//! The entries of one local cache, and which of them go: over the capacity, and when too old.

use super::mixer::Mixer;
use crate::engine::narrow::capped;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::BuildHasherDefault;

/// Which entries go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eviction {
    /// The first put in; 10 entries are looked at for their age with each put and removal (the
    /// Encryption SDK for Python).
    FirstIn,
    /// The least recently used; up to 10 that are too old with each look-up and put (for Java).
    LeastUsedSwept,
    /// The least recently used; those too old when they are looked up (for JavaScript, and the
    /// Material Providers Library).
    LeastUsed,
}

/// What an entry is found by; the SDKs hash the same parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId {
    /// Whose: those of one partition share entries.
    pub partition: u32,
    /// The requested algorithm suite, 0 where none was.
    pub suite: u32,
    /// Encryption context, or branch key.
    pub context: u64,
    /// The encrypted data key, or version of the branch key, of a message to decrypt; `None` to
    /// encrypt.
    pub version: Option<u64>,
}

/// A key in the cache; times in the software's own clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheEntry {
    pub created: u64,
    /// Last instant at which the cache itself does not take it for too old.
    pub expires: u64,
    pub messages: u64,
    pub bytes: u64,
    pub data_key: u64,
}

/// Entries that the Encryption SDKs look at in one sweep.
const SWEEP: usize = 10;

const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct CacheSlot {
    id: EntryId,
    entry: CacheEntry,
    /// Tells an entry from earlier ones in the same slot.
    serial: u64,
    older: u32,
    newer: u32,
}

/// The entries of one cache.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    eviction: Eviction,
    capacity: usize,
    index: HashMap<EntryId, u32, BuildHasherDefault<Mixer>>,
    slots: Vec<CacheSlot>,
    free: Vec<u32>,
    /// Ends of the list by insertion or use.
    oldest: u32,
    newest: u32,
    serial: u64,
    /// `FirstIn`: slot and serial of entries in the order in which they are to be looked at, from the
    /// back. Entries that are gone leave a row behind.
    unchecked: VecDeque<(u32, u64)>,
    /// `LeastUsedSwept`: expiry, serial and slot.
    expiries: BTreeSet<(u64, u64, u32)>,
}

impl Entries {
    pub fn new(eviction: Eviction, capacity: usize) -> Entries {
        Entries {
            eviction,
            capacity,
            index: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            serial: 0,
            unchecked: VecDeque::new(),
            expiries: BTreeSet::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Finds an entry; but for `FirstIn` it counts as used, unless it is too old.
    pub fn get(&mut self, id: &EntryId, now: u64) -> Option<&mut CacheEntry> {
        if self.eviction == Eviction::LeastUsedSwept {
            self.sweep_expiries(now);
        }
        let slot = *self.index.get(id)?;
        if self.eviction != Eviction::FirstIn {
            if self.slots[slot as usize].entry.expires < now {
                self.take_out(slot);
                return None;
            }
            self.use_now(slot);
        }
        Some(&mut self.slots[slot as usize].entry)
    }

    /// Finds an entry without using it.
    pub fn peek(&mut self, id: &EntryId) -> Option<&mut CacheEntry> {
        let slot = *self.index.get(id)?;
        Some(&mut self.slots[slot as usize].entry)
    }

    /// Removes an entry that whoever asked for it no longer takes.
    pub fn remove(&mut self, id: &EntryId, now: u64) {
        if let Some(&slot) = self.index.get(id) {
            self.take_out(slot);
        }
        if self.eviction == Eviction::FirstIn {
            self.sweep_unchecked(SWEEP, now);
        }
    }

    /// Puts an entry in, and others out until no more than the capacity are left.
    pub fn put(&mut self, id: EntryId, entry: CacheEntry, now: u64) {
        if self.eviction == Eviction::FirstIn {
            self.sweep_unchecked(SWEEP, now);
        }
        self.serial += 1;
        let serial = self.serial;
        let slot = match self.index.get(&id) {
            Some(&slot) => {
                let old = &self.slots[slot as usize];
                self.expiries.remove(&(old.entry.expires, old.serial, slot));
                self.slots[slot as usize].entry = entry;
                self.slots[slot as usize].serial = serial;
                // In Python's ordered dictionary a replaced entry keeps its place.
                if self.eviction != Eviction::FirstIn {
                    self.use_now(slot);
                }
                slot
            }
            None => self.put_in(id, entry, serial),
        };
        match self.eviction {
            Eviction::FirstIn => self.unchecked.push_front((slot, serial)),
            Eviction::LeastUsedSwept => {
                self.expiries.insert((entry.expires, serial, slot));
                self.sweep_expiries(now);
            }
            Eviction::LeastUsed => {}
        }
        while self.index.len() > self.capacity {
            self.take_out(self.oldest);
            if self.eviction == Eviction::FirstIn {
                self.sweep_unchecked(1, now);
            }
        }
    }

    /// `FirstIn`: looks at the entries that were not looked at for longest.
    fn sweep_unchecked(&mut self, rounds: usize, now: u64) {
        for _ in 0..rounds {
            let Some((slot, serial)) = self.unchecked.pop_back() else {
                return;
            };
            let found = &self.slots[slot as usize];
            if found.serial != serial {
                continue;
            }
            if found.entry.expires < now {
                self.take_out(slot);
            } else {
                self.unchecked.push_front((slot, serial));
            }
        }
    }

    /// `LeastUsedSwept`: removes what expired first.
    fn sweep_expiries(&mut self, now: u64) {
        for _ in 0..SWEEP {
            match self.expiries.first() {
                Some(&(expires, _, slot)) if expires < now => self.take_out(slot),
                _ => return,
            }
        }
    }

    fn put_in(&mut self, id: EntryId, entry: CacheEntry, serial: u64) -> u32 {
        let new = CacheSlot {
            id,
            entry,
            serial,
            older: NONE,
            newer: NONE,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = new;
                slot
            }
            None => {
                self.slots.push(new);
                capped::<u32>(self.slots.len()) - 1
            }
        };
        self.index.insert(id, slot);
        self.link_newest(slot);
        slot
    }

    fn take_out(&mut self, slot: u32) {
        self.unlink(slot);
        let s = &mut self.slots[slot as usize];
        self.expiries.remove(&(s.entry.expires, s.serial, slot));
        // No serial is 0: rows that point here are void.
        s.serial = 0;
        self.index.remove(&s.id);
        self.free.push(slot);
    }

    fn use_now(&mut self, slot: u32) {
        if self.newest != slot {
            self.unlink(slot);
            self.link_newest(slot);
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let before = self.newest;
        let s = &mut self.slots[slot as usize];
        (s.older, s.newer) = (before, NONE);
        match before {
            NONE => self.oldest = slot,
            b => self.slots[b as usize].newer = slot,
        }
        self.newest = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let (older, newer) = (
            self.slots[slot as usize].older,
            self.slots[slot as usize].newer,
        );
        match older {
            NONE => self.oldest = newer,
            o => self.slots[o as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            n => self.slots[n as usize].older = older,
        }
    }
}
