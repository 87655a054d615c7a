//! Columns of whole numbers, as narrow as what they hold.

use crate::engine::narrow::capped;

/// Whole numbers in as many bytes each as the largest takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Integers {
    One(Vec<u8>),
    Two(Vec<u16>),
    Three(Vec<[u8; 3]>),
    Four(Vec<u32>),
    Eight(Vec<u64>),
}

impl Default for Integers {
    fn default() -> Integers {
        Integers::One(Vec::new())
    }
}

impl Integers {
    pub fn len(&self) -> usize {
        match self {
            Integers::One(v) => v.len(),
            Integers::Two(v) => v.len(),
            Integers::Three(v) => v.len(),
            Integers::Four(v) => v.len(),
            Integers::Eight(v) => v.len(),
        }
    }

    #[inline(always)]
    pub fn get(&self, i: usize) -> u64 {
        match self {
            Integers::One(v) => v[i].into(),
            Integers::Two(v) => v[i].into(),
            Integers::Three(v) => of_three(v[i]),
            Integers::Four(v) => v[i].into(),
            Integers::Eight(v) => v[i],
        }
    }

    #[inline(always)]
    pub fn push(&mut self, n: u64) {
        let pushed = match self {
            Integers::One(v) => u8::try_from(n).map(|n| v.push(n)).is_ok(),
            Integers::Two(v) => u16::try_from(n).map(|n| v.push(n)).is_ok(),
            Integers::Three(v) => three(n).map(|n| v.push(n)).is_some(),
            Integers::Four(v) => u32::try_from(n).map(|n| v.push(n)).is_ok(),
            Integers::Eight(v) => {
                v.push(n);
                true
            }
        };
        if !pushed {
            self.widen();
            self.push(n);
        }
    }

    /// The same numbers in more bytes.
    #[cold]
    fn widen(&mut self) {
        *self = match std::mem::take(self) {
            Integers::One(v) => Integers::Two(v.into_iter().map(u16::from).collect()),
            Integers::Two(v) => {
                let wide = v.into_iter().map(|n| {
                    let [low, high] = n.to_le_bytes();
                    [low, high, 0]
                });
                Integers::Three(wide.collect())
            }
            Integers::Three(v) => {
                let wide = v.into_iter().map(|n| capped::<u32>(of_three(n)));
                Integers::Four(wide.collect())
            }
            Integers::Four(v) => Integers::Eight(v.into_iter().map(u64::from).collect()),
            widest @ Integers::Eight(_) => widest,
        };
    }

    /// Puts another number of the same range in the place of each.
    pub fn replace(&mut self, by: impl Fn(u64) -> u64) {
        match self {
            Integers::One(v) => v
                .iter_mut()
                .for_each(|n| *n = capped::<u8>(by((*n).into()))),
            Integers::Two(v) => v
                .iter_mut()
                .for_each(|n| *n = capped::<u16>(by((*n).into()))),
            Integers::Three(v) => v.iter_mut().for_each(|n| {
                let [a, b, c, ..] = by(of_three(*n)).to_le_bytes();
                *n = [a, b, c];
            }),
            Integers::Four(v) => v
                .iter_mut()
                .for_each(|n| *n = capped::<u32>(by((*n).into()))),
            Integers::Eight(v) => v.iter_mut().for_each(|n| *n = by(*n)),
        }
    }

    /// The same in another order.
    pub fn in_order(&self, order: &[u32]) -> Integers {
        let mut ordered = Integers::default();
        order
            .iter()
            .for_each(|&i| ordered.push(self.get(i as usize)));
        ordered
    }
}

#[inline(always)]
fn of_three([a, b, c]: [u8; 3]) -> u64 {
    u64::from(u32::from_le_bytes([a, b, c, 0]))
}

/// A number in three bytes, if it fits.
#[inline(always)]
fn three(n: u64) -> Option<[u8; 3]> {
    let [a, b, c, above @ ..] = n.to_le_bytes();
    (above == [0; 5]).then_some([a, b, c])
}

/// A column of whole numbers of which rows may have none: nothing is kept where no row has one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cells {
    /// 0 where a row has none; empty as long as no row has one.
    values: Integers,
    rows: usize,
    /// One bit for each row that has none; empty where all have one.
    absent: Vec<u64>,
}

impl Cells {
    #[inline(always)]
    pub fn push(&mut self, value: Option<u64>) {
        match value {
            Some(value) => {
                if self.values.len() < self.rows {
                    self.begin();
                }
                self.values.push(value);
            }
            None => {
                if self.values.len() == self.rows && self.rows > 0 {
                    self.values.push(0);
                    self.mark(self.rows);
                }
            }
        }
        self.rows += 1;
    }

    /// Begins to keep values, of which the rows so far have none.
    #[cold]
    fn begin(&mut self) {
        for row in 0..self.rows {
            self.values.push(0);
            self.mark(row);
        }
    }

    fn mark(&mut self, row: usize) {
        let words = row / 64 + 1;
        if self.absent.len() < words {
            self.absent.resize(words, 0);
        }
        self.absent[row / 64] |= 1 << (row % 64);
    }

    #[inline(always)]
    pub fn get(&self, row: usize) -> Option<u64> {
        let word = self.absent.get(row / 64).copied().unwrap_or(0);
        let is_kept = row < self.values.len() && word >> (row % 64) & 1 == 0;
        is_kept.then(|| self.values.get(row))
    }

    /// Whether every row has one.
    pub fn are_complete(&self) -> bool {
        self.values.len() == self.rows && self.absent.is_empty()
    }

    /// The same in another order.
    pub fn in_order(&self, order: &[u32]) -> Cells {
        let mut ordered = Cells::default();
        if self.values.len() == 0 {
            ordered.rows = self.rows;
            return ordered;
        }
        order
            .iter()
            .for_each(|&i| ordered.push(self.get(i as usize)));
        ordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_those_that_were_pushed_whatever_their_width_and_gaps() {
        for rows in [
            vec![],
            vec![None, None],
            vec![Some(3), None, Some(255)],
            vec![None, Some(256), None, None, Some(0)],
            vec![Some(7), Some(70_000), Some(u64::MAX), None],
            vec![Some((1 << 24) - 1), None, Some(65_536), Some(1 << 24)],
            (0..200).map(|i| (i % 3 > 0).then_some(i)).collect(),
            (0..200).map(Some).collect(),
        ] {
            let mut cells = Cells::default();
            rows.iter().for_each(|&row| cells.push(row));
            let found: Vec<_> = (0..rows.len()).map(|i| cells.get(i)).collect();
            assert_eq!(found, rows);
            assert_eq!(cells.get(rows.len()), None);
            let all = !rows.is_empty() && rows.iter().all(Option::is_some);
            assert_eq!(cells.are_complete() && !rows.is_empty(), all, "{rows:?}");
            let order: Vec<u32> = (0..rows.len() as u32).rev().collect();
            let backwards = cells.in_order(&order);
            let found: Vec<_> = (0..rows.len()).rev().map(|i| backwards.get(i)).collect();
            assert_eq!(found, rows);
        }
    }
}
