//! A document with findings, by the verbs of a person.

use std::process::Output;

use serde_json::{Value, json};
use weir_tests::document::{self, rollout as rollout_of};

use crate::whole::Whole;

/// Ten findings, and where each stands.
fn faulty() -> (Value, [&'static str; 10]) {
    let mut document = document::checkout();
    document["flags"]["other"] = json!({ "state": "MAYBE", "variants": { "on": true } });
    document["flags"]["checkout"]["defaultVariant"] = "missing".into();
    let weir = &mut document["weir"];
    weir["version"] = 2.into();
    weir["hashing"] = "flagd-v1".into();
    weir["identity"] = json!([{ "body": "user" }]);
    weir["outputs"]["checkout"]["requestHeader"] = "X Weir".into();
    let rollout = rollout_of(&mut document);
    rollout["candidate"] = "nobody".into();
    rollout["stages"][0]["weight"] = "150%".into();
    rollout["alpha"] = 2.into();
    rollout["guardrails"][0]["ratio"] = 0.5.into();
    let paths = [
        "$.flags.other.state",
        "$.flags.checkout.defaultVariant",
        "$.weir.version",
        "$.weir.hashing",
        "$.weir.identity[0]",
        "$.weir.outputs.checkout.requestHeader",
        "$.weir.rollouts.checkout.candidate",
        "$.weir.rollouts.checkout.stages[0].weight",
        "$.weir.rollouts.checkout.alpha",
        "$.weir.rollouts.checkout.guardrails[0].ratio",
    ];
    (document, paths)
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn assert_all_named(text: &str, paths: &[&str]) {
    for path in paths {
        let line = text.lines().find(|line| line.contains(path));
        let line = line.unwrap_or_else(|| panic!("{path} is not named:\n{text}"));
        assert!(line.contains("found") && line.contains("allowed"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_faults_are_all_named_with_exit_status_1_and_the_running_configuration_is_untouched() {
    let whole = Whole::start(1, &document::checkout()).await;
    let before = whole.status().await;
    let (document, paths) = faulty();
    std::fs::write(
        whole.controller.directory().join("faulty.json"),
        serde_json::to_vec_pretty(&document).expect("JSON"),
    )
    .expect("written");
    let api = format!("http://{}", whole.controller.api());
    for arguments in [vec!["validate", "faulty.json"], vec!["apply", "faulty.json", "--api", &api]] {
        let output = whole.controller.weir(&arguments).await.expect("weir runs");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output));
        assert_all_named(&text(&output), &paths);
    }
    let answer = whole
        .controller
        .try_call("apply", &json!({ "document": document.to_string(), "reason": "a test" }))
        .await
        .expect("an answer");
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    let named: Value = answer.json().expect("JSON");
    assert!(named["findings"].as_array().is_some_and(|findings| findings.len() >= paths.len()), "{named:#}");
    let after = whole.status().await;
    assert_eq!((after.generation, after.document), (before.generation, before.document));
    assert_eq!(after.alarms, []);
    let usage = whole.controller.weir(&["apply"]).await.expect("weir runs");
    assert_eq!(usage.status.code(), Some(2));
}
