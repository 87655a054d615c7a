//! Arrival processes: how many requests come in a whole second, and when in it.
//!
//! Every process answers for one second at a time from numbers keyed by that second: first the
//! count, which is all that a quiet second needs, then, if asked, the instants. Given the count,
//! the instants of a (modulated) Poisson process are independent draws from the second's density.
//!
//! - constant: the i-th request comes at i / rate exactly;
//! - Poisson at a rate that is constant, piecewise linear, a daily and weekly curve or a flash
//!   crowd: linear between the rates at the second's ends;
//! - on-off (Markov-modulated): piecewise constant in the second, switched at exact instants;
//! - a recorded trace stands in [`super::trace`].

use crate::engine::SECOND;
use crate::engine::calendar::{SLOT_NS, SLOTS};
use crate::engine::random::{Key, Stream};

/// An open arrival process.
#[derive(Clone, Debug, PartialEq)]
pub enum Process {
    /// Evenly spaced at `num / den` per second, the first at the start of the workload.
    Constant {
        /// Numerator of the rate.
        num: u64,
        /// Denominator of the rate.
        den: u64,
    },
    /// Poisson with a rate that depends on time only.
    Poisson(Curve),
    /// Poisson, switched between two rates at exponentially distributed times.
    OnOff {
        /// Rate while on \[1/s\].
        on: f64,
        /// Rate while off \[1/s\].
        off: f64,
        /// Mean length of an on-period \[s\].
        mean_on: f64,
        /// Mean length of an off-period \[s\].
        mean_off: f64,
    },
}

/// A rate over time \[1/s\], t in seconds since t = 0 of the run.
#[derive(Clone, Debug, PartialEq)]
pub enum Curve {
    /// The same all the time.
    Flat(f64),
    /// Linear between points (second, rate), constant before the first and after the last; two
    /// points at one second are a jump. With `every`, the points repeat with that period \[s\].
    Linear {
        /// The points, ascending in time.
        points: Vec<(u64, f64)>,
        /// Period \[s\].
        every: Option<u64>,
    },
    /// A cosine over the local day times a factor for the day of the week.
    Daily {
        /// Mean over a day of factor 1 \[1/s\].
        mean: f64,
        /// Rate at the daily peak \[1/s\].
        peak: f64,
        /// Local time of the peak \[s after midnight\].
        peak_at: u64,
        /// Factors from Monday to Sunday.
        weekly: [f64; 7],
        /// How local time follows simulated time.
        clock: LocalClock,
    },
    /// A base rate, a linear rise to a peak, an exponential decay back to the base.
    FlashCrowd {
        /// Rate outside the crowd \[1/s\].
        base: f64,
        /// Rate at the top \[1/s\].
        peak: f64,
        /// Start of the rise \[s\].
        at: u64,
        /// Length of the rise \[s\].
        rise: u64,
        /// Time constant of the decay \[s\].
        decay: f64,
    },
}

/// Local time: seconds since a Monday's local midnight = t + offset in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalClock {
    /// (from second, offset \[s\]), ascending, the first from 0.
    pub offsets: Vec<(u64, i64)>,
}

impl LocalClock {
    fn since_monday(&self, t: u64) -> u64 {
        let i = self.offsets.partition_point(|o| o.0 <= t);
        let offset = self.offsets.get(i.saturating_sub(1)).map_or(0, |o| o.1);
        (t as i64 + offset).rem_euclid(7 * 86_400) as u64
    }
}

impl Process {
    /// The highest rate that it may have \[1/s\].
    pub fn peak(&self) -> f64 {
        match self {
            &Process::Constant { num, den } => num as f64 / den as f64,
            Process::Poisson(curve) => curve.peak(),
            &Process::OnOff { on, off, .. } => on.max(off),
        }
    }
}

impl Curve {
    /// The highest rate that it may have \[1/s\].
    fn peak(&self) -> f64 {
        match self {
            Curve::Flat(rate) => *rate,
            Curve::Linear { points, .. } => points.iter().map(|p| p.1).fold(0.0, f64::max),
            Curve::Daily { peak, weekly, .. } => peak * weekly.iter().copied().fold(0.0, f64::max),
            Curve::FlashCrowd { base, peak, .. } => base.max(*peak),
        }
    }

    /// The rates at both ends of a second.
    #[inline]
    fn ends(&self, second: u64, found: &mut Found) -> (f64, f64) {
        let known = found.end.filter(|end| end.0 == second).map(|end| end.1);
        let (a, b, goes_on) = match self {
            Curve::Linear { points, every } => {
                let start = every.map_or(second, |every| second % every);
                if !(found.piece.0.0 <= start && start < found.piece.1.0) {
                    found.piece = piece(points, start);
                }
                let (from, to) = found.piece;
                let rate = |t: u64| {
                    // Signed, whose conversion is a single instruction: seconds fit.
                    let share = (t - from.0) as i64 as f64 / (to.0 - from.0) as i64 as f64;
                    from.1 + (to.1 - from.1) * share
                };
                let end = start + 1;
                // At the end of a piece it may jump.
                let goes_on = end < to.0 && every.is_none_or(|every| end < every);
                (known.unwrap_or_else(|| rate(start)), rate(end), goes_on)
            }
            _ => {
                let a = known.unwrap_or_else(|| self.rate(second));
                (a, self.rate(second + 1), true)
            }
        };
        found.end = goes_on.then_some((second + 1, b));
        (a, b)
    }

    /// The rate of a curve without jumps at t \[s\].
    fn rate(&self, t: u64) -> f64 {
        match self {
            Curve::Flat(rate) => *rate,
            Curve::Linear { .. } => unreachable!("told by its pieces"),
            Curve::Daily {
                mean,
                peak,
                peak_at,
                weekly,
                clock,
            } => {
                let s = clock.since_monday(t);
                let angle = (s % 86_400) as f64 - *peak_at as f64;
                let wave = libm::cos(angle * (2.0 * std::f64::consts::PI / 86_400.0));
                (mean + (peak - mean) * wave) * weekly[(s / 86_400) as usize]
            }
            Curve::FlashCrowd {
                base,
                peak,
                at,
                rise,
                decay,
            } => {
                if t < *at {
                    *base
                } else if t < at + rise {
                    base + (peak - base) * ((t - at) as f64 / *rise as f64)
                } else {
                    base + (peak - base) * libm::exp(-((t - at - rise) as f64) / decay)
                }
            }
        }
    }
}

/// The end of a curve's last piece \[s\].
const NEVER: u64 = 1 << 62;

/// The piece of a linear curve that holds the second after `t`; its ends differ.
fn piece(points: &[(u64, f64)], t: u64) -> ((u64, f64), (u64, f64)) {
    let after = points.partition_point(|p| p.0 <= t);
    match (after.checked_sub(1).map(|i| points[i]), points.get(after)) {
        (Some(a), Some(&b)) => (a, b),
        (Some(a), None) => (a, (NEVER, a.1)),
        (None, Some(&b)) => ((0, b.1), b),
        (None, None) => ((0, 0.0), (NEVER, 0.0)),
    }
}

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

/// A process with what it remembers between seconds.
#[derive(Clone, Debug)]
pub struct Arrivals {
    process: Process,
    /// First second of the workload.
    start: u64,
    /// On-off: the state, when it ends \[ns\], and the stream of period lengths.
    on: bool,
    until: u64,
    periods: Stream,
    /// Curves: what was found for the last second.
    found: Found,
}

/// What the next second of a curve can use again.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// The piece of a linear curve: from and to \[s\], with their rates.
    piece: ((u64, f64), (u64, f64)),
    /// The end of the last second, where no jump follows.
    end: Option<(u64, f64)>,
}

impl Arrivals {
    /// A process that starts at `start` \[s\]; `key` is the workload's own.
    pub fn new(process: Process, start: u64, key: Key) -> Arrivals {
        let mut periods = key.named("on-off periods").stream();
        let (mut on, mut until) = (false, start * SECOND);
        if let Process::OnOff {
            mean_on, mean_off, ..
        } = process
        {
            // Begins in its long-run state, so that no warm-up is needed for it.
            on = periods.unit() < mean_on / (mean_on + mean_off);
            until += length(if on { mean_on } else { mean_off }, &mut periods);
        }
        Arrivals {
            process,
            start,
            on,
            until,
            periods,
            found: Found::default(),
        }
    }

    /// Mean number of arrivals in `second` and their density. Seconds must be asked for in order,
    /// none left out. The mean of a constant process is its exact count.
    pub fn of_second(&mut self, second: u64) -> (f64, Density) {
        match &self.process {
            &Process::Constant { num, den } => {
                let index = |s: u64| {
                    (u128::from(s - self.start) * u128::from(num)).div_ceil(u128::from(den)) as u64
                };
                let first = index(second);
                let n = index(second + 1) - first;
                (
                    n as f64,
                    Density::Even {
                        num,
                        den,
                        first,
                        start: self.start,
                    },
                )
            }
            Process::Poisson(curve) => {
                let (a, b) = curve.ends(second, &mut self.found);
                (0.5 * (a + b), Density::Linear(a, b))
            }
            &Process::OnOff {
                on,
                off,
                mean_on,
                mean_off,
            } => {
                let (from, to) = (second * SECOND, (second + 1) * SECOND);
                let mut steps = Vec::new();
                let (mut mass, mut t) = (0.0, from);
                while t < to {
                    let end = self.until.min(to);
                    mass += if self.on { on } else { off } * ((end - t) as f64 / SECOND as f64);
                    steps.push((end - from, mass));
                    t = end;
                    if self.until <= to {
                        self.on = !self.on;
                        self.until +=
                            length(if self.on { mean_on } else { mean_off }, &mut self.periods);
                    }
                }
                (mass, Density::Steps(steps))
            }
        }
    }

    /// Whether counts are random (Poisson) or exact.
    pub fn is_random(&self) -> bool {
        !matches!(self.process, Process::Constant { .. })
    }
}

fn length(mean_s: f64, stream: &mut Stream) -> u64 {
    ((mean_s * SECOND as f64 * stream.exponential()) as u64).max(1)
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
                let ns = (x * SECOND as f64) as u64;
                let i = steps.partition_point(|s| s.0 < ns).min(steps.len() - 1);
                let (start, below) = if i == 0 { (0, 0.0) } else { steps[i - 1] };
                let (end, mass) = steps[i];
                below + (mass - below) * ((ns - start) as f64 / (end - start) as f64)
            }
        }
    }

    /// Whether every half holds half of the mass.
    pub fn is_flat(&self) -> bool {
        matches!(self, Density::Linear(a, b) if a == b)
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
            Density::Even {
                num,
                den,
                first,
                start,
            } => {
                let from = u128::from(second - start) * u128::from(SECOND);
                for i in 0..n {
                    let at = u128::from(first + i) * (u128::from(*den) * u128::from(SECOND))
                        / u128::from(*num)
                        - from;
                    f(at as u64, i as u32, key.with(i));
                }
            }
            Density::Linear(a, b) => {
                for i in 0..n {
                    let id = key.with(LISTED | i);
                    let u = id.unit();
                    // Inverse of the distribution function of a linear density.
                    let x = if a == b {
                        u
                    } else {
                        u * (a + b) / (a + (a * a + u * (b * b - a * a)).max(0.0).sqrt())
                    };
                    f(((x * SECOND as f64) as u64).min(SECOND - 1), i as u32, id);
                }
            }
            Density::Steps(steps) => {
                let total = steps.last().map_or(0.0, |s| s.1);
                for i in 0..n {
                    let id = key.with(LISTED | i);
                    let u = id.unit() * total;
                    let j = steps.partition_point(|s| s.1 < u).min(steps.len() - 1);
                    let (start, below) = if j == 0 { (0, 0.0) } else { steps[j - 1] };
                    let (end, mass) = steps[j];
                    let x = if mass > below {
                        (u - below) / (mass - below)
                    } else {
                        0.0
                    };
                    let at = start + (x * (end - start) as f64) as u64;
                    f(at.min(SECOND - 1), i as u32, id);
                }
            }
        }
    }

    /// Splits `n` arrivals over the [`SLOTS`] slots of a second, appending their counts: by halves,
    /// each with random bits of its own, in exact integer arithmetic.
    pub fn split(&self, n: u64, key: Key, counts: &mut Vec<u32>) {
        let mut nodes = [0_u64; 2 * SLOTS];
        self.split_to(SLOTS, n, key, &mut nodes);
        counts.extend(nodes[SLOTS..].iter().map(|&n| n as u32));
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

/// Fewer arrivals of one action in a second than this are listed: splitting them would cost more.
const LISTED_BELOW: u64 = 64;
/// Marks the keys of listed arrivals and of split nodes apart from those in slots.
const LISTED: u64 = 1 << 62;
const SPLIT: u64 = 1 << 63;

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
    (slot as u32) << 23 | i
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
    fn constant_arrivals_are_evenly_spaced_over_seconds() {
        let mut a = Arrivals::new(Process::Constant { num: 5, den: 2 }, 3, Key::root(0, 0));
        let mut all = Vec::new();
        for s in 3..7 {
            let (n, density) = a.of_second(s);
            density.arrivals(n as u64, s, Key::root(0, 0), |at, _, _| {
                all.push((s - 3) * SECOND + at)
            });
        }
        let expected: Vec<u64> = (0..10).map(|i| i * 400_000_000).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn a_curve_is_the_same_whatever_was_asked_before() {
        let points = vec![(5, 1.0), (8, 7.0), (8, 3.0), (12, 3.0)];
        let jumps = Curve::Linear {
            points: points.clone(),
            every: None,
        };
        let again = Curve::Linear {
            points,
            every: Some(13),
        };
        let crowd = Curve::FlashCrowd {
            base: 1.0,
            peak: 9.0,
            at: 4,
            rise: 3,
            decay: 5.0,
        };
        for curve in [jumps, again, crowd, Curve::Flat(4.0)] {
            let mut found = Found::default();
            for t in (0..40).chain([3, 4, 60, 7, 8]) {
                let fresh = curve.ends(t, &mut Found::default());
                assert_eq!(curve.ends(t, &mut found), fresh, "{curve:?} at {t}");
            }
        }
    }

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

    #[test]
    fn on_off_spends_its_share_of_time_on() {
        let p = Process::OnOff {
            on: 100.0,
            off: 10.0,
            mean_on: 2.0,
            mean_off: 6.0,
        };
        let mut means = Vec::new();
        for r in 0..40 {
            let mut a = Arrivals::new(p.clone(), 0, Key::root(5, r));
            let n = 4000;
            means.push((0..n).map(|s| a.of_second(s).0).sum::<f64>() / n as f64);
        }
        // Long-run rate (100 · 2 + 10 · 6) / 8 = 32.5.
        let mean = means.iter().sum::<f64>() / 40.0;
        let sd = (means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 39.0 / 40.0).sqrt();
        assert!((mean - 32.5).abs() < 3.5 * sd, "{mean} ± {sd}");
    }

    #[test]
    fn curves_have_their_values() {
        // Just after a second's start, or just before it.
        fn rate(c: &Curve, t: u64, left: bool) -> f64 {
            let ends = |t| c.ends(t, &mut Found::default());
            if left { ends(t - 1).1 } else { ends(t).0 }
        }
        let c = Curve::Linear {
            points: vec![(10, 100.0), (20, 200.0), (20, 50.0)],
            every: None,
        };
        assert_eq!(
            (
                rate(&c, 0, false),
                rate(&c, 15, false),
                rate(&c, 20, true),
                rate(&c, 20, false)
            ),
            (100.0, 150.0, 200.0, 50.0)
        );
        let c = Curve::Linear {
            points: vec![(0, 1.0), (5, 1.0), (5, 9.0), (6, 9.0), (6, 1.0)],
            every: Some(10),
        };
        assert_eq!(
            (
                rate(&c, 15, true),
                rate(&c, 15, false),
                rate(&c, 16, true),
                rate(&c, 29, true)
            ),
            (1.0, 9.0, 9.0, 1.0)
        );
        let c = Curve::FlashCrowd {
            base: 10.0,
            peak: 110.0,
            at: 100,
            rise: 10,
            decay: 60.0,
        };
        assert_eq!(
            (
                rate(&c, 99, false),
                rate(&c, 105, false),
                rate(&c, 110, false)
            ),
            (10.0, 60.0, 110.0)
        );
        assert!((rate(&c, 170, false) - (10.0 + 100.0 / std::f64::consts::E)).abs() < 1e-9);
        let clock = LocalClock {
            offsets: vec![(0, 5 * 86_400)],
        };
        let mut weekly = [1.0; 7];
        weekly[5] = 0.5;
        let c = Curve::Daily {
            mean: 100.0,
            peak: 160.0,
            peak_at: 72_000,
            weekly,
            clock,
        };
        assert!((rate(&c, 72_000, false) - 80.0).abs() < 1e-9);
        assert!((rate(&c, 86_400 + 72_000, false) - 160.0).abs() < 1e-9);
        assert!((rate(&c, 86_400 + 28_800, false) - 40.0).abs() < 1e-9);
    }
}
