//! Evenly spaced arrivals of a second that are too many to list: a stretch of time after another.

use crate::engine::SECOND;
use crate::simulation::state::drawn::Arrival;
use crate::simulation::state::evenly::EvenArrivals;

/// About how many arrivals a stretch has.
const STRETCH: u64 = 1 << 14;

/// Some of them, and the arrivals listed before and after them, merged.
#[derive(Default)]
pub struct ArrivalStream {
    sources: Vec<EvenSource>,
    /// Arrivals of the present stretch, in order of time.
    stretch: Vec<StreamedArrival>,
    next: usize,
    /// Where the stretch ends, and how long each is \[ns in the second\].
    end: u64,
    length: u64,
    /// Arrivals of all sources.
    total: u64,
}

/// The arrivals of one workload.
struct EvenSource {
    arrivals: EvenArrivals,
    /// How many were listed before them.
    position: usize,
}

/// An arrival, and its place at its instant.
#[derive(Clone, Copy)]
struct StreamedArrival {
    at: u64,
    position: usize,
    source: usize,
    arrival: Arrival,
}

impl ArrivalStream {
    /// Begins a second.
    pub fn clear(&mut self) {
        self.sources.clear();
        self.stretch.clear();
        self.next = 0;
        self.end = 0;
        self.total = 0;
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Adds a workload's, before which so many have been listed.
    pub fn add(&mut self, arrivals: EvenArrivals, position: usize) {
        self.total += arrivals.len();
        self.length = (SECOND * STRETCH).div_ceil(self.total.max(STRETCH));
        self.sources.push(EvenSource { arrivals, position });
    }

    /// How many of each action there are in each of so many equal parts of the second: `f(action, part, how many)`.
    pub fn of_parts(&self, parts: usize, mut f: impl FnMut(usize, usize, u64)) {
        let sources = self.sources.iter();
        sources.for_each(|s| s.arrivals.of_parts(parts, &mut f));
    }

    /// Begins the next stretch where none are left of the present one, and tells where it ends.
    #[inline(always)]
    pub fn needs(&mut self) -> Option<u64> {
        if self.next < self.stretch.len() || self.end >= SECOND {
            return None;
        }
        self.stretch.clear();
        self.next = 0;
        self.end = (self.end + self.length).min(SECOND);
        Some(self.end)
    }

    /// Adds an arrival of the stretch that was listed in this position.
    pub fn mix_in(&mut self, at: u64, position: usize, arrival: Arrival) {
        self.stretch.push(StreamedArrival {
            at,
            position,
            // After those before which all earlier positions were listed.
            source: usize::MAX,
            arrival,
        });
    }

    /// Adds those of all sources, and brings all into order.
    pub fn fill(&mut self) {
        let is_mixed = !self.stretch.is_empty() || self.sources.len() > 1;
        for (source, s) in self.sources.iter_mut().enumerate() {
            let n = s.arrivals.before(self.end);
            let position = s.position;
            let found = s.arrivals.by_ref().take(n as usize);
            self.stretch
                .extend(found.map(|(at, arrival)| StreamedArrival {
                    at,
                    position,
                    source,
                    arrival,
                }));
        }
        if is_mixed {
            self.stretch.sort_by_key(|s| (s.at, s.position, s.source));
        }
    }

    /// When the next one of the stretch comes \[ns in the second\].
    #[inline(always)]
    pub fn next_at(&self) -> Option<u64> {
        self.stretch.get(self.next).map(|s| s.at)
    }

    /// Takes it.
    #[inline(always)]
    pub fn take(&mut self) -> Option<(u64, Arrival)> {
        let s = self.stretch.get(self.next)?;
        self.next += 1;
        Some((s.at, s.arrival))
    }
}
