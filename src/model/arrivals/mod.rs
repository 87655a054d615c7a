//! When requests come: how it is written, what is refused, how it grows, and how it runs.
//!
//! ```text
//! Arrivals ─┬─ OpenArrivals: one of the shapes ──begin──► OpenProcess ──of_second──► (mean, Density)
//!           ├─ Trace: recorded
//!           └─ Job: workers, which send their next request when the last is answered
//! ```
//!
//! Each shape has a file of its own ([`ArrivalShape`]) and one line in the list below. Every process answers for one
//! second at a time from numbers keyed by that second: first the count, which is all that a quiet second needs,
//! then, if asked, the instants. Given the count, the instants of a (modulated) Poisson process are independent
//! draws from the second's density.

pub mod constant;
pub mod curve;
pub mod density;
pub mod diurnal;
pub mod flash_crowd;
pub mod job;
pub mod local_clock;
pub mod on_off;
pub mod piecewise_linear;
pub mod poisson;
pub mod rate;
pub mod shape;
pub mod trace;

pub use density::{Density, EvenInstants, in_slot, instant_in_slot, keys_in_slot, number_in_slot};
pub use job::{Job, OnFailure};
pub use local_clock::LocalClock;
pub use rate::growth;
pub use shape::{Ahead, ArrivalProcess, ArrivalShape, Beginning};
pub use trace::Trace;

use crate::input::diagnostic::Code;
use crate::input::files::Files;
use crate::input::reader::{Alternative, Reader};
#[cfg(test)]
use crate::scenario::cases::Cases;
use crate::units::Rate;
use rate::{MAX_RATE, times};
use serde::Serialize;

/// The list of shapes: what each is called in a scenario, and its type.
macro_rules! shapes {
    ($($(#[$doc:meta])* $name:literal => $shape:ident in $file:ident,)*) => {
        /// Open arrivals: they come whatever becomes of earlier ones.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub enum OpenArrivals {
            $($(#[$doc])* #[serde(rename = $name)] $shape($file::$shape),)*
        }

        /// Open arrivals with what they remember between seconds.
        #[derive(Clone, Debug)]
        pub enum OpenProcess {
            $($(#[$doc])* $shape(<$file::$shape as ArrivalShape>::Process),)*
        }

        /// Reads a shape's table.
        type ReadShape = fn(&mut Reader<'_>) -> Option<OpenArrivals>;

        /// What is known of each shape's keys.
        #[cfg(test)]
        const CASES: &[fn(&mut Cases)] = &[$($file::cases::add),*];

        const NAMES: &[&str] = &[$($name),*];
        const READ: &[ReadShape] = &[
            $(|r| $file::$shape::read(r).map(OpenArrivals::$shape)),*
        ];

        impl OpenArrivals {
            /// Every rate in it.
            fn rates_mut(&mut self) -> Vec<&mut Rate> {
                match self { $(OpenArrivals::$shape(shape) => shape.rates_mut(),)* }
            }

            /// The highest rate that it may have \[1/s\].
            pub fn peak(&self) -> f64 {
                match self { $(OpenArrivals::$shape(shape) => shape.peak(),)* }
            }

            /// Its mean in each of some seconds, ascending, for estimates of the work to come \[1/s\].
            pub fn sampled(&self, beginning: &Beginning<'_>, seconds: &[u64]) -> Vec<f64> {
                match self {
                    $(OpenArrivals::$shape(shape) => shape.sampled(beginning, seconds),)*
                }
            }

            /// Its rate where arrivals are evenly spaced; `None`: counts are random.
            pub fn even_rate(&self) -> Option<Rate> {
                match self { $(OpenArrivals::$shape(shape) => shape.even_rate(),)* }
            }

            /// The process from the first second on.
            pub fn begin(&self, beginning: &Beginning<'_>) -> OpenProcess {
                match self {
                    $(OpenArrivals::$shape(shape) => OpenProcess::$shape(shape.begin(beginning)),)*
                }
            }
        }

        impl ArrivalProcess for OpenProcess {
            #[inline]
            fn of_second(&mut self, second: u64) -> (f64, Density) {
                match self { $(OpenProcess::$shape(process) => process.of_second(second),)* }
            }

            fn ahead(&self, second: u64) -> Ahead {
                match self { $(OpenProcess::$shape(process) => process.ahead(second),)* }
            }
        }
    };
}

shapes! {
    /// Evenly spaced.
    "constant" => Constant in constant,
    /// Poisson.
    "poisson" => Poisson in poisson,
    /// Poisson with a rate that is linear between points.
    "piecewise-linear" => PiecewiseLinear in piecewise_linear,
    /// Poisson with a daily and weekly curve.
    "diurnal" => Diurnal in diurnal,
    /// Poisson, switched on and off.
    "on-off" => OnOff in on_off,
    /// Poisson with a sudden crowd.
    "flash-crowd" => FlashCrowd in flash_crowd,
}

/// When a workload's requests come.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Recorded.
    Trace(Trace),
    /// A closed job.
    Job(Job),
    /// Open, whatever becomes of earlier ones.
    #[serde(untagged)]
    Open(OpenArrivals),
}

impl Arrivals {
    /// Whether each arrival comes with the name of its object.
    pub fn names_objects(&self) -> bool {
        match self {
            Arrivals::Trace(trace) => trace.recording.rows.name_objects(),
            Arrivals::Open(_) | Arrivals::Job(_) => false,
        }
    }

    /// One of the keys `arrivals`, `trace` and `job` of a workload; `None` after recording what is wrong. Without any
    /// of them it is `unwritten`, and where that is `None` too, a fault.
    pub fn read(
        r: &mut Reader<'_>,
        files: &Files,
        unwritten: Option<Arrivals>,
    ) -> Option<Arrivals> {
        let shapes = NAMES
            .iter()
            .zip(READ)
            .map(|(name, read)| Alternative::new(*name, move |r| read(r).map(Arrivals::Open)));
        let open = r.choose("arrivals", shapes);
        let trace = r.table("trace", |r| Trace::read(r, files).map(Arrivals::Trace));
        let job = r.table("job", |r| Job::read(r).map(Arrivals::Job));
        let read = open.or(trace).or(job).flatten();
        let given = ["arrivals", "trace", "job"].iter().filter(|key| r.has(key));
        let (message, help) = match given.count() {
            1 => return read,
            0 if unwritten.is_some() => return unwritten,
            0 => (
                "does not say when its requests arrive",
                "write one of `arrivals = { poisson = { rate = \"100/s\" } }`, `trace = { file = \"…\" }`, `job = { workers = …, objects = … }`",
            ),
            _ => (
                "has more than one of `arrivals`, `trace` and `job`",
                "keep one of them",
            ),
        };
        r.fault(
            Code::Contradiction,
            r.place(),
            format!("`{}` {message}", r.path()),
            help,
        );
        read
    }

    /// The arrivals multiplied by what is written as `growth`: rates, the requests for each row of a trace, the
    /// objects of a job; `None` after recording that they are too many.
    pub fn grown(mut self, r: &Reader<'_>, factor: f64) -> Option<Arrivals> {
        if factor == 1.0 {
            return Some(self);
        }
        let done = match &mut self {
            Arrivals::Open(open) => open.rates_mut().into_iter().try_for_each(|rate| {
                *rate = times(*rate, factor)?;
                Some(())
            }),
            Arrivals::Trace(trace) => {
                trace.grow(factor);
                Some(())
            }
            Arrivals::Job(job) => job.grow(factor),
        };
        if done.is_none() {
            r.fault(
                Code::OutOfRange,
                r.place_of("growth"),
                format!(
                    "`{}` is {factor}, which makes a rate above {MAX_RATE} or more than {} objects",
                    r.path_of("growth"),
                    u32::MAX
                ),
                "lower it",
            );
        }
        done.map(|()| self)
    }
}

#[cfg(test)]
pub(crate) mod cases;
