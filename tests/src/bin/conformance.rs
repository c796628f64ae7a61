//! `cargo xtask conformance`: Weir beside flagd's own evaluators, on generated documents and contexts.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use weir_tests::conformance::compare::{Tally, compare};
use weir_tests::conformance::exception::Known;
use weir_tests::conformance::exceptions::PEERS;
use weir_tests::conformance::exported;
use weir_tests::conformance::peer::Peer;

/// Users who get another variant from a peer that are shown.
const SHOWN: usize = 5;

#[derive(Parser)]
#[command(about = "Weir beside flagd's own evaluators, on generated documents and contexts")]
struct Arguments {
    /// Questions to each peer.
    #[arg(long, default_value_t = 20_000)]
    cases: usize,
    /// Of the generator: the same seed, the same questions.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A peer and the program that is asked, as `NAME=["PROGRAM", "ARGUMENT", ...]`.
    #[arg(long = "peer", required = true)]
    peers: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All peers at once; whether nothing is unexplained.
fn run(arguments: &Arguments) -> Result<bool> {
    let programs = arguments.peers.iter().map(|peer| program(peer)).collect::<Result<Vec<_>>>()?;
    let tallies: Vec<_> = std::thread::scope(|scope| {
        let ask = |known: &'static Known, command: Vec<String>| {
            scope.spawn(move || {
                let mut peer = Peer::start(&command)?;
                let tally = compare(known, &mut peer, arguments.seed, arguments.cases)?;
                anyhow::Ok((tally, exported::compare(known, &mut peer)?))
            })
        };
        let running: Vec<_> = programs.into_iter().map(|(known, command)| (known, ask(known, command))).collect();
        running.into_iter().map(|(known, thread)| (known, thread.join())).collect()
    });
    let mut good = true;
    for (known, tally) in tallies {
        let Ok(tally) = tally else { bail!("the comparison with {} panicked", known.name) };
        let (tally, (asked, moved)) = tally.with_context(|| format!("the peer {}", known.name))?;
        print(known, &tally);
        println!("  weir export: {asked} users asked for, {} get another variant there", moved.len());
        moved.iter().take(SHOWN).for_each(|difference| println!("  MOVED {difference}"));
        good &= tally.unexplained == 0 && moved.is_empty();
    }
    if !good {
        println!("seed {}: what is not explained is a defect of Weir, or an exception yet to be named", arguments.seed);
    }
    Ok(good)
}

fn program(peer: &str) -> Result<(&'static Known, Vec<String>)> {
    static KNOWN: [Known; 3] = PEERS;
    let (name, command) = peer.split_once('=').context("--peer NAME=[...]")?;
    let known = KNOWN.iter().find(|known| known.name == name).with_context(|| format!("no peer is called {name}"))?;
    Ok((known, serde_json::from_str(command).context("the program is an array of strings")?))
}

fn print(known: &Known, tally: &Tally) {
    let Tally { asked, agreed, excepted, explained, differences, unexplained } = tally;
    println!("{}: {asked} asked, {agreed} agreed, {explained} excepted, {unexplained} different", known.package);
    for exception in known.exceptions {
        let cases = excepted.get(exception.name).copied().unwrap_or(0);
        println!("  exception {}: {cases} cases ({})", exception.name, exception.why);
    }
    for difference in differences {
        println!("  DIFFERENT {difference}");
    }
}
