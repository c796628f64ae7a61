//! What a verb says to its reader, who may have read enough: `weir diff a.json b.json | head` is no failure.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _, stdout};

use anyhow::Context as _;

/// To standard output, with the end of a line. A reader who has closed the pipe changes nothing about what the verb found.
///
/// # Errors
/// It can't be written, as when the disk is full.
pub(super) fn line(text: impl Display) -> anyhow::Result<()> {
    whole(format_args!("{text}\n"))
}

/// To standard output as it stands, which may be many lines.
///
/// # Errors
/// As [`line()`].
pub(super) fn whole(text: impl Display) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}
