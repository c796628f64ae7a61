//! Odd documents that flagd loads are loaded and answer as there: what `@openfeature/flagd-core` 4.0.1 answered to each of these.

use weir_core::check::check;
use weir_core::evaluate::FlagSet;
use weir_core::json::Json;

/// What is put into a flag `a` of variants on and x with the defaultVariant on, and its reason and variant then.
const FLAGS: &[(&str, &str, Option<&str>)] = &[
    (r#""unknown": 1"#, "STATIC", Some("on")),
    (r#""variants": {}, "defaultVariant": null"#, "DEFAULT", None),
    (r#""variants": ["x", "y"], "defaultVariant": "0""#, "STATIC", Some("0")),
    (r#""variants": 5, "defaultVariant": null"#, "DEFAULT", None),
    (r#""variants": {"on": null}"#, "STATIC", Some("on")),
    (r#""metadata": [1]"#, "STATIC", Some("on")),
    (r#""metadata": "x""#, "STATIC", Some("on")),
    (r#""metadata": null"#, "STATIC", Some("on")),
    (r#""metadata": {"a": {}}"#, "STATIC", Some("on")),
    (r#""defaultVariant": """#, "DEFAULT", None),
    (r#""defaultVariant": "x", "defaultVariant": "on""#, "STATIC", Some("on")),
    (r#""targeting": "x""#, "TARGETING_MATCH", Some("x")),
    (r#""targeting": 5"#, "STATIC", Some("on")),
    (r#""targeting": false"#, "STATIC", Some("on")),
    (r#""targeting": []"#, "STATIC", Some("on")),
    (r#""targeting": {"$ref": "nobody"}"#, "ERROR", None),
    (r#""targeting": {"if": [true, "x"], "and": [1]}"#, "ERROR", None),
];

#[test]
fn odd_flags_are_loaded_and_answer_as_flagd_does() {
    let context = Json::read(r#"{"targetingKey": "u"}"#).unwrap();
    for (odd, reason, variant) in FLAGS {
        let text = format!(
            r#"{{"flags": {{"a": {{"state": "ENABLED", "variants": {{"on": 1, "x": 2}}, "defaultVariant": "on", {odd}}}}}}}"#
        );
        let flags = FlagSet::new(check(&text).unwrap_or_else(|findings| panic!("{text}: {findings:?}")));
        let found = flags.evaluate("a", &context, 0);
        assert_eq!((found.reason.name(), found.variant), (*reason, *variant), "{text}");
    }
}

#[test]
fn odd_documents_are_loaded_and_what_flagd_refuses_is_refused() {
    let flag = r#""flags": {"a": {"state": "ENABLED", "variants": {"on": 1}, "defaultVariant": "on"}}"#;
    for (odd, good) in [
        (format!(r#"{{"$schema": 1, {flag}}}"#), true),
        (format!(r#"{{"$evaluators": [], {flag}}}"#), true),
        (format!(r#"{{"$evaluators": null, {flag}}}"#), true),
        (format!(r#"{{"metadata": [1], {flag}}}"#), true),
        (format!(r#"{{"bogus": 1, {flag}}}"#), true),
        ("{}".to_owned(), true),
        (flag.replace("\"on\": 1", "\"off\": 1"), false),
        (r#"{"flags": "x"}"#.to_owned(), false),
        (r#"{"flags": {"a": null}}"#.to_owned(), false),
        (r#"{"flags": {"a": {"variants": {"on": 1}}}}"#.to_owned(), false),
    ] {
        assert_eq!(check(&odd).is_ok(), good, "{odd}");
    }
}
