mod study;

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock::Clock;
use crate::run::fake::Fake;
use crate::run::tests::DOCUMENT;
use crate::run::{self, Engine, Event};
use crate::store::Store;

struct Served {
    address: SocketAddr,
    fake: Arc<Fake>,
    handle: Handle,
    _directory: tempfile::TempDir,
}

async fn served() -> Served {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weir.db");
    let fake = Arc::new(Fake::default());
    let publisher = Arc::<Fake>::clone(&fake);
    let open = move || Engine::open(Store::open(&path)?, publisher, Clock::system(), Vec::new());
    let (handle, _thread) = run::spawn(open).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = router(handle.clone(), Demands::default());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Served { address, fake, handle, _directory: directory }
}

impl Served {
    /// Sends bytes as they are; status and body come back.
    async fn raw(&self, request: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that refuses early may close before all is written.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, body.to_owned())
    }

    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}",
            self.address
        );
        self.raw(request.as_bytes()).await
    }

    async fn post(&self, verb: &str, body: Value) -> (u16, Value) {
        let path = format!("/api/v1/{verb}");
        let (status, body) = self.send("POST", &path, "content-type: application/json\r\n", &body.to_string()).await;
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.send("GET", path, "", "").await
    }

    async fn status(&self) -> Status {
        serde_json::from_str(&self.get("/api/v1/status").await.1).unwrap()
    }
}

fn paths(failure: &Value) -> Vec<&str> {
    failure["findings"].as_array().unwrap().iter().map(|finding| finding["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_verb_has_its_endpoint() {
    let served = served().await;
    let document = json!({ "document": DOCUMENT });
    for (verb, body, sentence) in [
        ("apply", document, "document applied: 2 flags, 1 rollouts"),
        ("start", json!({ "flag": "checkout" }), "checkout: attempt 1 started"),
        ("kill", json!({ "flag": "checkout", "reason": "x" }), "checkout: killed"),
        ("revive", json!({ "flag": "checkout" }), "checkout: revived; paused at 0 %"),
        ("resume", json!({ "flag": "checkout" }), "checkout: attempt 1 resumed"),
        ("rollback", json!({ "flag": "checkout" }), "checkout: attempt 1 rolled back by hand"),
        ("kill", json!({ "all": true }), "everything killed"),
        ("revive", json!({ "all": true, "wait_ms": 0 }), "the global kill is taken away"),
    ] {
        let (status, answer) = served.post(verb, body).await;
        assert_eq!(status, 200, "{verb} {answer}");
        assert!(answer["sentence"].as_str().unwrap().starts_with(sentence), "{answer}");
        assert_eq!(answer["changed"], true);
    }
    assert_eq!(
        served.post("validate", json!({ "document": DOCUMENT })).await,
        (200, json!({ "flags": 2, "rollouts": 1, "findings": [] }))
    );
    let status = served.status().await;
    assert_eq!(status.rollouts[0].phase, "rolled_back");
    assert_eq!(served.get("/api/v1/status?flag=checkout").await.0, 200);
    let (status, stale) = served.get("/api/v1/flags/stale").await;
    assert_eq!((status, stale.trim()), (200, r#"{"stale":[]}"#));
    assert_eq!(served.get("/api/v1/status?flag=banner").await.0, 404);
    let (_, rows) = served.get("/api/v1/ledger?flag=checkout&after=1&limit=2").await;
    let rows: Vec<crate::store::Row> = serde_json::from_str(&rows).unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| row.entry.kind.as_str()).collect();
    assert_eq!(kinds, ["resume", "rollback"]);
    assert_eq!(served.get("/healthz").await, (200, "ok\n".to_owned()));
    assert!(served.get("/metrics").await.1.contains("\nweir_controller_generation "));
}

#[tokio::test]
async fn a_document_with_checks_that_nobody_here_can_be_asked_for_is_refused_with_each_of_them() {
    let served = served().await;
    let custom = r#""guardrails": [ { "query": "up", "name": "up", "min": 1 }, { "webhook": "smoke" }, "#;
    let document = json!({ "document": DOCUMENT.replace(r#""guardrails": [ "#, custom) });
    for verb in ["apply", "validate"] {
        let (status, failure) = served.post(verb, document.clone()).await;
        assert_eq!(status, 422, "{failure}");
        let place = "$.weir.rollouts.checkout.guardrails";
        assert_eq!(paths(&failure), [format!("{place}[0].query"), format!("{place}[1].webhook")]);
        assert_eq!(failure["findings"][0]["code"], "E-SOURCE");
    }
    assert_eq!(served.status().await.document, None);
}

#[tokio::test]
async fn bad_input_is_refused_with_every_fault_and_changes_nothing() {
    let served = served().await;
    served.post("apply", json!({ "document": DOCUMENT })).await;
    let before = served.status().await;

    let bad = r#"{"flags":{"a":{"state":"ON","variants":{"x":"1"}},
        "b":{"state":"ENABLED","variants":{"x":"1"},"defaultVariant":"y"}},"weir":{"version":9}}"#;
    for verb in ["apply", "validate"] {
        let (status, failure) = served.post(verb, json!({ "document": bad })).await;
        assert_eq!(status, 422, "{failure}");
        assert!(paths(&failure).len() >= 3, "{failure}");
        assert!(paths(&failure).contains(&"$.flags.a.state"), "{failure}");
    }
    let body = json!({ "flag": 7, "al": true, "reason": [], "wait_ms": 60_001, "force": true });
    let (status, failure) = served.post("kill", body).await;
    assert_eq!(status, 400);
    assert_eq!(paths(&failure), ["$.al", "$.force", "$.flag", "$.reason", "$.wait_ms"]);

    for (verb, body, expected) in [
        ("kill", json!({}), 400),
        ("kill", json!({ "flag": "checkout", "all": true }), 400),
        ("kill", json!({ "all": false }), 400),
        ("kill", json!([]), 400),
        ("kill", json!({ "flag": "nothing" }), 404),
        ("start", json!({ "flag": "banner" }), 409),
        ("start", json!({ "flag": "checkout", "force": true }), 409),
        ("resume", json!({ "flag": "checkout" }), 409),
        ("revive", json!({ "all": true }), 409),
        ("apply", json!({ "document": {} }), 400),
        ("apply", json!({ "document": "" }), 422),
        ("apply", json!({ "document": "{}", "force": true }), 422),
        ("promote", json!({ "flag": "checkout" }), 404),
        ("kill", json!({ "flag": "x".repeat(9 << 20) }), 413),
    ] {
        let shown = body.to_string().chars().take(80).collect::<String>();
        let (status, failure) = served.post(verb, body).await;
        assert_eq!(status, expected, "{verb} {shown} {failure}");
        assert!(!failure["error"].as_str().unwrap().is_empty());
    }
    let mut after = served.status().await;
    after.at_ms = before.at_ms;
    assert_eq!(after, before);
}

#[tokio::test]
async fn defects_are_refused_unless_allowed_and_then_the_ledger_says_so() {
    let served = served().await;
    let flag = r#""a":{"state":"ENABLED","variants":{"on":1},"targeting":{"if":[{"<":[{"var":"age"},18]},"of"]}}"#;
    let document = format!(r#"{{"flags":{{{flag}}}}}"#);
    for verb in ["apply", "validate"] {
        let (status, failure) = served.post(verb, json!({ "document": document })).await;
        assert_eq!(status, 422, "{failure}");
        assert_eq!(paths(&failure), [r#"$.flags.a.targeting.if[0]["<"][0]"#, "$.flags.a.targeting.if[1]"]);
        assert_eq!(failure["findings"][1]["code"], "D-VARIANT");
        assert_eq!((&failure["findings"][1]["line"], &failure["findings"][1]["column"]), (&json!(1), &json!(98)));
        assert!(failure["error"].as_str().unwrap().contains("0 errors, 1 defects and 1 warnings"), "{failure}");
    }
    let allowed = json!({ "document": document, "allow_defects": true, "reason": "as in flagd" });
    let (status, answer) = served.post("apply", allowed).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["findings"].as_array().unwrap().len(), 2);
    assert!(answer["sentence"].as_str().unwrap().contains("1 defects allowed"), "{answer}");
    let (_, rows) = served.get("/api/v1/ledger").await;
    let rows: Vec<crate::store::Row> = serde_json::from_str(&rows).unwrap();
    let numbers: Value = serde_json::from_str(&rows[0].entry.numbers).unwrap();
    assert_eq!(numbers["defects_allowed"], 1);
    let warned = document.replace("\"of\"", "\"on\"");
    let (status, valid) = served.post("validate", json!({ "document": warned })).await;
    assert_eq!((status, valid["findings"].as_array().unwrap().len()), (200, 1), "{valid}");
    assert_eq!(served.post("validate", json!({ "document": warned, "strict": true })).await.0, 422);
}

#[tokio::test]
async fn a_document_that_would_flip_users_is_a_conflict_with_its_paths() {
    let served = served().await;
    served.post("apply", json!({ "document": DOCUMENT })).await;
    served.post("start", json!({ "flag": "checkout" })).await;
    let other = DOCUMENT.replace(r#""defaultVariant": "stable""#, r#""defaultVariant": "next""#);
    let (status, failure) = served.post("apply", json!({ "document": other })).await;
    assert_eq!((status, paths(&failure)), (409, vec!["$.flags.checkout.defaultVariant"]));
    let forced = json!({ "document": other, "force": true });
    assert_eq!(served.post("apply", forced).await.0, 409, "without a reason");
    let forced = json!({ "document": other, "force": true, "reason": "drill" });
    assert_eq!(served.post("apply", forced).await.0, 200);
}

#[tokio::test]
async fn a_kill_waits_for_the_connected_proxies_and_names_the_others() {
    let served = served().await;
    served.post("apply", json!({ "document": DOCUMENT })).await;
    served.fake.has("a", 1, 1);
    served.fake.has("b", 1, 1);
    let (fake, handle) = (Arc::clone(&served.fake), served.handle.clone());
    let proxies = async move {
        // The kill is published as generation 2; then one proxy after the other has it.
        while fake.generations().last() != Some(&2) {
            tokio::task::yield_now().await;
        }
        for node in ["a", "b"] {
            fake.has(node, 2, 7);
            handle.send(Event::Reports).await;
        }
    };
    let kill = served.post("kill", json!({ "flag": "checkout", "wait_ms": 10_000 }));
    let ((status, answer), ()) = tokio::join!(kill, proxies);
    assert_eq!((status, &answer["complete"]), (200, &json!(true)), "{answer}");
    assert_eq!(answer["transition"]["applied"].as_array().unwrap().len(), 2);

    let (_, answer) = served.post("revive", json!({ "flag": "checkout", "wait_ms": 50 })).await;
    assert_eq!((&answer["complete"], &answer["transition"]["waiting"]), (&json!(false), &json!(["a", "b"])));
}

#[tokio::test]
async fn a_web_page_can_t_order_anything() {
    let served = served().await;
    let (kind, plain) = ("content-type: application/json\r\n", "content-type: text/plain\r\n");
    let kill = r#"{"all":true}"#;
    assert_eq!(served.send("POST", "/api/v1/kill", plain, kill).await.0, 415);
    assert_eq!(served.send("POST", "/api/v1/kill", "", kill).await.0, 415);
    for (host, expected) in [
        ("evil.example", 403),
        ("evil.example:8470", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
        ("192.168.1.1", 403),
        ("localhost:8470", 200),
        ("[::1]:8470", 200),
        ("127.0.0.1", 200),
    ] {
        let request = format!("GET /api/v1/status HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(served.raw(request.as_bytes()).await.0, expected, "{host:?}");
    }
    assert!(!served.status().await.kill);
    assert_eq!(served.send("GET", "/api/v1/kill", kind, "").await.0, 405);
    assert_eq!(served.get("/").await.0, 404);
}

#[tokio::test]
async fn noise_on_the_socket_harms_nobody() {
    let served = served().await;
    for noise in [&b"\0\0\0\0"[..], b"GET", b"POST /api/v1/kill HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"] {
        let status = tokio::time::timeout(Duration::from_secs(1), served.raw(noise)).await;
        assert!(status.is_err() || status.is_ok_and(|(status, _)| status == 0 || status >= 400));
    }
    let kind = "content-type: application/json\r\n";
    for body in ["{", "null", "\u{0}", "[[[[", "{\"flag\":\"\\ud800\"}"] {
        assert_eq!(served.send("POST", "/api/v1/kill", kind, body).await.0, 400, "{body}");
    }
    assert_eq!(served.get("/api/v1/status?flag=%ff").await.0, 404);
    assert_eq!(served.get("/api/v1/ledger?after=-1").await.0, 400);
    assert_eq!(served.get("/healthz").await.0, 200);
}

#[tokio::test]
async fn a_loop_that_has_ended_is_told() {
    let served = served().await;
    served.handle.send(Event::Stop).await;
    let mut status = served.handle.status();
    while status.changed().await.is_ok() {}
    assert_eq!(served.get("/healthz").await.0, 503);
    assert_eq!(served.post("kill", json!({ "all": true })).await.0, 503);
}
