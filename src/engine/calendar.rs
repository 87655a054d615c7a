//! The event list: what is scheduled for later, in order of time, ties by the event's own order.
//!
//! A calendar queue (Brown, CACM 1988) cut by whole seconds: the open second is spread over slots
//! of a few events each, later seconds are plain lists until they are opened. Scheduling is O(1),
//! and a slot is sorted only when its turn comes. Arrivals never pass through here: they are
//! drawn second by second and merged with what comes out.

use super::SECOND;
use std::collections::{BTreeMap, VecDeque};

/// Seconds ahead that are kept in a ring; what is further away goes to a map.
const NEAR: u64 = 64;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: u64,
    event: E,
}

#[derive(Clone, Copy, Debug)]
struct Node<E> {
    entry: Entry<E>,
    next: u32,
}

/// Events by time \[ns\]; at equal times the smaller event comes first.
#[derive(Clone, Debug)]
pub struct Calendar<E> {
    /// The second whose events can be popped.
    second: u64,
    /// First node of each slot of the open second.
    slots: Vec<u32>,
    nodes: Vec<Node<E>>,
    /// The slot whose events stand sorted in `current`, from `cursor` on.
    slot: usize,
    current: Vec<Entry<E>>,
    cursor: usize,
    /// Lists of the seconds `second + 1 ..= second + NEAR`.
    near: VecDeque<Vec<Entry<E>>>,
    far: BTreeMap<u64, Vec<Entry<E>>>,
    /// Time of the next event of the open second, `u64::MAX` without one.
    next_at: u64,
    len: usize,
    spare: Vec<Vec<Entry<E>>>,
}

impl<E: Copy + Ord> Calendar<E> {
    /// An empty event list with second 0 open.
    pub fn new() -> Self {
        Calendar {
            second: 0,
            slots: vec![NONE; 16],
            nodes: Vec::new(),
            slot: 0,
            current: Vec::new(),
            cursor: 0,
            near: VecDeque::new(),
            far: BTreeMap::new(),
            next_at: u64::MAX,
            len: 0,
            spare: Vec::new(),
        }
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
    pub fn events_of(&self, second: u64) -> impl Iterator<Item = &E> {
        self.list_of(second)
            .into_iter()
            .flatten()
            .map(|entry| &entry.event)
    }

    /// The first second with an event, the open one included.
    pub fn next_second(&self) -> Option<u64> {
        if self.next_at != u64::MAX {
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

    /// Opens `second`, after which its events can be popped. Every earlier event must be gone.
    /// `expected`: how many events the second may see, for the width of its slots.
    pub fn open(&mut self, second: u64, expected: usize) {
        debug_assert!(
            self.next_at == u64::MAX,
            "events of second {} are left",
            self.second
        );
        let mut list = Vec::new();
        if second > self.second {
            for _ in self.second + 1..second {
                if let Some(gone) = self.near.pop_front() {
                    debug_assert!(gone.is_empty(), "skipped events before second {second}");
                    self.spare.push(gone);
                } else {
                    break;
                }
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
        let wanted = ((list.len() + expected) / 4)
            .next_power_of_two()
            .clamp(16, 1 << 14);
        self.slots.clear();
        self.slots.resize(wanted, NONE);
        self.nodes.clear();
        self.current.clear();
        self.cursor = 0;
        self.slot = 0;
        for entry in list.drain(..) {
            self.link(entry);
        }
        self.spare.push(list);
        self.spare.truncate(8);
        self.load_from(0);
    }

    fn near_list(&mut self, ahead: usize) -> &mut Vec<Entry<E>> {
        while self.near.len() <= ahead {
            self.near.push_back(self.spare.pop().unwrap_or_default());
        }
        &mut self.near[ahead]
    }

    #[inline(always)]
    fn slot_of(&self, at: u64) -> usize {
        ((at - self.second * SECOND) as usize * self.slots.len()) / SECOND as usize
    }

    #[inline(always)]
    fn link(&mut self, entry: Entry<E>) {
        let slot = self.slot_of(entry.at);
        self.nodes.push(Node {
            entry,
            next: self.slots[slot],
        });
        self.slots[slot] = (self.nodes.len() - 1) as u32;
    }

    /// Makes the first non-empty slot from `slot` on the current one.
    fn load_from(&mut self, slot: usize) {
        self.current.clear();
        self.cursor = 0;
        for i in slot..self.slots.len() {
            let mut node = self.slots[i];
            if node == NONE {
                continue;
            }
            self.slots[i] = NONE;
            while node != NONE {
                let Node { entry, next } = self.nodes[node as usize];
                self.current.push(entry);
                node = next;
            }
            self.current
                .sort_unstable_by(|a, b| (a.at, &a.event).cmp(&(b.at, &b.event)));
            self.slot = i;
            self.next_at = self.current[0].at;
            return;
        }
        self.slot = self.slots.len();
        self.next_at = u64::MAX;
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
        let slot = self.slot_of(at);
        if slot > self.slot {
            if self.next_at == u64::MAX {
                // Everything before was popped: this is the next event of all.
                self.slot = slot;
                self.current.clear();
                self.cursor = 0;
                self.current.push(entry);
                self.next_at = at;
            } else {
                self.link(entry);
            }
        } else if slot == self.slot || self.slot == self.slots.len() || self.next_at == u64::MAX {
            // Into the sorted rest of the current slot.
            self.slot = slot;
            let rest = &self.current[self.cursor..];
            let place = rest.partition_point(|e| (e.at, &e.event) <= (at, &event));
            self.current.insert(self.cursor + place, entry);
            self.next_at = self.current[self.cursor].at;
        } else {
            // Before the current slot, which was loaded ahead of time: put that back.
            let rest: Vec<Entry<E>> = self.current.drain(self.cursor..).collect();
            self.current.clear();
            self.cursor = 0;
            for e in rest {
                self.link(e);
            }
            self.slot = slot;
            self.current.push(entry);
            self.next_at = at;
        }
    }

    /// Time of the next event of the open second, `u64::MAX` without one.
    #[inline(always)]
    pub fn next_at(&self) -> u64 {
        self.next_at
    }

    /// The next event of the open second, without taking it.
    pub fn peek(&self) -> Option<&E> {
        self.current.get(self.cursor).map(|entry| &entry.event)
    }

    /// Takes the next event of the open second.
    #[inline]
    pub fn pop(&mut self) -> Option<(u64, E)> {
        let entry = *self.current.get(self.cursor)?;
        self.cursor += 1;
        self.len -= 1;
        match self.current.get(self.cursor) {
            Some(next) => self.next_at = next.at,
            None => self.load_from(self.slot + 1),
        }
        Some((entry.at, entry.event))
    }

    /// Takes the next event of all, opening its second.
    pub fn pop_any(&mut self) -> Option<(u64, E)> {
        if self.next_at == u64::MAX {
            let second = self.next_second()?;
            self.open(second, 0);
        }
        self.pop()
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
                    // Near, same slot, same instant, next seconds, or far away.
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
    fn lists_the_events_of_a_later_second() {
        let mut calendar = Calendar::new();
        for t in [1, 2, 2, 900] {
            calendar.push(t * SECOND + 5, t);
        }
        assert_eq!(
            (calendar.len_of(2), calendar.len_of(3), calendar.len_of(900)),
            (2, 0, 1)
        );
        assert_eq!(calendar.events_of(2).copied().collect::<Vec<_>>(), [2, 2]);
        assert_eq!(calendar.next_second(), Some(1));
    }
}
