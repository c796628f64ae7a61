//! The observer against admin interfaces of all kinds.

use std::time::{Duration, Instant};

use weir_controller::clock::Clock;
use weir_controller::observe::admin::AdminAddress;
use weir_controller::observe::{Cumulative, Directory, Observer, ObserverSettings, Tick};

use crate::fake_admin::{Admin, Mood, State};

const TIMEOUT: Duration = Duration::from_millis(400);

fn observer(admins: &[&Admin], directory: &Directory, cumulative: Cumulative) -> Observer {
    let proxies = admins.iter().map(|admin| admin.url.clone()).collect();
    let settings = ObserverSettings { proxies, timeout: TIMEOUT };
    Observer::new(&settings, Clock::system(), directory.clone(), cumulative).unwrap()
}

fn started(tick: &Tick) -> u64 {
    tick.observation.flags.get("checkout").map_or(0, |flag| flag.variants["next"].started)
}

fn errors(tick: &Tick) -> Vec<&str> {
    tick.proxies.iter().map(|sight| sight.error.as_deref().unwrap_or_default()).collect()
}

#[tokio::test]
async fn proxies_are_summed_and_tied_to_their_nodes() {
    let (a, b) = (Admin::start("a").await, Admin::start("b").await);
    let directory = Directory::default();
    let mut observer = observer(&[&a, &b], &directory, Cumulative::default());
    let first = observer.tick().await;
    assert_eq!((first.observation.expected, first.observation.seen, started(&first)), (2, 2, 0));
    assert_eq!(first.observation.span_ms, 0);
    a.set(|state| state.requests += 3);
    b.set(|state| state.requests += 4);
    let second = observer.tick().await;
    assert_eq!(started(&second), 7);
    let sights: Vec<_> = second.proxies.iter().map(|s| (s.node.as_deref(), s.seen, s.generation, s.uptime_s)).collect();
    assert_eq!(sights, [(Some("a"), true, Some(7), Some(100)), (Some("b"), true, Some(7), Some(100))]);
    assert_eq!(directory.addresses("b"), [AdminAddress::parse(&b.url).unwrap()]);
}

#[tokio::test]
async fn no_proxy_can_hold_up_the_tick_or_harm_another_ones_reading() {
    let (good, bad) = (Admin::start("good").await, Admin::start("bad").await);
    let mut observer = observer(&[&bad, &good], &Directory::default(), Cumulative::default());
    observer.tick().await;
    let mut since = None;
    for (mood, expected) in [
        (Mood::Hangs, "no answer within 400 ms"),
        (Mood::HangsInTheBody, "no answer within 400 ms"),
        (Mood::Babbles, "/server_info can't be read: expected value at line 1 column 1"),
        (Mood::Errs, "GET /server_info was answered with 503"),
    ] {
        bad.set(|state| state.mood = mood);
        good.set(|state| state.requests += 1);
        bad.set(|state| state.requests += 1);
        let begun = Instant::now();
        let tick = observer.tick().await;
        assert!(begun.elapsed() < 3 * TIMEOUT, "{mood:?} took {:?}", begun.elapsed());
        assert_eq!((tick.observation.seen, started(&tick)), (1, 1), "{mood:?}");
        assert_eq!(errors(&tick), [expected, ""]);
        let missing = tick.proxies[0].missing_since_ms.unwrap();
        assert_eq!(*since.get_or_insert(missing), missing, "{mood:?}");
    }
    bad.set(|state| state.mood = Mood::Answers);
    let back = observer.tick().await;
    assert_eq!((back.observation.seen, started(&back)), (2, 4), "what came while it was missing, once");
    assert_eq!(back.proxies[0].missing_since_ms, None);
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_and_counted_as_expected() {
    let gone = Admin::start("gone").await;
    let mut observer = observer(&[&gone], &Directory::default(), Cumulative::default());
    gone.task.abort();
    let refused = |tick: &Tick| errors(tick)[0].starts_with("can't connect: ");
    let mut tick = observer.tick().await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while !refused(&tick) && Instant::now() < deadline {
        // The listener goes when the aborted task is dropped.
        tick = observer.tick().await;
    }
    assert!(refused(&tick), "{:?}", errors(&tick));
    assert_eq!((tick.observation.expected, tick.observation.seen), (1, 0));
}

#[tokio::test]
async fn restarts_of_proxy_and_controller_lose_and_double_nothing() {
    let proxy = Admin::start("a").await;
    let directory = Directory::default();
    let mut first = observer(&[&proxy], &directory, Cumulative::default());
    first.tick().await;
    proxy.set(|state| state.requests += 5);
    let stored = serde_json::to_string(first.cumulative()).unwrap();
    drop(first);
    let mut second = observer(&[&proxy], &directory, serde_json::from_str(&stored).unwrap());
    assert_eq!(started(&second.tick().await), 5, "since the last stored tick");
    proxy.set(|state| *state = State { uptime_s: 0, requests: 2, ..*state });
    let restarted = second.tick().await;
    assert_eq!((started(&restarted), restarted.proxies[0].restarts), (2, 1));
    proxy.set(|state| state.requests += 1);
    assert_eq!(started(&second.tick().await), 1);
}

#[test]
fn an_address_that_is_none_is_a_fault_at_the_start() {
    let settings = ObserverSettings { proxies: vec!["127.0.0.1:9901".into()], timeout: TIMEOUT };
    let fault = Observer::new(&settings, Clock::system(), Directory::default(), Cumulative::default()).unwrap_err();
    assert_eq!(
        fault.to_string(),
        r#""127.0.0.1:9901" is no admin address: expected http://HOST:PORT, with a path in front of /stats at most"#
    );
}
