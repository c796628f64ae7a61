//! `weir serve` as a process: started on ports of the kernel's choice, killed, started again on the same ones and the same database; its
//! API; and the `weir` verbs as a person runs them.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use weir_controller::report::{ProxyStatus, Status};

use crate::document::FLAG;
use crate::http::Answer;
use crate::port::Port;
use crate::process::Child;
use crate::{http, parts, poll};

const READY: Duration = Duration::from_secs(20);

/// How the controller is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Admin interfaces of the proxies.
    pub proxies: Vec<SocketAddr>,
    /// The filter, as the proxies see it.
    pub wasm: PathBuf,
    /// How often it looks and judges, such as `1s`.
    pub tick: &'static str,
    /// Further tables of `weir.toml`.
    pub further: String,
}

/// A controller and its directory; both gone when dropped.
#[derive(Debug)]
pub struct Controller {
    /// `None` before the first start and while it is killed.
    child: Option<Child>,
    directory: TempDir,
    setup: Setup,
    api: Port,
    xds: Port,
}

impl Controller {
    /// A controller that does not run yet, with ports held for it: proxies need the one, and it needs the others' addresses.
    ///
    /// # Errors
    /// No directory or port can be had.
    pub fn new(setup: Setup) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("weir-controller-").tempdir()?;
        Ok(Self { child: None, directory, setup, api: Port::hold()?, xds: Port::hold()? })
    }

    /// Starts it, for the first time or again, and waits until both its ports listen.
    ///
    /// # Errors
    /// It did not become ready; with the end of its log.
    pub async fn start(&mut self) -> Result<()> {
        let config = self.directory.path().join("weir.toml");
        let ready = self.directory.path().join("ready.json");
        // The last run's file must not be taken for this one's.
        let _ = std::fs::remove_file(&ready);
        std::fs::write(&config, self.settings())?;
        let mut command = Command::new(parts::weir()?);
        command.arg("serve").arg("--config").arg(&config).arg("--ready-file").arg(&ready);
        command.current_dir(self.directory.path());
        let mut child = Child::start("weir", command, &self.directory.path().join("log"))?;
        let waiting = poll::until("the controller is ready", READY, || {
            let ended = (!child.runs()).then(|| Err(anyhow::anyhow!("the controller ended")));
            std::future::ready(ended.or_else(|| ready.exists().then_some(Ok(()))))
        });
        if let Err(error) = waiting.await.and_then(|outcome| outcome) {
            bail!("{error:#}\n{}", child.last_words());
        }
        self.child = Some(child);
        Ok(())
    }

    fn settings(&self) -> String {
        let Setup { proxies, wasm, tick, further } = &self.setup;
        let mut text = format!(
            "database = {:?}\ntick = {tick:?}\n[api]\nlisten = \"{}\"\n[xds]\nlisten = \"{}\"\nresource = \"weir\"\n\
             [filter]\nwasm = {wasm:?}\nfailure_policy = \"fail_reload\"\nvm_id = \"weir\"\n",
            self.database(),
            self.api.address(),
            self.xds.address()
        );
        for admin in proxies {
            // Writing to a string cannot fail.
            let _ = write!(text, "[[proxies]]\nadmin = \"http://{admin}\"\n");
        }
        text.push_str(further);
        text
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
        self.child.as_mut().context("the controller is killed")
    }

    /// The setup, to change something before the next start.
    pub fn setup(&mut self) -> &mut Setup {
        &mut self.setup
    }

    /// Where proxies get their configuration.
    #[must_use]
    pub const fn xds(&self) -> SocketAddr {
        self.xds.address()
    }

    /// Where the API is.
    #[must_use]
    pub const fn api(&self) -> SocketAddr {
        self.api.address()
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.directory.path().join("weir.db")
    }

    /// Calls a verb of the API.
    ///
    /// # Errors
    /// No answer, or one that is not 200; with what it says.
    pub async fn call(&self, verb: &str, body: &Value) -> Result<Value> {
        self.try_call(verb, body).await?.good().with_context(|| verb.to_owned())?.json()
    }

    /// Calls a verb of the API, whatever it answers.
    ///
    /// # Errors
    /// No answer.
    pub async fn try_call(&self, verb: &str, body: &Value) -> Result<Answer> {
        http::post(self.api(), &format!("/api/v1/{verb}"), body).await
    }

    /// A verb on the flag `checkout`, without more.
    ///
    /// # Errors
    /// As [`Controller::call`].
    pub async fn checkout(&self, verb: &str) -> Result<Value> {
        self.call(verb, &json!({ "flag": FLAG, "reason": "a test" })).await
    }

    /// Publishes a document.
    ///
    /// # Errors
    /// As [`Controller::call`].
    pub async fn apply(&self, document: &str) -> Result<Value> {
        self.call("apply", &json!({ "document": document, "reason": "a test" })).await
    }

    /// The status of all.
    ///
    /// # Errors
    /// No answer, one that is not 200, or one of another shape.
    pub async fn status(&self) -> Result<Status> {
        http::get(self.api(), "/api/v1/status").await?.good()?.json()
    }

    /// Waits until the status is as wanted, and gives it.
    ///
    /// # Errors
    /// It was not within `limit`; with the last status.
    pub async fn status_until(&self, what: &str, limit: Duration, wanted: impl Fn(&Status) -> bool) -> Result<Status> {
        let found =
            poll::until(what, limit, || async { self.status().await.ok().filter(|status| wanted(status)) }).await;
        match found {
            Ok(status) => Ok(status),
            Err(error) => bail!("{error:#}; last status: {:#?}", self.status().await),
        }
    }

    /// Waits until so many connected proxies have applied what is wanted, and gives the status that says so.
    ///
    /// # Errors
    /// They have not within `limit`; with the last status.
    pub async fn applied_everywhere(&self, proxies: usize, limit: Duration) -> Result<Status> {
        let all = |status: &Status| {
            let has = |proxy: &&ProxyStatus| proxy.applied.is_some_and(|mark| mark.generation == status.generation);
            status.generation > 0 && status.proxies.iter().filter(has).count() == proxies
        };
        self.status_until("every proxy has applied the present generation", limit, all).await
    }

    /// Runs `weir` with these arguments, in the controller's directory.
    ///
    /// # Errors
    /// It can't be started.
    pub async fn weir(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = tokio::process::Command::new(parts::weir()?);
        command.args(arguments).current_dir(self.directory.path()).kill_on_drop(true);
        Ok(command.output().await?)
    }
}
