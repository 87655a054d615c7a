//! What running jobs may ask for, at most.

use crate::engine::calendar::SLOT_NS;
use crate::model::{Kind, PlanPart};
use crate::simulation::state::class::Classes;

/// Most that all jobs ask each quota for in a slot that refuses nobody; `None` where that is not known.
pub fn most_of_jobs(plan: &PlanPart<'_>, classes: &Classes) -> Option<Vec<u64>> {
    let mut most = vec![0; plan.quotas.len()];
    for workload in plan.workloads {
        let Kind::Job { workers, think, .. } = &workload.kind else {
            continue;
        };
        // By quota: most that one try of any of its requests asks for.
        let mut of_try = vec![0_u64; plan.quotas.len()];
        let mut shortest = u64::MAX;
        for &(c, _) in workload.actions.iter().flat_map(|a| &a.requests) {
            let class = &plan.classes[c];
            let mut kms_steps = plan.kms_steps_of(class).iter();
            // Whoever is denied tries again at once.
            if class.denial.is_some() || kms_steps.any(|l| !l.refusals.is_empty()) {
                return None;
            }
            let latency = match class.tier {
                Some(_) => plan.s3_latency,
                None => plan.app_latency,
            };
            let answers = latency[..=class.needs].iter().map(|l| l.least());
            shortest = answers.fold(shortest, u64::min);
            let mut asked = vec![0; plan.quotas.len()];
            classes.for_each_asked(c as u32, |q| asked[q] += 1);
            for (most, asked) in of_try.iter_mut().zip(asked) {
                *most = asked.max(*most);
            }
        }
        let between = shortest.saturating_add(think.least());
        if between == 0 {
            return None;
        }
        let tries = u64::from(*workers) * (1 + (SLOT_NS - 1) / between);
        for (most, of_try) in most.iter_mut().zip(of_try) {
            *most += tries * of_try;
        }
    }
    Some(most)
}
