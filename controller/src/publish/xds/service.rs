//! Tonic glue: one task a stream, which hands what comes in to the protocol and does what it says.

use std::pin::Pin;
use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::ControlPlane;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::extension::v3::extension_config_discovery_service_server::ExtensionConfigDiscoveryService;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::Stream as Items;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::board::{Board, Current};
use super::stream::{Action, Ask, Fault, Stream, Wanted};
use crate::publish::applied::{Awaited, Follower};
use crate::publish::resource::type_url;
use crate::publish::version::Version;

/// Responses on their way into one connection; one more waits in the task.
const QUEUE: usize = 4;

type Out<T> = Pin<Box<dyn Items<Item = Result<T, Status>> + Send>>;

/// The service; one for all connections.
#[derive(Debug)]
pub(super) struct Service {
    board: Arc<Board>,
    follower: Follower,
    stopped: watch::Receiver<bool>,
}

impl Service {
    pub(super) fn new(board: Arc<Board>, follower: Follower, stopped: watch::Receiver<bool>) -> Self {
        Self { board, follower, stopped }
    }

    fn unserved(&self, method: &str) -> Status {
        self.board.rejected();
        Status::unimplemented(format!(
            "{method} is not served; use api_type GRPC, which streams the state of the world"
        ))
    }
}

#[tonic::async_trait]
impl ExtensionConfigDiscoveryService for Service {
    type StreamExtensionConfigsStream = Out<DiscoveryResponse>;
    type DeltaExtensionConfigsStream = Out<DeltaDiscoveryResponse>;

    async fn stream_extension_configs(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamExtensionConfigsStream>, Status> {
        let peer = request.remote_addr().map(|address| address.to_string());
        let (out, responses) = mpsc::channel(QUEUE);
        let talk = Talk {
            stream: Stream::new(&self.board.settings.resource, &type_url()),
            current: self.board.current(),
            board: Arc::clone(&self.board),
            follower: self.follower.clone(),
            following: JoinSet::new(),
            session: None,
            peer,
            out,
        };
        tokio::spawn(talk.run(request.into_inner(), self.stopped.clone()));
        Ok(Response::new(Box::pin(ReceiverStream::new(responses))))
    }

    async fn delta_extension_configs(
        &self,
        _: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaExtensionConfigsStream>, Status> {
        Err(self.unserved("DeltaExtensionConfigs"))
    }

    async fn fetch_extension_configs(
        &self,
        _: Request<DiscoveryRequest>,
    ) -> Result<Response<DiscoveryResponse>, Status> {
        Err(self.unserved("FetchExtensionConfigs"))
    }
}

/// One stream's task.
struct Talk {
    stream: Stream,
    board: Arc<Board>,
    follower: Follower,
    /// At most one: waits until what was acknowledged last is applied. Ends with the stream.
    following: JoinSet<()>,
    current: watch::Receiver<Option<Arc<Current>>>,
    /// Number of the stream and id of the node, from the first request on.
    session: Option<Session>,
    peer: Option<String>,
    out: mpsc::Sender<Result<DiscoveryResponse, Status>>,
}

struct Session {
    number: u64,
    node: String,
}

/// The stream is over.
struct Over;

impl Talk {
    async fn run(mut self, requests: Streaming<DiscoveryRequest>, mut stopped: watch::Receiver<bool>) {
        tokio::select! {
            () = self.converse(requests) => {}
            _ = stopped.changed() => {}
        }
        if let Some(session) = &self.session {
            self.board.close(session.number);
        }
    }

    async fn converse(&mut self, mut requests: Streaming<DiscoveryRequest>) {
        loop {
            let step = tokio::select! {
                // What is new goes out before what came in is looked at: a kill must not wait.
                biased;
                changed = self.current.changed() => match changed {
                    Ok(()) => self.published().await,
                    Err(_) => Err(Over),
                },
                request = requests.message() => match request {
                    Ok(Some(request)) => self.asked(request).await,
                    Ok(None) | Err(_) => Err(Over),
                },
                () = self.out.closed() => Err(Over),
            };
            if step.is_err() {
                return;
            }
        }
    }

    async fn published(&mut self) -> Result<(), Over> {
        let Some(session) = &self.session else { return Ok(()) };
        let current = self.current.borrow_and_update().clone();
        let refused = self.board.refused_by(&session.node);
        let version = current.as_ref().map(|current| &current.version);
        let action = self.stream.on_publication(Wanted { current: version, refused: &refused });
        self.obey(action, current.as_deref()).await
    }

    async fn asked(&mut self, request: DiscoveryRequest) -> Result<(), Over> {
        let node = request.node.as_ref().map(|node| node.id.clone());
        let session = self.session.get_or_insert_with(|| {
            let node = node.unwrap_or_default();
            Session { number: self.board.open(&node, self.peer.clone()), node }
        });
        let ask = reduced(request);
        self.board.reported(session.number, &ask.version);
        let current = self.current.borrow().clone();
        let refused = self.board.refused_by(&session.node);
        let version = current.as_ref().map(|current| &current.version);
        let actions = self.stream.on_ask(&ask, Wanted { current: version, refused: &refused });
        self.obey(actions, current.as_deref()).await
    }

    async fn obey(&mut self, actions: impl IntoIterator<Item = Action>, current: Option<&Current>) -> Result<(), Over> {
        let Some(number) = self.session.as_ref().map(|session| session.number) else { return Ok(()) };
        for action in actions {
            match action {
                Action::Send { nonce } => self.send(number, nonce, current).await?,
                Action::Acked(version) => self.acked(version, true),
                Action::UpToDate(version) => self.acked(version, false),
                Action::Refused(version, error) => self.board.refused(number, &version, &error),
                Action::SilentAck(version) => self.board.silent_ack(number, &version),
                Action::End(fault) => return self.end(fault).await,
            }
        }
        Ok(())
    }

    fn acked(&mut self, version: Arc<Version>, pushed: bool) {
        let Some(Session { number, node }) = &self.session else { return };
        self.board.acked(*number, &version);
        let (board, follower, number) = (Arc::clone(&self.board), self.follower.clone(), *number);
        let awaited = Awaited { node: node.clone(), version, pushed };
        // Dropping the old set ends what waited for an older version.
        self.following = JoinSet::new();
        self.following.spawn(async move {
            follower.until_applied(&awaited).await;
            board.applied(number, &awaited.version);
        });
    }

    async fn send(&self, number: u64, nonce: String, current: Option<&Current>) -> Result<(), Over> {
        let Some(current) = current else { return Ok(()) };
        let response = DiscoveryResponse {
            version_info: current.version.to_string(),
            resources: vec![current.resource.clone()],
            type_url: type_url(),
            nonce,
            control_plane: Some(ControlPlane { identifier: "weir".to_owned() }),
            ..DiscoveryResponse::default()
        };
        // Marked before it goes out: the answer may come while this task is still in `send`.
        self.board.sent(number, &current.version);
        self.out.send(Ok(response)).await.map_err(|_| Over)
    }

    async fn end(&self, fault: Fault) -> Result<(), Over> {
        tracing::warn!(peer = ?self.peer, %fault, "a request that can't be served");
        self.board.rejected();
        let status = match &fault {
            Fault::Type { .. } => Status::invalid_argument(fault.to_string()),
            Fault::Resource { .. } => Status::not_found(fault.to_string()),
        };
        // The proxy may have left; then nobody is to be told.
        self.out.send(Err(status)).await.map_err(|_| Over)?;
        Err(Over)
    }
}

fn reduced(request: DiscoveryRequest) -> Ask {
    Ask {
        version: request.version_info,
        names: request.resource_names,
        type_url: request.type_url,
        nonce: request.response_nonce,
        error: request.error_detail.map(|status| status.message),
    }
}
