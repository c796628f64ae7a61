//! [`Analysis`]: what a rollout is looked at for beside its guardrails. Owns what may be asked for and the defaults; knows no counts.

use crate::span::Span;

/// What is looked at. All of it may be left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// Shares of requests that reach something, each with the goal's name.
    pub goals: Vec<(String, Goal)>,
    /// Means of a number, each with the score's name.
    pub scores: Vec<(String, Goal)>,
    /// Each segment by itself.
    pub segments: Option<Segments>,
    /// Answers to mirrored requests, before the first stage. Never in a document: this version mirrors nothing.
    pub shadow: Option<Shadow>,
    /// Another distribution than the reference.
    pub drift: Option<Drift>,
}

/// A goal or a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The least difference that matters, in the goal's own unit (0.01 of a share is one percentage point). At least 0.000001.
    pub minimum_effect: f64,
    /// Which way is better. Default higher.
    pub better: Better,
    /// Probability to see a difference where there is none, at any time: 0.000001 to 0.2. Default 0.05.
    pub alpha: f64,
    /// Probability to see one of the minimum effect, with the sample that is asked for: 0.5 to 0.99. Default 0.8.
    pub power: f64,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Better {
    /// Conversion, accuracy.
    #[default]
    Higher,
    /// Cost, bounces.
    Lower,
}

/// Each segment by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segments {
    /// Share of false alarms among alarms (limits, e-BH), probability of any (goals, Holm): 0.000001 to 0.2. Default 0.05.
    pub alpha: f64,
    /// Requests of each variant without which a segment says nothing. Default 300.
    pub requests: u64,
}

/// What answers to mirrored requests must keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shadow {
    /// Least share of answers that agree, noise taken off: its lower bound of 95 %. Default 0.85.
    pub agreement: f64,
    /// The candidate's p95 at most so many times control's: 1 to 100. Default 1.5.
    pub p95_ratio: f64,
    /// Its errors at most so many times control's: 1 to 100. Default 2.
    pub errors_ratio: f64,
    /// Comparisons before anything is said. Default 1,000.
    pub comparisons: u64,
}

/// When a distribution counts as another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// Of what. Default latency.
    pub of: Source,
    /// Greatest distance of Kolmogorov and Smirnov: 0.01 to 1. Default 0.2.
    pub distance: f64,
    /// The candidate's last values that are compared; a second at least. Default 10 min.
    pub window: Span,
    /// Values in the window without which nothing is said; 1 at least. Default 300.
    pub values: u64,
    /// What they are compared with. `None`: control's of the attempt, before everybody has the candidate.
    pub reference: Option<Vec<Bar>>,
    /// What happens. Default hold.
    pub action: Action,
    /// Not again before so much observed time has passed; not shorter than the window. Default 1 h.
    pub cooldown: Span,
}

/// One bar of a histogram: microseconds of latency, millionths of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Lower bound.
    pub lower: u64,
    /// Width.
    pub width: u64,
    /// Values in it.
    pub count: u64,
}

/// What drifts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Durations.
    #[default]
    Latency,
    /// A score, by its name.
    Score(String),
}

/// What drift does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It is said.
    Notify,
    /// The stage does not go on, and a person is asked.
    #[default]
    Hold,
    /// Everybody back to control.
    RollBack,
}

impl Action {
    /// The action of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [("notify", Self::Notify), ("hold", Self::Hold), ("rollback", Self::RollBack)]
            .into_iter()
            .find(|(word, _)| *word == name)
            .map(|(_, action)| action)
    }
}

impl Better {
    /// The way of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "higher" => Some(Self::Higher),
            "lower" => Some(Self::Lower),
            _ => None,
        }
    }
}

/// But for the minimum effect, which has none: 0.
impl Default for Goal {
    fn default() -> Self {
        Self { minimum_effect: 0.0, better: Better::Higher, alpha: 0.05, power: 0.8 }
    }
}

impl Default for Segments {
    fn default() -> Self {
        Self { alpha: 0.05, requests: 300 }
    }
}

impl Default for Shadow {
    fn default() -> Self {
        Self { agreement: 0.85, p95_ratio: 1.5, errors_ratio: 2.0, comparisons: 1_000 }
    }
}

impl Default for Drift {
    fn default() -> Self {
        Self {
            of: Source::Latency,
            distance: 0.2,
            window: Span::from_ms(600_000),
            values: 300,
            reference: None,
            action: Action::Hold,
            cooldown: Span::from_ms(3_600_000),
        }
    }
}
