//! Patterns of names: `logs-*` stands for every name that begins with `logs-`.

/// Whether a text stands for many names: whether it has a `*`.
pub fn is_pattern(text: &str) -> bool {
    text.contains('*')
}

/// Whether a name is the text, or fits it where it is a pattern; `*` is any run of characters, none included.
pub fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "lake"),
            ("logs-*", "logs-"),
            ("logs-*", "logs-eu"),
            ("*-eu", "logs-eu"),
            ("l*-*u", "logs-eu"),
            ("a*a*a", "aaa"),
            ("a**b", "ab"),
            ("lake", "lake"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("logs-*", "log-eu"),
            ("*-eu", "logs-eu-1"),
            ("a*a*a", "aa"),
            ("lake", "lakes"),
            ("lake*lake", "lake"),
            ("Logs-*", "logs-eu"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        assert!(is_pattern("a*") && !is_pattern("a"));
    }
}
