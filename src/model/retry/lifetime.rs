//! Clients that live for so many requests, or for so long, as execution environments of AWS Lambda do: each is then
//! replaced by a new one, which knows nothing of what the old one has met with.
//!
//! Left out: requests under way, which go on with the new client.

use crate::engine::narrow::capped;
use crate::engine::random::Key;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::units::Span;
use serde::Serialize;

/// How long a client lives; whichever ends first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ClientLifetime {
    /// Requests that it sends.
    pub requests: Option<u32>,
    /// Time.
    pub time: Option<Span>,
}

impl ClientLifetime {
    /// Under the key `client_lifetime`, `None` where there is none.
    pub fn read(r: &mut Reader<'_>) -> Option<ClientLifetime> {
        let read = r.table("client_lifetime", |r| {
            let requests = r.optional_in("requests", 1..=u32::MAX);
            let longest = Span::from_secs(10 * 365 * 86_400);
            let time = r.optional_in("time", Span::from_ns(1_000_000)..=longest);
            if !r.has("requests") && !r.has("time") {
                r.fault(
                    Code::MissingKey,
                    r.place(),
                    format!("`{}` does not say when a client's life ends", r.path()),
                    "write `requests = …`, `time = \"15m\"`, or both",
                );
            }
            ClientLifetime { requests, time }
        });
        read.filter(|life| life.requests.is_some() || life.time.is_some())
    }
}

/// The lives of the clients of one workload.
#[derive(Clone, Debug)]
pub struct ClientLives {
    rules: ClientLifetime,
    clients: Vec<Life>,
    /// Whether their requests are counted.
    are_counted: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Life {
    /// Requests that it may still send.
    left: u32,
    /// Number of the client in its place, by time.
    number: u64,
}

impl ClientLives {
    /// Those of `clients` clients, whose lives by time end evenly one after another.
    pub fn new(rules: ClientLifetime, clients: u32) -> ClientLives {
        ClientLives {
            rules,
            clients: vec![Life::default(); clients as usize],
            are_counted: false,
        }
    }

    /// Whether their requests are counted.
    pub fn are_counted(&self) -> bool {
        self.are_counted
    }

    /// From now on their requests are counted, where that matters: each client is at a random point of its life.
    pub fn count(&mut self, key: Key) {
        let Some(requests) = self.rules.requests.filter(|_| !self.are_counted) else {
            return;
        };
        self.are_counted = true;
        for (client, life) in (0..).zip(&mut self.clients) {
            life.left = capped::<u32>(key.with(client).below(u64::from(requests))) + 1;
        }
    }

    /// Time has passed until `at` \[ns\], in which nobody remembered anything.
    pub fn pass(&mut self, at: u64) {
        (0..capped::<u32>(self.clients.len())).for_each(|client| {
            self.sends(client, at, false);
        });
    }

    /// A client sends an attempt at `at` \[ns\], of a new request or not. Whether it is a new client that does so.
    pub fn sends(&mut self, client: u32, at: u64, is_new: bool) -> bool {
        let n = self.clients.len() as u128;
        let life = &mut self.clients[client as usize];
        let mut is_replaced = false;
        if let Some(time) = self.rules.time {
            let ahead = u128::from(time.as_ns()) * u128::from(client) / n;
            let number = capped::<u64>((u128::from(at) + ahead) / u128::from(time.as_ns()));
            is_replaced = number > life.number;
            life.number = number;
        }
        if self.are_counted
            && let Some(requests) = self.rules.requests
        {
            is_replaced |= is_new && life.left == 0;
            if is_replaced {
                life.left = requests;
            }
            life.left = life.left.saturating_sub(u32::from(is_new));
        }
        is_replaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn clients_are_replaced_one_after_another() {
        let rules = ClientLifetime {
            requests: None,
            time: Some(Span::from_secs(10)),
        };
        let mut lives = ClientLives::new(rules, 4);
        lives.count(Key::root(1, 0));
        assert!(!lives.are_counted(), "time passes by itself");
        // Client 1 is a quarter of a life ahead.
        let replaced = [7, 8, 9, 17, 18, 49].map(|at| lives.sends(1, at * S, true));
        assert_eq!(replaced, [false, true, false, false, true, true]);
        assert!(!lives.sends(0, 9 * S, true) && lives.sends(0, 10 * S, false));
    }

    #[test]
    fn clients_live_for_so_many_requests() {
        let rules = ClientLifetime {
            requests: Some(3),
            time: None,
        };
        let mut lives = ClientLives::new(rules, 60);
        assert!(!lives.sends(7, 0, true), "nobody counts yet");
        lives.count(Key::root(1, 0));
        let mut first = [0; 3];
        for client in 0..60 {
            let sent = (0..9).map(|at| lives.sends(client, at, true));
            let replaced: Vec<usize> = (0..9).zip(sent).filter(|s| s.1).map(|s| s.0).collect();
            // After one to three requests, and then after three each.
            assert!(
                replaced.windows(2).all(|w| w[1] == w[0] + 3),
                "{replaced:?}"
            );
            first[replaced[0] - 1] += 1;
        }
        assert!(first.iter().all(|&n| n > 8), "{first:?}");
        // Retries are not counted.
        assert!((0..9).all(|at| !lives.sends(1, at, false)));
    }
}
