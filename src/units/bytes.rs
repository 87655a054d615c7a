//! Sizes in bytes.

use super::decimal::{Decimal, DecimalRefusal};
use super::error::UnitError;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A size in whole bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes {
    bytes: u64,
}

/// Units of size, as printed. KB and MB are powers of 1,000; KiB and MiB powers of 1,024.
const SIZE_UNITS: [(u64, &str); 11] = [
    (1, "B"),
    (1_000, "KB"),
    (1_000_000, "MB"),
    (1_000_000_000, "GB"),
    (1_000_000_000_000, "TB"),
    (1_000_000_000_000_000, "PB"),
    (1 << 10, "KiB"),
    (1 << 20, "MiB"),
    (1 << 30, "GiB"),
    (1 << 40, "TiB"),
    (1 << 50, "PiB"),
];

impl Bytes {
    /// `bytes` bytes.
    pub const fn new(bytes: u64) -> Bytes {
        Bytes { bytes }
    }

    /// Size \[bytes\].
    pub const fn get(self) -> u64 {
        self.bytes
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    /// Reads "256 KiB" (powers of 1,024), "1 MB" (powers of 1,000), "1.5 GiB", "4096" (bytes).
    fn from_str(text: &str) -> Result<Bytes, UnitError> {
        const EXAMPLES: &str = "write for example \"256 KiB\" (1,024 bytes each), \"1 MB\" \
             (1,000,000 bytes) or \"4096\" (bytes)";
        let malformed = || UnitError::malformed(format!("\"{text}\" is not a size"), EXAMPLES);
        let out_of_range = || {
            UnitError::out_of_range(
                format!("\"{text}\" is not a whole number of bytes up to 2^64 - 1"),
                EXAMPLES,
            )
        };
        let (count, unit) = Decimal::split(text.trim()).map_err(|refusal| match refusal {
            DecimalRefusal::Malformed => malformed(),
            DecimalRefusal::TooLong => out_of_range(),
        })?;
        if count.negative {
            return Err(UnitError::out_of_range(
                format!("\"{text}\" is negative; a size is at least 0"),
                EXAMPLES,
            ));
        }
        let unit_bytes = match unit {
            "" | "byte" | "bytes" => 1,
            "kB" => 1_000,
            "kiB" => 1_024,
            _ => SIZE_UNITS
                .iter()
                .find(|(_, name)| *name == unit)
                .map(|(bytes, _)| *bytes)
                .ok_or_else(malformed)?,
        };
        let num = count.product(&[unit_bytes], 1).ok_or_else(out_of_range)?;
        let den = count.tens();
        if !num.is_multiple_of(den) {
            return Err(out_of_range());
        }
        u64::try_from(num / den)
            .map(Bytes::new)
            .map_err(|_| out_of_range())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut bytes, mut unit) = SIZE_UNITS[0];
        for (candidate, name) in SIZE_UNITS {
            if self.bytes > 0 && self.bytes.is_multiple_of(candidate) && candidate > bytes {
                (bytes, unit) = (candidate, name);
            }
        }
        f.pad(&format!("{} {unit}", self.bytes / bytes))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
