//! A sample of a run's KMS calls, each as likely as any other, drawn from what each second added to the counters.
//!
//! Every call gets a number between 0 and 1, and those with the smallest are the sample. The numbers of the n
//! calls that one second counted of one kind (KMS step and answer) are the order statistics of n uniform numbers:
//! drawn in ascending order, from a key of that second and kind, until one is too large to matter. So a second
//! costs one number for each kind, however many its calls are; and since counted and simulated seconds add the
//! same to the counters, the sample is the same whichever they were.
//!
//! Requests for objects, of which CloudTrail logs data events, are sampled apart, in the same way.
//!
//! Left out: which call of its second it was. Object and instant are drawn where they are needed.

use crate::engine::random::Key;
use std::collections::BinaryHeap;

/// What was sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sampled {
    /// An attempt of a KMS step.
    Call {
        /// Index of [`Plan::kms_steps`](crate::model::Plan::kms_steps).
        kms_step: usize,
        /// How KMS answered.
        answer: Answered,
    },
    /// A denied call that draws on no quota, of a class's denial.
    CallWithoutQuota {
        /// Index of [`Plan::classes`](crate::model::Plan::classes).
        class: usize,
    },
    /// A request that came to its end.
    Request {
        /// Index of [`Plan::classes`](crate::model::Plan::classes).
        class: usize,
        /// How it ended.
        ended: Ended,
    },
}

/// How KMS answered an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answered {
    /// With what was asked for.
    Granted,
    /// The caller has no permission.
    Denied,
    /// The key's state forbids it.
    Failed,
    /// The quota is used up.
    Throttled,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// Well; of a class whose requests are denied: denied.
    Well,
    /// In an error of KMS, or of what throttling left of it.
    Failed,
    /// KMS denied it.
    Denied,
}

/// One of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SampleMember {
    /// Its number: the share of all below it, as an integer of 64 bits.
    number: u64,
    /// In which second of the run \[s\].
    pub second: u64,
    /// What it is.
    pub what: Sampled,
    /// Which of its kind and second.
    pub index: u64,
}

/// The smallest numbers so far.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// How many are wanted.
    wanted: usize,
    /// The largest on top.
    kept: BinaryHeap<SampleMember>,
    /// Of how many it is a sample.
    pub of: u64,
}

impl Sample {
    pub(super) fn new(wanted: usize) -> Sample {
        Sample {
            wanted,
            ..Sample::default()
        }
    }

    /// The sample, in order of time.
    pub fn members(&self) -> Vec<SampleMember> {
        let mut members: Vec<SampleMember> = self.kept.iter().copied().collect();
        members.sort_unstable_by_key(|m| (m.second, m.what, m.index));
        members
    }

    fn offer(&mut self, member: SampleMember) -> bool {
        if self.kept.len() < self.wanted {
            self.kept.push(member);
            return true;
        }
        let Some(mut largest) = self.kept.peek_mut() else {
            return false;
        };
        let smaller = member < *largest;
        if smaller {
            *largest = member;
        }
        smaller
    }

    /// Takes in `n` of a kind that a second counted.
    pub(super) fn add(&mut self, n: u64, second: u64, what: Sampled, key: Key) {
        self.of += n;
        let mut below = 0.0;
        for index in 0..n {
            // The smallest of what is left: 1 − u^(1 ÷ left), between what was drawn before and 1.
            let u = 1.0 - key.with(index).unit();
            let step = -libm::expm1(libm::log(u) / (n - index) as f64);
            below += (1.0 - below) * step;
            let member = SampleMember {
                number: (below * 2_f64.powi(64)) as u64,
                second,
                what,
                index,
            };
            if !self.offer(member) {
                break;
            }
        }
    }

    /// Takes in the sample of another component.
    pub fn merge(&mut self, other: Sample) {
        self.wanted = self.wanted.max(other.wanted);
        self.of += other.of;
        for member in other.kept {
            self.offer(member);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(kms_step: usize) -> Sampled {
        let answer = Answered::Granted;
        Sampled::Call { kms_step, answer }
    }

    /// Every call is as likely as any other, however they are spread over seconds and kinds.
    #[test]
    fn samples_are_uniform() {
        let counts = [(0, 700), (1, 20), (2, 1), (3, 279)];
        let mut found = [0_u64; 4];
        let trials = 4_000;
        for trial in 0..trials {
            let mut sample = Sample::new(10);
            let key = Key::root(trial, 0);
            for (second, n) in counts {
                let kind = key.with(second);
                sample.add(n, second, call(second as usize % 2), kind);
            }
            assert_eq!((sample.of, sample.members().len()), (1_000, 10));
            for member in sample.members() {
                found[member.second as usize] += 1;
            }
        }
        for (found, (_, n)) in found.iter().zip(counts) {
            let expected = (trials * n / 100) as f64;
            // Hypergeometric: hardly below the variance of a Poisson number.
            let off = (*found as f64 - expected) / expected.sqrt();
            assert!(off.abs() < 4.0, "{found} for {expected}");
        }
    }

    #[test]
    fn components_apart_are_the_components_together() {
        let key = Key::root(1, 0);
        let (mut one, mut other, mut both) = (Sample::new(5), Sample::new(5), Sample::new(5));
        for second in 0..20 {
            let kind = key.with(second);
            let component = if second % 2 == 0 {
                &mut one
            } else {
                &mut other
            };
            component.add(3, second, call(0), kind);
            both.add(3, second, call(0), kind);
        }
        other.merge(one);
        assert_eq!(other.members(), both.members());
        assert_eq!(other.of, 60);
    }

    #[test]
    fn no_more_than_there_are() {
        let mut sample = Sample::new(100);
        sample.add(3, 0, call(0), Key::root(1, 0));
        let members: Vec<u64> = sample.members().iter().map(|m| m.index).collect();
        assert_eq!(members, [0, 1, 2]);
    }
}
