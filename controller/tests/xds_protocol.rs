//! The xDS server over real sockets, with a client that plays proxies: what is sent, what is believed, what is reported.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{Node, TypedExtensionConfig};
use envoy_types::pb::envoy::extensions::filters::http::wasm::v3::Wasm;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest, DiscoveryResponse};
use envoy_types::pb::envoy::service::extension::v3::extension_config_discovery_service_client::ExtensionConfigDiscoveryServiceClient;
use envoy_types::pb::google::protobuf::StringValue;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use prost::{Message, Name};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use weir_controller::clock::Clock;
use weir_controller::observe::Directory;
use weir_controller::publish::{
    FailurePolicy, FilterSettings, ProxyReport, Publication, Publisher, Refusal, XdsPublisher,
};

const DEADLINE: Duration = Duration::from_secs(10);
/// How long is waited for what must not come.
const QUIET: Duration = Duration::from_millis(150);

struct Server {
    publisher: XdsPublisher,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        Self::remembering(BTreeMap::new()).await
    }

    async fn remembering(refused: BTreeMap<String, Vec<Refusal>>) -> Self {
        let settings = FilterSettings {
            resource: "weir".into(),
            wasm: "/nowhere/weir_filter.wasm".into(),
            vm_id: "weir".into(),
            failure_policy: FailurePolicy::FailReload,
        };
        let publisher = XdsPublisher::new(settings, Clock::system(), Directory::default(), refused);
        let server = publisher.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move { server.serve(async { drop(stopped.await) }).await.unwrap() });
        Self { publisher, address, stop: Some(stop), task }
    }

    /// Gives the version text.
    fn publish(&self, generation: u64, configuration: &str) -> String {
        let publication = Publication { generation, configuration: configuration.into() };
        let version = publication.version().to_string();
        self.publisher.publish(publication);
        version
    }

    /// Waits until the reports are as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&[ProxyReport]) -> bool) -> Vec<ProxyReport> {
        let mut changes = self.publisher.changes();
        let wait = async {
            loop {
                let reports = self.publisher.reports();
                if wanted(&reports) {
                    return reports;
                }
                changes.changed().await.unwrap();
            }
        };
        match timeout(DEADLINE, wait).await {
            Ok(reports) => reports,
            Err(_) => panic!("never came: {what}; have {:#?}", self.publisher.reports()),
        }
    }
}

struct Proxy {
    requests: mpsc::Sender<DiscoveryRequest>,
    responses: Streaming<DiscoveryResponse>,
}

impl Proxy {
    async fn connect(server: &Server, node: &str, version: &str) -> Self {
        let first = DiscoveryRequest { node: Some(Node { id: node.into(), ..Node::default() }), ..request(version) };
        Self::open(server, first).await
    }

    async fn open(server: &Server, first: DiscoveryRequest) -> Self {
        let (requests, outgoing) = mpsc::channel(8);
        requests.send(first).await.unwrap();
        let mut client = client(server).await;
        let responses = client.stream_extension_configs(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        Self { requests, responses }
    }

    async fn receive(&mut self) -> DiscoveryResponse {
        timeout(DEADLINE, self.responses.message()).await.expect("a response").unwrap().unwrap()
    }

    async fn receives_nothing(&mut self) {
        if let Ok(came) = timeout(QUIET, self.responses.message()).await {
            panic!("came: {:?}", came.map(|response| response.map(|response| response.version_info)));
        }
    }

    async fn ended(&mut self) -> Status {
        timeout(DEADLINE, self.responses.message()).await.expect("an end").expect_err("an error")
    }

    async fn ack(&self, response: &DiscoveryResponse) {
        self.answer(&response.version_info, &response.nonce, None).await;
    }

    async fn nack(&self, version: &str, response: &DiscoveryResponse) {
        self.answer(version, &response.nonce, Some("Unable to create Wasm plugin weir")).await;
    }

    async fn answer(&self, version: &str, nonce: &str, error: Option<&str>) {
        let error_detail = error.map(|message| RpcStatus { code: 13, message: message.into(), details: Vec::new() });
        let request = DiscoveryRequest { response_nonce: nonce.into(), error_detail, ..request(version) };
        self.requests.send(request).await.unwrap();
    }
}

async fn client(server: &Server) -> ExtensionConfigDiscoveryServiceClient<Channel> {
    ExtensionConfigDiscoveryServiceClient::connect(format!("http://{}", server.address)).await.unwrap()
}

fn request(version: &str) -> DiscoveryRequest {
    DiscoveryRequest {
        version_info: version.into(),
        resource_names: vec!["weir".into()],
        type_url: TypedExtensionConfig::type_url(),
        ..DiscoveryRequest::default()
    }
}

fn configuration(response: &DiscoveryResponse) -> String {
    let [resource] = response.resources.as_slice() else { panic!("one resource, not {}", response.resources.len()) };
    let extension = TypedExtensionConfig::decode(resource.value.as_slice()).unwrap();
    assert_eq!((extension.name.as_str(), response.type_url.as_str()), ("weir", resource.type_url.as_str()));
    let filter = Wasm::decode(extension.typed_config.unwrap().value.as_slice()).unwrap();
    StringValue::decode(filter.config.unwrap().configuration.unwrap().value.as_slice()).unwrap().value
}

fn acked(report: &ProxyReport) -> Option<u64> {
    report.acked.map(|mark| mark.generation)
}

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
