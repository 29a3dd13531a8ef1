//! The order of E03-CLU-01 to 15, on clusters of Exchange Server 2003.

use std::collections::BTreeSet;

use kaketsugi_estate::{ClusterId, ClusterKind, PoolId, Product, Role, ServerId};
use kaketsugi_plan::{Action, Condition};

use crate::ledger::{Ledger, is_product_group};
use crate::objection::{Check, Cite, Found};
use crate::walk::{Moment, Walk, names};

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "exchange-offline-first",
        asks: "A virtual server's first move onto a patched node is made with its Exchange resources offline.",
        hint: "take the group offline, but for the kept-online set, while it is still on the old node",
        rule: Cite::exchange("E03-CLU-06-OFFLINE"),
        find: offline_first,
    },
    Check {
        code: "exchange-started-early",
        asks: "The patched node's cluster service is started only when the virtual server is offline (06 before 07).",
        hint: "take the first virtual server offline before the patched node joins again",
        rule: Cite::exchange("E03-CLU-07-START"),
        find: started_early,
    },
    Check {
        code: "exchange-online-on-old",
        asks: "What was taken offline is brought online on a patched node only.",
        hint: "move the virtual server to a patched node first",
        rule: Cite::exchange("E03-CLU-10-ONLINE"),
        find: online_on_old,
    },
    Check {
        code: "exchange-left-offline",
        asks: "Every group that is taken offline is brought online again.",
        hint: "bring the group online on the patched node",
        rule: Cite::exchange("E03-CLU-10-ONLINE"),
        find: left_offline,
    },
    Check {
        code: "exchange-failover-proof",
        asks: "Every virtual server is shown to fail over onto a patched node.",
        hint: "move it, online, to another patched node as the proof",
        rule: Cite::exchange("E03-CLU-14-FAILOVER"),
        find: failover_proof,
    },
    Check {
        code: "exchange-passive-first",
        asks: "In a cluster of Exchange 2000 a node that carries no virtual server is patched first.",
        hint: "patch a passive node first; move virtual servers together where there is none",
        rule: Cite::NONE.and_2000("E00-AP-PASSIVE-FIRST"),
        find: passive_first,
    },
    Check {
        code: "exchange-active-first",
        asks: "In a cluster of Exchange 5.5 the active node is patched first, and its groups stay there until all nodes are done.",
        hint: "install on the node that carries the Exchange group first, and move that only when all nodes are done",
        rule: Cite::NONE.and_55("E55-CLU-ACTIVE-FIRST"),
        find: active_first,
    },
    Check {
        code: "exchange-optimizer",
        asks: "After a service pack of Exchange 5.5 the Performance Optimizer is run wherever the product works.",
        hint: "run it after the install, on the node that carries the Exchange group",
        rule: Cite::NONE.and_55("E55-PERFWIZ"),
        find: optimizer,
    },
    Check {
        code: "exchange-front-ends-first",
        asks: "All front-end servers are upgraded before the first back-end server.",
        hint: "install the release on every front-end server first",
        rule: Cite::exchange("E03-FE-FIRST"),
        find: front_ends_first,
    },
    Check {
        code: "exchange-pool-together",
        asks: "All servers of a pool are taken out, each is upgraded, and only then are they brought back.",
        hint: "take all that aren't upgraded out of the pool, upgrade each, and only then bring them back",
        rule: Cite::exchange("E03-FE-TOGETHER"),
        find: pool_together,
    },
    Check {
        code: "exchange-version-look",
        asks: "The installed version is looked at on every node and virtual server, after the last change.",
        hint: "verify release and directory version at the end",
        rule: Cite::exchange("E03-CLU-15-VERSION"),
        find: version_look,
    },
];

fn is_exchange(walk: &Walk<'_>) -> bool {
    walk.plan.payload.product == Product::Exchange2003
}

fn offline_first(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments().filter(|_| is_exchange(walk)) {
        let Action::Move { cluster, group, to, .. } = &m.step.action else { continue };
        let Some(books) = m.before.groups.get(&(cluster, group)) else { continue };
        let old = !books.at.iter().any(|node| m.before.patched(node));
        if books.serving && old && m.before.patched(to) && is_product_group(walk.plan, books) {
            found.push(Found::at(
                m.step,
                format!("{group} is online when it first comes to {to}, which is patched"),
            ));
        }
    }
    found
}

fn started_early(walk: &Walk<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for m in walk.moments().filter(|_| is_exchange(walk)) {
        let Action::StartService { cluster, node } = &m.step.action else { continue };
        let others = m.before.cluster_nodes(cluster).any(|(id, _)| id != node && m.before.patched(id));
        // With three nodes or more it may join so that the next one can be patched, not to take a virtual server.
        let next = walk.first(|n| {
            let other = n.step.action.node() != Some(node);
            let leaves =
                matches!(n.step.action, Action::StopService { .. } | Action::Install { .. }) && other;
            n.index > m.index && (leaves || matches!(n.step.action, Action::TakeOffline { .. }))
        });
        let for_others = next.is_some_and(|n| !matches!(n.step.action, Action::TakeOffline { .. }));
        if others || for_others || !m.before.patched(node) {
            continue;
        }
        let mine =
            || m.before.groups.iter().filter(|(key, g)| key.0 == cluster && is_product_group(walk.plan, g));
        let waiting = mine().any(|(_, g)| g.serving && !g.at.iter().any(|n| m.before.patched(n)));
        if waiting && !mine().any(|(_, g)| g.offline) {
            found.push(Found::at(
                m.step,
                format!("{node} joins while no virtual server of {cluster} is offline yet"),
            ));
        }
    }
    found
}

fn online_on_old(walk: &Walk<'_>) -> Vec<Found> {
    walk.moments()
        .filter(|_| is_exchange(walk))
        .filter_map(|m| match &m.step.action {
            Action::BringOnline { group, node, .. } if !m.before.patched(node) => {
                Some(Found::at(m.step, format!("{group} would come online on {node}, which isn't patched")))
            }
            _ => None,
        })
        .collect()
}

fn left_offline(walk: &Walk<'_>) -> Vec<Found> {
    walk.end()
        .groups
        .iter()
        .filter(|(_, g)| g.offline && !g.serving)
        .map(|((cluster, group), _)| Found::plan(format!("{group} of {cluster} is offline at the end")))
        .collect()
}

fn failover_proof(walk: &Walk<'_>) -> Vec<Found> {
    if walk.installs().next().is_none() || !is_exchange(walk) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for ((cluster, group), books) in walk.virtual_servers() {
        let meant_to_run = books.serving || books.offline;
        if !meant_to_run {
            continue;
        }
        let proven = walk.moments().any(|m| match &m.step.action {
            Action::Move { cluster: c, group: g, to, proof: true } => {
                let now = m.before.groups.get(&(c, g));
                c == cluster
                    && g == group
                    && m.before.patched(to)
                    && now.is_some_and(|b| b.serving && b.owner().is_some_and(|o| o != to))
            }
            _ => false,
        });
        if !proven {
            found.push(Found::plan(format!("nothing shows that {group} fails over onto a patched node")));
        }
    }
    found
}

fn passive_first(walk: &Walk<'_>) -> Vec<Found> {
    if walk.plan.payload.product != Product::Exchange2000 {
        return Vec::new();
    }
    let clusters = walk.plan.snapshot.clusters.keys();
    let early = clusters.filter_map(|cluster| {
        let mut installs = walk.installs().filter(|(m, node)| m.before.cluster_of(node) == Some(cluster));
        let (m, node) = installs.next()?;
        let start = walk.start();
        let active = |id: &ServerId| start.groups_on(id).any(|(_, g)| is_product_group(walk.plan, g));
        let nodes = start.cluster_nodes(cluster).map(|(id, _)| id);
        let passive: Vec<&ServerId> = nodes.filter(|id| !active(id) && !start.patched(id)).collect();
        // What is there by half is completed first, whatever it carries.
        let half_done = start.nodes.get(node).is_some_and(|n| n.half_done);
        (active(node) && !half_done && !passive.is_empty())
            .then(|| Found::at(m.step, format!("{node} was active, and {} passive", names(passive))))
    });
    early.collect()
}

fn active_first(walk: &Walk<'_>) -> Vec<Found> {
    if walk.force("E55-CLU-ACTIVE-FIRST").is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let windows = |id: &&ClusterId| walk.seen(id).is_some_and(|seen| seen.kind == ClusterKind::Windows);
    for cluster in walk.plan.snapshot.clusters.keys().filter(windows) {
        let installs: Vec<_> =
            walk.installs().filter(|(m, node)| m.before.cluster_of(node) == Some(cluster)).collect();
        let (Some((first, node)), Some((last, _))) = (installs.first(), installs.last()) else { continue };
        let books = first.before;
        let active = |id: &ServerId| books.groups_on(id).any(|(_, g)| is_product_group(walk.plan, g));
        let waiting: Vec<&ServerId> = books
            .cluster_nodes(cluster)
            .map(|(id, _)| id)
            .filter(|id| active(id) && !books.patched(id))
            .collect();
        // What is there by half is completed first, whatever it carries.
        let half_done = books.nodes.get(*node).is_some_and(|n| n.half_done);
        if !active(node) && !half_done && !waiting.is_empty() {
            found.push(Found::at(first.step, format!("{node} is passive, and {} active", names(waiting))));
        }
        for m in walk.moments().filter(|m| m.index < last.index && walk.plan.payload.service_pack) {
            let Action::Move { cluster: c, group, .. } = &m.step.action else { continue };
            let books = m.before.groups.get(&(c, group)).filter(|_| c == cluster);
            if books.is_some_and(|g| is_product_group(walk.plan, g)) {
                let message = format!("{group} would move before all nodes of {cluster} are done");
                found.push(Found::at(m.step, message));
            }
        }
    }
    found
}

fn optimizer(walk: &Walk<'_>) -> Vec<Found> {
    if walk.force("E55-PERFWIZ").is_none() {
        return Vec::new();
    }
    let product = walk.start().groups.iter().filter(|(_, group)| is_product_group(walk.plan, group));
    product
        .filter_map(|((cluster, group), books)| {
            let here = |m: &Moment<'_, '_>, node: &ServerId| {
                let books = m.before.groups.get(&(*cluster, *group));
                books.is_some_and(|group| group.at.iter().any(|at| *at == node))
            };
            let installed =
                walk.installs().filter(|(m, node)| here(m, node)).map(|(m, _)| m.index).next_back();
            let was_run = |node: &&ServerId| {
                walk.plan.snapshot.servers.get(*node).and_then(|seen| seen.optimized) == Some(true)
            };
            // Where the group is at that moment: what is set there goes with it to the other node.
            let run = |m: &Moment<'_, '_>| {
                matches!(&m.step.action, Action::Optimize { node } if here(m, node))
                    && installed.is_none_or(|at| m.index > at)
            };
            let owed = installed.is_some() || !books.at.iter().all(was_run);
            (owed && walk.first(run).is_none())
                .then(|| Found::plan(format!("nobody runs it where {group} of {cluster} is")))
        })
        .collect()
}

fn front_ends_first(walk: &Walk<'_>) -> Vec<Found> {
    let servers = &walk.plan.estate.servers;
    let is_front_end = |id: &ServerId| servers.get(id).is_some_and(|s| s.roles.contains(&Role::FrontEnd));
    let rule = Cite::exchange("E03-FE-FIRST").of(walk.plan.payload.product);
    if rule.and_then(|rule| walk.force(rule)).is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (m, node) in walk.installs().filter(|(_, node)| !is_front_end(node)) {
        let behind: Vec<&ServerId> =
            walk.servers().filter(|id| is_front_end(id) && !m.before.patched(id)).collect();
        if !behind.is_empty() {
            found.push(Found::at(
                m.step,
                format!("{} is in front of {node}, and not upgraded then", names(behind)),
            ));
        }
    }
    found
}

fn pool_together(walk: &Walk<'_>) -> Vec<Found> {
    if walk.force("E03-FE-TOGETHER").is_none() {
        return Vec::new();
    }
    let pools: BTreeSet<&PoolId> = walk.start().nodes.values().filter_map(|n| n.pool).collect();
    let of_two = |books: &Ledger<'_>, pool: &PoolId| {
        let (new, old): (Vec<_>, Vec<_>) =
            books.answering(pool).into_iter().partition(|server| books.patched(server));
        !new.is_empty() && !old.is_empty()
    };
    let mut found = Vec::new();
    for m in walk.moments() {
        for pool in pools.iter().filter(|pool| of_two(m.after, pool) && !of_two(m.before, pool)) {
            found.push(Found::at(m.step, format!("{pool} serves its users with two versions from then on")));
        }
        let (node, still, why) = match &m.step.action {
            Action::Install { node, release } if *release == walk.plan.payload.id => {
                (node, false, "isn't upgraded and hasn't been taken out")
            }
            Action::Readmit { node, .. } => (node, true, "isn't upgraded yet"),
            _ => continue,
        };
        let pool = m.before.nodes.get(node).and_then(|n| n.pool);
        let mates = m.before.nodes.iter().filter(|(_, n)| pool.is_some() && n.pool == pool);
        let behind =
            mates.filter(|(id, n)| !m.before.patched(id) && (still || !n.standby)).map(|(id, _)| *id);
        let behind: Vec<&ServerId> = behind.collect();
        if !behind.is_empty() {
            found.push(Found::at(m.step, format!("of {node}'s pool, {} {why}", names(behind))));
        }
    }
    found
}

fn version_look(walk: &Walk<'_>) -> Vec<Found> {
    let payload = &walk.plan.payload;
    let of_exchange = payload.product.is_exchange();
    let Some((last, _)) = walk.installs().last().filter(|_| of_exchange) else { return Vec::new() };
    let upgraded = walk.last(|m| matches!(m.step.action, Action::UpgradeGroup { .. })).map_or(0, |m| m.index);
    let after = last.index.max(upgraded);
    let looked = |wanted: &dyn Fn(&Condition) -> bool| {
        walk.moments().any(|m| {
            m.index > after
                && matches!(m.step.action, Action::Verify { .. })
                && m.step.expects.iter().any(wanted)
        })
    };
    let mut found = Vec::new();
    for (_, node) in walk.installs() {
        let installed = |c: &Condition| matches!(c, Condition::Installed { node: n, release } if n == node && *release == payload.id);
        if !looked(&installed) {
            found.push(Found::plan(format!("nobody looks in the end whether {} is on {node}", payload.id)));
        }
    }
    if payload.group_upgrade {
        for ((_, group), _) in walk.virtual_servers() {
            let versioned =
                |c: &Condition| matches!(c, Condition::GroupVersion { group: g, .. } if g == group);
            if !looked(&versioned) {
                found.push(Found::plan(format!("nobody looks in the end at the version of {group}")));
            }
        }
    }
    found
}
