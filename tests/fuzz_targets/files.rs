//! Files of rows and of an account: traces, and every format of import.

use super::Depth;
use super::checks::{is_small, ran, refused};
use kmsim::import::evidence::collected::AccountEvidence;
use kmsim::import::evidence::finding::{Chunk, FileEnd, Findings, Item, fingerprint};
use kmsim::import::format::{SourceFormat, recognised};
use kmsim::import::gather::{GatherOptions, gather};
use kmsim::import::head::{self, Head};
use kmsim::import::load::loads;
use kmsim::import::privacy::Names;
use kmsim::import::scenario::written::{WritingOptions, scenario};
use kmsim::import::window::Window;
use kmsim::import::{summary, told};
use kmsim::input::Input;
use kmsim::scenario::load;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use tempfile::TempDir;

/// Of so many files of import one is followed to a scenario: that takes a thousand times as long as reading it.
const WHOLE_EACH: u64 = 256;

/// The format that another crate reads.
const PARQUET: &str = "parquet";

/// Requests of a run at most.
const MOST: f64 = 3_000.0;

thread_local! {
    /// Where this thread writes what is to be read.
    static FOLDER: TempDir = tempfile::tempdir().expect("a temporary folder");
}

/// A trace, whose first byte says what is said of it.
pub fn trace(bytes: &[u8]) {
    let Some((&how, rows)) = bytes.split_first() else {
        return;
    };
    let options = [
        "",
        ", time_unit = \"ms\"",
        ", count = \"n\", period = \"60s\"",
        ", count = \"n\", period = \"60s\", dispersion = 3.0, repeat = true",
        ", rate_scale = 2.5, repeat = true",
        ", time_scale = 0.01",
        ", count = \"none\"",
        ", time_unit = \"ns\", time_scale = 1000",
    ];
    let options = options[usize::from(how) % options.len()];
    let text = format!(
        "horizon = \"90s\"\nreplications = 1\nregion = \"us-east-1\"\nkey.main = {{}}\nretry.fixed = {{ delay = \"1s\", max_attempts = 2 }}\n[quota.q]\nlimit = \"3/s\"\n\
         [bucket.lake]\nkey = \"main\"\n[workload.w]\nbucket = \"lake\"\nclients = 1\noperations = {{ GetObject = 2, PutObject = 1 }}\ntrace = {{ file = \"trace.csv\"{options} }}\n"
    );
    FOLDER.with(|folder| {
        std::fs::write(folder.path().join("trace.csv"), rows).expect("written");
        match load(
            &Input::from_text("fuzzed", text).in_folder(folder.path()),
            &[],
        ) {
            Err(error) => refused(&error),
            Ok(loaded) if is_small(&loaded, MOST) => ran(&loaded, options),
            Ok(_) => {}
        }
    });
}

/// A file of a format of import: its reader's records are of kinds that it has told, and it ends once. Then, whole or for one
/// input in [`WHOLE_EACH`], by its content and as what it is said to be: a scenario that is made of it is one.
pub fn import(format: &'static SourceFormat, bytes: &[u8], depth: Depth) {
    parsed(format, bytes);
    if depth == Depth::Sampled && !fingerprint(bytes).is_multiple_of(WHOLE_EACH) {
        return;
    }
    FOLDER.with(|folder| {
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).expect("written");
        for format in [None, Some(format)] {
            imported(&path, format);
        }
    });
}

/// Only the reader: what recognises a file, too.
fn parsed(format: &'static SourceFormat, bytes: &[u8]) {
    let mut window = Window::of(bytes);
    let _ = window.fill(head::LENGTH);
    let _ = recognised(&Head::of(window.bytes()));
    let (mut kinds, mut ends) = (0, 0);
    let mut send = |chunk: Chunk| {
        kinds = chunk.kinds.len() + if chunk.fresh { 0 } else { kinds };
        let known = |item: &Item| (item.kind as usize) < kinds;
        assert!(chunk.items.iter().all(known), "a record of no kind");
        ends += u32::from(chunk.end.is_some());
    };
    let mut findings = Findings::new(format.name, &mut send);
    let read = AssertUnwindSafe(|| (format.read)(&mut window, &mut findings));
    let end = match catch_unwind(read) {
        Ok(end) => end,
        // With its assertions on the crate that reads Parquet panics over some bytes; import tells such a file as broken.
        Err(_) if format.name == PARQUET => FileEnd::Broken("panics".to_owned(), 0),
        Err(panic) => resume_unwind(panic),
    };
    findings.end(end);
    assert_eq!(ends, 1, "ends of a file");
}

fn imported(path: &Path, format: Option<&'static SourceFormat>) {
    let options = GatherOptions {
        format,
        threads: 1,
        ..GatherOptions::default()
    };
    let evidence = gather(&[path.to_path_buf()], &options);
    let is_parquet = options.format.is_none_or(|f| f.name == PARQUET);
    let records: u64 = evidence.records.values().sum();
    assert_eq!(records, counted(&evidence), "{evidence:?}");
    for (_, fault) in evidence.faults() {
        assert!(
            !fault.is_empty() && (is_parquet || !fault.contains("fault of kmsim")),
            "{fault}"
        );
    }
    let names = Names::Hidden([7; 32]);
    let loads = loads(&evidence, Some("us-east-1"));
    let options = WritingOptions {
        stem: "made".to_owned(),
        retry: None,
        clients: None,
    };
    let written = scenario(&evidence, &loads, &names, &options);
    let mut all = summary::totals(&evidence, &names);
    summary::outcome(&evidence, &loads, &names, written.as_ref(), &mut all);
    let _ = told::totals(&evidence, &names);
    let _ = told::remarks(&evidence, &loads, written.as_ref(), &names);
    let Some(written) = written else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in &written.files {
        let path = folder.path().join(name);
        let parent = path.parent().expect("a folder");
        std::fs::create_dir_all(parent).expect("a folder");
        std::fs::write(&path, text).expect("written");
    }
    let input = Input::from_text("made", written.toml.as_str()).in_folder(folder.path());
    if let Err(error) = load(&input, &[]) {
        panic!(
            "import writes what check refuses: {error}\n{}",
            written.toml
        );
    }
}

/// Records are used, read for a fact, not ours, there twice, or skipped: the sum of it.
fn counted(evidence: &AccountEvidence) -> u64 {
    let used: u64 = evidence.kinds.iter().map(|kind| kind.1).sum();
    let of = |by: &BTreeMap<&'static str, u64>| by.values().sum::<u64>();
    let skips = evidence.skips.values().flat_map(|s| s.values());
    let skipped: u64 = skips.map(|s| s.count).sum();
    used + of(&evidence.settings) + of(&evidence.not_ours) + of(&evidence.duplicates) + skipped
}
