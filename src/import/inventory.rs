//! S3 Inventory: lists of a bucket's objects, as CSV or Parquet, and the manifests that say which columns a list has.
//!
//! A list as CSV has no header. Its columns follow from the manifest among the given files; without one they are told by what
//! is in them. Of several lists of a bucket only the latest counts, as far as manifests tell.

use super::evidence::fact::Fact;
use super::evidence::finding::{FileEnd, Findings, Item, fingerprint};
use super::evidence::objects::{BucketKeyStatus, ObjectKind};
use super::evidence::series::{CountedAs, RecordKind};
use super::evidence::skip::SkipReason;
use super::head::Head;
use super::lines;
use super::rows::{CellRow, CellRows};
use super::time;
use super::walk::FileList;
use super::window::Window;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// Bytes of a manifest at most.
const MANIFEST: u64 = 32 << 20;

/// What a manifest says of one of its files.
#[derive(Clone, Debug)]
pub struct ListedFile {
    /// Its columns.
    pub columns: Vec<String>,
    /// Whether another manifest lists the same bucket later.
    pub is_outdated: bool,
}

/// What the manifests among the given files say.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    by_name: HashMap<String, ListedFile>,
}

/// What one manifest says.
struct InventoryManifest {
    bucket: String,
    taken: Option<i64>,
    columns: Vec<String>,
    files: Vec<String>,
}

impl InventoryManifest {
    fn of(document: &Value) -> Option<InventoryManifest> {
        let schema = document["fileSchema"].as_str()?;
        let columns = if schema.contains('{') {
            // Parquet and ORC name their columns themselves.
            Vec::new()
        } else {
            schema.split(',').map(|c| c.trim().to_owned()).collect()
        };
        let millis = match &document["creationTimestamp"] {
            Value::String(text) => text.parse::<i64>().ok(),
            other => other.as_i64(),
        };
        let files = document["files"].as_array()?.iter();
        Some(InventoryManifest {
            bucket: document["sourceBucket"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            taken: millis.map(|ms| ms.div_euclid(1_000)),
            columns,
            files: files
                .filter_map(|f| f["key"].as_str().map(str::to_owned))
                .collect(),
        })
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Manifests {
    /// The manifests among these files.
    pub fn among(files: &FileList) -> Manifests {
        let is_manifest = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_small = |m: Metadata| m.is_file() && m.len() <= MANIFEST;
            name.ends_with("manifest.json") && path.metadata().is_ok_and(is_small)
        };
        let mut all: Vec<InventoryManifest> = files
            .iter()
            .filter(is_manifest)
            .filter_map(|path| {
                let text = std::fs::read(&path).ok()?;
                InventoryManifest::of(&serde_json::from_slice(&text).ok()?)
            })
            .collect();
        all.sort_by_key(|m| m.taken);
        // Lists of one bucket and configuration replace each other.
        let place = |m: &InventoryManifest, key: &str| {
            let folder = key.split("/data/").next().unwrap_or_default().to_owned();
            (m.bucket.clone(), folder)
        };
        let mut latest: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (i, manifest) in all.iter().enumerate() {
            for key in &manifest.files {
                latest.insert(place(manifest, key), i);
            }
        }
        let mut by_name: HashMap<String, ListedFile> = HashMap::new();
        for (i, manifest) in all.iter().enumerate() {
            for key in &manifest.files {
                let listed = ListedFile {
                    columns: manifest.columns.clone(),
                    is_outdated: latest.get(&place(manifest, key)) != Some(&i),
                };
                by_name.insert(name_of(key).to_owned(), listed);
            }
        }
        Manifests { by_name }
    }

    /// What a manifest says of that file.
    pub fn of(&self, path: &Path) -> Option<&ListedFile> {
        if self.by_name.is_empty() {
            return None;
        }
        let name = path.file_name()?.to_string_lossy().into_owned();
        // Who unpacks a list drops the ending.
        self.by_name
            .get(&name)
            .or_else(|| self.by_name.get(&format!("{name}.gz")))
    }
}

/// Whether it is a manifest.
pub fn is_manifest(head: &Head) -> bool {
    head.has_all(&["fileSchema"]) || head.has_all(&["sourceBucket", "destinationBucket"])
}

/// Reads a manifest.
pub fn manifest(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    lines::documents(window, findings, |document: Value, findings| {
        findings.seen += 1;
        let Some(manifest) = InventoryManifest::of(&document) else {
            return findings.skip(SkipReason::NotARecord, || "byte 0".to_owned());
        };
        findings.settings += 1;
        if let (Some(at), false) = (manifest.taken, manifest.bucket.is_empty()) {
            findings.fact(Fact::InventoryTaken {
                bucket: manifest.bucket,
                at,
            });
        }
        if document["fileFormat"] == "ORC" {
            findings.fact(Fact::Note(
                "an inventory is in ORC, which is not read: choose Parquet or CSV as its format (aws s3api put-bucket-inventory-configuration)".to_owned(),
            ));
        }
    })
}

const CLASSES: &[&str] = &[
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
    "OUTPOSTS",
    "EXPRESS_ONEZONE",
    "SNOW",
    "FSX_OPENZFS",
    "FSX_ONTAP",
];
const ENCRYPTIONS: &[&str] = &["SSE-KMS", "DSSE-KMS", "SSE-S3", "SSE-C", "NOT-SSE"];
const STATUSES: &[&str] = &["ENABLED", "DISABLED"];

/// Where the columns are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListColumns {
    bucket: usize,
    key: usize,
    version: Option<usize>,
    latest: Option<usize>,
    marker: Option<usize>,
    size: Option<usize>,
    written: Option<usize>,
    class: Option<usize>,
    encryption: Option<usize>,
    status: Option<usize>,
}

impl ListColumns {
    /// By their names; `None`: they are not an inventory's.
    pub fn named(header: &CellRow) -> Option<ListColumns> {
        let at = |name: &str| header.column(&[name]);
        let columns = ListColumns {
            bucket: at("bucket")?,
            key: at("key")?,
            version: at("versionid"),
            latest: at("islatest"),
            marker: at("isdeletemarker"),
            size: at("size"),
            written: at("lastmodifieddate"),
            class: at("storageclass"),
            encryption: at("encryptionstatus"),
            status: at("bucketkeystatus"),
        };
        let told = [
            columns.size,
            columns.written,
            columns.class,
            columns.encryption,
        ];
        told.iter().any(Option::is_some).then_some(columns)
    }

    /// By what is in the first rows; `None`: it is not an inventory's.
    fn guessed(rows: &[CellRow]) -> Option<ListColumns> {
        let first = rows.first().filter(|row| row.len() >= 4)?;
        let bucket = first.get(0)?;
        let is_bucket = |name: &str| {
            (3..=63).contains(&name.len())
                && name.bytes().all(|b| {
                    b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-')
                })
        };
        if !is_bucket(bucket) || rows.iter().any(|row| row.get(0) != Some(bucket)) {
            return None;
        }
        // A column whose cells are such, where they are not empty, and at least one of them is not.
        let of = |from: usize, is: &dyn Fn(&str) -> bool| {
            (from..first.len()).find(|&i| {
                let mut cells = rows.iter().map(|row| row.cell(Some(i)));
                cells.clone().any(|c| !c.is_empty()) && cells.all(|c| c.is_empty() || is(c))
            })
        };
        let one_of = |all: &'static [&'static str]| of(2, &move |c| all.contains(&c));
        let is_flag = |c: &str| matches!(c, "true" | "false");
        let is_size = |c: &str| c.len() <= 15 && c.bytes().all(|b| b.is_ascii_digit());
        let versioned = first.len() > 5 && of(3, &is_flag) == Some(3) && of(4, &is_flag) == Some(4);
        let columns = ListColumns {
            bucket: 0,
            key: 1,
            version: versioned.then_some(2),
            latest: versioned.then_some(3),
            marker: versioned.then_some(4),
            size: of(if versioned { 5 } else { 2 }, &is_size),
            written: of(2, &|c| time::iso(c.as_bytes()).is_some()),
            class: one_of(CLASSES),
            encryption: one_of(ENCRYPTIONS),
            status: one_of(STATUSES),
        };
        let told = [
            columns.size,
            columns.written,
            columns.class,
            columns.encryption,
        ];
        (told.iter().flatten().count() >= 2
            && (columns.class.is_some() || columns.encryption.is_some()))
        .then_some(columns)
    }

    /// By the beginning of a file.
    fn of_head(head: &[u8]) -> Option<ListColumns> {
        // The last line may be cut.
        let whole = &head[..memchr::memrchr(b'\n', head).unwrap_or(head.len())];
        let mut rows = Vec::new();
        for line in whole.split(|b| *b == b'\n').take(200) {
            let mut row = CellRow::default();
            row.read(line.trim_ascii_end());
            rows.push(row);
        }
        ListColumns::guessed(&rows)
    }
}

/// Whether a file that begins so is a list as CSV.
pub fn recognises(head: &Head) -> bool {
    if head.is_json() || head.bytes.starts_with(b"PAR1") || head.bytes.starts_with(b"ORC") {
        return false;
    }
    let mut header = CellRow::default();
    header.read(head.first_line());
    head.is_listed
        || ListColumns::named(&header).is_some()
        || ListColumns::of_head(&head.bytes).is_some()
}

/// Reads a list as CSV.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let listed = CellRow::of(findings.hints.columns.iter().map(String::as_str));
    let guessed =
        ListColumns::of_head(&window.bytes()[..window.bytes().len().min(super::head::LENGTH)]);
    let mut columns = ListColumns::named(&listed);
    let mut rows = CellRows::of(window);
    let mut row = CellRow::default();
    let mut reader = ListReader::default();
    let mut is_first = true;
    loop {
        let at = match rows.next(&mut row, findings) {
            Ok(at) => at,
            Err(end) => return end,
        };
        if std::mem::take(&mut is_first) {
            if let Some(named) = ListColumns::named(&row) {
                columns = Some(named);
                continue;
            }
            columns = columns.or_else(|| guessed.clone());
        }
        let Some(columns) = &columns else {
            return FileEnd::Broken(
                "has no columns of an inventory; give its manifest.json too".to_owned(),
                0,
            );
        };
        reader.one(columns, &row, at, findings);
    }
}

/// Reads rows of a list; keeps its working memory between them.
#[derive(Default)]
pub struct ListReader {
    scratch: Vec<u8>,
}

impl ListReader {
    /// Reads a row.
    pub fn one(
        &mut self,
        columns: &ListColumns,
        row: &CellRow,
        at: u64,
        findings: &mut Findings<'_>,
    ) {
        findings.seen += 1;
        let place = || format!("byte {at}");
        let bucket = row.cell(Some(columns.bucket));
        if bucket.is_empty() || row.cell(Some(columns.key)).is_empty() {
            return findings.skip(SkipReason::Malformed, place);
        }
        if row.cell(columns.marker).eq_ignore_ascii_case("true") {
            return findings.skip(SkipReason::DeleteMarker, place);
        }
        let size = match row.cell(columns.size) {
            "" => Some(0),
            text => text.parse::<u64>().ok(),
        };
        let Some(size) = size else {
            return findings.skip(SkipReason::NotACount, place);
        };
        let written = match row.cell(columns.written) {
            "" => Some(i64::MIN),
            text => time::of_table(text),
        };
        let Some(written) = written else {
            return findings.skip(SkipReason::NoTime, place);
        };
        let known = |text: &str, all: &[&'static str]| all.iter().find(|a| **a == text).copied();
        let class = known(row.cell(columns.class), CLASSES).unwrap_or_default();
        let encryption = known(row.cell(columns.encryption), ENCRYPTIONS).unwrap_or_default();
        let bucket_key = match row.cell(columns.status) {
            "ENABLED" => BucketKeyStatus::Enabled,
            "DISABLED" => BucketKeyStatus::Disabled,
            _ => BucketKeyStatus::Unknown,
        };
        let current = !row.cell(columns.latest).eq_ignore_ascii_case("false");
        self.scratch.clear();
        for part in [bucket, class, encryption] {
            self.scratch.extend_from_slice(part.as_bytes());
            self.scratch.push(b'\n');
        }
        self.scratch.push(bucket_key as u8);
        self.scratch.push(u8::from(current));
        let kind = findings.kind(&self.scratch, || RecordKind {
            tally: CountedAs::Object(ObjectKind {
                bucket: bucket.to_owned(),
                class: class.to_owned(),
                encryption: encryption.to_owned(),
                bucket_key,
                current,
            }),
            series: None,
        });
        self.scratch.clear();
        for part in [
            bucket,
            row.cell(Some(columns.key)),
            row.cell(columns.version),
        ] {
            self.scratch.extend_from_slice(part.as_bytes());
            self.scratch.push(0);
        }
        findings.item(Item {
            at: written,
            n: size,
            id: fingerprint(&self.scratch),
            shared: 0,
            session: 0,
            kind,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_told_by_what_is_in_them() {
        let row = |text: &str| {
            let mut row = CellRow::default();
            row.read(text.as_bytes());
            row
        };
        let rows = [
            row(
                r#""lake","a%20b","12","2026-03-02T03:05:55.000Z","d41d8cd98f00b204e9800998ecf8427e","STANDARD","SSE-S3","""#,
            ),
            row(
                r#""lake","c","0","2026-03-02T03:05:56.000Z","d41d8cd98f00b204e9800998ecf8427e-3","GLACIER_IR","SSE-KMS","ENABLED""#,
            ),
        ];
        let columns = ListColumns::guessed(&rows).expect("a list");
        assert_eq!(
            (
                columns.size,
                columns.written,
                columns.class,
                columns.encryption,
                columns.status
            ),
            (Some(2), Some(3), Some(5), Some(6), Some(7))
        );
        let versions = [row(
            r#""lake","a","v1","true","false","12","2026-03-02T03:05:55.000Z","STANDARD""#,
        )];
        let columns = ListColumns::guessed(&versions).expect("a list");
        assert_eq!(
            (columns.version, columns.latest, columns.size),
            (Some(2), Some(3), Some(5))
        );
        assert_eq!(ListColumns::guessed(&[row("2026-03-02,1,2,3")]), None);
        assert_eq!(ListColumns::guessed(&[row("abc,def,ghi,jkl,mno")]), None);
    }
}
