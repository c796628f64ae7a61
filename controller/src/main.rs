//! `weir`: the command line. Everything is in the library; this turns a result into an exit status.

use std::process::ExitCode;

use clap::Parser as _;
use weir_controller::cli;

fn main() -> ExitCode {
    match cli::run(cli::args::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weir: {error:#}");
            ExitCode::FAILURE
        }
    }
}
