//! Shares of users that move: exact on cases computed by hand, and borne out by users who are evaluated on both sides.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use weir_core::check::check;
use weir_core::document::Document;
use weir_core::evaluate::FlagSet;
use weir_core::json::Json;
use weir_core::moves::{Case, Comparison, Outcome, Side};
use weir_core::served::Served;
use weir_core::share::Share;
use weir_core::snapshot::{FlagState, State};

/// How many hashes there are.
const SPACE: u128 = 1 << 32;

struct Whole {
    text: Json,
    document: Document,
    state: State,
}

impl Whole {
    fn new(text: &str, ppm: u32) -> Self {
        let flag = FlagState { weight: Share::from_ppm(ppm).unwrap(), ..FlagState::default() };
        let state = State { kill: false, flags: [("f".to_owned(), flag)].into() };
        Self { text: Json::read(text).unwrap(), document: check(text).unwrap(), state }
    }

    const fn side(&self) -> Side<'_> {
        Side { text: &self.text, document: &self.document, state: &self.state }
    }
}

fn document(rule: &Value, hashing: &str, rollout: bool) -> String {
    let mut document = json!({
        "$evaluators": { "nz": { "==": [{ "var": "country" }, "NZ"] } },
        "flags": { "f": { "state": "ENABLED", "variants": { "a": 1, "b": 2, "c": 3 }, "defaultVariant": "a", "targeting": rule } },
        "weir": { "version": 1, "hashing": hashing, "identity": [{ "header": "x-user-id" }] }
    });
    if rollout {
        document["weir"]["outputs"] = json!({ "f": { "requestHeader": "x-f" } });
        document["weir"]["rollouts"] =
            json!({ "f": { "control": "a", "candidate": "b", "stages": [{ "weight": "100%" }] } });
    }
    document.to_string()
}

fn moves(old: &Whole, new: &Whole) -> Vec<Case> {
    Comparison::new(old.side(), new.side()).moves("f")
}

fn between(old: &Value, new: &Value) -> Vec<Case> {
    let (old, new) = (document(old, "flagd-v3", false), document(new, "flagd-v3", false));
    moves(&Whole::new(&old, 0), &Whole::new(&new, 0))
}

/// Conditions, whether keyless, and flows as (from, to, numerator, bits of the denominator).
type Said = (Vec<(&'static str, bool)>, bool, Vec<(&'static str, &'static str, u128, u32)>);

fn check_cases(cases: &[Case], expected: &[Said]) {
    let variant = |outcome: &Outcome| match outcome {
        Outcome::Variant(name) => name.clone(),
        other => format!("{other:?}"),
    };
    let got: Vec<_> = cases
        .iter()
        .map(|case| {
            assert_eq!(case.unknown, None, "{case:?}");
            let conditions: Vec<_> = case.conditions.clone();
            let flows: Vec<_> = case
                .flows
                .iter()
                .map(|flow| {
                    let (numerator, bits) = flow.share.fraction();
                    (variant(&flow.from), variant(&flow.to), numerator, bits)
                })
                .collect();
            (conditions, case.keyless, flows)
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(conditions, keyless, flows)| {
            let conditions: Vec<_> = conditions.iter().map(|(words, holds)| ((*words).to_owned(), *holds)).collect();
            let flows: Vec<_> =
                flows.iter().map(|(from, to, n, bits)| ((*from).to_owned(), (*to).to_owned(), *n, *bits)).collect();
            (conditions, *keyless, flows)
        })
        .collect();
    assert_eq!(got, expected);
}

fn split(weights: &[(&str, i64)]) -> Value {
    json!({ "fractional": weights.iter().map(|(name, weight)| json!([name, weight])).collect::<Vec<_>>() })
}

#[test]
fn ranges_of_the_same_hash_are_intersected() {
    let half = SPACE / 2;
    let none = (vec![], true, vec![]);
    // A boundary moves: only the users between.
    check_cases(
        &between(&split(&[("a", 50), ("b", 50)]), &split(&[("a", 25), ("b", 75)])),
        &[(vec![], false, vec![("a", "b", SPACE / 4, 32)]), none.clone()],
    );
    // The published figure: 50/50 to 34/33/33 moves 49 % (16 % from a to b, 33 % from b to c).
    let [first, second] = [(34 * SPACE).div_ceil(100), (67 * SPACE).div_ceil(100)];
    check_cases(
        &between(&split(&[("a", 50), ("b", 50)]), &split(&[("a", 34), ("b", 33), ("c", 33)])),
        &[(vec![], false, vec![("a", "b", half - first, 32), ("b", "c", SPACE - second, 32)]), none.clone()],
    );
    // Turned round, 10/90 to 90/10 by reordering: nobody keeps a but whom both have.
    check_cases(
        &between(&split(&[("a", 1), ("b", 1)]), &split(&[("b", 1), ("a", 1)])),
        &[(vec![], false, vec![("a", "b", half, 32), ("b", "a", half, 32)]), none],
    );
    assert_eq!(between(&split(&[("a", 1), ("b", 1)]), &split(&[("a", 50), ("b", 50), ("c", 0)])), []);
}

#[test]
fn splits_that_hash_other_bytes_are_independent() {
    let salted = json!({ "fractional": [{ "cat": ["salt", { "var": "targetingKey" }] }, ["a", 1], ["b", 1]] });
    let cases = between(&split(&[("a", 1), ("b", 1)]), &salted);
    let quarter = SPACE / 4;
    check_cases(&cases[..1], &[(vec![], false, vec![("a", "b", quarter, 32), ("b", "a", quarter, 32)])]);
    assert!(cases[0].independent);
    // A user without a key hashes "salt" alone there, as everybody without one.
    assert!(cases.iter().any(|case| case.keyless));
}

#[test]
fn conditions_make_cases() {
    let nz = json!({ "$ref": "nz" });
    let country = r#"country == "NZ""#;
    let old = json!({ "if": [{ "==": [{ "var": ["country"] }, "NZ"] }, "b"] });
    let new = json!({ "if": [nz, { "if": [{ "var": "beta" }, "c", "b"] }] });
    check_cases(
        &between(&old, &new),
        &[
            (vec![(country, true), ("beta", true)], false, vec![("b", "c", SPACE, 32)]),
            (vec![(country, true), ("beta", false)], false, vec![]),
            (vec![(country, false)], false, vec![]),
        ],
    );
    assert_eq!(between(&old, &json!({ "if": [{ "$ref": "nz" }, "b", null] })), [], "the same, written otherwise");
}

#[test]
fn a_rollout_that_is_raised_moves_the_users_between() {
    let text = document(&Value::Null, "flagd-v3", true);
    let cases = moves(&Whole::new(&text, 10_000), &Whole::new(&text, 50_000));
    let moved = (5 * SPACE).div_ceil(100) - SPACE.div_ceil(100);
    check_cases(&cases, &[(vec![], false, vec![("a", "b", moved, 32)]), (vec![], true, vec![])]);
    assert_eq!(cases[0].flows[0].share.percent(), "4.00 %");
}

#[test]
fn what_can_not_be_told_is_said_to_be_so() {
    let timed = json!({ "fractional": [["a", { "var": "$flagd.timestamp" }], ["b", 1]] });
    for (computed, said) in
        [(&timed, "splits users itself"), (&json!({ "var": "wanted" }), "the variant is computed: wanted")]
    {
        let cases = between(computed, &split(&[("a", 1), ("b", 1)]));
        let told = |case: &Case| case.unknown.as_ref().is_some_and(|why| why.contains(said));
        assert!(cases.iter().any(told), "{cases:?}");
    }
    assert_eq!(between(&timed, &timed), []);
    let hashed = json!({ "if": [{ ">": [{ "fractional": [[1, 1], [2, 1]] }, 1] }, "b"] });
    let cases = between(&hashed, &Value::Null);
    assert!(
        cases.iter().any(|case| case.unknown.as_ref().is_some_and(|why| why.contains("splits users itself"))),
        "{cases:?}"
    );
}

/// Flags `f` and `f1` and so on of this rule, beside evaluators.
fn referring(flags: usize, rule: &Value, evaluators: impl IntoIterator<Item = (String, Value)>) -> Whole {
    let mut whole: Value = serde_json::from_str(&document(rule, "flagd-v3", false)).unwrap();
    for (name, evaluator) in evaluators {
        whole["$evaluators"][name] = evaluator;
    }
    for flag in 1..flags {
        whole["flags"][format!("f{flag}")] = whole["flags"]["f"].clone();
    }
    Whole::new(&whole.to_string(), 0)
}

/// Sixty evaluators, each of which refers twice to the next: written out, 2^60 parts.
fn doubling(flags: usize, last: &str) -> Whole {
    let reference = |level: usize| json!({ "$ref": format!("e{level}") });
    let evaluator = |level: usize| json!({ "and": [reference(level + 1), reference(level + 1)] });
    let all = (0..60).map(evaluator).chain([json!({ "==": [{ "var": "country" }, last] })]);
    let named = all.enumerate().map(|(level, evaluator)| (format!("e{level}"), evaluator));
    referring(flags, &json!({ "if": [reference(0), "b"] }), named)
}

/// Splits of splits: each bucket of the one before is split again by other bytes.
fn nested(weights: [i64; 2]) -> Whole {
    let split = |salt: &str, inner: &Value| {
        let mut operands = vec![json!({ "cat": [salt, { "var": "targetingKey" }] })];
        operands.extend((0..100).map(|bucket| json!([inner, weights[bucket % 2]])));
        json!({ "fractional": operands })
    };
    let named = ["x", "y", "z"].map(|name| (name.to_owned(), split(name, &json!({ "$ref": format!("{name}{name}") }))));
    let last = ["xx", "yy", "zz"].into_iter().zip([json!({ "$ref": "y" }), json!({ "$ref": "z" }), json!("b")]);
    referring(1, &json!({ "$ref": "x" }), named.into_iter().chain(last.map(|(name, rule)| (name.to_owned(), rule))))
}

fn assert_untold(cases: &[Case]) {
    let [case] = cases else { panic!("{cases:?}") };
    assert!(case.conditions.is_empty() && !case.keyless && case.flows.is_empty(), "{case:?}");
    assert!(case.unknown.as_ref().is_some_and(|why| why.ends_with("give a list of users")), "{case:?}");
}

#[test]
fn what_is_too_much_to_take_apart_is_said_to_be_so_in_time() {
    // Evaluators, and many flags that refer to them.
    let (old, new) = (doubling(30, "NZ"), doubling(30, "AU"));
    let comparison = Comparison::new(old.side(), new.side());
    for flag in ["f".to_owned()].into_iter().chain((1..30).map(|flag| format!("f{flag}"))) {
        assert_untold(&comparison.moves(&flag));
    }
    assert_eq!(moves(&old, &old), [], "a flag of which nothing is different needs no tree");
    // Without any evaluator: each `if` of the `or` stands behind each end of the one before.
    let asked = |of: usize| {
        let further = json!({ "if": [{ "var": format!("y{of}") }, null, 0] });
        json!({ "if": [{ "var": format!("x{of}") }, false, further] })
    };
    let many = |last: &str| {
        let all: Vec<Value> = (0..40).map(asked).chain([Value::from(last)]).collect();
        json!({ "or": all })
    };
    assert_untold(&between(&many("b"), &many("c")));
    assert_untold(&moves(&nested([1, 2]), &nested([2, 1])));
}

#[test]
fn an_exported_rollout_moves_nobody() {
    for rule in [
        Value::Null,
        json!({ "if": [{ "$ref": "nz" }, "b"] }),
        json!({ "if": [{ "$ref": "nz" }, "b", null] }),
        split(&[("a", 1), ("b", 2)]),
    ] {
        for hashing in ["flagd-v3", "flagd-v2"] {
            let text = document(&rule, hashing, true);
            let old = Whole::new(&text, 250_000);
            let exported = weir_core::export::flagd(&old.text, &old.document, &old.state).document;
            let mut plain: Value = serde_json::from_str(&exported.compact()).unwrap();
            plain["weir"] = json!({ "version": 1, "hashing": hashing });
            let new = Whole::new(&plain.to_string(), 0);
            assert_eq!(moves(&old, &new), [], "{rule} {plain}");
        }
    }
}

fn rules() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        prop::sample::select(vec!["a", "b", "c"]).prop_map(Value::from),
        prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), 0..4_i64), 1..4)
            .prop_map(|weights| split(&weights)),
        prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), 1..4_i64), 1..4).prop_map(|weights| {
            let mut rule = split(&weights);
            rule["fractional"].as_array_mut().unwrap().insert(0, json!({ "cat": ["x", { "var": "targetingKey" }] }));
            rule
        }),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone())
                .prop_map(|(then, otherwise)| json!({ "if": [{ "$ref": "nz" }, then, otherwise] })),
            (inner.clone(), inner).prop_map(|(one, other)| json!({ "or": [one, other] })),
        ]
    })
}

/// Users who are there: how many of each flow, of those with and without the condition.
fn counted(old: &Whole, new: &Whole, country: &str, users: u32) -> BTreeMap<(String, String), u32> {
    let sets = [old, new].map(|whole| (FlagSet::new(whole.document.clone()), &whole.state));
    let mut counts = BTreeMap::new();
    for user in 0..users {
        let context =
            Json::read(&json!({ "targetingKey": format!("user-{user}"), "country": country }).to_string()).unwrap();
        let [from, to] = [&sets[0], &sets[1]].map(|(set, state)| {
            let served = Served { flags: set, state };
            served.resolve("f", &context, 0).variant.map(str::to_owned).unwrap_or_default()
        });
        if from != to {
            *counts.entry((from, to)).or_default() += 1;
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// 4,000 users: a share is met within five standard deviations, and nobody moves who is not said to.
    #[test]
    fn users_bear_it_out(old in rules(), new in rules(), v3: bool, rollout: bool, weights in (0..1_000_000_u32, 0..1_000_000_u32)) {
        let hashing = if v3 { "flagd-v3" } else { "flagd-v2" };
        let old = Whole::new(&document(&old, hashing, rollout), weights.0);
        let new = Whole::new(&document(&new, hashing, rollout), weights.1);
        let cases = moves(&old, &new);
        for (country, holds) in [("NZ", true), ("AU", false)] {
            let counts = counted(&old, &new, country, 4_000);
            let case = cases.iter().find(|case| !case.keyless && case.conditions.iter().all(|(_, value)| *value == holds));
            let flows = case.map(|case| case.flows.clone()).unwrap_or_default();
            prop_assert!(case.is_none_or(|case| case.unknown.is_none()), "{:?}", case);
            for flow in &flows {
                let (numerator, bits) = flow.share.fraction();
                let share = numerator as f64 / 2_f64.powi(bits as i32);
                let (Outcome::Variant(from), Outcome::Variant(to)) = (&flow.from, &flow.to) else { panic!("{flow:?}") };
                let count = f64::from(counts.get(&(from.clone(), to.clone())).copied().unwrap_or(0));
                let deviation = (4_000.0 * share * (1.0 - share)).sqrt();
                prop_assert!((count - 4_000.0 * share).abs() <= 5.0 * deviation + 1.0, "{:?} {} of 4000", flow, count);
            }
            for (from, to) in counts.keys() {
                let said = flows.iter().any(|flow| flow.from == Outcome::Variant(from.clone()) && flow.to == Outcome::Variant(to.clone()));
                prop_assert!(said, "{} to {} in {:?}", from, to, flows);
            }
        }
    }
}
