//! [`Value`]: what a rule computes with, and JSONLogic's coercions between its kinds (those of JavaScript, which defines them). Borrows from the
//! rule and the context wherever it can; only lists and texts that a rule has made are owned. Knows no operator.

use std::cmp::Ordering;
use std::ops::Deref;
use std::rc::Rc;

use crate::json::Json;

/// A value in a rule's computation.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `null`; also what is missing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number: a double, as in JavaScript.
    Number(f64),
    /// A text.
    Text(Text<'a>),
    /// An array or object of the document or the context.
    Json(&'a Json),
    /// An array that the rule has made.
    List(Rc<Made<'a>>),
    /// An object that the rule has made, such as `reduce`'s data.
    Map(Rc<Made<'a>>),
}

/// A text that is borrowed, or was made and is shared: a copy costs nothing, however long it is.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// Of the rule or the context.
    Borrowed(&'a str),
    /// Made by the rule.
    Made(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Made(text.into())
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// An array or object that a rule has made. Items may be shared, so that little memory holds what it would take for ever to walk: how much that is, and
/// how deep, is known from the start.
#[derive(Debug)]
pub struct Made<'a> {
    /// Of an object; none for an array.
    keys: Vec<Text<'a>>,
    items: Vec<Value<'a>>,
    weight: usize,
    depth: usize,
}

impl<'a> Made<'a> {
    fn new(keys: Vec<Text<'a>>, items: Vec<Value<'a>>) -> Self {
        let weight = items.iter().fold(items.len(), |sum, item| sum.saturating_add(item.weight()));
        let depth = items.iter().map(Value::depth).max().unwrap_or(0).saturating_add(1);
        Self { keys, items, weight, depth }
    }

    fn fields(&self) -> impl Iterator<Item = (&Text<'a>, &Value<'a>)> {
        self.keys.iter().zip(&self.items)
    }
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(bool) => Self::Bool(*bool),
            Json::Number(number) => Self::Number(*number),
            Json::String(text) => Self::text_of(text),
            Json::Array(_) | Json::Object(_) => Self::Json(json),
        }
    }
}

impl<'a> Value<'a> {
    /// A borrowed text.
    #[must_use]
    pub const fn text_of(text: &'a str) -> Self {
        Self::Text(Text::Borrowed(text))
    }

    /// An array of these.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Rc::new(Made::new(Vec::new(), items)))
    }

    /// An object of these.
    #[must_use]
    pub fn map(fields: Vec<(&'a str, Self)>) -> Self {
        let (keys, items) = fields.into_iter().map(|(key, value)| (Text::Borrowed(key), value)).unzip();
        Self::Map(Rc::new(Made::new(keys, items)))
    }

    /// What walking all of it costs: its items on all levels, and pieces of 16 bytes of text.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => 0,
            Self::Text(text) => text.len() >> 4,
            Self::Json(json) => json_weight(json),
            Self::List(made) | Self::Map(made) => made.weight,
        }
    }

    /// What making it has cost: its items, and walking those that are not known already.
    pub(crate) fn own_weight(&self) -> usize {
        match self {
            Self::List(made) | Self::Map(made) => made.items.iter().fold(made.items.len(), |sum, item| match item {
                Self::Json(json) => sum.saturating_add(json_weight(json)),
                _ => sum,
            }),
            _ => 0,
        }
    }

    /// How many arrays and objects that a rule has made lie within each other.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::List(made) | Self::Map(made) => made.depth,
            _ => 0,
        }
    }

    /// JSONLogic's truth: false, 0, NaN, "", null and the empty array are false, everything else true (`"0"` and `{}` too).
    #[must_use]
    pub fn truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(bool) => *bool,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Json(Json::Array(items)) => !items.is_empty(),
            Self::List(made) => !made.items.is_empty(),
            Self::Json(_) | Self::Map(_) => true,
        }
    }

    /// How many items, if it is an array.
    pub(crate) fn len(&self) -> Option<usize> {
        match self {
            Self::Json(Json::Array(items)) => Some(items.len()),
            Self::List(made) => Some(made.items.len()),
            _ => None,
        }
    }

    /// The item at `index`, if it is an array that has it.
    pub(crate) fn item(&self, index: usize) -> Option<Self> {
        match self {
            Self::Json(Json::Array(items)) => items.get(index).map(Value::from),
            Self::List(made) => made.items.get(index).cloned(),
            _ => None,
        }
    }

    /// The items, if it is an array.
    pub(crate) fn items(&self) -> Option<impl Iterator<Item = Self> + '_> {
        let count = self.len()?;
        Some((0..count).filter_map(|index| self.item(index)))
    }

    /// What stands under a key of an object, or at an index of an array.
    pub(crate) fn child(&self, key: &str) -> Option<Self> {
        match self {
            Self::Json(json @ Json::Object(_)) => json.field(key).map(Value::from),
            Self::Map(made) => made.fields().find(|(name, _)| ***name == *key).map(|(_, value)| value.clone()),
            Self::Json(Json::Array(_)) | Self::List(_) => self.item(index(key)?),
            _ => None,
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
            Self::Number(number) => number_text(*number).into(),
            Self::Text(text) => text.clone(),
            Self::Json(Json::Object(_)) | Self::Map(_) => Text::Borrowed("[object Object]"),
            Self::Json(_) | Self::List(_) => self.joined(",").into(),
        }
    }

    /// As an item of a text that is joined: null is nothing.
    pub(crate) fn part(&self) -> Text<'a> {
        if matches!(self, Self::Null) { Text::Borrowed("") } else { self.text() }
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

    /// The fields, if it is an object.
    pub(crate) fn fields(&self) -> Option<Vec<(&str, Self)>> {
        match self {
            Self::Json(Json::Object(fields)) => {
                Some(fields.iter().map(|(key, json)| (key.as_str(), Value::from(json))).collect())
            }
            Self::Map(made) => Some(made.fields().map(|(key, value)| (&**key, value.clone())).collect()),
            _ => None,
        }
    }

    /// An owned copy.
    #[must_use]
    pub fn owned(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(bool) => Json::Bool(*bool),
            Self::Number(number) => Json::Number(*number),
            Self::Text(text) => Json::String((**text).to_owned()),
            Self::Json(json) => (*json).clone(),
            Self::List(made) => Json::Array(made.items.iter().map(Value::owned).collect()),
            Self::Map(made) => {
                Json::Object(made.fields().map(|(key, value)| ((**key).to_owned(), value.owned())).collect())
            }
        }
    }
}

fn json_weight(json: &Json) -> usize {
    let sum = |count: usize, items: &mut dyn Iterator<Item = &Json>| {
        items.fold(count, |sum, item| sum.saturating_add(json_weight(item)))
    };
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        Json::String(text) => text.len() >> 4,
        Json::Array(items) => sum(items.len(), &mut items.iter()),
        Json::Object(fields) => sum(fields.len(), &mut fields.iter().map(|(_, json)| json)),
    }
}

/// A key as an index: decimal digits without a leading zero.
pub(crate) fn index(key: &str) -> Option<usize> {
    let plain = key == "0" || (!key.starts_with('0') && key.bytes().all(|b| b.is_ascii_digit()));
    if plain { key.parse().ok() } else { None }
}

/// Only these make a decimal number: Rust reads more words than JavaScript ("inf", "nan").
fn decimal(text: &str) -> Option<f64> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    if text.bytes().all(plain) { text.parse().ok() } else { None }
}

fn number_of(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    let radix = |prefix: [&str; 2], radix| {
        let digits = text.strip_prefix(prefix[0]).or_else(|| text.strip_prefix(prefix[1]))?;
        if digits.starts_with(['+', '-']) { None } else { u32::from_str_radix(digits, radix).ok().map(f64::from) }
    };
    decimal(text)
        .or_else(|| infinity(text))
        .or_else(|| radix(["0x", "0X"], 16))
        .or_else(|| radix(["0o", "0O"], 8))
        .or_else(|| radix(["0b", "0B"], 2))
        .unwrap_or(f64::NAN)
}

fn infinity(text: &str) -> Option<f64> {
    match text {
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn leading_number(text: &str) -> f64 {
    let text = text.trim_start();
    for infinite in ["-Infinity", "+Infinity", "Infinity"] {
        if text.starts_with(infinite) {
            return infinity(infinite).unwrap_or(f64::NAN);
        }
    }
    let plain = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    // A number that doubles hold is short; a longer run of digits is read from its first part.
    let longest = text.bytes().take(400).take_while(plain).count();
    (1..=longest).rev().find_map(|end| text.get(..end).and_then(decimal)).unwrap_or(f64::NAN)
}

/// A number as JavaScript writes it: shortest digits that read back, an exponent from 1e21 on and below 1e-6.
pub(crate) fn number_text(number: f64) -> String {
    let size = number.abs();
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        (if number > 0.0 { "Infinity" } else { "-Infinity" }).to_owned()
    } else if number == 0.0 {
        "0".to_owned()
    } else if (1e-6..1e21).contains(&size) {
        format!("{number}")
    } else {
        let text = format!("{number:e}");
        if size >= 1.0 { text.replace('e', "e+") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value<'_> {
        Value::text_of(text)
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (number, expected) in [
            (1.0, "1"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-7"),
            (-1e300, "-1e+300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(number_text(number), expected);
        }
    }

    #[test]
    fn texts_are_read_as_javascript_reads_them() {
        for (from, whole, leading) in [
            ("", 0.0, f64::NAN),
            (" 1.5 ", 1.5, 1.5),
            ("12px", f64::NAN, 12.0),
            ("0x1f", 31.0, 0.0),
            ("inf", f64::NAN, f64::NAN),
            ("Infinity", f64::INFINITY, f64::INFINITY),
            ("1e3", 1000.0, 1000.0),
            ("1e", f64::NAN, 1.0),
            ("abc", f64::NAN, f64::NAN),
            (".5", 0.5, 0.5),
        ] {
            let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
            assert!(same(text(from).number(), whole), "{from}: {}", text(from).number());
            assert!(same(text(from).parse_float(), leading), "{from}: {}", text(from).parse_float());
        }
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
