//! [`Fleet`]: the parts of a whole loop, started in the order in which they need each other: two upstreams, Envoys, a controller that has
//! published a document to all of them.

use std::time::Duration;

use anyhow::Result;

use crate::bootstrap::{Site, Template};
use crate::controller::{Controller, Setup};
use crate::envoy::Envoy;
use crate::load::{Load, Plan};
use crate::upstream::Upstream;
use crate::{document, parts};

const READY: Duration = Duration::from_secs(30);

/// All that runs but the load; gone when dropped.
#[derive(Debug)]
pub struct Fleet {
    /// The controller.
    pub controller: Controller,
    /// The proxies, `proxy-1` and so on.
    pub envoys: Vec<Envoy>,
    /// In the place of control.
    pub control: Upstream,
    /// In the place of the candidate.
    pub candidate: Upstream,
}

impl Fleet {
    /// So many proxies that have applied the document; `tick` is how often the controller looks, such as `1s`.
    ///
    /// # Errors
    /// A part did not start, or a proxy did not apply the document; with the end of its log.
    pub async fn start(proxies: usize, document: &str, tick: &'static str) -> Result<Self> {
        let control = Upstream::start("control", document::HEADER).await?;
        let candidate = Upstream::start("candidate", document::HEADER).await?;
        let setup = Setup { proxies: Vec::new(), wasm: parts::wasm()?, tick, further: String::new() };
        let mut controller = Controller::new(setup)?;
        let mut envoys = Vec::with_capacity(proxies);
        for number in 1..=proxies {
            let site = Site {
                template: Template::EcdsGrpc { controller: controller.xds() },
                node: format!("proxy-{number}"),
                control: control.address(),
                candidate: candidate.address(),
                wasm: parts::wasm()?,
                failure_policy: None,
                // The controller comes last, for it must know the proxies' ports; nobody waits for it meanwhile.
                initial_fetch_timeout: Some("0.1s"),
            };
            envoys.push(Envoy::start(site).await?);
        }
        controller.setup().proxies = envoys.iter().map(Envoy::admin).collect();
        controller.start().await?;
        controller.apply(document).await?;
        controller.applied_everywhere(proxies, READY).await?;
        Ok(Self { controller, envoys, control, candidate })
    }

    /// So many sticky users on all proxies, known by a header, at `rate` requests a second.
    #[must_use]
    pub fn load(&self, users: u32, rate: f64) -> Load {
        Load::start(Plan::sticky(&self.envoys, users, rate))
    }
}
