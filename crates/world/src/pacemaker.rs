//! Pacemaker: fencing, quorum, and where the scheduler places groups.
//!
//! Placement follows the scheduler of Pacemaker 2.1.5 with its default settings (`placement-strategy=default`,
//! `no-quorum-policy=stop`, `start-failure-is-fatal=true`). What was read there, by function:
//!
//! - `unpack_resources` (lib/pengine/unpack.c): resources take their turn by descending priority, then in the order
//!   of the configuration; fencing devices among them. That is [`Placement::turn`](kaketsugi_estate::Placement).
//! - `apply_stickiness`, `pcmk__group_apply_location`, `add_node_scores_matching_attr` (lib/pacemaker): a group is
//!   placed with its first member, whose score on a node is the group's location score plus every active member's
//!   stickiness; a later member's ban counts as long as it leaves the group a node at all
//!   (`pcmk__add_colocated_node_scores` rolls back otherwise), and then that member and those after it stay stopped.
//! - `compare_nodes` (pcmk_sched_nodes.c): highest score first, then the node with fewest resources assigned so far,
//!   then the node that has it, then the name in byte order.
//! - `assign_best_node` (pcmk_sched_primitive.c): a positive best score that the present node has too keeps the group
//!   where it is; a negative one means that it runs nowhere.
//! - `pcmk__threshold_reached`: a start that failed bans the resource from its node.
//!
//! `crm_simulate` is asked about the same states in tests/crm_simulate.rs.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{
    ClusterId, GroupId, GroupRole, GroupSeen, NodeState, ResourceState, ServerId, Trouble,
};

use crate::observe::group_state;
use crate::state::Cluster;
use crate::{Harm, World};

/// Pacemaker's INFINITY.
const INFINITY: i32 = 1_000_000;

/// How often reactions to reactions are followed. Each round either fences a node or bans a resource from one, so
/// that real clusters stay far below; it is a bound, not a tuning.
const ROUNDS_MAX: usize = 64;

/// Where a group goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) node: Option<ServerId>,
    /// How many of its resources run, from the first.
    pub(crate) runs: usize,
}

/// Runs the cluster's reactions until it is quiet.
pub(crate) fn settle(world: &mut World, id: &ClusterId) {
    for _ in 0..ROUNDS_MAX {
        world.refresh_members(id);
        if fence_one(world, id) {
            continue;
        }
        if !put_in_place(world, id) {
            return;
        }
    }
}

/// Fences one lost node, or lets go of it where fencing is disabled. Says whether anything changed.
fn fence_one(world: &mut World, id: &ClusterId) -> bool {
    if !world.has_quorum(id) {
        return false;
    }
    let Some(cluster) = world.cluster(id) else { return false };
    let enabled = !cluster.truth.trouble.contains(&Trouble::FencingDisabled);
    let fails = |node: &ServerId| {
        cluster
            .truth
            .trouble
            .iter()
            .any(|t| matches!(t, Trouble::FencingFailed { target } if target == node.as_str()))
    };
    let lost = cluster
        .truth
        .nodes
        .keys()
        .find(|n| world.server(n).is_some_and(|s| s.lost) && (!enabled || !fails(n)))
        .cloned();
    let Some(node) = lost else { return false };
    let cut_off = world.server(&node).is_some_and(|s| s.cut_off);
    if let Some(server) = world.server_mut(&node) {
        server.lost = false;
    }
    if enabled && cut_off {
        // `reboot` is the fencing action: the node loses its power, its groups are recovered, and it comes back.
        world.power_off(&node);
        if let Some(server) = world.server_mut(&node) {
            server.lost = false;
        }
        world.refresh_members(id);
        put_in_place(world, id);
        world.boot(&node);
    }
    true
}

/// Where the scheduler places each group, given the members as they are.
pub(crate) fn place(world: &World, id: &ClusterId) -> BTreeMap<GroupId, Placed> {
    let Some(cluster) = world.cluster(id) else { return BTreeMap::new() };
    let quorate = world.has_quorum(id);
    let mut order: Vec<_> = cluster.truth.groups.iter().collect();
    order.sort_by_key(|(name, group)| (group.placement.turn, *name));
    let mut assigned: BTreeMap<&ServerId, usize> = BTreeMap::new();
    let mut placed = BTreeMap::new();
    for (name, group) in order {
        let left_alone = group.owner.as_ref().is_some_and(|o| {
            world.server(o).is_some_and(|s| s.lost || s.maintenance)
                || group.resources.iter().any(|r| {
                    cluster.truth.trouble.contains(&Trouble::Unmanaged { resource: r.id.to_string() })
                })
        });
        let result = if left_alone {
            Placed { node: group.owner.clone(), runs: active(group) }
        } else if quorate {
            choose(world, cluster, name, group, &assigned)
        } else {
            Placed { node: None, runs: 0 }
        };
        if let Some(node) = result.node.as_ref().and_then(|n| cluster.truth.nodes.get_key_value(n)) {
            *assigned.entry(node.0).or_default() += result.runs;
        }
        placed.insert(name.clone(), result);
    }
    placed
}

fn active(group: &GroupSeen) -> usize {
    group.resources.iter().filter(|r| r.state == ResourceState::Online).count()
}

fn choose(
    world: &World,
    cluster: &Cluster,
    name: &GroupId,
    group: &GroupSeen,
    assigned: &BTreeMap<&ServerId, usize>,
) -> Placed {
    let nowhere = Placed { node: None, runs: 0 };
    // Members start in order, so that one which the administrator stopped stops those after it.
    let wanted = cluster
        .hidden
        .get(name)
        .map_or(0, |hidden| group.resources.iter().take_while(|r| hidden.wanted.contains(&r.id)).count());
    if wanted == 0 {
        return nowhere;
    }
    let running = group
        .owner
        .as_ref()
        .filter(|_| group.resources.first().is_some_and(|r| r.state == ResourceState::Online));
    let available = |node: &ServerId| {
        cluster.truth.nodes.get(node).is_some_and(|n| n.state == NodeState::Online)
            && world.server(node).is_some_and(crate::members::is_member)
    };
    let share = |active: usize| {
        let all = i32::try_from(group.resources.len()).unwrap_or(i32::MAX).max(1);
        group.placement.stickiness / all * i32::try_from(active).unwrap_or(i32::MAX)
    };
    let mut scores: BTreeMap<&ServerId, i32> = group
        .placement
        .scores
        .iter()
        .map(|(node, score)| {
            let sticky = if group.owner.as_ref() == Some(node) { share(active(group)) } else { 0 };
            (node, add(*score, sticky))
        })
        .collect();
    let can_run = |scores: &BTreeMap<&ServerId, i32>| scores.iter().any(|(n, s)| *s >= 0 && available(n));
    for resource in &group.resources {
        let mut with_bans = scores.clone();
        for (node, score) in &mut with_bans {
            if is_banned(cluster, resource.id.as_str(), node) {
                *score = -INFINITY;
            }
        }
        if !can_run(&with_bans) {
            if resource.id == group.resources[0].id {
                return nowhere;
            }
            break;
        }
        scores = with_bans;
    }
    let rank = |node: &ServerId, score: i32| {
        let score = if available(node) { score } else { -INFINITY };
        (
            std::cmp::Reverse(score),
            assigned.get(node).copied().unwrap_or(0),
            running != Some(node),
            node.clone(),
        )
    };
    let Some((mut node, score)) = scores
        .iter()
        .map(|(n, s)| (*n, *s))
        .min_by_key(|(n, s)| rank(n, *s))
        .filter(|(n, s)| *s >= 0 && available(n))
    else {
        return nowhere;
    };
    if score > 0
        && let Some(present) = running
        && available(present)
        && scores.get(present) == Some(&score)
    {
        node = present;
    }
    let runs =
        group.resources.iter().take(wanted).take_while(|r| !is_banned(cluster, r.id.as_str(), node)).count();
    Placed { node: Some(node.clone()), runs }
}

/// `pcmk__add_scores`: minus INFINITY beats all, then INFINITY.
fn add(a: i32, b: i32) -> i32 {
    if a <= -INFINITY || b <= -INFINITY {
        -INFINITY
    } else if a >= INFINITY || b >= INFINITY {
        INFINITY
    } else {
        (a + b).clamp(-INFINITY, INFINITY)
    }
}

fn is_banned(cluster: &Cluster, resource: &str, node: &ServerId) -> bool {
    cluster.truth.trouble.iter().any(|t| {
        matches!(t, Trouble::FailCount { resource: r, node: n, count }
            if r == resource && n == node.as_str() && *count >= INFINITY.unsigned_abs())
    })
}

/// Brings every group where it is to be. Says whether a start failed, so that the scheduler has to look again.
fn put_in_place(world: &mut World, id: &ClusterId) -> bool {
    let Some(before) = world.cluster(id) else { return false };
    if before.truth.trouble.contains(&Trouble::MaintenanceMode) {
        return false;
    }
    let placed = place(world, id);
    let Some(mut cluster) = world.clusters.get(id).cloned() else { return false };
    let mut started: Vec<(GroupId, ServerId)> = Vec::new();
    let mut failed: BTreeSet<Trouble> = BTreeSet::new();
    let mut harm = BTreeSet::new();
    {
        let cluster = std::sync::Arc::make_mut(&mut cluster);
        for (name, group) in &mut cluster.truth.groups {
            let Some(goal) = placed.get(name) else { continue };
            if let Some(owner) = &group.owner
                && world.server(owner).is_some_and(|s| s.lost)
            {
                // Not known to be down: nobody can say what runs there, and nothing is started elsewhere.
                group.resources.iter_mut().for_each(|r| r.state = ResourceState::Pending);
                refresh(group);
                continue;
            }
            let stays = group.owner == goal.node;
            let mut runs = goal.runs;
            for (index, resource) in group.resources.iter().enumerate().take(goal.runs) {
                let Some(node) = &goal.node else { break };
                let start = !stays || resource.state != ResourceState::Online;
                let key = (name.clone(), resource.id.clone(), node.clone());
                if start && cluster.broken.contains(&key) {
                    failed.extend(start_failure(resource.id.as_str(), node));
                    runs = index;
                    break;
                }
            }
            let changed = !stays
                || group
                    .resources
                    .iter()
                    .enumerate()
                    .any(|(i, r)| (r.state == ResourceState::Online) != (i < runs));
            if !changed {
                continue;
            }
            if let (Some(first), Some(second)) = (&group.owner, &goal.node)
                && first != second
                && world.server(first).is_some_and(|s| s.cut_off && s.service)
                && active(group) > 0
                && group.role == GroupRole::Service
            {
                harm.insert(Harm::StartedTwice {
                    group: name.clone(),
                    first: first.clone(),
                    second: second.clone(),
                });
            }
            group.owner.clone_from(&goal.node);
            for (index, resource) in group.resources.iter_mut().enumerate() {
                resource.state = if index < runs { ResourceState::Online } else { ResourceState::Offline };
            }
            if runs == 0 {
                group.owner = None;
            }
            refresh(group);
            if let Some(node) = group.owner.clone()
                && group.role == GroupRole::Service
            {
                started.push((name.clone(), node));
            }
        }
        let again = !failed.is_empty();
        for trouble in failed {
            if !cluster.truth.trouble.contains(&trouble) {
                cluster.truth.trouble.push(trouble);
            }
        }
        if !again && started.is_empty() && world.clusters.get(id).is_some_and(|c| **c == *cluster) {
            return false;
        }
        world.harm.extend(harm);
        world.clusters.insert(id.clone(), std::sync::Arc::new(cluster.clone()));
        for (group, node) in started {
            world.open_data(id, &group, &node);
        }
        again
    }
}

/// `start-failure-is-fatal`: the fail-count goes to INFINITY.
fn start_failure(resource: &str, node: &ServerId) -> [Trouble; 2] {
    [
        Trouble::FailedAction { resource: resource.into(), node: node.to_string(), what: "start".into() },
        Trouble::FailCount {
            resource: resource.into(),
            node: node.to_string(),
            count: INFINITY.unsigned_abs(),
        },
    ]
}

/// Brings what follows from a group's resources up to date.
pub(crate) fn refresh(group: &mut GroupSeen) {
    group.state = if group.resources.is_empty() {
        match group.owner {
            Some(_) => kaketsugi_estate::GroupState::Online,
            None => kaketsugi_estate::GroupState::Offline,
        }
    } else {
        group_state(&group.resources)
    };
    if group.healthy.is_some() {
        group.healthy = Some(group.state == kaketsugi_estate::GroupState::Online);
    }
}
