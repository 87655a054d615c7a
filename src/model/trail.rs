//! CloudTrail's trails: which events each of them delivers, and which of the copies are charged.
//!
//! Whatever is told of trails follows from the [`Delivery`]s of an event: how many copies there are, which are charged,
//! whether an event can be in a log file at all.

use crate::catalog::KmsOperation;

/// A trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Name in the scenario; of an account that declares none: `account.NAME`.
    pub name: String,
    /// Whose events it delivers and who pays for it, index of [`Plan::accounts`](super::Plan::accounts).
    pub account: usize,
    /// Regions whose events it delivers, indices of [`Plan::regions`](super::Plan::regions); `None`: of all.
    pub regions: Option<Vec<usize>>,
    /// Trails of this kind.
    pub copies: u32,
    /// Which KMS events are among its management events.
    pub kms: EventsLogged,
    /// Trails of this kind that deliver data events.
    pub data_copies: u32,
    /// Which of S3's data events it delivers.
    pub data: EventsLogged,
    /// The buckets whose data events they are, indices of [`Plan::buckets`](super::Plan::buckets); `None`: all.
    pub data_buckets: Option<Vec<usize>>,
}

/// Which events of a kind are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventsLogged {
    /// Those of calls that read.
    pub reads: bool,
    /// Those of calls that write.
    pub writes: bool,
}

impl EventsLogged {
    fn has(self, reads: bool) -> bool {
        if reads { self.reads } else { self.writes }
    }
}

/// The trails of a variant, in the order in which they are declared: their rank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trails {
    /// By rank.
    pub all: Vec<Trail>,
    /// Whether the scenario declares trails by name, so that results tell them apart.
    pub declared: bool,
}

/// One event's copies in a trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Index of [`Trails::all`].
    pub trail: usize,
    /// Copies that it delivers.
    pub copies: u64,
    /// How many of them are charged.
    pub billed: u64,
}

impl Trails {
    /// Who delivers a KMS event of an account and Region. An event's first copy is free, whichever trail delivers it: of
    /// several that do, the first in rank.
    pub fn of_kms(
        &self,
        account: usize,
        region: usize,
        operation: KmsOperation,
    ) -> impl Iterator<Item = Delivery> {
        let mut free = 1;
        let delivers = move |t: &Trail| {
            t.is_of(account, region) && t.copies > 0 && t.kms.has(operation.is_read())
        };
        let all = self.all.iter().enumerate();
        all.filter(move |(_, t)| delivers(t))
            .map(move |(trail, t)| {
                let copies = u64::from(t.copies);
                Delivery {
                    trail,
                    copies,
                    billed: copies - std::mem::take(&mut free),
                }
            })
    }

    /// Who delivers a data event of a bucket's objects, which lies in an account and Region; every copy is charged.
    pub fn of_data(
        &self,
        (bucket, account, region): (usize, usize, usize),
        reads: bool,
    ) -> impl Iterator<Item = Delivery> {
        let delivers = move |t: &Trail| {
            let buckets = t.data_buckets.as_ref();
            t.is_of(account, region)
                && t.data_copies > 0
                && t.data.has(reads)
                && buckets.is_none_or(|all| all.contains(&bucket))
        };
        let all = self.all.iter().enumerate();
        all.filter(move |(_, t)| delivers(t)).map(|(trail, t)| {
            let copies = u64::from(t.data_copies);
            Delivery {
                trail,
                copies,
                billed: copies,
            }
        })
    }
}

impl Trail {
    /// Whether it delivers events of an account and Region.
    fn is_of(&self, account: usize, region: usize) -> bool {
        let regions = self.regions.as_ref();
        self.account == account && regions.is_none_or(|all| all.contains(&region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use KmsOperation::{Decrypt, DisableKey};

    const ALL: EventsLogged = EventsLogged {
        reads: true,
        writes: true,
    };

    fn trail(kms: EventsLogged, copies: u32) -> Trail {
        Trail {
            name: String::new(),
            account: 0,
            regions: None,
            copies,
            kms,
            data_copies: 0,
            data: EventsLogged::default(),
            data_buckets: None,
        }
    }

    fn billed(trails: &Trails, region: usize, operation: KmsOperation) -> Vec<(usize, u64, u64)> {
        let deliveries = trails.of_kms(0, region, operation);
        deliveries.map(|d| (d.trail, d.copies, d.billed)).collect()
    }

    /// AWS Knowledge Center, remove-duplicate-cloudtrail-events: a trail of reads and one of writes have no event twice;
    /// beside a trail of all events, one of reads is charged. CloudTrail User Guide, trail costs: trails of different
    /// Regions cost nothing, one of a Region beside one of all Regions does.
    #[test]
    fn the_first_copy_of_each_event_is_free() {
        let only = |reads| EventsLogged {
            reads,
            writes: !reads,
        };
        let mut trails = Trails {
            all: vec![trail(only(true), 1), trail(only(false), 1)],
            declared: true,
        };
        assert_eq!(billed(&trails, 0, Decrypt), [(0, 1, 0)]);
        assert_eq!(billed(&trails, 0, DisableKey), [(1, 1, 0)]);
        trails.all[1].kms = ALL;
        assert_eq!(billed(&trails, 0, Decrypt), [(0, 1, 0), (1, 1, 1)]);
        trails.all[0].regions = Some(vec![3]);
        assert_eq!(billed(&trails, 0, Decrypt), [(1, 1, 0)]);
        assert_eq!(billed(&trails, 3, Decrypt), [(0, 1, 0), (1, 1, 1)]);
        trails.all[1].regions = Some(vec![0]);
        assert_eq!(billed(&trails, 3, Decrypt), [(0, 1, 0)]);
        assert!(trails.of_kms(1, 0, Decrypt).next().is_none());
        trails.all = vec![trail(ALL, 3)];
        assert_eq!(billed(&trails, 0, Decrypt), [(0, 3, 2)]);
    }
}
