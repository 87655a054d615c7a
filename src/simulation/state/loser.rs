//! A loser of a slot in which all lose, and new ones that are alike.

use crate::engine::calendar::SLOT_NS;
use crate::engine::random::Key;
use crate::model::arrivals::instant_in_slot;
use crate::simulation::state::request::RequestState;

/// A request that loses, whose client's retry quota may pay for another. A record without rules of its own: its
/// fields, in this order, are its place among the losers about whom order decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loser {
    pub at: u64,
    /// 0 where it was scheduled, else its number among the new requests of the slot, from 1 on: at one
    /// instant they come in that order.
    pub new: u32,
    pub request: RequestState,
    pub client: u32,
}

/// New requests of one class that lose in a slot, and have retry quotas: a record, written where they are gathered.
#[derive(Clone, Copy)]
pub struct Newcomers {
    pub class: u32,
    /// Number of the first one's arrival in its second.
    pub index: u32,
    /// New requests of the slot that come before them.
    pub before: u32,
    /// How many they are, and where the keys of their arrivals begin.
    pub n: u32,
    pub first_key: usize,
    /// End of the slot.
    pub end: u64,
}

impl Newcomers {
    /// The `i`-th of them.
    #[inline(always)]
    pub fn request(self, i: u32, key: Key) -> RequestState {
        let at = self.end - SLOT_NS + instant_in_slot(key);
        RequestState::new(at, self.class, self.index + i, 0, 0, key)
    }

    /// The same as a loser.
    pub fn loser(self, i: u32, key: Key, client: u32) -> Loser {
        let request = self.request(i, key);
        Loser {
            at: request.arrived,
            new: self.before + i + 1,
            request,
            client,
        }
    }
}
