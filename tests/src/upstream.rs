//! A small server in the place of control or candidate. It answers with its name, counts what it gets, and misbehaves as ordered, from
//! one request to the next: errors, added latency, hanging.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response, StatusCode};

use crate::server::Server;

/// Response header with the server's name.
pub const NAME_HEADER: &str = "x-upstream";
/// Response header that marks an ordered fault, so that a failure without it is nobody's order.
pub const FAULT_HEADER: &str = "x-ordered-fault";

/// Response header, `1`, of an answer by a fallback.
pub const FALLBACK_HEADER: &str = "x-fallback";

/// Response header with a score.
pub const SCORE_HEADER: &str = "x-score";

/// Request header with the user's tier.
pub const TIER_HEADER: &str = "x-tier";

/// What it does wrong from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Share of requests (0 to 1) that are answered with status 500.
    pub errors: f64,
    /// In place of that, the share for users of this tier, as [`TIER_HEADER`] says.
    pub tier_errors: Option<(&'static str, f64)>,
    /// Waits so long before each answer.
    pub latency: Duration,
    /// Share of requests (0 to 1) that never get an answer.
    pub hangs: f64,
    /// Share of requests (0 to 1) that are answered by a fallback, as [`FALLBACK_HEADER`] says. No fault by itself.
    pub fallbacks: f64,
    /// In millionths, the score that each answer carries in [`SCORE_HEADER`]; 0 is none. No fault by itself.
    pub score: u64,
}

impl Faults {
    /// Only errors.
    #[must_use]
    pub fn errors(share: f64) -> Self {
        Self { errors: share, ..Self::default() }
    }

    /// Only fallbacks.
    #[must_use]
    pub fn fallbacks(share: f64) -> Self {
        Self { fallbacks: share, ..Self::default() }
    }

    /// Only latency.
    #[must_use]
    pub fn latency(latency: Duration) -> Self {
        Self { latency, ..Self::default() }
    }
}

/// A running server; gone when dropped.
#[derive(Debug)]
pub struct Upstream {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    name: &'static str,
    watched: String,
    faults: Mutex<Faults>,
    requests: AtomicU64,
    faulty: AtomicU64,
    fallbacks: AtomicU64,
    last_us: AtomicU64,
    /// By value of the watched header; requests without it are not here.
    seen: Mutex<BTreeMap<String, u64>>,
    recording: Mutex<Option<Vec<HeaderMap>>>,
}

impl Upstream {
    /// Starts one of that name on a port of the kernel's choice. `watched` is the routing header whose values it counts.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(name: &'static str, watched: &str) -> Result<Self> {
        let state = Arc::new(State {
            name,
            watched: watched.to_owned(),
            faults: Mutex::default(),
            requests: AtomicU64::new(0),
            faulty: AtomicU64::new(0),
            fallbacks: AtomicU64::new(0),
            last_us: AtomicU64::new(0),
            seen: Mutex::default(),
            recording: Mutex::default(),
        });
        let answers = Arc::clone(&state);
        let server = Server::start(move |request| answer(Arc::clone(&answers), request)).await?;
        Ok(Self { server, state })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Orders faults, from the next request on.
    pub fn order(&self, faults: Faults) {
        *self.state.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Requests so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }

    /// Requests so far that it answered with an ordered error, or not at all.
    #[must_use]
    pub fn faulty(&self) -> u64 {
        self.state.faulty.load(Ordering::Relaxed)
    }

    /// Requests so far that it answered by a fallback.
    #[must_use]
    pub fn fallbacks(&self) -> u64 {
        self.state.fallbacks.load(Ordering::Relaxed)
    }

    /// When the last request came, in microseconds since the Unix epoch; 0 before the first.
    #[must_use]
    pub fn last_request_us(&self) -> u64 {
        self.state.last_us.load(Ordering::Relaxed)
    }

    /// How often each value of the watched header came.
    #[must_use]
    pub fn seen(&self) -> BTreeMap<String, u64> {
        self.state.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the headers of each request from now on.
    pub fn record(&self) {
        *self.state.recording.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    /// The headers of the requests since [`Upstream::record`] or the last call.
    #[must_use]
    pub fn recorded(&self) -> Vec<HeaderMap> {
        let mut recording = self.state.recording.lock().unwrap_or_else(PoisonError::into_inner);
        recording.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    state.note(request.headers());
    let faults = *state.faults.lock().unwrap_or_else(PoisonError::into_inner);
    let tier = request.headers().get(TIER_HEADER).map(hyper::header::HeaderValue::as_bytes);
    let errors = match faults.tier_errors {
        Some((name, share)) if tier == Some(name.as_bytes()) => share,
        _ => faults.errors,
    };
    if fastrand::f64() < faults.hangs {
        state.faulty.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<()>().await;
    }
    if !faults.latency.is_zero() {
        tokio::time::sleep(faults.latency).await;
    }
    let mut response = Response::new(Full::from(state.name));
    response.headers_mut().insert(NAME_HEADER, hyper::header::HeaderValue::from_static(state.name));
    if faults.score > 0 {
        let (whole, rest) = (faults.score / 1_000_000, faults.score % 1_000_000);
        if let Ok(value) = hyper::header::HeaderValue::from_str(&format!("{whole}.{rest:06}")) {
            response.headers_mut().insert(SCORE_HEADER, value);
        }
    }
    if fastrand::f64() < faults.fallbacks {
        state.fallbacks.fetch_add(1, Ordering::Relaxed);
        response.headers_mut().insert(FALLBACK_HEADER, hyper::header::HeaderValue::from_static("1"));
    }
    if fastrand::f64() < errors {
        state.faulty.fetch_add(1, Ordering::Relaxed);
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.headers_mut().insert(FAULT_HEADER, hyper::header::HeaderValue::from_static("error"));
    }
    response
}

impl State {
    fn note(&self, headers: &HeaderMap) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last_us.fetch_max(u64::try_from(now.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(value) = headers.get(&self.watched) {
            let value = String::from_utf8_lossy(value.as_bytes());
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            match seen.get_mut(value.as_ref()) {
                Some(count) => *count += 1,
                None => drop(seen.insert(value.into_owned(), 1)),
            }
        }
        if let Some(recorded) = self.recording.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            recorded.push(headers.clone());
        }
    }
}
