//! Rows of the catalog, as what `kmsim catalog` prints.

use super::content::Content;
use super::page::{Block, Fit, Grid, Page};
use super::records::Records;
use crate::catalog::CatalogRow;
use serde_json::Value;

/// Rows of the catalog.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a>(pub &'a [CatalogRow]);

/// What people see of a row.
pub fn cells(r: &CatalogRow) -> [String; 7] {
    [
        r.kind, &r.id, &r.region, &r.value, &r.unit, &r.source, &r.as_of,
    ]
    .map(str::to_owned)
}

impl Content for Facts<'_> {
    fn page(&self) -> Page {
        let header = ["kind", "id", "region", "value", "unit", "source", "as of"];
        let grid = Grid {
            numbers: vec![false; header.len()],
            fit: Fit::Open,
            ..Grid::new(header, self.0.iter().map(cells).collect())
        };
        Page::of("catalog", vec![Block::Table(grid)])
    }

    fn value(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self.0)
    }

    fn records(&self) -> Result<Option<Records>, serde_json::Error> {
        let columns = [
            "kind", "id", "region", "value", "unit", "assumed", "note", "source", "as_of",
        ];
        Records::of(&columns, self.0).map(Some)
    }
}
