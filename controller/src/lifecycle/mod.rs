//! The life of a document: which documents may follow which while rollouts hold users. Pure: two checked documents and the rollouts'
//! states in, conflicts and consequences out. Knows neither database nor API.
//!
//! A rollout that is under way or has ended at 100 % has put users on its candidate by weight, salt and identity; a document that takes
//! one of these away moves everybody at once, without a verdict. So it is refused, unless the candidate has become the defaultVariant
//! (then they keep what they have), or a person insists and says why.

mod diff;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use diff::{Change, changes, changes_of};
use weir_core::check::{Code, Finding, Key};
use weir_core::document::{Document, Flag, Rollout};
use weir_core::segment::Meaning;

use crate::judge::Limit;
use crate::judge::analysis::Analysis;
use crate::rollout::{Phase, RolloutState};

/// What a new document would do to the rollouts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Review {
    /// Why it is refused unless forced; empty if it may be applied as it is.
    pub conflicts: Vec<Finding>,
    /// Flags whose attempt ends with the new document: their rollout, or what it rolled out, is no longer there.
    pub ended: Vec<String>,
}

/// Reviews the step from one document to the next.
#[must_use]
pub fn review(old: &Document, new: &Document, states: &BTreeMap<String, RolloutState>) -> Review {
    let mut review = Review::default();
    let mut holding = Vec::new();
    for flag in &old.flags {
        let (Some(rollout), Some(state)) = (&flag.rollout, states.get(&flag.key)) else { continue };
        let Some(hold) = Hold::of(flag, rollout, state, new) else { continue };
        hold.review(&mut review);
        review_measures(&hold, state, (old, new), &mut review);
        review_segments(&hold, state, (old, new), &mut review);
        if !hold.kept_by_default() {
            holding.push(flag.key.as_str());
        }
    }
    review_document(old, new, &holding, &mut review);
    review
}

/// What an attempt is judged by was fixed at its start; a counter or a score that then is another, or no more, would look healthy.
fn review_measures(hold: &Hold<'_>, state: &RolloutState, (old, new): (&Document, &Document), review: &mut Review) {
    let Some(plan) = state.plan.as_ref().filter(|_| !hold.done) else { return };
    let analysis = plan.policy.analysis.as_deref();
    let goals = analysis.iter().flat_map(|analysis| analysis.goals.keys()).map(String::as_str);
    let counters: BTreeSet<&str> = plan.policy.limits.iter().filter_map(Limit::named).chain(goals).collect();
    for name in counters {
        let of = |document: &Document| document.counters.iter().find(|counter| counter.name == name).cloned();
        review.conflicts.extend(hold.measure("counter", name, (of(old), of(new))));
    }
    for name in analysis.map(Analysis::score_names).unwrap_or_default() {
        let of = |document: &Document| document.scores.iter().find(|score| score.name == name).cloned();
        review.conflicts.extend(hold.measure("score", name, (of(old), of(new))));
    }
}

/// So would a segment whose users are others, or are no more told apart.
fn review_segments(hold: &Hold<'_>, state: &RolloutState, (old, new): (&Document, &Document), review: &mut Review) {
    let Some(plan) = state.plan.as_ref().filter(|_| !hold.done) else { return };
    if plan.policy.analysis.as_ref().is_none_or(|analysis| analysis.segments.is_none()) {
        return;
    }
    for name in old.segments.iter().map(|segment| segment.name.as_str()) {
        let meanings = (Meaning::of(old, name), Meaning::of(new, name));
        review.conflicts.extend(hold.measure("segment", name, meanings));
    }
    if hold.old.is_by_segment() && hold.rollout.is_some_and(|rollout| !rollout.is_by_segment()) {
        hold.conflict(review, "weir.rollouts", ".analysis.segments", "nothing", "what the proxies count segments by");
    }
}

/// Identity and hashing belong to the whole document: they place every user of every rollout.
fn review_document(old: &Document, new: &Document, holding: &[&str], review: &mut Review) {
    let flags = holding.join(", ");
    if holding.is_empty() {
        return;
    }
    if old.identity != new.identity {
        let allowed = format!("the identity as it is, while users are on a candidate of {flags}: {FLIP}");
        review.conflicts.push(finding("$.weir.identity", "another identity", allowed));
    }
    if old.hashing != new.hashing {
        let allowed = format!("the hashing as it is, while users are on a candidate of {flags}: {FLIP}");
        review.conflicts.push(finding("$.weir.hashing", "another hashing", allowed));
    }
}

const FLIP: &str = "everybody would be placed anew";

/// A rollout that holds users, and what the new document has of it.
struct Hold<'a> {
    key: &'a str,
    before: &'a Flag,
    old: &'a Rollout,
    /// At 100 %, all stages over.
    done: bool,
    attempt: u64,
    flag: Option<&'a Flag>,
    rollout: Option<&'a Rollout>,
}

impl<'a> Hold<'a> {
    fn of(flag: &'a Flag, old: &'a Rollout, state: &RolloutState, new: &'a Document) -> Option<Self> {
        let done = match state.phase {
            Phase::Idle | Phase::RolledBack => return None,
            Phase::Baseline | Phase::Running { .. } | Phase::Paused => false,
            Phase::Done => true,
        };
        let next = new.flags.iter().find(|candidate| candidate.key == flag.key);
        let rollout = next.and_then(|flag| flag.rollout.as_ref());
        Some(Self { key: &flag.key, before: flag, old, done, attempt: state.attempt, flag: next, rollout })
    }

    /// What the attempt is judged by must go on to be the same. `measure`: `counter`, `score` or `segment`.
    fn measure<T: PartialEq>(&self, measure: &str, name: &str, (old, new): (Option<T>, Option<T>)) -> Option<Finding> {
        if old == new {
            return None;
        }
        let found = if new.is_some() { format!("another {measure}") } else { "nothing".to_owned() };
        let allowed = format!("the {measure} as it is, by which {} is judged: {}", self.key, self.why());
        Some(finding(&format!("$.weir.{measure}s{}", Key(name)), &found, allowed))
    }

    /// Everybody has the candidate, and the new document gives it to everybody by default.
    fn kept_by_default(&self) -> bool {
        let default = self.flag.filter(|flag| flag.enabled).and_then(Flag::default_name);
        self.done && default == Some(self.old.candidate.as_str())
    }

    fn review(&self, review: &mut Review) {
        let Some(flag) = self.flag else {
            self.conflict(review, "flags", "", "nothing", "the flag");
            review.ended.push(self.key.to_owned());
            return;
        };
        if !flag.enabled && self.before.enabled {
            self.conflict(review, "flags", ".state", "\"DISABLED\"", "\"ENABLED\"");
        }
        self.review_default(flag, review);
        match self.rollout {
            Some(rollout) => self.review_rollout(rollout, review),
            None if self.kept_by_default() => {}
            None => self.conflict(review, "weir.rollouts", "", "nothing", "the rollout"),
        }
        let gone = self.rollout.is_none_or(|rollout| !same_variants(self.old, rollout));
        if gone || !flag.enabled {
            review.ended.push(self.key.to_owned());
        }
    }

    /// While an attempt is under way the judge compares with control, and who is not on the candidate must have control.
    fn review_default(&self, flag: &Flag, review: &mut Review) {
        let control = self.old.control.as_str();
        let default = flag.default_name();
        if !self.done && default != Some(control) && default != self.before.default_name() {
            let found = default.map_or_else(|| "nothing".to_owned(), |name| format!("{name:?}"));
            self.conflict(review, "flags", ".defaultVariant", &found, &format!("{control:?}"));
        }
    }

    fn review_rollout(&self, new: &Rollout, review: &mut Review) {
        let kept = self.kept_by_default();
        let next_begins_here = kept && new.control == self.old.candidate;
        if !same_variants(self.old, new) && !next_begins_here {
            for (name, old, new) in
                [(".control", &self.old.control, &new.control), (".candidate", &self.old.candidate, &new.candidate)]
            {
                if old != new {
                    self.conflict(review, "weir.rollouts", name, &format!("{new:?}"), &format!("{old:?}"));
                }
            }
        }
        if self.old.salt != new.salt && !kept {
            self.conflict(
                review,
                "weir.rollouts",
                ".salt",
                &format!("{:?}", new.salt),
                &format!("{:?}", self.old.salt),
            );
        }
    }

    fn conflict(&self, review: &mut Review, place: &str, field: &str, found: &str, allowed: &str) {
        let key = Key(self.key);
        let why = self.why();
        review.conflicts.push(finding(&format!("$.{place}{key}{field}"), found, format!("{allowed} ({why})")));
    }

    /// Why it holds users, and what to do.
    fn why(&self) -> String {
        if self.done {
            format!(
                "attempt {} ended at 100 % and everybody has {:?}: make it the defaultVariant first, or roll back",
                self.attempt, self.old.candidate
            )
        } else {
            format!("attempt {} is under way: roll it back first", self.attempt)
        }
    }
}

fn same_variants(a: &Rollout, b: &Rollout) -> bool {
    a.control == b.control && a.candidate == b.candidate
}

fn finding(path: &str, found: &str, allowed: String) -> Finding {
    Finding::new(Code::Conflict, path, found, allowed)
}
