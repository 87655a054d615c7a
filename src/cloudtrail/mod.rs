//! KMS calls as CloudTrail logs them.
//!
//! Every KMS call is a management event, read-only for cryptographic operations; plaintext, ciphertext and
//! response are left out. A call that S3 makes for a requester names that requester, invoked by S3's forward access
//! session. A call on another account's key is logged in both accounts, with one `sharedEventID`, and in the
//! caller's alone if it is denied. Sources: KMS Developer Guide, logging; CloudTrail record contents; public
//! samples of 2026.

mod asked;
mod data_event;
mod kms_call;
mod log_file;
mod parameters;
mod record;

pub(crate) use asked::{call_of, call_without_quota};
pub use data_event::DataEvent;
pub use kms_call::{Call, KmsAnswer};
pub use log_file::{LogFile, log_file};
pub use record::Origin;
