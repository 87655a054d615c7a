//! Condition operators by name.

use std::fmt;
use std::str::FromStr;

/// `ForAnyValue:StringNotEqualsIfExists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Without prefix and suffix.
    name: &'static str,
    /// `ForAllValues:`, `ForAnyValue:`.
    pub(super) set: Option<SetOperator>,
    pub(super) test: Test,
    pub(super) negated: bool,
    pub(super) if_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetOperator {
    ForAllValues,
    ForAnyValue,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
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
pub(super) enum Equality {
    Equals,
    IgnoreCase,
    Like,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
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

/// A name that is not an operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown condition operator")]
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

impl Order {
    /// Whether a comparison with this result holds.
    pub(super) fn holds(self, ordering: Option<std::cmp::Ordering>) -> bool {
        ordering.is_some_and(|o| match self {
            Order::Equals => o.is_eq(),
            Order::LessThan => o.is_lt(),
            Order::LessThanEquals => o.is_le(),
            Order::GreaterThan => o.is_gt(),
            Order::GreaterThanEquals => o.is_ge(),
        })
    }
}
