//! [`Observer`]: one tick over all proxies at once. Glue: fetches, hands to the pure parts, reports. A proxy that hangs costs the tick
//! its time limit, never more, and never another proxy's reading.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::observation::Observation;

use super::admin::{AdminAddress, AdminConnection, AdminError, ServerInfo};
use super::delta::{Cumulative, Moment, Reading};
use super::directory::Directory;
use super::merge;
use super::sight::{ProxySight, Tick};
use super::stats::{self, Stats, StatsError};

/// Why a proxy was not seen.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// It gave no answer.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// Its answer can't be read.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// It took too long.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// How proxies are looked at.
#[derive(Clone, Debug)]
pub struct ObserverSettings {
    /// Admin addresses, as configured.
    pub proxies: Vec<String>,
    /// A proxy that takes longer is missing this tick. Half a tick is a good choice.
    pub timeout: Duration,
}

/// Looks at a fixed list of proxies.
#[derive(Debug)]
pub struct Observer {
    proxies: Vec<(String, AdminAddress)>,
    timeout: Duration,
    clock: Clock,
    directory: Directory,
    cumulative: Cumulative,
    last_tick_ms: Option<u64>,
}

impl Observer {
    /// An observer that goes on from `cumulative`: what [`Observer::cumulative`] gave last, or the default.
    ///
    /// # Errors
    /// If an address is none.
    pub fn new(
        settings: &ObserverSettings,
        clock: Clock,
        directory: Directory,
        mut cumulative: Cumulative,
    ) -> Result<Self, AdminError> {
        let parsed = settings.proxies.iter().map(|admin| Ok((admin.clone(), AdminAddress::parse(admin)?)));
        cumulative.keep(&settings.proxies);
        let proxies = parsed.collect::<Result<_, AdminError>>()?;
        Ok(Self { proxies, timeout: settings.timeout, clock, directory, cumulative, last_tick_ms: None })
    }

    /// The last values of all proxies: to be stored together with what was made of the tick, and given back after a restart.
    #[must_use]
    pub fn cumulative(&self) -> &Cumulative {
        &self.cumulative
    }

    /// Looks at all proxies. Takes no longer than the time limit.
    pub async fn tick(&mut self) -> Tick {
        let answers = self.fetch().await;
        let now_ms = self.clock.monotonic_ms();
        let moment = Moment { now_ms, last_tick_ms: self.last_tick_ms };
        let mut tick = Tick {
            observation: Observation {
                at_ms: self.clock.now_ms(),
                // The first tick of a process has none before it; what was counted meanwhile is in it all the same.
                span_ms: self.last_tick_ms.map_or(0, |last| now_ms.saturating_sub(last)),
                expected: u32::try_from(self.proxies.len()).unwrap_or(u32::MAX),
                ..Observation::default()
            },
            proxies: Vec::with_capacity(self.proxies.len()),
        };
        for (index, answer) in answers.into_iter().enumerate() {
            let sight = self.take(index, answer, moment, &mut tick.observation);
            tick.proxies.extend(sight);
        }
        self.last_tick_ms = Some(now_ms);
        tick
    }

    /// One answer for each proxy, in their order.
    async fn fetch(&self) -> Vec<Option<Result<Answer, ObserveError>>> {
        let mut tasks = JoinSet::new();
        for (index, (_, address)) in self.proxies.iter().enumerate() {
            let (address, limit) = (address.clone(), self.timeout);
            let (directory, clock) = (self.directory.clone(), self.clock);
            tasks.spawn(async move {
                let answer = timeout(limit, ask(&address)).await.unwrap_or(Err(ObserveError::Timeout(limit)));
                if let Ok(Answer { info, stats }) = &answer {
                    // Told at once: others' time limits must not make it old.
                    directory.see(&address, &info.node, &stats.discovery, clock.monotonic_ms());
                }
                (index, answer)
            });
        }
        let mut answers: Vec<_> = self.proxies.iter().map(|_| None).collect();
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok((index, answer)) => {
                    if let Some(place) = answers.get_mut(index) {
                        *place = Some(answer);
                    }
                }
                Err(error) => tracing::error!(%error, "a look at a proxy broke off"),
            }
        }
        answers
    }

    fn take(
        &mut self,
        index: usize,
        answer: Option<Result<Answer, ObserveError>>,
        moment: Moment,
        observation: &mut Observation,
    ) -> Option<ProxySight> {
        let (admin, _) = self.proxies.get(index)?;
        let mut sight = ProxySight { admin: admin.clone(), ..ProxySight::default() };
        match answer {
            Some(Ok(Answer { info, stats })) => {
                let reading = Reading { node: info.node, uptime_s: info.uptime_s, counts: stats.flags };
                merge::add(observation, self.cumulative.take(admin, reading, moment));
                observation.seen += 1;
                sight.seen = true;
                sight.uptime_s = Some(info.uptime_s);
                sight.generation = stats.generation;
            }
            missed => {
                let error = missed.and_then(Result::err).map(|error| error.to_string());
                sight.missing_since_ms = Some(self.cumulative.miss(admin, observation.at_ms));
                sight.error = Some(error.unwrap_or_else(|| "the look at it broke off".to_owned()));
            }
        }
        sight.node = self.cumulative.node(admin).map(str::to_owned);
        sight.restarts = self.cumulative.restarts(admin);
        Some(sight)
    }
}

struct Answer {
    info: ServerInfo,
    stats: Stats,
}

/// Both over one connection, so that node and uptime are those of the process that counted.
async fn ask(address: &AdminAddress) -> Result<Answer, ObserveError> {
    let mut connection = AdminConnection::open(address).await?;
    let info = connection.server_info().await?;
    let stats = stats::parse(&connection.get(stats::PATH).await?)?;
    Ok(Answer { info, stats })
}
