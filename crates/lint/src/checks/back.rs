//! Does all come back: nodes, services, settings, and the users' trust in a patched node?

use kaketsugi_estate::{ClusterId, ClusterKind, NodeState, ResourceState, ServerId};
use kaketsugi_plan::{Action, Condition, ReasonKind};

use crate::checks::install::takes_something_out;
use crate::ledger::{Service, half_done, is_product_group};
use crate::objection::{Check, Cite, Found};
use crate::walk::{Moment, Walk, has_work, names};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "back-not-readmitted",
        asks: "Every node that the run drained is readmitted.",
        hint: "readmit the node once it is patched and runs",
        rule: Cite::debian("PCMK-STANDBY"),
        find: not_readmitted,
    },
    Check {
        code: "back-readmit-early",
        asks: "A node is readmitted only when it is patched and its cluster service runs.",
        hint: "readmit the node after its install, and after its cluster service was started",
        rule: Cite::debian("PCMK-STANDBY"),
        find: readmit_early,
    },
    Check {
        code: "back-standby-lifted",
        asks: "A node that was found in standby stays so.",
        hint: "leave the node in standby: somebody put it there",
        rule: Cite::debian("PCMK-STANDBY"),
        find: standby_lifted,
    },
    Check {
        code: "back-not-started",
        asks: "Every cluster service that is stopped is started again.",
        hint: "start the cluster service after the install and the restart",
        rule: Cite::both("E03-CLU-12-OTHER-NODE", "PCMK-STANDBY"),
        find: not_started,
    },
    Check {
        code: "back-not-put-back",
        asks: "What is quieted on a node is put back, after the last change to it.",
        hint: "put the settings back at the end",
        rule: Cite::NONE,
        find: not_put_back,
    },
    Check {
        code: "back-health-gate",
        asks: "After an interruption the group's health is looked at before anything else is taken out.",
        hint: "expect the group to be healthy at the end of the step",
        rule: Cite::NONE,
        find: health_gate,
    },
    Check {
        code: "back-resources",
        asks: "What is called “as before” in a group is what was online in it.",
        hint: "name the resources that were online when the plan was made, and no others",
        rule: Cite::exchange("E03-CLU-10-ONLINE"),
        find: resources,
    },
    Check {
        code: "back-soak",
        asks: "The first patched node shows for a while that it does well before the last old one is touched.",
        hint: "soak the first patched node for as long as the policy says, before the last node is taken out",
        rule: Cite::NONE,
        find: soak,
    },
];

fn resources(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for step in &walk.plan.steps {
        for condition in step.requires.iter().chain(&step.expects) {
            let Condition::GroupAsBefore { cluster, group, online } = condition else { continue };
            let Some(seen) = walk.seen(cluster).and_then(|c| c.groups.get(group)) else { continue };
            let was = |online_then: bool| {
                seen.resources.iter().filter(move |r| (r.state == ResourceState::Online) == online_then)
            };
            let forgotten: Vec<_> = was(true).map(|r| &r.id).filter(|id| !online.contains(id)).collect();
            if !forgotten.is_empty() {
                found.push(Found::at(step, format!("in {group} it leaves {} offline", names(forgotten))));
            }
            // A group that was found taken offline for its upgrade is meant to be online as a whole; so is what an
            // installer that was cut off has stopped on a server that stands alone.
            let alone = walk.seen(cluster).is_some_and(|c| c.kind == ClusterKind::StandAlone);
            let half_way = was(true).all(|r| r.kept_online)
                || (alone || walk.plan.payload.in_place) && half_done(walk.plan, seen);
            let new: Vec<_> = was(false).map(|r| &r.id).filter(|id| online.contains(id)).collect();
            if !half_way && !new.is_empty() {
                found.push(Found::at(step, format!("in {group} it brings {} online", names(new))));
            }
        }
    }
    found
}

fn not_readmitted(walk: &Walk<'_>) -> Vec<Found> {
    let end = walk.end();
    let stays = |kind: &ReasonKind| matches!(kind, ReasonKind::StaysInStandby | ReasonKind::StaysOut { .. });
    let excused = |id: &ServerId| walk.plan.reasons.iter().any(|r| r.server == *id && stays(&r.kind));
    end.nodes
        .iter()
        // A plan that follows another within a run finds in standby what that run drained.
        .filter(|(id, n)| n.drained || n.paused || walk.plan.parent.is_some() && n.standby && !excused(id))
        .map(|(id, n)| match n.pool {
            Some(pool) => Found::plan(format!("{id} is still out of {pool} at the end")),
            None if n.paused => Found::plan(format!("{id} is still paused at the end")),
            None => Found::plan(format!("{id} is still in standby at the end")),
        })
        .collect()
}

fn readmit_early(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        let Action::Readmit { node, .. } = &m.step.action else { continue };
        if m.before.nodes.get(node).is_some_and(|n| n.service != Service::Running) {
            found.push(Found::at(m.step, format!("the cluster service on {node} may not run then")));
        } else if has_work(&walk.plan.payload, node) && !m.before.patched(node) {
            found.push(Found::at(m.step, format!("{node} isn't patched then")));
        }
    }
    found
}

fn standby_lifted(walk: &Walk<'_>) -> Vec<Found> {
    let found_so = |cluster: &ClusterId, node: &ServerId| {
        let Some(seen) = walk.seen(cluster) else { return false };
        // With nobody in it, a pool serves nobody: nobody can mean that to last.
        let all_out = seen.pool.as_ref().is_some_and(|pool| walk.start().answering(pool).is_empty());
        let held_back = seen.kind == ClusterKind::Windows && held_back(walk, cluster, node);
        seen.nodes.get(node).is_some_and(|n| n.state == NodeState::Standby) && !all_out && !held_back
    };
    walk.moments()
        .filter(|_| walk.plan.parent.is_none())
        .filter_map(|m| match &m.step.action {
            Action::Readmit { cluster, node } if found_so(cluster, node) => {
                Some(Found::at(m.step, format!("{node} was in standby before this run")))
            }
            _ => None,
        })
        .collect()
}

/// Whether a node with the older version is paused while a patched one has databases that the new version has upgraded: that
/// is not meant to outlast its own patch.
fn held_back(walk: &Walk<'_>, cluster: &ClusterId, node: &ServerId) -> bool {
    let (start, payload) = (walk.start(), &walk.plan.payload);
    let upgraded = start
        .groups
        .iter()
        .filter(|(key, group)| key.0 == cluster && is_product_group(walk.plan, group))
        .any(|(_, group)| group.upgraded || group.at.iter().any(|at| start.patched(at)));
    payload.one_way && !payload.group_upgrade && upgraded && !start.patched(node)
}

fn not_started(walk: &Walk<'_>) -> Vec<Found> {
    walk.end()
        .nodes
        .iter()
        .filter(|(_, n)| n.cluster.is_some() && (n.stopped || n.service == Service::Stopped))
        .map(|(id, _)| Found::plan(format!("the cluster service on {id} is stopped at the end")))
        .collect()
}

fn not_put_back(walk: &Walk<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = walk
        .end()
        .nodes
        .iter()
        .filter(|(id, n)| n.quiet && walk.end().has_settings(id))
        .map(|(id, _)| Found::plan(format!("{id} is left quiet")))
        .collect();
    for m in walk.moments() {
        let Action::PutBack { node } = &m.step.action else { continue };
        let later = walk.first(|l| {
            l.index > m.index
                && match m.before.cluster_of(node) {
                    // Failback of one node moves groups that another one's turn rests on.
                    Some(cluster) => takes_something_out(l) && walk.cluster_of(l.step) == Some(cluster),
                    None => takes_something_out(l) && l.step.action.node() == Some(node),
                }
        });
        if let Some(later) = later {
            found.push(Found::at(m.step, format!("{} is still to come", later.step.id)));
        }
    }
    found
}

fn health_gate(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        for (cluster, group) in m.disrupts(true).into_iter().chain(comes_online(&m)) {
            if !m.after.served((cluster, group)) {
                continue;
            }
            let says = |c: &Condition| match c {
                Condition::Healthy { cluster: c, group: g }
                | Condition::GroupAsBefore { cluster: c, group: g, .. } => c == cluster && g == group,
                Condition::Group { cluster: c, group: g, state } => {
                    c == cluster && g == group && *state == kaketsugi_estate::GroupState::Online
                }
                _ => false,
            };
            let next = walk.first(|n| {
                n.index > m.index && takes_something_out(n) && walk.cluster_of(n.step) == Some(cluster)
            });
            let until = next.as_ref().map_or(usize::MAX, |n| n.index);
            let looked = m.step.expects.iter().any(says)
                || walk.moments().any(|n| n.index > m.index && n.index < until && n.conditions().any(says))
                || next.is_some_and(|n| n.step.requires.iter().any(says));
            if !looked {
                found.push(Found::at(m.step, format!("nobody looks whether {group} serves its users again")));
            }
        }
    }
    found
}

fn comes_online<'p>(m: &Moment<'_, 'p>) -> Option<crate::ledger::Key<'p>> {
    match &m.step.action {
        Action::BringOnline { cluster, group, .. } => {
            m.after.groups.get_key_value(&(cluster, group)).map(|(key, _)| *key)
        }
        _ => None,
    }
}

fn soak(walk: &Walk<'_>) -> Vec<Found> {
    let wanted = walk.plan.estate.policy.soak_seconds;
    if wanted == 0 {
        return Vec::new();
    }
    walk.plan.snapshot.clusters.keys().filter_map(|cluster| unsoaked(walk, cluster, wanted)).collect()
}

fn unsoaked(walk: &Walk<'_>, cluster: &ClusterId, wanted: u32) -> Option<Found> {
    let installs: Vec<_> =
        walk.installs().filter(|(m, node)| m.before.cluster_of(node) == Some(cluster)).collect();
    let [.., (previous, _), (last, old)] = installs.as_slice() else { return None };
    let first = &installs[0].0;
    let leaves = |m: &Moment<'_, '_>| match &m.step.action {
        Action::Drain { node, .. } | Action::StopService { node, .. } => node == *old,
        Action::Move { cluster, group, .. } | Action::TakeOffline { cluster, group } => {
            m.before.groups.get(&(cluster, group)).is_some_and(|g| g.at.contains(*old))
        }
        _ => false,
    };
    let touched = walk.first(|m| m.index > previous.index && leaves(m)).unwrap_or(*last);
    let runs = touched
        .before
        .cluster_nodes(cluster)
        .any(|(id, n)| n.service == Service::Running && touched.before.patched(id));
    let soaked = walk.moments().any(|m| {
        (first.index..last.index).contains(&m.index)
            && matches!(&m.step.action, Action::Soak { node, seconds, .. } if *seconds >= wanted && m.before.patched(node) && m.before.carries(node))
    });
    (runs && !soaked).then(|| {
        let why =
            format!("{old} is the last old node of {cluster}, and no patched one was watched for {wanted} s");
        Found::at(touched.step, why)
    })
}
