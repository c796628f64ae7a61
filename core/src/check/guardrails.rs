//! Guardrails: what is limited, by a ratio to control, a ceiling, or both (custom checks are `custom`'s); and what follows when time is up.

use super::fields::{Fields, meant};
use super::flags::quoted;
use super::{MAX_GUARDRAILS, custom};
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::guardrail::{COUNTERS, Counter, Guardrail, Inconclusive, Metric};
use crate::json::Json;
use crate::share::Share;
use crate::span::Span;

/// Reads `guardrails`, which may be on the document's `counters`; `None` when they are absent or refused.
pub(super) fn guardrails(fields: &Fields<'_>, counters: &[String], findings: &mut Findings) -> Option<Vec<Guardrail>> {
    let items = fields.array("guardrails", "an array of guardrails", findings)?;
    let path = fields.path.key("guardrails");
    if items.is_empty() || items.len() > MAX_GUARDRAILS {
        findings.add(
            Code::Limit,
            &path,
            format_args!("{} guardrails", items.len()),
            format!("1 to {MAX_GUARDRAILS} guardrails"),
        );
    }
    let guardrails = items
        .iter()
        .enumerate()
        .map(|(i, item)| guardrail(item, counters, &path.index(i), findings))
        .collect::<Vec<_>>();
    custom::names(&guardrails, &path, findings);
    guardrails.into_iter().collect()
}

fn guardrail(json: &Json, counters: &[String], path: &Path<'_>, findings: &mut Findings) -> Option<Guardrail> {
    let has = |name: &str| matches!(json, Json::Object(fields) if fields.iter().any(|(key, _)| key == name));
    let metric = match (has("metric"), has("query"), has("webhook")) {
        (_, false, false) => metric(json, counters, path, findings),
        (false, true, false) => custom::query(json, path, findings).map(Metric::Custom),
        (false, false, true) => custom::webhook(json, path, findings).map(Metric::Custom),
        (..) => {
            findings.add(Code::Value, path, json, "one of metric, query and webhook");
            return None;
        }
    };
    // What is wrong with the object itself is said above.
    let fields = Fields::open(json, path)?;
    let dry_run = fields.bool("dryRun", findings).unwrap_or(false);
    let weight = fields.number("weight", 0.0, 1_000.0, findings).unwrap_or(1.0);
    Some(Guardrail { metric: metric?, dry_run, weight })
}

/// What Envoy's own stats say.
fn metric(json: &Json, counters: &[String], path: &Path<'_>, findings: &mut Findings) -> Option<Metric> {
    let name = match json {
        Json::Object(fields) => fields.iter().find(|(key, _)| key == "metric").and_then(|(_, value)| value.as_str()),
        _ => None,
    };
    let known: &[&str] = match name {
        Some("latency") => &["metric", "quantile", "ratio", "max", "dryRun", "weight"],
        _ => &["metric", "ratio", "max", "dryRun", "weight"],
    };
    let fields = Fields::read(json, path, known, findings)?;
    let counter = name.and_then(|name| counter(name, counters));
    if counter.is_none() && name != Some("latency") {
        let code = if name.is_some() { Code::Metric } else { Code::Value };
        let code = if fields.get("metric").is_some() { code } else { Code::Required };
        fields.refuse_as(code, "metric", metrics(name, counters), findings);
        return None;
    }
    let Some(counter) = counter else { return latency(&fields, findings) };
    if counter == Counter::Cancelled && fields.get("dryRun").and_then(Json::as_bool) != Some(true) {
        let why = "true (cancelled requests are not counted by cell, so that one client could decide)";
        fields.refuse("dryRun", why, findings);
    }
    Some(counted(&fields, counter, findings))
}

fn counter(name: &str, counters: &[String]) -> Option<Counter> {
    let named = || counters.iter().find(|counter| *counter == name).map(|name| Counter::Named(name.as_str().into()));
    Counter::from_name(name).or_else(named)
}

/// What may be limited, the nearest first.
fn metrics(found: Option<&str>, counters: &[String]) -> String {
    let known: Vec<&str> = COUNTERS.iter().map(Counter::name).chain(counters.iter().map(String::as_str)).collect();
    let near = found.map_or_else(String::new, |found| meant(found, &[known.as_slice(), &["latency"]].concat()));
    format!(
        "{near}\"latency\" or one of {} (weir.counters may name more), or a query or a webhook in its place",
        quoted(&known)
    )
}

fn counted(fields: &Fields<'_>, counter: Counter, findings: &mut Findings) -> Metric {
    let least = if counter.is_by_cell() { 1.05 } else { LEAST_WITHOUT_CELLS };
    let ratio = fields.number("ratio", least, 100.0, findings);
    let max = fields.share("max", findings);
    if max.is_some_and(|max| max == Share::NONE || max > MOST_ERRORS) {
        fields.refuse("max", format!("a share above 0 and at most {MOST_ERRORS}"), findings);
    }
    let example = format!("{{\"metric\": \"{}\", \"ratio\": 2.0, \"max\": \"1%\"}}", counter.name());
    one_of(fields, &example, findings);
    Metric::Counted { counter, ratio, max }
}

/// What is not counted by cell clusters by user nobody knows how much: below this a ratio needs to know.
const LEAST_WITHOUT_CELLS: f64 = 1.5;

/// A ceiling above one half could not be told from a total failure.
const MOST_ERRORS: Share = match Share::from_ppm(500_000) {
    Some(share) => share,
    None => Share::ALL,
};

fn latency(fields: &Fields<'_>, findings: &mut Findings) -> Option<Metric> {
    let quantile = fields.number("quantile", 0.5, 0.999, findings);
    if fields.get("quantile").is_none() {
        fields.refuse("quantile", "a number between 0.5 and 0.999", findings);
    }
    let ratio = fields.number("ratio", 1.05, 100.0, findings);
    let max = fields.span("max", findings);
    if max == Some(Span::default()) {
        fields.refuse("max", "a duration above 0, such as \"200ms\"", findings);
    }
    one_of(fields, "{\"metric\": \"latency\", \"quantile\": 0.95, \"ratio\": 1.5, \"max\": \"200ms\"}", findings);
    Some(Metric::Latency { quantile: quantile?, ratio, max_us: max.map(|max| max.ms().saturating_mul(1_000)) })
}

fn one_of(fields: &Fields<'_>, example: &str, findings: &mut Findings) {
    if fields.get("ratio").is_none() && fields.get("max").is_none() {
        findings.add(Code::Required, fields.path, "neither ratio nor max", format!("at least one of them: {example}"));
    }
}

/// Reads `maxDuration`, which must be longer than the time that is asked for anyway.
pub(super) fn longest(fields: &Fields<'_>, least: Span, findings: &mut Findings) -> Option<Span> {
    let longest = fields.span("maxDuration", findings)?;
    if longest <= least {
        fields.refuse("maxDuration", format!("a duration longer than {} s", least.ms().div_ceil(1_000)), findings);
    }
    Some(longest)
}

/// Reads `inconclusive`.
pub(super) fn inconclusive(fields: &Fields<'_>, findings: &mut Findings) -> Option<Inconclusive> {
    let name = fields.string("inconclusive", findings)?;
    let action = Inconclusive::from_name(name);
    if action.is_none() {
        fields.refuse("inconclusive", "\"hold\", \"rollback\" or \"pause\"", findings);
    }
    action
}
