//! S3 Bucket Keys: what S3 holds of them, under which ones the objects lie that were there before the run, and how
//! requests look them up.

pub mod archive;
mod cache;
mod kinds;
pub mod older;
mod source;

pub use cache::{BucketKeyCache, BucketKeyFetch, BucketKeyId, BucketKeyRules, Fetched};
pub use kinds::{ObjectKinds, OnlyFor};
pub use source::BucketKeyUse;
