//! What README.md and docs/*.md show is true: scenarios load and run, commands end well and in the
//! order they are shown, links lead somewhere, every key is described, and the README's table is
//! what the command above it prints.
//!
//! A ```` ```toml ```` block is a scenario; with `fragment` after `toml` it is laid over [`MINIMAL`],
//! with a file name it is what the reader is asked to save. ```` ```console ```` blocks hold lines
//! that begin with `$ `.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kmsim::catalog::retry_profiles;
use kmsim::input::Input;
use kmsim::run::{RunOptions, run};
use kmsim::scenario::{Loaded, load};
use serde_json::Value;

/// What fragments are laid over.
const MINIMAL: &str = r#"
horizon = "1m"
region = "eu-west-3"
[key.main]
[bucket.objects]
key = "main"
[workload.minimal]
key = "main"
operations.Decrypt = 1
arrivals.poisson.rate = "5/s"
clients = 1
"#;

/// The command whose output README.md shows as a table; it alone is run in full.
const SHOWN: &str = "cargo run --release -- run scenarios/media-library.toml";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page, by its path from the root.
struct Page {
    name: String,
    text: String,
}

/// A fenced block: where it begins, the words after the fence, the lines within.
struct Block {
    line: usize,
    info: Vec<String>,
    text: String,
}

impl Page {
    fn read(name: &str) -> Page {
        let text = fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        Page {
            name: name.to_owned(),
            text,
        }
    }

    fn blocks(&self) -> Vec<Block> {
        let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
        for (i, line) in self.text.lines().enumerate() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(info), None) => {
                    open = Some(Block {
                        line: i + 1,
                        info: info.split_whitespace().map(str::to_owned).collect(),
                        text: String::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.name);
        blocks
    }

    /// The text outside fenced blocks, line by line.
    fn prose(&self) -> Vec<(usize, &str)> {
        let mut inside = false;
        let mut lines = Vec::new();
        for (i, line) in self.text.lines().enumerate() {
            if line.starts_with("```") {
                inside = !inside;
            } else if !inside {
                lines.push((i + 1, line));
            }
        }
        lines
    }

    /// What stands in backticks outside fenced blocks.
    fn code(&self) -> BTreeSet<&str> {
        self.prose()
            .iter()
            .flat_map(|(_, line)| spans(line))
            .collect()
    }

    /// Rows of the tables whose header begins with `first`, as cells.
    fn rows(&self, first: &str) -> Vec<Vec<&str>> {
        let (mut rows, mut within) = (Vec::new(), false);
        for (_, line) in self.prose() {
            let Some(inner) = line.strip_prefix('|') else {
                within = false;
                continue;
            };
            let cells: Vec<&str> = inner
                .trim_end_matches('|')
                .split('|')
                .map(str::trim)
                .collect();
            if within && !cells[0].starts_with("---") {
                rows.push(cells);
            } else if cells[0] == first {
                within = true;
            }
        }
        rows
    }
}

/// What stands in backticks in a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// README.md and docs/*.md.
fn pages() -> Vec<Page> {
    let mut names: Vec<String> = fs::read_dir(root().join("docs"))
        .expect("docs/")
        .map(|e| e.expect("entry").file_name().into_string().expect("name"))
        .filter(|n| n.ends_with(".md"))
        .map(|n| format!("docs/{n}"))
        .collect();
    names.extend(["README.md", "CONTRIBUTING.md"].map(str::to_owned));
    names.sort();
    names.iter().map(|n| Page::read(n)).collect()
}

fn read(text: &str, sets: &[String]) -> Result<Loaded, String> {
    let input = Input::from_text("example", text).in_folder(root().join("scenarios"));
    load(&input, sets).map_err(|error| error.to_string())
}

/// Lays one TOML table over another.
fn lay(over: toml::Table, base: &mut toml::Table) {
    for (key, value) in over {
        match (value, base.get_mut(&key)) {
            (toml::Value::Table(above), Some(toml::Value::Table(under))) => lay(above, under),
            (value, _) => {
                base.insert(key, value);
            }
        }
    }
}

#[test]
fn every_scenario_shown_runs() {
    let (mut failures, mut complete, mut fragments) = (Vec::new(), 0, 0);
    for page in pages() {
        for block in page
            .blocks()
            .iter()
            .filter(|b| b.info.first().is_some_and(|i| i == "toml"))
        {
            let place = format!("{}:{}", page.name, block.line);
            let is_fragment = block.info.get(1).is_some_and(|i| i == "fragment");
            let text = if is_fragment {
                fragments += 1;
                let mut all: toml::Table = MINIMAL.parse().expect("TOML");
                match block.text.parse() {
                    Ok(over) => lay(over, &mut all),
                    Err(e) => failures.push(format!("{place}: {e}")),
                }
                toml::to_string(&all).expect("TOML")
            } else {
                complete += 1;
                block.text.clone()
            };
            match read(&text, &["replications=1".to_owned()]) {
                Err(fault) => failures.push(format!("{place}:\n{fault}")),
                Ok(_) if is_fragment => {}
                Ok(loaded) => {
                    if let Err(e) = run(&loaded, RunOptions::default()) {
                        failures.push(format!("{place}: {e}"));
                    }
                }
            }
        }
    }
    println!("{complete} complete scenarios, {fragments} fragments");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(complete > 0 && fragments > 0, "no scenario is shown");
}

/// Splits a command line as a shell does, quotes only; anything else that a shell would act on is
/// refused.
fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '|' | '>' | '<' | ';' | '&' | '$' | '*' | '~' | '\\') => {
                return Err(format!("`{c}` is for a shell, which the test is not"));
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Whether the lines of `.ci/run` have this command, be it with more flags.
fn ci_runs(command: &[String]) -> bool {
    let script = fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
    script.lines().any(|line| {
        let mut rest = line.split_whitespace().skip_while(|w| *w != "cargo");
        command.iter().all(|word| rest.any(|w| w == word))
    })
}

/// What a line of a console block is.
#[derive(Debug)]
enum Shown {
    /// kmsim with these arguments.
    Kmsim(Vec<String>),
    /// Known from elsewhere.
    Known,
}

fn meaning(line: &str) -> Result<Shown, String> {
    let words = words(line)?;
    let all: Vec<&str> = words.iter().map(String::as_str).collect();
    match all.as_slice() {
        ["kmsim", ..] => Ok(Shown::Kmsim(words[1..].to_vec())),
        ["cargo", "run", "--release", "--", ..] => Ok(Shown::Kmsim(words[4..].to_vec())),
        // Would build everything once more; the tests have built it.
        ["cargo", "install", "--locked", "--path", "."] => Ok(Shown::Known),
        [
            "cargo",
            "test" | "build" | "bench" | "clippy" | "fmt" | "doc",
            ..,
        ] if ci_runs(&words) => Ok(Shown::Known),
        _ => Err(format!(
            "`{line}` is neither kmsim nor a command of .ci/run"
        )),
    }
}

/// A folder as a reader sees it: the scenarios, and no results yet.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    copy(&root().join("scenarios"), &dir.path().join("scenarios"));
    dir
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).expect("folder");
        for entry in fs::read_dir(from).expect("a folder") {
            let name = entry.expect("entry").file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::copy(from, to).expect("copy");
    }
}

/// Runs kmsim; its standard output.
fn kmsim(dir: &Path, args: &[String]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_kmsim"))
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| e.to_string())?;
    // A sweep of a scenario with thresholds says which settings fail them.
    let said = String::from_utf8_lossy(&output.stderr);
    let judged = args.first().is_some_and(|verb| verb == "sweep")
        && output.status.code() == Some(1)
        && said.contains("fail their thresholds");
    if output.status.success() || judged {
        String::from_utf8(output.stdout).map_err(|e| e.to_string())
    } else {
        Err(format!("{}: {said}", output.status))
    }
}

/// Runs every command of a page in order; what [`SHOWN`] printed, as Markdown.
fn run_commands(page: &Page, dir: &Path, failures: &mut Vec<String>) -> Option<String> {
    let mut shown = None;
    for block in page.blocks() {
        let info: Vec<&str> = block.info.iter().map(String::as_str).collect();
        match info.as_slice() {
            ["toml", file] if *file != "fragment" => {
                fs::write(dir.join(file), &block.text).expect("write");
            }
            ["console" | "sh", ..] => {
                for line in block.text.lines().filter(|l| !l.is_empty()) {
                    let place = format!("{}:{}", page.name, block.line);
                    let Some(command) = line.strip_prefix("$ ") else {
                        failures.push(format!("{place}: `{line}` is no command"));
                        continue;
                    };
                    let mut args = match meaning(command) {
                        Ok(Shown::Kmsim(args)) => args,
                        Ok(Shown::Known) => continue,
                        Err(e) => {
                            failures.push(format!("{place}: {e}"));
                            continue;
                        }
                    };
                    let simulates = ["run", "compare", "plan", "sweep"].contains(&args[0].as_str());
                    if command == SHOWN {
                        args.extend(["--full", "--format", "markdown"].map(str::to_owned));
                    } else if simulates {
                        args.extend(["--set".to_owned(), "replications=2".to_owned()]);
                    }
                    let started = std::time::Instant::now();
                    match kmsim(dir, &args) {
                        Ok(printed) if command == SHOWN => shown = Some(printed),
                        Ok(_) => {}
                        Err(e) => failures.push(format!("{place}: `{command}`: {e}")),
                    }
                    println!("{:5.1} s  {command}", started.elapsed().as_secs_f64());
                }
            }
            _ => {}
        }
    }
    shown
}

/// The value at `variants[0].metrics.throttle_rate`.
fn at<'a>(results: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(results, |value, step| {
        let (name, index) = match step.split_once('[') {
            Some((name, index)) => (
                name,
                Some(index.trim_end_matches(']').parse::<usize>().ok()?),
            ),
            None => (step, None),
        };
        let value = value.get(name)?;
        index.map_or(Some(value), |i| value.get(i))
    })
}

#[test]
fn every_command_shown_ends_well() {
    let mut failures = Vec::new();
    for page in pages().iter().filter(|p| p.name != "README.md") {
        run_commands(page, folder().path(), &mut failures);
    }

    let (readme, dir) = (Page::read("README.md"), folder());
    let printed = run_commands(&readme, dir.path(), &mut failures);
    let printed = printed.expect("README.md shows the command that it explains");
    let rows = readme.text.lines().skip_while(|l| !l.starts_with("|  |"));
    let rows: Vec<&str> = rows.take_while(|l| l.starts_with('|')).collect();
    assert!(rows.len() > 5, "README.md shows no table of results");
    for row in rows {
        if !printed.lines().any(|l| l == row) {
            failures.push(format!(
                "README.md shows\n{row}\nbut `{SHOWN} --full --format markdown` prints\n{printed}"
            ));
            break;
        }
    }

    let results = fs::read_to_string(dir.path().join("output/media-library/results.json"));
    let results: Value = serde_json::from_str(&results.expect("results")).expect("JSON");
    let paths = readme.rows("path");
    assert!(
        !paths.is_empty(),
        "README.md says nothing about results.json"
    );
    for path in paths.iter().flat_map(|cells| spans(cells[0])) {
        if at(&results, path).is_none() {
            failures.push(format!("results.json has no `{path}`"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut failures = Vec::new();
    let mut all = pages();
    all.extend(["output/README.md", "CHANGELOG.md"].map(Page::read));
    for page in &all {
        let here = root().join(&page.name);
        for (line, text) in page.prose() {
            for rest in text.split("](").skip(1) {
                let target = rest.split(')').next().unwrap_or("");
                if target.starts_with("https://") {
                    continue;
                }
                let (file, heading) = target.split_once('#').unwrap_or((target, ""));
                let path: PathBuf = if file.is_empty() {
                    here.clone()
                } else {
                    here.parent().expect("folder").join(file)
                };
                let anchored = || {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    text.lines()
                        .filter_map(|l| l.strip_prefix('#'))
                        .any(|l| anchor(l.trim_start_matches('#')) == heading)
                };
                if !path.exists() || !(heading.is_empty() || anchored()) {
                    failures.push(format!("{}:{line}: `{target}` is not there", page.name));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Every key of the language, those of all retry profiles also as one.
fn keys() -> BTreeSet<String> {
    let mut keys = kmsim::scenario::keys();
    let of_profiles: Vec<String> = keys.iter().filter_map(|k| of_any_profile(k)).collect();
    keys.extend(of_profiles);
    keys
}

/// `retry.PROFILE.…` of a retry profile's key.
fn of_any_profile(key: &str) -> Option<String> {
    let inside = key.strip_prefix("retry.")?;
    let names = retry_profiles().iter();
    names
        .flat_map(|p| p.aliases.iter().chain([&p.id]))
        .find_map(|name| inside.strip_prefix(&format!("{name}.")))
        .map(|rest| format!("retry.PROFILE.{rest}"))
}

#[test]
fn the_reference_names_every_key_and_no_other() {
    let page = Page::read("docs/SCENARIO.md");
    let (code, keys) = (page.code(), keys());
    let mut failures = Vec::new();
    for key in &keys {
        // What holds for the file's `retry` holds for a workload's; KMS operations are a list.
        let of_file = key
            .strip_prefix("workload.NAME.retry.")
            .map(|k| format!("retry.{k}"));
        let operation = key.strip_prefix("workload.NAME.operations.");
        let profile = of_any_profile(of_file.as_deref().unwrap_or(key));
        let named = code.contains(key.as_str())
            || profile.is_some_and(|p| code.contains(p.as_str()))
            || of_file.is_some_and(|t| code.contains(t.as_str()))
            || operation.is_some_and(|o| code.contains(o));
        if !named {
            failures.push(format!("docs/SCENARIO.md does not name `{key}`"));
        }
    }
    for profile in retry_profiles() {
        for name in profile.aliases.iter().chain([&profile.id]) {
            if !code.contains(name.as_str()) {
                failures.push(format!(
                    "docs/SCENARIO.md does not name the profile `{name}`"
                ));
            }
        }
    }
    for key in page.rows("key").iter().flat_map(|cells| spans(cells[0])) {
        if !is_key(&keys, key) {
            failures.push(format!(
                "docs/SCENARIO.md describes `{key}`, which is no key"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Whether it is a key or a table of keys; where the language has a NAME, any name will do.
fn is_key(keys: &BTreeSet<String>, key: &str) -> bool {
    keys.iter().any(|known| {
        known == key || {
            let mut steps = known.split('.');
            key.split('.').all(|part| {
                steps
                    .next()
                    .is_some_and(|s| s == "NAME" || s.trim_end_matches("[]") == part)
            })
        }
    })
}

#[test]
fn assumptions_are_numbered_and_their_keys_exist() {
    let page = Page::read("docs/MODEL.md");
    let keys = keys();
    let rows = page.rows("#");
    let number = |cell: &str| cell.strip_prefix('M').and_then(|n| n.parse::<usize>().ok());
    let numbers: Vec<usize> = rows.iter().filter_map(|cells| number(cells[0])).collect();
    assert_eq!(numbers.len(), rows.len(), "each has a number");
    assert!(numbers.is_sorted_by(|a, b| a < b), "numbered in order");
    for cells in &rows {
        for key in spans(cells[cells.len() - 1]) {
            assert!(is_key(&keys, key), "{}: `{key}` is no key", cells[0]);
        }
    }
    assert!(rows.len() > 20, "{} assumptions", rows.len());
    // What each is worth is measured, or said where nothing can be set.
    let measured = page.text.split_once("## How far the results move");
    let measured = measured.map_or("", |(_, section)| section);
    let cited: BTreeSet<&str> = measured
        .split(|c: char| !c.is_ascii_alphanumeric())
        .collect();
    for cells in &rows {
        assert!(
            cited.contains(cells[0]),
            "\"How far the results move\" says nothing of {}",
            cells[0]
        );
    }
    // Where the reference cites an assumption, there is one.
    let reference = Page::read("docs/SCENARIO.md").text;
    for cited in reference.split("(M").skip(1) {
        let digits: String = cited.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(number) = digits.parse::<usize>() {
            assert!(
                numbers.contains(&number),
                "docs/SCENARIO.md cites M{number}"
            );
        }
    }
}
