//! Amazon Resource Names: `arn:partition:service:region:account:resource`.

use super::context::Context;
use super::pattern::{Pattern, Syntax};
use std::fmt;
use std::str::FromStr;

/// The ARN of one resource or principal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// `s3`, `kms`, `iam`.
    pub service: String,
    /// Empty where Regions mean nothing.
    pub region: String,
    /// Twelve digits; empty for buckets and objects.
    pub account: String,
    /// `bucket/key`, `key/1234abcd-…`, `role/app`: everything after the fifth colon.
    pub resource: String,
}

/// Why a text is not an ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct ArnError {
    fault: String,
}

/// What an ARN consists of, for messages.
pub const FORM: &str = "arn:partition:service:region:account:resource";

/// The six parts of a text that has the form of an ARN.
pub(super) fn parts(text: &str) -> Result<[&str; 5], ArnError> {
    let fault = |fault: String| Err(ArnError { fault });
    let mut split = text.splitn(6, ':');
    if split.next() != Some("arn") {
        return fault(format!("it does not begin with `arn:` ({FORM})"));
    }
    let rest: Vec<&str> = split.collect();
    match <[&str; 5]>::try_from(rest) {
        Ok(parts) if parts[0].is_empty() || parts[1].is_empty() => {
            fault(format!("it has no partition or no service ({FORM})"))
        }
        Ok(parts) if parts[4].is_empty() => fault(format!("it ends before the resource ({FORM})")),
        Ok(parts) => Ok(parts),
        Err(rest) => fault(format!("it has {} of 6 parts ({FORM})", rest.len() + 1)),
    }
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Arn, ArnError> {
        let [partition, service, region, account, resource] = parts(text)?.map(str::to_owned);
        Ok(Arn {
            partition,
            service,
            region,
            account,
            resource,
        })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition, self.service, self.region, self.account, self.resource
        )
    }
}

/// An ARN as policies write it; each part stands for itself, and none reaches over a colon but the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnPattern {
    parts: [Pattern; 5],
}

impl ArnPattern {
    /// Reads it. Wildcards count in every part, variables where `variables` says.
    ///
    /// # Errors
    /// A text that is not an ARN.
    pub fn new(text: &str, variables: Variables) -> Result<ArnPattern, ArnError> {
        let mut position = 0;
        Ok(ArnPattern {
            parts: parts(text)?.map(|part| {
                position += 1;
                let syntax = Syntax {
                    wildcards: true,
                    variables: match variables {
                        Variables::Nowhere => false,
                        Variables::InResource => position == 5,
                        Variables::Everywhere => true,
                    },
                    // Names of buckets, objects and keys are told apart by case; the rest is not.
                    fold: position < 5,
                };
                Pattern::new(part, syntax)
            }),
        })
    }

    /// Reads an entry of `Resource`, which may be cut short after a `*`: `arn:aws:s3*` is
    /// `arn:aws:s3*:*:*:*`.
    ///
    /// # Errors
    /// A text that is not an ARN.
    pub fn of_resource(text: &str, variables: Variables) -> Result<ArnPattern, ArnError> {
        let missing = 5_usize.saturating_sub(text.matches(':').count());
        if missing > 0 && text.starts_with("arn:") && text.ends_with('*') {
            return ArnPattern::new(&format!("{text}{}", ":*".repeat(missing)), variables);
        }
        ArnPattern::new(text, variables)
    }

    /// Whether it stands for this ARN.
    pub fn matches(&self, arn: &Arn, context: &Context) -> bool {
        let texts = [
            &arn.partition,
            &arn.service,
            &arn.region,
            &arn.account,
            &arn.resource,
        ];
        // The last part tells most.
        let mut parts = self.parts.iter().zip(texts).rev();
        parts.all(|(part, text)| part.matches(text, context))
    }

    /// The context keys of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().flat_map(Pattern::variables)
    }
}

/// Where variables count in an ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    /// Policies of version 2008-10-17.
    Nowhere,
    /// `Resource`: after the fifth colon.
    InResource,
    /// Values of conditions.
    Everywhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, arn: &str) -> bool {
        let pattern = ArnPattern::of_resource(pattern, Variables::InResource).expect("an ARN");
        pattern.matches(&arn.parse().expect("an ARN"), &Context::default())
    }

    #[test]
    fn read_and_written() {
        let text = "arn:aws:logs:us-east-1:111122223333:log-group:/app/g:*";
        let arn: Arn = text.parse().expect("an ARN");
        assert_eq!(arn.resource, "log-group:/app/g:*");
        assert_eq!(arn.to_string(), text);
        for wrong in [
            "",
            "arn",
            "arn:aws:s3",
            "aws:s3:::b",
            "arn:aws:s3:::",
            "arn::s3:::b",
        ] {
            assert!(wrong.parse::<Arn>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_part_reaches_over_a_colon() {
        assert!(matches("arn:aws:s3:*:*:b/*", "arn:aws:s3:::b/x"));
        assert!(matches("arn:aws:s3:::*", "arn:aws:s3:::b/x"));
        assert!(matches("arn:*:s3:::b/a*", "arn:aws:s3:::b/a/b:c"));
        assert!(!matches("arn:aws:s3:*:b/x:c", "arn:aws:s3:::b/x:c"));
        assert!(matches("arn:aws:s*", "arn:aws:s3:::b/x"));
        assert!(ArnPattern::of_resource("arn:aws:s3:b/x", Variables::Nowhere).is_err());
        assert!(!matches("arn:aws:s3:::b", "arn:aws:s3:::b/x"));
        assert!(!matches("arn:aws:s3:::B/*", "arn:aws:s3:::b/x"));
    }
}
