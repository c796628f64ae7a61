//! flagd-schemas' own test documents: whatever is right loads. What is wrong is answered as flagd answers it, which checks less than the schema does.

use weir_core::check::{Code, Finding, Limits, Severity, check, examine};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What flagd's schema refuses, and Weir with it: no state, or a defaultVariant that there is not. The rest of what the schema refuses flagd loads with a warning, and so it loads here, as a defect.
const REFUSED: [&str; 4] = ["empty-variants", "malformed-flag", "missing-variants", "state-set-incorrectly"];

/// What flagd's schema refuses and every engine of it takes: variants of different kinds, the daemon's array form, and a constant that is hashed.
const TAKEN: [&str; 3] = [
    "flags/negative/mixed-variant-types.ffconfig",
    "flags/negative/with-array-flags",
    "targeting/negative/fractional-invalid-bucketing",
];

#[test]
fn every_document_of_the_schemas() {
    let (mut positive, mut negative) = (0, 0);
    let mut wrong = Vec::new();
    for (name, text) in super::bundle() {
        let Some(name) = name.strip_prefix("schemas/") else { continue };
        // Targeting alone is a rule: put into a flag, whose variants are those of the rules.
        let document = if name.starts_with("targeting/") {
            format!(r#"{{"flags": {{"f": {{"state": "ENABLED", "variants": {{"a": 1}}, "targeting": {text}}}}}}}"#)
        } else {
            text
        };
        let outcome = check(&document);
        // Which variants and evaluators there are is no matter of these files.
        let examined = examine(&document, &Limits::default());
        let grave = |f: &&Finding| f.severity != Severity::Warning && !matches!(f.code, Code::Result | Code::Reference);
        let defects: Vec<&Finding> = examined.findings.iter().filter(grave).collect();
        let good = name.contains("/positive/");
        (positive, negative) = if good { (positive + 1, negative) } else { (positive, negative + 1) };
        let refused = REFUSED.iter().any(|refused| name == format!("flags/negative/{refused}.json"));
        let taken = good || TAKEN.iter().any(|taken| name == format!("{taken}.json"));
        if outcome.is_err() != refused || defects.is_empty() != taken {
            wrong.push(format!("{name}: {outcome:?} {defects:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((positive, negative), (14, 16));
}
