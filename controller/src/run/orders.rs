//! What persons order: documents and the verbs. Owns who may order what when, beyond what a rollout itself refuses.

use serde_json::json;
use weir_core::check::Finding;
use weir_core::document::{Document, Flag};

use super::apply::NewDocument;
use super::chain;
use super::engine::{CommitError, Engine};
use super::model::{Change, Current};
use super::step::{Decision, Step};
use crate::observation::Observation;
use crate::report::{Answer, Status, Transition};
use crate::rollout::{Command, Phase, Refusal, RolloutState};

/// A person's order, checked for its form.
#[derive(Debug)]
pub enum Order {
    /// Make this the document.
    Apply {
        /// Its text.
        text: String,
        /// The same, checked by core.
        document: Box<Document>,
        /// Do it although users change variant; needs a reason.
        force: bool,
        /// So many defects of it were allowed.
        defects: usize,
        /// Why.
        reason: Option<String>,
    },
    /// A verb for one flag.
    Rollout {
        /// Its key.
        flag: String,
        /// The verb.
        command: Command,
        /// Why.
        reason: Option<String>,
    },
    /// Everything to control.
    KillAll {
        /// Why.
        reason: Option<String>,
    },
    /// Takes the global kill away; what was under way or done is paused at weight 0.
    ReviveAll {
        /// Why.
        reason: Option<String>,
    },
}

/// Why an order was not obeyed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no such flag, or no document.
    #[error("{0}")]
    NotFound(String),
    /// The present state does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// The document would take users off what rollouts gave them.
    #[error(
        "refused, because users would change variant without a decision; `force` with a reason does it all the same"
    )]
    Document(Vec<Finding>),
    /// It was allowed and failed.
    #[error(transparent)]
    Failed(#[from] CommitError),
    /// The controller is going down.
    #[error("the controller is shutting down")]
    Stopping,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Conflict(refusal.to_string())
    }
}

impl Engine {
    /// Obeys an order.
    pub(super) fn order(&mut self, order: Order) -> Result<Answer, Refused> {
        self.resume();
        match order {
            Order::Apply { text, document, force, defects, reason } => {
                self.apply(NewDocument { text, document: *document, force, defects }, reason)
            }
            Order::Rollout { flag, command, reason } => self.rollout(&flag, command, reason),
            Order::KillAll { reason } => self.kill_all(reason),
            Order::ReviveAll { reason } => self.revive_all(reason),
        }
    }

    fn rollout(&mut self, key: &str, command: Command, reason: Option<String>) -> Result<Answer, Refused> {
        need_reason(command == (Command::Start { force: true }), reason.as_deref())?;
        let current = self.model.document.clone().ok_or_else(no_document)?;
        let flag = current.flag(key).ok_or_else(|| no_flag(key, &current))?;
        let Some(rollout) = &flag.rollout else { return self.plain_flag(flag, command, reason) };
        if self.model.kill && matches!(command, Command::Start { .. } | Command::Resume) {
            return Err(Refused::Conflict("everything is killed: `weir revive --all` first".to_owned()));
        }
        if matches!(command, Command::Start { .. } | Command::Resume) && !flag.enabled {
            return Err(Refused::Conflict(format!(
                "{key} is DISABLED in the document: nobody would get the candidate"
            )));
        }
        let now_ms = self.clock.now_ms();
        let before = self.model.rollout(key);
        let after = before.command(&command, rollout, flag.default_name(), now_ms)?;
        if after == before {
            return Ok(self.unchanged_of(key, format!("{key} is {} already", standing(&after))));
        }
        let kind = word(command);
        let sentence = sentence(key, command, &before, &after);
        let decision = Decision {
            kind,
            flag: Some(key.to_owned()),
            attempt: Some(after.attempt),
            actor: "api",
            reason,
            sentence: sentence.clone(),
            numbers: json!({ "before": numbers(&before), "after": numbers(&after) }),
            ..Decision::default()
        };
        self.reconsider(key, command, &after);
        let mut change = Change::default();
        change.rollouts.insert(key.to_owned(), after);
        let warnings = self.warnings(key, command)?;
        Ok(Answer { warnings, ..self.obey(change, vec![decision], sentence)? })
    }

    /// What a person should know before users get the candidate.
    fn warnings(&self, key: &str, command: Command) -> Result<Vec<String>, Refused> {
        let starts = matches!(command, Command::Start { .. } | Command::Resume);
        if !starts || self.store.has_rolled_back(key).map_err(CommitError::Store)? {
            return Ok(Vec::new());
        }
        Ok(vec![format!(
            "{key}: a rollback has never been rehearsed here: none is in the ledger as applied by the proxies; \
             start, `weir rollback {key}` and start again shows that it works and how long it takes"
        )])
    }

    /// A beginning forgets what was ruled before; an end keeps it to be seen, under what it has come to.
    fn reconsider(&mut self, key: &str, command: Command, after: &RolloutState) {
        if matches!(command, Command::Start { .. } | Command::Resume) {
            self.rulings.remove(key);
        } else if !after.is_judged() {
            let (_, ruling) = after.tick(key, &Observation::default());
            self.note(key, ruling);
        }
    }

    /// A flag without a rollout can be killed and revived, nothing else.
    fn plain_flag(&mut self, flag: &Flag, command: Command, reason: Option<String>) -> Result<Answer, Refused> {
        let key = flag.key.as_str();
        let mut kills = self.model.flag_kills.clone();
        let sentence = match command {
            Command::Kill if !kills.insert(key.to_owned()) => {
                return Ok(self.unchanged_of(key, format!("{key} is killed already")));
            }
            Command::Kill => format!("{key}: killed; everybody gets the defaultVariant until it is revived"),
            Command::Revive if !kills.remove(key) => return Err(Refusal::NotKilled.into()),
            Command::Revive => format!("{key}: revived"),
            Command::Start { .. } | Command::Resume | Command::Rollback => {
                return Err(Refused::Conflict(format!("{key} has no rollout in the document")));
            }
        };
        let decision = Decision {
            kind: word(command),
            flag: Some(key.to_owned()),
            actor: "api",
            reason,
            sentence: sentence.clone(),
            numbers: json!({}),
            ..Decision::default()
        };
        self.obey(Change { flag_kills: Some(kills), ..Change::default() }, vec![decision], sentence)
    }

    fn kill_all(&mut self, reason: Option<String>) -> Result<Answer, Refused> {
        if self.model.kill {
            return Ok(self.unchanged("everything is killed already".to_owned()));
        }
        let sentence = "everything killed: all flags on control, or on their defaultVariant".to_owned();
        let decision = everything("kill-all", reason, sentence.clone());
        self.obey(Change { kill: Some(true), ..Change::default() }, vec![decision], sentence)
    }

    fn revive_all(&mut self, reason: Option<String>) -> Result<Answer, Refused> {
        if !self.model.kill {
            return Err(Refused::Conflict("nothing to revive: there is no global kill".to_owned()));
        }
        let mut change = Change { kill: Some(false), ..Change::default() };
        for (key, state) in &self.model.rollouts {
            if let Some(paused) = self.paused(key, state) {
                change.rollouts.insert(key.clone(), paused);
            }
        }
        let paused = change.rollouts.len();
        let sentence =
            format!("the global kill is taken away; {paused} rollouts are paused at 0 %, each until it is resumed");
        let decision = everything("revive-all", reason, sentence.clone());
        self.obey(change, vec![decision], sentence)
    }

    /// What a rollout becomes when the global kill is taken away; `None` if it stays as it is.
    fn paused(&self, key: &str, state: &RolloutState) -> Option<RolloutState> {
        let current = self.model.document.as_ref()?;
        let flag = current.flag(key)?;
        let rollout = flag.rollout.as_ref()?;
        let held = matches!(state.phase, Phase::Baseline | Phase::Running { .. } | Phase::Done);
        if state.killed || !held {
            return None;
        }
        let now_ms = self.clock.now_ms();
        let killed = state.command(&Command::Kill, rollout, flag.default_name(), now_ms).ok()?;
        killed.command(&Command::Revive, rollout, flag.default_name(), now_ms).ok()
    }

    pub(super) fn obey(
        &mut self,
        change: Change,
        decisions: Vec<Decision>,
        sentence: String,
    ) -> Result<Answer, Refused> {
        let flag = decisions.first().and_then(|decision| decision.flag.clone());
        let stored = self.commit(Step { change, decisions, ..Step::default() })?;
        let proxies = self.proxies();
        let mut transition = self.chains.get(flag.as_deref()).cloned().unwrap_or_default();
        chain::follow(&mut transition, &proxies, self.generation);
        let complete = is_complete(&transition);
        Ok(Answer { sentence, changed: true, transition, complete, stored, ..Answer::default() })
    }

    pub(super) fn unchanged(&self, sentence: String) -> Answer {
        self.unchanged_since(self.chains.get(None).cloned(), sentence)
    }

    fn unchanged_of(&self, flag: &str, sentence: String) -> Answer {
        self.unchanged_since(self.chains.get(Some(flag)).cloned(), sentence)
    }

    /// What is so already was perhaps not yet applied everywhere.
    fn unchanged_since(&self, transition: Option<Transition>, sentence: String) -> Answer {
        let mut transition =
            transition.unwrap_or_else(|| Transition { generation: self.generation, ..Transition::default() });
        chain::follow(&mut transition, &self.proxies(), self.generation);
        let complete = is_complete(&transition);
        Answer { sentence, transition, complete, stored: !self.has_pending(), ..Answer::default() }
    }
}

/// Brings an answer up to date with what proxies report by now.
pub fn update(answer: &mut Answer, status: &Status) {
    chain::follow(&mut answer.transition, &status.proxies, status.generation);
    answer.complete = is_complete(&answer.transition);
}

/// Every connected proxy has it, and if some are expected, one is connected.
fn is_complete(transition: &Transition) -> bool {
    transition.waiting.is_empty() && (!transition.applied.is_empty() || transition.absent.is_empty())
}

pub(super) fn need_reason(force: bool, reason: Option<&str>) -> Result<(), Refused> {
    if force && reason.is_none_or(|reason| reason.trim().is_empty()) {
        return Err(Refused::Conflict("force needs a reason, which the ledger keeps".to_owned()));
    }
    Ok(())
}

fn no_document() -> Refused {
    Refused::NotFound("there is no document yet: `weir apply FILE` first".to_owned())
}

fn no_flag(key: &str, current: &Current) -> Refused {
    let known: Vec<_> = current.rollouts().map(|flag| flag.key.as_str()).take(20).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Refused::NotFound(format!("the document has no flag {key:?}; with a rollout it has: {known}"))
}

fn everything(kind: &'static str, reason: Option<String>, sentence: String) -> Decision {
    Decision { kind, actor: "api", reason, sentence, numbers: json!({}), ..Decision::default() }
}

fn word(command: Command) -> &'static str {
    match command {
        Command::Start { .. } => "start",
        Command::Resume => "resume",
        Command::Rollback => "rollback",
        Command::Kill => "kill",
        Command::Revive => "revive",
    }
}

fn standing(state: &RolloutState) -> &'static str {
    if state.killed { "killed" } else { state.phase.word() }
}

fn sentence(key: &str, command: Command, before: &RolloutState, after: &RolloutState) -> String {
    let attempt = after.attempt;
    let weight = f64::from(before.weight_ppm) / 10_000.0;
    match command {
        Command::Start { force: false } => format!("{key}: attempt {attempt} started; control's data come first"),
        Command::Start { force: true } => {
            let weight = f64::from(after.weight_ppm) / 10_000.0;
            format!("{key}: attempt {attempt} started at {weight} % by force, without control's data")
        }
        Command::Resume => format!("{key}: attempt {attempt} resumed from the beginning; control's data come first"),
        Command::Rollback => format!("{key}: attempt {attempt} rolled back by hand from {weight} %; all on control"),
        Command::Kill => {
            format!("{key}: killed while {} at {weight} %; all on control until it is revived", standing(before))
        }
        Command::Revive => format!("{key}: revived; {} at 0 %", after.phase.word()),
    }
}

fn numbers(state: &RolloutState) -> serde_json::Value {
    json!({
        "phase": state.phase,
        "weight_ppm": state.weight_ppm,
        "mask": state.mask,
        "killed": state.killed,
        "attempt": state.attempt,
    })
}
