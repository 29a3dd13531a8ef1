//! One server by itself: nothing takes over what it carries, and an installer works on it in place.
//!
//! Documented (KB 328839, ALL-SERVICES-STOP): the installer stops the product's services and they are back at its end.
//! Our reading: the services start with the system, and don't while a release is half installed; one that was found
//! running all the same runs until something stops it.

use kaketsugi_estate::{
    ClusterId, ClusterKind, GroupRole, GroupSeen, ReleaseId, ReleaseState, ResourceState, ServerId,
};

use crate::pacemaker::refresh;
use crate::state::Server;
use crate::{ReleaseFacts, World};

/// What serves users runs where and when it can.
pub(crate) fn settle(world: &mut World, id: &ClusterId) {
    world.refresh_members(id);
    let Some(cluster) = world.cluster(id) else { return };
    let settled: Vec<_> = cluster
        .truth
        .groups
        .iter()
        .map(|(name, group)| (name.clone(), settled(world, id, name, group)))
        .collect();
    for (name, group) in settled {
        if world.cluster(id).and_then(|c| c.truth.groups.get(&name)) == Some(&group) {
            continue;
        }
        let opens = group.role == GroupRole::Service
            && group.resources.iter().any(|r| r.state == ResourceState::Online);
        let owner = group.owner.clone();
        if let Some(cluster) = world.cluster_mut(id) {
            cluster.truth.groups.insert(name.clone(), group);
        }
        if let Some(owner) = owner.filter(|_| opens) {
            world.open_data(id, &name, &owner);
        }
    }
}

fn settled(world: &World, id: &ClusterId, name: &kaketsugi_estate::GroupId, group: &GroupSeen) -> GroupSeen {
    let mut now = group.clone();
    let Some(server) = group.owner.as_ref().and_then(|owner| world.server(owner)) else { return now };
    let up = crate::members::is_member(server);
    let half_done = world.half_done(server);
    let cluster = world.cluster(id);
    for resource in &mut now.resources {
        let wanted =
            cluster.and_then(|c| c.hidden.get(name)).is_some_and(|h| h.wanted.contains(&resource.id));
        let broken = cluster.is_some_and(|c| {
            c.broken.iter().any(|(g, r, n)| g == name && *r == resource.id && Some(n) == group.owner.as_ref())
        });
        resource.state = match wanted && up {
            false => ResourceState::Offline,
            // An installer of the operating system leaves them alone; whoever is at work on them has stopped them.
            true if server.installing.is_some() => resource.state,
            // A service that can't start is stopped, as far as anybody sees.
            true if broken => ResourceState::Offline,
            // What was found running goes on until something stops it.
            true if half_done && resource.state != ResourceState::Online => ResourceState::Offline,
            true => ResourceState::Online,
        };
    }
    refresh(&mut now);
    now
}

impl World {
    /// Whether a release of the product is half installed on a server.
    fn half_done(&self, server: &Server) -> bool {
        let of_product =
            |release: &ReleaseId| self.facts.releases.get(release).is_none_or(|facts| facts.stops_product);
        server.truth.releases.iter().any(|(id, state)| *state == ReleaseState::Partial && of_product(id))
    }

    /// Whether a server stands alone, so that installers work on it in place.
    #[must_use]
    pub fn stands_alone(&self, node: &ServerId) -> bool {
        let cluster = self.cluster_of(node).and_then(|id| self.cluster(id));
        cluster.is_some_and(|c| c.truth.kind == ClusterKind::StandAlone)
    }

    /// Set-up of a service pack writes its build into the directory object of the server itself.
    pub(crate) fn upgrade_in_place(&mut self, node: &ServerId, release: &ReleaseId) {
        let build = self.facts.releases.get(release).and_then(|r| r.build.clone());
        let Some(id) = self.cluster_of(node).filter(|_| self.stands_alone(node)).cloned() else { return };
        let Some(cluster) = self.cluster_mut(&id).filter(|_| build.is_some()) else { return };
        for group in cluster.truth.groups.values_mut().filter(|g| g.version.is_some()) {
            group.version.clone_from(&build);
        }
    }

    /// Set-up that works where the data is may be the first to write them as the new version does, however it ends. What
    /// one that was cut off had left lying it starts at its end (`again`).
    pub(crate) fn write_in_place(&mut self, node: &ServerId, facts: &ReleaseFacts, again: bool) {
        let Some(id) = self.cluster_of(node).cloned() else { return };
        let Some(cluster) = self.cluster_mut(&id) else { return };
        for (name, group) in &cluster.truth.groups {
            let here = group.role == GroupRole::Service && group.owner.as_ref() == Some(node);
            let Some(hidden) = cluster.hidden.get_mut(name).filter(|_| here) else { continue };
            hidden.written.extend(facts.one_way.then(|| facts.id.clone()));
            if again {
                hidden.wanted.extend(group.resources.iter().map(|r| r.id.clone()));
            }
        }
    }

    /// The product's services stop for a program that works in place.
    pub(crate) fn stop_product(&mut self, node: &ServerId) {
        let Some(id) = self.cluster_of(node).cloned() else { return };
        let Some(cluster) = self.cluster_mut(&id) else { return };
        let here =
            |group: &&mut GroupSeen| group.role == GroupRole::Service && group.owner.as_ref() == Some(node);
        for group in cluster.truth.groups.values_mut().filter(here) {
            group.resources.iter_mut().for_each(|r| r.state = ResourceState::Offline);
            refresh(group);
        }
    }
}
