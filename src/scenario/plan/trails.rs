//! The trails of every account: those that are declared, or those that the short form stands for.

use super::super::account::{Account, TrailEvents};
use super::super::trail::TrailSettings;
use super::builder::PlanBuilder;
use crate::model::{EventsLogged, Trail, Trails};

impl PlanBuilder<'_> {
    /// The trails, once all Regions are known that anything lies in.
    pub(super) fn trails(&self) -> Trails {
        let scenario = self.scenario;
        let declared = scenario.trail.iter();
        let declared = declared.map(|(name, settings)| self.declared_trail(name, settings));
        let is_short = |name: &str| scenario.trail.values().all(|t| t.account != name);
        let short = scenario.account.iter().enumerate();
        let short = short.filter(|(_, (name, _))| is_short(name));
        let short = short.map(|(index, (name, account))| short_form(index, name, account));
        Trails {
            all: declared.chain(short).collect(),
            declared: !scenario.trail.is_empty(),
        }
    }

    fn declared_trail(&self, name: &str, settings: &TrailSettings) -> Trail {
        let account = self.accounts.get_index_of(&settings.account);
        let regions = settings.regions.as_ref();
        let buckets = settings.data_buckets.as_ref();
        let bucket = |name: &String| self.scenario.bucket.get_index_of(name);
        Trail {
            name: name.to_owned(),
            // The reader has refused an account that is not declared.
            account: account.unwrap_or(0),
            regions: regions.map(|names| {
                let indices = names.iter().filter_map(|n| self.regions.get_index_of(n));
                indices.collect()
            }),
            copies: settings.copies,
            kms: logged(settings.events.filter(|_| settings.kms_events)),
            data_copies: settings.copies,
            data: logged(settings.data_events),
            data_buckets: buckets.map(|names| names.iter().filter_map(bucket).collect()),
        }
    }
}

/// The trails of an account that declares none.
fn short_form(index: usize, name: &str, account: &Account) -> Trail {
    Trail {
        name: format!("account.{name}"),
        account: index,
        regions: None,
        copies: account.trail_copies,
        kms: logged(Some(account.trail_events).filter(|_| account.trail_kms_events)),
        data_copies: account.trail_data_copies,
        data: logged(Some(TrailEvents::All)),
        data_buckets: None,
    }
}

fn logged(events: Option<TrailEvents>) -> EventsLogged {
    EventsLogged {
        reads: events.is_some_and(TrailEvents::of_reads),
        writes: events.is_some_and(TrailEvents::of_writes),
    }
}
