//! The progress bar: simulated seconds or what else is counted, their rate and the time left; on a terminal only.

use crate::units::visible::visible;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Runs `work` with a counter that it may add to, and shows it.
pub(super) fn watch<R>(
    label: &str,
    what: &str,
    total: u64,
    quiet: bool,
    work: impl FnOnce(&AtomicU64) -> R,
) -> R {
    let done = Arc::new(AtomicU64::new(0));
    if quiet || !std::io::stderr().is_terminal() {
        return work(&done);
    }
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template =
        format!("{{msg}} [{{bar:32}}] {{percent}}% · {{rate}} {what} a second · {{eta}} left");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        let rate = |state: &ProgressState, out: &mut dyn Write| {
            // Nobody is left to tell when the terminal takes no text.
            let _ = write!(out, "{:.0}", state.per_sec());
        };
        bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
    }
    bar.set_message(visible(label).into_owned());
    let stop = Arc::new(AtomicBool::new(false));
    let painter = std::thread::spawn({
        let (bar, done, stop) = (bar.clone(), Arc::clone(&done), Arc::clone(&stop));
        move || {
            while !stop.load(Ordering::Relaxed) {
                bar.set_position(done.load(Ordering::Relaxed).min(total));
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    });
    let result = work(&done);
    stop.store(true, Ordering::Relaxed);
    // The painter only sleeps and draws; if it panics, only the bar is missing.
    let _ = painter.join();
    bar.finish_and_clear();
    result
}
