//! Golden vectors, natively and in wasm32: the same user has the same place, cell and variant on every target and in every version. A change of a
//! row here moves users in production and is a breaking change.
//!
//! `vectors/split.json` was made by another implementation: Python's `mmh3` 5 over `cbor2` 5's canonical encoding (v3) or UTF-8 (v2).
//! `vectors/decide.json` is whole decisions of a proxy, targeting before the split, made by a page of Python that has only the formulas: MurmurHash3, CBOR's
//! text and array heads, and `(hash x sum) >> 32`.
//! `vectors/fractional.json` are worked examples of `fractional` on the flags of `vectors/fractional-flags.json`, with the variant by flagd's formula in
//! either dialect; null is a variant that the flag does not have. flagd's own engines agree but for what `rule::fractional` says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use weir_core::cell::Cell;
use weir_core::check::check;
use weir_core::decide::{Request, decide};
use weir_core::document::Hashing;
use weir_core::evaluate::{ErrorCode, FlagSet, Reason};
use weir_core::json::Json;
use weir_core::plan::Split;
use weir_core::share::Share;
use weir_core::snapshot::{FlagState, PlanCache, Snapshot, State, write};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn rows() -> Vec<Value> {
    serde_json::from_str(include_str!("vectors/split.json")).unwrap()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap()
}

#[test]
fn hash_place_and_cell_of_every_vector() {
    let rows = rows();
    assert_eq!(rows.len(), 300);
    for row in &rows {
        let hashing = match text(row, "hashing") {
            "flagd-v3" => Hashing::FlagdV3,
            _ => Hashing::FlagdV2,
        };
        let split = Split::new(text(row, "salt"), hashing);
        let key = text(row, "targetingKey");
        assert_eq!(u64::from(split.hash(key)), row["hash"].as_u64().unwrap(), "{row}");
        assert_eq!(u64::from(split.place(key)), row["place"].as_u64().unwrap(), "{row}");
        assert_eq!(u64::from(Cell::of(text(row, "flag"), key).index()), row["cell"].as_u64().unwrap(), "{row}");
    }
}

struct User<'a>(&'a str);

impl Request for User<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        (name == "x-user-id").then_some(Cow::Borrowed(self.0.as_bytes()))
    }

    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }
}

fn variant(snapshot: &Snapshot, user: &str) -> String {
    let mut name = String::new();
    decide(snapshot, &User(user), |decision| {
        let flag = &snapshot.plan.flags[decision.flag];
        decision.variant.unwrap().name(flag).unwrap().clone_into(&mut name);
    });
    name
}

#[test]
fn the_whole_way_from_a_snapshot_to_a_variant_follows_the_vectors() {
    for hashing in ["flagd-v3", "flagd-v2"] {
        let document = format!(
            r#"{{"flags": {{"checkout": {{"state": "ENABLED", "variants": {{"stable": 1, "next": 2}}, "defaultVariant": "stable"}}}},
              "weir": {{"version": 1, "hashing": "{hashing}", "identity": [{{"header": "x-user-id"}}], "outputs": {{"checkout": {{"requestHeader": "x-weir-checkout"}}}},
              "rollouts": {{"checkout": {{"control": "stable", "candidate": "next", "stages": [{{"weight": "100%"}}]}}}}}}}}"#
        );
        for weight in [0, 10_000, 250_000, 500_000, 999_999, 1_000_000] {
            let flag = FlagState { weight: Share::from_ppm(weight).unwrap(), mask: false, kill: false };
            let state = State { kill: false, flags: BTreeMap::from([("checkout".to_owned(), flag)]) };
            let bytes = write(3, &state, &document);
            let snapshot = Snapshot::read(bytes.as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
            for row in rows().iter().filter(|row| text(row, "hashing") == hashing && text(row, "flag") == "checkout") {
                let key = text(row, "targetingKey");
                let expected = if !key.is_empty() && row["place"].as_u64().unwrap() < u64::from(weight) {
                    "next"
                } else {
                    "stable"
                };
                assert_eq!(variant(&snapshot, key), expected, "{row} at {weight}");
            }
        }
    }
}

/// A segment's rule may split as a rollout does: whose place in the split is below the half is in the first of two equal buckets.
#[test]
fn who_is_in_a_segment_follows_the_vectors() {
    for hashing in ["flagd-v3", "flagd-v2"] {
        let document = format!(
            r#"{{"flags": {{"checkout": {{"state": "ENABLED", "variants": {{"stable": 1, "next": 2}}, "defaultVariant": "stable"}}}},
              "weir": {{"version": 1, "hashing": "{hashing}", "identity": [{{"header": "x-user-id"}}], "outputs": {{"checkout": {{"requestHeader": "x-weir-checkout"}}}},
              "segments": {{"none": {{"!": [true]}}, "half": {{"fractional": [{{"cat": ["weir/checkout/", {{"var": "targetingKey"}}]}}, ["in", 1], ["", 1]]}}}},
              "rollouts": {{"checkout": {{"control": "stable", "candidate": "next", "stages": [{{"weight": "100%"}}], "analysis": {{"segments": {{}}}}}}}}}}}}"#
        );
        let snapshot = Snapshot::read(document.as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        let mut sides = [0, 0];
        for row in rows().iter().filter(|row| text(row, "hashing") == hashing && text(row, "salt") == "weir/checkout") {
            let key = text(row, "targetingKey");
            let expected = !key.is_empty() && row["place"].as_u64().unwrap() < 500_000;
            decide(&snapshot, &User(key), |decision| {
                let inside = decision.segments.inside;
                assert_eq!((inside.has(0), inside.has(1)), (false, expected), "{row}");
            });
            sides[usize::from(expected)] += 1;
        }
        assert!(sides[0] > 10 && sides[1] > 10, "{sides:?}");
    }
}

/// The headers of a row of `decide.json`.
struct Targeted<'a>(&'a Value);

impl Request for Targeted<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let field = match name {
            "x-user-id" => "targetingKey",
            "x-version" => "version",
            "x-country" => "country",
            _ => return None,
        };
        self.0[field].as_str().map(|text| Cow::Borrowed(text.as_bytes()))
    }

    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }
}

#[test]
fn targeting_and_then_the_split_follow_the_vectors() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("vectors/decide.json")).unwrap();
    assert_eq!(rows.len(), 94);
    for hashing in ["flagd-v3", "flagd-v2"] {
        let document = format!(
            r#"{{"flags": {{"checkout": {{"state": "ENABLED", "variants": {{"stable": 1, "next": 2, "beta": 3}}, "defaultVariant": "stable",
                "targeting": {{"if": [{{"in": [{{"var": "targetingKey"}}, ["user-1", "user-2"]]}}, "next",
                  {{"sem_ver": [{{"var": "version"}}, ">=", "2.1.0"]}}, {{"fractional": [{{"cat": ["v/", {{"var": "targetingKey"}}]}}, ["next", 25], ["beta", 25], ["stable", 50]]}},
                  {{"==": [{{"var": "country"}}, "NZ"]}}, {{"fractional": [["beta", 1], ["stable", 2]]}}]}}}}}},
              "weir": {{"version": 1, "hashing": "{hashing}", "identity": [{{"header": "x-user-id"}}],
                "attributes": {{"version": {{"header": "x-version"}}, "country": {{"header": "x-country"}}}},
                "outputs": {{"checkout": {{"requestHeader": "x-weir-checkout"}}}},
                "rollouts": {{"checkout": {{"control": "stable", "candidate": "next", "stages": [{{"weight": "100%"}}]}}}}}}}}"#
        );
        let flag = FlagState { weight: Share::from_ppm(250_000).unwrap(), mask: false, kill: false };
        let state = State { kill: false, flags: BTreeMap::from([("checkout".to_owned(), flag)]) };
        let snapshot =
            Snapshot::read(write(3, &state, &document).as_bytes(), &mut PlanCache::default()).unwrap().unwrap();
        for row in rows.iter().filter(|row| text(row, "hashing") == hashing) {
            decide(&snapshot, &Targeted(row), |decision| {
                let flag = &snapshot.plan.flags[decision.flag];
                let found = (decision.variant.unwrap().name(flag).unwrap(), decision.reason.name());
                assert_eq!(found, (text(row, "variant"), text(row, "reason")), "{row}");
            });
        }
    }
}

#[test]
fn every_worked_example_of_fractional() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("vectors/fractional.json")).unwrap();
    assert_eq!(rows.len(), 317);
    let flags: Value = serde_json::from_str(include_str!("vectors/fractional-flags.json")).unwrap();
    for dialect in ["v3", "v2"] {
        let mut document = flags.clone();
        document["weir"] = serde_json::json!({ "version": 1, "hashing": format!("flagd-{dialect}") });
        let flags = FlagSet::new(check(&document.to_string()).unwrap());
        for row in &rows {
            let context = Json::read(&row["context"].to_string()).unwrap();
            let found = flags.evaluate(text(row, "flag"), &context, 0);
            match row[dialect].as_str() {
                Some(variant) => assert_eq!(found.variant, Some(variant), "{dialect}: {row}"),
                None => {
                    let code = found.error.as_ref().map(|error| error.code);
                    assert!(code == Some(ErrorCode::General) || found.reason == Reason::Default, "{dialect}: {row}");
                    assert_eq!(found.variant, None, "{dialect}: {row}");
                }
            }
        }
    }
}

#[test]
fn the_documents_hash_is_sha256_of_its_text() {
    assert_eq!(
        weir_core::snapshot::document_hash(""),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        weir_core::snapshot::document_hash("abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}
