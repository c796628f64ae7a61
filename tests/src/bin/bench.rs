//! `cargo xtask bench kill|rollback|judge`: the times that users feel, and how right the judge is.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use weir_tests::bench::judge::{self, Effort};
use weir_tests::bench::{Bench, run, told};

/// Measures on real Envoys (`judge`: on simulated traffic), and writes what it measured.
#[derive(Parser)]
#[command(name = "cargo xtask bench", after_help = "Example: cargo xtask bench kill --report kill.json")]
struct Arguments {
    #[command(subcommand)]
    bench: Which,
    /// Writes the report to a file, as JSON.
    #[arg(long, value_name = "FILE", global = true)]
    report: Option<PathBuf>,
    /// How often; kill 50, rollback 20 and judge 300 (quick: 20) if not said.
    #[arg(long, global = true, value_parser = clap::value_parser!(u16).range(1..))]
    runs: Option<u16>,
}

#[derive(Clone, Subcommand)]
enum Which {
    /// API call to applied by the last of 8 proxies, with a document of 100 flags.
    Kill,
    /// Fault to applied by the last of 3 proxies, at 1,000 requests/s and a candidate at 5 %.
    Rollback,
    /// False alarms and time to detection of the judge and of three other rules, simulated.
    Judge {
        /// Half an hour a rollout in place of a day.
        #[arg(long)]
        quick: bool,
        /// Ticks of ten seconds in the healthy time.
        #[arg(long)]
        fast: bool,
        /// Only rows whose name contains the text, as `heavy-tailed` or `ratio 1.5`.
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
        only: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { bench, report, runs } = Arguments::parse();
    let runs = runs.map(usize::from);
    let outcome = match bench {
        Which::Kill => run(Bench::Kill, runs.unwrap_or(50), report).await,
        Which::Rollback => run(Bench::Rollback, runs.unwrap_or(20), report).await,
        Which::Judge { quick, fast, only } => {
            let effort = if quick { Effort::QUICK } else { Effort::FULL };
            let effort = Effort { tick: if fast { Effort::FAST.tick } else { effort.tick }, ..effort };
            let effort = Effort { runs: runs.unwrap_or(effort.runs), ..effort };
            judge::measure(effort, &only).and_then(|table| told(&table, report))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
