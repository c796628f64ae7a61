//! The form of an analysis, in a document and in a file of its own.

use weir_core::analysis::{Action, Analysis, Bar, Better, Drift, Goal, Source};
use weir_core::check::{Finding, check, check_analysis};
use weir_core::span::Span;

use crate::findings::GOOD;

#[test]
fn what_is_left_out_has_the_documented_value() {
    let text = r#"{"goals":{"purchase":{"minimumEffect":0.01}},"scores":{},"segments":{},"shadow":{},"drift":{}}"#;
    let analysis = check_analysis(text).unwrap();
    let goal = Goal { minimum_effect: 0.01, better: Better::Higher, alpha: 0.05, power: 0.8 };
    assert_eq!(analysis.goals, [("purchase".to_owned(), goal)]);
    let segments = analysis.segments.unwrap();
    assert_eq!((segments.alpha, segments.requests), (0.05, 300));
    let shadow = analysis.shadow.unwrap();
    assert_eq!((shadow.agreement, shadow.p95_ratio, shadow.errors_ratio), (0.85, 1.5, 2.0));
    assert_eq!(shadow.comparisons, 1_000);
    assert_eq!(analysis.drift, Some(Drift::default()));
    assert_eq!(check_analysis("{}").unwrap(), Analysis::default());
}

#[test]
fn what_is_written_is_meant() {
    let text = r#"{"goals":{"purchase":{"minimumEffect":"1%","better":"lower","alpha":0.01,"power":0.9}},
        "shadow":{"agreement":"97.5%"},
        "drift":{"of":{"score":"basket"},"distance":0.3,"window":"5m","values":50,"action":"rollback","cooldown":"30m",
        "reference":{"0":[1000,7],"1000":[1000,3]}}}"#;
    let analysis = check_analysis(text).unwrap();
    assert_eq!(analysis.goals[0].1, Goal { minimum_effect: 0.01, better: Better::Lower, alpha: 0.01, power: 0.9 });
    assert_eq!(analysis.shadow.unwrap().agreement, 0.975);
    let bar = |lower, count| Bar { lower, width: 1_000, count };
    let drift = Drift {
        of: Source::Score("basket".to_owned()),
        distance: 0.3,
        window: Span::from_ms(300_000),
        values: 50,
        action: Action::RollBack,
        cooldown: Span::from_ms(1_800_000),
        reference: Some(vec![bar(0, 7), bar(1_000, 3)]),
    };
    assert_eq!(analysis.drift, Some(drift));
}

fn paths(findings: Vec<Finding>) -> Vec<String> {
    findings.into_iter().map(|finding| finding.path).collect()
}

#[test]
fn every_value_out_of_range_is_named_at_once() {
    let text = r#"{"goals":{"g":{"minimumEffect":0,"alpha":0.9},"h":{"better":"more"}},"scores":{"s":{"minimumEffect":5,"power":1}},
        "segments":{"alpha":0.3},"shadow":{"agreement":85},
        "drift":{"distance":0,"of":{"score":""},"window":"5","cooldown":"1s"},"drifts":{}}"#;
    let expected = [
        "$.goals.g.minimumEffect",
        "$.goals.g.alpha",
        "$.goals.h.minimumEffect",
        "$.goals.h.better",
        "$.scores.s.power",
        "$.segments.alpha",
        "$.shadow.agreement",
        "$.drift.distance",
        "$.drift.of",
        "$.drift.window",
        "$.drift.cooldown",
        "$.drifts",
    ];
    let mut found = paths(check_analysis(text).unwrap_err());
    let mut expected = expected.map(str::to_owned).to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for text in ["", "[]", r#"{"goal":{}}"#, r#"{"goals":{"g":{}}}"#, r#"{"drift":{"window":"5"}}"#] {
        assert_eq!(check_analysis(text).unwrap_err().len(), 1, "{text}");
    }
    let finding = check_analysis("{\n \"drift\": {\"distance\": 2}}").unwrap_err().remove(0);
    assert_eq!((finding.line, finding.column), (2, 24));
}

#[test]
fn a_document_has_the_same_form() {
    let drift = r#"{"distance":0.3,"window":"5m","action":"notify","cooldown":"30m"}"#;
    let text = GOOD.replacen(r#""alpha": 0.01"#, &format!(r#""alpha": 0.01, "analysis": {{"drift": {drift}}}"#), 1);
    let document = check(&text).unwrap();
    let analysis = document.flags[0].rollout.as_ref().unwrap().policy.analysis.as_deref();
    assert_eq!(analysis, Some(&check_analysis(&format!(r#"{{"drift": {drift}}}"#)).unwrap()));
    assert_eq!(check(GOOD).unwrap().flags[0].rollout.as_ref().unwrap().policy.analysis, None);
}

#[test]
fn a_document_s_goals_and_scores_are_what_its_proxies_count() {
    let with =
        |analysis: &str| GOOD.replacen(r#""alpha": 0.01"#, &format!(r#""alpha": 0.01, "analysis": {analysis}"#), 1);
    let good = r#"{"goals":{"fallback":{"minimumEffect":"1%","better":"lower"}},"scores":{"quality":{"minimumEffect":0.1}},
        "drift":{"of":{"score":"quality"}}}"#;
    let document = check(&with(good)).unwrap();
    let analysis = document.flags[0].rollout.as_ref().unwrap().policy.analysis.as_deref();
    assert_eq!(analysis, Some(&check_analysis(good).unwrap()));
    let bad = r#"{"goals":{"fallbak":{"minimumEffect":"1%"}},"scores":{"fallback":{"minimumEffect":1}},"drift":{"of":{"score":"qualty"}}}"#;
    let allowed: Vec<String> = check(&with(bad)).unwrap_err().into_iter().map(|finding| finding.allowed).collect();
    let counters = "\"fallback\" (did you mean that?), a name under weir.counters: \"fallback\", \"busy\"";
    let scores = "a name under weir.scores: \"quality\"";
    assert_eq!(allowed, [counters, scores, &format!("\"quality\" (did you mean that?), {scores}")]);
}
