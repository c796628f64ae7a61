//! `cargo xtask bench evaluate`: our evaluator beside others. They live in a workspace of their own (`benches`), which is built here with what it needs: a
//! `protoc` for flagd's provider, our evaluator in wasm32, and flagd's JavaScript from npm where there is one.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::build::{Workspace, cargo, succeed};
use crate::tools;

/// Builds all and becomes the bench. Returns only on failure.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let workspace = Workspace::load()?;
    tools::rust_targets(&workspace.root, &["wasm32-unknown-unknown"])?;
    let protoc = tools::protoc(&workspace.target)?;
    eprintln!("building our evaluator in wasm32");
    build(&workspace, "weir-bench-wasm", &["--target", "wasm32-unknown-unknown"], &protoc)?;
    eprintln!("building the bench with its peers (several minutes, once)");
    build(&workspace, "weir-peers", &[], &protoc)?;
    let program = workspace.target.join("release").join("bench-evaluate");
    let mut command = Command::new(&program);
    command.args(arguments).envs(node(&workspace));
    Err(command.exec()).with_context(|| format!("cannot start {}", program.display()))
}

fn build(workspace: &Workspace, package: &str, more: &[&str], protoc: &Path) -> Result<()> {
    let manifest = workspace.root.join("benches").join("Cargo.toml");
    let mut command = cargo(workspace);
    command.args(["build", "--quiet", "--locked", "--release", "--package", package, "--manifest-path"]).arg(manifest);
    command.arg("--target-dir").arg(&workspace.target).args(more).env("PROTOC", protoc);
    succeed(&mut command)
}

/// Where the bench finds Node and what Node runs; the bench says what it misses.
fn node(workspace: &Workspace) -> Vec<(&'static str, PathBuf)> {
    let wasm = workspace.target.join("wasm32-unknown-unknown").join("release").join("weir_bench_wasm.wasm");
    let mut environment = vec![("WEIR_BENCH_WASM", wasm)];
    match tools::node(&workspace.target) {
        Ok(node) => environment.push(("WEIR_BENCH_NODE", node)),
        Err(error) => eprintln!("without Node: {error:#}"),
    }
    match tools::npm_package(&workspace.target, "@openfeature/flagd-core", "4.0.1") {
        Ok(package) => environment.push(("WEIR_BENCH_FLAGD", package)),
        Err(error) => eprintln!("without flagd's JavaScript: {error:#}"),
    }
    environment
}
