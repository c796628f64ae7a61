//! The controller killed with SIGKILL, and its database replaced by an older copy.

use std::time::Duration;

use serde_json::{Value, json};
use weir_controller::report::{RolloutStatus, Status};
use weir_tests::document::{self, rollout as rollout_of};
use weir_tests::poll;

use crate::whole::{Whole, finish, requests, rollout};

const RATE: f64 = 400.0;

fn with_stages(stages: Value) -> Value {
    let mut document = document::checkout();
    rollout_of(&mut document)["stages"] = stages;
    document
}

/// What must be the same before and after.
fn place(status: &Status) -> (u64, String, Option<usize>, u32, bool, bool) {
    let RolloutStatus { attempt, phase, stage, weight_ppm, mask, killed, .. } = rollout(status).clone();
    (attempt, phase, stage, weight_ppm, mask, killed)
}

/// Kills and restarts the controller; it must be where it was, with every decision still there and none taken again.
async fn crash_changes_nothing(whole: &mut Whole) {
    let (before, ledger) = (whole.status().await, whole.ledger().await);
    whole.crash().await;
    let (after, later) = (whole.status().await, whole.ledger().await);
    assert_eq!(place(&before), place(&after));
    assert!(after.generation >= before.generation);
    let hashes = |rows: &[weir_controller::store::Row]| rows.iter().map(|row| row.hash.clone()).collect::<Vec<_>>();
    assert!(hashes(&later).starts_with(&hashes(&ledger)), "the ledger goes on where it was");
    let kinds: Vec<_> = later[ledger.len()..].iter().map(|row| row.entry.kind.as_str()).collect();
    let decisions = ["apply", "start", "stage", "done", "rollback", "resume", "kill", "revive"];
    assert!(kinds.iter().all(|kind| !decisions.contains(kind)), "decided again: {kinds:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_controller_goes_on_in_the_phase_it_was_in_and_proxies_serve_meanwhile() {
    let stages =
        json!([{ "weight": "5%", "for": "4s" }, { "weight": "25%", "for": "10m" }, { "weight": "100%", "for": "1s" }]);
    let mut whole = Whole::start(2, &with_stages(stages)).await;
    crash_changes_nothing(&mut whole).await;
    whole.order("start").await;
    assert_eq!(whole.rollout().await.phase, "baseline", "without a request of control");
    crash_changes_nothing(&mut whole).await;

    let load = whole.load(RATE);
    whole.until("the first stage runs", |status| rollout(status).stage == Some(0)).await;
    crash_changes_nothing(&mut whole).await;
    whole.weight(25).await;
    crash_changes_nothing(&mut whole).await;
    whole.order("kill").await;
    crash_changes_nothing(&mut whole).await;
    whole.order("revive").await;
    assert_eq!(whole.rollout().await.phase, "paused");
    crash_changes_nothing(&mut whole).await;
    whole.order("resume").await;
    whole.weight(25).await;
    whole.order("rollback").await;
    crash_changes_nothing(&mut whole).await;

    let document = with_stages(json!([{ "weight": "50%", "for": "1s" }, { "weight": "100%", "for": "1s" }]));
    whole.controller.apply(&document.to_string()).await.expect("other stages are taken between attempts");
    whole.order("start").await;
    whole.phase("done").await;
    crash_changes_nothing(&mut whole).await;
    assert_eq!(place(&whole.status().await), (2, "done".to_owned(), None, 1_000_000, false, false));
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_controller_loses_and_doubles_no_request() {
    let mut whole =
        Whole::start(2, &with_stages(json!([{ "weight": "25%", "for": "10m" }, { "weight": "100%", "for": "1s" }])))
            .await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(25).await;
    for _ in 0..3 {
        requests(&load, 400).await;
        whole.crash().await;
    }
    requests(&load, 400).await;
    finish(load).await;
    // The candidate's requests all belong to this stage: before it, its weight was 0.
    let sent = whole.upstreams.candidate.requests();
    let counted = |status: &Status| rollout(status).ruling.as_ref().map(|ruling| ruling.numbers.candidate.requests);
    let status =
        whole.until(&format!("the judge has counted {sent} requests"), |status| counted(status) >= Some(sent)).await;
    assert_eq!(counted(&status), Some(sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_an_older_copy_of_the_database_generations_still_rise() {
    let mut whole = Whole::start(2, &document::checkout()).await;
    whole.controller.kill();
    let (database, copy) = (whole.controller.database(), whole.controller.directory().join("copy"));
    let wal = |path: &std::path::Path, end: &str| std::path::PathBuf::from(format!("{}{end}", path.display()));
    for end in ["", "-wal"] {
        if wal(&database, end).exists() {
            std::fs::copy(wal(&database, end), wal(&copy, end)).expect("copied");
        }
    }
    whole.controller.start().await.expect("the controller starts again");
    for verb in ["kill", "revive", "kill", "revive", "kill"] {
        whole.order(verb).await;
    }
    let newest = whole.applied().await.generation;
    whole.controller.kill();
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(wal(&database, end));
        if wal(&copy, end).exists() {
            std::fs::copy(wal(&copy, end), wal(&database, end)).expect("copied");
        }
    }
    whole.controller.start().await.expect("the controller starts on the older copy");
    let risen = |status: &Status| status.generation > newest;
    whole.until(&format!("the generation is above {newest}"), risen).await;
    let status = whole.applied().await;
    assert!(!rollout(&status).killed, "the older copy knows of no kill");
    for envoy in &whole.envoys {
        // Workers say so at their next tick.
        let gauge =
            || async { envoy.stat("wasmcustom.weir_generation").await.ok().filter(|generation| *generation > newest) };
        poll::until("workers report a newer generation", Duration::from_secs(10), gauge).await.expect("in time");
    }
}
