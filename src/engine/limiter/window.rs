//! Windows: so many in each (fixed), or in any span as long as one (sliding).

use super::rate::{Certificate, Step};
use crate::engine::SECOND;
use std::collections::VecDeque;
use std::ops::Range;

/// A stretch of time with one window length and capacity.
#[derive(Clone, Copy, Debug)]
struct WindowSegment {
    from_ns: u64,
    window_ns: u64,
    capacity: u64,
}

/// The segments of a limiter; the present one is remembered, as time does not go back.
#[derive(Clone, Debug)]
struct WindowSegments {
    all: Vec<WindowSegment>,
    at: usize,
}

impl WindowSegments {
    fn new(steps: &[Step]) -> WindowSegments {
        let mut all: Vec<WindowSegment> = Vec::with_capacity(steps.len());
        for step in steps {
            let mut from_ns = step.from_s * SECOND;
            if let Some(last) = all.last() {
                // The window that is open when a change comes keeps the old capacity to its end.
                // Another change inside that same window replaces the one that waits for its end.
                let since = from_ns.saturating_sub(last.from_ns);
                from_ns = last.from_ns + since.div_ceil(last.window_ns) * last.window_ns;
                if all.last().is_some_and(|l| l.from_ns == from_ns) {
                    all.pop();
                }
            }
            all.push(WindowSegment {
                from_ns,
                window_ns: step.den * SECOND,
                capacity: step.num,
            });
        }
        WindowSegments { all, at: 0 }
    }

    fn per_second(&self, second: u64) -> f64 {
        let i = self.all.partition_point(|s| s.from_ns <= second * SECOND);
        let s = self.all[i.saturating_sub(1)];
        s.capacity as f64 * (SECOND as f64 / s.window_ns as f64)
    }

    #[inline]
    fn of(&mut self, at: u64) -> WindowSegment {
        while self.all.get(self.at + 1).is_some_and(|s| s.from_ns <= at) {
            self.at += 1;
        }
        self.all[self.at]
    }

    fn longest_window(&self) -> u64 {
        self.all.iter().map(|s| s.window_ns).max().unwrap_or(0)
    }
}

/// As many per window as the rate gives, the rest refused until the next window starts.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    segments: WindowSegments,
    window_end: u64,
    left: u64,
}

impl Fixed {
    pub(super) fn new(steps: &[Step]) -> Fixed {
        Fixed {
            segments: WindowSegments::new(steps),
            window_end: 0,
            left: 0,
        }
    }

    pub(super) fn per_second(&self, second: u64) -> f64 {
        self.segments.per_second(second)
    }

    #[inline(always)]
    pub(super) fn has_room(&mut self, at: u64) -> bool {
        if at >= self.window_end {
            self.open_window(at);
        }
        self.left > 0
    }

    pub(super) fn room_in(&mut self, second: u64) -> u64 {
        self.has_room(second * SECOND);
        self.left
    }

    /// Whether `n` attempts fit into every one of some seconds: where each is a window of its own.
    pub(super) fn admits_each(&self, seconds: &Range<u64>, n: u64) -> bool {
        let all = &self.segments.all;
        let in_force = |ns| all.partition_point(|s| s.from_ns <= ns).max(1) - 1;
        let (first, last) = (
            in_force(seconds.start * SECOND),
            in_force((seconds.end * SECOND).saturating_sub(1)),
        );
        let fits = |s: &WindowSegment| s.window_ns == SECOND && n <= s.capacity;
        all[first..=last].iter().all(fits)
    }

    /// Most attempts that are admitted in a second, where it is a window of its own.
    pub(super) fn most_in(&self, second: u64) -> Option<u64> {
        let (segments, at) = (&self.segments.all, second * SECOND);
        let i = segments.partition_point(|s| s.from_ns <= at);
        let of = segments[i.saturating_sub(1)];
        let is_own = of.window_ns == SECOND && of.from_ns.is_multiple_of(SECOND);
        is_own.then_some(of.capacity)
    }

    #[inline(always)]
    pub(super) fn take_counted(&mut self, n: u64) {
        self.left -= n;
    }

    /// Opens the window that holds `at`.
    fn open_window(&mut self, at: u64) {
        let s = self.segments.of(at);
        let start = s.from_ns + (at - s.from_ns) / s.window_ns * s.window_ns;
        self.window_end = start + s.window_ns;
        self.left = s.capacity;
    }
}

/// As many in any span of one window.
#[derive(Clone, Debug)]
pub(super) struct Sliding {
    segments: WindowSegments,
    longest_window: u64,
    /// Instants of what was admitted, ascending, but for seconds of which only counts are known.
    admitted: VecDeque<u64>,
    /// Those seconds: end of the last part, length of a part, attempts in each part.
    counted: VecDeque<Counted>,
    /// In a counted second everything is admitted and its instant written down here.
    taken: Option<Vec<u64>>,
    /// Counted seconds from here on have been replayed.
    replayed_from: u64,
}

#[derive(Clone, Debug)]
struct Counted {
    start: u64,
    parts: Vec<u64>,
}

impl Counted {
    /// Ends and counts of the parts.
    fn parts(&self) -> impl Iterator<Item = (u64, u64)> {
        let part = SECOND / self.parts.len() as u64;
        let ends = (1..).map(move |i| self.start + i * part);
        ends.zip(self.parts.iter().copied())
    }
}

impl Sliding {
    pub(super) fn new(steps: &[Step]) -> Sliding {
        let segments = WindowSegments::new(steps);
        Sliding {
            longest_window: segments.longest_window(),
            segments,
            admitted: VecDeque::new(),
            counted: VecDeque::new(),
            taken: None,
            replayed_from: u64::MAX,
        }
    }

    pub(super) fn per_second(&self, second: u64) -> f64 {
        self.segments.per_second(second)
    }

    /// Drops instants that no window can reach any more.
    #[inline]
    fn forget(&mut self, now: u64) {
        while let Some(&first) = self.admitted.front()
            && first + self.longest_window <= now
        {
            self.admitted.pop_front();
        }
    }

    /// Known instants in the window that ends at `at`.
    #[inline]
    fn inside(&self, at: u64, window_ns: u64) -> u64 {
        let before = if window_ns == self.longest_window {
            0
        } else {
            self.admitted.partition_point(|&t| t + window_ns <= at)
        };
        (self.admitted.len() - before) as u64
    }

    #[inline]
    pub(super) fn has_room(&mut self, at: u64) -> bool {
        if self.taken.is_some() {
            return true;
        }
        let segment = self.segments.of(at);
        self.forget(at);
        self.inside(at, segment.window_ns) < segment.capacity
    }

    #[inline]
    pub(super) fn take(&mut self, at: u64) {
        match &mut self.taken {
            Some(taken) => taken.push(at),
            None => self.admitted.push_back(at),
        }
    }

    /// A window that ends in a part holds at most what is known to lie in it, every counted part
    /// that reaches into it, and the second's own parts up to that one.
    pub(super) fn certify(&mut self, second: u64, parts: &[u64]) -> Certificate {
        let start = second * SECOND;
        let segment = self.segments.of(start);
        let total: u64 = parts.iter().sum();
        // Windows are whole seconds: the last attempt sees all others of its second.
        if total > segment.capacity {
            return Certificate::Never;
        }
        let part = SECOND / parts.len() as u64;
        let mut own = 0;
        for (i, &n) in parts.iter().enumerate() {
            let from = start + i as u64 * part;
            own += n;
            let reaches = |end: u64| end + segment.window_ns > from;
            let counted = self.counted.iter().flat_map(Counted::parts);
            let counted: u64 = counted.filter(|p| reaches(p.0)).map(|p| p.1).sum();
            let known = self.admitted.len()
                - self
                    .admitted
                    .partition_point(|&t| t + segment.window_ns <= from);
            if n > 0 && known as u64 + counted + own > segment.capacity {
                return Certificate::Unknown;
            }
        }
        Certificate::Sure
    }

    pub(super) fn count_second(&mut self, second: u64, parts: &[u64]) {
        let start = second * SECOND;
        while let Some(first) = self.counted.front()
            && first.start + SECOND + self.longest_window <= start
        {
            self.counted.pop_front();
        }
        self.taken = Some(Vec::new());
        if parts.iter().any(|&n| n > 0) {
            self.counted.push_back(Counted {
                start,
                parts: parts.to_vec(),
            });
        }
    }

    pub(super) fn end_second(&mut self) -> Vec<u64> {
        self.taken.take().unwrap_or_default()
    }

    pub(super) fn is_exact(&self) -> bool {
        self.counted.is_empty()
    }

    pub(super) fn restore(&mut self, at: u64) {
        while self.admitted.back().is_some_and(|&t| t >= at) {
            self.admitted.pop_back();
        }
        self.replayed_from = at;
    }

    pub(super) fn replay(&mut self, instants: &[u64], now: u64) {
        self.admitted.extend(instants);
        let unseen = |c: &Counted| {
            c.start < self.replayed_from && c.start + SECOND + self.longest_window > now
        };
        if !self.counted.iter().any(unseen) {
            self.counted.clear();
            self.forget(now);
        }
    }
}
