//! When requests come: counts of stretches of time against the integrals of the rates that docs/SCENARIO.md writes down.

use crate::common::{Sample, T, run, values};

/// Calls between two seconds, one a replication, of a workload whose arrivals (and whatever else stands in its table) are given.
fn counts(head: &str, from: u32, to: u32, workload: &str, replications: u32) -> Vec<f64> {
    let results = run(&format!(
        r#"
        {head}
        horizon = "{to}s"
        warm_up = "{from}s"
        replications = {replications}
        region = "us-east-1"
        retry = "none"
        [key.k]
        [workload.w]
        key = "k"
        operations.Decrypt = 1
        {workload}
        "#
    ));
    values(&results.variants[0].metrics, "kms_calls")
}

/// ∫ rate from one second to another, by Simpson's rule on 1/64 s; the rate may jump where seconds meet.
fn integral(from: u32, to: u32, rate: &dyn Fn(f64) -> f64) -> f64 {
    let step = 1.0 / 64.0;
    let mut sum = 0.0;
    for second in from..to {
        for part in 0..64 {
            let at = f64::from(second) + f64::from(part) * step;
            // Within the step, so that a jump at its end is not seen before it.
            let end = rate(at + step * (1.0 - 1e-9));
            sum += step / 6.0 * (rate(at) + 4.0 * rate(at + step / 2.0) + end);
        }
    }
    sum
}

/// The interval of forty replications or more holds the integral; `slack` is its share that interpolation may take.
fn holds(what: &str, counts: &[f64], theory: f64, slack: f64) {
    let sample = Sample::of(counts);
    println!(
        "{what}: {} ± {}, theory {theory}",
        sample.mean,
        T * sample.se()
    );
    assert!(
        sample.holds(theory, slack * theory),
        "{what}: {sample:?} of {theory}"
    );
}

/// A variance against its theory: the logarithm of the ratio has a standard deviation of √(2 ÷ n), and `kurtosis` more.
fn spreads(what: &str, counts: &[f64], theory: f64) {
    let ratio = Sample::of(counts).sd.powi(2) / theory;
    let margin = 4.0 * (2.0 / counts.len() as f64).sqrt();
    println!("{what}: variance {ratio} × {theory}");
    assert!(
        ratio.ln().abs() < margin,
        "{what}: variance {ratio} × {theory}"
    );
}

#[test]
fn evenly_spaced_arrivals_are_counted_exactly() {
    for (workload, from, to, expected) in [
        ("arrivals.constant.rate = \"7/s\"", 0, 60, 420.0),
        ("arrivals.constant.rate = \"7/s\"", 25, 60, 245.0),
        ("arrivals.constant.rate = \"1/7s\"", 0, 70, 10.0),
        ("arrivals.constant.rate = \"3/min\"", 0, 120, 6.0),
        // From `start` to `stop`, the first at once.
        (
            "start = \"10s\"\nstop = \"40s\"\narrivals.constant.rate = \"7/s\"",
            0,
            60,
            210.0,
        ),
        (
            "start = \"10s\"\nstop = \"40s\"\narrivals.constant.rate = \"7/s\"",
            30,
            60,
            70.0,
        ),
        (
            "start = \"11s\"\narrivals.constant.rate = \"1/7s\"",
            0,
            33,
            4.0,
        ),
        // Growth multiplies rates.
        (
            "growth = 1.5\narrivals.constant.rate = \"8/s\"",
            0,
            60,
            720.0,
        ),
        (
            "growth = 0.25\narrivals.constant.rate = \"8/s\"",
            0,
            60,
            120.0,
        ),
        (
            "enabled = true\narrivals.constant.rate = \"8/s\"",
            0,
            60,
            480.0,
        ),
        // A mix multiplies nothing: shares are scaled to one.
        (
            "operations = { Decrypt = 5, Encrypt = 15 }\narrivals.constant.rate = \"8/s\"",
            0,
            60,
            480.0,
        ),
    ] {
        let workload = workload.to_owned();
        let (mix, rest) = match workload.strip_prefix("operations") {
            Some(_) => ("", workload.clone()),
            None => ("operations.Decrypt = 1\n", workload.clone()),
        };
        let text = format!(
            "horizon = \"{to}s\"\nwarm_up = \"{from}s\"\nreplications = 2\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[workload.w]\nkey = \"k\"\n{mix}{rest}\n[workload.off]\nkey = \"k\"\nenabled = false\noperations.Decrypt = 1\narrivals.constant.rate = \"9/s\"\n"
        );
        let calls = values(&run(&text).variants[0].metrics, "kms_calls");
        assert_eq!(
            calls,
            [expected, expected],
            "{workload} from {from} to {to}"
        );
    }
}

#[test]
fn shares_of_a_mix_are_those_of_its_weights() {
    let results = run(
        "horizon = \"100s\"\nreplications = 60\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[workload.w]\nkey = \"k\"\noperations = { Decrypt = 5, Encrypt = 15, GenerateDataKey = 0 }\narrivals.poisson.rate = \"40/s\"\n",
    );
    let by = &results.variants[0].by_operation;
    holds(
        "Decrypt",
        &values(&by["Decrypt"], "app_requests"),
        1_000.0,
        0.0,
    );
    holds(
        "Encrypt",
        &values(&by["Encrypt"], "app_requests"),
        3_000.0,
        0.0,
    );
    assert!(
        by.get("GenerateDataKey")
            .is_none_or(|m| values(m, "app_requests") == [0.0; 60])
    );
}

#[test]
fn poisson_arrivals_have_their_mean_as_variance() {
    let counts = counts("", 3, 13, "arrivals.poisson.rate = \"30/s\"", 400);
    holds("Poisson", &counts, 300.0, 0.0);
    spreads("Poisson", &counts, 300.0);
}

#[test]
fn a_piecewise_linear_curve_is_the_area_below_it() {
    let points = "points = [{ at = \"10s\", rate = \"100/s\" }, { at = \"20s\", rate = \"300/s\" }, { at = \"20s\", rate = \"50/s\" }, { at = \"25s\", rate = \"0/s\" }]";
    for (every, from, to, theory) in [
        // Level before the first point and after the last.
        ("", 0, 10, 1_000.0),
        ("", 10, 15, 750.0),
        ("", 15, 20, 1_250.0),
        ("", 20, 25, 125.0),
        ("", 25, 60, 0.0),
        // Periodic: the same again from 30 s on, and after the last point what the last says.
        (", every = \"30s\"", 30, 40, 1_000.0),
        (", every = \"30s\"", 45, 50, 1_250.0),
        (", every = \"30s\"", 25, 30, 0.0),
        (", every = \"40s\"", 50, 55, 750.0),
    ] {
        let arrivals = format!("arrivals.piecewise-linear = {{ {points}{every} }}");
        let counts = counts("", from, to, &arrivals, 60);
        holds(&format!("{every} {from} to {to}"), &counts, theory, 0.0);
    }
}

#[test]
fn a_flash_crowd_rises_in_a_line_and_decays_by_its_time_constant() {
    // (rise, decay, from, to, slack): λ is linear between the ends of a second, which for a decay of seconds is a little more.
    let (base, peak, at) = (5.0, 400.0, 20.0);
    for (rise, decay, from, to, slack) in [
        (5.0, 7.0, 0, 20, 0.0),
        (5.0, 7.0, 20, 25, 0.0),
        (5.0, 7.0, 25, 30, 0.004),
        (5.0, 7.0, 30, 60, 0.004),
        (0.0, 3.0, 15, 20, 0.0),
        (0.0, 3.0, 20, 26, 0.01),
        (2.0, 0.3, 22, 23, 0.0),
        (0.0, 0.05, 20, 21, 0.0),
    ] {
        let arrivals = format!(
            "arrivals.flash-crowd = {{ base = \"{base}/s\", peak = \"{peak}/s\", at = \"{at}s\", rise = \"{rise}s\", decay = \"{}ms\" }}",
            decay * 1_000.0
        );
        let rate = move |t: f64| {
            if t < at {
                base
            } else if t < at + rise {
                base + (peak - base) * (t - at) / rise
            } else {
                base + (peak - base) * libm::exp(-(t - at - rise) / decay)
            }
        };
        let counts = counts("", from, to, &arrivals, 200);
        let theory = integral(from, to, &rate);
        holds(
            &format!("{rise}, {decay} from {from} to {to}"),
            &counts,
            theory,
            slack,
        );
    }
}

/// p with mean((½ + ½ cos)^p) = Γ(p + ½) ÷ (√π Γ(p + 1)) as wanted.
fn power_of(mean: f64) -> f64 {
    let log =
        |p: f64| libm::lgamma(p + 0.5) - libm::lgamma(p + 1.0) - 0.5 * std::f64::consts::PI.ln();
    let (mut low, mut high) = (0.0, 1e6);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        match log(middle) > mean.ln() {
            true => low = middle,
            false => high = middle,
        }
    }
    low
}

#[test]
fn a_day_has_its_peak_where_it_is_written_and_its_mean() {
    // (start, local hour at t = 0, hour of a change of clocks in the run, mean, peak, factor before and after midnight)
    let weekly = "[1, 2, 0.5, 1, 1, 0.7, 0.6]";
    for (start, hour, mean, peak, peak_at, factors) in [
        (
            "2026-01-05T09:00:00[UTC]",
            9.0_f64,
            20.0_f64,
            35.0_f64,
            9.5_f64,
            None,
        ),
        ("2026-01-05T21:00:00[UTC]", 21.0, 20.0, 35.0, 9.5, None),
        (
            "2026-01-05T18:30:00[Asia/Kolkata]",
            18.5,
            20.0,
            40.0,
            20.0,
            None,
        ),
        // Above twice the mean it is a power of the cosine.
        ("2026-01-05T19:30:00[UTC]", 19.5, 20.0, 100.0, 20.0, None),
        ("2026-01-05T14:00:00[UTC]", 14.0, 20.0, 100.0, 20.0, None),
        // From Saturday to Sunday, and from Monday to Tuesday.
        (
            "2026-01-10T23:30:00[UTC]",
            23.5,
            20.0,
            35.0,
            20.0,
            Some((0.7, 0.6)),
        ),
        (
            "2026-01-05T23:30:00[Europe/Paris]",
            23.5,
            20.0,
            35.0,
            20.0,
            Some((1.0, 2.0)),
        ),
        // Clocks go from 2 to 3 half an hour later.
        (
            "2026-03-29T01:30:00[Europe/Paris]",
            1.5,
            20.0,
            35.0,
            4.0,
            None,
        ),
    ] {
        let arrivals = format!(
            "arrivals.diurnal = {{ mean = \"{mean}/s\", peak = \"{peak}/s\", peak_at = \"{:02}:{:02}\"{} }}",
            peak_at as u32,
            (peak_at.fract() * 60.0) as u32,
            if factors.is_some() {
                format!(", weekly = {weekly}")
            } else {
                String::new()
            }
        );
        let power = power_of(mean / peak);
        let summer = start.starts_with("2026-03-29");
        let rate = move |t: f64| {
            let jump = if summer && t >= 1_800.0 { 1.0 } else { 0.0 };
            let angle = std::f64::consts::TAU * (hour + t / 3_600.0 + jump - peak_at) / 24.0;
            let of_day = if peak <= 2.0 * mean {
                mean + (peak - mean) * libm::cos(angle)
            } else {
                peak * libm::pow(0.5 + 0.5 * libm::cos(angle), power)
            };
            let (before, after) = factors.unwrap_or((1.0, 1.0));
            of_day * if t < 1_800.0 { before } else { after }
        };
        let head = format!("start = \"{start}\"");
        for (from, to) in [(0, 1_800), (1_800, 3_600)] {
            let counts = counts(&head, from, to, &arrivals, 60);
            let theory = integral(from, to, &rate);
            holds(
                &format!("{start} from {from} to {to}"),
                &counts,
                theory,
                0.0001,
            );
        }
    }
}

/// Of a process that is on with p = on ÷ (on + off) and forgets its state in τ, the count of a time T has a variance of its
/// mean and (λ₁ − λ₀)² p (1 − p) · 2τ² (T ÷ τ − 1 + exp(−T ÷ τ)).
#[test]
fn switched_arrivals_are_as_uneven_as_their_periods_are_long() {
    for (on, off, mean_on, mean_off) in [
        (60.0, 5.0, 2.0, 6.0),
        (60.0, 5.0, 0.25, 0.75),
        (60.0, 5.0, 6.0, 2.0),
        (60.0, 0.0, 2.0, 6.0),
    ] {
        let time = 24.0;
        let arrivals = format!(
            "arrivals.on-off = {{ on = \"{on}/s\", off = \"{off}/s\", mean_on = \"{}ms\", mean_off = \"{}ms\" }}",
            mean_on * 1_000.0,
            mean_off * 1_000.0
        );
        let counts = counts("", 6, 30, &arrivals, 800);
        let p = mean_on / (mean_on + mean_off);
        let tau = 1.0 / (1.0 / mean_on + 1.0 / mean_off);
        let mean = time * (p * on + (1.0 - p) * off);
        let ratio: f64 = time / tau;
        let rates = (on - off) * (on - off) * p * (1.0 - p);
        let variance = mean + rates * 2.0 * tau * tau * (ratio - 1.0 + libm::exp(-ratio));
        let what = format!("{on} and {off} for {mean_on} s and {mean_off} s");
        holds(&what, &counts, mean, 0.0);
        spreads(&what, &counts, variance);
    }
}

/// A trace's calls between two seconds.
fn of_trace(rows: &str, from: u32, to: u32, more: &str, replications: u32) -> Vec<f64> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("t.csv");
    std::fs::write(&file, rows).expect("a file");
    let workload = format!("trace = {{ file = \"{}\"{more} }}", file.display());
    // `growth` stands beside the trace.
    let (trace, growth) = workload
        .split_once("; ")
        .map_or((workload.as_str(), ""), |(t, g)| (t, g));
    let trace = match growth {
        "" => trace.to_owned(),
        growth => format!("{} }}\n{}", trace, growth.trim_end_matches(" }")),
    };
    counts("", from, to, &trace, replications)
}

#[test]
fn rows_of_a_trace_come_when_they_say() {
    let rows = "time\n0\n1.5\n2.5\n2.5\n7\n9.25\n";
    for (more, from, to, expected) in [
        ("", 0, 20, 6.0),
        ("", 2, 20, 4.0),
        ("", 0, 7, 4.0),
        (", time_scale = 2", 4, 20, 4.0),
        (", time_scale = 2", 0, 14, 4.0),
        (", time_scale = 0.5", 0, 2, 4.0),
        (", time_unit = \"ms\"", 0, 1, 6.0),
        (", time_unit = \"s\"", 3, 20, 2.0),
        // Again from the first whole second after the last arrival: at 10, 11.5, 12.5 (twice), 17 and 19.25 s.
        (", repeat = true", 0, 20, 12.0),
        (", repeat = true", 12, 18, 3.0),
        (", rate_scale = 3", 0, 20, 18.0),
        ("; growth = 2", 0, 20, 12.0),
    ] {
        let calls = of_trace(rows, from, to, more, 2);
        assert_eq!(calls, [expected; 2], "{more} from {from} to {to}");
    }
    // A fraction is drawn, row by row.
    let calls = of_trace(rows, 0, 20, ", rate_scale = 1.3", 400);
    holds("1.3", &calls, 6.0 * 1.3, 0.0);
    spreads("1.3", &calls, 6.0 * 0.3 * 0.7);
}

/// Rows that count: n requests of a period of 60 s, of which a second has its sixtieth. Given their sum, negative binomial counts
/// with variance ÷ mean of D are multinomial with Dirichlet weights: a second's variance is n p (1 − p) · n D ÷ (n + D − 1).
#[test]
fn counted_rows_are_spread_over_their_period() {
    let rows = "time,Sum\n0,6000\n60,1200\n180,600\n";
    let all = of_trace(rows, 0, 240, ", count = \"Sum\"", 2);
    assert_eq!(all, [7_800.0; 2]);
    assert_eq!(
        of_trace(rows, 60, 180, ", count = \"Sum\"", 2),
        [1_200.0; 2]
    );
    // A period of a second leaves nothing between.
    let short = of_trace(rows, 0, 1, ", count = \"Sum\", period = \"1s\"", 2);
    assert_eq!(short, [6_000.0; 2]);
    let half = of_trace(rows, 0, 30, ", count = \"Sum\", period = \"30s\"", 2);
    assert_eq!(half, [6_000.0; 2]);
    for dispersion in [1.0, 4.0, 13.0] {
        let more = format!(", count = \"Sum\", dispersion = {dispersion}");
        let (n, p) = (6_000.0, 1.0 / 60.0);
        let variance = n * p * (1.0 - p) * n * dispersion / (n + dispersion - 1.0);
        let calls = of_trace(rows, 17, 18, &more, 800);
        holds(&format!("{dispersion}"), &calls, n * p, 0.0);
        spreads(&format!("{dispersion}"), &calls, variance);
        assert_eq!(of_trace(rows, 0, 60, &more, 2), [6_000.0; 2]);
    }
}

#[test]
fn growth_multiplies_the_objects_of_a_job() {
    let results = run(
        "horizon = \"60s\"\nreplications = 2\nregion = \"us-east-1\"\nretry = \"none\"\n[key.k]\n[workload.w]\nkey = \"k\"\ngrowth = 1.5\noperations.Decrypt = 1\njob = { workers = 3, objects = 40 }\n",
    );
    assert_eq!(
        values(&results.variants[0].metrics, "app_requests"),
        [60.0; 2]
    );
}

/// Between its requests of 30 ms a worker pauses; after the last it is done.
#[test]
fn workers_pause_between_their_requests() {
    for (workers, objects, think, expected) in [
        (1, 40, 10, 1.59),
        (4, 40, 10, 0.39),
        (1, 40, 0, 1.2),
        (2, 3, 250, 0.31),
    ] {
        let results = run(&format!(
            "horizon = \"60s\"\nreplications = 2\nregion = \"us-east-1\"\nretry = \"none\"\n[assumption]\ns3_latency.constant.value = \"30ms\"\n[bucket.b]\n[workload.w]\nbucket = \"b\"\noperations.GetObject = 1\njob = {{ workers = {workers}, objects = {objects}, think_time.constant.value = \"{think}ms\" }}\n"
        ));
        let metrics = &results.variants[0].metrics;
        assert_eq!(
            values(metrics, "job_completion_s"),
            [expected; 2],
            "{workers} {objects} {think}"
        );
    }
}
