//! A policy over a recorded history, for people and programs. Owns the reading and the words; what would have happened is `replay`'s.

use std::path::Path;
use std::process::ExitCode;

use weir_core::check::{self, Code, Finding};

use super::duration::spoken;
use super::out;
use super::reading::text as read;
use super::verbs::refused;
use crate::judge::analysis::Analysis;
use crate::judge::words::weight;
use crate::observation::Observation;
use crate::replay::{Event, Story, replay};
use crate::report::{Failure, FindingText};

/// Findings of a history after which the rest of it is not looked at.
const MOST: usize = 20;

/// The files of `weir judge`, and the flag that is meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files<'a> {
    pub(super) history: &'a Path,
    pub(super) policy: &'a Path,
    pub(super) analysis: Option<&'a Path>,
    pub(super) flag: Option<&'a str>,
}

pub(super) fn judge(files: Files<'_>, as_json: bool) -> anyhow::Result<ExitCode> {
    let (lines, text) = (read(files.history)?, read(files.policy)?);
    let analysis = files.analysis.map(read).transpose()?;
    match told(&files, &lines, &text, analysis.as_deref()) {
        Ok(story) if as_json => out::line(serde_json::to_string_pretty(&story)?)?,
        Ok(story) => out::whole(screen(&story))?,
        Err(failure) => return Ok(refused(&failure, as_json)),
    }
    Ok(ExitCode::SUCCESS)
}

fn told(files: &Files<'_>, lines: &str, policy: &str, analysis: Option<&str>) -> Result<Story, Failure> {
    let name = files.history.display().to_string();
    let failure = |error: &str, findings| Failure { error: error.to_owned(), findings };
    let document = check::check(policy).map_err(|findings| {
        failure("the policy is no flag document", findings.into_iter().map(FindingText::from).collect())
    })?;
    let observations = observations(&name, lines)
        .map_err(|findings| failure("the history has lines that are no observation", findings))?;
    let analysis = analysis.map(Analysis::read).transpose().map_err(|findings| {
        failure("the analysis is not taken", findings.into_iter().map(FindingText::from).collect())
    })?;
    replay(&document, files.flag, analysis, &observations).map_err(|unfit| failure(&unfit.to_string(), Vec::new()))
}

/// Empty lines are left out.
fn observations(name: &str, lines: &str) -> Result<Vec<Observation>, Vec<FindingText>> {
    let (mut found, mut findings) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(lines.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(observation) => found.push(observation),
            Err(error) => {
                let allowed = "an observation: at_ms, span_ms, expected, seen, flags";
                let finding = Finding::new(Code::Input, format!("{name}:{number}"), error.to_string(), allowed);
                findings.push(FindingText::from(finding));
            }
        }
        if findings.len() == MOST {
            break;
        }
    }
    if findings.is_empty() { Ok(found) } else { Err(findings) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_is_no_observation_is_named() {
        let lines = "{\"at_ms\":1,\"span_ms\":1,\"expected\":1,\"seen\":1,\"flags\":{}}\n\n{}\nnothing\n";
        let findings = observations("h.ndjson", lines).unwrap_err();
        let paths: Vec<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, ["h.ndjson:3", "h.ndjson:4"]);
        assert!(findings[0].found.contains("missing field"), "{}", findings[0].found);
        assert_eq!(observations("h", &"x\n".repeat(99)).unwrap_err().len(), MOST);
        assert_eq!(observations("h", lines.lines().next().unwrap()).unwrap().len(), 1);
    }
}
