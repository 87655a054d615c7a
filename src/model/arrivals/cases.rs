//! The choice of arrivals, and growth: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::{APP, Cases};

pub(crate) fn add(cases: &mut Cases) {
    for add in super::CASES {
        add(cases);
    }
    super::trace::cases::add(cases);
    super::job::cases::add(cases);
    cases.key(
        "workload.NAME.growth",
        APP,
        &[],
        &["workload.w.growth=1.5"],
        "kms_calls",
    );
    cases.broken(
        Code::UnknownKey,
        "arrivals = { poisson = { rate = \"50/s\" } }",
        "arrivals = { poison = { rate = \"50/s\" } }",
        "poison",
        &["did you mean `poisson`?"],
    );
    cases.broken(
        Code::WrongType,
        "arrivals = { poisson = { rate = \"50/s\" } }",
        "arrivals = 50",
        "50\npop",
        &["a table with one alternative", "the integer 50"],
    );
    cases.broken(
        Code::Contradiction,
        "arrivals = { poisson = { rate = \"50/s\" } }",
        "arrivals = { poisson = { rate = 1 }, constant = { rate = 1 } }",
        "constant = { rate = 1 }",
        &["both `poisson` and `constant`"],
    );
    cases.broken(
        Code::Contradiction,
        "arrivals = { poisson = { rate = \"50/s\" } }",
        "arrivals = { poisson = { rate = 1 } }\njob = { workers = 1, objects = 1 }",
        "[workload.reads]",
        &["more than one of"],
    );
    cases.broken(
        Code::Contradiction,
        "arrivals = { poisson = { rate = \"50/s\" } }\n",
        "",
        "[workload.reads]",
        &["when its requests arrive"],
    );
}
