//! What holds for the whole file: time, seed, replications.

use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use crate::units::Span;

/// Keys that hold for the whole file.
pub(super) const RUN_KEYS: [&str; 5] = ["seed", "replications", "horizon", "warm_up", "start"];

/// The longest horizon, and the latest that something can happen.
pub(super) const LATEST: Span = Span::from_secs(10 * 366 * 86_400);

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
    let horizons = Span::from_secs(1)..=LATEST;
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
    if start.is_none() {
        r.fault(
            Code::BadUnit,
            r.place_of("start"),
            format!("`start` is `{text}`, which is not a date with a time zone"),
            "write `start = \"2026-11-24T18:00:00[Europe/Berlin]\"`, or `…Z` for UTC",
        );
    }
    Some(RunSettings {
        start: start?,
        has_date: r.has("start"),
        seed,
        replications,
        horizon: horizon?,
        warm_up,
    })
}

/// A date with a time zone in brackets, or an instant (taken as UTC).
fn start_of(text: &str) -> Option<jiff::ZonedDateTime> {
    if let Ok(zoned) = text.parse::<jiff::ZonedDateTime>() {
        return Some(zoned);
    }
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(instant.to_zoned_datetime(jiff::tz::TimeZone::UTC))
}

#[cfg(test)]
pub(crate) mod cases;
