//! Windows server clusters (Windows 2000 and 2003): fail-over, failback, and virtual servers of Exchange 2003.
//!
//! Certain (documented by Microsoft): a group moves as a whole and each of its resources gets its former state back;
//! a paused node keeps its groups, takes no new ones, brings nothing online and is still paused after a restart
//! (PauseClusterNode); failback happens when the preferred owner joins again; a
//! virtual server whose version in the directory isn't that of its node's binaries doesn't come online (c1037b44,
//! event 1025). Our reading, not documented in every detail: a group without a preferred owner that is up goes to the
//! first other member that can carry it, by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use kaketsugi_estate::{
    ClusterId, GroupId, GroupRole, GroupSeen, NodeState, ReleaseState, ResourceId, ResourceState, ServerId,
    Setting,
};

use crate::World;
use crate::pacemaker::refresh;

/// Runs the cluster's reactions until it is quiet.
pub(crate) fn settle(world: &mut World, id: &ClusterId) {
    world.refresh_members(id);
    let groups: Vec<_> =
        world.cluster(id).map(|c| c.truth.groups.keys().cloned().collect()).unwrap_or_default();
    for name in groups {
        settle_group(world, id, &name);
    }
}

fn settle_group(world: &mut World, id: &ClusterId, name: &GroupId) {
    let members = world.members(id);
    let Some(group) = world.cluster(id).and_then(|c| c.truth.groups.get(name)) else { return };
    let mut now = group.clone();
    let home = now.owner.clone().filter(|o| members.contains(o));
    let goal = match home {
        Some(owner) if comes_online(world, id, name, &now, &owner) => Some(owner),
        other => {
            let candidates = candidates(world, id, &now, &members, other.as_ref());
            let whole = candidates.iter().find(|n| comes_online(world, id, name, &now, n)).cloned();
            // Nobody can carry it whole: it stays, or goes to the first, and is failed there.
            whole.or(other).or_else(|| candidates.first().cloned())
        }
    };
    let was_online: BTreeSet<ResourceId> =
        now.resources.iter().filter(|r| r.state == ResourceState::Online).map(|r| r.id.clone()).collect();
    let moved = now.owner != goal;
    now.owner.clone_from(&goal);
    let mut opens = false;
    let mut failed = false;
    for index in 0..now.resources.len() {
        let resource = &now.resources[index];
        let wanted = world
            .cluster(id)
            .and_then(|c| c.hidden.get(name))
            .is_some_and(|hidden| hidden.wanted.contains(&resource.id));
        let state = match &goal {
            Some(node) if wanted && !failed => {
                if can_start(world, id, name, &now, &resource.id, node) {
                    opens |= moved && !kept_online_only(&now, index)
                        || !was_online.contains(&resource.id) && !resource.kept_online;
                    ResourceState::Online
                } else {
                    failed = true;
                    ResourceState::Failed
                }
            }
            _ => ResourceState::Offline,
        };
        now.resources[index].state = state;
    }
    if world
        .cluster(id)
        .and_then(|c| c.truth.groups.get(name))
        .is_some_and(|g| g.owner == now.owner && g.resources == now.resources)
    {
        return;
    }
    refresh(&mut now);
    let opened = goal.filter(|_| opens && now.role == GroupRole::Service);
    if let Some(cluster) = world.clusters.get_mut(id) {
        Arc::make_mut(cluster).truth.groups.insert(name.clone(), now);
    }
    if let Some(node) = opened {
        world.open_data(id, name, &node);
    }
}

/// Whether the resource is one that doesn't touch the group's data.
fn kept_online_only(group: &GroupSeen, index: usize) -> bool {
    group.resources.get(index).is_some_and(|r| r.kept_online)
}

fn comes_online(world: &World, id: &ClusterId, name: &GroupId, group: &GroupSeen, node: &ServerId) -> bool {
    let Some(hidden) = world.cluster(id).and_then(|c| c.hidden.get(name)) else { return false };
    group
        .resources
        .iter()
        .filter(|r| hidden.wanted.contains(&r.id))
        .all(|r| can_start(world, id, name, group, &r.id, node))
}

fn can_start(
    world: &World,
    id: &ClusterId,
    name: &GroupId,
    group: &GroupSeen,
    resource: &ResourceId,
    node: &ServerId,
) -> bool {
    let broken =
        world.cluster(id).is_some_and(|c| c.broken.contains(&(name.clone(), resource.clone(), node.clone())));
    let own = group.resources.iter().find(|r| r.id == *resource);
    let kept = own.is_some_and(|r| r.kept_online);
    // On a paused node what is online stays so, and nothing else can be brought online.
    let paused = world.server(node).is_some_and(|s| s.standby);
    let runs = group.owner.as_ref() == Some(node) && own.is_some_and(|r| r.state == ResourceState::Online);
    let held = group.role == GroupRole::Service && world.is_worked_on_in_place(node);
    !broken && (!held || runs) && (!paused || runs) && (kept || world.version_fits(group, node))
}

/// Members that may take the group, first choice first.
fn candidates(
    world: &World,
    id: &ClusterId,
    group: &GroupSeen,
    members: &BTreeSet<ServerId>,
    not: Option<&ServerId>,
) -> Vec<ServerId> {
    let Some(cluster) = world.cluster(id) else { return Vec::new() };
    let mut nodes: Vec<_> = members
        .iter()
        .filter(|n| Some(*n) != not)
        .filter(|n| cluster.truth.nodes.get(*n).is_some_and(|s| s.state == NodeState::Online))
        .filter_map(|n| Some((std::cmp::Reverse(*group.placement.scores.get(n)?), n.clone())))
        .collect();
    nodes.sort();
    nodes.into_iter().map(|(_, n)| n).collect()
}

/// A node has joined: groups that prefer it and whose failback is on move to it.
pub(crate) fn joined(world: &mut World, id: &ClusterId, node: &ServerId) {
    let Some(cluster) = world.cluster(id) else { return };
    if cluster.truth.kind != kaketsugi_estate::ClusterKind::Windows {
        return;
    }
    let back: Vec<GroupId> = cluster
        .truth
        .groups
        .iter()
        .filter(|(name, group)| {
            let score = |n: &ServerId| group.placement.scores.get(n).copied();
            let better = match &group.owner {
                Some(owner) => score(node) > score(owner),
                None => false,
            };
            better && failback(world, cluster.truth.nodes.keys(), name)
        })
        .map(|(name, _)| name.clone())
        .collect();
    let Some(cluster) = world.cluster_mut(id) else { return };
    for name in back {
        if let Some(group) = cluster.truth.groups.get_mut(&name) {
            group.owner = Some(node.clone());
            // The move takes it offline; settling brings it online on its new node.
            group.resources.iter_mut().for_each(|r| r.state = ResourceState::Offline);
        }
    }
}

fn failback<'a>(world: &World, mut nodes: impl Iterator<Item = &'a ServerId>, group: &GroupId) -> bool {
    nodes.any(|n| {
        world.server(n).is_some_and(|s| {
            s.truth
                .settings
                .get(&Setting::Failback(group.clone()))
                .is_some_and(|v| v.as_deref().is_some_and(|v| v != "0"))
        })
    })
}

impl World {
    /// Whether a set-up that works where the group is (E55-CLU-ACTIVE-FIRST) holds its services down: until its end, also
    /// when it was cut off. Our reading: files of two versions don't work together; what was found running all the same runs
    /// until something stops it.
    fn is_worked_on_in_place(&self, node: &ServerId) -> bool {
        let in_place = |id| self.facts.releases.get(id).is_some_and(|facts| facts.in_place);
        let Some(server) = self.server(node) else { return false };
        let half_done = |(id, state): (_, &ReleaseState)| *state == ReleaseState::Partial && in_place(id);
        server.installing.as_ref().is_some_and(in_place) || server.truth.releases.iter().any(half_done)
    }

    /// Whether a virtual server's version in the directory is that of the node's binaries. A group without a version
    /// fits everywhere.
    pub(crate) fn version_fits(&self, group: &GroupSeen, node: &ServerId) -> bool {
        let (Some(version), Some(server)) = (&group.version, self.server(node)) else { return true };
        self.facts.releases.values().filter(|r| r.group_upgrade).all(|release| {
            let at_release = release.build.as_ref() == Some(version);
            match server.truth.releases.get(&release.id) {
                Some(ReleaseState::Installed) => at_release,
                Some(ReleaseState::Absent) => !at_release,
                // Neither the old version nor the new one.
                Some(ReleaseState::Partial) => false,
                Some(ReleaseState::Newer) | None => true,
            }
        })
    }
}
