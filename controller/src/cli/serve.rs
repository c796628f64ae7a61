//! `weir serve`: puts the controller's parts together, keeps them running, and takes them down in order. Decides nothing.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tracing_subscriber::EnvFilter;

use crate::ask::{Answers, Asker};
use crate::clock::Clock;
use crate::observe::{Cumulative, Directory, Observer, ObserverSettings, ProxySight};
use crate::publish::{Publisher as _, XdsPublisher};
use crate::report::{ProxyStatus, Status};
use crate::run::{self, Engine, Event, Handle};
use crate::settings::Settings;
use crate::store::Store;

/// Answers that are on their way when the end comes have so long.
const GRACE: Duration = Duration::from_secs(3);

/// Runs the controller until SIGINT or SIGTERM.
pub(super) fn serve(config: &Path, ready_file: Option<&Path>) -> anyhow::Result<()> {
    log()?;
    let settings = Settings::load(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve_until_signal(&settings, ready_file))
}

fn log() -> anyhow::Result<()> {
    let filter = match std::env::var("WEIR_LOG") {
        Ok(filter) => EnvFilter::try_new(&filter).with_context(|| format!("WEIR_LOG={filter:?}"))?,
        Err(_) => EnvFilter::new("info"),
    };
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).init();
    Ok(())
}

async fn serve_until_signal(settings: &Settings, ready_file: Option<&Path>) -> anyhow::Result<()> {
    let signals = signals()?;
    let clock = Clock::system();
    let store = Store::open(&settings.database)?;
    let kept = run::kept(&store)?;
    let directory = Directory::default();
    let publisher = XdsPublisher::new(settings.filter.clone(), clock, directory.clone(), kept.refused);
    let cumulative = cumulative(kept.cumulative)?;
    let expected = expected(settings, &cumulative);
    let observer = observer(settings, clock, directory, cumulative)?;
    let xds = publisher.listen(settings.xds).await?;
    let api = TcpListener::bind(settings.api).await;
    let api = api.with_context(|| format!("the API can't listen on {}", settings.api))?;
    let ready = format!(r#"{{"api":"http://{}","xds":"{}"}}"#, api.local_addr()?, xds.local_addr());

    let to_proxies = Arc::new(publisher.clone());
    let (handle, looped) = run::spawn(move || Engine::open(store, to_proxies, clock, expected)).await?;
    let mut parts = Parts::default();
    let (router, ending) = (crate::api::router(handle.clone(), settings.demands.clone()), parts.end());
    parts.run("the xDS server", xds.serve(parts.end()));
    parts.run("the API", async move { axum::serve(api, router).with_graceful_shutdown(ending).await });
    let answers = Answers::default();
    let asker = Asker::new(Arc::clone(&settings.sources), clock, handle.questions(), answers.clone());
    parts.run("the custom checks", ask(asker, parts.end()));
    let looking = Looking { observer, answers, clock, every: settings.tick };
    parts.run("the observer", observe(looking, handle.clone(), parts.end()));
    parts.run("the proxies' reports", follow(publisher, handle.clone(), parts.end()));

    tracing::info!("ready: {ready}, database {}", settings.database.display());
    ready_file.map_or(Ok(()), |file| write_ready(file, &ready))?;
    let result = parts.until(signals).await;
    handle.send(Event::Stop).await;
    parts.stop().await;
    if let Some(file) = ready_file {
        // Whoever has removed it before us has done no harm.
        let _ = std::fs::remove_file(file);
    }
    let joined = tokio::task::spawn_blocking(move || looped.join()).await?;
    joined.map_err(|_| anyhow::anyhow!("the loop has panicked"))?;
    result
}

fn cumulative(json: Option<String>) -> anyhow::Result<Cumulative> {
    let Some(json) = json else { return Ok(Cumulative::default()) };
    serde_json::from_str(&json).context("the database's cumulative values can't be read: run the weir that wrote it")
}

/// The configured proxies before the first look at them.
fn expected(settings: &Settings, cumulative: &Cumulative) -> Vec<ProxySight> {
    let sight = |admin: &str| ProxySight {
        admin: admin.to_owned(),
        node: cumulative.node(admin).map(str::to_owned),
        ..ProxySight::default()
    };
    settings.proxies.iter().map(|proxy| sight(&proxy.admin)).collect()
}

fn observer(
    settings: &Settings,
    clock: Clock,
    directory: Directory,
    cumulative: Cumulative,
) -> anyhow::Result<Observer> {
    let proxies = settings.proxies.iter().map(|proxy| proxy.admin.clone()).collect();
    let timeout = settings.observe_timeout();
    Ok(Observer::new(&ObserverSettings { proxies, timeout }, clock, directory, cumulative)?)
}

/// A look waits at most so long for proxies that are just taking a configuration.
const WAY: Duration = Duration::from_millis(100);

/// Every connected proxy that can be asked has what it should have.
fn is_settled(status: &Status) -> bool {
    let has = |proxy: &ProxyStatus| proxy.applied.is_some_and(|mark| mark.generation >= status.generation);
    status.generation == 0 || status.proxies.iter().filter(|proxy| proxy.connected && proxy.admin.is_some()).all(has)
}

/// What a tick is made of.
struct Looking {
    observer: Observer,
    answers: Answers,
    clock: Clock,
    every: Duration,
}

/// Looks at the proxies once a tick; a look that takes longer costs the ticks that it overlaps, and nobody else. It makes way for a kill: what
/// a look costs a proxy's main thread, the configuration on its way would wait for.
async fn observe(looking: Looking, handle: Handle, end: impl Future<Output = ()>) -> anyhow::Result<()> {
    let Looking { mut observer, answers, clock, every } = looking;
    let (mut ticks, questions) = (tokio::time::interval(every), handle.questions());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut status = handle.status();
    let looking = async {
        loop {
            ticks.tick().await;
            // Over or not, the look is taken: a proxy that never takes it must not hide the others.
            drop(tokio::time::timeout(WAY, status.wait_for(|status| is_settled(status))).await);
            let mut tick = Box::new(observer.tick().await);
            answers.take_into(&mut tick.observation, clock.monotonic_ms(), &questions.borrow());
            let cumulative = serde_json::to_string(observer.cumulative()).ok();
            if !handle.send(Event::Observed { tick, cumulative }).await {
                return;
            }
        }
    };
    tokio::select! { () = looking => {}, () = end => {} }
    Ok(())
}

/// Asks what custom checks want to know; it waits for answers in nobody's place.
async fn ask(asker: Asker, end: impl Future<Output = ()>) -> anyhow::Result<()> {
    tokio::select! { () = asker.run() => {}, () = end => {} }
    Ok(())
}

/// Tells the loop whenever proxies have reported something.
async fn follow(publisher: XdsPublisher, handle: Handle, end: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut changes = publisher.changes();
    let following = async { while changes.changed().await.is_ok() && handle.send(Event::Reports).await {} };
    tokio::select! { () = following => {}, () = end => {} }
    Ok(())
}

/// What runs beside the loop: all end together, and none may end alone.
struct Parts {
    stop: watch::Sender<bool>,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Default for Parts {
    fn default() -> Self {
        Self { stop: watch::Sender::new(false), tasks: JoinSet::new() }
    }
}

impl Parts {
    /// Done when the end has come.
    fn end(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopped = self.stop.subscribe();
        // The sender is dropped only at the end.
        async move { drop(stopped.wait_for(|stopped| *stopped).await) }
    }

    fn run<E>(&mut self, name: &'static str, part: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: Into<anyhow::Error>,
    {
        let stopped = self.stop.subscribe();
        self.tasks.spawn(async move {
            match part.await {
                Ok(()) if *stopped.borrow() => Ok(()),
                Ok(()) => Err(anyhow::anyhow!("{name} has ended")),
                Err(error) => Err(error.into().context(format!("{name} has failed"))),
            }
        });
    }

    /// Waits for a signal, or for the failure of a part.
    async fn until(&mut self, signals: impl Future<Output = &'static str>) -> anyhow::Result<()> {
        tokio::select! {
            name = signals => {
                tracing::info!("{name}: shutting down");
                Ok(())
            }
            Some(ended) = self.tasks.join_next() => ended?,
        }
    }

    /// Ends all; answers that are on their way have [`GRACE`].
    async fn stop(&mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!("a connection was cut off at the end");
        }
    }
}

/// From now on both signals are ours; done when one has come.
fn signals() -> std::io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    })
}

/// Whoever waits for the file finds it whole.
fn write_ready(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    std::fs::write(&name, text)
        .and_then(|()| std::fs::rename(&name, file))
        .with_context(|| format!("the ready file {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::Mark;

    #[test]
    fn a_look_makes_way_only_for_connected_proxies_that_lack_the_present_generation() {
        let proxy = |connected, generation: Option<u64>| ProxyStatus {
            connected,
            admin: Some("http://a".to_owned()),
            applied: generation.map(|generation| Mark { generation, at_ms: 1 }),
            ..ProxyStatus::default()
        };
        for (generation, proxies, settled) in [
            (0, vec![proxy(true, None)], true),
            (7, vec![], true),
            (7, vec![proxy(true, Some(7)), proxy(false, Some(3))], true),
            (7, vec![proxy(true, Some(7)), proxy(true, Some(6))], false),
            (7, vec![proxy(true, None)], false),
        ] {
            assert_eq!(is_settled(&Status { generation, proxies, ..Status::default() }), settled, "{generation}");
        }
    }
}
