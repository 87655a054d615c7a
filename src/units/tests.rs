//! What the quantities have in common: each reads what it prints, refuses the rest, and never panics.

use proptest::prelude::*;

use super::*;
use std::fmt;
use std::str::FromStr;

const NS_PER_S: u64 = 1_000_000_000;

fn span(text: &str) -> Result<Span, UnitError> {
    text.parse()
}

fn refusal<T: FromStr<Err = UnitError> + fmt::Debug>(text: &str) -> (String, String) {
    let error = text.parse::<T>().expect_err(text);
    (error.to_string(), error.help().to_owned())
}

#[test]
fn spans_read() {
    for (text, ns) in [
        ("15m", 900 * NS_PER_S),
        ("1h 30m", 5_400 * NS_PER_S),
        ("1h30m", 5_400 * NS_PER_S),
        ("250ms", 250_000_000),
        ("90 s", 90 * NS_PER_S),
        ("2d", 172_800 * NS_PER_S),
        ("1 week", 604_800 * NS_PER_S),
        ("1w 1d", 691_200 * NS_PER_S),
        ("30 days", 2_592_000 * NS_PER_S),
        ("1.5h", 5_400 * NS_PER_S),
        ("0.25 s", 250_000_000),
        ("10 us", 10_000),
        ("7ns", 7),
        (" 0s ", 0),
        ("0", 0),
    ] {
        assert_eq!(span(text), Ok(Span::from_ns(ns)), "{text}");
    }
}

#[test]
fn spans_refuse() {
    for (text, message) in [
        ("", "\"\" is not a length of time"),
        ("soon", "\"soon\" is not a length of time"),
        ("15 x", "\"15 x\" is not a length of time"),
        ("NaN", "\"NaN\" is not a length of time"),
        ("1.5 days", "\"1.5 days\" is not a length of time"),
        ("900", "\"900\" has no unit of time"),
        ("-5m", "\"-5m\" is negative; a length of time is at least 0"),
        (
            "5m ago",
            "\"5m ago\" is negative; a length of time is at least 0",
        ),
        (
            "2 months",
            "\"2 months\" counts calendar months or years, which have no fixed length",
        ),
        (
            "1y",
            "\"1y\" counts calendar months or years, which have no fixed length",
        ),
        (
            "300000 days",
            "\"300000 days\" is longer than 584 years, the longest time allowed",
        ),
        ("0.0000000001s", "\"0.0000000001s\" is not a length of time"),
    ] {
        assert_eq!(refusal::<Span>(text).0, message);
    }
    assert_eq!(refusal::<Span>("900").1, "write \"900s\" for seconds");
}

#[test]
fn spans_print_short() {
    assert_eq!(Span::from_secs(900).to_string(), "15m");
    assert_eq!(Span::from_secs(90).to_string(), "1m 30s");
    assert_eq!(Span::from_secs(604_800).to_string(), "7d");
    assert_eq!(Span::from_ns(1_500_000).to_string(), "1ms 500us");
    assert_eq!(Span::ZERO.to_string(), "0s");
    assert_eq!(Span::from_ns(2 * NS_PER_S).whole_seconds(), Some(2));
    assert_eq!(Span::from_ns(NS_PER_S + 1).whole_seconds(), None);
    assert_eq!(Span::from_secs(u64::MAX).as_ns(), u64::MAX);
}

#[test]
fn rates_read() {
    for (text, num, den) in [
        ("4000/s", 4_000, 1),
        ("0.5/s", 1, 2),
        ("120/min", 2, 1),
        ("1_000/h", 5, 18),
        ("2.5 million/day", 3_125, 108),
        ("3k/s", 3_000, 1),
        ("3 M/s", 3_000_000, 1),
        ("1G/week", 312_500, 189),
        ("7 thousand / second", 7_000, 1),
        ("1 billion/day", 312_500, 27),
        ("1e3/s", 1_000, 1),
        ("1/7s", 1, 7),
        ("5/10ms", 500, 1),
        ("0/s", 0, 1),
        ("0.000/h", 0, 1),
    ] {
        let rate: Rate = text.parse().expect(text);
        assert_eq!((rate.num(), rate.den()), (num, den), "{text}");
    }
    assert_eq!(Rate::from_per_second(0.1), Ok(Rate::new(1, 10).unwrap()));
    assert_eq!(Rate::new(1, 0), None);
    assert!(Rate::new(1, 60) < Rate::new(1, 1));
}

#[test]
fn rates_refuse() {
    for (text, message) in [
        ("fast", "\"fast\" is not a rate"),
        ("4000", "\"4000\" has no unit of time"),
        ("4000/fortnight", "\"4000/fortnight\" is not a rate"),
        ("4000/month", "\"4000/month\" is not a rate"),
        ("4 dozen/s", "\"4 dozen/s\" is not a rate"),
        ("3m/s", "\"3m/s\" is not a rate"),
        ("NaN/s", "\"NaN/s\" is not a rate"),
        ("inf/s", "\"inf/s\" is not a rate"),
        ("1__0/s", "\"1__0/s\" is not a rate"),
        ("4,000/s", "\"4,000/s\" is not a rate"),
        ("1/s/s", "\"1/s/s\" is not a rate"),
        ("-1/s", "\"-1/s\" is negative; a rate is at least 0"),
        ("5/0s", "\"5/0s\" is per a time of 0"),
        (
            "1e30/s",
            "\"1e30/s\" does not fit a fraction of two 64-bit integers",
        ),
        (
            "1e-300/s",
            "\"1e-300/s\" does not fit a fraction of two 64-bit integers",
        ),
    ] {
        assert_eq!(refusal::<Rate>(text).0, message);
    }
    for number in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(Rate::from_per_second(number).is_err(), "{number}");
    }
}

#[test]
fn rates_print_short() {
    for text in ["4000/s", "0.5/s", "1000/h", "2500000/day", "1/7s", "0/s"] {
        let rate: Rate = text.parse().expect(text);
        assert_eq!(rate.to_string(), text);
    }
}

#[test]
fn sizes_read_and_print() {
    for (text, bytes, printed) in [
        ("256 KiB", 262_144, "256 KiB"),
        ("1 MB", 1_000_000, "1 MB"),
        ("1MiB", 1_048_576, "1 MiB"),
        ("1.5 GiB", 1_610_612_736, "1536 MiB"),
        ("4096", 4_096, "4 KiB"),
        ("1 kB", 1_000, "1 KB"),
        ("1 TB", 1_000_000_000_000, "1 TB"),
        ("1001 bytes", 1_001, "1001 B"),
        ("0", 0, "0 B"),
    ] {
        let size: Bytes = text.parse().expect(text);
        assert_eq!(size, Bytes::new(bytes), "{text}");
        assert_eq!(size.to_string(), printed);
    }
}

#[test]
fn sizes_refuse() {
    for text in ["big", "1 Mb", "1 K", "1 GBps", "NaN"] {
        assert_eq!(
            refusal::<Bytes>(text).0,
            format!("\"{text}\" is not a size")
        );
    }
    for text in ["0.5 B", "1.0001 KB", "99999 PiB"] {
        assert_eq!(
            refusal::<Bytes>(text).0,
            format!("\"{text}\" is not a whole number of bytes up to 2^64 - 1")
        );
    }
    assert_eq!(
        refusal::<Bytes>("-1 MB").0,
        "\"-1 MB\" is negative; a size is at least 0"
    );
}

#[test]
fn shares_read_and_print() {
    for (text, part, printed) in [
        ("25%", 0.25, "25%"),
        ("0.25", 0.25, "25%"),
        ("7 %", 0.07, "7%"),
        ("12.5%", 0.125, "12.5%"),
        ("0.1%", 0.001, "0.1%"),
        ("0", 0.0, "0%"),
        ("-0", 0.0, "0%"),
        ("100%", 1.0, "100%"),
        ("0.00001", 0.00001, "0.001%"),
        ("1e-20%", 1e-22, "1e-20%"),
    ] {
        let share: Share = text.parse().expect(text);
        assert_eq!(share.get(), part, "{text}");
        assert_eq!(share.to_string(), printed);
    }
}

#[test]
fn shares_refuse() {
    for (text, message) in [
        ("half", "\"half\" is not a share"),
        ("%", "\"%\" is not a share"),
        ("25", "a share is between 0 and 1, but this is 25"),
        ("-0.1", "a share is between 0 and 1, but this is -0.1"),
        ("NaN", "a share is between 0 and 1, but this is NaN"),
        ("120%", "a share is between 0% and 100%, but this is 120%"),
    ] {
        assert_eq!(refusal::<Share>(text).0, message);
    }
}

#[test]
fn quantities_serialise_as_text() {
    let rate: Rate = "0.5/s".parse().expect("a rate");
    let json = serde_json::to_string(&(Span::from_secs(900), rate, Bytes::new(1_024)));
    assert_eq!(json.expect("JSON"), r#"["15m","0.5/s","1 KiB"]"#);
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(ns: u64, bytes: u64, num: u64, den in 1u64.., part in 0.0..=1.0) {
        let span = Span::from_ns(ns);
        prop_assert_eq!(span.to_string().parse(), Ok(span));
        let bytes = Bytes::new(bytes);
        prop_assert_eq!(bytes.to_string().parse(), Ok(bytes));
        let rate = Rate::new(num, den).expect("a denominator above 0");
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        let share = Share::new(part).expect("between 0 and 1");
        prop_assert_eq!(share.to_string().parse(), Ok(share));
    }

    #[test]
    fn round_numbers_print_and_read_back(events in 0u64..1_000_000, seconds in 1u64..100_000) {
        let rate = Rate::new(events, seconds).expect("a denominator above 0");
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = text.parse::<Span>();
        let _ = text.parse::<Rate>();
        let _ = text.parse::<Bytes>();
        let _ = text.parse::<Share>();
    }

    #[test]
    fn no_number_panics(text in "[-+]?[0-9_.]{1,45}([eE][-+]?[0-9]{1,6})? ?(k|M|%|KiB|s|m)?(/[0-9.]{0,9}(s|ms|week))?") {
        let _ = text.parse::<Span>();
        let _ = text.parse::<Rate>();
        let _ = text.parse::<Bytes>();
        let _ = text.parse::<Share>();
    }
}
