//! Context keys: what a request brings along.

use std::collections::BTreeMap;

/// Context keys and their values. Names are the same in upper and lower case, values are not.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context {
    /// By name in lower case; with the name as it was first written.
    keys: BTreeMap<String, (String, ContextValue)>,
}

/// The value of a context key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
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
        self.put(key, ContextValue::Single(value.into()));
    }

    /// Sets a key that can have several values.
    pub fn set_several(&mut self, key: &str, values: Vec<String>) {
        self.put(key, ContextValue::Several(values));
    }

    /// Sets a key.
    pub fn put(&mut self, key: &str, value: ContextValue) {
        let entry = self.keys.entry(key.to_lowercase());
        entry
            .or_insert_with(|| (key.to_owned(), ContextValue::Several(Vec::new())))
            .1 = value;
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) {
        self.keys.remove(&key.to_lowercase());
    }

    /// What a key holds, `None` where the request has no such key.
    pub fn get(&self, key: &str) -> Option<&ContextValue> {
        // Policies mostly write keys as they are stored but for a few capitals; no key is long.
        if key.bytes().any(|b| b.is_ascii_uppercase()) || !key.is_ascii() {
            self.get_folded(&key.to_lowercase())
        } else {
            self.get_folded(key)
        }
    }

    /// The same of a key in lower case.
    pub fn get_folded(&self, key: &str) -> Option<&ContextValue> {
        self.keys.get(key).map(|(_, value)| value)
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
        let keys = self.keys.iter();
        keys.map(|(key, (_, value))| (key.as_str(), value))
    }

    /// Keys, as they were first written, and their values, in the order of [`Context::iter`].
    pub fn as_written(&self) -> impl Iterator<Item = (&str, &ContextValue)> {
        let keys = self.keys.values();
        keys.map(|(name, value)| (name.as_str(), value))
    }
}

impl serde::Serialize for Context {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
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
