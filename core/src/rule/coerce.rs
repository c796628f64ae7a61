//! What becomes of a [`Value`] where an operator wants another kind: JSONLogic's coercions, which are JavaScript's, and with them equality and order.

use std::cmp::Ordering;

use super::number::{Digits, leading_number, number_of};
use super::value::{Text, Value};
use crate::json::Json;

impl<'a> Value<'a> {
    /// JSONLogic's truth: false, 0, NaN, "", null and the empty array are false, everything else true (`"0"` and `{}` too).
    #[must_use]
    pub fn truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(bool) => *bool,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Json(Json::Array(items)) => !items.is_empty(),
            Self::List(made) => made.count() > 0,
            Self::Json(_) | Self::Map(_) => true,
        }
    }

    /// As JavaScript's `Number()` would have it: null is 0, a text is read as a number, what is none is NaN.
    pub(crate) fn number(&self) -> f64 {
        match self {
            Self::Null => 0.0,
            Self::Bool(bool) => f64::from(u8::from(*bool)),
            Self::Number(number) => *number,
            Self::Text(text) => number_of(text),
            Self::Json(_) | Self::List(_) | Self::Map(_) => number_of(&self.text()),
        }
    }

    /// As JavaScript's `parseFloat()` would have it: the longest beginning of the text that is a number.
    pub(crate) fn parse_float(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Null | Self::Bool(_) => f64::NAN,
            Self::Text(text) => leading_number(text),
            Self::Json(_) | Self::List(_) | Self::Map(_) => leading_number(&self.text()),
        }
    }

    /// As JavaScript's `String()` would have it.
    pub(crate) fn text(&self) -> Text<'a> {
        match self {
            Self::Null => Text::Borrowed("null"),
            Self::Bool(true) => Text::Borrowed("true"),
            Self::Bool(false) => Text::Borrowed("false"),
            Self::Number(number) => Digits::default().write(*number).into(),
            Self::Text(text) => text.clone(),
            Self::Json(Json::Object(_)) | Self::Map(_) => Text::Borrowed("[object Object]"),
            Self::Json(_) | Self::List(_) => self.joined(",").into(),
        }
    }

    /// As an item of a text that is joined: null is nothing.
    pub(crate) fn part(&self) -> Text<'a> {
        if matches!(self, Self::Null) { Text::Borrowed("") } else { self.text() }
    }

    /// The same, of a value that is no longer needed.
    pub(crate) fn into_part(self) -> Text<'a> {
        match self {
            Self::Text(text) => text,
            other => other.part(),
        }
    }

    fn joined(&self, separator: &str) -> String {
        let mut joined = String::new();
        for (i, item) in self.items().into_iter().flatten().enumerate() {
            joined.push_str(if i > 0 { separator } else { "" });
            joined.push_str(&item.part());
        }
        joined
    }

    fn is_container(&self) -> bool {
        matches!(self, Self::Json(_) | Self::List(_) | Self::Map(_))
    }

    /// `===`: same kind and same value; two containers are never the same.
    pub(crate) fn strictly_equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }

    /// `==`: null equals null alone, texts compare as texts, everything else as numbers; two containers are never equal.
    pub(crate) fn loosely_equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Null, _) | (_, Self::Null) => false,
            (a, b) if a.is_container() && b.is_container() => false,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Text(a), b) if b.is_container() => *a == b.text(),
            (a, Self::Text(b)) if a.is_container() => a.text() == *b,
            (a, b) => a.number() == b.number(),
        }
    }

    /// The order of `<` and its kin: two texts by code points, everything else as numbers; `None` when one of them is not a number.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        let textual = |value: &Self| matches!(value, Self::Text(_)) || value.is_container();
        if let (Self::Text(a), Self::Text(b)) = (self, other) {
            return Some((**a).cmp(&**b));
        }
        if textual(self) && textual(other) {
            return Some((*self.text()).cmp(&*other.text()));
        }
        self.number().partial_cmp(&other.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value<'_> {
        Value::text_of(text)
    }

    #[test]
    fn equality_is_javascripts() {
        let one = Json::read("[1]").unwrap();
        for (a, b, loose, strict) in [
            (Value::Number(1.0), text("1"), true, false),
            (Value::Null, Value::Number(0.0), false, false),
            (Value::Null, Value::Null, true, true),
            (Value::Bool(true), text("1"), true, false),
            (Value::Json(&one), Value::Number(1.0), true, false),
            (Value::Json(&one), Value::Json(&one), false, false),
            (text("a"), text("a"), true, true),
        ] {
            assert_eq!((a.loosely_equals(&b), a.strictly_equals(&b)), (loose, strict), "{a:?} {b:?}");
        }
    }

    #[test]
    fn order_is_by_code_points_or_as_numbers() {
        for (a, b, order) in [
            (text("10"), text("9"), Some(Ordering::Less)),
            (text("10"), Value::Number(9.0), Some(Ordering::Greater)),
            (Value::Null, Value::Number(1.0), Some(Ordering::Less)),
            (text("abc"), Value::Number(1.0), None),
        ] {
            assert_eq!(a.order(&b), order, "{a:?} {b:?}");
        }
    }
}
