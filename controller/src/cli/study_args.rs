//! The words of the verbs that ask documents without a controller: `eval`, `export`, `diff`.

use std::path::PathBuf;

use clap::Args;

use crate::study::eval::KINDS;
use crate::study::moment::Moment;

/// What `eval` takes.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The flag document, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The flag
    #[arg(long, required_unless_present = "batch", conflicts_with = "batch")]
    pub flag: Option<String>,
    /// The kind of value that the application asks for; any if left out
    #[arg(long = "type", value_name = "TYPE", value_parser = KINDS, conflicts_with = "batch")]
    pub kind: Option<String>,
    /// Who asks: a JSON object, or @FILE with one
    #[arg(long, value_name = "JSON", required_unless_present = "batch", conflicts_with = "batch")]
    pub context: Option<String>,
    /// When: RFC 3339 or seconds since 1970 [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Moment>,
    /// Answer as a proxy does in this state: kill, mask, targeting, then the rollout's split. The `state` of a snapshot as JSON, or @FILE with it
    #[arg(long, value_name = "STATE")]
    pub rollouts: Option<String>,
    /// Show the rule as a tree with the value at each node, and each split with the bytes hashed, the hash, the bucket and the ranges
    #[arg(long, conflicts_with = "batch")]
    pub explain: bool,
    /// Answer lines of {"flag", "type", "context"} on standard input with a line of JSON each
    #[arg(long)]
    pub batch: bool,
}

/// What `export` takes.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The flag document that is to be flagd's, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub flagd: PathBuf,
    /// In this state of the rollouts: the `state` of a snapshot as JSON, or @FILE with it. Left out, every rollout is at 0 %
    #[arg(long, value_name = "STATE")]
    pub rollouts: Option<String>,
}

/// What `diff` takes.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The document that is
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The document that is to be, or - for standard input
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Say which of these users move: a targetingKey or a context as JSON on each line
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,
    /// In this state of the rollouts: the `state` of a snapshot as JSON, or @FILE with it. Left out, every rollout is at 0 %
    #[arg(long, value_name = "STATE")]
    pub rollouts: Option<String>,
    /// The state for NEW, if it is another than for OLD
    #[arg(long, value_name = "STATE", requires = "rollouts")]
    pub rollouts_new: Option<String>,
    /// When, for the users of a list: RFC 3339 or seconds since 1970 [default: now]
    #[arg(long, value_name = "TIME", requires = "users")]
    pub at: Option<Moment>,
}

impl DiffArgs {
    /// The state for the new document.
    pub(super) fn after(&self) -> Option<&str> {
        self.rollouts_new.as_deref().or(self.rollouts.as_deref())
    }
}
