//! What a reader asks for, whatever is written: found out by letting it read a document in which every table is there
//! and empty.
//!
//! Whoever lays one document over another must know where exactly one alternative stands, before either is read.

use super::diagnostic::Diagnostics;
use super::document::Table;
use super::reader::{NAME, Reader};
use super::source::{Place, SourceId};
use std::collections::BTreeSet;

/// Every key that a reader asks for, as patterns: `workload.NAME.arrivals`.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The keys.
    pub keys: BTreeSet<String>,
    /// Those under which exactly one alternative stands.
    pub choices: BTreeSet<String>,
}

impl Outline {
    /// Of what `read` asks for.
    pub fn of(read: impl FnOnce(&mut Reader<'_>)) -> Outline {
        let diagnostics = Diagnostics::outline();
        let nowhere = Place {
            source: SourceId::none(),
            range: 0..0,
        };
        diagnostics.read(&Table::empty(nowhere), read);
        Outline {
            keys: diagnostics.keys_known(),
            choices: diagnostics.choices(),
        }
    }

    /// Whether exactly one alternative stands at a path, whose names may be any words.
    pub fn is_choice(&self, path: &[&str]) -> bool {
        self.choices.iter().any(|pattern| {
            let mut keys = pattern.split('.');
            path.iter()
                .all(|&key| keys.next().is_some_and(|k| k == NAME || k == key))
                && keys.next().is_none()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::reader::Alternative;

    #[test]
    fn every_table_and_alternative_is_looked_into() {
        let outline = Outline::of(|r| {
            r.required::<u64>("seed");
            r.tables("workload", |_, r| {
                r.list("steps", |_, r| r.required::<u64>("at"));
                r.table("cache", |r| {
                    r.choose(
                        "scope",
                        [
                            Alternative::new("client", |_| ()),
                            Alternative::new("process", |r| {
                                r.choose("kind", [Alternative::new("one", |_| ())]);
                            }),
                        ],
                    )
                });
            });
        });
        let keys: Vec<&str> = outline.keys.iter().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "seed",
                "workload",
                "workload.NAME.cache",
                "workload.NAME.cache.scope",
                "workload.NAME.cache.scope.client",
                "workload.NAME.cache.scope.process",
                "workload.NAME.cache.scope.process.kind",
                "workload.NAME.cache.scope.process.kind.one",
                "workload.NAME.steps",
                "workload.NAME.steps[].at",
            ]
        );
        assert!(outline.is_choice(&["workload", "scope", "cache", "scope"]));
        assert!(!outline.is_choice(&["workload", "scope"]));
        assert!(!outline.is_choice(&["workload", "w", "scope"]));
        assert!(!outline.is_choice(&["scope"]));
    }
}
