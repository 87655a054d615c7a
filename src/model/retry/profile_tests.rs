//! Each profile of the catalog against delays, costs and refunds worked out by hand from its source.

use super::*;
use crate::catalog::{retry_profile, retry_profiles};
use std::collections::BTreeSet;

/// Delays \[ms\] after attempts 1, 2, … where each number drawn is 1/2.
struct Expected {
    profile: &'static str,
    attempts: u16,
    throttled: &'static [f64],
    other: &'static [f64],
    /// Tokens of a retry after throttling, another error, a timeout; `None` without a quota.
    costs: Option<(u32, u32, u32)>,
    /// Tokens that a success gives back at the first attempt, and after a throttled retry.
    back: (u32, u32),
}

/// 2.1: U·min(1,000·2^n, 20 s) after throttling, U·min(50·2^n, 20 s) after other errors, 500 tokens, 5 and 14.
const fn rules_2_1(profile: &'static str) -> Expected {
    Expected {
        profile,
        attempts: 3,
        throttled: &[
            500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 10_000.0, 10_000.0,
        ],
        other: &[25.0, 50.0, 100.0],
        costs: Some((5, 14, 14)),
        back: (1, 5),
    }
}

/// Java's legacy mode: half of min(500·2^n, 20 s) and U times the other half after throttling, which is free;
/// U·min(100·2^n, 20 s) after other errors, 5 tokens. A success gives a token back at least, under version 2.
const fn java_legacy(profile: &'static str, attempts: u16, back: u32) -> Expected {
    Expected {
        profile,
        attempts,
        throttled: &[375.0, 750.0, 1_500.0, 3_000.0, 6_000.0, 12_000.0, 15_000.0],
        other: &[
            50.0, 100.0, 200.0, 400.0, 800.0, 1_600.0, 3_200.0, 6_400.0, 10_000.0,
        ],
        costs: Some((0, 5, 5)),
        back: (1, back),
    }
}

const EXPECTED: &[Expected] = &[
    rules_2_1("botocore-1.44-standard"),
    rules_2_1("botocore-1.44-adaptive"),
    rules_2_1("java-2.44-standard-2.1"),
    rules_2_1("javascript-3.1166-standard"),
    Expected {
        back: (1, 6),
        ..rules_2_1("go-1.48-standard")
    },
    java_legacy("java-2-legacy", 4, 1),
    java_legacy("java-1-legacy", 4, 0),
    java_legacy("emrfs", 16, 0),
    java_legacy("trino-s3", 11, 1),
    Expected {
        attempts: 3,
        throttled: &[500.0, 1_000.0, 2_000.0],
        costs: Some((5, 5, 5)),
        back: (1, 5),
        ..java_legacy("java-2-standard-2.0", 3, 5)
    },
    Expected {
        throttled: &[1_500.0, 3_000.0, 6_000.0, 12_000.0, 15_000.0],
        other: &[1_500.0, 3_000.0, 6_000.0, 12_000.0, 15_000.0],
        ..java_legacy("iceberg-s3fileio", 6, 1)
    },
    // Five retries of the SDK, then S3A's own: 100 ms · 2^1 · (U + 1/2), and the SDK starts over.
    Expected {
        throttled: &[
            375.0, 750.0, 1_500.0, 3_000.0, 6_000.0, 200.0, 375.0, 750.0, 1_500.0, 3_000.0,
            6_000.0, 400.0, 375.0,
        ],
        other: &[50.0, 100.0, 200.0, 400.0, 800.0, 200.0, 50.0],
        ..java_legacy("s3a-3.4", 21 * 6, 1)
    },
    Expected {
        throttled: &[
            375.0, 750.0, 1_500.0, 3_000.0, 6_000.0, 12_000.0, 15_000.0, 15_000.0,
        ],
        ..java_legacy("s3a-3.3", 21 * 21, 0)
    },
    Expected {
        profile: "javascript-3.1165-standard",
        attempts: 3,
        throttled: &[250.0, 500.0, 1_000.0],
        other: &[50.0, 100.0, 200.0],
        costs: Some((5, 10, 10)),
        back: (1, 5),
    },
    // Whichever success comes first fills the bucket.
    Expected {
        profile: "javascript-util-retry-4.2-standard",
        attempts: 3,
        throttled: &[250.0, 500.0, 1_000.0],
        other: &[50.0, 100.0, 200.0],
        costs: Some((5, 10, 10)),
        back: (500, 500),
    },
    // U·2^(n+1) s; once that exceeds 20 s, exactly 20 s.
    Expected {
        profile: "go-1.47-standard",
        attempts: 3,
        throttled: &[1_000.0, 2_000.0, 4_000.0, 8_000.0, 20_000.0, 20_000.0],
        other: &[1_000.0, 2_000.0, 4_000.0, 8_000.0, 20_000.0],
        costs: Some((5, 5, 10)),
        back: (1, 6),
    },
    Expected {
        profile: "crt-s3-2026-08",
        attempts: 6,
        throttled: &[250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 10_000.0],
        other: &[250.0, 500.0, 1_000.0],
        costs: Some((5, 10, 10)),
        back: (1, 5),
    },
    // min(U·2^n s, 20 s): 32 s · 1/2 is below the cap, 64 s · 1/2 is not.
    Expected {
        profile: "dotnet-4.0.102-standard",
        attempts: 3,
        throttled: &[
            500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 20_000.0,
        ],
        other: &[500.0, 1_000.0],
        costs: Some((5, 5, 10)),
        back: (1, 5),
    },
    Expected {
        profile: "ruby-standard-2.0",
        attempts: 3,
        throttled: &[
            500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 20_000.0,
        ],
        other: &[500.0, 1_000.0],
        costs: Some((5, 5, 10)),
        back: (1, 5),
    },
    Expected {
        profile: "cpp-standard-2.0",
        attempts: 3,
        throttled: &[
            500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 20_000.0,
        ],
        other: &[500.0, 1_000.0],
        costs: Some((5, 5, 10)),
        back: (1, 5),
    },
    Expected {
        profile: "php-legacy",
        attempts: 4,
        throttled: &[50.0, 100.0, 200.0],
        other: &[50.0, 100.0, 200.0],
        costs: None,
        back: (0, 0),
    },
    Expected {
        profile: "ruby-legacy",
        attempts: 4,
        throttled: &[300.0, 600.0, 1_200.0],
        other: &[300.0, 600.0, 1_200.0],
        costs: None,
        back: (0, 0),
    },
    // 25 ms doubled ten times, without jitter or cap.
    Expected {
        profile: "cpp-legacy",
        attempts: 11,
        throttled: &[
            25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1_600.0, 3_200.0, 6_400.0, 12_800.0,
        ],
        other: &[25.0, 50.0],
        costs: None,
        back: (0, 0),
    },
    Expected {
        profile: "botocore-1.43-standard",
        attempts: 3,
        throttled: &[500.0, 1_000.0, 2_000.0],
        other: &[500.0, 1_000.0, 2_000.0],
        costs: Some((5, 5, 10)),
        back: (1, 5),
    },
    Expected {
        profile: "botocore-1.43-adaptive",
        attempts: 3,
        throttled: &[500.0, 1_000.0, 2_000.0],
        other: &[500.0, 1_000.0, 2_000.0],
        costs: Some((5, 5, 10)),
        back: (1, 5),
    },
    Expected {
        profile: "botocore-legacy",
        attempts: 5,
        throttled: &[500.0, 1_000.0, 2_000.0, 4_000.0],
        other: &[500.0, 1_000.0, 2_000.0, 4_000.0],
        costs: None,
        back: (0, 0),
    },
    Expected {
        profile: "smithy-runtime-1.16-standard-2.0",
        other: &[500.0, 1_000.0],
        costs: Some((5, 10, 10)),
        ..rules_2_1("")
    },
    Expected {
        profile: "smithy-runtime-1.16-adaptive-2.0",
        other: &[500.0, 1_000.0],
        costs: Some((5, 10, 10)),
        ..rules_2_1("")
    },
    rules_2_1("smithy-runtime-1.16-standard-2.1"),
    rules_2_1("smithy-runtime-1.16-adaptive-2.1"),
];

/// A client that retries like a profile.
struct Client {
    policy: RetryPolicy,
    tokens: Option<RetryTokens>,
}

impl Client {
    fn of(profile: &str) -> Client {
        let profile = retry_profile(profile).expect(profile);
        let policy = RetryPolicy::profile(profile);
        let tokens = policy.retry_quota.map(|quota| RetryTokens::new(quota, 1));
        Client { policy, tokens }
    }

    /// What it does after its `n`-th attempt, where each number drawn is 1/2.
    fn judge(&mut self, n: u16, kind: ErrorKind) -> RetryVerdict {
        let failure = Failure {
            n,
            kind: Some(kind),
            retry_after: None,
        };
        let state = ClientState {
            tokens: self.tokens.as_mut().map(|tokens| (tokens, 0)),
            limiter: None,
        };
        self.policy.judge(failure, state, 0.0, |_| 1 << 63)
    }

    fn delay_and_cost(&mut self, n: u16, kind: ErrorKind) -> (f64, u32) {
        match self.judge(n, kind) {
            RetryVerdict::Retry { delay, cost } => (delay as f64 / 1e6, cost),
            other => panic!("{other:?} after attempt {n}"),
        }
    }
}

#[test]
fn every_profile_is_checked() {
    let checked: BTreeSet<&str> = EXPECTED.iter().map(|e| e.profile).collect();
    let all: BTreeSet<&str> = retry_profiles().iter().map(|p| p.id.as_str()).collect();
    assert_eq!(checked, all);
}

#[test]
fn delays_and_costs_are_those_of_the_sources() {
    for e in EXPECTED {
        let mut client = Client::of(e.profile);
        assert_eq!(client.policy.max_attempts, e.attempts, "{}", e.profile);
        let costs = e.costs.unwrap_or_default();
        let kinds = [
            (ErrorKind::Throttling, e.throttled, costs.0),
            (ErrorKind::Transient, e.other, costs.1),
            (ErrorKind::Timeout, e.other, costs.2),
        ];
        assert_eq!(client.tokens.is_some(), e.costs.is_some(), "{}", e.profile);
        // More attempts than it has by itself show how its delays go on.
        client.policy.max_attempts = client.policy.max_attempts.max(100);
        for (kind, delays, cost) in kinds {
            for (n, &delay) in (1..).zip(delays) {
                let found = client.delay_and_cost(n, kind);
                assert_eq!(found, (delay, cost), "{}: {kind:?} {n}", e.profile);
            }
        }
    }
}

#[test]
fn the_last_attempt_is_not_tried_again() {
    for e in EXPECTED {
        let mut client = Client::of(e.profile);
        let verdict = client.judge(e.attempts, ErrorKind::Throttling);
        assert_eq!(verdict, RetryVerdict::AttemptsSpent, "{}", e.profile);
    }
}

#[test]
fn successes_give_back_what_the_sources_say() {
    for e in EXPECTED {
        let Some(quota) = Client::of(e.profile).policy.retry_quota else {
            continue;
        };
        let back = |last: Option<u32>| {
            let mut tokens = RetryTokens::new(quota, 1);
            assert!(tokens.take_cost(0, 200));
            if quota.refund == Refund::ClientsLastRetry {
                // What the client's last retry took is given back with the first success.
                assert!(tokens.take_cost(0, 1));
                tokens.refund_cost(0, None);
            }
            let cost = last.unwrap_or(0);
            assert!(last.is_none() || tokens.take_cost(0, cost));
            let left = tokens.left(0);
            tokens.refund_cost(0, last);
            tokens.left(0) - left
        };
        let found = (back(None), back(Some(quota.throttling_cost)));
        let expected = match quota.refund {
            // It fills the bucket, whatever is missing.
            Refund::Nothing => (200, 205),
            _ => e.back,
        };
        assert_eq!(found, expected, "{}", e.profile);
    }
}

#[test]
fn throttled_retries_of_java_are_free_and_others_are_not() {
    let mut client = Client::of("java-2-legacy");
    for _ in 0..1_000 {
        client.delay_and_cost(1, ErrorKind::Throttling);
    }
    for _ in 0..100 {
        client.delay_and_cost(1, ErrorKind::Transient);
    }
    assert_eq!(
        client.judge(1, ErrorKind::Transient),
        RetryVerdict::QuotaSpent
    );
    // An empty bucket refuses no throttled retry.
    client.delay_and_cost(1, ErrorKind::Throttling);
}

#[test]
fn the_last_of_s3as_waits_is_longer_than_a_day() {
    let mut client = Client::of("s3a");
    // 100 ms · 2^20 · (1/2 + 1/2).
    assert_eq!(
        client.delay_and_cost(120, ErrorKind::Throttling),
        (104_857_600.0, 0)
    );
    assert_eq!(
        client.delay_and_cost(125, ErrorKind::Throttling),
        (6_000.0, 0)
    );
}

#[test]
fn what_kms_and_s3_answer_is_throttling_to_every_sdk_that_reads_it() {
    for profile in retry_profiles() {
        let rules = profile.classification().expect("a classification");
        let kind =
            |status, code, service| FailedAnswer::Response { status, code }.kind(service, rules);
        let s3 = kind(503, Some("SlowDown"), Service::S3);
        let kms = kind(400, Some("ThrottlingException"), Service::Kms);
        // HEAD: the status alone. Only the CRT takes it for throttling.
        let status_only = match profile.classification.as_str() {
            "crt-s3" => ErrorKind::Throttling,
            _ => ErrorKind::Transient,
        };
        assert_eq!(
            kind(503, None, Service::S3),
            Some(status_only),
            "{}",
            profile.id
        );
        let expected = match profile.classification.as_str() {
            // The same wait after all errors, and no quota.
            "legacy" => (Some(ErrorKind::Transient), Some(ErrorKind::Transient)),
            "php-legacy" => (Some(ErrorKind::Transient), Some(ErrorKind::Throttling)),
            // A client of S3 alone.
            "crt-s3" => (Some(ErrorKind::Throttling), None),
            _ => (Some(ErrorKind::Throttling), Some(ErrorKind::Throttling)),
        };
        assert_eq!((s3, kms), expected, "{}", profile.id);
    }
}
