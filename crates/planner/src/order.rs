//! Which node comes next, and where a group goes meanwhile.

use std::cmp::Reverse;

use kaketsugi_estate::{Cluster, Estate, GroupId, Product, ReleaseState, Role, ServerId};
use kaketsugi_plan::{Condition, Reason, ReasonKind};

use crate::board::Board;

/// The node to patch next. A half-done node comes first, because every further step would rest on it; then the one
/// that carries the fewest groups, because each of them is interrupted once more if it can't go to a patched node. Where
/// set-up works in place, those that carry groups come first (E55-CLU-ACTIVE-FIRST).
pub(crate) fn next_node(board: &Board<'_>) -> Option<(ServerId, Reason)> {
    let node = board.to_do().into_iter().min_by_key(|node| {
        let half_done = board.release_on(node) == Some(ReleaseState::Partial);
        let active = board.works_in_place(node);
        (
            Reverse(half_done),
            Reverse(active),
            board.service_groups_on(node).len(),
            board.groups_on(node).len(),
            node.clone(),
        )
    })?;
    let groups = board.service_groups_on(&node);
    let pool = board.seen.pool.clone().filter(|_| board.release_on(&node) != Some(ReleaseState::Partial));
    let kind = if let Some(pool) = pool {
        match board.payload.alike_in_pools {
            true => ReasonKind::PoolTogether { pool },
            false => ReasonKind::PoolOneByOne { pool },
        }
    } else if board.stands_alone() && board.release_on(&node) != Some(ReleaseState::Partial) {
        ReasonKind::StandsAlone
    } else if board.release_on(&node) == Some(ReleaseState::Partial) {
        ReasonKind::HalfDone
    } else if board.works_in_place(&node) {
        ReasonKind::ActiveFirst { groups }
    } else if groups.is_empty() {
        ReasonKind::CarriesNothing
    } else {
        ReasonKind::FewestGroups { groups }
    };
    Some((node.clone(), Reason { server: node, kind }))
}

/// That a node has an edition that isn't made for clusters (ALL-SCOPE).
pub(crate) fn standard_on_cluster(board: &Board<'_>, node: &ServerId) -> Option<Reason> {
    let server = board.estate.servers.get(node)?;
    let standard = server.roles.contains(&Role::StandardEdition) && !board.stands_alone();
    standard.then(|| Reason { server: node.clone(), kind: ReasonKind::StandardOnCluster })
}

/// Whether a cluster or a server that stands alone serves as front end to others.
pub(crate) fn is_front_end(estate: &Estate, unit: &Cluster) -> bool {
    let serves = |node| estate.servers.get(node).is_some_and(|s| s.roles.contains(&Role::FrontEnd));
    unit.nodes.iter().all(serves)
}

/// The rule that front-end servers come first, where the estate has any.
pub(crate) fn front_end_rule(board: &Board<'_>) -> Option<&'static str> {
    let mut servers = board.estate.servers.values();
    let there = servers.any(|s| s.roles.contains(&Role::FrontEnd));
    (there && board.payload.front_ends_first).then_some(match board.payload.product {
        Product::Exchange2000 => "E00-FE-FIRST",
        _ => "E03-FE-FIRST",
    })
}

/// What the install of a release on a back-end server waits for: that it is on every front-end server.
pub(crate) fn front_ends_done(board: &Board<'_>, node: &ServerId) -> Vec<Condition> {
    match of_front_ends(board, node) {
        Some(ReasonKind::AfterFrontEnds { servers }) => {
            let release = &board.payload.id;
            servers.into_iter().map(|node| Condition::Installed { node, release: release.clone() }).collect()
        }
        _ => Vec::new(),
    }
}

/// Why a server waits for front-end servers, or is one. None: the estate has none, or their order was waived.
pub(crate) fn of_front_ends(board: &Board<'_>, node: &ServerId) -> Option<ReasonKind> {
    let servers = board.estate.servers.iter().filter(|(_, s)| s.roles.contains(&Role::FrontEnd));
    let front_ends: Vec<ServerId> = servers.map(|(id, _)| id.clone()).collect();
    match (front_ends.is_empty() || !board.payload.front_ends_first, front_ends.contains(node)) {
        (true, _) => None,
        (false, true) => Some(ReasonKind::FrontEnd),
        (false, false) => Some(ReasonKind::AfterFrontEnds { servers: front_ends }),
    }
}

/// Where a group goes when its node is emptied: to a patched node if one may have it and has room, so that it moves only
/// once; among equals to the one with the fewest groups.
pub(crate) fn destination(board: &Board<'_>, group: &GroupId, from: &ServerId) -> Option<ServerId> {
    board
        .eligible(group)
        .into_iter()
        .filter(|node| node != from && !board.drained.contains(node) && board.has_room(node, group))
        .min_by_key(|node| (Reverse(board.patched.contains(node)), board.groups_on(node).len(), node.clone()))
}

/// Where the cluster itself would put a group if its node were drained now.
pub(crate) fn foreseen(board: &Board<'_>, group: &GroupId, from: &ServerId) -> Option<ServerId> {
    board.predict_drain(from).remove(group).flatten()
}
