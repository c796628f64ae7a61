//! `[prometheus]` and `[webhooks.NAME]`: whom custom checks can ask. Secrets are named, never written here: who may read the settings need
//! not know them.

use std::path::Path;

use weir_core::custom::{NAME, is_name};
use weir_core::span::Span;

use super::raw::{Findings, Table};
use crate::ask::sources::{ADDRESS, address};
use crate::ask::{Endpoint, Sources, Token};

const KEYS: [&str; 4] = ["url", "timeout", "token_file", "token_env"];
const DEFAULT_TIMEOUT: Span = Span::from_ms(5_000);

/// Reads both; `beside` is the directory that relative paths count from.
pub(super) fn read(top: &Table<'_>, beside: &Path, findings: &mut Findings) -> Sources {
    let prometheus = top.has("prometheus").then(|| top.table("prometheus", &KEYS, findings));
    let prometheus = prometheus.and_then(|table| endpoint(&table, beside, findings));
    let mut sources = Sources { prometheus, ..Sources::default() };
    for (name, table) in top.named("webhooks", &KEYS, findings) {
        if !is_name(&name) {
            findings.add(format!("webhooks.{name}"), format!("the name {name:?}"), NAME);
        }
        if let Some(endpoint) = endpoint(&table, beside, findings) {
            sources.webhooks.insert(name, endpoint);
        }
    }
    sources
}

fn endpoint(table: &Table<'_>, beside: &Path, findings: &mut Findings) -> Option<Endpoint> {
    let timeout = table.span("timeout", DEFAULT_TIMEOUT, findings);
    let token = token(table, beside, findings);
    let text = table.required("url", ADDRESS, findings)?;
    match address(&text) {
        Ok(url) => Some(Endpoint { url, timeout, token }),
        Err(allowed) => {
            findings.add(table.at("url"), format!("{text:?}"), allowed);
            None
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
