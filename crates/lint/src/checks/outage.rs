//! Is never more out than may be, and has every group somewhere to go?

use kaketsugi_estate::{ClusterId, ClusterKind, ServerId};
use kaketsugi_plan::Action;

use crate::ledger::{Ledger, Service, is_product_group};
use crate::objection::{Check, Cite, Found};
use crate::walk::{Walk, names};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "outage-two-nodes",
        asks: "Two nodes of a cluster are never out at once by our own actions.",
        hint: "bring the first node back before the next one is taken out",
        rule: Cite::both("E03-CLU-ONE-NODE", "VOTEQUORUM"),
        find: two_nodes,
    },
    Check {
        code: "outage-quorum",
        asks: "No step costs a cluster its quorum.",
        hint: "bring a node back before this one is stopped",
        rule: Cite::debian("VOTEQUORUM"),
        find: quorum,
    },
    Check {
        code: "outage-stop-on-carrier",
        asks: "The cluster service of a node is stopped only when no group is on it, the cluster group included.",
        hint: "move the groups off first; a stop would fail them over",
        rule: Cite::both("E03-CLU-02-EMPTY", "PCMK-STANDBY"),
        find: stop_on_carrier,
    },
    Check {
        code: "outage-nowhere",
        asks: "A group that has to leave a node has another one to go to.",
        hint: "bring back a node that may own it, before this one is emptied",
        rule: Cite::both("E03-CLU-MOVE-EVS", "PCMK-STANDBY"),
        find: nowhere,
    },
    Check {
        code: "outage-move-target",
        asks: "Groups are moved only to nodes that run, may own them and take groups.",
        hint: "start or readmit the node first, or choose another one",
        rule: Cite::both("E03-CLU-07-START", "PCMK-STANDBY"),
        find: move_target,
    },
    Check {
        code: "outage-room",
        asks: "No node is given more storage groups than its one store can run, nor so many as nobody has counted.",
        hint: "move the group to a node that carries none, or with fewer storage groups",
        rule: Cite::exchange("E03-CLU-02-EMPTY").and_2000("E00-AA-CONSOLIDATE"),
        find: room,
    },
    Check {
        code: "outage-while-offline",
        asks: "No node is taken out while a group is offline by the run's own doing.",
        hint: "bring the group online first: its users wait",
        rule: Cite::exchange("E03-CLU-12-OTHER-NODE"),
        find: while_offline,
    },
];

fn out<'p>(walk: &Walk<'p>, books: &Ledger<'p>, cluster: &ClusterId) -> Vec<&'p ServerId> {
    let ours = |id: &ServerId| {
        walk.plan.steps.iter().any(|s| matches!(&s.action, Action::Readmit { node, .. } if node == id))
    };
    // A paused node of Windows goes on with what it carries.
    let paused = books.kind(cluster) == Some(ClusterKind::Windows);
    books
        .cluster_nodes(cluster)
        .filter(|(id, n)| n.service != Service::Running || n.drained || n.standby && !paused && ours(id))
        .map(|(id, _)| id)
        .collect()
}

fn two_nodes(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let (Action::Drain { node, .. }
        | Action::StopService { node, .. }
        | Action::Restart { node }
        | Action::Install { node, .. }) = &m.step.action
        else {
            continue;
        };
        let Some(cluster) = m.before.cluster_of(node) else { continue };
        let others: Vec<_> = out(walk, m.before, cluster).into_iter().filter(|id| *id != node).collect();
        if !others.is_empty() {
            found.push(Found::at(
                m.step,
                format!("{} of {cluster} is out already when {node} is taken out", names(others)),
            ));
        }
    }
    found
}

fn quorum(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let (Action::StopService { node, .. } | Action::Restart { node }) = &m.step.action else { continue };
        let Some(cluster) = m.before.cluster_of(node) else { continue };
        let Some(seen) = walk.seen(cluster) else { continue };
        let left = m
            .before
            .cluster_nodes(cluster)
            .filter(|(id, n)| *id != node && n.service == Service::Running)
            .count();
        if !Ledger::quorate(seen, left) {
            found.push(Found::at(
                m.step,
                format!("without {node} {left} of {} votes are left in {cluster}", seen.nodes.len()),
            ));
        }
    }
    found
}

fn stop_on_carrier(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let (Action::StopService { node, .. } | Action::Restart { node }) = &m.step.action else { continue };
        // Nothing can take over what a server carries that stands alone.
        if m.before.cluster_of(node).is_none() {
            continue;
        }
        let groups: Vec<_> = m.before.groups_on(node).map(|((_, group), _)| group).collect();
        if !groups.is_empty() {
            found.push(Found::at(m.step, format!("{} may be on {node} then", names(groups))));
        }
    }
    found
}

fn nowhere(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let Action::Drain { node, .. } = &m.step.action else { continue };
        for (key, group) in m.before.groups_on(node).filter(|(_, g)| g.serving && g.serves_users()) {
            if m.after.groups[&key].at.is_empty() {
                let score = group.seen.placement.scores.len();
                found.push(Found::at(
                    m.step,
                    format!("{} can go nowhere when {node} is drained ({score} nodes may own it)", key.1),
                ));
            }
        }
    }
    found
}

fn move_target(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        match &m.step.action {
            Action::Move { cluster, group, to, .. } => {
                let able = m.before.groups.get(&(cluster, group)).is_some_and(|g| g.score(to).is_some());
                if !able {
                    found.push(Found::at(m.step, format!("{group} can't be owned by {to}")));
                } else if !m.before.carries(to) {
                    found.push(Found::at(m.step, format!("{to} takes no groups then")));
                }
            }
            Action::UpgradeGroup { cluster, group, node } | Action::BringOnline { cluster, group, node } => {
                let there = m.before.groups.get(&(cluster, group)).is_some_and(|g| g.owner() == Some(node));
                if !there || !m.before.carries(node) {
                    found.push(Found::at(
                        m.step,
                        format!("{group} isn't on {node} then, or {node} takes no groups"),
                    ));
                }
            }
            _ => {}
        }
    }
    found
}

fn room(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let Action::Move { cluster, group, to, .. } = &m.step.action else { continue };
        let profile = walk.seen(cluster).and_then(|seen| walk.profile(seen.kind));
        let Some(most) = profile.and_then(|p| p.storage_groups_max) else { continue };
        let there: Vec<_> = m
            .after
            .groups_on(to)
            .filter(|(_, g)| is_product_group(walk.plan, g) && g.serves_users())
            .collect();
        if there.len() < 2 || !there.iter().any(|(key, _)| key.1 == group) {
            continue;
        }
        let all: Option<u32> = there.iter().map(|(_, g)| g.seen.storage_groups).sum();
        if all.is_none_or(|all| all > most) {
            let carried = names(there.iter().map(|(key, _)| key.1));
            let many = all.map_or("nobody knows how many".to_owned(), |all| all.to_string());
            found.push(Found::at(
                m.step,
                format!("{to} would carry {carried}: {many} storage groups, {most} at most"),
            ));
        }
    }
    found
}

fn while_offline(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let (Action::Drain { node, .. }
        | Action::StopService { node, .. }
        | Action::Restart { node }
        | Action::Install { node, .. }) = &m.step.action
        else {
            continue;
        };
        let cluster = m.before.cluster_of(node);
        // A group that was found offline is on its way back from an earlier failure: that may take a node.
        let ours = |key| walk.start().groups.get(key).is_some_and(|g| g.serving);
        let offline =
            m.before.groups.iter().filter(|(key, g)| Some(key.0) == cluster && g.offline && ours(*key));
        let groups: Vec<_> = offline.map(|(key, _)| key.1).collect();
        if !groups.is_empty() {
            found.push(Found::at(m.step, format!("{} is offline meanwhile", names(groups))));
        }
    }
    found
}
