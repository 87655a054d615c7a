//! The resolved scenario as it is written: of many things of a kind each says only what it does not share with the first.
//!
//! In memory the scenario is whole. In `results.json` a table of more than [`MANY`] things, all of them tables themselves,
//! holds its first thing whole; each of the others has `like = FIRST` and the keys that differ. A table that is the same
//! as in the first variant is left out, and `same_as` says of which variant it is. What is read back is whole again.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// So many things of a kind are written as they are.
const MANY: usize = 20;

/// The key of a thing that names the one that it is like.
const LIKE: &str = "like";

/// The key of a variant that says of which one its missing tables are.
const SAME_AS: &str = "same_as";

pub(super) fn serialize<S: Serializer>(whole: &Value, to: S) -> Result<S::Ok, S::Error> {
    match shorter(whole) {
        Some(short) => short.serialize(to),
        None => whole.serialize(to),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
    let mut value = Value::deserialize(from)?;
    fill(&mut value);
    Ok(value)
}

/// The tables of a variant that hold many things, by name.
fn tables(variant: &Value) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    let tables = variant.as_object().into_iter().flatten();
    tables.filter_map(|(kind, table)| {
        let table = table.as_object()?;
        let is_long = table.len() > MANY;
        let of_things = table.values().all(|thing| match thing {
            // One that has these keys already is written as it is.
            Value::Object(thing) => !thing.contains_key(LIKE),
            _ => false,
        });
        (is_long && of_things).then_some((kind, table))
    })
}

/// What is written, which holds what is whole by reference: a scenario of thousands of things takes tens of megabytes.
enum Short<'v> {
    Same(&'v Value),
    Name(&'v str),
    Table(Vec<(&'v str, Short<'v>)>),
}

impl Serialize for Short<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Short::Same(value) => value.serialize(to),
            Short::Name(name) => to.serialize_str(name),
            Short::Table(all) => to.collect_map(all.iter().map(|(key, value)| (key, value))),
        }
    }
}

/// What is written; `None` where it is the same.
fn shorter(whole: &Value) -> Option<Short<'_>> {
    let variants = whole.get("variant")?.as_object()?;
    if variants.values().all(|v| tables(v).next().is_none()) {
        return None;
    }
    let (first_name, first) = variants.iter().next()?;
    let mut short = Vec::with_capacity(variants.len());
    for (name, variant) in variants {
        let Some(settings) = variant.as_object() else {
            short.push((name.as_str(), Short::Same(variant)));
            continue;
        };
        let (mut out, mut same) = (Vec::new(), Vec::new());
        let long: Vec<&String> = tables(variant).map(|(kind, _)| kind).collect();
        for (key, value) in settings {
            let is_long = long.contains(&key) && !settings.contains_key(SAME_AS);
            match value.as_object().filter(|_| is_long) {
                Some(_) if name != first_name && first.get(key) == Some(value) => {
                    same.push((key.as_str(), Short::Name(first_name)));
                }
                Some(things) => out.push((key.as_str(), unlike_the_first(things))),
                None => out.push((key.as_str(), Short::Same(value))),
            }
        }
        if !same.is_empty() {
            out.push((SAME_AS, Short::Table(same)));
        }
        short.push((name.as_str(), Short::Table(out)));
    }
    let mut short = Some(Short::Table(short));
    let all = whole.as_object()?.iter().map(|(key, value)| {
        let short = short.take_if(|_| key == "variant");
        (key.as_str(), short.unwrap_or(Short::Same(value)))
    });
    Some(Short::Table(all.collect()))
}

/// The things of a table, all but the first without what they share with it.
fn unlike_the_first(things: &Map<String, Value>) -> Short<'_> {
    let mut out = Vec::with_capacity(things.len());
    let mut first: Option<(&String, &Map<String, Value>)> = None;
    for (name, thing) in things {
        let Some(own) = thing.as_object() else {
            continue;
        };
        let short = match first {
            // One that lacks a key of the first is not the first with changes.
            Some((like, first)) if first.keys().all(|key| own.contains_key(key)) => {
                let differing = own
                    .iter()
                    .filter(|(key, value)| first.get(*key) != Some(value));
                let differing = differing.map(|(key, value)| (key.as_str(), Short::Same(value)));
                let like = std::iter::once((LIKE, Short::Name(like)));
                Short::Table(like.chain(differing).collect())
            }
            Some(_) => Short::Same(thing),
            None => {
                first = Some((name, own));
                Short::Same(thing)
            }
        };
        out.push((name.as_str(), short));
    }
    Short::Table(out)
}

/// Makes what was read whole.
fn fill(value: &mut Value) {
    let Some(variants) = value.get_mut("variant").and_then(Value::as_object_mut) else {
        return;
    };
    for variant in variants.values_mut() {
        for table in variant
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut)
        {
            if let Some(things) = table.as_object_mut() {
                fill_table(things);
            }
        }
    }
    let done = variants.clone();
    for settings in variants.values_mut().filter_map(Value::as_object_mut) {
        let Some(Value::Object(same)) = settings.get(SAME_AS).cloned() else {
            continue;
        };
        let of = |kind: &String, variant: &Value| {
            let found = done.get(variant.as_str()?)?.get(kind)?;
            Some((kind.clone(), found.clone()))
        };
        let found: Option<Vec<(String, Value)>> = same.iter().map(|(k, v)| of(k, v)).collect();
        if let Some(found) = found {
            settings.shift_remove(SAME_AS);
            settings.extend(found);
        }
    }
}

fn fill_table(things: &mut Map<String, Value>) {
    let whole: Map<String, Value> = things
        .iter()
        .filter(|(_, thing)| thing.get(LIKE).is_none())
        .map(|(name, thing)| (name.clone(), thing.clone()))
        .collect();
    for thing in things.values_mut() {
        let like = thing.get(LIKE).and_then(Value::as_str);
        let Some(first) = like.and_then(|like| whole.get(like)?.as_object()) else {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scenario(buckets: usize) -> Value {
        let of = |on: bool| -> Value {
            let all = (0..buckets).map(|i| {
                let key = if i % 3 == 0 { "a" } else { "b" };
                (
                    format!("b{i}"),
                    json!({"region": "eu-west-3", "key": key, "bucket_key": on}),
                )
            });
            json!({"start": null, "bucket": Map::from_iter(all), "key": {"a": {}, "b": {}}})
        };
        json!({"seed": 1, "variant": {"as-is": of(false), "keys": of(true), "again": of(false)}})
    }

    /// What is written of a scenario that is shortened.
    fn written(whole: &Value) -> Value {
        let short = shorter(whole).expect("shorter");
        serde_json::to_value(short).expect("a value")
    }

    #[test]
    fn few_things_are_written_as_they_are() {
        assert!(shorter(&scenario(20)).is_none());
        assert!(shorter(&json!({"base": 1})).is_none());
    }

    #[test]
    fn of_many_things_each_says_what_it_does_not_share() {
        let whole = scenario(30);
        let short = written(&whole);
        let keys = &short["variant"]["keys"]["bucket"];
        assert_eq!(keys["b0"]["bucket_key"], json!(true));
        assert_eq!(keys["b1"], json!({"like": "b0", "key": "b"}));
        assert_eq!(keys["b3"], json!({"like": "b0"}));
        assert_eq!(
            short["variant"]["again"]["same_as"],
            json!({"bucket": "as-is"})
        );
        let mut back = short;
        fill(&mut back);
        assert_eq!(back, whole);
    }

    #[test]
    fn a_thing_without_a_key_of_the_first_and_things_called_like_read_back() {
        let mut whole = scenario(30);
        let buckets = whole["variant"]["keys"]["bucket"]
            .as_object_mut()
            .expect("buckets");
        buckets.insert("short".to_owned(), json!({"region": "x"}));
        buckets.insert(
            "like".to_owned(),
            json!({"region": "y", "key": "a", "bucket_key": false}),
        );
        buckets.insert(
            "same_as".to_owned(),
            json!({"region": "y", "key": "a", "bucket_key": null}),
        );
        let mut back = written(&whole);
        fill(&mut back);
        assert_eq!(back, whole);
    }

    #[test]
    fn what_is_doctored_stays_as_it_is() {
        for mut value in [
            json!({"variant": {"a": {"bucket": {"x": {"like": "y"}}}}}),
            json!({"variant": {"a": {"same_as": {"bucket": "b"}}}}),
            json!({"variant": {"a": {"same_as": {"bucket": 3}, "bucket": {"x": {"like": "x"}}}}}),
            json!({"variant": [1]}),
        ] {
            let before = value.clone();
            fill(&mut value);
            assert_eq!(value, before);
        }
    }
}
