//! What a person types and sees. Owns words, screens and exit codes; every decision is the controller's.
//!
//! - [`args`]: the command line; `duration`: its times
//! - `validate`: findings in documents
//! - `verbs`: from a verb to a request and from an answer to text
//! - `eval`: what a flag is for whom; `export`: plain flagd; `diff`: who moves; `study_args`: their words, `reading`: what they read
//! - `judge`: a policy over a recorded history
//! - `screen`: the status for people
//! - `out`: what is printed; `client`: HTTP
//! - `serve`: the controller's parts, put together

pub mod args;
mod client;
mod diff;
pub mod duration;
mod eval;
mod export;
mod judge;
mod out;
mod reading;
mod screen;
mod serve;
pub mod study_args;
mod validate;
mod verbs;

use std::process::ExitCode;

use args::{Cli, Verb};

/// Does what was asked; the code is 0 if it is done and 1 if it was refused.
///
/// # Errors
/// What failed on the way: exit status 1 as well.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb {
        Verb::Serve { config, ready_file } => serve::serve(&config, ready_file.as_deref()).map(|()| ExitCode::SUCCESS),
        Verb::Validate(args) => validate::validate(&args, cli.json),
        Verb::Eval(args) => eval::eval(&args, cli.json),
        Verb::Diff(args) => diff::compare(&args, cli.json),
        Verb::Export(args) => export::export(&args, cli.json),
        Verb::Calc { method, input } => verbs::calc(&method, input.as_deref(), cli.json),
        Verb::Judge { history, policy, analysis, flag, force } => {
            let (analysis, flag) = (analysis.as_deref(), flag.as_deref());
            judge::judge(judge::Files { history: &history, policy: &policy, analysis, flag, force }, cli.json)
        }
        verb => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(verbs::ask(client::Client::new(cli.api), verb, cli.json))
        }
    }
}
