//! [`Cumulative`]: the last values of every proxy, and the difference that a new reading makes. Pure, serde: stored with the
//! controller's state and taken back at its start, so that a restart loses nothing.
//!
//! - A proxy seen for the first time, by admin address and node id, is where counting begins: what it counted before belongs to no
//!   tick. Only if its uptime says that it started after this controller's last tick, all of it belongs to this one.
//! - A proxy that was missing and is back counts, once, what came in the meantime.
//! - A restart is a value that has fallen, or an uptime by which the process began after it was last seen; then the whole new value
//!   counts. What was counted between the last look and the restart is lost: nobody has seen it.
//!
//! Uptimes come from the proxy's wall clock, in whole seconds. So a longer uptime than the last one is never proof by itself: a clock
//! set back must not make hours of counts look new.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::observation::{Bin, Bins, CellCounts, FlagCounts, VariantCounts};

/// Counts by flag key: since a proxy's start, or since the last look.
pub type Counts = BTreeMap<String, FlagCounts>;

/// How much two readings of an uptime in whole seconds may disagree, in seconds.
const SLACK_S: u64 = 2;

/// The last values of every proxy, by admin address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cumulative {
    proxies: BTreeMap<String, Last>,
    /// Since when a proxy has been missing, milliseconds since the Unix epoch.
    missing: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    node: String,
    uptime_s: u64,
    restarts: u64,
    counts: Counts,
    /// By the monotonic clock of this process; absent for what another has stored.
    #[serde(skip)]
    at_ms: Option<u64>,
}

/// What was read of a proxy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Its node id.
    pub node: String,
    /// How long its process is up, in seconds.
    pub uptime_s: u64,
    /// Its counts since its start.
    pub counts: Counts,
}

/// When it was read, by the monotonic clock in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now_ms: u64,
    /// The tick before, if there was one in this process.
    pub last_tick_ms: Option<u64>,
}

impl Cumulative {
    /// Takes a reading of the proxy at that address: gives what is new.
    pub fn take(&mut self, admin: &str, reading: Reading, moment: Moment) -> Counts {
        let last = self.proxies.get(admin).filter(|last| last.node == reading.node);
        let (delta, restarts) = match last {
            None if began_within(&reading, moment) => (reading.counts.clone(), 0),
            None => (Counts::new(), 0),
            Some(last) => match difference(&last.counts, &reading.counts) {
                Some(delta) if !last.began_anew(&reading, moment) => (delta, last.restarts),
                _ => (reading.counts.clone(), last.restarts.saturating_add(1)),
            },
        };
        self.missing.remove(admin);
        let Reading { node, uptime_s, counts } = reading;
        self.proxies.insert(admin.to_owned(), Last { node, uptime_s, restarts, counts, at_ms: Some(moment.now_ms) });
        trimmed(delta)
    }

    /// The proxy at that address gave no reading: gives since when it has not, milliseconds since the Unix epoch.
    pub fn miss(&mut self, admin: &str, now_ms: u64) -> u64 {
        *self.missing.entry(admin.to_owned()).or_insert(now_ms)
    }

    /// The node that was last seen at that address.
    #[must_use]
    pub fn node(&self, admin: &str) -> Option<&str> {
        self.proxies.get(admin).map(|last| last.node.as_str())
    }

    /// How many restarts of the proxy at that address were noticed.
    #[must_use]
    pub fn restarts(&self, admin: &str) -> u64 {
        self.proxies.get(admin).map_or(0, |last| last.restarts)
    }

    /// Forgets every address but these.
    pub fn keep(&mut self, admins: &[String]) {
        self.proxies.retain(|admin, _| admins.contains(admin));
        self.missing.retain(|admin, _| admins.contains(admin));
    }
}

impl Last {
    fn began_anew(&self, reading: &Reading, moment: Moment) -> bool {
        let Some(at_ms) = self.at_ms else { return reading.uptime_s < self.uptime_s };
        let elapsed_s = moment.now_ms.saturating_sub(at_ms) / 1000;
        let shorter = reading.uptime_s.saturating_add(SLACK_S) <= self.uptime_s.saturating_add(elapsed_s);
        shorter && reading.uptime_s <= elapsed_s.saturating_add(1)
    }
}

/// Whether the process began after the tick before.
fn began_within(reading: &Reading, moment: Moment) -> bool {
    let Some(last_tick_ms) = moment.last_tick_ms else { return false };
    let oldest_ms = reading.uptime_s.saturating_add(1).saturating_mul(1000);
    oldest_ms <= moment.now_ms.saturating_sub(last_tick_ms)
}

/// `new - old`; `None` if anything has fallen.
fn difference(old: &Counts, new: &Counts) -> Option<Counts> {
    if old.keys().any(|flag| !new.contains_key(flag)) {
        return None;
    }
    let nothing = FlagCounts::default();
    new.iter()
        .map(|(flag, counts)| Some((flag.clone(), flag_difference(old.get(flag).unwrap_or(&nothing), counts)?)))
        .collect()
}

fn flag_difference(old: &FlagCounts, new: &FlagCounts) -> Option<FlagCounts> {
    if old.variants.keys().any(|variant| !new.variants.contains_key(variant))
        || old.unassigned.keys().any(|reason| !new.unassigned.contains_key(reason))
    {
        return None;
    }
    let nothing = VariantCounts::default();
    let variants = new.variants.iter().map(|(variant, counts)| {
        Some((variant.clone(), variant_difference(old.variants.get(variant).unwrap_or(&nothing), counts)?))
    });
    let unassigned = new.unassigned.iter().map(|(reason, count)| {
        Some((reason.clone(), count.checked_sub(old.unassigned.get(reason).copied().unwrap_or(0))?))
    });
    Some(FlagCounts { variants: variants.collect::<Option<_>>()?, unassigned: unassigned.collect::<Option<_>>()? })
}

fn variant_difference(old: &VariantCounts, new: &VariantCounts) -> Option<VariantCounts> {
    let mut delta = VariantCounts { started: new.started.checked_sub(old.started)?, ..VariantCounts::default() };
    for ((delta, new), old) in delta.results.iter_mut().zip(new.results).zip(old.results) {
        *delta = new.checked_sub(old)?;
    }
    for ((delta, new), old) in delta.cells.iter_mut().zip(new.cells).zip(old.cells) {
        *delta = CellCounts {
            requests: new.requests.checked_sub(old.requests)?,
            errors: new.errors.checked_sub(old.errors)?,
        };
    }
    delta.duration = bins_difference(&old.duration, &new.duration)?;
    Some(delta)
}

fn bins_difference(old: &Bins, new: &Bins) -> Option<Bins> {
    if old.0.keys().any(|lower| !new.0.contains_key(lower)) {
        return None;
    }
    let mut delta = BTreeMap::new();
    for (lower, bin) in &new.0 {
        let count = bin.count.checked_sub(old.0.get(lower).map_or(0, |bin| bin.count))?;
        if count > 0 {
            delta.insert(*lower, Bin { width: bin.width, count });
        }
    }
    Some(Bins(delta))
}

/// Without flags, variants and reasons to which nothing happened: they would fill the ledger with zeros.
fn trimmed(mut delta: Counts) -> Counts {
    for counts in delta.values_mut() {
        counts.unassigned.retain(|_, count| *count > 0);
        counts.variants.retain(|_, counts| *counts != VariantCounts::default());
    }
    delta.retain(|_, counts| *counts != FlagCounts::default());
    delta
}
