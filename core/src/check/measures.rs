//! What answers are looked at for: `weir.counters` and `weir.scores`.

use super::MAX_NAME_BYTES;
use super::fields::Fields;
use super::weir::{header, plain};
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::guardrail::Counter;
use crate::json::Json;
use crate::measure::{Hit, MAX_COUNTERS, MAX_SCORES, MOST_SCORE, NamedCounter, Score};

/// Reads `weir.counters`.
pub(super) fn counters(weir: &Fields<'_>, findings: &mut Findings) -> Vec<NamedCounter> {
    named(weir, "counters", MAX_COUNTERS, findings, |name, json, path, findings| {
        if name == "latency" || Counter::from_name(name).is_some() {
            let allowed = "another name: that one is a guardrail's metric already";
            findings.add(Code::Name, &path.name(), format_args!("the name {name:?}"), allowed);
        }
        Some(NamedCounter { name: name.to_owned(), hit: hit(json, path, findings)? })
    })
}

/// Reads `weir.scores`.
pub(super) fn scores(weir: &Fields<'_>, findings: &mut Findings) -> Vec<Score> {
    named(weir, "scores", MAX_SCORES, findings, |name, json, path, findings| {
        let fields = Fields::read(json, path, &["responseHeader", "min", "max"], findings)?;
        let name = name.to_owned();
        let min = fields.number("min", 0.0, MOST_SCORE, findings).unwrap_or(0.0);
        let max = fields.number("max", 0.0, MOST_SCORE, findings).unwrap_or(MOST_SCORE);
        if min >= max {
            fields.refuse("max", format!("a number up to {MOST_SCORE} that is above min"), findings);
        }
        let Some(given) = fields.get("responseHeader") else {
            fields.refuse("responseHeader", "the name of the header that carries the score", findings);
            return None;
        };
        Some(Score { name, header: header(given, &path.key("responseHeader"), findings)?, min, max })
    })
}

/// An object by names that go into metrics, at most so many.
pub(super) fn named<T>(
    weir: &Fields<'_>,
    key: &str,
    most: usize,
    findings: &mut Findings,
    read: impl Fn(&str, &Json, &Path<'_>, &mut Findings) -> Option<T>,
) -> Vec<T> {
    let Some(json) = weir.object(key, findings) else { return Vec::new() };
    let path = weir.path.key(key);
    let Some(fields) = Fields::at_most(json, &path, (most, key), findings) else { return Vec::new() };
    let mut all = Vec::with_capacity(fields.len());
    for (name, json) in fields.iter() {
        let place = path.key(name);
        if !plain(name) {
            let allowed = "1 to 64 letters, digits, '.', '_' or '-', for it goes into metrics";
            findings.add(Code::Name, &place.name(), format_args!("the name {name:?}"), allowed);
        }
        all.extend(read(name, json, &place, findings));
    }
    all
}

const HIT: &str = "either {\"responseHeader\": NAME}, with \"equals\" if need be, or {\"status\": CODE}";

fn hit(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Hit> {
    let fields = Fields::read(json, path, &["responseHeader", "equals", "status"], findings)?;
    match (fields.get("responseHeader"), fields.get("status")) {
        (Some(name), None) => {
            let name = header(name, &path.key("responseHeader"), findings);
            let equals = fields.string("equals", findings);
            if equals.is_some_and(|value| value.is_empty() || value.len() > MAX_NAME_BYTES) {
                fields.refuse("equals", format!("1 to {MAX_NAME_BYTES} bytes"), findings);
            }
            Some(Hit::Header { name: name?, equals: equals.map(str::to_owned) })
        }
        (None, Some(status)) if fields.get("equals").is_none() => {
            let codes = codes(status);
            if codes.is_none() {
                let allowed = format!("a status from 100 to 599, or an array of 1 to {MOST_CODES}");
                fields.refuse("status", allowed, findings);
            }
            Some(Hit::Status(codes?))
        }
        _ => {
            findings.add(Code::Value, path, json, HIT);
            None
        }
    }
}

/// The most status codes of one counter.
const MOST_CODES: usize = 16;

fn codes(json: &Json) -> Option<Vec<u16>> {
    match json {
        Json::Array(items) if (1..=MOST_CODES).contains(&items.len()) => items.iter().map(code).collect(),
        json => Some(vec![code(json)?]),
    }
}

fn code(json: &Json) -> Option<u16> {
    json.as_whole(599).filter(|code| *code >= 100).and_then(|code| u16::try_from(code).ok())
}
