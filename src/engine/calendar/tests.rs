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
fn whole_parts_are_told_by_multiplication() {
    fn check<const PART: u64>() {
        for n in (0..3 * RING as u64).chain([u64::MAX / PART / PART - 1]) {
            assert_eq!(whole::<PART>(n * PART), n);
            assert_eq!(whole::<PART>(n * PART + PART - 1), n);
        }
        for exponent in 40..64 {
            let n = 1 << exponent;
            assert!((n / PART..=n / PART + 1).contains(&whole::<PART>(n)));
        }
    }
    check::<SLOT_NS>();
    check::<SPAN_NS>();
}

#[test]
fn a_slot_can_be_drained_in_no_order() {
    let mut calendar = Calendar::new();
    for at in [SECOND + 9, SECOND + 3, SECOND + SLOT_NS, SECOND + 5] {
        calendar.push(at, at);
    }
    calendar.open(1);
    calendar.begin_slot(0);
    let mut first = Vec::new();
    while let Some(place) = calendar.take_any() {
        first.push(calendar.entry(place).at - SECOND);
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
        calendar.open(1);
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
                    let first = calendar.entry(place);
                    assert_eq!(Some((first.at, first.event)), next());
                }
            }
            let (mut rest, mut expected) = (Vec::new(), Vec::new());
            while calendar.holds_part(part)
                && let Some(place) = calendar.take_any_of(part)
            {
                let any = calendar.entry(place);
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
