//! Acknowledged is not applied.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_controller::clock::Clock;
use weir_controller::observe::{Cumulative, Directory, Observer, ObserverSettings};
use weir_controller::publish::ProxyReport;

use crate::fake_admin::{Admin, Mood};
use crate::fake_proxy::{Proxy, Server, acked};

/// Looks at the proxies once, so that the directory knows their nodes.
async fn look(admins: &[&Admin], directory: &Directory) {
    let proxies = admins.iter().map(|admin| admin.url.clone()).collect();
    let settings = ObserverSettings { proxies, timeout: Duration::from_secs(5) };
    let observer = Observer::new(&settings, Clock::system(), directory.clone(), Cumulative::default());
    observer.unwrap().tick().await;
}

fn applied(report: &ProxyReport) -> Option<u64> {
    report.applied.map(|mark| mark.generation)
}

/// A proxy that has acknowledged the server's version 1, and the version's text.
async fn acknowledged(server: &Server, node: &str) -> (Proxy, &'static str) {
    let version = server.publish(1, "one");
    let mut proxy = Proxy::connect(server, node, "").await;
    let response = proxy.receive().await;
    proxy.ack(&response).await;
    server.until("acknowledged", |reports| acked(&reports[0]) == Some(1)).await;
    (proxy, version.leak())
}

#[tokio::test]
async fn applied_is_told_when_the_workers_have_followed_and_not_before() {
    let (admin, directory) = (Admin::start("a").await, Directory::default());
    look(&[&admin], &directory).await;
    let server = Server::with(directory, BTreeMap::new()).await;
    let (mut proxy, version) = acknowledged(&server, "a").await;
    admin.set(|state| (state.version, state.accepted) = (version, 1));
    proxy.receives_nothing().await;
    assert_eq!(applied(&server.reports()[0]), None);
    admin.set(|state| state.reloads = 1);
    server.until("applied", |reports| applied(&reports[0]) == Some(1)).await;
}

#[tokio::test]
async fn a_proxy_whose_address_becomes_known_later_is_told_then() {
    let (admin, directory) = (Admin::start("a").await, Directory::default());
    let server = Server::with(directory.clone(), BTreeMap::new()).await;
    let (mut proxy, version) = acknowledged(&server, "a").await;
    admin.set(|state| (state.version, state.accepted, state.reloads) = (version, 1, 1));
    proxy.receives_nothing().await;
    assert_eq!(applied(&server.reports()[0]), None, "nobody knows where to ask");
    look(&[&admin], &directory).await;
    server.until("applied", |reports| applied(&reports[0]) == Some(1)).await;
}

#[tokio::test]
async fn of_two_proxies_with_one_node_id_both_must_have_applied() {
    let (one, two, directory) = (Admin::start("a").await, Admin::start("a").await, Directory::default());
    look(&[&one, &two], &directory).await;
    let server = Server::with(directory.clone(), BTreeMap::new()).await;
    let (mut proxy, version) = acknowledged(&server, "a").await;
    let up_to_date =
        |admin: &Admin| admin.set(|state| (state.version, state.accepted, state.reloads) = (version, 1, 1));
    up_to_date(&one);
    proxy.receives_nothing().await;
    assert_eq!(applied(&server.reports()[0]), None);
    up_to_date(&two);
    server.until("applied", |reports| applied(&reports[0]) == Some(1)).await;
}

#[tokio::test]
async fn an_admin_interface_that_hangs_for_a_while_delays_the_news_and_nothing_else() {
    let (admin, directory) = (Admin::start("a").await, Directory::default());
    look(&[&admin], &directory).await;
    admin.set(|state| state.mood = Mood::Hangs);
    let server = Server::with(directory, BTreeMap::new()).await;
    let (mut proxy, version) = acknowledged(&server, "a").await;
    admin.set(|state| (state.version, state.accepted, state.reloads) = (version, 1, 1));
    proxy.receives_nothing().await;
    admin.set(|state| state.mood = Mood::Answers);
    server.until("applied", |reports| applied(&reports[0]) == Some(1)).await;
}
