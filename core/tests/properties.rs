//! What must hold for every input: nothing panics, nobody is taken back while a weight rises, and what is written is read.
#![cfg(not(target_arch = "wasm32"))]

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;
use weir_core::check::check;
use weir_core::decide::{Chosen, Request, decide};
use weir_core::document::Hashing;
use weir_core::name::Metric;
use weir_core::plan::Split;
use weir_core::share::{Share, WHOLE};
use weir_core::snapshot::{FlagState, PlanCache, Snapshot, State, write};

const DOCUMENT: &str = r#"{"flags": {"checkout": {"state": "ENABLED", "variants": {"stable": 1, "next": 2}, "defaultVariant": "stable"}},
    "weir": {"version": 1, "identity": [{"header": "x-user-id"}, {"cookie": "session"}],
             "outputs": {"checkout": {"match": {"pathPrefix": "/checkout"}, "requestHeader": "x-weir-checkout"}},
             "rollouts": {"checkout": {"control": "stable", "candidate": "next", "stages": [{"weight": "100%"}]}}}}"#;

struct Headers(BTreeMap<&'static str, Vec<u8>>);

impl Request for Headers {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.get(name).map(|value| Cow::Borrowed(value.as_slice()))
    }

    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }
}

fn shares() -> impl Strategy<Value = Share> {
    (0..=WHOLE).prop_map(|ppm| Share::from_ppm(ppm).unwrap())
}

fn states() -> impl Strategy<Value = State> {
    let flag =
        (shares(), any::<bool>(), any::<bool>()).prop_map(|(weight, mask, kill)| FlagState { weight, mask, kill });
    (any::<bool>(), flag)
        .prop_map(|(kill, flag)| State { kill, flags: BTreeMap::from([("checkout".to_owned(), flag)]) })
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let words = [
        "flags",
        "weir",
        "state",
        "ENABLED",
        "variants",
        "rollouts",
        "stages",
        "weight",
        "checkout",
        "5%",
        "header",
        "schema",
        "document",
        "generation",
    ];
    let word = proptest::sample::select(words.to_vec());
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        word.clone().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_a_configuration_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _read = Snapshot::read(&bytes, &mut PlanCache::default());
    }

    #[test]
    fn no_json_makes_a_check_panic_and_every_refusal_has_a_fault(json in json()) {
        let text = json.to_string();
        if let Err(faults) = check(&text) {
            prop_assert!(!faults.is_empty());
        }
        if let Err(faults) = Snapshot::read(text.as_bytes(), &mut PlanCache::default()) {
            prop_assert!(!faults.is_empty());
        }
    }

    #[test]
    fn a_damaged_document_is_refused_or_read_but_never_a_panic(at in 0..DOCUMENT.len(), byte in any::<u8>()) {
        let mut bytes = DOCUMENT.as_bytes().to_vec();
        bytes[at] = byte;
        let _read = Snapshot::read(&bytes, &mut PlanCache::default());
    }

    #[test]
    fn always_true_6_what_the_controller_publishes_the_filter_accepts(state in states(), generation in any::<u64>()) {
        let snapshot = Snapshot::read(write(generation, &state, DOCUMENT).as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        prop_assert_eq!(snapshot.generation, generation);
        prop_assert_eq!(snapshot.kill, state.kill);
        prop_assert_eq!(snapshot.flags[0], state.flags["checkout"]);
    }

    #[test]
    fn any_request_is_decided_and_on_a_kill_it_is_control(
        state in states(),
        path in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        user in prop::option::of(prop::collection::vec(any::<u8>(), 0..600)),
        cookie in prop::option::of("[a-z=; \"]{0,60}"),
    ) {
        let snapshot = Snapshot::read(write(1, &state, DOCUMENT).as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        let headers = [(":path", path), ("x-user-id", user), ("cookie", cookie.map(String::into_bytes))];
        let request = Headers(headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect());
        decide(&snapshot, &request, |decision| {
            let flag = state.flags["checkout"];
            if state.kill || flag.kill || flag.mask || flag.weight == Share::NONE {
                assert_eq!(decision.variant, Some(Chosen::Control));
            }
        });
    }

    #[test]
    fn ranges_nest(key in ".{1,40}", salt in "[a-z/]{1,20}", low in shares(), high in shares(), v2 in any::<bool>()) {
        let split = Split::new(&salt, if v2 { Hashing::FlagdV2 } else { Hashing::FlagdV3 });
        let (low, high) = (low.min(high), low.max(high));
        let place = split.place(&key);
        prop_assert!(place < WHOLE);
        prop_assert!(place >= low.ppm() || place < high.ppm(), "whoever is in at {} stays in at {}", low, high);
    }

    #[test]
    fn no_name_makes_the_parser_panic(name in ".{0,80}") {
        let _metric = Metric::parse(&name);
    }
}

#[test]
fn the_split_gives_each_variant_its_share_and_flags_are_independent() {
    let users: Vec<String> = (0..200_000).map(|i| format!("user-{i}")).collect();
    let place = |salt: &str| {
        let split = Split::new(salt, Hashing::FlagdV3);
        users.iter().map(move |user| split.place(user)).collect::<Vec<_>>()
    };
    let (a, b) = (place("weir/a"), place("weir/b"));
    for weight in [10_000, 50_000, 250_000, 500_000] {
        let n = users.len() as f64;
        let share = f64::from(weight) / f64::from(WHOLE);
        let within = |expected: f64, found: usize| {
            ((found as f64) - n * expected).abs() < 5.0 * (n * expected * (1.0 - expected)).sqrt()
        };
        assert!(within(share, a.iter().filter(|place| **place < weight).count()));
        let both = a.iter().zip(&b).filter(|(x, y)| **x < weight && **y < weight).count();
        assert!(within(share * share, both), "{both} users are in both at {weight}");
    }
}
