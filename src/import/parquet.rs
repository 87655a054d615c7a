//! Parquet files: bills (CUR 2, FOCUS), inventories, access logs in tables, by the names of their columns.
//!
//! Of the codecs only Snappy is built in, which AWS's exports use.

use super::bill::BillReader;
use super::evidence::finding::{FileEnd, Findings};
use super::evidence::skip::SkipReason;
use super::head::Head;
use super::inventory::{ListColumns, ListReader};
use super::lines;
use super::rows::CellRow;
use super::table::TableReader;
use super::time;
use super::walk::is_stdin;
use super::window::{NoMore, Window};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use ::parquet::record::reader::RowIter;
use ::parquet::record::{Field, Row};
use ::parquet::schema::types::Type;
use bytes::Bytes;
use std::fs::{File, metadata};
use std::path::Path;
use std::sync::Arc;

/// Whether it is a Parquet file.
pub fn recognises(head: &Head) -> bool {
    head.bytes.starts_with(b"PAR1")
}

/// Whether it is an ORC file.
pub fn is_orc(head: &Head) -> bool {
    head.bytes.starts_with(b"ORC")
}

/// Who reads the rows.
enum ParquetReader {
    Bill(BillReader),
    List(ListColumns, ListReader),
    Table(TableReader),
}

/// Bytes of what comes through a pipe at most.
const PIPED: usize = 64 << 20;

/// Reads a Parquet file; it seeks in the file itself. What comes through a pipe, where nobody can seek, is held.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let is_file = |path: &Path| !is_stdin(path) && metadata(path).is_ok_and(|m| m.is_file());
    if is_file(&findings.hints.path) {
        let file = File::open(&findings.hints.path).map_err(ParquetError::from);
        return of(file.and_then(SerializedFileReader::new), findings);
    }
    match window.rest(PIPED) {
        (bytes, None) => of(SerializedFileReader::new(Bytes::from(bytes)), findings),
        (_, Some(NoMore::Broken(e))) => lines::broken(&e, window.offset()),
        (_, Some(NoMore::Full | NoMore::End)) => FileEnd::Broken(
            "is Parquet of more than 64 MiB through a pipe, in which nobody can seek: write it to a file, and name that"
                .to_owned(),
            0,
        ),
    }
}

fn of<R: ChunkReader + 'static>(
    reader: Result<SerializedFileReader<R>, ParquetError>,
    findings: &mut Findings<'_>,
) -> FileEnd {
    match reader {
        Ok(reader) => rows(&reader, findings),
        // What the parser says may quote the file.
        Err(_) => FileEnd::Broken(
            "is not a whole Parquet file, or one that is compressed once more".to_owned(),
            0,
        ),
    }
}

fn rows<R: ChunkReader + 'static>(
    reader: &SerializedFileReader<R>,
    findings: &mut Findings<'_>,
) -> FileEnd {
    let schema = reader.metadata().file_metadata().schema();
    let fields = schema.get_fields();
    let header = CellRow::of(fields.iter().map(|f| f.name()));
    let mut to = if let Some(columns) = ListColumns::named(&header) {
        ParquetReader::List(columns, ListReader::default())
    } else if let Some(bill) = BillReader::of(&header) {
        ParquetReader::Bill(bill)
    } else if let Some(table) = TableReader::of(&header) {
        ParquetReader::Table(table)
    } else {
        return FileEnd::LeftOut("Parquet without columns that import knows");
    };
    // Only plain columns are read: tags and product maps tell nothing that is needed.
    let plain: Vec<Arc<Type>> = fields
        .iter()
        .filter(|f| f.is_primitive())
        .cloned()
        .collect();
    let names: Vec<String> = plain.iter().map(|f| f.name().to_owned()).collect();
    let places: Vec<Option<usize>> = names
        .iter()
        .map(|name| header.iter().position(|h| h == name))
        .collect();
    let projection = Type::group_type_builder(schema.name())
        .with_fields(plain)
        .build();
    let total = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
    let all = projection.and_then(|projection| reader.get_row_iter(Some(projection)));
    let Ok(all) = all else {
        return FileEnd::Broken("has columns that cannot be read".to_owned(), 0);
    };
    let (mut row, mut cells) = (CellRow::default(), vec![String::new(); header.len()]);
    let end = each(all, total, |record, n| {
        for ((_, field), place) in record.get_column_iter().zip(&places) {
            if let Some(place) = place {
                cells[*place].clear();
                write(field, &mut cells[*place]);
            }
        }
        row.clear();
        cells.iter().for_each(|cell| row.push(cell));
        match &mut to {
            ParquetReader::Bill(bill) => bill.one(&row, n, findings),
            ParquetReader::List(columns, list) => list.one(columns, &row, n, findings),
            ParquetReader::Table(table) => table.one(&row, n, findings),
        }
    });
    if let ParquetReader::Table(mut table) = to {
        table.hand_in(findings);
    }
    end.unwrap_or_else(|n| {
        findings.seen += total - n;
        for _ in n..total.min(n + 1) {
            findings.skip(SkipReason::Malformed, || format!("row {n}"));
        }
        FileEnd::Broken(format!("has {n} rows instead of {total}"), 0)
    })
}

/// Calls `f` with each row and its number; an error says how many there were of those announced.
fn each(all: RowIter<'_>, total: u64, mut f: impl FnMut(&Row, u64)) -> Result<FileEnd, u64> {
    let mut n = 0;
    for record in all {
        let Ok(record) = record else {
            return Ok(FileEnd::Broken(
                format!(
                    "has rows that cannot be read, from row {n} of {total} on (codecs other than Snappy are not built in)"
                ),
                0,
            ));
        };
        f(&record, n);
        n += 1;
    }
    if n < total {
        Err(n)
    } else {
        Ok(FileEnd::Whole)
    }
}

/// A value as CSV has it.
fn write(field: &Field, text: &mut String) {
    use std::fmt::Write;
    let of_second = |second: i64| time::shown(second);
    // Writing into a text does not fail.
    let _ = match field {
        Field::Null => Ok(()),
        Field::Bool(v) => write!(text, "{v}"),
        Field::Byte(v) => write!(text, "{v}"),
        Field::Short(v) => write!(text, "{v}"),
        Field::Int(v) => write!(text, "{v}"),
        Field::Long(v) => write!(text, "{v}"),
        Field::UByte(v) => write!(text, "{v}"),
        Field::UShort(v) => write!(text, "{v}"),
        Field::UInt(v) => write!(text, "{v}"),
        Field::ULong(v) => write!(text, "{v}"),
        Field::Float(v) => write!(text, "{v}"),
        Field::Double(v) => write!(text, "{v}"),
        Field::Str(v) => write!(text, "{v}"),
        Field::Bytes(v) => write!(text, "{}", String::from_utf8_lossy(v.data())),
        Field::Date(days) => write!(text, "{}", of_second(i64::from(*days) * 86_400)),
        Field::TimestampMillis(ms) => write!(text, "{}", of_second(ms.div_euclid(1_000))),
        Field::TimestampMicros(us) => write!(text, "{}", of_second(us.div_euclid(1_000_000))),
        Field::Float16(_)
        | Field::Decimal(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::Group(_)
        | Field::ListInternal(_)
        | Field::MapInternal(_) => write!(text, "{field}"),
    };
}
