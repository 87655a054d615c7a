//! All files into one [`AccountEvidence`], on any number of threads with the same result.
//!
//! Files are read in parallel, each by one thread, and merged one after the other in their order: what depends on the order
//! (which of two equal records is the duplicate, the first place of a skip) does not depend on the threads. A thread that
//! is ahead waits until its file's turn comes when too much is held.

use super::evidence::collected::AccountEvidence;
use super::evidence::finding::{Chunk, FileEnd, Findings, Hints, Item};
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
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that wait for their files' turn, for each thread: those of some 100,000 records.
const HELD_BYTES: usize = 6 << 20;
/// Bytes of a kind, about.
const KIND_BYTES: usize = 500;
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
        let held = threads * HELD_BYTES;
        in_parallel(&files, options, &manifests, held, &mut merger);
    }
    merger.finish()
}

/// What threads that read are told of the merging, and the merging of them.
struct MergeQueue {
    state: Mutex<QueueState>,
    moved: Condvar,
    /// Bytes that may be held, more than none; those of the file whose turn it is may be as many again.
    most: usize,
}

#[derive(Default)]
struct QueueState {
    /// The file that is being merged.
    merged: usize,
    /// Bytes that are held, by the places of their files.
    of_place: [usize; AHEAD],
}

impl MergeQueue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&self, state: MutexGuard<'q, QueueState>) -> MutexGuard<'q, QueueState> {
        self.moved
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a file may be begun: a place of the ring is free when its file before has been merged.
    fn begin(&self, file: usize, places: usize) {
        let mut state = self.lock();
        while state.merged + places <= file {
            state = self.wait(state);
        }
    }

    /// Waits until so many bytes of a file may be held. The file whose turn it is waits for its own alone, which are being merged.
    fn hold(&self, file: usize, bytes: usize) {
        let place = file % AHEAD;
        let mut state = self.lock();
        let held = |state: &QueueState| match state.merged == file {
            true => state.of_place[place],
            false => state.of_place.iter().sum(),
        };
        while held(&state) >= self.most {
            state = self.wait(state);
        }
        state.of_place[place] += bytes;
    }

    /// So many bytes of a file have been merged, and with them the file, where `next` is the one behind it.
    fn release(&self, file: usize, bytes: usize, next: Option<usize>) {
        let mut state = self.lock();
        state.of_place[file % AHEAD] -= bytes;
        state.merged = next.unwrap_or(state.merged);
        self.moved.notify_all();
    }
}

/// Bytes of a chunk, about.
fn bytes_of(chunk: &Chunk) -> usize {
    chunk.items.len() * size_of::<Item>() + chunk.kinds.len() * KIND_BYTES
}

fn in_parallel(
    files: &FileList,
    options: &GatherOptions,
    manifests: &Manifests,
    held: usize,
    merger: &mut Merger,
) {
    let queue = MergeQueue {
        state: Mutex::default(),
        moved: Condvar::new(),
        most: held,
    };
    let next = AtomicUsize::new(0);
    let (senders, receivers): (Vec<Sender<Chunk>>, Vec<Receiver<Chunk>>) =
        (0..files.len().min(AHEAD)).map(|_| channel()).unzip();
    std::thread::scope(|scope| {
        for _ in 0..options.threads.min(files.len()) {
            let senders = senders.clone();
            let (queue, next) = (&queue, &next);
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.path(i) else {
                        return;
                    };
                    queue.begin(i, senders.len());
                    let sender = &senders[i % senders.len()];
                    read(&file, options, manifests, &mut |chunk| {
                        queue.hold(i, bytes_of(&chunk));
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
                let (ended, bytes) = (chunk.end.is_some(), bytes_of(&chunk));
                merger.take(chunk);
                queue.release(i, bytes, ended.then_some(i + 1));
                if ended {
                    break;
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_little_may_be_held_all_is_merged_in_the_order_of_the_files() {
        let folder = tempfile::tempdir().expect("a folder");
        for file in 0..20_u32 {
            let mut text = String::from("time,operation,count\n");
            for i in 0..5_000 * (file % 3) + 10 {
                text += &format!("{},Decrypt,{}\n", 1_772_420_400 + i, file + 1);
            }
            std::fs::write(folder.path().join(format!("{file:02}.csv")), text).expect("written");
        }
        let (files, _) = walk::files(&[folder.path().to_path_buf()]);
        let manifests = Manifests::among(&files);
        let options = GatherOptions {
            threads: 3,
            ..GatherOptions::default()
        };
        let all = |held: usize| {
            let mut merger = Merger::default();
            in_parallel(&files, &options, &manifests, held, &mut merger);
            let evidence = merger.finish();
            let order: Vec<(String, u64)> = evidence
                .files
                .iter()
                .map(|f| (f.path.clone(), f.records))
                .collect();
            let totals: Vec<u64> = evidence.series.values().map(|c| c.total()).collect();
            (order, totals)
        };
        let plenty = all(usize::MAX / 4);
        let records = (0..20_u64).map(|file| 5_000 * (file % 3) + 10);
        let told: Vec<u64> = plenty.0.iter().map(|f| f.1).collect();
        assert_eq!(told, records.collect::<Vec<_>>());
        for held in [1, 60_000, 300_000] {
            assert_eq!(all(held), plenty);
        }
    }
}
