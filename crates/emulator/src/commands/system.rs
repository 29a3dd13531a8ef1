//! `wmic`, `shutdown`, `chcp`.

use std::time::Duration;

use super::Args;
use crate::cluster::restart;
use crate::disk::Disk;
use crate::shell::Shell;

pub(super) fn run(shell: &mut Shell, args: &Args) -> u32 {
    match args.command.as_str() {
        "wmic" => wmic(shell, args),
        "shutdown" => shutdown(shell, args),
        _ => {
            shell.print(&format!("Active code page: {}\r\n", shell.shared.code_page.number()));
            0
        }
    }
}

/// With `/value`, lines end with CR CR LF: WMIC's known habit.
fn wmic(shell: &Shell, args: &Args) -> u32 {
    let words: Vec<&str> = args.positional.iter().map(String::as_str).collect();
    let answer = match (args.context.as_str(), words.as_slice()) {
        ("os", [get, property]) if is(get, "get") && is(property, "lastbootuptime") => {
            let state = shell.shared.lock();
            let boot = state.node(&shell.node).and_then(|n| n.boot.as_ref());
            boot.map(|b| ("LastBootUpTime", b.stamp.clone()))
        }
        ("datafile", [filter, name, get, property])
            if is(filter, "where") && is(get, "get") && is(property, "version") =>
        {
            let path =
                name.split_once('=').filter(|(n, _)| is(n, "name")).map(|(_, v)| v.replace("\\\\", "\\"));
            let state = shell.shared.lock();
            match path.as_deref().and_then(|p| state.file(&shell.node, &Disk::normal("C:", p))) {
                Some(file) => Some(("Version", file.version.clone().unwrap_or_default())),
                None => {
                    drop(state);
                    shell.eprint("No Instance(s) Available.\r\n");
                    return 0;
                }
            }
        }
        _ => None,
    };
    match answer {
        Some((name, value)) if args.has("/value") => {
            shell.print(&format!("\r\r\n\r\r\n{name}={value}\r\r\n\r\r\n\r\r\n"));
            0
        }
        Some((name, value)) => {
            shell.print(&format!("{name}  \r\r\n{value}  \r\r\n\r\r\n"));
            0
        }
        None => {
            shell.eprint("Invalid GET Expression.\r\n");
            44_135
        }
    }
}

fn is(word: &str, what: &str) -> bool {
    word.eq_ignore_ascii_case(what)
}

/// Returns at once; the restart follows after the time given (30 s when none is).
fn shutdown(shell: &Shell, args: &Args) -> u32 {
    if !args.has("/r") {
        shell.print("Usage: shutdown [/r] [/t xxx] [/f]\r\n");
        return 1;
    }
    let seconds = match args.value("/t").map(str::parse) {
        None => 30,
        Some(Ok(seconds)) => seconds,
        Some(Err(_)) => {
            shell.print("Usage: shutdown [/r] [/t xxx] [/f]\r\n");
            return 1;
        }
    };
    restart_after(shell, seconds)
}

pub(super) fn restart_after(shell: &Shell, seconds: u64) -> u32 {
    let (shared, node) = (shell.shared.clone(), shell.node.clone());
    let power = shared.lock().node(&node).and_then(|n| n.boot.as_ref()).map(|b| b.power.subscribe());
    let Some(mut power) = power else { return 1 };
    shell.shared.runtime.spawn(async move {
        // Even with 0 seconds the command has ended before the system goes down.
        let time = Duration::from_secs(seconds).max(Duration::from_millis(20));
        tokio::select! {
            () = tokio::time::sleep(time) => restart(&shared, &node),
            _ = power.changed() => {}
        }
    });
    0
}
