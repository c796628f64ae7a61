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
        let port = match uri.port_u16() {
            // A port that is no number is no port, but still in the text.
            None if authority.as_str() == authority.host() => Some(80),
            port => port,
        };
        if uri.scheme_str() != Some("http") || uri.query().is_some() {
            return Err(fault());
        }
        Ok(Self {
            authority: authority.to_string(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: port.ok_or_else(fault)?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_host_port_and_perhaps_a_path() {
        for (text, host, port, shown) in [
            ("http://127.0.0.1:9901", "127.0.0.1", 9901, "http://127.0.0.1:9901"),
            ("http://envoy", "envoy", 80, "http://envoy"),
            ("http://[::1]:9901/", "::1", 9901, "http://[::1]:9901"),
            ("http://pod/admin/", "pod", 80, "http://pod/admin"),
        ] {
            let address = AdminAddress::parse(text).unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port), "{text}");
            assert_eq!(address.to_string(), shown);
        }
        for text in [
            "",
            "127.0.0.1:9901",
            "https://a:1",
            "http://",
            "/stats",
            "http://u:p@a:1",
            "http://a:1/?x=y",
            "http://a:99999",
        ] {
            assert!(AdminAddress::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn server_info_gives_node_and_uptime_of_this_process() {
        let body = br#"{"version":"x/1.40.0/Clean/RELEASE/BoringSSL","state":"LIVE","uptime_current_epoch":"93784s","uptime_all_epochs":"99999s","node":{"id":"proxy-1","cluster":"c"}}"#;
        assert_eq!(ServerInfo::parse(body).unwrap(), ServerInfo { node: "proxy-1".into(), uptime_s: 93784 });
        let bare = ServerInfo::parse(br#"{"uptime_current_epoch":"0s"}"#).unwrap();
        assert_eq!(bare, ServerInfo { node: String::new(), uptime_s: 0 });
        for body in [
            "",
            "{}",
            "[]",
            r#"{"uptime_current_epoch":"x"}"#,
            r#"{"uptime_current_epoch":"-1s"}"#,
            r#"{"uptime_current_epoch":5}"#,
        ] {
            assert!(ServerInfo::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
