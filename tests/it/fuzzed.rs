//! The fuzz targets over their stored corpus, and for a while over fresh random input.

#[path = "../fuzz_targets/mod.rs"]
mod fuzz_targets;

use crate::common::Rng;
use fuzz_targets::Depth;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The stored inputs of a target.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("tests/fuzz_targets/corpus").join(target);
    let mut all: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let bytes = fs::read(&path).expect("a file");
            (path, bytes)
        })
        .collect();
    all.sort();
    all
}

/// Bytes of the whole corpus at most.
const LARGEST_CORPUS: u64 = 200_000;

/// How long fresh input is tried, all targets together \[s\]; `KMSIM_FUZZ_SECONDS` says otherwise.
const SECONDS: f64 = 20.0;

/// Words of the grammars, and what numbers may not be ready for.
const WORDS: &[&[u8]] = &[
    b"0",
    b"-1",
    b"1e308",
    b"18446744073709551615",
    b"18446744073709551616",
    b"9223372036854775807",
    b"18446744073s",
    b"584y",
    b"nan",
    b"inf",
    b"0.000000001",
    b"0s",
    b"1/7s",
    b"1e-300/s",
    b"100%",
    b"\"none\"",
    b"none",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[",
    b"'",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\\ud800",
    b",",
    b";",
    b"=",
    b".",
    b"..",
    b":",
    b"#",
    b"*",
    b"?",
    b"${",
    b"$",
    b"%",
    b"/",
    b"<=",
    b">",
    b"e",
    b"-",
    b"+",
    b"_",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"rate",
    b"poisson",
    b"job",
    b"trace",
    b"after",
    b"2026-03-29T02:30:00Z",
    b"arn:aws:kms:",
];

/// One to four changes: bits, bytes, words, pieces gone, twice, or of another input.
fn changed(bytes: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut all = bytes.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(all.len() as u64 + 1) as usize;
        let to = (at + 1 + rng.below(20) as usize).min(all.len());
        match rng.below(8) {
            0 if at < all.len() => all[at] ^= 1 << rng.below(8),
            1 if at < all.len() => all[at] = rng.below(256) as u8,
            2 if at < to => drop(all.drain(at..to)),
            3 if at < to => {
                let piece = all[at..to].to_vec();
                all.splice(at..at, piece);
            }
            4 if !other.is_empty() => {
                let from = rng.below(other.len() as u64) as usize;
                let end = (from + 1 + rng.below(60) as usize).min(other.len());
                all.splice(at..to.max(at), other[from..end].iter().copied());
            }
            5 => {
                // A word for a number.
                let start = all[at..]
                    .iter()
                    .position(u8::is_ascii_digit)
                    .map(|i| at + i);
                let start = start.unwrap_or(at);
                let digits = all[start..]
                    .iter()
                    .take_while(|b| b.is_ascii_digit())
                    .count();
                let word = WORDS[rng.below(WORDS.len() as u64) as usize];
                all.splice(start..start + digits, word.iter().copied());
            }
            _ => {
                let word = WORDS[rng.below(WORDS.len() as u64) as usize];
                all.splice(at..at, word.iter().copied());
            }
        }
    }
    all
}

#[test]
fn stored_input_keeps_what_is_promised() {
    let mut bytes = 0;
    for (name, run) in fuzz_targets::all() {
        let all = corpus(&name);
        assert!(!all.is_empty(), "no input is stored for `{name}`");
        for (path, input) in all {
            bytes += input.len() as u64;
            let ended = catch_unwind(AssertUnwindSafe(|| run(&input, Depth::Whole)));
            assert!(ended.is_ok(), "{} breaks a promise", path.display());
        }
    }
    assert!(bytes < LARGEST_CORPUS, "the corpus has {bytes} bytes");
}

#[test]
fn fresh_input_keeps_what_is_promised() {
    let given = |name: &str| std::env::var(name).ok();
    let seed = given("KMSIM_FUZZ_SEED").map_or_else(
        || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            u64::from(now.expect("a time after 1970").subsec_nanos())
        },
        |seed| seed.parse().expect("KMSIM_FUZZ_SEED is a whole number"),
    );
    let seconds = given("KMSIM_FUZZ_SECONDS").map_or(SECONDS, |s| s.parse().expect("seconds"));
    let only = given("KMSIM_FUZZ_TARGET");
    let mut all = fuzz_targets::all();
    all.retain(|target| only.as_ref().is_none_or(|only| *only == target.0));
    println!("KMSIM_FUZZ_SEED={seed} KMSIM_FUZZ_SECONDS={seconds} repeats this");
    // Formats of import are many, and read alike.
    let weight = |name: &str| {
        if name.starts_with("import-") {
            1.0
        } else {
            3.0
        }
    };
    let weights: f64 = all.iter().map(|target| weight(&target.0)).sum();
    for (name, run) in all {
        let inputs: Vec<Vec<u8>> = corpus(&name).into_iter().map(|input| input.1).collect();
        let end = Instant::now() + Duration::from_secs_f64(seconds * weight(&name) / weights);
        let mut count: u64 = 0;
        while Instant::now() < end {
            let mut rng = Rng::new(seed.wrapping_add(count.wrapping_mul(0x9E37_79B9)));
            let one = |rng: &mut Rng| &inputs[rng.below(inputs.len() as u64) as usize];
            let (from, other) = (one(&mut rng), one(&mut rng));
            let input = changed(from, other, &mut rng);
            let ended = catch_unwind(AssertUnwindSafe(|| run(&input, Depth::Sampled)));
            assert!(
                ended.is_ok(),
                "target `{name}`, KMSIM_FUZZ_SEED={seed}, input {count} breaks a promise: {:?}",
                String::from_utf8_lossy(&input)
            );
            count += 1;
        }
        println!("{name}: {count} inputs");
    }
}

#[test]
fn most_scenarios_that_are_put_together_are_run() {
    let mut rng = Rng::new(7);
    let mut random = || (0..90).map(|_| rng.below(256) as u8).collect::<Vec<u8>>();
    let run = (0..100).filter(|_| fuzz_targets::is_run(&random())).count();
    assert!(run >= 50, "{run} of 100");
}

#[test]
fn the_fuzz_crate_has_every_target() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("a manifest");
    let listed: Vec<&str> = manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|bin| bin.split('"').nth(1))
        .collect();
    let all = fuzz_targets::all();
    let names: Vec<&str> = all.iter().map(|target| target.0.as_str()).collect();
    assert_eq!(listed, names);
}
