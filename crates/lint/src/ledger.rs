//! The books: what the estate is like between two steps, as far as can be told from the plan alone.
//!
//! Where a group goes when its node is drained is the cluster's choice. It isn't simulated here: a group is in *one of
//! several* places, the best-scored ones, until a step's `expects` names the place.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{
    ClusterId, ClusterKind, ClusterSeen, GroupId, GroupRole, GroupSeen, GroupState, NodeState, PoolId,
    ReleaseId, ReleaseState, ResourceState, ServerId,
};
use kaketsugi_plan::{Action, Condition, Plan, Step};

/// Whether the cluster service of a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Running,
    Stopped,
    /// After a restart: the service starts by itself, unless its start type was changed.
    Starting,
}

/// A server, clustered or not.
#[derive(Debug, Clone)]
pub(crate) struct Node<'p> {
    /// None: it stands alone, or nothing is known of what it carries.
    pub(crate) cluster: Option<&'p ClusterId>,
    /// The pool that it is balanced in: only of servers that stand alone.
    pub(crate) pool: Option<&'p PoolId>,
    pub(crate) service: Service,
    /// In standby, or out of its pool, whoever ordered it.
    pub(crate) standby: bool,
    /// Put into standby, or taken out of its pool, by a step of this plan.
    pub(crate) drained: bool,
    /// Paused by a step of this plan: it takes no groups and keeps those that it has.
    pub(crate) paused: bool,
    /// Stopped by a step of this plan.
    pub(crate) stopped: bool,
    pub(crate) quiet: bool,
    pub(crate) staged: BTreeSet<&'p ReleaseId>,
    pub(crate) installed: BTreeSet<&'p ReleaseId>,
    /// The plan's release was found there by half, and nothing has completed it yet.
    pub(crate) half_done: bool,
}

/// A group of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Group<'p> {
    pub(crate) seen: &'p GroupSeen,
    /// Where it may be; empty: nowhere.
    pub(crate) at: BTreeSet<&'p ServerId>,
    pub(crate) serving: bool,
    /// Taken offline by a step of this plan, or found half-done.
    pub(crate) offline: bool,
    /// Its data or directory object carries the new version.
    pub(crate) upgraded: bool,
}

impl<'p> Group<'p> {
    /// The node that has it, where that is certain.
    pub(crate) fn owner(&self) -> Option<&'p ServerId> {
        let mut at = self.at.iter();
        match (at.next(), at.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    pub(crate) fn serves_users(&self) -> bool {
        self.seen.role == GroupRole::Service
    }

    /// How willingly it runs on a node. None: it can't. A negative score keeps a resource away from a node.
    pub(crate) fn score(&self, node: &ServerId) -> Option<i32> {
        self.seen.placement.scores.get(node).copied().filter(|score| *score >= 0)
    }
}

/// A group's key.
pub(crate) type Key<'p> = (&'p ClusterId, &'p GroupId);

/// The state of all servers and groups between two steps.
#[derive(Debug, Clone)]
pub(crate) struct Ledger<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) nodes: BTreeMap<&'p ServerId, Node<'p>>,
    pub(crate) groups: BTreeMap<Key<'p>, Group<'p>>,
}

impl<'p> Ledger<'p> {
    /// What the snapshot says.
    pub(crate) fn open(plan: &'p Plan) -> Self {
        let snapshot = &plan.snapshot;
        let mut nodes = BTreeMap::new();
        for (id, server) in &snapshot.servers {
            let unit = snapshot.clusters.iter().find_map(|(c, seen)| Some((c, seen, seen.nodes.get(id)?)));
            let member = unit.filter(|(_, seen, _)| seen.kind != ClusterKind::StandAlone);
            // Of a server that stands alone a cluster service, where there is one, has nothing to say.
            let stopped = member.is_some_and(|(_, _, node)| {
                !matches!(node.state, NodeState::Online | NodeState::Standby)
                    || server.cluster_service == Some(false)
            });
            nodes.insert(
                id,
                Node {
                    cluster: member.map(|(cluster, ..)| cluster),
                    pool: unit.and_then(|(_, seen, _)| seen.pool.as_ref()),
                    service: if stopped { Service::Stopped } else { Service::Running },
                    standby: unit.is_some_and(|(_, _, node)| node.state == NodeState::Standby),
                    drained: false,
                    paused: false,
                    stopped: false,
                    quiet: false,
                    staged: server.staged.iter().collect(),
                    installed: server
                        .releases
                        .iter()
                        .filter(|(_, state)| state.is_whole())
                        .map(|(release, _)| release)
                        .collect(),
                    half_done: server.releases.get(&plan.payload.id) == Some(&ReleaseState::Partial),
                },
            );
        }
        let mut groups = BTreeMap::new();
        for (cluster, seen) in &snapshot.clusters {
            for (id, group) in &seen.groups {
                let mut opened = opening(plan, group);
                // An installer that was cut off has stopped what the server carries; users need all of it.
                let in_place = plan.payload.in_place && group.role == GroupRole::Service;
                if (seen.kind == ClusterKind::StandAlone || in_place) && half_done(plan, group) {
                    opened.serving = group.state == GroupState::Online;
                    opened.offline = !opened.serving;
                    // It may have been the first to write there as the new version does.
                    opened.upgraded |= in_place;
                }
                groups.insert((cluster, id), opened);
            }
        }
        Self { plan, nodes, groups }
    }

    /// The books after a step.
    pub(crate) fn after(&self, step: &'p Step) -> Self {
        let mut next = self.clone();
        next.act(&step.action);
        // The plan's own word on where a group is afterwards, which a run holds it to; where that can be at all.
        for condition in &step.expects {
            let Condition::Owner { cluster, group, node } = condition else { continue };
            let takes = next.carries(node);
            if let Some(group) = next.groups.get_mut(&(cluster, group))
                && (group.at.contains(node) || takes && group.score(node).is_some())
            {
                group.at = BTreeSet::from([node]);
            }
        }
        next
    }

    fn act(&mut self, action: &'p Action) {
        match action {
            Action::Attest { .. } | Action::Soak { .. } | Action::Verify { .. } => {}
            Action::Stage { node, release } => self.on(node, |n| _ = n.staged.insert(release)),
            Action::Quiet { node } => self.on(node, |n| n.quiet = true),
            Action::PutBack { node } => self.on(node, |n| n.quiet = false),
            Action::Drain { node, .. } => {
                // One that was found in standby is in nobody's way: it isn't ours to bring back.
                self.on(node, |n| (n.standby, n.drained) = (true, n.drained || !n.standby));
                self.leave(node);
            }
            Action::Pause { node, .. } => {
                self.on(node, |n| (n.standby, n.paused) = (true, n.paused || !n.standby));
            }
            Action::Readmit { cluster, node } => {
                self.on(node, |n| (n.standby, n.drained, n.paused) = (false, false, false));
                self.invite(cluster, node);
            }
            Action::Move { cluster, group, to, .. } => {
                if let Some(group) = self.groups.get_mut(&(cluster, group)) {
                    group.at = BTreeSet::from([to]);
                }
                self.touch(cluster, group);
            }
            Action::TakeOffline { cluster, group } => {
                if let Some(group) = self.groups.get_mut(&(cluster, group)) {
                    (group.serving, group.offline) = (false, true);
                }
            }
            Action::UpgradeGroup { cluster, group, .. } => {
                if let Some(group) = self.groups.get_mut(&(cluster, group)) {
                    group.upgraded = true;
                }
            }
            Action::BringOnline { cluster, group, .. } => {
                if let Some(group) = self.groups.get_mut(&(cluster, group)) {
                    (group.serving, group.offline) = (true, false);
                }
                self.touch(cluster, group);
            }
            Action::StopService { node, .. } => {
                self.on(node, |n| (n.service, n.stopped) = (Service::Stopped, true));
                self.leave(node);
            }
            Action::StartService { cluster, node } => {
                self.on(node, |n| (n.service, n.stopped) = (Service::Running, false));
                self.invite(cluster, node);
            }
            // It starts again what it stops.
            Action::Optimize { .. } => {}
            Action::Install { node, release } => {
                let of_plan = self.plan.payload.id == *release;
                self.on(node, |n| {
                    n.installed.insert(release);
                    n.half_done &= !of_plan;
                });
                // At its end the installer starts what it stopped, and what an earlier one left lying.
                let whole = self.plan.payload.id == *release;
                let of_system = self.plan.payload.find(release).is_some_and(|payload| payload.of_system);
                for group in self.worked_on_in_place(node, whole).filter(|_| !of_system) {
                    (group.serving, group.offline) = (group.serving || group.offline, false);
                    group.upgraded |= whole;
                }
            }
            // What a server carries that stands alone starts with it.
            Action::Restart { node } if self.cluster_of(node).is_none() => {}
            Action::Restart { node } => {
                self.on(node, |n| n.service = Service::Starting);
                self.leave(node);
            }
        }
    }

    /// What is on a node while set-up works there in place: on a server that stands alone, or where the plan's own release
    /// is made for it.
    fn worked_on_in_place(&mut self, node: &ServerId, whole: bool) -> impl Iterator<Item = &mut Group<'p>> {
        let in_place = self.cluster_of(node).is_none() || whole && self.plan.payload.in_place;
        self.groups.values_mut().filter(move |g| in_place && g.serves_users() && g.at.contains(node))
    }

    fn on(&mut self, node: &ServerId, change: impl FnOnce(&mut Node<'p>)) {
        if let Some(node) = self.nodes.get_mut(node) {
            change(node);
        }
    }

    /// The cluster takes everything off a node; what a server carries that stands alone stays where it is.
    fn leave(&mut self, node: &ServerId) {
        if self.cluster_of(node).is_none() {
            return;
        }
        let keys: Vec<Key<'p>> =
            self.groups.iter().filter(|(_, g)| g.at.contains(node)).map(|(key, _)| *key).collect();
        for key in keys {
            let best = self.best(key, node);
            let Some(group) = self.groups.get_mut(&key) else { continue };
            group.at.remove(node);
            if group.at.is_empty() {
                group.at = best;
            }
            group.serving &= !group.at.is_empty();
            self.touch(key.0, key.1);
        }
    }

    /// A node can carry groups again; those that like it better than where they are go there by themselves.
    fn invite(&mut self, cluster: &'p ClusterId, node: &'p ServerId) {
        if self.plan.snapshot.clusters.get(cluster).is_none_or(|c| c.kind != ClusterKind::Pacemaker) {
            // Failback is off while the run lasts, and a balancer moves nothing.
            return;
        }
        let carries = self.carries(node);
        for group in self.groups.iter_mut().filter(|(key, _)| key.0 == cluster).map(|(_, group)| group) {
            let Some(score) = group.score(node).filter(|_| carries) else { continue };
            if group.at.is_empty() && group.seen.state != GroupState::Offline {
                (group.at, group.serving) = (BTreeSet::from([node]), true);
                continue;
            }
            let here =
                |at: &ServerId| group.score(at).unwrap_or(0).saturating_add(group.seen.placement.stickiness);
            let likes: Vec<(i32, &'p ServerId)> = group.at.iter().map(|at| (here(at), *at)).collect();
            if !likes.is_empty() && likes.iter().all(|(like, _)| *like < score) {
                group.at = BTreeSet::from([node]);
            } else if likes.iter().any(|(like, _)| *like < score || (*like == score && score == 0)) {
                // At score zero on both sides the cluster balances as it likes.
                group.at.insert(node);
            }
        }
    }

    /// What opens with the new version once it runs on a patched node.
    fn touch(&mut self, cluster: &'p ClusterId, group: &'p GroupId) {
        let payload = &self.plan.payload;
        if !payload.one_way || payload.group_upgrade {
            return;
        }
        let patched = |id: &ServerId| self.patched(id);
        let Some(found) = self.groups.get(&(cluster, group)) else { return };
        if found.serving && !found.at.is_empty() && found.at.iter().any(|n| patched(n)) {
            self.groups.entry((cluster, group)).and_modify(|g| g.upgraded = true);
        }
    }

    /// Where a group can go when it leaves a node: the nodes with the best score.
    fn best(&self, key: Key<'p>, leaving: &ServerId) -> BTreeSet<&'p ServerId> {
        let Some(group) = self.groups.get(&key) else { return BTreeSet::new() };
        let able: Vec<(i32, &'p ServerId)> = self
            .cluster_nodes(key.0)
            .filter(|(id, _)| *id != leaving && self.carries(id))
            .filter_map(|(id, _)| Some((group.score(id)?, id)))
            .collect();
        let top = able.iter().map(|(score, _)| *score).max();
        able.into_iter().filter(|(score, _)| Some(*score) == top).map(|(_, id)| id).collect()
    }

    /// The pool of the server that carries a group.
    pub(crate) fn pool_of(&self, key: Key<'p>) -> Option<&'p PoolId> {
        self.plan.snapshot.clusters.get(key.0)?.pool.as_ref()
    }

    /// Servers of a pool that are given requests and answer them.
    pub(crate) fn answering(&self, pool: &PoolId) -> BTreeSet<&'p ServerId> {
        let mates = self.nodes.iter().filter(|(_, n)| n.pool == Some(pool) && !n.standby);
        let serves = |id: &ServerId| self.groups_on(id).all(|(_, g)| g.serving || !g.serves_users());
        mates.map(|(id, _)| *id).filter(|id| serves(id)).collect()
    }

    /// Whether the users of a group are served: by the server that carries it, or by any of its pool.
    pub(crate) fn served(&self, key: Key<'p>) -> bool {
        match self.pool_of(key) {
            Some(pool) => !self.answering(pool).is_empty(),
            None => self.groups.get(&key).is_some_and(|g| g.serving),
        }
    }

    /// Whether a node can carry groups now.
    pub(crate) fn carries(&self, node: &ServerId) -> bool {
        self.nodes.get(node).is_some_and(|n| n.service == Service::Running && !n.standby)
    }

    /// Whether the plan's release is on a node.
    pub(crate) fn patched(&self, node: &ServerId) -> bool {
        self.nodes.get(node).is_some_and(|n| n.installed.contains(&self.plan.payload.id))
    }

    /// Whether a node may carry this group, by the version of what the group carries.
    pub(crate) fn fits(&self, group: &Group<'p>, node: &ServerId) -> bool {
        let payload = &self.plan.payload;
        // Neither the old version nor the new one.
        let half_done = self.nodes.get(node).is_some_and(|n| n.half_done);
        if half_done && payload.group_upgrade && is_product_group(self.plan, group) {
            return false;
        }
        match (group.upgraded, self.patched(node)) {
            (true, patched) => patched || !payload.one_way && !payload.group_upgrade,
            // A virtual server that isn't upgraded doesn't come online on a patched node (E03-DIAG-1025).
            (false, true) => !payload.group_upgrade || !is_product_group(self.plan, group),
            (false, false) => true,
        }
    }

    /// The nodes of a cluster.
    pub(crate) fn cluster_nodes(
        &self,
        cluster: &ClusterId,
    ) -> impl Iterator<Item = (&'p ServerId, &Node<'p>)> + use<'_, 'p> {
        let cluster = self.plan.snapshot.clusters.get_key_value(cluster).map(|(id, _)| id);
        self.nodes
            .iter()
            .filter(move |(_, n)| n.cluster.is_some() && n.cluster == cluster)
            .map(|(id, n)| (*id, n))
    }

    /// Groups that may be on a node.
    pub(crate) fn groups_on(&self, node: &ServerId) -> impl Iterator<Item = (Key<'p>, &Group<'p>)> {
        self.groups.iter().filter(move |(_, g)| g.at.contains(node)).map(|(key, g)| (*key, g))
    }

    /// The cluster of a node.
    pub(crate) fn cluster_of(&self, node: &ServerId) -> Option<&'p ClusterId> {
        self.nodes.get(node)?.cluster
    }

    /// The kind of a node's cluster.
    pub(crate) fn kind_of(&self, node: &ServerId) -> Option<ClusterKind> {
        self.kind(self.cluster_of(node)?)
    }

    /// The kind of a cluster.
    pub(crate) fn kind(&self, cluster: &ClusterId) -> Option<ClusterKind> {
        Some(self.plan.snapshot.clusters.get(cluster)?.kind)
    }

    /// Whether a cluster has quorum with these members.
    pub(crate) fn quorate(cluster: &ClusterSeen, members: usize) -> bool {
        let votes = cluster.nodes.len();
        match cluster.kind {
            ClusterKind::Windows => members >= 1,
            ClusterKind::StandAlone => true,
            ClusterKind::Pacemaker if cluster.quorum.two_node && votes == 2 => members >= 1,
            ClusterKind::Pacemaker => 2 * members > votes,
        }
    }
}

/// Whether what the plan installs, or needs first, was found half installed on a group's owner.
pub(crate) fn half_done(plan: &Plan, group: &GroupSeen) -> bool {
    let owner = group.owner.as_ref().and_then(|owner| plan.snapshot.servers.get(owner));
    let payload = &plan.payload;
    owner.is_some_and(|seen| payload.first.iter().chain([payload]).any(|part| seen.has_half_of(&part.id)))
}

fn opening<'p>(plan: &'p Plan, seen: &'p GroupSeen) -> Group<'p> {
    let online =
        |kept: bool| seen.resources.iter().any(|r| r.state == ResourceState::Online && r.kept_online == kept);
    let serving = match seen.state {
        GroupState::Online => true,
        GroupState::Partial => online(false),
        GroupState::Offline | GroupState::Failed | GroupState::Pending => false,
    };
    let build = |text: &str| text.parse::<kaketsugi_knowledge::Build>().ok();
    let upgraded = match (&seen.version, &plan.payload.to_build) {
        (Some(version), Some(to)) => match (build(version), build(to)) {
            (Some(version), Some(to)) => version >= to,
            _ => version == to,
        },
        _ => false,
    };
    Group { seen, at: seen.owner.iter().collect(), serving, offline: !serving && online(true), upgraded }
}

/// Whether a group is one of the product: an Exchange virtual server, not a file share beside it.
pub(crate) fn is_product_group(plan: &Plan, group: &Group<'_>) -> bool {
    let product = plan.payload.product.as_str();
    let of_product = |kind: &str| {
        let mut profiles = kaketsugi_knowledge::profiles().iter().filter(|p| p.product == product);
        profiles.any(|profile| profile.is_product_type(kind))
    };
    group.serves_users() && group.seen.resources.iter().map(|r| r.kind.as_str()).any(of_product)
}
