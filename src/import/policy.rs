//! Which retry profile a client has, as far as its user agent tells.

use crate::catalog;
use crate::model::retry::RetryPolicy;

/// The retry profile of a client by its software, version and stated mode; `None`: not told.
pub fn of_client(client: &str) -> Option<&'static str> {
    let (software, mode) = match client.rsplit_once(' ') {
        Some((software, mode @ ("standard" | "legacy" | "adaptive"))) => (software, Some(mode)),
        Some(_) | None => (client, None),
    };
    let (product, version) = software.split_once('/').unwrap_or((software, ""));
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Some(match product {
        "Boto3" | "Botocore" => match (mode, version >= (1, 44)) {
            (Some("standard") | None, true) => "standard",
            (Some("adaptive"), true) => "adaptive",
            (Some("standard"), false) => "standard-2.0",
            (Some("adaptive"), false) => "adaptive-2.0",
            (Some(_), true | false) | (None, false) => "legacy",
        },
        "aws-cli" if version >= (2, 40) => "standard",
        "aws-cli" if version >= (2, 0) => "standard-2.0",
        "aws-cli" => "legacy",
        "AWS-SDK-Java" => "java-1",
        "aws-sdk-java" if version < (2, 0) => "java-1",
        "aws-sdk-java" => match mode {
            Some("standard") => "java-standard-2.0",
            Some(_) | None => "java",
        },
        "aws-sdk-js" if version >= (3, 1166) => "javascript",
        "aws-sdk-js" if version >= (3, 0) => "javascript-standard-2.0",
        "aws-sdk-go-v2" if version >= (1, 48) => "go",
        "aws-sdk-go-v2" => "go-standard-2.0",
        "aws-sdk-rust" => match mode {
            Some("adaptive") => "rust-adaptive-2.0",
            Some(_) | None => "rust-standard-2.0",
        },
        "EMRFS" => "emrfs",
        "S3A" | "Hadoop" => "s3a",
        "Trino" => "trino",
        "iceberg" => "iceberg",
        _ => return None,
    })
}

/// Profiles between which a client that is not told may lie, from the fewest attempts to the most.
pub const RANGE: [&str; 4] = ["none", "standard", "java", "legacy"];

/// The policy of that name; `none` gives up at once.
pub fn named(name: &str) -> Option<RetryPolicy> {
    if name == "none" {
        return Some(RetryPolicy::none());
    }
    catalog::retry_profile(name).map(RetryPolicy::profile)
}

/// A client in words.
pub fn shown(name: &str) -> &str {
    if name.is_empty() {
        "unknown software"
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_that_is_told_is_in_the_catalog() {
        for client in [
            "Boto3/1.44 standard",
            "Boto3/1.44 adaptive",
            "Boto3/1.21",
            "Boto3/1.30 standard",
            "Boto3/1.30 adaptive",
            "aws-cli/2.40",
            "aws-cli/2.1",
            "aws-cli/1.2",
            "aws-sdk-java/2.31 standard",
            "aws-sdk-java/2.31",
            "aws-sdk-java/1.12",
            "aws-sdk-js/3.1166",
            "aws-sdk-js/3.5",
            "aws-sdk-go-v2/1.50",
            "aws-sdk-go-v2/1.2",
            "aws-sdk-rust/1.3",
            "aws-sdk-rust/1.3 adaptive",
            "EMRFS",
            "Hadoop/3.4",
            "Trino",
            "iceberg",
        ] {
            let profile = of_client(client).expect(client);
            assert!(named(profile).is_some(), "{client}: {profile}");
        }
        assert_eq!(of_client(""), None);
        assert_eq!(of_client("AWS Internal"), None);
        assert!(RANGE.iter().all(|name| named(name).is_some()));
    }
}
