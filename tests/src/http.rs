//! One HTTP request over a connection of its own: for the admin interface and the controller's API, where a pool would only hide a
//! restarted server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// How long an answer may take.
pub const LIMIT: Duration = Duration::from_secs(10);

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text, bad bytes replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// It is not of that form; shows it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).with_context(|| format!("status {}: {}", self.status, self.text()))
    }

    /// Fails unless the status is 200.
    ///
    /// # Errors
    /// Shows status and body.
    pub fn good(self) -> Result<Self> {
        if self.status == 200 { Ok(self) } else { bail!("status {}: {}", self.status, self.text()) }
    }
}

/// `GET`.
///
/// # Errors
/// No whole answer within [`LIMIT`].
pub async fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    let request = Request::get(path).body(Full::default())?;
    send(address, request).await
}

/// `POST` of a JSON body.
///
/// # Errors
/// No whole answer within [`LIMIT`].
pub async fn post(address: SocketAddr, path: &str, body: &serde_json::Value) -> Result<Answer> {
    let body = serde_json::to_vec(body)?;
    let request = Request::builder().method(Method::POST).uri(path).header("content-type", "application/json");
    send(address, request.body(Full::from(body))?).await
}

/// Any request; `host` is set if it is missing.
///
/// # Errors
/// No whole answer within [`LIMIT`].
pub async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Answer> {
    let what = format!("{} http://{address}{}", request.method(), request.uri());
    match tokio::time::timeout(LIMIT, exchange(address, request)).await {
        Ok(answer) => answer.with_context(|| what),
        Err(_) => bail!("{what}: no answer within {} s", LIMIT.as_secs()),
    }
}

async fn exchange(address: SocketAddr, mut request: Request<Full<Bytes>>) -> Result<Answer> {
    if !request.headers().contains_key("host") {
        request.headers_mut().insert("host", address.to_string().parse()?);
    }
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}
