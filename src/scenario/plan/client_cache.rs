//! Client-side caches: what of a workload's needs they can meet, and whose they are.

use super::super::workload::{ReadBy, WorkloadSettings};
use super::builder::PlanBuilder;
use crate::catalog::KmsOperation;
use crate::input::diagnostic::Code;
use crate::model::source::{
    CacheScope, CacheTable, ClientCache, EncryptedMessages, ScopeSettings, Sharing, Source,
};
use indexmap::IndexSet;

impl<'a> PlanBuilder<'a> {
    /// What can meet a need of an application.
    pub(super) fn client_side(
        &self,
        w: usize,
        s: &WorkloadSettings,
        operation: KmsOperation,
    ) -> Source {
        let encrypted = s.encrypted_by.map(|e| EncryptedMessages {
            producers: u64::from(e.producers),
            messages_per_data_key: u64::from(e.messages_per_data_key),
        });
        let caches = &s.client_caches;
        let asked = caches.asked(self.workload_name(w), operation, encrypted);
        let asked = asked.unwrap_or_else(|refusal| {
            self.fault(&s.place, refusal.code, refusal.message, refusal.help);
            None
        });
        asked.map_or(Source::Call, Source::Cache)
    }

    /// The client-side caches that a workload's messages look up.
    pub(super) fn client_cache(&self, w: usize) -> Option<ClientCache> {
        let caches = |w: usize| {
            let (_, s) = self.scenario.workload.get_index(w)?;
            Some(&s.client_caches)
        };
        let own = caches(w)?;
        let (table, _) = own.sharing()?;
        let of = |s: &'a WorkloadSettings| {
            let (other, sharing) = s.client_caches.sharing()?;
            (other.key == table.key).then_some(sharing)
        };
        let (owner, scope, partition) = self.sharing(w, table, &of)?;
        let uses = own.uses(partition, caches(owner)?)?;
        let is_fleet = self.is_fleet(w);
        Some(ClientCache {
            owner,
            scope,
            uses,
            is_fleet,
        })
    }

    /// Whether messages of one data key go to any of a workload's clients.
    fn is_fleet(&self, w: usize) -> bool {
        let workload = self.scenario.workload.get_index(w);
        let encrypted = workload.and_then(|(_, s)| s.encrypted_by);
        encrypted.is_some_and(|e| match e.read_by {
            ReadBy::Fleet => true,
            ReadBy::Client => false,
        })
    }

    /// Whose cache it is, its own or another workload's, who shares it, and the partition's number.
    fn sharing(
        &self,
        w: usize,
        table: &CacheTable,
        of: &impl Fn(&'a WorkloadSettings) -> Option<&'a Sharing>,
    ) -> Option<(usize, CacheScope, u32)> {
        let (name, s) = self.scenario.workload.get_index(w)?;
        let own = of(s)?;
        let (owner, scope) = match &own.shared_with {
            None => (w, own.scope?),
            Some(owner) => self.shared(w, table, owner, of)?,
        };
        // The partitions of one cache by name, in the order of the file, then those that nobody
        // shares.
        let owner_name = self.workload_name(owner);
        let mut partitions: IndexSet<&str> = IndexSet::new();
        let mut sharers = 0;
        for (other, settings) in &self.scenario.workload {
            if let Some(c) = of(settings)
                && c.shared_with.as_ref().unwrap_or(other) == owner_name
            {
                sharers += 1;
                partitions.extend(c.partition.as_deref());
            }
        }
        if own.partition.is_some() && sharers < 2 {
            self.fault(
                &s.place,
                Code::Contradiction,
                format!(
                    "`workload.{name}.{}.partition` has no effect: no other workload shares its cache",
                    table.key
                ),
                "drop it, or let another workload share the cache with `shared_with`",
            );
        }
        let partition = match &own.partition {
            Some(p) => partitions.get_index_of(p.as_str())?,
            None => partitions.len() + w,
        };
        Some((owner, scope.scope(), partition as u32))
    }

    /// The workload `owner`, whose cache `w` shares, and its scope.
    fn shared(
        &self,
        w: usize,
        table: &CacheTable,
        owner: &str,
        of: &impl Fn(&'a WorkloadSettings) -> Option<&'a Sharing>,
    ) -> Option<(usize, ScopeSettings)> {
        let (name, s) = self.scenario.workload.get_index(w)?;
        let key = format!("`workload.{name}.{}.shared_with`", table.key);
        let Some((index, _, other)) = self.scenario.workload.get_full(owner) else {
            self.fault(
                &s.place,
                Code::UnknownName,
                format!("{key} names `{owner}`, which is switched off here"),
                "switch it on, or drop the reference",
            );
            return None;
        };
        let Some(scope) = of(other).and_then(|c| c.scope) else {
            self.fault(
                &s.place,
                Code::Contradiction,
                format!(
                    "{key} names `{owner}`, which has no {} of its own",
                    table.name
                ),
                format!("name a workload whose `{}` shares no other's", table.key),
            );
            return None;
        };
        if other.clients != s.clients {
            self.fault(
                &s.place,
                Code::Contradiction,
                format!(
                    "`workload.{name}` has {} clients and shares the caches of `workload.{owner}`, which has {}",
                    s.clients, other.clients
                ),
                "give both the same `clients`: client by client they are the same processes",
            );
        }
        if let ScopeSettings::Invocation { .. } = scope {
            self.fault(
                &s.place,
                Code::Contradiction,
                format!("{key} names `{owner}`, whose caches live for an invocation"),
                "another workload's messages come in invocations of their own: drop `shared_with`",
            );
        }
        Some((index, scope))
    }
}
