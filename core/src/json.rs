//! [`Json`]: a JSON value that keeps what checking needs and `serde_json::Value` loses: the order of keys, and keys that stand twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number, as a double.
    Number(f64),
    /// A text.
    String(String),
    /// An array.
    Array(Vec<Self>),
    /// An object: keys in their order, one that stands twice as often as it stands.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// Reads one value. Nesting is limited to 128 by the parser.
    ///
    /// # Errors
    /// The text is not JSON; the error says line and column.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// What it holds, if it is of that kind.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// What it holds, if it is of that kind.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The whole number that it holds, if it is one from 0 to `most`, itself at most 2^53.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "checked: whole, not negative, at most 2^53"
    )]
    pub fn as_whole(&self, most: u64) -> Option<u64> {
        self.as_number().filter(|n| n.fract() == 0.0 && (0.0..=most as f64).contains(n)).map(|n| n as u64)
    }

    /// What it holds, if it is of that kind.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// What stands under a key, if it is an object; of a key that stands twice the last.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().rev().find(|(name, _)| name == key).map(|(_, json)| json),
            _ => None,
        }
    }
}

/// How much of a string a fault quotes.
const QUOTED: usize = 60;

/// For people: scalars as written (long strings cut), containers by their kind and size.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) if text.chars().count() > QUOTED => {
                write!(f, "{:?}…", text.chars().take(QUOTED).collect::<String>())
            }
            Self::String(text) => write!(f, "{text:?}"),
            Self::Array(items) => write!(f, "an array of {}", items.len()),
            Self::Object(fields) => write!(f, "an object of {}", fields.len()),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    // Whole numbers beyond 2^53 lose digits, as in every engine that holds numbers as doubles.
    #[expect(
        clippy::cast_precision_loss,
        reason = "JSON numbers are doubles here, as in JavaScript and in Istio's Struct"
    )]
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "JSON numbers are doubles here, as in JavaScript and in Istio's Struct"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Object(fields))
    }
}
