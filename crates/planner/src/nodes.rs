//! What happens on one node: files, quiet, service, install, restart.

use kaketsugi_estate::{ClusterKind, NodeState, ReleaseState, ServerId};
use kaketsugi_knowledge::Drain;
use kaketsugi_plan::{Action, Condition, Content, Payload, Recovery, RestartNeed, ServiceNeed};

use kaketsugi_world::Command;

use crate::board::Board;
use crate::sheet::{Draft, Sheet};
use crate::{Refused, closing, groups, in_place, people, rules, standby};

/// What has to be installed on a node, in order: releases that come first, then the release.
pub(crate) fn due<'a>(board: &Board<'a>, node: &ServerId) -> Vec<&'a Payload> {
    let there =
        |payload: &Payload| board.snapshot.servers.get(node).is_some_and(|seen| seen.has(&payload.id));
    board.payload.first.iter().chain([board.payload]).filter(|p| !there(p)).collect()
}

/// Brings files onto a node and checks their digests, while everything still runs.
pub(crate) fn stage(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
    payload: &Payload,
) -> Result<(), Refused> {
    if matches!(&payload.content, Content::Media(media) if media.is_empty()) {
        return Ok(());
    }
    let exposes = board.act(Some(&Command::Stage { node: node.clone(), release: payload.id.clone() }))?;
    sheet.write(
        Draft::new(
            Action::Stage { node: node.clone(), release: payload.id.clone() },
            format!("Bring the files of {} onto {node} and check their digests", payload.title),
        )
        .requires([Condition::Reached { node: node.clone() }])
        .expects([Condition::Staged { node: node.clone(), release: payload.id.clone() }])
        .exposes(exposes)
        .takes(30, 1800),
    );
    Ok(())
}

/// Keeps other hands off a node for the time of the run.
pub(crate) fn quiet(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    if board
        .snapshot
        .servers
        .get(node)
        .is_none_or(|s| s.settings.keys().all(|k| *k == kaketsugi_estate::Setting::Standby))
    {
        return Ok(());
    }
    let exposes = board.act(Some(&Command::Quiet { node: node.clone() }))?;
    let what = match board.seen.kind {
        ClusterKind::Pacemaker => "timers, unattended updates and service starts",
        ClusterKind::Windows => "services that stand in the way, and failback,",
        ClusterKind::StandAlone => "services that stand in the way",
    };
    sheet.write(
        Draft::new(
            Action::Quiet { node: node.clone() },
            format!("Keep {what} off {node} for the time of the run"),
        )
        .requires([Condition::Reached { node: node.clone() }, Condition::NoInstaller { node: node.clone() }])
        .expects([Condition::IsQuiet { node: node.clone() }])
        .exposes(exposes)
        .takes(5, 120),
    );
    Ok(())
}

/// Installs what is due on an emptied node.
pub(crate) fn patch(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    for payload in due(board, node) {
        let last = payload.id == board.payload.id;
        if board.works_in_place(node) {
            in_place::install(sheet, board, node, payload)?;
            in_place::restart(sheet, board, node, payload)?;
            continue;
        }
        if payload.service == ServiceNeed::Stopped {
            stop(sheet, board, node, None)?;
        } else if payload.service == ServiceNeed::Running {
            start(sheet, board, node)?;
        }
        install(sheet, board, node, payload)?;
        restart(sheet, board, node, payload, last)?;
    }
    if board.works_in_place(node) {
        // At its end set-up starts what it stopped, and what one that was cut off had left lying.
        let here = board.service_groups_on(node);
        board.offline.retain(|group| !here.contains(group));
        closing::look_again(sheet, board)?;
    }
    board.patched.insert(node.clone());
    board.first_patched.get_or_insert_with(|| node.clone());
    board.carried_over.extend(board.service_groups_on(node));
    // Where groups come with what is online in them, nothing has to be offline before the node joins (E03-CLU-07-START).
    if board.profile.drain == Drain::MoveGroups && board.profile.kept_online.is_empty() {
        start(sheet, board, node)?;
    }
    Ok(())
}

/// What an installer needs of its node, whatever else is so.
pub(crate) fn ready(node: &ServerId, payload: &Payload) -> Vec<Condition> {
    let mut requires =
        vec![Condition::Reached { node: node.clone() }, Condition::NoInstaller { node: node.clone() }];
    if !matches!(&payload.content, Content::Media(media) if media.is_empty()) {
        requires.push(Condition::Staged { node: node.clone(), release: payload.id.clone() });
    }
    requires
}

fn install(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
    payload: &Payload,
) -> Result<(), Refused> {
    let mut requires = ready(node, payload);
    requires.push(Condition::NodeEmpty { cluster: board.cluster.clone(), node: node.clone() });
    requires.extend(board.others_online(node));
    match payload.service {
        ServiceNeed::Stopped => requires.push(Condition::Service { node: node.clone(), running: false }),
        ServiceNeed::Running => requires.push(Condition::Service { node: node.clone(), running: true }),
        ServiceNeed::Either => {}
    }
    requires.extend(people::needed_for_install(board, node, payload));
    if board.release_on(node) == Some(ReleaseState::Partial)
        && matches!(payload.content, Content::Packages(_))
    {
        // The install begins by completing what an interrupted package manager left behind.
        board.act(Some(&Command::ConfigurePackages { node: node.clone() }))?;
    }
    let exposes = board.act(Some(&Command::Install {
        node: node.clone(),
        release: payload.id.clone(),
        restart_asked: true,
        agreed: false,
    }))?;
    let media = matches!(payload.content, Content::Media(_));
    let mut cites = if media { rules::install(board, payload) } else { Vec::new() };
    cites.extend(payload.cites.iter().map(String::as_str));
    let mut draft = Draft::new(
        Action::Install { node: node.clone(), release: payload.id.clone() },
        format!("Install {} on {node}", payload.title),
    )
    .requires(requires)
    .expects([Condition::Installed { node: node.clone(), release: payload.id.clone() }])
    .cites(&cites)
    // An interrupted package manager is completed; an interrupted installer of Windows is for a person to judge.
    .recovery(if media { Recovery::Ask } else { Recovery::ForwardOnly })
    .point_of_no_return(payload.one_way || payload.service_pack)
    .exposes(exposes)
    .takes(board.profile.expected_seconds.install, 4 * board.profile.expected_seconds.install.max(900));
    if media && payload.command.is_none() {
        draft = draft.by_person(payload.instruction.replace("{node}", node.as_str()));
    }
    sheet.write(draft);
    Ok(())
}

/// Whether a node is restarted after an install: by the installer's need and by policy. None: it never is.
pub(crate) fn restart_need(board: &Board<'_>, payload: &Payload) -> Option<RestartNeed> {
    use kaketsugi_estate::RestartPolicy;
    match (payload.restart, board.estate.policy.restart) {
        (RestartNeed::Always, _) | (RestartNeed::IfAsked, RestartPolicy::Always) => Some(RestartNeed::Always),
        (RestartNeed::IfAsked, RestartPolicy::IfAsked) => Some(RestartNeed::IfAsked),
        _ => None,
    }
}

/// The restart after an install, where the installer, the system or policy asks for it.
fn restart(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
    payload: &Payload,
    last: bool,
) -> Result<(), Refused> {
    let Some(need) = restart_need(board, payload) else { return Ok(()) };
    let when = (need == RestartNeed::IfAsked).then(|| Condition::RestartPending { node: node.clone() });
    let windows = board.seen.kind == ClusterKind::Windows;
    if !windows && !board.stopped.contains(node) {
        // The stack is stopped before a restart: a node that leaves in good order is never fenced.
        stop(sheet, board, node, when.clone())?;
    }
    let command = Command::Restart { node: node.clone() };
    let exposes = if when.is_some() { board.act_if_asked(&command) } else { board.act(Some(&command)) }?;
    let mut draft = Draft::new(Action::Restart { node: node.clone() }, format!("Restart {node}"))
        .requires([Condition::NodeEmpty { cluster: board.cluster.clone(), node: node.clone() }])
        .requires(board.others_online(node))
        .expects([Condition::Restarted { node: node.clone() }, Condition::Reached { node: node.clone() }])
        .cites(rules::restart(board, last))
        .unreachable(node)
        .exposes(exposes)
        .takes(board.profile.expected_seconds.restart, 3 * board.profile.expected_seconds.restart.max(300));
    if let Some(when) = when {
        draft = draft.when(when);
    }
    sheet.write(draft);
    if windows {
        // The cluster service starts by itself with the node.
        board.stopped.remove(node);
        if last {
            // Whether it was restarted isn't known here: `start` makes sure either way.
            board.stopped.insert(node.clone());
        }
    }
    Ok(())
}

/// Stops the cluster service of an emptied node.
fn stop(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
    when: Option<Condition>,
) -> Result<(), Refused> {
    let others = board.others_online(node);
    let command = Command::StopService { node: node.clone() };
    let exposes = if when.is_some() { board.act_if_asked(&command) } else { board.act(Some(&command)) }?;
    board.stopped.insert(node.clone());
    let cluster = board.cluster.clone();
    let mut draft = Draft::new(
        Action::StopService { cluster: cluster.clone(), node: node.clone() },
        format!("Stop the cluster service on {node}"),
    )
    .requires([
        Condition::NodeEmpty { cluster: cluster.clone(), node: node.clone() },
        Condition::QuorumWithout { cluster: cluster.clone(), node: node.clone() },
    ])
    .requires(others)
    .expects([
        Condition::Service { node: node.clone(), running: false },
        Condition::NodeState { cluster, node: node.clone(), state: NodeState::Offline },
    ])
    .cites(&rules::stop(board))
    .exposes(exposes)
    .takes(15, 300);
    if let Some(when) = when {
        draft = draft.when(when);
    }
    sheet.write(draft);
    Ok(())
}

/// Makes sure that a node can carry groups: its cluster service runs, and a patched node isn't held back any more.
pub(crate) fn start(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    if board.stopped.contains(node) {
        start_service(sheet, board, node)?;
    }
    if board.held_back.contains(node) && board.patched.contains(node) {
        standby::readmit(sheet, board, node)?;
    }
    Ok(())
}

/// Makes sure that the cluster service of a node runs, and that no group went there early.
fn start_service(sheet: &mut Sheet, board: &mut Board<'_>, node: &ServerId) -> Result<(), Refused> {
    let exposes = board.act(Some(&Command::StartService { node: node.clone() }))?;
    board.stopped.remove(node);
    let cluster = board.cluster.clone();
    let state = if board.drained.contains(node) { NodeState::Standby } else { NodeState::Online };
    let mut expects = vec![
        Condition::Service { node: node.clone(), running: true },
        Condition::NodeState { cluster: cluster.clone(), node: node.clone(), state },
    ];
    expects.extend(board.service_groups().into_iter().filter_map(|group| {
        let owner = board.owner.get(&group)?.clone();
        Some(Condition::Owner { cluster: cluster.clone(), group, node: owner })
    }));
    sheet.write(
        Draft::new(
            Action::StartService { cluster, node: node.clone() },
            format!("Make sure that the cluster service on {node} runs"),
        )
        .requires([Condition::Reached { node: node.clone() }])
        .expects(expects)
        .cites(&rules::start(board))
        .interrupts(groups::lasting(board))
        .exposes(exposes)
        .takes(20, 600),
    );
    Ok(())
}

/// Starts the cluster service wherever it is stopped, except on the node whose turn it is.
pub(crate) fn start_all_others(
    sheet: &mut Sheet,
    board: &mut Board<'_>,
    node: &ServerId,
) -> Result<(), Refused> {
    let others: Vec<ServerId> = board.stopped.iter().filter(|n| *n != node).cloned().collect();
    for other in others {
        start(sheet, board, &other)?;
    }
    Ok(())
}
