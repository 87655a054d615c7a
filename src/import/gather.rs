//! All files into one [`AccountEvidence`], on any number of threads with the same result.
//!
//! Files are read in parallel, each by one thread, and merged one after the other in their order: what depends on the order
//! (which of two equal records is the duplicate, the first place of a skip) does not depend on the threads. A thread that
//! is ahead waits until its file's turn comes, so that no more than a few chunks of each file are held.

use super::evidence::collected::AccountEvidence;
use super::evidence::finding::{Chunk, FileEnd, Findings, Hints};
use super::format::{self, SourceFormat};
use super::head::{self, Head};
use super::inventory::Manifests;
use super::merger::Merger;
use super::walk::{self, FileList};
use super::window::{NoMore, Window};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};

/// Chunks of a file that wait at most.
const WAITING: usize = 2;
/// Files that threads may be ahead of the one that is merged.
const AHEAD: usize = 16;
/// What the user says of the files.
#[derive(Clone, Debug, Default)]
pub struct GatherOptions {
    /// The format of all of them.
    pub format: Option<&'static SourceFormat>,
    /// A metric that counts requests.
    pub metric: Option<String>,
    /// Values of templates' parameters.
    pub parameters: BTreeMap<String, String>,
    /// The Region of files that name none.
    pub region: Option<String>,
    /// Threads that read.
    pub threads: usize,
}

/// Reads all files below the paths.
pub fn gather(paths: &[PathBuf], options: &GatherOptions) -> AccountEvidence {
    let (files, obstacles) = walk::files(paths);
    let manifests = Manifests::among(&files);
    let mut merger = Merger::default();
    for obstacle in obstacles {
        merger.not_a_file(&obstacle.path, obstacle.reason, obstacle.is_fault);
    }
    let threads = options.threads.min(files.len());
    if threads <= 1 {
        for file in files.iter() {
            merger.begin(&file);
            read(&file, options, &manifests, &mut |chunk| merger.take(chunk));
        }
    } else {
        in_parallel(&files, options, &manifests, threads, &mut merger);
    }
    merger.finish()
}

/// Which file is being merged; threads wait for it.
#[derive(Default)]
struct MergeTurn {
    merged: Mutex<usize>,
    moved: Condvar,
}

fn in_parallel(
    files: &FileList,
    options: &GatherOptions,
    manifests: &Manifests,
    threads: usize,
    merger: &mut Merger,
) {
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
                    let Some(file) = files.path(i) else {
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
                    read(&file, options, manifests, &mut |chunk| {
                        // The merger is gone only when all is over.
                        let _ = sender.send(chunk);
                    });
                }
            });
        }
        for (i, file) in files.iter().enumerate() {
            merger.begin(&file);
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
fn read(path: &Path, options: &GatherOptions, manifests: &Manifests, send: &mut dyn FnMut(Chunk)) {
    let mut window = match Window::open(path) {
        Ok(window) => window,
        Err(e) => {
            let end = FileEnd::Broken(format!("cannot be read: {e}"), 0);
            return Findings::new("", send).end(end);
        }
    };
    let begun = window.fill(head::LENGTH);
    let mut head = Head::of(window.bytes());
    let listed = manifests.of(path);
    head.is_listed = listed.is_some();
    if listed.is_some_and(|list| list.is_outdated) {
        let end = FileEnd::LeftOut("an older inventory of the same bucket");
        return Findings::new("", send).end(end);
    }
    let format = options.format.or_else(|| format::recognised(&head));
    match (format, begun) {
        (Some(format), _) => {
            let mut findings = Findings::new(format.name, send);
            findings.hints = Hints {
                file: walk::shown(Path::new(path.file_name().unwrap_or_default())),
                metric: options.metric.clone(),
                parameters: options.parameters.clone(),
                region: options.region.clone(),
                path: path.to_path_buf(),
                columns: listed.map_or(Vec::new(), |list| list.columns.clone()),
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
