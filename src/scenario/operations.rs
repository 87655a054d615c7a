//! `workload.NAME.operations`: what its requests ask for, and in which shares.

use super::service::ServiceSettings;
use crate::catalog;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use indexmap::IndexMap;

/// The composite operation: one CreateMultipartUpload, `parts` UploadPart, one CompleteMultipartUpload.
pub const MULTIPART_UPLOAD: &str = "MultipartUpload";

/// The mix of operations, as shares that sum to 1.
///
/// Those of KMS where the workload names a key, or of the service that calls it; those of S3 where it names a bucket; of
/// any where it names both or neither, which is a fault of its own.
pub(super) fn operations(
    r: &mut Reader<'_>,
    service: Option<&ServiceSettings>,
) -> Option<IndexMap<String, f64>> {
    let (on_bucket, on_key) = (r.has("bucket"), r.has("key"));
    let mut known: Vec<&str> = Vec::new();
    if on_bucket || !on_key {
        known.extend(catalog::s3_operations().iter().map(|o| o.id.as_str()));
        known.push(MULTIPART_UPLOAD);
    }
    if !r.has("service") && (on_key || !on_bucket) {
        known.extend(catalog::KmsOperation::ALL.iter().map(|o| o.name()));
    }
    if r.has("service") || !on_key && !on_bucket {
        let all = catalog::service_operations().iter();
        let of_service = all.filter(|o| service.is_none_or(|s| s.name == o.service));
        known.extend(of_service.map(|o| o.id.as_str()));
    }
    let mut shares = IndexMap::new();
    r.required_table("operations", |r| {
        let errors = r.faults().errors();
        for name in &known {
            if let Some(share) = r.optional_in::<f64>(name, 0.0..=1e12)
                && share > 0.0
            {
                shares.insert((*name).to_owned(), share);
            }
        }
        let is_readable = r.faults().errors() == errors && r.keys().all(|k| known.contains(&k));
        if shares.is_empty() && is_readable {
            let of_service = service.and_then(|s| s.row.operations().next());
            let example = match of_service {
                Some(operation) => format!("{} = 1", operation.id),
                None if on_key => "Decrypt = 1".to_owned(),
                None => "GetObject = 0.8, PutObject = 0.2".to_owned(),
            };
            r.fault(
                Code::MissingKey,
                r.place(),
                format!("no operation with a share above 0 in `{}`", r.path()),
                format!("write `operations = {{ {example} }}`"),
            );
        }
    })?;
    let total: f64 = shares.values().sum();
    shares.values_mut().for_each(|s| *s /= total);
    // One order for all variants, whatever order they were written in.
    shares.sort_keys();
    (!shares.is_empty()).then_some(shares)
}

#[cfg(test)]
pub(crate) mod cases;
