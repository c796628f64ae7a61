//! [`Engine`]: one engine, asked for one flag at a time.

#[cfg(feature = "others")]
pub(crate) mod datalogic;
#[cfg(feature = "others")]
pub(crate) mod flagd;
#[cfg(feature = "others")]
pub(crate) mod launchdarkly;
#[cfg(feature = "others")]
pub(crate) mod unleash;
pub(crate) mod weir;

use anyhow::{Result, ensure};
use weir_cases::CASES;

/// An engine with its flags and its context.
pub(crate) trait Engine: Sized {
    /// In reports.
    const NAME: &'static str;
    /// What it is measured by, and where that differs from the others.
    const NOTE: &'static str;

    /// The flags of [`CASES`], in its own format.
    fn document() -> String;

    /// The big document, in its own format.
    fn big_document() -> String;

    /// From text to ready.
    fn load(document: &str) -> Result<Self>;

    /// Whether it has such a flag at all.
    fn knows(&self, _flag: &str) -> bool {
        true
    }

    /// The flag's value for the context of [`weir_cases`].
    fn ask(&mut self, flag: &str) -> bool;
}

/// An engine that answers wrongly is not timed.
pub(crate) fn checked<E: Engine>(engine: &mut E) -> Result<()> {
    for case in CASES.iter().filter(|case| engine.knows(case.flag)).collect::<Vec<_>>() {
        let found = engine.ask(case.flag);
        ensure!(case.expected.is_none_or(|expected| expected == found), "{} says {found} to {}", E::NAME, case.flag);
    }
    Ok(())
}
