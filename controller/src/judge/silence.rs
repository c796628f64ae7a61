//! [`Silence`]: how long a variant has had no request in the stage, and whether that is long for how often they came. Owns that; knows no verdict.

use serde::{Deserialize, Serialize};

use super::recent::REACH_MS;

/// Nobody comes anymore when so many mean gaps between requests have passed without one: of requests that come by chance that happens after
/// one in 150.
const GAPS: u64 = 5;

/// So long is long for everybody: one request an hour is no traffic to judge by.
const LONGEST_MS: u64 = 3_600_000;

/// How long each variant has had no request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Silence {
    /// Observed time of the stage, milliseconds.
    elapsed_ms: u64,
    /// The candidate.
    candidate: Since,
    /// Its requests that were cancelled since.
    cancelled: u64,
    /// Control.
    control: Since,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
struct Since {
    requests: u64,
    silent_ms: u64,
}

/// Who is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silent {
    /// The candidate, for so many milliseconds.
    Candidate(u64),
    /// Control, for so many milliseconds.
    Control(u64),
}

impl Silence {
    /// Takes in a tick of so many requests of the candidate (and all of it that ended, cancelled ones too) and of control.
    pub fn add(&mut self, span_ms: u64, (candidate, ended): (u64, u64), control: u64) {
        self.elapsed_ms = self.elapsed_ms.saturating_add(span_ms);
        self.cancelled = if candidate > 0 { 0 } else { self.cancelled.saturating_add(ended) };
        self.candidate.add(span_ms, candidate);
        self.control.add(span_ms, control);
    }

    /// The candidate's requests that were cancelled since one last ended otherwise, or since it began.
    #[must_use]
    pub fn cancelled(&self) -> u64 {
        self.cancelled
    }

    /// Whoever has been silent for half a minute at least, and for long. `whole`: there is no control.
    #[must_use]
    pub fn who(&self, whole: bool) -> Option<Silent> {
        let silent = |since: Since| since.is_long(self.elapsed_ms).then_some(since.silent_ms);
        let control = || silent(self.control).filter(|_| !whole).map(Silent::Control);
        silent(self.candidate).map(Silent::Candidate).or_else(control)
    }
}

impl Since {
    fn add(&mut self, span_ms: u64, requests: u64) {
        self.requests = self.requests.saturating_add(requests);
        self.silent_ms = if requests > 0 { 0 } else { self.silent_ms.saturating_add(span_ms) };
    }

    fn is_long(self, elapsed_ms: u64) -> bool {
        let gap_ms = elapsed_ms.checked_div(self.requests).unwrap_or(0);
        self.silent_ms >= gap_ms.saturating_mul(GAPS).clamp(REACH_MS, LONGEST_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minute_is_long_where_many_come_and_not_where_one_comes_a_minute() {
        let mut often = Silence::default();
        (0..600).for_each(|_| often.add(1_000, (5, 0), 50));
        (0..29).for_each(|_| often.add(1_000, (0, 0), 50));
        assert_eq!(often.who(false), None);
        often.add(1_000, (0, 0), 50);
        assert_eq!(often.who(false), Some(Silent::Candidate(30_000)));
        often.add(1_000, (1, 0), 50);
        assert_eq!(often.who(false), None);

        let mut seldom = Silence::default();
        for second in 0..36_000 {
            seldom.add(1_000, (u64::from(second % 60 == 0), 0), 1);
            assert_eq!(seldom.who(false), None, "{second}");
        }
        (0..250).for_each(|_| seldom.add(1_000, (0, 0), 1));
        assert_eq!(seldom.who(false), Some(Silent::Candidate(309_000)));
    }

    #[test]
    fn at_100_percent_nobody_waits_for_control() {
        let mut silence = Silence::default();
        (0..40).for_each(|_| silence.add(1_000, (1, 0), 0));
        assert_eq!((silence.who(false), silence.who(true)), (Some(Silent::Control(40_000)), None));
    }
}
