//! What an SDK makes of an answer: whether it is tried again, and as which kind of error.
//!
//! The lists of codes and status codes are data of the catalog. Left out: errors that a service's model marks
//! as retryable (KMS and S3 mark none) and DynamoDB's checksums.

use crate::catalog::{Classification, S3OperationRow, ThrottledAnswer};

/// The service that answers; botocore's legacy mode knows errors of S3 alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// KMS, called by an application.
    Kms,
    /// S3.
    S3,
}

impl Service {
    /// botocore's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Service::Kms => "kms",
            Service::S3 => "s3",
        }
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedAnswer<'a> {
    /// A response.
    Response {
        /// HTTP status code.
        status: u16,
        /// Error code.
        code: Option<&'a str>,
    },
    /// None; the name of botocore's exception.
    Exception(&'a str),
}

/// Why an attempt that may be tried again failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The server is asked for too much.
    Throttling,
    /// A connect or read timeout.
    Timeout,
    /// Any other error that may go away.
    Transient,
}

/// What a client can read in an answer that throttles it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnswerForm {
    /// Status and error code.
    #[default]
    WithCode,
    /// The status alone: answers to HEAD requests have no body.
    StatusOnly,
}

impl AnswerForm {
    /// Both.
    pub const ALL: [AnswerForm; 2] = [AnswerForm::WithCode, AnswerForm::StatusOnly];

    /// That of an S3 operation's answers.
    pub fn of(operation: &S3OperationRow) -> AnswerForm {
        if operation.answers_without_body {
            AnswerForm::StatusOnly
        } else {
            AnswerForm::WithCode
        }
    }
}

impl<'a> FailedAnswer<'a> {
    /// How a service answers that throttles a request, as far as its client can read.
    pub fn throttled(row: &'a ThrottledAnswer, form: AnswerForm) -> FailedAnswer<'a> {
        FailedAnswer::Response {
            status: row.status,
            code: match form {
                AnswerForm::WithCode => Some(&row.code),
                AnswerForm::StatusOnly => None,
            },
        }
    }
}

impl FailedAnswer<'_> {
    /// Whether the attempt succeeded.
    pub fn is_success(&self) -> bool {
        matches!(
            self,
            FailedAnswer::Response {
                status: 200..=299,
                ..
            }
        )
    }

    /// The kind of error under an SDK's rules, `None` if it is not tried again.
    ///
    /// A code that means throttling counts before the status code.
    pub fn kind(&self, service: Service, rules: &Classification) -> Option<ErrorKind> {
        match *self {
            FailedAnswer::Response { status, code } => {
                let listed = |codes: &[String]| code.is_some_and(|c| codes.iter().any(|l| l == c));
                let together = rules.status_with_code.iter().any(|rule| {
                    let here = rule.service.as_deref().is_none_or(|s| s == service.name());
                    here && rule.status == status && listed(&rule.codes)
                });
                if listed(&rules.throttling_codes) || rules.throttling_statuses.contains(&status) {
                    Some(ErrorKind::Throttling)
                } else if together
                    || listed(&rules.transient_codes)
                    || rules.transient_statuses.contains(&status)
                {
                    Some(ErrorKind::Transient)
                } else {
                    None
                }
            }
            FailedAnswer::Exception(name) => {
                let listed = |names: &[String]| names.iter().any(|n| n == name);
                if listed(&rules.timeout_exceptions) {
                    Some(ErrorKind::Timeout)
                } else if listed(&rules.transient_exceptions) {
                    Some(ErrorKind::Transient)
                } else {
                    None
                }
            }
        }
    }
}
