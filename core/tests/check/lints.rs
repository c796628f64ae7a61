//! What loads and should not: one row at least for each code, with the place of it; and nothing where nothing is wrong.

use std::collections::BTreeSet;

use weir_core::check::{Code, Examined, Finding, Limits, Severity, check, examine};

fn examined(text: &str) -> Examined {
    examine(text, &Limits::default())
}

/// A document with one flag `f`, of variants on and off, whose rule is this; evaluators `used` and `odd`.
pub(crate) fn with_rule(rule: &str) -> String {
    format!(
        r#"{{"$evaluators": {{"used": {{"in": [{{"var": "plan"}}, ["pro"]]}}}},
"flags": {{"f": {{"state": "ENABLED", "variants": {{"on": true, "off": false}}, "defaultVariant": "off", "targeting":
{rule}}}, "g": {{"state": "ENABLED", "variants": {{"on": 1}}, "targeting": {{"if": [{{"$ref": "used"}}, "on"]}}}}}}}}"#
    )
}

/// A flag `f` of which one part is replaced.
pub(crate) fn with_flag(from: &str, to: &str) -> String {
    let flag =
        r#"{"flags": {"f": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}}}"#;
    assert!(flag.contains(from), "{from}");
    flag.replacen(from, to, 1)
}

/// Rules with the codes of all their findings, in the order of the text.
pub(crate) const RULES: &[(&str, &[&str])] = &[
    (r#"{"if": [{"==": [{"var": "plan"}, "pro"]}, "on", "off"]}"#, &[]),
    (r#"{"$ref": "used"}"#, &["D-VARIANT"]),
    (r#"{"if": [{"$ref": "used"}, "on"]}"#, &[]),
    (r#"{"if": [{"$ref": "usd"}, "on"]}"#, &["D-REF"]),
    (r#"{"if": [{"$ref": 3}, "on"]}"#, &["D-REF"]),
    (r#"{"if": [{"equals": [1, {"var": "x"}]}, "on"]}"#, &["D-OPERATOR"]),
    (r#"{"if": [true, "on", {"equals": [1]}]}"#, &["W-UNREACHABLE", "D-OPERATOR"]),
    (r#"{"if": [{"==": [{"var": "plan"}]}, "on"]}"#, &["D-OPERANDS"]),
    (r#"{"if": [{"<": [1, {"var": ["x", 2]}, 3, 4]}, "on"]}"#, &["D-OPERANDS"]),
    (r#"{"if": [{"starts_with": [{"var": "id"}, 0]}, "on"]}"#, &["D-OPERANDS"]),
    (r#"{"if": [{"in": [{"var": "a"}, "x"], "==": [1, 1]}, "on"]}"#, &["D-SEVERAL-KEYS"]),
    (r#"{"if": [{"var": "x"}, "yes", "off"]}"#, &["D-VARIANT"]),
    (r#"{"if": [{"var": "x"}, "on", "of"]}"#, &["D-VARIANT"]),
    (r#"{"if": [{"var": "x"}, {"if": [{"var": "y"}, "yes"]}, null]}"#, &["D-VARIANT"]),
    (r#"{"if": [{"var": "x"}, ["on"]]}"#, &["D-VARIANT"]),
    (r#"{"or": [{"var": "x"}, "yes"]}"#, &["D-VARIANT"]),
    (r#"{"in": [{"var": "x"}, ["a"]]}"#, &["D-VARIANT"]),
    (r#"{"fractional": [["on", 10], ["yes", 90]]}"#, &["D-VARIANT"]),
    (r#"{"fractional": [{"var": "x"}, ["on", 10], [{"if": [{"var": "y"}, "no", "off"]}, 90]]}"#, &["D-VARIANT"]),
    (r#"{"if": [{"==": [{"fractional": [["a"], ["b"]]}, "a"]}, "on"]}"#, &[]),
    (r#"{"fractional": [["on", 0.5], ["off", 99.5]]}"#, &["D-WEIGHT", "D-WEIGHT"]),
    (r#"{"fractional": [["on", "10"], ["off", -1]]}"#, &["D-WEIGHT", "D-WEIGHT"]),
    (r#"{"fractional": [["on", 2147483647], ["off", 1]]}"#, &["D-WEIGHT"]),
    (r#"{"fractional": [["on", 1, 2], "off"]}"#, &["D-WEIGHT", "D-WEIGHT"]),
    (r#"{"fractional": [{"var": "x"}]}"#, &["D-WEIGHT"]),
    (r#"{"fractional": [["on", {"var": ["w", 1]}], ["off", 0]]}"#, &[]),
    (r#"{"fractional": [["on", 0], ["off", 0]]}"#, &["W-ZERO-WEIGHTS"]),
    (r#"{"if": [{"==": [{"var": "$flagd.key"}, "f"]}, "on"]}"#, &["D-FLAGD-VAR"]),
    (r#"{"if": [{">": [{"var": "$flagd.timestamp"}, 5]}, "on"]}"#, &[]),
    (r#"{"if": [{"sem_ver": [{"var": "v"}, "==", "1.0.0"]}, "on"]}"#, &["D-SEMVER"]),
    (r#"{"if": [{"sem_ver": [{"var": "v"}, "~", "one"]}, "on"]}"#, &["D-SEMVER"]),
    (r#"{"if": [{"sem_ver": [{"var": "v"}, "^", "v1.2"]}, "on"]}"#, &[]),
    (r#"{"if": [true, "on", "off"]}"#, &["W-UNREACHABLE"]),
    (r#"{"if": [false, "on", "off"]}"#, &["W-UNREACHABLE"]),
    (r#"{"if": [{"==": [1, 1]}, "on", "off"]}"#, &["W-UNREACHABLE"]),
    (r#"{"or": ["on", {"var": "x"}]}"#, &["W-UNREACHABLE"]),
    (r#"{"if": [{"and": [{"var": "x"}, false, {"var": "y"}]}, "on"]}"#, &["W-UNREACHABLE"]),
    (r#"{"if": [{"<": [{"var": "age"}, 18]}, "on"]}"#, &["W-NULL-COMPARED"]),
    (r#"{"if": [{"<": [{"var": ["age", 99]}, 18]}, "on"]}"#, &[]),
    (r#"{"if": [{"and": [{"var": "age"}, {"<": [{"var": "age"}, 18]}]}, "on"]}"#, &[]),
    (r#"{"if": [{"missing": ["age"]}, "off", {"<": [{"var": "age"}, 18]}, "on"]}"#, &[]),
    (r#"{"if": [{"!": [{"var": "age"}]}, "off", {"<": [{"var": "age"}, 18]}, "on"]}"#, &[]),
    (r#"{"if": [{"!": [{"var": "name"}]}, "off", {"<": [{"var": "age"}, 18]}, "on"]}"#, &["W-NULL-COMPARED"]),
    (r#"{"if": [{"some": [{"var": "ages"}, {"<": [{"var": ""}, 18]}]}, "on"]}"#, &[]),
    (r#"{"if": [{"==": [{"%": [{"var": "n"}, 2]}, 0]}, "on"]}"#, &["W-NULL-ARITHMETIC"]),
    (r#"{"if": [{"==": [{"+": [1, null]}, 0]}, "on"]}"#, &["W-NULL-ARITHMETIC", "W-UNREACHABLE"]),
    (r#"{"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, ["on"], ["off"]]}"#, &["W-NULL-CAT"]),
    (r#"{"if": [{"==": [{"var": "x"}, null]}, "on"]}"#, &["W-NULL-EQUAL"]),
    (r#"{"if": [{"==": [{"var": "x"}, {"var": "y"}]}, "on"]}"#, &["W-NULL-EQUAL"]),
    (r#"{"if": [{"===": [{"var": "x"}, null]}, "on"]}"#, &[]),
    (r#""on""#, &["D-KIND"]),
    ("5", &["D-KIND"]),
    ("null", &[]),
    ("{}", &[]),
];

/// Flags with the codes of all their findings.
pub(crate) const FLAGS: &[(&str, &str, &[&str])] = &[
    (r#""defaultVariant": "off""#, r#""defaultVarient": "off""#, &["D-UNKNOWN-KEY"]),
    (r#"{"flags""#, r#"{"flag": {}, "flags""#, &["D-UNKNOWN-KEY"]),
    (r#"{"flags""#, r#"{"owner": {}, "flags""#, &["W-UNKNOWN-KEY"]),
    (r#"{"flags""#, r#"{"$schema": 3, "flags""#, &["D-KIND"]),
    (r#"{"flags""#, r#"{"$evaluators": [], "flags""#, &["D-KIND"]),
    (r#"{"flags""#, r#"{"$evaluators": {"e": {"!": [{"var": "x"}]}}, "flags""#, &["W-UNUSED-EVALUATOR"]),
    (r#"{"flags""#, r#"{"$evaluators": {"e": {"nor": [1]}}, "flags""#, &["W-UNUSED-EVALUATOR", "D-OPERATOR"]),
    (r#"{"flags""#, r#"{"metadata": [], "flags""#, &["D-METADATA"]),
    (r#""state""#, r#""metadata": {"a": {}}, "state""#, &["D-METADATA"]),
    (r#""state""#, r#""state": "ENABLED", "state""#, &["D-DUPLICATE-KEY"]),
    (r#""on": true"#, r#""on": false, "on": true"#, &["D-DUPLICATE-KEY"]),
    (r#""on": true"#, r#""on": null"#, &["D-VARIANTS"]),
    (r#""on": true"#, r#""on": "yes""#, &["W-MIXED-VARIANTS"]),
    (r#""on": true"#, r#""": true"#, &["D-EMPTY-NAME"]),
    (r#""f": "#, r#""": "#, &["D-EMPTY-NAME"]),
    (r#"{"on": true, "off": false}, "defaultVariant": "off""#, "{}", &["D-VARIANTS"]),
    (r#""variants": {"on": true, "off": false}, "defaultVariant": "off""#, r#""metadata": {}"#, &["D-VARIANTS"]),
    (r#""flags""#, r#""flag""#, &["D-NO-FLAGS", "D-UNKNOWN-KEY"]),
    (r#""state""#, r#""key": "f", "source": "x", "selector": "y", "state""#, &[]),
];

fn codes(examined: &Examined) -> Vec<&'static str> {
    examined.findings.iter().map(|finding| finding.code.name()).collect()
}

#[test]
fn rules_have_the_findings_that_they_should_have_and_no_other() {
    for (rule, expected) in RULES {
        let examined = examined(&with_rule(rule));
        assert_eq!(codes(&examined), *expected, "{rule}: {:#?}", examined.findings);
        assert!(examined.document.is_some(), "{rule}: what is no error is loaded");
    }
}

#[test]
fn flags_have_the_findings_that_they_should_have_and_no_other() {
    for (from, to, expected) in FLAGS {
        let text = with_flag(from, to);
        let examined = examined(&text);
        assert_eq!(codes(&examined), *expected, "{text}: {:#?}", examined.findings);
        assert!(check(&text).is_ok(), "{text}: what is no error is loaded");
    }
}

#[test]
fn texts_beyond_ascii_are_named_in_v2_only() {
    let document = |hashing: &str| {
        format!(
            r#"{{"flags": {{"é": {{"state": "ENABLED", "variants": {{"on": 1}}, "targeting": {{"fractional": [{{"cat": ["ü", {{"var": ["ö", ""]}}]}}, ["on"]]}}}}}},
              "weir": {{"version": 1, "hashing": "{hashing}"}}}}"#
        )
    };
    assert_eq!(codes(&examined(&document("flagd-v2"))), ["W-NON-ASCII", "W-NON-ASCII"]);
    assert_eq!(codes(&examined(&document("flagd-v3"))), [""; 0]);
}

#[test]
fn segments_have_the_findings_of_rules() {
    let document = |evaluators: &str, segments: &str| {
        format!(r#"{{"$evaluators": {evaluators}, "flags": {{}}, "weir": {{"version": 1, "segments": {segments}}}}}"#)
    };
    for (evaluators, segments, expected) in [
        ("{}", r#"{"beta": {"==": [{"var": "tier"}, "beta"]}}"#, vec![]),
        (r#"{"tier": {"==": [{"var": "tier"}, "beta"]}}"#, r#"{"beta": {"$ref": "tier"}}"#, vec![]),
        (r#"{"tier": {"==": [{"var": "tier"}, "beta"]}}"#, r#"{"beta": {"var": "tier"}}"#, vec!["W-UNUSED-EVALUATOR"]),
        ("{}", r#"{"beta": {"$ref": "tier"}}"#, vec!["D-REF"]),
        ("{}", r#"{"beta": {"var": "$flagd.color"}}"#, vec!["D-FLAGD-VAR"]),
        ("{}", r#"{"beta": {"equals": [1]}, "odd": 3, "": {}}"#, vec!["D-OPERATOR", "E-NAME", "E-VALUE", "E-VALUE"]),
        (r#"{"a": {"$ref": "a"}}"#, r#"{"beta": {"$ref": "a"}}"#, vec!["E-CIRCLE", "E-CIRCLE"]),
    ] {
        let mut found = codes(&examined(&document(evaluators, segments)));
        found.sort_unstable();
        assert_eq!(found, expected, "{evaluators} {segments}");
    }
}

#[test]
fn what_every_request_has_is_not_missing() {
    let document = |source: &str| {
        format!(
            r#"{{"flags": {{"f": {{"state": "ENABLED", "variants": {{"on": 1}}, "targeting": {{"if": [{{"<": [{{"var": "x"}}, 3]}}, "on"]}}}}}},
              "weir": {{"version": 1, "attributes": {{"x": {source}}}}}}}"#
        )
    };
    assert_eq!(codes(&examined(&document(r#"{"header": "x"}"#))), ["W-NULL-COMPARED"]);
    assert_eq!(codes(&examined(&document(r#"{"constant": 2}"#))), [""; 0]);
}

#[test]
fn findings_stand_where_they_are_and_in_the_order_of_the_text() {
    let text = "{\"flags\": {\n  \"f\": {\"state\": \"ENABLED\", \"variants\": {\"on\": 1, \"on\": 2}, \"targeting\":\n    {\"if\": [{\"sem_ver\": [{\"var\": \"v\"}, \"==\", \"1.0.0\"]},\n      \"off\",\n      \"on\"]}}}}";
    let found: Vec<(&str, u32, u32, String)> =
        examined(text).findings.into_iter().map(|f| (f.code.name(), f.line, f.column, f.path)).collect();
    assert_eq!(
        found,
        [
            ("D-DUPLICATE-KEY", 2, 51, "$.flags.f.variants.on".to_owned()),
            ("D-SEMVER", 3, 40, "$.flags.f.targeting.if[0].sem_ver[1]".to_owned()),
            ("D-VARIANT", 4, 7, "$.flags.f.targeting.if[1]".to_owned()),
        ]
    );
    let listed = r#"{"flags": [{"key": "a", "state": "ENABLED", "variants": {"on": 1}, "colour": 1}, {"key": "a", "state": "OFF", "variants": {}}]}"#;
    let found: Vec<String> = examined(listed).findings.iter().map(|f| format!("{} {}", f.code, f.path)).collect();
    assert_eq!(
        found,
        ["D-DUPLICATE-KEY $.flags[1].key", "E-STATE $.flags[1].state", "D-VARIANTS $.flags[1].variants"],
        "what is overwritten is not looked at"
    );
}

/// Errors of the document are in `findings.rs`, row by row; these belong to other parts, which test them.
const ELSEWHERE: [Code; 5] = [Code::Envelope, Code::Setting, Code::Input, Code::Conflict, Code::Source];

#[test]
fn every_code_is_found_by_some_row() {
    let rows = RULES.iter().flat_map(|(_, codes)| *codes).chain(FLAGS.iter().flat_map(|(_, _, codes)| *codes));
    let mut found: BTreeSet<&str> = rows.copied().collect();
    found.insert("W-NON-ASCII");
    for code in Code::ALL.iter().filter(|code| code.severity() != Severity::Error) {
        assert!(found.contains(code.name()), "{code}");
    }
    let errors: BTreeSet<&str> = ERRORS.iter().map(|(code, _)| *code).collect();
    for code in Code::ALL.iter().filter(|code| code.severity() == Severity::Error && !ELSEWHERE.contains(code)) {
        assert!(errors.contains(code.name()), "{code}");
    }
}

/// The smallest documents with each error.
pub(crate) const ERRORS: &[(&str, &str)] = &[
    ("E-JSON", "{"),
    (
        "E-LIMIT",
        r#"{"flags": {"f": {"state": "ENABLED", "variants": {"on": 1, "off": 2}}}, "weir": {"version": 1, "limits": {"variants": 1}}}"#,
    ),
    ("E-DOCUMENT", r#"{"flags": {"f": 3}}"#),
    ("E-STATE", r#"{"flags": {"f": {"state": "on", "variants": {"on": 1}}}}"#),
    ("E-DEFAULT-VARIANT", r#"{"flags": {"f": {"state": "ENABLED", "variants": {"on": 1}, "defaultVariant": "of"}}}"#),
    ("E-CIRCLE", r#"{"flags": {}, "$evaluators": {"a": {"!": [{"$ref": "a"}]}}}"#),
    ("E-UNKNOWN-KEY", r#"{"flags": {}, "weir": {"version": 1, "rolouts": {}}}"#),
    ("E-DUPLICATE-KEY", r#"{"flags": {}, "weir": {"version": 1, "version": 1}}"#),
    ("E-REQUIRED", r#"{"flags": {}, "weir": {}}"#),
    ("E-VALUE", r#"{"flags": {}, "weir": {"version": 2}}"#),
    ("E-UNSUPPORTED", r#"{"flags": {}, "weir": {"version": 1, "hashing": "flagd-v1"}}"#),
    ("E-UNKNOWN-FLAG", r#"{"flags": {}, "weir": {"version": 1, "outputs": {"f": {"requestHeader": "x"}}}}"#),
    (
        "E-VARIANT",
        r#"{"flags": {"f": {"state": "ENABLED", "variants": {"a": 1, "b": 2}}}, "weir": {"version": 1, "identity": [{"header": "u"}], "outputs": {"f": {"requestHeader": "x"}},
           "rollouts": {"f": {"control": "a", "candidate": "c", "stages": [{"weight": "100%"}]}}}}"#,
    ),
    ("E-NAME", r#"{"flags": {}, "weir": {"version": 1, "attributes": {"a.b": {"header": "x"}}}}"#),
    (
        "E-HEADER",
        r#"{"flags": {"f": {"state": "ENABLED", "variants": {"a": 1}}}, "weir": {"version": 1, "identity": [{"header": "x"}], "outputs": {"f": {"requestHeader": "x"}}}}"#,
    ),
    (
        "E-IDENTITY",
        r#"{"flags": {"f": {"state": "ENABLED", "variants": {"a": 1, "b": 2}}}, "weir": {"version": 1, "outputs": {"f": {"requestHeader": "x"}},
           "rollouts": {"f": {"control": "a", "candidate": "b", "stages": [{"weight": "100%"}]}}}}"#,
    ),
    (
        "E-OUTPUT",
        r#"{"flags": {"f": {"state": "ENABLED", "variants": {"a": 1, "b": 2}}}, "weir": {"version": 1, "identity": [{"header": "x"}],
           "rollouts": {"f": {"control": "a", "candidate": "b", "stages": [{"weight": "100%"}]}}}}"#,
    ),
    (
        "E-METRIC",
        r#"{"flags": {"f": {"state": "ENABLED", "variants": {"a": 1, "b": 2}}}, "weir": {"version": 1, "identity": [{"header": "u"}], "outputs": {"f": {"requestHeader": "x"}},
           "rollouts": {"f": {"control": "a", "candidate": "b", "stages": [{"weight": "100%"}], "guardrails": [{"metric": "fallback", "ratio": 2}]}}}}"#,
    ),
    (
        "E-STAGES",
        r#"{"flags": {"f": {"state": "ENABLED", "variants": {"a": 1, "b": 2}}}, "weir": {"version": 1, "identity": [{"header": "u"}], "outputs": {"f": {"requestHeader": "x"}},
           "rollouts": {"f": {"control": "a", "candidate": "b", "stages": [{"weight": "50%"}]}}}}"#,
    ),
];

#[test]
fn the_smallest_document_with_each_error_has_that_one_alone() {
    for (code, text) in ERRORS {
        let findings: Vec<Finding> = check(text).unwrap_err();
        assert_eq!(findings.iter().map(|f| f.code.name()).collect::<Vec<_>>(), [*code], "{text}: {findings:#?}");
        assert!(findings[0].line > 0 && findings[0].column > 0, "{findings:?}");
        assert_eq!(findings[0].severity, Severity::Error);
        assert!(examined(text).document.is_none(), "{text}");
    }
}

#[test]
fn the_worked_examples_have_no_error_and_only_the_defects_that_they_are_there_for() {
    let flags: serde_json::Value = serde_json::from_str(include_str!("../vectors/fractional-flags.json")).unwrap();
    let examined = examined(&flags.to_string());
    let defects = examined.findings.iter().filter(|finding| finding.severity == Severity::Defect);
    let found: BTreeSet<String> = defects.map(|f| format!("{} {}", f.code, f.path)).collect();
    assert_eq!(examined.count(Severity::Error), 0);
    let deliberate: BTreeSet<String> = DELIBERATE.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(found, deliberate);
}

/// What these examples are there to show.
const DELIBERATE: [&str; 5] = [
    "D-VARIANT $.flags.unknown-variant.targeting.fractional[1][0]",
    "D-WEIGHT $.flags.decimal-weight.targeting.fractional[0][1]",
    "D-WEIGHT $.flags.decimal-weight.targeting.fractional[1][1]",
    "D-WEIGHT $.flags.negative-weight.targeting.fractional[0][1]",
    "D-WEIGHT $.flags.over-max-sum.targeting.fractional",
];

#[test]
fn limits_are_lowered_by_operator_and_document_and_by_nobody_raised() {
    let text = with_rule(r#"{"if": [{"and": [{"var": "x"}, {"var": "y"}]}, "on"]}"#);
    for name in Limits::NAMES {
        let mut limits = Limits::default();
        let most = u64::try_from(limits.get(name).unwrap()).unwrap();
        assert!(limits.lower(name, most + 1).is_err() && limits.lower(name, 0).is_err(), "{name}");
        limits.lower(name, 1).unwrap();
        let examined = examine(&text, &limits);
        let refused = examined.findings.iter().any(|f| f.code == Code::Limit);
        assert!(refused, "{name}: {:?}", examined.findings);
        let camel = if name == "document_bytes" { "documentBytes" } else { name };
        let own = text.replacen('{', &format!(r#"{{"weir": {{"version": 1, "limits": {{"{camel}": 1}}}}, "#), 1);
        assert_eq!(check(&own).is_err(), name != "work", "{name}");
        // Proxies go by the document, so it says itself what the operator demands.
        assert_eq!(name == "work", !examine(&own, &limits).findings.iter().any(|f| f.code == Code::Limit), "{name}");
        let raised = own.replacen(": 1}", &format!(": {}}}", most + 1), 1);
        let findings = check(&raised).unwrap_err();
        assert_eq!((findings[0].code, findings.len()), (Code::Value, 1), "{findings:?}");
        assert_eq!(findings[0].path, format!("$.weir.limits.{camel}"));
    }
    assert!(Limits::default().lower("depht", 1).unwrap_err().contains("depth"));
}

#[test]
fn two_megabytes_with_a_thousand_findings_are_examined_in_a_moment() {
    let flag = |i: usize| {
        format!(
            r#""flag-{i}": {{"state": "ENABLED", "variants": {{"on": 1, "off": 2}}, "targeting": {{"if": [{{"in": [{{"var": "user"}}, [{}]]}}, "yes", "off"]}}}}"#,
            (0..100).map(|n| format!("\"user-{i}-{n}\"")).collect::<Vec<_>>().join(", ")
        )
    };
    let text = format!(r#"{{"flags": {{{}}}}}"#, (0..1_000).map(flag).collect::<Vec<_>>().join(","));
    assert!(text.len() > 1_500_000);
    let begun = std::time::Instant::now();
    let examined = examined(&text);
    assert_eq!(examined.count(Severity::Defect), 1_000);
    assert!(begun.elapsed().as_millis() < 2_000, "{:?}", begun.elapsed());
}
