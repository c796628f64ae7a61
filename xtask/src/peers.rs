//! flagd's own evaluators, which Weir's is compared with: from their registries in the versions that `tests/peers` locks, installed under `target/tools/peers`
//! by the ordinary clients. Knows how each is installed and started, not what it is asked.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::build::{Workspace, cargo, succeed};
use crate::tools;

/// Questions to each peer in `cargo xtask test`.
const QUESTIONS: usize = 12_000;

/// How much is asked.
#[derive(Args)]
pub(crate) struct Extent {
    /// Questions to each peer.
    #[arg(long, value_name = "N", default_value_t = QUESTIONS)]
    cases: usize,
    /// The generator's seed: the same seed, the same questions.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What `cargo xtask test` asks.
pub(crate) const FIXED: Extent = Extent { cases: QUESTIONS, seed: 1 };

/// One peer, ready to be started.
struct Peer {
    name: &'static str,
    command: Vec<PathBuf>,
    /// Where it finds its packages.
    environment: Option<(&'static str, PathBuf)>,
}

/// Weir beside every peer.
pub(crate) fn compare(workspace: &Workspace, extent: &Extent) -> Result<()> {
    let mut peers = vec![pypi(workspace)?, npm(workspace)?];
    match go(workspace) {
        Ok(peer) => peers.push(peer),
        Err(error) => println!("SKIPPED: the third peer, flagd's core in Go, is not compared with: {error:#}"),
    }
    let mut run = cargo(workspace);
    run.args(["run", "--quiet", "--package", "weir-tests", "--bin", "conformance", "--"]);
    run.args(["--cases", &extent.cases.to_string(), "--seed", &extent.seed.to_string()]);
    for peer in peers {
        run.arg("--peer").arg(format!("{}={}", peer.name, serde_json::to_string(&peer.command)?));
        run.envs(peer.environment);
    }
    succeed(&mut run)
}

fn pypi(workspace: &Workspace) -> Result<Peer> {
    let source = source(workspace, "pypi");
    let installed = installed(workspace, &source, "requirements.txt", |directory| {
        tools::pip(directory, &["--requirement".as_ref(), source.join("requirements.txt").as_os_str()])
    })?;
    let command = vec!["python3".into(), source.join("driver.py")];
    Ok(Peer { name: "pypi", command, environment: Some(("PYTHONPATH", installed)) })
}

fn npm(workspace: &Workspace) -> Result<Peer> {
    let source = source(workspace, "npm");
    let node = tools::node(&workspace.target)?;
    let installed = installed(workspace, &source, "package-lock.json", |directory| {
        std::fs::create_dir_all(directory)?;
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(source.join(file), directory.join(file))?;
        }
        let mut npm = tools::npm(&node)?;
        succeed(npm.current_dir(directory).args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]))
    })?;
    let command = vec![node, source.join("driver.js")];
    Ok(Peer { name: "npm", command, environment: Some(("NODE_PATH", installed.join("node_modules"))) })
}

/// For whom has Go.
fn go(workspace: &Workspace) -> Result<Peer> {
    let source = source(workspace, "go");
    let version = Command::new("go").arg("version").stdout(Stdio::null()).status().context("go does not run")?;
    if !version.success() {
        bail!("go version: {version}");
    }
    let name = "peer";
    let installed = installed(workspace, &source, "go.sum", |directory| {
        std::fs::create_dir_all(directory)?;
        let mut build = Command::new("go");
        build.current_dir(&source).args(["build", "-mod=readonly", "-o"]).arg(directory.join(name)).arg(".");
        succeed(&mut build)
    })?;
    Ok(Peer { name: "go", command: vec![installed.join(name)], environment: None })
}

fn source(workspace: &Workspace, peer: &str) -> PathBuf {
    workspace.root.join("tests").join("peers").join(peer)
}

/// The directory where a peer is, installed if it is not, or if its lock or its program has changed since.
fn installed(
    workspace: &Workspace,
    source: &Path,
    lock: &str,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let name = source.file_name().context("a peer has a directory")?;
    let directory = workspace.target.join("tools").join("peers").join(name);
    let mut wanted = std::fs::read_to_string(source.join(lock))?;
    // Go's is compiled: its program belongs to what is installed.
    wanted.push_str(&std::fs::read_to_string(source.join("main.go")).unwrap_or_default());
    let mark = directory.join("installed");
    if std::fs::read_to_string(&mark).is_ok_and(|mark| mark == wanted) {
        return Ok(directory);
    }
    println!("installing the peer {} under {}", name.display(), directory.display());
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    install(&directory).with_context(|| format!("the peer {} could not be installed", name.display()))?;
    std::fs::write(&mark, wanted)?;
    Ok(directory)
}
