//! `reg.exe` 3.0, as Windows Server 2003 has it.

use super::Args;
use crate::registry::{Data, Registry};
use crate::shell::Shell;

const NOT_FOUND: &str = "\r\nError:  The system was unable to find the specified registry key or value\r\n";

pub(super) fn run(shell: &mut Shell, args: &Args) -> u32 {
    let Some(path) = args.positional.first().and_then(|p| Registry::path(p)) else {
        shell.eprint("\r\nError:  Invalid key name\r\n");
        return 1;
    };
    let done = match args.context.as_str() {
        "query" => query(shell, args, &path),
        "add" => add(shell, args, &path),
        _ => delete(shell, args, &path),
    };
    match done {
        Ok(text) => {
            shell.print(&text);
            0
        }
        Err(text) => {
            shell.eprint(text);
            1
        }
    }
}

fn query(shell: &Shell, args: &Args, path: &str) -> Result<String, &'static str> {
    let state = shell.shared.lock();
    let registry = &state.node(&shell.node).ok_or(NOT_FOUND)?.durable.registry;
    let (shown, values) = registry.key(path).ok_or(NOT_FOUND)?;
    let mut text = format!("\r\n! REG.EXE VERSION 3.0\r\n\r\nHKEY_LOCAL_MACHINE\\{shown}\r\n");
    let mut row = |name: &str, data: &Data| {
        text.push_str(&format!("    {name}\t{}\t{}\r\n", data.kind(), data.shown()));
    };
    if let Some(name) = args.value("/v") {
        row(name, registry.get(path, name).ok_or(NOT_FOUND)?);
    } else {
        values.for_each(|(name, data)| row(name, data));
        text.push_str("\r\n");
        for below in registry.below(path) {
            text.push_str(&format!("HKEY_LOCAL_MACHINE\\{below}\r\n"));
        }
    }
    text.push_str("\r\n");
    Ok(text)
}

fn add(shell: &Shell, args: &Args, path: &str) -> Result<String, &'static str> {
    const BAD: &str = "\r\nError:  Invalid command-line parameters\r\n";
    let mut state = shell.shared.lock();
    let registry = &mut state.node_mut(&shell.node).ok_or(BAD)?.durable.registry;
    let Some(name) = args.value("/v") else {
        registry.make(path);
        return Ok("\r\nThe operation completed successfully\r\n".into());
    };
    if registry.get(path, name).is_some() && !args.has("/f") {
        // It asks whether to overwrite, and nobody answers.
        return Err("\r\nValue exists, overwrite(Y/N)? \r\n");
    }
    let text = args.value("/d").unwrap_or("");
    let data = match args.value("/t").unwrap_or("REG_SZ").to_uppercase().as_str() {
        "REG_SZ" => Data::Text(text.to_owned()),
        "REG_DWORD" => {
            let number = match text.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => text.parse(),
            };
            Data::Dword(number.map_err(|_| BAD)?)
        }
        "REG_MULTI_SZ" => {
            Data::Many(text.split("\\0").filter(|t| !t.is_empty()).map(str::to_owned).collect())
        }
        _ => return Err(BAD),
    };
    registry.set(path, name, data);
    Ok("\r\nThe operation completed successfully\r\n".into())
}

fn delete(shell: &Shell, args: &Args, path: &str) -> Result<String, &'static str> {
    if !args.has("/f") {
        return Err("\r\nDelete the registry value (Y/N)? \r\n");
    }
    let mut state = shell.shared.lock();
    let registry = &mut state.node_mut(&shell.node).ok_or(NOT_FOUND)?.durable.registry;
    let gone = match args.value("/v") {
        Some(name) => registry.remove_value(path, name),
        None => registry.remove_key(path),
    };
    if gone { Ok("\r\nThe operation completed successfully\r\n".into()) } else { Err(NOT_FOUND) }
}
