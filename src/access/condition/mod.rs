//! `Condition`: operators, keys and values.
//!
//! A condition looks at one context key. All conditions of a statement must hold; of the values of one
//! condition any will do, for negated operators none may. Where the request has no such key, positive
//! operators do not hold, negated ones and `…IfExists` do; `ForAllValues:` holds and `ForAnyValue:` does not,
//! with or without `IfExists`. `ForAllValues:` also holds where the key's value is empty. Source: IAM User Guide, condition operators and multivalued context keys
//! (2026-11); for `ForAnyValue:…IfExists` what AWS was seen to do (AWS re:Post).

mod operand;
mod operator;

pub use operator::{Operator, UnknownOperator, operators};

use super::context::{Context, ContextValue};
use operand::Operand;
use operator::{SetOperator, Test};

/// A key with an operator and values.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// How it is compared.
    pub operator: Operator,
    /// Context key, as written.
    pub key: String,
    /// Values as written.
    pub values: Vec<String>,
    /// The key in lower case, by which a request's context has it.
    folded: String,
    operands: Vec<Operand>,
}

impl Condition {
    /// A condition. `variables`: whether the policy's version knows `${…}`.
    pub fn new(operator: Operator, key: String, values: Vec<String>, variables: bool) -> Condition {
        let operand = |value: &String| Operand::new(operator.test, value, variables);
        Condition {
            operator,
            folded: key.to_lowercase(),
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
        let value = context.get_folded(&self.folded);
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
        if self.operator.set == Some(SetOperator::ForAllValues) && value.is_empty() {
            return true;
        }
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

    /// Whether it compares the principal's ARN, so that it holds only for principals that it names.
    pub fn names_principals(&self) -> bool {
        let compares = matches!(self.operator.test, Test::String(_) | Test::Arn);
        compares && !self.operator.negated && self.key.eq_ignore_ascii_case("aws:PrincipalArn")
    }

    fn holds_for(&self, text: &str, context: &Context) -> bool {
        let matches = |operand: &Operand| operand.matches(self.operator.test, text, context);
        self.operands.iter().any(matches) != self.operator.negated
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
        let rows: [(&str, &str, &[&str], &[&str]); 16] = [
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
            (
                "DateEquals",
                "2026-11",
                &["2026-11-01T00:00:00Z", "2026-11-01", "2026-11-01T00:00Z"],
                &["2026-11-02", "2026-12"],
            ),
            (
                "DateGreaterThanEquals",
                "2026-11-24T19:00+01:00",
                &["2026-11-24T18:00:00.5Z", "1795543200"],
                &["2026-11-24T17:59:59Z"],
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
        for none in [Vec::new(), vec![String::new()], vec![String::new(); 2]] {
            context.set_several("k", none);
            let holds = |operator: &str| condition(operator, &["a"]).holds(&context);
            assert!(holds("ForAllValues:StringEquals") && !holds("ForAnyValue:StringEquals"));
        }
        context.set_several("k", vec![String::new(), "a".to_owned()]);
        let holds = |operator: &str| condition(operator, &["a"]).holds(&context);
        assert!(!holds("ForAllValues:StringEquals") && holds("ForAnyValue:StringEquals"));
    }

    #[test]
    fn an_empty_value_is_no_match_but_for_all_values() {
        for (operator, expected) in [
            ("StringEquals", false),
            ("StringEqualsIfExists", false),
            ("StringNotEquals", true),
            ("ForAllValues:StringEquals", true),
            ("ForAllValues:StringLikeIfExists", true),
            ("ForAllValues:NumericLessThan", true),
            ("ForAnyValue:StringEquals", false),
            ("Null", false),
        ] {
            let value = if operator == "Null" { "true" } else { "1" };
            assert_eq!(holds(operator, &[value], Some("")), expected, "{operator}");
        }
        assert!(holds("StringEquals", &[""], Some("")));
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
