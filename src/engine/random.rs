//! Random numbers keyed by what they are for, never by the order in which they are drawn.
//!
//! A [`Key`] names one purpose (seed, replication, workload, second, …); the i-th number under a
//! key is the i-th output of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
//! Generators", OOPSLA 2014) with the key as its state. So a draw can be repeated or skipped
//! without moving any other, and variants of a scenario see the same arrivals.
//!
//! Logarithms and exponentials come from the `libm` crate, so that machines agree to the digit; where a nearly right one
//! decides as well, from [`super::power`].
//! Samplers: Poisson by Hörmann's PTRS (1993), binomial by his BTRS (1993), Zipf by
//! rejection-inversion (Hörmann and Derflinger 1996).

use super::narrow::{self, low_bits, signed_whole, whole};
use super::power::{self, Nearly};
use std::ops::Range;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Means below this are drawn by inversion.
const BY_INVERSION: f64 = 10.0;

/// The name of one stream of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The root of all keys of one replication.
    pub fn root(seed: u64, replication: u64) -> Key {
        Key(seed).with(replication)
    }

    /// The key of the `i`-th thing under this one.
    #[inline(always)]
    pub fn with(self, i: u64) -> Key {
        Key(finalise(
            self.0.wrapping_add(i.wrapping_add(1).wrapping_mul(GOLDEN)),
        ))
    }

    /// The key of the thing called `name` under this one.
    pub fn named(self, name: &str) -> Key {
        // FNV-1a over the name, then mixed: names, not positions, so that adding a workload to a
        // variant leaves the streams of the others as they are.
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        self.with(hash)
    }

    /// 64 random bits.
    #[inline(always)]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The key whose [`Key::bits`] these are.
    #[inline(always)]
    pub fn from_bits(bits: u64) -> Key {
        Key(bits)
    }

    /// A number uniform in (0, 1).
    #[inline(always)]
    pub fn unit(self) -> f64 {
        open_unit(self.0)
    }

    /// A number uniform in 0..n (n > 0), by multiplication: the bias is below n / 2⁶⁴.
    #[inline(always)]
    pub fn below(self, n: u64) -> u64 {
        ((u128::from(self.0) * u128::from(n)) >> 64) as u64
    }

    /// A number uniform in 0..n from the lower 32 bits, which [`Key::unit`] and [`Key::below`] hardly look
    /// at: independent of an instant that these give. The bias is below n / 2³².
    #[inline(always)]
    pub fn below_by_lower_bits(self, n: u32) -> u32 {
        ((u64::from(low_bits(self.0)) * u64::from(n)) >> 32) as u32
    }

    /// The first of some numbers i for which the Poisson number of this mean under [`Key::with`] i is above 0; their end
    /// if there is none.
    pub fn first_poisson_above_zero(self, mean: f64, mut of: Range<u64>) -> u64 {
        let end = of.end;
        if mean <= 0.0 {
            return end;
        }
        // Only by inversion is it known from the first number alone.
        if mean >= BY_INVERSION {
            return of.start;
        }
        let none = libm::exp(-mean);
        of.find(|&i| self.with(i).stream().unit() > none)
            .unwrap_or(end)
    }

    /// A sequence of numbers under this key.
    #[inline(always)]
    pub fn stream(self) -> Stream {
        Stream(self.0)
    }
}

/// Numbers drawn one after another under one key.
#[derive(Clone, Debug)]
pub struct Stream(u64);

impl Stream {
    /// 64 random bits.
    #[inline(always)]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        finalise(self.0)
    }

    /// A number uniform in (0, 1).
    #[inline(always)]
    pub fn unit(&mut self) -> f64 {
        open_unit(self.bits())
    }

    /// A number uniform in 0..n, n > 0.
    #[inline(always)]
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Exponentially distributed with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }

    /// Normally distributed with mean 0 and variance 1 (Box–Muller, one of the pair).
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * libm::cos(2.0 * std::f64::consts::PI * self.unit())
    }

    /// Poisson distributed with mean `mean` ≥ 0.
    #[inline]
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean < BY_INVERSION {
            return self.poisson_by_inversion(mean);
        }
        let hat = PoissonHat::new(mean);
        let (u, v) = (self.unit() - 0.5, self.unit());
        let (us, k) = hat.candidate(u);
        if hat.is_within(us, v) {
            return signed_whole(k).cast_unsigned();
        }
        self.poisson_by_rejection(&hat, u, v)
    }

    fn poisson_by_inversion(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        let mut p = libm::exp(-mean);
        let mut u = self.unit();
        let mut k = 0;
        // The sum of all p is 1 but for rounding: 200 is out of reach for a mean below 10.
        while u > p && k < 200 {
            u -= p;
            k += 1;
            p *= mean / k as f64;
        }
        k
    }

    /// The same from the first two numbers, which are not within.
    // Not inlined: what most draws do without, the more the larger their mean, shall not slow them down.
    #[inline(never)]
    fn poisson_by_rejection(&mut self, hat: &PoissonHat, mut u: f64, mut v: f64) -> u64 {
        loop {
            let (us, k) = hat.candidate(u);
            if hat.is_within(us, v) {
                return signed_whole(k).cast_unsigned();
            }
            if k >= 0.0 && (us >= 0.013 || v <= us) && hat.is_below(us, v, signed_whole(k) as f64) {
                return signed_whole(k).cast_unsigned();
            }
            (u, v) = (self.unit() - 0.5, self.unit());
        }
    }

    /// The number of successes in `n` trials of probability `p` in 0..=1.
    pub fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if p > 0.5 {
            return n - self.binomial(n, 1.0 - p);
        }
        if n == 0 || p <= 0.0 {
            0
        } else if n as f64 * p < 10.0 {
            self.binomial_by_inversion(n, p)
        } else {
            self.binomial_by_rejection(n, p)
        }
    }

    fn binomial_by_inversion(&mut self, n: u64, p: f64) -> u64 {
        let odds = p / (1.0 - p);
        let mut q = libm::exp(n as f64 * libm::log1p(-p));
        let mut u = self.unit();
        let mut k = 0;
        while u > q && k < n {
            u -= q;
            k += 1;
            q *= odds * (n - k + 1) as f64 / k as f64;
            if q < 1e-300 {
                break;
            }
        }
        k
    }

    fn binomial_by_rejection(&mut self, n: u64, p: f64) -> u64 {
        let nf = n as f64;
        let spread = (nf * p * (1.0 - p)).sqrt();
        let b = 1.15 + 2.53 * spread;
        let a = -0.0873 + 0.0248 * b + 0.01 * p;
        let c = nf * p + 0.5;
        let v_r = 0.92 - 4.2 / b;
        loop {
            let u = self.unit() - 0.5;
            let v = self.unit();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + c).floor();
            if k < 0.0 || k > nf {
                continue;
            }
            if us >= 0.07 && v <= v_r {
                return whole(k);
            }
            let alpha = (2.83 + 5.1 / b) * spread;
            let mode = ((nf + 1.0) * p).floor();
            let bound = libm::lgamma(mode + 1.0) + libm::lgamma(nf - mode + 1.0)
                - libm::lgamma(k + 1.0)
                - libm::lgamma(nf - k + 1.0)
                + (k - mode) * libm::log(p / (1.0 - p));
            if libm::log(v * alpha / (a / (us * us) + b)) <= bound {
                return whole(k);
            }
        }
    }

    /// How many of `n` coins show heads: the ones among `n` random bits, exact on every machine.
    #[inline]
    pub fn heads(&mut self, n: u64) -> u64 {
        let mut ones = 0;
        for _ in 0..n / 64 {
            ones += u64::from(self.bits().count_ones());
        }
        match n % 64 {
            0 => ones,
            rest => ones + u64::from((self.bits() >> (64 - rest)).count_ones()),
        }
    }

    /// How many of `n` uniform numbers lie below `p` in 0..=1, compared digit by digit: exact, and
    /// about 2`n` random bits.
    pub fn thinned(&mut self, n: u64, p: f64) -> u64 {
        if p == 0.5 {
            return self.heads(n);
        }
        if p >= 1.0 {
            return n;
        }
        let mut digits = whole(p.max(0.0) * 18_446_744_073_709_551_616.0);
        let (mut open, mut below) = (n, 0);
        while open > 0 && digits != 0 {
            let ones = self.heads(open);
            if digits >> 63 == 1 {
                below += open - ones;
                open = ones;
            } else {
                open -= ones;
            }
            digits <<= 1;
        }
        below
    }

    /// Splits `n` over weights (any scale, at least one positive), into `into`.
    pub fn multinomial(&mut self, n: u64, weights: &[f64], into: &mut Vec<u64>) {
        into.clear();
        let mut left = n;
        let mut weight_left: f64 = weights.iter().sum();
        for (i, &w) in weights.iter().enumerate() {
            let k = if left == 0 || w <= 0.0 {
                0
            } else if i + 1 == weights.len() || w >= weight_left {
                left
            } else {
                self.binomial(left, (w / weight_left).clamp(0.0, 1.0))
            };
            into.push(k);
            left -= k;
            weight_left -= w;
        }
        // Rounding can leave the last positive weight short.
        if left > 0
            && let Some(i) = weights.iter().rposition(|&w| w > 0.0)
        {
            into[i] += left;
        }
    }
}

/// Ranks in 0..n, rank r with probability proportional to (r + 1)^−exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zipf {
    n: u64,
    exponent: f64,
    low: f64,
    high: f64,
    /// A candidate at most this much above its real number is taken without a further look.
    squeeze: f64,
}

impl Zipf {
    /// A distribution over `n` ≥ 1 ranks.
    pub fn new(n: u64, exponent: f64) -> Zipf {
        let mut zipf = Zipf {
            n,
            exponent,
            low: 0.0,
            high: 0.0,
            squeeze: 0.0,
        };
        zipf.low = zipf.integral(1.5) - 1.0;
        zipf.high = zipf.integral(n as f64 + 0.5);
        zipf.squeeze = 2.0 - zipf.inverse(zipf.integral(2.5) - libm::pow(2.0, -exponent));
        zipf
    }

    /// A rank.
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> u64 {
        loop {
            let y = self.high + stream.unit() * (self.low - self.high);
            if let Some(rank) = self.decided(y).or_else(|| self.rank(y)) {
                return rank;
            }
        }
    }

    /// The rank that `y` stands for, `None` if that is rejected.
    fn rank(&self, y: f64) -> Option<u64> {
        let x = self.inverse(y);
        let k = (x + 0.5).floor().clamp(1.0, self.n as f64);
        let is_taken =
            k - x <= self.squeeze || y >= self.integral(k + 0.5) - libm::pow(k, -self.exponent);
        is_taken.then_some(narrow::whole(k) - 1)
    }

    /// The same where it can be told without `pow`.
    #[inline]
    fn decided(&self, y: f64) -> Option<u64> {
        let one_less = 1.0 - self.exponent;
        let Nearly { value: x, error } = if one_less.abs() < 1e-9 {
            power::exp(y)?
        } else {
            power::power(1.0 + y * one_less, 1.0 / one_less)?
        };
        let whole = (x + 0.5 - error).floor();
        let k = whole.clamp(1.0, self.n as f64);
        let is_decided = whole == (x + 0.5 + error).floor() && k - x <= self.squeeze - error;
        is_decided.then_some(narrow::whole(k) - 1)
    }

    /// Number of ranks.
    pub fn ranks(&self) -> u64 {
        self.n
    }

    /// Probability of a rank, numbered from 0, times a constant that is about 1.
    pub fn share(&self, rank: u64) -> f64 {
        libm::pow((rank + 1) as f64, -self.exponent) / (self.high - self.low)
    }

    /// Integral of x^−exponent from 1.
    fn integral(&self, x: f64) -> f64 {
        if (self.exponent - 1.0).abs() < 1e-9 {
            libm::log(x)
        } else {
            (libm::pow(x, 1.0 - self.exponent) - 1.0) / (1.0 - self.exponent)
        }
    }

    fn inverse(&self, y: f64) -> f64 {
        let one_less = 1.0 - self.exponent;
        if one_less.abs() < 1e-9 {
            libm::exp(y)
        } else {
            libm::pow((1.0 + y * one_less).max(0.0), 1.0 / one_less)
        }
    }
}

/// What PTRS draws under for a mean of at least 10, with the names of its paper.
struct PoissonHat {
    mean: f64,
    a: f64,
    b: f64,
}

impl PoissonHat {
    #[inline(always)]
    fn new(mean: f64) -> PoissonHat {
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.02483 * b;
        PoissonHat { mean, a, b }
    }

    /// How far `u` in ± ½ is from the nearer end, and the number that it stands for before it is
    /// rounded down.
    #[inline(always)]
    fn candidate(&self, u: f64) -> (f64, f64) {
        let us = 0.5 - u.abs();
        (us, (2.0 * self.a / us + self.b) * u + self.mean + 0.43)
    }

    /// Whether it is taken without a look at its probability.
    #[inline(always)]
    fn is_within(&self, us: f64, v: f64) -> bool {
        us >= 0.07 && v <= 0.9277 - 3.6224 / (self.b - 2.0)
    }

    /// Whether it is taken by its probability.
    fn is_below(&self, us: f64, v: f64, k: f64) -> bool {
        let inverse_alpha = 1.1239 + 1.1328 / (self.b - 3.4);
        let x = v * inverse_alpha / (self.a / (us * us) + self.b);
        is_below_poisson(x, k, self.mean)
    }
}

/// Whether `x` is at most the probability of the whole number `k` under a Poisson distribution, by one
/// logarithm: Loader, "Fast and Accurate Computation of Binomial Probabilities", 2000.
fn is_below_poisson(x: f64, k: f64, mean: f64) -> bool {
    if k < 10.0 {
        return libm::log(x) <= k * libm::log(mean) - mean - libm::lgamma(k + 1.0);
    }
    let d = (mean - k) / k;
    // ln(1 + d) − d. Where d is small that would lose digits; what this series lacks is below d¹⁰ / 10.
    let deviance = if d.abs() < 0.05 {
        let tail = 1.0 / 6.0 + d * (-1.0 / 7.0 + d * (1.0 / 8.0 - d * (1.0 / 9.0)));
        -d * d * (1.0 / 2.0 + d * (-1.0 / 3.0 + d * (1.0 / 4.0 + d * (-1.0 / 5.0 + d * tail))))
    } else {
        libm::log1p(d) - d
    };
    // ln k! over Stirling's formula, for k ≥ 10 to 10⁻¹⁰.
    let kk = k * k;
    let stirling = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / kk) / kk) / k;
    libm::log(x * (2.0 * std::f64::consts::PI * k).sqrt()) <= k * deviance - stirling
}

#[inline(always)]
fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[inline(always)]
fn open_unit(bits: u64) -> f64 {
    // Signed, whose conversion is a single instruction: 53 bits fit.
    ((bits >> 11).cast_signed() as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
}

#[cfg(test)]
mod tests;
