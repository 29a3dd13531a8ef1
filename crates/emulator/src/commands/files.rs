//! Files and directories, and what is looked for in them.

use sha2::{Digest, Sha256};

use super::Args;
use crate::disk::{Disk, DiskError};
use crate::shell::{Shell, disk_text};

pub(super) fn run(shell: &mut Shell, args: &Args) -> u32 {
    let path = |index: usize| args.positional.get(index).map(|p| Disk::normal(&shell.cwd, p));
    let Some(first) = path(0) else {
        shell.eprint("The syntax of the command is incorrect.\r\n");
        return 1;
    };
    match args.command.as_str() {
        "mkdir" => change(shell, |disk| disk.make(&first).map(|()| 0), Some(&first)),
        "rmdir" => {
            let all = args.has("/s");
            change(shell, |disk| disk.remove_directory(&first, all).map(|()| 0), None)
        }
        "copy" => {
            let Some(to) = path(1) else { return 1 };
            let code = change(shell, |disk| disk.copy(&first, &to).map(|()| 0), None);
            let count = u32::from(code == 0);
            shell.print(&format!("        {count} file(s) copied.\r\n"));
            code
        }
        "del" => delete(shell, &first),
        "dir" => list(shell, args, &first),
        "type" => type_file(shell, args),
        "sha256sum" => digest(shell, args),
        _ => find(shell, args),
    }
}

fn change(shell: &Shell, what: impl FnOnce(&mut Disk) -> Result<u32, DiskError>, named: Option<&str>) -> u32 {
    let done = match shell.shared.lock().node_mut(&shell.node) {
        Some(node) => what(&mut node.durable.disk),
        None => Err(DiskError::NoPath),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            match (error, named) {
                (DiskError::Exists, Some(path)) => {
                    shell.eprint(&format!("A subdirectory or file {path} already exists.\r\n"));
                }
                _ => shell.eprint(disk_text(error)),
            }
            1
        }
    }
}

fn delete(shell: &Shell, path: &str) -> u32 {
    let open = {
        let state = shell.shared.lock();
        let boot = state.node(&shell.node).and_then(|n| n.boot.as_ref());
        boot.is_some_and(|b| b.open.contains_key(&path.to_lowercase()))
    };
    if open {
        shell.eprint(&format!(
            "{path}\r\nThe process cannot access the file because it is being used by another process.\r\n"
        ));
        return 0;
    }
    let done = match shell.shared.lock().node_mut(&shell.node) {
        Some(node) => node.durable.disk.delete(path),
        None => Err(DiskError::NoPath),
    };
    // `del` says so and ends with 0.
    if done.is_err() {
        shell.print(&format!("Could Not Find {path}\r\n"));
    }
    0
}

fn list(shell: &Shell, args: &Args, path: &str) -> u32 {
    let names = {
        let state = shell.shared.lock();
        let disk = state.node(&shell.node).map(|n| &n.durable.disk);
        disk.and_then(|d| d.list(path)).map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let Some(names) = names else {
        shell.eprint("File Not Found\r\n");
        return 1;
    };
    let mut text = String::new();
    if !args.has("/b") {
        text.push_str(&format!(" Volume in drive C has no label.\r\n\r\n Directory of {path}\r\n\r\n"));
    }
    for name in &names {
        text.push_str(&format!("{name}\r\n"));
    }
    shell.print(&text);
    0
}

fn type_file(shell: &Shell, args: &Args) -> u32 {
    match args.positional.first().and_then(|path| shell.read(path)) {
        Some(bytes) => {
            shell.print_bytes(&bytes);
            0
        }
        None => {
            shell.eprint(disk_text(DiskError::NotFound));
            1
        }
    }
}

/// `sha256sum` of GNU coreutils: digest, blank, asterisk for binary, name.
fn digest(shell: &Shell, args: &Args) -> u32 {
    let path = args.positional.first().map_or("", String::as_str);
    match shell.read(path) {
        Some(bytes) => {
            shell.print(&format!("{} *{path}\n", hex::encode(Sha256::digest(&bytes))));
            0
        }
        None => {
            shell.eprint(&format!("sha256sum: {path}: No such file or directory\n"));
            1
        }
    }
}

/// Without a file it reads what is piped to it. 0: a line was found, 1: none, 2: wrong arguments.
fn find(shell: &Shell, args: &Args) -> u32 {
    let Some(text) = args.positional.first() else { return 2 };
    let (bytes, heading) = match args.positional.get(1) {
        Some(path) => match shell.read(path) {
            Some(bytes) => (bytes, Some(path.to_uppercase())),
            None => {
                shell.print(&format!("File not found - {}\r\n", path.to_uppercase()));
                return 1;
            }
        },
        None => {
            let mut stdin = shell.stdin.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            (std::mem::take(&mut *stdin), None)
        }
    };
    if let Some(heading) = heading {
        shell.print(&format!("\r\n---------- {heading}\r\n"));
    }
    let page = shell.shared.code_page;
    let wanted = if args.has("/i") { text.to_lowercase() } else { text.clone() };
    let mut found = false;
    for line in bytes.split(|b| *b == b'\n') {
        if line.is_empty() {
            continue;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let shown = page.decode(line);
        let shown = if args.has("/i") { shown.to_lowercase() } else { shown };
        // The empty string is in no line: `find /v ""` copies everything.
        let has = !wanted.is_empty() && shown.contains(&wanted);
        if has != args.has("/v") {
            found = true;
            shell.print_bytes(line);
            shell.print_bytes(b"\r\n");
        }
    }
    u32::from(!found)
}
