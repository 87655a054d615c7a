//! Bad input through the real binary.
//!
//! Every fault must end with exit status 2, name its place, the values concerned and a way out, and
//! leave nothing behind. Mutated scenarios must be read or refused, never panic. What is refused where is tested beside
//! the reader of each key, in its module `cases`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kmsim::input::Input;
use kmsim::model::arrivals::Arrivals;
use kmsim::report;
use kmsim::report::format::{Markdown, TextTable};
use kmsim::results;
use kmsim::run::{RunOptions, run};
use kmsim::scenario::{Loaded, load};

/// A scenario that is right, with something of everything, to break in one place at a time.
const GOOD: &str = include_str!("../../src/scenario/cases/good.toml");

/// A folder with a scenario `bad.toml` and a good trace.
fn folder(text: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join("bad.toml"), text).expect("write");
    fs::write(dir.path().join("trace.csv"), "time\n0\n0.5\n1.5\n").expect("write");
    dir
}

fn kmsim(dir: &Path, args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kmsim"))
        .args(args)
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kmsim starts");
    // A command that fails early closes its input.
    let _ = child.stdin.take().expect("stdin").write_all(stdin);
    child.wait_with_output().expect("kmsim ends")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs `check` and `run` with `args`; both must refuse with status 2 and the same text, which is
/// returned, and leave the folder as it was.
fn refused_in(dir: &Path, args: &[&str], stdin: &[u8]) -> String {
    let before = names(dir);
    let mut said = Vec::new();
    for verb in ["check", "run"] {
        let mut all = vec![verb];
        all.extend(args);
        if verb == "run" {
            all.extend(["--out", "out"]);
        }
        let output = kmsim(dir, &all, stdin);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{all:?}: {text}");
        assert!(!text.contains("panicked"), "{all:?}: {text}");
        assert!(output.stdout.is_empty(), "{all:?} wrote to stdout: {text}");
        assert_eq!(names(dir), before, "{all:?} left something behind");
        let errors = text.lines().filter(|l| l.starts_with("error[")).count();
        let helps = text
            .lines()
            .filter(|l| l.trim_start().starts_with("= help: "))
            .count();
        assert!(
            errors > 0 && errors == helps,
            "{all:?}: a way out is missing: {text}"
        );
        said.push(text);
    }
    assert_eq!(said[0], said[1]);
    said.swap_remove(0)
}

fn refused(text: &str, args: &[&str]) -> String {
    let dir = folder(text.as_bytes());
    let mut all = vec!["bad.toml"];
    all.extend(args);
    refused_in(dir.path(), &all, b"")
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir)
        .expect("folder")
        .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
        .collect()
}

fn codes(said: &str) -> BTreeSet<&str> {
    said.lines()
        .filter_map(|l| l.strip_prefix("error["))
        .filter_map(|l| l.split_once(']'))
        .map(|(code, _)| code)
        .collect()
}

#[test]
fn every_kind_of_fault_ends_alike() {
    let policy = "[bucket.logs]\npolicy = \"policy.json\"";
    let china = "region = \"cn-north-1\"\n\n[account.main]";
    for (from, to, code) in [
        ("seed = 7", "seed = 7 7", "syntax"),
        ("seed = 7", "sed = 7", "unknown-key"),
        ("horizon = \"20s\"\n", "", "missing-key"),
        ("clients = 3", "clients = 0", "out-of-range"),
        ("\"trace.csv\"", "\"none.csv\"", "missing-file"),
        ("\"trace.csv\"", "\"bad.toml\"", "bad-trace-row"),
        ("[bucket.logs]", policy, "bad-policy"),
        (
            "region = \"us-east-1\"\n\n[account.main]",
            china,
            "no-default",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        let dir = folder(text.as_bytes());
        fs::write(dir.path().join("policy.json"), "{}").expect("write");
        let said = refused_in(dir.path(), &["bad.toml"], b"");
        assert_eq!(codes(&said), BTreeSet::from([code]), "{said}");
        assert!(said.contains("bad.toml:"), "{said}");
    }
}

#[test]
fn several_faults_are_reported_in_one_go() {
    let text = GOOD
        .replace("seed = 7", "sed = 7")
        .replace("rate = \"50/s\"", "rate = -1")
        .replace("clients = 3", "clients = 0")
        .replace("after = \"batch\"", "after = \"nobody\"")
        .replace("spec = \"RSA_2048\"", "spec = 5")
        .replace("mean_on = \"2s\"", "mean_on = 2");
    let said = refused(&text, &["--set", "warm_up=1h"]);
    for code in [
        "unknown-key",
        "out-of-range",
        "unknown-name",
        "wrong-type",
        "bad-unit",
        "contradiction",
    ] {
        assert!(codes(&said).contains(code), "{code}: {said}");
    }
    assert!(said.contains("--set 'warm_up=1h'"), "{said}");
    // The base's faults are there in both variants and reported once.
    assert_eq!(said.matches("workload.app.clients").count(), 1, "{said}");

    let said = refused("seed = 1 1\nb = \n[c\nd = \"\n", &[]);
    assert!(said.matches("error[syntax]").count() >= 3, "{said}");
}

#[test]
fn the_faults_of_several_files_are_reported_in_one_go() {
    let dir = folder(GOOD.replace("seed = 7", "sed = 7").as_bytes());
    fs::write(dir.path().join("worse.toml"), "horizon = 5\n").expect("write");
    let said = refused_in(dir.path(), &["bad.toml", "worse.toml", "none.toml"], b"");
    for part in ["bad.toml:3:1", "worse.toml:1:11", "`none.toml`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn overrides_are_checked() {
    let long = format!("{}=1", vec!["a"; 20_000].join("."));
    let digits = format!("seed={}", "9".repeat(400));
    for (set, code, words) in [
        (
            "warm_up",
            "bad-set",
            &["`warm_up` does not begin with a path of keys and `=`"][..],
        ),
        ("=5", "bad-set", &[]),
        ("", "bad-set", &[]),
        (
            "warm_up.x=5",
            "bad-set",
            &["`warm_up` is the string \"5s\""],
        ),
        (
            "quota.own.limit.x=5",
            "bad-set",
            &["`quota.own.limit` is the string \"100/s\""],
        ),
        (
            "workload.app.arrivals={ constant = ",
            "bad-set",
            &["not a TOML value"],
        ),
        (&long, "bad-set", &["more than 80 keys"]),
        (&digits, "bad-set", &["too many digits"]),
        (
            "workload.app.clints=5",
            "unknown-key",
            &["did you mean `clients`?"],
        ),
        (
            "workload.nobody.clients=5",
            "missing-key",
            &["workload.nobody"],
        ),
        ("seed=1e400", "wrong-type", &["inf"]),
        ("horizon=1e400s", "bad-unit", &["1e400s"]),
        ("workload=5", "wrong-type", &["the integer 5"]),
        ("variant=5", "wrong-type", &["the integer 5"]),
        ("variant={}", "missing-key", &["`variant` is empty"]),
        ("variant.today=5", "wrong-type", &["the integer 5"]),
        (
            "retry.exponential.max_attempts=many",
            "wrong-type",
            &["\"many\""],
        ),
        ("key.main.region=mars", "unknown-name", &["`mars`"]),
    ] {
        let said = refused(GOOD, &["--set", set]);
        assert!(codes(&said).contains(code), "{set}: {said}");
        assert!(said.contains("--> --set '"), "{set}: {said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(
            said.len() < 20_000,
            "{} bytes about `--set {:.40}`",
            said.len(),
            set
        );
    }
    let said = refused(GOOD, &["--set", "a", "--set", "b"]);
    assert_eq!(said.matches("error[bad-set]").count(), 2, "{said}");
    let said = refused(GOOD, &["--replications", "0"]);
    assert!(said.contains("but is 0"), "{said}");
}

#[test]
fn unknown_variants_are_refused() {
    let said = refused(
        GOOD,
        &["--variant", "tody", "--variant", "zzz", "--variant", "more"],
    );
    assert!(said.contains("did you mean `today`?"), "{said}");
    assert!(said.contains("its variants: today, more"), "{said}");
}

#[test]
fn files_that_are_no_scenarios() {
    for (bytes, code, words) in [
        (
            b"".to_vec(),
            "missing-key",
            &["--> bad.toml:1:1", "`horizon` is missing"][..],
        ),
        (
            b"\n\n# nothing\n".to_vec(),
            "missing-key",
            &["`horizon` is missing"],
        ),
        (
            b"horizon = \"5s\"\nregion = \"us-east-1\"\n".to_vec(),
            "missing-key",
            &["lacks a workload"],
        ),
        (
            b"horizon = \"5s\"\n[workload]\n".to_vec(),
            "missing-key",
            &["lacks a workload"],
        ),
        (
            b"horizon = \"5s\"\n[variant]\n".to_vec(),
            "missing-key",
            &["`variant` is empty", "bad.toml:2:1"],
        ),
        (
            b"horizon = \"5s\"\nname = \"caf\xe9\"\n".to_vec(),
            "syntax",
            &["0xe9", "--> bad.toml:2:12", "UTF-8"],
        ),
        ((0..=255).collect(), "syntax", &["bad.toml:"]),
        (vec![0; 1000], "syntax", &["bad.toml is not a scenario"]),
        (
            format!("key = {}", "[".repeat(50_000)).into_bytes(),
            "syntax",
            &["nested too deeply"],
        ),
        (
            format!("key = {}1{}", "{ a = ".repeat(5_000), " }".repeat(5_000)).into_bytes(),
            "syntax",
            &["nested too deeply"],
        ),
        (
            format!("[key.{}]\n", vec!["a"; 20_000].join(".")).into_bytes(),
            "syntax",
            &["nested too deeply"],
        ),
        (
            format!("{GOOD}{} = 1\n", "x".repeat(1_000_000)).into_bytes(),
            "unknown-key",
            &["xxx … xxx"],
        ),
    ] {
        let dir = folder(&bytes);
        let said = refused_in(dir.path(), &["bad.toml"], b"");
        assert!(codes(&said).contains(code), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(said.len() < 30_000, "{} bytes", said.len());
        // The same from standard input, but for its name.
        let piped = refused_in(dir.path(), &["-"], &bytes);
        assert_eq!(piped.replace("stdin", "bad.toml"), said);
    }
    let dir = folder(b"");
    let said = refused_in(dir.path(), &["."], b"");
    assert!(
        said.contains("error[missing-file]") && said.contains("directory"),
        "{said}"
    );
    let said = refused_in(dir.path(), &["nowhere/none.toml"], b"");
    assert!(said.contains("`nowhere/none.toml`"), "{said}");
}

#[test]
fn two_scenarios_of_one_name_are_refused() {
    let dir = folder(GOOD.as_bytes());
    let sub = dir.path().join("sub");
    fs::create_dir(&sub).expect("folder");
    fs::write(sub.join("bad.toml"), GOOD).expect("write");
    fs::write(sub.join("trace.csv"), "time\n0\n").expect("write");
    let output = kmsim(
        dir.path(),
        &["run", "bad.toml", "sub/bad.toml", "--out", "out"],
        b"",
    );
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("error[duplicate-name]") && said.contains("`bad`"),
        "{said}"
    );
    assert!(!dir.path().join("out").exists());
    let said = refused_in(dir.path(), &["-", "-"], GOOD.as_bytes());
    assert!(said.contains("read only once"), "{said}");
}

#[test]
fn odd_but_right_files_are_read() {
    let bom = format!("\u{feff}{GOOD}").into_bytes();
    let crlf = GOOD.replace('\n', "\r\n").into_bytes();
    let large = format!("{GOOD}# {}\n", "x".repeat(1_000_000)).into_bytes();
    let unquoted = GOOD
        .replace("\"2026-01-05T00:00:00[UTC]\"", "2026-01-05T00:00:00Z")
        .into_bytes();
    for bytes in [bom, crlf, large, unquoted] {
        let dir = folder(&bytes);
        let output = kmsim(dir.path(), &["check", "bad.toml"], b"");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    // A trace with a byte-order mark and CRLF, as spreadsheets write it.
    let dir = folder(GOOD.as_bytes());
    fs::write(dir.path().join("trace.csv"), "\u{feff}time\r\n0\r\n1\r\n").expect("write");
    let output = kmsim(dir.path(), &["check", "bad.toml"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

// ----- mutations ---------------------------------------------------------------------------------

/// A small generator of its own: the same mutations on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len())]
    }
}

const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "nan",
    "inf",
    "1e300",
    "18446744073709551615",
    "18446744073709551616",
    "0.001",
    "2",
    "1e-9",
    "\"0s\"",
    "\"1/300000d\"",
    "9007199254740993",
];

/// Values that many keys take.
const TAME: [&str; 10] = ["0", "1", "2", "3", "5", "7", "19", "100", "0.5", "1000"];

/// One to three changes: bytes gone, added or doubled, a number or a word for another. Every other
/// mutant has only numbers of its own, so that many are right.
fn mutated(text: &str, dice: &mut Dice) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let tame = dice.below(2) == 0;
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len());
        let word = |bytes: &[u8], good: fn(u8) -> bool| {
            let from = (at..bytes.len()).find(|&i| good(bytes[i]))?;
            let to = (from..bytes.len())
                .find(|&i| !good(bytes[i]))
                .unwrap_or(bytes.len());
            Some(from..to)
        };
        match if tame { 7 } else { dice.below(7) } {
            0 => drop(bytes.drain(at..(at + 1 + dice.below(9)).min(bytes.len()))),
            1 => bytes.insert(at, b"\"'[]{}=.,#\n0x\\"[dice.below(14)]),
            2 | 3 => {
                if let Some(range) = word(&bytes, |b| b.is_ascii_digit() || b == b'.') {
                    bytes.splice(range, dice.pick(&NUMBERS).bytes());
                }
            }
            7 => {
                if let Some(range) = word(&bytes, |b| b.is_ascii_digit()) {
                    bytes.splice(range, dice.pick(&TAME).bytes());
                }
            }
            4 => {
                if let Some(range) = word(&bytes, |b| b.is_ascii_lowercase() || b == b'_') {
                    let keys = [
                        "rate", "key", "poisson", "limit", "w", "clients", "after", "none",
                    ];
                    bytes.splice(range, dice.pick(&keys).bytes());
                }
            }
            5 => {
                // A line twice, or a line gone.
                let from = bytes[..at]
                    .iter()
                    .rposition(|b| *b == b'\n')
                    .map_or(0, |i| i + 1);
                let to = bytes[at..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(bytes.len(), |i| at + i + 1);
                let line = bytes[from..to].to_vec();
                if dice.below(2) == 0 {
                    bytes.splice(to..to, line);
                } else {
                    bytes.drain(from..to);
                }
            }
            _ => bytes[at] ^= 1 << dice.below(7),
        }
        if bytes.is_empty() {
            bytes.push(b'#');
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Requests in the first two seconds, about: runs that would take long are left out.
fn size(loaded: &Loaded) -> f64 {
    let workloads = loaded
        .variants
        .iter()
        .flat_map(|v| v.scenario.workload.values());
    let of = |w: &kmsim::scenario::workload::WorkloadSettings| {
        let rate = match &w.arrivals {
            Arrivals::Open(open) => open.peak(),
            Arrivals::Trace(trace) => trace.recording.rows.len() as f64 * trace.rate_scale,
            Arrivals::Job(job) => f64::from(job.workers.min(job.objects)) * 100.0,
        };
        rate * f64::from(w.parts + 2) * f64::from(w.retry.max_attempts)
            + f64::from(w.clients) / 100.0
    };
    workloads.map(of).sum()
}

/// Every shipped scenario, and [`GOOD`].
fn scenarios() -> Vec<(String, String, std::path::PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut all: Vec<_> = fs::read_dir(&folder)
        .expect("scenarios")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .map(|p| {
            let text = fs::read_to_string(&p).expect("text");
            (p.display().to_string(), text, folder.clone())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn mutated_scenarios_are_read_or_refused() {
    let dir = folder(GOOD.as_bytes());
    let mut all = scenarios();
    assert!(!all.is_empty());
    let shipped = (300 / all.len()).max(10);
    all.push(("good".to_owned(), GOOD.to_owned(), dir.path().to_owned()));
    let (mut refused, mut ran) = (0, 0);
    for (name, text, folder) in &all {
        let mut dice = Dice(name.len() as u64 * 7_919);
        let rounds = if name == "good" { 400 } else { shipped };
        for _ in 0..rounds {
            let text = mutated(text, &mut dice);
            let input = Input::from_text("mutant", text).in_folder(folder.clone());
            let sets = ["horizon=2s", "warm_up=0s", "replications=1"].map(str::to_owned);
            match load(&input, &sets) {
                Err(error) => {
                    let (faults, sources) = (&error.faults, &error.sources);
                    refused += 1;
                    assert!(
                        !faults.is_empty(),
                        "refused without a reason:\n{}",
                        input.text
                    );
                    let message = error.to_string();
                    assert!(message.contains("error["), "{message}");
                    for fault in faults {
                        assert!(
                            fault.help.is_some(),
                            "no way out:\n{}",
                            fault.one_line(sources)
                        );
                    }
                }
                Ok(loaded) if size(&loaded) < 150_000.0 => {
                    ran += 1;
                    let results = run(&loaded, RunOptions::default());
                    let (results, _) = results.unwrap_or_else(|e| panic!("{e}:\n{}", input.text));
                    let json = results::json::text(&results).expect("JSON");
                    assert!(!json.contains("NaN"), "{}", input.text);
                    let mut csv = Vec::new();
                    report::csv::time_series(&results, &mut csv).expect("CSV");
                    report::csv::bill(&results, &mut csv).expect("CSV");
                    let shown = report::summary::text(&TextTable, &results).expect("text")
                        + &report::csv::summary(&results).expect("CSV")
                        + &String::from_utf8(csv).expect("text");
                    for nonsense in ["NaN", " -0 ", "-0 %", ",-0,", "inf"] {
                        assert!(
                            !shown.contains(nonsense),
                            "{nonsense}:\n{shown}\n{}",
                            input.text
                        );
                    }
                }
                Ok(_) => {}
            }
        }
    }
    // Both ends were looked at, not only one.
    assert!(refused > 50 && ran > 50, "{refused} refused, {ran} ran");
}

#[test]
fn mutated_results_are_drawn_or_refused() {
    let dir = folder(GOOD.as_bytes());
    let input = Input::from_text("good", GOOD).in_folder(dir.path());
    let loaded = load(&input, &[]).expect("good");
    let (results, _) = run(&loaded, RunOptions::default()).expect("results");
    let text = results::json::text(&results).expect("JSON");
    let mut dice = Dice(11);
    let mut drawn = 0;
    for round in 0..150 {
        // Numbers, and keys or lines that are gone: what a script that edits results may do.
        let mut text = text.clone();
        for _ in 0..=dice.below(3) {
            let at = (0..)
                .map(|_| dice.below(text.len()))
                .find(|&i| text.is_char_boundary(i));
            let at = at.unwrap_or(0);
            let from = text[..at].rfind('\n').map_or(0, |i| i + 1);
            let to = text[at..].find('\n').map_or(text.len(), |i| at + i + 1);
            let line = text[from..to].to_owned();
            let line = match dice.below(3) {
                0 => String::new(),
                1 => line.repeat(2),
                _ => {
                    let digit = |c: char| c.is_ascii_digit();
                    match line.find(digit) {
                        Some(i) => {
                            let value =
                                dice.pick(&["null", "-1", "1e300", "0", "18446744073709551615"]);
                            let end = line[i..]
                                .find(|c: char| !digit(c) && c != '.')
                                .map_or(line.len(), |n| i + n);
                            format!("{}{value}{}", &line[..i], &line[end..])
                        }
                        None => line,
                    }
                }
            };
            text.replace_range(from..to, &line);
        }
        let Ok(results) = results::parse(&text, Path::new("results.json")) else {
            continue;
        };
        drawn += 1;
        let _ = report::summary::text(&TextTable, &results);
        let _ = report::summary::text(&Markdown, &results);
        let _ = report::csv::summary(&results);
        let _ = report::csv::time_series(&results, &mut Vec::new());
        let _ = report::csv::bill(&results, &mut Vec::new());
        let _ = kmsim::compare::across(&[
            ("a".to_owned(), results.clone()),
            ("b".to_owned(), results.clone()),
        ]);
        if round % 5 == 0
            && let Ok(figures) = report::chart::all(&results)
        {
            let _ = report::html::report(&results, &figures);
        }
    }
    assert!(drawn > 10, "{drawn}");
}
