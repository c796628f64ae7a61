//! `cargo xtask demo`: the whole loop on real parts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use weir_tests::demo::{Options, run};

/// Three Envoys, a healthy candidate, a broken one that is taken back, and the kill switch, in a minute and a half.
#[derive(Parser)]
#[command(
    name = "cargo xtask demo",
    after_help = "Exit status: 0 if everything promised happened, else 1 with the reason.\n\nExample: cargo xtask demo --report demo.json"
)]
struct Arguments {
    /// Writes the summary to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Leaves all running at the end, until Ctrl-C, and says what to try.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { report, keep } = Arguments::parse();
    match run(&Options { report, keep }).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
