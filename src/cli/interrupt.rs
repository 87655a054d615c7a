//! Ctrl-C, and the end that a scheduler asks for: nothing is left lying, and what is whole is told.

use super::terminal::say;
use crate::results::directory;

/// From here on SIGINT and SIGTERM end the process at once, with exit status 130 and 143: what it has under way is
/// removed, and so are the folders that it made and that are empty.
///
/// SIGHUP keeps what it does: under `nohup` it is to do nothing.
#[cfg(unix)]
pub(super) fn watch() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) else {
        // Then a signal ends the process as it does any other, and the next run cleans up.
        return;
    };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            tell(&directory::abandon());
            std::process::exit(128 + signal);
        }
    });
}

/// Elsewhere the operating system ends the process; the next run cleans up.
#[cfg(not(unix))]
pub(super) fn watch() {}

#[cfg(unix)]
fn tell(finished: &std::collections::BTreeMap<std::path::PathBuf, usize>) {
    if finished.is_empty() {
        say("interrupted: nothing was written");
        return;
    }
    let each = finished.iter().map(|(folder, n)| {
        let s = if *n == 1 { "" } else { "s" };
        let place = folder.display().to_string();
        let place = if place.is_empty() {
            ".".to_owned()
        } else {
            place
        };
        format!("{n} file{s} in {place}")
    });
    let each: Vec<String> = each.collect();
    say(&format!(
        "interrupted: written so far, each file whole: {}",
        each.join(", ")
    ));
}
