//! Rollouts: who is control, who is candidate, the stages, and the policy that the judge goes by.

use super::fields::Fields;
use super::flags::{quoted, variant_names};
use super::weir::find;
use super::{MAX_GUARDRAILS, MAX_NAME_BYTES, MAX_ROLLOUTS, MAX_STAGES};
use crate::document::{Advance, Document, Flag, Guardrail, Policy, Rollout, Stage};
use crate::fault::{Faults, Path};
use crate::json::Json;
use crate::share::Share;
use crate::span::Span;

/// Reads `weir.rollouts` into the document's flags.
pub(super) fn read(weir: &Fields<'_>, document: &mut Document, faults: &mut Faults) {
    let Some(json) = weir.object("rollouts", faults) else { return };
    let path = weir.path.key("rollouts");
    let Some(fields) = Fields::any(json, &path, faults) else { return };
    if fields.len() > MAX_ROLLOUTS {
        faults.add(&path, format_args!("{} rollouts", fields.len()), format!("at most {MAX_ROLLOUTS} rollouts"));
        return;
    }
    for (key, json) in fields.iter() {
        let place = path.key(key);
        let flag = find(document, key, &place, faults);
        let rollout = rollout(key, json, flag.as_deref(), &place, faults);
        let Some(flag) = flag else { continue };
        if flag.output.is_none() {
            faults.add(
                &place,
                "a rollout without an output",
                format!("one with $.weir.outputs.{key}, whose requestHeader routes the candidate's requests"),
            );
        }
        flag.rollout = rollout;
    }
}

fn rollout(key: &str, json: &Json, flag: Option<&Flag>, path: &Path<'_>, faults: &mut Faults) -> Option<Rollout> {
    let known =
        ["control", "candidate", "salt", "stages", "alpha", "baseline", "advance", "settle", "guardrails", "shadow"];
    let fields = Fields::read(json, path, &known, faults)?;
    if fields.get("shadow").is_some() {
        fields.fault("shadow", "absent (shadow mirroring is not supported in this version)", faults);
    }
    let control = variant(&fields, "control", flag, faults);
    let candidate = variant(&fields, "candidate", flag, faults);
    if control.is_some() && control == candidate {
        fields.fault("candidate", "another variant than control", faults);
    }
    let salt = fields.string("salt", faults);
    if salt.is_some_and(|salt| salt.is_empty() || salt.len() > MAX_NAME_BYTES) {
        fields.fault("salt", format!("1 to {MAX_NAME_BYTES} bytes"), faults);
    }
    let stages = stages(&fields, faults);
    let policy = policy(&fields, faults);
    Some(Rollout {
        control: control?.to_owned(),
        candidate: candidate?.to_owned(),
        salt: salt.map_or_else(|| format!("weir/{key}"), str::to_owned),
        stages: stages?,
        policy,
    })
}

fn variant<'a>(fields: &Fields<'a>, key: &str, flag: Option<&Flag>, faults: &mut Faults) -> Option<&'a str> {
    let name = fields.get(key).and_then(Json::as_str);
    match (name, flag) {
        (Some(name), Some(flag)) if flag.variant(name).is_some() => Some(name),
        (Some(name), None) => Some(name),
        (_, flag) => {
            let names = flag.map(|flag| format!(": {}", quoted(&variant_names(&flag.variants)))).unwrap_or_default();
            fields.fault(key, format!("one of the flag's variants{names}"), faults);
            None
        }
    }
}

fn stages(fields: &Fields<'_>, faults: &mut Faults) -> Option<Vec<Stage>> {
    let Some(Json::Array(items)) = fields.get("stages") else {
        let allowed = match fields.get("stages") {
            Some(Json::String(_)) => "an array of stages (the names of presets are not supported in this version)",
            _ => "an array of stages such as {\"weight\": \"5%\", \"for\": \"10m\"}",
        };
        fields.fault("stages", allowed, faults);
        return None;
    };
    let path = fields.path.key("stages");
    if items.is_empty() || items.len() > MAX_STAGES {
        faults.add(&path, format_args!("{} stages", items.len()), format!("1 to {MAX_STAGES} stages"));
        return None;
    }
    let last = items.len().saturating_sub(1);
    let stages: Vec<Option<Stage>> =
        items.iter().enumerate().map(|(i, item)| stage(item, i == last, &path.index(i), faults)).collect();
    for (i, pair) in stages.windows(2).enumerate() {
        if let [Some(before), Some(after)] = pair
            && before.weight >= after.weight
        {
            faults.add(
                &path.index(i.saturating_add(1)).key("weight"),
                after.weight,
                format!("more than the stage before ({})", before.weight),
            );
        }
    }
    if let Some(Some(stage)) = stages.last()
        && stage.weight != Share::ALL
    {
        faults.add(&path.index(last).key("weight"), stage.weight, "100% in the last stage");
    }
    stages.into_iter().collect()
}

fn stage(json: &Json, last: bool, path: &Path<'_>, faults: &mut Faults) -> Option<Stage> {
    let fields = Fields::read(json, path, &["weight", "for", "shadow"], faults)?;
    if fields.get("shadow").is_some() {
        fields.fault("shadow", "absent (shadow stages are not supported in this version)", faults);
    }
    let weight = fields.share("weight", faults);
    if fields.get("weight").is_none() || weight == Some(Share::NONE) {
        fields.fault("weight", "a share above 0, such as \"5%\"", faults);
    }
    let lasts = fields.span("for", faults);
    if fields.get("for").is_none() && !last {
        fields.fault("for", "a duration; only the last stage may go without", faults);
    }
    Some(Stage { weight: weight?, lasts: lasts.unwrap_or_default() })
}

fn policy(fields: &Fields<'_>, faults: &mut Faults) -> Policy {
    let default = Policy::default();
    Policy {
        alpha: fields.number("alpha", 1e-6, 0.2, faults).unwrap_or(default.alpha),
        baseline_requests: baseline(fields, faults).unwrap_or(default.baseline_requests),
        advance: advance(fields, faults),
        settle: fields.span("settle", faults).unwrap_or(default.settle),
        guardrails: guardrails(fields, faults).unwrap_or(default.guardrails),
    }
}

/// The most requests that a policy may ask for: a thousand million.
const MOST_REQUESTS: u64 = 1_000_000_000;

fn baseline(fields: &Fields<'_>, faults: &mut Faults) -> Option<u64> {
    let path = fields.path.key("baseline");
    let baseline = Fields::read(fields.object("baseline", faults)?, &path, &["requests"], faults)?;
    baseline.whole("requests", MOST_REQUESTS, faults)
}

fn advance(fields: &Fields<'_>, faults: &mut Faults) -> Advance {
    let default = Advance::default();
    let path = fields.path.key("advance");
    let Some(json) = fields.object("advance", faults) else { return default };
    let Some(advance) = Fields::read(json, &path, &["requests", "power", "errorFloor", "proxies"], faults) else {
        return default;
    };
    Advance {
        requests: advance.whole("requests", MOST_REQUESTS, faults).unwrap_or(default.requests),
        power: advance.number("power", 0.0, 0.99, faults).unwrap_or(default.power),
        error_floor: advance.share("errorFloor", faults).unwrap_or(default.error_floor),
        proxies: advance.share("proxies", faults).unwrap_or(default.proxies),
    }
}

fn guardrails(fields: &Fields<'_>, faults: &mut Faults) -> Option<Vec<Guardrail>> {
    let items = fields.array("guardrails", "an array of guardrails", faults)?;
    let path = fields.path.key("guardrails");
    if items.is_empty() || items.len() > MAX_GUARDRAILS {
        faults.add(&path, format_args!("{} guardrails", items.len()), format!("1 to {MAX_GUARDRAILS} guardrails"));
    }
    let guardrails =
        items.iter().enumerate().map(|(i, item)| guardrail(item, &path.index(i), faults)).collect::<Vec<_>>();
    guardrails.into_iter().collect()
}

fn guardrail(json: &Json, path: &Path<'_>, faults: &mut Faults) -> Option<Guardrail> {
    let fields = Fields::any(json, path, faults)?;
    match fields.get("metric").and_then(Json::as_str) {
        Some("errors") => errors(json, path, faults),
        Some("latency") => latency(json, path, faults),
        Some("timeouts" | "resets" | "client_errors") => {
            fields.fault(
                "metric",
                "\"errors\" or \"latency\" (a guardrail of its own for this metric is not supported in this version)",
                faults,
            );
            None
        }
        _ => {
            fields.fault("metric", "\"errors\" or \"latency\"", faults);
            None
        }
    }
}

fn errors(json: &Json, path: &Path<'_>, faults: &mut Faults) -> Option<Guardrail> {
    let fields = Fields::read(json, path, &["metric", "ratio", "max"], faults)?;
    let ratio = fields.number("ratio", 1.05, 100.0, faults);
    let max = fields.share("max", faults);
    if max.is_some_and(|max| max == Share::NONE || max > MOST_ERRORS) {
        fields.fault("max", format!("a share above 0 and at most {MOST_ERRORS}"), faults);
    }
    if fields.get("ratio").is_none() && fields.get("max").is_none() {
        faults.add(
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

fn latency(json: &Json, path: &Path<'_>, faults: &mut Faults) -> Option<Guardrail> {
    let fields = Fields::read(json, path, &["metric", "quantile", "max", "ratio"], faults)?;
    if fields.get("ratio").is_some() {
        fields.fault("ratio", "absent (comparing latency with control is not supported in this version)", faults);
    }
    let quantile = fields.number("quantile", 0.5, 0.999, faults);
    if fields.get("quantile").is_none() {
        fields.fault("quantile", "a number between 0.5 and 0.999", faults);
    }
    let max = fields.span("max", faults);
    if fields.get("max").is_none() || max == Some(Span::default()) {
        fields.fault("max", "a duration above 0, such as \"200ms\"", faults);
    }
    Some(Guardrail::Latency { quantile: quantile?, max_us: max?.ms().saturating_mul(1_000) })
}
