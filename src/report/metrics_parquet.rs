//! `metrics.parquet`: every metric of every variant, and of each of its parts, in each replication; one value a row.
//!
//! | column | type | holds |
//! |---|---|---|
//! | `variant` | string | the variant |
//! | `scope` | string | `variant`, `quota`, `s3_request_rate`, `workload`, `bucket`, `key`, `group`, `requester`, `operation`, `kms_operation`, `statement` or `trail` |
//! | `name` | string | which of that scope; the variant's own name for `variant` |
//! | `metric` | string | identifier of the metric |
//! | `unit` | string | its unit |
//! | `replication` | 32-bit integer | counted from 1 |
//! | `value` | 64-bit float | null where there is no data |

use crate::results::{Estimate, Metrics, RunResults, VariantResults};
use ::parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;
use std::collections::HashMap;
use std::sync::Arc;

/// MetricRows of a group, which are held in memory together.
const ROWS: usize = 1 << 16;

const TEXTS: [&str; 5] = ["variant", "scope", "name", "metric", "unit"];

/// MetricRows that are not written yet.
#[derive(Default)]
struct MetricRows {
    texts: [Vec<ByteArray>; 5],
    replications: Vec<i32>,
    values: Vec<Option<f64>>,
}

/// Each part of a variant: scope, name, metrics.
fn parts(v: &VariantResults) -> impl Iterator<Item = (&'static str, &str, &Metrics)> {
    let quotas = v.by_quota.iter().map(|(n, q)| ("quota", n, &q.metrics));
    let rates = v.by_s3_request_rate.iter();
    let rates = rates.map(|(n, q)| ("s3_request_rate", n, &q.metrics));
    let breakdowns = [
        ("workload", &v.by_workload),
        ("bucket", &v.by_bucket),
        ("key", &v.by_key),
        ("group", &v.by_group),
        ("requester", &v.by_requester),
        ("operation", &v.by_operation),
        ("kms_operation", &v.by_kms_operation),
        ("statement", &v.by_statement),
    ];
    let breakdowns = breakdowns
        .into_iter()
        .flat_map(|(scope, all)| all.iter().map(move |(n, m)| (scope, n, m)));
    let trails = v.by_trail.iter().map(|(n, t)| ("trail", n, &t.metrics));
    std::iter::once(("variant", &v.name, &v.metrics))
        .chain(quotas)
        .chain(rates)
        .chain(breakdowns)
        .chain(trails)
        .map(|(scope, name, metrics)| (scope, name.as_str(), metrics))
}

fn schema() -> Result<Type, ParquetError> {
    let text = |name: &str| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::String))
            .with_converted_type(ConvertedType::UTF8)
            .build()
    };
    let mut fields: Vec<Type> = TEXTS.map(text).into_iter().collect::<Result<_, _>>()?;
    let number = |name: &str, physical, repetition| {
        Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .build()
    };
    fields.push(number(
        "replication",
        Physical::INT32,
        Repetition::REQUIRED,
    )?);
    fields.push(number("value", Physical::DOUBLE, Repetition::OPTIONAL)?);
    Type::group_type_builder("metrics")
        .with_fields(fields.into_iter().map(Arc::new).collect())
        .build()
}

impl MetricRows {
    fn write(&mut self, to: &mut SerializedFileWriter<&mut Vec<u8>>) -> Result<(), ParquetError> {
        let rows = std::mem::take(self);
        if rows.values.is_empty() {
            return Ok(());
        }
        let mut group = to.next_row_group()?;
        for texts in &rows.texts {
            if let Some(mut column) = group.next_column()? {
                column
                    .typed::<ByteArrayType>()
                    .write_batch(texts, None, None)?;
                column.close()?;
            }
        }
        if let Some(mut column) = group.next_column()? {
            let replications = &rows.replications;
            column
                .typed::<Int32Type>()
                .write_batch(replications, None, None)?;
            column.close()?;
        }
        if let Some(mut column) = group.next_column()? {
            let levels: Vec<i16> = rows.values.iter().map(|v| i16::from(v.is_some())).collect();
            let known: Vec<f64> = rows.values.iter().flatten().copied().collect();
            column
                .typed::<DoubleType>()
                .write_batch(&known, Some(&levels), None)?;
            column.close()?;
        }
        group.close()?;
        Ok(())
    }

    fn add(&mut self, texts: [&ByteArray; 5], estimate: &Estimate) {
        for (replication, value) in (1..).zip(&estimate.values) {
            for (column, text) in self.texts.iter_mut().zip(texts) {
                column.push(text.clone());
            }
            self.replications.push(replication);
            self.values.push(*value);
        }
    }
}

/// The file.
///
/// # Errors
/// What the writer refuses.
pub fn metrics_parquet(results: &RunResults) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_created_by(format!("kmsim {}", results.kmsim_version))
        .set_compression(Compression::SNAPPY)
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, Arc::new(schema()?), Arc::new(properties))?;
    // Texts recur on most rows: each is held once.
    let mut held: HashMap<&str, ByteArray> = HashMap::new();
    let mut rows = MetricRows::default();
    for v in &results.variants {
        let variant = ByteArray::from(v.name.as_str());
        for (scope, name, metrics) in parts(v) {
            let (scope, name) = (ByteArray::from(scope), ByteArray::from(name));
            for (id, estimate) in metrics {
                let mut text = |text| held.entry(text).or_insert_with(|| text.into()).clone();
                let (id, unit) = (text(id.as_str()), text(estimate.unit.as_str()));
                rows.add([&variant, &scope, &name, &id, &unit], estimate);
                if rows.values.len() >= ROWS {
                    rows.write(&mut writer)?;
                }
            }
        }
    }
    rows.write(&mut writer)?;
    writer.close()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::RowAccessor;

    #[test]
    fn every_value_of_results_json_is_a_row() {
        let results = fixture::evening_peak();
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &metrics_parquet(&results).unwrap()).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<_> = reader
            .get_row_iter(None)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let parts = results.variants.iter().flat_map(parts);
        let values: usize = parts
            .flat_map(|(_, _, metrics)| metrics.values())
            .map(|e| e.values.len())
            .sum();
        assert_eq!(rows.len(), values);
        let v = &results.variants[1];
        let expected = &v.by_workload["uploads"]["kms_calls"].values;
        let found: Vec<Option<f64>> = rows
            .iter()
            .filter(|r| {
                let text = |i: usize| r.get_string(i).unwrap().as_str();
                [text(0), text(1), text(2), text(3)]
                    == [&v.name, "workload", "uploads", "kms_calls"]
            })
            .map(|r| r.get_double(6).ok())
            .collect();
        assert_eq!(&found, expected);
    }
}
