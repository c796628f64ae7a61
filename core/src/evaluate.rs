//! What a flag is for whom, as flagd answers: value, variant, reason, error, metadata. Owns the step from a rule's result to a variant, and the typed
//! accessors; knows no request, no rollout and no kill, which are `decide`'s.

use std::collections::HashMap;

use crate::document::{Document, Flag};
use crate::json::Json;
use crate::rule::set::Hashed;
use crate::rule::{Context, Laid, Question, Rule, RuleError, Value};

/// A document whose flags can be asked for.
#[derive(Debug)]
pub struct FlagSet {
    document: Document,
    index: HashMap<Box<str>, usize, Hashed>,
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolution<'a> {
    /// The value; `None` means the code's own default.
    pub value: Option<&'a Json>,
    /// The variant's name.
    pub variant: Option<&'a str>,
    /// Why.
    pub reason: Reason,
    /// What went wrong; the reason is then [`Reason::Error`].
    pub error: Option<Box<Error>>,
    flag: Option<&'a Flag>,
    document: &'a Document,
}

/// Why, in flagd's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No targeting: the same for everybody, until the document changes.
    Static,
    /// The rule named the variant.
    TargetingMatch,
    /// A rollout's split: never of a flag alone, only with the state that a proxy has for it.
    Split,
    /// The rule named none, or there is no defaultVariant: the code's own default then.
    Default,
    /// The flag is DISABLED: the code's own default.
    Disabled,
    /// See [`Resolution::error`].
    Error,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// OpenFeature's code.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}

/// OpenFeature's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// No such flag.
    FlagNotFound,
    /// The rule can't be evaluated.
    ParseError,
    /// The value is not of the kind that was asked for.
    TypeMismatch,
    /// Anything else, such as a variant that does not exist.
    General,
}

/// What kind of value an application asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Float,
    /// An object or array.
    Object,
}

impl FlagSet {
    /// Makes the flags of a document ready to be asked for.
    #[must_use]
    pub fn new(document: Document) -> Self {
        let index = document.flags.iter().enumerate().map(|(i, flag)| (flag.key.as_str().into(), i)).collect();
        Self { document, index }
    }

    /// The document.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// The flag of that key.
    #[must_use]
    #[inline]
    pub fn flag(&self, key: &str) -> Option<&Flag> {
        self.index.get(key).and_then(|index| self.document.flags.get(*index))
    }

    /// A JSON context laid out for this document: worth it for whoever asks more than once.
    #[must_use]
    pub fn lay_out<'a>(&self, context: &'a Json) -> Laid<'a> {
        Laid::new(context, &self.document.attributes)
    }

    /// What the flag is in this context at this time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn evaluate<'a>(&'a self, key: &str, context: &'a dyn Context, now_ms: u64) -> Resolution<'a> {
        let document = &self.document;
        let Some(flag) = self.flag(key) else {
            return Resolution::error(not_found(key), None, document);
        };
        if !flag.enabled {
            return Resolution::new(flag, None, Reason::Disabled, document);
        }
        match &flag.targeting {
            Some(rule) => {
                let question = Question::new(&flag.key, context)
                    .at(now_ms)
                    .hashing(document.hashing)
                    .within(document.limits.work());
                targeted(rule, &question, flag, document)
            }
            None => {
                let reason = if flag.default_variant.is_some() { Reason::Static } else { Reason::Default };
                Resolution::new(flag, flag.default_variant, reason, document)
            }
        }
    }
}

#[inline(never)]
fn targeted<'a>(rule: &'a Rule, question: &Question<'a>, flag: &'a Flag, document: &'a Document) -> Resolution<'a> {
    match target(rule, question, |name| flag.variants.iter().position(|variant| variant.name == name)) {
        Ok(None) => Resolution::new(flag, flag.default_variant, Reason::Default, document),
        Ok(index) => Resolution::new(flag, index, Reason::TargetingMatch, document),
        Err(error) => Resolution::error(error, Some(flag), document),
    }
}

#[cold]
fn not_found(key: &str) -> Box<Error> {
    Error::new(ErrorCode::FlagNotFound, format!("no flag has the key {key:?}"))
}

/// Which variant a rule names, where `find` knows them by their names; `None` leaves it to the defaultVariant.
///
/// # Errors
/// What flagd answers with an error: the rule can't be evaluated, or gives what names no variant.
#[inline]
pub fn target<'a>(
    rule: &'a Rule,
    question: &Question<'a>,
    find: impl Fn(&str) -> Option<usize>,
) -> Result<Option<usize>, Box<Error>> {
    rule.ask(question, |outcome| match outcome {
        Ok(Value::Text(name)) => find(name).map(Some).ok_or_else(|| no_variant(name)),
        Ok(Value::Null) => Ok(None),
        Ok(Value::Bool(bool)) => {
            let name = if *bool { "true" } else { "false" };
            find(name).map(Some).ok_or_else(|| no_variant(name))
        }
        Ok(value) => unusual(value, &find),
        Err(cause) => Err(failed(&cause)),
    })
}

/// A rule that gives a number means the variant that is called so.
#[cold]
fn unusual(value: &Value<'_>, find: &dyn Fn(&str) -> Option<usize>) -> Result<Option<usize>, Box<Error>> {
    match value {
        Value::Number(number) if !number.is_finite() => {
            let message = format!("the rule gives {number}, which is no number of JSON");
            Err(Error::new(ErrorCode::ParseError, message))
        }
        Value::Json(_) | Value::List(_) | Value::Map(_) => {
            let message = "the rule gives an array or object, not the name of a variant".to_owned();
            Err(Error::new(ErrorCode::General, message))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
            let name = value.text();
            find(&name).map(Some).ok_or_else(|| no_variant(&name))
        }
    }
}

#[cold]
fn failed(cause: &RuleError) -> Box<Error> {
    let code = match cause {
        RuleError::UnknownOperator(_) => ErrorCode::ParseError,
        RuleError::TooMuchWork => ErrorCode::General,
    };
    Error::new(code, cause.to_string())
}

#[cold]
fn no_variant(name: &str) -> Box<Error> {
    Error::new(ErrorCode::General, format!("the rule gives {name:?}, which is none of the flag's variants"))
}

impl Error {
    fn new(code: ErrorCode, message: String) -> Box<Self> {
        Box::new(Self { code, message })
    }
}

impl<'a> Resolution<'a> {
    pub(crate) fn new(flag: &'a Flag, variant: Option<usize>, reason: Reason, document: &'a Document) -> Self {
        let variant = variant.and_then(|index| flag.variants.get(index));
        Self {
            value: variant.map(|variant| &variant.value),
            variant: variant.map(|variant| variant.name.as_str()),
            reason,
            error: None,
            flag: Some(flag),
            document,
        }
    }

    #[cold]
    fn error(error: Box<Error>, flag: Option<&'a Flag>, document: &'a Document) -> Self {
        Self { value: None, variant: None, reason: Reason::Error, error: Some(error), flag, document }
    }

    /// The flag's metadata and, where it has none of that name, the flag set's.
    pub fn metadata(&self) -> impl Iterator<Item = (&'a str, &'a Json)> + '_ {
        let own = self.flag.map_or(&[][..], |flag| &flag.metadata);
        let named = |key: &str| own.iter().any(|(name, _)| name == key);
        let inherited = self.document.metadata.iter().filter(move |(key, _)| !named(key));
        own.iter().chain(inherited).map(|(key, json)| (key.as_str(), json))
    }

    /// The same as an application gets it that asks for a kind of value: TYPE_MISMATCH if it is another. A number with a fraction is no integer.
    #[must_use]
    pub fn expect(self, kind: Kind) -> Self {
        match self.value {
            Some(value) if !kind.takes(value) => {
                let message = format!("the value is {value}, and {kind} was asked for");
                Self::error(Error::new(ErrorCode::TypeMismatch, message), self.flag, self.document)
            }
            _ => self,
        }
    }
}

impl Kind {
    fn takes(self, value: &Json) -> bool {
        match (self, value) {
            (Self::Boolean, Json::Bool(_))
            | (Self::String, Json::String(_))
            | (Self::Float, Json::Number(_))
            | (Self::Object, Json::Array(_) | Json::Object(_)) => true,
            (Self::Integer, Json::Number(number)) => number.fract() == 0.0,
            _ => false,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Boolean => "a boolean",
            Self::String => "a string",
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::Object => "an object",
        })
    }
}

impl Reason {
    /// flagd's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "STATIC",
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Split => "SPLIT",
            Self::Default => "DEFAULT",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
        }
    }
}

impl ErrorCode {
    /// OpenFeature's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlagNotFound => "FLAG_NOT_FOUND",
            Self::ParseError => "PARSE_ERROR",
            Self::TypeMismatch => "TYPE_MISMATCH",
            Self::General => "GENERAL",
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
