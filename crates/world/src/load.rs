//! Takes a snapshot for the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kaketsugi_estate::{ClusterKind, ClusterSeen, NodeState, ResourceState, ServerId, ServerSeen, Snapshot};

use crate::pacemaker;
use crate::state::{Cluster, Facts, Hidden, Server};
use crate::{ReleaseFacts, World};

impl World {
    /// Takes a snapshot for the truth. [`World::observe`] gives the same snapshot back, but for evidence.
    #[must_use]
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        Self::with_releases(snapshot, [])
    }

    /// The same, knowing the releases that may be installed.
    #[must_use]
    pub fn with_releases(snapshot: &Snapshot, releases: impl IntoIterator<Item = ReleaseFacts>) -> Self {
        let facts = Facts {
            releases: releases.into_iter().map(|r| (r.id.clone(), r)).collect(),
            taken_at: snapshot.taken_at,
            settings: snapshot.servers.iter().map(|(id, s)| (id.clone(), s.settings.clone())).collect(),
            listed: snapshot.servers.keys().cloned().collect(),
        };
        let mut servers = BTreeMap::new();
        for (id, seen) in &snapshot.servers {
            servers.insert(id.clone(), Arc::new(server(id, seen, snapshot)));
        }
        for (id, node) in snapshot.clusters.values().flat_map(|c| &c.nodes) {
            servers.entry(id.clone()).or_insert_with(|| {
                let up = is_member(node.state);
                let seen = ServerSeen { reached: up, cluster_service: Some(up), ..ServerSeen::default() };
                Arc::new(server(id, &seen, snapshot))
            });
        }
        let clusters = snapshot
            .clusters
            .iter()
            .map(|(id, seen)| (id.clone(), Arc::new(cluster(seen, &servers, &facts))))
            .collect();
        let mut world =
            Self { facts: Arc::new(facts), servers, clusters, harm: BTreeSet::new(), mixed: BTreeSet::new() };
        world.find_disabled();
        // What was found so isn't the doing of anything that happens here.
        world.mixed = world.mixed_pools().into_keys().collect();
        world
    }

    /// A Pacemaker resource that the scheduler would start and that doesn't run was stopped by the administrator.
    fn find_disabled(&mut self) {
        let ids: Vec<_> = self
            .clusters
            .iter()
            .filter(|(_, c)| c.truth.kind == ClusterKind::Pacemaker)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            let placed = pacemaker::place(self, &id);
            let Some(cluster) = self.cluster_mut(&id) else { continue };
            for (group, seen) in &cluster.truth.groups {
                let Some(hidden) = cluster.hidden.get_mut(group) else { continue };
                let would_run = placed.get(group).map_or(0, |p| p.runs);
                for resource in seen.resources.iter().take(would_run) {
                    if resource.state == ResourceState::Offline {
                        hidden.wanted.remove(&resource.id);
                    }
                }
            }
        }
    }
}

fn is_member(state: NodeState) -> bool {
    matches!(state, NodeState::Online | NodeState::Standby | NodeState::Maintenance)
}

fn server(id: &ServerId, seen: &ServerSeen, snapshot: &Snapshot) -> Server {
    let in_cluster = snapshot.clusters.values().find_map(|c| Some((c, c.nodes.get(id)?.state)));
    let state = in_cluster.map(|(_, state)| state);
    let member = state.is_some_and(is_member);
    // A server that stands alone may have a cluster service all the same, stopped: nothing hangs on it.
    let alone = in_cluster.is_some_and(|(cluster, _)| cluster.kind == ClusterKind::StandAlone);
    let service = seen.cluster_service.filter(|_| !alone).unwrap_or(member);
    Server {
        truth: seen.clone(),
        // A server that doesn't answer us and is a member of its cluster runs.
        power: seen.reached || member,
        cut_off: false,
        service,
        standby: state == Some(NodeState::Standby),
        maintenance: state == Some(NodeState::Maintenance),
        formed: service && in_cluster.is_some_and(|(c, _)| c.quorum.has == Some(true)),
        lost: state == Some(NodeState::Unclean),
        boots: 0,
        installing: None,
        // Half-configured packages are the same whoever left them.
        interrupted: seen.half_done(),
    }
}

fn cluster(seen: &ClusterSeen, servers: &BTreeMap<ServerId, Arc<Server>>, facts: &Facts) -> Cluster {
    let hidden = seen
        .groups
        .iter()
        .map(|(id, group)| {
            let owner = group.owner.as_ref().and_then(|o| servers.get(o));
            let half_done = owner.is_some_and(|o| o.truth.half_done());
            let all = match seen.kind {
                ClusterKind::Pacemaker => true,
                ClusterKind::Windows => false,
                // What lies still on a half-done server was stopped by its installer.
                ClusterKind::StandAlone => half_done,
            };
            let wanted = group
                .resources
                .iter()
                .filter(|r| all || r.state != ResourceState::Offline)
                .map(|r| r.id.clone())
                .collect();
            let written = facts
                .releases
                .values()
                .filter(|r| r.one_way)
                .filter(|r| {
                    owner.is_some_and(|o| o.has(&r.id)) || (r.build.is_some() && group.version == r.build)
                })
                .map(|r| r.id.clone())
                .collect();
            (id.clone(), Hidden { wanted, written, upgrading: false })
        })
        .collect();
    Cluster { truth: seen.clone(), hidden, broken: BTreeSet::new() }
}
