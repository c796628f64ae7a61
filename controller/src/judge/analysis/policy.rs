//! [`Analysis`]: what an attempt is looked at for beside its guardrails. Owns the form of the file that `weir judge --analysis` takes, and
//! its ranges; knows no counts.
//!
//! It is a file of its own and no part of the flag document: every proxy loads the document, and none needs to know what a controller does
//! with the counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_core::span::Span;

use crate::observation::Bins;

/// What is looked at. All of it may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
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

/// A goal or a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Goal {
    /// The least difference that matters, in the goal's own unit (0.01 of a share is one percentage point). Above 0.
    pub minimum_effect: f64,
    /// Which way is better.
    #[serde(default)]
    pub better: Better,
    /// Probability to see a difference where there is none, at any time.
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// Probability to see one of the minimum effect, with the sample that is asked for.
    #[serde(default = "power")]
    pub power: f64,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Better {
    /// Conversion, accuracy.
    #[default]
    Higher,
    /// Cost, bounces.
    Lower,
}

/// Each segment by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SegmentPolicy {
    /// Share of false alarms among alarms (errors, e-BH), probability of any (goals, Holm).
    pub alpha: f64,
    /// Requests of each variant without which a segment says nothing.
    pub requests: u64,
}

/// What answers to mirrored requests must keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
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
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DriftPolicy {
    /// Of what.
    pub of: Source,
    /// Greatest distance of Kolmogorov and Smirnov.
    pub distance: f64,
    /// The candidate's last values that are compared.
    pub window: Length,
    /// Values in the window without which nothing is said.
    pub values: u64,
    /// What they are compared with: bins as in an observation. Left out, control's of the attempt, before everybody has the candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Bins>,
    /// What happens.
    pub action: Action,
    /// Not again before so much time has passed.
    pub cooldown: Length,
}

/// What drifts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Durations.
    #[default]
    Latency,
    /// A score, by its name.
    Score(String),
}

/// What drift does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is said.
    Notify,
    /// The stage does not go on, and a person is asked.
    #[default]
    Hold,
    /// Everybody back to control.
    Rollback,
}

/// A length of time as documents write it: `"10m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length(Span);

impl Length {
    /// So many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(Span::from_ms(ms))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0.ms()
    }
}

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Span::parse(&text).map(Self).ok_or_else(|| format!("{text:?} is no duration such as \"10m\""))
    }
}

impl From<Length> for String {
    fn from(length: Length) -> Self {
        length.0.to_string()
    }
}

const fn alpha() -> f64 {
    0.05
}

const fn power() -> f64 {
    0.8
}

impl Default for SegmentPolicy {
    fn default() -> Self {
        Self { alpha: alpha(), requests: 300 }
    }
}

impl Default for ShadowPolicy {
    fn default() -> Self {
        Self { agreement: 0.85, p95_ratio: 1.5, errors_ratio: 2.0, comparisons: 1_000 }
    }
}

impl Default for DriftPolicy {
    fn default() -> Self {
        Self {
            of: Source::Latency,
            distance: 0.2,
            window: Length::from_ms(600_000),
            values: 300,
            reference: None,
            action: Action::Hold,
            cooldown: Length::from_ms(3_600_000),
        }
    }
}

impl Analysis {
    /// Reads a file.
    ///
    /// # Errors
    /// Every value that is out of its range, with its path; or where the text is no analysis.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        if !text.trim_start().starts_with('{') {
            return Err(vec!["no object, such as {\"segments\": {}}".to_owned()]);
        }
        let analysis: Self = serde_json::from_str(text).map_err(|error| vec![error.to_string()])?;
        let faults = analysis.faults();
        if faults.is_empty() { Ok(analysis) } else { Err(faults) }
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut need = |path: String, found: f64, low: f64, high: f64| {
            if !(low..=high).contains(&found) {
                faults.push(format!("{path}: {found}, allowed is {low} to {high}"));
            }
        };
        let named = |kind: &'static str| move |(name, goal): (&String, &Goal)| (format!("$.{kind}.{name}"), *goal);
        let goals = self.goals.iter().map(named("goals")).chain(self.scores.iter().map(named("scores")));
        for (path, goal) in goals {
            let most = if path.starts_with("$.goals") { 1.0 } else { 1e12 };
            need(format!("{path}.minimumEffect"), goal.minimum_effect, 1e-6, most);
            need(format!("{path}.alpha"), goal.alpha, 1e-6, 0.2);
            need(format!("{path}.power"), goal.power, 0.5, 0.99);
        }
        if let Some(segments) = self.segments {
            need("$.segments.alpha".to_owned(), segments.alpha, 1e-6, 0.2);
        }
        if let Some(shadow) = self.shadow {
            need("$.shadow.agreement".to_owned(), shadow.agreement, 0.0, 1.0);
            need("$.shadow.p95Ratio".to_owned(), shadow.p95_ratio, 1.0, 100.0);
            need("$.shadow.errorsRatio".to_owned(), shadow.errors_ratio, 1.0, 100.0);
        }
        if let Some(drift) = &self.drift {
            need("$.drift.distance".to_owned(), drift.distance, 0.01, 1.0);
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_the_documented_value() {
        let text = r#"{"goals":{"purchase":{"minimumEffect":0.01}},"segments":{},"shadow":{},"drift":{}}"#;
        let analysis = Analysis::read(text).unwrap();
        let goal = analysis.goals["purchase"];
        assert_eq!((goal.better, goal.alpha, goal.power), (Better::Higher, 0.05, 0.8));
        let shadow = analysis.shadow.unwrap();
        assert_eq!((shadow.agreement, shadow.p95_ratio, shadow.errors_ratio), (0.85, 1.5, 2.0));
        assert_eq!(shadow.comparisons, 1_000);
        let drift = analysis.drift.clone().unwrap();
        assert_eq!((drift.distance, drift.action, drift.of), (0.2, Action::Hold, Source::Latency));
        assert_eq!(analysis, Analysis::read(&serde_json::to_string(&analysis).unwrap()).unwrap());
        assert_eq!(Analysis::read("{}").unwrap(), Analysis::default());
    }

    #[test]
    fn every_value_out_of_range_is_named() {
        let text = r#"{"goals":{"g":{"minimumEffect":0,"alpha":0.9}},"scores":{"s":{"minimumEffect":5,"power":1}},
            "shadow":{"agreement":85},"drift":{"distance":0,"of":{"score":"s"},"window":"5m","action":"rollback"}}"#;
        let faults = Analysis::read(text).unwrap_err();
        let paths: Vec<&str> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        let expected = [
            "$.goals.g.minimumEffect",
            "$.goals.g.alpha",
            "$.scores.s.power",
            "$.shadow.agreement",
            "$.drift.distance",
        ];
        assert_eq!(paths, expected);
        for text in ["", "[]", r#"{"goal":{}}"#, r#"{"goals":{"g":{}}}"#, r#"{"drift":{"window":"5"}}"#] {
            assert_eq!(Analysis::read(text).unwrap_err().len(), 1, "{text}");
        }
    }
}
