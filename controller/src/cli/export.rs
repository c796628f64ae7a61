//! `weir export`: the plain flagd document on standard output, what whoever moves must know on standard error. What it says is core's.

use std::process::ExitCode;

use serde_json::json;
use weir_core::export::{Exported, flagd};
use weir_core::json::Json;

use super::out;
use super::reading::{self, Checked};
use super::study_args::ExportArgs;
use super::verbs::refused;

pub(super) fn export(args: &ExportArgs, as_json: bool) -> anyhow::Result<ExitCode> {
    let Exported { document, notes } = match exported(args)? {
        Ok(exported) => exported,
        Err(failure) => return Ok(refused(&failure, as_json)),
    };
    if as_json {
        out::line(json!({ "document": document, "notes": notes }))?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(document.pretty())?;
    for note in notes {
        eprintln!("note: {note}");
    }
    Ok(ExitCode::SUCCESS)
}

fn exported(args: &ExportArgs) -> anyhow::Result<Checked<Exported>> {
    let (text, document) = match reading::document(&args.flagd)? {
        Ok(read) => read,
        Err(failure) => return Ok(Err(failure)),
    };
    let state = args.rollouts.as_deref().map(|given| reading::state(given, &document)).transpose()?.transpose();
    let json = Json::read(&text)?;
    Ok(state.map(|state| flagd(&json, &document, &state.unwrap_or_default())))
}
