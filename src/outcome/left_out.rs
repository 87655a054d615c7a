//! What costs money and is in no bill of a variant.

use crate::catalog::{self, LeftOutWith};
use crate::model::{Kind, Plan};
use crate::results::CostLeftOut;

/// What costs money in any of these variants and is in none of their bills, in the order of the catalog.
pub fn costs_left_out<'a>(plans: impl Iterator<Item = &'a Plan> + Clone) -> Vec<CostLeftOut> {
    let rows = catalog::costs_left_out().iter();
    let named = rows.filter(|row| plans.clone().any(|plan| has(plan, row.with)));
    named
        .map(|row| CostLeftOut {
            id: row.id.clone(),
            what: row.what.clone(),
            items: row.items.clone(),
        })
        .collect()
}

fn has(plan: &Plan, with: LeftOutWith) -> bool {
    let asked = || plan.classes.iter().filter(|class| class.bucket.is_some());
    let directory = |class: &&crate::model::Class| {
        let bucket = class.bucket.and_then(|b| plan.buckets.get(b));
        bucket.is_some_and(|b| b.is_directory)
    };
    match with {
        LeftOutWith::Anything => true,
        LeftOutWith::Bucket => asked().next().is_some(),
        LeftOutWith::StorageClass => {
            let classes = asked().filter(|class| !directory(class));
            classes
                .filter_map(|class| class.storage_class)
                .any(|class| class != catalog::STANDARD)
        }
        LeftOutWith::DirectoryBucket => asked().any(|class| directory(&class)),
        LeftOutWith::BatchOperations => plan.workloads.iter().any(|w| {
            matches!(
                w.kind,
                Kind::Job {
                    batch_operations: true,
                    ..
                }
            )
        }),
        LeftOutWith::Inventory => asked().any(|class| class.operation == "DeliverInventoryReport"),
        LeftOutWith::Replication => asked().any(|class| class.operation.starts_with("Replicate")),
        LeftOutWith::CustomerKey => plan.keys.iter().any(|key| key.charged),
        LeftOutWith::KeyStore => plan.keys.iter().any(|key| key.in_key_store),
        LeftOutWith::OtherService => {
            let mut classes = plan.classes.iter();
            classes.any(|class| class.by_service && class.bucket.is_none())
        }
        LeftOutWith::LogGroup => !plan.log_groups.is_empty(),
        LeftOutWith::Trail => {
            let mut trails = plan.trails.all.iter();
            plan.trails.declared || trails.any(|t| t.copies > 1 || t.data_copies > 0)
        }
    }
}
