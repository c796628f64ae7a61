//! An Envoy from one of our bootstraps: started on ports of the kernel's choice, killed, started again on the same ones.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::bootstrap::{Ports, Site, bootstrap};
use crate::port::Port;
use crate::process::Child;
use crate::{http, parts, poll};

const READY: Duration = Duration::from_secs(30);
const WORKERS: &str = "2";

/// A running Envoy with two workers; gone when dropped.
#[derive(Debug)]
pub struct Envoy {
    /// `None` while it is killed.
    child: Option<Child>,
    site: Site,
    directory: TempDir,
    ports: Ports,
}

impl Envoy {
    /// Starts one and waits until it is ready to serve.
    ///
    /// # Errors
    /// It did not become ready; with the end of its log.
    pub async fn start(site: Site) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("weir-envoy-").tempdir()?;
        let ports = Ports { admin: Port::hold()?, ingress: Port::hold()?, stats: Port::hold()? };
        let mut envoy = Self { child: None, site, directory, ports };
        envoy.start_again().await?;
        Ok(envoy)
    }

    /// Starts it again after [`Envoy::kill`], on the same ports: its counters begin at zero.
    ///
    /// # Errors
    /// It did not become ready; with the end of its log.
    pub async fn start_again(&mut self) -> Result<()> {
        let bootstrap = bootstrap(&self.site, &self.ports)?;
        let file = self.directory.path().join("bootstrap.json");
        std::fs::write(&file, serde_json::to_vec_pretty(&bootstrap)?)?;
        let mut command = Command::new(parts::envoy()?);
        command.arg("-c").arg(&file);
        // Hot restart is what would make several Envoys on one machine trip over each other.
        command.args(["--disable-hot-restart", "--concurrency", WORKERS, "--log-level", "warning"]);
        let mut child = Child::start(&self.site.node, command, &self.log())?;
        if let Err(error) = self.settled(&mut child).await {
            bail!("{error:#}\n{}", child.last_words());
        }
        self.child = Some(child);
        Ok(())
    }

    async fn settled(&self, child: &mut Child) -> Result<()> {
        let ready = poll::until("Envoy is ready", READY, || {
            let runs = child.runs();
            async move {
                if !runs {
                    return Some(Err(anyhow::anyhow!("{} ended", self.site.node)));
                }
                let answer = http::get(self.admin(), "/ready").await.ok();
                answer.is_some_and(|answer| answer.status == 200).then_some(Ok(()))
            }
        });
        ready.await?
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child = None;
    }

    /// The process, while it runs.
    ///
    /// # Errors
    /// It is killed.
    pub fn process(&mut self) -> Result<&mut Child> {
        self.child.as_mut().context("this Envoy is killed")
    }

    /// The file that it logs to.
    #[must_use]
    pub fn log(&self) -> std::path::PathBuf {
        self.directory.path().join("log")
    }

    /// Its node id.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.site.node
    }

    /// The site, to change something before it is started again.
    pub fn site(&mut self) -> &mut Site {
        &mut self.site
    }

    /// The admin interface.
    #[must_use]
    pub const fn admin(&self) -> SocketAddr {
        self.ports.admin.address()
    }

    /// Where users come in.
    #[must_use]
    pub const fn ingress(&self) -> SocketAddr {
        self.ports.ingress.address()
    }

    /// The read-only listener for statistics.
    #[must_use]
    pub const fn stats_listener(&self) -> SocketAddr {
        self.ports.stats.address()
    }

    /// All counters and gauges whose name matches the regular expression, by raw name.
    ///
    /// # Errors
    /// The admin interface does not answer.
    pub async fn stats(&self, filter: &str) -> Result<BTreeMap<String, u64>> {
        let escaped: String = filter
            .bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect();
        let answer = http::get(self.admin(), &format!("/stats?format=json&filter={escaped}")).await?.good()?;
        let value: Value = answer.json()?;
        let stats = value["stats"].as_array().context("no stats")?;
        let pair = |stat: &Value| Some((stat["name"].as_str()?.to_owned(), stat["value"].as_u64()?));
        Ok(stats.iter().filter_map(pair).collect())
    }

    /// One counter or gauge by its exact raw name; 0 where there is none (yet).
    ///
    /// # Errors
    /// The admin interface does not answer.
    pub async fn stat(&self, name: &str) -> Result<u64> {
        Ok(self.stats(name).await?.get(name).copied().unwrap_or(0))
    }
}
