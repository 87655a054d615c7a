//! Which column of a file is what, and which look as if a row were more than one request.
//!
//! Names are matched without regard to case. A column with a name of statistics, or with a number in every row of a file
//! whose rows are minutes apart, makes each row a sum or a mean over a period, whom one arrival would play down.

use csv::StringRecord;

/// Names of the time column.
const TIME: [&str; 5] = ["time", "timestamp", "t", "eventTime", "date"];

/// The columns that are read, by position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub time: usize,
    pub operation: Option<usize>,
    pub key: Option<usize>,
    pub size: Option<usize>,
    pub requester: Option<usize>,
    /// How many requests a row is, where it is told.
    pub count: Option<usize>,
}

impl Columns {
    /// Of a header; what is missing.
    pub fn of(headers: &StringRecord, count: Option<&str>) -> Result<Columns, String> {
        let find = |names: &[&str]| {
            let is = |h: &str| names.iter().any(|n| h.eq_ignore_ascii_case(n));
            headers.iter().position(is)
        };
        let found = || headers.iter().collect::<Vec<_>>().join("`, `");
        let Some(time) = find(&TIME) else {
            // Of what may be no trace nothing is shown.
            return Err(format!(
                "none of its {} columns is a time: name one `time` (seconds or a date)",
                headers.len()
            ));
        };
        let column = match count {
            None => None,
            Some(name) => Some(find(&[name]).ok_or_else(|| {
                format!(
                    "no column `{name}`, which `count` names, among `{}`",
                    found()
                )
            })?),
        };
        let columns = Columns {
            time,
            operation: find(&["operation"]),
            key: find(&["key"]),
            size: find(&["size"]),
            requester: find(&["requester"]),
            count: column,
        };
        for (name, at) in [("key", columns.key), ("size", columns.size)] {
            if column.is_some() && at.is_some() && at != column {
                return Err(format!(
                    "a row that counts requests has a column `{name}`, which is of one request: leave that column out"
                ));
            }
        }
        Ok(columns)
    }

    /// Those that are not read.
    fn others<'h>(&self, headers: &'h StringRecord) -> Vec<(usize, &'h str)> {
        let read = [
            Some(self.time),
            self.operation,
            self.key,
            self.size,
            self.requester,
            self.count,
        ];
        let all = headers.iter().enumerate();
        all.filter(|(i, _)| !read.contains(&Some(*i))).collect()
    }

    /// A column whose name is that of a statistic.
    pub fn statistic<'h>(&self, headers: &'h StringRecord) -> Option<&'h str> {
        let mut others = self.others(headers).into_iter();
        others.find(|(_, name)| is_statistic(name)).map(|o| o.1)
    }

    /// Columns that are passed over, of which `is_number` tells whether they hold numbers so far.
    pub fn numbers(&self, headers: &StringRecord) -> Vec<NumberColumn> {
        let others = self.others(headers).into_iter();
        let columns = others.map(|(at, _)| NumberColumn {
            at,
            is_number: true,
        });
        columns.collect()
    }
}

/// A column that may hold a number in every row.
#[derive(Debug)]
pub(super) struct NumberColumn {
    /// Its position.
    pub at: usize,
    pub is_number: bool,
}

impl NumberColumn {
    /// Takes in a row, whose fields these are.
    pub fn look_at<'r>(&mut self, cell: &impl Fn(usize) -> Option<&'r str>) {
        if self.is_number {
            let value = cell(self.at).and_then(|cell| cell.parse::<f64>().ok());
            self.is_number = value.is_some_and(|v| v >= 0.0);
        }
    }
}

/// Whole names, their words written together.
const NAMES: [&str; 35] = [
    "sum",
    "total",
    "totals",
    "mean",
    "median",
    "counts",
    "cnt",
    "n",
    "num",
    "number",
    "samples",
    "min",
    "minimum",
    "max",
    "maximum",
    "stddev",
    "value",
    "values",
    "val",
    "y",
    "requests",
    "reqs",
    "events",
    "operations",
    "ops",
    "messages",
    "records",
    "rate",
    "rps",
    "qps",
    "tps",
    "throughput",
    "frequency",
    "volume",
    "usage",
];

/// Words that say it wherever they stand in a name.
const WORDS: [&str; 11] = [
    "sum",
    "average",
    "avg",
    "samplecount",
    "datapoint",
    "datapoints",
    "percentile",
    "count",
    "counts",
    "per",
    "mean",
];

/// Things that are counted.
const COUNTED: [&str; 7] = [
    "requests",
    "calls",
    "hits",
    "invocations",
    "attempts",
    "errors",
    "throttles",
];

/// Whether a column's name is that of a statistic: `Sum`, `SampleCount`, `CallCount`, `requests per second`, `p99`.
fn is_statistic(name: &str) -> bool {
    let words = words(name);
    let joined = words.concat();
    let numbered = |prefix: char| {
        let digits = joined.strip_prefix(prefix);
        digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    // `p99`, and the names that metric maths gives: `m1`, `e1`.
    ['p', 'm', 'e'].into_iter().any(numbered)
        || NAMES.contains(&joined.as_str())
        || words
            .iter()
            .any(|w| WORDS.contains(&w.as_str()) || ends_with_count(w))
        || words.iter().any(|w| COUNTED.contains(&w.as_str()))
}

/// `callcount`, but not `account`.
fn ends_with_count(word: &str) -> bool {
    word.ends_with("count") && !word.ends_with("account") && !word.ends_with("discount")
}

/// A name's words in lower case: apart by what is no letter or digit, and by capitals.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let capital = c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit());
        if capital || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|w| !w.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_statistics_are_told_from_those_of_requests() {
        for name in [
            "Sum",
            "SUM",
            "Average",
            "avg",
            "count",
            "Count",
            "SampleCount",
            "sample_count",
            "n",
            "CallCount",
            "callcount",
            "call-count",
            "Requests",
            "kms_calls",
            "GetRequests",
            "value",
            "Maximum",
            "p99",
            "p99.9",
            "m1",
            "requests/s",
            "Requests per second",
            "Sum of CallCount",
            "total",
            "number of requests",
            "eventCount",
            "throttle_count",
        ] {
            assert!(is_statistic(name), "{name}");
        }
        for name in [
            "account",
            "recipientAccountId",
            "accountId",
            "eventName",
            "eventSource",
            "requestID",
            "request_uri",
            "total_time",
            "turn_around_time",
            "http_status",
            "bytes_sent",
            "object_size",
            "bucket",
            "user_agent",
            "latency_ms",
            "discount",
            "comment",
            "region",
            "kmsKeyId",
            "method",
            "country",
            "permission",
            "summary",
            "meaning",
        ] {
            assert!(!is_statistic(name), "{name}");
        }
    }

    #[test]
    fn columns_are_found_by_name() {
        let header = StringRecord::from(vec!["Timestamp", "SUM", "Operation", "note"]);
        let columns = Columns::of(&header, Some("Sum")).expect("columns");
        assert_eq!(
            (columns.time, columns.count, columns.operation),
            (0, Some(1), Some(2))
        );
        assert_eq!(columns.statistic(&header), None);
        let columns = Columns::of(&header, None).expect("columns");
        assert_eq!(columns.statistic(&header), Some("SUM"));
        assert!(
            Columns::of(&header, Some("n"))
                .expect_err("no n")
                .contains("`n`")
        );
        let header = StringRecord::from(vec!["t", "n", "key"]);
        assert!(
            Columns::of(&header, Some("n"))
                .expect_err("key")
                .contains("`key`")
        );
    }
}
