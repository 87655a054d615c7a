//! Events counted by second, however many there are: only seconds with events take memory.

/// How many events came in which second (or in the period that begins with it).
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Seconds since 1970 and their events; the first `sorted` are in order, each second once.
    entries: Vec<(i64, u64)>,
    sorted: usize,
}

impl Counts {
    /// Adds `n` events of one second.
    #[inline]
    pub fn add(&mut self, second: i64, n: u64) {
        if self.entries.len() > self.sorted
            && let Some(last) = self.entries.last_mut()
            && last.0 == second
        {
            last.1 += n;
            return;
        }
        self.entries.push((second, n));
        if self.entries.len() >= 2 * self.sorted + 1024 {
            self.settle();
        }
    }

    /// Puts all in order. Afterwards [`Counts::seconds`] may be called.
    pub fn settle(&mut self) {
        if self.sorted == self.entries.len() {
            return;
        }
        self.entries.sort_by_key(|entry| entry.0);
        self.entries.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 += later.1;
            }
            same
        });
        self.sorted = self.entries.len();
    }

    /// Seconds with events, in order; after [`Counts::settle`].
    pub fn seconds(&self) -> &[(i64, u64)] {
        debug_assert_eq!(self.sorted, self.entries.len());
        &self.entries
    }

    /// All events.
    pub fn total(&self) -> u64 {
        self.entries.iter().map(|entry| entry.1).sum()
    }

    /// Seconds with events from one until before another; after [`Counts::settle`].
    pub fn within(&self, from: i64, to: i64) -> &[(i64, u64)] {
        let at = |second: i64| self.seconds().partition_point(|s| s.0 < second);
        &self.seconds()[at(from)..at(to).max(at(from))]
    }

    /// Those from one second until before another; after [`Counts::settle`].
    pub fn between(&self, from: i64, to: i64) -> Counts {
        let entries = self.within(from, to).to_vec();
        Counts {
            sorted: entries.len(),
            entries,
        }
    }

    /// Adds another's events.
    pub fn merge(&mut self, other: &Counts) {
        for &(second, n) in &other.entries {
            self.entries.push((second, n));
        }
        self.settle_all();
    }

    fn settle_all(&mut self) {
        self.sorted = 0;
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_come_in_order_each_once() {
        let mut counts = Counts::default();
        for i in 0..10_000_i64 {
            counts.add((i * 7919) % 100, 1);
        }
        counts.settle();
        assert_eq!(counts.seconds().len(), 100);
        assert!(counts.seconds().iter().all(|s| s.1 == 100));
        assert!(counts.seconds().is_sorted());
        let mut other = Counts::default();
        other.add(5, 3);
        other.add(1_000_000_000, 1);
        counts.merge(&other);
        assert_eq!((counts.total(), counts.seconds().len()), (10_004, 101));
        assert_eq!(counts.seconds()[5], (5, 103));
    }
}
