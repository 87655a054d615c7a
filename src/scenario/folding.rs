//! Faults that one mistake makes many of: what is lost to another, and what many things have from one place.

use super::named_kind::KINDS;
use crate::input::diagnostic::{Code, Diagnostic, Place};
use indexmap::IndexMap;
use std::collections::HashSet;

/// Whether a fault is one that what is lost to another fault cannot have caused.
pub(super) fn stands_alone(fault: &Diagnostic) -> bool {
    match fault.code {
        Code::Syntax
        | Code::UnknownKey
        | Code::WrongType
        | Code::BadUnit
        | Code::OutOfRange
        | Code::DuplicateName
        | Code::MissingFile
        | Code::RefusedFile
        | Code::BadTraceRow
        | Code::BadPolicy
        | Code::BadSet => true,
        Code::MissingKey
        | Code::Contradiction
        | Code::UnknownName
        | Code::ImpossibleOperation
        | Code::NoDefault => false,
    }
}

/// Of faults at one place that several things share, which differ in the things' names only, the first, with how many
/// there are.
pub(super) fn folded(faults: Vec<Diagnostic>, shared: &HashSet<Place>) -> Vec<Diagnostic> {
    let mut out: Vec<Diagnostic> = Vec::new();
    let mut seen: IndexMap<(Place, Code, String), (usize, HashSet<Diagnostic>)> = IndexMap::new();
    for fault in faults {
        let place = fault.place.clone().filter(|place| shared.contains(place));
        let Some(place) = place else {
            out.push(fault);
            continue;
        };
        let key = (place, fault.code, without_names(&fault.message));
        match seen.get_mut(&key) {
            Some((_, all)) => {
                all.insert(fault);
            }
            None => {
                let first = out.len();
                out.push(fault.clone());
                seen.insert(key, (first, HashSet::from([fault])));
            }
        }
    }
    for (first, all) in seen.into_values() {
        if all.len() > 1 {
            let more = all.len() - 1;
            out[first].message = format!("{}; likewise of {more} more", out[first].message);
        }
    }
    out
}

/// A message whose things have no names: `bucket.logs-1.prefixes` becomes `bucket.….prefixes`.
fn without_names(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some(at) = rest.find('`') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        let kind = KINDS.iter().find(|kind| {
            let inside = rest.strip_prefix(kind.table);
            inside.is_some_and(|inside| inside.starts_with('.'))
        });
        if let Some(kind) = kind {
            let name = &rest[kind.table.len() + 1..];
            let end = match name.strip_prefix('"') {
                Some(inside) => inside.find('"').map_or(name.len(), |end| end + 2),
                None => name.find(['.', '`']).unwrap_or(name.len()),
            };
            out.push_str(kind.table);
            out.push_str(".…");
            rest = &name[end..];
        }
        let end = rest.find('`').map_or(rest.len(), |end| end + 1);
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}
