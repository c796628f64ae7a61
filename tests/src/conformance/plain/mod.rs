//! flagd's semantics once more, as plainly as they can be written: the document's JSON is walked for every question. No compiling, no sets, no folding,
//! nothing borrowed, and no code of core's but its JSON reader. Core is compared with it on generated documents, and it is what a peer's deviation is told
//! against: an [`Exception`](super::exception::Exception) replaces single steps of this walk by what the peer does there.
//!
//! - `walk`: a rule; `operators`: what operators do with their arguments
//! - `value`: coercions; `fractional`, `version`: flagd's own

mod fractional;
mod operators;
pub(super) mod value;
mod version;
mod walk;

use std::collections::BTreeMap;

use weir_core::document::Hashing;
use weir_core::json::Json;

pub use walk::{Instead, Quirks, Step};

use super::case::{Answer, Ask, json, value as serde_value};

/// When and how.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The dialect of `fractional`.
    pub hashing: Hashing,
    /// Seconds since the Unix epoch.
    pub now_s: u64,
}

/// What flagd answers, or what it would with those quirks. `None` where a quirk makes it unpredictable.
pub fn answer(document: &Json, ask: &Ask, terms: Terms, quirks: &dyn Quirks) -> Option<Answer> {
    let set = fields(document.field("metadata"));
    let Some(flag) = find(document, &ask.flag) else {
        let answer = Answer { metadata: Some(set), ..Answer::error("FLAG_NOT_FOUND") };
        return Some(quirks.answer(ask, &Json::Null, &answer).unwrap_or(answer));
    };
    let mut metadata = set;
    metadata.extend(fields(flag.field("metadata")));
    let answer = match resolve(document, flag, ask, terms, quirks) {
        Ok((reason, variant)) => {
            let value = variant.as_deref().and_then(|name| flag.field("variants")?.field(name)).map(serde_value);
            Answer { value, variant, reason: reason.to_owned(), error: None, metadata: None }
        }
        Err(Stop::Code(code)) => Answer::error(&code),
        Err(Stop::SomeError) => Answer::error(SOME_ERROR),
        Err(Stop::Unpredictable) => return None,
    };
    let answer = quirks.answer(ask, flag, &answer).unwrap_or_else(|| typed(answer, ask.kind));
    Some(Answer { metadata: Some(metadata), ..answer })
}

/// PARSE_ERROR or GENERAL.
pub const SOME_ERROR: &str = "PARSE_ERROR or GENERAL";

/// Why a walk ended early.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// With this error code.
    Code(String),
    /// With one of two codes, by when the peer meets it.
    SomeError,
    /// Nobody can say with what.
    Unpredictable,
}

/// Reason and variant.
type Resolved = Result<(&'static str, Option<String>), Stop>;

fn resolve(document: &Json, flag: &Json, ask: &Ask, terms: Terms, quirks: &dyn Quirks) -> Resolved {
    if flag.field("state").and_then(Json::as_str) == Some("DISABLED") {
        return Ok(("DISABLED", None));
    }
    let default = flag.field("defaultVariant").and_then(Json::as_str).map(str::to_owned);
    let rule = match flag.field("targeting") {
        Some(Json::Null) if quirks.rule(&Json::Null, document).is_some() => return Ok(("DEFAULT", default)),
        None | Some(Json::Null) => return Ok((if default.is_some() { "STATIC" } else { "DEFAULT" }, default)),
        Some(Json::Object(fields)) if fields.is_empty() => {
            return Ok((if default.is_some() { "STATIC" } else { "DEFAULT" }, default));
        }
        Some(rule) => expand(rule, document.field("$evaluators")),
    };
    let context = json(&ask.context);
    let result = walk::evaluate(&rule, &walk::Data { document, context: &context, flag: &ask.flag, terms, quirks })?;
    let name = match &result {
        Json::Null => return Ok(("DEFAULT", default)),
        Json::Number(number) if !number.is_finite() => return Err(Stop::Code("PARSE_ERROR".into())),
        Json::Array(_) | Json::Object(_) => return Err(Stop::Code("GENERAL".into())),
        scalar => value::text(scalar),
    };
    match flag.field("variants").and_then(|variants| variants.field(&name)) {
        Some(_) => Ok(("TARGETING_MATCH", Some(name))),
        None => Err(Stop::Code("GENERAL".into())),
    }
}

/// In either form of a document.
fn find<'d>(document: &'d Json, key: &str) -> Option<&'d Json> {
    match document.field("flags")? {
        Json::Array(flags) => {
            flags.iter().rev().find(|flag| flag.field("key").and_then(Json::as_str).is_some_and(|own| own == key))
        }
        flags => flags.field(key),
    }
}

fn fields(json: Option<&Json>) -> BTreeMap<String, serde_json::Value> {
    match json {
        Some(Json::Object(fields)) => fields.iter().map(|(key, json)| (key.clone(), serde_value(json))).collect(),
        _ => BTreeMap::new(),
    }
}

/// The rule with what it refers to in the place of each reference.
fn expand(rule: &Json, evaluators: Option<&Json>) -> Json {
    match rule {
        Json::Object(fields) => {
            if let [(key, Json::String(name))] = fields.as_slice()
                && key == "$ref"
                && let Some(evaluator) = evaluators.and_then(|evaluators| evaluators.field(name))
            {
                return expand(evaluator, evaluators);
            }
            Json::Object(fields.iter().map(|(key, json)| (key.clone(), expand(json, evaluators))).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(|item| expand(item, evaluators)).collect()),
        scalar => scalar.clone(),
    }
}

/// As an accessor hands it on.
fn typed(answer: Answer, kind: &str) -> Answer {
    use serde_json::Value;
    let fits = match (kind, &answer.value) {
        (_, None)
        | ("boolean", Some(Value::Bool(_)))
        | ("string", Some(Value::String(_)))
        | ("float", Some(Value::Number(_)))
        | ("object", Some(Value::Array(_) | Value::Object(_))) => true,
        ("integer", Some(Value::Number(number))) => number.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    };
    if fits { answer } else { Answer::error("TYPE_MISMATCH") }
}
