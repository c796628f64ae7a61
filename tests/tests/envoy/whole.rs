//! The whole loop: upstreams, Envoys, a controller, users; and waiting for what its status says.

use std::time::Duration;

use serde_json::{Value, json};
use weir_controller::report::{RolloutStatus, Status};
use weir_controller::store::Row;
use weir_tests::controller::Controller;
use weir_tests::document::FLAG;
use weir_tests::envoy::Envoy;
use weir_tests::fleet::Fleet;
use weir_tests::load::{Load, Plan};
use weir_tests::{http, poll};

use crate::stage::Upstreams;

/// Longer than anything that is waited for should take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
const USERS: u32 = 4_000;
/// Requests under way when a proxy takes a configuration may still reach the upstream so much later.
const IN_FLIGHT_US: u64 = 200_000;

/// All that runs; gone when dropped.
pub(crate) struct Whole {
    pub(crate) controller: Controller,
    pub(crate) envoys: Vec<Envoy>,
    pub(crate) upstreams: Upstreams,
}

impl Whole {
    /// So many proxies that have applied the document.
    pub(crate) async fn start(proxies: usize, document: &Value) -> Self {
        let fleet = Fleet::start(proxies, &document.to_string(), "500ms").await.expect("the fleet starts");
        let Fleet { controller, envoys, control, candidate } = fleet;
        Self { controller, envoys, upstreams: Upstreams { control, candidate } }
    }

    /// Users on all proxies.
    pub(crate) fn load(&self, rate: f64) -> Load {
        self.load_on(&self.envoys, rate)
    }

    /// Users on some proxies.
    pub(crate) fn load_on(&self, envoys: &[Envoy], rate: f64) -> Load {
        Load::start(Plan::sticky(envoys, USERS, rate))
    }

    pub(crate) async fn status(&self) -> Status {
        self.controller.status().await.expect("a status")
    }

    pub(crate) async fn rollout(&self) -> RolloutStatus {
        rollout(&self.status().await).clone()
    }

    /// Waits until the status is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let status = self.controller.status_until(what, LIMIT, wanted).await;
        status.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Waits until the rollout is in that phase.
    pub(crate) async fn phase(&self, phase: &str) -> RolloutStatus {
        let status = self.until(&format!("the rollout is {phase}"), |status| rollout(status).phase == phase).await;
        rollout(&status).clone()
    }

    /// Waits until a stage of that weight runs and every proxy has it.
    pub(crate) async fn weight(&self, percent: u32) {
        let there =
            |status: &Status| rollout(status).phase == "running" && rollout(status).weight_ppm == percent * 10_000;
        self.until(&format!("a stage of {percent} % runs"), there).await;
        self.applied().await;
    }

    /// Waits until every proxy has applied the present generation.
    pub(crate) async fn applied(&self) -> Status {
        let status = self.controller.applied_everywhere(self.envoys.len(), LIMIT).await;
        status.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Looks on for so many ticks; `always` must hold at every look.
    pub(crate) async fn for_ticks(&self, ticks: u64, what: &str, always: impl Fn(&Status) -> bool) {
        let until = self.status().await.totals.ticks + ticks;
        let over = poll::until("the controller ticks", LIMIT, || async {
            let status = self.status().await;
            assert!(always(&status), "not so any more: {what}: {status:#?}");
            (status.totals.ticks >= until).then_some(())
        });
        over.await.expect("in time");
    }

    /// A verb on the flag; waits until every connected proxy has applied it.
    pub(crate) async fn order(&self, verb: &str) -> Value {
        let body = json!({ "flag": FLAG, "reason": "a test", "wait_ms": 20_000 });
        self.controller.call(verb, &body).await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    pub(crate) async fn ledger(&self) -> Vec<Row> {
        let answer = http::get(self.controller.api(), "/api/v1/ledger?limit=1000").await.expect("an answer");
        answer.good().expect("good").json().expect("rows")
    }

    /// Nobody came to the candidate after the moment at which the last proxy had applied the last decision.
    pub(crate) async fn assert_nobody_on_the_candidate_since_applied(&self) {
        let status = self.applied().await;
        let last = rollout(&status).last.clone().expect("a decision");
        let applied_us = last.applied_at_ms.unwrap_or_else(|| panic!("not applied: {last:?}")) * 1_000;
        let candidate_us = self.upstreams.candidate.last_request_us();
        assert!(
            candidate_us <= applied_us + IN_FLIGHT_US,
            "the candidate had a request {} ms later",
            (candidate_us - applied_us) / 1_000
        );
    }

    /// SIGKILL to the controller, and another on the same database.
    pub(crate) async fn crash(&mut self) {
        self.controller.kill();
        self.controller.start().await.expect("the controller starts again");
    }
}

/// The rollout of the one flag.
pub(crate) fn rollout(status: &Status) -> &RolloutStatus {
    status.rollouts.first().unwrap_or_else(|| panic!("no rollout in {status:?}"))
}

/// The ruling's reason, as a word.
pub(crate) fn why(rollout: &RolloutStatus) -> String {
    rollout.ruling.as_ref().map(|ruling| format!("{:?}", ruling.why)).unwrap_or_default()
}

/// Waits until so many more requests have ended.
pub(crate) async fn requests(load: &Load, more: usize) {
    let until = load.done() + more;
    poll::until_true("requests go on", LIMIT, || load.done() >= until).await.expect("in time");
}

/// Ends a load; every failure must have been ordered.
pub(crate) async fn finish(load: Load) {
    let complaints = load.complaints();
    let records = load.finish().await.expect("all requests end");
    let failed: Vec<_> = records.iter().filter(|record| record.failed_without_order()).collect();
    assert!(failed.is_empty(), "{} of {} failed, such as {:?}: {complaints:?}", failed.len(), records.len(), failed[0]);
}
