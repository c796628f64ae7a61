//! The HTTP API: one endpoint a verb, all answers JSON but `/metrics`. Owns what a request may look like and which status code an answer
//! has; decides nothing and waits for no proxy unless asked to.
//!
//! It listens on loopback, where the user's own browser also is: so a request must name a loopback host and, if it orders anything, be
//! declared as JSON, which no foreign web page can do without being asked first.

mod body;
mod study;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRef, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use weir_core::check::{self, Examined, Finding, Limits, Severity};
use weir_core::document::Document;

use crate::ask::Sources;
use crate::report::{self, Answer, Failure, FindingText, StaleFlags, Status};
use crate::rollout::Command;
use crate::run::{Handle, Order, Refused, update};
use body::{Fields, MAX_BYTES, MAX_PAIR_BYTES};

/// What `validate` answers to a document without an error or defect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Valid {
    /// How many flags it has.
    pub flags: usize,
    /// And rollouts.
    pub rollouts: usize,
    /// Its warnings.
    #[serde(default)]
    pub findings: Vec<FindingText>,
    /// How many findings there are beside those: at most 1,000 of a severity are named.
    #[serde(default, skip_serializing_if = "report::none_left_out")]
    pub left_out: usize,
}

/// What documents are held to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// The operator's limits.
    pub limits: Limits,
    /// Defects are allowed without asking.
    pub allow_defects: bool,
    /// Whom custom checks can ask.
    pub sources: Arc<Sources>,
}

#[derive(Clone)]
struct Served {
    handle: Handle,
    demands: Demands,
}

impl FromRef<Served> for Handle {
    fn from_ref(served: &Served) -> Self {
        served.handle.clone()
    }
}

impl FromRef<Served> for Demands {
    fn from_ref(served: &Served) -> Self {
        served.demands.clone()
    }
}

/// The API around a running loop.
pub fn router(handle: Handle, demands: Demands) -> Router {
    Router::new()
        .route("/api/v1/validate", post(validate))
        .route("/api/v1/apply", post(apply))
        .route("/api/v1/eval", post(study::eval))
        .route("/api/v1/export", post(study::export))
        .route("/api/v1/diff", post(study::diff).layer(DefaultBodyLimit::max(MAX_PAIR_BYTES)))
        .route("/api/v1/status", get(status))
        .route("/api/v1/ledger", get(ledger))
        .route("/api/v1/flags/stale", get(stale))
        .route("/api/v1/{verb}", post(order))
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
        .fallback(|| async { Error::new(StatusCode::NOT_FOUND, "no such endpoint") })
        .method_not_allowed_fallback(|| async { Error::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method") })
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .layer(middleware::from_fn(only_from_here))
        .with_state(Served { handle, demands })
}

/// A refusal with its status code.
#[derive(Debug)]
struct Error {
    status: StatusCode,
    failure: Failure,
}

impl Error {
    fn new(status: StatusCode, error: impl ToString) -> Self {
        Self { status, failure: Failure { error: error.to_string(), findings: Vec::new() } }
    }

    fn findings(status: StatusCode, error: impl ToString, findings: Vec<Finding>) -> Self {
        let findings = findings.into_iter().map(FindingText::from).collect();
        Self { status, failure: Failure { error: error.to_string(), findings } }
    }

    /// The same, of one of several documents.
    fn about(mut self, key: &str) -> Self {
        self.failure.error = format!("{key}: {}", self.failure.error);
        self
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.status, Json(self.failure)).into_response()
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::NotFound(_) => StatusCode::NOT_FOUND,
            Refused::Conflict(_) | Refused::Document(_) => StatusCode::CONFLICT,
            Refused::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Refused::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        let error = refused.to_string();
        match refused {
            Refused::Document(findings) => Self::findings(status, error, findings),
            Refused::NotFound(_) | Refused::Conflict(_) | Refused::Failed(_) | Refused::Stopping => {
                Self::new(status, error)
            }
        }
    }
}

async fn validate(
    State(demands): State<Demands>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Valid>, Error> {
    let mut fields = Fields::read(&headers, body, &["document", "strict"])?;
    let (text, strict) = (fields.document(), fields.strict());
    fields.finish()?;
    let most = if strict { None } else { Some(Severity::Warning) };
    let Checked { document, findings, left_out, .. } = checked(text, demands.limits, most).await?;
    answerable(&demands, &document)?;
    let rollouts = document.flags.iter().filter(|flag| flag.rollout.is_some()).count();
    let findings = findings.into_iter().map(FindingText::from).collect();
    Ok(Json(Valid { flags: document.flags.len(), rollouts, findings, left_out }))
}

async fn apply(
    State(handle): State<Handle>,
    State(demands): State<Demands>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Answer>, Error> {
    let mut fields = Fields::read(&headers, body, &["document", "force", "allow_defects", "reason", "wait_ms"])?;
    let (text, force, reason) = (fields.document(), fields.force(), fields.reason());
    let (wait, allowed) = (fields.wait(), fields.allow_defects() || demands.allow_defects);
    fields.finish()?;
    let most = if allowed { Severity::Defect } else { Severity::Warning };
    let Checked { text, document, findings, left_out } = checked(text, demands.limits, Some(most)).await?;
    answerable(&demands, &document)?;
    let defects = findings.iter().filter(|finding| finding.severity == Severity::Defect).count();
    let order = Order::Apply { text, document: Box::new(document), force, defects, reason };
    let Json(answer) = obeyed(&handle, order, wait).await?;
    let findings = findings.into_iter().map(FindingText::from).collect();
    Ok(Json(Answer { findings, left_out, ..answer }))
}

async fn order(
    State(handle): State<Handle>,
    Path(verb): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Answer>, Error> {
    let known: &[&str] = match verb.as_str() {
        "start" => &["flag", "force", "reason", "wait_ms"],
        "resume" | "rollback" => &["flag", "reason", "wait_ms"],
        "kill" | "revive" => &["flag", "all", "reason", "wait_ms"],
        _ => return Err(Error::new(StatusCode::NOT_FOUND, "no such verb")),
    };
    let mut fields = Fields::read(&headers, body, known)?;
    let (flag, force, reason) = (fields.flag(), fields.force(), fields.reason());
    let wait = fields.wait();
    fields.finish()?;
    let command = match verb.as_str() {
        "start" => Command::Start { force },
        "resume" => Command::Resume,
        "rollback" => Command::Rollback,
        "kill" => Command::Kill,
        _ => Command::Revive,
    };
    let order = match flag {
        Some(flag) => Order::Rollout { flag, command, reason },
        None if command == Command::Kill => Order::KillAll { reason },
        None => Order::ReviveAll { reason },
    };
    obeyed(&handle, order, wait).await
}

/// Sends an order and waits, if asked to, until every connected proxy has applied it.
async fn obeyed(handle: &Handle, order: Order, wait: Duration) -> Result<Json<Answer>, Error> {
    let mut answer = handle.order(order).await?;
    let mut status = handle.status();
    let applied = async {
        loop {
            update(&mut answer, &status.borrow_and_update());
            if answer.complete || status.changed().await.is_err() {
                return;
            }
        }
    };
    // Whoever has not applied it by then is named in the answer.
    let _ = tokio::time::timeout(wait, applied).await;
    Ok(Json(answer))
}

/// A document that may be published.
struct Checked {
    text: String,
    document: Document,
    findings: Vec<Finding>,
    left_out: usize,
}

/// Core's check, off the threads that serve others: a document may be megabytes. Findings graver than `most` refuse it, without it all do.
async fn checked(text: String, limits: Limits, most: Option<Severity>) -> Result<Checked, Error> {
    let task = tokio::task::spawn_blocking(move || (check::examine(&text, &limits), text));
    let (examined, text) = task.await.map_err(|error| Error::new(StatusCode::INTERNAL_SERVER_ERROR, error))?;
    let left_out = examined.left_out();
    let tolerable = |finding: &Finding| most.is_some_and(|most| finding.severity >= most);
    match examined.document {
        Some(document) if examined.findings.iter().all(tolerable) => {
            Ok(Checked { text, document, findings: examined.findings, left_out })
        }
        _ => Err(refused(&examined)),
    }
}

/// A custom check that nobody can be asked for would never be decided.
fn answerable(demands: &Demands, document: &Document) -> Result<(), Error> {
    let findings = demands.sources.missing(document);
    if findings.is_empty() {
        return Ok(());
    }
    let error = format!(
        "the document has {} custom checks that this controller can't ask; nothing was changed",
        findings.len()
    );
    Err(Error::findings(StatusCode::UNPROCESSABLE_ENTITY, error, findings))
}

fn refused(examined: &Examined) -> Error {
    let [errors, defects, warnings] =
        [Severity::Error, Severity::Defect, Severity::Warning].map(|severity| examined.count(severity));
    let hint = if errors == 0 && defects > 0 { " (allow_defects applies it all the same)" } else { "" };
    let named = match examined.left_out() {
        0 => String::new(),
        more => format!(", {more} of which are not named"),
    };
    let error = format!(
        "the document has {errors} errors, {defects} defects and {warnings} warnings{named}{hint}; nothing was changed"
    );
    Error::findings(StatusCode::UNPROCESSABLE_ENTITY, error, examined.findings.clone())
}

#[derive(Deserialize)]
struct OfFlag {
    flag: Option<String>,
}

async fn status(State(handle): State<Handle>, Query(query): Query<OfFlag>) -> Result<Json<Status>, Error> {
    let status = handle.status().borrow().clone();
    let Some(flag) = query.flag else { return Ok(Json((*status).clone())) };
    let mut status = (*status).clone();
    status.rollouts.retain(|rollout| rollout.flag == flag);
    if status.rollouts.is_empty() {
        return Err(Error::new(StatusCode::NOT_FOUND, format!("no rollout of flag {flag:?} in the document")));
    }
    Ok(Json(status))
}

async fn stale(State(handle): State<Handle>) -> Json<StaleFlags> {
    let stale = handle.status().borrow().stale.clone();
    Json(StaleFlags { stale })
}

#[derive(Deserialize)]
struct OfLedger {
    flag: Option<String>,
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

async fn ledger(
    State(handle): State<Handle>,
    Query(query): Query<OfLedger>,
) -> Result<Json<Vec<crate::store::Row>>, Error> {
    let limit = query.limit.unwrap_or(100).min(1_000);
    match handle.ledger(query.flag, query.after, limit).await {
        Some(Ok(rows)) => Ok(Json(rows)),
        Some(Err(error)) => Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, error)),
        None => Err(Refused::Stopping.into()),
    }
}

async fn metrics(State(handle): State<Handle>) -> impl IntoResponse {
    let text = report::metrics(&handle.status().borrow());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

async fn health(State(handle): State<Handle>) -> Result<&'static str, Error> {
    match handle.status().has_changed() {
        Ok(_) => Ok("ok\n"),
        Err(_) => Err(Refused::Stopping.into()),
    }
}

/// A web page can make a browser send requests here under a name of its own that resolves to loopback; such a request names that host.
async fn only_from_here(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_loopback(host) {
        return next.run(request).await;
    }
    Error::new(StatusCode::FORBIDDEN, "the Host must be a loopback address or localhost").into_response()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
