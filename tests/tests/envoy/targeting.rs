//! Rules by header, cookie, query and time, on a real Envoy: who is targeted gets its variant before any weight, and a rolled-back candidate from nobody.

use hyper::Request;
use serde_json::json;
use weir_tests::document::{self, PATH};
use weir_tests::http;
use weir_tests::upstream::NAME_HEADER;

use crate::pusher::{Pusher, percent};
use crate::stage::Upstreams;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_a_rule_names_gets_the_candidate_at_weight_0_by_header_cookie_query_and_time() {
    let upstreams = Upstreams::start().await;
    let mut pusher = Pusher::start().await;
    let mut document = document::checkout();
    document["flags"]["checkout"]["targeting"] = json!({ "if": [
        { "==": [{ "var": "tier" }, "beta"] }, "next",
        { "in": [{ "var": "group" }, ["qa", "staff"]] }, "next",
        { "and": [{ "==": [{ "var": "preview" }, "1"] }, { ">": [{ "var": "$flagd.timestamp" }, 1_700_000_000] }] }, "next",
        { "==": [{ "var": "tier" }, "broken"] }, "no such variant",
    ] });
    document["weir"]["attributes"] = json!({
        "tier": { "header": "x-tier" }, "group": { "cookie": "group" }, "preview": { "query": "preview" },
    });
    let generation = pusher.push(percent(0), &document.to_string());
    let envoys = pusher.proxies(&upstreams, &["targeting"]).await;
    pusher.applied(1, generation).await;
    let table = [
        ("", "x-tier", "beta", "candidate"),
        ("", "cookie", "a=b; group=staff", "candidate"),
        ("?preview=1", "x-other", "1", "candidate"),
        ("?preview=2", "x-tier", "alpha", "control"),
        ("", "x-tier", "broken", "control"),
    ];
    for (query, header, value, who) in table {
        let request = Request::get(format!("{PATH}{query}"))
            .header("x-user-id", "somebody")
            .header(header, value)
            .body(http_body_util::Full::default())
            .expect("a request");
        let answer = http::send(envoys[0].ingress(), request).await.expect("an answer");
        assert_eq!(
            (answer.status, answer.headers.get(NAME_HEADER).map(hyper::header::HeaderValue::as_bytes)),
            (200, Some(who.as_bytes())),
            "{query} {header} {value}"
        );
    }
    for (reason, count) in [("targeting", 3), ("error", 1)] {
        let name = format!("wasmcustom.flag=.=checkout;.;reason=.={reason};.;weir_unassigned");
        assert_eq!(envoys[0].stat(&name).await.expect("a counter"), count, "{reason}");
    }
}
