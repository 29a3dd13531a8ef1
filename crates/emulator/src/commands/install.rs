//! Installers: hotfix packages, run by a command; set-up of a service pack, run by a person at the console.

use std::sync::Arc;
use std::time::Duration;

use super::services::running;
use super::{Args, in_place};
use crate::cluster::{ResourceState, restart};
use crate::fault::FaultKind;
use crate::node::{
    EXCHANGE_SERVICES, Node, PENDING_RENAMES, SESSION_KEY, SETUP_LOG_55, STOPPED_BY_INSTALLERS, VOLATILE_KEY,
};
use crate::registry::Data;
use crate::shell::Shell;
use crate::spec::{Package, product_of};
use crate::state::{Shared, State};

const OTHER_INSTALLER: u32 = 1618;
const RESTART_NEEDED: u32 = 3010;
const RESTART_BEGUN: u32 = 1641;
const NOT_APPLICABLE: u32 = 61_681;

/// Process names that mean that an installer runs.
const INSTALLERS: &[&str] = &["update.exe", "setup.exe"];

/// A hotfix package of the Update.exe engine, started by a command.
pub(super) async fn hotfix(
    shell: &mut Shell,
    args: &Args,
    package: Package,
    fault: Option<FaultKind>,
) -> u32 {
    // Without one of these it shows a dialogue, on a desktop that nobody sees.
    if !["/quiet", "/q", "/passive", "/u"].iter().any(|s| args.has(s)) {
        std::future::pending::<()>().await;
    }
    let log = match args.value("/log") {
        Some(path) => path.to_owned(),
        None => format!("C:\\WINDOWS\\{}.log", package.name),
    };
    let (shared, node) = (shell.shared.clone(), shell.node.clone());
    let done = install(&shared, &node, &package, &log, fault, "update.exe").await;
    let forced = args.has("/forcerestart") && done.is_ok();
    match done {
        Err(code) => code,
        Ok(false) if !forced => 0,
        Ok(_) if !forced && (args.has("/norestart") || args.has("/z")) => RESTART_NEEDED,
        Ok(_) => {
            let (shared, node) = (shared.clone(), node.clone());
            shell.shared.runtime.spawn(async move {
                shared.pause(Duration::from_millis(20)).await;
                restart(&shared, &node);
            });
            RESTART_BEGUN
        }
    }
}

/// Set-up of a service pack, as a person carries it out. `Ok(true)`: it asks for a restart at its end.
pub(crate) async fn console_set_up(
    shared: &Arc<Shared>,
    node: &str,
    package: &Package,
    fault: Option<FaultKind>,
) -> Result<bool, u32> {
    let of_55 = package.from.is_some_and(|build| product_of(build) == "exchange-5.5");
    let log = if of_55 { SETUP_LOG_55 } else { "C:\\Exchange Server Setup Progress.log" };
    install(shared, node, package, log, fault, "setup.exe").await
}

/// What every installer does. `Ok(true)`: a restart is needed.
async fn install(
    shared: &Arc<Shared>,
    node: &str,
    package: &Package,
    log: &str,
    fault: Option<FaultKind>,
    image: &str,
) -> Result<bool, u32> {
    let (pid, _guard) = {
        let mut state = shared.lock();
        let found = state.node_mut(node).ok_or(1_u32)?;
        let other = found
            .boot
            .iter()
            .flat_map(|b| b.processes.values())
            .any(|p| INSTALLERS.contains(&p.image.as_str()));
        if other {
            state.harm.push(format!("a second installer ({}) was started on {node}", package.name));
            return Err(OTHER_INSTALLER);
        }
        if !applies(found, package) {
            write_log(found, log, "The version of Exchange on this computer doesn't fit this package.");
            return Err(NOT_APPLICABLE);
        }
        let pid = found.begin_process(image, None).ok_or(1_u32)?;
        note_harm(&mut state, node, package);
        (pid, Ending { shared: shared.clone(), node: node.to_owned(), pid })
    };
    let carries = in_place::carried(&shared.lock(), node);
    let in_place = package.in_place && !carries.is_empty();
    if in_place {
        in_place::take_down(&mut shared.lock(), node);
    }
    let stopped = stop_services(&mut shared.lock(), node, package);
    shared.pause(shared.timing.install / 2).await;
    half(&mut shared.lock(), node, package, fault.as_ref());
    shared.pause(shared.timing.install / 2).await;
    let mut state = shared.lock();
    let found = state.node_mut(node).ok_or(1_u32)?;
    let alone = !found.clustered && package.from.is_some();
    let stopped = if alone { all_to_start(found, stopped) } else { stopped };
    if let Some(boot) = &mut found.boot {
        boot.running.extend(stopped.iter().cloned());
        boot.processes.remove(&pid);
    }
    for service in stopped {
        found.log(
            "Service Control Manager",
            7036,
            format!("The {service} service entered the running state."),
        );
    }
    let restart = finish(found, package, log, fault);
    let (name, broken) = (found.name.clone(), found.durable.broken);
    let to = package.to.filter(|to| product_of(*to) != "exchange-5.5");
    if let Some(build) = to.filter(|_| alone && !broken) {
        // Virtual servers are upgraded by a step of their own; a server's own object by its set-up.
        state.directory.set(&name, build);
    }
    state.look_at_pools();
    drop(state);
    if in_place {
        in_place::bring_up(shared, node);
    }
    Ok(restart)
}

/// At its end an installer starts what it stopped, and what one that was cut off had left lying.
fn all_to_start(node: &Node, mut stopped: Vec<String>) -> Vec<String> {
    let automatic = |key: &str| node.durable.services.get(key).is_some_and(|s| s.start == 2);
    let runs = |key: &str| node.boot.as_ref().is_some_and(|b| b.running.contains(key));
    let lying =
        EXCHANGE_SERVICES.iter().filter(|key| automatic(key) && !runs(key)).map(|key| (*key).to_owned());
    stopped.extend(lying.collect::<Vec<_>>());
    stopped.sort();
    stopped.dedup();
    stopped
}

/// Takes the installer's process off the list, however it ends.
struct Ending {
    shared: Arc<Shared>,
    node: String,
    pid: u32,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(boot) = self.shared.lock().node_mut(&self.node).and_then(|n| n.boot.as_mut()) {
            boot.processes.remove(&self.pid);
        }
    }
}

fn applies(node: &Node, package: &Package) -> bool {
    let needs = package.needs.iter().all(|key| node.durable.registry.key(key).is_some());
    let Some(from) = package.from else { return needs };
    // What was cut off half-way is installed over itself.
    let Some(build) = node.build() else { return false };
    let again = node.durable.broken && package.to.is_some();
    needs
        && product_of(build) == product_of(from)
        && build >= from
        && (again || package.below.is_none_or(|below| build < below))
}

/// An installer on a node that carries started groups, or whose cluster service runs, is what must never happen.
fn note_harm(state: &mut State, node: &str, package: &Package) {
    if package.from.is_none() {
        return;
    }
    let carried: Vec<String> = state
        .cluster
        .groups
        .iter()
        .filter(|g| g.owner.eq_ignore_ascii_case(node))
        .filter(|g| state.cluster.of_group(&g.name).any(|r| r.state == ResourceState::Online))
        .map(|g| g.name.clone())
        .collect();
    let virtual_servers = in_place::carried(state, node);
    let in_place = package.in_place && !virtual_servers.is_empty();
    for group in carried.iter().filter(|group| !(in_place && virtual_servers.contains(group))) {
        state.harm.push(format!("{} was installed on {node} while it carried {group}", package.name));
    }
    if in_place {
        return;
    }
    if state.node(node).is_some_and(|n| n.member() != crate::node::Member::Down) {
        state.harm.push(format!("{} was installed on {node} while its cluster service ran", package.name));
    }
}

/// The Exchange services stop; virtual servers that are online here lose theirs.
fn stop_services(state: &mut State, node: &str, package: &Package) -> Vec<String> {
    if package.from.is_none() {
        return Vec::new();
    }
    let stopped: Vec<String> =
        STOPPED_BY_INSTALLERS.iter().filter(|s| running(state, node, s)).map(|s| (*s).to_owned()).collect();
    let groups: Vec<String> = state
        .cluster
        .groups
        .iter()
        .filter(|g| g.owner.eq_ignore_ascii_case(node))
        .map(|g| g.name.clone())
        .collect();
    for resource in state.cluster.resources.iter_mut() {
        let exchange = resource.kind.starts_with("Microsoft ");
        if exchange && groups.contains(&resource.group) && resource.state == ResourceState::Online {
            resource.state = ResourceState::Failed;
        }
    }
    if let Some(found) = state.node_mut(node) {
        for service in &stopped {
            found.log(
                "Service Control Manager",
                7036,
                format!("The {service} service entered the stopped state."),
            );
        }
        if let Some(boot) = &mut found.boot {
            boot.running.retain(|s| !stopped.contains(s));
        }
    }
    stopped
}

/// Half of it: the first files are new, nothing says so yet. A power cut now leaves exactly this.
fn half(state: &mut State, node: &str, package: &Package, fault: Option<&FaultKind>) {
    let Some(node) = state.node_mut(node) else { return };
    let held = |name: &str| matches!(fault, Some(FaultKind::FileInUse { file, .. }) if file == name);
    if let Some((file, version)) = package.files.first().filter(|(file, _)| !held(file)) {
        node.durable.disk.set_version(&node.durable.file(file), version);
    }
    if let Some(build) = package.to {
        node.durable.broken = true;
        node.durable.registry.set(crate::node::SETUP_KEY, "NewestBuild", Data::Dword(build.number()));
    }
}

fn finish(node: &mut Node, package: &Package, log: &str, fault: Option<FaultKind>) -> bool {
    node.durable.broken = false;
    let mut restart = node.asks_for_restart || package.always_restart;
    let mut lines =
        vec![format!("{}: installation of {}", log.rsplit('\\').next().unwrap_or(log), package.name)];
    let mut recorded = true;
    if let Some(FaultKind::FileInUse { file, installed }) = fault {
        lines.push(format!("FileInUse:: Added to Filelist: {file}"));
        restart = true;
        recorded = installed;
        let path = node.durable.file(&file);
        let waiting = vec![format!("\\??\\{path}.new"), format!("!\\??\\{path}")];
        node.durable.registry.set(SESSION_KEY, PENDING_RENAMES, Data::Many(waiting));
        if installed && let Some((_, version)) = package.files.iter().find(|(f, _)| *f == file) {
            node.durable.renames.push((path, version.clone()));
        }
    }
    if recorded {
        let before: Vec<_> = node.durable.renames.clone();
        let old: Vec<_> = before
            .iter()
            .map(|(path, _)| (path.clone(), node.durable.disk.file(path).and_then(|f| f.version.clone())))
            .collect();
        node.durable.record(package);
        // A file that waits for a restart is still the old one.
        for (path, version) in old {
            node.durable.disk.set_version(&path, version.as_deref().unwrap_or(""));
        }
        if let Some(build) = package.to {
            node.durable.record_build(build, package.service_pack);
        }
        lines.push("Installation completed.".into());
    }
    if restart {
        node.durable.registry.set_volatile(VOLATILE_KEY, "Flags", Data::Dword(1));
    }
    write_log(node, log, &lines.join("\r\n"));
    restart
}

fn write_log(node: &mut Node, log: &str, text: &str) {
    // A log whose folder isn't there is not written; the installer doesn't mind.
    let _ = node.durable.disk.write(log, format!("{text}\r\n").as_bytes(), true);
}
