//! What would happen: where a drained node's groups go, and what one more failure would take down.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{ClusterId, ClusterKind, GroupId, GroupRole, ServerId};

use crate::{Command, Fault, World};

impl World {
    /// Where the cluster would put the groups that a node has, fencing devices included, if the node were told to
    /// give them up. `None`: nowhere. Pacemaker: standby. Windows, which has no standby: the fail-over that follows
    /// when the node's cluster service stops.
    #[must_use]
    pub fn predict_drain(&self, cluster: &ClusterId, node: &ServerId) -> BTreeMap<GroupId, Option<ServerId>> {
        let Some(known) = self.cluster(cluster) else { return BTreeMap::new() };
        let command = match known.truth.kind {
            ClusterKind::Pacemaker => Command::Standby { cluster: cluster.clone(), node: node.clone() },
            ClusterKind::Windows => Command::StopService { node: node.clone() },
            ClusterKind::StandAlone => return BTreeMap::new(),
        };
        let Ok(after) = self.command(&command) else { return BTreeMap::new() };
        known
            .truth
            .groups
            .iter()
            .filter(|(_, group)| group.owner.as_ref() == Some(node))
            .map(|(id, _)| (id.clone(), after.owner(cluster, id).cloned()))
            .collect()
    }

    /// Groups of users that are online now and would not be if one member failed, by member; members whose failure
    /// takes nothing down are left out. A group that is offline already isn't exposed: it is down. Nor is what a server
    /// carries that stands alone in no pool: at no time of its life could another one take it over.
    #[must_use]
    pub fn exposures(&self, cluster: &ClusterId) -> Vec<(ServerId, Vec<GroupId>)> {
        let mut exposures = Vec::new();
        let mates = self.pool_mates(cluster);
        if mates.is_none() && self.cluster(cluster).is_some_and(|c| c.truth.kind == ClusterKind::StandAlone) {
            return exposures;
        }
        let around = mates.unwrap_or_else(|| vec![cluster]);
        for node in self.members(cluster) {
            let after = self.fault(&Fault::PowerLost { node: node.clone(), returns: false });
            let groups: Vec<_> = around
                .iter()
                .flat_map(|id| self.serving(id).into_iter().filter(|g| !after.serves(id, g)))
                .collect();
            if !groups.is_empty() {
                exposures.push((node, groups));
            }
        }
        exposures
    }

    /// The exposures of all clusters before a command, while it is at work, and after it, put together: what a step
    /// that gives this command has to declare. None as command: a step that only looks.
    #[must_use]
    pub fn exposures_during(
        &self,
        command: Option<&Command>,
    ) -> BTreeMap<ClusterId, BTreeMap<ServerId, BTreeSet<GroupId>>> {
        let mut states = vec![self.clone()];
        if let Some(command) = command {
            states.extend(self.midway(command));
            states.extend(self.command(command));
        }
        let mut all: BTreeMap<ClusterId, BTreeMap<ServerId, BTreeSet<GroupId>>> = BTreeMap::new();
        for state in states {
            for cluster in self.clusters.keys() {
                for (node, groups) in state.exposures(cluster) {
                    all.entry(cluster.clone()).or_default().entry(node).or_default().extend(groups);
                }
            }
        }
        all
    }

    /// Groups of users that are online.
    #[must_use]
    pub fn serving(&self, cluster: &ClusterId) -> BTreeSet<GroupId> {
        let Some(known) = self.cluster(cluster) else { return BTreeSet::new() };
        known
            .truth
            .groups
            .iter()
            .filter(|(id, g)| g.role == GroupRole::Service && self.serves(cluster, id))
            .map(|(id, _)| id.clone())
            .collect()
    }
}
