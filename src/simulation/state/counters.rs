//! What was counted: the record, and what is still to be added to it.

use crate::engine::SECOND;
use crate::model::PlanPart;
use crate::simulation::record::Record;
use crate::simulation::state::class::Classes;
use crate::simulation::state::drawn::{ActiveWorkloads, DrawnSecond};

/// What was counted so far.
pub struct Counters {
    /// End of the warm-up \[ns\].
    warm_up: u64,
    record: Record,
    /// Counters of requests that arrived in the warm-up, which nobody reads.
    unmeasured: Record,
    /// Arrivals of each action that were counted in the present second.
    counted: Vec<u64>,
    /// Those of whole seconds, until they are added to the record: in the measured time, and in the warm-up.
    whole: [Vec<u64>; 2],
}

impl Counters {
    pub fn new(plan: &PlanPart<'_>, actions: usize) -> Counters {
        let (classes, kms_steps) = (plan.classes.len(), plan.kms_steps.len());
        // Without a warm-up nothing arrives in it.
        let unmeasured = if plan.warm_up_s > 0 {
            Record::new(classes, kms_steps, 0, 0)
        } else {
            Record::new(0, 0, 0, 0)
        };
        Counters {
            warm_up: plan.warm_up_s * SECOND,
            record: Record::new(classes, kms_steps, plan.quotas.len(), plan.workloads.len()),
            unmeasured,
            counted: vec![0; actions],
            whole: [
                vec![0; actions],
                vec![0; if plan.warm_up_s > 0 { actions } else { 0 }],
            ],
        }
    }

    /// Where what arrived at an instant \[ns\] is counted.
    #[inline(always)]
    pub fn of(&mut self, arrived: u64) -> &mut Record {
        if arrived >= self.warm_up {
            &mut self.record
        } else {
            &mut self.unmeasured
        }
    }

    /// End of the warm-up \[ns\].
    #[inline(always)]
    pub fn warm_up(&self) -> u64 {
        self.warm_up
    }

    /// Whether what arrived at an instant \[ns\] belongs to the warm-up.
    #[inline(always)]
    pub fn in_warm_up(&self, arrived: u64) -> bool {
        arrived < self.warm_up
    }

    /// What does not depend on when a request arrived.
    #[inline(always)]
    pub fn record(&mut self) -> &mut Record {
        &mut self.record
    }

    /// The records of the measured time and of the warm-up.
    pub fn records(&mut self) -> [&mut Record; 2] {
        [&mut self.record, &mut self.unmeasured]
    }

    /// Counts attempts that were looked at one by one.
    #[inline(always)]
    pub fn expand(&mut self, attempts: u64) {
        self.record.attempts_expanded += attempts;
    }

    /// Counts arrivals of an action.
    #[inline(always)]
    pub fn count(&mut self, action: usize, n: u64) {
        self.counted[action] += n;
    }

    /// Counts arrivals of actions one after another, from the first on, where none was counted yet.
    pub fn count_all(&mut self, first: usize, counts: &[u64]) {
        self.counted[first..first + counts.len()].copy_from_slice(counts);
    }

    /// Takes the arrivals of an action that were counted.
    #[inline(always)]
    pub fn take_counted(&mut self, action: usize) -> u64 {
        std::mem::take(&mut self.counted[action])
    }

    /// Counts the arrivals of a second in which nothing is looked at.
    #[inline(always)]
    pub fn count_second(&mut self, second: u64, selection: &ActiveWorkloads, drawn: &DrawnSecond) {
        let in_warm_up = self.in_warm_up(second * SECOND);
        let whole = &mut self.whole[usize::from(in_warm_up)];
        selection.for_each_drawn(drawn, |action, n| whole[action as usize] += n);
    }

    /// Counts the arrivals of all actions in some seconds, from `first` on, in which nothing is looked at.
    pub fn count_stretch(&mut self, first: u64, counts: &[u64]) {
        let in_warm_up = self.in_warm_up(first * SECOND);
        let whole = &mut self.whole[usize::from(in_warm_up)];
        for (whole, n) in whole.iter_mut().zip(counts) {
            *whole += n;
        }
    }

    /// Adds the arrivals of whole seconds to the record.
    fn add_whole(&mut self, plan: &PlanPart<'_>, classes: &Classes) {
        let records = [&mut self.record, &mut self.unmeasured];
        for (whole, record) in self.whole.iter_mut().zip(records) {
            let actions = plan.workloads.iter().flat_map(|w| &w.actions);
            for (n, action) in whole.iter_mut().zip(actions) {
                let n = std::mem::take(n);
                for &(class, each) in action.requests.iter().filter(|_| n > 0) {
                    let state = classes.of(class as u32);
                    state.count(record, class, n * u64::from(each));
                }
            }
        }
    }

    /// Adds what the classes tallied and whole seconds counted to the record.
    pub fn add_tallies(&mut self, plan: &PlanPart<'_>, classes: &mut Classes) {
        self.add_whole(plan, classes);
        classes.add_tallies(self.records());
    }

    /// Ends the run, whose last second this was.
    pub fn end(&mut self, plan: &PlanPart<'_>, classes: &mut Classes, last: u64) {
        self.add_tallies(plan, classes);
        classes.move_delays(self.records());
        self.record.attempts_expanded += self.unmeasured.attempts_expanded;
        self.record.close_periods(plan.months.of(last));
    }

    /// What was counted.
    pub fn into_record(self) -> Record {
        self.record
    }
}
