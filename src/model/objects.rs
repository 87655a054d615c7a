//! Objects and messages: which of many a request is for, and how large.

use crate::engine::random::{Key, Zipf};
use crate::input::reader::{Alternative, Reader};
use crate::units::Bytes;
use serde::Serialize;

/// Which of many objects a request is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Popularity {
    /// All alike.
    Uniform {
        /// Objects.
        objects: u64,
    },
    /// The r-th most popular with probability proportional to r^−exponent.
    Zipf(Zipf),
}

impl Popularity {
    /// Number of objects.
    pub fn objects(&self) -> u64 {
        match self {
            Popularity::Uniform { objects } => *objects,
            Popularity::Zipf(zipf) => zipf.ranks(),
        }
    }

    /// The object drawn under a key.
    #[inline]
    pub fn draw(&self, key: Key) -> u64 {
        match self {
            Popularity::Uniform { objects } => key.below(*objects),
            Popularity::Zipf(zipf) => zipf.draw(&mut key.stream()),
        }
    }

    /// Share of the requests that are for an object.
    pub fn share(&self, object: u64) -> f64 {
        match self {
            Popularity::Uniform { objects } => 1.0 / *objects as f64,
            Popularity::Zipf(zipf) => zipf.share(object),
        }
    }
}

/// Size of a message \[bytes\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Not known when the message is begun.
    Unknown,
    /// Always the same.
    Constant(u64),
    /// Lognormal.
    Lognormal {
        /// Median.
        median: u64,
        /// σ of the logarithm.
        sigma: f64,
    },
}

/// [`Popularity`] as written: of objects or encryption contexts.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PopularitySettings {
    /// All alike.
    Uniform {
        /// How many.
        objects: u64,
    },
    /// Zipf.
    Zipf {
        /// How many.
        objects: u64,
        /// Exponent.
        exponent: f64,
    },
}

impl PopularitySettings {
    /// Under `popularity`; by default one object.
    pub(crate) fn read(r: &mut Reader<'_>) -> PopularitySettings {
        let objects = |r: &mut Reader<'_>| r.required_in("objects", 1..=1_000_000_000_000);
        let uniform = Alternative::new("uniform", move |r| {
            let objects = objects(r)?;
            Some(PopularitySettings::Uniform { objects })
        });
        let zipf = Alternative::new("zipf", move |r| {
            let objects = objects(r);
            let exponent = r.required_in("exponent", 0.01..=10.0);
            Some(PopularitySettings::Zipf {
                objects: objects?,
                exponent: exponent?,
            })
        });
        let popularity = r.choose("popularity", [uniform, zipf]).flatten();
        popularity.unwrap_or(PopularitySettings::Uniform { objects: 1 })
    }

    /// As the simulation draws it.
    pub fn popularity(&self) -> Popularity {
        match *self {
            PopularitySettings::Uniform { objects } => Popularity::Uniform { objects },
            PopularitySettings::Zipf { objects, exponent } => {
                Popularity::Zipf(Zipf::new(objects, exponent))
            }
        }
    }
}

/// [`Size`] as written.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeSettings {
    /// Not known when the message is begun.
    Unknown {},
    /// Always the same.
    Constant {
        /// Bytes.
        value: Bytes,
    },
    /// Lognormal.
    Lognormal {
        /// Median.
        median: Bytes,
        /// σ of the logarithm.
        sigma: f64,
    },
}

impl SizeSettings {
    /// Under `message_size`; by default 1 KiB.
    pub(crate) fn read(r: &mut Reader<'_>) -> SizeSettings {
        let unknown = Alternative::new("unknown", |_| Some(SizeSettings::Unknown {}));
        let constant = Alternative::new("constant", |r| {
            let value = r.required("value")?;
            Some(SizeSettings::Constant { value })
        });
        let lognormal = Alternative::new("lognormal", |r| {
            let median = r.required("median");
            let sigma = r.required_in("sigma", 0.0..=5.0);
            Some(SizeSettings::Lognormal {
                median: median?,
                sigma: sigma?,
            })
        });
        let sizes = [unknown, constant, lognormal];
        let size = r.choose("message_size", sizes).flatten();
        size.unwrap_or(SizeSettings::Constant {
            value: Bytes::new(1024),
        })
    }

    /// As the simulation draws it.
    pub fn size(&self) -> Size {
        match *self {
            SizeSettings::Unknown {} => Size::Unknown,
            SizeSettings::Constant { value } => Size::Constant(value.get()),
            SizeSettings::Lognormal { median, sigma } => Size::Lognormal {
                median: median.get(),
                sigma,
            },
        }
    }
}

#[cfg(test)]
pub(crate) mod cases {
    use crate::input::diagnostic::Code;
    use crate::scenario::cases::{CACHE, Cases, S3};

    pub(crate) fn add(cases: &mut Cases) {
        cases.key(
            "workload.NAME.message_size.unknown",
            CACHE,
            &[],
            &["workload.w.message_size=unknown"],
            "kms_calls",
        );
        cases.key(
            "workload.NAME.message_size.lognormal.median",
            CACHE,
            &[],
            &["workload.w.message_size.lognormal.median=9 KiB"],
            "kms_calls",
        );
        cases.key(
            "workload.NAME.message_size.lognormal.sigma",
            CACHE,
            &[],
            &["workload.w.message_size.lognormal.sigma=2"],
            "kms_calls",
        );
        cases.key(
            "workload.NAME.message_size.constant.value",
            CACHE,
            &["workload.w.message_size={constant={value=\"1 KiB\"}}"],
            &["workload.w.message_size.constant.value=9 KiB"],
            "kms_calls",
        );
        cases.key(
            "workload.NAME.popularity.uniform.objects",
            CACHE,
            &[],
            &["workload.w.popularity.uniform.objects=50"],
            "kms_calls",
        );
        cases.key(
            "workload.NAME.popularity.zipf.objects",
            S3,
            &["bucket.b.archived_bucket_keys=1000"],
            &["workload.w.popularity.zipf.objects=900"],
            "kms_calls",
        );
        cases.key(
            "workload.NAME.popularity.zipf.exponent",
            S3,
            &[
                "bucket.b.archived_bucket_keys=1000",
                "workload.w.popularity.zipf.objects=900",
            ],
            &["workload.w.popularity.zipf.exponent=3"],
            "kms_calls",
        );
        cases.broken(
            Code::UnknownKey,
            "exponent = 0.9",
            "exponet = 0.9",
            "exponet",
            &["did you mean `exponent`?"],
        );
        cases.broken(
            Code::OutOfRange,
            "exponent = 0.9",
            "exponent = -1",
            "-1 } }",
            &["-1"],
        );
        cases.broken(
            Code::OutOfRange,
            "objects = 100,",
            "objects = 0,",
            "0, exponent",
            &["but is 0"],
        );
    }
}
