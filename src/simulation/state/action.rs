//! What one arrival asks for.

use crate::engine::random::Key;
use crate::model::PlanPart;
use crate::simulation::state::drawn::Arrival;
use crate::simulation::state::request::RequestState;
use std::ops::Range;

/// An action, compact.
pub struct ActionState {
    key: Key,
    /// Most calls that one arrival can offer to each quota.
    demand: Box<[(usize, u64)]>,
    /// Classes of its requests, one after another; empty where there is only `class`.
    parts: Box<[u32]>,
    class: u32,
    /// How many of its requests earn.
    earning: u32,
    /// Where each step of an upload begins whose steps are asked for one after another, and where the last ends; else empty.
    steps: Box<[u16]>,
}

impl ActionState {
    /// `in_steps`: its kinds of requests are asked for one after another.
    pub fn new(
        plan: &PlanPart<'_>,
        action: &crate::model::Action,
        in_steps: bool,
        key: Key,
    ) -> ActionState {
        let mut demand: Vec<(usize, u64)> = Vec::new();
        let mut parts = Vec::new();
        for &(class, n) in &action.requests {
            parts.extend(std::iter::repeat_n(class as u32, n as usize));
            let c = &plan.classes[class];
            let kms_steps = plan.kms_steps_of(c);
            // One of two steps of a need asks, and of the same quotas, if of any.
            let needs = (0..c.needs).flat_map(|need| {
                let mut of_need = kms_steps.iter().filter(move |l| l.need == need);
                let asks = of_need.find(|l| !l.quotas.is_empty());
                asks.into_iter().flat_map(|l| &l.quotas)
            });
            for &q in c.request_rate.iter().chain(needs) {
                match demand.iter_mut().find(|d| d.0 == q) {
                    Some(d) => d.1 += u64::from(n),
                    None => demand.push((q, u64::from(n))),
                }
            }
        }
        let class = parts.first().copied().unwrap_or(0);
        let earns = |c: &&u32| plan.classes[**c as usize].denial.is_none();
        let earning = parts.iter().filter(earns).count() as u32;
        let mut steps = Vec::new();
        if in_steps && action.requests.len() > 1 {
            steps.push(0);
            let ends = action.requests.iter().scan(0, |end, &(_, n)| {
                *end += n as u16;
                Some(*end)
            });
            steps.extend(ends);
        }
        if parts.len() == 1 {
            parts.clear();
        }
        ActionState {
            key,
            demand: demand.into(),
            parts: parts.into(),
            class,
            earning,
            steps: steps.into(),
        }
    }
}

impl ActionState {
    /// The key under which those of each second stand.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The key of its arrivals in a second.
    #[inline(always)]
    pub fn key_of(&self, second: u64) -> Key {
        self.key.with(second)
    }

    /// The class of the first request of an arrival.
    #[inline(always)]
    pub fn first_class(&self) -> u32 {
        self.class
    }

    /// How many of the requests of an arrival earn.
    #[inline(always)]
    pub fn earning(&self) -> u32 {
        self.earning
    }

    /// Most calls that one arrival can offer, as (quota, calls).
    #[inline(always)]
    pub fn demand(&self) -> &[(usize, u64)] {
        &self.demand
    }

    /// How many requests an arrival makes.
    #[inline(always)]
    pub fn requests(&self) -> usize {
        self.parts.len().max(1)
    }

    /// How many of them are sent before any of them is answered.
    #[inline(always)]
    pub fn requests_at_once(&self) -> usize {
        match self.steps.get(1) {
            Some(&end) => usize::from(end),
            None => self.requests(),
        }
    }

    /// The requests of the step that one of them belongs to, where there are steps.
    pub fn step_of(&self, part: u16) -> Option<Range<u16>> {
        let next = self.steps.partition_point(|&begin| begin <= part);
        Some(*self.steps.get(next.checked_sub(1)?)?..*self.steps.get(next)?)
    }

    /// Their classes.
    #[inline(always)]
    pub fn classes(&self) -> impl Iterator<Item = u32> {
        (0..self.requests()).map(|part| self.class_of(part))
    }

    #[inline(always)]
    pub fn class_of(&self, part: usize) -> u32 {
        self.parts.get(part).copied().unwrap_or(self.class)
    }

    /// One of the requests of an arrival.
    #[inline(always)]
    pub fn request_of(&self, at: u64, arrival: &Arrival, part: usize) -> RequestState {
        let class = self.class_of(part);
        RequestState::new(
            at,
            class,
            arrival.index,
            arrival.copy,
            part as u16,
            arrival.key,
        )
    }

    /// The requests of an arrival that are sent before any of them is answered, one after another.
    #[inline(always)]
    pub fn requests_of(&self, at: u64, arrival: &Arrival, mut on: impl FnMut(RequestState)) {
        (0..self.requests_at_once()).for_each(|part| on(self.request_of(at, arrival, part)));
    }
}

impl ActionState {
    /// Most calls of one arrival to a quota.
    #[inline]
    pub fn demand_of(&self, quota: usize) -> u64 {
        let demand = self.demand.iter().find(|d| d.0 == quota);
        demand.map_or(0, |d| d.1)
    }
}
