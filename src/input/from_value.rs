//! Values of the document as numbers, quantities and texts, or what is wrong with them.

use super::diagnostic::{Code, Diagnostic, Diagnostics};
use super::document::{Node, Value};
use crate::units::{Bytes, Rate, Share, Span, UnitError};

/// A type that a value in the document can be turned into.
pub trait FromValue: Sized {
    /// What must be written, with its article: "an integer".
    fn expected() -> String;

    /// An example of it, in TOML.
    fn example() -> String;

    /// The value as this type, or `None` after recording why not; `path` is its full key.
    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Self>;
}

/// Records that a value is of another type than `T`.
pub fn wrong_type<T: FromValue>(value: &Value, path: &str, faults: &Diagnostics) {
    faults.push(wrong_type_fault::<T>(value, path).help(write_example::<T>(path)));
}

fn wrong_type_fault<T: FromValue>(value: &Value, path: &str) -> Diagnostic {
    let message = format!(
        "`{path}` must be {}, but is {}",
        T::expected(),
        value.node.describe()
    );
    Diagnostic::error(Code::WrongType, message).at(value.place.clone())
}

fn write_example<T: FromValue>(path: &str) -> String {
    let key = path.rsplit('.').next().unwrap_or(path);
    if key.ends_with(['"', ']']) {
        format!("write for example {}", T::example())
    } else {
        format!("write for example `{key} = {}`", T::example())
    }
}

fn unit_fault(error: &UnitError, value: &Value, path: &str, faults: &Diagnostics) {
    let code = match error {
        UnitError::Malformed { .. } => Code::BadUnit,
        UnitError::OutOfRange { .. } => Code::OutOfRange,
    };
    faults.push(
        Diagnostic::error(code, format!("`{path}`: {error}"))
            .at(value.place.clone())
            .help(error.help()),
    );
}

/// The value of a quantity, or `None` after recording why there is none.
fn quantity<T>(
    read: Result<T, UnitError>,
    value: &Value,
    path: &str,
    faults: &Diagnostics,
) -> Option<T> {
    read.map_err(|error| unit_fault(&error, value, path, faults))
        .ok()
}

impl FromValue for String {
    fn expected() -> String {
        "a string".to_owned()
    }

    fn example() -> String {
        "\"text\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<String> {
        match &value.node {
            // Without quotes a date is a TOML value of its own kind; `start` and the like take text.
            Node::String(text) | Node::Datetime(text) => Some(text.clone()),
            _ => {
                wrong_type::<String>(value, path, faults);
                None
            }
        }
    }
}

impl FromValue for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn example() -> String {
        "true".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<bool> {
        match value.node {
            Node::Boolean(truth) => Some(truth),
            _ => {
                wrong_type::<bool>(value, path, faults);
                None
            }
        }
    }
}

impl FromValue for u64 {
    fn expected() -> String {
        "an integer".to_owned()
    }

    fn example() -> String {
        "100".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<u64> {
        integer::<u64>(value, path, faults, u64::MAX)
    }
}

impl FromValue for u32 {
    fn expected() -> String {
        u64::expected()
    }

    fn example() -> String {
        u64::example()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<u32> {
        integer::<u32>(value, path, faults, u64::from(u32::MAX))
    }
}

fn integer<T: FromValue + TryFrom<i128>>(
    value: &Value,
    path: &str,
    faults: &Diagnostics,
    largest: u64,
) -> Option<T> {
    match value.node {
        Node::Integer(number) => {
            let read = T::try_from(number).ok();
            if read.is_none() {
                let message = format!("`{path}` must be from 0 to {largest}, but is {number}");
                faults.push(
                    Diagnostic::error(Code::OutOfRange, message)
                        .at(value.place.clone())
                        .help(write_example::<T>(path)),
                );
            }
            read
        }
        Node::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            faults.push(
                wrong_type_fault::<T>(value, path).help(format!("write {number:.0} instead")),
            );
            None
        }
        _ => {
            wrong_type::<T>(value, path, faults);
            None
        }
    }
}

impl FromValue for f64 {
    fn expected() -> String {
        "a number".to_owned()
    }

    fn example() -> String {
        "1.5".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<f64> {
        match value.node {
            Node::Integer(number) => Some(number as f64),
            Node::Float(number) if number.is_finite() => Some(number),
            Node::Float(number) => {
                let message = format!("`{path}` must be a finite number, but is {number}");
                faults.push(
                    Diagnostic::error(Code::OutOfRange, message)
                        .at(value.place.clone())
                        .help(write_example::<f64>(path)),
                );
                None
            }
            _ => {
                wrong_type::<f64>(value, path, faults);
                None
            }
        }
    }
}

impl FromValue for Span {
    fn expected() -> String {
        "a length of time in quotes".to_owned()
    }

    fn example() -> String {
        "\"15m\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Span> {
        let number = match &value.node {
            Node::String(text) => {
                return quantity(text.parse(), value, path, faults)
                    .filter(|span| within_longest(*span, value, path, faults));
            }
            Node::Integer(0) => return Some(Span::ZERO),
            Node::Float(number) if *number == 0.0 => return Some(Span::ZERO),
            Node::Integer(number) => number.to_string(),
            Node::Float(number) => number.to_string(),
            _ => {
                wrong_type::<Span>(value, path, faults);
                return None;
            }
        };
        let message = format!(
            "`{path}` is {} without a unit of time",
            value.node.describe()
        );
        faults.push(
            Diagnostic::error(Code::BadUnit, message)
                .at(value.place.clone())
                .help(format!("write \"{number}s\" for seconds")),
        );
        None
    }
}

/// Whether a length of time is one that instants can be put off by; records it where not.
fn within_longest(span: Span, value: &Value, path: &str, faults: &Diagnostics) -> bool {
    let within = span <= Span::LONGEST;
    if !within {
        let longest = Span::LONGEST;
        let message = format!("`{path}` must be at most {longest}, but is {span}");
        faults.push(
            Diagnostic::error(Code::OutOfRange, message)
                .at(value.place.clone())
                .help(format!("choose a value at most {longest}")),
        );
    }
    within
}

impl FromValue for Rate {
    fn expected() -> String {
        "a rate in quotes, or a number of events per second".to_owned()
    }

    fn example() -> String {
        "\"4000/s\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Rate> {
        let read = match &value.node {
            Node::String(text) => text.parse(),
            Node::Integer(number) => Rate::from_bare_number(&number.to_string()),
            Node::Float(number) => Rate::from_per_second(*number),
            _ => {
                wrong_type::<Rate>(value, path, faults);
                return None;
            }
        };
        quantity(read, value, path, faults)
    }
}

impl FromValue for Bytes {
    fn expected() -> String {
        "a size in quotes, or an integer number of bytes".to_owned()
    }

    fn example() -> String {
        "\"256 KiB\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Bytes> {
        let read = match &value.node {
            Node::String(text) => text.parse(),
            Node::Integer(number) => number.to_string().parse(),
            _ => {
                wrong_type::<Bytes>(value, path, faults);
                return None;
            }
        };
        quantity(read, value, path, faults)
    }
}

impl FromValue for Share {
    fn expected() -> String {
        "a number from 0 to 1, or a percentage in quotes".to_owned()
    }

    fn example() -> String {
        "\"25%\"".to_owned()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Share> {
        let read = match &value.node {
            Node::String(text) => text.parse(),
            Node::Integer(number) => Share::new(*number as f64),
            Node::Float(number) => Share::new(*number),
            _ => {
                wrong_type::<Share>(value, path, faults);
                return None;
            }
        };
        quantity(read, value, path, faults)
    }
}

/// All elements are read, so that each faulty one is reported.
impl<T: FromValue> FromValue for Vec<T> {
    fn expected() -> String {
        format!("an array, each element {}", T::expected())
    }

    fn example() -> String {
        format!("[{}]", T::example())
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Vec<T>> {
        let Node::Array(elements) = &value.node else {
            wrong_type::<Vec<T>>(value, path, faults);
            return None;
        };
        let read: Vec<Option<T>> = elements
            .iter()
            .enumerate()
            .map(|(index, element)| T::from_value(element, &format!("{path}[{index}]"), faults))
            .collect();
        read.into_iter().collect()
    }
}

/// Written in place of a value, it removes a default or what the base of a variant sets.
pub const NONE: &str = "none";

/// The string "none" is `None`: how a variant takes back what the base sets.
impl<T: FromValue> FromValue for Option<T> {
    fn expected() -> String {
        format!("{}, or \"{NONE}\"", T::expected())
    }

    fn example() -> String {
        T::example()
    }

    fn from_value(value: &Value, path: &str, faults: &Diagnostics) -> Option<Option<T>> {
        match &value.node {
            Node::String(text) if text == NONE => Some(None),
            _ => T::from_value(value, path, faults).map(Some),
        }
    }
}
