//! Which node comes next, and where a group goes meanwhile.

use std::cmp::Reverse;

use kaketsugi_estate::{GroupId, ReleaseState, ServerId};
use kaketsugi_plan::{Reason, ReasonKind};

use crate::board::Board;

/// The node to patch next. A half-done node comes first, because every further step would rest on it; then the one
/// that carries the fewest groups, because each of them is interrupted once more if it can't go to a patched node.
pub(crate) fn next_node(board: &Board<'_>) -> Option<(ServerId, Reason)> {
    let node = board.to_do().into_iter().min_by_key(|node| {
        let half_done = board.release_on(node) == Some(ReleaseState::Partial);
        (Reverse(half_done), board.service_groups_on(node).len(), board.groups_on(node).len(), node.clone())
    })?;
    let groups = board.service_groups_on(&node);
    let kind = if board.release_on(&node) == Some(ReleaseState::Partial) {
        ReasonKind::HalfDone
    } else if groups.is_empty() {
        ReasonKind::CarriesNothing
    } else {
        ReasonKind::FewestGroups { groups }
    };
    Some((node.clone(), Reason { server: node, kind }))
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
    board.world.predict_drain(&board.cluster, from).remove(group).flatten()
}
