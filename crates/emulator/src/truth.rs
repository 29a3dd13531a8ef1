//! What is really so, whatever the nodes say about it.

use std::collections::BTreeMap;

use kaketsugi_knowledge::Build;

use crate::cluster::{GroupState, ResourceState};
use crate::commands::running;
use crate::node::{Event, Member};
use crate::state::State;

/// The whole emulation at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Nodes by name.
    pub nodes: BTreeMap<String, NodeTruth>,
    /// Groups by name.
    pub groups: BTreeMap<String, GroupTruth>,
    /// Things that an administrator must never let happen, as they happened.
    pub harm: Vec<String>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTruth {
    /// Whether it has power and has started.
    pub powered: bool,
    /// Whether it is a member of the cluster.
    pub member: bool,
    /// How often it has started, the first time counted.
    pub boots: u32,
    /// Version of store.exe.
    pub build: Option<Build>,
    /// Whether a set-up was cut off half-way.
    pub broken: bool,
    /// Whether the balancer of its pool gives it requests.
    pub balanced: bool,
    /// Files, by name below Exchange's bin folder, with their versions.
    pub files: BTreeMap<String, String>,
    /// Services by name: start type (2 automatic, 3 manual, 4 disabled) and whether they run.
    pub services: BTreeMap<String, (u32, bool)>,
    /// Scheduled tasks that are left.
    pub tasks: Vec<String>,
    /// Event log entries.
    pub events: Vec<Event>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTruth {
    /// The node that has it.
    pub owner: String,
    /// Whether all its resources are online.
    pub online: bool,
    /// Whether something is under way with it.
    pub pending: bool,
    /// `AutoFailbackType`.
    pub failback: u32,
    /// Resources by name: whether they are online.
    pub resources: BTreeMap<String, bool>,
}

impl Truth {
    pub(crate) fn of(state: &State) -> Self {
        let nodes = state.nodes.iter().map(|n| (n.name.clone(), node(state, n))).collect();
        let groups = state
            .cluster
            .groups
            .iter()
            .map(|group| {
                let resources = state.cluster.of_group(&group.name);
                let truth = GroupTruth {
                    owner: group.owner.clone(),
                    online: state.cluster.group_state(&group.name) == GroupState::Online,
                    pending: group.busy,
                    failback: group.failback,
                    resources: resources
                        .map(|r| (r.name.clone(), r.state == ResourceState::Online))
                        .collect(),
                };
                (group.name.clone(), truth)
            })
            .collect();
        Self { nodes, groups, harm: state.harm.clone() }
    }
}

fn node(state: &State, node: &crate::node::Node) -> NodeTruth {
    let disk = &node.durable.disk;
    let bin = format!("{}\\bin", node.durable.exchange);
    let files =
        disk.list(&bin).unwrap_or_default().into_iter().filter_map(|name| {
            Some((name.to_owned(), disk.file(&format!("{bin}\\{name}"))?.version.clone()?))
        });
    NodeTruth {
        powered: node.boot.is_some(),
        member: node.member() == Member::Up,
        boots: node.boots,
        build: node.build(),
        broken: node.durable.broken,
        balanced: node.durable.balanced,
        files: files.collect(),
        services: node
            .durable
            .services
            .values()
            .map(|s| (s.name.clone(), (s.start, running(state, &node.name, &s.name))))
            .collect(),
        tasks: node.durable.tasks.values().map(|t| t.name.clone()).collect(),
        events: node.durable.events.clone(),
    }
}
