//! The outer keys of JSON objects, found without reading what is nested in them.
//!
//! Values are skipped by their quotes and brackets alone (`memchr`), in a loop and not by recursion, so that two
//! hundred thousand nested arrays are a value like any other. What a caller wants of a value is scanned again, one level
//! deeper. Keys are compared as they are written; one with an escape is decoded first. Of equal keys the last counts.

use memchr::{memchr2, memchr3};
use std::borrow::Cow;

/// Why a scan stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The text ends before the value does.
    More,
    /// The byte there cannot stand there.
    Bad(usize),
}

/// The values of an object's keys that were asked for, as they are written.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a, const N: usize> {
    /// One for each name; `None`: the object has no such key.
    pub values: [Option<&'a [u8]>; N],
    /// Where the object ends: behind its closing brace, or at the bracket of the array at which the scan stopped.
    pub end: usize,
    /// The key at whose array the scan stopped.
    pub stopped: Option<usize>,
}

/// What a key is: its place in the list of names.
pub type IndexOf = fn(&[u8]) -> Option<usize>;

/// The first place from `at` on that is not white space.
pub fn space_end(b: &[u8], at: usize) -> Result<usize, Halt> {
    let mut i = at;
    while let Some(byte) = b.get(i) {
        if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            return Ok(i);
        }
        i += 1;
    }
    Err(Halt::More)
}

/// Behind the closing quote of the text whose opening quote is at `at`.
pub fn text_end(b: &[u8], at: usize) -> Result<usize, Halt> {
    let mut i = at + 1;
    loop {
        let Some(k) = b.get(i..).and_then(|rest| memchr2(b'"', b'\\', rest)) else {
            return Err(Halt::More);
        };
        if b[i + k] == b'"' {
            return Ok(i + k + 1);
        }
        i += k + 2;
    }
}

/// Behind the bracket that closes the one at `at`.
fn nested_end(b: &[u8], at: usize, open: u8, close: u8) -> Result<usize, Halt> {
    let (mut i, mut depth) = (at + 1, 1_usize);
    loop {
        let Some(k) = b.get(i..).and_then(|rest| memchr3(b'"', open, close, rest)) else {
            return Err(Halt::More);
        };
        i += k;
        if b[i] == b'"' {
            i = text_end(b, i)?;
            continue;
        }
        if b[i] == open {
            depth += 1;
        } else {
            depth -= 1;
        }
        i += 1;
        if depth == 0 {
            return Ok(i);
        }
    }
}

/// Behind the value that begins at `at`.
pub fn value_end(b: &[u8], at: usize) -> Result<usize, Halt> {
    match b.get(at) {
        None => Err(Halt::More),
        Some(b'"') => text_end(b, at),
        Some(b'{') => nested_end(b, at, b'{', b'}'),
        Some(b'[') => nested_end(b, at, b'[', b']'),
        Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
            let word = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
            let n = b[at..].iter().position(|c| !word(c));
            n.map(|n| at + n).ok_or(Halt::More)
        }
        Some(_) => Err(Halt::Bad(at)),
    }
}

/// The values of an object whose opening brace is at `at`. At an array under one of the keys in `stops` the scan ends early.
pub fn fields<'a, const N: usize>(
    b: &'a [u8],
    at: usize,
    index_of: IndexOf,
    stops: &[usize],
) -> Result<Fields<'a, N>, Halt> {
    let mut found = Fields {
        values: [None; N],
        end: at,
        stopped: None,
    };
    let mut i = space_end(b, at + 1)?;
    if b[i] == b'}' {
        found.end = i + 1;
        return Ok(found);
    }
    loop {
        if b[i] != b'"' {
            return Err(Halt::Bad(i));
        }
        let end = text_end(b, i)?;
        let key = &b[i + 1..end - 1];
        let index = match memchr::memchr(b'\\', key) {
            None => index_of(key),
            Some(_) => text(&b[i..end]).and_then(|key| index_of(key.as_bytes())),
        };
        i = space_end(b, end)?;
        if b[i] != b':' {
            return Err(Halt::Bad(i));
        }
        i = space_end(b, i + 1)?;
        if let Some(index) = index
            && b[i] == b'['
            && stops.contains(&index)
        {
            found.end = i;
            found.stopped = Some(index);
            return Ok(found);
        }
        let end = value_end(b, i)?;
        if let Some(index) = index {
            found.values[index] = Some(&b[i..end]);
        }
        i = space_end(b, end)?;
        match b[i] {
            b',' => i = space_end(b, i + 1)?,
            b'}' => {
                found.end = i + 1;
                return Ok(found);
            }
            _ => return Err(Halt::Bad(i)),
        }
    }
}

/// The values of a whole object; `None` where it is not one.
pub fn of_object<const N: usize>(value: &[u8], index_of: IndexOf) -> Option<Fields<'_, N>> {
    (value.first() == Some(&b'{'))
        .then(|| fields(value, 0, index_of, &[]).ok())
        .flatten()
}

/// The keys of a whole object as they are written, in order, with their values.
pub fn entries(object: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut all = Vec::new();
    let mut step = || -> Result<(), Halt> {
        if object.first() != Some(&b'{') {
            return Err(Halt::Bad(0));
        }
        let mut i = space_end(object, 1)?;
        while object[i] == b'"' {
            let end = text_end(object, i)?;
            let colon = space_end(object, end)?;
            let value = space_end(object, colon + 1)?;
            let value_end = value_end(object, value)?;
            all.push((&object[i..end], &object[value..value_end]));
            let next = space_end(object, value_end)?;
            if object[next] != b',' {
                break;
            }
            i = space_end(object, next + 1)?;
        }
        Ok(())
    };
    // What follows a fault is left out: the caller wants to know which keys there are.
    let _ = step();
    all
}

/// The elements of a whole array.
pub fn elements(array: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let mut step = || -> Result<(), Halt> {
        if array.first() != Some(&b'[') {
            return Err(Halt::Bad(0));
        }
        let mut i = space_end(array, 1)?;
        while array[i] != b']' {
            let end = value_end(array, i)?;
            all.push(&array[i..end]);
            i = space_end(array, end)?;
            if array[i] == b',' {
                i = space_end(array, i + 1)?;
            }
        }
        Ok(())
    };
    let _ = step();
    all
}

/// A text's characters; `None` where the value is not a text, or has escapes that stand for none.
pub fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_some() {
        return match serde_json::from_slice::<String>(value) {
            Ok(text) => Some(Cow::Owned(text)),
            Err(_) => serde_json::from_str::<String>(&String::from_utf8_lossy(value))
                .ok()
                .map(Cow::Owned),
        };
    }
    Some(String::from_utf8_lossy(inner))
}

/// Whether a value is `null`.
pub fn is_null(value: &[u8]) -> bool {
    value == b"null"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index_of(key: &[u8]) -> Option<usize> {
        match key {
            b"a" => Some(0),
            b"b" => Some(1),
            _ => None,
        }
    }

    fn found(json: &str) -> Result<[Option<String>; 2], Halt> {
        let found = fields::<2>(json.as_bytes(), 0, index_of, &[])?;
        let own = |v: &[u8]| String::from_utf8_lossy(v).into_owned();
        Ok(found.values.map(|v| v.map(own)))
    }

    #[test]
    fn only_outer_keys_count() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            found(r#"{"x":{"a":1,"b":"}"},"a":2}"#),
            Ok([some("2"), None])
        );
        assert_eq!(
            found(r#"{ "a" : "x\"}" , "b" : [ {"a":"]"} ] }"#),
            Ok([some(r#""x\"}""#), some(r#"[ {"a":"]"} ]"#)])
        );
        // An escaped key is the same key, and of two equal ones the last counts.
        assert_eq!(found(r#"{"\u0061":1,"a":3}"#), Ok([some("3"), None]));
        assert_eq!(found("{}"), Ok([None, None]));
        let deep = format!(
            "{{\"x\":{}{},\"a\":1}}",
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        assert_eq!(found(&deep), Ok([some("1"), None]));
    }

    #[test]
    fn what_is_cut_asks_for_more_and_what_is_wrong_is_told() {
        let whole = r#"{"a":"x\\","b":[1,{"c":"]"}],"d":-1.5e3}"#;
        for n in 0..whole.len() {
            assert_eq!(found(&whole[..n.max(1)]), Err(Halt::More), "{n}");
        }
        assert!(found(whole).is_ok());
        for wrong in [
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":}"#,
            r#"{"a":?}"#,
        ] {
            assert!(matches!(found(wrong), Err(Halt::Bad(_))), "{wrong}");
        }
    }

    #[test]
    fn texts_are_decoded() {
        assert_eq!(text(br#""a/b""#).as_deref(), Some("a/b"));
        assert_eq!(text(br#""a\/b\u00e9""#).as_deref(), Some("a/bé"));
        assert_eq!(text(br#""\ud800""#), None);
        assert_eq!(text(b"\"\xff\"").as_deref(), Some("\u{fffd}"));
        assert_eq!(text(b"null"), None);
    }
}
