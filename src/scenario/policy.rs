//! Policy documents that a scenario points to: read once each, every fault with its place in the document.

use super::diagnostic::{Code, Diagnostic, Place, Sources};
use super::load::Files;
use super::reader::Reader;
use crate::access::{self, Kind, Policy};
use crate::results::sha256_hex;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Largest file that is read \[bytes\]: a hundred times what AWS takes of the largest kind.
const LARGEST: u64 = 1 << 22;

/// Most faults of one document that are told; a file of another kind may be wrong everywhere.
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

/// What came of reading a document: the policy, and what is to be said about it.
#[derive(Clone, Debug)]
pub(super) struct Document {
    settings: Option<PolicySettings>,
    told: Vec<Diagnostic>,
}

impl PolicySettings {
    /// The document named under `key`; `None` if there is none or it is at fault.
    pub(super) fn read(
        r: &mut Reader<'_>,
        key: &str,
        kind: Kind,
        files: &Files,
    ) -> Option<PolicySettings> {
        let file: String = r.optional(key)?;
        let place = r.place_of(key);
        PolicySettings::of(r, &file, place, kind, files)
    }

    /// The documents named in the list under `key`, `None` where there is no list.
    pub(super) fn read_all(
        r: &mut Reader<'_>,
        key: &str,
        kind: Kind,
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
        kind: Kind,
        files: &Files,
    ) -> Option<PolicySettings> {
        let document = files.policy(file, kind);
        for told in document.told {
            // What is wrong with the file itself is wrong where it is named.
            r.faults().push(match &told.place {
                Some(_) => told.and_at(place.clone(), format!("the {} is named here", kind.name())),
                None => told.at(place.clone()),
            });
        }
        document.settings
    }
}

/// Reads a document; `shown` is the path in messages.
pub(super) fn read(file: &str, path: &Path, kind: Kind, sources: &mut Sources) -> Document {
    let shown = path.display().to_string();
    let text = match text(path) {
        Ok(text) => text,
        Err((code, reason)) => {
            let message = format!("cannot read the {} `{shown}`: {reason}", kind.name());
            let help = "name a JSON document; paths are relative to the scenario file (with --set, also to the current directory)";
            return Document {
                settings: None,
                told: vec![Diagnostic::error(code, message).help(help)],
            };
        }
    };
    let source = sources.add_file(&shown, &text);
    let tell = |fault: access::policy::Fault| {
        let code = Code::BadPolicy;
        let told = if fault.is_warning {
            Diagnostic::warning(code, fault.message)
        } else {
            Diagnostic::error(code, fault.message)
        };
        let range = fault.range;
        told.at(Place { source, range }).help(fault.help)
    };
    let (policy, faults) = match access::policy::read(kind, file, &text) {
        Ok((policy, warnings)) => (Some(policy), warnings),
        Err(faults) => (None, faults),
    };
    let more = faults.len().saturating_sub(MOST_FAULTS);
    let mut told: Vec<Diagnostic> = faults.into_iter().take(MOST_FAULTS).map(tell).collect();
    if more > 0 {
        let message = format!("{more} more faults in the {} `{shown}`", kind.name());
        let told_of_all = match policy {
            Some(_) => Diagnostic::warning(Code::BadPolicy, message),
            None => Diagnostic::error(Code::BadPolicy, message),
        };
        told.push(told_of_all.help("correct those before them first"));
    }
    Document {
        settings: policy.map(|policy| PolicySettings {
            file: file.to_owned(),
            sha256: sha256_hex(text.as_bytes()),
            policy: Arc::new(policy),
        }),
        told,
    }
}

fn text(path: &Path) -> Result<String, (Code, String)> {
    let unreadable = |e: std::io::Error| (Code::MissingFile, e.to_string());
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err((Code::MissingFile, "it is no file".to_owned()));
    }
    if about.len() > LARGEST {
        let reason = format!("it has {} bytes, more than any policy", about.len());
        return Err((Code::BadPolicy, reason));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count() + 1;
        (
            Code::BadPolicy,
            format!("it is no text: a byte of line {line} is no UTF-8"),
        )
    })
}
