//! How the requests of a workload arrive: when it is active, how many come in a second, and which actions they are.

use crate::engine::random::Key;
use crate::model::arrivals::{Ahead, ArrivalProcess, Beginning, Density, OpenProcess};
use crate::model::{Kind, PlanPart, Workload};
use crate::simulation::state::action::ActionState;
use crate::simulation::state::drawn::{Arrival, DrawnCounts, DrawnSecond, DrawnWorkload};
use crate::simulation::state::evenly::EvenArrivals;
use crate::simulation::state::piece::ArrivalPiece;
use crate::simulation::state::request::Purpose;
use std::ops::Range;

/// The arrivals of a workload; a job has none of its own, only a mix of actions.
pub struct Arriving {
    key: Key,
    trace_key: Key,
    process: Option<OpenProcess>,
    /// Whether it is a trace whose rows count.
    counts_rows: bool,
    /// Seconds in which it may have arrivals.
    active: Range<u64>,
    /// Shares of its actions, and their sums.
    shares: Vec<f64>,
    sums: Vec<f64>,
    /// Of each action: which seconds are known to have no arrivals.
    looked: Vec<LookedAhead>,
}

/// How far ahead the numbers of an action's arrivals have been looked at.
#[derive(Clone, Copy, Default)]
struct LookedAhead {
    /// None came in the seconds before this one.
    until: u64,
    /// Whether some come in it.
    found: bool,
}

impl LookedAhead {
    /// The first of some seconds in which a Poisson number is above 0; the end if none is. Seconds must be asked for in
    /// order.
    fn next_above_zero(&mut self, key: Key, mean: f64, seconds: Range<u64>) -> u64 {
        if !(self.found && self.until >= seconds.start) {
            let from = seconds.start.max(self.until);
            if from < seconds.end {
                let next = key.first_poisson_above_zero(mean, from..seconds.end);
                self.until = next;
                self.found = next < seconds.end;
            }
        }
        self.until.clamp(seconds.start, seconds.end)
    }
}

impl Arriving {
    pub fn new(plan: &PlanPart<'_>, workload: &Workload, key: Key) -> Arriving {
        let shares: Vec<f64> = workload.actions.iter().map(|a| a.weight).collect();
        let sums = shares.iter().scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        let mut arriving = Arriving {
            key: key.named("arrivals"),
            trace_key: key.named("trace"),
            process: None,
            counts_rows: matches!(&workload.kind, Kind::Trace { trace, .. } if trace.is_counted()),
            active: 0..0,
            sums: sums.collect(),
            looked: vec![LookedAhead::default(); shares.len()],
            shares,
        };
        match workload.kind {
            Kind::Open { .. } if workload.after.is_some() => arriving.active = u64::MAX..u64::MAX,
            Kind::Open { start, .. } => arriving.begin(plan, &workload.kind, start),
            Kind::Trace { start, stop, .. } => arriving.active = start..stop,
            Kind::Job { .. } => {}
        }
        arriving
    }

    /// An open workload has arrivals from a second on.
    pub fn begin(&mut self, plan: &PlanPart<'_>, kind: &Kind, first: u64) {
        if let Kind::Open {
            arrivals,
            start,
            stop,
        } = kind
        {
            self.active = first..first.saturating_add(stop.saturating_sub(*start));
            self.process = Some(arrivals.begin(&Beginning {
                start: first,
                key: self.key,
                clock: plan.clock,
            }));
        }
    }

    /// Seconds in which it may have arrivals.
    pub fn active(&self) -> &Range<u64> {
        &self.active
    }

    /// Whether counts are drawn for it, and from the first second on.
    pub fn has_counts(&self) -> bool {
        self.process.is_some() || self.counts_rows
    }

    /// The action, among its own, that a number between 0 and 1 stands for.
    pub fn action_at(&self, draw: f64) -> usize {
        let action = self.sums.partition_point(|&c| c <= draw);
        action.min(self.sums.len() - 1)
    }

    /// Draws how many arrivals of each of its actions a second has, and how they lie in it; `None` for a trace whose rows are one request each.
    #[inline]
    pub fn draw(
        &mut self,
        second: u64,
        kind: &Kind,
        actions: &[ActionState],
        mut counts: DrawnCounts<'_>,
        multinomial: &mut Vec<u64>,
    ) -> Option<Density> {
        let Some(process) = &mut self.process else {
            counts.clear();
            if self.counts_rows {
                return self.count_rows(second, kind, counts);
            }
            self.for_each_row(second, kind, |_, _, _, action| counts.add(action, 1));
            return None;
        };
        let (mean, density) = process.of_second(second);
        if density.is_random() {
            let shares = actions.iter().zip(&self.shares);
            counts.write(|counts| {
                for (n, (action, share)) in counts.iter_mut().zip(shares) {
                    *n = action.key_of(second).stream().poisson(mean * share);
                }
            });
        } else {
            let mut stream = self.key.with(second).stream();
            stream.multinomial(mean as u64, &self.shares, multinomial);
            counts.write(|counts| counts.copy_from_slice(multinomial));
        }
        Some(density)
    }

    /// Counts what comes in a second of a trace whose rows count; `None` for all else.
    fn count_rows(&self, second: u64, kind: &Kind, mut counts: DrawnCounts<'_>) -> Option<Density> {
        let Kind::Trace {
            trace,
            actions,
            start,
            ..
        } = kind
        else {
            return None;
        };
        let mix = self.trace_key.with(Purpose::Action as u64).with(second);
        trace.counts_of_second(second - start, self.trace_key, |i, n| {
            let row = trace.recording.rows.kind(i);
            let stream = mix.with(i as u64).stream();
            actions.split(row, n, &self.shares, stream, |action, n| {
                counts.add(action, n);
            });
        });
        Some(Density::Linear(1.0, 1.0))
    }

    /// The first of some seconds in which arrivals may come, as far as that is known beforehand; the end if none may.
    /// `actions` begin with its own.
    pub fn next_arrivals(
        &mut self,
        seconds: Range<u64>,
        kind: &Kind,
        actions: &[ActionState],
    ) -> u64 {
        let (from, end) = (
            seconds.start.max(self.active.start),
            seconds.end.min(self.active.end),
        );
        if from >= end {
            return seconds.end;
        }
        let next = match (&self.process, kind) {
            (Some(process), _) => match process.ahead(from) {
                Ahead::Unknown => from,
                Ahead::None { until } => until,
                Ahead::Poisson { mean } => {
                    let looked = self.looked.iter_mut().zip(actions).zip(&self.shares);
                    looked.fold(end, |end, ((looked, action), share)| {
                        looked.next_above_zero(action.key(), mean * share, from..end)
                    })
                }
            },
            (None, Kind::Trace { trace, start, .. }) => trace
                .next_rows(from - start)
                .map_or(end, |next| next.saturating_add(*start)),
            (None, Kind::Open { .. } | Kind::Job { .. }) => end,
        };
        if next < end { next } else { seconds.end }
    }

    /// Shows the rows of a trace that come in a second: number of the copy, instant, row and action.
    #[inline(always)]
    fn for_each_row(&self, second: u64, kind: &Kind, mut on: impl FnMut(u64, u64, usize, usize)) {
        let Kind::Trace {
            trace,
            actions,
            start,
            ..
        } = kind
        else {
            return;
        };
        let mix = self.trace_key.with(Purpose::Action as u64).with(second);
        trace.of_second(second - start, self.trace_key, |ordinal, at, row| {
            let kind = trace.recording.rows.kind(row);
            let action = actions.action_of(kind, || mix.with(ordinal).unit(), &self.sums);
            on(ordinal, at, row, action);
        });
    }

    /// What a second drew of it: the few, and those that have instants of their own, one by one.
    pub fn pieces<'d>(
        &self,
        kind: &Kind,
        actions: &[ActionState],
        drawn: &'d DrawnSecond,
        d: &'d DrawnWorkload,
        mut on: impl FnMut(ArrivalPiece<'d>),
    ) {
        let second = drawn.second();
        self.for_each_row(second, kind, |ordinal, at, row, action| {
            let action = d.first_action + action;
            let arrival = Arrival {
                action: action as u32,
                index: row as u32,
                copy: ordinal as u32,
                key: actions[action].key_of(second).with(ordinal),
            };
            on(ArrivalPiece::One(at, arrival));
        });
        let Some(density) = &d.density else {
            return;
        };
        if let Some(instants) = density.even_instants(second) {
            let key = self.key.with(second);
            let counts = drawn.counts_of(d);
            let arrivals = EvenArrivals::new(instants, key, d.first_action, counts);
            return on(ArrivalPiece::Evenly(arrivals));
        }
        for (action, n) in drawn.of(d) {
            let key = actions[action].key_of(second);
            if density.is_listed(n) {
                density.list(n, second, key, |at, index, key| {
                    let arrival = Arrival {
                        action: action as u32,
                        index,
                        copy: 0,
                        key,
                    };
                    on(ArrivalPiece::One(at, arrival));
                });
            } else {
                on(ArrivalPiece::Many {
                    action,
                    n,
                    key,
                    density,
                });
            }
        }
    }
}
