//! What happens to groups: moved, taken over onto patched nodes, upgraded, brought back.

use kaketsugi_estate::{GroupId, GroupRole, NodeState, ServerId};
use kaketsugi_plan::{Action, Condition, Finding, Interruption, Phase, Recovery};

use kaketsugi_world::Command;

use crate::board::Board;
use crate::sheet::{Draft, Sheet};
use crate::{Refused, nodes, order, rules, standby};

/// Empties a node by moving its groups, each to a node of our choice (E03-CLU-MOVE-EVS, E03-CLU-02-EMPTY).
pub(crate) fn move_all_off(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    let mut groups = board.groups_on(node);
    // Users of the product first, so that nothing starts a service before its turn; the quorum last.
    let serving = board.service_groups();
    groups.sort_by_key(|g| {
        (!serving.contains(g), board.seen.groups.get(g).map(|s| s.role == GroupRole::ClusterGroup))
    });
    for group in groups {
        let to = order::destination(board, &group, node).ok_or_else(|| nowhere(board, &group, node))?;
        relocate(sheet, board, &group, &to)?;
    }
    Ok(())
}

/// Brings a group to another node. Its first move onto a patched node takes the long way of E03-CLU-06 to 10.
pub(crate) fn relocate(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    group: &GroupId,
    to: &ServerId,
) -> Result<(), Refused> {
    let service = board.service_groups().contains(group);
    let first_time = service && board.patched.contains(to) && !board.carried_over.contains(group);
    if first_time && !board.profile.kept_online.is_empty() {
        return carry_over(sheet, board, group, to);
    }
    nodes::start(sheet, board, to)?;
    if first_time {
        standby::hold_back(sheet, board, group, None)?;
    }
    move_online(sheet, board, group, to, false)
}

/// E03-CLU-06-OFFLINE to E03-CLU-10-ONLINE; without E03-CLU-09 where the release upgrades no groups.
fn carry_over(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    group: &GroupId,
    to: &ServerId,
) -> Result<(), Refused> {
    take_offline(sheet, board, group)?;
    nodes::start(sheet, board, to)?;
    move_offline(sheet, board, group, to)?;
    upgrade(sheet, board, group)?;
    bring_online(sheet, board, group)
}

/// What is left of an upgrade that was begun earlier, on groups that are on patched nodes already.
pub(crate) fn upgrade_in_place(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    let mut left: Vec<GroupId> = board.groups_to_upgrade();
    left.extend(board.offline.iter().filter(|g| !board.groups_to_upgrade().contains(g)).cloned());
    left.sort();
    left.dedup();
    for group in left {
        let Some(owner) = board.owner.get(&group).cloned() else { continue };
        if !board.patched.contains(&owner) {
            continue;
        }
        take_offline(sheet, board, &group)?;
        nodes::start(sheet, board, &owner)?;
        upgrade(sheet, board, &group)?;
        bring_online(sheet, board, &group)?;
    }
    Ok(())
}

fn take_offline(sheet: &mut Sheet, board: &mut Board<'_>, group: &GroupId) -> Result<(), Refused> {
    if board.offline.contains(group) {
        return Ok(());
    }
    let Some(owner) = board.owner.get(group).cloned() else { return Ok(()) };
    let cluster = board.cluster.clone();
    let seconds = board.profile.expected_seconds.offline;
    let begins = interruption(board, group, Phase::Begins, seconds);
    let lasting = lasting(board);
    let requires = [
        Condition::Owner { cluster: cluster.clone(), group: group.clone(), node: owner },
        Condition::Healthy { cluster: cluster.clone(), group: group.clone() },
    ];
    let exposes =
        board.act(Some(&Command::TakeOffline { cluster: cluster.clone(), group: group.clone() }))?;
    board.offline.insert(group.clone());
    let mut cites = vec!["E03-CLU-06-OFFLINE"];
    cites.extend((!board.carried_over.is_empty()).then_some("E03-CLU-13-REPEAT"));
    sheet.write(
        Draft::new(
            Action::TakeOffline { cluster: cluster.clone(), group: group.clone() },
            format!(
                "Take the resources of {group} offline, but for IP address, physical disks and network name"
            ),
        )
        .requires(requires)
        .expects([Condition::OnlyKeptOnline { cluster, group: group.clone() }])
        .cites(&cites)
        .interrupts([begins])
        .interrupts(lasting)
        .exposes(exposes)
        .takes(seconds, 900),
    );
    Ok(())
}

fn move_offline(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    group: &GroupId,
    to: &ServerId,
) -> Result<(), Refused> {
    let cluster = board.cluster.clone();
    let lasting = lasting(board);
    let mut cites = vec!["E03-CLU-08-MOVE-BACK"];
    // The same move empties the node that is patched next.
    if board.owner.get(group).is_some_and(|from| !board.patched.contains(from)) {
        cites.extend(["E03-CLU-01-MOVE", "E03-CLU-MOVE-EVS"]);
    }
    let exposes = board.act(Some(&move_to(board, group, to)))?;
    board.carried_over.insert(group.clone());
    sheet.write(
        Draft::new(
            Action::Move { cluster: cluster.clone(), group: group.clone(), to: to.clone(), proof: false },
            format!("Move {group} to {to}, which is patched"),
        )
        .requires([
            Condition::OnlyKeptOnline { cluster: cluster.clone(), group: group.clone() },
            Condition::NodeState { cluster: cluster.clone(), node: to.clone(), state: NodeState::Online },
            Condition::Installed { node: to.clone(), release: board.payload.id.clone() },
        ])
        .expects([
            Condition::Owner { cluster: cluster.clone(), group: group.clone(), node: to.clone() },
            Condition::OnlyKeptOnline { cluster, group: group.clone() },
        ])
        .cites(&cites)
        .interrupts(lasting)
        .exposes(exposes)
        .takes(board.profile.expected_seconds.r#move, 900),
    );
    Ok(())
}

fn upgrade(sheet: &mut Sheet, board: &mut Board<'_>, group: &GroupId) -> Result<(), Refused> {
    let Some(build) = board.payload.to_build.clone().filter(|_| board.upgrades_groups()) else {
        return Ok(());
    };
    if board.upgraded.contains(group) {
        return Ok(());
    }
    let Some(node) = board.owner.get(group).cloned() else { return Ok(()) };
    let cluster = board.cluster.clone();
    let mut requires = vec![
        Condition::Owner { cluster: cluster.clone(), group: group.clone(), node: node.clone() },
        Condition::Installed { node: node.clone(), release: board.payload.id.clone() },
        Condition::OnlyKeptOnline { cluster: cluster.clone(), group: group.clone() },
        Condition::NodeState { cluster: cluster.clone(), node: node.clone(), state: NodeState::Online },
    ];
    requires.extend(
        board
            .profile
            .online_for_upgrade
            .iter()
            .map(|kind| Condition::KindOnline { cluster: cluster.clone(), kind: kind.clone() }),
    );
    let seconds = board.profile.expected_seconds.group_upgrade.unwrap_or(600);
    let lasting = lasting(board);
    let exposes = board.act(Some(&Command::UpgradeGroup {
        cluster: cluster.clone(),
        group: group.clone(),
        from: node.clone(),
        release: board.payload.id.clone(),
    }))?;
    board.upgraded.insert(group.clone());
    sheet.write(
        Draft::new(
            Action::UpgradeGroup { cluster: cluster.clone(), group: group.clone(), node: node.clone() },
            format!("Upgrade the Exchange virtual server {group} on {node}"),
        )
        .by_person(format!(
            "On {node}, log on at its console and start Cluster Administrator there (on no other node). Expand Groups, \
             right-click {group}, choose Upgrade Exchange Virtual Server and follow it to the end. Upgrade no other \
             virtual server meanwhile. Leave its resources offline: bringing them online is the next step."
        ))
        .requires(requires)
        .expects([Condition::GroupVersion { cluster, group: group.clone(), build }])
        .cites(&[
            "E03-CLU-09-UPGRADE-EVS",
            "E03-EVS-CONDITIONS",
            "E03-CLU-ADMIN-NODE",
            "E03-CLU-TWO-STAGES",
            "KB822582",
        ])
        .interrupts(lasting)
        .exposes(exposes)
        .recovery(Recovery::Ask)
        .point_of_no_return(true)
        .takes(seconds, 0),
    );
    Ok(())
}

fn bring_online(sheet: &mut Sheet, board: &mut Board<'_>, group: &GroupId) -> Result<(), Refused> {
    let Some(node) = board.owner.get(group).cloned() else { return Ok(()) };
    let cluster = board.cluster.clone();
    let seconds = board.profile.expected_seconds.online;
    let ends = interruption(board, group, Phase::Ends, seconds);
    let mut requires =
        vec![Condition::Owner { cluster: cluster.clone(), group: group.clone(), node: node.clone() }];
    if let Some(build) = board.payload.to_build.clone().filter(|_| board.upgrades_groups()) {
        requires.push(Condition::GroupVersion { cluster: cluster.clone(), group: group.clone(), build });
    }
    let online = board.online_resources(group);
    let exposes = board.act(Some(&Command::BringOnline {
        cluster: cluster.clone(),
        group: group.clone(),
        resources: online.iter().cloned().collect(),
    }))?;
    board.offline.remove(group);
    let lasting = lasting(board);
    sheet.write(
        Draft::new(
            Action::BringOnline { cluster: cluster.clone(), group: group.clone(), node: node.clone() },
            format!("Bring the Exchange resources of {group} online on {node}"),
        )
        .requires(requires)
        .expects([
            Condition::Owner { cluster: cluster.clone(), group: group.clone(), node },
            Condition::GroupAsBefore { cluster: cluster.clone(), group: group.clone(), online },
            Condition::Healthy { cluster, group: group.clone() },
        ])
        .cites(&["E03-CLU-10-ONLINE", "E03-CLU-11-PINNED"])
        .interrupts([ends])
        .interrupts(lasting)
        .exposes(exposes)
        .takes(seconds, 1800),
    );
    Ok(())
}

/// Moves a group with what is online in it.
pub(crate) fn move_online(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    group: &GroupId,
    to: &ServerId,
    proof: bool,
) -> Result<(), Refused> {
    let cluster = board.cluster.clone();
    let seconds = board.profile.expected_seconds.r#move;
    let noticed = board.noticed(group);
    let interrupts: Vec<Interruption> =
        noticed.then(|| interruption(board, group, Phase::Whole, seconds)).into_iter().collect();
    let mut requires =
        vec![Condition::NodeState { cluster: cluster.clone(), node: to.clone(), state: NodeState::Online }];
    let mut expects = vec![
        Condition::Owner { cluster: cluster.clone(), group: group.clone(), node: to.clone() },
        Condition::GroupAsBefore {
            cluster: cluster.clone(),
            group: group.clone(),
            online: board.online_resources(group),
        },
    ];
    if noticed {
        let healthy = Condition::Healthy { cluster: cluster.clone(), group: group.clone() };
        requires.push(healthy.clone());
        expects.push(healthy);
    }
    if board.upgraded.contains(group) && board.upgrades_groups() {
        requires.push(Condition::Installed { node: to.clone(), release: board.payload.id.clone() });
    }
    let cites = rules::move_online(board, group, to, noticed, proof);
    let upgrades = rules::upgrades_databases(board, group, to);
    let exposes = board.act(Some(&move_to(board, group, to)))?;
    if board.patched.contains(to) {
        board.carried_over.insert(group.clone());
        board.proven.insert(group.clone());
    } else {
        board.proven.remove(group);
    }
    let title = if proof {
        format!("Move {group} to {to}: the proof that it fails over")
    } else if upgrades {
        format!("Move {group} to {to}, whose new store upgrades its databases")
    } else {
        format!("Move {group} to {to}")
    };
    sheet.write(
        Draft::new(Action::Move { cluster, group: group.clone(), to: to.clone(), proof }, title)
            .requires(requires)
            .expects(expects)
            .cites(&cites)
            .point_of_no_return(upgrades)
            .interrupts(interrupts)
            .exposes(exposes)
            .takes(seconds, 900),
    );
    Ok(())
}

fn move_to(board: &Board<'_>, group: &GroupId, to: &ServerId) -> Command {
    Command::MoveGroup { cluster: board.cluster.clone(), group: group.clone(), to: to.clone() }
}

/// Interruptions that go on while another step is carried out.
pub(crate) fn lasting(board: &Board<'_>) -> Vec<Interruption> {
    board.offline.iter().map(|group| interruption(board, group, Phase::LastsOn, 0)).collect()
}

pub(crate) fn interruption(
    board: &Board<'_>,
    group: &GroupId,
    phase: Phase,
    expected_seconds: u32,
) -> Interruption {
    Interruption { cluster: board.cluster.clone(), group: group.clone(), phase, expected_seconds }
}

/// A node that would carry more storage groups than its store can run, or nobody knows how many.
pub(crate) fn no_room(board: &Board<'_>, group: &GroupId, node: &ServerId) -> Refused {
    let mut all = board.service_groups_on(node);
    all.push(group.clone());
    all.sort();
    all.dedup();
    let count = |g: &GroupId| board.seen.groups.get(g).and_then(|g| g.storage_groups);
    let each: Vec<String> = all
        .iter()
        .map(|g| count(g).map_or_else(|| format!("{g} nobody knows how many"), |n| format!("{g} {n}")))
        .collect();
    let known = all.iter().all(|g| count(g).is_some());
    let most = board.profile.storage_groups_max.unwrap_or_default();
    Refused {
        findings: vec![Finding {
            code: "plan/storage-groups".into(),
            symptom: format!(
                "{}: {group} would have to share {node} with others, whose one store runs {most} storage groups at most",
                board.cluster
            ),
            cause: format!("of storage groups, {}", each.join(", ")),
            remedy: if known {
                "Move mailboxes out of storage groups and delete those, or add a node that carries nothing."
                    .into()
            } else {
                "Name the directory in which they can be counted: [directory] in the estate file.".into()
            },
            cites: vec!["E00-AA-CONSOLIDATE".into(), "E03-CLU-02-EMPTY".into()],
        }],
    }
}

pub(crate) fn nowhere(board: &Board<'_>, group: &GroupId, node: &ServerId) -> Refused {
    let mut others = board.eligible(group).into_iter().filter(|n| n != node && !board.drained.contains(n));
    if let Some(full) = others.next() {
        return no_room(board, group, &full);
    }
    let pinned = board.upgrades_groups() && board.upgraded.contains(group);
    Refused {
        findings: vec![Finding {
            code: "plan/no-other-owner".into(),
            symptom: format!("{}: {group} can go to no other node while {node} is patched", board.cluster),
            cause: if pinned {
                "it is upgraded already and may only go to nodes at the release (E03-CLU-11-PINNED)".into()
            } else {
                "no other node is online and allowed to own it".into()
            },
            remedy: format!(
                "Allow another owner for {group}, or bring another node online, then plan again."
            ),
            cites: rules::nowhere(board),
        }],
    }
}
