//! Development commands.

mod check;
mod lab;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Development commands of Kaketsugi.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The real cluster: Pacemaker nodes on this machine
    Lab(lab::Args),
    /// All tests, quick ones first
    Test(check::Args),
    /// The layer rule, module documentation, left-overs
    Tidy,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Lab(args) => lab::run(args),
        Command::Test(args) => check::run(&args),
        Command::Tidy => tidy::run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}
