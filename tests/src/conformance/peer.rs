//! A peer: flagd's own evaluator in another language, behind a program that answers lines of JSON (`tests/peers`). Owns the pipe; knows no exceptions.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::case::{Case, Outcome};

/// A running peer.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts the program.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(command: &[String]) -> Result<Self> {
        let (program, arguments) = command.split_first().context("a peer is a program")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().context("its output is piped")?);
        Ok(Self { child, to, from })
    }

    /// Asks one case.
    ///
    /// # Errors
    /// It ended, or answered something else.
    pub fn ask(&mut self, case: &Case, now_s: u64) -> Result<Outcome> {
        let asks: Vec<_> =
            case.asks.iter().map(|ask| json!({ "flag": ask.flag, "kind": ask.kind, "context": ask.context })).collect();
        let line = json!({ "document": case.document.to_string(), "now": now_s, "asks": asks });
        writeln!(self.to.as_mut().context("it is gone")?, "{line}")?;
        let mut answer = String::new();
        if self.from.read_line(&mut answer)? == 0 {
            bail!("it ended over {line}");
        }
        let outcome: Outcome = serde_json::from_str(&answer).with_context(|| format!("it answered {answer}"))?;
        match &outcome {
            Outcome::Answers(answers) if answers.len() != case.asks.len() => bail!("it answered {answer} to {line}"),
            _ => Ok(outcome),
        }
    }
}

/// With its input closed it ends; it is waited for, so that none is left.
impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.to.take());
        if self.child.wait().is_err() {
            eprintln!("a peer could not be waited for");
        }
    }
}
