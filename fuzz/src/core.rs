//! Bytes that core reads: documents, rules, snapshots, requests, names of metrics.

use std::borrow::Cow;

use weir_core::check::{Limits, Severity, check, examine};
use weir_core::decide::{Request, decide};
use weir_core::document::Hashing;
use weir_core::evaluate::{FlagSet, Kind};
use weir_core::json::Json;
use weir_core::name::Metric;
use weir_core::rule::{Question, Rule};
use weir_core::snapshot::{PlanCache, Snapshot};

/// Between the parts of an input; no byte of JSON.
const SEPARATOR: char = '\u{1e}';
const KINDS: [Kind; 5] = [Kind::Boolean, Kind::String, Kind::Integer, Kind::Float, Kind::Object];
const NOW_MS: u64 = 1_700_000_000_000;

/// A document, and behind the separator a context: examined as the command line does, checked as a proxy does, and every flag evaluated.
pub fn document(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (document, context) = text.split_once(SEPARATOR).unwrap_or((&text, "{}"));
    let context = Json::read(context).unwrap_or(Json::Null);
    let examined = examine(document, &Limits::default());
    let checked = check(document);
    assert_eq!(examined.document.is_some(), checked.is_ok(), "the two differ: {:?}, {checked:?}", examined.findings);
    assert_eq!(examined.count(Severity::Error) > 0, checked.is_err(), "{:?}", examined.findings);
    let document = match checked {
        Ok(document) => document,
        Err(faults) => return assert!(!faults.is_empty(), "refused, and nothing said"),
    };
    let flags = FlagSet::new(document);
    for flag in flags.document().flags.iter().take(50) {
        for kind in KINDS {
            let found = flags.evaluate(&flag.key, &context, NOW_MS).expect(kind);
            assert!(found.error.is_none() || found.value.is_none(), "an error has no value: {found:?}");
            assert_eq!(found.value.is_some(), found.variant.is_some(), "{found:?}");
            found.metadata().for_each(drop);
        }
    }
}

/// A rule, and behind the separator a context: compiled, and evaluated in both dialects.
pub fn rule(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (rule, context) = text.split_once(SEPARATOR).unwrap_or((&text, "{}"));
    let (Ok(rule), Ok(context)) = (Json::read(rule), Json::read(context)) else { return };
    let Ok(rule) = Rule::compile(&rule) else { return };
    for hashing in [Hashing::FlagdV3, Hashing::FlagdV2] {
        let question = Question::new("flag", &context).at(NOW_MS).hashing(hashing);
        // A text is as long as a rule has made it, never longer than it could pay for.
        if let Ok(value) = rule.evaluate(&question)
            && let Json::String(text) = value.owned()
        {
            assert!(text.len() <= (4 << 20) + bytes.len(), "a text of {} bytes", text.len());
        }
    }
}

/// What a filter is configured with, twice: the second reading finds its document in the cache, and must say the same.
pub fn snapshot(bytes: &[u8]) {
    let mut cache = PlanCache::default();
    let first = Snapshot::read(bytes, &mut cache);
    let again = Snapshot::read(bytes, &mut cache);
    match (first, again) {
        (Ok(Some(first)), Ok(Some(again))) => {
            assert_eq!((first.generation, &first.document_hash), (again.generation, &again.document_hash));
            assert_eq!(first.flags, again.flags);
            decide(&first, &Lines(b":path: /checkout?a=b\nx-user-id: u"), |_| {});
        }
        (Ok(None), Ok(None)) => {}
        (Err(first), Err(again)) => {
            assert!(!first.is_empty());
            assert_eq!(first.len(), again.len());
        }
        (first, again) => panic!("not the same twice: {first:?}, {again:?}"),
    }
}

/// Headers against a document that reads each kind of source.
pub fn request(bytes: &[u8]) {
    const DOCUMENT: &[u8] = include_bytes!("../corpus/request.document.json");
    let snapshot = Snapshot::read(DOCUMENT, &mut PlanCache::default());
    let Ok(Some(snapshot)) = snapshot else { panic!("the request target's own document: {snapshot:?}") };
    let mut decisions = 0;
    decide(&snapshot, &Lines(bytes), |decision| {
        decisions += 1;
        let flag = &snapshot.plan.flags[decision.flag];
        assert_eq!(decision.variant.is_some(), decision.variant.and_then(|chosen| chosen.name(flag)).is_some());
    });
    assert!(decisions <= snapshot.plan.flags.len());
}

/// A metric's name; what is read is read again from what is written.
pub fn name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(metric) = Metric::parse(&text) {
        assert_eq!(Metric::parse(&metric.to_string()), Some(metric));
    }
}

/// A request of lines `name: value`.
struct Lines<'b>(&'b [u8]);

impl Request for Lines<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let value = |line: &'_ [u8]| line.strip_prefix(name.as_bytes())?.strip_prefix(b": ").map(<[u8]>::to_vec);
        self.0.split(|byte| *byte == b'\n').find_map(value).map(Cow::Owned)
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }
}
