//! From text to [`Document`]: the only way to make one. Finds every finding of a file at once, each with its JSON path, what stands there
//! and what may. The controller runs exactly this before it publishes and the filter runs exactly this when it is configured, so that a
//! refusal by a proxy is a defect of ours.
//!
//! - `fields`: reading an object field by field: unknown keys, wrong kinds, the nearest known key
//! - `flags`: flagd's part of the document
//! - `weir`: identity and outputs
//! - `rollouts`: rollouts, stages and policy

mod fields;
mod flags;
mod rollouts;
mod weir;

pub use crate::code::{Code, Severity};
pub use crate::finding::Finding;
pub use fields::nearest;

use crate::document::Document;
use crate::finding::{Findings, Path};
use crate::json::Json;
pub(crate) use fields::Fields;

/// The longest document, in bytes: 4 MiB.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;
/// The most flags of a document.
pub const MAX_FLAGS: usize = 20_000;
/// The most variants of a flag.
pub const MAX_VARIANTS: usize = 256;
/// The most outputs of a document: each is looked at for every request.
pub const MAX_OUTPUTS: usize = 200;
/// The most rollouts of a document: each costs Envoy [`crate::name::stats_per_rollout`] stats.
pub const MAX_ROLLOUTS: usize = 100;
/// The most stages of a rollout.
pub const MAX_STAGES: usize = 50;
/// The most guardrails of a rollout.
pub const MAX_GUARDRAILS: usize = 10;
/// The most sources of identity.
pub const MAX_IDENTITY: usize = 8;
/// The most attributes of a document.
pub const MAX_ATTRIBUTES: usize = 100;
/// The longest key of a flag, name of a variant, header, cookie, path or salt, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// Checks a flag document.
///
/// # Errors
/// Every error of it, each with its place, in the order of the text.
pub fn check(text: &str) -> Result<Document, Vec<Finding>> {
    let mut findings = Findings::default();
    if text.len() > MAX_DOCUMENT_BYTES {
        let allowed = format!("at most {MAX_DOCUMENT_BYTES} bytes");
        findings.add(Code::Limit, &Path::Root, format_args!("{} bytes", text.len()), allowed);
        return Err(findings.unplaced());
    }
    let json = Json::read(text).map_err(|error| vec![syntax(text, &error)])?;
    let document = document(&json, &mut findings);
    if findings.is_empty() { Ok(document) } else { Err(findings.placed(text)) }
}

/// Where the parser stopped. It counts bytes; people count characters.
fn syntax(text: &str, error: &serde_json::Error) -> Finding {
    let (line, bytes) = (error.line(), error.column());
    let before = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let column = before.char_indices().filter(|(at, _)| *at < bytes).count().max(1);
    let message = error.to_string();
    let message = message.strip_suffix(&format!(" at line {line} column {bytes}")).unwrap_or(&message);
    let mut finding = Finding::new(Code::Syntax, "$", message, "valid JSON");
    finding.line = u32::try_from(line.max(1)).unwrap_or(u32::MAX);
    finding.column = u32::try_from(column).unwrap_or(u32::MAX);
    finding
}

fn document(json: &Json, findings: &mut Findings) -> Document {
    let root = Path::Root;
    let known = ["$schema", "flags", "$evaluators", "metadata", "weir"];
    let Some(fields) = Fields::read(json, &root, &known, findings) else { return Document::default() };
    fields.string("$schema", findings);
    let mut document = Document::default();
    flags::read(&fields, &mut document, findings);
    if let Some(json) = fields.get("weir") {
        weir::read(json, &root.key("weir"), &mut document, findings);
    }
    document
}
