//! `tasklist` and `schtasks`. A task belongs to the scheduler: it outlives the connection that started it, and no power cut.

use std::sync::Arc;

use super::Args;
use crate::node::Task;
use crate::shell::Shell;
use crate::state::Shared;

pub(super) fn run(shell: &mut Shell, args: &Args) -> u32 {
    if args.command == "tasklist" {
        return tasklist(shell, args);
    }
    match args.context.as_str() {
        "/create" => create(shell, args),
        "/run" => start(shell, args),
        "/query" => query(shell, args),
        _ => delete(shell, args),
    }
}

/// With `/nh` no heading; with `/fo csv` quoted fields.
fn table(shell: &Shell, args: &Args, heading: &[&str], rows: &[Vec<String>]) -> u32 {
    let csv = match args.value("/fo").map(str::to_lowercase).as_deref() {
        None | Some("table") => false,
        Some("csv") => true,
        Some(_) => {
            shell.eprint("ERROR: Invalid syntax. Invalid value specified for '/fo' option.\r\n");
            return 1;
        }
    };
    let line = |fields: &[String]| match csv {
        true => format!("\"{}\"\r\n", fields.join("\",\"")),
        false => {
            fields.iter().map(|f| format!("{f:<25} ")).collect::<String>().trim_end().to_owned() + "\r\n"
        }
    };
    if !args.has("/nh") {
        let heading: Vec<String> = heading.iter().map(|h| (*h).to_owned()).collect();
        shell.print(&line(&heading));
        if !csv {
            shell.print(&line(&heading.iter().map(|_| "=".repeat(25)).collect::<Vec<_>>()));
        }
    }
    for row in rows {
        shell.print(&line(row));
    }
    0
}

fn tasklist(shell: &Shell, args: &Args) -> u32 {
    let mut rows = Vec::new();
    let row = |image: &str, pid: u32| {
        vec![image.to_owned(), pid.to_string(), "Console".into(), "0".into(), "16 K".into()]
    };
    rows.push(row("System Idle Process", 0));
    rows.push(row("System", 4));
    rows.push(row("svchost.exe", 812));
    if let Some(boot) = shell.shared.lock().node(&shell.node).and_then(|n| n.boot.as_ref()) {
        rows.extend(boot.processes.iter().map(|(pid, process)| row(&process.image, *pid)));
    }
    table(shell, args, &["Image Name", "PID", "Session Name", "Session#", "Mem Usage"], &rows)
}

fn create(shell: &Shell, args: &Args) -> u32 {
    let (Some(name), Some(command), Some(schedule)) =
        (args.value("/tn"), args.value("/tr"), args.value("/sc"))
    else {
        shell.eprint("ERROR: Invalid syntax. Mandatory options are missing.\r\n");
        return 1;
    };
    if !schedule.eq_ignore_ascii_case("once") || !args.value("/st").is_some_and(is_time) {
        shell.eprint("ERROR: Invalid Schedule Type or Start Time specified.\r\n");
        return 1;
    }
    let account = args.value("/ru").unwrap_or("");
    let (administrator, password) = &shell.shared.administrator;
    let known = account.eq_ignore_ascii_case(administrator) && args.value("/rp") == Some(password);
    if !account.eq_ignore_ascii_case("SYSTEM") && !known {
        // Without a password it asks for one, and nobody answers; with a wrong one the task is made but never starts.
        shell.eprint("ERROR: Logon failure: unknown user name or bad password.\r\n");
        return 1;
    }
    let task = Task { name: name.to_owned(), command: command.to_owned() };
    if let Some(node) = shell.shared.lock().node_mut(&shell.node)
        && node.durable.tasks.insert(name.to_lowercase(), task).is_some()
    {
        shell.eprint(&format!("WARNING: The task name \"{name}\" already existed and was replaced.\r\n"));
    }
    shell.print(&format!("SUCCESS: The scheduled task \"{name}\" has successfully been created.\r\n"));
    0
}

/// HH:MM:SS, 24 hours.
fn is_time(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').map(str::parse::<u32>).collect();
    matches!(parts.as_slice(), [Ok(h), Ok(m), Ok(s)] if *h < 24 && *m < 60 && *s < 60)
}

fn start(shell: &Shell, args: &Args) -> u32 {
    let name = args.value("/tn").unwrap_or("");
    let task = {
        let state = shell.shared.lock();
        state.node(&shell.node).and_then(|n| n.durable.tasks.get(&name.to_lowercase()).cloned())
    };
    let Some(task) = task else {
        shell.eprint("ERROR: The specified task name does not exist in the system.\r\n");
        return 1;
    };
    launch(&shell.shared, &shell.node, task);
    shell.print(&format!("SUCCESS: Attempted to run the scheduled task \"{name}\".\r\n"));
    0
}

/// The scheduler starts the task a moment later, in an interpreter of its own.
pub(super) fn launch(shared: &Arc<Shared>, node: &str, task: Task) {
    let watch = shared.lock().node(node).and_then(|n| n.boot.as_ref()).map(|b| b.power.subscribe());
    let Some(mut power) = watch else { return };
    let (shared, node) = (shared.clone(), node.to_owned());
    let runtime = shared.runtime.clone();
    runtime.spawn(async move {
        let pid = {
            let work = async {
                shared.pause(shared.timing.task).await;
                let pid = shared.lock().node_mut(&node)?.begin_process("cmd.exe", Some(task.name.clone()));
                // The task's own answer goes nowhere: whoever wants it has it written to a file.
                let _ = Shell::new(shared.clone(), &node, Vec::new()).line(&task.command).await;
                pid
            };
            tokio::select! {
                pid = work => pid,
                _ = power.changed() => None,
            }
        };
        if let Some(boot) = shared.lock().node_mut(&node).and_then(|n| n.boot.as_mut()) {
            boot.processes
                .retain(|p, process| Some(*p) != pid || process.task.as_deref() != Some(&task.name));
        }
    });
}

fn query(shell: &Shell, args: &Args) -> u32 {
    let rows: Vec<Vec<String>> = {
        let state = shell.shared.lock();
        let Some(node) = state.node(&shell.node) else { return 1 };
        let runs = |name: &str| {
            node.boot.iter().flat_map(|b| b.processes.values()).any(|p| p.task.as_deref() == Some(name))
        };
        let row = |t: &Task| {
            let status = if runs(&t.name) { "Running" } else { "" };
            vec![t.name.clone(), "Never".into(), status.into()]
        };
        node.durable.tasks.values().map(row).collect()
    };
    if rows.is_empty() {
        shell.print("INFO: There are no scheduled tasks present in the system.\r\n");
        return 0;
    }
    table(shell, args, &["TaskName", "Next Run Time", "Status"], &rows)
}

fn delete(shell: &Shell, args: &Args) -> u32 {
    let name = args.value("/tn").unwrap_or("");
    if !args.has("/f") {
        // It asks, and nobody answers.
        shell.eprint(&format!("WARNING: Are you sure you want to remove the task \"{name}\" (Y/N )? \r\n"));
        return 1;
    }
    let gone = match shell.shared.lock().node_mut(&shell.node) {
        Some(node) => node.durable.tasks.remove(&name.to_lowercase()).is_some(),
        None => false,
    };
    if gone {
        shell.print(&format!("SUCCESS: The scheduled task \"{name}\" was successfully deleted.\r\n"));
        0
    } else {
        shell.eprint("ERROR: The specified task name does not exist in the system.\r\n");
        1
    }
}
