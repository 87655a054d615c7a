//! What the files say of keys, buckets, quotas and trails, beside the load.

use serde::Serialize;

/// One thing that a file says.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A bucket's settings.
    Bucket(BucketFact),
    /// A KMS key.
    Key(KeyFact),
    /// A quota in force.
    Quota(QuotaFact),
    /// A trail that leaves KMS events out.
    TrailExcludesKms,
    /// A metric's period and what is missing of it.
    Metric(MetricFact),
    /// What a plan or a state holds beside buckets and keys.
    Resources {
        /// Addresses of all.
        resources: Vec<String>,
        /// Of log groups with a KMS key.
        log_groups_with_key: Vec<String>,
        /// Of bucket policies.
        bucket_policies: Vec<String>,
    },
    /// What a template leaves open.
    Template(TemplateFact),
    /// When a bucket's inventory was begun.
    InventoryTaken {
        /// Bucket.
        bucket: String,
        /// When \[s since 1970\].
        at: i64,
    },
    /// Anything that people should know, one sentence.
    Note(String),
}

impl Fact {
    /// A bucket's settings, where it is about them.
    pub fn bucket(&self) -> Option<&BucketFact> {
        if let Fact::Bucket(bucket) = self {
            return Some(bucket);
        }
        None
    }

    /// What a template leaves open, where it is about one.
    pub fn template(&self) -> Option<&TemplateFact> {
        if let Fact::Template(template) = self {
            return Some(template);
        }
        None
    }

    /// The same of a template, with other names for what it declares: `name` is asked for each.
    #[must_use]
    pub fn renamed(self, name: &mut dyn FnMut(&str) -> String) -> Fact {
        let mut each = |all: Vec<String>| all.iter().map(|n| name(n)).collect();
        match self {
            Fact::Bucket(bucket) => {
                let is_generated = bucket.name == bucket.address;
                let address = bucket.address.map(|a| name(&a));
                // Logical IDs are letters and digits; IDs, ARNs and aliases of keys have others, too.
                let is_declared = |key: &String| {
                    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric())
                };
                Fact::Bucket(BucketFact {
                    name: if is_generated {
                        address.clone()
                    } else {
                        bucket.name
                    },
                    key: bucket
                        .key
                        .map(|key| if is_declared(&key) { name(&key) } else { key }),
                    address,
                    ..bucket
                })
            }
            Fact::Key(key) => Fact::Key(KeyFact {
                name: name(&key.name),
                ..key
            }),
            Fact::Resources {
                resources,
                log_groups_with_key,
                bucket_policies,
            } => Fact::Resources {
                resources: each(resources),
                log_groups_with_key: each(log_groups_with_key),
                bucket_policies: each(bucket_policies),
            },
            Fact::Template(mut template) => {
                for value in template
                    .unresolved
                    .iter_mut()
                    .filter(|v| !v.place.is_empty())
                {
                    value.place = name(&value.place);
                }
                for (id, _) in &mut template.absent {
                    *id = name(id);
                }
                Fact::Template(template)
            }
            other @ (Fact::Quota(_)
            | Fact::TrailExcludesKms
            | Fact::Metric(_)
            | Fact::InventoryTaken { .. }
            | Fact::Note(_)) => other,
        }
    }

    /// A quota in force, where it is about one.
    pub fn quota(&self) -> Option<&QuotaFact> {
        if let Fact::Quota(quota) = self {
            return Some(quota);
        }
        None
    }
}

/// Encryption of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Sse {
    /// With keys of S3.
    #[serde(rename = "SSE-S3")]
    S3,
    /// With KMS keys.
    #[serde(rename = "SSE-KMS")]
    Kms,
    /// With KMS keys, twice.
    #[serde(rename = "DSSE-KMS")]
    DsseKms,
}

impl Sse {
    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        match self {
            Sse::S3 => "SSE-S3",
            Sse::Kms => "SSE-KMS",
            Sse::DsseKms => "DSSE-KMS",
        }
    }

    /// What `SSEAlgorithm` is for it.
    pub fn algorithm(self) -> &'static str {
        match self {
            Sse::S3 => "AES256",
            Sse::Kms => "aws:kms",
            Sse::DsseKms => "aws:kms:dsse",
        }
    }

    /// As `SSEAlgorithm` writes it.
    pub fn of_algorithm(text: &str) -> Option<Sse> {
        match text {
            "AES256" => Some(Sse::S3),
            "aws:kms" => Some(Sse::Kms),
            "aws:kms:dsse" => Some(Sse::DsseKms),
            _ => None,
        }
    }
}

/// A bucket's default encryption.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BucketFact {
    /// Its name; `None`: the file does not say, as `get-bucket-encryption` does not.
    pub name: Option<String>,
    /// Its address in the file, where it has one.
    pub address: Option<String>,
    /// Its default encryption; `None`: not stated.
    pub encryption: Option<Sse>,
    /// Its key; `None` with KMS: the AWS managed key aws/s3; empty: one that the file does not say.
    pub key: Option<String>,
    /// Whether its key is only known by a reference.
    pub key_by_reference: bool,
    /// Whether bucket keys are on.
    pub bucket_key: Option<bool>,
    /// Whether its encryption is stated in a way that only AWS can resolve.
    pub unresolved: bool,
}

/// What a template leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFact {
    /// Names of its parameters.
    pub parameters: Vec<String>,
    /// What only AWS, or who creates the stack, knows.
    pub unresolved: Vec<UnresolvedValue>,
    /// Resources that are not there, each with the condition that does not hold.
    pub absent: Vec<(String, String)>,
}

/// A value that a template does not say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnresolvedValue {
    /// A function or a parameter of AWS's, or what kind of thing it is.
    pub what: String,
    /// Which one, by the name that the template gives it; empty: AWS's own.
    pub of: String,
    /// Logical ID of the resource that needs it; empty: all of the template.
    pub place: String,
}

/// A KMS key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyFact {
    /// ARN, ID or address.
    pub name: String,
    /// Its spec, where it is known.
    pub spec: Option<String>,
}

/// A quota in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuotaFact {
    /// Account; empty: not stated.
    pub account: String,
    /// Region; empty: not stated.
    pub region: String,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Requests per second; `None`: not a rate.
    pub per_s: Option<f64>,
    /// Its value.
    pub value: f64,
}

/// What is known of a metric's samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricFact {
    /// Its name.
    pub name: String,
    /// Period of a sample \[s\].
    pub period_s: u64,
    /// Whether more pages were announced that are not in the file.
    pub partial: bool,
}
