//! Custom checks: a query of a real Prometheus, and a webhook, decide about a rollout on real Envoys; their silence holds it.

use std::process::Output;

use hyper::StatusCode;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use weir_controller::judge::{Check, CheckState};
use weir_controller::report::Status;
use weir_tests::canned::Canned;
use weir_tests::document::{self, FLAG, rollout as rollout_of};
use weir_tests::prometheus::Prometheus;

use crate::whole::{Whole, finish, rollout, why};

const RATE: f64 = 300.0;

/// 5 % for two seconds, then 25 % for longer than a test.
fn guarded_by(custom: &[Value]) -> Value {
    let mut document = document::checkout();
    let rollout = rollout_of(&mut document);
    rollout["stages"] =
        json!([{ "weight": "5%", "for": "2s" }, { "weight": "25%", "for": "10m" }, { "weight": "100%", "for": "1s" }]);
    rollout["guardrails"].as_array_mut().expect("guardrails").extend(custom.iter().cloned());
    document
}

/// Proxies and a controller that has such a document, and whom to ask in its settings.
async fn whole(document: &Value, further: String) -> Whole {
    let mut whole = Whole::start(2, &document::checkout()).await;
    settle(&mut whole, further).await;
    whole.controller.apply(&document.to_string()).await.unwrap_or_else(|error| panic!("{error:#}"));
    whole
}

/// The controller again, with other settings.
async fn settle(whole: &mut Whole, further: String) {
    whole.controller.setup().further = further;
    whole.crash().await;
}

fn check<'a>(status: &'a Status, name: &str) -> Option<&'a Check> {
    rollout(status).ruling.as_ref()?.checks.iter().find(|check| check.name == name)
}

fn is(status: &Status, name: &str, state: CheckState) -> bool {
    check(status, name).is_some_and(|check| check.state == state)
}

/// What an exporter says of killed processes and of work done.
fn metrics(next_oom: f64, next_age: f64) -> String {
    format!(
        "gpu_oom{{version=\"stable\"}} 0.01\ngpu_oom{{version=\"next\"}} {next_oom}\n\
         queue_age{{version=\"stable\"}} 4\nqueue_age{{version=\"next\"}} {next_age}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_goes_bad_rolls_back_and_a_prometheus_that_hangs_holds() {
    let exporter = Canned::start(&metrics(0.0, 5.0)).await.expect("the exporter starts");
    let mut prometheus = Prometheus::start(exporter.address()).await.expect("Prometheus starts");
    let document = guarded_by(&[
        json!({ "query": "max(gpu_oom{version=\"$variant\"})", "name": "gpu-oom", "max": 0.02, "every": "1s" }),
        json!({ "query": "queue_age{version=\"$variant\"}", "name": "age", "ratio": 2.0, "every": "1s" }),
    ]);
    let settings = format!("[prometheus]\nurl = \"http://{}\"\ntimeout = \"400ms\"\n", prometheus.address());
    let whole = whole(&document, settings).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(25).await;
    let good =
        |status: &Status| is(status, "gpu-oom/max", CheckState::Pass) && is(status, "age/ratio", CheckState::Pass);
    let status = whole.until("both queries are answered at 25 %", good).await;
    let age = check(&status, "age/ratio").expect("a check");
    assert_eq!((age.value, age.control, age.limit), (Some(5.0), Some(4.0), 2.0), "{age:?}");
    let screen = String::from_utf8(weir(&whole, &["status", FLAG]).await.stdout).expect("text");
    assert!(screen.contains("age/ratio         pass       age 5 against 4 in control (2 times tolerated)"), "{screen}");

    prometheus.process().signal(Signal::SIGSTOP).expect("it runs");
    let silent = |status: &Status| is(status, "gpu-oom/max", CheckState::NoData) && why(rollout(status)) == "NoAnswer";
    let status = whole.until("a Prometheus that hangs is no data", silent).await;
    let ruling = rollout(&status).ruling.clone().expect("a ruling");
    assert!(
        ruling.sentence.contains("gpu-oom: unknown (Prometheus gave no answer within 400 ms)"),
        "{}",
        ruling.sentence
    );
    prometheus.process().signal(Signal::SIGCONT).expect("it runs");
    whole.until("both queries are answered again", good).await;

    exporter.says(StatusCode::OK, &metrics(0.5, 5.0));
    let rolled_back = whole.phase("rolled_back").await;
    let last = rolled_back.last.expect("a decision");
    assert_eq!((last.kind.as_str(), last.actor.as_str()), ("rollback", "judge"), "{last:?}");
    let sentence = "gpu-oom 0.5 against a limit of 0.02 (0.01 in control), 3 of 3 in a row";
    assert!(last.sentence.ends_with(sentence), "{}", last.sentence);
    whole.assert_nobody_on_the_candidate_since_applied().await;
    assert_told_again(&whole, &document, &last.sentence).await;
    finish(load).await;
}

/// What was stored gives the same verdict, in the same words.
async fn assert_told_again(whole: &Whole, document: &Value, sentence: &str) {
    let directory = whole.controller.directory();
    let database = rusqlite::Connection::open(whole.controller.database()).expect("the database opens");
    let mut rows = database.prepare("SELECT json FROM observations WHERE flag = ?1 ORDER BY rowid").expect("a query");
    let lines: Vec<String> =
        rows.query_map([FLAG], |row| row.get(0)).expect("rows").map(|row| row.expect("a row")).collect();
    std::fs::write(directory.join("history.ndjson"), lines.join("\n")).expect("written");
    std::fs::write(directory.join("policy.json"), document.to_string()).expect("written");
    let output = weir(whole, &["judge", "--history", "history.ndjson", "--policy", "policy.json", "--json"]).await;
    let story: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(story["ends"], "rolled back", "{story:#}");
    let last = story["events"].as_array().and_then(|events| events.last()).expect("an event");
    assert_eq!(last["sentence"], sentence);
}

async fn weir(whole: &Whole, arguments: &[&str]) -> Output {
    let api = format!("http://{}", whole.controller.api());
    let more: &[&str] = if arguments[0] == "status" { &["--api", &api] } else { &[] };
    let output = whole.controller.weir(&[arguments, more].concat()).await.expect("weir runs");
    assert!(output.status.success(), "{output:?}");
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_lets_go_on_holds_or_rolls_back() {
    let webhook =
        Canned::start(r#"{"answer": "unknown", "why": "tests still run"}"#).await.expect("the webhook starts");
    let document = guarded_by(&[json!({ "webhook": "smoke", "every": "1s", "failures": 2 })]);
    let mut whole = Whole::start(2, &document::checkout()).await;
    assert_refused(&whole, &document).await;
    std::fs::write(whole.controller.directory().join("token"), "s3cret\n").expect("written");
    let settings = format!("[webhooks.smoke]\nurl = \"http://{}/hook\"\ntoken_file = \"token\"\n", webhook.address());
    settle(&mut whole, settings.clone()).await;
    whole.controller.apply(&document.to_string()).await.unwrap_or_else(|error| panic!("{error:#}"));
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(5).await;
    let held = |what: &'static str| {
        move |status: &Status| {
            let says = rollout(status).ruling.as_ref().is_some_and(|ruling| ruling.sentence.contains(what));
            why(rollout(status)) == "NoAnswer" && says
        }
    };
    whole.until("an unknown answer holds", held("smoke: unknown (tests still run)")).await;
    // The stage's two seconds are long over.
    whole.for_ticks(6, "held at 5 %", |status| rollout(status).weight_ppm == 50_000).await;

    webhook.says(StatusCode::OK, r#"{"answer": "yes"}"#);
    whole.weight(25).await;
    whole.until("a yes passes", |status| is(status, "smoke/answer", CheckState::Pass)).await;
    assert_asked(&webhook);

    webhook.says(StatusCode::BAD_GATEWAY, r#"{"answer": "no"}"#);
    whole.until("an outage of the webhook holds", held("smoke: unknown (the webhook answered 502)")).await;
    settle(&mut whole, String::new()).await;
    whole.until("a webhook that is gone from the settings holds", held("weir.toml has no [webhooks.smoke]")).await;
    settle(&mut whole, settings).await;

    webhook.says(StatusCode::OK, r#"{"answer": "no", "why": "2 of 9 failed"}"#);
    let last = whole.phase("rolled_back").await.last.expect("a decision");
    assert!(last.sentence.ends_with("smoke says no (2 of 9 failed), 2 of 2 in a row"), "{}", last.sentence);
    finish(load).await;
}

/// A controller without the webhook takes no document that asks it.
async fn assert_refused(whole: &Whole, document: &Value) {
    let body = json!({ "document": document.to_string(), "reason": "a test" });
    let answer = whole.controller.try_call("apply", &body).await.expect("an answer");
    assert_eq!(answer.status, 422, "{}", answer.text());
    let failure: Value = answer.json().expect("JSON");
    let finding = &failure["findings"][0];
    assert_eq!(finding["code"], "E-SOURCE", "{failure:#}");
    assert_eq!(finding["path"], "$.weir.rollouts.checkout.guardrails[2].webhook");
    assert_eq!(finding["found"], "\"smoke\"");
}

/// It was told where the rollout stood, and by whom.
fn assert_asked(webhook: &Canned) {
    let asked = webhook.asked();
    assert!(asked.iter().all(|asked| asked.headers["authorization"] == "Bearer s3cret"), "{asked:?}");
    let bodies: Vec<Value> = asked.iter().map(|asked| serde_json::from_str(&asked.body).expect("JSON")).collect();
    let told = |phase: &str, stage: Value, weight_ppm: u32| {
        let body = json!({ "flag": FLAG, "attempt": 1, "phase": phase, "stage": stage, "weight_ppm": weight_ppm,
            "control": "stable", "candidate": "next", "check": "smoke" });
        assert!(bodies.contains(&body), "{body} not in {bodies:#?}");
    };
    told("baseline", Value::Null, 0);
    told("running", json!(0), 50_000);
    told("running", json!(1), 250_000);
}
