//! A publisher whose proxies do what a test says.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::watch;

use crate::publish::{Counters, Mark, ProxyReport, Publication, Publisher, Refusal};

#[derive(Debug)]
pub(crate) struct Fake {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) published: Vec<Publication>,
    pub(crate) reports: Vec<ProxyReport>,
    pub(crate) refusals: BTreeMap<String, Vec<Refusal>>,
    pub(crate) highest: Option<u64>,
    pub(crate) counters: Counters,
}

impl Default for Fake {
    fn default() -> Self {
        Self { inner: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl Fake {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// The generations published, in order.
    pub(crate) fn generations(&self) -> Vec<u64> {
        self.lock().published.iter().map(|publication| publication.generation).collect()
    }

    /// `state` of the last envelope.
    pub(crate) fn last_state(&self) -> serde_json::Value {
        let inner = self.lock();
        let envelope: serde_json::Value =
            serde_json::from_str(&inner.published.last().expect("a publication").configuration).unwrap();
        envelope["state"].clone()
    }

    /// A proxy that is connected and has acknowledged and applied a generation.
    pub(crate) fn has(&self, node: &str, generation: u64, at_ms: u64) {
        let mark = Some(Mark { generation, at_ms });
        let report = ProxyReport {
            node: node.to_owned(),
            resource: "weir".to_owned(),
            stream: 1,
            peer: None,
            connected_since_ms: 1,
            gone_since_ms: None,
            duplicate: false,
            reported: None,
            sent: mark,
            acked: mark,
            applied: mark,
            refused: Vec::new(),
        };
        let mut inner = self.lock();
        inner.reports.retain(|other| other.node != node);
        inner.reports.push(report);
        drop(inner);
        self.changes.send_modify(|count| *count += 1);
    }
}

impl Publisher for Fake {
    fn publish(&self, publication: Publication) {
        self.lock().published.push(publication);
    }

    fn reports(&self) -> Vec<ProxyReport> {
        self.lock().reports.clone()
    }

    fn refusals(&self) -> BTreeMap<String, Vec<Refusal>> {
        self.lock().refusals.clone()
    }

    fn highest_generation(&self) -> Option<u64> {
        self.lock().highest
    }

    fn counters(&self) -> Counters {
        self.lock().counters
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
