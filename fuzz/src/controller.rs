//! Bytes that the controller reads: what proxies' admin interfaces answer, and recorded histories.

use weir_controller::observation::Observation;
use weir_controller::observe::admin::ServerInfo;
use weir_controller::observe::stats;
use weir_controller::replay::replay;
use weir_core::check::check;

/// An answer of an admin interface, to either question.
pub fn stats(bytes: &[u8]) {
    let _info = ServerInfo::parse(bytes);
    let _stats = stats::parse(bytes);
}

/// A history, a line a tick, under the judge.
pub fn history(bytes: &[u8]) {
    const POLICY: &str = include_str!("../corpus/history.policy.json");
    let document = check(POLICY).unwrap_or_else(|faults| panic!("the history target's own policy: {faults:?}"));
    let text = String::from_utf8_lossy(bytes);
    let read = |line: &str| serde_json::from_str::<Observation>(line).ok();
    // The judge holds what it has seen of a stage: more ticks than a day has are more of the same.
    let observations: Vec<_> = text.lines().filter_map(read).take(2_000).collect();
    if let Ok(story) = replay(&document, None, None, &observations) {
        assert_eq!(story.ticks, observations.len());
    }
}
