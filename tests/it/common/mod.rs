//! What the tests share: running a scenario text, samples with intervals, a generator of
//! random numbers that owes nothing to the engine's, and the contention model of AWS's jitter study.

// `tests/vectors.rs` uses only a part of this module.
#![allow(dead_code)]

pub mod occ;
pub mod program;

use kmsim::input::Input;
use kmsim::input::named_file::FileRules;
use kmsim::results::{Estimate, Metrics, RunResults, VariantManifest};
use kmsim::run::RunOptions;
use kmsim::scenario::Loaded;

/// Student's t for 99.9 % and 39 degrees of freedom: forty replications or more.
pub const T: f64 = 3.558;

/// A scenario text that may name files of temporary folders.
pub fn input(text: impl Into<String>) -> Input {
    Input::from_text("test", text).under(FileRules {
        allowed: vec![std::env::temp_dir()],
        ..FileRules::default()
    })
}

/// Reads a scenario text; a fault in it is a fault of the test.
pub fn load(text: &str) -> Loaded {
    kmsim::scenario::load(&input(text), &[]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Runs a scenario text.
pub fn run(text: &str) -> RunResults {
    run_with(text, false).0
}

/// Runs a scenario text, every second simulated or not.
pub fn run_with(text: &str, simulate_all: bool) -> (RunResults, Vec<VariantManifest>) {
    let options = RunOptions {
        simulate_all,
        ..RunOptions::default()
    };
    kmsim::run::run(&load(text), options).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// A metric's values, one a replication.
pub fn values(metrics: &Metrics, id: &str) -> Vec<f64> {
    let estimate: &Estimate = metrics.get(id).unwrap_or_else(|| panic!("no metric {id}"));
    estimate
        .values
        .iter()
        .map(|v| v.unwrap_or_else(|| panic!("{id} is null in a replication")))
        .collect()
}

/// A sample's size, mean and standard deviation.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub n: usize,
    pub mean: f64,
    pub sd: f64,
}

impl Sample {
    pub fn of(xs: &[f64]) -> Sample {
        let n = xs.len();
        let mean = xs.iter().sum::<f64>() / n as f64;
        let ss: f64 = xs.iter().map(|x| (x - mean).powi(2)).sum();
        Sample {
            n,
            mean,
            sd: (ss / (n as f64 - 1.0)).sqrt(),
        }
    }

    /// Standard error of the mean.
    pub fn se(&self) -> f64 {
        self.sd / (self.n as f64).sqrt()
    }

    /// The 99.9 % interval holds `theory`, or misses it by no more than `slack`, the theory's own
    /// inaccuracy.
    pub fn holds(&self, theory: f64, slack: f64) -> bool {
        assert!(self.n >= 40, "an interval needs forty replications");
        (self.mean - theory).abs() <= T * self.se() + slack
    }
}

/// Checks that the mean of `top − theory · bottom` is zero by interval: unlike the ratio of each
/// replication it has no bias. Returns the pooled ratio and the half width of its interval.
#[track_caller]
pub fn ratio_holds(top: &[f64], bottom: &[f64], theory: f64, slack: f64, what: &str) -> (f64, f64) {
    let rest: Vec<f64> = top
        .iter()
        .zip(bottom)
        .map(|(t, b)| t - theory * b)
        .collect();
    let rest = Sample::of(&rest);
    let per = Sample::of(bottom).mean;
    let (ratio, half) = (Sample::of(top).mean / per, T * rest.se() / per);
    println!("{what}: {ratio:.6} ± {half:.6}, theory {theory:.6}");
    assert!(
        rest.holds(0.0, slack * per),
        "{what}: {ratio} ± {half}, theory {theory}"
    );
    (ratio, half)
}

/// xorshift64* (Marsaglia, Vigna): another generator than the engine's, so that a fault of the
/// engine's randomness cannot hide in the test.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // Small seeds differ in few bits: mix them before use.
        for _ in 0..8 {
            rng.bits();
        }
        rng
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(2_685_821_657_736_338_717)
    }

    /// In (0, 1).
    pub fn unit(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// In 0..n.
    pub fn below(&mut self, n: u64) -> u64 {
        ((self.unit() * n as f64) as u64).min(n - 1)
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Exponential of mean 1.
    pub fn exponential(&mut self) -> f64 {
        -self.unit().ln()
    }

    /// Between `low` and `high`, uniform in the logarithm.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        (low.ln() + self.unit() * (high / low).ln()).exp()
    }

    pub fn pick<'a, X>(&mut self, xs: &'a [X]) -> &'a X {
        &xs[self.below(xs.len() as u64) as usize]
    }
}
