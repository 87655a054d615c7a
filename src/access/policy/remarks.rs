//! Remarks on documents as a whole and on statements that are well formed: what AWS does not store, and what it
//! stores though it says something else than it seems to.

use super::json::{one_or_more, range};
use super::kind::PolicyKind;
use super::reading::{PolicyReader, opening};
use super::statement::{Effect, Not, Statement};
use crate::access::pattern::Pattern;
use crate::access::principal::PrincipalEntry;
use crate::catalog;
use jsonc_parser::ast::{ObjectProp, Value};
use std::collections::HashMap;
use std::ops::Range;

impl PolicyReader {
    /// An Allow in a resource control policy: Organizations stores none but RCPFullAWSAccess.
    pub(super) fn allows_in_resource_control(
        &mut self,
        statement: &Statement,
        range: Range<usize>,
    ) {
        if self.kind == PolicyKind::ResourceControl
            && statement.effect == Effect::Allow
            && !statement.allows_all_to_anyone()
        {
            self.json.error(
                range,
                "a resource control policy can only deny: RCPFullAWSAccess, which is always attached, is the only one that allows",
                "write `\"Effect\": \"Deny\"` and what is not to be allowed, or drop the statement",
            );
        }
    }

    /// What Organizations does not store in a resource control policy that denies: principals other than all,
    /// `NotPrincipal`, `NotAction`, and `*` for the actions of every service (Organizations User Guide, RCP syntax).
    /// It is evaluated as it is written.
    pub(super) fn beyond_resource_control(
        &mut self,
        statement: &Statement,
        keys: &HashMap<&str, &ObjectProp<'_>>,
    ) {
        if self.kind != PolicyKind::ResourceControl || statement.effect == Effect::Allow {
            return;
        }
        let mut warn = |key: &str, what: &str, help: &str| {
            if let Some(property) = keys.get(key) {
                let message = format!("AWS does not store {what} in a resource control policy");
                self.json.warn(range(&property.value), message, help);
            }
        };
        let principals =
            "write `\"Principal\": \"*\"` and a condition, for example on `aws:PrincipalArn`";
        let all = |of: &Not<Vec<PrincipalEntry>>| {
            of.of.iter().all(|entry| *entry == PrincipalEntry::Anyone)
        };
        if !statement.principals.as_ref().is_none_or(all) {
            warn("Principal", "a `Principal` other than `*`", principals);
        }
        warn("NotPrincipal", "`NotPrincipal`", principals);
        warn(
            "NotAction",
            "`NotAction`",
            "write `Action` with the services that it is about, for example [\"s3:*\", \"kms:*\"]",
        );
        if statement.actions.of.iter().any(Pattern::is_any) {
            warn(
                "Action",
                "the action `*` of every service",
                "name the services, for example [\"s3:*\", \"kms:*\"]",
            );
        }
    }

    /// A control policy of an organization in the old version of the language, or in none, which AWS takes for the
    /// old one (Organizations User Guide, SCP syntax and RCP syntax).
    pub(super) fn lacks_version(&mut self, range: Range<usize>) {
        if matches!(
            self.kind,
            PolicyKind::ServiceControl | PolicyKind::ResourceControl
        ) {
            let message = format!(
                "AWS stores {} only with `\"Version\": \"2012-10-17\"`",
                self.kind.a()
            );
            self.json.warn(
                opening(&range),
                message,
                "write `\"Version\": \"2012-10-17\"`",
            );
        }
    }

    /// Aliases alone as resources of actions on keys: the statement has no say on any key (KMS Developer Guide, use
    /// aliases to control access).
    pub(super) fn means_aliases_only(&mut self, statement: &Statement, resources: &Value<'_>) {
        let is_alias = |value: &&Value<'_>| {
            let Value::StringLit(text) = value else {
                return false;
            };
            let parts: Vec<&str> = text.value.splitn(6, ':').collect();
            matches!(parts[..], [_, _, "kms", .., resource] if resource.starts_with("alias/"))
        };
        const USES: [&str; 3] = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"];
        let uses = USES.iter().any(|action| statement.means_action(action));
        if uses && one_or_more(resources).iter().all(is_alias) {
            self.json.warn(
                range(resources),
                "an alias in `Resource` stands for the alias itself and for no key: this statement has no say on the use of a key",
                "name the ARN of the key, or write \"*\" and a condition on `kms:ResourceAliases` or `kms:RequestAlias`",
            );
        }
    }

    /// A Deny that excepts somebody but not the account, which AWS may then deny all the same.
    pub(super) fn excepts_without_account(&mut self, statement: &Statement, range: Range<usize>) {
        let (Effect::Deny, Some(principals)) = (statement.effect, &statement.principals) else {
            return;
        };
        for entry in &principals.of {
            let PrincipalEntry::Identity(arn) = entry else {
                continue;
            };
            let account = PrincipalEntry::Account(arn.account.clone());
            if !principals.of.contains(&account) {
                let message = format!(
                    "this Deny excepts `{arn}` but not its account {}: AWS may deny it all the same",
                    arn.account
                );
                let help = format!(
                    "add \"arn:{}:iam::{}:root\" to `NotPrincipal`, or deny `*` under a condition on `aws:PrincipalArn`",
                    arn.partition, arn.account
                );
                self.json.warn(range.clone(), message, &help);
            }
        }
    }

    /// Warns of a document beyond the limits that AWS documents for its kind.
    pub(super) fn size(&mut self, text: &str) {
        let size = |limit: &catalog::PolicyLimit| {
            let counts = |c: &char| !limit.without_white_space || !c.is_whitespace();
            text.chars()
                .filter(counts)
                .map(char::len_utf8)
                .sum::<usize>() as u64
        };
        let limits = catalog::policy_limits_of(self.kind.name());
        let exceeded: Vec<_> = limits.filter(|limit| size(limit) > limit.bytes).collect();
        let Some(first) = exceeded.first() else {
            return;
        };
        let each: Vec<String> = exceeded
            .iter()
            .map(|limit| format!("{} bytes for {}", limit.bytes, limit.holds_for))
            .collect();
        let message = format!(
            "this {} has {} bytes{}, more than AWS's limit of {}",
            self.kind.name(),
            size(first),
            if first.without_white_space {
                " without white space"
            } else {
                ""
            },
            each.join(" and of "),
        );
        let help = match &first.larger {
            Some(larger) => format!("split or shorten it; only {larger} may be larger"),
            None => "split or shorten it".to_owned(),
        };
        self.json.warn(0..0, message, &help);
    }
}
