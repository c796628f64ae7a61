//! The controller's publisher and observer without the rest: pushes any configuration, checked or not, and knows when it is applied.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use weir_controller::clock::Clock;
use weir_controller::observe::{Cumulative, Directory, Observer, ObserverSettings};
use weir_controller::publish::xds::XdsPublisher;
use weir_controller::publish::{
    Counters, FailurePolicy, FilterSettings, ProxyReport, Publication, Publisher as _, Refusal,
};
use weir_core::share::Share;
use weir_core::snapshot::{FlagState, State, write};
use weir_tests::bootstrap::{Site, Template};
use weir_tests::document::FLAG;
use weir_tests::envoy::Envoy;
use weir_tests::{parts, poll};

use crate::stage::Upstreams;

const APPLIED: Duration = Duration::from_secs(20);

/// What a publisher remembers of refusals, by node.
pub(crate) type Refusals = BTreeMap<String, Vec<Refusal>>;

/// A running publisher; gone when dropped.
pub(crate) struct Pusher {
    publisher: XdsPublisher,
    directory: Directory,
    clock: Clock,
    address: SocketAddr,
    generation: u64,
    shutdown: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Pusher {
    /// Listens on a port of the kernel's choice.
    pub(crate) async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), Refusals::new()).await
    }

    /// Listens there, with what a former one remembered.
    pub(crate) async fn start_at(address: SocketAddr, refusals: Refusals) -> Self {
        let wasm = parts::wasm().expect("the filter is built").to_str().expect("UTF-8").to_owned();
        let settings = FilterSettings {
            resource: "weir".into(),
            wasm,
            vm_id: "weir".into(),
            failure_policy: FailurePolicy::FailReload,
        };
        let (clock, directory) = (Clock::system(), Directory::default());
        let publisher = XdsPublisher::new(settings, clock, directory.clone(), refusals);
        let server = publisher.listen(address).await.expect("it listens");
        let address = server.local_addr();
        let (shutdown, stopped) = watch::channel(false);
        let serving = tokio::spawn(async move {
            server.serve(until_set(stopped)).await.expect("it serves");
        });
        Self { publisher, directory, clock, address, generation: 0, shutdown, serving }
    }

    /// Ends every stream and frees the port, as a controller that is stopped. The proxies go on serving what they have.
    pub(crate) async fn stop(self) {
        self.shutdown.send_replace(true);
        self.serving.await.expect("it ends in order");
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts proxies that get their configuration here, and watches them.
    pub(crate) async fn proxies(&mut self, upstreams: &Upstreams, nodes: &[&str]) -> Vec<Envoy> {
        let mut envoys = Vec::new();
        for node in nodes {
            envoys.push(Envoy::start(self.site(upstreams, node)).await.expect("Envoy starts"));
        }
        self.watch(&envoys);
        envoys
    }

    fn site(&self, upstreams: &Upstreams, node: &str) -> Site {
        upstreams.site(node, Template::EcdsGrpc { controller: self.address })
    }

    /// Reads the proxies' admin interfaces from now on, without which nothing is ever known to be applied.
    pub(crate) fn watch(&mut self, envoys: &[Envoy]) {
        let proxies = envoys.iter().map(|envoy| format!("http://{}", envoy.admin())).collect();
        let settings = ObserverSettings { proxies, timeout: Duration::from_millis(500) };
        let observer = Observer::new(&settings, self.clock, self.directory.clone(), Cumulative::default());
        let mut observer = observer.expect("the addresses are good");
        let mut stopped = self.shutdown.subscribe();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(200));
            while !*stopped.borrow_and_update() {
                tokio::select! {
                    _ = ticks.tick() => drop(observer.tick().await),
                    // An error is the pusher's end.
                    changed = stopped.changed() => if changed.is_err() { return },
                }
            }
        });
    }

    /// Publishes a document with the candidate at that share.
    pub(crate) fn push(&mut self, weight: Share, document: &str) -> u64 {
        let flag = FlagState { weight, ..FlagState::default() };
        let state = State { kill: false, flags: BTreeMap::from([(FLAG.to_owned(), flag)]) };
        let configuration = write(self.generation + 1, &state, document);
        self.push_unchecked(configuration)
    }

    /// Publishes whatever it is.
    pub(crate) fn push_unchecked(&mut self, configuration: String) -> u64 {
        self.generation += 1;
        self.publisher.publish(Publication { generation: self.generation, configuration });
        self.generation
    }

    /// Waits until so many connected proxies have applied that generation.
    pub(crate) async fn applied(&self, proxies: usize, generation: u64) {
        let has = |report: &ProxyReport| {
            report.connected() && report.applied.is_some_and(|mark| mark.generation == generation)
        };
        let all = || self.reports().iter().filter(|report| has(report)).count() == proxies;
        let waiting =
            poll::until_true(&format!("{proxies} proxies have applied generation {generation}"), APPLIED, all).await;
        if let Err(error) = waiting {
            panic!("{error:#}: {:#?}", self.reports());
        }
    }

    /// Waits until the proxy with that node id has been seen at rest for a while. After a silent acknowledgement its counters differ for
    /// ever, and only who knew the difference before a push can tell when that push is applied.
    pub(crate) async fn at_rest(&self, node: &str) {
        let history = |address| self.directory.history(&address, "weir");
        let rests =
            || self.directory.addresses(node).into_iter().filter_map(history).any(|history| history.settled.is_some());
        poll::until_true("the proxy rests", APPLIED, rests).await.expect("in time");
    }

    pub(crate) fn reports(&self) -> Vec<ProxyReport> {
        self.publisher.reports()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.publisher.counters()
    }

    pub(crate) fn refusals(&self) -> Refusals {
        self.publisher.refusals()
    }
}

async fn until_set(mut stopped: watch::Receiver<bool>) {
    // An error is the pusher's end.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Microseconds since the Unix epoch.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_micros()).expect("before the year 500,000")
}

/// `percent` of everybody.
pub(crate) fn percent(percent: u32) -> Share {
    Share::from_ppm(percent * 10_000).expect("at most 100")
}
