//! What the rows of a file name, each name once, and the kinds of rows: of a hundred million rows with a million names.
//!
//! To look up a name is to wait for memory. Rows are therefore looked up in batches, one row's waiting while another's
//! goes on.

use crate::engine::narrow::{capped, index};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// What a row says of its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKind {
    /// Index of the recording's operations, `None` where not recorded.
    pub operation: Option<u32>,
    /// Index of the recording's requesters.
    pub requester: Option<u32>,
}

/// Names in order of appearance, each once.
pub(super) struct SeenNames {
    /// One after another.
    text: String,
    ends: Vec<usize>,
    /// By hash, where there is room for more than there are; of a power of two.
    places: Vec<NamePlace>,
    /// The last one's number: many rows name what the row before named. And its length, and all of it where it is short.
    last: usize,
    last_head: (usize, u64),
    seed: u64,
}

#[derive(Clone, Copy, Default)]
struct NamePlace {
    start: usize,
    /// All of a name of up to eight bytes, so that no other memory is looked at; else its hash.
    head: u64,
    len: u32,
    /// One more than the number of its name; 0: free.
    number: u32,
}

impl Default for SeenNames {
    fn default() -> SeenNames {
        SeenNames {
            text: String::new(),
            ends: Vec::new(),
            places: vec![NamePlace::default(); 16],
            last: 0,
            last_head: (0, 0),
            // Nothing depends on the hash but the time that a lookup takes.
            seed: RandomState::new().hash_one(0),
        }
    }
}

impl SeenNames {
    /// The name of a number.
    fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }

    /// The number of a name.
    #[inline]
    pub fn number(&mut self, name: &str) -> u32 {
        let head = (name.len(), head(name, 0));
        let may_be_last = head == self.last_head && !self.ends.is_empty();
        let is_last = may_be_last && (name.len() <= HEAD || self.get(self.last) == Some(name));
        if !is_last {
            self.last = self.number_by_hash(name, hash(self.seed, name)) as usize;
            self.last_head = head;
        }
        capped::<u32>(self.last)
    }

    #[inline]
    fn number_by_hash(&mut self, name: &str, hash: u64) -> u32 {
        let (mask, head) = (self.places.len() - 1, head(name, hash));
        let mut at = index(hash) & mask;
        loop {
            let place = self.places[at];
            if place.number == 0 {
                return self.add(name, at, head);
            }
            if place.head == head && place.len as usize == name.len() {
                let text = || &self.text.as_bytes()[place.start..place.start + name.len()];
                if name.len() <= HEAD || text() == name.as_bytes() {
                    return place.number - 1;
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Where a name with this hash is looked for first.
    #[inline]
    fn first_place(&self, hash: u64) -> NamePlace {
        self.places[index(hash) & (self.places.len() - 1)]
    }

    #[cold]
    fn add(&mut self, name: &str, at: usize, head: u64) -> u32 {
        let number = capped::<u32>(self.ends.len());
        self.places[at] = NamePlace {
            start: self.text.len(),
            len: capped::<u32>(name.len()),
            head,
            number: number + 1,
        };
        self.text.push_str(name);
        self.ends.push(self.text.len());
        if self.ends.len() * 2 > self.places.len() {
            self.widen();
        }
        number
    }

    /// Twice as much room.
    fn widen(&mut self) {
        let mask = self.places.len() * 2 - 1;
        let mut places = vec![NamePlace::default(); mask + 1];
        for place in self.places.iter().filter(|place| place.number > 0) {
            let name = &self.text[place.start..place.start + place.len as usize];
            let mut at = index(hash(self.seed, name)) & mask;
            while places[at].number > 0 {
                at = (at + 1) & mask;
            }
            places[at] = *place;
        }
        self.places = places;
    }

    /// All of them.
    pub fn into_names(self) -> Vec<String> {
        let names = (0..self.ends.len()).filter_map(|number| self.get(number));
        names.map(str::to_owned).collect()
    }
}

const HEAD: usize = 8;

#[inline]
fn head(name: &str, hash: u64) -> u64 {
    if name.len() <= HEAD {
        word(name.as_bytes())
    } else {
        hash
    }
}

/// Up to eight bytes as a number, the first one lowest.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    let four = |at: usize| {
        let four = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u64::from(u32::from_le_bytes(four)))
    };
    let n = bytes.len();
    match (four(0), n.checked_sub(4).and_then(four)) {
        // Those in the middle are in both.
        (Some(low), Some(high)) => low | high << (8 * (n - 4)),
        _ => {
            let bytes = bytes.iter().rev();
            bytes.fold(0, |all, &byte| all << 8 | u64::from(byte))
        }
    }
}

/// Of eight bytes at a time, each multiplied and folded.
#[inline]
fn hash(seed: u64, name: &str) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let fold = |hash: u64, word: u64| {
        let product = (hash ^ word).wrapping_mul(FACTOR);
        product ^ product >> 32
    };
    let mut hash = seed ^ name.len() as u64;
    let mut words = name.as_bytes().chunks_exact(8);
    for word in &mut words {
        hash = fold(hash, word.try_into().map_or(0, u64::from_le_bytes));
    }
    fold(fold(hash, word(words.remainder())), seed.rotate_left(32))
}

/// The requesters and kinds of rows, which come one after another.
#[derive(Default)]
pub(super) struct SeenKinds {
    pub requesters: SeenNames,
    kinds: NumberedKinds,
    /// Rows that are not looked up yet, and the names of their requesters, one after another.
    rows: Vec<UnseenRow>,
    names: String,
}

struct UnseenRow {
    operation: Option<u32>,
    /// Length of its requester's name, where it has one, and the hash.
    requester: Option<u32>,
    hash: u64,
}

/// Rows that are looked up at once.
const BATCH: usize = 256;

impl SeenKinds {
    /// Takes in a row; now and then shows the kinds of the rows up to it, in order.
    #[inline]
    pub fn row(&mut self, operation: Option<u32>, requester: Option<&str>, on: impl FnMut(u32)) {
        self.rows.push(UnseenRow {
            operation,
            requester: requester.map(|name| capped::<u32>(name.len())),
            hash: requester.map_or(0, |name| hash(self.requesters.seed, name)),
        });
        self.names.push_str(requester.unwrap_or(""));
        if self.rows.len() == BATCH {
            self.look_up(on);
        }
    }

    /// Shows the kinds of the rows that are left.
    pub fn look_up(&mut self, mut on: impl FnMut(u32)) {
        let mut names = self.names.as_str();
        let mut requesters = [0; BATCH];
        // All that is not in the processor's caches is asked for before any of it is waited for.
        let mut places = [NamePlace::default(); BATCH];
        for (row, place) in self.rows.iter().zip(&mut places) {
            if row.requester.is_some() {
                *place = self.requesters.first_place(row.hash);
            }
        }
        for ((row, place), requester) in self.rows.iter().zip(&places).zip(&mut requesters) {
            let Some(len) = row.requester else { continue };
            let (name, rest) = names.split_at(len as usize);
            // A place that is taken stays so.
            let is_there = place.number > 0 && place.len == len && name.len() <= HEAD;
            *requester = if is_there && place.head == word(name.as_bytes()) {
                place.number - 1
            } else {
                self.requesters.number_by_hash(name, row.hash)
            };
            names = rest;
        }
        for (row, requester) in self.rows.iter().zip(requesters) {
            on(self.kinds.number(RowKind {
                operation: row.operation,
                requester: row.requester.map(|_| requester),
            }));
        }
        self.rows.clear();
        self.names.clear();
    }

    /// Requesters in order of appearance, all kinds in order, and the place among them of each as it was shown;
    /// `None` where they were shown in order.
    pub fn finish(self) -> (Vec<String>, Vec<RowKind>, Option<Vec<u32>>) {
        let mut kinds = self.kinds.all;
        let mut places = None;
        if !kinds.is_sorted() {
            let mut order: Vec<u32> = (0..capped::<u32>(kinds.len())).collect();
            order.sort_unstable_by_key(|&i| kinds[i as usize]);
            let mut of_shown = vec![0; kinds.len()];
            for (place, &shown) in order.iter().enumerate() {
                of_shown[shown as usize] = capped::<u32>(place);
            }
            places = Some(of_shown);
            kinds.sort_unstable();
        }
        (self.requesters.into_names(), kinds, places)
    }
}

/// Kinds of rows in order of appearance, each once.
#[derive(Default)]
struct NumberedKinds {
    all: Vec<RowKind>,
    /// By operation, of the first few, and by requester; 0: none yet, else one more than the number of the kind.
    by_operation: Vec<Vec<u32>>,
    /// Those of other operations.
    others: HashMap<RowKind, u32>,
}

/// Operations whose kinds are found without a hash: there are not more, but in a file that has them wrong.
const OPERATIONS: usize = 64;

impl NumberedKinds {
    #[inline]
    fn number(&mut self, kind: RowKind) -> u32 {
        let place = |name: Option<u32>| name.map_or(0, |number| number as usize + 1);
        let (operation, requester) = (place(kind.operation), place(kind.requester));
        let known = self.by_operation.get(operation);
        match known.and_then(|of| of.get(requester)) {
            Some(&known) if known > 0 => known - 1,
            Some(_) | None => self.add(kind, operation, requester),
        }
    }

    #[cold]
    fn add(&mut self, kind: RowKind, operation: usize, requester: usize) -> u32 {
        let next = capped::<u32>(self.all.len());
        if operation >= OPERATIONS {
            let number = *self.others.entry(kind).or_insert(next);
            if number == next {
                self.all.push(kind);
            }
            return number;
        }
        if self.by_operation.len() <= operation {
            self.by_operation.resize(operation + 1, Vec::new());
        }
        let of = &mut self.by_operation[operation];
        if of.len() <= requester {
            of.resize(requester + 1, 0);
        }
        of[requester] = next + 1;
        self.all.push(kind);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indexmap::IndexSet;

    #[test]
    fn names_and_kinds_have_the_numbers_of_a_set_in_order_of_appearance() {
        for (operations, requesters) in [(1, 3), (3, 700), (200, 40), (2, 40_000)] {
            let (mut seen, mut names) = (SeenKinds::default(), SeenNames::default());
            let (mut of_operations, mut of_requesters) = (IndexSet::new(), IndexSet::new());
            let (mut expected, mut found) = (Vec::new(), Vec::new());
            for i in 0..100_000_u64 {
                let draw = crate::engine::random::Key::root(5, i);
                let operation = format!("o{}", draw.below(operations));
                let who = draw.with(1).below(requesters + 1);
                // Of all lengths, empty ones too.
                let requester = "é".repeat(index(who % 19)) + &who.to_string();
                let requester = (who > 0).then_some(requester);
                let o = names.number(&operation);
                assert_eq!(o as usize, of_operations.insert_full(operation).0);
                seen.row(Some(o), requester.as_deref(), |kind| found.push(kind));
                let requester =
                    requester.map(|name| capped::<u32>(of_requesters.insert_full(name).0));
                expected.push(RowKind {
                    operation: Some(o),
                    requester,
                });
            }
            seen.look_up(|kind| found.push(kind));
            let (who, kinds, places) = seen.finish();
            assert!(of_requesters.iter().eq(&who));
            assert!(of_operations.iter().eq(&names.into_names()));
            assert!(kinds.is_sorted_by(|a, b| a < b));
            let place = |shown: u32| places.as_ref().map_or(shown, |all| all[shown as usize]);
            let found = found.into_iter().map(|kind| kinds[place(kind) as usize]);
            assert!(found.eq(expected));
        }
    }
}
