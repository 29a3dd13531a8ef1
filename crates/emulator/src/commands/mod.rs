//! What each command does. The table says whether it is known; these modules say what happens then.

mod args;
mod cluster;
mod cluster_show;
mod files;
mod in_place;
mod install;
mod reg;
mod script;
mod services;
mod system;
mod tasks;
mod words;

use crate::fault::FaultKind;
use crate::shell::Flow;
use crate::shell::Shell;
use crate::spec::Program;

pub(crate) use args::Args;
pub(crate) use in_place::optimize;
pub(crate) use install::console_set_up;
pub(crate) use services::running;

/// What a command's name stands for.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    /// A word of the interpreter, or a program of Windows.
    Word(String),
    /// A program file on the disk.
    Installer(Program),
    /// A batch file.
    Batch(String),
}

/// Runs a command whose arguments the table allows.
pub(crate) async fn run(shell: &mut Shell, args: Args, fault: Option<FaultKind>) -> Flow {
    match &args.known {
        Known::Installer(Program::Hotfix(package)) => {
            let package = package.clone();
            let code = install::hotfix(shell, &args, package, fault).await;
            shell.done(code);
            return Flow::On;
        }
        Known::Installer(Program::Balancer(what)) => {
            let said = shell.shared.lock().balance(&shell.node, *what);
            shell.print(said);
            shell.done(0);
            return Flow::On;
        }
        // Its dialogue waits on a desktop that nobody sees.
        Known::Installer(Program::ServicePack(_)) => std::future::pending().await,
        Known::Batch(path) => {
            let path = path.clone();
            return Box::pin(shell.batch_file(&path, args.positional)).await;
        }
        Known::Word(_) => {}
    }
    let code = match args.command.as_str() {
        "cmd" | "echo" | "rem" | "set" | "goto" | "call" | "exit" => return words::run(shell, args).await,
        "mkdir" | "rmdir" | "type" | "copy" | "del" | "dir" | "find" | "sha256sum" => {
            files::run(shell, &args)
        }
        "cluster" => cluster::run(shell, &args).await,
        "net" | "sc" => services::run(shell, &args).await,
        "reg" => reg::run(shell, &args),
        "tasklist" | "schtasks" => tasks::run(shell, &args),
        "cscript" => script::run(shell, &args),
        _ => system::run(shell, &args),
    };
    // What succeeds inside the interpreter leaves the error level as it was; programs set it.
    let inside = matches!(args.command.as_str(), "mkdir" | "rmdir" | "type" | "del" | "dir");
    if inside && code == 0 {
        shell.last = 0;
    } else {
        shell.done(code);
    }
    Flow::On
}
