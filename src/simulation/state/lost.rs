//! The losers of a slot in which all lose.

use crate::engine::calendar::EventPlace;
use crate::engine::distribution::Distribution;
use crate::engine::random::Key;
use crate::model::arrivals::{keys_in_slot, number_in_slot};
use crate::model::retry::AnswerForm;
use crate::simulation::state::loser::{Loser, Newcomers};
use crate::simulation::state::request::{RequestState, client};
use crate::simulation::state::retries::Retries;

/// A loser that is in the calendar.
struct Other {
    place: EventPlace,
    client: u32,
}

/// The losers of a slot.
#[derive(Default)]
pub struct Lost {
    newcomers: Vec<Newcomers>,
    /// The keys of their arrivals.
    keys: Vec<Key>,
    others: Vec<Other>,
    /// Places of those that need more than one quota's word.
    several: Vec<EventPlace>,
    /// New requests of the slot so far, and the numbers of those that stand in the calendar.
    new: u32,
    numbers: Vec<u32>,
    /// Those about whom order decides; once they are sorted the earliest stands last.
    contested: Vec<Loser>,
    /// Those that try again in the slot, at that time.
    again: Vec<(Loser, u64)>,
}

/// What became of newcomers at once.
#[derive(Default)]
pub struct NewcomersDecided {
    /// So many failed.
    pub failed: u64,
    /// So many wait for a retry.
    pub waiting: u64,
}

impl Lost {
    /// Begins a slot.
    pub fn clear(&mut self) {
        self.newcomers.clear();
        self.keys.clear();
        self.others.clear();
        self.numbers.clear();
        self.new = 0;
    }

    // ----- gathered -----------------------------------------------------------------------------

    /// New requests of one class lose: the first `n` of a split's arrivals in a slot that ends at `end`.
    #[inline(always)]
    pub fn add_newcomers(
        &mut self,
        retries: &mut Retries,
        latency: &Distribution,
        (class, n, answer): (u32, u32, AnswerForm),
        (split, slot, end): (Key, usize, u64),
    ) {
        let newcomers = Newcomers {
            class,
            index: number_in_slot(slot, 0),
            before: self.new,
            n,
            first_key: self.keys.len(),
            end,
        };
        let arrivals = keys_in_slot(split, slot, n);
        retries.ask_for_newcomers(latency, (newcomers, answer), arrivals, &mut self.keys);
        self.new += n;
        self.newcomers.push(newcomers);
    }

    /// A new request stands in the calendar.
    #[inline(always)]
    pub fn number_new(&mut self) {
        self.new += 1;
        self.numbers.push(self.new);
    }

    /// A request of the calendar loses, whose payer this is.
    #[inline(always)]
    pub fn add(&mut self, place: EventPlace, client: u32) {
        self.others.push(Other { place, client });
    }

    /// A request of the calendar needs more than one quota's word.
    #[inline(always)]
    pub fn put_aside(&mut self, place: EventPlace) {
        self.several.push(place);
    }

    /// The next of those.
    pub fn take_aside(&mut self) -> Option<EventPlace> {
        self.several.pop()
    }

    // ----- decided about ------------------------------------------------------------------------

    /// Groups of newcomers.
    pub fn groups(&self) -> usize {
        self.newcomers.len()
    }

    /// The class of a group of newcomers.
    pub fn class_of(&self, group: usize) -> u32 {
        self.newcomers[group].class
    }

    /// Lets a group of newcomers try again, by `schedule`, or fail, unless order decides about their clients'.
    #[inline(always)]
    pub fn decide_newcomers(
        &mut self,
        group: usize,
        retries: &mut Retries,
        (latency, answer): (&Distribution, AnswerForm),
        mut schedule: impl FnMut(u64, RequestState),
    ) -> NewcomersDecided {
        let newcomers = self.newcomers[group];
        let payers = retries.payers();
        let mut decided = NewcomersDecided::default();
        for (i, &key) in (0..newcomers.n).zip(&self.keys[newcomers.first_key..]) {
            let client = client(key, payers);
            let Some(paid) = retries.pay_asked(client, answer) else {
                self.contested.push(newcomers.loser(i, key, client));
                continue;
            };
            if !paid {
                decided.failed += 1;
                continue;
            }
            decided.waiting += 1;
            let mut request = newcomers.request(i, key);
            let at = retries.next_attempt(latency, request.arrived, &request, answer);
            if at < newcomers.end {
                self.again.push((newcomers.loser(i, key, client), at));
                continue;
            }
            request.throttled = 1;
            schedule(at, request);
        }
        decided
    }

    /// How many others there are.
    #[inline(always)]
    pub fn others(&self) -> usize {
        self.others.len()
    }

    /// One of the others: its place in the calendar, and its payer.
    #[inline(always)]
    pub fn other(&self, i: usize) -> (EventPlace, u32) {
        (self.others[i].place, self.others[i].client)
    }

    /// Order decides about one of the calendar, which has this number among the new ones there.
    pub fn contest(&mut self, mut loser: Loser, number: Option<u32>) {
        loser.new = number.map_or(0, |i| self.numbers[i as usize]);
        self.contested.push(loser);
    }

    /// One tries again in the slot, at that time.
    pub fn try_again(&mut self, loser: Loser, at: u64) {
        self.again.push((loser, at));
    }

    /// Those that try again in the slot, at that time.
    pub fn drain_again(&mut self) -> impl Iterator<Item = (Loser, u64)> {
        self.again.drain(..)
    }

    /// Brings those about whom order decides into it.
    pub fn sort_contested(&mut self) {
        self.contested.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// The next of them.
    pub fn next_contested(&mut self) -> Option<Loser> {
        self.contested.pop()
    }

    /// One of them tries again within the slot.
    pub fn contest_again(&mut self, loser: Loser) {
        let place = self.contested.partition_point(|l| *l > loser);
        self.contested.insert(place, loser);
    }
}
