//! Weir's data plane: the Envoy-facing shell around `weir-core`. It fetches bytes, asks core, and obeys; it decides nothing itself.
//!
//! - [`host`]: what the filter needs of its host, as a trait whose answers are bytes or nothing
//! - [`root`]: one configuration's life: read it, or refuse it and keep the former
//! - [`stream`]: one request's life: decide and mark at its start, count at its end
//! - [`meter`]: the metrics of a snapshot, defined once in a virtual machine
//! - [`vm`]: what outlives a configuration in one virtual machine: compiled documents and ids of metrics
//! - `envoy` (wasm32 only): the proxy-wasm entry points and the one place that calls host functions
//!
//! Nothing here may panic: a trap takes down every stream of a worker. Each answer of the host may be missing, and each is allowed to be.
#![deny(missing_docs)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unreachable
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

#[cfg(target_arch = "wasm32")]
mod envoy;
pub mod host;
pub mod meter;
pub mod root;
pub mod stream;
pub mod vm;
