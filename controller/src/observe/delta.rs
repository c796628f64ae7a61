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

use crate::observation::{Bin, Bins, CELL_COUNT, CellCounts, FlagCounts, ScoreCell, ScoreCounts, VariantCounts};

/// Counts by flag key: since a proxy's start, or since the last look.
pub type Counts = BTreeMap<String, FlagCounts>;

/// By name of the variant: of everybody, or of a segment.
type Variants = BTreeMap<String, VariantCounts>;

/// Hits by cell.
type Hits = [u64; CELL_COUNT];

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
    Some(FlagCounts {
        variants: variants_difference(&old.variants, &new.variants)?,
        unassigned: differences(&old.unassigned, &new.unassigned, |old, new| new.checked_sub(*old))?,
        segments: differences(&old.segments, &new.segments, variants_difference)?,
        ..FlagCounts::default()
    })
}

fn variants_difference(old: &Variants, new: &Variants) -> Option<Variants> {
    differences(old, new, variant_difference)
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
    delta.goals = differences(&old.goals, &new.goals, hits_difference)?;
    delta.scores = differences(&old.scores, &new.scores, score_difference)?;
    Some(delta)
}

/// By name; `None` if one fell, or is gone. Names stay, at 0 too: that nobody reached a goal is something else than that it is not counted.
fn differences<T: Default>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    difference: impl Fn(&T, &T) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    if old.keys().any(|name| !new.contains_key(name)) {
        return None;
    }
    let nothing = T::default();
    let of = |(name, new)| Some((String::clone(name), difference(old.get(name).unwrap_or(&nothing), new)?));
    new.iter().map(of).collect()
}

fn hits_difference(old: &Hits, new: &Hits) -> Option<Hits> {
    let mut delta = Hits::default();
    for ((delta, new), old) in delta.iter_mut().zip(new).zip(old) {
        *delta = new.checked_sub(*old)?;
    }
    Some(delta)
}

fn score_difference(old: &ScoreCounts, new: &ScoreCounts) -> Option<ScoreCounts> {
    let mut delta = ScoreCounts { bins: bins_difference(&old.bins, &new.bins)?, ..ScoreCounts::default() };
    for ((delta, new), old) in delta.cells.iter_mut().zip(&new.cells).zip(&old.cells) {
        // Sums come from counters and are as they were where nothing came: a lower one has fallen.
        if new.sum < old.sum || new.squares < old.squares {
            return None;
        }
        *delta = ScoreCell {
            count: new.count.checked_sub(old.count)?,
            sum: new.sum - old.sum,
            squares: new.squares - old.squares,
        };
    }
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

/// Without flags, variants, segments and reasons to which nothing happened: they would fill the ledger with zeros.
fn trimmed(mut delta: Counts) -> Counts {
    for counts in delta.values_mut() {
        counts.unassigned.retain(|_, count| *count > 0);
        trim(&mut counts.variants);
        for variants in counts.segments.values_mut() {
            trim(variants);
        }
        counts.segments.retain(|_, variants| !variants.is_empty());
    }
    delta.retain(|_, counts| *counts != FlagCounts::default());
    delta
}

fn trim(variants: &mut Variants) {
    for variant in variants.values_mut() {
        variant.scores.retain(|_, score| *score != ScoreCounts::default());
    }
    variants.retain(|_, counts| is_something(counts));
}

/// A name with nothing but zeros is nothing, either.
fn is_something(counts: &mut VariantCounts) -> bool {
    let goals = std::mem::take(&mut counts.goals);
    let something = goals.values().flatten().any(|hits| *hits > 0) || *counts != VariantCounts::default();
    counts.goals = goals;
    something
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observation::Observation;
    use crate::observe::merge;

    const ADMIN: &str = "http://127.0.0.1:9901";

    fn counts(started: u64) -> Counts {
        let bins = Bins(BTreeMap::from([(73_000, Bin { width: 1000, count: started })]));
        let mut variant = VariantCounts { started, duration: bins, ..VariantCounts::default() };
        variant.results[0] = started;
        variant.cells[7].requests = started;
        let score = variant.scores.entry("quality".to_owned()).or_default();
        // Numbers that are exact in binary.
        score.cells[7] = ScoreCell { count: started, sum: started as f64 * 0.5, squares: started as f64 * 0.25 };
        variant.goals.insert("fallback".to_owned(), [started; CELL_COUNT]);
        // All of them are in the segment.
        let variants = BTreeMap::from([("next".to_owned(), variant)]);
        let flag = FlagCounts {
            segments: BTreeMap::from([("beta".to_owned(), variants.clone())]),
            variants,
            unassigned: BTreeMap::from([("kill".to_owned(), started)]),
            ..FlagCounts::default()
        };
        BTreeMap::from([("checkout".to_owned(), flag)])
    }

    fn started(counts: &Counts) -> u64 {
        counts.get("checkout").map_or(0, |flag| flag.variants.get("next").map_or(0, |next| next.started))
    }

    fn moment(now_s: u64) -> Moment {
        Moment { now_ms: now_s * 1000, last_tick_ms: now_s.checked_sub(1).map(|last| last * 1000) }
    }

    /// Looks at one proxy: (second, node, uptime, started) and the delta expected.
    fn check(cumulative: &mut Cumulative, looks: &[(u64, &str, u64, u64, u64)]) {
        for &(now_s, node, uptime_s, count, expected) in looks {
            let reading = Reading { node: node.into(), uptime_s, counts: counts(count) };
            let delta = cumulative.take(ADMIN, reading, moment(now_s));
            assert_eq!(started(&delta), expected, "at {now_s}: {node} up {uptime_s} with {count}");
            let whole = if expected == 0 { Counts::new() } else { counts(expected) };
            assert_eq!(delta, whole, "at {now_s}");
        }
    }

    #[test]
    fn what_is_counted_is_the_difference() {
        check(&mut Cumulative::default(), &[(1, "a", 9, 100, 0), (2, "a", 10, 103, 3), (3, "a", 11, 103, 0)]);
    }

    #[test]
    fn what_a_proxy_counted_before_it_was_first_seen_belongs_to_no_tick() {
        check(&mut Cumulative::default(), &[(1, "a", 900, 100, 0)]);
        // Another node at the address is another proxy.
        check(&mut Cumulative::default(), &[(1, "a", 9, 100, 0), (2, "b", 50, 500, 0), (3, "b", 51, 501, 1)]);
    }

    #[test]
    fn a_proxy_that_began_after_the_last_tick_has_counted_all_of_it_since() {
        check(&mut Cumulative::default(), &[(1, "a", 0, 5, 5), (2, "a", 1, 7, 2)]);
        let mut none_before = Cumulative::default();
        let reading = Reading { node: "a".into(), uptime_s: 0, counts: counts(5) };
        assert_eq!(none_before.take(ADMIN, reading, Moment { now_ms: 1000, last_tick_ms: None }), Counts::new());
    }

    #[test]
    fn a_missing_proxy_counts_once_when_it_is_back() {
        check(&mut Cumulative::default(), &[(1, "a", 9, 100, 0), (60, "a", 68, 160, 60), (61, "a", 69, 160, 0)]);
    }

    #[test]
    fn after_a_restart_the_whole_new_value_counts() {
        // Fallen.
        check(&mut Cumulative::default(), &[(1, "a", 9, 100, 0), (2, "a", 0, 3, 3), (3, "a", 1, 4, 1)]);
        // Not fallen, but the process began while it was missing.
        check(&mut Cumulative::default(), &[(1, "a", 9, 100, 0), (60, "a", 40, 130, 130)]);
        check(&mut Cumulative::default(), &[(1, "a", 30, 2, 0), (2, "a", 0, 5, 5)]);
        // Gone altogether: nothing was counted yet.
        let mut cumulative = Cumulative::default();
        check(&mut cumulative, &[(1, "a", 9, 100, 0)]);
        let bare = Reading { node: "a".into(), uptime_s: 0, counts: Counts::new() };
        assert_eq!(cumulative.take(ADMIN, bare, moment(2)), Counts::new());
        check(&mut cumulative, &[(3, "a", 1, 4, 4)]);
        assert_eq!(cumulative.restarts(ADMIN), 1);
    }

    #[test]
    fn a_clock_set_back_does_not_make_old_counts_new() {
        check(&mut Cumulative::default(), &[(1, "a", 5000, 100, 0), (2, "a", 1400, 101, 1), (3, "a", 1401, 102, 1)]);
    }

    #[test]
    fn a_stored_state_goes_on_in_another_process() {
        let mut cumulative = Cumulative::default();
        check(&mut cumulative, &[(1000, "a", 9, 100, 0)]);
        let stored = serde_json::to_string(&cumulative).unwrap();
        let restored = || serde_json::from_str::<Cumulative>(&stored).unwrap();
        // The new process' monotonic clock begins at 0.
        check(&mut restored(), &[(0, "a", 30, 142, 42), (1, "a", 31, 143, 1)]);
        check(&mut restored(), &[(0, "a", 3, 142, 142)]);
        check(&mut restored(), &[(0, "a", 30, 7, 7)]);
    }

    #[test]
    fn what_was_stored_before_there_were_segments_goes_on_with_them() {
        let mut cumulative = Cumulative::default();
        check(&mut cumulative, &[(1000, "a", 9, 100, 0)]);
        let mut stored = serde_json::to_value(&cumulative).unwrap();
        let flag = &mut stored["proxies"][ADMIN]["counts"]["checkout"];
        assert!(flag.as_object_mut().unwrap().remove("segments").is_some(), "{stored}");
        let mut old: Cumulative = serde_json::from_value(stored).unwrap();
        let reading = |uptime_s, counts| Reading { node: "a".into(), uptime_s, counts };
        let delta = old.take(ADMIN, reading(10, counts(103)), moment(0));
        assert_eq!(started(&delta), 3, "no restart");
        let of_beta = |delta: &Counts| delta["checkout"].segments["beta"]["next"].started;
        assert_eq!(of_beta(&delta), 103, "new to this controller");
        assert_eq!(of_beta(&old.take(ADMIN, reading(11, counts(104)), moment(1))), 1);
    }

    #[test]
    fn a_segment_that_is_gone_is_a_restart_and_one_without_requests_is_left_out() {
        let mut cumulative = Cumulative::default();
        check(&mut cumulative, &[(1, "a", 9, 100, 0)]);
        let mut less = counts(130);
        less.get_mut("checkout").unwrap().segments.clear();
        let reading = |counts| Reading { node: "a".into(), uptime_s: 10, counts };
        assert_eq!(started(&cumulative.take(ADMIN, reading(less), moment(2))), 130);
        let mut idle = counts(131);
        let nobody = BTreeMap::from([("next".to_owned(), VariantCounts::default())]);
        idle.get_mut("checkout").unwrap().segments.insert("nobody".to_owned(), nobody);
        let delta = cumulative.take(ADMIN, reading(idle), moment(3));
        assert_eq!(delta["checkout"].segments.keys().collect::<Vec<_>>(), ["beta"]);
    }

    #[test]
    fn since_when_a_proxy_is_missing_is_kept_until_it_is_seen() {
        let mut cumulative = Cumulative::default();
        assert_eq!(cumulative.miss(ADMIN, 5), 5);
        let mut cumulative: Cumulative = serde_json::from_str(&serde_json::to_string(&cumulative).unwrap()).unwrap();
        assert_eq!(cumulative.miss(ADMIN, 6), 5);
        check(&mut cumulative, &[(1, "a", 9, 1, 0)]);
        assert_eq!(cumulative.miss(ADMIN, 7), 7);
        cumulative.keep(&[]);
        assert_eq!(cumulative, Cumulative::default());
    }

    #[derive(Clone, Debug)]
    enum Event {
        /// Seconds go by, and requests come.
        Serve { proxy: usize, seconds: u64, requests: u64 },
        /// It is looked at; with a restart of the controller in between or not.
        Look { controller_restarts: bool },
        /// The proxy is looked at once more and begins anew; so many seconds ago when it is seen again.
        Restart { proxy: usize },
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            4 => (0..3_usize, 1..30_u64, 0..50_u64)
                .prop_map(|(proxy, seconds, requests)| Event::Serve { proxy, seconds, requests }),
            3 => any::<bool>().prop_map(|controller_restarts| Event::Look { controller_restarts }),
            1 => (0..3_usize).prop_map(|proxy| Event::Restart { proxy }),
        ];
        proptest::collection::vec(event, 0..60)
    }

    #[derive(Clone, Copy, Default)]
    struct Proxy {
        began_s: u64,
        count: u64,
    }

    fn look(cumulative: &mut Cumulative, proxies: &[Proxy], now_s: u64, sum: &mut Observation) {
        for (index, proxy) in proxies.iter().enumerate() {
            let node = format!("n{index}");
            let reading = Reading { node: node.clone(), uptime_s: now_s - proxy.began_s, counts: counts(proxy.count) };
            // As if no tick had been before: what is counted at the first sight is told by the test, not by the rule.
            merge::add(sum, cumulative.take(&node, reading, Moment { now_ms: now_s * 1000, last_tick_ms: None }));
        }
    }

    proptest! {
        #[test]
        fn over_any_life_the_deltas_sum_up_to_what_was_counted(events in events()) {
            let (mut proxies, mut now_s, mut served) = ([Proxy::default(); 3], 100, 0);
            let (mut cumulative, mut sum) = (Cumulative::default(), Observation::default());
            look(&mut cumulative, &proxies, now_s, &mut sum);
            for event in events {
                match event {
                    Event::Serve { proxy, seconds, requests } => {
                        now_s += seconds;
                        proxies[proxy].count += requests;
                        served += requests;
                    }
                    Event::Look { controller_restarts } => {
                        look(&mut cumulative, &proxies, now_s, &mut sum);
                        if controller_restarts {
                            cumulative = serde_json::from_str(&serde_json::to_string(&cumulative).unwrap()).unwrap();
                            // A controller that is back looks at once, before a restarted proxy could outgrow what it had.
                            look(&mut cumulative, &proxies, now_s, &mut sum);
                        }
                    }
                    Event::Restart { proxy } => {
                        look(&mut cumulative, &proxies, now_s, &mut sum);
                        now_s += 3;
                        proxies[proxy] = Proxy { began_s: now_s, count: 0 };
                    }
                }
            }
            look(&mut cumulative, &proxies, now_s, &mut sum);
            prop_assert_eq!(started(&sum.flags), served);
            prop_assert_eq!(sum.flags.get("checkout").map_or(0, |f| f.variants["next"].duration.count()), served);
            if let Some(flag) = sum.flags.get("checkout") {
                prop_assert_eq!(&flag.segments["beta"], &flag.variants, "a segment of all users");
            }
        }
    }
}
