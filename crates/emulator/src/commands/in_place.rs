//! Programs that know clusters and work where a virtual server is: they take it offline, and bring it online again. Set-up
//! of Exchange 5.5 (KB248138), and its optimizer.

use std::sync::Arc;

use super::services::running;
use crate::cluster::{ResourceState, settle_group};
use crate::node::{EXCHANGE_SERVICES, OPTIMIZER_LOG};
use crate::spec::product_of;
use crate::state::{Shared, State};

/// The virtual servers that a node has.
pub(super) fn carried(state: &State, node: &str) -> Vec<String> {
    let own = state.cluster.groups.iter().filter(|g| g.is_evs && g.owner.eq_ignore_ascii_case(node));
    own.map(|g| g.name.clone()).collect()
}

/// Takes their Exchange resources offline.
pub(super) fn take_down(state: &mut State, node: &str) {
    for resource in of_exchange(state, node) {
        (resource.wanted, resource.state) = (false, ResourceState::Offline);
    }
}

/// Has the cluster bring them online again.
pub(super) fn bring_up(shared: &Arc<Shared>, node: &str) {
    let groups = {
        let mut state = shared.lock();
        for resource in of_exchange(&mut state, node) {
            resource.wanted = true;
        }
        carried(&state, node)
    };
    for group in groups {
        // One that is on its way is brought up by whatever is under way with it.
        let _ = settle_group(shared, &group);
    }
}

fn of_exchange<'a>(
    state: &'a mut State,
    node: &str,
) -> impl Iterator<Item = &'a mut crate::cluster::Resource> {
    let groups = carried(state, node);
    let exchange = |kind: &str| kind.starts_with("Microsoft Exchange");
    state.cluster.resources.iter_mut().filter(move |r| groups.contains(&r.group) && exchange(&r.kind))
}

/// The Performance Optimizer, as a person runs it at the console: it stops the Exchange services and starts them again
/// (KB246125, KB278464).
pub(crate) async fn optimize(shared: &Arc<Shared>, node: &str) -> Result<(), String> {
    let stopped = {
        let mut state = shared.lock();
        let found = state.node(node).filter(|n| n.boot.is_some()).ok_or("the node is dark")?;
        if found.build().is_none_or(|build| product_of(build) != "exchange-5.5") {
            return Err("Windows cannot find 'perfwiz'.".into());
        }
        let services = EXCHANGE_SERVICES.iter().filter(|s| running(&state, node, s));
        let stopped: Vec<String> = services.map(|s| (*s).to_owned()).collect();
        take_down(&mut state, node);
        if let Some(boot) = state.node_mut(node).and_then(|n| n.boot.as_mut()) {
            boot.running.retain(|s| !stopped.contains(s));
        }
        stopped
    };
    shared.pause(shared.timing.install / 2).await;
    {
        let mut state = shared.lock();
        let found = state.node_mut(node).ok_or("the node is dark")?;
        let _ = found.durable.disk.write(OPTIMIZER_LOG, b"Performance Optimizer\r\n", true);
        if let Some(boot) = found.boot.as_mut().filter(|_| !found.clustered) {
            boot.running.extend(stopped);
        }
    }
    bring_up(shared, node);
    Ok(())
}
