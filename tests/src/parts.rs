//! Where the built parts are. `cargo xtask` builds them and says so in the environment; without it they are looked for where it puts them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The workspace's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// The Envoy binary.
///
/// # Errors
/// There is none, and which command builds or installs it.
pub fn envoy() -> Result<PathBuf> {
    find("WEIR_ENVOY", "tools/envoy-1.40.0/envoy/_bin/envoy")
}

/// The filter.
///
/// # Errors
/// There is none, and which command builds it.
pub fn wasm() -> Result<PathBuf> {
    find("WEIR_WASM", "wasm32-wasip1/wasm/weir_filter.wasm")
}

/// The filter in its test-only build, which traps when asked to.
///
/// # Errors
/// There is none, and which command builds it.
pub fn wasm_trap() -> Result<PathBuf> {
    find("WEIR_WASM_TRAP", "trap/wasm32-wasip1/wasm/weir_filter.wasm")
}

/// The controller and its verbs: `weir`.
///
/// # Errors
/// There is none, and which command builds it.
pub fn weir() -> Result<PathBuf> {
    find("WEIR_BIN", "debug/weir")
}

/// A Prometheus.
///
/// # Errors
/// There is none, and which command installs it.
pub fn prometheus() -> Result<PathBuf> {
    find("WEIR_PROMETHEUS", "tools/prometheus/usr/bin/prometheus")
}

fn find(variable: &str, below_target: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(|| root().join("target").join(below_target), PathBuf::from);
    if !path.is_file() {
        bail!(
            "{} is missing ({variable} says where it is): `cargo xtask test --only envoy` builds all parts",
            path.display()
        );
    }
    Ok(path)
}
