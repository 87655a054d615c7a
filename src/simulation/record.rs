//! What one replication counted: integers only, so that nothing depends on the order of work.
//!
//! Counters are kept per class and per KMS step; every breakdown is a sum of them. Rates, percentiles
//! and money are made from a [`Record`] later, in [`crate::outcome`].

use super::decisive::DecisiveSeconds;
use super::sample::Sample;
use super::state::rehearsal::QuietTime;
use crate::model::{Component, MAX_NEEDS, Plan};
use hdrhistogram::Histogram;

/// Most bins of a time series.
pub const MAX_BINS: usize = 2_000;

/// Counters of one class, of requests that arrived in the measured time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCount {
    /// Requests.
    pub requests: u64,
    /// That ended well.
    pub succeeded: u64,
    /// That ran out of attempts or of retry quota, or ended in an error.
    pub failed: u64,
    /// That KMS refused for lack of permission.
    pub denied: u64,
    /// That were not sent, because their upload or their job had failed.
    pub not_sent: u64,
    /// Objects of a job that one of its requests failed, or of whose requests one was not sent after others were.
    pub objects_failed: u64,
    /// Runs of a job that one of its requests failed.
    pub runs_failed: u64,
    /// Tries that drew on S3's request rate, where it is limited.
    pub tries: u64,
    /// Tries that it refused.
    pub tries_throttled: u64,
    /// That ended well and were never throttled, by number of KMS calls.
    pub undelayed: [u64; MAX_NEEDS + 1],
}

/// Counters of one KMS step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KmsStepCount {
    /// Needs looked up.
    pub needs: u64,
    /// Met by a bucket key or a data-key cache.
    pub met: u64,
    /// Needs with at least one attempt.
    pub calls: u64,
    /// Attempts.
    pub attempts: u64,
    /// Refused, by position of the quota that refused.
    pub throttled_by: [u64; 2],
    /// Admitted, and then denied for lack of permission.
    pub denied: u64,
    /// Admitted, and then refused for the state of the key.
    pub failed: u64,
}

impl KmsStepCount {
    /// Attempts refused.
    pub fn throttled(&self) -> u64 {
        self.throttled_by[0] + self.throttled_by[1]
    }

    /// Attempts admitted.
    pub fn admitted(&self) -> u64 {
        self.attempts - self.throttled()
    }
}

/// One bin of a quota's series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaBin {
    /// Attempts in all its seconds.
    pub attempts: u64,
    /// Attempts of its busiest second.
    pub attempts_max: u64,
    /// Throttled attempts.
    pub throttled: u64,
    /// Throttled attempts of its worst second.
    pub throttled_max: u64,
}

impl QuotaBin {
    fn merge(&mut self, other: &QuotaBin) {
        self.attempts += other.attempts;
        self.throttled += other.throttled;
        self.attempts_max = self.attempts_max.max(other.attempts_max);
        self.throttled_max = self.throttled_max.max(other.throttled_max);
    }
}

/// What one quota saw, second by second.
#[derive(Clone, Debug, PartialEq)]
pub struct QuotaRecord {
    /// Width of a bin \[s\].
    pub bin_s: u64,
    /// Bins from t = 0.
    pub bins: Vec<QuotaBin>,
    /// What CloudWatch counts in each minute.
    pub minutes: Vec<u64>,
    /// The busiest second since the end of the warm-up: (start, attempts).
    pub busiest: Option<(u64, u64)>,
    /// Seconds with a throttled attempt since the end of the warm-up.
    pub seconds_throttled: u64,
    /// Start of the first of them.
    pub first_throttled: Option<u64>,
    /// Throttled attempts, warm-up included.
    pub throttled: u64,
    /// Smallest 1 − attempts ÷ quota since the end of the warm-up.
    pub headroom: f64,
    /// Seconds with attempts since the end of the warm-up, by how many these are: numbers instead of durations.
    pub by_attempts: Delays,
    /// End of the last second with an attempt \[s\].
    pub end_s: u64,
    /// Its decisive seconds, where they are recorded.
    pub decisive: Option<Box<DecisiveSeconds>>,
    /// Attempts of each second from t = 0, where this was asked for.
    pub every_second: Option<Vec<u64>>,
}

impl QuotaRecord {
    /// An empty record with bins fit for a horizon \[s\].
    pub fn new(horizon_s: u64) -> QuotaRecord {
        QuotaRecord {
            bin_s: bin_for(horizon_s),
            bins: Vec::new(),
            minutes: Vec::new(),
            busiest: None,
            seconds_throttled: 0,
            first_throttled: None,
            throttled: 0,
            headroom: 1.0,
            by_attempts: Delays::default(),
            end_s: 0,
            decisive: None,
            every_second: None,
        }
    }

    /// Takes in one second. `quota`: per second in force; `measured`: after the warm-up.
    pub fn second(
        &mut self,
        second: u64,
        attempts: u64,
        throttled: u64,
        in_call_count: u64,
        quota: f64,
        measured: bool,
    ) {
        if attempts == 0 {
            return;
        }
        self.end_s = self.end_s.max(second + 1);
        self.throttled += throttled;
        let mut bin = (second / self.bin_s) as usize;
        while bin >= MAX_BINS {
            self.widen(self.bin_s * 2);
            bin = (second / self.bin_s) as usize;
        }
        if self.bins.len() <= bin {
            self.bins.resize(bin + 1, QuotaBin::default());
        }
        self.bins[bin].merge(&QuotaBin {
            attempts,
            attempts_max: attempts,
            throttled,
            throttled_max: throttled,
        });
        if let Some(all) = &mut self.every_second {
            all.resize(second as usize, 0);
            all.push(attempts);
        }
        let minute = (second / 60) as usize;
        if self.minutes.len() <= minute {
            self.minutes.resize(minute + 1, 0);
        }
        self.minutes[minute] += in_call_count;
        if measured {
            self.by_attempts.add(attempts);
            if self.busiest.is_none_or(|(_, most)| attempts > most) {
                self.busiest = Some((second, attempts));
            }
            if throttled > 0 {
                self.seconds_throttled += 1;
                self.first_throttled.get_or_insert(second);
            }
            let headroom = 1.0 - attempts as f64 / quota;
            if headroom < self.headroom {
                self.headroom = headroom;
            }
        }
    }

    /// Merges bins into wider ones; `bin_s` is a multiple of the present width.
    pub fn widen(&mut self, bin_s: u64) {
        let by = (bin_s / self.bin_s) as usize;
        if by > 1 {
            self.bins = self
                .bins
                .chunks(by)
                .map(|chunk| {
                    let mut bin = QuotaBin::default();
                    chunk.iter().for_each(|b| bin.merge(b));
                    bin
                })
                .collect();
            self.bin_s = bin_s;
        }
    }
}

/// A width of bins that leaves room for the drain: a round number of seconds, minutes or hours.
fn bin_for(horizon_s: u64) -> u64 {
    const ROUND: [u64; 16] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200,
    ];
    let fits = |b: u64| horizon_s.div_ceil(b) <= (MAX_BINS as u64) * 19 / 20;
    ROUND.iter().copied().find(|&b| fits(b)).unwrap_or_else(|| {
        let days = horizon_s.div_ceil(86_400 * 1_900);
        days.max(1) * 86_400
    })
}

/// Everything one replication counted, of one component or of all.
#[derive(Clone, Debug)]
pub struct Record {
    /// By class.
    pub classes: Vec<ClassCount>,
    /// By KMS step.
    pub kms_steps: Vec<KmsStepCount>,
    /// KMS step counters at the end of each billing period before the last, cumulated.
    pub periods: Vec<Vec<KmsStepCount>>,
    /// By class: delays of requests that ended well and were put off.
    pub delays: Vec<Delays>,
    /// By quota; `None` for those that nobody asks.
    pub quotas: Vec<Option<QuotaRecord>>,
    /// By workload: `Some` for jobs, with the time from start to last object \[ns\] if finished.
    pub jobs: Vec<Option<Option<u64>>>,
    /// By workload: runs of jobs that began in the measured time.
    pub runs: Vec<u64>,
    /// Whether it ended before its time ([`super::SimulationOptions::lost_at`]).
    pub is_lost: bool,
    /// Seconds that were counted.
    pub seconds_counted: u64,
    /// Attempts simulated one by one, warm-up included.
    pub attempts_expanded: u64,
    /// What was counted in quiet time, where others want it ([`super::Rehearsal::Keep`]).
    pub quiet: QuietTime,
    /// Sample of the KMS calls that CloudTrail's trails deliver.
    pub calls_sampled: Sample,
    /// Sample of the requests whose data events they deliver.
    pub requests_sampled: Sample,
}

/// An empty histogram of durations with buckets of at most 1 %.
pub fn histogram() -> Histogram<u64> {
    let mut h = match Histogram::new_with_bounds(1, 3_600_000_000_000, DIGITS) {
        Ok(h) => h,
        // The bounds are constants of which the constructor approves.
        Err(e) => panic!("histogram bounds: {e}"),
    };
    h.auto(true);
    h
}

/// Significant decimal digits that such a histogram tells apart, and the bits that takes.
const DIGITS: u8 = 2;
const BITS: u32 = (2 * 10_u32.pow(DIGITS as u32)).next_power_of_two().ilog2();

/// Durations counted by the buckets of [`histogram`]. Contended seconds have tens of thousands of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delays {
    counts: Vec<u64>,
    longest: u64,
}

impl Delays {
    /// Counts a duration \[ns\].
    #[inline(always)]
    pub fn add(&mut self, ns: u64) {
        if ns > self.longest {
            self.longest = ns;
        }
        let shift = (ns | ((1 << BITS) - 1)).ilog2() + 1 - BITS;
        let bucket = ((shift as usize) << (BITS - 1)) + (ns >> shift) as usize;
        match self.counts.get_mut(bucket) {
            Some(count) => *count += 1,
            None => self.widen(bucket),
        }
    }

    /// Counts the first duration of a bucket beyond all others.
    #[cold]
    fn widen(&mut self, bucket: usize) {
        self.counts.resize(bucket + 1, 0);
        self.counts[bucket] = 1;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The longest \[ns\], 0 if there are none.
    pub fn longest(&self) -> u64 {
        self.longest
    }

    /// The `rank`-th largest from 0 on, as its bucket's least value; 0 where there are not so many.
    pub fn ranked(&self, rank: u64) -> u64 {
        let half = 1 << (BITS - 1);
        let mut above = 0;
        for (bucket, &count) in self.counts.iter().enumerate().rev() {
            above += count;
            if above > rank {
                let shift = (bucket / half).saturating_sub(1);
                return ((bucket - shift * half) as u64) << shift;
            }
        }
        0
    }

    /// Adds them to a histogram.
    pub fn add_to(&self, h: &mut Histogram<u64>) {
        let half = 1 << (BITS - 1);
        for (bucket, &count) in self.counts.iter().enumerate().filter(|&(_, &n)| n > 0) {
            let shift = (bucket / half).saturating_sub(1);
            record_ns(h, ((bucket - shift * half) as u64) << shift, count);
        }
    }
}

/// Counts a duration.
pub fn record_ns(h: &mut Histogram<u64>, ns: u64, count: u64) {
    // Cannot fail: the histogram resizes itself.
    h.saturating_record_n(ns, count);
}

impl Record {
    /// Zero everywhere.
    pub fn new(classes: usize, kms_steps: usize, quotas: usize, workloads: usize) -> Record {
        Record {
            classes: vec![ClassCount::default(); classes],
            kms_steps: vec![KmsStepCount::default(); kms_steps],
            periods: Vec::new(),
            delays: vec![Delays::default(); classes],
            quotas: vec![None; quotas],
            jobs: vec![None; workloads],
            runs: vec![0; workloads],
            is_lost: false,
            seconds_counted: 0,
            attempts_expanded: 0,
            quiet: QuietTime::default(),
            calls_sampled: Sample::default(),
            requests_sampled: Sample::default(),
        }
    }

    /// Closes months before this one, as far as they are open.
    pub fn close_periods(&mut self, month: usize) {
        while self.periods.len() < month {
            self.periods.push(self.kms_steps.clone());
        }
    }

    /// Nothing yet, of a whole plan.
    pub fn of(plan: &Plan) -> Record {
        Record::new(
            plan.classes.len(),
            plan.kms_steps.len(),
            plan.quotas.len(),
            plan.workloads.len(),
        )
    }

    /// Adds what a component of a plan counted, in its own numbers, to what all of them counted in the same replication.
    pub fn add(&mut self, plan: &Plan, component: &Component, own: Record) {
        // Periods of both must be told apart up to the same end.
        let periods = self.periods.len().max(own.periods.len());
        self.close_periods(periods);
        for (own_l, l) in component.kms_steps(plan).enumerate() {
            self.kms_steps[l] = own.kms_steps[own_l];
            for (month, all) in self.periods.iter_mut().enumerate() {
                let until = own.periods.get(month).unwrap_or(&own.kms_steps);
                all[l] = until[own_l];
            }
        }
        let of_classes = own.classes.into_iter().zip(own.delays);
        for (&c, (count, delays)) in component.classes.iter().zip(of_classes) {
            (self.classes[c], self.delays[c]) = (count, delays);
        }
        for (&q, mut seen) in component.quotas.iter().zip(own.quotas) {
            if let Some(decisive) = seen.as_mut().and_then(|seen| seen.decisive.as_mut()) {
                decisive.renumber(&component.workloads);
            }
            self.quotas[q] = seen;
        }
        let of_workloads = own.jobs.into_iter().zip(own.runs);
        for (&w, (job, runs)) in component.workloads.iter().zip(of_workloads) {
            (self.jobs[w], self.runs[w]) = (job, runs);
        }
        self.is_lost |= own.is_lost;
        self.seconds_counted += own.seconds_counted;
        self.attempts_expanded += own.attempts_expanded;
        self.calls_sampled.merge(own.calls_sampled);
        self.requests_sampled.merge(own.requests_sampled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_fall_into_the_buckets_of_the_histogram() {
        let (mut delays, mut expected, mut got) = (Delays::default(), histogram(), histogram());
        let near = (0..63).flat_map(|b| [(1 << b) - 1, 1 << b, (1 << b) + 1, 5 << b >> 2]);
        for ns in (0..3_000).chain(near.filter(|&ns| ns < 1 << 62)) {
            delays.add(ns);
            record_ns(&mut expected, ns, 1);
        }
        delays.add_to(&mut got);
        assert_eq!(got, expected);
        assert!(delays.longest() == (1 << 62) - 1 && !delays.is_empty());
        let mut few = Delays::default();
        [7, 200, 3, 200].iter().for_each(|n| few.add(*n));
        let ranked: Vec<u64> = (0..5).map(|rank| few.ranked(rank)).collect();
        assert_eq!(ranked, [200, 200, 7, 3, 0]);
    }

    #[test]
    fn a_series_never_has_more_than_two_thousand_bins() {
        for horizon in [
            1,
            600,
            3_600,
            86_400,
            30 * 86_400,
            366 * 86_400,
            20 * 366 * 86_400,
        ] {
            let b = bin_for(horizon);
            assert!(horizon.div_ceil(b) <= 1_900, "{horizon}: {b}");
        }
        let mut q = QuotaRecord::new(600);
        for s in 0..5_000 {
            q.second(s, 1 + s % 7, s % 2, 1, 10.0, s >= 100);
        }
        assert!(q.bins.len() <= MAX_BINS && q.bin_s == 4);
        assert_eq!(q.bins.iter().map(|b| b.throttled).sum::<u64>(), 2_500);
        assert_eq!((q.busiest, q.seconds_throttled), (Some((104, 7)), 2_450));
        assert_eq!(q.minutes.iter().sum::<u64>(), 5_000);
        assert!((q.headroom - 0.3).abs() < 1e-12);
    }
}
