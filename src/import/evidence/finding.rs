//! What a reader hands in: the records of one file, in chunks, in the order of the file.

use super::fact::Fact;
use super::series::RecordKind;
use super::skip::SkipReason;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// Records of a chunk.
const CHUNK: usize = 1_024;
/// Kinds that are told apart without asking the merger.
const MOST_KINDS: usize = 1 << 14;
/// Bytes of what tells them apart.
const MOST_BYTES: usize = 2 << 20;

/// One record, or as many equal ones as a sample counts.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// When \[s since 1970\].
    pub at: i64,
    /// How many.
    pub n: u64,
    /// Fingerprint of its ID; 0: it has none, so that it cannot be known twice.
    pub id: u64,
    /// Fingerprint of what one call has in common in the logs of two accounts; 0: nothing.
    pub shared: u64,
    /// Fingerprint of the session that asked; 0: unknown.
    pub session: u64,
    /// Which of the file's kinds.
    pub kind: u32,
}

/// How a file ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileEnd {
    /// It was read to its end.
    Whole,
    /// It is left out as a whole, for this reason.
    LeftOut(&'static str),
    /// It breaks off or cannot be read further: what, and at which byte.
    Broken(String, u64),
}

/// A part of what is in a file.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Kinds that occur for the first time in the file, numbered on.
    pub kinds: Vec<RecordKind>,
    /// Records.
    pub items: Vec<Item>,
    /// Skips of the whole file, with the byte (or line) of the first; with its last chunk.
    pub skips: BTreeMap<SkipReason, (u64, String)>,
    /// Records seen, used or not.
    pub seen: u64,
    /// Records that were read for a fact.
    pub settings: u64,
    /// Records of other things.
    pub not_ours: u64,
    /// Lines whose URI might end elsewhere.
    pub ambiguous: u64,
    /// Whether kinds are numbered from 0 again.
    pub fresh: bool,
    /// Facts, each with the template that says so (0: none).
    pub facts: Vec<(u64, Fact)>,
    /// How the file ended; with its last chunk.
    pub end: Option<FileEnd>,
    /// Format of the file.
    pub format: &'static str,
}

/// What a reader is told beside the file's bytes.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// The file's name.
    pub file: String,
    /// The file, for readers that seek in it.
    pub path: PathBuf,
    /// The columns of an inventory's list, by the manifest among the given files; empty: none names this file.
    pub columns: Vec<String>,
    /// A metric that counts requests, whatever its name.
    pub metric: Option<String>,
    /// Values of a template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// The Region of files that name none.
    pub region: Option<String>,
}

/// Places for kinds that were asked for last, at first and at most: so many that few kinds share one.
const RECENT: [usize; 2] = [1 << 8, 1 << 14];

/// A kind that was asked for, and what tells it apart.
#[derive(Clone, Copy, Debug, Default)]
struct RecentKind {
    key: u64,
    kind: u32,
    is_there: bool,
}

/// Where a reader puts what it finds.
pub struct Findings<'a> {
    /// What is known beside the bytes.
    pub hints: Hints,
    /// Fingerprint of the template that is read, whose names are its own; 0: none.
    pub template: u64,
    /// Lines whose URI might end elsewhere.
    pub ambiguous: u64,
    chunk: Chunk,
    format: &'static str,
    known: HashMap<Vec<u8>, u32, KeyHash>,
    kinds: u32,
    /// Kinds by a weak hash of what tells them apart; cleared when numbers begin anew.
    recent: Vec<RecentKind>,
    scratch: Vec<u8>,
    skips: BTreeMap<SkipReason, (u64, String)>,
    /// Records seen, used or not.
    pub seen: u64,
    /// Records that were read for a fact.
    pub settings: u64,
    /// Records of other things.
    pub not_ours: u64,
    /// Bytes of `known`'s keys.
    key_bytes: usize,
    send: &'a mut dyn FnMut(Chunk),
}

impl<'a> Findings<'a> {
    /// For one file of that format.
    pub fn new(format: &'static str, send: &'a mut dyn FnMut(Chunk)) -> Findings<'a> {
        Findings {
            hints: Hints::default(),
            template: 0,
            ambiguous: 0,
            chunk: Chunk::default(),
            format,
            known: HashMap::with_hasher(KeyHash::new()),
            kinds: 0,
            recent: Vec::new(),
            scratch: Vec::new(),
            skips: BTreeMap::new(),
            seen: 0,
            settings: 0,
            not_ours: 0,
            key_bytes: 0,
            send,
        }
    }

    /// The number of a kind by what tells it apart: bytes of the file; `make` is asked only for a new one.
    pub fn kind(&mut self, key: &[u8], make: impl FnOnce() -> RecordKind) -> u32 {
        if let Some(&known) = self.known.get(key) {
            return known;
        }
        // Whoever writes a name into each record cannot make this grow for ever: the merger knows kinds again.
        if self.known.len() >= MOST_KINDS || self.key_bytes >= MOST_BYTES {
            self.hand_in();
            self.known.clear();
            (self.kinds, self.key_bytes) = (0, 0);
            self.recent.clear();
            self.chunk.fresh = true;
        }
        let number = self.kinds;
        self.kinds += 1;
        self.key_bytes += key.len();
        self.known.insert(key.to_vec(), number);
        self.chunk.kinds.push(make());
        number
    }

    /// The number of a kind by parts that tell it apart; asked for again and again, it is found without
    /// putting them together, by 64 bits that depend on all of them and that no file can foresee.
    #[inline]
    pub fn kind_of<const N: usize>(
        &mut self,
        parts: [&[u8]; N],
        make: impl FnOnce() -> RecordKind,
    ) -> u32 {
        let mut seed = self.known.hasher().0;
        let key = parts.iter().fold(0, |key: u64, part| {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            key ^ hash(part, seed)
        });
        let place = (key >> 32) as usize;
        if let Some(mask) = self.recent.len().checked_sub(1) {
            let recent = &self.recent[place & mask];
            if recent.key == key && recent.is_there {
                return recent.kind;
            }
        }
        self.kind_anew(key, &parts, make)
    }

    #[cold]
    fn kind_anew(
        &mut self,
        recent_key: u64,
        parts: &[&[u8]],
        make: impl FnOnce() -> RecordKind,
    ) -> u32 {
        let mut key = std::mem::take(&mut self.scratch);
        key.clear();
        for part in parts {
            key.extend_from_slice(part);
            key.push(b' ');
        }
        let kind = self.kind(&key, make);
        self.scratch = key;
        if self.recent.len() < RECENT[1].min(self.known.len() * 16).max(RECENT[0]) {
            // What was there has its place elsewhere now.
            let larger = (self.recent.len() * 4).max(RECENT[0]);
            self.recent.clear();
            self.recent.resize(larger, RecentKind::default());
        }
        let mask = self.recent.len() - 1;
        self.recent[(recent_key >> 32) as usize & mask] = RecentKind {
            key: recent_key,
            kind,
            is_there: true,
        };
        kind
    }

    /// A record.
    #[inline]
    pub fn item(&mut self, item: Item) {
        self.chunk.items.push(item);
        if self.chunk.items.len() == CHUNK {
            self.hand_in();
        }
    }

    /// A record that is not used; `place` is asked for the first of each reason.
    pub fn skip(&mut self, reason: SkipReason, place: impl FnOnce() -> String) {
        let skipped = self.skips.entry(reason).or_insert_with(|| (0, place()));
        skipped.0 += 1;
    }

    /// What the file says beside its load.
    pub fn fact(&mut self, fact: Fact) {
        self.chunk.facts.push((self.template, fact));
    }

    /// How many were skipped for a reason so far.
    pub fn skipped(&self, reason: SkipReason) -> u64 {
        self.skips.get(&reason).map_or(0, |skipped| skipped.0)
    }

    fn hand_in(&mut self) {
        self.chunk.format = self.format;
        self.chunk.ambiguous = std::mem::take(&mut self.ambiguous);
        self.chunk.seen = std::mem::take(&mut self.seen);
        self.chunk.settings = std::mem::take(&mut self.settings);
        self.chunk.not_ours = std::mem::take(&mut self.not_ours);
        let many = self.chunk.items.len() == CHUNK;
        (self.send)(std::mem::take(&mut self.chunk));
        // More of them are likely to come.
        if many {
            self.chunk.items.reserve_exact(CHUNK);
        }
    }

    /// Ends the file.
    pub fn end(mut self, end: FileEnd) {
        self.chunk.skips = std::mem::take(&mut self.skips);
        self.chunk.end = Some(end);
        self.hand_in();
    }
}

/// A fingerprint of a text, never 0.
#[inline]
pub fn fingerprint(text: &[u8]) -> u64 {
    hash(text, 0x2d35_8dcc_aa6c_78a5).max(1)
}

/// A fingerprint of a text and a short one beside it, never 0.
#[inline]
pub fn fingerprint_beside(text: &[u8], beside: &[u8]) -> u64 {
    hash(text, hash(beside, 0x2d35_8dcc_aa6c_78a5)).max(1)
}

/// 64 bits of a text: 16 bytes a multiplication, for import hashes every record more than once.
#[inline]
fn hash(text: &[u8], seed: u64) -> u64 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let word = |bytes: &[u8; 16], i: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&bytes[i..i + 8]);
        u64::from_le_bytes(eight)
    };
    // A block that would make a product 0 depends on the seed, too.
    let (k1, k2) = (0x8bb8_4b93_962e_acc9 ^ seed, 0x4b33_a62e_d433_d4a3);
    let mut state = seed ^ k2;
    let (last, behind) = match text.last_chunk::<16>() {
        Some(last) => {
            // All whole blocks but the last bytes, which may have some of them again.
            for block in text[..text.len() - 1].as_chunks::<16>().0 {
                state = fold(word(block, 0) ^ k1, word(block, 8) ^ state);
            }
            (word(last, 0), word(last, 8))
        }
        None => ends_of(text),
    };
    state = fold(last ^ k1, behind ^ state);
    fold(state ^ k1, text.len() as u64 ^ k2)
}

/// A text of less than 16 bytes as two numbers, which its length tells apart from others.
#[inline(always)]
fn ends_of(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return (first.into(), last.into());
    }
    match text {
        [] => (0, 0),
        [first, ..] => {
            let middle = text[text.len() / 2];
            let last = text[text.len() - 1];
            (u64::from(*first) << 8 | u64::from(middle), last.into())
        }
    }
}

/// Hashes the keys of kinds, for each file in another way, so that no file can be made to have equal ones.
#[derive(Clone, Copy)]
struct KeyHash(u64);

impl KeyHash {
    fn new() -> KeyHash {
        use std::hash::BuildHasher;
        KeyHash(std::hash::RandomState::new().hash_one(0_u64))
    }
}

impl std::hash::BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher(self.0)
    }
}

/// The hash of one key.
struct KeyHasher(u64);

impl std::hash::Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes, self.0);
    }

    // The length is in the hash of the bytes.
    fn write_usize(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn fingerprints_differ() {
        let mut all = HashSet::new();
        for i in 0..200_000_u32 {
            assert!(all.insert(fingerprint(
                format!("\"{i:08x}-0000-4000-8000-{i:012x}\"").as_bytes()
            )));
        }
        for n in 0..100 {
            assert!(all.insert(fingerprint(&vec![0; n])), "{n} zeros");
        }
    }
}
