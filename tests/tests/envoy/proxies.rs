//! Proxies that restart, hang or are gone: no false verdict, no blocked tick, and the status says which and since when.

use nix::sys::signal::Signal;
use serde_json::json;
use weir_controller::report::{ProxyStatus, Status};
use weir_tests::document::{self, rollout as rollout_of};

use crate::whole::{Whole, finish, requests, rollout};

const RATE: f64 = 400.0;

fn proxy<'a>(status: &'a Status, node: &str) -> &'a ProxyStatus {
    let found = status.proxies.iter().find(|proxy| proxy.name == node);
    found.unwrap_or_else(|| panic!("no proxy {node} in {:?}", status.proxies))
}

fn quarter_runs(status: &Status) -> bool {
    rollout(status).phase == "running" && rollout(status).weight_ppm == 250_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_restarts_hangs_or_is_gone_brings_no_false_verdict_and_is_named() {
    let mut document = document::checkout();
    rollout_of(&mut document)["stages"] = json!([{ "weight": "25%", "for": "10m" }, { "weight": "100%", "for": "1s" }]);
    let mut whole = Whole::start(3, &document).await;
    // All three count something, and then only the first has users.
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(25).await;
    requests(&load, 1_000).await;
    finish(load).await;
    let load = whole.load_on(&whole.envoys[..1], RATE);

    // Gone, and back with all counters at zero.
    whole.envoys[2].kill();
    let status = whole.until("proxy-3 is missed", |status| !proxy(status, "proxy-3").seen).await;
    let missed = proxy(&status, "proxy-3").clone();
    assert!(missed.missing_since_ms.is_some_and(|since| since <= status.at_ms) && missed.error.is_some(), "{missed:?}");
    whole.until("the judge waits for it", |status| crate::whole::why(rollout(status)) == "ProxiesMissing").await;
    whole
        .for_ticks(4, "the others are seen and nothing moves", |status| {
            let same = proxy(status, "proxy-3").missing_since_ms == missed.missing_since_ms;
            same && quarter_runs(status) && proxy(status, "proxy-1").seen && proxy(status, "proxy-2").seen
        })
        .await;
    whole.envoys[2].start_again().await.expect("Envoy starts again");
    whole
        .until("proxy-3 is back", |status| {
            proxy(status, "proxy-3").seen && proxy(status, "proxy-3").missing_since_ms.is_none()
        })
        .await;
    whole.applied().await;
    whole.for_ticks(4, "a restart is no verdict", quarter_runs).await;
    assert_eq!(proxy(&whole.status().await, "proxy-3").restarts, 1);

    // Hanging: it accepts connections and answers nothing.
    whole.envoys[1].process().expect("it runs").signal(Signal::SIGSTOP).expect("stopped");
    let status = whole.until("proxy-2 is missed", |status| !proxy(status, "proxy-2").seen).await;
    assert!(proxy(&status, "proxy-2").missing_since_ms.is_some());
    let (ticks, from) = (status.totals.ticks, status.at_ms);
    whole.for_ticks(8, "nothing moves", quarter_runs).await;
    let status = whole.status().await;
    let each = (status.at_ms - from) / (status.totals.ticks - ticks);
    assert!(each < 1_000, "a tick of 500 ms took {each} ms while a proxy hung");
    whole.envoys[1].process().expect("it runs").signal(Signal::SIGCONT).expect("goes on");
    whole.until("proxy-2 is back", |status| proxy(status, "proxy-2").seen).await;
    whole.for_ticks(4, "nor is a pause", quarter_runs).await;
    finish(load).await;
}
