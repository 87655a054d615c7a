//! What one second drew: how many arrivals, of which workloads.

use crate::engine::random::Key;
use crate::model::arrivals::Density;

/// What one second drew.
#[derive(Default)]
pub struct DrawnSecond {
    second: u64,
    /// Open workloads that may have arrivals.
    workloads: Vec<DrawnWorkload>,
    /// Arrivals by action, workload after workload.
    counts: Vec<u64>,
    /// Which of them may be above 0, where a second has few of many; each at most once.
    few: Option<Vec<u32>>,
    /// Which selection of workloads this is; only a part of one where 0.
    selection: u64,
    multinomial: Vec<u64>,
}

impl DrawnSecond {
    /// Which second it is.
    #[inline(always)]
    pub fn second(&self) -> u64 {
        self.second
    }

    /// Open workloads that may have arrivals.
    #[inline(always)]
    pub fn workloads(&self) -> &[DrawnWorkload] {
        &self.workloads
    }

    /// Arrivals by action, workload after workload.
    #[inline(always)]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Which of those counts may be above 0, where a second has few of many.
    #[inline(always)]
    pub fn few(&self) -> Option<&[u32]> {
        self.few.as_deref()
    }

    /// All its arrivals.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Begins a second, with the workloads of the one before.
    pub fn begin(&mut self, second: u64) {
        self.second = second;
    }

    /// Forgets the workloads.
    pub fn clear(&mut self) {
        self.workloads.clear();
        self.counts.clear();
        self.few = None;
        self.selection = 0;
    }

    /// Whether its workloads are those of a selection.
    #[inline(always)]
    pub fn is_of(&self, selection: &ActiveWorkloads) -> bool {
        self.selection == selection.number
    }

    /// Begins with those of a selection.
    pub fn select(&mut self, selection: &ActiveWorkloads) {
        self.clear();
        self.selection = selection.number;
    }

    /// Adds one of them, with its actions; returns the first of its counts.
    pub fn add(&mut self, workload: usize, first_action: usize, actions: usize) -> usize {
        let first = self.counts.len();
        self.counts.resize(first + actions, 0);
        self.workloads.push(DrawnWorkload {
            workload,
            first,
            first_action,
            actions,
            has_memory: false,
            one_by_one: false,
            density: None,
        });
        first
    }

    /// All workloads have been added; `has_rows`: the rows of a trace are among them.
    pub fn added_all(&mut self, has_rows: bool) {
        self.few = (has_rows && self.counts.len() >= MANY_ACTIONS).then(Vec::new);
    }

    /// Shows each of the workloads, its counts by action, which are to be drawn, and room to draw in.
    #[inline(always)]
    pub fn draw(&mut self, mut on: impl FnMut(&mut DrawnWorkload, DrawnCounts<'_>, &mut Vec<u64>)) {
        if let Some(few) = &mut self.few {
            few.drain(..).for_each(|i| self.counts[i as usize] = 0);
        }
        for d in &mut self.workloads {
            let counts = DrawnCounts {
                counts: &mut self.counts[d.first..d.first + d.actions],
                first: d.first as u32,
                few: self.few.as_mut(),
            };
            on(d, counts, &mut self.multinomial);
        }
    }

    /// One of its workloads has been counted elsewhere.
    pub fn take_out(&mut self, i: usize) {
        let d = &mut self.workloads[i];
        d.one_by_one = false;
        self.counts[d.first..d.first + d.actions].fill(0);
    }

    /// What one workload drew, `None` if nothing.
    pub fn only(&self, workload: usize) -> Option<DrawnSecond> {
        let mut d = self
            .workloads
            .iter()
            .find(|d| d.workload == workload)?
            .clone();
        let counts = self.counts_of(&d).to_vec();
        d.first = 0;
        Some(DrawnSecond {
            second: self.second,
            workloads: vec![d],
            counts,
            ..DrawnSecond::default()
        })
    }

    /// Arrivals of one of the workloads, by action.
    #[inline(always)]
    pub fn counts_of(&self, d: &DrawnWorkload) -> &[u64] {
        &self.counts[d.first..d.first + d.actions]
    }

    /// The same with the numbers of the actions.
    pub fn of(&self, d: &DrawnWorkload) -> impl Iterator<Item = (usize, u64)> {
        (d.first_action..).zip(self.counts_of(d).iter().copied())
    }
}

/// Actions from which on a second is taken to have arrivals of few of them only: a trace may have a million, and a
/// second shall take as long as it has rows.
pub const MANY_ACTIONS: usize = 64;

/// The counts of one workload, which are to be drawn.
pub struct DrawnCounts<'c> {
    counts: &'c mut [u64],
    /// Number of the first among all.
    first: u32,
    few: Option<&'c mut Vec<u32>>,
}

impl DrawnCounts<'_> {
    /// Begins to count by [`DrawnCounts::add`].
    #[inline]
    pub fn clear(&mut self) {
        if self.few.is_none() {
            self.counts.fill(0);
        }
    }

    /// Counts arrivals of an action.
    #[inline(always)]
    pub fn add(&mut self, action: usize, n: u64) {
        let count = &mut self.counts[action];
        if let Some(few) = &mut self.few
            && *count == 0
            && n > 0
        {
            few.push(self.first + action as u32);
        }
        *count += n;
    }

    /// Has all of them written.
    #[inline(always)]
    pub fn write(&mut self, by: impl FnOnce(&mut [u64])) {
        by(self.counts);
        if let Some(few) = &mut self.few {
            let above = (self.first..)
                .zip(self.counts.iter())
                .filter(|(_, n)| **n > 0);
            few.extend(above.map(|(i, _)| i));
        }
    }
}

/// Which open workloads are active, and what they ask for.
#[derive(Default)]
pub struct ActiveWorkloads {
    /// The action, numbered among all, that each count is of.
    actions: Vec<u32>,
    /// Most calls that one arrival of a count can offer to a quota, as (count, quota, calls).
    demand: Vec<(u32, u32, u64)>,
    /// Where each count's begins.
    first_demand: Vec<u32>,
    /// Counts its changes.
    number: u64,
    /// The first second for which it has to be looked at again.
    until: u64,
}

impl ActiveWorkloads {
    pub fn clear(&mut self) {
        self.actions.clear();
        self.demand.clear();
        self.first_demand.clear();
    }

    /// Has it made anew if any of these seconds, in which workloads begin or end, has come since.
    #[inline]
    pub fn renew(&mut self, second: u64, changes: impl Iterator<Item = u64>) {
        if second >= self.until {
            self.number += 1;
            self.until = changes.filter(|&at| at > second).min().unwrap_or(u64::MAX);
            self.clear();
        }
    }

    /// Whether it knows its actions.
    pub fn is_known(&self) -> bool {
        !self.actions.is_empty()
    }

    /// Which of those that there have been it is.
    #[inline(always)]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Adds the action of a count, and what one of its arrivals may ask for.
    pub fn add(&mut self, action: usize, count: usize, demand: &[(usize, u64)]) {
        self.actions.push(action as u32);
        self.first_demand.push(self.demand.len() as u32);
        let asked = demand.iter();
        let asked = asked.map(|&(q, each)| (count as u32, q as u32, each));
        self.demand.extend(asked);
    }

    /// The action, numbered among all, that each count is of.
    #[inline(always)]
    pub fn actions(&self) -> &[u32] {
        &self.actions
    }

    /// Most calls that so many arrivals can offer, as (quota, calls).
    #[inline(always)]
    pub fn calls(&self, counts: &[u64]) -> impl Iterator<Item = (usize, u64)> {
        let demand = self.demand.iter();
        demand.map(|&(count, q, each)| (q as usize, counts[count as usize] * each))
    }

    /// The same of a few of the counts, the others being 0.
    #[inline(always)]
    pub fn calls_of(&self, few: &[u32], counts: &[u64]) -> impl Iterator<Item = (usize, u64)> {
        few.iter().flat_map(|&count| {
            let (n, first) = (counts[count as usize], self.first_demand[count as usize]);
            let demand = self.demand[first as usize..].iter();
            let own = demand.take_while(move |&&(of, _, _)| of == count);
            own.map(move |&(_, q, each)| (q as usize, n * each))
        })
    }

    /// Shows each of its actions, numbered among all, of which a second may have drawn arrivals, and how many.
    #[inline(always)]
    pub fn for_each_drawn(&self, drawn: &DrawnSecond, mut on: impl FnMut(u32, u64)) {
        match &drawn.few {
            None => {
                let counts = self.actions.iter().zip(&drawn.counts);
                counts.for_each(|(&action, &n)| on(action, n));
            }
            Some(few) => few
                .iter()
                .for_each(|&i| on(self.actions[i as usize], drawn.counts[i as usize])),
        }
    }

    /// Has it made anew for the next second: a workload will be active when it was not going to be.
    pub fn expire(&mut self) {
        self.until = 0;
    }
}

/// One of them: a record, which the second it is drawn in fills in.
#[derive(Clone)]
pub struct DrawnWorkload {
    pub workload: usize,
    /// First of its counts.
    first: usize,
    /// Of all actions.
    pub first_action: usize,
    actions: usize,
    /// Requests are looked at one by one even where nobody is throttled.
    pub one_by_one: bool,
    /// And in order.
    pub has_memory: bool,
    /// `None` for traces whose rows are one request each.
    pub density: Option<Density>,
}

/// A new arrival: a record, passed from where it is drawn to where it is looked at.
#[derive(Clone, Copy)]
pub struct Arrival {
    pub action: u32,
    pub index: u32,
    /// Trace: the copy of the row.
    pub copy: u32,
    pub key: Key,
}
