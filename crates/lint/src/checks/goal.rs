//! Is everything at its goal after the last step?

use kaketsugi_estate::{ClusterId, ClusterKind, GroupRole, Home, ServerId};
use kaketsugi_plan::{Action, Condition};

use crate::objection::{Check, Cite, Found};
use crate::walk::{Walk, names};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "goal-group-offline",
        asks: "Every group that served its users serves them at the end, on a node that may own it.",
        hint: "bring it online on a node that may own it",
        rule: Cite::NONE,
        find: offline,
    },
    Check {
        code: "goal-release",
        asks: "Every server that the release is for has it at the end.",
        hint: "patch the servers that are left, or take them out of the estate",
        rule: Cite::both("E03-CLU-13-REPEAT", "APT-GET"),
        find: release,
    },
    Check {
        code: "goal-home",
        asks: "Virtual servers are where policy wants them at the end.",
        hint: "move them home, or let policy say `stay`",
        rule: Cite::NONE,
        find: home,
    },
    Check {
        code: "goal-configuration",
        asks: "At the end somebody looks whether the cluster's configuration is as it was.",
        hint: "verify that the configuration is as before, after the last change to the cluster",
        rule: Cite::debian("PCMK-STANDBY"),
        find: configuration,
    },
    Check {
        code: "goal-trouble",
        asks: "At the end somebody looks whether the cluster has anything to complain of.",
        hint: "verify that there is no trouble, after the last change to the cluster",
        rule: Cite::debian("PCMK-FAILCOUNT"),
        find: trouble,
    },
    Check {
        code: "goal-nodes",
        asks: "Every node that took groups takes them at the end.",
        hint: "bring the node back",
        rule: Cite::NONE,
        find: nodes,
    },
];

fn offline(walk: &Walk<'_>) -> Vec<Found> {
    let end = walk.end();
    let mut found = Vec::new();
    for (key, was) in walk.start().groups.iter().filter(|(_, g)| g.serving || g.offline) {
        let is = &end.groups[key];
        let homeless = is.at.is_empty() || is.at.iter().any(|node| is.score(node).is_none());
        if !is.serving && was.seen.role == GroupRole::Service {
            found.push(Found::plan(format!("{} doesn't serve its users at the end", key.1)));
        } else if homeless {
            found.push(Found::plan(format!("{} isn't on a node that may own it at the end", key.1)));
        }
    }
    found
}

fn release(walk: &Walk<'_>) -> Vec<Found> {
    let end = walk.end();
    let behind: Vec<&ServerId> = walk.servers().filter(|id| !end.patched(id)).collect();
    if behind.is_empty() {
        return Vec::new();
    }
    vec![Found::plan(format!("{} is not on {}", walk.plan.payload.id, names(behind)))]
}

fn home(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (key @ (cluster, group), books) in walk.product_groups() {
        let Some(seen) = walk.seen(cluster).filter(|c| c.kind == ClusterKind::Windows) else { continue };
        let habit = walk.profile(seen.kind).map(|profile| profile.home);
        let written = walk.plan.estate.clusters.get(cluster).and_then(|c| c.groups.get(group));
        let wanted = match walk.plan.estate.policy.home.or(habit) {
            Some(Home::Return) => books.seen.owner.as_ref(),
            Some(Home::Preferred) => written.and_then(|g| g.preferred.first()),
            Some(Home::Stay) | None => None,
        };
        if let Some(wanted) = wanted.filter(|wanted| !walk.end().groups[&key].at.contains(wanted)) {
            found.push(Found::plan(format!("{group} isn't on {wanted} at the end")));
        }
    }
    found
}

/// Clusters that the plan changes, with the last step that does.
fn changed<'p>(walk: &Walk<'p>) -> Vec<(&'p ClusterId, usize)> {
    let mut changed = Vec::new();
    for cluster in walk.plan.snapshot.clusters.keys() {
        let last = walk.last(|m| {
            walk.cluster_of(m.step) == Some(cluster)
                && !m.step.action.only_looks()
                && !matches!(m.step.action, Action::Stage { .. } | Action::Quiet { .. })
        });
        changed.extend(last.map(|m| (cluster, m.index)));
    }
    changed
}

fn looked_at_the_end(
    walk: &Walk<'_>,
    says: impl Fn(&Condition, &ClusterId) -> bool,
    what: &str,
) -> Vec<Found> {
    changed(walk)
        .into_iter()
        .filter(|(cluster, _)| walk.seen(cluster).is_some_and(|c| c.kind == ClusterKind::Pacemaker))
        .filter(|(cluster, last)| {
            !walk.moments().any(|m| m.index > *last && m.step.expects.iter().any(|c| says(c, cluster)))
        })
        .map(|(cluster, _)| Found::plan(format!("nobody looks in the end whether {cluster} {what}")))
        .collect()
}

fn configuration(walk: &Walk<'_>) -> Vec<Found> {
    let says = |c: &Condition, id: &ClusterId| matches!(c, Condition::ConfigurationAsBefore { cluster } if cluster == id);
    looked_at_the_end(walk, says, "is configured as before")
}

fn trouble(walk: &Walk<'_>) -> Vec<Found> {
    let says = |c: &Condition, id: &ClusterId| matches!(c, Condition::NoTrouble { cluster } if cluster == id);
    looked_at_the_end(walk, says, "has anything to complain of")
}

fn nodes(walk: &Walk<'_>) -> Vec<Found> {
    let (start, end) = (walk.start(), walk.end());
    start
        .nodes
        .keys()
        .filter(|id| start.cluster_of(id).is_some() && start.carries(id) && !end.carries(id))
        .map(|id| Found::plan(format!("{id} takes no groups at the end")))
        .collect()
}
