//! The program as a shell starts it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A folder with one file in it.
pub fn folder(file: &str, text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary folder");
    fs::write(dir.path().join(file), text).expect("write");
    dir
}

/// A command in a folder: nothing to read, its output to be read.
pub fn kmsim(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmsim"));
    command
        .args(args)
        .current_dir(dir)
        // A pipeline that runs the tests has limits of its own.
        .env_remove("CI")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Exit status, standard output and standard error of a command that ran, and did not panic.
pub fn ended(child: Child, args: &[&str]) -> (i32, String, String) {
    let output = child.wait_with_output().expect("kmsim ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, said) = (text(output.stdout), text(output.stderr));
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    (output.status.code().expect("a status"), out, said)
}

/// Exit status, standard output and standard error of a command in a folder.
pub fn run_kmsim(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let child = kmsim(dir, args).spawn().expect("kmsim starts");
    ended(child, args)
}
