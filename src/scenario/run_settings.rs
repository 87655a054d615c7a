//! What holds for the whole file: time, seed, replications.

use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::units::Span;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::Disambiguation;

/// Keys that hold for the whole file.
pub(super) const RUN_KEYS: [&str; 5] = ["seed", "replications", "horizon", "warm_up", "start"];

/// What a scenario is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadFor {
    /// To simulate it.
    Run,
    /// To explain requests, which takes no time: when they come, from how many clients and until when may be missing.
    Explain,
}

/// Horizon of a scenario that is only read to explain requests, where it has none.
const EXPLAINED: Span = Span::from_secs(3_600);

/// What holds for the whole file.
#[derive(Clone, Debug)]
pub(super) struct RunSettings {
    pub start: jiff::ZonedDateTime,
    /// `start` is written, so that months are those of the calendar.
    pub has_date: bool,
    pub seed: u64,
    pub replications: u32,
    pub horizon: Span,
    pub warm_up: Span,
}

pub(super) fn run_settings(r: &mut Reader<'_>, purpose: ReadFor) -> Option<RunSettings> {
    let seed = r.or("seed", 1);
    let replications = r.or_in("replications", 10, 1..=100_000);
    let horizons = Span::from_secs(1)..=Span::LONGEST;
    let horizon = match purpose {
        ReadFor::Explain if !r.has("horizon") => {
            r.optional_in("horizon", horizons).or(Some(EXPLAINED))
        }
        ReadFor::Run | ReadFor::Explain => r.required_in("horizon", horizons),
    };
    let warm_up = r.or("warm_up", Span::ZERO);
    for key in ["horizon", "warm_up"] {
        let span = if key == "horizon" {
            horizon
        } else {
            Some(warm_up)
        };
        if let Some(span) = span
            && span.whole_seconds().is_none()
        {
            r.fault(
                Code::OutOfRange,
                r.place_of(key),
                format!("`{key}` is {span}, which is not a whole number of seconds"),
                "round it to whole seconds",
            );
        }
    }
    if let Some(horizon) = horizon
        && warm_up >= horizon
    {
        r.fault(
            Code::Contradiction,
            r.place_of("warm_up"),
            format!("`warm_up` ({warm_up}) must be shorter than `horizon` ({horizon})"),
            "raise `horizon`, or drop `warm_up` to measure from an empty system",
        );
    }
    let text = r.or("start", "2026-01-05T00:00:00[UTC]".to_owned());
    let start = start_of(&text);
    if let Err(fault) = &start {
        let (why, help) = fault.message();
        r.fault(
            Code::BadUnit,
            r.place_of("start"),
            format!("`start` is `{text}`, {why}"),
            help,
        );
    }
    Some(RunSettings {
        start: start.ok()?,
        has_date: r.has("start"),
        seed,
        replications,
        horizon: horizon?,
        warm_up,
    })
}

/// Why a text does not say when a run starts.
enum StartFault {
    /// It is not a date with a time zone.
    Malformed,
    /// Clocks are put forward over it; the instant that it would be if they were put forward later.
    Skipped(jiff::ZonedDateTime),
    /// Clocks are put back over it: it is two instants.
    Twice([jiff::ZonedDateTime; 2]),
}

impl StartFault {
    /// What is wrong, and what to write instead.
    fn message(&self) -> (String, String) {
        match self {
            StartFault::Malformed => (
                "which is not a date with a time zone, or has an offset that its zone does not have then".to_owned(),
                "write `start = \"2026-11-24T18:00:00[Europe/Berlin]\"`, or `…Z` for UTC"
                    .to_owned(),
            ),
            StartFault::Skipped(later) => (
                "a local time that does not exist: clocks are put forward over it".to_owned(),
                format!("write a time before or after that hour, such as `start = \"{later}\"`"),
            ),
            StartFault::Twice([first, second]) => (
                "a local time that there is twice: clocks are put back over it".to_owned(),
                format!("write its offset: `start = \"{first}\"` or `start = \"{second}\"`"),
            ),
        }
    }
}

/// A date with a time zone in brackets, or an instant (taken as UTC).
fn start_of(text: &str) -> Result<jiff::ZonedDateTime, StartFault> {
    let strict = DateTimeParser::new().disambiguation(Disambiguation::Reject);
    if let Ok(zoned) = strict.parse_zoned_datetime(text) {
        return Ok(zoned);
    }
    if let Ok(zoned) = text.parse::<jiff::ZonedDateTime>() {
        // Only which instant a local time is was left to choose: in a gap the later, of two the earlier.
        let zone = zoned.time_zone();
        let Some(local) = local_part(text) else {
            return Err(StartFault::Malformed);
        };
        let other = zone.to_ambiguous_zoned_datetime(local).later();
        return Err(match (zoned.datetime() == local, other) {
            (true, Ok(second)) => StartFault::Twice([zoned, second]),
            (true, Err(_)) => StartFault::Malformed,
            (false, _) => StartFault::Skipped(zoned),
        });
    }
    // An offset that the zone does not have then is none of its times: not an instant of UTC instead.
    if text.contains('[') {
        return Err(StartFault::Malformed);
    }
    let instant: jiff::Timestamp = text.parse().map_err(|_| StartFault::Malformed)?;
    Ok(instant.to_zoned_datetime(jiff::tz::TimeZone::UTC))
}

/// The date and time of day that are written.
fn local_part(text: &str) -> Option<jiff::civil::DateTime> {
    text.split('[').next()?.parse().ok()
}

#[cfg(test)]
pub(crate) mod cases;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_that_do_not_exist_or_exist_twice_are_faults() {
        let said = |text: &str| match start_of(text) {
            Ok(zoned) => zoned.timestamp().to_string(),
            Err(fault) => {
                let (why, help) = fault.message();
                format!("{why}: {help}")
            }
        };
        for (text, parts) in [
            (
                "2026-03-29T01:59:59[Europe/Berlin]",
                &["2026-03-29T00:59:59Z"][..],
            ),
            (
                "2026-03-29T02:30:00[Europe/Berlin]",
                &["does not exist", "2026-03-29T03:30:00+02:00[Europe/Berlin]"],
            ),
            (
                "2026-03-29T03:00:00[Europe/Berlin]",
                &["2026-03-29T01:00:00Z"],
            ),
            (
                "2026-10-25T02:30:00[Europe/Berlin]",
                &[
                    "twice",
                    "2026-10-25T02:30:00+02:00[Europe/Berlin]",
                    "2026-10-25T02:30:00+01:00[Europe/Berlin]",
                ],
            ),
            (
                "2026-10-25T02:30:00+02:00[Europe/Berlin]",
                &["2026-10-25T00:30:00Z"],
            ),
            (
                "2026-10-25T02:30:00+01:00[Europe/Berlin]",
                &["2026-10-25T01:30:00Z"],
            ),
            ("2026-11-01T01:15:00[America/New_York]", &["twice"]),
            ("2026-03-08T02:00:00[America/New_York]", &["does not exist"]),
            ("2026-03-29T02:30:00+01:00[Europe/Berlin]", &["not a date"]),
            ("2026-02-30T00:00:00[UTC]", &["not a date"]),
            ("2026-03-29T02:30:00Z", &["2026-03-29T02:30:00Z"]),
            ("noon", &["not a date"]),
        ] {
            for part in parts {
                assert!(said(text).contains(part), "{text}: {}", said(text));
            }
        }
    }
}
