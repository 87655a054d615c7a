use super::*;
use crate::input::named_file::{FileContent, FileRules, NamedBy, NamedFile};

const AS_IT_IS: RecordingOptions<'_> = RecordingOptions {
    time_unit: None,
    count: None,
    checked: true,
    period: None,
};

fn read_with(text: &str, options: &RecordingOptions<'_>) -> Result<Recording, Vec<TraceError>> {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    std::fs::write(file.path(), text).expect("write");
    let folder = file.path().parent().expect("a folder");
    let (by, rows) = (NamedBy::CommandLine, FileContent::Rows);
    let source = NamedFile::at(file.path(), folder, by, rows, &FileRules::default());
    Recording::read(&source.expect("a file"), options)
}

fn read(text: &str) -> Result<Recording, Vec<TraceError>> {
    read_with(text, &AS_IT_IS)
}

fn of(recording: Recording) -> Trace {
    Trace {
        file: "x.csv".to_owned(),
        sha256: String::new(),
        time_unit: None,
        count: None,
        period: recording.period.map(Span::from_ns),
        dispersion: 1.0,
        time_scale: 1.0,
        rate_scale: 1.0,
        repeat: false,
        recording: Arc::new(recording),
    }
}

fn trace(text: &str) -> Trace {
    of(read(text).expect("trace"))
}

fn counting(text: &str) -> Trace {
    let options = RecordingOptions {
        count: Some("Sum"),
        ..AS_IT_IS
    };
    of(read_with(text, &options).expect("trace"))
}

/// Requests in each second.
fn seconds(t: &Trace, seconds: u64) -> Vec<u64> {
    let all = (0..seconds).map(|s| {
        let mut n = 0;
        t.counts_of_second(s, Key::root(1, 1), |_, k| n += k);
        n
    });
    all.collect()
}

#[test]
fn the_next_rows_are_those_that_come_next() {
    let plain = of(read_with("time\n3\n3.5\n9\n700.25\n", &AS_IT_IS).expect("trace"));
    let counted = counting("time,Sum\n60,90\n120,30\n600,5\n");
    let again = |trace: &Trace| Trace {
        repeat: true,
        ..trace.clone()
    };
    for trace in [again(&plain), again(&counted), plain, counted] {
        let busy: Vec<bool> = (0..3_000)
            .map(|s| {
                let mut any = false;
                trace.of_second(s, Key::root(1, 1), |_, _, _| any = true);
                trace.counts_of_second(s, Key::root(1, 1), |_, n| any |= n > 0);
                any
            })
            .collect();
        for second in 0..2_000 {
            let next = trace.next_rows(second as u64).map(|s| s as usize);
            let first = (second..3_000).find(|&s| busy[s]);
            // Seconds of a row that counts may have none.
            match (next, first) {
                (Some(next), Some(first)) => assert!(next >= second && next <= first),
                (next, first) => assert!(first.is_none(), "{next:?} {first:?}"),
            }
            if trace.period.is_none() {
                assert_eq!(next, first);
            }
        }
    }
}

#[test]
fn rows_that_look_like_sums_are_refused_unless_told() {
    for text in [
        "Timestamp,Sum\n2026-11-24T18:00:00Z,120\n",
        "time,operation,CallCount\n0,Decrypt,7\n",
        "time,Average,Unit\n0,7,Count\n",
        // Nothing but numbers at whole minutes.
        "time,KMS\n0,7\n60,8\n180,9\n",
    ] {
        let faults = read(text).expect_err(text);
        assert!(
            matches!(faults[..], [TraceError::Aggregated { .. }]),
            "{faults:?}"
        );
        let told = RecordingOptions {
            checked: false,
            ..AS_IT_IS
        };
        assert!(read_with(text, &told).is_ok(), "{text}");
    }
    // Numbers of single requests.
    for text in [
        "time,status\n0,200\n1,200\n3,503\n",
        "time,status\n0,200\n60,200\n",
        "time,operation,accountId\n0,Decrypt,111122223333\n60,Decrypt,1\n120.5,Decrypt,1\n",
    ] {
        assert!(read(text).is_ok(), "{text}");
    }
}

#[test]
fn rows_that_count_are_spread_over_their_period() {
    let t = counting("time,Sum\n60,90\n0,600.0\n180,30\n");
    assert_eq!(t.period, Some(Span::from_secs(60)));
    let all = seconds(&t, 300);
    let sums: Vec<u64> = all.chunks(60).map(|c| c.iter().sum()).collect();
    assert_eq!(sums, [600, 90, 0, 30, 0]);
    assert_eq!(
        (t.seconds(), t.rows_beyond(180), t.rows_beyond(240)),
        (240, 1, 0)
    );
    assert_eq!(t.rows_beyond(200), 1);
    let mut again = t.clone();
    again.repeat = true;
    again.rate_scale = 2.5;
    let all = seconds(&again, 480);
    let (first, second): (u64, u64) = (all[..240].iter().sum(), all[240..].iter().sum());
    // 1,440 and a binomial of 720 and a half: mean 1,800, σ 13.4.
    for n in [first, second] {
        assert!(n.abs_diff(1_800) < 60, "{n}");
    }
    assert_ne!(all[..240], all[240..]);
    // One at a time there is none.
    t.of_second(0, Key::root(1, 1), |_, _, _| panic!("a row by itself"));
    let mut slow = t;
    slow.time_scale = 2.0;
    let all = seconds(&slow, 480);
    let sums: Vec<u64> = all.chunks(120).map(|c| c.iter().sum()).collect();
    assert_eq!(sums, [600, 90, 0, 30]);
}

#[test]
fn counts_and_their_period_are_checked() {
    let fault = |text: &str, period: Option<u64>| {
        let options = RecordingOptions {
            count: Some("Sum"),
            period: period.map(Span::from_secs),
            ..AS_IT_IS
        };
        match read_with(text, &options) {
            Ok(_) => String::new(),
            Err(faults) => faults[0].to_string(),
        }
    };
    for (text, period, part) in [
        ("time,Sum\n0,5\n60,\n", None, ":3: count `` is not"),
        ("time,Sum\n0,5\n60,1.5\n", None, ":3: count `1.5`"),
        ("time,Sum\n0,-5\n60,1\n", None, ":2: count `-5`"),
        ("time,n\n0,5\n", None, "no column `Sum`"),
        ("time,Sum\n0,5\n", None, "write `period`"),
        ("time,Sum\n0,5\n60,5\n150,5\n", None, "not evenly apart"),
        ("time,Sum\n0,5\n60,5\n", Some(90), "longer than the 60 s"),
        ("time,Sum\n0,60000000001\n60,5\n", None, "more than"),
        ("time,Sum,size\n0,5,1\n60,5,1\n", None, "`size`"),
    ] {
        let said = fault(text, period);
        assert!(said.contains(part), "{text}: {said}");
    }
    assert_eq!(fault("time,Sum\n0,5\n60,5\n150,5\n", Some(30)), "");
    assert_eq!(fault("time,Sum\n0,5\n", Some(30)), "");
}

#[test]
fn dates_numbers_and_unsorted_rows_are_read() {
    let t = read("TIMESTAMP,Operation,key,size\n2023-11-16 18:17:04.0319600,GetObject,a,10\n2023-11-16 18:17:03.9799600,PutObject,b,\n").expect("trace");
    assert_eq!(t.rows.instants_from(0).collect::<Vec<_>>(), [0, 52_000_000]);
    assert_eq!(t.operations, ["GetObject", "PutObject"]);
    assert_eq!(
        (
            t.kinds[t.rows.kind(0) as usize].operation,
            t.rows.size(0),
            t.rows.size(1)
        ),
        (Some(1), None, Some(10))
    );
    let t = read("time\n0.1\n0.3\n2\n").expect("trace");
    assert_eq!(
        t.rows.instants_from(0).collect::<Vec<_>>(),
        [0, 200_000_000, 1_900_000_000]
    );
}

#[test]
fn plain_files_and_others_hold_the_same() {
    // Rows in order and not, some without an object, a size or a name; a quote makes a file be read at length.
    for times in [
        ["0", "1.5", "1.5", "70", "71"],
        ["9", "3", "3", "0.25", "9"],
    ] {
        let rows = times.iter().zip([
            "Decrypt,a,10,r",
            ",,,",
            "Encrypt,b,70000, s ",
            "Decrypt,a,,r",
            "Decrypt,,5,",
        ]);
        let rows: String = rows.map(|(t, rest)| format!("{t},{rest}\n")).collect();
        let text = format!("time,operation,key,size,requester\n{rows}");
        let plain = read(&text).expect("a trace");
        let mut quoted = read(&text.replacen("Encrypt", "\"Encrypt\"", 1)).expect("a trace");
        assert_ne!(plain.sha256, quoted.sha256);
        quoted.sha256.clone_from(&plain.sha256);
        assert_eq!(plain, quoted);
        assert_eq!(
            plain.sha256,
            crate::input::files::sha256_hex(text.as_bytes())
        );
        assert!(!plain.rows.name_objects());
    }
}

#[test]
fn every_broken_row_is_reported_with_its_line() {
    let faults = read("time,size\n1,2\nlater,3\n4,many\n5\n").expect_err("broken");
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 3);
    for (i, part) in [
        ":3: time `later`",
        ":4: size `many`",
        ":5: 1 fields where the header has 2",
    ]
    .iter()
    .enumerate()
    {
        assert!(text[i].contains(part), "{}", text[i]);
    }
    assert!(
        read("size\n1\n").expect_err("no time")[0]
            .to_string()
            .contains("none of its 1 columns is a time")
    );
    assert!(
        read("time\n").expect_err("no row")[0]
            .to_string()
            .contains("at least one")
    );
}

#[test]
fn a_trace_repeats_and_scales() {
    let mut t = trace("time\n0\n0.5\n2.5\n");
    t.repeat = true;
    t.rate_scale = 1.5;
    let mut n = [0u64; 2000];
    for (s, n) in n.iter_mut().enumerate() {
        t.of_second(s as u64, Key::root(1, 1), |_, _, _| *n += 1);
    }
    assert!(n[1] == 0 && n[1998 - 3 + 1] == 0 && (2..=4).contains(&n[1998]));
    let mean = n.iter().sum::<u64>() as f64 / 2000.0;
    assert!((mean - 1.5).abs() < 0.05, "{mean}");
}

#[test]
fn times_scale_and_rows_say_which_action_they_are() {
    let mut t = trace("time,operation\n0,\n1,b\n2,a\n2.5,b\n");
    t.time_scale = 2.0;
    assert_eq!(t.seconds(), 6);
    let mut actions = RowActions::default();
    // Nothing said, `b`, `a`: in the order of the names' first appearance.
    for of_kind in [vec![0, 1], vec![5], vec![6]] {
        actions.push(of_kind);
    }
    let mut all = Vec::new();
    for second in 0..6 {
        t.of_second(second, Key::root(1, 1), |_, at, i| {
            let kind = t.recording.rows.kind(i);
            let action = actions.action_of(kind, || 0.7, &[0.5, 1.0]);
            all.push((second * SECOND + at, action));
        });
    }
    assert_eq!(
        all,
        [(0, 1), (2 * SECOND, 5), (4 * SECOND, 6), (5 * SECOND, 5)]
    );
}

#[test]
fn a_file_is_read_once_whatever_its_scales() {
    use crate::input::diagnostic::Diagnostics;
    use crate::input::diagnostic::Sources;
    use crate::input::document::parse;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "time\n0\n1\n").expect("write");
    let files = Files::in_folder(folder.path());
    let read = |text: &str, growth: f64| {
        let table = parse(&mut Sources::new(), "x.toml", text).expect("TOML");
        let mut trace = Diagnostics::new().read(&table, |r| Trace::read(r, &files))?;
        trace.grow(growth);
        Some(trace)
    };
    let first = read("file = 'x.csv'", 1.0).expect("a trace");
    std::fs::remove_file(&path).expect("removed");
    let scaled = "file = 'x.csv'\ntime_scale = 2\nrate_scale = 3\nrepeat = true";
    let other = read(scaled, 4.0).expect("a trace");
    assert!(Arc::ptr_eq(&first.recording, &other.recording));
    assert_eq!((other.rate_scale, other.seconds()), (12.0, 3));
}
