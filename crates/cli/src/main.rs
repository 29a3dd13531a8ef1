//! The kaketsugi command: reads what was asked, calls the rooms, says what came of it.

mod access;
mod args;
mod commands;
mod directory;
mod exit;
mod files;
mod interrupt;
mod live;
mod output;
mod parent;
mod site;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command, Lang};
use crate::exit::{Code, Failure};
use crate::output::Output;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // clap's own exit code for wrong usage is 2, which here means "refused as unsafe".
            let code = if usage.use_stderr() { Code::Cannot } else { Code::Done };
            let _ = usage.print();
            return code.into();
        }
    };
    let output = Output::new(cli.global.format);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => {
            let failure = Failure::because("the program can't start its threads", source, "");
            output.failure(&failure);
            return failure.code().into();
        }
    };
    match runtime.block_on(run(cli, &output)) {
        Ok(code) => code.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.code().into()
        }
    }
}

async fn run(cli: Cli, output: &Output) -> Result<Code, Failure> {
    interrupt::listen();
    let global = &cli.global;
    match cli.command {
        Command::Discover { hosts, out, r#become } => {
            commands::discover::run(global, output, &hosts, out.as_deref(), r#become).await
        }
        Command::Plan { estate, release, out, markdown, after } => {
            let wanted = commands::plan::Wanted { release: &release, out: out.as_deref(), markdown };
            commands::plan::run(global, output, &estate, &wanted, after.as_deref()).await
        }
        Command::Check { plan, estate } => commands::check::run(output, &plan, estate.as_deref()),
        Command::Rehearse { estate, release, faults, runbook } => {
            commands::rehearse::run(global, output, &estate, &release, &faults, runbook).await
        }
        Command::Apply { plan, approve, estate } => {
            commands::apply::run(global, output, &plan, approve.as_deref(), estate.as_deref()).await
        }
        Command::Resume { run, retry } => commands::resume::run(global, output, &run, false, retry).await,
        Command::Restore { run } => commands::resume::run(global, output, &run, true, false).await,
        Command::Status { run: Some(run), look: true } => commands::status::look(global, output, &run).await,
        Command::Status { run, .. } => commands::status::run(global, output, run.as_deref()),
        Command::Unlock { run, reason } => commands::unlock::run(global, output, &run, &reason).await,
        Command::Report { run } => commands::report::run(global, output, &run),
        Command::Backups { estate } => commands::backups::run(global, output, &estate),
        Command::Maps { estate, out } => commands::maps::run(global, output, &estate, &out).await,
        Command::Diagnose { files } => commands::diagnose::run(output, &files),
        Command::Rules { lang } => commands::catalogue::rules(output, Lang::here(lang)),
        Command::Releases => commands::catalogue::releases(output),
        Command::Explain { id, plan, lang } => {
            commands::explain::run(output, &id, plan.as_deref(), Lang::here(lang))
        }
        Command::Man => {
            let page = clap_mangen::Man::new(Cli::command());
            page.render(&mut std::io::stdout())
                .map_err(|source| Failure::because("the man page can't be written", source, ""))?;
            Ok(Code::Done)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "kaketsugi", &mut std::io::stdout());
            Ok(Code::Done)
        }
    }
}
