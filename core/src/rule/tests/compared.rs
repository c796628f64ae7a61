//! The compiled form against the plain one, on generated rules and contexts.

use proptest::prelude::*;

use super::super::*;
use super::reference;

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-3..4_i8).prop_map(|n| Json::Number(f64::from(n) / 2.0)),
        prop::sample::select(vec!["", "a", "ab", "1", "2.5", "1.2.3", "v2", "$flagd.flagKey", "x.y", "0"])
            .prop_map(|text| Json::String(text.to_owned())),
    ]
}

fn data() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec(("[xy]", inner), 0..3).prop_map(|fields| {
                let mut seen = std::collections::BTreeMap::new();
                seen.extend(fields);
                Json::Object(seen.into_iter().collect())
            }),
        ]
    })
}

fn context() -> impl Strategy<Value = Json> {
    let names = ["a", "ab", "x", "0", "targetingKey"];
    prop::collection::vec((0..names.len(), data()), 0..5).prop_map(move |fields| {
        let mut seen = std::collections::BTreeMap::new();
        seen.extend(fields.into_iter().map(|(i, json)| (names[i].to_owned(), json)));
        Json::Object(seen.into_iter().collect())
    })
}

const NAMES: [&str; 38] = [
    "var",
    "var",
    "missing",
    "missing_some",
    "if",
    "?:",
    "==",
    "===",
    "!=",
    "!==",
    ">",
    ">=",
    "<",
    "<=",
    "%",
    "/",
    "*",
    "+",
    "-",
    "min",
    "max",
    "map",
    "filter",
    "reduce",
    "all",
    "none",
    "some",
    "merge",
    "in",
    "in",
    "cat",
    "substr",
    "!",
    "!!",
    "and",
    "or",
    "starts_with",
    "ends_with",
];
const MORE: [&str; 3] = ["sem_ver", "fractional", "nope"];

const VARS: [&str; 9] =
    ["a", "ab", "x.y", "", "targetingKey", "$flagd.flagKey", "$flagd.timestamp", "accumulator", "current"];

fn rule() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        3 => data(),
        3 => prop::sample::select(VARS.to_vec())
            .prop_map(|name| Json::Object(vec![("var".to_owned(), Json::String(name.to_owned()))])),
        1 => ("[<=>~!]=?", "[12][.][01]").prop_map(|(op, version)| {
            let version = Json::String(version);
            let a = Json::Object(vec![("var".to_owned(), Json::String("a".to_owned()))]);
            Json::Object(vec![("sem_ver".to_owned(), Json::Array(vec![a, Json::String(op), version]))])
        }),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let names: Vec<&str> = NAMES.iter().chain(&MORE).copied().collect();
        let bucket = (scalar(), -1..4_i8).prop_map(|(v, w)| Json::Array(vec![v, Json::Number(f64::from(w))]));
        prop_oneof![
            8 => (prop::sample::select(names), prop::collection::vec(inner.clone(), 0..4))
                .prop_map(|(name, items)| Json::Object(vec![(name.to_owned(), Json::Array(items))])),
            1 => inner.clone().prop_map(|item| Json::Object(vec![("!".to_owned(), item)])),
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            1 => (inner, prop::collection::vec(bucket, 1..4)).prop_map(|(key, mut items)| {
                items.insert(0, key);
                Json::Object(vec![("fractional".to_owned(), Json::Array(items))])
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_compiled_rule_says_what_the_plain_one_says(rule in rule(), context in context(), v2 in any::<bool>()) {
        let hashing = if v2 { Hashing::FlagdV2 } else { Hashing::FlagdV3 };
        let compiled = Rule::compile(&rule).unwrap();
        let found = compiled.evaluate(&Question::new("flag", &context).at(5_000).hashing(hashing));
        let found = found.map(|value| value.owned());
        if found != Err(RuleError::TooMuchWork) {
            let expected = reference::evaluate(&rule, &context, hashing);
            // Written down, because NaN is equal to nothing. Of several errors either may be the one that is met.
            let written = |outcome: Result<Json, RuleError>| outcome.map_or_else(|_| "an error".to_owned(), |json| format!("{json:?}"));
            prop_assert_eq!(written(found), written(expected));
        }
    }
}
