//! [`Value`]: what a rule computes with, and JSONLogic's coercions between its kinds (those of JavaScript, which defines them). Borrows from the
//! rule and the context wherever it can; only lists and texts that a rule has made are owned. Knows no operator.

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

impl From<&str> for Text<'_> {
    /// Copied: `text` need not live long.
    fn from(text: &str) -> Self {
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

    pub(super) const fn count(&self) -> usize {
        self.items.len()
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

impl From<Option<bool>> for Value<'_> {
    fn from(answer: Option<bool>) -> Self {
        answer.map_or(Self::Null, Self::Bool)
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

    /// The text that it is.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What walking all of it costs: its items on all levels, and pieces of 16 bytes of text.
    #[inline]
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len() >> 4,
            Self::Null | Self::Bool(_) | Self::Number(_) => 0,
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

    /// What stands under a key of an object, at an index of an array, or which character at an index of a text. Arrays and texts have a `length`, as in
    /// JavaScript; characters are code points.
    pub(crate) fn child(&self, key: &str) -> Option<Self> {
        match self {
            Self::Json(json @ Json::Object(_)) => json.field(key).map(Value::from),
            Self::Map(made) => made.fields().find(|(name, _)| ***name == *key).map(|(_, value)| value.clone()),
            Self::Json(Json::Array(_)) | Self::List(_) if key == "length" => self.len().map(count),
            Self::Json(Json::Array(_)) | Self::List(_) => self.item(index(key)?),
            Self::Text(text) if key == "length" => Some(count(text.chars().count())),
            Self::Text(text) => {
                let letter = text.chars().nth(index(key)?)?;
                Some(Self::Text(String::from(letter).into()))
            }
            _ => None,
        }
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

/// A number of items or characters.
fn count(items: usize) -> Value<'static> {
    Value::Number(f64::from(u32::try_from(items).unwrap_or(u32::MAX)))
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
