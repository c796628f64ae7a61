//! [`Stage`]: what a bench runs on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::bootstrap::{self, Template};
use crate::controller::{Controller, Setup};
use crate::document;
use crate::envoy::Envoy;
use crate::load::{Identity, Load, Plan};
use crate::upstream::Upstream;
use crate::{parts, poll};

const READY: Duration = Duration::from_secs(30);

/// Envoys, a controller, two upstreams and a load; gone when dropped.
pub(super) struct Stage {
    pub(super) load: Load,
    pub(super) controller: Controller,
    pub(super) control: Upstream,
    pub(super) candidate: Upstream,
    _envoys: Vec<Envoy>,
}

impl Stage {
    /// `proxies` Envoys that serve `document` to 10,000 users at `rate` requests a second.
    pub(super) async fn set(proxies: usize, document: &str, rate: f64) -> Result<Self> {
        let control = Upstream::start("control", document::HEADER).await?;
        let candidate = Upstream::start("candidate", document::HEADER).await?;
        let mut controller = Controller::new(Setup { proxies: Vec::new(), wasm: parts::wasm()?, tick: "1s" })?;
        let mut envoys = Vec::new();
        for number in 1..=proxies {
            let site = bootstrap::Site {
                template: Template::EcdsGrpc { controller: controller.xds() },
                node: format!("proxy-{number}"),
                control: control.address(),
                candidate: candidate.address(),
                wasm: parts::wasm()?,
                failure_policy: None,
                initial_fetch_timeout: Some("0.1s"),
            };
            envoys.push(Envoy::start(site).await?);
        }
        controller.setup().proxies = envoys.iter().map(Envoy::admin).collect();
        controller.start().await?;
        controller.apply(document).await?;
        controller.applied_everywhere(proxies, READY).await?;
        let load = Load::start(Plan {
            proxies: envoys.iter().map(Envoy::ingress).collect(),
            users: 10_000,
            rate,
            path: document::PATH.to_owned(),
            identity: Identity::Header("x-user-id"),
        });
        poll::until_true("requests are answered", READY, || load.done() > 100).await?;
        Ok(Self { load, controller, control, candidate, _envoys: envoys })
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
