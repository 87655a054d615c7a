//! The decisive seconds of one quota in one replication: those around its busiest seconds and around every throttled
//! one, with what each workload offered and lost in each of them.
//!
//! Which they are is told from the seconds themselves, so counted and simulated seconds give the same. What is
//! kept does not grow with the horizon ([`MOST_SECONDS`]) nor with the workloads ([`MOST_WORKLOADS`]).

use std::collections::BTreeSet;

/// How many of the busiest seconds are looked at.
pub const BUSIEST: usize = 10;

/// How far around a busy or throttled second \[s\].
pub const AROUND_S: u64 = 60;

/// Most seconds of a quota in a replication: those around the busiest, then throttled ones in order of time.
pub const MOST_SECONDS: usize = 7_200;

/// Most workloads that are told apart; the others are one.
pub const MOST_WORKLOADS: usize = 20;

/// What one workload offered to a quota in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadShare {
    /// Index of the workload.
    pub workload: usize,
    /// Attempts.
    pub attempts: u64,
    /// Of them throttled.
    pub throttled: u64,
}

/// What each workload offered in one second; only those that offered anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondShares {
    /// The second.
    pub second: u64,
    /// By workload.
    pub shares: Box<[WorkloadShare]>,
}

/// A stretch of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondsStretch {
    /// Its first second.
    pub from_s: u64,
    /// How many seconds.
    pub seconds: usize,
}

/// What one workload, or all others, offered in the seconds of all stretches, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadSeconds {
    /// Index of the workload; `None`: all that are not told apart.
    pub workload: Option<usize>,
    /// Attempts of each second.
    pub attempts: Vec<u64>,
    /// Of them throttled.
    pub throttled: Vec<u64>,
}

/// The decisive seconds of one quota in one replication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisiveSeconds {
    /// In order of time, apart from one another.
    pub stretches: Vec<SecondsStretch>,
    /// The largest workloads first.
    pub workloads: Vec<WorkloadSeconds>,
    /// Throttled seconds that there was no room for.
    pub left_out: u64,
}

impl DecisiveSeconds {
    /// Of what was kept: `busiest` and `throttled` say around which seconds, `rows` what each of them held. The run
    /// ended at `end_s` and had so many throttled seconds since `warm_up_s`.
    pub(super) fn new(
        busiest: &[u64],
        throttled: &[(u64, u64)],
        rows: &[SecondShares],
        (warm_up_s, end_s): (u64, u64),
        seconds_throttled: u64,
    ) -> DecisiveSeconds {
        let mut kept = BTreeSet::new();
        for &second in busiest {
            kept.extend(second.saturating_sub(AROUND_S)..(second + AROUND_S + 1).min(end_s));
        }
        'room: for &(from, until) in throttled {
            for second in from..until.min(end_s) {
                if kept.len() >= MOST_SECONDS {
                    break 'room;
                }
                kept.insert(second);
            }
        }
        let mut stretches: Vec<SecondsStretch> = Vec::new();
        for &second in &kept {
            match stretches.last_mut() {
                Some(last) if last.from_s + last.seconds as u64 == second => last.seconds += 1,
                Some(_) | None => stretches.push(SecondsStretch {
                    from_s: second,
                    seconds: 1,
                }),
            }
        }
        let seconds: Vec<u64> = kept.into_iter().collect();
        let rows = rows.iter().filter_map(|row| {
            let at = seconds.binary_search(&row.second).ok()?;
            Some((at, row))
        });
        let workloads = rows.clone().flat_map(|(_, row)| &row.shares);
        let mut totals: Vec<(usize, u64)> = Vec::new();
        for share in workloads {
            if totals.len() <= share.workload {
                totals.extend((totals.len()..=share.workload).map(|w| (w, 0)));
            }
            totals[share.workload].1 += share.attempts;
        }
        totals.retain(|&(_, attempts)| attempts > 0);
        totals.sort_by_key(|&(w, attempts)| (std::cmp::Reverse(attempts), w));
        let others = totals.len() > MOST_WORKLOADS;
        totals.truncate(MOST_WORKLOADS);
        let told_apart = totals.iter().map(|&(w, _)| Some(w));
        let mut columns: Vec<WorkloadSeconds> = told_apart
            .chain(others.then_some(None))
            .map(|workload| WorkloadSeconds {
                workload,
                attempts: vec![0; seconds.len()],
                throttled: vec![0; seconds.len()],
            })
            .collect();
        let mut kept_throttled = 0;
        for (at, row) in rows {
            for share in &row.shares {
                let of = |c: &WorkloadSeconds| c.workload.is_none_or(|w| w == share.workload);
                if let Some(column) = columns.iter_mut().find(|c| of(c)) {
                    column.attempts[at] += share.attempts;
                    column.throttled[at] += share.throttled;
                }
            }
            let is_throttled = row.shares.iter().any(|s| s.throttled > 0);
            kept_throttled += u64::from(is_throttled && row.second >= warm_up_s);
        }
        DecisiveSeconds {
            stretches,
            workloads: columns,
            left_out: seconds_throttled - kept_throttled,
        }
    }

    /// Numbers its workloads as in a whole plan.
    pub(super) fn renumber(&mut self, workloads: &[usize]) {
        for column in &mut self.workloads {
            column.workload = column.workload.map(|w| workloads[w]);
        }
    }
}
