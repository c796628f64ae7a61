//! `cargo xtask bench evaluate`: Weir's evaluator beside other engines, in one run, on the same flags and the same context.
//!
//! | module | owns |
//! |---|---|
//! | `engines` | each engine behind one trait: how it is loaded and asked |
//! | `timing` | criterion, and what it found |
//! | `memory` | an allocator that counts |
//! | `node` | engines that Node runs: flagd's JavaScript, and our own wasm32 |
//! | `report` | the numbers, the ratios, as JSON and as a table |
//!
//! Before an engine is timed its answers are checked: a wrong one is not measured.

mod engines;
mod memory;
mod node;
mod report;
mod timing;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use engines::{Engine, weir};
#[cfg(feature = "others")]
use engines::{datalogic, flagd, launchdarkly, unleash};
use report::Report;
use timing::Timing;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Times one evaluation by each engine, and the loading of a big document.
#[derive(Parser)]
#[command(
    name = "cargo xtask bench evaluate",
    after_help = "Example: cargo xtask bench evaluate --report evaluate.json"
)]
struct Arguments {
    /// Writes the report to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut timing = Timing::new()?;
    let mut report = Report::new();
    engine::<weir::Laid>(&mut timing, &mut report)?;
    engine::<weir::AsJson>(&mut timing, &mut report)?;
    #[cfg(feature = "others")]
    {
        engine::<unleash::Unleash>(&mut timing, &mut report)?;
        engine::<launchdarkly::LaunchDarkly>(&mut timing, &mut report)?;
        engine::<datalogic::Datalogic>(&mut timing, &mut report)?;
        engine::<flagd::Flagd>(&mut timing, &mut report)?;
    }
    node::measure(&mut report)?;
    report.loads.push(memory::load::<weir::Laid>()?);
    #[cfg(feature = "others")]
    {
        report.loads.push(memory::load::<unleash::Unleash>()?);
        report.loads.push(memory::load::<launchdarkly::LaunchDarkly>()?);
        report.loads.push(memory::load::<datalogic::Datalogic>()?);
        report.loads.push(memory::load::<flagd::Flagd>()?);
    }
    println!("{}", report.table());
    if let Some(path) = arguments.report {
        std::fs::write(&path, serde_json::to_string_pretty(&report.json())?)?;
        println!("written to {}", path.display());
    }
    Ok(())
}

fn engine<E: Engine>(timing: &mut Timing, report: &mut Report) -> Result<()> {
    eprintln!("{}", E::NAME);
    let engine = E::load(&E::document())?;
    report.engine(E::NAME, E::NOTE, timing.measure(engine)?);
    Ok(())
}
