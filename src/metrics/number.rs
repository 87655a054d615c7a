//! Numbers written for people: thousands separators, sensible digits, a unit.
//!
//! A metric's row in the registry says which form its values have: shares and counts have the same unit `1`.
//! Not here: the exact values, which CSV and JSON carry.

use super::registry::{Form, metric};
use crate::results::Estimate;

/// Words shown where a value is missing.
pub const NO_DATA: &str = "no data";

/// Whether a metric is a share of one, shown in percent.
pub fn is_share(id: &str) -> bool {
    matches!(form(id), Form::Share | Form::Alarm)
}

fn form(id: &str) -> Form {
    metric(id).map_or(Form::Number, |m| m.form)
}

/// How a value is scaled and what follows it.
#[derive(Clone, Copy)]
struct Scale {
    prefix: &'static str,
    factor: f64,
    suffix: &'static str,
}

const PLAIN: Scale = Scale {
    prefix: "",
    factor: 1.0,
    suffix: "",
};

const PERCENT: Scale = Scale {
    prefix: "",
    factor: 100.0,
    suffix: " %",
};

fn scale(id: &str, unit: &str, at: f64) -> Scale {
    let suffix = |factor, suffix| Scale {
        prefix: "",
        factor,
        suffix,
    };
    match unit {
        "1" if is_share(id) => PERCENT,
        "1/s" => suffix(1.0, "/s"),
        "USD" => Scale {
            prefix: "$",
            ..PLAIN
        },
        "USD/month" => Scale {
            prefix: "$",
            factor: 1.0,
            suffix: "/month",
        },
        "s" if form(id) == Form::SecondsCounted => suffix(1.0, " s"),
        "s" => match at.abs() {
            0.0 => suffix(1.0, " s"),
            v if v < 1e-3 => suffix(1e6, " µs"),
            v if v < 1.0 => suffix(1e3, " ms"),
            v if v < 120.0 => suffix(1.0, " s"),
            v if v < 7_200.0 => suffix(1.0 / 60.0, " min"),
            v if v < 172_800.0 => suffix(1.0 / 3_600.0, " h"),
            _ => suffix(1.0 / 86_400.0, " days"),
        },
        _ => PLAIN,
    }
}

fn magnitude(v: f64) -> i32 {
    // Stays far inside i32: the exponent of an f64 lies within ±324.
    v.abs().log10().floor() as i32
}

/// Decimals that show `digits` significant digits of `v`.
fn decimals(v: f64, digits: i32) -> usize {
    if v == 0.0 || !v.is_finite() {
        return 0;
    }
    usize::try_from(digits - 1 - magnitude(v))
        .unwrap_or(0)
        .min(9)
}

/// `v` with this many decimals and thousands separators.
pub fn grouped(v: f64, decimals: usize) -> String {
    let text = format!("{:.*}", decimals, v.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    if v < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push('-');
    }
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// `v` with about three significant digits; whole numbers stay whole.
pub fn plain(v: f64) -> String {
    if !v.is_finite() {
        return NO_DATA.to_owned();
    }
    if v == v.trunc() {
        return grouped(v, 0);
    }
    if v.abs() < 1e-6 {
        return format!("{v:.1e}");
    }
    grouped(v, decimals(v, if v.abs() < 10.0 { 3 } else { 4 }))
}

/// A tick of an axis: as many decimals as it has, no more than six.
pub fn tick(v: f64) -> String {
    let digits = if v == 0.0 {
        0
    } else {
        (6 - magnitude(v)).clamp(0, 9)
    };
    let text = grouped(v, usize::try_from(digits).unwrap_or(0));
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// A dollar amount: cents from one dollar on, significant digits below.
pub fn usd(v: f64) -> String {
    let sign = if v < 0.0 { "-" } else { "" };
    let amount = v.abs();
    let text = match amount {
        0.0 => "0".to_owned(),
        a if a < 1e-6 => format!("{a:.1e}"),
        a if a < 1.0 => {
            let text = grouped(a, decimals(a, 3).max(2));
            let short = text.trim_end_matches('0');
            // Cents stay two digits.
            text[..short.len().max("0.00".len())].to_owned()
        }
        a if a < 10_000.0 => grouped(a, 2),
        a => grouped(a, 0),
    };
    format!("{sign}${text}")
}

/// A length of time with the unit that fits [argument in s].
pub fn duration(seconds: f64) -> String {
    value("", "s", seconds)
}

/// A point in time since the run's start in two units, `9 min 51 s` [argument in s].
pub fn instant(seconds: u64) -> String {
    let (large, small, size, of) = match seconds {
        s if s < 120 => return format!("{s} s"),
        s if s < 7_200 => ("min", "s", 60, 1),
        s if s < 172_800 => ("h", "min", 3_600, 60),
        _ => ("days", "h", 86_400, 3_600),
    };
    let (whole, rest) = (seconds / size, seconds % size / of);
    if rest == 0 {
        return format!("{whole} {large}");
    }
    format!("{whole} {large} {rest} {small}")
}

/// A setting that was searched for: a rate in requests per second, or a factor.
pub fn setting(unit: &str, v: f64) -> String {
    if unit == "1/s" {
        value("", unit, v)
    } else {
        format!("× {}", tick((v * 1_000.0).round() / 1_000.0))
    }
}

/// A share of one in whole percent.
pub fn whole_percent(share: f64) -> String {
    match share.is_finite() {
        true => grouped(share * PERCENT.factor, 0) + PERCENT.suffix,
        false => NO_DATA.to_owned(),
    }
}

/// A share of one, in percent.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return NO_DATA.to_owned();
    }
    plain(share * PERCENT.factor) + PERCENT.suffix
}

/// A value of a metric with its unit.
pub fn value(id: &str, unit: &str, v: f64) -> String {
    if !v.is_finite() {
        return NO_DATA.to_owned();
    }
    if unit.starts_with("USD") {
        return usd(v) + scale(id, unit, v).suffix;
    }
    let s = scale(id, unit, v);
    format!("{}{}{}", s.prefix, plain(v * s.factor), s.suffix)
}

/// A price to its last digit, however small.
pub fn unit_price(v: f64) -> String {
    let sign = if v < 0.0 { "-" } else { "" };
    format!("{sign}${}", v.abs())
}

/// Half the width of the 95 % interval, where there is one.
pub fn half_width(e: &Estimate) -> Option<f64> {
    Some((e.ci_high? - e.ci_low?) / 2.0)
}

/// Mean ± half-width of the 95 % interval, with unit; "no data" where the mean is missing, no ±
/// where there is no interval or all replications agree.
pub fn estimate(id: &str, e: &Estimate) -> String {
    let Some(mean) = e.mean else {
        return NO_DATA.to_owned();
    };
    if form(id) == Form::Alarm {
        return match alarm(e).as_str() {
            "fired" => "yes".to_owned(),
            "silent" => "no".to_owned(),
            words => words.trim_start_matches("fired ").to_owned(),
        };
    }
    let Some(half) = half_width(e).filter(|h| h.is_finite()) else {
        return value(id, &e.unit, mean);
    };
    spread(id, &e.unit, mean, half)
}

/// `mean ± half`, both in the scale that fits the larger of the two; `mean` alone where `half` is 0.
pub fn spread(id: &str, unit: &str, mean: f64, half: f64) -> String {
    if !mean.is_finite() || !half.is_finite() {
        return NO_DATA.to_owned();
    }
    let s = scale(id, unit, mean.abs().max(half.abs()));
    let (m, h) = (mean * s.factor, half * s.factor);
    if h == 0.0 {
        return value(id, unit, mean);
    }
    // As many decimals as the half-width deserves, but no more than six digits of the mean.
    let places = decimals(h, 2).min(decimals(if m == 0.0 { h } else { m }, 6));
    let low = 0.5 * 10f64.powi(-(places as i32));
    let half_text = if h < low {
        plain(h)
    } else {
        grouped(h, places)
    };
    let sign = if m < 0.0 { "-" } else { "" };
    let mean_text = grouped(m.abs(), places);
    format!("{sign}{}{mean_text} ± {half_text}{}", s.prefix, s.suffix)
}

/// The mean alone, with the digits that its interval allows.
pub fn rounded(id: &str, e: &Estimate) -> String {
    let text = estimate(id, e);
    match text.split_once(" ± ") {
        // What follows the half-width is the unit.
        Some((mean, rest)) => {
            let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || ".,e-".contains(c));
            format!("{mean}{unit}")
        }
        None => text,
    }
}

/// A point in time since the run's start to the second, `20:31:55`, with its day where there are several
/// \[argument in s\].
pub fn clock(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let time = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    match days {
        0 => time,
        days => format!("day {} {time}", days + 1),
    }
}

/// Whether the 80 % alarm fired, in words.
pub fn alarm(e: &Estimate) -> String {
    let known: Vec<f64> = e.values.iter().flatten().copied().collect();
    let fired = known.iter().filter(|v| **v > 0.0).count();
    match (e.mean, known.len()) {
        (None, _) => NO_DATA.to_owned(),
        (Some(m), n) if n == 0 || fired == 0 || fired == n => {
            if m > 0.0 {
                "fired".to_owned()
            } else {
                "silent".to_owned()
            }
        }
        (Some(_), n) => format!("fired in {fired} of {n} replications"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567.0, 0), "1,234,567");
        assert_eq!(grouped(-0.001, 2), "0.00");
        assert_eq!(plain(0.056_33), "0.0563");
        assert_eq!(plain(12.345), "12.35");
        assert_eq!(
            (tick(0.1 + 0.2), tick(0.001), tick(2_500.0)),
            ("0.3".into(), "0.001".into(), "2,500".into())
        );
        assert_eq!(value("throttle_rate", "1", 0.0563), "5.63 %");
        assert_eq!(value("added_delay_s_p99", "s", 0.25), "250 ms");
        assert_eq!(value("kms_calls", "1", 1234.0), "1,234");
        assert_eq!(usd(-0.06), "-$0.06");
        assert_eq!(usd(1234.5), "$1,234.50");
        assert_eq!(unit_price(-0.000_000_4), "-$0.0000004");
        assert_eq!(
            value("cost_total_usd_per_month", "USD/month", 3.0),
            "$3.00/month"
        );
        assert_eq!(duration(0.5), "500 ms");
        let texts = [45, 591, 600, 14_580, 1_281_600].map(instant);
        assert_eq!(
            texts,
            ["45 s", "9 min 51 s", "10 min", "4 h 3 min", "14 days 20 h"]
        );
    }

    #[test]
    fn intervals_share_digits() {
        assert_eq!(spread("kms_calls", "1", 12_345.6, 67.2), "12,346 ± 67");
        assert_eq!(
            spread("throttle_rate", "1", 0.0563, 0.0004),
            "5.630 ± 0.040 %"
        );
        assert_eq!(spread("kms_calls", "1", 10.0, 0.0), "10");
        assert_eq!(spread("cost_total_usd", "USD", -3.0, 0.5), "-$3.00 ± 0.50");
        let e = |mean, half| Estimate {
            mean: Some(mean),
            ci_low: Some(mean - half),
            ci_high: Some(mean + half),
            unit: "USD/month".to_owned(),
            values: vec![],
        };
        assert_eq!(
            rounded("cost_total_usd_per_month", &e(1_234.56, 20.0)),
            "$1,235/month"
        );
        assert_eq!(rounded("x", &e(5.0, 0.0)), "$5.00/month");
        assert_eq!(clock(73_915), "20:31:55");
        assert_eq!(clock(86_400 + 61), "day 2 00:01:01");
    }
}
