//! A new document: what it changes, what stands against it, and what follows from it for rollouts and kills.

use std::sync::Arc;

use serde_json::json;
use weir_core::document::Document;
use weir_core::snapshot::document_hash;

use super::engine::Engine;
use super::model::{Change, Current};
use super::orders::{Refused, need_reason};
use super::step::Decision;
use crate::lifecycle;
use crate::report::Answer;
use crate::rollout::RolloutState;
use crate::store::StoredDocument;

/// What is to be applied.
pub(super) struct NewDocument {
    pub(super) text: String,
    pub(super) document: Document,
    /// Although users change variant.
    pub(super) force: bool,
    /// So many defects of it were allowed.
    pub(super) defects: usize,
}

impl Engine {
    pub(super) fn apply(&mut self, new: NewDocument, reason: Option<String>) -> Result<Answer, Refused> {
        let NewDocument { text, document, force, defects } = new;
        need_reason(force, reason.as_deref())?;
        let hash = document_hash(&text);
        let before = self.model.document.as_ref();
        if before.is_some_and(|before| before.stored.hash == hash) {
            return Ok(self.unchanged("this is the current document already".to_owned()));
        }
        let changes = lifecycle::changes(before.map(|before| before.stored.text.as_str()), &text);
        let review = before
            .map(|before| lifecycle::review(&before.document, &document, &self.model.rollouts))
            .unwrap_or_default();
        if !review.conflicts.is_empty() && !force {
            return Err(Refused::Document(review.conflicts));
        }
        let current = Arc::new(Current { stored: StoredDocument { hash: hash.clone(), text }, document });
        let forced: Vec<_> = review.conflicts.iter().map(ToString::to_string).collect();
        let mut sentence = apply_sentence(&current, changes.len(), forced.len(), &review.ended);
        if defects > 0 {
            sentence.push_str(&format!("; {defects} defects allowed"));
        }
        let decision = Decision {
            kind: "apply",
            actor: "api",
            reason,
            sentence: sentence.clone(),
            numbers: json!({ "document": hash, "changes": changes, "forced": forced, "defects_allowed": defects, "ended": review.ended }),
            ..Decision::default()
        };
        let change = self.document_change(current, &review.ended);
        let answer = self.obey(change, vec![decision], sentence)?;
        Ok(Answer { changes, ..answer })
    }

    /// The document with what follows from it: attempts end with their rollout, and a kill stays with its flag whether the flag has a
    /// rollout or not.
    fn document_change(&self, current: Arc<Current>, ended: &[String]) -> Change {
        let mut change = Change::default();
        let mut flag_kills = self.model.flag_kills.clone();
        for key in ended {
            let old = self.model.rollout(key);
            let idle = RolloutState { attempt: old.attempt, killed: old.killed, ..RolloutState::default() };
            change.rollouts.insert(key.clone(), idle);
        }
        for flag in &current.document.flags {
            let state = change.rollouts.get(&flag.key).cloned().unwrap_or_else(|| self.model.rollout(&flag.key));
            if flag.rollout.is_some() && flag_kills.remove(&flag.key) {
                change.rollouts.insert(flag.key.clone(), RolloutState { killed: true, weight_ppm: 0, ..state });
            } else if flag.rollout.is_none() && state.killed {
                flag_kills.insert(flag.key.clone());
                change.rollouts.insert(flag.key.clone(), RolloutState { killed: false, ..state });
            }
        }
        change.flag_kills = (flag_kills != self.model.flag_kills).then_some(flag_kills);
        change.document = Some(current);
        change
    }
}

fn apply_sentence(current: &Current, changes: usize, forced: usize, ended: &[String]) -> String {
    let flags = current.document.flags.len();
    let rollouts = current.rollouts().count();
    let mut text = format!("document applied: {flags} flags, {rollouts} rollouts, {changes} changes");
    if forced > 0 {
        text.push_str(&format!("; forced against {forced} refusals"));
    }
    if !ended.is_empty() {
        text.push_str(&format!("; ends the attempts of {}", ended.join(", ")));
    }
    text
}
