//! The samples of one component, drawn from what each second added to its counters.

use crate::engine::random::Key;
use crate::model::PlanPart;
use crate::simulation::record::{ClassCount, KmsStepCount};
use crate::simulation::sample::{Answered, Ended, Sample, Sampled};

/// The samples of one component, and its counters when the last second was over.
#[derive(Debug)]
pub struct Sampler {
    key: Key,
    calls: Sample,
    requests: Sample,
    kms_steps: Vec<KmsStepCount>,
    classes: Vec<ClassCount>,
}

impl Sampler {
    pub fn new(plan: &PlanPart<'_>, wanted: usize, replication: Key) -> Sampler {
        Sampler {
            key: replication.named("CloudTrail"),
            calls: Sample::new(wanted),
            requests: Sample::new(wanted),
            kms_steps: vec![KmsStepCount::default(); plan.kms_steps.len()],
            classes: vec![ClassCount::default(); plan.classes.len()],
        }
    }

    /// KMS calls and requests.
    pub fn into_samples(self) -> (Sample, Sample) {
        (self.calls, self.requests)
    }

    /// Takes in what a second added to the counters of what trails deliver.
    pub fn second(
        &mut self,
        plan: &PlanPart<'_>,
        kms_steps: &[KmsStepCount],
        classes: &[ClassCount],
        second: u64,
    ) {
        let (key, whole) = (self.key, plan.whole);
        for (l, (now, before)) in kms_steps.iter().zip(&mut self.kms_steps).enumerate() {
            let was = std::mem::replace(before, *now);
            if *now == was {
                continue;
            }
            let (kms_step, l) = (&plan.kms_steps[l], plan.kms_step_in_whole(l));
            let delivers = |account| whole.kms_deliveries(kms_step, account).next().is_some();
            let (mut anyone, caller) = (whole.loggers(kms_step), delivers(kms_step.account));
            let anyone = anyone.any(delivers);
            let denied = now.denied - was.denied;
            let failed = now.failed - was.failed;
            let throttled = now.throttled() - was.throttled();
            let granted = now.admitted() - was.admitted() - denied - failed;
            let throttled_logged = anyone && plan.counting.throttled_attempts_logged;
            let granted_or_denied = if kms_step.denied {
                Answered::Denied
            } else {
                Answered::Granted
            };
            for (answer, n, delivered) in [
                (granted_or_denied, granted, anyone),
                (Answered::Denied, denied, caller),
                (Answered::Failed, failed, anyone),
                (Answered::Throttled, throttled, throttled_logged),
            ] {
                if n > 0 && delivered {
                    let kind = key.with(l as u64).with(answer as u64).with(second);
                    let what = Sampled::Call {
                        kms_step: l,
                        answer,
                    };
                    self.calls.add(n, second, what, kind);
                }
            }
        }
        let key = key.named("requests");
        for (c, (now, before)) in classes.iter().zip(&mut self.classes).enumerate() {
            let was = std::mem::replace(before, *now);
            if *now == was {
                continue;
            }
            let (class, c) = (&plan.classes[c], plan.class_in_whole(c));
            let well = now.succeeded - was.succeeded;
            let call_without_quota = class
                .denial
                .and_then(|d| whole.denials[d].call_without_quota);
            if call_without_quota
                .is_some_and(|call| whole.denial_deliveries(&call).next().is_some())
            {
                let what = Sampled::CallWithoutQuota { class: c };
                let kind = key.named("denied").with(c as u64).with(second);
                self.calls.add(well, second, what, kind);
            }
            if whole.data_deliveries(class).next().is_none() {
                continue;
            }
            for (ended, n) in [
                (Ended::Well, well),
                (Ended::Failed, now.failed - was.failed),
                (Ended::Denied, now.denied - was.denied),
            ] {
                let kind = key.with(c as u64).with(ended as u64).with(second);
                let what = Sampled::Request { class: c, ended };
                self.requests.add(n, second, what, kind);
            }
        }
    }
}
