//! Acknowledged is not applied: an acknowledgement says that the main thread has accepted; workers follow. Owns the rule that tells
//! when they have, and asks the admin interface until it is so.
//!
//! Measured with Envoy 1.40. `version_text` and `update_success` move when the main thread has accepted, `update_rejected` and
//! `config_reload` when it has refused, and `config_reload` again when every worker has taken what was accepted. So
//! `update_success + update_rejected - config_reload` updates are still on their way, and at 0 `version_text` is what workers serve.
//! The exception is an update with the same bytes as the one before: it counts as success and reloads nothing. After a refusal this
//! makes even `version_text` lie (the "silent acknowledgement"), and leaves a difference that stays for the life of the process.
//! Therefore a difference counts as nothing on its way only when it was there, settled, before the version in question.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock::Clock;
use crate::observe::Directory;
use crate::observe::admin::{AdminAddress, AdminConnection};
use crate::observe::directory::History;
use crate::observe::stats::{DISCOVERY_PATH, Discovery, parse};

use super::version::Version;

/// Waits between looks, in milliseconds, all of them 2 s; after that the observer's ticks are enough. Workers take some milliseconds, and
/// a look makes Envoy's main thread go through all its stats: with many proxies on few cores, looks too early are what workers wait for.
const WAITS_MS: [u64; 16] = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 384, 512, 512];
/// A look that takes longer is given up, and tried again.
const LOOK: Duration = Duration::from_millis(300);

/// Whether all workers of a proxy serve a version, by what is seen of its filter. `pushed` says whether it was sent over the stream
/// that is up now, or the proxy had it already.
#[must_use]
pub fn is_applied(history: &History, version: &str, pushed: bool) -> bool {
    let seen = &history.last;
    if seen.version != version {
        return false;
    }
    match (under_way(seen), &history.settled) {
        (0, _) => true,
        (left, Some(settled)) if settled.version != version => left <= under_way(settled),
        (_, Some(settled)) => !pushed && settled == seen,
        (_, None) => false,
    }
}

fn under_way(seen: &Discovery) -> u64 {
    seen.accepted.saturating_add(seen.rejected).saturating_sub(seen.reloads)
}

/// Waits until versions are applied.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    pub(super) directory: Directory,
    pub(super) clock: Clock,
    /// Name of the filter, which is the resource's.
    pub(super) filter: Arc<str>,
}

/// What is waited for.
#[derive(Clone, Debug)]
pub(super) struct Awaited {
    pub(super) node: String,
    pub(super) version: Arc<Version>,
    /// See [`is_applied`].
    pub(super) pushed: bool,
}

impl Follower {
    /// Returns when every proxy with that node id has applied the version; never while no address of it is known.
    pub(super) async fn until_applied(&self, awaited: &Awaited) {
        let mut changes = self.directory.changes();
        let mut done: Vec<AdminAddress> = Vec::new();
        loop {
            let mut left = self.directory.addresses(&awaited.node);
            let known = !left.is_empty();
            left.retain(|address| !done.contains(address));
            if known && left.is_empty() {
                return;
            }
            if left.is_empty() && changes.changed().await.is_err() {
                return std::future::pending().await;
            }
            done.extend(self.all(left, awaited).await);
        }
    }

    async fn all(&self, addresses: Vec<AdminAddress>, awaited: &Awaited) -> Vec<AdminAddress> {
        let mut tasks = JoinSet::new();
        for address in addresses {
            let look =
                Look { follower: self.clone(), awaited: awaited.clone(), text: awaited.version.to_string(), address };
            tasks.spawn(look.until_applied());
        }
        // A look that broke off is taken again, for it is not among the done.
        let mut done = Vec::new();
        while let Some(joined) = tasks.join_next().await {
            done.extend(joined.ok());
        }
        done
    }
}

struct Look {
    follower: Follower,
    awaited: Awaited,
    text: String,
    address: AdminAddress,
}

impl Look {
    async fn until_applied(self) -> AdminAddress {
        let mut changes = self.follower.directory.changes();
        let mut connection = None;
        for wait in WAITS_MS {
            sleep(Duration::from_millis(wait)).await;
            self.refresh(&mut connection).await;
            if self.is_applied() {
                return self.address;
            }
        }
        drop(connection);
        self.by_ticks(&mut changes).await;
        self.address
    }

    async fn by_ticks(&self, changes: &mut watch::Receiver<u64>) {
        while !self.is_applied() {
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    fn is_applied(&self) -> bool {
        let history = self.follower.directory.history(&self.address, &self.follower.filter);
        history.is_some_and(|history| is_applied(&history, &self.text, self.awaited.pushed))
    }

    /// Reads the proxy once. A failure is no news: the next look follows, and the observer tells of proxies that don't answer.
    async fn refresh(&self, connection: &mut Option<AdminConnection>) {
        let read = timeout(LOOK, async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => AdminConnection::open(&self.address).await.ok()?,
            };
            let body = open.get(DISCOVERY_PATH).await.ok()?;
            *connection = Some(open);
            parse(&body).ok()
        });
        if let Ok(Some(stats)) = read.await {
            let now_ms = self.follower.clock.monotonic_ms();
            self.follower.directory.see(&self.address, &self.awaited.node, &stats.discovery, now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(version: &str, reloads: u64, accepted: u64, rejected: u64) -> Discovery {
        Discovery { version: version.into(), reloads, accepted, rejected }
    }

    #[test]
    fn applied_is_when_nothing_is_on_its_way_that_was_not_stuck_before() {
        let history = |last: Discovery, settled: Option<Discovery>| History { last, settled, ..History::default() };
        // (what, last, settled, pushed, expected); all about version "2".
        let cases = [
            ("workers have it", seen("2", 2, 2, 0), None, true, true),
            ("accepted by the main thread alone", seen("2", 1, 2, 0), None, true, false),
            ("accepted, and nothing was stuck before", seen("2", 1, 2, 0), Some(seen("1", 1, 1, 0)), true, false),
            ("still the old one", seen("1", 1, 1, 0), None, true, false),
            ("another one since", seen("3", 3, 3, 0), None, true, false),
            ("refused: the reload lies, the version does not", seen("1", 2, 1, 1), None, true, false),
            ("a refusal before it", seen("2", 3, 2, 1), None, true, true),
            ("silently acknowledged after a refusal", seen("2", 2, 2, 1), Some(seen("1", 2, 1, 1)), true, false),
            ("one stuck since before it", seen("2", 3, 3, 1), Some(seen("1", 2, 2, 1)), true, true),
            ("one stuck, and it on its way", seen("2", 2, 3, 1), Some(seen("1", 2, 2, 1)), true, false),
            ("one stuck, nobody knows since when", seen("2", 3, 3, 1), None, true, false),
            ("one stuck, it was there when the stream came", seen("2", 3, 3, 1), Some(seen("2", 3, 3, 1)), false, true),
            ("one stuck, pushed, and only seen since", seen("2", 3, 3, 1), Some(seen("2", 3, 3, 1)), true, false),
            ("more reloads than updates", seen("2", 9, 2, 0), None, true, true),
        ];
        for (what, last, settled, pushed, expected) in cases {
            assert_eq!(is_applied(&history(last, settled), "2", pushed), expected, "{what}");
        }
    }
}
