//! The client-side caches of a workload: what each key changes, and what is refused.

use crate::input::diagnostic::Code;
use crate::scenario::cases::Cases;

pub(crate) fn add(cases: &mut Cases) {
    for add in super::client_cache::CASES {
        add(cases);
    }
    cases.broken(
        Code::Contradiction,
        "data_key_cache = { max_age = \"60s\", capacity = 10,",
        "branch_key_cache = { ttl = \"15m\" }\ndata_key_cache = { max_age = \"60s\", capacity = 10,",
        "{ ttl",
        &["has both a data-key cache and a branch-key cache"],
    );
}
