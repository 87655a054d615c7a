//! A request under way, and the numbers that are drawn for it.

use crate::engine::random::Key;

/// A request that waits for its next attempt, or a worker's next request.
///
/// The order of the fields is the order in which events of one instant are handled: who arrived
/// first goes first. They stand open: an event is a record, which each step of its life reads and goes on to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestState {
    /// When it arrived [ns].
    pub arrived: u64,
    pub class: u32,
    /// Number of its arrival: in its second, in its trace, or in its job.
    pub index: u32,
    /// The key of its arrival, from which all its numbers are drawn.
    pub arrival: u64,
    /// Which of the requests of its arrival.
    pub part: u16,
    /// Attempts that were throttled.
    pub throttled: u16,
    /// Job: the worker.
    pub worker: u32,
    /// Cache partition, or number of the message to decrypt: given at the first look-up.
    pub ticket: u32,
    /// KMS steps whose need was looked up.
    pub looked_up: u8,
    /// KMS steps with an attempt, one bit each.
    pub called: u8,
    /// What happens next.
    pub step: RequestStep,
    /// Whether its client held it back since it arrived, whether it has waited for what another request
    /// fetches, and, above these two bits, for which of its KMS steps.
    put_off: u8,
}

// Contended seconds write and read tens of thousands of them.
const _: () = assert!(size_of::<RequestState>() == 40);

const HELD_BACK: u8 = 1;
const WAITED: u8 = 2;
const KMS_STEP_SHIFT: u32 = 2;

/// What an event of a request is; all but attempts are for clients that are followed answer by answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestStep {
    /// It is tried.
    #[default]
    Attempt,
    /// It is tried, and its client has a token for the call.
    Granted,
    /// Its try goes on, after it has waited for what another request fetches.
    Resumed,
    /// Its client hears that it was throttled.
    Throttled,
    /// Its client hears that it succeeded.
    Succeeded,
    /// No request: its client looks at those that wait for a token.
    Look,
    /// No request yet: a job's worker is free to take the next object.
    Free,
}

impl RequestStep {
    /// Whether an attempt may come of it.
    pub fn may_ask(self) -> bool {
        matches!(
            self,
            RequestStep::Attempt
                | RequestStep::Granted
                | RequestStep::Resumed
                | RequestStep::Throttled
                | RequestStep::Free
        )
    }
}

/// What a number drawn for a request is for; 2 to 4 and 10 are drawn by what may meet its needs
/// ([`crate::model::source::Draw`]).
#[derive(Clone, Copy)]
pub enum Purpose {
    Service = 1,
    Think = 5,
    Action,
    Kms,
    Throttled,
    Backoff,
}

/// Which of `clients` clients sent the request of an arrival, at random: given by the half of its key that
/// its instant is not drawn from.
#[inline(always)]
pub fn client(arrival: Key, clients: u32) -> u32 {
    arrival.below_by_lower_bits(clients)
}

impl RequestState {
    #[inline(always)]
    pub fn new(
        arrived: u64,
        class: u32,
        index: u32,
        worker: u32,
        part: u16,
        arrival: Key,
    ) -> RequestState {
        RequestState {
            arrived,
            class,
            index,
            arrival: arrival.bits(),
            part,
            throttled: 0,
            worker,
            ticket: u32::MAX,
            looked_up: 0,
            called: 0,
            step: RequestStep::Attempt,
            put_off: 0,
        }
    }

    /// A look of a client at what waits for a token.
    pub fn look(class: u32, client: u32) -> RequestState {
        let mut look = RequestState::new(0, class, client, 0, 0, Key::from_bits(0));
        look.step = RequestStep::Look;
        look
    }

    /// A job's worker that is free at `at`, in a run of this number.
    pub fn free_worker(at: u64, class: u32, worker: u32, run: u16) -> RequestState {
        let mut free = RequestState::new(at, class, worker, worker, run, Key::from_bits(0));
        free.step = RequestStep::Free;
        free
    }

    /// Its client holds it back.
    pub fn hold_back(&mut self) {
        self.put_off |= HELD_BACK;
    }

    /// It waits for what another request fetches to meet the need of a KMS step, where it goes on.
    pub fn wait(&mut self, kms_step: usize) {
        self.put_off = self.put_off & HELD_BACK | WAITED | (kms_step as u8) << KMS_STEP_SHIFT;
        self.step = RequestStep::Resumed;
    }

    /// The KMS step with which it goes on.
    pub fn kms_step(&self) -> usize {
        match self.step {
            RequestStep::Resumed => usize::from(self.put_off >> KMS_STEP_SHIFT),
            RequestStep::Attempt
            | RequestStep::Granted
            | RequestStep::Throttled
            | RequestStep::Succeeded
            | RequestStep::Look
            | RequestStep::Free => 0,
        }
    }

    /// Whether it has waited so.
    #[inline(always)]
    pub fn has_waited(&self) -> bool {
        self.put_off & WAITED != 0
    }

    /// Whether nothing of it was sent yet, nor held back.
    pub fn is_unsent(&self) -> bool {
        let begins = matches!(self.step, RequestStep::Attempt | RequestStep::Free);
        begins && !self.is_waiting() && self.called == 0
    }

    /// Whether it has been put off before.
    #[inline(always)]
    pub fn is_waiting(&self) -> bool {
        self.throttled > 0 || self.put_off > 0
    }

    /// The key of one purpose of the arrival.
    #[inline(always)]
    pub fn of_arrival(&self, purpose: Purpose) -> Key {
        Key::from_bits(self.arrival).with(purpose as u64)
    }

    /// The key of the `n`-th number of one purpose of this request, for arrivals of several requests.
    #[inline(always)]
    pub fn own(&self, purpose: Purpose, n: u16) -> Key {
        let number = u64::from(self.part) << 32 | u64::from(n) << 16 | purpose as u64;
        Key::from_bits(self.arrival).with(number)
    }

    /// The number, scaled to 2⁶⁴, that tells the delay after the `n`-th failed attempt.
    #[inline(always)]
    pub fn backoff(&self, n: u16) -> u64 {
        self.own(Purpose::Backoff, n).bits()
    }
}
