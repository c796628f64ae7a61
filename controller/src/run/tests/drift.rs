//! Drift after the last stage: in the status, the metrics and the ledger, and over a restart.

use serde_json::{Value, json};

use super::{Bench, DOCUMENT, tick};
use crate::observation::{Bin, Bins, VariantCounts};
use crate::observe::Tick;
use crate::run::Engine;

/// A second in which everybody has the candidate, and each request takes so long.
fn second(at_ms: u64, lower_us: u64) -> Tick {
    let mut tick = tick(at_ms, 0);
    let mut counts = VariantCounts { started: 200, ..VariantCounts::default() };
    counts.results[0] = 200;
    counts.cells.iter_mut().for_each(|cell| cell.requests = 10);
    counts.duration = Bins([(lower_us, Bin { width: 100, count: 200 })].into());
    tick.observation.flags.get_mut("checkout").unwrap().variants.insert("next".to_owned(), counts);
    tick
}

/// Everybody has the candidate, and drift from a reference of 1 ms is looked for.
fn done_and_watched(action: &str) -> Bench {
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let rollout = &mut document["weir"]["rollouts"]["checkout"];
    rollout["stages"] = json!([{ "weight": "100%", "for": "2s" }]);
    rollout["advance"] = json!({ "requests": 1, "power": 0 });
    rollout["analysis"] = json!({ "drift": { "window": "5s", "values": 100, "cooldown": "30s", "action": action,
        "reference": { "1000": [100, 1_000] } } });
    let mut bench = Bench::new();
    bench.apply(&document.to_string(), false).unwrap();
    bench.force_start();
    (1..=10).for_each(|at| bench.engine.observe(second(at * 1_000, 1_000), None));
    assert_eq!((bench.phase().as_str(), bench.status().alarms.len()), ("done", 0));
    bench
}

#[test]
fn drift_after_the_last_stage_is_in_the_status_while_it_lasts_and_in_the_ledger_once_a_cooldown() {
    for action in ["notify", "hold"] {
        let mut bench = done_and_watched(action);
        let alarms = |engine: &Engine| {
            let rows = engine.store.ledger(None, 0, 1_000).unwrap().into_iter();
            rows.filter(|row| row.entry.kind == "alarm").map(|row| row.entry).collect::<Vec<_>>()
        };
        (11..=20).for_each(|at| bench.engine.observe(second(at * 1_000, 50_000), None));
        let status = bench.status();
        let told: Vec<_> = status.alarms.iter().map(|alarm| (alarm.kind.as_str(), alarm.since_ms)).collect();
        assert!(told.len() == 1 && told[0].0 == "drift" && (11_000..=16_000).contains(&told[0].1), "{told:?}");
        assert!(status.sentence.ends_with("; alarms: drift"), "{}", status.sentence);
        let ruling = status.rollouts[0].ruling.clone().unwrap();
        assert!(ruling.sentence.contains("drift latency: distance "), "{}", ruling.sentence);
        assert_eq!(ruling.asks, action == "hold");
        let text = crate::report::metrics(&status);
        for line in [
            "weir_controller_alarms{kind=\"drift\"} 1",
            "weir_controller_remark_bad{flag=\"checkout\",remark=\"drift latency\"} 1",
            "weir_controller_remark_limit{flag=\"checkout\",remark=\"drift latency\"} 0.2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} not in\n{text}");
        }
        let rows = alarms(&bench.engine);
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert!(rows[0].sentence.starts_with("checkout: drift latency: distance ") && rows[0].actor == "judge");

        // Whoever is started on what SIGKILL leaves behind knows of the alarm before he has looked, and of the cooldown.
        let (mut after, _) = bench.killed_here("copy.db");
        let at_once: Vec<_> = after.status().alarms.into_iter().map(|alarm| (alarm.kind, alarm.since_ms)).collect();
        assert_eq!(at_once, [("drift".to_owned(), told[0].1)]);
        (21..=40).for_each(|at| after.observe(second(at * 1_000, 50_000), None));
        assert_eq!(alarms(&after).len(), 1, "20 s later");
        (41..=50).for_each(|at| after.observe(second(at * 1_000, 50_000), None));
        assert_eq!(alarms(&after).len(), 2, "30 s later");
        assert_eq!(after.store.verify().unwrap(), None);
        (51..=60).for_each(|at| after.observe(second(at * 1_000, 1_000), None));
        assert_eq!((after.status().alarms.len(), alarms(&after).len()), (0, 2));
        assert_eq!(after.status().rollouts[0].phase, "done");
    }
}

#[test]
fn drift_that_rolls_back_is_one_decision_and_no_alarm_beside_it() {
    let mut bench = done_and_watched("rollback");
    (11..=40).for_each(|at| bench.engine.observe(second(at * 1_000, 50_000), None));
    assert_eq!((bench.phase().as_str(), bench.status().rollouts[0].weight_ppm), ("rolled_back", 0));
    assert_eq!(bench.ledger().iter().filter(|kind| *kind == "rollback").count(), 1);
    assert!(!bench.ledger().contains(&"alarm".to_owned()));
    assert_eq!(bench.status().alarms, []);
}
