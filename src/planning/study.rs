//! One variant of a scenario, with what may change in it, and the runs of it.

use crate::input::Input;
use crate::input::document::{Table, key_text};
use crate::metrics::target::{Relation, Target};
use crate::results::{Estimate, RunResults, ThresholdResult, ThresholdVerdict, VariantResults};
use crate::run::{
    QuietRun, RunError, RunOptions, results_of, run_and_keep, run_unless_lost, run_variant,
    thresholds_of,
};
use crate::scenario::load::{has_variants, overrides};
use crate::scenario::{Changeable, Loaded, ScenarioError, Variant, load};
use serde::Serialize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// Why a setting could not be run.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The scenario is invalid, or becomes so by a setting; every fault with its place.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A price is missing, or the run was cancelled.
    #[error("error: {0}")]
    Run(#[from] RunError),
    /// The question cannot be asked of this scenario.
    #[error("error: {message}\n  = help: {help}")]
    Question {
        /// What is wrong.
        message: String,
        /// What to do instead.
        help: String,
    },
}

impl StudyError {
    /// A question that cannot be asked.
    pub fn question(message: impl Into<String>, help: impl Into<String>) -> StudyError {
        StudyError::Question {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// One variant of a scenario whose settings are changed from run to run.
#[derive(Clone, Debug)]
pub struct Study {
    input: Input,
    sets: Vec<String>,
    changeable: Arc<Changeable>,
    /// The variant.
    pub variant: String,
    /// Whether the file names variants, so that its keys are written `variant.NAME.…`.
    named: bool,
    /// Seed of the search.
    pub seed: u64,
    /// Replications of each run.
    pub replications: u32,
    /// Set to true, it ends the run that is under way, and with it the search.
    cancel: Option<Arc<AtomicBool>>,
    /// What the variant counted in quiet time, with the seed and replications of that run.
    quiet: Arc<OnceLock<(u64, u32, QuietRun)>>,
}

impl Study {
    /// The variant `name` of a scenario, by default its first, with the file's seed and replications.
    ///
    /// # Errors
    /// Every fault of the scenario; no such variant.
    pub fn new(
        input: &Input,
        sets: &[String],
        name: Option<&str>,
    ) -> Result<(Study, Loaded), StudyError> {
        let loaded = load(input, sets)?;
        let names: Vec<&str> = loaded
            .variants
            .iter()
            .map(|v| v.plan.name.as_str())
            .collect();
        let variant = name.unwrap_or(names.first().copied().unwrap_or("base"));
        if !names.contains(&variant) {
            return Err(StudyError::question(
                format!("{} has no variant `{variant}`", input.shown),
                format!("its variants: {}", names.join(", ")),
            ));
        }
        let named = has_variants(input, sets)?;
        let study = Study {
            input: input.clone(),
            sets: sets.to_vec(),
            changeable: Arc::new(Changeable::new(input, sets, variant)?),
            variant: variant.to_owned(),
            named,
            seed: loaded.seed,
            replications: loaded.replications,
            cancel: None,
            quiet: Arc::default(),
        };
        Ok((study, loaded))
    }

    /// The same study, whose runs end with [`RunError::Cancelled`] once another thread has set `cancel` to true.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: Arc<AtomicBool>) -> Study {
        self.cancel = Some(cancel);
        self
    }

    /// What each of the file's variants lays over the base, layer by layer, but for what the study's variant does.
    ///
    /// # Errors
    /// None but those that [`Study::new`] would have reported.
    pub fn overrides(&self) -> Result<Vec<(String, Vec<Table>)>, StudyError> {
        Ok(overrides(&self.input, &self.sets, &self.variant)?)
    }

    /// The variant's table: the file's with what the variant changes.
    ///
    /// # Errors
    /// None but those that [`Study::new`] would have reported.
    pub fn table(&self) -> Result<Table, StudyError> {
        Ok(self.changeable.document().clone())
    }

    /// How `--set` names a key of the variant.
    pub fn path(&self, key: &str) -> String {
        if self.named {
            format!("variant.{}.{key}", key_text(&self.variant))
        } else {
            key.to_owned()
        }
    }

    /// The variant with tables laid over it and then keys set.
    ///
    /// # Errors
    /// What these make of the scenario is at fault.
    pub fn with(&self, over: &[Table], sets: &[String]) -> Result<Variant, StudyError> {
        let loaded = self.changeable.with(over, sets)?;
        let variant = loaded.variants.into_iter().next();
        variant.ok_or(StudyError::Run(RunError::Empty))
    }

    /// The results of the variant with tables laid over it and then keys set.
    ///
    /// # Errors
    /// As [`Study::with`]; a price that is not known.
    pub fn run(
        &self,
        over: &[Table],
        sets: &[String],
        seed: u64,
    ) -> Result<VariantResults, StudyError> {
        let variant = self.with(over, sets)?;
        let options = RunOptions {
            cancel: self.cancel.as_deref(),
            ..RunOptions::default()
        };
        Ok(run_variant(&variant, seed, self.replications, options)?)
    }

    /// The results with the keys set, and how they stand to the thresholds.
    ///
    /// # Errors
    /// As [`Study::run`].
    pub fn judged(
        &self,
        sets: &[String],
        seed: u64,
    ) -> Result<(VariantResults, Vec<ThresholdResult>), StudyError> {
        let variant = self.with(&[], sets)?;
        let results = run_variant(&variant, seed, self.replications, self.options())?;
        let thresholds = thresholds_of(&variant, &results);
        Ok((results, thresholds))
    }

    /// The results of the variant as it is. What it counts in quiet time is kept for runs with other limits.
    ///
    /// # Errors
    /// As [`Study::run`].
    pub fn present(&self) -> Result<VariantResults, StudyError> {
        let variant = self.with(&[], &[])?;
        let (seed, replications) = (self.seed, self.replications);
        let (results, quiet) = run_and_keep(&variant, seed, replications, self.options())?;
        // Of several that run it at once one is enough.
        _ = self.quiet.set((seed, replications, quiet));
        Ok(results)
    }

    /// The same with all that a run of this variant alone would say.
    ///
    /// # Errors
    /// As [`Study::run`].
    pub fn as_it_is(&self) -> Result<RunResults, StudyError> {
        let loaded = self.changeable.with(&[], &[])?;
        let results = vec![self.present()?];
        Ok(results_of(&loaded, self.replications, results, None))
    }

    /// The results, as far as targets ask for them, with keys set that change the limits of quotas and nothing else;
    /// `lost_at`: unless all replications are lost ([`run_unless_lost`]).
    ///
    /// # Errors
    /// As [`Study::run`].
    pub(super) fn run_limited(
        &self,
        sets: &[String],
        targets: &[Target],
        lost_at: Option<&[u64]>,
    ) -> Result<Option<VariantResults>, StudyError> {
        let variant = self.with(&[], sets)?;
        let kept = self.quiet.get();
        let of_these = kept.filter(|kept| (kept.0, kept.1) == (self.seed, self.replications));
        let options = RunOptions {
            quiet: of_these.map(|kept| &kept.2),
            no_latencies: !targets.iter().any(|t| t.metric.starts_with("latency_s_")),
            ..self.options()
        };
        Ok(match lost_at {
            Some(lost_at) => run_unless_lost(&variant, self.seed, lost_at, options)?,
            None => Some(run_variant(
                &variant,
                self.seed,
                self.replications,
                options,
            )?),
        })
    }

    /// How its runs are run.
    pub fn options(&self) -> RunOptions<'_> {
        RunOptions {
            cancel: self.cancel.as_deref(),
            ..RunOptions::default()
        }
    }

    /// A seed that no run of the search has had; `round` counts from 0.
    pub fn fresh_seed(&self, round: u64) -> u64 {
        self.seed.wrapping_add(1 + round)
    }
}

/// One run behind an answer.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// The setting.
    pub value: f64,
    /// Its seed.
    pub seed: u64,
    /// Its replications.
    pub replications: u32,
    /// What the targets are about, in their order; `None` where there is no such workload.
    pub found: Vec<Option<Estimate>>,
    /// Whether the targets are met.
    pub verdicts: Vec<ThresholdVerdict>,
    /// It was given up because a target was surely missed, so that nothing was found out.
    #[serde(skip_serializing_if = "is_whole")]
    pub cut_short: bool,
}

fn is_whole(cut_short: &bool) -> bool {
    !cut_short
}

/// How sure it must be that a target is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// The 95 % interval does not rule it out.
    Possible,
    /// The mean meets it.
    Mean,
    /// The whole interval meets it.
    Sure,
}

impl Trial {
    /// What a variant's results say about the targets.
    pub fn of(
        study: &Study,
        value: f64,
        seed: u64,
        targets: &[Target],
        results: &VariantResults,
    ) -> Trial {
        let found: Vec<Option<Estimate>> = targets.iter().map(|t| t.of(results).cloned()).collect();
        let verdicts = targets.iter().zip(&found).map(|(t, e)| t.judge(e.as_ref()));
        Trial {
            value,
            seed,
            replications: study.replications,
            verdicts: verdicts.collect(),
            found,
            cut_short: false,
        }
    }

    /// A run that was given up because the `missed` one of the targets surely was.
    pub(super) fn cut_short(
        study: &Study,
        value: f64,
        seed: u64,
        targets: &[Target],
        missed: usize,
    ) -> Trial {
        let mut verdicts = vec![ThresholdVerdict::NoData; targets.len()];
        verdicts[missed] = ThresholdVerdict::Crossed;
        Trial {
            value,
            seed,
            replications: study.replications,
            found: vec![None; targets.len()],
            verdicts,
            cut_short: true,
        }
    }

    /// How far the target that is furthest from being met is on the right side, as a share of its limit; below 0 where it
    /// is not met. `None` without data.
    pub(super) fn margin(&self, targets: &[Target], level: Confidence) -> Option<f64> {
        let each = targets.iter().zip(&self.found).map(|(target, found)| {
            let e = found.as_ref()?;
            let mean = e.mean?;
            let scale = if target.limit == 0.0 {
                1.0
            } else {
                target.limit.abs()
            };
            let of = |v: f64| match target.comparison {
                Relation::Below | Relation::AtMost => (target.limit - v) / scale,
                Relation::Above | Relation::AtLeast => (v - target.limit) / scale,
            };
            let (low, high) = (of(e.ci_low.unwrap_or(mean)), of(e.ci_high.unwrap_or(mean)));
            Some(match level {
                Confidence::Possible => low.max(high),
                Confidence::Mean => of(mean),
                Confidence::Sure => low.min(high),
            })
        });
        each.collect::<Option<Vec<f64>>>()?
            .into_iter()
            .reduce(f64::min)
    }

    /// Whether all targets are met.
    pub fn meets(&self, targets: &[Target], level: Confidence) -> bool {
        let mut each = targets.iter().zip(&self.found);
        each.all(|(target, found)| {
            let Some((e, mean)) = found.as_ref().and_then(|e| Some((e, e.mean?))) else {
                return false;
            };
            let holds = |v: f64| target.comparison.holds(v, target.limit);
            let ends = [e.ci_low.unwrap_or(mean), e.ci_high.unwrap_or(mean)];
            match level {
                Confidence::Possible => holds(mean) || ends.into_iter().any(holds),
                Confidence::Mean => holds(mean),
                Confidence::Sure => ends.into_iter().all(holds),
            }
        })
    }
}
