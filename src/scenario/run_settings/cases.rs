//! The settings of the whole file: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{APP, Cases, FLOW};

pub(crate) fn add(cases: &mut Cases) {
    cases.key("seed", APP, &[], &["seed=2"], "kms_attempts");
    cases.key(
        "replications",
        APP,
        &[],
        &["replications=3"],
        "kms_attempts",
    );
    cases.key("horizon", APP, &[], &["horizon=13s"], "kms_attempts");
    cases.key("warm_up", APP, &[], &["warm_up=3s"], "kms_attempts");
    cases.key(
        "start",
        FLOW,
        &[
            "horizon=1h",
            "workload.w.arrivals={diurnal={mean=1,peak=2}}",
        ],
        &["start=2026-01-05T12:00:00Z"],
        "kms_attempts",
    );
    cases.broken(
        Code::UnknownKey,
        "seed = 7",
        "sed = 7",
        "sed",
        &["`sed`", "did you mean `seed`?"],
    );
    cases.broken(
        Code::MissingKey,
        "horizon = \"20s\"\n",
        "",
        "",
        &["`horizon` is missing", "horizon = \"15m\""],
    );
    cases.broken(
        Code::WrongType,
        "replications = 2",
        "replications = \"two\"",
        "\"two\"",
        &["an integer", "\"two\""],
    );
    cases.broken(
        Code::WrongType,
        "replications = 2",
        "replications = 2.0",
        "2.0\nstart",
        &["write 2 instead"],
    );
    cases.broken(
        Code::WrongType,
        "horizon = \"20s\"",
        "horizon = true",
        "true\nwarm",
        &["a length of time"],
    );
    cases.broken(
        Code::BadUnit,
        "horizon = \"20s\"",
        "horizon = 20",
        "20\nwarm",
        &["without a unit of time", "\"20s\""],
    );
    cases.broken(
        Code::BadUnit,
        "horizon = \"20s\"",
        "horizon = \"20 parsecs\"",
        "\"20 parsecs\"",
        &["20 parsecs"],
    );
    cases.broken(
        Code::BadUnit,
        "start = \"2026-01-05T00:00:00[UTC]\"",
        "start = \"yesterday\"",
        "\"yesterday\"",
        &["yesterday"],
    );
    cases.broken(
        Code::BadUnit,
        "start = \"2026-01-05T00:00:00[UTC]\"",
        "start = \"2026-01-05T00:00:00[Mars/Olympus]\"",
        "\"2026-01-05T00:00:00[Mars",
        &["Mars/Olympus"],
    );
    cases.broken(
        Code::OutOfRange,
        "replications = 2",
        "replications = 0",
        "0\nstart",
        &["at least 1", "but is 0"],
    );
    cases.broken(
        Code::OutOfRange,
        "replications = 2",
        "replications = -3",
        "-3",
        &["-3"],
    );
    cases.broken(Code::OutOfRange, "seed = 7", "seed = -7", "-7", &["-7"]);
    cases.broken(
        Code::OutOfRange,
        "horizon = \"20s\"",
        "horizon = \"0s\"",
        "\"0s\"\nwarm",
        &["at least 1s", "0s"],
    );
    cases.broken(
        Code::OutOfRange,
        "horizon = \"20s\"",
        "horizon = \"20.5s\"",
        "\"20.5s\"",
        &["20.5s", "20s 500ms", "whole"],
    );
    cases.broken(
        Code::OutOfRange,
        "horizon = \"20s\"",
        "horizon = \"5000d\"",
        "\"5000d\"",
        &["at most", "5000d"],
    );
    cases.broken(
        Code::OutOfRange,
        "warm_up = \"5s\"",
        "warm_up = \"500ms\"",
        "\"500ms\"",
        &["500ms"],
    );
    cases.broken(
        Code::Contradiction,
        "warm_up = \"5s\"",
        "warm_up = \"20s\"",
        "\"20s\"\nseed",
        &["`warm_up` (20s)", "`horizon` (20s)"],
    );
}
