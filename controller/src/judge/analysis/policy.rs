//! [`Analysis`]: what an attempt is looked at for beside its guardrails, in the form that is stored with it. The form that people write, its
//! ranges and its defaults are core's; knows no counts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weir_core::analysis as form;
use weir_core::check::{Finding, check_analysis};

use crate::observation::{Bin, Bins};

/// What is looked at. All of it may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Analysis {
    /// Shares of requests that reach something, by name of the goal.
    pub goals: BTreeMap<String, Goal>,
    /// Means of a number, by name of the score.
    pub scores: BTreeMap<String, Goal>,
    /// Each segment by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<SegmentPolicy>,
    /// Answers to mirrored requests, before the first stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowPolicy>,
    /// Another distribution than the reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftPolicy>,
}

impl Analysis {
    /// Reads a file of people's.
    ///
    /// # Errors
    /// Every finding, each with its place.
    pub fn read(text: &str) -> Result<Self, Vec<Finding>> {
        check_analysis(text).map(Self::from)
    }

    /// Every score that is looked at.
    #[must_use]
    pub fn score_names(&self) -> BTreeSet<&str> {
        let drifting = self.drift.as_ref().and_then(|drift| match &drift.of {
            Source::Score(name) => Some(name.as_str()),
            Source::Latency => None,
        });
        self.scores.keys().map(String::as_str).chain(drifting).collect()
    }
}

/// A goal or a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Goal {
    /// The least difference that matters, in the goal's own unit (0.01 of a share is one percentage point). Above 0.
    pub minimum_effect: f64,
    /// Which way is better.
    pub better: Better,
    /// Probability to see a difference where there is none, at any time.
    pub alpha: f64,
    /// Probability to see one of the minimum effect, with the sample that is asked for.
    pub power: f64,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Conversion, accuracy.
    #[default]
    Higher,
    /// Cost, bounces.
    Lower,
}

/// Each segment by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct SegmentPolicy {
    /// Share of false alarms among alarms (errors, e-BH), probability of any (goals, Holm).
    pub alpha: f64,
    /// Requests of each variant without which a segment says nothing.
    pub requests: u64,
}

/// What answers to mirrored requests must keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct ShadowPolicy {
    /// Least share of answers that agree, noise taken off: its lower bound of 95 %.
    pub agreement: f64,
    /// The candidate's p95 at most so many times control's.
    pub p95_ratio: f64,
    /// Its errors at most so many times control's.
    pub errors_ratio: f64,
    /// Comparisons before anything is said.
    pub comparisons: u64,
}

/// When a distribution counts as another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct DriftPolicy {
    /// Of what.
    pub of: Source,
    /// Greatest distance of Kolmogorov and Smirnov.
    pub distance: f64,
    /// The candidate's last values that are compared, milliseconds.
    pub window_ms: u64,
    /// Values in the window without which nothing is said.
    pub values: u64,
    /// What they are compared with: bins as in an observation. Left out, control's of the attempt, before everybody has the candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Bins>,
    /// What happens.
    pub action: Action,
    /// Not again before so much observed time has passed, milliseconds.
    pub cooldown_ms: u64,
}

/// What drifts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Durations.
    #[default]
    Latency,
    /// A score, by its name.
    Score(String),
}

/// What drift does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is said.
    Notify,
    /// The stage does not go on, and a person is asked.
    #[default]
    Hold,
    /// Everybody back to control.
    Rollback,
}

impl Default for SegmentPolicy {
    fn default() -> Self {
        form::Segments::default().into()
    }
}

impl Default for ShadowPolicy {
    fn default() -> Self {
        form::Shadow::default().into()
    }
}

impl Default for DriftPolicy {
    fn default() -> Self {
        form::Drift::default().into()
    }
}

impl From<form::Analysis> for Analysis {
    fn from(form: form::Analysis) -> Self {
        let goals =
            |list: Vec<(String, form::Goal)>| list.into_iter().map(|(name, goal)| (name, goal.into())).collect();
        Self {
            goals: goals(form.goals),
            scores: goals(form.scores),
            segments: form.segments.map(Into::into),
            shadow: form.shadow.map(Into::into),
            drift: form.drift.map(Into::into),
        }
    }
}

impl From<form::Goal> for Goal {
    fn from(form: form::Goal) -> Self {
        let better = match form.better {
            form::Better::Higher => Better::Higher,
            form::Better::Lower => Better::Lower,
        };
        Self { minimum_effect: form.minimum_effect, better, alpha: form.alpha, power: form.power }
    }
}

impl From<form::Segments> for SegmentPolicy {
    fn from(form: form::Segments) -> Self {
        Self { alpha: form.alpha, requests: form.requests }
    }
}

impl From<form::Shadow> for ShadowPolicy {
    fn from(form: form::Shadow) -> Self {
        let form::Shadow { agreement, p95_ratio, errors_ratio, comparisons } = form;
        Self { agreement, p95_ratio, errors_ratio, comparisons }
    }
}

impl From<form::Drift> for DriftPolicy {
    fn from(form: form::Drift) -> Self {
        let of = match form.of {
            form::Source::Latency => Source::Latency,
            form::Source::Score(name) => Source::Score(name),
        };
        let action = match form.action {
            form::Action::Notify => Action::Notify,
            form::Action::Hold => Action::Hold,
            form::Action::RollBack => Action::Rollback,
        };
        let bin = |bar: form::Bar| (bar.lower, Bin { width: bar.width, count: bar.count });
        Self {
            of,
            action,
            distance: form.distance,
            window_ms: form.window.ms(),
            values: form.values,
            reference: form.reference.map(|bars| Bins(bars.into_iter().map(bin).collect())),
            cooldown_ms: form.cooldown.ms(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_back_and_may_lack_what_came_later() {
        let text = r#"{"goals":{"purchase":{"minimumEffect":0.01,"better":"lower"}},"scores":{"basket":{"minimumEffect":2}},
            "segments":{},"shadow":{},"drift":{"of":{"score":"basket"},"reference":{"0":[10,5]},"action":"rollback"}}"#;
        let analysis = Analysis::read(text).unwrap();
        assert_eq!(analysis.goals["purchase"].better, Better::Lower);
        let drift = analysis.drift.clone().unwrap();
        assert_eq!((drift.distance, drift.action, drift.window_ms), (0.2, Action::Rollback, 600_000));
        assert_eq!((drift.of, drift.cooldown_ms), (Source::Score("basket".to_owned()), 3_600_000));
        assert_eq!(drift.reference, Some(Bins([(0, Bin { width: 10, count: 5 })].into())));
        let stored = serde_json::to_string(&analysis).unwrap();
        assert_eq!(serde_json::from_str::<Analysis>(&stored).unwrap(), analysis);
        let lacking: Analysis = serde_json::from_str(r#"{"drift":{},"segments":{},"shadow":{}}"#).unwrap();
        assert_eq!(lacking, Analysis::read(r#"{"drift":{},"segments":{},"shadow":{}}"#).unwrap());
        assert_eq!(Analysis::read("{").unwrap_err().len(), 1);
    }
}
