//! `workload.NAME.trace`: what each key changes, and what is refused, also in its file.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{Cases, FLOW, GOOD, codes, folder, refused};
use std::collections::BTreeSet;
use std::fs;

pub(crate) fn add(cases: &mut Cases) {
    for (key, value) in [
        ("file", "other.csv"),
        ("time_scale", "0.1"),
        ("rate_scale", "3"),
        ("repeat", "true"),
    ] {
        cases.key(
            format!("workload.NAME.trace.{key}"),
            FLOW,
            &["workload.w.trace={file=\"trace.csv\"}"],
            &[&format!("workload.w.trace.{key}={value}")],
            if key == "time_scale" {
                "series"
            } else {
                "kms_calls"
            },
        );
    }
    cases.broken(
        Code::UnknownKey,
        "repeat = true",
        "repeats = true",
        "repeats",
        &["did you mean `repeat`?"],
    );
    cases.broken(
        Code::MissingKey,
        "file = \"trace.csv\", ",
        "",
        "{ time_scale",
        &["`workload.replay.trace.file` is missing"],
    );
    cases.broken(
        Code::OutOfRange,
        "time_scale = 1.0",
        "time_scale = 0",
        "0, rate_scale",
        &["but is 0"],
    );
    cases.broken(
        Code::OutOfRange,
        "rate_scale = 2.0",
        "rate_scale = -1",
        "-1, repeat",
        &["-1"],
    );
    cases.broken(
        Code::MissingFile,
        "file = \"trace.csv\"",
        "file = \"trcae.csv\"",
        "\"trcae.csv\"",
        &["trcae.csv"],
    );
    cases.broken(
        Code::MissingFile,
        "file = \"trace.csv\"",
        "file = \".\"",
        "\".\"",
        &["directory"],
    );
}

#[test]
fn traces_are_checked_row_by_row() {
    for (csv, words) in [
        (
            "when\n1\n",
            &["trace.csv:1:", "no time column", "`when`"][..],
        ),
        ("time\n", &["trace.csv:1:", "at least one arrival"]),
        ("", &["trace.csv:1:", "no time column"]),
        (
            "time,size\n1,5\nnever,5\n2,big\n3\n",
            &[
                "trace.csv:3: time `never`",
                "trace.csv:4: size `big`",
                "trace.csv:5: 1 fields where the header has 2",
            ],
        ),
        (
            "time,operation\n1,GetObject\n",
            &["`GetObject` is not a KMS operation"],
        ),
        (
            "time\n1\nNaN\ninf\n-inf\n1e300\n",
            &["trace.csv:3:", "trace.csv:4:", "trace.csv:6:"],
        ),
    ] {
        let dir = folder();
        fs::write(dir.path().join("trace.csv"), csv).expect("write");
        let said = refused(dir.path(), GOOD);
        assert_eq!(codes(&said), BTreeSet::from(["bad-trace-row"]), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(said.contains("--> bad.toml:"), "{said}");
    }
    let dir = folder();
    fs::write(dir.path().join("trace.csv"), b"time\n\xff\xfe\n1\n").expect("write");
    let said = refused(dir.path(), GOOD);
    assert!(said.contains("trace.csv:2:"), "{said}");
}
