//! `weir eval`: reads what is asked, and writes the answer for people or programs. What it is comes from `study`.

use std::io::{BufReader, BufWriter, IsTerminal as _, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use weir_core::evaluate::FlagSet;

use super::out;
use super::reading::{self, Checked};
use super::study_args::EvalArgs;
use super::verbs::{code, refused};
use crate::clock::Clock;
use crate::study::batch::{self, Flush};
use crate::study::eval::{Answered, Asked, Flags, WithWhy, kind};
use crate::study::explained;

pub(super) fn eval(args: &EvalArgs, as_json: bool) -> anyhow::Result<ExitCode> {
    if args.batch && args.file == Path::new("-") {
        anyhow::bail!("with --batch standard input holds the questions: name a file for the document");
    }
    match asked(args, as_json)? {
        Ok(code) => Ok(code),
        Err(failure) => Ok(refused(&failure, as_json)),
    }
}

fn asked(args: &EvalArgs, as_json: bool) -> anyhow::Result<Checked<ExitCode>> {
    let (text, flags) = match flags(args)? {
        Ok(flags) => flags,
        Err(failure) => return Ok(Err(failure)),
    };
    let now_ms = args.at.map_or_else(|| Clock::system().now_ms(), |moment| moment.0);
    let (Some(flag), Some(context)) = (&args.flag, &args.context) else {
        return answer_lines(&flags, now_ms).map(Ok);
    };
    let context = match reading::context(context)? {
        Ok(context) => context,
        Err(failure) => return Ok(Err(failure)),
    };
    let asked = Asked { flag, kind: args.kind.as_deref().and_then(kind), context: &context, now_ms };
    let why = if args.explain { flags.explain(&asked, &text) } else { None };
    let resolution = flags.resolve(&asked);
    let answered = Answered::new(flag, &resolution);
    if as_json {
        let explanation = why.as_ref().map(explained::value);
        out::line(serde_json::to_string(&WithWhy { answered: &answered, explanation })?)?;
    } else {
        out::whole(said(&answered) + &why.as_ref().map(explained::text).unwrap_or_default())?;
    }
    Ok(Ok(code(!answered.failed())))
}

fn flags(args: &EvalArgs) -> anyhow::Result<Checked<(String, Flags)>> {
    let (text, document) = match reading::document(&args.file)? {
        Ok(read) => read,
        Err(failure) => return Ok(Err(failure)),
    };
    let state = args.rollouts.as_deref().map(|given| reading::state(given, &document));
    let state = state.transpose()?.transpose();
    Ok(state.map(|state| (text, Flags { set: FlagSet::new(document), state })))
}

/// Exit status 1 if any line was answered with an error.
fn answer_lines(flags: &Flags, now_ms: u64) -> anyhow::Result<ExitCode> {
    let flush = if stdin().is_terminal() { Flush::EachLine } else { Flush::WhenFull };
    let input = BufReader::with_capacity(1 << 16, stdin().lock());
    let output = BufWriter::with_capacity(1 << 16, stdout().lock());
    match batch::run(flags, now_ms, input, (output, flush)) {
        Ok(tally) => Ok(code(tally.errors == 0)),
        // Whoever has read enough closes the pipe.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
    }
}

/// For people.
fn said(answered: &Answered<'_>) -> String {
    let mut text = format!("{}: {}\n", answered.flag, answered.variant.unwrap_or("no variant, the code's own default"));
    if let Some(value) = answered.value {
        text.push_str(&format!("  value    {}\n", value.compact()));
    }
    text.push_str(&format!("  reason   {}\n", answered.reason));
    if let (Some(code), Some(message)) = (answered.error_code, answered.error_message) {
        text.push_str(&format!("  error    {code}: {message}\n"));
    }
    for (index, (key, value)) in answered.metadata.iter().enumerate() {
        let head = if index == 0 { "metadata" } else { "" };
        text.push_str(&format!("  {head:8} {key}: {}\n", value.compact()));
    }
    text
}
