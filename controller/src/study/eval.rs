//! What a flag is for whom, in the field names of flagd's own answers.

use serde::{Serialize, Serializer};
use weir_core::evaluate::{FlagSet, Kind, Resolution};
use weir_core::explain::{Explained, Explanation};
use weir_core::json::Json;
use weir_core::served::Served;
use weir_core::snapshot::State;

/// What there is to ask.
#[derive(Debug)]
pub struct Flags {
    /// The flags.
    pub set: FlagSet,
    /// What a proxy has for them; without it the flags alone are asked, as flagd would be.
    pub state: Option<State>,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The flag's key.
    pub flag: &'a str,
    /// What kind of value is wanted; any if `None`.
    pub kind: Option<Kind>,
    /// Who asks: an object.
    pub context: &'a Json,
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
}

impl Flags {
    /// The answer.
    #[must_use]
    pub fn resolve<'a>(&'a self, asked: &Asked<'a>) -> Resolution<'a> {
        let resolution = match &self.state {
            Some(state) => Served { flags: &self.set, state }.resolve(asked.flag, asked.context, asked.now_ms),
            None => self.set.evaluate(asked.flag, asked.context, asked.now_ms),
        };
        match asked.kind {
            Some(kind) => resolution.expect(kind),
            None => resolution,
        }
    }
}

impl Flags {
    /// Why; `None` if there is no such flag. `text` is the document's.
    #[must_use]
    pub fn explain(&self, asked: &Asked<'_>, text: &str) -> Option<Explanation> {
        let text = Json::read(text).ok()?;
        let explained = Explained { text: &text, document: self.set.document(), state: self.state.as_ref() };
        explained.explain(asked.flag, asked.context, asked.now_ms)
    }
}

/// OpenFeature's error code for a context that is no object.
pub const INVALID_CONTEXT: &str = "INVALID_CONTEXT";

/// An answer as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answered<'a> {
    /// The flag's key.
    pub flag: &'a str,
    /// Absent: the application's own default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<&'a Json>,
    /// Name of the variant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'a str>,
    /// In flagd's words.
    pub reason: &'static str,
    /// In OpenFeature's words; the reason is ERROR then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<&'static str>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<&'a str>,
    /// The flag's over the flag set's.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    pub metadata: Vec<(&'a str, &'a Json)>,
}

impl<'a> Answered<'a> {
    /// A resolution, as JSON.
    #[must_use]
    pub fn new(flag: &'a str, resolution: &'a Resolution<'a>) -> Self {
        let error = resolution.error.as_ref();
        Self {
            flag,
            value: resolution.value,
            variant: resolution.variant,
            reason: resolution.reason.name(),
            error_code: error.map(|error| error.code.name()),
            error_message: error.map(|error| error.message.as_str()),
            metadata: resolution.metadata().collect(),
        }
    }

    /// The answer to a question that could not be asked.
    #[must_use]
    pub const fn refused(flag: &'a str, code: &'static str, message: &'a str) -> Self {
        Self {
            flag,
            value: None,
            variant: None,
            reason: "ERROR",
            error_code: Some(code),
            error_message: Some(message),
            metadata: Vec::new(),
        }
    }

    /// Whether it is an error.
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.error_code.is_some()
    }
}

/// An answer, and why.
#[derive(Debug, Serialize)]
pub struct WithWhy<'a> {
    /// The answer.
    #[serde(flatten)]
    pub answered: &'a Answered<'a>,
    /// Why, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<serde_json::Value>,
}

fn as_object<S: Serializer>(fields: &[(&str, &Json)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().copied())
}

/// The kind of value of this name, as OpenFeature's applications ask for it.
#[must_use]
pub fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "boolean" => Kind::Boolean,
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "number" | "float" => Kind::Float,
        "object" => Kind::Object,
        _ => return None,
    })
}

/// All names of kinds.
pub const KINDS: [&str; 6] = ["boolean", "string", "number", "integer", "float", "object"];
