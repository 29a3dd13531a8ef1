//! The end of a cluster's part: groups go home, fail-over is proven, settings are put back; and at the end all is looked at.

use kaketsugi_estate::{ClusterKind, GroupId, GroupState, NodeState, Product, ServerId};
use kaketsugi_plan::{Action, Condition, Target};

use kaketsugi_world::Command;

use crate::board::Board;
use crate::sheet::{Draft, Sheet};
use crate::{Refused, groups, nodes, pools, rules};

/// Brings back what the work on the nodes has moved, stopped and set.
pub(crate) fn bring_back(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    let all: Vec<ServerId> = board.stopped.union(&board.held_back).cloned().collect();
    for node in all {
        nodes::start(sheet, board, &node)?;
    }
    let mut left = board.service_groups();
    while let Some(group) = next_home(board, &mut left) {
        go_home(sheet, board, &group)?;
    }
    for node in board.seen.nodes.keys() {
        put_back(sheet, board, node)?;
    }
    Ok(())
}

/// The group that goes home next: one whose home has nobody else, so that no node carries two for longer than it must;
/// else one whose home has room.
fn next_home(board: &Board<'_>, left: &mut Vec<GroupId>) -> Option<GroupId> {
    let home = |group: &GroupId| board.home(group).filter(|home| board.owner.get(group) != Some(home));
    let free = |group: &GroupId| home(group).is_none_or(|home| board.service_groups_on(&home).is_empty());
    let room = |group: &GroupId| home(group).is_none_or(|home| board.has_room(&home, group));
    let next = left.iter().position(free).or_else(|| left.iter().position(room)).unwrap_or(0);
    (!left.is_empty()).then(|| left.remove(next))
}

/// The move home is the fail-over proof; a group that is home already goes away and comes back for it
/// (E03-CLU-14-FAILOVER, which stands in the section of 2003 alone).
fn go_home(sheet: &mut Sheet, board: &mut Board<'_>, group: &GroupId) -> Result<(), Refused> {
    let Some(now) = board.owner.get(group).cloned() else { return Ok(()) };
    let asked = board.seen.kind == ClusterKind::Windows && board.payload.product == Product::Exchange2003;
    let proof_owed = asked && !board.proven.contains(group);
    let home = board.home(group).filter(|h| board.eligible(group).contains(h));
    match home {
        Some(home) if home != now && !board.has_room(&home, group) => {
            return Err(groups::no_room(board, group, &home));
        }
        Some(home) if home != now => return groups::move_online(sheet, board, group, &home, proof_owed),
        Some(home) if proof_owed => {
            if let Some(other) = other_owner(board, group, &now) {
                groups::move_online(sheet, board, group, &other, true)?;
                groups::move_online(sheet, board, group, &home, false)?;
            }
        }
        None if proof_owed => {
            if let Some(other) = other_owner(board, group, &now) {
                groups::move_online(sheet, board, group, &other, true)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn other_owner(board: &Board<'_>, group: &GroupId, now: &ServerId) -> Option<ServerId> {
    crate::order::destination(board, group, now)
}

fn put_back(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    let settings = board.snapshot.servers.get(node).map(|s| &s.settings);
    if settings.is_none_or(|s| s.keys().all(|k| *k == kaketsugi_estate::Setting::Standby)) {
        return Ok(());
    }
    let settings = settings.cloned().unwrap_or_default();
    let exposes = board.act(Some(&Command::PutBack { node: node.clone(), settings }))?;
    sheet.write(
        Draft::new(
            Action::PutBack { node: node.clone() },
            format!("Put back on {node} what the run changed beside the patch"),
        )
        .requires([Condition::Reached { node: node.clone() }])
        .expects([Condition::PutBack { node: node.clone() }])
        .exposes(exposes)
        .takes(5, 120),
    );
    Ok(())
}

/// Looks at the whole estate in one moment: each part was looked at by itself, and time has gone by since.
pub(crate) fn verify_all<'a>(
    sheet: &mut Sheet,
    worked_on: &mut [Board<'a>],
    idle: &mut [Board<'a>],
) -> Result<(), Refused> {
    if worked_on.len() + idle.len() < 2 {
        return Ok(());
    }
    let mut draft =
        Draft::new(Action::Verify { target: Target::Estate }, "Look at all servers once more, in one moment")
            .takes(5, 300);
    for board in worked_on.iter() {
        draft = draft.expects(board.all_healthy());
    }
    for board in idle.iter() {
        // What was found otherwise than well where nothing is done isn't this run's to mend.
        let was_well = |group: &GroupId| {
            board.seen.groups.get(group).is_some_and(|seen| seen.state == GroupState::Online)
        };
        let well = board.service_groups().into_iter().filter(was_well);
        draft = draft.expects(well.map(|group| Condition::Healthy { cluster: board.cluster.clone(), group }));
    }
    for board in worked_on.iter_mut().chain(idle) {
        let installed =
            |node: &ServerId| Condition::Installed { node: node.clone(), release: board.payload.id.clone() };
        draft = draft.expects(board.seen.nodes.keys().map(installed)).exposes(board.act(None)?);
    }
    sheet.write(draft);
    Ok(())
}

/// A group serves its users, with all that was online in it, and nothing else.
fn serving(board: &Board<'_>, group: &GroupId) -> Vec<Condition> {
    let (cluster, group) = (board.cluster.clone(), group.clone());
    let online = board.online_resources(&group);
    vec![
        Condition::Healthy { cluster: cluster.clone(), group: group.clone() },
        Condition::GroupAsBefore { cluster, group, online },
    ]
}

/// The same of every group of a cluster.
pub(crate) fn serving_all(board: &Board<'_>) -> Vec<Condition> {
    board.service_groups().iter().flat_map(|group| serving(board, group)).collect()
}

/// Looks whether a server that stands alone serves again, before anything else is done.
pub(crate) fn look_again(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    let exposes = board.act(None)?;
    for group in board.service_groups() {
        let draft = Draft::new(
            Action::Verify { target: Target::Group(board.cluster.clone(), group.clone()) },
            format!("Look that {group} serves its users again"),
        );
        sheet.write(draft.expects(serving(board, &group)).exposes(exposes.clone()).takes(60, 900));
    }
    Ok(())
}

/// Whether the directory says at the end which version a group has: of virtual servers that are upgraded, and of servers
/// that stand alone, where it could be read.
fn has_version(board: &Board<'_>, group: &GroupId) -> bool {
    let read = board.seen.groups.get(group).is_some_and(|seen| seen.version.is_some());
    board.upgrades_groups() || board.stands_alone() && read
}

/// Where the product was when the plan was made, its optimizer was run after set-up (E55-PERFWIZ).
fn optimized(board: &Board<'_>, node: &ServerId) -> Option<Condition> {
    let groups = board.service_groups();
    let mut owners = groups.iter().filter_map(|group| board.seen.groups.get(group)?.owner.as_ref());
    (board.payload.optimizer && owners.any(|owner| owner == node))
        .then(|| Condition::Optimized { node: node.clone() })
}

/// Looks at the end state as a whole.
pub(crate) fn verify(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    let exposes = board.act(None)?;
    let rules = rules::verify(board);
    let cluster = &board.cluster.clone();
    for group in board.service_groups() {
        let mut expects = serving(board, &group);
        if let Some(build) = board.payload.to_build.clone().filter(|_| has_version(board, &group)) {
            expects.push(Condition::GroupVersion { cluster: cluster.clone(), group: group.clone(), build });
        }
        let draft = Draft::new(
            Action::Verify { target: Target::Group(cluster.clone(), group.clone()) },
            format!("Look that {group} serves its users, at the version asked for"),
        )
        .expects(expects)
        .exposes(exposes.clone())
        .takes(5, 300);
        sheet.write(draft.cites(rules));
    }
    for node in board.seen.nodes.keys() {
        let draft = Draft::new(
            Action::Verify { target: Target::Node(node.clone()) },
            format!("Look that {} is installed on {node}", board.payload.title),
        )
        .expects([Condition::Installed { node: node.clone(), release: board.payload.id.clone() }])
        .expects(optimized(board, node))
        .exposes(exposes.clone())
        .takes(5, 300);
        sheet.write(draft.cites(rules));
    }
    if board.stands_alone() {
        sheet.write(
            Draft::new(
                Action::Verify { target: Target::Cluster(cluster.clone()) },
                format!("Look that the services of {cluster} start as before"),
            )
            .expects([Condition::ConfigurationAsBefore { cluster: cluster.clone() }])
            .expects(pools::at_the_end(board))
            .exposes(exposes)
            .takes(5, 300),
        );
        return Ok(());
    }
    let mut expects = vec![
        Condition::NoTrouble { cluster: cluster.clone() },
        Condition::ConfigurationAsBefore { cluster: cluster.clone() },
    ];
    expects.extend(board.seen.nodes.keys().map(|node| Condition::NodeState {
        cluster: cluster.clone(),
        node: node.clone(),
        state: match board.stays_in_standby.contains(node) {
            true => NodeState::Standby,
            false => NodeState::Online,
        },
    }));
    sheet.write(
        Draft::new(
            Action::Verify { target: Target::Cluster(cluster.clone()) },
            format!("Look that {cluster} is configured as before and has nothing to complain of"),
        )
        .expects(expects)
        .exposes(exposes)
        .takes(5, 300),
    );
    Ok(())
}
