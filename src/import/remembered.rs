//! Which records were there already: the fingerprints of their IDs, as many as fit.
//!
//! Equal records have equal event times, and several trails deliver them near each other. So the last ones read are
//! remembered, and of those that were forgotten only the 2 h of event time in which they lie: a record of another time cannot
//! repeat them, and one of that time is counted as not sought.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Length of the spans of event time \[s\].
const SPAN: i64 = 7_200;
/// Spans that are told apart.
const SPANS: usize = 50_000;

/// A set of fingerprints: places in a row, each taken by the first that comes to it or behind it. Which place a fingerprint comes to, no
/// file can foresee.
#[derive(Debug)]
pub struct Fingerprints {
    /// 0: free.
    places: Vec<u64>,
    taken: usize,
    salt: u64,
    /// Bits that the number of a place has not.
    shift: u32,
}

impl Default for Fingerprints {
    fn default() -> Fingerprints {
        static SALT: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0_u64) | 1);
        Fingerprints {
            places: Vec::new(),
            taken: 0,
            salt: *SALT,
            shift: 63,
        }
    }
}

impl Fingerprints {
    /// The place that a fingerprint comes to. Places are in the order of what decides on them, so that a larger row is filled from its
    /// beginning to its end.
    #[inline]
    fn first_place(&self, id: u64) -> usize {
        // Of a product, only the highest bits depend on all of a factor.
        let mixed = (id ^ (id >> 32)).wrapping_mul(self.salt);
        (mixed >> self.shift) as usize
    }

    /// Looks at the places of some that will be asked for, all at once: each is far away in memory.
    #[inline]
    pub fn look_ahead(&self, ids: impl Iterator<Item = u64>) {
        if self.taken > 0 {
            let seen = ids.fold(0, |seen, id| seen ^ self.places[self.first_place(id)]);
            std::hint::black_box(seen);
        }
    }

    /// Where a fingerprint is, or the free place for it. There is one.
    #[inline]
    fn place(&self, id: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut place = self.first_place(id);
        while self.places[place] != id && self.places[place] != 0 {
            place = (place + 1) & mask;
        }
        place
    }

    /// Whether it is there.
    #[inline]
    pub fn contains(&self, id: u64) -> bool {
        self.taken > 0 && self.places[self.place(id)] == id
    }

    /// Adds one, which is not 0; `false`: it was there.
    #[inline]
    pub fn insert(&mut self, id: u64) -> bool {
        if self.taken * 4 >= self.places.len() * 3 {
            self.grow();
        }
        let place = self.place(id);
        let is_new = self.places[place] != id;
        self.places[place] = id;
        self.taken += usize::from(is_new);
        is_new
    }

    #[cold]
    fn grow(&mut self) {
        let larger = (self.places.len() * 4).clamp(8, self.places.len().max(1 << 17) * 2);
        let old = std::mem::replace(&mut self.places, vec![0; larger]);
        self.shift = 64 - larger.trailing_zeros();
        for id in old.into_iter().filter(|id| *id != 0) {
            let place = self.place(id);
            self.places[place] = id;
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.taken
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }
}

/// Fingerprints, and the spans in which they lie.
#[derive(Default)]
struct Half {
    ids: Fingerprints,
    spans: BTreeSet<i64>,
}

/// Fingerprints of records: all of them, or the last ones where they are too many.
pub struct Remembered {
    /// Fingerprints kept: at least so many, at most twice as many.
    most: usize,
    now: Half,
    before: Half,
    /// The span of the last record, so that its place is not looked up again.
    last: Option<i64>,
    /// Spans in which records were forgotten.
    forgotten: BTreeSet<i64>,
    /// Whether there are too many such spans to tell them apart.
    blurred: bool,
    /// Whether any was forgotten.
    forgetful: bool,
    /// Records whose like may have been forgotten.
    unsought: u64,
}

impl Remembered {
    /// Remembers at least `most` records, and at most twice as many.
    pub fn of(most: usize) -> Remembered {
        Remembered {
            most,
            now: Half::default(),
            before: Half::default(),
            last: None,
            forgotten: BTreeSet::new(),
            blurred: false,
            forgetful: false,
            unsought: 0,
        }
    }

    /// Whether the record of that event time is there already; it is afterwards.
    #[inline]
    pub fn knows(&mut self, at: i64, id: u64) -> bool {
        if !self.before.ids.is_empty() && self.before.ids.contains(id) || !self.now.ids.insert(id) {
            return true;
        }
        let span = at.div_euclid(SPAN);
        if self.last != Some(span) {
            self.last = Some(span);
            self.now.spans.insert(span);
            self.blurred |= self.now.spans.len() > SPANS;
        }
        if self.forgetful && (self.blurred || self.forgotten.contains(&span)) {
            self.unsought += 1;
        }
        if self.now.ids.len() >= self.most {
            self.forget();
        }
        false
    }

    /// Looks at the places of some that will be asked for, all at once.
    #[inline]
    pub fn look_ahead(&self, ids: impl Iterator<Item = u64>) {
        self.now.ids.look_ahead(ids);
    }

    /// Whether it is there already.
    pub fn has(&self, id: u64) -> bool {
        self.before.ids.contains(id) || self.now.ids.contains(id)
    }

    fn forget(&mut self) {
        let gone = std::mem::replace(&mut self.before, std::mem::take(&mut self.now));
        self.last = None;
        if gone.ids.is_empty() {
            return;
        }
        self.forgetful = true;
        self.forgotten.extend(gone.spans);
        self.blurred |= self.forgotten.len() > SPANS;
        if self.blurred {
            self.forgotten.clear();
        }
    }

    /// Whether any was forgotten.
    pub fn is_forgetful(&self) -> bool {
        self.forgetful
    }

    /// Records whose like may have been forgotten.
    pub fn unsought(&self) -> u64 {
        self.unsought
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_each_once() {
        let mut set = Fingerprints::default();
        assert!(!set.contains(7) && set.is_empty());
        for i in 1..=200_000_u64 {
            // Such as differ in their low, their middle or their high bits alone.
            for id in [i, i << 20, i << 40] {
                let known = set.contains(id);
                assert_eq!(set.insert(id), !known);
                assert!(!set.insert(id) && set.contains(id));
            }
        }
        let mut known = std::collections::HashSet::new();
        for i in 1..=200_000_u64 {
            known.extend([i, i << 20, i << 40]);
        }
        assert_eq!(set.len(), known.len());
    }

    #[test]
    fn what_is_forgotten_is_said() {
        let mut ids = Remembered::of(100);
        // Two trails deliver each record, some minutes apart: all are found.
        for i in 0..10_000_u64 {
            assert!(!ids.knows(i as i64 * 60, i + 1));
            if i >= 50 {
                assert!(ids.knows((i - 50) as i64 * 60, i - 49));
            }
        }
        assert!(ids.is_forgetful());
        // Spans are of 120 records and 100 are remembered for sure: a span's end may meet the forgotten ones of its beginning.
        assert!(ids.unsought() < 10_000);
        let before = ids.unsought();
        assert!(!ids.knows(0, 1), "forgotten");
        assert_eq!(ids.unsought(), before + 1);
        let mut few = Remembered::of(100);
        assert!(!few.knows(0, 1) && few.knows(0, 1));
        assert!(!few.is_forgetful() && few.unsought() == 0);
    }
}
