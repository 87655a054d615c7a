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

fn fault(fault: String) -> ArnError {
    ArnError { fault }
}

/// The pieces of a text between its first five colons; of a policy's text those of a variable do not count.
fn split(text: &str, variables: bool) -> Vec<&str> {
    let (mut pieces, mut from, mut inside) = (Vec::new(), 0, false);
    for (i, c) in text.char_indices() {
        match c {
            '$' if variables && text[i..].starts_with("${") => inside = true,
            '}' => inside = false,
            ':' if !inside && pieces.len() < 5 => {
                pieces.push(&text[from..i]);
                from = i + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[from..]);
    pieces
}

/// The pieces after `arn:` of a text that has the beginning of an ARN; at least one, at most five.
fn begun(text: &str, variables: bool) -> Result<Vec<&str>, ArnError> {
    let mut pieces = split(text, variables);
    if pieces.len() == 1 || pieces.remove(0) != "arn" {
        return Err(fault(format!("it does not begin with `arn:` ({FORM})")));
    }
    if pieces.iter().take(2).any(|piece| piece.is_empty()) {
        return Err(fault(format!("it lacks a partition or a service ({FORM})")));
    }
    if pieces.len() == 5 && pieces[4].is_empty() {
        return Err(fault(format!("it ends before the resource ({FORM})")));
    }
    Ok(pieces)
}

/// The five parts after `arn:` of a text that has the form of an ARN.
fn parts(text: &str, variables: bool) -> Result<[&str; 5], ArnError> {
    let too_few =
        |pieces: Vec<&str>| fault(format!("it has {} of 6 parts ({FORM})", pieces.len() + 1));
    <[&str; 5]>::try_from(begun(text, variables)?).map_err(too_few)
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Arn, ArnError> {
        let [partition, service, region, account, resource] =
            parts(text, false)?.map(str::to_owned);
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

/// An ARN as conditions write it: each of its parts stands for itself, and is told apart by case.
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
        let parts = parts(text, variables != Variables::Nowhere)?;
        Ok(ArnPattern {
            parts: std::array::from_fn(|i| piece(parts[i], i, variables)),
        })
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
        self.matches_parts(texts.map(String::as_str), context)
    }

    /// Whether a text is an ARN and it stands for it.
    pub fn matches_text(&self, text: &str, context: &Context) -> bool {
        let mut pieces = text.splitn(6, ':');
        let texts: [&str; 6] = std::array::from_fn(|_| pieces.next().unwrap_or_default());
        let [arn, partition, service, region, account, resource] = texts;
        let is_arn = arn == "arn" && ![partition, service, resource].contains(&"");
        is_arn && self.matches_parts([partition, service, region, account, resource], context)
    }

    fn matches_parts(&self, texts: [&str; 5], context: &Context) -> bool {
        // The last part tells most.
        let mut parts = self.parts.iter().zip(texts).rev();
        parts.all(|(part, text)| part.matches(text, context))
    }
}

/// The pattern of the piece after so many others.
fn piece(text: &str, after: usize, variables: Variables) -> Pattern {
    let syntax = Syntax {
        wildcards: true,
        variables: match variables {
            Variables::Nowhere => false,
            Variables::InResource => after == 4,
            Variables::Everywhere => true,
        },
        fold: false,
    };
    Pattern::new(text, syntax)
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

/// What a policy makes of an ARN with fewer than six parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// The missing parts are `*`: identity policies and permissions boundaries.
    Completed,
    /// It can stand for an ARN only where a `*` reaches beyond a colon: other policies.
    Reaching,
    /// It is refused: session policies.
    Refused,
}

/// An entry of `Resource`: an ARN of which a `*` at the end of a part can reach beyond colons, so that
/// `arn:aws:kms:*:key/k` is that key in any Region and account.
///
/// Source: IAM User Guide, `Resource` element, and identify AWS resources with ARNs (2026-11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePattern {
    /// As written.
    text: String,
    /// All six parts, each for itself.
    each: Option<ArnPattern>,
    /// The pieces after `arn:`, where one before the resource ends with `*`, and whether each does.
    reaching: Vec<(Pattern, bool)>,
}

impl ResourcePattern {
    /// Reads it.
    ///
    /// # Errors
    /// A text that is not an ARN.
    pub fn new(
        text: &str,
        variables: Variables,
        incomplete: Incomplete,
    ) -> Result<ResourcePattern, ArnError> {
        let pieces = begun(text, variables != Variables::Nowhere)?;
        let reaches = |piece: &&str| piece.ends_with('*');
        let reaching = pieces.iter().take(4).any(reaches);
        let missing = 5 - pieces.len();
        let each = match incomplete {
            Incomplete::Completed => {
                let completed = format!("{text}{}", ":*".repeat(missing));
                Some(ArnPattern::new(&completed, variables)?)
            }
            Incomplete::Reaching if missing > 0 && reaching => None,
            Incomplete::Reaching | Incomplete::Refused => Some(ArnPattern::new(text, variables)?),
        };
        let of = |(i, text): (usize, &&str)| (piece(text, i, variables), reaches(text));
        Ok(ResourcePattern {
            text: text.to_owned(),
            each,
            reaching: if reaching {
                pieces.iter().enumerate().map(of).collect()
            } else {
                Vec::new()
            },
        })
    }

    /// Whether it stands for this ARN.
    pub fn matches(&self, arn: &Arn, context: &Context) -> bool {
        let each = self.each.as_ref();
        each.is_some_and(|each| each.matches(arn, context)) || self.reaches(arn, context)
    }

    /// Whether it does if each `*` at the end of a piece may take in whole pieces of the ARN, where each part for
    /// itself does not.
    fn reaches(&self, arn: &Arn, context: &Context) -> bool {
        let Some(((last, open), before)) = self.reaching.split_last() else {
            return false;
        };
        // Of six parts each has to stand for one of the ARN's, unless its resource has colons.
        if before.len() == 4 && !arn.resource.contains(':') {
            return false;
        }
        // What comes before the first piece that reaches stands for one piece each; most do not, nor end as it does.
        let texts = [&arn.partition, &arn.service, &arn.region, &arn.account];
        let each = before.iter().take_while(|(_, reaches)| !reaches);
        if !(each.zip(texts)).all(|((pattern, _), text)| pattern.matches(text, context)) {
            return false;
        }
        let tail = last.tail();
        if !*open && arn.resource.len() >= tail.len() && !arn.resource.ends_with(tail) {
            return false;
        }
        let text = arn.to_string();
        // What follows each colon of the ARN, and where a piece of the pattern can begin.
        let rests: Vec<&str> = text
            .match_indices(':')
            .map(|(i, _)| &text[i + 1..])
            .collect();
        let mut here = vec![false; rests.len()];
        here[0] = true;
        let first = |rest: &'_ str| rest.split(':').next().unwrap_or_default().len();
        for (pattern, reaches) in before {
            let mut next = vec![false; rests.len()];
            for (i, rest) in rests.iter().enumerate().filter(|(i, _)| here[*i]) {
                if pattern.matches(&rest[..first(rest)], context) {
                    let to = if *reaches { rests.len() } else { i + 2 };
                    next.iter_mut().take(to).skip(i + 1).for_each(|n| *n = true);
                }
            }
            here = next;
        }
        let ends = |rest: &str| {
            if before.len() == 4 {
                last.matches(rest, context)
            } else {
                (*open || !rest.contains(':')) && last.matches(&rest[..first(rest)], context)
            }
        };
        rests
            .iter()
            .zip(here)
            .any(|(rest, here)| here && ends(rest))
    }
}

impl fmt::Display for ResourcePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, arn: &str) -> bool {
        let (variables, incomplete) = (Variables::InResource, Incomplete::Reaching);
        let pattern = ResourcePattern::new(pattern, variables, incomplete).expect("an ARN");
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
    fn a_star_reaches_beyond_colons_only_at_the_end_of_a_part() {
        const KEY: &str = "arn:aws:kms:eu-west-3:111122223333:key/k";
        for (pattern, arn) in [
            ("arn:aws:s3:*:*:b/*", "arn:aws:s3:::b/x"),
            ("arn:aws:s3:::*", "arn:aws:s3:::b/x"),
            ("arn:*:s3:::b/a*", "arn:aws:s3:::b/a/b:c"),
            ("arn:aws:s3:::b/a?c*d", "arn:aws:s3:::b/a:c:d"),
            ("arn:aws:s*", "arn:aws:s3:::b/x"),
            ("arn:aws:s3:*:b/x:c", "arn:aws:s3:::b/x:c"),
            ("arn:aws:kms:*:key/k", KEY),
            ("arn:aws:kms:*", KEY),
            ("arn:aws:kms:eu-*:key/?", KEY),
            ("arn:aws*:key/k", KEY),
            ("arn:*:1111*:key/k", KEY),
            ("arn:*", KEY),
            // The parts that are there can be more than six.
            (
                "arn:aws:logs:*:log-group:/a:*",
                "arn:aws:logs:eu-west-3:111122223333:log-group:/a:log-stream:s",
            ),
        ] {
            assert!(matches(pattern, arn), "{pattern} {arn}");
        }
        for (pattern, arn) in [
            ("arn:aws:s3:::b", "arn:aws:s3:::b/x"),
            ("arn:aws:s3:::B/*", "arn:aws:s3:::b/x"),
            ("arn:aws:kms:*:key/l", KEY),
            ("arn:aws*:*west-3:key/k", KEY),
            ("arn:aws:kms:us-*:key/k", KEY),
            ("arn:aws:kms:*:3:key/k", KEY),
            ("arn:aws:kms*:alias/k", KEY),
            // Everything is told apart by case.
            ("arn:AWS:kms:eu-west-3:111122223333:key/k", KEY),
            ("arn:aws:KMS:eu-west-3:111122223333:key/k", KEY),
            ("arn:aws:kms:EU-WEST-3:111122223333:key/k", KEY),
            ("arn:aws:kms:EU-*:key/k", KEY),
        ] {
            assert!(!matches(pattern, arn), "{pattern} {arn}");
        }
    }

    #[test]
    fn agrees_with_the_plain_rule() {
        // The plain rule: the whole text, with a `*` at the end of a part as any run of characters.
        fn plain(p: &str, t: &str, colons: usize) -> bool {
            let mut chars = p.chars();
            let Some(c) = chars.next() else {
                return t.is_empty();
            };
            let rest = chars.as_str();
            let over = colons == 5 || (c == '*' && (rest.is_empty() || rest.starts_with(':')));
            let one = t.chars().next().filter(|t| over || *t != ':');
            match (c, one) {
                ('*', one) => {
                    plain(rest, t, colons)
                        || one.is_some_and(|t0| plain(p, &t[t0.len_utf8()..], colons))
                }
                ('?', Some(t0)) => plain(rest, &t[t0.len_utf8()..], colons),
                (c, _) => {
                    let colons = if c == ':' {
                        (colons + 1).min(5)
                    } else {
                        colons
                    };
                    t.strip_prefix(c).is_some_and(|t| plain(rest, t, colons))
                }
            }
        }
        let mut stream = crate::engine::random::Key::root(15, 0)
            .named("arns")
            .stream();
        let mut word = |bits: &[&str], n: u64| -> String {
            let n = stream.below(n);
            (0..n)
                .map(|_| bits[stream.below(bits.len() as u64) as usize])
                .collect()
        };
        let (mut yes, mut read) = (0, 0);
        for _ in 0..40_000 {
            let arn = format!(
                "arn:a:{}:{}:{}:{}",
                word(&["s"], 2) + "s",
                word(&["a", "b"], 2),
                word(&["a", "b"], 2),
                word(&["a", "b", ":", "/"], 5) + "b",
            );
            let pattern = format!(
                "arn:a:{}",
                word(&["a", "b", "s", ":", ":", "*", "?", "/"], 10)
            );
            let incomplete = Incomplete::Reaching;
            let Ok(read_) = ResourcePattern::new(&pattern, Variables::Nowhere, incomplete) else {
                continue;
            };
            read += 1;
            let got = read_.matches(&arn.parse().expect("an ARN"), &Context::default());
            yes += u32::from(got);
            assert_eq!(got, plain(&pattern, &arn, 0), "{pattern} {arn}");
        }
        assert!(read > 1_000 && yes > 100, "{read} {yes}");
    }

    #[test]
    fn what_becomes_of_an_incomplete_arn() {
        let read = |text, incomplete| ResourcePattern::new(text, Variables::InResource, incomplete);
        let object: Arn = "arn:aws:s3:::b/x".parse().expect("an ARN");
        for text in ["arn:aws:s3", "arn:aws", "arn:aws:s3:", "arn:aws:s3::"] {
            let completed = read(text, Incomplete::Completed).expect("an ARN");
            assert!(completed.matches(&object, &Context::default()), "{text}");
            assert!(read(text, Incomplete::Reaching).is_err(), "{text}");
            assert!(read(text, Incomplete::Refused).is_err(), "{text}");
        }
        for text in ["arn:aws:kms", "arn:aws:s3:b/x", "arn:aws:s3:eu-west-3"] {
            let completed = read(text, Incomplete::Completed).expect("an ARN");
            assert!(!completed.matches(&object, &Context::default()), "{text}");
        }
        assert!(read("arn:aws:s3:*", Incomplete::Reaching).is_ok());
        assert!(read("arn:aws:s3:*", Incomplete::Refused).is_err());
        for text in [
            "arn",
            "arn*",
            "*:aws:s3:::b",
            "arn:aws:s3:::",
            "arn::s3",
            "arn:",
        ] {
            assert!(read(text, Incomplete::Completed).is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_is_matched_as_the_arn_that_it_is() {
        let pattern = ArnPattern::new("arn:*:*:*:*:*", Variables::Everywhere).expect("an ARN");
        for text in [
            "arn:aws:s3:::b",
            "arn:aws:logs:us-east-1:111122223333:log-group:/app/g:*",
            "arn:aws:s3:::b/é:",
            "arn:aws:s3:::",
            "arn:aws:s3::b",
            "arn:aws::a:b:c",
            "arn::s3:::b",
            "aws:s3:::b:",
            "arn",
            "",
        ] {
            let read = text.parse::<Arn>();
            let by_arn = read.is_ok_and(|arn| pattern.matches(&arn, &Context::new()));
            let by_text = pattern.matches_text(text, &Context::new());
            assert_eq!(by_text, by_arn, "{text}");
        }
    }

    #[test]
    fn colons_of_a_variable_part_nothing() {
        let context = Context::from([
            ("aws:ResourceAccount", "111122223333"),
            ("aws:username", "k"),
        ]);
        let key: Arn = "arn:aws:kms:eu-west-3:111122223333:key/k"
            .parse()
            .expect("an ARN");
        let everywhere = "arn:aws:kms:*:${aws:ResourceAccount}:key/${aws:username}";
        let pattern = ArnPattern::new(everywhere, Variables::Everywhere).expect("an ARN");
        assert!(pattern.matches(&key, &context));
        let (in_resource, reaching) = (Variables::InResource, Incomplete::Reaching);
        let text = "arn:aws:kms:*:*:key/${aws:username}";
        let pattern = ResourcePattern::new(text, in_resource, reaching).expect("an ARN");
        assert!(pattern.matches(&key, &context));
        // Before the fifth colon a variable is a text like any other.
        let text = "arn:aws:kms:*:key/${aws:username}";
        let pattern = ResourcePattern::new(text, in_resource, reaching).expect("an ARN");
        assert!(!pattern.matches(&key, &context));
    }
}
