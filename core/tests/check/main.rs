//! What the check says of documents: every error with its place and remedy, every defect and warning, and the JSON Schema beside it.
#![cfg(not(target_arch = "wasm32"))]

mod analysis;
mod custom;
mod findings;
mod lints;
mod loads;
mod schema;
