//! An xDS server under test, and a client that plays a proxy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::{Node, TypedExtensionConfig};
use envoy_types::pb::envoy::extensions::filters::http::wasm::v3::Wasm;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use envoy_types::pb::envoy::service::extension::v3::extension_config_discovery_service_client::ExtensionConfigDiscoveryServiceClient;
use envoy_types::pb::google::protobuf::StringValue;
use envoy_types::pb::google::rpc::Status as RpcStatus;
use prost::{Message, Name};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use weir_controller::clock::Clock;
use weir_controller::observe::Directory;
use weir_controller::publish::{
    FailurePolicy, FilterSettings, ProxyReport, Publication, Publisher, Refusal, XdsPublisher,
};

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// How long is waited for what must not come.
pub(crate) const QUIET: Duration = Duration::from_millis(150);

pub(crate) struct Server {
    pub(crate) publisher: XdsPublisher,
    pub(crate) address: SocketAddr,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::remembering(BTreeMap::new()).await
    }

    pub(crate) async fn remembering(refused: BTreeMap<String, Vec<Refusal>>) -> Self {
        Self::with(Directory::default(), refused).await
    }

    /// A server that asks the admin interfaces of this directory.
    pub(crate) async fn with(directory: Directory, refused: BTreeMap<String, Vec<Refusal>>) -> Self {
        let settings = FilterSettings {
            resource: "weir".into(),
            wasm: "/nowhere/weir_filter.wasm".into(),
            vm_id: "weir".into(),
            failure_policy: FailurePolicy::FailReload,
        };
        let publisher = XdsPublisher::new(settings, Clock::system(), directory, refused);
        let server = publisher.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move { server.serve(async { drop(stopped.await) }).await.unwrap() });
        Self { publisher, address, stop: Some(stop), task }
    }

    /// Gives the version text.
    pub(crate) fn publish(&self, generation: u64, configuration: &str) -> String {
        let publication = Publication { generation, configuration: configuration.into() };
        let version = publication.version().to_string();
        self.publisher.publish(publication);
        version
    }

    /// What the publisher tells now.
    pub(crate) fn reports(&self) -> Vec<ProxyReport> {
        self.publisher.reports()
    }

    /// Waits until the reports are as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&[ProxyReport]) -> bool) -> Vec<ProxyReport> {
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

pub(crate) struct Proxy {
    requests: mpsc::Sender<DiscoveryRequest>,
    pub(crate) responses: Streaming<DiscoveryResponse>,
}

impl Proxy {
    pub(crate) async fn connect(server: &Server, node: &str, version: &str) -> Self {
        let first = DiscoveryRequest { node: Some(Node { id: node.into(), ..Node::default() }), ..request(version) };
        Self::open(server, first).await
    }

    pub(crate) async fn open(server: &Server, first: DiscoveryRequest) -> Self {
        let (requests, outgoing) = mpsc::channel(8);
        requests.send(first).await.unwrap();
        let mut client = client(server).await;
        let responses = client.stream_extension_configs(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        Self { requests, responses }
    }

    pub(crate) async fn receive(&mut self) -> DiscoveryResponse {
        timeout(DEADLINE, self.responses.message()).await.expect("a response").unwrap().unwrap()
    }

    pub(crate) async fn receives_nothing(&mut self) {
        if let Ok(came) = timeout(QUIET, self.responses.message()).await {
            panic!("came: {:?}", came.map(|response| response.map(|response| response.version_info)));
        }
    }

    pub(crate) async fn ended(&mut self) -> Status {
        timeout(DEADLINE, self.responses.message()).await.expect("an end").expect_err("an error")
    }

    pub(crate) async fn ack(&self, response: &DiscoveryResponse) {
        self.answer(&response.version_info, &response.nonce, None).await;
    }

    pub(crate) async fn nack(&self, version: &str, response: &DiscoveryResponse) {
        self.answer(version, &response.nonce, Some("Unable to create Wasm plugin weir")).await;
    }

    pub(crate) async fn answer(&self, version: &str, nonce: &str, error: Option<&str>) {
        let error_detail = error.map(|message| RpcStatus { code: 13, message: message.into(), details: Vec::new() });
        let request = DiscoveryRequest { response_nonce: nonce.into(), error_detail, ..request(version) };
        self.requests.send(request).await.unwrap();
    }
}

pub(crate) async fn client(server: &Server) -> ExtensionConfigDiscoveryServiceClient<Channel> {
    ExtensionConfigDiscoveryServiceClient::connect(format!("http://{}", server.address)).await.unwrap()
}

pub(crate) fn request(version: &str) -> DiscoveryRequest {
    DiscoveryRequest {
        version_info: version.into(),
        resource_names: vec!["weir".into()],
        type_url: TypedExtensionConfig::type_url(),
        ..DiscoveryRequest::default()
    }
}

pub(crate) fn configuration(response: &DiscoveryResponse) -> String {
    let [resource] = response.resources.as_slice() else { panic!("one resource, not {}", response.resources.len()) };
    let extension = TypedExtensionConfig::decode(resource.value.as_slice()).unwrap();
    assert_eq!((extension.name.as_str(), response.type_url.as_str()), ("weir", resource.type_url.as_str()));
    let filter = Wasm::decode(extension.typed_config.unwrap().value.as_slice()).unwrap();
    StringValue::decode(filter.config.unwrap().configuration.unwrap().value.as_slice()).unwrap().value
}

pub(crate) fn acked(report: &ProxyReport) -> Option<u64> {
    report.acked.map(|mark| mark.generation)
}
