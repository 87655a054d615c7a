//! A process of kmsim, timed: CPU seconds, seconds on the clock and peak memory, read from Linux's `/proc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// CPU time of all its threads, in ticks of 10 ms \[s\].
    pub cpu_s: f64,
    /// Time until it ended \[s\].
    pub wall_s: f64,
    /// Largest resident memory \[MB\].
    pub peak_mb: f64,
    /// Whether it ended with an answer: status 0, or 1 where a target is missed.
    pub succeeded: bool,
}

/// Programs under test: this build's binary, and another's if `KMSIM_OTHER` names one.
pub fn programs() -> Vec<PathBuf> {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_kmsim"));
    let other = std::env::var_os("KMSIM_OTHER").map(PathBuf::from);
    [own].into_iter().chain(other).collect()
}

/// Runs a program to its end in a directory. Standard output and errors are thrown away.
pub fn run(program: &Path, args: &[&str], dir: &Path) -> Taken {
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let own = PathBuf::from(format!("/proc/{}", child.id()));
    // A process that has ended keeps its times until it is waited for, but not its memory: that is looked at
    // while it runs.
    let mut peak_kb = 0;
    loop {
        peak_kb = peak_kb.max(high_water(&own));
        if ended(&own) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let wall_s = started.elapsed().as_secs_f64();
    let cpu_s = ticks(&own) as f64 / TICKS_PER_S;
    let status = child.wait().expect("it was started");
    Taken {
        cpu_s,
        wall_s,
        peak_mb: peak_kb as f64 / 1024.0,
        succeeded: matches!(status.code(), Some(0 | 1)),
    }
}

#[allow(dead_code)] // Not every bench asks for it.
/// CPU time of this process so far, in ticks of 10 ms \[s\].
pub fn own_cpu_s() -> f64 {
    ticks(Path::new("/proc/self")) as f64 / TICKS_PER_S
}

/// `USER_HZ`, which is 100 wherever Linux runs today.
const TICKS_PER_S: f64 = 100.0;

/// Largest resident memory so far \[kB\].
fn high_water(process: &Path) -> u64 {
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let number = line.and_then(|l| l.split_whitespace().next());
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// The fields of `/proc/PID/stat` after the program's name, which may hold spaces.
fn stat(process: &Path) -> Vec<String> {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    after.split_whitespace().map(str::to_owned).collect()
}

fn ended(process: &Path) -> bool {
    stat(process).first().is_none_or(|state| state == "Z")
}

/// User and system time.
fn ticks(process: &Path) -> u64 {
    let fields = stat(process);
    let field = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok());
    field(11).unwrap_or(0) + field(12).unwrap_or(0)
}
