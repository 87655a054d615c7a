//! Workloads that wait for others: for none that never ends, and in no circle.

use super::super::workload::WorkloadSettings;
use super::builder::PlanBuilder;
use crate::input::diagnostic::Code;
use crate::model::arrivals::Arrivals;

impl PlanBuilder<'_> {
    /// Workloads must not wait for themselves, and only for what comes to an end.
    pub(super) fn orders(&self) {
        let all = &self.scenario.workload;
        'workloads: for (name, s) in all {
            let (mut seen, mut at) = (vec![name.as_str()], s);
            while let Some(next) = &at.after {
                if seen.contains(&next.as_str()) {
                    // A circle is one fault: that of its first workload in the file.
                    let first = seen.iter().min_by_key(|w| all.get_index_of(**w));
                    if next != name || first != Some(&name.as_str()) {
                        continue 'workloads;
                    }
                    self.fault(
                        &s.place,
                        Code::Contradiction,
                        format!(
                            "`workload.{name}` waits for itself: {} → {next}",
                            seen.join(" → ")
                        ),
                        "drop one `after`",
                    );
                    continue 'workloads;
                }
                seen.push(next);
                match all.get(next) {
                    Some(w) => at = w,
                    None => break,
                }
            }
            self.follows_runs(name, s);
            if let Some(first) = s.after.as_ref().and_then(|n| all.get(n))
                && matches!(first.arrivals, Arrivals::Open(_))
                && first.stop.is_none()
            {
                self.fault(
                    &s.place,
                    Code::Contradiction,
                    format!(
                        "`workload.{name}` follows a workload that never ends before the horizon"
                    ),
                    "give that workload a `stop`",
                );
            }
        }
    }

    /// What follows a job that recurs has its runs from that, and is a job itself.
    fn follows_runs(&self, name: &str, s: &WorkloadSettings) {
        let Some(first) = &s.after else {
            return;
        };
        let recurs =
            |w: &WorkloadSettings| matches!(&w.arrivals, Arrivals::Job(job) if job.every.is_some());
        if recurs(s) {
            self.fault(
                &s.place,
                Code::Contradiction,
                format!("`workload.{name}` recurs by itself and follows `workload.{first}` too"),
                "drop `every`: it runs each time that the other is done; or drop `after`",
            );
        }
        let mut seen = vec![first];
        let mut before = self.scenario.workload.get(first);
        while let Some(w) = before {
            if recurs(w) && matches!(s.arrivals, Arrivals::Open(_)) {
                self.fault(
                    &s.place,
                    Code::Contradiction,
                    format!("`workload.{name}` follows a job that recurs and so is never done"),
                    "give it a `start` instead, or make it a job: that runs after each run of the other",
                );
                return;
            }
            let Some(next) = w.after.as_ref().filter(|n| !seen.contains(n)) else {
                return;
            };
            seen.push(next);
            before = self.scenario.workload.get(next);
        }
    }
}
