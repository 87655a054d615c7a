//! Scenario files and `--set` arguments: refused with a way out, or run.

use super::checks::{is_small, ran, refused};
use kmsim::input::Input;
use kmsim::input::named_file::FileRules;
use kmsim::scenario::load;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

#[path = "../../src/scenario/cases/texts.rs"]
#[allow(dead_code)]
mod texts;

/// Requests of a run at most.
const MOST: f64 = 3_000.0;

/// A folder with a trace and tables of things, which no target writes into.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tables = texts::INVENTORIES.into_iter();
    for (name, text) in tables.chain([("trace.csv", "time\n0\n0.5\n1.5\n")]) {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
});

/// A text that may name the files of that folder and no others.
fn input(text: &str) -> Input {
    let folder: &Path = FOLDER.path();
    Input::from_text("fuzzed", text)
        .in_folder(folder)
        .under(FileRules::default())
}

/// A scenario file.
pub fn scenario(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let fault = Input::from_bytes("fuzzed", "fuzzed.toml", bytes.to_vec());
        assert!(fault.is_err_and(|e| e.to_string().contains("is not UTF-8 text")));
        return;
    };
    read(text, &[]);
}

/// `--set` arguments, one a line; the first line's first byte says to which scenario.
pub fn set(bytes: &[u8]) {
    let texts = [
        texts::APP,
        texts::S3,
        texts::JOBS,
        texts::CACHE,
        texts::LOGS,
        texts::FLOW,
        texts::ACCESS,
        include_str!("../../src/scenario/cases/good.toml"),
    ];
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let rest = String::from_utf8_lossy(rest);
    let sets: Vec<String> = rest.lines().take(8).map(str::to_owned).collect();
    read(texts[usize::from(*first) % texts.len()], &sets);
}

fn read(text: &str, sets: &[String]) {
    match load(&input(text), sets) {
        Err(error) => refused(&error),
        Ok(loaded) if is_small(&loaded, MOST) => ran(&loaded, &format!("{sets:?}\n{text}")),
        Ok(_) => {}
    }
}
