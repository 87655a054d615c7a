//! Counted seconds of quotas whose state depends on instants: token buckets and sliding windows.
//!
//! Such a quota certifies a second by bounds of its state. To prove that everything is admitted it
//! needs no instants, only how the second's attempts spread over equal parts of it, and the parts
//! may be as coarse as the proof allows. Counting then leaves bounds of the state behind, not the
//! state. The seconds are held until a contended second asks for the state: it is found by going
//! back one second, two, four, … and showing the limiter the instants since then, drawn again from
//! their keys, until its bounds meet. At the first second held the state was exact, so they meet at
//! the latest there, and no digit depends on what was counted.

use super::drawn::{Drawn, Piece};
use super::{World, for_each_asked};
use crate::engine::SECOND;
use crate::engine::calendar::SLOTS;
use crate::engine::limiter::{Certificate, Known};
use std::collections::VecDeque;

/// Most seconds held; then the state is recovered, so that memory stays bounded.
const MOST_HELD: usize = 1_024;
/// Most counts held of all those seconds.
const MOST_COUNTS: usize = 1 << 20;

/// Counted seconds since the state was known exactly.
#[derive(Default)]
pub(super) struct Held {
    seconds: VecDeque<HeldSecond>,
    spare: Vec<HeldSecond>,
    /// Parts that proved the last one.
    parts: usize,
}

#[derive(Default)]
struct HeldSecond {
    drawn: Drawn,
    /// For each quota: what was known before it, and what was taken one by one in it.
    quotas: Vec<(Known, Vec<u64>)>,
}

impl World<'_> {
    /// Whether everything that could be offered to these quotas is surely admitted. Their whole
    /// second's demand stands in `parts` as one part.
    pub(super) fn certify_timed(&mut self, second: u64) -> bool {
        let mut parts = 1;
        loop {
            let mut sure = true;
            for &q in &self.timed {
                let quota = &mut self.quotas[q];
                match quota.limiter.certify(second, &quota.parts) {
                    Certificate::Sure => {}
                    Certificate::Never => return false,
                    Certificate::Unknown => sure = false,
                }
            }
            if sure {
                self.held.parts = parts;
                return true;
            }
            if parts == SLOTS {
                return false;
            }
            // Most seconds need as many parts as the one before.
            parts = (2 * parts).max(self.held.parts / 2);
            self.fill_parts(second, parts);
        }
    }

    /// Counts what could be offered to these quotas in each of so many equal parts of the second.
    fn fill_parts(&mut self, second: u64, parts: usize) {
        let length = SECOND / parts as u64;
        for &q in &self.timed {
            let of_quota = &mut self.quotas[q].parts;
            of_quota.clear();
            of_quota.resize(parts, 0);
        }
        for &q in &self.timed {
            let mut of_quota = std::mem::take(&mut self.quotas[q].parts);
            let mut nodes = vec![0; 2 * parts];
            for d in &self.drawn.workloads {
                self.pieces(&self.drawn, d, |piece| match piece {
                    Piece::One(at, arrival) => {
                        let each = self.actions[arrival.action as usize].demand_of(q);
                        of_quota[(at / length) as usize] += each;
                    }
                    Piece::Many {
                        action,
                        n,
                        key,
                        density,
                    } => {
                        let each = self.actions[action].demand_of(q);
                        if each > 0 {
                            density.split_to(parts, n, key, &mut nodes);
                            for (part, n) in of_quota.iter_mut().zip(&nodes[parts..]) {
                                *part += each * n;
                            }
                        }
                    }
                });
            }
            self.quotas[q].parts = of_quota;
        }
        let events = self.calendar.events_of(second);
        for entry in events.filter(|e| e.event.step.may_ask()) {
            let part = ((entry.at - second * SECOND) / length) as usize;
            let (timed, quotas) = (&self.timed, &mut self.quotas);
            for_each_asked(&self.classes, &self.lanes, entry.event.class, |q| {
                if timed.contains(&q) {
                    quotas[q].parts[part] += 1;
                }
            });
        }
    }

    /// Begins a second that [`World::certify_timed`] has certified.
    pub(super) fn begin_held(&mut self, second: u64) {
        let mut held = self.held.spare.pop().unwrap_or_default();
        held.quotas.clear();
        for &q in &self.timed {
            let quota = &mut self.quotas[q];
            held.quotas.push((quota.limiter.known(second), Vec::new()));
            // What a cache or a client may keep back is counted too.
            let at_most = self.has_memory;
            quota.limiter.count_second(second, &quota.parts, at_most);
        }
        self.held.seconds.push_back(held);
    }

    /// Ends it.
    pub(super) fn end_held(&mut self, second: u64) {
        let mut exact = true;
        if let Some(held) = self.held.seconds.back_mut() {
            for (&q, (_, taken)) in self.timed.iter().zip(&mut held.quotas) {
                let limiter = &mut self.quotas[q].limiter;
                *taken = limiter.end_second();
                exact &= limiter.is_exact();
            }
            std::mem::swap(&mut held.drawn, &mut self.drawn);
        }
        let seconds = self.held.seconds.len();
        if exact {
            self.release_held();
        } else if seconds >= MOST_HELD || seconds * self.actions.len() >= MOST_COUNTS {
            self.recover(second + 1);
        }
    }

    fn release_held(&mut self) {
        self.held.spare.extend(self.held.seconds.drain(..));
    }

    /// Finds the exact state of these quotas at the start of `second`.
    pub(super) fn recover(&mut self, second: u64) {
        let len = self.held.seconds.len();
        let mut back = 1;
        while !self
            .timed
            .iter()
            .all(|&q| self.quotas[q].limiter.is_exact())
        {
            let from = len.saturating_sub(back);
            for (i, &q) in self.timed.iter().enumerate() {
                let known = self.held.seconds[from].quotas[i].0;
                self.quotas[q].limiter.restore(&known);
            }
            for s in from..len {
                // Up to a thousand seconds may have to be drawn again.
                if self.options.is_cancelled() {
                    return;
                }
                let next = self.held.seconds.get(s + 1);
                let until = next.map_or(second, |h| h.drawn.second) * SECOND;
                for (i, &q) in self.timed.iter().enumerate() {
                    let instants = self.instants(&self.held.seconds[s], i, q);
                    self.quotas[q].limiter.replay(&instants, until);
                }
            }
            if from == 0 {
                break;
            }
            back *= 2;
        }
        self.release_held();
    }

    /// The instants at which a counted second took from a quota, in order.
    fn instants(&self, held: &HeldSecond, i: usize, q: usize) -> Vec<u64> {
        let mut instants = held.quotas[i].1.clone();
        let start = held.drawn.second * SECOND;
        for d in &held.drawn.workloads {
            // Whatever was looked at one by one has been written down, but for what was split and
            // has no memory: that was counted slot by slot.
            if d.has_memory {
                continue;
            }
            self.pieces(&held.drawn, d, |piece| match piece {
                Piece::One(at, arrival) => {
                    if !d.one_by_one {
                        let each = self.actions[arrival.action as usize].demand_of(q);
                        instants.extend(std::iter::repeat_n(start + at, each as usize));
                    }
                }
                Piece::Many {
                    action,
                    n,
                    key,
                    density,
                } => {
                    let each = self.actions[action].demand_of(q);
                    if each > 0 {
                        density.arrivals(n, held.drawn.second, key, |at, _, _| {
                            instants.extend(std::iter::repeat_n(start + at, each as usize));
                        });
                    }
                }
            });
        }
        instants.sort_unstable();
        instants
    }
}
