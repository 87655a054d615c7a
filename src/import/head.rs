//! The beginning of a file, by which its format is recognised.

use super::json;

/// Bytes that are looked at.
pub const LENGTH: usize = 16 << 10;

/// The beginning of a file.
#[derive(Debug, Default)]
pub struct Head {
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// Keys of the first JSON object, as far as the beginning reaches.
    pub keys: Vec<String>,
    /// Keys of the first object in the first array of that object.
    pub inner: Vec<String>,
    /// Whether a manifest among the given files names this file as a part of an inventory.
    pub is_listed: bool,
}

impl Head {
    /// Of a file that begins so.
    pub fn of(bytes: &[u8]) -> Head {
        let bytes = &bytes[..bytes.len().min(LENGTH)];
        let mut head = Head {
            bytes: bytes.to_vec(),
            ..Head::default()
        };
        let mut begin = 0;
        // An array of objects is known by its first.
        while let Some(byte) = bytes.get(begin)
            && (byte.is_ascii_whitespace() || *byte == b'[')
        {
            begin += 1;
        }
        if bytes.get(begin) == Some(&b'{') {
            let mut first = None;
            head.keys = keys(bytes, begin, &mut first);
            if let Some(inner) = first {
                head.inner = keys(bytes, inner, &mut None);
            }
        }
        head
    }

    /// Whether the first object has all these keys.
    pub fn has_all(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.keys.iter().any(|k| k == key))
    }

    /// Whether the first object has any of these keys.
    pub fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.keys.iter().any(|k| k == key))
    }

    /// Whether it is JSON.
    pub fn is_json(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Its first line, without its end.
    pub fn first_line(&self) -> &[u8] {
        let end = memchr::memchr(b'\n', &self.bytes).unwrap_or(self.bytes.len());
        let line = &self.bytes[..end];
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

/// Keys of the object at `at` up to where the text ends; `first` becomes the place of the first object in an array.
fn keys(bytes: &[u8], at: usize, first: &mut Option<usize>) -> Vec<String> {
    let mut all = Vec::new();
    let mut i = at + 1;
    loop {
        let Ok(quote) = json::space_end(bytes, i) else {
            return all;
        };
        if bytes[quote] != b'"' {
            return all;
        }
        let Ok(end) = json::text_end(bytes, quote) else {
            return all;
        };
        let Some(name) = json::text(&bytes[quote..end]) else {
            return all;
        };
        all.push(name.into_owned());
        let value = json::space_end(bytes, end)
            .ok()
            .filter(|&i| bytes[i] == b':')
            .and_then(|i| json::space_end(bytes, i + 1).ok());
        let Some(value) = value else {
            return all;
        };
        if bytes[value] == b'['
            && first.is_none()
            && let Ok(inner) = json::space_end(bytes, value + 1)
            && bytes[inner] == b'{'
        {
            *first = Some(inner);
        }
        let next = json::value_end(bytes, value)
            .and_then(|end| json::space_end(bytes, end))
            .ok()
            .filter(|&i| bytes[i] == b',');
        match next {
            Some(comma) => i = comma + 1,
            None => return all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_keys_are_seen_in_a_file_that_is_cut() {
        let head = Head::of(br#" [ {"Records" : [ {"eventSource":"a","x":{"y":1},"lo"#);
        assert_eq!(head.keys, ["Records"]);
        assert_eq!(head.inner, ["eventSource", "x"]);
        assert!(!Head::of(b"a,b\n1,2\n").is_json());
    }
}
