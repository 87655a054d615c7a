//! A bucket's objects as S3 Inventory lists them: how many, how large, how old, how encrypted.
//!
//! What reads of them will cost follows from it: an object that was written without a bucket key has a data key of its own
//! ([`ObjectList::older_share`]), and one that was written with it needs the bucket key of its day and writer
//! ([`ObjectList::ages`]).

use serde::Serialize;
use std::collections::BTreeMap;

/// Whether an object was written under a bucket key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BucketKeyStatus {
    /// It was.
    Enabled,
    /// It was not.
    Disabled,
    /// The list does not say.
    #[default]
    Unknown,
}

impl BucketKeyStatus {
    /// As inventories write it.
    pub fn name(self) -> &'static str {
        match self {
            BucketKeyStatus::Enabled => "ENABLED",
            BucketKeyStatus::Disabled => "DISABLED",
            BucketKeyStatus::Unknown => "",
        }
    }
}

/// What objects of a list are counted together.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectKind {
    /// Bucket.
    pub bucket: String,
    /// Storage class; empty: the list does not say.
    pub class: String,
    /// `SSE-KMS`, `DSSE-KMS`, `SSE-S3`, `SSE-C`, `NOT-SSE`; empty: the list does not say.
    pub encryption: String,
    /// Bucket key.
    pub bucket_key: BucketKeyStatus,
    /// Whether it is the object's current version.
    pub current: bool,
}

impl ObjectKind {
    /// Whether a read needs KMS.
    pub fn needs_kms(&self) -> bool {
        matches!(self.encryption.as_str(), "SSE-KMS" | "DSSE-KMS")
    }
}

/// Objects of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCounts {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of at least 2^(i − 1) and less than 2^i bytes; the first: empty ones.
    pub sizes: [u64; 65],
    /// How many were last written in which hour (its number since 1970); without those of unknown time.
    pub hours: BTreeMap<i64, u64>,
}

impl Default for ObjectCounts {
    fn default() -> ObjectCounts {
        ObjectCounts {
            objects: 0,
            bytes: 0,
            sizes: [0; 65],
            hours: BTreeMap::new(),
        }
    }
}

/// The objects of one bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectList {
    /// When the list was begun \[s since 1970\]; `None`: no manifest says so.
    pub taken: Option<i64>,
    /// Objects by kind.
    pub kinds: BTreeMap<ObjectKind, ObjectCounts>,
}

impl ObjectList {
    /// Counts one object; `written` is the second of its last write, where the list says it.
    pub fn add(&mut self, kind: &ObjectKind, bytes: u64, written: Option<i64>) {
        let counts = match self.kinds.get_mut(kind) {
            Some(counts) => counts,
            None => self.kinds.entry(kind.clone()).or_default(),
        };
        counts.objects += 1;
        counts.bytes = counts.bytes.saturating_add(bytes);
        counts.sizes[(u64::BITS - bytes.leading_zeros()) as usize] += 1;
        if let Some(second) = written {
            *counts.hours.entry(second.div_euclid(3_600)).or_default() += 1;
        }
    }

    /// Current objects whose reads need KMS.
    fn under_kms(&self) -> impl Iterator<Item = (&ObjectKind, &ObjectCounts)> {
        self.kinds
            .iter()
            .filter(|(k, _)| k.current && k.needs_kms())
    }

    /// Current objects.
    pub fn objects(&self) -> u64 {
        let current = self.kinds.iter().filter(|(k, _)| k.current);
        current.map(|(_, c)| c.objects).sum()
    }

    /// Bytes of current objects.
    pub fn bytes(&self) -> u64 {
        let current = self.kinds.iter().filter(|(k, _)| k.current);
        // Sizes may be nonsense, and all of them together more than a number holds.
        current.map(|(_, c)| c.bytes).fold(0, u64::saturating_add)
    }

    /// Current objects whose encryption the list says.
    pub fn stated(&self) -> u64 {
        let said = self
            .kinds
            .iter()
            .filter(|(k, _)| k.current && !k.encryption.is_empty());
        said.map(|(_, c)| c.objects).sum()
    }

    /// The share of these that are under KMS.
    pub fn under_kms_share(&self) -> f64 {
        let under: u64 = self.under_kms().map(|(_, c)| c.objects).sum();
        under as f64 / self.stated().max(1) as f64
    }

    /// Of the current objects under KMS, the share that was written without a bucket key, where the list says it of some:
    /// `older_objects` of a bucket whose bucket keys are on, if all objects are read alike. DSSE-KMS has no bucket keys.
    pub fn older_share(&self) -> Option<f64> {
        let of = |status| -> u64 {
            let same = self.under_kms().filter(|(k, _)| k.bucket_key == status);
            same.map(|(_, c)| c.objects).sum()
        };
        let (with, without) = (of(BucketKeyStatus::Enabled), of(BucketKeyStatus::Disabled));
        (with + without > 0).then(|| without as f64 / (with + without) as f64)
    }

    /// Hours of the last writes of current objects under bucket keys, and how many objects: their age at a time gives
    /// `archive_age`; the number of hours × 3,600 s ÷ lifetime of a bucket key is no less than the bucket keys behind them.
    pub fn ages(&self) -> BTreeMap<i64, u64> {
        let mut all = BTreeMap::new();
        let under = self
            .under_kms()
            .filter(|(k, _)| k.bucket_key == BucketKeyStatus::Enabled);
        for (_, counts) in under {
            for (&hour, &n) in &counts.hours {
                *all.entry(hour).or_default() += n;
            }
        }
        all
    }

    /// The second behind the last write that the list knows, where no manifest says when it was taken.
    pub fn taken_or_last(&self) -> Option<i64> {
        let last = self
            .kinds
            .values()
            .filter_map(|c| c.hours.keys().next_back());
        self.taken
            .or_else(|| last.max().map(|hour| (hour + 1) * 3_600))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_counted_by_kind() {
        let kind = |encryption: &str, bucket_key, current| ObjectKind {
            bucket: "lake".to_owned(),
            class: "STANDARD".to_owned(),
            encryption: encryption.to_owned(),
            bucket_key,
            current,
        };
        let mut list = ObjectList::default();
        for i in 0..3 {
            list.add(
                &kind("SSE-KMS", BucketKeyStatus::Enabled, true),
                1 << i,
                Some(3_600 * i),
            );
        }
        list.add(
            &kind("SSE-KMS", BucketKeyStatus::Disabled, true),
            0,
            Some(10),
        );
        list.add(
            &kind("SSE-KMS", BucketKeyStatus::Disabled, false),
            9,
            Some(10),
        );
        list.add(
            &kind("SSE-S3", BucketKeyStatus::Unknown, true),
            u64::MAX,
            None,
        );
        assert_eq!(list.older_share(), Some(0.25));
        assert_eq!((list.objects(), list.bytes()), (5, u64::MAX));
        assert_eq!(list.ages(), BTreeMap::from([(0, 1), (1, 1), (2, 1)]));
        assert_eq!(list.taken_or_last(), Some(3 * 3_600));
        let sizes: u64 = list
            .kinds
            .values()
            .map(|c| c.sizes.iter().sum::<u64>())
            .sum();
        assert_eq!(sizes, 6);
        assert_eq!(ObjectList::default().older_share(), None);
    }
}
