//! [`Guardrail`]: a limit that the candidate must keep, and what becomes of a rollout that can't be decided. Owns what may be limited;
//! knows neither counts nor evidence.

use std::sync::Arc;

use crate::custom::Custom;
use crate::share::Share;

/// A limit that the candidate must keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Guardrail {
    /// What is limited, and how.
    pub metric: Metric,
    /// Reported, never deciding. Default false.
    pub dry_run: bool,
    /// Its part in the report's score, 0 to 1000. Default 1.
    pub weight: f64,
}

/// What is limited. Of what is counted or timed, at least one of a ratio and a ceiling is there.
#[derive(Clone, Debug, PartialEq)]
pub enum Metric {
    /// Requests that ended in a certain way, as a share of all requests.
    Counted {
        /// In which way.
        counter: Counter,
        /// At most so many times control's rate, above 1. `None`: not compared.
        ratio: Option<f64>,
        /// At most this rate. `None`: no ceiling.
        max: Option<Share>,
    },
    /// A quantile of the duration.
    Latency {
        /// Between 0.5 and 0.999.
        quantile: f64,
        /// At most so many times control's, above 1. `None`: not compared.
        ratio: Option<f64>,
        /// At most so many microseconds. `None`: no ceiling.
        max_us: Option<u64>,
    },
    /// What somebody else answers.
    Custom(Custom),
}

/// What a guardrail can count: a way to end, or one of the document's own counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Server errors, timeouts and resets together. Counted by cell of the user, too.
    #[default]
    Errors,
    /// Of these, answers of 500 or above.
    ServerErrors,
    /// Of these, what was given up on.
    Timeouts,
    /// Of these, what was cut off.
    Resets,
    /// Answers of 400 to 499.
    ClientErrors,
    /// The client went away; of all requests, these included.
    Cancelled,
    /// One of `weir.counters`, by its name. Counted by cell of the user, too.
    Named(Arc<str>),
}

/// Every counter that is always there, in the order that messages name them.
pub const COUNTERS: [Counter; 6] = [
    Counter::Errors,
    Counter::ServerErrors,
    Counter::Timeouts,
    Counter::Resets,
    Counter::ClientErrors,
    Counter::Cancelled,
];

impl Counter {
    /// The word in documents, checks and reports.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Errors => "errors",
            Self::ServerErrors => "server_errors",
            Self::Timeouts => "timeouts",
            Self::Resets => "resets",
            Self::ClientErrors => "client_errors",
            Self::Cancelled => "cancelled",
            Self::Named(name) => name,
        }
    }

    /// The counter of that name that is always there.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        COUNTERS.into_iter().find(|counter| counter.name() == name)
    }

    /// It is known how many of its hits each cell of users had.
    #[must_use]
    pub const fn is_by_cell(&self) -> bool {
        matches!(self, Self::Errors | Self::Named(_))
    }
}

impl Guardrail {
    /// One that decides, with weight 1.
    #[must_use]
    pub const fn on(metric: Metric) -> Self {
        Self { metric, dry_run: false, weight: 1.0 }
    }

    /// What is judged without any configuration: errors and timeouts at most 2 times control's, p95 1.5 times, p50 1.2 times.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        let counted = |counter| Metric::Counted { counter, ratio: Some(2.0), max: None };
        let latency = |quantile, ratio| Metric::Latency { quantile, ratio: Some(ratio), max_us: None };
        [counted(Counter::Errors), counted(Counter::Timeouts), latency(0.95, 1.5), latency(0.5, 1.2)]
            .map(Self::on)
            .into()
    }
}

/// What follows when a rollout, or a stage of it, has lasted its longest without a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inconclusive {
    /// It stays where it is and asks; it goes on if what was missing comes after all.
    #[default]
    Hold,
    /// Everybody back to control.
    RollBack,
    /// Weight 0, until a person resumes it.
    Pause,
}

impl Inconclusive {
    /// The word in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::RollBack => "rollback",
            Self::Pause => "pause",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Hold, Self::RollBack, Self::Pause].into_iter().find(|action| action.name() == name)
    }
}
