//! Guesses at what a mistyped name was meant to be.

/// Longest name that is compared with others \[bytes\].
const LONGEST: usize = 200;

/// The name among `known` that `written` was most likely meant to be, if any is close: a third of
/// the letters may differ, at least one; case and `-` for `_` don't count.
pub fn did_you_mean<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    if written.len() > LONGEST {
        return None;
    }
    let written = plain(written);
    let tolerance = (written.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &plain(name)), name))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The names, those first that come nearest to `written`.
pub fn nearest<'k>(written: &str, mut names: Vec<&'k str>) -> Vec<&'k str> {
    let written: String = plain(written).chars().take(LONGEST).collect();
    names.sort_by_key(|name| strsim::damerau_levenshtein(&written, &plain(name)));
    names
}

/// The name without what does not count.
fn plain(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_guessed() {
        let known = ["warm_up", "horizon", "seed", "replications"];
        assert_eq!(did_you_mean("warm-up", known), Some("warm_up"));
        assert_eq!(did_you_mean("Horizon", known), Some("horizon"));
        assert_eq!(did_you_mean("sede", known), Some("seed"));
        assert_eq!(did_you_mean("replication", known), Some("replications"));
        assert_eq!(did_you_mean("bucket", known), None);
    }
}
