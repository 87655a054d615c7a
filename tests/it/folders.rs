//! The folder that a run writes to: one run at a time, nothing half-written, nothing left lying.
//!
//! `KMSIM_KILLS=200 cargo test --test it folders -- --nocapture` kills as often as that; a few times by default.

use crate::common::program::{ended, folder, kmsim, run_kmsim};
use kmsim::results::folder::{FolderSharing, OutputFolder};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A run of a moment.
const SHORT: &str = r#"
horizon = "5s"
replications = 2
region = "eu-west-3"
key.main = {}
quota.own.limit = "40/s"
[workload.readers]
key = "main"
clients = 5
operations.Decrypt = 1
arrivals.poisson.rate = "50/s"
retry = "standard"
[variant.today]
[variant.more.quota.own]
limit = "45/s"
"#;

/// Months of contention: hours of work.
const LONG: &str = r#"
horizon = "90d"
replications = 1
region = "eu-west-3"
key.main = {}
quota.shared.limit = "5_000/s"
[workload.readers]
key = "main"
clients = 100
operations.Decrypt = 1
arrivals.constant.rate = "20_000/s"
retry = "standard"
"#;

/// Every file below a folder, hidden ones too, by its path there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                let place = path.strip_prefix(folder).expect("below");
                all.insert(place.to_string_lossy().into_owned(), bytes);
            }
        }
    }
    all
}

/// Sends a signal by its name.
fn signal(child: &Child, name: &str) {
    let line = format!("kill -{name} {}", child.id());
    // It may have ended by itself.
    let _ = Command::new("sh").args(["-c", &line]).output();
}

/// Waits for something to be there.
fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_second_run_into_a_folder_is_refused_or_waits() {
    let dir = folder("small.toml", SHORT);
    let args = ["run", "small.toml", "--out", "r", "--charts", "none"];
    let held =
        OutputFolder::claim(&dir.path().join("r"), FolderSharing::Alone, false).expect("free");
    for verb in [
        &args[..],
        &[
            "plan",
            "small.toml",
            "--target",
            "throttle_rate < 9%",
            "--variant",
            "more",
            "--out",
            "r",
        ],
        &["sweep", "small.toml", "--over", "seed=1,2", "--out", "r"],
        &[
            "sweep",
            "small.toml",
            "--over",
            "seed=1,2",
            "--out",
            "r",
            "--shard",
            "1/2",
        ],
        &["compare", "small.toml", "small.toml", "--out", "r"],
    ] {
        let (status, _, said) = run_kmsim(dir.path(), verb);
        let process = format!("process {}", std::process::id());
        let told = [
            "error[folder-in-use]: r is being written",
            &process,
            "--wait",
        ];
        assert_eq!(status, 2, "{verb:?}: {said}");
        assert!(told.iter().all(|t| said.contains(t)), "{verb:?}: {said}");
    }
    let waiting = [&args[..], &["--wait"]].concat();
    let mut child = kmsim(dir.path(), &waiting).spawn().expect("kmsim starts");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("status").is_none(), "it waits");
    drop(held);
    let (status, _, said) = ended(child, &waiting);
    assert_eq!(status, 0, "{said}");
    let left = files(&dir.path().join("r"));
    assert!(
        left.keys().all(|name| !name.starts_with('.')),
        "{:?}",
        left.keys()
    );
    // Redrawing writes too.
    let _held =
        OutputFolder::claim(&dir.path().join("r"), FolderSharing::Alone, false).expect("free");
    assert_eq!(run_kmsim(dir.path(), &["report", "r"]).0, 2);
}

#[test]
fn shards_share_a_folder_but_not_with_themselves_or_others() {
    let dir = tempfile::tempdir().expect("folder");
    let claim = |sharing| OutputFolder::claim(dir.path(), sharing, false);
    let first = claim(FolderSharing::Shard(1, 2)).expect("free");
    let second = claim(FolderSharing::Shard(2, 2)).expect("shared");
    for other in [FolderSharing::Shard(1, 2), FolderSharing::Alone] {
        let refused = claim(other).expect_err("held").to_string();
        assert!(refused.contains("folder-in-use"), "{refused}");
    }
    drop(first);
    claim(FolderSharing::Alone).expect_err("the second holds it still");
    claim(FolderSharing::Shard(1, 2)).expect("free again");
    drop(second);
    drop(claim(FolderSharing::Alone).expect("free"));
    assert!(
        files(dir.path()).is_empty(),
        "{:?}",
        files(dir.path()).keys()
    );
}

#[test]
fn what_a_dead_run_left_goes_and_what_a_living_one_writes_stays() {
    let dir = folder("small.toml", SHORT);
    let args = [
        "run",
        "small.toml",
        "--out",
        "r",
        "--charts",
        "svg",
        "--emit-cloudtrail",
        "5",
    ];
    assert_eq!(run_kmsim(dir.path(), &args).0, 0);
    let out = dir.path().join("r");
    let whole = files(&out);
    assert!(
        whole.contains_key("cloudtrail/today.json"),
        "{:?}",
        whole.keys()
    );
    let dead = [
        "r/.results.json.0123456789abcdef.tmp",
        "r/charts/.x.svg.0123456789abcdef.tmp",
        "r/.kmsim.lock",
    ];
    for name in dead {
        fs::write(dir.path().join(name), "{\"sch").expect("write");
    }
    let kept = [
        "r/.notes.tmp",
        "r/.results.json.12.tmp",
        "r/charts/mine.svg",
    ];
    for name in kept {
        fs::write(dir.path().join(name), "mine").expect("write");
    }
    let living = "r/.report.html.fedcba9876543210.tmp";
    let writer = fs::File::create(dir.path().join(living)).expect("create");
    writer.lock().expect("lock");
    // Log files go with the variant that they are of, and all of them where none are asked for.
    let one = [&args[..], &["--variant", "more"]].concat();
    assert_eq!(run_kmsim(dir.path(), &one).0, 0);
    assert!(!out.join("cloudtrail/today.json").exists());
    assert_eq!(run_kmsim(dir.path(), &args[..6]).0, 0);
    let there = files(dir.path());
    for name in dead {
        assert!(!there.contains_key(name), "{name}");
    }
    for name in kept.iter().chain([&living]) {
        assert!(there.contains_key(*name), "{name}");
    }
    assert!(!out.join("cloudtrail").exists());
}

#[test]
fn an_interrupted_run_ends_at_once_and_leaves_no_empty_folder() {
    let dir = folder("long.toml", LONG);
    let args = ["run", "long.toml", "--out", "deep/er/r"];
    for (name, expected) in [("INT", 130), ("TERM", 143)] {
        let child = kmsim(dir.path(), &args).spawn().expect("kmsim starts");
        until("the folder is claimed", || {
            fs::read_dir(dir.path().join("deep/er/r/charts"))
                .is_ok_and(|entries| entries.count() == 0)
        });
        signal(&child, name);
        let (status, out, said) = ended(child, &args);
        assert_eq!((status, out.as_str()), (expected, ""), "{said}");
        assert!(said.contains("interrupted: nothing was written"), "{said}");
        assert!(!dir.path().join("deep").exists());
    }
}

/// Kills a command at moments spread over `length`; after each, every file is one of `wanted`, whole, and in the end
/// the same command leaves exactly what it leaves undisturbed.
fn kill_often(dir: &Path, args: &[&str], out: &str, again: &dyn Fn(&Path)) {
    let kills: u32 = std::env::var("KMSIM_KILLS").map_or(6, |n| n.parse().expect("a number"));
    let begun = Instant::now();
    assert_eq!(run_kmsim(dir, args).0, 0);
    let length = begun.elapsed();
    let out = dir.join(out);
    // The manifest tells the time.
    let timeless = |mut all: BTreeMap<String, Vec<u8>>| {
        all.retain(|name, _| name != "manifest.json");
        all
    };
    let wanted = timeless(files(&out));
    let mut old = wanted.clone();
    for i in 0..kills {
        again(&out);
        old.extend(
            timeless(files(&out))
                .into_iter()
                .map(|(name, bytes)| (format!("old {name}"), bytes)),
        );
        let child = kmsim(dir, args).spawn().expect("kmsim starts");
        std::thread::sleep(length.mul_f64(f64::from(i) * 1.1 / f64::from(kills)));
        let name = ["KILL", "TERM", "INT"][i as usize % 3];
        signal(&child, name);
        let _ = child.wait_with_output().expect("it ends");
        for (name, bytes) in timeless(files(&out)) {
            let hidden = name
                .rsplit('/')
                .next()
                .is_some_and(|last| last.starts_with('.'));
            let whole = [&name, &format!("old {name}")]
                .iter()
                .any(|n| old.get(*n) == Some(&bytes));
            assert!(hidden || whole, "kill {i}: {name} is neither old nor new");
        }
        let (status, _, said) = run_kmsim(dir, args);
        assert_eq!(status, 0, "after kill {i} ({name}): {said}");
        let left = timeless(files(&out));
        assert!(left == wanted, "kill {i} ({name}): {:?}", left.keys());
    }
    println!("{kills} kills of {args:?} within {length:?}");
}

#[test]
fn a_killed_run_leaves_whole_files_and_the_next_leaves_no_stray_one() {
    let dir = folder("small.toml", SHORT);
    let other = SHORT.replace("40/s", "30/s");
    fs::write(dir.path().join("other.toml"), other).expect("write");
    // What was there before is another run's.
    kill_often(
        dir.path(),
        &["run", "small.toml", "--out", "r"],
        "r",
        &|_| {
            assert_eq!(
                run_kmsim(dir.path(), &["run", "other.toml", "--out", "r"]).0,
                0
            );
        },
    );
}

#[test]
fn a_killed_sweep_plan_or_report_leaves_whole_files_too() {
    let dir = folder("small.toml", SHORT);
    let sweep = [
        "sweep",
        "small.toml",
        "--over",
        "quota.own.limit=20/s..60/s:9",
        "--variant",
        "today",
        "--out",
        "s",
    ];
    kill_often(dir.path(), &sweep, "s", &|out| {
        fs::remove_dir_all(out).expect("remove")
    });
    let plan = [
        "plan",
        "small.toml",
        "--variant",
        "today",
        "--target",
        "throttle_rate < 5%",
        "--out",
        "p",
    ];
    kill_often(dir.path(), &plan, "p", &|out| {
        fs::remove_dir_all(out).expect("remove")
    });
    assert_eq!(
        run_kmsim(dir.path(), &["run", "small.toml", "--out", "r"]).0,
        0
    );
    kill_often(dir.path(), &["report", "r"], "r", &|out| {
        let _ = fs::remove_file(out.join("report.html"));
    });
}

#[test]
fn of_two_runs_at_once_one_is_refused_or_both_are_whole() {
    let dir = folder("small.toml", SHORT);
    let args = ["run", "small.toml", "--out", "r", "--charts", "none"];
    assert_eq!(run_kmsim(dir.path(), &args).0, 0);
    let wanted: Vec<String> = files(&dir.path().join("r")).into_keys().collect();
    let pairs: u32 =
        std::env::var("KMSIM_KILLS").map_or(4, |n| n.parse::<u32>().expect("a number") / 5);
    for _ in 0..pairs {
        let pair = [0, 1].map(|_| kmsim(dir.path(), &args).spawn().expect("kmsim starts"));
        let statuses = pair.map(|child| ended(child, &args).0);
        assert!(
            statuses.contains(&0) && statuses.iter().all(|s| [0, 2].contains(s)),
            "{statuses:?}"
        );
        assert_eq!(
            files(&dir.path().join("r")).into_keys().collect::<Vec<_>>(),
            wanted
        );
    }
}

/// A shell line in a mount namespace of its own, with a file system of a few kilobytes at `full`; `None` where this
/// machine allows none.
fn on_a_small_disk(dir: &Path, line: &str) -> Option<(i32, String)> {
    let script = format!(
        "mount -t tmpfs -o size=48k none full 2>/dev/null || exit 77; {line}; s=$?; ls -A full full/*; exit $s"
    );
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .current_dir(dir)
        .output()
        .ok()?;
    let status = output.status.code()?;
    let said = [output.stdout, output.stderr].concat();
    (status != 77 && status != 1).then(|| (status, String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn a_full_disk_and_a_folder_that_cannot_be_written_leave_nothing_half_written() {
    let dir = folder("small.toml", SHORT);
    fs::write(dir.path().join("file"), "mine").expect("write");
    // A place below a file is no folder, whoever runs the test.
    let (status, _, said) = run_kmsim(dir.path(), &["run", "small.toml", "--out", "file/r"]);
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("cannot create directory file/r"), "{said}");
    fs::create_dir(dir.path().join("full")).expect("folder");
    let program = env!("CARGO_BIN_EXE_kmsim");
    match on_a_small_disk(
        dir.path(),
        &format!("{program} run small.toml --out full/r"),
    ) {
        Some((status, said)) => {
            assert_eq!(status, 3, "{said}");
            assert!(said.contains("error: cannot write full/r/"), "{said}");
            assert!(!said.contains(".tmp"), "{said}");
        }
        None => println!("no file system can be mounted here: not tried on a full disk"),
    }
}
