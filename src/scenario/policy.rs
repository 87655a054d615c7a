//! Policy documents that a scenario points to: read once each, every fault with its place in the document.

use crate::access::policy::{Fault, read};
use crate::access::{Policy, PolicyKind};
use crate::input::diagnostic::{Code, Diagnostic, Place};
use crate::input::files::{Files, sha256_hex};
use crate::input::named_file::{FileContent, FileRefusal, NamedFile};
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
        let refused = |code: Code, reason: &dyn std::fmt::Display, help: &str| {
            let message = format!("cannot read the {} `{shown}`: {reason}", kind.name());
            r.fault(code, place.clone(), message, help);
        };
        let may = files.named(file, r.faults().named_by(&place), FileContent::Document);
        let source = match may.as_ref() {
            Ok(source) => source,
            Err(refusal) => {
                refused(Code::of(refusal), refusal, refusal.help());
                return None;
            }
        };
        let read = |path: &Path| {
            let document = document(file, source, kind);
            if let Ok(document) = &document {
                files.note_sha256(path, &sha256_hex(document.text.as_bytes()));
            }
            document
        };
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
fn document(file: &str, source: &NamedFile, kind: PolicyKind) -> Result<Document, Unreadable> {
    let text = source.text().map_err(|refusal| match refusal {
        // A text is expected here: that it is none is a fault of the policy.
        FileRefusal::NotText(_) => (Code::BadPolicy, refusal.to_string()),
        FileRefusal::Unreadable(_)
        | FileRefusal::NotRegular(_)
        | FileRefusal::System
        | FileRefusal::Outside(_)
        | FileRefusal::TooLarge(_) => (Code::of(&refusal), refusal.to_string()),
    })?;
    if text.len() as u64 > LARGEST {
        let reason = format!("it is {} bytes, larger than any policy", text.len());
        return Err((Code::BadPolicy, reason));
    }
    if !may_be_policy(&text) {
        // Of what is no policy nothing is shown: it may be anything.
        let reason = "it is not a policy: no JSON object with a `Statement`".to_owned();
        return Err((Code::BadPolicy, reason));
    }
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

/// Whether a text has anything of a policy document, be it at fault.
fn may_be_policy(text: &str) -> bool {
    let begins = text.trim_start_matches('\u{feff}').trim_start();
    let elements = ["tatement", "ffect", "rincipal"];
    begins.is_empty() || begins.starts_with(['{', '[']) && elements.iter().any(|e| text.contains(e))
}

#[cfg(test)]
mod cases;
