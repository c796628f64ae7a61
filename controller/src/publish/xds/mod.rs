//! The way down over gRPC: Envoy's extension configuration discovery service (ECDS), state of the world, one resource.
//!
//! - [`stream`]: the protocol, pure
//! - `board`: what the streams share
//! - `service`: tonic glue: one task a stream, which obeys the protocol
mod board;
mod service;
pub mod stream;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use envoy_types::pb::envoy::service::extension::v3::extension_config_discovery_service_server::ExtensionConfigDiscoveryServiceServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::Publisher;
use super::applied::Follower;
use super::report::{Counters, ProxyReport, Publication, Refusal};
use super::resource::FilterSettings;
use crate::clock::Clock;
use crate::observe::Directory;
use board::Board;
use service::Service;

/// A proxy that has vanished without a word is noticed after these two together.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why the server can't serve.
#[derive(Debug, thiserror::Error)]
pub enum XdsError {
    /// The port can't be listened on.
    #[error("xDS can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    /// The server has failed.
    #[error("the xDS server has failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// Publishes over ECDS. Clones are the same publisher.
#[derive(Clone, Debug)]
pub struct XdsPublisher {
    board: Arc<Board>,
    follower: Follower,
}

impl XdsPublisher {
    /// A publisher that serves one resource.
    ///
    /// `directory` is the one that an observer fills: it tells where to ask whether a node has applied. `refused`, by node, is what
    /// [`Publisher::refusals`] told before a restart. It must survive: Envoy acknowledges silently what it refused before, and then
    /// shows it as its version.
    #[must_use]
    pub fn new(
        settings: FilterSettings,
        clock: Clock,
        directory: Directory,
        refused: BTreeMap<String, Vec<Refusal>>,
    ) -> Self {
        let follower = Follower { directory, clock, filter: settings.resource.as_str().into() };
        Self { board: Arc::new(Board::new(settings, clock, refused)), follower }
    }

    /// Listens; port 0 lets the kernel choose.
    ///
    /// # Errors
    /// If the address is taken or not ours.
    pub async fn listen(&self, address: SocketAddr) -> Result<XdsServer, XdsError> {
        let listener = TcpListener::bind(address).await;
        let bound = listener.and_then(|listener| listener.local_addr().map(|local| (listener, local)));
        let (listener, local) = bound.map_err(|source| XdsError::Listen { address, source })?;
        Ok(XdsServer { publisher: self.clone(), listener, local })
    }
}

impl Publisher for XdsPublisher {
    fn publish(&self, publication: Publication) {
        self.board.publish(&publication);
    }

    fn reports(&self) -> Vec<ProxyReport> {
        self.board.reports()
    }

    fn refusals(&self) -> BTreeMap<String, Vec<Refusal>> {
        self.board.refusals()
    }

    fn highest_generation(&self) -> Option<u64> {
        self.board.highest_generation()
    }

    fn counters(&self) -> Counters {
        self.board.counters()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.board.changes()
    }
}

/// A server that listens, but does not serve yet.
#[derive(Debug)]
pub struct XdsServer {
    publisher: XdsPublisher,
    listener: TcpListener,
    local: SocketAddr,
}

impl XdsServer {
    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves until `shutdown` is done; then ends every stream. The proxies go on serving what they have.
    ///
    /// # Errors
    /// If the transport fails as a whole; a stream's failure only ends that stream.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), XdsError> {
        let (stop, stopped) = watch::channel(false);
        let service = ExtensionConfigDiscoveryServiceServer::new(Service::new(
            self.publisher.board,
            self.publisher.follower,
            stopped,
        ));
        let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, async move {
                shutdown.await;
                stop.send_replace(true);
            })
            .await?;
        Ok(())
    }
}
