mod drift;

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::fake::Fake;
use super::*;
use crate::clock::Clock;
use crate::observation::{FlagCounts, Observation, VariantCounts};
use crate::observe::ProxySight;
use crate::publish::Refusal;
use crate::rollout::Command;
use crate::store::Store;

pub(crate) const DOCUMENT: &str = r#"{
    "flags": {
        "checkout": { "state": "ENABLED", "variants": { "stable": "v1", "next": "v2" }, "defaultVariant": "stable" },
        "banner": { "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off" }
    },
    "weir": {
        "version": 1,
        "identity": [ { "header": "x-user-id" } ],
        "outputs": { "checkout": { "requestHeader": "x-weir-checkout" }, "banner": { "requestHeader": "x-weir-banner" } },
        "rollouts": { "checkout": {
            "control": "stable", "candidate": "next",
            "stages": [ { "weight": "5%", "for": "10m" }, { "weight": "100%", "for": "10m" } ],
            "baseline": { "requests": 300 },
            "guardrails": [ { "metric": "errors", "ratio": 2.0, "max": "1%" } ]
        } }
    }
}"#;

pub(crate) struct Bench {
    directory: TempDir,
    pub(crate) fake: Arc<Fake>,
    engine: Engine,
}

fn open(path: &Path, fake: &Arc<Fake>) -> Result<Engine, OpenError> {
    Engine::open(Store::open(path)?, Arc::<Fake>::clone(fake), Clock::system(), Vec::new())
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fake = Arc::new(Fake::default());
        let engine = open(&directory.path().join("weir.db"), &fake).unwrap();
        Self { directory, fake, engine }
    }

    pub(crate) fn with_document() -> Self {
        let mut bench = Self::new();
        bench.apply(DOCUMENT, false).unwrap();
        bench
    }

    /// What SIGKILL at this moment leaves behind, opened by another controller.
    fn killed_here(&self, name: &str) -> (Engine, Arc<Fake>) {
        let copy = self.directory.path().join(name);
        for suffix in ["", "-wal"] {
            let (from, to) = (format!("weir.db{suffix}"), format!("{name}{suffix}"));
            std::fs::copy(self.directory.path().join(from), self.directory.path().join(to)).unwrap();
        }
        let fake = Arc::new(Fake::default());
        (open(&copy, &fake).unwrap(), fake)
    }

    pub(crate) fn apply(&mut self, text: &str, force: bool) -> Result<Answer, Refused> {
        let document = Box::new(weir_core::check::check(text).unwrap());
        let reason = force.then(|| "because".to_owned());
        self.engine.order(Order::Apply { text: text.to_owned(), document, force, defects: 0, reason })
    }

    pub(crate) fn order(&mut self, flag: &str, command: Command) -> Result<Answer, Refused> {
        self.engine.order(Order::Rollout { flag: flag.to_owned(), command, reason: Some("because".to_owned()) })
    }

    fn force_start(&mut self) {
        self.order("checkout", Command::Start { force: true }).unwrap();
    }

    pub(crate) fn tick(&mut self, at_ms: u64, requests: u64) {
        self.engine.observe(tick(at_ms, requests), Some(format!("{{\"seen\":{at_ms}}}")));
    }

    pub(crate) fn status(&self) -> Status {
        self.engine.status()
    }

    /// Every proxy that is connected has what was published last.
    pub(crate) fn all_apply(&mut self) {
        let generation = self.engine.generation;
        self.fake.has("a", generation, 10);
        self.engine.follow();
    }

    fn ledger(&self) -> Vec<String> {
        self.engine.store.ledger(None, 0, 1_000).unwrap().into_iter().map(|row| row.entry.kind).collect()
    }

    fn phase(&self) -> String {
        self.engine.status().rollouts[0].phase.clone()
    }
}

fn tick(at_ms: u64, requests: u64) -> Tick {
    let mut counts = VariantCounts { started: requests, ..VariantCounts::default() };
    counts.results[0] = requests;
    counts.cells[0].requests = requests;
    let variants = [("stable".to_owned(), counts)].into();
    let flags = [("checkout".to_owned(), FlagCounts { variants, ..FlagCounts::default() })].into();
    let sight =
        ProxySight { admin: "http://a".to_owned(), node: Some("a".to_owned()), seen: true, ..ProxySight::default() };
    let observation = Observation { at_ms, span_ms: 1_000, expected: 1, seen: 1, flags };
    Tick { observation, proxies: vec![sight] }
}

fn edited(pointer: &str, value: Value) -> String {
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap();
    *document.pointer_mut(pointer).unwrap() = value;
    document.to_string()
}

/// The database as each release left it, kept as SQL: a release adds a file and changes none.
const RELEASES: [(&str, &str); 1] = [("0.1", include_str!("kept/0.1.sql"))];

#[test]
fn always_true_6_what_one_release_writes_the_next_reads() {
    for (release, sql) in RELEASES {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("weir.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let fake = Arc::new(Fake::default());
        let engine = open(&path, &fake).unwrap_or_else(|error| panic!("{release}: {error}"));
        let mut bench = Bench { directory, fake, engine };

        assert_eq!(bench.ledger(), ["apply", "start", "kill"], "{release}");
        assert!(bench.engine.alarms.is_empty(), "the ledger's chain holds: {:?}", bench.engine.alarms);
        let status = bench.engine.status();
        let rollout = &status.rollouts[0];
        assert_eq!((rollout.flag.as_str(), rollout.attempt, rollout.phase.as_str()), ("checkout", 1, "running"));
        assert_eq!((rollout.stage, rollout.weight_ppm, status.killed_flags[0].as_str()), (Some(0), 50_000, "banner"));

        bench.tick(1_000, 10);
        assert_eq!(bench.fake.generations(), [3], "what was published is published again");
        let state = bench.fake.last_state();
        assert_eq!(
            (&state["flags"]["checkout"]["weight"], &state["flags"]["banner"]["kill"]),
            (&json!(50_000), &json!(true))
        );
    }
}

#[test]
fn without_a_document_nothing_is_published_and_the_status_says_so() {
    let mut bench = Bench::new();
    bench.tick(1_000, 10);
    assert_eq!(bench.fake.generations(), [0; 0]);
    let status = bench.engine.status();
    assert!(status.sentence.contains("no document yet"), "{}", status.sentence);
    assert_eq!((status.generation, status.document, status.totals.ticks), (0, None, 1));
    let error = bench.order("checkout", Command::Kill).unwrap_err();
    assert!(matches!(error, Refused::NotFound(_)), "{error}");
}

#[test]
fn a_document_is_published_once_and_again_only_if_it_changes() {
    let mut bench = Bench::new();
    let answer = bench.apply(DOCUMENT, false).unwrap();
    assert!(answer.changed && answer.stored);
    assert!(!bench.apply(DOCUMENT, false).unwrap().changed);
    assert_eq!(bench.fake.generations(), [1]);
    let published = bench.fake.lock().published[0].configuration.clone();
    let snapshot = weir_core::snapshot::Snapshot::read(published.as_bytes(), &mut Default::default());
    assert_eq!(snapshot.unwrap().unwrap().generation, 1);
    let answer = bench.apply(&edited("/flags/banner/defaultVariant", json!("on")), false).unwrap();
    assert_eq!(answer.changes.len(), 1);
    assert_eq!(answer.changes[0].path, "$.flags.banner.defaultVariant");
    assert_eq!(bench.fake.generations(), [1, 2]);
    assert_eq!(bench.ledger(), ["apply", "apply"]);
}

#[test]
fn a_rollout_goes_from_control_s_data_to_its_first_stage_and_every_order_takes_it_back_in_one_step() {
    for (command, phase) in [(Command::Rollback, "rolled_back"), (Command::Kill, "running")] {
        let mut bench = Bench::with_document();
        bench.order("checkout", Command::Start { force: false }).unwrap();
        assert_eq!((bench.phase().as_str(), bench.fake.generations().len()), ("baseline", 1));
        // More than enough traffic of control, and of time for it.
        for second in 1..=120 {
            bench.tick(second * 1_000, 100);
        }
        assert_eq!(bench.phase(), "running");
        assert_eq!(bench.fake.last_state()["flags"]["checkout"]["weight"], 50_000);
        assert_eq!(bench.ledger(), ["apply", "start", "stage"]);
        let stage = &bench.engine.store.ledger(None, 2, 1).unwrap()[0].entry;
        let numbers: Value = serde_json::from_str(&stage.numbers).unwrap();
        assert!(numbers["detected_at_ms"].as_u64().is_some_and(|at_ms| at_ms % 1_000 == 0));
        assert!(numbers["ruling"]["numbers"].is_object(), "{numbers}");

        bench.order("checkout", command).unwrap();
        assert_eq!(bench.phase(), phase);
        assert_eq!(bench.engine.status().rollouts[0].weight_ppm, 0);
        assert_eq!(bench.fake.last_state()["flags"]["checkout"]["weight"], 0);
        let ruling = bench.engine.status().rollouts[0].ruling.clone().unwrap();
        assert!(ruling.sentence.contains("all on control"), "{}", ruling.sentence);
        assert!(!ruling.checks.is_empty(), "what it ended on stays to be seen");
        bench.tick(200_000, 0);
        assert_eq!(bench.engine.status().rollouts[0].ruling.clone().unwrap().checks, ruling.checks);
    }
}

#[test]
fn after_a_kill_nobody_is_on_the_candidate_until_resume() {
    let mut bench = Bench::with_document();
    bench.force_start();
    bench.order("checkout", Command::Kill).unwrap();
    assert_eq!(bench.fake.last_state()["flags"]["checkout"]["kill"], true);
    let again = bench.order("checkout", Command::Kill).unwrap();
    assert!(!again.changed);
    bench.order("checkout", Command::Revive).unwrap();
    assert_eq!(bench.phase(), "paused");
    assert_eq!(bench.fake.last_state(), json!({ "kill": false, "flags": {} }));
    bench.order("checkout", Command::Resume).unwrap();
    assert_eq!(bench.phase(), "baseline");
}

#[test]
fn the_global_kill_stops_judging_and_pauses_what_was_under_way() {
    let mut bench = Bench::with_document();
    bench.force_start();
    bench.engine.order(Order::KillAll { reason: None }).unwrap();
    assert_eq!(bench.fake.last_state()["kill"], true);
    assert_eq!(bench.engine.status().rollouts[0].weight_ppm, 0);
    let before = bench.engine.model.rollout("checkout");
    bench.tick(1_000, 500);
    assert_eq!(bench.engine.model.rollout("checkout"), before);
    assert!(matches!(bench.order("checkout", Command::Resume), Err(Refused::Conflict(_))));
    bench.engine.order(Order::ReviveAll { reason: None }).unwrap();
    assert_eq!(bench.phase(), "paused");
    assert_eq!(bench.fake.last_state(), json!({ "kill": false, "flags": {} }));
    assert!(matches!(bench.engine.order(Order::ReviveAll { reason: None }), Err(Refused::Conflict(_))));
}

#[test]
fn a_flag_without_a_rollout_can_be_killed_and_keeps_it_when_it_gets_one() {
    let mut bench = Bench::with_document();
    bench.order("banner", Command::Kill).unwrap();
    assert_eq!(bench.fake.last_state()["flags"]["banner"]["kill"], true);
    assert_eq!(bench.engine.status().killed_flags, ["banner"]);
    assert!(matches!(bench.order("banner", Command::Rollback), Err(Refused::Conflict(_))));

    let mut with: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut rollout = with["weir"]["rollouts"]["checkout"].clone();
    rollout["control"] = json!("off");
    rollout["candidate"] = json!("on");
    with["weir"]["rollouts"]["banner"] = rollout;
    bench.apply(&with.to_string(), false).unwrap();
    assert_eq!(bench.fake.last_state()["flags"]["banner"]["kill"], true);
    assert!(matches!(bench.order("banner", Command::Start { force: false }), Err(Refused::Conflict(_))));

    bench.apply(DOCUMENT, false).unwrap();
    assert_eq!(bench.fake.last_state()["flags"]["banner"]["kill"], true);
    bench.order("banner", Command::Revive).unwrap();
    assert_eq!(bench.fake.last_state(), json!({ "kill": false, "flags": {} }));
}

#[test]
fn a_document_that_would_flip_users_is_refused_unless_forced_and_then_ends_the_attempt() {
    let mut bench = Bench::with_document();
    bench.force_start();
    let without = edited("/weir/rollouts", json!({}));
    let Err(Refused::Document(findings)) = bench.apply(&without, false) else { panic!("not refused") };
    assert_eq!(findings[0].path, "$.weir.rollouts.checkout");
    assert_eq!(bench.phase(), "running");
    bench.apply(&without, true).unwrap();
    assert_eq!(bench.fake.last_state(), json!({ "kill": false, "flags": {} }));
    // The same rollout again does not go on where it was.
    bench.apply(DOCUMENT, false).unwrap();
    let rollout = bench.engine.status().rollouts.remove(0);
    assert_eq!((rollout.phase.as_str(), rollout.attempt, rollout.weight_ppm), ("idle", 1, 0));
}

#[test]
fn sigkill_at_any_moment_loses_and_doubles_nothing() {
    type Act = fn(&mut Bench);
    let acts: [Act; 10] = [
        |bench| drop(bench.apply(DOCUMENT, false).unwrap()),
        |bench| drop(bench.order("checkout", Command::Start { force: false }).unwrap()),
        |bench| bench.tick(1_000, 100),
        |bench| bench.tick(2_000, 100),
        |bench| (3..40).for_each(|second| bench.tick(second * 1_000, 400)),
        |bench| drop(bench.order("checkout", Command::Kill).unwrap()),
        |bench| bench.tick(41_000, 100),
        |bench| drop(bench.order("checkout", Command::Revive).unwrap()),
        |bench| drop(bench.order("checkout", Command::Rollback).unwrap()),
        |bench| drop(bench.engine.order(Order::KillAll { reason: None }).unwrap()),
    ];
    let mut bench = Bench::new();
    for (number, act) in acts.into_iter().enumerate() {
        act(&mut bench);
        let (mut after, fake) = bench.killed_here(&format!("copy{number}.db"));
        assert_eq!(after.model.rollouts, bench.engine.model.rollouts, "act {number}");
        assert_eq!((after.generation, after.model.kill), (bench.engine.generation, bench.engine.model.kill));
        assert_eq!(after.store.ledger(None, 0, 99).unwrap(), bench.engine.store.ledger(None, 0, 99).unwrap());
        // Proxies get again, under the same generation, exactly what they have.
        after.resume();
        assert_eq!(fake.lock().published.last(), bench.fake.lock().published.last(), "act {number}");
        assert_eq!(after.store.verify().unwrap(), None);
        assert!(after.status().alarms.is_empty());
    }
    // The cumulative values are those of the last tick that is in the rollout's state.
    let (after, _) = bench.killed_here("last.db");
    assert_eq!(after.store.load().unwrap().cumulative.as_deref(), Some("{\"seen\":41000}"));
}

#[test]
fn a_tick_that_was_not_committed_is_judged_again_after_a_restart() {
    let mut bench = Bench::with_document();
    bench.order("checkout", Command::Start { force: false }).unwrap();
    bench.tick(1_000, 100);
    let (mut after, _) = bench.killed_here("copy.db");
    bench.tick(2_000, 150);
    // The observer of the next process goes on from {"seen":1000}, so it sees the same 150 requests.
    after.observe(tick(2_000, 150), None);
    assert_eq!(after.model.rollouts, bench.engine.model.rollouts);
}

#[test]
fn a_kill_goes_out_although_the_disk_is_full_and_is_written_when_it_is_not() {
    let mut bench = Bench::with_document();
    bench.force_start();
    bench.engine.store.refuse_writes(true);
    let error = bench.order("banner", Command::Revive).unwrap_err();
    assert!(matches!(error, Refused::Conflict(_)));
    let error = bench.apply(&edited("/flags/banner/defaultVariant", json!("on")), false).unwrap_err();
    assert!(error.to_string().starts_with("not written, so not done"), "{error}");
    assert_eq!(bench.fake.generations(), [1, 2]);

    let answer = bench.order("checkout", Command::Kill).unwrap();
    assert!(answer.changed && !answer.stored);
    assert_eq!(bench.fake.last_state()["flags"]["checkout"]["kill"], true);
    assert_eq!(bench.engine.status().alarms[0].kind, "store");
    assert_eq!(bench.ledger(), ["apply", "start"]);

    bench.engine.store.refuse_writes(false);
    bench.tick(1_000, 0);
    assert_eq!(bench.ledger(), ["apply", "start", "kill"]);
    assert!(bench.engine.status().alarms.is_empty());
    let (after, _) = bench.killed_here("copy.db");
    assert_eq!((after.generation, after.model.rollout("checkout").killed), (3, true));
}

#[test]
fn an_advance_is_not_published_before_it_is_written() {
    let mut bench = Bench::with_document();
    bench.order("checkout", Command::Start { force: false }).unwrap();
    bench.engine.store.refuse_writes(true);
    for second in 1..=120 {
        bench.tick(second * 1_000, 100);
    }
    assert_eq!(bench.phase(), "running");
    assert_eq!(bench.fake.generations(), [1], "nobody on the candidate yet");
    bench.engine.store.refuse_writes(false);
    bench.tick(121_000, 100);
    assert_eq!(bench.fake.generations(), [1, 2]);
    assert_eq!(bench.ledger(), ["apply", "start", "stage"]);
    let generations: Vec<_> =
        bench.engine.store.ledger(None, 0, 9).unwrap().into_iter().map(|row| row.entry.generation).collect();
    assert_eq!(generations, [1, 1, 2]);
}

#[test]
fn generations_rise_above_what_proxies_report_after_a_restored_backup() {
    let bench = Bench::with_document();
    let (mut restored, fake) = bench.killed_here("copy.db");
    // The workers say it before any stream is up.
    let mut first = tick(1_000, 0);
    first.proxies[0].generation = Some(57);
    restored.observe(first, None);
    assert_eq!(fake.generations(), [58]);

    let (mut restored, fake) = bench.killed_here("other.db");
    restored.observe(tick(1_000, 0), None);
    assert_eq!(fake.generations(), [1]);
    fake.lock().highest = Some(1);
    restored.follow();
    assert_eq!(fake.generations(), [1, 2], "the same number for another content");
    fake.lock().highest = Some(90);
    restored.follow();
    assert_eq!(fake.generations(), [1, 2, 91]);
    restored.follow();
    assert_eq!(fake.generations(), [1, 2, 91]);
}

#[test]
fn a_decision_s_way_to_the_last_proxy_is_recorded_once() {
    let mut bench = Bench::with_document();
    bench.tick(1_000, 0);
    bench.fake.has("a", 1, 10);
    bench.engine.follow();
    bench.fake.has("stranger", 0, 10);
    let answer = bench.order("checkout", Command::Start { force: true }).unwrap();
    assert!(!answer.complete);
    assert_eq!(answer.transition.waiting, ["a", "stranger"]);
    bench.fake.has("a", 2, 20);
    bench.engine.follow();
    bench.fake.has("stranger", 2, 30);
    bench.engine.follow();
    bench.engine.follow();
    assert_eq!(bench.ledger(), ["apply", "applied", "start", "applied"]);
    let last = bench.engine.status().rollouts[0].last.clone().unwrap();
    assert_eq!((last.kind.as_str(), last.applied_at_ms, last.applied.len()), ("start", Some(30), 2));
    let weights = bench.engine.status().rollouts[0].proxies.clone();
    assert_eq!((weights[0].proxy.as_str(), weights[0].applied_ppm), ("a", Some(50_000)));
}

#[test]
fn a_refusal_raises_an_alarm_until_the_next_good_one_and_is_remembered() {
    let mut bench = Bench::with_document();
    bench.tick(1_000, 0);
    bench.fake.has("a", 1, 10);
    bench.engine.follow();
    let refusal = Refusal { hash: "ab".repeat(32), generation: 2, error: "no".to_owned(), at_ms: 5 };
    {
        let mut inner = bench.fake.lock();
        inner.refusals.insert("a".to_owned(), vec![refusal.clone()]);
        inner.reports[0].refused = vec![refusal.clone()];
        inner.counters.refused = 1;
    }
    bench.engine.follow();
    bench.engine.follow();
    assert_eq!(bench.ledger(), ["apply", "applied", "refused"]);
    let status = bench.engine.status();
    assert_eq!(status.alarms[0].sentence, "a refused generation 2 and serves what it had: no");
    assert_eq!(status.totals.publishing.refused, 1);
    bench.fake.lock().reports[0].acked = Some(crate::publish::Mark { generation: 3, at_ms: 9 });
    assert!(bench.engine.status().alarms.is_empty());
    let (after, _) = bench.killed_here("copy.db");
    assert_eq!(kept(&after.store).unwrap().refused["a"], [refusal]);
}

#[test]
fn a_changed_ledger_raises_an_alarm_and_stops_nobody() {
    let bench = Bench::with_document();
    let path = bench.directory.path().join("weir.db");
    let Bench { directory: _directory, fake, engine } = bench;
    drop(engine);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("DROP TRIGGER ledger_keeps_values; UPDATE ledger SET actor = 'nobody'").unwrap();
    let mut engine = open(&path, &fake).unwrap();
    let status = engine.status();
    assert_eq!(status.alarms[0].kind, "ledger");
    assert!(status.alarms[0].sentence.starts_with("row 1 of the ledger was changed"), "{:?}", status.alarms);
    engine.order(Order::KillAll { reason: None }).unwrap();
    assert_eq!(fake.last_state()["kill"], true);
}

#[test]
fn what_another_weir_wrote_is_refused_with_what_to_do() {
    let bench = Bench::with_document();
    let path = bench.directory.path().join("weir.db");
    let Bench { directory: _directory, fake, engine } = bench;
    drop(engine);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("INSERT INTO rollouts (flag, state) VALUES ('checkout', '{\"phase\": 9}')").unwrap();
    let error = open(&path, &fake).unwrap_err().to_string();
    assert!(error.contains("state of rollout checkout") && error.contains("run the weir that wrote it"), "{error}");
}

#[test]
fn observations_of_an_attempt_are_kept_for_a_replay() {
    let mut bench = Bench::with_document();
    bench.tick(1_000, 10);
    bench.order("checkout", Command::Start { force: false }).unwrap();
    bench.tick(2_000, 20);
    bench.tick(3_000, 30);
    let path = bench.directory.path().join("weir.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut select = connection.prepare("SELECT attempt, json FROM observations ORDER BY at_ms").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: Vec<(i64, String)> = rows.map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    let observation: Observation = serde_json::from_str(&rows[1].1).unwrap();
    assert_eq!((rows[1].0, observation), (1, tick(3_000, 30).observation));
}

#[test]
fn right_after_a_start_nobody_is_taken_for_having_applied() {
    let directory = tempfile::tempdir().unwrap();
    let fake = Arc::new(Fake::default());
    let store = Store::open(&directory.path().join("weir.db")).unwrap();
    let expected = ProxySight { admin: "http://a".to_owned(), node: Some("a".to_owned()), ..ProxySight::default() };
    let mut engine = Engine::open(store, Arc::<Fake>::clone(&fake), Clock::system(), vec![expected]).unwrap();
    let document = Box::new(weir_core::check::check(DOCUMENT).unwrap());
    let order = Order::Apply { text: DOCUMENT.to_owned(), document, force: false, defects: 0, reason: None };
    let answer = engine.order(order).unwrap();
    assert!(!answer.complete);
    assert_eq!(answer.transition.absent, ["a"]);
    fake.has("a", 1, 5);
    let answer = engine.order(Order::KillAll { reason: None }).unwrap();
    assert_eq!((answer.transition.absent.len(), answer.transition.waiting.as_slice()), (0, &["a".to_owned()][..]));
}

/// Any order or tick, at random.
fn stir(bench: &mut Bench, random: &mut fastrand::Rng, now_ms: &mut u64) {
    let flag = if random.u8(..4) == 0 { "banner" } else { "checkout" };
    let finished = edited("/flags/checkout/defaultVariant", json!("next"));
    // Most are refused in most states; what matters is what they leave behind.
    match random.u8(..12) {
        0 => drop(bench.order(flag, Command::Start { force: random.bool() })),
        1 => drop(bench.order(flag, Command::Resume)),
        2 => drop(bench.order(flag, Command::Rollback)),
        3 => drop(bench.order(flag, Command::Kill)),
        4 => drop(bench.order(flag, Command::Revive)),
        5 => drop(bench.engine.order(Order::KillAll { reason: None })),
        6 => drop(bench.engine.order(Order::ReviveAll { reason: None })),
        7 => drop(bench.apply(&finished, random.bool())),
        8 => drop(bench.apply(DOCUMENT, random.bool())),
        _ => {
            for _ in 0..random.u64(1..40) {
                *now_ms += 1_000;
                bench.tick(*now_ms, random.u64(..400));
            }
        }
    }
}

#[test]
fn from_every_state_one_step_brings_all_to_control_and_nothing_written_is_lost() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut bench, mut now_ms) = (Bench::with_document(), 0);
        for step in 0..15 {
            stir(&mut bench, &mut random, &mut now_ms);
            let (mut after, fake) = bench.killed_here(&format!("copy{step}.db"));
            assert_eq!(after.model.rollouts, bench.engine.model.rollouts, "seed {seed} step {step}");
            after.resume();
            assert_eq!(fake.lock().published.last(), bench.fake.lock().published.last(), "seed {seed} step {step}");
            let safe = match random.u8(..3) {
                0 => after.order(Order::KillAll { reason: None }),
                1 => after.order(Order::Rollout { flag: "checkout".to_owned(), command: Command::Kill, reason: None }),
                _ => {
                    let command = Command::Rollback;
                    after.order(Order::Rollout { flag: "checkout".to_owned(), command, reason: None })
                }
            };
            // Only what was never started can't be rolled back.
            let never = safe.is_err() && after.model.rollout("checkout").weight_ppm == 0;
            assert!(safe.is_ok() || never, "seed {seed} step {step}: {safe:?}");
            assert_eq!(after.status().rollouts[0].weight_ppm, 0, "seed {seed} step {step}");
        }
        let generations = bench.fake.generations();
        assert!(generations.is_sorted_by(|a, b| a < b), "{generations:?}");
        assert_eq!(bench.engine.store.verify().unwrap(), None);
    }
}
