//! Fuzzing: builds a target with coverage counters, which the stable compiler can put in, and runs libFuzzer on it. New inputs go to `target/fuzz/corpus`, what
//! breaks a target to `target/fuzz/found`; the kept corpus (`fuzz/corpus`) is only read, and run by `cargo test`.

use std::fs::File;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::build::{Workspace, cargo, succeed};

/// Target, and whether it needs the controller.
const TARGETS: [(&str, bool); 8] = [
    ("document", false),
    ("rule", false),
    ("snapshot", false),
    ("request", false),
    ("name", false),
    ("stats", true),
    ("answer", true),
    ("history", true),
];

/// Coverage as libFuzzer reads it, and no sanitizer: core has no unsafe code.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// The longest an input may take, in seconds: a thousand times what the limit of work allows.
const TIMEOUT: &str = "5";

/// What is fuzzed, and for how long.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// document, rule, snapshot, request, name, stats, answer or history; all, one after the other, if none is named.
    target: Option<String>,
    /// Each target's time, in seconds.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u32,
}

/// Builds and runs; fails at the first input that breaks a target.
pub(crate) fn run(workspace: &Workspace, fuzz: &Fuzz) -> Result<()> {
    let named = |(name, _): &&(&str, bool)| fuzz.target.as_deref().is_none_or(|target| target == *name);
    let chosen: Vec<_> = TARGETS.iter().filter(named).collect();
    if chosen.is_empty() {
        bail!("the targets are {}", TARGETS.map(|(name, _)| name).join(", "));
    }
    chosen.into_iter().try_for_each(|(name, controller)| one(workspace, name, *controller, fuzz.seconds))
}

fn one(workspace: &Workspace, name: &str, controller: bool, seconds: u32) -> Result<()> {
    let host = host()?;
    let (source, target) = (workspace.root.join("fuzz"), workspace.target.join("fuzz"));
    let mut build = cargo(workspace);
    // With a target named, the flags are not those of build scripts, which have no libFuzzer to count for.
    build.current_dir(&source).args(["build", "--quiet", "--release", "--locked", "--target", &host, "--bin", name]);
    build.args(if controller { ["--features", "controller"].as_slice() } else { &[] });
    succeed(build.arg("--target-dir").arg(&target).env("RUSTFLAGS", FLAGS))?;
    let (corpus, found) = (target.join("corpus").join(name), target.join("found"));
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&found)?;
    println!("fuzzing {name} for {seconds} s");
    let log = target.join(format!("{name}.log"));
    let mut run = Command::new(target.join(&host).join("release").join(name));
    run.arg(format!("-dict={}", source.join("weir.dict").display()));
    run.arg(format!("-artifact_prefix={}/{name}-", found.display()));
    run.args([&format!("-max_total_time={seconds}"), &format!("-timeout={TIMEOUT}"), "-max_len=8192"]);
    run.arg("-print_final_stats=1").arg(&corpus).arg(source.join("corpus").join(name));
    let outcome = succeed(run.stderr(File::create(&log)?));
    let said = std::fs::read(&log)?;
    let said = String::from_utf8_lossy(&said);
    if outcome.is_err() {
        // Without the fuzzer's own progress.
        said.lines().filter(|line| !line.starts_with(['#', '\t'])).for_each(|line| println!("{line}"));
    }
    println!("{name}: {} runs, {} inputs in the corpus", runs(&said), std::fs::read_dir(&corpus)?.count());
    outcome.with_context(|| format!("{name}: the input lies in {}; keep it in fuzz/corpus/{name}", found.display()))
}

/// How many inputs were run, by the fuzzer's own count.
fn runs(said: &str) -> &str {
    said.lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .map_or("an unknown number of", str::trim)
}

/// What this compiler builds for when nothing is said.
fn host() -> Result<String> {
    let version = Command::new("rustc").arg("-vV").output().context("rustc does not run")?;
    let text = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    Ok(host.to_owned())
}
