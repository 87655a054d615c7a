//! The event list: what is scheduled for later, in order of time, ties by the event's own order.
//!
//! A calendar queue (Brown, CACM 1988) of [`SLOTS`] slots a second. Events are kept by spans of some slots, in
//! chunks of one pool that others are given as soon as the span is over: so what is written and looked at next
//! lies in the caches. They are linked into their slots when the first slot of the span begins. A slot is sorted
//! only when somebody asks for the order of its events, or cut into parts where it only matters which come first
//! in each. Scheduling is O(1). Arrivals are never queued: they are drawn second by second, and come in here only
//! as new events of a slot that is about to be gone through.
//!
//! Long because chunks, spans, slots and their order are one data structure, whose parts change together in every
//! push and take; apart, each would have to show the others its fields.

use super::SECOND;
use super::narrow::{capped, index, low_bits, within_u32};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Slots of a second: 10⁹ ns halve nine times without a remainder.
pub const SLOTS: usize = 512;

/// Length of a slot \[ns\].
pub const SLOT_NS: u64 = SECOND / SLOTS as u64;

/// Spans of a second.
const SPANS: usize = 64;

/// Slots of a span.
const SPAN_SLOTS: usize = SLOTS / SPANS;

/// Length of a span \[ns\].
const SPAN_NS: u64 = SECOND / SPANS as u64;

/// Seconds that are kept in a ring, the open one first; what is further away goes to a map.
const NEAR: u64 = 64;
const RING: usize = index(NEAR) * SPANS;

/// Places that a span is given at a time.
const CHUNK: u32 = 32;

/// No event, no chunk.
const NONE: u32 = u32::MAX;

/// Where the time starts in a key of an event in a slot, and the mark of a new event.
const TIME_SHIFT: u32 = 33;
const NEW: u64 = 1 << 32;

/// Where an event stands while it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct EventPlace(u32);

/// An event and its time.
#[derive(Clone, Copy, Debug)]
pub struct Scheduled<E> {
    /// When \[ns\].
    pub at: u64,
    /// What.
    pub event: E,
}

/// An event in the pool.
#[derive(Clone, Copy, Debug)]
struct EventNode<E> {
    /// When, since the start of its span \[ns\].
    since: u32,
    /// The next one of its slot, or of its part of the slot.
    next: u32,
    event: E,
}

/// The events of a span.
#[derive(Clone, Copy, Debug)]
struct SpanEvents {
    /// The first of its chunks.
    first: u32,
    /// The place of the next event; the start of a chunk where that has to be found yet.
    tail: u32,
    /// Places of its chunks.
    places: u32,
}

const NO_SPAN: SpanEvents = SpanEvents {
    first: NONE,
    tail: 0,
    places: 0,
};

/// The events of a slot.
#[derive(Clone, Copy, Debug)]
struct SlotEvents {
    head: u32,
    len: u32,
}

const EMPTY: SlotEvents = SlotEvents { head: NONE, len: 0 };

/// Events by time \[ns\]; at equal times the smaller event comes first.
///
/// Seconds are opened in order, and slots of the open second begun in order; within a begun slot events are
/// drained in no order or popped in order.
#[derive(Clone, Debug)]
pub struct Calendar<E> {
    /// The open second, its start \[ns\], and the number of its first span in the ring.
    second: u64,
    opened: u64,
    first_span: usize,
    spans: Box<[SpanEvents; RING]>,
    /// Chunk by chunk.
    pool: Vec<EventNode<E>>,
    /// What comes after each chunk in its span, or among the free ones.
    after: Vec<u32>,
    free: u32,
    /// The present span of the open second, its number in the ring, and its slots.
    span: usize,
    span_in_ring: usize,
    slots: [SlotEvents; SPAN_SLOTS],
    /// Its start \[ns\].
    start: u64,
    /// By second.
    far: BTreeMap<u64, Vec<Scheduled<E>>>,
    /// The begun slot of the span.
    slot: usize,
    /// Whether its order was asked for; then what is left of it stands in `order`.
    sorted: bool,
    /// Time in the slot (from bit 33 on), whether it is a new one (bit 32), and place.
    order: Vec<u64>,
    cursor: usize,
    /// Up to here events of one instant are in their own order.
    untied: usize,
    /// Where the new events of a slot stand one after another, for how many there is room, how many there are, and
    /// how many of them neither `order` nor `parts` hold.
    first_new: u32,
    most_new: u32,
    all_new: u32,
    new: u32,
    unsorted: Vec<u64>,
    /// Lists of the slot's events by part, where it was cut.
    parts: Vec<u32>,
}

impl<E: Copy + Ord> Calendar<E> {
    /// An empty event list with second 0 open.
    pub fn new() -> Self {
        Calendar {
            second: 0,
            opened: 0,
            first_span: 0,
            spans: Box::new([NO_SPAN; RING]),
            pool: Vec::new(),
            after: Vec::new(),
            free: NONE,
            span: 0,
            span_in_ring: 0,
            slots: [EMPTY; SPAN_SLOTS],
            far: BTreeMap::new(),
            slot: 0,
            start: 0,
            sorted: false,
            order: Vec::new(),
            cursor: 0,
            untied: 0,
            first_new: 0,
            most_new: 0,
            all_new: 0,
            new: 0,
            unsorted: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Whether nothing is scheduled.
    pub fn is_empty(&self) -> bool {
        self.next_second().is_none()
    }

    /// The first slot of the open second, from the begun one on, that may hold events which were scheduled and
    /// are not in order.
    fn next_slot(&self) -> Option<usize> {
        let here = self.slot..SPAN_SLOTS;
        let here = here.map(|slot| (slot, self.slots[slot].head != NONE));
        let here = here.map(|(slot, holds)| (self.span * SPAN_SLOTS + slot, holds));
        let later = self.span + 1..SPANS;
        let later = later.map(|span| (span, self.spans[self.first_span + span].first != NONE));
        let later = later.map(|(span, holds)| (span * SPAN_SLOTS, holds));
        here.chain(later).find(|&(_, holds)| holds).map(|(k, _)| k)
    }

    /// Whether the open second has events left that were scheduled.
    fn has_left(&self) -> bool {
        self.order[self.cursor..].iter().any(|o| o & NEW == 0) || self.next_slot().is_some()
    }

    /// The spans of a second after the open one that is in the ring.
    fn near(&self, second: u64) -> &[SpanEvents] {
        match second.checked_sub(self.second + 1) {
            Some(ahead) if ahead + 1 < NEAR => &self.spans[first_span_of(second)..][..SPANS],
            _ => &[],
        }
    }

    /// The places of a span's events, chunk by chunk.
    fn places_of(&self, span: SpanEvents) -> impl Iterator<Item = std::ops::Range<usize>> {
        let some = |chunk: u32| (chunk != NONE).then_some(chunk);
        let after = move |&chunk: &u32| some(self.after[chunk as usize]);
        std::iter::successors(some(span.first), after)
            .map(move |chunk| (chunk * CHUNK) as usize..span.end_in(chunk) as usize)
    }

    /// Number of events of `second`, which must lie after the open one.
    pub fn len_of(&self, second: u64) -> usize {
        let near: usize = self.near(second).iter().map(SpanEvents::len).sum();
        near + self.far.get(&second).map_or(0, Vec::len)
    }

    /// The events of `second` (after the open one), in no order.
    pub fn events_of(&self, second: u64) -> impl Iterator<Item = Scheduled<E>> {
        let starts = (0..).map(move |span| second * SECOND + span * SPAN_NS);
        let near = self.near(second).iter().zip(starts);
        let near = near.flat_map(move |(&span, start)| {
            self.places_of(span).flat_map(move |places| {
                self.pool[places].iter().map(move |node| Scheduled {
                    at: start + u64::from(node.since),
                    event: node.event,
                })
            })
        });
        near.chain(self.far.get(&second).into_iter().flatten().copied())
    }

    /// The first second with an event, the open one included.
    pub fn next_second(&self) -> Option<u64> {
        if self.has_left() {
            return Some(self.second);
        }
        (self.second + 1..self.second + NEAR)
            .find(|&s| self.len_of(s) > 0)
            .or_else(|| self.far.keys().next().copied())
    }

    /// Opens `second`, which must not lie before the open one. Every earlier event must be gone.
    pub fn open(&mut self, second: u64) {
        debug_assert!(
            self.next_second().is_none_or(|next| next >= second),
            "skipped events before second {second}"
        );
        if second == self.second {
            return;
        }
        self.end_slot();
        self.second = second;
        self.opened = second * SECOND;
        self.first_span = first_span_of(second);
        self.enter(0);
        self.slot = 0;
        while let Some(far) = self.far.first_entry()
            && *far.key() < second + NEAR
        {
            for Scheduled { at, event } in far.remove() {
                self.push(at, event);
            }
        }
    }

    /// Makes slot `k` of the open second the current one; the one before must be empty. Returns whether
    /// any event is scheduled for it.
    #[inline]
    pub fn begin_slot(&mut self, k: usize) -> bool {
        let (span, slot) = (k / SPAN_SLOTS, k % SPAN_SLOTS);
        if span != self.span || slot != self.slot {
            debug_assert!(self.slot_is_empty(), "events of a slot are left");
            self.end_slot();
        }
        if span != self.span {
            self.enter(span);
        }
        self.slot = slot;
        self.slots[slot].head != NONE
    }

    /// Clears what is left of the current slot once its events are gone.
    fn end_slot(&mut self) {
        if self.slots[self.slot].head == NONE {
            self.slots[self.slot] = EMPTY;
        }
        self.order.clear();
        self.cursor = 0;
        self.untied = 0;
        self.sorted = false;
        self.new = 0;
        self.all_new = 0;
    }

    /// Makes a span of the open second the present one; the one before must be empty.
    fn enter(&mut self, span: usize) {
        let over = &mut self.spans[self.span_in_ring];
        if over.first != NONE {
            let last = (over.tail - 1) / CHUNK;
            self.after[last as usize] = std::mem::replace(&mut self.free, over.first);
            *over = NO_SPAN;
        }
        self.span = span;
        self.span_in_ring = self.first_span + span;
        self.start = self.opened + span as u64 * SPAN_NS;
        let mut chunk = self.spans[self.span_in_ring].first;
        while chunk != NONE {
            let first = chunk * CHUNK;
            let end = self.spans[self.span_in_ring].end_in(chunk);
            let nodes = &mut self.pool[first as usize..end as usize];
            for (place, node) in (first..).zip(nodes) {
                link(&mut self.slots[slot_of(node.since)], place, node);
            }
            chunk = self.after[chunk as usize];
        }
    }

    /// How many events were scheduled for the current slot, of which none was taken.
    #[inline(always)]
    pub fn scheduled(&self) -> u32 {
        self.slots[self.slot].len
    }

    /// Those events.
    pub fn events_of_slot(&self) -> impl Iterator<Item = &E> {
        let node_at = |place: u32| self.pool.get(place as usize);
        let head = node_at(self.slots[self.slot].head);
        std::iter::successors(head, move |node| node_at(node.next)).map(|node| &node.event)
    }

    /// Takes all events of the current slot, whose order was not asked for, and shows them with their times.
    #[inline(always)]
    pub fn take_all(&mut self, mut on: impl FnMut(EventPlace, u64, &E)) {
        debug_assert!(!self.sorted);
        let mut place = std::mem::replace(&mut self.slots[self.slot].head, NONE);
        for new in self.take_new() {
            self.pool[new as usize].next = place;
            place = new;
        }
        // NONE lies beyond them all.
        while let Some(node) = self.pool.get(place as usize) {
            let at = self.start + u64::from(node.since);
            on(EventPlace(place), at, &node.event);
            place = node.next;
        }
    }

    /// Whether the current slot holds nothing.
    pub fn slot_is_empty(&self) -> bool {
        self.slots[self.slot].head == NONE && self.cursor == self.order.len() && self.new == 0
    }

    /// Takes any event of the current slot, whose order was not asked for.
    #[inline(always)]
    pub fn take_any(&mut self) -> Option<EventPlace> {
        debug_assert!(!self.sorted);
        let head = &mut self.slots[self.slot].head;
        let place = *head;
        if place == NONE {
            self.new = self.new.checked_sub(1)?;
            return Some(EventPlace(self.first_new + self.new));
        }
        *head = self.pool[place as usize].next;
        Some(EventPlace(place))
    }

    /// An event that was taken or came next, and its time.
    #[inline(always)]
    pub fn entry(&self, place: EventPlace) -> Scheduled<E> {
        let (at, &event) = self.look(place);
        Scheduled { at, event }
    }

    /// The same, with the event where it stands.
    #[inline(always)]
    pub fn look(&self, place: EventPlace) -> (u64, &E) {
        let node = &self.pool[place.0 as usize];
        (self.start + u64::from(node.since), &node.event)
    }

    /// How many new events of the slot were added before this one, if it is one.
    #[inline(always)]
    pub fn number_of_new(&self, place: EventPlace) -> Option<u32> {
        place
            .0
            .checked_sub(self.first_new)
            .filter(|&n| n < self.all_new)
    }

    /// The event, to be changed.
    #[inline(always)]
    pub fn event_mut(&mut self, place: EventPlace) -> &mut E {
        &mut self.pool[place.0 as usize].event
    }

    /// Adds a new event to the current slot, before its order is asked for. At one instant new events come last,
    /// in the order in which they were added.
    #[inline(always)]
    pub fn add_new(&mut self, at: u64, event: E) {
        debug_assert_eq!(self.new, self.all_new);
        let node = EventNode::new(within_u32(at - self.start), event, |_| {});
        if self.all_new == self.most_new {
            self.add_room(node);
        }
        self.pool[(self.first_new + self.all_new) as usize] = node;
        self.all_new += 1;
        self.new += 1;
    }

    /// Makes room for more new events. `any`: what fills it.
    #[cold]
    fn add_room(&mut self, any: EventNode<E>) {
        let from = self.first_new as usize..(self.first_new + self.most_new) as usize;
        let first = capped::<u32>(self.pool.len());
        for chunk in self.first_new / CHUNK..(self.first_new + self.most_new) / CHUNK {
            self.after[chunk as usize] = std::mem::replace(&mut self.free, chunk);
        }
        self.most_new = (2 * self.most_new).max(CHUNK);
        self.first_new = first;
        self.add_places(self.most_new, any);
        self.pool.copy_within(from, first as usize);
    }

    /// Makes the pool longer by whole chunks.
    fn add_places(&mut self, places: u32, any: EventNode<E>) {
        self.pool.resize(self.pool.len() + places as usize, any);
        self.after.resize(self.pool.len() / CHUNK as usize, NONE);
    }

    /// The places of the new events, which then count as held elsewhere.
    fn take_new(&mut self) -> std::ops::Range<u32> {
        self.first_new..self.first_new + std::mem::take(&mut self.new)
    }

    /// What `order` holds of an event.
    #[inline(always)]
    fn order_of(&self, place: u32) -> u64 {
        let is_new = self.number_of_new(EventPlace(place)).is_some();
        let since = self.since_slot(self.pool[place as usize].since);
        since << TIME_SHIFT | u64::from(is_new) << NEW.trailing_zeros() | u64::from(place)
    }

    /// A time since the start of the span as one since that of the current slot.
    #[inline(always)]
    fn since_slot(&self, since: u32) -> u64 {
        u64::from(since) - self.slot as u64 * SLOT_NS
    }

    /// Adds a list to those to be sorted.
    #[inline(always)]
    fn push_unsorted(&mut self, mut place: u32) {
        while place != NONE {
            self.unsorted.push(self.order_of(place));
            place = self.pool[place as usize].next;
        }
    }

    /// Puts the current slot in order of time.
    fn sort(&mut self) {
        self.sorted = true;
        self.unsorted.clear();
        let head = std::mem::replace(&mut self.slots[self.slot].head, NONE);
        self.push_unsorted(head);
        for place in self.take_new() {
            self.unsorted.push(self.order_of(place));
        }
        sort_by_time(&self.unsorted, &mut self.order);
    }

    /// So many events are in the current slot, whose order was not asked for and of which none was taken.
    pub fn slot_len(&self) -> usize {
        (self.scheduled() + self.new) as usize
    }

    /// Cuts what the current slot holds, its order not being asked for, into `parts` parts by time, in turn:
    /// `part_of(instant [ns])`. They must all be emptied before the next slot.
    pub fn cut(&mut self, parts: usize, part_of: impl Fn(u64) -> usize) {
        debug_assert!(!self.sorted);
        if self.parts.len() < parts {
            self.parts.resize(parts, NONE);
        }
        for place in self.take_new() {
            self.add_to_part(place, &part_of);
        }
        self.cut_late(part_of);
    }

    /// Does so with what has come into the slot since.
    #[inline(always)]
    pub fn cut_late(&mut self, part_of: impl Fn(u64) -> usize) {
        let mut place = std::mem::replace(&mut self.slots[self.slot].head, NONE);
        while place != NONE {
            let after = self.pool[place as usize].next;
            self.add_to_part(place, &part_of);
            place = after;
        }
    }

    #[inline(always)]
    fn add_to_part(&mut self, place: u32, part_of: impl Fn(u64) -> usize) {
        let node = &mut self.pool[place as usize];
        let head = &mut self.parts[part_of(self.start + u64::from(node.since))];
        node.next = *head;
        *head = place;
    }

    /// Whether a part holds any event.
    #[inline(always)]
    pub fn holds_part(&self, part: usize) -> bool {
        self.parts[part] != NONE
    }

    /// Takes the first event of a part.
    #[inline(always)]
    pub fn take_first(&mut self, part: usize) -> Option<EventPlace> {
        let mut first = self.parts[part];
        if first == NONE {
            return None;
        }
        let node = &self.pool[first as usize];
        let (mut before, mut place) = (first, node.next);
        let mut first_at = node.since;
        let mut before_first = NONE;
        while place != NONE {
            let node = &self.pool[place as usize];
            let (at, next) = (node.since, node.next);
            let mut earlier = at < first_at;
            if at == first_at {
                earlier = self.comes_before(place, first);
            }
            // No branches: nobody could foresee which is the first.
            before_first = std::hint::select_unpredictable(earlier, before, before_first);
            first = std::hint::select_unpredictable(earlier, place, first);
            first_at = std::hint::select_unpredictable(earlier, at, first_at);
            (before, place) = (place, next);
        }
        let after = self.pool[first as usize].next;
        match before_first {
            NONE => self.parts[part] = after,
            before => self.pool[before as usize].next = after,
        }
        Some(EventPlace(first))
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
            self.pool[low_bits(order) as usize].next = head;
            head = low_bits(order);
        }
        self.parts[part] = head;
    }

    /// Takes any event of a part.
    #[inline(always)]
    pub fn take_any_of(&mut self, part: usize) -> Option<EventPlace> {
        let head = &mut self.parts[part];
        let place = *head;
        if place == NONE {
            return None;
        }
        *head = self.pool[place as usize].next;
        Some(EventPlace(place))
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
        rest[..tied].sort_by_key(|&o| pool[low_bits(o) as usize].event);
        self.untied = self.cursor + tied;
    }

    /// What comes next in the current slot.
    #[inline(always)]
    pub fn take_next(&mut self) -> Option<EventPlace> {
        if !self.sorted {
            self.sort();
        }
        let mut next = *self.order.get(self.cursor)?;
        // Rarely do two come at one instant: then the events' own order decides.
        let after = self.order.get(self.cursor + 1);
        if after.is_some_and(|after| (next ^ after) >> TIME_SHIFT == 0 && after & NEW == 0)
            && self.cursor >= self.untied
        {
            self.untie();
            next = self.order[self.cursor];
        }
        self.cursor += 1;
        Some(EventPlace(low_bits(next)))
    }

    /// What comes next in the current slot, unless that is after `at` \[ns\].
    #[inline(always)]
    pub fn take_next_until(&mut self, at: u64) -> Option<EventPlace> {
        if !self.sorted {
            self.sort();
        }
        let &next = self.order.get(self.cursor)?;
        let place = EventPlace(low_bits(next));
        (self.look(place).0 <= at).then(|| self.take_next())?
    }

    /// Takes the next event of the current slot.
    #[inline]
    pub fn pop(&mut self) -> Option<Scheduled<E>> {
        self.take_next().map(|place| self.entry(place))
    }

    /// Schedules an event at `at` \[ns\], not before the last event popped.
    #[inline(always)]
    pub fn push(&mut self, at: u64, event: E) {
        self.push_changed(at, &event, |_| {});
    }

    /// Schedules a changed copy of an event that was taken or came next.
    #[inline(always)]
    pub fn push_again(&mut self, at: u64, place: EventPlace, change: impl FnOnce(&mut E)) {
        let from = place.0 as usize;
        match self.room_for(at, |calendar| calendar.pool[from].event) {
            Some((to, since)) => {
                self.pool[to] = EventNode::new(since, self.pool[from].event, change);
            }
            None => {
                let mut event = self.pool[from].event;
                change(&mut event);
                self.push_elsewhere(at, event);
            }
        }
    }

    /// Schedules a changed copy of an event.
    #[inline(always)]
    pub fn push_changed(&mut self, at: u64, event: &E, change: impl FnOnce(&mut E)) {
        match self.room_for(at, |_| *event) {
            Some((to, since)) => self.pool[to] = EventNode::new(since, *event, change),
            None => {
                let mut event = *event;
                change(&mut event);
                self.push_elsewhere(at, event);
            }
        }
    }

    /// The place for an event of an instant, and the time since the start of its span \[ns\], unless that is the
    /// present one or none of the ring. `any`: what fills the pool where it grows.
    #[inline(always)]
    fn room_for(&mut self, at: u64, any: impl FnOnce(&Self) -> E) -> Option<(usize, u32)> {
        let ahead = at.wrapping_sub(self.opened);
        let spans_ahead = spans_in(ahead);
        debug_assert!(
            index(spans_ahead) >= self.span,
            "an event in a span that is over"
        );
        let span = (self.first_span + index(spans_ahead)) % RING;
        if spans_ahead >= RING as u64 || span == self.span_in_ring {
            return None;
        }
        let since = within_u32(ahead - spans_ahead * SPAN_NS);
        Some((self.room_in(span, any) as usize, since))
    }

    /// The place for the next event of a span.
    #[inline(always)]
    fn room_in(&mut self, span: usize, any: impl FnOnce(&Self) -> E) -> u32 {
        if self.spans[span].tail.is_multiple_of(CHUNK) {
            self.add_chunk(span, any(self));
        }
        let tail = &mut self.spans[span].tail;
        let place = *tail;
        *tail += 1;
        place
    }

    /// Gives a span one more chunk.
    #[cold]
    #[inline(never)]
    fn add_chunk(&mut self, span: usize, any: E) {
        if self.free == NONE {
            self.free = capped::<u32>(self.pool.len()) / CHUNK;
            self.add_places(CHUNK, EventNode::new(0, any, |_| {}));
        }
        let chunk = self.free;
        self.free = std::mem::replace(&mut self.after[chunk as usize], NONE);
        let span = &mut self.spans[span];
        match span.first {
            NONE => span.first = chunk,
            _ => self.after[((span.tail - 1) / CHUNK) as usize] = chunk,
        }
        span.tail = chunk * CHUNK;
        span.places += CHUNK;
    }

    /// Schedules an event for the present span, or for a second that is not in the ring.
    #[inline(never)]
    fn push_elsewhere(&mut self, at: u64, event: E) {
        let since = at.saturating_sub(self.start);
        if since >= SPAN_NS {
            let entry = Scheduled { at, event };
            return self.far.entry(at / SECOND).or_default().push(entry);
        }
        let since = within_u32(since);
        let slot = slot_of(since);
        debug_assert!(
            at >= self.start && slot >= self.slot,
            "an event in a slot that is over"
        );
        let place = self.room_in(self.span_in_ring, |_| event);
        let mut node = EventNode::new(since, event, |_| {});
        let in_order = slot == self.slot && self.sorted;
        if !in_order {
            link(&mut self.slots[slot], place, &mut node);
        }
        self.pool[place as usize] = node;
        if in_order {
            self.insert(place);
        }
    }

    /// Inserts an event into the current slot, which is in order.
    #[cold]
    fn insert(&mut self, place: u32) {
        let EventNode { since, event, .. } = self.pool[place as usize];
        let since = self.since_slot(since);
        let pool = &self.pool;
        // Before the new ones of that instant, which have bit 32 set.
        let comes_before = |o: u64| match (o >> TIME_SHIFT).cmp(&since) {
            Ordering::Equal => o & NEW == 0 && pool[low_bits(o) as usize].event <= event,
            order => order == Ordering::Less,
        };
        let after = self.order[self.cursor..].partition_point(|&o| comes_before(o));
        let (index, order) = (self.cursor + after, since << TIME_SHIFT | u64::from(place));
        self.order.insert(index, order);
        // Those of its instant may be more than are in their own order.
        if index <= self.untied {
            self.untied = self.untied.min(self.cursor);
        }
    }

    /// Takes the next event of all, going through slots and seconds as needed.
    pub fn pop_any(&mut self) -> Option<(u64, E)> {
        loop {
            if let Some(entry) = self.pop() {
                return Some((entry.at, entry.event));
            }
            match self.next_slot() {
                Some(slot) => {
                    self.begin_slot(slot);
                }
                None => {
                    let second = self.next_second()?;
                    self.open(second);
                }
            }
        }
    }
}

impl<E: Copy> EventNode<E> {
    /// A node with a changed copy of an event.
    #[inline(always)]
    fn new(since: u32, mut event: E, change: impl FnOnce(&mut E)) -> EventNode<E> {
        change(&mut event);
        EventNode {
            since,
            next: NONE,
            event,
        }
    }
}

impl SpanEvents {
    /// Where its events in one of its chunks end: only the last chunk may have places left.
    #[inline(always)]
    fn end_in(&self, chunk: u32) -> u32 {
        if self.tail / CHUNK == chunk && !self.tail.is_multiple_of(CHUNK) {
            self.tail
        } else {
            (chunk + 1) * CHUNK
        }
    }

    fn len(&self) -> usize {
        // The places of the last chunk that are left.
        let left = self.tail.next_multiple_of(CHUNK) - self.tail;
        (self.places - left) as usize
    }
}

/// Puts a node into its slot's list.
#[inline(always)]
fn link<E>(slot: &mut SlotEvents, place: u32, node: &mut EventNode<E>) {
    node.next = slot.head;
    slot.head = place;
    slot.len += 1;
}

/// The number in the ring of the first span of a second.
fn first_span_of(second: u64) -> usize {
    (second % NEAR) as usize * SPANS
}

/// The slot of its span that a time since the start of the span \[ns\] lies in.
#[inline(always)]
fn slot_of(since: u32) -> usize {
    index(slots_in(u64::from(since))) % SPAN_SLOTS
}

/// Whole slots in so many nanoseconds.
#[inline(always)]
fn slots_in(ns: u64) -> u64 {
    whole::<SLOT_NS>(ns)
}

/// Whole spans in them.
#[inline(always)]
fn spans_in(ns: u64) -> u64 {
    whole::<SPAN_NS>(ns)
}

/// How often `PART` goes into `n`, told by one multiplication: exact for products of both below 2⁶⁴, else at most
/// one too many.
#[inline(always)]
fn whole<const PART: u64>(n: u64) -> u64 {
    let inverse = const { u64::MAX / PART + 1 };
    ((u128::from(n) * u128::from(inverse)) >> 64) as u64
}

/// What of two events of a slot comes first, by what `order` holds of them.
#[inline(always)]
fn in_order<E: Ord>(pool: &[EventNode<E>], a: u64, b: u64) -> Ordering {
    let by_time = (a >> NEW.trailing_zeros()).cmp(&(b >> NEW.trailing_zeros()));
    by_time.then_with(|| match a & NEW {
        0 => pool[low_bits(a) as usize]
            .event
            .cmp(&pool[low_bits(b) as usize].event),
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
    let bucket_of = |key: u64| index(key >> (TIME_SHIFT + TIME_BITS - bits)) % BUCKETS;
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

impl<E: Copy + Ord> Default for Calendar<E> {
    fn default() -> Self {
        Calendar::new()
    }
}

#[cfg(test)]
mod tests;
