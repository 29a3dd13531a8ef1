//! Commands to a cluster.

use std::collections::BTreeSet;

use kaketsugi_estate::{
    ClusterId, ClusterKind, GroupId, NodeState, ReleaseId, ReleaseState, ResourceId, ResourceState, ServerId,
    Setting,
};

use crate::harm::UpgradeFlaw;
use crate::pacemaker::refresh;
use crate::{Harm, Refusal, World};

/// The type of the resource that Exchange's setup needs online somewhere in the cluster.
const DTC: &str = "Distributed Transaction Coordinator";

impl World {
    fn check_visible(&self, cluster: &ClusterId) -> Result<&crate::state::Cluster, Refusal> {
        let known =
            self.cluster(cluster).ok_or_else(|| Refusal::NoSuch { what: format!("cluster {cluster}") })?;
        if self.is_visible(known) {
            Ok(known)
        } else {
            Err(Refusal::ClusterSilent { cluster: cluster.clone() })
        }
    }

    /// Standby can be set for a node that isn't there; it has to be one of the cluster's all the same.
    pub(crate) fn check_member(&self, cluster: &ClusterId, node: &ServerId) -> Result<(), Refusal> {
        let known = self.check_visible(cluster)?;
        if known.truth.nodes.contains_key(node) {
            Ok(())
        } else {
            Err(Refusal::NotAMember { node: node.clone() })
        }
    }

    pub(crate) fn check_group(&self, cluster: &ClusterId, group: &GroupId) -> Result<(), Refusal> {
        if self.check_visible(cluster)?.truth.groups.contains_key(group) {
            Ok(())
        } else {
            Err(Refusal::NoSuch { what: format!("group {group}") })
        }
    }

    /// Standby is written at once; the groups are on their way.
    pub(crate) fn begin_standby(&mut self, cluster: &ClusterId, node: &ServerId) -> Result<(), Refusal> {
        self.check_member(cluster, node)?;
        self.set_standby(node, true);
        self.refresh_members(cluster);
        let Some(known) = self.cluster(cluster) else { return Ok(()) };
        // A pause moves nothing, and a balancer has nothing to say about a server's services.
        if known.truth.kind != ClusterKind::Pacemaker {
            return Ok(());
        }
        let leaving: Vec<_> = known
            .truth
            .groups
            .iter()
            .filter(|(_, g)| g.owner.as_ref() == Some(node))
            .map(|(id, _)| id.clone())
            .collect();
        for group in leaving {
            self.set_resources(cluster, &group, ResourceState::Pending);
        }
        Ok(())
    }

    fn set_resources(&mut self, cluster: &ClusterId, group: &GroupId, state: ResourceState) {
        if let Some(group) = self.cluster_mut(cluster).and_then(|c| c.truth.groups.get_mut(group)) {
            group.resources.iter_mut().for_each(|r| {
                if r.state == ResourceState::Online {
                    r.state = state;
                }
            });
            refresh(group);
        }
    }

    pub(crate) fn set_standby(&mut self, node: &ServerId, standby: bool) {
        let Some(server) = self.server_mut(node) else { return };
        server.standby = standby;
        if let Some(value) = server.truth.settings.get_mut(&Setting::Standby) {
            *value = standby.then(|| "on".to_owned());
        }
    }

    pub(crate) fn begin_move(
        &mut self,
        cluster: &ClusterId,
        group: &GroupId,
        to: &ServerId,
    ) -> Result<(), Refusal> {
        self.check_group(cluster, group)?;
        let Some(known) = self.cluster(cluster) else { return Ok(()) };
        let Some(seen) = known.truth.groups.get(group) else { return Ok(()) };
        let takes = known.truth.nodes.get(to).is_some_and(|n| n.state == NodeState::Online);
        if !takes || !seen.placement.scores.contains_key(to) {
            return Err(Refusal::CantOwn { group: group.clone(), node: to.clone() });
        }
        if seen.owner.as_ref() != Some(to) {
            self.set_resources(cluster, group, ResourceState::Pending);
        }
        Ok(())
    }

    /// Puts the group on its new node; settling gives its resources their former state there.
    pub(crate) fn end_move(&mut self, cluster: &ClusterId, group: &GroupId, to: &ServerId) {
        let Some(known) = self.cluster_mut(cluster) else { return };
        let pacemaker = known.truth.kind == ClusterKind::Pacemaker;
        let Some(seen) = known.truth.groups.get_mut(group) else { return };
        if seen.owner.as_ref() == Some(to) {
            return;
        }
        let wanted = known.hidden.get(group).map(|h| h.wanted.clone()).unwrap_or_default();
        seen.owner = Some(to.clone());
        for resource in &mut seen.resources {
            // Under Pacemaker the group runs on its new node before the constraint is taken away, so that its
            // stickiness counts there.
            resource.state = if pacemaker && wanted.contains(&resource.id) {
                ResourceState::Online
            } else {
                ResourceState::Offline
            };
        }
        refresh(seen);
        if pacemaker {
            self.open_data(cluster, group, to);
        }
    }

    pub(crate) fn take_offline(&mut self, cluster: &ClusterId, group: &GroupId) {
        let Some(known) = self.cluster_mut(cluster) else { return };
        let Some(seen) = known.truth.groups.get(group) else { return };
        let kept: BTreeSet<_> =
            seen.resources.iter().filter(|r| r.kept_online).map(|r| r.id.clone()).collect();
        if let Some(hidden) = known.hidden.get_mut(group) {
            hidden.wanted.retain(|r| kept.contains(r));
        }
    }

    pub(crate) fn bring_online(
        &mut self,
        cluster: &ClusterId,
        group: &GroupId,
        resources: &BTreeSet<ResourceId>,
    ) {
        if let Some(hidden) = self.cluster_mut(cluster).and_then(|c| c.hidden.get_mut(group)) {
            hidden.wanted.extend(resources.iter().cloned());
        }
    }

    /// Cluster Administrator's "Upgrade Exchange Virtual Server".
    pub(crate) fn begin_upgrade(
        &mut self,
        cluster: &ClusterId,
        group: &GroupId,
        from: &ServerId,
        release: &ReleaseId,
    ) -> Result<(), Refusal> {
        self.check_group(cluster, group)?;
        self.check_answers(from)?;
        for why in self.upgrade_flaws(cluster, group, from, release) {
            self.harm.insert(Harm::UpgradedAgainstConditions { group: group.clone(), why });
        }
        if let Some(hidden) = self.cluster_mut(cluster).and_then(|c| c.hidden.get_mut(group)) {
            hidden.upgrading = true;
        }
        Ok(())
    }

    fn upgrade_flaws(
        &self,
        cluster: &ClusterId,
        group: &GroupId,
        from: &ServerId,
        release: &ReleaseId,
    ) -> Vec<UpgradeFlaw> {
        let mut flaws = Vec::new();
        let Some(known) = self.cluster(cluster) else { return flaws };
        let Some(seen) = known.truth.groups.get(group) else { return flaws };
        let at_release = |node: Option<&ServerId>| {
            node.and_then(|n| self.server(n))
                .is_some_and(|s| s.truth.releases.get(release) == Some(&ReleaseState::Installed))
        };
        if !at_release(Some(from)) || !at_release(seen.owner.as_ref()) {
            flaws.push(UpgradeFlaw::NodeNotInstalled);
        }
        let online = |r: &kaketsugi_estate::ResourceSeen| r.state == ResourceState::Online;
        if seen.resources.iter().any(|r| online(r) && !r.kept_online) {
            flaws.push(UpgradeFlaw::NotOffline);
        }
        if seen.resources.iter().any(|r| !online(r) && r.kept_online) {
            flaws.push(UpgradeFlaw::KeptOnlineOffline);
        }
        let mut all = known.truth.groups.values().flat_map(|g| &g.resources);
        if !all.any(|r| r.kind == DTC && online(r)) {
            flaws.push(UpgradeFlaw::DtcOffline);
        }
        let others = self.clusters.values().flat_map(|c| &c.hidden).filter(|(id, _)| *id != group);
        if others.into_iter().any(|(_, hidden)| hidden.upgrading) {
            flaws.push(UpgradeFlaw::AnotherInWork);
        }
        flaws
    }

    pub(crate) fn end_upgrade(&mut self, cluster: &ClusterId, group: &GroupId, release: &ReleaseId) {
        let build = self.facts.releases.get(release).and_then(|r| r.build.clone());
        let Some(known) = self.cluster_mut(cluster) else { return };
        if let Some(hidden) = known.hidden.get_mut(group) {
            hidden.upgrading = false;
        }
        if let Some(seen) = known.truth.groups.get_mut(group) {
            seen.version = build;
        }
    }
}
