//! `workload.NAME.operations`: what its requests ask for, and in which shares.

use crate::catalog;
use crate::input::diagnostic::Code;
use crate::input::reader::Reader;
use indexmap::IndexMap;

/// The composite operation: one CreateMultipartUpload, `parts` UploadPart, one CompleteMultipartUpload.
pub const MULTIPART_UPLOAD: &str = "MultipartUpload";

/// The mix of operations, as shares that sum to 1.
pub(super) fn operations(r: &mut Reader<'_>, direct: bool) -> Option<IndexMap<String, f64>> {
    let known: Vec<&str> = if direct {
        catalog::KmsOperation::ALL
            .iter()
            .map(|o| o.name())
            .collect()
    } else {
        catalog::s3_operations()
            .iter()
            .map(|o| o.id.as_str())
            .chain([MULTIPART_UPLOAD])
            .collect()
    };
    let mut shares = IndexMap::new();
    r.required_table("operations", |r| {
        for name in &known {
            if let Some(share) = r.optional_in::<f64>(name, 0.0..=1e12)
                && share > 0.0
            {
                shares.insert((*name).to_owned(), share);
            }
        }
        if shares.is_empty() {
            let example = if direct {
                "Decrypt = 1"
            } else {
                "GetObject = 0.8, PutObject = 0.2"
            };
            r.fault(
                Code::MissingKey,
                r.place(),
                format!("`{}` names no operation with a share above 0", r.path()),
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
