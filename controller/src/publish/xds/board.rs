//! What all streams share: the current publication, every stream's report, refusals by node, totals. The only lock of the publisher;
//! it is never held across an await, nor while a resource is encoded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use envoy_types::pb::google::protobuf::Any;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::publish::report::{Counters, Mark, ProxyReport, Publication, Refusal};
use crate::publish::resource::{self, FilterSettings};
use crate::publish::version::{Version, generation_of};

/// Refusals remembered of a node; the oldest goes first.
const REFUSALS_PER_NODE: usize = 16;
/// Nodes whose refusals are remembered.
const REFUSING_NODES: usize = 4096;
/// Reports kept of proxies that are gone.
const GONE_KEPT: usize = 256;
/// Reported versions kept; only the highest matter.
const REPORTED_KEPT: usize = 8;
/// Characters kept of what a proxy said.
const ERROR_CHARS: usize = 500;

/// The current publication, ready to be sent.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) version: Arc<Version>,
    pub(super) resource: Any,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) settings: FilterSettings,
    clock: Clock,
    state: Mutex<State>,
    current: watch::Sender<Option<Arc<Current>>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    streams: BTreeMap<u64, ProxyReport>,
    refused: BTreeMap<String, Vec<Refusal>>,
    counters: Counters,
    reported: BTreeSet<(u64, String)>,
    last_stream: u64,
}

impl Board {
    /// A board without publication. `refused` is what was remembered, by node, before a restart of the controller.
    pub(super) fn new(settings: FilterSettings, clock: Clock, refused: BTreeMap<String, Vec<Refusal>>) -> Self {
        let state = State { refused, ..State::default() };
        Self {
            settings,
            clock,
            state: Mutex::new(state),
            current: watch::Sender::new(None),
            changes: watch::Sender::new(0),
        }
    }

    /// Takes a publication for all streams.
    pub(super) fn publish(&self, publication: &Publication) {
        let version = Arc::new(publication.version());
        if self.current.borrow().as_ref().is_some_and(|current| current.version == version) {
            return;
        }
        let resource = resource::build(&self.settings, &publication.configuration);
        self.current.send_replace(Some(Arc::new(Current { version, resource })));
        self.changed();
    }

    /// The publication, and when it is replaced.
    pub(super) fn current(&self) -> watch::Receiver<Option<Arc<Current>>> {
        self.current.subscribe()
    }

    /// Changes whenever a report does.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Every stream that is up, and the last of the nodes that have none.
    pub(super) fn reports(&self) -> Vec<ProxyReport> {
        let state = self.lock();
        let mut up: BTreeMap<&str, usize> = BTreeMap::new();
        for report in state.streams.values().filter(|report| report.connected()) {
            *up.entry(&report.node).or_default() += 1;
        }
        let mut reports: Vec<ProxyReport> = state
            .streams
            .values()
            .map(|report| ProxyReport {
                duplicate: report.connected() && up.get(report.node.as_str()).is_some_and(|streams| *streams > 1),
                refused: state.refused.get(&report.node).cloned().unwrap_or_default(),
                ..report.clone()
            })
            .collect();
        reports.sort_by(|a, b| (&a.node, a.stream).cmp(&(&b.node, b.stream)));
        reports
    }

    /// The highest generation reported of another version than the current one.
    pub(super) fn highest_generation(&self) -> Option<u64> {
        let current = self.current.borrow().as_ref().map(|current| current.version.to_string());
        let state = self.lock();
        state.reported.iter().rev().find(|(_, text)| Some(text) != current.as_ref()).map(|(generation, _)| *generation)
    }

    /// Totals.
    pub(super) fn counters(&self) -> Counters {
        self.lock().counters
    }

    /// Everything refused, by node.
    pub(super) fn refusals(&self) -> BTreeMap<String, Vec<Refusal>> {
        self.lock().refused.clone()
    }

    /// Hashes of what a node has refused.
    pub(super) fn refused_by(&self, node: &str) -> Vec<String> {
        let state = self.lock();
        state.refused.get(node).map(|all| all.iter().map(|refusal| refusal.hash.clone()).collect()).unwrap_or_default()
    }

    /// A stream has told its node: gives the stream its number.
    pub(super) fn open(&self, node: &str, peer: Option<String>) -> u64 {
        let now_ms = self.clock.now_ms();
        let mut state = self.lock();
        state.last_stream += 1;
        let stream = state.last_stream;
        state.counters.streams += 1;
        // What the proxy told before is replaced by what it tells now.
        state.streams.retain(|_, report| report.connected() || report.node != node);
        if state.streams.values().any(|report| report.node == node) {
            state.counters.duplicate_nodes += 1;
            tracing::warn!(node, stream, "two streams with one node id");
        }
        let report = ProxyReport {
            node: node.to_owned(),
            resource: self.settings.resource.clone(),
            stream,
            peer,
            connected_since_ms: now_ms,
            gone_since_ms: None,
            duplicate: false,
            reported: None,
            sent: None,
            acked: None,
            applied: None,
            refused: Vec::new(),
        };
        state.streams.insert(stream, report);
        self.release(state);
        stream
    }

    /// A stream has ended.
    pub(super) fn close(&self, stream: u64) {
        let now_ms = self.clock.now_ms();
        let mut state = self.lock();
        if let Some(report) = state.streams.get_mut(&stream) {
            report.gone_since_ms = Some(now_ms);
        }
        let gone: Vec<u64> = state.streams.iter().filter(|(_, r)| !r.connected()).map(|(number, _)| *number).collect();
        for number in gone.iter().take(gone.len().saturating_sub(GONE_KEPT)) {
            state.streams.remove(number);
        }
        self.release(state);
    }

    /// A proxy says which version it has.
    pub(super) fn reported(&self, stream: u64, text: &str) {
        let mut state = self.lock();
        let Some(report) = state.streams.get_mut(&stream) else { return };
        if text.is_empty() || report.reported.as_deref() == Some(text) {
            return;
        }
        report.reported = Some(shortened(text));
        if let Some(generation) = generation_of(text) {
            state.reported.insert((generation, text.to_owned()));
            if state.reported.len() > REPORTED_KEPT {
                state.reported.pop_first();
            }
        }
        self.release(state);
    }

    /// A version was sent.
    pub(super) fn sent(&self, stream: u64, version: &Version) {
        self.mark(
            stream,
            |report, counters, mark| {
                report.sent = Some(mark);
                counters.sent += 1;
            },
            version,
        );
    }

    /// A proxy has taken a version, or had it already.
    pub(super) fn acked(&self, stream: u64, version: &Version) {
        self.mark(stream, |report, _, mark| report.acked = Some(mark), version);
    }

    /// All workers of a proxy serve a version.
    pub(super) fn applied(&self, stream: u64, version: &Version) {
        self.mark(stream, |report, _, mark| report.applied = Some(mark), version);
    }

    /// A proxy acknowledged what it had refused.
    pub(super) fn silent_ack(&self, stream: u64, version: &Version) {
        tracing::warn!(stream, %version, "acknowledged what it had refused; ignored");
        self.mark(stream, |_, counters, _| counters.silent_acks_ignored += 1, version);
    }

    /// A proxy refused a version.
    pub(super) fn refused(&self, stream: u64, version: &Version, error: &str) {
        tracing::error!(stream, %version, error, "a proxy refused a configuration");
        let at_ms = self.clock.now_ms();
        let mut state = self.lock();
        state.counters.refused += 1;
        let Some(node) = state.streams.get(&stream).map(|report| report.node.clone()) else { return };
        let all = state.refused.entry(node).or_default();
        if !all.iter().any(|refusal| refusal.hash == version.hash) {
            let error = shortened(error);
            all.push(Refusal { hash: version.hash.clone(), generation: version.generation, error, at_ms });
        }
        if all.len() > REFUSALS_PER_NODE {
            all.remove(0);
        }
        if state.refused.len() > REFUSING_NODES {
            state.refused.pop_first();
        }
        self.release(state);
    }

    /// A request could not be served.
    pub(super) fn rejected(&self) {
        let mut state = self.lock();
        state.counters.rejected_requests += 1;
        self.release(state);
    }

    fn mark(&self, stream: u64, set: impl FnOnce(&mut ProxyReport, &mut Counters, Mark), version: &Version) {
        let mark = Mark { generation: version.generation, at_ms: self.clock.now_ms() };
        let mut guard = self.lock();
        let state = &mut *guard;
        if let Some(report) = state.streams.get_mut(&stream) {
            set(report, &mut state.counters, mark);
        }
        self.release(guard);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unlocks, and tells whoever waits for changes.
    fn release(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|revision| *revision = revision.wrapping_add(1));
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(ERROR_CHARS).collect()
}
