//! The quotas: their limiters, and what the present second saw of each.

use crate::engine::calendar::SLOTS;
use crate::engine::limiter::{Certificate, Known, Limiter, Tokens};
use crate::model::Quota;
use std::ops::Range;

/// A quota with its state and what this second saw of it.
pub struct QuotaState {
    limiter: Limiter,
    attempts: u64,
    throttled: u64,
    /// Most that the new arrivals of this second could offer.
    arriving: u64,
    /// Most that could be offered in this second, in each of so many equal parts of it.
    parts: Vec<u64>,
    /// Most that could be offered in each slot of a contended second.
    demand: Vec<u32>,
}

/// What a quota saw in a second.
pub struct QuotaSecond {
    pub attempts: u64,
    pub throttled: u64,
    /// The rate in force, per second.
    pub per_second: f64,
}

impl QuotaState {
    fn new(quota: &Quota, is_used: bool) -> QuotaState {
        QuotaState {
            limiter: Limiter::new(quota.shape, &quota.steps),
            attempts: 0,
            throttled: 0,
            arriving: 0,
            parts: vec![0],
            demand: vec![0; if is_used { SLOTS } else { 0 }],
        }
    }

    // ----- attempts ----------------------------------------------------------------------------

    /// Counts attempts, but not what becomes of them.
    #[inline(always)]
    pub fn count(&mut self, n: u64) {
        self.attempts += n;
    }

    /// Takes back an attempt that another quota refuses.
    #[inline(always)]
    pub fn withdraw(&mut self) {
        self.attempts -= 1;
    }

    /// Counts attempts that it refuses.
    #[inline(always)]
    pub fn refuse(&mut self, n: u64) {
        self.attempts += n;
        self.throttled += n;
    }

    /// Whether an attempt that was counted is admitted; then its room is taken.
    #[inline(always)]
    pub fn admit(&mut self, at: u64) -> bool {
        let admitted = self.limiter.admit(at);
        if !admitted {
            self.throttled += 1;
        }
        admitted
    }

    /// Whether an attempt that was counted finds room.
    #[inline(always)]
    pub fn has_room(&mut self, at: u64) -> bool {
        let has_room = self.limiter.has_room(at);
        if !has_room {
            self.throttled += 1;
        }
        has_room
    }

    /// Takes the room of an attempt.
    #[inline(always)]
    pub fn take(&mut self, at: u64) {
        self.limiter.take(at);
    }

    /// Takes the room of attempts in a second or slot that admits all.
    #[inline(always)]
    pub fn take_counted(&mut self, n: u64) {
        self.limiter.take_counted(n);
    }

    /// What this second saw of it, and starts the next one; `None` without an attempt.
    #[inline]
    pub fn end_second(&mut self, second: u64) -> Option<QuotaSecond> {
        (self.attempts > 0).then(|| QuotaSecond {
            attempts: std::mem::take(&mut self.attempts),
            throttled: std::mem::take(&mut self.throttled),
            per_second: self.limiter.per_second(second),
        })
    }

    // ----- what could be offered ----------------------------------------------------------------

    /// Adds what could be offered in a part of the second.
    #[inline(always)]
    pub fn expect_in(&mut self, part: usize, n: u64) {
        self.parts[part] += n;
    }

    /// What could be offered in each part of the second, to be counted anew for so many parts.
    pub fn recount_parts(&mut self, parts: usize) -> Vec<u64> {
        let mut of_quota = std::mem::take(&mut self.parts);
        of_quota.clear();
        of_quota.resize(parts, 0);
        of_quota
    }

    pub fn set_parts(&mut self, parts: Vec<u64>) {
        self.parts = parts;
    }

    /// Adds what could be offered in a slot.
    #[inline(always)]
    pub fn expect_in_slot(&mut self, slot: usize, n: u32) {
        self.demand[slot] += n;
    }

    /// Adds what could be offered in all slots, of whose arrivals each may ask `each` times.
    #[inline(always)]
    pub fn expect_in_slots(&mut self, counts: &[u32], each: u32) {
        for (demand, &n) in self.demand.iter_mut().zip(counts) {
            *demand += n * each;
        }
    }

    // ----- where instants matter ----------------------------------------------------------------

    /// The tokens that come in a stretch of time, where those are all that limits.
    pub fn tokens(&mut self, from: u64, until: u64) -> Option<Tokens> {
        self.limiter.tokens(from, until)
    }

    /// Counts what tokens have decided by `until`.
    pub fn decide(&mut self, until: u64, won: u64, lost: u64) {
        self.count(won);
        self.refuse(lost);
        self.limiter.take_tokens(until, won);
    }

    /// Begins a second that is certified; returns what was known before it.
    pub fn begin_counted(&mut self, second: u64, at_most: bool) -> Known {
        let known = self.limiter.known(second);
        self.limiter.count_second(second, &self.parts, at_most);
        known
    }

    /// Ends it; returns what was taken one by one in it.
    pub fn end_counted(&mut self) -> Vec<u64> {
        self.limiter.end_second()
    }

    /// Whether its state is known exactly.
    pub fn is_exact(&self) -> bool {
        self.limiter.is_exact()
    }

    /// Goes back to what was known.
    pub fn restore(&mut self, known: &Known) {
        self.limiter.restore(known);
    }

    /// Shows it the instants since then.
    pub fn replay(&mut self, instants: &[u64], until: u64) {
        self.limiter.replay(instants, until);
    }
}

/// All quotas of a plan, of which a component uses some.
pub struct Quotas {
    all: Vec<QuotaState>,
    used: Vec<usize>,
    /// Those among them whose state depends on instants.
    timed: Vec<usize>,
    /// The one that alone decides about all attempts; never asked for where all is simulated, call by call.
    sole: Option<usize>,
    /// Whether what could be offered in each slot of the present second is known.
    weighed: bool,
}

impl Quotas {
    pub fn new(quotas: &[Quota], is_used: &[bool]) -> Quotas {
        let all = quotas.iter().zip(is_used);
        let all: Vec<QuotaState> = all.map(|(q, &used)| QuotaState::new(q, used)).collect();
        let used: Vec<usize> = (0..quotas.len()).filter(|&q| is_used[q]).collect();
        let timed = used.iter().copied();
        Quotas {
            timed: timed.filter(|&q| all[q].limiter.needs_instants()).collect(),
            all,
            used,
            sole: None,
            weighed: false,
        }
    }

    #[inline(always)]
    pub fn of(&mut self, quota: usize) -> &mut QuotaState {
        &mut self.all[quota]
    }

    /// Those that the component uses.
    #[inline(always)]
    pub fn used(&self) -> &[usize] {
        &self.used
    }

    /// What each of those saw of the present second so far.
    pub fn attempts(&self) -> impl Iterator<Item = u64> {
        self.used.iter().map(|&q| self.all[q].attempts)
    }

    /// Whether each of those surely admits so many attempts in every one of some seconds, whatever came before.
    pub fn admit_each(&self, seconds: &Range<u64>, most: &[u64]) -> bool {
        let mut used = self.used.iter().zip(most);
        used.len() == most.len()
            && used.all(|(&q, &most)| self.all[q].limiter.admits_each(seconds, most))
    }

    /// Most attempts that one of them admits in a second, where that is a window of its own.
    pub fn most_in(&self, quota: usize, second: u64) -> Option<u64> {
        self.all[quota].limiter.most_in(second)
    }

    /// The rate that is in force in a second, per second.
    pub fn per_second(&self, quota: usize, second: u64) -> f64 {
        self.all[quota].limiter.per_second(second)
    }

    /// Does something with each of those.
    #[inline(always)]
    pub fn for_each(&mut self, mut on: impl FnMut(usize, &mut QuotaState)) {
        for &q in &self.used {
            on(q, &mut self.all[q]);
        }
    }

    /// Those whose state depends on instants.
    #[inline(always)]
    pub fn timed(&self) -> &[usize] {
        &self.timed
    }

    /// Does something with each of those, numbered among them.
    pub fn for_each_timed(&mut self, mut on: impl FnMut(usize, &mut QuotaState)) {
        for (i, &q) in self.timed.iter().enumerate() {
            on(i, &mut self.all[q]);
        }
    }

    #[inline(always)]
    pub fn has_timed(&self) -> bool {
        !self.timed.is_empty()
    }

    /// Whether the state of all depends on instants.
    pub fn all_timed(&self) -> bool {
        self.timed.len() == self.used.len()
    }

    /// The one that alone decides about all attempts.
    #[inline(always)]
    pub fn sole(&self) -> Option<usize> {
        self.sole
    }

    pub fn set_sole(&mut self, quota: Option<usize>) {
        self.sole = quota;
    }

    // ----- the certificate ----------------------------------------------------------------------

    /// Counts what the new arrivals of a second could offer, as (quota, calls), in one part.
    #[inline(always)]
    pub fn expect(&mut self, demand: impl Iterator<Item = (usize, u64)>) {
        for &q in &self.used {
            self.all[q].arriving = 0;
        }
        for (q, calls) in demand {
            self.all[q].arriving += calls;
        }
        self.for_each(|_, quota| {
            quota.parts.clear();
            quota.parts.push(quota.arriving);
        });
    }

    /// Whether more could be offered to a fixed window than it has room for.
    #[inline(always)]
    pub fn exceed_a_window(&mut self, second: u64) -> bool {
        self.used.iter().any(|&q| {
            let quota = &mut self.all[q];
            let room = quota.limiter.room_in(second);
            room.is_some_and(|room| quota.parts[0] > room)
        })
    }

    /// What those whose state depends on instants say of a second.
    pub fn certify_timed(&mut self, second: u64) -> Certificate {
        let mut all = Certificate::Sure;
        for &q in &self.timed {
            let quota = &mut self.all[q];
            match quota.limiter.certify(second, &quota.parts) {
                Certificate::Sure => {}
                Certificate::Never => return Certificate::Never,
                Certificate::Unknown => all = Certificate::Unknown,
            }
        }
        all
    }

    /// Takes in what the new arrivals of a certified second offer.
    #[inline(always)]
    pub fn take_arriving(&mut self) {
        self.for_each(|_, quota| {
            quota.attempts += quota.arriving;
            quota.limiter.take_counted(quota.arriving);
        });
    }

    // ----- slots --------------------------------------------------------------------------------

    /// Whether what could be offered in each slot of the present second is known.
    #[inline(always)]
    pub fn are_weighed(&self) -> bool {
        self.weighed
    }

    /// Starts counting that.
    pub fn weigh(&mut self) {
        self.weighed = true;
        self.for_each(|_, quota| quota.demand.fill(0));
    }

    /// It is not known, or no longer.
    pub fn stop_weighing(&mut self) {
        self.weighed = false;
    }

    /// Whether all have room for what could be offered in a slot, and whether none has any. `more`: what each could be
    /// asked for besides.
    #[inline(always)]
    pub fn room_for_slot(
        &mut self,
        second: u64,
        slot: usize,
        more: Option<&[u64]>,
    ) -> (bool, bool) {
        let (mut enough, mut none) = (true, true);
        for &q in &self.used {
            let quota = &mut self.all[q];
            let demand = u64::from(quota.demand[slot]) + more.map_or(0, |more| more[q]);
            if demand == 0 {
                continue;
            }
            let room = quota.limiter.room_in(second);
            enough &= room.is_some_and(|room| demand <= room);
            none &= room == Some(0);
        }
        (enough, none)
    }

    /// What could be offered in a slot is no longer among what is set aside for the second's new arrivals.
    pub fn set_out(&mut self, slot: usize) {
        self.for_each(|_, quota| quota.arriving -= u64::from(quota.demand[slot]));
    }

    /// Whether all have room for what could be offered in a slot, for what is set aside, and for `more`.
    pub fn have_room_beside(&mut self, second: u64, slot: usize, more: Option<&[u64]>) -> bool {
        self.used.iter().all(|&q| {
            let quota = &mut self.all[q];
            let slot = u64::from(quota.demand[slot]);
            let demand = quota.arriving + slot + more.map_or(0, |more| more[q]);
            let room = quota.limiter.room_in(second);
            room.is_some_and(|room| demand <= room)
        })
    }

    /// Whether the state of all is known exactly.
    pub fn are_exact(&self) -> bool {
        self.timed.iter().all(|&q| self.all[q].is_exact())
    }
}
