//! `weir diff`: reads two documents, and says what `study` finds.

use std::process::ExitCode;

use weir_core::check::{Code, Finding};

use super::out;
use super::reading::{self, Checked};
use super::study_args::DiffArgs;
use super::verbs::refused;
use crate::clock::Clock;
use crate::report::{Failure, FindingText};
use crate::study::diff::{Compared, Users, diff};
use crate::study::moved;

pub(super) fn compare(args: &DiffArgs, as_json: bool) -> anyhow::Result<ExitCode> {
    let found = match (compared(&args.old, args.rollouts.as_deref())?, compared(&args.new, args.after())?, users(args)?)
    {
        (Ok(old), Ok(new), Ok(users)) => diff(&old, &new, users.as_ref()),
        (Err(failure), ..) | (_, Err(failure), _) | (.., Err(failure)) => return Ok(refused(&failure, as_json)),
    };
    if as_json {
        out::line(serde_json::to_string(&found)?)?;
    } else {
        out::whole(moved::text(&found))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn compared(file: &std::path::Path, state: Option<&str>) -> anyhow::Result<Checked<Compared>> {
    let (text, document) = match reading::document(file)? {
        Ok(read) => read,
        Err(failure) => return Ok(Err(failure)),
    };
    match state.map(|given| reading::state(given, &document)).transpose()?.transpose() {
        Ok(state) => Ok(Ok(Compared::new(&text, document, state.unwrap_or_default())?)),
        Err(failure) => Ok(Err(failure)),
    }
}

fn users(args: &DiffArgs) -> anyhow::Result<Checked<Option<Users>>> {
    let Some(file) = &args.users else { return Ok(Ok(None)) };
    let now_ms = args.at.map_or_else(|| Clock::system().now_ms(), |moment| moment.0);
    Ok(Users::read(&reading::text(file)?, now_ms).map(Some).map_err(|(line, error)| {
        let allowed = "a targetingKey, or a context as a JSON object";
        let finding = Finding::new(Code::Input, format!("{}:{line}", file.display()), error, allowed);
        Failure { error: "--users: no list of users".to_owned(), findings: vec![FindingText::from(finding)] }
    }))
}
