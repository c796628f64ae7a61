//! Sticky users at a steady rate. Open loop: a request begins when it is due, whatever became of those before it, so that a stall shows
//! as latency and not as a pause. Every request is recorded.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::envoy::Envoy;
use crate::upstream::{FAULT_HEADER, NAME_HEADER, TIER_HEADER};
use crate::{document, poll};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
const TURN: Duration = Duration::from_millis(1);
const COMPLAINTS: usize = 20;

/// What to send.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The proxies; a user comes to another one each time.
    pub proxies: Vec<SocketAddr>,
    /// How many users there are: `u0`, `u1` and so on, each in its turn.
    pub users: u32,
    /// Requests per second, over all proxies.
    pub rate: f64,
    /// Path of every request.
    pub path: String,
    /// How a user says who it is.
    pub identity: Identity,
    /// The users' tiers, in turn, as [`TIER_HEADER`] says; empty where nobody has one.
    pub tiers: &'static [&'static str],
}

impl Plan {
    /// Users of the demo's page, known by the header that its document names.
    #[must_use]
    pub fn sticky(envoys: &[Envoy], users: u32, rate: f64) -> Self {
        let proxies = envoys.iter().map(Envoy::ingress).collect();
        Self {
            proxies,
            users,
            rate,
            path: document::PATH.to_owned(),
            identity: Identity::Header("x-user-id"),
            tiers: &[],
        }
    }

    /// The tier of a user; `None` where nobody has one.
    #[must_use]
    pub fn tier(&self, user: u32) -> Option<&'static str> {
        let place = usize::try_from(user).unwrap_or(0).checked_rem(self.tiers.len())?;
        self.tiers.get(place).copied()
    }
}

/// Where the user's id stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// In a header of this name.
    Header(&'static str),
    /// In a cookie of this name.
    Cookie(&'static str),
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The upstream `control`.
    Control,
    /// The upstream `candidate`.
    Candidate,
    /// The proxy itself, or nobody at all.
    Nobody,
}

/// One request, as the user saw it.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// When it was sent, in microseconds since the Unix epoch.
    pub sent_us: u64,
    /// Until the whole answer was there, or was given up.
    pub took_us: u64,
    /// Which user.
    pub user: u32,
    /// Index of the proxy in the plan.
    pub proxy: usize,
    /// Who answered.
    pub who: Who,
    /// HTTP status; 0 where there was no answer.
    pub status: u16,
    /// The upstream was told to fail this one.
    pub ordered: bool,
}

impl Record {
    /// Failed, though no upstream was told so.
    #[must_use]
    pub const fn failed_without_order(&self) -> bool {
        !self.ordered && (self.status < 200 || self.status >= 500)
    }
}

/// A running load; ends when dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    pacer: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    plan: Plan,
    pools: Vec<Mutex<Vec<Sender>>>,
    millirate: AtomicU64,
    sent: AtomicU64,
    epoch: (Instant, u64),
    records: Mutex<Vec<Record>>,
    complaints: Mutex<Vec<String>>,
}

type Sender = SendRequest<Empty<Bytes>>;

impl Load {
    /// Begins to send.
    #[must_use]
    pub fn start(plan: Plan) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let shared = Arc::new(Shared {
            pools: plan.proxies.iter().map(|_| Mutex::default()).collect(),
            millirate: AtomicU64::new(millis(plan.rate)),
            sent: AtomicU64::new(0),
            epoch: (Instant::now(), u64::try_from(unix.as_micros()).unwrap_or(u64::MAX)),
            records: Mutex::default(),
            complaints: Mutex::default(),
            plan,
        });
        let pacer = tokio::spawn(pace(Arc::clone(&shared)));
        Self { shared, pacer }
    }

    /// Changes the rate, in requests per second.
    pub fn set_rate(&self, rate: f64) {
        self.shared.millirate.store(millis(rate), Ordering::Relaxed);
    }

    /// Requests begun so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Requests ended so far.
    #[must_use]
    pub fn done(&self) -> usize {
        locked(&self.shared.records).len()
    }

    /// The records of requests that have ended, from that index on, in the order of their ends.
    #[must_use]
    pub fn records_from(&self, index: usize) -> Vec<Record> {
        locked(&self.shared.records).get(index..).map(<[Record]>::to_vec).unwrap_or_default()
    }

    /// What went wrong with connections, and what proxies answered themselves: the first few times.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        locked(&self.shared.complaints).clone()
    }

    /// Sends no more, waits for what is under way, and gives all records.
    ///
    /// # Errors
    /// Something was still under way after the client's patience.
    pub async fn finish(self) -> Result<Vec<Record>> {
        self.pacer.abort();
        let all_done = || u64::try_from(self.done()).unwrap_or(u64::MAX) >= self.sent();
        poll::until_true("every request has ended", PATIENCE + Duration::from_secs(5), all_done).await?;
        Ok(std::mem::take(&mut *locked(&self.shared.records)))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.pacer.abort();
    }
}

/// Begins each request when it is due. A late turn begins all that have become due meanwhile.
async fn pace(shared: Arc<Shared>) {
    let mut turns = tokio::time::interval(TURN);
    let mut last = Instant::now();
    let mut due = 0.0;
    loop {
        turns.tick().await;
        let now = Instant::now();
        due += (now - last).as_secs_f64() * shared.rate();
        last = now;
        while due >= 1.0 {
            due -= 1.0;
            let number = shared.sent.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(one(Arc::clone(&shared), number));
        }
    }
}

async fn one(shared: Arc<Shared>, number: u64) {
    let users = u64::from(shared.plan.users.max(1));
    let proxies = u64::try_from(shared.plan.proxies.len().max(1)).unwrap_or(1);
    let user = u32::try_from(number % users).unwrap_or(0);
    // The next round begins one proxy further, so that a user meets all of them.
    let proxy = usize::try_from((number / users + number) % proxies).unwrap_or(0);
    let start = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, shared.ask(proxy, user)).await;
    let (status, who, ordered) = answer.unwrap_or_else(|_| bail!("no answer")).unwrap_or_else(|error| {
        shared.complain(&error);
        (0, Who::Nobody, false)
    });
    let sent_us = shared.epoch.1 + micros(start - shared.epoch.0);
    let record = Record { sent_us, took_us: micros(start.elapsed()), user, proxy, who, status, ordered };
    locked(&shared.records).push(record);
}

impl Shared {
    async fn ask(&self, proxy: usize, user: u32) -> Result<(u16, Who, bool)> {
        let pool = self.pools.get(proxy).context("no such proxy")?;
        let address = *self.plan.proxies.get(proxy).context("no such proxy")?;
        let mut sender = match pooled(pool) {
            Some(sender) => sender,
            None => connect(address).await?,
        };
        sender.ready().await?;
        let response = sender.send_request(self.request(address, user)?).await?;
        let who = match response.headers().get(NAME_HEADER).map(HeaderValue::as_bytes) {
            Some(b"control") => Who::Control,
            Some(b"candidate") => Who::Candidate,
            _ => Who::Nobody,
        };
        let (status, ordered) = (response.status().as_u16(), response.headers().contains_key(FAULT_HEADER));
        let body = response.into_body().collect().await?.to_bytes();
        locked(pool).push(sender);
        if who == Who::Nobody {
            // Envoy's own words, such as "reset reason: overflow".
            self.complain(&anyhow!("status {status}: {}", String::from_utf8_lossy(&body)));
        }
        Ok((status, who, ordered))
    }

    fn request(&self, address: SocketAddr, user: u32) -> Result<Request<Empty<Bytes>>> {
        let request = Request::get(self.plan.path.as_str()).header("host", address.to_string());
        let request = match self.plan.identity {
            Identity::Header(name) => request.header(name, user_id(user)),
            Identity::Cookie(name) => request.header("cookie", format!("theme=dark; {name}={}", user_id(user))),
        };
        let request = match self.plan.tier(user) {
            Some(tier) => request.header(TIER_HEADER, tier),
            None => request,
        };
        Ok(request.body(Empty::new())?)
    }

    #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^52")]
    fn rate(&self) -> f64 {
        self.millirate.load(Ordering::Relaxed) as f64 / 1000.0
    }

    fn complain(&self, error: &anyhow::Error) {
        let mut complaints = locked(&self.complaints);
        if complaints.len() < COMPLAINTS {
            complaints.push(format!("{error:#}"));
        }
    }
}

/// The targetingKey of a user.
#[must_use]
pub fn user_id(user: u32) -> String {
    format!("u{user}")
}

fn pooled(pool: &Mutex<Vec<Sender>>) -> Option<Sender> {
    let mut pool = locked(pool);
    while let Some(sender) = pool.pop() {
        if !sender.is_closed() {
            return Some(sender);
        }
    }
    None
}

async fn connect(address: SocketAddr) -> Result<Sender> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender; what goes wrong on it the sender is told.
    tokio::spawn(connection);
    Ok(sender)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are between 0 and some thousands")]
fn millis(rate: f64) -> u64 {
    (rate * 1000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Port;
    use crate::upstream::{Faults, Upstream};

    fn plan(upstreams: &[&Upstream], rate: f64) -> Plan {
        let proxies = upstreams.iter().map(|u| u.address()).collect();
        Plan {
            proxies,
            users: 100,
            rate,
            path: "/checkout".to_owned(),
            identity: Identity::Header("x-user-id"),
            tiers: &[],
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_user_comes_to_every_proxy_and_every_request_is_recorded() {
        let control = Upstream::start("control", "x-user-id").await.expect("control");
        let candidate = Upstream::start("candidate", "x-user-id").await.expect("candidate");
        let load = Load::start(plan(&[&control, &candidate], 2000.0));
        poll::until_true("1,000 requests", Duration::from_secs(10), || load.done() >= 1000).await.expect("in time");
        let records = load.finish().await.expect("all end");
        assert!(records.iter().all(|r| r.status == 200 && !r.failed_without_order()), "{:?}", records.first());
        assert_eq!(u64::try_from(records.len()).expect("small"), control.requests() + candidate.requests());
        for (who, upstream) in [(Who::Control, &control), (Who::Candidate, &candidate)] {
            let users = upstream.seen().len();
            assert_eq!(users, 100, "{who:?} met only {users} of 100 users");
            assert!(records.iter().any(|r| r.who == who));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ordered_faults_are_told_from_failures_and_a_slow_answer_does_not_slow_the_load() {
        let upstream = Upstream::start("control", "x-user-id").await.expect("control");
        upstream.order(Faults { errors: 1.0, latency: Duration::from_millis(300), ..Faults::default() });
        let nobody = Port::hold().expect("a port");
        let mut both = plan(&[&upstream], 500.0);
        both.proxies.push(nobody.address());
        let load = Load::start(both);
        poll::until_true("200 sent", Duration::from_secs(10), || load.sent() >= 200).await.expect("in time");
        let complaints = load.complaints();
        let records = load.finish().await.expect("all end");
        assert!(!complaints.is_empty());
        for record in records {
            let (status, ordered) = if record.proxy == 0 { (500, true) } else { (0, false) };
            assert_eq!((record.status, record.ordered), (status, ordered));
            assert_eq!(record.failed_without_order(), record.proxy == 1);
            assert!(record.proxy == 1 || record.took_us >= 300_000, "{record:?}");
        }
    }
}
