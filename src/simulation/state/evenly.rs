//! The arrivals of a workload that are evenly spaced over a second, one after another: never all at once in memory.

use crate::engine::SECOND;
use crate::engine::random::{Key, Stream};
use crate::model::arrivals::EvenInstants;
use crate::simulation::state::drawn::Arrival;
use crate::simulation::state::request::Purpose;

/// Those arrivals, in order of time. Which action each is has been drawn without putting back.
#[derive(Clone)]
pub struct EvenArrivals {
    instants: EvenInstants,
    key: Key,
    stream: Stream,
    /// First of the workload's actions.
    first_action: usize,
    /// How many of each action are left, and of all.
    left: Vec<u64>,
    total: u64,
    /// How many are gone.
    gone: u64,
}

impl EvenArrivals {
    /// So many of each action. `key`: that of the workload and second.
    pub fn new(
        instants: EvenInstants,
        key: Key,
        first_action: usize,
        counts: &[u64],
    ) -> EvenArrivals {
        EvenArrivals {
            instants,
            key,
            stream: key.with(Purpose::Action as u64).stream(),
            first_action,
            left: counts.to_vec(),
            total: counts.iter().sum(),
            gone: 0,
        }
    }

    /// How many are left.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// How many there are before an instant \[ns in the second\], of all that have not gone.
    pub fn before(&self, ns: u64) -> u64 {
        let all = self.instants.before(ns);
        all.saturating_sub(self.gone).min(self.total)
    }

    /// How many of each action there are in each of so many equal parts of the second: `f(action, part, how many)`.
    pub fn of_parts(&self, parts: usize, mut f: impl FnMut(usize, usize, u64)) {
        let length = SECOND / parts as u64;
        let mut rest = self.clone();
        let mut counts = vec![0; self.left.len()];
        for part in 0..parts {
            let n = rest.before((part as u64 + 1) * length);
            match counts.as_mut_slice() {
                [only] => {
                    rest.skip_alike(n);
                    *only = n;
                }
                counts => {
                    counts.fill(0);
                    for _ in 0..n {
                        counts[rest.draw()] += 1;
                    }
                }
            }
            for (i, &n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
                f(self.first_action + i, part, n);
            }
        }
    }

    /// Passes over the next `n`, which are of one action.
    fn skip_alike(&mut self, n: u64) {
        self.total -= n;
        self.gone += n;
    }

    /// The action of the next one, among the workload's own.
    #[inline(always)]
    fn draw(&mut self) -> usize {
        let action = if self.left.len() > 1 {
            let mut pick = self.stream.below(self.total);
            let action = self.left.iter().position(|&n| {
                let here = pick < n;
                pick = pick.saturating_sub(n);
                here
            });
            action.unwrap_or(0)
        } else {
            0
        };
        self.left[action] -= 1;
        self.total -= 1;
        self.gone += 1;
        action
    }
}

impl Iterator for EvenArrivals {
    type Item = (u64, Arrival);

    /// The next one, with its instant \[ns in the second\].
    #[inline(always)]
    fn next(&mut self) -> Option<(u64, Arrival)> {
        if self.total == 0 {
            return None;
        }
        let index = self.gone;
        let action = self.draw();
        let at = self.instants.next()?;
        let arrival = Arrival {
            action: (self.first_action + action) as u32,
            index: index as u32,
            copy: 0,
            key: self.key.with(index),
        };
        Some((at, arrival))
    }
}
