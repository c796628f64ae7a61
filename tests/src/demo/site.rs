//! [`Site`]: what the demo runs on: two upstreams, three Envoys, a controller and a load of sticky users, all on loopback.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;

use super::watch::Watch;
use crate::fleet::Fleet;
use crate::load::Load;
use crate::{document, poll};

const PROXIES: usize = 3;
const USERS: u32 = 10_000;
/// Requests a second, over all proxies.
const RATE: f64 = 600.0;
const READY: Duration = Duration::from_secs(20);

/// All that runs; gone when dropped.
pub(super) struct Site {
    pub(super) load: Load,
    pub(super) fleet: Fleet,
}

impl Site {
    pub(super) async fn start() -> Result<Self> {
        let fleet = Fleet::start(PROXIES, &demo_document(), "1s").await?;
        let load = fleet.load(USERS, RATE);
        poll::until_true("requests are answered", READY, || load.done() > 100).await?;
        Ok(Self { load, fleet })
    }

    /// The ends of the children's logs, for whom the demo failed.
    pub(super) fn last_words(&mut self) -> String {
        let mut text = self.fleet.controller.process().map(|child| child.last_words()).unwrap_or_default();
        for envoy in &mut self.fleet.envoys {
            if let Ok(child) = envoy.process() {
                // Writing to a string cannot fail.
                let _ = write!(text, "\n{}", child.last_words());
            }
        }
        text
    }

    /// What a person can try while all runs on.
    pub(super) fn invitation(&self) -> String {
        let api = self.fleet.controller.api();
        let mut text = format!(
            "All runs on until Ctrl-C. Try, in another terminal:\n  export WEIR_API=http://{api}\n  \
             target/debug/weir status checkout --watch\n  target/debug/weir start checkout\n  target/debug/weir kill checkout\n  \
             target/debug/weir revive checkout\n  target/debug/weir resume checkout\n  target/debug/weir rollback checkout\n\
             The controller's own metrics: http://{api}/metrics\n"
        );
        for envoy in &self.fleet.envoys {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{}: users http://{}{}, admin http://{}",
                envoy.node(),
                envoy.ingress(),
                document::PATH,
                envoy.admin()
            );
        }
        text
    }

    /// Tells on, a line a second; ends only with an error, or when dropped.
    pub(super) async fn serve(&self, watch: &mut Watch) -> Result<()> {
        loop {
            watch.second(self).await?;
        }
    }
}

/// [`document::checkout`] with stages of five seconds. What a stage needs before the next begins is set low here, in the document.
fn demo_document() -> String {
    let mut value = document::checkout();
    let rollout = document::rollout(&mut value);
    for stage in rollout["stages"].as_array_mut().into_iter().flatten() {
        stage["for"] = "5s".into();
    }
    value.to_string()
}
