//! Times of logs, as seconds since 1970.

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn length(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, d| {
        d.is_ascii_digit().then(|| n * 10 + i64::from(d - b'0'))
    })
}

/// The second of a date and a time of day; a leap second counts as the one before it.
fn second(date: [i64; 3], time: [i64; 3]) -> Option<i64> {
    let [year, month, day] = date;
    let [hour, minute, second] = time;
    let valid = (1..=12).contains(&month)
        && (1..=length(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    valid.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second.min(59))
}

/// A time as ISO 8601 writes it: `2026-03-02T03:05:55Z`, with a fraction (cut off), an offset, a blank for the T; without a
/// zone it is UTC. `None`: not a time.
#[inline]
pub fn iso(text: &[u8]) -> Option<i64> {
    if text.len() < 16
        || text[4] != b'-'
        || text[7] != b'-'
        || !matches!(text[10], b'T' | b't' | b' ')
        || text[13] != b':'
    {
        return None;
    }
    let date = [
        number(&text[..4])?,
        number(&text[5..7])?,
        number(&text[8..10])?,
    ];
    let (hour, minute) = (number(&text[11..13])?, number(&text[14..16])?);
    let mut rest = &text[16..];
    let mut seconds = 0;
    if let [b':', a, b, more @ ..] = rest {
        seconds = number(&[*a, *b])?;
        rest = more;
        if let [b'.' | b',', more @ ..] = rest {
            let n = more.iter().take_while(|b| b.is_ascii_digit()).count();
            if n == 0 {
                return None;
            }
            rest = &more[n..];
        }
    }
    let local = second(date, [hour, minute, seconds])?;
    Some(local - offset(rest)?)
}

/// Seconds ahead of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let trimmed = text.trim_ascii();
    match trimmed {
        b"" | b"Z" | b"z" | b"UTC" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, rest @ ..] => {
            let hours = number(&[*h1, *h2])?;
            let minutes = match rest {
                [] => 0,
                [b':', m1, m2] | [m1, m2] => number(&[*m1, *m2])?,
                [..] => return None,
            };
            let ahead = hours * 3600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'+' { ahead } else { -ahead })
        }
        [..] => None,
    }
}

/// A time of an access log without its brackets: `02/Mar/2026:03:26:09 +0000`.
pub fn of_access_log(text: &[u8]) -> Option<i64> {
    if text.len() < 26 || text[2] != b'/' || text[6] != b'/' || text[11] != b':' {
        return None;
    }
    let month = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ]
    .iter()
    .position(|m| *m == &text[3..6])? as i64;
    let date = [number(&text[7..11])?, month + 1, number(&text[..2])?];
    let time = [
        number(&text[12..14])?,
        number(&text[15..17])?,
        number(&text[18..20])?,
    ];
    Some(second(date, time)? - offset(&text[20..])?)
}

/// A time in a table: ISO 8601, `2026/03/02 00:00:00`, or a date alone; epoch numbers in seconds or milliseconds.
pub fn of_table(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        let seconds = if number.abs() >= 1e11 {
            number / 1e3
        } else {
            number
        };
        return (0.0..1e11)
            .contains(&seconds)
            .then_some(seconds.floor() as i64);
    }
    let text = text.replacen('/', "-", 2);
    if text.len() == 10 {
        return iso(format!("{text}T00:00:00Z").as_bytes());
    }
    iso(text.as_bytes())
}

/// As ISO 8601 in UTC.
pub fn shown(second: i64) -> String {
    jiff::Timestamp::from_second(second).map_or_else(|_| second.to_string(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_logs_write_them() {
        let at = 1_772_420_755;
        for text in [
            "2026-03-02T03:05:55Z",
            "2026-03-02T03:05:55.123Z",
            "2026-03-02 03:05:55.000",
            "2026-03-02T05:05:55+02:00",
            "2026-03-01T22:05:55-0500",
            "2026-03-02T03:05:55+00:00",
        ] {
            assert_eq!(iso(text.as_bytes()), Some(at), "{text}");
        }
        assert_eq!(iso(b"2026-03-02T03:05Z"), Some(at - 55));
        assert_eq!(iso(b"2016-12-31T23:59:60Z"), Some(1_483_228_799));
        assert_eq!(of_access_log(b"02/Mar/2026:03:05:55 +0000"), Some(at));
        assert_eq!(of_access_log(b"02/Mar/2026:05:05:55 +0200"), Some(at));
        assert_eq!(of_table("2026/03/02 03:05:55"), Some(at));
        assert_eq!(of_table("2026-03-02"), Some(at - 3 * 3600 - 355));
        assert_eq!(of_table("1772420755000"), Some(at));
        assert_eq!(shown(at), "2026-03-02T03:05:55Z");
        assert_eq!(iso(b"1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(iso(b"2000-02-29T00:00:00Z"), Some(951_782_400));
        for wrong in [
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-03-02T24:00:00Z",
            "1772420755.25",
            "yesterday, at noon",
            "2026-03-02T03:05:55.Z",
            "2026-03-02T03:05:55+2",
        ] {
            assert_eq!(iso(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
