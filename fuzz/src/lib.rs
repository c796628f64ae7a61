//! What is done with bytes from outside: one function a target, which must return for whatever it gets. Run by libFuzzer (`targets/`) and, over the kept
//! corpus, by the tests of core and controller.

#[cfg(feature = "controller")]
pub mod controller;
pub mod core;
