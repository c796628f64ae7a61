//! Custom checks: what is read of them, and every finding that they can have.

use weir_core::check::{Finding, check};
use weir_core::custom::{Custom, Source};
use weir_core::guardrail::{Guardrail, Metric};

use super::findings::GOOD;

/// The good document with these guardrails.
pub(crate) fn with(guardrails: &str) -> String {
    let (before, rest) = GOOD.split_once(r#""guardrails": ["#).unwrap();
    let (_, after) = rest.split_once(" ] } }").unwrap();
    format!(r#"{before}"guardrails": [{guardrails}] }} }}{after}"#)
}

fn guardrails(text: &str) -> Vec<Guardrail> {
    let document = check(&with(text)).unwrap_or_else(|findings| panic!("{text}: {findings:#?}"));
    document.flags[0].rollout.clone().unwrap().policy.guardrails
}

#[test]
fn a_query_and_a_webhook_are_read_with_their_defaults() {
    let text = r#"{"query": "rate(oom{v=\"$variant\"}[1m])", "name": "gpu-oom", "max": 0.02},
        {"query": "ok{v=\"$variant\"} / all{flag=\"$flag\"}", "name": "a.b_c", "min": 0.9, "ratio": 2, "difference": 0, "every": "1s", "failures": 100,
         "dryRun": true, "weight": 3},
        {"webhook": "smoke"}, {"webhook": "smoke", "name": "smoke-2", "every": "1d", "failures": 1}, {"query": "x =~ 'a$'", "name": "v", "max": -1}"#;
    let all = guardrails(text);
    let custom: Vec<&Custom> = all
        .iter()
        .map(|guardrail| match &guardrail.metric {
            Metric::Custom(custom) => custom,
            other => panic!("{other:?}"),
        })
        .collect();
    let told: Vec<_> = custom.iter().map(|c| (c.name.as_str(), c.every.ms(), c.failures)).collect();
    let expected = [
        ("gpu-oom", 30_000, 3),
        ("a.b_c", 1_000, 100),
        ("smoke", 30_000, 3),
        ("smoke-2", 86_400_000, 1),
        ("v", 30_000, 3),
    ];
    assert_eq!(told, expected);
    let Source::Query { query, max, min, ratio, difference } = &custom[1].source else { panic!("{:?}", custom[1]) };
    assert_eq!((*max, *min, *ratio, *difference), (None, Some(0.9), Some(2.0), Some(0.0)));
    assert_eq!(query, r#"ok{v="$variant"} / all{flag="$flag"}"#);
    assert_eq!(custom[3].source, Source::Webhook("smoke".to_owned()));
    let of = |i: usize| (all[i].dry_run, all[i].weight);
    assert_eq!((of(0), of(1)), ((false, 1.0), (true, 3.0)));
}

/// Guardrails, the path below them, what is found, and a part of what is allowed.
pub(crate) const ROWS: &[(&str, &str, &str, &str)] = &[
    (r#"{"query": "up", "webhook": "smoke"}"#, "[0]", "an object of 2", "one of metric, query and webhook"),
    (r#"{"metric": "errors", "ratio": 2, "query": "up"}"#, "[0]", "an object of 3", "one of metric, query and webhook"),
    (r#"{"query": "up", "max": 1}"#, "[0].name", "nothing", "a name of 1 to 64 of a-z"),
    (r#"{"query": "up", "name": "Up", "max": 1}"#, "[0].name", "\"Up\"", "a name of 1 to 64 of a-z"),
    (r#"{"query": "up", "name": "", "max": 1}"#, "[0].name", "\"\"", "a name of 1 to 64 of a-z"),
    (r#"{"query": "up", "name": "up"}"#, "[0]", "no limit", "at least one of max, min, ratio and difference"),
    (r#"{"query": " ", "name": "up", "max": 1}"#, "[0].query", "\" \"", "PromQL of 1 to 4096 bytes"),
    (r#"{"query": 1, "name": "up", "max": 1}"#, "[0].query", "1", "a string"),
    (
        r#"{"query": "up{v=\"$candidate\"}", "name": "up", "max": 1}"#,
        "[0].query",
        "the placeholder $candidate",
        "$variant and $flag",
    ),
    (
        r#"{"query": "up{v=\"$variants\"}", "name": "up", "max": 1}"#,
        "[0].query",
        "the placeholder $variants",
        "$variant and $flag",
    ),
    (r#"{"query": "up", "name": "up", "ratio": 2}"#, "[0].ratio", "2", "a query with $variant in it"),
    (r#"{"query": "up", "name": "up", "difference": 1}"#, "[0].difference", "1", "a query with $variant in it"),
    (r#"{"query": "up{v='$variant'}", "name": "up", "ratio": 1}"#, "[0].ratio", "1", "between 1.05 and 100"),
    (r#"{"query": "up{v='$variant'}", "name": "up", "difference": -1}"#, "[0].difference", "-1", "between 0 and"),
    (r#"{"query": "up", "name": "up", "max": "1%"}"#, "[0].max", "\"1%\"", "a number between"),
    (r#"{"query": "up", "name": "up", "max": 1e16}"#, "[0].max", "10000000000000000", "a number between"),
    (r#"{"query": "up", "name": "up", "max": 1, "min": 2}"#, "[0].min", "2", "a number that is at most max"),
    (r#"{"query": "up", "name": "up", "max": 1, "every": "999ms"}"#, "[0].every", "\"999ms\"", "from 1s to 1d"),
    (r#"{"query": "up", "name": "up", "max": 1, "every": "2d"}"#, "[0].every", "\"2d\"", "from 1s to 1d"),
    (r#"{"query": "up", "name": "up", "max": 1, "failures": 0}"#, "[0].failures", "0", "between 1 and 100"),
    (r#"{"query": "up", "name": "up", "max": 1, "failures": 1.5}"#, "[0].failures", "1.5", "between 0 and 100"),
    (
        r#"{"query": "up", "name": "up", "max": 1, "quantile": 0.5}"#,
        "[0].quantile",
        "an unknown key",
        "query, max, min",
    ),
    (r#"{"query": "up", "name": "up", "max": 1, "dryRun": 1}"#, "[0].dryRun", "1", "true or false"),
    (r#"{"webhook": "http://somewhere/"}"#, "[0].webhook", "\"http://somewhere/\"", "a name of 1 to 64 of a-z"),
    (r#"{"webhook": "smoke", "max": 1}"#, "[0].max", "an unknown key", "webhook, name, every"),
    (r#"{"webhook": "smoke", "weight": -1}"#, "[0].weight", "-1", "between 0 and 1000"),
    (
        r#"{"webhook": "smoke"}, {"webhook": "smoke"}"#,
        "[1].name",
        "\"smoke\" again",
        "a name that no other guardrail of the rollout has",
    ),
    (
        r#"{"webhook": "smoke"}, {"query": "up", "name": "smoke", "max": 1}"#,
        "[1].name",
        "\"smoke\" again",
        "a name that no other guardrail of the rollout has",
    ),
];

fn findings(text: &str) -> Vec<Finding> {
    check(&with(text)).err().unwrap_or_default()
}

#[test]
fn each_finding_has_its_path_and_its_remedy() {
    for (text, path, found, allowed) in ROWS {
        let findings = findings(text);
        let path = format!("$.weir.rollouts.checkout.guardrails{path}");
        let hit = findings.iter().any(|f| f.path == path && f.found.starts_with(found) && f.allowed.contains(allowed));
        assert!(hit && findings.len() == 1, "{text}: {findings:#?}");
    }
}

#[test]
fn all_findings_of_a_custom_check_are_named_at_once() {
    let found = findings(
        r#"{"query": "$x", "nam": "a", "ratio": 1, "every": "1ms", "failures": 0, "dryRun": 0}, {"webhook": "A"}"#,
    );
    let paths: Vec<&str> =
        found.iter().filter_map(|f| f.path.strip_prefix("$.weir.rollouts.checkout.guardrails")).collect();
    for path in
        ["[0].query", "[0].nam", "[0].name", "[0].ratio", "[0].every", "[0].failures", "[0].dryRun", "[1].webhook"]
    {
        assert!(paths.contains(&path), "{path} not in {found:#?}");
    }
}

#[test]
fn the_longest_query_and_the_longest_name_are_taken() {
    let name = "n".repeat(64);
    let document =
        |query: usize, name: &str| format!(r#"{{"query": "{}", "name": "{name}", "max": 1}}"#, "x".repeat(query));
    assert_eq!(findings(&document(4_096, &name)), []);
    assert_eq!(findings(&document(4_097, &name)).len(), 1);
    assert_eq!(findings(&document(1, &format!("{name}n"))).len(), 1);
}
