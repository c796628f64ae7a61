//! [`Engine`]: the one owner of all state. Every change of it takes one way: checked, written, made true, published.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_core::check::Finding;
use weir_core::snapshot::{self, PlanCache, Snapshot};

use super::chain::Chains;
use super::model::{Change, Content, Model};
use super::open::finding_list;
use super::step::{Decision, Step};
use crate::clock::Clock;
use crate::judge::Ruling;
use crate::observe::ProxySight;
use crate::publish::{Publication, Publisher, Refusal};
use crate::report::{Alarm, Observed, Totals};
use crate::stale::Sides;
use crate::store::{self, Batch, Store};

/// Of so many generations the weights are known, to tell which a proxy serves.
const REMEMBERED: usize = 256;
/// While the database refuses writes, so many observations wait for it; older ones are let go.
const WAITING: usize = 600;

/// Why a change did not come about.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The database refused it.
    #[error("not written, so not done: {0}")]
    Store(#[from] store::Error),
    /// Core refuses what would be published: a defect of Weir.
    #[error("not published, for weir's own check refuses it (a defect, please report it): {}", finding_list(.0))]
    Check(Vec<Finding>),
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
    pub(super) sides: Sides,
    pub(super) alarms: BTreeMap<&'static str, Alarm>,
    pub(super) totals: Totals,
    pub(super) started_at_ms: u64,
    pub(super) pending: Batch,
    pub(super) cache: PlanCache,
}

/// A publication that passed core's check.
struct Outgoing {
    content: Content,
    generation: u64,
    configuration: String,
    /// It puts nobody on a candidate who is not on it.
    retreats: bool,
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

impl Engine {
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
        match self.checked(content, self.generation) {
            Ok(outgoing) => self.publish(outgoing),
            Err(error) => self.alarm("check", error.to_string()),
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
    /// write, which is then tried again each tick: a full disk must not stand between a person and a kill. True if it is written.
    pub(super) fn commit(&mut self, step: Step) -> Result<bool, CommitError> {
        let outgoing = self.outgoing(&step)?;
        let Step { change, decisions, beside, keep, .. } = step;
        let retreats = outgoing.as_ref().is_some_and(|outgoing| outgoing.retreats);
        let carried = outgoing.as_ref().map(|outgoing| outgoing.generation);
        let decided_at_ms = self.clock.now_ms();
        let before = self.pending.clone();
        self.fill(&change, &decisions, beside, carried, decided_at_ms);
        let written = self.write();
        let stored = written.is_ok();
        if !(keep || retreats) {
            written.inspect_err(|_| self.pending = before)?;
        }
        self.model.apply(change);
        let generation = carried.unwrap_or(self.generation);
        for decision in decisions {
            self.chains.begin(decision.transition(generation, decided_at_ms), carried.is_some());
        }
        if let Some(outgoing) = outgoing.filter(|_| stored || retreats) {
            self.publish(outgoing);
        }
        Ok(stored)
    }

    /// What a step sends to the proxies; `None` if they would get what they have.
    fn outgoing(&mut self, step: &Step) -> Result<Option<Outgoing>, CommitError> {
        let Some(content) = self.model.content(&step.change) else { return Ok(None) };
        if !step.anew && self.published.as_ref().is_some_and(|now| now.is(&content)) {
            return Ok(None);
        }
        let generation = self.generation.max(self.reported_generation()).saturating_add(1);
        self.checked(content, generation).map(Some)
    }

    /// Writes the envelope, and reads it as the filter will.
    fn checked(&mut self, content: Content, generation: u64) -> Result<Outgoing, CommitError> {
        let configuration = snapshot::write(generation, &content.state, &content.document.stored.text);
        Snapshot::read(configuration.as_bytes(), &mut self.cache).map_err(CommitError::Check)?;
        let retreats = self.published.as_ref().is_some_and(|now| now.retreats_to(&content));
        Ok(Outgoing { content, generation, configuration, retreats })
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
        pending.sides = beside.sides.or_else(|| pending.sides.take());
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

    fn publish(&mut self, outgoing: Outgoing) {
        let Outgoing { content, generation, configuration, .. } = outgoing;
        self.generation = generation;
        self.publisher.publish(Publication { generation, configuration });
        let now_ms = self.clock.now_ms();
        self.totals.publications += 1;
        self.chains.published(generation, now_ms);
        self.contents.insert(generation, content.clone());
        while self.contents.len() > REMEMBERED {
            self.contents.pop_first();
        }
        self.published = Some(content);
        self.published_at_ms = Some(now_ms);
        self.alarms.remove("check");
    }
}
