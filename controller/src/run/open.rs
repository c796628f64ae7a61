//! From the database to an [`Engine`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use weir_core::check::{self, Finding};
use weir_core::snapshot::PlanCache;

use super::chain::Chains;
use super::engine::Engine;
use super::model::{Current, Model};
use crate::clock::Clock;
use crate::judge::Ruling;
use crate::observe::ProxySight;
use crate::publish::{Publisher, Refusal};
use crate::report::Totals;
use crate::stale::Sides;
use crate::store::{self, Batch, Row, Store, Stored};

/// So many rows of the ledger are read at the start for decisions that proxies may not have applied yet.
const TAIL: u32 = 500;

/// Why a controller can't start on its database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What it keeps can't be read.
    #[error("the database's {what} can't be read by this weir ({source}): run the weir that wrote it")]
    Kept {
        /// Which part.
        what: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Its document does not pass this Weir's check.
    #[error("the database's document is refused by this weir: {}", finding_list(.0))]
    Document(Vec<Finding>),
    /// The loop has no thread to run on.
    #[error("the loop can't be started: {0}")]
    Thread(std::io::Error),
}

pub(super) fn finding_list(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What the parts beside the engine start with.
#[derive(Debug, Default)]
pub struct Kept {
    /// The observer's cumulative values, JSON.
    pub cumulative: Option<String>,
    /// Configurations that proxies have refused, by node.
    pub refused: BTreeMap<String, Vec<Refusal>>,
}

/// Reads what the observer and the publisher start with.
///
/// # Errors
/// [`OpenError`].
pub fn kept(store: &Store) -> Result<Kept, OpenError> {
    let stored = store.load()?;
    Ok(Kept { refused: refusals(&stored)?, cumulative: stored.cumulative })
}

fn refusals(stored: &Stored) -> Result<BTreeMap<String, Vec<Refusal>>, OpenError> {
    stored.refused.as_deref().map_or_else(|| Ok(BTreeMap::new()), |json| parsed("refusals", json))
}

impl Engine {
    /// Takes up what the database holds. Nothing is published yet: see `resume`. `expected` are the configured proxies, not seen
    /// yet, with their node ids as far as they are known from before.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        store: Store,
        publisher: Arc<dyn Publisher>,
        clock: Clock,
        expected: Vec<ProxySight>,
    ) -> Result<Self, OpenError> {
        let stored = store.load()?;
        let rows = store.ledger(None, 0, TAIL)?;
        let sides =
            stored.sides.as_deref().map_or_else(|| Ok(Sides::default()), |json| parsed("sides of flags", json))?;
        let mut engine = Self {
            started_at_ms: clock.now_ms(),
            refused: refusals(&stored)?,
            generation: stored.generation,
            model: model(stored)?,
            chains: Chains::restore(&rows),
            rulings: rulings(&rows),
            clock,
            publisher,
            store,
            published: None,
            published_at_ms: None,
            contents: BTreeMap::new(),
            sights: expected,
            observed: None,
            sides,
            alarms: BTreeMap::new(),
            totals: Totals::default(),
            pending: Batch::default(),
            cache: PlanCache::default(),
        };
        if let Some(broken) = engine.store.verify()? {
            engine.alarm("ledger", format!("{broken}: what is decided from now on is chained to it all the same"));
        }
        Ok(engine)
    }
}

fn model(stored: Stored) -> Result<Model, OpenError> {
    let mut model = Model { kill: stored.kill, flag_kills: stored.flag_kills, ..Model::default() };
    if let Some(stored) = stored.document {
        let document = check::check(&stored.text).map_err(OpenError::Document)?;
        model.document = Some(Arc::new(Current { stored, document }));
    }
    for (flag, json) in stored.rollouts {
        let state = parsed(&format!("state of rollout {flag}"), &json)?;
        model.rollouts.insert(flag, state);
    }
    Ok(model)
}

/// The rulings that led to the last decisions: after a restart too it can be seen why a rollout stands where it does.
fn rulings(rows: &[Row]) -> BTreeMap<String, Ruling> {
    let mut rulings = BTreeMap::new();
    for Row { entry, .. } in rows {
        let Some(flag) = &entry.flag else { continue };
        let numbers = serde_json::from_str::<serde_json::Value>(&entry.numbers).unwrap_or_default();
        if let Ok(ruling) = Ruling::deserialize(&numbers["ruling"]) {
            rulings.insert(flag.clone(), ruling);
        } else if entry.kind == "start" || entry.kind == "resume" {
            rulings.remove(flag);
        }
    }
    rulings
}

fn parsed<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, OpenError> {
    serde_json::from_str(json).map_err(|source| OpenError::Kept { what: what.to_owned(), source })
}
