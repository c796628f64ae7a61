//! Asks one proxy's admin interface: GET over plain HTTP/1.1, with a cap on what is read. Knows addresses and bytes; not what is in
//! them, but for the little that `/server_info` has.

use std::fmt;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// An answer longer than this is refused. 100 rollouts make about 2 MB.
const MAX_BODY: usize = 32 << 20;

/// Why a proxy gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The configured address is none.
    #[error("{found:?} is no admin address: expected http://HOST:PORT, with a path in front of /stats at most")]
    Address { found: String },
    /// No connection.
    #[error("can't connect: {0}")]
    Connect(#[source] std::io::Error),
    /// The connection broke, or what came was no HTTP.
    #[error("no answer to GET {path}: {source}")]
    Http { path: String, source: hyper::Error },
    /// The answer broke off or was too long.
    #[error("no whole answer to GET {path}: {source}")]
    Body { path: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// An answer, but not 200.
    #[error("GET {path} was answered with {status}")]
    Status { path: String, status: u16 },
    /// `/server_info` was not what Envoy writes.
    #[error("/server_info can't be read: {0}")]
    ServerInfo(String),
}

/// Where an admin interface is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminAddress {
    authority: String,
    host: String,
    port: u16,
    prefix: String,
}

impl AdminAddress {
    /// Reads `http://HOST:PORT`, with an optional path that stands in front of all others.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn parse(text: &str) -> Result<Self, AdminError> {
        let fault = || AdminError::Address { found: text.to_owned() };
        let uri: Uri = text.parse().map_err(|_| fault())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(fault)?;
        if uri.scheme_str() != Some("http") || uri.query().is_some() {
            return Err(fault());
        }
        Ok(Self {
            authority: authority.to_string(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(80),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

/// One connection. Answers over one connection come from one process: what the first says of the process holds for the second.
#[derive(Debug)]
pub struct AdminConnection {
    address: AdminAddress,
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for AdminConnection {
    fn drop(&mut self) {
        // A connection to a proxy that hangs would never end by itself.
        self.driver.abort();
    }
}

impl AdminConnection {
    /// Connects. Has no time limit of its own, as the other methods: the caller sets one around all of it.
    ///
    /// # Errors
    /// If there is no connection.
    pub async fn open(address: &AdminAddress) -> Result<Self, AdminError> {
        let socket = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(AdminError::Connect)?;
        // Requests are tiny and waited for; without this only latency would suffer.
        socket.set_nodelay(true).map_err(AdminError::Connect)?;
        let (sender, connection) =
            handshake(TokioIo::new(socket)).await.map_err(|source| AdminError::Http { path: String::new(), source })?;
        // How a connection ends shows in the request that was under way.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { address: address.clone(), sender, driver })
    }

    /// GET of a path.
    ///
    /// # Errors
    /// If there is no answer, no 200, or too much of it.
    pub async fn get(&mut self, path: &str) -> Result<Bytes, AdminError> {
        let http = |source| AdminError::Http { path: path.to_owned(), source };
        self.sender.ready().await.map_err(http)?;
        let request = Request::get(format!("{}{path}", self.address.prefix))
            .header(header::HOST, &self.address.authority)
            .body(Empty::new())
            .map_err(|_| AdminError::Address { found: self.address.to_string() })?;
        let response = self.sender.send_request(request).await.map_err(http)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(AdminError::Status { path: path.to_owned(), status });
        }
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        Ok(body.map_err(|source| AdminError::Body { path: path.to_owned(), source })?.to_bytes())
    }

    /// Which process answers.
    ///
    /// # Errors
    /// As [`AdminConnection::get`], or if the answer is not Envoy's.
    pub async fn server_info(&mut self) -> Result<ServerInfo, AdminError> {
        ServerInfo::parse(&self.get("/server_info").await?)
    }
}

/// What `/server_info` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// `--service-node`, or the bootstrap's `node.id`.
    pub node: String,
    /// How long this process is up, in whole seconds; not the time of those before it in a hot restart.
    pub uptime_s: u64,
}

impl ServerInfo {
    /// Reads an answer.
    ///
    /// # Errors
    /// If it is not Envoy's.
    pub fn parse(body: &[u8]) -> Result<Self, AdminError> {
        let raw: RawInfo = serde_json::from_slice(body).map_err(|error| AdminError::ServerInfo(error.to_string()))?;
        let seconds = raw.uptime_current_epoch.strip_suffix('s').and_then(|text| text.split('.').next());
        let uptime_s = seconds
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| AdminError::ServerInfo(format!("uptime_current_epoch is {:?}", raw.uptime_current_epoch)))?;
        Ok(Self { node: raw.node.id, uptime_s })
    }
}

#[derive(Deserialize)]
struct RawInfo {
    uptime_current_epoch: String,
    #[serde(default)]
    node: RawNode,
}

#[derive(Default, Deserialize)]
struct RawNode {
    #[serde(default)]
    id: String,
}
