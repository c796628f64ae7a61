//! An explanation agrees with what it explains: its root is the evaluator's answer, each node is what the nodes below it make, and each bucket is the one
//! that `fractional` chose.
#![cfg(not(target_arch = "wasm32"))]

use serde_json::{Value, json};
use weir_core::check::check;
use weir_core::evaluate::FlagSet;
use weir_core::explain::fate::Fate;
use weir_core::explain::{Explained, Explanation, Outcome, Step};
use weir_core::json::Json;
use weir_core::share::Share;
use weir_core::snapshot::{FlagState, State};

fn explain(document: &str, flag: &str, context: &Value, state: Option<&State>) -> Explanation {
    let (text, checked) = (Json::read(document).unwrap(), check(document).unwrap());
    let context = Json::read(&context.to_string()).unwrap();
    Explained { text: &text, document: &checked, state }.explain(flag, &context, 1_790_000_000_000).unwrap()
}

/// Each node is what the nodes below it make.
fn consistent(step: &Step) {
    let last = step.steps.iter().rfind(|below| below.outcome != Outcome::NotReached);
    if let (Some(Fate::Bucket(hashed)), Outcome::Value(value)) = (&step.fate, &step.outcome) {
        assert_eq!(&hashed.bucket().unwrap().variant, value, "{step:?}");
    }
    if let Some(Fate::Null(_)) = step.fate {
        assert_eq!(step.outcome, Outcome::Value(Json::Null), "{step:?}");
    }
    match (step.rule.as_str(), last) {
        ("if", Some(last)) if last.role == "condition" => {
            assert!(matches!(step.outcome, Outcome::Value(Json::Null) | Outcome::Error(_)), "{step:?}");
        }
        ("if" | "and" | "or", Some(last)) => assert_eq!(last.outcome, step.outcome, "{step:?}"),
        _ => {}
    }
    step.steps.iter().for_each(consistent);
}

#[test]
fn every_worked_example_of_fractional_is_explained() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("vectors/fractional.json")).unwrap();
    let flags: Value = serde_json::from_str(include_str!("vectors/fractional-flags.json")).unwrap();
    let mut hashed = 0;
    for dialect in ["v3", "v2"] {
        let mut document = flags.clone();
        document["weir"] = json!({ "version": 1, "hashing": format!("flagd-{dialect}") });
        let document = document.to_string();
        for row in &rows {
            let explanation = explain(&document, row["flag"].as_str().unwrap(), &row["context"], None);
            let step = explanation.rule.unwrap();
            consistent(&step);
            if let (Some(Fate::Bucket(_)), Some(variant)) = (&step.fate, row[dialect].as_str()) {
                let Outcome::Value(value) = &step.outcome else { panic!("{row}") };
                let text = value.as_str().map_or_else(|| value.compact(), str::to_owned);
                assert!(text == variant || value == &Json::Null, "{dialect} {row} {text}");
                hashed += 1;
            }
        }
    }
    assert!(hashed > 400, "{hashed}");
}

#[test]
fn rules_of_every_kind_are_explained_as_they_are_evaluated() {
    let rules = [
        json!({ "if": [{ "in": [{ "var": "targetingKey" }, ["alice", "bob"]] }, "on", { "var": "plan" }, "off"] }),
        json!({ "and": [{ "var": "plan" }, { "!=": [{ "var": "plan" }, "free"] }, "on"] }),
        json!({ "or": [{ "var": "nothing" }, "", { "if": [{ "$ref": "vip" }, "on"] }] }),
        json!({ "if": [{ "some": [{ "var": "roles" }, { "==": [{ "var": "" }, "admin"] }] }, "on", "off"] }),
        json!({ "if": [{ "all": [{ "var": "roles" }, { "in": [{ "var": "" }, ["admin", "dev"]] }] }, "on", "off"] }),
        json!({ "if": [{ ">": [{ "reduce": [{ "var": "sizes" }, { "+": [{ "var": "current" }, { "var": "accumulator" }] }, 0] }, 5] }, "on", "off"] }),
        json!({ "if": [{ "in": ["admin", { "map": [{ "var": "roles" }, { "cat": [{ "var": "" }, ""] }] }] }, "on", "off"] }),
        json!({ "if": [{ "fractional": [{ "var": "plan" }, [true, 1], [false, 1]] }, { "fractional": [["on", 30], ["off", 70]] }, "off"] }),
        json!({ "if": [{ "no such operator": 1 }, "on", "off"] }),
        json!({ "if": [{ ">": [{ "var": "$flagd.timestamp" }, 1] }, { "fractional": [{ "cat": [{ "var": "$flagd.flagKey" }, { "var": "targetingKey" }] }, ["on"], ["off"]] }] }),
    ];
    let contexts = [
        json!({}),
        json!({ "targetingKey": "alice", "plan": "free", "roles": ["dev"], "sizes": [] }),
        json!({ "targetingKey": "carol", "plan": "pro", "roles": ["dev", "admin", "x"], "sizes": [1, 2, 3] }),
        json!({ "targetingKey": "", "plan": null, "roles": [], "sizes": [9] }),
    ];
    for rule in &rules {
        let document = json!({
            "$evaluators": { "vip": { "in": [{ "var": "targetingKey" }, ["carol"]] } },
            "flags": { "f": { "state": "ENABLED", "variants": { "on": 1, "off": 0 }, "defaultVariant": "off", "targeting": rule } },
        })
        .to_string();
        for context in &contexts {
            let step = explain(&document, "f", context, None).rule.unwrap();
            consistent(&step);
            let set = FlagSet::new(check(&document).unwrap());
            let context = Json::read(&context.to_string()).unwrap();
            let found = set.evaluate("f", &context, 1_790_000_000_000);
            match (&step.outcome, &found.error) {
                (Outcome::Error(_), Some(_)) => {}
                (Outcome::Value(Json::Null), None) => assert_eq!(found.variant, Some("off"), "{rule}"),
                (Outcome::Value(Json::String(name)), _) => {
                    assert!(found.variant == Some(name) || found.error.is_some(), "{rule} {name} {found:?}");
                }
                (outcome, found) => assert!(found.is_some(), "{rule} {outcome:?} {found:?}"),
            }
        }
    }
}

const ROLLOUT: &str = r#"{"flags": {"checkout": {"state": "ENABLED", "variants": {"stable": 1, "next": 2}, "defaultVariant": "stable",
      "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "next"]}}},
    "weir": {"version": 1, "identity": [{"header": "x-user-id"}], "outputs": {"checkout": {"requestHeader": "x-weir-checkout"}},
             "rollouts": {"checkout": {"control": "stable", "candidate": "next", "stages": [{"weight": "100%"}]}}}}"#;

fn state(flag: FlagState) -> State {
    State { kill: false, flags: [("checkout".to_owned(), flag)].into() }
}

#[test]
fn a_rollouts_split_shows_its_bytes_hash_bucket_and_range() {
    let quarter = FlagState { weight: Share::from_ppm(250_000).unwrap(), ..FlagState::default() };
    let explanation = explain(ROLLOUT, "checkout", &json!({ "targetingKey": "alice" }), Some(&state(quarter)));
    let Some(Fate::Bucket(hashed)) = explanation.split else { panic!("{explanation:?}") };
    assert_eq!(hashed.value, Json::String("weir/checkout/alice".to_owned()));
    // 0x73 is a text of 19 bytes in CBOR.
    assert_eq!(
        hashed.hex(),
        format!("73{}", "weir/checkout/alice".bytes().map(|b| format!("{b:02x}")).collect::<String>())
    );
    let split = weir_core::plan::Split::new("weir/checkout", weir_core::document::Hashing::FlagdV3);
    assert_eq!((hashed.hash, hashed.place), (split.hash("alice"), split.place("alice")));
    let ranges: Vec<_> = hashed.buckets.iter().map(|bucket| (bucket.from, bucket.to)).collect();
    assert_eq!((hashed.total, ranges), (1_000_000, vec![(0, 250_000), (250_000, 1_000_000)]));
    let bucket = hashed.bucket().unwrap();
    assert!((bucket.from..bucket.to).contains(&hashed.place));
}

#[test]
fn what_comes_before_the_split_is_said_in_its_place() {
    let full = FlagState { weight: Share::ALL, ..FlagState::default() };
    let key = json!({ "targetingKey": "alice" });
    for (flag, context, rule, split, note) in [
        (full, &key, true, true, None),
        (full, &json!({ "targetingKey": "alice", "plan": "pro" }), true, false, None),
        (FlagState { kill: true, ..full }, &key, false, false, Some("the flag is killed: control for everybody")),
        (FlagState { mask: true, ..full }, &key, true, true, Some("rolled back: whoever would get next gets stable")),
        (full, &json!({}), true, true, None),
    ] {
        let explanation = explain(ROLLOUT, "checkout", context, Some(&state(flag)));
        assert_eq!((explanation.rule.is_some(), explanation.split.is_some()), (rule, split), "{flag:?} {context}");
        assert_eq!(
            explanation.notes.first().is_some_and(|said| said.starts_with(note.unwrap_or("\0"))),
            note.is_some(),
            "{explanation:?}"
        );
    }
    let explanation = explain(ROLLOUT, "checkout", &json!({}), Some(&state(full)));
    assert!(matches!(explanation.split, Some(Fate::Null(_))));
    let explanation = explain(ROLLOUT, "checkout", &key, None);
    assert!(explanation.split.is_none() && explanation.notes[0].contains("has a rollout"));
}
