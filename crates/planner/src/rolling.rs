//! The core: the nodes of one cluster, one after the other (E03-CLU-ONE-NODE, E03-CLU-13-REPEAT).

use kaketsugi_estate::{NodeState, ServerId};
use kaketsugi_knowledge::Drain;
use kaketsugi_plan::{Action, Condition, Reason, ReasonKind};

use crate::board::Board;
use crate::sheet::{Draft, Sheet};
use crate::{Refused, groups, in_place, nodes, order, standby};

/// Patches every node that isn't at the release, each while it carries nothing.
pub(crate) fn roll(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    reasons: &mut Vec<Reason>,
) -> Result<(), Refused> {
    for node in board.seen.nodes.keys() {
        nodes::quiet(sheet, board, node)?;
    }
    // What an earlier run left half-way is finished first: its users are cut off, or cut off from a way back.
    groups::upgrade_in_place(sheet, board)?;
    let mut before: Option<ServerId> = None;
    while let Some((node, reason)) = order::next_node(board) {
        reasons.push(reason);
        reasons.extend(order::standard_on_cluster(board, &node));
        let front_ends = order::of_front_ends(board, &node);
        reasons.extend(front_ends.map(|kind| Reason { server: node.clone(), kind }));
        if let Some(after) = before.replace(node.clone()) {
            reasons.push(Reason { server: node.clone(), kind: ReasonKind::OneAtATime { after } });
        }
        if board.stays_in_standby.contains(&node) && board.seen.pool.is_none() {
            reasons.push(Reason { server: node.clone(), kind: ReasonKind::StaysInStandby });
        }
        match board.profile.drain {
            Drain::MoveGroups if board.works_in_place(&node) => in_place::clear_the_way(sheet, board, &node)?,
            Drain::MoveGroups => groups::move_all_off(sheet, board, &node)?,
            Drain::Standby => standby::drain(sheet, board, &node)?,
            Drain::InPlace => {}
        }
        if board.to_do().len() == 1 {
            soak(sheet, board)?;
        }
        nodes::start_all_others(sheet, board, &node)?;
        nodes::patch(sheet, board, &node)?;
        if board.profile.drain == Drain::Standby {
            nodes::start(sheet, board, &node)?;
            if !board.stays_in_standby.contains(&node) {
                standby::readmit(sheet, board, &node)?;
            }
        }
    }
    groups::upgrade_in_place(sheet, board)?;
    for node in board.seen.nodes.keys() {
        in_place::optimize(sheet, board, node)?;
    }
    Ok(())
}

/// What was found on a patched node can fail over to an old one until that is paused: before anything else.
pub(crate) fn hold_back(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    if board.to_do().is_empty() {
        return Ok(());
    }
    for node in board.to_do() {
        // Where both nodes were cut off, the one that has the groups goes on.
        if board.begun_in_place(&node) && board.works_in_place(&node) {
            // What else is there leaves first, because a paused node takes nothing.
            in_place::clear_the_way(sheet, board, &node)?;
        }
    }
    for group in board.carried_over.clone() {
        if board.owner.get(&group).is_some_and(|owner| board.patched.contains(owner)) {
            standby::hold_back(sheet, board, &group, None)?;
        }
    }
    Ok(())
}

/// Files on every node before the first one is touched.
pub(crate) fn stage(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    for node in board.to_do() {
        for payload in nodes::due(board, &node) {
            nodes::stage(sheet, board, &node, payload)?;
        }
    }
    Ok(())
}

/// The first patched node that carries groups shows for a while that it does well, while the last old node is still
/// there to go back to.
fn soak(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    let seconds = board.estate.policy.soak_seconds;
    let carrying = board.patched.iter().find(|n| !board.service_groups_on(n).is_empty()).cloned();
    let Some(node) = carrying.or_else(|| board.first_patched.clone()).filter(|_| seconds > 0) else {
        return Ok(());
    };
    // With its cluster service stopped it can show nothing; it is started when the first group goes there.
    if board.stopped.contains(&node) {
        return Ok(());
    }
    let state = if board.stays_in_standby.contains(&node) { NodeState::Standby } else { NodeState::Online };
    let mut expects = board.all_healthy();
    expects.push(Condition::NoTrouble { cluster: board.cluster.clone() });
    expects.push(Condition::NodeState { cluster: board.cluster.clone(), node: node.clone(), state });
    let exposes = board.act(None)?;
    sheet.write(
        Draft::new(
            Action::Soak { cluster: board.cluster.clone(), node: node.clone(), seconds },
            format!("{node}, which is patched, shows for {seconds} s that it does well"),
        )
        .expects(expects)
        .exposes(exposes)
        .takes(seconds, seconds.saturating_add(120)),
    );
    Ok(())
}
