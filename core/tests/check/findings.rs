//! Each finding that a document can have, with the path, the finding and the remedy that a person gets to read.

use weir_core::check::{Finding, MAX_DOCUMENT_BYTES, check};

pub(crate) const GOOD: &str = r#"{
  "$schema": "https://flagd.dev/schema/v0/flags.json",
  "metadata": { "team": "shop" },
  "flags": {
    "checkout": { "state": "ENABLED", "variants": { "stable": "v1", "next": "v2" }, "defaultVariant": "stable", "targeting": {}, "metadata": {} },
    "banner": { "state": "DISABLED", "variants": { "on": true, "off": false }, "defaultVariant": null, "targeting": null }
  },
  "weir": {
    "version": 1,
    "hashing": "flagd-v3",
    "identity": [ { "header": "X-User-Id" }, { "cookie": "session" } ],
    "outputs": { "checkout": { "match": { "pathPrefix": "/checkout" }, "requestHeader": "x-weir-checkout" }, "banner": { "requestHeader": "x-weir-banner" } },
    "counters": { "fallback": {"responseHeader": "X-Fallback"}, "busy": {"status": [429, 503]} }, "scores": { "quality": {"responseHeader": "X-Quality", "max": 1} },
    "rollouts": { "checkout": { "control": "stable", "candidate": "next", "salt": "weir/checkout",
      "stages": [ { "weight": "5%", "for": "10m" }, { "weight": 250000, "for": "1h" }, { "weight": "100%" } ],
      "alpha": 0.01, "baseline": { "requests": 300 }, "settle": "30s",
      "advance": { "requests": 300, "power": 0.8, "errorFloor": "1%", "proxies": "90%" },
      "guardrails": [ { "metric": "errors", "ratio": 2.0, "max": "1%" }, { "metric": "latency", "quantile": 0.95, "max": "200ms" } ] } }
  }
}"#;

fn findings(text: &str) -> Vec<Finding> {
    check(text).err().unwrap_or_default()
}

#[test]
fn the_good_document_is_good_and_means_what_it_says() {
    let document = check(GOOD).unwrap();
    let checkout = &document.flags[0];
    assert_eq!((checkout.key.as_str(), checkout.enabled, checkout.default_name()), ("checkout", true, Some("stable")));
    let rollout = checkout.rollout.as_ref().unwrap();
    assert_eq!(rollout.stages.iter().map(|stage| stage.weight.to_string()).collect::<Vec<_>>(), ["5%", "25%", "100%"]);
    assert_eq!(rollout.stages.iter().map(|stage| stage.lasts.ms()).collect::<Vec<_>>(), [600_000, 3_600_000, 0]);
    assert_eq!(document.flags[1].default_name(), None);
}

#[test]
fn defaults_are_what_the_docs_say() {
    let text = GOOD.replace(r#""alpha": 0.01, "baseline": { "requests": 300 }, "settle": "30s","#, "");
    let text =
        text.replace(r#""advance": { "requests": 300, "power": 0.8, "errorFloor": "1%", "proxies": "90%" },"#, "");
    assert_eq!(check(&text), check(GOOD));
    let text = GOOD.replace(r#""salt": "weir/checkout","#, "").replace(r#""hashing": "flagd-v3","#, "");
    assert_eq!(check(&text), check(GOOD));
}

/// What is replaced, by what, path, found, a part of what is allowed.
type Row = (&'static str, &'static str, String, &'static str, &'static str);

/// A part of the good document replaced, and what is said then.
pub(crate) fn rows() -> Vec<Row> {
    let rollout = "$.weir.rollouts.checkout";
    let table: &[(&'static str, &'static str, &str, &'static str, &'static str)] = &[
        // what is replaced, by what, path, found, a part of what is allowed
        (r#""ENABLED""#, r#""enabled""#, "$.flags.checkout.state", r#""enabled""#, r#""ENABLED" or "DISABLED""#),
        (r#""state": "ENABLED", "#, "", "$.flags.checkout.state", "nothing", r#""ENABLED" or "DISABLED""#),
        (
            r#""defaultVariant": "stable""#,
            r#""defaultVariant": "old""#,
            "$.flags.checkout.defaultVariant",
            r#""old""#,
            r#""stable", "next""#,
        ),
        (
            r#""metadata": { "team""#,
            r#""$evaluators": {"a": {"!": [{"$ref": "b"}]}, "b": {"and": [{"$ref": "a"}]}}, "metadata": { "team""#,
            "$.$evaluators.a",
            "references in a circle: a -> b -> a",
            "come to an end",
        ),
        (
            r#""version": 1"#,
            r#""version": 1, "attributes": {"a": {"claim": "sub"}}"#,
            "$.weir.attributes.a.claim",
            r#""sub""#,
            "not supported in this version",
        ),
        (
            r#""version": 1"#,
            r#""version": 1, "attributes": {"a": {"path": "/x"}}"#,
            "$.weir.attributes.a.path",
            r#""/x""#,
            r#"{"path": true}"#,
        ),
        (
            r#""version": 1"#,
            r#""version": 1, "attributes": {"a.b": {"header": "x"}}"#,
            "$.weir.attributes[\"a.b\"]",
            r#"the name "a.b""#,
            "without a dot",
        ),
        (r#""version": 1"#, r#""version": 2"#, "$.weir.version", "2", "1"),
        (r#""flagd-v3""#, r#""flagd-v1""#, "$.weir.hashing", r#""flagd-v1""#, "move to v2 or v3"),
        (r#""flagd-v3""#, "3", "$.weir.hashing", "3", r#""flagd-v3" (the default) or "flagd-v2""#),
        (r#""version": 1"#, r#""version": 1, "segments": []"#, "$.weir.segments", "an array of 0", "an object"),
        (
            r#""version": 1"#,
            r#""version": 1, "segments": {"be ta": {"var": "tier"}}"#,
            "$.weir.segments[\"be ta\"]",
            r#"the name "be ta""#,
            "for it goes into metrics",
        ),
        (
            r#""version": 1"#,
            r#""version": 1, "segments": {"beta": true}"#,
            "$.weir.segments.beta",
            "true",
            "a rule: {OPERATOR: [OPERAND, ...]}",
        ),
        (
            r#""version": 1"#,
            r#""version": 1, "segments": {"beta": {}}"#,
            "$.weir.segments.beta",
            "an object of 0",
            "a rule: {OPERATOR: [OPERAND, ...]}",
        ),
        (
            r#""version": 1"#,
            r#""version": 1, "segments": {"a": {"!": 1}, "b": {"!": 1}, "c": {"!": 1}, "d": {"!": 1}, "e": {"!": 1},
                "f": {"!": 1}, "g": {"!": 1}, "h": {"!": 1}, "i": {"!": 1}}"#,
            "$.weir.segments",
            "9 segments",
            "at most 8 segments",
        ),
        (
            r#""version": 1"#,
            r#""version": 1, "limits": {"depth": 3}, "segments": {"beta": {"!": [{"!": [{"!": [{"!": [1]}]}]}]}}"#,
            "$.weir.segments.beta",
            "a rule more than 3 operators deep, evaluators included",
            "at most 3 operators below each other",
        ),
        (
            r#"{ "cookie": "session" }"#,
            r#"{ "generate": {} }"#,
            "$.weir.identity[1].generate",
            "an object of 0",
            "not supported in this version",
        ),
        (
            r#"{ "cookie": "session" }"#,
            r#"{ "cookie": "a b" }"#,
            "$.weir.identity[1].cookie",
            r#""a b""#,
            "the name of a cookie",
        ),
        (
            r#"{ "cookie": "session" }"#,
            r#"{ "header": "x-user-id" }"#,
            "$.weir.identity[1]",
            "an object of 1",
            "each source once",
        ),
        (
            r#"[ { "header": "X-User-Id" }, { "cookie": "session" } ]"#,
            "[]",
            "$.weir.identity",
            "0 sources",
            "1 to 8 sources",
        ),
        (
            r#""requestHeader": "x-weir-checkout""#,
            r#""requestHeader": "Host""#,
            "$.weir.outputs.checkout.requestHeader",
            r#""Host""#,
            "not one that frames the message",
        ),
        (
            r#""x-weir-banner""#,
            r#""X-Weir-Checkout""#,
            "$.weir.outputs.banner.requestHeader",
            r#""x-weir-checkout" again"#,
            "a header for each flag",
        ),
        (
            r#""x-weir-banner""#,
            r#""x-user-id""#,
            "$.weir.outputs",
            r#"the identity header "x-user-id""#,
            "another header",
        ),
        (
            r#""pathPrefix": "/checkout""#,
            r#""pathPrefix": "checkout?x""#,
            "$.weir.outputs.checkout.match.pathPrefix",
            r#""checkout?x""#,
            "begins with",
        ),
        (
            r#""pathPrefix": "/checkout""#,
            r#""method": "GET""#,
            "$.weir.outputs.checkout.match.method",
            "an unknown key",
            "pathPrefix, path",
        ),
        (
            r#""banner": { "requestHeader""#,
            r#""baner": { "requestHeader""#,
            "$.weir.outputs.baner",
            "a flag that is not in flags, or is faulty there",
            r#""checkout", "banner""#,
        ),
        (
            r#""control": "stable""#,
            r#""control": "v1""#,
            &format!("{rollout}.control"),
            r#""v1""#,
            r#""stable", "next""#,
        ),
        (
            r#""candidate": "next""#,
            r#""candidate": "stable""#,
            &format!("{rollout}.candidate"),
            r#""stable""#,
            "another variant than control",
        ),
        (r#""salt": "weir/checkout""#, r#""salt": """#, &format!("{rollout}.salt"), r#""""#, "1 to 256 bytes"),
        (
            r#"[ { "weight": "5%", "for": "10m" }, { "weight": 250000, "for": "1h" }, { "weight": "100%" } ]"#,
            r#""canary""#,
            &format!("{rollout}.stages"),
            r#""canary""#,
            "presets are not supported in this version",
        ),
        (
            r#""weight": "5%", "for": "10m""#,
            r#""weight": "5%""#,
            &format!("{rollout}.stages[0].for"),
            "nothing",
            "a duration",
        ),
        (
            r#""weight": "5%""#,
            r#""weight": "30%""#,
            &format!("{rollout}.stages[1].weight"),
            "25%",
            "more than the stage before (30%)",
        ),
        (r#""weight": "5%""#, r#""weight": 0"#, &format!("{rollout}.stages[0].weight"), "0", "a share above 0"),
        (
            r#""weight": 250000"#,
            r#""weight": 250000.5"#,
            &format!("{rollout}.stages[1].weight"),
            "250000.5",
            "a share: ",
        ),
        (
            r#"{ "weight": "100%" }"#,
            r#"{ "weight": "99%" }"#,
            &format!("{rollout}.stages[2].weight"),
            "99%",
            "100% in the last stage",
        ),
        (
            r#""for": "10m""#,
            r#""for": "10 minutes""#,
            &format!("{rollout}.stages[0].for"),
            r#""10 minutes""#,
            "a duration such as",
        ),
        (r#""alpha": 0.01"#, r#""alpha": 0.5"#, &format!("{rollout}.alpha"), "0.5", "between 0.000001 and 0.2"),
        (
            r#""baseline": { "requests": 300 }"#,
            r#""baseline": { "requests": -1 }"#,
            &format!("{rollout}.baseline.requests"),
            "-1",
            "a whole number",
        ),
        (r#""power": 0.8"#, r#""power": 1"#, &format!("{rollout}.advance.power"), "1", "between 0 and 0.99"),
        (r#""ratio": 2.0"#, r#""ratio": 1"#, &format!("{rollout}.guardrails[0].ratio"), "1", "between 1.05 and 100"),
        (r#""max": "1%""#, r#""max": "60%""#, &format!("{rollout}.guardrails[0].max"), r#""60%""#, "at most 50%"),
        (
            r#""metric": "errors""#,
            r#""metric": "error""#,
            &format!("{rollout}.guardrails[0].metric"),
            r#""error""#,
            r#""errors" (did you mean that?), "latency" or one of "errors", "server_errors", "timeouts""#,
        ),
        (
            r#""metric": "errors""#,
            r#""metric": "fallbacks""#,
            &format!("{rollout}.guardrails[0].metric"),
            r#""fallbacks""#,
            r#""fallback" (did you mean that?), "latency" or one of "errors""#,
        ),
        (
            r#""metric": "errors", "ratio": 2.0"#,
            r#""metric": "fallback", "ratio": 1.04"#,
            &format!("{rollout}.guardrails[0].ratio"),
            "1.04",
            "between 1.05 and 100",
        ),
        (
            r#""fallback": {"responseHeader""#,
            r#""timeouts": {"responseHeader""#,
            "$.weir.counters.timeouts",
            r#"the name "timeouts""#,
            "a guardrail's metric already",
        ),
        (
            r#""fallback": {"responseHeader""#,
            r#""fall back": {"responseHeader""#,
            "$.weir.counters[\"fall back\"]",
            r#"the name "fall back""#,
            "1 to 64 letters",
        ),
        (
            r#"{"responseHeader": "X-Fallback"}"#,
            r#"{"responseHeader": "x-fallback", "status": 500}"#,
            "$.weir.counters.fallback",
            "an object of 2",
            r#"or {"status": CODE}"#,
        ),
        (
            r#"{"responseHeader": "X-Fallback"}"#,
            r#"{"status": 429, "equals": "1"}"#,
            "$.weir.counters.fallback",
            "an object of 2",
            r#"or {"status": CODE}"#,
        ),
        (
            r#"{"responseHeader": "X-Fallback"}"#,
            "{}",
            "$.weir.counters.fallback",
            "an object of 0",
            r#"either {"responseHeader": NAME}"#,
        ),
        (
            r#"{"responseHeader": "X-Fallback"}"#,
            r#"{"responseHeader": ":status"}"#,
            "$.weir.counters.fallback.responseHeader",
            r#"":status""#,
            "the name of a header",
        ),
        (
            r#"{"responseHeader": "X-Fallback"}"#,
            r#"{"responseHeader": "x-fallback", "equals": ""}"#,
            "$.weir.counters.fallback.equals",
            r#""""#,
            "1 to 256 bytes",
        ),
        (
            r#"{"responseHeader": "X-Fallback"}"#,
            r#"{"responseHeader": "x-fallback", "equal": "1"}"#,
            "$.weir.counters.fallback.equal",
            "an unknown key",
            r#""equals" (did you mean that?)"#,
        ),
        (r#""max": 1} }"#, r#""max": 101} }"#, "$.weir.scores.quality.max", "101", "between 0 and 100"),
        (r#""max": 1} }"#, r#""max": 1, "min": -1} }"#, "$.weir.scores.quality.min", "-1", "between 0 and 100"),
        (r#""max": 1} }"#, r#""max": 1, "min": 2} }"#, "$.weir.scores.quality.max", "1", "that is above min"),
        (
            r#""max": 1} }"#,
            r#""most": 1} }"#,
            "$.weir.scores.quality.most",
            "an unknown key",
            r#"responseHeader, min, max"#,
        ),
        (
            r#"{"responseHeader": "X-Quality", "max": 1}"#,
            r#"{"max": 1}"#,
            "$.weir.scores.quality.responseHeader",
            "nothing",
            "the name of the header",
        ),
        (
            r#""quality": {"#,
            r#""the quality": {"#,
            "$.weir.scores[\"the quality\"]",
            r#"the name "the quality""#,
            "1 to 64",
        ),
        (r#""status": [429, 503]"#, r#""status": 42"#, "$.weir.counters.busy.status", "42", "from 100 to 599"),
        (
            r#""status": [429, 503]"#,
            r#""status": [429, "503"]"#,
            "$.weir.counters.busy.status",
            "an array of 2",
            "from 100 to 599",
        ),
        (
            r#""status": [429, 503]"#,
            r#""status": []"#,
            "$.weir.counters.busy.status",
            "an array of 0",
            "an array of 1 to 16",
        ),
        (
            r#""busy": {"status": [429, 503]}"#,
            r#""a": {"status": 1}, "b": {}, "c": {}, "d": {}, "e": {}, "f": {}, "g": {}, "h": {}"#,
            "$.weir.counters",
            "9 counters",
            "at most 8 counters",
        ),
        (
            r#""metric": "errors", "ratio": 2.0, "max": "1%""#,
            r#""metric": "errors""#,
            &format!("{rollout}.guardrails[0]"),
            "neither ratio nor max",
            "at least one of them",
        ),
        (
            r#""quantile": 0.95"#,
            r#""quantile": 95"#,
            &format!("{rollout}.guardrails[1].quantile"),
            "95",
            "between 0.5 and 0.999",
        ),
        (r#""max": "200ms""#, r#""ratio": 1"#, &format!("{rollout}.guardrails[1].ratio"), "1", "between 1.05 and 100"),
        (
            r#""quantile": 0.95, "max": "200ms""#,
            r#""quantile": 0.95"#,
            &format!("{rollout}.guardrails[1]"),
            "neither ratio nor max",
            r#"{"metric": "latency", "quantile": 0.95, "ratio": 1.5, "max": "200ms"}"#,
        ),
        (r#""max": "200ms""#, r#""max": "0s""#, &format!("{rollout}.guardrails[1].max"), r#""0s""#, "above 0"),
        (
            r#""metric": "errors", "ratio": 2.0"#,
            r#""metric": "timeouts", "ratio": 1.2"#,
            &format!("{rollout}.guardrails[0].ratio"),
            "1.2",
            "between 1.5 and 100",
        ),
        (
            r#""metric": "errors""#,
            r#""metric": "cancelled""#,
            &format!("{rollout}.guardrails[0].dryRun"),
            "nothing",
            "true (cancelled requests are not counted by cell",
        ),
        (
            r#""max": "200ms""#,
            r#""max": "200ms", "dryRun": 1"#,
            &format!("{rollout}.guardrails[1].dryRun"),
            "1",
            "true or false",
        ),
        (
            r#""max": "200ms""#,
            r#""max": "200ms", "weight": -1"#,
            &format!("{rollout}.guardrails[1].weight"),
            "-1",
            "between 0 and 1000",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "maxDuration": "0s""#,
            &format!("{rollout}.maxDuration"),
            r#""0s""#,
            "longer than 0 s",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "inconclusive": "ship""#,
            &format!("{rollout}.inconclusive"),
            r#""ship""#,
            r#""hold", "rollback" or "pause""#,
        ),
        (
            r#""baseline": { "requests": 300 }"#,
            r#""baseline": { "requests": 300, "for": "2h", "window": "1h" }"#,
            &format!("{rollout}.baseline.window"),
            r#""1h""#,
            "a minute at least",
        ),
        (
            r#""checkout": { "match""#,
            r#""banner2": { "match""#,
            rollout,
            "a rollout without an output",
            "$.weir.outputs.checkout",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "alpha": 0.02"#,
            &format!("{rollout}.alpha"),
            "the key again",
            "each key once",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drfit": {}}"#,
            &format!("{rollout}.analysis.drfit"),
            "an unknown key",
            "\"drift\" (did you mean that?)",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": []"#,
            &format!("{rollout}.analysis"),
            "an array of 0",
            "an object",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"goals": {"purchase": {"minimumEffect": 0.01}}}"#,
            &format!("{rollout}.analysis.goals.purchase"),
            "\"purchase\"",
            "a name under weir.counters: \"fallback\", \"busy\"",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"scores": {"basket": {"minimumEffect": 0.1}}}"#,
            &format!("{rollout}.analysis.scores.basket"),
            "\"basket\"",
            "a name under weir.scores: \"quality\"",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"scores": {"basket": {"minimumEffect": 0}}}"#,
            &format!("{rollout}.analysis.scores.basket.minimumEffect"),
            "0",
            "between 0.000001 and 1000000000000",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"segments": {}}"#,
            &format!("{rollout}.analysis.segments"),
            "an object of 0",
            "at least one rule under weir.segments, which has none",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"segments": {"requests": -1}}"#,
            &format!("{rollout}.analysis.segments.requests"),
            "-1",
            "a whole number between 0 and 1000000000",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"shadow": {}}"#,
            &format!("{rollout}.analysis.shadow"),
            "an object of 0",
            "mirroring is not supported in this version",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"of": {"score": "basket"}}}"#,
            &format!("{rollout}.analysis.drift.of.score"),
            "\"basket\"",
            "a name under weir.scores: \"quality\"",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"of": "errors"}}"#,
            &format!("{rollout}.analysis.drift.of"),
            "\"errors\"",
            "\"latency\"",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"distance": 0}}"#,
            &format!("{rollout}.analysis.drift.distance"),
            "0",
            "between 0.01 and 1",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"window": "500ms"}}"#,
            &format!("{rollout}.analysis.drift.window"),
            "\"500ms\"",
            "a second at least",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"window": "2h"}}"#,
            &format!("{rollout}.analysis.drift.cooldown"),
            "nothing",
            "not shorter than the window (2h)",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"values": 0}}"#,
            &format!("{rollout}.analysis.drift.values"),
            "0",
            "between 1 and 1000000000",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"action": "page"}}"#,
            &format!("{rollout}.analysis.drift.action"),
            "\"page\"",
            "\"notify\", \"hold\" or \"rollback\"",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"reference": {}}}"#,
            &format!("{rollout}.analysis.drift.reference"),
            "0 bins",
            "1 to 2000 bins",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"reference": {"1ms": [100, 5]}}}"#,
            &format!("{rollout}.analysis.drift.reference.1ms"),
            "an array of 2",
            "whole numbers",
        ),
        (
            r#""alpha": 0.01"#,
            r#""alpha": 0.01, "analysis": {"drift": {"reference": {"1000": [100]}}}"#,
            &format!("{rollout}.analysis.drift.reference.1000"),
            "an array of 1",
            "whole numbers",
        ),
    ];
    table.iter().map(|&(from, to, path, found, allowed)| (from, to, path.to_owned(), found, allowed)).collect()
}

#[test]
fn each_finding_has_its_path_and_its_remedy() {
    for (from, to, path, found, allowed) in rows() {
        assert!(GOOD.contains(from), "{from}");
        let findings = findings(&GOOD.replacen(from, to, 1));
        let hit = findings.iter().any(|f| f.path == path && f.found == found && f.allowed.contains(allowed));
        assert!(hit, "{from} -> {to}: {findings:#?}");
    }
}

/// Every counter, score and segment, for rollouts of which each costs a proxy 104 + 8 (40 + 126) + 8 (98 + 8 (40 + 120)) stats.
#[test]
fn what_a_document_costs_a_proxy_has_an_end() {
    let many = |of: &str, each: &str| (0..8).map(|i| format!("\"{of}{i}\": {each}")).collect::<Vec<_>>().join(",");
    let document = |rollouts: usize, analysis: &str| {
        let of = |each: &str| (0..rollouts).map(|i| format!("\"f{i}\": {each}")).collect::<Vec<_>>().join(",");
        let outputs: Vec<String> =
            (0..rollouts).map(|i| format!("\"f{i}\": {{\"requestHeader\": \"x-f{i}\"}}")).collect();
        format!(
            r#"{{"flags": {{{flags}}}, "weir": {{"version": 1, "identity": [{{"header": "x-user"}}], "outputs": {{{outputs}}},
                "counters": {{{counters}}}, "scores": {{{scores}}}, "segments": {{{segments}}}, "rollouts": {{{of}}}}}}}"#,
            flags = of(r#"{"state": "ENABLED", "variants": {"a": 1, "b": 2}, "defaultVariant": "a"}"#),
            outputs = outputs.join(","),
            counters = many("c", r#"{"status": 429}"#),
            scores = many("s", r#"{"responseHeader": "x-s"}"#),
            segments = many("g", r#"{"==": [{"var": "targetingKey"}, "u"]}"#),
            of = of(&format!(r#"{{"control": "a", "candidate": "b", "stages": [{{"weight": "100%"}}]{analysis}}}"#)),
        )
    };
    let by_segment = r#", "analysis": {"segments": {}}"#;
    assert_eq!(findings(&document(12, by_segment)), []);
    assert_eq!(findings(&document(100, "")), []);
    let found: Vec<String> = findings(&document(13, by_segment)).iter().map(ToString::to_string).collect();
    let stats = 13 * (104 + 8 * (40 + 126) + 8 * (98 + 8 * (40 + 120)));
    assert_eq!(found.len(), 1, "{found:#?}");
    for part in ["$.weir.rollouts: ", &format!("found {stats} stats in each proxy, allowed at most 150000")] {
        assert!(found[0].contains(part), "{part} not in {}", found[0]);
    }
}

#[test]
fn faults_are_all_named_at_once() {
    let text = GOOD
        .replace(r#""state": "ENABLED""#, r#""state": "ON""#)
        .replace(r#""defaultVariant": null"#, r#""defaultVariant": "maybe""#)
        .replace(r#""candidate": "next""#, r#""candidate": "new""#)
        .replace(r#""version": 1"#, r#""version": "1""#)
        .replace(r#""hashing": "flagd-v3""#, r#""hashing": "md5""#)
        .replace(r#"{ "cookie": "session" }"#, r#"{ "cookies": "session" }"#)
        .replace(r#""x-weir-banner""#, r#""x weir banner""#)
        .replace(r#""weight": "5%""#, r#""weight": "105%""#)
        .replace(r#""settle": "30s""#, r#""settle": 30"#)
        .replace(r#""power": 0.8"#, r#""power": "high""#)
        .replace(r#""quantile": 0.95"#, r#""quantile": 0.2"#);
    let paths: Vec<_> = findings(&text).into_iter().map(|finding| finding.path).collect();
    for path in [
        "$.flags.checkout.state",
        "$.weir.rollouts.checkout.candidate",
        "$.flags.banner.defaultVariant",
        "$.weir.version",
        "$.weir.hashing",
        "$.weir.identity[1].cookies",
        "$.weir.outputs.banner.requestHeader",
        "$.weir.rollouts.checkout.stages[0].weight",
        "$.weir.rollouts.checkout.settle",
        "$.weir.rollouts.checkout.advance.power",
        "$.weir.rollouts.checkout.guardrails[1].quantile",
    ] {
        assert!(paths.iter().any(|p| p == path), "{path} is not among {paths:#?}");
    }
    assert_eq!(paths.len(), 11, "and nothing that follows from another finding: {paths:#?}");
}

#[test]
fn what_is_no_document_at_all_is_one_fault() {
    for (text, path, found) in [
        ("", "$", "EOF while parsing a value"),
        ("{", "$", "EOF while parsing an object"),
        ("[]", "$", "an array of 0"),
        (r#"{"flags": 1}"#, "$.flags", "1"),
        (r#"{"flags": [{"state": "ENABLED"}]}"#, "$.flags[0]", "an object of 1"),
    ] {
        let findings = findings(text);
        assert_eq!(
            (findings.len(), findings[0].path.as_str(), findings[0].found.as_str()),
            (1, path, found),
            "{text}: {findings:?}"
        );
    }
    let long = format!("{{\"flags\": {{}}, \"metadata\": {{\"x\": \"{}\"}}}}", "x".repeat(MAX_DOCUMENT_BYTES));
    assert_eq!(findings(&long).len(), 1);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(findings(&deep)[0].found.contains("recursion limit"));
}

#[test]
fn a_finding_has_the_line_and_the_column_of_its_place() {
    let row = |from: &str, to: &str| {
        let finding = findings(&GOOD.replacen(from, to, 1)).remove(0);
        (finding.code.name(), finding.line, finding.column)
    };
    assert_eq!(row(r#""ENABLED""#, r#""enabled""#), ("E-STATE", 5, 28));
    assert_eq!(row(r#""state": "ENABLED", "#, ""), ("E-STATE", 5, 17), "the flag that lacks it");
    assert_eq!(row(r#""alpha": 0.01"#, r#""alpha": 0.01, "é": 1, "alpha": 0.02"#), ("E-UNKNOWN-KEY", 16, 22));
    let twice = findings(&GOOD.replacen(r#""alpha": 0.01"#, r#""alpha": 0.01, "alpha": 0.02"#, 1)).remove(0);
    assert_eq!((twice.code.name(), twice.line, twice.column), ("E-DUPLICATE-KEY", 16, 22), "the later one's own place");
    assert_eq!(row(r#""flagd-v3","#, r#""flagd-v3""#), ("E-JSON", 11, 5));
    assert_eq!(
        findings(&GOOD.replacen(r#""ENABLED""#, "0", 1))[0].to_string(),
        r#"$.flags.checkout.state: found 0, allowed "ENABLED" or "DISABLED" (E-STATE, line 5, column 28)"#
    );
}
