//! The benches: the two times that users feel, measured over many runs on real parts, and the judge on simulated traffic. Numbers for
//! people, never a timed test.
//!
//! | module | owns |
//! |---|---|
//! | `stage` | what a bench runs on: upstreams, Envoys, controller, load |
//! | `kill` | API call to applied by the last of eight proxies |
//! | `rollback` | fault to applied by the last of three proxies |
//! | `judge` | false alarms and time to detection, on simulated traffic, beside three other rules |
//! | `report` | quantiles of the runs, and what they were measured on |

pub mod judge;
mod kill;
mod report;
mod rollback;
mod stage;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::process::interrupted;
pub use report::Report;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bench {
    /// 8 Envoys, a document of 100 flags: API call to last applied.
    Kill,
    /// 3 Envoys, 1,000 requests/s, candidate at 5 %, errors 1 % and then 20 %: fault to last applied.
    Rollback,
}

/// Measures, prints, and writes the report.
///
/// # Errors
/// A run did not come to its end, or somebody interrupted.
pub async fn run(bench: Bench, runs: usize, report: Option<PathBuf>) -> Result<()> {
    let measured = tokio::select! {
        measured = measure(bench, runs) => measured?,
        outcome = interrupted() => {
            outcome?;
            bail!("interrupted; everything is stopped and removed");
        }
    };
    told(&measured, report)
}

/// Prints, and writes the report.
///
/// # Errors
/// The file can't be written.
pub fn told<T: serde::Serialize + std::fmt::Display>(measured: &T, report: Option<PathBuf>) -> Result<()> {
    println!("{measured}");
    if let Some(path) = report {
        std::fs::write(&path, serde_json::to_string_pretty(measured)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

async fn measure(bench: Bench, runs: usize) -> Result<Report> {
    match bench {
        Bench::Kill => kill::measure(runs).await,
        Bench::Rollback => rollback::measure(runs).await,
    }
}
