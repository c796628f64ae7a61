//! `cargo xtask bench kill|rollback`: the times that users feel.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use weir_tests::bench::{Bench, run};

/// Measures on real Envoys, and writes what it measured.
#[derive(Parser)]
#[command(name = "cargo xtask bench", after_help = "Example: cargo xtask bench kill --report kill.json")]
struct Arguments {
    #[command(subcommand)]
    bench: Which,
    /// Writes the report to a file, as JSON.
    #[arg(long, value_name = "FILE", global = true)]
    report: Option<PathBuf>,
    /// How often; kill 50 and rollback 20 if not said.
    #[arg(long, global = true, value_parser = clap::value_parser!(u16).range(1..))]
    runs: Option<u16>,
}

#[derive(Clone, Copy, Subcommand)]
enum Which {
    /// API call to applied by the last of 8 proxies, with a document of 100 flags.
    Kill,
    /// Fault to applied by the last of 3 proxies, at 1,000 requests/s and a candidate at 5 %.
    Rollback,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { bench, report, runs } = Arguments::parse();
    let (bench, usual) = match bench {
        Which::Kill => (Bench::Kill, 50),
        Which::Rollback => (Bench::Rollback, 20),
    };
    match run(bench, runs.map_or(usual, usize::from), report).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
