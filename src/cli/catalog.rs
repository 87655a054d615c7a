//! `kmsim catalog`: what AWS documents, as data.

use super::args;
use super::failure::CommandError;
use super::terminal::{print, viewport};
use crate::catalog::{CatalogRow, table};
use crate::report::catalog::{Facts, cells};

pub(super) fn catalog(args: &args::CatalogArgs) -> Result<(), CommandError> {
    let filter = args.filter.as_deref().unwrap_or("").to_lowercase();
    let rows: Vec<CatalogRow> = table()
        .into_iter()
        .filter(|r| cells(r).iter().any(|c| c.to_lowercase().contains(&filter)))
        .collect();
    if rows.is_empty() {
        return Err(CommandError::Input(format!(
            "error: no row of the catalog contains `{filter}`\n  = help: `kmsim catalog` without a filter shows all"
        )));
    }
    print(&args.format.write_to(&Facts(&rows), &viewport(true))?)
}
