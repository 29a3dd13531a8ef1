//! Who is a member of a cluster, and whether the members have quorum.

use std::collections::BTreeSet;

use kaketsugi_estate::{ClusterId, ClusterKind, NodeState, ServerId, Trouble};

use crate::World;
use crate::state::Server;

/// Whether a server is a member of its cluster: it runs, its cluster service runs, and the others hear it.
pub(crate) fn is_member(server: &Server) -> bool {
    server.power && !server.cut_off && server.service
}

impl World {
    pub(crate) fn members(&self, cluster: &ClusterId) -> BTreeSet<ServerId> {
        let Some(cluster) = self.cluster(cluster) else { return BTreeSet::new() };
        let is = |n: &&ServerId| self.server(n).is_some_and(is_member);
        cluster.truth.nodes.keys().filter(is).cloned().collect()
    }

    /// Whether the members of a cluster have quorum.
    ///
    /// Pacemaker: votequorum(5) of corosync 3.1. More than half of all votes; with `two_node` one vote of two. With
    /// `wait_for_all` a cluster that comes up from nothing is quorate only once all its nodes have been seen
    /// together; a node that joins members which are quorate already becomes so with them.
    /// Windows server clusters arbitrate a quorum disk: any one member that has it is enough.
    #[must_use]
    pub fn has_quorum(&self, cluster: &ClusterId) -> bool {
        let Some(seen) = self.cluster(cluster).map(|c| &c.truth) else { return false };
        let members = self.members(cluster);
        let (up, votes) = (members.len(), seen.nodes.len());
        match seen.kind {
            ClusterKind::Windows => up >= 1,
            // One server by itself has nobody to be outvoted by.
            ClusterKind::StandAlone => true,
            ClusterKind::Pacemaker => {
                let enough = if seen.quorum.two_node && votes == 2 { up >= 1 } else { up > votes / 2 };
                let formed = || members.iter().filter_map(|m| self.server(m)).any(|s| s.formed);
                enough && (!seen.quorum.wait_for_all || up == votes || formed())
            }
        }
    }

    /// Brings the cluster's view of its nodes and its quorum up to date.
    pub(crate) fn refresh_members(&mut self, id: &ClusterId) {
        let quorate = self.has_quorum(id);
        let members = self.members(id);
        for member in &members {
            if quorate
                && !self.server(member).is_some_and(|s| s.formed)
                && let Some(server) = self.server_mut(member)
            {
                server.formed = true;
            }
        }
        let Some(mut cluster) = self.clusters.get(id).cloned() else { return };
        let seen = &mut std::sync::Arc::make_mut(&mut cluster).truth;
        let mut unclean = BTreeSet::new();
        for (node, is) in &mut seen.nodes {
            let Some(server) = self.server(node) else { continue };
            is.state = if !members.contains(node) {
                if server.lost { NodeState::Unclean } else { NodeState::Offline }
            } else if server.maintenance {
                NodeState::Maintenance
            } else if server.standby {
                NodeState::Standby
            } else {
                NodeState::Online
            };
            if is.state == NodeState::Unclean {
                unclean.insert(Trouble::Unclean { node: node.to_string() });
            }
        }
        seen.quorum.has = Some(quorate);
        seen.trouble.retain(|t| !matches!(t, Trouble::Unclean { .. } | Trouble::NoQuorum));
        seen.trouble.extend(unclean);
        if !quorate {
            seen.trouble.push(Trouble::NoQuorum);
        }
        if self.clusters.get(id) != Some(&cluster) {
            self.clusters.insert(id.clone(), cluster);
        }
    }
}
