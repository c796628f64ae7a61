//! What the controller holds to be true, and a [`Change`] of it that is written before it becomes true. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weir_core::document::{Document, Flag};
use weir_core::snapshot::{FlagState, State};

use crate::rollout::RolloutState;
use crate::store::StoredDocument;

/// A document that passed core's check.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) stored: StoredDocument,
    pub(super) document: Document,
}

impl Current {
    pub(super) fn flag(&self, key: &str) -> Option<&Flag> {
        self.document.flags.iter().find(|flag| flag.key == key)
    }

    pub(super) fn rollouts(&self) -> impl Iterator<Item = &Flag> {
        self.document.flags.iter().filter(|flag| flag.rollout.is_some())
    }
}

/// The durable part of the controller's state.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) document: Option<Arc<Current>>,
    pub(super) kill: bool,
    /// Only flags without a rollout; the others keep it in their rollout's state.
    pub(super) flag_kills: BTreeSet<String>,
    pub(super) rollouts: BTreeMap<String, RolloutState>,
}

/// What is to become of a [`Model`]. Whatever is `None` or absent stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub(super) document: Option<Arc<Current>>,
    pub(super) kill: Option<bool>,
    pub(super) flag_kills: Option<BTreeSet<String>>,
    pub(super) rollouts: BTreeMap<String, RolloutState>,
}

/// What proxies get, but for the generation.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) document: Arc<Current>,
    pub(super) state: State,
}

impl Content {
    pub(super) fn is(&self, other: &Self) -> bool {
        self.document.stored.hash == other.document.stored.hash && self.state == other.state
    }

    /// Whether going from here to `next` puts no user on a candidate who is not on it, and takes no kill away.
    pub(super) fn retreats_to(&self, next: &Self) -> bool {
        if self.document.stored.hash != next.document.stored.hash || (self.state.kill && !next.state.kill) {
            return false;
        }
        next.state.kill
            || self.document.document.flags.iter().all(|flag| {
                let (from, to) = (self.flag(&flag.key), next.flag(&flag.key));
                weight(to) <= weight(from) && (to.kill || !from.kill)
            })
    }

    fn flag(&self, key: &str) -> FlagState {
        self.state.flags.get(key).copied().unwrap_or_default()
    }

    /// The candidate's weight as proxies serve it, parts per million.
    pub(super) fn weight_ppm(&self, key: &str) -> u32 {
        if self.state.kill { 0 } else { weight(self.flag(key)) }
    }
}

/// The document that the controller has proxies serve, and its state: for whoever asks what it means.
#[derive(Clone, Debug)]
pub struct Present(pub(super) Content);

impl Present {
    /// The document's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.document.stored.text
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.0.document.document
    }

    /// Weights, masks and kills.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.0.state
    }
}

fn weight(flag: FlagState) -> u32 {
    if flag.kill || flag.mask { 0 } else { flag.weight.ppm() }
}

impl Model {
    /// A rollout's state; [`RolloutState::default`] before the first start.
    pub(super) fn rollout(&self, flag: &str) -> RolloutState {
        self.rollouts.get(flag).cloned().unwrap_or_default()
    }

    /// What proxies would get after the change; `None` without a document.
    pub(super) fn content(&self, change: &Change) -> Option<Content> {
        let document = change.document.as_ref().or(self.document.as_ref())?;
        let kills = change.flag_kills.as_ref().unwrap_or(&self.flag_kills);
        let mut state = State { kill: change.kill.unwrap_or(self.kill), flags: BTreeMap::new() };
        for flag in &document.document.flags {
            let rollout = change.rollouts.get(&flag.key).or_else(|| self.rollouts.get(&flag.key));
            let of_flag = match rollout.filter(|_| flag.rollout.is_some()) {
                Some(rollout) => rollout.flag_state(),
                None => FlagState { kill: kills.contains(&flag.key), ..FlagState::default() },
            };
            if of_flag != FlagState::default() {
                state.flags.insert(flag.key.clone(), of_flag);
            }
        }
        Some(Content { document: Arc::clone(document), state })
    }

    /// Makes it true.
    pub(super) fn apply(&mut self, change: Change) {
        let Change { document, kill, flag_kills, rollouts } = change;
        if document.is_some() {
            self.document = document;
        }
        self.kill = kill.unwrap_or(self.kill);
        if let Some(flag_kills) = flag_kills {
            self.flag_kills = flag_kills;
        }
        self.rollouts.extend(rollouts);
    }
}

#[cfg(test)]
mod tests {
    use weir_core::share::Share;

    use super::*;

    fn content(kill: bool, weight: u32, mask: bool, flag_kill: bool) -> Content {
        let text = r#"{"flags":{"f":{"state":"ENABLED","variants":{"a":"1","b":"2"},"defaultVariant":"a"}}}"#;
        let stored = StoredDocument { hash: "h".to_owned(), text: text.to_owned() };
        let document = weir_core::check::check(text).unwrap();
        let flag = FlagState { weight: Share::from_ppm(weight).unwrap(), mask, kill: flag_kill };
        let flags = BTreeMap::from([("f".to_owned(), flag)]);
        Content { document: Arc::new(Current { stored, document }), state: State { kill, flags } }
    }

    #[test]
    fn a_retreat_never_puts_anybody_on_a_candidate() {
        let running = content(false, 50_000, false, false);
        for (from, to, retreats) in [
            (&running, content(false, 0, true, false), true),
            (&running, content(true, 50_000, false, false), true),
            (&running, content(false, 0, false, true), true),
            (&running, content(false, 10_000, false, false), true),
            (&running, content(false, 250_000, false, false), false),
            (&content(true, 0, false, false), content(false, 0, false, false), false),
            (&content(false, 0, false, true), content(false, 0, false, false), false),
        ] {
            assert_eq!(from.retreats_to(&to), retreats, "{to:?}");
        }
        let mut other = content(false, 0, true, false);
        Arc::make_mut(&mut other.document).stored.hash = "other".to_owned();
        assert!(!running.retreats_to(&other));
    }
}
