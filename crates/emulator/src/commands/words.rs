//! Words of the interpreter: `cmd`, `echo`, `rem`, `set`, `goto`, `call`, `exit`.

use super::Args;
use crate::shell::{Flow, Shell};

pub(super) async fn run(shell: &mut Shell, args: Args) -> Flow {
    match args.command.as_str() {
        "cmd" => return interpreter(shell, &args).await,
        "echo" => {
            let text = args.raw.strip_prefix([' ', '.', ':', '(']).unwrap_or(&args.raw);
            // Switching the echo of lines on and off shows nothing; lines are never echoed here.
            if !matches!(text.trim().to_lowercase().as_str(), "on" | "off") {
                shell.print(&format!("{text}\r\n"));
            }
            shell.last = 0;
        }
        "set" => {
            if let Some((name, value)) = args.raw.trim_start().split_once('=') {
                shell.variables.insert(name.to_lowercase(), value.to_owned());
                shell.last = 0;
            } else {
                shell.done(1);
            }
        }
        "goto" => {
            let label = args.positional.first().map_or("", String::as_str).trim_start_matches(':');
            return Flow::Goto(label.to_owned());
        }
        "call" => {
            let Some((what, rest)) = args.positional.split_first() else { return Flow::On };
            let rest = rest.to_vec();
            return match what.strip_prefix(':') {
                Some(label) => Box::pin(shell.call_label(label, rest)).await,
                None => Box::pin(shell.batch_file(what, rest)).await,
            };
        }
        "exit" => {
            let inner = args.positional.first().is_some_and(|a| a.eq_ignore_ascii_case("/b"));
            if inner && shell.shared.table.switch("exit", "", "/b").is_none() {
                let rejection = args.reject("/b");
                shell.eprint(&rejection.text);
                shell.done(rejection.code);
                return Flow::On;
            }
            let code = args.positional.get(usize::from(inner)).and_then(|c| c.parse::<i64>().ok());
            if let Some(code) = code {
                // Exit codes are 32 bits; a batch file writes HRESULTs as negative numbers.
                shell.done(code as u32);
            } else {
                shell.last = shell.error;
            }
            return if inner { Flow::Return } else { Flow::Exit };
        }
        _ => shell.last = 0,
    }
    Flow::On
}

/// `cmd /s /c "LINE"`: another interpreter for one line. `/s` takes the first quote and the last one off, and nothing
/// else; what happens to quotes without it has no source here.
async fn interpreter(shell: &mut Shell, args: &Args) -> Flow {
    let mut rest = args.raw.trim();
    for wanted in ["/s", "/c"] {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let known = shell.shared.table.switch("cmd", "", wanted).is_some();
        if !known || !word.eq_ignore_ascii_case(wanted) {
            let rejection = args.reject(word);
            shell.eprint(&rejection.text);
            shell.done(rejection.code);
            return Flow::On;
        }
        rest = after.trim_start();
    }
    let line = rest.strip_prefix('"').map_or(rest.to_owned(), |inner| {
        let (before, after) = inner.rsplit_once('"').unwrap_or((inner, ""));
        format!("{before}{after}")
    });
    Box::pin(shell.child(&line)).await;
    Flow::On
}
