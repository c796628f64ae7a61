//! An exported document gives everybody the variant that a proxy serves, for rules of every kind, in every state.
#![cfg(not(target_arch = "wasm32"))]

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_core::check::check;
use weir_core::document::Document;
use weir_core::evaluate::FlagSet;
use weir_core::export::{Exported, flagd};
use weir_core::json::Json;
use weir_core::served::Served;
use weir_core::share::{Share, WHOLE};
use weir_core::snapshot::{FlagState, State};

fn document(rule: &Value, hashing: &str, control: &str) -> String {
    let candidate = if control == "stable" { "next" } else { "stable" };
    json!({
        "$evaluators": { "vip": { "in": [{ "var": "plan" }, ["pro"]] }, "beta": { "if": [{ "var": "beta" }, "next", "gone"] } },
        "metadata": { "team": "shop" },
        "flags": {
            "checkout": {
                "state": "ENABLED", "variants": { "stable": 1, "next": 2, "true": 3, "false": 4, "1": 5 }, "defaultVariant": "stable", "targeting": rule
            },
            "plain": { "state": "ENABLED", "variants": { "a": 1, "b": 2 }, "defaultVariant": "a", "targeting": { "fractional": [["a", 1], ["b", 1]] } },
            "dark": { "state": "DISABLED", "variants": { "a": 1 }, "defaultVariant": "a" }
        },
        "weir": {
            "version": 1, "hashing": hashing, "identity": [{ "header": "x-user-id" }], "attributes": { "plan": { "header": "x-plan" }, "site": { "constant": "nz" }, "tier": { "header": "x-tier" } },
            "segments": { "gold": { "==": [{ "var": "tier" }, "gold"] } },
            "outputs": { "checkout": { "match": { "pathPrefix": "/checkout" }, "requestHeader": "x-weir-checkout" } },
            "rollouts": { "checkout": { "control": control, "candidate": candidate, "stages": [{ "weight": "100%" }] } }
        }
    })
    .to_string()
}

fn rules() -> Vec<Value> {
    vec![
        Value::Null,
        json!({}),
        json!("next"),
        json!({ "if": [{ "$ref": "vip" }, "next"] }),
        json!({ "if": [{ "$ref": "vip" }, "next", { "var": "beta" }, null, { "var": "odd" }, "gone"] }),
        json!({ "if": [{ "$ref": "vip" }, { "if": [{ "var": "beta" }, "next"] }, "stable"] }),
        json!({ "$ref": "beta" }),
        json!({ "if": [{ "$ref": "vip" }, { "$ref": "beta" }] }),
        json!({ "fractional": [["next", 1], ["stable", 2], ["gone", 1], [null, 1]] }),
        json!({ "fractional": [{ "var": "plan" }, ["next", 1], [true, 1], [false, 1]] }),
        json!({ "fractional": [["next", -1.5], ["stable", 2]] }),
        json!({ "if": [{ "var": "beta" }, false, { "$ref": "vip" }, 1] }),
        json!({ "in": [{ "var": "plan" }, ["pro", "free"]] }),
        json!({ "var": "plan" }),
        json!({ "and": [{ "var": "beta" }, "next"] }),
        json!({ "or": [{ "if": [{ "var": "beta" }, "next"] }, { "if": [{ "$ref": "vip" }, "stable"] }] }),
        json!({ "if": [{ "var": "odd" }, ["next"], { "var": "beta" }, { "cat": ["ne", "xt"] }] }),
        json!({ "if": ["next"] }),
        json!({ "fractional": [{ "cat": [{ "var": "targetingKey" }, "x"] }, ["next", { "if": [{ "var": "beta" }, 9, 1] }], ["stable", 1]] }),
    ]
}

fn contexts() -> impl Strategy<Value = Value> {
    let key = prop_oneof![Just(Value::Null), Just("".into()), "[a-z]{1,4}".prop_map(Value::from), Just("ünï".into())];
    let plan = prop_oneof![
        Just(Value::Null),
        Just("pro".into()),
        Just("free".into()),
        Just("next".into()),
        Just(1.into()),
        Just(true.into())
    ];
    (key, plan, any::<bool>(), any::<bool>()).prop_map(|(key, plan, beta, odd)| {
        let mut context = json!({ "beta": beta, "odd": odd });
        for (name, value) in [("targetingKey", key), ("plan", plan)] {
            if !value.is_null() {
                context[name] = value;
            }
        }
        context
    })
}

fn exported(text: &str, state: &State) -> (Document, Exported) {
    let document = check(text).unwrap();
    let exported = flagd(&Json::read(text).unwrap(), &document, state);
    (document, exported)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn everybody_gets_what_a_proxy_serves(
        rule in prop::sample::select(rules()), context in contexts(), v3: bool, turned: bool,
        weight in prop_oneof![Just(0), Just(WHOLE), 0..WHOLE],
        (mask, kill, all) in (prop::bool::weighted(0.3), prop::bool::weighted(0.1), prop::bool::weighted(0.1)),
    ) {
        let text = document(&rule, if v3 { "flagd-v3" } else { "flagd-v2" }, if turned { "next" } else { "stable" });
        let flag = FlagState { weight: Share::from_ppm(weight).unwrap(), mask, kill };
        let state = State { kill: all, flags: [("checkout".to_owned(), flag)].into() };
        let (document, exported) = exported(&text, &state);
        // flagd reads no `weir`; the dialect is the reader's.
        let mut plain: Value = serde_json::from_str(&exported.document.compact()).unwrap();
        prop_assert!(plain.get("weir").is_none());
        plain["weir"] = json!({ "version": 1, "hashing": if v3 { "flagd-v3" } else { "flagd-v2" } });
        let there = FlagSet::new(check(&plain.to_string()).unwrap());
        let here = FlagSet::new(document);
        let context = Json::read(&context.to_string()).unwrap();
        for key in ["checkout", "plain", "dark"] {
            let served = Served { flags: &here, state: &state };
            let (served, found) = (served.resolve(key, &context, 0), there.evaluate(key, &context, 0));
            prop_assert_eq!(served.variant, found.variant, "{} {:?} {}", key, flag, plain["flags"]["checkout"]);
            prop_assert_eq!(served.value, found.value);
        }
    }
}

fn rule_of(rule: Value, flag: FlagState) -> Value {
    let state = State { kill: false, flags: [("checkout".to_owned(), flag)].into() };
    let (_, exported) = exported(&document(&rule, "flagd-v3", "stable"), &state);
    serde_json::from_str::<Value>(&exported.document.compact()).unwrap()["flags"]["checkout"]["targeting"].take()
}

#[test]
fn what_is_written_is_what_a_person_would_write() {
    let twentieth = FlagState { weight: Share::from_ppm(50_000).unwrap(), ..FlagState::default() };
    let masked = FlagState { mask: true, ..twentieth };
    let split = json!({ "if": [{ "var": "targetingKey" },
        { "fractional": [{ "cat": ["weir/checkout", "/", { "var": "targetingKey" }] }, ["next", 50_000], ["stable", 950_000]] }] });
    let vip = json!({ "$ref": "vip" });
    let computed = json!({ "var": "plan" });
    for (rule, flag, expected) in [
        (Value::Null, twentieth, split.clone()),
        (json!({ "if": [vip, "next"] }), twentieth, json!({ "if": [vip, "next", split] })),
        (json!({ "if": [vip, "next", null] }), twentieth, json!({ "or": [{ "if": [vip, "next", null] }, split] })),
        (json!({ "if": [vip, "next", "stable"] }), twentieth, json!({ "if": [vip, "next", "stable"] })),
        (json!({ "if": [vip, "next", "gone"] }), twentieth, json!({ "if": [vip, "next", "stable"] })),
        (json!({ "if": [vip, "next"] }), masked, json!({ "if": [vip, "stable"] })),
        (
            json!({ "if": [vip, false] }),
            twentieth,
            json!({ "if": [{ "===": [{ "if": [vip, false] }, null] }, split, { "if": [vip, false] }] }),
        ),
        (
            computed.clone(),
            twentieth,
            json!({ "if": [{ "===": [computed, null] }, split,
                { "in": [computed, ["1", 1, "false", false, "next", "stable", "true", true]] }, computed, "stable"] }),
        ),
        (Value::Null, masked, Value::Null),
        (json!({ "if": [vip, "next"] }), FlagState { kill: true, ..twentieth }, Value::Null),
    ] {
        assert_eq!(rule_of(rule.clone(), flag), expected, "{rule} {flag:?}");
    }
}

#[test]
fn notes_say_what_flagd_has_no_words_for() {
    let state = State {
        kill: false,
        flags: [("checkout".to_owned(), FlagState { mask: true, ..FlagState::default() })].into(),
    };
    let rule = json!({ "if": [{ "==": [{ "var": "site" }, { "var": "plan" }] }, "next"] });
    let (_, exported) = exported(&document(&rule, "flagd-v2", "stable"), &state);
    // What only segments ask for is no application's affair.
    let expected = [
        "fractional hashes as in dialect v2",
        "the context must carry what a proxy reads from the request: targetingKey (header x-user-id), plan (header x-plan), site (always \"nz\")",
        "checkout: rolled back, stable for whoever would get next",
        "checkout: a proxy decides it for requests below /checkout; flagd for whoever asks",
    ];
    assert_eq!(exported.notes.len(), expected.len(), "{:?}", exported.notes);
    for (note, start) in exported.notes.iter().zip(expected) {
        assert!(note.starts_with(start), "{note}");
    }
}
