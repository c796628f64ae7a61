//! What is asked, and what is answered: the same for Weir, for the plain evaluator and for every peer.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use weir_core::document::Hashing;
use weir_core::evaluate::{FlagSet, Kind, Resolution};
use weir_core::json::Json;

use super::plain::SOME_ERROR;

/// A document without the key `weir`, and questions about it.
#[derive(Clone, Debug)]
pub struct Case {
    /// A flagd document.
    pub document: Value,
    /// What is asked about it.
    pub asks: Vec<Ask>,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The flag's key.
    pub flag: String,
    /// The accessor's name: `boolean`, `string`, `integer`, `float` or `object`.
    pub kind: &'static str,
    /// An object.
    pub context: Value,
}

/// The accessors' names.
pub const KINDS: [(&str, Kind); 5] = [
    ("boolean", Kind::Boolean),
    ("string", Kind::String),
    ("integer", Kind::Integer),
    ("float", Kind::Float),
    ("object", Kind::Object),
];

/// One answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    /// None is the code's own default.
    #[serde(default)]
    pub value: Option<Value>,
    /// Its name.
    #[serde(default)]
    pub variant: Option<String>,
    /// Why.
    pub reason: String,
    /// OpenFeature's code, or what a peer ended with instead of one.
    #[serde(default)]
    pub error: Option<String>,
    /// None where a peer gives none, as with errors it throws.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, Value>>,
}

/// What becomes of a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is not loaded.
    Refused(String),
    /// An answer to each question.
    Answers(Vec<Answer>),
}

impl Case {
    /// The same document with its flags by key.
    #[must_use]
    pub fn in_object_form(mut self) -> Self {
        if let Value::Array(flags) = self.document["flags"].clone() {
            let by_key = |mut flag: Value| {
                let key = flag.as_object_mut()?.remove("key")?;
                Some((key.as_str()?.to_owned(), flag))
            };
            self.document["flags"] = Value::Object(flags.into_iter().filter_map(by_key).collect());
        }
        self
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.reason)?;
        for part in [&self.error, &self.variant].into_iter().flatten() {
            write!(f, " {part:?}")?;
        }
        for value in self.value.iter() {
            write!(f, " {value}")?;
        }
        for metadata in self.metadata.iter().filter(|metadata| !metadata.is_empty()) {
            write!(f, " {metadata:?}")?;
        }
        Ok(())
    }
}

impl Answer {
    /// Nothing but an error.
    #[must_use]
    pub fn error(code: &str) -> Self {
        Self { value: None, variant: None, reason: "ERROR".into(), error: Some(code.into()), metadata: None }
    }

    /// Whether both say the same. Numbers are the same by value, and what one does not tell of is not compared.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        let metadata = match (&self.metadata, &other.metadata) {
            (Some(a), Some(b)) => {
                a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|b| same(value, b)))
            }
            _ => true,
        };
        let values = match (&self.value, &other.value) {
            (Some(a), Some(b)) => same(a, b),
            (a, b) => a.is_none() == b.is_none(),
        };
        let errors = match (self.error.as_deref(), other.error.as_deref()) {
            (Some(SOME_ERROR), Some("PARSE_ERROR" | "GENERAL")) => true,
            (a, b) => a == b,
        };
        metadata && values && errors && (&self.variant, &self.reason) == (&other.variant, &other.reason)
    }
}

/// Whether two values are one, 1 and 1.0 too.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|b| same(value, b)))
        }
        (a, b) => a == b,
    }
}

/// What Weir makes of a case.
#[must_use]
pub fn weir(case: &Case, hashing: Hashing, now_s: u64) -> Outcome {
    let mut document = case.document.clone();
    let dialect = if hashing == Hashing::FlagdV2 { "flagd-v2" } else { "flagd-v3" };
    if let Value::Object(fields) = &mut document {
        fields.insert("weir".to_owned(), json!({ "version": 1, "hashing": dialect }));
    }
    let flags = match weir_core::check::check(&document.to_string()) {
        Ok(document) => FlagSet::new(document),
        Err(faults) => return Outcome::Refused(format!("{faults:?}")),
    };
    let answer = |ask: &Ask| match Json::read(&ask.context.to_string()) {
        Ok(context) => given(&flags.evaluate(&ask.flag, &context, now_s * 1_000).expect(kind(ask.kind))),
        Err(error) => Answer::error(&error.to_string()),
    };
    Outcome::Answers(case.asks.iter().map(answer).collect())
}

fn kind(name: &str) -> Kind {
    KINDS.iter().find(|(known, _)| *known == name).map_or(Kind::Object, |(_, kind)| *kind)
}

fn given(found: &Resolution<'_>) -> Answer {
    Answer {
        value: found.value.map(value),
        variant: found.variant.map(str::to_owned),
        reason: found.reason.name().to_owned(),
        error: found.error.as_ref().map(|error| error.code.name().to_owned()),
        metadata: Some(found.metadata().map(|(key, json)| (key.to_owned(), value(json))).collect()),
    }
}

/// The same as serde's.
#[must_use]
pub fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::from(*bool),
        Json::Number(number) => Value::from(*number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(fields) => fields.iter().map(|(key, json)| (key.clone(), value(json))).collect(),
    }
}

/// The same as core's.
#[must_use]
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Number(number) => Json::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Json::String(text.clone()),
        Value::Array(items) => Json::Array(items.iter().map(json).collect()),
        Value::Object(fields) => Json::Object(fields.iter().map(|(key, value)| (key.clone(), json(value))).collect()),
    }
}
