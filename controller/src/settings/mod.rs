//! `weir.toml`: what the controller is started with. Read in two stages: `raw` takes the file as it was typed, this module checks it
//! and fills in the defaults; past [`Settings`] nobody meets a raw value. Every finding of a file is reported at once. Owns no behaviour.

mod raw;
mod sources;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use raw::{Findings, Table};
pub use weir_core::check::Finding;
use weir_core::check::Limits;
use weir_core::span::Span;

use crate::api::Demands;
use crate::ask::Sources;
use crate::observe::admin::AdminAddress;
use crate::publish::{FailurePolicy, FilterSettings};

/// What `weir serve` runs with, without a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `database`: the SQLite file. A relative path counts from the directory of `weir.toml`. Default `weir.db`.
    pub database: PathBuf,
    /// `tick`: how often proxies are observed and rollouts judged, `100ms` to `1m`. Default `1s`.
    pub tick: Duration,
    /// `api.listen`: address of the HTTP API, on loopback; port 0 lets the kernel choose. Default `127.0.0.1:8470`.
    pub api: SocketAddr,
    /// `xds.listen`: address of the gRPC server, on loopback; port 0 lets the kernel choose. Default `127.0.0.1:18470`.
    pub xds: SocketAddr,
    /// `[filter]` and `xds.resource`: what stays the same in every push, so that Envoy keeps the VM. `filter.wasm`, an absolute path as
    /// the proxies see it, is required; the others default to `fail_reload` and `weir`.
    pub filter: FilterSettings,
    /// `[limits]` and `allow_defects`: what documents are held to that teams publish. Default: core's limits, and defects are refused.
    pub demands: Demands,
    /// `[prometheus]` and `[webhooks.NAME]`: whom custom checks can ask. Default: nobody.
    pub sources: Arc<Sources>,
    /// `[[proxies]]`: all that are expected to report.
    pub proxies: Vec<Proxy>,
}

/// `[[proxies]]`: one expected proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// `admin`: base URL of its admin interface or read-only stats listener, `http://host:port`, perhaps with a path in front.
    pub admin: String,
}

/// Why `weir.toml` can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}: not TOML: {message}")]
    Syntax {
        /// The file.
        path: String,
        /// Where and what.
        message: String,
    },
    /// It has findings.
    #[error("{}", lines(path, findings))]
    Findings {
        /// The file.
        path: String,
        /// All of them.
        findings: Vec<Finding>,
    },
}

fn lines(path: &str, findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{path}: {finding}")).collect::<Vec<_>>().join("\n")
}

impl Settings {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`Error`], with every finding of the file at once.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: shown.clone(), source })?;
        let table: toml::Table =
            text.parse().map_err(|e: toml::de::Error| Error::Syntax { path: shown.clone(), message: e.to_string() })?;
        let beside = path.parent().unwrap_or_else(|| Path::new(""));
        Self::check(&table, beside).map_err(|findings| Error::Findings { path: shown, findings })
    }

    /// Checks a parsed file; `beside` is the directory that relative paths count from.
    ///
    /// # Errors
    /// Every finding.
    pub fn check(table: &toml::Table, beside: &Path) -> Result<Self, Vec<Finding>> {
        let mut findings = Findings::default();
        let top = Table::root(
            table,
            &[
                "database",
                "tick",
                "api",
                "xds",
                "filter",
                "proxies",
                "limits",
                "allow_defects",
                "prometheus",
                "webhooks",
            ],
            &mut findings,
        );
        let database = top.text("database", &mut findings).unwrap_or_else(|| "weir.db".to_owned());
        let tick = top.span("tick", Span::from_ms(1_000), &mut findings);
        let api = top.table("api", &["listen"], &mut findings);
        let api = listen(&api, "127.0.0.1:8470", &mut findings);
        let xds = top.table("xds", &["listen", "resource"], &mut findings);
        let filter = filter(&top, name(&xds, "resource", &mut findings), &mut findings);
        let xds = listen(&xds, "127.0.0.1:18470", &mut findings);
        let proxies = proxies(&top, &mut findings);
        if api == xds && api.port() != 0 {
            findings.add("xds.listen", api, "another address than api.listen");
        }
        let sources = Arc::new(sources::read(&top, beside, &mut findings));
        let demands = Demands { sources: Arc::clone(&sources), ..demands(&top, &mut findings) };
        let database = beside.join(database);
        findings.into_result(Self { database, tick, api, xds, filter, demands, sources, proxies })
    }

    /// How long a proxy may take to answer: four fifths of a tick, so that one that hangs delays no tick.
    #[must_use]
    pub fn observe_timeout(&self) -> Duration {
        self.tick * 4 / 5
    }
}

fn demands(top: &Table<'_>, findings: &mut Findings) -> Demands {
    let table = top.table("limits", &Limits::NAMES, findings);
    let mut limits = Limits::default();
    for name in Limits::NAMES {
        if let Some(value) = table.whole(name, findings)
            && let Err(allowed) = limits.lower(name, value)
        {
            findings.add(table.at(name), value, allowed);
        }
    }
    let allow_defects = top.bool("allow_defects", findings).unwrap_or(false);
    Demands { limits, allow_defects, ..Demands::default() }
}

/// Off loopback a listener would need a token and TLS, for snapshots name users; this version has neither, so it refuses.
fn listen(table: &Table<'_>, default: &str, findings: &mut Findings) -> SocketAddr {
    let text = table.text("listen", findings);
    let unset = SocketAddr::from(([127, 0, 0, 1], 0));
    let address: SocketAddr = match text.as_deref().unwrap_or(default).parse() {
        Ok(address) => address,
        Err(_) => {
            findings.add(
                table.at("listen"),
                format!("{:?}", text.unwrap_or_default()),
                "a loopback IP address and port, such as \"127.0.0.1:8470\"",
            );
            return unset;
        }
    };
    if !address.ip().is_loopback() {
        findings.add(
            table.at("listen"),
            address,
            "a loopback address: this version has neither token nor TLS, and off loopback anybody could read the users named in \
             snapshots and move rollouts",
        );
    }
    address
}

fn filter(top: &Table<'_>, resource: String, findings: &mut Findings) -> FilterSettings {
    let table = top.table("filter", &["wasm", "failure_policy", "vm_id"], findings);
    const WASM: &str = "the absolute path of weir_filter.wasm as the proxies see it";
    let wasm = table.required("wasm", WASM, findings);
    if let Some(path) = wasm.as_ref().filter(|path| !path.starts_with('/')) {
        findings.add(table.at("wasm"), format!("{path:?}"), WASM);
    }
    let wasm = wasm.unwrap_or_default();
    let failure_policy = match table.text("failure_policy", findings).as_deref() {
        None | Some("fail_reload") => FailurePolicy::FailReload,
        Some("fail_open") => FailurePolicy::FailOpen,
        Some("fail_closed") => FailurePolicy::FailClosed,
        Some(other) => {
            findings.add(table.at("failure_policy"), format!("{other:?}"), "fail_reload, fail_open or fail_closed");
            FailurePolicy::default()
        }
    };
    FilterSettings { resource, wasm, failure_policy, vm_id: name(&table, "vm_id", findings) }
}

/// Any name that is not empty, without white space or control characters; default `weir`.
fn name(table: &Table<'_>, key: &str, findings: &mut Findings) -> String {
    let name = table.text(key, findings).unwrap_or_else(|| "weir".to_owned());
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        findings.add(table.at(key), format!("{name:?}"), "a name without white space");
    }
    name
}

fn proxies(top: &Table<'_>, findings: &mut Findings) -> Vec<Proxy> {
    let mut proxies: Vec<Proxy> = Vec::new();
    for table in top.tables("proxies", &["admin"], findings) {
        let Some(text) = table.required("admin", ADMIN, findings) else { continue };
        let admin = text.trim_end_matches('/').to_owned();
        if AdminAddress::parse(&admin).is_err() {
            findings.add(table.at("admin"), format!("{text:?}"), ADMIN);
        } else if proxies.iter().any(|proxy| proxy.admin == admin) {
            findings.add(table.at("admin"), format!("{text:?}"), "an address that no other proxy has");
        }
        proxies.push(Proxy { admin });
    }
    proxies
}

const ADMIN: &str = "the base URL of a proxy's admin interface, such as \"http://127.0.0.1:9901\"";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Token;

    fn check(text: &str) -> Result<Settings, Vec<String>> {
        let table = text.parse().expect("TOML");
        Settings::check(&table, Path::new("/etc/weir"))
            .map_err(|findings| findings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_least_file_names_the_module_and_gets_the_defaults() {
        let settings = check("[filter]\nwasm = '/w.wasm'").expect("good");
        assert_eq!(settings.database, Path::new("/etc/weir/weir.db"));
        assert_eq!(settings.tick, Duration::from_secs(1));
        assert_eq!(settings.api.to_string(), "127.0.0.1:8470");
        assert_eq!(settings.xds.to_string(), "127.0.0.1:18470");
        assert_eq!(settings.filter.resource, "weir");
        assert_eq!(settings.filter.failure_policy, FailurePolicy::FailReload);
        assert!(settings.proxies.is_empty());
        assert_eq!(settings.observe_timeout(), Duration::from_millis(800));
    }

    #[test]
    fn every_key_is_taken() {
        let settings = check(
            "database = '/var/lib/weir.db'\ntick = '250ms'\n[api]\nlisten = '[::1]:0'\n[xds]\nlisten = '127.0.0.1:0'\nresource = 'f'\n\
             [filter]\nwasm = '/w.wasm'\nfailure_policy = 'fail_open'\nvm_id = 'v'\n\
             [[proxies]]\nadmin = 'http://127.0.0.1:9901/'\n[[proxies]]\nadmin = 'http://envoy:9901'",
        )
        .expect("good");
        assert_eq!(settings.database, Path::new("/var/lib/weir.db"));
        assert_eq!(settings.tick, Duration::from_millis(250));
        assert_eq!(settings.api.to_string(), "[::1]:0");
        assert_eq!(settings.filter.failure_policy, FailurePolicy::FailOpen);
        let admins: Vec<_> = settings.proxies.iter().map(|p| p.admin.as_str()).collect();
        assert_eq!(admins, ["http://127.0.0.1:9901", "http://envoy:9901"]);
    }

    #[test]
    fn every_fault_is_named_at_once_with_the_nearest_known_key() {
        let findings = check(
            "databse = 'x'\ntick = '5ms'\n[api]\nlisten = '0.0.0.0:8470'\n[xds]\nlisten = 'here'\nresource = 7\n\
             [filter]\nfailure_policy = 'fail_fast'\n[[proxies]]\nadmin = 'envoy:9901'\n[[proxies]]\n[[proxies]]\nport = 1",
        )
        .expect_err("findings");
        let starts = [
            "databse: found an unknown key, allowed database",
            "tick: found \"5ms\", allowed a duration",
            "api.listen: found 0.0.0.0:8470, allowed a loopback address: this version has neither token nor TLS",
            "xds.listen: found \"here\", allowed",
            "xds.resource: found 7, allowed a string",
            "filter.wasm: found nothing, allowed",
            "filter.failure_policy: found \"fail_fast\", allowed fail_reload, fail_open or fail_closed",
            "proxies[0].admin: found \"envoy:9901\", allowed",
            "proxies[1].admin: found nothing",
            "proxies[2].port: found an unknown key, allowed admin",
            "proxies[2].admin: found nothing",
        ];
        for start in starts {
            assert!(findings.iter().any(|finding| finding.starts_with(start)), "{start} not in {findings:#?}");
        }
        assert_eq!(findings.len(), starts.len(), "{findings:#?}");
    }

    #[test]
    fn limits_are_lowered_and_defects_allowed_for_all_documents() {
        let settings =
            check("allow_defects = true\n[limits]\nwork = 500\ndocument_bytes = 1000\n[filter]\nwasm = '/w'")
                .expect("good");
        assert!(settings.demands.allow_defects);
        assert_eq!((settings.demands.limits.work, settings.demands.limits.document_bytes), (500, 1_000));
        let findings =
            check("allow_defects = 1\n[limits]\nwork = 100001\ndept = 3\nflags = '5'\n[filter]\nwasm = '/w'")
                .expect_err("findings");
        let starts = [
            "limits.dept: found an unknown key, allowed depth (did you mean that?)",
            "limits.flags: found \"5\", allowed a whole number",
            "limits.work: found 100001, allowed a whole number from 1 to 100000",
            "allow_defects: found 1, allowed true or false",
        ];
        for start in starts {
            assert!(findings.iter().any(|finding| finding.starts_with(start)), "{start} not in {findings:#?}");
        }
        assert_eq!(findings.len(), starts.len(), "{findings:#?}");
    }

    #[test]
    fn whom_custom_checks_can_ask_is_read() {
        let settings = check(
            "[filter]\nwasm = '/w'\n[prometheus]\nurl = 'http://127.0.0.1:9090/prom/'\ntoken_file = 'secret'\n\
             [webhooks.smoke]\nurl = 'http://tests/smoke?x=1'\ntimeout = '250ms'\ntoken_env = 'SMOKE'\n[webhooks.a-b]\nurl = 'http://a'",
        )
        .expect("good");
        let prometheus = settings.sources.prometheus.as_ref().expect("one");
        assert_eq!((prometheus.url.path(), prometheus.timeout), ("/prom/", Duration::from_secs(5)));
        assert_eq!(prometheus.token, Some(Token::File(PathBuf::from("/etc/weir/secret"))));
        let names: Vec<&str> = settings.sources.webhooks.keys().map(String::as_str).collect();
        assert_eq!(names, ["a-b", "smoke"]);
        let smoke = &settings.sources.webhooks["smoke"];
        assert_eq!(
            (smoke.timeout, &smoke.token),
            (Duration::from_millis(250), &Some(Token::Environment("SMOKE".into())))
        );
        assert_eq!(settings.demands.sources, settings.sources);
        assert_eq!(*check("[filter]\nwasm = '/w'").expect("good").sources, Sources::default());
    }

    #[test]
    fn every_fault_of_whom_to_ask_is_named_at_once() {
        let findings = check(
            "[filter]\nwasm = '/w'\n[prometheus]\nurl = 'https://p'\ntimeout = '2m'\ntoken = 'abc'\n\
             [webhooks]\nflat = 1\n[webhooks.Smoke]\nurl = 7\n[webhooks.b]\ntoken_file = 'x'\ntoken_env = 'y'\n[webhooks.c]\nurl = 'http://c'\ntoken_env = ''",
        )
        .expect_err("findings");
        let starts = [
            "prometheus.token: found an unknown key, allowed url, timeout, token_file, token_env",
            "prometheus.url: found \"https://p\", allowed a URL with http://: this version speaks no TLS",
            "prometheus.timeout: found \"2m\", allowed a duration from 100ms to 1m",
            "webhooks.flat: found 1, allowed a table",
            "webhooks.flat.url: found nothing",
            "webhooks.Smoke: found the name \"Smoke\", allowed a name of 1 to 64 of a-z",
            "webhooks.Smoke.url: found 7, allowed a string",
            "webhooks.b.url: found nothing",
            "webhooks.b.token_env: found a second token",
            "webhooks.c.token_env: found \"\", allowed the name of an environment variable",
        ];
        for start in starts {
            assert!(findings.iter().any(|finding| finding.starts_with(start)), "{start} not in {findings:#?}");
        }
        assert_eq!(findings.len(), starts.len(), "{findings:#?}");
        assert!(check("webhooks = 1\n[filter]\nwasm = '/w'").expect_err("finding")[0].starts_with("webhooks: found 1"));
    }

    #[test]
    fn two_listeners_need_two_addresses_and_two_proxies_two_urls() {
        let findings = check(
            "[api]\nlisten = '127.0.0.1:1'\n[xds]\nlisten = '127.0.0.1:1'\n[filter]\nwasm = '/w'\n\
             [[proxies]]\nadmin = 'http://a:1'\n[[proxies]]\nadmin = 'http://a:1/'",
        )
        .expect_err("findings");
        assert_eq!(findings.len(), 2, "{findings:#?}");
        assert!(check("filter = 3").expect_err("finding")[0].starts_with("filter: found 3, allowed a table"));
    }
}
