//! What is nested in a record: who asks, what for, which key.

use super::super::evidence::series::word;
use super::super::json;

/// A text as its owner, empty where there is none.
pub(super) fn own(value: Option<&[u8]>) -> String {
    value
        .and_then(json::text)
        .map(|t| t.into_owned())
        .unwrap_or_default()
}

/// A name that AWS gives, empty where there is none.
pub(super) fn own_word(value: Option<&[u8]>) -> String {
    let text = own(value);
    let told = word(&text);
    if told.len() == text.len() {
        text
    } else {
        told.to_owned()
    }
}

/// The type of an identity alone; it is nearly always the first key.
pub(super) fn identity_type(identity: Option<&[u8]>) -> &[u8] {
    let Some(identity) = identity else {
        return b"";
    };
    if let Some(rest) = identity.strip_prefix(b"{\"type\":")
        && rest.first() == Some(&b'"')
        && let Ok(end) = json::text_end(rest, 0)
    {
        return &rest[..end];
    }
    let only_type = |k: &[u8]| (k == b"type").then_some(0);
    json::of_object::<1>(identity, only_type)
        .and_then(|f| f.values[0])
        .filter(|v| !json::is_null(v))
        .unwrap_or_default()
}

/// Who asks.
pub(super) struct Identity<'a> {
    pub(super) kind: &'a [u8],
    pub(super) account: Option<&'a [u8]>,
    /// Role, else ARN, else principal.
    pub(super) requester: Option<&'a [u8]>,
    pub(super) invoked_by: Option<&'a [u8]>,
    /// ARN, which tells sessions of a role apart.
    pub(super) session: Option<&'a [u8]>,
}

impl<'a> Identity<'a> {
    pub(super) fn of(identity: Option<&'a [u8]>) -> Identity<'a> {
        fn index(name: &[u8]) -> Option<usize> {
            Some(match name {
                b"type" => 0,
                b"arn" => 1,
                b"accountId" => 2,
                b"principalId" => 3,
                b"invokedBy" => 4,
                b"sessionContext" => 5,
                _ => return None,
            })
        }
        let found = identity.and_then(|i| json::of_object::<6>(i, index));
        let values = found.map_or([None; 6], |f| f.values);
        let given = |v: Option<&'a [u8]>| v.filter(|v| v.first() == Some(&b'"') && *v != b"\"\"");
        let issuer = values[5]
            .and_then(|s| json::of_object::<1>(s, |k| (k == b"sessionIssuer").then_some(0)))
            .and_then(|s| s.values[0])
            .and_then(|s| json::of_object::<1>(s, |k| (k == b"arn").then_some(0)))
            .and_then(|s| s.values[0]);
        Identity {
            kind: given(values[0]).unwrap_or_default(),
            account: given(values[2]),
            requester: given(issuer).or(given(values[1])).or(given(values[3])),
            invoked_by: given(values[4]),
            session: given(values[1]),
        }
    }
}

/// The account that a call is charged to: the caller's, else the one whose log it is.
pub(super) fn account(who: &Identity<'_>, recipient: Option<&[u8]>) -> String {
    let number = |v: Option<&[u8]>| {
        let text = own(v);
        (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
    };
    number(who.account)
        .or_else(|| number(recipient))
        .unwrap_or_default()
}

/// What a request was asked with.
pub(super) struct Parameters<'a> {
    pub(super) key_id: Option<&'a [u8]>,
    pub(super) context: Option<&'a [u8]>,
    pub(super) bucket: Option<&'a [u8]>,
    /// What tells the kind of key.
    pub(super) algorithm: Option<&'a [u8]>,
}

impl<'a> Parameters<'a> {
    pub(super) fn of(parameters: Option<&'a [u8]>) -> Parameters<'a> {
        fn index(name: &[u8]) -> Option<usize> {
            Some(match name {
                b"keyId" => 0,
                b"encryptionContext" => 1,
                b"bucketName" => 2,
                b"signingAlgorithm" | b"macAlgorithm" | b"keyPairSpec" => 3,
                b"encryptionAlgorithm" => 4,
                _ => return None,
            })
        }
        let found = parameters.and_then(|p| json::of_object::<5>(p, index));
        let values = found.map_or([None; 5], |f| f.values);
        Parameters {
            key_id: values[0].filter(|v| !json::is_null(v)),
            context: values[1].filter(|v| v.first() == Some(&b'{')),
            bucket: values[2],
            algorithm: values[3].or(values[4]),
        }
    }
}

/// The ARN of the KMS key among a record's resources.
pub(super) fn key_of_resources(resources: &[u8]) -> Option<&[u8]> {
    pub(super) fn index(name: &[u8]) -> Option<usize> {
        match name {
            b"ARN" | b"arn" => Some(0),
            b"type" => Some(1),
            _ => None,
        }
    }
    json::elements(resources).into_iter().find_map(|r| {
        let found = json::of_object::<2>(r, index)?;
        let arn = found.values[0]?;
        let is_key = found.values[1] == Some(b"\"AWS::KMS::Key\"")
            || memchr::memmem::find(arn, b":key/").is_some();
        is_key.then_some(arn)
    })
}

/// What an encryption context says.
pub(super) struct EncryptionContext {
    /// Its keys, in order.
    pub(super) names: Vec<String>,
    pub(super) is_s3: bool,
    /// Whether S3's ARN is that of an object.
    pub(super) of_object: bool,
    pub(super) bucket: String,
}

impl EncryptionContext {
    pub(super) fn of(context: &[u8]) -> EncryptionContext {
        let mut found = EncryptionContext {
            names: Vec::new(),
            is_s3: false,
            of_object: false,
            bucket: String::new(),
        };
        for (name, value) in json::entries(context) {
            let name = own(Some(name));
            if name == "aws:s3:arn" {
                found.is_s3 = true;
                let arn = own(Some(value));
                let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
                let (bucket, object) = resource.split_once('/').unwrap_or((resource, ""));
                found.bucket = bucket.to_owned();
                found.of_object = !object.is_empty();
            }
            found.names.push(name);
        }
        found.names.sort();
        // A trail's own calls for its log files.
        if found.names.iter().any(|n| n == "aws:cloudtrail:arn") {
            found.is_s3 = false;
        }
        found
    }

    /// The service whose context it is.
    pub(super) fn service(&self) -> Option<&'static str> {
        self.names.iter().find_map(|name| {
            Some(match name.as_str() {
                "PARAMETER_ARN" => "ssm",
                "SecretARN" => "secretsmanager",
                "aws:cloudtrail:arn" => "cloudtrail",
                "aws:logs:arn" | "aws:logs:log-group-arn" => "logs",
                "aws:ebs:id" => "ebs",
                "aws:sqs:arn" => "sqs",
                "aws:sns:topicArn" => "sns",
                "aws:lambda:FunctionArn" => "lambda",
                "aws:dynamodb:tableName" => "dynamodb",
                "aws:workmail:arn" => "workmail",
                _ => return None,
            })
        })
    }
}

/// The spec of a key by an algorithm that only it has; empty: symmetric, or not told.
pub(super) fn spec_of(algorithm: &str) -> &'static str {
    match algorithm {
        a if a.starts_with("RSA") => match a {
            "RSA_3072" => "RSA_3072",
            "RSA_4096" => "RSA_4096",
            _ => "RSA_2048",
        },
        "ECDSA_SHA_256" | "ECC_NIST_P256" => "ECC_NIST_P256",
        "ECDSA_SHA_384" | "ECC_NIST_P384" => "ECC_NIST_P384",
        "ECDSA_SHA_512" | "ECC_NIST_P521" => "ECC_NIST_P521",
        "ECC_SECG_P256K1" => "ECC_SECG_P256K1",
        "HMAC_SHA_224" => "HMAC_224",
        "HMAC_SHA_256" => "HMAC_256",
        "HMAC_SHA_384" => "HMAC_384",
        "HMAC_SHA_512" => "HMAC_512",
        "ML_DSA_SHAKE_256" => "ML_DSA_65",
        "SM2DSA" | "SM2PKE" | "SM2" => "SM2",
        _ => "",
    }
}
