//! `served` and `decide` are one precedence told twice: for generated documents, states and users they name the same variant.
#![cfg(not(target_arch = "wasm32"))]

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;
use weir_core::check::check;
use weir_core::decide::{Request, decide};
use weir_core::evaluate::{FlagSet, Reason};
use weir_core::json::Json;
use weir_core::served::Served;
use weir_core::share::{Share, WHOLE};
use weir_core::snapshot::{FlagState, PlanCache, Snapshot, State, write};

/// A request whose headers are the context's attributes.
struct Headers(Vec<(&'static str, String)>);

impl Request for Headers {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| Cow::Borrowed(value.as_bytes()))
    }

    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }
}

fn document(rule: &str, rollout: bool, state: &str) -> String {
    let rollout = if rollout {
        r#", "rollouts": {"checkout": {"control": "stable", "candidate": "next", "stages": [{"weight": "100%"}]}}"#
    } else {
        ""
    };
    format!(
        r#"{{"flags": {{"checkout": {{"state": "{state}", "variants": {{"stable": 1, "next": 2, "other": 3}}, "defaultVariant": "stable", "targeting": {rule}}}}},
          "weir": {{"version": 1, "identity": [{{"header": "x-user-id"}}], "attributes": {{"tier": {{"header": "tier"}}}},
            "outputs": {{"checkout": {{"requestHeader": "x-weir-checkout"}}}}{rollout}}}}}"#
    )
}

fn named(header: &str) -> String {
    if header == "x-user-id" { "targetingKey" } else { header }.to_owned()
}

const RULES: [&str; 6] = [
    "null",
    r#"{"if": [{"==": [{"var": "tier"}, "a"]}, "next", {"==": [{"var": "tier"}, "b"]}, "other"]}"#,
    r#"{"var": "tier"}"#,
    r#"{"fractional": [["next", 1], ["stable", 1]]}"#,
    r#"{"if": [{"==": [{"var": "tier"}, "a"]}, {"no such operator": 1}, null]}"#,
    r#"{"if": [{"var": "targetingKey"}, "next"]}"#,
];

proptest! {
    #[test]
    fn a_context_gets_what_a_request_with_the_same_attributes_gets(
        rule in 0..RULES.len(), rollout: bool, enabled in prop::bool::weighted(0.9), key in prop::option::of("[a-c]{0,2}|.{510,520}"),
        tier in prop::option::of("[abc]|next|other"), weight in prop_oneof![Just(0), Just(WHOLE), 0..WHOLE],
        masks in (prop::bool::weighted(0.3), prop::bool::weighted(0.2), prop::bool::weighted(0.2)),
    ) {
        let (mask, kill, all) = masks;
        let text = document(RULES[rule], rollout, if enabled { "ENABLED" } else { "DISABLED" });
        let flag = FlagState { weight: Share::from_ppm(weight).unwrap(), mask, kill };
        let state = State { kill: all, flags: BTreeMap::from([("checkout".to_owned(), flag)]) };
        let snapshot = Snapshot::read(write(1, &state, &text).as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        let attributes = [("x-user-id", key), ("tier", tier)];
        let attributes: Vec<_> = attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let mut decided = None;
        decide(&snapshot, &Headers(attributes.clone()), |decision| {
            let flag = &snapshot.plan.flags[decision.flag];
            decided = decision.variant.and_then(|chosen| chosen.name(flag)).map(str::to_owned);
        });
        // An empty header is no identity, and so no targetingKey.
        let given = attributes.into_iter().filter(|(name, value)| *name != "x-user-id" || (1..=512).contains(&value.len()));
        let context = Json::Object(given.map(|(name, value)| (named(name), Json::String(value))).collect());
        let set = FlagSet::new(check(&text).unwrap());
        let served = Served { flags: &set, state: &state };
        let found = served.resolve("checkout", &context, 1_700_000_000_000);
        if rollout || found.reason != Reason::Error {
            prop_assert_eq!(found.variant, decided.as_deref(), "{:?}", found);
        } else {
            prop_assert_eq!(found.variant, None, "without a rollout an error is flagd's");
        }
    }
}
