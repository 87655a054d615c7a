//! How fast import reads, as ratios to what any program would do, in the same run.
//!
//! `cargo bench --bench import`; `cargo bench --bench import -- NAME` runs the rows whose name contains NAME. The row `day` makes
//! a day of CloudTrail of 1 GB gzipped and takes some minutes, `blanks` reads 10 GB of blanks in 10 MB, and `files` makes a million files;
//! these run only when they are named.
//!
//! Speeds are decompressed MB (10⁶ bytes) per second of CPU time of the reading thread, the best of [`ROUNDS`] alternating
//! rounds: other programs on the machine change them less than time on the clock, and the ratios hardly.
//!
//! Long because each row makes its own files.

// Some of it is for the other bench.
#[allow(dead_code)]
mod process;

use kmsim::import::gather::{GatherOptions, gather};
use memchr::{memchr, memmem, memrchr};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Alternating rounds of which the best counts.
const ROUNDS: usize = 5;
/// Bytes of a file that is read, decompressed.
const SIZE: usize = 64 << 20;

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    if runs("cloudtrail") {
        cloudtrail(folder);
    }
    if runs("access-log") {
        access_logs(folder);
    }
    if runs("threads") {
        threads(folder);
    }
    if runs("memory") {
        memory(folder);
    }
    for (name, bench) in [
        ("day", day as fn(&Path)),
        ("blanks", blanks),
        ("files", files),
    ] {
        if wanted.iter().any(|w| name == w) {
            bench(folder);
        }
    }
}

/// CPU time of this thread \[s\].
fn cpu() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = text
        .split_whitespace()
        .next()
        .and_then(|n| n.parse::<f64>().ok());
    ns.unwrap_or(0.0) / 1e9
}

/// Best speeds of each of these, in turn \[MB/s\].
fn best(size: usize, each: &mut [(&str, &mut dyn FnMut())]) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; each.len()];
    for _ in 0..ROUNDS {
        for (i, (_, run)) in each.iter_mut().enumerate() {
            let before = cpu();
            run();
            best[i] = best[i].min(cpu() - before);
        }
    }
    best.iter().map(|s| size as f64 / 1e6 / s).collect()
}

fn line(name: &str, speed: f64, ratio: f64, asked: f64) {
    let verdict = match (asked > 0.0, ratio >= asked) {
        (false, _) => String::new(),
        (true, true) => format!("  (asked: {asked})"),
        (true, false) => format!("  (asked: {asked}) MISSED"),
    };
    println!("{name:<36} {speed:>7.0} MB/s  {ratio:>5.2} ×{verdict}");
}

/// Records of a trail with this share of KMS's; the rest is of other services, as real accounts have them.
struct Trail {
    kms: bool,
    n: u64,
}

/// A record as text; those of shared/data where they are there, so that the mix is real.
impl Trail {
    fn record(&mut self, real: &[Value], into: &mut Vec<u8>) {
        let n = self.n;
        self.n += 1;
        let pick = |i: u64| real[(i % real.len() as u64) as usize].clone();
        let mut record = if self.kms { kms_record(n) } else { pick(n) };
        // Another event, some time later.
        record["eventID"] = json!(format!(
            "{:08x}-0000-4000-8000-{:012x}",
            n.wrapping_mul(2_654_435_761) as u32,
            n
        ));
        let second = n / 110;
        record["eventTime"] = json!(format!(
            "2026-03-{:02}T{:02}:{:02}:{:02}Z",
            2 + second / 86_400 % 20,
            second / 3_600 % 24,
            second / 60 % 60,
            second % 60
        ));
        serde_json::to_writer(&mut *into, &record).expect("memory");
    }
}

fn kms_record(n: u64) -> Value {
    let role = n % 40;
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:pod",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/role-{role}/pod-{}", n % 400),
            "accountId": "111122223333",
            "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {
                "sessionIssuer": { "type": "Role", "principalId": "AROAEXAMPLE", "arn": format!("arn:aws:iam::111122223333:role/role-{role}"), "accountId": "111122223333", "userName": format!("role-{role}") },
                "attributes": { "creationDate": "2026-03-02T03:00:00Z", "mfaAuthenticated": "false" }
            },
            "invokedBy": "fas.s3.amazonaws.com"
        },
        "eventTime": "2026-03-02T03:05:55Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": if n.is_multiple_of(3) { "GenerateDataKey" } else { "Decrypt" },
        "awsRegion": "eu-west-3",
        "sourceIPAddress": "fas.s3.amazonaws.com",
        "userAgent": "fas.s3.amazonaws.com",
        "requestParameters": { "encryptionContext": { "aws:s3:arn": format!("arn:aws:s3:::lake-{}/part/{n}", n % 7) }, "encryptionAlgorithm": "SYMMETRIC_DEFAULT" },
        "responseElements": null,
        "additionalEventData": { "keyMaterialId": "e1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90" },
        "requestID": "11111111-2222-3333-4444-555555555555",
        "eventID": "",
        "readOnly": true,
        "resources": [{ "accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": "arn:aws:kms:eu-west-3:111122223333:key/0f0f0f0f-1111-2222-3333-444444444444" }],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
        "tlsDetails": { "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_256_GCM_SHA384", "clientProvidedHostHeader": "kms.eu-west-3.amazonaws.com" }
    })
}

/// Real logs, where they are: beside the repository.
fn shared_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data")
}

/// Records of a real trail, or of one made up where shared/data is absent.
fn real() -> Vec<Value> {
    let folder = shared_data().join("cloudtrail-invictus");
    let Some(folder) = Some(folder).filter(|f| f.is_dir()) else {
        println!("(shared/data is absent: records are made up)");
        let other = |n| {
            let mut record = kms_record(n);
            if n % 12 != 0 {
                record["eventSource"] = json!("ec2.amazonaws.com");
                record["eventName"] = json!("DescribeInstances");
            }
            record
        };
        return (0..1_000).map(other).collect();
    };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    // KMS is 8.3 % of what the publisher's whole set has; here it is more: the others are given more than once.
    let (mut kms, mut other) = (Vec::new(), Vec::new());
    for file in files {
        let text = fs::read(file).expect("a file");
        let document: Value = serde_json::from_slice(&text).expect("JSON");
        for record in document["Records"].as_array().into_iter().flatten() {
            let of_kms = record["eventSource"] == "kms.amazonaws.com";
            if of_kms { &mut kms } else { &mut other }.push(record.clone());
        }
    }
    let mut all = Vec::new();
    for (i, record) in other.iter().cycle().take(kms.len() * 11).enumerate() {
        all.push(record.clone());
        if i % 11 == 10 {
            all.push(kms[i / 11].clone());
        }
    }
    all
}

/// A delivered file of this size, and the same records a line each.
fn trail(real: &[Value], kms: bool, size: usize, from: u64) -> (Vec<u8>, Vec<u8>, u64) {
    let mut trail = Trail { kms, n: from };
    let (mut file, mut lines) = (b"{\"Records\":[".to_vec(), Vec::new());
    while file.len() < size {
        let begin = file.len();
        trail.record(real, &mut file);
        lines.extend_from_slice(&file[begin..]);
        lines.push(b'\n');
        file.push(b',');
    }
    file.pop();
    file.extend_from_slice(b"]}");
    (file, lines, trail.n - from)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn import(paths: &[PathBuf], threads: usize, records: u64) {
    let options = GatherOptions {
        threads,
        ..GatherOptions::default()
    };
    let found = gather(paths, &options);
    let sum: u64 = found.records.values().sum();
    assert_eq!(sum, records, "all records are counted");
    let counted: u64 = found.kinds.iter().map(|k| k.1).sum();
    assert_eq!(counted, records, "and used, none of them twice");
}

/// CloudTrail against a `Value` for each record.
fn cloudtrail(folder: &Path) {
    println!("CloudTrail, × a serde_json::Value per record of the same file");
    let real = real();
    for (name, kms, plain, zipped) in [("mixed", false, 4.0, 1.8), ("all KMS", true, 2.0, 0.0)] {
        let (file, lines, n) = trail(&real, kms, SIZE, 0);
        let (a, b) = (folder.join("a.json"), folder.join("b.json.gz"));
        fs::write(&a, &file).expect("written");
        fs::write(&b, gzip(&file)).expect("written");
        let mut values = || {
            for line in lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
                black_box(serde_json::from_slice::<Value>(line).expect("JSON"));
            }
        };
        let mut of_plain = || import(std::slice::from_ref(&a), 1, n);
        let mut of_zipped = || import(std::slice::from_ref(&b), 1, n);
        let speeds = best(
            file.len(),
            &mut [("", &mut values), ("", &mut of_plain), ("", &mut of_zipped)],
        );
        line(&format!("{name}: a Value per record"), speeds[0], 1.0, 0.0);
        line(
            &format!("{name}: import, plain"),
            speeds[1],
            speeds[1] / speeds[0],
            plain,
        );
        line(
            &format!("{name}: import, .json.gz"),
            speeds[2],
            speeds[2] / speeds[0],
            zipped,
        );
    }
}

/// Lines of access logs, those of shared/data among them where it is there.
fn log(size: usize) -> (Vec<u8>, u64) {
    let mut real = Vec::new();
    for file in [
        "2020-01-01-05-06-35-0123456789ABCDEF",
        "2022-01-01-05-06-35-0123456789ABCDEF",
    ] {
        let path = shared_data().join("s3-access-log-dandi").join(file);
        let text = fs::read(path).unwrap_or_default();
        real.extend(
            text.split(|b| *b == b'\n')
                .filter(|l| !l.is_empty())
                .map(<[u8]>::to_vec),
        );
    }
    let (mut log, mut n) = (Vec::new(), 0_u64);
    while log.len() < size {
        let second = n / 50;
        let made = format!(
            "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be lake-{} [02/Mar/2026:{:02}:{:02}:{:02} +0000] 192.0.2.{} arn:aws:sts::111122223333:assumed-role/role-{}/pod-{} {:016X} REST.{}.OBJECT part%2520{n}/object \"{} /part%20{n}/object HTTP/1.1\" 200 - 113 4406 41 28 \"-\" \"Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1 lang/python#3.12.4 cfg/retry-mode#standard m/E\" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 TLS_AES_128_GCM_SHA256 AuthHeader lake-{}.s3.eu-west-3.amazonaws.com TLSv1.3 - - eu-west-3\n",
            n % 7,
            second / 3_600 % 24,
            second / 60 % 60,
            second % 60,
            n % 250,
            n % 40,
            n % 400,
            n.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            if n % 4 == 0 { "PUT" } else { "GET" },
            if n % 4 == 0 { "PUT" } else { "GET" },
            n % 7,
        );
        if n % 20 == 19 && !real.is_empty() {
            // A hostile line, of another request: its ID is the third word behind the time.
            let line = &real[(n / 20) as usize % real.len()];
            let place = memmem::find(line, b" REST.")
                .or_else(|| memmem::find(line, b" BATCH."))
                .unwrap_or(0);
            let id = memrchr(b' ', &line[..place]).map_or(0, |i| i + 1);
            log.extend_from_slice(&line[..id]);
            log.extend_from_slice(format!("{n:016X}").as_bytes());
            log.extend_from_slice(&line[place..]);
            log.push(b'\n');
        } else {
            log.extend_from_slice(made.as_bytes());
        }
        n += 1;
    }
    (log, n)
}

/// A parser by hand: the fields up to the status and the user agent, requests by operation, status and second. It knows hostile lines, but
/// neither callers nor duplicates.
fn by_hand(log: &[u8]) -> (u64, usize) {
    let mut counts: HashMap<(&[u8], &[u8]), u64> = HashMap::new();
    let mut seconds: HashMap<i64, u64> = HashMap::new();
    let mut last = (0_i64, 0_u64);
    let mut rest = log;
    let mut lost = 0;
    while let Some(end) = memchr(b'\n', rest) {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let Some((operation, status, second, agent)) = fields(line) else {
            lost += 1;
            continue;
        };
        *counts.entry((operation, status)).or_default() += 1;
        if second == last.0 {
            last.1 += 1;
        } else {
            *seconds.entry(last.0).or_default() += last.1;
            last = (second, 1);
        }
        black_box(agent);
    }
    (lost, black_box(counts).len())
}

/// Bucket, operation, second and status of a line.
type LineFields<'l> = (&'l [u8], &'l [u8], i64, &'l [u8]);

fn fields(line: &[u8]) -> Option<LineFields<'_>> {
    let word = |text: &mut &[u8]| -> Option<usize> {
        let end = memchr(b' ', text)?;
        *text = &text[end + 1..];
        Some(end)
    };
    let mut rest = line;
    word(&mut rest)?;
    word(&mut rest)?;
    let time = rest.get(1..21)?;
    let d = |i: usize| i64::from(time[i] - b'0');
    let second = (d(0) * 10 + d(1)) * 86_400
        + (d(12) * 10 + d(13)) * 3_600
        + (d(15) * 10 + d(16)) * 60
        + d(18) * 10
        + d(19);
    rest = rest.get(28..)?.trim_ascii_start();
    word(&mut rest)?;
    let mut operation: &[u8] = b"";
    for _ in 0..3 {
        let before = rest;
        let end = word(&mut rest)?;
        operation = &before[..end];
        if memchr(b'.', operation).is_some() && operation[0] != b'a' {
            break;
        }
    }
    word(&mut rest)?;
    rest = rest.trim_ascii_start();
    let status = if rest[0] == b'"' {
        let mut from = 1;
        loop {
            let quote = from + memchr(b'"', &rest[from..])?;
            let after = rest.get(quote + 1..quote + 5)?;
            if after[0] == b' ' && after[1].is_ascii_digit() && after[3].is_ascii_digit() {
                break &rest[quote + 2..quote + 5];
            }
            from = quote + 1;
        }
    } else {
        rest.get(2..5)?
    };
    let end = memrchr(b'"', rest)?;
    let begin = memrchr(b'"', &rest[..end])?;
    Some((operation, status, second, &rest[begin + 1..end]))
}

fn access_logs(folder: &Path) {
    println!("S3 access logs, × a parser by hand over memchr");
    let (log, n) = log(SIZE);
    let path = folder.join("log");
    fs::write(&path, &log).expect("written");
    let mut hand = || {
        black_box(by_hand(&log));
    };
    let mut ours = || import(std::slice::from_ref(&path), 1, n);
    let speeds = best(log.len(), &mut [("", &mut hand), ("", &mut ours)]);
    line("by hand", speeds[0], 1.0, 0.0);
    line("import", speeds[1], speeds[1] / speeds[0], 0.6);
}

/// One thread and two, by the clock: only on a machine that has nothing else to do.
fn threads(folder: &Path) {
    println!("two threads, × one by the clock (CPU time told too: nothing else may run)");
    let real = real();
    let each = folder.join("trail");
    fs::create_dir_all(&each).expect("a folder");
    for i in 0..16_u64 {
        let (file, _, _) = trail(&real, false, SIZE / 4, i * 1_000_000);
        fs::write(each.join(format!("{i}.json.gz")), gzip(&file)).expect("written");
    }
    let (mut wall, mut cpu) = ([f64::INFINITY; 2], [f64::INFINITY; 2]);
    for _ in 0..ROUNDS {
        for (i, threads) in ["1", "2"].into_iter().enumerate() {
            let took = kmsim(
                folder,
                &[
                    "import",
                    "trail",
                    "--threads",
                    threads,
                    "--quiet",
                    "--out",
                    "out.toml",
                ],
            );
            wall[i] = wall[i].min(took.wall_s);
            cpu[i] = cpu[i].min(took.cpu_s);
        }
    }
    let [one, two] = wall;
    let size = SIZE as f64 * 4.0 / 1e6;
    line("one thread", size / one, 1.0, 0.0);
    line("two threads", size / two, one / two, 1.8);
    println!("CPU time: {:.2} s and {:.2} s", cpu[0], cpu[1]);
}

fn kmsim(folder: &Path, args: &[&str]) -> process::Taken {
    let took = process::run(&process::programs()[0], args, folder);
    assert!(took.succeeded, "kmsim {args:?} failed");
    took
}

/// Peak memory of the process, by records.
fn memory(folder: &Path) {
    println!("memory of one thread: at most 80 MB, whatever the number of records");
    let real = real();
    for times in [1, 4, 16] {
        let path = folder.join("many.json");
        let mut to = BufWriter::new(File::create(&path).expect("created"));
        let mut n = 0;
        for _ in 0..times {
            let (file, _, more) = trail(&real, false, SIZE / 2, n);
            n += more;
            to.write_all(&file).expect("written");
        }
        drop(to);
        let took = kmsim(
            folder,
            &[
                "import",
                "many.json",
                "--threads",
                "1",
                "--quiet",
                "--out",
                "out.toml",
            ],
        );
        println!(
            "{n:>9} records: {:>5.0} MB, {:.2} s of CPU",
            took.peak_mb, took.cpu_s
        );
    }
}

/// A day of CloudTrail: 1 GB gzipped.
fn day(folder: &Path) {
    println!("a day of CloudTrail, 1 GB gzipped: at most 60 s and 80 MB");
    let real = real();
    let each = folder.join("day");
    fs::create_dir_all(&each).expect("a folder");
    let (mut zipped, mut plain, mut n, mut i) = (0_usize, 0_usize, 0, 0);
    while zipped < 1_000_000_000 {
        let (file, _, more) = trail(&real, false, SIZE, n);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&file).expect("memory");
        let bytes = encoder.finish().expect("memory");
        fs::write(each.join(format!("{i:04}.json.gz")), &bytes).expect("written");
        (zipped, plain, n, i) = (zipped + bytes.len(), plain + file.len(), n + more, i + 1);
    }
    for threads in ["1", "2"] {
        let took = kmsim(
            folder,
            &[
                "import",
                "day",
                "--threads",
                threads,
                "--quiet",
                "--out",
                "out.toml",
            ],
        );
        println!(
            "{n} records, {:.1} GB, {threads} threads: {:.1} s by the clock, {:.1} s of CPU, {:.0} MB",
            plain as f64 / 1e9,
            took.wall_s,
            took.cpu_s,
            took.peak_mb
        );
    }
}

/// 10 GB of blanks between two records, in 10 MB.
fn blanks(folder: &Path) {
    println!("10 GB of blanks in 10 MB: at most 80 MB");
    let blank = gzip(" ".repeat(10 << 20).as_bytes());
    let (record, other) = (kms_record(1).to_string(), kms_record(2).to_string());
    let (one, n) = log(1);
    let one = String::from_utf8(one).expect("text");
    assert_eq!(n, 1);
    let samples = "timestamp,value\n2026-03-02 03:00:00,5\n";
    for (name, first, last) in [
        ("trail", record.as_str(), other.as_str()),
        ("log", &one, &one),
        ("samples", samples, "\n2026-03-02 03:01:00,5\n"),
    ] {
        let path = folder.join(name);
        let mut to = BufWriter::new(File::create(&path).expect("created"));
        to.write_all(&gzip(first.as_bytes())).expect("written");
        for _ in 0..1_024 {
            to.write_all(&blank).expect("written");
        }
        to.write_all(&gzip(last.as_bytes())).expect("written");
        drop(to);
        let args = [
            "import",
            name,
            "--region",
            "eu-west-3",
            "--metric",
            "value",
            "--threads",
            "1",
            "--quiet",
        ];
        let took = process::run(&process::programs()[0], &args, folder);
        println!(
            "{name:<8} {:.1} s of CPU, {:.0} MB",
            took.cpu_s, took.peak_mb
        );
    }
}

/// A million files of one record each.
fn files(folder: &Path) {
    println!("a million files");
    for i in 0..1_000_000_u64 {
        let within = folder.join(format!("files/{:04}", i / 1_000));
        if i % 1_000 == 0 {
            fs::create_dir_all(&within).expect("a folder");
        }
        let mut record = kms_record(i);
        record["eventID"] = json!(format!("{i:016x}"));
        let name = format!(
            "111122223333_CloudTrail_eu-west-3_20260302T03{:02}Z_{i:016x}.json",
            i / 60 % 60
        );
        fs::write(
            within.join(name),
            json!({ "Records": [record] }).to_string(),
        )
        .expect("written");
    }
    let args = [
        "import",
        "files",
        "--threads",
        "1",
        "--quiet",
        "--out",
        "out.toml",
    ];
    let took = kmsim(folder, &args);
    println!("{:.1} s of CPU, {:.0} MB", took.cpu_s, took.peak_mb);
}
