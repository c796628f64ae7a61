//! What documents say, over HTTP: `eval`, `export` and `diff`, of a document that is sent along or of the one that the controller has proxies
//! serve, in its present state. Nothing is changed, and the loop is asked for no more than what it holds.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use weir_core::check::{Finding, Limits, Severity};
use weir_core::document::Document;
use weir_core::evaluate::FlagSet;
use weir_core::export::{Exported, flagd};
use weir_core::json::Json as Tree;
use weir_core::snapshot::State as Rollouts;

use super::body::Fields;
use super::{Checked, Demands, Error, checked};
use crate::clock::Clock;
use crate::run::Handle;
use crate::study::diff::{self, Compared, Users};
use crate::study::eval::{Answered, Asked, Flags, WithWhy};
use crate::study::{explained, given};

type Body = Result<Bytes, BytesRejection>;
type Answer = Result<Json<Value>, Error>;

/// What a flag is for whom: in the present state, if neither a document nor `rollouts` is sent along.
pub(super) async fn eval(
    State(handle): State<Handle>,
    State(demands): State<Demands>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let known = ["document", "rollouts", "flag", "context", "type", "at", "explain"];
    let mut fields = Fields::read(&headers, body, &known)?;
    let (text, rollouts) = (fields.text("document"), fields.object("rollouts"));
    let (flag, context, kind) = (fields.flag(), fields.context(), fields.kind());
    let (now_ms, explain) = (fields.at(Clock::system().now_ms()), fields.explain());
    fields.finish()?;
    let flag = flag.unwrap_or_default();
    let Asking { text, document, state } = asking(&handle, text, demands.limits).await?;
    if !document.flags.iter().any(|known| known.key == flag) {
        return Err(Error::new(StatusCode::NOT_FOUND, format!("no flag {flag:?} in the document")));
    }
    let state = in_state(rollouts, "rollouts", &document)?.or(state);
    apart(move || {
        let flags = Flags { set: FlagSet::new(document), state };
        let asked = Asked { flag: &flag, kind, context: &context, now_ms };
        let explanation = if explain { flags.explain(&asked, &text).as_ref().map(explained::value) } else { None };
        let resolution = flags.resolve(&asked);
        let answered = Answered::new(&flag, &resolution);
        serde_json::to_value(WithWhy { answered: &answered, explanation })
    })
    .await
}

/// Plain flagd: as things stand now, if neither a document nor `rollouts` is sent along.
pub(super) async fn export(
    State(handle): State<Handle>,
    State(demands): State<Demands>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let mut fields = Fields::read(&headers, body, &["document", "rollouts"])?;
    let (text, rollouts) = (fields.text("document"), fields.object("rollouts"));
    fields.finish()?;
    let Asking { text, document, state } = asking(&handle, text, demands.limits).await?;
    let state = in_state(rollouts, "rollouts", &document)?.or(state).unwrap_or_default();
    apart(move || {
        let Exported { document, notes } = flagd(&Tree::read(&text)?, &document, &state);
        Ok(json!({ "document": document, "notes": notes }))
    })
    .await
}

/// What `document` would change about `old`. The one that is left out is the present one; then the present state holds for both.
pub(super) async fn diff(
    State(handle): State<Handle>,
    State(demands): State<Demands>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let known = ["document", "old", "rollouts", "rollouts_new", "users", "at"];
    let mut fields = Fields::read(&headers, body, &known)?;
    let (old, new) = (fields.text("old"), fields.text("document"));
    let (before, after) = (fields.object("rollouts"), fields.object("rollouts_new"));
    let now_ms = fields.at(Clock::system().now_ms());
    let users = fields.users(now_ms);
    if old.is_none() && new.is_none() && after.is_none() {
        fields.missing("$.document", "document, old or rollouts_new: the present document is compared with something");
    }
    fields.finish()?;
    let old = asking(&handle, old, demands.limits).await.map_err(|error| error.about("old"))?;
    let new = asking(&handle, new, demands.limits).await?;
    let present = old.state.clone().or_else(|| new.state.clone());
    let [before, after] = [(before.clone(), &old), (after.or(before), &new)].map(|(given, side)| {
        let as_now = || given::kept(present.clone().unwrap_or_default(), &side.document);
        in_state(given, "rollouts", &side.document).map(|state| state.unwrap_or_else(as_now))
    });
    compared([(old, before?), (new, after?)], users).await
}

async fn compared(sides: [(Asking, Rollouts); 2], users: Option<Users>) -> Answer {
    apart(move || {
        let [old, new] = sides.map(|(side, state)| Compared::new(&side.text, side.document, state));
        serde_json::to_value(diff::diff(&old?, &new?, users.as_ref()))
    })
    .await
}

/// The document that is asked, and the controller's own state if the document is its own.
struct Asking {
    text: String,
    document: Document,
    state: Option<Rollouts>,
}

/// The document that was sent along, or the present one. Defects and warnings stand in nobody's way: nothing is published.
async fn asking(handle: &Handle, text: Option<String>, limits: Limits) -> Result<Asking, Error> {
    if let Some(text) = text {
        let Checked { text, document, .. } = checked(text, limits, Some(Severity::Defect)).await?;
        return Ok(Asking { text, document, state: None });
    }
    let present = handle.present().await?;
    let (text, document) = (present.text().to_owned(), present.document().clone());
    Ok(Asking { text, document, state: Some(present.state().clone()) })
}

/// The state that was sent along, if one was.
fn in_state(given: Option<String>, key: &str, document: &Document) -> Result<Option<Rollouts>, Error> {
    let refused = |findings: Vec<Finding>| {
        let error = format!("{key}: no state of a snapshot of this document");
        Error::findings(StatusCode::UNPROCESSABLE_ENTITY, error, findings)
    };
    given.map(|text| given::state(&text, document)).transpose().map_err(refused)
}

/// Off the threads that serve others: a document may be megabytes.
async fn apart(work: impl FnOnce() -> Result<Value, serde_json::Error> + Send + 'static) -> Answer {
    let failed = |error: String| Error::new(StatusCode::INTERNAL_SERVER_ERROR, error);
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.to_string()))?;
    done.map(Json).map_err(|error| failed(error.to_string()))
}
