//! What happens by itself: ticks and reports of proxies.

use std::collections::BTreeMap;

use serde_json::json;

use super::engine::Engine;
use super::step::{Decision, Step};
use crate::ask::Question;
use crate::judge::{Ruling, Transition as Moved, Why};
use crate::observation::Observation;
use crate::observe::{ProxySight, Tick};
use crate::publish::Refusal;
use crate::report::{Observed, Transition};
use crate::store::{self, Batch, Entry};

impl Engine {
    /// One tick: every rollout that is under way is judged, and all that follows is written in one transaction.
    pub(super) fn observe(&mut self, tick: Tick, cumulative: Option<String>) {
        let Tick { observation, proxies } = tick;
        self.totals.ticks += 1;
        let news = whereabouts(&self.sights) != whereabouts(&proxies);
        self.sights = proxies;
        self.observed =
            Some(Observed { at_ms: observation.at_ms, expected: observation.expected, seen: observation.seen });
        self.resume();
        self.stay_above();
        let mut step = self.judge(&observation);
        step.beside.sides = self.watch_sides(&observation);
        let moved = step.beside.sides.is_some() || !step.decisions.is_empty() || !step.change.rollouts.is_empty();
        if !(news || moved || counted(&observation) || self.has_pending()) {
            // Nothing was seen that could be lost.
            return;
        }
        step.beside.cumulative = cumulative;
        if let Err(error) = self.commit(step) {
            self.alarm("check", error.to_string());
        }
    }

    /// How long each flag has been one-sided; JSON if that has changed.
    fn watch_sides(&mut self, observation: &Observation) -> Option<String> {
        let current = self.model.document.clone()?;
        let stored = (current.stored.hash.as_str(), current.stored.text.as_str());
        let defined = self.sides.define(&current.document, stored, observation.at_ms);
        let seen = self.sides.observe(&current.document, observation);
        (defined || seen).then(|| serde_json::to_string(&self.sides).ok()).flatten()
    }

    fn judge(&mut self, observation: &Observation) -> Step {
        let mut step = Step { keep: true, ..Step::default() };
        let Some(current) = self.model.document.clone() else { return step };
        for flag in current.rollouts() {
            let key = flag.key.as_str();
            let before = self.model.rollout(key);
            let (after, ruling) = if self.model.kill {
                (before.clone(), Ruling::not_under_way(format!("{key}: everything is killed; all on control")))
            } else {
                before.tick(key, observation)
            };
            if before.is_judged() && !self.model.kill {
                step.beside.observations.extend(observed(key, before.attempt, observation));
            }
            step.decisions.extend(decided(key, after.attempt, &ruling, observation.at_ms));
            step.beside.ledger.extend(self.alarmed(key, after.attempt, &ruling, observation.at_ms));
            if after != before {
                step.change.rollouts.insert(key.to_owned(), after);
            }
            self.note(key, ruling);
        }
        step
    }

    /// What the custom checks of all rollouts under way want to know.
    pub(super) fn questions(&self) -> Vec<Question> {
        let Some(current) = self.model.document.as_ref().filter(|_| !self.model.kill) else { return Vec::new() };
        // As they lie: a rollout's memory is large, and this is asked after every event.
        let started = current.rollouts().filter_map(|flag| Some((&flag.key, self.model.rollouts.get(&flag.key)?)));
        started.flat_map(|(key, state)| Question::of(key, state)).collect()
    }

    /// An alarm that changes nothing by itself: a decision tells its own.
    fn alarmed(&self, key: &str, attempt: u64, ruling: &Ruling, detected_at_ms: u64) -> Option<Entry> {
        let remark = ruling.alarm().filter(|_| ruling.transition.is_none())?;
        Some(Entry {
            at_ms: self.clock.now_ms(),
            kind: "alarm".to_owned(),
            flag: Some(key.to_owned()),
            attempt: Some(attempt),
            actor: "judge".to_owned(),
            sentence: format!("{key}: {}", remark.sentence),
            numbers: json!({ "ruling": ruling, "detected_at_ms": detected_at_ms }).to_string(),
            generation: self.generation,
            ..Entry::default()
        })
    }

    /// Keeps the ruling for the status, and logs it if it says something else than the one before.
    pub(super) fn note(&mut self, key: &str, mut ruling: Ruling) {
        let before = self.rulings.get(key);
        if let Some(before) = before.filter(|_| ruling.why == Why::NotUnderWay) {
            // What it ended on stays to be seen.
            ruling.checks.clone_from(&before.checks);
            ruling.numbers = before.numbers;
        }
        let same = before.is_some_and(|before| (before.verdict, before.why) == (ruling.verdict, ruling.why));
        if !same || ruling.transition.is_some() {
            let line =
                json!({ "flag": key, "verdict": ruling.verdict, "why": ruling.why, "sentence": ruling.sentence });
            tracing::info!("{line}");
        }
        self.rulings.insert(key.to_owned(), ruling);
    }

    /// Proxies have reported: who has applied what, and who has refused.
    pub(super) fn follow(&mut self) {
        let mut beside = self.refusals();
        let proxies = self.proxies();
        let now_ms = self.clock.now_ms();
        let done = self.chains.follow(&proxies, self.generation);
        beside.ledger.extend(done.iter().map(|transition| applied(transition, now_ms)));
        if !beside.is_empty() {
            // Nothing that proxies get changes here, so nothing can be refused but the write, which is kept.
            if let Err(error) = self.commit(Step { beside, keep: true, ..Step::default() }) {
                self.alarm("check", error.to_string());
            }
        }
        self.stay_above();
    }

    /// Two configurations must never share a generation: if proxies report one that is not below ours, ours goes above it.
    fn stay_above(&mut self) {
        let workers = self.sights.iter().filter_map(|sight| sight.generation).max();
        let taken = self.publisher.highest_generation() >= Some(self.generation) || workers > Some(self.generation);
        if self.published.is_some() && taken {
            self.republish();
        }
    }

    fn refusals(&mut self) -> Batch {
        let now = self.publisher.refusals();
        if now == self.refused {
            return Batch::default();
        }
        let before = std::mem::replace(&mut self.refused, now);
        let known = |node: &str, hash: &str| before.get(node).is_some_and(|list| list.iter().any(|r| r.hash == hash));
        let mut ledger = Vec::new();
        for (node, refusals) in &self.refused {
            let fresh = refusals.iter().filter(|refusal| !known(node, &refusal.hash));
            ledger.extend(fresh.map(|refusal| refused(node, refusal)));
        }
        Batch { ledger, refused: serde_json::to_string(&self.refused).ok(), ..Batch::default() }
    }
}

/// Which processes were seen: where counting begins or begins anew.
fn whereabouts(sights: &[ProxySight]) -> Vec<(&str, Option<&str>, bool, u64)> {
    sights.iter().map(|s| (s.admin.as_str(), s.node.as_deref(), s.seen, s.restarts)).collect()
}

fn counted(observation: &Observation) -> bool {
    observation.flags.values().any(|flag| {
        flag.unassigned.values().any(|count| *count > 0)
            || flag.variants.values().any(|v| v.started > 0 || v.results.iter().any(|count| *count > 0))
    })
}

fn observed(key: &str, attempt: u64, observation: &Observation) -> Option<store::Observed> {
    let counts = observation.flags.get(key).cloned().unwrap_or_default();
    let of_flag = Observation { flags: BTreeMap::from([(key.to_owned(), counts)]), ..observation.clone() };
    let json = serde_json::to_string(&of_flag).ok()?;
    Some(store::Observed { flag: key.to_owned(), attempt, at_ms: observation.at_ms, json })
}

fn decided(key: &str, attempt: u64, ruling: &Ruling, at_ms: u64) -> Option<Decision> {
    let kind = match ruling.transition? {
        Moved::Stage { .. } => "stage",
        Moved::Done => "done",
        Moved::RolledBack => "rollback",
        Moved::Paused => "pause",
    };
    Some(Decision {
        kind,
        flag: Some(key.to_owned()),
        attempt: Some(attempt),
        actor: "judge",
        reason: None,
        sentence: ruling.sentence.clone(),
        numbers: json!({ "ruling": ruling }),
        detected_at_ms: Some(at_ms),
    })
}

fn applied(transition: &Transition, at_ms: u64) -> Entry {
    let (count, generation) = (transition.applied.len(), transition.generation);
    let mut sentence =
        format!("{} of generation {generation} applied by all {count} connected proxies", transition.kind);
    if !transition.absent.is_empty() {
        sentence.push_str(&format!("; not connected: {}", transition.absent.join(", ")));
    }
    Entry {
        at_ms,
        kind: "applied".to_owned(),
        flag: transition.flag.clone(),
        attempt: transition.attempt,
        actor: "weir".to_owned(),
        reason: None,
        sentence,
        numbers: json!(transition).to_string(),
        generation,
    }
}

fn refused(node: &str, refusal: &Refusal) -> Entry {
    Entry {
        at_ms: refusal.at_ms,
        kind: "refused".to_owned(),
        actor: "weir".to_owned(),
        sentence: format!("{node} refused generation {}: {}", refusal.generation, refusal.error),
        numbers: json!({ "node": node, "hash": refusal.hash }).to_string(),
        generation: refusal.generation,
        ..Entry::default()
    }
}
