//! What the demo, the benches and the tests on real Envoys run: builds it, and says by environment variables where it is. Knows how the
//! parts are built, not what they do.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::tools;

/// The workspace as cargo sees it.
pub(crate) struct Workspace {
    /// Its root directory.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// What cargo says of all packages, dependencies included.
    pub(crate) metadata: cargo_metadata::Metadata,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let metadata = cargo_metadata::MetadataCommand::new().exec().context("cargo metadata failed")?;
        Ok(Self {
            root: metadata.workspace_root.clone().into(),
            target: metadata.target_directory.clone().into(),
            metadata,
        })
    }
}

/// Cargo, in the root of the workspace.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(&workspace.root);
    command
}

/// Runs a command to its end; fails if it does.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", words(command)))?;
    if !status.success() {
        bail!("{status} from: {}", words(command));
    }
    Ok(())
}

fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}

/// How our native programs are built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quickly built: the demo and the tests.
    Dev,
    /// As users have it: the benches.
    Release,
}

impl Profile {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Dev => &[],
            Self::Release => &["--release"],
        }
    }

    fn directory(self, workspace: &Workspace) -> PathBuf {
        workspace.target.join(match self {
            Self::Dev => "debug",
            Self::Release => "release",
        })
    }
}

/// Builds all parts and becomes the named program of the tests crate, so that signals reach that one alone. Returns only on failure.
pub(crate) fn run(program: &str, profile: Profile, arguments: &[String]) -> Result<()> {
    let workspace = Workspace::load()?;
    // The judge's bench is simulated: it wants neither an Envoy nor a filter.
    let simulated = program == "bench" && arguments.iter().any(|argument| argument.starts_with("judge"));
    let environment = if simulated { Vec::new() } else { parts(&workspace, profile)? };
    eprintln!("building {program}");
    let mut build = cargo(&workspace);
    succeed(build.args(["build", "--quiet", "--package", "weir-tests", "--bin", program]).args(profile.arguments()))?;
    let path = profile.directory(&workspace).join(program);
    let error = Command::new(&path).args(arguments).envs(environment).exec();
    Err(error).with_context(|| format!("cannot start {}", path.display()))
}

/// Runs a bench of one of our crates, with criterion's own arguments.
pub(crate) fn bench(package: &str, bench: &str, arguments: &[String]) -> Result<()> {
    let workspace = Workspace::load()?;
    succeed(cargo(&workspace).args(["bench", "--quiet", "--package", package, "--bench", bench, "--"]).args(arguments))
}

/// Builds filter, trapping filter and controller and finds an Envoy; gives the environment variables by which `weir-tests` finds them.
pub(crate) fn parts(workspace: &Workspace, profile: Profile) -> Result<Vec<(&'static str, PathBuf)>> {
    tools::rust_targets(&workspace.root, &["wasm32-wasip1"])?;
    let envoy = tools::envoy(&workspace.target)?;
    eprintln!("building the filter");
    let wasm = filter(workspace, &workspace.target, &[])?;
    // A target directory of its own, else the two builds of the same file would push each other out at every run.
    let trap = filter(workspace, &workspace.target.join("trap"), &["--features", "trap"])?;
    eprintln!("building the controller");
    let mut build = cargo(workspace);
    succeed(
        build.args(["build", "--quiet", "--package", "weir-controller", "--bin", "weir"]).args(profile.arguments()),
    )?;
    let weir = profile.directory(workspace).join("weir");
    Ok(vec![("WEIR_ENVOY", envoy), ("WEIR_WASM", wasm), ("WEIR_WASM_TRAP", trap), ("WEIR_BIN", weir)])
}

fn filter(workspace: &Workspace, target: &Path, more: &[&str]) -> Result<PathBuf> {
    succeed(
        cargo(workspace)
            .args(["build", "--quiet", "--package", "weir-filter", "--target", "wasm32-wasip1", "--profile", "wasm"])
            .arg("--target-dir")
            .arg(target)
            .args(more),
    )?;
    Ok(target.join("wasm32-wasip1").join("wasm").join("weir_filter.wasm"))
}
