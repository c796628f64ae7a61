//! The steps of `cargo xtask test` and `check`, one after the other, each timed; a failing one does not keep the others from running.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::build::{Profile, Workspace, cargo, parts, succeed};
use crate::{direction, paths, peers, suites, tools};

/// Which steps to run, and what to hand on to the test programs.
#[derive(Args)]
pub(crate) struct Selection {
    /// Only the step of this name (see --list); may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Lists the steps and runs none.
    #[arg(long)]
    list: bool,
    /// For the test programs, such as a part of a test's name (needs --only).
    #[arg(last = true, requires = "only")]
    rest: Vec<String>,
}

/// Which steps there are to choose from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// Every step.
    All,
    /// All that start no Envoy.
    WithoutEnvoy,
}

struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Workspace, &[String]) -> Result<()>,
}

const STEPS: [Step; 11] = [
    Step { name: "fmt", what: "format of all Rust code", run: fmt },
    Step { name: "direction", what: "which crate may depend on which", run: |w, _| direction::check(w) },
    Step { name: "clippy", what: "lints, native", run: clippy },
    Step { name: "clippy-wasm", what: "lints, core and filter for wasm32", run: clippy_wasm },
    Step {
        name: "clippy-apart",
        what: "lints, the benches and the fuzz targets, which are workspaces of their own",
        run: clippy_apart,
    },
    Step { name: "unit", what: "unit and property tests of all crates", run: unit },
    Step { name: "conformance", what: "flagd's testbed and schemas, JSONLogic's own tests", run: conformance },
    Step {
        name: "peers",
        what: "flagd's own evaluators, on generated documents and contexts",
        run: |w, _| peers::compare(w, &peers::FIXED),
    },
    Step { name: "wasm", what: "core's golden vectors and the public suites in wasm32, under Node", run: wasm },
    Step { name: "docs", what: "rustdoc without a warning; documents name existing paths", run: docs },
    Step { name: "envoy", what: "the whole on real Envoys", run: envoy },
];

/// Runs the chosen steps; fails, after the last, if one did.
pub(crate) fn run(set: Set, selection: &Selection) -> Result<()> {
    let offered = STEPS.iter().filter(|step| set == Set::All || step.name != "envoy");
    if selection.list {
        offered.for_each(|step| println!("{:12} {}", step.name, step.what));
        return Ok(());
    }
    let offered: Vec<&Step> = offered.collect();
    if let Some(name) = selection.only.iter().find(|name| offered.iter().all(|step| step.name != name.as_str())) {
        let names: Vec<&str> = offered.iter().map(|step| step.name).collect();
        bail!("no step is called {name:?}; there are {}", names.join(", "));
    }
    let chosen = |step: &&&Step| selection.only.is_empty() || selection.only.iter().any(|name| name == step.name);
    let workspace = Workspace::load()?;
    let ran: Vec<(&str, Duration, bool)> =
        offered.iter().filter(chosen).map(|step| timed(step, &workspace, &selection.rest)).collect();
    summary(&ran)
}

fn timed(step: &Step, workspace: &Workspace, rest: &[String]) -> (&'static str, Duration, bool) {
    println!("\n== {}: {}", step.name, step.what);
    let start = Instant::now();
    let outcome = (step.run)(workspace, rest);
    if let Err(error) = &outcome {
        println!("{error:#}");
    }
    println!("== {} {} in {:.1} s", step.name, word(outcome.is_ok()), start.elapsed().as_secs_f64());
    (step.name, start.elapsed(), outcome.is_ok())
}

fn summary(ran: &[(&str, Duration, bool)]) -> Result<()> {
    println!();
    for (name, took, good) in ran {
        println!("{name:12} {:6} {:7.1} s", word(*good), took.as_secs_f64());
    }
    let failed: Vec<&str> = ran.iter().filter(|(_, _, good)| !good).map(|(name, _, _)| *name).collect();
    let took: Duration = ran.iter().map(|(_, took, _)| *took).sum();
    if !failed.is_empty() {
        bail!("{} of {} steps failed: {}", failed.len(), ran.len(), failed.join(", "));
    }
    println!("all {} steps passed in {:.0} s", ran.len(), took.as_secs_f64());
    Ok(())
}

const fn word(good: bool) -> &'static str {
    if good { "ok" } else { "FAILED" }
}

fn fmt(workspace: &Workspace, _: &[String]) -> Result<()> {
    succeed(cargo(workspace).args(["fmt", "--all", "--", "--check"]))
}

fn clippy(workspace: &Workspace, _: &[String]) -> Result<()> {
    succeed(cargo(workspace).args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// What no other step builds, so that a change of core can't break it unseen. Without the other engines of the bench, which are gigabytes and ask nothing of core;
/// and without the controller's fuzz targets, which are one line each, and whose bodies `controller/tests/corpus.rs` runs: both would double this step.
fn clippy_apart(workspace: &Workspace, _: &[String]) -> Result<()> {
    let apart = |manifest: &str, more: &[&str]| {
        let mut command = cargo(workspace);
        command.args(["clippy", "--quiet", "--locked", "--manifest-path"]).arg(workspace.root.join(manifest));
        command.arg("--target-dir").arg(&workspace.target).args(more).args(["--", "-D", "warnings"]);
        // libFuzzer itself is linked only where a target is run; named, it is not built from C++ here.
        succeed(command.env("CUSTOM_LIBFUZZER_PATH", workspace.target.join("libfuzzer.a")))
    };
    apart("benches/Cargo.toml", &["--workspace", "--no-default-features", "--all-targets"])?;
    apart("fuzz/Cargo.toml", &["--all-targets"])
}

fn clippy_wasm(workspace: &Workspace, _: &[String]) -> Result<()> {
    tools::rust_targets(&workspace.root, &["wasm32-wasip1"])?;
    let ours = ["--package", "weir-core", "--package", "weir-filter", "--target", "wasm32-wasip1"];
    succeed(cargo(workspace).args(["clippy", "--quiet"]).args(ours).args(["--all-features", "--", "-D", "warnings"]))
}

/// Of the tests crate only the library: its test program wants Envoys, and is the step `envoy`.
fn unit(workspace: &Workspace, rest: &[String]) -> Result<()> {
    let test =
        |selection: &[&str]| succeed(cargo(workspace).args(["test", "--quiet"]).args(selection).arg("--").args(rest));
    test(&["--workspace", "--exclude", "weir-tests"])?;
    test(&["--package", "weir-tests", "--lib", "--bins"])
}

/// The public suites on the native evaluator. The step `wasm` runs the same rows in wasm32.
fn conformance(workspace: &Workspace, rest: &[String]) -> Result<()> {
    const SUITES: [&str; 7] = ["--quiet", "--package", "weir-core", "--features", "suites", "--test", "suites"];
    let bundle = suites::bundle(workspace)?;
    let cargo = |verb: &str| {
        let mut command = cargo(workspace);
        command.arg(verb).args(SUITES).arg("--").env("WEIR_SUITES", &bundle);
        command
    };
    succeed(cargo("clippy").args(["-D", "warnings"]))?;
    succeed(cargo("test").args(rest))
}

/// The golden vectors and the public suites: the other tests there are native. The runner knows no `--quiet`.
fn wasm(workspace: &Workspace, rest: &[String]) -> Result<()> {
    tools::rust_targets(&workspace.root, &["wasm32-unknown-unknown"])?;
    let node = tools::node(&workspace.target)?;
    let runner = tools::wasm_test_runner(workspace)?;
    let old = std::env::var_os("PATH").unwrap_or_default();
    let directory = node.parent().map(PathBuf::from);
    let path = std::env::join_paths(directory.into_iter().chain(std::env::split_paths(&old)))?;
    succeed(
        cargo(workspace)
            .args(["test", "--package", "weir-core", "--target", "wasm32-unknown-unknown", "--features", "suites"])
            .args(["--test", "golden", "--test", "suites", "--"])
            .args(rest)
            .env("WEIR_SUITES", suites::bundle(workspace)?)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
            .env("PATH", path)
            .env_remove("CARGO_TERM_QUIET"),
    )
}

/// For those who work here, so with private items, and links to them.
fn docs(workspace: &Workspace, _: &[String]) -> Result<()> {
    const FLAGS: &str = "-D warnings -A rustdoc::private_intra_doc_links";
    let arguments = ["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"];
    succeed(cargo(workspace).args(arguments).env("RUSTDOCFLAGS", FLAGS))?;
    paths::check(&workspace.root)
}

/// One test after the other: each starts Envoys and loads of its own, and measures.
fn envoy(workspace: &Workspace, rest: &[String]) -> Result<()> {
    let mut environment = parts(workspace, Profile::Dev)?;
    environment.push(("WEIR_PROMETHEUS", tools::prometheus(&workspace.target)?));
    succeed(
        cargo(workspace)
            .args(["test", "--package", "weir-tests", "--test", "envoy", "--", "--test-threads", "1"])
            .args(rest)
            .envs(environment),
    )
}
