//! [`Engine`]: the one owner of all state. Every change of it takes one way: checked, written, made true, published.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_core::check::{self, Fault};
use weir_core::snapshot::{self, PlanCache, Snapshot};

use super::chain::Chains;
use super::model::{Change, Content, Current, Model};
use crate::clock::Clock;
use crate::judge::Ruling;
use crate::observe::ProxySight;
use crate::publish::{Publication, Publisher, Refusal};
use crate::report::{Alarm, Observed, Totals, Transition};
use crate::store::{self, Batch, Entry, Store};

/// Of so many generations the weights are known, to tell which a proxy serves.
const REMEMBERED: usize = 256;
/// While the database refuses writes, so many observations wait for it; older ones are let go.
const WAITING: usize = 600;
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
    #[error("the database's document is refused by this weir: {}", list(.0))]
    Document(Vec<Fault>),
    /// The loop has no thread to run on.
    #[error("the loop can't be started: {0}")]
    Thread(std::io::Error),
}

/// Why a change did not come about.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The database refused it.
    #[error("not written, so not done: {0}")]
    Store(#[from] store::Error),
    /// Core refuses what would be published: a defect of Weir.
    #[error("not published, for weir's own check refuses it (a defect, please report it): {}", list(.0))]
    Check(Vec<Fault>),
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// One decision, for the ledger and the status.
#[derive(Clone, Debug, Default)]
pub(super) struct Decision {
    pub(super) kind: &'static str,
    pub(super) flag: Option<String>,
    pub(super) attempt: Option<u64>,
    pub(super) actor: &'static str,
    pub(super) reason: Option<String>,
    pub(super) sentence: String,
    /// JSON object.
    pub(super) numbers: serde_json::Value,
    /// When what it rests on was observed.
    pub(super) detected_at_ms: Option<u64>,
}

/// A change with what is written beside it.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) change: Change,
    /// What is decided; each begins a way to the proxies.
    pub(super) decisions: Vec<Decision>,
    /// Observations, cumulative values, refusals, and ledger rows that are events.
    pub(super) beside: Batch,
    /// What can't come again (a tick) is kept in memory and written later if the database refuses it now; an order is refused then.
    pub(super) keep: bool,
    /// Publish even if proxies would get what they have: its generation has been used for something else.
    pub(super) anew: bool,
}

/// The controller's state and its ways to database and proxies.
pub struct Engine {
    pub(super) clock: Clock,
    pub(super) publisher: Arc<dyn Publisher>,
    pub(super) store: Store,
    pub(super) model: Model,
    pub(super) generation: u64,
    pub(super) published: Option<Content>,
    pub(super) published_at_ms: Option<u64>,
    /// What proxies serve with each of the last generations.
    pub(super) contents: BTreeMap<u64, Content>,
    pub(super) chains: Chains,
    pub(super) rulings: BTreeMap<String, Ruling>,
    pub(super) sights: Vec<ProxySight>,
    pub(super) observed: Option<Observed>,
    pub(super) refused: BTreeMap<String, Vec<Refusal>>,
    pub(super) alarms: BTreeMap<&'static str, Alarm>,
    pub(super) totals: Totals,
    pub(super) started_at_ms: u64,
    pending: Batch,
    cache: PlanCache,
}

/// The publisher and core's cache have nothing to show.
impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("generation", &self.generation)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
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
    let refused = stored.refused.as_deref().map_or_else(|| Ok(BTreeMap::new()), serde_json::from_str);
    let refused = refused.map_err(|source| OpenError::Kept { what: "refusals".to_owned(), source })?;
    Ok(Kept { cumulative: stored.cumulative, refused })
}

impl Engine {
    /// Takes up what the database holds. Nothing is published yet: see [`Engine::resume`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(store: Store, publisher: Arc<dyn Publisher>, clock: Clock) -> Result<Self, OpenError> {
        let stored = store.load()?;
        let refused = kept(&store)?.refused;
        let document = stored.document.map(|stored| {
            let document = check::check(&stored.text).map_err(OpenError::Document)?;
            Ok::<_, OpenError>(Arc::new(Current { stored, document }))
        });
        let mut rollouts = BTreeMap::new();
        for (flag, json) in stored.rollouts {
            let state = serde_json::from_str(&json)
                .map_err(|source| OpenError::Kept { what: format!("state of rollout {flag}"), source })?;
            rollouts.insert(flag, state);
        }
        let model =
            Model { document: document.transpose()?, kill: stored.kill, flag_kills: stored.flag_kills, rollouts };
        let now_ms = clock.now_ms();
        let mut engine = Self {
            chains: Chains::restore(&store.ledger(None, 0, TAIL)?),
            generation: stored.generation,
            started_at_ms: now_ms,
            refused,
            clock,
            publisher,
            model,
            published: None,
            published_at_ms: None,
            contents: BTreeMap::new(),
            rulings: BTreeMap::new(),
            sights: Vec::new(),
            observed: None,
            alarms: BTreeMap::new(),
            totals: Totals::default(),
            pending: Batch::default(),
            cache: PlanCache::default(),
            store,
        };
        if let Some(broken) = engine.store.verify()? {
            engine.alarm("ledger", format!("{broken}: what is decided from now on is chained to it all the same"));
        }
        Ok(engine)
    }

    /// Publishes what is committed, once, after the first look at the proxies (or at the first order): they keep what they have until
    /// then, and a database that was replaced by an older copy goes on above what they report.
    pub(super) fn resume(&mut self) {
        if self.published.is_some() {
            return;
        }
        let Some(content) = self.model.content(&Change::default()) else { return };
        if self.reported_generation() > self.generation || self.generation == 0 {
            self.republish();
            return;
        }
        let configuration = snapshot::write(self.generation, &content.state, &content.document.stored.text);
        match Snapshot::read(configuration.as_bytes(), &mut self.cache) {
            Ok(_) => self.publish(content, configuration),
            Err(faults) => self.alarm("check", CommitError::Check(faults).to_string()),
        }
    }

    /// The same content under a generation above all that proxies report.
    pub(super) fn republish(&mut self) {
        let reported = self.reported_generation();
        let sentence = format!(
            "proxies report generation {reported}, the database's last is {}: published again above both, as after a restored backup",
            self.generation
        );
        let numbers = serde_json::json!({ "reported": reported, "stored": self.generation });
        let decision = Decision { kind: "republish", actor: "weir", sentence, numbers, ..Decision::default() };
        let step = Step { decisions: vec![decision], keep: true, anew: true, ..Step::default() };
        if let Err(error) = self.commit(step) {
            self.alarm("check", error.to_string());
        }
    }

    /// The highest generation that proxies report, of a configuration other than the present one.
    pub(super) fn reported_generation(&self) -> u64 {
        let workers = self.sights.iter().filter_map(|sight| sight.generation).max();
        self.publisher.highest_generation().max(workers).unwrap_or(0)
    }

    /// Checked, written, made true, published. What only takes users off a candidate is published even if the database refuses the
    /// write, which is then tried again each tick: a full disk must not stand between a person and a kill.
    /// True if it is written.
    pub(super) fn commit(&mut self, step: Step) -> Result<bool, CommitError> {
        let Step { change, decisions, beside, keep, anew } = step;
        let next = self.model.content(&change);
        let moves = next.filter(|next| anew || !self.published.as_ref().is_some_and(|now| now.is(next)));
        let mut generation = self.generation;
        let mut configuration = String::new();
        if let Some(next) = &moves {
            generation = self.generation.max(self.reported_generation()).saturating_add(1);
            configuration = snapshot::write(generation, &next.state, &next.document.stored.text);
            Snapshot::read(configuration.as_bytes(), &mut self.cache).map_err(CommitError::Check)?;
        }
        let retreats =
            moves.as_ref().is_some_and(|next| self.published.as_ref().is_some_and(|now| now.retreats_to(next)));
        let decided_at_ms = self.clock.now_ms();
        let before = self.pending.clone();
        self.fill(&change, &decisions, beside, moves.is_some().then_some(generation), decided_at_ms);
        let stored = match self.write() {
            Ok(()) => true,
            Err(error) if keep || retreats => {
                tracing::error!("{error}");
                false
            }
            Err(error) => {
                self.pending = before;
                return Err(error.into());
            }
        };
        self.model.apply(change);
        let opens = moves.is_some();
        for decision in decisions {
            self.chains.begin(decision.transition(generation, decided_at_ms), opens);
        }
        if let Some(next) = moves.filter(|_| stored || retreats) {
            self.generation = generation;
            self.publish(next, configuration);
        }
        Ok(stored)
    }

    /// Switches an alarm on, or keeps it on since when it was.
    pub(super) fn alarm(&mut self, kind: &'static str, sentence: String) {
        let since_ms = self.clock.now_ms();
        tracing::error!(kind, "{sentence}");
        let alarm =
            self.alarms.entry(kind).or_insert_with(|| Alarm { kind: kind.to_owned(), since_ms, ..Alarm::default() });
        alarm.sentence = sentence;
    }

    /// Adds a step to what is to be written, beside what the database has refused so far.
    fn fill(&mut self, change: &Change, decisions: &[Decision], beside: Batch, generation: Option<u64>, at_ms: u64) {
        for (flag, state) in &change.rollouts {
            match serde_json::to_string(state) {
                Ok(json) => drop(self.pending.rollouts.insert(flag.clone(), json)),
                Err(error) => self.alarm("check", format!("the state of {flag} can't be written: {error}")),
            }
        }
        let pending = &mut self.pending;
        if let Some(document) = &change.document {
            pending.document = Some(document.stored.clone());
        }
        pending.kill = change.kill.or(pending.kill);
        pending.flag_kills = change.flag_kills.clone().or_else(|| pending.flag_kills.take());
        pending.generation = generation.or(pending.generation);
        let carrier = generation.unwrap_or(self.generation);
        pending.ledger.extend(decisions.iter().map(|decision| decision.entry(carrier, at_ms)));
        pending.cumulative = beside.cumulative.or_else(|| pending.cumulative.take());
        pending.refused = beside.refused.or_else(|| pending.refused.take());
        pending.observations.extend(beside.observations);
        pending.ledger.extend(beside.ledger);
        let surplus = pending.observations.len().saturating_sub(WAITING);
        pending.observations.drain(..surplus);
    }

    fn write(&mut self) -> Result<(), store::Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        match self.store.write(&self.pending) {
            Ok(()) => {
                self.pending = Batch::default();
                self.alarms.remove("store");
                Ok(())
            }
            Err(error) => {
                self.totals.store_failures += 1;
                self.alarm("store", format!("the database refuses writes: {error}"));
                Err(error)
            }
        }
    }

    /// Whether something waits for the database.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    fn publish(&mut self, content: Content, configuration: String) {
        self.publisher.publish(Publication { generation: self.generation, configuration });
        let now_ms = self.clock.now_ms();
        self.totals.publications += 1;
        self.chains.published(self.generation, now_ms);
        self.contents.insert(self.generation, content.clone());
        while self.contents.len() > REMEMBERED {
            self.contents.pop_first();
        }
        self.published = Some(content);
        self.published_at_ms = Some(now_ms);
        self.alarms.remove("check");
    }
}

impl Decision {
    fn entry(&self, generation: u64, at_ms: u64) -> Entry {
        let mut numbers = self.numbers.clone();
        if let (Some(detected), serde_json::Value::Object(numbers)) = (self.detected_at_ms, &mut numbers) {
            numbers.insert("detected_at_ms".to_owned(), detected.into());
        }
        Entry {
            at_ms,
            kind: self.kind.to_owned(),
            flag: self.flag.clone(),
            attempt: self.attempt,
            actor: self.actor.to_owned(),
            reason: self.reason.clone(),
            sentence: self.sentence.clone(),
            numbers: numbers.to_string(),
            generation,
        }
    }

    pub(super) fn transition(self, generation: u64, decided_at_ms: u64) -> Transition {
        Transition {
            kind: self.kind.to_owned(),
            flag: self.flag,
            attempt: self.attempt,
            actor: self.actor.to_owned(),
            sentence: self.sentence,
            detected_at_ms: self.detected_at_ms,
            decided_at_ms,
            generation,
            ..Transition::default()
        }
    }
}
