//! [`Report`]: quantiles of the runs, what they were measured on, and by which command.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::Value;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the bench.
    pub bench: &'static str,
    /// What a time is.
    pub what: &'static str,
    /// How many times.
    pub runs: usize,
    /// Median, milliseconds.
    pub p50_ms: u64,
    /// 95th percentile, milliseconds.
    pub p95_ms: u64,
    /// 99th percentile, milliseconds.
    pub p99_ms: u64,
    /// The longest, milliseconds.
    pub max_ms: u64,
    /// Processor, cores and memory.
    pub machine: String,
    /// What the bench itself has to add.
    #[serde(flatten)]
    pub more: BTreeMap<&'static str, Value>,
}

impl Report {
    pub(super) fn of(bench: &'static str, what: &'static str, mut times_ms: Vec<u64>) -> Result<Self> {
        times_ms.sort_unstable();
        let Some(max_ms) = times_ms.last().copied() else { bail!("no run") };
        // The nearest rank: a time that was really measured, and the maximum where the runs are too few for the quantile.
        let quantile = |percent: usize| {
            let rank = (times_ms.len() * percent).div_ceil(100).max(1);
            times_ms.get(rank - 1).copied().unwrap_or(max_ms)
        };
        Ok(Self {
            bench,
            what,
            runs: times_ms.len(),
            p50_ms: quantile(50),
            p95_ms: quantile(95),
            p99_ms: quantile(99),
            max_ms,
            machine: machine(),
            more: BTreeMap::new(),
        })
    }

    pub(super) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.more.insert(key, value.into());
        self
    }
}

/// The nearest rank's; 0 of none.
pub(super) fn median(mut times_ms: Vec<u64>) -> u64 {
    times_ms.sort_unstable();
    times_ms.get(times_ms.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bench, what, runs, p50_ms, p95_ms, p99_ms, max_ms, machine, more } = self;
        writeln!(f, "{bench}: {what}, {runs} runs")?;
        writeln!(f, "  median {p50_ms} ms, p95 {p95_ms} ms, p99 {p99_ms} ms, longest {max_ms} ms")?;
        for (key, value) in more {
            writeln!(f, "  {key}: {value}")?;
        }
        write!(f, "  on {machine}")
    }
}

/// What is measured on: processor, cores and memory.
pub(super) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processor = after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kib =
        after(&read("/proc/meminfo"), "MemTotal").and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
    format!("{processor}, {cores} cores, {} GiB", kib.unwrap_or(0) / (1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let report = Report::of("kill", "x", (1..=50).rev().collect()).expect("runs");
        assert_eq!((report.runs, report.p50_ms, report.p95_ms, report.p99_ms, report.max_ms), (50, 25, 48, 50, 50));
        assert!(Report::of("kill", "x", Vec::new()).is_err());
    }
}
