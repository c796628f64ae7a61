//! Routing headers that a client makes up.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weir_core::snapshot::{FlagState, State, write};
use weir_tests::bootstrap::Template;
use weir_tests::document::{self, FLAG, HEADER};
use weir_tests::envoy::Envoy;
use weir_tests::{parts, poll};

use crate::stage::Upstreams;

/// Spellings that Envoy takes for the same header, some for two, and some that it refuses.
const FORGERIES: [&str; 10] = [
    "x-weir-checkout: next",
    "X-Weir-Checkout: next",
    "X-WEIR-CHECKOUT:next",
    "x-weir-checkout:\tnext \t",
    "x-weir-checkout: next\r\nx-weir-checkout: next",
    "x-weir-checkout: stable\r\nX-Weir-Checkout: next",
    "x-weir-checkout : next",
    "x-other: 1\r\n x-weir-checkout: next",
    "connection: x-weir-checkout\r\nx-weir-checkout: next",
    "x_weir_checkout: next",
];

/// With an identity and without, on the output's path and beside it, where no decision is taken.
const REQUESTS: [&str; 4] = [
    "GET /checkout HTTP/1.1\r\nx-user-id: u1\r\n",
    "GET /checkout HTTP/1.1\r\n",
    "GET /other HTTP/1.1\r\nx-user-id: u1\r\n",
    "GET /checkout/%2e%2e/other HTTP/1.1\r\nx-user-id: u1\r\n",
];

/// Everybody on control: whoever reaches the candidate has forged a way.
fn nobody_on_the_candidate() -> Template {
    let state = State { kill: false, flags: BTreeMap::from([(FLAG.to_owned(), FlagState::default())]) };
    Template::Static { configuration: write(1, &state, &document::checkout().to_string()) }
}

/// Sends bytes as they are, for a client library would put them right; gives the status.
async fn raw(address: SocketAddr, head: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let text = format!("{head}host: test\r\n\r\n");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = vec![0; 64];
    let length = stream.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

async fn forge_everything(address: SocketAddr) -> BTreeMap<u16, u32> {
    let mut statuses = BTreeMap::new();
    for request in REQUESTS {
        for forgery in FORGERIES {
            *statuses.entry(raw(address, &format!("{request}{forgery}\r\n")).await).or_default() += 1;
        }
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_routing_header_never_reaches_the_candidate_in_any_spelling() {
    let upstreams = Upstreams::start().await;
    upstreams.control.record();
    let envoy = Envoy::start(upstreams.site("forged", nobody_on_the_candidate())).await.expect("Envoy starts");
    let statuses = forge_everything(envoy.ingress()).await;
    assert_eq!(upstreams.candidate.requests(), 0, "{statuses:?}");
    assert!(statuses.get(&200).is_some_and(|count| *count >= 28), "most are served, as control: {statuses:?}");
    for headers in upstreams.control.recorded() {
        let copies: Vec<_> = headers.get_all(HEADER).iter().collect();
        assert!(copies.is_empty() || copies == ["stable"], "control was told {copies:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_routing_header_never_reaches_the_candidate_while_there_is_no_snapshot() {
    let upstreams = Upstreams::start().await;
    let empty = Template::Static { configuration: String::new() };
    let envoy = Envoy::start(upstreams.site("forged", empty)).await.expect("Envoy starts");
    let statuses = forge_everything(envoy.ingress()).await;
    assert_eq!(upstreams.candidate.requests(), 0, "{statuses:?}");
    assert!(upstreams.control.requests() >= 28, "{statuses:?}");
    assert!(upstreams.control.seen().is_empty(), "nobody decided, but control was told {:?}", upstreams.control.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_routing_header_never_reaches_the_candidate_past_a_trapped_filter() {
    for (policy, while_dead) in [("FAIL_OPEN", 200), ("FAIL_CLOSED", 503)] {
        let upstreams = Upstreams::start().await;
        let wasm = parts::wasm_trap().expect("the trapping filter is built");
        let mut site = upstreams.site_with("trapped", nobody_on_the_candidate(), wasm);
        site.failure_policy = Some(policy);
        let envoy = Envoy::start(site).await.expect("Envoy starts");
        trap_every_worker(&envoy).await;
        let before = upstreams.control.seen();
        let statuses = forge_everything(envoy.ingress()).await;
        assert_eq!(upstreams.candidate.requests(), 0, "{policy}: {statuses:?}");
        assert!(statuses.get(&while_dead).is_some_and(|count| *count >= 28), "{policy}: {statuses:?}");
        assert_eq!(
            upstreams.control.seen(),
            before,
            "{policy}: a dead filter marks nothing, and no forged mark passes"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trapped_filter_that_reloads_decides_again_and_lets_no_forged_header_pass_meanwhile() {
    let upstreams = Upstreams::start().await;
    let wasm = parts::wasm_trap().expect("the trapping filter is built");
    let envoy =
        Envoy::start(upstreams.site_with("reload", nobody_on_the_candidate(), wasm)).await.expect("Envoy starts");
    let forged = format!("{}{}\r\n", REQUESTS[0], FORGERIES[0]);
    let status = raw(envoy.ingress(), &format!("{}x-weir-test-trap: 1\r\n", REQUESTS[0])).await;
    assert_eq!(status, 503, "the request that traps");
    poll::until("200 forged requests in a row are served by a filter that lives", Duration::from_secs(20), || async {
        for _ in 0..200 {
            if raw(envoy.ingress(), &forged).await != 200 {
                return None;
            }
        }
        Some(())
    })
    .await
    .expect("it reloads");
    assert_eq!(upstreams.candidate.requests(), 0);
    assert!(upstreams.control.seen()["stable"] >= 200, "the living filter marks");
}

/// A connection belongs to a worker of the kernel's choice: new ones, until both workers have trapped.
async fn trap_every_worker(envoy: &Envoy) {
    poll::until("both workers have trapped", Duration::from_secs(20), || async {
        raw(envoy.ingress(), &format!("{}x-weir-test-trap: 1\r\n", REQUESTS[0])).await;
        // The virtual machines of the main thread's base and of each worker; those that trapped are no longer active.
        let log = std::fs::read_to_string(envoy.log()).unwrap_or_default();
        (log.matches("Function: proxy_on_request_headers failed").count() >= 2).then_some(())
    })
    .await
    .expect("they trap");
}
