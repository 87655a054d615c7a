//! `Condition`: operators, keys and values.
//!
//! A condition looks at one context key. All conditions of a statement must hold; of the values of one
//! condition any will do, for negated operators none may. Where the request has no such key, positive
//! operators do not hold, negated ones and `…IfExists` do; `ForAllValues:` holds and `ForAnyValue:` does not,
//! with or without `IfExists`. Source: IAM User Guide, condition operators and multivalued context keys
//! (2026-11); for `ForAnyValue:…IfExists` what AWS was seen to do (AWS re:Post).

use super::arn::{Arn, ArnPattern, Variables};
use super::pattern::{Pattern, Syntax};
use super::request::{Context, ContextValue};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A key with an operator and values.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// How it is compared.
    pub operator: Operator,
    /// Context key, as written.
    pub key: String,
    /// Values as written.
    pub values: Vec<String>,
    operands: Vec<Operand>,
}

/// `ForAnyValue:StringNotEqualsIfExists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Without prefix and suffix.
    name: &'static str,
    /// `ForAllValues:`, `ForAnyValue:`.
    set: Option<SetOperator>,
    test: Test,
    negated: bool,
    if_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetOperator {
    ForAllValues,
    ForAnyValue,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    String(Equality),
    Numeric(Order),
    Date(Order),
    Bool,
    Binary,
    IpAddress,
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Equality {
    Equals,
    IgnoreCase,
    Like,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

/// Every operator without prefix and suffix; the flag says whether it is negated.
const OPERATORS: [(&str, Test, bool); 27] = [
    ("StringEquals", Test::String(Equality::Equals), false),
    ("StringNotEquals", Test::String(Equality::Equals), true),
    (
        "StringEqualsIgnoreCase",
        Test::String(Equality::IgnoreCase),
        false,
    ),
    (
        "StringNotEqualsIgnoreCase",
        Test::String(Equality::IgnoreCase),
        true,
    ),
    ("StringLike", Test::String(Equality::Like), false),
    ("StringNotLike", Test::String(Equality::Like), true),
    ("NumericEquals", Test::Numeric(Order::Equals), false),
    ("NumericNotEquals", Test::Numeric(Order::Equals), true),
    ("NumericLessThan", Test::Numeric(Order::LessThan), false),
    (
        "NumericLessThanEquals",
        Test::Numeric(Order::LessThanEquals),
        false,
    ),
    (
        "NumericGreaterThan",
        Test::Numeric(Order::GreaterThan),
        false,
    ),
    (
        "NumericGreaterThanEquals",
        Test::Numeric(Order::GreaterThanEquals),
        false,
    ),
    ("DateEquals", Test::Date(Order::Equals), false),
    ("DateNotEquals", Test::Date(Order::Equals), true),
    ("DateLessThan", Test::Date(Order::LessThan), false),
    (
        "DateLessThanEquals",
        Test::Date(Order::LessThanEquals),
        false,
    ),
    ("DateGreaterThan", Test::Date(Order::GreaterThan), false),
    (
        "DateGreaterThanEquals",
        Test::Date(Order::GreaterThanEquals),
        false,
    ),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::Binary, false),
    ("IpAddress", Test::IpAddress, false),
    ("NotIpAddress", Test::IpAddress, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnLike", Test::Arn, false),
    ("ArnNotLike", Test::Arn, true),
    ("Null", Test::Null, false),
];

/// Names of all operators, without prefix and suffix.
pub fn operators() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, ..)| *name)
}

/// A name that is no operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no condition operator has this name")]
pub struct UnknownOperator;

impl FromStr for Operator {
    type Err = UnknownOperator;

    fn from_str(text: &str) -> Result<Operator, UnknownOperator> {
        let (set, name) = match text.split_once(':') {
            None => (None, text),
            Some((set, name)) if set.eq_ignore_ascii_case("ForAllValues") => {
                (Some(SetOperator::ForAllValues), name)
            }
            Some((set, name)) if set.eq_ignore_ascii_case("ForAnyValue") => {
                (Some(SetOperator::ForAnyValue), name)
            }
            Some(_) => return Err(UnknownOperator),
        };
        let find = |name: &str| {
            let is = |known: &&(&'static str, Test, bool)| known.0.eq_ignore_ascii_case(name);
            OPERATORS.iter().find(is)
        };
        let operator = |&(name, test, negated): &(&'static str, Test, bool), if_exists| Operator {
            name,
            set,
            test,
            negated,
            if_exists,
        };
        if let Some(known) = find(name) {
            return Ok(operator(known, false));
        }
        const SUFFIX: &str = "IfExists";
        let at = name
            .len()
            .checked_sub(SUFFIX.len())
            .ok_or(UnknownOperator)?;
        match (name.get(..at), name.get(at..)) {
            (Some(stem), Some(suffix)) if suffix.eq_ignore_ascii_case(SUFFIX) => {
                let known = find(stem).filter(|known| known.1 != Test::Null);
                Ok(operator(known.ok_or(UnknownOperator)?, true))
            }
            _ => Err(UnknownOperator),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.set {
            Some(SetOperator::ForAllValues) => f.write_str("ForAllValues:")?,
            Some(SetOperator::ForAnyValue) => f.write_str("ForAnyValue:")?,
            None => {}
        }
        f.write_str(self.name)?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

/// A value that a context key is compared with.
#[derive(Clone, Debug, PartialEq)]
enum Operand {
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

impl Condition {
    /// A condition. `variables`: whether the policy's version knows `${…}`.
    pub fn new(operator: Operator, key: String, values: Vec<String>, variables: bool) -> Condition {
        let operand = |value: &String| Operand::new(operator.test, value, variables);
        Condition {
            operator,
            key,
            operands: values.iter().map(operand).collect(),
            values,
        }
    }

    /// Positions of the values that can never be equal to anything under this operator.
    pub fn meaningless(&self) -> impl Iterator<Item = usize> {
        let meaningless =
            |(i, operand): (usize, &Operand)| (*operand == Operand::Nothing).then_some(i);
        self.operands.iter().enumerate().filter_map(meaningless)
    }

    /// What the operator compares with, for messages.
    pub fn expected(&self) -> &'static str {
        match self.operator.test {
            Test::String(_) | Test::Binary => "a text",
            Test::Numeric(_) => "a number",
            Test::Date(_) => "a date (2026-11-24T00:00:00Z) or seconds since 1970",
            Test::Bool | Test::Null => "true or false",
            Test::IpAddress => "an address or block (192.0.2.0/24)",
            Test::Arn => "an ARN, of which each part may have wildcards",
        }
    }

    /// Whether it holds.
    pub fn holds(&self, context: &Context) -> bool {
        let value = context.get(&self.key);
        if self.operator.test == Test::Null {
            return self.operands.contains(&Operand::Absent(value.is_none()));
        }
        let Some(value) = value else {
            return match self.operator.set {
                None => self.operator.negated || self.operator.if_exists,
                // Of no values all are anything and none is: `IfExists` adds nothing.
                Some(set) => set == SetOperator::ForAllValues,
            };
        };
        let one = |text: &String| self.holds_for(text, context);
        match (self.operator.set, value) {
            (None, ContextValue::Single(text)) => one(text),
            // Several values need a set operator.
            (None, ContextValue::Several(_)) => false,
            (Some(_), ContextValue::Single(text)) => one(text),
            (Some(SetOperator::ForAllValues), ContextValue::Several(all)) => all.iter().all(one),
            (Some(SetOperator::ForAnyValue), ContextValue::Several(all)) => all.iter().any(one),
        }
    }

    fn holds_for(&self, text: &str, context: &Context) -> bool {
        let matches = |operand: &Operand| operand.matches(self.operator.test, text, context);
        self.operands.iter().any(matches) != self.operator.negated
    }
}

impl Operand {
    fn new(test: Test, text: &str, variables: bool) -> Operand {
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
    fn matches(&self, test: Test, text: &str, context: &Context) -> bool {
        match (self, test) {
            (Operand::Text(pattern), _) => pattern.matches(text, context),
            (Operand::Number(value), Test::Numeric(order)) => {
                number(text).is_some_and(|n| order.holds(n.partial_cmp(value)))
            }
            (Operand::Date(value), Test::Date(order)) => {
                date(text).is_some_and(|d| order.holds(Some(d.cmp(value))))
            }
            (Operand::Network(network), _) => text.parse().is_ok_and(|a| network.holds(a)),
            (Operand::Arn(pattern), _) => text
                .parse::<Arn>()
                .is_ok_and(|arn| pattern.matches(&arn, context)),
            _ => false,
        }
    }
}

impl Order {
    fn holds(self, ordering: Option<std::cmp::Ordering>) -> bool {
        ordering.is_some_and(|o| match self {
            Order::Equals => o.is_eq(),
            Order::LessThan => o.is_lt(),
            Order::LessThanEquals => o.is_le(),
            Order::GreaterThan => o.is_gt(),
            Order::GreaterThanEquals => o.is_ge(),
        })
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

/// `2026-11-24`, `2026-11-24T18:00:00Z`, seconds since 1970.
fn date(text: &str) -> Option<jiff::Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return jiff::Timestamp::from_second(seconds).ok();
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant);
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    jiff::tz::TimeZone::UTC
        .to_timestamp(day.at(0, 0, 0, 0))
        .ok()
}

/// A block of addresses, `192.0.2.0/24`; one address is a block of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(operator: &str, values: &[&str]) -> Condition {
        let operator = operator.parse().expect("an operator");
        let values = values.iter().map(|&v| v.to_owned()).collect();
        Condition::new(operator, "k".to_owned(), values, true)
    }

    /// For the key holding `value`, or missing.
    fn holds(operator: &str, values: &[&str], value: Option<&str>) -> bool {
        let mut context = Context::from([("aws:username", "alice")]);
        if let Some(value) = value {
            context.set("K", value);
        }
        condition(operator, values).holds(&context)
    }

    #[test]
    fn names_read_back() {
        for name in operators() {
            for prefix in ["", "ForAllValues:", "ForAnyValue:"] {
                for suffix in ["", "IfExists"] {
                    let written = format!("{prefix}{name}{suffix}");
                    let read = written.parse::<Operator>();
                    if name == "Null" && suffix == "IfExists" {
                        assert_eq!(read, Err(UnknownOperator));
                    } else {
                        assert_eq!(read.expect("an operator").to_string(), written);
                    }
                }
            }
        }
        for wrong in [
            "",
            "StringEqual",
            "IfExists",
            "ForSome:StringEquals",
            "éIfExists",
            "Équals",
        ] {
            assert_eq!(wrong.parse::<Operator>(), Err(UnknownOperator), "{wrong}");
        }
    }

    #[test]
    fn a_missing_key() {
        for name in operators().filter(|name| *name != "Null") {
            let negated = name.contains("Not");
            assert_eq!(holds(name, &["1"], None), negated, "{name}");
            assert!(holds(&format!("{name}IfExists"), &["1"], None), "{name}");
            assert!(
                holds(&format!("ForAllValues:{name}"), &["1"], None),
                "{name}"
            );
            assert!(
                !holds(&format!("ForAnyValue:{name}"), &["1"], None),
                "{name}"
            );
            assert!(
                !holds(&format!("ForAnyValue:{name}IfExists"), &["1"], None),
                "{name}"
            );
        }
        assert!(holds("Null", &["true"], None) && !holds("Null", &["false"], None));
        assert!(holds("Null", &["false"], Some("")) && !holds("Null", &["true"], Some("")));
    }

    #[test]
    fn every_operator_in_its_order() {
        let rows: [(&str, &str, &[&str], &[&str]); 14] = [
            ("StringEquals", "a*", &["a*"], &["ab", "A*"]),
            ("StringEqualsIgnoreCase", "Ab", &["aB", "AB"], &["abc"]),
            ("StringLike", "a*c", &["ac", "abc"], &["abd"]),
            ("NumericEquals", "1.0", &["1", "1.00"], &["2", "x"]),
            (
                "NumericLessThan",
                "1.2",
                &["1.1", "-3"],
                &["1.2", "1.3", "x"],
            ),
            (
                "NumericGreaterThanEquals",
                "10",
                &["10", "1e1", "11"],
                &["9", ""],
            ),
            (
                "DateLessThan",
                "2026-11-24",
                &["2026-11-23T23:59:59Z", "0"],
                &["2026-11-24T00:00:00Z"],
            ),
            (
                "DateEquals",
                "1700000000",
                &["2023-11-14T22:13:20Z"],
                &["2023-11-14"],
            ),
            ("Bool", "true", &["true", "True"], &["false", "1"]),
            ("BinaryEquals", "QQ==", &["QQ=="], &["qq=="]),
            (
                "IpAddress",
                "192.0.2.0/24",
                &["192.0.2.255"],
                &["192.0.3.0", "::1", "x"],
            ),
            (
                "IpAddress",
                "2001:db8::/32",
                &["2001:DB8:1::"],
                &["2001:db9::", "192.0.2.1"],
            ),
            (
                "ArnEquals",
                "arn:aws:kms:*:1:key/*",
                &["arn:aws:kms:eu-west-3:1:key/a"],
                &["arn:aws:kms:a:b:1:key/a", "alias/a"],
            ),
            (
                "ArnLike",
                "arn:aws:iam::1:user/${aws:username}",
                &["arn:aws:iam::1:user/alice"],
                &["arn:aws:iam::1:user/bob"],
            ),
        ];
        for (operator, value, yes, no) in rows {
            for text in yes {
                assert!(
                    holds(operator, &["zz", value], Some(text)),
                    "{operator} {text}"
                );
            }
            for text in no {
                assert!(!holds(operator, &[value], Some(text)), "{operator} {text}");
            }
        }
    }

    #[test]
    fn negated_operators_are_the_opposite_where_the_key_is_there() {
        for (positive, negated) in [
            ("StringEquals", "StringNotEquals"),
            ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
            ("StringLike", "StringNotLike"),
            ("NumericEquals", "NumericNotEquals"),
            ("DateEquals", "DateNotEquals"),
            ("IpAddress", "NotIpAddress"),
            ("ArnLike", "ArnNotLike"),
            ("ArnEquals", "ArnNotEquals"),
        ] {
            for value in ["1", "::1", "arn:aws:s3:::b", "${aws:none}"] {
                for text in ["1", "::1", "arn:aws:s3:::b", "x"] {
                    let yes = holds(positive, &[value, "2"], Some(text));
                    let no = holds(negated, &[value, "2"], Some(text));
                    assert_ne!(yes, no, "{positive} {value} {text}");
                }
            }
        }
    }

    #[test]
    fn several_values_need_a_set_operator() {
        let mut context = Context::new();
        context.set_several("k", vec!["a".to_owned(), "b".to_owned()]);
        let holds = |operator: &str, values: &[&str]| condition(operator, values).holds(&context);
        assert!(!holds("StringEquals", &["a", "b"]));
        assert!(!holds("StringNotEquals", &["c"]));
        assert!(holds("ForAllValues:StringEquals", &["a", "b", "c"]));
        assert!(!holds("ForAllValues:StringEquals", &["a"]));
        assert!(holds("ForAnyValue:StringEquals", &["a"]));
        assert!(holds("ForAnyValue:StringNotEquals", &["a"]));
        assert!(!holds("ForAllValues:StringNotEquals", &["a"]));
        context.set_several("k", Vec::new());
        let holds = |operator: &str| condition(operator, &["a"]).holds(&context);
        assert!(holds("ForAllValues:StringEquals") && !holds("ForAnyValue:StringEquals"));
    }

    #[test]
    fn what_cannot_be_compared_with_is_named() {
        let found: Vec<usize> = condition("IpAddress", &["192.0.2.0/33", "::1", "x"])
            .meaningless()
            .collect();
        assert_eq!(found, [0, 2]);
        assert_eq!(
            condition("Bool", &["maybe", "${aws:x}"])
                .meaningless()
                .count(),
            1
        );
        assert_eq!(
            condition("DateLessThan", &["24.11.2026"])
                .meaningless()
                .count(),
            1
        );
    }
}
