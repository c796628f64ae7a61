//! Rollouts: who is control, who is candidate, the stages, and the policy that the judge goes by.

use super::fields::Fields;
use super::flags::{quoted, variant_names};
use super::weir::find;
use super::{MAX_GUARDRAILS, MAX_NAME_BYTES, MAX_ROLLOUTS, MAX_STAGES};
use crate::code::Code;
use crate::document::{Advance, Document, Flag, Guardrail, Policy, Rollout, Stage};
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::share::Share;
use crate::span::Span;

/// Reads `weir.rollouts` into the document's flags.
pub(super) fn read(weir: &Fields<'_>, document: &mut Document, findings: &mut Findings) {
    let Some(json) = weir.object("rollouts", findings) else { return };
    let path = weir.path.key("rollouts");
    let Some(fields) = Fields::any(json, &path, findings) else { return };
    if fields.len() > MAX_ROLLOUTS {
        findings.add(
            Code::Limit,
            &path,
            format_args!("{} rollouts", fields.len()),
            format!("at most {MAX_ROLLOUTS} rollouts"),
        );
        return;
    }
    for (key, json) in fields.iter() {
        let place = path.key(key);
        let flag = find(document, key, &place, findings);
        let rollout = rollout(key, json, flag.as_deref(), &place, findings);
        let Some(flag) = flag else { continue };
        if flag.output.is_none() {
            findings.add(
                Code::Output,
                &place,
                "a rollout without an output",
                format!("one with $.weir.outputs.{key}, whose requestHeader routes the candidate's requests"),
            );
        }
        flag.rollout = rollout;
    }
}

fn rollout(key: &str, json: &Json, flag: Option<&Flag>, path: &Path<'_>, findings: &mut Findings) -> Option<Rollout> {
    let known =
        ["control", "candidate", "salt", "stages", "alpha", "baseline", "advance", "settle", "guardrails", "shadow"];
    let fields = Fields::read(json, path, &known, findings)?;
    fields.refuse_later("shadow", "shadow mirroring is", findings);
    let control = variant(&fields, "control", flag, findings);
    let candidate = variant(&fields, "candidate", flag, findings);
    if control.is_some() && control == candidate {
        fields.refuse_as(Code::Variant, "candidate", "another variant than control", findings);
    }
    let salt = fields.string("salt", findings);
    if salt.is_some_and(|salt| salt.is_empty() || salt.len() > MAX_NAME_BYTES) {
        fields.refuse("salt", format!("1 to {MAX_NAME_BYTES} bytes"), findings);
    }
    let stages = stages(&fields, findings);
    let policy = policy(&fields, findings);
    Some(Rollout {
        control: control?.to_owned(),
        candidate: candidate?.to_owned(),
        salt: salt.map_or_else(|| format!("weir/{key}"), str::to_owned),
        stages: stages?,
        policy,
    })
}

fn variant<'a>(fields: &Fields<'a>, key: &str, flag: Option<&Flag>, findings: &mut Findings) -> Option<&'a str> {
    let name = fields.get(key).and_then(Json::as_str);
    match (name, flag) {
        (Some(name), Some(flag)) if flag.variant(name).is_some() => Some(name),
        (Some(name), None) => Some(name),
        (_, flag) => {
            let names = flag.map(|flag| format!(": {}", quoted(&variant_names(&flag.variants)))).unwrap_or_default();
            fields.refuse_as(Code::Variant, key, format!("one of the flag's variants{names}"), findings);
            None
        }
    }
}

fn stages(fields: &Fields<'_>, findings: &mut Findings) -> Option<Vec<Stage>> {
    let Some(Json::Array(items)) = fields.get("stages") else {
        let allowed = match fields.get("stages") {
            Some(Json::String(_)) => "an array of stages (the names of presets are not supported in this version)",
            _ => "an array of stages such as {\"weight\": \"5%\", \"for\": \"10m\"}",
        };
        fields.refuse("stages", allowed, findings);
        return None;
    };
    let path = fields.path.key("stages");
    if items.is_empty() || items.len() > MAX_STAGES {
        findings.add(Code::Limit, &path, format_args!("{} stages", items.len()), format!("1 to {MAX_STAGES} stages"));
        return None;
    }
    let last = items.len().saturating_sub(1);
    let stages: Vec<Option<Stage>> =
        items.iter().enumerate().map(|(i, item)| stage(item, i == last, &path.index(i), findings)).collect();
    for (i, pair) in stages.windows(2).enumerate() {
        if let [Some(before), Some(after)] = pair
            && before.weight >= after.weight
        {
            findings.add(
                Code::Stages,
                &path.index(i.saturating_add(1)).key("weight"),
                after.weight,
                format!("more than the stage before ({})", before.weight),
            );
        }
    }
    if let Some(Some(stage)) = stages.last()
        && stage.weight != Share::ALL
    {
        findings.add(Code::Stages, &path.index(last).key("weight"), stage.weight, "100% in the last stage");
    }
    stages.into_iter().collect()
}

fn stage(json: &Json, last: bool, path: &Path<'_>, findings: &mut Findings) -> Option<Stage> {
    let fields = Fields::read(json, path, &["weight", "for", "shadow"], findings)?;
    fields.refuse_later("shadow", "shadow stages are", findings);
    let weight = fields.share("weight", findings);
    if fields.get("weight").is_none() || weight == Some(Share::NONE) {
        fields.refuse("weight", "a share above 0, such as \"5%\"", findings);
    }
    let lasts = fields.span("for", findings);
    if fields.get("for").is_none() && !last {
        fields.refuse_as(Code::Stages, "for", "a duration; only the last stage may go without", findings);
    }
    Some(Stage { weight: weight?, lasts: lasts.unwrap_or_default() })
}

fn policy(fields: &Fields<'_>, findings: &mut Findings) -> Policy {
    let default = Policy::default();
    Policy {
        alpha: fields.number("alpha", 1e-6, 0.2, findings).unwrap_or(default.alpha),
        baseline_requests: baseline(fields, findings).unwrap_or(default.baseline_requests),
        advance: advance(fields, findings),
        settle: fields.span("settle", findings).unwrap_or(default.settle),
        guardrails: guardrails(fields, findings).unwrap_or(default.guardrails),
    }
}

/// The most requests that a policy may ask for: a thousand million.
const MOST_REQUESTS: u64 = 1_000_000_000;

fn baseline(fields: &Fields<'_>, findings: &mut Findings) -> Option<u64> {
    let path = fields.path.key("baseline");
    let baseline = Fields::read(fields.object("baseline", findings)?, &path, &["requests"], findings)?;
    baseline.whole("requests", MOST_REQUESTS, findings)
}

fn advance(fields: &Fields<'_>, findings: &mut Findings) -> Advance {
    let default = Advance::default();
    let path = fields.path.key("advance");
    let Some(json) = fields.object("advance", findings) else { return default };
    let Some(advance) = Fields::read(json, &path, &["requests", "power", "errorFloor", "proxies"], findings) else {
        return default;
    };
    Advance {
        requests: advance.whole("requests", MOST_REQUESTS, findings).unwrap_or(default.requests),
        power: advance.number("power", 0.0, 0.99, findings).unwrap_or(default.power),
        error_floor: advance.share("errorFloor", findings).unwrap_or(default.error_floor),
        proxies: advance.share("proxies", findings).unwrap_or(default.proxies),
    }
}

fn guardrails(fields: &Fields<'_>, findings: &mut Findings) -> Option<Vec<Guardrail>> {
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
    let guardrails =
        items.iter().enumerate().map(|(i, item)| guardrail(item, &path.index(i), findings)).collect::<Vec<_>>();
    guardrails.into_iter().collect()
}

fn guardrail(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Guardrail> {
    let fields = Fields::any(json, path, findings)?;
    match fields.get("metric").and_then(Json::as_str) {
        Some("errors") => errors(json, path, findings),
        Some("latency") => latency(json, path, findings),
        Some("timeouts" | "resets" | "client_errors") => {
            fields.refuse_as(
                Code::Unsupported,
                "metric",
                "\"errors\" or \"latency\" (a guardrail of its own for this metric is not supported in this version)",
                findings,
            );
            None
        }
        _ => {
            fields.refuse("metric", "\"errors\" or \"latency\"", findings);
            None
        }
    }
}

fn errors(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Guardrail> {
    let fields = Fields::read(json, path, &["metric", "ratio", "max"], findings)?;
    let ratio = fields.number("ratio", 1.05, 100.0, findings);
    let max = fields.share("max", findings);
    if max.is_some_and(|max| max == Share::NONE || max > MOST_ERRORS) {
        fields.refuse("max", format!("a share above 0 and at most {MOST_ERRORS}"), findings);
    }
    if fields.get("ratio").is_none() && fields.get("max").is_none() {
        findings.add(
            Code::Required,
            path,
            "neither ratio nor max",
            "at least one of them: {\"metric\": \"errors\", \"ratio\": 2.0, \"max\": \"1%\"}",
        );
    }
    Some(Guardrail::Errors { ratio, max })
}

/// A ceiling above one half could not be told from a total failure.
const MOST_ERRORS: Share = match Share::from_ppm(500_000) {
    Some(share) => share,
    None => Share::ALL,
};

fn latency(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Guardrail> {
    let fields = Fields::read(json, path, &["metric", "quantile", "max", "ratio"], findings)?;
    fields.refuse_later("ratio", "comparing latency with control is", findings);
    let quantile = fields.number("quantile", 0.5, 0.999, findings);
    if fields.get("quantile").is_none() {
        fields.refuse("quantile", "a number between 0.5 and 0.999", findings);
    }
    let max = fields.span("max", findings);
    if fields.get("max").is_none() || max == Some(Span::default()) {
        fields.refuse("max", "a duration above 0, such as \"200ms\"", findings);
    }
    Some(Guardrail::Latency { quantile: quantile?, max_us: max?.ms().saturating_mul(1_000) })
}
