//! [`Drifting`]: have the candidate's last values another distribution than the reference? Owns the window, the reference and the cooldown
//! of its alarm. A distance is looked at, not a p value: at a proxy's volumes p is always tiny.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::policy::{Action, Analysis, DriftPolicy, Source};
use super::remark::{Blocks, Remark, RemarkState};
use crate::judge::ruling::{Verdict, Why};
use crate::judge::situation::Situation;
use crate::judge::words::{apart, count, passed, time};
use crate::observation::{Bins, Observation, VariantCounts};
use crate::stats::rank::drift;
use crate::stats::real;

/// What remarks and alarms of drift are called; after it comes what drifts.
pub const DRIFT: &str = "drift";

/// The window moves in so many steps.
const PIECES: u64 = 10;

/// What is remembered of a distribution.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Drifting {
    /// Control's values of the attempt, until everybody has the candidate.
    learned: Bins,
    /// The candidate's last ones.
    window: VecDeque<Piece>,
    /// What was found in the last tick.
    found: Option<Found>,
    /// Observed time until the alarm may be raised again, milliseconds: no clock that jumps ends or stretches it.
    cooling_ms: u64,
    /// Since when it has drifted without a break, milliseconds since the Unix epoch.
    since_ms: Option<u64>,
    /// The alarm was raised in the last tick.
    alarms: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Piece {
    span_ms: u64,
    bins: Bins,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Found {
    distance: f64,
    values: u64,
    reference: u64,
    span_ms: u64,
}

impl Drifting {
    /// Takes in a tick of (candidate, control).
    pub(super) fn absorb(
        &mut self,
        analysis: &Analysis,
        situation: &Situation<'_>,
        (candidate, control): (&VariantCounts, &VariantCounts),
        observation: &Observation,
    ) {
        let Some(policy) = &analysis.drift else { return };
        let alone = situation.stage.is_some_and(|stage| stage.is_whole());
        if !alone && policy.reference.is_none() {
            self.learned.merge(values(policy, control));
        }
        self.push(policy, values(policy, candidate), observation.span_ms);
        // With control at hand and no reference given, control itself is what the candidate is compared with, by the guardrails.
        self.found = (alone || policy.reference.is_some()).then(|| self.look(policy)).flatten();
        self.alarm(policy, situation.policy.is_observed(observation), observation);
    }

    fn push(&mut self, policy: &DriftPolicy, bins: &Bins, span_ms: u64) {
        let whole = policy.window_ms.max(1);
        match self.window.back_mut().filter(|last| last.span_ms < whole / PIECES) {
            Some(last) => {
                last.span_ms = last.span_ms.saturating_add(span_ms);
                last.bins.merge(bins);
            }
            None => self.window.push_back(Piece { span_ms, bins: bins.clone() }),
        }
        while self.window.front().is_some_and(|first| self.span_ms().saturating_sub(first.span_ms) >= whole) {
            self.window.pop_front();
        }
    }

    fn span_ms(&self) -> u64 {
        self.window.iter().fold(0, |sum, piece| sum.saturating_add(piece.span_ms))
    }

    fn look(&self, policy: &DriftPolicy) -> Option<Found> {
        let mut last = Bins::default();
        self.window.iter().for_each(|piece| last.merge(&piece.bins));
        let reference = policy.reference.as_ref().unwrap_or(&self.learned);
        let (values, of_reference) = (last.count(), reference.count());
        let distance = distance(&last, reference)?;
        Some(Found { distance, values, reference: of_reference, span_ms: self.span_ms() })
    }

    /// Raises the alarm, unless it was raised within the cooldown, or too few proxies are seen to know.
    fn alarm(&mut self, policy: &DriftPolicy, is_observed: bool, observation: &Observation) {
        let drifts = self.found.is_some_and(|found| found.is_drift(policy));
        self.since_ms = drifts.then(|| self.since_ms.unwrap_or(observation.at_ms));
        self.cooling_ms = self.cooling_ms.saturating_sub(observation.span_ms);
        self.alarms = drifts && self.cooling_ms == 0 && is_observed;
        if self.alarms {
            self.cooling_ms = policy.cooldown_ms;
        }
    }

    /// Since when it has drifted without a break, milliseconds since the Unix epoch; `None` if it does not.
    #[must_use]
    pub fn since_ms(&self) -> Option<u64> {
        self.since_ms
    }

    /// What there is to say; nothing where no drift is looked for.
    pub(super) fn remark(&self, analysis: &Analysis) -> Option<Remark> {
        let policy = analysis.drift.as_ref()?;
        let name = match &policy.of {
            Source::Latency => format!("{DRIFT} latency"),
            Source::Score(score) => format!("{DRIFT} {score}"),
        };
        let (state, sentence) = match self.found {
            None => (RemarkState::NoData, "no reference to compare with yet".to_owned()),
            Some(found) if found.values.min(found.reference) < policy.values => {
                let had = count(found.values.min(found.reference));
                (RemarkState::NotEnough, format!("{had} of {} values", count(policy.values)))
            }
            Some(found) if found.is_drift(policy) => (RemarkState::Fail, found.words(policy) + &self.cooling()),
            Some(found) => (RemarkState::Pass, found.words(policy)),
        };
        let known = self.found.filter(|found| found.values > 0);
        Some(Remark {
            sentence: format!("{name}: {sentence}"),
            name,
            segment: None,
            state,
            value: known.map(|found| found.distance),
            interval: None,
            limit: policy.distance,
            seen: self.found.map_or(0, |found| found.values),
            needed: policy.values,
            blocks: (state == RemarkState::Fail).then(|| self.blocks(policy)).flatten(),
            alarm: self.alarms,
        })
    }

    fn cooling(&self) -> String {
        if self.alarms || self.cooling_ms == 0 {
            return String::new();
        }
        format!("; no other alarm for {}", time(self.cooling_ms))
    }

    fn blocks(&self, policy: &DriftPolicy) -> Option<Blocks> {
        match policy.action {
            Action::Notify => None,
            Action::Rollback if self.alarms => super::blocks(Verdict::RollBack, Why::Drift, false),
            Action::Hold | Action::Rollback => super::blocks(Verdict::Hold, Why::Drift, true),
        }
    }
}

impl Found {
    fn is_drift(self, policy: &DriftPolicy) -> bool {
        self.values.min(self.reference) >= policy.values && self.distance > policy.distance
    }

    fn words(self, policy: &DriftPolicy) -> String {
        let say = apart(self.distance, policy.distance);
        format!(
            "distance {} of the last {} ({} values) from the reference ({}), limit {}",
            say(self.distance),
            passed(self.span_ms),
            count(self.values),
            count(self.reference),
            say(policy.distance)
        )
    }
}

fn values<'a>(policy: &DriftPolicy, counts: &'a VariantCounts) -> &'a Bins {
    const EMPTY: &Bins = &Bins(std::collections::BTreeMap::new());
    match &policy.of {
        Source::Latency => &counts.duration,
        Source::Score(name) => counts.scores.get(name).map_or(EMPTY, |score| &score.bins),
    }
}

/// Kolmogorov and Smirnov's distance of two histograms; 0 where one is empty.
fn distance(first: &Bins, second: &Bins) -> Option<f64> {
    let edges: std::collections::BTreeSet<u64> = first.0.keys().chain(second.0.keys()).copied().collect();
    let of = |bins: &Bins| -> Vec<f64> {
        edges.iter().map(|edge| bins.0.get(edge).map_or(0.0, |bin| real(bin.count))).collect()
    };
    if edges.is_empty() {
        return None;
    }
    Some(drift((&of(first), &of(second))).map_or(0.0, |drift| drift.distance))
}
