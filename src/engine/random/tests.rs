use super::*;

/// Mean and variance of `n` samples.
fn moments(n: usize, mut f: impl FnMut() -> f64) -> (f64, f64) {
    let xs: Vec<f64> = (0..n).map(|_| f()).collect();
    let mean = xs.iter().sum::<f64>() / n as f64;
    (
        mean,
        xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1) as f64,
    )
}

#[test]
fn first_numbers_are_splitmix64_of_seed_zero() {
    // Reference output of Vigna's splitmix64.c for state 0.
    let mut s = Stream(0);
    assert_eq!(s.bits(), 0xE220_A839_7B1D_CDAF);
    assert_eq!(s.bits(), 0x6E78_9E6A_A1B9_65F4);
    assert_eq!(Key(0).with(1).bits(), 0x6E78_9E6A_A1B9_65F4);
}

/// What is drawn of two keys, whose numbers differ in low bits or in high ones, or of which one is below the
/// other: uniform in sixteen parts each and independent, by χ². A single multiplication, which mixes well
/// enough for a sequence of numbers, does not pass where high bits differ.
#[test]
fn what_is_drawn_of_related_keys_is_independent() {
    let upper = |key: Key| key.below(16) as usize;
    let lower = |key: Key| key.below_by_lower_bits(16) as usize;
    let mut tables = vec![vec![0_u32; 256]; 11];
    let n = 400_000;
    for i in 0..n {
        let parent = Key::root(1, 0).named("action").with(i / 1_000);
        let key = parent.with(i % 1_000);
        let far = |bit: u32| parent.with((i % 1_000) | (1 << bit));
        let below = |n: u64| key.with((n << 16) | 9);
        let pairs = [
            (upper(key), lower(key)),
            (upper(key), upper(parent.with(i % 1_000 + 1))),
            (lower(key), lower(parent.with(i % 1_000 + 1))),
            (upper(key), upper(far(32))),
            (lower(key), lower(far(32))),
            (upper(key), upper(far(62))),
            (lower(key), lower(far(62))),
            (upper(far(62)), upper(far(63))),
            (upper(key), upper(below(1))),
            (lower(key), lower(below(1))),
            (upper(below(1)), upper(below(2))),
        ];
        for (table, (a, b)) in tables.iter_mut().zip(pairs) {
            table[a * 16 + b] += 1;
        }
    }
    let expected = n as f64 / 256.0;
    for (i, table) in tables.iter().enumerate() {
        let deviations = table.iter().map(|&n| (f64::from(n) - expected).powi(2));
        let chi_squared = deviations.sum::<f64>() / expected;
        // 255 degrees of freedom: mean 255, standard deviation √510.
        assert!(
            (chi_squared - 255.0).abs() < 4.5 * 510_f64.sqrt(),
            "pair {i}: {chi_squared}"
        );
    }
}

#[test]
fn poisson_has_its_mean_and_variance() {
    for mean in [0.3, 4.0, 9.99, 10.0, 47.0, 12_000.0] {
        let mut s = Key::root(1, 2).named("poisson").stream();
        let n = 40_000;
        let (m, v) = moments(n, || s.poisson(mean) as f64);
        let sd = (mean / n as f64).sqrt();
        assert!((m - mean).abs() < 4.5 * sd, "mean {m} of {mean}");
        // Variance of the sample variance of a Poisson: (mean + 2 mean²)/n.
        let sd_v = ((mean + 2.0 * mean * mean) / n as f64).sqrt();
        assert!((v - mean).abs() < 4.5 * sd_v, "variance {v} of {mean}");
    }
}

#[test]
fn poisson_probabilities_are_told_to_ten_digits() {
    for mean in [10.0, 12.5, 90.0, 4_000.0, 2.5e6] {
        for sds in [-3.1, -1.0, 0.0, 0.4, 2.0, 4.5] {
            let k = (mean + sds * f64::sqrt(mean)).round().max(0.0);
            let p = libm::exp(k * libm::log(mean) - mean - libm::lgamma(k + 1.0));
            // The sum that this is compared with loses digits itself where k is large.
            let digits = 1e-10 + k * libm::log(k + 2.0) * 1e-15;
            assert!(
                is_below_poisson(p * (1.0 - digits), k, mean),
                "{k} of {mean}"
            );
            assert!(
                !is_below_poisson(p * (1.0 + digits), k, mean),
                "{k} of {mean}"
            );
        }
    }
}

#[test]
fn poisson_matches_its_probabilities_at_the_switch_of_method() {
    let n = 200_000_u64;
    for mean in [9.9, 10.1] {
        let mut s = Key::root(7, 0).with(mean as u64).stream();
        let mut counts = [0u64; 40];
        for _ in 0..n {
            counts[(s.poisson(mean) as usize).min(39)] += 1;
        }
        let mut p = libm::exp(-mean);
        for (k, &c) in counts.iter().enumerate().take(25) {
            if k > 0 {
                p *= mean / k as f64;
            }
            let sd = (n as f64 * p * (1.0 - p)).sqrt();
            assert!((c as f64 - n as f64 * p).abs() < 4.5 * sd + 1.0, "k = {k}");
        }
    }
}

#[test]
fn binomial_has_its_mean_and_variance() {
    for (n, p) in [
        (5, 0.3),
        (40, 0.9),
        (1000, 0.004),
        (1000, 0.4),
        (1_000_000, 0.77),
    ] {
        let mut s = Key::root(3, 1).stream();
        let runs = 40_000;
        let (m, v) = moments(runs, || s.binomial(n, p) as f64);
        let var = n as f64 * p * (1.0 - p);
        assert!(
            (m - n as f64 * p).abs() < 4.5 * (var / runs as f64).sqrt(),
            "{n} {p}: {m}"
        );
        assert!(
            (v / var - 1.0).abs() < 0.05,
            "{n} {p}: variance {v} of {var}"
        );
    }
}

#[test]
fn thinning_is_binomial() {
    for (n, p) in [
        (1, 0.5),
        (63, 0.5),
        (64, 0.5),
        (1000, 0.5),
        (1000, 0.31),
        (40, 0.9),
    ] {
        let mut s = Key::root(13, 1).stream();
        let runs = 40_000;
        let (m, v) = moments(runs, || s.thinned(n, p) as f64);
        let var = n as f64 * p * (1.0 - p);
        assert!(
            (m - n as f64 * p).abs() < 4.5 * (var / runs as f64).sqrt(),
            "{n} {p}: {m}"
        );
        assert!(
            (v / var - 1.0).abs() < 0.05,
            "{n} {p}: variance {v} of {var}"
        );
    }
    let mut s = Key::root(13, 2).stream();
    assert_eq!(
        (s.thinned(77, 0.0), s.thinned(77, 1.0), s.thinned(0, 0.4)),
        (0, 77, 0)
    );
}

#[test]
fn multinomial_keeps_the_total() {
    let mut s = Key::root(9, 9).stream();
    let mut out = Vec::new();
    for n in [0, 1, 17, 100_000] {
        s.multinomial(n, &[0.2, 0.0, 0.5, 0.3], &mut out);
        assert_eq!(out.iter().sum::<u64>(), n);
        assert_eq!(out[1], 0);
    }
}

#[test]
fn zipf_matches_its_probabilities() {
    for exponent in [0.7, 1.0, 1.4] {
        let n = 50_u64;
        let total: f64 = (1..=n).map(|k| libm::pow(k as f64, -exponent)).sum();
        let mut s = Key::root(4, 0).stream();
        let zipf = Zipf::new(n, exponent);
        let draws = 200_000;
        let mut counts = vec![0u64; n as usize];
        for _ in 0..draws {
            counts[zipf.draw(&mut s) as usize] += 1;
        }
        for (i, &c) in counts.iter().enumerate() {
            let p = libm::pow((i + 1) as f64, -exponent) / total;
            let sd = (draws as f64 * p * (1.0 - p)).sqrt();
            assert!(
                (c as f64 - draws as f64 * p).abs() < 4.5 * sd,
                "rank {i}, {exponent}"
            );
        }
    }
}

#[test]
fn exponential_and_normal_have_their_moments() {
    let mut s = Key::root(5, 0).stream();
    let (m, v) = moments(100_000, || s.exponential());
    assert!((m - 1.0).abs() < 0.015 && (v - 1.0).abs() < 0.05);
    let (m, v) = moments(100_000, || s.normal());
    assert!(m.abs() < 0.015 && (v - 1.0).abs() < 0.025);
}

/// What is told without `pow` is what `pow` says, however many ranks there are; few draws need it.
#[test]
fn zipf_ranks_without_a_power_are_those_with_one() {
    for n in [1, 2, 10, 1_000, 400_000, 1_000_000_000, 1_000_000_000_000] {
        for exponent in [
            0.01, 0.5, 0.9, 0.999_999, 1.0, 1.000_001, 1.1, 2.0, 3.5, 10.0,
        ] {
            let zipf = Zipf::new(n, exponent);
            let mut stream = Key::root(n, 11).stream();
            let (draws, mut decided) = (20_000, 0);
            for _ in 0..draws {
                let y = zipf.high + stream.unit() * (zipf.low - zipf.high);
                if let Some(rank) = zipf.decided(y) {
                    decided += 1;
                    assert_eq!(Some(rank), zipf.rank(y), "{n}, {exponent}: {y}");
                }
            }
            let usual = n <= 400_000 && (exponent - 1.0_f64).abs() > 0.01;
            assert!(
                !usual || decided > draws * 7 / 10,
                "{n}, {exponent}: {decided}"
            );
        }
    }
}
