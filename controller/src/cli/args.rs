//! The command line: verbs, flags, help. Owns words, not behaviour.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use weir_core::check::Limits;

use super::duration::Wait;
use super::study_args::{DiffArgs, EvalArgs, ExportArgs};
use crate::calc;

const EXIT_CODES: &str = "Exit status: 0 good, 1 refused or failed, 2 wrong usage.";

const EVAL: &str = "weir eval flags.json --flag checkout --context '{\"targetingKey\": \"alice\"}' --explain
  weir eval flags.json --flag checkout --context @alice.json --rollouts '{\"flags\": {\"checkout\": {\"weight\": 50000}}}'
  echo '{\"flag\": \"checkout\", \"context\": {\"targetingKey\": \"alice\"}}' | weir eval flags.json --batch";

/// Progressive delivery inside the proxy: the controller and the commands that talk to it.
#[derive(Debug, Parser)]
#[command(name = "weir", version, after_help = EXIT_CODES, propagate_version = false, disable_help_subcommand = true)]
pub struct Cli {
    /// Where the controller's API is [default: the environment's WEIR_API, or http://127.0.0.1:8470]
    #[arg(long, global = true, value_name = "URL")]
    pub api: Option<String>,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check flag documents and name every finding, without a controller
    #[command(after_help = help("weir validate flags.json\n  cat flags.json | weir validate -\n  weir validate --explain E-STATE\n  weir validate --schema > weir.json"))]
    Validate(ValidateArgs),
    /// What a flag is for whom: value, variant, reason, as flagd answers, without a controller
    #[command(after_help = help(EVAL))]
    Eval(EvalArgs),
    /// The plain flagd document that gives everybody what Weir does: rollouts as `fractional`, kills and masks carried out
    #[command(after_help = help("weir export --flagd flags.json > flagd.json\n  weir export --flagd flags.json --rollouts '{\"flags\": {\"checkout\": {\"weight\": 50000}}}'"))]
    Export(ExportArgs),
    /// Which flags change between two documents, and which share of users changes variant, exactly
    #[command(after_help = help("weir diff flags.json new.json\n  weir diff flags.json new.json --users users.txt --rollouts '{\"flags\": {\"checkout\": {\"weight\": 50000}}}'"))]
    Diff(DiffArgs),
    /// Publish a flag document; show what changes and which proxies have it
    #[command(after_help = help("weir apply flags.json\n  weir apply flags.json --force --reason \"rollout given up, users may flip\""))]
    Apply {
        /// The document, or - for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Apply although users would change variant without a decision; needs --reason
        #[arg(long, requires = "reason")]
        force: bool,
        /// Apply although the document has defects: flagd loads it, but it can't mean what was written
        #[arg(long)]
        allow_defects: bool,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Start a rollout: a new attempt, from control's data through every stage
    #[command(after_help = help("weir start checkout"))]
    Start {
        /// The flag
        flag: String,
        /// Begin with the first stage without waiting for control's data; needs --reason
        #[arg(long, requires = "reason")]
        force: bool,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Show where everything stands: stages, weights at each proxy, each check with its evidence
    #[command(after_help = help("weir status checkout --watch"))]
    Status {
        /// Only this flag's rollout
        flag: Option<String>,
        /// Draw again every second until interrupted
        #[arg(long)]
        watch: bool,
    },
    /// Go on with a paused rollout, from control's data and the first stage
    #[command(after_help = help("weir resume checkout"))]
    Resume {
        /// The flag
        flag: String,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Take everybody back to control, from any state of a rollout
    #[command(after_help = help("weir rollback checkout --reason \"support tickets\""))]
    Rollback {
        /// The flag
        flag: String,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Kill switch: everybody to control (without a rollout, to the defaultVariant) until revived
    #[command(after_help = help("weir kill checkout\n  weir kill --all --reason \"incident 42\""))]
    Kill {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// Take a kill away; what was under way is then paused at 0 % until resumed
    #[command(after_help = help("weir revive checkout\n  weir revive --all"))]
    Revive {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        order: OrderArgs,
    },
    /// The flags themselves, whatever their rollouts do
    #[command(after_help = help("weir flags stale"))]
    Flags {
        /// What of them
        #[command(subcommand)]
        what: FlagsVerb,
    },
    /// Compute a number of a report by hand, or plan ahead: JSON in, JSON out
    #[command(after_help = calc_help())]
    Calc {
        /// What to compute
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(calc::methods().map(|method| method.name)), hide_possible_values = true)]
        method: String,
        /// Its input; standard input if left out or -
        #[arg(value_name = "JSON")]
        input: Option<String>,
    },
    /// Run a policy over recorded observations and print what it would have done when, without a controller
    #[command(after_help = help("weir judge --history checkout.ndjson --policy flags.json"))]
    Judge {
        /// One observation a line (docs/statistics.md says how to get them), or - for standard input
        #[arg(long, value_name = "FILE")]
        history: PathBuf,
        /// A flag document with the rollout
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
        /// What to look at beside the guardrails: goals, scores, segments, drift, shadow answers (docs/statistics.md has the form)
        #[arg(long, value_name = "FILE")]
        analysis: Option<PathBuf>,
        /// The flag, where the document has several rollouts
        #[arg(long)]
        flag: Option<String>,
        /// Begin as weir start --force does: without waiting for control's data
        #[arg(long)]
        force: bool,
    },
    /// Run the controller: xDS for the proxies, the API, the judge
    #[command(after_help = help("weir serve --config weir.toml"))]
    Serve {
        /// Settings
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Written when both ports listen: {"api":"http://127.0.0.1:PORT","xds":"127.0.0.1:PORT"}
        #[arg(long, value_name = "FILE")]
        ready_file: Option<PathBuf>,
    },
}

/// What can be asked of all flags.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum FlagsVerb {
    /// Flags that have been one-sided for 48 h, or without a request, each with its clean-up
    #[command(after_help = help("weir flags stale --json"))]
    Stale,
}

/// What `validate` takes.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Files, or - for standard input
    #[arg(required_unless_present_any = ["explain", "schema"], value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Exit with 1 for warnings too
    #[arg(long)]
    pub strict: bool,
    /// Lower a limit: document_bytes, flags, variants, depth, nodes or work; may be given again
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = limit)]
    pub limits: Vec<LimitArg>,
    /// Say what the code of a finding means; all: all of them
    #[arg(long, value_name = "CODE")]
    pub explain: Option<String>,
    /// Print the JSON Schema of flag documents, for editors
    #[arg(long, conflicts_with_all = ["explain", "files"])]
    pub schema: bool,
}

/// The limits with one of them lowered.
#[derive(Clone, Copy, Debug)]
pub struct LimitArg(pub Limits);

fn limit(text: &str) -> Result<LimitArg, String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE")?;
    let mut limits = Limits::default();
    limits.lower(name, value.parse().unwrap_or(0))?;
    Ok(LimitArg(limits))
}

/// One flag, or all.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// The flag
    pub flag: Option<String>,
    /// Every flag
    #[arg(long)]
    pub all: bool,
}

/// What every order takes.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// Why; kept in the ledger
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Wait so long for the connected proxies to apply it, at most 60s; exit status 1 if one has not by then, or none is connected. 0s: do not ask
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub wait: Wait,
}

fn help(example: &str) -> String {
    format!("Example:\n  {example}\n\n{EXIT_CODES}")
}

fn calc_help() -> String {
    let line = |method: &calc::Method| {
        format!("  {}: {}\n    weir calc {} '{}'\n", method.name, method.what, method.name, method.example)
    };
    let methods: String = calc::methods().map(line).collect();
    let example = "weir calc sample-size '{\"base\": 0.01, \"ratio\": 2, \"control_per_request\": 19}'";
    format!("Methods:\n{methods}\n{}", help(example))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_verb_has_an_example_and_the_exit_codes_in_its_help() {
        Cli::command().debug_assert();
        let mut command = Cli::command();
        assert!(command.render_help().to_string().contains(EXIT_CODES));
        let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        assert_eq!(
            verbs,
            [
                "validate", "eval", "export", "diff", "apply", "start", "status", "resume", "rollback", "kill",
                "revive", "flags", "calc", "judge", "serve"
            ]
        );
        for name in verbs {
            let help = command.find_subcommand_mut(&name).unwrap().render_help().to_string();
            assert!(help.contains(&format!("Example:\n  weir {name} ")), "{help}");
            assert!(help.contains(EXIT_CODES), "{help}");
        }
    }

    #[test]
    fn what_is_taken_and_what_is_not() {
        for (line, good) in [
            ("weir validate a.json b.json -", true),
            ("weir validate", false),
            ("weir validate a.json --strict --limit depth=10 --limit flags=5", true),
            ("weir validate a.json --limit depth=1000", false),
            ("weir validate a.json --limit deep=10", false),
            ("weir validate --explain E-STATE", true),
            ("weir validate --schema", true),
            ("weir validate --schema a.json", false),
            ("weir apply flags.json --allow-defects", true),
            ("weir eval flags.json --flag f --context {} --type integer --at 2026-11-21T12:00:00Z", true),
            ("weir eval - --flag f --context @c.json --rollouts {} --json", true),
            ("weir eval flags.json --flag f", false),
            ("weir eval flags.json --flag f --context {} --type int", false),
            ("weir eval flags.json --flag f --context {} --at noon", false),
            ("weir eval flags.json --batch --at 0", true),
            ("weir eval flags.json --batch --flag f", false),
            ("weir eval flags.json --batch --explain", false),
            ("weir export --flagd flags.json --rollouts @s.json --json", true),
            ("weir export flags.json", false),
            ("weir diff a.json b.json --users u.txt --rollouts {} --rollouts-new {} --at 0", true),
            ("weir diff a.json", false),
            ("weir diff a.json b.json --rollouts-new {}", false),
            ("weir apply flags.json", true),
            ("weir apply flags.json --force", false),
            ("weir apply flags.json --force --reason x", true),
            ("weir start checkout --wait 250ms", true),
            ("weir start checkout --wait 5", false),
            ("weir start checkout --wait 2m", false),
            ("weir start checkout --force", false),
            ("weir status", true),
            ("weir status checkout --watch --json --api http://127.0.0.1:1", true),
            ("weir --json kill checkout", true),
            ("weir kill --all --reason x", true),
            ("weir kill", false),
            ("weir kill checkout --all", false),
            ("weir revive --all", true),
            ("weir rollback", false),
            ("weir calc wilson", true),
            ("weir calc wilson {} --json", true),
            ("weir calc average {}", false),
            ("weir calc", false),
            ("weir judge --history h.ndjson --policy flags.json --flag checkout", true),
            ("weir judge --history h.ndjson --policy flags.json --analysis a.json", true),
            ("weir flags stale --json", true),
            ("weir flags", false),
            ("weir judge --history h.ndjson", false),
            ("weir serve", false),
            ("weir serve --config weir.toml --ready-file r.json", true),
            ("weir promote checkout", false),
        ] {
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), good, "{line}");
        }
    }
}
