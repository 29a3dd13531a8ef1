//! `cluster.exe`: acts on nodes, groups and resources. What it shows is in `cluster_show`.

use std::future::Future;
use std::time::Duration;

use super::{Args, cluster_show};
use crate::cluster::{
    Busy, GroupState, ResourceState, move_group, settle_group, start_service, stop_service,
};
use crate::node::Member;
use crate::shell::Shell;
use crate::state::State;

/// Without `/wait` a move waits this long (TechNet cc783967).
const WAIT_DEFAULT: Duration = Duration::from_secs(20);

/// A Win32 error, with the text that Windows has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Win32(pub(super) u32, pub(super) &'static str);

const NO_ENDPOINTS: Win32 = Win32(1753, "There are no more endpoints available from the endpoint mapper.");
const RPC_UNAVAILABLE: Win32 = Win32(1722, "The RPC server is unavailable.");
const ALREADY_RUNNING: Win32 = Win32(1056, "An instance of the service is already running.");
const NOT_STARTED: Win32 = Win32(1062, "The service has not been started.");
const NO_RESOURCE: Win32 = Win32(5007, "The cluster resource could not be found.");
const NO_GROUP: Win32 = Win32(5013, "The cluster group could not be found.");
const WRONG_STATE: Win32 =
    Win32(5023, "The group or resource is not in the correct state to perform the requested operation.");
const RESOURCE_FAILED: Win32 = Win32(5038, "A cluster resource failed.");
const NO_NODE: Win32 = Win32(5042, "The cluster node could not be found.");
const NODE_PAUSED: Win32 = Win32(5070, "The cluster node is paused.");
const NODE_NOT_PAUSED: Win32 = Win32(5058, "The cluster node is not paused.");
const NODE_DOWN: Win32 = Win32(5050, "The cluster node is down.");
const TIMEOUT: Win32 = Win32(258, "The wait operation timed out.");
const BAD_PARAMETER: Win32 = Win32(87, "The parameter is incorrect.");

pub(super) async fn run(shell: &mut Shell, args: &Args) -> u32 {
    let done = match reach(shell, args) {
        Err(error) => Err(error),
        Ok(()) => match args.context.as_str() {
            "node" => node(shell, args).await,
            "group" => group(shell, args).await,
            _ => resource(shell, args).await,
        },
    };
    match done {
        Ok(()) => 0,
        Err(Win32(code, text)) => {
            shell.eprint(&format!("System error {code} has occurred (0x{code:08x}).\r\n{text}\r\n"));
            code
        }
    }
}

/// The cluster is asked through a node whose cluster service is up: this one, unless another name is given.
fn reach(shell: &Shell, args: &Args) -> Result<(), Win32> {
    let state = shell.shared.lock();
    match args.value("/cluster") {
        None => match state.node(&shell.node).map(crate::node::Node::member) {
            Some(Member::Up) => Ok(()),
            _ => Err(NO_ENDPOINTS),
        },
        Some(name) if name.eq_ignore_ascii_case(&state.cluster.name) => {
            let name =
                state.cluster.resources.iter().find(|r| r.kind == "Network Name" && r.name == "Cluster Name");
            match name.map(|r| r.state) {
                Some(ResourceState::Online) => Ok(()),
                _ => Err(RPC_UNAVAILABLE),
            }
        }
        Some(name) => match state.node(name).map(crate::node::Node::member) {
            Some(Member::Up) => Ok(()),
            Some(_) => Err(NO_ENDPOINTS),
            None => Err(RPC_UNAVAILABLE),
        },
    }
}

/// How long the command waits; None: for ever.
fn patience(args: &Args) -> Result<Option<Duration>, Win32> {
    match (args.has("/wait"), args.value("/wait")) {
        (false, _) => Ok(Some(WAIT_DEFAULT)),
        (true, None) => Ok(None),
        (true, Some(seconds)) => {
            seconds.parse().map(|s| Some(Duration::from_secs(s))).map_err(|_| BAD_PARAMETER)
        }
    }
}

async fn wait<T>(args: &Args, work: impl Future<Output = T>) -> Result<T, Win32> {
    match patience(args)? {
        None => Ok(work.await),
        Some(time) => tokio::time::timeout(time, work).await.map_err(|_| TIMEOUT),
    }
}

async fn node(shell: &mut Shell, args: &Args) -> Result<(), Win32> {
    let name = args.positional.first();
    if let Some(name) = name {
        shell.shared.lock().node(name).filter(|node| node.clustered).ok_or(NO_NODE)?;
    }
    let (start, stop) = (args.has("/start"), args.has("/stop"));
    if let Some(name) = name
        && (start || stop)
    {
        if start {
            let power = shell.shared.lock().node(name).is_some_and(|n| n.boot.is_some());
            if !power {
                return Err(RPC_UNAVAILABLE);
            }
            if !start_service(&shell.shared, name) {
                return Err(ALREADY_RUNNING);
            }
            wait(args, until(shell, |s| s.node(name).is_some_and(|n| n.member() == Member::Up))).await?;
        } else {
            let (shared, node) = (shell.shared.clone(), name.clone());
            // The service stops whether or not anybody goes on waiting for it.
            let stopping = shell.shared.runtime.spawn(async move { stop_service(&shared, &node).await });
            if !wait(args, stopping).await?.unwrap_or(false) {
                return Err(NOT_STARTED);
            }
        }
    }
    if let Some(name) = name
        && (args.has("/pause") || args.has("/resume"))
    {
        switch(shell, name, args.has("/pause"))?;
    }
    let text = cluster_show::nodes(&shell.shared.lock(), name.map(String::as_str));
    shell.print(&text);
    Ok(())
}

/// Pauses a node, or ends that; what lies still on a node that is resumed starts.
fn switch(shell: &Shell, name: &str, paused: bool) -> Result<(), Win32> {
    let still: Vec<String> = {
        let mut state = shell.shared.lock();
        let node = state.node_mut(name).filter(|node| node.member() == Member::Up).ok_or(NODE_DOWN)?;
        match (node.durable.paused, paused) {
            (true, true) => return Err(NODE_PAUSED),
            (false, false) => return Err(NODE_NOT_PAUSED),
            _ => node.durable.paused = paused,
        }
        let name = node.name.clone();
        let here = state.cluster.groups.iter().filter(|g| g.owner.eq_ignore_ascii_case(&name));
        here.map(|g| g.name.clone()).collect()
    };
    for group in still.iter().filter(|_| !paused) {
        for resource in shell.shared.lock().cluster.resources.iter_mut().filter(|r| r.group == **group) {
            retry(&mut resource.state);
        }
        // One that is on its way stays on its way.
        let _ = settle_group(&shell.shared, group);
    }
    Ok(())
}

async fn until(shell: &Shell, ask: impl Fn(&State) -> bool) {
    while !ask(&shell.shared.lock()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn group(shell: &mut Shell, args: &Args) -> Result<(), Win32> {
    let name = match args.positional.first() {
        Some(name) => Some(shell.shared.lock().cluster.group(name).map(|g| g.name.clone()).ok_or(NO_GROUP)?),
        None => None,
    };
    let Some(name) = name else {
        let text = cluster_show::groups(&shell.shared.lock(), None);
        shell.print(&text);
        return Ok(());
    };
    if args.has("/prop") {
        return group_properties(shell, args, &name);
    }
    if args.has("/listowners") {
        let text = cluster_show::preferred(&shell.shared.lock(), &name);
        shell.print(&text);
        return Ok(());
    }
    if let Some(to) = args.value("/moveto") {
        shell.print(&format!("Moving resource group '{name}'...\r\n\r\n"));
        move_to(shell, args, &name, to).await?;
    } else if args.has("/online") || args.has("/offline") {
        for resource in shell.shared.lock().cluster.resources.iter_mut().filter(|r| r.group == name) {
            resource.wanted = args.has("/online");
            retry(&mut resource.state);
        }
        settle(shell, args, &name).await?;
        if args.has("/online") && shell.shared.lock().cluster.group_state(&name) == GroupState::Failed {
            return Err(RESOURCE_FAILED);
        }
    }
    let text = cluster_show::groups(&shell.shared.lock(), Some(&name));
    shell.print(&text);
    Ok(())
}

/// A resource that failed is tried again when somebody asks for it.
fn retry(state: &mut ResourceState) {
    if *state == ResourceState::Failed {
        *state = ResourceState::Offline;
    }
}

async fn move_to(shell: &Shell, args: &Args, group: &str, to: &str) -> Result<(), Win32> {
    let (to, same) = {
        let state = shell.shared.lock();
        let node = state.node(to).ok_or(NO_NODE)?;
        if node.member() != Member::Up {
            return Err(NODE_DOWN);
        }
        if node.durable.paused {
            return Err(NODE_PAUSED);
        }
        let owner = state.cluster.group(group).map(|g| g.owner.clone()).ok_or(NO_GROUP)?;
        (node.name.clone(), owner.eq_ignore_ascii_case(&node.name))
    };
    if same {
        return Ok(());
    }
    let work = move_group(&shell.shared, group, &to).map_err(|Busy| WRONG_STATE)?;
    // Its end is all that counts; where the group is now is read from the state.
    wait(args, work).await.map(drop)
}

async fn settle(shell: &Shell, args: &Args, group: &str) -> Result<(), Win32> {
    let work = settle_group(&shell.shared, group).map_err(|Busy| WRONG_STATE)?;
    wait(args, work).await.map(drop)
}

fn group_properties(shell: &Shell, args: &Args, group: &str) -> Result<(), Win32> {
    let changes = &args.positional[1..];
    let mut state = shell.shared.lock();
    if !changes.is_empty() {
        // The switch alone only looks; what makes it a change stands behind it.
        let text = format!("cluster{}", args.raw.trim_end());
        state.record(crate::Actor::Node(shell.node.clone()), crate::Class::Setting, text);
    }
    for change in changes {
        let (name, value) = change.split_once('=').ok_or(BAD_PARAMETER)?;
        let value = value.split_once(':').map_or(value, |(value, _)| value);
        let value: u32 = value.parse().map_err(|_| BAD_PARAMETER)?;
        let known = name.eq_ignore_ascii_case("AutoFailbackType") && value <= 1;
        match state.cluster.group_mut(group) {
            Some(group) if known => group.failback = value,
            _ => return Err(BAD_PARAMETER),
        }
    }
    if changes.is_empty() {
        let text = cluster_show::group_properties(&state, group);
        drop(state);
        shell.print(&text);
    }
    Ok(())
}

async fn resource(shell: &mut Shell, args: &Args) -> Result<(), Win32> {
    let Some(name) = args.positional.first() else {
        let text = cluster_show::resources(&shell.shared.lock(), |_| true);
        shell.print(&text);
        return Ok(());
    };
    let (name, group) = {
        let state = shell.shared.lock();
        state.cluster.resource(name).map(|r| (r.name.clone(), r.group.clone())).ok_or(NO_RESOURCE)?
    };
    if args.has("/prop") || args.has("/priv") || args.has("/listdep") || args.has("/listowners") {
        let text = {
            let state = shell.shared.lock();
            if args.has("/prop") {
                cluster_show::resource_properties(&state, &name)
            } else if args.has("/priv") {
                cluster_show::private_properties(&state, &name)
            } else if args.has("/listdep") {
                cluster_show::dependencies(&state, &name)
            } else {
                cluster_show::possible(&state, &name)
            }
        };
        shell.print(&text);
        return Ok(());
    }
    if args.has("/online") || args.has("/offline") {
        want(&mut shell.shared.lock(), &name, args.has("/online"));
        settle(shell, args, &group).await?;
        let failed =
            shell.shared.lock().cluster.resource(&name).is_some_and(|r| r.state == ResourceState::Failed);
        if args.has("/online") && failed {
            return Err(RESOURCE_FAILED);
        }
    }
    let text = cluster_show::resources(&shell.shared.lock(), |r| r == name);
    shell.print(&text);
    Ok(())
}

/// Online: what it stands on as well. Offline: what stands on it goes too, but stays wanted.
fn want(state: &mut State, name: &str, online: bool) {
    let Some(resource) = state.cluster.resource_mut(name) else { return };
    resource.wanted = online;
    retry(&mut resource.state);
    if online {
        for below in resource.depends.clone() {
            want(state, &below, true);
        }
    }
}
