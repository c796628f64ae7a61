//! A policy over a recorded history, for people and programs. Owns the reading and the words; what would have happened is `replay`'s.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use weir_core::check::{self, Finding};

use super::duration::spoken;
use super::out;
use super::reading::text;
use super::verbs::refused;
use crate::history::{Faults, History};
use crate::judge::analysis::Analysis;
use crate::judge::words::weight;
use crate::replay::{Event, Replay, Story};
use crate::report::{Failure, FindingText};

/// The files of `weir judge`, and the flag that is meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files<'a> {
    pub(super) history: &'a Path,
    pub(super) policy: &'a Path,
    pub(super) analysis: Option<&'a Path>,
    pub(super) flag: Option<&'a str>,
    /// As `weir start --force`.
    pub(super) force: bool,
}

pub(super) fn judge(files: Files<'_>, as_json: bool) -> anyhow::Result<ExitCode> {
    match told(&files) {
        Ok(story) if as_json => out::line(serde_json::to_string_pretty(&story)?)?,
        Ok(story) => out::whole(screen(&story))?,
        Err(failure) => return Ok(refused(&failure, as_json)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Whatever is wrong is a failure here, a file that is not there too: a program that asks for JSON gets JSON.
fn told(files: &Files<'_>) -> Result<Story, Failure> {
    let read = |file: &Path| text(file).map_err(|error| failed(format_args!("{error:#}")));
    let document = check::check(&read(files.policy)?)
        .map_err(|findings| refusal(format_args!("{}: no flag document", files.policy.display()), findings))?;
    let analysis = |file: &Path| {
        let name = file.display();
        let not_taken = |findings| refusal(format_args!("{name}: the analysis is not taken"), findings);
        Analysis::read(&read(file)?).map_err(not_taken)
    };
    let analysis = files.analysis.map(analysis).transpose()?;
    let unread = |error: std::io::Error| failed(format_args!("{}: {error}", files.history.display()));
    let history = History::open(files.history).map_err(unread)?;
    let faults = history.check().map_err(unread)?;
    if faults.count() > 0 {
        return Err(faulty(&history, faults));
    }
    let mut replay = Replay::new(&document, files.flag, analysis).map_err(failed)?.forced(files.force);
    let mut unfit = None;
    let faults = history.each(|observation| {
        if unfit.is_none() {
            unfit = replay.tick(observation).err();
        }
    });
    if let Some(unfit) = unfit {
        return Err(failed(unfit));
    }
    // Read for the second time: what is found now was not there before.
    let faults = faults.map_err(unread)?;
    if faults.count() > 0 {
        return Err(faulty(&history, faults));
    }
    replay.story().map_err(failed)
}

fn failed(error: impl Display) -> Failure {
    refusal(error, Vec::new())
}

fn refusal(error: impl Display, findings: Vec<Finding>) -> Failure {
    Failure { error: error.to_string(), findings: findings.into_iter().map(FindingText::from).collect() }
}

fn faulty(history: &History, faults: Faults) -> Failure {
    let (count, left_out) = (faults.count(), faults.left_out());
    let more = if left_out > 0 {
        format!("; {count} findings, of which the last {left_out} are not named")
    } else {
        String::new()
    };
    refusal(format_args!("{}: the history is not taken{more}", history.name()), faults.named())
}

fn screen(story: &Story) -> String {
    let mut text: String = story.events.iter().map(line).collect();
    text.push_str(&format!("{}: {} after {} ticks\n", story.flag, story.ends, story.ticks));
    text
}

fn line(event: &Event) -> String {
    let mark = if event.transition.is_some() { '*' } else { ' ' };
    let asks = if event.asks { " (a person is asked)" } else { "" };
    let (after, weight) = (spoken(event.after_ms), weight(event.weight_ppm));
    format!("{mark} {after:>8} {weight:>6}  {}{asks}\n", event.sentence)
}
