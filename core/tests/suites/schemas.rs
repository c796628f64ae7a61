//! flagd-schemas' own test documents: whatever is right loads. What is wrong is answered as flagd answers it, which checks less than the schema does.

use weir_core::check::check;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What flagd's schema refuses, and Weir with it. The rest of what the schema refuses flagd loads with a warning, and so it loads here.
const REFUSED: [&str; 4] = ["empty-variants", "malformed-flag", "missing-variants", "state-set-incorrectly"];

#[test]
fn every_document_of_the_schemas() {
    let (mut positive, mut negative) = (0, 0);
    for (name, text) in super::bundle() {
        let Some(name) = name.strip_prefix("schemas/") else { continue };
        // Targeting alone is a rule: put into a flag.
        let document = if name.starts_with("targeting/") {
            format!(r#"{{"flags": {{"f": {{"state": "ENABLED", "variants": {{"a": 1}}, "targeting": {text}}}}}}}"#)
        } else {
            text
        };
        let outcome = check(&document);
        if name.contains("/positive/") {
            positive += 1;
            assert!(outcome.is_ok(), "{name}: {outcome:?}");
        } else {
            negative += 1;
            let refused = REFUSED.iter().any(|refused| name == format!("flags/negative/{refused}.json"));
            assert_eq!(outcome.is_err(), refused, "{name}: {outcome:?}");
        }
    }
    assert_eq!((positive, negative), (14, 16));
}
