//! `cargo xtask demo|test|bench|check`: everything a person or CI runs, on a machine that has only rustup and Python 3 with pip.
//!
//! | module | owns |
//! |---|---|
//! | `tools` | what is not Rust and not ours: Envoy, Prometheus, Node, the wasm test runner; finds it, or installs it under `target/tools` |
//! | `build` | what the demo, the benches and the tests run: filter, trapping filter, controller, and the programs of `tests/` |
//! | `steps` | the steps of `test` and `check`, one after the other, timed |
//! | `engines` | the bench of our evaluator beside other engines, in a workspace of its own |
//! | `suites` | the public test suites of flagd and JSONLogic, from the registry |
//! | `peers` | flagd's own evaluators in other languages, from their registries |
//! | `fuzz` | fuzz targets, built and run |
//! | `direction` | which of our crates may depend on which |
//! | `paths` | paths that the documents name |
//!
//! It depends on none of our crates: it builds them, and then becomes the program it has built.

mod build;
mod direction;
mod engines;
mod fuzz;
mod paths;
mod peers;
mod steps;
mod suites;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Demo, tests and benches of Weir; installs what it needs under target/tools")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// The whole loop in a minute and a half: three Envoys, a rollout, a bad version taken back, the kill switch.
    #[command(
        after_help = "Examples:\n  cargo xtask demo\n  cargo xtask demo --report demo.json\n  cargo xtask demo --keep"
    )]
    Demo {
        /// Passed on: `--report FILE` writes the summary as JSON, `--keep` leaves all running.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Everything that must hold: format, lints, unit and wasm tests, real Envoys, documentation, direction of dependencies.
    #[command(
        after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --list\n  cargo xtask test --only unit\n  \
                            cargo xtask test --only envoy -- sticky"
    )]
    Test(steps::Selection),
    /// The part of `test` that needs no Envoy: what to run before a commit.
    #[command(after_help = "Examples:\n  cargo xtask check\n  cargo xtask check --only clippy")]
    Check(steps::Selection),
    /// Weir beside flagd's own evaluators in Python, JavaScript and Go, on generated documents; known deviations are counted by name.
    #[command(
        after_help = "Examples:\n  cargo xtask conformance --cases 200000\n  cargo xtask conformance --cases 200000 --seed 7"
    )]
    Conformance(peers::Extent),
    /// Fuzzes what reads bytes from outside; what breaks a target is kept under target/fuzz/found.
    #[command(after_help = "Examples:\n  cargo xtask fuzz\n  cargo xtask fuzz document --seconds 600")]
    Fuzz(fuzz::Fuzz),
    /// Measures, and writes what it measured.
    #[command(
        after_help = "Examples:\n  cargo xtask bench kill --report kill.json\n  cargo xtask bench rollback --report rollback.json\n  \
                            cargo xtask bench judge --quick\n  cargo xtask bench judge --only heavy-tailed\n  \
                            cargo xtask bench judge-speed\n  cargo xtask bench evaluate --report evaluate.json"
    )]
    Bench {
        /// Passed on: `kill`, `rollback`, `judge`, `judge-speed` or `evaluate`, `--report FILE` (not judge-speed: criterion keeps its reports
        /// under target/criterion).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        rest: Vec<String>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Demo { rest } => build::run("demo", build::Profile::Dev, &rest),
        Verb::Bench { rest } if rest.first().is_some_and(|bench| bench == "evaluate") => {
            engines::run(rest.get(1..).unwrap_or_default())
        }
        Verb::Bench { rest } if rest.first().is_some_and(|bench| bench == "judge-speed") => {
            build::bench("weir-controller", "tick", rest.get(1..).unwrap_or_default())
        }
        Verb::Bench { rest } => build::run("bench", build::Profile::Release, &rest),
        Verb::Test(selection) => steps::run(steps::Set::All, &selection),
        Verb::Conformance(extent) => build::Workspace::load().and_then(|w| peers::compare(&w, &extent)),
        Verb::Fuzz(fuzz) => build::Workspace::load().and_then(|w| fuzz::run(&w, &fuzz)),
        Verb::Check(selection) => steps::run(steps::Set::WithoutEnvoy, &selection),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
