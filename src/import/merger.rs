//! Files' findings into one [`AccountEvidence`], chunk by chunk in the order of the files.
//!
//! What the files name takes bounded memory: who has more callers, keys or buckets than are kept apart gets the later ones'
//! counts together, and is told so.

use super::evidence::collected::{AccountEvidence, FileReport};
use super::evidence::counts::Counts;
use super::evidence::fact::Fact;
use super::evidence::finding::{Chunk, FileEnd, Item};
use super::evidence::objects::ObjectKind;
use super::evidence::periods::counted_once;
use super::evidence::series::{CountedAs, RecordKind, SeriesKey, Via};
use super::evidence::skip::Skipped;
use super::format::is_trail;
use super::remembered::{Fingerprints, Remembered};
use super::walk::shown;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Fingerprints kept for finding duplicates: at least so many, what 2²¹ places take.
const REMEMBERED: usize = 1_570_000;
/// The same for calls that two accounts log, which are fewer.
const REMEMBERED_SHARED: usize = 200_000;
/// Series kept apart; beyond them the later ones lose their names, caller and key first.
const SERIES: usize = 20_000;
/// Kinds told apart in the counters.
const KINDS: usize = 10_000;
/// Bytes of what they are called.
const KIND_BYTES: usize = 8 << 20;
/// Files that are told one by one; beyond them only those with which something is wrong.
const FILES: usize = 1_000;
/// Name of what is not told apart.
const OTHERS: &str = "others";
/// Sessions of a series that are told apart.
const SESSIONS: usize = 1_024;
/// Sessions of all series that are told apart.
const ALL_SESSIONS: usize = 200_000;

/// What a kind of the present file is here.
#[derive(Clone)]
struct KnownKind {
    kind: usize,
    series: Option<usize>,
    object: Option<Box<ObjectKind>>,
    is_event: bool,
    is_kms: bool,
    /// Whether it is a sample of a metric, or a row of a table.
    is_sample: bool,
}

/// Puts findings together.
pub struct Merger {
    evidence: AccountEvidence,
    path: String,
    /// Kinds of the present file.
    known: Vec<KnownKind>,
    kinds: Vec<RecordKind>,
    /// How many there are of each.
    kind_counts: Vec<u64>,
    kind_numbers: BTreeMap<RecordKind, usize>,
    kind_bytes: usize,
    series: Vec<Counts>,
    series_numbers: BTreeMap<SeriesKey, usize>,
    /// Sessions of each series.
    sessions: Vec<Fingerprints>,
    all_sessions: usize,
    last_session: (usize, u64),
    ids: Remembered,
    shared: Remembered,
    notes: HashSet<String>,
    declared: DeclaredNames,
    records: u64,
}

/// Names that templates declare: another template's resource of the same name is another thing, the same template's there twice is not.
#[derive(Default)]
struct DeclaredNames(BTreeMap<String, Vec<u64>>);

impl DeclaredNames {
    /// The name, with a number behind it where other templates have had it before.
    fn name(&mut self, template: u64, name: &str) -> String {
        let of = self.0.entry(name.to_owned()).or_default();
        let known = of.iter().position(|known| *known == template);
        let n = known.unwrap_or_else(|| {
            of.push(template);
            of.len() - 1
        });
        match n {
            0 => name.to_owned(),
            n => format!("{name}-{}", n + 1),
        }
    }
}

impl Default for Merger {
    fn default() -> Merger {
        Merger {
            evidence: AccountEvidence::default(),
            path: String::new(),
            known: Vec::new(),
            kinds: Vec::new(),
            kind_counts: Vec::new(),
            kind_numbers: BTreeMap::new(),
            kind_bytes: 0,
            series: Vec::new(),
            series_numbers: BTreeMap::new(),
            sessions: Vec::new(),
            all_sessions: 0,
            last_session: (0, 0),
            ids: Remembered::of(REMEMBERED),
            shared: Remembered::of(REMEMBERED_SHARED),
            notes: HashSet::new(),
            declared: DeclaredNames::default(),
            records: 0,
        }
    }
}

impl Merger {
    /// A path that is not read.
    pub fn not_a_file(&mut self, path: &Path, reason: String, is_fault: bool) {
        if !is_fault {
            *self
                .evidence
                .files_left_out
                .entry("not a file")
                .or_default() += 1;
        }
        self.evidence.files.push(FileReport {
            path: shown(path),
            format: reason.clone(),
            records: 0,
            read: false,
            fault: is_fault.then_some(reason),
        });
    }

    /// Begins the next file.
    pub fn begin(&mut self, path: &Path) {
        self.path = shown(path);
        self.known.clear();
        self.records = 0;
    }

    /// The number of a series.
    fn series(&mut self, mut key: SeriesKey) -> usize {
        if let Some(&number) = self.series_numbers.get(&key) {
            return number;
        }
        if self.series.len() >= SERIES {
            self.evidence.crowded = true;
            for name in [&mut key.requester, &mut key.client, &mut key.key] {
                name.clear();
            }
        }
        if self.series.len() >= SERIES + SERIES / 4 {
            (key.bucket, key.spec, key.via) = (String::new(), String::new(), Via::Unknown);
        }
        if self.series.len() >= SERIES + SERIES / 2 {
            for name in [&mut key.account, &mut key.region, &mut key.operation] {
                name.clear();
            }
        }
        let new = self.series.len();
        let number = *self.series_numbers.entry(key).or_insert(new);
        if number == new {
            self.series.push(Counts::default());
            self.sessions.push(Fingerprints::default());
        }
        number
    }

    fn learn(&mut self, mut kind: RecordKind) {
        // The counters do not need the series.
        let series = kind.series.take().map(|key| self.series(key));
        let event = match &kind.tally {
            CountedAs::Event(event) => Some(event.kms.is_some()),
            CountedAs::Line { .. }
            | CountedAs::Row(_)
            | CountedAs::Object(_)
            | CountedAs::Sample => None,
        };
        if !self.kind_numbers.contains_key(&kind) {
            if self.kinds.len() >= KINDS || self.kind_bytes >= KIND_BYTES {
                self.evidence.crowded = true;
                kind.tally = kind.tally.without_names(OTHERS);
            }
            self.kind_bytes += kind.tally.length();
        }
        let is_sample = matches!(kind.tally, CountedAs::Sample);
        let object = match &kind.tally {
            CountedAs::Object(object) => Some(Box::new(object.clone())),
            CountedAs::Event(_)
            | CountedAs::Line { .. }
            | CountedAs::Row(_)
            | CountedAs::Sample => None,
        };
        let new = self.kinds.len();
        let number = *self.kind_numbers.entry(kind.clone()).or_insert(new);
        if number == new {
            self.kinds.push(kind);
            self.kind_counts.push(0);
        }
        self.known.push(KnownKind {
            kind: number,
            series,
            object,
            is_event: event.is_some(),
            is_kms: event == Some(true),
            is_sample,
        });
    }

    /// Takes what was found in a part of the present file.
    pub fn take(&mut self, chunk: Chunk) {
        if chunk.fresh {
            self.known.clear();
        }
        for kind in chunk.kinds {
            self.learn(kind);
        }
        let format = chunk.format;
        let mut duplicates = 0;
        for items in chunk.items.chunks(64) {
            self.ids.look_ahead(items.iter().map(|item| item.id));
            duplicates += items.iter().filter(|item| !self.count(item)).count() as u64;
        }
        for (map, n) in [
            (&mut self.evidence.duplicates, duplicates),
            (&mut self.evidence.records, chunk.seen),
            (&mut self.evidence.settings, chunk.settings),
            (&mut self.evidence.not_ours, chunk.not_ours),
        ] {
            if n > 0 {
                *map.entry(format).or_default() += n;
            }
        }
        self.records += chunk.seen;
        self.evidence.ambiguous += chunk.ambiguous;
        for (template, fact) in chunk.facts {
            let fact = match template {
                0 => fact,
                _ => fact.renamed(&mut |name| self.declared.name(template, name)),
            };
            self.fact(fact);
        }
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

    fn fact(&mut self, fact: Fact) {
        match fact {
            Fact::Note(note) => {
                if self.notes.insert(note.clone()) {
                    self.evidence
                        .facts
                        .push((self.path.clone(), Fact::Note(note)));
                }
            }
            Fact::InventoryTaken { bucket, at } => {
                let list = self.evidence.objects.entry(bucket).or_default();
                list.taken = list.taken.max(Some(at));
            }
            Fact::Bucket(_)
            | Fact::Key(_)
            | Fact::Quota(_)
            | Fact::TrailExcludesKms
            | Fact::Metric(_)
            | Fact::Template(_)
            | Fact::Resources { .. } => self.evidence.facts.push((self.path.clone(), fact)),
        }
    }

    /// Counts a record; `false`: it was there already.
    fn count(&mut self, item: &Item) -> bool {
        let known = &self.known[item.kind as usize];
        let (is_kms, is_sample) = (known.is_kms, known.is_sample);
        let is_known = if is_sample {
            self.knows_sample(item)
        } else {
            item.id != 0 && self.ids.knows(item.at, item.id)
        };
        if is_known {
            self.evidence.kms_duplicates += u64::from(is_kms);
            return false;
        }
        let known = &self.known[item.kind as usize];
        self.kind_counts[known.kind] += 1;
        if known.is_event {
            self.evidence.events.add(item.at, item.n);
            if known.is_kms {
                self.evidence.kms_events.add(item.at, item.n);
            }
        }
        if let Some(object) = &known.object {
            let list = match self.evidence.objects.get_mut(&object.bucket) {
                Some(list) => list,
                None => self
                    .evidence
                    .objects
                    .entry(object.bucket.clone())
                    .or_default(),
            };
            list.add(object, item.n, (item.at != i64::MIN).then_some(item.at));
        }
        let Some(series) = known.series else {
            return true;
        };
        if !is_sample && item.shared != 0 && self.shared.knows(item.at, item.shared) {
            self.evidence.shared += 1;
            return true;
        }
        self.series[series].add(item.at, item.n);
        if item.session != 0 && self.last_session != (series, item.session) {
            self.last_session = (series, item.session);
            let sessions = &mut self.sessions[series];
            if sessions.len() < SESSIONS && self.all_sessions < ALL_SESSIONS {
                self.all_sessions += usize::from(sessions.insert(item.session));
            }
        }
        true
    }

    /// Whether a sample is there already. One file says whose it is and another does not: a sample without an account is the same
    /// as an equal one of any account, but those of two accounts are two.
    fn knows_sample(&mut self, item: &Item) -> bool {
        if item.shared == 0 {
            return item.id != 0 && self.ids.knows(item.at, item.id);
        }
        let (anonymous, named) = (
            item.shared ^ 0x5555_5555_5555_5555,
            item.shared ^ 0x3333_3333_3333_3333,
        );
        if item.id == 0 {
            return self.ids.has(named) || self.ids.knows(item.at, anonymous);
        }
        let is_known = self.ids.has(anonymous) || self.ids.knows(item.at, item.id);
        self.ids.knows(item.at, named);
        is_known
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
        let path = std::mem::take(&mut self.path);
        if read && fault.is_none() && self.records > 0 && self.evidence.files.len() >= FILES {
            let beyond = &mut self.evidence.files_beyond;
            beyond.read += 1;
            beyond.of_trails += usize::from(is_trail(format));
            return;
        }
        self.evidence.files.push(FileReport {
            path,
            format: told.to_owned(),
            records: self.records,
            read,
            fault,
        });
    }

    /// All that was found.
    pub fn finish(mut self) -> AccountEvidence {
        self.evidence.forgetful = self.ids.is_forgetful() || self.shared.is_forgetful();
        self.evidence.unsought = self.ids.unsought() + self.shared.unsought();
        self.kind_numbers.clear();
        let kinds = self.kinds.into_iter().zip(self.kind_counts);
        self.evidence.kinds = kinds.filter(|kind| kind.1 > 0).collect();
        for (key, number) in self.series_numbers {
            let mut counts = std::mem::take(&mut self.series[number]);
            counts.settle();
            if !counts.seconds().is_empty() {
                let sessions = self.sessions[number].len();
                if sessions > 0 {
                    self.evidence.sessions.insert(key.clone(), sessions);
                }
                self.evidence.series.insert(key, counts);
            }
        }
        if counted_once(&mut self.evidence.series) > 0 {
            let note = "of samples of several periods of one metric and time, the shorter ones count, and of the longer ones what is left";
            self.evidence
                .facts
                .push((String::new(), Fact::Note(note.to_owned())));
        }
        self.evidence.events.settle();
        self.evidence.kms_events.settle();
        self.evidence
    }
}
