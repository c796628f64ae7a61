//! [`Sources`]: whom a controller can ask. Owns what an address may look like and which documents need somebody who is not there; asks
//! nobody.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use weir_core::check::{Code, Finding, Key};
use weir_core::custom::Source;
use weir_core::document::Document;
use weir_core::guardrail::Metric;

/// Whom a controller can ask, as its settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// `[prometheus]`.
    pub prometheus: Option<Endpoint>,
    /// `[webhooks.NAME]`.
    pub webhooks: BTreeMap<String, Endpoint>,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `url`: `http://HOST:PORT`, perhaps with a path.
    pub url: Uri,
    /// `timeout`: an answer that takes longer is none. Default 5 s.
    pub timeout: Duration,
    /// `token_file` or `token_env`: sent as a bearer token.
    pub token: Option<Token>,
}

/// Where a secret is; the secret itself is read when it is sent, so that it can be renewed, and kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// In a file, white space around it left out.
    File(PathBuf),
    /// In an environment variable.
    Environment(String),
}

/// What the address of a server looks like.
pub const ADDRESS: &str = "a URL such as \"http://127.0.0.1:9090\"";

/// Reads the address of a server.
///
/// # Errors
/// What is allowed, if it is none.
pub fn address(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| ADDRESS)?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("https"), _) => Err("a URL with http://: this version speaks no TLS; a local proxy can add it"),
        (Some("http"), Some(authority)) if authority.as_str().contains('@') => {
            Err("a URL without a password: token_file or token_env say where a secret is")
        }
        (Some("http"), Some(authority)) if !authority.host().is_empty() => Ok(uri),
        _ => Err(ADDRESS),
    }
}

impl Sources {
    /// What a document's rollouts ask for that nobody here can answer.
    #[must_use]
    pub fn missing(&self, document: &Document) -> Vec<Finding> {
        let mut findings = Vec::new();
        for flag in &document.flags {
            for (i, guardrail) in flag.rollout.iter().flat_map(|rollout| &rollout.policy.guardrails).enumerate() {
                let Metric::Custom(custom) = &guardrail.metric else { continue };
                let (key, found, allowed) = match &custom.source {
                    Source::Query { .. } if self.prometheus.is_none() => (
                        "query",
                        "a query, and no [prometheus] in weir.toml".to_owned(),
                        "a controller whose weir.toml has [prometheus]".to_owned(),
                    ),
                    Source::Webhook(name) if !self.webhooks.contains_key(name) => {
                        ("webhook", format!("{name:?}"), self.known())
                    }
                    Source::Query { .. } | Source::Webhook(_) => continue,
                };
                let path = format!("$.weir.rollouts{}.guardrails[{i}].{key}", Key(&flag.key));
                findings.push(Finding::new(Code::Source, path, found, allowed));
            }
        }
        findings
    }

    fn known(&self) -> String {
        if self.webhooks.is_empty() {
            return "a webhook of weir.toml, which has none: [webhooks.NAME]".to_owned();
        }
        let names: Vec<String> = self.webhooks.keys().map(|name| format!("{name:?}")).collect();
        format!("a webhook of weir.toml: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"flags":{"check.out":{"state":"ENABLED","variants":{"stable":"v1","next":"v2"},"defaultVariant":"stable"}},
      "weir":{"version":1,"identity":[{"header":"x-user-id"}],"outputs":{"check.out":{"requestHeader":"x-weir-checkout"}},
      "rollouts":{"check.out":{"control":"stable","candidate":"next","stages":[{"weight":"100%"}],
      "guardrails":[{"metric":"errors","ratio":2.0},{"query":"up","name":"up","min":1},{"webhook":"smoke"}]}}}}"#;

    fn endpoint() -> Endpoint {
        let url = address("http://127.0.0.1:9090").unwrap();
        Endpoint { url, timeout: Duration::from_secs(5), token: None }
    }

    #[test]
    fn what_a_document_asks_for_and_nobody_answers_is_named_with_its_place() {
        let document = weir_core::check::check(DOCUMENT).unwrap();
        let webhooks = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), endpoint())).collect();
        let told = |prometheus, names: &[&str]| -> Vec<String> {
            let sources = Sources { prometheus, webhooks: webhooks(names) };
            sources.missing(&document).iter().map(ToString::to_string).collect()
        };
        let place = "$.weir.rollouts[\"check.out\"].guardrails";
        let query = format!(
            "{place}[1].query: found a query, and no [prometheus] in weir.toml, allowed a controller whose weir.toml has [prometheus]"
        );
        let none = format!(
            "{place}[2].webhook: found \"smoke\", allowed a webhook of weir.toml, which has none: [webhooks.NAME]"
        );
        let other = format!("{place}[2].webhook: found \"smoke\", allowed a webhook of weir.toml: \"a\", \"b\"");
        assert_eq!(told(None, &[]), [query, none]);
        assert_eq!(told(Some(endpoint()), &["b", "a"]), [other]);
        assert_eq!(told(Some(endpoint()), &["smoke"]), [""; 0]);
    }

    #[test]
    fn an_address_is_plain_http_without_a_password() {
        for good in ["http://127.0.0.1:9090", "http://prometheus/prefix/", "http://[::1]:9/hook?check=smoke"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for (bad, allowed) in [
            ("https://prometheus:9090", "speaks no TLS"),
            ("http://user:secret@prometheus", "token_file or token_env"),
            ("prometheus:9090", "a URL such as"),
            ("/hook", "a URL such as"),
            ("http://", "a URL such as"),
            ("ftp://host", "a URL such as"),
            ("", "a URL such as"),
        ] {
            assert!(address(bad).is_err_and(|error| error.contains(allowed)), "{bad}");
        }
    }
}
