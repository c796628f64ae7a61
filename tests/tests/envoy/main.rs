//! Weir on real Envoys. Each test starts its own and is named after what it proves; `cargo xtask test --only envoy` builds what they need.
//! A missing part is a failure that says so, never a pass.

mod always_true;
mod bootstraps;
mod counted;
mod crashes;
mod custom;
mod drift;
mod faults;
mod forged;
mod istio;
mod kills;
mod proxies;
mod pusher;
mod pushes;
mod refused;
mod segments;
mod stage;
mod sticky;
mod targeting;
mod verdicts;
mod whole;
