use serde_json::{Value, json};

use super::*;
use crate::rollout::Plan;

fn text() -> Value {
    json!({
        "$evaluators": { "beta": { "==": [ { "var": "tier" }, "beta" ] } },
        "flags": {
            "checkout": { "state": "ENABLED", "variants": { "stable": "v1", "next": "v2", "third": "v3" }, "defaultVariant": "stable" },
            "banner": { "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off" }
        },
        "weir": {
            "version": 1,
            "identity": [ { "header": "x-user-id" } ],
            "outputs": {
                "checkout": { "requestHeader": "x-weir-checkout" },
                "banner": { "requestHeader": "x-weir-banner" }
            },
            "counters": { "fallback": { "responseHeader": "x-fallback" }, "other": { "status": 429 }, "goal": { "status": 201 } },
            "scores": { "quality": { "responseHeader": "x-quality" }, "drifting": { "responseHeader": "x-drift" },
                "idle": { "responseHeader": "x-idle" } },
            "attributes": { "tier": { "header": "x-tier" }, "site": { "header": "x-site" } },
            "segments": { "beta": { "$ref": "beta" }, "all": { "!=": [ { "var": "targetingKey" }, "" ] } },
            "rollouts": { "checkout": {
                "control": "stable", "candidate": "next", "salt": "weir/checkout",
                "stages": [ { "weight": "5%", "for": "10m" }, { "weight": "100%", "for": "10m" } ],
                "guardrails": [ { "metric": "errors", "ratio": 2.0, "max": "1%" }, { "metric": "fallback", "max": "1%" } ],
                "analysis": { "goals": { "goal": { "minimumEffect": "1%" } }, "scores": { "quality": { "minimumEffect": 0.1 } },
                    "drift": { "of": { "score": "drifting" } }, "segments": {} }
            } }
        }
    })
}

fn document(value: &Value) -> Document {
    weir_core::check::check(&value.to_string()).expect("a good document")
}

fn changed(edits: &[(&str, Value)]) -> Value {
    let mut value = text();
    for (pointer, new) in edits {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match new {
            Value::Null => parent.remove(name),
            new => parent.insert(name.to_owned(), new.clone()),
        };
    }
    value
}

fn state(phase: Phase) -> BTreeMap<String, RolloutState> {
    let old = document(&text());
    let plan = old.flags.iter().find_map(|flag| flag.rollout.as_ref()).map(Plan::of);
    BTreeMap::from([("checkout".to_owned(), RolloutState { attempt: 3, phase, plan, ..RolloutState::default() })])
}

const NO_ROLLOUT: (&str, Value) = ("/weir/rollouts/checkout", Value::Null);

#[test]
fn what_may_follow_while_users_are_on_a_candidate() {
    let default = |name: &str| ("/flags/checkout/defaultVariant", json!(name));
    let rollout = |name: &str, value: &str| {
        let pointer: &'static str = match name {
            "control" => "/weir/rollouts/checkout/control",
            "candidate" => "/weir/rollouts/checkout/candidate",
            _ => "/weir/rollouts/checkout/salt",
        };
        (pointer, json!(value))
    };
    let disabled = ("/flags/checkout/state", json!("DISABLED"));
    let identity = ("/weir/identity", json!([{ "cookie": "session" }]));
    let hashing = ("/weir/hashing", json!("flagd-v2"));
    let stages = ("/weir/rollouts/checkout/stages", json!([{ "weight": "100%", "for": "1m" }]));
    let banner = ("/flags/banner/defaultVariant", json!("on"));
    let header = ("/weir/outputs/checkout/requestHeader", json!("x-other"));

    let guardrails = ("/weir/rollouts/checkout/guardrails", json!([{ "metric": "errors", "ratio": 2.0 }]));

    let no_segments = ("/weir/rollouts/checkout/analysis/segments", Value::Null);

    // What the document changes; the paths it is refused for while the attempt runs, and after it ended at 100 %.
    type Case<'a> = (Vec<(&'a str, Value)>, &'a [&'a str], &'a [&'a str]);
    let cases: Vec<Case<'_>> = vec![
        (vec![], &[], &[]),
        (vec![stages, banner, header, ("/weir/counters/other", json!({ "status": 503 }))], &[], &[]),
        // The attempt is judged by the guardrails of its start.
        (vec![("/weir/counters/fallback", Value::Null), guardrails], &["$.weir.counters.fallback"], &[]),
        (vec![("/weir/counters/fallback", json!({ "status": 503 }))], &["$.weir.counters.fallback"], &[]),
        (
            vec![
                ("/weir/counters/goal", json!({ "status": 200 })),
                ("/weir/scores/quality/max", json!(1)),
                ("/weir/scores/drifting/max", json!(1)),
                ("/weir/scores/idle", Value::Null),
            ],
            &["$.weir.counters.goal", "$.weir.scores.drifting", "$.weir.scores.quality"],
            &[],
        ),
        // A segment is its rule, the evaluators that this refers to, and what its attributes are read from.
        (vec![("/weir/segments/beta", json!({ "==": [{ "var": "tier" }, "gamma"] }))], &["$.weir.segments.beta"], &[]),
        (vec![("/$evaluators/beta", json!({ "==": [{ "var": "tier" }, "gamma"] }))], &["$.weir.segments.beta"], &[]),
        (vec![("/weir/attributes/tier", json!({ "cookie": "tier" }))], &["$.weir.segments.beta"], &[]),
        (
            vec![("/weir/segments/beta", Value::Null), ("/weir/segments/all", Value::Null), no_segments.clone()],
            &["$.weir.segments.all", "$.weir.segments.beta", "$.weir.rollouts.checkout.analysis.segments"],
            &[],
        ),
        (vec![no_segments], &["$.weir.rollouts.checkout.analysis.segments"], &[]),
        // Other numbers of the same attributes, a further segment and another source of what none asks for are no change.
        (
            vec![
                ("/flags/banner/targeting", json!({ "if": [{ "var": "site" }, "on", "off"] })),
                ("/weir/segments/site", json!({ "var": "site" })),
                ("/weir/attributes/site", json!({ "cookie": "site" })),
                ("/weir/attributes/more", json!({ "path": true })),
            ],
            &[],
            &[],
        ),
        (vec![NO_ROLLOUT], &["$.weir.rollouts.checkout"], &["$.weir.rollouts.checkout"]),
        (vec![NO_ROLLOUT, default("next")], &["$.flags.checkout.defaultVariant", "$.weir.rollouts.checkout"], &[]),
        (vec![default("next")], &["$.flags.checkout.defaultVariant"], &[]),
        (vec![default("third")], &["$.flags.checkout.defaultVariant"], &[]),
        (vec![disabled.clone()], &["$.flags.checkout.state"], &["$.flags.checkout.state"]),
        (
            vec![disabled, NO_ROLLOUT, default("next")],
            &["$.flags.checkout.state", "$.flags.checkout.defaultVariant", "$.weir.rollouts.checkout"],
            &["$.flags.checkout.state", "$.weir.rollouts.checkout"],
        ),
        (
            vec![("/flags/checkout", Value::Null), NO_ROLLOUT, ("/weir/outputs/checkout", Value::Null)],
            &["$.flags.checkout"],
            &["$.flags.checkout"],
        ),
        (vec![rollout("salt", "other")], &["$.weir.rollouts.checkout.salt"], &["$.weir.rollouts.checkout.salt"]),
        (
            vec![rollout("salt", "other"), default("next")],
            &["$.flags.checkout.defaultVariant", "$.weir.rollouts.checkout.salt"],
            &[],
        ),
        (
            vec![rollout("candidate", "third")],
            &["$.weir.rollouts.checkout.candidate"],
            &["$.weir.rollouts.checkout.candidate"],
        ),
        // The next rollout may begin where this one ended, and only there.
        (
            vec![rollout("control", "next"), rollout("candidate", "third"), default("next")],
            &[
                "$.flags.checkout.defaultVariant",
                "$.weir.rollouts.checkout.control",
                "$.weir.rollouts.checkout.candidate",
            ],
            &[],
        ),
        (
            vec![rollout("candidate", "third"), default("next")],
            &["$.flags.checkout.defaultVariant", "$.weir.rollouts.checkout.candidate"],
            &["$.weir.rollouts.checkout.candidate"],
        ),
        (
            vec![identity.clone(), hashing.clone()],
            &["$.weir.identity", "$.weir.hashing"],
            &["$.weir.identity", "$.weir.hashing"],
        ),
        (
            vec![identity, hashing, default("next")],
            &["$.flags.checkout.defaultVariant", "$.weir.identity", "$.weir.hashing"],
            &[],
        ),
    ];
    let old = document(&text());
    for (edits, under_way, done) in cases {
        let new = document(&changed(&edits));
        let paths = |phase| -> Vec<String> {
            review(&old, &new, &state(phase)).conflicts.into_iter().map(|finding| finding.path).collect()
        };
        for phase in [Phase::Baseline, Phase::Running { stage: 1 }, Phase::Paused] {
            assert_eq!(paths(phase), under_way, "{phase:?} {edits:?}");
        }
        assert_eq!(paths(Phase::Done), done, "done {edits:?}");
        for phase in [Phase::Idle, Phase::RolledBack] {
            assert_eq!(paths(phase), [""; 0], "{phase:?} {edits:?}");
        }
    }
}

/// Sixty evaluators, each of which refers twice to the next: 2^60 ways lead to the last.
#[test]
fn evaluators_that_refer_to_each_other_many_times_are_compared_once() {
    let of = |last: &str| {
        let mut evaluators = json!({ "e60": { "==": [{ "var": "tier" }, last] } });
        for i in 0..60 {
            let next = json!({ "$ref": format!("e{}", i + 1) });
            evaluators[format!("e{i}")] = json!({ "or": [next.clone(), next] });
        }
        let segment = json!({ "$ref": "e0" });
        document(&changed(&[("/$evaluators", evaluators), ("/weir/segments/beta", segment)]))
    };
    let running = state(Phase::Running { stage: 0 });
    assert_eq!(review(&of("beta"), &of("beta"), &running), Review::default());
    let conflicts = review(&of("beta"), &of("gamma"), &running).conflicts;
    assert_eq!(conflicts.iter().map(|finding| finding.path.as_str()).collect::<Vec<_>>(), ["$.weir.segments.beta"]);
}

#[test]
fn a_killed_attempt_is_still_an_attempt() {
    let mut states = state(Phase::Running { stage: 0 });
    states.get_mut("checkout").unwrap().killed = true;
    let review = review(&document(&text()), &document(&changed(&[NO_ROLLOUT])), &states);
    assert_eq!(review.conflicts.len(), 1);
}

#[test]
fn an_attempt_ends_with_what_it_rolled_out() {
    let candidate = ("/weir/rollouts/checkout/candidate", json!("third"));
    let salt = ("/weir/rollouts/checkout/salt", json!("other"));
    let disabled = ("/flags/checkout/state", json!("DISABLED"));
    for (edit, ended) in [(NO_ROLLOUT, true), (candidate, true), (disabled, true), (salt, false)] {
        let new = document(&changed(std::slice::from_ref(&edit)));
        let review = review(&document(&text()), &new, &state(Phase::Done));
        assert_eq!(review.ended == ["checkout"], ended, "{edit:?}");
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let old = document(&text());
    let new = document(&changed(&[NO_ROLLOUT]));
    for (phase, sentence) in [
        (
            Phase::Paused,
            "$.weir.rollouts.checkout: found nothing, allowed the rollout (attempt 3 is under way: roll it back first)",
        ),
        (
            Phase::Done,
            "$.weir.rollouts.checkout: found nothing, allowed the rollout (attempt 3 ended at 100 % and everybody has \"next\": \
             make it the defaultVariant first, or roll back)",
        ),
    ] {
        assert_eq!(review(&old, &new, &state(phase)).conflicts[0].to_string(), sentence);
    }
}

#[test]
fn changes_are_listed_by_path() {
    let show = |before: Option<&str>, after: &str| -> Vec<String> {
        let word = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
        changes(before, after).into_iter().map(|c| format!("{} {} {}", c.path, word(c.before), word(c.after))).collect()
    };
    assert_eq!(show(Some(r#"{"a":1}"#), r#"{ "a": 1 }"#), [""; 0]);
    assert_eq!(show(None, r#"{"a":1}"#), [r#"$ - {"a":1}"#]);
    assert_eq!(
        show(Some(r#"{"a":{"x y":1,"b":[1,2]},"c":0}"#), r#"{"a":{"x y":2,"b":[1,3,4]},"d":"s"}"#),
        [r#"$.a.b[1] 2 3"#, r#"$.a.b[2] - 4"#, r#"$.a["x y"] 1 2"#, r#"$.c 0 -"#, r#"$.d - "s""#]
    );
    let long = format!(r#"{{"a":"{}"}}"#, "é".repeat(200));
    assert_eq!(changes(Some("{}"), &long)[0].after.as_ref().unwrap().chars().count(), SHOWN_LENGTH);
    let many: Vec<_> = (0..300).collect();
    let listed = changes(Some("[]"), &json!(many).to_string());
    assert_eq!(listed.len(), 201);
    assert_eq!(listed.last().unwrap().after.as_deref(), Some("and 100 more changes"));
}

const SHOWN_LENGTH: usize = 81;
