//! Weights that change one by one, and the choice of one of them by its share.

/// Weights with their partial sums (Fenwick 1994).
#[derive(Clone, Debug)]
pub struct PartialSums {
    /// From 1 on: the sum of as many weights up to it as its lowest bit says.
    sums: Vec<u64>,
    total: u64,
}

impl PartialSums {
    /// The sums of these weights.
    pub fn new(weights: &[u64]) -> PartialSums {
        let mut sums = vec![0];
        sums.extend_from_slice(weights);
        for i in 1..sums.len() {
            let above = i + (i & i.wrapping_neg());
            if above < sums.len() {
                sums[above] += sums[i];
            }
        }
        PartialSums {
            sums,
            total: weights.iter().sum(),
        }
    }

    /// Adds to a weight.
    pub fn add(&mut self, i: usize, weight: u64) {
        self.total += weight;
        let mut i = i + 1;
        while i < self.sums.len() {
            self.sums[i] += weight;
            i += i & i.wrapping_neg();
        }
    }

    /// Takes from a weight.
    pub fn remove(&mut self, i: usize, weight: u64) {
        self.total -= weight;
        let mut i = i + 1;
        while i < self.sums.len() {
            self.sums[i] -= weight;
            i += i & i.wrapping_neg();
        }
    }

    /// The sum of all weights.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The position whose weight covers `target`, below the total.
    pub fn find(&self, mut target: u64) -> usize {
        let mut found = 0;
        let mut step = (self.sums.len() - 1).checked_ilog2().map_or(0, |b| 1 << b);
        while step > 0 {
            let next = found + step;
            if next < self.sums.len() && self.sums[next] <= target {
                target -= self.sums[next];
                found = next;
            }
            step /= 2;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_find_what_covers_a_number() {
        let weights = [3, 0, 5, 1, 0, 0, 7];
        let mut sums = PartialSums::new(&weights);
        let expected = |weights: &[u64]| -> Vec<usize> {
            let of = |(i, &w): (usize, &u64)| std::iter::repeat_n(i, w as usize);
            weights.iter().enumerate().flat_map(of).collect()
        };
        let found =
            |sums: &PartialSums| (0..sums.total()).map(|t| sums.find(t)).collect::<Vec<_>>();
        assert_eq!(found(&sums), expected(&weights));
        sums.remove(2, 5);
        sums.add(4, 2);
        assert_eq!(found(&sums), expected(&[3, 0, 0, 1, 2, 0, 7]));
    }
}
