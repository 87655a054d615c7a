//! One row a replication of a run: the keys' values, then every metric. As CSV and as Parquet.
//!
//! A key whose values are quantities of one kind is a column of numbers (per second, seconds, bytes), any other a column
//! of text. Left out: compression of the Parquet file, whose codecs would each be one more dependency.

use super::axis::Quantity;
use super::run::{Run, Sweep};
use crate::metrics::registry::METRICS;
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::sync::Arc;

/// A column with its values.
pub enum Column {
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Numbers; `None` where there is no data.
    Number(Vec<Option<f64>>),
    /// Texts.
    Text(Vec<String>),
}

/// All columns by name, in order.
pub fn columns(sweep: &Sweep, runs: &[Run]) -> Vec<(String, Column)> {
    let rows: Vec<(&Run, usize)> = runs
        .iter()
        .flat_map(|run| {
            let n = run.metrics.values().map(Vec::len).max().unwrap_or(0);
            (0..n).map(move |r| (run, r))
        })
        .collect();
    let mut out = vec![(
        "setting".to_owned(),
        Column::Integer(rows.iter().map(|(run, _)| run.setting as i64).collect()),
    )];
    for (k, key) in sweep.keys.iter().enumerate() {
        let texts = sweep.settings.iter().map(|s| s[k].as_str());
        let of = |run: &Run| run.setting;
        let column = match Quantity::all(texts) {
            Some((values, _)) => {
                Column::Number(rows.iter().map(|(run, _)| Some(values[of(run)])).collect())
            }
            None => Column::Text(
                rows.iter()
                    .map(|(run, _)| sweep.settings[of(run)][k].clone())
                    .collect(),
            ),
        };
        out.push((key.clone(), column));
    }
    out.push((
        "variant".to_owned(),
        Column::Text(rows.iter().map(|(run, _)| run.variant.clone()).collect()),
    ));
    out.push((
        "replication".to_owned(),
        Column::Integer(rows.iter().map(|(_, r)| *r as i64).collect()),
    ));
    for m in METRICS {
        let of = |(run, r): &(&Run, usize)| run.metrics.get(m.id).and_then(|v| *v.get(*r)?);
        out.push((
            m.id.to_owned(),
            Column::Number(rows.iter().map(of).collect()),
        ));
    }
    out
}

/// The table as CSV.
///
/// # Errors
/// Never in practice: the rows are written to memory.
pub fn csv(columns: &[(String, Column)]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|(name, _)| name))?;
    let rows = columns.first().map_or(0, |(_, c)| length(c));
    for row in 0..rows {
        writer.write_record(columns.iter().map(|(_, c)| match c {
            Column::Integer(v) => v[row].to_string(),
            Column::Number(v) => v[row].map_or_else(String::new, |v| v.to_string()),
            Column::Text(v) => v[row].clone(),
        }))?;
    }
    let bytes = writer.into_inner().map_err(|e| e.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn length(column: &Column) -> usize {
    match column {
        Column::Integer(v) => v.len(),
        Column::Number(v) => v.len(),
        Column::Text(v) => v.len(),
    }
}

/// The table as a Parquet file.
///
/// # Errors
/// What the writer refuses.
pub fn parquet(columns: &[(String, Column)]) -> Result<Vec<u8>, ParquetError> {
    let fields = columns.iter().map(|(name, column)| {
        let builder = match column {
            Column::Integer(_) => Type::primitive_type_builder(name, Physical::INT64)
                .with_repetition(Repetition::REQUIRED),
            Column::Number(_) => Type::primitive_type_builder(name, Physical::DOUBLE)
                .with_repetition(Repetition::OPTIONAL),
            Column::Text(_) => Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
                .with_repetition(Repetition::REQUIRED)
                .with_logical_type(Some(LogicalType::String))
                .with_converted_type(ConvertedType::UTF8),
        };
        builder.build().map(Arc::new)
    });
    let fields: Vec<_> = fields.collect::<Result<_, _>>()?;
    let schema = Type::group_type_builder("sweep")
        .with_fields(fields)
        .build()?;
    let properties = WriterProperties::builder()
        .set_created_by(format!("kmsim {}", crate::run::VERSION))
        .build();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (_, column) in columns {
        let Some(mut to) = group.next_column()? else {
            break;
        };
        match column {
            Column::Integer(values) => {
                to.typed::<Int64Type>().write_batch(values, None, None)?;
            }
            Column::Number(values) => {
                let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
                let known: Vec<f64> = values.iter().flatten().copied().collect();
                to.typed::<DoubleType>()
                    .write_batch(&known, Some(&levels), None)?;
            }
            Column::Text(values) => {
                let texts: Vec<ByteArray> =
                    values.iter().map(|v| ByteArray::from(v.as_str())).collect();
                to.typed::<ByteArrayType>()
                    .write_batch(&texts, None, None)?;
            }
        }
        to.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::file::reader::{FileReader, SerializedFileReader};

    /// The bytes as a file, which the reader seeks in.
    fn file(bytes: &[u8]) -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        file
    }

    #[test]
    fn a_parquet_file_reads_back_as_the_csv() {
        let columns = vec![
            ("setting".to_owned(), Column::Integer(vec![0, 1])),
            (
                "quota.q.limit".to_owned(),
                Column::Number(vec![Some(2.5), None]),
            ),
            (
                "variant".to_owned(),
                Column::Text(vec!["a, b".to_owned(), "é".to_owned()]),
            ),
        ];
        assert_eq!(
            csv(&columns).unwrap(),
            "setting,quota.q.limit,variant\n0,2.5,\"a, b\"\n1,,é\n"
        );
        let bytes = super::parquet(&columns).unwrap();
        let reader = SerializedFileReader::new(file(&bytes)).unwrap();
        let rows: Vec<String> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|r| r.unwrap().to_string())
            .collect();
        assert_eq!(rows.len(), 2);
        assert!(rows[0].contains("quota.q.limit: 2.5") && rows[1].contains("quota.q.limit: null"));
        assert!(rows[1].contains("variant: \"é\""), "{}", rows[1]);
    }
}
