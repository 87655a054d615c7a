//! Which processes of a fleet may lack which producers' data keys.
//!
//! While producers use the same data keys, what a process has decrypted once it can decrypt until that is too old. So
//! only what is lacking need be looked at, second by second: a bit for each producer and process.

use crate::engine::narrow::index;

/// Bits in a word.
const BITS: u64 = 64;

/// The data keys of one turn that processes may lack.
#[derive(Debug)]
pub struct LackingKeys {
    processes: u64,
    /// Words for each producer.
    words: usize,
    /// The turn of data keys, if one has begun.
    turn: Option<u64>,
    /// By producer: a bit for each process, in words.
    lacking: Vec<u64>,
    /// Before then \[ns\] none that is not lacking gets too old.
    until: u64,
}

impl LackingKeys {
    /// No turn has begun.
    pub fn new(producers: u64, processes: u64) -> LackingKeys {
        let words = index(processes.div_ceil(BITS));
        LackingKeys {
            processes,
            words,
            turn: None,
            lacking: vec![0; index(producers) * words],
            until: 0,
        }
    }

    /// Begins a turn, unless it has begun: nobody has its data keys.
    pub fn begin(&mut self, turn: u64) {
        if self.turn == Some(turn) {
            return;
        }
        self.turn = Some(turn);
        self.lack_all();
    }

    fn lack_all(&mut self) {
        for of_producer in self.lacking.chunks_exact_mut(self.words) {
            let mut left = self.processes;
            for word in of_producer {
                *word = if left >= BITS {
                    u64::MAX
                } else {
                    (1 << left) - 1
                };
                left = left.saturating_sub(BITS);
            }
        }
        self.until = u64::MAX;
    }

    /// Finds which of those lacking can be decrypted until after `to` \[ns\]: `until` tells it of a producer and process, 0
    /// where KMS is to be asked.
    pub fn look_again(&mut self, to: u64, mut until: impl FnMut(u64, usize) -> u64) {
        if to >= self.until {
            self.lack_all();
        }
        for (producer, words) in (0..).zip(self.lacking.chunks_exact_mut(self.words)) {
            for (first, word) in (0..).step_by(u64::BITS as usize).zip(words) {
                let mut left = *word;
                while left != 0 {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    let known = until(producer, first + bit as usize);
                    if known > to {
                        *word &= !(1 << bit);
                        self.until = self.until.min(known);
                    }
                }
            }
        }
    }

    /// Producers with a data key that some process may lack.
    pub fn producers(&self) -> impl Iterator<Item = u64> {
        let of_each = (0..).zip(self.lacking.chunks_exact(self.words));
        let some = of_each.filter(|(_, words)| words.iter().any(|word| *word != 0));
        some.map(|(producer, _)| producer)
    }

    /// Whether a process may lack a producer's data key.
    #[inline]
    pub fn has(&self, producer: u64, process: u64) -> bool {
        let word = index(producer) * self.words + index(process / BITS);
        self.lacking[word] >> (process % BITS) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// What may be lacking is what a plain set of pairs says, also where processes fill more than a word.
    #[test]
    fn what_is_held_long_enough_is_no_longer_lacking_until_it_is_too_old() {
        for processes in [1, 63, 64, 65, 130] {
            let mut keys = LackingKeys::new(3, processes);
            // Process p holds what producer q sent until 10 q + p, if it is even.
            let until = |q: u64, p: usize| match p % 2 {
                0 => 10 * q + p as u64,
                _ => 0,
            };
            let lacking = |keys: &LackingKeys| -> BTreeSet<(u64, u64)> {
                let pairs = (0..3).flat_map(|q| (0..processes).map(move |p| (q, p)));
                pairs.filter(|&(q, p)| keys.has(q, p)).collect()
            };
            keys.begin(7);
            assert_eq!(lacking(&keys).len() as u64, 3 * processes);
            for to in [0, 5, 25, 5_000] {
                keys.begin(7);
                keys.look_again(to, until);
                let all = (0..3).flat_map(|q| (0..processes).map(move |p| (q, p)));
                let expected: BTreeSet<(u64, u64)> =
                    all.filter(|&(q, p)| until(q, p as usize) <= to).collect();
                assert_eq!(lacking(&keys), expected, "{processes} processes, {to}");
                let producers: BTreeSet<u64> = expected.iter().map(|pair| pair.0).collect();
                assert!(keys.producers().eq(producers));
            }
            keys.begin(8);
            assert_eq!(lacking(&keys).len() as u64, 3 * processes);
        }
    }
}
