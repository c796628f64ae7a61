//! `[prometheus]` and `[webhooks.NAME]`: whom custom checks can ask. Secrets are named, never written here: who may read the settings need
//! not know them.

use std::path::Path;
use std::time::Duration;

use weir_core::span::Span;

use super::raw::{Findings, Table};
use crate::ask::sources::address;
use crate::ask::{Endpoint, Sources, Token};

const KEYS: [&str; 4] = ["url", "timeout", "token_file", "token_env"];
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads both; `beside` is the directory that relative paths count from.
pub(super) fn read(top: &Table<'_>, beside: &Path, findings: &mut Findings) -> Sources {
    let prometheus = top.has("prometheus").then(|| top.table("prometheus", &KEYS, findings));
    let prometheus = prometheus.and_then(|table| endpoint(&table, beside, findings));
    let mut sources = Sources { prometheus, ..Sources::default() };
    for (name, table) in top.named("webhooks", &KEYS, findings) {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
            let allowed = "a name of 1 to 64 of a-z, 0-9, '.', '_' and '-'";
            findings.add(format!("webhooks.{name}"), format!("the name {name:?}"), allowed);
        }
        if let Some(endpoint) = endpoint(&table, beside, findings) {
            sources.webhooks.insert(name, endpoint);
        }
    }
    sources
}

fn endpoint(table: &Table<'_>, beside: &Path, findings: &mut Findings) -> Option<Endpoint> {
    let timeout = timeout(table, findings);
    let token = token(table, beside, findings);
    if !table.has("url") {
        findings.add(table.at("url"), "nothing", "a URL such as \"http://127.0.0.1:9090\"");
    }
    let text = table.text("url", findings)?;
    match address(&text) {
        Ok(url) => Some(Endpoint { url, timeout, token }),
        Err(allowed) => {
            findings.add(table.at("url"), format!("{text:?}"), allowed);
            None
        }
    }
}

fn timeout(table: &Table<'_>, findings: &mut Findings) -> Duration {
    let Some(text) = table.text("timeout", findings) else { return DEFAULT_TIMEOUT };
    match Span::parse(&text).map(Span::ms) {
        Some(ms @ 100..=60_000) => Duration::from_millis(ms),
        Some(_) | None => {
            findings.add(table.at("timeout"), format!("{text:?}"), "a duration from 100ms to 1m, such as \"5s\"");
            DEFAULT_TIMEOUT
        }
    }
}

fn token(table: &Table<'_>, beside: &Path, findings: &mut Findings) -> Option<Token> {
    let (file, variable) = (table.text("token_file", findings), table.text("token_env", findings));
    if file.is_some() && variable.is_some() {
        findings.add(table.at("token_env"), "a second token", "either token_file or token_env");
    }
    if variable.as_deref().is_some_and(|name| name.is_empty() || name.contains(['=', '\0'])) {
        findings.add(
            table.at("token_env"),
            format!("{:?}", variable.as_deref()?),
            "the name of an environment variable",
        );
    }
    file.map(|file| Token::File(beside.join(file))).or_else(|| variable.map(Token::Environment))
}
