//! The fuzz targets over their kept corpus: what fuzzing begins with, and what it has found.
#![cfg(not(target_arch = "wasm32"))]

#[path = "../../fuzz/src/core.rs"]
#[allow(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod targets;

use std::path::Path;

#[track_caller]
fn run(target: fn(&[u8]), corpus: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(corpus);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&directory).unwrap() {
        target(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", directory.display());
}

#[test]
fn documents() {
    run(targets::document, "document");
    run(targets::snapshot, "document");
}

#[test]
fn rules() {
    run(targets::rule, "rule");
}

#[test]
fn snapshots() {
    run(targets::snapshot, "snapshot");
}

#[test]
fn requests() {
    run(targets::request, "request");
}

#[test]
fn names_of_metrics() {
    run(targets::name, "name");
}
