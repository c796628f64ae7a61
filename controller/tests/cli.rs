//! The `weir` binary as people and CI meet it: exit codes, what is printed where, and a whole controller without a proxy.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const GOOD: &str = r#"{"flags":{"checkout":{"state":"ENABLED","variants":{"stable":"v1","next":"v2"},"defaultVariant":"stable"}},
  "weir":{"version":1,"identity":[{"header":"x-user-id"}],"outputs":{"checkout":{"requestHeader":"x-weir-checkout"}},
  "rollouts":{"checkout":{"control":"stable","candidate":"next","stages":[{"weight":"5%","for":"1m"},{"weight":"100%","for":"1m"}],
  "guardrails":[{"metric":"errors","max":"1%"}]}}}}"#;
const BAD: &str = r#"{"flags":{"checkout":{"state":"ON","variants":{"a":"1"}},
  "banner":{"state":"ENABLED","variants":{"a":"1"},"defaultVariant":"b"}},"weird":{}}"#;

fn weir(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(arguments).env_remove("WEIR_API").env_remove("WEIR_LOG").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    done(weir(arguments).output().unwrap())
}

fn done(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A controller on ports of the kernel's choice, killed when dropped.
struct Controller {
    child: Child,
    api: String,
    ready: PathBuf,
}

impl Controller {
    fn start(directory: &Path) -> Self {
        let text = "[api]\nlisten = '127.0.0.1:0'\n[xds]\nlisten = '127.0.0.1:0'\n[filter]\nwasm = '/weir_filter.wasm'";
        let config = file(directory, "weir.toml", text);
        let ready = directory.join("ready.json");
        let mut command = weir(&["serve", "--config", &config, "--ready-file", ready.to_str().unwrap()]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let ready_json = loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                break serde_json::from_str::<Value>(&text).unwrap();
            }
            assert!(child.try_wait().unwrap().is_none(), "the controller has ended");
            assert!(Instant::now() < deadline, "the controller is not ready");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(ready_json["xds"].as_str().unwrap().starts_with("127.0.0.1:"));
        Self { child, api: ready_json["api"].as_str().unwrap().to_owned(), ready }
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        done(weir(arguments).env("WEIR_API", &self.api).output().unwrap())
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [&[][..], &["promote"], &["kill"], &["validate"], &["start", "a", "b"], &["apply", "f", "--force"]]
    {
        let (code, _, error) = run(arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(error.contains("Usage:"), "{error}");
    }
    let (code, text, _) = run(&["--help"]);
    assert_eq!(code, 0);
    assert!(text.contains("Exit status: 0 good, 1 refused or failed, 2 wrong usage."), "{text}");
}

#[test]
fn validate_names_every_fault_and_the_code_says_whether_there_was_one() {
    let directory = tempfile::tempdir().unwrap();
    let good = file(directory.path(), "good.json", GOOD);
    let bad = file(directory.path(), "bad.json", BAD);
    assert_eq!(run(&["validate", &good]), (0, format!("{good}: good\n"), String::new()));

    let (code, text, _) = run(&["validate", &good, &bad]);
    assert_eq!(code, 1);
    for line in [
        ":1:31: error[E-STATE] $.flags.checkout.state: found \"ON\", allowed \"ENABLED\" or \"DISABLED\"",
        ":2:69: error[E-DEFAULT-VARIANT] $.flags.banner.defaultVariant: found \"b\", allowed one of the flag's variants: \"a\"",
        ":2:75: defect[D-UNKNOWN-KEY] $.weird: found an unknown key, allowed \"weir\" (did you mean that?), or one of \
         $schema, flags, $evaluators, metadata, weir",
        ": 2 errors, 1 defect",
    ] {
        assert!(text.lines().any(|found| found == format!("{bad}{line}")), "{line} not in {text}");
    }
    let (code, text, _) = run(&["validate", &bad, "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["valid"]), (1, &Value::Bool(false)));
    let findings = report["files"][0]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 3);
    for (key, value) in
        [("code", "E-STATE"), ("severity", "error"), ("path", "$.flags.checkout.state"), ("found", "\"ON\"")]
    {
        assert_eq!(findings[0][key], value);
    }
    assert_eq!((&findings[0]["line"], &findings[0]["column"]), (&Value::from(1), &Value::from(31)));

    let (code, _, error) = run(&["validate", "/no/such/file.json"]);
    assert_eq!(code, 1);
    assert!(error.contains("/no/such/file.json"), "{error}");
}

#[test]
fn validate_reads_standard_input() {
    for (text, expected) in [(GOOD, 0), (BAD, 1), ("", 1)] {
        let mut child = weir(&["validate", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let (code, text, _) = done(child.wait_with_output().unwrap());
        assert_eq!(code, expected);
        assert!(text.lines().all(|line| line.starts_with("-:")), "{text}");
    }
}

#[test]
fn defects_fail_and_warnings_only_if_they_are_to_count() {
    let directory = tempfile::tempdir().unwrap();
    let flag = |variant: &str| {
        format!(
            r#"{{"flags":{{"a":{{"state":"ENABLED","variants":{{"on":1}},"targeting":{{"if":[{{"<":[{{"var":"age"}},18]}},"{variant}"]}}}}}}}}"#
        )
    };
    let (warned, defect) =
        (file(directory.path(), "w.json", &flag("on")), file(directory.path(), "d.json", &flag("of")));
    let (code, text, _) = run(&["validate", &warned]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(": warning[W-NULL-COMPARED] ") && text.ends_with(": 1 warning\n"), "{text}");
    assert_eq!(run(&["validate", &warned, "--strict"]).0, 1);
    assert_eq!(run(&["validate", &warned, "--limit", "depth=1"]).0, 1);
    assert_eq!(run(&["validate", &defect]).0, 1);
}

#[test]
fn codes_are_explained_and_the_schema_is_printed() {
    let (code, text, _) = run(&["validate", "--explain", "e-state"]);
    assert!(code == 0 && text.starts_with("E-STATE (error): ") && text.contains("`\"state\": \"ENABLED\"`"), "{text}");
    let (code, text, error) = run(&["validate", "--explain", "E-NONE"]);
    assert!(code == 2 && text.is_empty() && error.contains("E-STATE ") && error.contains("W-NULL-CAT "), "{error}");
    let (code, text, _) = run(&["validate", "--schema"]);
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, schema["$schema"].as_str()), (0, Some("http://json-schema.org/draft-07/schema#")));
}

#[test]
fn calc_computes_and_names_every_fault() {
    let (code, text, error) = run(&["calc", "wilson", r#"{"seen": [12, 1000]}"#]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, error.as_str()), (0, ""));
    assert!((answer["high"].as_f64().unwrap() - 0.020_857_268_475).abs() < 1e-9, "{answer}");

    let (code, text, error) = run(&["calc", "wilson", r#"{"seen": [12, 10], "sure": 1}"#]);
    assert_eq!((code, text.as_str()), (1, ""));
    for part in
        ["$.seen: found [12, 10], allowed [hits, all]", "$.sure: found an unknown key, allowed confidence, seen"]
    {
        assert!(error.contains(part), "{part} not in {error}");
    }
    let (code, text, _) = run(&["calc", "wilson", "{", "--json"]);
    let failure: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &failure["findings"][0]["path"]), (1, &Value::from("$")));
    assert_eq!(run(&["calc", "average", "{}"]).0, 2);

    // From standard input, which is empty here.
    assert_eq!(run(&["calc", "wilson"]).0, 1);
    let (code, text, _) = run(&["calc", "--help"]);
    assert_eq!(code, 0);
    // Long lines are wrapped.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for method in weir_controller::calc::methods() {
        assert!(text.contains(&format!("weir calc {} '{}'", method.name, method.example)), "{}", method.name);
        assert_eq!(run(&["calc", method.name, method.example]).0, 0, "{}", method.name);
    }
}

#[test]
fn judge_says_what_a_policy_would_have_done() {
    let directory = tempfile::tempdir().unwrap();
    let policy = file(directory.path(), "policy.json", GOOD);
    let cells = |requests: u64, errors: u64| vec![[requests, errors]; 20];
    let tick = |second: u64| {
        let errors = if second < 40 { 0 } else { 4 };
        let variant = |errors: u64| serde_json::json!({ "started": 200, "results": [200 - 20 * errors, 0, 20 * errors, 0, 0, 0], "cells": cells(10, errors) });
        let variants = serde_json::json!({ "stable": variant(0), "next": variant(errors) });
        serde_json::json!({ "at_ms": 1_000 * (second + 1), "span_ms": 1_000, "expected": 1, "seen": 1,
            "flags": { "checkout": { "variants": variants } } })
        .to_string()
    };
    let lines: Vec<String> = (0..60).map(tick).collect();
    let history = file(directory.path(), "history.ndjson", &lines.join("\n"));
    let (code, text, error) = run(&["judge", "--history", &history, "--policy", &policy]);
    assert_eq!(code, 0, "{error}");
    assert!(text.contains("checkout: rolled back at 5 %: errors"), "{text}");
    assert!(text.ends_with("checkout: rolled back after 60 ticks\n"), "{text}");

    let (code, text, _) = run(&["judge", "--history", &history, "--policy", &policy, "--force"]);
    assert!(code == 0 && !text.contains("control has had"), "{text}");
    let straight = GOOD.replace(r#"{"weight":"5%","for":"1m"},"#, "");
    let straight = file(directory.path(), "straight.json", &straight);
    let (code, _, error) = run(&["judge", "--history", &history, "--policy", &straight]);
    assert!(code == 1 && error.contains("force"), "{error}");
    assert_eq!(run(&["judge", "--history", &history, "--policy", &straight, "--force"]).0, 0);

    let (code, text, _) = run(&["judge", "--history", &history, "--policy", &policy, "--json"]);
    let story: Value = serde_json::from_str(&text).unwrap();
    let last = story["events"].as_array().unwrap().last().unwrap();
    assert_eq!((code, &last["verdict"]), (0, &Value::from("roll_back")));
    assert!((41_000..45_000).contains(&last["after_ms"].as_u64().unwrap()), "{last}");

    let analysis = file(directory.path(), "analysis.json", "{\"drift\": {\"distance\": 3, \"widow\": \"5m\"}}");
    let (code, _, error) = run(&["judge", "--history", &history, "--policy", &policy, "--analysis", &analysis]);
    assert_eq!(code, 1);
    assert!(error.starts_with(&format!("weir: {analysis}: the analysis is not taken\n")), "{error}");
    assert!(error.contains("$.drift.distance: found 3, allowed a number between 0.01 and 1"), "{error}");
    assert!(error.contains("$.drift.widow: found an unknown key, allowed \"window\" (did you mean that?)"), "{error}");

    let broken = file(directory.path(), "broken.ndjson", "{}\n");
    let (code, text, error) = run(&["judge", "--history", &broken, "--policy", &policy]);
    assert_eq!((code, text.as_str()), (1, ""));
    assert!(error.starts_with(&format!("weir: {broken}: the history is not taken\n")), "{error}");
    assert!(error.contains("broken.ndjson:1: $.span_ms: found nothing, allowed a value"), "{error}");
    let noise = file(directory.path(), "noise.ndjson", &"x\n".repeat(99));
    let (code, _, error) = run(&["judge", "--history", &noise, "--policy", &policy]);
    assert_eq!((code, error.lines().count()), (1, 21), "{error}");
    assert!(error.contains("99 findings, of which the last 79 are not named\n"), "{error}");
    let (code, text, error) = run(&["judge", "--history", "none.ndjson", "--policy", &policy, "--json"]);
    let failure: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, error.as_str()), (1, ""));
    assert!(failure["error"].as_str().unwrap().starts_with("none.ndjson: No such file"), "{failure}");
    let latin = directory.path().join("latin.json").display().to_string();
    std::fs::write(&latin, b"{\n\"\xe9\": 1}").unwrap();
    let (code, _, error) = run(&["judge", "--history", &history, "--policy", &latin]);
    assert_eq!((code, error), (1, format!("weir: {latin}: line 2 is not UTF-8\n")));
    let (code, _, error) = run(&["judge", "--history", &history, "--policy", &noise]);
    assert_eq!(code, 1);
    assert!(error.starts_with(&format!("weir: {noise}: no flag document\n")), "{error}");
    let (code, _, error) = run(&["judge", "--history", &history, "--policy", &policy, "--flag", "banner"]);
    assert_eq!(code, 1);
    assert!(error.contains("the policy has no rollout of flag \"banner\""), "{error}");
}

#[test]
fn without_a_controller_every_verb_fails_and_says_why() {
    // Nothing listens on the discard port of loopback.
    for arguments in [&["status"][..], &["kill", "--all"], &["start", "checkout"]] {
        let (code, _, error) = run(&[arguments, &["--api", "http://127.0.0.1:9"]].concat());
        assert_eq!(code, 1);
        assert!(error.contains("no controller answers at http://127.0.0.1:9"), "{error}");
    }
}

#[test]
fn a_faulty_weir_toml_is_refused_with_every_fault() {
    let directory = tempfile::tempdir().unwrap();
    let config = file(directory.path(), "weir.toml", "tik = '1s'\n[api]\nlisten = '0.0.0.0:8470'");
    let (code, _, error) = run(&["serve", "--config", &config]);
    assert_eq!(code, 1);
    for part in [
        "weir.toml: tik: found an unknown key, allowed tick",
        "weir.toml: api.listen: found 0.0.0.0:8470",
        "filter.wasm: found nothing",
    ] {
        assert!(error.contains(part), "{part} not in {error}");
    }
    let broken = file(directory.path(), "broken.toml", "tick = ");
    assert!(run(&["serve", "--config", &broken]).2.contains("not TOML"));
    assert_eq!(run(&["serve", "--config", "/no/weir.toml"]).0, 1);
}

#[test]
fn a_controller_takes_orders_and_goes_on_after_sigkill() {
    let directory = tempfile::tempdir().unwrap();
    let good = file(directory.path(), "good.json", GOOD);
    let bad = file(directory.path(), "bad.json", BAD);
    let mut controller = Controller::start(directory.path());
    assert!(controller.run(&["status"]).1.contains("no document yet"));

    let (code, text, error) = controller.run(&["apply", &good]);
    assert_eq!(code, 0, "{text}{error}");
    assert!(text.contains("document applied: 1 flags, 1 rollouts"), "{text}");
    let (code, text, error) = controller.run(&["apply", &bad]);
    assert_eq!((code, text.as_str()), (1, ""));
    assert!(error.contains("$.flags.checkout.state: found"), "{error}");
    assert_eq!(controller.run(&["start", "checkout"]).0, 0);
    let (code, _, error) = controller.run(&["start", "checkout"]);
    assert_eq!(code, 1);
    assert!(error.contains("attempt 1 is under way"), "{error}");
    let (code, text, _) = controller.run(&["kill", "checkout", "--reason", "drill", "--json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &answer["transition"]["kind"]), (0, &Value::from("kill")));

    // A second controller on the same database is refused as long as the first lives, however it ends.
    let config = directory.path().join("weir.toml").display().to_string();
    let (code, _, error) = run(&["serve", "--config", &config]);
    assert_eq!(code, 1);
    assert!(error.contains("in use by another controller"), "{error}");
    controller.signal("-KILL");
    controller.child.wait().unwrap();
    std::fs::remove_file(&controller.ready).unwrap();

    let mut controller = Controller::start(directory.path());
    let (code, text, _) = controller.run(&["status", "checkout", "--json"]);
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 0);
    assert_eq!(
        (&status["rollouts"][0]["killed"], &status["rollouts"][0]["attempt"]),
        (&Value::Bool(true), &Value::from(1))
    );
    assert_eq!(controller.run(&["status", "nothing"]).0, 1);
    assert_eq!(controller.run(&["revive", "checkout"]).0, 0);

    controller.signal("-TERM");
    assert_eq!(controller.child.wait().unwrap().code(), Some(0));
    assert!(!controller.ready.exists());
}

#[test]
fn a_reader_who_has_read_enough_changes_nothing_about_what_was_found() {
    let directory = tempfile::tempdir().unwrap();
    let [good, bad] = [("good.json", GOOD), ("bad.json", BAD)].map(|(name, text)| file(directory.path(), name, text));
    for (arguments, status) in [
        (&["validate", "--schema"][..], 0),
        (&["validate", &good], 0),
        (&["validate", &bad], 1),
        (&["validate", "--json", &bad], 1),
        (&["validate", "--explain", "all"], 0),
        (&["eval", &good, "--flag", "checkout", "--context", "{}", "--explain"], 0),
        (&["eval", &good, "--flag", "nobody", "--context", "{}", "--json"], 1),
        (&["export", "--flagd", &good], 0),
        (&["diff", &good, &good], 0),
        (&["calc", "wilson", r#"{"seen": [3, 25]}"#], 0),
    ] {
        // Both ends are closed before the verb begins.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = weir(arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(!said.contains("pipe"), "{arguments:?}: {said}");
    }
    // A disk that is full is another matter.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = weir(&["validate", "--schema"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("weir: standard output: "));
}
