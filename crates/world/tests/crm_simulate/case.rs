//! A cluster state of our own and one thing that happens to it.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{
    ClusterId, ClusterKind, ClusterSeen, GroupId, GroupRole, GroupSeen, GroupState, NodeSeen, NodeState,
    Placement, QuorumSeen, ResourceId, ResourceSeen, ResourceState, ServerId, ServerSeen, Snapshot,
};
use kaketsugi_world::{Command, Fault, World};

/// Pacemaker's INFINITY.
pub(crate) const INFINITY: i32 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    Online,
    Standby,
    Offline,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// A fencing device is a group of one.
    pub(crate) fencing: bool,
    pub(crate) members: usize,
    /// Of each member.
    pub(crate) stickiness: i32,
    /// By node; a node that isn't named has 0.
    pub(crate) scores: BTreeMap<String, i32>,
    /// Where it runs. None: target-role is Stopped.
    pub(crate) owner: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Nothing,
    Standby(String),
    Unstandby(String),
    StopService(String),
    StartService(String),
    PowerLost(String),
    /// The node goes into standby, and this member of this group can't start there.
    StandbyAndStartFails {
        standby: String,
        group: String,
        member: usize,
        on: String,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) nodes: BTreeMap<String, Node>,
    /// In the order of the configuration.
    pub(crate) groups: Vec<Group>,
    pub(crate) two_node: bool,
    pub(crate) event: Event,
}

impl Group {
    pub(crate) fn member(&self, index: usize) -> String {
        if self.fencing { self.name.clone() } else { format!("{}-{}", self.name, index) }
    }
}

pub(crate) fn node(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

pub(crate) fn cluster() -> ClusterId {
    ClusterId::new("c").unwrap()
}

pub(crate) fn group(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

impl Case {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let up = self.nodes.values().filter(|n| **n != Node::Offline).count();
        let quorate = if self.two_node { up >= 1 } else { up > self.nodes.len() / 2 };
        Snapshot {
            servers: self
                .nodes
                .iter()
                .map(|(name, state)| {
                    let seen = ServerSeen {
                        reached: true,
                        cluster_service: Some(*state != Node::Offline),
                        ..ServerSeen::default()
                    };
                    (node(name), seen)
                })
                .collect(),
            clusters: BTreeMap::from([(
                cluster(),
                ClusterSeen {
                    kind: ClusterKind::Pacemaker,
                    nodes: self
                        .nodes
                        .iter()
                        .map(|(name, state)| {
                            let state = match state {
                                Node::Online => NodeState::Online,
                                Node::Standby => NodeState::Standby,
                                Node::Offline => NodeState::Offline,
                            };
                            (node(name), NodeSeen { state })
                        })
                        .collect(),
                    quorum: QuorumSeen { has: Some(quorate), two_node: self.two_node, wait_for_all: false },
                    groups: self
                        .groups
                        .iter()
                        .zip(0..)
                        .map(|(g, turn)| (group(&g.name), self.seen(g, turn)))
                        .collect(),
                    trouble: Vec::new(),
                    configuration: None,
                    lock: None,
                    pool: None,
                },
            )]),
            ..Snapshot::default()
        }
    }

    fn seen(&self, g: &Group, turn: u32) -> GroupSeen {
        let state = if g.owner.is_some() { ResourceState::Online } else { ResourceState::Offline };
        GroupSeen {
            role: if g.fencing { GroupRole::Fencing } else { GroupRole::Service },
            owner: g.owner.as_deref().map(node),
            state: if g.owner.is_some() { GroupState::Online } else { GroupState::Offline },
            resources: (0..g.members)
                .map(|i| ResourceSeen {
                    id: ResourceId::new(g.member(i)).unwrap(),
                    kind: "ocf:pacemaker:Dummy".into(),
                    state,
                    kept_online: false,
                })
                .collect(),
            placement: Placement {
                scores: self
                    .nodes
                    .keys()
                    .map(|n| (node(n), g.scores.get(n).copied().unwrap_or(0)))
                    .filter(|(_, score)| *score > -INFINITY)
                    .collect(),
                stickiness: g.stickiness * i32::try_from(g.members).unwrap(),
                turn,
            },
            version: None,
            storage_groups: None,
            healthy: None,
        }
    }

    /// What the world makes of it.
    pub(crate) fn world_after(&self) -> World {
        let world = World::from_snapshot(&self.snapshot());
        let standby = |world: &World, n: &str| {
            world.command(&Command::Standby { cluster: cluster(), node: node(n) }).unwrap()
        };
        match &self.event {
            // Any command makes the cluster look again; standby of a node that already is in standby, or its end.
            Event::Nothing => world.fault(&Fault::StartFails {
                cluster: cluster(),
                group: group("none"),
                resource: ResourceId::new("none").unwrap(),
                node: node("none"),
            }),
            Event::Standby(n) => standby(&world, n),
            Event::Unstandby(n) => {
                world.command(&Command::Unstandby { cluster: cluster(), node: node(n) }).unwrap()
            }
            Event::StopService(n) => world.command(&Command::StopService { node: node(n) }).unwrap(),
            Event::StartService(n) => world.command(&Command::StartService { node: node(n) }).unwrap(),
            Event::PowerLost(n) => world.fault(&Fault::PowerLost { node: node(n), returns: false }),
            Event::StandbyAndStartFails { standby: n, group: g, member, on } => {
                let broken = self.groups.iter().find(|x| x.name == *g).unwrap();
                let world = world.fault(&Fault::StartFails {
                    cluster: cluster(),
                    group: group(g),
                    resource: ResourceId::new(broken.member(*member)).unwrap(),
                    node: node(on),
                });
                standby(&world, n)
            }
        }
    }

    /// Where the world says each resource is.
    pub(crate) fn predicted(&self) -> BTreeMap<String, BTreeSet<String>> {
        let seen = self.world_after().observe();
        let mut all = BTreeMap::new();
        for g in seen.clusters.values().flat_map(|c| c.groups.values()) {
            for r in &g.resources {
                // A resource on a node that is not known to be down is shown where it was.
                let runs = matches!(r.state, ResourceState::Online | ResourceState::Pending);
                let at = g.owner.iter().filter(|_| runs).map(ToString::to_string).collect();
                all.insert(r.id.to_string(), at);
            }
        }
        all
    }
}
