//! Weir on real parts: what the whole-system tests, the demo and the benches are made of. All of it runs on loopback, on ports that the
//! kernel chooses, and is gone when its handle is dropped, on a panic too.
//!
//! | module | owns |
//! |---|---|
//! | `process` | a child process that does not outlive its handle, its log, and the signals that end a program |
//! | `poll` | waiting for a condition until a deadline |
//! | `parts` | where the built parts are: Envoy, filter, controller, Prometheus |
//! | `port` | a port that is known before anybody listens, and nobody else's meanwhile |
//! | `http` | one request over a connection of its own |
//! | `server` | an HTTP server for whoever answers |
//! | `canned` | a small server that says what it is told to: in the place of an exporter, or of a webhook |
//! | `prometheus` | a Prometheus that scrapes one target |
//! | `upstream` | a small server with fault knobs, in the place of control or candidate |
//! | `load` | sticky users at a steady rate, and a record of every request |
//! | `bootstrap` | the files of `envoy-config/`, with ports, paths and documents put in |
//! | `envoy` | an Envoy: start, kill, start again on the same ports, its statistics |
//! | `controller` | `weir serve`: start, kill, start again on the same database, its API, the `weir` verbs |
//! | `fleet` | all of these together: a whole loop that has applied a document |
//! | `document` | flag documents for tests |
//! | `conformance` | Weir's evaluator beside those of others, on generated documents |
//! | `bench` | the benches `kill`, `rollback` and `judge` |
//! | `demo` | the demo: three acts, told and measured |
//!
//! Errors are `anyhow`'s: whoever uses this reports them to a person and stops.

pub mod bench;
pub mod bootstrap;
pub mod canned;
pub mod conformance;
pub mod controller;
pub mod demo;
pub mod document;
pub mod envoy;
pub mod fleet;
pub mod http;
pub mod load;
pub mod parts;
pub mod poll;
pub mod port;
pub mod process;
pub mod prometheus;
pub mod server;
pub mod upstream;
