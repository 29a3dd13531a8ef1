//! From the nodes' answers to what a snapshot says of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{
    ClusterKind, ClusterSeen, GroupId, GroupRole, GroupSeen, GroupState, LockSeen, NodeSeen, NodeState,
    Placement, QuorumSeen, ResourceId, ResourceSeen, ResourceState, ServerId, SettingValue, Trouble,
};

use super::cib::{Bundle, Cib};
use super::monitor::{Monitor, ResourceLine};
use super::placement::{Placements, placements};
use super::view::{Chosen, Names, View, choose};
use super::{digest, lock, trouble, units};

/// A cluster as its nodes see it, and what of it belongs to the servers.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The cluster. None: not even its kind of answer was there.
    pub(crate) cluster: Option<ClusterSeen>,
    /// The permanent standby attribute of the nodes, where the configuration could be read.
    pub(crate) standby: BTreeMap<ServerId, SettingValue>,
    /// Units whose programs the cluster runs.
    pub(crate) managed_units: BTreeSet<String>,
}

/// Puts the views of a cluster's nodes together. `hosts` names all its nodes, with the host part of their addresses.
pub(crate) fn see(views: &BTreeMap<ServerId, View>, hosts: &BTreeMap<ServerId, String>) -> Seen {
    let names = Names::new(views, hosts);
    let mut troubles: BTreeSet<Trouble> = views
        .iter()
        .flat_map(|(id, view)| {
            view.refusals().map(move |why| Trouble::Unreadable { what: format!("{id}: {why}") })
        })
        .collect();
    let Some(chosen) = choose(views) else {
        return Seen { cluster: Some(unseen(views, hosts, troubles)), ..Seen::default() };
    };
    if chosen.split {
        troubles
            .insert(unreadable("the nodes name different controllers: the cluster is split, or electing"));
    }
    let nodes = nodes(chosen.monitor, &names, hosts, &mut troubles);
    let bundles = chosen.cib.bundles();
    let placed = placements(chosen.cib, &bundles);
    trouble::collect(chosen.monitor, chosen.cib, &bundles, &mut troubles);
    troubles.extend(
        placed
            .unmodelled
            .iter()
            .chain(chosen.votes.into_iter().flat_map(|v| &v.unmodelled))
            .map(|u| Trouble::UnmodelledConstraint { id: u.id.clone(), what: u.what.clone() }),
    );
    let groups = bundles.iter().filter_map(|bundle| {
        let id = GroupId::new(bundle.id.clone()).ok()?;
        Some((id, group(bundle, chosen.monitor, &placed, &names)))
    });
    let cluster = ClusterSeen {
        kind: ClusterKind::Pacemaker,
        groups: groups.collect(),
        quorum: quorum(&chosen, nodes.len(), &mut troubles),
        nodes,
        configuration: chosen.cib.configuration().map(digest::digest),
        lock: lock_seen(chosen.cib),
        pool: None,
        trouble: troubles.into_iter().collect(),
    };
    let standby = chosen
        .cib
        .nodes()
        .into_iter()
        .filter_map(|node| Some((names.server(&node.name)?.clone(), node.standby)));
    Seen {
        cluster: Some(cluster),
        standby: standby.collect(),
        managed_units: units::managed_units(&chosen.cib.agents()),
    }
}

/// The lock in a CIB.
pub(crate) fn lock_seen(cib: &Cib) -> Option<LockSeen> {
    let sets = cib.section("crm_config")?;
    let set = sets.all("cluster_property_set").find(|set| set.attribute("id") == Some(lock::LOCK_ID))?;
    let token = set.child("nvpair").and_then(|pair| pair.attribute("value")).unwrap_or("");
    // A lock that can't be read is held all the same, by nobody we know.
    Some(crate::linux::token::parse(token).unwrap_or(LockSeen { run: "unknown".into(), epoch: u64::MAX }))
}

fn unreadable(what: impl Into<String>) -> Trouble {
    Trouble::Unreadable { what: what.into() }
}

/// No node has a whole view: what is known comes from the nodes' own service states.
fn unseen(
    views: &BTreeMap<ServerId, View>,
    hosts: &BTreeMap<ServerId, String>,
    mut troubles: BTreeSet<Trouble>,
) -> ClusterSeen {
    troubles.insert(unreadable(
        "no node gives a view of the cluster: it is stopped, or still electing a controller",
    ));
    let nodes = hosts.keys().filter_map(|id| {
        let state = match views.get(id)?.service? {
            true => NodeState::Pending,
            false => NodeState::Offline,
        };
        Some((id.clone(), NodeSeen { state }))
    });
    let votes = views.values().find_map(|view| view.votes.as_ref());
    ClusterSeen {
        kind: ClusterKind::Pacemaker,
        nodes: nodes.collect(),
        quorum: QuorumSeen {
            has: None,
            two_node: votes.is_some_and(|v| v.two_node),
            wait_for_all: votes.is_some_and(|v| v.wait_for_all),
        },
        groups: BTreeMap::new(),
        trouble: troubles.into_iter().collect(),
        configuration: None,
        lock: None,
        pool: None,
    }
}

fn nodes(
    monitor: &Monitor,
    names: &Names,
    hosts: &BTreeMap<ServerId, String>,
    troubles: &mut BTreeSet<Trouble>,
) -> BTreeMap<ServerId, NodeSeen> {
    let mut nodes = BTreeMap::new();
    for (name, line) in &monitor.nodes {
        if let Some(kind) = line.kind.as_deref().filter(|kind| *kind != "member") {
            troubles
                .insert(Trouble::UnmodelledConstraint { id: name.clone(), what: format!("a {kind} node") });
            continue;
        }
        if line.state == NodeState::Unclean {
            troubles.insert(Trouble::Unclean { node: name.clone() });
        }
        match names.server(name).filter(|id| hosts.contains_key(*id)) {
            Some(id) => {
                nodes.insert(id.clone(), NodeSeen { state: line.state });
            }
            None => {
                troubles.insert(unreadable(format!(
                    "the cluster has a node `{name}` that the estate doesn't name"
                )));
            }
        }
    }
    for id in hosts.keys().filter(|id| !nodes.contains_key(*id)) {
        troubles.insert(unreadable(format!("the cluster doesn't know the node {id} of the estate")));
    }
    nodes
}

fn quorum(chosen: &Chosen<'_>, nodes: usize, troubles: &mut BTreeSet<Trouble>) -> QuorumSeen {
    if chosen.monitor.quorum == Some(false) {
        troubles.insert(Trouble::NoQuorum);
    }
    match chosen.votes {
        Some(votes) => {
            if votes.expected.is_some_and(|expected| expected != nodes) {
                let what = "the expected votes differ from the number of nodes".into();
                troubles.insert(Trouble::UnmodelledConstraint { id: "votequorum".into(), what });
            }
            QuorumSeen {
                has: chosen.monitor.quorum,
                two_node: votes.two_node,
                wait_for_all: votes.wait_for_all,
            }
        }
        None => {
            troubles.insert(unreadable("corosync's votes"));
            QuorumSeen { has: chosen.monitor.quorum, ..QuorumSeen::default() }
        }
    }
}

fn group(bundle: &Bundle, monitor: &Monitor, placed: &Placements, names: &Names) -> GroupSeen {
    let none = Vec::new();
    let lines: Vec<&Vec<ResourceLine>> =
        bundle.members.iter().map(|m| monitor.resources.get(&m.id).unwrap_or(&none)).collect();
    let owners: BTreeSet<&str> =
        lines.iter().copied().flatten().flat_map(|line| line.nodes.iter().map(String::as_str)).collect();
    let resources: Vec<ResourceSeen> = bundle
        .members
        .iter()
        .zip(&lines)
        .filter_map(|(member, lines)| {
            Some(ResourceSeen {
                id: ResourceId::new(member.id.clone()).ok()?,
                kind: member.agent.to_string(),
                // Not in the monitor's answer: it was configured between the two questions.
                state: lines.first().map_or(ResourceState::Pending, |line| line.state),
                kept_online: false,
            })
        })
        .collect();
    let scores = placed.scores.get(&bundle.id).into_iter().flatten();
    GroupSeen {
        role: if bundle.fencing { GroupRole::Fencing } else { GroupRole::Service },
        owner: match owners.iter().collect::<Vec<_>>().as_slice() {
            [owner] => names.server(owner).cloned(),
            _ => None,
        },
        state: group_state(&resources, owners.len()),
        placement: Placement {
            scores: scores.filter_map(|(node, score)| Some((names.server(node)?.clone(), *score))).collect(),
            stickiness: bundle.members.iter().fold(0, |sum, m| super::score::add_scores(sum, m.stickiness)),
            turn: placed.turns.get(&bundle.id).copied().unwrap_or(u32::MAX),
        },
        resources,
        version: None,
        storage_groups: None,
        healthy: None,
    }
}

fn group_state(resources: &[ResourceSeen], owners: usize) -> GroupState {
    let any = |state| resources.iter().any(|r| r.state == state);
    if any(ResourceState::Failed) {
        GroupState::Failed
    } else if any(ResourceState::Pending) || owners > 1 {
        GroupState::Pending
    } else if !any(ResourceState::Offline) {
        GroupState::Online
    } else if any(ResourceState::Online) {
        GroupState::Partial
    } else {
        GroupState::Offline
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacemaker::corosync::Votes;

    fn data(name: &str) -> String {
        std::fs::read_to_string(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn id(name: &str) -> ServerId {
        ServerId::new(name).unwrap()
    }

    fn hosts() -> BTreeMap<ServerId, String> {
        (1..=3).map(|n| (id(&format!("node-{n}")), format!("10.0.0.{n}"))).collect()
    }

    fn view(name: &str, monitor: &str, cib: &str) -> View {
        View {
            name: Some(name.into()),
            service: Some(true),
            monitor: Some(Monitor::parse(monitor).map_err(|e| e.to_string())),
            cib: Some(Cib::parse(cib).map_err(|e| e.to_string())),
            votes: Some(Votes { expected: Some(3), ..Votes::default() }),
        }
    }

    fn seen(monitor: &str, cib: &str) -> (ClusterSeen, Seen) {
        let views =
            (1..=3).map(|n| (id(&format!("node-{n}")), view(&format!("n{n}"), monitor, cib))).collect();
        let mut seen = see(&views, &hosts());
        (seen.cluster.take().unwrap(), seen)
    }

    #[test]
    fn a_healthy_cluster_becomes_a_snapshot() {
        let (cluster, rest) = seen(&data("mon-ok.xml"), &data("cib-ok.xml"));
        assert_eq!(cluster.trouble, []);
        assert_eq!(cluster.quorum, QuorumSeen { has: Some(true), two_node: false, wait_for_all: false });
        assert!(cluster.nodes.values().all(|n| n.state == NodeState::Online));
        let group = |name: &str| &cluster.groups[&GroupId::new(name).unwrap()];
        let mail = group("mail");
        assert_eq!((mail.state, &mail.owner), (GroupState::Online, &Some(id("node-2"))));
        assert_eq!(mail.placement.stickiness, 400, "four members of 100 each");
        assert_eq!(group("web").placement.scores[&id("node-2")], 50);
        assert_eq!(group("fence").role, GroupRole::Fencing);
        assert!(
            group("fence").placement.turn < mail.placement.turn
                && mail.placement.turn < group("web").placement.turn
        );
        assert_eq!(rest.standby[&id("node-1")], None);
        assert!(rest.managed_units.contains("dovecot.service"));
        assert_eq!(cluster.configuration.as_ref().map(String::len), Some(64));
    }

    #[test]
    fn a_group_that_is_stopping_is_on_its_way_and_nothing_in_it_counts_as_stopped() {
        let (cluster, _) = seen(&data("mon-draining.xml"), &data("cib-ok.xml"));
        assert_eq!(cluster.groups[&GroupId::new("mail").unwrap()].state, GroupState::Pending);
        assert_eq!(cluster.nodes[&id("node-2")].state, NodeState::Standby);
        assert_eq!(cluster.trouble, []);
    }

    #[test]
    fn failures_are_troubles() {
        let (cluster, _) = seen(&data("mon-failcount.xml"), &data("cib-failcount.xml"));
        let failed =
            |t: &Trouble| matches!(t, Trouble::FailedAction { resource, .. } if resource == "mail-imap");
        let count = |t: &Trouble| matches!(t, Trouble::FailCount { count: 1, .. });
        assert!(
            cluster.trouble.iter().any(failed) && cluster.trouble.iter().any(count),
            "{:?}",
            cluster.trouble
        );
        assert_eq!(cluster.nodes[&id("node-2")].state, NodeState::Offline);
    }

    #[test]
    fn without_a_controller_nothing_is_claimed() {
        let (cluster, rest) = seen(&data("mon-electing.xml"), &data("cib-ok.xml"));
        assert_eq!(cluster.quorum.has, None);
        assert!(cluster.groups.is_empty() && cluster.configuration.is_none() && rest.standby.is_empty());
        assert!(cluster.nodes.values().all(|n| n.state == NodeState::Pending));
        assert!(!cluster.trouble.is_empty());
    }

    #[test]
    fn a_node_that_only_the_cluster_knows_is_a_trouble() {
        let mut two = hosts();
        two.remove(&id("node-3"));
        let views = [("node-1", "n1"), ("node-2", "n2")]
            .into_iter()
            .map(|(server, name)| (id(server), view(name, &data("mon-ok.xml"), &data("cib-ok.xml"))))
            .collect();
        let cluster = see(&views, &two).cluster.unwrap();
        assert!(
            cluster
                .trouble
                .iter()
                .any(|t| matches!(t, Trouble::Unreadable { what } if what.contains("`n3`")))
        );
    }

    #[test]
    fn two_controllers_are_a_split() {
        let mut views: BTreeMap<ServerId, View> =
            [(id("node-1"), view("n1", &data("mon-ok.xml"), &data("cib-ok.xml")))].into();
        let other = data("mon-ok.xml")
            .replace("name=\"n3\" id=\"3\" with_quorum", "name=\"n1\" id=\"1\" with_quorum");
        views.insert(id("node-2"), view("n2", &other, &data("cib-ok.xml")));
        let cluster = see(&views, &hosts()).cluster.unwrap();
        assert!(
            cluster
                .trouble
                .iter()
                .any(|t| matches!(t, Trouble::Unreadable { what } if what.contains("split")))
        );
    }
}
