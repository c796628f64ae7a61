//! [`Json`] written as JSON again: keys in their order, one that stands twice as often as it stands. A whole number is written without a point, so that
//! what was 1 stays 1; what JSON has no number for is null.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::json::Json;

/// Up to here doubles hold every whole number: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Json {
    /// The value as text in one line.
    #[must_use]
    pub fn compact(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The value as text for people: a key a line.
    #[must_use]
    pub fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Number(number) => serialize_number(*number, serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked: whole and within 2^53")]
fn serialize_number<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 && number.abs() <= EXACT {
        serializer.serialize_i64(number as i64)
    } else {
        serializer.serialize_f64(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written() {
        for text in [r#"{"b":[1,-2,0.5,1e+300,"ü\n"],"a":null,"b":true}"#, "9007199254740992", "-1", "[]", "{}"] {
            assert_eq!(Json::read(text).unwrap().compact(), text);
        }
        assert_eq!(Json::Number(f64::NAN).compact(), "null");
        assert_eq!(Json::read("1.0").unwrap().compact(), "1");
    }
}
