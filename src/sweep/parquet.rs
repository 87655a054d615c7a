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
    let mut table = ParquetTable::new("sweep");
    table.add(columns)?;
    table.finish()
}

/// A table as a Parquet file under way, of which each part is a row group; all of them have the same columns.
#[derive(Debug)]
pub struct ParquetTable {
    name: &'static str,
    writer: Option<SerializedFileWriter<Vec<u8>>>,
}

impl ParquetTable {
    /// Without rows so far.
    pub fn new(name: &'static str) -> ParquetTable {
        ParquetTable { name, writer: None }
    }

    /// Whether it has a part.
    pub fn has_begun(&self) -> bool {
        self.writer.is_some()
    }

    /// Adds rows.
    ///
    /// # Errors
    /// What the writer refuses.
    pub fn add(&mut self, columns: &[(String, Column)]) -> Result<(), ParquetError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(writer(self.name, columns)?),
        };
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
        Ok(())
    }

    /// The whole file; nothing where no rows were added.
    ///
    /// # Errors
    /// What the writer refuses.
    pub fn finish(self) -> Result<Vec<u8>, ParquetError> {
        self.writer
            .map_or(Ok(Vec::new()), SerializedFileWriter::into_inner)
    }
}

fn writer(
    name: &str,
    columns: &[(String, Column)],
) -> Result<SerializedFileWriter<Vec<u8>>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_created_by(format!("kmsim {}", crate::run::VERSION))
        .build();
    let schema = Arc::new(schema(name, columns)?);
    SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))
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
            crate::sweep::table::csv(&columns),
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
