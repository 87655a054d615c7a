//! `workload.NAME.context`: context keys that a workload's requests bring along, as policies see them.

use crate::access::{Context, ContextValue};
use crate::input::diagnostic::Code;
use crate::input::document::Node;
use crate::input::from_value::FromValue;
use crate::input::reader::Reader;
use std::collections::BTreeMap;

/// Context keys of the pairs of an encryption context, before the pair's name.
pub(super) const ENCRYPTION_CONTEXT: &str = "kms:EncryptionContext:";

/// Context keys written out: text, or a list of texts for keys that can have several values.
///
/// Encryption contexts tell capitals apart, so that the names of their pairs are kept as they are spelled.
pub(super) fn context_keys(r: &mut Reader<'_>) -> (Context, BTreeMap<String, ContextValue>) {
    let (mut context, mut encryption_context) = (Context::new(), BTreeMap::new());
    let Some(value) = r.value("context") else {
        return (context, encryption_context);
    };
    let Node::Table(table) = &value.node else {
        let is = value.node.describe();
        r.fault(
            Code::WrongType,
            value.place.clone(),
            format!("`{}` must be a table, but is {is}", r.path_of("context")),
            "write for example `context = { \"aws:SourceIp\" = \"192.0.2.7\" }`",
        );
        return (context, encryption_context);
    };
    for (key, entry) in &table.entries {
        let path = format!("{}.{key:?}", r.path_of("context"));
        if !key.contains(':') {
            r.fault(
                Code::UnknownKey,
                entry.key.clone(),
                format!("`{path}` is not a context key: it lacks the prefix of a service"),
                "write for example `\"aws:SourceIp\" = \"192.0.2.7\"`",
            );
        }
        let value = if let Node::Array(_) = entry.value.node {
            let values = Vec::<String>::from_value(&entry.value, &path, r.faults());
            values.map(ContextValue::Several)
        } else {
            let value = String::from_value(&entry.value, &path, r.faults());
            value.map(ContextValue::Single)
        };
        let Some(value) = value else { continue };
        context.put(key, value.clone());
        let prefix = key.get(..ENCRYPTION_CONTEXT.len());
        if prefix.is_some_and(|p| p.eq_ignore_ascii_case(ENCRYPTION_CONTEXT)) {
            encryption_context.insert(key[ENCRYPTION_CONTEXT.len()..].to_owned(), value);
        }
    }
    (context, encryption_context)
}
