//! Where everything stands while the plan is written: one cluster, step by step.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use kaketsugi_estate::{
    ClusterId, ClusterKind, ClusterSeen, Estate, GroupId, GroupRole, GroupSeen, GroupState, Home, NodeState,
    ReleaseState, ResourceId, ResourceState, ServerId, Snapshot,
};
use kaketsugi_knowledge::{Profile, profiles};
use kaketsugi_plan::{Condition, Content, Exposure, Finding, Interruption, Payload, Phase, ServiceNeed};
use kaketsugi_world::{Command, Refusal, ReleaseFacts, World};

use crate::{Refused, pools};

/// One cluster in the state that the steps written so far lead to.
pub(crate) struct Board<'a> {
    pub(crate) estate: &'a Estate,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) payload: &'a Payload,
    pub(crate) cluster: ClusterId,
    pub(crate) seen: &'a ClusterSeen,
    pub(crate) profile: &'static Profile,
    /// The whole estate as the steps written so far leave it: a failure elsewhere is exposed by every step.
    worlds: Rc<RefCell<Worlds>>,
    /// Who has which group.
    pub(crate) owner: BTreeMap<GroupId, ServerId>,
    /// Nodes at the release.
    pub(crate) patched: BTreeSet<ServerId>,
    /// The first node that this plan patches.
    pub(crate) first_patched: Option<ServerId>,
    /// Nodes that take no groups.
    pub(crate) drained: BTreeSet<ServerId>,
    /// Those of them that are paused so that no group goes back to an old version: by us, or by a run before.
    pub(crate) held_back: BTreeSet<ServerId>,
    /// Nodes that were found so, and are meant to stay so.
    pub(crate) stays_in_standby: BTreeSet<ServerId>,
    /// Nodes whose cluster service is stopped.
    pub(crate) stopped: BTreeSet<ServerId>,
    /// Groups whose directory object is at the release already.
    pub(crate) upgraded: BTreeSet<GroupId>,
    /// Groups whose first move onto a patched node is done.
    pub(crate) carried_over: BTreeSet<GroupId>,
    /// Groups that are offline but for their kept-online set.
    pub(crate) offline: BTreeSet<GroupId>,
    /// Groups whose last planned move was one of an online group onto a patched node.
    pub(crate) proven: BTreeSet<GroupId>,
}

/// The estate as the steps written so far leave it.
pub(crate) struct Worlds {
    /// Where every restart was asked for.
    asked: World,
    /// Where none was: what is exposed can differ.
    unasked: World,
    /// As it was seen.
    found: World,
}

impl Worlds {
    /// As it was seen.
    pub(crate) fn of(snapshot: &Snapshot, payload: &Payload) -> Rc<RefCell<Self>> {
        let world = World::with_releases(snapshot, releases(payload));
        Rc::new(RefCell::new(Self { asked: world.clone(), unasked: world.clone(), found: world }))
    }
}

impl<'a> Board<'a> {
    pub(crate) fn new(
        estate: &'a Estate,
        snapshot: &'a Snapshot,
        payload: &'a Payload,
        worlds: &Rc<RefCell<Worlds>>,
        cluster: &ClusterId,
    ) -> Result<Self, Refused> {
        let unknown = |what: &str| Refused {
            findings: vec![Finding {
                code: "plan/unknown".into(),
                symptom: format!("{cluster}: {what}"),
                cause: "without it no order can be called safe".into(),
                remedy: "Look why it could not be read, then plan again.".into(),
                cites: Vec::new(),
            }],
        };
        let seen = snapshot.clusters.get(cluster).ok_or_else(|| unknown("its state was not seen"))?;
        let profile = profiles()
            .get(payload.product.as_str(), seen.kind)
            .ok_or_else(|| unknown("nothing is known of this product on this kind of cluster"))?;
        let mut board = Self {
            estate,
            snapshot,
            payload,
            cluster: cluster.clone(),
            seen,
            profile,
            worlds: Rc::clone(worlds),
            owner: seen.groups.iter().filter_map(|(id, g)| Some((id.clone(), g.owner.clone()?))).collect(),
            patched: BTreeSet::new(),
            first_patched: None,
            drained: BTreeSet::new(),
            held_back: BTreeSet::new(),
            stays_in_standby: BTreeSet::new(),
            stopped: BTreeSet::new(),
            upgraded: BTreeSet::new(),
            carried_over: BTreeSet::new(),
            offline: BTreeSet::new(),
            proven: BTreeSet::new(),
        };
        for node in seen.nodes.keys() {
            if board.release_on(node).is_some_and(ReleaseState::is_whole) {
                board.patched.insert(node.clone());
            }
            match seen.nodes.get(node).map(|n| n.state) {
                Some(NodeState::Standby) => {
                    board.drained.insert(node.clone());
                }
                Some(NodeState::Offline) => {
                    board.stopped.insert(node.clone());
                }
                _ => {}
            }
        }
        let upgrades = board.upgrades_groups();
        for (id, group) in &seen.groups {
            // Set-up that works where the group is may have written its data before it was cut off.
            let new = |o: &ServerId| board.patched.contains(o) || board.begun_in_place(o);
            let on_patched = group.owner.as_ref().is_some_and(new);
            let at_release = payload.to_build.is_some() && group.version == payload.to_build;
            if at_release {
                board.upgraded.insert(id.clone());
            }
            if on_patched && (at_release || !upgrades) {
                board.carried_over.insert(id.clone());
            }
            let begun = || group.owner.as_ref().is_some_and(|owner| board.begun_in_place(owner));
            let lies_still = || group.state != GroupState::Online && board.serves(id);
            if only_kept_online(group) || begun() && lies_still() {
                board.offline.insert(id.clone());
            }
        }
        // Where upgraded databases are on a patched node, an old one is paused so that they don't come back to it; nobody
        // can mean that to outlast its own patch.
        let upgraded = board.service_groups().iter().any(|group| board.carried_over.contains(group));
        let (held_back, stays): (BTreeSet<_>, BTreeSet<_>) = board
            .drained
            .iter()
            .cloned()
            .partition(|node| board.opens_for_good() && upgraded && !board.patched.contains(node));
        (board.held_back, board.stays_in_standby) = (held_back, stays);
        Ok(board)
    }

    /// Whether this is one server by itself, on which an installer works in place.
    pub(crate) fn stands_alone(&self) -> bool {
        self.seen.kind == ClusterKind::StandAlone
    }

    /// Whether set-up works on a node where the product's groups are: on a server that stands alone, and on a cluster's
    /// node that carries some, where the release is made for it (E55-CLU-ACTIVE-FIRST).
    pub(crate) fn works_in_place(&self, node: &ServerId) -> bool {
        self.stands_alone() || self.payload.in_place && !self.service_groups_on(node).is_empty()
    }

    /// Whether set-up that works where a cluster's groups are was found cut off on a node.
    pub(crate) fn begun_in_place(&self, node: &ServerId) -> bool {
        self.payload.in_place && !self.stands_alone() && self.release_on(node) == Some(ReleaseState::Partial)
    }

    /// Whether groups are upgraded after their nodes (E03-CLU-09-UPGRADE-EVS). On a server that stands alone the installer
    /// does all that there is to do.
    pub(crate) fn upgrades_groups(&self) -> bool {
        self.payload.group_upgrade && !self.stands_alone()
    }

    /// How far the release is on a node.
    pub(crate) fn release_on(&self, node: &ServerId) -> Option<ReleaseState> {
        self.snapshot.servers.get(node)?.releases.get(&self.payload.id).copied()
    }

    /// Nodes that are not at the release.
    pub(crate) fn to_do(&self) -> Vec<ServerId> {
        self.seen.nodes.keys().filter(|n| !self.patched.contains(*n)).cloned().collect()
    }

    /// Whether a node or a group of this cluster still needs something.
    pub(crate) fn anything_to_do(&self) -> bool {
        !self.to_do().is_empty()
            || !self.groups_to_upgrade().is_empty()
            || !self.offline.is_empty()
            || self.seen.nodes.keys().any(|node| self.owes_optimizer(node))
            || pools::all_were_out(self)
    }

    /// Whether the optimizer is to be run on a node: it carries the product, and either this plan runs set-up there or
    /// somebody did and left it out (E55-PERFWIZ).
    pub(crate) fn owes_optimizer(&self, node: &ServerId) -> bool {
        let seen = self.snapshot.servers.get(node);
        let left_out = || seen.is_some_and(|seen| seen.optimized != Some(true));
        let due = self.release_on(node).is_none_or(|state| !state.is_whole());
        self.payload.optimizer && !self.service_groups_on(node).is_empty() && (due || left_out())
    }

    /// Groups whose directory object has yet to be upgraded.
    pub(crate) fn groups_to_upgrade(&self) -> Vec<GroupId> {
        if !self.upgrades_groups() {
            return Vec::new();
        }
        self.service_groups().into_iter().filter(|g| !self.upgraded.contains(g)).collect()
    }

    /// Groups that serve users and are meant to run.
    pub(crate) fn service_groups(&self) -> Vec<GroupId> {
        self.owner.keys().filter(|g| self.serves(g)).cloned().collect()
    }

    fn serves(&self, group: &GroupId) -> bool {
        self.seen.groups.get(group).is_some_and(|g| {
            g.role == GroupRole::Service
                && (self.seen.kind != ClusterKind::Windows
                    || g.resources.iter().any(|r| self.profile.is_product_type(&r.kind)))
        })
    }

    /// All groups on a node, the cluster group included.
    pub(crate) fn groups_on(&self, node: &ServerId) -> Vec<GroupId> {
        self.owner.iter().filter(|(_, o)| *o == node).map(|(g, _)| g.clone()).collect()
    }

    /// Groups on a node whose users notice when they move.
    pub(crate) fn service_groups_on(&self, node: &ServerId) -> Vec<GroupId> {
        self.groups_on(node).into_iter().filter(|g| self.serves(g)).collect()
    }

    /// Whether the users of a group notice when it moves.
    pub(crate) fn noticed(&self, group: &GroupId) -> bool {
        self.seen.groups.get(group).is_some_and(|g| g.role == GroupRole::Service)
            && !self.offline.contains(group)
    }

    /// Nodes that may own a group: not excluded by the cluster, and at the release once the group is
    /// (E03-CLU-11-PINNED).
    pub(crate) fn eligible(&self, group: &GroupId) -> Vec<ServerId> {
        let Some(seen) = self.seen.groups.get(group) else { return Vec::new() };
        let pinned = self.upgrades_groups() && self.upgraded.contains(group);
        seen.placement
            .scores
            .iter()
            .filter(|(node, score)| {
                **score > -1_000_000
                    && self.seen.nodes.contains_key(*node)
                    && (!pinned || self.patched.contains(*node))
            })
            .map(|(node, _)| node.clone())
            .collect()
    }

    /// Whether a node's one store has room for a group beside those that are there. Where there would be several, the
    /// storage groups of each have to be known.
    pub(crate) fn has_room(&self, node: &ServerId, group: &GroupId) -> bool {
        let Some(most) = self.profile.storage_groups_max.filter(|_| self.serves(group)) else { return true };
        let there: Vec<GroupId> = self.service_groups_on(node).into_iter().filter(|g| g != group).collect();
        let count = |g: &GroupId| self.seen.groups.get(g).and_then(|g| g.storage_groups);
        there.is_empty()
            || there.iter().chain([group]).map(count).sum::<Option<u32>>().is_some_and(|all| all <= most)
    }

    /// Resources of a group that were online when the plan was made, and so are online at its end. A group that was
    /// found half-way through an upgrade is meant to be online as a whole.
    pub(crate) fn online_resources(&self, group: &GroupId) -> Vec<ResourceId> {
        let Some(seen) = self.seen.groups.get(group) else { return Vec::new() };
        let half_done =
            || seen.owner.as_ref().and_then(|o| self.release_on(o)) == Some(ReleaseState::Partial);
        let begun = || seen.owner.as_ref().is_some_and(|owner| self.begun_in_place(owner));
        let half_way = only_kept_online(seen) || self.stands_alone() && half_done() || begun();
        seen.resources
            .iter()
            .filter(|r| half_way || r.state == ResourceState::Online)
            .map(|r| r.id.clone())
            .collect()
    }

    /// Where a group is to be at the end. None: wherever the last planned move leaves it.
    pub(crate) fn home(&self, group: &GroupId) -> Option<ServerId> {
        match self.estate.policy.home.unwrap_or(self.profile.home) {
            Home::Stay => None,
            Home::Return => self.seen.groups.get(group)?.owner.clone(),
            Home::Preferred => {
                // A group that the estate file doesn't mention has the cluster's own preference.
                let listed = self.estate.clusters.get(&self.cluster).and_then(|c| c.groups.get(group));
                listed.and_then(|entry| entry.preferred.first().cloned()).or_else(|| {
                    let scores = &self.seen.groups.get(group)?.placement.scores;
                    scores.iter().max_by_key(|(_, score)| **score).map(|(node, _)| node.clone())
                })
            }
        }
    }

    /// Nodes that are out: drained by us or found so, or with a stopped cluster service.
    pub(crate) fn out(&self) -> BTreeSet<ServerId> {
        self.drained.union(&self.stopped).cloned().collect()
    }

    /// That nothing else is out while something happens to `node`. A node that is held back is there, and paused.
    pub(crate) fn others_online(&self, node: &ServerId) -> Vec<Condition> {
        let mut except: Vec<ServerId> = self.out().into_iter().collect();
        if !except.contains(node) {
            except.push(node.clone());
        }
        except.sort();
        let paused = self.held_back.iter().filter(|held| *held != node && !self.stopped.contains(*held));
        let paused = paused.map(|held| Condition::NodeState {
            cluster: self.cluster.clone(),
            node: held.clone(),
            state: NodeState::Standby,
        });
        let others = Condition::OthersOnline { cluster: self.cluster.clone(), except };
        [others].into_iter().chain(paused).collect()
    }

    /// Whether the release's new store upgrades what it opens, and nothing but us keeps an old one away from it
    /// (E00-AP-STORE-UPGRADE). A virtual server of 2003 doesn't come online on a node of another version.
    pub(crate) fn opens_for_good(&self) -> bool {
        self.seen.kind == ClusterKind::Windows && self.payload.one_way && !self.payload.group_upgrade
    }

    /// Health of every group that serves users and isn't offline on purpose.
    pub(crate) fn all_healthy(&self) -> Vec<Condition> {
        self.service_groups()
            .into_iter()
            .filter(|g| !self.offline.contains(g))
            .map(|group| Condition::Healthy { cluster: self.cluster.clone(), group })
            .collect()
    }

    /// Whose users a command cuts off, of a server that stands alone: its own, or those of the pool that it is in. They are
    /// cut off for a while, from then on, still, or until then, by what is so before, amid and after it.
    pub(crate) fn interruptions(&self, command: &Command, seconds: u32) -> Vec<Interruption> {
        let worlds = self.worlds.borrow();
        let (found, before) = (&worlds.found, &worlds.asked);
        let Ok(after) = before.command(command) else { return Vec::new() };
        let amid = before.midway(command);
        let pool = self.seen.pool.as_ref();
        let concerned = self
            .snapshot
            .clusters
            .iter()
            .filter(|(id, seen)| **id == self.cluster || pool.is_some() && seen.pool.as_ref() == pool);
        let mut all = Vec::new();
        for (cluster, group) in concerned.flat_map(|(id, seen)| seen.groups.keys().map(move |g| (id, g))) {
            let phase = match (before.serves(cluster, group), after.serves(cluster, group)) {
                (true, true) if amid.iter().all(|world| world.serves(cluster, group)) => continue,
                (true, true) => Phase::Whole,
                (true, false) => Phase::Begins,
                (false, true) => Phase::Ends,
                // One that was found so has not been begun by any step.
                (false, false) if !found.serves(cluster, group) => continue,
                (false, false) => Phase::LastsOn,
            };
            let expected_seconds = if phase == Phase::LastsOn { 0 } else { seconds };
            all.push(Interruption {
                cluster: cluster.clone(),
                group: group.clone(),
                phase,
                expected_seconds,
            });
        }
        all
    }

    /// Takes note of what a step does: gives back the groups that one node's failure would take down before, amid
    /// or after it, and moves the worlds on. None: the step only looks.
    pub(crate) fn act(&mut self, command: Option<&Command>) -> Result<Vec<Exposure>, Refused> {
        let quiet = command.map(|command| match command {
            Command::Install { node, release, agreed, .. } => Command::Install {
                node: node.clone(),
                release: release.clone(),
                restart_asked: false,
                agreed: *agreed,
            },
            other => other.clone(),
        });
        self.act_in_both(command, quiet.as_ref())
    }

    /// The same for a step that is carried out only when a restart is asked for.
    pub(crate) fn act_if_asked(&mut self, command: &Command) -> Result<Vec<Exposure>, Refused> {
        self.act_in_both(Some(command), None)
    }

    fn act_in_both(
        &mut self,
        asked: Option<&Command>,
        quiet: Option<&Command>,
    ) -> Result<Vec<Exposure>, Refused> {
        let mut worlds = self.worlds.borrow_mut();
        let mut exposures: BTreeMap<ServerId, BTreeSet<GroupId>> = BTreeMap::new();
        let both = [worlds.asked.exposures_during(asked), worlds.unasked.exposures_during(quiet)];
        for (node, groups) in both.into_iter().flat_map(BTreeMap::into_values).flatten() {
            exposures.entry(node).or_default().extend(groups);
        }
        worlds.asked = self.moved_on(&worlds.asked, asked)?;
        worlds.unasked = self.moved_on(&worlds.unasked, quiet)?;
        for (group, owner) in &mut self.owner {
            if let Some(now) = worlds.asked.owner(&self.cluster, group) {
                owner.clone_from(now);
            }
        }
        Ok(exposures
            .into_iter()
            .map(|(node, groups)| Exposure { node, groups: groups.into_iter().collect() })
            .collect())
    }

    /// Where the cluster itself would put the groups of a node that is drained now.
    pub(crate) fn predict_drain(&self, node: &ServerId) -> BTreeMap<GroupId, Option<ServerId>> {
        self.worlds.borrow().asked.predict_drain(&self.cluster, node)
    }

    fn moved_on(&self, world: &World, command: Option<&Command>) -> Result<World, Refused> {
        let Some(command) = command else { return Ok(world.clone()) };
        world.command(command).map_err(|why| self.impossible(command, &why))
    }

    fn impossible(&self, command: &Command, why: &Refusal) -> Refused {
        Refused {
            findings: vec![Finding {
                code: "plan/impossible".into(),
                symptom: format!("{}: a step of the plan could not be carried out: {command}", self.cluster),
                cause: why.to_string(),
                remedy: "This state of the cluster is not one that can be planned from; look at the cause."
                    .into(),
                cites: Vec::new(),
            }],
        }
    }
}

/// What the world must know of a release and of those that come first.
fn releases(payload: &Payload) -> Vec<ReleaseFacts> {
    payload
        .first
        .iter()
        .chain([payload])
        .map(|p| ReleaseFacts {
            id: p.id.clone(),
            one_way: p.one_way,
            group_upgrade: p.group_upgrade,
            build: p.to_build.clone(),
            service: match p.service {
                ServiceNeed::Stopped => Some(false),
                ServiceNeed::Running => Some(true),
                ServiceNeed::Either => None,
            },
            resumable: matches!(p.content, Content::Packages(_)),
            from_stage: !matches!(&p.content, Content::Media(media) if media.is_empty()),
            stops_product: !p.of_system,
            alike_in_pools: p.alike_in_pools,
            in_place: p.in_place,
            optimizer: p.optimizer,
        })
        .collect()
}

/// Whether a group is offline on purpose, but for what stays online while it is upgraded.
fn only_kept_online(group: &GroupSeen) -> bool {
    group.resources.iter().any(|r| r.kept_online)
        && group.resources.iter().any(|r| !r.kept_online)
        && group.resources.iter().all(|r| (r.state == ResourceState::Online) == r.kept_online)
}
