//! Custom checks: queries and webhooks, with their names, limits and how often they are asked. Whether a controller has a Prometheus or a
//! webhook of that name is not the document's to know.

use super::fields::Fields;
use crate::code::Code;
use crate::custom::{Custom, FLAG, NAME, Source, VARIANT, has_variant, is_name};
use crate::finding::{Findings, Path};
use crate::guardrail::{Guardrail, Metric};
use crate::json::Json;
use crate::span::Span;

/// Keys of every custom check.
const COMMON: [&str; 5] = ["name", "every", "failures", "dryRun", "weight"];
/// The longest query, bytes.
const MAX_QUERY_BYTES: usize = 4_096;
const LEAST_EVERY_MS: u64 = 1_000;
const MOST_EVERY_MS: u64 = 86_400_000;
const DEFAULT_EVERY_MS: u64 = 30_000;
const DEFAULT_FAILURES: u32 = 3;
const MOST_FAILURES: u64 = 100;
/// Limits beyond it are nobody's.
const MOST: f64 = 1e15;

/// Reads a guardrail with a `query`.
pub(super) fn query(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Custom> {
    let own = ["query", "max", "min", "ratio", "difference"];
    let fields = Fields::read(json, path, &[&own[..], &COMMON].concat(), findings)?;
    let query = fields.string("query", findings);
    if let Some(query) = query {
        text(query, &fields, findings);
    }
    let max = fields.number("max", -MOST, MOST, findings);
    let min = fields.number("min", -MOST, MOST, findings);
    if let (Some(max), Some(min)) = (max, min)
        && min > max
    {
        fields.refuse("min", "a number that is at most max", findings);
    }
    let ratio = fields.number("ratio", 1.05, 100.0, findings);
    let difference = fields.number("difference", 0.0, MOST, findings);
    for key in ["ratio", "difference"] {
        if fields.get(key).is_some() && query.is_some_and(|query| !has_variant(query)) {
            let allowed =
                "absent, or a query with $variant in it: only such a query has a value of its own for control";
            fields.refuse(key, allowed, findings);
        }
    }
    if own.iter().skip(1).all(|key| fields.get(key).is_none()) {
        let allowed = "at least one of max, min, ratio and difference: {\"query\": \"...\", \"name\": \"gpu-oom\", \"max\": 0.02}";
        findings.add(Code::Required, path, "no limit", allowed);
    }
    if fields.get("name").is_none() {
        fields.refuse("name", NAME, findings);
    }
    let name = name(&fields, "name", findings);
    let source = Source::Query { query: query?.to_owned(), max, min, ratio, difference };
    custom(&fields, name, source, findings)
}

/// Reads a guardrail with a `webhook`.
pub(super) fn webhook(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Custom> {
    let fields = Fields::read(json, path, &[&["webhook"][..], &COMMON].concat(), findings)?;
    let webhook = name(&fields, "webhook", findings);
    let name = if fields.get("name").is_some() { name(&fields, "name", findings) } else { webhook };
    custom(&fields, name, Source::Webhook(webhook?.to_owned()), findings)
}

fn custom(fields: &Fields<'_>, name: Option<&str>, source: Source, findings: &mut Findings) -> Option<Custom> {
    let every = fields.span("every", findings).unwrap_or(Span::from_ms(DEFAULT_EVERY_MS));
    if !(LEAST_EVERY_MS..=MOST_EVERY_MS).contains(&every.ms()) {
        fields.refuse("every", "a duration from 1s to 1d", findings);
    }
    let failures = fields.whole("failures", MOST_FAILURES, findings);
    if failures == Some(0) {
        fields.refuse("failures", format!("a whole number between 1 and {MOST_FAILURES}"), findings);
    }
    let failures = failures.and_then(|failures| u32::try_from(failures).ok()).unwrap_or(DEFAULT_FAILURES);
    Some(Custom { name: name?.to_owned(), source, every, failures })
}

fn name<'a>(fields: &Fields<'a>, key: &str, findings: &mut Findings) -> Option<&'a str> {
    let name = fields.string(key, findings)?;
    if !is_name(name) {
        fields.refuse(key, NAME, findings);
        return None;
    }
    Some(name)
}

/// A `$` before a letter is a placeholder, and there are two; in PromQL itself it only ends a pattern.
fn text(query: &str, fields: &Fields<'_>, findings: &mut Findings) {
    if query.trim().is_empty() || query.len() > MAX_QUERY_BYTES {
        fields.refuse("query", format!("PromQL of 1 to {MAX_QUERY_BYTES} bytes"), findings);
    }
    let word = |rest: &str| -> String { rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect() };
    let placeholders = query.split('$').skip(1).map(|rest| format!("${}", word(rest)));
    let unknown = |text: &String| {
        let letter = text.chars().nth(1).is_some_and(|c| c.is_ascii_alphabetic());
        letter && text != VARIANT && text != FLAG
    };
    if let Some(unknown) = placeholders.into_iter().find(unknown) {
        let found = format_args!("the placeholder {unknown}");
        findings.add(Code::Value, &fields.path.key("query"), found, format!("{VARIANT} and {FLAG}"));
    }
}

/// Two checks of one name could not be told from each other.
pub(super) fn names(guardrails: &[Option<Guardrail>], path: &Path<'_>, findings: &mut Findings) {
    let mut seen: Vec<&str> = Vec::new();
    for (i, guardrail) in guardrails.iter().enumerate() {
        let Some(Guardrail { metric: Metric::Custom(custom), .. }) = guardrail else { continue };
        if seen.contains(&custom.name.as_str()) {
            let found = format_args!("{:?} again", custom.name);
            findings.add(
                Code::Value,
                &path.index(i).key("name"),
                found,
                "a name that no other guardrail of the rollout has",
            );
        }
        seen.push(&custom.name);
    }
}
