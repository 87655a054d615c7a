//! What people write in one line: read, printed and read again, it is the same.

use kmsim::access::arn::{Arn, ArnPattern, Incomplete, ResourcePattern, Variables};
use kmsim::access::pattern::{Pattern, Syntax};
use kmsim::access::principal::PrincipalEntry;
use kmsim::access::{Context, Principal};
use kmsim::input::diagnostic::Sources;
use kmsim::input::setting::Setting;
use kmsim::metrics::target::Target;
use kmsim::sweep::axis::{Quantity, SweepAxis};
use kmsim::units::{Bytes, Rate, Share, Span, UnitError};
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// Text as each of the grammars.
pub fn grammar(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    unit::<Span>(text);
    unit::<Rate>(text);
    unit::<Bytes>(text);
    unit::<Share>(text);
    let _ = again::<Arn>(text);
    let _ = again::<Principal>(text);
    again::<Target>(text)
        .err()
        .inspect(|fault| assert!(!fault.help().is_empty()));
    if let Ok(target) = text.parse::<Target>() {
        if target.row().is_some_and(|row| row.scope.has_breakdown()) {
            let named = target.of_workload("w");
            assert_eq!(named.to_string().parse(), Ok(named));
        }
        assert!(target.limit.is_finite());
    }
    axis(text);
    patterns(text);
    if let Err(fault) = Setting::parse(&mut Sources::new(), text) {
        assert!(fault.help.is_some(), "no way out: {}", fault.message);
    }
}

/// What is read is printed so that it reads the same.
fn again<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) -> Result<(), T::Err> {
    let read: T = text.parse()?;
    let printed = read.to_string();
    let back: T = printed
        .parse()
        .unwrap_or_else(|e| panic!("{text:?} is printed as {printed:?}: {e:?}"));
    assert_eq!(back, read, "{text:?} is printed as {printed:?}");
    Ok(())
}

fn unit<T: FromStr<Err = UnitError> + Display + PartialEq + Debug>(text: &str) {
    if let Err(fault) = again::<T>(text) {
        assert!(!fault.help().is_empty(), "no way out: {fault}");
    }
}

fn axis(text: &str) {
    let Ok(axis) = text.parse::<SweepAxis>() else {
        return;
    };
    let shares = [0.0, 0.3, 1.0].map(|share| axis.at(share));
    let values = if axis.is_finite() {
        axis.values()
    } else {
        Vec::new()
    };
    assert!(values.len() <= 10_000);
    for value in shares.iter().chain(values.iter().take(20)) {
        let is_number = !text.contains("..") || !value.starts_with("NaN");
        assert!(!value.is_empty() && is_number, "{text:?}: {value:?}");
        let quantity = Quantity::of(value);
        assert!(
            quantity.is_none_or(|q| !q.value.is_nan()),
            "{text:?}: {value:?}"
        );
    }
}

fn patterns(text: &str) {
    let arn = Arn {
        partition: "aws".to_owned(),
        service: "kms".to_owned(),
        region: "us-east-1".to_owned(),
        account: "111122223333".to_owned(),
        resource: "key/k".to_owned(),
    };
    let context = Context::new();
    for bits in 0..8 {
        let syntax = Syntax {
            wildcards: bits & 1 != 0,
            variables: bits & 2 != 0,
            fold: bits & 4 != 0,
        };
        let pattern = Pattern::new(text, syntax);
        let _ = pattern.matches("key/k", &context);
        let is_plain = !text.contains(['*', '?', '$']) && (bits & 4 == 0 || text.is_ascii());
        if is_plain && (bits & 4 == 0 || text.to_lowercase() == text) {
            assert!(pattern.matches(text, &context), "{text:?} is not itself");
        }
        assert!(!pattern.is_any() || text.contains('*'), "{text:?}");
        assert!(text.ends_with(pattern.tail()) || bits & 6 != 0, "{text:?}");
    }
    for variables in [
        Variables::Nowhere,
        Variables::InResource,
        Variables::Everywhere,
    ] {
        if let Ok(pattern) = ArnPattern::new(text, variables) {
            let matches = pattern.matches(&arn, &context);
            assert_eq!(
                matches,
                pattern.matches_text(&arn.to_string(), &context),
                "{text:?}"
            );
        }
        for incomplete in [
            Incomplete::Completed,
            Incomplete::Reaching,
            Incomplete::Refused,
        ] {
            if let Ok(pattern) = ResourcePattern::new(text, variables, incomplete) {
                let _ = pattern.matches(&arn, &context);
                assert_eq!(pattern.to_string(), text);
            }
        }
    }
    match PrincipalEntry::aws(text) {
        Ok(entry) => assert_eq!(
            PrincipalEntry::aws(&entry.to_string()),
            Ok(entry),
            "{text:?}"
        ),
        Err(reason) => assert!(!reason.is_empty()),
    }
    if let Ok(entry) = PrincipalEntry::service(text) {
        assert_eq!(entry.to_string(), text);
    }
}
