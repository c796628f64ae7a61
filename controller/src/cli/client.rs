//! A small HTTP client for the API: one request, one JSON answer.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::report::Failure;

const DEFAULT: &str = "http://127.0.0.1:8470";
/// The API answers at once; a wait that was asked for comes on top.
const PATIENCE: Duration = Duration::from_secs(10);
/// A status of 100 rollouts on 100 proxies is about 2 MB.
const MAX_ANSWER: usize = 64 << 20;

/// A controller's API.
#[derive(Debug)]
pub(super) struct Client {
    base: String,
    http: HyperClient<HttpConnector, Full<Bytes>>,
}

/// What the API answered: the body of a 2xx, or the failure that any other carries.
pub(super) type Reply = Result<Bytes, Failure>;

impl Client {
    /// `api` as given, or the environment's `WEIR_API`, or the default.
    pub(super) fn new(api: Option<String>) -> Self {
        let base = api.or_else(|| std::env::var("WEIR_API").ok()).unwrap_or_else(|| DEFAULT.to_owned());
        let base = base.trim_end_matches('/').to_owned();
        Self { base, http: HyperClient::builder(TokioExecutor::new()).build_http() }
    }

    /// `GET`.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send(Method::GET, path, Bytes::new(), PATIENCE).await
    }

    /// `POST` of JSON; `wait_ms` is what the body asks the API to wait.
    pub(super) async fn post(&self, path: &str, body: &serde_json::Value, wait_ms: u64) -> anyhow::Result<Reply> {
        let patience = PATIENCE + Duration::from_millis(wait_ms);
        self.send(Method::POST, path, Bytes::from(body.to_string()), patience).await
    }

    async fn send(&self, method: Method, path: &str, body: Bytes, patience: Duration) -> anyhow::Result<Reply> {
        let url = format!("{}{path}", self.base);
        let request = Request::builder()
            .method(method)
            .uri(&url)
            .header("content-type", "application/json")
            .body(Full::new(body))
            .with_context(|| format!("{url} is not a URL"))?;
        let answer = async {
            let answer = self.http.request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
            anyhow::Ok((status, body.to_bytes()))
        };
        let (status, body) = match tokio::time::timeout(patience, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                return Err(error.context(format!("no controller answers at {} (is `weir serve` running?)", self.base)));
            }
            Err(_) => bail!("{} did not answer within {} s", self.base, patience.as_secs()),
        };
        Ok(if status.is_success() { Ok(body) } else { Err(failure(status, &body)) })
    }
}

fn failure(status: StatusCode, body: &[u8]) -> Failure {
    serde_json::from_slice(body).unwrap_or_else(|_| Failure {
        error: format!("{status}: {}", String::from_utf8_lossy(body).trim()),
        findings: Vec::new(),
    })
}

/// A value as it stands in a query.
pub(super) fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded() {
        assert_eq!(encoded("check-out.v2"), "check-out.v2");
        assert_eq!(encoded("a b&c=é"), "a%20b%26c%3D%C3%A9");
    }

    #[test]
    fn an_answer_that_is_no_failure_of_ours_is_shown_as_it_is() {
        let failure = failure(StatusCode::BAD_GATEWAY, b"upstream gone\n");
        assert_eq!(failure.error, "502 Bad Gateway: upstream gone");
    }
}
