//! What is taken for a history and what is refused, in which words.

use serde_json::{Value, json};

use super::*;
use crate::observation::{
    Bin, Bins, CELL_COUNT, CustomAnswer, FieldCounts, FlagCounts, Said, ScoreCounts, ShadowCounts, VariantCounts,
};

fn variant() -> Value {
    json!({ "started": 40, "results": [40, 0, 0, 0, 0, 0], "cells": vec![[2, 0]; 20] })
}

fn tick() -> Value {
    json!({ "at_ms": 1_000, "span_ms": 1_000, "expected": 3, "seen": 3,
        "flags": { "checkout": { "variants": { "stable": variant(), "next": variant() } } } })
}

fn history(bytes: impl Into<Vec<u8>>) -> History {
    History { name: "h.ndjson".to_owned(), source: Source::Kept(bytes.into()) }
}

/// `path: found X, allowed Y` of every fault that is named.
fn faults(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    let faults = history(bytes).check().unwrap();
    faults.named().iter().map(ToString::to_string).collect()
}

/// The only fault of a tick in which `at` (below the flag) is `value`.
fn fault(at: &str, value: Value) -> String {
    let mut tick = tick();
    let place = at.split('/').fold(&mut tick["flags"]["checkout"], |place, key| match key.parse::<usize>() {
        Ok(index) if place.is_array() => &mut place[index],
        _ => &mut place[key],
    });
    *place = value;
    let found = faults(tick.to_string());
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].strip_prefix("h.ndjson:1: $.flags.checkout.").unwrap_or_else(|| panic!("{found:?}")).to_owned()
}

#[test]
fn a_file_is_read_as_often_as_it_takes_and_empty_lines_are_left_out() {
    let line = tick();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("h.ndjson");
    let spelt = line.to_string().replace("\"span_ms\":1000", "\"span_ms\":1e3");
    std::fs::write(&path, format!("{line}\n\n  \r\n{line}\r\n{spelt}")).unwrap();
    let history = History::open(&path).unwrap();
    for _ in 0..2 {
        let mut seen = 0;
        let faults = history.each(|observation| seen += observation.span_ms).unwrap();
        assert_eq!((faults.count(), seen), (0, 3_000));
    }
    assert!(History::open(&directory.path().join("none")).is_err());
}

#[test]
fn what_the_controller_stores_is_read_as_it_was() {
    let bins = || {
        Bins(
            [
                (0, Bin { width: 1, count: 2 }),
                (9, Bin { width: 1, count: 1 }),
                (73_000, Bin { width: 1_000, count: 4 }),
            ]
            .into(),
        )
    };
    let mut counts =
        VariantCounts { started: 40, results: [30, 1, 2, 3, 4, 5], duration: bins(), ..VariantCounts::default() };
    // An error that was read a tick before its request.
    (counts.cells[7].requests, counts.cells[7].errors) = (0, 1);
    counts.goals.insert("paid".to_owned(), [3; CELL_COUNT]);
    let mut score = ScoreCounts { bins: bins(), ..ScoreCounts::default() };
    (score.cells[3].count, score.cells[3].sum, score.cells[3].squares) = (2, -0.1, 0.005);
    counts.scores.insert("a b".to_owned(), score);
    let examples = vec![("1".to_owned(), "2".to_owned())];
    let shadow = ShadowCounts {
        comparisons: 9,
        agreements: 8,
        control_duration: bins(),
        fields: [("a.b".to_owned(), FieldCounts { differs: 1, noise: 0, examples })].into(),
        ..ShadowCounts::default()
    };
    let answer = CustomAnswer {
        age_ms: 5,
        candidate: Some(0.1),
        answer: Some(Said::Unknown),
        why: "é".to_owned(),
        ..CustomAnswer::default()
    };
    let flag = FlagCounts {
        variants: [("next".to_owned(), counts.clone())].into(),
        unassigned: [("killed".to_owned(), 7)].into(),
        segments: [("beta".to_owned(), [("next".to_owned(), counts)].into())].into(),
        shadow: Some(Box::new(shadow)),
        custom: [("smoke".to_owned(), answer), ("gone".to_owned(), CustomAnswer::default())].into(),
    };
    let stored = Observation {
        at_ms: 1_700_000_001_000,
        span_ms: 1_000,
        expected: 3,
        seen: 2,
        flags: [("checkout".to_owned(), flag), ("other".to_owned(), FlagCounts::default())].into(),
    };
    let stored_line = serde_json::to_vec(&stored).unwrap();
    let mut faults = Faults::new("h.ndjson");
    assert_eq!(line::read(&stored_line, &mut faults).as_ref(), Some(&stored), "{faults:?}");
    let mut read = Vec::new();
    let taken = history(stored_line).each(|observation| read.push(observation.clone()));
    assert_eq!(taken.unwrap().count(), 0);
    assert_eq!(read, [stored]);
}

#[test]
fn all_faults_of_a_file_are_named_with_line_and_path() {
    let mut second = tick();
    second["span_ms"] = json!("x");
    second["flags"]["checkout"]["variants"]["stable"]["results"] = json!([1]);
    second["flags"]["checkout"]["variants"]["next"]["started"] = json!(-5);
    let text = format!("{}\n{second}\n\n[1, 2]\nnothing\n{{}}", tick());
    assert_eq!(
        faults(text),
        [
            "h.ndjson:2: $.span_ms: found \"x\", allowed a whole number between 0 and 9007199254740992",
            "h.ndjson:2: $.flags.checkout.variants.next.started: found -5, allowed a whole number between 0 and 9007199254740992",
            "h.ndjson:2: $.flags.checkout.variants.stable.results: found an array of 1, allowed an array of 6",
            "h.ndjson:4: $: found an array of 2, allowed an observation, one a line: an object of at_ms, span_ms, expected, seen, flags",
            "h.ndjson:5: $: found no JSON (expected ident, column 2), allowed an observation, one a line: an object of at_ms, span_ms, expected, seen, flags",
            "h.ndjson:6: $.at_ms: found nothing, allowed a value: this key must be there",
            "h.ndjson:6: $.span_ms: found nothing, allowed a value: this key must be there",
            "h.ndjson:6: $.expected: found nothing, allowed a value: this key must be there",
            "h.ndjson:6: $.seen: found nothing, allowed a value: this key must be there",
            "h.ndjson:6: $.flags: found nothing, allowed a value: this key must be there",
        ]
    );
    let many = history("x\n".repeat(99)).check().unwrap();
    assert_eq!((many.count(), many.left_out(), many.named().len()), (99, 79, 20));
    let latin = faults([tick().to_string().as_bytes(), b"\n{\"\xe9\": 1}\n"].concat());
    assert!(latin[0].starts_with("h.ndjson:2: $: found no UTF-8 from byte 3 of the line, allowed"), "{latin:?}");
}

#[test]
fn what_would_count_for_something_else_is_refused() {
    let bins = |bins: Value| fault("variants/next/duration", bins);
    for (found, starts) in [
        (
            fault("variants/next/durations", json!({})),
            "variants.next.durations: found an unknown key, allowed \"duration\" (did you mean that?), or one of started,",
        ),
        (fault("segmets", json!({})), "segmets: found an unknown key, allowed \"segments\" (did you mean that?)"),
        (
            fault("variants/next/cells/3", json!([1, 50])),
            "variants.next.cells[3][1]: found 50, allowed at most the cell's 1 requests and 10 more (an error can be read",
        ),
        (
            fault("variants/next/cells/3", json!([1_000, 1_101])),
            "variants.next.cells[3][1]: found 1101, allowed at most the cell's 1000 requests and 100 more",
        ),
        (
            fault("variants/next/cells/3", json!([1.5, 0])),
            "variants.next.cells[3][0]: found 1.5, allowed a whole number",
        ),
        (fault("variants/next/cells", json!([])), "variants.next.cells: found an array of 0, allowed an array of 20"),
        (
            bins(json!({ "5": [100, 2], "6": [1, 3] })),
            "variants.next.duration.6: found a bin that begins before the one below it ends, allowed bins that do not overlap: from 105 on",
        ),
        (bins(json!({ "abc": [1, 2] })), "variants.next.duration.abc: found the key \"abc\", allowed a lower bound"),
        (bins(json!({ "07": [1, 2] })), "variants.next.duration.07: found the key \"07\", allowed a lower bound"),
        (bins(json!({ "7": [0.5, 2] })), "variants.next.duration.7[0]: found 0.5, allowed a whole number"),
        (
            fault("variants/next/scores", json!({ "q": { "cells": vec![json!([1, "x", 1]); 1] } })),
            "variants.next.scores.q.cells: found an array of 1, allowed an array of 20",
        ),
        (
            fault("custom", json!({ "q": { "candidate": "NaN" } })),
            "custom.q.candidate: found \"NaN\", allowed a number",
        ),
        (
            fault("custom", json!({ "q": { "answer": "maybe" } })),
            "custom.q.answer: found \"maybe\", allowed \"yes\", \"no\" or \"unknown\"",
        ),
        (
            fault("shadow", json!({ "comparisons": 3, "agreements": 4 })),
            "shadow.agreements: found 4, allowed at most the 3 comparisons",
        ),
    ] {
        assert!(found.starts_with(starts), "{found}");
    }
    let mut seen = tick();
    seen["seen"] = json!(4);
    assert_eq!(faults(seen.to_string()), ["h.ndjson:1: $.seen: found 4, allowed at most the 3 that are expected"]);
    let twice = tick().to_string().replace("\"stable\":", "\"next\":");
    assert_eq!(
        faults(twice),
        ["h.ndjson:1: $.flags.checkout.variants.next: found the key again, allowed each key once"]
    );
}

#[test]
fn bins_at_ever_new_bounds_end_where_envoys_do() {
    let line = |second: u64| {
        let mut tick = tick();
        let bins = (0..100).map(|i| ((i * 1_000 + second).to_string(), json!([1, 1])));
        tick["flags"]["checkout"]["variants"]["next"]["duration"] = Value::Object(bins.collect());
        tick.to_string() + "\n"
    };
    assert_eq!(faults((0..20).map(line).collect::<String>()), [""; 0]);
    let found = faults((0..60).map(line).collect::<String>());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("h.ndjson:21: $.flags.checkout.variants.next.duration."), "{found:?}");
    assert!(found[0].contains("found one more lower bound of a bin, allowed at most 2000"), "{found:?}");
    // All of Envoy's.
    let envoys = (0..15).flat_map(|power| (10..100).map(move |digits| digits * 10_u64.pow(power))).chain(0..10);
    assert!(envoys.filter(|bound| *bound <= 1 << 53).count() < 2_000);
}
