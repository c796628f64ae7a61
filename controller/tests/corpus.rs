//! The controller's fuzz targets over their kept corpus: what fuzzing begins with, and what it has found.

#[path = "../../fuzz/src/controller.rs"]
#[allow(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod targets;

use std::path::{Path, PathBuf};

use weir_controller::ask::{prometheus, webhook};
use weir_controller::judge::analysis::Analysis;
use weir_controller::observation::Observation;
use weir_controller::observe::admin::ServerInfo;
use weir_controller::observe::stats;
use weir_controller::replay::replay;
use weir_core::check::check;

fn kept(corpus: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(corpus);
    let paths: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!paths.is_empty(), "{} is empty", directory.display());
    paths
}

#[track_caller]
fn run(target: fn(&[u8]), corpus: &str) {
    kept(corpus).iter().for_each(|path| target(&std::fs::read(path).unwrap()));
}

#[test]
fn answers_of_admin_interfaces() {
    run(targets::stats, "stats");
    run(targets::stats, "history");
}

#[test]
fn answers_to_custom_checks() {
    run(targets::answer, "answer");
    run(targets::answer, "stats");
}

#[test]
fn histories() {
    run(targets::history, "history");
    run(targets::history, "stats");
}

/// A corpus that nothing can read would let the two above pass without a look at what they are for.
#[test]
fn what_fuzzing_begins_with_is_read() {
    let policy = check(include_str!("../../fuzz/corpus/history.policy.json")).unwrap();
    for path in kept("history").into_iter().filter(|path| !found(path)) {
        let text = std::fs::read_to_string(&path).unwrap();
        let (lines, form) = text.split_once('\u{1e}').unwrap_or((&text, "{}"));
        let history: Result<Vec<Observation>, _> = lines.lines().map(serde_json::from_str).collect();
        let story = replay(&policy, None, Some(Analysis::read(form).unwrap()), &history.unwrap());
        assert!(story.as_ref().is_ok_and(|story| !story.events.is_empty()), "{}: {story:?}", path.display());
    }
    for path in kept("stats").into_iter().filter(|path| !found(path)) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(stats::parse(&bytes).is_ok() || ServerInfo::parse(&bytes).is_ok(), "{}", path.display());
    }
    for path in kept("answer").into_iter().filter(|path| !found(path)) {
        let bytes = std::fs::read(&path).unwrap();
        let said = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["answer"].is_string();
        let understood = !webhook::read(200, &bytes).1.contains("is not");
        assert!(prometheus::read(200, &bytes).is_ok() || (said && understood), "{}", path.display());
    }
}

/// Named so when it was put there because it broke a target; it may be any bytes.
fn found(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("found-"))
}
