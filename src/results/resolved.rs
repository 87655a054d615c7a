//! The resolved scenario: of many things of a kind each says only what it does not share with the first.
//!
//! A table of more than [`MANY`] things, all of them tables themselves, holds its first thing whole; each of the others
//! has `like = FIRST` and the keys that differ. A table that is the same as in the first variant is left out, and `same_as`
//! says of which variant it is. It is kept as it is written to `results.json`, for thousands of things would take tens of
//! megabytes; whoever asks for a variant gets it whole.

use indexmap::IndexSet;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt;

/// So many things of a kind are kept as they are.
const MANY: usize = 20;

/// The key of a thing that names the one that it is like.
const LIKE: &str = "like";

/// The key of a variant that says of which one its missing tables are.
const SAME_AS: &str = "same_as";

/// The key of all variants.
const VARIANT: &str = "variant";

/// A scenario after `--set`, every default filled in, by variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResolvedScenario(Value);

impl From<Value> for ResolvedScenario {
    /// As it is written, whether shortened or not.
    fn from(written: Value) -> ResolvedScenario {
        ResolvedScenario(written)
    }
}

impl ResolvedScenario {
    /// What holds for all variants, without any variant yet.
    pub fn new(mut settings: Map<String, Value>) -> ResolvedScenario {
        settings.insert(VARIANT.to_owned(), Value::Object(Map::new()));
        ResolvedScenario(Value::Object(settings))
    }

    /// Adds a variant as it is resolved; null where it is not JSON.
    pub fn add(&mut self, name: &str, whole: &impl Serialize) {
        let mut short = short(whole).unwrap_or(Value::Null);
        let Some(variants) = self.0.get_mut(VARIANT).and_then(Value::as_object_mut) else {
            return;
        };
        if let (Some((first, tables)), Some(own)) = (variants.iter().next(), short.as_object_mut())
        {
            leave_out_same(own, first, tables);
        }
        shrink(&mut short);
        variants.insert(name.to_owned(), short);
    }

    /// What holds for all variants, by key; null where it is not there.
    pub fn setting(&self, key: &str) -> &Value {
        &self.0[key]
    }

    /// Names of a variant's tables, in order.
    pub fn kinds(&self, variant: &str) -> Vec<&str> {
        let short = &self.0[VARIANT][variant];
        let same = self.same_tables(short);
        // In the order of a variant that has all of them.
        let first = same.values().next().into_iter().copied().flatten();
        let own = || short.as_object().into_iter().flatten();
        let mut kinds: IndexSet<&str> = IndexSet::new();
        for (kind, _) in first.chain(own()) {
            if same.contains_key(kind.as_str()) || short.get(kind).is_some() {
                kinds.insert(kind);
            }
        }
        let unnamed = |kind: &&str| same.is_empty() || *kind != SAME_AS;
        kinds.into_iter().filter(unnamed).collect()
    }

    /// One table of a variant, whole; null where it is not there.
    pub fn table(&self, variant: &str, kind: &str) -> Value {
        let short = &self.0[VARIANT][variant];
        let same = self.same_tables(short);
        let elsewhere = same.get(kind).and_then(|tables| tables.get(kind));
        whole_table(elsewhere.unwrap_or(&short[kind]))
    }

    /// A variant, whole; null where it is not there.
    pub fn variant(&self, name: &str) -> Value {
        let short = &self.0[VARIANT][name];
        if !short.is_object() {
            return short.clone();
        }
        let kinds = self.kinds(name).into_iter();
        let tables = kinds.map(|kind| (kind.to_owned(), self.table(name, kind)));
        Value::Object(tables.collect())
    }

    /// As it is written.
    pub fn written(&self) -> &Value {
        &self.0
    }

    /// The variants that have the tables which a variant shares, by kind; none where one of them is not there, as may be
    /// in a file from anywhere.
    fn same_tables<'s>(&'s self, short: &'s Value) -> HashMap<&'s str, &'s Map<String, Value>> {
        let same = short.get(SAME_AS).and_then(Value::as_object);
        let found = same.into_iter().flatten().map(|(kind, variant)| {
            let tables = self.0[VARIANT].get(variant.as_str()?)?.as_object()?;
            tables.get(kind).map(|_| (kind.as_str(), tables))
        });
        found.collect::<Option<_>>().unwrap_or_default()
    }
}

/// A variant whose long tables are shortened. As text it takes a fraction of its room, and is read thing by thing.
fn short(whole: &impl Serialize) -> Result<Value, serde_json::Error> {
    let text = serde_json::to_vec(whole)?;
    ShorterVisitor::Variant.deserialize(&mut serde_json::Deserializer::from_slice(&text))
}

/// Leaves out the long tables that are the same in the first variant.
fn leave_out_same(own: &mut Map<String, Value>, first: &str, tables: &Value) {
    let is_long = |table: &Value| table.as_object().is_some_and(|things| things.len() > MANY);
    let is_same = |(kind, table): &(&String, &Value)| {
        is_long(table) && of_things(table) && tables.get(kind.as_str()) == Some(*table)
    };
    let same = own.iter().filter(is_same);
    let same: Map<String, Value> = same.map(|(kind, _)| (kind.clone(), first.into())).collect();
    for kind in same.keys() {
        own.shift_remove(kind);
    }
    if !same.is_empty() {
        own.insert(SAME_AS.to_owned(), Value::Object(same));
    }
}

/// Whether all that a table holds are tables.
fn of_things(table: &Value) -> bool {
    let mut things = table.as_object().into_iter().flat_map(Map::values);
    things.all(Value::is_object)
}

/// Whether it can be told from others of its kind by the keys that differ.
fn is_comparable(thing: &Value) -> bool {
    thing
        .as_object()
        .is_some_and(|thing| !thing.contains_key(LIKE))
}

/// A thing without what it shares with the first; one that lacks a key of the first is not the first with changes.
fn unlike_the_first(like: &str, first: &Value, thing: Value) -> Value {
    let (Some(first), Some(own)) = (first.as_object(), thing.as_object()) else {
        return thing;
    };
    if !first.keys().all(|key| own.contains_key(key)) {
        return thing;
    }
    let differing = own
        .iter()
        .filter(|(key, value)| first.get(*key) != Some(value));
    let like = std::iter::once((LIKE.to_owned(), like.into()));
    let all = like.chain(differing.map(|(key, value)| (key.clone(), value.clone())));
    Value::Object(all.collect())
}

/// A table as it is resolved.
fn whole_table(table: &Value) -> Value {
    let mut whole = table.clone();
    if let (Some(things), Some(short)) = (whole.as_object_mut(), table.as_object()) {
        fill(things, short);
    }
    whole
}

/// Gives each of the things what it shares with the one that it is like, of those in `short`.
fn fill(things: &mut Map<String, Value>, short: &Map<String, Value>) {
    for thing in things.values_mut() {
        let like = thing.get(LIKE).and_then(Value::as_str);
        let first = like.and_then(|like| short.get(like)?.as_object());
        let Some(first) = first.filter(|first| !first.contains_key(LIKE)) else {
            continue;
        };
        let mut filled = first.clone();
        for (key, value) in thing.as_object().into_iter().flatten() {
            if key != LIKE {
                filled.insert(key.clone(), value.clone());
            }
        }
        *thing = Value::Object(filled);
    }
}

/// Leaves no room to spare: maps double theirs as they grow, and tens of thousands of them stay until the end.
fn shrink(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let all = std::mem::take(map);
            *map = Map::with_capacity(all.len());
            map.extend(all.into_iter().map(|(key, mut value)| {
                shrink(&mut value);
                (key, value)
            }));
        }
        Value::Array(all) => all.iter_mut().for_each(shrink),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reads a variant, and shortens its long tables while they are read.
#[derive(Clone, Copy)]
enum ShorterVisitor {
    Variant,
    Table,
}

impl<'de> DeserializeSeed<'de> for ShorterVisitor {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ShorterVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what is set in a scenario")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = from.next_element()? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        match self {
            ShorterVisitor::Variant => {
                while let Some(kind) = from.next_key()? {
                    all.insert(kind, from.next_value_seed(ShorterVisitor::Table)?);
                }
            }
            ShorterVisitor::Table => {
                let mut comparable = true;
                while let Some((name, thing)) = from.next_entry::<String, Value>()? {
                    if comparable && !is_comparable(&thing) {
                        // As it is, all of it.
                        comparable = false;
                        let short = all.clone();
                        fill(&mut all, &short);
                    }
                    all.insert(name, thing);
                    if comparable && all.len() > MANY {
                        shorten_end(&mut all);
                    }
                }
            }
        }
        Ok(Value::Object(all))
    }
}

/// Shortens the last of many things, or all of them where these have just become many.
fn shorten_end(things: &mut Map<String, Value>) {
    let just_became = things.len() == MANY + 1;
    let mut all = things.iter_mut();
    let Some((like, first)) = all.next() else {
        return;
    };
    let shorten = |(_, thing): (&String, &mut Value)| {
        *thing = unlike_the_first(like, first, thing.take());
    };
    if just_became {
        all.for_each(shorten);
    } else {
        all.next_back().into_iter().for_each(shorten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variant(buckets: usize, on: bool) -> Value {
        let all = (0..buckets).map(|i| {
            let key = if i % 3 == 0 { "a" } else { "b" };
            (
                format!("b{i}"),
                json!({"region": "eu-west-3", "key": key, "bucket_key": on}),
            )
        });
        json!({"start": null, "bucket": Map::from_iter(all), "key": {"a": {}, "b": {}}})
    }

    fn resolved(variants: &[(&str, Value)]) -> ResolvedScenario {
        let mut resolved = ResolvedScenario::new(Map::from_iter([("seed".to_owned(), 1.into())]));
        for (name, whole) in variants {
            resolved.add(name, whole);
            // The order of its keys too.
            assert_eq!(resolved.variant(name).to_string(), whole.to_string());
            for (kind, table) in whole.as_object().into_iter().flatten() {
                assert_eq!(resolved.table(name, kind), *table, "{kind}");
            }
        }
        let text = serde_json::to_string(&resolved).expect("a text");
        let back: ResolvedScenario = serde_json::from_str(&text).expect("the same");
        assert_eq!(back, resolved);
        resolved
    }

    #[test]
    fn few_things_are_kept_as_they_are() {
        let whole = variant(20, true);
        let resolved = resolved(&[("as-is", whole.clone()), ("again", whole.clone())]);
        let all = json!({"seed": 1, "variant": {"as-is": whole, "again": whole}});
        assert_eq!(*resolved.written(), all);
        assert_eq!(*resolved.setting("seed"), json!(1));
        assert_eq!(resolved.variant("none"), Value::Null);
        assert_eq!(resolved.table("as-is", "none"), Value::Null);
    }

    #[test]
    fn of_many_things_each_says_what_it_does_not_share() {
        let variants = [("as-is", false), ("keys", true), ("again", false)];
        let resolved = resolved(&variants.map(|(name, on)| (name, variant(30, on))));
        let short = resolved.written();
        let keys = &short["variant"]["keys"]["bucket"];
        assert_eq!(keys["b0"]["bucket_key"], json!(true));
        assert_eq!(keys["b1"], json!({"like": "b0", "key": "b"}));
        assert_eq!(keys["b3"], json!({"like": "b0"}));
        assert_eq!(keys["b29"], json!({"like": "b0", "key": "b"}));
        let again = &short["variant"]["again"];
        assert_eq!(again["same_as"], json!({"bucket": "as-is"}));
        assert!(again.get("bucket").is_none());
    }

    #[test]
    fn a_thing_without_a_key_of_the_first_and_things_called_like_come_back() {
        let mut whole = variant(30, true);
        let buckets = whole["bucket"].as_object_mut().expect("buckets");
        buckets.insert("short".to_owned(), json!({"region": "x"}));
        buckets.insert(
            "like".to_owned(),
            json!({"region": "y", "key": "a", "bucket_key": false}),
        );
        buckets.insert(
            "same_as".to_owned(),
            json!({"region": "y", "key": "a", "bucket_key": null}),
        );
        resolved(&[("a", whole.clone()), ("b", whole)]);
    }

    #[test]
    fn a_table_that_is_not_of_things_is_kept_as_it_is() {
        for (odd, last) in [(json!(1.5), true), (json!({"like": "nobody"}), false)] {
            let mut whole = variant(30, true);
            let buckets = whole["bucket"].as_object_mut().expect("buckets");
            let at = if last { buckets.len() } else { 3 };
            buckets.shift_insert(at, "odd".to_owned(), odd);
            let resolved = resolved(&[("a", whole.clone()), ("b", json!([1, -2, null, "x"]))]);
            let kept = resolved.written()["variant"]["a"].to_string();
            assert_eq!(kept, whole.to_string());
        }
    }

    #[test]
    fn what_is_doctored_stays_as_it_is() {
        for variant in [
            json!({"bucket": {"x": {"like": "y"}}}),
            json!({"bucket": {"x": {"like": "x"}}}),
            json!({"same_as": {"bucket": "b"}}),
            json!({"same_as": {"bucket": 3}, "bucket": {"x": {"like": "x"}}}),
            json!([1]),
        ] {
            let doctored = ResolvedScenario::from(json!({"variant": {"a": variant}}));
            assert_eq!(doctored.variant("a"), variant);
        }
        let itself = json!({"same_as": {"bucket": "a"}, "bucket": {}});
        let itself = ResolvedScenario::from(json!({"variant": {"a": itself}}));
        assert_eq!(itself.variant("a"), json!({"bucket": {}}));
        let list = ResolvedScenario::from(json!({"variant": [1]}));
        assert_eq!(list.variant("a"), Value::Null);
    }
}
