//! What must always hold, one test for each sentence, named after it. Number 2 (mirroring never changes, delays or fails a user's request) has
//! none, for this version does not mirror; number 5 is `always_true_5` in the controller's rollout tests, number 6 is `always_true_6` in core's
//! properties and in the controller's run tests, and number 7 is `always_true_7` in `pushes`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weir_controller::report::Transition;
use weir_controller::store::Row;
use weir_tests::document::{self, rollout as rollout_of};
use weir_tests::load::{Load, Plan, Record, Who};

use crate::whole::{Whole, requests};

/// A request that was under way when a proxy took a configuration may end so much later, and clocks of a status are whole milliseconds.
const IN_FLIGHT_MS: u64 = 100;

fn stages() -> Value {
    let mut document = document::checkout();
    rollout_of(&mut document)["stages"] =
        json!([{ "weight": "10%", "for": "1s" }, { "weight": "50%", "for": "10m" }, { "weight": "100%", "for": "1s" }]);
    document
}

fn load(whole: &Whole, users: u32, rate: f64) -> Load {
    Load::start(Plan::sticky(&whole.envoys, users, rate))
}

/// A decision that may move users, and until when it may.
struct Move {
    from_ms: u64,
    until_ms: u64,
    /// It gives users the candidate; else it takes it from them.
    gives: bool,
}

fn moves(ledger: &[Row]) -> Vec<Move> {
    let applied = |generation: u64| {
        let row = ledger.iter().find(|row| row.entry.kind == "applied" && row.entry.generation >= generation);
        row.unwrap_or_else(|| panic!("generation {generation} was not applied: {ledger:#?}")).entry.at_ms
    };
    let of = |row: &Row| {
        let gives = match row.entry.kind.as_str() {
            "stage" | "done" => true,
            "rollback" | "kill" | "kill-all" => false,
            _ => return None,
        };
        let until_ms = applied(row.entry.generation) + IN_FLIGHT_MS;
        Some(Move { from_ms: row.entry.at_ms, until_ms, gives })
    };
    ledger.iter().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn always_true_1_a_user_never_changes_variant_except_by_a_decision_in_the_ledger() {
    let mut whole = Whole::start(3, &stages()).await;
    let load = load(&whole, 500, 1_000.0);
    whole.order("start").await;
    whole.weight(50).await;
    requests(&load, 500).await;
    whole.order("rollback").await;
    requests(&load, 500).await;
    whole.order("start").await;
    whole.weight(50).await;
    whole.crash().await;
    requests(&load, 1_500).await;
    whole.applied().await;
    whole.order("kill").await;
    requests(&load, 500).await;
    whole.order("revive").await;
    requests(&load, 500).await;

    let moves = moves(&whole.ledger().await);
    assert!(moves.iter().filter(|m| m.gives).count() >= 4 && moves.iter().filter(|m| !m.gives).count() == 2);
    let mut users: BTreeMap<u32, Vec<Record>> = BTreeMap::new();
    for record in load.finish().await.expect("all end") {
        users.entry(record.user).or_default().push(record);
    }
    let mut changes = 0;
    for (user, mut records) in users {
        records.sort_by_key(|record| record.sent_us);
        for pair in records.windows(2) {
            let [before, after] = pair else { continue };
            if before.who == after.who {
                continue;
            }
            changes += 1;
            let gives = after.who == Who::Candidate;
            let (from, until) = (before.sent_us / 1_000, (after.sent_us + after.took_us) / 1_000);
            let explained = moves.iter().any(|m| m.gives == gives && m.from_ms <= until && m.until_ms >= from);
            assert!(explained, "user {user} changed without a decision between {before:?} and {after:?}");
        }
    }
    assert!(changes > 500, "only {changes} changes were seen, too few to prove anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn always_true_3_no_input_from_outside_panics_the_filter_or_loses_controller_state() {
    let whole = Whole::start(1, &stages()).await;
    let load = load(&whole, 200, 200.0);
    whole.order("start").await;
    whole.weight(50).await;
    let (rollout, ledger) = (whole.rollout().await, whole.ledger().await);

    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..1_500 {
        send(whole.envoys[0].ingress(), &noisy_request(&mut rng)).await;
    }
    for _ in 0..300 {
        let verb =
            ["apply", "start", "rollback", "kill", "revive", "resume", "validate", "status", "x"][rng.usize(0..9)];
        let body = noise(&mut rng, 400);
        let head = format!(
            "POST /api/v1/{verb} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        send(whole.controller.api(), &[head.into_bytes(), body].concat()).await;
        send(whole.controller.xds(), &noise(&mut rng, 200)).await;
    }

    let stats = whole.envoys[0].stats("vm_reload").await.expect("stats");
    assert!(!stats.is_empty() && stats.values().all(|count| *count == 0), "the filter has trapped: {stats:?}");
    let after = whole.rollout().await;
    assert_eq!((after.attempt, after.phase, after.weight_ppm), (rollout.attempt, rollout.phase, rollout.weight_ppm));
    assert_eq!(whole.ledger().await, ledger, "no noise is an order");
    requests(&load, 200).await;
    crate::whole::finish(load).await;
}

fn noise(rng: &mut fastrand::Rng, most: usize) -> Vec<u8> {
    (0..rng.usize(0..=most)).map(|_| rng.u8(..)).collect()
}

/// Bytes that HTTP lets into a header's value: no control characters but the tab.
fn field(rng: &mut fastrand::Rng, most: usize) -> Vec<u8> {
    let mut bytes = noise(rng, most);
    bytes.retain(|b| *b == b'\t' || (*b >= 0x20 && *b != 0x7f));
    bytes
}

fn noisy_request(rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut path = field(rng, 60);
    path.retain(u8::is_ascii_graphic);
    let mut request = [b"GET /checkout/".as_slice(), &path, b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"].concat();
    for name in ["x-user-id", "cookie", "x-weir-checkout", "content-type", "x-user-id", "session"] {
        if rng.bool() {
            let most = if rng.u8(..) == 0 { 20_000 } else { 700 };
            let value = field(rng, most);
            request.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
    }
    [request, b"\r\n".to_vec()].concat()
}

/// Sends bytes and waits for the other side to be done with them; what it answers is its own affair.
async fn send(address: std::net::SocketAddr, bytes: &[u8]) {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await
    };
    // A reset or an endless wait is an answer too; whether the process lives is asked afterwards.
    let _ended = tokio::time::timeout(Duration::from_secs(2), exchange).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn always_true_4_a_killed_or_rolled_back_candidate_gets_no_new_request_from_a_proxy_that_has_applied_it() {
    let whole = Whole::start(3, &stages()).await;
    let load = load(&whole, 2_000, 1_000.0);
    let mut decisions = Vec::new();
    for verb in ["rollback", "kill", "rollback"] {
        whole.order("start").await;
        whole.weight(50).await;
        let first = load.done();
        let answer = whole.order(verb).await;
        let transition: Transition = serde_json::from_value(answer["transition"].clone()).expect("a transition");
        assert_eq!(transition.applied.len(), 3, "{transition:?}");
        requests(&load, 1_000).await;
        decisions.push((first, load.done(), transition));
        if verb == "kill" {
            whole.order("revive").await;
            whole.order("rollback").await;
        }
    }
    let records = load.finish().await.expect("all end");
    for (first, last, transition) in decisions {
        let mut before = 0;
        for record in &records[first..last] {
            let node = format!("proxy-{}", record.proxy + 1);
            let applied = transition.applied.iter().find(|applied| applied.proxy == node).expect("each proxy");
            // Sent in the millisecond after the one in which the last worker had it.
            if record.sent_us < (applied.applied_at_ms + 1) * 1_000 {
                before += u32::from(record.who == Who::Candidate);
                continue;
            }
            assert_eq!(record.who, Who::Control, "{} of {node}: {record:?} {applied:?}", transition.kind);
        }
        assert!(before > 0, "the candidate had requests until then");
    }
}
