//! What is looked at beside the guardrails: under `analysis` of a rollout, or in a file of its own beside a recorded history. Owns the
//! form and its ranges, which are the same in both places; a document may ask only for what this version counts.

use super::fields::{Fields, meant};
use super::flags::quoted;
use super::weir::named;
use crate::analysis::{Action, Analysis, Bar, Better, Drift, Goal, Segments, Shadow, Source};
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::span::Span;

/// The most goals, and the most scores.
const MAX_GOALS: usize = 20;
/// The most bars of a reference: twice as many as Envoy's bins from a microsecond to a day.
const MAX_BARS: usize = 2_000;
/// The most requests, values and comparisons that may be asked for: a thousand million.
const MOST: u64 = 1_000_000_000;
/// The most that a bar may say: 2^53, where doubles end to be exact.
const MOST_OF_A_BAR: u64 = 1 << 53;
/// The window moves in ten steps, each a tenth of a second at least.
const LEAST_WINDOW: Span = Span::from_ms(1_000);

/// Where an analysis stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// In a flag document: what it asks for must be counted by proxies.
    Document(Named<'a>),
    /// Beside a recorded history, which may have anything.
    File,
}

/// What a document's proxies count by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    /// `weir.counters`: what a goal may be.
    pub(super) counters: &'a [String],
    /// `weir.scores`.
    pub(super) scores: &'a [String],
    /// There are `weir.segments`.
    pub(super) segments: bool,
}

/// Reads an analysis; `None` if it is no object.
pub(super) fn read(json: &Json, path: &Path<'_>, place: Place<'_>, findings: &mut Findings) -> Option<Analysis> {
    let fields = Fields::read(json, path, &["goals", "scores", "segments", "drift", "shadow"], findings)?;
    let (counters, scores) = match place {
        Place::Document(Named { counters, scores, segments }) => {
            if fields.get("segments").is_some() && !segments {
                let allowed = "at least one rule under weir.segments, which has none";
                fields.refuse_as(Code::Metric, "segments", allowed, findings);
            }
            fields.refuse_later("shadow", "mirroring is", findings);
            (Some(counters), Some(scores))
        }
        Place::File => (None, None),
    };
    Some(Analysis {
        goals: goals(&fields, "goals", counters, findings),
        scores: goals(&fields, "scores", scores, findings),
        segments: part(&fields, "segments", findings, segments),
        shadow: part(&fields, "shadow", findings, shadow),
        drift: part(&fields, "drift", findings, |json, path, findings| drift(json, path, place, findings)),
    })
}

fn part<T>(
    fields: &Fields<'_>,
    key: &str,
    findings: &mut Findings,
    read: impl FnOnce(&Json, &Path<'_>, &mut Findings) -> Option<T>,
) -> Option<T> {
    let json = fields.object(key, findings)?;
    read(json, &fields.path.key(key), findings)
}

/// `counted`: the names that there are to choose from, if not any.
fn goals(fields: &Fields<'_>, key: &str, counted: Option<&[String]>, findings: &mut Findings) -> Vec<(String, Goal)> {
    let Some(json) = fields.object(key, findings) else { return Vec::new() };
    let path = fields.path.key(key);
    let Some(fields) = Fields::at_most(json, &path, (MAX_GOALS, key), findings) else { return Vec::new() };
    let mut goals = Vec::with_capacity(fields.len());
    for (name, json) in fields.iter() {
        let place = path.key(name);
        named(name, &place, findings);
        if let Some(allowed) = counted.and_then(|counted| not_counted(name, key, counted)) {
            findings.add(Code::Metric, &place.name(), format_args!("{name:?}"), allowed);
        }
        goals.extend(goal(json, &place, key == "goals", findings).map(|goal| (name.to_owned(), goal)));
    }
    goals
}

/// What there is to choose from, if the name is not among it. A goal is a counter.
fn not_counted(name: &str, key: &str, counted: &[String]) -> Option<String> {
    if counted.iter().any(|known| known == name) {
        return None;
    }
    let under = if key == "goals" { "counters" } else { "scores" };
    let known: Vec<&str> = counted.iter().map(String::as_str).collect();
    let near = meant(name, &known);
    let known = if known.is_empty() { "which has none".to_owned() } else { quoted(counted) };
    Some(format!("{near}a name under weir.{under}: {known}"))
}

fn goal(json: &Json, path: &Path<'_>, is_share: bool, findings: &mut Findings) -> Option<Goal> {
    let fields = Fields::read(json, path, &["minimumEffect", "better", "alpha", "power"], findings)?;
    let default = Goal::default();
    let effect = match is_share {
        true => fields.fraction("minimumEffect", 1e-6, findings),
        false => fields.number("minimumEffect", 1e-6, 1e12, findings),
    };
    if fields.get("minimumEffect").is_none() {
        fields.refuse("minimumEffect", "the least difference that matters, above 0", findings);
    }
    let better = fields.string("better", findings).map_or(Some(default.better), Better::from_name);
    if better.is_none() {
        fields.refuse("better", "\"higher\" or \"lower\"", findings);
    }
    Some(Goal {
        alpha: fields.number("alpha", 1e-6, 0.2, findings).unwrap_or(default.alpha),
        power: fields.number("power", 0.5, 0.99, findings).unwrap_or(default.power),
        minimum_effect: effect?,
        better: better?,
    })
}

fn segments(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Segments> {
    let fields = Fields::read(json, path, &["alpha", "requests"], findings)?;
    let default = Segments::default();
    Some(Segments {
        alpha: fields.number("alpha", 1e-6, 0.2, findings).unwrap_or(default.alpha),
        requests: fields.whole("requests", MOST, findings).unwrap_or(default.requests),
    })
}

fn shadow(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Shadow> {
    let fields = Fields::read(json, path, &["agreement", "p95Ratio", "errorsRatio", "comparisons"], findings)?;
    let default = Shadow::default();
    Some(Shadow {
        agreement: fields.fraction("agreement", 0.0, findings).unwrap_or(default.agreement),
        p95_ratio: fields.number("p95Ratio", 1.0, 100.0, findings).unwrap_or(default.p95_ratio),
        errors_ratio: fields.number("errorsRatio", 1.0, 100.0, findings).unwrap_or(default.errors_ratio),
        comparisons: fields.whole("comparisons", MOST, findings).unwrap_or(default.comparisons),
    })
}

fn drift(json: &Json, path: &Path<'_>, place: Place<'_>, findings: &mut Findings) -> Option<Drift> {
    let known = ["of", "distance", "window", "values", "reference", "action", "cooldown"];
    let fields = Fields::read(json, path, &known, findings)?;
    let default = Drift::default();
    let window = fields.span("window", findings).unwrap_or(default.window);
    if window < LEAST_WINDOW {
        fields.refuse("window", "a duration of a second at least", findings);
    }
    let cooldown = fields.span("cooldown", findings).unwrap_or(default.cooldown);
    if cooldown < window {
        let allowed = format!("a duration not shorter than the window ({window}): the same values would alarm again");
        fields.refuse("cooldown", allowed, findings);
    }
    let values = fields.whole("values", MOST, findings).unwrap_or(default.values);
    if values == 0 {
        fields.refuse("values", format!("a whole number between 1 and {MOST}"), findings);
    }
    let action = fields.string("action", findings).map_or(Some(default.action), Action::from_name);
    if action.is_none() {
        fields.refuse("action", "\"notify\", \"hold\" or \"rollback\"", findings);
    }
    Some(Drift {
        of: source(&fields, place, findings),
        distance: fields.number("distance", 0.01, 1.0, findings).unwrap_or(default.distance),
        reference: part(&fields, "reference", findings, reference),
        action: action.unwrap_or_default(),
        window,
        values,
        cooldown,
    })
}

fn source(fields: &Fields<'_>, place: Place<'_>, findings: &mut Findings) -> Source {
    const ALLOWED: &str = "\"latency\" or {\"score\": NAME}";
    let path = fields.path.key("of");
    let name = match fields.get("of") {
        None => return Source::Latency,
        Some(json) if json.as_str() == Some("latency") => return Source::Latency,
        Some(json @ Json::Object(_)) => {
            Fields::read(json, &path, &["score"], findings).and_then(|inner| inner.string("score", findings))
        }
        Some(_) => None,
    };
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        fields.refuse("of", ALLOWED, findings);
        return Source::Latency;
    };
    if let Place::Document(named) = place
        && let Some(allowed) = not_counted(name, "scores", named.scores)
    {
        findings.add(Code::Metric, &path.key("score"), format_args!("{name:?}"), allowed);
    }
    Source::Score(name.to_owned())
}

/// Bins as in an observation: `{"LOWER": [WIDTH, COUNT]}`.
fn reference(json: &Json, path: &Path<'_>, findings: &mut Findings) -> Option<Vec<Bar>> {
    let fields = Fields::any(json, path, findings)?;
    if fields.len() == 0 || fields.len() > MAX_BARS {
        findings.add(Code::Limit, path, format_args!("{} bins", fields.len()), format!("1 to {MAX_BARS} bins"));
        return None;
    }
    let mut bars = Vec::with_capacity(fields.len());
    for (lower, json) in fields.iter() {
        let bar = bar(lower, json);
        if bar.is_none() {
            let allowed = "\"LOWER\": [WIDTH, COUNT], whole numbers: microseconds of latency, millionths of a score";
            findings.add(Code::Value, &path.key(lower), json, allowed);
        }
        bars.extend(bar);
    }
    Some(bars)
}

fn bar(lower: &str, json: &Json) -> Option<Bar> {
    let Json::Array(items) = json else { return None };
    let [width, count] = items.as_slice() else { return None };
    let lower = lower.parse::<u64>().ok().filter(|lower| *lower <= MOST_OF_A_BAR)?;
    Some(Bar { lower, width: width.as_whole(MOST_OF_A_BAR)?, count: count.as_whole(MOST_OF_A_BAR)? })
}
