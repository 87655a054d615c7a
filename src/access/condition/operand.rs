//! Values that a context key is compared with.

use super::operator::{Equality, Test};
use crate::access::arn::{ArnPattern, Variables};
use crate::access::context::Context;
use crate::access::pattern::{Pattern, Syntax};
use std::net::IpAddr;
use std::str::FromStr;

/// A value that a context key is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Text(Pattern),
    Number(f64),
    Date(jiff::Timestamp),
    Network(Network),
    Arn(ArnPattern),
    /// Of `Null`: whether the key is to be absent.
    Absent(bool),
    /// What the operator cannot compare with: equal to nothing.
    Nothing,
}

impl Operand {
    pub(super) fn new(test: Test, text: &str, variables: bool) -> Operand {
        let syntax = Syntax {
            wildcards: false,
            variables,
            fold: false,
        };
        let pattern = |syntax| Operand::Text(Pattern::new(text, syntax));
        let operand = match test {
            Test::String(equality) => Some(pattern(Syntax {
                wildcards: equality == Equality::Like,
                fold: equality == Equality::IgnoreCase,
                ..syntax
            })),
            Test::Binary => Some(pattern(Syntax {
                variables: false,
                ..syntax
            })),
            Test::Bool if variables && text.contains("${") => Some(pattern(syntax)),
            Test::Bool => boolean(text).map(|_| {
                pattern(Syntax {
                    fold: true,
                    ..syntax
                })
            }),
            Test::Null => boolean(text).map(Operand::Absent),
            Test::Numeric(_) => number(text).map(Operand::Number),
            Test::Date(_) => date(text).map(Operand::Date),
            Test::IpAddress => text.parse().ok().map(Operand::Network),
            Test::Arn => {
                let variables = if variables {
                    Variables::Everywhere
                } else {
                    Variables::Nowhere
                };
                ArnPattern::new(text, variables).ok().map(Operand::Arn)
            }
        };
        operand.unwrap_or(Operand::Nothing)
    }

    /// Whether the request's `text` is what this value stands for.
    pub(super) fn matches(&self, test: Test, text: &str, context: &Context) -> bool {
        match (self, test) {
            (Operand::Text(pattern), _) => pattern.matches(text, context),
            (Operand::Number(value), Test::Numeric(order)) => {
                number(text).is_some_and(|n| order.holds(n.partial_cmp(value)))
            }
            (Operand::Date(value), Test::Date(order)) => {
                date(text).is_some_and(|d| order.holds(Some(d.cmp(value))))
            }
            (Operand::Network(network), _) => text.parse().is_ok_and(|a| network.holds(a)),
            (Operand::Arn(pattern), _) => pattern.matches_text(text, context),
            _ => false,
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then_some(number)
}

/// A date as W3C writes it, `2026-11`, `2026-11-24`, `2026-11-24T18:00Z`, or seconds since 1970; a number of four
/// digits is one of seconds too.
fn date(text: &str) -> Option<jiff::Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return jiff::Timestamp::from_second(seconds).ok();
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant);
    }
    let month = text.len() == "2026-11".len();
    let day: jiff::civil::Date = if month {
        format!("{text}-01").parse().ok()?
    } else {
        text.parse().ok()?
    };
    jiff::tz::TimeZone::UTC
        .to_timestamp(day.at(0, 0, 0, 0))
        .ok()
}

/// A block of addresses, `192.0.2.0/24`; one address is a block of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    bits: u32,
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Network, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits.parse().map_err(|_| ())?,
        };
        (bits <= most)
            .then_some(Network { address, bits })
            .ok_or(())
    }
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let differ = u32::from(a) ^ u32::from(b);
                differ.leading_zeros() >= self.bits
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let differ = u128::from(a) ^ u128::from(b);
                differ.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}
