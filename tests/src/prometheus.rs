//! A real Prometheus that scrapes one target twice a second.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::port::Port;
use crate::process::Child;
use crate::{http, parts, poll};

const READY: Duration = Duration::from_secs(30);

/// A running Prometheus and its data; both gone when dropped.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    port: Port,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts one, and waits until it answers queries.
    ///
    /// # Errors
    /// There is none, or it does not become ready; with the end of its log.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("weir-prometheus-").tempdir()?;
        let config = directory.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}\n\
             scrape_configs: [ {{ job_name: test, static_configs: [ {{ targets: [ '{target}' ] }} ] }} ]\n"
        );
        std::fs::write(&config, text)?;
        // It can't tell a port of the kernel's choice, so one is held for it.
        let port = Port::hold()?;
        let address = port.address();
        let mut command = Command::new(parts::prometheus()?);
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let mut child = Child::start("prometheus", command, &directory.path().join("log"))?;
        let ready = poll::until("Prometheus is ready", READY, || async {
            let answer = http::get(address, "/-/ready").await.ok()?;
            (answer.status == 200).then_some(())
        });
        if let Err(error) = ready.await {
            bail!("{error:#}; it runs: {}\n{}", child.runs(), child.last_words());
        }
        Ok(Self { child, port, _directory: directory })
    }

    /// Where it answers.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The process, to make it hang.
    pub const fn process(&mut self) -> &mut Child {
        &mut self.child
    }
}
