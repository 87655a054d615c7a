//! All that was found, as what comes after reads it.

use super::counts::Counts;
use super::fact::Fact;
use super::objects::ObjectList;
use super::series::{RecordKind, SeriesKey};
use super::skip::Skips;
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its path.
    pub path: String,
    /// Format, or why it was left out.
    pub format: String,
    /// Records in it, used or not.
    pub records: u64,
    /// Whether something of it was read.
    pub read: bool,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// Files that were read whole and are not told one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilesBeyond {
    /// All of them.
    pub read: usize,
    /// Those with CloudTrail records.
    pub of_trails: usize,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct AccountEvidence {
    /// Files that were looked at, in the order in which they were read: all that something is wrong with, or that are left out, and as many
    /// others as are told one by one.
    pub files: Vec<FileReport>,
    /// The others: they were read whole, and hold records.
    pub files_beyond: FilesBeyond,
    /// Files left out as a whole, by reason.
    pub files_left_out: BTreeMap<&'static str, u64>,
    /// Kinds of records in the order of their first one, each with how many there are, duplicates not counted.
    pub kinds: Vec<(RecordKind, u64)>,
    /// Records of each format, duplicates and skipped ones counted: the sum of [`AccountEvidence::kinds`],
    /// [`AccountEvidence::settings`], [`AccountEvidence::not_ours`], duplicates and skips.
    pub records: BTreeMap<&'static str, u64>,
    /// Records that were read for a fact, by format: buckets, keys, quotas, pages of settings.
    pub settings: BTreeMap<&'static str, u64>,
    /// Records of other things, by format, beside the kinds that are told apart.
    pub not_ours: BTreeMap<&'static str, u64>,
    /// Records that were there twice, by format.
    pub duplicates: BTreeMap<&'static str, u64>,
    /// KMS records among them.
    pub kms_duplicates: u64,
    /// Calls that the logs of two accounts have, counted once.
    pub shared: u64,
    /// What was not used, by format and reason.
    pub skips: BTreeMap<&'static str, Skips>,
    /// Access-log lines whose URI might end elsewhere.
    pub ambiguous: u64,
    /// Load, by series.
    pub series: BTreeMap<SeriesKey, Counts>,
    /// Sessions that asked, by series: so many at least.
    pub sessions: BTreeMap<SeriesKey, usize>,
    /// All CloudTrail records, and KMS's, by second.
    pub events: Counts,
    /// KMS's.
    pub kms_events: Counts,
    /// What is known beside the load, with the file that says so.
    pub facts: Vec<(String, Fact)>,
    /// Objects of each bucket that an inventory lists.
    pub objects: BTreeMap<String, ObjectList>,
    /// Whether IDs were forgotten, so that duplicates were sought within 2 h of event time only.
    pub forgetful: bool,
    /// Records that came so late that what they might repeat was forgotten.
    pub unsought: u64,
    /// Whether there were more series than are kept apart.
    pub crowded: bool,
}

impl AccountEvidence {
    /// Files that break off or cannot be read.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &str)> {
        let fault = |f: &'_ FileReport| f.fault.is_some();
        self.files
            .iter()
            .filter(move |f| fault(f))
            .map(|f| (f.path.as_str(), f.fault.as_deref().unwrap_or_default()))
    }

    /// Among which records duplicates were sought.
    pub fn sought(&self) -> String {
        match (self.forgetful, self.unsought) {
            (false, _) => "among all records".to_owned(),
            (true, 0) => "within 2 h of event time".to_owned(),
            (true, n) => format!(
                "within 2 h of event time, but not for {n} records, which came after too many others"
            ),
        }
    }

    /// The load between two times, with all that is known beside it.
    pub fn between(&self, from: i64, to: i64) -> AccountEvidence {
        let part = |counts: &Counts| counts.between(from, to);
        let series = self
            .series
            .iter()
            .map(|(key, counts)| (key.clone(), part(counts)));
        AccountEvidence {
            series: series.filter(|(_, c)| !c.seconds().is_empty()).collect(),
            sessions: self.sessions.clone(),
            events: part(&self.events),
            kms_events: part(&self.kms_events),
            facts: self.facts.clone(),
            objects: self.objects.clone(),
            ..AccountEvidence::default()
        }
    }

    /// Whether all that was read says nothing: no record, no setting.
    pub fn is_useless(&self) -> bool {
        let is_note = |(_, fact): &(String, Fact)| matches!(fact, Fact::Note(_));
        self.kinds.is_empty() && self.objects.is_empty() && self.facts.iter().all(is_note)
    }

    /// Whether any file was of a known format.
    pub fn has_read(&self) -> bool {
        self.files.iter().any(|f| f.read)
    }
}
