//! How local time follows simulated time.

/// Seconds of a day.
pub(super) const DAY: u64 = 86_400;

/// Local time: seconds since a Monday's local midnight = t + offset in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalClock {
    /// (from second, offset \[s\]), ascending, the first from 0.
    offsets: Vec<(u64, i64)>,
}

impl LocalClock {
    /// Local time from `start` (t = 0) on: offsets change with daylight saving, up to `horizon_s`.
    pub fn new(start: &jiff::ZonedDateTime, horizon_s: u64) -> LocalClock {
        let monday = i64::from(start.weekday().to_monday_zero_offset()) * DAY.cast_signed();
        let since_midnight = start
            .time()
            .duration_since(jiff::civil::Time::midnight())
            .as_secs();
        let first = monday + since_midnight;
        let utc = i64::from(start.offset().seconds());
        let mut offsets = vec![(0, first)];
        for transition in start.time_zone().following(start.timestamp()) {
            let after = transition.timestamp().as_second() - start.timestamp().as_second();
            if after <= 0 || after.cast_unsigned() > horizon_s {
                break;
            }
            offsets.push((
                after.cast_unsigned(),
                first + i64::from(transition.offset().seconds()) - utc,
            ));
        }
        LocalClock { offsets }
    }

    /// Seconds since a Monday's local midnight at t \[s\].
    pub fn since_monday(&self, t: u64) -> u64 {
        let i = self.offsets.partition_point(|o| o.0 <= t);
        let offset = self.offsets.get(i.saturating_sub(1)).map_or(0, |o| o.1);
        (t.cast_signed() + offset).rem_euclid(7 * DAY.cast_signed()) as u64
    }
}
