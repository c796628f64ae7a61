//! One line of a history: an observation, or its faults. The same shape as `observation` stores, held to the letter: no other keys, none
//! twice, nothing that counts can't be.

use weir_core::json::Json;

use super::faults::{Faults, Place};
use super::fields::{Fields, list, lower_bound, named, number, text, whole};
use crate::observation::{
    Bin, Bins, CELL_COUNT, CellCounts, CustomAnswer, FieldCounts, FlagCounts, Observation, Said, ScoreCell,
    ScoreCounts, ShadowCounts, VariantCounts,
};

/// What a line is.
const LINE: &str = "an observation, one a line: an object of at_ms, span_ms, expected, seen, flags";

/// Counters are read one after the other, so an error can be seen a tick before its request: so many errors of a cell, or such a part of
/// its requests, may be beyond them in one tick.
const EARLY: u64 = 10;
const EARLY_PART: u64 = 10;

/// `None` of an empty line, and of one with a fault.
pub(super) fn read(bytes: &[u8], faults: &mut Faults) -> Option<Observation> {
    let before = faults.count();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim(),
        Err(error) => {
            let byte = error.valid_up_to() + 1;
            faults.add(&Place::Root, format_args!("no UTF-8 from byte {byte} of the line"), LINE);
            return None;
        }
    };
    if text.is_empty() {
        return None;
    }
    let observation = match Json::read(text) {
        Ok(json) => observation(&json, &Place::Root, faults),
        Err(error) => {
            faults.add(&Place::Root, format_args!("no JSON ({})", syntax(text, &error)), LINE);
            return None;
        }
    };
    (faults.count() == before).then_some(observation)
}

/// The parser knows one line and counts bytes.
fn syntax(line: &str, error: &serde_json::Error) -> String {
    let message = error.to_string();
    let at = format!(" at line {} column {}", error.line(), error.column());
    let column = line.char_indices().filter(|(byte, _)| *byte < error.column()).count().max(1);
    format!("{}, column {column}", message.strip_suffix(&at).unwrap_or(&message))
}

fn observation(json: &Json, at: &Place<'_>, faults: &mut Faults) -> Observation {
    if !matches!(json, Json::Object(_)) {
        faults.add(at, json, LINE);
        return Observation::default();
    }
    let fields = Fields::read(json, at, (&["at_ms", "span_ms", "expected", "seen", "flags"], &[]), faults);
    let proxies = |key: &str, faults: &mut Faults| {
        u32::try_from(fields.whole_to(key, u32::MAX.into(), faults)).unwrap_or(u32::MAX)
    };
    let (expected, seen) = (proxies("expected", faults), proxies("seen", faults));
    if seen > expected && fields.get("expected").is_some_and(|json| json.as_whole(u32::MAX.into()).is_some()) {
        faults.add(&at.key("seen"), seen, format_args!("at most the {expected} that are expected"));
    }
    Observation {
        at_ms: fields.whole("at_ms", faults),
        span_ms: fields.whole("span_ms", faults),
        expected,
        seen,
        flags: fields.named("flags", faults, flag),
    }
}

fn flag(json: &Json, at: &Place<'_>, faults: &mut Faults) -> FlagCounts {
    let optional = ["unassigned", "segments", "shadow", "custom"];
    let fields = Fields::read(json, at, (&["variants"], &optional), faults);
    let compared = fields.get("shadow").filter(|json| **json != Json::Null);
    FlagCounts {
        variants: fields.named("variants", faults, variant),
        unassigned: fields.named("unassigned", faults, whole),
        segments: fields.named("segments", faults, |json, at, faults| named(json, at, faults, variant)),
        shadow: compared.map(|json| Box::new(shadow(json, &at.key("shadow"), faults))),
        custom: fields.named("custom", faults, custom),
    }
}

fn variant(json: &Json, at: &Place<'_>, faults: &mut Faults) -> VariantCounts {
    let required = ["started", "results", "cells"];
    let fields = Fields::read(json, at, (&required, &["duration", "goals", "scores"]), faults);
    VariantCounts {
        started: fields.whole("started", faults),
        results: fields.list("results", faults, whole),
        cells: fields.list("cells", faults, cell),
        duration: bins_of(&fields, "duration", faults),
        goals: fields.named("goals", faults, hits),
        scores: fields.named("scores", faults, score),
    }
}

fn cell(json: &Json, at: &Place<'_>, faults: &mut Faults) -> CellCounts {
    let [requests, errors] = list(json, at, faults, whole);
    let early = EARLY.max(requests / EARLY_PART);
    if errors > requests + early {
        let allowed = format!(
            "at most the cell's {requests} requests and {early} more (an error can be read before its request)"
        );
        faults.add(&at.index(1), errors, allowed);
    }
    CellCounts { requests, errors }
}

fn hits(json: &Json, at: &Place<'_>, faults: &mut Faults) -> [u64; CELL_COUNT] {
    list(json, at, faults, whole)
}

fn score(json: &Json, at: &Place<'_>, faults: &mut Faults) -> ScoreCounts {
    let fields = Fields::read(json, at, (&["cells"], &["bins"]), faults);
    ScoreCounts { cells: fields.list("cells", faults, score_cell), bins: bins_of(&fields, "bins", faults) }
}

fn score_cell(json: &Json, at: &Place<'_>, faults: &mut Faults) -> ScoreCell {
    let Json::Array(items) = json else {
        faults.add(at, json, "[count, sum, sum of squares]");
        return ScoreCell::default();
    };
    let [count, sum, squares] = items.as_slice() else {
        faults.add(at, json, "[count, sum, sum of squares]");
        return ScoreCell::default();
    };
    ScoreCell {
        count: whole(count, &at.index(0), faults),
        sum: number(sum, &at.index(1), faults),
        squares: number(squares, &at.index(2), faults),
    }
}

fn bins_of(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Bins {
    fields.get(key).map_or_else(Bins::default, |json| bins(json, &fields.at.key(key), faults))
}

fn bins(json: &Json, at: &Place<'_>, faults: &mut Faults) -> Bins {
    let mut bins = Bins::default();
    for (key, [width, count]) in named(json, at, faults, |json, at, faults| list(json, at, faults, whole)) {
        match lower_bound(&key) {
            Some(lower) => {
                faults.bound(&at.key(&key), lower);
                bins.0.insert(lower, Bin { width, count });
            }
            None => {
                faults.add(&at.key(&key), format_args!("the key {key:?}"), "a lower bound, a whole number in quotes");
            }
        }
    }
    let mut end = 0;
    for (lower, bin) in &bins.0 {
        if *lower < end {
            let found = "a bin that begins before the one below it ends";
            faults.add(&at.key(&lower.to_string()), found, format_args!("bins that do not overlap: from {end} on"));
        }
        end = end.max(lower.saturating_add(bin.width));
    }
    bins
}

fn shadow(json: &Json, at: &Place<'_>, faults: &mut Faults) -> ShadowCounts {
    let optional = [
        "comparisons",
        "agreements",
        "noise_comparisons",
        "noise_agreements",
        "candidate_duration",
        "control_duration",
        "candidate_errors",
        "control_errors",
        "fields",
    ];
    let fields = Fields::read(json, at, (&[], &optional), faults);
    let comparisons = fields.whole("comparisons", faults);
    let noise_comparisons = fields.whole("noise_comparisons", faults);
    let among = |key: &str, all: u64, faults: &mut Faults| {
        let count = fields.whole(key, faults);
        if count > all {
            faults.add(&at.key(key), count, format_args!("at most the {all} comparisons that it is of"));
        }
        count
    };
    ShadowCounts {
        comparisons,
        agreements: among("agreements", comparisons, faults),
        noise_comparisons,
        noise_agreements: among("noise_agreements", noise_comparisons, faults),
        candidate_duration: bins_of(&fields, "candidate_duration", faults),
        control_duration: bins_of(&fields, "control_duration", faults),
        candidate_errors: among("candidate_errors", comparisons, faults),
        control_errors: among("control_errors", comparisons, faults),
        fields: fields.named("fields", faults, field),
    }
}

fn field(json: &Json, at: &Place<'_>, faults: &mut Faults) -> FieldCounts {
    let fields = Fields::read(json, at, (&[], &["differs", "noise", "examples"]), faults);
    let (differs, noise) = (fields.whole("differs", faults), fields.whole("noise", faults));
    let examples = match fields.get("examples") {
        None => Vec::new(),
        Some(Json::Array(items)) => {
            let place = at.key("examples");
            let pair = |(i, json)| list(json, &place.index(i), faults, text).into();
            items.iter().enumerate().map(pair).collect()
        }
        Some(other) => {
            faults.add(&at.key("examples"), other, "an array of [control, candidate]");
            Vec::new()
        }
    };
    FieldCounts { differs, noise, examples }
}

fn custom(json: &Json, at: &Place<'_>, faults: &mut Faults) -> CustomAnswer {
    let fields = Fields::read(json, at, (&[], &["age_ms", "candidate", "control", "answer", "why"]), faults);
    CustomAnswer {
        age_ms: fields.whole("age_ms", faults),
        candidate: fields.number("candidate", faults),
        control: fields.number("control", faults),
        answer: fields.get("answer").and_then(|json| said(json, &at.key("answer"), faults)),
        why: fields.get("why").map_or_else(String::new, |json| text(json, &at.key("why"), faults)),
    }
}

fn said(json: &Json, at: &Place<'_>, faults: &mut Faults) -> Option<Said> {
    match json {
        Json::Null => return None,
        Json::String(word) => match word.as_str() {
            "yes" => return Some(Said::Yes),
            "no" => return Some(Said::No),
            "unknown" => return Some(Said::Unknown),
            _ => {}
        },
        _ => {}
    }
    faults.add(at, json, "\"yes\", \"no\" or \"unknown\"");
    None
}
