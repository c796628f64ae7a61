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
