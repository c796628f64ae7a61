//! The protocol of one stream, state of the world: what a proxy says goes in, what to do comes out. Pure: no socket, no clock, no
//! lock; the glue around it obeys.
//!
//! - The node stands in the first request only.
//! - A proxy that begins with the current version is up to date; nothing is sent.
//! - An answer is known by its nonce: with an error it is a refusal, without one an acknowledgement. An unknown nonce is stale.
//! - What a node refused is never sent to it again, and its later acknowledgement of it counts for nothing: Envoy keeps the refused
//!   bytes as "last", and acknowledges them silently when it meets them again.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::publish::version::Version;

/// Answers that are waited for at most; older ones are forgotten, as if stale.
const OUTSTANDING: usize = 1024;

/// What a proxy asked, reduced to what the protocol needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The version that the proxy has.
    pub version: String,
    /// Names of the resources that it wants.
    pub names: Vec<String>,
    /// The type that it wants; empty means the service's own.
    pub type_url: String,
    /// Nonce of the response that this answers; empty on a first request.
    pub nonce: String,
    /// Why that response was refused.
    pub error: Option<String>,
}

/// What is current, and what this node has refused.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The current publication; absent before the first.
    pub current: Option<&'a Arc<Version>>,
    /// Hashes of the configurations that the node has refused.
    pub refused: &'a [String],
}

impl Wanted<'_> {
    fn has_refused(&self, version: &Version) -> bool {
        self.refused.contains(&version.hash)
    }
}

/// What the glue has to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the current publication with this nonce.
    Send { nonce: String },
    /// The proxy has taken this version.
    Acked(Arc<Version>),
    /// The proxy began with the current version; nothing is sent.
    UpToDate(Arc<Version>),
    /// The proxy refused this version, and why.
    Refused(Arc<Version>, String),
    /// It acknowledged a version that its node had refused: not to be believed.
    SilentAck(Arc<Version>),
    /// The request can't be served: end the stream, saying why.
    End(Fault),
}

/// Why a stream is ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A type that is not an extension's configuration.
    #[error("type {found:?} is not served here, only {allowed:?}")]
    Type { found: String, allowed: String },
    /// No resource, or none that is ours.
    #[error("resources {found:?} are not served here, only {allowed:?}")]
    Resource { found: Vec<String>, allowed: String },
}

/// One stream.
#[derive(Debug)]
pub struct Stream {
    resource: String,
    type_url: String,
    subscribed: bool,
    /// What the proxy said it has when it began, until something is sent.
    reported: Option<String>,
    /// What the proxy has or will have: sent last, or reported and current.
    holds: Option<Arc<Version>>,
    outstanding: VecDeque<(u64, Arc<Version>)>,
    next_nonce: u64,
}

impl Stream {
    /// A stream that has said nothing yet, of a server that serves one resource.
    #[must_use]
    pub fn new(resource: &str, type_url: &str) -> Self {
        Self {
            resource: resource.to_owned(),
            type_url: type_url.to_owned(),
            subscribed: false,
            reported: None,
            holds: None,
            outstanding: VecDeque::new(),
            next_nonce: 1,
        }
    }

    /// A request came in.
    pub fn on_ask(&mut self, ask: &Ask, wanted: Wanted<'_>) -> Vec<Action> {
        if let Some(fault) = self.fault(ask) {
            return vec![Action::End(fault)];
        }
        let first = !self.subscribed && ask.nonce.is_empty();
        if first {
            self.reported = Some(ask.version.clone());
        }
        self.answered(ask, wanted).into_iter().chain(self.subscribe(ask, wanted)).collect()
    }

    /// There is, or may be, a new publication.
    pub fn on_publication(&mut self, wanted: Wanted<'_>) -> Option<Action> {
        let current = wanted.current?;
        if !self.subscribed || self.holds.as_ref() == Some(current) {
            return None;
        }
        let refused = wanted.has_refused(current);
        if self.reported.as_ref() == Some(&current.to_string()) {
            self.holds = Some(Arc::clone(current));
            let version = Arc::clone(current);
            return Some(if refused { Action::SilentAck(version) } else { Action::UpToDate(version) });
        }
        if refused { None } else { Some(self.send(current)) }
    }

    fn send(&mut self, version: &Arc<Version>) -> Action {
        self.reported = None;
        self.holds = Some(Arc::clone(version));
        let nonce = self.next_nonce;
        self.next_nonce = nonce.wrapping_add(1);
        if self.outstanding.len() == OUTSTANDING {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back((nonce, Arc::clone(version)));
        Action::Send { nonce: nonce.to_string() }
    }

    fn fault(&self, ask: &Ask) -> Option<Fault> {
        if !ask.type_url.is_empty() && ask.type_url != self.type_url {
            return Some(Fault::Type { found: ask.type_url.clone(), allowed: self.type_url.clone() });
        }
        // A proxy that drops its last subscription sends an empty list; as a first request it asks for nothing that exists.
        let leaving = ask.names.is_empty() && self.subscribed;
        if leaving || ask.names.contains(&self.resource) {
            return None;
        }
        Some(Fault::Resource { found: ask.names.clone(), allowed: self.resource.clone() })
    }

    fn answered(&mut self, ask: &Ask, wanted: Wanted<'_>) -> Option<Action> {
        let at = self.outstanding.iter().position(|(nonce, _)| nonce.to_string() == ask.nonce)?;
        // Answers come in order: what was sent before and has no answer yet will never have one.
        let (_, version) = self.outstanding.drain(..=at).next_back()?;
        Some(match &ask.error {
            Some(error) => Action::Refused(version, error.clone()),
            None if wanted.has_refused(&version) => Action::SilentAck(version),
            None => Action::Acked(version),
        })
    }

    fn subscribe(&mut self, ask: &Ask, wanted: Wanted<'_>) -> Option<Action> {
        let wants = !ask.names.is_empty();
        let begins = wants && !self.subscribed;
        self.subscribed = wants;
        if !wants {
            self.holds = None;
        }
        if begins { self.on_publication(wanted) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

    struct Case {
        stream: Stream,
        current: Option<Arc<Version>>,
        refused: Vec<String>,
    }

    fn version(generation: u64, configuration: &str) -> Arc<Version> {
        Arc::new(Version::of(generation, configuration))
    }

    fn ask(version: &str, nonce: &str) -> Ask {
        let names = vec!["weir".to_owned()];
        Ask { version: version.into(), names, type_url: TYPE.into(), nonce: nonce.into(), error: None }
    }

    fn nack(version: &str, nonce: &str) -> Ask {
        Ask { error: Some("no".into()), ..ask(version, nonce) }
    }

    fn send(nonce: u64) -> Action {
        Action::Send { nonce: nonce.to_string() }
    }

    impl Case {
        fn new(current: &Arc<Version>) -> Self {
            Self { stream: Stream::new("weir", TYPE), current: Some(Arc::clone(current)), refused: Vec::new() }
        }

        /// A proxy that came with nothing and was sent the current version, nonce 1.
        fn served(current: &Arc<Version>) -> Self {
            let mut case = Self::new(current);
            assert_eq!(case.ask(&ask("", "")), [send(1)]);
            case
        }

        fn ask(&mut self, ask: &Ask) -> Vec<Action> {
            let wanted = Wanted { current: self.current.as_ref(), refused: &self.refused };
            let actions = self.stream.on_ask(ask, wanted);
            for action in &actions {
                if let Action::Refused(version, _) = action {
                    self.refused.push(version.hash.clone());
                }
            }
            actions
        }

        fn publish(&mut self, version: &Arc<Version>) -> Option<Action> {
            self.current = Some(Arc::clone(version));
            self.stream.on_publication(Wanted { current: self.current.as_ref(), refused: &self.refused })
        }
    }

    #[test]
    fn a_new_proxy_is_sent_the_current_version_and_acknowledges_it() {
        let one = version(1, "one");
        let mut case = Case::served(&one);
        assert_eq!(case.ask(&ask(&one.to_string(), "1")), [Action::Acked(one)]);
    }

    #[test]
    fn a_proxy_that_has_the_current_version_is_sent_nothing() {
        let one = version(1, "one");
        let mut case = Case::new(&one);
        assert_eq!(case.ask(&ask(&one.to_string(), "")), [Action::UpToDate(Arc::clone(&one))]);
        assert_eq!(case.publish(&one), None);
        assert_eq!(case.publish(&version(2, "two")), Some(send(1)));
    }

    #[test]
    fn a_proxy_with_another_version_is_sent_the_current_one_whatever_its_generation() {
        for other in [version(1, "other"), version(9, "one"), version(0, "one")] {
            let mut case = Case::new(&version(1, "one"));
            assert_eq!(case.ask(&ask(&other.to_string(), "")), [send(1)], "{other}");
        }
    }

    #[test]
    fn before_the_first_publication_a_proxy_waits() {
        let one = version(1, "one");
        for (reported, expected) in [(String::new(), send(1)), (one.to_string(), Action::UpToDate(Arc::clone(&one)))] {
            let mut case = Case::new(&one);
            case.current = None;
            assert_eq!(case.ask(&ask(&reported, "")), []);
            assert_eq!(case.publish(&one), Some(expected));
        }
    }

    #[test]
    fn a_publication_goes_out_before_the_one_before_is_answered() {
        let (one, two) = (version(1, "one"), version(2, "two"));
        let mut case = Case::served(&one);
        assert_eq!(case.publish(&two), Some(send(2)));
        assert_eq!(case.ask(&ask(&one.to_string(), "1")), [Action::Acked(one)]);
        assert_eq!(case.ask(&ask(&two.to_string(), "2")), [Action::Acked(two)]);
    }

    #[test]
    fn a_stale_nonce_changes_nothing() {
        let (one, two) = (version(1, "one"), version(2, "two"));
        let mut case = Case::served(&one);
        case.publish(&two);
        assert_eq!(case.ask(&ask(&two.to_string(), "2")), [Action::Acked(two)]);
        for nonce in ["1", "2", "3", "x", "18446744073709551616"] {
            assert_eq!(case.ask(&ask(&one.to_string(), nonce)), [], "{nonce}");
            assert_eq!(case.ask(&nack(&one.to_string(), nonce)), [], "{nonce}");
        }
    }

    #[test]
    fn what_was_refused_is_never_sent_again_and_the_next_is() {
        let (bad, good) = (version(1, "bad"), version(2, "good"));
        let mut case = Case::served(&bad);
        assert_eq!(case.ask(&nack("", "1")), [Action::Refused(Arc::clone(&bad), "no".into())]);
        assert_eq!(case.publish(&bad), None);
        // The same bytes under another generation are the same blob.
        assert_eq!(case.publish(&version(2, "bad")), None);
        assert_eq!(case.publish(&good), Some(send(2)));
        assert_eq!(case.publish(&bad), None);
        assert_eq!(case.ask(&ask(&good.to_string(), "2")), [Action::Acked(good)]);
    }

    #[test]
    fn a_refusal_counts_also_when_something_newer_is_under_way() {
        let (bad, good) = (version(1, "bad"), version(2, "good"));
        let mut case = Case::served(&bad);
        case.publish(&good);
        assert_eq!(case.ask(&nack("", "1")), [Action::Refused(bad, "no".into())]);
        assert_eq!(case.ask(&ask(&good.to_string(), "2")), [Action::Acked(good)]);
    }

    #[test]
    fn a_silent_acknowledgement_of_what_was_refused_counts_for_nothing() {
        let bad = version(1, "bad");
        // On a new stream, under the version that Envoy then shows.
        let mut case = Case::new(&bad);
        case.refused.push(bad.hash.clone());
        assert_eq!(case.ask(&ask(&bad.to_string(), "")), [Action::SilentAck(Arc::clone(&bad))]);
        assert_eq!(case.publish(&bad), None);
        assert_eq!(case.publish(&version(2, "good")), Some(send(1)));
        // As an answer to another stream of the same node.
        let mut case = Case::served(&bad);
        case.refused.push(bad.hash.clone());
        assert_eq!(case.ask(&ask(&bad.to_string(), "1")), [Action::SilentAck(bad)]);
    }

    #[test]
    fn a_refused_version_is_not_sent_to_a_proxy_that_comes_back() {
        let bad = version(1, "bad");
        let mut case = Case::new(&bad);
        case.refused.push(bad.hash.clone());
        assert_eq!(case.ask(&ask("", "")), []);
        assert_eq!(case.publish(&version(2, "good")), Some(send(1)));
    }

    #[test]
    fn who_leaves_gets_nothing_and_who_comes_back_gets_it_again() {
        let one = version(1, "one");
        let mut case = Case::served(&one);
        assert_eq!(case.ask(&ask(&one.to_string(), "1")), [Action::Acked(one)]);
        let leave = Ask { names: Vec::new(), ..ask("1", "1") };
        assert_eq!(case.ask(&leave), []);
        assert_eq!(case.publish(&version(2, "two")), None);
        assert_eq!(case.ask(&ask("1", "1")), [send(2)]);
    }

    #[test]
    fn what_is_not_served_here_is_said() {
        let end = |fault| vec![Action::End(fault)];
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let allowed = || "weir".to_owned();
        for (asked, expected) in [
            (
                Ask { type_url: "type.googleapis.com/envoy.config.cluster.v3.Cluster".into(), ..ask("", "") },
                end(Fault::Type {
                    found: "type.googleapis.com/envoy.config.cluster.v3.Cluster".into(),
                    allowed: TYPE.into(),
                }),
            ),
            (
                Ask { names: names(&["other"]), ..ask("", "") },
                end(Fault::Resource { found: names(&["other"]), allowed: allowed() }),
            ),
            (Ask { names: names(&[]), ..ask("", "") }, end(Fault::Resource { found: names(&[]), allowed: allowed() })),
            (Ask { names: names(&["other", "weir"]), ..ask("", "") }, vec![send(1)]),
            (Ask { type_url: String::new(), ..ask("", "") }, vec![send(1)]),
        ] {
            assert_eq!(Case::new(&version(1, "one")).ask(&asked), expected, "{asked:?}");
        }
    }
}
