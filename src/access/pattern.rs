//! Texts of a policy that stand for many: wildcards and policy variables.
//!
//! `*` is any run of characters, `?` is one, `${key}` is the value that the request has under a context key,
//! `${key, 'text'}` the same with a default, and `${*}`, `${?}`, `${$}` are those characters themselves.
//! What a variable brings is always taken literally. Source: IAM User Guide, policy variables (2026-11).

use super::context::Context;
use std::borrow::Cow;

/// A text of a policy, cut into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<PatternPart>,
    /// Written in lower case, to be compared with texts in lower case.
    folded: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternPart {
    Literal(String),
    /// `*`
    Any,
    /// `?`
    One,
    /// `${key}`, `${key, 'text'}`
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// What has a meaning of its own in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// `*` and `?`.
    pub wildcards: bool,
    /// `${…}`; policies of version 2008-10-17 have none.
    pub variables: bool,
    /// Upper and lower case are the same.
    pub fold: bool,
}

impl Pattern {
    /// Whether it stands for every text: `*`.
    pub fn is_any(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| *part == PatternPart::Any)
    }

    /// Cuts a text into its parts.
    pub fn new(text: &str, syntax: Syntax) -> Pattern {
        let mut pattern = Pattern {
            parts: Vec::new(),
            folded: syntax.fold,
        };
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let mut length = c.len_utf8();
            match c {
                '*' if syntax.wildcards => pattern.parts.push(PatternPart::Any),
                '?' if syntax.wildcards => pattern.parts.push(PatternPart::One),
                '$' if syntax.variables && rest.starts_with("${") => {
                    match rest.find('}') {
                        Some(end) => {
                            pattern.variable(&rest[2..end]);
                            length = end + 1;
                        }
                        None => pattern.literal("$"),
                    };
                }
                _ => {
                    let special = |c: char| matches!(c, '*' | '?' | '$');
                    length += rest[length..].find(special).unwrap_or(rest.len() - length);
                    pattern.literal(&rest[..length]);
                }
            }
            rest = &rest[length..];
        }
        pattern
    }

    /// Whether `text` is what the pattern stands for; never, if a variable has no value.
    pub fn matches(&self, text: &str, context: &Context) -> bool {
        // Most actions are one word, and most do not match: no text is made for that.
        if self.folded
            && let [PatternPart::Literal(literal)] = self.parts.as_slice()
            && literal.is_ascii()
            && text.is_ascii()
        {
            return literal.eq_ignore_ascii_case(text);
        }
        let text = if self.folded {
            lower(text)
        } else {
            Cow::Borrowed(text)
        };
        let text = text.as_ref();
        // Most texts of a policy are one word or `*`.
        match self.parts.as_slice() {
            [] => return text.is_empty(),
            [PatternPart::Literal(literal)] => return literal == text,
            [PatternPart::Any] => return true,
            [PatternPart::Literal(literal), PatternPart::Any] => {
                return text.starts_with(literal.as_str());
            }
            _ => {}
        }
        let filled = Filled {
            folded: self.folded,
            context,
        };
        filled.stand_for(&self.parts, text)
    }

    /// What every text that it stands for ends with; empty where that depends.
    pub fn tail(&self) -> &str {
        match self.parts.last() {
            Some(PatternPart::Literal(literal)) if !self.folded => literal,
            Some(
                PatternPart::Literal(_)
                | PatternPart::Any
                | PatternPart::One
                | PatternPart::Variable { .. },
            )
            | None => "",
        }
    }

    /// The context keys of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            PatternPart::Variable { key, .. } => Some(key.as_str()),
            PatternPart::Literal(_) | PatternPart::Any | PatternPart::One => None,
        })
    }

    /// Whether it stands for more than one text.
    pub fn has_wildcards(&self) -> bool {
        let wild = |part: &PatternPart| matches!(part, PatternPart::Any | PatternPart::One);
        self.parts.iter().any(wild)
    }

    fn literal(&mut self, text: &str) {
        let text = if self.folded {
            lower(text)
        } else {
            Cow::Borrowed(text)
        };
        match self.parts.last_mut() {
            Some(PatternPart::Literal(last)) => last.push_str(&text),
            _ => self.parts.push(PatternPart::Literal(text.into_owned())),
        }
    }

    fn variable(&mut self, inside: &str) {
        if matches!(inside, "*" | "?" | "$") {
            return self.literal(inside);
        }
        let (key, default) = match inside.split_once(',') {
            Some((key, default)) => (key, Some(default.trim())),
            None => (inside, None),
        };
        let quoted = |text: &str| Some(text.strip_prefix('\'')?.strip_suffix('\'')?.to_owned());
        self.parts.push(PatternPart::Variable {
            key: key.trim().to_owned(),
            default: default.and_then(quoted),
        });
    }
}

/// In lower case; most texts are.
fn lower(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
    {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// Parts as they stand in one request, where its context fills the variables; what no variable fills is cut once,
/// when the policy is read, and compared where it lies.
struct Filled<'c> {
    folded: bool,
    context: &'c Context,
}

impl Filled<'_> {
    /// Between two `*` everything has a fixed length: the first such run must begin the text, the last must
    /// end it, and each between is taken where it first occurs. So no text takes more than its length times
    /// that of the pattern. A variable without a value stands for nothing, and every run is looked at before
    /// a text is found to match.
    fn stand_for(&self, parts: &[PatternPart], text: &str) -> bool {
        let mut runs = parts.split(|part| *part == PatternPart::Any);
        let Some(mut rest) = self.begins(runs.next().unwrap_or_default(), text) else {
            return false;
        };
        let Some(last) = runs.next_back() else {
            return rest.is_empty();
        };
        for run in runs.filter(|run| !run.is_empty()) {
            match self.first_occurrence(run, rest) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        self.ends(last, rest)
    }

    /// What follows `run` at the beginning of a text.
    fn begins<'t>(&self, run: &[PatternPart], text: &'t str) -> Option<&'t str> {
        let mut rest = text;
        for part in run {
            rest = match part {
                PatternPart::Literal(literal) => rest.strip_prefix(literal.as_str())?,
                PatternPart::Variable { key, default } => {
                    rest.strip_prefix(self.value(key, default.as_deref())?.as_ref())?
                }
                PatternPart::One => {
                    let mut chars = rest.chars();
                    chars.next()?;
                    chars.as_str()
                }
                PatternPart::Any => rest,
            };
        }
        Some(rest)
    }

    /// What follows the first place of a text at which `run` begins.
    fn first_occurrence<'t>(&self, run: &[PatternPart], text: &'t str) -> Option<&'t str> {
        let starts = text.char_indices().map(|(i, _)| i).chain([text.len()]);
        starts
            .into_iter()
            .find_map(|i| self.begins(run, &text[i..]))
    }

    fn ends(&self, run: &[PatternPart], text: &str) -> bool {
        let mut rest = text;
        for part in run.iter().rev() {
            let before = match part {
                PatternPart::Literal(literal) => rest.strip_suffix(literal.as_str()),
                PatternPart::Variable { key, default } => self
                    .value(key, default.as_deref())
                    .and_then(|value| rest.strip_suffix(value.as_ref())),
                PatternPart::One => {
                    let mut chars = rest.chars();
                    chars.next_back().map(|_| chars.as_str())
                }
                PatternPart::Any => Some(rest),
            };
            match before {
                Some(before) => rest = before,
                None => return false,
            }
        }
        true
    }

    /// What a variable stands for.
    fn value<'v>(&'v self, key: &str, default: Option<&'v str>) -> Option<Cow<'v, str>> {
        let value = self.context.single(key).or(default)?;
        Some(if self.folded {
            lower(value)
        } else {
            Cow::Borrowed(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Syntax = Syntax {
        wildcards: true,
        variables: true,
        fold: false,
    };

    fn matches(pattern: &str, text: &str) -> bool {
        let context = Context::from([("aws:username", "al*ce"), ("aws:PrincipalTag/team", "x")]);
        Pattern::new(pattern, ALL).matches(text, &context)
    }

    #[test]
    fn wildcards() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "a"),
            ("**", "ab"),
            ("a*c", "abc"),
            ("a*c", "ac"),
            ("a*b*c", "a-b-b-c"),
            ("*abc", "ababc"),
            ("a?c", "aéc"),
            ("*?", "a"),
            ("?*?", "ab"),
            ("*aab", "aaab"),
            ("a*?b*", "axxbb"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a*c", "abcd"),
            ("a?c", "ac"),
            ("?", ""),
            ("*?*?", "a"),
            ("ab*ba", "aba"),
            ("a", "A"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn variables() {
        assert!(matches("home/${aws:username}/*", "home/al*ce/x"));
        // The value of a variable is not a wildcard.
        assert!(!matches("home/${aws:username}/*", "home/alice/x"));
        assert!(matches("${AWS:principaltag/TEAM}", "x"));
        assert!(matches("${aws:none, 'y'}-${*}", "y-*"));
        assert!(!matches("${aws:none}*", ""));
        assert!(!matches("${aws:none}*", "${aws:none}*"));
        assert!(matches("${aws:username", "${aws:username"));
        let old = Syntax {
            variables: false,
            ..ALL
        };
        let old = Pattern::new("${aws:username}", old);
        assert!(old.matches("${aws:username}", &Context::default()));
    }

    #[test]
    fn agrees_with_the_plain_rule() {
        // Every text and pattern of up to five characters over small alphabets.
        fn plain(p: &[u8], t: &[u8]) -> bool {
            match (p.first(), t.first()) {
                (None, None) => true,
                (Some(b'*'), _) => plain(&p[1..], t) || (!t.is_empty() && plain(p, &t[1..])),
                (Some(b'?'), Some(_)) => plain(&p[1..], &t[1..]),
                (Some(a), Some(b)) if a == b => plain(&p[1..], &t[1..]),
                _ => false,
            }
        }
        let words = |alphabet: &[u8]| {
            let mut all = vec![Vec::new()];
            let mut last = all.clone();
            for _ in 0..5 {
                let longer = |w: &Vec<u8>| {
                    let w = w.clone();
                    alphabet
                        .iter()
                        .map(move |&c| [w.as_slice(), &[c]].concat())
                        .collect::<Vec<_>>()
                };
                last = last.iter().flat_map(longer).collect();
                all.extend(last.clone());
            }
            all
        };
        let texts = words(b"ab");
        for pattern in words(b"ab*?") {
            let written = String::from_utf8(pattern.clone()).expect("ASCII");
            let compiled = Pattern::new(&written, ALL);
            for text in &texts {
                let text_ = std::str::from_utf8(text).expect("ASCII");
                let got = compiled.matches(text_, &Context::default());
                assert_eq!(got, plain(&pattern, text), "{written} {text_}");
            }
        }
    }
}
