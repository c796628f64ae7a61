//! The protocol over real sockets: what is sent, what is believed, what is reported.

use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use tokio::time::timeout;
use tonic::Code;
use weir_controller::publish::{ProxyReport, Publisher};

use crate::fake_proxy::{DEADLINE, Proxy, Server, acked, client, configuration, request};

#[tokio::test]
async fn a_publication_reaches_every_proxy_and_each_acknowledgement_is_reported() {
    let server = Server::start().await;
    let mut proxies = [Proxy::connect(&server, "a", "").await, Proxy::connect(&server, "b", "").await];
    let reports = server.until("two streams", |reports| reports.len() == 2).await;
    assert!(reports.iter().all(|report| report.sent.is_none() && report.acked.is_none() && report.connected()));
    for (generation, text) in [(1, "one"), (2, "two")] {
        let version = server.publish(generation, text);
        for proxy in &mut proxies {
            let response = proxy.receive().await;
            assert_eq!((response.version_info.as_str(), configuration(&response).as_str()), (version.as_str(), text));
            proxy.ack(&response).await;
        }
        let all = |reports: &[ProxyReport]| reports.iter().all(|report| acked(report) == Some(generation));
        let reports = server.until("all acknowledged", all).await;
        let told: Vec<_> = reports.iter().map(|report| (report.node.as_str(), report.reported.as_deref())).collect();
        assert_eq!(told, [("a", Some(version.as_str())), ("b", Some(version.as_str()))]);
        assert!(reports.iter().all(|report| report.applied.is_none()), "no admin address is known");
    }
    assert_eq!((server.publisher.counters().sent, server.publisher.counters().streams), (4, 2));
}

#[tokio::test]
async fn a_refused_configuration_is_remembered_and_never_sent_again() {
    let server = Server::start().await;
    server.publish(1, "bad");
    let mut proxy = Proxy::connect(&server, "a", "").await;
    let bad = proxy.receive().await;
    proxy.nack("", &bad).await;
    let reports = server.until("a refusal", |reports| reports.iter().any(|report| !report.refused.is_empty())).await;
    let refusal = &reports[0].refused[0];
    assert_eq!((refusal.generation, refusal.error.as_str()), (1, "Unable to create Wasm plugin weir"));
    // The same bytes, whatever their generation; and its later acknowledgement.
    server.publish(2, "bad");
    proxy.receives_nothing().await;
    proxy.ack(&bad).await;
    proxy.receives_nothing().await;
    assert_eq!(acked(&server.publisher.reports()[0]), None);
    server.publish(3, "good");
    let good = proxy.receive().await;
    assert_eq!(configuration(&good), "good");
    proxy.ack(&good).await;
    server.until("the next good one", |reports| acked(&reports[0]) == Some(3)).await;
    assert_eq!(server.publisher.counters().refused, 1);
}

#[tokio::test]
async fn the_silent_acknowledgement_of_a_refused_version_counts_for_nothing_also_after_a_restart() {
    let server = Server::start().await;
    server.publish(1, "bad");
    let mut proxy = Proxy::connect(&server, "a", "").await;
    let bad = proxy.receive().await;
    proxy.nack("", &bad).await;
    server.until("a refusal", |reports| !reports[0].refused.is_empty()).await;
    // Envoy shows what it refused as its version once it has met it again.
    let again = Server::remembering(server.publisher.refusals()).await;
    again.publish(1, "bad");
    let mut proxy = Proxy::connect(&again, "a", &bad.version_info).await;
    again.until("it is ignored", |_| again.publisher.counters().silent_acks_ignored == 1).await;
    proxy.receives_nothing().await;
    let report = &again.publisher.reports()[0];
    assert_eq!((acked(report), report.sent), (None, None));
    // Another node has refused nothing.
    let mut other = Proxy::connect(&again, "b", "").await;
    assert_eq!(configuration(&other.receive().await), "bad");
}

#[tokio::test]
async fn a_stale_nonce_is_ignored() {
    let server = Server::start().await;
    server.publish(1, "one");
    let mut proxy = Proxy::connect(&server, "a", "").await;
    let one = proxy.receive().await;
    server.publish(2, "two");
    let two = proxy.receive().await;
    proxy.ack(&two).await;
    server.until("two", |reports| acked(&reports[0]) == Some(2)).await;
    proxy.ack(&one).await;
    proxy.nack("", &one).await;
    proxy.answer("", "never-sent", Some("no")).await;
    proxy.receives_nothing().await;
    let report = &server.publisher.reports()[0];
    assert_eq!((acked(report), report.refused.len()), (Some(2), 0));
}

#[tokio::test]
async fn a_proxy_that_comes_back_with_the_current_version_is_up_to_date() {
    let server = Server::start().await;
    let version = server.publish(7, "seven");
    let mut proxy = Proxy::connect(&server, "a", "").await;
    let seven = proxy.receive().await;
    proxy.ack(&seven).await;
    server.until("seven", |reports| acked(&reports[0]) == Some(7)).await;
    drop(proxy);
    let gone = server.until("it has left", |reports| !reports[0].connected()).await;
    assert_eq!(acked(&gone[0]), Some(7), "what it serves on is still told");
    let mut proxy = Proxy::connect(&server, "a", &version).await;
    let back = |reports: &[ProxyReport]| reports.len() == 1 && reports[0].connected() && acked(&reports[0]) == Some(7);
    let reports = server.until("it is back", back).await;
    assert_eq!((reports[0].stream, reports[0].sent), (2, None));
    proxy.receives_nothing().await;
    assert_eq!(server.publisher.highest_generation(), None);
}

#[tokio::test]
async fn a_generation_from_elsewhere_is_told_so_that_it_can_be_overtaken() {
    let server = Server::start().await;
    server.publish(3, "ours");
    for (version, expected) in [
        ("2-0123456789ab", Some(2)),
        ("3-0123456789ab", Some(3)),
        ("40-0123456789ab", Some(40)),
        ("2026-08-01T10:00:00Z/41", Some(40)),
        ("18446744073709551615-0123456789ab", Some(40)),
    ] {
        let mut proxy = Proxy::connect(&server, "a", version).await;
        assert_eq!(configuration(&proxy.receive().await), "ours");
        assert_eq!(server.publisher.highest_generation(), expected, "{version}");
    }
}

#[tokio::test]
async fn two_streams_of_one_node_are_both_served_and_told_apart() {
    let server = Server::start().await;
    server.publish(1, "one");
    let one = Proxy::connect(&server, "a", "").await;
    server.until("the first", |reports| reports.len() == 1).await;
    let mut proxies = [one, Proxy::connect(&server, "a", "").await];
    server.until("the second", |reports| reports.len() == 2).await;
    let first = proxies[0].receive().await;
    proxies[0].ack(&first).await;
    let reports = server.until("one of two", |reports| acked(&reports[0]) == Some(1)).await;
    assert_eq!(reports.iter().map(|r| (r.node.as_str(), r.duplicate)).collect::<Vec<_>>(), [("a", true), ("a", true)]);
    assert_eq!(acked(&reports[1]), None, "each for itself");
    let second = proxies[1].receive().await;
    proxies[1].ack(&second).await;
    server.until("both", |reports| reports.iter().all(|report| acked(report) == Some(1))).await;
    assert_eq!(server.publisher.counters().duplicate_nodes, 1);
    let [one, _two] = proxies;
    drop(one);
    let left = server.until("one left", |reports| !reports[0].connected()).await;
    assert!(!left[1].duplicate);
}

#[tokio::test]
async fn what_is_not_served_is_refused_in_words_and_harms_nobody_else() {
    let server = Server::start().await;
    server.publish(1, "one");
    let mut other = DiscoveryRequest { resource_names: vec!["lua".into()], ..request("") };
    let status = Proxy::open(&server, other.clone()).await.ended().await;
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), r#"resources ["lua"] are not served here, only "weir""#);
    other.type_url = "type.googleapis.com/envoy.config.cluster.v3.Cluster".into();
    assert_eq!(Proxy::open(&server, other.clone()).await.ended().await.code(), Code::InvalidArgument);
    let mut client = client(&server).await;
    assert_eq!(client.fetch_extension_configs(other).await.unwrap_err().code(), Code::Unimplemented);
    let delta = client.delta_extension_configs(tokio_stream::iter([DeltaDiscoveryRequest::default()])).await;
    assert_eq!(delta.unwrap_err().code(), Code::Unimplemented);
    assert_eq!(server.publisher.counters().rejected_requests, 4);
    let mut proxy = Proxy::open(&server, request("")).await;
    assert_eq!(configuration(&proxy.receive().await), "one");
}

#[tokio::test]
async fn a_server_that_stops_ends_every_stream() {
    let mut server = Server::start().await;
    let mut proxy = Proxy::connect(&server, "a", "").await;
    server.until("a stream", |reports| reports.len() == 1).await;
    drop(server.stop.take());
    let end = timeout(DEADLINE, proxy.responses.message()).await.expect("an end");
    assert!(matches!(end, Ok(None) | Err(_)), "{end:?}");
    drop(proxy);
    timeout(DEADLINE, server.task).await.expect("the server ends").unwrap();
}
