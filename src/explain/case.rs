//! The cases of a kind of request, where a bucket holds objects of both kinds: each is a request of its own to explain.

use crate::model::KmsStep;
use crate::model::source::{ObjectKinds, OnlyFor};
use crate::scenario::access::{Check, RequestKind};
use crate::units::Span;

/// One case.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    /// Whether the objects have data keys of their own, by what tells that.
    own_data_key: Vec<(ObjectKinds, bool)>,
}

/// All cases of a kind of request, one where there is nothing to tell apart.
pub(super) fn cases(kind: &RequestKind) -> Vec<Case> {
    let mut all = vec![Case::default()];
    let mut kinds: Vec<ObjectKinds> = Vec::new();
    for only in kind.calls.iter().filter_map(|call| call.only_for) {
        if kinds.contains(&only.kinds) {
            continue;
        }
        kinds.push(only.kinds);
        all = all
            .iter()
            .flat_map(|case| {
                [true, false].map(|own| {
                    let mut case = case.clone();
                    case.own_data_key.push((only.kinds, own));
                    case
                })
            })
            .collect();
    }
    all.retain(Case::is_possible);
    all
}

impl Case {
    /// Nothing is read under bucket keys before they are in use.
    fn is_possible(&self) -> bool {
        let before = |(kinds, own): &&(ObjectKinds, bool)| !kinds.are_read() && *own;
        let Some((written, _)) = self.own_data_key.iter().find(before) else {
            return true;
        };
        let mut read = self.own_data_key.iter().filter(|(k, _)| k.are_read());
        read.all(|(kinds, own)| *own || kinds.since() < written.since())
    }

    /// Whether a call is made in it.
    pub(super) fn makes(&self, only_for: Option<OnlyFor>) -> bool {
        only_for.is_none_or(|only| {
            let of = (only.kinds, only.own_data_key);
            self.own_data_key.contains(&of)
        })
    }

    /// What it was asked for, up to its refusal.
    pub(super) fn checks(&self, kind: &RequestKind) -> Vec<Check> {
        let of_case = kind.checks.iter().filter(|check| {
            let call = check.call.and_then(|call| kind.calls.get(call));
            call.is_none_or(|call| self.makes(call.only_for))
        });
        let mut checks: Vec<Check> = Vec::new();
        for check in of_case {
            checks.push(check.clone());
            if check.refusal.is_some() {
                break;
            }
        }
        checks
    }

    /// The KMS steps that it takes, up to the one that is refused.
    pub(super) fn kms_steps<'s>(&self, kms_steps: &'s [KmsStep]) -> Vec<&'s KmsStep> {
        let mut taken = Vec::new();
        for kms_step in kms_steps.iter().filter(|step| self.makes(step.only_for)) {
            taken.push(kms_step);
            if kms_step.denied || kms_step.denial.is_some() {
                break;
            }
        }
        taken
    }

    /// Which objects it is about; `None`: all.
    pub(super) fn words(&self) -> Option<String> {
        let words = |(kinds, own): &(ObjectKinds, bool)| match (kinds, own) {
            (ObjectKinds::Read { .. }, true) => {
                "objects from before bucket keys, with data keys of their own".to_owned()
            }
            (ObjectKinds::Read { .. }, false) => "objects under bucket keys".to_owned(),
            (ObjectKinds::Written { since }, true) => format!(
                "objects written before {}, with data keys of their own",
                Span::from_ns(*since)
            ),
            (ObjectKinds::Written { since }, false) => format!(
                "objects written from {} on, under bucket keys",
                Span::from_ns(*since)
            ),
        };
        let words: Vec<String> = self.own_data_key.iter().map(words).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// Its share of the requests, where that does not depend on the time or on what the run writes.
    pub(super) fn share(&self) -> Option<f64> {
        match self.own_data_key.as_slice() {
            [
                (
                    ObjectKinds::Read {
                        since: 0,
                        older_objects,
                    },
                    own,
                ),
            ] if older_objects.is_some() => {
                let older = older_objects.constant()?;
                Some(if *own { older } else { 1.0 - older })
            }
            _ => None,
        }
    }
}
