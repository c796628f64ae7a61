//! Bodies of orders: small JSON objects whose every finding is named.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};
use weir_core::check::{Code, Finding, MAX_DOCUMENT_BYTES};
use weir_core::evaluate::Kind;
use weir_core::json::Json;

use super::Error;
use crate::study::diff::Users;
use crate::study::eval;
use crate::study::moment::Moment;

/// A document as a JSON string may be twice as long as itself, and more only if it is full of control characters, which it can't be.
pub(super) const MAX_BYTES: usize = 2 * MAX_DOCUMENT_BYTES + 65_536;
/// A comparison has two documents.
pub(super) const MAX_PAIR_BYTES: usize = 2 * MAX_BYTES;
/// Nobody waits longer for proxies.
const MAX_WAIT_MS: u64 = 60_000;
/// The longest reason.
const MAX_REASON: usize = 1_000;

/// The fields of a body, taken one by one.
pub(super) struct Fields {
    map: Map<String, Value>,
    findings: Vec<Finding>,
}

impl Fields {
    /// An object with no key but `known`.
    pub(super) fn read(
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
        known: &[&str],
    ) -> Result<Self, Error> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            let error = "the body must be declared as content-type: application/json";
            return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
        }
        let body = body.map_err(|rejection| Error::new(rejection.status(), rejection.body_text()))?;
        let map = serde_json::from_slice::<Map<String, Value>>(&body)
            .map_err(|error| Error::new(StatusCode::BAD_REQUEST, format!("the body is not a JSON object: {error}")))?;
        let mut fields = Self { map, findings: Vec::new() };
        let unknown = fields.map.keys().filter(|key| !known.contains(&key.as_str()));
        let unknown: Vec<String> = unknown.map(|key| format!("$.{key}")).collect();
        for path in unknown {
            fields.finding(&path, "an unknown key", &known.join(", "));
        }
        Ok(fields)
    }

    /// `document`: the flag document as a string.
    pub(super) fn document(&mut self) -> String {
        if !self.map.contains_key("document") {
            self.finding("$.document", "nothing", "the flag document as one JSON string");
        }
        self.text("document").unwrap_or_default()
    }

    /// A flag document as a string, or none.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.map.remove(key)? {
            Value::String(text) => Some(text),
            other => {
                self.finding(&format!("$.{key}"), kind(&other), "the flag document as one JSON string");
                None
            }
        }
    }

    /// An object, as its text.
    pub(super) fn object(&mut self, key: &str) -> Option<String> {
        match self.map.remove(key)? {
            object @ Value::Object(_) => Some(object.to_string()),
            other => {
                self.finding(&format!("$.{key}"), kind(&other), "an object");
                None
            }
        }
    }

    /// `context`: who asks. An object, which may be empty, but must be there.
    pub(super) fn context(&mut self) -> Json {
        if !self.map.contains_key("context") {
            self.finding("$.context", "nothing", "who asks, as an object");
        }
        let read = self.object("context").map(|text| Json::read(&text));
        match read {
            Some(Ok(context)) => context,
            Some(Err(error)) => {
                self.finding("$.context", &error.to_string(), "an object");
                Json::Null
            }
            None => Json::Null,
        }
    }

    /// `type`: the kind of value that is wanted; any if left out.
    pub(super) fn kind(&mut self) -> Option<Kind> {
        let given = self.map.remove("type")?;
        let kind = given.as_str().and_then(eval::kind);
        if kind.is_none() {
            self.finding("$.type", &given.to_string(), &format!("one of {}", eval::KINDS.join(", ")));
        }
        kind
    }

    /// `at`: RFC 3339 or seconds since 1970, in milliseconds; `now_ms` if left out.
    pub(super) fn at(&mut self, now_ms: u64) -> u64 {
        let moment = match self.map.remove("at") {
            None => return now_ms,
            Some(Value::String(text)) => text.parse::<Moment>(),
            Some(other) => other.to_string().parse(),
        };
        match moment {
            Ok(Moment(at_ms)) => at_ms,
            Err(allowed) => {
                self.finding("$.at", "no time", &allowed);
                now_ms
            }
        }
    }

    /// `explain`, default false.
    pub(super) fn explain(&mut self) -> bool {
        self.bool("explain")
    }

    /// `users`: targetingKeys and contexts.
    pub(super) fn users(&mut self, now_ms: u64) -> Option<Users> {
        let allowed = "a targetingKey, or a context as a JSON object";
        let given = self.map.remove("users")?;
        let Ok(Json::Array(items)) = Json::read(&given.to_string()) else {
            self.finding("$.users", kind(&given), "an array of users");
            return None;
        };
        let users = Users::of(&items, now_ms);
        users.inspect_err(|index| self.finding(&format!("$.users[{index}]"), "neither", allowed)).ok()
    }

    /// `flag`, or `None` for `"all": true`.
    pub(super) fn flag(&mut self) -> Option<String> {
        let all = self.bool("all");
        match self.map.remove("flag") {
            Some(Value::String(flag)) if !all => return Some(flag),
            None if all => {}
            Some(_) if all => self.finding("$.all", "true", "either flag or all"),
            Some(other) => self.finding("$.flag", kind(&other), "the key of a flag"),
            None => self.finding("$.flag", "nothing", "the key of a flag"),
        }
        None
    }

    /// `force`, default false.
    pub(super) fn force(&mut self) -> bool {
        self.bool("force")
    }

    /// `allow_defects`, default false.
    pub(super) fn allow_defects(&mut self) -> bool {
        self.bool("allow_defects")
    }

    /// `strict`: warnings count, default false.
    pub(super) fn strict(&mut self) -> bool {
        self.bool("strict")
    }

    /// `reason`: a person's words for the ledger.
    pub(super) fn reason(&mut self) -> Option<String> {
        match self.map.remove("reason")? {
            Value::Null => None,
            Value::String(reason) if reason.chars().count() <= MAX_REASON => Some(reason),
            other => {
                self.finding("$.reason", kind(&other), "a string of at most 1000 characters");
                None
            }
        }
    }

    /// `wait_ms`: how long to wait for proxies, default 0.
    pub(super) fn wait(&mut self) -> Duration {
        match self.map.remove("wait_ms") {
            None => Duration::ZERO,
            Some(value) => match value.as_u64() {
                Some(ms @ 0..=MAX_WAIT_MS) => Duration::from_millis(ms),
                Some(_) | None => {
                    self.finding("$.wait_ms", &value.to_string(), "a whole number from 0 to 60000");
                    Duration::ZERO
                }
            },
        }
    }

    /// What should be there and is not.
    pub(super) fn missing(&mut self, path: &str, allowed: &str) {
        self.finding(path, "nothing", allowed);
    }

    /// All findings at once, if there are any.
    pub(super) fn finish(self) -> Result<(), Error> {
        if self.findings.is_empty() {
            return Ok(());
        }
        Err(Error::findings(StatusCode::BAD_REQUEST, "the body has findings; nothing was changed", self.findings))
    }

    fn bool(&mut self, key: &str) -> bool {
        match self.map.remove(key) {
            None => false,
            Some(Value::Bool(yes)) => yes,
            Some(other) => {
                self.finding(&format!("$.{key}"), kind(&other), "true or false");
                false
            }
        }
    }

    fn finding(&mut self, path: &str, found: &str, allowed: &str) {
        self.findings.push(Finding::new(Code::Input, path, found, allowed));
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a longer string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
