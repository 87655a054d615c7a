//! All files into one [`AccountEvidence`], on any number of threads with the same result.
//!
//! Files are read in parallel, each by one thread, and merged one after the other in their order: what depends on the order
//! (which of two equal records is the duplicate, the first place of a skip) does not depend on the threads. A thread that
//! is ahead waits until its file's turn comes, so that no more than a few chunks of each file are held.

use super::evidence::collected::{AccountEvidence, FileReport};
use super::evidence::finding::{Chunk, FileEnd, Findings, Hints};
use super::evidence::series::{CountedAs, RecordKind, SeriesKey};
use super::evidence::skip::Skipped;
use super::format::{self, SourceFormat};
use super::head::{self, Head};
use super::walk;
use super::window::{NoMore, Window};
use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};

/// Chunks of a file that wait at most.
const WAITING: usize = 2;
/// Files that threads may be ahead of the one that is merged.
const AHEAD: usize = 64;
/// Fingerprints kept for finding duplicates: at least so many, at most twice as many.
const REMEMBERED: usize = 1_750_000;
/// Series kept apart.
const SERIES: usize = 50_000;

/// Sessions of a series that are told apart.
const SESSIONS: usize = 1_024;

/// What the user says of the files.
#[derive(Clone, Debug, Default)]
pub struct GatherOptions {
    /// The format of all of them.
    pub format: Option<&'static SourceFormat>,
    /// A metric that counts requests.
    pub metric: Option<String>,
    /// Threads that read.
    pub threads: usize,
}

/// Reads all files below the paths.
pub fn gather(paths: &[PathBuf], options: &GatherOptions) -> AccountEvidence {
    let (files, obstacles) = walk::files(paths);
    let mut merger = Merger::default();
    for obstacle in obstacles {
        if !obstacle.is_fault {
            *merger
                .evidence
                .files_left_out
                .entry("not a file")
                .or_default() += 1;
        }
        merger.evidence.files.push(FileReport {
            path: obstacle.path.display().to_string(),
            format: obstacle.reason.clone(),
            records: 0,
            read: false,
            fault: obstacle.is_fault.then_some(obstacle.reason),
        });
    }
    let threads = options.threads.min(files.len());
    if threads <= 1 {
        for file in &files {
            merger.begin(file);
            read(file, options, &mut |chunk| merger.take(chunk));
        }
    } else {
        in_parallel(&files, options, threads, &mut merger);
    }
    merger.finish()
}

/// Which file is being merged; threads wait for it.
#[derive(Default)]
struct MergeTurn {
    merged: Mutex<usize>,
    moved: Condvar,
}

fn in_parallel(files: &[PathBuf], options: &GatherOptions, threads: usize, merger: &mut Merger) {
    let turn = MergeTurn::default();
    let next = AtomicUsize::new(0);
    let (senders, receivers): (Vec<SyncSender<Chunk>>, Vec<Receiver<Chunk>>) =
        (0..files.len().min(AHEAD))
            .map(|_| sync_channel(WAITING))
            .unzip();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let senders = senders.clone();
            let (turn, next) = (&turn, &next);
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(i) else {
                        return;
                    };
                    // A place of the ring is free when its file before has been merged.
                    let mut merged = turn.merged.lock().unwrap_or_else(PoisonError::into_inner);
                    while *merged + senders.len() <= i {
                        merged = turn
                            .moved
                            .wait(merged)
                            .unwrap_or_else(PoisonError::into_inner);
                    }
                    drop(merged);
                    let sender = &senders[i % senders.len()];
                    read(file, options, &mut |chunk| {
                        // The merger is gone only when all is over.
                        let _ = sender.send(chunk);
                    });
                }
            });
        }
        for (i, file) in files.iter().enumerate() {
            merger.begin(file);
            let receiver = &receivers[i % receivers.len()];
            while let Ok(chunk) = receiver.recv() {
                let ended = chunk.end.is_some();
                merger.take(chunk);
                if ended {
                    break;
                }
            }
            *turn.merged.lock().unwrap_or_else(PoisonError::into_inner) = i + 1;
            turn.moved.notify_all();
        }
    });
}

/// Reads one file.
fn read(path: &Path, options: &GatherOptions, send: &mut dyn FnMut(Chunk)) {
    let mut window = match Window::open(path) {
        Ok(window) => window,
        Err(e) => {
            let end = FileEnd::Broken(format!("cannot be read: {e}"), 0);
            return Findings::new("", send).end(end);
        }
    };
    let begun = window.fill(head::LENGTH);
    let head = Head::of(window.bytes());
    let format = options.format.or_else(|| format::recognised(&head));
    match (format, begun) {
        (Some(format), _) => {
            let mut findings = Findings::new(format.name, send);
            findings.hints = Hints {
                file: path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                metric: options.metric.clone(),
            };
            // Whatever a file holds, the others are read.
            let end = catch_unwind(AssertUnwindSafe(|| {
                (format.read)(&mut window, &mut findings)
            }));
            let end = end.unwrap_or_else(|_| {
                FileEnd::Broken(
                    "cannot be read: a fault of kmsim".to_owned(),
                    window.offset(),
                )
            });
            findings.end(end);
        }
        (None, Err(NoMore::Broken(e))) => {
            let end = FileEnd::Broken(format!("cannot be decompressed or read: {e}"), 0);
            Findings::new("", send).end(end);
        }
        (None, _) => {
            let what = if head.bytes.is_empty() {
                "empty"
            } else {
                "unknown format"
            };
            Findings::new("", send).end(FileEnd::LeftOut(what));
        }
    }
}

/// Fingerprints of records: all of them, or the last ones where they are too many.
#[derive(Default)]
struct Remembered {
    now: HashSet<u64>,
    before: HashSet<u64>,
    /// First and last time of those in `now`.
    span: Option<(i64, i64)>,
    /// How far they reach back where some were forgotten \[s\].
    reach: Option<i64>,
}

impl Remembered {
    /// Whether it is there already; it is afterwards.
    #[inline]
    fn knows(&mut self, at: i64, id: u64) -> bool {
        if self.before.contains(&id) || !self.now.insert(id) {
            return true;
        }
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        if self.now.len() >= REMEMBERED {
            if !self.before.is_empty() {
                let reach = self.reach.unwrap_or(i64::MAX);
                self.reach = Some(reach.min(last - first));
            }
            self.before = std::mem::take(&mut self.now);
            self.span = None;
        }
        false
    }
}

/// What a kind of the present file is here.
#[derive(Clone, Copy)]
struct KnownKind {
    kind: usize,
    series: Option<usize>,
    is_event: bool,
    is_kms: bool,
}

#[derive(Default)]
struct Merger {
    evidence: AccountEvidence,
    path: String,
    /// Kinds of the present file.
    known: Vec<KnownKind>,
    kinds: Vec<(RecordKind, u64)>,
    kind_numbers: BTreeMap<RecordKind, usize>,
    series: Vec<(SeriesKey, super::evidence::counts::Counts)>,
    series_numbers: BTreeMap<SeriesKey, usize>,
    /// Sessions of each series.
    sessions: Vec<HashSet<u64>>,
    last_session: (usize, u64),
    ids: Remembered,
    shared: Remembered,
    records: u64,
}

impl Merger {
    fn begin(&mut self, path: &Path) {
        self.path = path.display().to_string();
        self.known.clear();
        self.records = 0;
    }

    fn learn(&mut self, mut kind: RecordKind) {
        if let Some(series) = &mut kind.series
            && self.series.len() >= SERIES
            && !self.series_numbers.contains_key(series)
        {
            self.evidence.crowded = true;
            series.requester = String::new();
            series.client = String::new();
            series.key = String::new();
        }
        let series = kind.series.clone().map(|key| {
            let new = self.series.len();
            let number = *self.series_numbers.entry(key.clone()).or_insert(new);
            if number == new {
                self.series.push((key, Default::default()));
                self.sessions.push(HashSet::new());
            }
            number
        });
        let event = match &kind.tally {
            CountedAs::Event(event) => Some(event.kms.is_some()),
            CountedAs::Line { .. } | CountedAs::Row(_) | CountedAs::Sample => None,
        };
        // The counters do not need the series.
        kind.series = None;
        let new = self.kinds.len();
        let number = *self.kind_numbers.entry(kind.clone()).or_insert(new);
        if number == new {
            self.kinds.push((kind, 0));
        }
        self.known.push(KnownKind {
            kind: number,
            series,
            is_event: event.is_some(),
            is_kms: event == Some(true),
        });
    }

    fn take(&mut self, chunk: Chunk) {
        for kind in chunk.kinds {
            self.learn(kind);
        }
        let format = chunk.format;
        let mut duplicates = 0;
        for item in &chunk.items {
            let known = self.known[item.kind as usize];
            if item.id != 0 && self.ids.knows(item.at, item.id) {
                duplicates += 1;
                self.evidence.kms_duplicates += u64::from(known.is_kms);
                continue;
            }
            self.kinds[known.kind].1 += 1;
            if known.is_event {
                self.evidence.events.add(item.at, item.n);
                if known.is_kms {
                    self.evidence.kms_events.add(item.at, item.n);
                }
            }
            let Some(series) = known.series else {
                continue;
            };
            if item.shared != 0 && self.shared.knows(item.at, item.shared) {
                self.evidence.shared += 1;
                continue;
            }
            self.series[series].1.add(item.at, item.n);
            if item.session != 0 && self.last_session != (series, item.session) {
                self.last_session = (series, item.session);
                let sessions = &mut self.sessions[series];
                if sessions.len() < SESSIONS {
                    sessions.insert(item.session);
                }
            }
        }
        if duplicates > 0 {
            *self.evidence.duplicates.entry(format).or_default() += duplicates;
        }
        if chunk.seen > 0 {
            *self.evidence.records.entry(format).or_default() += chunk.seen;
            self.records += chunk.seen;
        }
        self.evidence.ambiguous += chunk.ambiguous;
        let facts = chunk.facts.into_iter();
        self.evidence
            .facts
            .extend(facts.map(|fact| (self.path.clone(), fact)));
        for (reason, (count, place)) in chunk.skips {
            let path = &self.path;
            let skips = self.evidence.skips.entry(format).or_default();
            let skipped = skips.entry(reason).or_insert_with(|| Skipped {
                count: 0,
                first: format!("{path}: {place}"),
            });
            skipped.count += count;
        }
        if let Some(end) = chunk.end {
            self.close(format, end);
        }
    }

    fn close(&mut self, format: &'static str, end: FileEnd) {
        let (told, read, fault) = match end {
            FileEnd::Whole => (format, true, None),
            FileEnd::LeftOut(why) => {
                *self.evidence.files_left_out.entry(why).or_default() += 1;
                (why, false, None)
            }
            FileEnd::Broken(what, at) => {
                let read = self.records > 0;
                (format, read, Some(format!("{what} (byte {at})")))
            }
        };
        self.evidence.files.push(FileReport {
            path: std::mem::take(&mut self.path),
            format: told.to_owned(),
            records: self.records,
            read,
            fault,
        });
    }

    fn finish(mut self) -> AccountEvidence {
        self.evidence.sought_within = self.ids.reach;
        self.evidence.kinds = self.kinds.into_iter().filter(|kind| kind.1 > 0).collect();
        for ((key, mut counts), sessions) in self.series.into_iter().zip(self.sessions) {
            counts.settle();
            if !counts.seconds().is_empty() {
                if !sessions.is_empty() {
                    self.evidence.sessions.insert(key.clone(), sessions.len());
                }
                self.evidence.series.insert(key, counts);
            }
        }
        self.evidence.events.settle();
        self.evidence.kms_events.settle();
        self.evidence
    }
}
