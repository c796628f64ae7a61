//! The numbers and the ratios, as JSON and as a table. A ratio says how many times as long the engine takes as Weir does, natively.

use serde_json::{Value, json};
use weir_cases::CASES;

use crate::memory::Load;
use crate::timing::{Time, Times};

/// What was measured.
pub(crate) struct Report {
    engines: Vec<(String, String, Times)>,
    missing: Vec<(String, String)>,
    pub(crate) loads: Vec<Load>,
}

impl Report {
    pub(crate) const fn new() -> Self {
        Self { engines: Vec::new(), missing: Vec::new(), loads: Vec::new() }
    }

    /// The first engine is what the others are compared with.
    pub(crate) fn engine(&mut self, name: &str, note: &str, times: Times) {
        self.engines.push((name.to_owned(), note.to_owned(), times));
    }

    /// One that could not be measured, and why.
    pub(crate) fn missing(&mut self, name: &str, why: &str) {
        self.missing.push((name.to_owned(), why.to_owned()));
    }

    /// Of the best samples: what else the machine did is in them least.
    fn ratio(&self, case: usize, time: Option<Time>) -> Option<f64> {
        let own = self.engines.first()?.2[case]?;
        Some(time?.best / own.best)
    }

    pub(crate) fn json(&self) -> Value {
        let cases = CASES.iter().enumerate().map(|(i, case)| {
            let of = |(name, _, times): &(String, String, Times)| {
                json!({
                    "engine": name, "best_ns": times[i].map(|time| time.best), "median_ns": times[i].map(|time| time.median),
                    "ratio": self.ratio(i, times[i]),
                })
            };
            json!({ "case": case.flag, "what": case.what, "engines": self.engines.iter().map(of).collect::<Vec<_>>() })
        });
        let own = self.loads.first().map_or(f64::NAN, |load| load.ms);
        let loads = self.loads.iter().map(|load| {
            json!({
                "engine": load.engine, "best_ms": load.ms, "median_ms": load.median_ms, "ratio": load.ms / own, "document_bytes": load.document,
                "kept_bytes": load.kept, "peak_bytes": load.peak,
            })
        });
        json!({
            "bench": "evaluate",
            "what": "one evaluation, single thread, best and median of the samples; ratio: how many times as long as Weir natively, by the best",
            "machine": machine(),
            "command": "cargo xtask bench evaluate",
            "notes": self.engines.iter().map(|(name, note, _)| (name.clone(), json!(note))).collect::<serde_json::Map<_, _>>(),
            "missing": self.missing.iter().map(|(name, why)| (name.clone(), json!(why))).collect::<serde_json::Map<_, _>>(),
            "cases": cases.collect::<Vec<_>>(),
            "load": loads.collect::<Vec<_>>(),
        })
    }

    /// For people: Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("\nns an evaluation, best sample (ratio to weir); {}\n\n", machine());
        let heads: Vec<&str> = CASES.iter().map(|case| case.what).collect();
        text += &format!("| engine | {} |\n|---|{}\n", heads.join(" | "), "--:|".repeat(heads.len()));
        for (name, _, times) in &self.engines {
            let cells = times.iter().enumerate().map(|(i, time)| match (time, self.ratio(i, *time)) {
                (Some(time), Some(ratio)) => format!("{} ({})", short(time.best), short(ratio)),
                _ => "-".to_owned(),
            });
            text += &format!("| {name} | {} |\n", cells.collect::<Vec<_>>().join(" | "));
        }
        text += "\n| loading 1,000 flags, one list of 100,000 users | ms | MB kept | MB at most |\n|---|--:|--:|--:|\n";
        for load in &self.loads {
            let mb = |bytes: usize| format!("{:.1}", bytes as f64 / 1e6);
            text += &format!("| {} | {:.0} | {} | {} |\n", load.engine, load.ms, mb(load.kept), mb(load.peak));
        }
        for (name, why) in &self.missing {
            text += &format!("not measured: {name}: {why}\n");
        }
        text
    }
}

fn short(number: f64) -> String {
    if number < 10.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    format!("{model}, {cores} cores, load {}", load.split(' ').next().unwrap_or_default())
}
