//! A table as a Parquet file.
//!
//! Left out: compression, whose codecs would each be one more dependency.

use super::table::Column;
use ::parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;
use std::sync::Arc;

/// The table as a Parquet file.
///
/// # Errors
/// What the writer refuses.
pub fn parquet(columns: &[(String, Column)]) -> Result<Vec<u8>, ParquetError> {
    parquet_of("sweep", [columns])
}

/// A table as a Parquet file, of which each part is a row group; all of them have the same columns.
///
/// # Errors
/// What the writer refuses.
pub fn parquet_of<T: AsRef<[(String, Column)]>>(
    name: &str,
    parts: impl IntoIterator<Item = T>,
) -> Result<Vec<u8>, ParquetError> {
    let mut bytes = Vec::new();
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else {
        return Ok(bytes);
    };
    let properties = WriterProperties::builder()
        .set_created_by(format!("kmsim {}", crate::run::VERSION))
        .build();
    let schema = Arc::new(schema(name, first.as_ref())?);
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties))?;
    for part in std::iter::once(first).chain(parts) {
        let mut group = writer.next_row_group()?;
        for (_, column) in part.as_ref() {
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
    }
    writer.close()?;
    Ok(bytes)
}

fn schema(name: &str, columns: &[(String, Column)]) -> Result<Type, ParquetError> {
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
    Type::group_type_builder(name)
        .with_fields(fields.collect::<Result<_, _>>()?)
        .build()
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
            crate::sweep::table::csv(&columns).unwrap(),
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
