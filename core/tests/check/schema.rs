//! The JSON Schema of documents says what the check says, as far as a schema can.

use serde_json::Value;
use weir_core::check::{Code, Finding, JSON_SCHEMA, Limits, Severity, examine};

use super::{custom, findings, lints};

/// What a schema can't say: names that must fit each other, keys that stand twice, sums, texts with a meaning; and what flagd's own schema lets pass.
const UNSAID: [Code; 19] = [
    Code::Metric,
    Code::Limit,
    Code::DefaultVariant,
    Code::Circle,
    Code::DuplicateKey,
    Code::UnknownFlag,
    Code::Variant,
    Code::Header,
    Code::Identity,
    Code::Output,
    Code::Stages,
    Code::RepeatedKey,
    Code::LostKey,
    Code::EmptyName,
    Code::SeveralKeys,
    Code::Reference,
    Code::Result,
    Code::Weight,
    Code::Operands,
];

/// What flagd's schema refuses and every engine takes.
const TAKEN: &[(&str, &str)] = &[
    ("null", "targeting that is null is none"),
    (r#"{"if": [{"sem_ver": [{"var": "v"}, "^", "v1.2"]}, "on"]}"#, "sem_ver takes a v and two numbers"),
    (r#""on": "yes""#, "variants of different kinds"),
];

/// Values that a schema can't compare: names of headers are the same in any case of letters, and one duration is no shorter than another, one
/// number above another.
const UNSAID_VALUES: [&str; 9] = [
    "each source once",
    "not shorter than \"for\"",
    "from 1s to 1d",
    "that is at most max",
    "$variant and $flag",
    "a name that no other guardrail of the rollout has",
    "a second at least",
    "that is above min",
    "the same values would alarm again",
];

fn unsaid(finding: &Finding) -> bool {
    UNSAID.contains(&finding.code) || UNSAID_VALUES.iter().any(|words| finding.allowed.ends_with(words))
}

/// Without what has a row of its own.
fn unreasoned(text: &str) -> String {
    text.replace(r#", "targeting": null"#, "")
}

/// In the good document's place of its version, and of its rollout's alpha.
const SEGMENTED: &str = r#""version": 1, "attributes": {"tier": {"header": "x-tier"}}, "segments": {"beta": {"==": [{"var": "tier"}, "beta"]},
    "half": {"fractional": [{"cat": ["half/", {"var": "targetingKey"}]}, ["in", 1], ["", 1]]}}"#;
const BY_SEGMENT: &str = r#""alpha": 0.01, "analysis": {"segments": {"alpha": 0.01, "requests": 100}}"#;

/// All documents of the tables, each with what names it.
fn documents() -> Vec<(String, String)> {
    let rules = lints::RULES.iter().map(|(rule, _)| ((*rule).to_owned(), lints::with_rule(rule)));
    let flags = lints::FLAGS.iter().map(|(from, to, _)| ((*to).to_owned(), lints::with_flag(from, to)));
    let errors = lints::ERRORS.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned()));
    // Targeting that is null has a row of its own.
    let good = unreasoned(findings::GOOD);
    let rows: Vec<_> =
        findings::rows().iter().map(|(from, to, ..)| ((*to).to_owned(), good.replacen(from, to, 1))).collect();
    let segments = good.replacen(r#""version": 1"#, SEGMENTED, 1).replacen(r#""alpha": 0.01"#, BY_SEGMENT, 1);
    let good = [("good".to_owned(), good), ("segments".to_owned(), segments)];
    let custom = custom::ROWS.iter().map(|(text, ..)| ((*text).to_owned(), unreasoned(&custom::with(text))));
    good.into_iter().chain(custom).chain(rules).chain(flags).chain(errors).chain(rows).collect()
}

#[test]
fn schema_and_check_agree_on_every_document_of_the_tables() {
    let schema: Value = serde_json::from_str(JSON_SCHEMA).unwrap();
    let schema = jsonschema::draft7::new(&schema).unwrap();
    let (mut documents_seen, mut wrong) = (0, Vec::new());
    for (name, text) in documents() {
        let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
        documents_seen += 1;
        let examined = examine(&text, &Limits::default());
        let grave = |f: &&Finding| f.severity != Severity::Warning;
        let grave: Vec<&Finding> = examined.findings.iter().filter(grave).collect();
        let taken = TAKEN.iter().any(|(row, _)| *row == name);
        match (schema.is_valid(&value), grave.is_empty()) {
            (true, true) => assert!(!taken, "{name}: no exception any more"),
            (true, false) if grave.iter().all(|f| unsaid(f)) => {}
            (false, true) if taken => {}
            (false, false) => {}
            (valid, _) => {
                let errors: Vec<String> =
                    schema.iter_errors(&value).map(|e| format!("{e} at {}", e.instance_path())).collect();
                wrong.push(format!("{name}: schema {valid} {errors:?}, check {grave:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(documents_seen > 120, "{documents_seen}");
}

/// For air-gapped editors.
#[test]
fn the_schema_refers_to_nothing_but_itself() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let schema: Value = serde_json::from_str(JSON_SCHEMA).unwrap();
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        let name = reference.strip_prefix("#/definitions/").unwrap_or_else(|| panic!("{reference}"));
        assert!(schema["definitions"][name].is_object(), "{reference}");
    }
}
