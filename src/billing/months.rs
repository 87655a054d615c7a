//! Months by which AWS charges: calendar months where the scenario has a date, else 30 days each.

use crate::catalog::MONTH_S;
use num_rational::BigRational;
use std::ops::Range;

/// Where months begin, in seconds since t = 0.
///
/// Calendar months begin at midnight of the first in a time zone, so that a month in which clocks change has an hour
/// less or more. What comes after the last that is known belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Months {
    /// Beginnings of calendar months, ascending, the first at or before t = 0, and the end of the last; empty: months of
    /// 30 days from t = 0 on.
    calendar: Vec<i64>,
}

impl Months {
    /// Calendar months in the time zone of `start` (t = 0), up to the one that holds `until_s` and a year beyond.
    pub fn calendar(start: &jiff::ZonedDateTime, until_s: u64) -> Months {
        let since_start = |at: &jiff::ZonedDateTime| {
            let after = at.timestamp().as_nanosecond() - start.timestamp().as_nanosecond();
            after.div_euclid(1_000_000_000) as i64
        };
        let until = i64::try_from(until_s).unwrap_or(i64::MAX);
        let mut first = start.date().first_of_month();
        let mut calendar: Vec<i64> = Vec::new();
        // A year beyond: requests of the last month may be followed so far.
        while calendar.iter().filter(|&&begins| begins > until).count() < 13 {
            // Where clocks leave midnight out, the day begins when they go on.
            let Ok(begins) = first.to_zoned_datetime(start.time_zone().clone()) else {
                break;
            };
            calendar.push(since_start(&begins));
            let Ok(next) = first.checked_add(jiff::Span::new().months(1)) else {
                break;
            };
            first = next;
        }
        Months { calendar }
    }

    /// The month of a second, counted from that of t = 0.
    pub fn of(&self, second: u64) -> usize {
        if self.calendar.is_empty() {
            return (second / MONTH_S) as usize;
        }
        let second = i64::try_from(second).unwrap_or(i64::MAX);
        let begun = self.calendar.partition_point(|&begins| begins <= second);
        begun.clamp(1, self.calendar.len() - 1) - 1
    }

    /// Months in a stretch of seconds, each by its own length.
    pub(super) fn in_seconds(&self, seconds: Range<u64>) -> BigRational {
        let share = |part: i64, length: i64| BigRational::new(part.into(), length.into());
        let Range { start, end } = seconds;
        let (start, end) = (start as i64, end as i64);
        if self.calendar.is_empty() {
            return share(end - start, MONTH_S as i64);
        }
        let months = self.calendar.windows(2).map(|month| {
            let part = end.min(month[1]) - start.max(month[0]);
            share(part.max(0), month[1] - month[0])
        });
        months.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn months(start: &str, days: u64) -> Months {
        Months::calendar(&start.parse().unwrap(), days * DAY)
    }

    fn ratio(part: u64, whole: u64) -> BigRational {
        BigRational::new(part.into(), whole.into())
    }

    #[test]
    fn without_a_date_months_have_thirty_days() {
        let months = Months::default();
        assert_eq!([0, 30 * DAY - 1, 30 * DAY].map(|s| months.of(s)), [0, 0, 1]);
        assert_eq!(months.in_seconds(DAY..46 * DAY), ratio(45, 30));
    }

    #[test]
    fn lengths_are_those_of_the_calendar() {
        // 2028 is a leap year: January 31, February 29, March 31, April 30 days.
        let of_2028 = months("2028-01-15T00:00:00[UTC]", 120);
        let begins = [17, 46, 77, 107].map(|day| day * DAY);
        for (i, begin) in begins.into_iter().enumerate() {
            assert_eq!([begin - 1, begin].map(|s| of_2028.of(s)), [i, i + 1]);
        }
        assert_eq!(of_2028.in_seconds(0..17 * DAY), ratio(17, 31));
        assert_eq!(of_2028.in_seconds(17 * DAY..46 * DAY), ratio(1, 1));
        assert_eq!(
            of_2028.in_seconds(DAY..56 * DAY),
            ratio(16, 31) + ratio(1, 1) + ratio(10, 31)
        );
        // 2026 is none.
        let of_2026 = months("2026-02-01T00:00:00[UTC]", 60);
        assert_eq!(of_2026.in_seconds(0..7 * DAY), ratio(1, 4));
    }

    #[test]
    fn months_in_which_clocks_change_are_an_hour_shorter_or_longer() {
        // Europe/Berlin: summer time begins on 29 March and ends on 25 October 2026.
        let march = months("2026-03-01T00:00:00[Europe/Berlin]", 62);
        assert_eq!(march.in_seconds(0..743 * 3600), ratio(1, 1));
        assert_eq!([743 * 3600 - 1, 743 * 3600].map(|s| march.of(s)), [0, 1]);
        let october = months("2026-10-31T00:00:00[Europe/Berlin]", 62);
        assert_eq!(october.in_seconds(0..DAY), ratio(24, 745));
        // The same instants in UTC: it is still October.
        let utc = months("2026-10-30T23:00:00[UTC]", 62);
        assert_eq!(utc.in_seconds(0..DAY + 3600), ratio(25, 744));
    }

    #[test]
    fn a_month_begins_when_the_clocks_let_it() {
        // Asunción, 2017-10-01: clocks went from 24:00 to 1:00, so October began at 1:00 and had 743 hours.
        let october = months("2017-10-01T01:00:00[America/Asuncion]", 40);
        assert_eq!(october.in_seconds(0..743 * 3600), ratio(1, 1));
    }

    #[test]
    fn what_comes_after_all_belongs_to_the_last_month() {
        let months = months("2026-01-01T00:00:00[UTC]", 1);
        assert_eq!(months.of(10_000 * DAY), months.calendar.len() - 2);
        assert_eq!(months.of(364 * DAY), 11);
    }
}
