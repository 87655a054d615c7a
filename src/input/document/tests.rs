use proptest::prelude::*;

use super::super::setting::set;
use super::*;

fn read(sources: &mut Sources, text: &str) -> Table {
    parse(sources, "peak.toml", text).expect("TOML")
}

/// The tree without places, in TOML's inline syntax.
fn plain(table: &Table) -> String {
    table.plain()
}

fn shown<'a>(sources: &'a Sources, place: &Place) -> &'a str {
    &sources.text(place.source)[place.range.clone()]
}

#[test]
fn keeps_order_and_places() {
    let mut sources = Sources::new();
    let table = read(
        &mut sources,
        "seed = 18446744073709551615\nhex = 0xff\n[variant.b]\nx = 1.5\n[variant.a]\ny.z = [1, 'q']\n[workload.w]\n[variant.b.deep]\nwhen = 2024-01-02\n",
    );
    assert_eq!(
        plain(&table),
        "{ seed = 18446744073709551615, hex = 255, variant = { b = { x = 1.5, deep = { when = \
         2024-01-02 } }, a = { y = { z = [1, \"q\"] } } }, workload = { w = {  } } }"
    );
    let Some(Node::Table(variants)) = table.get("variant").map(|v| &v.node) else {
        panic!("a table");
    };
    let b = variants.get("b").expect("variant b");
    assert_eq!(sources.locate(&b.place), "peak.toml:3:1");
    assert_eq!(shown(&sources, &b.place), "[variant.b]");
    assert_eq!(shown(&sources, &variants.entries["a"].key), "a");
    assert_eq!(
        sources.locate(&table.entries["seed"].value.place),
        "peak.toml:1:8"
    );
}

#[test]
fn finds_several_syntax_errors() {
    let mut sources = Sources::new();
    let text = "a = 1\nb = \nc = 3\nd = \"open\ne = 5 5\na = 2\nbig = 999999999999999999999999999999999999999999\n";
    let faults = parse(&mut sources, "bad.toml", text).expect_err("not TOML");
    let lines: Vec<String> = faults.iter().map(|f| f.one_line(&sources)).collect();
    let text = lines.join("\n");
    for line in [2, 4, 5, 6, 7] {
        assert!(text.contains(&format!("bad.toml:{line}:")), "{text}");
    }
    assert!(
        !text.contains("bad.toml:1:") && !text.contains("bad.toml:3:"),
        "{text}"
    );
    let codes: Vec<Code> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(
        codes
            .iter()
            .filter(|code| **code == Code::DuplicateName)
            .count(),
        1,
        "{text}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == Code::Syntax).count(),
        4,
        "{text}"
    );
}

#[test]
fn a_syntax_error_comes_with_help_and_once_per_line() {
    let mut sources = Sources::new();
    let mut faults = |text: &str| {
        let faults = parse(&mut sources, "bad.toml", text).expect_err("not TOML");
        let lines: Vec<String> = faults
            .iter()
            .map(|f| {
                format!(
                    "{} ({})",
                    f.one_line(&sources),
                    f.help.as_deref().unwrap_or("")
                )
            })
            .collect();
        lines.join("\n")
    };
    assert_eq!(
        faults("horizon = 15m"),
        "bad.toml:1:11: error[syntax]: `15m` is not a value (write \"15m\" if it is meant as text)"
    );
    assert_eq!(
        faults("horizon ="),
        "bad.toml:1:10: error[syntax]: missing value (write a value, or drop the key)"
    );
    assert_eq!(
        faults("[a]\nx = 1\n[a]\ny = 2\n"),
        "bad.toml:3:2: error[duplicate-name]: `a` is there twice (drop or rename one of them)"
    );
    assert_eq!(
        faults("a = [1,\n2\nb = 3\n"),
        "bad.toml:3:1: error[syntax]: missing comma between array elements, expected `,` (scenario files are TOML: `key = value`, `[table]`, text in \"quotes\" (https://toml.io))"
    );
}

#[test]
fn set_replaces_and_makes_tables() {
    let mut sources = Sources::new();
    let mut table = read(
        &mut sources,
        "horizon = \"1h\"\n[workload.w]\nclients = 5\n",
    );
    for argument in [
        "horizon=15m",
        "seed = 7",
        "workload.w.clients=9",
        "workload.\"my.bucket\".rate=4000/s",
        "workload.'it''s'.x=1",
        "workload.w.arrivals={ poisson = { rate = 5 } }",
        "note=\"a = b\"",
        "tags=[1, 2]",
        "empty=",
    ] {
        let result = set(&mut table, &mut sources, argument);
        assert_eq!(
            result.is_ok(),
            argument != "workload.'it''s'.x=1",
            "{argument}"
        );
    }
    assert_eq!(
        plain(&table),
        "{ horizon = \"15m\", workload = { w = { clients = 9, arrivals = { poisson = { rate = \
         5 } } }, \"my.bucket\" = { rate = \"4000/s\" } }, seed = 7, note = \"a = b\", tags = \
         [1, 2], empty = \"\" }"
    );
    let note = &table.entries["note"];
    assert_eq!(shown(&sources, &note.key), "note");
    assert_eq!(shown(&sources, &note.value.place), "\"a = b\"");
    assert_eq!(sources.locate(&note.value.place), "--set 'note=\"a = b\"'");
}

#[test]
fn set_refuses() {
    let mut sources = Sources::new();
    let mut table = read(&mut sources, "horizon = \"1h\"\n");
    for (argument, message) in [
        (
            "horizon",
            "`horizon` does not begin with a path of keys and `=`",
        ),
        ("=5", "`=5` does not begin with a path of keys and `=`"),
        ("", "`` does not begin with a path of keys and `=`"),
        (
            "a..b=5",
            "`a..b=5` does not begin with a path of keys and `=`",
        ),
        (
            "a b=5",
            "`a b=5` does not begin with a path of keys and `=`",
        ),
        (
            "\"a=5",
            "`\"a=5` does not begin with a path of keys and `=`",
        ),
        (
            "horizon.x=5",
            "`horizon` is the string \"1h\", not a table with keys to set",
        ),
    ] {
        let fault = set(&mut table, &mut sources, argument).expect_err(argument);
        assert_eq!(
            (fault.code, fault.message.as_str()),
            (Code::BadSet, message)
        );
        assert_eq!(
            fault.one_line(&sources),
            format!("--set '{argument}': error[bad-set]: {message}")
        );
    }
    let open = set(&mut table, &mut sources, "tags=[1, 2").expect_err("an open array");
    assert!(
        open.message.starts_with("`[1, 2` is not a TOML value: "),
        "{}",
        open.message
    );
    assert_eq!(plain(&table), "{ horizon = \"1h\" }");
}

#[test]
fn overlay_merges_tables_and_replaces_the_rest() {
    let mut sources = Sources::new();
    let mut lay = |base: &str, over: &str| {
        let base = read(&mut sources, base);
        let over = read(&mut sources, over);
        plain(&overlay(&base, &over, &|path| path == ["w", "arrivals"]))
    };
    assert_eq!(
        lay(
            "a = 1\nb = { c = 1, d = [1, 2] }",
            "b = { d = [3], e = 4 }\nf = 5"
        ),
        "{ a = 1, b = { c = 1, d = [3], e = 4 }, f = 5 }"
    );
    assert_eq!(lay("a = { b = 1 }", "a = 2"), "{ a = 2 }");
    assert_eq!(lay("a = 2", "a = { b = 1 }"), "{ a = { b = 1 } }");
    assert_eq!(
        lay(
            "w.arrivals.poisson = { rate = 1, jitter = 2 }",
            "w.arrivals.poisson.rate = 9"
        ),
        "{ w = { arrivals = { poisson = { rate = 9, jitter = 2 } } } }"
    );
    assert_eq!(
        lay(
            "w.arrivals.poisson = { rate = 1 }",
            "w.arrivals.constant = { rate = 9 }"
        ),
        "{ w = { arrivals = { constant = { rate = 9 } } } }"
    );
    assert_eq!(
        lay("w.other.poisson = 1", "w.other.constant = 2"),
        "{ w = { other = { poisson = 1, constant = 2 } } }"
    );
    assert_eq!(
        lay("arrivals = 'poisson'", "arrivals.constant = { rate = 9 }"),
        "{ arrivals = { constant = { rate = 9 } } }"
    );
}

proptest! {
    #[test]
    fn no_text_panics(text: String) {
        let mut sources = Sources::new();
        let mut table = match parse(&mut sources, "any.toml", &text) {
            Ok(table) => table,
            Err(faults) => {
                let _ = super::super::render::render(&faults, &sources, false);
                return Ok(());
            }
        };
        let _ = set(&mut table, &mut sources, &text);
    }

    #[test]
    fn nothing_like_toml_panics(text in "[a-c.=\\[\\]{}\"'\\\\#\n 0-9é-]{0,40}") {
        let mut sources = Sources::new();
        if let Err(faults) = parse(&mut sources, "any.toml", &text) {
            prop_assert!(!faults.is_empty());
            let _ = super::super::render::render(&faults, &sources, false);
        }
        let mut table = parse(&mut sources, "empty.toml", "").expect("nothing is TOML");
        if let Err(fault) = set(&mut table, &mut sources, &text) {
            let _ = super::super::render::render(&[fault], &sources, false);
        }
    }
}
