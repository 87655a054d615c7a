//! `workload.NAME.trace`: what each key changes, and what is refused, also in its file.

use crate::input::diagnostic::Code;
use crate::model::Kind;
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
    cases.key(
        "workload.NAME.trace.time_unit",
        FLOW,
        &["workload.w.trace={file=\"trace.csv\"}"],
        &["workload.w.trace.time_unit=ms"],
        "kms_attempts_per_s_max",
    );
    for (key, value, part) in [("count", "Sum", "kms_calls"), ("period", "2s", "series")] {
        cases.key(
            format!("workload.NAME.trace.{key}"),
            FLOW,
            &[if key == "count" {
                "workload.w.trace={file=\"counts.csv\", count=\"none\"}"
            } else {
                "workload.w.trace={file=\"counts.csv\", count=\"Sum\"}"
            }],
            &[&format!("workload.w.trace.{key}={value}")],
            part,
        );
    }
    cases.key(
        "workload.NAME.trace.dispersion",
        FLOW,
        &["workload.w.trace={file=\"counts.csv\", count=\"Sum\"}"],
        &["workload.w.trace.dispersion=9"],
        "series",
    );
    cases.broken(
        Code::Contradiction,
        "repeat = true",
        "dispersion = 5",
        "5",
        &["one request"],
    );
    cases.broken(
        Code::Contradiction,
        "repeat = true",
        "period = \"1m\"",
        "\"1m\"",
        &["one request"],
    );
    cases.broken(
        Code::UnknownName,
        "repeat = true",
        "time_unit = \"minutes\"",
        "\"minutes\"",
        &["`ms`"],
    );
    cases.broken(
        Code::OutOfRange,
        "repeat = true",
        "count = \"Sum\", period = \"10ms\"",
        "\"10ms\"",
        &["10ms"],
    );
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
        Code::RefusedFile,
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
            &["trace.csv:1:", "none of its 1 columns is a time"][..],
        ),
        ("time\n", &["trace.csv:1:", "at least one arrival"]),
        ("", &["trace.csv:1:", "none of its 0 columns is a time"]),
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
            "Timestamp,Sum\n2026-11-24T18:00:00Z,120\n",
            &["a column `Sum`", "count = \"none\""],
        ),
        (
            "time\n1\n2026-11-24T18:00:00Z\n",
            &["trace.csv:3:", "write all times in one form"],
        ),
        (
            "time\n1700000000\n1700000001000\n",
            &["trace.csv:3:", "`time_unit`"],
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
    // Times beyond all runs, which once came round to the start.
    fs::write(dir.path().join("trace.csv"), "time\n0\n18446744074\n").expect("write");
    let said = refused(dir.path(), GOOD);
    assert_eq!(codes(&said), BTreeSet::from(["out-of-range"]), "{said}");
    assert!(said.contains("213504 days"), "{said}");
    // Read as what they are, and not once more.
    fs::write(
        dir.path().join("trace.csv"),
        "time\n1700000000000000\n1700018447000000\n",
    )
    .expect("write");
    let said = refused(
        dir.path(),
        &GOOD.replace("time_scale = 1.0", "time_scale = 0.000001"),
    );
    assert!(said.contains("microseconds since 1970"), "{said}");
}

#[test]
fn times_are_scaled_before_they_can_overflow_and_rows_beyond_the_horizon_are_counted() {
    let loaded = |csv: &str, trace: &str| {
        let dir = folder();
        fs::write(dir.path().join("t.csv"), csv).expect("write");
        let text = format!(
            "horizon = \"6h\"\nregion = \"us-east-1\"\nkey.k = {{}}\n[workload.w]\nkey = \"k\"\noperations.Decrypt = 1\n\
             clients = 1\ntrace = {{ file = \"t.csv\"{trace} }}\n"
        );
        let input = crate::input::Input::from_text("x", &text).in_folder(dir.path());
        let loaded = crate::scenario::load(&input, &[]).unwrap_or_else(|e| panic!("{e}"));
        let Kind::Trace { trace, .. } = &loaded.variants[0].plan.workloads[0].kind else {
            panic!("a trace");
        };
        (trace.seconds(), loaded.warnings.join(" "))
    };
    // 18,447 s are five hours and more.
    for (csv, trace) in [
        ("time\n0\n18446744074\n", ", time_scale = 1e-6"),
        ("time\n0\n18446744074\n", ", time_unit = \"us\""),
        ("time\n1700000000000000\n1700018446744074\n", ""),
        ("time\n1700000000000\n1700018446744\n", ""),
        (
            "time\n1700000000000000\n1700018446744074\n",
            ", time_unit = \"s\", time_scale = 1e-6",
        ),
    ] {
        assert_eq!(loaded(csv, trace), (18_447, String::new()), "{csv}{trace}");
    }
    for (csv, trace, part) in [
        (
            "time\n0\n21599\n21600\n90000.5\n",
            "",
            "2 of the 4 rows of `t.csv`",
        ),
        ("time\n0\n21600\n", ", time_scale = 2", "1 of the 2 rows"),
        (
            "time,n\n0,5\n21600,6\n",
            ", count = \"n\"",
            "a `horizon` of 12h",
        ),
        ("time\n0\n21599.9\n", "", ""),
        ("time\n0\n21600\n", ", repeat = true", ""),
    ] {
        let (_, said) = loaded(csv, trace);
        assert!(
            said.contains(part) && said.is_empty() == part.is_empty(),
            "{csv}: {said}"
        );
    }
}
