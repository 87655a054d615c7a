//! What every shape of open arrivals answers: how it is written, and how it runs.

use super::density::Density;
use super::local_clock::LocalClock;
use crate::engine::random::Key;
use crate::input::reader::Reader;
use crate::units::Rate;

/// A shape of open arrivals as written, which is also what is simulated.
pub trait ArrivalShape: Sized {
    /// What runs it.
    type Process: ArrivalProcess;

    /// The table under its name; `None` after recording what is wrong.
    fn read(r: &mut Reader<'_>) -> Option<Self>;

    /// Every rate in it: growth multiplies them all.
    fn rates_mut(&mut self) -> Vec<&mut Rate>;

    /// The highest rate that it may have \[1/s\].
    fn peak(&self) -> f64;

    /// Its mean in each of some seconds, ascending, whatever it remembers of others: for estimates of the work to come
    /// \[1/s\].
    fn sampled(&self, beginning: &Beginning<'_>, seconds: &[u64]) -> Vec<f64> {
        let mut process = self.begin(beginning);
        seconds.iter().map(|&s| process.of_second(s).0).collect()
    }

    /// Its rate where arrivals are evenly spaced; `None`: counts are random.
    fn even_rate(&self) -> Option<Rate> {
        None
    }

    /// The process from the first second on.
    fn begin(&self, beginning: &Beginning<'_>) -> Self::Process;
}

/// Where a process begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// First second of the workload.
    pub start: u64,
    /// The key of the workload's arrivals.
    pub key: Key,
    /// How local time follows simulated time.
    pub clock: &'a LocalClock,
}

/// A shape with what it remembers between seconds.
pub trait ArrivalProcess {
    /// Mean number of arrivals in `second` and their density. Seconds must be asked for in order,
    /// none left out. The mean of evenly spaced arrivals is their exact count.
    fn of_second(&mut self, second: u64) -> (f64, Density);

    /// What is known of the arrivals of `second` and those after it. Where it is, seconds without any may be left out.
    fn ahead(&self, _second: u64) -> Ahead {
        Ahead::Unknown
    }
}

/// What is known of arrivals to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ahead {
    /// Nothing.
    Unknown,
    /// None comes before that second.
    None {
        /// The first in which any may come.
        until: u64,
    },
    /// Every second's number has this mean.
    Poisson {
        /// The mean.
        mean: f64,
    },
}
