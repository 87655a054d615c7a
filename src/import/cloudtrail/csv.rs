//! CloudTrail as tables: what Athena and CloudTrail Lake write as CSV, and Lake's query results as JSON.
//!
//! Each row is put together as the record that it was, and read as one. Athena's column names are lower-case, and structures are
//! Hive's text, `{type=AssumedRole, arn=…}`; Lake's names are the record's, and its times have a blank for the T.

use super::super::evidence::fact::Fact;
use super::super::evidence::finding::{FileEnd, Findings};
use super::super::evidence::skip::SkipReason;
use super::super::head::Head;
use super::super::json;
use super::super::lines;
use super::super::rows::{CellRow, CellRows};
use super::super::window::Window;
use super::event::{EVENT_KEYS, EventReader, index_of};
use serde_json::{Map, Value};

/// Names of a record, and of what is nested in it.
const NAMES: &[&str] = &[
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "eventType",
    "apiVersion",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "eventCategory",
    "managementEvent",
    "tlsDetails",
    "principalId",
    "accountId",
    "invokedBy",
    "accessKeyId",
    "userName",
    "sessionContext",
    "sessionIssuer",
    "keyId",
    "encryptionContext",
    "encryptionAlgorithm",
    "signingAlgorithm",
    "macAlgorithm",
    "keyPairSpec",
    "bucketName",
    "SSEApplied",
    "ARN",
];

/// Brackets inside one another that are read.
const DEEPEST: usize = 16;

/// A name as CloudTrail writes it.
fn named(name: &str) -> &str {
    let name = name.trim().trim_matches('"');
    let plain = |c: char| c != '_';
    let same = |known: &&&str| {
        let ours = known.chars().filter(|c| plain(*c));
        let theirs = name.chars().filter(|c| plain(*c));
        ours.map(|c| c.to_ascii_lowercase())
            .eq(theirs.map(|c| c.to_ascii_lowercase()))
    };
    // Of resources the ARN is in capitals, of identities it is not.
    if name.eq_ignore_ascii_case("arn") {
        return "arn";
    }
    NAMES.iter().find(same).copied().unwrap_or(name)
}

/// Whether a file that begins so is such a table.
pub fn recognises(head: &Head) -> bool {
    let mut header = CellRow::default();
    header.read(head.first_line());
    let has = |name: &str| header.iter().any(|cell| named(cell) == name);
    (has("eventSource") && has("eventName") && has("eventTime")) || has(MESSAGE)
}

/// The column of CloudWatch Logs Insights with a record's text.
const MESSAGE: &str = "@message";

/// Whether it is what `aws cloudtrail get-query-results` or `aws logs get-query-results` prints.
pub fn is_results(head: &Head) -> bool {
    head.has_any(&["QueryResultRows"])
        || head.has_all(&["results", "statistics"])
        || (head.has_any(&["results"])
            && memchr::memmem::find(&head.bytes, br#""@message""#).is_some())
}

/// Reads a table as CSV.
pub fn read(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut rows = CellRows::of(window);
    let mut row = CellRow::default();
    let names: Vec<String> = match rows.next(&mut row, findings) {
        Ok(_) => row.iter().map(|name| named(name).to_owned()).collect(),
        Err(end) => return end,
    };
    let mut reader = EventReader::default();
    loop {
        match rows.next(&mut row, findings) {
            Ok(at) => {
                let cells = names.iter().map(String::as_str).zip(row.iter());
                one(cells, at, &mut reader, findings);
            }
            Err(end) => return end,
        }
    }
}

/// Reads the results of a query: rows of objects with one key each.
pub fn results(window: &mut Window, findings: &mut Findings<'_>) -> FileEnd {
    let mut reader = EventReader::default();
    let mut n = 0;
    lines::documents(window, findings, |page: Value, findings| {
        for row in page["QueryResultRows"].as_array().into_iter().flatten() {
            let cells = row.as_array().into_iter().flatten();
            let cells = cells.filter_map(Value::as_object).flatten();
            let cells =
                cells.map(|(name, value)| (named(name), value.as_str().unwrap_or_default()));
            one(cells, n, &mut reader, findings);
            n += 1;
        }
        for row in page["results"].as_array().into_iter().flatten() {
            let cells = row.as_array().into_iter().flatten();
            let text =
                |cell: &'_ Value, key: &str| cell[key].as_str().unwrap_or_default().to_owned();
            let cells: Vec<_> = cells
                .map(|c| (text(c, "field"), text(c, "value")))
                .collect();
            let cells = cells
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            one(cells, n, &mut reader, findings);
            n += 1;
        }
        if page["NextToken"].as_str().is_some_and(|t| !t.is_empty()) {
            findings.fact(Fact::Note(
                "a query has more pages of results that were not given".to_owned(),
            ));
        }
    })
}

/// Reads a row as the record that it was.
fn one<'a>(
    cells: impl Iterator<Item = (&'a str, &'a str)>,
    at: u64,
    reader: &mut EventReader,
    findings: &mut Findings<'_>,
) {
    let mut record = Map::new();
    for (name, cell) in cells {
        let cell = cell.trim();
        if name == MESSAGE {
            return reader.message(cell.as_bytes(), findings, at);
        }
        if matches!(cell, "" | "null" | "-") {
            continue;
        }
        let value = match name {
            "userIdentity"
            | "requestParameters"
            | "responseElements"
            | "additionalEventData"
            | "resources"
            | "tlsDetails" => structure(cell),
            "managementEvent" | "readOnly" => match cell {
                "true" | "TRUE" | "True" => Value::Bool(true),
                "false" | "FALSE" | "False" => Value::Bool(false),
                other => Value::String(other.to_owned()),
            },
            _ => Value::String(cell.to_owned()),
        };
        record.insert(name.to_owned(), value);
    }
    // A row is a record whatever its columns are.
    record
        .entry("eventSource")
        .or_insert_with(|| Value::String(String::new()));
    let text = Value::Object(record).to_string();
    match json::of_object::<EVENT_KEYS>(text.as_bytes(), index_of) {
        Some(found) => reader.read(&found, text.as_bytes(), findings, at),
        None => {
            findings.seen += 1;
            findings.skip(SkipReason::Malformed, || format!("byte {at}"));
        }
    }
}

/// A structure as JSON, or as Hive's text.
fn structure(text: &str) -> Value {
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
        return value;
    }
    let mut hive = Hive { rest: text };
    hive.value(0)
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Hive's text of a structure: no quotes, so that a value ends where another name, or its structure's end, follows.
struct Hive<'a> {
    rest: &'a str,
}

impl Hive<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.rest = self.rest.trim_start();
        if depth > DEEPEST {
            return None;
        }
        if let Some(rest) = self.rest.strip_prefix('{') {
            self.rest = rest;
            return self.object(depth);
        }
        if let Some(rest) = self.rest.strip_prefix('[') {
            self.rest = rest;
            let mut all = Vec::new();
            loop {
                self.rest = self.rest.trim_start_matches([' ', ',']);
                if let Some(rest) = self.rest.strip_prefix(']') {
                    self.rest = rest;
                    return Some(Value::Array(all));
                }
                if self.rest.is_empty() {
                    return None;
                }
                let before = self.rest.len();
                all.push(self.value(depth + 1)?);
                if self.rest.len() == before {
                    return None;
                }
            }
        }
        let text = self.text();
        Some(if text == "null" {
            Value::Null
        } else {
            Value::String(text)
        })
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        loop {
            self.rest = self.rest.trim_start_matches([' ', ',']);
            if let Some(rest) = self.rest.strip_prefix('}') {
                self.rest = rest;
                return Some(Value::Object(map));
            }
            let equals = self.rest.find('=')?;
            let name = self.rest[..equals].trim();
            if name.contains(['{', '}', '[', ']']) {
                return None;
            }
            let name = named(name).to_owned();
            self.rest = &self.rest[equals + 1..];
            let value = self.value(depth + 1)?;
            map.insert(name, value);
        }
    }

    /// A text: to the bracket that closes its structure, or to the comma that another name follows.
    fn text(&mut self) -> String {
        let mut depth = 0_usize;
        for (i, c) in self.rest.char_indices() {
            let ends = match c {
                '{' | '[' => {
                    depth += 1;
                    false
                }
                '}' | ']' if depth > 0 => {
                    depth -= 1;
                    false
                }
                '}' | ']' => true,
                ',' => depth == 0 && name_follows(&self.rest[i + 1..]),
                _ => false,
            };
            if ends {
                let text = self.rest[..i].trim().to_owned();
                self.rest = &self.rest[i..];
                return text;
            }
        }
        std::mem::take(&mut self.rest).trim().to_owned()
    }
}

/// Whether ` name=` comes here, or another element.
fn name_follows(text: &str) -> bool {
    let text = text.trim_start();
    if text.starts_with(['{', '[']) {
        return true;
    }
    let name = text
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'));
    let n = name.count();
    n > 0 && text.as_bytes().get(n) == Some(&b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hive_s_text_is_read() {
        let text = "{type=AssumedRole, principalid=AROA:x, arn=arn:aws:sts::1:assumed-role/a/b, accountid=1, invokedby=null, \
                    sessioncontext={attributes={mfaauthenticated=false}, sessionissuer={type=Role, arn=arn:aws:iam::1:role/a}}}";
        let read = structure(text);
        assert_eq!(read["type"], "AssumedRole");
        assert_eq!(
            read["sessionContext"]["sessionIssuer"]["arn"],
            "arn:aws:iam::1:role/a"
        );
        assert_eq!(
            (&read["invokedBy"], &read["accountId"]),
            (&Value::Null, &json!("1"))
        );
        assert_eq!(
            structure("[{arn=a, accountid=1, type=AWS::KMS::Key}, {arn=b, type=null}]"),
            json!([{ "arn": "a", "accountId": "1", "type": "AWS::KMS::Key" }, { "arn": "b", "type": null }])
        );
        assert_eq!(
            structure(
                "{keyId=k, encryptionContext={aws:s3:arn=arn:aws:s3:::b/a, with {braces}, x=1}}"
            )["encryptionContext"],
            json!({ "aws:s3:arn": "arn:aws:s3:::b/a, with {braces}", "x": "1" })
        );
        assert_eq!(structure("{\"a\":[1]}"), json!({ "a": [1] }));
        for cut in ["{type=a", "[{a=b}", "{", "{a", "[[[[", "{a={a={a="] {
            assert_eq!(structure(cut), json!(cut), "{cut}");
        }
    }
}
