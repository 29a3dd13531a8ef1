//! Virtual-server upgrades: when they are asked for, one by one, under E03-EVS-CONDITIONS, and never back.

use kaketsugi_estate::{ClusterKind, ServerId};
use kaketsugi_plan::{Action, Condition, Step};

use crate::ledger::{Group, Ledger, is_product_group};
use crate::objection::{Check, Cite, Found};
use crate::walk::{Moment, Walk, names};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "upgrade-not-asked",
        asks: "Virtual servers are upgraded only for releases that ask for it.",
        hint: "leave the step out: a hotfix goes without it",
        rule: Cite::exchange("E03-CLU-09-UPGRADE-EVS"),
        find: not_asked,
    },
    Check {
        code: "upgrade-missing",
        asks: "For such releases every virtual server is upgraded.",
        hint: "upgrade it on a patched node, before it is brought online",
        rule: Cite::exchange("E03-CLU-TWO-STAGES"),
        find: missing,
    },
    Check {
        code: "upgrade-conditions",
        asks: "E03-EVS-CONDITIONS are looked at right before the upgrade.",
        hint: "require: release on the node, owner, only the kept-online set online, the DTC online",
        rule: Cite::exchange("E03-EVS-CONDITIONS"),
        find: conditions,
    },
    Check {
        code: "upgrade-unpatched-node",
        asks: "A virtual server is upgraded on, and from, a node that is patched.",
        hint: "upgrade it on a patched node; otherwise it fails with c1037b44",
        rule: Cite::exchange("E03-CLU-ADMIN-NODE"),
        find: unpatched_node,
    },
    Check {
        code: "upgrade-while-online",
        asks: "A virtual server is upgraded while its Exchange resources are offline.",
        hint: "take the group offline first, but for the kept-online set",
        rule: Cite::exchange("E03-EVS-CONDITIONS"),
        find: while_online,
    },
    Check {
        code: "upgrade-parallel",
        asks: "Virtual servers are upgraded one at a time, on whatever node or cluster.",
        hint: "let one upgrade wait for the other through `after`",
        rule: Cite::exchange("KB822582"),
        find: parallel,
    },
    Check {
        code: "upgrade-again",
        asks: "No virtual server is upgraded twice.",
        hint: "leave the step out",
        rule: Cite::exchange("E03-CLU-09-UPGRADE-EVS"),
        find: again,
    },
    Check {
        code: "upgrade-before-online",
        asks: "A virtual server comes online on a patched node only after it was upgraded.",
        hint: "upgrade it before it is brought online",
        rule: Cite::exchange("E03-CLU-10-ONLINE"),
        find: before_online,
    },
    Check {
        code: "upgrade-pinned",
        asks: "What a newer version has written is never opened by an older one.",
        hint: "move it to patched nodes only",
        rule: Cite::exchange("E03-CLU-11-PINNED"),
        find: pinned,
    },
    Check {
        code: "upgrade-way-back",
        asks: "No fail-over can bring what a newer version has opened to a node with an older one.",
        hint: "pause the nodes that aren't patched before the group comes online on one that is",
        rule: Cite::NONE.and_2000("E00-AP-STORE-UPGRADE").and_55("E55-CLU-ACTIVE-FIRST"),
        find: way_back,
    },
];

fn upgrades<'w, 'p>(walk: &'w Walk<'p>) -> impl Iterator<Item = Moment<'w, 'p>> {
    walk.moments().filter(|m| matches!(m.step.action, Action::UpgradeGroup { .. }))
}

fn not_asked(walk: &Walk<'_>) -> Vec<Found> {
    upgrades(walk)
        .filter(|_| !walk.plan.payload.group_upgrade)
        .map(|m| Found::at(m.step, format!("{} upgrades no virtual servers", walk.plan.payload.id)))
        .collect()
}

fn missing(walk: &Walk<'_>) -> Vec<Found> {
    let end = walk.end();
    walk.virtual_servers()
        .filter(|(key, group)| {
            walk.plan.payload.group_upgrade
                && (group.serving || group.offline)
                && end.groups.get(key).is_some_and(|g| !g.upgraded)
        })
        .map(|((_, group), _)| Found::plan(format!("{group} is never upgraded")))
        .collect()
}

fn conditions(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in upgrades(walk) {
        let Action::UpgradeGroup { cluster, group, node } = &m.step.action else { continue };
        let asked = |test: &dyn Fn(&Condition) -> bool| m.step.requires.iter().any(test);
        let mut missing = Vec::new();
        if !asked(
            &|c| matches!(c, Condition::Installed { node: n, release } if n == node && *release == walk.plan.payload.id),
        ) {
            missing.push(format!("whether the release is on {node}"));
        }
        if !asked(&|c| matches!(c, Condition::Owner { group: g, node: n, .. } if g == group && n == node)) {
            missing.push(format!("whether {group} is on {node}"));
        }
        if !asked(&|c| matches!(c, Condition::OnlyKeptOnline { group: g, .. } if g == group)) {
            missing.push("whether only the kept-online set is online".to_owned());
        }
        let kinds =
            walk.seen(cluster).and_then(|c| walk.profile(c.kind)).map_or(&[][..], |p| &p.online_for_upgrade);
        for kind in kinds {
            if !asked(&|c| matches!(c, Condition::KindOnline { kind: k, .. } if k == kind)) {
                missing.push(format!("whether the {kind} is online"));
            }
        }
        if !missing.is_empty() {
            found.push(Found::at(m.step, format!("it doesn't ask {}", missing.join(", nor "))));
        }
    }
    found
}

fn unpatched_node(walk: &Walk<'_>) -> Vec<Found> {
    upgrades(walk)
        .filter_map(|m| match &m.step.action {
            Action::UpgradeGroup { group, node, .. } if !m.before.patched(node) => {
                Some(Found::at(m.step, format!("{group} would be upgraded on {node}, which isn't patched")))
            }
            _ => None,
        })
        .collect()
}

fn while_online(walk: &Walk<'_>) -> Vec<Found> {
    upgrades(walk)
        .filter_map(|m| match &m.step.action {
            Action::UpgradeGroup { cluster, group, .. }
                if m.before.groups.get(&(cluster, group)).is_none_or(|g| g.serving) =>
            {
                Some(Found::at(m.step, format!("{group} serves its users then")))
            }
            _ => None,
        })
        .collect()
}

fn parallel(walk: &Walk<'_>) -> Vec<Found> {
    let ancestors = walk.ancestors();
    let mut found = Vec::new();
    let mut last: Option<(usize, &Step)> = None;
    for m in upgrades(walk) {
        if let Some((index, step)) = last.replace((m.index, m.step))
            && !ancestors[m.index].contains(&index)
        {
            found.push(Found::at(
                m.step,
                format!("it could run beside {}; two at once make Setup crash", step.id),
            ));
        }
    }
    found
}

fn again(walk: &Walk<'_>) -> Vec<Found> {
    upgrades(walk)
        .filter_map(|m| match &m.step.action {
            Action::UpgradeGroup { cluster, group, .. }
                if m.before.groups.get(&(cluster, group)).is_some_and(|g| g.upgraded) =>
            {
                Some(Found::at(m.step, format!("{group} is upgraded already")))
            }
            _ => None,
        })
        .collect()
}

fn before_online(walk: &Walk<'_>) -> Vec<Found> {
    walk.moments()
        .filter(|_| walk.plan.payload.group_upgrade)
        .filter_map(|m| match &m.step.action {
            Action::BringOnline { cluster, group, .. } => {
                let books = m.before.groups.get(&(cluster, group))?;
                (!books.upgraded && is_product_group(walk.plan, books))
                    .then(|| Found::at(m.step, format!("{group} isn't upgraded yet (event 1025)")))
            }
            _ => None,
        })
        .collect()
}

fn pinned(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments() {
        for (key, group) in &m.after.groups {
            let was = &m.before.groups[key];
            let back = group.at.iter().any(|node| !m.after.fits(group, node));
            if was.upgraded && was.at != group.at && back {
                found.push(Found::at(
                    m.step,
                    format!("{} carries the new version and may come to an older node", key.1),
                ));
            }
        }
    }
    found
}

/// Virtual servers of Exchange 2003 don't come online on a node with an older version; those of 2000 do.
fn way_back(walk: &Walk<'_>) -> Vec<Found> {
    if walk.plan.payload.group_upgrade {
        return Vec::new();
    }
    let mut found = Vec::new();
    for m in walk.moments() {
        for (key, group) in
            m.after.groups.iter().filter(|(_, g)| g.upgraded && is_product_group(walk.plan, g))
        {
            let open = |books: &Ledger<'_>, group: &Group<'_>| -> Vec<ServerId> {
                let nodes = books.cluster_nodes(key.0).map(|(id, _)| id);
                nodes
                    .filter(|id| group.upgraded && group.score(id).is_some())
                    .filter(|id| books.carries(id) && !books.fits(group, id))
                    .cloned()
                    .collect()
            };
            let before = m.before.groups.get(key).map(|was| open(m.before, was)).unwrap_or_default();
            let new: Vec<ServerId> =
                open(m.after, group).into_iter().filter(|id| !before.contains(id)).collect();
            if !new.is_empty() && m.after.kind(key.0) == Some(ClusterKind::Windows) {
                let message = format!(
                    "a fail-over could bring {} to {}, which isn't patched",
                    key.1,
                    names(new.iter())
                );
                found.push(Found::at(m.step, message));
            }
        }
    }
    found
}
