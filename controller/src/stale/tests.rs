use serde_json::json;

use super::*;
use crate::observation::VariantCounts;

const HOUR: u64 = 3_600_000;
const BEGIN: u64 = 1_000 * HOUR;

fn document(targeting: &Value) -> (Document, String) {
    let text = json!({
        "flags": {
            "checkout": { "state": "ENABLED", "variants": { "stable": "v1", "next": "v2" }, "defaultVariant": "stable" },
            "banner": { "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off", "targeting": targeting }
        },
        "$evaluators": { "all": { "if": [ { "==": [ { "var": "a" }, 1 ] }, "on", "on" ] } },
        "weir": {
            "version": 1,
            "identity": [ { "header": "x-user-id" } ],
            "outputs": { "checkout": { "requestHeader": "x-weir-checkout" } },
            "rollouts": { "checkout": { "control": "stable", "candidate": "next",
                "stages": [ { "weight": "5%", "for": "10m" }, { "weight": "100%" } ] } }
        }
    })
    .to_string();
    (weir_core::check::check(&text).unwrap(), text)
}

fn tick(at_ms: u64, served: &[(&str, u64)], unassigned: &[(&str, u64)]) -> Observation {
    let variants = served
        .iter()
        .map(|(name, started)| ((*name).to_owned(), VariantCounts { started: *started, ..VariantCounts::default() }));
    let unassigned = unassigned.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
    let counts = FlagCounts { variants: variants.collect(), unassigned, ..FlagCounts::default() };
    Observation { at_ms, flags: [("checkout".to_owned(), counts)].into(), ..Observation::default() }
}

fn of(stale: &[Stale], flag: &str) -> Option<(Kind, Option<String>, u64)> {
    stale.iter().find(|s| s.flag == flag).map(|s| (s.kind, s.variant.clone(), (s.since_ms - BEGIN) / HOUR))
}

#[test]
fn one_side_for_48_hours_is_stale_and_a_single_request_of_the_other_begins_anew() {
    let (document, text) = document(&json!({ "if": [ { "==": [ { "var": "a" }, 1 ] }, "on", "off" ] }));
    let mut sides = Sides::default();
    assert!(sides.define(&document, ("h", &text), BEGIN));
    assert!(!sides.define(&document, ("h", &text), BEGIN + HOUR));
    let at = |sides: &Sides, hour: u64| of(&sides.stale(&document, |_| Phase::Done, BEGIN + hour * HOUR), "checkout");
    for hour in 0..=100 {
        let other = u64::from(hour == 20);
        sides.observe(&document, &tick(BEGIN + hour * HOUR, &[("next", 5), ("stable", other)], &[]));
        // What is stored goes on where it was.
        sides = serde_json::from_str(&serde_json::to_string(&sides).unwrap()).unwrap();
        let expected = (hour >= 69).then(|| (Kind::OneSided, Some("next".to_owned()), 21));
        assert_eq!(at(&sides, hour), expected, "hour {hour}");
    }
    let sentence = sides.stale(&document, |_| Phase::Done, BEGIN + 100 * HOUR)[0].sentence.clone();
    assert_eq!(
        sentence,
        "checkout: everybody has had next for 79 h: make it the defaultVariant, remove the rollout and the variant stable, \
         and then the code of it"
    );
    assert_eq!(at(&sides, 148), Some((Kind::NoTraffic, None, 100)), "and nobody asks any more");
    assert!(!sides.observe(&document, &tick(BEGIN, &[], &[])), "no request is no news");
}

#[test]
fn whoever_is_not_split_has_control_but_for_targeting() {
    let (document, text) = document(&Value::Null);
    for (reason, expected) in [("mask", Some("stable")), ("no_identity", Some("stable")), ("targeting", None)] {
        let mut sides = Sides::default();
        sides.define(&document, ("h", &text), BEGIN);
        for hour in 0..60 {
            sides.observe(&document, &tick(BEGIN + hour * HOUR, &[("stable", 1)], &[(reason, 1)]));
        }
        let found = of(&sides.stale(&document, |_| Phase::RolledBack, BEGIN + 60 * HOUR), "checkout");
        assert_eq!(found.map(|(_, variant, _)| variant.unwrap()).as_deref(), expected, "{reason}");
    }
}

#[test]
fn a_rule_of_which_all_branches_give_one_variant_is_stale_48_hours_after_it_was_defined() {
    for (targeting, only) in [
        (Value::Null, Some("off")),
        (json!({}), Some("off")),
        (json!({ "if": [ { "var": "a" }, "on", { "var": "b" }, "on", "on" ] }), Some("on")),
        (json!({ "if": [ { "var": "a" }, "on" ] }), None),
        (json!({ "if": [ { "var": "a" }, "off" ] }), Some("off")),
        (json!({ "if": [ { "var": "a" }, true, "on" ] }), Some("on")),
        (json!({ "$ref": "all" }), Some("on")),
        (json!({ "fractional": [ { "var": "a" }, ["on", 100], ["off", 0] ] }), None),
        (json!({ "fractional": [ { "var": "a" }, ["off", 100], ["on", 0] ] }), Some("off")),
        (json!({ "fractional": [ { "var": "a" }, ["on", 50], ["off", 50] ] }), None),
        (json!({ "var": "a" }), None),
    ] {
        let (document, text) = document(&targeting);
        let mut sides = Sides::default();
        sides.define(&document, ("h", &text), BEGIN);
        let at = |sides: &Sides, hour: u64| of(&sides.stale(&document, |_| Phase::Idle, BEGIN + hour * HOUR), "banner");
        assert_eq!(at(&sides, 47), None, "{targeting}");
        let expected = only.map(|name| (Kind::OneOutcome, Some(name.to_owned()), 0));
        assert_eq!(at(&sides, 48), expected, "{targeting}");
        // The same flag in another document is not defined anew.
        sides.define(&document, ("other", &text), BEGIN + 10 * HOUR);
        assert_eq!(at(&sides, 48), expected, "{targeting}");
    }
}
