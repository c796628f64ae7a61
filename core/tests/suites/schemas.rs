//! flagd-schemas' own test documents: whatever is right loads. What is wrong is answered as flagd answers it, which checks less than the schema does. And
//! flagd's schema itself: ours is the same, word for word, but for what came after the package's copy of it.

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

/// What our schema has of flagd-schemas 0.2.15 and the package's, which is 0.2.13, has not: weights and variants that are computed, and one bucket.
#[cfg(not(target_arch = "wasm32"))]
const NEWER: [&str; 3] = ["fractionalWeightArg", "fractionalOp", "fractionalShorthandOp"];

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn our_schema_is_flagds() {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let ours = read(weir_core::check::JSON_SCHEMA);
    let mut compared = 0;
    for file in ["schema/flags.json", "schema/targeting.json"] {
        // Ours is one file.
        let theirs = read(&super::text(file).replace("./targeting.json", "#/definitions/targeting"));
        for (name, definition) in theirs["definitions"].as_object().unwrap() {
            let same = without_words(definition) == without_words(&ours["definitions"][name]);
            assert_eq!(same, !NEWER.contains(&name.as_str()), "{name}");
            compared += 1;
        }
        if file == "schema/targeting.json" {
            assert_eq!(theirs["anyOf"], ours["definitions"]["targeting"]["anyOf"]);
        }
    }
    assert!(compared > 40, "{compared}");
}

/// What an editor shows is of no matter.
#[cfg(not(target_arch = "wasm32"))]
fn without_words(json: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match json {
        Value::Object(fields) => {
            let words = ["description", "title", "$comment", "default"];
            let kept = fields.iter().filter(|(key, value)| !words.contains(&key.as_str()) || !value.is_string());
            kept.map(|(key, value)| (key.clone(), without_words(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_words).collect(),
        scalar => scalar.clone(),
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn our_schema_judges_every_document_as_its_folder_says() {
    let schema = serde_json::from_str(weir_core::check::JSON_SCHEMA).unwrap();
    let schema = jsonschema::draft7::new(&schema).unwrap();
    let (mut judged, mut wrong) = (0, Vec::new());
    for (name, text) in super::bundle() {
        let Some(name) = name.strip_prefix("schemas/") else { continue };
        let text: serde_json::Value = serde_json::from_str(&text).unwrap();
        let document = if name.starts_with("targeting/") {
            serde_json::json!({ "flags": { "f": { "state": "ENABLED", "variants": { "a": 1 }, "targeting": text } } })
        } else {
            text
        };
        judged += 1;
        if schema.is_valid(&document) != name.contains("/positive/") {
            wrong.push(name.to_owned());
        }
    }
    assert_eq!((judged, wrong), (30, SCHEMA_TAKES.map(str::to_owned).to_vec()));
}

/// The daemon's form, which our schema takes as flagd's for the daemon does and its schema for providers does not.
#[cfg(not(target_arch = "wasm32"))]
const SCHEMA_TAKES: [&str; 1] = ["flags/negative/with-array-flags.json"];
