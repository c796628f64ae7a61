//! Rollouts: who is control, who is candidate, the stages, and the policy that the judge goes by.

use super::analysis::{self, Named};
use super::fields::Fields;
use super::flags::{quoted, variant_names};
use super::guardrails::{guardrails, inconclusive, longest};
use super::weir::find;
use super::{MAX_NAME_BYTES, MAX_ROLLOUTS, MAX_STAGES, MAX_STATS};
use crate::analysis::Analysis;
use crate::code::Code;
use crate::document::{Advance, Baseline, Document, Flag, Policy, Rollout, Stage};
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::name;
use crate::share::Share;
use crate::span::Span;

/// Reads `weir.rollouts` into the document's flags.
pub(super) fn read(weir: &Fields<'_>, document: &mut Document, findings: &mut Findings) {
    let Some(json) = weir.object("rollouts", findings) else { return };
    let path = weir.path.key("rollouts");
    let Some(fields) = Fields::at_most(json, &path, (MAX_ROLLOUTS, "rollouts"), findings) else { return };
    let counters: Vec<String> = document.counters.iter().map(|counter| counter.name.clone()).collect();
    let scores: Vec<String> = document.scores.iter().map(|score| score.name.clone()).collect();
    let named = Named { counters: &counters, scores: &scores, segments: !document.segments.is_empty() };
    for (key, json) in fields.iter() {
        let place = path.key(key);
        let flag = find(document, key, &place, findings);
        let rollout = rollout((key, json), flag.as_deref(), named, &place, findings);
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
    let stats = stats(document);
    if stats > MAX_STATS {
        let allowed = format!("at most {MAX_STATS}: fewer rollouts, counters, scores or segments");
        findings.add(Code::Limit, &path, format_args!("{stats} stats in each proxy"), allowed);
    }
}

/// What the document costs each proxy: a rollout counts every counter and score, and both again in each segment if it is judged by them.
fn stats(document: &Document) -> usize {
    let (counters, scores) = (document.counters.len(), document.scores.len());
    let alone = name::stats_per_rollout()
        .saturating_add(counters.saturating_mul(name::stats_per_counter()))
        .saturating_add(scores.saturating_mul(name::stats_per_score()));
    let segments = document.segments.len().saturating_mul(name::stats_per_segment(counters, scores));
    let costs = document
        .flags
        .iter()
        .filter_map(|flag| flag.rollout.as_ref())
        .map(|rollout| if rollout.is_by_segment() { alone.saturating_add(segments) } else { alone });
    costs.fold(0, usize::saturating_add)
}

fn rollout(
    (key, json): (&str, &Json),
    flag: Option<&Flag>,
    named: Named<'_>,
    path: &Path<'_>,
    findings: &mut Findings,
) -> Option<Rollout> {
    let known = [
        "control",
        "candidate",
        "salt",
        "stages",
        "alpha",
        "baseline",
        "advance",
        "settle",
        "guardrails",
        "maxDuration",
        "inconclusive",
        "analysis",
        "shadow",
    ];
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
    let policy = policy(&fields, named, findings);
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
    let fields = Fields::read(json, path, &["weight", "for", "maxDuration", "shadow"], findings)?;
    fields.refuse_later("shadow", "shadow stages are", findings);
    let weight = fields.share("weight", findings);
    if fields.get("weight").is_none() || weight == Some(Share::NONE) {
        fields.refuse("weight", "a share above 0, such as \"5%\"", findings);
    }
    let lasts = fields.span("for", findings);
    if fields.get("for").is_none() && !last {
        fields.refuse_as(Code::Stages, "for", "a duration; only the last stage may go without", findings);
    }
    let lasts = lasts.unwrap_or_default();
    Some(Stage { weight: weight?, lasts, max_duration: longest(&fields, lasts, findings) })
}

fn policy(fields: &Fields<'_>, named: Named<'_>, findings: &mut Findings) -> Policy {
    let default = Policy::default();
    Policy {
        alpha: fields.number("alpha", 1e-6, 0.2, findings).unwrap_or(default.alpha),
        baseline: baseline(fields, findings),
        advance: advance(fields, findings),
        settle: fields.span("settle", findings).unwrap_or(default.settle),
        guardrails: guardrails(fields, named.counters, findings).unwrap_or(default.guardrails),
        max_duration: longest(fields, Span::default(), findings),
        inconclusive: inconclusive(fields, findings).unwrap_or_default(),
        analysis: analysis(fields, named, findings),
    }
}

fn analysis(fields: &Fields<'_>, named: Named<'_>, findings: &mut Findings) -> Option<Box<Analysis>> {
    let json = fields.object("analysis", findings)?;
    analysis::read(json, &fields.path.key("analysis"), analysis::Place::Document(named), findings).map(Box::new)
}

/// The most requests that a policy may ask for: a thousand million.
const MOST_REQUESTS: u64 = 1_000_000_000;

fn baseline(fields: &Fields<'_>, findings: &mut Findings) -> Baseline {
    let default = Baseline::default();
    let path = fields.path.key("baseline");
    let Some(json) = fields.object("baseline", findings) else { return default };
    let Some(baseline) = Fields::read(json, &path, &["requests", "for", "window"], findings) else { return default };
    let lasts = baseline.span("for", findings).unwrap_or(default.lasts);
    let window = baseline.span("window", findings).unwrap_or(default.window);
    if window.ms() < LEAST_WINDOW_MS || window < lasts {
        baseline.refuse("window", "a duration of a minute at least, and not shorter than \"for\"", findings);
    }
    let requests = baseline.whole("requests", MOST_REQUESTS, findings).unwrap_or(default.requests);
    Baseline { requests, lasts, window }
}

/// Counts are forgotten in steps of a 24th of the window.
const LEAST_WINDOW_MS: u64 = 60_000;

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
