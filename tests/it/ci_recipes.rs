//! The recipes of docs/CI.md: their scripts run here, with a forge of their own, and keep to one comment.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The scripts of the page that post a comment, without their indentation.
fn scripts() -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CI.md"));
    let page = page.expect("docs/CI.md");
    let blocks = page.split("```yaml\n").skip(1);
    let scripts = blocks.map(|block| {
        let block = block.split("```").next().expect("a block ends");
        let lines = block.lines().skip_while(|l| !l.contains("marker=$("));
        let lines: Vec<&str> = lines.collect();
        let first = lines.first().expect("a script that looks for the marker");
        let indent = first.len() - first.trim_start().len();
        let own = lines.iter().take_while(|l| l.len() >= indent);
        own.map(|l| format!("{}\n", &l[indent..])).collect()
    });
    scripts.collect()
}

/// A program that answers whoever lists comments from `listed.json`, and writes down whatever else it is asked to do.
const FORGE: &str = "#!/bin/sh\ncase \"$*\" in\n*PATCH*|*POST*|*PUT*) echo \"$*\" >> asked ;;\n*) cat listed.json ;;\nesac\n";

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[cfg(unix)]
#[test]
fn a_comment_is_posted_once_and_then_updated() {
    use std::os::unix::fs::PermissionsExt as _;
    if !has("jq") {
        println!("not run: no jq");
        return;
    }
    let scripts = scripts();
    assert_eq!(scripts.len(), 2, "GitHub and GitLab");
    for script in scripts {
        let dir = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).expect(name);
            path
        };
        for program in ["gh", "curl"] {
            let path = file(program, FORGE);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
        }
        file(
            "comment.md",
            "<!-- kmsim run media-library -->\n\nall: take this\n",
        );
        let run = |listed: &str| -> String {
            file("listed.json", listed);
            file("asked", "");
            let path = format!(
                "{}:{}",
                dir.path().display(),
                std::env::var("PATH").expect("PATH")
            );
            let status = Command::new("sh")
                .args(["-eu", "-c", &script])
                .current_dir(dir.path())
                .env("PATH", path)
                .envs([
                    ("GITHUB_REPOSITORY", "o/r"),
                    ("PULL_REQUEST", "7"),
                    ("CI_API_V4_URL", "https://gitlab.invalid/api/v4"),
                    ("CI_PROJECT_ID", "5"),
                    ("CI_MERGE_REQUEST_IID", "7"),
                    ("KMSIM_TOKEN", "t"),
                ])
                .status();
            assert!(status.expect("sh").success(), "{script}");
            fs::read_to_string(dir.path().join("asked")).expect("asked")
        };
        let other = r#"{"id": 1, "body": "<!-- kmsim run fleet -->\nno"}"#;
        let first = run(&format!("[{other}]"));
        assert!(
            first.contains("POST") && first.contains("comment.md"),
            "{first}"
        );
        let own = r#"{"id": 42, "body": "<!-- kmsim run media-library -->\nold"}"#;
        let second = run(&format!("[{other}, {own}]"));
        assert!(
            !second.contains("POST") && second.contains("/42"),
            "{second}"
        );
    }
}
