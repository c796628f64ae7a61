//! The way of each decision to the proxies: detected, decided, published, acknowledged and applied, with times. Pure.

use std::collections::BTreeMap;

use crate::publish::Mark;
use crate::report::{Applied, ProxyStatus, Transition};
use crate::store::{Entry, Row};

/// Kinds of ledger rows that are decisions, as against events.
const DECISIONS: [&str; 12] = [
    "apply",
    "start",
    "stage",
    "done",
    "rollback",
    "pause",
    "resume",
    "kill",
    "revive",
    "kill-all",
    "revive-all",
    "republish",
];

/// The last decision about each flag, and the last that concerned more than one.
#[derive(Debug, Default)]
pub(super) struct Chains(BTreeMap<Option<String>, Chain>);

#[derive(Debug, Default)]
struct Chain {
    transition: Transition,
    /// It went out with a generation of its own, and the ledger does not know yet that it was applied.
    open: bool,
}

impl Chains {
    /// What the ledger's last rows tell, oldest first.
    pub(super) fn restore(rows: &[Row]) -> Self {
        let mut chains = Self::default();
        let mut highest = 0;
        for Row { entry, .. } in rows {
            if DECISIONS.contains(&entry.kind.as_str()) {
                // One that shares the generation of a decision before it went out with nothing.
                chains.begin(told(entry), entry.generation > highest);
                highest = highest.max(entry.generation);
            } else if entry.kind == "applied" {
                chains.close(entry);
            }
        }
        chains
    }

    /// The ledger knows that this one was applied, by whom and when.
    fn close(&mut self, entry: &Entry) {
        let Some(chain) = self.0.get_mut(&entry.flag) else { return };
        if chain.transition.generation == entry.generation {
            chain.open = false;
            chain.transition = serde_json::from_str(&entry.numbers).unwrap_or_else(|_| chain.transition.clone());
        }
    }

    /// A decision; `open` if it has a generation of its own that proxies must apply.
    pub(super) fn begin(&mut self, transition: Transition, open: bool) {
        self.0.insert(transition.flag.clone(), Chain { transition, open });
    }

    pub(super) fn get(&self, flag: Option<&str>) -> Option<&Transition> {
        self.0.get(&flag.map(str::to_owned)).map(|chain| &chain.transition)
    }

    /// The decisions that went out with that generation were given to the publisher.
    pub(super) fn published(&mut self, generation: u64, at_ms: u64) {
        for chain in self.0.values_mut().filter(|chain| chain.transition.generation == generation) {
            chain.transition.published_at_ms.get_or_insert(at_ms);
        }
    }

    /// Follows the proxies; `current` is the generation published last. Gives those that were applied by the last connected proxy just
    /// now, for the ledger.
    pub(super) fn follow(&mut self, proxies: &[ProxyStatus], current: u64) -> Vec<Transition> {
        let mut done = Vec::new();
        for chain in self.0.values_mut() {
            // Once all had it, only who has it may be added: a proxy that restarts later takes nothing away from what was measured.
            if chain.transition.applied_at_ms.is_none() {
                follow(&mut chain.transition, proxies, current);
            }
            if chain.open && chain.transition.applied_at_ms.is_some() {
                chain.open = false;
                done.push(chain.transition.clone());
            }
        }
        done.dedup_by_key(|transition| transition.generation);
        done
    }
}

/// Writes into a transition who has applied it.
pub(super) fn follow(transition: &mut Transition, proxies: &[ProxyStatus], current: u64) {
    let reached = |mark: Option<Mark>| mark.filter(|mark| (transition.generation..=current).contains(&mark.generation));
    let mut applied = Vec::new();
    let mut waiting = Vec::new();
    for proxy in proxies.iter().filter(|proxy| proxy.connected) {
        match reached(proxy.applied) {
            Some(mark) => applied.push(Applied {
                proxy: proxy.name.clone(),
                acked_at_ms: reached(proxy.acked).map(|mark| mark.at_ms),
                applied_at_ms: mark.at_ms,
            }),
            None => waiting.push(proxy.name.clone()),
        }
    }
    let absent = proxies.iter().filter(|proxy| !proxy.connected && proxy.admin.is_some());
    transition.absent = absent.map(|proxy| proxy.name.clone()).collect();
    let last = applied.iter().map(|applied| applied.applied_at_ms).max();
    transition.applied_at_ms = last.filter(|_| waiting.is_empty());
    transition.applied = applied;
    transition.waiting = waiting;
}

/// A decision as its row tells it.
fn told(entry: &Entry) -> Transition {
    let numbers: serde_json::Value = serde_json::from_str(&entry.numbers).unwrap_or_default();
    Transition {
        kind: entry.kind.clone(),
        flag: entry.flag.clone(),
        attempt: entry.attempt,
        actor: entry.actor.clone(),
        sentence: entry.sentence.clone(),
        detected_at_ms: numbers["detected_at_ms"].as_u64(),
        decided_at_ms: entry.at_ms,
        generation: entry.generation,
        ..Transition::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(name: &str, connected: bool, applied: Option<(u64, u64)>) -> ProxyStatus {
        let applied = applied.map(|(generation, at_ms)| Mark { generation, at_ms });
        let admin = Some(format!("http://{name}"));
        ProxyStatus { name: name.to_owned(), admin, connected, applied, acked: applied, ..ProxyStatus::default() }
    }

    fn kill(generation: u64) -> Transition {
        Transition { kind: "kill".to_owned(), flag: Some("f".to_owned()), generation, ..Transition::default() }
    }

    #[test]
    fn applied_is_when_the_last_connected_proxy_has_it() {
        let mut chains = Chains::default();
        chains.begin(kill(7), true);
        chains.published(7, 100);
        let proxies = [proxy("a", true, Some((7, 110))), proxy("b", true, Some((6, 90))), proxy("c", false, None)];
        assert!(chains.follow(&proxies, 7).is_empty());
        let seen = chains.get(Some("f")).unwrap();
        assert_eq!((seen.waiting.as_slice(), seen.absent.as_slice()), (&["b".to_owned()][..], &["c".to_owned()][..]));
        assert_eq!((seen.published_at_ms, seen.applied_at_ms), (Some(100), None));

        // A later generation carries it too.
        let proxies = [proxy("a", true, Some((7, 110))), proxy("b", true, Some((8, 150)))];
        let done = chains.follow(&proxies, 8);
        assert_eq!(done.len(), 1);
        assert_eq!(done[0].applied_at_ms, Some(150));
        assert!(chains.follow(&proxies, 8).is_empty(), "told once");
        assert!(chains.follow(&[proxy("a", true, None)], 8).is_empty());
        assert_eq!(chains.get(Some("f")).unwrap().applied_at_ms, Some(150), "a restart takes nothing away");
    }

    #[test]
    fn a_generation_from_beyond_the_present_one_is_another_history() {
        let mut chains = Chains::default();
        chains.begin(kill(7), true);
        assert!(chains.follow(&[proxy("a", true, Some((57, 1)))], 7).is_empty());
        assert!(chains.follow(&[], 7).is_empty(), "nobody has not applied it");
    }

    #[test]
    fn the_ledger_brings_open_decisions_back() {
        let row = |seq, kind: &str, generation, numbers: &str| Row {
            seq,
            entry: Entry {
                kind: kind.to_owned(),
                flag: Some("f".to_owned()),
                generation,
                numbers: numbers.to_owned(),
                ..Entry::default()
            },
            prev: String::new(),
            hash: String::new(),
        };
        let count = |rows: &[Row]| Chains::restore(rows).follow(&[proxy("a", true, Some((3, 9)))], 3).len();
        let start = row(1, "start", 2, "{}");
        let stage = row(2, "stage", 3, r#"{"detected_at_ms":5}"#);
        assert_eq!(count(&[start.clone(), stage.clone()]), 1);
        let transition = Transition { generation: 3, applied_at_ms: Some(8), ..kill(3) };
        let applied = row(3, "applied", 3, &serde_json::json!(transition).to_string());
        let rows = [start.clone(), stage.clone(), applied.clone()];
        assert_eq!(count(&rows), 0);
        assert_eq!(Chains::restore(&rows).get(Some("f")).unwrap().applied_at_ms, Some(8));
        let done = row(4, "done", 3, "{}");
        assert_eq!(count(&[start.clone(), stage.clone(), applied, done]), 0, "it went out with nothing");
        let chains = Chains::restore(&[start, stage]);
        assert_eq!(chains.get(Some("f")).unwrap().detected_at_ms, Some(5));
    }
}
