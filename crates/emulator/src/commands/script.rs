//! `cscript` with a script that asks WMI: what Windows 2000 has instead of `reg`, `sc`, `wmic`, `tasklist`, `schtasks` and
//! `shutdown`. What is emulated is the verbs that such a script answers, not the language: a verb is known when the script
//! that lies on the disk is whole and has it.
//!
//! Boot, version, processes, qc and query answer as the script does under Wine, which has these parts of WMI.

use std::sync::Arc;

use super::Args;
use super::services::running;
use super::system::restart_after;
use super::tasks::launch;
use crate::disk::Disk;
use crate::node::Task;
use crate::registry::Registry;
use crate::shell::Shell;

/// No such file (cscript's own words and code).
const NO_SCRIPT: u32 = 1;
/// The script could not get an answer.
const NO_ANSWER: u32 = 70;
const NOT_KNOWN: u32 = 87;
const NO_SERVICE: u32 = 1060;
/// By winsvc.h's numbers.
const START_WORDS: [&str; 5] = ["BOOT_START", "SYSTEM_START", "AUTO_START", "DEMAND_START", "DISABLED"];
/// What the last line of a whole script holds.
const END: &str = "This line ends the script";

/// The verb that a command line asks a script for.
pub(super) fn verb(positional: &[String]) -> Option<&String> {
    positional.iter().filter(|word| !word.starts_with("//")).nth(1)
}

pub(super) fn run(shell: &mut Shell, args: &Args) -> u32 {
    let words: Vec<&str> =
        args.positional.iter().map(String::as_str).filter(|word| !word.starts_with("//")).collect();
    let [path, asked @ ..] = words.as_slice() else { return NO_SCRIPT };
    let path = Disk::normal(&shell.cwd, path);
    let script = {
        let state = shell.shared.lock();
        let file = state.node(&shell.node).and_then(|n| n.durable.disk.file(&path));
        file.map(|file| String::from_utf8_lossy(&file.bytes).into_owned())
    };
    let Some(script) = script else {
        shell.print(&format!("Input Error: Can not find script file \"{path}\".\r\n"));
        return NO_SCRIPT;
    };
    if !script.trim_end().lines().last().is_some_and(|line| line.contains(END)) {
        shell.eprint(&format!("{path}(1, 1) Microsoft VBScript compilation error: Expected statement\r\n"));
        return NO_ANSWER;
    }
    let known = |verb: &str| script.contains(&format!(" {verb}\": Answer = "));
    match asked {
        [verb, rest @ ..] if known(verb) => answer(shell, verb, rest),
        [verb, ..] => {
            shell.eprint(&format!("not known, or not with so many words: {verb}\r\n"));
            NOT_KNOWN
        }
        [] => {
            shell.eprint("not known, or not with so many words: \r\n");
            NOT_KNOWN
        }
    }
}

fn answer(shell: &mut Shell, verb: &str, rest: &[&str]) -> u32 {
    match (verb, rest) {
        ("boot", []) => boot(shell),
        ("version", [path]) => version(shell, path),
        ("newer", [path, than]) => newer(shell, path, than),
        ("processes", []) => processes(shell),
        ("qc" | "query", [name]) => service(shell, name, verb == "qc"),
        ("reg", [key]) => registry(shell, key, None),
        ("reg", [key, "/v", value]) => registry(shell, key, Some(value)),
        ("config", [name, word]) => config(shell, name, word),
        ("begin", [line]) => begin(shell, line),
        ("restart", [seconds]) => match seconds.parse() {
            Ok(seconds) => restart_after(shell, seconds),
            Err(_) => NO_ANSWER,
        },
        _ => {
            shell.eprint(&format!("not known, or not with so many words: {verb}\r\n"));
            NOT_KNOWN
        }
    }
}

fn boot(shell: &Shell) -> u32 {
    let state = shell.shared.lock();
    let stamp = state.node(&shell.node).and_then(|n| Some(n.boot.as_ref()?.stamp.clone()));
    drop(state);
    let Some(stamp) = stamp else { return NO_ANSWER };
    shell.print(&format!("LastBootUpTime={stamp}\r\n"));
    0
}

fn version(shell: &Shell, path: &str) -> u32 {
    let found = {
        let state = shell.shared.lock();
        state.file(&shell.node, &Disk::normal("C:", path)).map(|file| file.version.clone())
    };
    match found {
        None => 0,
        Some(None) => {
            shell.print("Version=\r\n");
            0
        }
        Some(Some(version)) => {
            shell.print(&format!("Version={version}\r\n"));
            0
        }
    }
}

fn newer(shell: &Shell, path: &str, than: &str) -> u32 {
    let state = shell.shared.lock();
    let disk = state.node(&shell.node).map(|n| &n.durable.disk);
    let written = |path: &str| Some(disk?.file(&Disk::normal("C:", path))?.written);
    let answer = written(than).map(|than| written(path).is_some_and(|is| is > than));
    drop(state);
    if let Some(newer) = answer {
        shell.print(&format!("Newer={}\r\n", u8::from(newer)));
    }
    0
}

fn processes(shell: &Shell) -> u32 {
    let mut text: String =
        [("System Idle Process", 0), ("System", 8), ("svchost.exe", 412), ("cscript.exe", 996)]
            .iter()
            .map(|(image, pid)| format!("\"{image}\",\"{pid}\"\r\n"))
            .collect();
    if let Some(boot) = shell.shared.lock().node(&shell.node).and_then(|n| n.boot.as_ref()) {
        text.extend(boot.processes.iter().map(|(pid, p)| format!("\"{}\",\"{pid}\"\r\n", p.image)));
    }
    shell.print(&text);
    0
}

fn service(shell: &Shell, name: &str, configured: bool) -> u32 {
    let found = {
        let state = shell.shared.lock();
        let service = state.node(&shell.node).and_then(|n| n.durable.services.get(&name.to_lowercase()));
        service.map(|s| (s.start, if running(&state, &shell.node, name) { 4 } else { 1 }))
    };
    let Some((start, state)) = found else {
        shell.eprint(&format!("there is no service {name}\r\n"));
        return NO_SERVICE;
    };
    let line = match configured {
        true => format!("        START_TYPE         : {start}   {}\r\n", START_WORDS[start.min(4) as usize]),
        false => {
            format!(
                "        STATE              : {state}  {}\r\n",
                if state == 4 { "RUNNING" } else { "STOPPED" }
            )
        }
    };
    shell.print(&format!("SERVICE_NAME: {name}\r\n{line}"));
    0
}

fn registry(shell: &Shell, key: &str, value: Option<&str>) -> u32 {
    let Some(path) = Registry::path(key) else {
        shell.print("only keys below HKLM are asked for\r\n");
        return NOT_KNOWN;
    };
    let text = {
        let state = shell.shared.lock();
        let registry = state.node(&shell.node).map(|n| &n.durable.registry);
        registry.and_then(|registry| shown(registry, &path, value))
    };
    match text {
        Some((text, code)) => {
            shell.print(&text);
            code
        }
        None => 1,
    }
}

/// A key's values and the keys below it, or one value; None: no such key.
fn shown(registry: &Registry, path: &str, wanted: Option<&str>) -> Option<(String, u32)> {
    let (name, values) = registry.key(path)?;
    let mut text = format!("HKEY_LOCAL_MACHINE\\{name}\r\n");
    let mut found = 0;
    for (value, data) in values {
        if wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(value)) {
            text.push_str(&format!("    {value}    {}    {}\r\n", data.kind(), data.shown()));
            found += 1;
        }
    }
    if wanted.is_some() {
        return Some((text, u32::from(found == 0)));
    }
    text.push_str("\r\n");
    text.extend(registry.below(path).iter().map(|below| format!("HKEY_LOCAL_MACHINE\\{below}\r\n")));
    Some((text, 0))
}

fn config(shell: &Shell, name: &str, word: &str) -> u32 {
    let start = match word {
        "auto" => 2,
        "demand" => 3,
        "disabled" => 4,
        _ => return NOT_KNOWN,
    };
    let mut state = shell.shared.lock();
    let services = state.node_mut(&shell.node).map(|n| &mut n.durable.services);
    match services.and_then(|services| services.get_mut(&name.to_lowercase())) {
        Some(service) => {
            service.start = start;
            0
        }
        None => NO_SERVICE,
    }
}

/// A process that WMI's own service begins outlives the connection that asked for it.
fn begin(shell: &Shell, line: &str) -> u32 {
    let shared = Arc::clone(&shell.shared);
    launch(&shared, &shell.node, Task { name: line.to_owned(), command: line.to_owned() });
    shell.print("1004\r\n");
    0
}
