//! [`Client`]: one POST, within a time, with a cap on what is read. Knows addresses, tokens and bytes; not what is in them.
//!
//! What it says of a failure names no address: that may be a secret, and what is said stands in the ledger.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri, header};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::sources::{Endpoint, Token};

/// An answer longer than this is refused.
const MAX_ANSWER: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It took too long.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// No connection, or it broke.
    #[error("no answer: {0}")]
    Connection(String),
    /// The answer broke off or was too long.
    #[error("no whole answer: {0}")]
    Body(String),
    /// There is no token where the settings say.
    #[error("the token can't be read: {0}")]
    Token(String),
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

/// Sends requests.
#[derive(Clone, Debug)]
pub struct Client(HyperClient<HttpConnector, Full<Bytes>>);

impl Default for Client {
    fn default() -> Self {
        // Asked once in many seconds: a connection kept is mostly one that the other side has closed.
        Self(HyperClient::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http())
    }
}

impl Client {
    /// POSTs `body` to the endpoint, with `path` behind its own.
    ///
    /// # Errors
    /// [`AskError`]; any status is an answer.
    pub async fn post(&self, endpoint: &Endpoint, path: &str, kind: &str, body: String) -> Result<Reply, AskError> {
        let limit = endpoint.timeout;
        tokio::time::timeout(limit, self.exchange(endpoint, path, kind, body))
            .await
            .map_err(|_| AskError::Timeout(limit))?
    }

    async fn exchange(&self, endpoint: &Endpoint, path: &str, kind: &str, body: String) -> Result<Reply, AskError> {
        let mut request = Request::post(behind(&endpoint.url, path)).header(header::CONTENT_TYPE, kind);
        if let Some(token) = &endpoint.token {
            let token = token.read().await?;
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        // The error would show the token.
        let request = request.body(Full::from(body));
        let request = request.map_err(|_| AskError::Token("it can't stand in a header".to_owned()))?;
        let response = self.0.request(request).await.map_err(|error| {
            // The first only says that there was one.
            let mut cause: &dyn std::error::Error = &error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            AskError::Connection(cause.to_string())
        })?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        Ok(Reply { status, body: body.map_err(|error| AskError::Body(error.to_string()))?.to_bytes() })
    }
}

fn behind(url: &Uri, path: &str) -> String {
    let url = url.to_string();
    if path.is_empty() { url } else { format!("{}{path}", url.trim_end_matches('/')) }
}

impl Token {
    async fn read(&self) -> Result<String, AskError> {
        let fault = |error: &dyn std::fmt::Display| AskError::Token(error.to_string());
        let text = match self {
            Self::File(path) => tokio::fs::read_to_string(path).await.map_err(|error| fault(&error))?,
            Self::Environment(name) => std::env::var(name).map_err(|error| fault(&error))?,
        };
        Ok(text.trim().to_owned())
    }
}
