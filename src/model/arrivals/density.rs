//! Where the arrivals of one second lie in it.

use crate::engine::SECOND;
use crate::engine::calendar::{SLOT_NS, SLOTS};
use crate::engine::narrow::{capped, index, whole, within_u32};
use crate::engine::random::Key;
use crate::units::Rate;

/// How the arrivals of one second lie in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Density {
    /// At exact instants: the `first`-th request of the workload and those after it.
    Even {
        /// Numerator of the rate.
        num: u64,
        /// Denominator.
        den: u64,
        /// Number of the second's first request.
        first: u64,
        /// Start of the workload \[s\].
        start: u64,
    },
    /// Linear from one rate to another.
    Linear(f64, f64),
    /// Piecewise constant: (end \[ns in the second\], cumulated mass).
    Steps(Vec<(u64, f64)>),
}

impl Density {
    /// Share of the mass of `from..to` \[fractions of the second\] that lies before their middle.
    pub fn left_share(&self, from: f64, to: f64) -> f64 {
        let middle = 0.5 * (from + to);
        let (a, b, c) = (self.mass(from), self.mass(middle), self.mass(to));
        if c > a {
            ((b - a) / (c - a)).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    /// Mass before `x` \[fraction of the second\].
    fn mass(&self, x: f64) -> f64 {
        match self {
            Density::Even { .. } => x,
            Density::Linear(a, b) => x * (a + 0.5 * (b - a) * x),
            Density::Steps(steps) => {
                let ns = whole(x * SECOND as f64);
                let i = steps.partition_point(|s| s.0 < ns).min(steps.len() - 1);
                let (start, below) = if i == 0 { (0, 0.0) } else { steps[i - 1] };
                let (end, mass) = steps[i];
                below + (mass - below) * ((ns - start) as f64 / (end - start) as f64)
            }
        }
    }

    /// Whether how many arrivals there are is random, given the rates.
    pub fn is_random(&self) -> bool {
        !matches!(self, Density::Even { .. })
    }

    /// Whether every half holds half of the mass.
    pub fn is_flat(&self) -> bool {
        matches!(self, Density::Linear(a, b) if a == b)
    }

    /// The instants of a second, one after another, where they are evenly spaced.
    pub fn even_instants(&self, second: u64) -> Option<EvenInstants> {
        let &Density::Even {
            num,
            den,
            first,
            start,
        } = self
        else {
            return None;
        };
        let rate = Rate::new(num, den).filter(|rate| !rate.is_zero())?;
        Some(EvenInstants::new(rate, first, second - start))
    }

    /// The arrivals of a second: `f(instant \[ns in the second\], number, key)`, in no order.
    ///
    /// `key` is that of the action and second. Few arrivals are listed one by one; many are split
    /// over the slots of the second first ([`Density::split`]), so that slots can be counted.
    pub fn arrivals(&self, n: u64, second: u64, key: Key, mut f: impl FnMut(u64, u32, Key)) {
        if self.is_listed(n) {
            self.list(n, second, key, f);
        } else {
            let mut counts = Vec::with_capacity(SLOTS);
            self.split(n, key, &mut counts);
            for (slot, &n) in counts.iter().enumerate() {
                in_slot(key, slot, n, &mut f);
            }
        }
    }

    /// Whether `n` arrivals are listed rather than split.
    pub fn is_listed(&self, n: u64) -> bool {
        n < LISTED_BELOW || matches!(self, Density::Even { .. })
    }

    /// Lists arrivals one by one; evenly spaced ones in order of time.
    pub fn list(&self, n: u64, second: u64, key: Key, mut f: impl FnMut(u64, u32, Key)) {
        match self {
            Density::Even { .. } => {
                let instants = self.even_instants(second).into_iter().flatten();
                for (i, at) in (0..n).zip(instants) {
                    f(at, within_u32(i), key.with(i));
                }
            }
            Density::Linear(..) | Density::Steps(_) => {
                for i in 0..n {
                    let id = key.with(LISTED | i);
                    f(self.instant(id.unit()), within_u32(i), id);
                }
            }
        }
    }

    /// The instant before which a share of the mass lies \[ns in the second\].
    #[inline(always)]
    fn instant(&self, u: f64) -> u64 {
        match self {
            Density::Even { .. } => whole(u * SECOND as f64).min(SECOND - 1),
            Density::Linear(a, b) => {
                // Inverse of the distribution function of a linear density.
                let x = if a == b {
                    u
                } else {
                    u * (a + b) / (a + (a * a + u * (b * b - a * a)).max(0.0).sqrt())
                };
                whole(x * SECOND as f64).min(SECOND - 1)
            }
            Density::Steps(steps) => {
                let total = steps.last().map_or(0.0, |s| s.1);
                let u = u * total;
                let j = steps.partition_point(|s| s.1 < u).min(steps.len() - 1);
                let (start, below) = if j == 0 { (0, 0.0) } else { steps[j - 1] };
                let (end, mass) = steps[j];
                let x = if mass > below {
                    (u - below) / (mass - below)
                } else {
                    0.0
                };
                let at = start + whole(x * (end - start) as f64);
                at.min(SECOND - 1)
            }
        }
    }

    /// The instant of the last of `n` arrivals, at least 1 \[ns in the second\].
    pub fn last_of(&self, n: u64, key: Key) -> u64 {
        self.instant(libm::pow(key.unit(), 1.0 / n as f64))
    }

    /// The instants of some of `n` random arrivals of a second, by their places in the order of time, ascending \[ns in
    /// the second\].
    ///
    /// As [`Density::split`] by halves, but only of those in which one of them lies, down to where few arrivals are
    /// put in order: what nobody asks for is not drawn.
    pub fn ranked(&self, n: u64, ranks: &[u64], key: Key) -> Vec<u64> {
        let mut instants = Vec::with_capacity(ranks.len());
        self.ranked_within(1, (0, n), ranks, key.with(RANKED), &mut instants);
        instants
    }

    /// The same of the `n` arrivals after the `first` ones that lie in a node of the halves.
    fn ranked_within(
        &self,
        node: u64,
        (first, n): (u64, u64),
        ranks: &[u64],
        key: Key,
        into: &mut Vec<u64>,
    ) {
        if ranks.is_empty() {
            return;
        }
        let level = node.ilog2();
        let width = 1.0 / (1_u64 << level) as f64;
        let from = (node - (1 << level)) as f64 * width;
        let mut stream = key.with(node).stream();
        if n > ORDERED_BELOW && level < DEEPEST {
            let left = if self.is_flat() {
                stream.heads(n)
            } else {
                stream.thinned(n, self.left_share(from, from + width))
            };
            let (here, there) = ranks.split_at(ranks.partition_point(|&r| r < first + left));
            self.ranked_within(2 * node, (first, left), here, key, into);
            self.ranked_within(2 * node + 1, (first + left, n - left), there, key, into);
            return;
        }
        // Rounding must not turn the order round.
        let earliest = into.last().copied().unwrap_or(0);
        let (below, to) = if self.is_flat() {
            (from, from + width)
        } else {
            let all = self.mass(1.0);
            (self.mass(from) / all, self.mass(from + width) / all)
        };
        if n > ORDERED_BELOW {
            // All of them within a nanosecond.
            let at = self.instant(0.5 * (below + to)).max(earliest);
            into.extend(ranks.iter().map(|_| at));
            return;
        }
        let mut ordered = [u64::MAX; index(ORDERED_BELOW)];
        for (_, at) in (0..n).zip(&mut ordered) {
            *at = self
                .instant(below + (to - below) * stream.unit())
                .max(earliest);
        }
        ordered.sort_unstable();
        into.extend(ranks.iter().map(|&r| ordered[index(r - first)]));
    }

    /// Splits `n` arrivals over the [`SLOTS`] slots of a second, appending their counts: by halves,
    /// each with random bits of its own, in exact integer arithmetic.
    pub fn split(&self, n: u64, key: Key, counts: &mut Vec<u32>) {
        let mut nodes = [0_u64; 2 * SLOTS];
        self.split_to(SLOTS, n, key, &mut nodes);
        counts.extend(nodes[SLOTS..].iter().map(|&n| within_u32(n)));
    }

    /// Splits `n` over `parts` (a power of two, at most [`SLOTS`]) equal parts of the second, into
    /// `nodes[parts..2 * parts]`; a coarser split is a sum of a finer one.
    pub fn split_to(&self, parts: usize, n: u64, key: Key, nodes: &mut [u64]) {
        let flat = self.is_flat();
        let key = key.with(SPLIT);
        nodes[1] = n;
        let mut level = 1;
        while level < parts {
            for node in level..2 * level {
                let n = nodes[node];
                let left = if n == 0 {
                    0
                } else {
                    let mut bits = key.with(node as u64).stream();
                    if flat {
                        bits.heads(n)
                    } else {
                        let width = 1.0 / level as f64;
                        let from = (node - level) as f64 * width;
                        bits.thinned(n, self.left_share(from, from + width))
                    }
                };
                nodes[2 * node] = left;
                nodes[2 * node + 1] = n - left;
            }
            level *= 2;
        }
    }
}

/// Instants of one second that are evenly spaced, the first of them first: the i-th arrival comes at i / rate.
///
/// Found by addition, in exact integers, since a division for each would cost more than all else.
#[derive(Clone, Debug)]
pub struct EvenInstants {
    /// The next one, since the start of the second \[ns\], and what is beyond that \[`1/num` ns\].
    next: u128,
    beyond: u128,
    /// What comes between two, likewise.
    step: u128,
    step_beyond: u128,
    num: u128,
    /// Denominator of the rate, per nanosecond.
    den: u128,
    /// Number of the second's first arrival, and the start of the second since the first arrival of all \[ns\].
    first: u128,
    from: u128,
}

impl EvenInstants {
    /// Those of a second (since the start of the workload), the first of which is the `first`-th of all.
    fn new(rate: Rate, first: u64, second: u64) -> EvenInstants {
        let num = u128::from(rate.num());
        let den = u128::from(rate.den()) * u128::from(SECOND);
        let first = u128::from(first);
        let from = u128::from(second) * u128::from(SECOND);
        EvenInstants {
            next: first * den / num - from,
            beyond: first * den % num,
            step: den / num,
            step_beyond: den % num,
            num,
            den,
            first,
            from,
        }
    }

    /// How many of all the second's instants lie before one of it \[ns\].
    pub fn before(&self, ns: u64) -> u64 {
        let all = ((self.from + u128::from(ns)) * self.num).div_ceil(self.den);
        capped::<u64>(all.saturating_sub(self.first))
    }
}

impl Iterator for EvenInstants {
    type Item = u64;

    #[inline(always)]
    fn next(&mut self) -> Option<u64> {
        let at = capped::<u64>(self.next);
        self.next += self.step;
        self.beyond += self.step_beyond;
        if self.beyond >= self.num {
            self.beyond -= self.num;
            self.next += 1;
        }
        Some(at)
    }
}

/// Fewer arrivals of one action in a second than this are listed: splitting them would cost more.
const LISTED_BELOW: u64 = 64;
/// Marks the keys of listed arrivals and of split nodes apart from those in slots.
const LISTED: u64 = 1 << 62;
const SPLIT: u64 = 1 << 63;
/// Marks the keys of halves that are split only where an arrival is asked for.
const RANKED: u64 = 1 << 61;

/// No more arrivals than this are put in order rather than split.
const ORDERED_BELOW: u64 = 8;
/// After so many halvings parts are shorter than a nanosecond.
const DEEPEST: u32 = 30;

/// The `n` arrivals of one slot: `f(instant \[ns in the second\], number, key)`, in no order. Within
/// a slot of 2 ms instants are uniform.
#[inline(always)]
pub fn in_slot(key: Key, slot: usize, n: u32, mut f: impl FnMut(u64, u32, Key)) {
    let start = slot as u64 * SLOT_NS;
    for (i, id) in (0..).zip(keys_in_slot(key, slot, n)) {
        f(start + instant_in_slot(id), number_in_slot(slot, i), id);
    }
}

/// The instant of an arrival since the start of its slot \[ns\].
#[inline(always)]
pub fn instant_in_slot(key: Key) -> u64 {
    key.below(SLOT_NS)
}

/// The number in its second of the `i`-th arrival of a slot.
#[inline(always)]
pub fn number_in_slot(slot: usize, i: u32) -> u32 {
    within_u32(slot as u64) << 23 | i
}

/// The keys of such arrivals.
#[inline(always)]
pub fn keys_in_slot(key: Key, slot: usize, n: u32) -> impl Iterator<Item = Key> {
    let first = (slot as u64) << 32;
    (first..first + u64::from(n)).map(move |i| key.with(i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_density_has_its_mean_instant() {
        // Density rising from 0 to 2: mean 2/3.
        let mut sum = 0.0;
        let n = 100_000;
        let density = Density::Linear(0.0, 10.0);
        density.arrivals(n, 0, Key::root(3, 3), |at, _, _| sum += at as f64);
        let mean = sum / n as f64 / SECOND as f64;
        assert!((mean - 2.0 / 3.0).abs() < 0.003, "{mean}");
        // The same one by one: few arrivals are listed, not split.
        let (mut sum, mut all) = (0.0, 0);
        for s in 0..4_000 {
            density.arrivals(25, s, Key::root(3, 4).with(s), |at, _, _| {
                sum += at as f64;
                all += 1;
            });
        }
        let mean = sum / f64::from(all) / SECOND as f64;
        assert!((mean - 2.0 / 3.0).abs() < 0.003, "{mean}");
    }

    /// Of n arrivals under a density that rises from 0 the last comes on average at 2n ÷ (2n + 1), of n uniform ones
    /// at n ÷ (n + 1).
    #[test]
    fn the_last_of_some_arrivals_comes_when_the_last_of_a_list_would() {
        for (density, n, expected) in [
            (Density::Linear(0.0, 4.0), 3, 6.0 / 7.0),
            (Density::Linear(2.0, 2.0), 5, 5.0 / 6.0),
            (
                Density::Steps(vec![(SECOND / 2, 1.0), (SECOND, 2.0)]),
                1,
                0.5,
            ),
        ] {
            let draws = 40_000;
            let at = |i| density.last_of(n, Key::root(3, 5).with(i)) as f64 / SECOND as f64;
            let mean = (0..draws).map(at).sum::<f64>() / draws as f64;
            assert!((mean - expected).abs() < 0.006, "{density:?}: {mean}");
        }
    }

    /// Of n arrivals put in order, the mean and variance of each are those of drawing and sorting all; and what is asked
    /// for besides changes nothing.
    #[test]
    fn arrivals_by_their_places_come_when_those_of_a_sorted_list_do() {
        let steps = Density::Steps(vec![(SECOND / 4, 1.0), (SECOND / 2, 1.0), (SECOND, 4.0)]);
        for (d, density) in [Density::Linear(3.0, 3.0), Density::Linear(1.0, 9.0), steps]
            .iter()
            .enumerate()
        {
            for n in [1, 8, 9, 40] {
                let ranks: Vec<u64> = (0..n).collect();
                let draws = 2_000;
                let mut moments = vec![[[0.0_f64; 2]; 2]; ranks.len()];
                for i in 0..draws {
                    let key = Key::root(8, d as u64).with(n).with(i);
                    let ranked = density.ranked(n, &ranks, key);
                    assert!(ranked.is_sorted() && ranked.iter().all(|&at| at < SECOND));
                    let some = [0, n / 2, n - 1];
                    assert_eq!(
                        density.ranked(n, &some, key),
                        some.map(|r| ranked[r as usize])
                    );
                    let mut listed = Vec::new();
                    density.list(n, 0, key, |at, _, _| listed.push(at));
                    listed.sort_unstable();
                    for (moments, instants) in
                        moments.iter_mut().zip(ranked.into_iter().zip(listed))
                    {
                        for (moments, at) in moments.iter_mut().zip([instants.0, instants.1]) {
                            let at = at as f64 / SECOND as f64;
                            moments[0] += at / draws as f64;
                            moments[1] += at * at / draws as f64;
                        }
                    }
                }
                for (rank, [ranked, listed]) in moments.into_iter().enumerate() {
                    let variance = |m: [f64; 2]| m[1] - m[0] * m[0];
                    let error = ((variance(ranked) + variance(listed)) / draws as f64).sqrt();
                    assert!(
                        (ranked[0] - listed[0]).abs() < 4.5 * error,
                        "{density:?}, {rank} of {n}: {} and {}",
                        ranked[0],
                        listed[0]
                    );
                    let ratio = variance(ranked) / variance(listed);
                    assert!(
                        (0.7..1.4).contains(&ratio),
                        "{density:?}, {rank} of {n}: {ratio}"
                    );
                }
            }
        }
    }

    #[test]
    fn evenly_spaced_instants_are_those_of_the_division() {
        for (num, den, start, second) in [
            (5, 2, 3, 4),
            (1_000_000_000, 1, 0, 2),
            (3, 7, 0, 5),
            (999_999_937, 1, 7, 300_000_000),
            (86_400_001, 86_400, 1, 12_345),
            (1, 1, 0, 0),
        ] {
            let before = |s: u64| (u128::from(s - start) * u128::from(num)).div_ceil(den) as u64;
            let (first, n) = (before(second), before(second + 1) - before(second));
            let den = den as u64;
            let even = Density::Even {
                num,
                den,
                first,
                start,
            };
            let instants = even.even_instants(second).expect("instants");
            let divided = |i: u64| {
                let ns = u128::from(first + i) * u128::from(den) * u128::from(SECOND);
                (ns / u128::from(num) - u128::from(second - start) * u128::from(SECOND)) as u64
            };
            let n = n.min(20_000);
            for (i, at) in (0..n).zip(instants.clone()) {
                assert_eq!(at, divided(i), "{num}/{den}: {i}");
                assert_eq!((instants.before(at), instants.before(at + 1)), (i, i + 1));
            }
            if n < 20_000 {
                assert_eq!(instants.before(SECOND), n);
            }
        }
    }

    #[test]
    fn a_split_over_slots_follows_the_density() {
        let steps = Density::Steps(vec![(SECOND / 4, 1.0), (SECOND / 2, 1.5), (SECOND, 4.0)]);
        for (density, shares) in [
            (Density::Linear(3.0, 3.0), [0.25, 0.25, 0.25, 0.25]),
            (Density::Linear(0.0, 8.0), [0.0625, 0.1875, 0.3125, 0.4375]),
            (steps, [0.25, 0.125, 0.3125, 0.3125]),
        ] {
            let n = 400_000;
            let mut counts = Vec::new();
            density.split(n, Key::root(6, 1), &mut counts);
            let mut coarse = [0; 8];
            density.split_to(4, n, Key::root(6, 1), &mut coarse);
            for (q, share) in shares.iter().enumerate() {
                let got: u64 = counts[q * SLOTS / 4..(q + 1) * SLOTS / 4]
                    .iter()
                    .map(|&c| u64::from(c))
                    .sum();
                assert_eq!(got, coarse[4 + q]);
                let sd = (n as f64 * share * (1.0 - share)).sqrt();
                assert!(
                    (got as f64 - n as f64 * share).abs() < 4.5 * sd,
                    "{density:?}, quarter {q}"
                );
            }
        }
    }
}
