//! Quotas that KMS steps draw on: as declared, or with the catalog's limit.

use super::super::quota::{LimiterSettings, QuotaSettings};
use super::builder::PlanBuilder;
use crate::catalog::{self};
use crate::engine::limiter::{Shape, Step};
use crate::input::diagnostic::{Code, Place};
use crate::model::Quota;
use crate::model::retry::Service;
use crate::units::{Rate, Span};

impl PlanBuilder<'_> {
    /// The pool called `name`: as declared, or with the catalog's limit.
    pub(super) fn pool(
        &mut self,
        place: &Place,
        name: String,
        row: &'static catalog::QuotaRow,
        region: &str,
    ) -> usize {
        if let Some(i) = self.quotas.get_index_of(&name) {
            return i;
        }
        let declared = self.scenario.quota.values().find(|q| pool_name(q) == name);
        if let Some(settings) = declared {
            return self.declared_quota(settings);
        }
        let Some(limit) = row.default_limit(region) else {
            self.fault(
                place,
                Code::NoDefault,
                format!("the default of quota `{}` in {region} is not known", row.id),
                format!("write `[quota.NAME]` with `region = \"{region}\"`, `code = \"{}\"` and a `limit`", row.id),
            );
            return 0;
        };
        if let Some(why) = limit.assumed {
            self.warn(
                place,
                format!("quota `{name}` is an assumption of the catalog: {why}"),
            );
        }
        let step = Step {
            from_s: 0,
            num: limit.num,
            den: limit.den,
        };
        self.quotas
            .insert_full(
                name.clone(),
                Quota {
                    name,
                    service: Service::Kms,
                    shape: Shape::FixedWindow,
                    steps: vec![step],
                },
            )
            .0
    }

    pub(super) fn declared_quota(&mut self, s: &QuotaSettings) -> usize {
        let name = pool_name(s);
        let step = |from: Span, rate: Rate| Step {
            // A change inside a second takes effect with the next.
            from_s: from.as_ns().div_ceil(crate::engine::SECOND),
            num: rate.num(),
            den: rate.den(),
        };
        let mut steps = vec![step(Span::ZERO, s.limit)];
        for change in &s.changes {
            let next = step(change.at, change.limit);
            if steps.last().is_some_and(|last| last.from_s == next.from_s) {
                steps.pop();
            }
            steps.push(next);
        }
        let shape = match s.limiter {
            LimiterSettings::FixedWindow {} => Shape::FixedWindow,
            LimiterSettings::SlidingWindow {} => Shape::SlidingWindow,
            LimiterSettings::TokenBucket { burst } => Shape::TokenBucket { burst },
        };
        self.quotas
            .insert_full(
                name.clone(),
                Quota {
                    name,
                    service: Service::Kms,
                    shape,
                    steps,
                },
            )
            .0
    }
}

fn pool_name(q: &QuotaSettings) -> String {
    match &q.store {
        Some(store) => format!("{}/{}/{}/{store}", q.account, q.region, q.code),
        None => format!("{}/{}/{}", q.account, q.region, q.code),
    }
}
