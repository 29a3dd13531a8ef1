//! What a world holds.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use kaketsugi_estate::{
    ClusterId, ClusterSeen, GroupId, Millis, PoolId, ReleaseId, ResourceId, ServerId, ServerSeen, Setting,
    SettingValue,
};

use crate::Harm;

/// An estate as it truly is.
///
/// Cheap to clone: servers and clusters are shared until they change. Two worlds are equal when nothing that can
/// come of them differs.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) facts: Arc<Facts>,
    pub(crate) servers: BTreeMap<ServerId, Arc<Server>>,
    pub(crate) clusters: BTreeMap<ClusterId, Arc<Cluster>>,
    pub(crate) harm: BTreeSet<Harm>,
    /// Pools that serve with two versions now.
    pub(crate) mixed: BTreeSet<PoolId>,
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.servers == other.servers
            && self.clusters == other.clusters
            && self.harm == other.harm
            && self.mixed == other.mixed
            && (Arc::ptr_eq(&self.facts, &other.facts) || self.facts == other.facts)
    }
}

impl Eq for World {}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Facts never change, so that worlds of one estate differ only in the rest.
        self.servers.hash(state);
        self.clusters.hash(state);
        self.harm.hash(state);
        self.mixed.hash(state);
    }
}

/// What never changes while a world goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    pub(crate) releases: BTreeMap<ReleaseId, ReleaseFacts>,
    pub(crate) taken_at: Millis,
    /// Settings by server as they were found: what must be there again at the end.
    pub(crate) settings: BTreeMap<ServerId, BTreeMap<Setting, SettingValue>>,
    /// Servers that the snapshot named; members of clusters that it didn't name are in the world all the same.
    pub(crate) listed: BTreeSet<ServerId>,
}

/// What the world must know of a release to carry out its install.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReleaseFacts {
    /// Its id.
    pub id: ReleaseId,
    /// Whether data that the new version has opened is closed to the old one.
    pub one_way: bool,
    /// Whether a virtual server must be upgraded before it comes online on a node with this release, and can't come
    /// online on a node without it afterwards (E03-CLU-09-UPGRADE-EVS, E03-CLU-11-PINNED).
    pub group_upgrade: bool,
    /// The build afterwards.
    pub build: Option<String>,
    /// Whether the cluster service must run (yes), be stopped (no), or doesn't matter (None) while it is installed.
    pub service: Option<bool>,
    /// Whether an interrupted installer may be started again unasked: the package manager's, after its
    /// `dpkg --configure -a`.
    pub resumable: bool,
    /// Whether it is installed from files that were staged on the node.
    pub from_stage: bool,
    /// Whether its installer stops the product's services on a server that stands alone, and starts them again.
    pub stops_product: bool,
    /// Whether servers of a pool may not serve together while some have it and some don't (E03-FE-TOGETHER).
    pub alike_in_pools: bool,
    /// Whether it is installed where the product's group is, on a cluster (E55-CLU-ACTIVE-FIRST).
    pub in_place: bool,
    /// Whether the optimizer has to be run after it (E55-PERFWIZ).
    pub optimizer: bool,
}

/// A server: what a probe on it would see, and what no probe sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    /// What a probe that reaches it sees.
    pub(crate) truth: ServerSeen,
    /// Whether it has power and its system runs.
    pub(crate) power: bool,
    /// Whether it runs and neither answers nor hears anybody.
    pub(crate) cut_off: bool,
    /// Whether its cluster service runs.
    pub(crate) service: bool,
    /// Whether the cluster was told to keep groups off it.
    pub(crate) standby: bool,
    /// Whether the cluster was told to leave its groups alone.
    pub(crate) maintenance: bool,
    /// votequorum's memory of having been quorate since its service started; see [`crate::members`].
    pub(crate) formed: bool,
    /// It left its cluster without saying so, and isn't known to be down.
    pub(crate) lost: bool,
    /// How often it was started.
    pub(crate) boots: u32,
    /// The release whose installer, started by a command of ours, runs.
    pub(crate) installing: Option<ReleaseId>,
    /// The package manager was interrupted and refuses everything but `dpkg --configure -a`.
    pub(crate) interrupted: bool,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Cluster {
    /// What a probe that reaches a member sees.
    pub(crate) truth: ClusterSeen,
    /// What no probe sees of the groups.
    pub(crate) hidden: BTreeMap<GroupId, Hidden>,
    /// Resources that can't start on a node, until somebody repairs it.
    pub(crate) broken: BTreeSet<(GroupId, ResourceId, ServerId)>,
}

/// What no probe sees of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Hidden {
    /// Resources that the cluster has to keep online, wherever the group is.
    pub(crate) wanted: BTreeSet<ResourceId>,
    /// One-way releases whose version has opened the group's data.
    pub(crate) written: BTreeSet<ReleaseId>,
    /// Whether its upgrade (E03-CLU-09-UPGRADE-EVS) is in work.
    pub(crate) upgrading: bool,
}

impl World {
    pub(crate) fn server(&self, node: &ServerId) -> Option<&Server> {
        self.servers.get(node).map(AsRef::as_ref)
    }

    pub(crate) fn server_mut(&mut self, node: &ServerId) -> Option<&mut Server> {
        self.servers.get_mut(node).map(Arc::make_mut)
    }

    pub(crate) fn cluster(&self, cluster: &ClusterId) -> Option<&Cluster> {
        self.clusters.get(cluster).map(AsRef::as_ref)
    }

    pub(crate) fn cluster_mut(&mut self, cluster: &ClusterId) -> Option<&mut Cluster> {
        self.clusters.get_mut(cluster).map(Arc::make_mut)
    }

    /// The cluster that a server is a node of.
    #[must_use]
    pub fn cluster_of(&self, node: &ServerId) -> Option<&ClusterId> {
        self.clusters.iter().find(|(_, c)| c.truth.nodes.contains_key(node)).map(|(id, _)| id)
    }

    /// The node that has a group, online or not.
    #[must_use]
    pub fn owner(&self, cluster: &ClusterId, group: &GroupId) -> Option<&ServerId> {
        self.cluster(cluster)?.truth.groups.get(group)?.owner.as_ref()
    }

    /// Whether the users of a group are served: every resource that the cluster has to keep online is online, and there is
    /// one. Of a server in a pool: whether any server of the pool serves them.
    #[must_use]
    pub fn serves(&self, cluster: &ClusterId, group: &GroupId) -> bool {
        self.pool_serves(cluster).unwrap_or_else(|| self.is_online(cluster, group))
    }

    pub(crate) fn is_online(&self, cluster: &ClusterId, group: &GroupId) -> bool {
        self.cluster(cluster)
            .and_then(|c| c.truth.groups.get(group))
            .is_some_and(|g| g.state == kaketsugi_estate::GroupState::Online)
    }

    /// Whether a release, or something newer, is whole on a server, be it reached or not.
    #[must_use]
    pub fn installed(&self, node: &ServerId, release: &ReleaseId) -> bool {
        self.server(node).is_some_and(|server| server.truth.has(release))
    }

    /// Whether the server answers a probe.
    #[must_use]
    pub fn answers(&self, node: &ServerId) -> bool {
        self.server(node).is_some_and(Server::answers)
    }
}

impl Server {
    pub(crate) fn answers(&self) -> bool {
        self.power && !self.cut_off && self.truth.reached
    }

    /// A field that is added doesn't compile here until somebody has thought about it.
    fn hash_but_boots<H: Hasher>(&self, state: &mut H) {
        let Self {
            truth,
            power,
            cut_off,
            service,
            standby,
            maintenance,
            formed,
            lost,
            boots: _,
            installing,
            interrupted,
        } = self;
        let ServerSeen {
            reached,
            unreached_why,
            boot: _,
            version,
            releases,
            cluster_service,
            restart_pending,
            installer_running,
            staged,
            settings,
            lock,
            trouble,
            connector,
            optimized,
        } = truth;
        (power, cut_off, service, standby, maintenance, formed, lost, installing, interrupted).hash(state);
        (reached, unreached_why, version, releases, cluster_service).hash(state);
        (restart_pending, installer_running, staged, settings, lock, trouble, connector, optimized)
            .hash(state);
    }

    pub(crate) fn has(&self, release: &ReleaseId) -> bool {
        use kaketsugi_estate::ReleaseState::{Installed, Newer, Partial};
        // A release that is half there may already have put its new files in place.
        matches!(self.truth.releases.get(release), Some(Installed | Newer | Partial))
    }
}

impl World {
    /// Hashes all but which boot each server is in. Worlds that differ in nothing else go on alike; whether a server
    /// has started anew since some moment is for whoever remembers that moment.
    pub fn hash_but_boots<H: Hasher>(&self, state: &mut H) {
        for (id, server) in &self.servers {
            id.hash(state);
            server.hash_but_boots(state);
        }
        self.clusters.hash(state);
        self.harm.hash(state);
        self.mixed.hash(state);
    }

    /// Whether the server is a member of the cluster now.
    #[must_use]
    pub fn is_member(&self, cluster: &ClusterId, node: &ServerId) -> bool {
        self.members(cluster).contains(node)
    }
}
