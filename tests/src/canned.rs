//! A small HTTP server that says what it is told to, whatever it is asked, and remembers what it was asked: in the place of an exporter, or
//! of a webhook.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response, StatusCode};

use crate::server::Server;

/// One request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: String,
}

/// A running server; gone when dropped.
#[derive(Debug)]
pub struct Canned {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    status: StatusCode,
    text: String,
    asked: Vec<Asked>,
}

impl Canned {
    /// Starts one on a port of the kernel's choice that answers with this text.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(text: &str) -> Result<Self> {
        let state = State { status: StatusCode::OK, text: text.to_owned(), asked: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let answers = Arc::clone(&state);
        let server = Server::start(move |request| answer(Arc::clone(&answers), request)).await?;
        Ok(Self { server, state })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// From now on it says this.
    pub fn says(&self, status: StatusCode, text: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.status, state.text) = (status, text.to_owned());
    }

    /// What it was asked since the last call.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).asked)
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    // A body that breaks off is one that was not sent.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let asked = Asked { headers: head.headers, body: String::from_utf8_lossy(&body).into_owned() };
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.asked.push(asked);
    let mut response = Response::new(Full::from(state.text.clone()));
    *response.status_mut() = state.status;
    response
}
