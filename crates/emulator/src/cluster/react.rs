//! What the cluster does by itself when nodes come and go: fail-over, failback, the start of the cluster service.

use std::sync::Arc;

use super::work::{move_group, take_over};
use crate::node::Member;
use crate::spec::EmulationSpec;
use crate::state::Shared;

/// The cluster as it is found at first: services up where they are to be, groups online on their owners.
pub(crate) fn begin(shared: &Arc<Shared>, spec: &EmulationSpec) {
    let mut state = shared.lock();
    for node in spec.nodes.iter().filter(|n| n.clustered && n.cluster_service) {
        if let Some(boot) = state.node_mut(&node.name).and_then(|n| n.boot.as_mut()) {
            boot.member = Member::Up;
        }
    }
    for group in &spec.groups {
        let up = state.node(&group.owner).is_some_and(|n| n.member() == Member::Up);
        let owner = if up { Some(group.owner.clone()) } else { state.heir(&group.name, &[]) };
        take_over(shared, &mut state, &group.name, owner);
    }
}

/// A node's cluster service is gone: its groups go to nodes that are up, or lie still.
pub(crate) fn node_left(shared: &Arc<Shared>, node: &str) {
    let mut state = shared.lock();
    let orphans: Vec<String> = state
        .cluster
        .groups
        .iter()
        .filter(|g| g.owner.eq_ignore_ascii_case(node))
        .map(|g| g.name.clone())
        .collect();
    for group in orphans {
        let heir = state.heir(&group, &[node.to_owned()]);
        take_over(shared, &mut state, &group, heir);
    }
}

/// The plug is pulled: processes, connections and membership end, the disk stays as it is.
pub(crate) fn power_cut(shared: &Arc<Shared>, node: &str) {
    let had_power = shared.lock().node_mut(node).is_some_and(|n| n.boot.take().is_some());
    if had_power {
        node_left(shared, node);
    }
}

/// The node starts: services first, then the cluster service, if it starts by itself.
pub(crate) fn power_on(shared: &Arc<Shared>, node: &str) {
    let (shared, node) = (shared.clone(), node.to_owned());
    let runtime = shared.runtime.clone();
    runtime.spawn(async move {
        shared.pause(shared.timing.restart).await;
        let automatic = {
            let mut state = shared.lock();
            let Some(node) = state.node_mut(&node).filter(|n| n.boot.is_none()) else { return };
            node.start();
            node.durable.services.get("clussvc").is_some_and(|s| s.start == 2)
        };
        if automatic {
            start_service(&shared, &node);
        }
    });
}

/// Down and up again, unless this node doesn't come back.
pub(crate) fn restart(shared: &Arc<Shared>, node: &str) {
    power_cut(shared, node);
    if shared.lock().node(node).is_some_and(|n| n.comes_back) {
        power_on(shared, node);
    }
}

/// The cluster service starts on a node; false: it runs already, or the node has no power.
pub(crate) fn start_service(shared: &Arc<Shared>, node: &str) -> bool {
    {
        let mut state = shared.lock();
        let Some(boot) = state.node_mut(node).and_then(|n| n.boot.as_mut()) else { return false };
        if boot.member != Member::Down {
            return false;
        }
        boot.member = Member::Joining;
    }
    let (shared, node) = (shared.clone(), node.to_owned());
    let runtime = shared.runtime.clone();
    runtime.spawn(async move {
        shared.pause(shared.timing.join).await;
        joined(&shared, &node);
    });
    true
}

fn joined(shared: &Arc<Shared>, node: &str) {
    let mut state = shared.lock();
    let first = state.up_nodes().is_empty();
    let Some(boot) = state.node_mut(node).and_then(|n| n.boot.as_mut()) else { return };
    if boot.member != Member::Joining {
        return;
    }
    boot.member = Member::Up;
    let name = state.node(node).map(|n| n.name.clone()).unwrap_or_default();
    if first {
        // It forms the cluster: everything that lies still starts here.
        let groups: Vec<String> = state.cluster.groups.iter().map(|g| g.name.clone()).collect();
        for group in groups {
            take_over(shared, &mut state, &group, Some(name.clone()));
        }
        return;
    }
    let back: Vec<String> = state
        .cluster
        .groups
        .iter()
        .filter(|g| {
            let place = |n: &str| g.preferred.iter().position(|p| p.eq_ignore_ascii_case(n));
            let better = match (place(&name), place(&g.owner)) {
                (Some(here), Some(there)) => here < there,
                (Some(_), None) => true,
                (None, _) => false,
            };
            g.failback == 1 && better
        })
        .map(|g| g.name.clone())
        .collect();
    drop(state);
    for group in back {
        // A group that is on its way stays on its way: the cluster doesn't fail it back then.
        let _ = move_group(shared, &group, &name);
    }
}

/// The cluster service stops in good order: groups first go to other nodes.
pub(crate) async fn stop_service(shared: &Arc<Shared>, node: &str) -> bool {
    let leaving: Vec<(String, String)> = {
        let state = shared.lock();
        if state.node(node).is_none_or(|n| n.member() == Member::Down) {
            return false;
        }
        let own = state.cluster.groups.iter().filter(|g| g.owner.eq_ignore_ascii_case(node));
        own.filter_map(|g| Some((g.name.clone(), state.heir(&g.name, &[node.to_owned()])?))).collect()
    };
    for (group, heir) in leaving {
        if let Ok(work) = move_group(shared, &group, &heir) {
            // The work can only end; a panic in it has been reported by the runtime already.
            let _ = work.await;
        }
    }
    if let Some(boot) = shared.lock().node_mut(node).and_then(|n| n.boot.as_mut()) {
        boot.member = Member::Down;
    }
    node_left(shared, node);
    true
}
