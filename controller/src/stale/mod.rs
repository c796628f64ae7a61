//! Flags that have become one-sided, or that nobody asks for any more: what is left in documents and code long after the decision. Pure.
//! Owns how long each flag has served one variant only, and the words for its clean-up.
//!
//! - this file: flags with a rollout, by what proxies count
//! - `branches`: the others, by their document: a rule of which all branches give one variant

mod branches;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_core::document::{Document, Flag};
use weir_core::hash::sha256_hex;

use crate::judge::words::time;
use crate::observation::{FlagCounts, Observation};
use crate::rollout::Phase;

/// So long one-sided, or without a request: stale. Milliseconds.
pub const AFTER_MS: u64 = 48 * 3_600_000;

/// Times of the last request are kept to the minute, or every tick would be written.
const GRAIN_MS: u64 = 60_000;

/// What is known of the flags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sides {
    /// Hash of the document that [`Sides::define`] has seen last.
    document: String,
    flags: BTreeMap<String, Side>,
}

/// What is known of one flag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Side {
    /// The only variant that was served since `since_ms`; `None` if there were several, or none yet.
    variant: Option<String>,
    /// Milliseconds since the Unix epoch.
    since_ms: u64,
    /// Last request; for a flag without rollout 0.
    seen_ms: u64,
    /// Hash of the definition of a flag without rollout.
    definition: String,
}

/// Why a flag is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Everybody who asked has had the same variant.
    OneSided,
    /// Whatever its rule asks, it gives the same variant.
    OneOutcome,
    /// Nobody has asked.
    NoTraffic,
}

/// A stale flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Its key.
    pub flag: String,
    /// Why.
    pub kind: Kind,
    /// The one variant.
    pub variant: Option<String>,
    /// Since when, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// What is so, and what to do about it.
    pub sentence: String,
}

impl Sides {
    /// Takes up a document, under its hash: what its flags without a rollout can give. True if something changed.
    pub fn define(&mut self, document: &Document, (hash, text): (&str, &str), at_ms: u64) -> bool {
        if self.document == hash {
            return false;
        }
        hash.clone_into(&mut self.document);
        let keys: BTreeSet<&str> = document.flags.iter().map(|flag| flag.key.as_str()).collect();
        self.flags.retain(|key, _| keys.contains(key.as_str()));
        let json: Value = serde_json::from_str(text).unwrap_or_default();
        for flag in &document.flags {
            if flag.rollout.is_none() {
                self.define_flag(flag, &json, at_ms);
            } else if self.flags.get(&flag.key).is_none_or(|side| !side.definition.is_empty()) {
                // Watched from now on by what proxies count.
                self.flags.insert(flag.key.clone(), Side { since_ms: at_ms, seen_ms: at_ms, ..Side::default() });
            }
        }
        true
    }

    fn define_flag(&mut self, flag: &Flag, json: &Value, at_ms: u64) {
        let definition = json.get("flags").and_then(|flags| flags.get(&flag.key)).cloned().unwrap_or_default();
        let evaluators = json.get("$evaluators").cloned().unwrap_or_default();
        let hash = sha256_hex(&format!("{definition}{evaluators}"));
        if self.flags.get(&flag.key).is_some_and(|side| side.definition == hash) {
            return;
        }
        let variant = if flag.variants.len() > 1 { branches::only(flag, &definition, &evaluators) } else { None };
        self.flags.insert(flag.key.clone(), Side { variant, since_ms: at_ms, seen_ms: 0, definition: hash });
    }

    /// Takes in a tick's counts of flags with a rollout. True if something changed that must not be lost.
    pub fn observe(&mut self, document: &Document, observation: &Observation) -> bool {
        let mut changed = false;
        for flag in &document.flags {
            let Some(rollout) = &flag.rollout else { continue };
            let Some(served) = observation.flags.get(&flag.key).and_then(|counts| served(counts, &rollout.control))
            else {
                continue;
            };
            let side = self.flags.entry(flag.key.clone()).or_default();
            changed |= side.see(served, observation.at_ms);
        }
        changed
    }

    /// Every stale flag of the document. `phase` says what its rollout is doing.
    #[must_use]
    pub fn stale(&self, document: &Document, phase: impl Fn(&str) -> Phase, now_ms: u64) -> Vec<Stale> {
        let of = |flag: &Flag| {
            let side = self.flags.get(&flag.key)?;
            let (kind, since_ms) = side.kind(flag, now_ms)?;
            let sentence = sentence(flag, side, (kind, now_ms.saturating_sub(since_ms)), phase(&flag.key));
            let variant = side.variant.clone().filter(|_| kind != Kind::NoTraffic);
            Some(Stale { flag: flag.key.clone(), kind, variant, since_ms, sentence })
        };
        document.flags.iter().filter_map(of).collect()
    }
}

impl Side {
    fn see(&mut self, served: Served<'_>, at_ms: u64) -> bool {
        let before = self.clone();
        let one = if let Served::One(name) = served { Some(name) } else { None };
        if one.is_none() || self.variant.as_deref() != one {
            self.variant = one.map(str::to_owned);
            self.since_ms = at_ms - at_ms % GRAIN_MS;
        }
        self.seen_ms = at_ms - at_ms % GRAIN_MS;
        *self != before
    }

    fn kind(&self, flag: &Flag, now_ms: u64) -> Option<(Kind, u64)> {
        let old = |since_ms: u64| now_ms.saturating_sub(since_ms) >= AFTER_MS;
        if flag.rollout.is_some() && old(self.seen_ms) {
            return Some((Kind::NoTraffic, self.seen_ms));
        }
        self.variant.as_ref().filter(|_| old(self.since_ms))?;
        Some((if flag.rollout.is_some() { Kind::OneSided } else { Kind::OneOutcome }, self.since_ms))
    }
}

/// Who was served what in a tick.
#[derive(Clone, Copy)]
enum Served<'a> {
    One(&'a str),
    Several,
}

/// `None` if nobody asked. Whoever is not split gets control, but for targeting, which may give anything.
fn served<'a>(counts: &'a FlagCounts, control: &'a str) -> Option<Served<'a>> {
    let has = |count: &&u64| **count > 0;
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for (name, variant) in &counts.variants {
        if variant.started > 0 || variant.results.iter().any(|count| has(&count)) {
            names.insert(name);
        }
    }
    let mut unassigned = counts.unassigned.iter().filter(|(_, count)| has(count));
    if unassigned.any(|(reason, _)| reason == "targeting") {
        return Some(Served::Several);
    }
    if counts.unassigned.values().any(|count| has(&count)) {
        names.insert(control);
    }
    let mut names = names.into_iter();
    match (names.next(), names.next()) {
        (None, _) => None,
        (Some(one), None) => Some(Served::One(one)),
        (Some(_), Some(_)) => Some(Served::Several),
    }
}

fn sentence(flag: &Flag, side: &Side, (kind, for_ms): (Kind, u64), phase: Phase) -> String {
    let (key, long) = (&flag.key, time(for_ms));
    let variant = side.variant.as_deref().unwrap_or_default();
    match (kind, &flag.rollout) {
        (Kind::NoTraffic, _) => {
            format!("{key}: no request for {long}: remove the flag, or find out why nobody asks for it any more")
        }
        (_, Some(rollout)) if variant == rollout.candidate && phase == Phase::Done => format!(
            "{key}: everybody has had {variant} for {long}: make it the defaultVariant, remove the rollout and the variant {}, \
             and then the code of it",
            rollout.control
        ),
        (_, Some(rollout)) if variant == rollout.control => format!(
            "{key}: everybody has had {variant} for {long}: go on with the rollout, or remove it with the variant {} and its code",
            rollout.candidate
        ),
        _ => format!(
            "{key}: whatever is asked, it has given {variant} for {long}: put that into the code and remove the flag, \
             or say in its metadata what it waits for"
        ),
    }
}

#[cfg(test)]
mod tests;
