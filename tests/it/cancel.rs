//! A program that uses kmsim as a library can end a run that takes too long.

use crate::common::load;
use kmsim::input::Input;
use kmsim::planning::{Study, StudyError};
use kmsim::run::{RunError, RunOptions, run, sampled};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Months of contention, call by call: hours of work.
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

/// Sets the flag once the run has simulated a second.
fn cancel_under_way<T: Send>(f: impl FnOnce(&AtomicU64, &AtomicBool) -> T + Send) -> (T, u64) {
    let (progress, cancel) = (AtomicU64::new(0), AtomicBool::new(false));
    let found = std::thread::scope(|s| {
        s.spawn(|| {
            while progress.load(Ordering::Relaxed) == 0 && !cancel.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            cancel.store(true, Ordering::Relaxed);
        });
        let found = f(&progress, &cancel);
        // The other thread ends even where the run did not get so far.
        cancel.store(true, Ordering::Relaxed);
        found
    });
    (found, progress.load(Ordering::Relaxed))
}

#[test]
fn a_run_ends_when_another_thread_cancels_it() {
    let loaded = load(LONG);
    let (ended, done) = cancel_under_way(|progress, cancel| {
        let options = RunOptions {
            progress: Some(progress),
            cancel: Some(cancel),
            ..RunOptions::default()
        };
        run(&loaded, options).map(|_| ())
    });
    let error = ended.expect_err("it cannot have been done");
    assert!(matches!(error, RunError::Cancelled), "{error}");
    assert_eq!(error.to_string(), "the run was cancelled");
    assert!(error.source().is_none());
    // It was under way, and far from its end.
    let all = kmsim::run::work(&loaded);
    assert!(0 < done && done < all / 100, "{done} of {all} s");
}

#[test]
fn what_is_cancelled_before_it_begins_does_not_begin() {
    let loaded = load(LONG);
    let (progress, cancel) = (AtomicU64::new(0), AtomicBool::new(true));
    let options = RunOptions {
        progress: Some(&progress),
        cancel: Some(&cancel),
        ..RunOptions::default()
    };
    assert!(matches!(run(&loaded, options), Err(RunError::Cancelled)));
    assert!(matches!(
        sampled(&loaded, 10, options),
        Err(RunError::Cancelled)
    ));
    assert_eq!(progress.load(Ordering::Relaxed), 0);
}

#[test]
fn a_study_that_is_cancelled_runs_nothing_more() {
    let input = Input::from_text("long", LONG);
    let (study, _) = Study::new(&input, &[], None).expect("a scenario");
    let cancel = Arc::new(AtomicBool::new(true));
    let study = study.cancelled_by(Arc::clone(&cancel));
    let error = study.run(&[], &[], 1).expect_err("it is cancelled");
    assert!(matches!(error, StudyError::Run(RunError::Cancelled)));
    let source = error.source().map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("the run was cancelled"));
}
