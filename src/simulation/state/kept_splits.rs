//! How arrivals were split over the slots of their seconds, for other runs of the same arrivals.

use crate::engine::calendar::SLOTS;
use std::collections::HashMap;

/// Splits of one component's arrivals in one replication, as many as there is room for.
#[derive(Debug, Default)]
pub struct KeptSplits {
    /// By second and action.
    of: HashMap<(u64, u32), KeptSplit>,
    room: usize,
}

/// How the `n` arrivals of an action were split over the slots of a second.
#[derive(Debug)]
struct KeptSplit {
    n: u64,
    counts: Box<[u16]>,
}

impl KeptSplits {
    /// None yet, and room for so many.
    pub fn with_room(room: usize) -> KeptSplits {
        KeptSplits {
            of: HashMap::new(),
            room,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Appends how the `n` arrivals of an action are split over a second; `split` does it where that is not known.
    pub fn split(
        &mut self,
        (second, action): (u64, usize),
        n: u64,
        counts: &mut Vec<u32>,
        split: impl FnOnce(&mut Vec<u32>),
    ) {
        let at = (second, action as u32);
        if let Some(kept) = self.of.get(&at).filter(|kept| kept.n == n) {
            return counts.extend(kept.counts.iter().map(|&n| u32::from(n)));
        }
        split(counts);
        // More arrivals than that in a slot of 2 ms are not kept.
        if self.of.len() < self.room && n <= u64::from(u16::MAX) {
            let own = &counts[counts.len() - SLOTS..];
            let counts = own.iter().map(|&n| n as u16).collect();
            self.of.insert(at, KeptSplit { n, counts });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_split() {
        let mut kept = KeptSplits::with_room(2);
        let split =
            |first: u32| move |counts: &mut Vec<u32>| counts.extend(first..first + SLOTS as u32);
        let mut ask = |at, n, first, expected: u32| {
            let mut counts = vec![7];
            kept.split(at, n, &mut counts, split(first));
            assert_eq!((counts.len(), counts[0]), (1 + SLOTS, 7));
            assert_eq!(counts[1], expected);
            kept.len()
        };
        assert_eq!(ask((3, 0), 100, 10, 10), 1);
        assert_eq!(ask((3, 0), 100, 20, 10), 1);
        // Another number of arrivals, another action and second; too many in a slot; no room.
        assert_eq!(ask((3, 0), 101, 30, 30), 1);
        assert_eq!(ask((3, 1), 1 << 20, 40, 40), 1);
        assert_eq!(ask((4, 0), 100, 50, 50), 2);
        assert_eq!(ask((4, 1), 100, 60, 60), 2);
        assert_eq!(ask((4, 1), 100, 70, 70), 2);
    }
}
