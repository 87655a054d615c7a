//! How the messages were encrypted that a workload decrypts.

/// Producers take turns, and each uses a data key for so many messages, all of one encryption context. The messages of
/// a data key are numbered by process, or where its clients are a fleet by workload: then each goes to any client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptedMessages {
    /// Processes that encrypted the messages.
    pub producers: u64,
    /// Messages each of their data keys was used for.
    pub messages_per_data_key: u64,
}

impl EncryptedMessages {
    /// Messages until every producer takes a new data key.
    pub(super) fn in_a_turn(self) -> u64 {
        self.producers * self.messages_per_data_key
    }

    /// The producer of the n-th message that a process, or a fleet, decrypts, and its data key.
    pub(super) fn of_number(self, n: u64) -> (u64, u64) {
        let producer = n % self.producers;
        let serial = n / self.producers / self.messages_per_data_key;
        (producer, producer << 40 | serial)
    }
}
