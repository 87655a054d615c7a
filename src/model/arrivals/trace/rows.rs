//! Rows of a recording in order of time, column by column: a row takes some ten to twenty bytes.

use super::cells::{Cells, Integers};
use crate::engine::narrow::{capped, low_bits_of_wide};

/// Rows of a recording in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    pub(super) instants: Instants,
    pub(super) kinds: Integers,
    pub(super) objects: Cells,
    pub(super) sizes: Cells,
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.instants.low.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When a row comes, since the first \[ns\], as recorded.
    pub fn at(&self, row: usize) -> u128 {
        self.instants.at(row)
    }

    /// When the last one does.
    pub fn last_at(&self) -> Option<u128> {
        Some(self.at(self.len().checked_sub(1)?))
    }

    /// When they come, one after another from a row on.
    #[inline]
    pub fn instants_from(&self, row: usize) -> impl Iterator<Item = u128> {
        self.instants.from(row)
    }

    /// The first row of which something does not hold that holds of all instants up to some.
    pub fn partition_point(&self, holds: impl Fn(u128) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.at(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// What a row says of its request: index of [`super::Recording::kinds`].
    #[inline(always)]
    pub fn kind(&self, row: usize) -> u32 {
        capped::<u32>(self.kinds.get(row))
    }

    /// Identity of its object.
    #[inline]
    pub fn object(&self, row: usize) -> Option<u64> {
        self.objects.get(row)
    }

    /// Size of its object \[bytes\].
    #[inline]
    pub fn size(&self, row: usize) -> Option<u64> {
        self.sizes.get(row)
    }

    /// Whether every row names its object.
    pub fn name_objects(&self) -> bool {
        self.objects.are_complete()
    }
}

/// Instants that do not fall, four bytes each: what lies above those is kept once for all that have it in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Instants {
    low: Vec<u32>,
    /// The first row with these upper bits, and they.
    high: Vec<(usize, u128)>,
}

impl Instants {
    /// Adds the next.
    #[inline(always)]
    pub fn push(&mut self, at: u128) {
        let high = at >> 32;
        if self.high.last().is_none_or(|last| last.1 != high) {
            self.high.push((self.low.len(), high));
        }
        self.low.push(low_bits_of_wide(at));
    }

    fn at(&self, row: usize) -> u128 {
        let i = self.high.partition_point(|high| high.0 <= row) - 1;
        self.high[i].1 << 32 | u128::from(self.low[row])
    }

    /// Those from a row on.
    fn from(&self, row: usize) -> impl Iterator<Item = u128> {
        let mut next = self.high.partition_point(|high| high.0 <= row);
        let mut above = self.high[..next].last().map_or(0, |high| high.1 << 32);
        let rest = self.low.iter().enumerate().skip(row);
        rest.map(move |(row, &low)| {
            if let Some(high) = self.high.get(next).filter(|high| high.0 == row) {
                above = high.1 << 32;
                next += 1;
            }
            above | u128::from(low)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_that_were_pushed() {
        let all: Vec<u128> = [
            0,
            0,
            5,
            (1 << 32) - 1,
            1 << 32,
            9 << 32,
            (9 << 32) + 7,
            1 << 80,
        ]
        .into_iter()
        .collect();
        let mut rows = Rows::default();
        all.iter().for_each(|&at| rows.instants.push(at));
        for from in 0..=all.len() {
            let found: Vec<u128> = rows.instants_from(from).collect();
            assert_eq!(found, all[from..]);
        }
        for (row, &at) in all.iter().enumerate() {
            assert_eq!(rows.at(row), at);
            let before = rows.partition_point(|other| other < at);
            assert_eq!(before, all.partition_point(|&other| other < at));
        }
        assert_eq!((rows.len(), rows.last_at()), (all.len(), Some(1 << 80)));
        assert_eq!(Rows::default().last_at(), None);
    }
}
