//! Texts that are not TOML, or say a thing twice.

use crate::input::diagnostic::Code;
use crate::scenario::cases::Cases;

pub(crate) fn add(cases: &mut Cases) {
    cases.broken(Code::Syntax, "seed = 7", "seed = 7 7", "7 7", &[]);
    cases.broken(
        Code::Syntax,
        "seed = 7",
        "seed = ",
        "\nreplications",
        &["missing value"],
    );
    cases.broken(
        Code::Syntax,
        "warm_up = \"5s\"",
        "warm_up = 5s",
        "5s\nseed",
        &["`5s` is not a value", "\"5s\""],
    );
    cases.broken(
        Code::Syntax,
        "\"us-east-1\"\n\n[account.main]",
        "\"us-east-1\n\n[account.main]",
        "\n\n[account.main]",
        &[],
    );
    cases.broken(
        Code::Syntax,
        "[account.main]",
        "[account.main",
        "\ntrail_copies",
        &[],
    );
    cases.broken(
        Code::Syntax,
        "seed = 7",
        "seed = 99999999999999999999999999999999999999999999",
        "99999999999999999999999999999999999999999999",
        &["too many digits"],
    );
    cases.broken(
        Code::DuplicateName,
        "[key.far]",
        "[key.main]",
        "main]\nregion",
        &["`main` is there twice"],
    );
    cases.broken(
        Code::DuplicateName,
        "seed = 7",
        "seed = 7\nseed = 8",
        "seed = 8",
        &["`seed`"],
    );
}
