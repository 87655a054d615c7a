//! Names of an account as pseudonyms: the same name the same pseudonym within a run, and none told by its letters.
//!
//! A pseudonym is the beginning of SHA-256 over a secret of the run, what kind of name it is, and the name. A plain hash would
//! not do: there are only 10¹² account numbers.

use super::evidence::series::NOT_A_NAME;
use crate::units::visible::acts;
use sha2::{Digest, Sha256};

/// How names are written.
#[derive(Clone, Debug)]
pub enum Names {
    /// As they are.
    Kept,
    /// As pseudonyms, by this secret.
    Hidden([u8; 32]),
}

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameOf {
    /// An account.
    Account,
    /// A bucket.
    Bucket,
    /// A KMS key.
    Key,
    /// A role, user or service.
    Requester,
    /// What a template calls something: a resource, a parameter, a condition.
    Declared,
}

impl NameOf {
    fn word(self) -> &'static str {
        match self {
            NameOf::Account => "account",
            NameOf::Bucket => "bucket",
            NameOf::Key => "key",
            NameOf::Requester => "role",
            NameOf::Declared => "name",
        }
    }
}

/// Hexadecimal digits of a pseudonym: of 20,000 names no two get the same one, but once in a million runs.
const DIGITS: usize = 12;

/// AWS's own names tell nothing of an account.
fn is_public(kind: NameOf, name: &str) -> bool {
    let is_host = |name: &str| {
        let service = name.strip_suffix(".amazonaws.com");
        service.is_some_and(|s| {
            s.len() <= 60
                && s.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
        })
    };
    match kind {
        NameOf::Account | NameOf::Bucket | NameOf::Declared => name.is_empty(),
        NameOf::Key => {
            let service = name.strip_prefix("alias/aws/");
            name.is_empty()
                || service.is_some_and(|s| {
                    s.len() <= 20
                        && s.bytes()
                            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                })
        }
        NameOf::Requester => name.is_empty() || is_host(name) || name == "AWS Internal",
    }
}

/// Characters that a terminal takes for commands, shown as one that it does not.
fn without_commands(text: &str) -> String {
    let harmless = |c: char| {
        // A path has one line.
        if c.is_control() || acts(c) {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(harmless).collect()
}

impl Names {
    /// A name as a scenario may use it: letters, digits, `-` and `_`.
    pub fn of(&self, kind: NameOf, name: &str) -> String {
        match self {
            Names::Hidden(_) if !is_public(kind, name) => {
                format!("{}-{}", kind.word(), self.tag(kind.word(), name))
            }
            Names::Hidden(_) | Names::Kept => plain(short(kind, name), kind),
        }
    }

    /// A name as it is written where it may be long, such as an ARN.
    pub fn whole(&self, kind: NameOf, name: &str) -> String {
        match self {
            Names::Kept => name.to_owned(),
            Names::Hidden(_) => self.of(kind, name),
        }
    }

    fn tag(&self, kind: &str, name: &str) -> String {
        let Names::Hidden(secret) = self else {
            return String::new();
        };
        let mut hash = Sha256::new();
        hash.update(secret);
        hash.update(kind.as_bytes());
        hash.update([0]);
        hash.update(name.as_bytes());
        let bytes = hash.finalize();
        let all: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        all[..DIGITS].to_owned()
    }

    /// A path, or a text with one: twelve digits in it are an account's number, and of the folders only the last is told.
    pub fn path(&self, path: &str) -> String {
        let Names::Hidden(_) = self else {
            return without_commands(path);
        };
        let path = &without_commands(path);
        let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
        let mut told = String::new();
        let mut digits = String::new();
        for c in file.chars().chain(['\0']) {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            if digits.len() == 12 {
                told.push_str(&format!("account-{}", self.tag("account", &digits)));
            } else {
                told.push_str(&digits);
            }
            digits.clear();
            if c != '\0' {
                told.push(c);
            }
        }
        if folders.is_empty() {
            told
        } else {
            format!("…/{told}")
        }
    }

    /// A key of a counter: AWS's words stay; names that look like ARNs or account numbers do not, and what may be a token is
    /// told by nobody.
    pub fn in_counter(&self, key: &str) -> String {
        // AWS's words are short; tokens and sentences are not.
        let is_word = |c: char| c.is_ascii_alphanumeric() || " ,:._-/()".contains(c);
        let mut words = key.split([' ', ',', ':', '.', '/', '-', '_']);
        let is_odd = key.len() > 300 || !key.chars().all(is_word) || words.any(|w| w.len() > 60);
        let has_number = key
            .split(|c: char| !c.is_ascii_digit())
            .any(|run| run.len() == 12);
        match self {
            Names::Kept if is_odd => NOT_A_NAME.to_owned(),
            Names::Hidden(_) if is_odd || has_number || key.contains("arn:aws") => {
                format!("name-{}", self.tag("name", key))
            }
            Names::Kept | Names::Hidden(_) => key.to_owned(),
        }
    }
}

/// The part of an ARN that people know it by.
fn short(kind: NameOf, name: &str) -> &str {
    let last = name.rsplit(['/', ':']).next().unwrap_or(name);
    match kind {
        NameOf::Account | NameOf::Bucket | NameOf::Declared => name,
        NameOf::Key | NameOf::Requester => last,
    }
}

/// A name that TOML takes without quotes, and that fits on a line.
fn plain(name: &str, kind: NameOf) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '-'
        }
    };
    let plain: String = name.chars().take(60).map(letter).collect();
    let trimmed = plain.trim_matches('-');
    if trimmed.is_empty() {
        kind.word().to_owned()
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_stable_and_keyed() {
        let (one, two) = (Names::Hidden([1; 32]), Names::Hidden([2; 32]));
        let of = |names: &Names, name| names.of(NameOf::Account, name);
        assert_eq!(of(&one, "111122223333"), of(&one, "111122223333"));
        assert_ne!(of(&one, "111122223333"), of(&two, "111122223333"));
        assert_ne!(of(&one, "111122223333"), of(&one, "111122223334"));
        assert!(!of(&one, "111122223333").contains("1111"));
        let path = one.path("/home/me/AWSLogs/111122223333/111122223333_CloudTrail_eu_1.json.gz");
        assert!(
            path.starts_with("…/account-") && path.ends_with("_CloudTrail_eu_1.json.gz"),
            "{path}"
        );
        for word in [
            "Department,Project",
            "aws:s3:arn",
            "CloudHsmClusterInvalidConfigurationException",
            "REST.GET.OBJECT",
            "AWS Internal",
        ] {
            assert_eq!(one.in_counter(word), word);
        }
        for hidden in [
            "a=b",
            "x\u{1b}[2J",
            &"k".repeat(61),
            "arn:aws:iam::1:role/r",
        ] {
            assert!(one.in_counter(hidden).starts_with("name-"), "{hidden}");
        }
        assert_eq!(
            Names::Kept.path("a\u{1b}]0;x\u{7}"),
            "a\u{fffd}]0;x\u{fffd}"
        );
        assert_eq!(one.of(NameOf::Key, "alias/aws/s3"), "s3");
        assert!(
            one.of(NameOf::Bucket, "x.amazonaws.com")
                .starts_with("bucket-")
        );
        assert!(
            !one.in_counter("arn:aws:iam::111122223333:role/x")
                .contains("111122223333")
        );
    }

    #[test]
    fn kept_names_are_plain() {
        let names = Names::Kept;
        let arn = "arn:aws:iam::111122223333:role/etl";
        assert_eq!(names.of(NameOf::Requester, arn), "etl");
        assert_eq!(names.of(NameOf::Bucket, "a\"]\nb"), "a---b");
        assert_eq!(names.of(NameOf::Key, "\u{1b}"), "key");
    }
}
