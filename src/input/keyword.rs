//! Words of the language that stand for one of several values: `managed_by = "aws-owned"`.

/// A value that is written as a word, one of a few.
///
/// The macro `keywords` declares such a type with its words; the reader reads them
/// ([`Reader::keyword`](super::reader::Reader::keyword)), serde writes them.
pub trait Keyword: Copy + PartialEq + 'static {
    /// Every value, in the order in which messages list their words.
    const ALL: &'static [Self];

    /// The word.
    fn name(self) -> &'static str;

    /// The value that a word stands for.
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.name() == name)
    }

    /// The words, in the order in which messages list them.
    fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|value| value.name())
    }
}

/// Declares an enum whose values are words: each word is spelled here and nowhere else.
macro_rules! keywords {
    (
        $(#[$of_type:meta])*
        $vis:vis enum $type:ident {
            $($(#[$of_value:meta])* $value:ident = $name:literal),+ $(,)?
        }
    ) => {
        $(#[$of_type])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $type {
            $($(#[$of_value])* $value),+
        }

        impl $crate::input::keyword::Keyword for $type {
            const ALL: &'static [$type] = &[$($type::$value),+];

            fn name(self) -> &'static str {
                match self {
                    $($type::$value => $name),+
                }
            }
        }

        impl ::serde::Serialize for $type {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::input::keyword::Keyword::name(*self))
            }
        }
    };
}
pub(crate) use keywords;

#[cfg(test)]
mod tests {
    use super::*;

    keywords! {
        /// A word.
        enum Size {
            /// Little.
            Small = "small",
            /// Much.
            VeryLarge = "very-large",
        }
    }

    #[test]
    fn a_word_is_read_and_written_alike() {
        for size in [Size::Small, Size::VeryLarge] {
            assert_eq!(Size::from_name(size.name()), Some(size));
            assert_eq!(serde_json::json!(size), size.name());
        }
        assert_eq!(Size::names().collect::<Vec<_>>(), ["small", "very-large"]);
        assert_eq!(Size::from_name("VeryLarge"), None);
    }
}
