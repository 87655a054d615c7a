//! Context keys: what a request brings along.

use std::collections::BTreeMap;

/// Context keys and their values. Names are the same in upper and lower case, values are not.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Context {
    /// By name in lower case.
    keys: BTreeMap<String, ContextValue>,
}

/// The value of a context key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(untagged)]
pub enum ContextValue {
    /// Of a key that has one.
    Single(String),
    /// Of a key that can have several (`aws:TagKeys`).
    Several(Vec<String>),
}

impl ContextValue {
    /// Whether it holds nothing, or nothing but empty texts.
    pub fn is_empty(&self) -> bool {
        match self {
            ContextValue::Single(value) => value.is_empty(),
            ContextValue::Several(values) => values.iter().all(String::is_empty),
        }
    }
}

impl Context {
    /// No keys.
    pub fn new() -> Context {
        Context::default()
    }

    /// Sets a key with one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        let value = ContextValue::Single(value.into());
        self.keys.insert(key.to_lowercase(), value);
    }

    /// Sets a key that can have several values.
    pub fn set_several(&mut self, key: &str, values: Vec<String>) {
        let values = ContextValue::Several(values);
        self.keys.insert(key.to_lowercase(), values);
    }

    /// Sets a key.
    pub fn put(&mut self, key: &str, value: ContextValue) {
        self.keys.insert(key.to_lowercase(), value);
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) {
        self.keys.remove(&key.to_lowercase());
    }

    /// What a key holds, `None` where the request has no such key.
    pub fn get(&self, key: &str) -> Option<&ContextValue> {
        // Policies mostly write keys as they are stored but for a few capitals; no key is long.
        if key.bytes().any(|b| b.is_ascii_uppercase()) || !key.is_ascii() {
            self.keys.get(&key.to_lowercase())
        } else {
            self.keys.get(key)
        }
    }

    /// The value of a key that has one.
    pub fn single(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            ContextValue::Single(value) => Some(value),
            ContextValue::Several(_) => None,
        }
    }

    /// Keys, in lower case, and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ContextValue)> {
        self.keys.iter().map(|(key, value)| (key.as_str(), value))
    }
}

impl serde::Serialize for Context {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.keys.serialize(serializer)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Context {
    fn from(keys: [(&str, &str); N]) -> Context {
        let mut context = Context::new();
        for (key, value) in keys {
            context.set(key, value);
        }
        context
    }
}
