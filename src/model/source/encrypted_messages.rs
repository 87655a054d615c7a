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

    /// The producers and data keys of the messages from the n-th on; numbers start over as [`wrapped`] says.
    pub(super) fn starting_at(self, n: u64) -> impl Iterator<Item = (u64, u64)> {
        let mut number = wrapped(n);
        let (mut producer, _) = self.of_number(number);
        let mut round = number / self.producers;
        let mut serial = round / self.messages_per_data_key;
        round %= self.messages_per_data_key;
        std::iter::from_fn(move || {
            let found = (producer, producer << 40 | serial);
            number += 1;
            producer += 1;
            if producer == self.producers {
                (producer, round) = (0, round + 1);
            }
            if round == self.messages_per_data_key {
                (round, serial) = (0, serial + 1);
            }
            if wrapped(number) == 0 {
                (number, producer, round, serial) = (0, 0, 0, 0);
            }
            Some(found)
        })
    }
}

/// So many numbers messages have: they start over before they are the mark of a request that has none.
pub(super) const NUMBERS: u64 = u32::MAX as u64;

/// A message's number, however many there were.
#[inline]
pub(super) fn wrapped(number: u64) -> u64 {
    number % NUMBERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_one_after_another_are_those_of_their_numbers() {
        let last = u64::from(u32::MAX) - 1;
        for (producers, messages_per_data_key) in [(1, 1), (3, 1), (1, 4), (7, 5)] {
            let encrypted = EncryptedMessages {
                producers,
                messages_per_data_key,
            };
            for first in [0, 1, 12, 34, 35, last - 40, last] {
                let found: Vec<(u64, u64)> = encrypted.starting_at(first).take(100).collect();
                let numbers = (first..first + 100).map(wrapped);
                let expected: Vec<(u64, u64)> = numbers.map(|n| encrypted.of_number(n)).collect();
                assert_eq!(found, expected, "{encrypted:?} from {first}");
            }
        }
    }
}
