//! Bodies of orders: small JSON objects whose every finding is named.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};
use weir_core::check::{Code, Finding, MAX_DOCUMENT_BYTES};

use super::Error;

/// A document as a JSON string may be twice as long as itself, and more only if it is full of control characters, which it can't be.
pub(super) const MAX_BYTES: usize = 2 * MAX_DOCUMENT_BYTES + 65_536;
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
        match self.map.remove("document") {
            Some(Value::String(text)) => text,
            Some(other) => {
                self.finding("$.document", kind(&other), "the flag document as one JSON string");
                String::new()
            }
            None => {
                self.finding("$.document", "nothing", "the flag document as one JSON string");
                String::new()
            }
        }
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
