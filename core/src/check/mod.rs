//! From text to [`Document`]: the only way to make one. Finds every fault of a file at once, each with its JSON path, what stands there
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

pub use crate::fault::Fault;
pub use fields::nearest;

use crate::document::Document;
use crate::fault::{Faults, Path};
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
/// Every fault of it, in the order of the file as far as they are independent of each other.
pub fn check(text: &str) -> Result<Document, Vec<Fault>> {
    let mut faults = Faults::default();
    if text.len() > MAX_DOCUMENT_BYTES {
        faults.add(&Path::Root, format_args!("{} bytes", text.len()), format!("at most {MAX_DOCUMENT_BYTES} bytes"));
        return Err(faults.into_faults());
    }
    match Json::read(text) {
        Ok(json) => {
            let document = document(&json, &mut faults);
            faults.or(document)
        }
        Err(error) => {
            faults.add(&Path::Root, error, "valid JSON");
            Err(faults.into_faults())
        }
    }
}

fn document(json: &Json, faults: &mut Faults) -> Document {
    let root = Path::Root;
    let known = ["$schema", "flags", "$evaluators", "metadata", "weir"];
    let Some(fields) = Fields::read(json, &root, &known, faults) else { return Document::default() };
    fields.string("$schema", faults);
    let mut document = Document::default();
    flags::read(&fields, &mut document, faults);
    if let Some(json) = fields.get("weir") {
        weir::read(json, &root.key("weir"), &mut document, faults);
    }
    document
}
