//! How good an import's forecast is: what the first part of the files says of the last one, beside what came and beside the
//! naive forecast, in which the last period repeats.
//!
//! A member of the forecast is a scenario, simulated once. There are 39, so that the next value lies beyond the least and the
//! greatest of them once in twenty times: the prediction interval of 95 %.

use crate::import::holdout::{BareScenario, CallFigures, Holdout, rare};
use crate::input::Input;
use crate::run::{CountedRun, RunError, RunOptions};
use crate::scenario::{ScenarioError, load};
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// One figure of the held-out part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackTestRow {
    /// What it is.
    pub figure: String,
    /// What came; `None`: the files do not say.
    pub observed: Option<f64>,
    /// What was predicted, the median of the members.
    pub predicted: f64,
    /// The least of them.
    pub low: f64,
    /// The greatest.
    pub high: f64,
    /// Whether what came lies between.
    pub within: Option<bool>,
    /// (predicted − observed) ÷ observed.
    pub error: Option<f64>,
    /// What the naive forecast says.
    pub naive: Option<f64>,
    /// (naive − observed) ÷ observed.
    pub naive_error: Option<f64>,
}

/// A forecast beside what came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackTest {
    /// First second that was learnt from \[s since 1970\].
    pub learnt_from_s: i64,
    /// First that was held out.
    pub held_out_from_s: i64,
    /// Behind the last.
    pub until_s: i64,
    /// Scenarios of the forecast.
    pub members: usize,
    /// Length of what the naive forecast repeats \[s\].
    pub naive_period_s: i64,
    /// The figures.
    pub figures: Vec<BackTestRow>,
}

/// Why a forecast cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum BackTestError {
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A scenario that import wrote is refused.
    #[error("a scenario of the forecast is refused: {0}")]
    Refused(#[from] ScenarioError),
    /// It cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What a scenario makes.
#[derive(Clone, Copy, Debug, Default)]
struct Simulated {
    calls: CallFigures,
    cost: f64,
}

/// Simulates what was held out, in the current rayon pool; files that scenarios read are put into `folder`.
///
/// # Errors
/// A file that cannot be written, or a scenario that cannot be run.
pub fn back_test(
    holdout: &Holdout,
    folder: &Path,
    options: RunOptions<'_>,
) -> Result<BackTest, BackTestError> {
    let one = |(number, scenario): (usize, &BareScenario)| {
        simulated(
            holdout,
            scenario,
            number as u64,
            &folder.join(number.to_string()),
            options,
        )
    };
    let scenarios = [&holdout.held_out, &holdout.naive]
        .into_iter()
        .chain(&holdout.members);
    let scenarios: Vec<(usize, &BareScenario)> = scenarios.enumerate().collect();
    let all: Vec<Result<Simulated, BackTestError>> = scenarios.into_par_iter().map(one).collect();
    let all: Vec<Simulated> = all.into_iter().collect::<Result<_, _>>()?;
    let members = || all.iter().skip(2);
    let (what, busiest) = match holdout.width {
        1 => ("second".to_owned(), "second".to_owned()),
        60 => ("minute".to_owned(), "minutes".to_owned()),
        n => (format!("{n} s"), format!("spans of {n} s")),
    };
    let most = if holdout.width == 1 {
        "seconds".to_owned()
    } else {
        busiest
    };
    let mut figures = Vec::new();
    let mut tell =
        |figure: String, observed: Option<f64>, naive: Option<f64>, members: Vec<f64>| {
            figures.push(row(figure, observed, naive, members));
        };
    if let Some((came, naive)) = &holdout.calls {
        let of = |each: fn(&CallFigures) -> f64| members().map(|m| each(&m.calls)).collect();
        tell(
            "KMS attempts".to_owned(),
            Some(came.total),
            Some(naive.total),
            of(|c| c.total),
        );
        tell(
            format!("KMS attempts of the busiest {what}"),
            Some(came.busiest),
            Some(naive.busiest),
            of(|c| c.busiest),
        );
        tell(
            format!("KMS attempts that 99.9 % of {most} do not exceed"),
            Some(came.p999),
            Some(naive.p999),
            of(|c| c.p999),
        );
        tell(
            "KMS attempts throttled".to_owned(),
            came.throttled,
            naive.throttled,
            of(|c| c.throttled.unwrap_or(0.0)),
        );
    } else {
        let (came, naive) = (holdout.held_out.requests, holdout.naive.requests);
        let of = |each: fn(&CallFigures) -> f64| {
            holdout.members.iter().map(|m| each(&m.requests)).collect()
        };
        tell(
            "requests".to_owned(),
            Some(came.total),
            Some(naive.total),
            of(|c| c.total),
        );
        tell(
            format!("requests of the busiest {what}"),
            Some(came.busiest),
            Some(naive.busiest),
            of(|c| c.busiest),
        );
        tell(
            format!("requests that 99.9 % of {most} do not exceed"),
            Some(came.p999),
            Some(naive.p999),
            of(|c| c.p999),
        );
        // No file says which KMS calls were throttled.
        tell(
            "KMS attempts throttled".to_owned(),
            None,
            None,
            members()
                .map(|m| m.calls.throttled.unwrap_or(0.0))
                .collect(),
        );
    }
    tell(
        "bill in USD (of what came: replayed)".to_owned(),
        Some(all[0].cost),
        Some(all[1].cost),
        members().map(|m| m.cost).collect(),
    );
    let (from, cut, to) = holdout.span;
    Ok(BackTest {
        learnt_from_s: from,
        held_out_from_s: cut,
        until_s: to,
        members: holdout.members.len(),
        naive_period_s: holdout.naive_period,
        figures,
    })
}

fn row(
    figure: String,
    observed: Option<f64>,
    naive: Option<f64>,
    mut members: Vec<f64>,
) -> BackTestRow {
    members.sort_by(f64::total_cmp);
    let at = |i: usize| members.get(i).copied().unwrap_or(0.0);
    let (low, high) = (at(0), at(members.len().saturating_sub(1)));
    let predicted = at(members.len() / 2);
    let error = |value: f64| observed.filter(|o| *o != 0.0).map(|o| (value - o) / o);
    BackTestRow {
        figure,
        observed,
        predicted,
        low,
        high,
        within: observed.map(|o| (low..=high).contains(&o)),
        error: error(predicted),
        naive,
        naive_error: naive.and_then(error),
    }
}

fn simulated(
    holdout: &Holdout,
    scenario: &BareScenario,
    number: u64,
    folder: &Path,
    options: RunOptions<'_>,
) -> Result<Simulated, BackTestError> {
    let Some(toml) = &scenario.toml else {
        return Ok(Simulated::default());
    };
    let unwritable = |path: PathBuf| move |source| BackTestError::Unwritable { path, source };
    std::fs::create_dir_all(folder).map_err(unwritable(folder.to_owned()))?;
    for (name, text) in &scenario.files {
        let path = folder.join(name);
        let within = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(within).map_err(unwritable(within.to_owned()))?;
        std::fs::write(&path, text).map_err(unwritable(path.clone()))?;
    }
    let input = Input::from_text("forecast", toml).in_folder(folder);
    let loaded = load(&input, &[])?;
    let variant = loaded.variants.first().ok_or(RunError::Empty)?;
    let run = CountedRun::run(variant, number + 1, 1, options)?;
    let span = holdout.span.2 - holdout.span.1;
    let mut calls = CallFigures::default();
    let mut throttled = 0;
    for quota in run.records().iter().flat_map(|r| r.quotas.iter().flatten()) {
        throttled += quota.throttled;
        calls.total += quota.bins.iter().map(|b| b.attempts as f64).sum::<f64>();
        let (busiest, p999) = if holdout.width == 1 {
            let rank = rare(span, 1) as u64;
            (
                quota.busiest.map_or(0, |b| b.1),
                quota.by_attempts.ranked(rank),
            )
        } else {
            let minutes = (holdout.width / 60).max(1) as usize;
            let mut sums: Vec<u64> = quota
                .minutes
                .chunks(minutes)
                .map(|m| m.iter().sum())
                .collect();
            sums.sort_unstable_by(|a, b| b.cmp(a));
            let at = |rank: usize| sums.get(rank).copied().unwrap_or(0);
            (at(0), at(rare(span, holdout.width)))
        };
        calls.busiest = calls.busiest.max(busiest as f64);
        calls.p999 = calls.p999.max(p999 as f64);
    }
    calls.throttled = Some(throttled as f64);
    let results = run.results()?;
    let cost = results.metrics.get("cost_total_usd").and_then(|e| e.mean);
    // What is simulated is not needed any more.
    let _ = std::fs::remove_dir_all(folder);
    Ok(Simulated {
        calls,
        cost: cost.unwrap_or(0.0),
    })
}
