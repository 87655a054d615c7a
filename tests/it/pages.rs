//! Pages of answers: whatever was asked, the parts come in the order in which a review asks, and no sentence has an
//! identifier in it.

use crate::common::program::{ended, folder, kmsim};
use std::fs;
use std::path::Path;

const STORE: &str = r#"horizon = "20s"
replications = 3
region = "eu-west-3"

[key.main]
account = "main"

[quota.symmetric]
limit = "100/s"

[bucket.lake]
key = "main"

[workload.readers]
bucket = "lake"
operations.GetObject = 1
popularity.uniform.objects = 1000
arrivals.poisson.rate = "90/s"
clients = 10

[workload.writers-of-a-team-with-a-name-that-goes-on-and-on-until-it-has-eighty-characters]
bucket = "lake"
operations.PutObject = 1
arrivals.poisson.rate = "15/s"
clients = 10

[variant.as-is]

[variant.bucket-keys.bucket.lake]
bucket_key = true
older_objects = 0
archived_bucket_keys = 3
"#;

/// Sections of a page, in order. Not every answer has each.
const ORDER: [&str; 9] = [
    "ladder",
    "tried",
    "decisive",
    "who",
    "bill",
    "changes",
    "assumptions",
    "metrics",
    "scenario",
];

/// The page's words: without scripts, styles, what is folded away as it was resolved, and markup.
fn words(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let skipped = ["script", "style", "pre", "code"].into_iter().find(|tag| {
            let after = rest[1..].strip_prefix(tag);
            after.is_some_and(|after| after.starts_with([' ', '>']))
        });
        let end = match skipped {
            Some(tag) => rest.find(&format!("</{tag}>")).expect("an end"),
            None => 0,
        };
        rest = &rest[end..];
        rest = &rest[rest.find('>').expect("a tag ends") + 1..];
        out.push(' ');
    }
    out + rest
}

/// What stands between two marks.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let from = text.find(from).unwrap_or_else(|| panic!("no {from}")) + from.len();
    &text[from..from + text[from..].find(to).unwrap_or_else(|| panic!("no {to}"))]
}

/// What a command prints on a terminal so wide, no line of which is wider; in ASCII where the locale is not UTF-8.
fn printed(dir: &Path, asked: &[&str], columns: usize, locale: &str) -> String {
    let mut command = kmsim(dir, asked);
    command
        .env("COLUMNS", columns.to_string())
        .env("LC_ALL", locale);
    let child = command.spawn().expect("kmsim starts");
    let (status, out, said) = ended(child, asked);
    assert!(status <= 1, "{asked:?}: {said}");
    let wide: Vec<&str> = out
        .lines()
        .filter(|l| l.chars().count() > columns)
        .collect();
    assert!(
        wide.is_empty(),
        "{asked:?}: wider than {columns}: {wide:#?}"
    );
    assert!(locale != "C" || out.is_ascii(), "{asked:?}: {out}");
    out
}

/// Looks at a page; returns its sections.
fn look(dir: &Path, page: &str, asked: &[&str]) -> Vec<&'static str> {
    let out = printed(dir, asked, 60, "C");
    let html = fs::read_to_string(dir.join(page)).expect("a page");
    let places = ORDER.map(|id| (id, html.find(&format!("<h2 id=\"{id}\">"))));
    let found: Vec<(&str, usize)> = places
        .into_iter()
        .filter_map(|(id, at)| Some((id, at?)))
        .collect();
    assert!(
        found.windows(2).all(|w| w[0].1 < w[1].1),
        "{asked:?}: {found:?}"
    );
    let question = words(between(&html, "<h1>", "</h1>"));
    assert!(question.trim_end().ends_with('?'), "{asked:?}: {question}");
    let answer = words(between(&html, "<p class=\"answer\">", "</p>"));
    let n = answer.split_whitespace().count();
    assert!((3..=60).contains(&n), "{asked:?}: {n} words: {answer}");
    for text in [words(&html), out] {
        // What a command in the text sets is written as it is typed.
        for id in [
            "main/eu-west-3",
            "L-6E3AF000",
            "s3-tier",
            "kms-requests",
            "throttle_rate <",
        ] {
            let lines = text
                .lines()
                .filter(|l| l.contains(id) && !l.contains("--") && !l.contains("Quota:"));
            // The glossary names what programs read.
            let lines: Vec<&str> = lines.filter(|l| !l.contains("Price:")).collect();
            assert!(lines.is_empty(), "{asked:?}: {id}: {lines:?}");
        }
    }
    found.into_iter().map(|(id, _)| id).collect()
}

#[test]
fn every_page_follows_the_questions_of_a_review() {
    let dir = folder("store.toml", STORE);
    let plan = "output/store-plan/report.html";
    let whole = [
        "tried",
        "decisive",
        "who",
        "bill",
        "changes",
        "assumptions",
        "metrics",
        "scenario",
    ];
    let target = ["--target", "throttle_rate < 0.1%"];
    for question in [
        &["plan", "store.toml"][..],
        &[
            "plan",
            "store.toml",
            "--growth",
            "--growth-per-month",
            "4%",
            "--from",
            "2026-12-01",
        ],
        &["plan", "store.toml", "--mitigations"],
    ] {
        assert_eq!(
            look(dir.path(), plan, &[question, &target[..]].concat()),
            whole
        );
    }
    assert_eq!(
        look(dir.path(), plan, &["plan", "store.toml", "--attribution"]),
        whole
    );
    let recovery = [
        "plan",
        "store.toml",
        "--recovery",
        "--load",
        "50%",
        "--load",
        "90%",
        "--watch",
        "30s",
    ];
    assert_eq!(look(dir.path(), plan, &recovery), whole);
    let migration = [
        "plan",
        "store.toml",
        "--migration",
        "lake",
        "--objects",
        "1000000",
    ];
    let without_figure: Vec<&str> = whole.into_iter().filter(|id| *id != "decisive").collect();
    assert_eq!(look(dir.path(), plan, &migration), without_figure);
    let sweep = [
        "sweep",
        "store.toml",
        "--over",
        "quota.symmetric.limit=80/s,120/s",
        "--over",
        "assumption.bucket_key_fanout=1,2",
        "--variant",
        "bucket-keys",
    ];
    let without_run = [
        "tried",
        "decisive",
        "changes",
        "assumptions",
        "metrics",
        "scenario",
    ];
    assert_eq!(
        look(dir.path(), "output/store-sweep/report.html", &sweep),
        without_run
    );
    let of_variants = [
        "ladder",
        "decisive",
        "who",
        "bill",
        "changes",
        "assumptions",
        "metrics",
        "scenario",
    ];
    let run = ["run", "store.toml", "--full"];
    assert_eq!(
        look(dir.path(), "output/store/report.html", &run),
        of_variants
    );
    let other = [
        "run",
        "store.toml",
        "--set",
        "quota.symmetric.limit=150/s",
        "--out",
        "output/more",
    ];
    assert_eq!(
        look(dir.path(), "output/more/report.html", &other),
        of_variants
    );
    let compare = [
        "compare",
        "output/store",
        "output/more",
        "--out",
        "output/both",
    ];
    assert_eq!(
        look(dir.path(), "output/both/report.html", &compare),
        of_variants
    );
    let both = ["compare", "output/store", "output/more", "--full"];
    for asked in [
        &run[..],
        &both,
        &["compare", "output/store", "output/more"],
        &["check", "store.toml"],
        &["explain", "store.toml"],
        &["report", "output/store"],
        &["catalog", "quota"],
    ] {
        for (columns, locale) in [(60, "C"), (80, "C.UTF-8"), (120, "C.UTF-8")] {
            printed(dir.path(), asked, columns, locale);
        }
    }
}
