//! Names of an account as pseudonyms: the same name the same pseudonym within a run, and none told by its letters.
//!
//! A pseudonym is the beginning of SHA-256 over a secret of the run, what kind of name it is, and the name. A plain hash would
//! not do: there are only 10¹² account numbers.

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
}

impl NameOf {
    fn word(self) -> &'static str {
        match self {
            NameOf::Account => "account",
            NameOf::Bucket => "bucket",
            NameOf::Key => "key",
            NameOf::Requester => "role",
        }
    }
}

/// AWS's own names tell nothing of an account.
fn is_public(name: &str) -> bool {
    name.is_empty()
        || name.ends_with(".amazonaws.com")
        || name == "AWS Internal"
        || name == "alias/aws/s3"
}

impl Names {
    /// A name as a scenario may use it: letters, digits, `-` and `_`.
    pub fn of(&self, kind: NameOf, name: &str) -> String {
        match self {
            Names::Hidden(_) if !is_public(name) => {
                format!("{}-{}", kind.word(), self.tag(kind.word(), name, 8))
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

    fn tag(&self, kind: &str, name: &str, digits: usize) -> String {
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
        all[..digits].to_owned()
    }

    /// A path, or a text with one: twelve digits in it are an account's number, and of the folders only the last is told.
    pub fn path(&self, path: &str) -> String {
        let Names::Hidden(_) = self else {
            return path.to_owned();
        };
        let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
        let mut told = String::new();
        let mut digits = String::new();
        for c in file.chars().chain(['\0']) {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            if digits.len() == 12 {
                told.push_str(&format!("account-{}", self.tag("account", &digits, 8)));
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

    /// A key of a counter: AWS's words stay; names that look like ARNs or account numbers do not.
    pub fn in_counter(&self, key: &str) -> String {
        let Names::Hidden(_) = self else {
            return key.to_owned();
        };
        let has_number = key
            .split(|c: char| !c.is_ascii_digit())
            .any(|run| run.len() == 12);
        if has_number || key.starts_with("arn:") {
            format!("name-{}", self.tag("name", key, 8))
        } else {
            key.to_owned()
        }
    }
}

/// The part of an ARN that people know it by.
fn short(kind: NameOf, name: &str) -> &str {
    let last = name.rsplit(['/', ':']).next().unwrap_or(name);
    match kind {
        NameOf::Account | NameOf::Bucket => name,
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
        assert_eq!(one.in_counter("Department,Project"), "Department,Project");
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
