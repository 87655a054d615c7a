//! The decisive seconds as they come: which of the seconds so far are around the busiest and the throttled ones, and what
//! each workload offered in them.
//!
//! What a second holds is told from what it added to the counters. Seconds that are counted and in which nothing is
//! looked at, most of a long run, only leave their counts behind; the last minute's are held back, for the next
//! second may turn out to be decisive.

use crate::model::PlanPart;
use crate::simulation::decisive::{
    AROUND_S, BUSIEST, DecisiveSeconds, MOST_SECONDS, SecondShares, WorkloadShare,
};
use crate::simulation::record::Record;
use crate::simulation::state::class::Classes;
use crate::simulation::state::drawn::{ActiveWorkloads, DrawnSecond, MANY_ACTIONS};
use crate::simulation::state::quota::QuotaSecond;
use indexmap::IndexSet;

/// How many seconds are held back.
const HELD: usize = AROUND_S as usize + 1;

/// Rows of a quota after which those that turned out not to matter are dropped.
const ROWS: usize = 4_096;

/// What a workload offered to a quota, in total so far or in one second.
#[derive(Clone, Copy, Default, PartialEq)]
struct Offered {
    attempts: u64,
    throttled: u64,
}

/// Where attempts of one quota are counted.
struct CountedAttempts {
    quota: u32,
    workload: u32,
    by: Counter,
    so_far: Offered,
}

/// A counter of the record.
enum Counter {
    /// A KMS step of a class, and which of its quotas it is; `only`: it is the only need of its class.
    KmsStep {
        kms_step: u32,
        position: u8,
        quotas: u8,
        only: Option<u32>,
    },
    /// The tries of a class.
    Tries(u32),
}

impl Counter {
    fn read(&self, records: &[&mut Record; 2], classes: &Classes) -> Offered {
        let mut sum = Offered::default();
        match *self {
            Counter::KmsStep {
                kms_step,
                position,
                quotas,
                only,
            } => {
                let counts = records.iter();
                for n in counts.filter_map(|r| r.kms_steps.get(kms_step as usize)) {
                    // An attempt that another quota refused counts at that one only.
                    let by_other = match quotas {
                        1 => 0,
                        _ => n.throttled_by[usize::from(1 - position)],
                    };
                    sum.attempts += n.attempts - by_other;
                    sum.throttled += n.throttled_by[usize::from(position)];
                }
                if let Some(class) = only {
                    let (attempts, throttled) = classes.of(class).tallied();
                    sum.attempts += attempts;
                    sum.throttled += throttled;
                }
            }
            Counter::Tries(class) => {
                let counts = records.iter();
                for n in counts.filter_map(|r| r.classes.get(class as usize)) {
                    sum.attempts += n.tries;
                    sum.throttled += n.tries_throttled;
                }
            }
        }
        sum
    }
}

/// A second of the last minute.
#[derive(Default)]
struct RecentSecond {
    /// None where `u64::MAX`.
    second: u64,
    /// Arrivals of a second in which nothing is looked at, by action of a selection.
    selection: u64,
    actions: Vec<u32>,
    counts: Vec<u64>,
    /// What any other second held, as (quota, share).
    shares: Vec<(u32, WorkloadShare)>,
}

impl RecentSecond {
    /// Adds a share to that of the same workload and quota, where it was among the last.
    fn add(&mut self, quota: u32, share: WorkloadShare) {
        let last = self.shares.iter_mut().rev().take(NEAR);
        let mut of_same = last.filter(|(q, known)| (*q, known.workload) == (quota, share.workload));
        match of_same.next() {
            Some((_, known)) => {
                known.attempts += share.attempts;
                known.throttled += share.throttled;
            }
            None => self.shares.push((quota, share)),
        }
    }
}

/// So many shares back one of the same workload and quota is looked for: its classes stand together, and ask few quotas.
const NEAR: usize = 4;

/// What is kept of one quota.
#[derive(Default)]
struct OfQuota {
    /// Attempts and second, the busiest first.
    busiest: Vec<(u64, u64)>,
    /// Seconds around throttled ones, as stretches, and how many.
    throttled: Vec<(u64, u64)>,
    seconds: u64,
    /// Seconds before this one are kept.
    until: u64,
    rows: Vec<SecondShares>,
    /// Rows after which some may be dropped.
    most_rows: usize,
}

impl OfQuota {
    /// Takes in what a second since the end of the warm-up saw; whether it is decisive.
    fn is_decisive(&mut self, second: u64, attempts: u64, throttled: u64) -> bool {
        let is_busy = self.busiest.len() < BUSIEST || attempts > self.busiest[BUSIEST - 1].0;
        if is_busy {
            self.busiest.truncate(BUSIEST - 1);
            let at = self.busiest.partition_point(|&(most, _)| most >= attempts);
            self.busiest.insert(at, (attempts, second));
        }
        let is_throttled = throttled > 0 && self.seconds < MOST_SECONDS as u64;
        if is_throttled {
            let (from, until) = (second.saturating_sub(AROUND_S), second + AROUND_S + 1);
            match self.throttled.last_mut().filter(|last| from <= last.1) {
                Some(last) => {
                    self.seconds += until - last.1;
                    last.1 = until;
                }
                None => {
                    self.seconds += until - from;
                    self.throttled.push((from, until));
                }
            }
        }
        if is_busy || is_throttled {
            self.until = second + AROUND_S + 1;
        }
        is_busy || is_throttled
    }

    /// Drops rows that are no longer around any of the busiest seconds, nor of the last minute.
    fn tidy(&mut self, second: u64) {
        if self.rows.len() < self.most_rows.max(ROWS) {
            return;
        }
        let (busiest, throttled) = (&self.busiest, &self.throttled);
        self.rows.retain(|row| {
            let s = row.second;
            let stretch = throttled.partition_point(|&(_, until)| until <= s);
            s + AROUND_S >= second
                || throttled.get(stretch).is_some_and(|&(from, _)| from <= s)
                || busiest.iter().any(|b| b.1.abs_diff(s) <= AROUND_S)
        });
        self.most_rows = self.rows.len() * 2;
    }
}

/// The decisive seconds of a component, as they come.
pub struct DecisiveState {
    counted: Vec<CountedAttempts>,
    /// By action, numbered among all: which of `asked` one arrival asks.
    actions: Vec<u32>,
    /// What arrivals ask, each list once: (quota, workload, calls).
    asked: IndexSet<Vec<(u32, u32, u64)>>,
    held: Vec<RecentSecond>,
    quotas: Vec<OfQuota>,
    /// By workload, for the row that is being made.
    sums: Vec<Offered>,
}

impl DecisiveState {
    pub fn new(plan: &PlanPart<'_>) -> DecisiveState {
        let mut counted = Vec::new();
        for (c, class) in plan.classes.iter().enumerate() {
            let workload = class.workload as u32;
            let new = |quota: usize, by| CountedAttempts {
                quota: quota as u32,
                workload,
                by,
                so_far: Offered::default(),
            };
            counted.extend(class.request_rate.map(|q| new(q, Counter::Tries(c as u32))));
            for kms_step in class.kms_step_range() {
                let quotas = &plan.kms_steps[kms_step].quotas;
                counted.extend(quotas.iter().enumerate().map(|(position, &q)| {
                    let by = Counter::KmsStep {
                        kms_step: kms_step as u32,
                        position: position as u8,
                        quotas: quotas.len() as u8,
                        only: (kms_step == class.first_kms_step).then_some(c as u32),
                    };
                    new(q, by)
                }));
            }
        }
        let mut asked = IndexSet::new();
        let mut actions = Vec::new();
        for (w, workload) in plan.workloads.iter().enumerate() {
            for action in &workload.actions {
                let requests = action.requests.iter();
                let of_action = requests.flat_map(|&(class, n)| {
                    let class = &plan.classes[class];
                    let steps = plan.kms_steps_of(class).iter();
                    let quotas = steps.flat_map(|step| step.quotas.iter().copied());
                    let quotas = class.request_rate.into_iter().chain(quotas);
                    quotas.map(move |q| (q as u32, w as u32, u64::from(n)))
                });
                actions.push(asked.insert_full(of_action.collect()).0 as u32);
            }
        }
        DecisiveState {
            counted,
            actions,
            asked,
            held: (0..HELD)
                .map(|_| RecentSecond {
                    second: u64::MAX,
                    ..RecentSecond::default()
                })
                .collect(),
            quotas: plan.quotas.iter().map(|_| OfQuota::default()).collect(),
            sums: vec![Offered::default(); plan.workloads.len()],
        }
    }

    /// Holds a second in which nothing was looked at.
    #[inline]
    pub fn hold_counted(&mut self, second: u64, selection: &ActiveWorkloads, drawn: &DrawnSecond) {
        let actions = selection.actions();
        let held = &mut self.held[(second % HELD as u64) as usize];
        held.second = second;
        held.shares.clear();
        // Counts of many actions are added up at once: a minute of seconds is held.
        if actions.len() >= MANY_ACTIONS {
            held.counts.clear();
            let (of_actions, asked) = (&self.actions, &self.asked);
            let mut add = |(of, n): (u32, u64)| {
                let asked = asked.get_index(of as usize).into_iter().flatten();
                for &(quota, workload, each) in asked.filter(|_| n > 0) {
                    let share = WorkloadShare {
                        workload: workload as usize,
                        attempts: n * each,
                        throttled: 0,
                    };
                    held.add(quota, share);
                }
            };
            // Those of one workload stand together, and most ask the same.
            let mut last = (0, 0);
            selection.for_each_drawn(drawn, |action, n| {
                let of = of_actions[action as usize];
                if of != last.0 {
                    add(std::mem::replace(&mut last, (of, 0)));
                }
                last.1 += n;
            });
            add(last);
            return;
        }
        if held.selection != selection.number() {
            held.selection = selection.number();
            held.actions.clear();
            held.actions.extend_from_slice(actions);
        }
        held.counts.clear();
        held.counts.extend_from_slice(drawn.counts());
    }

    /// Holds any other second: what it added to the counters.
    pub fn hold(&mut self, second: u64, records: &[&mut Record; 2], classes: &Classes) {
        let held = &mut self.held[(second % HELD as u64) as usize];
        held.second = second;
        held.counts.clear();
        held.shares.clear();
        for counted in &mut self.counted {
            let now = counted.by.read(records, classes);
            if now == counted.so_far {
                continue;
            }
            let share = WorkloadShare {
                workload: counted.workload as usize,
                attempts: now.attempts - counted.so_far.attempts,
                throttled: now.throttled - counted.so_far.throttled,
            };
            held.add(counted.quota, share);
            counted.so_far = now;
        }
    }

    /// Takes the counters as they are for those of the last second, after seconds that were counted have been added.
    pub fn resume(&mut self, records: &[&mut Record; 2], classes: &Classes) {
        for counted in &mut self.counted {
            counted.so_far = counted.by.read(records, classes);
        }
    }

    /// Takes in what one quota saw in the second that was held last.
    #[inline]
    pub fn end_second(&mut self, q: usize, second: u64, seen: &QuotaSecond, is_measured: bool) {
        let quota = &mut self.quotas[q];
        let from = if is_measured && quota.is_decisive(second, seen.attempts, seen.throttled) {
            second.saturating_sub(AROUND_S)
        } else if second < quota.until {
            second
        } else {
            return;
        };
        let last = quota.rows.last().map_or(0, |row| row.second + 1);
        for s in from.max(last)..=second {
            self.keep(q, s);
        }
        debug_assert_eq!(
            self.quotas[q].rows.last().map(|row| {
                let sum = |of: fn(&WorkloadShare) -> u64| row.shares.iter().map(of).sum::<u64>();
                (row.second, sum(|s| s.attempts), sum(|s| s.throttled))
            }),
            Some((second, seen.attempts, seen.throttled)),
            "the workloads' shares of quota {q} are not what it saw"
        );
        self.quotas[q].tidy(second);
    }

    /// Keeps what a second that is held had of a quota, if anything.
    fn keep(&mut self, q: usize, second: u64) {
        let held = &self.held[(second % HELD as u64) as usize];
        if held.second != second {
            return;
        }
        let sums = &mut self.sums;
        for (&action, &n) in held.actions.iter().zip(&held.counts) {
            for &(quota, w, each) in &self.asked[self.actions[action as usize] as usize] {
                if quota as usize == q {
                    sums[w as usize].attempts += n * each;
                }
            }
        }
        for (quota, share) in &held.shares {
            if *quota as usize == q {
                sums[share.workload].attempts += share.attempts;
                sums[share.workload].throttled += share.throttled;
            }
        }
        let offered = sums.iter_mut().map(std::mem::take).enumerate();
        let shares: Box<[WorkloadShare]> = offered
            .filter(|(_, sum)| sum.attempts > 0)
            .map(|(workload, sum)| WorkloadShare {
                workload,
                attempts: sum.attempts,
                throttled: sum.throttled,
            })
            .collect();
        if !shares.is_empty() {
            self.quotas[q].rows.push(SecondShares { second, shares });
        }
    }

    /// What was kept, by quota, of those that anyone asked.
    pub fn into_seconds(self, plan: &PlanPart<'_>, record: &mut Record) {
        for (quota, seen) in self.quotas.iter().zip(&mut record.quotas) {
            let Some(seen) = seen else { continue };
            let busiest: Vec<u64> = quota.busiest.iter().map(|b| b.1).collect();
            seen.decisive = Some(Box::new(DecisiveSeconds::new(
                &busiest,
                &quota.throttled,
                &quota.rows,
                (plan.warm_up_s, plan.horizon_s.max(seen.end_s)),
                seen.seconds_throttled,
            )));
        }
    }
}
