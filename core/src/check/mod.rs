//! From text to [`Document`]: the only way to make one. Finds every finding of a file at once, each with its JSON path, what stands there
//! and what may. The controller runs exactly this before it publishes and the filter runs exactly this when it is configured, so that a
//! refusal by a proxy is a defect of ours.
//!
//! - `entries`: flagd's objects as flagd reads them; `limits`: how much a document may be
//! - `fields`: reading an object field by field: unknown keys, wrong kinds, the nearest known key
//! - `flags`: flagd's part of the document
//! - `weir`: identity and outputs; `segments`: named parts of the users; `measures`: what answers are looked at for
//! - `rollouts`: rollouts, stages and policy; `guardrails`: its limits, `custom` those whose answer comes from elsewhere; `analysis`: what
//!   is looked at beside them
//! - `lint`: what loads and should not: defects and warnings

mod analysis;
mod custom;
mod entries;
mod fields;
mod flags;
mod guardrails;
mod limits;
mod lint;
mod measures;
mod rollouts;
mod segments;
mod weir;

pub use crate::code::{Code, Severity};
pub use crate::finding::{Finding, Key};
pub use fields::{again, nearest, suggest};
pub use limits::Limits;

use crate::analysis::Analysis;
use crate::document::Document;
use crate::finding::{Counts, Findings, Path};
use crate::json::Json;
pub(crate) use fields::Fields;

/// The JSON Schema (draft-07) of flag documents, for editors: flagd's own, and what stands under `weir`.
pub const JSON_SCHEMA: &str = include_str!("../../schema/weir.json");

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
/// The most stats that a document's rollouts, counters, scores and segments may cost each proxy: more than a hundred rollouts with every counter and score.
pub const MAX_STATS: usize = 150_000;
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

/// Checks a flag document: what the filter does.
///
/// # Errors
/// Every error of it, each with its place, in the order of the text.
pub fn check(text: &str) -> Result<Document, Vec<Finding>> {
    let (json, document, findings) = read(text, &Limits::default());
    drop(json);
    if findings.is_empty() { Ok(document) } else { Err(findings.placed(text)) }
}

/// Checks an analysis in a file of its own, as it is held against a recorded history: the form of a rollout's `analysis`, and all that
/// a history may have counted.
///
/// # Errors
/// Every error of it, each with its place, in the order of the text.
pub fn check_analysis(text: &str) -> Result<Analysis, Vec<Finding>> {
    let mut findings = Findings::default();
    let analysis = match Json::read(text) {
        Ok(json) => analysis::read(&json, &Path::Root, analysis::Place::File, &mut findings),
        Err(error) => {
            findings.add_placed(syntax(text, &error));
            None
        }
    };
    match analysis {
        Some(analysis) if findings.is_empty() => Ok(analysis),
        _ => Err(findings.placed(text)),
    }
}

/// A document and everything that there is to say about it.
#[derive(Clone, Debug)]
pub struct Examined {
    /// `None` if there is an error among the findings.
    pub document: Option<Document>,
    /// Errors, defects and warnings, each with its place, in the order of the text. At most 1,000 of each severity.
    pub findings: Vec<Finding>,
    counts: Counts,
}

impl Examined {
    /// How many findings are of this severity, those too that [`Examined::findings`] leaves out.
    #[must_use]
    pub const fn count(&self, severity: Severity) -> usize {
        self.counts.of(severity)
    }

    /// How many were found beside those in [`Examined::findings`].
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.counts.all().saturating_sub(self.findings.len())
    }
}

/// Checks a flag document for people, within an operator's limits: errors, and what it loads with and should not.
#[must_use]
pub fn examine(text: &str, limits: &Limits) -> Examined {
    let (json, document, mut findings) = read(text, limits);
    let good = findings.is_empty();
    if let Some(json) = json {
        lint::run(&json, &document, &mut findings);
    }
    let counts = findings.counts();
    Examined { document: good.then_some(document), findings: findings.placed(text), counts }
}

/// The text as JSON and as a document; with findings, as much of it as could be read.
fn read(text: &str, limits: &Limits) -> (Option<Json>, Document, Findings) {
    let mut findings = Findings::default();
    if text.len() > limits.document_bytes {
        too_long(text.len(), limits, &mut findings);
        return (None, Document::default(), findings);
    }
    match Json::read(text) {
        Ok(json) => {
            let own = limits::own(&json);
            limits::agree(&own, limits, &mut findings);
            let limits = own.and(limits);
            if text.len() > limits.document_bytes {
                too_long(text.len(), &limits, &mut findings);
            }
            let document = document(&json, limits, &mut findings);
            (Some(json), document, findings)
        }
        Err(error) => {
            findings.add_placed(syntax(text, &error));
            (None, Document::default(), findings)
        }
    }
}

fn too_long(length: usize, limits: &Limits, findings: &mut Findings) {
    let allowed = format!("at most {} bytes", limits.document_bytes);
    findings.add(Code::Limit, &Path::Root, format_args!("{length} bytes"), allowed);
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

fn document(json: &Json, limits: Limits, findings: &mut Findings) -> Document {
    let root = Path::Root;
    let mut document = Document { limits, ..Document::default() };
    let Some(fields) = Fields::open(json, &root) else {
        findings.add(Code::Document, &root, json, "an object with flags");
        return document;
    };
    let mut compiler = flags::read(&fields, &limits, &mut document, findings);
    document.targeted = compiler.known();
    document.segments = segments::read(&fields, &mut compiler, findings);
    document.attributes = compiler.attributes();
    if let Some(json) = fields.get("weir") {
        weir::read(json, &root.key("weir"), &mut document, findings);
    }
    document
}
