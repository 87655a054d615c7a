//! The event list: what is scheduled for later, in order of time, ties by the event's own order.
//!
//! A calendar queue (Brown, CACM 1988) cut by whole seconds, eight spans a second and [`SLOTS`]
//! slots a second: later spans are plain lists until they are opened, one at a time, so that what is
//! looked at next lies in the caches; a slot is sorted only when somebody asks for the order of its
//! events, or cut into parts where it only matters which come first in each. Scheduling is O(1).
//! Arrivals are never queued: they are drawn second by second, and come in here only as new events of
//! a slot that is about to be gone through.

use super::SECOND;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Slots of a second: 10⁹ ns halve nine times without a remainder.
pub const SLOTS: usize = 512;

/// Length of a slot \[ns\].
pub const SLOT_NS: u64 = SECOND / SLOTS as u64;

/// Spans of a second.
const SPANS: usize = 8;

/// Slots of a span.
pub const SPAN_SLOTS: usize = SLOTS / SPANS;

/// Length of a span \[ns\].
const SPAN_NS: u64 = SECOND / SPANS as u64;

/// Seconds ahead that are kept in a ring; what is further away goes to a map.
const NEAR: u64 = 64;
const RING: usize = NEAR as usize * SPANS;
const NONE: u32 = u32::MAX;

/// Where the time starts in a key of an event in a slot, and the mark of a new event.
const TIME_SHIFT: u32 = 33;
const NEW: u64 = 1 << 32;

/// Where an event stands while it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Place(u32);

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
/// Seconds are opened in order, spans of the open second and slots of the open span too; within a
/// begun slot events are drained in no order or popped in order.
#[derive(Clone, Debug)]
pub struct Calendar<E> {
    /// The open second.
    second: u64,
    /// What the open second had when it was opened, span by span, until that is opened.
    spans: [Vec<Entry<E>>; SPANS],
    next_span: usize,
    /// Events of the open second: first those of the open span, slot by slot, with room for the longest
    /// one, then the new ones of the current slot, then those scheduled since the second was opened, in
    /// places that are used again.
    pool: Vec<Entry<E>>,
    /// Where the places of the second and third kind begin.
    first_new: u32,
    first_reused: u32,
    /// Where the events of the first kind begin, by slot of the span.
    starts: [u32; SPAN_SLOTS + 1],
    /// Lists of the third kind by slot, and of free places.
    heads: Vec<u32>,
    next: Vec<u32>,
    free: u32,
    /// From here on no place was used in the open second.
    unused: usize,
    /// The begun slot; what is left of it stands in `unread` and in its list until its order is
    /// asked for, then in `order`.
    slot: usize,
    /// Its start \[ns\].
    start: u64,
    unread: std::ops::Range<u32>,
    /// Time in the slot (from bit 33 on), whether it is a new one (bit 32), and place in the pool.
    order: Vec<u64>,
    cursor: usize,
    sorted: bool,
    /// New ones that `order` and `parts` do not hold.
    new: u32,
    unsorted: Vec<u64>,
    /// Lists of the slot's events by part, where it was cut.
    parts: Vec<u32>,
    /// Events of the open second that neither `order` nor `parts` hold.
    left: usize,
    later: Later<E>,
}

/// Events of seconds that are not open yet.
#[derive(Clone, Debug)]
struct Later<E> {
    /// Lists of the spans of the seconds `second + 1 ..= second + NEAR`, where `second` is open, by number
    /// of the span since t = 0 modulo [`RING`].
    near: Vec<Vec<Entry<E>>>,
    far: BTreeMap<u64, Vec<Entry<E>>>,
    /// Lists of spans that are over: their memory is used again while it is in the caches.
    spare: Vec<Vec<Entry<E>>>,
}

impl<E: Copy + Ord> Calendar<E> {
    /// An empty event list with second 0 open.
    pub fn new() -> Self {
        Calendar {
            second: 0,
            spans: Default::default(),
            next_span: 0,
            pool: Vec::new(),
            first_new: 0,
            first_reused: 0,
            starts: [0; SPAN_SLOTS + 1],
            heads: vec![NONE; SLOTS],
            next: Vec::new(),
            free: NONE,
            unused: 0,
            slot: 0,
            start: 0,
            unread: 0..0,
            order: Vec::new(),
            cursor: 0,
            sorted: false,
            new: 0,
            unsorted: Vec::new(),
            parts: Vec::new(),
            left: 0,
            later: Later {
                near: (0..RING).map(|_| Vec::new()).collect(),
                far: BTreeMap::new(),
                spare: Vec::new(),
            },
        }
    }

    /// Whether nothing is scheduled.
    pub fn is_empty(&self) -> bool {
        self.next_second().is_none()
    }

    /// Whether the open second has events left.
    #[inline]
    fn has_left(&self) -> bool {
        self.left > 0 || self.order[self.cursor..].iter().any(|o| o & NEW == 0)
    }

    /// Number of events of `second`, which must lie after the open one.
    pub fn len_of(&self, second: u64) -> usize {
        self.lists_of(second).iter().map(Vec::len).sum()
    }

    /// The events of `second` (after the open one), in no order.
    pub fn events_of(&self, second: u64) -> impl Iterator<Item = &Entry<E>> {
        self.lists_of(second).iter().flatten()
    }

    /// The first second with an event, the open one included.
    pub fn next_second(&self) -> Option<u64> {
        if self.has_left() {
            return Some(self.second);
        }
        let near = self.second + 1..=self.second + NEAR;
        near.into_iter()
            .find(|&s| self.len_of(s) > 0)
            .or_else(|| self.later.far.keys().next().copied())
    }

    fn lists_of(&self, second: u64) -> &[Vec<Entry<E>>] {
        match second.checked_sub(self.second + 1) {
            None => &[],
            Some(ahead) if ahead < NEAR => &self.later.near[spans_of(second)],
            Some(_) => self
                .later
                .far
                .get(&second)
                .map_or(&[], std::slice::from_ref),
        }
    }

    /// Opens `second`, which must not lie before the open one. Every earlier event must be gone. No slot
    /// of it may have more than `most_new` new events.
    pub fn open(&mut self, second: u64, most_new: usize) {
        debug_assert!(
            !self.has_left(),
            "events of second {} are left",
            self.second
        );
        if second > self.second {
            debug_assert!(
                self.next_second().is_none_or(|next| next >= second),
                "skipped events before second {second}"
            );
            self.second = second;
            // Lists of that name will be needed again before these are gone through.
            self.spans
                .swap_with_slice(&mut self.later.near[spans_of(second)]);
            while let Some(far) = self.later.far.first_entry() {
                if *far.key() > second + NEAR {
                    break;
                }
                for entry in far.remove() {
                    let span = span_of(entry.at);
                    if entry.at / SECOND == second {
                        self.spans[span % SPANS].push(entry);
                    } else {
                        self.later.near[span].push(entry);
                    }
                }
            }
        }
        self.later.prepare(second);
        let longest = self.spans.iter().map(Vec::len).max().unwrap_or(0);
        let reserved = longest + most_new;
        self.first_new = longest as u32;
        self.first_reused = reserved as u32;
        self.left = self.spans.iter().map(Vec::len).sum();
        self.next_span = 0;
        self.heads.fill(NONE);
        self.free = NONE;
        self.unused = reserved;
        if self.next.len() < reserved {
            self.next.resize(reserved, NONE);
        }
        if self.pool.len() < reserved
            && let Some(&any) = self.spans.iter().flatten().next()
        {
            self.pool.resize(reserved, any);
        }
        self.start_slot(0, 0..0);
    }

    /// Opens the next span of the open second and shows what that had in it with its slot, in no order;
    /// every earlier slot must be empty.
    pub fn open_span(&mut self, mut show: impl FnMut(usize, &E)) {
        let first = self.next_span * SPAN_SLOTS;
        let base = self.second * SECOND + self.next_span as u64 * SPAN_NS;
        let mut list = std::mem::take(&mut self.spans[self.next_span]);
        self.next_span += 1;
        // Counting sort. The places of the span, which are in no list, hold their slots.
        self.starts.fill(0);
        for (entry, slot_of) in list.iter().zip(&mut self.next) {
            let slot = ((entry.at - base) / SLOT_NS) as usize % SPAN_SLOTS;
            show(first + slot, &entry.event);
            self.starts[slot + 1] += 1;
            *slot_of = slot as u32;
        }
        for k in 0..SPAN_SLOTS {
            self.starts[k + 1] += self.starts[k];
        }
        for (entry, &slot) in list.iter().zip(&self.next) {
            let place = &mut self.starts[slot as usize % SPAN_SLOTS];
            self.pool[*place as usize] = *entry;
            *place += 1;
        }
        // Each start has moved to the next slot's: move them back.
        self.starts.copy_within(..SPAN_SLOTS, 1);
        self.starts[0] = 0;
        list.clear();
        if list.capacity() > 0 && self.later.spare.len() < 4 * SPANS {
            self.later.spare.push(list);
        }
    }

    /// The slots of the open span with the number of events that they held when it was opened.
    pub fn counts_of_span(&self) -> impl Iterator<Item = (usize, u32)> {
        let first = (self.next_span - 1) * SPAN_SLOTS;
        let counts = self.starts.windows(2).map(|s| s[1] - s[0]);
        (first..).zip(counts)
    }

    /// Whether slot `k` of the open span, which was not begun, holds any event.
    #[inline(always)]
    pub fn holds(&self, k: usize) -> bool {
        let of_span = k % SPAN_SLOTS;
        self.starts[of_span] < self.starts[of_span + 1] || self.heads[k] != NONE
    }

    /// Makes slot `k` of the open span the current one; the one before must be empty.
    pub fn begin_slot(&mut self, k: usize) {
        debug_assert!(
            self.slot_is_empty() || (k == self.slot && !self.sorted),
            "events of slot {} are left",
            self.slot
        );
        debug_assert_eq!(k / SPAN_SLOTS + 1, self.next_span, "its span is not open");
        let of_span = k % SPAN_SLOTS;
        self.start_slot(k, self.starts[of_span]..self.starts[of_span + 1]);
    }

    fn start_slot(&mut self, k: usize, unread: std::ops::Range<u32>) {
        self.slot = k;
        self.start = self.second * SECOND + k as u64 * SLOT_NS;
        self.unread = unread;
        self.order.clear();
        self.cursor = 0;
        self.sorted = false;
        self.new = 0;
    }

    /// Whether the current slot holds nothing.
    pub fn slot_is_empty(&self) -> bool {
        self.unread.is_empty()
            && self.heads[self.slot] == NONE
            && self.cursor == self.order.len()
            && self.new == 0
    }

    /// Takes any event of the current slot, whose order was not asked for; then [`Calendar::release`].
    #[inline(always)]
    pub fn take_any(&mut self) -> Option<Place> {
        debug_assert!(!self.sorted);
        let place = match self.unread.next() {
            Some(place) => place,
            None => {
                let head = self.heads[self.slot];
                if head == NONE {
                    self.new = self.new.checked_sub(1)?;
                    return Some(Place(self.first_new + self.new));
                }
                self.heads[self.slot] = self.next[head as usize];
                head
            }
        };
        self.left -= 1;
        Some(Place(place))
    }

    /// An event that was taken or came next, and its time; then either [`Calendar::release`] or
    /// [`Calendar::again`].
    #[inline(always)]
    pub fn entry(&self, place: Place) -> &Entry<E> {
        &self.pool[place.0 as usize]
    }

    /// How many new events of the slot were added before this one, if it is one.
    #[inline(always)]
    pub fn number_of_new(&self, place: Place) -> Option<u32> {
        let is_new = (self.first_new..self.first_reused).contains(&place.0);
        is_new.then(|| place.0 - self.first_new)
    }

    /// The event, to be changed.
    #[inline(always)]
    pub fn event_mut(&mut self, place: Place) -> &mut E {
        &mut self.pool[place.0 as usize].event
    }

    /// Takes a free place of the pool. `any`: what fills it where it is new.
    #[inline(always)]
    fn free_place(&mut self, any: impl FnOnce(&Self) -> Entry<E>) -> usize {
        if self.free == NONE {
            self.add_place(any(self));
        }
        let place = self.free as usize;
        self.free = self.next[place];
        place
    }

    /// Adds a free place to the pool, where there is none.
    #[cold]
    fn add_place(&mut self, any: Entry<E>) {
        let place = self.unused;
        if self.pool.len() <= place {
            self.pool.resize(place + 1, any);
        }
        if self.next.len() <= place {
            self.next.resize(place + 1, NONE);
        }
        self.next[place] = NONE;
        self.free = place as u32;
        self.unused += 1;
    }

    /// Adds a new event to the current slot, before its order is asked for. At one instant new events come
    /// last, in the order in which they were added.
    #[inline(always)]
    pub fn add_new(&mut self, at: u64, event: E) {
        let entry = Entry { at, event };
        let place = (self.first_new + self.new) as usize;
        match self.pool.get_mut(place) {
            Some(free) => *free = entry,
            // The first ones of all.
            None => self.pool.resize(place + 1, entry),
        }
        self.new += 1;
    }

    /// The places of the new events, which then count as held elsewhere.
    fn take_new(&mut self) -> std::ops::Range<u32> {
        self.first_new..self.first_new + std::mem::take(&mut self.new)
    }

    /// What `order` holds of an event.
    #[inline(always)]
    fn order_of(&self, place: u32) -> u64 {
        let is_new = self.number_of_new(Place(place)).is_some();
        let at = self.pool[place as usize].at - self.start;
        at << TIME_SHIFT | u64::from(is_new) << NEW.trailing_zeros() | u64::from(place)
    }

    /// Adds a list to those to be sorted.
    #[inline(always)]
    fn push_unsorted(&mut self, mut node: u32) {
        while node != NONE {
            self.unsorted.push(self.order_of(node));
            node = self.next[node as usize];
        }
    }

    /// Puts the current slot in order of time.
    fn sort(&mut self) {
        self.sorted = true;
        self.unsorted.clear();
        for place in std::mem::take(&mut self.unread) {
            self.unsorted.push(self.order_of(place));
        }
        let head = std::mem::replace(&mut self.heads[self.slot], NONE);
        self.push_unsorted(head);
        self.left -= self.unsorted.len();
        for place in self.take_new() {
            self.unsorted.push(self.order_of(place));
        }
        sort_by_time(&self.unsorted, &mut self.order);
    }

    /// At least so many events are in the current slot, whose order was not asked for.
    pub fn known_len(&self) -> usize {
        self.unread.len() + self.new as usize
    }

    /// Cuts what the current slot holds, its order not being asked for, into `parts` parts by time, in turn:
    /// `part_of(instant [ns])`. They must all be emptied before the next slot.
    pub fn cut(&mut self, parts: usize, part_of: impl Fn(u64) -> usize) {
        debug_assert!(!self.sorted);
        if self.parts.len() < parts {
            self.parts.resize(parts, NONE);
        }
        let unread = std::mem::take(&mut self.unread);
        self.left -= unread.len();
        for place in unread.chain(self.take_new()) {
            self.add_to_part(place, &part_of);
        }
        self.cut_late(part_of);
    }

    /// Does so with what has come into the slot since.
    #[inline(always)]
    pub fn cut_late(&mut self, part_of: impl Fn(u64) -> usize) {
        let mut node = std::mem::replace(&mut self.heads[self.slot], NONE);
        while node != NONE {
            let after = self.next[node as usize];
            self.add_to_part(node, &part_of);
            self.left -= 1;
            node = after;
        }
    }

    #[inline(always)]
    fn add_to_part(&mut self, place: u32, part_of: impl Fn(u64) -> usize) {
        let head = &mut self.parts[part_of(self.pool[place as usize].at)];
        self.next[place as usize] = *head;
        *head = place;
    }

    /// Whether a part holds any event.
    #[inline(always)]
    pub fn holds_part(&self, part: usize) -> bool {
        self.parts[part] != NONE
    }

    /// Takes the first event of a part.
    #[inline(always)]
    pub fn take_first(&mut self, part: usize) -> Option<Place> {
        let mut first = self.parts[part];
        if first == NONE {
            return None;
        }
        let mut first_at = self.pool[first as usize].at;
        let mut before_first = NONE;
        let (mut before, mut node) = (first, self.next[first as usize]);
        while node != NONE {
            let at = self.pool[node as usize].at;
            let mut earlier = at < first_at;
            if at == first_at {
                earlier = self.comes_before(node, first);
            }
            // No branches: nobody could foresee which is the first.
            before_first = std::hint::select_unpredictable(earlier, before, before_first);
            first = std::hint::select_unpredictable(earlier, node, first);
            first_at = std::hint::select_unpredictable(earlier, at, first_at);
            (before, node) = (node, self.next[node as usize]);
        }
        let after = self.next[first as usize];
        match before_first {
            NONE => self.parts[part] = after,
            before => self.next[before as usize] = after,
        }
        Some(Place(first))
    }

    /// Puts a part in order of time: then [`Calendar::take_any_of`] takes the first.
    pub fn sort_part(&mut self, part: usize) {
        self.unsorted.clear();
        self.push_unsorted(self.parts[part]);
        let pool = &self.pool;
        self.unsorted
            .sort_unstable_by(|&a, &b| in_order(pool, a, b));
        let mut head = NONE;
        for &order in self.unsorted.iter().rev() {
            self.next[order as u32 as usize] = head;
            head = order as u32;
        }
        self.parts[part] = head;
    }

    /// Takes any event of a part.
    #[inline(always)]
    pub fn take_any_of(&mut self, part: usize) -> Option<Place> {
        let head = &mut self.parts[part];
        let place = *head;
        if place == NONE {
            return None;
        }
        *head = self.next[place as usize];
        Some(Place(place))
    }

    /// Whether one of two events of the current slot comes before the other.
    #[cold]
    fn comes_before(&self, a: u32, b: u32) -> bool {
        in_order(&self.pool, self.order_of(a), self.order_of(b)).is_lt()
    }

    /// Puts the scheduled events that come next, at one instant, in their own order.
    #[cold]
    fn untie(&mut self) {
        let rest = &mut self.order[self.cursor..];
        let time = rest[0] >> (TIME_SHIFT - 1);
        let tied = rest.partition_point(|&o| o >> (TIME_SHIFT - 1) == time);
        let pool = &self.pool;
        rest[..tied].sort_by(|&a, &b| in_order(pool, a, b));
    }

    /// What comes next in the current slot; then [`Calendar::release`] or [`Calendar::again`].
    #[inline(always)]
    pub fn take_next(&mut self) -> Option<Place> {
        if !self.sorted {
            self.sort();
        }
        let mut next = *self.order.get(self.cursor)?;
        // Rarely do two come at one instant: then the events' own order decides.
        let after = self.order.get(self.cursor + 1);
        if after.is_some_and(|after| (next ^ after) >> TIME_SHIFT == 0 && after & NEW == 0) {
            self.untie();
            next = self.order[self.cursor];
        }
        self.cursor += 1;
        Some(Place(next as u32))
    }

    /// Schedules an event that was taken or came next for another time, changed, without moving it where that
    /// can be.
    #[inline(always)]
    pub fn again(&mut self, place: Place, at: u64, change: impl FnOnce(&mut E)) -> Option<usize> {
        let since = at.wrapping_sub(self.second * SECOND);
        let from = place.0 as usize;
        if since >= SECOND {
            self.release(place);
            self.later.push(since, at, &self.pool[from].event, change);
            return None;
        }
        if self.free == NONE {
            self.add_place(self.pool[from]);
        }
        // No branch: nobody could foresee of which kind the place is.
        let stays = place.0 >= self.first_reused;
        let free = self.free;
        let after = self.next[free as usize];
        self.free = std::hint::select_unpredictable(stays, free, after);
        let to = std::hint::select_unpredictable(stays, from, free as usize);
        let event = self.pool[from].event;
        self.pool[to] = Entry { at, event };
        change(&mut self.pool[to].event);
        Some(self.link(to, since))
    }

    /// Makes the place of an event that came next free.
    #[inline(always)]
    pub fn release(&mut self, place: Place) {
        // No branch here either.
        self.next[place.0 as usize] = self.free;
        self.free = if place.0 >= self.first_reused {
            place.0
        } else {
            self.free
        };
    }

    /// Takes the next event of the current slot.
    #[inline]
    pub fn pop(&mut self) -> Option<Entry<E>> {
        let place = self.take_next()?;
        self.release(place);
        Some(self.pool[place.0 as usize])
    }

    /// Schedules an event at `at` \[ns\], not before the last event popped.
    pub fn push(&mut self, at: u64, event: E) {
        self.schedule(at, event);
    }

    /// Schedules an event like [`Calendar::push`]; returns its slot if it falls into the open second.
    #[inline(always)]
    pub fn schedule(&mut self, at: u64, event: E) -> Option<usize> {
        self.schedule_changed(at, &event, |_| {})
    }

    /// Schedules a changed copy of an event. It is changed where it comes to lie: a copy of what was
    /// changed just before would wait until that has reached the cache.
    #[inline(always)]
    pub fn schedule_changed(
        &mut self,
        at: u64,
        event: &E,
        change: impl FnOnce(&mut E),
    ) -> Option<usize> {
        let since = at.wrapping_sub(self.second * SECOND);
        if since >= SECOND {
            self.later.push(since, at, event, change);
            return None;
        }
        let place = self.free_place(|_| Entry { at, event: *event });
        let entry = &mut self.pool[place];
        entry.at = at;
        entry.event = *event;
        change(&mut entry.event);
        Some(self.link(place, since))
    }

    /// Puts an event of the open second, so long after its start, into its slot's list.
    #[inline(always)]
    fn link(&mut self, place: usize, since: u64) -> usize {
        let slot = (since / SLOT_NS) as usize;
        debug_assert!(slot >= self.slot, "an event in a slot that is over");
        if slot == self.slot && self.sorted {
            self.insert(place as u32);
        } else {
            self.left += 1;
            self.next[place] = self.heads[slot];
            self.heads[slot] = place as u32;
        }
        slot
    }

    /// Inserts an event into the current slot, which is in order.
    #[cold]
    fn insert(&mut self, place: u32) {
        let Entry { at, event } = self.pool[place as usize];
        let at = at - self.start;
        let pool = &self.pool;
        // Before the new ones of that instant, which have bit 32 set.
        let comes_before = |o: u64| match (o >> TIME_SHIFT).cmp(&at) {
            Ordering::Equal => o & NEW == 0 && pool[o as u32 as usize].event <= event,
            order => order == Ordering::Less,
        };
        let after = self.order[self.cursor..].partition_point(|&o| comes_before(o));
        self.order
            .insert(self.cursor + after, at << TIME_SHIFT | u64::from(place));
    }

    /// Takes the next event of all, going through slots and seconds as needed.
    pub fn pop_any(&mut self) -> Option<(u64, E)> {
        loop {
            if let Some(entry) = self.pop() {
                return Some((entry.at, entry.event));
            }
            let next = self.slot + 1;
            if self.has_left() && next < self.next_span * SPAN_SLOTS {
                self.begin_slot(next);
            } else {
                if !self.has_left() {
                    let second = self.next_second()?;
                    self.open(second, 0);
                }
                self.open_span(|_, _| {});
                self.begin_slot((self.next_span - 1) * SPAN_SLOTS);
            }
        }
    }
}

/// What of two events of a slot comes first, by what `order` holds of them.
#[inline(always)]
fn in_order<E: Ord>(pool: &[Entry<E>], a: u64, b: u64) -> Ordering {
    let by_time = (a >> NEW.trailing_zeros()).cmp(&(b >> NEW.trailing_zeros()));
    by_time.then_with(|| match a & NEW {
        0 => pool[a as u32 as usize]
            .event
            .cmp(&pool[b as u32 as usize].event),
        _ => a.cmp(&b),
    })
}

/// Sorts keys of one slot, whose times are spread over it: a bucket sort with about one key in each.
fn sort_by_time(keys: &[u64], sorted: &mut Vec<u64>) {
    /// Bits of a time in a slot.
    const TIME_BITS: u32 = SLOT_NS.next_power_of_two().ilog2();
    /// Most buckets.
    const BUCKETS: usize = 256;
    sorted.clear();
    sorted.extend_from_slice(keys);
    if !(16..8 * BUCKETS).contains(&keys.len()) {
        return sorted.sort_unstable();
    }
    let bits = keys.len().next_power_of_two().min(BUCKETS).ilog2();
    let bucket_of = |key: u64| (key >> (TIME_SHIFT + TIME_BITS - bits)) as usize % BUCKETS;
    let mut ends = [0_u32; BUCKETS];
    for &key in keys {
        ends[bucket_of(key)] += 1;
    }
    let mut sum = 0;
    for end in &mut ends[..1 << bits] {
        sum += *end;
        *end = sum;
    }
    for &key in keys {
        let end = &mut ends[bucket_of(key)];
        *end -= 1;
        sorted[*end as usize] = key;
    }
    // Few are out of place now, unless many share a bucket.
    let mut moves = 0;
    for i in 1..sorted.len() {
        let key = sorted[i];
        let mut place = i;
        while place > 0 && sorted[place - 1] > key {
            sorted[place] = sorted[place - 1];
            place -= 1;
        }
        sorted[place] = key;
        moves += i - place;
        if moves > 16 * keys.len() {
            return sorted.sort_unstable();
        }
    }
}

/// The list of the ring for an instant \[ns\].
#[inline(always)]
fn span_of(at: u64) -> usize {
    (at / SPAN_NS % RING as u64) as usize
}

/// Those for a second.
fn spans_of(second: u64) -> std::ops::Range<usize> {
    let first = (second % NEAR) as usize * SPANS;
    first..first + SPANS
}

impl<E: Copy> Later<E> {
    /// Takes in a changed copy of an event for an instant after the open second, so long after its start.
    #[inline(always)]
    fn push(&mut self, since: u64, at: u64, event: &E, change: impl FnOnce(&mut E)) {
        debug_assert!(since <= at, "an event in the past");
        let list = if since < (NEAR + 1) * SECOND {
            &mut self.near[span_of(at)]
        } else {
            self.far.entry(at / SECOND).or_default()
        };
        list.push(Entry { at, event: *event });
        if let Some(last) = list.last_mut() {
            change(&mut last.event);
        }
    }

    /// Gives the empty lists of the seconds after `open`, where most will come, memory of those that are over.
    fn prepare(&mut self, open: u64) {
        let spans = (open + 1..open + 3).flat_map(spans_of);
        for span in spans {
            if self.near[span].capacity() == 0 {
                let Some(over) = self.spare.pop() else {
                    return;
                };
                self.near[span] = over;
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
                assert_eq!(calendar.is_empty(), heap.is_empty());
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
        calendar.open(1, 0);
        calendar.open_span(|_, _| {});
        calendar.begin_slot(0);
        let mut first = Vec::new();
        while let Some(place) = calendar.take_any() {
            first.push(calendar.entry(place).at - SECOND);
            calendar.release(place);
            if first.len() == 1 {
                calendar.push(SECOND + 7, 7);
                calendar.push(SECOND + SLOT_NS + 1, 8);
            }
        }
        first.sort_unstable();
        assert_eq!(first, [3, 5, 7, 9]);
        calendar.begin_slot(1);
        assert_eq!(
            calendar.pop().map(|e| (e.at, e.event)),
            Some((SECOND + SLOT_NS, SECOND + SLOT_NS))
        );
        assert_eq!(calendar.pop().map(|e| e.event), Some(8));
        assert!(calendar.is_empty());
    }

    #[test]
    fn a_cut_slot_gives_the_first_of_each_part() {
        for run in 0..40 {
            let mut s = Key::root(12, run).stream();
            let mut calendar = Calendar::new();
            // Few instants, so that many events tie.
            let instants = 1 + s.below(40);
            let mut draw = || (SECOND + s.below(instants) * (SLOT_NS / 40), s.below(60));
            for _ in 0..draw().1 {
                let (at, event) = draw();
                calendar.push(at, event);
            }
            calendar.open(1, 60);
            calendar.open_span(|_, _| {});
            for _ in 0..draw().1 {
                let (at, event) = draw();
                calendar.push(at, event);
            }
            calendar.begin_slot(0);
            for new in 0..draw().1 {
                calendar.add_new(draw().0, 1000 + new);
            }
            let mut sorted = calendar.clone();
            let mut next = || sorted.pop().map(|e| (e.at, e.event));
            let parts = 1 + draw().1 as usize % 9;
            let sorts = draw().1 % 2 == 0;
            calendar.cut(parts, |at| {
                (at - SECOND) as usize * parts / SLOT_NS as usize
            });
            for part in 0..parts {
                if sorts {
                    calendar.sort_part(part);
                }
                for _ in 0..draw().1 % 6 {
                    let place = match sorts {
                        true => calendar.take_any_of(part),
                        false => calendar.take_first(part),
                    };
                    if let Some(place) = place {
                        let first = *calendar.entry(place);
                        calendar.release(place);
                        assert_eq!(Some((first.at, first.event)), next());
                    }
                }
                let (mut rest, mut expected) = (Vec::new(), Vec::new());
                while calendar.holds_part(part)
                    && let Some(place) = calendar.take_any_of(part)
                {
                    let any = *calendar.entry(place);
                    calendar.release(place);
                    rest.push((any.at, any.event));
                    expected.extend(next());
                }
                rest.sort_unstable();
                expected.sort_unstable();
                assert_eq!(rest, expected);
            }
            assert_eq!(next(), None);
            assert!(calendar.slot_is_empty() && calendar.is_empty());
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
        let of_two: Vec<u64> = calendar.events_of(2).map(|e| e.event).collect();
        assert_eq!(of_two, [2, 2]);
        assert_eq!(calendar.next_second(), Some(1));
    }
}
