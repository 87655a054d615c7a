//! The event list: what is scheduled for later, in order of time, ties by the event's own order.
//!
//! A calendar queue (Brown, CACM 1988) cut by whole seconds and [`SLOTS`] slots a second: later
//! seconds are plain lists until they are opened, and a slot is sorted only when somebody asks for
//! the order of its events. Scheduling is O(1). Arrivals never pass through here: they are drawn
//! second by second and merged with what comes out.

use super::SECOND;
use std::collections::{BTreeMap, VecDeque};

/// Slots of a second: 10⁹ ns halve nine times without a remainder.
pub const SLOTS: usize = 512;

/// Length of a slot \[ns\].
pub const SLOT_NS: u64 = SECOND / SLOTS as u64;

/// Seconds ahead that are kept in a ring; what is further away goes to a map.
const NEAR: u64 = 64;
const NONE: u32 = u32::MAX;

/// An event and its time.
#[derive(Clone, Copy, Debug)]
pub struct Entry<E> {
    /// When \[ns\].
    pub at: u64,
    /// What.
    pub event: E,
}

/// Events by time \[ns\]; at equal times the smaller event comes first.
///
/// Seconds are opened in order, slots of the open second are begun in order; within a begun slot
/// events are drained in no order or popped in order.
#[derive(Clone, Debug)]
pub struct Calendar<E> {
    /// The open second.
    second: u64,
    /// Events that the second had when it was opened, by slot.
    opened: Vec<Entry<E>>,
    starts: Vec<u32>,
    /// Events scheduled since, as lists by slot.
    added: Vec<(Entry<E>, u32)>,
    heads: Vec<u32>,
    /// The begun slot; what is left of it stands in `opened` and in its list until its order is
    /// asked for, then in `current`, sorted.
    slot: usize,
    unread: std::ops::Range<usize>,
    current: Vec<Entry<E>>,
    cursor: usize,
    sorted: bool,
    /// Events of the open second.
    left: usize,
    /// Lists of the seconds `second + 1 ..= second + NEAR`.
    near: VecDeque<Vec<Entry<E>>>,
    far: BTreeMap<u64, Vec<Entry<E>>>,
    len: usize,
    spare: Vec<Vec<Entry<E>>>,
}

impl<E: Copy + Ord> Calendar<E> {
    /// An empty event list with second 0 open.
    pub fn new() -> Self {
        Calendar {
            second: 0,
            opened: Vec::new(),
            starts: vec![0; SLOTS + 1],
            added: Vec::new(),
            heads: vec![NONE; SLOTS],
            slot: 0,
            unread: 0..0,
            current: Vec::new(),
            cursor: 0,
            sorted: false,
            left: 0,
            near: VecDeque::new(),
            far: BTreeMap::new(),
            len: 0,
            spare: Vec::new(),
        }
    }

    /// The second whose events can be taken.
    pub fn open_second(&self) -> u64 {
        self.second
    }

    /// Number of events scheduled.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is scheduled.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of events of `second`, which must lie after the open one.
    pub fn len_of(&self, second: u64) -> usize {
        self.list_of(second).map_or(0, Vec::len)
    }

    /// The events of `second` (after the open one), in no order.
    pub fn events_of(&self, second: u64) -> impl Iterator<Item = &Entry<E>> {
        self.list_of(second).into_iter().flatten()
    }

    /// The first second with an event, the open one included.
    pub fn next_second(&self) -> Option<u64> {
        if self.left > 0 {
            return Some(self.second);
        }
        let near = self.near.iter().position(|l| !l.is_empty());
        near.map(|i| self.second + 1 + i as u64)
            .or_else(|| self.far.keys().next().copied())
    }

    fn list_of(&self, second: u64) -> Option<&Vec<Entry<E>>> {
        let ahead = second.checked_sub(self.second + 1)?;
        if ahead < NEAR {
            self.near.get(ahead as usize)
        } else {
            self.far.get(&second)
        }
    }

    /// Opens `second`, which must not lie before the open one. Every earlier event must be gone.
    pub fn open(&mut self, second: u64) {
        debug_assert!(self.left == 0, "events of second {} are left", self.second);
        let mut list = Vec::new();
        if second > self.second {
            for _ in self.second + 1..second {
                let Some(gone) = self.near.pop_front() else {
                    break;
                };
                debug_assert!(gone.is_empty(), "skipped events before second {second}");
                self.spare.push(gone);
            }
            list = self.near.pop_front().unwrap_or_default();
            self.second = second;
            while let Some(entry) = self.far.first_entry() {
                if *entry.key() > second + NEAR {
                    break;
                }
                let (key, far) = entry.remove_entry();
                if key == second {
                    list.extend(far);
                } else {
                    self.near_list((key - second - 1) as usize).extend(far);
                }
            }
        }
        self.distribute(&list);
        self.left = list.len();
        list.clear();
        self.spare.push(list);
        self.spare.truncate(8);
        self.added.clear();
        self.heads.fill(NONE);
        self.slot = 0;
        self.unread = 0..0;
        self.begin_slot(0);
    }

    /// Counting sort of a second's list by slot.
    fn distribute(&mut self, list: &[Entry<E>]) {
        self.opened.clear();
        self.starts.fill(0);
        let base = self.second * SECOND;
        let slot_of = |at: u64| ((at - base) / SLOT_NS) as usize;
        for entry in list {
            self.starts[slot_of(entry.at) + 1] += 1;
        }
        for k in 0..SLOTS {
            self.starts[k + 1] += self.starts[k];
        }
        if let Some(&any) = list.first() {
            self.opened.resize(list.len(), any);
        }
        for entry in list {
            let place = &mut self.starts[slot_of(entry.at)];
            self.opened[*place as usize] = *entry;
            *place += 1;
        }
        // Each start has moved to the next slot's: move them back.
        for k in (1..=SLOTS).rev() {
            self.starts[k] = self.starts[k - 1];
        }
        self.starts[0] = 0;
    }

    fn near_list(&mut self, ahead: usize) -> &mut Vec<Entry<E>> {
        while self.near.len() <= ahead {
            self.near.push_back(self.spare.pop().unwrap_or_default());
        }
        &mut self.near[ahead]
    }

    /// Makes slot `k` of the open second the current one; the one before must be empty. A second is
    /// opened with its first slot begun.
    pub fn begin_slot(&mut self, k: usize) {
        debug_assert!(
            self.slot_is_empty() || (k == self.slot && !self.sorted),
            "events of slot {} are left",
            self.slot
        );
        self.slot = k;
        self.unread = self.starts[k] as usize..self.starts[k + 1] as usize;
        self.current.clear();
        self.cursor = 0;
        self.sorted = false;
    }

    /// Whether the current slot holds nothing.
    pub fn slot_is_empty(&self) -> bool {
        self.unread.is_empty() && self.heads[self.slot] == NONE && self.cursor == self.current.len()
    }

    /// The events of the current slot whose order was not asked for, in no order.
    pub fn slot_events(&self) -> impl Iterator<Item = &Entry<E>> {
        let mut node = self.heads[self.slot];
        let added = std::iter::from_fn(move || {
            let (entry, next) = self.added.get(node as usize)?;
            node = *next;
            Some(entry)
        });
        self.opened[self.unread.clone()].iter().chain(added)
    }

    /// Takes any event of the current slot, whose order was not asked for.
    #[inline]
    pub fn take_any(&mut self) -> Option<Entry<E>> {
        debug_assert!(!self.sorted);
        let entry = match self.unread.next() {
            Some(i) => self.opened[i],
            None => {
                let (entry, next) = *self.added.get(self.heads[self.slot] as usize)?;
                self.heads[self.slot] = next;
                entry
            }
        };
        self.left -= 1;
        self.len -= 1;
        Some(entry)
    }

    /// Puts what is left of the current slot in order.
    fn sort(&mut self) {
        self.current.clear();
        self.cursor = 0;
        self.current
            .extend_from_slice(&self.opened[self.unread.clone()]);
        self.unread = 0..0;
        let mut node = std::mem::replace(&mut self.heads[self.slot], NONE);
        while let Some(&(entry, next)) = self.added.get(node as usize) {
            self.current.push(entry);
            node = next;
        }
        self.current
            .sort_unstable_by(|a, b| (a.at, &a.event).cmp(&(b.at, &b.event)));
        self.sorted = true;
    }

    /// Time of the next event of the current slot, `u64::MAX` without one.
    #[inline(always)]
    pub fn next_at(&mut self) -> u64 {
        if !self.sorted {
            self.sort();
        }
        self.current.get(self.cursor).map_or(u64::MAX, |e| e.at)
    }

    /// Takes the next event of the current slot.
    #[inline]
    pub fn pop(&mut self) -> Option<Entry<E>> {
        self.next_at();
        let entry = *self.current.get(self.cursor)?;
        self.cursor += 1;
        self.left -= 1;
        self.len -= 1;
        Some(entry)
    }

    /// Schedules an event at `at` \[ns\], not before the last event popped.
    #[inline]
    pub fn push(&mut self, at: u64, event: E) {
        self.len += 1;
        let entry = Entry { at, event };
        let second = at / SECOND;
        if second > self.second {
            let ahead = second - self.second - 1;
            if ahead < NEAR {
                self.near_list(ahead as usize).push(entry);
            } else {
                self.far.entry(second).or_default().push(entry);
            }
            return;
        }
        debug_assert!(second == self.second, "an event in the past");
        self.left += 1;
        let slot = ((at - self.second * SECOND) / SLOT_NS) as usize;
        debug_assert!(slot >= self.slot, "an event in a slot that is over");
        if slot == self.slot && self.sorted {
            let rest = &self.current[self.cursor..];
            let place = rest.partition_point(|e| (e.at, &e.event) <= (at, &event));
            self.current.insert(self.cursor + place, entry);
        } else {
            self.added.push((entry, self.heads[slot]));
            self.heads[slot] = (self.added.len() - 1) as u32;
        }
    }

    /// Takes the next event of all, going through slots and seconds as needed.
    pub fn pop_any(&mut self) -> Option<(u64, E)> {
        loop {
            if let Some(entry) = self.pop() {
                return Some((entry.at, entry.event));
            }
            if self.left > 0 {
                self.begin_slot(self.slot + 1);
            } else {
                let second = self.next_second()?;
                self.open(second);
            }
        }
    }
}

impl<E: Copy + Ord> Default for Calendar<E> {
    fn default() -> Self {
        Calendar::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Key;
    use std::{cmp::Reverse, collections::BinaryHeap};

    /// Random schedules and pops, against std's heap.
    #[test]
    fn pops_in_the_order_of_a_heap() {
        for run in 0..60 {
            let mut s = Key::root(11, run).stream();
            let mut calendar = Calendar::new();
            let mut heap = BinaryHeap::new();
            let (mut now, mut id) = (0_u64, 0_u64);
            for _ in 0..3000 {
                if s.unit() < 0.55 {
                    // Same instant, same slot, near, next seconds, or far away.
                    let ahead = match s.below(6) {
                        0 => 0,
                        1 => s.below(1000),
                        2 => s.below(SECOND / 50),
                        3 => s.below(3 * SECOND),
                        4 => s.below(30 * SECOND),
                        _ => s.below(500 * SECOND),
                    };
                    id += 1;
                    let event = id.wrapping_mul(0x9E37_79B9) % 1000 * 1_000_000 + id;
                    calendar.push(now + ahead, event);
                    heap.push(Reverse((now + ahead, event)));
                } else {
                    let expected = heap.pop().map(|Reverse(e)| e);
                    assert_eq!(calendar.pop_any(), expected);
                    now = expected.map_or(now, |e| e.0);
                }
                assert_eq!(calendar.len(), heap.len());
            }
            while let Some(Reverse(e)) = heap.pop() {
                assert_eq!(calendar.pop_any(), Some(e));
            }
            assert!(calendar.is_empty() && calendar.pop_any().is_none());
        }
    }

    #[test]
    fn a_slot_can_be_drained_in_no_order() {
        let mut calendar = Calendar::new();
        for at in [SECOND + 9, SECOND + 3, SECOND + SLOT_NS, SECOND + 5] {
            calendar.push(at, at);
        }
        calendar.open(1);
        let mut first = Vec::new();
        while let Some(e) = calendar.take_any() {
            first.push(e.at - SECOND);
            if first.len() == 1 {
                calendar.push(SECOND + 7, 7);
                calendar.push(SECOND + SLOT_NS + 1, 8);
            }
        }
        first.sort_unstable();
        assert_eq!(first, [3, 5, 7, 9]);
        calendar.begin_slot(1);
        assert_eq!(
            (calendar.next_at(), calendar.pop().map(|e| e.event)),
            (SECOND + SLOT_NS, Some(SECOND + SLOT_NS))
        );
        assert_eq!(calendar.pop().map(|e| e.event), Some(8));
        assert!(calendar.is_empty());
    }

    #[test]
    fn lists_the_events_of_a_later_second() {
        let mut calendar = Calendar::new();
        for t in [1, 2, 2, 900] {
            calendar.push(t * SECOND + 5, t);
        }
        assert_eq!(
            (calendar.len_of(2), calendar.len_of(3), calendar.len_of(900)),
            (2, 0, 1)
        );
        let of_two: Vec<u64> = calendar.events_of(2).map(|e| e.event).collect();
        assert_eq!(of_two, [2, 2]);
        assert_eq!(calendar.next_second(), Some(1));
    }
}
