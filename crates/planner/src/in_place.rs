//! What happens where users are: on a server that stands alone (E03-ALONE, E00-ALONE, E55-ALONE), and on the active node of
//! a cluster of Exchange 5.5 (E55-CLU-ACTIVE-FIRST).

use kaketsugi_estate::{NodeState, ReleaseState, ServerId};
use kaketsugi_plan::{Action, Condition, Payload, Recovery, RestartNeed};
use kaketsugi_world::Command;

use crate::board::Board;
use crate::groups::{self, nowhere};
use crate::sheet::{Draft, Sheet};
use crate::{Refused, closing, nodes, order, people, pools, rules, standby};

/// Of what a node carries, everything leaves it but the product's groups (ALL-CLU-STOP, as far as it can hold beside
/// E55-CLU-ACTIVE-FIRST), and then no fail-over can take those to a node with the older version.
pub(crate) fn clear_the_way(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
) -> Result<(), Refused> {
    let staying = board.service_groups_on(node);
    for group in board.groups_on(node).into_iter().filter(|group| !staying.contains(group)) {
        let to = order::destination(board, &group, node).ok_or_else(|| nowhere(board, &group, node))?;
        groups::relocate(sheet, board, &group, &to)?;
    }
    for group in staying {
        standby::hold_back(sheet, board, &group, Some(node))?;
    }
    Ok(())
}

/// What of its cluster an install needs that works where the product's groups are.
fn on_a_cluster(board: &Board<'_>, node: &ServerId) -> Vec<Condition> {
    if board.stands_alone() {
        return Vec::new();
    }
    let cluster = &board.cluster;
    let mut requires = vec![Condition::Service { node: node.clone(), running: true }];
    requires.extend(board.others_online(node));
    // A node that somebody else had paused keeps the old version from the groups as well as one that this plan paused.
    let found_paused = board.stays_in_standby.iter().filter(|id| *id != node && !board.patched.contains(*id));
    requires.extend(found_paused.filter(|id| !board.stopped.contains(*id)).map(|id| Condition::NodeState {
        cluster: cluster.clone(),
        node: id.clone(),
        state: NodeState::Standby,
    }));
    requires.extend(board.owner.iter().map(|(group, owner)| Condition::Owner {
        cluster: cluster.clone(),
        group: group.clone(),
        node: owner.clone(),
    }));
    requires
}

/// The Performance Optimizer, after a service pack of Exchange 5.5 (E55-PERFWIZ).
pub(crate) fn optimize(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    if !board.owes_optimizer(node) {
        return Ok(());
    }
    let seconds = board.profile.expected_seconds.optimizer.unwrap_or(900);
    let command = Command::Optimize { node: node.clone() };
    let interrupts = board.interruptions(&command, seconds);
    let exposes = board.act(Some(&command))?;
    let mut on_a_cluster = Vec::new();
    if !board.stands_alone() {
        on_a_cluster = board.others_online(node);
        on_a_cluster.extend(board.service_groups_on(node).into_iter().map(|group| Condition::Owner {
            cluster: board.cluster.clone(),
            group,
            node: node.clone(),
        }));
    }
    let mut instruction = format!(
        "On {node}, logged on as an administrator: save what you have set by hand in the registry of the Exchange services, \
         because it is overwritten (KB 271824). Then run perfwiz in Exchsrvr\\bin and follow it to the end. It stops the \
         Exchange services and starts them again; where it proposes to move files, decline unless you mean to."
    );
    if !board.stands_alone() {
        instruction.push_str(
            " On a cluster the cluster service puts the registry of stopped services back to what it was: what is to be done \
             about that on Windows NT 4.0 stands in KB 278464, which doesn't hold for Windows 2000. At the end both nodes \
             are up, and the group is where it was.",
        );
    }
    let also: &[&str] = if board.stands_alone() { &[] } else { &["KB278464"] };
    sheet.write(
        Draft::new(
            Action::Optimize { node: node.clone() },
            format!("Run the Performance Optimizer on {node}"),
        )
        .by_person(instruction)
        .requires([
            Condition::Reached { node: node.clone() },
            Condition::NoInstaller { node: node.clone() },
            Condition::Installed { node: node.clone(), release: board.payload.id.clone() },
        ])
        .requires(on_a_cluster.clone())
        .expects([Condition::Optimized { node: node.clone() }])
        .expects(closing::serving_all(board))
        .expects(on_a_cluster)
        .cites(&["E55-PERFWIZ", "KB271824"])
        .cites(also)
        .interrupts(interrupts)
        .exposes(exposes)
        .takes(seconds, 0),
    );
    Ok(())
}

/// Runs an installer; it stops the product's services for a while (ALL-SERVICES-STOP).
pub(crate) fn install(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
    payload: &Payload,
) -> Result<(), Refused> {
    let mut requires = nodes::ready(node, payload);
    requires.extend(people::needed_for_install(board, node, payload));
    requires.extend(pools::needed_for_install(board, node));
    requires.extend(on_a_cluster(board, node));
    let seconds = board.profile.expected_seconds.install;
    let half_done = board.release_on(node) == Some(ReleaseState::Partial);
    let command = Command::Install {
        node: node.clone(),
        release: payload.id.clone(),
        restart_asked: true,
        // Whoever approves a plan that begins with a half-installed server agrees to its completion.
        agreed: half_done,
    };
    let interrupts = board.interruptions(&command, seconds);
    let exposes = board.act(Some(&command))?;
    let mut draft = Draft::new(
        Action::Install { node: node.clone(), release: payload.id.clone() },
        format!("Install {} on {node}", payload.title),
    )
    .requires(requires)
    .expects([Condition::Installed { node: node.clone(), release: payload.id.clone() }])
    .cites(&rules::install_in_place(board, node, payload))
    .interrupts(interrupts)
    .recovery(Recovery::Ask)
    .point_of_no_return(payload.one_way || payload.service_pack)
    .exposes(exposes)
    .takes(seconds, 4 * seconds.max(900));
    draft = draft.cites(&payload.cites.iter().map(String::as_str).collect::<Vec<_>>());
    if payload.command.is_none() {
        draft = draft.by_person(payload.instruction.replace("{node}", node.as_str()));
    }
    sheet.write(draft);
    Ok(())
}

/// The restart after an install, where the installer, the system or policy asks for it (E03-ALONE-REBOOT).
pub(crate) fn restart(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
    payload: &Payload,
) -> Result<(), Refused> {
    let Some(need) = nodes::restart_need(board, payload) else { return Ok(()) };
    let when = (need == RestartNeed::IfAsked).then(|| Condition::RestartPending { node: node.clone() });
    let command = Command::Restart { node: node.clone() };
    let seconds = board.profile.expected_seconds.restart;
    let interrupts = board.interruptions(&command, seconds);
    let exposes = if when.is_some() { board.act_if_asked(&command) } else { board.act(Some(&command)) }?;
    let mut draft = Draft::new(Action::Restart { node: node.clone() }, format!("Restart {node}"))
        .requires([Condition::Reached { node: node.clone() }, Condition::NoInstaller { node: node.clone() }])
        .requires(pools::stays_out(board, node))
        .expects([Condition::Restarted { node: node.clone() }, Condition::Reached { node: node.clone() }])
        // Whatever took it out of its pool must have outlived the restart.
        .expects(pools::stays_out(board, node))
        .cites(rules::restart_alone(board, payload))
        .interrupts(interrupts)
        .unreachable(node)
        .exposes(exposes)
        .takes(seconds, 3 * seconds.max(300));
    if let Some(when) = when {
        draft = draft.when(when);
    }
    sheet.write(draft);
    Ok(())
}
