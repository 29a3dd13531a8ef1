//! What probes see of a world.

use kaketsugi_estate::{ClusterId, GroupState, NodeState, ResourceState, ServerId, ServerSeen, Snapshot};

use crate::World;
use crate::members;
use crate::state::{Cluster, Server};

impl World {
    /// What probes see. Servers that don't answer are there with `reached: false`; a cluster none of whose members
    /// answers isn't there at all.
    #[must_use]
    pub fn observe(&self) -> Snapshot {
        Snapshot {
            taken_at: self.facts.taken_at,
            servers: self
                .servers
                .iter()
                .filter(|(id, _)| self.facts.listed.contains(*id))
                .map(|(id, server)| (id.clone(), observed(server)))
                .collect(),
            clusters: self
                .clusters
                .iter()
                .filter(|(_, cluster)| self.is_visible(cluster))
                .map(|(id, cluster)| (id.clone(), cluster.truth.clone()))
                .collect(),
            // What people vouch for lies in the plan and in the run's journal; no probe sees it.
            evidence: Vec::new(),
        }
    }

    /// The state of a node as probes see it; None where no member answers for its cluster.
    #[must_use]
    pub fn node_state(&self, cluster: &ClusterId, node: &ServerId) -> Option<NodeState> {
        let cluster = self.cluster(cluster).filter(|c| self.is_visible(c))?;
        Some(cluster.truth.nodes.get(node)?.state)
    }

    /// Whether a member answers for the cluster.
    pub(crate) fn is_visible(&self, cluster: &Cluster) -> bool {
        cluster.truth.nodes.keys().filter_map(|n| self.server(n)).any(members::is_member)
    }
}

fn observed(server: &Server) -> ServerSeen {
    if server.answers() || !server.truth.reached {
        return server.truth.clone();
    }
    ServerSeen { reached: false, unreached_why: Some("it doesn't answer".into()), ..ServerSeen::default() }
}

/// The state of a group as its resources make it.
pub(crate) fn group_state(resources: &[kaketsugi_estate::ResourceSeen]) -> GroupState {
    let is = |state| resources.iter().filter(|r| r.state == state).count();
    if is(ResourceState::Failed) > 0 {
        GroupState::Failed
    } else if is(ResourceState::Pending) > 0 {
        GroupState::Pending
    } else if is(ResourceState::Online) == resources.len() {
        GroupState::Online
    } else if is(ResourceState::Online) > 0 {
        GroupState::Partial
    } else {
        GroupState::Offline
    }
}
