//! Bytes that a proxy refuses. The controller's check lets none pass, so they are published past it.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Request;
use weir_core::share::Share;
use weir_tests::document::{self, PATH};
use weir_tests::envoy::Envoy;
use weir_tests::{http, poll};

use crate::pusher::{Pusher, Refusals};
use crate::stage::Upstreams;
use crate::whole::Whole;

const LIMIT: Duration = Duration::from_secs(20);
const BAD: &str = r#"{"schema": 1, "generation": "2", "document": "not a document"}"#;

async fn who_answers(envoy: &Envoy) -> String {
    let request = Request::get(PATH).header("x-user-id", "u1").body(http_body_util::Full::default());
    http::send(envoy.ingress(), request.expect("a request")).await.expect("an answer").text()
}

async fn all_served_by(envoys: &[Envoy], upstream: &str) {
    for envoy in envoys {
        assert_eq!(who_answers(envoy).await, upstream, "{}", envoy.node());
    }
}

async fn refused_by_all(pusher: &Pusher, proxies: usize, generation: u64) {
    let refused = || {
        let reports = pusher.reports();
        reports.iter().filter(|r| r.refused.iter().any(|refusal| refusal.generation == generation)).count() == proxies
    };
    poll::until_true("all proxies have refused", LIMIT, refused).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_bytes_leave_the_former_configuration_serving_and_are_never_sent_again() {
    let upstreams = Upstreams::start().await;
    let mut pusher = Pusher::start().await;
    let document = document::checkout().to_string();
    let good = pusher.push(Share::ALL, &document);
    let envoys = pusher.proxies(&upstreams, &["refuses-1", "refuses-2"]).await;
    pusher.applied(envoys.len(), good).await;
    all_served_by(&envoys, "candidate").await;

    let bad = pusher.push_unchecked(BAD.to_owned());
    refused_by_all(&pusher, envoys.len(), bad).await;
    all_served_by(&envoys, "candidate").await;
    assert_eq!(pusher.counters().refused, 2, "an alarm for each proxy");
    for report in pusher.reports() {
        assert_eq!(report.acked.map(|mark| mark.generation), Some(good), "a refusal is no acknowledgement: {report:?}");
        assert!(!report.refused[0].error.is_empty(), "{report:?}");
    }

    let sent = pusher.counters().sent;
    pusher.push_unchecked(BAD.to_owned());
    let next = pusher.push(Share::NONE, &document);
    pusher.applied(envoys.len(), next).await;
    assert_eq!(pusher.counters().sent, sent + 2, "only the good configuration was sent, once to each proxy");
    all_served_by(&envoys, "control").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_silent_acknowledgement_of_refused_bytes_counts_for_nothing_after_a_restart_too() {
    let upstreams = Upstreams::start().await;
    let mut first = Pusher::start().await;
    let (address, document) = (first.address(), document::checkout().to_string());
    let good = first.push(Share::ALL, &document);
    let envoys = first.proxies(&upstreams, &["silent"]).await;
    first.applied(1, good).await;
    let bad = first.push_unchecked(BAD.to_owned());
    refused_by_all(&first, 1, bad).await;
    let refusals = first.refusals();
    first.stop().await;

    // A controller that has forgotten sends them again. Envoy remembers the bytes and acknowledges them without having taken them.
    let mut forgetful = Pusher::start_at(address, Refusals::new()).await;
    forgetful.push_unchecked(BAD.to_owned());
    let acknowledged = || forgetful.reports().iter().any(|report| report.acked.is_some());
    poll::until_true("Envoy acknowledges silently what it refused", LIMIT, acknowledged).await.expect("in time");
    all_served_by(&envoys, "candidate").await;
    forgetful.stop().await;

    let mut second = Pusher::start_at(address, refusals).await;
    second.watch(&envoys);
    second.push_unchecked(BAD.to_owned());
    let connected = || second.reports().iter().any(|report| report.connected() && report.reported.is_some());
    poll::until_true("the proxy has come back with the refused version", LIMIT, connected).await.expect("in time");
    let report = second.reports().remove(0);
    assert_eq!((report.sent, report.acked, report.applied), (None, None, None), "{report:?}");
    assert!(second.counters().silent_acks_ignored >= 1, "{:?}", second.counters());

    second.at_rest("silent").await;
    let next = second.push(Share::NONE, &document);
    second.applied(1, next).await;
    all_served_by(&envoys, "control").await;
}

/// What the controller publishes it has checked; but a proxy may lack the filter's file, and refuses for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_raises_an_alarm_in_status_and_metric_until_the_next_good_configuration_is_taken() {
    let mut whole = Whole::start(1, &document::checkout()).await;
    let good = whole.status().await;
    assert_eq!(good.alarms, []);
    whole.controller.kill();
    let wasm = std::mem::replace(&mut whole.controller.setup().wasm, PathBuf::from("/nowhere/weir_filter.wasm"));
    whole.controller.start().await.expect("the controller starts again");
    whole.controller.checkout("kill").await.expect("taken");
    let status = whole.until("an alarm", |status| status.alarms.iter().any(|alarm| alarm.kind == "refused")).await;
    assert!(
        status.proxies[0].refused.iter().any(|refusal| refusal.generation > good.generation),
        "{:?}",
        status.proxies[0]
    );
    assert!(status.proxies[0].applied.is_none_or(|mark| mark.generation <= good.generation), "{:?}", status.proxies[0]);
    assert_eq!(metric(&whole, "weir_controller_alarms{kind=\"refused\"}").await, "1");
    all_served_by(&whole.envoys, "control").await;

    whole.controller.kill();
    whole.controller.setup().wasm = wasm;
    whole.controller.start().await.expect("the controller starts again");
    whole.order("revive").await;
    whole.applied().await;
    whole.until("no alarm", |status| status.alarms.iter().all(|alarm| alarm.kind != "refused")).await;
    assert_eq!(metric(&whole, "weir_controller_alarms{kind=\"refused\"}").await, "0");
}

async fn metric(whole: &Whole, name: &str) -> String {
    let text = http::get(whole.controller.api(), "/metrics").await.expect("an answer").text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned());
    value.unwrap_or_else(|| panic!("no {name} in\n{text}"))
}
