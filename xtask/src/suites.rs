//! The public test suites: taken from packages of the registry that ship them (`core/suites/Cargo.toml`, resolved and never compiled) and bundled into one
//! file, so that core's tests read the same rows natively and in wasm32, where there are no files. Knows where the suites are, not what they say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::build::Workspace;

/// Package, what is taken of it, and under which name.
const TAKEN: [(&str, &str, &str); 4] = [
    ("open-feature-flagd", "flagd-testbed/evaluator", "testbed/evaluator"),
    ("open-feature-flagd", "flagd-testbed/gherkin", "testbed/gherkin"),
    ("open-feature-flagd", "flagd-testbed/flags", "testbed/flags"),
    ("open-feature-flagd", "schemas/json/test", "schemas"),
];
/// flagd's schema itself, in its two files.
const SCHEMAS: [&str; 2] = ["flags.json", "targeting.json"];
const JSONLOGIC: (&str, &str, &str) = ("jsonlogic-rs", "tests/data/tests.json", "jsonlogic/tests.json");

/// Writes the bundle, a JSON object of texts by name; gives its path.
pub(crate) fn bundle(workspace: &Workspace) -> Result<PathBuf> {
    let manifest = workspace.root.join("core").join("suites").join("Cargo.toml");
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(manifest)
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .context("the packages that ship the test suites could not be had")?;
    let source = |name: &str| -> Result<PathBuf> {
        let package = metadata.packages.iter().find(|package| package.name.as_str() == name);
        let package = package.with_context(|| format!("core/suites does not depend on {name}"))?;
        Ok(package.manifest_path.parent().context("a manifest lies in a directory")?.into())
    };
    let mut texts = BTreeMap::new();
    for (package, from, to) in TAKEN {
        take(&source(package)?.join(from), to, &mut texts)?;
    }
    for file in SCHEMAS {
        texts.insert(format!("schema/{file}"), read(&source("open-feature-flagd")?.join("schemas/json").join(file))?);
    }
    let (package, from, to) = JSONLOGIC;
    texts.insert(to.to_owned(), read(&source(package)?.join(from))?);
    write(&workspace.target.join("suites").join("bundle.json"), &serde_json::to_string_pretty(&texts)?)
}

fn take(directory: &Path, name: &str, texts: &mut BTreeMap<String, String>) -> Result<()> {
    let before = texts.len();
    for entry in fs::read_dir(directory).with_context(|| format!("no {}", directory.display()))? {
        let path = entry?.path();
        let Some(file) = path.file_name().and_then(|file| file.to_str()) else { continue };
        let below = format!("{name}/{file}");
        if path.is_dir() {
            take(&path, &below, texts)?;
        } else if [".feature", ".json"].iter().any(|end| file.ends_with(end)) {
            texts.insert(below, read(&path)?);
        }
    }
    if texts.len() == before && !name.ends_with("negative") {
        bail!("{} holds nothing of the suites", directory.display());
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Leaves an unchanged file alone, for what was compiled with it stays compiled.
fn write(path: &Path, text: &str) -> Result<PathBuf> {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::create_dir_all(path.parent().context("a file lies in a directory")?)?;
        fs::write(path, text)?;
    }
    Ok(path.to_owned())
}
