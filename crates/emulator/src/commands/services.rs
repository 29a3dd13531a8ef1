//! `net stop`, `net start`, `sc`.

use super::Args;
use crate::cluster::{ResourceState, start_service, stop_service};
use crate::node::Member;
use crate::shell::Shell;
use crate::state::State;

pub(super) async fn run(shell: &mut Shell, args: &Args) -> u32 {
    let Some(name) = args.positional.first() else { return list(shell, args) };
    if !known(&shell.shared.lock(), &shell.node, name) {
        let text = match args.command.as_str() {
            "net" => {
                "The service name is invalid.\r\n\r\nMore help is available by typing NET HELPMSG 2185.\r\n"
                    .to_owned()
            }
            _ => format!(
                "[SC] {} FAILED 1060:\r\n\r\nThe specified service does not exist as an installed service.\r\n\r\n",
                if args.context == "query" { "EnumQueryServicesStatus:OpenService" } else { "OpenService" }
            ),
        };
        shell.eprint(&text);
        return if args.command == "net" { 2 } else { 1060 };
    }
    match (args.command.as_str(), args.context.as_str()) {
        ("net", "start") => start(shell, name),
        ("net", _) => stop(shell, name).await,
        (_, "query") => query(shell, name),
        (_, "qc") => configuration(shell, name),
        _ => configure(shell, name, &args.positional[1..]),
    }
}

fn known(state: &State, node: &str, name: &str) -> bool {
    state.node(node).is_some_and(|n| n.durable.services.contains_key(&name.to_lowercase()))
}

/// The Exchange services that run are those whose resources are online here.
const CARRIED: &[(&str, &str)] = &[
    ("msexchangesa", "Microsoft Exchange System Attendant"),
    ("msexchangeds", "Microsoft Exchange Directory"),
    ("msexchangeis", "Microsoft Exchange Information Store"),
    ("msexchangemta", "Microsoft Exchange Message Transfer Agent"),
    ("resvc", "Microsoft Exchange Routing Service"),
];

/// Whether a service runs on a node: the cluster's by membership, Exchange's by the resources, the others by themselves.
pub(crate) fn running(state: &State, node: &str, service: &str) -> bool {
    let service = service.to_lowercase();
    let Some(node) = state.node(node) else { return false };
    let Some(boot) = &node.boot else { return false };
    if service == "clussvc" {
        return boot.member != Member::Down;
    }
    let carried = CARRIED.iter().find(|(name, _)| *name == service).is_some_and(|(_, kind)| {
        state.cluster.resources.iter().any(|r| {
            let here =
                state.cluster.group(&r.group).is_some_and(|g| g.owner.eq_ignore_ascii_case(&node.name));
            r.kind == *kind && here && r.state == ResourceState::Online
        })
    });
    carried || boot.running.contains(&service)
}

fn display(shell: &Shell, name: &str) -> String {
    let state = shell.shared.lock();
    let service = state.node(&shell.node).and_then(|n| n.durable.services.get(&name.to_lowercase()));
    service.map(|s| s.display.clone()).unwrap_or_default()
}

fn list(shell: &Shell, args: &Args) -> u32 {
    let state = shell.shared.lock();
    let Some(node) = state.node(&shell.node) else { return 1 };
    let names: Vec<_> =
        node.durable.services.values().filter(|s| running(&state, &node.name, &s.name)).cloned().collect();
    drop(state);
    if args.command == "net" {
        shell.print("These Windows services are started:\r\n\r\n");
        for service in names {
            shell.print(&format!("   {}\r\n", service.display));
        }
        shell.print("\r\nThe command completed successfully.\r\n\r\n");
    } else {
        for service in names {
            query(shell, &service.name);
        }
    }
    0
}

fn start(shell: &Shell, name: &str) -> u32 {
    let title = display(shell, name);
    let (runs, disabled) = {
        let state = shell.shared.lock();
        let service = state.node(&shell.node).and_then(|n| n.durable.services.get(&name.to_lowercase()));
        (running(&state, &shell.node, name), service.is_some_and(|s| s.start == 4))
    };
    if runs {
        shell.eprint("The requested service has already been started.\r\n\r\nMore help is available by typing NET HELPMSG 2182.\r\n");
        return 2;
    }
    if disabled {
        shell.eprint("System error 1058 has occurred.\r\n\r\nThe service cannot be started, either because it is disabled or because it has no enabled devices associated with it.\r\n");
        return 2;
    }
    if name.eq_ignore_ascii_case("clussvc") {
        start_service(&shell.shared, &shell.node);
    } else if let Some(boot) = shell.shared.lock().node_mut(&shell.node).and_then(|n| n.boot.as_mut()) {
        boot.running.insert(name.to_lowercase());
    }
    shell.print(&format!(
        "The {title} service is starting.\r\nThe {title} service was started successfully.\r\n\r\n"
    ));
    0
}

async fn stop(shell: &Shell, name: &str) -> u32 {
    let title = display(shell, name);
    if !running(&shell.shared.lock(), &shell.node, name) {
        shell.eprint(&format!(
            "The {title} service is not started.\r\n\r\nMore help is available by typing NET HELPMSG 3521.\r\n"
        ));
        return 2;
    }
    if name.eq_ignore_ascii_case("clussvc") {
        let (shared, node) = (shell.shared.clone(), shell.node.clone());
        // The service control manager stops it whether or not this command goes on.
        let _ = shell.shared.runtime.spawn(async move { stop_service(&shared, &node).await }).await;
    } else if let Some(boot) = shell.shared.lock().node_mut(&shell.node).and_then(|n| n.boot.as_mut()) {
        boot.running.remove(&name.to_lowercase());
    }
    shell.print(&format!(
        "The {title} service is stopping.\r\nThe {title} service was stopped successfully.\r\n\r\n"
    ));
    0
}

fn query(shell: &Shell, name: &str) -> u32 {
    let runs = running(&shell.shared.lock(), &shell.node, name);
    let (number, word, takes) = match runs {
        true => (4, "RUNNING", "(STOPPABLE,NOT_PAUSABLE,ACCEPTS_SHUTDOWN)"),
        false => (1, "STOPPED", "(NOT_STOPPABLE,NOT_PAUSABLE,IGNORES_SHUTDOWN)"),
    };
    shell.print(&format!(
        "\r\nSERVICE_NAME: {name}\r\n        TYPE               : 10  WIN32_OWN_PROCESS \r\n        STATE              : {number}  {word} \r\n                                {takes}\r\n        WIN32_EXIT_CODE    : 0\t(0x0)\r\n        SERVICE_EXIT_CODE  : 0\t(0x0)\r\n        CHECKPOINT         : 0x0\r\n        WAIT_HINT          : 0x0\r\n"
    ));
    0
}

fn configuration(shell: &Shell, name: &str) -> u32 {
    let title = display(shell, name);
    let start = {
        let state = shell.shared.lock();
        let service = state.node(&shell.node).and_then(|n| n.durable.services.get(&name.to_lowercase()));
        service.map_or(3, |s| s.start)
    };
    let word = match start {
        2 => "AUTO_START",
        4 => "DISABLED",
        _ => "DEMAND_START",
    };
    shell.print(&format!(
        "[SC] GetServiceConfig SUCCESS\r\n\r\nSERVICE_NAME: {name}\r\n        TYPE               : 10  WIN32_OWN_PROCESS \r\n        START_TYPE         : {start}   {word}\r\n        ERROR_CONTROL      : 1   NORMAL\r\n        DISPLAY_NAME       : {title}\r\n"
    ));
    0
}

/// `sc config NAME start= auto`: the blank behind the equals sign belongs to the syntax.
fn configure(shell: &Shell, name: &str, words: &[String]) -> u32 {
    let start = match words {
        [key, value] if key.eq_ignore_ascii_case("start=") => match value.to_lowercase().as_str() {
            "auto" => Some(2),
            "demand" => Some(3),
            "disabled" => Some(4),
            _ => None,
        },
        _ => None,
    };
    let Some(start) = start else {
        shell.eprint(
            "DESCRIPTION:\r\n        Modifies a service entry in the registry and Service Database.\r\n",
        );
        return 1639;
    };
    if let Some(node) = shell.shared.lock().node_mut(&shell.node)
        && let Some(service) = node.durable.services.get_mut(&name.to_lowercase())
    {
        service.start = start;
    }
    shell.print("[SC] ChangeServiceConfig SUCCESS\r\n");
    0
}
