//! [`Table`]: what came out, as JSON and as text.

use std::fmt;

use serde::Serialize;

use super::Effort;
use super::deciders::{ALPHA, COUNT, RULES};
use crate::bench::report::machine;

/// The whole.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// Name of the bench.
    pub bench: &'static str,
    /// What the rules are.
    pub rules: [(&'static str, &'static str); COUNT],
    /// Tolerated probability of a false alarm, where a row has no other.
    pub alpha: f64,
    /// Requests a second.
    pub requests_per_second: f64,
    /// Seconds of a tick in the healthy time; after a fault every second is looked at.
    pub tick_s: u64,
    /// Simulated rollouts in each row.
    pub runs: usize,
    /// Lines.
    pub rows: Vec<Told>,
    /// Processor, cores and memory.
    pub machine: String,
}

/// A line.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// In words.
    pub row: String,
    /// Tolerated ratio of error rates.
    pub ratio: f64,
    /// Tolerated probability of a false alarm.
    pub alpha: f64,
    /// Healthy time, seconds; of a fault, before it.
    pub healthy_seconds: u64,
    /// Share of runs with a false alarm that is promised at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promised: Option<f64>,
    /// What each rule did, in the order of [`Table::rules`].
    pub rules: Vec<(&'static str, Cell)>,
}

/// What a rule did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Runs with a false alarm in the healthy time.
    pub false_alarms: usize,
    /// Runs.
    pub runs: usize,
    /// Of the runs without one: median seconds from fault to rollback; absent if more than half never found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_s: Option<u64>,
    /// 95th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_s: Option<u64>,
    /// A fault was looked for.
    pub fault: bool,
}

impl Cell {
    pub(super) fn alarms(false_alarms: usize, runs: usize) -> Self {
        Self { false_alarms, runs, median_s: None, p95_s: None, fault: false }
    }

    pub(super) fn times(mut times: Vec<Option<u64>>, false_alarms: usize, runs: usize) -> Self {
        // What was never found is longer than all that was.
        times.sort_unstable_by_key(|time| time.unwrap_or(u64::MAX));
        let quantile = |percent: usize| times.get((times.len() * percent).div_ceil(100).max(1) - 1).copied().flatten();
        Self { false_alarms, runs, median_s: quantile(50), p95_s: quantile(95), fault: true }
    }
}

impl Table {
    pub(super) fn new(effort: Effort, rows: Vec<Told>) -> Self {
        let [weir, unguarded, threshold, z, one] = RULES;
        Self {
            bench: "judge",
            rules: [
                (weir, "evidence of 100 : 1 with each cell left out in turn, from 5 errors in 3 cells"),
                (unguarded, "the same evidence over all cells: what the guards against one bad client cost"),
                (threshold, "error rate of a minute above ratio times 1 %, for the fifth time"),
                (z, "one-sided z test against the ratio, p below 0.01 in any second"),
                (one, "evidence of 100 : 1 from the counts since the beginning"),
            ],
            alpha: ALPHA,
            requests_per_second: super::stream::RATE,
            tick_s: effort.tick,
            runs: effort.runs,
            rows,
            machine: machine(),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alarms = format!("{} of {}", self.false_alarms, self.runs);
        if !self.fault {
            return f.pad(&alarms);
        }
        if self.false_alarms == self.runs {
            return f.pad("rolled back before");
        }
        let seconds = |time: Option<u64>| time.map_or_else(|| "never".to_owned(), |s| format!("{s}"));
        let early = if self.false_alarms > 0 { format!(", {alarms} before") } else { String::new() };
        f.pad(&format!("{} ({}) s{early}", seconds(self.median_s), seconds(self.p95_s)))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: String = self.rules.iter().map(|(_, cell)| format!(" {cell} |")).collect();
        write!(f, "| {} |{cells}", self.row)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rules, alpha, runs, rows, machine, tick_s, .. } = self;
        writeln!(
            f,
            "judge: {runs} simulated rollouts a row, 1,000 requests/s, looked at every {tick_s} s, alpha {alpha}"
        )?;
        for (name, what) in rules {
            writeln!(f, "  {name}: {what}")?;
        }
        writeln!(f, "healthy: runs with a false rollback; fault: seconds to the rollback, median (p95)\n")?;
        writeln!(f, "| |{}", rules.map(|(name, _)| format!(" {name} |")).concat())?;
        writeln!(f, "|---|{}", "---|".repeat(COUNT))?;
        for told in rows {
            writeln!(f, "{told}")?;
        }
        write!(f, "\non {machine}")
    }
}
