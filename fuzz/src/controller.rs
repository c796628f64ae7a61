//! Bytes that the controller reads: what proxies' admin interfaces, a Prometheus and webhooks answer, and recorded histories.

use weir_controller::ask::{prometheus, webhook};
use weir_controller::judge::analysis::Analysis;
use weir_controller::observation::Observation;
use weir_controller::observe::admin::ServerInfo;
use weir_controller::observe::stats;
use weir_controller::replay::replay;
use weir_core::check::check;

/// Between the parts of an input; no byte of JSON.
const SEPARATOR: char = '\u{1e}';

/// An answer of an admin interface, to either question.
pub fn stats(bytes: &[u8]) {
    let _info = ServerInfo::parse(bytes);
    let _stats = stats::parse(bytes);
}

/// An answer to a custom check, of either kind: a number that is none never counts, and no words of others go on without end.
pub fn answer(bytes: &[u8]) {
    for status in [200, 204, 400, 503] {
        match prometheus::read(status, bytes) {
            Ok(number) => assert!(number.is_none_or(f64::is_finite)),
            Err(why) => assert!(why.chars().count() < 300, "{why}"),
        }
        let (_said, why) = webhook::read(status, bytes);
        assert!(why.chars().count() < 300 && !why.contains(char::is_control), "{why}");
    }
}

/// A history, a line a tick, and behind the separator the form of an analysis: told under both the guardrails alone and, if the form is right, with it.
pub fn history(bytes: &[u8]) {
    const POLICY: &str = include_str!("../corpus/history.policy.json");
    let document = check(POLICY).unwrap_or_else(|findings| panic!("the history target's own policy: {findings:?}"));
    let text = String::from_utf8_lossy(bytes);
    let (lines, form) = text.split_once(SEPARATOR).unwrap_or((&text, "{}"));
    let read = |line: &str| serde_json::from_str::<Observation>(line).ok();
    // The judge holds what it has seen of a stage: more ticks than a day has are more of the same.
    let observations: Vec<_> = lines.lines().filter_map(read).take(2_000).collect();
    for analysis in [None, Analysis::read(form).ok()] {
        if let Ok(story) = replay(&document, None, analysis, &observations) {
            assert_eq!(story.ticks, observations.len());
            let told = serde_json::to_string(&story);
            assert!(told.is_ok(), "no JSON: {told:?}");
        }
    }
}
