//! A key and the values it takes: `quota.shared.limit=8000/s..16000/s:5`, `retry=none,standard`.

use crate::input::diagnostic::Sources;
use crate::input::document::Table;
use crate::input::setting::set;
use crate::units::{Bytes, Rate, Share, Span};
use std::str::FromStr;

/// A key with its values.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepAxis {
    /// Path of the key, as `--set` takes it.
    pub key: String,
    shape: AxisValues,
}

#[derive(Clone, Debug, PartialEq)]
enum AxisValues {
    /// Values as written.
    List(Vec<String>),
    /// From `low` to `high` with the unit behind the number.
    Range {
        low: f64,
        high: f64,
        unit: String,
        /// Values of a grid; `None` where only a Latin hypercube can draw from it.
        steps: Option<usize>,
        /// Steps are factors, not differences.
        log: bool,
        /// Both ends were whole numbers, so all values are.
        whole: bool,
    },
}

/// Why a text is not an axis.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct AxisError(String);

/// Most values of one axis.
const MOST: usize = 10_000;

impl FromStr for SweepAxis {
    type Err = AxisError;

    fn from_str(text: &str) -> Result<SweepAxis, AxisError> {
        let example =
            "write KEY=A,B,C or KEY=LOW..HIGH:COUNT, with `:log` at the end for equal ratios";
        let fault = |what: &str| AxisError(format!("\"{text}\" {what}; {example}"));
        // A path that --set would take, before any run.
        let mut scratch = Table::empty(crate::input::diagnostic::Place {
            source: Sources::new().add_set(text),
            range: 0..0,
        });
        let path_end = text.find('=').ok_or_else(|| fault("has no `=`"))?;
        let trial = format!("{}=0", &text[..path_end]);
        set(&mut scratch, &mut Sources::new(), &trial)
            .map_err(|_| fault("does not start with a key path"))?;
        let key = text[..path_end].trim().to_owned();
        let values = text[path_end + 1..].trim();
        if values.is_empty() {
            return Err(fault("has no values"));
        }
        // Two dots in a quoted path, or in a list, are no range.
        let is_list = values.contains(['"', '\'', ',']);
        let Some((low, rest)) = values.split_once("..").filter(|_| !is_list) else {
            let list: Vec<String> = split(values);
            if list.len() > MOST || list.iter().any(String::is_empty) {
                return Err(fault("has an empty value or too many"));
            }
            return Ok(SweepAxis {
                key,
                shape: AxisValues::List(list),
            });
        };
        let mut parts = rest.split(':');
        let high = parts.next().unwrap_or("");
        let steps = match parts.next() {
            None => None,
            Some(n) => Some(
                n.parse()
                    .ok()
                    .filter(|n| (2..=MOST).contains(n))
                    .ok_or_else(|| fault("has a count outside 2 to 10,000"))?,
            ),
        };
        let log = match parts.next() {
            None => false,
            Some("log") => true,
            Some(_) => return Err(fault("has something other than `log` after the count")),
        };
        let (low, high) = (number(low), number(high));
        let (Some((low, unit_low)), Some((high, unit))) = (low, high) else {
            return Err(fault("has a range whose ends are not numbers"));
        };
        if unit != unit_low && !unit_low.is_empty() {
            return Err(fault("has a range whose ends have different units"));
        }
        if high <= low || (log && low <= 0.0) {
            return Err(fault(
                "has a range whose ends are not in order, or not above 0 for `log`",
            ));
        }
        let ends = values
            .split("..")
            .map(|end| end.split(':').next().unwrap_or(""));
        let whole = ends
            .clone()
            .all(|end| !end.contains('.') && !end.contains(['e', 'E', '%']));
        Ok(SweepAxis {
            key,
            shape: AxisValues::Range {
                low,
                high,
                unit,
                steps,
                log,
                whole,
            },
        })
    }
}

/// At commas outside brackets, braces and quotes.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth, mut quoted) = (Vec::new(), String::new(), 0, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            ',' if depth == 0 && !quoted => {
                parts.push(std::mem::take(&mut part).trim().to_owned());
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part.trim().to_owned());
    parts
}

/// A number and the unit behind it.
fn number(text: &str) -> Option<(f64, String)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '+')))
        .unwrap_or(text.len());
    let value: f64 = text[..end].replace('_', "").parse().ok()?;
    let unit = text[end..].trim();
    let is_unit = unit
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '/' | '%'));
    (value.is_finite() && is_unit).then(|| (value, unit.to_owned()))
}

impl SweepAxis {
    /// Whether a grid can be made of it: a range needs a count.
    pub fn is_finite(&self) -> bool {
        !matches!(self.shape, AxisValues::Range { steps: None, .. })
    }

    /// The values of a grid.
    pub fn values(&self) -> Vec<String> {
        match &self.shape {
            AxisValues::List(values) => values.clone(),
            AxisValues::Range { steps, .. } => {
                let n = steps.unwrap_or(1);
                let at = |i: usize| self.at_share(i as f64 / (n.max(2) - 1) as f64);
                let mut values: Vec<String> = (0..n).map(at).collect();
                // Rounded to whole numbers, neighbours may be the same.
                values.dedup();
                values
            }
        }
    }

    /// The value at a share (0 to 1) of the range, or of the list.
    pub fn at(&self, share: f64) -> String {
        match &self.shape {
            AxisValues::List(values) => {
                let i = (share * values.len() as f64) as usize;
                values[i.min(values.len() - 1)].clone()
            }
            AxisValues::Range { .. } => self.at_share(share),
        }
    }

    fn at_share(&self, share: f64) -> String {
        let AxisValues::Range {
            low,
            high,
            unit,
            log,
            whole,
            ..
        } = &self.shape
        else {
            return String::new();
        };
        let value = if *log {
            low * libm::pow(high / low, share)
        } else {
            low + (high - low) * share
        };
        let value = if *whole {
            value.round()
        } else {
            // Six significant digits: more would only make settings hard to read.
            let digits = 5 - value.abs().max(1e-300).log10().floor() as i32;
            let scale = 10f64.powi(digits.clamp(0, 12));
            (value * scale).round() / scale
        };
        format!("{value}{unit}")
    }
}

/// A value as a number in the base unit of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// The number: per second, seconds, bytes, or as written.
    pub value: f64,
    /// `1/s`, `s`, `byte` or `1`.
    pub unit: &'static str,
}

impl Quantity {
    /// What a value of an axis measures, if anything.
    pub fn of(text: &str) -> Option<Quantity> {
        let text = text.trim_matches('"');
        let quantity = |value: f64, unit| Some(Quantity { value, unit });
        // `nan` and `inf` are words.
        let number = text.replace('_', "").parse::<f64>();
        if let Some(v) = number.ok().filter(|v| v.is_finite()) {
            return quantity(v, "1");
        }
        if let Ok(v) = text.parse::<Rate>() {
            return quantity(v.per_second(), "1/s");
        }
        if let Ok(v) = text.parse::<Span>() {
            return quantity(v.as_secs_f64(), "s");
        }
        if let Ok(v) = text.parse::<Share>() {
            return quantity(v.get(), "1");
        }
        if let Ok(v) = text.parse::<Bytes>() {
            return quantity(v.get() as f64, "byte");
        }
        None
    }

    /// The values as quantities of one kind, or `None` where one is no quantity or of another kind.
    pub fn all<'a>(texts: impl Iterator<Item = &'a str>) -> Option<(Vec<f64>, &'static str)> {
        let all: Option<Vec<Quantity>> = texts.map(Quantity::of).collect();
        let all = all?;
        let unit = all.first()?.unit;
        let same = all.iter().all(|q| q.unit == unit);
        same.then(|| (all.iter().map(|q| q.value).collect(), unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        text.parse::<SweepAxis>().unwrap().values()
    }

    #[test]
    fn lists_and_ranges_are_read() {
        assert_eq!(values("retry=none, standard"), ["none", "standard"]);
        assert_eq!(
            values("workload.w.arrivals={poisson={rate=1}},{constant={rate=2}}"),
            ["{poisson={rate=1}}", "{constant={rate=2}}"]
        );
        let paths = values("bucket.b.policy=\"../open.json\",\"../tls.json\"");
        assert_eq!(paths, ["\"../open.json\"", "\"../tls.json\""]);
        assert_eq!(
            values("quota.q.limit=8000/s..16000/s:5"),
            ["8000/s", "10000/s", "12000/s", "14000/s", "16000/s"]
        );
        assert_eq!(values("workload.w.growth=1.0..2.0:3"), ["1", "1.5", "2"]);
        assert_eq!(values("workload.w.clients=1..4:10"), ["1", "2", "3", "4"]);
        assert_eq!(values("a.b=1..100:3:log"), ["1", "10", "100"]);
        assert!(
            ["nan", "inf", "1e999"]
                .iter()
                .all(|word| Quantity::of(word).is_none())
        );
        assert!(!"a=1..2".parse::<SweepAxis>().unwrap().is_finite());
        for (text, part) in [
            ("a", "no `=`"),
            ("=1", "start with a key path"),
            ("a b=1", "start with a key path"),
            ("a=", "no values"),
            ("a=1,,2", "empty value"),
            ("a=2..1:3", "in order"),
            ("a=0..1:3:log", "above 0"),
            ("a=1s..2m:3", "different units"),
            ("a=1..2:1", "count"),
            ("a=x..y:2", "not numbers"),
            ("a=1..5@b..9", "not numbers"),
            ("a=1..2:3:lin", "`log`"),
        ] {
            let message = text.parse::<SweepAxis>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn values_are_measured() {
        let all = |texts: &[&'static str]| Quantity::all(texts.iter().copied());
        assert_eq!(all(&["120/min", "3/s"]), Some((vec![2.0, 3.0], "1/s")));
        assert_eq!(all(&["1m", "90s"]), Some((vec![60.0, 90.0], "s")));
        assert_eq!(all(&["1", "2.5"]), Some((vec![1.0, 2.5], "1")));
        assert_eq!(all(&["1", "none"]), None);
        assert_eq!(all(&["1", "2s"]), None);
    }
}
