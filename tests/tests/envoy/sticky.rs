//! Who gets which variant, over proxies, workers, restarts and stages.

use std::collections::BTreeSet;
use std::time::Duration;

use weir_tests::document::{self, PATH};
use weir_tests::envoy::Envoy;
use weir_tests::load::{Identity, Load, Plan, Record, Who};
use weir_tests::poll;

use crate::pusher::{Pusher, percent};
use crate::stage::Upstreams;

const USERS: u32 = 2_000;
/// So that each user meets each of three proxies, most of them on both workers.
const ROUNDS: usize = 4;

/// Every user comes to every proxy.
async fn everybody(envoys: &[Envoy], identity: Identity) -> Vec<Record> {
    let proxies = envoys.iter().map(Envoy::ingress).collect();
    let load = Load::start(Plan { proxies, users: USERS, rate: 2_000.0, path: PATH.to_owned(), identity, tiers: &[] });
    let wanted = ROUNDS * usize::try_from(USERS).expect("small");
    poll::until_true("all users have come", Duration::from_secs(60), || load.done() >= wanted).await.expect("in time");
    let complaints = load.complaints();
    let records = load.finish().await.expect("all requests end");
    assert!(records.iter().all(|r| r.status == 200), "{complaints:?}");
    records
}

/// The users who were given the candidate; fails if a user was given both variants.
fn candidates(records: &[Record]) -> BTreeSet<u32> {
    let of = |who: Who| -> BTreeSet<u32> { records.iter().filter(|r| r.who == who).map(|r| r.user).collect() };
    let (control, candidate) = (of(Who::Control), of(Who::Candidate));
    let both: Vec<_> = control.intersection(&candidate).collect();
    assert!(both.is_empty(), "users with both variants: {both:?}");
    assert_eq!(control.len() + candidate.len(), usize::try_from(USERS).expect("small"), "every user came");
    candidate
}

/// Within four standard deviations of a binomial distribution: a false alarm in 16,000.
fn assert_share(candidates: usize, share: f64) {
    let users = f64::from(USERS);
    let found = f64::from(u32::try_from(candidates).expect("small"));
    let bound = 4.0 * (users * share * (1.0 - share)).sqrt();
    assert!((found - users * share).abs() <= bound, "{found} of {users} users are on the candidate, which has {share}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_user_keeps_its_variant_over_proxies_workers_and_a_restart_and_no_stage_takes_one_back() {
    let upstreams = Upstreams::start().await;
    let mut pusher = Pusher::start().await;
    let document = document::checkout().to_string();
    pusher.push(percent(1), &document);
    let mut envoys = pusher.proxies(&upstreams, &["sticky-1", "sticky-2", "sticky-3"]).await;

    let mut before = BTreeSet::new();
    for (step, share) in [1, 5, 25, 50, 100].into_iter().enumerate() {
        let generation = pusher.push(percent(share), &document);
        pusher.applied(envoys.len(), generation).await;
        // A user is the same by header and by cookie.
        let identity = if step % 2 == 0 { Identity::Header("x-user-id") } else { Identity::Cookie("session") };
        let now = candidates(&everybody(&envoys, identity.clone()).await);
        assert_share(now.len(), f64::from(share) / 100.0);
        assert!(before.is_subset(&now), "at {share} % these were taken back: {:?}", before.difference(&now));
        if share == 25 {
            envoys[1].kill();
            envoys[1].start_again().await.expect("Envoy starts again");
            pusher.applied(envoys.len(), generation).await;
            assert_eq!(candidates(&everybody(&envoys, identity).await), now, "a restart moves nobody");
        }
        before = now;
    }
    for envoy in &envoys {
        assert_eq!(
            envoy.stat("wasmcustom.weir_generation").await.expect("a gauge"),
            5 + 1,
            "{} served by pushes",
            envoy.node()
        );
    }
}
