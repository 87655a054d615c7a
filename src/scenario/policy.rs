//! Policy documents that a scenario points to: read once each, every fault with its place in the document.

use crate::access::policy::{Fault, read};
use crate::access::{Policy, PolicyKind};
use crate::input::diagnostic::{Code, Diagnostic, Place};
use crate::input::files::{Files, sha256_hex};
use crate::input::reader::Reader;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Largest file that is read \[bytes\]: a hundred times what AWS takes of the largest kind.
const LARGEST: u64 = 1 << 22;

/// Most faults of one document that are reported; a file of another kind may be wrong everywhere.
const MOST_FAULTS: usize = 20;

/// A policy document.
#[derive(Clone, Debug, Serialize)]
pub struct PolicySettings {
    /// The file as written.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// What it says.
    #[serde(skip)]
    pub policy: Arc<Policy>,
}

/// A document that could be read: what it says, and what is wrong with that.
#[derive(Debug)]
struct Document {
    text: String,
    policy: Option<PolicySettings>,
    faults: Vec<Fault>,
}

/// Why it could not.
type Unreadable = (Code, String);

impl PolicySettings {
    /// The document named under `key`; `None` if there is none or it is at fault.
    pub(super) fn read(
        r: &mut Reader<'_>,
        key: &str,
        kind: PolicyKind,
        files: &Files,
    ) -> Option<PolicySettings> {
        let file: String = r.optional(key)?;
        let place = r.place_of(key);
        PolicySettings::of(r, &file, place, kind, files)
    }

    /// The documents named in the list under `key`, `None` without a list.
    pub(super) fn read_all(
        r: &mut Reader<'_>,
        key: &str,
        kind: PolicyKind,
        files: &Files,
    ) -> Option<Vec<PolicySettings>> {
        let names: Vec<String> = r.optional(key)?;
        let place = r.place_of(key);
        let of = |file: &String| PolicySettings::of(r, file, place.clone(), kind, files);
        Some(names.iter().filter_map(of).collect())
    }

    fn of(
        r: &Reader<'_>,
        file: &str,
        place: Place,
        kind: PolicyKind,
        files: &Files,
    ) -> Option<PolicySettings> {
        let path = files.resolve(file);
        let shown = path.display().to_string();
        let read = |path: &Path| document(file, path, kind);
        // The name as written is part of what is read: denials are counted under it.
        let as_written = format!("{} {file}", kind.name());
        let document = files.once(&path, &as_written, read);
        let document = match &*document {
            Ok(document) => document,
            // What is wrong with the file itself is wrong where it is named.
            Err((code, reason)) => {
                r.fault(
                    *code,
                    place,
                    format!("cannot read the {} `{shown}`: {reason}", kind.name()),
                    "name a JSON document; paths are relative to the scenario file (with --set, also to the current directory)",
                );
                return None;
            }
        };
        let record = |is_warning: bool, message: String, help: &str| {
            let diagnostic = if is_warning {
                Diagnostic::warning(Code::BadPolicy, message)
            } else {
                Diagnostic::error(Code::BadPolicy, message)
            };
            diagnostic.help(help)
        };
        if !document.faults.is_empty() {
            let source = r.faults().add_file(&shown, &document.text);
            for fault in document.faults.iter().take(MOST_FAULTS) {
                let range = fault.range.clone();
                let diagnostic = record(fault.is_warning, fault.message.clone(), &fault.help);
                let named = format!("the {} is named here", kind.name());
                r.faults().push(
                    diagnostic
                        .at(Place { source, range })
                        .and_at(place.clone(), named),
                );
            }
        }
        if let more @ 1.. = document.faults.len().saturating_sub(MOST_FAULTS) {
            let message = format!("{more} more faults in the {} `{shown}`", kind.name());
            let all = record(
                document.policy.is_some(),
                message,
                "correct those above first",
            );
            r.faults().push(all.at(place));
        }
        document.policy.clone()
    }
}

/// Reads a document.
fn document(file: &str, path: &Path, kind: PolicyKind) -> Result<Document, Unreadable> {
    let text = text(path)?;
    let (policy, faults) = match read(kind, file, &text) {
        Ok((policy, warnings)) => (Some(policy), warnings),
        Err(faults) => (None, faults),
    };
    Ok(Document {
        policy: policy.map(|policy| PolicySettings {
            file: file.to_owned(),
            sha256: sha256_hex(text.as_bytes()),
            policy: Arc::new(policy),
        }),
        text,
        faults,
    })
}

fn text(path: &Path) -> Result<String, Unreadable> {
    let unreadable = |e: std::io::Error| (Code::MissingFile, e.to_string());
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err((Code::MissingFile, "it is not a regular file".to_owned()));
    }
    if about.len() > LARGEST {
        let reason = format!("it is {} bytes, larger than any policy", about.len());
        return Err((Code::BadPolicy, reason));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count() + 1;
        (
            Code::BadPolicy,
            format!("it is not text: line {line} is not valid UTF-8"),
        )
    })
}

#[cfg(test)]
mod cases;
