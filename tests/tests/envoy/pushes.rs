//! Pushes while users are there.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_core::share::Share;
use weir_core::snapshot::{PlanCache, Snapshot};
use weir_tests::document::{self};
use weir_tests::envoy::Envoy;
use weir_tests::load::{Load, Plan, Record, Who, user_id};
use weir_tests::poll;

use crate::pusher::{Pusher, now_us, percent};
use crate::stage::Upstreams;

const USERS: u32 = 1_000;
const RATE: f64 = 2_500.0;
const PUSHES: usize = 500;

/// A generation's life as a proxy may serve it: from when it was published until the next was applied by all.
#[derive(Debug)]
struct Life {
    weight: Share,
    from_us: u64,
    to_us: u64,
}

fn load(envoys: &[Envoy], rate: f64) -> Load {
    Load::start(Plan::sticky(envoys, USERS, rate))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn always_true_7_configuration_changes_under_load_lose_no_request_and_every_answer_is_of_a_generation_current_then()
 {
    let upstreams = Upstreams::start().await;
    let mut pusher = Pusher::start().await;
    let document = document::checkout().to_string();
    let first = pusher.push(percent(0), &document);
    let envoys = pusher.proxies(&upstreams, &["pushed-1", "pushed-2"]).await;
    pusher.applied(envoys.len(), first).await;

    let load = load(&envoys, RATE);
    let start_us = now_us();
    let mut lives = vec![Life { weight: percent(0), from_us: 0, to_us: u64::MAX }];
    for push in 0..PUSHES {
        // Neighbours are far apart, so that most users tell one generation from the next.
        let weight = percent(u32::try_from(push * 37 % 101).expect("small"));
        let from_us = now_us();
        let generation = pusher.push(weight, &document);
        pusher.applied(envoys.len(), generation).await;
        lives.last_mut().expect("one").to_us = now_us();
        lives.push(Life { weight, from_us, to_us: u64::MAX });
    }
    let span_us = now_us() - start_us;
    let complaints = load.complaints();
    let records = load.finish().await.expect("all requests end");

    let rate = records.len() as f64 / (span_us as f64 / 1e6);
    assert!(rate >= 2_000.0, "only {rate:.0} requests/s");
    let failed: Vec<&Record> = records.iter().filter(|r| r.status != 200).collect();
    assert!(failed.is_empty(), "{} of {} failed: {:?}; {complaints:?}", failed.len(), records.len(), failed.first());
    let places = places(&document);
    for record in &records {
        assert_possible(record, places[&record.user], &lives);
    }
    assert!(records.iter().any(|r| r.who == Who::Candidate) && records.iter().any(|r| r.who == Who::Control));
}

/// Each user's place in the split, by core.
fn places(document: &str) -> BTreeMap<u32, u32> {
    let snapshot =
        Snapshot::read(document.as_bytes(), &mut PlanCache::default()).expect("no fault").expect("a snapshot");
    let rollout = snapshot.plan.flags[0].rollout.as_ref().expect("a rollout");
    (0..USERS).map(|user| (user, rollout.place(&user_id(user)))).collect()
}

fn assert_possible(record: &Record, place: u32, lives: &[Life]) {
    let (from, to) = (record.sent_us, record.sent_us + record.took_us);
    let first = lives.partition_point(|life| life.to_us < from);
    let mut current = lives[first..].iter().take_while(|life| life.from_us <= to);
    let gives = |life: &Life| if place < life.weight.ppm() { Who::Candidate } else { Who::Control };
    assert!(current.any(|life| gives(life) == record.who), "{record:?} with place {place}: {:?}", &lives[first..][..2]);
}

/// The worst request of each push, and of those the median: what a push does shows in every one, what the machine does only in some.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_of_state_alone_stalls_no_request_with_a_document_of_two_megabytes() {
    const WEIGHTS: [u32; 21] = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25];
    let upstreams = Upstreams::start().await;
    let mut pusher = Pusher::start().await;
    let document = document::large(2_000_000);
    assert!(document.len() > 1_900_000);
    let first = pusher.push(percent(1), &document);
    let envoys = pusher.proxies(&upstreams, &["large"]).await;
    pusher.applied(envoys.len(), first).await;

    let load = load(&envoys, 1_000.0);
    poll::until_true("the load runs", Duration::from_secs(10), || load.done() > 1_000).await.expect("in time");
    let mut pushes = Vec::new();
    for weight in WEIGHTS {
        let from = now_us();
        let generation = pusher.push(percent(weight), &document);
        pusher.applied(envoys.len(), generation).await;
        pushes.push((from, now_us()));
    }
    let records = load.finish().await.expect("all requests end");
    assert!(records.iter().all(|r| r.status == 200));
    let worst = |(from, to): &(u64, u64)| {
        records
            .iter()
            .filter(|r| r.sent_us + r.took_us >= *from && r.sent_us <= *to)
            .map(|r| r.took_us)
            .max()
            .unwrap_or(0)
    };
    let mut stalls: Vec<u64> = pushes.iter().map(worst).collect();
    stalls.sort_unstable();
    let median = stalls[stalls.len() / 2];
    assert!(median < 10_000, "half of the pushes stall a request for {median} us or more: {stalls:?}");
}
