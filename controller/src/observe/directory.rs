//! [`Directory`]: which admin addresses belong to a node, and how far each proxy's discovered configurations were seen to be. Filled
//! by whoever reads a proxy, asked by the publisher. Clones are the same directory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::admin::AdminAddress;
use super::stats::Discovery;

/// A state that has been seen unchanged for this long is settled, in milliseconds: nothing is still on its way to a worker. Measured:
/// 0.3 s with the largest documents.
const SETTLED_MS: u64 = 1_500;

/// See the module.
#[derive(Clone, Debug)]
pub struct Directory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    proxies: Mutex<BTreeMap<String, Proxy>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Proxy {
    address: AdminAddress,
    node: String,
    filters: BTreeMap<String, History>,
}

/// What was seen of one filter's configurations at one proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Seen last.
    pub last: Discovery,
    /// Since when it has been just that, by the monotonic clock.
    pub since_ms: u64,
    /// Seen unchanged for a while, last.
    pub settled: Option<Discovery>,
}

impl History {
    fn see(&mut self, seen: &Discovery, now_ms: u64) {
        if self.last != *seen {
            self.last = seen.clone();
            self.since_ms = now_ms;
        } else if now_ms.saturating_sub(self.since_ms) >= SETTLED_MS {
            self.settled = Some(seen.clone());
        }
    }
}

impl Default for Directory {
    fn default() -> Self {
        let shared = Shared { proxies: Mutex::default(), changes: watch::Sender::new(0) };
        Self { shared: Arc::new(shared) }
    }
}

impl Directory {
    /// A proxy was read: its node, and its filters' state at `now_ms` of the monotonic clock.
    pub fn see(&self, address: &AdminAddress, node: &str, filters: &BTreeMap<String, Discovery>, now_ms: u64) {
        let key = address.to_string();
        let mut proxies = self.lock();
        // Another node at an old address is another proxy; so is one whose counts have fallen.
        proxies.retain(|other, proxy| *other != key || (proxy.node == node && !fell(&proxy.filters, filters)));
        let proxy = proxies.entry(key).or_insert_with(|| Proxy {
            address: address.clone(),
            node: node.to_owned(),
            filters: BTreeMap::new(),
        });
        for (name, seen) in filters {
            let new = || History { last: seen.clone(), since_ms: now_ms, settled: None };
            proxy.filters.entry(name.clone()).or_insert_with(new).see(seen, now_ms);
        }
        drop(proxies);
        self.shared.changes.send_modify(|revision| *revision = revision.wrapping_add(1));
    }

    /// The addresses of a node; more than one if several proxies say that they are it.
    #[must_use]
    pub fn addresses(&self, node: &str) -> Vec<AdminAddress> {
        self.lock().values().filter(|proxy| proxy.node == node).map(|proxy| proxy.address.clone()).collect()
    }

    /// What was seen of a filter at an address.
    #[must_use]
    pub fn history(&self, address: &AdminAddress, filter: &str) -> Option<History> {
        self.lock().get(&address.to_string())?.filters.get(filter).cloned()
    }

    /// Changes whenever a proxy was read.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Proxy>> {
        self.shared.proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fell(before: &BTreeMap<String, History>, now: &BTreeMap<String, Discovery>) -> bool {
    before.iter().any(|(name, history)| {
        let last = &history.last;
        now.get(name).is_none_or(|now| {
            now.reloads < last.reloads || now.accepted < last.accepted || now.rejected < last.rejected
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> AdminAddress {
        AdminAddress::parse(&format!("http://127.0.0.1:{port}")).unwrap()
    }

    fn filters(version: &str, reloads: u64) -> BTreeMap<String, Discovery> {
        let seen = Discovery { version: version.into(), reloads, accepted: reloads, rejected: 0 };
        BTreeMap::from([("weir".to_owned(), seen)])
    }

    #[test]
    fn a_node_has_the_addresses_that_say_so_now() {
        let directory = Directory::default();
        directory.see(&address(1), "a", &filters("1", 1), 0);
        directory.see(&address(2), "a", &filters("1", 1), 0);
        assert_eq!(directory.addresses("a"), [address(1), address(2)]);
        directory.see(&address(2), "b", &filters("1", 1), 0);
        assert_eq!(directory.addresses("a"), [address(1)]);
        assert_eq!(directory.addresses("b"), [address(2)]);
        assert_eq!(directory.addresses("c"), []);
    }

    #[test]
    fn settled_is_what_stayed_for_a_while() {
        let directory = Directory::default();
        let settled = || directory.history(&address(1), "weir").unwrap().settled.map(|seen| seen.version);
        for (now_ms, version, reloads, expected) in [
            (0, "1", 1, None),
            (SETTLED_MS - 1, "1", 1, None),
            (SETTLED_MS, "1", 1, Some("1")),
            (SETTLED_MS + 1, "2", 2, Some("1")),
            (2 * SETTLED_MS, "2", 2, Some("1")),
            (3 * SETTLED_MS, "2", 2, Some("2")),
            // Restarted: what was known is of another process.
            (4 * SETTLED_MS, "2", 1, None),
        ] {
            directory.see(&address(1), "a", &filters(version, reloads), now_ms);
            assert_eq!(settled().as_deref(), expected, "at {now_ms}");
        }
    }
}
