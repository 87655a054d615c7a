//! `kmsim catalog`: what AWS documents, as data.

use super::args::{self, Format};
use super::failure::CommandError;
use super::terminal::print;
use crate::catalog::{CatalogRow, table};

pub(super) fn catalog(args: &args::Catalog) -> Result<(), CommandError> {
    let filter = args.filter.as_deref().unwrap_or("").to_lowercase();
    let cells = |r: &CatalogRow| {
        [
            r.kind, &r.id, &r.region, &r.value, &r.unit, &r.source, &r.as_of,
        ]
        .map(str::to_owned)
    };
    let rows: Vec<CatalogRow> = table()
        .into_iter()
        .filter(|r| cells(r).iter().any(|c| c.to_lowercase().contains(&filter)))
        .collect();
    if rows.is_empty() {
        return Err(CommandError::Input(format!(
            "error: no row of the catalog contains `{filter}`\n  = help: `kmsim catalog` without a filter shows all"
        )));
    }
    let header = ["kind", "id", "region", "value", "unit", "source", "as of"];
    let failed =
        |e: String| CommandError::Internal(format!("error: cannot format the catalog: {e}"));
    print(&match args.format {
        Format::Json => crate::results::json::text(&rows).map_err(|e| failed(e.to_string()))?,
        Format::Csv => {
            let mut w = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                w.serialize(row).map_err(|e| failed(e.to_string()))?;
            }
            let bytes = w.into_inner().map_err(|e| failed(e.to_string()))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Format::Markdown => {
            let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
            let mut out = line(&header.map(str::to_owned));
            out.push_str(&format!("|{}\n", "---|".repeat(header.len())));
            rows.iter().for_each(|r| out.push_str(&line(&cells(r))));
            out
        }
        Format::Table => {
            let mut t = comfy_table::Table::new();
            t.load_style(comfy_table::presets::NOTHING)
                .set_header(header);
            rows.iter().for_each(|r| {
                t.add_row(cells(r));
            });
            t.to_string()
        }
    })
}
