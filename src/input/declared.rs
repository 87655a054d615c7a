//! Tables by name, as in `[key.NAME]`, for whoever refers to them.

use indexmap::IndexMap;

/// Tables by name, in the order of the file: those that could be read, and the names of all.
///
/// A name whose table is at fault is known nevertheless, so references to it are valid.
#[derive(Clone, Debug)]
pub struct Declared<T> {
    tables: IndexMap<String, Option<T>>,
    is_complete: bool,
}

impl<T> Default for Declared<T> {
    fn default() -> Declared<T> {
        Declared {
            tables: IndexMap::new(),
            is_complete: true,
        }
    }
}

impl<T> Declared<T> {
    /// For something that is not a map of tables at all: any name may have been meant.
    pub(super) fn unreadable() -> Declared<T> {
        Declared {
            tables: IndexMap::new(),
            is_complete: false,
        }
    }

    /// Adds a table; `None` where it is at fault.
    pub fn insert(&mut self, name: String, table: Option<T>) {
        self.is_complete &= table.is_some();
        self.tables.insert(name, table);
    }

    /// The table of that name, if it could be read.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.tables.get(name)?.as_ref()
    }

    /// Whether a reference to that name is valid.
    pub fn knows(&self, name: &str) -> bool {
        self.tables.contains_key(name) || self.tables.is_empty() && !self.is_complete
    }

    /// The names of all, those of tables at fault included.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// The tables that could be read.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        let tables = self.tables.iter();
        tables.filter_map(|(name, table)| Some((name.as_str(), table.as_ref()?)))
    }

    /// The tables that could be read, to be completed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.tables.values_mut().flatten()
    }

    /// Whether nothing is declared, not even something at fault.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.is_complete
    }

    /// Whether every table could be read.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The tables that could be read; what is wrong with the others has been recorded.
    pub fn into_read(self) -> IndexMap<String, T> {
        let tables = self.tables.into_iter();
        tables
            .filter_map(|(name, table)| Some((name, table?)))
            .collect()
    }
}
