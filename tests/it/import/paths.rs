//! What lies in folders: a great many files, links, pipes, files that nobody may read, formats that are not read.

use super::mutated::parquet_of;
use super::{event, gzip, import, kmsim, told};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes so many small files below a folder, a hundred in each, and returns their records.
fn many(dir: &Path, n: usize) -> usize {
    for i in 0..n {
        let folder = dir.join(format!("many/{:03}", i / 100));
        if i % 100 == 0 {
            fs::create_dir_all(&folder).expect("a folder");
        }
        let time = format!("2026-03-02T03:{:02}:{:02}Z", i / 60 % 60, i % 60);
        let text = json!({ "Records": [event(&i.to_string(), &time, &json!({}))] }).to_string();
        let name = format!(
            "111122223333_CloudTrail_eu-west-3_20260302T03{:02}Z_{i:016x}.json",
            i / 60 % 60
        );
        fs::write(folder.join(name), text).expect("written");
    }
    n
}

/// Whether a source is the file of that name; of folders only the name is told.
fn is_at(source: &Value, name: &str) -> bool {
    let path = source["path"].as_str().unwrap_or_default();
    path.rsplit('/').next() == Some(name)
}

/// A million are in `cargo bench --bench import -- files`.
#[test]
fn of_a_great_many_files_each_counts_and_those_with_a_fault_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let n = many(dir.path(), 1_500);
    // The last ones in order.
    fs::write(dir.path().join("many/zz.json"), "{\"Records\":[{").expect("written");
    fs::write(dir.path().join("many/zz.txt"), "whatever").expect("written");
    let (status, totals, text) = import(dir.path(), &["many", "--threads", "2"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("zz.json: "), "{text}");
    assert!(text.contains("zz.txt: unknown format"), "{text}");
    assert_eq!(
        (&totals["records"], &totals["files"]),
        (&json!(n), &json!(n))
    );
    assert_eq!(totals["cloudtrail_files"], n);
    let listed = totals["sources"].as_array().expect("sources");
    let not_listed = totals["sources_not_listed"].as_u64().expect("a number") as usize;
    assert_eq!(listed.len() + not_listed, n + 2);
    for name in ["zz.json", "zz.txt"] {
        assert!(listed.iter().any(|s| is_at(s, name)), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_links_and_files_that_nobody_may_read_are_named() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = tempfile::tempdir().expect("a folder");
    many(dir.path(), 3);
    let path = |name: &str| dir.path().join(name);
    let made = Command::new("mkfifo").arg(path("many/pipe")).status();
    assert!(made.is_ok_and(|s| s.success()), "mkfifo");
    // Nobody writes to it: whoever opened it would wait for ever.
    let (status, totals, text) = import(dir.path(), &["many"]);
    assert_eq!((status, &totals["records"]), (0, &json!(3)), "{text}");
    let of = |totals: &Value, name: &str| {
        let all = totals["sources"].as_array().expect("sources");
        all.iter()
            .find(|s| is_at(s, name))
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(of(&totals, "pipe")["format"], "is not a regular file");
    assert_eq!(totals["files_left_out"]["not a file"], 1);
    fs::remove_file(path("many/pipe")).expect("removed");

    symlink(path("nowhere"), path("many/broken")).expect("a link");
    symlink(path("many"), path("many/loop")).expect("a link");
    let (status, totals, text) = import(dir.path(), &["many"]);
    assert_eq!((status, &totals["records"]), (2, &json!(3)), "{text}");
    assert!(text.contains("broken: is a broken link"), "{text}");
    assert_eq!(
        of(&totals, "loop")["format"],
        "is a link; name its target to read it"
    );
    fs::remove_file(path("many/broken")).expect("removed");

    fs::write(path("many/secret.json"), "{}").expect("written");
    fs::set_permissions(path("many/secret.json"), fs::Permissions::from_mode(0o000)).expect("set");
    // Who may read everything has a file of the kernel that is only for writing.
    let unreadable = match fs::read(path("many/secret.json")) {
        Err(_) => "many/secret.json".to_owned(),
        Ok(_) => "/proc/self/clear_refs".to_owned(),
    };
    if Path::new(&unreadable).exists() || unreadable.starts_with("many") {
        let (status, totals, text) = import(dir.path(), &["many/000", &unreadable]);
        assert_eq!((status, &totals["records"]), (2, &json!(3)), "{text}");
        assert!(
            text.contains("cannot be") && text.contains("read"),
            "{text}"
        );
    }
}

#[cfg(unix)]
#[test]
fn pipes_on_the_command_line_are_read_whatever_comes_through_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name);
    let record = |id: &str| event(id, "2026-03-02T03:00:00Z", &json!({})).to_string();
    let table = "time,operation,count\n2026-03-02T03:00:05Z,Decrypt,7\n";
    let list = parquet_of(
        &[
            ("bucket", vec!["lake"; 3]),
            ("key", vec!["a", "b", "c"]),
            ("encryption_status", vec!["SSE-KMS"; 3]),
            ("bucket_key_status", vec!["ENABLED", "DISABLED", "ENABLED"]),
        ],
        &[
            ("size", vec![1, 2, 3]),
            ("last_modified_date", vec![1_772_420_755_000; 3]),
        ],
        true,
    );
    let through: [(&str, Vec<u8>); 3] = [
        ("trail", gzip(record("1").as_bytes())),
        ("table", table.into()),
        ("list", list.clone()),
    ];
    // As files.
    for (name, bytes) in &through {
        fs::write(path(name), bytes).expect("written");
    }
    let names = through.each_ref().map(|(name, _)| *name);
    let given = [&names[..], &["--keep-names"]].concat();
    let (status, files, text) = import(dir.path(), &given);
    assert_eq!(status, 0, "{text}");
    assert_eq!(
        (&files["records"], &files["objects"]["lake"]["objects"]),
        (&json!(1), &json!(3)),
        "{text}"
    );
    for name in names {
        fs::remove_file(path(name)).expect("removed");
        let made = Command::new("mkfifo").arg(path(name)).status();
        assert!(made.is_ok_and(|s| s.success()), "mkfifo");
    }
    for threads in ["1", "3"] {
        let (status, totals, text) = std::thread::scope(|scope| {
            for (name, bytes) in &through {
                let to = path(name);
                scope.spawn(move || fs::write(to, bytes).expect("written"));
            }
            import(dir.path(), &[&given[..], &["--threads", threads]].concat())
        });
        assert_eq!(status, 0, "{text}");
        for counter in ["records", "objects", "workloads", "skipped"] {
            assert_eq!(totals[counter], files[counter], "{text}");
        }
        let sources = totals["sources"].as_array().expect("sources");
        assert!(
            sources
                .iter()
                .any(|s| is_at(s, "list") && s["format"] == "parquet")
        );
    }
    // Standard input beside a file, and a way out where it is named twice.
    fs::write(path("a.json"), record("2")).expect("written");
    let piped = |args: &[&str], bytes: &[u8]| {
        let child = Command::new(env!("CARGO_BIN_EXE_kmsim"))
            .args(["import", "--out", "mine.toml"])
            .args(args)
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("kmsim starts");
        // Who refuses does not read.
        let _ = child.stdin.take().expect("a pipe").write_all(bytes);
        let (status, text) = told(&child.wait_with_output().expect("it ends"));
        let totals = fs::read_to_string(path("mine.import.json")).unwrap_or_default();
        let totals: Value = serde_json::from_str(&totals).unwrap_or_default();
        (status, totals, text)
    };
    for (bytes, format) in [
        (gzip(record("3").as_bytes()), "cloudtrail"),
        (list, "parquet"),
    ] {
        let (status, totals, text) = piped(&["-", "a.json"], &bytes);
        assert_eq!(status, 0, "{text}");
        let sources = totals["sources"].as_array().expect("sources");
        assert!(
            sources.len() == 2
                && sources
                    .iter()
                    .any(|s| is_at(s, "stdin") && s["format"] == format),
            "{totals}"
        );
    }
    let (status, totals, text) = piped(&["-"], &gzip(record("4").as_bytes())[..40]);
    assert!(
        status == 2 && totals["sources"][0]["path"] == "stdin" && text.contains("error: stdin: "),
        "{text}"
    );
    let (status, _, text) = piped(&["-", "-"], b"{}");
    assert!(
        status == 2 && text.contains("`-` is given 2 times"),
        "{text}"
    );
    let (status, _, text) = piped(&["-"], b"");
    assert!(status == 2 && text.contains("1 × empty"), "{text}");
}

#[test]
fn an_inventory_in_orc_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("list.orc"), b"ORC\x08\x03\x10\x00").expect("written");
    let (status, totals, text) = import(dir.path(), &["list.orc"]);
    assert_eq!(status, 2, "{text}");
    assert!(
        text.contains("list.orc: ORC, which is not read: choose Parquet or CSV"),
        "{text}"
    );
    assert_eq!(
        totals["files_left_out"]["ORC, which is not read: choose Parquet or CSV"],
        1
    );
    // By its manifest alone, too; beside a file that is read it is no fault.
    let manifest = json!({
        "sourceBucket": "lake", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30", "creationTimestamp": "1772499600000",
        "fileFormat": "ORC", "fileSchema": "struct<bucket:string,key:string>", "files": [{ "key": "lists/list.orc" }]
    });
    fs::write(dir.path().join("manifest.json"), manifest.to_string()).expect("written");
    fs::write(
        dir.path().join("a.json"),
        event("1", "2026-03-02T03:00:00Z", &json!({})).to_string(),
    )
    .expect("written");
    let (status, _, text) = import(dir.path(), &["list.orc", "manifest.json", "a.json"]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("choose Parquet or CSV as its format"),
        "{text}"
    );
}

#[test]
fn what_a_killed_import_left_goes_with_the_next_and_two_at_once_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    many(dir.path(), 3);
    let left = dir.path().join(".mine.holdout.0123456789abcdef.tmp");
    fs::create_dir_all(left.join("7")).expect("a folder");
    fs::write(left.join("7/load.csv"), "x").expect("written");
    let of_somebody = dir.path().join(".mine.holdout");
    fs::create_dir(&of_somebody).expect("a folder");
    let (status, _, text) = import(dir.path(), &["many"]);
    assert_eq!(status, 0, "{text}");
    assert!(!left.exists() && of_somebody.exists());
    assert!(
        !dir.path().join(".kmsim.lock").exists(),
        "the lock ends with the import"
    );
    // Pseudonyms are others in each run: what the scenario before named goes, what lies beside it stays.
    fs::write(dir.path().join("mine.own.csv"), "x").expect("written");
    let tables = || {
        let all = fs::read_dir(dir.path()).expect("a folder");
        let names = all.map(|e| {
            e.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        });
        let mut tables: Vec<String> = names.filter(|n| n.ends_with(".csv")).collect();
        tables.sort();
        tables
    };
    let before = tables();
    let (status, _, text) = import(dir.path(), &["many"]);
    assert_eq!(status, 0, "{text}");
    let after = tables();
    assert!(
        before.len() == after.len() && before != after,
        "{before:?} {after:?}"
    );
    assert!(after.contains(&"mine.own.csv".to_owned()));
    // Another has the folder.
    let lock = fs::File::create(dir.path().join(".kmsim.lock")).expect("created");
    lock.lock().expect("locked");
    let (status, text) = told(&kmsim(
        dir.path(),
        &["import", "many", "--out", "other.toml"],
    ));
    assert_eq!(status, 2, "{text}");
    assert!(
        text.contains("error[folder-in-use]") && text.contains("--wait"),
        "{text}"
    );
    assert!(!dir.path().join("other.toml").exists());
    lock.unlock().expect("unlocked");
    let (status, text) = told(&kmsim(
        dir.path(),
        &["import", "many", "--out", "other.toml", "--wait"],
    ));
    assert_eq!(status, 0, "{text}");
}
