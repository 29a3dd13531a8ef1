//! Servers of a pool: taken out of it, mended, brought in again (E03-FE-TOGETHER, E00-FE-FIRST).

use kaketsugi_estate::{NodeState, Pool, PoolId, ServerId};
use kaketsugi_plan::{Action, Condition, Reason, ReasonKind, Recovery};
use kaketsugi_world::Command;

use crate::board::Board;
use crate::sheet::{Draft, Sheet};
use crate::{Refused, closing, rolling};

/// What a balancer is given to take notice, in seconds: an estimate of ours.
const SECONDS: u32 = 60;

/// Mends what belongs together: the servers of one pool, or a cluster or server by itself.
pub(crate) fn mend(
    sheet: &mut Sheet,
    turn: &mut [Board<'_>],
    reasons: &mut Vec<Reason>,
) -> Result<(), Refused> {
    let together = turn.iter().any(|board| board.payload.alike_in_pools);
    for board in turn.iter_mut() {
        reasons.extend(why_out(board));
    }
    if together {
        for board in turn.iter_mut() {
            take_out(sheet, board)?;
        }
        for board in turn.iter_mut() {
            rolling::roll(sheet, board, reasons)?;
        }
    }
    for board in turn {
        if !together {
            take_out(sheet, board)?;
            rolling::roll(sheet, board, reasons)?;
        }
        // A server is as it was before anybody is sent to it.
        closing::bring_back(sheet, board)?;
        bring_in(sheet, board)?;
    }
    Ok(())
}

/// Why a server that was found out of its pool is brought in, or isn't.
fn why_out(board: &Board<'_>) -> Option<Reason> {
    let pool = board.seen.pool.clone()?;
    let server = board.seen.nodes.keys().find(|server| is_out(board, server))?.clone();
    let kind = match all_were_out(board) {
        true => ReasonKind::PoolWasOut { pool },
        false => ReasonKind::StaysOut { pool },
    };
    Some(Reason { server, kind })
}

/// Whether the balancer was found to give a server no requests.
fn is_out(board: &Board<'_>, server: &ServerId) -> bool {
    board.seen.nodes.get(server).is_some_and(|node| node.state == NodeState::Standby)
}

/// Whether no server of the pool was found in it: its users are cut off, and nobody can mean that to last.
pub(crate) fn all_were_out(board: &Board<'_>) -> bool {
    board.seen.pool.as_ref().is_some_and(|pool| board.snapshot.pool_is_out(pool))
}

/// The server and the pool that it is in.
fn place<'a>(board: &Board<'a>) -> Option<(ServerId, &'a PoolId, &'a Pool)> {
    let server = board.seen.nodes.keys().next()?;
    let (id, pool) = board.estate.pool_of(server)?;
    Some((server.clone(), id, pool))
}

fn take_out(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    let Some((server, id, pool)) = place(board).filter(|(server, ..)| !is_out(board, server)) else {
        return Ok(());
    };
    let cluster = board.cluster.clone();
    let command = Command::Standby { cluster: cluster.clone(), node: server.clone() };
    let interrupts = board.interruptions(&command, SECONDS);
    let exposes = board.act(Some(&command))?;
    board.drained.insert(server.clone());
    let draft = Draft::new(
        Action::Drain { cluster: cluster.clone(), node: server.clone() },
        format!("Take {server} out of {id}, so that the balancer gives it no more requests"),
    )
    .requires([Condition::Reached { node: server.clone() }])
    .expects([Condition::NodeState { cluster, node: server.clone(), state: NodeState::Standby }])
    .cites(rules(board))
    .interrupts(interrupts)
    .exposes(exposes)
    .recovery(Recovery::Redo);
    let instruction =
        || format!("Have the balancer of {id} give {server} no more requests, also after a restart.");
    sheet.write(by_whom(draft, pool.out.as_ref(), instruction));
    Ok(())
}

fn bring_in(sheet: &mut Sheet, board: &mut Board<'_>) -> Result<(), Refused> {
    let Some((server, id, pool)) = place(board) else { return Ok(()) };
    if !board.drained.contains(&server) || is_out(board, &server) && !all_were_out(board) {
        return Ok(());
    }
    let cluster = board.cluster.clone();
    let mut requires = vec![Condition::Reached { node: server.clone() }];
    requires.extend(closing::serving_all(board));
    if board.payload.alike_in_pools {
        let release = &board.payload.id;
        let done = |node: &ServerId| Condition::Installed { node: node.clone(), release: release.clone() };
        requires.extend(pool.servers.iter().map(done));
    }
    let command = Command::Unstandby { cluster: cluster.clone(), node: server.clone() };
    let interrupts = board.interruptions(&command, SECONDS);
    let exposes = board.act(Some(&command))?;
    board.drained.remove(&server);
    let draft = Draft::new(
        Action::Readmit { cluster: cluster.clone(), node: server.clone() },
        format!("Bring {server} into {id} again"),
    )
    .requires(requires)
    .expects([Condition::NodeState { cluster, node: server.clone(), state: NodeState::Online }])
    .expects(closing::serving_all(board))
    .cites(rules(board))
    .interrupts(interrupts)
    .exposes(exposes)
    .recovery(Recovery::Redo);
    let instruction = || format!("Have the balancer of {id} give {server} requests again.");
    sheet.write(by_whom(draft, pool.r#in.as_ref(), instruction));
    Ok(())
}

/// What an installer needs to know of the pool: that the server is out of it, and all others that will be upgraded are.
pub(crate) fn needed_for_install(board: &Board<'_>, server: &ServerId) -> Vec<Condition> {
    let Some((_, _, pool)) = place(board) else { return Vec::new() };
    let behind = |mate: &&ServerId| {
        let seen = board.snapshot.servers.get(*mate);
        !seen.is_some_and(|seen| seen.has(&board.payload.id))
    };
    let mates =
        pool.servers.iter().filter(|mate| *mate == server || board.payload.alike_in_pools && behind(mate));
    mates.filter_map(|mate| stays_out(board, mate)).collect()
}

/// That a server is out of its pool. None: it is in none.
pub(crate) fn stays_out(board: &Board<'_>, server: &ServerId) -> Option<Condition> {
    board.estate.pool_of(server)?;
    let (cluster, _) = board.estate.cluster_of(server)?;
    Some(Condition::NodeState { cluster: cluster.clone(), node: server.clone(), state: NodeState::Standby })
}

/// What the balancer is to do with a server at the end. None: it is in no pool.
pub(crate) fn at_the_end(board: &Board<'_>) -> Option<Condition> {
    let (server, ..) = place(board)?;
    let state = match is_out(board, &server) && !all_were_out(board) {
        true => NodeState::Standby,
        false => NodeState::Online,
    };
    Some(Condition::NodeState { cluster: board.cluster.clone(), node: server, state })
}

fn by_whom(draft: Draft, command: Option<&String>, instruction: impl Fn() -> String) -> Draft {
    match command {
        Some(_) => draft.takes(SECONDS, 900),
        None => draft.by_person(instruction()).takes(SECONDS, 0),
    }
}

fn rules(board: &Board<'_>) -> &'static [&'static str] {
    if board.payload.alike_in_pools { &["E03-FE-TOGETHER", "E03-FE-SYNCKEY"] } else { &[] }
}
