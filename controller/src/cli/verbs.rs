//! From a verb to a request, and from an answer to what a person reads.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::args::{FlagsVerb, OrderArgs, Target, Verb};
use super::client::{Client, Reply, encoded};
use super::duration::spoken;
use super::out;
use super::reading::text as read;
use super::screen;
use crate::report::{Answer, Failure, FindingText, StaleFlags, Status};

/// How often `--watch` draws.
const REDRAW: Duration = Duration::from_secs(1);

/// Computes without a controller.
pub(super) fn calc(method: &str, input: Option<&str>, as_json: bool) -> anyhow::Result<ExitCode> {
    let text = match input {
        Some("-") | None => read(Path::new("-"))?,
        Some(text) => text.to_owned(),
    };
    match crate::calc::calculate(method, &text) {
        Ok(answer) => {
            out::line(serde_json::to_string_pretty(&answer)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(findings) => {
            let findings = findings.into_iter().map(FindingText::from).collect();
            Ok(refused(&Failure { error: format!("{method}: the input is not taken"), findings }, as_json))
        }
    }
}

/// Sends a verb to the controller and shows the answer.
pub(super) async fn ask(client: Client, verb: Verb, as_json: bool) -> anyhow::Result<ExitCode> {
    let (name, body, order) = match verb {
        Verb::Flags { what: FlagsVerb::Stale } => return stale(&client, as_json).await,
        Verb::Status { flag, watch } => return status(&client, flag.as_deref(), watch, as_json).await,
        Verb::Apply { file, force, allow_defects, order } => {
            let body = json!({ "document": read(&file)?, "force": force, "allow_defects": allow_defects });
            ("apply", body, order)
        }
        Verb::Start { flag, force, order } => ("start", json!({ "flag": flag, "force": force }), order),
        Verb::Resume { flag, order } => ("resume", json!({ "flag": flag }), order),
        Verb::Rollback { flag, order } => ("rollback", json!({ "flag": flag }), order),
        Verb::Kill { target, order } => ("kill", body_of(target), order),
        Verb::Revive { target, order } => ("revive", body_of(target), order),
        // Done without a client.
        Verb::Validate { .. }
        | Verb::Eval(_)
        | Verb::Diff(_)
        | Verb::Export(_)
        | Verb::Calc { .. }
        | Verb::Judge { .. }
        | Verb::Serve { .. } => {
            return Ok(ExitCode::FAILURE);
        }
    };
    let OrderArgs { reason, wait } = order;
    let mut body = body;
    body["wait_ms"] = wait.0.into();
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    let reply = client.post(&format!("/api/v1/{name}"), &body, wait.0).await?;
    answered(reply, wait.0 > 0, as_json)
}

fn body_of(target: Target) -> Value {
    match target.flag {
        Some(flag) => json!({ "flag": flag }),
        None => json!({ "all": true }),
    }
}

/// Whoever waits wants to know whether all have it; whoever does not, only whether it was taken.
fn answered(reply: Reply, waited: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    let body = match reply {
        Ok(body) => body,
        Err(failure) => return Ok(refused(&failure, as_json)),
    };
    let answer: Answer = serde_json::from_slice(&body).context("the answer is not one of this weir's API")?;
    if as_json {
        out::line(String::from_utf8_lossy(&body))?;
    } else {
        out::whole(text(&answer))?;
    }
    Ok(code(answer.complete || !waited))
}

pub(super) fn refused(failure: &Failure, as_json: bool) -> ExitCode {
    if as_json {
        if let Err(error) = out::line(json!(failure)) {
            eprintln!("weir: {error:#}");
        }
    } else {
        eprintln!("weir: {}", failure.error);
        for finding in &failure.findings {
            eprintln!("  {finding}");
        }
    }
    ExitCode::FAILURE
}

/// An answer for people: what changed, what was done, who has it.
fn text(answer: &Answer) -> String {
    let mut lines: Vec<String> = answer.changes.iter().map(ToString::to_string).collect();
    lines.extend(answer.findings.iter().map(|finding| format!("{}: {finding}", finding.severity)));
    if answer.left_out > 0 {
        lines.push(format!("{} more findings are not named", answer.left_out));
    }
    lines.push(answer.sentence.clone());
    lines.extend(answer.warnings.iter().map(|warning| format!("warning: {warning}")));
    if !answer.stored {
        lines.push("NOT STORED yet: the database refuses writes; in force all the same, and tried again".to_owned());
    }
    let transition = &answer.transition;
    let begun = transition.published_at_ms.unwrap_or(transition.decided_at_ms);
    // A decision without a publication of its own was applied before it was made.
    let sent = answer.changed && transition.published_at_ms.is_some();
    let total = transition.applied.len() + transition.waiting.len();
    lines.push(match (total, transition.applied_at_ms) {
        (0, _) => format!("generation {}: no proxy is connected", transition.generation),
        (_, Some(at_ms)) if sent && at_ms >= begun => format!(
            "generation {}: applied by all {total} connected proxies after {}",
            transition.generation,
            spoken(at_ms.saturating_sub(begun))
        ),
        (_, Some(_)) => format!("generation {}: applied by all {total} connected proxies", transition.generation),
        (_, None) => {
            format!("generation {}: applied by {} of {total}", transition.generation, transition.applied.len())
        }
    });
    for applied in transition.applied.iter().filter(|_| sent) {
        let after = |at_ms: u64| spoken(at_ms.saturating_sub(begun));
        let acked =
            applied.acked_at_ms.map_or_else(String::new, |at_ms| format!("acknowledged after {}, ", after(at_ms)));
        lines.push(format!("  {}: {acked}applied after {}", applied.proxy, after(applied.applied_at_ms)));
    }
    for proxy in &transition.waiting {
        lines.push(format!("  {proxy}: NOT applied yet"));
    }
    for proxy in &transition.absent {
        lines.push(format!("  {proxy}: not connected, serves what it had"));
    }
    lines.join("\n") + "\n"
}

/// Flags to clean up; none is good news.
async fn stale(client: &Client, as_json: bool) -> anyhow::Result<ExitCode> {
    let body = match client.get("/api/v1/flags/stale").await? {
        Ok(body) => body,
        Err(failure) => return Ok(refused(&failure, as_json)),
    };
    let flags: StaleFlags = serde_json::from_slice(&body).context("the answer is not one of this weir's API")?;
    if as_json {
        out::line(String::from_utf8_lossy(&body))?;
    } else if flags.stale.is_empty() {
        out::line("no flag has been one-sided, or without a request, for 48 h")?;
    }
    for flag in flags.stale.iter().filter(|_| !as_json) {
        out::line(&flag.sentence)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(client: &Client, flag: Option<&str>, watch: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    let path =
        flag.map_or_else(|| "/api/v1/status".to_owned(), |flag| format!("/api/v1/status?flag={}", encoded(flag)));
    if !watch {
        let body = match client.get(&path).await? {
            Ok(body) => body,
            Err(failure) => return Ok(refused(&failure, as_json)),
        };
        out::whole(shown(&body, as_json)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        let text = match client.get(&path).await {
            Ok(Ok(body)) => shown(&body, as_json)?,
            Ok(Err(failure)) => return Ok(refused(&failure, as_json)),
            // A controller that restarts is no reason to stop watching.
            Err(error) => format!("{error:#}\n"),
        };
        let mut out = std::io::stdout().lock();
        let clear = if out.is_terminal() { "\x1b[H\x1b[2J" } else { "" };
        // A closed pipe is how a watcher is told to stop.
        if write!(out, "{clear}{text}").and_then(|()| out.flush()).is_err() {
            return Ok(ExitCode::SUCCESS);
        }
        drop(out);
        tokio::time::sleep(REDRAW).await;
    }
}

fn shown(body: &[u8], as_json: bool) -> anyhow::Result<String> {
    if as_json {
        return Ok(format!("{}\n", String::from_utf8_lossy(body)));
    }
    let status: Status = serde_json::from_slice(body).context("the answer is not one of this weir's API")?;
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    Ok(screen::draw(&status, screen::Style { colour }))
}

pub(super) fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Change;
    use crate::report::{Applied, Transition};

    #[test]
    fn an_answer_says_what_changed_and_who_has_it() {
        let change = |before: Option<&str>, after: Option<&str>| Change {
            path: "$.a".to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let applied = Applied { proxy: "envoy-a".to_owned(), acked_at_ms: Some(1_012), applied_at_ms: 1_061 };
        let answer = Answer {
            sentence: "document applied".to_owned(),
            changed: true,
            stored: true,
            complete: false,
            warnings: vec!["never rehearsed".to_owned()],
            findings: Vec::new(),
            left_out: 3,
            changes: vec![change(None, Some("1")), change(Some("1"), None), change(Some("1"), Some("2"))],
            transition: Transition {
                generation: 14,
                decided_at_ms: 990,
                published_at_ms: Some(1_000),
                applied: vec![applied],
                waiting: vec!["envoy-b".to_owned()],
                absent: vec!["http://127.0.0.1:9903".to_owned()],
                ..Transition::default()
            },
        };
        let expected = "+ $.a 1\n- $.a 1\n~ $.a 1 -> 2\n3 more findings are not named\ndocument applied\nwarning: never rehearsed\ngeneration 14: applied by 1 of 2\n  \
                        envoy-a: acknowledged after 12 ms, applied after 61 ms\n  envoy-b: NOT applied yet\n  \
                        http://127.0.0.1:9903: not connected, serves what it had\n";
        assert_eq!(text(&answer), expected);
    }
}
