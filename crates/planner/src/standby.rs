//! Nodes that groups are kept off: drained, paused, let in again.

use kaketsugi_estate::{GroupId, NodeState, ServerId};
use kaketsugi_plan::{Action, Condition, Interruption, Phase, Recovery};

use kaketsugi_world::Command;

use crate::board::Board;
use crate::groups::{interruption, move_online, nowhere};
use crate::sheet::{Draft, Sheet};
use crate::{Refused, order, rules};

/// Has the cluster empty a node (Pacemaker: standby), after moving by hand only what it would put elsewhere than we
/// need it.
pub(crate) fn drain(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    for group in board.service_groups_on(node) {
        let wish = order::destination(board, &group, node).ok_or_else(|| nowhere(board, &group, node))?;
        let foreseen = order::foreseen(board, &group, node);
        let good =
            foreseen.as_ref().is_some_and(|f| board.patched.contains(f) == board.patched.contains(&wish));
        if good {
            continue;
        }
        move_online(sheet, board, &group, &wish, false)?;
    }
    let cluster = board.cluster.clone();
    let mut requires = board.all_healthy();
    requires.push(Condition::NoTrouble { cluster: cluster.clone() });
    requires.extend(board.others_online(node));
    requires.push(Condition::QuorumWithout { cluster: cluster.clone(), node: node.clone() });
    let were = board.owner.clone();
    let exposes = board.act(Some(&Command::Standby { cluster: cluster.clone(), node: node.clone() }))?;
    board.drained.insert(node.clone());
    let (interrupts, moved) = moved_since(board, &were);
    let mut expects = vec![
        Condition::NodeState { cluster: cluster.clone(), node: node.clone(), state: NodeState::Standby },
        Condition::NodeEmpty { cluster: cluster.clone(), node: node.clone() },
        Condition::NoTrouble { cluster: cluster.clone() },
    ];
    expects.extend(moved);
    expects.extend(board.all_healthy());
    sheet.write(
        Draft::new(
            Action::Drain { cluster, node: node.clone() },
            format!("Put {node} into standby, so that the cluster moves its groups away"),
        )
        .requires(requires)
        .expects(expects)
        .cites(&["PCMK-STANDBY"])
        .interrupts(interrupts)
        .exposes(exposes)
        .recovery(Recovery::Redo)
        .takes(board.profile.expected_seconds.r#move, 600),
    );
    Ok(())
}

/// Pauses the nodes with the older version that could be given a group: once a new version has opened its databases, no
/// fail-over may bring them to an old one (E00-AP-STORE-UPGRADE). `but` is the node that is about to get the new version
/// where the group stands (E55-CLU-ACTIVE-FIRST).
pub(crate) fn hold_back(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    group: &GroupId,
    but: Option<&ServerId>,
) -> Result<(), Refused> {
    if !board.opens_for_good() {
        return Ok(());
    }
    let out = board.out();
    for node in board.eligible(group) {
        if !board.patched.contains(&node) && !out.contains(&node) && Some(&node) != but {
            pause(sheet, board, &node)?;
        }
    }
    Ok(())
}

fn pause(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    let cluster = board.cluster.clone();
    let mut requires = board.all_healthy();
    requires.extend(board.others_online(node));
    let exposes = board.act(Some(&Command::Standby { cluster: cluster.clone(), node: node.clone() }))?;
    board.drained.insert(node.clone());
    board.held_back.insert(node.clone());
    sheet.write(
        Draft::new(
            Action::Pause { cluster: cluster.clone(), node: node.clone() },
            format!("Pause {node}, so that no fail-over brings upgraded databases to its old store"),
        )
        .requires(requires)
        .expects([Condition::NodeState { cluster, node: node.clone(), state: NodeState::Standby }])
        .expects(board.all_healthy())
        .cites(rules::pause(board))
        .exposes(exposes)
        .recovery(Recovery::Redo)
        .takes(5, 120),
    );
    Ok(())
}

/// Lets a drained or paused node carry groups again.
pub(crate) fn readmit(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    let cluster = board.cluster.clone();
    let were = board.owner.clone();
    let exposes = board.act(Some(&Command::Unstandby { cluster: cluster.clone(), node: node.clone() }))?;
    board.drained.remove(node);
    let cites = if board.held_back.remove(node) { rules::pause(board) } else { &[] };
    // Groups that the cluster brings back by itself, because they prefer this node.
    let (interrupts, moved) = moved_since(board, &were);
    let mut expects = vec![
        Condition::NodeState { cluster: cluster.clone(), node: node.clone(), state: NodeState::Online },
        Condition::NoTrouble { cluster: cluster.clone() },
    ];
    expects.extend(moved);
    expects.extend(board.all_healthy());
    sheet.write(
        Draft::new(
            Action::Readmit { cluster: cluster.clone(), node: node.clone() },
            format!("Let {node} carry groups again"),
        )
        .requires([
            Condition::Reached { node: node.clone() },
            Condition::Service { node: node.clone(), running: true },
            Condition::Installed { node: node.clone(), release: board.payload.id.clone() },
        ])
        .expects(expects)
        .cites(cites)
        .interrupts(interrupts)
        .exposes(exposes)
        .takes(10, 600),
    );
    Ok(())
}

/// Groups that the cluster itself has moved: their interruptions, and where they must be for what follows to hold.
fn moved_since(
    board: &Board<'_>,
    were: &std::collections::BTreeMap<GroupId, ServerId>,
) -> (Vec<Interruption>, Vec<Condition>) {
    let seconds = board.profile.expected_seconds.r#move;
    board
        .service_groups()
        .into_iter()
        .filter(|group| were.get(group) != board.owner.get(group))
        .filter_map(|group| {
            let node = board.owner.get(&group)?.clone();
            let whole = interruption(board, &group, Phase::Whole, seconds);
            Some((whole, Condition::Owner { cluster: board.cluster.clone(), group, node }))
        })
        .unzip()
}
