use super::super::diagnostic::in_order;
use super::super::document::parse;
use super::super::render::render;
use super::super::setting::set;
use super::*;
use crate::input::diagnostic::Sources;
use crate::units::{Bytes, Share};
use std::collections::BTreeSet;

fn read<R>(text: &str, f: impl FnOnce(&mut Reader<'_>) -> R) -> (R, Vec<String>, BTreeSet<String>) {
    let mut sources = Sources::new();
    let table = parse(&mut sources, "peak.toml", text).expect("TOML");
    let faults = Diagnostics::new();
    let result = faults.read(&table, f);
    let keys = faults.keys_known();
    assert_eq!(faults.has_errors(), !faults.list().is_empty());
    let lines = in_order(&faults.into_list())
        .iter()
        .map(|fault| {
            let help = fault.help.as_deref().unwrap_or("");
            format!("{} ({help})", fault.one_line(&sources))
        })
        .collect();
    (result, lines, keys)
}

fn rate(r: &mut Reader<'_>) -> Option<Rate> {
    let constant = Alternative::new("constant", |r| r.required("rate"));
    let poisson = Alternative::new("poisson", |r| {
        let rate = r.required("rate");
        r.or("jitter", Share::ZERO);
        rate
    });
    r.choose("arrivals", [constant, poisson]).flatten()
}

#[test]
fn reads_every_type() {
    let text = "s = 'x'\nb = true\nu = 4\nv = 18446744073709551615\nf = 1\nspan = '15m'\nzero = 0\nrate = 0.5\nbytes = 4096\nshare = '25%'\nlist = ['1s', '2s']\nno = 'none'\nyes = 3\n";
    let ((), faults, keys) = read(text, |r| {
        assert_eq!(r.required::<String>("s").as_deref(), Some("x"));
        assert_eq!(r.required::<bool>("b"), Some(true));
        assert_eq!(r.required::<u32>("u"), Some(4));
        assert_eq!(r.required::<u64>("v"), Some(u64::MAX));
        assert_eq!(r.required::<f64>("f"), Some(1.0));
        assert_eq!(r.required::<Span>("span"), Some(Span::from_secs(900)));
        assert_eq!(r.required::<Span>("zero"), Some(Span::ZERO));
        assert_eq!(r.required::<Rate>("rate"), Rate::new(1, 2));
        assert_eq!(r.required::<Bytes>("bytes"), Some(Bytes::new(4_096)));
        assert_eq!(r.required::<Share>("share"), Share::new(0.25).ok());
        let list = vec![Span::from_secs(1), Span::from_secs(2)];
        assert_eq!(r.required::<Vec<Span>>("list"), Some(list));
        assert_eq!(r.required::<Option<u32>>("no"), Some(None));
        assert_eq!(r.required::<Option<u32>>("yes"), Some(Some(3)));
        assert_eq!(r.or("absent", 5_u32), 5);
        assert_eq!(r.optional::<String>("absent"), None);
    });
    assert_eq!(faults, Vec::<String>::new());
    assert!(keys.contains("absent") && keys.len() == 14);
}

#[test]
fn every_wrong_value_is_reported_with_what_to_write() {
    let text = "s = 1\nb = 'yes'\nu = 1.5\nv = -3\nw = 4294967296\nf = inf\nspan = 900\nfloat = 1.5\nrate = -1\nbytes = 1.5\nshare = 25\nlist = ['1s', 2, 'x']\narray = 5\n";
    let ((), faults, _) = read(text, |r| {
        r.required::<String>("s");
        r.required::<bool>("b");
        r.required::<u32>("u");
        r.required::<u64>("v");
        r.required::<u32>("w");
        r.required::<f64>("f");
        r.required::<Span>("span");
        r.required::<Span>("float");
        r.required::<Rate>("rate");
        r.required::<Bytes>("bytes");
        r.required::<Share>("share");
        r.required::<Vec<Span>>("list");
        r.required::<Vec<u32>>("array");
    });
    assert_eq!(
        faults,
        [
            "peak.toml:1:5: error[wrong-type]: `s` must be a string, but is the integer 1 (write for example `s = \"text\"`)",
            "peak.toml:2:5: error[wrong-type]: `b` must be true or false, but is the string \"yes\" (write for example `b = true`)",
            "peak.toml:3:5: error[wrong-type]: `u` must be an integer, but is the number 1.5 (write for example `u = 100`)",
            "peak.toml:4:5: error[out-of-range]: `v` must be from 0 to 18446744073709551615, but is -3 (write for example `v = 100`)",
            "peak.toml:5:5: error[out-of-range]: `w` must be from 0 to 4294967295, but is 4294967296 (write for example `w = 100`)",
            "peak.toml:6:5: error[out-of-range]: `f` must be a finite number, but is inf (write for example `f = 1.5`)",
            "peak.toml:7:8: error[bad-unit]: `span` is the integer 900 without a unit of time (write \"900s\" for seconds)",
            "peak.toml:8:9: error[bad-unit]: `float` is the number 1.5 without a unit of time (write \"1.5s\" for seconds)",
            "peak.toml:9:8: error[out-of-range]: `rate`: -1 is negative; a rate is at least 0 (write for example \"4000/s\", \"120/min\", \"2.5 million/day\")",
            "peak.toml:10:9: error[wrong-type]: `bytes` must be a size in quotes, or an integer number of bytes, but is the number 1.5 (write for example `bytes = \"256 KiB\"`)",
            "peak.toml:11:9: error[out-of-range]: `share`: a share is between 0 and 1, but this is 25 (write for example 0.25 or \"25%\")",
            "peak.toml:12:15: error[bad-unit]: `list[1]` is the integer 2 without a unit of time (write \"2s\" for seconds)",
            "peak.toml:12:18: error[bad-unit]: `list[2]`: \"x\" is not a length of time (write for example \"15m\", \"1h 30m\", \"250ms\", \"2d\")",
            "peak.toml:13:9: error[wrong-type]: `array` must be an array, each element an integer, but is the integer 5 (write for example `array = [100]`)",
        ]
    );
}

#[test]
fn several_faults_at_once_with_their_lines() {
    let text = "horizn = \"15m\"\n\n[workload.uploads]\nclients = \"many\"\nbucket = \"lgs\"\nfrom = 70\n\n[workload.uploads.arrivals.poisson]\nraet = 5\n\n[bucket.logs]\n";
    let (_, faults, keys) = read(text, |r| {
        r.required::<Span>("horizon");
        let buckets = r.tables("bucket", |_, _| ());
        r.tables("workload", |name, r| {
            assert_eq!(name, "uploads");
            assert_eq!(r.path(), "workload.uploads");
            r.optional_in::<u64>("clients", 1..=1_000_000);
            r.optional_in("from", 1_u64..60);
            r.required_reference("bucket", buckets.keys().map(String::as_str));
            rate(r);
        });
    });
    assert_eq!(
        faults,
        [
            "peak.toml:1:1: error[unknown-key]: unknown key `horizn` (did you mean `horizon`? known keys: `horizon`, `bucket`, `workload`)",
            "peak.toml:4:11: error[wrong-type]: `workload.uploads.clients` must be an integer, but is the string \"many\" (write for example `clients = 100`)",
            "peak.toml:5:10: error[unknown-name]: unknown name `lgs` in `workload.uploads.bucket` (did you mean `logs`? known names: `logs`)",
            "peak.toml:6:8: error[out-of-range]: `workload.uploads.from` must be at least 1 and less than 60, but is 70 (choose a value at least 1 and less than 60)",
            "peak.toml:9:1: error[unknown-key]: unknown key `raet` in `workload.uploads.arrivals.poisson` (did you mean `rate`? known keys: `rate`, `jitter`)",
        ]
    );
    assert_eq!(
        keys.into_iter().collect::<Vec<_>>(),
        [
            "bucket",
            "horizon",
            "workload",
            "workload.NAME.arrivals",
            "workload.NAME.arrivals.constant",
            "workload.NAME.arrivals.poisson",
            "workload.NAME.arrivals.poisson.jitter",
            "workload.NAME.arrivals.poisson.rate",
            "workload.NAME.bucket",
            "workload.NAME.clients",
            "workload.NAME.from",
        ]
    );
}

#[test]
fn a_choice_is_exactly_one() {
    let one = |text: &str| {
        let (rate, faults, _) = read(text, rate);
        (rate.is_some(), faults.join("\n"))
    };
    assert_eq!(
        one("arrivals = { constant = { rate = 5 } }"),
        (true, String::new())
    );
    for (text, fault) in [
        (
            "arrivals = 'poisson'",
            "peak.toml:1:12: error[missing-key]: `arrivals.poisson.rate` is missing (add for example `rate = \"4000/s\"`)",
        ),
        (
            "arrivals = 'poison'",
            "peak.toml:1:12: error[unknown-name]: unknown name `poison` in `arrivals` (did you mean `poisson`? known names: `constant`, `poisson`)",
        ),
        (
            "arrivals = {}",
            "peak.toml:1:12: error[missing-key]: expected exactly one of `constant`, `poisson` in `arrivals` (write for example `{ constant = { … } }`)",
        ),
        (
            "arrivals = { poison = {} }",
            "peak.toml:1:14: error[unknown-key]: unknown alternative `poison` in `arrivals` (did you mean `poisson`? known alternatives: `constant`, `poisson`)",
        ),
        (
            "[arrivals]\npoisson = { rate = 1 }\nconstant = { rate = 1 }",
            "peak.toml:3:1: error[contradiction]: `arrivals` is both `poisson` and `constant`, but can be only one (drop `poisson` or `constant`)",
        ),
        (
            "arrivals = { poisson = 5 }",
            "peak.toml:1:24: error[wrong-type]: `arrivals.poisson` must be a table, but is the integer 5 (write `[arrivals.poisson]` and its keys below, or `{ key = value }`)",
        ),
        (
            "arrivals = 5",
            "peak.toml:1:12: error[wrong-type]: `arrivals` must be a table with one alternative or its name, but is the integer 5 (make it a table with one alternative or its name)",
        ),
        ("", ""),
    ] {
        assert_eq!(one(text), (false, fault.to_owned()), "{text}");
    }
}

#[test]
fn tables_and_lists() {
    let text = "stage = [{ rate = 1 }, { rat = 2 }, 3]\n[a]\nb = 1\n[map]\n'x y' = { n = 1 }\nz = 5\n[variant.v]\n";
    let ((), faults, keys) = read(text, |r| {
        let rates = r.list("stage", |_, r| r.optional::<Rate>("rate"));
        assert_eq!(rates.len(), 2);
        let b = r.required_table("a", |r| r.required::<u64>("b"));
        assert_eq!(b.flatten(), Some(1));
        assert!(r.required_table("c", |_| ()).is_none());
        assert!(r.table("d", |_| ()).is_none());
        let map = r.tables("map", |_, r| r.required::<u64>("n"));
        assert_eq!(map.get("x y"), Some(&Some(1)));
        let names = r.references("e", ["x"]);
        assert_eq!(names, None);
        assert_eq!(r.tables("variant", |_, _| ()).len(), 1);
    });
    assert_eq!(
        faults,
        [
            "peak.toml:1:1: error[missing-key]: `c` is missing (add for example `[c]`)",
            "peak.toml:1:26: error[unknown-key]: unknown key `rat` in `stage[1]` (did you mean `rate`? known keys: `rate`)",
            "peak.toml:1:37: error[wrong-type]: `stage[2]` must be a table, but is the integer 3 (write `{ key = value }`)",
            "peak.toml:6:5: error[wrong-type]: `map.z` must be a table, but is the integer 5 (write `[map.z]` and its keys below, or `{ key = value }`)",
        ]
    );
    assert!(keys.contains("stage[].rate") && keys.contains("map.NAME.n"));
}

#[test]
fn a_whole_float_is_no_integer() {
    let ((), faults, _) = read("n = 1e6", |r| {
        r.optional::<u64>("n");
    });
    assert_eq!(
        faults,
        [
            "peak.toml:1:5: error[wrong-type]: `n` must be an integer, but is the number 1000000.0 (write 1000000 instead)"
        ]
    );
}

#[test]
fn names_must_be_known() {
    let ((), faults, _) = read("b = ['logs', 'lags', 'zzzzzz']", |r| {
        let names = r.references("b", ["logs", "data"]);
        assert_eq!(names, Some(vec!["logs".to_owned()]));
    });
    assert_eq!(
        faults,
        [
            "peak.toml:1:14: error[unknown-name]: unknown name `lags` in `b[1]` (did you mean `logs`? known names: `logs`, `data`)",
            "peak.toml:1:22: error[unknown-name]: unknown name `zzzzzz` in `b[2]` (known names: `logs`, `data`)",
        ]
    );
}

#[test]
fn a_set_is_shown_as_it_was_given() {
    let mut sources = Sources::new();
    let mut table = parse(&mut sources, "peak.toml", "[workload.w]\nclients = 5\n").expect("TOML");
    set(&mut table, &mut sources, "workload.w.clients=many").expect("a path");
    set(&mut table, &mut sources, "workload.w.clints=5").expect("a path");
    let faults = Diagnostics::new();
    faults.read(&table, |r| {
        r.tables("workload", |_, r| r.optional::<u64>("clients"));
    });
    assert_eq!(
        render(&faults.into_list(), &sources, false),
        "\
error[wrong-type]: `workload.w.clients` must be an integer, but is the string \"many\"
  --> --set 'workload.w.clients=many'
  |
1 | workload.w.clients=many
  |                    ^^^^
  |
  = help: write for example `clients = 100`

error[unknown-key]: unknown key `clints` in `workload.w`
  --> --set 'workload.w.clints=5'
  |
1 | workload.w.clints=5
  |            ^^^^^^
  |
  = help: did you mean `clients`? known keys: `clients`

"
    );
}
